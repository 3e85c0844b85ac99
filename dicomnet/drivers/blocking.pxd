from dicomnet.drivers.link cimport BlockingLink
from dicomnet.drivers.transport cimport Transport


cdef class Link(BlockingLink):
    cdef object _hooks
    cdef object _socket_options
    cdef readonly Transport _transport
    cdef object _waits
    cdef object _poller
    cdef object _awaited
    cdef bint _greeted
    cdef object _left
    cdef object _away

    cpdef close(self)
    cpdef _loop(self, done, until)
    cpdef _run_calls(self)
    cpdef _run_branches(self)
    cpdef _send(self)
    cpdef _insist(self, Transport transport)
    cpdef _receive(self, until, bint runnable)
    cpdef _wait(self, timeout, bint reading, bint writing)
    cpdef Py_ssize_t _read(self) except -1
    cpdef _read_rest(self)
    cpdef _stalled(self)
    cpdef _close_transport(self)
