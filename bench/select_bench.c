/* select_bench.c -- choosing 90 % of all weights by magnitude and removing them, beside what no choice can do
 * without: the weights read once, compared with a threshold that is known, and a mask of bytes written
 *
 * Both run in turn in one process, on one thread; medians over ROUNDS rounds of processor time, which other
 * programs do not lengthen. usage: select_bench CSV
 *
 * SPDX-License-Identifier: MIT */
#include "libprune.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 15, NET_LAYERS = 2 };

typedef struct job {
    const char *name;
    size_t widths[NET_LAYERS + 1];
} job;

/* Of 1, 10 and 100 million weights; 1.3 GB at most. */
static const job jobs[] = {
    { "select/1000000", { 900, 1000, 100 } },
    { "select/10000000", { 3000, 3000, 333 } },
    { "select/100000000", { 10000, 9000, 1111 } },
};

static void must(int32_t fine, const char *what)
{
    if (fine)
        return;
    fprintf(stderr, "select_bench: %s\n", what);
    exit(1);
}

static double now_ns(void)
{
    return (double)clock() * (1e9 / CLOCKS_PER_SEC);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double sort(double *values)
{
    qsort(values, ROUNDS, sizeof *values, by_value);
    return values[ROUNDS / 2];
}

/* ---- the floor ---- */

typedef struct bare {
    float *weight;
    uint8_t *kept;
    size_t count;
    float threshold;
    volatile float sum;
} bare;

static void read_all(bare *b)
{
    float sum[8] = { 0.0f };
    for (size_t i = 0; i + 8 <= b->count; i += 8)
        for (size_t j = 0; j < 8; j++)
            sum[j] += __builtin_fabsf(b->weight[i + j]);
    b->sum = sum[0] + sum[3];
}

static void compare_all(const bare *b)
{
    const float *restrict weight = b->weight;
    uint8_t *restrict kept = b->kept;
    for (size_t i = 0; i < b->count; i++)
        kept[i] = __builtin_fabsf(weight[i]) > b->threshold;
}

static double time_bare(bare *b)
{
    const double start = now_ns();
    read_all(b);
    compare_all(b);
    return now_ns() - start;
}

/* ---- the library ---- */

typedef struct real {
    prune_model *model;
    prune_importance *scores;
    uint64_t weights;
    float threshold;
} real;

static real make_real(const job *j, bare *b)
{
    real r = { 0 };
    prune_rng rng;
    prune_rng_seed(&rng, 1);
    must(prune_model_create(&r.model, NULL, j->widths[0]) == PRUNE_OK, "model");
    for (size_t l = 1; l <= NET_LAYERS; l++)
        must(prune_model_add_dense(r.model, j->widths[l], PRUNE_LINEAR) == PRUNE_OK, "layer");
    for (size_t l = 0; l < NET_LAYERS; l++) {
        const size_t count = j->widths[l] * j->widths[l + 1];
        for (size_t i = 0; i < count; i++)
            b->weight[i] = prune_rng_normal(&rng);
        must(prune_model_set_param(r.model, 2 * l, b->weight, count) == PRUNE_OK, "weights");
    }
    must(prune_importance_create(&r.scores, NULL, r.model, PRUNE_MAGNITUDE) == PRUNE_OK, "scores");
    return r;
}

static double time_real(real *r)
{
    prune_removal removal;
    prune_removal_init(&removal);
    must(prune_mask_reset(r->model) == PRUNE_OK, "reset");
    const double start = now_ns();
    must(prune_mask_fraction(&removal, r->model, r->scores, NULL, 0.9, PRUNE_OF_ALL) == PRUNE_OK, "choice");
    const double taken = now_ns() - start;
    must(removal.removed * 10 / 9 - removal.units + 1 <= 2, "not 90 % of the weights");
    r->weights = removal.units;
    r->threshold = removal.threshold;
    return taken;
}

/* ---- both in turn ---- */

static void measure(const job *j, FILE *csv)
{
    bare b = { .count = j->widths[0] * j->widths[1] + j->widths[1] * j->widths[2] };
    double bare_ns[ROUNDS], real_ns[ROUNDS], ratio[ROUNDS];
    b.weight = malloc(b.count * sizeof *b.weight);
    b.kept = calloc(b.count, 1);
    must(b.weight != NULL && b.kept != NULL, "out of memory");
    real r = make_real(j, &b);
    (void)time_real(&r);
    b.threshold = r.threshold;
    (void)time_bare(&b);
    for (size_t round = 0; round < ROUNDS; round++) {
        bare_ns[round] = time_bare(&b) / (double)b.count;
        real_ns[round] = time_real(&r) / (double)b.count;
        ratio[round] = real_ns[round] / bare_ns[round];
    }
    const double value = sort(real_ns), reference = sort(bare_ns), middle = sort(ratio);
    const double low = ratio[ROUNDS / 4], high = ratio[ROUNDS - 1 - ROUNDS / 4];
    fprintf(csv, "%s,%.4f,ns/weight,read + compare + byte mask,%.4f,%.4f\n", j->name, value, reference,
            middle);
    printf("%-28s %10.3f ns %10.3f ns   %.3f  (quartiles %.3f .. %.3f)  goal <= 2: %s\n", j->name, value,
           reference, middle, low, high,
           middle <= 2.0 ? "met"
           : low <= 2.0  ? "within noise"
                         : "missed");
    prune_importance_free(r.scores);
    prune_model_free(r.model);
    free(b.weight);
    free(b.kept);
}

int main(int argc, char **argv)
{
    must(argc == 2, "usage: select_bench CSV");
    FILE *csv = fopen(argv[1], "a");
    must(csv != NULL, "cannot write the CSV file");
    printf("%-28s %13s %13s   ratio\n", "choosing 90 %, a weight", "libprune", "bare");
    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++)
        measure(&jobs[i], csv);
    must(fclose(csv) == 0, "cannot write the CSV file");
    return 0;
}
