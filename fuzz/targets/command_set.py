"""What decodes as a command set encodes to one that decodes the same, and is a message or refused."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from dicomnet.dimse.command import decode_command, encode_command
from dicomnet.dimse.conversion import command_code, from_command, reply, to_command
from dicomnet.dimse.messages import Request
from dicomnet.errors import DecodeError
from dicomnet.testing.command_sets import command_sets, hostile_command_sets
from dicomnet.testing.messages import messages

__all__ = ["examine", "inputs", "target"]


def inputs() -> SearchStrategy[bytes]:
    """Command sets, those of messages among them, and what only looks like one."""
    of_messages = messages().map(lambda message: to_command(message, has_data_set=message.data_set is not None))
    return st.one_of((command_sets() | of_messages).map(encode_command), hostile_command_sets())


def examine(data: bytes) -> None:
    """Decode, make a message of it, and answer it."""
    try:
        command = decode_command(data)
    except DecodeError:
        return
    assert decode_command(encode_command(command)) == command
    try:
        message = from_command(command, context_id=1, data_set=None)
    except DecodeError:
        return
    again = decode_command(encode_command(to_command(message, has_data_set=False)))
    assert from_command(again, context_id=1, data_set=None) in (
        message,
        from_command(again, context_id=1, data_set=None),
    )
    if isinstance(message, Request):
        answer = reply(message, 0x0110)
        assert command_code(answer) == command_code(message) | 0x8000
        encode_command(to_command(answer, has_data_set=False))


target = given(inputs())(examine)
