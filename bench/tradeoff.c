/* tradeoff.c -- accuracy against what is kept: ways of pruning, kept fractions and seeds, beside a dense net
 *
 * For each seed a net is trained for a while: the start that is common to all. The dense net trains on from
 * there; so does each pruned one, for as many epochs and by the same recipe, losing weights (or neurons) on
 * the way. Those that are pruned untrained train from their own initial masks for all these epochs.
 * Each ends with what was best on validation data; the dense one may also end with the start.
 *
 * Nets are saved in OUT/bench-accuracy/. What is there is not trained again, so a long study goes in pieces,
 * and several may run at once with other methods. Then validation data say which method is best, and last
 * the test data are opened and all nets of these seeds that are there are measured, as prune_compact() makes
 * them: OUT/bench-accuracy.csv and .svg. After a change of the plans below, or of the library, remove that
 * folder.
 *
 * usage: tradeoff digits|fashion-mnist FOLDER OUT SEEDS [METHODS|all [KEPT|all]], lists with commas
 *
 * SPDX-License-Identifier: MIT */
#include "common/curves.h"
#include "common/dataset.h"
#include "common/latency.h"
#include "common/method.h"
#include "common/progress.h"
#include "common/recipe.h"
#include "common/sheet.h"
#include "common/listed.h"

#include <libprune.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH = 4096, NAME = 32, SCORED = 2048 };

static const double fractions[] = { 1.0 / 2, 1.0 / 4,  1.0 / 8, 0.10,     1.0 / 16,
                                    0.05,    1.0 / 32, 0.02,    1.0 / 64, 0.01 };
enum { FRACTIONS = sizeof fractions / sizeof fractions[0] };

typedef struct plan {
    const char *name;
    size_t hidden[2];
    size_t batch;
    uint64_t start, more,
        pruning; /* epochs of the common start, of each net after it, of the pruning in it */
    float learning_rate, l2;
} plan;

static const plan plans[] = {
    { "digits", { 128, 64 }, 32, 30, 40, 24, 0.003f, 1e-4f },
    { "fashion-mnist", { 300, 100 }, 128, 6, 24, 12, 0.002f, 1e-4f },
};

/* What is to be had on Fashion-MNIST for how much: points of accuracy that the best method may lose. */
typedef struct goal {
    int neurons;
    double kept, points;
} goal;

static const goal goals[] = {
    { 0, 0.10, 0.1 }, { 0, 0.05, 0.5 }, { 0, 0.02, 1.5 }, { 0, 0.01, 3.0 }, { 1, 0.5, 0.3 },
};

typedef struct study {
    const plan *plan;
    const dataset_info *info;
    const char *folder, *out;
    const char *methods, *kept; /* lists, or "all": what is trained */
    uint64_t seeds;
    progress bar;
    sheet sheet;
} study;

/* The data of one seed; where there are folds each seed has the next one. */
typedef struct split {
    uint64_t seed;
    dataset train, validation, scored;
} split;

/* ---- nets in files ---- */

static void path_of(char path[PATH], const study *s, uint64_t seed, const char *what)
{
    snprintf(path, PATH, "%s/bench-accuracy/%s-%d-%s.prune", s->out, s->plan->name, (int)seed, what);
}

static int exists(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file != NULL)
        fclose(file);
    return file != NULL;
}

/* NULL if it is not there. */
static prune_model *load(const study *s, uint64_t seed, const char *what)
{
    char path[PATH];
    prune_model *model;
    prune_error error;
    path_of(path, s, seed, what);
    if (!exists(path))
        return NULL;
    must(prune_model_load(&model, NULL, path, &error), "a net of an earlier run", &error);
    return model;
}

static void save(const study *s, uint64_t seed, const char *what, const prune_model *model)
{
    char path[PATH];
    prune_error error;
    path_of(path, s, seed, what);
    must(prune_model_save(model, path, &error), "saving", &error);
}

static void name_of(char name[NAME], const method *m, double kept)
{
    snprintf(name, NAME, "%s-%.6g", m->name, kept);
}

/* ---- what is asked for ---- */

static int is_method(const char *word)
{
    const method *m = method_list();
    while (m->name != NULL && strcmp(m->name, word) != 0)
        m++;
    return m->name != NULL;
}

static int is_fraction(const char *word)
{
    char number[NAME] = "";
    for (size_t k = 0; k < FRACTIONS && strcmp(number, word) != 0; k++)
        snprintf(number, NAME, "%.6g", fractions[k]);
    return strcmp(number, word) == 0;
}

static int wanted(const study *s, const method *m, double kept)
{
    char number[NAME];
    snprintf(number, NAME, "%.6g", kept);
    return listed_has(s->methods, m->name) && listed_has(s->kept, number);
}

static int missing(const study *s, uint64_t seed, const char *what)
{
    char path[PATH];
    path_of(path, s, seed, what);
    return !exists(path);
}

/* Epochs that are still to be trained. */
static uint64_t epochs_left(const study *s)
{
    char name[NAME];
    uint64_t epochs = 0;
    for (uint64_t seed = 1; seed <= s->seeds; seed++) {
        epochs += missing(s, seed, "start") ? s->plan->start : 0;
        epochs += missing(s, seed, "dense") ? s->plan->more : 0;
        for (const method *m = method_list(); m->name != NULL; m++)
            for (size_t k = 0; k < FRACTIONS; k++) {
                name_of(name, m, fractions[k]);
                if (wanted(s, m, fractions[k]) && missing(s, seed, name))
                    epochs += s->plan->more + (m->untrained ? s->plan->start : 0);
            }
    }
    return epochs;
}

/* ---- training ---- */

static recipe recipe_of(study *s, uint64_t seed, uint64_t epochs)
{
    recipe how = recipe_default(epochs, seed);
    how.batch = s->plan->batch;
    how.learning_rate = s->plan->learning_rate;
    how.l2 = s->plan->l2;
    how.progress = progress_epoch;
    how.user = &s->bar;
    return how;
}

static void train(study *s, const split *d, prune_model *model, uint64_t epochs)
{
    const recipe how = recipe_of(s, d->seed, epochs);
    recipe_train(model, &d->train.data, &d->validation.data, &how);
}

static prune_model *new_start(study *s, const split *d)
{
    prune_model *start = load(s, d->seed, "start");
    if (start != NULL)
        return start;
    progress_stage(&s->bar, "start");
    start = recipe_model(s->info, s->plan->hidden, d->seed);
    train(s, d, start, s->plan->start);
    save(s, d->seed, "start", start);
    return start;
}

static void make_dense(study *s, const split *d, const prune_model *start)
{
    prune_model *more;
    if (!missing(s, d->seed, "dense"))
        return;
    progress_stage(&s->bar, "dense");
    must(prune_model_clone(&more, NULL, start), "model", NULL);
    train(s, d, more, s->plan->more);
    const int better = dataset_accuracy(more, &d->validation) >= dataset_accuracy(start, &d->validation);
    save(s, d->seed, "dense", better ? more : start);
    prune_model_free(more);
}

static prune_model *prune_untrained(study *s, const split *d, const method *m, double kept)
{
    pruning p;
    prune_model *model = recipe_model(s->info, s->plan->hidden, d->seed);
    pruning_start(&p, m, model, &d->scored, d->seed);
    pruning_remove(&p, 1.0 - kept);
    pruning_end(&p);
    train(s, d, model, s->plan->start);
    train(s, d, model, s->plan->more);
    return model;
}

static prune_model *prune_on_the_way(study *s, const split *d, const method *m, double kept,
                                     const prune_model *start)
{
    pruning p;
    prune_model *model;
    recipe how = recipe_of(s, d->seed, s->plan->more);
    must(prune_model_clone(&model, NULL, start), "model", NULL);
    pruning_start(&p, m, model, &d->scored, d->seed);
    how.pruning_epochs = s->plan->pruning;
    how.removed = 1.0 - kept;
    how.remove = pruning_remove;
    how.remove_user = &p;
    recipe_train(model, &d->train.data, &d->validation.data, &how);
    pruning_end(&p);
    return model;
}

/* Ends the program unless just what was asked for is gone, and 0. */
static void check_removed(const prune_model *model, const method *m, double kept)
{
    uint64_t units, left, gone;
    prune_selection selection;
    prune_selection_init(&selection);
    selection.granularity = m->neurons ? PRUNE_NEURONS : PRUNE_WEIGHTS;
    must(prune_model_verify(model, NULL), "masks", NULL);
    must(prune_mask_units(&units, &left, model, &selection), "masks", NULL);
    must(prune_fraction_count(&gone, 1.0 - kept, units), "fraction", NULL);
    must(m->rows || units - left == gone ? PRUNE_OK : PRUNE_E_MASK, m->name, NULL);
}

static void make_pruned(study *s, const split *d, const method *m, double kept, const prune_model *start)
{
    char name[NAME];
    name_of(name, m, kept);
    if (!wanted(s, m, kept) || !missing(s, d->seed, name))
        return;
    progress_stage(&s->bar, name);
    prune_model *model =
        m->untrained ? prune_untrained(s, d, m, kept) : prune_on_the_way(s, d, m, kept, start);
    check_removed(model, m, kept);
    save(s, d->seed, name, model);
    prune_model_free(model);
    progress_stage(&s->bar, "");
}

static size_t fold_of(const study *s, uint64_t seed)
{
    return (size_t)((seed - 1) % s->info->folds);
}

static void train_seed(study *s, uint64_t seed)
{
    split d = { .seed = seed };
    dataset_open(&d.train, &d.validation, s->info, s->folder, fold_of(s, seed));
    dataset_part(&d.scored, &d.train, 0, d.train.samples < SCORED ? d.train.samples : SCORED);
    prune_model *start = new_start(s, &d);
    make_dense(s, &d, start);
    for (size_t k = 0; k < FRACTIONS; k++)
        for (const method *m = method_list(); m->name != NULL; m++)
            make_pruned(s, &d, m, fractions[k], start);
    prune_model_free(start);
    dataset_end(&d.train);
    dataset_end(&d.validation);
    dataset_end(&d.scored);
}

/* ---- measuring ---- */

static void list_net(sheet *t, const char *name, double kept, uint64_t seed)
{
    must(t->count < SHEET_ROWS ? PRUNE_OK : PRUNE_E_LIMIT, "rows", NULL);
    t->rows[t->count++] = (sheet_row){ .method = name, .kept = kept, .seed = seed };
}

/* A row for each net that is there. */
static void list_nets(study *s)
{
    char name[NAME];
    for (uint64_t seed = 1; seed <= s->seeds; seed++) {
        list_net(&s->sheet, "dense", 1.0, seed);
        for (const method *m = method_list(); m->name != NULL; m++)
            for (size_t k = 0; k < FRACTIONS; k++) {
                name_of(name, m, fractions[k]);
                if (!missing(s, seed, name))
                    list_net(&s->sheet, m->name, fractions[k], seed);
            }
    }
}

/* The net of a row as it ships: without the neurons that do nothing. So of the weights that are kept some may
 * not be there any more. */
static prune_model *small_net(const study *s, const sheet_row *row)
{
    char name[NAME];
    prune_model *small;
    prune_error error;
    snprintf(name, NAME, row->kept < 1.0 ? "%s-%.6g" : "%s", row->method, row->kept);
    prune_model *model = load(s, row->seed, name);
    must(model == NULL ? PRUNE_E_IO : PRUNE_OK, name, NULL);
    must(prune_compact(&small, NULL, model, NULL, NULL, &error), "compaction", &error);
    prune_model_free(model);
    return small;
}

static void measure_validation(study *s)
{
    for (uint64_t seed = 1; seed <= s->seeds; seed++) {
        dataset trained, validation;
        dataset_open(&trained, &validation, s->info, s->folder, fold_of(s, seed));
        for (sheet_row *row = s->sheet.rows; row < s->sheet.rows + s->sheet.count; row++)
            if (row->seed == seed) {
                prune_model *model = small_net(s, row);
                row->validation = dataset_accuracy(model, &validation);
                prune_model_free(model);
            }
        dataset_end(&trained);
        dataset_end(&validation);
    }
}

static void measure_row(const study *s, sheet_row *row, const prune_model *dense, const dataset *test)
{
    double us[2];
    uint64_t all;
    prune_model *model = small_net(s, row);
    const prune_model *const both[] = { dense, model };
    latency_measure(us, both, test);
    row->latency_us = us[1];
    row->accuracy = dataset_accuracy(model, test);
    row->dense = dataset_accuracy(dense, test);
    must(prune_mask_units(&all, &row->weights, model, NULL), "masks", NULL);
    must(prune_model_encoded_bytes(&row->bytes, model, NULL, NULL), "bytes", NULL);
    prune_model_free(model);
}

static void measure_test(study *s)
{
    for (uint64_t seed = 1; seed <= s->seeds; seed++) {
        dataset test;
        prune_model *dense = load(s, seed, "dense");
        dataset_open_test(&test, s->info, s->folder, fold_of(s, seed));
        for (sheet_row *row = s->sheet.rows; row < s->sheet.rows + s->sheet.count; row++)
            if (row->seed == seed)
                measure_row(s, row, dense, &test);
        dataset_end(&test);
        prune_model_free(dense);
    }
}

/* ---- the table ---- */

static void print_table(const study *s)
{
    const sheet_mean dense = sheet_mean_of(&s->sheet, "dense", 1.0);
    printf("%s, %s, %d seeds, held-out accuracy in %%: dense %.2f +- %.2f\nkept         ", s->sheet.data,
           s->sheet.net, (int)s->seeds, 100.0 * dense.accuracy, 100.0 * dense.deviation);
    for (size_t k = 0; k < FRACTIONS; k++)
        printf("  %13.6g", fractions[k]);
    for (const method *m = method_list(); m->name != NULL; m++) {
        printf("\n%-13s", m->name);
        for (size_t k = 0; k < FRACTIONS; k++) {
            const sheet_mean mean = sheet_mean_of(&s->sheet, m->name, fractions[k]);
            if (mean.n == 0)
                printf("  %13s", "-");
            else
                printf("  %5.2f +- %4.2f", 100.0 * mean.accuracy, 100.0 * mean.deviation);
        }
    }
    printf("\n");
}

/* By validation, among those that the goal is about; NULL if there is none. */
static const char *best_method(const sheet *t, const goal *g)
{
    const char *best = NULL;
    double highest = 0.0;
    for (const method *m = method_list(); m->name != NULL; m++) {
        const sheet_mean mean = sheet_mean_of(t, m->name, g->kept);
        if (mean.n != 0 && m->neurons == g->neurons && (best == NULL || mean.validation > highest)) {
            best = m->name;
            highest = mean.validation;
        }
    }
    return best;
}

static void print_goals(const sheet *t)
{
    for (size_t i = 0; i < sizeof goals / sizeof goals[0]; i++) {
        const goal *g = &goals[i];
        const char *best = best_method(t, g);
        if (best == NULL)
            continue;
        const sheet_mean mean = sheet_mean_of(t, best, g->kept);
        printf("%g of the %s kept, %s (best by validation): %+.2f +- %.2f points", g->kept,
               g->neurons ? "hidden neurons" : "weights", best, 100.0 * mean.change,
               100.0 * mean.change_deviation);
        if (strcmp(t->data, "fashion-mnist") == 0)
            printf("; wanted %+.1f: %s", -g->points,
                   100.0 * mean.change >= -g->points ? "reached" : "not reached");
        printf("\n");
    }
}

/* ---- the whole ---- */

static void run(study *s)
{
    char path[PATH];
    progress_start(&s->bar, epochs_left(s));
    for (uint64_t seed = 1; seed <= s->seeds; seed++)
        train_seed(s, seed);
    progress_end(&s->bar);
    list_nets(s);
    measure_validation(s);
    measure_test(s);
    print_table(s);
    print_goals(&s->sheet);
    snprintf(path, PATH, "%s/bench-accuracy.csv", s->out);
    sheet_write(&s->sheet, path);
    printf("written: %s\n", path);
    snprintf(path, PATH, "%s/bench-accuracy.svg", s->out);
    curves_write(&s->sheet, fractions, FRACTIONS, path);
}

static const plan *find_plan(const char *name)
{
    for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++)
        if (strcmp(name, plans[i].name) == 0)
            return &plans[i];
    return NULL;
}

int main(int argc, char **argv)
{
    static study s;
    s.seeds = argc < 5 ? 0 : strtoull(argv[4], NULL, 10);
    s.plan = argc < 5 ? NULL : find_plan(argv[1]);
    if (s.plan == NULL || argc > 7 || s.seeds == 0 || s.seeds > 99) {
        fprintf(stderr, "usage: tradeoff digits|fashion-mnist FOLDER OUT SEEDS [METHODS|all [KEPT|all]]\n");
        return 2;
    }
    (void)prune_blas_set_threads(1);
    s.info = dataset_find(argv[1]);
    s.folder = argv[2];
    s.out = argv[3];
    s.methods = argc > 5 ? argv[5] : "all";
    s.kept = argc > 6 ? argv[6] : "all";
    if (!listed_known(s.methods, is_method) || !listed_known(s.kept, is_fraction))
        return 2;
    s.sheet.data = argv[1];
    snprintf(s.sheet.net, sizeof s.sheet.net, "%d-%d-%d-%d", (int)s.info->inputs, (int)s.plan->hidden[0],
             (int)s.plan->hidden[1], (int)s.info->classes);
    run(&s);
    return 0;
}
