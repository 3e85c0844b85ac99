"""The exit statuses, apart from all that decides between them, so that ``-h`` need load no more than their names."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Exit"]


class Exit(IntEnum):
    """Exit statuses of ``dcmups``."""

    DONE = 0
    BAD_INPUT = 1
    NO_ASSOCIATION = 2
    FAILURE_STATUS = 3
    DEADLINE = 4
    WARNING_STATUS = 5
    NO_MATCH = 6
    INTERRUPTED = 130
