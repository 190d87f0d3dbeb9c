/* readahead_test.c -- samples that are read while others are computed with: the same bits, whatever happens
 *
 * SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE
#include "support/heap.h"
#include "support/training.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* What stands in for malloc and threads maps what it likes. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { LIMITED = 0 };
#else
enum { LIMITED = 1 };
#endif

enum { INPUTS = 5, CLASSES = 3, SAMPLES = 45, BATCH = 7, BATCHES = 7, EPOCHS = 3 };

static const size_t widths[] = { INPUTS, 8, CLASSES };

/* ---- a source whose reads by another thread wait ---- */

typedef struct gate {
    const world_data *world;
    prune_source source;
    pthread_t owner;  /* who calls the library */
    sem_t began, go;  /* of each read by another */
    useconds_t delay; /* after that */
    size_t reads;
    atomic_int inside;
    size_t overlaps; /* see meet() */
    size_t stop_at;  /* the overlap that ends the fit; 0: none */
} gate;

static prune_status read_gated(void *user, const size_t *samples, size_t count, float *inputs, void *targets)
{
    gate *g = user;
    ck_assert_int_eq(atomic_fetch_add(&g->inside, 1), 0);
    if (!pthread_equal(pthread_self(), g->owner)) {
        sem_post(&g->began);
        sem_wait(&g->go);
        usleep(g->delay);
    }
    for (size_t i = 0; i < count; i++) {
        memcpy(inputs + i * INPUTS, g->world->x + samples[i] * INPUTS, INPUTS * sizeof(float));
        memcpy((float *)targets + i * CLASSES, g->world->y + samples[i] * CLASSES, CLASSES * sizeof(float));
    }
    g->reads++;
    atomic_fetch_sub(&g->inside, 1);
    return PRUNE_OK;
}

static void gate_open(gate *g, const world_data *world)
{
    memset(g, 0, sizeof *g);
    g->world = world;
    g->owner = pthread_self();
    ck_assert_int_eq(sem_init(&g->began, 0, 0), 0);
    ck_assert_int_eq(sem_init(&g->go, 0, 0), 0);
    prune_source_init(&g->source);
    g->source.samples = SAMPLES;
    g->source.inputs = INPUTS;
    g->source.target_columns = CLASSES;
    g->source.target_type = PRUNE_F32;
    g->source.read = read_gated;
    g->source.user = g;
    g->source.any_thread = 1;
}

static void gate_close(gate *g)
{
    sem_destroy(&g->began);
    sem_destroy(&g->go);
}

static prune_readahead *ahead_of(const prune_source *source)
{
    prune_readahead *ahead;
    ck_assert_ok(prune_readahead_create(&ahead, NULL, source, NULL));
    return ahead;
}

/* A callback after each step but an epoch's last: does not return before the other thread is within the read
 * of the next batch. If that were only read when it is wanted, this would wait for ever. */
static int32_t meet(void *user, const prune_progress *progress)
{
    gate *g = user;
    if (progress->epoch_end)
        return 0;
    sem_wait(&g->began);
    ck_assert_int_eq(atomic_load(&g->inside), 1);
    g->overlaps++;
    sem_post(&g->go);
    return g->overlaps == g->stop_at;
}

static prune_status fit_gated(gate *g, prune_trainer *trainer, const prune_readahead *ahead)
{
    prune_data data;
    prune_fit_options options;
    prune_data_init(&data);
    data.source = prune_readahead_source(ahead);
    prune_fit_options_init(&options);
    options.epochs = EPOCHS;
    options.batch_size = BATCH;
    options.progress_every = 1;
    options.progress = meet;
    options.user = g;
    return prune_trainer_fit(NULL, trainer, &data, &options, NULL);
}

START_TEST(the_next_batch_is_read_while_this_one_is_computed_with)
{
    gate g;
    world_data world;
    uint64_t hash[2];
    const prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_ADAM);
    prune_fit_options fit;
    world_data_make(&world, SAMPLES, INPUTS, CLASSES, 5);
    gate_open(&g, &world);
    prune_fit_options_init(&fit);
    fit.epochs = EPOCHS;
    fit.batch_size = BATCH;
    for (size_t i = 0; i < 2; i++) {
        prune_model *model = world_model(NULL, widths, 2, PRUNE_TANH, 2);
        prune_trainer *trainer = world_trainer(model, &options);
        prune_readahead *ahead = ahead_of(&g.source);
        if (i == 0)
            ck_assert_ok(fit_gated(&g, trainer, ahead));
        else
            ck_assert_ok(prune_trainer_fit(NULL, trainer, &world.valued, &fit, NULL));
        ck_assert_uint_eq(prune_readahead_served(ahead), i == 0 ? EPOCHS * (BATCHES - 1) : 0);
        hash[i] = world_trainer_hash(trainer);
        prune_readahead_free(ahead);
        prune_trainer_free(trainer);
        prune_model_free(model);
    }
    ck_assert_uint_eq(g.overlaps, EPOCHS * (BATCHES - 1));
    ck_assert_uint_eq(g.reads, EPOCHS * BATCHES);
    ck_assert(hash[0] == hash[1]);
    gate_close(&g);
    world_data_end(&world);
}
END_TEST

/* It is waited for: when the call is over, nobody reads, and what was read for it is forgotten. */
START_TEST(a_call_that_ends_early_leaves_nobody_reading)
{
    gate g;
    world_data world;
    const prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_ADAM);
    const size_t next[2] = { 20, 21 };
    world_data_make(&world, SAMPLES, INPUTS, CLASSES, 5);
    for (size_t stop = 1; stop <= BATCHES; stop++) {
        gate_open(&g, &world);
        g.stop_at = stop;
        g.delay = 30000; /* so that who does not wait is caught */
        prune_model *model = world_model(NULL, widths, 2, PRUNE_TANH, 2);
        prune_trainer *trainer = world_trainer(model, &options);
        prune_readahead *ahead = ahead_of(&g.source);
        ck_assert_ok(fit_gated(&g, trainer, ahead));
        ck_assert_int_eq(atomic_load(&g.inside), 0);
        const size_t reads = g.reads;
        ck_assert_uint_eq(reads, stop + 1 + (stop > BATCHES - 1));
        ck_assert_uint_eq(prune_readahead_served(ahead), stop - 1);
        float x[2][INPUTS], y[2][CLASSES];
        const prune_source *s = prune_readahead_source(ahead);
        ck_assert_ok(s->read(s->user, next, 2, x[0], y[0]));
        ck_assert_mem_eq(x, world.x + 20 * INPUTS, sizeof x);
        prune_readahead_free(ahead);
        ck_assert_uint_eq(g.reads, reads + 1);
        prune_trainer_free(trainer);
        prune_model_free(model);
        gate_close(&g);
    }
    world_data_end(&world);
}
END_TEST

/* ---- the source by itself ---- */

static void assert_read(const prune_source *s, const world_data *world, const size_t *samples, size_t count)
{
    float x[SAMPLES * INPUTS], y[SAMPLES * CLASSES];
    ck_assert_ok(s->read(s->user, samples, count, x, y));
    for (size_t i = 0; i < count; i++) {
        ck_assert_mem_eq(x + i * INPUTS, world->x + samples[i] * INPUTS, INPUTS * sizeof(float));
        ck_assert_mem_eq(y + i * CLASSES, world->y + samples[i] * CLASSES, CLASSES * sizeof(float));
    }
}

/* What was expected has been read when this returns. */
static void expect(const prune_source *s, gate *g, const size_t *samples, size_t count)
{
    s->expect(s->user, samples, count);
    sem_wait(&g->began);
    sem_post(&g->go);
}

START_TEST(other_samples_than_expected_are_read_directly)
{
    static const size_t these[] = { 3, 1, 4, 15 }, others[] = { 3, 1, 4, 16 };
    gate g;
    world_data world;
    world_data_make(&world, SAMPLES, INPUTS, CLASSES, 5);
    gate_open(&g, &world);
    prune_readahead *ahead = ahead_of(&g.source);
    const prune_source *s = prune_readahead_source(ahead);
    const struct {
        const size_t *expected, *asked;
        size_t count, asked_count, served;
    } cases[] = {
        { these, these, 4, 4, 1 }, { these, others, 4, 4, 1 },          { these, these, 4, 3, 1 },
        { these, these, 3, 4, 1 }, { others + 1, others + 1, 3, 3, 2 }, { others, these + 1, 4, 3, 2 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        expect(s, &g, cases[i].expected, cases[i].count);
        assert_read(s, &world, cases[i].asked, cases[i].asked_count);
        ck_assert_uint_eq(prune_readahead_served(ahead), cases[i].served);
        assert_read(s, &world, cases[i].expected, cases[i].count);
        ck_assert_uint_eq(prune_readahead_served(ahead), cases[i].served);
    }
    expect(s, &g, these, 4);
    s->expect(s->user, NULL, 0);
    assert_read(s, &world, these, 4);
    ck_assert_uint_eq(prune_readahead_served(ahead), 2);
    expect(s, &g, others, 4);
    expect(s, &g, these, 4);
    assert_read(s, &world, these, 4);
    ck_assert_uint_eq(prune_readahead_served(ahead), 3);
    prune_readahead_free(ahead);
    gate_close(&g);
    world_data_end(&world);
}
END_TEST

START_TEST(it_can_be_ended_at_any_time)
{
    static const size_t some[] = { 7, 8 };
    gate g;
    world_data world;
    world_data_make(&world, SAMPLES, INPUTS, CLASSES, 5);
    gate_open(&g, &world);
    for (size_t i = 0; i < 200; i++) {
        prune_readahead *ahead = ahead_of(&g.source);
        const prune_source *s = prune_readahead_source(ahead);
        sem_post(&g.go);
        if (i % 2)
            s->expect(s->user, some, 2);
        if (i % 4 == 3)
            sem_wait(&g.began);
        prune_readahead_free(ahead);
        ck_assert_int_eq(atomic_load(&g.inside), 0);
    }
    gate_close(&g);
    world_data_end(&world);
}
END_TEST

START_TEST(without_memory_it_reads_directly)
{
    static const size_t two[] = { 1, 2 }, three[] = { 9, 8, 7 };
    gate g;
    heap h = { 0 };
    world_data world;
    prune_error error = { 0 };
    prune_readahead *ahead = (prune_readahead *)&h;
    const prune_allocator mem = heap_allocator(&h);
    world_data_make(&world, SAMPLES, INPUTS, CLASSES, 5);
    gate_open(&g, &world);
    heap_refuse_once(&h, 1);
    ck_assert_status(prune_readahead_create(&ahead, &mem, &g.source, &error), PRUNE_E_MEMORY);
    ck_assert(ahead == NULL && error.status == PRUNE_E_MEMORY && heap_is_clean(&h));
    ck_assert_ok(prune_readahead_create(&ahead, &mem, &g.source, NULL));
    const prune_source *s = prune_readahead_source(ahead);
    for (size_t i = 0; i < 3; i++) {
        heap_refuse_once(&h, i == 1);
        if (i == 1)
            s->expect(s->user, three, 3); /* no thread begins */
        else
            expect(s, &g, i == 0 ? two : three, 2 + i / 2);
        assert_read(s, &world, i == 0 ? two : three, i == 0 ? 2 : 3);
        ck_assert_uint_eq(prune_readahead_served(ahead), 1 + i / 2);
    }
    const size_t requests = h.requests;
    expect(s, &g, two, 2);
    assert_read(s, &world, two, 2);
    ck_assert_uint_eq(h.requests, requests); /* the room is large enough */
    prune_readahead_free(ahead);
    ck_assert(heap_is_clean(&h));
    gate_close(&g);
    world_data_end(&world);
}
END_TEST

/* ---- without a thread ---- */

static void *nothing(void *user)
{
    return user;
}

/* The address space has no room for a stack. */
static int starved(void)
{
    static const size_t some[] = { 7, 8 };
    gate g;
    world_data world;
    pthread_t other;
    struct rlimit limit;
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%lu", &pages) != 1 || getrlimit(RLIMIT_AS, &limit) != 0)
        return 1;
    fclose(file);
    world_data_make(&world, SAMPLES, INPUTS, CLASSES, 5);
    gate_open(&g, &world);
    alarm(20);
    limit.rlim_cur = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + (1u << 20);
    if (LIMITED && setrlimit(RLIMIT_AS, &limit) != 0)
        return 2;
    const int has_threads = pthread_create(&other, NULL, nothing, NULL) == 0;
    if (has_threads)
        pthread_join(other, NULL);
    prune_readahead *ahead = ahead_of(&g.source);
    const prune_source *s = prune_readahead_source(ahead);
    for (size_t i = 0; i < 3; i++) {
        sem_post(&g.go);
        s->expect(s->user, some, 2);
        assert_read(s, &world, some, 2);
    }
    const int served = prune_readahead_served(ahead) != 0;
    prune_readahead_free(ahead);
    return served && !has_threads ? 3 : 0;
}

START_TEST(without_a_thread_it_reads_directly)
{
    run_in_child(starved);
}
END_TEST

static struct inherited {
    prune_readahead *ahead;
    const world_data *world;
} inherited;

static int use_inherited(void)
{
    static const size_t some[] = { 7, 8 };
    const prune_source *s = prune_readahead_source(inherited.ahead);
    alarm(20);
    s->expect(s->user, some, 2);
    assert_read(s, inherited.world, some, 2);
    s->expect(s->user, NULL, 0);
    const int served = prune_readahead_served(inherited.ahead) != 0;
    prune_readahead_free(inherited.ahead);
    return served;
}

/* The fork comes while the thread of the parent reads. */
START_TEST(after_fork_the_child_reads_directly)
{
    static const size_t some[] = { 7, 8 };
    gate g;
    world_data world;
    world_data_make(&world, SAMPLES, INPUTS, CLASSES, 5);
    gate_open(&g, &world);
    inherited.ahead = ahead_of(&g.source);
    inherited.world = &world;
    const prune_source *s = prune_readahead_source(inherited.ahead);
    s->expect(s->user, some, 2);
    sem_wait(&g.began);
    atomic_store(&g.inside, 0); /* as the child sees it: there is no thread */
    run_in_child(use_inherited);
    atomic_store(&g.inside, 1);
    sem_post(&g.go);
    assert_read(s, &world, some, 2);
    ck_assert_uint_eq(prune_readahead_served(inherited.ahead), 1);
    prune_readahead_free(inherited.ahead);
    gate_close(&g);
    world_data_end(&world);
}
END_TEST

/* ---- arguments ---- */

START_TEST(bad_sources_are_refused)
{
    static const struct {
        size_t size;
        int32_t type, any_thread;
        prune_status status;
    } cases[] = {
        { sizeof(prune_source), PRUNE_I32, 1, PRUNE_OK },
        { sizeof(prune_source), PRUNE_I32, 0, PRUNE_E_ARGUMENT },
        { sizeof(prune_source), PRUNE_I32, 2, PRUNE_E_ARGUMENT },
        { offsetof(prune_source, any_thread), PRUNE_I32, 1, PRUNE_E_ARGUMENT },
        { sizeof(prune_source), PRUNE_U8, 1, PRUNE_E_TYPE },
        { sizeof(prune_source) + 1, PRUNE_I32, 1, PRUNE_E_VERSION },
        { 0, PRUNE_I32, 1, PRUNE_E_ARGUMENT },
    };
    gate g;
    world_data world;
    prune_readahead *ahead;
    world_data_make(&world, SAMPLES, INPUTS, CLASSES, 5);
    gate_open(&g, &world);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        prune_error error = { 0 };
        prune_source source = g.source;
        source.size = cases[i].size;
        source.target_type = cases[i].type;
        source.any_thread = cases[i].any_thread;
        ahead = (prune_readahead *)&g;
        ck_assert_status(prune_readahead_create(&ahead, NULL, &source, &error), cases[i].status);
        ck_assert_int_eq(error.status, cases[i].status);
        ck_assert_int_eq(ahead != NULL, cases[i].status == PRUNE_OK);
        prune_readahead_free(ahead);
    }
    g.source.read = NULL;
    ck_assert_status(prune_readahead_create(&ahead, NULL, &g.source, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_readahead_create(&ahead, NULL, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_readahead_create(NULL, NULL, &g.source, NULL), PRUNE_E_ARGUMENT);
    ck_assert(prune_readahead_source(NULL) == NULL && prune_readahead_served(NULL) == 0);
    prune_readahead_free(NULL);
    gate_close(&g);
    world_data_end(&world);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_next_batch_is_read_while_this_one_is_computed_with,
        a_call_that_ends_early_leaves_nobody_reading,
        other_samples_than_expected_are_read_directly,
        it_can_be_ended_at_any_time,
        without_memory_it_reads_directly,
        without_a_thread_it_reads_directly,
        after_fork_the_child_reads_directly,
        bad_sources_are_refused,
    };
    return run_tests("readahead", tests, sizeof tests / sizeof tests[0]);
}
