/* consumer.c -- what a user of the installed library does: trains, prunes, predicts; fails if it went wrong
 *
 * SPDX-License-Identifier: MIT */
#include <libprune.h>

#include <math.h>
#include <stdio.h>

enum { SAMPLES = 4, INPUTS = 3 };

/* y = 2 x0 - x1; x2 says nothing. */
static const float inputs[SAMPLES * INPUTS] = { 0, 0, 1, 1, 0, 0, 0, 1, 0, 1, 1, 1 };
static const float targets[SAMPLES] = { 0, 2, -1, 1 };

static prune_status train(prune_model *model, const prune_data *data)
{
    prune_trainer_options plan;
    prune_fit_options options;
    prune_trainer_options_init(&plan);
    prune_fit_options_init(&options);
    plan.loss = PRUNE_MSE;
    plan.optimizer = PRUNE_SGD;
    plan.learning_rate = 0.3f;
    options.epochs = 500;
    return prune_fit(NULL, model, data, &plan, &options, NULL);
}

static prune_status prune_one(prune_model *model)
{
    prune_importance *importance;
    prune_status status = prune_importance_create(&importance, NULL, model, PRUNE_MAGNITUDE);
    if (status == PRUNE_OK)
        status = prune_mask_lowest(NULL, model, importance, NULL, 1);
    prune_importance_free(importance);
    return status;
}

/* The root of the mean squared error, or NaN. */
static double road(prune_model *model, const prune_data *data)
{
    prune_metrics metrics;
    prune_metrics_init(&metrics);
    if (prune_model_add_dense(model, 1, PRUNE_LINEAR) != PRUNE_OK || train(model, data) != PRUNE_OK ||
        prune_one(model) != PRUNE_OK || prune_evaluate(&metrics, model, data, PRUNE_MSE, NULL) != PRUNE_OK)
        return NAN;
    return metrics.rmse;
}

int main(void)
{
    prune_model *model = NULL;
    prune_tensor *x = NULL, *y = NULL;
    prune_data data;
    prune_data_init(&data);
    double rmse = NAN;
    if (prune_model_create(&model, NULL, INPUTS) == PRUNE_OK &&
        prune_tensor_const_matrix(&x, NULL, PRUNE_F32, SAMPLES, INPUTS, inputs) == PRUNE_OK &&
        prune_tensor_const_matrix(&y, NULL, PRUNE_F32, SAMPLES, 1, targets) == PRUNE_OK) {
        data.inputs = x;
        data.targets = y;
        rmse = road(model, &data);
    }
    printf("libprune %s from C, BLAS %s: error %.2g with one weight of three removed\n",
           prune_version_string(), prune_backend_blas() != NULL ? "yes" : "no", rmse);
    prune_tensor_free(y);
    prune_tensor_free(x);
    prune_model_free(model);
    const int same = prune_version_number() ==
                     PRUNE_VERSION_MAJOR * 10000 + PRUNE_VERSION_MINOR * 100 + PRUNE_VERSION_PATCH;
    return same && rmse < 0.01 ? 0 : 1;
}
