"""The byte vectors of tests/vectors."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

VECTORS = Path(__file__).parent.parent / "vectors"


def read_vectors(name: str) -> dict[str, bytes]:
    """The sections of a .hex file: ``#`` comments, ``[name]``, hex digits."""
    text = re.sub(r"#.*", "", (VECTORS / f"{name}.hex").read_text(encoding="ascii"))
    return {
        section: bytes.fromhex(digits) for section, digits in re.findall(r"^\[(.*?)\]$([^\[]*)", text, re.MULTILINE)
    }


@pytest.fixture(scope="session")
def vectors() -> Callable[[str], dict[str, bytes]]:
    return read_vectors


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """``real_pdu`` runs over what other implementations sent, ``malformed`` over the PDUs with one fault each."""
    if "real_pdu" in metafunc.fixturenames:
        names = ("dcmtk-echoscu", "pynetdicom-echo-scp", "pynetdicom-made")
        cases = {f"{name} {section}": data for name in names for section, data in read_vectors(name).items()}
        metafunc.parametrize("real_pdu", cases.values(), ids=cases.keys())
    if "malformed" in metafunc.fixturenames:
        cases = read_vectors("malformed-pdus")
        metafunc.parametrize(("malformed", "data"), cases.items(), ids=cases.keys())
