/* Python objects as plain data (format/plain.h), and back. Needs the GIL. */
#ifndef CTM_CPYTHON_PLAIN_OBJECTS_H
#define CTM_CPYTHON_PLAIN_OBJECTS_H

#include <Python.h>

#include "format/wire.h"

/*
 * Append a dict with keys that are str. Its values, all the way down, must be None, bool, int,
 * float, str, bytes, list, tuple or dict: exactly these, so that they come back as they went. 0; or
 * -1 with an exception: ValueError, which names the key, if a value is anything else or nested too
 * deep.
 */
CTM_MUST_CHECK int ctm_plain_from_dict(PyObject *dict, struct ctm_buffer *out);

/* The same, as a new bytes object; NULL with the same exceptions. */
PyObject *ctm_plain_bytes(PyObject *dict);

/*
 * The dict that these bytes stand for; no bytes are the empty one. They must have passed
 * ctm_plain_check_dict. New reference, or NULL with an exception: `format_error`, which names the
 * key, if a dict inside has so many keys of one hash that it would take long to make.
 */
PyObject *ctm_plain_to_dict(const uint8_t *bytes, size_t length, PyObject *format_error);

#endif
