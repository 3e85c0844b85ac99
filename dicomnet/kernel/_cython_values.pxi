# Value fields to values, by short ways that give just what pydicom gives (PS3.5 6.2).
#
# Each is taken only where the value is one that pydicom reads without a warning, and where the program has changed none
# of pydicom's settings and hooks that bear on it. NOT_PLAIN in place of a value means: let pydicom read this one.

cdef object NOT_PLAIN = object()

cdef enum TextMode:
    TEXT_UNKNOWN
    TEXT_LATIN  # a byte is the character of the same number
    TEXT_UTF8
    TEXT_ASCII  # another character set that has ASCII where ASCII is
    TEXT_OTHER

cdef enum:
    SPACE = 0x20
    ESCAPE = 0x1B
    BACKSLASH = 0x5C
    MAX_UID = 64
    MAX_INTEGER_STRING = 12
    MAX_DECIMAL_STRING = 40  # longer ones are far beyond the 16 of PS3.5, and pydicom's to read
    MAX_NAME_GROUP = 64

cdef double POWERS_OF_TEN[23]  # exact ones
cdef int _power
for _power in range(23):
    POWERS_OF_TEN[_power] = 10.0 ** _power


cdef struct Span:
    const uint8_t *start
    Py_ssize_t length


cdef inline Span trimmed(Span value, uint8_t also) noexcept:
    """Without trailing spaces, and bytes equal to ``also``."""
    while value.length and (value.start[value.length - 1] == SPACE or value.start[value.length - 1] == also):
        value.length -= 1
    return value


cdef inline Span stripped(Span value) noexcept:
    """Without spaces at either end."""
    while value.length and value.start[0] == SPACE:
        value.start += 1
        value.length -= 1
    return trimmed(value, SPACE)


cdef inline bint next_value(Span *rest, Span *value) noexcept:
    """Cut the next of several values off; False when there is none left. The first call always finds one."""
    cdef Py_ssize_t place = 0
    if rest.start == NULL:
        return False
    value.start = rest.start
    while place < rest.length and rest.start[place] != BACKSLASH:
        place += 1
    value.length = place
    if place == rest.length:
        rest.start = NULL
    else:
        rest.start += place + 1
        rest.length -= place + 1
    return True


cdef inline bint all_between(Span value, uint8_t low, uint8_t high) noexcept:
    cdef Py_ssize_t place
    for place in range(value.length):
        if value.start[place] < low or value.start[place] > high:
            return False
    return True


cdef inline bint is_ascii(Span value) noexcept:
    """ASCII without escape sequences."""
    cdef Py_ssize_t place
    for place in range(value.length):
        if value.start[place] >= 0x80 or value.start[place] == ESCAPE:
            return False
    return True


cdef inline object latin_text(Span value):
    return PyUnicode_DecodeLatin1(<const char *>value.start, value.length, NULL)


# --- one value of each kind; NOT_PLAIN when it is not such a value ----------------------------------------------------


cdef object one_title(Span value):
    if not all_between(value, SPACE, 0x7E):
        return NOT_PLAIN
    return latin_text(stripped(value))


cdef object one_uid(Span value):
    """A UID by PS3.5 9.1, or none at all; what is no UID is a str that pydicom warns about."""
    cdef Py_ssize_t place = 0, component
    if value.length > MAX_UID:
        return NOT_PLAIN
    while place < value.length:
        component = place
        while place < value.length and 0x30 <= value.start[place] <= 0x39:
            place += 1
        if place == component or (place - component > 1 and value.start[component] == 0x30):
            return NOT_PLAIN
        if place < value.length:
            if value.start[place] != c"." or place + 1 == value.length:
                return NOT_PLAIN
            place += 1
    return new_of(&PyUnicode_Type, UID, (latin_text(value),))


cdef object one_integer(Span value):
    cdef Span digits = stripped(value)
    cdef Py_ssize_t place = 0
    cdef long long number = 0
    cdef bint negative
    if digits.length == 0:
        return latin_text(value)
    if value.length > MAX_INTEGER_STRING:
        return NOT_PLAIN
    negative = digits.start[0] == c"-"
    if negative or digits.start[0] == c"+":
        place = 1
    if place == digits.length:
        return NOT_PLAIN
    for place in range(place, digits.length):
        if not 0x30 <= digits.start[place] <= 0x39:
            return NOT_PLAIN
        number = number * 10 + (digits.start[place] - 0x30)
    made = new_of(&PyLong_Type, IS, (-number if negative else number,))
    PyObject_GenericSetAttr(made, "original_string", latin_text(digits))
    return made


cdef bint read_decimal(Span digits, double *number) except? False:
    """The double nearest to a decimal number as PS3.5 6.2 writes it (DS); False when it is none."""
    cdef Py_ssize_t place = 0, first, found = 0
    cdef uint64_t mantissa = 0
    cdef int scale = 0, exponent = 0
    cdef bint negative = False, negative_exponent = False, exact = True
    cdef char copy[MAX_DECIMAL_STRING + 1]
    if digits.length == 0 or digits.length > MAX_DECIMAL_STRING:
        return False
    if digits.start[0] == c"-" or digits.start[0] == c"+":
        negative = digits.start[0] == c"-"
        place = 1
    while place < digits.length and 0x30 <= digits.start[place] <= 0x39:
        if mantissa >= <uint64_t>1 << 56:
            exact = False
        else:
            mantissa = mantissa * 10 + (digits.start[place] - 0x30)
        place += 1
        found += 1
    if place < digits.length and digits.start[place] == c".":
        place += 1
        while place < digits.length and 0x30 <= digits.start[place] <= 0x39:
            if mantissa >= <uint64_t>1 << 56:
                exact = False
            else:
                mantissa = mantissa * 10 + (digits.start[place] - 0x30)
                scale -= 1
            place += 1
            found += 1
    if found == 0:
        return False
    if place < digits.length:
        if digits.start[place] != c"e" and digits.start[place] != c"E":
            return False
        place += 1
        if place < digits.length and (digits.start[place] == c"-" or digits.start[place] == c"+"):
            negative_exponent = digits.start[place] == c"-"
            place += 1
        first = place
        while place < digits.length and 0x30 <= digits.start[place] <= 0x39:
            if exponent < 10000:
                exponent = exponent * 10 + (digits.start[place] - 0x30)
            place += 1
        if place == first or place < digits.length:
            return False
        scale += -exponent if negative_exponent else exponent
    # A mantissa and a power of ten that both are exact give the nearest double by one rounding.
    if exact_division and exact and mantissa <= <uint64_t>1 << 53 and -22 <= scale <= 22:
        number[0] = <double>mantissa / POWERS_OF_TEN[-scale] if scale < 0 else <double>mantissa * POWERS_OF_TEN[scale]
        if negative:
            number[0] = -number[0]
        return True
    memcpy(copy, digits.start, digits.length)
    copy[digits.length] = 0
    number[0] = PyOS_string_to_double(copy, NULL, NULL)
    return True


cdef class DecimalText(float):
    """The number of a decimal string and its text, which is made into a str only for those who ask."""

    cdef PyObject *field  # the value field that the text is a part of: a bytes object of which this owns a reference
    cdef Py_ssize_t start, length

    def __dealloc__(self):
        Py_CLEAR(self.field)

    def __setattr__(self, name, value):
        track(self)
        PyObject_GenericSetAttr(self, name, value)

    def __reduce_ex__(self, protocol):
        state = dict(self.__dict__)
        text = state.pop("original_string", self.original_string)
        return DSfloat, (text, False, IGNORE), state or None  # without asking again whether it is a valid one


cdef int track(DecimalText number) except -1:
    """Let the garbage collector look after a number that gets attributes of a program's own.

    Only these can refer back to it, so that until then the collector has no business here: going over a million of
    numbers takes longer than making them. That a number is not tracked also says that its text is what was received.
    """
    if not PyObject_GC_IsTracked(number):
        PyObject_GC_Track(number)
    return 0


class _Attributes:
    """The attributes of a number as a dictionary: whoever gets hold of it may put anything there."""

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        track(instance)
        return PyObject_GenericGetDict(instance, NULL)


class _OriginalString:
    """The text of a decimal string, unless another was assigned."""

    def __get__(self, instance, owner=None):
        cdef DecimalText number
        if instance is None:
            return self
        number = instance
        if number.field == NULL:
            raise AttributeError("original_string")
        return (<bytes>number.field)[number.start : number.start + number.length].decode("ascii")


cdef object ReceivedDecimal  # class ReceivedDecimal(DecimalText, DSfloat), made when pydicom is there


cdef int make_decimal_class() except -1:
    global ReceivedDecimal
    ReceivedDecimal = type("ReceivedDecimal", (DecimalText, DSfloat), {
        "__dict__": _Attributes(),
        "original_string": _OriginalString(),
        "auto_format": False,
        "__module__": __name__,
        "__doc__": "A DSfloat that was received.",
    })
    return 0


cdef object one_decimal(Span value, bytes field):
    cdef Span digits = stripped(value)
    cdef double number = 0
    if digits.length == 0:
        return latin_text(value)
    if not read_decimal(digits, &number):
        return NOT_PLAIN
    made = allocated(ReceivedDecimal, 0)
    PyObject_GC_UnTrack(made)
    (<PyFloatObject *>made).ob_fval = number
    Py_INCREF(field)
    (<DecimalText>made).field = <PyObject *>field
    (<DecimalText>made).start = digits.start - <const uint8_t *>PyBytes_AS_STRING(field)
    (<DecimalText>made).length = digits.length
    return made


cdef object decoded(Span value, TextMode mode):
    """Text without escape sequences."""
    if is_ascii(value):
        return latin_text(value)
    if mode == TEXT_LATIN:
        if memchr(value.start, ESCAPE, value.length) != NULL:
            return NOT_PLAIN
        return latin_text(value)
    if mode != TEXT_UTF8 or memchr(value.start, ESCAPE, value.length) != NULL:
        return NOT_PLAIN
    try:
        return PyUnicode_DecodeUTF8(<const char *>value.start, value.length, NULL)
    except UnicodeDecodeError:
        return NOT_PLAIN


cdef object one_text(Span value, TextMode mode, Py_ssize_t longest):
    """Text of at most so many characters, without padding; 0 for no limit."""
    cdef Span kept = trimmed(value, 0)
    text = decoded(kept, mode)
    # the padding counts, as it does for pydicom
    if longest and text is not NOT_PLAIN and PyUnicode_GET_LENGTH(text) + value.length - kept.length > longest:
        return NOT_PLAIN
    return text


cdef object one_name(Span value, TextMode mode, tuple encodings, object validation_mode):
    """A PersonName as pydicom leaves one that it has read: groups decoded, bytes kept."""
    cdef Py_ssize_t groups
    while value.length and value.start[value.length - 1] == c"=" :
        # empty groups at the end are dropped, but more than three are not in order
        if memchr(value.start, c"=", value.length) != value.start + value.length - 1:
            return NOT_PLAIN
        value.length -= 1
    text = decoded(value, mode)
    if text is NOT_PLAIN:
        return NOT_PLAIN
    if value.length == 0:
        components = NOTHING
    elif memchr(value.start, c"=", value.length) == NULL:
        if PyUnicode_GET_LENGTH(text) > MAX_NAME_GROUP:
            return NOT_PLAIN
        components = (text,)
    else:
        components = tuple((<str>text).split("="))
        groups = len(components)
        if groups > 3:
            return NOT_PLAIN
        for text in components:
            if PyUnicode_GET_LENGTH(text) > MAX_NAME_GROUP:
                return NOT_PLAIN
    name = new_object(PersonName)
    PyObject_GenericSetAttr(name, "_components", components)
    PyObject_GenericSetAttr(name, "validation_mode", validation_mode)
    PyObject_GenericSetAttr(name, "original_string", PyBytes_FromStringAndSize(<const char *>value.start, value.length))
    PyObject_GenericSetAttr(name, "encodings", encodings)
    return name


cdef object read_number(Kind kind, const uint8_t *at, bint little):
    cdef uint64_t wide
    cdef uint32_t narrow
    cdef float single
    cdef double double_
    if kind == K_US:
        return read_16(at, little)
    if kind == K_SS:
        return <int16_t>read_16(at, little)
    if kind == K_UL:
        return read_32(at, little)
    if kind == K_SL:
        return <int32_t>read_32(at, little)
    if kind == K_FL:
        narrow = read_32(at, little)
        memcpy(&single, &narrow, 4)
        return <double>single
    if little:
        wide = read_32(at, True) | <uint64_t>read_32(at + 4, True) << 32
    else:
        wide = read_32(at + 4, False) | <uint64_t>read_32(at, False) << 32
    if kind == K_UV:
        return wide
    if kind == K_SV:
        return <int64_t>wide
    memcpy(&double_, &wide, 8)
    return double_


cdef object read_numbers(Kind kind, Span value, Py_ssize_t unit, bint little):
    cdef Py_ssize_t place
    if value.length % unit:
        return NOT_PLAIN
    if value.length == unit:
        return read_number(kind, value.start, little)
    numbers = []
    for place in range(0, value.length, unit):
        numbers.append(read_number(kind, value.start + place, little))
    return numbers


cdef object read_tags(Span value, bint little):
    cdef Py_ssize_t place
    if value.length % 4:
        return NOT_PLAIN
    if value.length == 4:
        return tag_object(read_tag(value.start, little))
    tags = []
    for place in range(0, value.length, 4):
        tags.append(tag_object(read_tag(value.start + place, little)))
    return new_multivalue(Tag, tags)
