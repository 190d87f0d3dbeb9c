/* fit.c -- epochs of mini-batches over a data set
 *
 * All that can be refused is refused, and all memory taken, before the first step.
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/fit.h"
#include "cluster.h"
#include "data.h"
#include "evaluate.h"
#include "importance.h"
#include "options.h"
#include "order.h"
#include "patience.h"
#include "platform.h"
#include "snapshot.h"
#include "text.h"
#include "trainer.h"
#include "update.h"

#include <float.h>
#include <string.h>

void prune_fit_options_init(prune_fit_options *options)
{
    if (options != NULL)
        *options = (prune_fit_options){ .size = sizeof *options, .epochs = 10, .shuffle = 1 };
}

void prune_fit_result_init(prune_fit_result *result)
{
    if (result != NULL)
        *result = (prune_fit_result){ .size = sizeof *result };
}

/* One call. */
typedef struct session {
    prune_trainer *trainer;
    prune_fit_options options;
    prn_data data, validation; /* the latter only if there is a set of its own */
    size_t batch_size;
    prune_error *error;

    prn_order order;
    prn_batch batch;
    prn_answers answers; /* of the validation samples, for a metric of the user's own */
    prune_snapshot *kept;

    const prune_clock *clock;
    uint64_t start;
    prune_progress progress;
    prune_fit_result result;
    prn_patience patience;
    uint32_t masks;      /* which the model had at the last validation */
    double loss_seen[2]; /* of the samples, weighted, and their weights; at an epoch's end of all ranks */
} session;

/* ---- setting up ---- */

static prune_status check_monitoring(const session *s, int32_t validates, prune_error *error)
{
    const prune_fit_options *o = &s->options;
    const char *wants = o->keep_best ? "keep_best" : o->patience != 0 ? "patience" : "metric";
    if (!validates && (o->keep_best || o->patience != 0 || o->metric != NULL))
        return prn_error_set(error, PRUNE_E_ARGUMENT, wants, "there are no validation data");
    if (o->monitor < PRUNE_MONITOR_METRIC || o->monitor > PRUNE_MONITOR_OWN)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "monitor", "not one of PRUNE_MONITOR_");
    if (o->metric != NULL ? o->metric->measure == NULL : o->monitor == PRUNE_MONITOR_OWN)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "metric", "no function");
    if (!(o->min_delta >= 0.0 && o->min_delta <= DBL_MAX))
        return prn_error_set(error, PRUNE_E_RANGE, "min_delta", "it must be finite and not negative");
    return PRUNE_OK;
}

static prune_status check_importance(const session *s, prune_error *error)
{
    const prune_importance *importance = s->options.importance;
    if (importance == NULL)
        return PRUNE_OK;
    const prune_status status = prn_importance_open(importance, s->trainer, error);
    if (status == PRUNE_OK && importance->gradient == NULL)
        return prn_error_set(error, PRUNE_E_STATE, "importance", "its criterion needs no data");
    return status;
}

static prune_status count_held(session *s, prune_error *error)
{
    const int32_t given = s->options.validation != NULL;
    const prune_status status =
        prn_order_part(&s->order, prn_data_samples(&s->data), s->options.validation_fraction, given, error);
    return status != PRUNE_OK ? status : check_monitoring(s, given || s->order.held != 0, error);
}

static prune_status open_session(session *s, const prune_data *data, const prune_fit_options *options,
                                 prune_error *error)
{
    const prune_trainer *t = s->trainer;
    prune_fit_options_init(&s->options);
    prune_status status = prn_options_read(&s->options, sizeof s->options, options);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "fit options", prn_options_reason(status));
    if (s->options.clock != NULL && s->options.clock->now == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "clock", "it has no function");
    s->batch_size = s->options.batch_size == 0 ? t->max_batch : s->options.batch_size;
    if (s->batch_size > t->max_batch)
        return prn_error_set(error, PRUNE_E_LIMIT, "batch_size", "larger than the trainer's max_batch");
    status = check_importance(s, error);
    if (status != PRUNE_OK)
        return status;
    status = prn_data_open(&s->data, data, t->model, &t->loss, error);
    if (status != PRUNE_OK || s->options.validation == NULL)
        return status != PRUNE_OK ? status : count_held(s, error);
    status = prn_data_open(&s->validation, s->options.validation, t->model, &t->loss, error);
    return status != PRUNE_OK ? prn_error_within(error, status, "validation") : count_held(s, error);
}

static size_t validated(const session *s)
{
    return s->options.validation != NULL ? prn_data_samples(&s->validation) : s->order.held;
}

static prune_status take_memory(session *s, prune_error *error)
{
    const prune_allocator *mem = &s->trainer->mem;
    if (prn_order_open(&s->order, mem, s->trainer->seed) != PRUNE_OK)
        return prn_error_set(error, PRUNE_E_MEMORY, "fit", "no memory for the order of the samples");
    if (s->validation.target_bytes > s->data.target_bytes)
        s->data.target_bytes = s->validation.target_bytes;
    if (prn_batch_open(&s->batch, mem, &s->data, s->batch_size, 0) != PRUNE_OK)
        return prn_error_set(error, PRUNE_E_MEMORY, "fit", "no memory for a batch");
    const prn_data *validation = s->order.held != 0 ? &s->data : &s->validation;
    if (s->options.metric != NULL &&
        prn_answers_open(&s->answers, mem, validation, validated(s), s->order.held == 0) != PRUNE_OK)
        return prn_error_set(error, PRUNE_E_MEMORY, "fit", "no memory for all outputs");
    if (s->options.keep_best && prune_snapshot_create(&s->kept, mem, s->trainer->model) != PRUNE_OK)
        return prn_error_set(error, PRUNE_E_MEMORY, "fit", "no memory for the best weights");
    return PRUNE_OK;
}

static void end_session(session *s)
{
    prune_snapshot_free(s->kept);
    prn_answers_close(&s->answers);
    prn_batch_close(&s->batch);
    prn_order_close(&s->order);
}

/* ---- progress ---- */

static double seconds(const session *s)
{
    if (s->clock == NULL)
        return 0.0;
    return (double)(s->clock->now(s->clock->user) - s->start) * 1e-9;
}

static void start_progress(session *s)
{
    s->clock = s->options.clock != NULL ? s->options.clock : prn_platform_clock();
    s->start = s->clock == NULL ? 0 : s->clock->now(s->clock->user);
    s->progress = (prune_progress){ .size = sizeof s->progress,
                                    .epochs = s->options.epochs,
                                    .batches = (s->order.train - 1) / s->batch_size + 1,
                                    .validation_loss = prn_tally_none(),
                                    .validation_metric = prn_tally_none(),
                                    .validation_own = prn_tally_none(),
                                    .trainer = s->trainer };
    s->result = (prune_fit_result){ .size = sizeof s->result,
                                    .loss = prn_tally_none(),
                                    .validation_loss = prn_tally_none(),
                                    .validation_metric = prn_tally_none(),
                                    .validation_own = prn_tally_none() };
}

/* Calls the user, who may want to stop. */
static int32_t call_user(session *s, int32_t epoch_end)
{
    prune_progress *p = &s->progress;
    if (s->options.progress == NULL)
        return 0;
    const double done = (double)(p->epoch - 1) * (double)p->batches + (double)p->batch;
    const double all = (double)p->epochs * (double)p->batches;
    p->epoch_end = epoch_end;
    p->loss = prn_tally_mean(s->loss_seen[0], s->loss_seen[1]);
    p->penalty = (double)prn_trainer_penalty_value(s->trainer);
    p->elapsed = seconds(s);
    p->remaining = p->elapsed * (all - done) / done;
    return s->options.progress(s->options.user, p) != 0;
}

/* After others have had the model in their hands. */
static prune_status check_model(const session *s)
{
    if (prn_trainer_check(s->trainer) == PRUNE_OK)
        return PRUNE_OK;
    return prn_error_set(s->error, PRUNE_E_STATE, "fit", "the model was changed by a callback");
}

static prune_status report(session *s, int32_t epoch_end)
{
    s->result.stopped = call_user(s, epoch_end);
    return prn_cluster_stop(s->trainer, check_model(s), &s->result.stopped);
}

/* ---- validation ---- */

static prune_status validation_batch(session *s, prn_tally *tally, size_t first, size_t count)
{
    const prn_order *order = &s->order;
    prune_status status = order->held == 0
                              ? prn_data_slice(&s->batch, &s->validation, first, count, s->error)
                              : prn_data_collect(&s->batch, &s->data, order->base + order->train + first,
                                                 count, order->held - first - count, s->error);
    if (status == PRUNE_OK)
        status = check_model(s);
    if (status != PRUNE_OK)
        return order->held == 0 ? prn_error_within(s->error, status, "validation") : status;
    prn_trainer_forward(s->trainer, &s->batch.inputs, 0);
    s->trainer->asking = 1;
    status = prn_tally_add(tally, &s->trainer->loss, &s->trainer->h, &s->batch.target);
    s->trainer->asking = 0;
    if (status != PRUNE_OK)
        return prn_error_within(s->error, prn_loss_failed(status, s->error), "validation");
    if (s->options.metric != NULL)
        prn_answers_add(&s->answers, &s->trainer->h, &s->batch);
    return PRUNE_OK;
}

static int32_t higher_is_better(const session *s)
{
    if (s->options.monitor == PRUNE_MONITOR_OWN)
        return s->options.metric->higher_is_better;
    return s->options.monitor == PRUNE_MONITOR_METRIC &&
           prn_loss_says(s->trainer->loss.kind) == PRN_SAYS_CLASSES;
}

static void take_figures(session *s)
{
    s->result.validation_loss = s->progress.validation_loss;
    s->result.validation_metric = s->progress.validation_metric;
    s->result.validation_own = s->progress.validation_own;
}

/* What was best before more was removed is no match any more, or coming back to it would undo that. */
static void forget_if_masked(session *s)
{
    const uint32_t masks = prn_model_masks(s->trainer->model);
    if (masks == s->masks)
        return;
    s->masks = masks;
    prn_patience_restart(&s->patience, s->kept != NULL);
    if (s->kept == NULL)
        return;
    s->result.best_epoch = 0;
    take_figures(s);
}

static void compare_epoch(session *s)
{
    const prune_progress *p = &s->progress;
    const double values[] = { p->validation_metric, p->validation_loss, p->validation_own };
    const double value = values[s->options.monitor]; /* in the order of PRUNE_MONITOR_ */
    const int32_t better = prn_patience_take(&s->patience, value);
    s->result.stopped_early = prn_patience_is_out(&s->patience);
    if (better) {
        s->result.best_epoch = p->epoch;
        if (s->kept != NULL)
            (void)prune_snapshot_take(s->kept, s->trainer->model);
    }
    if (better || s->kept == NULL)
        take_figures(s);
}

static prune_status measure(session *s, prn_tally *tally)
{
    const size_t samples = validated(s);
    prune_status status = PRUNE_OK;
    for (size_t first = 0; first < samples && status == PRUNE_OK; first += s->batch_size)
        status = validation_batch(s, tally, first,
                                  samples - first < s->batch_size ? samples - first : s->batch_size);
    if (status == PRUNE_OK && s->options.metric != NULL)
        status = prn_answers_measure(&s->progress.validation_own, &s->answers, s->options.metric, s->error);
    return status == PRUNE_OK ? check_model(s) : status;
}

/* The figures of a complete epoch. */
static prune_status sum_up(session *s)
{
    prn_tally tally = { 0 };
    prune_status status = measure(s, &tally);
    status = prn_cluster_epoch(s->trainer, status, s->loss_seen, &tally, &s->progress.validation_own);
    s->result.loss = prn_tally_mean(s->loss_seen[0], s->loss_seen[1]);
    if (status != PRUNE_OK || validated(s) == 0)
        return status;
    const prune_metrics m = prn_tally_metrics(&tally, s->trainer->loss.kind);
    s->progress.validation_loss = m.loss;
    s->progress.validation_metric = prn_tally_pick(&m, s->trainer->loss.kind);
    forget_if_masked(s);
    compare_epoch(s);
    return PRUNE_OK;
}

/* ---- training ---- */

/* A step did. An own loss may return any status, that of divergence too. */
static prune_status failed(const session *s, prune_status status)
{
    const ptrdiff_t numbers[] = { (ptrdiff_t)s->progress.epoch, (ptrdiff_t)s->progress.batch + 1 };
    const char *own = prn_trainer_blame(s->trainer);
    const char *other = status == PRUNE_E_DIVERGED ? "a loss or a gradient is not finite (try a smaller "
                                                     "learning rate); the weights are the last finite ones"
                                                   : "the model was changed by a callback";
    return prn_error_format(s->error, status, "epoch %, batch %", own != NULL ? own : other, numbers);
}

static prune_status count_steps(session *s, prune_status (*make)(prune_trainer *trainer))
{
    const uint64_t before = s->trainer->steps;
    const prune_status status = make(s->trainer);
    s->result.steps += s->trainer->steps - before;
    return status;
}

/* One step with s->batch; the scores see its gradients before a penalty does. */
static prune_status step(float *loss, session *s)
{
    prune_importance *importance = s->options.importance;
    const int32_t scores = importance == NULL ? 0 : prn_importance_wants(importance);
    prune_status status =
        prn_trainer_gradients(loss, s->trainer, &s->batch.inputs, &s->batch.target, PRN_WANTS_KEPT | scores);
    if (status == PRUNE_OK && importance != NULL)
        status = prune_importance_add(importance, s->trainer, prn_tensor_rows(&s->batch.inputs));
    return status != PRUNE_OK ? status : count_steps(s, prn_trainer_finish);
}

static prune_status train_batch(session *s, size_t first)
{
    const size_t left = s->order.train - first, count = left < s->batch_size ? left : s->batch_size;
    float loss;
    prune_status status =
        prn_data_collect(&s->batch, &s->data, s->order.now + first, count, left - count, s->error);
    if (status == PRUNE_OK)
        status = check_model(s);
    if (status != PRUNE_OK)
        return status;
    status = step(&loss, s);
    if (status != PRUNE_OK)
        return failed(s, status);
    s->loss_seen[0] +=
        s->trainer->weight > 0.0f ? (double)loss * (double)s->trainer->weight : (double)s->trainer->total;
    s->loss_seen[1] += (double)s->trainer->weight;
    return PRUNE_OK;
}

/* A batch of this rank's, or where it has no more the part in those of others. */
static prune_status train_next(session *s)
{
    const uint64_t done = s->progress.batch;
    prune_status status = PRUNE_OK;
    if (done <= (s->order.train - 1) / s->batch_size)
        status = train_batch(s, (size_t)done * s->batch_size);
    else if ((status = count_steps(s, prn_trainer_join)) != PRUNE_OK)
        status = failed(s, status);
    s->progress.batch += status == PRUNE_OK;
    return status;
}

static int32_t report_is_due(const session *s)
{
    const uint64_t every = s->options.progress_every, done = s->progress.batch;
    return every != 0 && done % every == 0 && done != s->progress.batches;
}

static prune_status train_epoch(session *s)
{
    s->progress.batch = 0;
    s->loss_seen[0] = s->loss_seen[1] = 0.0;
    prn_order_start(&s->order, s->options.shuffle ? &s->trainer->rng : NULL);
    while (s->progress.batch < s->progress.batches && !s->result.stopped) {
        prune_status status = train_next(s);
        if (status == PRUNE_OK && report_is_due(s))
            status = report(s, 0);
        if (status != PRUNE_OK)
            return status;
    }
    const prune_status flushed = count_steps(s, prn_trainer_flush);
    if (flushed != PRUNE_OK)
        return failed(s, flushed);
    if (s->progress.batch != s->progress.batches)
        return PRUNE_OK;
    s->trainer->epochs++;
    s->result.epochs++;
    const prune_status status = sum_up(s);
    return status == PRUNE_OK ? report(s, 1) : status;
}

static int32_t is_over(const session *s)
{
    return s->result.stopped || s->result.stopped_early;
}

/* What must be equal on all ranks for them to meet at the same points and decide the same. */
static prune_status begin_together(session *s)
{
    const prune_fit_options *o = &s->options;
    uint64_t delta;
    memcpy(&delta, &o->min_delta, sizeof delta);
    const uint64_t has = (uint64_t)(o->keep_best != 0) | (uint64_t)(o->metric != NULL) << 1 |
                         (uint64_t)(validated(s) != 0) << 2;
    const uint64_t same[] = { o->epochs, o->progress_every, o->patience, delta, (uint64_t)o->monitor, has };
    return prn_cluster_begin(s->trainer, same, sizeof same / sizeof *same, &s->progress.batches);
}

static prune_status train(session *s)
{
    prune_status status = PRUNE_OK;
    s->patience = (prn_patience){ .higher = higher_is_better(s),
                                  .most = s->options.patience,
                                  .min_delta = s->options.min_delta };
    prn_patience_restart(&s->patience, 1);
    s->masks = prn_model_masks(s->trainer->model);
    start_progress(s);
    status = begin_together(s);
    for (uint64_t e = 0; e < s->options.epochs && status == PRUNE_OK && !is_over(s); e++) {
        s->progress.epoch = e + 1;
        status = train_epoch(s);
    }
    if (status != PRUNE_OK) {
        prn_trainer_forget(s->trainer);
        return status;
    }
    forget_if_masked(s);
    if (s->kept != NULL && s->result.best_epoch != 0)
        status = prune_snapshot_restore(s->kept, s->trainer->model);
    return status;
}

prune_status prune_trainer_fit(prune_fit_result *result, prune_trainer *trainer, const prune_data *data,
                               const prune_fit_options *options, prune_error *error)
{
    session s = { .trainer = trainer, .error = error };
    prune_status status = prn_trainer_open(trainer, error);
    if (status != PRUNE_OK)
        return prn_cluster_leave(trainer, status, error);
    if (trainer->fitting)
        return prn_error_set(error, PRUNE_E_STATE, "trainer", "a fit is under way");
    trainer->verdict = (prn_verdict){ 0 };
    status = prn_result_check(result, sizeof *result);
    if (status != PRUNE_OK)
        status = prn_error_set(error, status, "result", prn_options_reason(status));
    else
        status = open_session(&s, data, options, error);
    if (status != PRUNE_OK)
        return prn_cluster_leave(trainer, status, error);
    trainer->fitting = 1;
    status = take_memory(&s, error);
    if (status == PRUNE_OK) {
        status = train(&s);
        prn_result_write(result, &s.result);
    }
    trainer->fitting = 0;
    trainer->stage = PRN_IDLE; /* the last batch's memory goes now */
    end_session(&s);
    return prn_cluster_leave(trainer, status, error);
}

/* prune_fit() makes the trainer as large as the batches that are asked for. */
static prune_status plan_options(prune_trainer_options *mine, const prune_trainer_options *given,
                                 const prune_fit_options *options, prune_error *error)
{
    prune_fit_options fit;
    prune_trainer_options_init(mine);
    prune_fit_options_init(&fit);
    prune_status status = prn_options_read(mine, sizeof *mine, given);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "trainer options", prn_options_reason(status));
    status = prn_options_read(&fit, sizeof fit, options);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "fit options", prn_options_reason(status));
    if (fit.batch_size > mine->max_batch)
        mine->max_batch = fit.batch_size;
    return PRUNE_OK;
}

prune_status prune_fit(prune_fit_result *result, prune_model *model, const prune_data *data,
                       const prune_trainer_options *trainer_options, const prune_fit_options *options,
                       prune_error *error)
{
    prune_trainer_options mine;
    prune_trainer *trainer = NULL;
    if (model == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "model", "NULL");
    prune_status status = plan_options(&mine, trainer_options, options, error);
    if (status == PRUNE_OK)
        status = prune_trainer_create(&trainer, &model->mem, model, &mine, error);
    if (status != PRUNE_OK)
        return status;
    status = prune_trainer_fit(result, trainer, data, options, error);
    prune_trainer_free(trainer);
    return status;
}
