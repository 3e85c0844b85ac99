"""Where the programs keep what is theirs on this machine."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["data_folder"]


def data_folder() -> Path:
    """Ours in the user's data directory (XDG Base Directory Specification; a relative path is ignored)."""
    base = Path(os.environ.get("XDG_DATA_HOME", ""))
    if not base.is_absolute():
        base = Path.home() / ".local" / "share"
    return base / "dicomnet"
