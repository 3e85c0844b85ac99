cimport dicomnet.dimse.exchange as exchange_
cimport dicomnet.drivers.serving as serving_
cimport dicomnet.drivers.stepping as stepping_
cimport dicomnet.ul.association as association_


cdef class Session:
    cdef public association_.Association association
    cdef public object id
    cdef public exchange_.Exchange exchange
    cdef public object applicant
    cdef public object peer
    cdef public object error
    cdef public bint released
    cdef bint _released_by_peer
    cdef object _lost
    cdef serving_.Desk _desk
    cdef object _policy
    cdef readonly stepping_.Stepper _flows
    cdef bint _release_due
    cdef bint _release_wanted
    cdef object __weakref__

    cpdef cancel(self, run)
    cpdef take(self, run)
    cpdef list take_calls(self)
    cpdef list take_branches(self)
    cpdef transport_connected(self, now)
    cpdef receive_data(self, data, now)
    cpdef receive_eof(self, now, error=*)
    cpdef flushed(self)
    cpdef next_deadline(self)
    cpdef list data_to_send(self)
    cpdef abort(self, now, error=*)
    cpdef release(self)
    cpdef advance(self, now)
    cpdef _abort_cut_short(self, now)
    cpdef _settle(self, now)
    cpdef _take_events(self, now)
    cpdef _receive(self, message)
    cpdef _upper_layer(self, event, now)
    cpdef _establish(self)
    cpdef _confirm_release(self, now)
    cpdef _end(self, error)
    cpdef bint _misled(self, error) except -1
    cpdef _why_ended(self)
    cpdef _serve_next(self)
