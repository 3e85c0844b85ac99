"""The files of the demo's workflows: the Native DICOM Model documents (PS3.19 A.1) in ``examples``."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

__all__ = ["write_files"]


def write_files(folder: Path) -> None:
    """Write create.xml, progress.xml, performed.xml and cancel.xml, and started.xml, which no SCP should create."""
    for example in resources.files("ups.cli").joinpath("examples").iterdir():
        (folder / example.name).write_bytes(example.read_bytes())
    scheduled = (folder / "create.xml").read_text("utf-8")
    (folder / "started.xml").write_text(scheduled.replace(">SCHEDULED<", ">IN PROGRESS<"), "utf-8")
