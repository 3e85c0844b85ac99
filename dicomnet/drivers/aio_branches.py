"""Further associations that a flow asks for (``flows.branch``), on asyncio: a task for each step, owned by the link."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

from dicomnet.drivers.aio import Link, connect
from dicomnet.drivers.aio_link import DrivenLink
from dicomnet.drivers.runs import BranchWork
from dicomnet.errors import ConnectionLost
from dicomnet.steps import Branch, Close, Open, RunOn

__all__ = ["start"]


def start(owner: DrivenLink, work: BranchWork) -> asyncio.Task[Any] | None:
    """Begin one piece of work; the task reports to it and lets the owner advance. None if it is done already."""
    step = work.step
    if work.run is None and isinstance(step, Close):  # nobody waits: what is left to do, that link does by itself
        step.branch.link.abort_now()
        return None
    task = asyncio.get_running_loop().create_task(_perform(owner, step))
    task.add_done_callback(functools.partial(_report, owner, work))
    return task


async def _perform(owner: DrivenLink, step: Open | RunOn | Close) -> Any:
    if isinstance(step, Open):
        link = await connect(
            step.endpoint,
            step.options,
            waits=owner.waits,
            limits=owner.session.exchange.limits,
            executor=owner.executor,
            tls=step.tls,
            hooks=owner.hooks,
            socket_options=owner.socket_options,
        )
        return Branch(link.negotiated, link)
    other: Link = step.branch.link
    if isinstance(step, RunOn):
        return await other.run(step.flow)
    if step.abort or other.session.ended:
        await other.abort()
    else:
        await other.release()
    return None


def _report(owner: DrivenLink, work: BranchWork, task: asyncio.Task[Any]) -> None:
    if task.cancelled():
        work.failed(owner.session.error or ConnectionLost("the association that needed another one has ended"))
    elif (error := task.exception()) is not None:
        work.failed(error)
    else:
        work.done(task.result())
    owner.finished(task)
