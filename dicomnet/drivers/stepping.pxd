cimport cython
cimport dicomnet.ul.association as association_
from dicomnet.drivers.runs cimport Mailbox, Progress
from dicomnet.drivers.speaking cimport Speaking


cdef class Stepper(Speaking):
    cdef public bint keep_pdus
    cdef public object now
    cdef public object ready
    cdef public Mailbox replies
    cdef association_.Association _association
    cdef dict _runs
    cdef dict _awaiting
    cdef Py_ssize_t _expectant
    cdef Progress _reader
    cdef list _pdu_waiters
    cdef list _calls
    cdef list _branch_work

    cpdef next_deadline(self)
    cpdef cancel(self, Progress run)
    cpdef take(self, Progress run)
    cpdef list take_calls(self)
    cpdef list take_branches(self)
    @cython.locals(run=Progress)
    cpdef answer(self, response)
    @cython.locals(run=Progress)
    cpdef offer(self, now)
    @cython.locals(run=Progress)
    cpdef end(self, why)
    @cython.locals(run=Progress)
    cpdef expire(self, now)
    @cython.locals(run=Progress)
    cpdef list step(self, now)
    cpdef _finish(self, Progress run, value, error)
    cpdef _leave(self, Progress run, now)
    cpdef _stop_waiting(self, Progress run, waiting)
    cpdef bint _give_pdu(self, Progress run) except -1
