/* refit_test.c -- least squares on calibration data, against normal equations solved here
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/reference.h"
#include "support/training.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum {
    SAMPLES = 150,
    INPUTS = 6,
    HIDDEN = 10,
    LEFT = 7,
    OUTPUTS = 4,
    SPACES = INPUTS + 2 * HIDDEN + OUTPUTS
};

/* A big model, and one of which neurons 1, 4 and 8 of the first layer went, made smaller. The inputs are
 * combinations of three numbers and some noise, so that neurons can stand in for each other. */
typedef struct pair {
    float x[SAMPLES * INPUTS];
    prune_tensor *inputs;
    prune_data data;
    prune_model *big, *masked, *small;
    size_t kept[SPACES];
    prune_refit_options options;
} pair;

static void pair_data(pair *p)
{
    uint64_t state = 11;
    double mix[INPUTS][3];
    for (size_t i = 0; i < INPUTS * 3; i++)
        mix[i / 3][i % 3] = ref_uniform(&state, -1.0, 1.0);
    for (size_t s = 0; s < SAMPLES; s++) {
        const double hidden[3] = { ref_uniform(&state, -1.0, 1.0), ref_uniform(&state, -1.0, 1.0),
                                   ref_uniform(&state, -1.0, 1.0) };
        for (size_t i = 0; i < INPUTS; i++)
            p->x[s * INPUTS + i] = (float)(mix[i][0] * hidden[0] + mix[i][1] * hidden[1] +
                                           mix[i][2] * hidden[2] + ref_uniform(&state, -0.05, 0.05));
    }
    ck_assert_ok(prune_tensor_const_matrix(&p->inputs, NULL, PRUNE_F32, SAMPLES, INPUTS, p->x));
    prune_data_init(&p->data);
    p->data.inputs = p->inputs;
}

static void pair_shrink(pair *p)
{
    prune_compact_report report;
    prune_compact_report_init(&report);
    report.kept = p->kept;
    report.kept_capacity = SPACES;
    ck_assert_ok(prune_compact(&p->small, NULL, p->masked, NULL, &report, NULL));
}

static void pair_make(pair *p, int32_t activation, size_t layers)
{
    const size_t widths[3][4] = { { INPUTS, HIDDEN, OUTPUTS }, { INPUTS, HIDDEN, HIDDEN, OUTPUTS } };
    memset(p, 0, sizeof *p);
    pair_data(p);
    p->big = world_model(NULL, widths[layers - 2], layers, activation, 5);
    ck_assert_ok(prune_model_clone(&p->masked, NULL, p->big));
    ck_assert_ok(prune_mask_neuron(p->masked, 0, 1));
    ck_assert_ok(prune_mask_neuron(p->masked, 0, 4));
    ck_assert_ok(prune_mask_neuron(p->masked, 0, 8));
    pair_shrink(p);
    prune_refit_options_init(&p->options);
}

static void pair_end(pair *p)
{
    prune_model_free(p->big);
    prune_model_free(p->masked);
    prune_model_free(p->small);
    prune_tensor_free(p->inputs);
}

static prune_status refit(pair *p)
{
    prune_error error = { 0 };
    const prune_status status = prune_refit(p->small, p->big, p->kept, &p->data, &p->options, &error);
    ck_assert_int_eq(error.status, status);
    return status;
}

/* ---- the twin ---- */

/* a[n][n] x = b[n], by elimination with the largest pivot; x in b. */
static void solve(double *a, double *b, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        size_t pivot = k;
        for (size_t i = k + 1; i < n; i++)
            pivot = fabs(a[i * n + k]) > fabs(a[pivot * n + k]) ? i : pivot;
        for (size_t j = 0; j <= n; j++) {
            double *of_k = j < n ? &a[k * n + j] : &b[k], *of_pivot = j < n ? &a[pivot * n + j] : &b[pivot];
            const double held = *of_k;
            *of_k = *of_pivot;
            *of_pivot = held;
        }
        for (size_t i = 0; i < n; i++) {
            const double factor = i == k ? 0.0 : a[i * n + k] / a[k * n + k];
            for (size_t j = 0; j < n; j++)
                a[i * n + j] -= factor * a[k * n + j];
            b[i] -= factor * b[k];
        }
    }
    for (size_t k = 0; k < n; k++)
        b[k] /= a[k * n + k];
}

/* Neuron u of a first layer with this activation, in double. */
static double hidden(const prune_model *model, const float *x, size_t u, int32_t activation)
{
    double z = (double)prune_model_param(model, 1)[u];
    for (size_t i = 0; i < INPUTS; i++)
        z += (double)prune_model_param(model, 0)[u * INPUTS + i] * (double)x[i];
    return ref_activation(activation, z);
}

/* What row o of the second layer should become: weights, and behind them the bias; 0 where kept is 0. */
static void expect(double *w, const pair *p, size_t o, const uint8_t *keep, double damping)
{
    double gram[(LEFT + 1) * (LEFT + 1)] = { 0 }, right[LEFT + 1] = { 0 }, trace = 0.0;
    size_t index[LEFT + 1], n = 0;
    for (size_t j = 0; j <= LEFT; j++) {
        w[j] = j < LEFT ? (double)prune_model_param(p->small, 2)[o * LEFT + j]
                        : (double)prune_model_param(p->small, 3)[o];
        if (keep[j])
            index[n++] = j;
    }
    for (size_t s = 0; s < SAMPLES; s++) {
        const float *x = p->x + s * INPUTS;
        double a[LEFT + 1], rest = (double)prune_model_param(p->big, 3)[o];
        for (size_t u = 0; u < HIDDEN; u++)
            rest += (double)prune_model_param(p->big, 2)[o * HIDDEN + u] * hidden(p->big, x, u, PRUNE_TANH);
        for (size_t j = 0; j <= LEFT; j++) {
            a[j] = j < LEFT ? hidden(p->small, x, j, PRUNE_TANH) : 1.0;
            rest -= w[j] * a[j];
        }
        for (size_t i = 0; i < n; i++) {
            right[i] += a[index[i]] * rest;
            for (size_t j = 0; j < n; j++)
                gram[i * n + j] += a[index[i]] * a[index[j]];
        }
    }
    for (size_t i = 0; i < n; i++)
        trace += gram[i * n + i];
    for (size_t i = 0; i < n; i++)
        gram[i * n + i] += damping * trace / (double)n;
    solve(gram, right, n);
    for (size_t i = 0; i < n; i++)
        w[index[i]] += right[i];
}

START_TEST(rows_are_those_of_the_normal_equations)
{
    static const double dampings[] = { 1e-4, 0.01, 3.0 };
    for (size_t d = 0; d < 3; d++) {
        pair p;
        double w[OUTPUTS][LEFT + 1];
        uint8_t keep[OUTPUTS][LEFT + 1];
        pair_make(&p, PRUNE_TANH, 2);
        world_remove(p.small, 2, 3);            /* row 0 */
        world_remove(p.small, 2, 2 * LEFT + 5); /* row 2, and its bias */
        world_remove(p.small, 3, 2);
        for (size_t o = 0; o < OUTPUTS; o++) {
            for (size_t j = 0; j <= LEFT; j++)
                keep[o][j] = !(o == 0 && j == 3) && !(o == 2 && (j == 5 || j == LEFT));
            expect(w[o], &p, o, keep[o], dampings[d]);
        }
        p.options.layer = 1;
        p.options.damping = dampings[d];
        ck_assert_ok(refit(&p));
        for (size_t o = 0; o < OUTPUTS; o++)
            for (size_t j = 0; j <= LEFT; j++) {
                const double got = j < LEFT ? (double)prune_model_param(p.small, 2)[o * LEFT + j]
                                            : (double)prune_model_param(p.small, 3)[o];
                ck_assert_double_eq_tol(got, w[o][j], 2e-4 * (1.0 + fabs(w[o][j])));
            }
        ck_assert_ok(prune_model_verify(p.small, NULL));
        ck_assert_uint_eq(world_check_removed(p.small, NULL), 3);
        pair_end(&p);
    }
}
END_TEST

/* ---- what it is for ---- */

/* The sum of squares between the outputs of two models. */
static double distance(const pair *p, const prune_model *a, const prune_model *b)
{
    static float h[2][SAMPLES * OUTPUTS];
    const prune_model *const models[2] = { a, b };
    double sum = 0.0;
    for (size_t m = 0; m < 2; m++) {
        prune_workspace *workspace;
        prune_tensor *y;
        ck_assert_ok(prune_tensor_matrix(&y, NULL, PRUNE_F32, SAMPLES, OUTPUTS, h[m]));
        ck_assert_ok(prune_workspace_create(&workspace, NULL, models[m], SAMPLES, NULL));
        ck_assert_ok(prune_predict(y, models[m], workspace, p->inputs));
        prune_workspace_free(workspace);
        prune_tensor_free(y);
    }
    for (size_t i = 0; i < SAMPLES * OUTPUTS; i++)
        sum += pow((double)h[0][i] - (double)h[1][i], 2.0);
    return sum;
}

START_TEST(the_outputs_come_nearer_than_by_plain_removal)
{
    static const int32_t activations[] = { PRUNE_RELU, PRUNE_TANH, PRUNE_SIGMOID, PRUNE_GELU };
    for (size_t i = 0; i < 8; i++) {
        pair p;
        pair_make(&p, activations[i / 2], 2 + i % 2);
        const double before = distance(&p, p.big, p.small);
        ck_assert_ok(refit(&p));
        ck_assert_double_gt(before, 1e-3);
        ck_assert_double_lt(distance(&p, p.big, p.small), 0.25 * before);
        pair_end(&p);
    }
}
END_TEST

START_TEST(a_masked_model_of_the_same_shape_too)
{
    pair p;
    pair_make(&p, PRUNE_RELU, 3);
    for (size_t i = 0; i < INPUTS * HIDDEN; i += 3)
        world_remove(p.masked, 0, i);
    const double before = distance(&p, p.big, p.masked);
    const size_t removed = world_check_removed(p.masked, NULL);
    ck_assert_ok(prune_refit(p.masked, p.big, NULL, &p.data, NULL, NULL));
    ck_assert_double_lt(distance(&p, p.big, p.masked), 0.25 * before);
    ck_assert_uint_eq(world_check_removed(p.masked, NULL), removed);
    ck_assert_ok(prune_model_verify(p.masked, NULL));
    pair_end(&p);
}
END_TEST

/* The one it was made of is met already. */
START_TEST(what_is_exact_stays)
{
    pair p;
    prune_model *before;
    pair_make(&p, PRUNE_TANH, 3);
    ck_assert_ok(prune_model_clone(&before, NULL, p.small));
    ck_assert_ok(prune_refit(p.small, p.masked, p.kept, &p.data, NULL, NULL));
    for (size_t q = 0; q < prune_model_param_count(before); q++)
        ck_assert_double_le(world_distance(prune_model_param(before, q), prune_model_param(p.small, q),
                                           world_count(before, q)),
                            1e-4);
    prune_model_free(before);
    pair_end(&p);
}
END_TEST

static prune_status read_inputs(void *user, const size_t *samples, size_t count, float *inputs, void *targets)
{
    for (size_t i = 0; i < count; i++) {
        memcpy(inputs + i * INPUTS, (const float *)user + samples[i] * INPUTS, INPUTS * sizeof(float));
        ((int32_t *)targets)[i] = 0;
    }
    return PRUNE_OK;
}

static prune_source source_of(pair *p)
{
    prune_source source;
    prune_source_init(&source);
    source.samples = SAMPLES;
    source.inputs = INPUTS;
    source.read = read_inputs;
    source.user = p->x;
    return source;
}

START_TEST(a_source_gives_the_same_bits)
{
    pair p;
    prune_model *other;
    pair_make(&p, PRUNE_RELU, 3);
    const prune_source source = source_of(&p);
    prune_data data;
    prune_data_init(&data);
    data.source = &source;
    ck_assert_ok(prune_model_clone(&other, NULL, p.small));
    ck_assert_ok(refit(&p));
    ck_assert_ok(prune_refit(other, p.big, p.kept, &data, NULL, NULL));
    ck_assert(world_same_models(other, p.small));
    prune_model_free(other);
    pair_end(&p);
}
END_TEST

/* ---- what is refused ---- */

static void refused(pair *p, const prune_model *big, const size_t *kept, const prune_data *data,
                    prune_status wanted)
{
    prune_error error = { 0 };
    const uint64_t before = world_hash(p->small);
    ck_assert_status(prune_refit(p->small, big, kept, data, &p->options, &error), wanted);
    ck_assert_int_eq(error.status, wanted);
    ck_assert_uint_eq(world_hash(p->small), before);
}

START_TEST(what_is_refused)
{
    pair p;
    prune_model *other, *empty;
    const size_t widths[] = { INPUTS, HIDDEN, OUTPUTS };
    pair_make(&p, PRUNE_TANH, 2);
    prune_refit_options_init(NULL);
    other = world_model(NULL, widths, 2, PRUNE_RELU, 5);
    ck_assert_ok(prune_model_create(&empty, NULL, INPUTS));
    ck_assert_status(prune_refit(NULL, p.big, p.kept, &p.data, NULL, NULL), PRUNE_E_ARGUMENT);
    refused(&p, NULL, p.kept, &p.data, PRUNE_E_ARGUMENT);
    refused(&p, empty, p.kept, &p.data, PRUNE_E_NO_LAYERS);
    refused(&p, other, p.kept, &p.data, PRUNE_E_SHAPE);
    refused(&p, p.big, NULL, &p.data, PRUNE_E_SHAPE);
    refused(&p, p.big, p.kept, NULL, PRUNE_E_ARGUMENT);
    p.kept[INPUTS + 2] = HIDDEN;
    refused(&p, p.big, p.kept, &p.data, PRUNE_E_RANGE);
    p.kept[INPUTS + 2] = 3;
    p.options.layer = 2;
    refused(&p, p.big, p.kept, &p.data, PRUNE_E_RANGE);
    p.options.layer = -2;
    refused(&p, p.big, p.kept, &p.data, PRUNE_E_RANGE);
    p.options.layer = -1;
    p.options.damping = -1.0;
    refused(&p, p.big, p.kept, &p.data, PRUNE_E_RANGE);
    p.options.damping = (double)NAN;
    refused(&p, p.big, p.kept, &p.data, PRUNE_E_RANGE);
    p.options.size++;
    refused(&p, p.big, p.kept, &p.data, PRUNE_E_VERSION);
    prune_refit_options_init(&p.options);
    p.x[20] = NAN;
    refused(&p, p.big, p.kept, &p.data, PRUNE_E_NONFINITE);
    prune_model_free(other);
    prune_model_free(empty);
    pair_end(&p);
}
END_TEST

/* Two inputs that are one; and the first layer's outputs beyond float. */
START_TEST(what_has_no_answer_leaves_the_model_alone)
{
    pair p;
    float bias[HIDDEN];
    pair_make(&p, PRUNE_LINEAR, 2);
    for (size_t s = 0; s < SAMPLES; s++)
        p.x[s * INPUTS + 1] = p.x[s * INPUTS];
    p.options.damping = 0.0;
    refused(&p, p.big, p.kept, &p.data, PRUNE_E_SINGULAR);
    p.options.damping = 1e-4;
    ck_assert_ok(refit(&p));
    for (size_t u = 0; u < HIDDEN; u++)
        bias[u] = FLT_MAX;
    ck_assert_ok(prune_model_set_param(p.big, 1, bias, HIDDEN));
    refused(&p, p.big, p.kept, &p.data, PRUNE_E_NONFINITE);
    pair_end(&p);
}
END_TEST

START_TEST(without_memory)
{
    pair p;
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    prune_model *counted;
    pair_make(&p, PRUNE_RELU, 3);
    const prune_source source = source_of(&p);
    prune_data data;
    prune_data_init(&data);
    data.source = &source;
    ck_assert_ok(prune_model_clone(&counted, &mem, p.small));
    const size_t blocks = h.live_blocks;
    for (size_t n = 1; h.refused == n - 1; n++) {
        prune_error error = { 0 };
        const uint64_t before = world_hash(counted);
        heap_refuse_once(&h, n);
        const prune_status status = prune_refit(counted, p.big, p.kept, &data, NULL, &error);
        ck_assert_status(status, h.refused == n ? PRUNE_E_MEMORY : PRUNE_OK);
        ck_assert_int_eq(error.status, status);
        ck_assert(status == PRUNE_OK || world_hash(counted) == before);
        ck_assert_uint_eq(h.live_blocks, blocks);
    }
    prune_model_free(counted);
    ck_assert(heap_is_clean(&h));
    pair_end(&p);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        rows_are_those_of_the_normal_equations,
        the_outputs_come_nearer_than_by_plain_removal,
        a_masked_model_of_the_same_shape_too,
        what_is_exact_stays,
        a_source_gives_the_same_bits,
        what_is_refused,
        what_has_no_answer_leaves_the_model_alone,
        without_memory,
    };
    return run_tests("refit", tests, sizeof tests / sizeof tests[0]);
}
