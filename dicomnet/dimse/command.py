"""Command sets (PS3.7 6.3.1): group 0000 in Implicit VR Little Endian, as a mapping from tag to value.

Which message needs which element is the business of ``messages``; how each is written and what is tolerated on receipt,
that of the kernel (``dicomnet.kernel._python_command``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dicomnet.codes import CommandElement
from dicomnet.kernel._python_command import CommandSet, CommandValue

if TYPE_CHECKING:
    from dicomnet.kernel._python_command import decode_command, encode_command
else:
    from dicomnet.kernel import decode_command, encode_command

__all__ = ["NO_DATA_SET", "CommandElement", "CommandSet", "CommandValue", "decode_command", "encode_command"]

NO_DATA_SET = 0x0101
"""(0000,0800) when no data set follows; every other value announces one."""
