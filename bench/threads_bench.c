/* threads_bench.c -- a training step on two threads beside the same on one; and what cutting costs on one
 *
 * By the clock on the wall, see versus.h. usage: threads_bench CSV
 *
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "common/versus.h"
#include "libprune.h"

#include <stdlib.h>
#include <time.h>

enum { LAYERS = 3, INPUTS = 784, CLASSES = 10, WAYS = 3 };

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

static void step(void *user)
{
    const job *j = user;
    must(prune_trainer_step(NULL, j->trainer, j->x, j->labels), "step");
}

static void measure(FILE *csv, size_t batch, double goal, const prune_backend *const ways[WAYS])
{
    static const char *const names[WAYS] = { NULL, "threads2", "cut" };
    const versus_watch wall = { now_us, 20e3 };
    job jobs[WAYS];
    versus_work work[WAYS];
    versus_times times[WAYS];
    char name[64];
    for (size_t w = 0; w < WAYS; w++) {
        start(&jobs[w], batch, ways[w]);
        work[w] = (versus_work){ step, &jobs[w] };
    }
    versus_measure_by(&wall, times, work, WAYS);
    for (size_t w = 1; w < WAYS; w++) {
        snprintf(name, sizeof name, "train-%s/784-300-100-10/b%d", names[w], (int)batch);
        versus_report(csv, name, "one thread", &times[w], &times[0], w == 1 ? goal : 0.0);
    }
    for (size_t w = 0; w < WAYS; w++)
        end(&jobs[w]);
}

int main(int argc, char **argv)
{
    static const size_t batches[] = { 32, 128, 512 };
    static const double goals[] = { 0.0, 1 / 1.5, 1 / 1.75 };
    FILE *csv = argc == 2 ? fopen(argv[1], "a") : NULL;
    prune_pool *one, *two;
    if (csv == NULL) {
        fprintf(stderr, "usage: threads_bench CSV\n");
        return 1;
    }
    (void)prune_blas_set_threads(1);
    must(prune_pool_create(&one, NULL, 1), "pool");
    must(prune_pool_create(&two, NULL, 2), "pool");
    const prune_backend *const ways[WAYS] = { prune_backend_default(), prune_pool_backend(two),
                                              prune_pool_backend(one) };
    printf("%-34s %14s %14s   %6s  (quartiles)\n", "training step (cut: on one thread)", "measured",
           "one thread", "ratio");
    for (size_t i = 0; i < sizeof batches / sizeof batches[0]; i++)
        measure(csv, batches[i], goals[i], ways);
    prune_pool_free(one);
    prune_pool_free(two);
    return fclose(csv) != 0;
}
