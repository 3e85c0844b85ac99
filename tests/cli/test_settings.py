"""Options that the environment and configuration files set: who wins, what is refused, and how it is explained."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from dicomnet.wire import AAssociateRQ
from tests.cli.conftest import WriteFiles
from ups.cli import options, server_parser, settings, upsscp
from ups.cli.addresses import LocalAddress, PeerAddress
from ups.cli.main import main
from ups.cli.option import Option, Repeat
from ups.cli.parser import CommandLine, parse
from ups.cli.words import Taking, UsageError
from ups.names import StepState

pytestmark = pytest.mark.once


def parsed(text: str) -> CommandLine:
    line = parse(shlex.split(text), is_attribute=lambda _: False, load=settings.load)
    assert isinstance(line, CommandLine)
    return line


def served(*words: str) -> server_parser.ServerLine:
    line = server_parser.parse(words, load=settings.load)
    assert isinstance(line, server_parser.ServerLine)
    return line


SYSTEM = """
[defaults]
acceptTO = 1
[dcmups]
acceptTO = 2
[profile.slow]
acceptTO = 4
[ae.ris]
address = "RIS@etc:104"
acceptTO = 6
"""
USER = """
[dcmups]
acceptTO = 3
[profile.slow]
acceptTO = 5
[ae.ris]
acceptTO = 7
"""


def only(text: str, tables: str) -> str:
    """The file without the tables that are not among these letters: d(efaults), c (dcmups), p(rofile), a(e)."""
    parts = text.strip().split("\n[")
    letters = {
        "[defaults]": "d",
        "defaults]": "d",
        "[dcmups]": "c",
        "dcmups]": "c",
        "profile.slow]": "p",
        "ae.ris]": "a",
    }
    kept = []
    for part in parts:
        head, _, body = part.partition("\n")
        table = head if head.startswith("[") else f"[{head}"
        wanted = letters[head] in tables
        kept.append("\n".join([table, *(line for line in body.split("\n") if wanted or line.startswith("address"))]))
    return "\n".join(kept)


@pytest.mark.parametrize(
    ("words", "environment", "user", "system", "milliseconds"),
    [
        ("", "", "", "", 5000),
        ("", "", "", "d", 1),
        ("", "", "", "dc", 2),
        ("", "", "c", "dc", 3),
        ("", "", "", "dcp", 4),
        ("", "", "c", "dcp", 4),
        ("", "", "cp", "dcp", 5),
        ("", "", "cp", "dcpa", 6),
        ("", "", "cpa", "dcpa", 7),
        ("", "8", "cpa", "dcpa", 8),
        ("-acceptTO 9", "8", "cpa", "dcpa", 9),
    ],
)
def test_the_most_specific_wins_and_of_two_files_the_users(
    words: str,
    environment: str,
    user: str,
    system: str,
    milliseconds: int,
    config_files: WriteFiles,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config_files(only(USER, user), only(SYSTEM, system))
    monkeypatch.setenv("DCMUPS_ACCEPT_TIMEOUT", environment)
    assert parsed(f"find @ris --profile slow {words}").accept_timeout == milliseconds / 1000


def test_every_option_can_be_set_by_every_name_it_has(
    config_files: WriteFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    for program in (options.PROGRAM, server_parser.PROGRAM):
        for option in program.options:
            if not option.settable:
                continue
            text, toml = example(option)
            for name in option.names:
                key = name.lstrip("-")
                config_files(f"[{program.name}]\n{key} = {toml}\n[profile.x]\n")
                found = settings.load(program)
                assert found.problems == []
                (set_,) = found.files[0].tables[program.name, program.name].values()
                assert set_.option is option
                if name.startswith("--"):
                    monkeypatch.setenv(f"{program.name}{name[1:]}".upper().replace("-", "_"), text)
                    by_variable = settings.load(program)
                    assert by_variable.problems == by_variable.warnings == []
                    assert by_variable.environment[option.dest].value == set_.value
                    monkeypatch.delenv(f"{program.name}{name[1:]}".upper().replace("-", "_"))


VALUES = ("1", "A=h:1", "A@h:1", "A,B,C", "1.2.3", "A=1", "C001")
"""One of them is a value of any option without choices."""


def example(option: Option) -> tuple[str, str]:
    """A value that the option takes, as a variable and as TOML."""
    if option.taking is Taking.NOTHING:
        return "yes", "true"
    for text in (*option.choices[:1], *VALUES):
        try:
            option.convert(text)
        except ValueError:
            continue
        return text, f'["{text}"]' if option.repeat is Repeat.ALL else f'"{text}"'
    raise AssertionError(f"VALUES needs one for {option.name}")


@pytest.mark.parametrize(
    ("toml", "variable", "place", "value"),
    [
        ("accept-timeout = 3000", ("ACCEPT_TIMEOUT", "3000"), "accept_timeout", 3.0),
        ('accept-timeout = "3000"', ("ACCEPT_TIMEOUT", "3000"), "accept_timeout", 3.0),
        ("trial = true", ("TRIAL", "Yes"), "trial", True),
        ("trial = false", ("TRIAL", "off"), "trial", False),
        ("verbose = 2", ("VERBOSE", "2"), "verbose", 2),
        ("verbose = true", ("VERBOSE", "true"), "verbose", 1),
        ("ups-watch = true\nups-pull = false", ("UPS_WATCH", "1"), "context", "watch"),
        ("ups-push = false", ("UPS_PUSH", "no"), "context", None),
        (
            'return = ["PatientID", "PatientName"]',
            ("RETURN", "PatientID PatientName"),
            "names",
            ("PatientID", "PatientName"),
        ),
        ('match = "PatientID=1 2"', ("MATCH", "'PatientID=1 2'"), "keys", (("PatientID", "1 2"),)),
        ('state = "IN PROGRESS"', ("STATE", "IN PROGRESS"), "state", StepState.IN_PROGRESS),
        ('L = "ME@localhost"', ("LOCAL", "ME@localhost"), "local", LocalAddress("ME", "localhost", None)),
    ],
)
def test_a_value_is_written_as_toml_or_as_text(
    toml: str,
    variable: tuple[str, str],
    place: str,
    value: object,
    config_files: WriteFiles,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config_files(f"[dcmups]\n{toml}")
    assert getattr(parsed("find S"), place) == value
    config_files("")
    monkeypatch.setenv(f"DCMUPS_{variable[0]}", variable[1])
    assert getattr(parsed("find S"), place) == value
    monkeypatch.setenv(f"DCMUPS_{variable[0]}", "")  # as if it were not there
    assert getattr(parsed("find S"), place) == getattr(parsed("find S"), place)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("find @rsi", "@rsi: there is no [ae.rsi] in {path}; did you mean @ris?"),
        ("find @", "'@' has no AE title before the @"),
        ("find S --profile nigth", "--profile: there is no [profile.nigth] in {path}; did you mean night?"),
        ("config", "config what? There is config check"),
        ("config frob", "config what? There is config check"),
        ("config check RIS", "unexpected word 'RIS'; config check takes an alias: @NAME"),
        ("config check @ris @ris", "unexpected word '@ris'; config check takes an alias: @NAME"),
        ("config check @rsi", "@rsi: there is no [ae.rsi] in {path}; did you mean @ris?"),
    ],
)
def test_a_name_that_nobody_knows_is_refused_with_the_nearest(
    words: str, message: str, config_files: WriteFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config_files("[ae.ris]\naddress = 'RIS@127.0.0.1:1'\n[profile.night]\n")
    assert main(words.split()) == 1
    assert capsys.readouterr().err.splitlines()[0].startswith(f"dcmups: {message.format(path=path)}")


def test_an_alias_without_any_file_is_refused(config_files: WriteFiles) -> None:
    with pytest.raises(UsageError) as caught:
        parsed("find @ris")
    assert str(caught.value) == "@ris: there is no [ae.ris] in a configuration file, for there is none"


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        (
            "DCMUPS_RESPONSE_TIMEOUT",
            "x",
            "the environment variable DCMUPS_RESPONSE_TIMEOUT: 'x' is no number of millis",
        ),
        ("DCMUPS_TRIAL", "maybe", "the environment variable DCMUPS_TRIAL: 'maybe' is neither yes nor no"),
        ("DCMUPS_RETURN", "'A", "the environment variable DCMUPS_RETURN: the words cannot be told apart"),
        ("DCMUPS_PROFILE", "x", "the environment variable DCMUPS_PROFILE: there is no [profile.x] in a configuration"),
        ("DCMUPS_STATE", "\x1b[31m", r"the environment variable DCMUPS_STATE: '\x1b[31m' is no Procedure Step State"),
    ],
)
def test_a_variable_that_cannot_be_used_is_refused(
    name: str,
    value: str,
    line: str,
    config_files: WriteFiles,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(name, value)
    assert main(["find", "S@127.0.0.1:1"]) == 1
    assert capsys.readouterr().err.splitlines()[0].startswith(f"dcmups: {line}")


def test_a_variable_of_no_option_gets_a_warning(config_files: WriteFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DCMUPS_ACCEPTTIMEOUT", "1")
    text = "the environment variable DCMUPS_ACCEPTTIMEOUT is no option's; did you mean DCMUPS_ACCEPT_TIMEOUT?"
    assert parsed("find S").warnings == (text,)


@pytest.mark.parametrize(
    ("name", "known", "guess"),
    [
        ("acept-timeout", ["accept-timeout", "wait-timeout"], "; did you mean accept-timeout?"),
        ("rspto", ["rspTO", "reason"], "; did you mean rspTO?"),
        ("rsi", ["ris", "pacs"], "; did you mean ris?"),
        ("device-name", ["device", "username"], "; did you mean device?"),
        ("retries", ["return", "r"], ""),
        ("host", ["set", "L"], ""),
        ("peer", ["reaper"], ""),
        ("log-level", ["close-delay"], ""),
        ("foo", ["f", "color"], ""),
        ("pdu", ["pdv1"], ""),
        ("x", [], ""),
    ],
)
def test_only_a_near_miss_is_guessed_at(name: str, known: list[str], guess: str) -> None:
    assert settings.nearest(name, known) == guess


@pytest.mark.parametrize("name", ["DCMUPS_HOME", "DCMUPS_FOO", "DCMUPS_LOG_LEVEL", "DCMUPS_URL"])
def test_what_all_variables_begin_with_is_no_likeness(
    name: str, config_files: WriteFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "1")
    assert parsed("find S").warnings == (f"the environment variable {name} is no option's",)


def test_two_variables_for_one_place_exclude_each_other(
    config_files: WriteFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DCMUPS_UPS_PUSH", "1")
    monkeypatch.setenv("DCMUPS_UPS_PULL", "1")
    with pytest.raises(UsageError, match=r"DCMUPS_UPS_PULL and .*DCMUPS_UPS_PUSH exclude each other"):
        parsed("find S")


def test_an_alias_is_called_by_its_address_with_its_options(
    config_files: WriteFiles, scripted: Callable[..., object], capsys: pytest.CaptureFixture[str]
) -> None:
    peer = scripted()
    address = peer.address  # type: ignore[attr-defined]
    config_files(
        f"[ae.ris]\naddress = '{address}'\ndevice = 'STATION7'\nivrle = true\n[ae.other]\naddress = 'X'\ndevice = 'Y'"
    )
    assert main(["subscribe", "@ris", "-aet", "ME"]) == 0
    assert peer.ended_in_order()  # type: ignore[attr-defined]
    request: AAssociateRQ = peer.request  # type: ignore[attr-defined]
    assert request.called_ae_title.strip() == "SCRIPTED"
    assert request.calling_ae_title.strip() == "STATION7"
    assert [len(context.transfer_syntaxes) for context in request.presentation_contexts] == [1, 1]


def test_a_profile_can_be_the_default(config_files: WriteFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    config_files(
        "[dcmups]\nprofile = 'a'\n[profile.a]\ndevice = 'A'\n[profile.b]\ndevice = 'B'\n[profile.c]\ndevice = 'C'"
    )
    assert parsed("find S").device == "A"
    monkeypatch.setenv("DCMUPS_PROFILE", "b")
    assert parsed("find S").device == "B"
    assert parsed("find S --profile c").device == "C"


def test_what_is_set_counts_where_an_operation_needs_it_and_is_nothing_to_warn_of_elsewhere(
    config_files: WriteFiles,
) -> None:
    config_files("[dcmups]\nae-title = 'ME'\nstate = 'SCHEDULED'\nreason = 'why'\nreturn = ['PatientID']")
    assert parsed("subscribe S").aet == "ME"
    line = parsed("get S -iuid 1.2")
    assert (line.aet, line.state, line.reason, line.names) == (None, None, None, ("PatientID",))
    assert line.warnings == parsed("-L ME:0").warnings == parsed("subscribe S").warnings == ()
    assert parsed("-L ME:0").names == ()


def test_a_user_that_is_given_takes_the_place_of_one_that_is_set(config_files: WriteFiles) -> None:
    config_files('[defaults]\nusername = "ops"\npasscode = "geheim"\nidentity-response = true\n')
    line = parsed("find S@h")
    assert (line.username, line.passcode, line.identity_response) == ("ops", "geheim", True)
    line = parsed("find S@h --jwt token")
    assert (line.username, line.passcode, line.jwt, line.warnings) == (None, None, "token", ())
    line = parsed("find S@h -username other")
    assert (line.username, line.passcode, line.warnings) == ("other", None, ())
    line = parsed("find S@h -passcode new")
    assert (line.username, line.passcode) == ("ops", "new")
    config_files("[defaults]\nidentity-response = true\n")
    assert parsed("find S@h").warnings == ()


def test_the_demo_is_left_alone(config_files: WriteFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    config_files("[dcmups]\nnonsense = 1")
    monkeypatch.setenv("DCMUPS_STATE", "x")
    assert parsed("demo").demo


def test_an_input_that_turns_out_bad_is_blamed_on_where_it_stands(
    config_files: WriteFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config_files("[profile.x]\nreturn = ['NoSuchKeyword']\n[upsscp]\nlocal = 'A:0'\ndb = '/nowhere/x.db'")
    assert main(["find", "S@127.0.0.1:1", "--profile", "x"]) == 1
    first = capsys.readouterr().err.splitlines()[0]
    assert first.startswith("dcmups: -r NoSuchKeyword: ")
    assert first.endswith(f"(from {path}: [profile.x] return)")
    assert upsscp.main([]) == 1
    first = capsys.readouterr().err.splitlines()[0]
    assert first.startswith("upsscp: --db /nowhere/x.db: ")
    assert first.endswith(f"(from {path}: [upsscp] db)")


def test_the_aliases_are_the_ae_table_of_the_scp(config_files: WriteFiles) -> None:
    config_files(
        "[upsscp]\nlocal = 'SCP:0'\n[ae.a]\naddress = 'A@h:1'\n[ae.b]\naddress = 'B@h:2'\n[ae.b2]\naddress = 'B@h:2'"
    )
    assert set(served().peers) == {PeerAddress("A", "h", 1), PeerAddress("B", "h", 2)}
    assert set(served("--peer", "A=x:9").peers) == {PeerAddress("A", "x", 9), PeerAddress("B", "h", 2)}


def test_two_addresses_for_one_title_are_none(config_files: WriteFiles) -> None:
    config_files("[upsscp]\nlocal = 'SCP:0'\n[ae.a]\naddress = 'A@h:1'\n[ae.b]\naddress = 'A@h:2'")
    line = served()
    assert line.peers == ()
    assert line.warnings == ("A has different addresses in [ae.a] and [ae.b]: no event reports go there",)
    assert served("--peer", "A=h:2").warnings == ()


def test_each_program_takes_its_own_table_and_both_the_defaults(config_files: WriteFiles) -> None:
    config_files("[defaults]\nverbose = 1\n[dcmups]\nlocal = 'ME'\n[upsscp]\nlocal = 'SCP:0'\n[profile.x]\nverbose = 2")
    assert (parsed("find S").verbose, parsed("find S").calling_ae_title) == (1, "ME")
    assert (served().verbose, served().local) == (1, LocalAddress("SCP", None, 0))
    assert served("--profile", "x").verbose == 2


@pytest.mark.parametrize("first", ["XDG", "one file", "none"])
def test_which_files_are_read(
    first: str, config_files: WriteFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config_files("[dcmups]\ndevice = 'USER'", "[dcmups]\ndevice = 'ETC'\nverbose = 1")
    other = tmp_path / "other.toml"
    other.write_text("[dcmups]\ndevice = 'OTHER'")
    if first != "XDG":
        monkeypatch.setenv("DICOMNET_CONFIG", str(other) if first == "one file" else "")
    line = parsed("find S")
    assert (line.device, line.verbose) == {"XDG": ("USER", 1), "one file": ("OTHER", 0), "none": ("DCMUPSSCU", 0)}[
        first
    ]


def test_a_file_that_was_named_has_to_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "none.toml"
    monkeypatch.setenv("DICOMNET_CONFIG", str(path))
    with pytest.raises(UsageError, match=f"^DICOMNET_CONFIG: {path} is not there$"):
        parsed("find S")
    assert main(["config", "check"]) == 1
    assert capsys.readouterr().err == f"dcmups: DICOMNET_CONFIG: {path} is not there\n"


def test_a_relative_xdg_folder_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.config_paths({"XDG_CONFIG_HOME": "here"}) == (
        str(Path.home() / ".config" / "dicomnet" / "config.toml"),
        "/etc/dicomnet/config.toml",
    )
