cimport dicomnet.ul.timers as timers_

cdef dict _CELLS


cdef class Occasion:
    cdef public object now
    cdef public object pdu
    cdef public object output
    cdef public object source
    cdef public object reason
    cdef public object error
    cdef public object pdus


cdef class Machine:
    cdef public object role
    cdef public object state
    cdef public bint over
    cdef public timers_.Timers timers
    cdef public object events
    cdef public list output
    cdef public bint connect_wanted
    cdef public bint close_wanted
    cdef public object request
    cdef public object negotiated
    cdef public object error
    cdef public long long octets_in
    cdef public long long octets_out
    cdef public long long pdus_in
    cdef public long long pdus_out
    cdef public object on_primitive
    cdef object _transcript

    cpdef cell(self, event)
    cpdef fire(self, event, Occasion occasion)
    cpdef perform(self, cell, event, Occasion occasion)
    cpdef take_data(self, pdus)
    cpdef indicate(self, event)
    cpdef tell(self, name, kind, detail=*)
    cpdef send(self, output, now, pdus=*)
    cpdef fail(self, error)
