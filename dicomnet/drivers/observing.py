"""What can be seen of a session from outside: counters, and hooks that are shown what passes.

A hook is foreign code: when it fails, that is logged and nothing else happens. It is called in the middle of things and
must not touch the session.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Concatenate, ParamSpec

from dicomnet.dimse.exchange import Exchange
from dicomnet.drivers.common import Hooks
from dicomnet.records import dataclass
from dicomnet.ul import Association, Counters
from dicomnet.wire import Pdu

__all__ = ["SessionCounters", "attach"]

_log = logging.getLogger("dicomnet.session")

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class SessionCounters:
    """What has gone over an association so far: octets and PDUs, messages by their class, responses nobody waited for.

    A message that is sent counts when the last of it is on its way, a streamed request when its command is here.
    """

    association: Counters
    sent: Mapping[str, int]
    received: Mapping[str, int]
    stray_responses: int

    @classmethod
    def of(cls, exchange: Exchange) -> SessionCounters:
        """Those of the association under this exchange, now."""
        return cls(
            exchange.association.counters,
            {kind.__name__: count for kind, count in exchange.sent.items()},
            {kind.__name__: count for kind, count in exchange.received.items()},
            exchange.stray_responses,
        )


def attach(
    hooks: Hooks, association: Association, exchange: Exchange, number: int, keep_pdu: Callable[[Pdu], None] | None
) -> None:
    """Have the hooks shown what passes on association ``number``; ``keep_pdu`` is shown received PDUs besides."""
    if hooks.primitive is not None:
        association.on_primitive = _guarded(hooks.primitive, number)
    if hooks.pdu is not None:
        association.on_pdu = both = _guarded(hooks.pdu, number)
        if keep_pdu is not None:
            keep = keep_pdu

            def on_pdu(pdu: Pdu) -> None:
                keep(pdu)
                both(pdu)

            association.on_pdu = on_pdu
    if hooks.message is not None:
        exchange.on_message = _guarded(hooks.message, number)


def _guarded(hook: Callable[Concatenate[int, P], None], number: int) -> Callable[P, None]:
    def shown(*what: P.args, **more: P.kwargs) -> None:
        try:
            hook(number, *what, **more)
        except Exception as error:  # noqa: BLE001 - foreign code
            _log.error("association %d: a hook failed: %s", number, type(error).__name__)
            _log.debug("association %d: the failure", number, exc_info=error)

    return shown
