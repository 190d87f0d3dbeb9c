/* int8.c -- what int8 costs: accuracy of the blob, run as on a chip, beside the model in float
 *
 * One net stays dense, of another 90 % of the weights go, in blocks of 1 x 4, as the kernels want them. Both
 * are trained, quantized with samples they were trained on, and then the test data are opened. usage: int8
 * digits|fashion-mnist FOLDER; the status says whether no blob loses more than half a point.
 *
 * SPDX-License-Identifier: MIT */
#include "common/dataset.h"
#include "common/progress.h"
#include "common/recipe.h"

#include <libprune.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CALIBRATION = 512, BLOCK = 4, SEED = 1 };

#define REMOVED 0.9
#define ALLOWED 0.5 /* points */

typedef struct plan {
    const char *name;
    size_t hidden[2];
    size_t batch;
    uint64_t epochs, pruning;
    float learning_rate;
} plan;

static const plan plans[] = {
    { "digits", { 128, 64 }, 32, 40, 24, 0.003f },
    { "fashion-mnist", { 300, 100 }, 128, 24, 14, 0.001f },
};

typedef struct remover {
    prune_model *model;
    prune_importance *scores;
} remover;

/* Blocks of one row and four columns, by their L2 norm. */
static void remove_blocks(void *user, double fraction)
{
    const remover *r = user;
    prune_selection units;
    prune_selection_init(&units);
    units.granularity = PRUNE_BLOCKS;
    units.block_rows = 1;
    units.block_columns = BLOCK;
    must(prune_importance_refresh(r->scores), "scores", NULL);
    must(prune_mask_fraction(NULL, r->model, r->scores, &units, fraction, PRUNE_OF_ALL), "mask", NULL);
}

static prune_model *train(const plan *p, const dataset_info *info, const dataset parts[2], int pruned)
{
    progress bar;
    remover r = { .model = recipe_model(info, p->hidden, SEED) };
    recipe how = recipe_default(p->epochs, SEED);
    must(prune_importance_create(&r.scores, NULL, r.model, PRUNE_MAGNITUDE), "scores", NULL);
    progress_start(&bar, p->epochs);
    progress_stage(&bar, pruned ? "pruned" : "dense");
    how.batch = p->batch;
    how.learning_rate = p->learning_rate;
    how.l2 = 1e-4f;
    how.pruning_epochs = pruned ? p->pruning : 0;
    how.removed = REMOVED;
    how.remove = remove_blocks;
    how.remove_user = &r;
    how.progress = progress_epoch;
    how.user = &bar;
    recipe_train(r.model, &parts[0].data, &parts[1].data, &how);
    progress_end(&bar);
    prune_importance_free(r.scores);
    return r.model;
}

static size_t largest(const int8_t *y, size_t count)
{
    size_t first = 0;
    for (size_t i = 1; i < count; i++)
        first = y[i] > y[first] ? i : first;
    return first;
}

static double accuracy_of(const void *blob, const dataset *set)
{
    const prune_blob_header *h = blob;
    const size_t room = prune_blob_scratch(blob);
    int8_t *x = malloc(h->inputs), *y = malloc(h->outputs);
    void *scratch = malloc(room);
    size_t right = 0;
    must(x != NULL && y != NULL && scratch != NULL ? PRUNE_OK : PRUNE_E_MEMORY, "blob", NULL);
    for (size_t i = 0; i < set->samples; i++) {
        must(prune_blob_quantize(x, blob, set->x + i * h->inputs), "blob", NULL);
        must(prune_blob_run(blob, prune_blob_ops, y, x, scratch, room), "blob", NULL);
        right += largest(y, h->outputs) == (size_t)set->label[i];
    }
    free(x);
    free(y);
    free(scratch);
    return (double)right / (double)set->samples;
}

/* Prints a line; returns whether it loses no more than it may. */
static int show(const prune_model *model, const dataset *samples, const dataset *test, int32_t per_layer)
{
    prune_error error;
    prune_quantize_options options;
    prune_quantized *quantized;
    prune_blob_info info;
    prune_quantize_options_init(&options);
    prune_blob_info_init(&info);
    options.per_layer = per_layer;
    must(prune_quantize(&quantized, NULL, model, &samples->data, &options, &error), "quantization", &error);
    must(prune_quantized_info(&info, quantized), "quantization", NULL);
    const void *blob = prune_quantized_blob(quantized);
    must(prune_blob_check(blob, info.bytes, prune_blob_ops), "blob", NULL);
    const double whole = 100.0 * dataset_accuracy(model, test), small = 100.0 * accuracy_of(blob, test);
    const int holds = whole - small <= ALLOWED;
    printf("  %-17s float %.2f %%, int8 %.2f %% (at most %.1f less): %s; %u bytes, %u of scratch\n",
           per_layer ? "a scale a layer:" : "a scale a row:", whole, small, ALLOWED,
           holds ? "holds" : "DOES NOT HOLD", (unsigned)info.bytes, (unsigned)info.scratch);
    prune_quantized_free(quantized);
    return holds;
}

static int run(const plan *p, const dataset_info *info, const char *folder)
{
    dataset parts[2], samples, test;
    prune_model *models[2];
    int holds = 1;
    dataset_open(&parts[0], &parts[1], info, folder, 0);
    dataset_part(&samples, &parts[0], 0, CALIBRATION);
    for (int pruned = 0; pruned < 2; pruned++)
        models[pruned] = train(p, info, parts, pruned);
    dataset_open_test(&test, info, folder, 0);
    for (int pruned = 0; pruned < 2; pruned++) {
        printf("%s, %d-%d-%d-%d, %s\n", p->name, (int)info->inputs, (int)p->hidden[0], (int)p->hidden[1],
               (int)info->classes, pruned ? "90 % removed in blocks of 1 x 4" : "dense");
        for (int32_t per_layer = 0; per_layer < 2; per_layer++)
            holds &= show(models[pruned], &samples, &test, per_layer);
        prune_model_free(models[pruned]);
    }
    dataset_end(&samples);
    dataset_end(&parts[0]);
    dataset_end(&parts[1]);
    dataset_end(&test);
    return holds ? 0 : 1;
}

int main(int argc, char **argv)
{
    (void)prune_blas_set_threads(1);
    for (size_t i = 0; argc == 3 && i < sizeof plans / sizeof plans[0]; i++)
        if (strcmp(argv[1], plans[i].name) == 0)
            return run(&plans[i], dataset_find(argv[1]), argv[2]);
    fprintf(stderr, "usage: int8 digits|fashion-mnist FOLDER\n");
    return 2;
}
