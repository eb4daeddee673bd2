#include <stdlib.h>
#include <string.h>

#include "engine/check_parts.h"

static uintptr_t slot_address(uint64_t page_number, uint32_t slot, uint32_t grain)
{
    return (uintptr_t)((page_number << CTM_PAGE_BITS) + CTM_POOL_HEADER +
                       ((uint64_t)slot * grain << CTM_GRAIN_BITS));
}

static const char *check_page(const struct ctm_tracer *tracer, const struct ctm_page *page,
                              uint64_t number)
{
    const struct ctm_blocks *blocks = &tracer->blocks;
    uint32_t grain = page->grain;
    if (grain == 0) {
        return page->entries == NULL && page->live == 0 ? NULL : "blocks: a page of no class";
    }
    uint32_t slots = ((1u << CTM_PAGE_BITS) - CTM_POOL_HEADER) / (grain << CTM_GRAIN_BITS) + 1;
    if (grain > CTM_SMALL_MAX >> CTM_GRAIN_BITS ||
        page->reciprocal != ctm_grain_reciprocal[grain] ||
        !ctm_check_is_mapped(&tracer->pages, page->entries, slots * sizeof *page->entries)) {
        return "blocks: a page's class or array is wrong";
    }
    uint32_t live = 0;
    for (uint32_t slot = 0; slot < slots; slot++) {
        if (page->entries[slot] == 0) {
            continue;
        }
        live++;
        uintptr_t address = slot_address(number, slot, grain);
        if (address >> CTM_PAGE_BITS != number ||
            ctm_page_slot(address, grain, page->reciprocal) != slot) {
            return "blocks: a dense entry past its page";
        }
        if (ctm_block_hash_find(&blocks->hash, address) != NULL ||
            ctm_wide_hash_find(&blocks->wide, 0, address) != NULL) {
            return "blocks: an address in two tables";
        }
    }
    return live == page->live ? NULL : "blocks: a page's number of live entries is wrong";
}

static bool is_unused(const struct ctm_page *page)
{
    return page->entries == NULL && (page->grain | page->live | page->hashed | page->watched) == 0;
}

/* Checks the pages of a group; their counters are added to *hashed and *watched. */
static const char *check_group(const struct ctm_tracer *tracer, const struct ctm_page *pages,
                               uint64_t number, size_t *hashed, size_t *watched)
{
    for (uint64_t i = 0; i < CTM_GROUP_PAGES; i++) {
        if (is_unused(&pages[i])) {
            continue;
        }
        const char *broken = check_page(tracer, &pages[i], number + i);
        if (broken != NULL) {
            return broken;
        }
        *hashed += pages[i].hashed;
        *watched += pages[i].watched;
    }
    return NULL;
}

/* Checks the groups of a leaf, whose first page has this number. */
static const char *check_leaf(const struct ctm_tracer *tracer, const struct ctm_leaf *leaf,
                              uint64_t number, size_t *hashed, size_t *watched)
{
    static const struct ctm_page unused[CTM_GROUP_PAGES];
    for (uint64_t group = 0; group < CTM_LEAF_GROUPS; group++) {
        const struct ctm_page *pages = &leaf->pages[group * CTM_GROUP_PAGES];
        const char *broken = NULL;
        if ((leaf->used_groups[group / 64] >> group % 64 & 1) != 0) {
            broken = check_group(tracer, pages, number + group * CTM_GROUP_PAGES, hashed, watched);
        } else if (memcmp(pages, unused, sizeof unused) != 0) {
            broken = "blocks: a page in use in a group that is not on record";
        }
        if (broken != NULL) {
            return broken;
        }
    }
    return NULL;
}

/* Checks each page; *hashed and *watched become the sums over all. */
static const char *check_dense(const struct ctm_tracer *tracer, size_t *hashed, size_t *watched)
{
    const struct ctm_blocks *blocks = &tracer->blocks;
    size_t leaves = 0;
    *hashed = 0;
    *watched = 0;
    for (uint64_t number = 0; number < CTM_LEAF_COUNT; number++) {
        const struct ctm_leaf *leaf = blocks->leaves[number];
        if (leaf == NULL) {
            continue;
        }
        leaves++;
        if (!ctm_check_owns_mapping(&tracer->pages, leaf, sizeof *leaf)) {
            return "blocks: a leaf without a mapping";
        }
        const char *broken = check_leaf(tracer, leaf, number << CTM_LEAF_BITS, hashed, watched);
        if (broken != NULL) {
            return broken;
        }
    }
    const struct ctm_leaf *listed = blocks->newest_leaf;
    while (listed != NULL && leaves > 0) {
        listed = listed->next;
        leaves--;
    }
    return listed == NULL && leaves == 0 ? NULL : "blocks: the list of leaves is not whole";
}

/* Each entry in turn, the newest at last. */
static const struct ctm_hashed_block *hashed_at(const struct ctm_block_hash *hash, size_t at)
{
    return at == hash->capacity ? &hash->newest : &hash->entries[at];
}

static const char *check_hash(const struct ctm_tracer *tracer)
{
    const struct ctm_block_hash *hash = &tracer->blocks.hash;
    size_t used = 0;
    for (size_t i = 0; i <= hash->capacity; i++) {
        const struct ctm_hashed_block *entry = hashed_at(hash, i);
        if (entry->value == 0) {
            if (entry->key != 0) {
                return "block hash: an empty entry with a key";
            }
            continue;
        }
        used++;
        if (ctm_block_hash_find(hash, ctm_hashed_address(entry)) != entry) {
            return "block hash: an entry is not found, or found twice";
        }
    }
    size_t settled = used - (hash->newest.value != 0 ? 1 : 0);
    if (used != hash->used || settled > hash->capacity / 6 * 5) {
        return "block hash: the number of entries is wrong";
    }
    return ctm_check_owns_mapping(hash->pages, hash->entries,
                                  hash->capacity * sizeof *hash->entries)
               ? NULL
               : "block hash: entries without a mapping";
}

static const char *check_wide(const struct ctm_tracer *tracer)
{
    const struct ctm_wide_hash *wide = &tracer->blocks.wide;
    size_t used = 0;
    size_t odd = 0;
    for (size_t i = 0; i < wide->capacity; i++) {
        const struct ctm_wide_block *entry = &wide->entries[i];
        if (entry->site == 0) {
            continue;
        }
        used++;
        if (ctm_wide_hash_find(wide, entry->domain, entry->address) != entry) {
            return "wide hash: an entry is not found, or found twice";
        }
        if (entry->site >= tracer->sites.length ||
            ctm_site_domain(&tracer->sites.items[entry->site]) != entry->domain) {
            return "wide hash: a block of another domain's site";
        }
        odd += entry->domain == 0 ? 1 : 0;
        if (entry->domain == 0 && entry->address < CTM_HASHED_LIMIT &&
            entry->size < CTM_HASHED_LIMIT) {
            return "wide hash: a block that belongs elsewhere";
        }
    }
    if (used != wide->used || used > wide->capacity / 6 * 5 || odd != tracer->blocks.odd) {
        return "wide hash: the number of entries is wrong";
    }
    return ctm_check_owns_mapping(wide->pages, wide->entries,
                                  wide->capacity * sizeof *wide->entries)
               ? NULL
               : "wide hash: entries without a mapping";
}

static int compare_pointers(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t) * (const struct ctm_page *const *)a;
    uintptr_t y = (uintptr_t) * (const struct ctm_page *const *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

/* Each page is in the list as often as its counter says: `sum` is that of all counters. */
static bool counts_agree(const struct ctm_page **list, size_t length, size_t sum, bool watched)
{
    if (length > 1) {
        qsort(list, length, sizeof *list, compare_pointers);
    }
    for (size_t i = 0; i < length;) {
        size_t end = i;
        while (end < length && list[end] == list[i]) {
            end++;
        }
        if (list[i] == NULL || end - i != (watched ? list[i]->watched : list[i]->hashed)) {
            return false;
        }
        i = end;
    }
    return length == sum;
}

static const char *check_page_counts(const struct ctm_tracer *tracer, size_t hashed, size_t watched)
{
    const struct ctm_blocks *blocks = &tracer->blocks;
    const struct ctm_address_map *owners = &tracer->locations.owners;
    size_t most = blocks->hash.used + blocks->wide.used + owners->used + 1;
    const struct ctm_page **list = malloc(most * sizeof *list);
    if (list == NULL) {
        return "no memory to check";
    }
    const char *broken = NULL;
    size_t length = 0;
    for (size_t i = 0; i <= blocks->hash.capacity; i++) {
        const struct ctm_hashed_block *entry = hashed_at(&blocks->hash, i);
        if (entry->value != 0) {
            list[length++] = ctm_blocks_page(blocks, ctm_hashed_address(entry));
        }
    }
    for (size_t i = 0; i < blocks->wide.capacity; i++) {
        const struct ctm_wide_block *entry = &blocks->wide.entries[i];
        if (entry->site != 0 && entry->domain == 0 && entry->address < CTM_HASHED_LIMIT) {
            list[length++] = ctm_blocks_page(blocks, (uintptr_t)entry->address);
        }
    }
    if (!counts_agree(list, length, hashed, false)) {
        broken = "blocks: a page's number of hashed blocks is wrong";
        goto out;
    }
    length = 0;
    for (uint32_t i = 0; i < ctm_address_map_capacity(owners); i++) {
        uintptr_t address = ctm_address_map_key(owners->items + i * owners->item_size);
        if (address != 0) {
            list[length++] = ctm_blocks_page(blocks, address);
        }
    }
    if (!counts_agree(list, length, watched, true)) {
        broken = "blocks: a page's number of watched addresses is wrong";
    }
out:
    free(list);
    return broken;
}

const char *ctm_check_blocks(const struct ctm_tracer *tracer)
{
    size_t hashed;
    size_t watched;
    if (!ctm_check_owns_mapping(&tracer->pages, tracer->blocks.leaves,
                                CTM_LEAF_COUNT * sizeof *tracer->blocks.leaves)) {
        return "blocks: leaves without a mapping";
    }
    const char *broken = check_hash(tracer);
    if (broken == NULL) {
        broken = check_wide(tracer);
    }
    if (broken == NULL) {
        broken = check_dense(tracer, &hashed, &watched);
    }
    if (broken == NULL) {
        broken = check_page_counts(tracer, hashed, watched);
    }
    return broken;
}
