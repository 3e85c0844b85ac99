"""The project itself: imports go down only, every module stands alone, lint and types are clean, names are pinned."""

from __future__ import annotations

import ast
import importlib
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import dicomnet

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[1]
HEAVY = frozenset({"pydicom", "lxml", "sqlalchemy", "cryptography", "ssl", "asyncio"})

# A package or module and its floor; the longest name counts. Neighbours on floor 1 do not know each other.
FLOORS = {
    "dicomnet": 0,
    "dicomnet.kernel": 0,
    "dicomnet.records": 0,
    "dicomnet.codes": 0,
    "dicomnet.uids": 0,
    "dicomnet.errors": 0,
    "dicomnet.wire": 1,
    "dicomnet.dataset": 1,
    "dicomnet.keystores": 1.5,  # reads with the cursor of wire, and knows nothing of DICOM
    "dicomnet.ul": 2,
    "dicomnet.dimse": 3,
    "dicomnet.endpoint": 0,
    "dicomnet.steps": 3.05,
    "dicomnet.flows": 3.1,
    "dicomnet.handlers": 3.2,
    "dicomnet.scu": 3.3,
    "dicomnet.suboperations": 3.2,
    "dicomnet.scp": 3.3,
    "dicomnet.drivers": 4,
    "dicomnet.testing": 4,
    "dicomnet.services": 4.5,
    "dicomnet.__main__": 4.9,
    "ups": 5,  # the words both sides share: names, status, tables; and the operations
    "ups.scp": 5.1,
    "ups.delivery": 5.2,
    "ups.server": 5.3,
    "ups.cli": 5.4,
    "ups.__main__": 5.5,
    "fuzz": 6,
}
APART = (frozenset({"dicomnet.wire", "dicomnet.dataset"}), frozenset({"dicomnet.drivers", "dicomnet.testing"}))
UPS_MAY_DRIVE = ("ups.server", "ups.delivery", "ups.cli")

# What may be imported at the start of a program that has nothing to do with data sets, databases or TLS.
LIGHT = [
    "dicomnet",
    "dicomnet.errors",
    "dicomnet.codes",
    "dicomnet.records",
    "dicomnet.uids",
    "dicomnet.kernel",
    "dicomnet.wire",
    "dicomnet.ul",
    "dicomnet.dataset",
    "dicomnet.dataset.part10",
    "dicomnet.dimse.payloads",
    "dicomnet.dimse.exchange",
    "dicomnet.flows",
    "dicomnet.handlers",
    "dicomnet.scu",
    "dicomnet.scp",
    "dicomnet.keystores",
    "dicomnet.drivers.common",
    "dicomnet.drivers.session",
    "dicomnet.drivers.blocking",
    "dicomnet.drivers.blocking_server",
    "dicomnet.drivers.memory",
    "dicomnet.services.storage",
    "ups.names",
    "ups.scp.state",
    "ups.scu",
    "ups.cli.main",
]

PUBLIC = [
    "KERNEL",
    "Aborted",
    "AssociationError",
    "ConnectFailed",
    "ConnectionLost",
    "DecodeError",
    "DicomNetError",
    "EncodeError",
    "LocalProtocolError",
    "NoPresentationContext",
    "ProtocolError",
    "Rejected",
    "RemoteProtocolError",
    "StatusError",
    "TimedOut",
    "TransportError",
    "__version__",
]


def modules() -> dict[str, Path]:
    """Every module of the project by name."""
    found = {}
    for package in ("dicomnet", "ups", "fuzz"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


COMPILED = sorted(name for name, path in MODULES.items() if path.with_suffix(".pxd").exists())


def imports(name: str, path: Path) -> Iterator[tuple[str, int]]:
    """What a module imports anywhere in it, and in which line; in full names, and modules where they are modules."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}:{node.lineno}: a relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield (full if full in MODULES else str(node.module)), node.lineno


def home(module: str) -> str:
    """The entry of FLOORS that a module belongs to."""
    parts = module.split(".")
    return next(name for end in range(len(parts), 0, -1) if (name := ".".join(parts[:end])) in FLOORS)


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_down_only(name: str) -> None:
    here = home(name)
    for imported, line in imports(name, MODULES[name]):
        if imported.split(".")[0] not in ("dicomnet", "ups", "fuzz") or (there := home(imported)) == here:
            continue
        where = f"{name}:{line} imports {imported}"
        assert FLOORS[there] <= FLOORS[here], where
        assert {here, there} not in APART, where


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("ups.")])
def test_only_the_edges_of_ups_drive(name: str) -> None:
    if name.startswith(UPS_MAY_DRIVE):
        return
    driving = [imported for imported, _ in imports(name, MODULES[name]) if imported.startswith("dicomnet.drivers")]
    assert driving == []


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("ups.")])
def test_ups_keeps_to_the_public_rooms(name: str) -> None:
    ours = (imported for imported, _ in imports(name, MODULES[name]) if imported.startswith("dicomnet."))
    assert [imported for imported in ours if "._" in imported] == []


@pytest.mark.parametrize(
    "name", [name for name in MODULES if not name.startswith("dicomnet.testing") and "fuzz" not in name]
)
def test_only_the_strategies_need_hypothesis(name: str) -> None:
    assert not any(imported.split(".")[0] in ("hypothesis", "pytest") for imported, _ in imports(name, MODULES[name]))


@pytest.mark.parametrize(
    "name", [name for name in MODULES if not name.startswith("fuzz") and name != "dicomnet.records"]
)
def test_dataclasses_are_made_by_the_quick_one(name: str) -> None:
    slow = [line for imported, line in imports(name, MODULES[name]) if imported == "dataclasses"]
    assert slow == [], "import dataclass from dicomnet.records, which takes a tenth of the time at each start"


def fresh(code: str, *arguments: str, **variables: str) -> str:
    """The output of a fresh interpreter."""
    command = [sys.executable, "-c", code, *arguments]
    environment = os.environ | variables
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


ALONE = """
import importlib, sys
for name in sys.argv[1:]:
    ours = [module for module in sys.modules if module.split(".")[0] in ("dicomnet", "ups", "fuzz")]
    for module in ours:
        del sys.modules[module]
    try:
        importlib.import_module(name)
    except BaseException as error:
        print(name, repr(error))
"""


def test_every_module_can_be_imported_alone() -> None:
    # Alone means without any other module of ours; pydicom and its like may stay, or this takes minutes.
    names = [name for name in MODULES if not name.endswith("__main__")]
    # What is compiled cannot be loaded a second time: it would keep the classes of its first.
    assert fresh(ALONE, *names, DICOMNET_KERNEL="python") == ""


@pytest.mark.once
@pytest.mark.parametrize("name", COMPILED)
def test_what_is_compiled_can_be_imported_first(name: str) -> None:
    assert fresh("import importlib, sys; importlib.import_module(sys.argv[1])", name) == ""


@pytest.mark.parametrize("name", LIGHT)
def test_the_start_is_light(name: str) -> None:
    code = "import importlib, sys; importlib.import_module(sys.argv[1]); print(*sys.modules)"
    assert HEAVY & set(fresh(code, name).split()) == set()


@pytest.mark.parametrize("name", MODULES)
def test_public_names_are_explicit_and_there(name: str) -> None:
    if name.endswith("__main__"):
        return
    tree = ast.parse(MODULES[name].read_bytes())
    assigned = [
        target.id
        for node in tree.body
        for target in (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if isinstance(target, ast.Name)
    ]
    module = importlib.import_module(name)
    if "__all__" not in assigned:
        public = [
            node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name[0] != "_"
        ]
        assert public == [], f"{name} has public names and no __all__"
        return
    missing = [public for public in module.__all__ if not hasattr(module, public)]
    assert missing == []
    assert len(set(module.__all__)) == len(module.__all__)


def test_the_names_of_the_package_are_pinned() -> None:
    assert dicomnet.__all__ == PUBLIC


def test_the_version_is_told_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert dicomnet.__version__ == project["project"]["version"]


def test_every_module_says_what_it_holds() -> None:
    assert [name for name, path in MODULES.items() if not ast.get_docstring(ast.parse(path.read_bytes()))] == []


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("ruff", "check", "."), id="ruff check"),
        pytest.param(("ruff", "format", "--check", "."), id="ruff format"),
        pytest.param(("mypy",), id="mypy"),
    ],
)
@pytest.mark.timeout(300)
def test_lint_and_types(arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
