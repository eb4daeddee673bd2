#include "cpython/unicode.h"

#include "base/error.h"

static size_t encoded_length(const void *data, int kind, Py_ssize_t length)
{
    size_t bytes = 0;
    for (Py_ssize_t i = 0; i < length; i++) {
        Py_UCS4 c = PyUnicode_READ(kind, data, i);
        bytes += c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    }
    return bytes;
}

static char *encode(char *out, Py_UCS4 c)
{
    if (c < 0x80) {
        *out++ = (char)c;
        return out;
    }
    if (c < 0x800) {
        *out++ = (char)(0xC0 | c >> 6);
    } else {
        if (c < 0x10000) {
            *out++ = (char)(0xE0 | c >> 12);
        } else {
            *out++ = (char)(0xF0 | c >> 18);
            *out++ = (char)(0x80 | (c >> 12 & 63));
        }
        *out++ = (char)(0x80 | (c >> 6 & 63));
    }
    *out++ = (char)(0x80 | (c & 63));
    return out;
}

int ctm_text_from_str_hook(PyObject *str, struct ctm_pages *pages, struct ctm_text_piece *text)
{
    const void *data = PyUnicode_DATA(str);
    int kind = (int)PyUnicode_KIND(str);
    Py_ssize_t length = PyUnicode_GET_LENGTH(str);
    if (PyUnicode_IS_ASCII(str)) {
        *text = (struct ctm_text_piece){.bytes = data, .length = (size_t)length};
        return CTM_OK;
    }
    size_t bytes = encoded_length(data, kind, length);
    char *copy = ctm_pages_map(pages, bytes);
    if (copy == NULL) {
        return CTM_ENOMEM;
    }
    char *out = copy;
    for (Py_ssize_t i = 0; i < length; i++) {
        out = encode(out, PyUnicode_READ(kind, data, i));
    }
    *text = (struct ctm_text_piece){.bytes = copy, .length = bytes, .mapped = bytes};
    return CTM_OK;
}

void ctm_text_release(struct ctm_text_piece *text, struct ctm_pages *pages)
{
    if (text->mapped != 0) {
        ctm_pages_unmap(pages, (void *)(uintptr_t)text->bytes, text->mapped);
    }
}
