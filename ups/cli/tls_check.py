"""``dcmups tls-check``: what a peer offers of TLS, whose certificate it has, and whether we would get along.

Nothing of DICOM is said. First everything is offered, to see what the peer takes; then handshakes are gone through
with: one to see its certificate, one that asks whether our trust store believes it, one that asks whether it has the
right name, and one with just what the command line says, which decides how the command ends.
"""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Iterable, Iterator

from dicomnet.drivers.tls import RECIPES, Profile, Recipe, believe
from dicomnet.drivers.tls_probe import VERSIONS, Handshake, Survey, Target, shake_hands, survey
from dicomnet.drivers.tls_suites import suite_name
from dicomnet.errors import DicomNetError
from dicomnet.keystores import Trust
from dicomnet.records import dataclass
from ups.cli.console import Console, printable
from ups.cli.exits import Exit
from ups.cli.log import start_log
from ups.cli.outcome import exit_of_error, lines_of_error
from ups.cli.tls_certificate import certificate_lines
from ups.cli.tls_contexts import SUITES, Material, open_stores
from ups.cli.tls_inquiry import TlsInquiry
from ups.cli.tls_options import SYSTEM

__all__ = ["tls_check"]

_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME, which Python has no name for."""
_WIDTH = 20
_MAX_TEXT = 4000


def tls_check(line: TlsInquiry, console: Console) -> Exit:
    """Print what is found out; 0 if a connection as the command line has it would come about.

    Raises:
        UsageError: a store cannot be used, or OpenSSL cannot do what was asked for.
        OutputFailed: nobody reads it.
    """
    start_log(console, line.verbose)
    material, warned = open_stores(line.tls, calls=True, listens=False)
    client = material.client()
    console.warn(*warned)
    target = Target(line.host, line.port, line.connect_timeout, line.answer_timeout)
    try:
        return _Check(target, material, client, console).run()
    except DicomNetError as error:
        console.say(*lines_of_error(error, target.where, plain=False))
        return exit_of_error(error)


@dataclass(slots=True)
class _Check:
    """One examination of one peer."""

    target: Target
    material: Material
    client: ssl.SSLContext
    console: Console

    def run(self) -> Exit:
        """All of it, each part as soon as it is known."""
        where = self.target.where
        found = survey(self.target)
        if found.foreign:
            self.console.say(f"{where} does not speak TLS")
            return Exit.NO_ASSOCIATION
        if not found.suites:
            self.console.say(f"{where} accepts no version and no suite of TLS that was offered")
            return Exit.NO_ASSOCIATION
        self._tell(_offer_lines(found))
        self._tell([("would do", _choices(found))])
        seen = shake_hands(self.target, _context())
        self._tell([("our certificate", _demand(found, seen))])
        certificate = seen.certificate or next(iter(found.certificates), b"")
        if certificate:
            self._tell(certificate_lines(certificate))
            self._tell([("trust", self._trust()), ("host name", self._name(certificate))])
        else:
            self._tell([("certificate", f"it could not be seen: {seen.reason}")])
        return self._as_asked()

    def _tell(self, lines: Iterable[tuple[str, str]]) -> None:
        self.console.result(*(f"{label:<{_WIDTH}}{printable(text, _MAX_TEXT)}".rstrip() for label, text in lines))

    def _trust(self) -> str:
        """Whether the trust store believes the certificate."""
        wishes, trust = self.material.wishes, self.material.trust
        context = _context()
        context.verify_mode = ssl.CERT_REQUIRED
        if trust is None:
            context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        else:
            believe(context, trust)
        name = "what the system trusts" if wishes.trust_store == SYSTEM else wishes.trust_store
        return _judged(shake_hands(self.target, context), f"believed with {name}", f"not believed with {name}")

    def _name(self, certificate: bytes) -> str:
        """Whether the certificate names the host; all else about it is taken for good."""
        context = _context()
        context.verify_mode = ssl.CERT_REQUIRED
        context.check_hostname = True
        believe(context, Trust((certificate,)))
        context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME)
        return _judged(shake_hands(self.target, context), f"fits {self.target.host}", "does not fit")

    def _as_asked(self) -> Exit:
        """The handshake of the command line, which has the last word."""
        outcome = shake_hands(self.target, self.client)
        wishes = self.material.wishes
        what = f"{wishes.called('choice')} {wishes.choice}"
        if outcome.fault is not None:
            self._tell([(what, f"does not work: {outcome.reason}")])
            return Exit.NO_ASSOCIATION
        self._tell([(what, f"works: {outcome.agreed}")])
        return Exit.DONE


def _context() -> ssl.SSLContext:
    """One that goes along with whatever OpenSSL can do, and believes anybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:COMPLEMENTOFALL:!aNULL:!PSK:!SRP:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of TLS 1.0, which old devices have
        context.minimum_version = ssl.TLSVersion.TLSv1
    return context


def _judged(outcome: Handshake, good: str, bad: str) -> str:
    """What became of the peer's certificate; what it thinks of ours does not matter here."""
    refusal = outcome.refusal
    if refusal is not None:
        return f"{bad}: {refusal.verify_message}"
    return good


def _offer_lines(found: Survey) -> Iterator[tuple[str, str]]:
    for version, name in VERSIONS.items():
        suites = found.suites.get(version, [])
        if not suites:
            yield name, "no"
        for place, suite in enumerate(suites):
            yield "" if place else name, suite_name(suite)
    if found.cut:
        yield "", "(it takes still more; this was enough)"


def _demand(found: Survey, handshake: Handshake) -> str:
    """Whether the peer wants to see a certificate: that is known when it has got none."""
    if handshake.fault is None:
        return "asked for, not required" if found.asks else "not asked for" if found.asks is False else "not required"
    if found.asks or "certificate" in handshake.reason:
        return "required"
    return f"unknown: {handshake.reason}"


def _choices(found: Survey) -> str:
    """What of -tls and --tls-profile has a version and a suite in common with the peer."""
    suites = [name for name, recipe in SUITES.items() if _fits(recipe, found)]
    profiles = [str(profile) for profile in Profile if _fits(RECIPES[profile], found)]
    fitting = {"-tls": suites, "--tls-profile": profiles}
    parts = [f"{name} {', '.join(values)}" for name, values in fitting.items() if values]
    return "; ".join(parts) or "nothing that this OpenSSL can do"


def _fits(recipe: Recipe, found: Survey) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.set_ciphers(recipe.suites)
    except ssl.SSLError:  # not in this OpenSSL
        return False
    ours = {int(cipher["id"]) & 0xFFFF for cipher in context.get_ciphers()}
    versions = (version for version in found.suites if recipe.lowest <= version <= recipe.highest)
    return any(ours.intersection(found.suites[version]) for version in versions)
