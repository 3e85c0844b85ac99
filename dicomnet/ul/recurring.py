"""A-ASSOCIATE PDUs that come again, and what follows from them, so that neither is worked out each time.

Who asks often, or is asked often by the same peers, says the same again. Of equal bytes of a peer, or equal options of
ours, one PDU is ``made``, and what follows from that PDU and nothing else is asked ``once``. All of the process share
what is kept: no value that could change, and none that may hold a password or a ticket.
Judges nothing and knows no state.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter
from typing import Any, TypeVar, TypeVarTuple

from dicomnet.codes import ItemType
from dicomnet.records import fields, is_dataclass
from dicomnet.wire.pdu import AAssociateAC, AAssociateRQ

__all__ = ["made", "once", "shared"]

_ROOM = 1 << 22
"""What all may weigh; beyond that all is forgotten, and what does come again is soon back.

In bytes of memory, estimated from above: of requests made to weigh most, 3.5 MiB were measured."""
_HEAVIEST = _ROOM >> 4
_VALUE = 64  # what each value in another weighs, beside its text or bytes
_ANSWER = 1 << 10
_PRIVATE = (ItemType.USER_IDENTITY, ItemType.USER_IDENTITY_RESPONSE)
_ASSOCIATE = (AAssociateRQ, AAssociateAC)

S = TypeVar("S")
P = TypeVar("P")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class _Memory:
    """What is kept. Threads share it, and at worst work out something twice."""

    def __init__(self) -> None:
        self.answers: dict[tuple[object, ...], tuple[object, Any]] = {}  # with what was asked about
        self.pdus: dict[int, object] = {}  # those among the answers, by identity
        self.weight = 0

    def keep(self, keys: tuple[tuple[object, ...], ...], about: object, answer: object, weight: int | None) -> None:
        """Keep the answer, and what it is about, unless it is too heavy; it is found by each of the keys."""
        if weight is None:
            return
        weight += len(keys) * _ANSWER
        if self.weight + weight > _ROOM:
            self.forget()
        self.weight += weight
        for key in keys:
            self.answers[key] = about, answer
        if isinstance(answer, _ASSOCIATE):
            self.pdus[id(answer)] = answer

    def forget(self) -> None:
        """Begin anew."""
        self.pdus.clear()
        self.answers.clear()
        self.weight = 0


_memory = _Memory()


def shared() -> _Memory:
    """What is kept now, for tests to look into: where this is compiled, the name above is not to be seen."""
    return _memory


def made(make: Callable[[S], T], source: S, *of: object) -> T:
    """What ``make`` makes of a value and nothing else; of equal ones only once. Raises what ``make`` raises.

    It is kept if all of the value, of the outcome and of ``of``, which the value comes from, may be. To compare options
    takes longer than all else here: the very ones it was made of are known at a glance.
    """
    own = not isinstance(source, bytes)  # which come anew each time
    itself = make, id(source)
    known = _memory.answers.get(itself) if own else None
    if known is not None:
        same: T = known[1]
        return same
    key = make, source
    try:
        known = _memory.answers.get(key)
    except (TypeError, ValueError):  # not hashable: a list in place of a tuple, or a memoryview somebody can write to
        return make(source)
    if known is not None:
        outcome: T = known[1]
        return outcome
    outcome = make(source)
    _memory.keep((key, itself) if own else (key,), source, outcome, _weight((source, outcome, of)))
    return outcome


def once(ask: Callable[[P, *Ts], T], pdu: P, *more: *Ts) -> T:
    """What ``ask`` says, which is to follow from the arguments and nothing else. Raises what ``ask`` raises.

    About a PDU that is kept it is asked only once. Further arguments that are PDUs have to be kept as well; what is no
    PDU counts by its identity, has to be one that does not change, and lives until all is forgotten.
    """
    pdus, answers = _memory.pdus, _memory.answers
    itself = id(pdu)
    if itself not in pdus:
        return ask(pdu, *more)
    # Written out for what is asked most: to build it of any number takes longer than to look it up.
    key: tuple[object, ...]
    if not more:
        key = ask, itself
    elif len(more) == 1:
        key = ask, itself, id(more[0])
    else:
        key = (ask, itself, *map(id, more))
    known = answers.get(key)
    if known is not None:
        answer: T = known[1]
        return answer
    answer = ask(pdu, *more)
    if all(id(one) in pdus for one in more if isinstance(one, _ASSOCIATE)):
        new = isinstance(answer, _ASSOCIATE) and id(answer) not in pdus
        _memory.keep((key,), (pdu, *more), answer, _weight(answer) if new else 0)
    return answer


def _weight(value: object) -> int | None:
    """About how heavy a value is; None if it is too heavy, if anything in it can change, or if it may be private."""
    weight = 0
    parts: list[Any] = [value]
    for part in parts:  # which become more
        kind: Any = type(part)
        weight += _VALUE
        if isinstance(part, str | bytes):
            weight += len(part)
        elif kind is tuple:
            parts += part
        elif part is not None and not isinstance(part, int):
            get = _fields_of(kind)
            if get is None or getattr(part, "item_type", None) in _PRIVATE:
                return None
            parts += get(part)
        if weight > _HEAVIEST:
            return None
    return weight


@lru_cache(maxsize=64)
def _fields_of(kind: type) -> Callable[[object], tuple[object, ...]] | None:
    """What gets the fields of such an item, PDU or options; None if it is no kind of ours, and anybody's guess."""
    ours = kind.__module__.startswith("dicomnet.") and is_dataclass(kind)
    return attrgetter(*(field.name for field in fields(kind))) if ours else None
