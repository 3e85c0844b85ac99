"""The response to a request, with the fields that go with its status (PS3.7 10.3, Annex C)."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from dicomnet.dimse import messages
from dicomnet.dimse.command import CommandElement
from ups.names import instance_class

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from dicomnet.dimse.messages import Request, Response
    from ups.refusal import Refusal

__all__ = ["command_field", "respond", "respond_refusal"]


def command_field(request: Request) -> int:
    """The command field (0000,0100) of a request, also of one that nobody has a class for."""
    if isinstance(request, messages.OtherRequest):
        code = request.command.get(CommandElement.COMMAND_FIELD)
        return code if isinstance(code, int) else 0
    return request.command_field


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
    own = getattr(request, "instance", None)
    responding_to, context_id = request.message_id or 0, request.context_id
    text = comment.encode("ascii", "replace").decode().replace("\\", "/")[:64] or None
    offending, listed = elements or None, attributes or None
    if isinstance(request, messages.CFindRequest):
        return messages.CFindResponse(
            context_id=context_id,
            responding_to=responding_to,
            status=status,
            sop_class=request.sop_class,
            data_set=data_set,
            error_comment=text,
            offending_elements=offending,
        )
    if isinstance(request, messages.NActionRequest):
        return messages.NActionResponse(
            context_id=context_id,
            responding_to=responding_to,
            status=status,
            sop_class=instance_class(abstract_syntax),
            instance=own,
            action_type=request.action_type,
            error_comment=text,
            offending_elements=offending,
            attribute_list=listed,
        )
    for kind, answer in _N_RESPONSES:
        if isinstance(request, kind):
            return answer(
                context_id=context_id,
                responding_to=responding_to,
                status=status,
                sop_class=instance_class(abstract_syntax),
                instance=instance or own or None,
                data_set=data_set,
                error_comment=text,
                offending_elements=offending,
                attribute_list=listed,
            )
    return messages.OtherResponse(
        context_id=context_id,
        responding_to=responding_to,
        status=status,
        answers=command_field(request),
        error_comment=text,
    )


_Answer: TypeAlias = type[messages.NCreateResponse] | type[messages.NSetResponse] | type[messages.NGetResponse]

_N_RESPONSES: tuple[tuple[type[messages.Request], _Answer], ...] = (
    (messages.NCreateRequest, messages.NCreateResponse),
    (messages.NSetRequest, messages.NSetResponse),
    (messages.NGetRequest, messages.NGetResponse),
)


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
