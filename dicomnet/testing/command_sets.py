"""Hypothesis strategies for command sets (PS3.7 6.3.1): right ones as mappings, and bytes that may be anything.

``command_sets`` can be encoded and come back the same; ``hostile_command_sets`` are bytes with true headers and wrong
content, with elements repeated, astray, cut or of another group.
"""

from __future__ import annotations

import string
import struct

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from dicomnet.codes import CommandField
from dicomnet.dimse.command import NO_DATA_SET, CommandElement, CommandSet, CommandValue, encode_command
from dicomnet.testing._reused import reused
from dicomnet.testing.pdus import mutated, uids

__all__ = ["command_sets", "hostile_command_sets", "tags"]

_U16 = st.integers(0, 0xFFFF)
_CODES = st.sampled_from(CommandField) | _U16
_UIDS = frozenset(
    {
        CommandElement.AFFECTED_SOP_CLASS_UID,
        CommandElement.REQUESTED_SOP_CLASS_UID,
        CommandElement.AFFECTED_SOP_INSTANCE_UID,
        CommandElement.REQUESTED_SOP_INSTANCE_UID,
    }
)
_TITLES = frozenset(
    {CommandElement.MOVE_DESTINATION, CommandElement.MOVE_ORIGINATOR_APPLICATION_ENTITY_TITLE}
    | {CommandElement.ERROR_COMMENT}
)
_LISTS = frozenset({CommandElement.OFFENDING_ELEMENT, CommandElement.ATTRIBUTE_IDENTIFIER_LIST})


@reused
def tags() -> SearchStrategy[tuple[int, ...]]:
    """Attribute tags, as an AT element holds them."""
    return st.lists(st.integers(0, 0xFFFF_FFFF), max_size=4).map(tuple)


@reused
def command_sets() -> SearchStrategy[CommandSet]:
    """Command sets with any elements of group 0000, known and retired, the command field and data set type included."""
    known = [element for element in CommandElement if element != CommandElement.COMMAND_GROUP_LENGTH]
    numbers = frozenset(CommandElement)
    unknown = st.integers(1, 0xFFFF).filter(lambda number: number not in numbers)
    pairs = st.one_of(
        st.sampled_from(known).flatmap(lambda element: st.tuples(st.just(int(element)), _values(element))),
        st.tuples(unknown, st.binary(max_size=12)),
    )
    rest = st.lists(pairs, max_size=8).map(dict)
    kinds = st.sampled_from([NO_DATA_SET, 0, 1]) | _U16
    first = st.fixed_dictionaries({0x0100: _CODES, 0x0110: _U16, 0x0120: _U16, 0x0800: kinds})
    return st.tuples(rest, first).map(lambda both: {**both[0], **both[1]})


@reused
@st.composite
def hostile_command_sets(draw: st.DrawFn) -> bytes:
    """Bytes that are nearly a command set."""
    kind = draw(st.sampled_from(["mutated", "elements", "bytes"]))
    if kind == "bytes":
        return draw(st.binary(max_size=80))
    if kind == "mutated":
        return draw(mutated(encode_command(draw(command_sets()))))
    return b"".join(draw(st.lists(_raw_elements(), max_size=6)))


@reused
def _values(element: CommandElement) -> SearchStrategy[CommandValue]:
    if element in _UIDS:
        return uids()
    if element in _TITLES:
        return st.text(string.ascii_letters + string.digits + " ", max_size=16).map(lambda text: text.rstrip(" "))
    return tags() if element in _LISTS else _U16


@reused
@st.composite
def _raw_elements(draw: st.DrawFn) -> bytes:
    value = draw(st.binary(max_size=10))
    group = draw(st.just(0) | st.just(0) | _U16)
    length = draw(st.just(len(value)) | st.just(len(value)) | st.integers(0, 0xFFFF_FFFF))
    return struct.pack("<HHI", group, draw(st.sampled_from(CommandElement) | _U16), length) + value
