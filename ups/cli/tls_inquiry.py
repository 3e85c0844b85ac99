"""The grammar of ``dcmups tls-check``: whom to ask, with which keys and whose word, and how patiently."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dicomnet.records import dataclass
from ups.cli import values
from ups.cli.option import Option, Program
from ups.cli.options import PROGRAM, TLS_CHECK
from ups.cli.reading import Reading
from ups.cli.settings import Settings
from ups.cli.tls_options import DEFAULT_CHOICE, TlsWishes, wishes
from ups.cli.words import UsageError

__all__ = ["TlsInquiry", "tls_inquiry"]

_TIMES = frozenset({"connect_timeout", "accept_timeout"})
_ALWAYS = frozenset({"verbose", "quiet", "profile"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsInquiry:
    """What ``tls-check`` is to find out; times are in seconds and None is no limit."""

    host: str
    port: int
    tls: TlsWishes
    connect_timeout: float | None
    answer_timeout: float | None
    quiet: bool
    verbose: int
    warnings: tuple[str, ...]
    settled: Mapping[str, str]


def tls_inquiry(reading: Reading, load: Callable[[Program], Settings]) -> TlsInquiry:
    """The question that these words are.

    Raises:
        UsageError: they are none.
    """
    words = reading.positionals[1:]
    if len(words) != 1:
        wrong = f"unexpected word {words[1]!r}" if words else f"{TLS_CHECK} needs the address of the peer: HOST:PORT"
        raise UsageError(wrong)
    settings = load(PROGRAM)
    alias = words[0][1:] if words[0].startswith("@") else None
    reading = settings.lay(PROGRAM, reading, alias)
    if alias is None:
        host, port = _place(words[0])
    else:
        peer = settings.address(alias)
        host, port = peer.host, peer.port
    if reading.values["tls_choice"] is None:
        reading = Reading(
            {**reading.values, "tls_choice": DEFAULT_CHOICE}, reading.given, reading.positionals, reading.settled
        )
    tls, found, _ = wishes(reading)
    typed = reading.given.keys() - reading.settled
    idle = {option.dest: option for option in reversed(PROGRAM.options) if option.dest in typed and not _serves(option)}
    return TlsInquiry(
        host=host,
        port=port,
        tls=tls,
        connect_timeout=found["connect_timeout"],
        answer_timeout=found["accept_timeout"],
        quiet=found["quiet"],
        verbose=found["verbose"],
        warnings=(*settings.warnings, *(f"{reading.given[place]} has no effect on {TLS_CHECK}" for place in idle)),
        settled={place: reading.given[place] for place in reading.settled},
    )


def _serves(option: Option) -> bool:
    return option.dest.startswith("tls_") or option.dest in _TIMES or option.dest in _ALWAYS


def _place(text: str) -> tuple[str, int]:
    """``HOST:PORT``; a title before it does no harm."""
    try:
        return values.host_and_port(text)
    except values.BadValue as error:
        raise UsageError(f"{TLS_CHECK}: {error}") from None
