"""Rows of the options about the association: titles, user, PDUs, sockets, times."""

from __future__ import annotations

import shlex
import socket
import threading
import time

from dicomnet import flows
from dicomnet.codes import IdentityType
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.messages import Request
from dicomnet.flows import Flow
from dicomnet.handlers import Peer
from dicomnet.ul import IdentityAnswer
from dicomnet.wire import AAssociateRQ, UserIdentity, decode_pdu, encode_pdu
from ups.cli.help import help_lines
from ups.cli.options import PROGRAM

from .stage import PATIENCE, Stage, accept_all, bad, row

GET = "get S -iuid 1.2"
SET = "set S -iuid 1.2 --set ProcedureStepLabel=x"
LARGE = f"set S -iuid 1.2 --set CommentsOnTheScheduledProcedureStep={'x' * 9000}"  # LT
JWT = b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJvcHMifQ.c2lnbmF0dXJl"
TICKET = b"\x6e\x82\x01\x00" + bytes(range(256))  # an AP-REQ by its tag and length


# -- who and where ---------------------------------------------------------------------------------------------------


@row("-L")
def local(stage: Stage, name: str) -> None:
    played = stage.play(f"{GET} {name} ME@127.0.0.2")
    assert played.asked.calling_ae_title == "ME"
    assert [seen.host for seen in played.sockets] == ["127.0.0.2"]

    def visit(port: int) -> None:
        socket.create_connection(("127.0.0.1", port), PATIENCE).close()

    played = stage.listen(f"{name} WATCHER@127.0.0.1:0", visit)
    assert played.status == 0
    assert "WATCHER listening on 127.0.0.1:" in played.err


bad("-L", "find S {} ME:x", ": 'x' in 'ME:x' is no port number (0 to 65535)")
bad("-L", "find S {} ''", ": the AE title is empty")
bad("-L", "{} ME", " without an operation needs a port to listen on")


@row("-device")
def device(stage: Stage, name: str) -> None:
    assert stage.play(GET).asked.calling_ae_title == "DCMUPSSCU"
    assert stage.play(f"{GET} {name} ME").asked.calling_ae_title == "ME"
    assert stage.play(f"{GET} {name} ME -L YOU").asked.calling_ae_title == "YOU"


bad("-device", "find S {} ABCDEFGHIJKLMNOPQ", ": the AE title 'ABCDEFGHIJKLMNOPQ' is longer than 16 characters")


# -- the user --------------------------------------------------------------------------------------------------------


def identity(stage: Stage, words: str) -> tuple[int, int, bytes, bytes]:
    """Type, whether an answer is wanted, and the two fields (PS3.7 D.3.3.7.1)."""
    found = stage.play(f"{GET} {words}").asked.find(UserIdentity)
    assert found is not None
    return found.identity_type, found.response_requested, found.primary, found.secondary


@row("-username")
def username(stage: Stage, name: str) -> None:
    assert stage.play(GET).asked.find(UserIdentity) is None
    assert identity(stage, f"{name} jürgen") == (IdentityType.USERNAME, 0, "jürgen".encode(), b"")


@row("-passcode")
def passcode(stage: Stage, name: str) -> None:
    words = f"-username ops {name} 'geheim é'"
    assert identity(stage, words) == (IdentityType.USERNAME_PASSCODE, 0, b"ops", "geheim é".encode())
    err = stage.play(f"{GET} -vv {words}").err
    assert "geheim" not in err
    assert f"warning: others can see what is behind {name} in the list of processes" in err
    played = stage.play(f"{GET} {name} geheim")
    assert played.asked.find(UserIdentity) is None
    assert f"warning: {name} has no effect without -username" in played.err


bad("-username", "find S {} ''", ": the text is empty")
bad("-passcode", "find S -username x {} ''", ": the text is empty")
bad("-username", "find S {} y --jwt x", " and --jwt exclude each other")


@row("--jwt")
def jwt(stage: Stage, name: str) -> None:
    path = stage.file("token", JWT + b"\n")
    assert identity(stage, f"{name} {path}") == (IdentityType.JWT, 0, JWT, b"")
    with open(path, encoding="utf-8") as file:
        stage.monkeypatch.setattr("sys.stdin", file)
        assert identity(stage, f"{name} -") == (IdentityType.JWT, 0, JWT, b"")


@row("--saml")
def saml(stage: Stage, name: str) -> None:
    path = stage.file("assertion", "<saml:Assertion/>\n")
    assert identity(stage, f"{name} {path}") == (IdentityType.SAML, 0, b"<saml:Assertion/>", b"")


@row("--kerberos")
def kerberos(stage: Stage, name: str) -> None:
    path = stage.file("ticket", TICKET)
    assert identity(stage, f"{name} {path}") == (IdentityType.KERBEROS, 0, TICKET, b"")


for token, what in (("--jwt", "JSON Web Token"), ("--saml", "SAML assertion"), ("--kerberos", "Kerberos ticket")):
    bad(token, "find S {} /nonexistent", " /nonexistent: No such file or directory")
    bad(token, "find S {} /", " /: Is a directory")
    bad(token, "find S {} /dev/null", " /dev/null: there is nothing in it")
    bad(token, "find S {} /dev/zero", " /dev/zero: longer than the 65535 bytes that a user identity holds")
    bad(token, "find S {} /etc/passwd", f" /etc/passwd: this is no {what}")
    bad(token, "find S {} x -username y", " exclude each other")


@row("-uidnegrsp")
def identity_response(stage: Stage, name: str) -> None:
    assert identity(stage, f"-username ops {name}")[1] == 1
    unconfirmed = "warning: the peer did not confirm the user (-uidnegrsp)"
    assert unconfirmed in stage.play(f"{GET} -username ops {name}").err
    assert unconfirmed not in stage.play(f"{GET} -username ops").err
    confirming = accept_all(identity=lambda *_: IdentityAnswer(True))
    assert unconfirmed not in stage.play(f"{GET} -username ops {name}", policy=confirming).err
    refusing = accept_all(identity=lambda *_: IdentityAnswer(False))
    assert "rejected" in stage.play(f"{GET} -username ops {name}", policy=refusing, status=2).err
    assert f"warning: {name} has no effect without -username" in stage.play(f"{GET} {name}").err


# -- PDUs ------------------------------------------------------------------------------------------------------------


@row("-pdv1")
def single_pdv(stage: Stage, name: str) -> None:
    assert [len(pdu.pdvs) for pdu in stage.play(SET).sent] == [2]
    assert [len(pdu.pdvs) for pdu in stage.play(f"{SET} {name}").sent] == [1, 1]


@row("-rcvpdulen")
def receive_pdu_length(stage: Stage, name: str) -> None:
    for words, announced in ((GET, 16384), (f"{GET} {name} 64", 65536), (f"{GET} {name} 0", 0)):
        assert stage.play(words).asked.max_length == announced


@row("-sndpdulen")
def send_pdu_length(stage: Stage, name: str) -> None:
    unbounded = accept_all(max_length=0)
    assert max(stage.play(f"{LARGE} {name} 1", policy=unbounded).lengths) == 1024
    assert max(stage.play(f"{LARGE} {name} 2", policy=unbounded).lengths) == 2048
    assert max(stage.play(f"{LARGE} {name} 0", policy=unbounded).lengths) > 9000
    assert max(stage.play(f"{LARGE} {name} 2", policy=accept_all(max_length=1500)).lengths) == 1500
    assert max(stage.play(f"{LARGE} {name} 0", policy=accept_all(max_length=1500)).lengths) == 1500
    longer = f"{LARGE} RequestedProcedureComments={'y' * 9000}"
    assert max(stage.play(longer, policy=unbounded).lengths) == 16384


# -- the socket ------------------------------------------------------------------------------------------------------


@row("-tcpdelay")
def tcp_delay(stage: Stage, name: str) -> None:
    assert [seen.no_delay for seen in stage.play(GET).sockets] == [True]
    assert [seen.no_delay for seen in stage.play(f"{GET} {name}").sockets] == [False]


@row("-sorcvbuf")
def receive_buffer(stage: Stage, name: str) -> None:
    (seen,) = stage.play(f"{GET} {name} 20").sockets
    assert seen.receive_buffer == 2 * 20 * 1024  # Linux tells twice what it was asked for (socket(7))
    (seen,) = stage.play(f"{GET} {name} 0").sockets
    assert seen.receive_buffer > 2 * 20 * 1024


@row("-sosndbuf")
def send_buffer(stage: Stage, name: str) -> None:
    (seen,) = stage.play(f"{GET} {name} 20").sockets
    assert seen.send_buffer == 2 * 20 * 1024
    (seen,) = stage.play(f"{GET} {name} 0").sockets
    assert seen.send_buffer > 2 * 20 * 1024


for size in ("-rcvpdulen", "-sndpdulen", "-sorcvbuf", "-sosndbuf"):
    for value in ("x", "-1", "1.5", "", "2097152"):
        bad(size, f"find S {{}} {shlex.quote(value)}", f": {value!r} is no number of KB (0 to 2097151)")


@row("-soclosedelay")
def close_delay(stage: Stage, name: str) -> None:
    """How long the connection stays open behind our A-ABORT, when the peer leaves it open."""

    def seconds(words: str) -> float:
        lasted: list[float] = []
        with socket.create_server(("127.0.0.1", 0)) as server:
            thread = threading.Thread(target=lambda: lasted.append(_last_words(server)))
            thread.start()
            assert stage.run(f"{GET} -rspTO 1 {words}", f"X@127.0.0.1:{server.getsockname()[1]}").status == 4
            thread.join(PATIENCE)
        return lasted[0]

    assert seconds(f"{name} 0") < 0.5 <= seconds(f"{name} 1000") < 10.0


def _last_words(server: socket.socket) -> float:
    """Accept an association, answer nothing, and tell how long after the A-ABORT the connection ended."""
    with server.accept()[0] as peer:
        peer.settimeout(PATIENCE)
        request = decode_pdu(peer.recv(65536))
        assert isinstance(request, AAssociateRQ)
        peer.sendall(encode_pdu(accept_all().decide(request, None)))  # type: ignore[arg-type]
        data = b""
        while not data.endswith(b"\x07\x00\x00\x00\x00\x04\x00\x00\x00\x00"):
            data += peer.recv(65536)
        began = time.monotonic()
        assert peer.recv(1) == b""
        return time.monotonic() - began


# -- times -----------------------------------------------------------------------------------------------------------


def runs_out(stage: Stage, words: str, option: str, address: str) -> None:
    """The deadline of this option ends the command, and is named as what did."""
    played = stage.run(words, address)
    assert played.status == 4, played.err
    assert f"({option})" in played.err


@row("-connectTO")
def connect_timeout(stage: Stage, name: str) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        crowd = [socket.socket() for _ in range(3)]  # the queue of connections not yet accepted is full
        for client in crowd:
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        runs_out(stage, f"{GET} {name} 50", "-connectTO", f"X@127.0.0.1:{server.getsockname()[1]}")
        for client in crowd:
            client.close()


@row("-acceptTO")
def accept_timeout(stage: Stage, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        runs_out(stage, f"{GET} {name} 50", "-acceptTO", f"X@127.0.0.1:{silent.getsockname()[1]}")


def mute(request: Request, peer: Peer) -> Flow[None]:
    yield from flows.pause(60.0)


@row("-rspTO")
def response_timeout(stage: Stage, name: str) -> None:
    played = stage.play(f"find S {name} 50", handler=mute, status=4)
    assert "(-rspTO)" in played.err


def reluctant(request: Request, peer: Peer) -> Flow[None]:
    yield from flows.send(reply(request))
    yield from flows.pause(60.0)  # an unfinished handler holds back our A-RELEASE-RP


@row("-releaseTO")
def release_timeout(stage: Stage, name: str) -> None:
    played = stage.play(f"{SET} {name} 50", handler=reluctant)
    assert "the release of the association failed (not confirmed within -releaseTO)" in played.err


@row("-reaper")
def reaper(stage: Stage, name: str) -> None:
    """The one option that has nothing to do, and says so."""
    assert stage.play(f"{GET} {name} 5").err == stage.play(GET).err
    text = " ".join(" ".join(help_lines(PROGRAM)).split())
    assert "accepted and without effect" in text[text.index("-reaper") :]


for deadline in ("-connectTO", "-acceptTO", "-rspTO", "-releaseTO", "-reaper", "-soclosedelay"):
    for value in ("x", "-1", "1.5", "", "1234567890"):
        bad(deadline, f"find S {{}} {shlex.quote(value)}", f": {value!r} is no number of milliseconds")
