"""DCMTK as a candidate: a C++ program, built from ``codec.cc`` at each run, that is asked over pipes.

It runs as long as the benchmark does and says itself how long its work took, so that its rounds can take turns with
those of the candidates in this process, and neither the start nor the pipe is measured.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.bench.timing import Measure

__all__ = ["Dcmtk", "is_there"]

_SOURCE = Path(__file__).with_name("codec.cc")
_LIBRARIES = ("-ldcmdata", "-lofstd")


def is_there() -> bool:
    """Whether there is a C++ compiler that finds DCMTK's headers (Debian: g++ and libdcmtk-dev)."""
    if shutil.which("g++") is None:
        return False
    include = b"#include <dcmtk/config/osconfig.h>\n#include <dcmtk/dcmdata/dctk.h>\n"
    return (
        subprocess.run(["g++", "-x", "c++", "-E", "-"], input=include, capture_output=True, check=False).returncode == 0
    )


class Dcmtk:
    """The running program; a context manager that ends it.

    Raises:
        RuntimeError: it could not be built, or it ended.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="dicomnet-bench-")
        program = Path(self._folder.name, "codec")
        command = ["g++", "-std=c++17", "-O2", "-o", str(program), str(_SOURCE), *_LIBRARIES]
        built = subprocess.run(command, capture_output=True, text=True, check=False)
        if built.returncode:
            raise RuntimeError(f"{' '.join(command)}\n{built.stderr}")
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.version = self._answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()  # the end of its input ends it
        self._folder.cleanup()

    def load(self, name: str, implicit: bool, data: bytes) -> tuple[int, int]:
        """Hand over a data set (Little Endian); how many elements and values DCMTK finds in it."""
        elements, values = self._ask(f"load {name} {_syntax(implicit)} {len(data)}\n".encode() + data).split()
        return int(elements), int(values)

    def measure(self, command: str, name: str, implicit: bool) -> Measure:
        """``parse``, ``read`` or ``write`` of what was loaded."""

        def times(number: int, /) -> float:
            return float(self._ask(f"{command} {name} {_syntax(implicit)} {number}\n".encode()))

        return times

    def _ask(self, message: bytes) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(message)
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        answer = self._process.stdout.readline().decode().strip()
        if not answer:
            raise RuntimeError(f"the program of DCMTK ended with status {self._process.wait()}")
        return answer


def _syntax(implicit: bool) -> str:
    return "implicit" if implicit else "explicit"
