# Frozen dataclasses made in one go. _python_frozen.py says what is right, and raises what is wrong.

from dicomnet.kernel import _python_frozen


def make_frozen(type kind not None, tuple names not None, tuple values not None):
    made = kind.__new__(kind)
    fill(made, names, values)
    return made


def fill_frozen(one not None, tuple names not None, tuple values not None):
    fill(one, names, values)


cdef inline int fill(object one, tuple names, tuple values) except -1:
    cdef Py_ssize_t index, count = len(names)
    if len(values) != count:
        _python_frozen.fill_frozen(one, names, values)
        return 0
    for index in range(count):
        PyObject_GenericSetAttr(one, names[index], values[index])
    return 0
