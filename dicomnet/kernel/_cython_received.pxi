# Data sets that were received: bytes until somebody looks into them.

cdef class Received:
    """What a ReceivedDataset is beyond a pydicom.Dataset: the bytes it came in, and its elements once it was opened."""

    cdef bytes source  # the whole input it is part of; None once opened
    cdef Py_ssize_t start, end  # of its own elements in source, without item header and delimiter
    cdef bint implicit, little
    cdef bint canonical  # encoding it anew, as ``implicit`` and ``little``, would give the same bytes again
    cdef int depth  # an upper bound of how deep sequences nest in it
    cdef dict elements  # what pydicom calls _dict; None while closed

cdef object ReceivedDataset  # class ReceivedDataset(Received, Dataset), made when pydicom is there


cdef int make_received_class() except -1:
    return 0


def decode_dataset(data, implicit, little_endian, max_depth, max_elements):
    load()
    return _reference_decode(data, implicit, little_endian, max_depth, max_elements)
