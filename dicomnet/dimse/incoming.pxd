cimport dicomnet.wire.pdata as pdata_


cdef class Intake:
    cdef public object deadline
    cdef public long long unread
    cdef public object incoming
    cdef object _limits
    cdef pdata_.FragmentAssembler _assembler
    cdef object _command
    cdef object _context_id
    cdef object _progress

    cpdef postpone(self, now)
    cpdef add(self, pdv, now, offer)
    cpdef take(self, data_set)
    cpdef drop(self, data_set)
    cpdef _new_assembler(self)
    cpdef _start(self, now)
    cpdef _refuse_stray_data(self, pdv)
    cpdef _assemble(self, pdv, now, offer)
    cpdef _begin(self, raw, context_id, now, offer)
    cpdef _drop_rest(self, pdv, now)
    cpdef pass_on(self, pdv, now)
