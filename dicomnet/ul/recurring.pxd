cdef class _Memory:
    cdef public dict answers
    cdef public dict pdus
    cdef public Py_ssize_t weight

    cpdef keep(self, keys, about, answer, weight)
    cpdef forget(self)


cdef _Memory _memory
