/* idle_test.c -- neurons and inputs that do nothing any more
 *
 * SPDX-License-Identifier: MIT */
#include "support/nets.h"
#include "support/training.h"

#include <string.h>

/* 3-4-2 with ReLU between, and `between` if that is not NULL: neuron 1 removed; 2 reads nothing but has its
 * bias; 3 is not read; input 1 neither. */
static prune_model *small_model(prune_status (*between)(prune_model *))
{
    static const float first[12] = { 1, 0, 2, 3, 0, 4, 0, 0, 0, 5, 0, 6 }, bias[4] = { 1, 2, 3, 4 };
    static const float last[8] = { 1, 2, 3, 0, 4, 5, 6, 0 };
    prune_model *model;
    ck_assert_ok(prune_model_create(&model, NULL, 3));
    ck_assert_ok(prune_model_add_dense(model, 4, PRUNE_RELU));
    if (between != NULL)
        ck_assert_ok(between(model));
    ck_assert_ok(prune_model_add_dense(model, 2, PRUNE_LINEAR));
    ck_assert_ok(prune_model_set_param(model, 0, first, 12));
    ck_assert_ok(prune_model_set_param(model, 1, bias, 4));
    ck_assert_ok(prune_model_set_param(model, prune_model_param_count(model) - 2, last, 8));
    ck_assert_ok(prune_mask_neuron(model, 0, 1));
    return model;
}

static prune_status dropout(prune_model *model)
{
    return prune_model_add_dropout(model, 0.5f);
}

static prune_status norm(prune_model *model)
{
    return prune_model_add_batch_norm(model, 0.1f, 1e-5f);
}

/* What lies between the two dense layers, and what becomes of the neuron that nobody reads. */
static const struct {
    prune_status (*between)(prune_model *);
    uint8_t last;
} cases[] = {
    { NULL, PRUNE_IDLE_UNREAD },
    { dropout, PRUNE_IDLE_UNREAD },
    { norm, PRUNE_IDLE_UNREAD },
    { prune_model_add_softmax, PRUNE_IDLE_NOT },
};

START_TEST(the_first_reason_is_told)
{
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        prune_model *model = small_model(cases[c].between);
        const uint64_t before = world_hash(model);
        const uint8_t neurons[4] = { PRUNE_IDLE_NOT, PRUNE_IDLE_REMOVED, PRUNE_IDLE_CONSTANT, cases[c].last };
        const uint8_t inputs[3] = { PRUNE_IDLE_NOT, PRUNE_IDLE_UNREAD, PRUNE_IDLE_NOT };
        uint8_t idle[4];
        ck_assert_ok(prune_idle_neurons(idle, 4, model, 0));
        ck_assert_mem_eq(idle, neurons, 4);
        ck_assert_ok(prune_idle_inputs(idle, 3, model));
        ck_assert_mem_eq(idle, inputs, 3);
        ck_assert_ok(prune_idle_neurons(idle, 2, model, prune_model_layer_count(model) - 1));
        ck_assert_uint_eq(idle[0] + idle[1], PRUNE_IDLE_NOT); /* outputs are read */
        ck_assert_uint_eq(world_hash(model), before);
        prune_model_free(model);
    }
}
END_TEST

/* The bias of a neuron that nobody reads may be anything: the outputs stay. */
START_TEST(what_is_not_read_changes_nothing)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        net n;
        net_make(&n, seed);
        prune_model *model = n.model, *other;
        ck_assert_ok(prune_model_clone(&other, NULL, model));
        for (size_t l = 0; l < prune_model_layer_count(model); l++) {
            uint8_t idle[STACK_WIDTH], bits[STACK_WIDTH];
            prune_layer_info info;
            prune_layer_info_init(&info);
            ck_assert_ok(prune_model_layer_info(&info, model, l));
            if (info.kind != PRUNE_LAYER_DENSE)
                continue;
            const size_t width = info.output.dims[0];
            ck_assert_ok(prune_idle_neurons(idle, width, model, l));
            ck_assert_ok(prune_mask_get(bits, width, model, net_param(&n, l) + 1));
            for (size_t u = 0; u < width; u++)
                if (idle[u] == PRUNE_IDLE_UNREAD)
                    net_set(&n, net_param(&n, l) + 1, u, bits[u] ? 7.0f : 0.0f);
        }
        size_t all[STACK_WIDTH];
        for (size_t i = 0; i < STACK_WIDTH; i++)
            all[i] = i;
        net_check_same(other, model, all, seed);
        prune_model_free(other);
        prune_model_free(model);
    }
}
END_TEST

START_TEST(bad_arguments)
{
    prune_model *model = small_model(dropout), *empty;
    uint8_t idle[4] = { 9, 9, 9, 9 };
    ck_assert_ok(prune_model_create(&empty, NULL, 4));
    ck_assert_status(prune_idle_neurons(NULL, 4, model, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_idle_neurons(idle, 4, NULL, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_idle_neurons(idle, 4, empty, 0), PRUNE_E_NO_LAYERS);
    ck_assert_status(prune_idle_neurons(idle, 4, model, 1), PRUNE_E_RANGE);
    ck_assert_status(prune_idle_neurons(idle, 4, model, 3), PRUNE_E_RANGE);
    ck_assert_status(prune_idle_neurons(idle, 3, model, 0), PRUNE_E_SHAPE);
    ck_assert_status(prune_idle_inputs(NULL, 3, model), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_idle_inputs(idle, 3, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_idle_inputs(idle, 3, empty), PRUNE_E_NO_LAYERS);
    ck_assert_status(prune_idle_inputs(idle, 4, model), PRUNE_E_SHAPE);
    for (size_t i = 0; i < 4; i++)
        ck_assert_uint_eq(idle[i], 9);
    ck_assert_ptr_null(prune_idle_name(PRUNE_IDLE_NOT));
    ck_assert_ptr_null(prune_idle_name(-1));
    ck_assert_ptr_null(prune_idle_name(PRUNE_IDLE_COMPACTED + 1));
    ck_assert_str_eq(prune_idle_name(PRUNE_IDLE_COMPACTED), "compacted");
    prune_model_free(empty);
    prune_model_free(model);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { the_first_reason_is_told, what_is_not_read_changes_nothing,
                                   bad_arguments };
    return run_tests("idle", tests, sizeof tests / sizeof tests[0]);
}
