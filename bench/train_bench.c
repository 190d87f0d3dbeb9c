/* train_bench.c -- a training step beside the bare work it cannot do without: the sgemm calls of its forward
 * and backward pass, and one Adam pass over the parameters; the same under a mask beside itself without; by
 * kept weights alone beside by all of them; and scores beside the passes that they are made from
 *
 * One thread, see versus.h. usage: train_bench CSV
 *
 * SPDX-License-Identifier: MIT */
#include "common/noise.h"
#include "common/versus.h"
#include "libprune.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_LAYERS = 4, SCORED_BATCH = 128, SCORED_BATCHES = 16, SCORED = SCORED_BATCH * SCORED_BATCHES };

typedef struct net {
    const char *name;
    size_t widths[MAX_LAYERS + 1];
    size_t layers;
    size_t batch;
    double goal;        /* beside the bare work */
    double masked_goal; /* 90 % removed, beside the same step without a mask; 0: not measured */
} net;

static const net nets[] = {
    { "784-300-100-10/b32", { 784, 300, 100, 10 }, 3, 32, 1.10, 1.03 },
    { "784-300-100-10/b128", { 784, 300, 100, 10 }, 3, 128, 1.06, 1.03 },
    { "784-300-100-10/b512", { 784, 300, 100, 10 }, 3, 512, 1.04, 1.03 },
    { "20-10-10-1/b32", { 20, 10, 10, 1 }, 3, 32, 1.0, 1.03 },
    { "1024-4096-4096-1000/b256", { 1024, 4096, 4096, 1000 }, 3, 256, 1.05, 0.0 },
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

static void bare_step(void *user)
{
    const bare *b = user;
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

/* `samples` of data; a batch of the net's at a time. */
static real make_real(const net *n, size_t samples, int32_t per_sample, prune_rng *rng)
{
    real r = { 0 };
    const size_t outputs = n->widths[n->layers];
    r.model = fresh_model(n->widths, n->layers);
    prune_trainer_options options;
    prune_trainer_options_init(&options);
    options.max_batch = n->batch;
    options.loss = outputs > 1 ? PRUNE_SOFTMAX_CROSS_ENTROPY : PRUNE_MSE;
    options.learning_rate = 1e-6f;
    options.per_sample = per_sample;
    must(prune_trainer_create(&r.trainer, NULL, r.model, &options, NULL), "trainer");
    r.inputs = random_floats(rng, samples * n->widths[0]);
    must(prune_tensor_matrix(&r.x, NULL, PRUNE_F32, samples, n->widths[0], r.inputs), "x");
    if (outputs == 1) {
        r.targets = random_floats(rng, samples);
        must(prune_tensor_matrix(&r.y, NULL, PRUNE_F32, samples, 1, r.targets), "y");
        return r;
    }
    int32_t *labels = malloc(samples * sizeof *labels);
    if (labels == NULL)
        die("out of memory");
    for (size_t i = 0; i < samples; i++)
        labels[i] = (int32_t)prune_rng_below(rng, outputs);
    r.targets = labels;
    must(prune_tensor_matrix(&r.y, NULL, PRUNE_I32, samples, 1, labels), "labels");
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

static void real_step(void *user)
{
    const real *r = user;
    must(prune_trainer_step(NULL, r->trainer, r->x, r->y), "step");
}

static void remove_most(const real *r, double fraction)
{
    prune_removal removal;
    prune_importance *magnitude;
    prune_removal_init(&removal);
    must(prune_importance_create(&magnitude, NULL, r->model, PRUNE_MAGNITUDE), "importance");
    must(prune_mask_fraction(&removal, r->model, magnitude, NULL, fraction, PRUNE_OF_ALL), "mask");
    prune_importance_free(magnitude);
}

/* ---- in turn ---- */

static void measure_steps(const net *n, FILE *csv)
{
    char name[64];
    prune_rng rng;
    prune_rng_seed(&rng, 1);
    const prune_backend *blas = prune_backend_blas();
    bare b = make_bare(n, blas != NULL ? blas : prune_backend_reference(), &rng);
    real plain = make_real(n, n->batch, 0, &rng), masked = plain;
    versus_times times[2], beside[2];
    const versus_work work[2] = { { bare_step, &b }, { real_step, &plain } };
    versus_measure(times, work, 2);
    snprintf(name, sizeof name, "train/%s", n->name);
    versus_report(csv, name, "bare sgemm + Adam", &times[1], &times[0], n->goal);
    if (n->masked_goal > 0.0) {
        masked = make_real(n, n->batch, 0, &rng);
        must(prune_trainer_set_sparse(masked.trainer, PRUNE_SPARSE_OFF, PRUNE_KERNELS_AUTO), "all weights");
        remove_most(&masked, 0.9);
        const versus_work pair[2] = { { real_step, &plain }, { real_step, &masked } };
        versus_measure(beside, pair, 2);
        snprintf(name, sizeof name, "train-masked/%s", n->name);
        versus_report(csv, name, "step without mask", &beside[1], &beside[0], n->masked_goal);
        free_real(&masked);
    }
    free_bare(&b);
    free_real(&plain);
}

/* Of the same removed weights: all multiplied, or none. */
static void measure_sparse(const net *n, int32_t percent, double goal, FILE *csv)
{
    char name[64];
    real r[2];
    versus_times times[2];
    const int32_t ways[2] = { PRUNE_SPARSE_OFF, PRUNE_SPARSE_AUTO };
    for (size_t i = 0; i < 2; i++) {
        prune_rng rng;
        prune_rng_seed(&rng, 3);
        r[i] = make_real(n, n->batch, 0, &rng);
        must(prune_trainer_set_sparse(r[i].trainer, ways[i], PRUNE_KERNELS_AUTO), "kernels");
        remove_most(&r[i], percent / 100.0);
    }
    const versus_work work[2] = { { real_step, &r[0] }, { real_step, &r[1] } };
    versus_measure(times, work, 2);
    snprintf(name, sizeof name, "train-sparse/%.*s/s%d/b%d", (int)strcspn(n->name, "/"), n->name,
             (int)percent, (int)n->batch);
    versus_report(csv, name, "dense step", &times[1], &times[0], goal);
    for (size_t i = 0; i < 2; i++)
        free_real(&r[i]);
}

/* ---- scores ---- */

typedef struct scoring {
    real r;
    prune_importance *scores;
    prune_data data;
    prune_tensor *x[SCORED_BATCHES], *y[SCORED_BATCHES];
} scoring;

static void passes(void *user)
{
    const scoring *s = user;
    float loss;
    for (size_t i = 0; i < SCORED_BATCHES; i++) {
        must(prune_trainer_forward(s->r.trainer, s->x[i]), "forward");
        must(prune_trainer_loss(&loss, s->r.trainer, s->y[i]), "loss");
        must(prune_trainer_backward(s->r.trainer, NULL), "backward");
    }
}

static void score(void *user)
{
    const scoring *s = user;
    must(prune_importance_reset(s->scores), "reset");
    must(prune_importance_accumulate(s->scores, s->r.trainer, &s->data, NULL), "scores");
}

static scoring make_scoring(const net *n, int32_t criterion, int32_t per_sample)
{
    prune_rng rng;
    prune_rng_seed(&rng, 2);
    scoring s = { .r = make_real(n, SCORED, per_sample, &rng) };
    must(prune_importance_create(&s.scores, NULL, s.r.model, criterion), "importance");
    prune_data_init(&s.data);
    s.data.inputs = s.r.x;
    s.data.targets = s.r.y;
    for (size_t i = 0; i < SCORED_BATCHES; i++) {
        float *x = s.r.inputs + i * SCORED_BATCH * n->widths[0];
        int32_t *y = (int32_t *)s.r.targets + i * SCORED_BATCH;
        must(prune_tensor_matrix(&s.x[i], NULL, PRUNE_F32, SCORED_BATCH, n->widths[0], x), "x");
        must(prune_tensor_matrix(&s.y[i], NULL, PRUNE_I32, SCORED_BATCH, 1, y), "labels");
    }
    return s;
}

static void free_scoring(scoring *s)
{
    for (size_t i = 0; i < SCORED_BATCHES; i++) {
        prune_tensor_free(s->x[i]);
        prune_tensor_free(s->y[i]);
    }
    prune_importance_free(s->scores);
    free_real(&s->r);
}

static void measure_scores(const net *n, FILE *csv)
{
    scoring plain = make_scoring(n, PRUNE_TAYLOR, 0);
    scoring squares = make_scoring(n, PRUNE_FISHER, PRUNE_PER_SAMPLE_SQUARE);
    const versus_work work[3] = { { passes, &plain }, { score, &plain }, { score, &squares } };
    versus_times times[3];
    versus_measure(times, work, 3);
    versus_report(csv, "score/taylor", "forward + backward", &times[1], &times[0], 1.1);
    versus_report(csv, "score/fisher", "forward + backward", &times[2], &times[0], 1.6);
    free_scoring(&plain);
    free_scoring(&squares);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        die("usage: train_bench CSV");
    FILE *csv = fopen(argv[1], "a");
    if (csv == NULL)
        die("cannot write the CSV file");
    (void)prune_blas_set_threads(1);
    printf("%-34s %14s %14s   %6s  (quartiles)\n", "training", "libprune", "reference", "ratio");
    measure_scores(&nets[1], csv);
    for (size_t i = 0; i < sizeof nets / sizeof nets[0]; i++)
        measure_steps(&nets[i], csv);
    for (size_t i = 0; i < 3; i++) {
        measure_sparse(&nets[i], 90, 0.0, csv);
        measure_sparse(&nets[i], 95, 1.0 / 1.5, csv);
    }
    if (fclose(csv) != 0)
        die("cannot write the CSV file");
    return 0;
}
