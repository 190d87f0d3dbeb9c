/* class_weights_test.c -- softmax cross-entropy whose parts differ by many powers of ten keeps the small ones
 *
 * SPDX-License-Identifier: MIT */
#include "support/reference.h"
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

/* ---- any number of classes ---- */

enum { MOST = 5, TRIALS = 400 };

typedef struct trial {
    size_t outputs;
    float h[MOST], classes[MOST], y[MOST], smoothing;
    int32_t label; /* or -1: the row y */
} trial;

static double power_of_ten(uint64_t *state, double low, double high)
{
    return pow(10.0, ref_uniform(state, low, high));
}

static trial draw(uint64_t *state, size_t number)
{
    static const float smoothings[] = { 0.0f, 1e-3f, 0.1f, 0.9f };
    trial t = { .outputs = 2 + number % 4, .smoothing = smoothings[number / 4 % 4] };
    t.label = number % 3 == 0 ? -1 : (int32_t)(number % t.outputs);
    for (size_t c = 0; c < t.outputs; c++) {
        t.h[c] = (float)ref_uniform(state, -40.0, 40.0);
        t.classes[c] = (float)power_of_ten(state, -12.0, 12.0);
        t.y[c] = (float)power_of_ten(state, -12.0, 0.0);
    }
    return t;
}

/* In double, over d. Beside each derivative the size of what it is made of: between parts of the target on
 * both sides of it there may be true cancellation, but nothing else may be lost. */
typedef struct answer {
    double loss, g[MOST], size[MOST];
} answer;

static answer solve(const trial *t)
{
    answer a = { 0 };
    size_t most = 0;
    double v[MOST], p[MOST], rest = 0;
    const double smoothing = (double)t->smoothing, d = t->label < 0 ? 1 : (double)t->classes[t->label];
    for (size_t c = 0; c < t->outputs; c++)
        most = t->h[c] > t->h[most] ? c : most;
    for (size_t c = 0; c < t->outputs; c++) {
        const double y = t->label < 0 ? (double)t->y[c] : c == (size_t)t->label ? 1 : 0;
        v[c] = (double)t->classes[c] * ((1 - smoothing) * y + smoothing / (double)t->outputs) / d;
        rest += c == most ? 0 : exp((double)t->h[c] - (double)t->h[most]);
    }
    for (size_t c = 0; c < t->outputs; c++) {
        const double gap = (double)t->h[most] - (double)t->h[c];
        p[c] = exp(-gap) / (1 + rest);
        a.loss += v[c] * (log1p(rest) + gap);
    }
    for (size_t o = 0; o < t->outputs; o++)
        for (size_t c = 0; c < t->outputs; c++) {
            a.g[o] += c == o ? 0 : v[c] * p[o] - v[o] * p[c];
            a.size[o] += c == o ? 0 : v[c] * p[o] + v[o] * p[c];
        }
    return a;
}

static void check_trial(const trial *t)
{
    const answer a = solve(t);
    float loss, g[MOST];
    prune_tensor *h, *y, *gradient;
    prune_loss_options options;
    prune_loss_options_init(&options);
    options.smoothing = t->smoothing;
    options.class_weights = t->classes;
    options.class_count = t->outputs;
    ck_assert_ok(prune_tensor_const_matrix(&h, NULL, PRUNE_F32, 1, t->outputs, t->h));
    if (t->label < 0)
        ck_assert_ok(prune_tensor_const_matrix(&y, NULL, PRUNE_F32, 1, t->outputs, t->y));
    else
        ck_assert_ok(prune_tensor_const_matrix(&y, NULL, PRUNE_I32, 1, 1, &t->label));
    ck_assert_ok(prune_tensor_matrix(&gradient, NULL, PRUNE_F32, 1, t->outputs, g));
    ck_assert_ok(prune_loss_with(&loss, gradient, &options, h, y, NULL));
    ck_assert_double_le(fabs((double)loss - a.loss), 4e-6 * a.loss);
    for (size_t o = 0; o < t->outputs; o++)
        ck_assert_double_le(fabs((double)g[o] - a.g[o]), 8e-6 * a.size[o]);
    prune_tensor_free(h);
    prune_tensor_free(y);
    prune_tensor_free(gradient);
}

START_TEST(each_derivative_keeps_its_digits_of_any_number_of_classes)
{
    uint64_t state = 11;
    for (size_t i = 0; i < TRIALS; i++) {
        const trial t = draw(&state, i);
        check_trial(&t);
    }
}
END_TEST

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
        each_derivative_keeps_its_digits_of_any_number_of_classes,
    };
    return run_tests("class_weights", tests, sizeof tests / sizeof tests[0]);
}
