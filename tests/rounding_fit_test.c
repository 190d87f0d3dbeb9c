/* rounding_fit_test.c -- fits that round: whoever looks at the model between steps sees rounded weights
 *
 * SPDX-License-Identifier: MIT */
#include "support/training.h"

#include <math.h>
#include <string.h>

enum { INPUTS = 6, HIDDEN = 8, CLASSES = 3, SAMPLES = 60, EPOCHS = 30 };

static const size_t widths[] = { INPUTS, HIDDEN, CLASSES };

/* A model, its trainer, what rounds it, data to learn from and data to be judged by. */
typedef struct fitted {
    world_data world, other;
    prune_model *model;
    prune_trainer *trainer;
    prune_rounding *rounding;
    prune_fit_options fit;
    prune_fit_result result;
} fitted;

static void set_up(fitted *f, int32_t accumulate)
{
    prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_ADAM);
    options.learning_rate = 0.05f;
    options.max_batch = SAMPLES;
    options.accumulate = accumulate;
    world_data_make(&f->world, SAMPLES, INPUTS, CLASSES, 5);
    world_data_make(&f->other, SAMPLES, INPUTS, CLASSES, 6);
    f->model = world_model(NULL, widths, 2, PRUNE_TANH, 2);
    f->trainer = world_trainer(f->model, &options);
    ck_assert_ok(prune_rounding_create(&f->rounding, NULL, f->model, 1));
    prune_fit_options_init(&f->fit);
    f->fit.rounding = f->rounding;
    f->fit.epochs = EPOCHS;
    f->fit.batch_size = 8;
    f->fit.validation = &f->other.labelled;
    f->fit.monitor = PRUNE_MONITOR_LOSS;
    prune_fit_result_init(&f->result);
}

static void tear_down(fitted *f)
{
    prune_rounding_free(f->rounding);
    prune_trainer_free(f->trainer);
    prune_model_free(f->model);
    world_data_end(&f->world);
    world_data_end(&f->other);
}

static int32_t is_rounded(const prune_model *model)
{
    static const size_t counts[] = { INPUTS * HIDDEN, HIDDEN * CLASSES };
    for (size_t l = 0; l < 2; l++) {
        const float *w = prune_model_param(model, 2 * l);
        double most = 0.0;
        for (size_t i = 0; i < counts[l]; i++)
            most = fmax(most, fabs((double)w[i]));
        for (size_t i = 0; i < counts[l]; i++)
            if (fabs((double)w[i] / most * 127.0 - round((double)w[i] / most * 127.0)) > 1e-4)
                return 0;
    }
    return 1;
}

START_TEST(validation_judges_what_is_left)
{
    for (int32_t keep_best = 0; keep_best < 2; keep_best++) {
        fitted f;
        prune_metrics metrics;
        set_up(&f, 1);
        f.fit.keep_best = keep_best;
        ck_assert_ok(prune_trainer_fit(&f.result, f.trainer, &f.world.labelled, &f.fit, NULL));
        ck_assert_uint_lt(f.result.best_epoch, EPOCHS); /* it came back, if it was to */
        prune_metrics_init(&metrics);
        ck_assert_ok(prune_evaluate(&metrics, f.model, &f.other.labelled, PRUNE_SOFTMAX_CROSS_ENTROPY, NULL));
        ck_assert_msg(fabs(metrics.loss - f.result.validation_loss) < 1e-6, "%.9g, not %.9g", metrics.loss,
                      f.result.validation_loss);
        ck_assert(is_rounded(f.model));
        const uint64_t before = world_hash(f.model);
        ck_assert_ok(prune_rounding_update(f.rounding)); /* nothing has moved */
        ck_assert_uint_eq(world_hash(f.model), before);
        tear_down(&f);
    }
}
END_TEST

static int32_t look(void *user, const prune_progress *p)
{
    size_t *looks = user;
    *looks += 1;
    ck_assert(is_rounded(prune_trainer_model(p->trainer)));
    return 0;
}

/* Steps of several batches, and the rest of an epoch's, which is a step at its end. */
START_TEST(callbacks_see_rounded_weights)
{
    for (int32_t accumulate = 1; accumulate < 4; accumulate += 2) {
        fitted f;
        size_t looks = 0;
        set_up(&f, accumulate);
        f.fit.progress = look;
        f.fit.user = &looks;
        f.fit.progress_every = 1;
        ck_assert_ok(prune_trainer_fit(&f.result, f.trainer, &f.world.labelled, &f.fit, NULL));
        ck_assert_uint_eq(looks, EPOCHS * ((SAMPLES + 7) / 8));
        ck_assert_uint_eq(f.result.steps, EPOCHS * (accumulate == 1 ? 8 : 3));
        tear_down(&f);
    }
}
END_TEST

START_TEST(it_is_the_loop_by_hand)
{
    fitted f, hand;
    set_up(&f, 1);
    set_up(&hand, 1);
    f.fit.shuffle = 0;
    f.fit.batch_size = SAMPLES;
    ck_assert_ok(prune_trainer_fit(&f.result, f.trainer, &f.world.labelled, &f.fit, NULL));
    for (size_t n = 0; n < EPOCHS; n++) {
        float loss;
        ck_assert_ok(prune_trainer_step(&loss, hand.trainer, hand.world.x_tensor, hand.world.label_tensor));
        ck_assert_ok(prune_rounding_update(hand.rounding));
    }
    ck_assert_uint_eq(world_hash(f.model), world_hash(hand.model));
    tear_down(&f);
    tear_down(&hand);
}
END_TEST

/* What the caller has set since is rounded before the first step. */
START_TEST(the_first_batch_meets_rounded_weights)
{
    fitted f;
    float w[INPUTS * HIDDEN];
    set_up(&f, 1);
    for (size_t i = 0; i < INPUTS * HIDDEN; i++)
        w[i] = 0.37f + 0.01f * sinf((float)i);
    ck_assert_ok(prune_model_set_param(f.model, 0, w, INPUTS * HIDDEN));
    ck_assert(!is_rounded(f.model));
    f.fit.epochs = 0;
    ck_assert_ok(prune_trainer_fit(&f.result, f.trainer, &f.world.labelled, &f.fit, NULL));
    ck_assert(is_rounded(f.model));
    tear_down(&f);
}
END_TEST

START_TEST(another_models_is_refused)
{
    fitted f, g;
    prune_error error = { 0 };
    set_up(&f, 1);
    set_up(&g, 1);
    f.fit.rounding = g.rounding;
    const uint64_t before = world_hash(f.model), other = world_hash(g.model);
    ck_assert_status(prune_trainer_fit(&f.result, f.trainer, &f.world.labelled, &f.fit, &error),
                     PRUNE_E_ARGUMENT);
    ck_assert_str_eq(error.place, "rounding");
    ck_assert_uint_eq(world_hash(f.model), before);
    ck_assert_uint_eq(world_hash(g.model), other);
    tear_down(&f);
    tear_down(&g);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        validation_judges_what_is_left,        callbacks_see_rounded_weights, it_is_the_loop_by_hand,
        the_first_batch_meets_rounded_weights, another_models_is_refused,
    };
    return run_tests("rounding_fit", tests, sizeof tests / sizeof tests[0]);
}
