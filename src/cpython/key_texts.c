#include "cpython/key_texts.h"

#include <string.h>

#include "snapshot/module_name.h"

int ctm_key_parse(const char *name, enum ctm_key *key)
{
    static const struct {
        const char *name;
        enum ctm_key key;
    } keys[] = {
        {"filename", CTM_KEY_FILENAME},   {"lineno", CTM_KEY_LINENO},
        {"traceback", CTM_KEY_TRACEBACK}, {"function", CTM_KEY_FUNCTION},
        {"module", CTM_KEY_MODULE},
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (strcmp(name, keys[i].name) == 0) {
            *key = keys[i].key;
            return 0;
        }
    }
    PyErr_Format(PyExc_ValueError, "unknown key_type: '%.100s'", name);
    return -1;
}

int ctm_key_texts_init(struct ctm_key_texts *texts, struct ctm_tuples *tuples, enum ctm_key key,
                       struct ctm_frame frame)
{
    bool named = key == CTM_KEY_FUNCTION || key == CTM_KEY_FRAME;
    texts->name = NULL;
    texts->filename = key == CTM_KEY_MODULE ? ctm_tuples_module(tuples, frame.file)
                                            : ctm_tuples_text(tuples, frame.file);
    if (texts->filename != NULL && named) {
        texts->name = ctm_tuples_text(tuples, frame.name);
    }
    if (texts->filename == NULL || (named && texts->name == NULL)) {
        ctm_key_texts_clear(texts);
        return -1;
    }
    return 0;
}

void ctm_key_texts_clear(struct ctm_key_texts *texts)
{
    Py_CLEAR(texts->filename);
    Py_CLEAR(texts->name);
}

const char ctm_module_name_doc[] =
    "module_name($module, filename, /)\n--\n\n"
    "Return the dotted name of the module that a file defines, read off its name alone:\n"
    "from the end of the path all that can be part of a module's name, up to a directory\n"
    "that cannot (site-packages, python3.11, ...) or that is called src.";

PyObject *ctm_module_name_function(PyObject *module, PyObject *filename)
{
    (void)module;
    if (!PyUnicode_Check(filename)) {
        return PyErr_Format(PyExc_TypeError, "a file name must be a str, not %.200s",
                            Py_TYPE(filename)->tp_name);
    }
    PyObject *bytes = PyUnicode_AsEncodedString(filename, "utf-8", "surrogatepass");
    if (bytes == NULL) {
        return NULL;
    }
    struct ctm_string file = {.bytes = PyBytes_AS_STRING(bytes),
                              .length = (size_t)PyBytes_GET_SIZE(bytes)};
    PyObject *name = NULL;
    char *room = PyMem_Malloc(file.length);
    if (room == NULL) {
        PyErr_NoMemory();
    } else {
        struct ctm_string found = ctm_module_name(file, room);
        name = PyUnicode_DecodeUTF8(found.bytes, (Py_ssize_t)found.length, "surrogatepass");
        PyMem_Free(room);
    }
    Py_DECREF(bytes);
    return name;
}
