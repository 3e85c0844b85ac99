"""Benchmarks: ``python -m tests.bench.codec`` and ``python -m tests.bench.pdu`` print tables; no test judges a time."""
