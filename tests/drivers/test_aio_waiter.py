"""A wait that ends in a turn of the loop lets its task go on in that turn, and is otherwise like a future."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar

import pytest

from dicomnet.drivers.aio_waiter import Turn, Waiter

_WHO: ContextVar[str] = ContextVar("_WHO", default="nobody")


def run(test: Callable[[Turn], Awaitable[None]]) -> None:
    async def main() -> None:
        await asyncio.wait_for(test(Turn(asyncio.get_running_loop())), 10)

    asyncio.run(main())


async def begun(*tasks: asyncio.Task[None]) -> None:
    await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)


async def waits(waiter: Waiter, steps: list[str], name: str = "task") -> None:
    _WHO.set(name)
    await waiter
    steps.append(_WHO.get())


async def one_that_waits(turn: Turn) -> tuple[Waiter, asyncio.Task[None], list[str]]:
    """A waiter, the task that waits for it, and what that does then."""
    steps: list[str] = []
    waiter = Waiter(turn)
    task = asyncio.create_task(waits(waiter, steps))
    await begun(task)
    return waiter, task, steps


def in_a_turn(turn: Turn, work: Callable[[], None]) -> asyncio.Future[None]:
    """Have the loop do this as a turn; the future is done after it."""
    over: asyncio.Future[None] = turn.loop.create_future()

    def called() -> None:
        turn.begin()
        work()
        turn.end()
        over.set_result(None)

    turn.loop.call_soon(called)
    return over


def test_the_task_goes_on_at_the_end_of_the_turn_and_in_its_own_context() -> None:
    async def test(turn: Turn) -> None:
        waiter, task, steps = await one_that_waits(turn)

        def work() -> None:
            waiter.settle()
            waiter.settle()
            steps.append("turn")

        over = in_a_turn(turn, work)
        over.add_done_callback(lambda _: steps.append("later"))
        await over
        await task
        assert steps == ["turn", "task", "later"]

    run(test)


def test_of_several_tasks_each_has_a_turn_of_its_own() -> None:
    async def test(turn: Turn) -> None:
        steps: list[str] = []
        waiters = [Waiter(turn) for _ in range(2)]
        tasks = [asyncio.create_task(waits(waiter, steps)) for waiter in waiters]
        await begun(*tasks)

        def work() -> None:
            for waiter in waiters:
                waiter.settle()
            turn.loop.call_soon(steps.append, "other")  # who was before them in the queue of the loop

        await in_a_turn(turn, work)
        await asyncio.gather(*tasks)
        assert steps == ["other", "task", "task"]

    run(test)


def test_outside_of_a_turn_the_task_goes_on_soon() -> None:
    async def test(turn: Turn) -> None:
        waiter, task, steps = await one_that_waits(turn)
        waiter.settle()
        assert not steps
        await task
        assert steps == ["task"]

    run(test)


def test_what_is_settled_already_is_not_waited_for() -> None:
    async def test(turn: Turn) -> None:
        waiter = Waiter(turn)
        waiter.settle()
        await waiter
        assert asyncio.isfuture(waiter)

    run(test)


def test_a_cancelled_task_waits_no_more() -> None:
    async def test(turn: Turn) -> None:
        waiter, task, steps = await one_that_waits(turn)
        task.cancel("enough")
        with pytest.raises(asyncio.CancelledError, match="enough"):
            await task
        waiter.settle()  # which came too late
        await asyncio.sleep(0)
        assert not steps

    run(test)


def test_a_task_that_is_cancelled_between_the_end_of_its_wait_and_going_on_is_cancelled() -> None:
    async def test(turn: Turn) -> None:
        waiter, task, steps = await one_that_waits(turn)

        def work() -> None:
            waiter.settle()
            task.cancel()

        await in_a_turn(turn, work)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not steps

    run(test)
