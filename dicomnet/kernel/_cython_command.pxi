# Command sets (PS3.7 6.3.1). _python_command.py says what is right, and raises what is wrong.

from dicomnet.codes import CommandElement as _CommandElement
from dicomnet.kernel import _python_command
from dicomnet.kernel._command_elements import NUMBERS as _NUMBERS
from dicomnet.kernel._command_elements import PADDING as _PADDING
from dicomnet.kernel._command_elements import TAG_LISTS as _TAG_LISTS

cdef enum:
    ELEMENT_HEADER = 8  # group, element, length
    GROUP_LENGTH = 12  # the first element of all
    MOST_ELEMENTS = 32  # that are written here: PS3.7 E.1 knows 24
    LONGEST_VALUE = 0xFFFF  # that is written here; no sum of so many can overflow

cdef enum CommandKind:  # how a value is written
    C_BYTES
    C_NUMBER
    C_SPACED  # text that is padded by a space
    C_UID
    C_TAGS

cdef uint8_t COMMAND_KINDS[0x10000]  # by any element of 16 bits
cdef PyTypeObject *COMMAND_ELEMENT = <PyTypeObject *>_CommandElement


cdef int fill_command_kinds() except -1:
    cdef uint16_t element
    for element in _NUMBERS:
        COMMAND_KINDS[element] = C_NUMBER
    for element in _TAG_LISTS:
        COMMAND_KINDS[element] = C_TAGS
    for element, padding in _PADDING.items():
        COMMAND_KINDS[element] = C_UID if padding == b"\0" else C_SPACED
    return 0


fill_command_kinds()


cdef struct CommandEntry:
    PyObject *value  # the mapping's
    Py_ssize_t length
    uint16_t element


def encode_command(values, *, group_length=None):
    """The bytes of a command set; ``bytes`` values go out as they are, a given ``group_length`` verbatim.

    Raises:
        EncodeError: a value does not fit its element.
    """
    written = plain_command(<dict>values) if type(values) is dict and group_length is None else None
    if written is None:
        return _python_command.encode_command(values, group_length=group_length)
    return written


cdef bytes plain_command(dict values):
    """What encode_command returns; None when there is something that it takes the reference to judge."""
    cdef CommandEntry entries[MOST_ELEMENTS]
    cdef CommandEntry entry
    cdef Py_ssize_t place = 0, count = 0, size = GROUP_LENGTH, position
    cdef PyObject *key
    cdef PyObject *value
    cdef int number
    cdef char *at
    # From here to the end no Python code runs, so the mapping keeps what the entries point to.
    while PyDict_Next(values, &place, &key, &value):
        if Py_TYPE(<object>key) != &PyLong_Type and Py_TYPE(<object>key) != COMMAND_ELEMENT:
            return None
        one = <object>key
        number = plain_u16(one)
        if number == 0:
            continue  # the group length is computed
        one = <object>value
        entry.length = plain_length(one)
        if number < 0 or entry.length < 0 or count == MOST_ELEMENTS:
            return None
        entry.element = <uint16_t>number
        entry.value = value
        size += ELEMENT_HEADER + entry.length
        position = count
        count += 1
        while position > 0 and entries[position - 1].element > entry.element:  # most are nearly in order
            entries[position] = entries[position - 1]
            position -= 1
        entries[position] = entry
    result = PyBytes_FromStringAndSize(NULL, size)
    at = PyBytes_AS_STRING(result)
    write_command_header(at, 0, 4)
    write32(at + ELEMENT_HEADER, <uint32_t>(size - GROUP_LENGTH), True)
    at += GROUP_LENGTH
    for position in range(count):
        entry = entries[position]
        one = <object>entry.value
        write_command_header(at, entry.element, <uint32_t>entry.length)
        write_command_value(at + ELEMENT_HEADER, one, entry.length, COMMAND_KINDS[entry.element] == C_UID)
        at += ELEMENT_HEADER + entry.length
    return result


cdef Py_ssize_t plain_length(value) except -2:
    """The length of a value as it is written; -1 if it is not plain."""
    cdef Py_ssize_t length
    if isinstance(value, int):
        return 2 if plain_u16(value) >= 0 else -1
    if isinstance(value, str):
        if PyUnicode_KIND(value) != 1:
            return -1
        length = PyUnicode_GET_LENGTH(value)
        length += length & 1
    elif type(value) is bytes:
        length = PyBytes_GET_SIZE(value)
    elif type(value) is tuple:
        length = len(<tuple>value)
        if length > LONGEST_VALUE // 4:
            return -1
        length *= 4
        for tag in <tuple>value:
            if plain_tag(tag) < 0:
                return -1
    else:
        return -1
    return length if length <= LONGEST_VALUE else -1


cdef inline void write_command_header(char *at, uint16_t element, uint32_t length) noexcept:
    write16(at, 0, True)
    write16(at + 2, element, True)
    write32(at + 4, length, True)


cdef int write_command_value(char *at, value, Py_ssize_t length, bint is_uid) except -1:
    """A value that was found plain, of this length."""
    if isinstance(value, int):
        write16(at, <unsigned int>plain_u16(value), True)
    elif type(value) is bytes:
        memcpy(at, PyBytes_AS_STRING(value), <size_t>length)
    elif isinstance(value, str):
        if PyUnicode_GET_LENGTH(value) != length:
            length -= 1
            at[length] = 0 if is_uid else 0x20
        memcpy(at, PyUnicode_1BYTE_DATA(value), <size_t>length)
    else:
        for tag in <tuple>value:
            write_tag(at, <uint32_t>plain_tag(tag), True)
            at += 4
    return 0


cdef inline int plain_u16(number) except? -2:
    """A whole number, of whatever class, that 16 bits can hold; -1 if they cannot."""
    cdef int overflow = 0
    cdef long long found = PyLong_AsLongLongAndOverflow(number, &overflow)
    return <int>found if overflow == 0 and 0 <= found <= 0xFFFF else -1


cdef inline long long plain_tag(number) except? -2:
    """A plain int that 32 bits can hold; -1 if it is anything else."""
    cdef int overflow = 0
    cdef long long found
    if type(number) is not int:
        return -1
    found = PyLong_AsLongLongAndOverflow(number, &overflow)
    return found if overflow == 0 and 0 <= found <= 0xFFFFFFFF else -1


def decode_command(data):
    """The elements of a command set, group length aside.

    Raises:
        DecodeError: the bytes are not a command set.
    """
    values = plain_elements(<bytes>data) if type(data) is bytes else None
    return _python_command.decode_command(data) if values is None else values


cdef dict plain_elements(bytes data):
    """What decode_command returns; None when there is something wrong."""
    cdef const uint8_t *at = <const uint8_t *>PyBytes_AS_STRING(data)
    cdef Py_ssize_t left = PyBytes_GET_SIZE(data), count = 0
    cdef uint32_t length
    cdef uint16_t element
    cdef bint has_group_length = False
    cdef dict values = {}
    while left > 0:
        if left < ELEMENT_HEADER or read_16(at, True) != 0:
            return None
        element = <uint16_t>read_16(at + 2, True)
        length = read_32(at + 4, True)
        at += ELEMENT_HEADER
        left -= ELEMENT_HEADER
        if length > left:
            return None
        if element != 0:
            value = command_value(COMMAND_KINDS[element], at, <Py_ssize_t>length)
            if value is None:
                return None
            values[element] = value
            count += 1
            if len(values) != count:
                return None  # it is repeated
        elif has_group_length:
            return None
        else:
            has_group_length = True
        at += length
        left -= length
    return values


cdef object command_value(uint8_t kind, const uint8_t *at, Py_ssize_t length):
    """A value of this length; None when its length is wrong."""
    cdef list tags
    cdef Py_ssize_t position
    if kind == C_NUMBER:
        return read_16(at, True) if length == 2 else None
    if kind == C_UID or kind == C_SPACED:
        while length > 0 and (at[length - 1] == 0 or at[length - 1] == 0x20):
            length -= 1
        return PyUnicode_DecodeLatin1(<const char *>at, length, NULL)
    if kind == C_TAGS:
        if length & 3:
            return None
        tags = []
        for position in range(0, length, 4):
            tags.append(read_16(at + position, True) << 16 | read_16(at + position + 2, True))
        return tuple(tags)
    return PyBytes_FromStringAndSize(<const char *>at, length)
