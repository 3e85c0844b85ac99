"""Benchmarks: ``python -m tests.bench.codec``, ``pdu``, ``net`` and ``start`` print tables; no test judges a time."""
