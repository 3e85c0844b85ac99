"""The grammar: every option, every rule about words and values, every usage error."""

from __future__ import annotations

import shlex

import pytest

from dicomnet.codes import Priority
from ups.cli.addresses import LocalAddress, PeerAddress
from ups.cli.catalogue import OPERATIONS
from ups.cli.parser import CommandLine, build_parser, parse
from ups.cli.words import UsageError
from ups.names import StepState


def parsed(text: str) -> CommandLine:
    line = parse(build_parser(), shlex.split(text), is_attribute=lambda word: word in ("PatientName", "PatientID"))
    assert line is not None
    return line


@pytest.mark.parametrize(
    ("words", "place", "value"),
    [
        ("-f x.xml", "file", "x.xml"),
        ("--set A=1 B=2 --set C=", "edits", (("A", "1"), ("B", "2"), ("C", ""))),
        ("-q A=1 B=2 -q C/D=3", "keys", (("A", "1"), ("B", "2"), ("C/D", "3"))),
        ("-q 'PatientName=DOE^JOHN=X'", "keys", (("PatientName", "DOE^JOHN=X"),)),
        ("-r PatientName PatientID -r 00100030", "names", ("PatientName", "PatientID", "00100030")),
        ("-iuid 1.2.3", "instance", "1.2.3"),
        ("-tuid 1.2.4", "transaction", "1.2.4"),
        ("-tuid new", "transaction", "new"),
        ("-state 'IN PROGRESS'", "state", StepState.IN_PROGRESS),
        ("-state CANCELED", "state", StepState.CANCELED),
        ("-aet WATCHER", "aet", "WATCHER"),
        ("-dellock", "deletion_lock", True),
        ("", "deletion_lock", False),
        ("", "priority", Priority.MEDIUM),
        ("-findprior NORMAL", "priority", Priority.MEDIUM),
        ("-findprior HIGH", "priority", Priority.HIGH),
        ("-findprior LOW", "priority", Priority.LOW),
        ("", "context", None),
        ("-upspush", "context", "push"),
        ("-upspull", "context", "pull"),
        ("-upswatch", "context", "watch"),
        ("--trial", "trial", True),
        ("-ivrle", "implicit_only", True),
        ("", "local", None),
        ("-L ME@localhost:0", "local", LocalAddress("ME", "localhost", 0)),
        ("", "device", "DCMUPSSCU"),
        ("-device ME", "calling_ae_title", "ME"),
        ("-device ME -L YOU", "calling_ae_title", "YOU"),
        ("", "connect_timeout", None),
        ("-connectTO 1500", "connect_timeout", 1.5),
        ("", "accept_timeout", 5.0),
        ("-acceptTO 20", "accept_timeout", 0.02),
        ("-acceptTO 0", "accept_timeout", None),
        ("", "response_timeout", 10.0),
        ("-rspTO 30000", "response_timeout", 30.0),
        ("", "release_timeout", 5.0),
        ("-releaseTO 1", "release_timeout", 0.001),
        ("", "verbose", 0),
        ("-v", "verbose", 1),
        ("-vv", "verbose", 2),
        ("-v -v", "verbose", 2),
    ],
)
@pytest.mark.parametrize("order", ["after", "before", "between"])
def test_an_option_has_its_value_wherever_it_stands(words: str, place: str, value: object, order: str) -> None:
    text = {"after": f"find SCP {words}", "before": f"{words} find SCP", "between": f"find {words} SCP"}[order]
    line = parsed(text)
    assert getattr(line, place) == value
    assert line.operation is OPERATIONS["find"]
    assert line.called == PeerAddress("SCP", "localhost", 104)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "what to do? There is no operation and no -L with a port"),
        ("-v", "what to do? There is no operation and no -L with a port"),
        ("-L ME", "-L without an operation needs a port to listen on"),
        ("-L ME@localhost", "-L without an operation needs a port to listen on"),
        ("find", "find needs the address of the peer: <aet>[@<host>[:<port>]]"),
        ("frobnicate S", "unknown operation 'frobnicate'; there are create, set, get, find, chstate, reqcancel"),
        ("find S extra", "unexpected word 'extra'"),
        ("find S@host:x", "'x' in 'S@host:x' is no port number (0 to 65535)"),
        ("find S -iuid 1.02", "-iuid: '1.02' is no UID"),
        (f"find S -iuid {'1' * 65}", "-iuid: '1111"),
        ("find S -tuid NEW", "-tuid: 'NEW' is no UID"),
        ("find S -state CANCELLED", "-state: 'CANCELLED' is no Procedure Step State; there are SCHEDULED, IN PROGRESS"),
        ("find S -state scheduled", "-state: 'scheduled' is no"),
        ("find S -aet ABCDEFGHIJKLMNOPQ", "-aet: the AE title 'ABCDEFGHIJKLMNOPQ' is longer than 16 characters"),
        ("find S -device ''", "-device: the AE title is empty"),
        ("find S -L ME:x", "-L: 'x' in 'ME:x' is no port number"),
        ("find S -findprior MEDIUM", "-findprior: 'MEDIUM' is no priority; there are NORMAL, HIGH, LOW"),
        ("find S -rspTO 1.5", "-rspTO: '1.5' is no number of milliseconds"),
        ("find S -rspTO -1", "-rspTO: '-1' is no number of milliseconds"),
        ("find S -acceptTO ''", "-acceptTO: '' is no number of milliseconds"),
        ("find S -connectTO 1e3", "-connectTO: '1e3' is no number of milliseconds"),
        ("find S -releaseTO 9999999999", "-releaseTO: '9999999999' is no number of milliseconds"),
        ("find S -upspush -upswatch", "-upspush and -upswatch exclude each other"),
        ("find S -q =1", "-q: '=1' is not attribute=value"),
        ("create S", "create needs a data set: -f FILE or --set attribute=value"),
        ("set S -iuid 1.2", "set needs a data set: -f FILE or --set attribute=value"),
        ("set S --set A=1", "set needs -iuid"),
        ("get S", "get needs -iuid"),
        ("chstate S -state COMPLETED -tuid 1.2", "chstate needs -iuid"),
        ("chstate S -iuid 1.2 -tuid 1.2", "chstate needs -state"),
        ("chstate S -iuid 1.2 -state COMPLETED", "chstate needs -tuid"),
        ("reqcancel S -aet ME", "reqcancel needs -iuid"),
        ("reqcancel S -iuid 1.2", "reqcancel needs -aet"),
        ("subscribe S", "subscribe needs -aet"),
        ("unsubscribe S", "unsubscribe needs -aet"),
        ("suspend S", "suspend needs -aet"),
        ("demo S", "demo takes no address and no options"),
        ("demo -iuid 1.2", "demo takes no address and no options"),
    ],
)
def test_bad_usage_is_one_line_that_names_the_culprit(words: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parsed(words)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("words", "warnings"),
    [
        ("suspend S -aet ME -iuid 1.2", ("-iuid has no effect on suspend",)),
        ("get S -iuid 1.2 -tuid 1.3 -dellock", ("-tuid has no effect on get", "-dellock has no effect on get")),
        ("find S -aet ME", ("-aet has no effect on find",)),
        ("chstate S -iuid 1 -tuid 2 -state COMPLETED -findprior LOW", ("-findprior has no effect on chstate",)),
        ("-L ME:0 -iuid 1.2", ("-iuid has no effect without an operation",)),
        ("subscribe S -aet ME -dellock -iuid 1.2", ()),
    ],
)
def test_an_option_without_effect_gets_a_warning(words: str, warnings: tuple[str, ...]) -> None:
    assert parsed(words).warnings == warnings


def test_listening_needs_no_operation() -> None:
    line = parsed("-L WATCHER@localhost:11113")
    assert line.operation is None
    assert line.listens
    assert not parsed("find S -L WATCHER@localhost").listens


def test_an_unknown_word_behind_r_is_the_address_when_one_is_missing() -> None:
    line = parsed("find -r PatientName SCP")
    assert line.names == ("PatientName",)
    assert line.called == PeerAddress("SCP", "localhost", 104)


def test_every_option_of_the_grammar_is_in_the_help() -> None:
    parser = build_parser()
    text = parser.format_help()
    for name in parser.taking:
        assert f"{name}" in text, name
    for name in OPERATIONS:
        assert name in text


def test_help_and_version_win_over_what_is_wrong_with_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(build_parser(), ["frobnicate", "-h"], is_attribute=lambda word: False)
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("usage: dcmups")
    assert parse(build_parser(), ["frobnicate", "-V"], is_attribute=lambda word: False) is None
