"""DCMTK as a candidate: a C++ program, built at each run (from ``codec.cc``, or another), that is asked over pipes.

It runs as long as the benchmark does and says itself how long its work took, so that its rounds can take turns with
those of the candidates in this process, and neither the start nor the pipe is measured.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.bench.timing import Measure

__all__ = ["Dcmtk", "Program", "is_there"]


def is_there() -> bool:
    """Whether there is a C++ compiler that finds DCMTK's headers (Debian: g++ and libdcmtk-dev)."""
    if shutil.which("g++") is None:
        return False
    include = b"#include <dcmtk/config/osconfig.h>\n#include <dcmtk/dcmdata/dctk.h>\n"
    return (
        subprocess.run(["g++", "-x", "c++", "-E", "-"], input=include, capture_output=True, check=False).returncode == 0
    )


def _start(program: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


class Program:
    """A running program, ``start``ed with pipes; a context manager that ends it.

    Raises:
        RuntimeError: it could not be built, or it ended.
    """

    def __init__(
        self,
        source: str,
        libraries: Sequence[str],
        start: Callable[[Path], subprocess.Popen[bytes]] = _start,
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="dicomnet-bench-")
        program = Path(self._folder.name, "program")
        command = ["g++", "-std=c++17", "-O2", "-o", str(program), str(Path(__file__).with_name(source)), *libraries]
        built = subprocess.run(command, capture_output=True, text=True, check=False)
        if built.returncode:
            raise RuntimeError(f"{' '.join(command)}\n{built.stderr}")
        self._process = start(program)
        self.version = self.answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()  # the end of its input ends it
        self._folder.cleanup()

    def ask(self, message: bytes) -> str:
        """What it answers to this."""
        assert self._process.stdin is not None
        self._process.stdin.write(message)
        self._process.stdin.flush()
        return self.answer()

    def answer(self) -> str:
        """The next line it writes."""
        assert self._process.stdout is not None
        answer = self._process.stdout.readline().decode().strip()
        if not answer:
            raise RuntimeError(f"the program of DCMTK ended with status {self._process.wait()}")
        return answer


class Dcmtk(Program):
    """The codec of DCMTK.

    Raises:
        RuntimeError: it could not be built, or it ended.
    """

    def __init__(self) -> None:
        super().__init__("codec.cc", ("-ldcmdata", "-lofstd"))

    def load(self, name: str, implicit: bool, data: bytes) -> tuple[int, int]:
        """Hand over a data set (Little Endian); how many elements and values DCMTK finds in it."""
        elements, values = self.ask(f"load {name} {_syntax(implicit)} {len(data)}\n".encode() + data).split()
        return int(elements), int(values)

    def measure(self, command: str, name: str, implicit: bool) -> Measure:
        """``parse``, ``read`` or ``write`` of what was loaded."""

        def times(number: int, /) -> float:
            return float(self.ask(f"{command} {name} {_syntax(implicit)} {number}\n".encode()))

        return times


def _syntax(implicit: bool) -> str:
    return "implicit" if implicit else "explicit"
