/* snip.c -- pruning before training by what the loss says of each connection
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/snip.h"
#include "libprune/fraction.h"
#include "supplied.h"
#include "text.h"
#include "trainer.h"

static double sum_of(const float *scores, const prune_model *model)
{
    double sum = 0.0;
    prn_walk walk = { .model = model };
    for (const prn_param *param = prn_walk_next(&walk); param != NULL; param = prn_walk_next(&walk)) {
        for (size_t i = 0; param->prunable && i < param->count; i++)
            sum += (double)scores[i];
        scores += param->count;
    }
    return sum;
}

static prune_status normalise(prune_importance *table, const prune_importance *products)
{
    float *to;
    const float *from = products->score;
    const prune_status status = prn_importance_write(&to, table);
    if (status != PRUNE_OK)
        return status;
    const double sum = sum_of(from, table->model);
    prn_walk walk = { .model = table->model };
    for (const prn_param *param = prn_walk_next(&walk); param != NULL; param = prn_walk_next(&walk)) {
        for (size_t i = 0; param->prunable && i < param->count; i++)
            to[i] = sum > 0.0 ? (float)((double)from[i] / sum) : 0.0f;
        from += param->count;
        to += param->count;
    }
    return prn_importance_written(table);
}

prune_status prune_score_snip(prune_importance *scores, prune_trainer *trainer, const prune_data *data,
                              prune_error *error)
{
    prune_importance *products;
    prune_status status = prn_supplied_fits(scores, trainer, error);
    if (status != PRUNE_OK)
        return status;
    status = prune_importance_create(&products, &trainer->mem, trainer->model, PRUNE_TAYLOR);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "scores", prune_status_string(status));
    status = prune_importance_accumulate(products, trainer, data, error);
    if (status == PRUNE_OK)
        status = normalise(scores, products);
    prune_importance_free(products);
    return status;
}

prune_status prune_snip(prune_removal *removal, prune_trainer *trainer, const prune_data *data,
                        const prune_selection *selection, double fraction, prune_error *error)
{
    prune_importance *scores;
    prune_status status = prn_trainer_open(trainer, error);
    if (status != PRUNE_OK)
        return status;
    prune_model *model = trainer->model;
    status = prune_importance_create(&scores, &trainer->mem, model, PRUNE_SUPPLIED);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "scores", prune_status_string(status));
    status = prune_score_snip(scores, trainer, data, error);
    if (status == PRUNE_OK) {
        status = prune_mask_fraction(removal, model, scores, selection, fraction, PRUNE_OF_ALL);
        if (status != PRUNE_OK)
            prn_error_set(error, status, "fraction", prune_status_string(status));
    }
    prune_importance_free(scores);
    return status;
}
