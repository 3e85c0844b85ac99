"""``python -m ups`` is ``dcmups``."""

from __future__ import annotations

import sys

from ups.cli.main import run

if __name__ == "__main__":
    sys.exit(run())
