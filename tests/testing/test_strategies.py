"""The strategies for command sets and messages: what they call right is right."""

from __future__ import annotations

from hypothesis import given

from dicomnet.dimse.command import CommandSet, decode_command, encode_command
from dicomnet.dimse.conversion import from_command, to_command
from dicomnet.dimse.messages import EncodedDataSet, Message
from dicomnet.testing.command_sets import command_sets
from dicomnet.testing.messages import messages


@given(command_sets())
def test_command_sets_come_back_the_same(command: CommandSet) -> None:
    assert decode_command(encode_command(command)) == command


@given(messages())
def test_messages_come_back_the_same(message: Message) -> None:
    command = decode_command(encode_command(to_command(message, has_data_set=message.data_set is not None)))
    data_set = message.data_set if isinstance(message.data_set, EncodedDataSet) else None
    assert from_command(command, context_id=1, data_set=data_set) == message
