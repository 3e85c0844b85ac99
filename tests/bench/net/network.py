"""A loopback network of the benchmark's own, with the congestion control that Linux has when nobody chose another.

A machine may have BBR as its default. That sends by a timer, at the rate it believes the path to have: over loopback
its timers cost every candidate about as much again as the bytes of large objects do, and what is compared are the
timers. Small exchanges take the same time. What else the system's own network has, netfilter or sysctl, is not here.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import sys
from pathlib import Path

__all__ = ["congestion_control", "separate"]

_USUAL = "cubic"
_CONGESTION = Path("/proc/sys/net/ipv4/tcp_congestion_control")
_NEW_USER, _NEW_NET = 0x10000000, 0x40000000  # CLONE_NEWUSER, CLONE_NEWNET; Python has os.unshare from 3.12 on
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 1  # SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP
_REQUEST = struct.Struct("16sh14x")  # struct ifreq: a name and flags


def congestion_control() -> str:
    """What connections of this process use."""
    return _CONGESTION.read_text().strip() if _CONGESTION.exists() else "unknown"


def separate() -> bool:
    """Give this process, and those it starts, a network with nothing but a loopback; False where that is not allowed.

    To be called before there is a second thread.
    """
    if not sys.platform.startswith("linux"):
        return False
    child = os.fork()  # which finds out: who has left the system's network cannot go back
    if child == 0:
        failed = 1
        try:
            _separate()
            failed = 0
        finally:
            os._exit(failed)
    if os.waitpid(child, 0)[1] != 0:
        return False
    _separate()
    return True


def _separate() -> None:
    user, group = os.getuid(), os.getgid()
    unshare = ctypes.CDLL(None, use_errno=True).unshare
    if unshare(_NEW_NET) != 0:
        if unshare(_NEW_NET | _NEW_USER) != 0:
            raise OSError(ctypes.get_errno(), "no network namespace")
        own = Path("/proc/self")  # without these nobody here has a user id, and storescp would not start
        (own / "setgroups").write_text("deny")
        (own / "uid_map").write_text(f"{user} {user} 1")
        (own / "gid_map").write_text(f"{group} {group} 1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        name, flags = _REQUEST.unpack(fcntl.ioctl(sock, _GET_FLAGS, _REQUEST.pack(b"lo", 0)))
        fcntl.ioctl(sock, _SET_FLAGS, _REQUEST.pack(name, flags | _UP))
    with contextlib.suppress(OSError):  # the head of the output tells what it is
        _CONGESTION.write_text(_USUAL)
