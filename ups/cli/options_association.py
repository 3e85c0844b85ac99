"""The options of ``dcmups`` about the association: who and where we are, the connection, its times, the user."""

from __future__ import annotations

from ups.cli import values
from ups.cli.option import Option, Section, flag

__all__ = ["IDENTITY", "LOCAL", "SOCKET", "TIMES", "TRANSFER", "title_option"]


def title_option(metavar: str, text: str) -> Option:
    """-L, which both programs have."""
    return Option(names=("-L", "--local"), dest="local", metavar=metavar, convert=values.local_address, help=text)


LOCAL = Section(
    "local",
    (
        title_option(
            "AET[@HOST][:PORT]", "our AE title and address; with a port, listen for event reports (0: any free port)"
        ),
        Option(
            names=("-device", "--device"),
            dest="device",
            metavar="NAME",
            convert=values.title,
            default="DCMUPSSCU",
            help="our AE title without -L (default DCMUPSSCU)",
        ),
    ),
)

IDENTITY = Section(
    "user identity (one of name, JWT, SAML, Kerberos)",
    (
        Option(
            names=("-username", "--username"),
            dest="username",
            metavar="NAME",
            convert=values.credential,
            help="name of the user",
            calling=True,
        ),
        Option(
            names=("-passcode", "--passcode"),
            dest="passcode",
            metavar="PASSCODE",
            convert=values.credential,
            help="passcode that goes with -username",
            secret=True,
            calling=True,
        ),
        Option(
            names=("--jwt",),
            dest="jwt",
            metavar="FILE",
            help="file with a JSON Web Token; -: standard input",
            calling=True,
        ),
        Option(
            names=("--saml",),
            dest="saml",
            metavar="FILE",
            help="file with a SAML assertion; -: standard input",
            calling=True,
        ),
        Option(
            names=("--kerberos",),
            dest="kerberos",
            metavar="FILE",
            help="file with a Kerberos service ticket; -: standard input",
            calling=True,
        ),
        flag(
            "-uidnegrsp",
            "--identity-response",
            dest="identity_response",
            help="ask the peer to confirm the user; without an answer there is a warning",
            calling=True,
        ),
    ),
)


def _size(*names: str, dest: str, default: int | None, help: str) -> Option:  # noqa: A002
    return Option(names=names, dest=dest, metavar="KB", convert=values.kilobytes, default=default, help=help)


TRANSFER = Section(
    "transfer",
    (
        flag("-ivrle", "--implicit-vr", dest="implicit_only", help="propose Implicit VR Little Endian only"),
        flag("-pdv1", "--single-pdv", dest="single_pdv", help="send each PDV in a PDU of its own"),
        _size(
            "-rcvpdulen",
            "--receive-pdu-length",
            dest="receive_pdu_length",
            default=16 * 1024,
            help="longest PDU to receive (default 16; 0: no limit)",
        ),
        _size(
            "-sndpdulen",
            "--send-pdu-length",
            dest="send_pdu_length",
            default=16 * 1024,
            help="longest PDU to send, if the peer takes as much (default 16; 0: no limit but the peer's)",
        ),
    ),
)

SOCKET = Section(
    "connection",
    (
        flag(
            "-tcpdelay",
            "--tcp-delay",
            dest="tcp_delay",
            help="let TCP wait for more to send (TCP_NODELAY off)",
        ),
        _size(
            "-sorcvbuf",
            "--receive-buffer",
            dest="receive_buffer",
            default=0,
            help="receive buffer of the system (default 0: as it chooses)",
        ),
        _size(
            "-sosndbuf",
            "--send-buffer",
            dest="send_buffer",
            default=0,
            help="send buffer of the system (default 0: as it chooses)",
        ),
        Option(
            names=("-soclosedelay", "--close-delay"),
            dest="close_delay",
            metavar="MS",
            convert=values.delay,
            default=0.05,
            help="wait for the peer to close after our last PDU, such as A-ABORT (default 50; 0: do not)",
        ),
    ),
)


def _deadline(*names: str, dest: str, default: float | None, help: str) -> Option:  # noqa: A002
    return Option(
        names=names,
        dest=dest,
        metavar="MS",
        convert=values.milliseconds,
        default=default,
        help=help,
        calling=True,
    )


TIMES = Section(
    "deadlines, in milliseconds (0: none)",
    (
        _deadline(
            "-connectTO",
            "--connect-timeout",
            dest="connect_timeout",
            default=None,
            help="to connect, with TLS the handshake included (default: the system's, and 10000 for the handshake)",
        ),
        _deadline(
            "-acceptTO",
            "--accept-timeout",
            dest="accept_timeout",
            default=5.0,
            help="for the answer to the association request (default 5000)",
        ),
        _deadline(
            "-rspTO",
            "--response-timeout",
            dest="response_timeout",
            default=10.0,
            help="for each response (default 10000)",
        ),
        _deadline(
            "-releaseTO",
            "--release-timeout",
            dest="release_timeout",
            default=5.0,
            help="for the release to be confirmed (default 5000)",
        ),
        Option(
            names=("-reaper", "--reaper"),
            dest="reaper_period",
            metavar="MS",
            convert=values.milliseconds,
            default=10.0,
            help="accepted and without effect: deadlines are exact here, and nothing looks for those that have passed",
        ),
    ),
)
