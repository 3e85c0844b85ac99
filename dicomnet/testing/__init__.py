"""Hypothesis strategies for whoever tests DICOM software: well-formed things, wrong ones, and hostile bytes.

Import the module you need, as ``from dicomnet.testing import pdus``; it imports hypothesis, which nothing else in this
package needs.
"""

from __future__ import annotations

__all__: list[str] = []
