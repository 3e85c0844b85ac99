"""``config check``: every value and where it comes from, everything that is wrong, and no password."""

from __future__ import annotations

import pytest

from tests.cli.conftest import WriteFiles
from ups.cli import settings, upsscp
from ups.cli.main import main

pytestmark = pytest.mark.once

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


def test_config_check_tells_which_value_came_from_where(
    config_files: WriteFiles, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config_files("[dcmups]\nacceptTO = 3000\n[ae.ris]\naddress = 'RIS@ris:1'\nrspTO = 5\n[profile.slow]", SYSTEM)
    system = settings.SYSTEM_FILE
    monkeypatch.setenv("DCMUPS_DEVICE", "ME")
    monkeypatch.setenv("DCMUPS_DEVISE", "ME")
    assert main(["config", "check", "-releaseTO", "4"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        f"{path}: read",
        "  @ris is RIS@ris:1",
        "  profiles: slow",
        f"{system}: read",
        "  @ris is RIS@etc:104",
        "  profiles: slow",
        "device = ME (the environment variable DCMUPS_DEVICE)",
        f"accept-timeout = 3000 ({path}: [dcmups] acceptTO)",
        "release-timeout: the command line (-releaseTO)",
    ]
    assert err == (
        "dcmups: warning: the environment variable DCMUPS_DEVISE is no option's; did you mean DCMUPS_DEVICE?\n"
    )
    assert main(["config", "check", "@ris", "-v", "--profile", "slow"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[6:8] == ["for a call to RIS@ris:1", "with the profile slow"]
    start = lines.index(f"accept-timeout = 6 ({system}: [ae.ris] acceptTO)")
    assert lines[start + 1 : start + 6] == [
        f"  over 4 ({system}: [profile.slow] acceptTO)",
        f"  over 3000 ({path}: [dcmups] acceptTO)",
        f"  over 2 ({system}: [dcmups] acceptTO)",
        f"  over 1 ({system}: [defaults] acceptTO)",
        f"response-timeout = 5 ({path}: [ae.ris] rspTO)",
    ]
    assert "trial: built in (speak the retired trial SOP classes)" in lines


def test_config_check_tells_all_that_is_wrong(config_files: WriteFiles, capsys: pytest.CaptureFixture[str]) -> None:
    path = config_files("[dcmups]\nx = 1\nrspTO = 'x'\ndevice = 'ME'\n[y]\n", "[dcmups\n")
    assert main(["config", "check"]) == 1
    out, err = capsys.readouterr()
    assert f"{path}: with mistakes" in out
    assert f"device = ME ({path}: [dcmups] device)" in out  # what is right is shown all the same
    assert len(err.splitlines()) == 4


def test_config_check_of_the_scp_shows_no_password(
    config_files: WriteFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config_files("[upsscp]\nL = 'SCP:0'\ndb = 'postgresql://me:hush@host/db'\n")
    assert upsscp.main(["config", "check"]) == 0
    assert capsys.readouterr().out.splitlines()[2:] == [
        f"local = SCP:0 ({path}: [upsscp] L)",
        f"db = postgresql://me:***@host/db ({path}: [upsscp] db)",
    ]


def test_config_check_without_any_file(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("DICOMNET_CONFIG", "")
    assert main(["config", "check"]) == 0
    assert capsys.readouterr().out == "no configuration file is read: DICOMNET_CONFIG is empty\n"
