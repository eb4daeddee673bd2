/*
 * The churn of sites that were given back, by (domain, file, line).
 *
 * The rows are bounded: beyond the limit of lines it is known by file (line 0), beyond that of
 * files in one row for all of a domain. So the sums over sites and rows stay exact, always.
 *
 * Guarded by the tracer's gate.
 */
#ifndef CTM_ENGINE_FOLDED_H
#define CTM_ENGINE_FOLDED_H

#include <stdbool.h>

#include "base/error.h"
#include "engine/index.h"
#include "engine/names.h"
#include "engine/sites.h"

enum {
    CTM_FOLDED_LINES = 1 << 16,         /* unless the host asks for another limit */
    CTM_FOLDED_LINES_LARGEST = 1 << 24, /* that it may ask for */
    CTM_FOLDED_FILES = 1 << 12,
};

/* The file of rows that stand for files that are too many. */
#define CTM_FOLDED_REST UINT32_MAX

struct ctm_folded_place {
    uint32_t domain;
    uint32_t file; /* name id, or CTM_FOLDED_REST */
    uint32_t line; /* 0: none, or of all lines that are too many */
};

struct ctm_folded_row {
    struct ctm_churn churn;
    struct ctm_folded_place place;
};

struct ctm_folded {
    struct ctm_pages *pages;
    struct ctm_folded_row *rows;
    uint32_t length;
    uint32_t capacity;
    struct ctm_index index;
    uint32_t lines; /* rows that stand for one */
    uint32_t files;
    uint32_t line_limit;
    uint32_t file_limit;
    bool exact; /* no churn is known by its file only, or by less */
};

void ctm_folded_init(struct ctm_folded *folded, struct ctm_pages *pages);

/* Add churn to the row of a place. CTM_ENOMEM: nothing has changed. */
CTM_MUST_CHECK int ctm_folded_add(struct ctm_folded *folded, struct ctm_folded_place place,
                                  const struct ctm_churn *churn);

/* Forget all. */
void ctm_folded_reset(struct ctm_folded *folded);

#endif
