from dicomnet.drivers.aio_waiter cimport Turn
from dicomnet.drivers.alarms cimport Alarms


cdef class Clock:
    cdef public object loop
    cdef public object time
    cdef public Turn turn
    cdef Alarms _alarms
    cdef double _first
    cdef object _timer
    cdef Py_ssize_t _users
    cdef object __weakref__

    cpdef enter(self)
    cpdef leave(self)
    cpdef set(self, sleeper)
    cpdef _arm(self, when)
