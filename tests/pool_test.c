/* pool_test.c -- the same bits for any number of threads and any order of the pieces, and pools that can be
 * had, used and ended at any time
 *
 * SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE
#include "support/training.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* glibc alone takes so much for a stack that the address space ends; sanitizers map what they like. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
enum { LIMITED = 0 };
#else
enum { LIMITED = 1 };
#endif

/* So large that products, the optimizer's pass and sums of scores are cut; no width is a multiple of a
 * tile. */
enum { INPUTS = 197, HIDDEN = 403, CLASSES = 5, SAMPLES = 150, BATCH = 67 };

static const int32_t counts[] = { 1, 2, 3, 8 };
enum { COUNTS = sizeof counts / sizeof counts[0] };

static uint64_t scores_and_outputs(uint64_t hash, prune_trainer *trainer, const prune_data *data,
                                   const prune_backend *backend)
{
    static float h[SAMPLES * CLASSES];
    prune_importance *scores;
    prune_workspace *workspace;
    prune_tensor *outputs;
    prune_metrics metrics;
    const prune_model *model = prune_trainer_model(trainer);
    ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_TAYLOR));
    ck_assert_ok(prune_importance_accumulate(scores, trainer, data, NULL));
    for (size_t p = 0; p < prune_model_param_count(model); p++)
        hash =
            world_hash_bytes(hash, prune_importance_scores(scores, p), world_count(model, p) * sizeof(float));
    ck_assert_ok(prune_tensor_matrix(&outputs, NULL, PRUNE_F32, SAMPLES, CLASSES, h));
    ck_assert_ok(prune_workspace_create(&workspace, NULL, model, BATCH, backend));
    ck_assert_ok(prune_predict(outputs, model, workspace, data->inputs));
    hash = world_hash_bytes(hash, h, sizeof h);
    prune_loss_options loss;
    prune_loss_options_init(&loss);
    loss.kind = PRUNE_SOFTMAX_CROSS_ENTROPY;
    prune_metrics_init(&metrics);
    ck_assert_ok(prune_evaluate_on(&metrics, model, data, &loss, backend, NULL));
    const float mean = (float)metrics.loss;
    prune_workspace_free(workspace);
    prune_tensor_free(outputs);
    prune_importance_free(scores);
    return world_hash_bytes(hash, &mean, sizeof mean);
}

static void remove_some(prune_model *model)
{
    prune_importance *magnitudes;
    ck_assert_ok(prune_importance_create(&magnitudes, NULL, model, PRUNE_MAGNITUDE));
    ck_assert_ok(prune_mask_fraction(NULL, model, magnitudes, NULL, 0.3, PRUNE_OF_ALL));
    prune_importance_free(magnitudes);
}

/* Trains, removes some weights, trains on, scores, predicts and evaluates: all bits that come of it. */
static uint64_t run(const prune_backend *backend, int32_t optimizer)
{
    const size_t widths[] = { INPUTS, HIDDEN, CLASSES };
    world_data world;
    prune_fit_options fit;
    prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, optimizer);
    options.backend = backend;
    options.max_batch = BATCH;
    options.l1 = 1e-5f;
    options.l1_proximal = 1;
    world_data_make(&world, SAMPLES, INPUTS, CLASSES, 1);
    prune_model *model = world_model(NULL, widths, 2, PRUNE_RELU, 1);
    prune_trainer *trainer = world_trainer(model, &options);
    prune_fit_options_init(&fit);
    fit.epochs = 1;
    ck_assert_ok(prune_trainer_fit(NULL, trainer, &world.labelled, &fit, NULL));
    remove_some(model);
    ck_assert_ok(prune_trainer_fit(NULL, trainer, &world.labelled, &fit, NULL));
    uint64_t hash = WORLD_HASH ^ world_trainer_hash(trainer);
    hash = scores_and_outputs(hash, trainer, &world.labelled, backend);
    prune_trainer_free(trainer);
    prune_model_free(model);
    world_data_end(&world);
    return hash;
}

static prune_pool *pool_of(int32_t threads)
{
    prune_pool *pool;
    ck_assert_ok(prune_pool_create(&pool, NULL, threads));
    return pool;
}

START_TEST(any_number_of_threads_gives_the_same_bits)
{
    const int32_t optimizers[] = { PRUNE_ADAM, PRUNE_SGD };
    size_t calls = 0;
    const prune_parallel mine = { world_backwards, &calls };
    (void)prune_blas_set_threads(1);
    prune_backend own = *prune_backend_default();
    own.parallel = &mine;
    for (size_t o = 0; o < 2; o++) {
        const uint64_t expected = run(prune_backend_default(), optimizers[o]);
        ck_assert_uint_eq(run(&own, optimizers[o]), expected);
        for (size_t i = 0; i < COUNTS; i++) {
            prune_pool *pool = pool_of(counts[i]);
            ck_assert_uint_eq(run(prune_pool_backend(pool), optimizers[o]), expected);
            prune_pool_free(pool);
        }
    }
    ck_assert_uint_gt(calls, 2 * 20); /* products, updates, sums: it has been asked for all of them */
}
END_TEST

START_TEST(the_reference_gives_the_bits_that_it_gives_alone)
{
    const uint64_t expected = run(prune_backend_reference(), PRUNE_ADAM);
    for (size_t i = 0; i < COUNTS; i++) {
        prune_pool *pool = pool_of(counts[i]);
        prune_backend shared = *prune_backend_reference();
        shared.parallel = prune_pool_backend(pool)->parallel;
        ck_assert_uint_eq(run(&shared, PRUNE_ADAM), expected);
        prune_pool_free(pool);
    }
}
END_TEST

/* ---- pools ---- */

enum { PIECES = 37 };

typedef struct tally {
    const prune_parallel *parallel; /* or NULL */
    int32_t done[PIECES];
} tally;

static void count_piece(void *arg, size_t piece)
{
    tally *t = arg;
    tally inner = { 0 };
    if (t->parallel != NULL)
        t->parallel->run(t->parallel->user, PIECES, count_piece, &inner);
    for (size_t i = 0; i < PIECES && t->parallel != NULL; i++)
        t->done[piece] += inner.done[i] - 1;
    t->done[piece]++;
}

/* 1 if each piece was done once. */
static int use(const prune_parallel *parallel, const prune_parallel *within)
{
    tally t = { within, { 0 } };
    parallel->run(parallel->user, PIECES, count_piece, &t);
    int right = 1;
    for (size_t i = 0; i < PIECES; i++)
        right &= t.done[i] == 1;
    return right;
}

START_TEST(a_pool_ends_while_its_threads_wake)
{
    for (int round = 0; round < 100; round++) {
        prune_pool *pool = pool_of(1 + round % 5);
        for (int i = 0; i < round % 4; i++)
            ck_assert(use(prune_pool_backend(pool)->parallel, NULL));
        prune_pool_free(pool);
    }
    prune_pool_free(NULL);
}
END_TEST

START_TEST(tasks_may_ask_again)
{
    prune_pool *pool = pool_of(3);
    const prune_parallel *parallel = prune_pool_backend(pool)->parallel;
    for (int i = 0; i < 20; i++)
        ck_assert(use(parallel, parallel));
    prune_pool_free(pool);
}
END_TEST

static void *use_often(void *arg)
{
    const prune_parallel *parallel = arg;
    int right = 1;
    for (int i = 0; i < 300; i++)
        right &= use(parallel, NULL);
    return right ? arg : NULL;
}

START_TEST(several_threads_may_share_a_pool)
{
    pthread_t callers[3];
    prune_pool *pool = pool_of(3);
    prune_parallel parallel = *prune_pool_backend(pool)->parallel;
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&callers[i], NULL, use_often, &parallel), 0);
    for (size_t i = 0; i < 3; i++) {
        void *result = NULL;
        ck_assert_int_eq(pthread_join(callers[i], &result), 0);
        ck_assert_ptr_eq(result, &parallel);
    }
    prune_pool_free(pool);
}
END_TEST

START_TEST(after_fork_the_child_works_alone)
{
    prune_pool *pool = pool_of(3);
    const prune_parallel *parallel = prune_pool_backend(pool)->parallel;
    ck_assert(use(parallel, NULL));
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        alarm(20);
        const int right = use(parallel, NULL) && use(parallel, NULL);
        prune_pool_free(pool);
        _exit(right ? 0 : 1);
    }
    int status = -1;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert(use(parallel, NULL));
    prune_pool_free(pool);
}
END_TEST

/* ---- what cannot be ---- */

static void *refuse(void *user, void *block, size_t old_size, size_t new_size)
{
    (void)block;
    (void)old_size;
    *(size_t *)user += new_size;
    return NULL;
}

START_TEST(bad_arguments_are_refused)
{
    size_t asked = 0;
    const prune_allocator none = { refuse, &asked };
    prune_pool *pool = pool_of(1), *const before = pool;
    ck_assert_status(prune_pool_create(NULL, NULL, 2), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_pool_create(&pool, NULL, 0), PRUNE_E_RANGE);
    ck_assert_ptr_null(pool);
    ck_assert_status(prune_pool_create(&pool, NULL, PRUNE_MOST_THREADS + 1), PRUNE_E_RANGE);
    ck_assert_status(prune_pool_create(&pool, &none, 2), PRUNE_E_MEMORY);
    ck_assert_ptr_null(pool);
    ck_assert_uint_gt(asked, 0);
    ck_assert_ptr_null(prune_pool_backend(NULL));
    ck_assert_status(prune_blas_reserve(0), PRUNE_E_RANGE);
    ck_assert_status(prune_blas_reserve(PRUNE_MOST_THREADS + 1), PRUNE_E_RANGE);
    prune_pool_free(before);
}
END_TEST

START_TEST(a_hook_without_a_function_is_no_hook)
{
    const size_t widths[] = { 4, 3, 2 };
    const prune_parallel empty = { NULL, NULL };
    prune_backend backend = *prune_backend_reference();
    backend.parallel = &empty;
    prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_ADAM);
    options.backend = &backend;
    world_data world;
    world_data_make(&world, 10, 4, 2, 1);
    prune_model *model = world_model(NULL, widths, 2, PRUNE_RELU, 1);
    prune_trainer *trainer;
    prune_workspace *workspace;
    prune_metrics metrics;
    prune_loss_options loss;
    prune_loss_options_init(&loss);
    prune_metrics_init(&metrics);
    ck_assert_status(prune_trainer_create(&trainer, NULL, model, &options, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_workspace_create(&workspace, NULL, model, 8, &backend), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_evaluate_on(&metrics, model, &world.labelled, &loss, &backend, NULL),
                     PRUNE_E_ARGUMENT);
    prune_model_free(model);
    world_data_end(&world);
}
END_TEST

enum { MANY = 40, STACKS = 40 << 20, BUFFER = 130 << 20 };

/* QEMU takes a limit and does not keep it. */
static int is_limited(size_t bytes)
{
    void *map = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
        return 1;
    munmap(map, bytes);
    return 0;
}

/* The address space is used up after a few stacks; the buffers that a BLAS wants there are. */
static int starved(void)
{
    unsigned long pages = 0;
    const int has_blas = prune_backend_blas() != NULL;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%lu", &pages) != 1)
        return 1;
    fclose(file);
    const rlim_t most =
        (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + STACKS + (has_blas ? (rlim_t)MANY * BUFFER : 0);
    struct rlimit before;
    prune_pool *pool = NULL;
    if (getrlimit(RLIMIT_AS, &before) != 0)
        return 7;
    const struct rlimit limit = { most, before.rlim_max };
    alarm(20);
    if (LIMITED && setrlimit(RLIMIT_AS, &limit) != 0)
        return 2;
    const int limited = LIMITED && is_limited((size_t)most);
    const prune_status status = prune_pool_create(&pool, NULL, MANY);
    if (limited && (status != PRUNE_E_LIMIT || pool != NULL))
        return 3;
    if (limited && has_blas && prune_blas_reserve(PRUNE_MOST_THREADS) != PRUNE_E_MEMORY)
        return 6;
    prune_pool_free(pool);
    if (setrlimit(RLIMIT_AS, &before) != 0 || prune_pool_create(&pool, NULL, 2) != PRUNE_OK)
        return 4;
    const int right = use(prune_pool_backend(pool)->parallel, NULL);
    prune_pool_free(pool);
    return right ? 0 : 5;
}

START_TEST(threads_that_cannot_be_had_are_an_error)
{
    run_in_child(starved);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        any_number_of_threads_gives_the_same_bits,
        the_reference_gives_the_bits_that_it_gives_alone,
        a_pool_ends_while_its_threads_wake,
        tasks_may_ask_again,
        several_threads_may_share_a_pool,
        after_fork_the_child_works_alone,
        bad_arguments_are_refused,
        a_hook_without_a_function_is_no_hook,
        threads_that_cannot_be_had_are_an_error,
    };
    return run_tests("pool", tests, sizeof tests / sizeof tests[0]);
}
