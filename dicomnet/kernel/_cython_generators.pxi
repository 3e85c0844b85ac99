# Generators taken further. _python_generators.py says what is right.

cdef extern from "Python.h":
    ctypedef enum PySendResult:
        PYGEN_RETURN
        PYGEN_ERROR
        PYGEN_NEXT
    PySendResult PyIter_Send(object generator, object value, PyObject **result) except PYGEN_ERROR


def resume(generator, value):
    cdef PyObject *found = NULL
    cdef bint over = PyIter_Send(generator, value, &found) == PYGEN_RETURN
    outcome = <object>found
    Py_DECREF(outcome)  # found was a reference of its own
    return over, outcome
