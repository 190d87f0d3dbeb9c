/* study.c -- one comparison on one data set
 *
 * Everything is trained, chosen and cut first; only then are the test parts opened.
 *
 * SPDX-License-Identifier: MIT */
#include "study.h"
#include "recipe.h"

#include <string.h>

static const int32_t criteria[STUDY_CRITERIA] = { PRUNE_MAGNITUDE, PRUNE_GRADIENT, PRUNE_TAYLOR };

int32_t study_criterion(size_t row)
{
    return row == STUDY_GRADUAL ? PRUNE_MAGNITUDE : criteria[(row - STUDY_ONE_SHOT) / STUDY_SHARES];
}

double study_share(const study_plan *plan, size_t row)
{
    return plan->shares[row == STUDY_GRADUAL ? STUDY_SHARES - 2 : (row - STUDY_ONE_SHOT) % STUDY_SHARES];
}

const char *study_name(size_t row)
{
    static const char *const plain[] = { "dense", "L1 penalty", "L2 penalty" };
    static const char *const pruned[] = {
        [PRUNE_MAGNITUDE] = "|w|", [PRUNE_GRADIENT] = "|dL/dw|", [PRUNE_TAYLOR] = "|w dL/dw|"
    };
    if (row < STUDY_ONE_SHOT)
        return plain[row];
    return row == STUDY_GRADUAL ? "|w|, gradually" : pruned[study_criterion(row)];
}

uint64_t study_epoch(const dataset_info *info, size_t samples)
{
    return samples + info->training / 15;
}

static size_t samples_of(const study_plan *plan)
{
    return plan->samples == 0 ? plan->info->training : plan->samples;
}

uint64_t study_work(const study_plan *plan)
{
    const uint64_t fold = 5 * plan->epochs + (STUDY_GRADUAL - STUDY_ONE_SHOT) * plan->tuning + plan->gradual;
    return plan->info->folds * fold * study_epoch(plan->info, samples_of(plan));
}

/* ---- one fold ---- */

static prune_model *copy_of(const prune_model *model)
{
    prune_model *copy;
    must(prune_model_clone(&copy, NULL, model), "model", NULL);
    return copy;
}

static recipe recipe_of(const study *s, uint64_t epochs)
{
    recipe how = recipe_default(epochs, 1);
    how.batch = s->plan.batch;
    how.learning_rate = s->plan.learning_rate;
    how.progress = s->bar == NULL ? NULL : progress_epoch;
    how.user = s->bar;
    return how;
}

static double train(const study_fold *f, prune_model *model, const recipe *how)
{
    return recipe_train(model, &f->train.data, &f->validation.data, how);
}

static void make_dense(const study *s, study_fold *f)
{
    const recipe how = recipe_of(s, s->plan.epochs);
    progress_stage(s->bar, study_name(STUDY_DENSE));
    f->after[STUDY_DENSE] = recipe_model(s->plan.info, s->plan.hidden, 1);
    train(f, f->after[STUDY_DENSE], &how);
}

/* Trains with both strengths of a penalty and keeps the better by validation. */
static void make_penalized(const study *s, study_fold *f, size_t row)
{
    double accuracy[2];
    prune_model *tried[2];
    progress_stage(s->bar, study_name(row));
    for (size_t i = 0; i < 2; i++) {
        recipe how = recipe_of(s, s->plan.epochs);
        how.l1 = row == STUDY_L1 ? s->plan.l1[i] : 0.0f;
        how.l2 = row == STUDY_L2 ? s->plan.l2[i] : 0.0f;
        tried[i] = recipe_model(s->plan.info, s->plan.hidden, 1);
        accuracy[i] = train(f, tried[i], &how);
    }
    const size_t better = accuracy[1] > accuracy[0];
    f->after[row] = tried[better];
    prune_model_free(tried[1 - better]);
}

static prune_importance *score(const study_fold *f, prune_model *model, int32_t criterion)
{
    prune_importance *scores;
    prune_trainer *trainer;
    prune_trainer_options options;
    prune_trainer_options_init(&options);
    options.max_batch = 256;
    must(prune_importance_create(&scores, NULL, model, criterion), "scores", NULL);
    if (criterion == PRUNE_MAGNITUDE)
        return scores;
    must(prune_trainer_create(&trainer, NULL, model, &options, NULL), "trainer", NULL);
    must(prune_importance_accumulate(scores, trainer, &f->train.data, NULL), "scores", NULL);
    prune_trainer_free(trainer);
    return scores;
}

/* The dense model, cut at a threshold of the distribution of its scores, and tuned under the mask. */
static void make_pruned(const study *s, study_fold *f, size_t row)
{
    const recipe how = recipe_of(s, s->plan.tuning);
    prune_model *model = copy_of(f->after[STUDY_DENSE]);
    prune_importance *scores = score(f, model, study_criterion(row));
    const double share = study_share(&s->plan, row);
    progress_stage(s->bar, study_name(row));
    must(prune_threshold_quantile(&f->threshold[row], scores, NULL, share), "threshold", NULL);
    must(prune_mask_below(NULL, model, scores, NULL, f->threshold[row]), "mask", NULL);
    prune_importance_free(scores);
    f->before[row] = copy_of(model);
    f->after[row] = model;
    train(f, model, &how);
}

/* Pruned on the way, in a training of its own after the dense one. */
static void make_gradual(const study *s, study_fold *f)
{
    recipe how = recipe_of(s, s->plan.gradual);
    how.pruning_epochs = how.epochs * 2 / 3;
    how.removed = study_share(&s->plan, STUDY_GRADUAL);
    progress_stage(s->bar, study_name(STUDY_GRADUAL));
    f->after[STUDY_GRADUAL] = copy_of(f->after[STUDY_DENSE]);
    train(f, f->after[STUDY_GRADUAL], &how);
}

/* ---- measuring ---- */

static void add_figures(study_figures *sum, const prune_model *model, const dataset *trained,
                        const dataset *test)
{
    const dataset *sets[] = { trained, test };
    double *sums[] = { &sum->train, &sum->held_out };
    for (size_t i = 0; i < 2 && model != NULL; i++)
        *sums[i] += 100.0 * dataset_accuracy(model, sets[i]);
}

static void add_size(study_row *row, const prune_model *model)
{
    for (size_t l = 0; l < prune_model_layer_count(model); l++) {
        prune_layer_info info;
        prune_layer_info_init(&info);
        must(prune_model_layer_info(&info, model, l), "model", NULL);
        row->weights += (double)info.weights_kept;
        row->macs += (double)info.macs_kept;
        row->nonzero_bytes += (double)info.nonzeros * sizeof(float);
    }
}

static void measure(study *s, size_t number, const dataset *test)
{
    const study_fold *f = &s->folds[number];
    for (size_t r = 0; r < STUDY_ROWS; r++) {
        must(prune_model_verify(f->after[r], NULL), "masks", NULL);
        add_figures(&s->rows[r].before, f->before[r], &f->train, test);
        add_figures(&s->rows[r].after, f->after[r], &f->train, test);
        s->rows[r].by_fold[number] = 100.0 * dataset_accuracy(f->after[r], test);
        add_size(&s->rows[r], f->after[r]);
        s->rows[r].threshold = (double)f->threshold[r];
    }
}

/* ---- the whole ---- */

static void open_data(const study *s, study_fold *f, size_t number)
{
    dataset all;
    dataset_open(&all, &f->validation, s->plan.info, s->plan.folder, number);
    dataset_part(&f->train, &all, 0, s->plan.samples == 0 ? all.samples : s->plan.samples);
    dataset_end(&all);
}

void study_train(study *s, const study_plan *plan, progress *bar)
{
    *s = (study){ .plan = *plan, .bar = bar };
    progress_each(bar, study_epoch(plan->info, samples_of(plan)));
    for (size_t number = 0; number < plan->info->folds; number++) {
        study_fold *f = &s->folds[number];
        open_data(s, f, number);
        make_dense(s, f);
        make_penalized(s, f, STUDY_L1);
        make_penalized(s, f, STUDY_L2);
        for (size_t r = STUDY_ONE_SHOT; r < STUDY_GRADUAL; r++)
            make_pruned(s, f, r);
        make_gradual(s, f);
    }
    s->bar = NULL;
}

static void to_means(study_row *row, double folds)
{
    double *sums[] = { &row->before.train, &row->before.held_out, &row->after.train, &row->after.held_out,
                       &row->weights,      &row->nonzero_bytes,   &row->macs };
    for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++)
        *sums[i] /= folds;
}

void study_measure(study *s)
{
    for (size_t number = 0; number < s->plan.info->folds; number++) {
        dataset test;
        dataset_open_test(&test, s->plan.info, s->plan.folder, number);
        measure(s, number, &test);
        dataset_end(&test);
    }
    for (size_t r = 0; r < STUDY_ROWS; r++)
        to_means(&s->rows[r], (double)s->plan.info->folds);
}

void study_end(study *s)
{
    for (size_t number = 0; number < s->plan.info->folds; number++) {
        study_fold *f = &s->folds[number];
        for (size_t r = 0; r < STUDY_ROWS; r++) {
            prune_model_free(f->before[r]);
            prune_model_free(f->after[r]);
        }
        dataset_end(&f->train);
        dataset_end(&f->validation);
    }
}
