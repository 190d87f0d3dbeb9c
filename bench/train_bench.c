/* train_bench.c -- a training step beside the bare work it cannot do without: the sgemm calls of its
 * forward and backward pass, and one Adam pass over the parameters
 *
 * Both run in turn in one process, on one thread; medians over ROUNDS rounds. usage: train_bench CSV
 *
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "libprune.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 31, MAX_LAYERS = 4 };

typedef struct net {
    const char *name;
    size_t widths[MAX_LAYERS + 1];
    size_t layers;
    size_t batch;
} net;

static const net nets[] = {
    { "train/784-300-100-10/b32", { 784, 300, 100, 10 }, 3, 32 },
    { "train/784-300-100-10/b128", { 784, 300, 100, 10 }, 3, 128 },
    { "train/784-300-100-10/b512", { 784, 300, 100, 10 }, 3, 512 },
    { "train/20-10-10-1/b32", { 20, 10, 10, 1 }, 3, 32 },
};

static void die(const char *what)
{
    fprintf(stderr, "train_bench: %s\n", what);
    exit(1);
}

static void must(prune_status status, const char *what)
{
    if (status != PRUNE_OK)
        die(what);
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

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, by_value);
    return values[count / 2];
}

static float *random_floats(prune_rng *rng, size_t count)
{
    float *x = malloc(count * sizeof *x);
    if (x == NULL)
        die("out of memory");
    for (size_t i = 0; i < count; i++)
        x[i] = prune_rng_uniform(rng) - 0.5f;
    return x;
}

/* ---- the floor ---- */

typedef struct bare {
    const net *net;
    const prune_backend *backend;
    float *w[MAX_LAYERS], *g[MAX_LAYERS], *m[MAX_LAYERS], *v[MAX_LAYERS];
    float *y[MAX_LAYERS + 1], *d[MAX_LAYERS + 1];
} bare;

static size_t weights_of(const net *n, size_t l)
{
    return n->widths[l] * n->widths[l + 1];
}

static bare make_bare(const net *n, const prune_backend *backend, prune_rng *rng)
{
    bare b = { .net = n, .backend = backend };
    for (size_t l = 0; l <= n->layers; l++) {
        b.y[l] = random_floats(rng, n->batch * n->widths[l]);
        b.d[l] = random_floats(rng, n->batch * n->widths[l]);
    }
    for (size_t l = 0; l < n->layers; l++) {
        b.w[l] = random_floats(rng, weights_of(n, l));
        b.g[l] = random_floats(rng, weights_of(n, l));
        b.m[l] = random_floats(rng, weights_of(n, l));
        b.v[l] = random_floats(rng, weights_of(n, l));
        for (size_t i = 0; i < weights_of(n, l); i++)
            b.v[l][i] *= b.v[l][i];
    }
    return b;
}

static void free_bare(bare *b)
{
    for (size_t l = 0; l <= b->net->layers; l++) {
        free(b->y[l]);
        free(b->d[l]);
    }
    for (size_t l = 0; l < b->net->layers; l++) {
        free(b->w[l]);
        free(b->g[l]);
        free(b->m[l]);
        free(b->v[l]);
    }
}

static void bare_products(const bare *b)
{
    const net *n = b->net;
    for (size_t l = 0; l < n->layers; l++) {
        const size_t in = n->widths[l], out = n->widths[l + 1];
        const prune_gemm forward = { .m = n->batch,
                                     .n = out,
                                     .k = in,
                                     .a = b->y[l],
                                     .lda = in,
                                     .b = b->w[l],
                                     .ldb = in,
                                     .transpose_b = 1,
                                     .c = b->y[l + 1],
                                     .ldc = out,
                                     .alpha = 1.0f };
        b->backend->run(b->backend->user, &forward);
    }
    for (size_t l = n->layers; l-- > 0;) {
        const size_t in = n->widths[l], out = n->widths[l + 1];
        const prune_gemm gradient = { .m = out,
                                      .n = in,
                                      .k = n->batch,
                                      .a = b->d[l + 1],
                                      .lda = out,
                                      .transpose_a = 1,
                                      .b = b->y[l],
                                      .ldb = in,
                                      .c = b->g[l],
                                      .ldc = in,
                                      .alpha = 1e-3f };
        b->backend->run(b->backend->user, &gradient);
        const prune_gemm back = { .m = n->batch,
                                  .n = in,
                                  .k = out,
                                  .a = b->d[l + 1],
                                  .lda = out,
                                  .b = b->w[l],
                                  .ldb = in,
                                  .c = b->d[l],
                                  .ldc = in,
                                  .alpha = 1.0f };
        if (l != 0)
            b->backend->run(b->backend->user, &back);
    }
}

static void bare_adam(size_t count, float *restrict w, const float *restrict g, float *restrict m,
                      float *restrict v)
{
    for (size_t i = 0; i < count; i++) {
        m[i] = 0.9f * m[i] + 0.1f * g[i];
        v[i] = 0.999f * v[i] + 0.001f * g[i] * g[i];
        w[i] -= 1e-9f * m[i] / (__builtin_sqrtf(v[i]) + 1e-8f);
    }
}

static void bare_step(const bare *b)
{
    bare_products(b);
    for (size_t l = 0; l < b->net->layers; l++)
        bare_adam(weights_of(b->net, l), b->w[l], b->g[l], b->m[l], b->v[l]);
}

/* ---- the library ---- */

typedef struct real {
    prune_model *model;
    prune_trainer *trainer;
    prune_tensor *x, *y;
    float *inputs;
    void *targets;
} real;

static real make_real(const net *n, prune_rng *rng)
{
    real r = { 0 };
    const size_t outputs = n->widths[n->layers];
    must(prune_model_create(&r.model, NULL, n->widths[0]), "model");
    for (size_t l = 1; l <= n->layers; l++)
        must(prune_model_add_dense(r.model, n->widths[l], l < n->layers ? PRUNE_RELU : PRUNE_LINEAR),
             "layer");
    prune_trainer_options options;
    prune_trainer_options_init(&options);
    options.max_batch = n->batch;
    options.loss = outputs > 1 ? PRUNE_SOFTMAX_CROSS_ENTROPY : PRUNE_MSE;
    options.learning_rate = 1e-6f;
    must(prune_trainer_create(&r.trainer, NULL, r.model, &options, NULL), "trainer");
    r.inputs = random_floats(rng, n->batch * n->widths[0]);
    must(prune_tensor_matrix(&r.x, NULL, PRUNE_F32, n->batch, n->widths[0], r.inputs), "x");
    if (outputs == 1) {
        r.targets = random_floats(rng, n->batch);
        must(prune_tensor_matrix(&r.y, NULL, PRUNE_F32, n->batch, 1, r.targets), "y");
        return r;
    }
    int32_t *labels = malloc(n->batch * sizeof *labels);
    if (labels == NULL)
        die("out of memory");
    for (size_t i = 0; i < n->batch; i++)
        labels[i] = (int32_t)prune_rng_below(rng, outputs);
    r.targets = labels;
    must(prune_tensor_matrix(&r.y, NULL, PRUNE_I32, n->batch, 1, labels), "labels");
    return r;
}

static void free_real(real *r)
{
    prune_trainer_free(r->trainer);
    prune_model_free(r->model);
    prune_tensor_free(r->x);
    prune_tensor_free(r->y);
    free(r->inputs);
    free(r->targets);
}

/* ---- both in turn ---- */

static size_t steps_per_round(const bare *b)
{
    const double start = now_us();
    size_t steps = 0;
    while (now_us() - start < 20e3) {
        bare_step(b);
        steps++;
    }
    return steps;
}

static void measure(const net *n, FILE *csv, int *missed)
{
    prune_rng rng;
    prune_rng_seed(&rng, 1);
    bare b = make_bare(n, prune_backend_default(), &rng);
    real r = make_real(n, &rng);
    double bare_us[ROUNDS], real_us[ROUNDS], ratio[ROUNDS];
    const size_t steps = steps_per_round(&b);
    for (size_t round = 0; round < ROUNDS; round++) {
        const double start = now_us();
        for (size_t i = 0; i < steps; i++)
            bare_step(&b);
        const double middle = now_us();
        for (size_t i = 0; i < steps; i++)
            must(prune_trainer_step(NULL, r.trainer, r.x, r.y), "step");
        const double end = now_us();
        bare_us[round] = (middle - start) / (double)steps;
        real_us[round] = (end - middle) / (double)steps;
        ratio[round] = real_us[round] / bare_us[round];
    }
    const double value = median(real_us, ROUNDS), reference = median(bare_us, ROUNDS);
    const double middle = median(ratio, ROUNDS);
    fprintf(csv, "%s,%.3f,us,bare %s sgemm + Adam,%.3f,%.4f\n", n->name, value, b.backend->name, reference,
            middle);
    printf("%-28s %10.1f us %10.1f us   %.3f  (quartiles %.3f .. %.3f)\n", n->name, value, reference, middle,
           ratio[ROUNDS / 4], ratio[ROUNDS - 1 - ROUNDS / 4]);
    *missed += n->batch == 128 && middle >= 1.25;
    free_bare(&b);
    free_real(&r);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        die("usage: train_bench CSV");
    FILE *csv = fopen(argv[1], "a");
    if (csv == NULL)
        die("cannot write the CSV file");
    int missed = 0;
    (void)prune_blas_set_threads(1);
    printf("%-28s %13s %13s   ratio\n", "training step", "libprune", "bare");
    for (size_t i = 0; i < sizeof nets / sizeof nets[0]; i++)
        measure(&nets[i], csv, &missed);
    if (fclose(csv) != 0)
        die("cannot write the CSV file");
    printf("goal at batch 128: ratio < 1.25: %s\n", missed ? "missed" : "met");
    return 0;
}
