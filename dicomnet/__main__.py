"""``python -m dicomnet``: versions, and which body of the kernel is live and why, as a report of a fault needs it."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from dicomnet import __version__
from dicomnet.kernel import KERNEL, REASON


def main() -> int:
    """Print it, a line each."""
    print(f"dicomnet {__version__}")
    print(f"kernel: {KERNEL}, because {REASON}")
    print(f"{platform.python_implementation()} {platform.python_version()}")
    try:
        print(f"pydicom {version('pydicom')}")
    except PackageNotFoundError:
        print("pydicom is not installed")
    print(platform.platform())
    return 0


if __name__ == "__main__":
    sys.exit(main())
