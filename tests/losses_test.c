/* losses_test.c -- every loss with every option: beside PyTorch, at extremes, and what is refused
 *
 * The fixtures were computed in double; the tolerance is a few roundings of float.
 *
 * SPDX-License-Identifier: MIT */
#include "fixtures/losses.h"
#include "support/reference.h"
#include "support/runner.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { ROWS = LOSSES_ROWS, OUTPUTS = LOSSES_OUTPUTS, ALL = ROWS * OUTPUTS };

static prune_tensor *matrix(int32_t dtype, size_t rows, size_t columns, const void *data)
{
    prune_tensor *tensor;
    ck_assert_ok(prune_tensor_const_matrix(&tensor, NULL, dtype, rows, columns, data));
    return tensor;
}

static prune_loss_options options_of(int32_t kind)
{
    prune_loss_options options;
    prune_loss_options_init(&options);
    options.kind = kind;
    return options;
}

/* The call on plain arrays; weights may be NULL. */
typedef struct question {
    prune_loss_options options;
    size_t rows, outputs;
    const float *h, *weights;
    int32_t target_type;
    size_t target_columns;
    const void *targets;
} question;

static prune_status ask(float *loss, float *g, const question *q)
{
    prune_tensor *h = matrix(PRUNE_F32, q->rows, q->outputs, q->h), *gradient = NULL, *weights = NULL;
    prune_tensor *targets = matrix(q->target_type, q->rows, q->target_columns, q->targets);
    if (g != NULL)
        ck_assert_ok(prune_tensor_matrix(&gradient, NULL, PRUNE_F32, q->rows, q->outputs, g));
    if (q->weights != NULL)
        weights = matrix(PRUNE_F32, q->rows, 1, q->weights);
    const prune_status status = prune_loss_with(loss, gradient, &q->options, h, targets, weights);
    prune_tensor_free(h);
    prune_tensor_free(gradient);
    prune_tensor_free(weights);
    prune_tensor_free(targets);
    return status;
}

/* ---- PyTorch ---- */

static question question_of(const losses_case *c)
{
    const int32_t soft = c->soft || (c->kind != PRUNE_NLL && c->kind != PRUNE_SOFTMAX_CROSS_ENTROPY);
    question q = { .options = options_of(c->kind), .rows = ROWS, .outputs = OUTPUTS, .h = losses_h };
    q.options.delta = c->delta;
    q.options.smoothing = c->smoothing;
    q.options.mean_over_outputs = c->mean;
    q.options.class_weights = c->classes ? losses_classes : NULL;
    q.options.class_count = c->classes ? OUTPUTS : 0;
    q.weights = c->weighted ? losses_weights : NULL;
    q.h = c->kind == PRUNE_NLL ? losses_log : losses_h;
    q.target_type = soft ? PRUNE_F32 : PRUNE_I32;
    q.target_columns = soft ? OUTPUTS : 1;
    q.targets = !soft                                   ? (const void *)losses_labels
                : c->soft                               ? losses_soft
                : c->kind == PRUNE_BINARY_CROSS_ENTROPY ? losses_unit
                                                        : losses_values;
    return q;
}

START_TEST(each_loss_with_each_option_is_that_of_pytorch)
{
    size_t seen[PRUNE_LOSS_OWN] = { 0 };
    for (size_t i = 0; i < sizeof losses_cases / sizeof losses_cases[0]; i++) {
        const losses_case *c = &losses_cases[i];
        const question q = question_of(c);
        float loss, alone, g[ALL];
        double expected[ALL];
        ck_assert_ok(ask(&loss, g, &q));
        ck_assert_ok(ask(&alone, NULL, &q));
        ck_assert(loss == alone);
        for (size_t k = 0; k < ALL; k++)
            expected[k] = (double)c->gradient[k];
        ck_assert_msg(fabs((double)loss - (double)c->loss) <= 4e-7 * fabs((double)c->loss) &&
                          ref_scaled_error(g, expected, ALL) <= 4e-7,
                      "case %d: loss %.9g, PyTorch %.9g; gradients differ by %g", (int)i, (double)loss,
                      (double)c->loss, ref_scaled_error(g, expected, ALL));
        seen[c->kind]++;
    }
    for (int32_t kind = PRUNE_MSE; kind < PRUNE_LOSS_OWN; kind++)
        ck_assert_uint_ge(seen[kind], 4);
}
END_TEST

/* ---- extremes, one sample ---- */

static long double softplus(long double x)
{
    return x > 0.0L ? x + log1pl(expl(-x)) : log1pl(expl(x));
}

static int32_t is_near(float got, long double truth)
{
    return fabsl((long double)got - truth) <= 1e-6L * fabsl(truth) + 3.0L * (long double)FLT_MIN;
}

/* Relative to its own size, however small: where the model is sure and right, that is all there is. */
START_TEST(binary_cross_entropy_is_right_from_tiny_to_huge)
{
    static const float h[] = { 0, 1e-20f, 0.5f, -1, 7, -15, 30, -60, 80, -87, 1e4f, -1e4f, 1e30f, -1e30f };
    static const float y[] = { 0, 1, 0.5f, 0.25f, 1e-6f };
    for (size_t i = 0; i < sizeof h / sizeof h[0]; i++)
        for (size_t k = 0; k < sizeof y / sizeof y[0]; k++) {
            const question q = {
                options_of(PRUNE_BINARY_CROSS_ENTROPY), 1, 1, &h[i], NULL, PRUNE_F32, 1, &y[k]
            };
            const long double x = (long double)h[i], t = (long double)y[k];
            const long double truth = t * softplus(-x) + (1.0L - t) * softplus(x);
            const long double slope = (1.0L - t) / (1.0L + expl(-x)) - t / (1.0L + expl(x));
            float loss, g;
            ck_assert_ok(ask(&loss, &g, &q));
            ck_assert_msg(is_near(loss, truth), "h %g y %g: %g", (double)h[i], (double)y[k], (double)loss);
            /* Where s(h) - y cancels, it is known to rounding of y. */
            ck_assert_double_le(fabs((double)g - (double)slope),
                                1e-6 * fabs((double)slope) + (t > 0 && t < 1 ? 2e-7 : 1e-37));
        }
}
END_TEST

/* One-hot rows are labels, also at the ends of float. */
START_TEST(one_hot_rows_give_what_labels_give)
{
    static const float values[] = { 0, 1, -7, 17, 40, -88, 1e4f, -1e4f, 1e30f };
    enum { COUNT = sizeof values / sizeof values[0] };
    for (size_t i = 0; i < COUNT * COUNT * COUNT * 3; i++) {
        const float h[3] = { values[i % COUNT], values[i / COUNT % COUNT],
                             values[i / COUNT / COUNT % COUNT] };
        const int32_t label = (int32_t)(i / COUNT / COUNT / COUNT);
        float row[3] = { 0 }, loss[2], g[2][3];
        row[label] = 1.0f;
        question q = { options_of(PRUNE_SOFTMAX_CROSS_ENTROPY), 1, 3, h, NULL, PRUNE_F32, 3, row };
        ck_assert_ok(ask(&loss[0], g[0], &q));
        q.target_type = PRUNE_I32, q.target_columns = 1, q.targets = &label;
        ck_assert_ok(ask(&loss[1], g[1], &q));
        ck_assert(is_near(loss[0], (long double)loss[1]));
        for (size_t o = 0; o < 3; o++)
            ck_assert(is_near(g[0][o], (long double)g[1][o]));
    }
}
END_TEST

START_TEST(smoothing_at_extremes_stays_finite_and_right)
{
    static const float h[3] = { 1e4f, -1e4f, 1e4f }; /* a tie at the top */
    static const int32_t label = 1;
    question q = { options_of(PRUNE_SOFTMAX_CROSS_ENTROPY), 1, 3, h, NULL, PRUNE_I32, 1, &label };
    float loss, g[3];
    q.options.smoothing = 0.25f;
    ck_assert_ok(ask(&loss, g, &q));
    const double middle = 0.75 + 0.25 / 3;
    ck_assert_double_eq_tol((double)loss, log(2.0) + middle * 2e4, 1e-6 * 2e4);
    ck_assert_double_eq_tol((double)g[0], 0.5 - 0.25 / 3, 1e-6);
    ck_assert_double_eq_tol((double)g[1], -middle, 1e-6);
    ck_assert_double_eq_tol((double)g[2], 0.5 - 0.25 / 3, 1e-6);
}
END_TEST

START_TEST(absolute_and_huber_errors_by_hand)
{
    static const float h[4] = { 1, 5, -3, 2 }, y[4] = { 1, 2, -1, 2.5f };
    question q = { options_of(PRUNE_MAE), 2, 2, h, NULL, PRUNE_F32, 2, y };
    float loss, g[4];
    ck_assert_ok(ask(&loss, g, &q));
    ck_assert(loss == (0 + 3 + 2 + 0.5f) / 2 && g[0] == 0 && g[1] == 0.5f && g[2] == -0.5f && g[3] == -0.5f);
    q.options = options_of(PRUNE_HUBER);
    q.options.delta = 2; /* 2 is still squared */
    ck_assert_ok(ask(&loss, g, &q));
    ck_assert(loss == (0 + 2 * (3 - 1.0f) + 2 + 0.125f) / 2);
    ck_assert(g[0] == 0 && g[1] == 1 && g[2] == -1 && g[3] == -0.25f);
    q.options.mean_over_outputs = 1;
    ck_assert_ok(ask(&loss, g, &q));
    ck_assert(loss == (0 + 2 * (3 - 1.0f) + 2 + 0.125f) / 4 && g[1] == 0.5f);
}
END_TEST

START_TEST(outputs_that_are_not_finite_give_such_a_loss)
{
    static const float bad[] = { NAN, INFINITY, -INFINITY };
    for (size_t i = 0; i < sizeof losses_cases / sizeof losses_cases[0]; i++)
        for (size_t k = 0; k < OUTPUTS * 3; k++) {
            question q = question_of(&losses_cases[i]);
            float h[ALL], loss;
            memcpy(h, q.h, sizeof h);
            h[k / 3] = bad[k % 3];
            q.h = h;
            ck_assert_ok(ask(&loss, NULL, &q));
            ck_assert_msg(!isfinite(loss), "case %d: %g", (int)i, (double)loss);
        }
}
END_TEST

START_TEST(the_gradient_may_overwrite_the_outputs)
{
    for (size_t i = 0; i < sizeof losses_cases / sizeof losses_cases[0]; i++) {
        const question q = question_of(&losses_cases[i]);
        float loss, same, g[ALL], both[ALL];
        memcpy(both, q.h, sizeof both);
        ck_assert_ok(ask(&loss, g, &q));
        question over = q;
        over.h = both;
        ck_assert_ok(ask(&same, both, &over));
        ck_assert(loss == same);
        ck_assert_mem_eq(g, both, sizeof g);
    }
}
END_TEST

/* ---- weights ---- */

/* Weights 2 and 3 are two and three equal samples; 0 is none, whatever its outputs are. */
START_TEST(a_weight_is_so_many_equal_samples)
{
    static const float weights[ROWS] = { 2, 0, 3, 1, 1 };
    static const size_t repeated[] = { 0, 0, 2, 2, 2, 3, 4 };
    enum { MANY = 7 };
    for (size_t i = 0; i < sizeof losses_cases / sizeof losses_cases[0]; i++) {
        question q = question_of(&losses_cases[i]), many = q;
        float h[ALL], more_h[MANY * OUTPUTS], loss, more, g[ALL], more_g[MANY * OUTPUTS];
        unsigned char targets[MANY * OUTPUTS * 4];
        const size_t bytes = q.target_columns * 4;
        memcpy(h, q.h, sizeof h);
        h[OUTPUTS] = NAN; /* of the second sample */
        q.h = h;
        q.weights = weights;
        for (size_t r = 0; r < MANY; r++) {
            memcpy(more_h + r * OUTPUTS, h + repeated[r] * OUTPUTS, OUTPUTS * sizeof *h);
            memcpy(targets + r * bytes, (const char *)q.targets + repeated[r] * bytes, bytes);
        }
        many.rows = MANY, many.h = more_h, many.targets = targets, many.weights = NULL;
        ck_assert_ok(ask(&loss, g, &q));
        ck_assert_ok(ask(&more, more_g, &many));
        ck_assert_double_eq_tol((double)loss, (double)more, 1e-6 * fabs((double)more));
        for (size_t o = 0; o < OUTPUTS; o++) {
            ck_assert_double_eq_tol((double)g[o], 2.0 * (double)more_g[o], 1e-6);
            ck_assert(g[OUTPUTS + o] == 0.0f);
            ck_assert_double_eq_tol((double)g[2 * OUTPUTS + o], 3.0 * (double)more_g[2 * OUTPUTS + o], 1e-6);
        }
    }
}
END_TEST

START_TEST(where_nothing_counts_all_is_0)
{
    static const float zeros[ROWS] = { 0 };
    for (size_t i = 0; i < sizeof losses_cases / sizeof losses_cases[0]; i++) {
        question q = question_of(&losses_cases[i]);
        float loss, g[ALL];
        q.weights = zeros;
        ck_assert_ok(ask(&loss, g, &q));
        ck_assert(loss == 0.0f);
        for (size_t k = 0; k < ALL; k++)
            ck_assert(g[k] == 0.0f);
    }
}
END_TEST

START_TEST(bad_weights_are_refused)
{
    const struct {
        float weight;
        prune_status status;
    } cases[] = { { NAN, PRUNE_E_NONFINITE }, { INFINITY, PRUNE_E_NONFINITE },
                  { -1e-30f, PRUNE_E_RANGE }, { 1.01e12f, PRUNE_E_RANGE },
                  { 1e12f, PRUNE_OK },        { 1e-40f, PRUNE_OK } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        question q = question_of(&losses_cases[0]);
        float weights[ROWS] = { 1, 1, 1, cases[i].weight, 1 }, loss = 7, g[ALL];
        q.weights = weights;
        ck_assert_status(ask(&loss, g, &q), cases[i].status);
        ck_assert_int_eq(loss == 7, cases[i].status != PRUNE_OK);
        weights[0] = weights[1] = weights[2] = weights[4] = cases[i].weight;
        ck_assert_status(ask(&loss, g, &q), cases[i].status);
        ck_assert(isfinite(loss));
    }
}
END_TEST

/* ---- options and targets ---- */

START_TEST(options_without_sense_are_refused)
{
    static const float bad[] = { 1, NAN, 1, 1, 1, -1, 1, 1, 1, 2e12f, 1, 1 };
    const prune_loss_options cases[] = {
        { .kind = 0, .delta = 1 },
        { .kind = PRUNE_LOSS_OWN + 1, .delta = 1 },
        { .kind = PRUNE_LOSS_OWN, .delta = 1 }, /* no function */
        { .kind = PRUNE_MSE, .delta = 1, .smoothing = 0.1f },
        { .kind = PRUNE_NLL, .delta = 1, .smoothing = 0.1f },
        { .kind = PRUNE_SOFTMAX_CROSS_ENTROPY, .delta = 1, .mean_over_outputs = 1 },
        { .kind = PRUNE_MSE, .delta = 1, .mean_over_outputs = 2 },
        { .kind = PRUNE_HUBER, .delta = 1, .class_weights = losses_classes, .class_count = OUTPUTS },
        { .kind = PRUNE_SOFTMAX_CROSS_ENTROPY, .delta = 1, .class_count = OUTPUTS },
        { .kind = PRUNE_HUBER, .delta = 0 },
        { .kind = PRUNE_HUBER, .delta = INFINITY },
        { .kind = PRUNE_HUBER, .delta = NAN },
        { .kind = PRUNE_SOFTMAX_CROSS_ENTROPY, .delta = 1, .smoothing = 1 },
        { .kind = PRUNE_SOFTMAX_CROSS_ENTROPY, .delta = 1, .smoothing = NAN },
        { .kind = PRUNE_SOFTMAX_CROSS_ENTROPY, .delta = 1, .class_weights = bad + 8, .class_count = OUTPUTS },
        { .kind = PRUNE_NLL, .delta = 1, .class_weights = bad + 4, .class_count = OUTPUTS },
        { .kind = PRUNE_NLL, .delta = 1, .class_weights = bad, .class_count = OUTPUTS },
        { .kind = PRUNE_NLL, .delta = 1, .class_weights = losses_classes, .class_count = OUTPUTS - 1 },
    };
    static const prune_status expected[] = {
        PRUNE_E_ARGUMENT, PRUNE_E_ARGUMENT,  PRUNE_E_ARGUMENT, PRUNE_E_ARGUMENT, PRUNE_E_ARGUMENT,
        PRUNE_E_ARGUMENT, PRUNE_E_ARGUMENT,  PRUNE_E_ARGUMENT, PRUNE_E_ARGUMENT, PRUNE_E_RANGE,
        PRUNE_E_RANGE,    PRUNE_E_RANGE,     PRUNE_E_RANGE,    PRUNE_E_RANGE,    PRUNE_E_RANGE,
        PRUNE_E_RANGE,    PRUNE_E_NONFINITE, PRUNE_E_SHAPE,
    };
    static const size_t widths[] = { 3, OUTPUTS };
    prune_model *model = world_model(NULL, widths, 1, PRUNE_RELU, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        question q = question_of(&losses_cases[0]);
        prune_trainer_options options;
        prune_trainer *trainer;
        prune_error error = { 0 };
        float loss = 7;
        q.options = cases[i];
        q.options.size = sizeof q.options;
        ck_assert_status(ask(&loss, NULL, &q), expected[i]);
        prune_trainer_options_init(&options);
        options.loss_options = &q.options;
        ck_assert_status(prune_trainer_create(&trainer, NULL, model, &options, &error), expected[i]);
        ck_assert(loss == 7 && strlen(error.place) > 0 && strlen(error.reason) > 0);
    }
    question newer = question_of(&losses_cases[0]);
    float loss;
    newer.options.size++;
    ck_assert_status(ask(&loss, NULL, &newer), PRUNE_E_VERSION);
    prune_model_free(model);
}
END_TEST

START_TEST(targets_out_of_their_range_are_refused)
{
    static const struct {
        int32_t kind;
        float y;
        prune_status status;
    } cases[] = { { PRUNE_BINARY_CROSS_ENTROPY, -1e-7f, PRUNE_E_RANGE },
                  { PRUNE_BINARY_CROSS_ENTROPY, 1.0000001f, PRUNE_E_RANGE },
                  { PRUNE_BINARY_CROSS_ENTROPY, 1, PRUNE_OK },
                  { PRUNE_SOFTMAX_CROSS_ENTROPY, -1e-7f, PRUNE_E_RANGE },
                  { PRUNE_SOFTMAX_CROSS_ENTROPY, 3, PRUNE_OK },
                  { PRUNE_NLL, 0, PRUNE_E_TYPE },
                  { PRUNE_MAE, -3, PRUNE_OK } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t k = 0; k < ALL; k++) {
            float y[ALL] = { 0 }, loss;
            y[k] = cases[i].y;
            const question q = {
                options_of(cases[i].kind), ROWS, OUTPUTS, losses_h, NULL, PRUNE_F32, OUTPUTS, y
            };
            ck_assert_status(ask(&loss, NULL, &q), cases[i].status);
        }
}
END_TEST

/* ---- an own loss ---- */

typedef struct own_state {
    size_t calls, fail_call, rows, forget;
} own_state;

/* The squared error, once more. */
static prune_status own_square(void *user, float *losses, prune_tensor *gradient, const prune_tensor *outputs,
                               const prune_tensor *targets)
{
    own_state *state = user;
    const size_t rows = prune_tensor_dim(outputs, 0), columns = prune_tensor_dim(outputs, 1);
    const float *h = prune_tensor_data(outputs), *y = prune_tensor_data(targets);
    float *g = prune_tensor_data_mut(gradient);
    state->rows += rows;
    if (++state->calls == state->fail_call)
        return -777;
    for (size_t r = 0; r < rows; r++) {
        float sum = 0.0f;
        for (size_t o = 0; o < columns; o++) {
            const float d = h[r * prune_tensor_ld(outputs) + o] - y[r * prune_tensor_ld(targets) + o];
            sum += d * d;
            if (g != NULL)
                g[r * prune_tensor_ld(gradient) + o] = d;
        }
        if (state->rows - rows + r + 1 != state->forget)
            losses[r] = 0.5f * sum;
    }
    return PRUNE_OK;
}

enum { MANY = 150 };

static question own_question(own_state *state, float h[MANY * 2], float y[MANY * 2], float weights[MANY])
{
    uint64_t seed = 3;
    for (size_t i = 0; i < MANY * 2; i++) {
        h[i] = (float)ref_uniform(&seed, -2.0, 2.0);
        y[i] = (float)ref_uniform(&seed, -2.0, 2.0);
        weights[i / 2] = (float)(i % 5);
    }
    question q = { options_of(PRUNE_LOSS_OWN), MANY, 2, h, weights, PRUNE_F32, 2, y };
    q.options.own = own_square;
    q.options.user = state;
    return q;
}

START_TEST(an_own_loss_is_weighed_like_any_other)
{
    float h[MANY * 2], y[MANY * 2], weights[MANY], loss, mse, g[MANY * 2], mse_g[MANY * 2];
    own_state state = { 0 };
    question q = own_question(&state, h, y, weights);
    for (size_t turn = 0; turn < 2; turn++) {
        question plain = q;
        plain.options = options_of(PRUNE_MSE);
        ck_assert_ok(ask(&loss, g, &q));
        ck_assert_ok(ask(&mse, mse_g, &plain));
        ck_assert(loss == mse);
        for (size_t i = 0; i < MANY * 2; i++)
            ck_assert_double_eq_tol((double)g[i], (double)mse_g[i], 1e-9);
        q.weights = NULL;
    }
    ck_assert_uint_eq(state.rows, 2 * MANY);
}
END_TEST

START_TEST(what_an_own_loss_returns_is_returned)
{
    float h[MANY * 2], y[MANY * 2], weights[MANY], loss = 7, g[MANY * 2];
    for (size_t call = 1; call <= 3; call++) {
        own_state state = { .fail_call = call };
        const question q = own_question(&state, h, y, weights);
        ck_assert_status(ask(&loss, g, &q), -777);
        ck_assert(loss == 7);
        ck_assert_uint_eq(state.calls, call);
    }
    own_state state = { .forget = 70 };
    question q = own_question(&state, h, y, weights);
    q.weights = NULL;
    ck_assert_ok(ask(&loss, g, &q));
    ck_assert(isnan(loss));
    ck_assert_status(ask(&loss, h, &q), PRUNE_E_ARGUMENT); /* no room for both */
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        each_loss_with_each_option_is_that_of_pytorch,
        binary_cross_entropy_is_right_from_tiny_to_huge,
        one_hot_rows_give_what_labels_give,
        smoothing_at_extremes_stays_finite_and_right,
        absolute_and_huber_errors_by_hand,
        outputs_that_are_not_finite_give_such_a_loss,
        the_gradient_may_overwrite_the_outputs,
        a_weight_is_so_many_equal_samples,
        where_nothing_counts_all_is_0,
        bad_weights_are_refused,
        options_without_sense_are_refused,
        targets_out_of_their_range_are_refused,
        an_own_loss_is_weighed_like_any_other,
        what_an_own_loss_returns_is_returned,
    };
    return run_tests("losses", tests, sizeof tests / sizeof tests[0]);
}
