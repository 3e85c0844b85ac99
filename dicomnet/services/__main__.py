"""``python -m dicomnet.services``: a verification or a storage SCP on a port, until it is told to end."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dicomnet.dimse.messages import CEchoRequest, CStoreRequest
from dicomnet.drivers.aio_server import Server, serve
from dicomnet.errors import DicomNetError
from dicomnet.handlers import Handler, handle_by_type
from dicomnet.services import storage, verification
from dicomnet.ul import PlainPolicy, SupportedContext
from dicomnet.wire import PduLimits

if TYPE_CHECKING:
    import ssl

__all__ = ["MAX_LENGTH", "main"]

MAX_LENGTH = 128 * 1024
_SMALLEST = 8  # a PDV header and two bytes of fragment: who announces less is rejected
_DRAIN = 10.0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dicomnet.services", description=__doc__)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--host", help="address to listen on (every one)")
    common.add_argument("--port", type=int, default=11112, help="port to listen on, 0 for a free one (11112)")
    common.add_argument("--ae-title", help="accept associations for this AE title only")
    common.add_argument(
        "--max-length", type=int, default=MAX_LENGTH, help=f"longest P-DATA-TF to take, 0 for any ({MAX_LENGTH})"
    )
    common.add_argument("--certificate", type=Path, help="serve on TLS with this certificate (PEM)")
    common.add_argument("--key", type=Path, help="its key, when that is in another file")
    common.add_argument("--trust", type=Path, help="certificates of the clients to trust; without it any may come")
    common.add_argument("--profile", help="TLS profile of PS3.15 Annex B (bcp195)")
    common.add_argument("--verbose", action="store_true", help="log what happens")
    services = parser.add_subparsers(dest="service", required=True, metavar="SERVICE")
    services.add_parser("verification", parents=[common], help="answer C-ECHO")
    storing = services.add_parser("storage", parents=[common], help="answer C-STORE and C-ECHO")
    storing.add_argument("folder", nargs="?", type=Path, help="where the instances go; it is made if need be")
    storing.add_argument("--ignore", action="store_true", help="keep nothing, in place of a folder")
    storing.add_argument("--fsync", action="store_true", help="answer when the instance would survive a power cut")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one; says on which port on standard output, and returns when SIGINT or SIGTERM comes."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.service == "storage" and (options.folder is None) is not options.ignore:
        parser.error("storage needs either a folder or --ignore")
    if options.service == "storage" and options.ignore and options.fsync:
        parser.error("--fsync needs a folder")
    if options.certificate is None and any((options.key, options.trust, options.profile)):
        parser.error("--key, --trust and --profile need --certificate: without it nothing is under TLS")
    if options.max_length != 0 and not _SMALLEST <= options.max_length < 1 << 32:
        parser.error(f"--max-length: 0, or {_SMALLEST} to {(1 << 32) - 1}")
    logging.basicConfig(
        level=logging.INFO if options.verbose else logging.WARNING, format="%(asctime)s %(levelname)s %(message)s"
    )
    try:
        asyncio.run(_run(options))
    except (DicomNetError, OSError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    return 0


async def _run(options: argparse.Namespace) -> None:
    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    async with await _serve(options) as server:
        print(f"listening on port {server.port}", flush=True)
        await over.wait()
        await server.drain(_DRAIN)


async def _serve(options: argparse.Namespace) -> Server:
    supported, handler = _service(options)
    titles = None if options.ae_title is None else frozenset({options.ae_title})
    return await serve(
        options.host,
        options.port,
        PlainPolicy(supported, ae_titles=titles, max_length=options.max_length),
        handler=handler,
        pdu_limits=PduLimits(p_data=options.max_length),
        tls=_tls(options),
    )


def _service(options: argparse.Namespace) -> tuple[tuple[SupportedContext, ...], Handler]:
    if options.service == "verification":
        return verification.SUPPORTED, verification.handle
    if options.ignore:
        storing = storage.discard()
    else:
        options.folder.mkdir(parents=True, exist_ok=True)
        storing = storage.store_in(options.folder, fsync=options.fsync)
    handler = handle_by_type({CStoreRequest: storing, CEchoRequest: verification.handle})
    return (*verification.SUPPORTED, *storage.supported()), handler


def _tls(options: argparse.Namespace) -> ssl.SSLContext | None:
    if options.certificate is None:
        return None
    from dicomnet.drivers.tls import Profile, server_context

    return server_context(
        options.profile or Profile.BCP195,
        certificate=options.certificate,
        key=options.key,
        trust=options.trust,
        client_certificates="none" if options.trust is None else "require",
    )


if __name__ == "__main__":
    sys.exit(main())
