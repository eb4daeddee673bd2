/* Growing of the engine's arrays, whose entries are numbered by u32 ids and never move apart. */
#ifndef CTM_ENGINE_ARRAY_H
#define CTM_ENGINE_ARRAY_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/pages.h"

/*
 * Make room for one more entry behind `length` in the array *items of *capacity entries, which
 * may move. On CTM_ENOMEM or CTM_ELIMIT nothing has changed.
 */
CTM_MUST_CHECK int ctm_array_reserve(struct ctm_pages *pages, void **items, uint32_t *capacity,
                                     uint32_t length, size_t item_size);

/* Give back most of what lies behind `length` and is not needed as room for `room` entries. Where
 * that fails, nothing has changed. */
void ctm_array_shrink(struct ctm_pages *pages, void **items, uint32_t *capacity, uint32_t length,
                      uint32_t room, size_t item_size);

#endif
