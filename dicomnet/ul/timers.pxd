cdef class Timers:
    cdef object _timeouts
    cdef object _idle
    cdef dict _deadlines
    cdef public object earliest

    cpdef start(self, wait, now)
    cpdef restart(self, wait, now)
    cpdef not_idle(self, now)
    cpdef start_artim(self, wait, now)
    cpdef stop_artim(self)
    cpdef stop(self, wait)
    cpdef bint is_running(self, wait) except -1
    cpdef enter(self, before, after, now)
    cpdef expired(self, now)
    cpdef _set(self, wait, when)
    cpdef _find_earliest(self)
