"""The response to a request, with the fields that go with its status (PS3.7 10.3, Annex C)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dicomnet.dimse import messages
from dicomnet.dimse.conversion import reply
from ups.names import instance_class

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from dicomnet.dimse.messages import Request, Response
    from ups.scp.refusal import Refusal

__all__ = ["respond", "respond_refusal"]

_ON_WORKITEMS = (messages.NCreateRequest, messages.NSetRequest, messages.NGetRequest, messages.NActionRequest)


def respond(
    request: Request,
    abstract_syntax: str,
    status: int,
    *,
    data_set: Dataset | None = None,
    instance: str | None = None,
    comment: str = "",
    elements: tuple[int, ...] = (),
    attributes: tuple[int, ...] = (),
) -> Response:
    """The response of the request's own kind; for DIMSE-N it names the workitem's class, for C-FIND the context's."""
    values: dict[str, Any] = {
        "data_set": data_set,
        "error_comment": comment.encode("ascii", "replace").decode().replace("\\", "/")[:64] or None,
        "offending_elements": elements or None,
    }
    if isinstance(request, _ON_WORKITEMS):
        values["sop_class"] = instance_class(abstract_syntax)
        values["instance"] = instance or request.instance or None
        values["attribute_list"] = attributes or None
    return reply(request, status, **values)


def respond_refusal(request: Request, abstract_syntax: str, refusal: Refusal) -> Response:
    """The response that says why a request was not carried out."""
    return respond(
        request,
        abstract_syntax,
        refusal.status,
        comment=refusal.comment,
        elements=refusal.elements,
        attributes=refusal.attributes,
    )
