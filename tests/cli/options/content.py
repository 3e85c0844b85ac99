"""Rows of the options that say what is sent, and over which class."""

from __future__ import annotations

from collections.abc import Callable

from pydicom.dataset import Dataset

from dicomnet import flows, uids
from dicomnet.codes import Priority
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.messages import NActionRequest, NGetRequest, Request
from dicomnet.flows import Flow
from dicomnet.handlers import Handler, Peer
from dicomnet.ul import ProposedContext
from dicomnet.wire import ExtendedNegotiation

from .stage import SYNTAXES, Row, Stage, accept_all, bad, row

LABEL = '<dicom><attr tag="00741204" vr="LO">from the file</attr></dicom>'


def sent(words: str) -> Callable[[Stage, str], Dataset]:
    """The data set of the one message of this command, {} being the option."""

    def send(stage: Stage, name: str) -> Dataset:
        dataset: Dataset | None = stage.play(words.format(name)).message.dataset()
        assert dataset is not None
        return dataset

    return send


@row("-f")
def file(stage: Stage, name: str) -> None:
    path = stage.file("workitem.xml", LABEL)
    assert stage.play(f"create S -iuid 1.2 {name} {path}").message.dataset().ProcedureStepLabel == "from the file"


bad("-f", "create S {} /nonexistent", " /nonexistent: No such file or directory")
bad("-f", "create S {} /", " /: Is a directory")


@row("--set")
def edits(stage: Stage, name: str) -> None:
    dataset = sent("set S -iuid 1.2 {} ProcedureStepLabel=x PatientID=y")(stage, name)
    assert (dataset.ProcedureStepLabel, dataset.PatientID) == ("x", "y")


@row("-q")
def keys(stage: Stage, name: str) -> None:
    words = f"find S {{0}} PatientID=y ScheduledStationNameCodeSequence/CodeValue=A {{0}} {name} PatientSex=F"
    dataset = sent(words.replace("{0}", name, 1).replace("{0} ", ""))(stage, name)
    assert (dataset.PatientID, dataset.PatientSex) == ("y", "F")
    assert dataset.ScheduledStationNameCodeSequence[0].CodeValue == "A"


@row("-r")
def names(stage: Stage, name: str) -> None:
    message = stage.play(f"get S -iuid 1.2 {name} PatientName 00741000 {name} 0010,0030").message
    assert message.attributes == (0x00100010, 0x00100030, 0x00741000)


for pairs, words in (("--set", "set S -iuid 1.2 {}"), ("-q", "find S {}"), ("--filter", "subscribe S -aet ME {}")):
    bad(pairs, f"{words} PatientID", " needs attribute=value, not 'PatientID'")
    bad(pairs, f"{words} =x", ": '=x' is not attribute=value")
    bad(pairs, f"{words} Bogus=x", " Bogus=x: ")
    bad(pairs, f"{words} PatientBirthDate=x/y", " PatientBirthDate=x/y: ") if pairs == "--set" else None
bad("-r", "get S -iuid 1.2 {} Bogus", " Bogus: ")


@row("-iuid")
def instance(stage: Stage, name: str) -> None:
    assert stage.play(f"get S {name} 1.2.3").message.instance == "1.2.3"


@row("-tuid")
def transaction(stage: Stage, name: str) -> None:
    assert sent("set S -iuid 1.2 --set PatientID=y {} 1.7")(stage, name).TransactionUID == "1.7"


@row("--tuid-store")
def claim_store(stage: Stage, name: str) -> None:
    store = stage.folder / f"claims{name}"
    words = f"chstate S -iuid 1.2 -state 'IN PROGRESS' -tuid auto {name} {store}"
    transaction = stage.play(words).message.dataset().TransactionUID
    assert uids.is_uid(transaction)
    assert transaction in store.read_text()


bad("--tuid-store", "chstate S -iuid 1.2 -state 'IN PROGRESS' -tuid auto {} /", " /: ")
bad("-tuid", "set S -iuid 1.2 --set PatientID=y {} auto", " auto needs --tuid-store FILE")

for uid, words in (("-iuid", "get S {}"), ("-tuid", "chstate S -iuid 1.2 -state COMPLETED {}")):
    bad(uid, f"{words} 1.02", ": '1.02' is no UID")
    bad(uid, f"{words} ''", ": '' is no UID")


@row("-state")
def state(stage: Stage, name: str) -> None:
    assert sent("find S {} 'IN PROGRESS'")(stage, name).ProcedureStepState == "IN PROGRESS"


bad("-state", "find S {} CANCELLED", ": 'CANCELLED' is no Procedure Step State; there are SCHEDULED, ")


@row("-aet")
def aet(stage: Stage, name: str) -> None:
    assert sent("subscribe S {} WATCHER")(stage, name).ReceivingAE == "WATCHER"
    assert sent("reqcancel S -iuid 1.2 {} WATCHER")(stage, name).RequestingAE == "WATCHER"


bad("-aet", "subscribe S {} ABCDEFGHIJKLMNOPQ", ": the AE title 'ABCDEFGHIJKLMNOPQ' is longer than 16 characters")
bad("-aet", "subscribe S {} ''", ": the AE title is empty")


@row("-dellock")
def deletion_lock(stage: Stage, name: str) -> None:
    assert sent("subscribe S -aet ME {}")(stage, name).DeletionLock == "TRUE"
    assert sent("subscribe S -aet ME")(stage, name).DeletionLock == "FALSE"


@row("--filter")
def filters(stage: Stage, name: str) -> None:
    message = stage.play(f"subscribe S -aet ME {name} PatientID=y").message
    assert message.instance == uids.UPS_FILTERED_GLOBAL_SUBSCRIPTION
    assert message.dataset().PatientID == "y"


@row("--filtered")
def filtered(stage: Stage, name: str) -> None:
    for operation in ("unsubscribe", "suspend"):
        message = stage.play(f"{operation} S -aet ME {name}").message
        assert message.instance == uids.UPS_FILTERED_GLOBAL_SUBSCRIPTION


@row("--reason")
def reason(stage: Stage, name: str) -> None:
    assert sent("reqcancel S -iuid 1.2 -aet ME {} 'gone home'")(stage, name).ReasonForCancellation == "gone home"


@row("--reason-code")
def reason_code(stage: Stage, name: str) -> None:
    dataset = sent("reqcancel S -iuid 1.2 -aet ME {} '110513,DCM,\"Discontinued, for no reason\"'")(stage, name)
    (code,) = dataset.ProcedureStepDiscontinuationReasonCodeSequence
    assert (code.CodeValue, code.CodingSchemeDesignator) == ("110513", "DCM")
    assert code.CodeMeaning == "Discontinued, for no reason"


@row("--contact")
def contact(stage: Stage, name: str) -> None:
    dataset = sent("reqcancel S -iuid 1.2 -aet ME {} 'Dr. Who'")(stage, name)
    assert dataset.ContactDisplayName == "Dr. Who"


@row("--contact-uri")
def contact_uri(stage: Stage, name: str) -> None:
    assert sent("reqcancel S -iuid 1.2 -aet ME {} tel:+31")(stage, name).ContactURI == "tel:+31"


for text in ("--reason", "--reason-code", "--contact", "--contact-uri"):
    bad(text, "reqcancel S -iuid 1.2 -aet ME {} ''", ": ")
bad("--reason-code", "reqcancel S -iuid 1.2 -aet ME {} 110513,DCM", ": ")


@row("-findprior")
def priority(stage: Stage, name: str) -> None:
    assert stage.play("find S").message.priority == Priority.MEDIUM
    assert stage.play(f"find S {name} HIGH").message.priority == Priority.HIGH
    assert stage.play(f"find S {name} LOW").message.priority == Priority.LOW


bad("-findprior", "find S {} MEDIUM", ": 'MEDIUM' is no priority; there are NORMAL, HIGH, LOW")


@row("-fuzzy")
def fuzzy(stage: Stage, name: str) -> None:
    assert stage.play("find S").asked.find(ExtendedNegotiation) is None
    played = stage.play(f"find S {name}")
    asked = played.asked.find(ExtendedNegotiation)
    assert asked is not None
    assert (asked.sop_class, asked.info) == (uids.UPS_PULL, b"\1\1\1")  # PS3.4 K.5.1
    assert "warning: the peer does not match person names fuzzily (-fuzzy)" in played.err
    for answer, said in ((b"\1\1\1\0", False), (b"\1\1\0", True), (b"\1\1", True)):
        played = stage.play(f"find S {name}", policy=accept_all(extended=lambda _, answer=answer: answer))
        assert ("fuzzily" in played.err) is said


REQUEST = "reqcancel S -iuid 1.2 -aet ME"


def living(*states: str) -> Handler:
    """A workitem that is in the next of these states each time it is looked at, and stays in the last."""
    rest = list(states)

    def handle(request: Request, peer: Peer) -> Flow[None]:
        if not isinstance(request, NGetRequest):
            yield from flows.send(reply(request))
            return
        dataset = Dataset()
        dataset.ProcedureStepState = rest.pop(0) if rest[1:] else rest[0]
        yield from flows.send(reply(request, data_set=dataset))

    return handle


@row("--wait")
def wait(stage: Stage, name: str) -> None:
    played = stage.play(f"{REQUEST} {name} CANCELED", handler=living("IN PROGRESS", "CANCELED"))
    assert [type(message) for message in played.messages] == [NActionRequest, NGetRequest, NGetRequest]
    assert "1.2 is CANCELED" in played.err


@row("--wait-timeout")
def wait_timeout(stage: Stage, name: str) -> None:
    played = stage.play(f"{REQUEST} --wait CANCELED {name} 50", handler=living("IN PROGRESS"), status=4)
    assert "1.2 is still IN PROGRESS after 0.05 s (--wait-timeout)" in played.err


bad("--wait", f"{REQUEST} {{}} DONE", ": 'DONE' is no Procedure Step State; there are ")
bad("--wait", f"{REQUEST} {{}} SCHEDULED", ": no state leads to SCHEDULED")
bad("--wait-timeout", f"{REQUEST} --wait CANCELED {{}} 1s", ": '1s' is no number of milliseconds")


def context_of(name: str) -> Row:
    """The row of an option that chooses the class; the operations have others of their own."""
    uid = {"-upspush": uids.UPS_PUSH, "-upspull": uids.UPS_PULL, "-upswatch": uids.UPS_WATCH}[name]

    def check(stage: Stage, spelling: str) -> None:
        for words in ("get S -iuid 1.2", "subscribe S -aet ME"):
            contexts = stage.play(f"{words} {spelling}").asked.presentation_contexts
            assert [context.abstract_syntax for context in contexts] == [uid, uids.UPS_EVENT]

    return check


for kind in ("-upspush", "-upspull", "-upswatch"):
    row(kind)(context_of(kind))


@row("--trial")
def trial(stage: Stage, name: str) -> None:
    contexts = stage.play(f"get S -iuid 1.2 {name}").asked.presentation_contexts
    assert [context.abstract_syntax for context in contexts] == [uids.UPS_TRIAL_PULL, uids.UPS_TRIAL_EVENT]


@row("-ivrle")
def implicit_only(stage: Stage, name: str) -> None:
    def syntaxes(words: str) -> set[tuple[str, ...]]:
        return {context.transfer_syntaxes for context in stage.play(words).asked.presentation_contexts}

    assert syntaxes("get S -iuid 1.2") == {SYNTAXES}
    assert syntaxes(f"get S -iuid 1.2 {name}") == {ProposedContext("").transfer_syntaxes} == {(uids.IMPLICIT_VR_LE,)}
