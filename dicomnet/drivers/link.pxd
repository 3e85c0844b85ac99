from dicomnet.drivers.session cimport Session


cdef class SessionLink:
    cdef readonly Session _session
    cdef object __weakref__


cdef class BlockingLink(SessionLink):
    cdef public bint _driving

    cpdef _now(self)
    cpdef _drive(self, done, seconds=*)
    cpdef _drive_to_close(self)
