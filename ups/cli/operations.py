"""The nine operations: which flow each runs, what it prints of the answers, and how it ends.

Knows no driver: an ``Operation`` is a flow to stream, something to do with each delivered item, and an exit status.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from dicomnet import flows, uids
from dicomnet.dimse.messages import (
    CFindResponse,
    NActionResponse,
    NCreateResponse,
    NGetResponse,
    Response,
)
from dicomnet.dimse.status import PENDING_WITH_WARNING, SUCCESS, StatusClass
from dicomnet.errors import EncodeError, LocalProtocolError, NoPresentationContext
from dicomnet.flows import Flow
from ups import scu
from ups.cli.catalogue import CONTEXTS, OperationSpec
from ups.cli.console import Console, printable
from ups.cli.events import Event
from ups.cli.exits import Exit
from ups.cli.inputs import Content
from ups.cli.outcome import exit_of_status, lines_of_status
from ups.cli.parser import CommandLine
from ups.cli.results import Results
from ups.cli.waiting import Ending, Wait, Waited
from ups.names import FINAL_STATES, StepState
from ups.status import ALREADY_IN_PROGRESS

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

    def __init__(self, line: CommandLine, spec: OperationSpec, content: Content, results: Results) -> None:
        self._line = line
        self._spec = spec
        self._content = content
        self._results = results
        self._console: Console = results.console
        self._response: Response | None = None
        self._unsupported_keys = False
        self._outcome: Exit | None = None
        self._claiming = content.claiming
        self._begun = False
        self._wait = None if line.wait is None else self._wait_for(line.wait)
        self._waited: Waited | None = None

    def _wait_for(self, state: StepState) -> Wait | None:
        line, instance = self._line, self._content.instance
        if instance is None or not self._spec.has_use_for("wait"):
            return None
        return Wait(
            instance,
            state,
            line.wait_timeout,
            via=abstract_syntax(line, self._spec),
            sop_class=CONTEXTS["push"].abstract_syntax(trial=line.trial),
            response_timeout=line.response_timeout,
        )

    def note(self, event: Event) -> None:
        """An event report came while the operation goes on, on this association or another."""
        if self._wait is not None:
            self._wait.note(event.report)

    def flow(self) -> Flow[None]:
        """Send the request and keep the final response; then wait, if that was asked for."""
        self._begun = True
        try:
            response: Response = yield from self._request()
        except (LocalProtocolError, EncodeError, NoPresentationContext):
            self._begun = False  # nothing was sent
            raise
        if self._claiming is not None:
            self._warn_of((yield from flows.call(partial(self._claiming.answered, response))))
        self._response = response
        if self._wait is not None and exit_of_status(response.status_class) is Exit.DONE:
            yield from flows.deliver(response)
            self._waited = yield from self._wait.flow()
            if self._claiming is not None and self._waited.state in FINAL_STATES:
                self._warn_of((yield from flows.call(self._claiming.ended)))

    @property
    def instance(self) -> str | None:
        """The SOP instance that it is about, if that was said."""
        return self._content.instance

    @property
    def may_have_worked(self) -> bool:
        """Whether the peer may have done what was asked: it said so, or it said nothing."""
        return self._begun and (self._response is None or exit_of_status(self._response.status_class) is Exit.DONE)

    def end(self) -> None:
        """Nothing more comes, whether or not anything was done; call it last."""
        if not self._begun and self._claiming is not None:
            self._warn_of(self._claiming.unsent())

    def _warn_of(self, problem: str | None) -> None:
        if problem is not None:
            self._console.warn(problem)

    def item(self, item: object) -> None:
        """Show a match, or the answer that is waited after, as soon as it is there.

        Raises:
            OutputFailed: nobody reads what we print.
        """
        if isinstance(item, NActionResponse):
            self._outcome = self._report(item)
        elif isinstance(item, CFindResponse):
            self._unsupported_keys |= item.status == PENDING_WITH_WARNING
            self._results.match(item)
            if not self._results.visible:
                self._console.progress(self._counted())

    def close(self) -> None:
        """Show what was kept back of the matches; call it however the stream has ended, before ``settle``.

        Raises:
            OutputFailed: nobody reads what we print.
        """
        self._results.close()

    def _request(self) -> Flow[Any]:
        line, content, spec = self._line, self._content, self._spec
        via = abstract_syntax(line, spec)
        push = CONTEXTS["push"].abstract_syntax(trial=line.trial)
        if spec.name == "find":
            return scu.find(content.data_set, via=via, priority=line.priority)
        if spec.name == "create":
            return scu.create(content.data_set, uid=content.instance, via=via, sop_class=push)
        instance = content.instance or spec.instance or ""
        if spec.name == "set":
            return scu.set_attributes(instance, content.data_set, via=via, sop_class=push)
        if spec.action is None:
            return scu.get(instance, content.attributes or (), via=via, sop_class=push)
        return scu.action(instance, spec.action, content.data_set, via=via, sop_class=push)

    def settle(self) -> Exit:
        """Print the result and what the status says; the exit status.

        Raises:
            DecodeError: the peer's data set cannot be read.
            OutputFailed: nobody reads what we print.
            ValueError: the flow has not ended.
        """
        if self._response is None:
            raise ValueError("the operation has no final response yet")
        outcome = self._report(self._response) if self._outcome is None else self._outcome
        if self._wait is None or self._waited is None:
            return outcome
        return self._tell(self._wait, self._waited) or outcome

    def _report(self, response: Response) -> Exit:
        outcome = exit_of_status(response.status_class)
        _log.info("%s was answered with %04X", self._spec.name, response.status)
        if outcome is Exit.DONE:
            self._show(response)
            outcome = self._verdict(response)
        self._comment(response)
        return outcome

    def _tell(self, wait: Wait, waited: Waited) -> Exit:
        """How the wait ended, after a good answer."""
        say, instance, state = self._console.say, wait.instance, printable(waited.state)
        self._results.outcome({"operation": "wait", "uid": instance, "state": waited.state or None})
        if waited.ending is Ending.REACHED:
            self._console.tell(f"{self._spec.name}: {instance} is {wait.wanted}")
            return Exit.DONE
        if waited.ending is Ending.TIMED_OUT:
            known = f"is still {state}" if state else "has not told its state"
            say(f"{instance} {known} after {wait.seconds:g} s (--wait-timeout)")
            return Exit.DEADLINE
        if waited.ending is Ending.MISSED:
            say(f"{instance} is {state} and will never be {wait.wanted} (--wait)")
        elif waited.response is not None:
            say(*lines_of_status(waited.response, instance))
        else:
            say(f"the peer does not tell the state of {instance} (--wait)")
        return Exit.FAILURE_STATUS

    def _show(self, response: Response) -> None:
        """Give the result of what was done to the form it is to have."""
        if isinstance(response, NGetResponse):
            self._results.found(response)
            return
        if isinstance(response, CFindResponse):
            return
        instance = self._content.instance or self._spec.instance
        if isinstance(response, NCreateResponse):
            instance = response.instance or instance
            if instance:
                self._results.instance(instance)
            else:
                self._console.warn(
                    "the peer made the UID of the workitem and did not say which; look for it with 'find'"
                )
        facts = {"operation": self._spec.name, "uid": instance, "status": f"{response.status:04X}"}
        more = {"state": self._line.state, "aet": self._line.aet}
        used = {name: value for name, value in more.items() if value is not None and self._spec.has_use_for(name)}
        self._results.outcome({**facts, **used})

    def _verdict(self, response: Response) -> Exit:
        """The exit status of what was done: --strict and --no-match-error are less content than the peer."""
        warned = response.status_class is StatusClass.WARNING or self._unsupported_keys
        if self._results.unreadable:
            return Exit.NO_ASSOCIATION
        if self._line.strict and warned:
            return Exit.WARNING_STATUS
        if self._line.no_match_error and isinstance(response, CFindResponse) and not self._results.matches:
            return Exit.NO_MATCH
        return Exit.DONE

    def _comment(self, response: Response) -> None:
        """Say what the status says."""
        warn = self._console.complain if self._line.strict else self._console.warn
        if response.status_class is StatusClass.WARNING:
            warn(*lines_of_status(response, self._content.instance))
        elif response.status != SUCCESS:
            self._console.say(*self._lines_of_failure(response))
        else:
            self._console.tell(f"{self._spec.name}: {self._done()}")
        if self._unsupported_keys:
            warn("FF01 the peer does not support some of the optional keys of this search")
        if self._results.unreadable:
            self._console.say(f"missing from the results: {self._results.unreadable} of {self._counted()}")

    def _lines_of_failure(self, response: Response) -> list[str]:
        lines = lines_of_status(response, self._content.instance)
        if response.status == ALREADY_IN_PROGRESS and self._claiming is not None and self._claiming.may_be_ours:
            lines[-1] = "A claim of ours is remembered, and may be the one: go on with it by 'set -tuid auto'."
        return lines

    def _counted(self) -> str:
        matches = self._results.matches
        return f"{matches} match{'es' * (matches != 1)}"

    def _done(self) -> str:
        match self._spec.name:
            case "find":
                return self._counted() if self._results.matches else "no match"
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
    try:
        for item in link.stream(operation.flow()):
            operation.item(item)
    finally:
        operation.close()
    return operation.settle()
