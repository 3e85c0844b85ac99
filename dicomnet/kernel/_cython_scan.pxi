# Whether bytes are a plain, well-formed data set (PS3.5 7, A.1 to A.4, 6.2.2 for UN): one pass, an explicit stack, no
# Python objects. What it accepts, the reference body accepts as well; what it does not is the reference's to judge.

cdef enum:
    MAX_FRAMES = 260  # two for each nesting; what nests deeper than 129 sequences is not plain

cdef uint32_t ITEM = 0xFFFEE000
cdef uint32_t ITEM_END = 0xFFFEE00D
cdef uint32_t SEQUENCE_END = 0xFFFEE0DD
cdef uint32_t UNDEFINED = 0xFFFFFFFF
cdef uint32_t CHARACTER_SET = 0x00080005
cdef uint32_t PIXEL_REPRESENTATION = 0x00280103


cdef struct Limits:
    int depth
    Py_ssize_t elements


cdef struct Found:  # what a scan learns on its way
    bint canonical  # encoding it anew gives the same bytes
    bint pixel_representation  # it is somewhere in there
    int depth  # of sequences
    Py_ssize_t count  # elements and items


cdef struct Frame:  # a data set (the elements of an item) or a sequence (its items) that is being read
    Py_ssize_t end  # of itself when its length is defined, else of what encloses it
    Py_ssize_t group_start  # where the elements of the current group begin
    int64_t last  # the last tag, -1 before the first
    bint sequence, undefined, implicit, little


cdef struct Header:  # of one element
    uint32_t tag
    uint32_t length
    Py_ssize_t value  # where its value begins
    unsigned int vr  # its number; NO_VR: not in any dictionary, bytes for good
    bint sequence  # read its value as items
    bint from_un  # these items are implicit little endian whatever encloses them
    bint reserved  # the two bytes of the long form that should be zero are not


cdef inline uint32_t read_16(const uint8_t *at, bint little) noexcept:
    if little:
        return at[0] | <uint32_t>at[1] << 8
    return at[1] | <uint32_t>at[0] << 8


cdef inline uint32_t read_32(const uint8_t *at, bint little) noexcept:
    if little:
        return read_16(at, True) | read_16(at + 2, True) << 16
    return read_16(at + 2, False) | read_16(at, False) << 16


cdef inline uint32_t read_tag(const uint8_t *at, bint little) noexcept:
    return read_16(at, little) << 16 | read_16(at + 2, little)


cdef enum Verdict:
    PLAIN
    ODD  # for the reference body


cdef Verdict read_header(const uint8_t *data, Py_ssize_t pos, Frame *level, Header *header) except? ODD:
    """The header of the element at ``pos``, which lies in the level; its value may not fit."""
    cdef Py_ssize_t end = level.end
    cdef unsigned int known
    if end - pos < 8:
        return ODD
    header.tag = read_tag(data + pos, level.little)
    header.value = pos + 8
    header.sequence = header.from_un = header.reserved = False
    if level.implicit:
        header.length = read_32(data + pos + 4, level.little)
        if header.tag >> 16 & 1:
            if private_vr(data, pos, level, header.tag, &header.vr) != PLAIN:
                return ODD
        else:
            header.vr = public_vr(header.tag)
        if header.vr != NO_VR and VRS[header.vr].kind == K_SQ:
            header.sequence = True
        elif header.length == UNDEFINED:
            # in implicit VR only a sequence can have it, but for pixel data and the like
            header.sequence = header.vr == NO_VR or not VRS[header.vr].fragmented
        return PLAIN
    header.vr = vr_number(data[pos + 4], data[pos + 5])
    if header.vr == BY_LETTERS or VRS[header.vr].kind == K_NONE:
        return ODD
    if not VRS[header.vr].long_form:
        header.length = read_16(data + pos + 6, level.little)
        return PLAIN
    if end - pos < 12:
        return ODD
    header.reserved = (data[pos + 6] | data[pos + 7]) != 0
    header.length = read_32(data + pos + 8, level.little)
    header.value = pos + 12
    if VRS[header.vr].kind == K_SQ:
        header.sequence = True
    elif VRS[header.vr].kind == K_UN:
        if header.length == UNDEFINED:
            header.sequence = header.from_un = True
        elif header.tag >> 16 & 1:
            if private_vr(data, pos, level, header.tag, &known) != PLAIN:
                return ODD
            if known == NO_VR:
                header.vr = NO_VR
            else:
                header.sequence = header.from_un = VRS[known].kind == K_SQ
        else:
            known = public_vr(header.tag)
            header.sequence = header.from_un = known != NO_VR and VRS[known].kind == K_SQ
    elif header.length == UNDEFINED and not VRS[header.vr].fragmented:
        return ODD
    return PLAIN


cdef Verdict private_vr(
    const uint8_t *data, Py_ssize_t pos, Frame *level, uint32_t tag, unsigned int *vr
) except? ODD:
    """The VR of a private element at ``pos``, by the creator of its block in the same group (PS3.5 7.8.1)."""
    cdef uint32_t element = tag & 0xFFFF, owner = tag & 0xFFFF0000 | element >> 8
    cdef Py_ssize_t at = level.group_start
    cdef Header header
    vr[0] = NO_VR
    if element == 0:
        vr[0] = vr_number(c"U", c"L")
        return PLAIN
    if 0x10 <= element <= 0xFF:
        vr[0] = vr_number(c"L", c"O")
        return PLAIN
    if element <= 0xFF:
        return PLAIN
    # The creators come first in their group, and the scan has been over them: at most 240 steps, none of them deep.
    while at < pos:
        if pos - at < 8 or read_tag(data + at, level.little) > owner:
            break
        if read_header(data, at, level, &header) != PLAIN or header.sequence or header.length == UNDEFINED:
            return ODD
        if header.length > pos - header.value:
            return ODD
        if header.tag == owner:
            if header.vr != NO_VR and header.length:
                creator = data[header.value : header.value + header.length].decode("latin-1").strip(" \0")
                vr[0] = name_number(_private_vr(tag, creator))
            break
        at = header.value + header.length
    level.group_start = at  # tags ascend, and so do the creators they ask for
    return PLAIN


cdef Py_ssize_t fragments_end(
    const uint8_t *data, Py_ssize_t pos, Py_ssize_t end, bint little, const Limits *limits, Found *found
) noexcept:
    """Where the sequence delimiter of the fragments at ``pos`` begins (PS3.5 A.4); -1 when they are not plain."""
    cdef uint32_t tag, length
    while end - pos >= 8:
        tag = read_tag(data + pos, little)
        length = read_32(data + pos + 4, little)
        if tag == SEQUENCE_END:
            return pos if length == 0 else -1
        found.count += 1
        pos += 8
        if tag != ITEM or length == UNDEFINED or length > end - pos or found.count > limits.elements:
            return -1
        pos += length
    return -1


cdef Py_ssize_t scan(
    const uint8_t *data, Py_ssize_t pos, const Frame *first, const Limits *limits, Found *found
) except? -1:
    """Read what ``first`` describes from ``pos`` to its end; where that is, or -1 when it is not plain.

    ``found`` must come initialised; what is learned is added to it.
    """
    cdef Frame stack[MAX_FRAMES]
    cdef Frame *frame = &stack[0]
    cdef int top = 0, depth = 0
    cdef Header header
    cdef uint32_t tag, length
    stack[0] = first[0]
    while top >= 0:
        frame = &stack[top]
        if pos >= frame.end:
            if pos > frame.end or frame.undefined:
                return -1
            depth -= frame.sequence
            top -= 1
            continue
        if frame.sequence:
            if frame.end - pos < 8:
                return -1
            tag = read_tag(data + pos, frame.little)
            length = read_32(data + pos + 4, frame.little)
            pos += 8
            if tag == SEQUENCE_END and frame.undefined and length == 0:
                depth -= 1
                top -= 1
                continue
            found.count += 1
            if tag != ITEM or found.count > limits.elements or top + 1 == MAX_FRAMES:
                return -1
            if length != UNDEFINED and length > frame.end - pos:
                return -1
            top += 1
            stack[top].undefined = length == UNDEFINED
            stack[top].end = frame.end if length == UNDEFINED else pos + length
            stack[top].sequence = False
            stack[top].implicit = frame.implicit
            stack[top].little = frame.little
            stack[top].last = -1
            stack[top].group_start = pos
            continue
        if frame.end - pos < 8:
            return -1
        tag = read_tag(data + pos, frame.little)
        if tag >> 16 == 0xFFFE:
            if tag != ITEM_END or not frame.undefined or read_32(data + pos + 4, frame.little) != 0:
                return -1
            pos += 8
            top -= 1
            continue
        found.count += 1
        if <int64_t>tag <= frame.last or found.count > limits.elements:
            return -1  # out of order or repeated; or too many
        if frame.last < 0 or <uint32_t>frame.last >> 16 != tag >> 16:
            frame.group_start = pos
        frame.last = tag
        if read_header(data, pos, frame, &header) != PLAIN:
            return -1
        pos = header.value
        # neither group 0002 nor a group length is ever written, and the reserved bytes are written as zero
        if tag & 0xFFFF == 0 or tag >> 16 == 2 or header.reserved:
            found.canonical = False
        if tag == CHARACTER_SET:
            if header.sequence or header.length == UNDEFINED:
                return -1
            if header.length == 0:
                found.canonical = False  # read as the default repertoire, written as that of what encloses it
        if header.sequence:
            if header.length != UNDEFINED and header.length > frame.end - pos:
                return -1
            # a character set that follows does not govern the items when they are read, but does when written
            if header.from_un or tag < CHARACTER_SET:
                found.canonical = False
            depth += 1
            if depth > limits.depth or top + 1 == MAX_FRAMES:
                return -1
            if depth > found.depth:
                found.depth = depth
            top += 1
            stack[top].undefined = header.length == UNDEFINED
            stack[top].end = frame.end if header.length == UNDEFINED else pos + header.length
            stack[top].sequence = True
            stack[top].implicit = frame.implicit or header.from_un
            stack[top].little = frame.little or header.from_un
            continue
        if header.length == UNDEFINED:
            if tag == PIXEL_REPRESENTATION:
                return -1
            if frame.implicit and tag >> 16 & 1:
                found.canonical = False  # nothing tells a reader of implicit VR that these are fragments
            pos = fragments_end(data, pos, frame.end, frame.little, limits, found)
            if pos < 0:
                return -1
            pos += 8
            continue
        if header.length > frame.end - pos:
            return -1
        if header.length & 1:
            found.canonical = False
        if tag == PIXEL_REPRESENTATION:
            found.pixel_representation = True
        pos += header.length
    return pos


cdef Py_ssize_t item_end(const uint8_t *data, Py_ssize_t pos, Py_ssize_t end, bint implicit, bint little) noexcept:
    """Behind the delimiter of an item of undefined length whose elements begin at ``pos``; -1 for what cannot be.

    A scan has been over it: only lengths matter here. What has one is skipped, whatever it is, and fragments are
    built like the items of a sequence, so that no dictionary is asked, and no Python code runs.
    """
    cdef bint sequences[MAX_FRAMES]
    cdef bint implicits[MAX_FRAMES]
    cdef bint littles[MAX_FRAMES]
    cdef int top = 0
    cdef uint32_t tag, length
    cdef unsigned int vr
    cdef bint un
    sequences[0], implicits[0], littles[0] = False, implicit, little
    while end - pos >= 8:
        little = littles[top]
        tag = read_tag(data + pos, little)
        length = read_32(data + pos + 4, little)
        un = False
        if tag == ITEM_END or tag == SEQUENCE_END:
            pos += 8
            if top == 0:
                return pos
            top -= 1
            continue
        if not sequences[top] and not implicits[top]:
            vr = vr_number(data[pos + 4], data[pos + 5])
            if not VRS[vr].long_form:
                length = read_16(data + pos + 6, little)
            else:
                if end - pos < 12:
                    return -1
                un = VRS[vr].kind == K_UN
                length = read_32(data + pos + 8, little)
                pos += 4
        pos += 8
        if length != UNDEFINED:
            if length > end - pos:
                return -1
            pos += length
            continue
        if top + 1 == MAX_FRAMES:
            return -1
        top += 1
        sequences[top] = not sequences[top - 1]
        implicits[top] = implicits[top - 1] or un
        littles[top] = littles[top - 1] or un
    return -1
