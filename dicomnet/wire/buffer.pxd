cdef class ReceiveBuffer:
    cdef public object limits
    cdef public object _chunks
    cdef Py_ssize_t _start
    cdef Py_ssize_t _left
    cdef Py_ssize_t _needed

    cpdef feed(self, data)
    cpdef next_pdu(self)
    cpdef list next_p_data(self)
    cpdef list feed_p_data(self, data)
    cpdef tuple _read_p_data(self, bytes data, Py_ssize_t start)
    cpdef bytes take_rest(self)
    cpdef bytes _peek(self)
    cpdef bytes _take(self, Py_ssize_t count)
    cpdef _check_header(self, pdu_type, length)
