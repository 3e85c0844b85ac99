"""What the command line negotiates, as pynetdicom reads it: user identities, and fuzzy matching in both directions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pynetdicom import AE, evt
from pynetdicom.pdu_primitives import SOPClassExtendedNegotiation
from pynetdicom.sop_class import UnifiedProcedureStepPull as Pull
from pynetdicom.sop_class import UnifiedProcedureStepPush as Push

from ups.cli.main import main

from .associations import leave_responses
from .processes import PATIENCE, UpsScp
from .pynetdicom_scp import PeerScp
from .workitems import dataset, uid, workitem

pytestmark = pytest.mark.once

TOKEN = b"eyJhbGciOiJub25lIn0.eyJzdWIiOiJvcHMifQ."
TICKET = b"\x6e\x03\x02\x01\x05"


@contextmanager
def asking(peer_scp: PeerScp, event: evt.InterventionEvent, answer: Any) -> Iterator[list[evt.Event]]:
    """What the peer is asked in negotiations, which it answers so."""
    asked: list[evt.Event] = []

    def note(happened: evt.Event) -> Any:
        asked.append(happened)
        return answer

    peer_scp._server.bind(event, note)
    yield asked
    for happened in asked:
        happened.assoc.join(PATIENCE)  # one that is ending does not take it well to be aborted when the server stops


@pytest.mark.parametrize(
    ("words", "kind", "primary", "secondary"),
    [
        (("-username", "jürgen"), 1, "jürgen".encode(), None),
        (("-username", "ops", "-passcode", "geheim"), 2, b"ops", b"geheim"),
        (("--kerberos", TICKET), 3, TICKET, None),
        (("--saml", b"<saml:Assertion/>"), 4, b"<saml:Assertion/>", None),
        (("--jwt", TOKEN), 5, TOKEN, None),
    ],
)
@pytest.mark.parametrize("accepted", [True, False], ids=["accepted", "refused"])
def test_a_user_identity(
    words: tuple[str | bytes, ...],
    kind: int,
    primary: bytes,
    secondary: bytes | None,
    accepted: bool,
    peer_scp: PeerScp,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def word(given: str | bytes) -> str:
        if isinstance(given, str):
            return given
        (tmp_path / "token").write_bytes(given)
        return str(tmp_path / "token")

    answer = (accepted, b"confirmed")
    with asking(peer_scp, evt.EVT_USER_ID, answer) as asked:
        status = main(["find", peer_scp.address, *map(word, words), "-uidnegrsp"])
    (event,) = asked
    assert (event.user_id_type, event.primary_field, event.secondary_field or None) == (kind, primary, secondary)
    err = capsys.readouterr().err
    assert status == (0 if accepted else 2)
    # pynetdicom answers types 3 to 5 only, though an answer without content is due for the others (PS3.7 D.3.3.7.2).
    assert ("did not confirm" in err) is (accepted and kind < 3)
    assert ("rejected" in err) is not accepted


@pytest.mark.parametrize(("answer", "warned"), [(b"\1\1\1", False), (b"\1\1\0", True)])
def test_a_fuzzy_search(answer: bytes, warned: bool, peer_scp: PeerScp, capsys: pytest.CaptureFixture[str]) -> None:
    with asking(peer_scp, evt.EVT_SOP_EXTENDED, {Pull: answer}) as asked:
        assert main(["find", peer_scp.address, "-fuzzy"]) == 0
    (event,) = asked
    assert event.app_info == {Pull: b"\1\1\1"}
    assert ("fuzzily" in capsys.readouterr().err) is warned


@pytest.mark.parametrize(("info", "found"), [(b"\1\1\1\0", True), (b"\1\1\0\0", False), (None, False)])
def test_a_fuzzy_search_at_upsscp(info: bytes | None, found: bool, upsscp: UpsScp) -> None:
    client = AE("PEER")
    for context in (Push, Pull):
        client.add_requested_context(context)
    wanted = SOPClassExtendedNegotiation()
    wanted.sop_class_uid, wanted.service_class_application_information = Pull, info or b""
    assoc = leave_responses(
        client.associate("127.0.0.1", upsscp.port, ae_title=upsscp.title, ext_neg=[] if info is None else [wanted])
    )
    try:
        assert assoc.is_established
        assert assoc.acceptor.sop_class_extended == ({} if info is None else {Pull: info})
        instance = uid()
        status, _ = assoc.send_n_create(workitem(PatientName="Maier^Jürgen"), Push, instance)
        assert status.Status in (0, 0xB300)
        keys = dataset(PatientName="jurgen meyer", SOPInstanceUID=instance)
        matches = [match for answer, match in assoc.send_c_find(keys, Pull) if answer.Status == 0xFF00]
        assert [match.SOPInstanceUID for match in matches] == ([instance] if found else [])
    finally:
        assoc.release()
