"""What the asyncio server tells an acceptance policy about who applies."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from dicomnet import uids
from dicomnet.drivers import aio
from dicomnet.drivers.aio_server import ServerCounters, serve
from dicomnet.drivers.common import Endpoint
from dicomnet.errors import Rejected
from dicomnet.ul import Applicant, PlainPolicy, ProposedContext, RequestOptions, SupportedContext
from dicomnet.wire import AAssociateAC, AAssociateRJ, AAssociateRQ, PresentationContextResult

OPTIONS = RequestOptions("SCP", "FIRST", (ProposedContext(uids.VERIFICATION),))
SUPPORTED = (SupportedContext(uids.VERIFICATION),)


class Watching:
    """Accepts, and remembers who applied."""

    def __init__(self) -> None:
        self.seen: list[Applicant] = []

    def decide(self, request: AAssociateRQ, applicant: Applicant) -> AAssociateAC | AAssociateRJ:
        self.seen.append(applicant)
        return PlainPolicy(SUPPORTED, ae_titles=frozenset({"SCP"})).decide(request, applicant)


def test_the_policy_is_told_what_is_open_in_all_of_an_address_and_of_a_title() -> None:
    async def run() -> None:
        policy = Watching()
        async with await serve("127.0.0.1", 0, policy) as server:
            endpoint = Endpoint("SCP", "127.0.0.1", server.port)
            links = []
            for title, source in (("FIRST", "127.0.0.2"), (" FIRST", "127.0.0.3"), ("OTHER", "127.0.0.2")):
                options = replace(OPTIONS, calling_ae_title=title)
                links.append(await aio.connect(endpoint, options, source_host=source))
            with pytest.raises(Rejected):
                await aio.connect(endpoint, replace(OPTIONS, called_ae_title="NOBODY"), source_host="127.0.0.2")
            await links[0].release()
            while server.associations > 2:
                await asyncio.sleep(0)
            await aio.connect(endpoint, OPTIONS, source_host="127.0.0.2")
            assert [(who.address, who.associations, who.of_address, who.of_title) for who in policy.seen] == [
                ("127.0.0.2", 0, 0, 0),
                ("127.0.0.3", 1, 0, 1),
                ("127.0.0.2", 2, 1, 0),
                ("127.0.0.2", 3, 2, 2),
                ("127.0.0.2", 2, 1, 1),
            ]
            assert {who.certificate is None for who in policy.seen} == {True}

    asyncio.run(asyncio.wait_for(run(), 30))


def test_who_was_accepted_in_a_way_that_cannot_be_told_is_counted_as_rejected() -> None:
    class Odd:
        def decide(self, request: AAssociateRQ, applicant: Applicant) -> AAssociateAC | AAssociateRJ:
            return AAssociateAC()

    async def run() -> None:
        async with await serve("127.0.0.1", 0, Odd()) as server:
            with pytest.raises(Rejected):
                await aio.connect(Endpoint("SCP", "127.0.0.1", server.port), OPTIONS)
            while server.associations:
                await asyncio.sleep(0)
            seen = server.counters
            assert (seen.associations, seen.rejected, seen.aborted) == (0, 1, 0)

    asyncio.run(asyncio.wait_for(run(), 30))


def test_a_title_may_have_so_many_associations_and_more_when_one_has_ended() -> None:
    async def run() -> None:
        async with await serve("127.0.0.1", 0, PlainPolicy(SUPPORTED, per_title=1)) as server:
            endpoint = Endpoint("SCP", "127.0.0.1", server.port)
            link = await aio.connect(endpoint, OPTIONS)
            with pytest.raises(Rejected) as caught:
                await aio.connect(endpoint, OPTIONS)
            assert (caught.value.result, caught.value.source, caught.value.reason) == (2, 3, 2)
            other = await aio.connect(endpoint, replace(OPTIONS, calling_ae_title="OTHER"))
            await link.release()
            while server.associations > 1:
                await asyncio.sleep(0)
            await (await aio.connect(endpoint, OPTIONS)).release()
            await other.release()

    asyncio.run(asyncio.wait_for(run(), 30))


def test_an_acceptance_that_cannot_be_sent_is_a_rejection() -> None:
    class Generous:
        """Answers what nobody has asked."""

        def decide(self, request: AAssociateRQ, applicant: Applicant) -> AAssociateAC | AAssociateRJ:
            answer = PlainPolicy(SUPPORTED).decide(request, applicant)
            assert isinstance(answer, AAssociateAC)
            return replace(answer, items=(*answer.items, PresentationContextResult.of(99, 0, uids.IMPLICIT_VR_LE)))

    async def run() -> None:
        async with await serve("127.0.0.1", 0, Generous()) as server:
            with pytest.raises(Rejected):
                await aio.connect(Endpoint("SCP", "127.0.0.1", server.port), OPTIONS)
            while server.associations:
                await asyncio.sleep(0)
            assert server.counters == ServerCounters(connections=1, rejected=1)

    asyncio.run(asyncio.wait_for(run(), 30))
