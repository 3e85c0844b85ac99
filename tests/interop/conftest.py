"""Peers for the tests of this folder, each ended with the test that asked for it."""

from __future__ import annotations

import functools
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NoReturn

import pynetdicom
import pytest
from pynetdicom.transport import AssociationSocket

from .listener import EventListener
from .parrot import Parrot, Wire
from .processes import PATIENCE, Program, UpsScp
from .pynetdicom_scp import PeerScp


@pytest.fixture(scope="session", autouse=True)
def closed_sockets() -> Iterator[None]:
    """pynetdicom 3.0 closes a socket only if it could be shut down, so one whose peer has gone would stay open."""

    def close(self: AssociationSocket) -> None:
        if self.socket is not None:
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)
            self.socket.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AssociationSocket, "_shutdown_socket", close)
        # Its own log of messages fails on a list of one attribute: "object of type 'BaseTag' has no len()".
        patch.setattr(pynetdicom._config, "LOG_HANDLER_LEVEL", "none")
        yield


@pytest.fixture(scope="session")
def dcmtk(missing: Callable[[str], NoReturn]) -> Callable[[str], str]:
    """The path of a DCMTK tool by its name; pynetdicom installs programs of the same names, which will not do."""

    @functools.cache
    def find(tool: str) -> str:
        for folder in os.get_exec_path():
            path = shutil.which(tool, path=folder)
            if path is not None and _is_dcmtk(path):
                return path
        return missing(f"DCMTK's {tool} is not on the path")

    return find


def _is_dcmtk(path: str) -> bool:
    asked = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=PATIENCE, check=False)
    return "$dcmtk" in asked.stdout


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    """What is ended after the test, in reverse order."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def start_upsscp(tmp_path: Path, closing: ExitStack) -> Callable[..., UpsScp]:
    """Starts ``upsscp``; the arguments are those of ``UpsScp``, the database is the test's own."""

    def start(*words: str, database: Path | str | None = None, **keywords) -> UpsScp:
        server = UpsScp(database or tmp_path / "ups.db", *words, **keywords)
        closing.callback(server.kill)
        return server

    return start


@pytest.fixture
def start_dcmups(closing: ExitStack) -> Callable[..., Program]:
    """Starts a ``dcmups`` that stays."""

    def start(*words: str) -> Program:
        program = Program(*words, module="ups")
        closing.callback(program.kill)
        return program

    return start


@pytest.fixture(scope="module")
def upsscp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpsScp]:
    """One ``upsscp`` for the tests of a module that share nothing but it: each makes UIDs of its own."""
    server = UpsScp(tmp_path_factory.mktemp("upsscp") / "ups.db", peers={"NOBODY": 9})
    try:
        yield server
        assert server.stop() == 0
        server.check_healthy()
    finally:
        server.kill()


@pytest.fixture
def listener(closing: ExitStack) -> EventListener:
    """A pynetdicom AE called WATCHER that takes event reports."""
    return closing.enter_context(EventListener("WATCHER"))


@pytest.fixture
def peer_scp(closing: ExitStack) -> PeerScp:
    """A UPS SCP made of pynetdicom."""
    return closing.enter_context(PeerScp())


@pytest.fixture
def parrot(closing: ExitStack) -> Callable[..., Parrot]:
    """Makes a ``Parrot`` from its script."""

    def make(script: Callable[[Wire], object], **keywords) -> Parrot:
        made = Parrot(script, **keywords)
        closing.callback(made.close)
        return made

    return make
