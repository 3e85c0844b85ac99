"""``dataclass`` as the standard library has it, made in a tenth of the time, for a program that is over in a tenth of a
second.

The standard one compiles half a dozen methods for each class, most of which nobody ever calls, and loads ``inspect``;
this one has methods that need no compiling, and compiles ``__init__`` when it is first looked at. What comes out has
the same signature, equality, hash, representation, pickles and ``__match_args__``, and is a dataclass to the functions
of ``dataclasses``; to a type checker it is the standard one. Slotted classes only; there is no order, no ``InitVar``
and no ``KW_ONLY`` here. Knows nothing of DICOM.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import attrgetter
from reprlib import recursive_repr
from types import FunctionType, MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NoReturn

__all__ = ["MISSING", "dataclass", "field", "fields", "fill_by", "is_dataclass", "replace"]


class _Word:
    """A value that stands for itself."""

    def __init__(self, word: str) -> None:
        self._word = word

    def __repr__(self) -> str:
        return self._word


_MISSING: Final[Any] = _Word("<missing>")
_FACTORY: Final[Any] = _Word("<factory>")
_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})


class _Field:
    """One field, as it was declared."""

    __slots__ = ("compare", "default", "default_factory", "init", "kw_only", "metadata", "name", "repr", "type")

    def __init__(
        self,
        *,
        default: Any = _MISSING,
        default_factory: Any = _MISSING,
        init: bool = True,
        repr: bool = True,  # noqa: A002 - the names of the standard library
        compare: bool = True,
        metadata: Mapping[str, object] | None = None,
        kw_only: bool | None = None,
    ) -> None:
        self.default = default
        self.default_factory = default_factory
        self.init = init
        self.repr = repr
        self.compare = compare
        self.metadata = _NOTHING if metadata is None else MappingProxyType(metadata)
        self.kw_only = kw_only
        self.name = ""
        self.type: Any = None

    def standard(self) -> tuple[str, Any, Any]:
        """The same for ``dataclasses.make_dataclass``."""
        import dataclasses

        words = {"default": self.default, "default_factory": self.default_factory}
        given = {name: value for name, value in words.items() if value is not _MISSING}
        for name in ("init", "repr", "compare", "metadata", "kw_only"):
            given[name] = getattr(self, name)
        return self.name, self.type, dataclasses.field(**given)


def _dataclass(
    kind: type | None = None,
    /,
    *,
    slots: bool = False,
    frozen: bool = False,
    kw_only: bool = False,
    init: bool = True,
    repr: bool = True,  # noqa: A002 - the names of the standard library
    eq: bool = True,
) -> Any:
    if not slots:
        raise TypeError("this dataclass makes slotted classes only")

    def make(kind: type) -> type:
        return _made(kind, frozen=frozen, kw_only=kw_only, init=init, show=repr, eq=eq)

    return make if kind is None else make(kind)


def _made(kind: type, *, frozen: bool, kw_only: bool, init: bool, show: bool, eq: bool) -> type:
    """The class anew, since slots cannot be given to one that is there."""
    own = list(_declared(kind, kw_only))
    every: dict[str, _Field] = {}
    for base in reversed(kind.__mro__[1:]):
        every |= base.__dict__.get("_record_fields", {})
    every |= {item.name: item for item in own}
    names = [item.name for item in every.values()]
    space = {name: value for name, value in kind.__dict__.items() if name not in ("__dict__", "__weakref__", *names)}
    taken = {slot for base in kind.__mro__[1:-1] for slot in base.__dict__.get("__slots__", ())}
    space["__slots__"] = tuple(name for name in names if name not in taken)
    space["_record_fields"] = every
    space |= _STANDARD
    space["_record_params"] = {"frozen": frozen, "init": init, "repr": show, "eq": eq}
    space.setdefault("__match_args__", tuple(i.name for i in every.values() if i.init and not i.kw_only))
    if init:
        space.setdefault("__init__", _Init())
    if show:
        space.setdefault("__repr__", _shown)
    if eq:
        _compare(space, [item.name for item in every.values() if item.compare], frozen)
    if frozen:
        space |= {"__setattr__": _refuse_to_set, "__delattr__": _refuse_to_delete}
        space |= {"__getstate__": _state_of, "__setstate__": _restore}
    made = type(kind)(kind.__name__, kind.__bases__, space)
    made.__qualname__ = kind.__qualname__
    return made


def _declared(kind: type, kw_only: bool) -> Iterator[_Field]:
    for name, annotation in kind.__annotations__.items():
        if str(annotation).startswith(("ClassVar", "typing.ClassVar")):
            continue
        value = kind.__dict__.get(name, _MISSING)
        item = value if isinstance(value, _Field) else _Field(default=value)
        if type(item.default).__hash__ is None:
            raise ValueError(
                f"{kind.__qualname__}.{name}: every instance would share this default; use default_factory"
            )
        item.name, item.type = name, annotation
        if item.kw_only is None:
            item.kw_only = kw_only
        yield item


# --- methods that need no compiling ----------------------------------------------------------------------------------


def _getter(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    """What gets these attributes as a tuple."""
    if len(names) > 1:
        return attrgetter(*names)
    if not names:
        return lambda _: ()
    get = attrgetter(names[0])
    return lambda one: (get(one),)


def _compare(space: dict[str, Any], names: list[str], frozen: bool) -> None:
    get = _getter(names)

    def __eq__(self: Any, other: Any) -> bool:  # noqa: N807 - it becomes one
        if other.__class__ is self.__class__:
            return get(self) == get(other)
        return NotImplemented

    def __hash__(self: Any) -> int:  # noqa: N807 - it becomes one
        return hash(get(self))

    own_hash = space.get("__hash__") is not None
    space.setdefault("__eq__", __eq__)
    if not own_hash:
        space["__hash__"] = __hash__ if frozen else None


@recursive_repr()
def _shown(self: Any) -> str:
    shown = ", ".join(f"{name}={getattr(self, name)!r}" for name, item in self._record_fields.items() if item.repr)
    return f"{self.__class__.__qualname__}({shown})"


def _refuse_to_set(self: object, name: str, value: object) -> NoReturn:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(self: object, name: str) -> NoReturn:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state_of(self: Any) -> tuple[list[Any], dict[str, Any]]:
    """The fields, and what a subclass without slots has beside them."""
    return [getattr(self, name) for name in self._record_fields], dict(getattr(self, "__dict__", {}))


def _restore(self: Any, state: tuple[Iterable[Any], Mapping[str, Any]]) -> None:
    values, more = state
    for name, value in (*zip(self._record_fields, values, strict=True), *more.items()):
        object.__setattr__(self, name, value)


# --- what is made when somebody looks --------------------------------------------------------------------------------


class _Init:
    """Stands where ``__init__`` will be, and makes it at the first look; ``inspect.signature`` is such a look."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._owner = owner

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        owner = self._owner
        made = owner.__dict__["__init__"]
        if made is self:
            made = _init_of(owner)
            type.__setattr__(owner, "__init__", made)
        return made.__get__(instance, owner)


_Fill = Callable[[object, tuple[str, ...], tuple[object, ...]], None]
_fill: _Fill | None = None


def fill_by(fill: _Fill) -> None:
    """From now on an ``__init__`` that is made sets the fields of a frozen instance by this function, all at once.

    It takes the instance, their names and their values, and does what ``object.__setattr__`` would do one by one.
    """
    global _fill
    _fill = fill


def _init_of(kind: Any) -> FunctionType:
    """``__init__`` as source, compiled."""
    every = list(kind._record_fields.values())
    names: dict[str, Any] = {"_FACTORY": _FACTORY}
    positional = [_parameter(item, names) for item in every if item.init and not item.kw_only]
    keywords = [_parameter(item, names) for item in every if item.init and item.kw_only]
    filled: dict[str, str] = {}  # by what
    for item in every:
        if item.default_factory is not _MISSING:
            names[f"_make_{item.name}"] = item.default_factory
            value = f"_make_{item.name}()"
            if item.init:
                value += f" if {item.name} is _FACTORY else {item.name}"
        elif item.init:
            value = item.name
        elif item.default is not _MISSING:
            names[f"_default_{item.name}"] = item.default
            value = f"_default_{item.name}"
        else:
            continue  # __post_init__ fills it
        filled[item.name] = value
    if not kind._record_params["frozen"]:
        body = [f"self.{name} = {value}" for name, value in filled.items()]
    elif _fill is None or not filled:
        names["_record_set"] = object.__setattr__
        body = [f"_record_set(self, {name!r}, {value})" for name, value in filled.items()]
    else:
        names |= {"_record_fill": _fill, "_record_names": tuple(filled)}
        body = [f"_record_fill(self, _record_names, ({''.join(f'{value}, ' for value in filled.values())}))"]
    if hasattr(kind, "__post_init__"):
        body.append("self.__post_init__()")
    parameters = ", ".join(["self", *positional, *(["*", *keywords] if keywords else [])])
    source = f"def make({', '.join(names)}):\n def __init__({parameters}):\n  " + "\n  ".join(body or ["pass"])
    module = sys.modules.get(kind.__module__)  # whose names the annotations are made of
    space: dict[str, Any] = {}
    exec(f"{source}\n return __init__", {} if module is None else vars(module), space)  # noqa: S102 - fields of a class
    init: FunctionType = space["make"](**names)
    init.__qualname__ = f"{kind.__qualname__}.__init__"
    init.__module__ = kind.__module__
    init.__annotations__ = {item.name: item.type for item in every if item.init} | {"return": None}
    return init


def _parameter(item: _Field, names: dict[str, Any]) -> str:
    if item.default_factory is not _MISSING:
        return f"{item.name}=_FACTORY"
    if item.default is _MISSING:
        return item.name
    names[f"_default_{item.name}"] = item.default
    return f"{item.name}=_default_{item.name}"


class _Standard:
    """What ``dataclasses`` looks for in a dataclass, made by it when it first does."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: Any = None) -> Any:
        import dataclasses

        items = [item.standard() for item in owner._record_fields.values()]
        made = dataclasses.make_dataclass(owner.__name__, items, slots=True, **owner._record_params)
        for name in _STANDARD:
            type.__setattr__(owner, name, getattr(made, name))
        return owner.__dict__[self._name]


_STANDARD = {name: _Standard(name) for name in ("__dataclass_fields__", "__dataclass_params__")}


# --- the functions ---------------------------------------------------------------------------------------------------


def _fields(thing: Any) -> tuple[Any, ...]:
    return tuple(thing._record_fields.values())


def _is_dataclass(thing: object) -> bool:
    return hasattr(thing, "_record_fields")


def _replace(thing: Any, /, **changes: Any) -> Any:
    if type(thing).__dict__.get("_record_fields") is None and "__dataclass_fields__" in type(thing).__dict__:
        import dataclasses  # which made this subclass, and knows all of its fields

        return dataclasses.replace(thing, **changes)
    for name, item in thing._record_fields.items():
        if not item.init:
            if name in changes:
                raise TypeError(f"field {name!r} cannot be given")
        elif name not in changes:
            changes[name] = getattr(thing, name)
    return type(thing)(**changes)


if TYPE_CHECKING:
    from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
else:
    MISSING, dataclass, field, fields = _MISSING, _dataclass, _Field, _fields
    is_dataclass, replace = _is_dataclass, _replace
