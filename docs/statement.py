"""The DICOM Conformance Statement, made from the tables the programs run on: ``python docs/statement.py``.

It has the outline of PS3.2 Annex A and writes ``docs/conformance-statement.md``. Whatever is a number, a UID or a name
of the code is read off the code; only the sentences between them are written here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from dicomnet import __version__, uids  # noqa: E402 - the project beside this file, installed or not
from dicomnet.codes import CommandField, known  # noqa: E402
from dicomnet.dimse import status as statuses  # noqa: E402
from dicomnet.dimse.exchange import MessageLimits  # noqa: E402
from dicomnet.drivers import tls  # noqa: E402
from dicomnet.drivers.aio_server import ServerLimits  # noqa: E402
from dicomnet.drivers.common import Waits  # noqa: E402
from dicomnet.services import storage, verification  # noqa: E402
from dicomnet.services.__main__ import MAX_LENGTH  # noqa: E402
from dicomnet.services.sop_classes import STORAGE_CLASSES  # noqa: E402
from dicomnet.ul import SupportedContext  # noqa: E402
from dicomnet.wire import PduLimits  # noqa: E402
from ups import status  # noqa: E402
from ups.cli.catalogue import CONTEXTS, OPERATIONS  # noqa: E402
from ups.cli.tls_contexts import SUITES  # noqa: E402
from ups.names import ACTIONS, CLASS_NAMES, SERVICES, TRIAL_CLASSES, ActionType  # noqa: E402
from ups.server import acceptance_policy  # noqa: E402

__all__ = ["statement"]

TARGET = ROOT / "docs" / "conformance-statement.md"


def statement() -> str:
    """The whole document."""
    return "\n\n".join([*_front(), *_networking(), *_rest()]) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def _syntax_name(uid: str) -> str:
    from pydicom.uid import UID

    return f"{UID(uid).name} ({uid})"


def _front() -> list[str]:
    served = _policy_classes()
    rows = [
        *((CLASS_NAMES[uid], _asked(uid), "Yes" if uid in served else "No") for uid in CLASS_NAMES),
        ("Verification SOP Class", "Toolkit", "Yes"),
        (f"Storage, {len(STORAGE_CLASSES)} SOP classes", "Toolkit", "Toolkit"),
    ]
    return [
        "# DICOM Conformance Statement",
        "<!-- Made by docs/statement.py from the code's own tables: change those, and run it again. -->",
        f"Product: dicomnet, dcmups, upsscp. Version {__version__}.",
        "## 1 Conformance statement overview",
        "`dcmups` is an SCU of the Unified Procedure Step services, `upsscp` an SCP of the same. `dicomnet` is the "
        "toolkit both are made of; what it brings as a service of its own (verification, storage) is listed as such. "
        "A program that embeds the toolkit is responsible for a conformance statement of its own.",
        _table(("Network service", "User of service (SCU)", "Provider of service (SCP)"), rows),
        "Media interchange, print and web services are not supported.",
        "## 2 Table of contents",
        "1 Overview · 3 Introduction · 4 Networking · 5 Media interchange · 6 Support of character sets · 7 Security · "
        "8 Annexes",
        "## 3 Introduction",
        "For those who connect a system to one of these programs or build on the toolkit, and know DICOM. What the "
        "standard leaves to an SCP of Unified Procedure Step is in [conformance.md](conformance.md), every limit in "
        "[limits.md](limits.md). References: DICOM PS3.2, PS3.4 (Annexes A, B, CC), PS3.7, PS3.8, PS3.15.",
    ]


def _asked(uid: str) -> str:
    """Whether ``dcmups`` asks for this class."""
    if any(uid == context.current for context in CONTEXTS.values()):
        return "Yes"
    return "Yes, with `--trial`" if any(uid == context.trial for context in CONTEXTS.values()) else "No"


def _policy_classes() -> set[str]:
    return {entry.abstract_syntax for entry in acceptance_policy("UPSSCP").supported}


def _networking() -> list[str]:
    return [
        "## 4 Networking",
        "### 4.1 Implementation model",
        "`dcmups` opens one association for one operation, named at the command line, and ends with it. Called "
        "without an operation it listens for event reports. `upsscp` accepts associations, and opens one to each "
        "subscriber that has event reports waiting.",
        "### 4.2 AE specifications",
        *_dcmups(),
        *_upsscp(),
        *_services(),
        "### 4.3 Network interfaces",
        "TCP/IP, version 4 and 6, with the interfaces of the operating system. TLS as in section 7.",
        "### 4.4 Configuration",
        "The local and the called AE title, host and port are given at the command line; `upsscp --peer "
        "AET=host:port` maps the titles of subscribers to addresses. Times and sizes:",
        _table(("parameter", "default"), _parameters()),
    ]


def _implementation() -> str:
    return _table(
        ("", ""),
        [
            ("Application context", uids.APPLICATION_CONTEXT),
            ("Implementation Class UID", uids.IMPLEMENTATION_CLASS_UID),
            ("Implementation Version Name", uids.IMPLEMENTATION_VERSION_NAME),
            ("Maximum PDU length received", PduLimits().p_data),
        ],
    )


def _dcmups() -> list[str]:
    operations = [
        (
            f"`{name}`",
            " / ".join(f"{CLASS_NAMES[uid]} ({uid})" for uid in (CONTEXTS[spec.context].current,)),
            spec.summary,
        )
        for name, spec in OPERATIONS.items()
    ]
    return [
        "#### 4.2.1 dcmups",
        _implementation(),
        "**Associations.** One at a time, opened for one operation. No asynchronous operations window is proposed.",
        "**Initiation.** The context of the operation is proposed, with `--trial` that of the retired class, and "
        f"beside it {CLASS_NAMES[uids.UPS_EVENT]} with role selection (SCU 1, SCP 0), because a peer may report "
        "events on the association of the subscriber. Transfer syntaxes: Explicit and Implicit VR Little Endian.",
        _table(("operation", "SOP class", "what it does"), operations),
        "**Negotiation.** The maximum PDU length is that of `-rcvpdulen`. A user identity of any of the types 1 to 5 "
        "is proposed on request, and so is fuzzy matching of person names for `find` (SOP Class Extended Negotiation, "
        "three bytes); where the peer leaves out what was asked, there is a warning, and the operation goes on.",
        "**Status.** A failure status ends the program with exit status 3; what each code means:",
        _table(
            ("status", "meaning in these services"),
            [(f"{code:04X}", entry.name) for code, entry in sorted(status.STATUS_HELP.items())],
        ),
        "**Acceptance.** As a listener it accepts any calling title under its own, for "
        f"{CLASS_NAMES[uids.UPS_EVENT]} (also the retired one), as SCU.",
    ]


def _service_names(uid: str) -> str:
    codes = sorted(SERVICES[TRIAL_CLASSES.get(uid, uid)])
    names = [getattr(known(CommandField, code), "name", f"{code:04X}") for code in codes]
    return ", ".join(name.removesuffix("_RQ").replace("_", "-") for name in names)


def _contexts(supported: Iterable[SupportedContext], names: dict[str, str]) -> str:
    return _table(
        ("abstract syntax", "UID", "transfer syntaxes, in the order of preference", "roles"),
        [
            (
                names.get(entry.abstract_syntax, entry.abstract_syntax),
                entry.abstract_syntax,
                ", ".join(_syntax_name(uid) for uid in entry.transfer_syntaxes),
                " and ".join(role for role, wanted in (("SCP", entry.scp), ("SCU", entry.scu)) if wanted),
            )
            for entry in supported
        ],
    )


def _upsscp() -> list[str]:
    policy = acceptance_policy("UPSSCP")
    names = {**CLASS_NAMES, uids.VERIFICATION: "Verification SOP Class"}
    actions = [
        (
            CLASS_NAMES[uid],
            _service_names(uid),
            ", ".join(f"{ActionType(number).name.replace('_', ' ').lower()} ({number})" for number in sorted(kinds))
            or "-",
        )
        for uid, kinds in ACTIONS.items()
    ]
    limits = ServerLimits()
    return [
        "#### 4.2.2 upsscp",
        _implementation(),
        f"**Associations.** At most {limits.associations:,} at once, {limits.per_address} of one address; a further "
        "one is rejected for the time being (transient, local limit exceeded). One operation at a time on each.",
        "**Acceptance.** The called AE title has to be its own; any calling title is accepted.",
        "**Extended negotiation.** Fuzzy matching of person names, for the classes with C-FIND.",
        _contexts(policy.supported, names),
        _table(("SOP class", "services", "actions"), actions),
        f"**Initiation.** To a subscriber, for {CLASS_NAMES[uids.UPS_EVENT]}, with role selection (SCU 0, SCP 1), when "
        "there are event reports for it.",
    ]


def _services() -> list[str]:
    limits = MessageLimits()
    entries = [*verification.SUPPORTED, *storage.supported()]
    syntaxes = sorted({uid for entry in entries for uid in entry.transfer_syntaxes})
    return [
        "#### 4.2.3 Services of the toolkit",
        "`dicomnet.services` has a verification SCP and a storage SCP that writes what it receives into a folder, as "
        "the bytes that came, behind file meta information (Part 10). "
        f"Command sets may have {limits.command // 1024} KiB; a streamed data set is limited by the disk alone.",
        "`python -m dicomnet.services` accepts any called AE title unless `--ae-title` names one, and receives PDUs of "
        f"up to {MAX_LENGTH} bytes unless `--max-length` says otherwise. Statuses of storage other than success:",
        _table(
            ("status", "meaning", "when"),
            [
                (f"{code:04X}", statuses.describe(code, statuses.STORAGE)[5:], reason)
                for code, reason in (
                    (statuses.OUT_OF_RESOURCES, "no room, no permission, or another fault of the folder"),
                    (statuses.INVALID_SOP_INSTANCE, "the SOP Instance UID is none"),
                    (statuses.SOP_CLASS_NOT_SUPPORTED, "the SOP class is not that of the presentation context"),
                    (statuses.CANNOT_UNDERSTAND, "there is no data set"),
                )
            ],
        ),
        _table(
            ("SOP class", "UID"),
            [("Verification", uids.VERIFICATION), *((name, uid) for uid, name in STORAGE_CLASSES.items())],
        ),
        "Transfer syntaxes of storage:",
        "\n".join(f"- {_syntax_name(uid)}" for uid in syntaxes),
    ]


def _parameters() -> list[tuple[str, str]]:
    waits = Waits()

    def seconds(value: float | None) -> str:
        return "as the system does" if value is None else f"{value:g} s"

    return [
        ("time to connect", seconds(waits.connect)),
        ("time for the answer to an association request", seconds(waits.associate)),
        ("time for a response", seconds(waits.response)),
        ("time for the answer to a release request", seconds(waits.release)),
        ("ARTIM: time for an association request to come", seconds(waits.request)),
        ("ARTIM: time for the peer to close", seconds(waits.close)),
        ("time for a PDU to be complete", seconds(waits.pdu)),
        ("time without any message", seconds(waits.idle)),
        ("maximum PDU length received (`dcmups`, `upsscp`)", f"{PduLimits().p_data} bytes"),
    ]


def _versions(recipe: tls.Recipe) -> str:
    names = [version.name.replace("v", " ").replace("_", ".") for version in (recipe.lowest, recipe.highest)]
    names = [name if "." in name else f"{name}.0" for name in names]
    return names[0] if names[0] == names[1] else f"{names[0]} to {names[1]}"


def _rest() -> list[str]:
    profiles = [
        (f"`{name}`", _versions(recipe), ", ".join(suite for suite in recipe.suites.split(":") if suite[0] != "@"))
        for name, recipe in (*tls.RECIPES.items(), *((f"-tls {name}", recipe) for name, recipe in SUITES.items()))
    ]
    return [
        "## 5 Media interchange",
        "None. Part 10 files are read as input, and written by the storage service.",
        "## 6 Support of character sets",
        "All of PS3.3 C.12.1.1.2 that pydicom knows, single byte and with code extensions (ISO 2022), and ISO_IR 192 "
        "(UTF-8), GB18030 and GBK. Text is kept in the character set it came in.",
        "## 7 Security",
        "`dcmups` and `upsscp` speak plain TCP unless they are told otherwise, by the name of a TLS profile of PS3.15 "
        "or by `-tls`; so do programs that embed the toolkit, and its services. A port is TLS or plain, never both. "
        "The chain of the peer's certificate is always verified, and its name if that is asked for; who is called "
        "asks for a certificate unless told otherwise.",
        _table(("profile", "versions", "cipher suites up to TLS 1.2 (names of OpenSSL)"), profiles),
        "With TLS 1.3 the suites are those of OpenSSL: AES with GCM, and ChaCha20-Poly1305.",
        "User identity negotiation: types 1 to 5 are proposed by `dcmups`, and proposed and answered by programs that "
        "embed the toolkit; `upsscp` ignores an identity. AE titles are compared as configured; addresses only count "
        "against limits.",
        "## 8 Annexes",
        "No private attributes, SOP classes or transfer syntaxes are created. Attributes of workitems follow "
        "PS3.4 Table CC.2.5-3; unknown and private ones are kept as they came.",
    ]


if __name__ == "__main__":
    TARGET.write_text(statement(), "utf-8")
