"""Small complete servers for the basics, as examples and for tests: ``verification`` and ``storage``.

Each room has the contexts it supports and the handler that serves them, to be built into any server;
``python -m dicomnet.services`` runs them on the asyncio driver.
"""
