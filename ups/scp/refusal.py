"""A request that is not carried out: what the response says of it (PS3.7 Annex C). Raised inside the service only."""

from __future__ import annotations

from collections.abc import Sequence

from dicomnet.errors import DicomNetError
from ups.tables import keyword

__all__ = ["Refusal", "naming"]

_COMMENT_LENGTH = 64  # (0000,0902) is LO


class Refusal(DicomNetError):
    """Carries the status and its fields: the error comment, offending elements (0901) and the attribute list (1005)."""

    def __init__(
        self, status: int, comment: str = "", *, elements: Sequence[int] = (), attributes: Sequence[int] = ()
    ) -> None:
        super().__init__(f"{status:04X} {comment}")
        self.status = status
        self.comment = comment[:_COMMENT_LENGTH]
        self.elements = tuple(dict.fromkeys(elements))
        self.attributes = tuple(dict.fromkeys(attributes))


def naming(word: str, paths: Sequence[tuple[int, ...]]) -> str:
    """A comment of at most 64 characters that names the first attribute and where it stands, by tags if need be."""
    rest = f" +{len(paths) - 1} more" if len(paths) > 1 else ""
    path = paths[0]
    name = keyword(path[-1])
    places = []
    if len(path) > 1:  # the same attribute often stands at the top too: without its place the name would mislead
        inner, outer = (f"({tag >> 16:04X},{tag & 0xFFFF:04X})" for tag in (path[-1], path[-2]))
        places = [f"{name} in {keyword(path[-2])}", f"{name} in {outer}", f"{inner} in {outer}"]
    for text in (*places, name):
        if len(word) + 1 + len(text) + len(rest) <= _COMMENT_LENGTH:
            return f"{word} {text}{rest}"
    return f"{word} {name}"[:_COMMENT_LENGTH]
