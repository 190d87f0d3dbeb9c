/* validate_test.c -- a pruned model is kept if the metric held, else it goes back
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/oracle.h"
#include "support/runner.h"

#include <math.h>
#include <string.h>

enum { LAYERS = 3, SAMPLES = 64 };

static const size_t widths[LAYERS + 1] = { 6, 8, 8, 4 };

/* A model, a snapshot of it, and pruned after that. */
typedef struct scene {
    world_data data;
    prune_model *model;
    prune_snapshot *snapshot;
    uint64_t dense, pruned;
} scene;

static void make_scene(scene *s, const prune_allocator *mem)
{
    prune_importance *scores;
    world_data_make(&s->data, SAMPLES, widths[0], widths[LAYERS], 9);
    s->model = world_model(mem, widths, LAYERS, PRUNE_LINEAR, 4);
    s->dense = world_hash(s->model);
    ck_assert_ok(prune_snapshot_create(&s->snapshot, NULL, s->model));
    ck_assert_ok(prune_importance_create(&scores, NULL, s->model, PRUNE_MAGNITUDE));
    ck_assert_ok(prune_mask_fraction(NULL, s->model, scores, NULL, 0.5, PRUNE_OF_ALL));
    prune_importance_free(scores);
    s->pruned = world_hash(s->model);
    ck_assert_uint_ne(s->pruned, s->dense);
}

static void end_scene(scene *s)
{
    prune_snapshot_free(s->snapshot);
    prune_model_free(s->model);
    world_data_end(&s->data);
}

static const prune_data *data_of(const scene *s, int32_t loss)
{
    return loss == PRUNE_MSE ? &s->data.valued : &s->data.labelled;
}

static prune_validation question(int32_t loss, int32_t metric, double reference, double tolerance)
{
    prune_validation v;
    prune_validation_init(&v);
    v.loss = loss;
    v.metric = metric;
    v.reference = reference;
    v.tolerance = tolerance;
    return v;
}

/* ---- accepting and rolling back ---- */

static double measured(const scene *s, int32_t loss, int32_t metric)
{
    prune_metrics m;
    prune_metrics_init(&m);
    ck_assert_ok(prune_evaluate(&m, s->model, data_of(s, loss), loss, NULL));
    return metric == PRUNE_METRIC_LOSS       ? m.loss
           : metric == PRUNE_METRIC_ACCURACY ? m.accuracy
           : metric == PRUNE_METRIC_MAE      ? m.mae
                                             : m.rmse;
}

static const struct pair {
    int32_t loss, metric, higher_is_better;
} pairs[] = {
    { PRUNE_MSE, PRUNE_METRIC_LOSS, 0 },
    { PRUNE_MSE, PRUNE_METRIC_MAE, 0 },
    { PRUNE_MSE, PRUNE_METRIC_RMSE, 0 },
    { PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_METRIC_LOSS, 0 },
    { PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_METRIC_ACCURACY, 1 },
};

/* What the metric is now, against a reference better by worse_by. */
static void judge(scene *s, const struct pair *p, double worse_by, double tolerance, int32_t accepted)
{
    const double value = measured(s, p->loss, p->metric), sign = p->higher_is_better ? -1.0 : 1.0;
    prune_validation v = question(p->loss, p->metric, value - sign * worse_by, tolerance);
    ck_assert_ok(prune_validate(&v, s->model, s->snapshot, data_of(s, p->loss), NULL));
    ck_assert_double_eq(v.value, value);
    ck_assert_int_eq(v.accepted, accepted);
    ck_assert_uint_eq(world_hash(s->model), accepted ? s->pruned : s->dense);
    ck_assert_ok(prune_model_verify(s->model, NULL));
}

static void judge_pair(const struct pair *p)
{
    static const struct {
        double worse_by, tolerance;
        int32_t accepted;
    } cases[] = {
        { 0.0, 0.0, 1 },     { 0.125, 0.125, 1 }, { 0.125, 0.124, 0 }, { 0.125, 0.0, 0 },
        { 0.125, 0.999, 1 }, { -0.125, 0.0, 1 },  { 0.01, 0.01, 1 },   { 0.01, 0.0099999, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        scene s;
        make_scene(&s, NULL);
        judge(&s, p, cases[i].worse_by, cases[i].tolerance, cases[i].accepted);
        end_scene(&s);
    }
}

START_TEST(every_metric_decides)
{
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        judge_pair(&pairs[i]);
}
END_TEST

/* A model that always says class 0, and `right` of ten samples that are of it. */
static int32_t accepts_tenths(size_t right, double reference, double tolerance)
{
    const size_t small[] = { 1, 2 };
    const float bias[2] = { 1.0f, 0.0f }, x[10] = { 0.0f };
    int32_t label[10];
    prune_tensor *inputs, *labels;
    prune_data data;
    prune_snapshot *snapshot;
    prune_model *model = world_model(NULL, small, 1, PRUNE_LINEAR, 0);
    ck_assert_ok(prune_model_set_param(model, 1, bias, 2));
    ck_assert_ok(prune_snapshot_create(&snapshot, NULL, model));
    for (size_t i = 0; i < 10; i++)
        label[i] = i >= right;
    ck_assert_ok(prune_tensor_const_matrix(&inputs, NULL, PRUNE_F32, 10, 1, x));
    ck_assert_ok(prune_tensor_const_matrix(&labels, NULL, PRUNE_I32, 10, 1, label));
    prune_data_init(&data);
    data.inputs = inputs;
    data.targets = labels;
    prune_validation v = question(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_METRIC_ACCURACY, reference, tolerance);
    ck_assert_ok(prune_validate(&v, model, snapshot, &data, NULL));
    ck_assert_double_eq(v.value, (double)right / 10.0);
    prune_tensor_free(inputs);
    prune_tensor_free(labels);
    prune_snapshot_free(snapshot);
    prune_model_free(model);
    return v.accepted;
}

/* Neither 0.8 - 0.1 is 0.7 in double, nor 0.8 - 0.7 is 0.1; and so on. */
START_TEST(the_boundary_is_meant_in_decimals)
{
    static const struct {
        size_t right;
        double reference, tolerance;
    } cases[] = { { 7, 0.8, 0.1 }, { 2, 0.3, 0.1 }, { 6, 0.7, 0.1 },
                  { 8, 0.9, 0.1 }, { 7, 1.0, 0.3 }, { 0, 0.1, 0.1 } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const double reference = cases[i].reference, tolerance = cases[i].tolerance;
        ck_assert_int_eq(accepts_tenths(cases[i].right, reference, tolerance), 1);
        ck_assert_int_eq(accepts_tenths(cases[i].right, reference, tolerance - 1e-9), 0);
    }
}
END_TEST

/* Finite weights whose outputs are not: 3e38, then Inf, then Inf - Inf. */
static void make_nan(prune_model *model)
{
    float first[48] = { 0.0f }, bias[8], second[64], third[32];
    for (size_t i = 0; i < 64; i++) {
        bias[i % 8] = 3e38f;
        second[i] = 3e38f;
        third[i % 32] = i % 2 ? -1.0f : 1.0f;
    }
    ck_assert_ok(prune_mask_reset(model));
    ck_assert_ok(prune_model_set_param(model, 0, first, 48));
    ck_assert_ok(prune_model_set_param(model, 1, bias, 8));
    ck_assert_ok(prune_model_set_param(model, 2, second, 64));
    ck_assert_ok(prune_model_set_param(model, 4, third, 32));
}

START_TEST(what_is_not_a_number_goes_back)
{
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        const struct pair *p = &pairs[i];
        scene s;
        make_scene(&s, NULL);
        for (size_t l = 0; l < SAMPLES; l++)
            s.data.label[l] = 0; /* what a search for the largest of NaNs would find */
        make_nan(s.model);
        prune_validation v = question(p->loss, p->metric, p->higher_is_better ? 0.5 : 1e9, 0.1);
        ck_assert_ok(prune_validate(&v, s.model, s.snapshot, data_of(&s, p->loss), NULL));
        ck_assert_int_eq(v.accepted, 0);
        ck_assert(p->higher_is_better ? v.value <= 0.0 : isnan(v.value));
        ck_assert_uint_eq(world_hash(s.model), s.dense);
        end_scene(&s);
    }
}
END_TEST

/* ---- a metric of one's own ---- */

/* Says what it is told to. */
typedef struct told {
    double value;
    prune_status status;
} told;

static prune_status say(void *user, double *value, const prune_tensor *outputs, const prune_tensor *targets)
{
    const told *t = user;
    ck_assert_uint_eq(prune_tensor_dim(outputs, 0), prune_tensor_dim(targets, 0));
    *value = t->value;
    return t->status;
}

START_TEST(an_own_metric_decides)
{
    static const struct {
        int32_t higher_is_better;
        double reference, value, tolerance;
        int32_t accepted;
    } cases[] = {
        { 1, 0.8, 0.7, 0.1, 1 },       { 1, 0.8, 0.7, 0.0999, 0 },
        { 1, 0.8, 0.9, 0, 1 },         { 0, 0.8, 0.9, 0.1, 1 },
        { 0, 0.8, 0.9, 0.0999, 0 },    { 0, 0.8, 0.7, 0, 1 },
        { 1, -0.5, -0.6, 0.1, 1 },     { 1, -0.5, -0.6, 0.0999, 0 },
        { 0, -0.5, -0.4, 0.1, 1 },     { 0, -0.5, -0.4, 0.0999, 0 },
        { 1, 50, 49, 2, 1 },           { 1, 0.5, (double)NAN, 1e9, 0 },
        { 0, 0.5, (double)NAN, 1, 0 }, { 0, 0.5, (double)INFINITY, 1, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        scene s;
        make_scene(&s, NULL);
        told t = { cases[i].value, PRUNE_OK };
        const prune_metric own = { say, &t, cases[i].higher_is_better };
        prune_validation v = question(PRUNE_MSE, PRUNE_METRIC_OWN, cases[i].reference, cases[i].tolerance);
        v.own = &own;
        ck_assert_ok(prune_validate(&v, s.model, s.snapshot, &s.data.valued, NULL));
        ck_assert_msg(v.accepted == cases[i].accepted, "case %d", (int)i);
        ck_assert(v.value == t.value || (isnan(v.value) && isnan(t.value)));
        ck_assert_uint_eq(world_hash(s.model), v.accepted ? s.pruned : s.dense);
        end_scene(&s);
    }
}
END_TEST

/* ---- refusals ---- */

static const struct refusal {
    int32_t loss, metric;
    double reference, tolerance;
    prune_status status;
} refusals[] = {
    { PRUNE_MSE, PRUNE_METRIC_ACCURACY, 1, 0, PRUNE_E_ARGUMENT },
    { PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_METRIC_MAE, 1, 0, PRUNE_E_ARGUMENT },
    { PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_METRIC_RMSE, 1, 0, PRUNE_E_ARGUMENT },
    { PRUNE_MSE, 0, 1, 0, PRUNE_E_ARGUMENT },
    { PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_METRIC_OWN, 1, 0, PRUNE_E_ARGUMENT }, /* there is none */
    { PRUNE_SOFTMAX_CROSS_ENTROPY, 6, 1, 0, PRUNE_E_ARGUMENT },
    { 0, PRUNE_METRIC_LOSS, 1, 0, PRUNE_E_ARGUMENT },
    { PRUNE_LOSS_OWN + 1, PRUNE_METRIC_LOSS, 1, 0, PRUNE_E_ARGUMENT },
    { PRUNE_MSE, PRUNE_METRIC_LOSS, (double)NAN, 0, PRUNE_E_RANGE },
    { PRUNE_MSE, PRUNE_METRIC_LOSS, -1, 0, PRUNE_E_RANGE },
    { PRUNE_MSE, PRUNE_METRIC_LOSS, 1, (double)NAN, PRUNE_E_RANGE },
    { PRUNE_MSE, PRUNE_METRIC_LOSS, 1, -1e-9, PRUNE_E_RANGE },
    { PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_METRIC_ACCURACY, 97.5, 0.01, PRUNE_E_RANGE },
    { PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_METRIC_ACCURACY, 1.0001, 0.01, PRUNE_E_RANGE },
    { PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_METRIC_ACCURACY, 0.975, 1, PRUNE_E_RANGE },
};

/* Refused: the status, and neither model nor answer is touched. */
static void check_refused(scene *s, prune_validation *v, const prune_data *data, prune_status status)
{
    prune_error error = { 0 };
    const prune_validation before = *v;
    ck_assert_status(prune_validate(v, s->model, s->snapshot, data, &error), status);
    ck_assert_int_eq(error.status, status);
    ck_assert_uint_gt(strlen(error.place), 0);
    ck_assert_uint_gt(strlen(error.reason), 0);
    ck_assert_mem_eq(v, &before, sizeof *v);
    ck_assert_uint_eq(world_hash(s->model), s->pruned);
}

START_TEST(questions_without_sense_are_refused)
{
    scene s;
    make_scene(&s, NULL);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const struct refusal *r = &refusals[i];
        prune_validation v = question(r->loss, r->metric, r->reference, r->tolerance);
        v.value = -5.0;
        v.accepted = 9;
        check_refused(&s, &v, data_of(&s, r->loss), r->status);
    }
    prune_validation v = question(PRUNE_MSE, PRUNE_METRIC_LOSS, 0, 0);
    v.size += 8;
    check_refused(&s, &v, &s.data.valued, PRUNE_E_VERSION);
    end_scene(&s);
}
END_TEST

START_TEST(an_own_metric_that_fails_touches_nothing)
{
    scene s;
    told t = { 0.5, PRUNE_E_UNSUPPORTED };
    const prune_metric own = { say, &t, 1 }, none = { NULL, &t, 1 };
    make_scene(&s, NULL);
    prune_validation v = question(PRUNE_MSE, PRUNE_METRIC_OWN, 0.5, 0.1);
    v.own = &own;
    check_refused(&s, &v, &s.data.valued, PRUNE_E_UNSUPPORTED);
    t.status = PRUNE_OK;
    v.reference = (double)NAN;
    check_refused(&s, &v, &s.data.valued, PRUNE_E_RANGE);
    v.reference = (double)-INFINITY;
    check_refused(&s, &v, &s.data.valued, PRUNE_E_RANGE);
    v.reference = 0.5;
    v.tolerance = -0.1;
    check_refused(&s, &v, &s.data.valued, PRUNE_E_RANGE);
    v.tolerance = 0.1;
    v.own = &none;
    check_refused(&s, &v, &s.data.valued, PRUNE_E_ARGUMENT);
    end_scene(&s);
}
END_TEST

START_TEST(bad_data_are_refused)
{
    scene s;
    make_scene(&s, NULL);
    prune_validation v = question(PRUNE_MSE, PRUNE_METRIC_LOSS, 0, 0);
    check_refused(&s, &v, &s.data.labelled, PRUNE_E_TYPE);
    check_refused(&s, &v, NULL, PRUNE_E_ARGUMENT);
    s.data.x[7] = NAN;
    check_refused(&s, &v, &s.data.valued, PRUNE_E_NONFINITE);
    s.data.x[7] = 0.0f;
    s.data.y[3] = INFINITY;
    check_refused(&s, &v, &s.data.valued, PRUNE_E_NONFINITE);
    v = question(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_METRIC_ACCURACY, 1, 0);
    s.data.label[0] = 4;
    check_refused(&s, &v, &s.data.labelled, PRUNE_E_LABEL);
    end_scene(&s);
}
END_TEST

START_TEST(what_is_missing_or_does_not_fit_is_refused)
{
    const size_t other_widths[] = { 6, 9, 8, 4 };
    scene s;
    make_scene(&s, NULL);
    prune_model *other = world_model(NULL, other_widths, LAYERS, PRUNE_TANH, 4);
    prune_snapshot *own = s.snapshot, *foreign;
    prune_validation v = question(PRUNE_MSE, PRUNE_METRIC_LOSS, 0, 0);
    ck_assert_ok(prune_snapshot_create(&foreign, NULL, other));
    s.snapshot = foreign;
    check_refused(&s, &v, &s.data.valued, PRUNE_E_SHAPE);
    s.snapshot = NULL;
    check_refused(&s, &v, &s.data.valued, PRUNE_E_ARGUMENT);
    s.snapshot = own;
    ck_assert_status(prune_validate(&v, NULL, own, &s.data.valued, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_validate(NULL, s.model, own, &s.data.valued, NULL), PRUNE_E_ARGUMENT);
    ck_assert_uint_eq(world_hash(s.model), s.pruned);
    prune_validation_init(NULL);
    prune_snapshot_free(foreign);
    prune_model_free(other);
    end_scene(&s);
}
END_TEST

START_TEST(without_memory_nothing_happens)
{
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    scene s;
    make_scene(&s, &mem);
    prune_validation v = question(PRUNE_MSE, PRUNE_METRIC_LOSS, 0, 0);
    const size_t before = h.requests;
    ck_assert_ok(prune_validate(&v, s.model, s.snapshot, &s.data.valued, NULL));
    const size_t requests = h.requests - before, blocks = h.live_blocks;
    s.pruned = s.dense;
    for (size_t n = 1; n <= requests; n++) {
        heap_refuse_once(&h, n);
        check_refused(&s, &v, &s.data.valued, PRUNE_E_MEMORY);
        ck_assert_uint_eq(h.live_blocks, blocks);
    }
    end_scene(&s);
    ck_assert(heap_is_clean(&h));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        every_metric_decides,
        the_boundary_is_meant_in_decimals,
        what_is_not_a_number_goes_back,
        questions_without_sense_are_refused,
        bad_data_are_refused,
        what_is_missing_or_does_not_fit_is_refused,
        without_memory_nothing_happens,
        an_own_metric_decides,
        an_own_metric_that_fails_touches_nothing,
    };
    return run_tests("validate", tests, sizeof tests / sizeof tests[0]);
}
