"""DCMTK's programs: servers that listen until they are ended, tools that run to their end."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from pydicom import dcmread

from ..processes import PATIENCE, Program, environment
from .samples import body

HOST = "127.0.0.1"
TUNED = {"TCP_NODELAY": "1"}
"""DCMTK leaves Nagle's algorithm on unless it is told: with delayed acknowledgement each message would take 40 ms."""

QUERY_RETRIEVE = """\
NetworkTCPPort = 0
MaxPDUSize = 16384
MaxAssociations = 16
HostTable BEGIN
{hosts}
HostTable END
VendorTable BEGIN
VendorTable END
AETable BEGIN
{title} {folder} RW (1000, 1024mb) ANY
AETable END
"""


def reserved_port() -> socket.socket:
    """A socket that keeps a free port for a program that sets SO_REUSEADDR, as DCMTK's do, and nobody else gets."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((HOST, 0))
    return sock


class DcmtkServer(Program):
    """A DCMTK server that listens: it is given a free port as its last word."""

    def __init__(self, path: str, *words: str, title: str = "DCMTK") -> None:
        self.title = title
        with reserved_port() as reserved:
            self.port: int = reserved.getsockname()[1]
            super().__init__(path, "-v", "-dhl", *words, str(self.port), env=environment(**TUNED))
            try:
                self._wait_until_it_listens()
            except BaseException:
                self.kill()
                raise

    def _wait_until_it_listens(self) -> None:
        """It says nothing when it does, so somebody has to knock."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection((HOST, self.port), timeout=PATIENCE).close()
                return
            except ConnectionRefusedError:
                assert self._process.poll() is None, (self._words, self.err)
                assert time.monotonic() < until, f"{self._words} does not listen"
                time.sleep(0.005)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def query_retrieve_configuration(
    path: Path, title: str, folder: Path, destinations: Sequence[tuple[str, int]] = ()
) -> Path:
    """Write the configuration of a ``dcmqrscp``; ``destinations`` are titles and ports for C-MOVE."""
    hosts = "\n".join(f"host{number} = ({name}, {HOST}, {port})" for number, (name, port) in enumerate(destinations))
    path.write_text(QUERY_RETRIEVE.format(title=title, folder=folder, hosts=hosts), encoding="ascii")
    return path


def association_profile(path: Path, contexts: Sequence[tuple[str, Sequence[str]]], *, each_alone: bool = False) -> Path:
    """Write a profile called ``all`` for ``--config-file``: SOP classes with their transfer syntaxes.

    ``each_alone`` gives each transfer syntax a presentation context of its own, as a sender needs them.
    """
    rows = [
        (sop_class, part)
        for sop_class, syntaxes in contexts
        for part in ([[syntax] for syntax in syntaxes] if each_alone else [list(syntaxes)])
    ]
    lines = ["[[TransferSyntaxes]]"]
    for number, (_, syntaxes) in enumerate(rows):
        lines.append(f"[Syntaxes{number}]")
        lines += [f"TransferSyntax{index} = {uid}" for index, uid in enumerate(syntaxes, 1)]
    lines += ["[[PresentationContexts]]", "[Contexts]"]
    lines += [
        f"PresentationContext{number} = {sop_class}\\Syntaxes{number - 1}"
        for number, (sop_class, _) in enumerate(rows, 1)
    ]
    lines += ["[[Profiles]]", "[All]", "PresentationContexts = Contexts"]
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
    return path


def run_tool(path: str, *words: str, seconds: float = PATIENCE) -> subprocess.CompletedProcess[str]:
    """Run a tool to its end; all that it says is in ``stdout``."""
    return subprocess.run(
        [path, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="backslashreplace",
        timeout=seconds,
        env=environment(**TUNED),
        check=False,
    )


def keys(**wanted: str) -> list[str]:
    """Options for what to look for."""
    return [word for name, value in wanted.items() for word in ("-k", f"{name}={value}")]


def written(folder: Path) -> dict[str, tuple[bytes, str]]:
    """What a tool has received, by instance."""
    return {str(dcmread(path).SOPInstanceUID): body(path) for path in folder.iterdir()}
