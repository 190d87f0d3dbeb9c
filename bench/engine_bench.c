/* engine_bench.c -- whole models made ready to run
 *
 * model/   90 % of the weights removed, in 8 x 1 blocks or anywhere, beside the dense model
 * auto/    layouts chosen by modelled cost, or by measuring, beside the best of all when one layout is forced
 *          upon all layers; which includes dense, but none that is larger, since no choice may take those
 * compact/ half of the hidden neurons gone, beside what the dense model takes times the ratio of the
 *          multiply-accumulates
 * Dense products by BLAS, one thread, see versus.h. usage: engine_bench CSV
 *
 * SPDX-License-Identifier: MIT */
#include "common/noise.h"
#include "common/versus.h"
#include "libprune.h"

#include <stdlib.h>
#include <string.h>

enum { LAYERS = 3, MANY = 64, MOST = VERSUS_MOST };

static const size_t large[LAYERS + 1] = { 784, 300, 100, 10 }, small[LAYERS + 1] = { 20, 10, 10, 1 };

static void must(prune_status status, const char *what)
{
    if (status == PRUNE_OK)
        return;
    fprintf(stderr, "engine_bench: %s: %s\n", what, prune_status_string(status));
    exit(1);
}

/* ---- models ---- */

static void prune_blocks(prune_model *model, double fraction, int32_t block_rows)
{
    prune_importance *magnitude;
    prune_selection blocks;
    prune_removal removal;
    prune_selection_init(&blocks);
    prune_removal_init(&removal);
    blocks.granularity = PRUNE_BLOCKS;
    blocks.block_rows = block_rows;
    must(prune_importance_create(&magnitude, NULL, model, PRUNE_MAGNITUDE), "scores");
    must(prune_mask_fraction(&removal, model, magnitude, &blocks, fraction, PRUNE_OF_ALL), "mask");
    prune_importance_free(magnitude);
}

static prune_model *pruned_model(const size_t widths[LAYERS + 1], double fraction, int32_t block_rows)
{
    prune_model *model = fresh_model(widths, LAYERS);
    if (fraction > 0.0)
        prune_blocks(model, fraction, block_rows);
    return model;
}

static prune_model *half_model(const size_t widths[LAYERS + 1])
{
    prune_model *model = fresh_model(widths, LAYERS), *half;
    for (size_t l = 0; l + 1 < LAYERS; l++)
        for (size_t u = 0; u < widths[l + 1]; u += 2)
            must(prune_mask_neuron(model, l, u), "mask");
    must(prune_compact(&half, NULL, model, NULL, NULL, NULL), "compaction");
    prune_model_free(model);
    return half;
}

static double macs_of(const prune_model *model)
{
    double macs = 0.0;
    for (size_t l = 0; l < prune_model_layer_count(model); l++) {
        prune_layer_info info = { .size = sizeof info };
        must(prune_model_layer_info(&info, model, l), "layer");
        macs += (double)info.macs;
    }
    return macs;
}

/* ---- engines that run ---- */

typedef struct contestant {
    prune_engine *engine;
    prune_tensor *x, *y;
} contestant;

static void run(void *user)
{
    contestant *c = user;
    (void)prune_engine_run(c->engine, c->y, c->x, NULL);
}

/* Returns 0 if the kernels have no such layout. */
static int enter(contestant *c, const prune_model *model, size_t batch, int32_t choice, int32_t layout)
{
    const int32_t layouts[LAYERS] = { layout, layout, layout };
    prune_engine_options options;
    prune_engine_options_init(&options);
    options.max_batch = batch;
    options.choice = choice;
    options.layouts = layouts;
    options.layout_count = LAYERS;
    const prune_status status = prune_engine_create(&c->engine, NULL, model, &options, NULL);
    if (status == PRUNE_E_UNSUPPORTED)
        return 0;
    must(status, "engine");
    c->x = random_rows(batch, prune_model_inputs(model), -0.5f);
    c->y = random_rows(batch, prune_model_outputs(model), -0.5f);
    return 1;
}

static void leave(contestant *c)
{
    prune_engine_free(c->engine);
    prune_tensor_free(c->x);
    prune_tensor_free(c->y);
}

/* All in turn; times[0] is the reference's. */
static void measure(versus_times *times, contestant *all, size_t count)
{
    versus_work work[MOST];
    for (size_t i = 0; i < count; i++)
        work[i] = (versus_work){ run, &all[i] };
    versus_measure(times, work, count);
}

/* ---- pruned beside dense ---- */

static int bench_pruned(FILE *csv, const char *name, int32_t block_rows, size_t batch)
{
    contestant all[2];
    versus_times times[2];
    prune_model *dense = fresh_model(large, LAYERS), *model = pruned_model(large, 0.9, block_rows);
    (void)enter(&all[0], dense, batch, PRUNE_CHOOSE_MODELLED, PRUNE_LAYOUT_DENSE);
    (void)enter(&all[1], model, batch, PRUNE_CHOOSE_MEASURED, PRUNE_LAYOUT_AUTO);
    measure(times, all, 2);
    for (size_t i = 0; i < 2; i++)
        leave(&all[i]);
    prune_model_free(dense);
    prune_model_free(model);
    return versus_report(csv, name, "dense model by BLAS", &times[1], &times[0], 1.0);
}

/* ---- compacted beside dense ---- */

static int bench_compact(FILE *csv, const char *name, const size_t widths[LAYERS + 1])
{
    contestant all[2];
    versus_times times[2];
    prune_model *dense = fresh_model(widths, LAYERS), *half = half_model(widths);
    const double share = macs_of(half) / macs_of(dense);
    (void)enter(&all[0], dense, MANY, PRUNE_CHOOSE_MODELLED, PRUNE_LAYOUT_DENSE);
    (void)enter(&all[1], half, MANY, PRUNE_CHOOSE_MODELLED, PRUNE_LAYOUT_AUTO);
    measure(times, all, 2);
    for (size_t round = 0; round < VERSUS_ROUNDS; round++) {
        times[0].us[round] *= share;
        times[1].ratio[round] /= share;
    }
    for (size_t i = 0; i < 2; i++)
        leave(&all[i]);
    prune_model_free(dense);
    prune_model_free(half);
    return versus_report(csv, name, "dense time x ratio of MACs", &times[1], &times[0], 1.0 / 0.9);
}

/* ---- chosen beside the best ---- */

/* Of all dense layers, with what is left of the lines of the cache that arrays end in. */
static uint64_t bytes_of(const contestant *c)
{
    uint64_t bytes = 0;
    for (size_t l = 0; l < LAYERS; l++) {
        prune_engine_layer layer;
        prune_engine_layer_init(&layer);
        must(prune_engine_describe(&layer, c->engine, l), "layer");
        bytes += layer.bytes;
    }
    return bytes;
}

static int is_larger(const contestant *c, const contestant *dense)
{
    enum { LINE = 64 };
    return bytes_of(c) > bytes_of(dense) + (uint64_t)LAYERS * LINE;
}

/* Both choices, and then each layout that there is. */
static int bench_choice(FILE *csv, const char *where, const size_t widths[LAYERS + 1], double fraction,
                        size_t batch)
{
    static const char *const names[2] = { "auto", "auto-measured" };
    contestant all[MOST];
    versus_times times[MOST];
    char name[96];
    size_t count = 2, best = 2;
    int missed = 0;
    prune_model *model = pruned_model(widths, fraction, 1);
    (void)enter(&all[0], model, batch, PRUNE_CHOOSE_MODELLED, PRUNE_LAYOUT_AUTO);
    (void)enter(&all[1], model, batch, PRUNE_CHOOSE_MEASURED, PRUNE_LAYOUT_AUTO);
    for (int32_t layout = PRUNE_LAYOUT_DENSE; layout <= PRUNE_LAYOUT_MASKS; layout++)
        if (enter(&all[count], model, batch, PRUNE_CHOOSE_MODELLED, layout)) {
            if (is_larger(&all[count], &all[2]))
                leave(&all[count]);
            else
                count++;
        }
    measure(times, all, count);
    for (size_t i = 3; i < count; i++)
        best = versus_median(times[i].us) < versus_median(times[best].us) ? i : best;
    contestant last[3] = { all[best], all[0], all[1] };
    measure(times, last, 3);
    for (size_t i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s/%s/b%d", names[i], where, (int)batch);
        missed += versus_report(csv, name, "best of all layouts", &times[i + 1], &times[0], 1.0 / 0.95);
    }
    for (size_t i = 0; i < count; i++)
        leave(&all[i]);
    prune_model_free(model);
    return missed;
}

int main(int argc, char **argv)
{
    FILE *csv = argc == 2 ? fopen(argv[1], "a") : NULL;
    if (csv == NULL) {
        fprintf(stderr, "usage: engine_bench CSV, which can be written\n");
        return 1;
    }
    (void)prune_blas_set_threads(1);
    int missed = bench_pruned(csv, "model/784-300-100-10/s90/b1", 8, 1);
    missed += bench_pruned(csv, "model-unstructured/784-300-100-10/s90/b1", 1, 1);
    missed += bench_pruned(csv, "model-unstructured/784-300-100-10/s90/b64", 1, MANY);
    missed += bench_compact(csv, "compact/784-300-100-10/b64", large);
    for (size_t batch = 1; batch <= MANY; batch *= MANY) {
        missed += bench_choice(csv, "20-10-10-1/s0", small, 0.0, batch);
        missed += bench_choice(csv, "20-10-10-1/s80", small, 0.8, batch);
        missed += bench_choice(csv, "784-300-100-10/s0", large, 0.0, batch);
        missed += bench_choice(csv, "784-300-100-10/s50", large, 0.5, batch);
        missed += bench_choice(csv, "784-300-100-10/s95", large, 0.95, batch);
    }
    if (fclose(csv) != 0)
        return 1;
    printf("goals of whole models missed: %d\n", missed);
    return 0;
}
