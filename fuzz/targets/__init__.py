"""One property per module: ``inputs()``, ``examine(data)``, and both as the ``@given`` property ``target``."""
