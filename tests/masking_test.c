/* masking_test.c -- masks by hand: bytes, neurons, coming back; and what training makes of them
 *
 * SPDX-License-Identifier: MIT */
#include "support/oracle.h"
#include "support/runner.h"

#include <string.h>

static const size_t small[] = { 4, 3, 2 };

static prune_importance *magnitudes(const prune_model *model)
{
    prune_importance *scores;
    ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_MAGNITUDE));
    return scores;
}

static prune_model *copy_of(const prune_model *model)
{
    prune_model *copy;
    ck_assert_ok(prune_model_clone(&copy, NULL, model));
    return copy;
}

/* ---- by hand ---- */

START_TEST(bytes_other_than_zero_keep_and_what_comes_back_starts_at_zero)
{
    prune_model *model = world_model(NULL, small, 2, PRUNE_RELU, 7);
    const uint8_t first[12] = { 0, 1, 2, 255, 0, 128, 1, 1, 0, 1, 1, 0 };
    const uint8_t second[12] = { 1, 1, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1 };
    float before[12];
    uint8_t seen[12];
    memcpy(before, prune_model_param(model, 0), sizeof before);
    ck_assert_ok(prune_mask_set(model, 0, first, 12));
    ck_assert_ok(prune_mask_get(seen, 12, model, 0));
    for (size_t i = 0; i < 12; i++) {
        ck_assert_uint_eq(seen[i], first[i] != 0);
        ck_assert_number(prune_model_param(model, 0)[i], first[i] ? before[i] : 0.0f);
    }
    ck_assert_ok(prune_mask_set(model, 0, second, 12));
    ck_assert_ok(prune_mask_get(seen, 12, model, 0));
    ck_assert_mem_eq(seen, second, sizeof seen);
    for (size_t i = 0; i < 12; i++)
        ck_assert_number(prune_model_param(model, 0)[i], first[i] && second[i] ? before[i] : 0.0f);
    ck_assert_ok(prune_model_verify(model, NULL));
    prune_param_info info = { .size = sizeof info };
    ck_assert_ok(prune_model_param_info(&info, model, 0));
    ck_assert_uint_eq(info.kept, 10);
    prune_model_free(model);
}
END_TEST

START_TEST(masks_by_hand_check_their_arguments)
{
    prune_model *model = world_model(NULL, small, 2, PRUNE_RELU, 7);
    uint8_t bytes[12] = { 0 };
    const uint64_t hash = world_hash(model);
    ck_assert_status(prune_mask_set(model, 0, bytes, 11), PRUNE_E_SHAPE);
    ck_assert_status(prune_mask_set(model, 4, bytes, 12), PRUNE_E_RANGE);
    ck_assert_status(prune_mask_set(model, 0, NULL, 12), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_mask_set(NULL, 0, bytes, 12), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_mask_get(bytes, 13, model, 0), PRUNE_E_SHAPE);
    ck_assert_status(prune_mask_get(bytes, 12, model, SIZE_MAX), PRUNE_E_RANGE);
    ck_assert_status(prune_mask_get(NULL, 12, model, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_mask_get(bytes, 12, NULL, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_mask_neuron(NULL, 0, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_mask_neuron(model, 2, 0), PRUNE_E_RANGE);
    ck_assert_status(prune_mask_neuron(model, 0, 3), PRUNE_E_RANGE);
    ck_assert_status(prune_mask_neuron(model, 1, 2), PRUNE_E_RANGE);
    ck_assert_status(prune_mask_reset(NULL), PRUNE_E_ARGUMENT);
    ck_assert_uint_eq(world_hash(model), hash);
    prune_selection_init(NULL);
    prune_removal_init(NULL);
    prune_model_free(model);
}
END_TEST

/* Neuron 1 of layer 0 is gone: row and bias; nothing else is. */
static void check_neuron_gone(const prune_model *model, const prune_model *before)
{
    for (size_t i = 0; i < 12; i++)
        ck_assert_number(prune_model_param(model, 0)[i], i / 4 == 1 ? 0.0f : prune_model_param(before, 0)[i]);
    for (size_t i = 0; i < 3; i++)
        ck_assert_number(prune_model_param(model, 1)[i], i == 1 ? 0.0f : prune_model_param(before, 1)[i]);
    ck_assert_mem_eq(prune_model_param(model, 2), prune_model_param(before, 2), 6 * sizeof(float));
    ck_assert_mem_eq(prune_model_param(model, 3), prune_model_param(before, 3), 2 * sizeof(float));
    uint8_t mask[12], bias[3], next[6];
    ck_assert_ok(prune_mask_get(mask, 12, model, 0));
    ck_assert_ok(prune_mask_get(bias, 3, model, 1));
    ck_assert_ok(prune_mask_get(next, 6, model, 2));
    for (size_t i = 0; i < 12; i++)
        ck_assert_uint_eq(mask[i], i / 4 != 1);
    for (size_t i = 0; i < 3; i++)
        ck_assert_uint_eq(bias[i], i != 1);
    for (size_t i = 0; i < 6; i++)
        ck_assert_uint_eq(next[i], 1);
}

START_TEST(a_removed_neuron_is_its_row_and_its_bias)
{
    const float weights[12] = { 1, -2, 3, 4, 0.1f, 0.2f, 0.1f, -0.1f, 5, 6, 7, 8 };
    const float biases[3] = { 1, 2, 3 };
    prune_model *model = world_model(NULL, small, 2, PRUNE_RELU, 7);
    ck_assert_ok(prune_model_set_param(model, 0, weights, 12));
    ck_assert_ok(prune_model_set_param(model, 1, biases, 3));
    prune_model *by_hand = copy_of(model), *before = copy_of(model);
    prune_importance *scores = magnitudes(model);
    prune_selection selection;
    prune_selection_init(&selection);
    selection.granularity = PRUNE_NEURONS;
    ck_assert_ok(prune_mask_lowest(NULL, model, scores, &selection, 1));
    check_neuron_gone(model, before);
    ck_assert_ok(prune_mask_neuron(by_hand, 0, 1));
    ck_assert(world_same_models(model, by_hand));
    prune_importance_free(scores);
    prune_model_free(model);
    prune_model_free(by_hand);
    prune_model_free(before);
}
END_TEST

START_TEST(the_last_neuron_stays)
{
    prune_model *model = world_model(NULL, small, 2, PRUNE_RELU, 7);
    ck_assert_ok(prune_mask_neuron(model, 0, 2));
    ck_assert_ok(prune_mask_neuron(model, 0, 0));
    ck_assert_ok(prune_mask_neuron(model, 0, 0)); /* gone already: nothing to do */
    ck_assert_status(prune_mask_neuron(model, 0, 1), PRUNE_E_COLLAPSE);
    ck_assert_ok(prune_mask_neuron(model, 1, 0)); /* outputs too, by hand */
    ck_assert_status(prune_mask_neuron(model, 1, 1), PRUNE_E_COLLAPSE);
    ck_assert_ok(prune_model_verify(model, NULL));
    uint64_t units, kept;
    prune_selection selection;
    prune_selection_init(&selection);
    selection.granularity = PRUNE_NEURONS;
    selection.include_output = 1;
    ck_assert_ok(prune_mask_units(&units, &kept, model, &selection));
    ck_assert_uint_eq(units, 5);
    ck_assert_uint_eq(kept, 2);
    prune_model_free(model);
}
END_TEST

START_TEST(reset_lets_all_live_from_zero)
{
    prune_model *model = world_model(NULL, small, 2, PRUNE_RELU, 7);
    ck_assert_ok(prune_mask_neuron(model, 0, 1));
    prune_model *before = copy_of(model);
    ck_assert_ok(prune_mask_reset(model));
    uint64_t units, kept;
    ck_assert_ok(prune_mask_units(&units, &kept, model, NULL));
    ck_assert_uint_eq(kept, units);
    for (size_t i = 0; i < 12; i++)
        ck_assert_number(prune_model_param(model, 0)[i], prune_model_param(before, 0)[i]);
    ck_assert_ok(prune_model_verify(model, NULL));
    const float one[3] = { 1, 1, 1 };
    ck_assert_ok(prune_model_set_param(model, 1, one, 3));
    ck_assert_number(prune_model_param(model, 1)[1], 1.0f);
    prune_model_free(model);
    prune_model_free(before);
}
END_TEST

/* ---- and training ---- */

static const struct optimizer {
    int32_t kind;
    float momentum, l1, l2;
} optimizers[] = {
    { PRUNE_SGD, 0.0f, 0.0f, 0.0f },
    { PRUNE_SGD, 0.9f, 1e-3f, 1e-2f },
    { PRUNE_ADAM, 0.0f, 1e-3f, 1e-2f },
};

static prune_trainer *trainer_of(prune_model *model, const struct optimizer *o)
{
    prune_trainer_options options;
    prune_trainer *trainer;
    prune_trainer_options_init(&options);
    options.optimizer = o->kind;
    options.momentum = o->momentum;
    options.l1 = o->l1;
    options.l2 = o->l2;
    options.learning_rate = 0.05f;
    ck_assert_ok(prune_trainer_create(&trainer, NULL, model, &options, NULL));
    return trainer;
}

static void steps(prune_trainer *trainer, const world_data *world, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        ck_assert_ok(prune_trainer_step(NULL, trainer, world->x_tensor, world->label_tensor));
}

static void check_no_state(const prune_trainer *trainer, size_t param, const uint8_t *mask, size_t count)
{
    for (size_t slot = 0; slot < 2; slot++) {
        const float *state = prune_trainer_state(trainer, param, slot);
        for (size_t i = 0; state != NULL && i < count; i++)
            ck_assert(mask[i] || (state[i] <= 0.0f && state[i] >= 0.0f));
    }
}

/* A weight that was removed for a step has no past: the first step after it is back is that of its new
 * gradient. */
static void regrow(const struct optimizer *o)
{
    world_data world;
    uint8_t mask[12] = { 1, 0, 1, 1, 0, 0, 1, 1, 1, 1, 1, 0 }, all[12];
    memset(all, 1, sizeof all);
    world_data_make(&world, 24, 4, 2, 5);
    prune_model *model = world_model(NULL, small, 2, PRUNE_TANH, 7);
    prune_trainer *trainer = trainer_of(model, o);
    steps(trainer, &world, 5);
    ck_assert_ok(prune_mask_set(model, 0, mask, 12));
    for (int32_t i = 0; i < 5; i++) {
        steps(trainer, &world, 1);
        ck_assert_ok(prune_model_verify(model, NULL));
        check_no_state(trainer, 0, mask, 12);
    }
    ck_assert_ok(prune_mask_set(model, 0, all, 12));
    check_no_state(trainer, 0, mask, 12);
    for (size_t i = 0; i < 12; i++)
        ck_assert(mask[i] ||
                  !(prune_model_param(model, 0)[i] > 0.0f || prune_model_param(model, 0)[i] < 0.0f));
    steps(trainer, &world, 1);
    const float *gradient = prune_trainer_gradient(trainer, 0), *m = prune_trainer_state(trainer, 0, 0);
    const float part = o->kind == PRUNE_ADAM ? 1.0f - 0.9f : 1.0f;
    for (size_t i = 0; i < 12; i++)
        if (!mask[i]) {
            ck_assert_number(m[i], part * gradient[i]);
            ck_assert(prune_model_param(model, 0)[i] * gradient[i] < 0.0f);
        }
    prune_trainer_free(trainer);
    prune_model_free(model);
    world_data_end(&world);
}

START_TEST(a_weight_that_comes_back_has_no_momentum)
{
    for (size_t i = 0; i < sizeof optimizers / sizeof optimizers[0]; i++)
        regrow(&optimizers[i]);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        bytes_other_than_zero_keep_and_what_comes_back_starts_at_zero,
        masks_by_hand_check_their_arguments,
        a_removed_neuron_is_its_row_and_its_bias,
        the_last_neuron_stays,
        reset_lets_all_live_from_zero,
        a_weight_that_comes_back_has_no_momentum,
    };
    return run_tests("masking", tests, sizeof tests / sizeof tests[0]);
}
