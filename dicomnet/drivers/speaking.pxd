cimport dicomnet.dimse.exchange as exchange_
cimport dicomnet.drivers.alarms as alarms_
cimport dicomnet.drivers.runs as runs_


cdef class Speaking:
    cdef public object window
    cdef public object over
    cdef public object cut_short
    cdef exchange_.Exchange _exchange
    cdef public object _response_timeout
    cdef alarms_.Alarms _alarms
    cdef object _outbox
    cdef object _windowed
    cdef runs_.Progress _speaker
    cdef list _unflushed

    cpdef flushed(self)
    cpdef _attempt(self, runs_.Progress run, begin, step, now)
    cpdef _require_association(self)
    cpdef _wait_until(self, runs_.Progress run, seconds, now)
    cpdef bint _window_full(self) except -1
    cpdef _places_until(self)
    cpdef _reclaim_places(self, now)
    cpdef _send_waiting(self, now)
    cpdef _transmit(self, runs_.Progress run, step, now)
    cpdef _require_whole_request(self, response)
    cpdef _throttle(self, runs_.Progress run, value)
    cpdef _take_back(self, runs_.Progress run, now)
