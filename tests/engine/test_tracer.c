/* The tracer as a host sees it: its life, its counters, and what it does when the host errs. */
#include "support.h"

#include <string.h>

#include "engine/check.h"
#include "engine/tracer.h"

#define BLOCK UINT64_C(0x7f0000000030)

struct fixture {
    struct test_refusal refusal;
    struct ctm_tracer tracer;
};

static void open_fixture(struct fixture *f)
{
    memset(&f->refusal, 0, sizeof f->refusal);
    ctm_tracer_init(&f->tracer);
    test_refuse(&f->tracer.pages, &f->refusal);
    assert_null(ctm_tracer_check(&f->tracer));
    assert_int_equal(ctm_tracer_start(&f->tracer), CTM_OK);
}

static void close_fixture(struct fixture *f)
{
    assert_null(ctm_tracer_check(&f->tracer));
    ctm_tracer_stop(&f->tracer);
    assert_null(ctm_tracer_check(&f->tracer));
}

static uint32_t node_of(struct ctm_tracer *tracer, const char *file, uint32_t line)
{
    struct ctm_location_frame frame = {.line = line};
    uint32_t id;
    uint32_t node;
    assert_int_equal(ctm_names_intern(&tracer->names, file, strlen(file), &frame.file), CTM_OK);
    assert_int_equal(ctm_stacks_frame(&tracer->stacks, frame, &id), CTM_OK);
    assert_int_equal(ctm_stacks_child(&tracer->stacks, ctm_stacks_root(0), id, &node), CTM_OK);
    return node;
}

static const struct ctm_site *site_of(const struct ctm_tracer *tracer, uint32_t node)
{
    return &tracer->sites.items[tracer->stacks.nodes[node].site];
}

static struct ctm_churn churn_of(const struct ctm_tracer *tracer, uint32_t node)
{
    return ctm_site_churn(&tracer->sites, tracer->stacks.nodes[node].site);
}

static void a_started_tracer_knows_the_unknown(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    const struct ctm_tracer *t = &f.tracer;
    assert_true(t->tracing);
    assert_int_equal(t->names.items[0].length, 0);
    const struct ctm_location_frame *frame =
        &t->stacks.frames[t->stacks.nodes[CTM_UNKNOWN_NODE].frame];
    assert_int_equal(frame->line, 0);
    assert_int_equal(frame->name, 0);
    assert_int_equal(t->names.items[frame->file].length, strlen("<unknown>"));
    assert_memory_equal(t->names.items[frame->file].bytes, "<unknown>", strlen("<unknown>"));
    assert_int_equal(test_stack_depth(&t->stacks, CTM_UNKNOWN_NODE), 1);
    ctm_tracer_allocated_hook(&f.tracer, BLOCK, 10, CTM_UNKNOWN_NODE);
    assert_int_equal(ctm_site_live_bytes(site_of(t, CTM_UNKNOWN_NODE)), 10);
    close_fixture(&f);
}

static void a_realloc_is_a_free_and_an_allocation(void **state)
{
    (void)state;
    struct fixture f;
    struct ctm_block old = {0};
    open_fixture(&f);
    uint32_t node = node_of(&f.tracer, "a.py", 1);
    ctm_tracer_allocated_hook(&f.tracer, BLOCK, 100, node);
    assert_true(ctm_tracer_freed_hook(&f.tracer, BLOCK, &old));
    assert_int_equal(old.size, 100);
    assert_int_equal(ctm_sites_current_bytes(&f.tracer.sites), 0);
    assert_false(ctm_tracer_freed_hook(&f.tracer, BLOCK, &old));
    ctm_tracer_allocated_hook(&f.tracer, BLOCK + 512, 200, node);
    assert_int_equal(ctm_sites_current_bytes(&f.tracer.sites), 200);
    assert_int_equal(f.tracer.sites.peak_bytes, 200);
    assert_int_equal(churn_of(&f.tracer, node).total_bytes, 300);
    assert_int_equal(churn_of(&f.tracer, node).total_blocks, 2);
    /* One that fails leaves all as it was. */
    assert_true(ctm_tracer_freed_hook(&f.tracer, BLOCK + 512, &old));
    ctm_tracer_restored_hook(&f.tracer, BLOCK + 512, old);
    assert_int_equal(ctm_sites_current_bytes(&f.tracer.sites), 200);
    assert_int_equal(ctm_sites_live_blocks(&f.tracer.sites), 1);
    assert_int_equal(churn_of(&f.tracer, node).total_blocks, 2);
    assert_int_equal(f.tracer.missed_frees, 0);
    close_fixture(&f);
}

static void a_missed_free_is_counted(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    uint32_t a = node_of(&f.tracer, "a.py", 1);
    uint32_t b = node_of(&f.tracer, "b.py", 1);
    ctm_tracer_allocated_hook(&f.tracer, BLOCK, 16, a);
    ctm_tracer_allocated_hook(&f.tracer, BLOCK, 4000, b);
    ctm_tracer_allocated_hook(&f.tracer, BLOCK, 16, a);
    assert_int_equal(f.tracer.missed_frees, 2);
    assert_int_equal(ctm_sites_current_bytes(&f.tracer.sites), 16);
    assert_int_equal(ctm_sites_live_blocks(&f.tracer.sites), 1);
    assert_int_equal(f.tracer.sites.peak_bytes, 4000);
    /* To report a block of domain 0 anew is no missed free. */
    assert_int_equal(ctm_tracer_track_hook(&f.tracer, 0, BLOCK, 20, b), CTM_OK);
    assert_int_equal(f.tracer.missed_frees, 2);
    assert_int_equal(ctm_sites_current_bytes(&f.tracer.sites), 20);
    /* A block that was put back where somebody else's is by now. */
    struct ctm_block old = {.size = 8, .site = f.tracer.stacks.nodes[a].site};
    ctm_tracer_restored_hook(&f.tracer, BLOCK, old);
    assert_int_equal(f.tracer.missed_frees, 3);
    assert_int_equal(ctm_sites_current_bytes(&f.tracer.sites), 8);
    close_fixture(&f);
}

static bool has_block(const struct fixture *f, uintptr_t address)
{
    struct ctm_block block;
    return ctm_blocks_get(&f->tracer.blocks, address, &block);
}

static void a_reused_block_is_the_new_lines(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    uint32_t a = node_of(&f.tracer, "a.py", 1);
    uint32_t b = node_of(&f.tracer, "b.py", 1);
    ctm_tracer_allocated_hook(&f.tracer, BLOCK, 24, a);
    ctm_tracer_reused_hook(&f.tracer, BLOCK, a);
    assert_int_equal(churn_of(&f.tracer, a).reused_blocks, 1);
    assert_int_equal(churn_of(&f.tracer, a).reused_bytes, 24);
    assert_int_equal(ctm_site_live_bytes(site_of(&f.tracer, a)), 24);
    ctm_tracer_reused_hook(&f.tracer, BLOCK, b);
    assert_int_equal(ctm_site_live_bytes(site_of(&f.tracer, a)), 0);
    assert_int_equal(ctm_site_live_bytes(site_of(&f.tracer, b)), 24);
    assert_int_equal(churn_of(&f.tracer, b).total_blocks, 0);
    assert_int_equal(churn_of(&f.tracer, a).reused_blocks, 1);
    assert_int_equal(churn_of(&f.tracer, b).reused_blocks, 1);
    assert_int_equal(ctm_site_peak_bytes(&f.tracer.sites, f.tracer.stacks.nodes[a].site), 24);
    assert_int_equal(ctm_site_peak_bytes(&f.tracer.sites, f.tracer.stacks.nodes[b].site), 0);
    assert_int_equal(ctm_sites_live_blocks(&f.tracer.sites), 1);
    /* Without a trace there is nothing to hand over. */
    ctm_tracer_reused_hook(&f.tracer, BLOCK + 32, b);
    assert_false(has_block(&f, BLOCK + 32));
    /* Without a stack there is no trace: better than one of the wrong line. */
    ctm_tracer_reused_hook(&f.tracer, BLOCK, CTM_NO_CONTEXT);
    assert_int_equal(f.tracer.dropped, 1);
    assert_int_equal(ctm_sites_live_blocks(&f.tracer.sites), 0);
    assert_false(has_block(&f, BLOCK));
    close_fixture(&f);
}

static struct ctm_dense dense_of(struct fixture *f, uintptr_t address)
{
    struct ctm_dense dense = ctm_blocks_dense(&f->tracer.blocks, address);
    assert_non_null(dense.entry);
    return dense;
}

static void a_spot_spares_the_look_for_a_site(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    uint32_t a = node_of(&f.tracer, "a.py", 1);
    uint32_t b = node_of(&f.tracer, "b.py", 1);
    struct ctm_spot unknown = ctm_tracer_spot(&f.tracer, a);
    struct ctm_spot none = ctm_tracer_spot(&f.tracer, CTM_NO_CONTEXT);
    assert_false(ctm_tracer_allocated_at_hook(&f.tracer, BLOCK, 24, unknown));
    assert_false(ctm_tracer_allocated_at_hook(&f.tracer, BLOCK, 24, none));
    assert_false(has_block(&f, BLOCK));
    ctm_tracer_allocated_hook(&f.tracer, BLOCK, 24, a);
    ctm_tracer_allocated_hook(&f.tracer, BLOCK + 32, 24, b);
    struct ctm_spot at_a = ctm_tracer_spot(&f.tracer, a);
    struct ctm_spot at_b = ctm_tracer_spot(&f.tracer, b);
    assert_true(ctm_tracer_allocated_at_hook(&f.tracer, BLOCK + 64, 30, at_a));
    assert_int_equal(ctm_site_live_bytes(site_of(&f.tracer, a)), 54);
    /* The site of another node. */
    struct ctm_spot mixed = {.node = a, .site = at_b.site};
    assert_false(ctm_tracer_allocated_at_hook(&f.tracer, BLOCK + 96, 30, mixed));
    assert_false(ctm_tracer_reused_at_hook(&f.tracer, dense_of(&f, BLOCK), mixed));
    /* In no array. */
    assert_false(ctm_tracer_allocated_at_hook(&f.tracer, BLOCK + 96, 4000, at_a));
    assert_false(has_block(&f, BLOCK + 96));

    assert_true(ctm_tracer_reused_at_hook(&f.tracer, dense_of(&f, BLOCK), at_a));
    assert_int_equal(churn_of(&f.tracer, a).reused_bytes, 24);
    assert_true(ctm_tracer_reused_at_hook(&f.tracer, dense_of(&f, BLOCK), at_b));
    assert_int_equal(churn_of(&f.tracer, b).reused_bytes, 24);
    assert_int_equal(ctm_site_live_bytes(site_of(&f.tracer, a)), 30);
    assert_int_equal(ctm_site_live_bytes(site_of(&f.tracer, b)), 48);
    close_fixture(&f);
}

static void what_has_no_stack_is_dropped(void **state)
{
    (void)state;
    struct fixture f;
    struct ctm_block old;
    open_fixture(&f);
    uint32_t a = node_of(&f.tracer, "a.py", 1);
    ctm_tracer_allocated_hook(&f.tracer, BLOCK, 16, CTM_NO_CONTEXT);
    assert_int_equal(f.tracer.dropped, 1);
    assert_int_equal(f.tracer.missed_frees, 0);
    assert_false(ctm_tracer_freed_hook(&f.tracer, BLOCK, &old));
    /* What was at the address before is not kept in its place. */
    ctm_tracer_allocated_hook(&f.tracer, BLOCK, 16, a);
    ctm_tracer_allocated_hook(&f.tracer, BLOCK, 32, CTM_NO_CONTEXT);
    assert_int_equal(f.tracer.dropped, 2);
    assert_int_equal(f.tracer.missed_frees, 1);
    assert_int_equal(ctm_sites_live_blocks(&f.tracer.sites), 0);
    assert_int_equal(ctm_tracer_track_hook(&f.tracer, 0, BLOCK, 1, CTM_NO_CONTEXT), CTM_ENOMEM);
    assert_int_equal(ctm_tracer_track_hook(&f.tracer, 7, BLOCK, 1, CTM_NO_CONTEXT), CTM_ENOMEM);
    assert_int_equal(f.tracer.dropped, 4);
    close_fixture(&f);
}

/* A realloc failed, and there is no memory any more to say that the block is still there. */
static void what_cannot_be_put_back_is_dropped(void **state)
{
    (void)state;
    struct fixture f;
    struct ctm_block old = {0};
    open_fixture(&f);
    uint32_t a = node_of(&f.tracer, "a.py", 1);
    ctm_tracer_allocated_hook(&f.tracer, BLOCK, 16, a);
    assert_true(ctm_tracer_freed_hook(&f.tracer, BLOCK, &old));
    /* Its page becomes one of another class, so that it would have to go to a hash table. */
    ctm_tracer_allocated_hook(&f.tracer, BLOCK + 512, 512, a);
    ctm_tracer_allocated_hook(&f.tracer, BLOCK + 4096, 5000, a); /* the first needs no table */
    test_refuse_next(&f.refusal, SIZE_MAX);
    ctm_tracer_restored_hook(&f.tracer, BLOCK, old);
    assert_int_equal(f.tracer.dropped, 1);
    assert_int_equal(ctm_sites_current_bytes(&f.tracer.sites), 5512);
    assert_int_equal(ctm_sites_live_blocks(&f.tracer.sites), 2);
    assert_false(ctm_tracer_freed_hook(&f.tracer, BLOCK, &old));
    f.refusal.first = 0;
    close_fixture(&f);
}

static void domains_have_sites_of_their_own(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    uint32_t a = node_of(&f.tracer, "a.py", 1);
    ctm_tracer_allocated_hook(&f.tracer, BLOCK, 16, a);
    assert_int_equal(ctm_tracer_track_hook(&f.tracer, 389047, BLOCK, 1000, a), CTM_OK);
    assert_int_equal(ctm_tracer_track_hook(&f.tracer, 389047, BLOCK, 2000, a), CTM_OK);
    assert_int_equal(ctm_sites_current_bytes(&f.tracer.sites), 2016);
    assert_int_equal(f.tracer.missed_frees, 0);
    assert_int_equal(ctm_site_live_bytes(site_of(&f.tracer, a)), 16);
    ctm_tracer_untrack_hook(&f.tracer, 1, BLOCK);
    assert_int_equal(ctm_sites_current_bytes(&f.tracer.sites), 2016);
    ctm_tracer_untrack_hook(&f.tracer, 389047, BLOCK);
    assert_int_equal(ctm_sites_current_bytes(&f.tracer.sites), 16);
    ctm_tracer_untrack_hook(&f.tracer, 0, BLOCK);
    assert_int_equal(ctm_sites_live_blocks(&f.tracer.sites), 0);
    assert_int_equal(f.tracer.sites.peak_bytes, 2016);
    close_fixture(&f);
}

static uint64_t peak_of(const struct ctm_tracer *tracer, uint32_t site)
{
    return ctm_site_peak_bytes(&tracer->sites, site);
}

static void a_block_handed_over_counts_once(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    struct ctm_sites *sites = &f.tracer.sites;
    uint32_t a = node_of(&f.tracer, "a.py", 1);
    for (uintptr_t i = 0; i < 2; i++) {
        ctm_tracer_allocated_hook(&f.tracer, BLOCK + i, 1000, a);
        ctm_tracer_disown_hook(&f.tracer, BLOCK + i);
        assert_int_equal(ctm_tracer_track_hook(&f.tracer, 7, BLOCK + i, 1000, a), CTM_OK);
    }
    uint32_t own = f.tracer.stacks.nodes[a].site;
    uint32_t other = ctm_sites_find(sites, 7, a);
    assert_int_equal(ctm_site_churn(sites, own).total_blocks, 0);
    assert_int_equal(ctm_site_churn(sites, own).total_bytes, 0);
    assert_int_equal(ctm_site_churn(sites, other).total_blocks, 2);
    assert_int_equal(sites->peak_bytes, 2000);
    assert_int_equal(peak_of(&f.tracer, own), 0);
    assert_int_equal(peak_of(&f.tracer, other), 2000);

    /* Churn was counted anew in between, and knows nothing of the block. */
    ctm_tracer_allocated_hook(&f.tracer, BLOCK + 2, 500, a);
    ctm_tracer_reset_churn(&f.tracer);
    ctm_tracer_disown_hook(&f.tracer, BLOCK + 2);
    assert_int_equal(ctm_site_churn(sites, own).total_blocks, 0);
    assert_int_equal(ctm_site_live_blocks(&sites->items[own]), 0);

    /* What is reported next is another block: the first moment at the peak counts. */
    assert_int_equal(ctm_tracer_track_hook(&f.tracer, 7, BLOCK + 3, 500, a), CTM_OK);
    assert_int_equal(sites->peak_bytes, 2500);
    assert_int_equal(peak_of(&f.tracer, own), 500);
    assert_int_equal(peak_of(&f.tracer, other), 2000);
    assert_null(ctm_tracer_check(&f.tracer));
    close_fixture(&f);
}

/* As numpy moves an array's data: the new block is Python's at first, then the old one goes. */
static void a_block_moved_and_handed_over_is_of_its_domain_at_the_peak(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    struct ctm_sites *sites = &f.tracer.sites;
    uint32_t a = node_of(&f.tracer, "a.py", 1);
    uint32_t b = node_of(&f.tracer, "b.py", 2);
    assert_int_equal(ctm_tracer_track_hook(&f.tracer, 7, BLOCK, 100, a), CTM_OK);
    ctm_tracer_allocated_hook(&f.tracer, BLOCK + 1, 300, a);
    ctm_tracer_disown_hook(&f.tracer, BLOCK + 1);
    ctm_tracer_untrack_hook(&f.tracer, 7, BLOCK);
    assert_int_equal(ctm_tracer_track_hook(&f.tracer, 7, BLOCK + 1, 300, b), CTM_OK);
    uint32_t own = f.tracer.stacks.nodes[a].site;
    assert_int_equal(sites->peak_bytes, 400);
    assert_int_equal(peak_of(&f.tracer, own), 0);
    assert_int_equal(peak_of(&f.tracer, ctm_sites_find(sites, 7, a)), 100);
    assert_int_equal(peak_of(&f.tracer, ctm_sites_find(sites, 7, b)), 300);

    /* Another size, another peak, and a block that came to the same height later: all stays. */
    ctm_tracer_allocated_hook(&f.tracer, BLOCK + 2, 500, a);
    ctm_tracer_disown_hook(&f.tracer, BLOCK + 2);
    assert_int_equal(ctm_tracer_track_hook(&f.tracer, 7, BLOCK + 2, 400, b), CTM_OK);
    assert_int_equal(peak_of(&f.tracer, own), 500);
    ctm_tracer_untrack_hook(&f.tracer, 7, BLOCK + 2);
    ctm_tracer_allocated_hook(&f.tracer, BLOCK + 2, 500, b);
    ctm_tracer_disown_hook(&f.tracer, BLOCK + 2);
    assert_int_equal(ctm_tracer_track_hook(&f.tracer, 7, BLOCK + 2, 500, b), CTM_OK);
    assert_int_equal(sites->room_bytes, 0);
    assert_int_equal(peak_of(&f.tracer, own), 500);
    ctm_tracer_untrack_hook(&f.tracer, 7, BLOCK + 2);
    ctm_tracer_allocated_hook(&f.tracer, BLOCK + 2, 600, a);
    ctm_tracer_disown_hook(&f.tracer, BLOCK + 2);
    ctm_sites_new_peak(sites);
    assert_int_equal(ctm_tracer_track_hook(&f.tracer, 7, BLOCK + 2, 600, b), CTM_OK);
    assert_int_equal(peak_of(&f.tracer, own), 0);
    assert_int_equal(peak_of(&f.tracer, ctm_sites_find(sites, 7, b)), 900);
    assert_null(ctm_tracer_check(&f.tracer));
    close_fixture(&f);
}

/* Pages without small blocks, far from those that had some. */
static void large_blocks_have_pages_of_their_own(void **state)
{
    (void)state;
    const uintptr_t far = (uintptr_t)1 << 26;
    struct fixture f;
    struct ctm_block old;
    open_fixture(&f);
    uint32_t a = node_of(&f.tracer, "a.py", 1);
    ctm_tracer_allocated_hook(&f.tracer, BLOCK, 16, a);
    for (uintptr_t i = 1; i <= 3; i++) {
        ctm_tracer_allocated_hook(&f.tracer, BLOCK + i * far, 1000 * i, a);
        assert_null(ctm_tracer_check(&f.tracer));
    }
    ctm_tracer_allocated_hook(&f.tracer, BLOCK + far, 5000, a);
    assert_int_equal(f.tracer.missed_frees, 1);
    assert_int_equal(ctm_sites_live_blocks(&f.tracer.sites), 4);
    ctm_tracer_untrack_hook(&f.tracer, 0, BLOCK + far);
    assert_false(ctm_tracer_freed_hook(&f.tracer, BLOCK + far, &old));
    assert_int_equal(ctm_sites_current_bytes(&f.tracer.sites), 5016);
    close_fixture(&f);
}

static struct ctm_owner *own(struct fixture *f, uintptr_t address)
{
    struct ctm_owner *owner = ctm_tracer_add_owner_hook(&f->tracer, address);
    assert_non_null(owner);
    owner->first = address + 100;
    owner->last = address + 110;
    owner->step = 2;
    for (uintptr_t at = owner->first; at < owner->last; at += 2) {
        assert_non_null(ctm_locations_add(&f->tracer.locations, at, 0));
    }
    return owner;
}

static bool is_known(const struct fixture *f, uintptr_t address)
{
    bool known = ctm_locations_owner(&f->tracer.locations, address) != NULL;
    for (uintptr_t at = address + 100; at < address + 110; at += 2) {
        assert_true((ctm_locations_find(&f->tracer.locations, at) != NULL) == known);
    }
    return known;
}

/* Each way in which the tracer can learn that an owner's block is gone. */
static void a_dead_owner_is_forgotten(void **state)
{
    (void)state;
    struct fixture f;
    struct ctm_block old;
    open_fixture(&f);
    uint32_t a = node_of(&f.tracer, "a.py", 1);
    for (int way = 0; way < 6; way++) {
        uintptr_t address = BLOCK + 4096 * (uintptr_t)way;
        if (way != 0) {
            ctm_tracer_allocated_hook(&f.tracer, address, way == 5 ? 10000 : 400, a);
        }
        (void)own(&f, address);
        (void)own(&f, address + 2048);
        assert_true(is_known(&f, address));
        uint64_t generation = f.tracer.generation;
        uint64_t era = f.tracer.era;
        switch (way) {
        case 0: /* it had no trace */
            assert_false(ctm_tracer_freed_hook(&f.tracer, address, &old));
            break;
        case 1:
            assert_true(ctm_tracer_freed_hook(&f.tracer, address, &old));
            break;
        case 2: /* unseen: its address is handed out again */
            ctm_tracer_allocated_hook(&f.tracer, address, 400, a);
            break;
        case 3:
            ctm_tracer_allocated_hook(&f.tracer, address, 400, CTM_NO_CONTEXT);
            break;
        case 4:
            ctm_tracer_allocated_hook(&f.tracer, address, 10000, a);
            break;
        case 5: /* it was the last large block that came */
            ctm_tracer_untrack_hook(&f.tracer, 0, address);
            break;
        default:
            fail();
        }
        assert_false(is_known(&f, address));
        assert_true(is_known(&f, address + 2048)); /* a neighbour in the same page lives on */
        assert_true(f.tracer.generation != generation);
        assert_int_equal(f.tracer.era, era); /* ids are what they were */
    }
    uint64_t generation = f.tracer.generation;
    ctm_tracer_allocated_hook(&f.tracer, BLOCK + 16, 16, a);
    assert_true(ctm_tracer_freed_hook(&f.tracer, BLOCK + 16, &old));
    assert_int_equal(f.tracer.generation, generation);
    ctm_tracer_watched_hook(&f.tracer, 0); /* no block and no owner has this address */
    assert_int_equal(f.tracer.generation, generation);
    close_fixture(&f);
}

static void owners_need_memory(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    test_refuse_next(&f.refusal, 1); /* the leaf */
    assert_null(ctm_tracer_add_owner_hook(&f.tracer, BLOCK));
    f.refusal.first = f.refusal.asked + 2; /* the map */
    assert_null(ctm_tracer_add_owner_hook(&f.tracer, BLOCK));
    assert_int_equal(ctm_blocks_page(&f.tracer.blocks, BLOCK)->watched, 0);
    assert_null(ctm_tracer_add_owner_hook(&f.tracer, UINTPTR_MAX - 15));
    assert_null(ctm_tracer_check(&f.tracer));
    (void)own(&f, BLOCK);
    close_fixture(&f);
}

static void stop_gives_all_memory_back(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    for (uint32_t i = 0; i < 5000; i++) {
        ctm_tracer_allocated_hook(&f.tracer, BLOCK + 32 * i, 16 + i, node_of(&f.tracer, "a.py", i));
    }
    f.tracer.lost = 3;
    f.tracer.dropped = 4;
    f.tracer.missed_frees = 5;
    uint64_t generation = f.tracer.generation;
    uint64_t era = f.tracer.era;
    ctm_tracer_stop(&f.tracer);
    assert_false(f.tracer.tracing);
    assert_true(f.tracer.generation != generation);
    assert_true(f.tracer.era != era);
    assert_int_equal(f.tracer.pages.mapped, 0);
    assert_int_equal(ctm_pages_resident(&f.tracer.pages), 0);
    assert_null(ctm_tracer_check(&f.tracer));
    /* What went wrong can still be asked, until the next start. */
    assert_int_equal(f.tracer.lost, 3);
    assert_int_equal(f.tracer.dropped, 4);
    assert_int_equal(f.tracer.missed_frees, 5);
    ctm_tracer_stop(&f.tracer);
    assert_int_equal(ctm_tracer_start(&f.tracer), CTM_OK);
    assert_int_equal(f.tracer.lost + f.tracer.dropped + f.tracer.missed_frees, 0);
    assert_int_equal(ctm_sites_current_bytes(&f.tracer.sites), 0);
    close_fixture(&f);
}

static void clear_forgets_the_traces_only(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    uint32_t a = node_of(&f.tracer, "a.py", 1);
    ctm_tracer_allocated_hook(&f.tracer, BLOCK, 16, a);
    (void)own(&f, BLOCK + 4096);
    f.tracer.lost = 3;
    f.tracer.dropped = 4;
    f.tracer.missed_frees = 5;
    uint64_t generation = f.tracer.generation;
    uint64_t era = f.tracer.era;
    assert_int_equal(ctm_tracer_clear(&f.tracer), CTM_OK);
    assert_true(f.tracer.tracing);
    assert_true(f.tracer.generation != generation);
    assert_true(f.tracer.era != era);
    assert_int_equal(f.tracer.lost, 3);
    assert_int_equal(f.tracer.dropped, 4);
    assert_int_equal(f.tracer.missed_frees, 5);
    assert_int_equal(f.tracer.sites.peak_bytes, 0);
    assert_false(has_block(&f, BLOCK));
    assert_false(is_known(&f, BLOCK + 4096));

    test_refuse_next(&f.refusal, 1);
    assert_int_equal(ctm_tracer_clear(&f.tracer), CTM_ENOMEM);
    assert_false(f.tracer.tracing);
    assert_int_equal(f.tracer.dropped, 4);
    assert_int_equal(f.tracer.pages.mapped, 0);
    assert_int_equal(ctm_tracer_start(&f.tracer), CTM_OK);
    close_fixture(&f);
}

/* Each request of a start refused: it does not trace, holds nothing, and starts the next time. */
static void a_start_that_fails_leaves_nothing(void **state)
{
    (void)state;
    size_t requests = 0;
    for (size_t nth = 1; nth == 1 || nth <= requests; nth++) {
        struct fixture f;
        memset(&f.refusal, 0, sizeof f.refusal);
        ctm_tracer_init(&f.tracer);
        test_refuse(&f.tracer.pages, &f.refusal);
        f.refusal.first = nth;
        f.refusal.count = 1;
        assert_int_equal(ctm_tracer_start(&f.tracer), CTM_ENOMEM);
        assert_null(ctm_tracer_check(&f.tracer));
        size_t asked = f.refusal.asked;
        assert_int_equal(ctm_tracer_start(&f.tracer), CTM_OK);
        requests = f.refusal.asked - asked;
        close_fixture(&f);
    }
    assert_true(requests > 8);
}

static void tracers_do_not_know_each_other(void **state)
{
    (void)state;
    struct fixture f;
    struct fixture g;
    struct ctm_block old;
    open_fixture(&f);
    open_fixture(&g);
    ctm_tracer_allocated_hook(&f.tracer, BLOCK, 16, CTM_UNKNOWN_NODE);
    assert_false(ctm_tracer_freed_hook(&g.tracer, BLOCK, &old));
    assert_int_equal(g.tracer.sites.peak_bytes, 0);
    close_fixture(&g);
    assert_true(ctm_tracer_freed_hook(&f.tracer, BLOCK, &old));
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_started_tracer_knows_the_unknown),
        cmocka_unit_test(a_realloc_is_a_free_and_an_allocation),
        cmocka_unit_test(a_missed_free_is_counted),
        cmocka_unit_test(a_reused_block_is_the_new_lines),
        cmocka_unit_test(a_spot_spares_the_look_for_a_site),
        cmocka_unit_test(what_has_no_stack_is_dropped),
        cmocka_unit_test(what_cannot_be_put_back_is_dropped),
        cmocka_unit_test(domains_have_sites_of_their_own),
        cmocka_unit_test(a_block_handed_over_counts_once),
        cmocka_unit_test(a_block_moved_and_handed_over_is_of_its_domain_at_the_peak),
        cmocka_unit_test(large_blocks_have_pages_of_their_own),
        cmocka_unit_test(a_dead_owner_is_forgotten),
        cmocka_unit_test(owners_need_memory),
        cmocka_unit_test(stop_gives_all_memory_back),
        cmocka_unit_test(clear_forgets_the_traces_only),
        cmocka_unit_test(a_start_that_fails_leaves_nothing),
        cmocka_unit_test(tracers_do_not_know_each_other),
    };
    return cmocka_run_group_tests_name("tracer", tests, NULL, NULL);
}
