"""Addresses and AE titles: what is one, what it stands for, and what is said of what is none."""

from __future__ import annotations

import pytest

from ups.cli.addresses import AddressError, LocalAddress, PeerAddress, ae_title, local, peer, peer_entry


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("UPSSCP", PeerAddress("UPSSCP", "localhost", 104)),
        ("UPSSCP@worklist", PeerAddress("UPSSCP", "worklist", 104)),
        ("UPSSCP@worklist:11112", PeerAddress("UPSSCP", "worklist", 11112)),
        ("UPSSCP@127.0.0.1:11112", PeerAddress("UPSSCP", "127.0.0.1", 11112)),
        ("UPSSCP@[::1]:11112", PeerAddress("UPSSCP", "::1", 11112)),
        ("UPSSCP@[fe80::1]", PeerAddress("UPSSCP", "fe80::1", 104)),
        ("A@B@host", PeerAddress("A@B", "host", 104)),
        (" SPACED TITLE @host", PeerAddress("SPACED TITLE", "host", 104)),
    ],
)
def test_a_peer_is_a_title_and_a_place(text: str, expected: PeerAddress) -> None:
    assert peer(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@host",
        "A@",
        "A@host:",
        "A@host:0",
        "A@host:65536",
        "A@host:x",
        "A@host:-1",
        "A@::1",
        "A@::1:104",
        "A@[::1",
        "A@[::1]104",
        "A@[]:104",
        "A:11112",
        "ABCDEFGHIJKLMNOPQ",
        "A\\B",
        "TÜR",
        "A\tB",
        "A@ho st",
        "A@host:²",
    ],
)
def test_a_bad_peer_address_is_refused(text: str) -> None:
    with pytest.raises(AddressError):
        peer(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("WATCHER", LocalAddress("WATCHER", None, None)),
        ("WATCHER:11113", LocalAddress("WATCHER", None, 11113)),
        ("WATCHER:0", LocalAddress("WATCHER", None, 0)),
        ("WATCHER@localhost", LocalAddress("WATCHER", "localhost", None)),
        ("WATCHER@localhost:0", LocalAddress("WATCHER", "localhost", 0)),
        ("WATCHER@[::1]:0", LocalAddress("WATCHER", "::1", 0)),
    ],
)
def test_a_local_address_may_lack_host_and_port(text: str, expected: LocalAddress) -> None:
    assert local(text) == expected


@pytest.mark.parametrize("text", ["", ":104", "@host:1", "A:x", "A:65536", "A@:1"])
def test_a_bad_local_address_is_refused(text: str) -> None:
    with pytest.raises(AddressError):
        local(text)


def test_an_entry_of_the_ae_table() -> None:
    assert peer_entry("WATCHER=localhost:11113") == PeerAddress("WATCHER", "localhost", 11113)
    for text in ("WATCHER", "WATCHER=localhost", "WATCHER=localhost:0", "=localhost:1", "WATCHER=:1"):
        with pytest.raises(AddressError):
            peer_entry(text)


def test_a_title_has_sixteen_characters_at_most() -> None:
    assert ae_title("A" * 16) == "A" * 16
    assert ae_title("  A  ") == "A"
    for text in ("A" * 17, "", "   ", "A\x7f", "A\n"):
        with pytest.raises(AddressError):
            ae_title(text)
