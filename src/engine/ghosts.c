#include "engine/ghosts.h"

#include <string.h>

#include "engine/hash.h"

enum {
    SET_BITS = 18, /* log2 of them */
    SET_BYTES = 1 << (SET_BITS - 3),
    SET_MOST = 1 << (SET_BITS - 3), /* of 9 that were never there, one is found */
    MADE_LEAST = 64,                /* fewer say nothing */
};

void ctm_ghosts_init(struct ctm_ghosts *ghosts, struct ctm_pages *pages)
{
    *ghosts = (struct ctm_ghosts){.pages = pages};
}

/* Begin a set; what is in the older one is forgotten. */
static bool next_set(struct ctm_ghosts *ghosts)
{
    uint64_t *set = ghosts->sets[1];
    if (set != NULL) {
        memset(set, 0, SET_BYTES);
        ghosts->sets[1] = ghosts->sets[0];
    } else {
        set = ctm_pages_map(ghosts->pages, 2 * SET_BYTES);
        if (set == NULL) {
            return false;
        }
        ghosts->sets[1] = set + SET_BYTES / sizeof *set;
    }
    ghosts->sets[0] = set;
    ghosts->added = 0;
    return true;
}

static uint64_t place(uint64_t hash)
{
    return ctm_hash_product(hash) >> (64 - SET_BITS);
}

void ctm_ghosts_add(struct ctm_ghosts *ghosts, uint64_t hash)
{
    bool full = ghosts->sets[0] == NULL || ghosts->added >= SET_MOST;
    if (full && !next_set(ghosts)) {
        return;
    }
    ghosts->sets[0][place(hash) / 64] |= UINT64_C(1) << place(hash) % 64;
    ghosts->added++;
}

static bool is_in(const uint64_t *set, uint64_t hash)
{
    return (set[place(hash) / 64] >> place(hash) % 64 & 1) != 0;
}

void ctm_ghosts_ask(struct ctm_ghosts *ghosts, uint64_t hash)
{
    bool found = is_in(ghosts->sets[0], hash) || is_in(ghosts->sets[1], hash);
    ghosts->returned += found ? 1 : 0;
    ghosts->made++;
}

bool ctm_ghosts_judge(struct ctm_ghosts *ghosts)
{
    bool most = ghosts->made >= MADE_LEAST && ghosts->returned >= ghosts->made / 4 * 3;
    ghosts->made = 0;
    ghosts->returned = 0;
    return most;
}
