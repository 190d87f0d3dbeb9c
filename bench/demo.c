/* demo.c -- the main job on real data: train, score, look at the scores, choose a threshold, prune,
 * fine-tune, and see that the model is still good; a report and pictures go to OUT.
 * usage: demo digits|fashion-mnist FOLDER OUT
 *
 * SPDX-License-Identifier: MIT */
#include "common/dataset.h"
#include "common/progress.h"
#include "common/study.h"

#include <libprune.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BINS = 24, WIDE = 48, FINE_BINS = 60, PATH = 512 };

static const study_plan digits = {
    .hidden = { 128, 64 },
    .batch = 32,
    .epochs = 30,
    .tuning = 10,
    .gradual = 40,
    .learning_rate = 0.003f,
    .l1 = { 0.0001f, 0.001f },
    .l2 = { 0.0003f, 0.003f },
    .shares = { 0.5, 0.8, 0.9, 0.95 },
};
static const study_plan fashion = {
    .hidden = { 300, 100 },
    .batch = 128,
    .epochs = 10,
    .tuning = 3,
    .gradual = 12,
    .learning_rate = 0.001f,
    .l1 = { 0.00001f, 0.0001f },
    .l2 = { 0.0001f, 0.001f },
    .shares = { 0.5, 0.8, 0.9, 0.95 },
};

/* ---- the table ---- */

static void print_figures(const study_figures *f)
{
    if (f->train > 0.0)
        printf("  %6.2f %6.2f %6.2f", f->train, f->held_out, f->train - f->held_out);
    else
        printf("  %6s %6s %6s", "", "", "");
}

static void print_row(const study *s, size_t r)
{
    const study_row *row = &s->rows[r];
    char cut[32] = "";
    if (r >= STUDY_ONE_SHOT && r < STUDY_GRADUAL)
        snprintf(cut, sizeof cut, "%3.0f %% < %.2g", 100.0 * study_share(&s->plan, r), row->threshold);
    if (r == STUDY_GRADUAL)
        snprintf(cut, sizeof cut, "%3.0f %%", 100.0 * study_share(&s->plan, r));
    printf("%-14s %-14s %8.0f", study_name(r), cut, row->weights);
    print_figures(&row->before);
    print_figures(&row->after);
    printf(" %9.0f %8.0f\n", row->nonzero_bytes, row->macs);
}

static void print_table(const study *s)
{
    printf("%-14s %-14s %8s  %20s  %20s %9s %8s\n", "", "", "", "-- before tuning --", "---- trained ----",
           "non-zero", "");
    printf("%-14s %-14s %8s", "net or score", "removed", "weights");
    for (int i = 0; i < 2; i++)
        printf("  %6s %6s %6s", "train", "held", "gap");
    printf(" %9s %8s\n", "bytes", "MACs");
    for (size_t r = 0; r < STUDY_ROWS; r++)
        print_row(s, r);
}

/* ---- the distribution of the scores ---- */

static prune_importance *taylor_scores(const study *s)
{
    prune_importance *scores;
    prune_trainer *trainer;
    must(prune_importance_create(&scores, NULL, study_example(s)->after[STUDY_DENSE], PRUNE_TAYLOR), "scores",
         NULL);
    must(prune_trainer_create(&trainer, NULL, study_example(s)->after[STUDY_DENSE], NULL, NULL), "trainer",
         NULL);
    must(prune_importance_accumulate(scores, trainer, &study_example(s)->train.data, NULL), "scores", NULL);
    prune_trainer_free(trainer);
    return scores;
}

/* A threshold and where it comes from: a share of the weights, or a rule. */
typedef struct cut {
    char name[32];
    float threshold;
} cut;

static const struct {
    const char *name;
    int32_t kind;
} rules[] = {
    { "mean - sigma", PRUNE_THRESHOLD_MEAN_SIGMA },
    { "median - MAD", PRUNE_THRESHOLD_MEDIAN_MAD },
    { "Otsu", PRUNE_THRESHOLD_OTSU },
    { "gap", PRUNE_THRESHOLD_LARGEST_GAP },
    { "knee", PRUNE_THRESHOLD_KNEE },
};
enum { RULES = sizeof rules / sizeof rules[0], CUTS = STUDY_SHARES + 2 * RULES };

static cut cut_by_share(const prune_importance *scores, double share)
{
    cut c;
    snprintf(c.name, sizeof c.name, "%.0f %%", 100.0 * share);
    must(prune_threshold_quantile(&c.threshold, scores, NULL, share), "threshold", NULL);
    return c;
}

static cut cut_by_rule(const prune_importance *scores, size_t which, int32_t log_scale)
{
    cut c;
    prune_threshold_rule rule;
    prune_threshold_rule_init(&rule);
    rule.kind = rules[which].kind;
    rule.log_scale = log_scale;
    snprintf(c.name, sizeof c.name, "%s%s", rules[which].name, log_scale ? " of logs" : "");
    must(prune_threshold_from_rule(&c.threshold, scores, NULL, &rule), "threshold", NULL);
    return c;
}

static void choose_cuts(cut cuts[CUTS], const study_plan *plan, const prune_importance *scores)
{
    for (size_t i = 0; i < STUDY_SHARES; i++)
        cuts[i] = cut_by_share(scores, plan->shares[i]);
    for (size_t i = 0; i < 2 * RULES; i++)
        cuts[STUDY_SHARES + i] = cut_by_rule(scores, i % RULES, i >= RULES);
}

/* Names the thresholds that lie in a bin. */
static void print_marks(const cut cuts[CUTS], const prune_histogram *h, size_t bin)
{
    const char *mark = "  <- ";
    for (size_t i = 0; i < CUTS; i++)
        if (cuts[i].threshold >= prune_histogram_edge(h, bin) &&
            cuts[i].threshold < prune_histogram_edge(h, bin + 1)) {
            printf("%s%s", mark, cuts[i].name);
            mark = ", ";
        }
}

static void print_histogram(const cut cuts[CUTS], const prune_importance *scores)
{
    uint64_t counts[BINS], most = 1;
    prune_histogram h;
    prune_histogram_init(&h);
    h.bins = BINS;
    h.counts = counts;
    h.log_scale = 1;
    must(prune_histogram_fill(&h, scores, NULL), "histogram", NULL);
    for (size_t i = 0; i < BINS; i++)
        most = counts[i] > most ? counts[i] : most;
    printf("\nHow the scores |w dL/dw| of the dense net are distributed (%d of %d are 0, in the first line), "
           "and where\n"
           "thresholds lie, by share and by rule (k = 1):\n",
           (int)h.zeros, (int)h.total);
    for (size_t i = 0; i < BINS; i++) {
        const int length = (int)(counts[i] * WIDE / most);
        printf("  %8.1e %7d %.*s", (double)prune_histogram_edge(&h, i), (int)counts[i], length,
               "################################################");
        print_marks(cuts, &h, i);
        printf("\n");
    }
}

static void print_preview(const cut cuts[CUTS], const prune_importance *scores)
{
    printf("\nWhat each threshold takes, and from which layer:\n");
    for (size_t i = 0; i < CUTS; i++) {
        uint64_t by_layer[STUDY_LAYERS];
        prune_removal removal;
        prune_removal_init(&removal);
        removal.by_layer = by_layer;
        removal.by_layer_capacity = STUDY_LAYERS;
        must(prune_mask_preview(&removal, scores, NULL, cuts[i].threshold), "preview", NULL);
        printf("  %-20s below %8.2e: %7d of %7d;", cuts[i].name, (double)cuts[i].threshold,
               (int)removal.removed, (int)removal.units);
        for (size_t l = 0; l < STUDY_LAYERS; l++)
            printf("%8d", (int)by_layer[l]);
        printf("\n");
    }
}

/* ---- did it hold? ---- */

/* The last step of the method: what is pruned stays if its validation accuracy is within a point of the dense
 * net's; else the dense net comes back from its snapshot, and less is taken. Returns what is left. */
static prune_model *prune_within_a_point(const study *s)
{
    prune_model *model;
    prune_snapshot *snapshot;
    prune_metrics dense;
    prune_validation v;
    const prune_model *before = study_example(s)->after[STUDY_DENSE];
    const prune_data *validation = &study_example(s)->validation.data;
    prune_metrics_init(&dense);
    prune_validation_init(&v);
    must(prune_evaluate(&dense, before, validation, v.loss, NULL), "evaluation", NULL);
    must(prune_snapshot_create(&snapshot, NULL, before), "snapshot", NULL);
    must(prune_model_clone(&model, NULL, before), "model", NULL);
    v.reference = dense.accuracy;
    v.tolerance = 0.01;
    printf(
        "\nHow much may go, within one point of the dense net's %.2f %% on the %d validation samples of one "
        "fold?\n",
        100.0 * v.reference, (int)study_example(s)->validation.samples);
    for (size_t i = STUDY_SHARES; i-- > 0 && !v.accepted;) {
        study_prune(s, model, s->plan.shares[i]);
        must(prune_validate(&v, model, snapshot, validation, NULL), "validation", NULL);
        printf("  %2.0f %% removed: %.2f %%, %s\n", 100.0 * s->plan.shares[i], 100.0 * v.value,
               v.accepted ? "accepted" : "refused: the dense weights are back");
    }
    prune_snapshot_free(snapshot);
    return model;
}

static prune_status write_out(void *user, const void *bytes, size_t count)
{
    return fwrite(bytes, 1, count, user) == count ? PRUNE_OK : PRUNE_E_IO;
}

/* ---- what is left to look at ---- */

static FILE *open_file(const char *out, const char *name)
{
    char path[PATH];
    const int length = snprintf(path, sizeof path, "%s/%s", out, name);
    FILE *file = length > 0 && length < PATH ? fopen(path, "wb") : NULL;
    if (file == NULL) {
        fprintf(stderr, "cannot write %s/%s\n", out, name);
        exit(1);
    }
    printf("written: %s\n", path);
    return file;
}

static void close_file(FILE *file)
{
    must(fclose(file) == 0 ? PRUNE_OK : PRUNE_E_IO, "writing", NULL);
}

/* The histogram again, finer, with the thresholds by share. */
static void draw_scores(const char *out, const cut cuts[CUTS], const prune_importance *scores)
{
    uint64_t counts[FINE_BINS];
    prune_picture_mark marks[STUDY_SHARES];
    prune_histogram h;
    prune_picture_options options;
    FILE *file = open_file(out, "demo-scores.svg");
    const prune_writer writer = { write_out, file };
    prune_histogram_init(&h);
    h.bins = FINE_BINS;
    h.counts = counts;
    h.log_scale = 1;
    must(prune_histogram_fill(&h, scores, NULL), "histogram", NULL);
    for (size_t i = 0; i < STUDY_SHARES; i++)
        marks[i] = (prune_picture_mark){ cuts[i].name, (double)cuts[i].threshold };
    prune_picture_options_init(&options);
    options.title = "Scores of the dense net, and thresholds by share";
    options.x_label = "|w dL/dw|";
    options.y_label = "weights";
    must(prune_picture_histogram(&writer, &h, marks, STUDY_SHARES, &options), "picture", NULL);
    close_file(file);
}

static void write_report(const char *out, const prune_model *pruned)
{
    FILE *file = open_file(out, "demo-report.txt");
    const prune_writer report = { write_out, file };
    must(prune_report_write(pruned, &report, NULL), "report", NULL);
    close_file(file);
    file = open_file(out, "demo-sparsity.svg");
    const prune_writer picture = { write_out, file };
    must(prune_picture_sparsity(&picture, pruned, NULL), "picture", NULL);
    close_file(file);
}

/* Scores, thresholds and the verdict of one dense net. */
static void show_example(const study *s, const char *folder)
{
    const prune_writer out = { write_out, stdout };
    prune_importance *scores = taylor_scores(s);
    cut cuts[CUTS];
    choose_cuts(cuts, &s->plan, scores);
    print_histogram(cuts, scores);
    print_preview(cuts, scores);
    prune_model *pruned = prune_within_a_point(s);
    printf("\n");
    must(prune_model_summary(pruned, &out), "summary", NULL);
    printf("\n");
    draw_scores(folder, cuts, scores);
    write_report(folder, pruned);
    prune_importance_free(scores);
    prune_model_free(pruned);
}

/* Nothing is chosen any more: from here on the test data may be looked at. */
static void show_tables(study *all, study *few)
{
    study_measure(all);
    study_measure(few);
    printf("\nAccuracy in per cent on the training part and on held-out data: %s.\n"
           "Non-zero bytes: parameters that are not 0, as floats. MACs: multiply-accumulates whose weight is "
           "kept.\n\n",
           all->plan.info->test_means);
    print_table(all);
    printf("\nThe same with %d training samples only, where overfitting shows:\n\n", (int)few->plan.samples);
    print_table(few);
}

static study_plan with_few_samples(study_plan plan)
{
    plan.samples = 200;
    plan.batch = 32;
    plan.epochs *= 3; /* fewer steps an epoch */
    plan.tuning *= 5;
    plan.gradual *= 3;
    return plan;
}

int main(int argc, char **argv)
{
    const dataset_info *info = argc == 4 ? dataset_find(argv[1]) : NULL;
    if (info == NULL) {
        fprintf(stderr, "usage: demo digits|fashion-mnist FOLDER OUT\n");
        return 2;
    }
    study_plan plan = strcmp(info->name, "digits") == 0 ? digits : fashion;
    static study all, few;
    progress bar;
    (void)prune_blas_set_threads(1);
    plan.info = info;
    plan.folder = argv[2];
    const study_plan short_plan = with_few_samples(plan);
    progress_start(&bar, study_epochs(&plan) + study_epochs(&short_plan));
    study_train(&all, &plan, &bar);
    study_train(&few, &short_plan, &bar);
    progress_end(&bar);
    printf("%s, %d-%d-%d-%d\n", info->name, (int)info->inputs, (int)plan.hidden[0], (int)plan.hidden[1],
           (int)info->classes);
    show_example(&all, argv[3]);
    show_tables(&all, &few);
    study_end(&all);
    study_end(&few);
    return 0;
}
