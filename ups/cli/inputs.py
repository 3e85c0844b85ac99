"""From the command line to what is sent: file, keys and options become one checked data set before any connection.

The order is fixed: the file, ``-r``, ``-q`` and ``--set`` over it, then -state, -aet, -dellock and -tuid on top. Knows
no association. pydicom is imported when the first data set is due, not before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dicomnet import uids
from dicomnet.dataset import DataSetLimits
from dicomnet.dimse.payloads import EncodedDataSet
from dicomnet.errors import DecodeError, DicomNetError, EncodeError
from dicomnet.records import dataclass, field
from ups.cli.catalogue import OperationSpec
from ups.cli.flat import encode_flat, flat_values
from ups.cli.parser import CommandLine
from ups.cli.values import AUTO_UID, NEW_UID, Code
from ups.cli.words import UsageError
from ups.names import ActionType
from ups.vocabulary import FIND_KEYS

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from ups.cli.claiming import Claiming

__all__ = ["Content", "gather", "is_attribute", "receiver", "take_claim", "transfer_syntaxes"]

_MAX_FILE = DataSetLimits().max_bytes

_CHARACTER_SET = 0x00080005
_UTF8 = "ISO_IR 192"
"""In an identifier it must not be empty (PS3.4 CC.2.8.1.3), and UTF-8 holds any key."""

_SOP_CLASS = 0x00080016
_SOP_INSTANCE = 0x00080018
_TRANSACTION = 0x00081195
_CODE_VALUE, _CODE_SCHEME, _CODE_MEANING = 0x00080100, 0x00080102, 0x00080104
_LONG_CODE, _URN_CODE = 0x00080119, 0x00080120
_STATE = 0x00741000
_CONTACT_URI, _CONTACT_NAME = 0x0074100A, 0x0074100C
_REASON_CODE, _REASON = 0x0074100E, 0x00741238
_DELETION_LOCK = 0x00741230
_RECEIVING_AE = 0x00741234
_REQUESTING_AE = 0x00741236
_SHORT_CODE = 16
"""Characters that Code Value holds; a longer one is a Long Code Value or a URN."""


@dataclass(slots=True)
class Content:
    """What an operation sends. ``attributes`` is the list of N-GET, None for all; others have a data set.

    ``data_set`` is what is sent, encoded when it is so simple that nobody needs more; ``tags`` are its attributes.
    """

    data_set: Dataset | EncodedDataSet
    instance: str | None = None
    attributes: tuple[int, ...] | None = None
    made_transaction: str | None = None
    claiming: Claiming | None = None
    warnings: list[str] = field(default_factory=list)
    tags: tuple[int, ...] = ()

    @property
    def dataset(self) -> Dataset:
        """The data set to be changed."""
        if isinstance(self.data_set, EncodedDataSet):
            self.data_set = self.data_set.decode()
        return self.data_set


def is_attribute(word: str) -> bool:
    """Whether the word names an attribute, by the data dictionary."""
    from dicomnet.dataset import paths

    try:
        paths.parse_path(word)
    except paths.PathError:
        return False
    return True


def transfer_syntaxes(line: CommandLine) -> tuple[str, ...]:
    """What we propose and can express our data set in."""
    return (uids.IMPLICIT_VR_LE,) if line.implicit_only else (uids.EXPLICIT_VR_LE, uids.IMPLICIT_VR_LE)


def gather(line: CommandLine, spec: OperationSpec) -> Content:
    """Everything the operation sends, complete and known to be encodable.

    Raises:
        UsageError: a file, a path or a value cannot be used.
    """
    values = flat_values(line, spec)
    if values is not None:
        return _flat(values, line, spec)
    content = _load(line, spec)
    _lay_names(content.dataset, line)
    _lay_pairs(content.dataset, "-q", line.keys)
    _lay_pairs(content.dataset, "--filter", line.filters)
    _lay_pairs(content.dataset, "--set", line.edits)
    _take_laid_identity(content, line, spec)
    _finish(content, line, spec)
    if spec.action is ActionType.REQUEST_CANCEL:
        _lay_reasons(content.dataset, line)
    _lay_options(content, line, spec)
    content.tags = tuple(sorted(int(tag) for tag in content.dataset.keys()))  # noqa: SIM118
    if spec.name == "get":
        content.attributes = content.tags or None
    else:
        _check_encodable(content.dataset, line)
    return content


def _flat(values: dict[int, str], line: CommandLine, spec: OperationSpec) -> Content:
    """The same, of attributes and values that need no data dictionary; pydicom is not loaded for them."""
    content = Content(EncodedDataSet(b"", uids.EXPLICIT_VR_LE), instance=_instance(line, spec))
    for tag in _find_keys(line) if spec.name == "find" else ():
        values.setdefault(tag, _UTF8 if tag == _CHARACTER_SET else "")
    if spec.name == "find" and line.instance is not None:
        values[_SOP_INSTANCE] = line.instance
    values |= _option_values(content, line, spec)
    content.tags = tuple(sorted(values))
    if spec.name == "get":
        content.attributes = content.tags or None
    else:
        transfer_syntax = transfer_syntaxes(line)[0]
        content.data_set = EncodedDataSet(encode_flat(values, transfer_syntax), transfer_syntax)
    return content


def receiver(line: CommandLine) -> Dataset:
    """What says for which AE a subscription is: all that unsubscribing needs."""
    from pydicom.dataset import Dataset

    from dicomnet.dataset import paths

    dataset = Dataset()
    paths.set_value(dataset, (_RECEIVING_AE,), line.aet or "")
    return dataset


def take_claim(content: Content, line: CommandLine, spec: OperationSpec) -> None:
    """With -tuid auto, take the Transaction UID from the store; the last of all inputs, for it remembers a claim.

    Raises:
        UsageError: the store cannot be used, or remembers no claim to go on with.
    """
    if line.transaction != AUTO_UID or not spec.has_use_for("transaction"):
        return
    from dicomnet.dataset import paths
    from ups.cli.claiming import claiming

    if line.claim_store is None or line.called is None or line.instance is None:
        raise ValueError("-tuid auto without a store, a peer or a workitem")
    state = line.state if spec.action is ActionType.CHANGE_STATE else None
    content.claiming = claiming(line.claim_store, line.called, line.instance, state)
    paths.set_value(content.dataset, (_TRANSACTION,), content.claiming.transaction)


def _load(line: CommandLine, spec: OperationSpec) -> Content:
    from pydicom.dataset import Dataset

    content = Content(Dataset(), instance=_instance(line, spec))
    if line.file is None:
        return content
    from dicomnet.dataset import files

    try:
        loaded = files.load(_read(line.file), line.file)
    except DecodeError as error:
        text = str(error)
        raise UsageError(f"-f {text}" if text.startswith(line.file) else f"-f {line.file}: {text}") from error
    content.data_set = loaded.dataset
    content.warnings += [f"-f {line.file}: {text.removeprefix(f'{line.file}: ')}" for text in loaded.warnings]
    _take_identity(content, line, spec)
    return content


def _instance(line: CommandLine, spec: OperationSpec) -> str | None:
    """Which SOP instance the command line means, if it says so."""
    if line.filters or line.filtered:
        return uids.UPS_FILTERED_GLOBAL_SUBSCRIPTION
    return line.instance if spec.has_use_for("instance") else None


def _read(name: str) -> bytes:
    if not name:
        raise UsageError("-f: the name is empty")
    try:
        with open(name, "rb") as file:
            data = file.read(_MAX_FILE + 1)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        raise UsageError(f"-f {name}: {getattr(error, 'strerror', None) or error}") from error
    if len(data) > _MAX_FILE:
        raise UsageError(f"-f {name}: larger than {_MAX_FILE} bytes")
    return data


def _take_identity(content: Content, line: CommandLine, spec: OperationSpec) -> None:
    """What the file says of SOP Class and Instance UID leaves the data set."""
    instance = _pop_identity(content.dataset, f"-f {line.file}")
    if not instance or content.instance is not None:
        return
    if spec.name == "create":
        content.instance = _usable(instance, f"-f {line.file}")
    elif spec.name == "find":
        content.warnings.append(
            f"-f {line.file}: SOPInstanceUID is no key when it comes from a file; use -iuid {instance}"
        )


def _take_laid_identity(content: Content, line: CommandLine, spec: OperationSpec) -> None:
    """So does what -q and --set laid over it, which goes before the file's; elsewhere it may be a matching key."""
    if spec.name not in ("create", "set"):
        return
    instance = _pop_identity(content.dataset, "--set")
    if instance is None:
        return
    if spec.name == "create":
        content.instance = line.instance or _usable(instance, "--set") or None
    elif instance != line.instance:
        content.warnings.append(f"the attribute SOPInstanceUID has no effect on {spec.name}; the workitem is -iuid's")


def _pop_identity(dataset: Dataset, source: str) -> str | None:
    """Take both UIDs out: DIMSE-N has them in the command set only (PS3.4 5.4.2.3). The instance's, None if not there.

    Raises:
        UsageError: the UID of the instance cannot be read.
    """
    from dicomnet.dataset.values import text_value

    instance = None
    if _SOP_INSTANCE in dataset:
        try:
            instance = text_value(dataset, _SOP_INSTANCE)
        except EncodeError as error:
            raise UsageError(f"{source}: SOPInstanceUID: {error.message}") from error
    for tag in (_SOP_CLASS, _SOP_INSTANCE):
        if tag in dataset:
            del dataset[tag]
    return instance


def _usable(instance: str, source: str) -> str:
    if instance and not uids.is_uid(instance):
        raise UsageError(f"{source}: SOPInstanceUID {instance!r} is no UID")
    return instance


def _lay_names(dataset: Dataset, line: CommandLine) -> None:
    """A name adds an empty attribute, and leaves one that is there as it is."""
    from dicomnet.dataset import paths

    for name in line.names:
        try:
            path = paths.parse_path(name)
            if paths.get_element(dataset, path) is None:
                paths.set_value(dataset, path, "")
        except DicomNetError as error:
            raise UsageError(f"-r {name}: {error}") from error


def _lay_pairs(dataset: Dataset, option: str, pairs: Sequence[tuple[str, str]]) -> None:
    from dicomnet.dataset import paths

    for name, value in pairs:
        try:
            paths.set_value(dataset, paths.parse_path(name), value)
        except DicomNetError as error:
            raise UsageError(f"{option} {name}={value}: {error}") from error
    if not all(value.isascii() for _, value in pairs):
        _take_unicode(dataset, option)


def _take_unicode(dataset: Dataset, option: str) -> None:
    """Make room for the text that an option brought."""
    from dicomnet.dataset.values import fit_character_set

    try:
        _read_values(dataset)  # what came from a file leaves the file's character set first
    except Exception as error:  # pydicom raises many kinds for a value that does not fit its VR
        text = "the data set has a value that cannot be read, so it cannot take text beyond ASCII"
        raise UsageError(f"{option}: {text}") from error
    fit_character_set(dataset)


def _read_values(dataset: Dataset) -> None:
    """Turn what is still bytes into text. pydicom's ``decode`` would send names that are text through the old set."""
    todo = [dataset]
    while todo:
        for element in todo.pop():
            if element.VR == "SQ":
                todo.extend(element.value or ())


def _finish(content: Content, line: CommandLine, spec: OperationSpec) -> None:
    """What only ``find`` adds: the default keys, and the unique key."""
    from dicomnet.dataset import paths

    if spec.name != "find":
        return
    dataset = content.dataset
    for tag in _find_keys(line):
        if tag not in dataset:
            paths.set_value(dataset, (tag,), _UTF8 if tag == _CHARACTER_SET else "")
    if line.instance is not None:
        paths.set_value(dataset, (_SOP_INSTANCE,), line.instance)


def _find_keys(line: CommandLine) -> tuple[int, ...]:
    return (*(() if line.file is not None or line.names else FIND_KEYS), _SOP_INSTANCE)


def _lay_options(content: Content, line: CommandLine, spec: OperationSpec) -> None:
    from dicomnet.dataset import paths

    for tag, value in _option_values(content, line, spec).items():
        paths.set_value(content.dataset, (tag,), value)


def _option_values(content: Content, line: CommandLine, spec: OperationSpec) -> dict[int, str]:
    values: dict[int, str] = {}
    if line.state is not None and spec.has_use_for("state"):
        values[_STATE] = line.state
    if line.aet is not None and spec.has_use_for("aet"):
        values[_REQUESTING_AE if spec.action is ActionType.REQUEST_CANCEL else _RECEIVING_AE] = line.aet
    if spec.action is ActionType.SUBSCRIBE:
        values[_DELETION_LOCK] = "TRUE" if line.deletion_lock else "FALSE"
    if line.transaction is not None and spec.has_use_for("transaction"):
        values[_TRANSACTION] = line.transaction
        if line.transaction == NEW_UID:
            values[_TRANSACTION] = content.made_transaction = uids.new_uid()
        elif line.transaction == AUTO_UID:
            values[_TRANSACTION] = uids.new_uid()  # in its place, until all else is known to be good
    return values


def _lay_reasons(dataset: Dataset, line: CommandLine) -> None:
    """Why to cancel and whom to ask (PS3.4 Table CC.2.2-1)."""
    from dicomnet.dataset import paths

    values: list[tuple[str, tuple[int, ...], str]] = []
    if line.reason is not None:
        values.append(("--reason", (_REASON,), line.reason))
    if line.reason_code is not None:
        if _REASON_CODE in dataset:
            del dataset[_REASON_CODE]  # nothing of a file's code may be left in ours
        for tag, text in _coded(line.reason_code).items():
            values.append(("--reason-code", (_REASON_CODE, tag), text))
    if line.contact is not None:
        values.append(("--contact", (_CONTACT_NAME,), line.contact))
    if line.contact_uri is not None:
        values.append(("--contact-uri", (_CONTACT_URI,), line.contact_uri))
    for option, path, text in values:
        try:
            paths.set_value(dataset, path, text)
        except paths.PathError as error:
            raise UsageError(f"{option}: {error}") from error
        if not text.isascii():
            _take_unicode(dataset, option)


def _coded(code: Code) -> dict[int, str]:
    """A coded entry by the form of its value: short, long, or a URN (PS3.3 8.8)."""
    if len(code.value) <= _SHORT_CODE:
        tag = _CODE_VALUE
    else:
        tag = _URN_CODE if ":" in code.value else _LONG_CODE
    return {tag: code.value, _CODE_SCHEME: code.scheme, _CODE_MEANING: code.meaning}


def _check_encodable(dataset: Dataset, line: CommandLine) -> None:
    from dicomnet.dataset import encode

    for transfer_syntax in transfer_syntaxes(line):
        try:
            encode(dataset, transfer_syntax)
        except EncodeError as error:
            place = f"-f {line.file}: " if line.file is not None else ""
            raise UsageError(f"{place}{error}") from error
