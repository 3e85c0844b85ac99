cdef class Turn:
    cdef public object loop
    cdef bint _open
    cdef list _settled

    cpdef begin(self)
    cpdef end(self)
    cpdef settled(self, Waiter waiter)


cdef class Waiter:
    cdef public bint _asyncio_future_blocking
    cdef Turn _turn
    cdef bint _settled
    cdef bint _cancelled
    cdef object _message
    cdef object _callback
    cdef object _context

    cpdef settle(self)
    cpdef go_on(self)
    cpdef go_on_soon(self)
    cpdef cancel(self, msg=*)
