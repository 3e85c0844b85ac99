"""Table CC.2.5-3 of PS3.4 with its macros, as a tree of attributes: what each operation asks of each.

Read from ``ups/standard/ups-attributes.csv`` at the first use. Knows the letters of the table, not what they lead to:
that is in ``rules``, ``finality`` and ``matching``. Needs no data set library.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import resources

from dicomnet.records import dataclass, field

__all__ = ["Attribute", "attributes", "keyword", "return_keys", "tag_of"]


@dataclass(frozen=True, slots=True)
class Attribute:
    """One row: where it stands and its codes.

    ``create`` and ``set`` are codes of Table CC.2.5-1, such as "2/1" (SCU/SCP) with "C" when a condition decides, or
    "-" for what the SCU must not send.
    """

    tag: int
    keyword: str
    vr: str
    path: tuple[int, ...]
    macro: str
    create: str
    set: str
    get: str
    final: str
    return_key: str
    children: Mapping[int, Attribute] = field(default_factory=dict)

    def walk(self) -> Iterator[Attribute]:
        """This attribute and all below it."""
        yield self
        for child in self.children.values():
            yield from child.walk()


@lru_cache(maxsize=1)
def attributes() -> Mapping[int, Attribute]:
    """The top level of the table, by tag.

    Raises:
        RuntimeError: the installation lacks the table or holds another one.
    """
    top: dict[int, Attribute] = {}
    known: dict[tuple[int, ...], dict[int, Attribute]] = {(): top}
    text = resources.files("ups").joinpath("standard/ups-attributes.csv").read_text("utf-8")
    for row in csv.DictReader(text.splitlines()):
        if not row["tag_path"]:
            continue  # "all other attributes of the module": allowed everywhere, asked for nowhere
        path = tuple(int(part, 16) for part in row["tag_path"].split("."))
        siblings = known.get(path[:-1])
        if siblings is None:
            raise RuntimeError(f"ups-attributes.csv: {row['path']} stands before its sequence")
        children: dict[int, Attribute] = {}
        known[path] = children
        siblings[path[-1]] = _attribute(row, path, children)
    return top


def _attribute(row: Mapping[str, str], path: tuple[int, ...], children: Mapping[int, Attribute]) -> Attribute:
    return Attribute(
        tag=path[-1],
        keyword=row["keyword"],
        vr=row["vr"],
        path=path,
        macro=row["macro"],
        create=_code(row["ncreate"]),
        set=_code(row["nset"]),
        get=row["nget"],
        final=row["final_state"],
        return_key=row["return_key"],
        children=children,
    )


def _code(code: str) -> str:
    """Older "Not allowed" and newer "-/-" say the same; "special" attributes have rules of their own."""
    return "-" if code in ("Not allowed", "special", "-/-") else code


def return_keys(*types: str) -> tuple[int, ...]:
    """Tags of the top-level attributes whose return key type is one of these."""
    return tuple(tag for tag, attribute in attributes().items() if attribute.return_key in types)


@lru_cache(maxsize=1)
def _keywords() -> tuple[Mapping[int, str], Mapping[str, int]]:
    by_tag = {item.tag: item.keyword for top in attributes().values() for item in top.walk()}
    return by_tag, {name: tag for tag, name in by_tag.items()}


def keyword(tag: int) -> str:
    """Keyword of an attribute of the table, ``(gggg,eeee)`` for any other tag."""
    return _keywords()[0].get(tag) or f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def tag_of(name: str) -> int:
    """Tag of an attribute of the table by its keyword.

    Raises:
        KeyError: the table has no such keyword.
    """
    return _keywords()[1][name]
