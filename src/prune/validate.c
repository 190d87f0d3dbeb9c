/* validate.c -- the last step of pruning: did the metric hold? if not, back
 *
 * SPDX-License-Identifier: MIT */
#include "validate.h"
#include "evaluate.h"
#include "loss.h"
#include "model.h"
#include "options.h"
#include "snapshot.h"
#include "spread.h"
#include "text.h"

void prune_validation_init(prune_validation *validation)
{
    if (validation != NULL)
        *validation = (prune_validation){ .size = sizeof *validation,
                                          .loss = PRUNE_SOFTMAX_CROSS_ENTROPY,
                                          .metric = PRUNE_METRIC_ACCURACY,
                                          .reference = prn_tally_none() };
}

double prn_validation_pick(const prune_validation *v, const prune_metrics *metrics)
{
    switch (v->metric) {
    case PRUNE_METRIC_ACCURACY:
        return metrics->accuracy;
    case PRUNE_METRIC_MAE:
        return metrics->mae;
    case PRUNE_METRIC_RMSE:
        return metrics->rmse;
    default:
        return metrics->loss;
    }
}

/* 0 where the options cannot be read; whoever measures will say why. */
static int32_t loss_kind(const prune_validation *v)
{
    prn_loss loss = prn_loss_of(PRUNE_SOFTMAX_CROSS_ENTROPY);
    if (v->loss_options == NULL)
        return v->loss;
    return prn_options_read(&loss, sizeof loss, v->loss_options) == PRUNE_OK ? loss.kind : 0;
}

static int32_t has_metric(const prune_validation *v)
{
    if (v->metric == PRUNE_METRIC_LOSS)
        return 1;
    if (v->metric == PRUNE_METRIC_OWN)
        return v->own != NULL && v->own->measure != NULL;
    switch (prn_loss_says(loss_kind(v))) {
    case PRN_SAYS_CLASSES:
        return v->metric == PRUNE_METRIC_ACCURACY;
    case PRN_SAYS_VALUES:
        return v->metric == PRUNE_METRIC_MAE || v->metric == PRUNE_METRIC_RMSE;
    default:
        return 0;
    }
}

static int32_t is_finite(double x)
{
    return x - x == 0.0;
}

prune_status prn_validation_open(prune_validation *mine, const prune_validation *given, prune_error *error)
{
    prune_validation_init(mine);
    const prune_status status =
        given == NULL ? PRUNE_E_ARGUMENT : prn_options_read(mine, sizeof *mine, given);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "validation",
                             given == NULL ? "NULL" : prn_options_reason(status));
    if (!has_metric(mine))
        return prn_error_set(error, PRUNE_E_ARGUMENT, "validation.metric",
                             "the loss does not have this metric, or `own` has no function");
    if (!prn_backend_fits(mine->backend))
        return prn_error_set(error, PRUNE_E_ARGUMENT, "validation.backend", "it has no function");
    const int32_t fraction = mine->metric == PRUNE_METRIC_ACCURACY;
    if (!(mine->tolerance >= 0.0) || (fraction && !(mine->tolerance < 1.0)))
        return prn_error_set(error, PRUNE_E_RANGE, "validation.tolerance",
                             "negative or NaN, or not a fraction: of accuracy, one point is 0.01");
    return PRUNE_OK;
}

static prune_status check_reference(const prune_validation *mine, prune_error *error)
{
    const int32_t fraction = mine->metric == PRUNE_METRIC_ACCURACY;
    if (mine->metric == PRUNE_METRIC_OWN ||
        (mine->metric == PRUNE_METRIC_LOSS && loss_kind(mine) == PRUNE_LOSS_OWN))
        return is_finite(mine->reference)
                   ? PRUNE_OK
                   : prn_error_set(error, PRUNE_E_RANGE, "validation.reference", "NaN or infinite");
    if (!(mine->reference >= 0.0) || (fraction && !(mine->reference <= 1.0)))
        return prn_error_set(error, PRUNE_E_RANGE, "validation.reference",
                             "negative or NaN, or not a fraction: an accuracy of 97.5 % is 0.975");
    return PRUNE_OK;
}

/* In double 0.8 - 0.1 is not 0.7; who gives both in decimals means it. */
static const double rounding = 1e-12;

double prn_validation_worse(const prune_validation *v, double value, double than)
{
    const int32_t own = v->metric == PRUNE_METRIC_OWN;
    const int32_t higher = own ? v->own->higher_is_better : v->metric == PRUNE_METRIC_ACCURACY;
    return higher ? than - value : value - than;
}

int32_t prn_validation_holds(const prune_validation *v)
{
    const double size = v->reference < 0.0 ? -v->reference : v->reference;
    return prn_validation_worse(v, v->value, v->reference) <= v->tolerance + rounding * size;
}

const prune_loss_options *prn_validation_loss(prune_loss_options *plain, const prune_validation *v)
{
    *plain = prn_loss_of(v->loss);
    return v->loss_options != NULL ? v->loss_options : plain;
}

prune_status prn_validation_measure(prune_validation *v, const prune_model *model, const prune_data *data,
                                    prune_error *error)
{
    prn_loss plain;
    const prune_loss_options *loss = prn_validation_loss(&plain, v);
    const prn_question question = { loss, v->own, v->backend };
    if (v->metric == PRUNE_METRIC_OWN)
        return prn_evaluate_metric(&v->value, model, data, &question, error);
    prune_metrics metrics;
    prune_metrics_init(&metrics);
    const prune_status status = prune_evaluate_on(&metrics, model, data, loss, v->backend, error);
    if (status == PRUNE_OK)
        v->value = prn_validation_pick(v, &metrics);
    return status;
}

prune_status prune_validate(prune_validation *validation, prune_model *model, const prune_snapshot *snapshot,
                            const prune_data *data, prune_error *error)
{
    prune_validation mine;
    prune_status status = prn_validation_open(&mine, validation, error);
    if (status == PRUNE_OK)
        status = check_reference(&mine, error);
    if (status != PRUNE_OK)
        return status;
    status = prn_snapshot_fits(snapshot, model);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "snapshot",
                             snapshot == NULL || model == NULL ? "it or the model is NULL"
                                                               : "it is of another architecture");
    status = prn_validation_measure(&mine, model, data, error);
    if (status != PRUNE_OK)
        return status;
    mine.accepted = prn_validation_holds(&mine);
    prn_result_write(validation, &mine);
    return mine.accepted ? PRUNE_OK : prune_snapshot_restore(snapshot, model);
}
