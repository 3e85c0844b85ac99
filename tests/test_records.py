"""``dicomnet.records`` against the standard library: what it makes cannot be told from what ``dataclasses`` makes."""

from __future__ import annotations

import copy
import dataclasses
import importlib
import inspect
import pickle
import pkgutil
import subprocess
import sys
import threading
import typing
from types import ModuleType
from typing import Any, ClassVar

import pytest

import dicomnet
import ups
from dicomnet import kernel, records
from dicomnet.ul import RequestOptions
from dicomnet.wire import RoleSelection


def classes(maker: Any) -> dict[str, type]:
    """The same classes, made by one module or the other."""
    dataclass, field = maker.dataclass, maker.field

    @dataclass(frozen=True, slots=True)
    class Plain:
        """Two fields."""

        kind: ClassVar[int] = 7
        x: int
        y: str = "why"

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Base:
        length: int | None = None

    @dataclass(frozen=True, slots=True)
    class Derived(Base):
        name: str
        note: str = field(default="", compare=False, repr=False)
        tags: list[int] = field(default_factory=list, metadata={"a": 1})

    @dataclass(frozen=True, slots=True)
    class Overriding(Derived):
        name: str = "changed"
        derived: int = field(init=False, default=3)

    @dataclass(slots=True)
    class Mutable:
        one: int
        more: dict[str, int] = field(default_factory=dict)

    @dataclass(slots=True, eq=False)
    class Alone:
        one: int = 1

    @dataclass(frozen=True, slots=True)
    class Empty:
        pass

    @dataclass(frozen=True, slots=True)
    class Checked:
        value: int
        doubled: int = field(init=False, repr=False)

        def __post_init__(self) -> None:
            object.__setattr__(self, "doubled", self.value * 2)

    @dataclass(frozen=True, slots=True, init=False, repr=False, eq=False)
    class Own:
        value: int

        def __init__(self, text: str) -> None:
            object.__setattr__(self, "value", int(text))

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Own) and other.value == self.value

        def __hash__(self) -> int:
            return 5

    class Nested(Plain):
        __slots__ = ()

    return {
        kind.__name__: kind for kind in (Plain, Base, Derived, Overriding, Mutable, Alone, Empty, Checked, Own, Nested)
    }


OURS, THEIRS = classes(records), classes(dataclasses)


def filled(*arguments: Any) -> None:
    """As the kernel does it."""
    one, names, values = arguments
    for name, value in zip(names, values, strict=True):
        object.__setattr__(one, name, value)


@pytest.fixture(params=["one by one", "at once"])
def made(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, type]:
    """Classes whose ``__init__`` is made anew, in this way."""
    monkeypatch.setattr(records, "_fill", filled if request.param == "at once" else None)
    return classes(records)


CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("Plain", (1,), {}),
    ("Plain", (1, "z"), {}),
    ("Plain", (), {"x": 1, "y": "z"}),
    ("Plain", (), {}),
    ("Plain", (1, 2, 3), {}),
    ("Plain", (1,), {"kind": 2}),
    ("Base", (), {"length": 4}),
    ("Base", (4,), {}),
    ("Derived", ("n",), {"length": 4}),
    ("Derived", ("n", "note", [1, 2]), {}),
    ("Overriding", (), {}),
    ("Overriding", ("n",), {"derived": 1}),
    ("Mutable", (1,), {}),
    ("Mutable", (1, {"a": 1}), {}),
    ("Alone", (), {}),
    ("Empty", (), {}),
    ("Checked", (4,), {}),
    ("Own", ("12",), {}),
    ("Nested", (1,), {}),
]


def outcome(kind: type, words: tuple[Any, ...], names: dict[str, Any]) -> object:
    """All there is to see of an instance, or the error instead of one."""
    try:
        made = kind(*words, **names)
    except TypeError as error:
        return str(error)
    fields = dataclasses.fields(kind)  # type: ignore[arg-type]
    values = [getattr(made, field.name) for field in fields]
    shown = repr(made) if "Own" not in kind.__name__ and "Alone" not in kind.__name__ else ""
    return shown, values, made == kind(*words, **names), made == copy.copy(made), made != object()


@pytest.mark.parametrize(("name", "words", "names"), CALLS)
def test_an_instance_is_what_the_standard_library_would_have_made(
    made: dict[str, type], name: str, words: tuple[Any, ...], names: dict[str, Any]
) -> None:
    assert outcome(made[name], words, names) == outcome(THEIRS[name], words, names)


def test_the_kernel_fills_all_at_once() -> None:
    """Where it has the fast body; who has made an instance before it was loaded goes on one by one."""
    assert records._fill is (kernel.fill_frozen if kernel.KERNEL == "cython" else None)
    asked: list[object] = []
    plain = classes(records)["Plain"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "_fill", lambda *arguments: asked.append(arguments) or filled(*arguments))
        assert repr(plain(1)).endswith("Plain(x=1, y='why')")
        assert [names for _, names, _ in asked] == [("x", "y")]
        empty = classes(records)["Empty"]
        assert empty() == empty()
        assert len(asked) == 1


@pytest.mark.parametrize("name", OURS)
def test_a_class_is_what_the_standard_library_would_have_made(name: str) -> None:
    ours, theirs = OURS[name], THEIRS[name]
    assert str(inspect.signature(ours)) == str(inspect.signature(theirs))
    for attribute in ("__match_args__", "__slots__", "__doc__", "__qualname__", "__module__"):
        if name != "Own" or attribute != "__doc__":
            assert getattr(ours, attribute) == getattr(theirs, attribute) or attribute == "__doc__", attribute
    assert (ours.__hash__ is None) is (theirs.__hash__ is None)
    assert dataclasses.is_dataclass(ours)
    assert records.is_dataclass(ours)
    told = [
        [(f.name, f.type, f.init, f.repr, f.compare, f.kw_only, f.metadata) for f in dataclasses.fields(kind)]
        for kind in (ours, theirs)
    ]  # type: ignore[arg-type]
    assert told[0] == told[1]
    assert [(f.name, f.type, f.init, f.repr, f.compare, f.kw_only, f.metadata) for f in records.fields(ours)] == told[1]


@pytest.mark.parametrize(("name", "words"), [("Plain", (1, "z")), ("Derived", ("n", "x")), ("Checked", (4,))])
def test_hashes_are_equal_and_the_frozen_stay(name: str, words: tuple[Any, ...]) -> None:
    made = OURS[name](*words[:1])
    if name != "Derived":  # a list has no hash
        assert hash(OURS[name](*words)) == hash(THEIRS[name](*words))
    for change in (lambda: setattr(made, "x", 2), lambda: setattr(made, "other", 2), lambda: delattr(made, "x")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            change()
    assert not hasattr(made, "__dict__")


def test_equal_means_of_the_same_class() -> None:
    assert OURS["Plain"](1) != OURS["Nested"](1)
    assert OURS["Plain"](1) != OURS["Plain"](2)
    assert OURS["Derived"]("n", "one") == OURS["Derived"]("n", "two")  # not compared
    assert OURS["Alone"](1) != OURS["Alone"](1)


@pytest.mark.parametrize("replace", [records.replace, dataclasses.replace])
def test_replace(replace: Any) -> None:
    assert replace(OURS["Derived"]("n", length=4), name="m") == OURS["Derived"]("m", length=4)
    assert replace(OURS["Checked"](1), value=3).doubled == 6
    with pytest.raises(TypeError):
        replace(OURS["Plain"](1), z=1)
    with pytest.raises((TypeError, ValueError)):
        replace(OURS["Checked"](1), doubled=1)


@records.dataclass(frozen=True, slots=True)
class Kept:
    """To be pickled, which takes a class that can be found."""

    value: int
    secret: str = "s"


@dataclasses.dataclass(frozen=True, slots=True)
class Further(Kept):
    """The standard library's child of ours."""

    more: int = 0


def test_pickles_and_copies_are_equal() -> None:
    made = Kept(3, "x")
    assert pickle.loads(pickle.dumps(made)) == copy.deepcopy(made) == copy.copy(made) == made


def test_the_standard_library_can_go_on_from_one_of_ours() -> None:
    assert repr(Further(1, "x", 2)) == "Further(value=1, secret='x', more=2)"
    assert dataclasses.asdict(Further(1)) == {"value": 1, "secret": "s", "more": 0}
    with pytest.raises(dataclasses.FrozenInstanceError):
        Further(1).more = 2  # type: ignore[misc]


def test_what_it_does_not_make_it_refuses() -> None:
    with pytest.raises(TypeError, match="slotted classes only"):
        records.dataclass(frozen=True)
    with pytest.raises(ValueError, match=r"Shared\.items: every instance would share this default"):

        @records.dataclass(slots=True)
        class Shared:
            items: list[int] = []  # noqa: RUF012


def test_two_threads_that_make_the_first_two_instances() -> None:
    kind = classes(records)["Plain"]
    start, made = threading.Barrier(8), []

    def make() -> None:
        start.wait(20)
        made.append(kind(1, "z"))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [kind(1, "z")] * 8


def modules() -> list[str]:
    """Every module of the project that is no program."""
    names = [
        module.name
        for package in (dicomnet, ups)
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]
    return [name for name in names if not name.endswith(("__main__", "._cython"))]


def ours_in(module: ModuleType) -> list[type]:
    """The classes of a module that ``records`` made."""
    return [kind for kind in vars(module).values() if isinstance(kind, type) and "_record_fields" in vars(kind)]


def test_every_class_of_the_project_has_the_signature_that_the_standard_library_would_give_it() -> None:
    found = 0
    for name in modules():
        for kind in ours_in(importlib.import_module(name)):
            found += 1
            theirs = dataclasses.make_dataclass(
                kind.__name__,
                [item.standard() for item in kind._record_fields.values()],  # type: ignore[attr-defined]
            )
            if kind._record_params["init"]:  # type: ignore[attr-defined]
                assert str(inspect.signature(kind)) == str(inspect.signature(theirs)), kind
    assert found > 100


def test_it_loads_neither_dataclasses_nor_inspect() -> None:
    code = "import sys; import dicomnet.records, dicomnet.dimse.messages; print('dataclasses' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


@dataclasses.dataclass(frozen=True)
class Spacious(RequestOptions):
    """Somebody's own, made by the standard library."""

    tag: str = "none"


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted(RequestOptions):
    tag: str = "none"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Demanding(RequestOptions):
    tag: str


@pytest.mark.parametrize("kind", [Spacious, Slotted, Demanding])
def test_a_subclass_that_the_standard_library_makes_keeps_its_fields(kind: Any) -> None:
    made = kind("", "ME", (), tag="x")
    for same in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert same == made
        assert same.tag == "x"
    for replace in (records.replace, dataclasses.replace):
        other = replace(made, called_ae_title="YOU")
        assert (type(other), other.tag, other.called_ae_title, other.calling_ae_title) == (kind, "x", "YOU", "ME")


def test_annotations_can_be_looked_up() -> None:
    hints = typing.get_type_hints(RequestOptions.__init__)
    assert hints["called_ae_title"] is str
    assert inspect.signature(RequestOptions, eval_str=True).parameters["roles"].annotation == tuple[RoleSelection, ...]


def test_what_the_standard_library_looks_for_is_made_once() -> None:
    assert dataclasses.fields(RequestOptions)[0] is dataclasses.fields(RequestOptions)[0]
