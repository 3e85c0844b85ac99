"""Wild card matching in linear time (PS3.4 C.2.2.2.4): ``*`` any run of characters, ``?`` any one character.

No regular expression is ever built from what a peer sends. The pattern falls into pieces between its stars; each piece
is looked for once, from left to right, so no text position is tried twice for the same piece.
"""

from __future__ import annotations

__all__ = ["has_wildcard", "wildcard_match"]


def has_wildcard(pattern: str) -> bool:
    """Whether the pattern is more than a plain value."""
    return "*" in pattern or "?" in pattern


def wildcard_match(pattern: str, text: str) -> bool:
    """Whether the whole text fits the pattern."""
    pieces = pattern.split("*")
    if len(pieces) == 1:
        return len(pattern) == len(text) and _fits(pattern, text, 0)
    head, *middle, tail = pieces
    end = len(text) - len(tail)
    if len(head) > end or not _fits(head, text, 0) or not _fits(tail, text, end):
        return False
    place = len(head)
    for piece in middle:
        found = _find(piece, text, place, end)
        if found < 0:
            return False
        place = found + len(piece)
    return True


def _fits(piece: str, text: str, place: int) -> bool:
    return all(wanted in ("?", text[place + index]) for index, wanted in enumerate(piece))


def _find(piece: str, text: str, start: int, end: int) -> int:
    """Where the piece first stands between start and end, -1 for nowhere."""
    if "?" not in piece:
        return text.find(piece, start, end)
    # Shift-And: bit i of ``state`` says that the last i + 1 characters fit the beginning of the piece
    any_one = sum(1 << index for index, wanted in enumerate(piece) if wanted == "?")
    masks: dict[str, int] = {}
    for index, wanted in enumerate(piece):
        if wanted != "?":
            masks[wanted] = masks.get(wanted, any_one) | 1 << index
    goal, state = 1 << len(piece) - 1, 0
    for place in range(start, end):
        state = (state << 1 | 1) & masks.get(text[place], any_one)
        if state & goal:
            return place - len(piece) + 1
    return -1
