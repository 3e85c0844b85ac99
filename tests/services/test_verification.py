"""The verification SCP."""

from __future__ import annotations

import pytest

from dicomnet import scu, uids
from dicomnet.drivers import memory
from dicomnet.services import verification
from dicomnet.ul import PlainPolicy, ProposedContext, RequestOptions


@pytest.mark.parametrize("syntax", [uids.IMPLICIT_VR_LE, uids.EXPLICIT_VR_LE, uids.EXPLICIT_VR_BE])
def test_an_echo_is_answered_and_nothing_else(syntax: str) -> None:
    link = memory.connect(
        RequestOptions("SCP", "SCU", (ProposedContext(uids.VERIFICATION, (syntax,)),)),
        PlainPolicy(verification.SUPPORTED),
        peer_handler=verification.handle,
    )
    assert link.run(scu.c_echo()).status == 0
    assert link.run(scu.n_get(uids.VERIFICATION, "1.2")).status == 0x0211
    link.release()
    assert link.session.released
