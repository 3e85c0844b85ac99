"""What decode_dataset returns is a pydicom.Dataset in every respect, whichever body made it."""

from __future__ import annotations

import copy
import gc
import io
import pickle
import warnings
import weakref
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pydicom
import pytest
from pydicom import config, valuerep
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.hooks import hooks, raw_element_value
from pydicom.sequence import Sequence
from pydicom.valuerep import DSfloat, PersonName

from dicomnet.kernel import _python

pytestmark = pytest.mark.once


def sample() -> Dataset:
    """Something of everything that reading treats in a way of its own."""
    code = Dataset()
    code.CodeValue = "121726"
    code.CodeMeaning = "Ünderstood"
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.StudyDate = "20260131"
    dataset.StudyTime = "101530.5"
    dataset.AcquisitionDateTime = "20260131101530"
    dataset.SOPInstanceUID = "1.2.3"
    dataset.AccessionNumber = ""
    dataset.PatientName = "Müller^Änne=X^Y"
    dataset.OtherPatientNames = ["A^B", "C^D"]
    dataset.RetrieveAETitle = ["ONE", "TWO"]
    dataset.PatientWeight = "70.25"
    dataset.ImagePositionPatient = ["-1.5", "0", "1e3"]
    dataset.InstanceNumber = "7"
    dataset.Rows = 512
    dataset.SimpleFrameList = [1, 2, 3]
    dataset.FrameIncrementPointer = [0x00181063, 0x00181065]
    dataset.PixelRepresentation = 1
    dataset.SmallestImagePixelValue = -3
    dataset.PatientComments = "two\r\nlines\\and a backslash"
    dataset.RetrieveURL = "https://example.org/a"
    dataset.ScheduledWorkitemCodeSequence = Sequence([code, copy.deepcopy(code)])
    dataset.add_new(0x00190010, "LO", "ACME 1.0")
    dataset.add_new(0x00191001, "LO", "private")
    dataset.PixelData = b"\1\2\3\4"
    dataset["PixelData"].VR = "OW"
    return dataset


ENCODED = _python.encode_dataset(sample(), False, True)


def received(kernel: ModuleType) -> Dataset:
    dataset: Dataset = kernel.decode_dataset(ENCODED, False, True, 64, 1000)
    return dataset


def plain() -> Dataset:
    """The same bytes as pydicom's own reader has them."""
    return read_dataset(io.BytesIO(ENCODED), False, True)


def everything(dataset: Dataset) -> list[Any]:
    """All that can be seen of the elements, sequences included."""
    found: list[Any] = []
    for element in dataset:
        value = element.value
        if element.VR == "SQ":
            found.append((element.tag, [everything(item) for item in value]))
        else:
            found.append(
                (element.tag, element.VR, type(value).__name__, repr(value), str(element), element.private_creator)
            )
    return found


def test_it_shows_what_pydicom_shows(kernel: ModuleType) -> None:
    ours, theirs = received(kernel), plain()
    assert repr(everything(ours)).replace("ReceivedDecimal", "DSfloat") == repr(everything(theirs))
    assert str(ours) == str(theirs)
    assert ours.to_json() == theirs.to_json()
    assert ours == theirs
    assert theirs == ours
    assert isinstance(ours, Dataset)


def test_keywords_tags_and_iteration_give_the_same_objects(kernel: ModuleType) -> None:
    dataset = received(kernel)
    assert dataset.ImageType is dataset["ImageType"].value is dataset[0x0008, 0x0008].value is dataset[0x00080008].value
    assert next(e for e in dataset if e.keyword == "ImageType").value is dataset.ImageType
    assert dataset.get("ImageType") is dataset.ImageType
    assert dataset.get("PatientID") is None
    assert dataset.get(0x00080008) is dataset["ImageType"]
    with pytest.raises(AttributeError, match="PatientID"):
        _ = dataset.PatientID
    with pytest.raises(KeyError):
        _ = dataset[0x00100020]
    with pytest.raises(AttributeError, match="NoKeyword"):
        _ = dataset.NoKeyword


def test_what_is_changed_is_written(kernel: ModuleType) -> None:
    dataset = received(kernel)
    dataset.ImageType.append("AXIAL")
    dataset.PatientName = "New^Name"
    dataset["InstanceNumber"].value = "8"
    del dataset.StudyDate
    dataset.ScheduledWorkitemCodeSequence[0].CodeValue = "changed"
    dataset.ScheduledWorkitemCodeSequence.append(Dataset())
    again = kernel.decode_dataset(kernel.encode_dataset(dataset, False, True), False, True, 64, 1000)
    assert again.ImageType == ["ORIGINAL", "PRIMARY", "AXIAL"]
    assert (again.PatientName, again.InstanceNumber) == ("New^Name", 8)
    assert "StudyDate" not in again
    codes = again.ScheduledWorkitemCodeSequence
    assert [item.get("CodeValue") for item in codes] == ["changed", "121726", None]


def test_a_nested_data_set_that_was_changed_is_written_with_its_change(kernel: ModuleType) -> None:
    dataset = received(kernel)
    dataset.ScheduledWorkitemCodeSequence[1].CodeMeaning = "Äh"
    again = kernel.decode_dataset(kernel.encode_dataset(dataset, True, True), True, True, 64, 1000)
    assert [item.CodeMeaning for item in again.ScheduledWorkitemCodeSequence] == ["Ünderstood", "Äh"]


@pytest.mark.parametrize("look_first", [False, True])
@pytest.mark.parametrize(
    "again",
    [copy.copy, copy.deepcopy, lambda dataset: pickle.loads(pickle.dumps(dataset))],
    ids=["copy", "deep", "pickle"],
)
def test_copies(kernel: ModuleType, again: Callable[[Dataset], Dataset], look_first: bool) -> None:
    dataset = received(kernel)
    if look_first:  # but not at all of it: pydicom's own several names cannot be pickled
        _ = dataset.PatientName, dataset.ImagePositionPatient, dataset.ScheduledWorkitemCodeSequence[0].CodeValue
    other = again(dataset)
    assert other == dataset
    assert type(other) is Dataset
    assert other.original_encoding == (False, True)
    assert other.original_character_set == ["UTF8"]
    assert other._pixel_rep == 1
    assert kernel.encode_dataset(other, False, True) == ENCODED
    if again is copy.copy:
        assert other._dict is dataset._dict  # as with pydicom's
    else:
        other.ScheduledWorkitemCodeSequence[0].CodeValue = "other"
        assert dataset.ScheduledWorkitemCodeSequence[0].CodeValue == "121726"


def test_items_know_where_they_came_from(kernel: ModuleType) -> None:
    dataset = received(kernel)
    first, second = dataset.ScheduledWorkitemCodeSequence
    assert ENCODED[first.seq_item_tell :][:4] == ENCODED[second.file_tell :][:4] == b"\xfe\xff\x00\xe0"
    assert first.seq_item_tell < second.seq_item_tell
    assert not hasattr(dataset, "seq_item_tell")
    first.file_tell = 5
    assert (first.file_tell, second.file_tell != 5) == (5, True)
    assert copy.copy(second).seq_item_tell == second.seq_item_tell


def test_no_two_share_a_container(kernel: ModuleType) -> None:
    one, two = received(kernel), received(kernel)
    one._private_blocks[(0x19, "x")] = None  # type: ignore[assignment]
    assert two._private_blocks == {}
    assert one._private_blocks is one._private_blocks
    assert one.private_block(0x19, "ACME 1.0")[0x01].value == "private"


def test_pydicoms_own_attributes_can_be_set(kernel: ModuleType) -> None:
    dataset = received(kernel)
    dataset.set_original_encoding(True, True, "latin_1")
    assert dataset.original_encoding == (True, True)
    assert dataset.original_character_set == "latin_1"
    assert dataset.PatientName == "MÃ¼ller^Ã\x84nne=X^Y"  # read as was said
    dataset._pixel_rep = 0
    assert dataset.SmallestImagePixelValue == -3  # its own Pixel Representation counts
    dataset.is_undefined_length_sequence_item = True
    assert dataset.is_undefined_length_sequence_item
    dataset.extra = 5
    assert copy.copy(dataset).extra == 5


def test_another_one_of_its_type_is_empty(kernel: ModuleType) -> None:
    fresh = type(received(kernel))()
    assert len(fresh) == 0
    fresh.PatientName = "A^B"
    assert [element.keyword for element in fresh] == ["PatientName"]
    assert kernel.encode_dataset(fresh, True, True).endswith(b"A^B ")
    assert kernel.encode_dataset(type(fresh)(), True, True) == b""
    assert type(fresh)(received(kernel)) == plain()


def test_it_cannot_be_hashed_and_can_be_referred_to_weakly(kernel: ModuleType) -> None:
    dataset = received(kernel)
    with pytest.raises(TypeError):
        hash(dataset)
    assert weakref.ref(dataset)() is dataset


def test_a_cycle_through_it_is_collected(kernel: ModuleType) -> None:
    dataset = received(kernel)
    gone = weakref.ref(dataset)
    dataset.PatientWeight.owner = dataset
    del dataset
    gc.collect()
    assert gone() is None


def test_raw_elements_of_a_programs_own_are_read_by_pydicom(kernel: ModuleType) -> None:
    dataset = received(kernel)
    for length in (5, 0):
        dataset._dict[pydicom.tag.Tag("PatientID")] = RawDataElement(
            pydicom.tag.Tag("PatientID"), "LO", length, b"abc", 0, False, True
        )
        other = plain()
        other._dict[pydicom.tag.Tag("PatientID")] = dataset._dict[pydicom.tag.Tag("PatientID")]
        assert dataset.PatientID == other.PatientID


def test_elements_of_a_programs_own_type_are_asked_for_their_value(kernel: ModuleType) -> None:
    class Loud(DataElement):
        @property
        def value(self) -> Any:
            return "loud"

        @value.setter
        def value(self, value: Any) -> None:
            self._value = value

    dataset = received(kernel)
    dataset.add(Loud(0x00100020, "LO", "quiet"))
    assert dataset.PatientID == "loud"
    assert b"loud" in kernel.encode_dataset(dataset, False, True)


# --- pydicom's settings keep their meaning ----------------------------------------------------------------------------


@pytest.fixture
def put_back() -> Iterator[None]:
    names = ["datetime_conversion", "use_DS_numpy", "use_none_as_empty_text_VR_value", "data_element_callback"]
    before = {name: getattr(config, name) for name in names}
    mode = config.settings._reading_validation_mode
    yield
    for name, value in before.items():
        setattr(config, name, value)
    config.DS_decimal(False)
    config.settings._reading_validation_mode = mode
    hooks.register_callback("raw_element_value", raw_element_value)
    hooks.register_kwargs("raw_element_kwargs", {})


def _other_vr(raw: RawDataElement, **_: Any) -> RawDataElement:
    return raw._replace(VR="ST") if raw.VR == "LT" else raw


def _shout(raw: RawDataElement, data: dict[str, Any], **kwargs: Any) -> None:
    raw_element_value(raw, data, **kwargs)
    if isinstance(data["value"], str):
        data["value"] = data["value"].upper()


SETTINGS: dict[str, Callable[[], object]] = {
    "none": lambda: None,
    "datetime": lambda: setattr(config, "datetime_conversion", True),
    "decimal": lambda: config.DS_decimal(True),
    "empty": lambda: setattr(config, "use_none_as_empty_text_VR_value", True),
    "ignore": lambda: setattr(config.settings, "reading_validation_mode", config.IGNORE),
    "hook": lambda: hooks.register_callback("raw_element_value", _shout),
    "kwargs": lambda: hooks.register_kwargs("raw_element_kwargs", {"a": 1}),
    "callback": lambda: setattr(config, "data_element_callback", _other_vr),
}


@pytest.mark.usefixtures("put_back")
@pytest.mark.parametrize("setting", SETTINGS)
def test_settings_and_hooks_count_when_a_value_is_read(kernel: ModuleType, setting: str) -> None:
    ours = received(kernel)
    _ = len(ours)
    SETTINGS[setting]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert repr(everything(ours)).replace("ReceivedDecimal", "DSfloat") == repr(everything(plain()))


@pytest.mark.usefixtures("put_back")
def test_strict_reading_raises_what_pydicom_raises(kernel: ModuleType) -> None:
    data = b"\x10\x00\x20\x00LO\x42\x00" + b"x" * 66 + b"\x20\x00\x0d\x00UI\x04\x001.02"
    for keyword in ("PatientID", "StudyInstanceUID"):
        with pytest.warns(UserWarning, match="maximum length|Invalid value"):
            lax = getattr(kernel.decode_dataset(data, False, True, 64, 1000), keyword)
        with pytest.warns(UserWarning, match="maximum length|Invalid value"):
            assert lax == getattr(read_dataset(io.BytesIO(data), False, True), keyword)
    config.settings.reading_validation_mode = config.RAISE
    for keyword in ("PatientID", "StudyInstanceUID"):
        with pytest.raises(ValueError) as ours:
            getattr(kernel.decode_dataset(data, False, True, 64, 1000), keyword)
        with pytest.raises(ValueError) as theirs:
            getattr(read_dataset(io.BytesIO(data), False, True), keyword)
        assert str(ours.value) == str(theirs.value)


# --- numbers and names ------------------------------------------------------------------------------------------------


DECIMALS = [
    "0", "-0", "+1.5", "1.", ".5", "-.5E1", "1e22", "1e-22", "123456789012345678", "0.1", "9007199254740993", "1e23",
    "1.7976931348623157e308", "1e400", "4.9e-324", "1e-400", "123456789.12345", "00012.50", "-200.00", "0.000000000001",
]  # fmt: skip


@pytest.mark.parametrize("text", DECIMALS)
def test_decimal_strings_are_the_doubles_that_python_reads(kernel: ModuleType, text: str) -> None:
    data = text.encode() + b" " * (len(text) % 2)
    value = kernel.decode_dataset(
        b"\x10\x00\x30\x10DS" + len(data).to_bytes(2, "little") + data, False, True, 64, 1000
    ).PatientWeight
    assert isinstance(value, DSfloat)
    assert float(value).hex() == float(text).hex()
    assert (str(value), value.original_string, value.auto_format) == (text, text, False)
    assert value == text


@pytest.mark.parametrize(
    "text", ["1_0", "nan", "inf", "0x1", "1e", "e5", "-", ".", "1 2", "1,5", " ", "1\0", "٣", "+-1"]
)
def test_what_is_no_decimal_string_is_left_to_pydicom(kernel: ModuleType, text: str) -> None:
    field = text.encode("utf-8")
    field += b" " * (len(field) % 2)
    data = b"\x10\x00\x30\x10DS" + len(field).to_bytes(2, "little") + field
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = kernel.decode_dataset(data, False, True, 64, 1000).PatientWeight
        theirs = read_dataset(io.BytesIO(data), False, True).PatientWeight
    assert (repr(ours), type(ours).__mro__[-3:]) == (repr(theirs), type(theirs).__mro__[-3:])


def test_a_received_decimal_is_a_dsfloat_in_every_respect(kernel: ModuleType) -> None:
    value = received(kernel).PatientWeight
    assert isinstance(value, DSfloat)
    assert (value, hash(value), value + 1, str(value), repr(value), f"{value}") == (
        70.25, hash(70.25), 71.25, "70.25", "'70.25'", f"{DSfloat('70.25')}",
    )  # fmt: skip
    for other in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value)), valuerep.DS(value)):
        assert type(other) in (DSfloat, type(value))
        assert (other, other.original_string, other.auto_format) == (70.25, "70.25", False)
    value.note = "kept"
    assert pickle.loads(pickle.dumps(value)).note == "kept"
    value.original_string = "7.025e1"
    assert (str(value), copy.copy(value).original_string) == ("7.025e1", "7.025e1")
    assert str(received(kernel).ImagePositionPatient) == "[-1.5, 0, 1e3]"


def test_what_is_added_to_several_values_becomes_one_of_them(kernel: ModuleType) -> None:
    for dataset in (received(kernel), plain()):
        dataset.OtherPatientNames.append("Ünal^E")
        dataset.ImagePositionPatient.append("2.50")
        dataset.FrameIncrementPointer.append(0x00101010)
        assert [type(name) for name in dataset.OtherPatientNames] == [PersonName] * 3
        assert dataset.OtherPatientNames[2].original_string == "Ünal^E".encode()
        assert isinstance(dataset.ImagePositionPatient[3], DSfloat)
        assert str(dataset.ImagePositionPatient[3]) == "2.50"
        assert str(dataset.FrameIncrementPointer[2]) == "(1010,1010)" or dataset.FrameIncrementPointer[2] == 0x00101010


# --- borrowed, short and shared ---------------------------------------------------------------------------------------


def test_a_raw_element_that_is_cut_short_is_pydicoms_to_refuse(kernel: ModuleType) -> None:
    for size in (0, 2):
        dataset = received(kernel)
        tag = pydicom.tag.Tag("PatientID")
        dataset._dict[tag] = tuple.__new__(RawDataElement, (tag, "LO", 2, b"ab", 0, False, True, True)[:size])
        for look in (lambda dataset=dataset: dataset.PatientID, lambda dataset=dataset: dataset["PatientID"]):
            with pytest.raises((IndexError, ValueError, TypeError)):
                look()


def test_raw_elements_have_the_hash_of_their_tuple(kernel: ModuleType) -> None:
    dataset = received(kernel)
    raw = dataset.get_item("PatientID" if "PatientID" in dataset else "StudyDate")
    assert isinstance(raw, RawDataElement)
    assert hash(raw) == hash(RawDataElement(*raw)) == hash(tuple(raw))


def test_attributes_of_a_decimal_string_can_be_reached_through_its_dictionary(kernel: ModuleType) -> None:
    dataset = received(kernel)
    vars(dataset.PatientWeight)["original_string"] = "7.0"
    assert b"7.0 " in kernel.encode_dataset(dataset, False, True)
    number = received(kernel).PatientWeight
    vars(number)["itself"] = number
    gone = weakref.ref(number)
    del number
    gc.collect()
    assert gone() is None


def test_several_names_can_be_pickled_without_the_extension() -> None:
    fast = pytest.importorskip("dicomnet.kernel._cython", reason="the extension is not installed")
    dataset = received(fast)
    _ = dataset.OtherPatientNames
    data = pickle.dumps(dataset)
    assert b"_cython" not in data
    names = pickle.loads(data).OtherPatientNames
    names.append("Ünal^E")
    assert names[2].original_string == "Ünal^E".encode()


@pytest.mark.usefixtures("put_back")
def test_a_decimal_string_that_was_read_can_be_copied_when_reading_has_become_strict(kernel: ModuleType) -> None:
    data = b"\x10\x00\x30\x10DS\x14\x000000000000000000001."
    dataset = kernel.decode_dataset(data, False, True, 64, 1000)
    assert dataset.PatientWeight == 1
    config.settings.reading_validation_mode = config.RAISE
    assert copy.deepcopy(dataset).PatientWeight.original_string == "0000000000000000001."


def test_looking_into_nested_data_sets_asks_the_dictionaries_once_for_each_element(
    kernel: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    class Counting(dict[str, object]):
        def get(self, key: object, default: object = None) -> object:
            asked.append(key)
            return super().get(key, default)

    from dicomnet.kernel import _vr

    depth, count = 40, 50
    monkeypatch.setattr(_vr, "private_dictionaries", Counting(_vr.private_dictionaries))
    item = b"\x19\x00\x10\x00\x04\x00\x00\x00ACME" + b"".join(
        b"\x19\x00" + (0x1000 + n).to_bytes(2, "little") + b"\x02\x00\x00\x00ab" for n in range(count)
    )
    for _ in range(depth):
        item = b"\x40\x00\x18\x40\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" + item
        item += b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
    dataset = kernel.decode_dataset(item, True, True, 64, 10000)
    for _ in range(depth):
        (dataset,) = dataset.ScheduledWorkitemCodeSequence
    assert dataset[0x0019102A].value == b"ab"
    assert count <= len(asked) <= 3 * count
