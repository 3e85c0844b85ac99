"""``python -m tests.bench.net.child ROLE SIDE [WORD ...]``: one end of a candidate, in a process of its own.

A server says its port as soon as it listens, and goes on until its standard input ends. A client answers each line on
its standard input, a JSON object, with one of its own.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import threading
from collections.abc import Sequence
from typing import Any

__all__ = ["main"]

_ROLES = {
    "blocking": "ours_blocking",
    "asyncio": "ours_asyncio",
    "pynetdicom": "peer",
    "socket": "plain",
    "idle": "idle",
    "stream": "stream",
}


def main(arguments: Sequence[str]) -> None:
    """Be what the arguments say."""
    role, side, *words = arguments
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # there may be thousands of associations
    module = importlib.import_module(f"tests.bench.net.{_ROLES[role]}")
    if side == "server":
        threading.Thread(target=_end_with_parent, daemon=True).start()
        module.serve(_say, *words)
        return
    answer = module.client(*words)
    for line in sys.stdin:
        _say(answer(**json.loads(line)))


def _say(what: Any) -> None:
    print(json.dumps(what), flush=True)


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
