/* loss_gradient_test.c -- the gradient of every loss, with every option, by central differences in double
 *
 * What is differentiated is support/true_loss.c, which has no derivative in it. Outputs stay away from where
 * a loss has none, or a second one that jumps (MAE at 0, Huber at 0 and delta).
 *
 * SPDX-License-Identifier: MIT */
#include "support/reference.h"
#include "support/runner.h"
#include "support/true_loss.h"

#include <math.h>

enum { ROWS = 8, OUTPUTS = 6, ALL = ROWS * OUTPUTS };

static const double EPS = 1e-5;
static const double TOLERANCE = 1e-6; /* of the largest |g|; differences and float roundings are below */
static const double CLEAR = 1e-3;

typedef struct config {
    int32_t kind, soft, mean;
    float delta, smoothing;
} config;

static const config configs[] = {
    { PRUNE_MSE, 1, 0, 1, 0 },
    { PRUNE_MSE, 1, 1, 1, 0 },
    { PRUNE_MAE, 1, 0, 1, 0 },
    { PRUNE_MAE, 1, 1, 1, 0 },
    { PRUNE_HUBER, 1, 0, 1, 0 },
    { PRUNE_HUBER, 1, 1, 0.25f, 0 },
    { PRUNE_HUBER, 1, 0, 3.5f, 0 },
    { PRUNE_BINARY_CROSS_ENTROPY, 1, 0, 1, 0 },
    { PRUNE_BINARY_CROSS_ENTROPY, 1, 1, 1, 0 },
    { PRUNE_SOFTMAX_CROSS_ENTROPY, 0, 0, 1, 0 },
    { PRUNE_SOFTMAX_CROSS_ENTROPY, 0, 0, 1, 0.125f },
    { PRUNE_SOFTMAX_CROSS_ENTROPY, 0, 0, 1, 0.75f },
    { PRUNE_SOFTMAX_CROSS_ENTROPY, 1, 0, 1, 0 },
    { PRUNE_SOFTMAX_CROSS_ENTROPY, 1, 0, 1, 0.125f },
    { PRUNE_SOFTMAX_CROSS_ENTROPY, 1, 0, 1, 0.75f },
    { PRUNE_NLL, 0, 0, 1, 0 },
};
enum { CONFIGS = sizeof configs / sizeof configs[0], WEIGHINGS = 4 };

/* A question, and what the library and the differences answer. */
typedef struct world {
    prune_loss_options options;
    true_loss truth;
    float h[ALL], y[ALL], classes[OUTPUTS], weights[ROWS];
    int32_t label[ROWS];
    double exact_h[ALL], differences[ALL];
    float loss, g[ALL];
} world;

/* ---- worlds ---- */

static int32_t is_clear(const config *c, double error)
{
    return fabs(error) > CLEAR && (c->kind != PRUNE_HUBER || fabs(fabs(error) - (double)c->delta) > CLEAR);
}

static void draw_elements(world *w, const config *c, uint64_t *state)
{
    const int32_t is_unit = c->kind == PRUNE_BINARY_CROSS_ENTROPY || c->kind == PRUNE_SOFTMAX_CROSS_ENTROPY;
    for (size_t i = 0; i < ALL; i++)
        do {
            w->h[i] = (float)ref_uniform(state, -4.0, 4.0);
            w->y[i] = (float)ref_uniform(state, is_unit ? 0.0 : -4.0, is_unit ? 1.0 : 4.0);
        } while (!is_clear(c, (double)w->h[i] - (double)w->y[i]));
    for (size_t i = 0; i < ALL; i++)
        w->exact_h[i] = (double)w->h[i];
}

/* Weighing bit 0: classes where the loss knows them, bit 1: samples; one weight of each is 0. */
static void draw_weights(world *w, size_t weighing, uint64_t *state)
{
    const int32_t has_classes =
        w->options.kind == PRUNE_SOFTMAX_CROSS_ENTROPY || w->options.kind == PRUNE_NLL;
    for (size_t o = 0; o < OUTPUTS; o++)
        w->classes[o] = o == 1 ? 0.0f : (float)ref_uniform(state, 0.1, 3.0);
    for (size_t r = 0; r < ROWS; r++)
        w->weights[r] = r == 1 ? 0.0f : (float)ref_uniform(state, 0.1, 3.0);
    if (has_classes && weighing % 2 == 1) {
        w->options.class_weights = w->classes;
        w->options.class_count = w->truth.outputs;
    }
    w->truth.weights = weighing / 2 == 1 ? w->weights : NULL;
}

static void make_world(world *w, const config *c, size_t weighing, size_t n, size_t outputs)
{
    uint64_t state = n * 100 + outputs * 10 + weighing;
    *w = (world){ .truth = { .options = &w->options, .n = n, .outputs = outputs } };
    prune_loss_options_init(&w->options);
    w->options.kind = c->kind;
    w->options.delta = c->delta;
    w->options.smoothing = c->smoothing;
    w->options.mean_over_outputs = c->mean;
    draw_elements(w, c, &state);
    draw_weights(w, weighing, &state);
    for (size_t r = 0; r < ROWS; r++)
        w->label[r] = (int32_t)ref_uniform(&state, 0.0, (double)outputs);
    w->truth.y = c->soft ? w->y : NULL;
    w->truth.label = w->label;
}

static prune_tensor *matrix(int32_t dtype, size_t rows, size_t columns, const void *data)
{
    prune_tensor *tensor;
    ck_assert_ok(prune_tensor_const_matrix(&tensor, NULL, dtype, rows, columns, data));
    return tensor;
}

static void answer(world *w)
{
    const true_loss *t = &w->truth;
    prune_tensor *h = matrix(PRUNE_F32, t->n, t->outputs, w->h), *g;
    prune_tensor *targets =
        t->y != NULL ? matrix(PRUNE_F32, t->n, t->outputs, t->y) : matrix(PRUNE_I32, t->n, 1, t->label);
    prune_tensor *weights = t->weights != NULL ? matrix(PRUNE_F32, t->n, 1, t->weights) : NULL;
    ck_assert_ok(prune_tensor_matrix(&g, NULL, PRUNE_F32, t->n, t->outputs, w->g));
    ck_assert_ok(prune_loss_with(&w->loss, g, &w->options, h, targets, weights));
    prune_tensor_free(h);
    prune_tensor_free(g);
    prune_tensor_free(targets);
    prune_tensor_free(weights);
    true_loss_differences(w->differences, t, w->exact_h, EPS);
}

/* The largest difference of the gradients, over the largest |g|; or over rounding where all is about 0. */
static double error_of(const world *w)
{
    const size_t count = w->truth.n * w->truth.outputs;
    double worst = 0.0;
    for (size_t i = 0; i < count; i++)
        worst = fmax(worst, fabs((double)w->g[i] - w->differences[i]));
    return worst / fmax(ref_largest(w->differences, count), 1e-3);
}

/* ---- tests ---- */

static const size_t shapes[][2] = { { ROWS, OUTPUTS }, { 1, OUTPUTS }, { ROWS, 2 }, { 3, 1 } };
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

START_TEST(gradients_are_central_differences)
{
    for (size_t i = 0; i < CONFIGS * WEIGHINGS * SHAPES; i++) {
        const size_t *shape = shapes[i / WEIGHINGS % SHAPES], c = i / WEIGHINGS / SHAPES;
        world w;
        make_world(&w, &configs[c], i % WEIGHINGS, shape[0], shape[1]);
        answer(&w);
        ck_assert_msg(error_of(&w) <= TOLERANCE, "configuration %d, weighing %d, %d x %d: off by %g", (int)c,
                      (int)(i % WEIGHINGS), (int)shape[0], (int)shape[1], error_of(&w));
    }
}
END_TEST

START_TEST(losses_are_those_of_double)
{
    for (size_t i = 0; i < CONFIGS * WEIGHINGS * SHAPES; i++) {
        const size_t *shape = shapes[i / WEIGHINGS % SHAPES], c = i / WEIGHINGS / SHAPES;
        world w;
        make_world(&w, &configs[c], i % WEIGHINGS, shape[0], shape[1]);
        answer(&w);
        const double truth = true_loss_of(&w.truth, w.exact_h);
        ck_assert_double_eq_tol((double)w.loss, truth, TOLERANCE * fmax(fabs(truth), 0.1));
    }
}
END_TEST

/* What must hold fails where a single derivative is wrong by 1 %, or has the wrong sign. */
START_TEST(one_wrong_derivative_is_noticed)
{
    for (size_t c = 0; c < CONFIGS; c++)
        for (size_t k = 0; k < 2 * ALL; k++) {
            world w;
            make_world(&w, &configs[c], 0, ROWS, OUTPUTS);
            answer(&w);
            if (fabs(w.differences[k / 2]) < 1e-3 * ref_largest(w.differences, ALL))
                continue; /* so small that it hardly counts, or 0: NLL away from the label */
            w.g[k / 2] *= k % 2 ? 1.01f : -1.0f;
            ck_assert_double_gt(error_of(&w), TOLERANCE);
        }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        gradients_are_central_differences,
        losses_are_those_of_double,
        one_wrong_derivative_is_noticed,
    };
    return run_tests("loss_gradient", tests, sizeof tests / sizeof tests[0]);
}
