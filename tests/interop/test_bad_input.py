"""What ``dcmups`` says when something is wrong, as a user sees it: one clear line, the right status, in time."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from dicomnet import uids
from dicomnet.dimse.command import NO_DATA_SET, CommandElement, encode_command
from dicomnet.wire import AAbort, PDataTF, Pdv

from .parrot import Parrot, Wire, lay_out, response_command
from .processes import Ended, run, without_override
from .workitems import save_json, uid, workitem

E = CommandElement
Make = Callable[..., Parrot]
HINT = "dcmups: Try 'dcmups -h' for more information."
NOWHERE = "PEER@127.0.0.1:1"
"""Nobody listens there, and nobody must be called: input comes first."""
SLACK = 15.0
"""Seconds that starting and ending a program may take beside the deadline under test."""


def bad_input(*words: str, named: str, preexec: Callable[[], None] | None = None) -> str:
    """Run it: status 1, one line that names the culprit, the hint. The line."""
    done = run(*words, preexec=preexec)
    assert done.status == 1, done
    assert not done.out
    assert len(done.error_lines) == 2, done
    assert done.error_lines[1] == HINT
    assert done.error_lines[0].startswith("dcmups: ")
    assert named in done.error_lines[0]
    return done.error_lines[0]


def failed(done: Ended, status: int, pattern: str) -> str:
    """One line with the pattern."""
    assert done.status == status, done
    assert len(done.error_lines) == 1, done
    assert done.error_lines[0].startswith("dcmups: ")
    assert re.search(pattern, done.error_lines[0]), done
    return done.error_lines[0]


# -- files -----------------------------------------------------------------------------------------------------------

NATIVE = '<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM">{}</NativeDicomModel>'
LABEL = '<DicomAttribute tag="00741204" vr="LO" keyword="ProcedureStepLabel"><Value number="1">x</Value>'

MALFORMED: dict[str, bytes] = {
    "empty": b"",
    "text": b"just some words\n",
    "zeros": bytes(1000),
    "XML cut short": NATIVE.format(LABEL).encode()[:100],
    "XML unclosed": NATIVE.format(LABEL).encode(),
    "XML of something else": b"<html><body/></html>",
    "XML with a bad tag": NATIVE.format('<DicomAttribute tag="hello" vr="LO"/>').encode(),
    "XML with a bad VR": NATIVE.format('<DicomAttribute tag="00741204" vr="XX"/>').encode(),
    "XML with a tag twice": NATIVE.format((LABEL + "</DicomAttribute>") * 2).encode(),
    "XML in a wrong encoding": b'<?xml version="1.0" encoding="UTF-8"?>' + NATIVE.format("\xe9").encode("latin-1"),
    "XML with a document type": b'<!DOCTYPE x [<!ENTITY e "y">]>' + NATIVE.format("").encode(),
    "XML with an external document type": b'<!DOCTYPE x SYSTEM "/etc/passwd">' + NATIVE.format("").encode(),
    "XML with an entity bomb": b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    + NATIVE.format(LABEL.replace(">x<", ">&b;<") + "</DicomAttribute>").encode(),
    "attr XML with a bad tag": b'<dicom><attr tag="0074" vr="LO">x</attr></dicom>',
    "attr XML cut short": b'<dicom><attr tag="00741204" vr="LO">x</att',
    "attr XML with a document type": b'<!DOCTYPE dicom><dicom><attr tag="00741204" vr="LO">x</attr></dicom>',
    "JSON cut short": b'{"00741204": {"vr": "LO", "Value": ["x"',
    "JSON that is no data set": b"[1, 2, 3]",
    "JSON with a bad tag": b'{"hello": {"vr": "LO", "Value": ["x"]}}',
    "JSON with a bad VR": b'{"00741204": {"vr": "XX", "Value": ["x"]}}',
    "JSON with a bad value": b'{"00741204": {"vr": "SQ", "Value": ["x"]}}',
    "JSON too deep": b'{"00741210": {"vr": "SQ", "Value": [' * 3000,
    "Part 10 of nothing": bytes(128) + b"DICM",
    "Part 10 cut in its meta group": bytes(128) + b"DICM\x02\x00\x00\x00UL\x04\x00\xff",
    "bare data set cut short": b"\x74\x00\x04\x12LO\x40\x00abc",
    "bare data set with an item astray": b"\xfe\xff\x00\xe0\x00\x00\x00\x00",
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_malformed_file(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "input"
    file.write_bytes(MALFORMED[kind])
    line = bad_input("create", NOWHERE, "-f", str(file), named=f"-f {file}")
    assert line.count(str(file)) == 1
    if "document type" in kind or "bomb" in kind:
        assert "document type" in line


def test_part_10_cut_anywhere(tmp_path: Path) -> None:
    data = workitem()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = uids.UPS_PUSH
    data.file_meta.MediaStorageSOPInstanceUID = uid()
    whole = tmp_path / "whole.dcm"
    data.save_as(whole, enforce_file_format=True)
    content = whole.read_bytes()
    # Between two elements nothing tells that there were more to come.
    for size in (len(content) - 1, len(content) // 2 + 1, 200, 131):
        cut = tmp_path / f"cut{size}.dcm"
        cut.write_bytes(content[:size])
        bad_input("create", NOWHERE, "-f", str(cut), named=f"-f {cut}")


@pytest.mark.parametrize("operation", ["create", "set", "find", "get", "reqcancel"])
def test_unreadable_file(tmp_path: Path, operation: str) -> None:
    words = ("-iuid", "1.2.3", "-aet", "X")
    needed = {"create": (), "set": words[:2], "find": (), "get": words[:2], "reqcancel": words}[operation]
    missing = str(tmp_path / "missing.xml")
    bad_input(operation, NOWHERE, *needed, "-f", missing, named=f"-f {missing}: No such file")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    bad_input("create", NOWHERE, "-f", str(tmp_path), named=f"-f {tmp_path}: Is a directory")


def test_a_file_of_somebody_else(tmp_path: Path) -> None:
    file = tmp_path / "input"
    file.write_bytes(b"{}")
    file.chmod(0)
    bad_input("create", NOWHERE, "-f", str(file), named=f"-f {file}: Permission denied", preexec=without_override)


# -- words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("find", NOWHERE, "-q", "NoSuchKeyword=1"), "NoSuchKeyword"),
        (("find", NOWHERE, "-q", "PatientName"), "-q"),
        (("find", NOWHERE, "-q", "0010001=x"), "0010001"),
        (("find", NOWHERE, "-q", "PatientID/PatientName=x"), "PatientID"),
        (("find", NOWHERE, "-r", "NoSuchKeyword"), "NoSuchKeyword"),
        (("find", NOWHERE, "-state", "DONE"), "-state"),
        (("find", NOWHERE, "-findprior", "SOON"), "-findprior"),
        (
            ("find", NOWHERE, "-q", "ScheduledProcedureStepStartDateTime=yesterday"),
            "ScheduledProcedureStepStartDateTime",
        ),
        (("create", NOWHERE, "--set", "NoSuchKeyword=1"), "NoSuchKeyword"),
        (("create", NOWHERE), "create"),
        (("get", NOWHERE), "-iuid"),
        (("get", NOWHERE, "-iuid", "1.2.x"), "-iuid"),
        (("get", NOWHERE, "-iuid", "1.02"), "-iuid"),
        (("get", NOWHERE, "-iuid", "1." + "2" * 63), "-iuid"),
        (("get", NOWHERE, "-iuid", ""), "-iuid"),
        (("chstate", NOWHERE, "-iuid", "1.2", "-state", "CANCELED", "-tuid", "abc"), "-tuid"),
        (("chstate", NOWHERE, "-iuid", "1.2", "-state", "CANCELED"), "-tuid"),
        (("subscribe", NOWHERE), "-aet"),
        (("subscribe", NOWHERE, "-aet", "A" * 17), "-aet"),
        (("find", "A" * 17 + "@localhost:104"), "A" * 17),
        (("find", "PEER@localhost:99999"), "99999"),
        (("find", "PEER@localhost:0"), "port 0"),
        (("find", "PEER@localhost:http"), "http"),
        (("find", "PEER@::1:104"), "::1"),
        (("find",), "address"),
        (("fnd", NOWHERE), "fnd"),
        (("find", NOWHERE, "-acceptTO", "soon"), "-acceptTO"),
        (("find", NOWHERE, "--no-such-option"), "--no-such-option"),
        (("find", NOWHERE, "surplus"), "surplus"),
        ((), ""),
        (("-L", "ME"), ""),
    ],
    ids=lambda value: " ".join(value)[:50] or "nothing" if isinstance(value, tuple) else "",
)
def test_words_that_cannot_be_used(words: tuple[str, ...], named: str) -> None:
    bad_input(*words, named=named)


def test_a_uid_in_a_file_is_checked(tmp_path: Path) -> None:
    file = tmp_path / "create.json"
    file.write_text('{"00080018": {"vr": "UI", "Value": ["1.2.abc"]}, "00741204": {"vr": "LO", "Value": ["x"]}}')
    bad_input("create", NOWHERE, "-f", str(file), named="1.2.abc")


def test_hostile_words_are_shown_harmless() -> None:
    line = bad_input("find", NOWHERE, "-q", "No\x1b[31mSuch\nKeyword=1", named="-q")
    assert "\x1b" not in line


# -- no association --------------------------------------------------------------------------------------------------


def test_refused_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    failed(run("find", f"PEER@127.0.0.1:{port}"), 2, rf"127\.0\.0\.1:{port}.*refused")


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example"])
def test_a_host_that_does_not_exist(host: str) -> None:
    started = time.monotonic()
    done = run("find", f"PEER@{host}:104", "-connectTO", "3000")
    assert done.status in (2, 4)
    assert len(done.error_lines) == 1
    assert host in done.err
    assert time.monotonic() - started < 3 + SLACK


REJECTIONS = {
    (1, 1, 1): "no reason given",
    (1, 1, 2): "application context name",
    (1, 1, 3): "calling AE title",
    (1, 1, 7): "called AE title",
    (2, 2, 1): "no reason given",
    (1, 2, 2): "protocol version",
    (2, 3, 1): "temporary congestion",
    (2, 3, 2): "local limit",
    (1, 1, 4): "",
    (9, 9, 9): "",
}


@pytest.mark.parametrize("answer", REJECTIONS)
def test_rejected_association(parrot: Make, answer: tuple[int, int, int]) -> None:
    peer = parrot(lambda wire: wire.reject(*answer))
    done = run("find", peer.address)
    peer.finish()
    line = failed(done, 2, "reject")
    assert REJECTIONS[answer].lower() in line.lower()


def test_no_presentation_context(parrot: Make) -> None:
    def script(wire: Wire) -> None:
        wire.accept(results={uids.UPS_PULL: 3})
        wire.receive()

    peer = parrot(script)
    done = run("find", peer.address)
    peer.finish()
    failed(done, 2, "no presentation context for Unified Procedure Step - Pull")


def test_a_port_in_use_for_listening() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        failed(run("-L", f"ME@127.0.0.1:{port}"), 2, rf"cannot listen on 127\.0\.0\.1:{port}")


def ended_by(wire: Wire) -> None:
    """Wait until it is over, whatever comes before."""
    try:
        wire.wait_closed()
    except OSError:
        return


def abort(wire: Wire) -> None:
    wire.send(AAbort(0, 0))


def abort_as_provider(wire: Wire) -> None:
    wire.send(AAbort(2, 6))


def close(wire: Wire) -> None:
    wire.shut()


def http(wire: Wire) -> None:
    wire.send(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
    ended_by(wire)


def huge(wire: Wire) -> None:
    wire.send(b"\x04\x00\xff\xff\xff\xff\x00\x00")
    ended_by(wire)


def half(wire: Wire) -> None:
    wire.send(b"\x02\x00\x00\x00\x10")
    wire.shut()


@pytest.mark.parametrize("ending", [abort, abort_as_provider, close, http, huge, half])
def test_ended_instead_of_accepted(parrot: Make, ending: Callable[[Wire], None]) -> None:
    def script(wire: Wire) -> None:
        wire.receive()
        ending(wire)

    peer = parrot(script)
    done = run("find", peer.address)
    peer.finish()
    failed(done, 2, re.escape(peer.address))


@pytest.mark.parametrize("ending", [abort, abort_as_provider, close, http, huge, half])
def test_ended_instead_of_answered(parrot: Make, ending: Callable[[Wire], None]) -> None:
    def script(wire: Wire) -> None:
        wire.accept()
        wire.receive_message()
        ending(wire)

    peer = parrot(script)
    done = run("get", peer.address, "-iuid", "1.2.3")
    peer.finish()
    assert not done.out
    failed(done, 2, re.escape(peer.address))


def released(wire: Wire) -> None:
    wire.send(b"\x05\x00\x00\x00\x00\x04\x00\x00\x00\x00")
    ended_by(wire)


def foreign_context(wire: Wire) -> None:
    wire.send(PDataTF((Pdv(99, b"\0" * 8),)))
    ended_by(wire)


def data_first(wire: Wire) -> None:
    wire.send(PDataTF((Pdv(wire.context_of(uids.UPS_PULL), b"\0" * 8, 2),)))
    ended_by(wire)


def no_command(wire: Wire) -> None:
    wire.send(PDataTF((Pdv(wire.context_of(uids.UPS_PULL), b"nonsense" * 9, 3),)))
    ended_by(wire)


def other_service(wire: Wire) -> None:
    command = {E.COMMAND_FIELD: 0x8030, E.MESSAGE_ID_BEING_RESPONDED_TO: 1, E.STATUS: 0}
    wire.send_message(wire.context_of(uids.UPS_PULL), command)
    ended_by(wire)


@pytest.mark.parametrize("ending", [released, foreign_context, data_first, no_command, other_service])
def test_a_peer_that_breaks_the_rules(parrot: Make, ending: Callable[[Wire], None]) -> None:
    def script(wire: Wire) -> None:
        wire.accept()
        wire.receive_message()
        ending(wire)

    peer = parrot(script)
    done = run("get", peer.address, "-iuid", "1.2.3")
    peer.finish()
    failed(done, 2, re.escape(peer.address))


def test_an_answer_that_cannot_be_read(parrot: Make) -> None:
    def script(wire: Wire) -> None:
        wire.accept()
        wire.answer(wire.receive_message(), 0x0000, b"\x10\x00\x10\x00PN\xff\x7fabc")
        ended_by(wire)

    peer = parrot(script)
    done = run("get", peer.address, "-iuid", "1.2.3")
    peer.finish()
    failed(done, 2, "cannot be read")


def test_aborted_amid_the_matches(parrot: Make) -> None:
    """What has come is shown; that there is no more to come is an error."""

    def script(wire: Wire) -> None:
        wire.accept(syntax=uids.IMPLICIT_VR_LE)
        message = wire.receive_message()
        command = encode_command({**response_command(message, 0xFF00), E.COMMAND_DATA_SET_TYPE: 1})
        match = b"\x08\x00\x18\x00\x06\x00\x00\x001.2.3\0"
        wire.send(*lay_out(message.context_id, [(3, command), (2, match)], "one PDU"), AAbort())

    peer = parrot(script)
    done = run("find", peer.address)
    peer.finish()
    assert done.out.startswith("1.2.3\n")
    failed(done, 2, "abort")


# -- a peer that hangs -----------------------------------------------------------------------------------------------


def timed(*words: str, seconds: float) -> Ended:
    """Run it and check that it ended in time, though not before."""
    started = time.monotonic()
    done = run(*words)
    assert seconds <= time.monotonic() - started < seconds + SLACK
    return done


def silent(wire: Wire) -> None:
    ended_by(wire)


def never_answers(wire: Wire) -> None:
    wire.accept()
    ended_by(wire)


def trickles(wire: Wire) -> None:
    wire.accept()
    message = wire.receive_message()
    command = encode_command({**response_command(message, 0x0000), E.COMMAND_DATA_SET_TYPE: NO_DATA_SET})
    wire.send(PDataTF((Pdv(message.context_id, command[:10], 1),)))
    ended_by(wire)


def answers_another(wire: Wire) -> None:
    """Responses to requests that were never made."""
    wire.accept()
    message = wire.receive_message()
    stray = {**response_command(message, 0x0000), E.MESSAGE_ID_BEING_RESPONDED_TO: 4711}
    for _ in range(3):
        wire.send_message(message.context_id, stray)
    ended_by(wire)


@pytest.mark.parametrize(
    ("script", "option"),
    [
        (silent, "-acceptTO"),
        (never_answers, "-rspTO"),
        (trickles, "-rspTO"),
        (answers_another, "-rspTO"),
    ],
)
def test_a_silent_peer(parrot: Make, script: Callable[[Wire], None], option: str) -> None:
    peer = parrot(script)
    done = timed("get", peer.address, "-iuid", "1.2.3", option, "400", seconds=0.4)
    peer.finish()
    failed(done, 4, re.escape(f"({option})"))


def test_a_peer_that_stops_amid_the_matches(parrot: Make) -> None:
    def script(wire: Wire) -> None:
        wire.accept(syntax=uids.IMPLICIT_VR_LE)
        message = wire.receive_message()
        wire.answer(message, 0xFF00, b"\x08\x00\x18\x00\x06\x00\x00\x001.2.3\0")
        ended_by(wire)

    peer = parrot(script)
    done = timed("find", peer.address, "-rspTO", "400", seconds=0.4)
    peer.finish()
    assert done.out.startswith("1.2.3\n")
    failed(done, 4, r"\(-rspTO\)")


def test_a_release_that_is_never_confirmed(parrot: Make) -> None:
    def script(wire: Wire) -> None:
        wire.accept()
        wire.answer(wire.receive_message(), 0x0000)
        ended_by(wire)

    peer = parrot(script)
    done = timed("set", peer.address, "-iuid", "1.2.3", "--set", "WorklistLabel=x", "-releaseTO", "400", seconds=0.4)
    peer.finish()
    assert done.status == 0, done
    assert done.error_lines[0] == "dcmups: set: changed"
    assert len(done.error_lines) == 2
    assert done.error_lines[1].startswith("dcmups: warning: ")
    assert "-releaseTO" in done.error_lines[1]


@pytest.mark.parametrize("ending", [abort, close])
def test_a_release_that_ends_otherwise(parrot: Make, ending: Callable[[Wire], None]) -> None:
    def script(wire: Wire) -> None:
        wire.accept()
        wire.answer(wire.receive_message(), 0x0000)
        wire.receive()
        ending(wire)

    peer = parrot(script)
    done = run("set", peer.address, "-iuid", "1.2.3", "--set", "WorklistLabel=x")
    peer.finish()
    assert done.status == 0, done
    assert [line.startswith("dcmups: warning: ") for line in done.error_lines] == [False, True]


def crowded(stack: ExitStack) -> int:
    """The port of a listener that accepts nobody and has no room to wait: who comes now is left without an answer."""
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
    port: int = listener.getsockname()[1]
    for _ in range(4):
        waiting = stack.enter_context(socket.socket())
        waiting.setblocking(False)
        waiting.connect_ex(("127.0.0.1", port))
    return port


def test_a_connection_that_never_comes() -> None:
    with ExitStack() as stack:
        port = crowded(stack)
        done = timed("find", f"PEER@127.0.0.1:{port}", "-connectTO", "400", seconds=0.4)
    failed(done, 4, r"\(-connectTO\)")


def test_a_subscriber_that_hangs_delays_nobody(parrot: Make, start_upsscp, start_dcmups, tmp_path: Path) -> None:
    """Event reports to one that accepts and is silent; the other gets its own, and requests are served."""
    peer = parrot(never_answers, visitors=1)
    listener = start_dcmups("-L", "WATCHER@127.0.0.1:0")
    port = int(listener.wait_for(r"listening on 127\.0\.0\.1:(\d+)$")[1])
    server = start_upsscp(peers={"HANGING": peer.port, "WATCHER": port})
    server.dcmups("subscribe", "-aet", "HANGING")
    server.dcmups("subscribe", "-aet", "WATCHER")
    instance = uid()
    server.dcmups("create", "-f", save_json(workitem(), tmp_path / "create.json"), "-iuid", instance)
    listener.wait_for(f"^event 1 .*{instance}", "out")
    server.dcmups("get", "-iuid", instance)
