/* class_weights_test.c -- softmax cross-entropy whose parts differ by many powers of ten keeps the small ones
 *
 * SPDX-License-Identifier: MIT */
#include "support/runner.h"

#include <math.h>

enum { CLASSES = 2 };

static const struct uneven {
    float h[CLASSES], classes[CLASSES], y[CLASSES], smoothing;
} table[] = {
    { { 0, 72 }, { 1, 1e9f }, { 1, 0 }, 0.1f },           { { 72, 0 }, { 1e9f, 1 }, { 0, 1 }, 0.1f },
    { { 0, 60 }, { 1, 1e12f }, { 1, 0 }, 0.01f },         { { 0, 0 }, { 1, 1e9f }, { 1, 0 }, 0.1f },
    { { 0, 80 }, { 1, 1 }, { 1e-9f, 1 }, 0.0f },          { { 80, 0 }, { 1, 1 }, { 1, 1e-9f }, 0.0f },
    { { 0, 40 }, { 1e-3f, 1e5f }, { 0.5f, 0.5f }, 0.0f }, { { 3, -2 }, { 1, 1 }, { 0.25f, 0.75f }, 0.3f },
};

/* In double, of two classes: dl/dh_0 = v_1 p_0 - v_0 p_1 = -dl/dh_1. */
static double expected(const struct uneven *u)
{
    const double gap = (double)u->h[1] - (double)u->h[0], smoothing = (double)u->smoothing;
    double v[CLASSES];
    for (size_t c = 0; c < CLASSES; c++)
        v[c] = (double)u->classes[c] * ((1 - smoothing) * (double)u->y[c] + smoothing / CLASSES);
    return v[1] / (1 + exp(gap)) - v[0] / (1 + exp(-gap));
}

static void check(const struct uneven *u)
{
    prune_loss_options options;
    prune_loss_options_init(&options);
    options.smoothing = u->smoothing;
    options.class_weights = u->classes;
    options.class_count = CLASSES;
    float loss, g[CLASSES];
    prune_tensor *h, *y, *gradient;
    ck_assert_ok(prune_tensor_const_matrix(&h, NULL, PRUNE_F32, 1, CLASSES, u->h));
    ck_assert_ok(prune_tensor_const_matrix(&y, NULL, PRUNE_F32, 1, CLASSES, u->y));
    ck_assert_ok(prune_tensor_matrix(&gradient, NULL, PRUNE_F32, 1, CLASSES, g));
    ck_assert_ok(prune_loss_with(&loss, gradient, &options, h, y, NULL));
    const double want = expected(u);
    ck_assert_double_le(fabs((double)g[0] - want), 4e-6 * fabs(want));
    ck_assert_double_le(fabs((double)g[1] + want), 4e-6 * fabs(want));
    prune_tensor_free(h);
    prune_tensor_free(y);
    prune_tensor_free(gradient);
}

START_TEST(small_parts_keep_their_digits_beside_large_ones)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        check(&table[i]);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        small_parts_keep_their_digits_beside_large_ones,
    };
    return run_tests("class_weights", tests, sizeof tests / sizeof tests[0]);
}
