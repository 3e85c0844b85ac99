cdef class Progress:
    cdef public object flow
    cdef public object delivered
    cdef public bint done
    cdef object _on_progress
    cdef bint _streamed
    cdef object _weight
    cdef readonly object _value
    cdef readonly object _error
    cdef object _queue
    cdef public object waiting
    cdef public object deadline
    cdef public object outcome
    cdef public object ready
    cdef public list message_ids
    cdef public list branches
    cdef public object pdus
    cdef object __weakref__

    cpdef finish(self, value, error)
    cpdef progress(self)
    cpdef resume(self, value=*, error=*)
    cpdef perform(self, function)
    cpdef bint deliver(self, item) except -1
    cpdef take(self)


cdef class Mailbox:
    cdef public bint full
    cdef dict _waiting
    cdef object _weight

    cpdef put(self, response)
    cpdef take(self, message_id)
    cpdef discard(self, message_id)
    cpdef _weigh(self, more)
