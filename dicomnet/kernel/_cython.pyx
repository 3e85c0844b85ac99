# cython: language_level=3, embedsignature=True
"""The fast body of the kernel: what ``_python`` says, in C.

It decides what is plain and well-formed by itself, in one pass over the bytes or the elements, and leaves everything
else to the reference body: damaged input, rare VRs and character sets, values of unusual types. So an error is the same
error by construction, with the same code, offset and path, and the code here stays short enough to be checked.

Rules kept throughout (they are what makes it safe to read bytes through pointers):
- lengths and positions are unsigned or checked Py_ssize_t, and a length is compared as ``length > end - position``;
- every pointer points into a ``bytes`` object to which the same function, or the object it is in, holds a reference;
- ``<object>pointer`` as an argument takes no reference: a borrowed pointer is bound to a local before it is passed on;
- nothing that may run Python code happens between a check and the use it allows, unless what was checked is immutable.
``boundscheck`` and ``wraparound`` are left as they are: no indexing of Python or memoryview objects is unchecked.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_SetItem
from cpython.object cimport PyObject, PyObject_GenericGetAttr, PyObject_GenericSetAttr, PyTypeObject
from cpython.ref cimport Py_CLEAR, Py_DECREF, Py_INCREF
from cpython.tuple cimport PyTuple_SET_ITEM
from cpython.unicode cimport PyUnicode_DecodeLatin1, PyUnicode_DecodeUTF8
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memchr, memcpy

cdef extern from *:
    """
    /* What Python does for maker.__new__(cls, *arguments), without looking it up. */
    static PyObject *new_of(PyTypeObject *maker, PyObject *cls, PyObject *arguments)
    {
        return maker->tp_new((PyTypeObject *)cls, arguments, NULL);
    }
    /* A blank instance of a class that is made to have its fields filled at once. */
    static PyObject *allocated(PyObject *cls, Py_ssize_t items)
    {
        return PyType_GenericAlloc((PyTypeObject *)cls, items);
    }
    /* A tuple that was filled by hand has no hash yet; from 3.14 on it keeps the one it had. */
    #if PY_VERSION_HEX >= 0x030E0000
      #define forget_hash(tuple) ((void)(((PyTupleObject *)(tuple))->ob_hash = -1))
    #else
      #define forget_hash(tuple) ((void)0)
    #endif
    """
    void forget_hash(object tuple)
    object new_of(PyTypeObject *maker, object cls, object arguments)
    object allocated(object cls, Py_ssize_t items)

cdef extern from "Python.h":
    PyTypeObject PyBaseObject_Type, PyLong_Type, PyUnicode_Type
    ctypedef struct PyFloatObject:
        double ob_fval
    double PyOS_string_to_double(const char *, char **, PyObject *) except? -1.0
    object PyObject_GenericGetDict(object, void *)
    bint PyObject_GC_IsTracked(object)
    void PyObject_GC_Track(object)
    void PyObject_GC_UnTrack(object)
    PyObject *PyDict_GetItemWithError(object, object) except? NULL
    Py_ssize_t PyUnicode_GET_LENGTH(object)
    uint32_t PyUnicode_READ_CHAR(object, Py_ssize_t)

__all__ = [
    "decode_command", "decode_dataset", "encode_command", "encode_dataset", "fill_frozen", "make_frozen",
    "pack_p_data_tf", "read_contexts", "read_p_data", "resume", "scan_pdvs", "write_contexts",
]

include "_cython_build.pxi"
include "_cython_pdv.pxi"
include "_cython_items.pxi"
include "_cython_pydicom.pxi"
include "_cython_vr.pxi"
include "_cython_scan.pxi"
include "_cython_values.pxi"
include "_cython_received.pxi"
include "_cython_opening.pxi"
include "_cython_reading.pxi"
include "_cython_encode.pxi"
include "_cython_command.pxi"
include "_cython_frozen.pxi"
include "_cython_generators.pxi"
