"""The fixtures of the peers' tests that serve here too."""

from __future__ import annotations

from ..interop.conftest import closing, start_upsscp

__all__ = ["closing", "start_upsscp"]
