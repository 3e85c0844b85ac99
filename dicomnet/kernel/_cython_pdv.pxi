# P-DATA-TF framing (PS3.8 9.3.5 and Annex E). The reference says what is right; an error is raised by it.

cdef extern from "Python.h":
    int PyObject_GetBuffer(object source, Py_buffer *view, int flags) except -1
    void PyBuffer_Release(Py_buffer *view)
    object PyObject_GetItem(object source, object key)
    object PySlice_New(object start, object stop, object step)
    Py_buffer *PyMemoryView_GET_BUFFER(object view)
    long long PyLong_AsLongLongAndOverflow(object number, int *overflow) except? -1


cdef enum:
    PDV_OVERHEAD = 6  # length, context id, message control header


cdef bytes p_data_header(uint32_t fragment, uint8_t context_id, uint8_t flags):
    """The 12 bytes before a fragment of so many bytes, the only one of its PDU."""
    cdef uint8_t header[12]
    header[0] = 4
    header[1] = 0
    write32(<char *>header + 2, fragment + 6, False)
    write32(<char *>header + 6, fragment + 2, False)
    header[10] = context_id
    header[11] = flags
    return PyBytes_FromStringAndSize(<char *>header, 12)


def pack_p_data_tf(context_id, control, payload, max_length, last=True):
    cdef int overflow = 0
    cdef long long number, flags, limit, size, start = 0  # a size can be more than a Py_ssize_t where that has 32 bits
    cdef Py_ssize_t total
    cdef bint ends
    if not (type(context_id) is int and type(control) is int and type(max_length) is int and type(last) is bool):
        return reference_pack(context_id, control, payload, max_length, last)
    number = PyLong_AsLongLongAndOverflow(context_id, &overflow)
    if overflow or number < 0 or number > 255:
        return reference_pack(context_id, control, payload, max_length, last)
    flags = PyLong_AsLongLongAndOverflow(control, &overflow)
    if overflow or flags < 0 or flags > 1:
        return reference_pack(context_id, control, payload, max_length, last)
    limit = PyLong_AsLongLongAndOverflow(max_length, &overflow)
    if overflow or limit < 8 or limit > 0xFFFFFFFF:
        return reference_pack(context_id, control, payload, max_length, last)
    ends = last
    view = memoryview(payload).cast("B")
    total = PyMemoryView_GET_BUFFER(view).len
    buffers = []
    if total == 0 and not ends:
        return buffers
    size = limit - PDV_OVERHEAD & ~1
    if total > size:  # every fragment but the last has the same header
        header = p_data_header(<uint32_t>size, <uint8_t>number, <uint8_t>flags)
        while total - start > size:
            buffers.append(header)
            buffers.append(PyObject_GetItem(view, PySlice_New(start, start + size, None)))
            start += size
    flags |= 2 if ends else 0
    buffers.append(p_data_header(<uint32_t>(total - start), <uint8_t>number, <uint8_t>flags))
    buffers.append(view[start:])
    return buffers


def scan_pdvs(body, max_pdvs):
    cdef int overflow = 0
    cdef long long limit
    cdef Py_buffer buffer
    if type(max_pdvs) is not int or not is_octets(body):
        return reference_scan(body, max_pdvs)
    limit = PyLong_AsLongLongAndOverflow(max_pdvs, &overflow)
    if overflow > 0:
        limit = 0x7FFFFFFFFFFFFFFF
    PyObject_GetBuffer(body, &buffer, 0)
    try:
        pdvs = plain_pdvs(<const uint8_t *>buffer.buf, buffer.len, limit)
    finally:
        PyBuffer_Release(&buffer)
    return reference_scan(body, max_pdvs) if pdvs is None else pdvs


cdef list plain_pdvs(const uint8_t *body, Py_ssize_t end, long long limit):
    """What scan_pdvs returns; None when there is something wrong."""
    cdef Py_ssize_t position = 0
    cdef uint32_t length
    cdef list pdvs = []
    while position < end:
        if limit <= 0 or end - position < PDV_OVERHEAD:
            return None
        limit -= 1
        length = read_32(body + position, False)
        if length < 2 or length > end - position - 4:
            return None
        pdvs.append((body[position + 4], body[position + 5], position + PDV_OVERHEAD, position + 4 + length))
        position += 4 + length
    return pdvs


cdef bint is_octets(body) except -1:
    """Whether this is a buffer of bytes one after the other, in which an index counts bytes."""
    cdef Py_buffer *view
    if type(body) is bytes or type(body) is bytearray:
        return True
    if type(body) is not memoryview:
        return False
    try:
        if not body.c_contiguous or body.format != "B":
            return False
    except ValueError:  # released: for the reference to say
        return False
    view = PyMemoryView_GET_BUFFER(body)
    return view.ndim == 1 and view.itemsize == 1


cdef object reference_pack(context_id, control, payload, max_length, last):
    from dicomnet.kernel import _python_pdv
    return _python_pdv.pack_p_data_tf(context_id, control, payload, max_length, last)


cdef object reference_scan(body, max_pdvs):
    from dicomnet.kernel import _python_pdv
    return _python_pdv.scan_pdvs(body, max_pdvs)
