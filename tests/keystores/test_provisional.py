"""The test keys that are made on first use: whole, together, for their user alone, and by whoever comes first."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dicomnet.keystores import KeyStoreError, Trust, load_identity, load_trust, provisional
from dicomnet.keystores.provisional import KEY_STORE, PASSWORD, TRUST_STORE, provide

pytestmark = pytest.mark.once


def stores(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_they_are_made_once_and_fit_each_other(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "tls"
    old = os.umask(0)
    try:
        assert provide(folder)
    finally:
        os.umask(old)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder.parent)] == [0o700, 0o700]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert [path.name for path in folder.parent.iterdir()] == ["tls"]
    made = stores(folder)
    assert sorted(made) == [TRUST_STORE, KEY_STORE]
    assert not provide(folder)
    assert stores(folder) == made
    identity = load_identity(made[KEY_STORE], password=PASSWORD)
    trust = load_trust(made[TRUST_STORE], password=PASSWORD)
    (folder / "chain.pem").write_bytes(identity.pem())
    (folder / "trust.pem").write_bytes(trust.pem())
    verify = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "localhost"]
    done = subprocess.run(
        [*verify, "-CAfile", "trust.pem", "chain.pem"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_all_who_make_them_at_once_get_the_same(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from dicomnet.keystores.provisional import provide; "
    code += "sys.stdin.read(1); print(provide(Path(sys.argv[1])))"
    command = [sys.executable, "-c", code, str(tmp_path / "tls")]
    programs = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    for program in programs:
        assert program.stdin is not None
        program.stdin.write("x")
        program.stdin.flush()
    said = sorted(program.communicate(timeout=60)[0].strip() for program in programs)
    assert said == ["False", "False", "True"]
    assert [path.name for path in tmp_path.iterdir()] == ["tls"]
    assert len(stores(tmp_path / "tls")) == 2


def test_who_comes_second_takes_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "tls"
    fill = provisional._fill

    def be_late(made: Path) -> None:
        fill(made)
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()

    def other() -> None:
        monkeypatch.setattr(provisional, "_fill", fill)
        assert provide(folder)

    monkeypatch.setattr(provisional, "_fill", be_late)
    assert not provide(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["tls"]
    assert isinstance(load_trust((folder / TRUST_STORE).read_bytes(), password=PASSWORD), Trust)


def test_one_that_is_missing_is_not_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    provide(folder)
    (folder / TRUST_STORE).unlink()
    with pytest.raises(KeyStoreError, match=r"the test keys in .* are incomplete; without that folder"):
        provide(folder)
    assert list(stores(folder)) == [KEY_STORE]
    assert [path.name for path in tmp_path.iterdir()] == ["tls"]


@pytest.mark.parametrize("place", ["/proc/none/tls", "/dev/null/tls"])
def test_where_they_cannot_be_made(place: str) -> None:
    with pytest.raises(KeyStoreError, match="no test keys can be made in"):
        provide(Path(place))
