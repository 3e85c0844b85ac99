"""All deadlines of a loop with one timer: each is woken in time, who has changed it or is gone is not."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from dicomnet.drivers.aio_clock import Clock, clock_of


class Sleeper:
    """Notes its name when it is woken."""

    def __init__(self, name: str, woken: list[str]) -> None:
        self.name = name
        self.woken = woken
        self.deadline: float | None = None

    def sleep(self, clock: Clock, seconds: float) -> None:
        self.deadline = clock.time() + seconds
        clock.set(self)

    def on_time(self) -> None:
        assert self.deadline is not None
        assert asyncio.get_running_loop().time() >= self.deadline
        self.deadline = None
        self.woken.append(self.name)


def run(test: Callable[[Clock], Awaitable[None]]) -> None:
    async def main() -> None:
        await asyncio.wait_for(test(clock_of(asyncio.get_running_loop())), 10)

    asyncio.run(main())


def test_each_is_woken_in_time_whatever_the_order_they_were_set_in() -> None:
    async def test(clock: Clock) -> None:
        woken: list[str] = []
        first, second, third = (Sleeper(name, woken) for name in ("first", "second", "third"))
        second.sleep(clock, 0.02)
        third.sleep(clock, 0.03)
        first.sleep(clock, 0.01)
        while len(woken) < 3:
            await asyncio.sleep(0.005)
        assert woken == ["first", "second", "third"]

    run(test)


def test_who_has_changed_the_deadline_or_is_gone_is_not_woken() -> None:
    async def test(clock: Clock) -> None:
        woken: list[str] = []
        never, later, gone = (Sleeper(name, woken) for name in ("never", "later", "gone"))
        for sleeper in (never, later, gone):
            sleeper.sleep(clock, 0.01)
        never.deadline = None
        later.sleep(clock, 0.03)
        del gone, sleeper
        await asyncio.sleep(0.015)
        assert woken == []
        while not woken:
            await asyncio.sleep(0.005)
        assert woken == ["later"]

    run(test)


def test_who_is_woken_may_sleep_again() -> None:
    async def test(clock: Clock) -> None:
        woken: list[str] = []

        class Again(Sleeper):
            def on_time(self) -> None:
                super().on_time()
                if len(woken) < 3:
                    self.sleep(clock, 0.005)

        again = Again("again", woken)
        again.sleep(clock, 0.005)
        while len(woken) < 3:
            await asyncio.sleep(0.005)
        assert again.deadline is None

    run(test)


def test_one_timer_serves_many_users_one_after_the_other() -> None:
    async def test(clock: Clock) -> None:
        woken: list[str] = []
        loop: Any = clock.loop
        sleepers = [Sleeper(name, woken) for name in ("never", "nor this", "in time")]
        for sleeper in sleepers:
            clock.enter()
            sleeper.sleep(clock, 0.01)
            assert len(loop._scheduled) == 2  # with that of this test
            if sleeper is not sleepers[-1]:
                clock.leave()
        while not woken:
            await asyncio.sleep(0.005)
        assert woken == ["in time"]
        assert not [timer for timer in loop._scheduled if timer._callback == clock._on_time]

    run(test)


def test_the_others_are_woken_though_one_ends_the_program() -> None:
    class Ends(Sleeper):
        def on_time(self) -> None:
            super().on_time()
            raise KeyboardInterrupt

    woken: list[str] = []
    ends, other = Ends("ends", woken), Sleeper("other", woken)

    async def test() -> None:
        clock = clock_of(asyncio.get_running_loop())
        ends.sleep(clock, 0.01)
        other.deadline = ends.deadline
        clock.set(other)
        try:
            await asyncio.sleep(10)
        finally:
            while len(woken) < 2:
                await asyncio.sleep(0.005)

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(test())
    assert woken == ["ends", "other"]


@pytest.mark.parametrize("early", [True, False], ids=["from the beginning", "later"])
def test_who_replaces_the_clock_of_the_loop_has_that_of_its_timers_replaced(early: bool) -> None:
    async def test() -> None:
        loop: Any = asyncio.get_running_loop()
        real, ahead = loop.time, 0.0
        fake = lambda: real() + ahead  # noqa: E731
        if early:
            loop.time = fake
        clock = clock_of(loop)
        woken: list[str] = []
        sleeper = Sleeper("sleeper", woken)
        sleeper.sleep(clock, 1000.0)
        loop.time = fake
        ahead = 1001.0
        for _ in range(3):
            await asyncio.sleep(0)
        assert woken == ["sleeper"]
        assert clock.time() > 1000.0 + real()

    asyncio.run(test())


@pytest.mark.parametrize("place", [asyncio.BaseEventLoop, asyncio.SelectorEventLoop], ids=["all loops", "a kind"])
def test_the_clock_of_a_kind_of_loop_may_be_replaced_as_well(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real = asyncio.BaseEventLoop.time
    monkeypatch.setattr(place, "time", lambda loop: real(loop) + 1000.0)

    async def test(clock: Clock) -> None:
        assert clock.time() > 999.0 + real(clock.loop)  # type: ignore[arg-type]

    run(test)


def test_a_loop_has_one_clock_and_another_loop_another() -> None:
    clocks: list[Clock] = []

    async def test(clock: Clock) -> None:
        assert clock_of(asyncio.get_running_loop()) is clock
        clocks.append(clock)

    run(test)
    run(test)
    assert clocks[0] is not clocks[1]


def test_a_loop_does_not_outlive_the_last_who_has_its_clock() -> None:
    async def main() -> weakref.ref[asyncio.AbstractEventLoop]:
        clock = clock_of(asyncio.get_running_loop())
        clock.enter()  # and never leaves, as a link that nobody closed
        Sleeper("never", []).sleep(clock, 1000.0)
        return weakref.ref(clock.loop)

    loop = asyncio.run(main())
    gc.collect()
    assert loop() is None
