/* example.c -- one net that is pruned as far as its accuracy allows, and made small
 *
 * SPDX-License-Identifier: MIT */
#include "example.h"
#include "recipe.h"

#include <math.h>

enum { SEED = 1 };

static uint64_t epoch_work(const study_plan *plan, const example_plan *budget)
{
    return study_epoch(plan->info, plan->info->training - budget->confirmation);
}

uint64_t example_work(const study_plan *plan, const example_plan *budget)
{
    return (plan->epochs + 2 * budget->trials * budget->tuning) * epoch_work(plan, budget);
}

static void part_data(example *e)
{
    dataset both;
    dataset_open(&both, &e->validation, e->plan.info, e->plan.folder, e->fold);
    const size_t samples = both.samples - e->budget.confirmation;
    dataset_part(&e->train, &both, 0, samples);
    dataset_part(&e->confirmation, &both, samples, e->budget.confirmation);
    dataset_end(&both);
}

static void train_dense(example *e)
{
    recipe how = recipe_default(e->plan.epochs, SEED);
    how.batch = e->plan.batch;
    how.learning_rate = e->plan.learning_rate;
    how.progress = progress_epoch;
    how.user = e->bar;
    progress_stage(e->bar, "a dense net");
    e->dense = recipe_model(e->plan.info, e->plan.hidden, SEED);
    recipe_train(e->dense, &e->train.data, &e->validation.data, &how);
}

static void score_dense(example *e)
{
    prune_trainer *trainer;
    must(prune_importance_create(&e->scores, NULL, e->dense, PRUNE_TAYLOR), "scores", NULL);
    must(prune_trainer_create(&trainer, NULL, e->dense, NULL, NULL), "trainer", NULL);
    must(prune_importance_accumulate(e->scores, trainer, &e->train.data, NULL), "scores", NULL);
    prune_trainer_free(trainer);
}

/* Neurons by the squares of their row and their outgoing column, over the mean of the layer. */
static void name_prunings(example *e)
{
    e->weights.units = "weights";
    e->weights.criterion = PRUNE_MAGNITUDE;
    prune_selection_init(&e->weights.selection);
    e->neurons.units = "neurons";
    e->neurons.criterion = PRUNE_MAGNITUDE_SQUARED;
    prune_selection_init(&e->neurons.selection);
    e->neurons.selection.granularity = PRUNE_NEURONS;
    e->neurons.selection.aggregate = PRUNE_ROW_L1;
    e->neurons.selection.joint = 1;
}

void example_start(example *e, const study_plan *plan, const example_plan *budget, progress *bar)
{
    *e = (example){ .plan = *plan, .budget = *budget, .bar = bar, .fold = plan->info->folds - 1 };
    progress_each(bar, epoch_work(plan, budget));
    part_data(e);
    train_dense(e);
    score_dense(e);
    name_prunings(e);
}

/* On n samples, a share q of which the nets differ on, the upper bound lies about z sqrt(q / n) above what is
 * measured (compare.h), and z is 1.645 for a confidence of 0.95. */
double example_share(const example *e)
{
    const double margin = 1.645 * sqrt(e->budget.differ / (double)e->confirmation.samples);
    return margin < e->budget.tolerance ? 1.0 - margin / e->budget.tolerance : 0.0;
}

/* ---- the search ---- */

/* How each trial is tuned. */
typedef struct tuning {
    prune_trainer_options training;
    prune_schedule schedule;
    prune_fit_options fit;
} tuning;

static void start_tuning(tuning *t, const example *e)
{
    const size_t batches = (e->train.samples + e->plan.batch - 1) / e->plan.batch;
    prune_schedule_init(&t->schedule);
    t->schedule.kind = PRUNE_SCHEDULE_COSINE;
    t->schedule.period = (uint32_t)(e->budget.tuning * batches);
    prune_trainer_options_init(&t->training);
    t->training.learning_rate = e->plan.learning_rate;
    t->training.max_batch = e->plan.batch;
    t->training.seed = SEED;
    t->training.schedule = &t->schedule;
    prune_fit_options_init(&t->fit);
    t->fit.epochs = e->budget.tuning;
    t->fit.validation = &e->validation.data;
    t->fit.keep_best = 1;
    t->fit.progress = progress_epoch;
    t->fit.user = e->bar;
}

/* Each trial goes on from the last one that held. */
static prune_status search(const example *e, example_pruning *p, const tuning *t, prune_error *error)
{
    prune_validation metric;
    prune_budget_options options;
    prune_validation_init(&metric);
    metric.tolerance = e->budget.tolerance;
    prune_budget_options_init(&options);
    options.validation = &e->validation.data;
    options.confirmation = &e->confirmation.data;
    options.metric = &metric;
    options.search_share = example_share(e);
    options.selection = &p->selection;
    options.criterion = p->criterion;
    options.training = &t->training;
    options.fine_tune = &t->fit;
    options.cumulative = 1;
    options.max_trials = e->budget.trials;
    return prune_budget(&p->search, p->masked, &e->train.data, &options, error);
}

void example_search(example *e, example_pruning *p)
{
    tuning t;
    prune_error error;
    const uint64_t end = e->bar->done + e->budget.trials * e->budget.tuning * e->bar->each;
    start_tuning(&t, e);
    prune_budget_result_init(&p->search);
    p->search.log = p->log;
    p->search.capacity = EXAMPLE_TRIALS;
    progress_stage(e->bar, p->units);
    must(prune_model_clone(&p->masked, NULL, e->dense), "model", NULL);
    const prune_status status = search(e, p, &t, &error);
    must(status == PRUNE_E_UNCONFIRMED ? PRUNE_OK : status, "search", &error);
    progress_skip(e->bar, end - e->bar->done);
}

/* ---- the small net ---- */

void example_compact(const example *e, example_pruning *p)
{
    prune_error error;
    prune_compact_report_init(&p->compaction);
    prune_agreement_init(&p->agreement);
    must(prune_compact(&p->small, NULL, p->masked, NULL, &p->compaction, &error), "compaction", &error);
    must(prune_models_agree(&p->agreement, p->masked, p->small, NULL, &e->validation.data, &error),
         "the small net", &error);
}

void example_end(example *e)
{
    prune_model *models[] = { e->weights.small, e->weights.masked, e->neurons.small, e->neurons.masked };
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++)
        prune_model_free(models[i]);
    prune_importance_free(e->scores);
    prune_model_free(e->dense);
    dataset_end(&e->train);
    dataset_end(&e->validation);
    dataset_end(&e->confirmation);
}
