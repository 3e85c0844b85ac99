"""Whatever is proposed or answered, both ends read the same outcome, and nothing is granted that was not proposed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from dicomnet.errors import LocalProtocolError
from dicomnet.testing.pdus import associate_accepts, associate_requests, mutated, wrong_pdus
from dicomnet.ul import AssociateIndication, IdentityAnswer, Negotiated, PlainPolicy, State, SupportedContext
from dicomnet.ul.negotiated import clean_uid, extended_by_class, roles_by_class, smaller_window
from dicomnet.wire import AAssociateAC, AAssociateRQ, AsyncOperationsWindow, encode_pdu
from fuzz.targets._associations import ACCEPTANCE, APPLICANT, REQUEST, requesting, waiting

__all__ = ["examine", "inputs", "target"]


def inputs() -> SearchStrategy[bytes]:
    """Requests and acceptances of every quality."""
    right = st.one_of(associate_requests(), associate_accepts()).map(encode_pdu)
    near = st.one_of(right, st.sampled_from([encode_pdu(REQUEST), ACCEPTANCE])).flatmap(mutated)
    return st.one_of(right, near, wrong_pdus().map(encode_pdu))


def examine(data: bytes) -> None:
    """Take it as a request and answer it, then as the answer to a request of ours."""
    acceptor = waiting()
    acceptor.receive_data(data, 0.0)
    indication = acceptor.next_event()
    if isinstance(indication, AssociateIndication):
        answer = _policy(indication.request).decide(indication.request, APPLICANT)
        if isinstance(answer, AAssociateAC):
            try:
                acceptor.associate_accept(answer, 0.0)
            except LocalProtocolError:  # a class under a name that is no UID: there is no right answer to its roles
                assert acceptor.state is State.STA3
                assert acceptor.data_to_send() == []
            _compare(indication.request, answer)
    requestor = requesting()
    requestor.receive_data(data, 0.0)
    if requestor.negotiated is not None:
        _compare(requestor.negotiated.request, requestor.negotiated.response)


def _policy(request: AAssociateRQ) -> PlainPolicy:
    """One that grants all it is asked for."""
    classes = {clean_uid(context.abstract_syntax or ""): context for context in request.presentation_contexts}
    return PlainPolicy(
        tuple(
            SupportedContext(uid, tuple(map(clean_uid, context.transfer_syntaxes)), scu=True, specialized=True)
            for uid, context in classes.items()
        ),
        async_window=(0, 3),
        extended=lambda item: item.info[::-1],
        identity=lambda user, _: IdentityAnswer(True, b"" if user is None or user.identity_type < 3 else user.primary),
    )


def _compare(request: AAssociateRQ, answer: AAssociateAC) -> None:
    ours, theirs = (Negotiated(request, answer, side) for side in (True, False))
    assert (ours.max_invoked, ours.max_performed) == (theirs.max_performed, theirs.max_invoked)
    window = request.find(AsyncOperationsWindow) or AsyncOperationsWindow(1, 1)
    assert smaller_window(ours.max_invoked, window.invoked) == ours.max_invoked
    assert smaller_window(ours.max_performed, window.performed) == ours.max_performed
    assert set(ours.extended) <= set(extended_by_class(request))
    assert ours.identity_response is None or ours.user_identity is not None
    roles = roles_by_class(request)
    proposed = {context.context_id: context for context in request.presentation_contexts}
    assert not ours.contexts.keys() & ours.refused.keys()
    assert ours.contexts.keys() | ours.refused.keys() == proposed.keys()
    for context_id, context in ours.contexts.items():
        other = theirs.contexts[context_id]
        assert (context.as_scu, context.as_scp) == (other.as_scp, other.as_scu)
        role = roles.get(context.abstract_syntax)
        assert not context.as_scp or (role is not None and role.scp == 1)
        assert context.transfer_syntax in map(clean_uid, proposed[context_id].transfer_syntaxes)
        assert ours.for_abstract_syntax(context.abstract_syntax, context.transfer_syntax) is not None


target = given(inputs())(examine)
