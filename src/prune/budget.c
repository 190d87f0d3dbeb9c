/* budget.c -- the largest pruning whose metric stays within a tolerance
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/budget.h"
#include "evaluate.h"
#include "libprune/supplied.h"
#include "model.h"
#include "options.h"
#include "snapshot.h"
#include "spread.h"
#include "text.h"
#include "unit.h"
#include "validate.h"

void prune_budget_options_init(prune_budget_options *options)
{
    if (options != NULL)
        *options = (prune_budget_options){ .size = sizeof *options,
                                           .criterion = PRUNE_MAGNITUDE,
                                           .resolution = 0.05,
                                           .max_trials = 16,
                                           .confidence = 0.95,
                                           .search_share = 0.5 };
}

void prune_budget_result_init(prune_budget_result *result)
{
    if (result != NULL)
        *result = (prune_budget_result){ .size = sizeof *result };
}

/* One call. */
typedef struct search {
    prune_model *model;
    const prune_data *train;
    prune_budget_options options;
    prune_validation metric; /* its tolerance is the search's part */
    double tolerance;        /* all of it */
    prune_importance *scores;
    prune_snapshot *dense, *best; /* best: the largest pruning that held */
    double held, failed;          /* densities: the lowest that held, the highest that did not (0: none) */
    int32_t stopped;
    prune_budget_result result;
    prune_error *error;
} search;

static prune_status fail(const search *s, prune_status status, const char *place, const char *reason)
{
    return prn_error_set(s->error, status, place, reason);
}

/* ---- setting up ---- */

/* As far as one can tell without a look at every sample. */
static int32_t is_same(const prune_data *a, const prune_data *b)
{
    if (b == NULL)
        return 0;
    return a == b || (a->inputs != NULL && a->inputs == b->inputs) ||
           (a->source != NULL && a->source == b->source);
}

/* Measured by the back end that trains, unless it has its own. */
static prune_status open_metric(search *s)
{
    prune_validation defaults;
    prune_trainer_options training;
    prune_validation_init(&defaults);
    prune_trainer_options_init(&training);
    const prune_validation *given = s->options.metric != NULL ? s->options.metric : &defaults;
    prune_status status = prn_validation_open(&s->metric, given, s->error);
    if (status == PRUNE_OK && s->metric.backend == NULL) {
        status = prn_options_read(&training, sizeof training, s->options.training);
        s->metric.backend = training.backend;
        if (status != PRUNE_OK)
            status = fail(s, status, "options.training", prn_options_reason(status));
        else if (!prn_backend_fits(training.backend))
            status = fail(s, PRUNE_E_ARGUMENT, "options.training.backend", "it has no function");
    }
    return status;
}

static prune_status read_options(search *s, const prune_budget_options *given)
{
    prune_budget_options_init(&s->options);
    const prune_status status =
        given == NULL ? PRUNE_E_ARGUMENT : prn_options_read(&s->options, sizeof s->options, given);
    const prune_budget_options *o = &s->options;
    if (status != PRUNE_OK)
        return fail(s, status, "options", given == NULL ? "NULL" : prn_options_reason(status));
    if (o->validation == NULL || o->confirmation == NULL)
        return fail(s, PRUNE_E_ARGUMENT,
                    o->validation == NULL ? "options.validation" : "options.confirmation",
                    "NULL: data to choose by, and others to confirm with, are needed");
    if (is_same(o->confirmation, o->validation) || is_same(o->confirmation, s->train))
        return fail(s, PRUNE_E_ARGUMENT, "options.confirmation",
                    "samples that the pruning is trained on or chosen by confirm nothing");
    if (o->score == NULL && o->criterion == PRUNE_SUPPLIED)
        return fail(s, PRUNE_E_ARGUMENT, "options.score", "NULL: nobody would supply the scores");
    if (o->score == NULL && o->criterion == PRUNE_MOVEMENT)
        return fail(s, PRUNE_E_ARGUMENT, "options.criterion", "it is of a model in training: use `score`");
    if (o->cumulative != 0 && o->cumulative != 1)
        return fail(s, PRUNE_E_ARGUMENT, "options.cumulative", "neither 0 nor 1");
    if (!(o->resolution > 0.0 && o->resolution < 1e9))
        return fail(s, PRUNE_E_RANGE, "options.resolution", "not above 0");
    if (o->max_trials == 0)
        return fail(s, PRUNE_E_RANGE, "options.max_trials", "0: at least one trial");
    if (!(o->confidence > 0.5 && o->confidence <= 0.999))
        return fail(s, PRUNE_E_RANGE, "options.confidence", "not above 0.5 and at most 0.999");
    if (!(o->search_share >= 0.0 && o->search_share <= 1.0))
        return fail(s, PRUNE_E_RANGE, "options.search_share", "not in 0 .. 1");
    return open_metric(s);
}

static int32_t wants_data(const search *s)
{
    const prn_criterion *criterion = prn_criterion_find(s->options.criterion);
    return s->options.fine_tune != NULL ||
           (s->options.score == NULL && criterion != NULL && criterion->takes);
}

static prune_status open_search(search *s, const prune_budget_result *result,
                                const prune_budget_options *given)
{
    uint64_t kept;
    prune_budget_result_init(&s->result);
    prune_status status =
        result == NULL ? PRUNE_E_ARGUMENT : prn_options_read(&s->result, sizeof s->result, result);
    if (status != PRUNE_OK)
        return fail(s, status, "result", result == NULL ? "NULL" : prn_options_reason(status));
    s->result = (prune_budget_result){ .size = sizeof s->result,
                                       .log = s->result.log,
                                       .capacity = s->result.capacity };
    status = prune_model_verify(s->model, s->error);
    if (status == PRUNE_OK)
        status = read_options(s, given);
    if (status != PRUNE_OK)
        return status;
    s->tolerance = s->metric.tolerance;
    s->metric.tolerance *= s->options.search_share;
    if (wants_data(s) && s->train == NULL)
        return fail(s, PRUNE_E_ARGUMENT, "train", "NULL, but fine-tuning or scoring needs data");
    status = prune_mask_units(&s->result.units, &kept, s->model, s->options.selection);
    if (status != PRUNE_OK)
        return fail(s, status, "options.selection", prune_status_string(status));
    if (kept == 0)
        return fail(s, PRUNE_E_EMPTY, "options.selection", "nothing is left that could be removed");
    s->held = (double)kept / (double)s->result.units;
    return PRUNE_OK;
}

static prune_status take_memory(search *s)
{
    const prune_allocator *mem = &s->model->mem;
    const int32_t criterion = s->options.score != NULL ? PRUNE_SUPPLIED : s->options.criterion;
    prune_status status = prune_snapshot_create(&s->dense, mem, s->model);
    if (status == PRUNE_OK)
        status = prune_snapshot_create(&s->best, mem, s->model);
    if (status == PRUNE_OK)
        status = prune_importance_create(&s->scores, mem, s->model, criterion);
    return status == PRUNE_OK ? status : fail(s, status, "budget", prune_status_string(status));
}

/* ---- scoring and training ---- */

static prune_status score_from_data(search *s)
{
    prune_trainer *trainer;
    prune_status status =
        prune_trainer_create(&trainer, &s->model->mem, s->model, s->options.training, s->error);
    if (status != PRUNE_OK)
        return status;
    status = prune_importance_reset(s->scores);
    if (status == PRUNE_OK)
        status = prune_importance_accumulate(s->scores, trainer, s->train, s->error);
    prune_trainer_free(trainer);
    return status;
}

/* Of the model as it is. */
static prune_status score(search *s)
{
    if (s->options.score != NULL) {
        const prune_status status = s->options.score(s->options.score_user, s->scores, s->model);
        return status == PRUNE_OK ? status : fail(s, status, "options.score", prune_status_string(status));
    }
    if (prn_criterion_find(s->options.criterion)->takes)
        return score_from_data(s);
    const prune_status status = prune_importance_refresh(s->scores);
    return status == PRUNE_OK ? status : fail(s, status, "scores", prune_status_string(status));
}

static prune_status fine_tune(search *s)
{
    if (s->options.fine_tune == NULL)
        return PRUNE_OK;
    return prune_fit(NULL, s->model, s->train, s->options.training, s->options.fine_tune, s->error);
}

/* ---- trials ---- */

/* What makes a trial one that does not hold, and not a failure of the whole. */
static int32_t is_no(prune_status status)
{
    return status == PRUNE_E_COLLAPSE || status == PRUNE_E_DIVERGED;
}

static prune_status prune_to(search *s, prune_trial *trial)
{
    prune_removal removal;
    prune_removal_init(&removal);
    (void)prune_snapshot_restore(s->options.cumulative ? s->best : s->dense, s->model);
    prune_status status = s->options.cumulative ? score(s) : PRUNE_OK;
    if (status != PRUNE_OK)
        return status;
    status = prune_mask_fraction(&removal, s->model, s->scores, s->options.selection, trial->fraction,
                                 PRUNE_OF_ALL);
    if (status != PRUNE_OK)
        return fail(s, status, "options.selection", prune_status_string(status));
    trial->kept = removal.kept;
    status = fine_tune(s);
    if (status == PRUNE_OK)
        status = prn_validation_measure(&s->metric, s->model, s->options.validation, s->error);
    if (status != PRUNE_OK)
        return status;
    trial->value = s->metric.value;
    trial->held = prn_validation_holds(&s->metric);
    return PRUNE_OK;
}

static void note(search *s, const prune_trial *trial, double density)
{
    prune_budget_result *r = &s->result;
    if (r->trials < r->capacity && r->log != NULL)
        r->log[r->trials] = *trial;
    r->trials++;
    if (!trial->held) {
        s->failed = density;
        return;
    }
    s->held = density;
    r->best = *trial;
    (void)prune_snapshot_take(s->best, s->model);
}

static prune_status try_density(search *s, double density)
{
    prune_trial trial = { .fraction = 1.0 - density, .value = prn_tally_none() };
    prune_error *error = s->error, mine = { 0 };
    s->error = &mine; /* why a trial could not be is no failure of the call */
    trial.status = prune_to(s, &trial);
    s->error = error;
    if (trial.status != PRUNE_OK && !is_no(trial.status)) {
        if (error != NULL)
            *error = mine;
        return trial.status;
    }
    note(s, &trial, density);
    s->stopped = s->options.progress != NULL && s->options.progress(s->options.user, &trial) != 0;
    return PRUNE_OK;
}

/* 0: there is nothing between that which held and that which did not. */
static double next_density(const search *s)
{
    const double units = (double)s->result.units, least = s->failed > 0.0 ? s->failed : 0.0;
    const double next = s->failed > 0.0 ? __builtin_sqrt(s->held * s->failed) : 0.5 * s->held;
    if (s->failed > 0.0 && s->held <= s->failed * (1.0 + s->options.resolution))
        return 0.0;
    return s->held * units - least * units <= 1.0 ? 0.0 : next;
}

static prune_status look_for_the_largest(search *s)
{
    prune_status status = prn_validation_measure(&s->metric, s->model, s->options.validation, s->error);
    s->metric.reference = s->result.reference = s->metric.value;
    if (status == PRUNE_OK && !(s->metric.value - s->metric.value == 0.0))
        status = fail(s, PRUNE_E_NONFINITE, "options.metric", "it is not a number for the dense model");
    if (status == PRUNE_OK && !s->options.cumulative)
        status = score(s);
    for (uint64_t i = 0; status == PRUNE_OK && i < s->options.max_trials && !s->stopped; i++) {
        const double density = next_density(s);
        if (!(density > 0.0))
            break;
        status = try_density(s, density);
    }
    return status;
}

/* ---- the end ---- */

static prune_status confirm(search *s)
{
    prune_budget_result *r = &s->result;
    if (r->best.held == 0)
        return fail(s, PRUNE_E_UNCONFIRMED, "options.validation", "no pruning held the metric");
    prune_comparison_init(&r->comparison);
    r->comparison.confidence = s->options.confidence;
    (void)prune_snapshot_restore(s->best, s->model);
    const prune_status status = prune_compare(&r->comparison, prn_snapshot_model(s->dense), s->model,
                                              s->options.confirmation, &s->metric, s->error);
    if (status != PRUNE_OK)
        return status;
    r->confirmed = r->comparison.high <= s->tolerance;
    return r->confirmed ? PRUNE_OK
                        : fail(s, PRUNE_E_UNCONFIRMED, "options.confirmation",
                               "it may be worse by more than the tolerance: more data, or more tolerance");
}

prune_status prune_budget(prune_budget_result *result, prune_model *model, const prune_data *train,
                          const prune_budget_options *options, prune_error *error)
{
    search s = { .model = model, .train = train, .error = error };
    prune_status status = open_search(&s, result, options);
    if (status == PRUNE_OK)
        status = take_memory(&s);
    if (status == PRUNE_OK)
        status = look_for_the_largest(&s);
    if (status == PRUNE_OK)
        status = confirm(&s);
    if (status != PRUNE_OK && s.dense != NULL)
        (void)prune_snapshot_restore(s.dense, model);
    if (status == PRUNE_OK || status == PRUNE_E_UNCONFIRMED)
        prn_result_write(result, &s.result);
    prune_importance_free(s.scores);
    prune_snapshot_free(s.best);
    prune_snapshot_free(s.dense);
    return status;
}
