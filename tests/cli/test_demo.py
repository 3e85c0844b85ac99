"""``dcmups demo`` shows the three workflows, and would notice if an outcome were another."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path

import pytest

from ups.cli import demo as demo_module
from ups.cli.demo_script import Step, Workflow, workflows
from ups.cli.main import main
from ups.cli.processes import run, start

pytestmark = pytest.mark.once


@pytest.mark.timeout(420)
def test_the_demo_shows_three_workflows_and_ends_0() -> None:
    status, out, err = run("demo", patience=400.0)  # sixty commands, on a machine that may be busy
    assert (status, err) == (0, ""), out
    for workflow in workflows():
        assert workflow.title in out
        for step in workflow.steps:
            assert step.story in out
    assert "NOT AS EXPECTED" not in out
    assert out.splitlines()[-1] == f"{sum(len(workflow.steps) for workflow in workflows())} outcomes, all as expected"


def test_a_demo_that_is_told_to_end_leaves_neither_processes_nor_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    demo = start("ups", "demo")
    try:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "->" in line:  # a step is done: the servers are up
                break
        demo.terminate()
        # its pipes stay open as long as a child of its own has them
        demo.communicate(timeout=30)
    finally:
        demo.kill()
    assert demo.returncode == 128 + signal.SIGTERM
    assert not list(tmp_path.iterdir())


def test_another_outcome_than_expected_is_shown_and_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    create = Step("1", "created", "create {S} -f {files}/create.xml -iuid {U1}")
    watch = Step("2", "subscribed, and one report nobody waits for", "subscribe {S} -iuid {U1} -aet WATCHER")
    steps = (
        replace(create, exit=3),
        replace(watch, says=("nonsense",)),
        replace(watch, number="3", hides=("subscribed",), command=f"{watch.command} -dellock"),
    )
    monkeypatch.setattr(demo_module, "workflows", lambda: (Workflow("title", steps),))
    assert main(["demo"]) == 1
    out = capsys.readouterr().out
    assert out.count("NOT AS EXPECTED") == 3
    assert "missing: exit status 3" in out
    assert "missing: 'nonsense' in the output" in out
    assert "missing: no 'subscribed' in the output" in out
    assert out.count("WATCHER, not expected: event 1 ") == 2
    assert out.splitlines()[-1] == "5 of 3 outcomes not as expected"
