"""The nine operations: which flow each runs, what it prints of the answers, and how it ends.

Knows no driver: an ``Operation`` is a flow to stream, something to do with each delivered item, and an exit status.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from dicomnet import uids
from dicomnet.dimse.messages import CFindResponse, NCreateResponse, NGetResponse, Response
from dicomnet.dimse.status import PENDING_WITH_WARNING, SUCCESS, StatusClass
from dicomnet.flows import Flow
from ups import scu
from ups.cli import output
from ups.cli.catalogue import CONTEXTS, OperationSpec
from ups.cli.console import Console, printable
from ups.cli.exits import Exit
from ups.cli.inputs import Content
from ups.cli.outcome import exit_of_status, lines_of_status
from ups.cli.parser import CommandLine

if TYPE_CHECKING:
    from dicomnet.drivers.blocking import Link

__all__ = ["Operation", "abstract_syntax", "perform"]

_log = logging.getLogger("ups.cli")

_EVERYTHING = {
    uids.UPS_GLOBAL_SUBSCRIPTION: "all workitems",
    uids.UPS_FILTERED_GLOBAL_SUBSCRIPTION: "all workitems that match its filter",
}


def abstract_syntax(line: CommandLine, spec: OperationSpec) -> str:
    """The SOP class whose context carries the operation."""
    return CONTEXTS[line.context or spec.context].abstract_syntax(trial=line.trial)


class Operation:
    """One operation: stream ``flow``, pass each ``item``, and ``settle`` once the stream has ended."""

    def __init__(self, line: CommandLine, spec: OperationSpec, content: Content, console: Console) -> None:
        self._line = line
        self._spec = spec
        self._content = content
        self._console = console
        self._response: Response | None = None
        self._matches = 0
        self._unsupported_keys = False

    def flow(self) -> Flow[None]:
        """Send the request and keep the final response."""
        self._response = yield from self._request()

    def item(self, item: object) -> None:
        """Print a match, as soon as it is there.

        Raises:
            DecodeError: the peer's data set cannot be read.
            OutputFailed: nobody reads what we print.
        """
        if isinstance(item, CFindResponse):
            self._matches += 1
            self._unsupported_keys |= item.status == PENDING_WITH_WARNING
            dataset = item.dataset()
            if dataset is not None:
                self._console.result(*output.match_lines(dataset))

    def _request(self) -> Flow[Any]:
        line, content, spec = self._line, self._content, self._spec
        via = abstract_syntax(line, spec)
        push = CONTEXTS["push"].abstract_syntax(trial=line.trial)
        if spec.name == "find":
            return scu.find(content.dataset, via=via, priority=line.priority)
        if spec.name == "create":
            return scu.create(content.dataset, uid=content.instance, via=via, sop_class=push)
        instance = content.instance or spec.instance or ""
        if spec.name == "set":
            return scu.set_attributes(instance, content.dataset, via=via, sop_class=push)
        if spec.action is None:
            return scu.get(instance, content.attributes or (), via=via, sop_class=push)
        return scu.action(instance, spec.action, content.dataset, via=via, sop_class=push)

    def settle(self) -> Exit:
        """Print the result and what the status says; the exit status.

        Raises:
            DecodeError: the peer's data set cannot be read.
            OutputFailed: nobody reads what we print.
            ValueError: the flow has not ended.
        """
        response = self._response
        if response is None:
            raise ValueError("the operation has no final response yet")
        outcome = exit_of_status(response.status_class)
        _log.info("%s was answered with %04X", self._spec.name, response.status)
        if outcome is Exit.DONE:
            self._results(response)
        if response.status_class is StatusClass.WARNING:
            self._console.warn(*lines_of_status(response))
        elif response.status != SUCCESS:
            self._console.say(*lines_of_status(response))
        else:
            self._console.say(f"{self._spec.name}: {self._done()}")
        if self._unsupported_keys:
            self._console.warn("FF01 the peer does not support some of the optional keys of this search")
        return outcome

    def _results(self, response: Response) -> None:
        if isinstance(response, NCreateResponse):
            instance = response.instance or self._content.instance
            if instance:
                self._console.result(printable(instance))
            else:
                self._console.warn(
                    "the peer made the UID of the workitem and did not say which; look for it with 'find'"
                )
        elif isinstance(response, NGetResponse) and (dataset := response.dataset()) is not None:
            self._console.result(*output.attribute_lines(dataset))

    def _done(self) -> str:
        match self._spec.name:
            case "find":
                return "no match" if not self._matches else f"{self._matches} match{'es' * (self._matches > 1)}"
            case "create":
                return "created"
            case "set":
                return "changed"
            case "get":
                return "done"
            case "chstate":
                return f"the state is {self._line.state}"
            case "reqcancel":
                return "the request was passed on; the state tells whether it is followed"
        instance = self._content.instance or uids.UPS_GLOBAL_SUBSCRIPTION
        which = _EVERYTHING.get(instance, instance)
        verb = {"subscribe": "subscribed to", "unsubscribe": "unsubscribed from"}.get(self._spec.name, "suspended for")
        return f"{self._line.aet} is {verb} {which}"


def perform(link: Link, operation: Operation) -> Exit:
    """Run an operation on a link of the blocking driver.

    Raises:
        DicomNetError: the association failed.
        OutputFailed: nobody reads what we print.
    """
    for item in link.stream(operation.flow()):
        operation.item(item)
    return operation.settle()
