"""Sockets, TLS and timers: the only code that waits. ``blocking`` and ``aio`` run the same flows."""
