"""Configuration config_files: mistakes in them, what is no file, and who may read a password."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import WriteFiles
from ups.cli import options, settings
from ups.cli.main import main
from ups.cli.option import Option, Program

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[dcmups]\nacept-timeout = 1", ": [dcmups] unknown key 'acept-timeout'; did you mean 'accept-timeout'?"),
        ("[dcmups]\nzzzz = 1", ": [dcmups] unknown key 'zzzz'"),
        ("[dcmups]\nhelp = true", ": [dcmups] unknown key 'help'"),
        ("[dcmups]\npeer = 'A=h:1'", ": [dcmups] unknown key 'peer'"),
        ("[upsscp]\nstate = 'x'", ": [upsscp] unknown key 'state'"),
        ("[profile.x]\nprofile = 'y'", ": [profile.x] unknown key 'profile'; did you mean 'tls-profile'?"),
        ("[aes.ris]\naddress = 'R'", ": unknown table [aes]; did you mean [ae]?"),
        ("state = 'SCHEDULED'", ": unknown key 'state'"),
        ("dcmups = 1", ": 'dcmups' is a table: [dcmups]"),
        ("[ae]\naddress = 'R'", ": [ae] address: it belongs in a table [ae.NAME]"),
        ("[ae.ris]\ntrial = true", ": [ae.ris] has no address; it is AET@HOST:PORT"),
        ("[ae.ris]\naddress = 'R@h:x'", ": [ae.ris] address: 'x' in 'R@h:x' is no port number (0 to 65535)"),
        ("[ae.ris]\naddress = 1", ": [ae.ris] address: 1 is no text"),
        ("[profile.x]\nrspTO = 1.5", ": [profile.x] rspTO: 1.5 is neither a text nor a whole number"),
        ("[profile.x]\nrspTO = true", ": [profile.x] rspTO: True is neither a text nor a whole number"),
        ("[profile.x]\nrspTO = 'soon'", ": [profile.x] rspTO: 'soon' is no number of milliseconds"),
        ("[profile.x]\ntrial = 'yes'", ": [profile.x] trial: 'yes' is neither true nor false"),
        ("[profile.x]\nverbose = 10", ": [profile.x] verbose: 10 is neither true nor false"),
        ("[profile.x]\nq = ['A']", ": [profile.x] q: 'A' is not attribute=value"),
        ("[defaults]\nstate = 'DONE'", ": [defaults] state: 'DONE' is no Procedure Step State; there are SCHEDULED"),
        ('[dcmups]\nexec = "cat \\u0000"', ": [dcmups] exec: the text has a NUL"),
        ('[profile.x]\nq = ["PatientID=1", "PatientName=\\u0000"]', ": [profile.x] q: the text has a NUL"),
        ('[upsscp]\nkey-password = "hush\\u0000"', ": [upsscp] key-password: this cannot be its value"),
        ('[dcmups]\nusername = "me\\u0000"', ": [dcmups] username: the text has a NUL"),
        ('[dcmups]\nusername = "me\\n"', ": [dcmups] username: the text has a control character"),
        ('[defaults]\npasscode = "hush\\u0085"', ": [defaults] passcode: this cannot be its value"),
        ("[dcmups]\nrspTO = 1\nresponse-timeout = 2", "[dcmups] response-timeout exclude each other"),
        ("[dcmups]\nups-push = true\nups-pull = true", "[dcmups] ups-pull exclude each other"),
        ("[dcmups]\n\nrspTO 1", ":3: Expected '=' after a key in a key/value pair"),
        ("[dcmups]\nrspTO = 1\nrspTO = 2\n", ":3: Cannot overwrite a value"),
        ("[dcmups]\ndevice = 'x", ": Expected"),
        (b"[dcmups]\ndevice = '\xff'", ":2: this is no UTF-8"),
        ("x = " + "[" * 5000, ": it nests too deeply"),
        ("#" * (1 << 20) + "\n", ": larger than 1048576 bytes"),
    ],
)
@pytest.mark.parametrize("words", ["find S@127.0.0.1:1", "config check"])
def test_a_mistake_is_one_line_with_file_table_and_key_and_nothing_is_sent(
    words: str, text: str | bytes, message: str, config_files: WriteFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config_files(text)
    assert main(words.split()) == 1
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if not line.startswith("dcmups: Try")]
    assert len(lines) == 1, lines
    assert lines[0].startswith(f"dcmups: {path}"), lines
    assert message in lines[0]
    assert "hush" not in out + err
    assert "with mistakes" in out if words == "config check" else not out


def test_what_is_no_file_is_refused_and_not_waited_for(
    config_files: WriteFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config_files("")
    path.unlink()
    os.mkfifo(path)
    assert main(["find", "S@127.0.0.1:1"]) == 1
    assert capsys.readouterr().err.splitlines()[0] == f"dcmups: {path}: this is no file"
    path.unlink()
    path.mkdir()
    assert main(["find", "S@127.0.0.1:1"]) == 1
    assert capsys.readouterr().err.startswith(f"dcmups: {path}: ")
    path.rmdir()
    path.symlink_to("nowhere")
    assert main(["find", "S@127.0.0.1:1"]) == 1
    assert capsys.readouterr().err.splitlines()[0] == f"dcmups: {path}: No such file or directory"


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, True), (0o604, True), (0o622, False)])
def test_a_file_with_a_password_that_others_can_read_gets_a_warning(
    mode: int, warned: bool, config_files: WriteFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = Option(names=("--pass",), dest="pass", help="", secret=True)
    program = Program(
        name="dcmups",
        usage="",
        description="",
        epilog="",
        sections=(options.Section("x", (secret, options.VERBOSITY)),),
    )
    monkeypatch.setattr(options, "PROGRAM", program)
    path = config_files("[dcmups]\npass = 'hush'")
    path.chmod(mode)
    found = settings.load(program)
    assert found.problems == []
    text = f"{path} holds a password and can be read by others (mode {mode:04o}): chmod 600 {path}"
    assert found.warnings == ([text] if warned else [])
    assert found.files[0].tables["dcmups", "dcmups"]["pass"].text == "***"
    config_files("[dcmups]\nverbose = 1").chmod(mode)
    assert settings.load(program).warnings == []
    config_files("[dcmups]\npass = ['hush']")
    assert "hush" not in settings.load(program).problems[0]


def test_tomllib_is_loaded_only_for_a_file(tmp_path: Path) -> None:
    code = "import sys; from ups.cli.main import main; main(['config', 'check']); print('tomllib' in sys.modules)"
    for name, there in (("x.toml", True), ("none.toml", False)):
        (tmp_path / "x.toml").touch()
        environment = {**os.environ, "DICOMNET_CONFIG": str(tmp_path / name)}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, cwd=Path(__file__).parents[2], capture_output=True, text=True
        )
        assert done.stdout.splitlines()[-1] == str(there)
