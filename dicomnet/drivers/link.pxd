from dicomnet.drivers.session cimport Session


cdef class SessionLink:
    cdef readonly Session _session
    cdef object __weakref__
