cdef class Transport:
    cdef object _queue
    cdef public Py_ssize_t _size
    cdef bint _quiet
    cdef readonly object _socket
    cdef public bint over
    cdef public object fault

    cpdef fileno(self)
    cpdef read_less(self)
    cpdef recv(self)
    cpdef send(self, parts)
    cpdef _keep(self, parts)
    cpdef flush(self)
    cpdef close(self)
    cpdef _recv(self)
    cpdef _write(self, queue)


cdef class PlainTransport(Transport):
    pass


cdef class TlsTransport(Transport):
    cdef object _incoming
    cdef object _outgoing
    cdef object _tls
    cdef object _sealed
    cdef bint _established
    cdef object _certificate
    cdef bint _held
