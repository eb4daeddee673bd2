/*
 * Text between str and generalized UTF-8 (UTF-8 in which a lone surrogate is three bytes), without
 * loss for any str.
 */
#ifndef CTM_CPYTHON_UNICODE_H
#define CTM_CPYTHON_UNICODE_H

#include <Python.h>

#include "base/pages.h"

/* Bytes of a str, borrowed from its own storage or, if `mapped`, written to pages. */
struct ctm_text_piece {
    const char *bytes;
    size_t length;
    size_t mapped; /* bytes to unmap; 0: borrowed */
};

/*
 * The bytes of a ready str. Touches no reference count and makes no object: may be called inside a
 * hook. CTM_ENOMEM. Release with ctm_text_release.
 */
int ctm_text_from_str_hook(PyObject *str, struct ctm_pages *pages, struct ctm_text_piece *text);
void ctm_text_release(struct ctm_text_piece *text, struct ctm_pages *pages);

#endif
