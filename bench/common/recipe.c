/* recipe.c -- Adam, a cosine of learning rates, and pruning on the way, all through the progress callback
 *
 * SPDX-License-Identifier: MIT */
#include "recipe.h"

#include <math.h>

enum { STEPS_BETWEEN = 50 };

typedef struct run {
    const recipe *how;
    prune_trainer *trainer;
    const prune_data *train;
    prune_importance *scores; /* of how->criterion */
    prune_sparsity plan;
    int pruning;    /* 0 when nothing is to be removed any more */
    uint64_t steps; /* of the whole recipe */
} run;

recipe recipe_default(uint64_t epochs, uint64_t seed)
{
    return (recipe){
        .epochs = epochs, .criterion = PRUNE_MAGNITUDE, .learning_rate = 0.001f, .batch = 32, .seed = seed
    };
}

prune_model *recipe_model(const dataset_info *info, const size_t hidden[2], uint64_t seed)
{
    prune_model *model;
    must(prune_model_create(&model, NULL, info->inputs), "model", NULL);
    for (size_t l = 0; l < 2; l++)
        must(prune_model_add_dense(model, hidden[l], PRUNE_RELU), "model", NULL);
    must(prune_model_add_dense(model, info->classes, PRUNE_LINEAR), "model", NULL);
    must(prune_model_initialize(model, PRUNE_INIT_AUTO, seed), "model", NULL);
    return model;
}

static double removed_fraction(const prune_model *model)
{
    uint64_t weights, kept;
    must(prune_mask_units(&weights, &kept, model, NULL), "mask", NULL);
    return (double)(weights - kept) / (double)weights;
}

static void remove_by_criterion(run *r, double fraction)
{
    prune_error error;
    if (r->how->criterion == PRUNE_MAGNITUDE) {
        must(prune_importance_refresh(r->scores), "scores", NULL);
    } else {
        must(prune_importance_reset(r->scores), "scores", NULL);
        must(prune_importance_accumulate(r->scores, r->trainer, r->train, &error), "scores", &error);
    }
    must(prune_mask_fraction(NULL, prune_trainer_model(r->trainer), r->scores, NULL, fraction, PRUNE_OF_ALL),
         "mask", NULL);
}

static void remove_more(run *r, uint64_t step)
{
    double fraction;
    must(prune_sparsity_at(&fraction, &r->plan, step), "schedule", NULL);
    if (r->how->remove != NULL)
        r->how->remove(r->how->remove_user, fraction);
    else
        remove_by_criterion(r, fraction);
    r->pruning = step < r->plan.end;
}

static int32_t each_batches(void *user, const prune_progress *progress)
{
    run *r = user;
    const uint64_t step = prune_trainer_steps(r->trainer);
    const double turn = 3.14159265358979 * (double)step / (double)r->steps;
    const float rate = (float)(0.5 * (1.0 + cos(turn))) * r->how->learning_rate;
    must(prune_trainer_set_learning_rate(r->trainer, rate), "learning rate", NULL);
    if (r->pruning)
        remove_more(r, step);
    const int32_t tell = progress->epoch_end && r->how->progress != NULL;
    return tell ? r->how->progress(r->how->user, progress) : 0;
}

static double fit(run *r, const prune_data *validation)
{
    prune_error error;
    prune_fit_options options;
    prune_fit_result result;
    prune_fit_options_init(&options);
    prune_fit_result_init(&result);
    options.epochs = r->how->epochs;
    options.validation = validation;
    options.keep_best = 1; /* of the epochs after the last removal */
    options.progress = each_batches;
    options.progress_every = STEPS_BETWEEN;
    options.user = r;
    must(prune_trainer_fit(&result, r->trainer, r->train, &options, &error), "training", &error);
    return result.validation_metric;
}

/* From what is gone already to what should be. */
static void plan_pruning(run *r, const prune_model *model, uint64_t steps)
{
    prune_sparsity_init(&r->plan);
    r->plan.initial = removed_fraction(model);
    r->plan.final = r->how->removed;
    r->plan.end = steps;
    r->plan.every = 1;
    r->pruning = steps != 0;
    if (r->pruning && r->how->remove == NULL)
        must(prune_importance_create(&r->scores, NULL, model, r->how->criterion), "scores", NULL);
}

double recipe_train(prune_model *model, const prune_data *train, const prune_data *validation,
                    const recipe *how)
{
    run r = { .how = how, .train = train };
    const uint64_t batches = (prune_tensor_dim(train->inputs, 0) + how->batch - 1) / how->batch;
    prune_trainer_options options;
    prune_trainer_options_init(&options);
    options.learning_rate = how->learning_rate;
    options.max_batch = how->batch;
    options.seed = how->seed;
    options.l1 = how->l1;
    options.l2 = how->l2;
    r.steps = how->epochs * batches;
    plan_pruning(&r, model, how->pruning_epochs * batches);
    must(prune_trainer_create(&r.trainer, NULL, model, &options, NULL), "trainer", NULL);
    const double accuracy = fit(&r, validation);
    prune_importance_free(r.scores);
    prune_trainer_free(r.trainer);
    return accuracy;
}
