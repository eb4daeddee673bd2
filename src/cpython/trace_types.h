/*
 * Traces of a snapshot as the tuples that tracemalloc's API is made of.
 *
 *     frame   (filename, lineno)
 *     frames  (frame, ...), the newest first
 *     trace   (domain, size, frames, total_nframe)
 *
 * Tuples are made when they are first asked for and then kept, so that equal stacks are the same
 * object. Needs the GIL. Functions that return an object return a new reference, or NULL with an
 * exception.
 */
#ifndef CTM_CPYTHON_TRACE_TYPES_H
#define CTM_CPYTHON_TRACE_TYPES_H

#include <Python.h>

#include "snapshot/snapshot.h"

/* The tuples over one set of tables. Counts its references. */
struct ctm_tuples;

/* Keeps the tables of `s` alive, but not its rows. NULL with an exception. */
struct ctm_tuples *ctm_tuples_new(struct ctm_snapshot *s);
struct ctm_tuples *ctm_tuples_ref(struct ctm_tuples *tuples);
void ctm_tuples_unref(struct ctm_tuples *tuples); /* NULL is allowed */

/* The str of a string id. */
PyObject *ctm_tuples_text(struct ctm_tuples *tuples, uint32_t string);

/* The name of the module that a file, by its string id, defines. Not kept. */
PyObject *ctm_tuples_module(struct ctm_tuples *tuples, uint32_t file);

/* (filename, lineno), or (filename, lineno, name) if `name` is not NULL. Not kept. */
PyObject *ctm_tuples_frame(PyObject *filename, uint32_t line, PyObject *name);

/* The frames of a stack. Linear in its depth the first time. */
PyObject *ctm_tuples_stack(struct ctm_tuples *tuples, uint32_t stack);

/* The frames of a stack, the oldest first. Not kept. */
PyObject *ctm_tuples_stack_oldest_first(struct ctm_tuples *tuples, uint32_t stack);

/* The trace of one block of a row. Not kept. */
PyObject *ctm_tuples_trace(struct ctm_tuples *tuples, const struct ctm_row *row);

/* The same with frames (filename, lineno, name). */
PyObject *ctm_tuples_named_trace(struct ctm_tuples *tuples, const struct ctm_row *row);

#endif
