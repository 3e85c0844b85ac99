"""A-ASSOCIATE PDUs that come again, and what follows from them, so that neither is worked out each time.

Who asks often, or is asked often by the same peers, says the same again. A PDU is a value that nobody changes: one is
made of the same bytes of a peer (``decode_remembered``) or of the same options of ours (``built``), and what follows
from it and nothing else is asked ``once``. No more than ``_ROOM`` is kept, and nothing that may hold a password or a
ticket, nor what follows from that. Judges nothing and knows no state.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, TypeVarTuple

from dicomnet.codes import ItemType
from dicomnet.errors import EncodeError
from dicomnet.wire.pdu import AAssociateAC, AAssociateRQ, Pdu, decode_pdu, encode_pdu

__all__ = ["built", "decode_remembered", "is_private", "once"]

_ROOM = 1 << 18
"""Bytes of PDUs that are kept; beyond that all are forgotten, and those that do come again are soon back."""
_LONGEST = _ROOM >> 3
_LEAST = 1 << 10  # what the shortest counts: it is not its bytes that weigh
_ANSWERS = 1 << 10
_PRIVATE = frozenset({ItemType.USER_IDENTITY, ItemType.USER_IDENTITY_RESPONSE})

_Associate: TypeAlias = AAssociateRQ | AAssociateAC
_ASSOCIATE = (AAssociateRQ, AAssociateAC)

Options = TypeVar("Options")
P = TypeVar("P")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class _Memory:
    """What is kept. Threads share it, and at worst work out something twice."""

    def __init__(self) -> None:
        self.decoded: dict[bytes, _Associate] = {}
        self.built: dict[Any, AAssociateRQ] = {}
        self.kept: dict[int, _Associate] = {}  # all of them, and those that followed from others, by identity
        self.answers: dict[tuple[object, ...], tuple[tuple[object, ...], Any]] = {}  # to ``once``, with what was asked
        self.size = 0

    def keep(self, pdu: _Associate, size: int) -> bool:
        """Whether this PDU may be kept, and is from now on."""
        if size > _LONGEST or is_private(pdu):
            return False
        size = max(size, _LEAST)
        if self.size + size > _ROOM:
            self.forget()
        self.size += size
        self.kept[id(pdu)] = pdu
        return True

    def keep_own(self, pdu: _Associate) -> bool:
        """The same for a PDU that was not read off bytes."""
        try:
            return self.keep(pdu, len(encode_pdu(pdu)))
        except EncodeError:  # to say so is up to who wants to send it
            return False

    def forget(self) -> None:
        """Begin anew."""
        self.decoded.clear()
        self.built.clear()
        self.kept.clear()
        self.answers.clear()
        self.size = 0


_memory = _Memory()


def is_private(pdu: Pdu) -> bool:
    """Whether it may hold a password or a ticket."""
    if not isinstance(pdu, _ASSOCIATE):
        return False
    return any(item.item_type in _PRIVATE for item in (*pdu.items, *pdu.user_information))


def decode_remembered(data: bytes) -> Pdu:
    """``decode_pdu``; of the same A-ASSOCIATE PDU only once.

    Raises:
        DecodeError: it is no PDU.
    """
    known = _memory.decoded.get(data)
    if known is not None:
        return known
    pdu = decode_pdu(data)
    if isinstance(pdu, _ASSOCIATE) and _memory.keep(pdu, len(data)):
        _memory.decoded[data] = pdu
    return pdu


def built(build: Callable[[Options], AAssociateRQ], options: Options) -> AAssociateRQ:
    """What ``build`` makes of these options; of equal ones only once. Raises what ``build`` raises."""
    try:
        known = _memory.built.get(options)
    except TypeError:  # not hashable, such as with a list in place of a tuple
        return build(options)
    if known is not None:
        return known
    request = build(options)
    if _memory.keep_own(request):
        _memory.built[options] = request
    return request


def once(ask: Callable[[P, *Ts], T], pdu: P, *more: *Ts) -> T:
    """What ``ask`` says, which is to follow from the arguments and nothing else. Raises what ``ask`` raises.

    Of a PDU that is kept it is asked only once. Further arguments that are PDUs have to be kept as well; what is no PDU
    counts by its identity.
    """
    kept, answers = _memory.kept, _memory.answers
    if id(pdu) not in kept:
        return ask(pdu, *more)
    key = (ask, id(pdu), *map(id, more))
    known = answers.get(key)
    if known is not None:
        answer: T = known[1]
        return answer
    answer = ask(pdu, *more)
    if any(isinstance(one, _ASSOCIATE) and id(one) not in kept for one in more):
        return answer
    if not isinstance(answer, _ASSOCIATE) or _memory.keep_own(answer):
        if len(answers) >= _ANSWERS:
            answers.clear()
        answers[key] = ((pdu, *more), answer)
    return answer
