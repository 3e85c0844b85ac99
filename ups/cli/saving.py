"""Results as Part 10 files (PS3.10): ``get`` writes one, ``find`` one for each match into a folder.

A data set stays in the transfer syntax it came in, so nothing of it is lost. A file is there as a whole or not at all,
and takes the place of one that has its name: that is how the workitem was before. In a folder the name is the SOP
Instance UID, with ``.dcm`` behind it, when that consists of digits and dots; a match with another one is told of and
not written.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
from typing import TYPE_CHECKING

from dicomnet import uids
from dicomnet.dimse.messages import CFindResponse, EncodedDataSet, NGetResponse, Response
from dicomnet.errors import EncodeError
from ups.cli.console import Console, OutputFailed, printable
from ups.cli.plain import PlainResults
from ups.cli.words import UsageError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["FileResults", "FolderResults"]

_SOP_CLASS, _SOP_INSTANCE = 0x00080016, 0x00080018
_NAME = re.compile(r"[0-9]+(?:\.[0-9]+)*", re.ASCII)  # leading zeros, which PS3.5 9.1 forbids, do no harm


class _Saved(PlainResults):
    """What both have in common: from a response to the content of a file."""

    def __init__(self, console: Console, sop_class: str) -> None:
        super().__init__(console)
        self._sop_class = sop_class
        self._syntax = uids.EXPLICIT_VR_LE

    def _note_syntax(self, response: Response) -> None:
        if isinstance(response.data_set, EncodedDataSet):
            self._syntax = response.data_set.transfer_syntax

    def _content(self, dataset: Dataset, instance: str) -> bytes:
        from dicomnet.dataset.files import part10
        from dicomnet.dataset.opaque import write_lenient

        def write(one: Dataset) -> bytes:
            return part10(one, self._syntax, sop_class=self._sop_class, sop_instance=instance)

        for tag, uid in ((_SOP_CLASS, self._sop_class), (_SOP_INSTANCE, instance)):
            if tag not in dataset and uid:
                dataset.add_new(tag, "UI", uid)
        content, errors = write_lenient(dataset, write)
        self.tell_opaque(errors)
        return content


class FileResults(_Saved):
    """Writes what ``get`` found into one file.

    Raises:
        UsageError: that is no place for a file.
    """

    def __init__(self, console: Console, name: str, *, sop_class: str, instance: str) -> None:
        super().__init__(console, sop_class)
        self._name = name
        self._instance = instance
        # Who links to a file wants that one replaced, not the link
        self._path = os.path.realpath(_usable(name))
        _check_folder(name, os.path.dirname(self._path))
        mode = _mode(name, self._path)
        if mode is not None and not stat.S_ISREG(mode):
            raise UsageError(f"-o {name}: this is there and is no regular file")

    def found(self, response: NGetResponse) -> None:
        """Keep in mind how the data set is encoded."""
        self._note_syntax(response)
        super().found(response)
        if response.data_set is None:
            self.console.warn(f"the answer has no attributes: {self._name} was not written")

    def write_found(self, dataset: Dataset) -> None:
        """The workitem of ``get``."""
        _replace(self._path, self._content(dataset, self._instance), self._name)
        self.console.tell(f"written to {self._name}")


class FolderResults(_Saved):
    """Writes a file for each match of ``find`` into a folder, which is made if need be, and prints its name.

    Raises:
        UsageError: that is no folder and cannot become one.
    """

    def __init__(self, console: Console, name: str, *, sop_class: str) -> None:
        super().__init__(console, sop_class)
        self._name = name
        try:
            os.mkdir(_usable(name))
        except FileExistsError:
            pass
        except OSError as error:
            raise UsageError(f"-o {name}: {error.strerror}") from error
        _check_folder(name, name)
        self._written: set[str] = set()

    @property
    def visible(self) -> bool:
        """As names of files."""
        return self.console.is_terminal

    def match(self, response: CFindResponse) -> None:
        """Keep in mind how the data set is encoded."""
        self._note_syntax(response)
        super().match(response)

    def write_match(self, dataset: Dataset) -> None:
        """A match of ``find``."""
        from dicomnet.dataset.values import text_value

        try:
            instance = text_value(dataset, _SOP_INSTANCE)
        except EncodeError:
            instance = ""
        if len(instance) > 64 or not _NAME.fullmatch(instance):
            self.lose(f"has no SOP Instance UID that can be the name of a file: {printable(instance, 64)!r}")
            return
        if instance in self._written:
            self.complain(f"match {self.matches} is another one of {instance} and takes its place")
        self._written.add(instance)
        path = os.path.join(self._name, f"{instance}.dcm")
        _replace(path, self._content(dataset, instance), path)
        self.console.result(printable(path, 5000))


def _usable(name: str) -> str:
    if name == "-":
        raise UsageError("-o -: a Part 10 file is not for standard output; --json and --xml are")
    if not name or "\0" in name:
        raise UsageError(f"-o {name}: this is no name of a file")
    return name


def _check_folder(name: str, folder: str) -> None:
    """Refuse now what could not be written later."""
    mode = _mode(name, folder)
    if mode is None or not stat.S_ISDIR(mode):
        what = f"the folder {folder}" if folder != name else "this"
        raise UsageError(f"-o {name}: {what} is {'not there' if mode is None else 'no folder'}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"-o {name}: {os.strerror(errno.EACCES)}")


def _mode(name: str, path: str) -> int | None:
    """The kind of what is there; None when nothing is."""
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"-o {name}: {error.strerror}") from error


def _replace(path: str, content: bytes, name: str) -> None:
    """Write a file that is whole when it gets its name.

    Raises:
        OutputFailed: it cannot be written; what had the name before still has it.
    """
    part = os.path.join(os.path.dirname(path), f".{secrets.token_hex(8)}.part")
    try:
        with open(part, "xb") as file:
            file.write(content)
        os.replace(part, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(part)
        if isinstance(error, OSError):
            raise OutputFailed(f"cannot write {name}: {error.strerror or error}", closed=False) from error
        raise
