"""The file of --tuid-store: the Transaction UIDs of our claims, kept so that a performer that crashed can go on.

A claim is in the file, and on the medium, before it is sent; so whatever kills us in between, a lock that the peer gave
is known here. It leaves the file only when that lock is worth nothing: the workitem is final, or the claim was refused
before anybody else could have sent it. The file is replaced as a whole by one that is complete (write, fsync, rename,
fsync of the folder), so that it is the old one or the new one and never half of either. Writers exclude each other by a
lock on the file. Knows no association and no data set.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dicomnet import uids
from dicomnet.records import dataclass, replace

__all__ = ["Claim", "ClaimStore", "ClaimStoreError"]

_FORMAT = "dcmups claims"
_VERSION = 1
_MAX_BYTES = 16 * 1024 * 1024
_LOCK_SECONDS = 10.0
"""Somebody who holds the lock has a few milliseconds of work; one that is stopped meanwhile must not stop us."""
_LOCK_PAUSE = 0.02


class ClaimStoreError(Exception):
    """The file cannot be used; the text says why, and never what is in it."""


@dataclass(frozen=True, slots=True)
class Claim:
    """That we asked ``peer`` for the lock of a workitem, and by which Transaction UID.

    ``tries`` counts how often it went out; ``held`` says that the peer gave the lock.
    """

    peer: str
    workitem: str
    transaction: str
    tries: int = 1
    held: bool = False


class ClaimStore:
    """The file at ``path``. Each method takes the lock, so that several processes may share the file."""

    def __init__(self, path: str) -> None:
        self._name = path
        self._path = path

    def take(self, peer: str, workitem: str) -> Claim:
        """The claim to send: the one that is remembered, or a new one. It is on the medium when this returns.

        Raises:
            ClaimStoreError: the file cannot be used; nothing is remembered that was not before.
        """
        with self._locked(create=True) as descriptor:
            claims = self._read(descriptor)
            known = claims.get((peer, workitem))
            claim = replace(known, tries=known.tries + 1) if known else Claim(peer, workitem, uids.new_uid())
            claims[peer, workitem] = claim
            self._write(claims)
            return claim

    def find(self, peer: str, workitem: str) -> Claim | None:
        """The claim that is remembered.

        Raises:
            ClaimStoreError: the file cannot be used, or there is none.
        """
        with self._locked() as descriptor:
            return self._read(descriptor).get((peer, workitem))

    def hold(self, claim: Claim) -> None:
        """The peer gave the lock.

        Raises:
            ClaimStoreError: the file cannot be used; the claim is remembered all the same.
        """
        self._change(claim, lambda known: replace(known, held=True))

    def forget(self, claim: Claim) -> None:
        """The workitem is final: its lock is worth nothing.

        Raises:
            ClaimStoreError: the file cannot be used; the claim is still remembered.
        """
        self._change(claim, lambda known: None)

    def withdraw(self, claim: Claim) -> None:
        """The claim did not get the lock: forget it, unless it went out more than once, for another may have got it.

        Raises:
            ClaimStoreError: the file cannot be used; the claim is still remembered.
        """
        self._change(claim, lambda known: None if known.tries == 1 and not known.held else known)

    def _change(self, claim: Claim, change: Callable[[Claim], Claim | None]) -> None:
        key = claim.peer, claim.workitem
        with self._locked() as descriptor:
            claims = self._read(descriptor)
            known = claims.get(key)
            if known is None or known.transaction != claim.transaction:
                return
            changed = change(known)
            if changed is None:
                del claims[key]
            else:
                claims[key] = changed
            if changed != known:
                self._write(claims)

    # -- the file ----------------------------------------------------------------------------------------------------

    @contextmanager
    def _locked(self, *, create: bool = False) -> Iterator[int]:
        """The file, open and locked: the one that has the name now, not one that was replaced while we waited."""
        limit = time.monotonic() + _LOCK_SECONDS
        try:
            self._path = os.path.realpath(self._name)  # who links to the file wants it replaced, not the link
            while True:
                flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | (os.O_CREAT if create else 0)
                descriptor = os.open(self._path, flags, 0o600)
                try:
                    _check_private(os.fstat(descriptor))
                    _lock(descriptor, limit)
                    if self._is_current(descriptor):
                        yield descriptor
                        return
                finally:
                    os.close(descriptor)  # and the lock with it
        except (OSError, ValueError) as error:  # ValueError: a name with a NUL
            raise ClaimStoreError(getattr(error, "strerror", None) or str(error)) from error

    def _is_current(self, descriptor: int) -> bool:
        try:
            there = os.stat(self._path, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return os.path.samestat(os.fstat(descriptor), there)

    def _read(self, descriptor: int) -> dict[tuple[str, str], Claim]:
        with os.fdopen(os.dup(descriptor), "rb") as file:
            data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise ClaimStoreError(f"larger than {_MAX_BYTES} bytes")
        return _parsed(data) if data else {}  # empty: made by whoever was killed before the first claim was written

    def _write(self, claims: dict[tuple[str, str], Claim]) -> None:
        """Replace the file."""
        entries = [
            {
                "peer": claim.peer,
                "workitem": claim.workitem,
                "transaction": claim.transaction,
                "tries": claim.tries,
                "held": claim.held,
            }
            for claim in claims.values()
        ]
        text = json.dumps({"format": _FORMAT, "version": _VERSION, "claims": entries}, indent=1)
        data = f"{text}\n".encode()
        if len(data) > _MAX_BYTES:
            raise ClaimStoreError(f"there is no room for another claim in {_MAX_BYTES} bytes")
        new = f"{self._path}.new"  # under the lock nobody else has one; what lies there is a dead process's
        with contextlib.suppress(FileNotFoundError):
            os.unlink(new)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            with os.fdopen(os.open(new, flags, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.rename(new, self._path)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(new)
            raise
        folder = os.open(os.path.dirname(self._path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _check_private(found: os.stat_result) -> None:
    """Who knows a Transaction UID can change the workitem."""
    if not stat.S_ISREG(found.st_mode):
        raise ClaimStoreError("it is no regular file")
    if found.st_uid != os.geteuid():
        raise ClaimStoreError("it belongs to another user")
    if found.st_mode & 0o077:
        mode = stat.S_IMODE(found.st_mode)
        raise ClaimStoreError(f"others may read or write it (mode {mode:04o}); chmod 600 would end that")


def _lock(descriptor: int, limit: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= limit:
                raise ClaimStoreError(f"another process has held its lock for {_LOCK_SECONDS:g} s") from None
            time.sleep(_LOCK_PAUSE)
        else:
            return


def _parsed(data: bytes) -> dict[tuple[str, str], Claim]:
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        raise ClaimStoreError("damaged: it is no JSON text") from None
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise ClaimStoreError("it is no store of claims")
    version, entries = content.get("version"), content.get("claims")
    if version != _VERSION:
        raise ClaimStoreError(f"it has version {version!a} of its format; this program knows version {_VERSION}")
    if not isinstance(entries, list):
        raise ClaimStoreError("damaged: there is no list of claims")
    claims: dict[tuple[str, str], Claim] = {}
    for number, entry in enumerate(entries, 1):
        claim = _claim(entry)
        if claim is None or (claim.peer, claim.workitem) in claims:
            raise ClaimStoreError(f"damaged: claim {number} cannot be what was written")
        claims[claim.peer, claim.workitem] = claim
    return claims


_KINDS = {"peer": str, "workitem": str, "transaction": str, "tries": int, "held": bool}


def _claim(entry: Any) -> Claim | None:
    if not isinstance(entry, dict) or entry.keys() != _KINDS.keys():
        return None
    if any(type(entry[name]) is not kind for name, kind in _KINDS.items()):
        return None
    claim = Claim(**entry)
    return claim if uids.is_uid(claim.workitem) and uids.is_uid(claim.transaction) else None
