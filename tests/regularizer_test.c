/* regularizer_test.c -- the group lasso: value, gradient, proximal operators; what it makes 0 can be removed
 *
 * SPDX-License-Identifier: MIT */
#include "support/training.h"

#include <math.h>
#include <string.h>

enum { INPUTS = 4, HIDDEN = 5, MIDDLE = 6, OUTPUTS = 3, LAYERS = 3, PARAMS = 2 * LAYERS, MOST = 40 };

static const size_t widths[] = { INPUTS, HIDDEN, MIDDLE, OUTPUTS };

/* ---- a twin in double ---- */

/* Parameter 2l is the weight of layer l, 2l + 1 its bias. */
typedef struct twin {
    double w[PARAMS][MOST];
    uint8_t keep[PARAMS][MOST];
} twin;

typedef struct twin_group {
    size_t count, param[MOST], at[MOST];
    double lambda;
} twin_group;

static void take_twin(twin *t, const prune_model *model)
{
    for (size_t p = 0; p < PARAMS; p++) {
        const size_t count = world_count(model, p);
        ck_assert_ok(prune_mask_get(t->keep[p], count, model, p));
        for (size_t i = 0; i < count; i++)
            t->w[p][i] = (double)prune_model_param(model, p)[i];
    }
}

static void add(twin_group *g, size_t param, size_t at)
{
    g->param[g->count] = param;
    g->at[g->count++] = at;
}

static void add_column(twin_group *g, size_t layer, size_t input)
{
    for (size_t u = 0; u < widths[layer + 1]; u++)
        add(g, 2 * layer, u * widths[layer] + input);
}

static twin_group neuron(const prune_group_lasso *o, size_t layer, size_t u)
{
    twin_group g = { .lambda = (double)o->neuron_lambda };
    for (size_t i = 0; i < widths[layer]; i++)
        add(&g, 2 * layer, u * widths[layer] + i);
    if (o->include_bias)
        add(&g, 2 * layer + 1, u);
    if (o->include_column && layer + 1 < LAYERS)
        add_column(&g, layer + 1, u);
    return g;
}

/* In the order in which they are taken; returns how many. */
static size_t list_groups(twin_group *groups, const prune_group_lasso *o)
{
    size_t count = 0;
    for (size_t i = 0; i < INPUTS && o->input_lambda > 0; i++) {
        groups[count] = (twin_group){ .lambda = (double)o->input_lambda };
        add_column(&groups[count++], 0, i);
    }
    for (size_t l = 0; l < LAYERS - !o->include_output && o->neuron_lambda > 0; l++)
        for (size_t u = 0; u < widths[l + 1]; u++)
            groups[count++] = neuron(o, l, u);
    return count;
}

/* The norm of a group, and what it counts for. */
static double norm_weight(double *weight, const twin *t, const twin_group *g, int32_t by_size)
{
    double squares = 0.0, kept = 0.0;
    for (size_t k = 0; k < g->count; k++) {
        const double w = t->w[g->param[k]][g->at[k]];
        squares += w * w;
        kept += t->keep[g->param[k]][g->at[k]];
    }
    *weight = g->lambda * (by_size ? sqrt(kept) : 1.0);
    return sqrt(squares);
}

static double twin_penalty(const twin *t, const prune_group_lasso *o)
{
    static twin_group groups[MOST];
    double sum = 0.0, weight;
    const size_t count = list_groups(groups, o);
    for (size_t g = 0; g < count; g++) {
        const double norm = norm_weight(&weight, t, &groups[g], o->by_size);
        sum += weight * norm;
    }
    return sum;
}

static void twin_shrink(twin *t, const prune_group_lasso *o, double rate)
{
    static twin_group groups[MOST];
    double weight;
    const size_t count = list_groups(groups, o);
    for (size_t g = 0; g < count; g++) {
        const double norm = norm_weight(&weight, t, &groups[g], o->by_size);
        for (size_t k = 0; k < groups[g].count && norm > 0.0; k++)
            t->w[groups[g].param[k]][groups[g].at[k]] *= fmax(0.0, 1.0 - rate * weight / norm);
    }
}

/* ---- a trainer whose data say nothing ---- */

typedef struct fixture {
    world_data world;
    prune_model *model;
    prune_trainer *trainer;
} fixture;

static prune_trainer_options sgd_options(const prune_group_lasso *lasso)
{
    prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD);
    options.learning_rate = 0.5f;
    options.group_lasso = lasso;
    return options;
}

static void open_fixture(fixture *f, const prune_trainer_options *options)
{
    world_data_make(&f->world, 12, INPUTS, OUTPUTS, 3);
    f->model = world_model(NULL, widths, LAYERS, PRUNE_TANH, 7);
    const float bias[MIDDLE] = { 0.3f, -0.2f, 0.1f, 0.5f, -0.4f, 0.2f };
    for (size_t l = 0; l < LAYERS; l++)
        ck_assert_ok(prune_model_set_param(f->model, 2 * l + 1, bias, widths[l + 1]));
    f->trainer = world_trainer(f->model, options);
}

static void close_fixture(fixture *f)
{
    prune_trainer_free(f->trainer);
    prune_model_free(f->model);
    world_data_end(&f->world);
}

/* To behind the backward pass, with gradients that are 0. */
static void quiet_gradients(fixture *f)
{
    static const float zeros[MOST] = { 0 };
    float loss;
    ck_assert_ok(prune_trainer_forward(f->trainer, f->world.x_tensor));
    ck_assert_ok(prune_trainer_loss(&loss, f->trainer, f->world.y_tensor));
    ck_assert_ok(prune_trainer_backward(f->trainer, NULL));
    for (size_t p = 0; p < PARAMS; p++)
        ck_assert_ok(prune_trainer_set_gradient(f->trainer, p, zeros, world_count(f->model, p)));
}

static void quiet_step(fixture *f)
{
    quiet_gradients(f);
    ck_assert_ok(prune_trainer_penalize(NULL, f->trainer));
    ck_assert_ok(prune_trainer_update(f->trainer));
}

/* All ways to cut the weights into groups. */
enum { WAYS = 64 };

static prune_group_lasso way(int32_t number)
{
    prune_group_lasso o;
    prune_group_lasso_init(&o);
    o.neuron_lambda = number & 16 ? 0.11f : 0.0f;
    o.input_lambda = number & 32 ? 0.07f : 0.0f;
    o.include_bias = number & 1;
    o.include_column = number >> 1 & 1;
    o.include_output = number >> 2 & 1;
    o.by_size = number >> 3 & 1;
    return o;
}

/* ---- value and gradient ---- */

static double difference(twin *t, const prune_group_lasso *o, size_t p, size_t i)
{
    const double w = t->w[p][i], eps = 1e-6;
    t->w[p][i] = w + eps;
    const double high = twin_penalty(t, o);
    t->w[p][i] = w - eps;
    const double low = twin_penalty(t, o);
    t->w[p][i] = w;
    return (high - low) / (2.0 * eps);
}

static void remove_some(prune_model *model)
{
    for (size_t i = 0; i < 20; i += 3)
        world_remove(model, 0, i);
    world_remove(model, 1, 2);
    for (size_t i = 0; i < 5; i++) /* a whole row */
        world_remove(model, 2, i + 10);
}

START_TEST(value_and_gradient_are_those_of_the_formula)
{
    for (int32_t number = 0; number < WAYS; number++)
        for (int32_t masked = 0; masked < 2; masked++) {
            static twin t;
            fixture f;
            float penalty;
            const prune_group_lasso o = way(number);
            const prune_trainer_options options = sgd_options(&o);
            open_fixture(&f, &options);
            if (masked)
                remove_some(f.model);
            take_twin(&t, f.model);
            quiet_gradients(&f);
            ck_assert_ok(prune_trainer_penalize(&penalty, f.trainer));
            ck_assert_double_eq_tol((double)penalty, twin_penalty(&t, &o), 1e-6 * (1.0 + (double)penalty));
            for (size_t p = 0; p < PARAMS; p++)
                for (size_t i = 0; i < world_count(f.model, p); i++)
                    if (t.keep[p][i])
                        ck_assert_double_eq_tol((double)prune_trainer_gradient(f.trainer, p)[i],
                                                difference(&t, &o, p, i), 2e-6);
            close_fixture(&f);
        }
}
END_TEST

START_TEST(a_group_that_is_0_has_no_gradient)
{
    static const float zeros[MOST] = { 0 };
    const prune_group_lasso o = way(16 + 32 + 15);
    const prune_trainer_options options = sgd_options(&o);
    fixture f;
    open_fixture(&f, &options);
    for (size_t p = 0; p < PARAMS; p++)
        ck_assert_ok(prune_model_set_param(f.model, p, zeros, world_count(f.model, p)));
    quiet_gradients(&f);
    float penalty = -1.0f;
    ck_assert_ok(prune_trainer_penalize(&penalty, f.trainer));
    ck_assert(penalty == 0.0f);
    for (size_t p = 0; p < PARAMS; p++)
        for (size_t i = 0; i < world_count(f.model, p); i++)
            ck_assert(prune_trainer_gradient(f.trainer, p)[i] == 0.0f);
    close_fixture(&f);
}
END_TEST

/* Squares of these leave float on either side. */
START_TEST(large_and_small_weights_have_a_norm)
{
    const float sizes[] = { 1e30f, 1e-30f };
    for (size_t s = 0; s < 2; s++) {
        float weight[HIDDEN * INPUTS] = { 3.0f * sizes[s], 0.0f, 4.0f * sizes[s] };
        float penalty, bias[HIDDEN] = { 0 };
        prune_group_lasso o = way(16);
        const prune_trainer_options options = sgd_options(&o);
        fixture f;
        open_fixture(&f, &options);
        const prune_layer_training off = { sizeof off, 0, 1.0f, 1.0f, 0.0f };
        ck_assert_ok(prune_trainer_set_layer(f.trainer, 1, &off));
        ck_assert_ok(prune_model_set_param(f.model, 0, weight, HIDDEN * INPUTS));
        ck_assert_ok(prune_model_set_param(f.model, 1, bias, HIDDEN));
        quiet_gradients(&f);
        ck_assert_ok(prune_trainer_penalize(&penalty, f.trainer));
        ck_assert_double_eq_tol((double)(penalty / sizes[s]), (double)(0.11f * 5.0f), (double)1e-6f);
        ck_assert_double_eq_tol((double)(prune_trainer_gradient(f.trainer, 0)[0]), (double)(0.11f * 0.6f),
                                (double)1e-7f);
        close_fixture(&f);
    }
}
END_TEST

/* ---- the proximal operators ---- */

START_TEST(steps_apply_the_operators_one_after_the_other)
{
    for (int32_t number = 0; number < WAYS; number++)
        for (int32_t strong = 0; strong < 3; strong++) {
            static twin t;
            fixture f;
            prune_group_lasso o = way(number);
            o.proximal = 1;
            const prune_trainer_options options = sgd_options(&o);
            open_fixture(&f, &options);
            remove_some(f.model);
            take_twin(&t, f.model);
            const float rate = strong == 0 ? 0.1f : strong == 1 ? 2.0f : 100.0f;
            ck_assert_ok(prune_trainer_set_learning_rate(f.trainer, rate));
            quiet_gradients(&f);
            ck_assert_ok(prune_trainer_penalize(NULL, f.trainer));
            for (size_t p = 0; p < PARAMS; p++)
                for (size_t i = 0; i < world_count(f.model, p); i++)
                    ck_assert(prune_trainer_gradient(f.trainer, p)[i] == 0.0f);
            ck_assert_ok(prune_trainer_update(f.trainer));
            twin_shrink(&t, &o, (double)rate);
            for (size_t p = 0; p < PARAMS; p++)
                for (size_t i = 0; i < world_count(f.model, p); i++) {
                    const float w = prune_model_param(f.model, p)[i];
                    ck_assert_double_eq_tol((double)w, t.w[p][i], 1e-6);
                    ck_assert((w == 0.0f) == (t.w[p][i] == 0.0));
                }
            (void)world_check_removed(f.model, f.trainer);
            close_fixture(&f);
        }
}
END_TEST

/* What the operator minimises: 1/2 ||p - w||^2 + t ||p||_2 + s ||p||_1. */
static double objective(const double *p, const double *w, const double ts[2])
{
    double sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < INPUTS; i++) {
        sum += 0.5 * (p[i] - w[i]) * (p[i] - w[i]) + ts[1] * fabs(p[i]);
        squares += p[i] * p[i];
    }
    return sum + ts[0] * sqrt(squares);
}

/* The least value, by a search in random directions, which tries 0 too, where it has its edges. */
static double minimum(const double *w, const double ts[2])
{
    double best[INPUTS] = { 0 }, least = objective(best, w, ts), size = 1.0;
    prune_rng rng;
    prune_rng_seed(&rng, 5);
    for (int32_t turn = 0; turn < 60000; turn++) {
        double next[INPUTS];
        for (size_t i = 0; i < INPUTS; i++)
            next[i] = prune_rng_below(&rng, 4) == 0
                          ? (prune_rng_below(&rng, 2) == 0 ? 0.0 : best[i])
                          : best[i] + size * (2.0 * (double)prune_rng_uniform(&rng) - 1.0);
        const double value = objective(next, w, ts);
        size *= value < least ? 1.5 : 0.97;
        size = size < 1e-8 ? 1e-2 : size;
        if (value < least) {
            least = value;
            memcpy(best, next, sizeof best);
        }
    }
    return least;
}

/* One step of rate 1 with no gradient is the operator itself; with an l1 it is that of both. */
START_TEST(the_operator_minimises_what_it_should)
{
    static const double ts[][2] = { { 0.1, 0.0 }, { 0.4, 0.0 },  { 0.9, 0.0 }, { 5.0, 0.0 },
                                    { 0.2, 0.1 }, { 0.05, 0.4 }, { 0.5, 0.3 } };
    static const float start[INPUTS] = { 0.5f, -0.7f, 0.2f, -0.05f };
    for (size_t k = 0; k < sizeof ts / sizeof ts[0]; k++) {
        prune_group_lasso o = way(16);
        o.neuron_lambda = (float)ts[k][0];
        o.proximal = 1;
        prune_trainer_options options = sgd_options(&o);
        options.learning_rate = 1.0f;
        options.l1 = (float)ts[k][1];
        options.l1_proximal = 1;
        fixture f;
        open_fixture(&f, &options);
        float weight[HIDDEN * INPUTS] = { 0 };
        memcpy(weight, start, sizeof start);
        ck_assert_ok(prune_model_set_param(f.model, 0, weight, HIDDEN * INPUTS));
        quiet_step(&f);
        double p[INPUTS], w[INPUTS];
        for (size_t i = 0; i < INPUTS; i++) {
            p[i] = (double)prune_model_param(f.model, 0)[i];
            w[i] = (double)start[i];
        }
        ck_assert_double_eq_tol(objective(p, w, ts[k]), minimum(w, ts[k]), 1e-5);
        ck_assert_double_le(objective(p, w, ts[k]), minimum(w, ts[k]) + 1e-7);
        close_fixture(&f);
    }
}
END_TEST

/* ---- layers ---- */

START_TEST(layers_have_scales_and_may_be_frozen)
{
    prune_group_lasso o = way(16 + 32 + 2);
    const prune_trainer_options options = sgd_options(&o);
    for (int32_t what = 0; what < 4; what++) {
        fixture f;
        float penalty;
        static twin t;
        open_fixture(&f, &options);
        take_twin(&t, f.model);
        const prune_layer_training how = { sizeof how, what == 3, 1.0f, 1.0f,
                                           what == 3 ? 1.0f : (float)what };
        ck_assert_ok(prune_trainer_set_layer(f.trainer, 1, &how));
        quiet_gradients(&f);
        ck_assert_ok(prune_trainer_penalize(&penalty, f.trainer));
        twin_group groups[MOST];
        double expected = 0.0, weight;
        const size_t count = list_groups(groups, &o);
        for (size_t g = 0; g < count; g++) {
            const int32_t second = g >= INPUTS + HIDDEN;
            twin_group part = groups[g];
            part.count = 0;
            for (size_t k = 0; k < groups[g].count; k++) /* what is frozen is in no group */
                if (what != 3 || groups[g].param[k] / 2 != 1)
                    add(&part, groups[g].param[k], groups[g].at[k]);
            const double norm = norm_weight(&weight, &t, &part, o.by_size);
            expected += norm * weight * (second && what != 3 ? (double)what : 1.0);
        }
        ck_assert_double_eq_tol((double)penalty, expected, 1e-6);
        close_fixture(&f);
    }
}
END_TEST

START_TEST(a_frozen_layer_is_not_shrunk)
{
    prune_group_lasso o = way(16 + 32 + 7);
    o.proximal = 1;
    o.neuron_lambda = 100.0f;
    const prune_trainer_options options = sgd_options(&o);
    for (size_t frozen = 0; frozen < LAYERS; frozen++) {
        fixture f;
        float before[PARAMS][MOST];
        open_fixture(&f, &options);
        const prune_layer_training how = { sizeof how, 1, 1.0f, 1.0f, 1.0f };
        ck_assert_ok(prune_trainer_set_layer(f.trainer, frozen, &how));
        for (size_t p = 0; p < PARAMS; p++)
            memcpy(before[p], prune_model_param(f.model, p), world_count(f.model, p) * sizeof(float));
        quiet_step(&f);
        for (size_t p = 0; p < PARAMS; p++)
            for (size_t i = 0; i < world_count(f.model, p); i++) {
                const float w = prune_model_param(f.model, p)[i];
                ck_assert(p / 2 == frozen ? memcmp(&w, &before[p][i], sizeof w) == 0 : w == 0.0f);
            }
        close_fixture(&f);
    }
}
END_TEST

/* The column is that of the next dense layer, and the input's that of the first one. */
START_TEST(groups_reach_through_layers_that_work_unit_by_unit)
{
    for (int32_t apart = 0; apart < 2; apart++) {
        prune_model *model;
        ck_assert_ok(prune_model_create(&model, NULL, 2));
        ck_assert_ok(prune_model_add_activation(model, PRUNE_TANH));
        ck_assert_ok(prune_model_add_dense(model, 2, PRUNE_LINEAR));
        if (apart)
            ck_assert_ok(prune_model_add_batch_norm(model, 0.1f, 1e-5f));
        else
            ck_assert_ok(prune_model_add_softmax(model));
        ck_assert_ok(prune_model_add_dropout(model, 0.5f));
        ck_assert_ok(prune_model_add_dense(model, 2, PRUNE_LINEAR));
        const float first[] = { 1.0f, 2.0f, 3.0f, 4.0f }, second[] = { 5.0f, 6.0f, 7.0f, 8.0f };
        ck_assert_ok(prune_model_set_param(model, 0, first, 4));
        ck_assert_ok(prune_model_set_param(model, prune_model_param_count(model) - 2, second, 4));
        prune_group_lasso o;
        prune_group_lasso_init(&o);
        o.neuron_lambda = 1.0f;
        o.input_lambda = 1.0f;
        o.include_column = 1;
        o.by_size = 0;
        prune_trainer_options options = sgd_options(&o);
        prune_trainer *trainer = world_trainer(model, &options);
        const float x[4] = { 0.1f, 0.2f, 0.3f, 0.4f };
        prune_tensor *rows;
        ck_assert_ok(prune_tensor_const_matrix(&rows, NULL, PRUNE_F32, 2, 2, x));
        float penalty;
        ck_assert_ok(prune_trainer_forward(trainer, rows));
        ck_assert_ok(prune_trainer_backward(trainer, rows));
        ck_assert_ok(prune_trainer_penalize(&penalty, trainer));
        const double inputs = sqrt(1.0 + 9.0) + sqrt(4.0 + 16.0);
        const double neurons = apart ? sqrt(1.0 + 4.0 + 25.0 + 49.0) + sqrt(9.0 + 16.0 + 36.0 + 64.0)
                                     : sqrt(1.0 + 4.0) + sqrt(9.0 + 16.0);
        ck_assert_double_eq_tol((double)penalty, inputs + neurons, 1e-5);
        prune_tensor_free(rows);
        prune_trainer_free(trainer);
        prune_model_free(model);
    }
}
END_TEST

/* ---- schedules ---- */

START_TEST(a_schedule_multiplies_all_of_the_penalty)
{
    const prune_schedule schedules[] = {
        { sizeof schedules[0], PRUNE_SCHEDULE_CONSTANT, 0.1f, 0.0f, 4, 1000 }, /* a linear ramp */
        { sizeof schedules[0], PRUNE_SCHEDULE_STEP, 0.5f, 0.0f, 0, 2 },
    };
    for (size_t s = 0; s < 2; s++) {
        const prune_group_lasso o = way(16 + 32);
        prune_trainer_options options = sgd_options(&o);
        options.l1 = 0.01f;
        options.l2 = 0.02f;
        options.learning_rate = 0.0f; /* the weights stay */
        fixture f;
        float penalty, whole, part;
        open_fixture(&f, &options);
        quiet_gradients(&f);
        ck_assert_ok(prune_trainer_penalize(&whole, f.trainer));
        close_fixture(&f);
        options.penalty_schedule = &schedules[s];
        open_fixture(&f, &options);
        for (uint64_t step = 0; step < 7; step++) {
            quiet_gradients(&f);
            ck_assert_ok(prune_trainer_penalize(&penalty, f.trainer));
            ck_assert_ok(prune_schedule_rate(&part, &schedules[s], 1.0f, step));
            ck_assert_double_eq_tol((double)(penalty), (double)(part * whole), (double)(1e-6f * whole));
            ck_assert_ok(prune_trainer_update(f.trainer));
        }
        close_fixture(&f);
    }
}
END_TEST

START_TEST(a_schedule_multiplies_the_thresholds)
{
    const prune_schedule ramp = { sizeof ramp, PRUNE_SCHEDULE_CONSTANT, 0.1f, 0.0f, 4, 1000 };
    for (int32_t groups = 0; groups < 2; groups++) {
        static const float start[INPUTS] = { 0.6f, 0.0f, 0.8f, 0.0f };
        float weight[HIDDEN * INPUTS] = { 0 };
        memcpy(weight, start, sizeof start);
        prune_group_lasso o = way(groups ? 16 : 0);
        o.neuron_lambda = groups ? 0.1f : 0.0f;
        o.proximal = 1;
        prune_trainer_options options = sgd_options(&o);
        options.learning_rate = 1.0f;
        options.l1 = groups ? 0.0f : 0.1f;
        options.l1_proximal = 1;
        options.penalty_schedule = &ramp;
        fixture f;
        open_fixture(&f, &options);
        ck_assert_ok(prune_model_set_param(f.model, 0, weight, HIDDEN * INPUTS));
        quiet_step(&f); /* a quarter of it */
        const float *w = prune_model_param(f.model, 0);
        ck_assert_double_eq_tol((double)(w[0]), (double)(groups ? 0.6f * 0.975f : 0.575f), (double)1e-6f);
        ck_assert_double_eq_tol((double)(w[2]), (double)(groups ? 0.8f * 0.975f : 0.775f), (double)1e-6f);
        quiet_step(&f); /* and half of it */
        w = prune_model_param(f.model, 0);
        ck_assert_double_eq_tol((double)(w[0]), (double)(groups ? 0.6f * 0.925f : 0.525f), (double)1e-6f);
        close_fixture(&f);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        value_and_gradient_are_those_of_the_formula,
        a_group_that_is_0_has_no_gradient,
        large_and_small_weights_have_a_norm,
        steps_apply_the_operators_one_after_the_other,
        the_operator_minimises_what_it_should,
        layers_have_scales_and_may_be_frozen,
        a_frozen_layer_is_not_shrunk,
        groups_reach_through_layers_that_work_unit_by_unit,
        a_schedule_multiplies_all_of_the_penalty,
        a_schedule_multiplies_the_thresholds,
    };
    return run_tests("regularizer", tests, sizeof tests / sizeof tests[0]);
}
