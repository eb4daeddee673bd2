/*
 * The walker of invariants finds what it is there to find: one value of a sound tracer is changed,
 * the walker names what broke, and the value is put back.
 */
#include "support.h"

#include <string.h>

#include "engine/check.h"

#define POOL UINT64_C(0x7f0000000000)
#define BLOCK (POOL + CTM_POOL_HEADER)
#define OWNER (POOL + 0x100000)

static void populate(struct ctm_tracer *t)
{
    static const char *const files[] = {"a.py", "b.py", "c.py", "d.py"};
    uint32_t parent = ctm_stacks_root(0);
    ctm_tracer_init(t);
    assert_int_equal(ctm_tracer_start(t), CTM_OK);
    for (uint32_t i = 0; i < 4; i++) {
        struct ctm_location_frame frame = {.line = i + 1};
        uint32_t id;
        assert_int_equal(ctm_names_intern(&t->names, files[i], 4, &frame.file), CTM_OK);
        assert_int_equal(ctm_stacks_frame(&t->stacks, frame, &id), CTM_OK);
        assert_int_equal(ctm_stacks_child(&t->stacks, parent, id, &parent), CTM_OK);
        for (uint32_t k = 0; k < 20; k++) {
            ctm_tracer_allocated_hook(t, BLOCK + 32 * (20 * i + k), 30, parent);
            ctm_tracer_allocated_hook(t, POOL + 0x10000 + 5000 * (20 * i + k), 4000, parent);
            assert_int_equal(ctm_tracer_track_hook(t, 7, POOL + 16 * (20 * i + k), 99, parent),
                             CTM_OK);
        }
    }
    ctm_tracer_allocated_hook(t, CTM_HASHED_LIMIT, 10, parent);
    ctm_tracer_allocated_hook(t, POOL, CTM_HASHED_LIMIT, parent);
    struct ctm_owner *owner = ctm_tracer_add_owner_hook(t, OWNER);
    assert_non_null(owner);
    owner->first = OWNER;
    owner->last = OWNER + 4;
    owner->step = 2;
    struct ctm_location *location = ctm_locations_add(&t->locations, OWNER, 1);
    assert_non_null(location);
    location->parent = t->stacks.nodes[parent].parent;
    location->frame = t->stacks.nodes[parent].frame & CTM_FRAME_MAX;
    location->spot.node = parent;
    /* Below the peak, so that some sites have saved values. */
    struct ctm_block old;
    assert_true(ctm_tracer_freed_hook(t, BLOCK, &old));
    ctm_tracer_allocated_hook(t, BLOCK, 20, parent);
}

static struct ctm_hashed_block *some_hashed(struct ctm_tracer *t)
{
    struct ctm_hashed_block *entry = ctm_block_hash_find(&t->blocks.hash, POOL + 0x10000);
    assert_non_null(entry);
    return entry;
}

static struct ctm_wide_block *some_wide(struct ctm_tracer *t, uint32_t domain, uint64_t address)
{
    struct ctm_wide_block *entry = ctm_wide_hash_find(&t->blocks.wide, domain, address);
    assert_non_null(entry);
    return entry;
}

/* Write `size` bytes of `value` at `where`; the walker must say `expected`; put it back. */
static void poke(struct ctm_tracer *t, void *where, size_t size, uint64_t value,
                 const char *expected)
{
    uint64_t before = 0;
    memcpy(&before, where, size);
    assert_true(before != value);
    memcpy(where, &value, size);
    const char *broken = ctm_tracer_check(t);
    memcpy(where, &before, size);
    assert_non_null(broken);
    assert_string_equal(broken, expected);
    assert_null(ctm_tracer_check(t));
}

#define POKE(t, lvalue, value, expected)                                                           \
    poke((t), &(lvalue), sizeof(lvalue), (uint64_t)(value), (expected))

static void broken_memory_is_found(void **state)
{
    (void)state;
    struct ctm_tracer t;
    populate(&t);
    assert_null(ctm_tracer_check(&t));
    struct ctm_mapping *first = &t.pages.mappings[0];
    POKE(&t, t.pages.capacity, 1, "pages: the record's size is wrong");
    POKE(&t, t.pages.mapped, t.pages.mapped + 1, "pages: the sum of mapped bytes is wrong");
    POKE(&t, first->size, 1, "pages: a mapping on record is none");
    POKE(&t, first->address, (uintptr_t)first->address + 1, "pages: a mapping on record is none");
    POKE(&t, first->address, (uintptr_t)t.pages.mappings[1].address, "pages: two mappings overlap");
    POKE(&t, t.arena.next, (uintptr_t)t.arena.end + 1,
         "arena: the rest of the chunk is not in a mapping");
    POKE(&t, t.arena.end, (uintptr_t)t.arena.next + CTM_ARENA_CHUNK,
         "arena: the rest of the chunk is not in a mapping");
    POKE(&t, t.arena.recycled[3], 8, "arena: a recycled piece is none, or a list has a loop");
    void *piece = ctm_arena_alloc(&t.arena, 48);
    ctm_arena_free(&t.arena, piece, 48);
    poke(&t, piece, sizeof piece, (uintptr_t)piece,
         "arena: a recycled piece is none, or a list has a loop");
    POKE(&t, t.tracing, false, "tracer: it does not trace, but its tables hold something");
    ctm_tracer_stop(&t);
}

static void broken_stacks_are_found(void **state)
{
    (void)state;
    struct ctm_tracer t;
    populate(&t);
    struct ctm_stacks *s = &t.stacks;
    static char elsewhere[] = "a.py";
    POKE(&t, t.names.items[2].bytes, (uintptr_t)elsewhere, "names: a text outside all mappings");
    POKE(&t, t.names.items[2].bytes, (uintptr_t)t.names.items[3].bytes,
         "names: a name is not found, or found twice");
    POKE(&t, t.names.capacity, t.names.capacity * 2, "names: items without a mapping");
    POKE(&t, t.names.index.used, 3, "index: the number of entries is wrong");
    POKE(&t, s->frames[1].file, 1000, "stacks: a frame names no name");
    POKE(&t, s->frames[1].name, 1000, "stacks: a frame names no name");
    POKE(&t, s->frames[1].line, 1000, "stacks: a frame is not found, or found twice");
    POKE(&t, s->frame_capacity, 0, "stacks: frames without a mapping");
    POKE(&t, s->frame_index.used, 0, "index: the number of entries is wrong");
    POKE(&t, s->nodes[3].parent, 3, "stacks: a node's frame or parent is wrong");
    POKE(&t, s->nodes[3].frame, 1000, "stacks: a node's frame or parent is wrong");
    POKE(&t, s->nodes[3].frame, s->nodes[2].frame, "stacks: a node is not found, or found twice");
    POKE(&t, s->nodes[3].site, s->nodes[2].site, "stacks: a node's site is not its own");
    POKE(&t, s->nodes[3].site, 1000, "stacks: a node's site is not its own");
    POKE(&t, s->first_free_node, 1, "stacks: the list of free nodes is wrong");
    POKE(&t, s->first_free_frame, 1, "stacks: the list of free frames is wrong");
    POKE(&t, t.names.first_free, 1, "names: the list of free ones is wrong");
    POKE(&t, s->node_capacity, 0, "stacks: nodes without a mapping");
    POKE(&t, s->node_index.used, 0, "index: the number of entries is wrong");
    ctm_stacks_use(s, 3);
    assert_string_equal(ctm_tracer_check(&t), "stacks: a node's users are wrong");
    ctm_stacks_leave(s, 3);
    assert_null(ctm_tracer_check(&t));
    ctm_tracer_stop(&t);
}

static void broken_folded_rows_are_found(void **state)
{
    (void)state;
    struct ctm_tracer t;
    populate(&t);
    struct ctm_folded *f = &t.folded;
    struct ctm_churn churn = {.total_bytes = 10, .total_blocks = 1};
    assert_int_equal(ctm_folded_add(f, (struct ctm_folded_place){0, 1, 5}, &churn), CTM_OK);
    assert_int_equal(ctm_folded_add(f, (struct ctm_folded_place){0, 1, 0}, &churn), CTM_OK);
    assert_null(ctm_tracer_check(&t));
    POKE(&t, f->rows[0].place.file, 1000, "folded: a row of no file");
    POKE(&t, f->lines, 0, "folded: the number of lines or files is wrong");
    POKE(&t, f->files, 2, "folded: the number of lines or files is wrong");
    POKE(&t, f->capacity, 0, "folded: rows without a mapping");
    POKE(&t, f->index.used, 0, "index: the number of entries is wrong");
    ctm_tracer_stop(&t);
}

static void broken_sites_are_found(void **state)
{
    (void)state;
    struct ctm_tracer t;
    populate(&t);
    struct ctm_sites *s = &t.sites;
    uint32_t plain = t.stacks.nodes[2].site;
    uint32_t other = some_wide(&t, 7, POOL)->site;
    uint32_t node = ctm_site_node(&s->items[other]);
    POKE(&t, s->items[0].key, 0, "sites: site 0 is of a node");
    POKE(&t, s->items[plain].key, 1000, "stacks: a node's site is not its own");
    POKE(&t, s->items[other].key, ctm_site_key(7, 1000), "sites: a site's node is none");
    POKE(&t, s->items[other].key, node, "sites: a node does not know its site");
    POKE(&t, s->items[other].key, ctm_site_key(8, node),
         "sites: the site of a domain is not found, or found twice");
    POKE(&t, s->capacity, 0, "sites: items without a mapping");
    POKE(&t, s->saved_capacity, 0, "sites: items without a mapping");
    POKE(&t, s->domain_index.used, 0, "index: the number of entries is wrong");
    POKE(&t, s->items[plain].gained_bytes, 1,
         "sites: a site's counters are not the sums of its blocks");
    POKE(&t, s->items[plain].lost_blocks, 1,
         "sites: a site's counters are not the sums of its blocks");
    POKE(&t, s->items[plain].stamp, s->epoch + 1, "sites: a stamp that cannot be");
    POKE(&t, s->away, false, "sites: a stamp that cannot be");
    POKE(&t, s->room_bytes, 1, "sites: the current memory is not the sum of the sites");
    POKE(&t, s->peak_bytes, s->peak_bytes + 1,
         "sites: the composition of the peak does not add up to it");
    uint32_t saved = t.stacks.nodes[1].site;
    POKE(&t, s->saved[saved].bytes, 1, "sites: the composition of the peak does not add up to it");
    POKE(&t, s->saved[saved].blocks, 0, "sites: bytes at the peak, but no block");
    ctm_tracer_stop(&t);
}

static void broken_blocks_are_found(void **state)
{
    (void)state;
    struct ctm_tracer t;
    populate(&t);
    struct ctm_blocks *b = &t.blocks;
    struct ctm_page *page = ctm_blocks_page(b, POOL);
    struct ctm_page *watched = ctm_blocks_page(b, OWNER);
    struct ctm_leaf *leaf = b->leaves[POOL >> (CTM_PAGE_BITS + CTM_LEAF_BITS)];
    POKE(&t, page->live, 1, "blocks: a page's number of live entries is wrong");
    POKE(&t, page->entries[0], 0, "blocks: a page's number of live entries is wrong");
    POKE(&t, page->grain, 0, "blocks: a page of no class");
    POKE(&t, page->grain, 33, "blocks: a page's class or array is wrong");
    POKE(&t, page->reciprocal, 1, "blocks: a page's class or array is wrong");
    POKE(&t, page->hashed, 0, "blocks: a page's number of hashed blocks is wrong");
    POKE(&t, watched->watched, 0, "blocks: a page's number of watched addresses is wrong");
    POKE(&t, page->entries[0], 0x10000 << 4 | 2, "blocks: a block of no site");
    POKE(&t, leaf->used_groups[0], 0, "blocks: a page in use in a group that is not on record");
    POKE(&t, b->newest_leaf, 0, "blocks: the list of leaves is not whole");
    POKE(&t, leaf->next, (uintptr_t)leaf, "blocks: the list of leaves is not whole");
    POKE(&t, b->leaves[0], (uintptr_t)watched, "blocks: a leaf without a mapping");
    POKE(&t, b->leaves, (uintptr_t)watched, "blocks: leaves without a mapping");
    POKE(&t, b->odd, 9, "wide hash: the number of entries is wrong");

    struct ctm_hashed_block *hashed = some_hashed(&t);
    POKE(&t, hashed->key, hashed->key + 1, "block hash: an entry is not found, or found twice");
    POKE(&t, hashed->value, 0, "block hash: an empty entry with a key");
    POKE(&t, b->hash.used, 1, "block hash: the number of entries is wrong");
    POKE(&t, b->hash.pages->mapped, 1, "pages: the sum of mapped bytes is wrong");
    struct ctm_hashed_block twin = {.key = BLOCK + 32, .value = 1};
    assert_int_equal(ctm_block_hash_add(&b->hash, BLOCK + 32, 10, 1), CTM_OK);
    assert_string_equal(ctm_tracer_check(&t), "blocks: an address in two tables");
    ctm_block_hash_remove(&b->hash, ctm_block_hash_find(&b->hash, twin.key));

    struct ctm_wide_block *wide = some_wide(&t, 7, POOL);
    POKE(&t, wide->address, 3, "wide hash: an entry is not found, or found twice");
    POKE(&t, wide->site, 1, "wide hash: a block of another domain's site");
    POKE(&t, some_wide(&t, 0, POOL)->size, 1, "wide hash: a block that belongs elsewhere");
    POKE(&t, b->wide.used, 1, "wide hash: the number of entries is wrong");
    ctm_tracer_stop(&t);
}

static void broken_edges_are_found(void **state)
{
    (void)state;
    struct ctm_tracer t;
    populate(&t);
    uint32_t node = t.stacks.node_length - 1;
    const struct ctm_context *context = &t.stacks.nodes[node];
    uint32_t found;
    assert_int_equal(ctm_stacks_child(&t.stacks, context->parent, context->frame, &found), CTM_OK);
    assert_int_equal(found, node);
    uint64_t key = ctm_edge_key(context->parent, context->frame);
    struct ctm_edge *edge = ctm_edges_place(t.stacks.edges, key);
    assert_true(edge->key == key);
    POKE(&t, edge->key, key + 1, "edges: one leads to a wrong node");
    POKE(&t, edge->spot.node, node - 1, "edges: one leads to a wrong node");
    POKE(&t, edge->spot.node, t.stacks.node_length, "edges: one leads to a wrong node");
    POKE(&t, edge->spot.site, t.sites.capacity, "edges: one leads to a site outside the array");
    POKE(&t, t.stacks.edges, (uintptr_t)t.stacks.edges + 16, "edges: without a mapping");
    ctm_tracer_stop(&t);
}

static void broken_ghosts_are_found(void **state)
{
    (void)state;
    struct ctm_tracer t;
    populate(&t);
    ctm_ghosts_add(&t.ghosts, 1);
    static uint64_t elsewhere[1];
    POKE(&t, t.ghosts.sets[0], (uintptr_t)elsewhere, "ghosts: a set without a mapping");
    POKE(&t, t.ghosts.sets[1], (uintptr_t)elsewhere, "ghosts: a set without a mapping");
    POKE(&t, t.ghosts.returned, t.ghosts.made + 1, "ghosts: more came back than was made");
    ctm_tracer_stop(&t);
}

static void broken_locations_are_found(void **state)
{
    (void)state;
    struct ctm_tracer t;
    populate(&t);
    struct ctm_location *location = ctm_locations_find(&t.locations, OWNER);
    struct ctm_owner *owner = ctm_locations_owner(&t.locations, OWNER);
    assert_non_null(location);
    POKE(&t, location->instruction, 0x12345678,
         "address map: an item is not found, or found twice");
    /* A bit-field has no address: it begins behind the key. */
    poke(&t, (char *)location + sizeof location->instruction, sizeof(uint32_t), 1000,
         "locations: an instruction of no frame");
    POKE(&t, location->spot.node, 1000, "locations: an instruction remembers a wrong node");
    POKE(&t, location->parent, 1000, "locations: an instruction remembers a wrong node");
    POKE(&t, location->spot.site, t.sites.capacity,
         "locations: an instruction remembers a site outside the array");
    POKE(&t, owner->address, OWNER + 2, "address map: an item is not found, or found twice");
    POKE(&t, t.locations.instructions.used, 0, "address map: the number of items is wrong");
    ctm_tracer_stop(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_memory_is_found),       cmocka_unit_test(broken_stacks_are_found),
        cmocka_unit_test(broken_folded_rows_are_found), cmocka_unit_test(broken_sites_are_found),
        cmocka_unit_test(broken_blocks_are_found),      cmocka_unit_test(broken_edges_are_found),
        cmocka_unit_test(broken_locations_are_found),   cmocka_unit_test(broken_ghosts_are_found),
    };
    return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
