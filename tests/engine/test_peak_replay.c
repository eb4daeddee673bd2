/*
 * What the peak was made of, compared with a brute-force replay: sums of every site, copied whole
 * at each new peak.
 *
 * First with one thread, where every site is compared after every single operation. Then with
 * threads that hand a host's lock around and others that hold none: what each did is written down
 * inside the gate, with the engine's answer now and then, and replayed afterwards.
 */
#include "support.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gate_enter.h"
#include "world.h"

/* One place of EVERY is of another domain than 0, and has the address of the next. */
enum { STACKS = 14, PLACES = 300, FEW = 40, EVERY = 10 };

/* ---- one thread ---- */

/* Few sizes, so that the same sum is reached often: the first time must count. */
static uint64_t some_size(struct test_random *random)
{
    static const uint64_t sizes[] = {0, 1, 16, 16, 32, 32, 48, 64, 512, 1000, 4096};
    return sizes[test_random_below(random, sizeof sizes / sizeof *sizes)];
}

static uint32_t some_stack(struct test_random *random)
{
    return (uint32_t)test_random_below(random, STACKS);
}

static void operate(struct world *w, struct test_random *random, unsigned growth, size_t places)
{
    size_t place = test_random_below(random, places);
    uint64_t kind = test_random_below(random, 100);
    if (w->places[place].domain != 0) {
        if (kind < 30) {
            size_t gone = EVERY * test_random_below(random, places / EVERY);
            world_hand_over(w, place + 1, gone, place, some_size(random), some_stack(random));
        } else if (test_random_percent(random, growth)) {
            world_track(w, place, some_size(random), some_stack(random));
        } else {
            world_untrack(w, place);
        }
    } else if (kind < 60) {
        if (!test_random_percent(random, growth)) {
            world_free(w, place);
        } else if (!w->places[place].live || test_random_percent(random, 5)) {
            world_allocate(w, place, some_size(random), some_stack(random));
        }
    } else if (kind < 75) {
        size_t to = test_random_percent(random, 50) ? place : test_random_below(random, places);
        if (w->places[to].domain == 0) {
            world_reallocate(w, place, to, some_size(random), some_stack(random));
        }
    } else if (kind < 80) {
        struct world_held held = world_begin_realloc(w, place);
        if (test_random_percent(random, 50)) {
            size_t other = test_random_below(random, places);
            if (w->places[other].domain == 0) {
                world_allocate(w, other, some_size(random), some_stack(random));
            }
        }
        world_fail_realloc(w, &held);
    } else if (kind < 98 || test_random_percent(random, 90)) {
        world_reuse(w, place, some_stack(random));
    } else if (test_random_percent(random, 80)) {
        world_reset_peak(w);
    } else {
        assert_true(world_clear(w));
    }
}

static void every_site_after_every_operation(void **state)
{
    (void)state;
    struct test_random random = test_random_stream(60);
    for (size_t run = 0; run < 4; run++) {
        struct world w;
        world_open(&w, STACKS);
        for (size_t i = 0; i < PLACES; i++) {
            bool other = i % EVERY == 0;
            (void)world_add_place(&w, other ? 1 + (uint32_t)i / EVERY % 2 : 0,
                                  0x7f0000000030 + 32 * (other ? i + 1 : i));
        }
        assert_true(world_start(&w));
        unsigned growth = 50;
        for (size_t round = test_rounds(50000); round > 0; round--) {
            if (round % 500 == 0) {
                growth = 10 + (unsigned)test_random_below(&random, 85);
            }
            operate(&w, &random, growth, run % 2 == 0 ? PLACES : FEW);
            world_compare_sites(&w);
        }
        world_compare(&w);
        world_close(&w);
    }
}

/* ---- many threads ---- */

enum {
    OWNERS = 2,
    OTHERS = 2,
    THREADS = OWNERS + OTHERS,
    PLACES_EACH = 60,
    OWNER_BURST = 8000, /* steps */
    OTHER_BURST = 20,
    OTHER_BURSTS = 20, /* for each of an owner's */
};

enum what { ALLOCATED, FREED, RESTORED, REUSED, RESET, LOOKED };

struct event {
    enum what what;
    uint32_t thread;
    uint32_t place;
    uint32_t stack;
    uint64_t size;
};

/* The engine's answer at a LOOKED. */
struct answer {
    struct world_sum peak[STACKS];
    struct world_sum at_peak;
    struct world_sum current;
};

struct scene {
    struct ctm_gate gate;
    pthread_mutex_t host_lock;
    struct ctm_tracer tracer; /* guarded by the gate, as all that follows */
    uint32_t nodes[STACKS];
    struct event *events;
    size_t event_count;
    size_t event_capacity;
    struct answer *answers;
    size_t answer_count;
    size_t answer_capacity;
    size_t bursts; /* of each thread */
};

struct actor {
    struct scene *scene;
    pthread_t thread;
    uint32_t number;
    bool owner;
    struct ctm_seat seat;
    struct test_random random;
    struct ctm_block blocks[PLACES_EACH]; /* what this thread knows of its own; site 0: none */
};

static uintptr_t address_of(uint32_t thread, uint32_t place)
{
    /* Threads share pages, and so their dense arrays. */
    return 0x7f0000000030 + 64 * (uintptr_t)(place * THREADS + thread);
}

static struct event *note(struct actor *actor, enum what what, uint32_t place)
{
    struct scene *scene = actor->scene;
    if (scene->event_count == scene->event_capacity) {
        abort(); /* the array was made for all there can be */
    }
    struct event *event = &scene->events[scene->event_count++];
    *event = (struct event){.what = what, .thread = actor->number, .place = place};
    return event;
}

static void look(struct actor *actor)
{
    struct scene *scene = actor->scene;
    const struct ctm_sites *sites = &scene->tracer.sites;
    if (scene->answer_count == scene->answer_capacity) {
        abort(); /* looks are a hundredth of the steps */
    }
    struct answer *answer = &scene->answers[scene->answer_count++];
    (void)note(actor, LOOKED, 0);
    memset(answer, 0, sizeof *answer);
    answer->at_peak.bytes = sites->peak_bytes;
    answer->current =
        (struct world_sum){ctm_sites_current_bytes(sites), ctm_sites_live_blocks(sites)};
    for (uint32_t stack = 0; stack < STACKS; stack++) {
        uint32_t site = scene->tracer.stacks.nodes[scene->nodes[stack]].site;
        if (site != CTM_NO_SITE) {
            answer->peak[stack].bytes = ctm_site_peak_bytes(sites, site);
            answer->peak[stack].blocks = ctm_site_peak_blocks(sites, site);
            answer->at_peak.blocks += answer->peak[stack].blocks;
        }
    }
}

/* One step, inside the gate. */
static void step(struct actor *actor)
{
    struct scene *scene = actor->scene;
    struct ctm_tracer *tracer = &scene->tracer;
    struct test_random *random = &actor->random;
    uint32_t place = (uint32_t)test_random_below(random, PLACES_EACH);
    uint32_t stack = some_stack(random);
    struct ctm_block *block = &actor->blocks[place];
    uintptr_t address = address_of(actor->number, place);
    uint64_t kind = test_random_below(random, 1000);
    if (block->site == CTM_NO_SITE) {
        struct event *event = note(actor, ALLOCATED, place);
        event->stack = stack;
        event->size = some_size(random);
        ctm_tracer_allocated_hook(tracer, address, event->size, scene->nodes[stack]);
        block->site = 1;
        block->size = event->size;
    } else if (kind < 600) {
        (void)note(actor, FREED, place);
        struct ctm_block old;
        if (!ctm_tracer_freed_hook(tracer, address, &old) || old.size != block->size) {
            abort();
        }
        block->site = CTM_NO_SITE;
        if (kind < 100) { /* a realloc that failed */
            (void)note(actor, RESTORED, place);
            ctm_tracer_restored_hook(tracer, address, old);
            block->site = 1;
        }
    } else if (kind < 990) {
        note(actor, REUSED, place)->stack = stack;
        ctm_tracer_reused_hook(tracer, address, scene->nodes[stack]);
    } else if (kind < 992) {
        (void)note(actor, RESET, place);
        ctm_sites_new_peak(&tracer->sites);
    } else {
        look(actor);
    }
}

static void run_burst(struct actor *actor, size_t steps)
{
    for (size_t i = 0; i < steps; i++) {
        enum ctm_pass pass = test_gate_enter(&actor->scene->gate, actor->owner, &actor->seat);
        step(actor);
        ctm_gate_leave(&actor->scene->gate, pass);
    }
}

static void *act_as_owner(void *context)
{
    struct actor *actor = context;
    for (size_t burst = 0; burst < actor->scene->bursts; burst++) {
        pthread_mutex_lock(&actor->scene->host_lock);
        run_burst(actor, OWNER_BURST);
        pthread_mutex_unlock(&actor->scene->host_lock);
        sched_yield();
    }
    return NULL;
}

/* Comes in briefly and often, so that the owners' bias goes and comes back. */
static void *act_as_other(void *context)
{
    struct actor *actor = context;
    for (size_t burst = 0; burst < actor->scene->bursts * OTHER_BURSTS; burst++) {
        run_burst(actor, 1 + burst % OTHER_BURST);
        usleep(100);
    }
    return NULL;
}

/* The state of the replay. */
struct replay {
    struct world_place places[THREADS][PLACES_EACH];
    struct world_sum live[STACKS];
    struct world_sum peak[STACKS];
    struct world_sum current;
    struct world_sum at_peak;
};

static void gain(struct replay *replay, struct world_place *place, uint32_t stack)
{
    place->live = true;
    place->stack = stack;
    replay->live[stack].bytes += place->size;
    replay->live[stack].blocks++;
    replay->current.bytes += place->size;
    replay->current.blocks++;
    if (replay->current.bytes > replay->at_peak.bytes) {
        replay->at_peak = replay->current;
        memcpy(replay->peak, replay->live, sizeof replay->peak);
    }
}

static void lose(struct replay *replay, struct world_place *place)
{
    assert_true(place->live);
    place->live = false;
    replay->live[place->stack].bytes -= place->size;
    replay->live[place->stack].blocks--;
    replay->current.bytes -= place->size;
    replay->current.blocks--;
}

static void replay_event(struct replay *replay, const struct event *event)
{
    struct world_place *place = &replay->places[event->thread][event->place];
    switch (event->what) {
    case ALLOCATED:
        assert_false(place->live);
        place->size = event->size;
        gain(replay, place, event->stack);
        break;
    case FREED:
        lose(replay, place);
        break;
    case RESTORED:
        assert_false(place->live);
        gain(replay, place, place->stack);
        break;
    case REUSED:
        lose(replay, place);
        gain(replay, place, event->stack);
        break;
    case RESET:
        replay->at_peak = replay->current;
        memcpy(replay->peak, replay->live, sizeof replay->peak);
        break;
    case LOOKED:
        break;
    }
}

static void replay_all(const struct scene *scene)
{
    static struct replay replay;
    size_t answers = 0;
    memset(&replay, 0, sizeof replay);
    for (size_t i = 0; i < scene->event_count; i++) {
        replay_event(&replay, &scene->events[i]);
        if (scene->events[i].what == LOOKED) {
            const struct answer *answer = &scene->answers[answers++];
            assert_memory_equal(&answer->current, &replay.current, sizeof replay.current);
            assert_memory_equal(&answer->at_peak, &replay.at_peak, sizeof replay.at_peak);
            assert_memory_equal(answer->peak, replay.peak, sizeof replay.peak);
        }
    }
    assert_int_equal(answers, scene->answer_count);
    assert_true(answers > 10);
}

static void name_stacks(struct scene *scene)
{
    for (uint32_t stack = 0; stack < STACKS; stack++) {
        struct ctm_location_frame frame = {.line = stack + 1};
        uint32_t id;
        assert_int_equal(ctm_stacks_frame(&scene->tracer.stacks, frame, &id), CTM_OK);
        assert_int_equal(
            ctm_stacks_child(&scene->tracer.stacks, ctm_stacks_root(0), id, &scene->nodes[stack]),
            CTM_OK);
    }
}

static void run_scene(bool bias)
{
    static struct scene scene;
    static struct actor actors[THREADS];
    memset(&scene, 0, sizeof scene);
    memset(actors, 0, sizeof actors);
    scene.bursts = test_rounds(20);
    /* A step of a failed realloc is two events. */
    scene.event_capacity =
        2 * scene.bursts * (OWNERS * OWNER_BURST + OTHERS * OTHER_BURSTS * OTHER_BURST);
    scene.events = malloc(scene.event_capacity * sizeof *scene.events);
    scene.answer_capacity = scene.event_capacity / 16;
    scene.answers = malloc(scene.answer_capacity * sizeof *scene.answers);
    assert_non_null(scene.events);
    assert_non_null(scene.answers);
    pthread_mutex_init(&scene.host_lock, NULL);
    ctm_gate_init(&scene.gate);
    enum ctm_pass pass = ctm_gate_enter_mutex(&scene.gate, true, NULL);
    ctm_gate_allow_bias(&scene.gate, bias);
    ctm_gate_leave(&scene.gate, pass);
    ctm_tracer_init(&scene.tracer);
    assert_int_equal(ctm_tracer_start(&scene.tracer), CTM_OK);
    name_stacks(&scene);
    for (uint32_t i = 0; i < THREADS; i++) {
        actors[i].scene = &scene;
        actors[i].number = i;
        actors[i].owner = i < OWNERS;
        actors[i].random = test_random_stream(70 + i);
        assert_int_equal(pthread_create(&actors[i].thread, NULL,
                                        actors[i].owner ? act_as_owner : act_as_other, &actors[i]),
                         0);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(actors[i].thread, NULL), 0);
    }
    look(&actors[0]);
    replay_all(&scene);
    assert_int_equal(scene.tracer.dropped, 0);
    assert_int_equal(scene.tracer.missed_frees, 0);
    ctm_tracer_stop(&scene.tracer);
    free(scene.events);
    free(scene.answers);
}

static void threads_agree_with_their_replay(void **state)
{
    (void)state;
    run_scene(true);
    run_scene(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_site_after_every_operation),
        cmocka_unit_test(threads_agree_with_their_replay),
    };
    return cmocka_run_group_tests_name("peak_replay", tests, NULL, NULL);
}
