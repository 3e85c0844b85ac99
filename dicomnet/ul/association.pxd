cimport dicomnet.ul.machine as machine_
cimport dicomnet.ul.receiving as receiving_


cdef class Association:
    cdef public object transcript
    cdef readonly machine_.Machine _machine
    cdef receiving_.Receiver _receiver
    cdef object _send_limit
    cdef bint _connected
    cdef bytes _request
    cdef object __weakref__

    cpdef next_event(self)
    cpdef list data_to_send(self)
    cpdef next_deadline(self)
    cpdef transport_connected(self, now)
    cpdef receive_data(self, data, now)
    cpdef receive_eof(self, now, error=*)
    cpdef handle_timeout(self, now)
    cpdef postpone(self, now)
    cpdef not_idle(self, now)
    cpdef associate_request(self, request, now, encoded=*)
    cpdef associate_accept(self, response, now)
    cpdef release_request(self, now)
    cpdef release_response(self, now)
    cpdef _require(self, event, bint allowed=*)
