cdef class FragmentAssembler:
    cdef tuple _limits
    cdef object _current
    cdef object _size
    cdef object _joined

    cpdef add(self, pdv)
