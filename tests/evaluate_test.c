/* evaluate_test.c -- metrics against sums in double over what the model predicts
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/training.h"

#include <math.h>
#include <string.h>

enum { INPUTS = 5, CLASSES = 4, MOST = 700 };

static const size_t widths[] = { INPUTS, 7, CLASSES };

/* Outputs h[samples][CLASSES], through a workspace of an odd size. */
static void predict(float *h, const prune_model *model, const world_data *world)
{
    prune_workspace *workspace;
    prune_tensor *y;
    ck_assert_ok(prune_workspace_create(&workspace, NULL, model, 19, NULL));
    ck_assert_ok(prune_tensor_matrix(&y, NULL, PRUNE_F32, world->samples, CLASSES, h));
    ck_assert_ok(prune_predict(y, model, workspace, world->x_tensor));
    prune_tensor_free(y);
    prune_workspace_free(workspace);
}

static prune_metrics naive_labelled(const float *h, const world_data *world)
{
    prune_metrics m = { .samples = world->samples };
    for (size_t s = 0; s < world->samples; s++) {
        const float *row = h + s * CLASSES;
        const size_t label = (size_t)world->label[s];
        double sum = 0.0;
        int32_t correct = 1;
        for (size_t c = 0; c < CLASSES; c++) {
            sum += exp((double)row[c]);
            correct &= c < label ? row[c] < row[label] : row[c] <= row[label];
        }
        m.loss += (log(sum) - (double)row[label]) / (double)world->samples;
        m.accuracy += (double)correct / (double)world->samples;
    }
    return m;
}

static prune_metrics naive_valued(const float *h, const world_data *world)
{
    prune_metrics m = { .samples = world->samples };
    const double count = (double)(world->samples * CLASSES);
    for (size_t i = 0; i < world->samples * CLASSES; i++) {
        const double error = (double)h[i] - (double)world->y[i];
        m.loss += 0.5 * error * error / (double)world->samples;
        m.mae += fabs(error) / count;
        m.rmse += error * error / count;
    }
    m.rmse = sqrt(m.rmse);
    return m;
}

static const size_t sizes[] = { 1, 2, 255, 256, 257, 511, 513, MOST };

START_TEST(labelled_data_have_loss_and_accuracy)
{
    static float h[MOST * CLASSES];
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        world_data world;
        prune_metrics got;
        world_data_make(&world, sizes[i], INPUTS, CLASSES, i);
        prune_model *model = world_model(NULL, widths, 2, PRUNE_TANH, 3);
        predict(h, model, &world);
        const prune_metrics expected = naive_labelled(h, &world);
        prune_metrics_init(&got);
        ck_assert_ok(prune_evaluate(&got, model, &world.labelled, PRUNE_SOFTMAX_CROSS_ENTROPY, NULL));
        ck_assert_uint_eq(got.size, sizeof got);
        ck_assert_uint_eq(got.samples, sizes[i]);
        ck_assert_double_eq_tol(got.loss, expected.loss, 1e-6);
        ck_assert_double_eq_tol(got.accuracy, expected.accuracy, 1e-12);
        ck_assert(isnan(got.mae) && isnan(got.rmse));
        prune_model_free(model);
        world_data_end(&world);
    }
}
END_TEST

START_TEST(valued_data_have_loss_and_errors)
{
    static float h[MOST * CLASSES];
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        world_data world;
        prune_metrics got;
        world_data_make(&world, sizes[i], INPUTS, CLASSES, i);
        prune_model *model = world_model(NULL, widths, 2, PRUNE_RELU, 3);
        predict(h, model, &world);
        const prune_metrics expected = naive_valued(h, &world);
        prune_metrics_init(&got);
        ck_assert_ok(prune_evaluate(&got, model, &world.valued, PRUNE_MSE, NULL));
        ck_assert_uint_eq(got.samples, sizes[i]);
        ck_assert_double_eq_tol(got.loss, expected.loss, 1e-6);
        ck_assert_double_eq_tol(got.mae, expected.mae, 1e-7); /* float outputs may differ by batch size */
        ck_assert_double_eq_tol(got.rmse, expected.rmse, 1e-7);
        ck_assert(isnan(got.accuracy));
        prune_model_free(model);
        world_data_end(&world);
    }
}
END_TEST

/* One input of 0, so that the outputs are the biases. */
static double accuracy_of(const float *bias, int32_t label)
{
    static const float zero[1];
    const size_t net[] = { 1, CLASSES };
    prune_metrics metrics;
    prune_data data;
    prune_tensor *x, *y;
    prune_model *model = world_model(NULL, net, 1, PRUNE_LINEAR, 1);
    ck_assert_ok(prune_model_set_param(model, 1, bias, CLASSES));
    ck_assert_ok(prune_tensor_const_matrix(&x, NULL, PRUNE_F32, 1, 1, zero));
    ck_assert_ok(prune_tensor_const_matrix(&y, NULL, PRUNE_I32, 1, 1, &label));
    prune_data_init(&data);
    data.inputs = x;
    data.targets = y;
    prune_metrics_init(&metrics);
    ck_assert_ok(prune_evaluate(&metrics, model, &data, PRUNE_SOFTMAX_CROSS_ENTROPY, NULL));
    prune_tensor_free(x);
    prune_tensor_free(y);
    prune_model_free(model);
    return metrics.accuracy;
}

START_TEST(of_equal_outputs_the_first_counts)
{
    const float tied[CLASSES] = { -1, 2, 2, 0 }, all[CLASSES] = { 0 };
    for (int32_t label = 0; label < CLASSES; label++) {
        ck_assert(accuracy_of(tied, label) == (label == 1 ? 1.0 : 0.0));
        ck_assert(accuracy_of(all, label) == (label == 0 ? 1.0 : 0.0));
    }
}
END_TEST

START_TEST(large_outputs_do_not_overflow)
{
    const float far[CLASSES] = { -3000, 3000, 0, 1 };
    ck_assert(accuracy_of(far, 1) == 1.0);
    ck_assert(accuracy_of(far, 0) == 0.0); /* its loss is 6000: finite, no error */
}
END_TEST

START_TEST(evaluating_changes_nothing)
{
    heap h = { 0 };
    world_data world;
    prune_metrics a, b;
    const prune_allocator mem = heap_allocator(&h);
    world_data_make(&world, 300, INPUTS, CLASSES, 1);
    prune_model *model = world_model(&mem, widths, 2, PRUNE_TANH, 3);
    const size_t bytes = h.live_bytes;
    const uint64_t before = world_hash(model);
    prune_metrics_init(&a);
    prune_metrics_init(&b);
    ck_assert_ok(prune_evaluate(&a, model, &world.labelled, PRUNE_SOFTMAX_CROSS_ENTROPY, NULL));
    ck_assert_ok(prune_evaluate(&b, model, &world.labelled, PRUNE_SOFTMAX_CROSS_ENTROPY, NULL));
    ck_assert(a.loss == b.loss && a.accuracy == b.accuracy);
    ck_assert_uint_eq(world_hash(model), before);
    ck_assert_uint_eq(h.live_bytes, bytes);
    prune_model_free(model);
    ck_assert(heap_is_clean(&h));
    world_data_end(&world);
}
END_TEST

START_TEST(bad_arguments_leave_the_metrics)
{
    world_data world;
    prune_metrics metrics;
    prune_error error = { 0 };
    world_data_make(&world, 30, INPUTS, CLASSES, 1);
    prune_model *model = world_model(NULL, widths, 2, PRUNE_TANH, 3);
    prune_metrics_init(&metrics);
    metrics.loss = 7.0;
    ck_assert_status(prune_evaluate(NULL, model, &world.valued, PRUNE_MSE, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_evaluate(&metrics, NULL, &world.valued, PRUNE_MSE, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_evaluate(&metrics, model, NULL, PRUNE_MSE, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_evaluate(&metrics, model, &world.valued, 9, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_evaluate(&metrics, model, &world.labelled, PRUNE_MSE, &error), PRUNE_E_TYPE);
    ck_assert_str_eq(error.place, "targets");
    world.x[13] = NAN;
    ck_assert_status(prune_evaluate(&metrics, model, &world.valued, PRUNE_MSE, &error), PRUNE_E_NONFINITE);
    ck_assert_str_eq(error.place, "inputs[2][3]");
    metrics.size++;
    ck_assert_status(prune_evaluate(&metrics, model, &world.valued, PRUNE_MSE, &error), PRUNE_E_VERSION);
    ck_assert(metrics.loss == 7.0 && metrics.samples == 0);
    prune_model_free(model);
    world_data_end(&world);
}
END_TEST

/* ---- a metric of one's own ---- */

/* A metric that takes notes, and the largest output as its value. */
typedef struct notes {
    size_t calls, rows, columns;
    const prune_tensor *targets;
    float h[MOST * CLASSES];
    prune_status status;
} notes;

static prune_status largest(void *user, double *value, const prune_tensor *outputs,
                            const prune_tensor *targets)
{
    notes *n = user;
    n->calls++;
    n->rows = prune_tensor_dim(outputs, 0);
    n->columns = prune_tensor_dim(outputs, 1);
    n->targets = targets;
    memcpy(n->h, prune_tensor_data(outputs), prune_tensor_count(outputs) * sizeof(float));
    *value = (double)n->h[0];
    for (size_t i = 1; i < prune_tensor_count(outputs); i++)
        *value = fmax(*value, (double)n->h[i]);
    return n->status;
}

START_TEST(an_own_metric_sees_all_outputs_and_the_targets)
{
    static float h[MOST * CLASSES];
    static notes seen;
    const prune_metric metric = { largest, &seen, 1 };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        world_data world;
        double value, expected = (double)-INFINITY;
        world_data_make(&world, sizes[i], INPUTS, CLASSES, i);
        prune_model *model = world_model(NULL, widths, 2, PRUNE_RELU, 3);
        predict(h, model, &world);
        for (size_t k = 0; k < sizes[i] * CLASSES; k++)
            expected = fmax(expected, (double)h[k]);
        ck_assert_ok(prune_evaluate_metric(&value, model, &world.valued, PRUNE_MSE, &metric, NULL));
        ck_assert_uint_eq(seen.calls, i + 1);
        ck_assert_uint_eq(seen.rows, sizes[i]);
        ck_assert_uint_eq(seen.columns, CLASSES);
        ck_assert_ptr_eq(seen.targets, world.y_tensor);
        for (size_t k = 0; k < sizes[i] * CLASSES; k++)
            ck_assert_double_eq_tol((double)seen.h[k], (double)h[k], 1e-6);
        ck_assert_double_eq_tol(value, expected, 1e-6);
        prune_model_free(model);
        world_data_end(&world);
    }
}
END_TEST

START_TEST(an_own_metric_may_refuse_and_leaves_nothing_behind)
{
    static notes seen;
    heap h = { 0 };
    world_data world;
    prune_error error = { 0 };
    double value = 7.0;
    const prune_allocator mem = heap_allocator(&h);
    const prune_metric metric = { largest, &seen, 0 }, none = { NULL, &seen, 0 };
    world_data_make(&world, 300, INPUTS, CLASSES, 1);
    prune_model *model = world_model(&mem, widths, 2, PRUNE_TANH, 3);
    const size_t blocks = h.live_blocks;
    const int32_t loss = PRUNE_SOFTMAX_CROSS_ENTROPY;
    const prune_data *data = &world.labelled;
    for (size_t n = 1; n <= 2; n++) {
        heap_refuse_once(&h, n);
        ck_assert_status(prune_evaluate_metric(&value, model, data, loss, &metric, &error), PRUNE_E_MEMORY);
        ck_assert_uint_eq(h.live_blocks, blocks);
    }
    ck_assert_status(prune_evaluate_metric(NULL, model, data, loss, &metric, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_evaluate_metric(&value, NULL, data, loss, &metric, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_evaluate_metric(&value, model, NULL, loss, &metric, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_evaluate_metric(&value, model, data, loss, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_evaluate_metric(&value, model, data, loss, &none, &error), PRUNE_E_ARGUMENT);
    ck_assert_str_eq(error.place, "metric");
    ck_assert_status(prune_evaluate_metric(&value, model, data, PRUNE_MSE, &metric, NULL), PRUNE_E_TYPE);
    ck_assert_uint_eq(seen.calls, 0);
    seen.status = PRUNE_E_EMPTY;
    ck_assert_status(prune_evaluate_metric(&value, model, data, loss, &metric, &error), PRUNE_E_EMPTY);
    ck_assert_str_eq(error.place, "metric");
    ck_assert_int_eq(error.status, PRUNE_E_EMPTY);
    ck_assert(value == 7.0);
    ck_assert_uint_eq(h.live_blocks, blocks);
    prune_model_free(model);
    ck_assert(heap_is_clean(&h));
    world_data_end(&world);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        labelled_data_have_loss_and_accuracy,
        valued_data_have_loss_and_errors,
        of_equal_outputs_the_first_counts,
        large_outputs_do_not_overflow,
        evaluating_changes_nothing,
        bad_arguments_leave_the_metrics,
        an_own_metric_sees_all_outputs_and_the_targets,
        an_own_metric_may_refuse_and_leaves_nothing_behind,
    };
    return run_tests("evaluate", tests, sizeof tests / sizeof tests[0]);
}
