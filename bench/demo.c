/* demo.c -- the main job on real data: train, score, look at the scores, choose a threshold, prune,
 * fine-tune, see that the model is still good, and make it small; reports, pictures and nets go to OUT.
 * usage: demo digits|fashion-mnist FOLDER OUT
 *
 * SPDX-License-Identifier: MIT */
#include "common/cuts.h"
#include "common/example.h"
#include "common/footprint.h"
#include "common/output.h"
#include "common/sketch.h"
#include "common/table.h"

#include <libprune.h>
#include <stdio.h>
#include <string.h>

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
static const example_plan digits_budget = {
    .confirmation = 480,
    .tolerance = 0.02,
    .differ = 0.03,
    .tuning = 30,
    .trials = 12,
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

static const example_plan fashion_budget = {
    .confirmation = 10000,
    .tolerance = 0.01,
    .differ = 0.06,
    .tuning = 3,
    .trials = 8,
};

/* ---- step 2 and 3: the scores of the dense net, their distribution, and thresholds ---- */

static void show_scores(const example *e, const char *folder)
{
    cut cuts[CUTS];
    cuts_choose(cuts, e->plan.shares, e->scores);
    cuts_print_histogram(cuts, e->scores);
    cuts_print_preview(cuts, e->scores);
    printf("\n");
    cuts_draw(cuts, e->scores, folder);
    sketch_sensitivity(e->dense, e->scores, &e->validation, folder);
}

/* ---- step 4 and 5: as much goes as the accuracy allows ---- */

static void explain_search(const example *e)
{
    const double share = example_share(e), tolerance = 100.0 * e->budget.tolerance;
    printf("\nHow much may go, within %.3g points of the accuracy of one dense net? %d samples to train on,\n"
           "%d to choose by, %d to confirm with. On these, if two nets differ on %.3g %% of them, the\n"
           "bound of what may be lost (95 %%) lies about %.2f points above what is measured. So the search\n"
           "keeps within the %.2f points that are left.\n",
           tolerance, (int)e->train.samples, (int)e->validation.samples, (int)e->confirmation.samples,
           100.0 * e->budget.differ, (1.0 - share) * tolerance, share * tolerance);
}

static void print_trials(const example_pruning *p)
{
    const prune_budget_result *r = &p->search;
    printf("\nOf %d %s; the dense net has %.2f %% on the samples to choose by:\n", (int)r->units, p->units,
           100.0 * r->reference);
    for (uint64_t i = 0; i < r->trials && i < r->capacity; i++)
        printf("  %5.1f %% removed: %6.2f %%, %s\n", 100.0 * r->log[i].fraction, 100.0 * r->log[i].value,
               r->log[i].status != PRUNE_OK ? prune_status_string(r->log[i].status)
               : r->log[i].held             ? "held"
                                            : "too much");
}

/* What was chosen by the validation data looks too good on them: others decide. */
static void print_verdict(const example *e, const example_pruning *p)
{
    const prune_budget_result *r = &p->search;
    const prune_comparison *c = &r->comparison;
    if (!r->best.held) {
        printf("Nothing held, so the dense net is back.\n");
        return;
    }
    printf("Chosen: %.1f %% removed, %d %s left.\n", 100.0 * r->best.fraction, (int)r->best.kept, p->units);
    printf("On the samples to confirm with: dense %.2f %%, pruned %.2f %%, a change of %+.2f points;\n"
           "beyond these samples from %+.2f to %+.2f, each bound with a confidence of %.3g %%.\n",
           100.0 * c->first, 100.0 * c->second, -100.0 * c->worse, -100.0 * c->high, -100.0 * c->low,
           100.0 * c->confidence);
    printf(r->confirmed ? "Confirmed: no more than %.3g points are lost.\n"
                        : "Not confirmed: more than %.3g points may be lost, so the dense net is back.\n",
           100.0 * e->budget.tolerance);
}

/* ---- the end of the road: what the masks have emptied goes for real ---- */

static void print_compaction(const example_pruning *p)
{
    const prune_compact_report *c = &p->compaction;
    const prune_agreement *a = &p->agreement;
    printf(c->neurons == c->neurons_before
               ? "Compacted: no neuron has lost all its weights: %d neurons stay %d"
               : "Compacted: %d neurons become %d",
           (int)c->neurons_before, (int)c->neurons);
    printf(
        ", %d parameters become %d.\nOn %d samples the outputs of both nets differ by %.2g at most, which is "
        "%.2g of the largest output.\n",
        (int)c->parameters_before, (int)c->parameters, (int)a->samples, a->absolute, a->relative);
}

static void show_pruning(const example *e, const example_pruning *p)
{
    print_trials(p);
    print_verdict(e, p);
    print_compaction(p);
}

static void write_report(const char *folder, const char *name, const prune_model *model,
                         const prune_report_options *options)
{
    FILE *file = output_open(folder, name);
    const prune_writer writer = output_to(file);
    must(prune_report_write(model, &writer, options), "report", NULL);
    output_close(file);
}

static void write_example(const example *e, const char *folder)
{
    prune_report_options options;
    prune_report_options_init(&options);
    printf("\n");
    sketch_sparsity(e->weights.masked, folder);
    write_report(folder, "demo-report.txt", e->weights.masked, &options);
    options.original = e->neurons.masked;
    options.compaction = &e->neurons.compaction;
    write_report(folder, "demo-compact.txt", e->neurons.small, &options);
    output_model(folder, "demo-dense.prune", e->dense);
    output_model(folder, "demo-weights.prune", e->weights.small);
    output_model(folder, "demo-neurons.prune", e->neurons.small);
}

/* ---- nothing is chosen any more: from here on the test data may be looked at ---- */

static const char *kind_of(const example_pruning *p, const char *name)
{
    return p->search.confirmed ? name : "dense, unconfirmed";
}

static void show_sizes(const example *e)
{
    dataset test;
    const footprint_net nets[] = { { "dense", e->dense },
                                   { kind_of(&e->weights, "weights removed"), e->weights.masked },
                                   { "  and compacted", e->weights.small },
                                   { kind_of(&e->neurons, "neurons removed"), e->neurons.masked },
                                   { "  and compacted", e->neurons.small } };
    dataset_open_test(&test, e->plan.info, e->plan.folder, e->fold);
    printf("\nThat net on its %d test samples, and what it takes: weights that are kept; multiply-\n"
           "accumulates that are computed; bytes as a file, and with each matrix in the smallest encoding;\n"
           "processor time for a sample, measured, as a ratio to that of the dense net.\n\n",
           (int)test.samples);
    footprint_print(nets, sizeof nets / sizeof nets[0], &test);
    dataset_end(&test);
}

static void show_tables(study *all, study *few, const char *folder)
{
    study_measure(all);
    study_measure(few);
    printf("\nMany nets: accuracy in per cent on the training part and on held-out data: %s.\n"
           "Non-zero bytes: parameters that are not 0, as floats. MACs: multiply-accumulates whose weight is "
           "kept.\n\n",
           all->plan.info->test_means);
    table_print(all);
    printf("\nThe same with %d training samples only, where overfitting shows:\n\n", (int)few->plan.samples);
    table_print(few);
    printf("\n");
    table_draw(all, folder);
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

/* One net goes the whole way, and tells about each step. */
static void take_example(example *e, const study_plan *plan, const example_plan *budget, progress *bar)
{
    example_start(e, plan, budget, bar);
    example_search(e, &e->weights);
    example_search(e, &e->neurons);
    example_compact(e, &e->weights);
    example_compact(e, &e->neurons);
}

static void show_example(const example *e, const char *folder)
{
    show_scores(e, folder);
    explain_search(e);
    show_pruning(e, &e->weights);
    show_pruning(e, &e->neurons);
    write_example(e, folder);
}

int main(int argc, char **argv)
{
    const dataset_info *info = argc == 4 ? dataset_find(argv[1]) : NULL;
    if (info == NULL) {
        fprintf(stderr, "usage: demo digits|fashion-mnist FOLDER OUT\n");
        return 2;
    }
    const int is_digits = strcmp(info->name, "digits") == 0;
    const example_plan *budget = is_digits ? &digits_budget : &fashion_budget;
    study_plan plan = is_digits ? digits : fashion;
    static study all, few;
    static example one;
    progress bar;
    (void)prune_blas_set_threads(1);
    plan.info = info;
    plan.folder = argv[2];
    const study_plan short_plan = with_few_samples(plan);
    progress_start(&bar, study_work(&plan) + study_work(&short_plan) + example_work(&plan, budget));
    take_example(&one, &plan, budget, &bar);
    study_train(&all, &plan, &bar);
    study_train(&few, &short_plan, &bar);
    progress_end(&bar);
    printf("%s, %d-%d-%d-%d\n", info->name, (int)info->inputs, (int)plan.hidden[0], (int)plan.hidden[1],
           (int)info->classes);
    show_example(&one, argv[3]);
    show_sizes(&one);
    show_tables(&all, &few, argv[3]);
    example_end(&one);
    study_end(&all);
    study_end(&few);
    return 0;
}
