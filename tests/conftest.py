"""For all tests: Hypothesis judges by examples, never by the time a shared machine takes for one."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")
