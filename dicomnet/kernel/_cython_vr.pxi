# Value representations by their two letters, and the public dictionary as a table (PS3.5 6.2 and 7.1.2, PS3.6).
#
# The facts come from _vr.py and pydicom's dictionary at the first use. Entries that a program changes in pydicom's
# dictionary after that are not seen here; entries it adds are.

cdef enum Kind:  # how a value field becomes a value, and back
    K_NONE  # no VR of PS3.5: not in the table, or one of the ambiguous ones of PS3.6
    K_AE
    K_STRING  # AS CS DA DT TM
    K_UI
    K_UR
    K_DS
    K_IS
    K_TEXT  # LO SH UC
    K_LONG_TEXT  # LT ST UT
    K_PN
    K_US
    K_SS
    K_UL
    K_SL
    K_UV
    K_SV
    K_FL
    K_FD
    K_AT
    K_BYTES  # OB OD OF OL OV OW
    K_UN
    K_SQ


cdef struct Vr:
    Kind kind
    bint long_form  # a length field of 32 bits in explicit encodings
    bint text  # (0008,0005) governs its characters
    bint fragmented  # may have undefined length and then holds fragments
    bint zero_padded
    uint8_t unit  # bytes that change places with the byte order: 1, 2, 4 or 8
    uint8_t letters[2]
    Py_ssize_t longest  # characters that pydicom reads without a warning; 0: no limit


cdef enum:
    BY_LETTERS = 676  # 26 x 26: the number of a VR of two letters is below
    VR_SLOTS = 690  # the ambiguous ones and whatever else the dictionary names come behind
    NO_VR = 65535  # not in the dictionary
    TAG_SLOTS = 16384  # a power of two, three times the dictionary
    TAG_MASK = 16383  # TAG_SLOTS - 1; written out, for Cython cannot compute it when all its checks are on

cdef Vr VRS[VR_SLOTS]
cdef list VR_NAMES = [None] * VR_SLOTS  # one str for all elements of a VR
cdef dict VR_NUMBERS = {}  # by name

cdef uint32_t TAG_KEYS[TAG_SLOTS]  # 0 is free: (0000,0000) is a command's, and looked up the slow way
cdef uint16_t TAG_VRS[TAG_SLOTS]
# One BaseTag per standard tag. Dictionaries find a key by identity first, and the comparison of BaseTag is slow.
cdef list TAG_OBJECTS = [None] * TAG_SLOTS

cdef dict _KINDS = {
    "AE": K_AE, "AS": K_STRING, "CS": K_STRING, "DA": K_STRING, "DT": K_STRING, "TM": K_STRING, "UI": K_UI, "UR": K_UR,
    "DS": K_DS, "IS": K_IS, "LO": K_TEXT, "SH": K_TEXT, "UC": K_TEXT, "LT": K_LONG_TEXT, "ST": K_LONG_TEXT,
    "UT": K_LONG_TEXT, "PN": K_PN, "US": K_US, "SS": K_SS, "UL": K_UL, "SL": K_SL, "UV": K_UV, "SV": K_SV, "FL": K_FL,
    "FD": K_FD, "AT": K_AT, "OB": K_BYTES, "OD": K_BYTES, "OF": K_BYTES, "OL": K_BYTES, "OV": K_BYTES, "OW": K_BYTES,
    "UN": K_UN, "SQ": K_SQ,
}


cdef inline unsigned int vr_number(uint8_t first, uint8_t second) noexcept:
    """The number of the VR with these letters; BY_LETTERS when they are no capitals."""
    cdef unsigned int a = <unsigned int>first - 65, b = <unsigned int>second - 65  # unsigned: below "A" wraps round
    if a > 25 or b > 25:
        return BY_LETTERS
    return a * 26 + b


cdef inline unsigned int tag_slot(uint32_t tag) noexcept:
    """Where the tag is in the tables; TAG_SLOTS when it is not."""
    cdef unsigned int slot = ((<uint64_t>tag * <uint64_t>2654435769U) & <uint64_t>0xFFFFFFFF) >> 18
    while TAG_KEYS[slot & TAG_MASK] != 0:  # ends: two thirds of the slots are free
        if TAG_KEYS[slot & TAG_MASK] == tag:
            return slot & TAG_MASK
        slot += 1
    return TAG_SLOTS


cdef unsigned int public_vr(uint32_t tag) except? 65535:
    """Number of the VR that PS3.6 gives a standard tag, as ``_vr.public_vr``; NO_VR when there is none."""
    cdef unsigned int slot = tag_slot(tag)
    if slot < TAG_SLOTS:
        return TAG_VRS[slot]
    return name_number(_public_vr(tag))


cdef unsigned int name_number(object name) except? 65535:
    """Number of a VR that the dictionaries name."""
    return VR_NUMBERS.get(name, NO_VR)


cdef object tag_object(uint32_t tag):
    """The tag as pydicom's type; always the same object for a standard tag."""
    cdef unsigned int slot = tag_slot(tag)
    if slot == TAG_SLOTS:
        return BaseTag(tag)
    found = TAG_OBJECTS[slot]
    if found is None:
        found = BaseTag(tag)
        TAG_OBJECTS[slot] = found
    return found


cdef int fill_vr_tables() except -1:
    """Copy what _vr.py and pydicom's dictionary say."""
    cdef int number
    cdef unsigned int slot, others = BY_LETTERS
    from pydicom._dicom_dict import DicomDictionary

    from pydicom.valuerep import MAX_VALUE_LEN

    from dicomnet.kernel import _values, _vr

    for number in range(VR_SLOTS):
        VRS[number].kind = K_NONE
        VRS[number].unit = 1
    for name in _vr.LONG | _vr.SHORT:
        first, second = name.encode()
        number = vr_number(first, second)
        VR_NAMES[number] = name
        VR_NUMBERS[name] = number
        VRS[number].kind = _KINDS[name]
        VRS[number].long_form = name in _vr.LONG
        VRS[number].text = name in _vr.TEXT
        VRS[number].fragmented = name in _vr.FRAGMENTED
        VRS[number].zero_padded = name in _values.ZERO_PADDED
        VRS[number].unit = _vr.UNITS.get(name, 1)
        VRS[number].longest = MAX_VALUE_LEN.get(name, 0)
        VRS[number].letters[0] = first
        VRS[number].letters[1] = second
    for tag, (name, *_) in DicomDictionary.items():
        if tag == 0 or tag_slot(tag) < TAG_SLOTS:
            continue
        if name not in VR_NUMBERS:
            if others == VR_SLOTS:
                continue  # pydicom's table grew beyond all expectation; such a tag is looked up the slow way
            VR_NAMES[others] = name
            VR_NUMBERS[name] = others
            VRS[others].fragmented = name in _vr.FRAGMENTED
            others += 1
        slot = ((<uint64_t><uint32_t>tag * <uint64_t>2654435769U) & <uint64_t>0xFFFFFFFF) >> 18
        while TAG_KEYS[slot & TAG_MASK] != 0:
            slot += 1
        TAG_KEYS[slot & TAG_MASK] = tag
        TAG_VRS[slot & TAG_MASK] = VR_NUMBERS[name]
    return 0
