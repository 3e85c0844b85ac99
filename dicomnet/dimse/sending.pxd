cimport dicomnet.ul.association as association_


cdef class SendingHalf:
    cdef public association_.Association association
    cdef public bint one_pdv_per_pdu
    cdef public object association_id
    cdef public bint unseen
    cdef public object on_message
    cdef public dict sent
    cdef public object queued
    cdef public long long held
    cdef public dict abandoned
    cdef public object _next_id
    cdef public dict _asked
    cdef public dict _asked_by_peer
    cdef public set _cancelled
    cdef public object _begun
    cdef set _told
    cdef list _deferred
    cdef list _deferred_cancels
    cdef dict _contexts
    cdef object __weakref__

    cpdef bint give_up(self, now) except -1
    cpdef _require_turn(self)
    cpdef _note_sent(self, message, message_id, context)
    cpdef _register(self, message)
    cpdef _context_for(self, message, abstract_syntax)
    cpdef abandon(self, message_id, now)
    cpdef _cancel(self, cancel, now)
    cpdef forget(self, message_id)
    cpdef disregard(self, message_id)
    cpdef _answered(self, message_id)
    cpdef bint is_unanswered(self, message_id) except -1
    cpdef bint is_cancelled(self, message_id) except -1
    cpdef _send_deferred(self, now)
