"""pynetdicom's associations, without the one race that a fast peer wins against them."""

from __future__ import annotations

from typing import Any

from pynetdicom.association import Association

__all__ = ["leave_responses"]


def leave_responses(assoc: Association) -> Association:
    """Let the association's own thread leave responses to who waits for them.

    A ``send_...`` method waits for that thread to pause before it sends; the flag it looks at can be a moment old, and
    then the thread takes a response that comes at once for a request and drops it.
    """
    serve = assoc._serve_request

    def serve_requests(message: Any, context_id: int) -> None:
        if getattr(message, "MessageIDBeingRespondedTo", None) is not None:
            assoc.dimse.msg_queue.put((context_id, message))
        else:
            serve(message, context_id)

    assoc._serve_request = serve_requests  # type: ignore[method-assign]
    return assoc
