/* loss_test.c -- mean squared error, cross-entropy of labels: values, gradients, extremes, refusals
 *
 * SPDX-License-Identifier: MIT */
#include "support/reference.h"
#include "support/runner.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <string.h>

enum { ROOM = REF_BATCH * REF_WIDTH };

static prune_tensor *matrix(int32_t dtype, size_t rows, size_t columns, void *data)
{
    prune_tensor *tensor;
    ck_assert_ok(prune_tensor_matrix(&tensor, NULL, dtype, rows, columns, data));
    return tensor;
}

/* The library's loss and gradient of h[task->n][outputs]. */
static void loss_of(float *loss, float *g, const float *h, const ref_task *task, size_t outputs)
{
    const int32_t has_labels = task->loss == PRUNE_SOFTMAX_CROSS_ENTROPY;
    float y[ROOM], copy[ROOM];
    int32_t label[REF_BATCH];
    for (size_t i = 0; i < task->n * outputs; i++)
        y[i] = (float)task->y[i];
    memcpy(copy, h, task->n * outputs * sizeof *h);
    memcpy(label, task->label, sizeof label);
    prune_tensor *h_tensor = matrix(PRUNE_F32, task->n, outputs, copy);
    prune_tensor *g_tensor = matrix(PRUNE_F32, task->n, outputs, g);
    prune_tensor *targets =
        has_labels ? matrix(PRUNE_I32, task->n, 1, label) : matrix(PRUNE_F32, task->n, outputs, y);
    float alone;
    ck_assert_ok(prune_loss(loss, g_tensor, task->loss, h_tensor, targets));
    ck_assert_ok(prune_loss(&alone, NULL, task->loss, h_tensor, targets));
    ck_assert_mem_eq(&alone, loss, sizeof alone);
    prune_tensor_free(h_tensor);
    prune_tensor_free(g_tensor);
    prune_tensor_free(targets);
}

/* ---- against the definition ---- */

static void output_differences(double *g, const ref_task *task, double *h, size_t outputs)
{
    static const double eps = 1e-5;
    for (size_t i = 0; i < task->n * outputs; i++) {
        const double middle = h[i];
        h[i] = middle + eps;
        const double above = ref_output_loss(task, h, outputs);
        h[i] = middle - eps;
        const double below = ref_output_loss(task, h, outputs);
        h[i] = middle;
        g[i] = (above - below) / (2.0 * eps);
    }
}

static void check_random(int32_t kind, size_t n, size_t outputs)
{
    ref_task task = { .loss = kind, .n = n };
    double h[ROOM], differences[ROOM];
    float h_float[ROOM], g[ROOM], loss;
    uint64_t state = n * 100 + outputs;
    for (size_t i = 0; i < n * outputs; i++) {
        h_float[i] = (float)ref_uniform(&state, -4.0, 4.0);
        h[i] = (double)h_float[i];
        task.y[i] = (double)(float)ref_uniform(&state, -4.0, 4.0);
    }
    for (size_t s = 0; s < n; s++)
        task.label[s] = (int32_t)ref_uniform(&state, 0.0, (double)outputs);
    loss_of(&loss, g, h_float, &task, outputs);
    output_differences(differences, &task, h, outputs);
    const double truth = ref_output_loss(&task, h, outputs);
    ck_assert_double_eq_tol((double)loss, truth, 1e-6 * truth);
    for (size_t i = 0; i < n * outputs; i++)
        ck_assert_double_eq_tol((double)g[i], differences[i], 1e-6 * ref_largest(differences, n * outputs));
}

START_TEST(losses_and_gradients_agree_with_the_reference)
{
    static const size_t sizes[] = { 1, 2, 3, 10, 23 };
    for (int32_t kind = PRUNE_MSE; kind <= PRUNE_SOFTMAX_CROSS_ENTROPY; kind++)
        for (size_t n = 0; n < 5; n++)
            for (size_t o = kind == PRUNE_MSE ? 0 : 1; o < 5; o++)
                check_random(kind, sizes[n], sizes[o]);
}
END_TEST

/* Powers of two, so that nothing rounds: 1/(2n) of the sum over samples and outputs, (h - y) / n. */
START_TEST(squared_error_has_exactly_the_factor_1_2n)
{
    static const float h[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    const ref_task task = { .loss = PRUNE_MSE, .n = 4, .y = { 0, 4, 3, 0, 4, 8, 7, 10 } };
    static const float gradient[] = { 0.25f, -0.5f, 0, 1, 0.25f, -0.5f, 0, -0.5f };
    float loss, g[8];
    loss_of(&loss, g, h, &task, 2);
    ck_assert(loss == (1.0f + 4 + 0 + 16 + 1 + 4 + 0 + 4) / 8);
    for (size_t i = 0; i < 8; i++)
        ck_assert(g[i] == gradient[i]);
}
END_TEST

/* Samples of one output are looked at together; with weights, be they 1, one by one. */
START_TEST(a_column_has_the_bits_of_its_samples_one_by_one)
{
    enum { MOST = 70 };
    float h[MOST], y[MOST], ones[MOST], g[2][MOST], loss[2];
    prune_rng rng;
    prune_loss_options options;
    prune_rng_seed(&rng, 1);
    prune_loss_options_init(&options);
    options.kind = PRUNE_MSE;
    for (size_t i = 0; i < MOST; i++)
        h[i] = prune_rng_uniform(&rng), y[i] = 1000.0f * prune_rng_uniform(&rng), ones[i] = 1.0f;
    for (size_t n = 1; n <= MOST; n++) {
        prune_tensor *weights[2] = { NULL, matrix(PRUNE_F32, n, 1, ones) };
        prune_tensor *outputs = matrix(PRUNE_F32, n, 1, h), *targets = matrix(PRUNE_F32, n, 1, y);
        for (size_t i = 0; i < 2; i++) {
            prune_tensor *gradient = matrix(PRUNE_F32, n, 1, g[i]);
            ck_assert_ok(prune_loss_with(&loss[i], gradient, &options, outputs, targets, weights[i]));
            prune_tensor_free(gradient);
        }
        ck_assert_mem_eq(&loss[0], &loss[1], sizeof loss[0]);
        ck_assert_mem_eq(g[0], g[1], n * sizeof g[0][0]);
        prune_tensor_free(weights[1]);
        prune_tensor_free(outputs);
        prune_tensor_free(targets);
    }
}
END_TEST

START_TEST(cross_entropy_of_equal_outputs_is_log_of_their_number)
{
    static const float h[8] = { 2.5f, 2.5f, 2.5f, 2.5f, -1, -1, -1, -1 };
    const ref_task task = { .loss = PRUNE_SOFTMAX_CROSS_ENTROPY, .n = 2, .label = { 3, 0 } };
    float loss, g[8];
    loss_of(&loss, g, h, &task, 4);
    ck_assert_double_eq_tol((double)loss, log(4.0), 1e-7 * log(4.0));
    for (size_t i = 0; i < 8; i++)
        ck_assert(g[i] == (i == 3 || i == 4 ? -0.375f : 0.125f));
}
END_TEST

START_TEST(one_class_costs_nothing)
{
    static const float h[3] = { 0, -1e30f, 1e30f };
    const ref_task task = { .loss = PRUNE_SOFTMAX_CROSS_ENTROPY, .n = 3 };
    float loss, g[3] = { 9, 9, 9 };
    loss_of(&loss, g, h, &task, 1);
    ck_assert(loss == 0.0f && g[0] == 0.0f && g[1] == 0.0f && g[2] == 0.0f);
}
END_TEST

/* ---- extremes ---- */

/* One sample. log(1 + sum over the others of exp(h_j - h_y)) where the label is the largest, so that the
 * truth keeps its digits when the others hardly count. */
static long double true_cross_entropy(const float *h, size_t outputs, size_t label)
{
    size_t top = label;
    for (size_t o = 0; o < outputs; o++)
        top = h[o] > h[top] ? o : top;
    long double rest = 0.0L;
    for (size_t o = 0; o < outputs; o++)
        rest += o == top ? 0.0L : expl((long double)h[o] - (long double)h[top]);
    return log1pl(rest) + ((long double)h[top] - (long double)h[label]);
}

static long double true_softmax(const float *h, size_t outputs, size_t o, size_t label)
{
    long double rest = 0.0L; /* the sum of the others, over h_o's own term: p = 1 / (1 + rest) */
    for (size_t i = 0; i < outputs; i++)
        rest += i == o ? 0.0L : expl((long double)h[i] - (long double)h[o]);
    if (o != label)
        return 1.0L / (1.0L + rest);
    return rest > LDBL_MAX ? -1.0L : -rest / (1.0L + rest);
}

static int32_t is_near(float got, long double truth, long double tolerance)
{
    /* Terms below the normal numbers may become 0; there are three. */
    return fabsl((long double)got - truth) <= tolerance * fabsl(truth) + 3.0L * (long double)FLT_MIN;
}

static void check_extreme(const float h[3], int32_t label)
{
    ref_task task = { .loss = PRUNE_SOFTMAX_CROSS_ENTROPY, .n = 1, .label = { label } };
    float loss, g[3];
    loss_of(&loss, g, h, &task, 3);
    int32_t good = is_near(loss, true_cross_entropy(h, 3, (size_t)label), 1e-6L);
    for (size_t o = 0; o < 3; o++)
        good = good && is_near(g[o], true_softmax(h, 3, o, (size_t)label), 1e-6L);
    ck_assert_msg(good, "h %g %g %g label %d: loss %.9g, gradient %.9g %.9g %.9g", (double)h[0], (double)h[1],
                  (double)h[2], (int)label, (double)loss, (double)g[0], (double)g[1], (double)g[2]);
}

/* Exact to rounding also where the model is sure: the loss is then tiny, and so is each gradient. */
START_TEST(cross_entropy_is_right_from_tiny_to_huge)
{
    static const float values[] = {
        0, 1, -1, 3.5f, -7, 17, -25, 40, 80, -88, 200, -1000, 1e6f, 1e30f, -1e30f
    };
    enum { COUNT = sizeof values / sizeof values[0] };
    for (size_t i = 0; i < COUNT * COUNT * COUNT; i++) {
        const float h[3] = { values[i % COUNT], values[i / COUNT % COUNT], values[i / COUNT / COUNT] };
        for (int32_t label = 0; label < 3; label++)
            check_extreme(h, label);
    }
}
END_TEST

START_TEST(squared_error_is_right_from_tiny_to_huge)
{
    static const float values[] = { 0, 1, -3, 1e-15f, 1e-6f, 4096, 1e15f, -1e18f };
    for (size_t i = 0; i < 64; i++) {
        const double h = (double)values[i / 8], y = (double)values[i % 8];
        const ref_task task = { .loss = PRUNE_MSE, .n = 1, .y = { y } };
        float loss, g;
        loss_of(&loss, &g, &values[i / 8], &task, 1);
        ck_assert_double_le(fabs((double)loss - 0.5 * (h - y) * (h - y)), 2e-7 * (h - y) * (h - y));
        ck_assert_double_le(fabs((double)g - (h - y)), 1e-7 * fabs(h - y));
    }
}
END_TEST

START_TEST(outputs_that_are_not_finite_give_such_a_loss)
{
    static const float bad[] = { NAN, INFINITY, -INFINITY };
    for (size_t i = 0; i < 3 * 3 * 3 * 2; i++) {
        ref_task task = { .loss = i % 2 ? PRUNE_MSE : PRUNE_SOFTMAX_CROSS_ENTROPY, .n = 1 };
        float h[3] = { 1, 2, 3 }, loss, g[3];
        h[i / 2 % 3] = bad[i / 6 % 3];
        task.label[0] = (int32_t)(i / 18 % 3);
        loss_of(&loss, g, h, &task, 3);
        ck_assert(!isfinite(loss));
    }
}
END_TEST

/* 100 000 samples: a plain float sum would be off by far more. */
START_TEST(many_samples_do_not_wear_the_mean_down)
{
    enum { MANY = 100000 };
    static float h[MANY], y[MANY];
    uint64_t state = 5;
    double sum = 0.0;
    for (size_t i = 0; i < MANY; i++) {
        h[i] = (float)ref_uniform(&state, 0.0, 1.0);
        sum += (double)h[i] * (double)h[i];
    }
    prune_tensor *outputs = matrix(PRUNE_F32, MANY, 1, h), *targets = matrix(PRUNE_F32, MANY, 1, y);
    float loss;
    ck_assert_ok(prune_loss(&loss, NULL, PRUNE_MSE, outputs, targets));
    ck_assert_double_eq_tol((double)loss, sum / (2.0 * MANY), 3e-7 * sum / (2.0 * MANY));
    prune_tensor_free(outputs);
    prune_tensor_free(targets);
}
END_TEST

/* ---- layouts ---- */

/* Columns of wider matrices: what lies between the rows is neither read nor written. */
START_TEST(leading_dimensions_are_honoured)
{
    float h[] = { 1, 2, NAN, NAN, 3, 4, NAN, NAN }, y[] = { 0, 4, NAN, 3, 0, NAN };
    float g[] = { 9, 9, 7, 9, 9, 7 }, loss;
    const prune_shape shape = { 2, { 2, 2, 0, 0 } };
    prune_tensor *outputs, *targets, *gradient;
    ck_assert_ok(prune_tensor_wrap(&outputs, NULL, PRUNE_F32, &shape, 4, h));
    ck_assert_ok(prune_tensor_wrap(&targets, NULL, PRUNE_F32, &shape, 3, y));
    ck_assert_ok(prune_tensor_wrap(&gradient, NULL, PRUNE_F32, &shape, 3, g));
    ck_assert_ok(prune_loss(&loss, gradient, PRUNE_MSE, outputs, targets));
    ck_assert(loss == (1.0f + 4 + 0 + 16) / 4);
    ck_assert(g[0] == 0.5f && g[1] == -1 && g[2] == 7 && g[3] == 0 && g[4] == 2 && g[5] == 7);
    prune_tensor_free(outputs);
    prune_tensor_free(targets);
    prune_tensor_free(gradient);
}
END_TEST

START_TEST(labels_may_be_a_vector_or_a_column)
{
    static float h[] = { 1, 2, 3, 4 };
    static int32_t label[] = { 0, -5, 1, 99 };
    const prune_shape vector = { 1, { 2, 0, 0, 0 } }, column = { 2, { 2, 1, 0, 0 } };
    float packed_loss, strided_loss;
    prune_tensor *outputs = matrix(PRUNE_F32, 2, 2, h), *strided, *packed;
    ck_assert_ok(prune_tensor_wrap(&strided, NULL, PRUNE_I32, &column, 2, label));
    ck_assert_ok(prune_loss(&strided_loss, NULL, PRUNE_SOFTMAX_CROSS_ENTROPY, outputs, strided));
    label[1] = 1;
    ck_assert_ok(prune_tensor_wrap(&packed, NULL, PRUNE_I32, &vector, 0, label));
    ck_assert_ok(prune_loss(&packed_loss, NULL, PRUNE_SOFTMAX_CROSS_ENTROPY, outputs, packed));
    ck_assert(packed_loss == strided_loss);
    prune_tensor_free(outputs);
    prune_tensor_free(strided);
    prune_tensor_free(packed);
}
END_TEST

/* ---- refusals ---- */

typedef struct call {
    prune_tensor *outputs, *gradient, *targets;
    int32_t kind;
    float h[6], g[6], y[6];
    int32_t label[6];
} call;

static void make_call(call *c, int32_t kind)
{
    *c = (call){ .kind = kind, .h = { 1, 2, 3, 4, 5, 6 }, .g = { 7, 7, 7, 7, 7, 7 }, .label = { 2, 0 } };
    c->outputs = matrix(PRUNE_F32, 2, 3, c->h);
    c->gradient = matrix(PRUNE_F32, 2, 3, c->g);
    c->targets = kind == PRUNE_MSE ? matrix(PRUNE_F32, 2, 3, c->y) : matrix(PRUNE_I32, 2, 1, c->label);
}

/* The call must give `expected` and write nothing. Ends it. */
static void refuse(call *c, prune_status expected)
{
    float loss = 123.0f;
    ck_assert_status(prune_loss(&loss, c->gradient, c->kind, c->outputs, c->targets), expected);
    ck_assert(loss == 123.0f);
    for (size_t i = 0; i < 6; i++)
        ck_assert(c->g[i] == 7.0f);
    prune_tensor_free(c->outputs);
    prune_tensor_free(c->gradient);
    prune_tensor_free(c->targets);
}

static void replace(prune_tensor **tensor, int32_t dtype, size_t rows, size_t columns, void *data)
{
    prune_tensor_free(*tensor);
    *tensor = matrix(dtype, rows, columns, data);
}

START_TEST(labels_out_of_range_are_refused)
{
    static const int32_t bad[] = { -1, 3, 4, INT32_MIN, INT32_MAX };
    for (size_t i = 0; i < 10; i++) {
        call c;
        make_call(&c, PRUNE_SOFTMAX_CROSS_ENTROPY);
        c.label[i % 2] = bad[i / 2];
        refuse(&c, PRUNE_E_LABEL);
    }
}
END_TEST

START_TEST(targets_that_are_not_finite_are_refused)
{
    static const float bad[] = { NAN, INFINITY, -INFINITY };
    for (size_t i = 0; i < 18; i++) {
        call c;
        make_call(&c, PRUNE_MSE);
        c.y[i % 6] = bad[i / 6];
        refuse(&c, PRUNE_E_NONFINITE);
    }
}
END_TEST

START_TEST(shapes_that_do_not_fit_are_refused)
{
    static const size_t shapes[][2] = { { 1, 3 }, { 2, 2 }, { 3, 2 }, { 1, 6 }, { 6, 1 } };
    for (size_t i = 0; i < 5; i++) {
        call c;
        make_call(&c, PRUNE_MSE);
        replace(&c.targets, PRUNE_F32, shapes[i][0], shapes[i][1], c.y);
        refuse(&c, PRUNE_E_SHAPE);
        make_call(&c, PRUNE_MSE);
        replace(&c.gradient, PRUNE_F32, shapes[i][0], shapes[i][1], c.g);
        refuse(&c, PRUNE_E_SHAPE);
        make_call(&c, PRUNE_SOFTMAX_CROSS_ENTROPY);
        replace(&c.targets, PRUNE_I32, shapes[i][0], shapes[i][1], c.label);
        refuse(&c, PRUNE_E_SHAPE);
    }
}
END_TEST

START_TEST(types_that_do_not_fit_are_refused)
{
    call c;
    make_call(&c, PRUNE_MSE);
    replace(&c.targets, PRUNE_I32, 2, 3, c.label);
    refuse(&c, PRUNE_E_TYPE);
    make_call(&c, PRUNE_SOFTMAX_CROSS_ENTROPY);
    replace(&c.targets, PRUNE_F32, 2, 1, c.y);
    refuse(&c, PRUNE_E_SHAPE);
    for (int32_t kind = PRUNE_MSE; kind <= PRUNE_SOFTMAX_CROSS_ENTROPY; kind++) {
        make_call(&c, kind);
        replace(&c.outputs, PRUNE_I32, 2, 3, c.h);
        refuse(&c, PRUNE_E_TYPE);
        make_call(&c, kind);
        replace(&c.gradient, PRUNE_F16, 2, 3, c.g);
        refuse(&c, PRUNE_E_TYPE);
    }
}
END_TEST

START_TEST(a_gradient_that_is_read_only_is_refused)
{
    call c;
    make_call(&c, PRUNE_MSE);
    prune_tensor_free(c.gradient);
    ck_assert_ok(prune_tensor_const_matrix(&c.gradient, NULL, PRUNE_F32, 2, 3, c.g));
    refuse(&c, PRUNE_E_READONLY);
}
END_TEST

START_TEST(kinds_that_do_not_exist_and_null_are_refused)
{
    static const int32_t unknown[] = { 0, PRUNE_LOSS_OWN + 1, -1, INT32_MAX, INT32_MIN, PRUNE_LOSS_OWN };
    call c;
    for (size_t i = 0; i < 6; i++) {
        make_call(&c, PRUNE_MSE);
        c.kind = unknown[i];
        refuse(&c, PRUNE_E_ARGUMENT);
    }
    float loss;
    make_call(&c, PRUNE_MSE);
    ck_assert_status(prune_loss(NULL, c.gradient, PRUNE_MSE, c.outputs, c.targets), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_loss(&loss, c.gradient, PRUNE_MSE, NULL, c.targets), PRUNE_E_ARGUMENT);
    prune_tensor_free(c.targets);
    c.targets = NULL;
    refuse(&c, PRUNE_E_ARGUMENT);
}
END_TEST

START_TEST(the_gradient_may_overwrite_the_outputs)
{
    const float values[] = { 1.5f, -2.0f, 0.25f, 3.0f, 0.5f, -1.0f };
    const int32_t labels[] = { 1, 0 };
    float apart[6], within[6], gradient[6], loss, same;
    prune_tensor *h, *g, *both, *y;
    memcpy(apart, values, sizeof values);
    memcpy(within, values, sizeof values);
    ck_assert_ok(prune_tensor_matrix(&h, NULL, PRUNE_F32, 2, 3, apart));
    ck_assert_ok(prune_tensor_matrix(&g, NULL, PRUNE_F32, 2, 3, gradient));
    ck_assert_ok(prune_tensor_matrix(&both, NULL, PRUNE_F32, 2, 3, within));
    ck_assert_ok(prune_tensor_const_matrix(&y, NULL, PRUNE_I32, 2, 1, labels));
    ck_assert_ok(prune_loss(&loss, g, PRUNE_SOFTMAX_CROSS_ENTROPY, h, y));
    ck_assert_ok(prune_loss(&same, both, PRUNE_SOFTMAX_CROSS_ENTROPY, both, y));
    ck_assert(loss == same);
    ck_assert_mem_eq(within, gradient, sizeof within);
    prune_tensor *const tensors[] = { h, g, both, y };
    for (size_t i = 0; i < 4; i++)
        prune_tensor_free(tensors[i]);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_gradient_may_overwrite_the_outputs,
        losses_and_gradients_agree_with_the_reference,
        squared_error_has_exactly_the_factor_1_2n,
        a_column_has_the_bits_of_its_samples_one_by_one,
        cross_entropy_of_equal_outputs_is_log_of_their_number,
        one_class_costs_nothing,
        cross_entropy_is_right_from_tiny_to_huge,
        squared_error_is_right_from_tiny_to_huge,
        outputs_that_are_not_finite_give_such_a_loss,
        many_samples_do_not_wear_the_mean_down,
        leading_dimensions_are_honoured,
        labels_may_be_a_vector_or_a_column,
        labels_out_of_range_are_refused,
        targets_that_are_not_finite_are_refused,
        shapes_that_do_not_fit_are_refused,
        types_that_do_not_fit_are_refused,
        a_gradient_that_is_read_only_is_refused,
        kinds_that_do_not_exist_and_null_are_refused,
    };
    return run_tests("loss", tests, sizeof tests / sizeof tests[0]);
}
