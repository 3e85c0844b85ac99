"""Rows of the options that are about nothing but the program."""

from __future__ import annotations

import dicomnet

from .stage import Stage, bad, row

GET = "get S -iuid 1.2"


@row("-v")
def verbose(stage: Stage, name: str) -> None:
    assert "calling as" not in stage.play(GET).err
    assert "dcmups: calling as DCMUPSSCU" in stage.play(f"{GET} {name}").err


@row("-vv")
def very_verbose(stage: Stage, name: str) -> None:
    assert "Sta6 + Evt11" not in stage.play(f"{GET} -v").err
    assert "dcmups: Sta6 + Evt11 -> AR-1 -> Sta7" in stage.play(f"{GET} {name}").err


@row("-h")
def usage(stage: Stage, name: str) -> None:
    played = stage.run(f"frobnicate {name}")
    assert played.status == 0
    assert played.out.startswith("usage: dcmups ")


@row("-V")
def version(stage: Stage, name: str) -> None:
    played = stage.run(f"frobnicate {name}")
    assert (played.status, played.out) == (0, f"dcmups {dicomnet.__version__}\n")


@row("--profile")
def profile(stage: Stage, name: str) -> None:
    path = stage.file("config.toml", '[profile.night]\ndevice = "NIGHT"\n')
    stage.monkeypatch.setenv("DICOMNET_CONFIG", str(path))
    assert stage.play(f"{GET} {name} night").asked.calling_ae_title == "NIGHT"


bad("--profile", "find S {} bogus", ": there is no [profile.bogus] in ")


@row("--completion")
def completion(stage: Stage, name: str) -> None:
    for shell, sign in (("bash", "complete "), ("zsh", "#compdef dcmups"), ("fish", "complete -c dcmups")):
        played = stage.run(f"{name} {shell}")
        assert played.status == 0
        assert sign in played.out
        assert "instance-uid" in played.out


bad("--completion", "{} tcsh", ": 'tcsh' is no shell")
