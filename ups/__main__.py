"""``python -m ups`` is ``dcmups``."""

from __future__ import annotations

import sys

from ups.cli.start import dcmups

if __name__ == "__main__":
    sys.exit(dcmups())
