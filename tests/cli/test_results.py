"""What scripts get: JSON lines, exit statuses, quiet; and what a peer's bad bytes cost, which is never the rest."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from dicomnet import flows, uids
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.messages import NEventReportRequest, NEventReportResponse, Request
from dicomnet.flows import Flow
from dicomnet.handlers import Handler, Peer
from ups.cli import console as console_module
from ups.cli.main import main

from .answers import LOCK, answering, element, encoded, leaking, matching

U = "1.2.3"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def dcmups(scripted: Any, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command against a peer with this handler; S is its address. Exit status, standard output and error."""

    def run(text: str, handler: Handler = answering(0)) -> tuple[int, str, str]:  # noqa: B008
        capsys.readouterr()
        peer = scripted(handler)
        status = main([peer.address if word == "S" else word for word in shlex.split(text)])
        out, err = capsys.readouterr()
        assert all(line.startswith("dcmups: ") for line in err.splitlines())
        return status, out, err

    return run


def objects(out: str) -> list[dict[str, Any]]:
    assert out == "" or out.endswith("\n")
    return [json.loads(line) for line in out.split("\n")[:-1]]


# -- JSON ------------------------------------------------------------------------------------------------------------

SHOWN = {
    "00080018": {"vr": "UI", "Value": [U]},
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Evil\x07^Name"}]},
    "00404018": {"vr": "SQ", "Value": [{"00080100": {"vr": "SH", "Value": ["1"]}}]},
}


def test_find_gives_a_line_for_each_match(dcmups: Any) -> None:
    status, out, err = dcmups("find S --json", matching(0xFF00, 0xFF00))
    assert status == 0
    assert objects(out) == [SHOWN, SHOWN]
    assert err == "dcmups: find: 2 matches\n"


def test_get_gives_one_line(dcmups: Any) -> None:
    status, out, _ = dcmups(f"get S -iuid {U} --json", answering(0, data_set=leaking()))
    assert (status, objects(out)) == (0, [SHOWN])
    assert dcmups(f"get S -iuid {U} --json")[:2] == (0, "")


@pytest.mark.parametrize(
    ("words", "answer", "told"),
    [
        ("create S --set ProcedureStepLabel=x", answering(0, instance="9.8"), {"uid": "9.8"}),
        (f"create S --set ProcedureStepLabel=x -iuid {U}", answering(0xB300), {"uid": U, "status": "B300"}),
        ("create S --set ProcedureStepLabel=x", answering(0), {"uid": None}),
        (f"set S -iuid {U} --set ProcedureStepLabel=x", answering(0), {"uid": U}),
        (f"chstate S -iuid {U} -state COMPLETED -tuid 1.7", answering(0), {"uid": U, "state": "COMPLETED"}),
        (f"reqcancel S -iuid {U} -aet ME", answering(0), {"uid": U, "aet": "ME"}),
        ("subscribe S -aet ME", answering(0), {"uid": uids.UPS_GLOBAL_SUBSCRIPTION, "aet": "ME"}),
        (f"unsubscribe S -aet ME -iuid {U}", answering(0), {"uid": U, "aet": "ME"}),
        ("suspend S -aet ME", answering(0), {"uid": uids.UPS_GLOBAL_SUBSCRIPTION, "aet": "ME"}),
    ],
)
def test_every_other_operation_gives_one_line_once_it_is_done(
    dcmups: Any, words: str, answer: Handler, told: dict[str, Any]
) -> None:
    status, out, _ = dcmups(f"{words} --json", answer)
    assert status == 0
    assert objects(out) == [{"operation": words.split()[0], "status": "0000", **told}]


def test_what_failed_gives_no_line(dcmups: Any) -> None:
    assert dcmups("create S --set ProcedureStepLabel=x --json", answering(0x0111))[:2] == (3, "")


def test_a_new_transaction_uid_has_a_line_before_anything_can_fail(dcmups: Any) -> None:
    words = f"chstate S -iuid {U} -state 'IN PROGRESS' -tuid new --json"
    (claim, done) = objects(dcmups(words)[1])
    assert uids.is_uid(claim.pop("transaction_uid"))
    assert claim == {"operation": "chstate", "uid": U}
    assert done == {"operation": "chstate", "uid": U, "status": "0000", "state": "IN PROGRESS"}
    status, out, _ = dcmups(words, answering(0xC302))
    assert (status, len(objects(out))) == (3, 1)


def test_an_event_report_is_a_line_too(dcmups: Any) -> None:
    def handle(request: Request, peer: Peer) -> Flow[None]:
        report = NEventReportRequest(sop_class=uids.UPS_PUSH, instance=U, event_type=1, data_set=leaking())
        yield from flows.ask(report, expect=NEventReportResponse, via=uids.UPS_EVENT)
        yield from flows.send(reply(request))

    (event, _) = objects(dcmups("subscribe S -aet ME --json", handle)[1])
    assert (event["event"], event["uid"], event["calling_ae"]) == ("UPS State Report", U, "SCRIPTED")
    assert event["attributes"] == SHOWN


# -- what cannot be read ---------------------------------------------------------------------------------------------

READABLE = encoded(element(0x00080018, "UI", b"1.2.6\0"), element(0x00100020, "LO", b"Fine"))
BROKEN = encoded(b"\x08\x00\x18\x00UI\xff\xff")
ODD = encoded(
    element(0x00080005, "CS", b"ISO_IR 192"),
    element(0x00080018, "UI", b"1.2.5\0"),
    element(0x00100010, "PN", b"M\xfcller"),
    element(0x00741004, "FD", b"abc"),
)


@pytest.mark.parametrize("form", ["", "--json", "--xml", "--color always"])
def test_a_match_that_cannot_be_read_costs_its_place_and_the_exit_status(dcmups: Any, form: str) -> None:
    status, out, err = dcmups(f"find S -r PatientID {form}", matching(READABLE, BROKEN, READABLE))
    assert status == 2
    assert out.count("Fine") == 2
    assert "match 2 cannot be read" in err
    assert err.endswith("dcmups: missing from the results: 1 of 3 matches\n")


@pytest.mark.parametrize("form", ["", "--json", "--xml", "--color always"])
def test_a_value_that_cannot_be_read_costs_nothing_else(dcmups: Any, form: str) -> None:
    status, out, err = dcmups(f"find S -r PatientID {form}", matching(ODD, READABLE))
    assert status == 0
    assert "1.2.5" in out
    assert out.count("Fine") == 1
    if form in ("--json", "--xml"):
        assert "warning: match 1: the value cannot be read" in err
        assert "00100010" in err
        assert "00741004" in err
        assert 'vr":"UN","InlineBinary":"YWJj"' in out or 'vr="UN" keyword="ProcedureStepProgress"><Inline' in out


def test_many_complaints_are_counted(dcmups: Any) -> None:
    _, out, err = dcmups("find S --json", matching(*[ODD] * 20))
    assert out.count("1.2.5") == 20
    assert err.count("given as its bytes") == 10
    assert "30 more warnings like these" in err


# -- for people ------------------------------------------------------------------------------------------------------


def named() -> Dataset:
    dataset = leaking()
    dataset.ProcedureStepState = "IN PROGRESS"
    return dataset


def on_a_terminal(words: str, peer: Any, *, columns: int, **environment: str) -> tuple[int, list[str]]:
    """Run a command on a terminal of its own: the exit status, and what is to be seen."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    command = [peer.address if word == "S" else word for word in shlex.split(words)]
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-m", "ups", *command],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.STDOUT,
        env={**kept, "TERM": "xterm", "PYTHONUTF8": "1", **environment},
    )
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError), open(ours, "rb", buffering=0) as file:
        while part := file.read(4096):
            seen += part
    text = re.sub("\r[^\n]*\x1b\\[K", "", seen.decode())  # progress
    return process.wait(), text.replace("\r\n", "\n").splitlines()


@pytest.mark.once
def test_a_terminal_gets_a_table_and_a_sheet(scripted: Any) -> None:
    status, seen = on_a_terminal("find S -r ProcedureStepState PatientName", scripted(matching(named())), columns=30)
    assert status == 0
    assert seen == [
        "\x1b[1mUID    ProcedureSt…  PatientN…\x1b[0m",
        "1.2.3  \x1b[33mIN PROGRESS\x1b[0m   Evil\\x07…",
        "dcmups: find: 1 match",
    ]
    peer = scripted(answering(0, data_set=named()))
    status, seen = on_a_terminal(f"get S -iuid {U}", peer, columns=60, NO_COLOR="1")
    assert (status, seen[0], seen[-2:]) == (
        0,
        "SOP Instance UID          1.2.3",
        ["Procedure Step State      IN PROGRESS", "dcmups: get: done"],
    )


def test_color_always_writes_as_for_a_terminal(dcmups: Any) -> None:
    status, out, _ = dcmups("find S -r ProcedureStepState --color always", matching(named()))
    assert (status, out.splitlines()[0]) == (0, "\x1b[1mUID    ProcedureStepState\x1b[0m")
    status, out, _ = dcmups(f"get S -iuid {U} --color always", answering(0, data_set=named()))
    assert (status, out.startswith("\x1b[36mSOP Instance UID\x1b[0m")) == (0, True)
    for when in ("auto", "never"):
        assert dcmups(f"find S --color {when}", matching(named()))[1].startswith(f"{U}\n  (0008,0018)")


def test_a_long_search_says_on_a_terminal_how_far_it_is(
    scripted: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console_module, "_PROGRESS_BEGINS", -1.0)
    for is_terminal in (True, False):
        monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)  # noqa: B023
        assert main(["find", scripted(matching(named())).address, "--json"]) == 0
        err = capsys.readouterr().err
        assert err == "\rdcmups: 1 match\x1b[K\r\x1b[K" * is_terminal + "dcmups: find: 1 match\n"


def test_matches_that_came_are_shown_even_if_the_search_then_fails(dcmups: Any) -> None:
    def handle(request: Request, peer: Peer) -> Flow[None]:
        yield from flows.send(reply(request, 0xFF00, data_set=named()))
        yield from flows.inject(bytes.fromhex("07000000000400000000"))

    status, out, err = dcmups("find S --color always", handle)
    assert (status, U in out, "abort" in err) == (2, True, True)


@pytest.mark.once
@pytest.mark.parametrize("words", ["find S", "find S --json", f"get S -iuid {U} --xml"])
@pytest.mark.parametrize("path", ["/dev/full", None], ids=["full", "closed"])
def test_an_output_that_cannot_be_written_ends_the_association_without_a_traceback(
    path: str | None, words: str, scripted: Any
) -> None:
    if path is None:
        reader, writer = os.pipe()
        os.close(reader)
    else:
        writer = os.open(path, os.O_WRONLY)
    peer = scripted(matching(*[READABLE] * 5) if words.startswith("find") else answering(0, data_set=READABLE))
    command = [peer.address if word == "S" else word for word in words.split()]
    done = subprocess.run(
        [sys.executable, "-m", "ups", *command],
        cwd=ROOT,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    os.close(writer)
    said = "" if path is None else "dcmups: cannot write to standard output: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, said)
    assert not peer.ended_in_order()


# -- how much is said, and how it ends -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "answer", "out"),
    [
        ("find S", matching(), ""),
        ("create S --set ProcedureStepLabel=x", answering(0xB300, instance="9.8"), "9.8\n"),
        ("create S --set ProcedureStepLabel=x", answering(0), ""),
        ("suspend S -aet ME -iuid 1.2", answering(0), ""),
        ("find S --json", matching(ODD), None),
    ],
)
def test_quiet_leaves_results_and_errors(dcmups: Any, words: str, answer: Handler, out: str | None) -> None:
    assert dcmups(words, answer)[2]
    status, printed, err = dcmups(f"{words} --quiet", answer)
    assert (status, err) == (0, "")
    assert printed == out or out is None
    assert dcmups(f"{words} --quiet", answering(0xA700))[2]


def test_quiet_has_the_reasons_of_the_exit_status(dcmups: Any) -> None:
    words = f"set S -iuid {U} --set ProcedureStepLabel=x --quiet --strict"
    status, _, err = dcmups(words, answering(0xB305))
    assert status == 5
    assert err.startswith("dcmups: warning: B305 ")
    status, _, err = dcmups("find S --quiet", matching(BROKEN))
    assert (status, err) == (2, "dcmups: missing from the results: 1 of 1 match\n")


@pytest.mark.parametrize(
    ("words", "answer", "status"),
    [
        (f"set S -iuid {U} --set ProcedureStepLabel=x", answering(0xB305), 5),
        (f"get S -iuid {U}", answering(0x0001, data_set=leaking()), 5),
        ("find S", matching(0xFF01), 5),
        ("find S", matching(0xFF00), 0),
        (f"get S -iuid {U}", answering(0, data_set=leaking()), 0),
        (f"get S -iuid {U}", answering(0xC307), 3),
    ],
)
def test_strict_makes_a_warning_status_5_and_changes_no_result(
    dcmups: Any, words: str, answer: Handler, status: int
) -> None:
    strict = dcmups(f"{words} --strict", answer)
    lax = dcmups(words, answer)
    assert strict[0] == status
    assert strict[1:] == lax[1:]
    assert lax[0] == (0 if status == 5 else status)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (matching(), 6),
        (matching(0xFF00), 0),
        (matching(status=0xA700), 3),
        (matching(BROKEN), 2),
        (matching(status=0xB000), 6),
    ],
)
def test_no_match_error_makes_an_empty_find_6(dcmups: Any, answer: Handler, status: int) -> None:
    assert dcmups("find S --no-match-error", answer)[0] == status


def test_a_warning_status_is_more_than_no_match(dcmups: Any) -> None:
    assert dcmups("find S --no-match-error --strict", matching(status=0xB000))[0] == 5


def test_no_match_error_is_of_no_use_elsewhere_and_that_is_said(dcmups: Any) -> None:
    assert "--no-match-error has no effect on get" in dcmups(f"get S -iuid {U} --no-match-error")[2]


@pytest.mark.parametrize("form", ["", "--json", "--xml", "--color always", "--color never"])
def test_no_form_shows_a_transaction_uid(dcmups: Any, form: str) -> None:
    for words, answer in (("find S", matching(0xFF00)), (f"get S -iuid {U}", answering(0, data_set=leaking()))):
        status, out, err = dcmups(f"{words} {form} -vv", answer)
        assert status == 0
        assert U in out
        assert LOCK not in out + err
        assert "TransactionUID" not in out + err
        assert "\x07" not in out + err
