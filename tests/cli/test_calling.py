"""What goes over the wire for each operation and option, and the exit status of everything that can come back."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from pydicom.dataset import Dataset

from dicomnet import flows, uids
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.messages import (
    CFindRequest,
    NActionRequest,
    NCreateRequest,
    NEventReportRequest,
    NEventReportResponse,
    NGetRequest,
    NSetRequest,
    Request,
)
from dicomnet.flows import Flow
from dicomnet.handlers import Peer
from dicomnet.ul import PlainPolicy, SupportedContext
from dicomnet.wire import PresentationContext, RoleSelection
from ups.cli.main import main

from .answers import answering, leaking, matching

U = "1.2.3"
T = "1.7"

COMMANDS = {
    "create": f"create S -iuid {U} --set ProcedureStepLabel=x",
    "set": f"set S -iuid {U} --set ProcedureStepLabel=x",
    "get": f"get S -iuid {U}",
    "find": "find S",
    "chstate": f"chstate S -iuid {U} -state COMPLETED -tuid {T}",
    "reqcancel": f"reqcancel S -iuid {U} -aet ME",
    "subscribe": "subscribe S -aet ME",
    "unsubscribe": "unsubscribe S -aet ME",
    "suspend": "suspend S -aet ME",
}
CONTEXTS = {
    "create": uids.UPS_PUSH,
    "reqcancel": uids.UPS_PUSH,
    "set": uids.UPS_PULL,
    "get": uids.UPS_PULL,
    "find": uids.UPS_PULL,
    "chstate": uids.UPS_PULL,
    "subscribe": uids.UPS_WATCH,
    "unsubscribe": uids.UPS_WATCH,
    "suspend": uids.UPS_WATCH,
}
TRIAL = {
    uids.UPS_PUSH: uids.UPS_TRIAL_PUSH,
    uids.UPS_PULL: uids.UPS_TRIAL_PULL,
    uids.UPS_WATCH: uids.UPS_TRIAL_WATCH,
}


def dcmups(text: str, peer: Any) -> int:
    return main([peer.address if word == "S" else word for word in shlex.split(text)])


def contexts(peer: Any) -> list[PresentationContext]:
    return list(peer.request.presentation_contexts)


# -- what is proposed and sent ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("trial", [False, True], ids=["current", "trial"])
@pytest.mark.parametrize("name", COMMANDS)
def test_each_operation_goes_out_on_its_own_context_beside_event(scripted: Any, name: str, trial: bool) -> None:
    peer = scripted()
    assert dcmups(COMMANDS[name] + (" --trial" if trial else ""), peer) == 0
    own, push = CONTEXTS[name], uids.UPS_PUSH
    event = uids.UPS_TRIAL_EVENT if trial else uids.UPS_EVENT
    if trial:
        own, push = TRIAL[own], TRIAL[push]
    assert [context.abstract_syntax for context in contexts(peer)] == [own, event]
    assert all(context.transfer_syntaxes == (uids.EXPLICIT_VR_LE, uids.IMPLICIT_VR_LE) for context in contexts(peer))
    assert list(peer.request.find_all(RoleSelection)) == [RoleSelection(event, 1, 0)]
    (message,) = peer.messages
    assert message.context_id == contexts(peer)[0].context_id
    assert message.sop_class == (own if name == "find" else push)
    assert peer.ended_in_order()


@pytest.mark.parametrize(
    ("name", "kind", "action"),
    [
        ("create", NCreateRequest, None),
        ("set", NSetRequest, None),
        ("get", NGetRequest, None),
        ("find", CFindRequest, None),
        ("chstate", NActionRequest, 1),
        ("reqcancel", NActionRequest, 2),
        ("subscribe", NActionRequest, 3),
        ("unsubscribe", NActionRequest, 4),
        ("suspend", NActionRequest, 5),
    ],
)
def test_each_operation_is_one_message(scripted: Any, name: str, kind: type, action: int | None) -> None:
    peer = scripted()
    dcmups(COMMANDS[name], peer)
    (message,) = peer.messages
    assert type(message) is kind
    assert getattr(message, "action_type", None) == action
    if name in ("subscribe", "unsubscribe", "suspend"):
        assert message.instance == uids.UPS_GLOBAL_SUBSCRIPTION
    elif name != "find":
        assert message.instance == U


@pytest.mark.parametrize(
    ("words", "instance"),
    [
        (f"subscribe S -aet ME -iuid {U}", U),
        (f"unsubscribe S -aet ME -iuid {U}", U),
        (f"suspend S -aet ME -iuid {U}", uids.UPS_GLOBAL_SUBSCRIPTION),
        ("create S --set ProcedureStepLabel=x", None),
    ],
)
def test_the_instance_is_the_one_asked_for(
    scripted: Any, words: str, instance: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    peer = scripted()
    assert dcmups(words, peer) == 0
    assert peer.messages[0].instance == instance
    assert ("warning: -iuid has no effect on suspend" in capsys.readouterr().err) == words.startswith("suspend")


@pytest.mark.parametrize(
    ("option", "uid"), [("push", uids.UPS_PUSH), ("pull", uids.UPS_PULL), ("watch", uids.UPS_WATCH)]
)
def test_the_context_can_be_chosen(scripted: Any, option: str, uid: str) -> None:
    for name in ("get", "reqcancel"):
        peer = scripted()
        assert dcmups(f"{COMMANDS[name]} -ups{option}", peer) == 0
        assert contexts(peer)[0].abstract_syntax == uid
        assert peer.messages[0].sop_class == uids.UPS_PUSH


def test_ivrle_proposes_nothing_else(scripted: Any) -> None:
    peer = scripted()
    assert dcmups(f"{COMMANDS['find']} -ivrle", peer) == 0
    assert [context.transfer_syntaxes for context in contexts(peer)] == [(uids.IMPLICIT_VR_LE,)] * 2
    assert peer.messages[0].data_set.transfer_syntax == uids.IMPLICIT_VR_LE


@pytest.mark.parametrize(
    ("options", "title"), [("", "DCMUPSSCU"), ("-device ME", "ME"), ("-L YOU", "YOU"), ("-L YOU -device ME", "YOU")]
)
def test_our_title_is_that_of_l_or_device(scripted: Any, options: str, title: str) -> None:
    peer = scripted()
    assert dcmups(f"find S {options}", peer) == 0
    assert peer.request.calling_ae_title.strip() == title
    assert peer.request.called_ae_title.strip() == "SCRIPTED"


def test_the_host_of_l_is_where_we_call_from(scripted: Any) -> None:
    seen: list[str] = []

    def handle(request: Request, peer: Peer) -> Flow[None]:
        seen.append(peer.address)
        yield from flows.send(reply(request))

    assert dcmups("find S -L ME@127.0.0.2", scripted(handle)) == 0
    assert seen == ["127.0.0.2"]


@pytest.mark.parametrize(("word", "value"), [("NORMAL", 0), ("HIGH", 1), ("LOW", 2)])
def test_findprior_is_the_priority(scripted: Any, word: str, value: int) -> None:
    peer = scripted()
    assert dcmups(f"find S -findprior {word}", peer) == 0
    assert peer.messages[0].priority == value


def test_refusal_of_the_event_context_is_harmless(scripted: Any) -> None:
    policy = PlainPolicy((SupportedContext(uids.UPS_PULL, (uids.IMPLICIT_VR_LE,)),))
    assert dcmups("find S", scripted(policy=policy)) == 0


def test_what_is_sent_is_what_was_gathered(scripted: Any) -> None:
    peer = scripted()
    assert dcmups(f"{COMMANDS['chstate']} -v", peer) == 0
    sent = peer.messages[0].dataset()
    assert (sent.ProcedureStepState, sent.TransactionUID) == ("COMPLETED", T)


# -- results ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "answered", "printed"),
    [("", "9.8", "9.8\n"), (f"-iuid {U}", None, f"{U}\n"), (f"-iuid {U}", "9.8", "9.8\n"), ("", None, "")],
)
def test_create_prints_the_uid(
    scripted: Any, options: str, answered: str | None, printed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    peer = scripted(answering(0, instance=answered))
    assert dcmups(f"create S --set ProcedureStepLabel=x {options}", peer) == 0
    out, err = capsys.readouterr()
    assert out == printed
    assert ("did not say which" in err) == (not printed)


def test_a_new_transaction_uid_is_printed_even_if_the_claim_fails(
    scripted: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    peer = scripted(answering(0xC301))
    assert dcmups(f"chstate S -iuid {U} -state 'IN PROGRESS' -tuid new", peer) == 3
    assert capsys.readouterr().out == f"{peer.messages[0].dataset().TransactionUID}\n"


def test_find_prints_a_block_for_each_match(scripted: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert dcmups("find S", scripted(matching(0xFF00, 0xFF00))) == 0
    out, err = capsys.readouterr()
    assert [line for line in out.splitlines() if line == U] == [U, U]
    assert "PatientName" in out
    assert out.count("\n\n") == 2
    assert "2 matches" in err


def test_find_without_a_match_is_a_result(scripted: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert dcmups("find S", scripted()) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "dcmups: find: no match\n"


def test_find_says_when_keys_were_not_supported(scripted: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert dcmups("find S", scripted(matching(0xFF01, 0xFF01))) == 0
    assert capsys.readouterr().err.count("FF01") == 1


@pytest.mark.parametrize("verbose", ["", "-v", "-vv"])
@pytest.mark.parametrize("words", ["find S", f"get S -iuid {U}"])
def test_no_transaction_uid_and_no_control_character_is_ever_shown(
    scripted: Any, words: str, verbose: str, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = matching(0xFF00) if words.startswith("find") else answering(0, data_set=leaking())
    assert dcmups(f"{words} {verbose}", scripted(handler)) == 0
    out, err = capsys.readouterr()
    assert "6.6.6" not in out + err
    assert "\x07" not in out + err
    assert U in out
    assert "Evil" in out
    assert "Evil" not in err  # a log shows no value above DEBUG, and a PDU without its payload


def test_event_reports_that_come_on_our_own_association_are_printed(
    scripted: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    statuses: list[int] = []

    def handle(request: Request, peer: Peer) -> Flow[None]:
        for event_type in (1, 6):
            information = Dataset()
            information.ProcedureStepState = "SCHEDULED"
            report = NEventReportRequest(
                sop_class=uids.UPS_PUSH, instance=U, event_type=event_type, data_set=information
            )
            answer = yield from flows.ask(report, expect=NEventReportResponse, via=uids.UPS_EVENT)
            statuses.append(answer.status)
        yield from flows.send(reply(request))

    assert dcmups(f"{COMMANDS['subscribe']} -device WATCHER", scripted(handle)) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"event 1 UPS State Report: {U}\n  from SCRIPTED at ")
    assert "SCHEDULED" in out
    assert statuses == [0x0000, 0x0113]


# -- statuses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "status", "text"),
    [
        ("create", 0x0111, "0111 duplicate SOP instance"),
        ("create", 0xC309, "C309 state is not SCHEDULED"),
        ("get", 0xC307, "C307 no such UPS"),
        ("chstate", 0xC301, "C301 correct Transaction UID missing"),
        ("chstate", 0xC302, "C302 already IN PROGRESS"),
        ("subscribe", 0xC308, "C308 Receiving AE title unknown"),
        ("subscribe", 0xC315, "C315 event reports not supported"),
        ("reqcancel", 0xC313, "C313 performer chooses not to cancel"),
        ("find", 0xA900, "A900 identifier does not match SOP class"),
        ("find", 0xC123, "C123 unable to process"),
        ("find", 0xFE00, "FE00 cancelled"),
        ("set", 0xC9FF, "C9FF failure"),
        ("set", 0x1234, "1234 failure"),
    ],
)
def test_a_failure_status_is_three_lines_and_exit_3(
    scripted: Any, name: str, status: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dcmups(COMMANDS[name], scripted(answering(status))) == 3
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines[0] == f"dcmups: {text}"
    assert 1 < len(lines) <= 3
    assert all(line.startswith("dcmups: ") for line in lines)


def test_a_failure_says_what_the_peer_says_about_it(scripted: Any, capsys: pytest.CaptureFixture[str]) -> None:
    handler = answering(0x0120, error_comment="no\x1b label", attribute_list=(0x00741204, 0x00999999))
    assert dcmups(COMMANDS["create"], scripted(handler)) == 3
    err = capsys.readouterr().err
    assert r"no\x1b label" in err
    assert "ProcedureStepLabel, 00999999" in err
    assert len(err.splitlines()) == 3


@pytest.mark.parametrize(
    ("name", "status"),
    [("create", 0xB300), ("subscribe", 0xB301), ("chstate", 0xB306), ("set", 0xB305), ("set", 0x0001), ("get", 0x0001)],
)
def test_a_warning_status_is_shown_and_is_still_0(
    scripted: Any, name: str, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dcmups(COMMANDS[name], scripted(answering(status))) == 0
    assert capsys.readouterr().err.startswith(f"dcmups: warning: {status:04X} ")


# -- the log ---------------------------------------------------------------------------------------------------------


def test_v_logs_who_was_called_and_vv_every_pdu(scripted: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert dcmups("find S", scripted()) == 0
    quiet = capsys.readouterr().err
    assert dcmups("find S -v", scripted()) == 0
    logged = capsys.readouterr().err
    assert dcmups("find S -vv", scripted()) == 0
    loud = capsys.readouterr().err
    assert len(quiet) < len(logged) < len(loud)
    assert "SCRIPTED" in logged
    assert "A-ASSOCIATE-RQ" in loud
    assert "Sta6 + Evt10 -> DT-2 -> Sta6" in loud
    assert all(line.startswith("dcmups: ") for line in loud.splitlines())
