cimport dicomnet.dimse.exchange as exchange_


cdef class Desk:
    cdef public object window
    cdef object _handler
    cdef exchange_.Exchange _exchange
    cdef object _id
    cdef public object waiting
    cdef dict _serving

    cpdef put(self, request)
    cpdef refuse(self, request)
    cpdef clear(self)
    cpdef next(self)
    cpdef flow(self, request, peer)
    cpdef began(self, run, request)
