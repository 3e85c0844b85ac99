"""A peer by hand: PDUs built one by one, sent as they are, in any order. It knows no rule that it could not break.

``Wire`` is one connection, ``Parrot`` a listening socket whose visitors are met by a script in a thread.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from dicomnet import uids
from dicomnet.codes import CommandField
from dicomnet.dimse.command import NO_DATA_SET, CommandElement, CommandSet, decode_command, encode_command
from dicomnet.wire import (
    AAssociateAC,
    AAssociateRJ,
    AAssociateRQ,
    ApplicationContext,
    AReleaseRP,
    AReleaseRQ,
    ImplementationClassUid,
    Item,
    MaximumLength,
    PDataTF,
    Pdu,
    Pdv,
    PresentationContext,
    PresentationContextResult,
    RoleSelection,
    UserInformation,
    decode_pdu,
    encode_pdu,
)

from .processes import PATIENCE

SYNTAXES = (uids.IMPLICIT_VR_LE, uids.EXPLICIT_VR_LE)
E = CommandElement

FORMS = ("one PDU", "two PDUs", "small fragments")
"""How a message may be laid out in P-DATA-TF PDUs."""


@dataclass(frozen=True)
class Message:
    """A whole DIMSE message as it came; ``data`` is None when no data set was announced."""

    context_id: int
    command: CommandSet
    data: bytes | None

    @property
    def status(self) -> int:
        return self.command[E.STATUS]


class Wire:
    """A connection that speaks PDUs; every wait is bounded."""

    def __init__(self, sock: socket.socket, seconds: float = PATIENCE) -> None:
        self._socket = sock
        sock.settimeout(seconds)
        self._pdvs: list[Pdv] = []
        self.request: AAssociateRQ | None = None
        self.response: Pdu | None = None

    @classmethod
    def connect(cls, port: int) -> Self:
        return cls(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    # -- PDUs --------------------------------------------------------------------------------------------------------

    def send(self, *pdus: Pdu | bytes) -> None:
        """Send all of it in one go."""
        self._socket.sendall(b"".join(pdu if isinstance(pdu, bytes) else encode_pdu(pdu) for pdu in pdus))

    def receive(self) -> Pdu | None:
        """The next PDU, or None when the connection is closed."""
        header = self._exactly(6)
        if header is None:
            return None
        body = self._exactly(int.from_bytes(header[2:], "big"))
        return None if body is None else decode_pdu(header + body)

    def _exactly(self, size: int) -> bytes | None:
        data = b""
        while len(data) < size:
            try:
                more = self._socket.recv(size - len(data))
            except ConnectionResetError:
                return None
            if not more:
                return None
            data += more
        return data

    def wait_closed(self) -> None:
        """Read until the peer has closed."""
        while self.receive() is not None:
            pass

    def shut(self) -> None:
        """Close for both directions, whoever is reading."""
        self._socket.close()

    # -- associations ------------------------------------------------------------------------------------------------

    def associate(
        self,
        contexts: Iterable[tuple[int, str]],
        *,
        roles: Iterable[RoleSelection] = (),
        called: str = "UPSSCP",
        syntaxes: Sequence[str] = SYNTAXES,
        max_length: int = 16384,
    ) -> Pdu | None:
        """Ask for an association with these contexts, in this order; the answer."""
        items: list[Item] = [ApplicationContext(uids.APPLICATION_CONTEXT)]
        items += [PresentationContext.of(number, uid, syntaxes) for number, uid in contexts]
        items.append(_user_information(max_length, roles))
        self.request = AAssociateRQ(called, "PARROT", tuple(items))
        self.send(self.request)
        self.response = self.receive()
        return self.response

    def accept(
        self,
        *,
        results: Mapping[str, int] | None = None,
        order: Callable[[list[PresentationContextResult]], Iterable[PresentationContextResult]] = list,
        roles: Iterable[RoleSelection] = (),
        max_length: int = 16384,
        syntax: str | None = None,
    ) -> AAssociateRQ:
        """Accept what comes next: ``results`` by abstract syntax, all else accepted; ``order`` arranges the answers."""
        request = self.receive()
        assert isinstance(request, AAssociateRQ), request
        answers = []
        for context in request.presentation_contexts:
            result = (results or {}).get(context.abstract_syntax or "", 0)
            chosen = syntax or context.transfer_syntaxes[0]
            answers.append(PresentationContextResult.of(context.context_id, result, chosen))
        items = (ApplicationContext(uids.APPLICATION_CONTEXT), *order(answers), _user_information(max_length, roles))
        self.send(AAssociateAC(request.called_ae_title, request.calling_ae_title, items))
        self.request = request
        return request

    def reject(self, result: int, source: int, reason: int) -> None:
        """Reject what comes next."""
        assert isinstance(self.receive(), AAssociateRQ)
        self.send(AAssociateRJ(result, source, reason))

    def context_of(self, abstract_syntax: str) -> int:
        """The id of the context that was proposed for this."""
        assert self.request is not None
        contexts = self.request.presentation_contexts
        return next(context.context_id for context in contexts if context.abstract_syntax == abstract_syntax)

    def release(self) -> None:
        """Ask for the release, see it confirmed and close: that is for the requestor to do (PS3.8 9.2, AR-3)."""
        self.send(AReleaseRQ())
        assert isinstance(self.receive(), AReleaseRP)
        self.shut()

    def confirm_release(self) -> None:
        """Wait for the peer's release and confirm it."""
        assert isinstance(self.receive(), AReleaseRQ)
        self.send(AReleaseRP())
        self.wait_closed()

    # -- messages ----------------------------------------------------------------------------------------------------

    def send_message(
        self, context_id: int, command: Mapping[int, object], data: bytes | None = None, *, form: str = "two PDUs"
    ) -> None:
        """One DIMSE message; (0000,0800) says whether there is a data set, unless it is given."""
        announced = {E.COMMAND_DATA_SET_TYPE: NO_DATA_SET if data is None else 1}
        pieces = [(3, encode_command({**announced, **command}))]
        if data is not None:
            pieces.append((2, data))
        self.send(*lay_out(context_id, pieces, form))

    def receive_message(self) -> Message:
        """The next whole message, however it is laid out."""
        command = decode_command(self._assemble(is_command=True)[1])
        context_id = self._context_id
        announced = command[E.COMMAND_DATA_SET_TYPE] != NO_DATA_SET
        return Message(context_id, command, self._assemble(is_command=False)[1] if announced else None)

    def _assemble(self, *, is_command: bool) -> tuple[int, bytes]:
        data = b""
        while True:
            while not self._pdvs:
                pdu = self.receive()
                assert isinstance(pdu, PDataTF), pdu
                self._pdvs.extend(pdu.pdvs)
            pdv = self._pdvs.pop(0)
            assert pdv.is_command == is_command
            self._context_id = pdv.context_id
            data += bytes(pdv.payload)
            if pdv.is_last:
                return pdv.context_id, data

    def ask(
        self, context_id: int, command: Mapping[int, object], data: bytes | None = None, *, form: str = "two PDUs"
    ) -> Message:
        """Send a request and return the next message."""
        self.send_message(context_id, command, data, form=form)
        return self.receive_message()

    def answer(
        self, request: Message, status: int, data: bytes | None = None, *, form: str = "two PDUs", **more: object
    ) -> None:
        """Respond to a request of the peer; ``more`` are command elements by name."""
        self.send_message(request.context_id, response_command(request, status, **more), data, form=form)


def response_command(request: Message, status: int, **more: object) -> dict[int, object]:
    """The command set of a response, without (0000,0800)."""
    sop_class = request.command.get(E.REQUESTED_SOP_CLASS_UID, request.command.get(E.AFFECTED_SOP_CLASS_UID))
    instance = request.command.get(E.REQUESTED_SOP_INSTANCE_UID, request.command.get(E.AFFECTED_SOP_INSTANCE_UID))
    found: dict[int, object] = {
        E.AFFECTED_SOP_CLASS_UID: sop_class,
        E.COMMAND_FIELD: request.command[E.COMMAND_FIELD] | 0x8000,
        E.MESSAGE_ID_BEING_RESPONDED_TO: request.command[E.MESSAGE_ID],
        E.STATUS: status,
    }
    if instance is not None and request.command[E.COMMAND_FIELD] != CommandField.C_FIND_RQ:
        found[E.AFFECTED_SOP_INSTANCE_UID] = instance
    return found | {E[name]: value for name, value in more.items()}


def lay_out(context_id: int, pieces: Iterable[tuple[int, bytes]], form: str) -> list[PDataTF]:
    """Pieces of (control of the last fragment, bytes) as P-DATA-TF PDUs."""
    pdvs = [Pdv(context_id, data, control) for control, data in pieces]
    if form == "one PDU":
        return [PDataTF(tuple(pdvs))]
    if form == "two PDUs":
        return [PDataTF((pdv,)) for pdv in pdvs]
    found = []
    for pdv in pdvs:
        data, command = bytes(pdv.payload), pdv.control & 1
        cuts = [data[start : start + 30] for start in range(0, len(data), 30)] or [b""]
        # An empty last fragment is allowed too, and some send it whenever a buffer was full.
        found += [PDataTF((Pdv(context_id, piece, command),)) for piece in cuts]
        found.append(PDataTF((Pdv(context_id, b"", command | 2),)))
    return found


def _user_information(max_length: int, roles: Iterable[RoleSelection]) -> UserInformation:
    return UserInformation((MaximumLength(max_length), ImplementationClassUid("1.2.3.4"), *roles))


class Parrot:
    """Listens on a free port and meets each visitor with ``script``; ``finish`` raises what the script raised."""

    def __init__(self, script: Callable[[Wire], object], *, visitors: int = 1) -> None:
        self._script = script
        self._visitors = visitors
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(PATIENCE)
        self.port: int = self._listener.getsockname()[1]
        self.address = f"PARROT@127.0.0.1:{self.port}"
        self._failure: BaseException | None = None
        self._wires: list[Wire] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        try:
            for _ in range(self._visitors):
                wire = Wire(self._listener.accept()[0])
                self._wires.append(wire)
                with wire:
                    self._script(wire)
        except BaseException as failure:  # noqa: BLE001 - kept for the test's own thread
            self._failure = failure

    def finish(self) -> None:
        """Wait for the script to end."""
        self._thread.join(PATIENCE)
        self.close()
        if self._failure is not None:
            raise self._failure
        assert not self._thread.is_alive(), "the script has not come to its end"

    def close(self) -> None:
        self._listener.close()
        for wire in self._wires:
            wire.shut()
