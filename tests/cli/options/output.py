"""Rows of the options about what is shown, and how a command ends."""

from __future__ import annotations

import json

from pydicom import dcmread

from tests.cli.answers import answering, leaking, matching

from .stage import Stage, bad, row

GET = "get S -iuid 1.2"


@row("--json")
def json_lines(stage: Stage, name: str) -> None:
    played = stage.play(f"{GET} {name}", handler=answering(0, data_set=leaking()))
    (line,) = played.out.splitlines()
    assert json.loads(line)["00080018"] == {"vr": "UI", "Value": ["1.2.3"]}


@row("--xml")
def xml(stage: Stage, name: str) -> None:
    played = stage.play(f"{GET} {name}", handler=answering(0, data_set=leaking()))
    (line,) = played.out.splitlines()
    assert "<NativeDicomModel" in line
    assert 'tag="00080018"' in line


@row("-o")
def output(stage: Stage, name: str) -> None:
    path = stage.folder / f"found{name}.dcm"
    stage.play(f"{GET} {name} {path}", handler=answering(0, data_set=leaking()))
    assert dcmread(path).SOPInstanceUID == "1.2.3"
    folder = stage.folder / f"found{name}"
    stage.play(f"find S {name} {folder}", handler=matching(0xFF00))
    assert [dcmread(path).SOPInstanceUID for path in folder.iterdir()] == ["1.2.3"]


bad("-o", f"{GET} {{}} /nonexistent/x.dcm", " /nonexistent/x.dcm: ")
bad("-o", "find S {} /dev/null", " /dev/null: ")


@row("--strict")
def strict(stage: Stage, name: str) -> None:
    warning = answering(0x0001, data_set=leaking())
    stage.play(GET, handler=warning, status=0)
    stage.play(f"{GET} {name}", handler=warning, status=5)


@row("--no-match-error")
def no_match_error(stage: Stage, name: str) -> None:
    stage.play("find S", status=0)
    stage.play(f"find S {name}", status=6)
    stage.play(f"find S {name}", handler=matching(0xFF00), status=0)


@row("--quiet")
def quiet(stage: Stage, name: str) -> None:
    assert stage.play(GET).err == "dcmups: get: done\n"
    assert stage.play(f"{GET} {name}").err == ""


@row("--color")
def color(stage: Stage, name: str) -> None:
    for when, coloured in (("always", True), ("never", False), ("auto", False)):
        played = stage.play(f"{GET} {name} {when}", handler=answering(0, data_set=leaking()))
        assert ("\x1b[" in played.out) is coloured


bad("--color", "find S {} sometimes", ": 'sometimes' is ")
