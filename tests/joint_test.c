/* joint_test.c -- one score for a neuron's row, bias and column
 *
 * SPDX-License-Identifier: MIT */
#include "support/stack.h"
#include "support/training.h"

#include <math.h>
#include <string.h>

enum { UNITS = 5 };

/* Where the consumer's weights are, as a parameter; 0: there are none. */
static const struct joint_case {
    stack_step steps[STACK_LAYERS + 1];
    size_t reader, outputs;
} cases[] = {
    { { { D, UNITS, PRUNE_RELU, 0, 0 }, { D, 3, 0, 0, 0 } }, 2, 3 },
    { { { D, UNITS, 0, 0, 0 },
        { B, 0, 0, 0.1f, 1e-3f },
        { A, 0, PRUNE_TANH, 0, 0 },
        { O, 0, 0, 0.5f, 0 },
        { D, 4, 0, 0, 0 },
        { D, 2, 0, 0, 0 } },
      6,
      4 },
    { { { D, UNITS, 0, 0, 0 }, { S, 0, 0, 0, 0 }, { D, 3, 0, 0, 0 } }, 0, 0 },
    { { { D, UNITS, 0, 0, 0 }, { O, 0, 0, 0.5f, 0 } }, 0, 0 },
};

static double power_of(const prune_model *model, size_t param, size_t start, size_t stride, size_t count,
                       double p)
{
    double sum = 0.0;
    for (size_t i = 0; i < count; i++)
        sum += pow(fabs((double)prune_model_param(model, param)[start + i * stride]), p);
    return sum;
}

/* Torch-Pruning's rule: sum |w|^p of each coupled tensor, their mean, over the mean of the group. */
static void expect(double *scores, const prune_model *model, const struct joint_case *c, double p,
                   int32_t include_bias)
{
    double mean = 0.0;
    size_t left = 0;
    for (size_t u = 0; u < UNITS; u++) {
        const double row = power_of(model, 0, u * 4, 1, 4, p);
        const double bias = include_bias ? power_of(model, 1, u, 1, 1, p) : 0.0;
        const double column = c->reader == 0 ? 0.0 : power_of(model, c->reader, u, UNITS, c->outputs, p);
        scores[u] = row > 0.0 ? (row + bias + column) / (1 + (include_bias != 0) + (c->reader != 0)) : 0.0;
        mean += scores[u];
        left += row > 0.0;
    }
    for (size_t u = 0; u < UNITS; u++)
        scores[u] *= (double)left / mean;
}

START_TEST(it_is_the_rule_of_torch_pruning)
{
    for (size_t i = 0; i < 4 * sizeof cases / sizeof cases[0]; i++) {
        const struct joint_case *c = &cases[i / 4];
        const int32_t squared = i % 2 != 0, include_bias = i / 2 % 2 != 0;
        prune_model *model = stack_model(NULL, 4, c->steps, i);
        prune_importance *importance;
        float scores[UNITS];
        double wanted[UNITS];
        ck_assert_ok(prune_mask_neuron(model, 0, 3));
        world_remove(model, 0, 2);
        ck_assert_ok(prune_importance_create(&importance, NULL, model,
                                             squared ? PRUNE_MAGNITUDE_SQUARED : PRUNE_MAGNITUDE));
        ck_assert_ok(prune_importance_joint(scores, UNITS, importance, 0, PRUNE_ROW_L1, include_bias));
        expect(wanted, model, c, squared ? 2.0 : 1.0, include_bias);
        for (size_t u = 0; u < UNITS; u++)
            ck_assert_double_eq_tol((double)scores[u], wanted[u], 2e-6);
        ck_assert(scores[3] >= 0.0f && scores[3] <= 0.0f);
        prune_importance_free(importance);
        prune_model_free(model);
    }
}
END_TEST

START_TEST(a_layer_of_zeros_has_zeros)
{
    prune_model *model = stack_model(NULL, 4, cases[0].steps, 1);
    prune_importance *importance;
    float scores[UNITS];
    ck_assert_ok(prune_model_fill(model, 0.0f));
    ck_assert_ok(prune_importance_create(&importance, NULL, model, PRUNE_MAGNITUDE));
    ck_assert_ok(prune_importance_joint(scores, UNITS, importance, 0, PRUNE_ROW_L2, 1));
    for (size_t u = 0; u < UNITS; u++)
        ck_assert(scores[u] >= 0.0f && scores[u] <= 0.0f);
    prune_importance_free(importance);
    prune_model_free(model);
}
END_TEST

START_TEST(what_is_refused)
{
    prune_model *model = stack_model(NULL, 4, cases[1].steps, 1);
    prune_importance *importance, *waiting;
    float scores[UNITS] = { 7.0f };
    ck_assert_ok(prune_importance_create(&importance, NULL, model, PRUNE_MAGNITUDE));
    ck_assert_ok(prune_importance_create(&waiting, NULL, model, PRUNE_TAYLOR));
    ck_assert_status(prune_importance_joint(NULL, UNITS, importance, 0, PRUNE_ROW_L1, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_importance_joint(scores, UNITS, NULL, 0, PRUNE_ROW_L1, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_importance_joint(scores, UNITS, importance, 0, 99, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_importance_joint(scores, UNITS, importance, 1, PRUNE_ROW_L1, 0), PRUNE_E_RANGE);
    ck_assert_status(prune_importance_joint(scores, UNITS, importance, 6, PRUNE_ROW_L1, 0), PRUNE_E_RANGE);
    ck_assert_status(prune_importance_joint(scores, UNITS - 1, importance, 0, PRUNE_ROW_L1, 0),
                     PRUNE_E_SHAPE);
    ck_assert_status(prune_importance_joint(scores, UNITS, waiting, 0, PRUNE_ROW_L1, 0), PRUNE_E_STATE);
    ck_assert_double_eq((double)scores[0], 7.0);
    prune_importance_free(waiting);
    prune_importance_free(importance);
    prune_model_free(model);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        it_is_the_rule_of_torch_pruning,
        a_layer_of_zeros_has_zeros,
        what_is_refused,
    };
    return run_tests("joint", tests, sizeof tests / sizeof tests[0]);
}
