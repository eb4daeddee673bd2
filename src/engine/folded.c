#include "engine/folded.h"

#include <string.h>

#include "engine/array.h"
#include "engine/hash.h"

void ctm_folded_init(struct ctm_folded *folded, struct ctm_pages *pages)
{
    memset(folded, 0, sizeof *folded);
    folded->pages = pages;
    folded->line_limit = CTM_FOLDED_LINES;
    folded->file_limit = CTM_FOLDED_FILES;
    folded->exact = true;
    ctm_index_init(&folded->index, pages);
}

void ctm_folded_reset(struct ctm_folded *folded)
{
    ctm_pages_unmap(folded->pages, folded->rows, folded->capacity * sizeof *folded->rows);
    ctm_index_clear(&folded->index);
    folded->rows = NULL;
    folded->length = 0;
    folded->capacity = 0;
    folded->lines = 0;
    folded->files = 0;
    folded->exact = true;
}

static uint64_t hash_place(struct ctm_folded_place place)
{
    return ctm_hash_u64(ctm_hash_pair(place.file, place.line) + place.domain);
}

static struct ctm_folded_row *find(const struct ctm_folded *folded, struct ctm_folded_place place)
{
    uint64_t hash = hash_place(place);
    uint32_t probe = 0;
    uint32_t found;
    while ((found = ctm_index_next(&folded->index, hash, &probe)) != UINT32_MAX) {
        const struct ctm_folded_place *known = &folded->rows[found].place;
        if (known->file == place.file && known->line == place.line &&
            known->domain == place.domain) {
            return &folded->rows[found];
        }
    }
    return NULL;
}

static bool may_add(const struct ctm_folded *folded, struct ctm_folded_place place)
{
    return place.line != 0                 ? folded->lines < folded->line_limit
           : place.file != CTM_FOLDED_REST ? folded->files < folded->file_limit
                                           : true;
}

static int make(struct ctm_folded *folded, struct ctm_folded_place place,
                struct ctm_folded_row **row)
{
    int error = ctm_index_reserve(&folded->index);
    if (error == CTM_OK) {
        error = ctm_array_reserve(folded->pages, (void **)&folded->rows, &folded->capacity,
                                  folded->length, sizeof *folded->rows);
    }
    if (error < 0) {
        return error;
    }
    ctm_index_put(&folded->index, hash_place(place), folded->length);
    *row = &folded->rows[folded->length++];
    **row = (struct ctm_folded_row){.place = place};
    folded->lines += place.line != 0 ? 1 : 0;
    folded->files += place.line == 0 && place.file != CTM_FOLDED_REST ? 1 : 0;
    return CTM_OK;
}

int ctm_folded_add(struct ctm_folded *folded, struct ctm_folded_place place,
                   const struct ctm_churn *churn)
{
    struct ctm_folded_place at = place;
    struct ctm_folded_row *row = find(folded, at);
    while (row == NULL) {
        if (may_add(folded, at)) {
            int error = make(folded, at, &row);
            if (error < 0) {
                return error;
            }
        } else {
            at.file = at.line == 0 ? CTM_FOLDED_REST : at.file;
            at.line = 0;
            row = find(folded, at);
        }
    }
    folded->exact = folded->exact && at.file == place.file && at.line == place.line;
    row->churn.total_bytes += churn->total_bytes;
    row->churn.total_blocks += churn->total_blocks;
    row->churn.reused_bytes += churn->reused_bytes;
    row->churn.reused_blocks += churn->reused_blocks;
    return CTM_OK;
}
