"""The grammar: every option, every rule about words and values, every usage error."""

from __future__ import annotations

import argparse
import dataclasses
import re
import shlex
import textwrap

import pytest

import dicomnet
from dicomnet.codes import Priority
from dicomnet.uids import UPS_FILTERED_GLOBAL_SUBSCRIPTION
from ups.cli import server_parser
from ups.cli.addresses import LocalAddress, PeerAddress
from ups.cli.catalogue import OPERATIONS
from ups.cli.console import Console
from ups.cli.help import help_lines
from ups.cli.option import Program
from ups.cli.options import BOUND, PROGRAM
from ups.cli.parser import CommandLine, parse
from ups.cli.reading import Wish, grant, wished
from ups.cli.tls_options import TlsWishes
from ups.cli.usage import build_parser
from ups.cli.values import Code
from ups.cli.words import Taking, UsageError
from ups.names import StepState


def parsed(text: str) -> CommandLine:
    line = parse(shlex.split(text), is_attribute=lambda word: word in ("PatientName", "PatientID"))
    assert isinstance(line, CommandLine)
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
        ("-tuid auto --tuid-store x", "transaction", "auto"),
        ("--tuid-store x", "claim_store", "x"),
        ("-state 'IN PROGRESS'", "state", StepState.IN_PROGRESS),
        ("-state CANCELED", "state", StepState.CANCELED),
        ("-aet WATCHER", "aet", "WATCHER"),
        ("-dellock", "deletion_lock", True),
        ("", "deletion_lock", False),
        ("--filter A=1 B/C=2 --filter D=3", "filters", (("A", "1"), ("B/C", "2"), ("D", "3"))),
        ("--filtered", "filtered", True),
        ("--reason 'not needed'", "reason", "not needed"),
        ("--reason-code 110513,DCM,Discontinued", "reason_code", Code("110513", "DCM", "Discontinued")),
        ("--reason-code '1, 99X, \"Why, then\"'", "reason_code", Code("1", "99X", "Why, then")),
        ('--reason-code \'1,99X,"so ""called"""\'', "reason_code", Code("1", "99X", 'so "called"')),
        ("--contact 'Dr. X'", "contact", "Dr. X"),
        ("--contact-uri tel:1", "contact_uri", "tel:1"),
        ("", "wait", None),
        ("--wait 'IN PROGRESS'", "wait", StepState.IN_PROGRESS),
        ("", "wait_timeout", 60.0),
        ("--wait-timeout 500", "wait_timeout", 0.5),
        ("--wait-timeout 0", "wait_timeout", None),
        ("--watch", "watch", True),
        ("-L ME:0 --exec 'a \"b c\" $d'", "command", ("a", "b c", "$d")),
        ("", "command", None),
        ("", "command_timeout", 30.0),
        ("--exec-timeout 500", "command_timeout", 0.5),
        ("--exec-timeout 0", "command_timeout", None),
        ("", "event_status", 0),
        ("-L ME:0 --status c0Fe", "event_status", 0xC0FE),
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
        ("reqcancel S -iuid 1 -aet ME --wait DONE", "--wait: 'DONE' is no Procedure Step State; there are"),
        ("reqcancel S -iuid 1 -aet ME --wait SCHEDULED", "--wait: no state leads to SCHEDULED"),
        ("reqcancel S -iuid 1 -aet ME --wait-timeout 1s", "--wait-timeout: '1s' is no number of milliseconds"),
        ("chstate S -iuid 1.2 -state COMPLETED -tuid auto", "-tuid auto needs --tuid-store FILE"),
        ("set S -iuid 1.2 --set A=1 --transaction-uid auto", "--transaction-uid auto needs --tuid-store FILE"),
        ("set S -iuid 1.2 --set A=1 -tuid new", "-tuid new: no claim has a UID that is made now"),
        ("create S --set A=1 -tuid auto --tuid-store x", "-tuid auto is for chstate and set, not for create"),
        ("-L ME:0 --exec 'a \"b'", "--exec: 'a \"b' is no command: No closing quotation"),
        ("-L ME:0 --exec ' '", "--exec: the command is empty"),
        ("-L ME:0 --exec '\"\" a'", "--exec: the command is empty"),
        ("-L ME:0 --exec-timeout x", "--exec-timeout: 'x' is no number of milliseconds"),
        *((f"-L ME:0 --status {text}", f"--status: '{text}' is no status") for text in ("0", "00000", "+123", "0x11")),
        ("subscribe S -aet ME --exec a", "--exec needs -L with a port to listen on"),
        ("subscribe S -aet ME --status 0110 -L ME", "--status needs -L with a port to listen on"),
        ("subscribe S -aet ME --watch", "--watch needs -L with a port to listen on"),
        ("subscribe S -aet ME --watch -L ME", "--watch needs -L with a port to listen on"),
        (
            "subscribe S -aet ME --watch -L YOU:0",
            "--watch: event reports for ME (-aet) do not come to YOU (-L)",
        ),
        ("find S -q =1", "-q: '=1' is not attribute=value"),
        ("subscribe S -aet ME --filter x", "--filter needs attribute=value, not 'x'"),
        ("subscribe S -aet ME --filter A=1 -iuid 1.2", "--filter and -iuid exclude each other"),
        ("unsubscribe S -aet ME --filtered --instance-uid 1.2", "--filtered and --instance-uid exclude each other"),
        ("reqcancel S -iuid 1 -aet ME --reason ' '", "--reason: the text is empty"),
        ("reqcancel S -iuid 1 -aet ME --reason-code 1,2", "--reason-code: '1,2' is not VALUE,SCHEME,MEANING"),
        ("reqcancel S -iuid 1 -aet ME --reason-code 1,,x", "--reason-code: '1,,x' is not VALUE,SCHEME,MEANING"),
        ("reqcancel S -iuid 1 -aet ME --reason-code 'a\\b,2,x'", "--reason-code: 'a\\\\b' has a backslash"),
        ("reqcancel S -iuid 1 -aet ME --contact 'a\\b'", "--contact: 'a\\\\b' has a backslash"),
        ("reqcancel S -iuid 1 -aet ME --contact-uri ''", "--contact-uri: the text is empty"),
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
        ("find S --profile x", "--profile: there is no [profile.x] in a configuration file"),
        ("find @ris", "@ris: there is no [ae.ris] in a configuration file"),
        ("config", "config what? There is config check"),
        ("demo S", "demo takes no address and no options"),
        ("demo -v", "demo takes no address and no options"),
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
        (
            "-L ME:0 -rspTO 5 -upspull",
            ("-upspull has no effect without an operation", "-rspTO has no effect without an operation"),
        ),
        ("-L ME:0 -ivrle -v", ()),
        ("subscribe S -aet ME -dellock -iuid 1.2", ()),
        ("find S --filter A=1 --reason x", ("--filter has no effect on find", "--reason has no effect on find")),
        ("get S -iuid 1 -tuid auto", ("-tuid has no effect on get",)),
        ("set S -iuid 1 --set A=1 -tuid 2 --tuid-store x", ("--tuid-store has no effect without -tuid auto",)),
        ("chstate S -iuid 1 -state COMPLETED -tuid auto --tuid-store x", ()),
        ("find S --watch", ("--watch has no effect on find",)),
        ("-L ME:0 --watch", ("--watch has no effect without an operation",)),
        ("-L ME:0 --exec-timeout 5", ("--exec-timeout has no effect without --exec",)),
        ("find S --exec-timeout 5", ("--exec-timeout has no effect without --exec",)),
        ("subscribe S -aet ME --watch -L ME:0 --exec a --exec-timeout 5 --status 0000", ()),
        ("find S --wait CANCELED", ("--wait has no effect on find",)),
        ("reqcancel S -iuid 1 -aet ME --wait-timeout 5", ("--wait-timeout has no effect without --wait",)),
        ("chstate S -iuid 1 -tuid 2 -state COMPLETED --wait-timeout 5 --wait COMPLETED", ()),
        (
            "subscribe S -aet ME -state SCHEDULED -q A=1",
            ("-q selects nothing without --filter", "-state selects nothing without --filter"),
        ),
        ("subscribe S -aet ME -state SCHEDULED --filter A=1 -q B=2", ()),
        ("subscribe S -aet ME --filtered", ("--filtered has no effect on subscribe",)),
        (f"subscribe S -aet ME --filter A=1 -iuid {UPS_FILTERED_GLOBAL_SUBSCRIPTION}", ()),
        (
            "set S -iuid 1 --set A=1 --contact x --contact-uri y --reason-code 1,2,3",
            tuple(f"--{name} has no effect on set" for name in ("reason-code", "contact", "contact-uri")),
        ),
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


@pytest.mark.parametrize(
    ("words", "place", "value"),
    [
        ("--file x.xml", "file", "x.xml"),
        ("--match A=1 B=2", "keys", (("A", "1"), ("B", "2"))),
        ("--return PatientName PatientID -r 00100030", "names", ("PatientName", "PatientID", "00100030")),
        ("--instance-uid=1.2.3", "instance", "1.2.3"),
        ("--transaction-uid new", "transaction", "new"),
        ("--state=SCHEDULED", "state", StepState.SCHEDULED),
        ("--ae-title A", "aet", "A"),
        ("--deletion-lock", "deletion_lock", True),
        ("--find-priority LOW", "priority", Priority.LOW),
        ("--ups-watch", "context", "watch"),
        ("--implicit-vr", "implicit_only", True),
        ("--local ME", "local", LocalAddress("ME", None, None)),
        ("--device ME", "device", "ME"),
        ("--connect-timeout 1", "connect_timeout", 0.001),
        ("--accept-timeout 1", "accept_timeout", 0.001),
        ("--response-timeout 1", "response_timeout", 0.001),
        ("--release-timeout 1", "release_timeout", 0.001),
        ("--verbose -v", "verbose", 2),
        ("-iuid 1.2 --instance-uid 1.3", "instance", "1.3"),
        ("-ivrle --implicit-vr", "implicit_only", True),
        ("-upspush --ups-push", "context", "push"),
    ],
)
def test_the_long_name_is_the_same_option(words: str, place: str, value: object) -> None:
    assert getattr(parsed(f"find SCP {words}"), place) == value


ORIGINAL = {
    "-f": None,
    "-iuid": None,
    "-tuid": None,
    "-state": None,
    "-aet": None,
    "-dellock": False,
    "-q": (),
    "-r": (),
    "-findprior": Priority.MEDIUM,
    "-fuzzy": False,
    "-upspush": None,
    "-upspull": None,
    "-upswatch": None,
    "-L": None,
    "-device": "DCMUPSSCU",
    "-username": None,
    "-passcode": None,
    "-uidnegrsp": False,
    "-ivrle": False,
    "-pdv1": False,
    "-rcvpdulen": 16 * 1024,
    "-sndpdulen": 16 * 1024,
    "-tcpdelay": False,
    "-sorcvbuf": 0,
    "-sosndbuf": 0,
    "-soclosedelay": 0.05,
    "-connectTO": None,
    "-acceptTO": 5.0,
    "-releaseTO": 5.0,
    "-rspTO": 10.0,
    "-reaper": 10.0,
    "-h": None,
    "-V": None,
}
"""The options of the tool that this one takes the place of, with their defaults."""


@pytest.mark.parametrize("name", ORIGINAL)
def test_every_option_of_the_original_is_there_with_its_default_and_a_long_name(name: str) -> None:
    option = next(option for option in PROGRAM.options if option.name == name)
    assert option.default == ORIGINAL[name]
    assert len(option.names) == 2


@pytest.mark.parametrize("program", [PROGRAM, server_parser.PROGRAM], ids=lambda program: program.name)
class TestTable:
    """The records of a program fit together, and what is made of them has every one."""

    def test_every_spelling_is_in_the_help(self, program: Program) -> None:
        words = "\n".join(help_lines(program)).replace(",", " ").split()
        for option in program.options:
            assert set(option.names) <= set(words), option.name

    def test_every_operation_is_in_the_help(self, program: Program) -> None:
        if program is PROGRAM:
            assert set(OPERATIONS) <= set("\n".join(help_lines(program)).split())

    def test_every_option_has_one_long_name(self, program: Program) -> None:
        for option in program.options:
            if option.names != ("-vv",):
                assert [name for name in option.names if name.startswith("--")] == [option.names[-1]]
                assert re.fullmatch("--[a-z]+[0-9]*(-[a-z0-9]+)*", option.names[-1])

    def test_no_spelling_is_there_twice(self, program: Program) -> None:
        names = [name for option in program.options for name in option.names]
        assert len(names) == len(set(names))

    def test_every_place_is_a_field_with_one_default(self, program: Program) -> None:
        line = CommandLine if program is PROGRAM else server_parser.ServerLine
        fields = {field.name for field in dataclasses.fields(line)}
        fields |= {f"tls_{field.name}" for field in dataclasses.fields(TlsWishes)}
        defaults: dict[str, object] = {}
        for option in program.options:
            if option.settable:
                assert option.dest in fields, option.name
                assert defaults.setdefault(option.dest, option.default) == option.default, option.name

    def test_what_takes_a_value_says_what_it_is_called(self, program: Program) -> None:
        for option in program.options:
            assert (option.metavar is None) is (option.taking is Taking.NOTHING), option.name
            assert option.help, option.name
            if option.taking is Taking.VALUE and option.default:
                assert "default" in option.help or option.dest == "reaper_period", option.name
            for choice in option.choices:
                option.convert(choice)


def test_only_bound_options_are_named_by_the_operations() -> None:
    for spec in OPERATIONS.values():
        assert {*spec.needs, *spec.uses} <= set(BOUND), spec.name


def test_an_error_names_the_spelling_that_was_used() -> None:
    with pytest.raises(UsageError, match=r"^--instance-uid: '1\.02' is no UID$"):
        parsed("find S --instance-uid 1.02")
    assert parsed("get S -iuid 1.2 --deletion-lock").warnings == ("--deletion-lock has no effect on get",)


def test_help_shows_the_value_once_and_fits_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    text = "\n".join(help_lines(PROGRAM))
    assert "  -iuid, --instance-uid UID\n" in text
    options = text[text.index("what is sent:") : text.index("operations:")]
    assert max(len(line) for line in options.splitlines()) <= 50


class Formatter(argparse.RawDescriptionHelpFormatter):
    """argparse's, with the value named once per option, and lines that end where words do."""

    def _format_action_invocation(self, action: argparse.Action) -> str:
        return f"{', '.join(action.option_strings)} {action.metavar or ''}".rstrip()

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(text, width, break_on_hyphens=False)


@pytest.mark.parametrize("program", [PROGRAM, server_parser.PROGRAM], ids=lambda program: program.name)
@pytest.mark.parametrize("columns", [80, 90, 133, 400])
def test_the_help_is_what_argparse_would_make_of_it(
    program: Program, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    parser = build_parser(program)
    parser.formatter_class = lambda prog: Formatter(prog, max_help_position=32, width=columns - 2)
    assert "\n".join(help_lines(program)) + "\n" == parser.format_help()


@pytest.mark.parametrize("words", [["frobnicate", "-h"], ["-V", "--help"], ["--help", "-iuid", "x"]])
def test_help_wins_over_what_is_wrong_with_the_rest(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    wish = wished(PROGRAM, words)
    assert wish is Wish.HELP
    grant(wish, PROGRAM, Console("dcmups"))
    assert capsys.readouterr().out.startswith("usage: dcmups")


@pytest.mark.parametrize("words", [["frobnicate", "-V"], ["--version", "a", "b", "c"]])
def test_version_wins_over_what_is_wrong_with_the_rest(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    wish = wished(PROGRAM, words)
    assert wish is Wish.VERSION
    grant(wish, PROGRAM, Console("dcmups"))
    assert capsys.readouterr().out == f"dcmups {dicomnet.__version__}\n"
