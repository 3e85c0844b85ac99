cimport cython


cdef class _Layout:
    cdef readonly object kind
    cdef readonly str what
    cdef readonly object code
    cdef readonly tuple names
    cdef readonly tuple elements
    cdef readonly object carried
    cdef readonly tuple mandatory
    cdef readonly tuple taken_for


cdef class _Answer:
    cdef readonly object kind
    cdef readonly tuple names
    cdef readonly list defaults
    cdef readonly object fields
    cdef readonly Py_ssize_t responding_to
    cdef readonly Py_ssize_t context_id
    cdef readonly Py_ssize_t status
    cdef readonly tuple copied


cdef dict _VITAL
cdef dict _LAYOUTS
cdef dict _BY_CODE
cdef dict _ANSWERS

@cython.locals(layout=_Layout)
cpdef command_code(message)

@cython.locals(layout=_Layout, command=dict, values=tuple, place=Py_ssize_t)
cpdef dict to_command(message, bint has_data_set)

cpdef from_command(command, context_id, data_set)

@cython.locals(layout=_Layout, values=list)
cpdef _message(dict command, context_id, data_set)

@cython.locals(found=list)
cpdef _answered(_Answer answer, request, status, dict values)
