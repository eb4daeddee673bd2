#define Py_BUILD_CORE_MODULE 1

#include "cpython/code_locations.h"

#include <internal/pycore_code.h>

#include "cpython/compat.h"
#include "cpython/interpreter_frame.h"
#include "cpython/lines.h"
#include "cpython/unicode.h"

static bool is_text(PyObject *object)
{
    return object != NULL && PyUnicode_Check(object) && PyUnicode_IS_READY(object);
}

/* The name id of a str; what is none is unknown, as it is to the standard library. */
static int name_of(struct ctm_tracer *tracer, PyObject *str, uint32_t fallback, uint32_t *id)
{
    if (!is_text(str)) {
        *id = fallback;
        return CTM_OK;
    }
    struct ctm_text_piece text;
    int error = ctm_text_from_str_hook(str, &tracer->pages, &text);
    if (error < 0) {
        return error;
    }
    error = ctm_names_intern(&tracer->names, text.bytes, text.length, id);
    ctm_text_release(&text, &tracer->pages);
    return error;
}

static struct ctm_owner *add_code(struct ctm_tracer *tracer, const PyCodeObject *code)
{
    uint32_t unknown = tracer->stacks.frames[0].file;
    uint32_t nameless = tracer->stacks.frames[0].name;
    uint32_t file;
    uint32_t name;
    if (name_of(tracer, code->co_filename, unknown, &file) < 0 ||
        name_of(tracer, code->co_qualname, nameless, &name) < 0) {
        return NULL;
    }
    struct ctm_owner *owner = ctm_tracer_add_owner_hook(tracer, (uintptr_t)code);
    if (owner != NULL) {
        owner->file = file;
        owner->name = name;
        /* Before its first instruction a frame stands one unit before the bytecode. */
        owner->first = ctm_code_bytecode(code) - sizeof(_Py_CODEUNIT);
        owner->last = ctm_code_bytecode(code) + (uintptr_t)Py_SIZE(code) * sizeof(_Py_CODEUNIT);
        owner->step = sizeof(_Py_CODEUNIT);
        owner->cursor_line = code->co_firstlineno;
    }
    return owner;
}

static uint32_t find_line(const PyCodeObject *code, uintptr_t instruction,
                          struct ctm_line_cursor *cursor)
{
    if (instruction < ctm_code_bytecode(code)) {
        return code->co_firstlineno < 0 ? 0 : (uint32_t)code->co_firstlineno;
    }
    return ctm_line_find_hook((const uint8_t *)PyBytes_AS_STRING(code->co_linetable),
                              (size_t)PyBytes_GET_SIZE(code->co_linetable), code->co_firstlineno,
                              (uint32_t)(instruction - ctm_code_bytecode(code)), cursor);
}

static uint32_t line_of(struct ctm_owner *owner, const PyCodeObject *code, uintptr_t instruction)
{
    struct ctm_line_cursor cursor = {owner->cursor_entry, owner->cursor_offset, owner->cursor_line};
    uint32_t line = find_line(code, instruction, &cursor);
    owner->cursor_entry = cursor.entry;
    owner->cursor_offset = cursor.offset;
    owner->cursor_line = cursor.line;
    return line;
}

struct ctm_location *ctm_code_locate_hook(struct ctm_tracer *tracer, const PyCodeObject *code,
                                          uintptr_t instruction)
{
    struct ctm_owner *owner = ctm_locations_owner(&tracer->locations, (uintptr_t)code);
    if (owner == NULL) {
        owner = add_code(tracer, code);
        if (owner == NULL) {
            return NULL;
        }
    }
    struct ctm_location_frame frame = {.file = owner->file, .name = owner->name};
    frame.line = line_of(owner, code, instruction);
    uint32_t id;
    if (ctm_stacks_frame(&tracer->stacks, frame, &id) < 0) {
        return NULL;
    }
    struct ctm_location *location = ctm_locations_add(&tracer->locations, instruction, id);
    if (location != NULL) {
        location->plain =
            instruction >= ctm_code_first_traceable(code) && !ctm_suspends_at(instruction);
    }
    return location;
}
