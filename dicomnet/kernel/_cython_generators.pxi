# Generators taken further. _python_generators.py says what is right.

from dicomnet.kernel._python_generators import resume as reference_resume

cdef extern from "Python.h":
    ctypedef enum PySendResult:
        PYGEN_RETURN
        PYGEN_ERROR
        PYGEN_NEXT
    PySendResult PyIter_Send(object generator, object value, PyObject **result) except PYGEN_ERROR
    bint PyGen_CheckExact(object)


def resume(generator, value):
    cdef PyObject *found = NULL
    cdef bint over
    if not PyGen_CheckExact(generator):  # of which PyIter_Send might want something else than to send to it
        return reference_resume(generator, value)
    over = PyIter_Send(generator, value, &found) == PYGEN_RETURN
    outcome = <object>found
    Py_DECREF(outcome)  # found was a reference of its own
    return over, outcome
