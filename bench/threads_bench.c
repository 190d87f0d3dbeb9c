/* threads_bench.c -- a training step on two threads beside the same on one, and beside what the machine can
 *
 * The limit is half the time that two steps of two models take side by side, each on a thread of its own:
 * where two processors are two threads of one core, there is little to share. All take turns in one process;
 * medians over ROUNDS rounds of the ratios of each. usage: threads_bench CSV
 *
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "libprune.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    ROUNDS = 31,
    LAYERS = 3,
    INPUTS = 784,
    CLASSES = 10,
    WAYS = 3 /* one thread, two threads, two models */
};

static const size_t widths[LAYERS + 1] = { INPUTS, 300, 100, CLASSES };

static void must(prune_status status, const char *what)
{
    if (status == PRUNE_OK)
        return;
    fprintf(stderr, "threads_bench: %s: %s\n", what, prune_status_string(status));
    exit(1);
}

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* A model, its trainer and a batch. */
typedef struct job {
    prune_model *model;
    prune_trainer *trainer;
    prune_tensor *x, *labels;
} job;

static void start(job *j, size_t batch, const prune_backend *backend)
{
    const prune_shape input = { 2, { batch, INPUTS, 0, 0 } }, target = { 2, { batch, 1, 0, 0 } };
    prune_rng rng;
    prune_trainer_options options;
    prune_rng_seed(&rng, 1);
    must(prune_model_create(&j->model, NULL, INPUTS), "model");
    for (size_t l = 1; l <= LAYERS; l++)
        must(prune_model_add_dense(j->model, widths[l], l < LAYERS ? PRUNE_RELU : PRUNE_LINEAR), "layer");
    prune_trainer_options_init(&options);
    options.max_batch = batch;
    options.learning_rate = 1e-6f;
    options.backend = backend;
    must(prune_trainer_create(&j->trainer, NULL, j->model, &options, NULL), "trainer");
    must(prune_tensor_create(&j->x, NULL, PRUNE_F32, &input), "x");
    must(prune_tensor_create(&j->labels, NULL, PRUNE_I32, &target), "labels");
    float *x = prune_tensor_data_mut(j->x);
    int32_t *label = prune_tensor_data_mut(j->labels);
    for (size_t i = 0; i < batch * INPUTS; i++)
        x[i] = prune_rng_uniform(&rng) - 0.5f;
    for (size_t i = 0; i < batch; i++)
        label[i] = (int32_t)prune_rng_below(&rng, CLASSES);
}

static void end(job *j)
{
    prune_trainer_free(j->trainer);
    prune_model_free(j->model);
    prune_tensor_free(j->x);
    prune_tensor_free(j->labels);
}

static double steps_us(job *j, size_t steps)
{
    const double from = now_us();
    for (size_t i = 0; i < steps; i++)
        must(prune_trainer_step(NULL, j->trainer, j->x, j->labels), "step");
    return (now_us() - from) / (double)steps;
}

typedef struct pair {
    job jobs[2];
    size_t steps;
} pair;

static void steps_of_one(void *user, size_t which)
{
    pair *p = user;
    (void)steps_us(&p->jobs[which], p->steps);
}

/* Two threads do as many steps as one does in `steps_us`, half of them each. */
static double pair_us(pair *p, const prune_parallel *two, size_t steps)
{
    const double from = now_us();
    p->steps = (steps + 1) / 2;
    two->run(two->user, 2, steps_of_one, p);
    return (now_us() - from) / (double)(2 * p->steps);
}

/* us[0] is the reference. The median ratio. */
static double print(FILE *csv, const char *name, double us[2][ROUNDS])
{
    double ratio[ROUNDS];
    for (size_t i = 0; i < ROUNDS; i++)
        ratio[i] = us[1][i] / us[0][i];
    qsort(ratio, ROUNDS, sizeof *ratio, by_value);
    qsort(us[0], ROUNDS, sizeof *us[0], by_value);
    qsort(us[1], ROUNDS, sizeof *us[1], by_value);
    const size_t middle = ROUNDS / 2, quarter = ROUNDS / 4;
    fprintf(csv, "%s,%.3f,us,one thread,%.3f,%.4f\n", name, us[1][middle], us[0][middle], ratio[middle]);
    printf("%-38s %9.1f us %9.1f us   %.3f  (quartiles %.3f .. %.3f; of the best %.3f)\n", name,
           us[1][middle], us[0][middle], ratio[middle], ratio[quarter], ratio[ROUNDS - 1 - quarter],
           us[1][0] / us[0][0]);
    return ratio[middle];
}

/* A goal that two models side by side do not reach either is beyond the machine. */
static void judge(size_t batch, double ratio, double limit)
{
    const double goal = batch == 512 ? 1.0 / 1.75 : 1.0 / 1.5;
    if (batch >= 128)
        printf("    goal %.3f: %s\n", goal,
               ratio <= goal  ? "met"
               : limit > goal ? "missed: this machine's limit is above it"
                              : "missed");
}

static void measure(FILE *csv, size_t batch, const prune_backend *two)
{
    job one, shared;
    pair aside;
    double us[WAYS][ROUNDS], both[2][ROUNDS];
    char name[64];
    start(&one, batch, prune_backend_default());
    start(&shared, batch, two);
    for (size_t i = 0; i < 2; i++)
        start(&aside.jobs[i], batch, prune_backend_default());
    const size_t steps = (size_t)(20e3 / steps_us(&one, 20)) + 1;
    for (size_t round = 0; round < ROUNDS; round++) {
        us[0][round] = steps_us(&one, steps);
        us[1][round] = steps_us(&shared, steps);
        us[2][round] = pair_us(&aside, two->parallel, steps);
    }
    double ratio[WAYS];
    for (size_t w = 1; w < WAYS; w++) {
        for (size_t i = 0; i < ROUNDS; i++)
            both[0][i] = us[0][i], both[1][i] = us[w][i];
        snprintf(name, sizeof name, "train-threads2%s/784-300-100-10/b%d", w == 1 ? "" : "-limit",
                 (int)batch);
        ratio[w] = print(csv, name, both);
    }
    judge(batch, ratio[1], ratio[2]);
    end(&one);
    end(&shared);
    for (size_t i = 0; i < 2; i++)
        end(&aside.jobs[i]);
}

int main(int argc, char **argv)
{
    static const size_t batches[] = { 32, 128, 512 };
    FILE *csv = argc == 2 ? fopen(argv[1], "a") : NULL;
    prune_pool *pool;
    if (csv == NULL) {
        fprintf(stderr, "usage: threads_bench CSV\n");
        return 1;
    }
    (void)prune_blas_set_threads(1);
    must(prune_pool_create(&pool, NULL, 2), "pool");
    printf("%-40s %12s %12s   ratio\n", "training step", "measured", "one thread");
    for (size_t i = 0; i < sizeof batches / sizeof batches[0]; i++)
        measure(csv, batches[i], prune_pool_backend(pool));
    prune_pool_free(pool);
    return 0;
}
