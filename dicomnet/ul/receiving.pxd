cimport dicomnet.ul.machine as machine_
cimport dicomnet.wire.buffer as buffer_


cdef class Receiver:
    cdef public object on_pdu
    cdef machine_.Machine _machine
    cdef object _transcript
    cdef buffer_.ReceiveBuffer _buffer
    cdef bint _deaf

    cpdef announce(self, max_length)
    cpdef receive(self, data, now)
    cpdef end(self, now)
    cpdef _note(self, now, data)
    cpdef bint _receive_pdus(self, now) except -1
    cpdef _receive_p_data(self, list p_data, now)
    cpdef _receive_pdu(self, pdu, now)
    cpdef _invalid(self, message, reason, now, cause=*)
