"""The answers to a C-FIND (PS3.4 CC.2.8.3), made page by page as they are asked for.

The store is read page by page in transactions of their own, so that a slow peer locks nobody out and a hundred thousand
matches take no more memory than a hundred; and a page without a match is told like any other, so that a long search
holds up nobody and can be cancelled. A workitem is shown as it is when its page is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from dicomnet.dimse import status as general
from dicomnet.errors import DecodeError
from dicomnet.records import replace
from ups.scp.matching import Query, with_uids
from ups.scp.store import StoreError
from ups.scp.workitem import decode

if TYPE_CHECKING:
    from dicomnet.dimse.messages import CFindResponse
    from ups.scp.store import Store

__all__ = ["answers"]

_PAGE = 100


def answers(
    store: Store,
    query: Query,
    final: CFindResponse,
    *,
    instance_class: str,
    failed: Callable[[StoreError | DecodeError], CFindResponse],
) -> Iterator[Sequence[CFindResponse]]:
    """A pending response per match, then ``final``; or what ``failed`` makes of a store that fails on the way.

    One batch for each page of the store, empty where nothing matches.
    """
    pending = general.PENDING if query.all_supported else general.PENDING_WITH_WARNING
    narrowing, after = query.narrowing(), 0
    while not query.is_empty:
        try:
            with store.read() as transaction:
                page = transaction.workitems(after=after, limit=_PAGE, narrowing=narrowing)
            matches = []
            for workitem in page:
                dataset = with_uids(decode(workitem), workitem.uid)
                if query.matches(dataset):
                    shown = query.answer(dataset)
                    shown.SOPClassUID = instance_class
                    matches.append(shown)
        except (StoreError, DecodeError) as error:
            yield [failed(error)]
            return
        yield [replace(final, status=pending, data_set=shown) for shown in matches]
        if not page:
            break
        after = page[-1].number
    yield [final]
