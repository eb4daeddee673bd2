/* What belongs to no live stack is given back, and what it counted is kept. */
#include "support.h"

#include <stdio.h>
#include <string.h>

#include "engine/check.h"
#include "engine/reclaim.h"

#define BLOCK UINT64_C(0x7f0000000030)

static void check(const struct ctm_tracer *tracer)
{
    const char *broken = ctm_tracer_check(tracer);
    if (broken != NULL) {
        fail_msg("%s", broken);
    }
}

static uint32_t frame_of(struct ctm_tracer *tracer, const char *file, uint32_t line)
{
    struct ctm_location_frame frame = {.line = line};
    uint32_t id;
    assert_int_equal(ctm_names_intern(&tracer->names, file, strlen(file), &frame.file), CTM_OK);
    assert_int_equal(ctm_names_intern(&tracer->names, "run", 3, &frame.name), CTM_OK);
    assert_int_equal(ctm_stacks_frame(&tracer->stacks, frame, &id), CTM_OK);
    return id;
}

static uint32_t node_of(struct ctm_tracer *tracer, const char *file, uint32_t line)
{
    uint32_t main;
    uint32_t node;
    assert_int_equal(ctm_stacks_child(&tracer->stacks, ctm_stacks_root(0),
                                      frame_of(tracer, "main.py", 1), &main),
                     CTM_OK);
    assert_int_equal(ctm_stacks_child(&tracer->stacks, main, frame_of(tracer, file, line), &node),
                     CTM_OK);
    return node;
}

static void intern_many(struct ctm_tracer *tracer, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        char name[32];
        uint32_t id;
        (void)snprintf(name, sizeof name, "code_%u.py", i);
        assert_int_equal(ctm_names_intern(&tracer->names, name, strlen(name), &id), CTM_OK);
    }
}

static void open_tracer(struct ctm_tracer *tracer)
{
    ctm_tracer_init(tracer);
    assert_int_equal(ctm_tracer_start(tracer), CTM_OK);
}

static void reclaim(struct ctm_tracer *tracer)
{
    test_give_back(tracer);
    check(tracer);
}

/* Steps, until the one that begins `pass`. */
static void step_until(struct ctm_tracer *tracer, enum ctm_reclaim_pass pass)
{
    do {
        ctm_reclaim_step_hook(tracer, CTM_UNKNOWN_NODE);
    } while (tracer->reclaim.pass != pass);
}

/* Allocate and free one block of `size` at a line. */
static void churn(struct ctm_tracer *tracer, const char *file, uint32_t line, uint64_t size)
{
    struct ctm_block old;
    ctm_tracer_allocated_hook(tracer, BLOCK, size, node_of(tracer, file, line));
    assert_true(ctm_tracer_freed_hook(tracer, BLOCK, &old));
}

/* Let an instruction lead to a node, and return where it leads. */
static struct ctm_spot remember(struct ctm_tracer *tracer, uintptr_t instruction, uint32_t node)
{
    struct ctm_context context = tracer->stacks.nodes[node];
    struct ctm_location *location =
        ctm_locations_add(&tracer->locations, instruction, context.frame);
    assert_non_null(location);
    location->parent = context.parent;
    location->spot = ctm_tracer_spot(tracer, node);
    return location->spot;
}

static bool is_place(const struct ctm_tracer *tracer, uint32_t file, uint32_t line,
                     const char *wanted_file, uint32_t wanted_line)
{
    if (wanted_line != UINT32_MAX && line != wanted_line) {
        return false;
    }
    if (wanted_file == NULL || file == CTM_FOLDED_REST) {
        return wanted_file == NULL;
    }
    const struct ctm_name *name = &tracer->names.items[file];
    return name->length == strlen(wanted_file) &&
           memcmp(name->bytes, wanted_file, name->length) == 0;
}

/* Blocks ever allocated at a line; all lines of a file if it is UINT32_MAX; of all if no file. */
static uint64_t churn_of(const struct ctm_tracer *tracer, const char *file, uint32_t line)
{
    uint64_t blocks = 0;
    for (uint32_t id = 1; id < tracer->sites.length; id++) {
        const struct ctm_site *site = &tracer->sites.items[id];
        if (ctm_site_is_free(site)) {
            continue;
        }
        const struct ctm_location_frame *frame =
            &tracer->stacks.frames[tracer->stacks.nodes[ctm_site_node(site)].frame];
        if (is_place(tracer, frame->file, frame->line, file, line)) {
            blocks += ctm_site_churn(&tracer->sites, id).total_blocks;
        }
    }
    for (uint32_t i = 0; i < tracer->folded.length; i++) {
        const struct ctm_folded_row *row = &tracer->folded.rows[i];
        if (is_place(tracer, row->place.file, row->place.line, file, line)) {
            blocks += row->churn.total_blocks;
        }
    }
    return blocks;
}

/* The same that is known of no file. */
static uint64_t churn_of_rest(const struct ctm_tracer *tracer)
{
    uint64_t blocks = 0;
    for (uint32_t i = 0; i < tracer->folded.length; i++) {
        const struct ctm_folded_row *row = &tracer->folded.rows[i];
        blocks += row->place.file == CTM_FOLDED_REST ? row->churn.total_blocks : 0;
    }
    return blocks;
}

static void a_service_keeps_what_is_live(void **state)
{
    (void)state;
    struct ctm_tracer tracer;
    size_t most[2] = {0, 0}; /* bytes, on the first days and later */
    uint64_t count = 0;
    open_tracer(&tracer);
    tracer.reclaim.least = tracer.reclaim.at = 1000;
    tracer.folded.line_limit = 500;
    tracer.folded.file_limit = 500;
    ctm_tracer_allocated_hook(&tracer, BLOCK + 64, 100, node_of(&tracer, "live.py", 7));
    ctm_tracer_allocated_hook(&tracer, BLOCK + 4096, 100000, node_of(&tracer, "peak.py", 8));
    struct ctm_block old;
    assert_true(ctm_tracer_freed_hook(&tracer, BLOCK + 4096, &old));
    for (uint32_t day = 0; day < 20; day++) {
        for (uint32_t i = 0; i < 10000; i++, count++) {
            char file[64];
            (void)snprintf(file, sizeof file, "/templates/compiled_%u_%u.py", day, i);
            churn(&tracer, file, i, 24);
            most[day >= 5] =
                tracer.pages.mapped > most[day >= 5] ? tracer.pages.mapped : most[day >= 5];
        }
        check(&tracer);
    }
    assert_true(tracer.reclaim.cycles > 15 && tracer.reclaim.cycles < 10000);
    assert_true(most[1] <= most[0]);
    assert_int_equal(tracer.reclaim.patience, 1);
    assert_true(tracer.stacks.node_length < 1500 && tracer.names.length < 2500);
    assert_true(tracer.sites.length < 1500);
    /* The sum is exact, always. */
    assert_int_equal(churn_of(&tracer, NULL, UINT32_MAX), count + 2);
    assert_false(tracer.folded.exact);
    assert_true(churn_of_rest(&tracer) > 0);
    /* What lives, and what was there at the peak, is untouched. */
    const struct ctm_stacks *stacks = &tracer.stacks;
    uint32_t live = stacks->nodes[node_of(&tracer, "live.py", 7)].site;
    uint32_t peak = stacks->nodes[node_of(&tracer, "peak.py", 8)].site;
    assert_int_equal(ctm_site_live_bytes(&tracer.sites.items[live]), 100);
    assert_int_equal(ctm_site_peak_bytes(&tracer.sites, peak), 100000);
    ctm_tracer_stop(&tracer);
}

enum { LEAST = 1000 };

/* Code that lives: its instructions keep their frames. */
static void load(struct ctm_tracer *tracer, const char *file, uint32_t lines)
{
    for (uint32_t line = 1; line <= lines; line++) {
        assert_non_null(
            ctm_locations_add(&tracer->locations, 0x1000 + line, frame_of(tracer, file, line)));
    }
}

/* Go through `lines` stacks, one block from each; how many of their nodes had to be made. */
static uint32_t pass_through(struct ctm_tracer *tracer, const char *file, uint32_t lines)
{
    uint32_t made = 0;
    for (uint32_t line = 1; line <= lines; line++) {
        uint32_t parent = node_of(tracer, "base.py", 1);
        uint32_t frame = frame_of(tracer, file, line);
        made += ctm_stacks_find(&tracer->stacks, parent, frame) == UINT32_MAX ? 1 : 0;
        uint32_t node;
        assert_int_equal(ctm_stacks_child(&tracer->stacks, parent, frame, &node), CTM_OK);
        struct ctm_block old;
        ctm_tracer_allocated_hook(tracer, BLOCK, 8, node);
        assert_true(ctm_tracer_freed_hook(tracer, BLOCK, &old));
        assert_true(tracer->reclaim.patience >= 1 && tracer->reclaim.patience <= 4);
    }
    return made;
}

static void open_impatient(struct ctm_tracer *tracer)
{
    open_tracer(tracer);
    tracer->reclaim.least = tracer->reclaim.at = LEAST;
    /* The peak is elsewhere. */
    struct ctm_block old;
    ctm_tracer_allocated_hook(tracer, BLOCK, 1 << 20, node_of(tracer, "peak.py", 1));
    assert_true(ctm_tracer_freed_hook(tracer, BLOCK, &old));
}

/* Stacks that come back, more than the tables are to hold at first, are made a few times only. */
static void what_comes_back_is_kept(void **state)
{
    (void)state;
    struct ctm_tracer tracer;
    open_impatient(&tracer);
    uint32_t lines = LEAST * 3;
    load(&tracer, "deep.py", lines);
    assert_int_equal(pass_through(&tracer, "deep.py", lines), lines);
    uint32_t again = 0;
    for (int pass = 0; pass < 5; pass++) {
        again += pass_through(&tracer, "deep.py", lines);
    }
    assert_true(again > 0 && again < lines * 3);
    for (int pass = 0; pass < 20; pass++) {
        assert_int_equal(pass_through(&tracer, "deep.py", lines), 0);
    }
    check(&tracer);
    ctm_tracer_stop(&tracer);
}

/* However many come back, the tables hold no more than four times what they held at first, and what
 * is asked for during a cycle. */
static void patience_has_an_end(void **state)
{
    (void)state;
    struct ctm_tracer tracer;
    open_impatient(&tracer);
    load(&tracer, "deep.py", LEAST * 10);
    for (int pass = 0; pass < 20; pass++) {
        (void)pass_through(&tracer, "deep.py", LEAST * 10);
        assert_true(tracer.stacks.node_index.used < LEAST * 8);
    }
    assert_int_equal(tracer.reclaim.patience, 4);
    check(&tracer);
    ctm_tracer_stop(&tracer);
}

/* When what is made is new again, as much is given back as before. */
static void patience_is_lost_on_what_is_new(void **state)
{
    (void)state;
    struct ctm_tracer tracer;
    open_impatient(&tracer);
    load(&tracer, "deep.py", LEAST * 3);
    for (int pass = 0; pass < 10; pass++) {
        (void)pass_through(&tracer, "deep.py", LEAST * 3);
    }
    assert_true(tracer.reclaim.patience > 1);
    for (uint32_t i = 0; i < 20; i++) {
        char file[32];
        (void)snprintf(file, sizeof file, "new_%u.py", i);
        assert_int_equal(pass_through(&tracer, file, LEAST), LEAST);
    }
    assert_int_equal(tracer.reclaim.patience, 1);
    assert_true(tracer.stacks.node_index.used < LEAST * 3 / 2);
    check(&tracer);
    ctm_tracer_stop(&tracer);
}

static void churn_is_folded_into_line_then_file_then_one_row(void **state)
{
    (void)state;
    struct ctm_tracer tracer;
    open_tracer(&tracer);
    tracer.folded.line_limit = 2;
    tracer.folded.file_limit = 2;
    ctm_tracer_allocated_hook(&tracer, BLOCK + 64, 1 << 20, node_of(&tracer, "live.py", 7));
    churn(&tracer, "a.py", 1, 8);
    churn(&tracer, "a.py", 2, 8);
    ctm_sites_new_peak(&tracer.sites);
    reclaim(&tracer);
    assert_int_equal(churn_of(&tracer, "a.py", 1), 1);
    assert_int_equal(churn_of(&tracer, "a.py", 2), 1);
    assert_true(tracer.folded.exact);
    /* Again: into the same two. */
    churn(&tracer, "a.py", 1, 8);
    churn(&tracer, "a.py", 3, 8);
    ctm_sites_new_peak(&tracer.sites);
    reclaim(&tracer);
    assert_int_equal(churn_of(&tracer, "a.py", 1), 2);
    assert_int_equal(churn_of(&tracer, "a.py", 3), 0);
    assert_int_equal(churn_of(&tracer, "a.py", 0), 1);
    assert_false(tracer.folded.exact);
    churn(&tracer, "b.py", 1, 8);
    ctm_sites_new_peak(&tracer.sites);
    reclaim(&tracer);
    churn(&tracer, "c.py", 1, 8);
    ctm_sites_new_peak(&tracer.sites);
    reclaim(&tracer);
    assert_int_equal(churn_of(&tracer, "b.py", 0), 1);
    assert_int_equal(churn_of(&tracer, "c.py", UINT32_MAX), 0);
    assert_int_equal(churn_of_rest(&tracer), 1);
    assert_int_equal(churn_of(&tracer, NULL, UINT32_MAX), 7);
    /* Without churn, nothing of it is left. */
    ctm_tracer_reset_churn(&tracer);
    ctm_sites_new_peak(&tracer.sites);
    reclaim(&tracer);
    assert_true(tracer.folded.exact);
    assert_int_equal(tracer.stacks.node_index.used, 3); /* unknown, main.py, live.py */
    ctm_tracer_stop(&tracer);
}

static void what_was_at_the_peak_stays_until_the_next(void **state)
{
    (void)state;
    struct ctm_tracer tracer;
    struct ctm_block old;
    open_tracer(&tracer);
    ctm_tracer_allocated_hook(&tracer, BLOCK, 100, node_of(&tracer, "a.py", 1));
    assert_true(ctm_tracer_freed_hook(&tracer, BLOCK, &old));
    uint32_t site = tracer.stacks.nodes[node_of(&tracer, "a.py", 1)].site;
    reclaim(&tracer);
    assert_int_equal(tracer.stacks.nodes[node_of(&tracer, "a.py", 1)].site, site);
    ctm_tracer_allocated_hook(&tracer, BLOCK, 200, node_of(&tracer, "b.py", 1));
    reclaim(&tracer);
    assert_int_equal(tracer.stacks.nodes[node_of(&tracer, "a.py", 1)].site, CTM_NO_SITE);
    ctm_tracer_stop(&tracer);
}

static void instructions_are_remembered_under_new_ids(void **state)
{
    (void)state;
    struct ctm_tracer tracer;
    open_tracer(&tracer);
    churn(&tracer, "dead.py", 1, 8);
    ctm_tracer_allocated_hook(&tracer, BLOCK, 1000, node_of(&tracer, "live.py", 2));
    uint32_t live = node_of(&tracer, "live.py", 2);
    uint32_t dead = node_of(&tracer, "idle.py", 3);
    uint32_t nodes[] = {live, dead};
    for (uintptr_t i = 0; i < 2; i++) {
        (void)remember(&tracer, 0x1000 + i, nodes[i]);
    }
    assert_non_null(ctm_tracer_add_owner_hook(&tracer, BLOCK + 64));
    reclaim(&tracer);
    const struct ctm_location *kept = ctm_locations_find(&tracer.locations, 0x1000);
    assert_int_equal(kept->spot.node, node_of(&tracer, "live.py", 2));
    assert_int_not_equal(kept->parent, CTM_NO_CONTEXT);
    /* Its code may run again: the frame is there, a node of it is not. */
    const struct ctm_location *idle = ctm_locations_find(&tracer.locations, 0x1001);
    assert_int_equal(idle->parent, CTM_NO_CONTEXT);
    assert_int_equal(idle->frame, frame_of(&tracer, "idle.py", 3));
    ctm_tracer_stop(&tracer);
}

/* Names that no frame has are an owner's, which may make a frame of them at any time. */
static void owners_keep_their_names(void **state)
{
    (void)state;
    struct ctm_tracer tracer;
    open_tracer(&tracer);
    (void)remember(&tracer, 0x1000, node_of(&tracer, "a.py", 1));
    struct ctm_owner *owner = ctm_tracer_add_owner_hook(&tracer, BLOCK);
    assert_non_null(owner);
    assert_int_equal(ctm_names_intern(&tracer.names, "file.py", 7, &owner->file), CTM_OK);
    assert_int_equal(ctm_names_intern(&tracer.names, "owner", 5, &owner->name), CTM_OK);
    /* The pass begins anew if a map has moved: that is not what makes it begin at all. */
    assert_int_equal(tracer.locations.owners.moves, tracer.locations.instructions.moves);
    reclaim(&tracer);
    assert_true(is_place(&tracer, owner->file, 0, "file.py", 0));
    assert_true(is_place(&tracer, owner->name, 0, "owner", 0));
    ctm_tracer_stop(&tracer);
}

/* The pass over a map that has moved begins anew: what was ahead may lie behind by now. */
static void a_map_may_move_in_the_middle(void **state)
{
    (void)state;
    enum { OWNERS = 128 }; /* the next one makes the map larger */
    struct ctm_tracer tracer;
    uint32_t files[OWNERS];
    open_tracer(&tracer);
    for (uint32_t i = 0; i < OWNERS; i++) {
        char name[16];
        struct ctm_owner *owner = ctm_tracer_add_owner_hook(&tracer, BLOCK + 64 * i);
        assert_non_null(owner);
        (void)snprintf(name, sizeof name, "file_%03u.py", i);
        assert_int_equal(ctm_names_intern(&tracer.names, name, 11, &owner->file), CTM_OK);
        files[i] = owner->file;
    }
    tracer.reclaim.pace = 1;
    step_until(&tracer, CTM_RECLAIM_OWNERS);
    while (tracer.reclaim.left > OWNERS) {
        ctm_reclaim_step_hook(&tracer, CTM_UNKNOWN_NODE);
    }
    uint32_t moves = tracer.locations.owners.moves;
    assert_non_null(ctm_tracer_add_owner_hook(&tracer, BLOCK + 64 * OWNERS));
    assert_int_not_equal(tracer.locations.owners.moves, moves);
    step_until(&tracer, CTM_RECLAIM_IDLE);
    for (uint32_t i = 0; i < OWNERS; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "file_%03u.py", i);
        assert_true(is_place(&tracer, files[i], 0, name, 0));
    }
    ctm_tracer_stop(&tracer);
}

/* A node that was not idle when its instruction was looked at, and is when its turn comes. */
static void what_is_remembered_stays_when_what_it_called_goes(void **state)
{
    (void)state;
    struct ctm_tracer tracer;
    open_tracer(&tracer);
    uint32_t called = node_of(&tracer, "a.py", 1);
    uint32_t caller = tracer.stacks.nodes[called].parent;
    (void)remember(&tracer, 0x1000, caller);
    step_until(&tracer, CTM_RECLAIM_IDLE);
    assert_true(ctm_context_is_idle(&tracer.stacks.nodes[caller]));
    assert_false(ctm_stacks_is_free_node(&tracer.stacks, caller));
    /* It goes in the next cycle, in which the instruction forgets it first. */
    step_until(&tracer, CTM_RECLAIM_IDLE);
    assert_int_equal(ctm_locations_find(&tracer.locations, 0x1000)->parent, CTM_NO_CONTEXT);
    ctm_tracer_stop(&tracer);
}

/* The node is kept for its child, the site that it had is not. */
static void remembered_sites_are_forgotten_with_them(void **state)
{
    (void)state;
    struct ctm_tracer tracer;
    open_tracer(&tracer);
    ctm_tracer_allocated_hook(&tracer, BLOCK, 1000, node_of(&tracer, "live.py", 2));
    uint32_t live = node_of(&tracer, "live.py", 2);
    uint32_t caller = tracer.stacks.nodes[live].parent;
    struct ctm_block old;
    ctm_tracer_allocated_hook(&tracer, BLOCK + 64, 8, caller);
    assert_true(ctm_tracer_freed_hook(&tracer, BLOCK + 64, &old));
    ctm_tracer_reset_churn(&tracer);
    ctm_sites_new_peak(&tracer.sites);
    uint32_t nodes[] = {live, caller};
    for (uintptr_t i = 0; i < 2; i++) {
        assert_true(ctm_tracer_knows_spot(&tracer, remember(&tracer, 0x1000 + i, nodes[i])));
    }
    reclaim(&tracer);
    const struct ctm_location *kept = ctm_locations_find(&tracer.locations, 0x1000);
    assert_true(ctm_tracer_knows_spot(&tracer, kept->spot));
    const struct ctm_location *siteless = ctm_locations_find(&tracer.locations, 0x1001);
    assert_int_equal(siteless->spot.node, caller);
    assert_int_equal(siteless->spot.site, CTM_NO_SITE);
    assert_false(ctm_tracer_knows_spot(&tracer, siteless->spot));
    /* Nothing was counted since: no line needs to remember it. */
    assert_int_equal(tracer.folded.length, 0);
    ctm_tracer_stop(&tracer);
}

/* What an edge leads to is asked for again, so that nodes in use are seen to be. */
static void edges_are_forgotten_once_sites_are_gone(void **state)
{
    (void)state;
    struct ctm_tracer tracer;
    open_tracer(&tracer);
    ctm_tracer_allocated_hook(&tracer, BLOCK, 1000, node_of(&tracer, "live.py", 2));
    churn(&tracer, "dead.py", 1, 8);
    uint32_t dead = node_of(&tracer, "dead.py", 1);
    struct ctm_context context = tracer.stacks.nodes[dead];
    uint64_t key = ctm_edge_key(context.parent, context.frame);
    ctm_stacks_learn_site(&tracer.stacks, dead);
    const struct ctm_edge *edge = ctm_edges_place(tracer.stacks.edges, key);
    assert_true(edge->key == key);
    assert_true(ctm_tracer_knows_spot(&tracer, edge->spot));
    reclaim(&tracer);
    assert_true(edge->key != key);
    ctm_tracer_stop(&tracer);
}

static void the_stack_in_hand_is_kept(void **state)
{
    (void)state;
    struct ctm_tracer tracer;
    open_tracer(&tracer);
    for (uint32_t line = 1; line < 100; line++) {
        churn(&tracer, "a.py", line, 8);
    }
    uint32_t node = node_of(&tracer, "b.py", 1);
    uint32_t domain_node = node_of(&tracer, "b.py", 2);
    tracer.reclaim.pace = 1000;
    step_until(&tracer, CTM_RECLAIM_FOLDED);
    ctm_tracer_allocated_hook(&tracer, BLOCK, 100, node);
    check(&tracer);
    assert_int_equal(node_of(&tracer, "b.py", 1), node);
    assert_int_equal(ctm_site_live_bytes(&tracer.sites.items[tracer.stacks.nodes[node].site]), 100);
    /* Nothing held the other one. */
    assert_int_not_equal(tracer.stacks.nodes[domain_node].frame, frame_of(&tracer, "b.py", 2));
    step_until(&tracer, CTM_RECLAIM_IDLE);
    domain_node = node_of(&tracer, "b.py", 2);
    step_until(&tracer, CTM_RECLAIM_FOLDED);
    assert_int_equal(ctm_tracer_track_hook(&tracer, 5, BLOCK, 50, domain_node), CTM_OK);
    check(&tracer);
    assert_int_equal(node_of(&tracer, "b.py", 2), domain_node);
    uint32_t site = ctm_sites_find(&tracer.sites, 5, domain_node);
    assert_int_equal(ctm_site_live_bytes(&tracer.sites.items[site]), 50);
    ctm_tracer_stop(&tracer);
}

/* What an instruction remembers is right at any time, whenever it began to remember it. */
static void instructions_may_remember_in_the_middle(void **state)
{
    (void)state;
    for (uint32_t pass = CTM_RECLAIM_SITES; pass <= CTM_RECLAIM_NAMES; pass++) {
        struct ctm_tracer tracer;
        open_tracer(&tracer);
        tracer.reclaim.pace = 1;
        ctm_tracer_allocated_hook(&tracer, BLOCK, 1000, node_of(&tracer, "live.py", 1));
        for (uint32_t line = 1; line < 20; line++) {
            churn(&tracer, "dead.py", line, 8);
        }
        step_until(&tracer, pass);
        do {
            uint32_t line = 30 + tracer.reclaim.left;
            uint32_t node = node_of(&tracer, "dead.py", line);
            (void)remember(&tracer, 0x1000 + line, node);
            ctm_reclaim_step_hook(&tracer, CTM_UNKNOWN_NODE);
            check(&tracer);
        } while (tracer.reclaim.pass == pass && tracer.locations.instructions.used < 100);
        test_give_back(&tracer);
        check(&tracer);
        ctm_tracer_stop(&tracer);
    }
}

/* Of threads' memories only the generation tells: it changes in the call in which the first node
 * goes. */
static void threads_forget_when_nodes_are_given_back(void **state)
{
    (void)state;
    struct ctm_tracer tracer;
    open_tracer(&tracer);
    uint32_t node = node_of(&tracer, "a.py", 1);
    uint64_t generation = tracer.generation;
    tracer.reclaim.pace = 1;
    ctm_reclaim_step_hook(&tracer, CTM_UNKNOWN_NODE);
    while (tracer.generation == generation) {
        assert_false(ctm_stacks_is_free_node(&tracer.stacks, node));
        ctm_reclaim_step_hook(&tracer, CTM_UNKNOWN_NODE);
    }
    assert_int_equal(tracer.reclaim.pass, CTM_RECLAIM_NODES);
    assert_true(ctm_stacks_is_free_node(&tracer.stacks, node));
    ctm_tracer_stop(&tracer);
}

static void a_cycle_begins_at_so_many_nodes(void **state)
{
    (void)state;
    struct ctm_tracer tracer;
    open_tracer(&tracer);
    (void)node_of(&tracer, "a.py", 1);
    tracer.reclaim.at = tracer.stacks.node_index.used + 1;
    assert_false(ctm_reclaim_is_due(&tracer));
    tracer.reclaim.at--;
    assert_true(ctm_reclaim_is_due(&tracer));
    ctm_tracer_stop(&tracer);
}

/* A call visits so many entries for itself, and as many for each node that was made. */
static void a_step_is_small(void **state)
{
    (void)state;
    enum { LINES = 3000, PACE = 16 };
    struct ctm_tracer tracer;
    uint64_t steps = 0;
    open_tracer(&tracer);
    ctm_tracer_allocated_hook(&tracer, BLOCK + 64, 1 << 20, node_of(&tracer, "live.py", 7));
    for (uint32_t line = 1; line <= LINES; line++) {
        churn(&tracer, "a.py", line, 8);
    }
    tracer.reclaim.pace = PACE;
    tracer.reclaim.at = 0;
    for (uint32_t line = LINES + 1; tracer.reclaim.cycles == 0; line++, steps++) {
        uint64_t sites = tracer.reclaim.sites;
        enum ctm_reclaim_pass pass = tracer.reclaim.pass;
        uint32_t left = tracer.reclaim.left;
        churn(&tracer, "a.py", line, 8);
        assert_true(tracer.reclaim.sites - sites <= PACE);
        /* One node was made, "main.py" was there. */
        assert_true(tracer.reclaim.pass != pass || left - tracer.reclaim.left <= 2 * PACE);
        assert_int_equal(churn_of(&tracer, "a.py", UINT32_MAX), line);
        if (steps % 50 == 0) {
            check(&tracer);
        }
    }
    assert_true(steps > LINES / PACE);
    assert_true(tracer.reclaim.sites >= LINES - 1);
    ctm_tracer_stop(&tracer);
}

/* What only has to be looked at costs one, and nothing of what a call may do is left undone. */
static void a_step_visits_all_that_it_may(void **state)
{
    (void)state;
    enum { LINES = 300, PACE = 10 };
    struct ctm_tracer tracer;
    open_tracer(&tracer);
    for (uint32_t line = 1; line <= LINES; line++) {
        (void)node_of(&tracer, "idle.py", line); /* free from the first cycle on */
    }
    for (uint32_t line = 1; line <= LINES; line++) {
        ctm_tracer_allocated_hook(&tracer, BLOCK + 64 * line, 8, node_of(&tracer, "a.py", line));
    }
    intern_many(&tracer, LINES);
    (void)remember(&tracer, 0x1000, node_of(&tracer, "a.py", 1));
    assert_non_null(ctm_tracer_add_owner_hook(&tracer, BLOCK));
    for (uint32_t line = 1; line <= LINES; line++) {
        struct ctm_folded_place place = {.domain = 0, .file = 0, .line = line};
        struct ctm_churn one = {.total_blocks = 1, .total_bytes = 8};
        assert_int_equal(ctm_folded_add(&tracer.folded, place, &one), CTM_OK);
    }
    tracer.reclaim.pace = PACE;
    for (int i = 0; i < CTM_RECLAIM_NAMES + CTM_RECLAIM_NODES; i++) {
        step_until(&tracer, (enum ctm_reclaim_pass)(1 + i % CTM_RECLAIM_NAMES));
        assert_true(i >= CTM_RECLAIM_NAMES || tracer.reclaim.left > 10 * PACE);
        while (tracer.reclaim.left > PACE) {
            uint32_t left = tracer.reclaim.left;
            ctm_reclaim_step_hook(&tracer, CTM_UNKNOWN_NODE);
            assert_int_equal(left - tracer.reclaim.left, PACE);
        }
    }
    ctm_tracer_stop(&tracer);
}

static void churn_may_be_counted_anew_in_the_middle(void **state)
{
    (void)state;
    enum { LINES = 300 };
    struct ctm_tracer tracer;
    open_tracer(&tracer);
    tracer.reclaim.pace = 1;
    ctm_tracer_allocated_hook(&tracer, BLOCK + 64, 1 << 20, node_of(&tracer, "live.py", 7));
    for (int pass = CTM_RECLAIM_SITES; pass <= CTM_RECLAIM_NAMES; pass++) {
        for (uint32_t line = 1; line <= LINES; line++) {
            churn(&tracer, "a.py", line, 8);
        }
        ctm_sites_new_peak(&tracer.sites);
        reclaim(&tracer);
        while ((int)tracer.reclaim.pass != pass) {
            ctm_reclaim_step_hook(&tracer, CTM_UNKNOWN_NODE);
        }
        ctm_tracer_reset_churn(&tracer);
        assert_int_equal(churn_of(&tracer, NULL, UINT32_MAX), 0);
        reclaim(&tracer);
        check(&tracer);
    }
    ctm_tracer_stop(&tracer);
}

/* A long chain of callers whose ids are in no order goes in one cycle. */
static void callers_go_with_what_they_called(void **state)
{
    (void)state;
    enum { DEEP = 500 };
    struct ctm_tracer tracer;
    uint32_t ids[DEEP];
    open_tracer(&tracer);
    ctm_tracer_allocated_hook(&tracer, BLOCK + 64, 1 << 20, node_of(&tracer, "live.py", 7));
    for (uint32_t i = 0; i < DEEP; i++) {
        ids[i] = node_of(&tracer, "a.py", i + 1);
    }
    uint32_t kept = tracer.stacks.node_index.used - DEEP;
    uint32_t top = node_of(&tracer, "last.py", 1);
    /* The lowest id becomes the next to be used: the deepest node gets the lowest. */
    uint32_t parent = ctm_stacks_root(0);
    for (uint32_t i = DEEP; i-- > 0;) {
        ctm_stacks_free_node(&tracer.stacks, ids[i]);
        uint32_t frame = frame_of(&tracer, "b.py", i);
        assert_int_equal(ctm_stacks_child(&tracer.stacks, parent, frame, &parent), CTM_OK);
        assert_int_equal(parent, ids[i]);
    }
    ctm_tracer_allocated_hook(&tracer, BLOCK, 8, top);
    reclaim(&tracer);
    assert_int_equal(tracer.stacks.node_index.used, kept + 1);
    ctm_tracer_stop(&tracer);
}

/* What was given back in one cycle, and not used before the next is over, is used after that. */
static void ids_stay_free_until_they_are_used(void **state)
{
    (void)state;
    enum { LINES = 100 };
    struct ctm_tracer tracer;
    open_tracer(&tracer);
    for (uint32_t line = 1; line <= LINES; line++) {
        churn(&tracer, "a.py", line, 8);
    }
    ctm_tracer_allocated_hook(&tracer, BLOCK + 64, 8, node_of(&tracer, "live.py", 1));
    ctm_tracer_reset_churn(&tracer);
    ctm_sites_new_peak(&tracer.sites);
    reclaim(&tracer);
    uint32_t before[] = {tracer.sites.length, tracer.stacks.node_length, tracer.stacks.frame_length,
                         tracer.names.length};
    assert_true(tracer.stacks.node_length > LINES);
    for (uint32_t line = 1; line <= LINES; line++) {
        churn(&tracer, "b.py", line, 8);
    }
    uint32_t after[] = {tracer.sites.length, tracer.stacks.node_length, tracer.stacks.frame_length,
                        tracer.names.length};
    assert_memory_equal(before, after, sizeof before);
    ctm_tracer_stop(&tracer);
}

/* When less lives than before, the tables become smaller. */
static void tables_become_smaller(void **state)
{
    (void)state;
    struct ctm_tracer tracer;
    open_tracer(&tracer);
    tracer.folded.line_limit = 10;
    ctm_tracer_allocated_hook(&tracer, BLOCK, 1 << 20, node_of(&tracer, "live.py", 7));
    size_t mapped = tracer.pages.mapped;
    for (uint32_t i = 1; i < 30000; i++) {
        ctm_tracer_allocated_hook(&tracer, BLOCK + 4096 * i, 1000, node_of(&tracer, "a.py", i));
    }
    for (uint32_t i = 1; i < 30000; i++) {
        struct ctm_block old;
        assert_true(ctm_tracer_freed_hook(&tracer, BLOCK + 4096 * i, &old));
    }
    ctm_sites_new_peak(&tracer.sites);
    struct ctm_block_hash hash = tracer.blocks.hash;
    tracer.reclaim.least = 0;
    reclaim(&tracer);
    assert_true(tracer.pages.mapped < mapped + hash.capacity * sizeof *hash.entries +
                                          CTM_ARENA_CHUNK + 2 * sizeof(struct ctm_leaf));
    assert_true(tracer.sites.capacity <= 512 && tracer.stacks.node_capacity <= 2048);
    assert_true(tracer.stacks.frame_capacity <= 2048);
    ctm_tracer_stop(&tracer);
}

/* So does that of names, when nobody asks for them any more. */
static void names_become_fewer(void **state)
{
    (void)state;
    struct ctm_tracer tracer;
    open_tracer(&tracer);
    tracer.reclaim.least = 0;
    uint32_t used = tracer.names.index.used;
    uint32_t capacity = tracer.names.capacity;
    intern_many(&tracer, 30000);
    assert_int_equal(tracer.names.index.used, used + 30000);
    reclaim(&tracer);
    assert_int_equal(tracer.names.index.used, used);
    assert_true(tracer.names.capacity <= capacity && tracer.names.index.capacity <= 2048);
    ctm_tracer_stop(&tracer);
}

/* Whatever is refused, the tables stay whole and the sums right. */
static void without_memory_less_is_given_back(void **state)
{
    (void)state;
    for (unsigned next = 1; next < 12; next++) {
        struct ctm_tracer tracer;
        struct test_refusal refusal = {0};
        open_tracer(&tracer);
        for (uint32_t line = 1; line < 3000; line++) {
            churn(&tracer, "a.py", line, 8);
        }
        ctm_tracer_allocated_hook(&tracer, BLOCK, 100, node_of(&tracer, "b.py", 1));
        test_refuse(&tracer.pages, &refusal);
        test_refuse_next(&refusal, next);
        reclaim(&tracer);
        test_refuse_next(&refusal, 0);
        assert_int_equal(churn_of(&tracer, NULL, UINT32_MAX), 3000);
        reclaim(&tracer);
        assert_int_equal(churn_of(&tracer, NULL, UINT32_MAX), 3000);
        ctm_tracer_stop(&tracer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_service_keeps_what_is_live),
        cmocka_unit_test(what_comes_back_is_kept),
        cmocka_unit_test(patience_has_an_end),
        cmocka_unit_test(patience_is_lost_on_what_is_new),
        cmocka_unit_test(churn_is_folded_into_line_then_file_then_one_row),
        cmocka_unit_test(what_was_at_the_peak_stays_until_the_next),
        cmocka_unit_test(instructions_are_remembered_under_new_ids),
        cmocka_unit_test(owners_keep_their_names),
        cmocka_unit_test(a_map_may_move_in_the_middle),
        cmocka_unit_test(what_is_remembered_stays_when_what_it_called_goes),
        cmocka_unit_test(remembered_sites_are_forgotten_with_them),
        cmocka_unit_test(edges_are_forgotten_once_sites_are_gone),
        cmocka_unit_test(the_stack_in_hand_is_kept),
        cmocka_unit_test(instructions_may_remember_in_the_middle),
        cmocka_unit_test(threads_forget_when_nodes_are_given_back),
        cmocka_unit_test(a_cycle_begins_at_so_many_nodes),
        cmocka_unit_test(a_step_is_small),
        cmocka_unit_test(a_step_visits_all_that_it_may),
        cmocka_unit_test(churn_may_be_counted_anew_in_the_middle),
        cmocka_unit_test(callers_go_with_what_they_called),
        cmocka_unit_test(ids_stay_free_until_they_are_used),
        cmocka_unit_test(tables_become_smaller),
        cmocka_unit_test(names_become_fewer),
        cmocka_unit_test(without_memory_less_is_given_back),
    };
    return cmocka_run_group_tests_name("reclaim", tests, NULL, NULL);
}
