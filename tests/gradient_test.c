/* gradient_test.c -- every gradient of the library against the double-precision reference
 *
 * The reference is first held against its own central differences. How far from it the library may be is
 * derived, number by number (support/bounds.h). The comparison that must hold for the library must also fail
 * when a single entry of its gradient is wrong by 1 %: a test asserts that too.
 *
 * SPDX-License-Identifier: MIT */
#include "support/bounds.h"
#include "support/runner.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double EPS = 1e-5;
static const double CLEAR = 1e-3; /* inputs of a ReLU, or another kink, stay this far from 0 */

enum { MAX_DEPTH = 3, SIZES = 2, ACTIVATIONS = PRUNE_SOFTPLUS + 1 };

/* What the tests compute with; asked for once, since asking makes sure of a BLAS's memory. */
static const prune_backend *backend;

/* Entries whose errors of 1 % rounding may hide. */
static size_t all_hidden;

/* [0] is small enough for differences; [1] is beyond the tiles of the matrix products, and odd. */
static const size_t widths_of[SIZES][MAX_DEPTH][MAX_DEPTH + 1] = {
    { { 5, 3 }, { 5, 4, 3 }, { 5, 4, 4, 3 } },
    { { 19, 11 }, { 9, 13, 5 }, { 9, 17, 11, 3 } },
};

typedef struct config {
    size_t size, depth, n;
    int32_t activation, mixed; /* mixed: each layer has the next one */
    int32_t loss, l1, l2, penalize_bias, masked;
} config;

typedef struct world {
    config c;
    ref_net net;
    ref_task task;
} world;

/* ---- worlds ---- */

/* A number that float holds exactly, low <= |x| < high. */
static double draw(uint64_t *state, double low, double high)
{
    const double size = ref_uniform(state, low, high);
    return (double)(float)(ref_uniform(state, -1.0, 1.0) < 0.0 ? -size : size);
}

static void draw_weights(world *w, uint64_t *state)
{
    for (size_t p = 0; p < 2 * w->net.layers; p++) {
        const size_t inputs = w->net.width[p / 2];
        const double high = p % 2 == 0 ? 2.0 / sqrt((double)inputs) : 0.5;
        for (size_t i = ref_begin(&w->net, p); i < ref_begin(&w->net, p + 1); i++) {
            w->net.keep[i] = !(w->c.masked && p % 2 == 0 && ref_uniform(state, 0.0, 1.0) < 0.4);
            w->net.w[i] = w->net.keep[i] ? draw(state, 0.05, high) : 0.0;
        }
    }
}

static void draw_task(world *w, uint64_t *state)
{
    const config *c = &w->c;
    const size_t outputs = w->net.width[w->net.layers];
    w->task = (ref_task){ .loss = c->loss, .n = c->n, .penalize_bias = c->penalize_bias };
    w->task.l1 = c->l1 ? 0.03125 : 0.0;
    w->task.l2 = c->l2 ? 0.0625 : 0.0;
    for (size_t i = 0; i < c->n * w->net.width[0]; i++)
        w->task.x[i] = draw(state, 0.0, 1.0);
    for (size_t i = 0; i < c->n * outputs; i++)
        w->task.y[i] = draw(state, 0.0, 1.0);
    for (size_t s = 0; s < c->n; s++)
        w->task.label[s] = (int32_t)ref_uniform(state, 0.0, (double)outputs);
}

static void make_world(world *w, const config *c)
{
    int32_t activation[MAX_DEPTH];
    uint64_t state = c->depth + 10 * c->n + 100 * (uint64_t)c->loss;
    w->c = *c;
    for (size_t l = 0; l < c->depth; l++)
        activation[l] = c->mixed ? (c->activation + (int32_t)l) % ACTIVATIONS : c->activation;
    ref_shape(&w->net, c->depth, widths_of[c->size][c->depth - 1], activation);
    do {
        draw_weights(w, &state);
        draw_task(w, &state);
    } while (ref_kink_distance(&w->net, &w->task) < CLEAR);
}

typedef size_t check_world(world *w);

/* Runs a check in the world of every combination of what belongs to the objective; returns how many. */
static size_t for_all_objectives(config c, check_world *check)
{
    static world w;
    size_t count = 0;
    for (int32_t bits = 0; bits < 64; bits++) {
        c.loss = bits & 1 ? PRUNE_MSE : PRUNE_SOFTMAX_CROSS_ENTROPY;
        c.l1 = bits >> 1 & 1;
        c.l2 = bits >> 2 & 1;
        c.penalize_bias = bits >> 3 & 1;
        c.masked = bits >> 4 & 1;
        c.mixed = bits >> 5 & 1;
        make_world(&w, &c);
        count += check(&w);
    }
    return count;
}

static size_t for_all_worlds(size_t size, check_world *check)
{
    static const size_t batches[] = { 1, 2, 7 };
    size_t count = 0;
    for (int32_t activation = PRUNE_LINEAR; activation < ACTIVATIONS; activation++)
        for (size_t depth = 1; depth <= MAX_DEPTH; depth++)
            for (size_t b = 0; b < 3; b++) {
                const config c = { .size = size, .depth = depth, .n = batches[b], .activation = activation };
                count += for_all_objectives(c, check);
            }
    return count;
}

static void describe(char *text, size_t room, const world *w)
{
    const config *c = &w->c;
    (void)snprintf(text, room, "size %d depth %d n %d %s%s loss %d l1 %d l2 %d bias %d masked %d",
                   (int)c->size, (int)c->depth, (int)c->n, prune_activation_name(c->activation),
                   c->mixed ? " mixed" : "", (int)c->loss, (int)c->l1, (int)c->l2, (int)c->penalize_bias,
                   (int)c->masked);
}

/* ---- the library's side ---- */

typedef struct plan {
    prune_model *model;
    prune_trainer *trainer;
    prune_tensor *x, *targets;
    float x_values[REF_BATCH * REF_WIDTH], y_values[REF_BATCH * REF_WIDTH];
} plan;

static void make_tensors(plan *p, const world *w)
{
    const ref_task *task = &w->task;
    const size_t inputs = w->net.width[0], outputs = w->net.width[w->net.layers];
    for (size_t i = 0; i < task->n * inputs; i++)
        p->x_values[i] = (float)task->x[i];
    for (size_t i = 0; i < task->n * outputs; i++)
        p->y_values[i] = (float)task->y[i];
    ck_assert_ok(prune_tensor_const_matrix(&p->x, NULL, PRUNE_F32, task->n, inputs, p->x_values));
    if (task->loss == PRUNE_MSE)
        ck_assert_ok(prune_tensor_const_matrix(&p->targets, NULL, PRUNE_F32, task->n, outputs, p->y_values));
    else
        ck_assert_ok(prune_tensor_const_matrix(&p->targets, NULL, PRUNE_I32, task->n, 1, task->label));
}

static void make_plan(plan *p, const world *w, int32_t optimizer)
{
    prune_trainer_options options;
    prune_trainer_options_init(&options);
    options.loss = w->task.loss;
    options.optimizer = optimizer;
    options.learning_rate = 0.125f;
    options.momentum = 0.5f;
    options.l1 = (float)w->task.l1;
    options.l2 = (float)w->task.l2;
    options.regularize_bias = w->task.penalize_bias;
    options.max_batch = w->task.n;
    options.backend = backend;
    ck_assert_ok(ref_model(&p->model, &w->net));
    ck_assert_ok(prune_trainer_create(&p->trainer, NULL, p->model, &options, NULL));
    make_tensors(p, w);
}

static void end_plan(plan *p)
{
    prune_tensor_free(p->x);
    prune_tensor_free(p->targets);
    prune_trainer_free(p->trainer);
    prune_model_free(p->model);
}

/* All parameters, or all gradients, one after the other. */
static void collect(float *values, const plan *p, const ref_net *net, int32_t gradients)
{
    for (size_t q = 0; q < 2 * net->layers; q++) {
        const float *from =
            gradients ? prune_trainer_gradient(p->trainer, q) : prune_model_param(p->model, q);
        const size_t begin = ref_begin(net, q);
        memcpy(values + begin, from, (ref_begin(net, q + 1) - begin) * sizeof *values);
    }
}

/* Loss, gradient and penalty as the step API gives them. */
static void run_plan(float *g, float *loss, float *penalty, plan *p, const world *w)
{
    ck_assert_ok(prune_trainer_forward(p->trainer, p->x));
    ck_assert_ok(prune_trainer_loss(loss, p->trainer, p->targets));
    ck_assert_ok(prune_trainer_backward(p->trainer, NULL));
    ck_assert_ok(prune_trainer_penalize(penalty, p->trainer));
    collect(g, p, &w->net, 1);
}

/* ---- comparing ---- */

static void expect(double *g, const world *w)
{
    ref_data_gradient(g, &w->net, &w->task);
    ref_add_penalty_gradient(g, &w->net, &w->task);
}

static int32_t near(double a, double b)
{
    return fabs(a - b) <= 2e-6 * fmax(fabs(b), 1.0);
}

/* Of the outputs, in units of their bounds. */
static double outputs_excess(const plan *p, const world *w, const double *bound)
{
    const size_t inputs = w->net.width[0], outputs = w->net.width[w->net.layers];
    const float *h = prune_tensor_data(prune_trainer_outputs(p->trainer));
    double expected[REF_BATCH * REF_WIDTH];
    ck_assert_uint_eq(prune_tensor_dim(prune_trainer_outputs(p->trainer), 0), w->task.n);
    for (size_t s = 0; s < w->task.n; s++)
        ref_forward(expected + s * outputs, &w->net, w->task.x + s * inputs);
    return ref_excess(h, expected, bound, w->task.n * outputs);
}

static size_t library_agrees(world *w)
{
    static plan p;
    static ref_bounds bounds;
    double expected[REF_PARAMS];
    float g[REF_PARAMS], loss, penalty;
    char text[160];
    describe(text, sizeof text, w);
    make_plan(&p, w, PRUNE_SGD);
    run_plan(g, &loss, &penalty, &p, w);
    expect(expected, w);
    ref_bound(&bounds, &w->net, &w->task);
    const double of_loss = ref_data_loss(&w->net, &w->task);
    const double outputs = outputs_excess(&p, w, bounds.h);
    const double losses = ref_excess(&loss, &of_loss, &bounds.loss, 1);
    const double gradients = ref_excess(g, expected, bounds.g, w->net.count);
    ck_assert_msg(outputs <= 1.0, "outputs: %s, off by %g of what may be", text, outputs);
    ck_assert_msg(losses <= 1.0, "loss: %s, off by %g of what may be", text, losses);
    ck_assert_msg(near((double)penalty, ref_penalty(&w->net, &w->task)), "penalty: %s", text);
    ck_assert_msg(gradients <= 1.0, "gradient: %s, off by %g of what may be", text, gradients);
    end_plan(&p);
    return 1;
}

static size_t differences_agree(world *w)
{
    double g[REF_PARAMS], differences[REF_PARAMS];
    char text[160];
    describe(text, sizeof text, w);
    expect(g, w);
    ref_differences(differences, &w->net, &w->task, EPS);
    const double floor = 1e-4 * fmax(ref_largest(g, w->net.count), 1e-4);
    const double error = ref_relative_error(g, differences, w->net.count, floor);
    ck_assert_msg(error <= 1e-5, "%s: the reference is off by %g", text, error);
    return 1;
}

/* Entries that a 1 % error could hide in are those below 1/500 of the largest, too few to matter, and those
 * that rounding may move as much: fewer than one in a hundred. */
static size_t planted_errors_are_found(world *w)
{
    static plan p;
    static ref_bounds bounds;
    double expected[REF_PARAMS];
    float g[REF_PARAMS], loss;
    size_t planted = 0, found = 0, hidden = 0;
    make_plan(&p, w, PRUNE_SGD);
    run_plan(g, &loss, NULL, &p, w);
    expect(expected, w);
    ref_bound(&bounds, &w->net, &w->task);
    for (size_t i = 0; i < w->net.count; i++) {
        const float right = g[i];
        if (!(fabs(expected[i]) > 2e-3 * ref_largest(expected, w->net.count)))
            continue;
        hidden += 0.005 * fabs(expected[i]) < bounds.g[i];
        g[i] = right * 1.01f;
        found += ref_excess(g, expected, bounds.g, w->net.count) > 1.0;
        g[i] = right;
        planted++;
    }
    ck_assert_uint_ge(found + hidden, planted);
    all_hidden += hidden;
    end_plan(&p);
    return found;
}

/* ---- tests ---- */

START_TEST(reference_agrees_with_its_own_differences)
{
    ck_assert_uint_ge(for_all_worlds(0, differences_agree), 40);
}
END_TEST

START_TEST(gradients_agree_with_the_reference_backend)
{
    backend = prune_backend_reference();
    ck_assert_uint_ge(for_all_worlds(0, library_agrees), 40);
    ck_assert_uint_ge(for_all_worlds(1, library_agrees), 40);
}
END_TEST

START_TEST(gradients_agree_with_the_default_backend)
{
    backend = prune_backend_default();
    ck_assert_uint_ge(for_all_worlds(0, library_agrees), 40);
    ck_assert_uint_ge(for_all_worlds(1, library_agrees), 40);
}
END_TEST

START_TEST(one_percent_in_one_entry_is_found)
{
    backend = prune_backend_reference();
    all_hidden = 0;
    const size_t found = for_all_worlds(0, planted_errors_are_found);
    ck_assert_uint_ge(found, 10000);
    ck_assert_uint_le(100 * all_hidden, found);
}
END_TEST

/* dL/dh = c asked of the reference: the mean squared error to y = h - n c. */
static void aim_at(world *w, const double *c)
{
    const size_t inputs = w->net.width[0], outputs = w->net.width[w->net.layers];
    for (size_t s = 0; s < w->task.n; s++) {
        double h[REF_WIDTH];
        ref_forward(h, &w->net, w->task.x + s * inputs);
        for (size_t o = 0; o < outputs; o++)
            w->task.y[s * outputs + o] = h[o] - (double)w->task.n * c[s * outputs + o];
    }
}

static size_t callers_gradient_agrees(world *w)
{
    static plan p;
    static ref_bounds bounds;
    const size_t outputs = w->net.width[w->net.layers];
    double expected[REF_PARAMS], c[REF_BATCH * REF_WIDTH] = { 0 };
    float g[REF_PARAMS], own[REF_BATCH * REF_WIDTH], loss;
    uint64_t state = 7;
    prune_tensor *gradient;
    make_plan(&p, w, PRUNE_SGD);
    for (size_t i = 0; i < w->task.n * outputs; i++)
        own[i] = (float)(c[i] = draw(&state, 0.1, 1.0));
    ck_assert_ok(prune_tensor_const_matrix(&gradient, NULL, PRUNE_F32, w->task.n, outputs, own));
    ck_assert_ok(prune_trainer_forward(p.trainer, p.x));
    if (w->c.mixed) /* with and without the library's own loss before it */
        ck_assert_ok(prune_trainer_loss(&loss, p.trainer, p.targets));
    ck_assert_ok(prune_trainer_backward(p.trainer, gradient));
    ck_assert_ok(prune_trainer_penalize(NULL, p.trainer));
    collect(g, &p, &w->net, 1);
    w->task.loss = PRUNE_MSE;
    aim_at(w, c);
    expect(expected, w);
    ref_bound(&bounds, &w->net, &w->task);
    ck_assert_double_le(ref_excess(g, expected, bounds.g, w->net.count), 1.0);
    prune_tensor_free(gradient);
    end_plan(&p);
    return 1;
}

START_TEST(callers_output_gradient_goes_through)
{
    backend = prune_backend_default();
    ck_assert_uint_ge(for_all_worlds(1, callers_gradient_agrees), 40);
}
END_TEST

static int32_t state_is_zero(const plan *p, const ref_net *net, size_t q, size_t i)
{
    const float *m = prune_trainer_state(p->trainer, q, 0), *v = prune_trainer_state(p->trainer, q, 1);
    const size_t k = i - ref_begin(net, q);
    return m[k] == 0.0f && (v == NULL || v[k] == 0.0f);
}

/* How many removed weights have a gradient; all of them, and their optimizer state, must be 0. Kept weights
 * with a gradient must have moved against it. */
static size_t look_at_weights(const plan *p, const ref_net *net, const float *before, const float *g)
{
    float after[REF_PARAMS];
    size_t steep = 0;
    int32_t good = 1;
    collect(after, p, net, 0);
    for (size_t q = 0; q < 2 * net->layers; q++)
        for (size_t i = ref_begin(net, q); i < ref_begin(net, q + 1); i++) {
            const int32_t is_steep = fabsf(g[i]) > 1e-3f;
            steep += !net->keep[i] && is_steep;
            if (!net->keep[i])
                good = good && after[i] == 0.0f && state_is_zero(p, net, q, i);
            else if (is_steep)
                good = good && (after[i] - before[i]) * g[i] < 0.0f;
        }
    ck_assert(good);
    return steep;
}

static size_t removed_weights_stay(world *w)
{
    static plan p;
    static const int32_t optimizers[] = { PRUNE_SGD, PRUNE_ADAM };
    size_t steep = 0;
    for (size_t o = 0; o < 2 && w->c.masked; o++) {
        float g[REF_PARAMS], before[REF_PARAMS], loss;
        make_plan(&p, w, optimizers[o]);
        collect(before, &p, &w->net, 0);
        run_plan(g, &loss, NULL, &p, w);
        ck_assert_ok(prune_trainer_update(p.trainer));
        steep += look_at_weights(&p, &w->net, before, g);
        end_plan(&p);
    }
    return steep;
}

/* That their gradients are right is part of the comparisons above, where half of the worlds are masked. */
START_TEST(gradients_of_removed_weights_are_not_applied)
{
    backend = prune_backend_default();
    ck_assert_uint_ge(for_all_worlds(1, removed_weights_stay), 1000);
}
END_TEST

/* A removed neuron with its bias gone too rests exactly on the kink, where f' is 0. */
START_TEST(a_relu_at_its_kink_passes_nothing_back)
{
    static world w;
    static plan p;
    float g[REF_PARAMS], loss;
    const config c = { .depth = 2, .n = 7, .activation = PRUNE_RELU, .loss = PRUNE_MSE };
    backend = prune_backend_default();
    make_world(&w, &c);
    for (size_t i = 0; i < 5; i++)
        w.net.w[i] = w.net.keep[i] = 0;
    w.net.w[ref_begin(&w.net, 1)] = w.net.keep[ref_begin(&w.net, 1)] = 0;
    make_plan(&p, &w, PRUNE_SGD);
    run_plan(g, &loss, NULL, &p, &w);
    for (size_t i = 0; i < 5; i++)
        ck_assert(g[i] == 0.0f);
    ck_assert(g[ref_begin(&w.net, 1)] == 0.0f);
    end_plan(&p);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        reference_agrees_with_its_own_differences, gradients_agree_with_the_reference_backend,
        gradients_agree_with_the_default_backend,  one_percent_in_one_entry_is_found,
        callers_output_gradient_goes_through,      gradients_of_removed_weights_are_not_applied,
        a_relu_at_its_kink_passes_nothing_back,
    };
    return run_tests("gradient", tests, sizeof tests / sizeof tests[0]);
}
