/* threads_bench.c -- a training step on two threads beside the same on one, and beside what the machine can
 *
 * The limit is half the time that two steps of two models take side by side, each on a thread of its own:
 * where two processors are two threads of one core, there is little to share, and the goals cannot be met.
 * By the clock on the wall, see versus.h. usage: threads_bench CSV
 *
 * SPDX-License-Identifier: MIT */
#include "common/noise.h"
#include "common/versus.h"
#include "libprune.h"

#include <stdlib.h>

enum { LAYERS = 3, INPUTS = 784, CLASSES = 10, WAYS = 3 /* one thread, two threads, two models */ };

static const size_t widths[LAYERS + 1] = { INPUTS, 300, 100, CLASSES };

static void must(prune_status status, const char *what)
{
    if (status == PRUNE_OK)
        return;
    fprintf(stderr, "threads_bench: %s: %s\n", what, prune_status_string(status));
    exit(1);
}

/* A model, its trainer and a batch. */
typedef struct job {
    prune_model *model;
    prune_trainer *trainer;
    prune_tensor *x, *labels;
} job;

static void start(job *j, size_t batch, const prune_backend *backend)
{
    const prune_shape target = { 2, { batch, 1, 0, 0 } };
    prune_rng rng;
    prune_trainer_options options;
    prune_rng_seed(&rng, 1);
    j->model = fresh_model(widths, LAYERS);
    prune_trainer_options_init(&options);
    options.max_batch = batch;
    options.learning_rate = 1e-6f;
    options.backend = backend;
    must(prune_trainer_create(&j->trainer, NULL, j->model, &options, NULL), "trainer");
    j->x = random_rows(batch, INPUTS, -0.5f);
    must(prune_tensor_create(&j->labels, NULL, PRUNE_I32, &target), "labels");
    int32_t *label = prune_tensor_data_mut(j->labels);
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

static void step(void *user)
{
    const job *j = user;
    must(prune_trainer_step(NULL, j->trainer, j->x, j->labels), "step");
}

/* Two models, and a step of each at the same time. */
typedef struct pair {
    job jobs[2];
    const prune_parallel *two;
} pair;

static void step_of_one(void *user, size_t which)
{
    step(&((pair *)user)->jobs[which]);
}

static void two_steps(void *user)
{
    const pair *p = user;
    p->two->run(p->two->user, 2, step_of_one, user);
}

static void measure(FILE *csv, size_t batch, double goal, const prune_backend *two)
{
    const versus_watch wall = { versus_wall_us, 20e3 };
    job one, shared;
    pair aside = { .two = two->parallel };
    const versus_work work[WAYS] = { { step, &one }, { step, &shared }, { two_steps, &aside } };
    versus_times times[WAYS];
    char name[64];
    start(&one, batch, prune_backend_default());
    start(&shared, batch, two);
    for (size_t i = 0; i < 2; i++)
        start(&aside.jobs[i], batch, prune_backend_default());
    versus_measure_by(&wall, times, work, WAYS);
    for (size_t i = 0; i < VERSUS_ROUNDS; i++) {
        times[2].us[i] /= 2.0;
        times[2].ratio[i] /= 2.0;
    }
    snprintf(name, sizeof name, "train-threads2/784-300-100-10/b%d", (int)batch);
    versus_report(csv, name, "one thread", &times[1], &times[0], goal);
    snprintf(name, sizeof name, "train-threads2-limit/784-300-100-10/b%d", (int)batch);
    versus_report(csv, name, "one thread", &times[2], &times[0], 0.0);
    end(&one);
    end(&shared);
    for (size_t i = 0; i < 2; i++)
        end(&aside.jobs[i]);
}

int main(int argc, char **argv)
{
    static const size_t batches[] = { 32, 128, 512 };
    static const double goals[] = { 0.0, 1 / 1.5, 1 / 1.75 };
    FILE *csv = argc == 2 ? fopen(argv[1], "a") : NULL;
    prune_pool *pool;
    if (csv == NULL) {
        fprintf(stderr, "usage: threads_bench CSV\n");
        return 1;
    }
    (void)prune_blas_set_threads(1);
    must(prune_pool_create(&pool, NULL, 2), "pool");
    printf("%-40s %12s %14s   %6s  (quartiles)\n", "training step", "measured", "one thread", "ratio");
    for (size_t i = 0; i < sizeof batches / sizeof batches[0]; i++)
        measure(csv, batches[i], goals[i], prune_pool_backend(pool));
    prune_pool_free(pool);
    return fclose(csv) != 0;
}
