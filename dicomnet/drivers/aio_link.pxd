from dicomnet.drivers.aio_clock cimport Clock
from dicomnet.drivers.aio_waiter cimport Turn
from dicomnet.drivers.link cimport SessionLink
from dicomnet.drivers.transport cimport Transport


cdef class DrivenLink(SessionLink):
    cdef public object waits
    cdef public object executor
    cdef public object hooks
    cdef public object socket_options
    cdef readonly object _loop
    cdef Clock _clock
    cdef readonly Turn _turn
    cdef readonly Transport _transport
    cdef object _fd
    cdef public object deadline
    cdef object _soon
    cdef bint _reading
    cdef bint _writing
    cdef object _patience
    cdef object _room
    cdef readonly list _waiters
    cdef readonly object _work
    cdef readonly bint _greeted
    cdef bint _advancing
    cdef bint _closing
    cdef readonly bint _closed

    cpdef abort_now(self, error=*)
    cpdef drop(self)
    cpdef begin(self)
    cpdef _greet(self)
    cpdef _read(self)
    cpdef _wake(self)
    cpdef _advance_soon(self)
    cpdef _advance(self)
    cpdef bint _move(self) except -1
    cpdef _taken(self)
    cpdef on_time(self)
    cpdef _watch(self)
    cpdef _set_timer(self)
    cpdef _start_calls(self, calls)
    cpdef _start_branches(self, works)
    cpdef _give_in(self)
    cpdef _read_rest(self)
    cpdef _fail(self, error)
    cpdef _end(self)
    cpdef _gone(self)
