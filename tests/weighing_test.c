/* weighing_test.c -- a loss is a quotient: what all weights are multiplied by makes no difference, to the bit
 *
 * SPDX-License-Identifier: MIT */
#include "support/training.h"

#include <math.h>
#include <string.h>

enum { N = 24, CLASSES = 3 };

/* Powers of two that keep weights of 0.5 .. 1.5 in 0 .. 1e12 and normal. */
static const int powers[] = { -120, -100, -60, -1, 0, 20, 39 };
#define POWERS (sizeof powers / sizeof powers[0])

static prune_status half_square(void *user, float *losses, prune_tensor *gradient,
                                const prune_tensor *outputs, const prune_tensor *targets)
{
    const float *h = prune_tensor_data(outputs), *y = prune_tensor_data(targets);
    float *g = prune_tensor_data_mut(gradient);
    ck_assert_ptr_null(user);
    for (size_t r = 0; r < prune_tensor_dim(outputs, 0); r++) {
        losses[r] = 0.0f;
        for (size_t i = r * CLASSES; i < (r + 1) * CLASSES; i++) {
            losses[r] += 0.5f * (h[i] - y[i]) * (h[i] - y[i]);
            if (g != NULL)
                g[i] = h[i] - y[i];
        }
    }
    return PRUNE_OK;
}

static const struct asked {
    int32_t kind, labelled;
    float smoothing;
    int32_t classes;
} table[] = {
    { PRUNE_SOFTMAX_CROSS_ENTROPY, 1, 0.0f, 1 },
    { PRUNE_SOFTMAX_CROSS_ENTROPY, 1, 0.1f, 1 },
    { PRUNE_SOFTMAX_CROSS_ENTROPY, 0, 0.1f, 0 },
    { PRUNE_NLL, 1, 0.0f, 1 },
    { PRUNE_MSE, 0, 0.0f, 0 },
    { PRUNE_LOSS_OWN, 0, 0.0f, 0 },
};

typedef struct fixture {
    world_data world;
    float h[N * CLASSES], gradient[N * CLASSES], weights[N], classes[CLASSES];
    prune_tensor *h_tensor, *gradient_tensor, *weights_tensor;
    prune_loss_options loss;
    const prune_tensor *targets;
} fixture;

static void open_fixture(fixture *f, const struct asked *a, const float size_of_outputs)
{
    world_data_make(&f->world, N, CLASSES, CLASSES, 3);
    for (size_t i = 0; i < N * CLASSES; i++) {
        f->h[i] = size_of_outputs * f->world.x[i];
        f->world.y[i] = fabsf(f->world.y[i]);
    }
    ck_assert_ok(prune_tensor_matrix(&f->h_tensor, NULL, PRUNE_F32, N, CLASSES, f->h));
    ck_assert_ok(prune_tensor_matrix(&f->gradient_tensor, NULL, PRUNE_F32, N, CLASSES, f->gradient));
    ck_assert_ok(prune_tensor_matrix(&f->weights_tensor, NULL, PRUNE_F32, N, 1, f->weights));
    prune_loss_options_init(&f->loss);
    f->loss.kind = a->kind;
    f->loss.smoothing = a->smoothing;
    f->loss.class_weights = a->classes ? f->classes : NULL;
    f->loss.class_count = a->classes ? CLASSES : 0;
    f->loss.own = a->kind == PRUNE_LOSS_OWN ? half_square : NULL;
    f->targets = a->labelled ? f->world.label_tensor : f->world.y_tensor;
}

static void close_fixture(fixture *f)
{
    prune_tensor_free(f->weights_tensor);
    prune_tensor_free(f->gradient_tensor);
    prune_tensor_free(f->h_tensor);
    world_data_end(&f->world);
}

/* All sample weights and all class weights times these. */
static void weigh(fixture *f, float samples, float classes)
{
    for (size_t r = 0; r < N; r++)
        f->weights[r] = samples * (0.5f + (float)(r % 7) / 7.0f);
    for (size_t c = 0; c < CLASSES; c++)
        f->classes[c] = classes * (1.5f - (float)c / 3.0f);
}

static float ask(fixture *f)
{
    float loss = 7.0f;
    ck_assert_ok(
        prune_loss_with(&loss, f->gradient_tensor, &f->loss, f->h_tensor, f->targets, f->weights_tensor));
    return loss;
}

START_TEST(a_common_factor_changes_no_bit)
{
    for (size_t t = 0; t < sizeof table / sizeof table[0]; t++)
        for (size_t i = 0; i < POWERS * POWERS; i++) {
            fixture f;
            float expected[N * CLASSES];
            open_fixture(&f, &table[t], 3.0f);
            weigh(&f, 1.0f, 1.0f);
            const float loss = ask(&f);
            memcpy(expected, f.gradient, sizeof expected);
            weigh(&f, ldexpf(1.0f, powers[i / POWERS]), ldexpf(1.0f, powers[i % POWERS]));
            ck_assert(ask(&f) == loss && loss != 0.0f);
            ck_assert_mem_eq(f.gradient, expected, sizeof expected);
            close_fixture(&f);
        }
}
END_TEST

/* Weights at their limit, and outputs whose losses have no room for them. */
START_TEST(large_weights_do_not_push_large_losses_out_of_float)
{
    for (size_t t = 0; t < 4; t++) {
        fixture f;
        open_fixture(&f, &table[t], 1e30f);
        weigh(&f, 1.0f, 1.0f);
        const float loss = ask(&f);
        ck_assert(isfinite(loss) && fabsf(loss) > 1e29f);
        weigh(&f, ldexpf(1.0f, 39), ldexpf(1.0f, 39));
        ck_assert(ask(&f) == loss);
        close_fixture(&f);
    }
}
END_TEST

/* The mean of losses is among them, however small what they count; down to the smallest number there is. */
START_TEST(weights_that_are_denormal_still_count)
{
    static const float sizes[] = { 1e-36f, 1e-40f, 1e-45f };
    for (size_t t = 0; t < sizeof table / sizeof table[0]; t++)
        for (size_t i = 0; i < 3; i++) {
            fixture f;
            open_fixture(&f, &table[t], 3.0f);
            weigh(&f, 0.0f, 1.0f);
            f.classes[0] = f.classes[1] = f.classes[2] = 1.0f;
            for (size_t r = 0; r < N; r++)
                f.weights[r] = 1.0f;
            const float loss = ask(&f);
            for (size_t r = 0; r < N; r++)
                f.weights[r] = sizes[i];
            for (size_t c = 0; c < CLASSES; c++)
                f.classes[c] = sizes[i];
            ck_assert_double_eq_tol((double)ask(&f), (double)loss, 1e-6 * fabs((double)loss));
            close_fixture(&f);
        }
}
END_TEST

/* So do whole steps, and metrics; also where the product of both weights would be 0. */
START_TEST(steps_and_metrics_take_the_same_weights)
{
    static const size_t widths[] = { CLASSES, 4, CLASSES };
    uint64_t hash[POWERS];
    double loss[POWERS];
    for (size_t i = 0; i < POWERS; i++) {
        fixture f;
        prune_metrics metrics;
        prune_metrics_init(&metrics);
        open_fixture(&f, &table[1], 1.0f);
        weigh(&f, ldexpf(1.0f, powers[i]), ldexpf(1.0f, powers[i]));
        prune_model *model = world_model(NULL, widths, 2, PRUNE_TANH, 2);
        prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_ADAM);
        options.loss_options = &f.loss;
        prune_trainer *trainer = world_trainer(model, &options);
        for (size_t step = 0; step < 5; step++)
            ck_assert_ok(
                prune_trainer_weighted_step(NULL, trainer, f.world.x_tensor, f.targets, f.weights_tensor));
        f.world.labelled.weights = f.weights_tensor;
        ck_assert_ok(prune_evaluate_with(&metrics, model, &f.world.labelled, &f.loss, NULL));
        hash[i] = world_hash(model);
        loss[i] = metrics.loss;
        ck_assert_uint_eq(hash[i], hash[0]);
        ck_assert(loss[i] == loss[0]);
        prune_trainer_free(trainer);
        prune_model_free(model);
        close_fixture(&f);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_common_factor_changes_no_bit,
        large_weights_do_not_push_large_losses_out_of_float,
        weights_that_are_denormal_still_count,
        steps_and_metrics_take_the_same_weights,
    };
    return run_tests("weighing", tests, sizeof tests / sizeof tests[0]);
}
