# Frozen dataclasses made in one go. _python_frozen.py says what is right, and raises what is wrong.

from dicomnet.kernel import _python_frozen


def make_frozen(type kind not None, tuple names not None, tuple values not None):
    cdef Py_ssize_t index, count = len(names)
    if len(values) != count:
        return _python_frozen.make_frozen(kind, names, values)
    made = kind.__new__(kind)
    for index in range(count):
        PyObject_GenericSetAttr(made, names[index], values[index])
    return made
