/* nets.c -- random nets with neurons that can go, and whether a smaller one computes the same, for tests
 *
 * SPDX-License-Identifier: MIT */
#include "nets.h"
#include "reference.h"
#include "training.h"

#include <math.h>
#include <string.h>

/* ---- random nets ---- */

size_t net_draw(net *n, size_t below)
{
    return (size_t)ref_uniform(&n->state, 0.0, (double)below);
}

static void add_step(net *n, stack_step step)
{
    if (n->count < STACK_LAYERS)
        n->steps[n->count++] = step;
}

/* What may stand between dense layers. */
static void add_between(net *n, int32_t softmax)
{
    if (net_draw(n, 3) == 0)
        add_step(n, (stack_step){ B, 0, 0, 0.1f, 1e-3f });
    if (net_draw(n, 3) == 0)
        add_step(n, (stack_step){ A, 0, (int32_t)net_draw(n, PRUNE_SOFTPLUS + 1), 0, 0 });
    if (net_draw(n, 4) == 0)
        add_step(n, (stack_step){ O, 0, 0, 0.5f, 0 });
    if (softmax && net_draw(n, 10) == 0)
        add_step(n, (stack_step){ S, 0, 0, 0, 0 });
}

size_t net_param(const net *n, size_t layer)
{
    size_t p = 0;
    for (size_t l = 0; l < layer; l++)
        p += n->steps[l].kind == D ? 2 : n->steps[l].kind == B ? 4 : 0;
    return p;
}

void net_set(net *n, size_t param, size_t i, float value)
{
    float values[STACK_PARAMS];
    const size_t count = world_count(n->model, param);
    memcpy(values, prune_model_param(n->model, param), count * sizeof *values);
    values[i] = value;
    ck_assert_ok(prune_model_set_param(n->model, param, values, count));
}

/* Rows of zeros, removed neurons and weights, gammas of 0, as often as not. */
static void spoil(net *n)
{
    const size_t most = net_draw(n, 4);
    for (size_t l = 0, width = n->inputs; l < n->count; l++) {
        const size_t p = net_param(n, l), inputs = width;
        if (n->steps[l].kind == B && net_draw(n, 2) == 0)
            net_set(n, p, net_draw(n, width), 0.0f);
        if (n->steps[l].kind != D)
            continue;
        width = n->steps[l].outputs;
        for (size_t i = 0; i < inputs * width; i++)
            if (net_draw(n, 4) < most)
                world_remove(n->model, p, i);
        for (size_t i = net_draw(n, 3); i > 0; i--)
            (void)prune_mask_neuron(n->model, l, net_draw(n, width));
        if (net_draw(n, 2) == 0)
            for (size_t i = 0, u = net_draw(n, width); i < inputs; i++)
                net_set(n, p, u * inputs + i, 0.0f);
        if (net_draw(n, 4) == 0)
            for (size_t o = 0, u = net_draw(n, inputs); o < width; o++)
                net_set(n, p, o * inputs + u, 0.0f);
    }
}

void net_make(net *n, uint64_t seed)
{
    memset(n, 0, sizeof *n);
    n->state = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    n->inputs = 1 + net_draw(n, STACK_WIDTH);
    const size_t dense = 1 + net_draw(n, 4);
    add_between(n, 0);
    for (size_t d = 0; d < dense; d++) {
        add_step(n, (stack_step){ D, 1 + net_draw(n, STACK_WIDTH), (int32_t)net_draw(n, PRUNE_SOFTPLUS + 1),
                                  0, 0 });
        add_between(n, 1);
    }
    n->model = stack_model(NULL, n->inputs, n->steps, seed);
    spoil(n);
}

/* Neuron b becomes neuron a times factor, as far as it is not removed. */
static void plant_twin(net *n, size_t p, const size_t pair[2], float factor)
{
    float values[STACK_PARAMS];
    const size_t count = world_count(n->model, p), inputs = count / world_count(n->model, p + 1);
    memcpy(values, prune_model_param(n->model, p), count * sizeof *values);
    for (size_t i = 0; i < inputs; i++)
        values[pair[1] * inputs + i] = factor * values[pair[0] * inputs + i];
    ck_assert_ok(prune_model_set_param(n->model, p, values, count));
    net_set(n, p + 1, pair[1], factor * prune_model_param(n->model, p + 1)[pair[0]]);
}

void net_plant_twins(net *n)
{
    static const float factors[] = { 1.0f, 1.0f, -1.0f, 2.0f, 0.25f, -8.0f };
    for (size_t l = 0; l < n->count; l++)
        for (size_t times = 0; n->steps[l].kind == D && times < 3; times++) {
            const size_t pair[2] = { net_draw(n, n->steps[l].outputs), net_draw(n, n->steps[l].outputs) };
            plant_twin(n, net_param(n, l), pair, factors[net_draw(n, 6)]);
        }
}

/* ---- the same outputs ---- */

static void gather(float *to, const float *from, size_t inputs, const size_t *kept, size_t count)
{
    for (size_t r = 0; r < NET_SAMPLES; r++)
        for (size_t i = 0; i < count; i++)
            to[r * count + i] = from[r * inputs + kept[i]];
}

static void predict(float *h, const prune_model *model, float *x)
{
    static const prune_backend *backend; /* asked for once: that takes time */
    backend = backend == NULL ? prune_backend_default() : backend;
    prune_workspace *workspace;
    prune_tensor *y, *in;
    ck_assert_ok(prune_tensor_matrix(&y, NULL, PRUNE_F32, NET_SAMPLES, prune_model_outputs(model), h));
    ck_assert_ok(prune_tensor_matrix(&in, NULL, PRUNE_F32, NET_SAMPLES, prune_model_inputs(model), x));
    ck_assert_ok(prune_workspace_create(&workspace, NULL, model, NET_SAMPLES, backend));
    ck_assert_ok(prune_predict(y, model, workspace, in));
    prune_workspace_free(workspace);
    prune_tensor_free(in);
    prune_tensor_free(y);
}

static void check_agreement(const prune_model *model, const prune_model *small, const size_t *kept, float *x,
                            double most)
{
    prune_agreement agreement;
    prune_tensor *inputs;
    prune_data data;
    prune_agreement_init(&agreement);
    prune_data_init(&data);
    ck_assert_ok(prune_tensor_matrix(&inputs, NULL, PRUNE_F32, NET_SAMPLES, prune_model_inputs(model), x));
    data.inputs = inputs;
    agreement.tolerance = 1.0;
    ck_assert_ok(prune_models_agree(&agreement, model, small, kept, &data, NULL));
    ck_assert_uint_eq(agreement.samples, NET_SAMPLES);
    ck_assert_double_le(agreement.absolute, most);
    prune_tensor_free(inputs);
}

/* Both in double, where only what was rounded when it was folded differs; and the library itself. Norms with
 * a small variance, one after the other, make errors large: what counts is the largest output. */
void net_check_same(const prune_model *model, const prune_model *small, const size_t *kept, uint64_t seed)
{
    static stack big, little;
    static size_t calls;
    float x[STACK_BLOCK], in[STACK_BLOCK], got[STACK_BLOCK];
    double a[STACK_BLOCK], b[STACK_BLOCK];
    const size_t count = NET_SAMPLES * prune_model_outputs(model);
    for (size_t i = 0; i < NET_SAMPLES * prune_model_inputs(model); i++)
        x[i] = (float)ref_uniform(&seed, -1.0, 1.0);
    gather(in, x, prune_model_inputs(model), kept, prune_model_inputs(small));
    stack_read(&big, model, NET_SAMPLES, 0);
    stack_read(&little, small, NET_SAMPLES, 0);
    stack_forward(a, &big, x);
    stack_forward(b, &little, in);
    predict(got, small, in);
    const double scale = 1.0 + ref_largest(a, count);
    for (size_t i = 0; i < count; i++) {
        ck_assert_double_eq_tol(a[i], b[i], 2e-6 * scale);
        ck_assert_double_eq_tol(a[i], (double)got[i], 1e-5 * scale);
    }
    if (calls++ % 32 == 0) /* looking for a back end takes time */
        check_agreement(model, small, kept, x, 1e-5 * scale);
}

prune_model *net_compact(const prune_model *model, const prune_compact_options *options,
                         prune_compact_report *report, size_t *kept)
{
    prune_model *small;
    const uint64_t before = world_hash(model);
    prune_compact_report_init(report);
    report->kept = kept;
    report->kept_capacity = NET_KEPT;
    ck_assert_ok(prune_compact(&small, NULL, model, options, report, NULL));
    ck_assert_uint_eq(world_hash(model), before);
    ck_assert_ok(prune_model_verify(small, NULL));
    return small;
}
