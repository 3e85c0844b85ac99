from dicomnet.dimse.incoming cimport Intake
from dicomnet.dimse.sending cimport SendingHalf


cdef class Exchange(SendingHalf):
    cdef public object limits
    cdef public bint check_roles
    cdef public object streams
    cdef public dict received
    cdef public object stray_responses
    cdef readonly Intake _intake
    cdef object _streamed_id
    cdef bint _broken
    cdef object _events

    cpdef next_event(self, now)
    cpdef next_deadline(self)
    cpdef handle_timeout(self, now)
    cpdef postpone(self, now)
    cpdef bint owns(self, data_set) except -1
    cpdef bint is_arriving(self, data_set) except -1
    cpdef bint still_arrives(self, message_id) except -1
    cpdef list take(self, data_set)
    cpdef drop(self, data_set)
    cpdef cut(self, error)
    cpdef _abort(self, error, now)
    cpdef _break(self, reason, error, now)
    cpdef _receive(self, pdv, now)
    cpdef _transfer_syntax(self, context_id)
    cpdef _offer(self, command, context_id, now)
    cpdef _dispatch(self, message, now)
    cpdef _note_received(self, message)
    cpdef _receive_response(self, message, now)
    cpdef _drop_response(self, message_id, why)
    cpdef bint _receive_request(self, message, now) except -1
    cpdef _refusal(self, message)
    cpdef _refuse_data_set(self, excess, now)
    cpdef fail(self, request, now)
