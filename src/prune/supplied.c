/* supplied.c -- scores from elsewhere
 *
 * SPDX-License-Identifier: MIT */
#include "supplied.h"
#include "text.h"

#include <float.h>
#include <string.h>

prune_status prn_importance_is_supplied(const prune_importance *importance)
{
    if (importance == NULL)
        return PRUNE_E_ARGUMENT;
    const int32_t same = prn_model_signature(importance->model) == importance->signature;
    return same && importance->given != NULL ? PRUNE_OK : PRUNE_E_STATE;
}

prune_status prn_supplied_fits(const prune_importance *importance, const prune_trainer *trainer,
                               prune_error *error)
{
    if (importance == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "scores", "NULL: was the table made?");
    const prune_status status = prn_trainer_open(trainer, error);
    if (status != PRUNE_OK)
        return status;
    const int32_t fits = importance->model == trainer->model && importance->signature == trainer->signature;
    return fits && importance->criterion->supplied
               ? PRUNE_OK
               : prn_error_set(error, PRUNE_E_STATE, "scores", "not a PRUNE_SUPPLIED table of this model");
}

static void fill(float *scores, const prn_param *param)
{
    for (size_t i = 0; i < param->count; i++)
        scores[i] = param->statistic ? 0.0f : FLT_MAX;
}

/* What is not given yet is the last to go. */
static void fill_missing(prune_importance *importance)
{
    size_t index = 0;
    float *scores = importance->score;
    prn_walk w = { .model = importance->model };
    for (const prn_param *param = prn_walk_next(&w); param != NULL; param = prn_walk_next(&w)) {
        if (!importance->given[index++])
            fill(scores, param);
        scores += param->count;
    }
}

static int32_t is_complete(const prune_importance *importance)
{
    size_t index = 0;
    prn_walk w = { .model = importance->model };
    for (const prn_param *param = prn_walk_next(&w); param != NULL; param = prn_walk_next(&w), index++)
        if (param->prunable && !importance->given[index])
            return 0;
    return 1;
}

prune_status prune_importance_set_scores(prune_importance *importance, size_t param, const float *scores,
                                         size_t count)
{
    const prune_status status = prn_importance_is_supplied(importance);
    if (status != PRUNE_OK)
        return status;
    if (scores == NULL)
        return PRUNE_E_ARGUMENT;
    const prn_param *mine = prn_model_param(importance->model, param);
    if (mine == NULL || mine->statistic)
        return PRUNE_E_RANGE;
    if (count != mine->count)
        return PRUNE_E_SHAPE;
    if (prn_scan_finite(scores, count) != count)
        return PRUNE_E_NONFINITE;
    fill_missing(importance);
    memcpy(importance->score + prn_model_offset(importance->model, param), scores, count * sizeof *scores);
    importance->given[param] = 1;
    importance->ready = is_complete(importance);
    return PRUNE_OK;
}

prune_status prn_importance_write(float **scores, prune_importance *importance)
{
    const prune_status status = prn_importance_is_supplied(importance);
    if (status != PRUNE_OK)
        return status;
    (void)prune_importance_reset(importance);
    fill_missing(importance);
    *scores = importance->score;
    return PRUNE_OK;
}

prune_status prn_importance_written(prune_importance *importance)
{
    const prune_status status = prn_importance_is_supplied(importance);
    if (status != PRUNE_OK)
        return status;
    if (prn_scan_finite(importance->score, importance->floats) != importance->floats)
        return PRUNE_E_NONFINITE;
    memset(importance->given, 1, prune_model_param_count(importance->model));
    importance->ready = 1;
    return PRUNE_OK;
}
