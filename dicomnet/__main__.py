"""``python -m dicomnet``: versions, and which body of the kernel is live and why, as a report of a fault needs it."""

from __future__ import annotations

import platform
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import PackageNotFoundError, version

from dicomnet import __version__
from dicomnet.kernel import KERNEL, REASON
from dicomnet.ul import machine


def main() -> int:
    """Print it, a line each."""
    print(f"dicomnet {__version__}")
    print(f"kernel: {KERNEL}, because {REASON}")
    # all of it is built, or nothing
    compiled = str(machine.__file__).endswith(tuple(EXTENSION_SUFFIXES))
    print(f"core: {'compiled' if compiled else 'python'}")
    print(f"{platform.python_implementation()} {platform.python_version()}")
    try:
        print(f"pydicom {version('pydicom')}")
    except PackageNotFoundError:
        print("pydicom is not installed")
    print(platform.platform())
    return 0


if __name__ == "__main__":
    sys.exit(main())
