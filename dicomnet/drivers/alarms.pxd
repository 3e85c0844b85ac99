cdef class Alarms:
    cdef public double first
    cdef readonly list _heap
    cdef object _count
    cdef Py_ssize_t _sweep_at

    cpdef set(self, who)
    cpdef next(self)
    cpdef list due(self, now)
