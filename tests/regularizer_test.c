/* regularizer_test.c -- the group lasso: value, gradient, proximal operators; what it makes 0 can be removed
 *
 * SPDX-License-Identifier: MIT */
#include "support/quiet.h"

#include <math.h>
#include <string.h>

/* ---- a twin in double ---- */

/* Parameter 2l is the weight of layer l, 2l + 1 its bias. */
typedef struct twin {
    double w[QUIET_PARAMS][QUIET_MOST];
    uint8_t keep[QUIET_PARAMS][QUIET_MOST];
} twin;

typedef struct twin_group {
    size_t count, param[QUIET_MOST], at[QUIET_MOST];
    double lambda;
} twin_group;

static void take_twin(twin *t, const prune_model *model)
{
    for (size_t p = 0; p < QUIET_PARAMS; p++) {
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
    for (size_t u = 0; u < quiet_widths[layer + 1]; u++)
        add(g, 2 * layer, u * quiet_widths[layer] + input);
}

static twin_group neuron(const prune_group_lasso *o, size_t layer, size_t u)
{
    twin_group g = { .lambda = (double)o->neuron_lambda };
    for (size_t i = 0; i < quiet_widths[layer]; i++)
        add(&g, 2 * layer, u * quiet_widths[layer] + i);
    if (o->include_bias)
        add(&g, 2 * layer + 1, u);
    if (o->include_column && layer + 1 < QUIET_LAYERS)
        add_column(&g, layer + 1, u);
    return g;
}

/* In the order in which they are taken; returns how many. */
static size_t list_groups(twin_group *groups, const prune_group_lasso *o)
{
    size_t count = 0;
    for (size_t i = 0; i < QUIET_INPUTS && o->input_lambda > 0; i++) {
        groups[count] = (twin_group){ .lambda = (double)o->input_lambda };
        add_column(&groups[count++], 0, i);
    }
    for (size_t l = 0; l < QUIET_LAYERS - !o->include_output && o->neuron_lambda > 0; l++)
        for (size_t u = 0; u < quiet_widths[l + 1]; u++)
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
    static twin_group groups[QUIET_MOST];
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
    static twin_group groups[QUIET_MOST];
    double weight;
    const size_t count = list_groups(groups, o);
    for (size_t g = 0; g < count; g++) {
        const double norm = norm_weight(&weight, t, &groups[g], o->by_size);
        for (size_t k = 0; k < groups[g].count && norm > 0.0; k++)
            t->w[groups[g].param[k]][groups[g].at[k]] *= fmax(0.0, 1.0 - rate * weight / norm);
    }
}

/* ---- value and gradient ---- */

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
            quiet f;
            float penalty;
            const prune_group_lasso o = way(number);
            const prune_trainer_options options = quiet_options(&o);
            quiet_open(&f, &options);
            if (masked)
                remove_some(f.model);
            take_twin(&t, f.model);
            quiet_backward(&f);
            ck_assert_ok(prune_trainer_penalize(&penalty, f.trainer));
            ck_assert_double_eq_tol((double)penalty, twin_penalty(&t, &o), 1e-6 * (1.0 + (double)penalty));
            for (size_t p = 0; p < QUIET_PARAMS; p++)
                for (size_t i = 0; i < world_count(f.model, p); i++)
                    if (t.keep[p][i])
                        ck_assert_double_eq_tol((double)prune_trainer_gradient(f.trainer, p)[i],
                                                difference(&t, &o, p, i), 2e-6);
            quiet_close(&f);
        }
}
END_TEST

START_TEST(a_group_that_is_0_has_no_gradient)
{
    static const float zeros[QUIET_MOST] = { 0 };
    const prune_group_lasso o = way(16 + 32 + 15);
    const prune_trainer_options options = quiet_options(&o);
    quiet f;
    quiet_open(&f, &options);
    float penalty = -1.0f;
    for (size_t p = 0; p < QUIET_PARAMS; p++)
        ck_assert_ok(prune_model_set_param(f.model, p, zeros, world_count(f.model, p)));
    quiet_backward(&f);
    ck_assert_ok(prune_trainer_penalize(&penalty, f.trainer));
    ck_assert(penalty == 0.0f);
    for (size_t p = 0; p < QUIET_PARAMS; p++)
        for (size_t i = 0; i < world_count(f.model, p); i++)
            ck_assert(prune_trainer_gradient(f.trainer, p)[i] == 0.0f);
    quiet_close(&f);
}
END_TEST

/* Squares of these leave float on either side. */
START_TEST(large_and_small_weights_have_a_norm)
{
    const float sizes[] = { 1e30f, 1e-30f };
    for (size_t s = 0; s < 2; s++) {
        float weight[QUIET_HIDDEN * QUIET_INPUTS] = { 3.0f * sizes[s], 0.0f, 4.0f * sizes[s] };
        float penalty, bias[QUIET_HIDDEN] = { 0 };
        prune_group_lasso o = way(16);
        const prune_trainer_options options = quiet_options(&o);
        quiet f;
        quiet_open(&f, &options);
        const prune_layer_training off = { sizeof off, 0, 1.0f, 1.0f, 0.0f };
        ck_assert_ok(prune_trainer_set_layer(f.trainer, 1, &off));
        ck_assert_ok(prune_model_set_param(f.model, 0, weight, QUIET_HIDDEN * QUIET_INPUTS));
        ck_assert_ok(prune_model_set_param(f.model, 1, bias, QUIET_HIDDEN));
        quiet_backward(&f);
        ck_assert_ok(prune_trainer_penalize(&penalty, f.trainer));
        ck_assert_double_eq_tol((double)(penalty / sizes[s]), (double)(0.11f * 5.0f), (double)1e-6f);
        ck_assert_double_eq_tol((double)(prune_trainer_gradient(f.trainer, 0)[0]), (double)(0.11f * 0.6f),
                                (double)1e-7f);
        quiet_close(&f);
    }
}
END_TEST

/* ---- the proximal operators ---- */

START_TEST(steps_apply_the_operators_one_after_the_other)
{
    for (int32_t number = 0; number < WAYS; number++)
        for (int32_t strong = 0; strong < 3; strong++) {
            static twin t;
            quiet f;
            prune_group_lasso o = way(number);
            o.proximal = 1;
            const prune_trainer_options options = quiet_options(&o);
            quiet_open(&f, &options);
            remove_some(f.model);
            take_twin(&t, f.model);
            const float rate = strong == 0 ? 0.1f : strong == 1 ? 2.0f : 100.0f;
            ck_assert_ok(prune_trainer_set_learning_rate(f.trainer, rate));
            quiet_backward(&f);
            ck_assert_ok(prune_trainer_penalize(NULL, f.trainer));
            for (size_t p = 0; p < QUIET_PARAMS; p++)
                for (size_t i = 0; i < world_count(f.model, p); i++)
                    ck_assert(prune_trainer_gradient(f.trainer, p)[i] == 0.0f);
            ck_assert_ok(prune_trainer_update(f.trainer));
            twin_shrink(&t, &o, (double)rate);
            for (size_t p = 0; p < QUIET_PARAMS; p++)
                for (size_t i = 0; i < world_count(f.model, p); i++) {
                    const float w = prune_model_param(f.model, p)[i];
                    ck_assert_double_eq_tol((double)w, t.w[p][i], 1e-6);
                    ck_assert((w == 0.0f) == (t.w[p][i] == 0.0));
                }
            (void)world_check_removed(f.model, f.trainer);
            quiet_close(&f);
        }
}
END_TEST

/* What the operator minimises: 1/2 ||p - w||^2 + t ||p||_2 + s ||p||_1. */
static double objective(const double *p, const double *w, const double ts[2])
{
    double sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < QUIET_INPUTS; i++) {
        sum += 0.5 * (p[i] - w[i]) * (p[i] - w[i]) + ts[1] * fabs(p[i]);
        squares += p[i] * p[i];
    }
    return sum + ts[0] * sqrt(squares);
}

/* The least value, by a search in random directions, which tries 0 too, where it has its edges. */
static double minimum(const double *w, const double ts[2])
{
    double best[QUIET_INPUTS] = { 0 }, least = objective(best, w, ts), size = 1.0;
    prune_rng rng;
    prune_rng_seed(&rng, 5);
    for (int32_t turn = 0; turn < 60000; turn++) {
        double next[QUIET_INPUTS];
        for (size_t i = 0; i < QUIET_INPUTS; i++)
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
    static const float start[QUIET_INPUTS] = { 0.5f, -0.7f, 0.2f, -0.05f };
    for (size_t k = 0; k < sizeof ts / sizeof ts[0]; k++) {
        prune_group_lasso o = way(16);
        o.neuron_lambda = (float)ts[k][0];
        o.proximal = 1;
        prune_trainer_options options = quiet_options(&o);
        options.learning_rate = 1.0f;
        options.l1 = (float)ts[k][1];
        options.l1_proximal = 1;
        quiet f;
        quiet_open(&f, &options);
        float weight[QUIET_HIDDEN * QUIET_INPUTS] = { 0 };
        memcpy(weight, start, sizeof start);
        ck_assert_ok(prune_model_set_param(f.model, 0, weight, QUIET_HIDDEN * QUIET_INPUTS));
        quiet_step(&f);
        double p[QUIET_INPUTS], w[QUIET_INPUTS];
        for (size_t i = 0; i < QUIET_INPUTS; i++) {
            p[i] = (double)prune_model_param(f.model, 0)[i];
            w[i] = (double)start[i];
        }
        ck_assert_double_eq_tol(objective(p, w, ts[k]), minimum(w, ts[k]), 1e-5);
        ck_assert_double_le(objective(p, w, ts[k]), minimum(w, ts[k]) + 1e-7);
        quiet_close(&f);
    }
}
END_TEST

/* ---- layers ---- */

START_TEST(layers_have_scales_and_may_be_frozen)
{
    prune_group_lasso o = way(16 + 32 + 2);
    const prune_trainer_options options = quiet_options(&o);
    for (int32_t what = 0; what < 4; what++) {
        quiet f;
        float penalty;
        static twin t;
        quiet_open(&f, &options);
        take_twin(&t, f.model);
        const prune_layer_training how = { sizeof how, what == 3, 1.0f, 1.0f,
                                           what == 3 ? 1.0f : (float)what };
        ck_assert_ok(prune_trainer_set_layer(f.trainer, 1, &how));
        quiet_backward(&f);
        ck_assert_ok(prune_trainer_penalize(&penalty, f.trainer));
        twin_group groups[QUIET_MOST];
        double expected = 0.0, weight;
        const size_t count = list_groups(groups, &o);
        for (size_t g = 0; g < count; g++) {
            const int32_t second = g >= QUIET_INPUTS + QUIET_HIDDEN;
            twin_group part = groups[g];
            part.count = 0;
            for (size_t k = 0; k < groups[g].count; k++) /* what is frozen is in no group */
                if (what != 3 || groups[g].param[k] / 2 != 1)
                    add(&part, groups[g].param[k], groups[g].at[k]);
            const double norm = norm_weight(&weight, &t, &part, o.by_size);
            expected += norm * weight * (second && what != 3 ? (double)what : 1.0);
        }
        ck_assert_double_eq_tol((double)penalty, expected, 1e-6);
        quiet_close(&f);
    }
}
END_TEST

START_TEST(a_frozen_layer_is_not_shrunk)
{
    prune_group_lasso o = way(16 + 32 + 7);
    o.proximal = 1;
    o.neuron_lambda = 100.0f;
    const prune_trainer_options options = quiet_options(&o);
    for (size_t frozen = 0; frozen < QUIET_LAYERS; frozen++) {
        quiet f;
        float before[QUIET_PARAMS][QUIET_MOST];
        quiet_open(&f, &options);
        const prune_layer_training how = { sizeof how, 1, 1.0f, 1.0f, 1.0f };
        ck_assert_ok(prune_trainer_set_layer(f.trainer, frozen, &how));
        for (size_t p = 0; p < QUIET_PARAMS; p++)
            memcpy(before[p], prune_model_param(f.model, p), world_count(f.model, p) * sizeof(float));
        quiet_step(&f);
        for (size_t p = 0; p < QUIET_PARAMS; p++)
            for (size_t i = 0; i < world_count(f.model, p); i++) {
                const float w = prune_model_param(f.model, p)[i];
                ck_assert(p / 2 == frozen ? memcmp(&w, &before[p][i], sizeof w) == 0 : w == 0.0f);
            }
        quiet_close(&f);
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
        prune_trainer_options options = quiet_options(&o);
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
    };
    return run_tests("regularizer", tests, sizeof tests / sizeof tests[0]);
}
