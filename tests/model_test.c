/* model_test.c -- building, describing, copying and verifying models
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/training.h"

#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

static const size_t widths[] = { 5, 4, 3, 2 };
enum { LAYERS = 3 };

/* 5-4-3-2; of layer 1: weights 5 and 7 and bias 2 are removed. */
static prune_model *pruned_model(const prune_allocator *mem)
{
    prune_model *model = world_model(mem, widths, LAYERS, PRUNE_TANH, 1);
    world_remove(model, 2, 5);
    world_remove(model, 2, 7);
    world_remove(model, 3, 2);
    return model;
}

/* ---- building ---- */

START_TEST(widths_have_limits)
{
    const size_t beyond = (size_t)INT_MAX + 1;
    const struct {
        size_t inputs;
        prune_status status;
    } cases[] = { { 0, PRUNE_E_SIZE },
                  { 1, PRUNE_OK },
                  { INT_MAX, PRUNE_OK },
                  { beyond, PRUNE_E_LIMIT },
                  { SIZE_MAX, PRUNE_E_LIMIT } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        prune_model *model = (prune_model *)(uintptr_t)cases;
        ck_assert_status(prune_model_create(&model, NULL, cases[i].inputs), cases[i].status);
        ck_assert_int_eq(model != NULL, cases[i].status == PRUNE_OK);
        ck_assert_uint_eq(prune_model_inputs(model), cases[i].status == PRUNE_OK ? cases[i].inputs : 0);
        prune_model_free(model);
    }
}
END_TEST

START_TEST(layers_have_limits)
{
    const size_t beyond = (size_t)INT_MAX + 1;
    const struct {
        size_t outputs;
        int32_t activation;
        prune_status status;
    } cases[] = { { 0, PRUNE_RELU, PRUNE_E_SIZE },
                  { beyond, PRUNE_RELU, PRUNE_E_LIMIT },
                  { SIZE_MAX, PRUNE_RELU, PRUNE_E_LIMIT },
                  { INT_MAX, PRUNE_RELU, PRUNE_E_OVERFLOW },
                  { 3, -1, PRUNE_E_ARGUMENT },
                  { 3, PRUNE_SOFTPLUS + 1, PRUNE_E_ARGUMENT },
                  { 3, PRUNE_RELU,
                    SIZE_MAX / sizeof(float) / 3 < INT_MAX ? PRUNE_E_OVERFLOW : PRUNE_E_MEMORY } };
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    prune_model *model;
    ck_assert_ok(prune_model_create(&model, &mem, INT_MAX));
    heap_refuse_from(&h, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_status(prune_model_add_dense(model, cases[i].outputs, cases[i].activation),
                         cases[i].status);
        ck_assert_uint_eq(prune_model_layer_count(model), 0);
        ck_assert_uint_eq(prune_model_outputs(model), 0);
    }
    prune_model_free(model);
    ck_assert(heap_is_clean(&h));
}
END_TEST

START_TEST(a_layer_that_fails_leaves_the_model)
{
    prune_model *model = pruned_model(NULL);
    const uint64_t before = world_hash(model);
    ck_assert_status(prune_model_add_dense(model, 0, PRUNE_RELU), PRUNE_E_SIZE);
    ck_assert_uint_eq(prune_model_outputs(model), 2);
    ck_assert_uint_eq(world_hash(model), before);
    prune_model_free(model);
}
END_TEST

START_TEST(null_is_refused_or_nothing)
{
    const prune_allocator none = { NULL, NULL };
    prune_model *model = NULL;
    ck_assert_status(prune_model_create(NULL, NULL, 3), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_model_create(&model, &none, 3), PRUNE_E_ARGUMENT);
    ck_assert_ptr_null(model);
    ck_assert_status(prune_model_clone(&model, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_ptr_null(model);
    ck_assert_status(prune_model_clone(NULL, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_model_add_dense(NULL, 3, PRUNE_RELU), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_model_initialize(NULL, PRUNE_INIT_AUTO, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_model_verify(NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_uint_eq(prune_model_inputs(NULL) + prune_model_outputs(NULL) + prune_model_layer_count(NULL),
                      0);
    ck_assert_uint_eq(prune_model_param_count(NULL) + prune_model_bytes(NULL), 0);
    ck_assert_ptr_null(prune_model_param(NULL, 0));
    prune_model_free(NULL);
}
END_TEST

START_TEST(bytes_are_what_the_allocator_gave)
{
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    prune_model *model;
    ck_assert_ok(prune_model_create(&model, &mem, 7));
    ck_assert_uint_eq(prune_model_bytes(model), h.live_bytes);
    for (size_t outputs = 1; outputs < 40; outputs += 13) {
        ck_assert_ok(prune_model_add_dense(model, outputs, PRUNE_RELU));
        ck_assert_uint_eq(prune_model_bytes(model), h.live_bytes);
    }
    prune_model_free(model);
    ck_assert(heap_is_clean(&h));
}
END_TEST

/* ---- first values ---- */

START_TEST(values_follow_from_seed_layer_and_shape)
{
    const size_t other_widths[] = { 5, 4, 9 };
    prune_model *a = world_model(NULL, widths, LAYERS, PRUNE_RELU, 3);
    prune_model *b = world_model(NULL, other_widths, 2, PRUNE_RELU, 3);
    prune_model *c = world_model(NULL, widths, LAYERS, PRUNE_RELU, 4);
    ck_assert_mem_eq(prune_model_param(a, 0), prune_model_param(b, 0), 20 * sizeof(float));
    ck_assert_mem_ne(prune_model_param(a, 0), prune_model_param(c, 0), 20 * sizeof(float));
    ck_assert_ok(prune_model_initialize(c, PRUNE_INIT_AUTO, 3));
    ck_assert(world_same_models(a, c));
    prune_model_free(a);
    prune_model_free(b);
    prune_model_free(c);
}
END_TEST

START_TEST(a_new_layer_is_initialised)
{
    prune_model *a, *b;
    ck_assert_ok(prune_model_create(&a, NULL, 6));
    ck_assert_ok(prune_model_add_dense(a, 4, PRUNE_RELU));
    ck_assert_ok(prune_model_clone(&b, NULL, a));
    ck_assert_ok(prune_model_initialize(b, PRUNE_INIT_AUTO, 0));
    ck_assert(world_same_models(a, b));
    for (size_t i = 0; i < 24; i++)
        ck_assert(prune_model_param(a, 0)[i] != 0.0f);
    prune_model_free(a);
    prune_model_free(b);
}
END_TEST

START_TEST(initialising_again_keeps_masks_and_clears_biases)
{
    const float bias[] = { 1, 2, 3, 4 };
    prune_model *model = pruned_model(NULL);
    ck_assert_ok(prune_model_set_param(model, 1, bias, 4));
    ck_assert_status(prune_model_initialize(model, PRUNE_INIT_ZEROS + 1, 1), PRUNE_E_ARGUMENT);
    ck_assert_mem_eq(prune_model_param(model, 1), bias, sizeof bias);
    ck_assert_ok(prune_model_initialize(model, PRUNE_INIT_HE_NORMAL, 1));
    for (size_t i = 0; i < 4; i++)
        ck_assert(prune_model_param(model, 1)[i] == 0.0f);
    ck_assert_uint_eq(world_check_removed(model, NULL), 3);
    prune_model_free(model);
}
END_TEST

/* ---- describing ---- */

START_TEST(layers_are_described)
{
    prune_model *model = pruned_model(NULL);
    prune_layer_info info = { .size = sizeof info };
    ck_assert_uint_eq(prune_model_inputs(model), 5);
    ck_assert_uint_eq(prune_model_outputs(model), 2);
    ck_assert_uint_eq(prune_model_layer_count(model), 3);
    ck_assert_uint_eq(prune_model_param_count(model), 6);
    ck_assert_ok(prune_model_layer_info(&info, model, 1));
    ck_assert_int_eq(info.kind, PRUNE_LAYER_DENSE);
    ck_assert_int_eq(info.activation, PRUNE_TANH);
    ck_assert(info.input.rank == 1 && info.input.dims[0] == 4);
    ck_assert(info.output.rank == 1 && info.output.dims[0] == 3);
    ck_assert_uint_eq(info.parameters, 15);
    ck_assert_uint_eq(info.nonzeros, 10); /* biases are 0 */
    ck_assert_uint_eq(info.weights, 12);
    ck_assert_uint_eq(info.weights_kept, 10);
    ck_assert_uint_eq(info.macs, 12);
    ck_assert_uint_eq(info.macs_kept, 10);
    ck_assert_uint_eq(info.bytes, 60);
    prune_model_free(model);
}
END_TEST

START_TEST(parameters_are_described)
{
    prune_model *model = pruned_model(NULL);
    prune_param_info info = { .size = sizeof info };
    for (size_t p = 0; p < 6; p++) {
        const size_t l = p / 2, is_weight = p % 2 == 0;
        ck_assert_ok(prune_model_param_info(&info, model, p));
        ck_assert_uint_eq(info.layer, l);
        ck_assert_str_eq(info.name, is_weight ? "weight" : "bias");
        ck_assert_int_eq(info.prunable, (int)is_weight);
        ck_assert_uint_eq(info.shape.rank, is_weight ? 2 : 1);
        ck_assert_uint_eq(info.shape.dims[0], widths[l + 1]);
        ck_assert_uint_eq(info.shape.dims[1], is_weight ? widths[l] : 0);
        ck_assert_uint_eq(info.count, widths[l + 1] * (is_weight ? widths[l] : 1));
        ck_assert_uint_eq(info.count - info.kept, p == 2 ? 2 : p == 3 ? 1 : 0);
        ck_assert_ptr_nonnull(prune_model_param(model, p));
    }
    ck_assert_ptr_null(prune_model_param(model, 6));
    prune_model_free(model);
}
END_TEST

START_TEST(descriptions_are_refused)
{
    prune_model *model = pruned_model(NULL);
    prune_layer_info layer = { .size = sizeof layer };
    prune_param_info param = { .size = sizeof param };
    ck_assert_status(prune_model_layer_info(&layer, model, 3), PRUNE_E_RANGE);
    ck_assert_status(prune_model_param_info(&param, model, 6), PRUNE_E_RANGE);
    ck_assert_status(prune_model_layer_info(NULL, model, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_model_param_info(NULL, model, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_model_layer_info(&layer, NULL, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_model_param_info(&param, NULL, 0), PRUNE_E_ARGUMENT);
    layer.size = sizeof layer + 1;
    param.size = sizeof param + 1;
    ck_assert_status(prune_model_layer_info(&layer, model, 0), PRUNE_E_VERSION);
    ck_assert_status(prune_model_param_info(&param, model, 0), PRUNE_E_VERSION);
    prune_model_free(model);
}
END_TEST

START_TEST(an_older_caller_gets_what_he_knows)
{
    prune_model *model = pruned_model(NULL);
    prune_param_info info;
    memset(&info, 0x5a, sizeof info);
    info.size = offsetof(prune_param_info, name);
    ck_assert_ok(prune_model_param_info(&info, model, 2));
    ck_assert_uint_eq(info.size, offsetof(prune_param_info, name));
    ck_assert_uint_eq(info.layer, 1);
    ck_assert_int_eq(info.name[0], 0x5a);
    ck_assert_int_eq(info.prunable, 0x5a5a5a5a);
    prune_model_free(model);
}
END_TEST

/* ---- setting ---- */

START_TEST(set_values_meet_the_mask)
{
    float values[12];
    prune_model *model = pruned_model(NULL);
    for (size_t i = 0; i < 12; i++)
        values[i] = (float)i + 1.0f;
    ck_assert_ok(prune_model_set_param(model, 2, values, 12));
    for (size_t i = 0; i < 12; i++)
        ck_assert(prune_model_param(model, 2)[i] == (i == 5 || i == 7 ? 0.0f : values[i]));
    ck_assert_uint_eq(world_check_removed(model, NULL), 3);
    prune_model_free(model);
}
END_TEST

START_TEST(bad_values_change_nothing)
{
    const float bad[] = { NAN, INFINITY, -INFINITY };
    float values[13] = { 0 };
    prune_model *model = pruned_model(NULL);
    const uint64_t before = world_hash(model);
    for (size_t b = 0; b < 3; b++)
        for (size_t i = 0; i < 12; i++) { /* also where the mask would make it 0 */
            values[i] = bad[b];
            ck_assert_status(prune_model_set_param(model, 2, values, 12), PRUNE_E_NONFINITE);
            values[i] = 0.0f;
        }
    ck_assert_status(prune_model_set_param(model, 2, values, 11), PRUNE_E_SHAPE);
    ck_assert_status(prune_model_set_param(model, 2, values, 13), PRUNE_E_SHAPE);
    ck_assert_status(prune_model_set_param(model, 2, values, 0), PRUNE_E_SHAPE);
    ck_assert_status(prune_model_set_param(model, 6, values, 12), PRUNE_E_RANGE);
    ck_assert_status(prune_model_set_param(model, 2, NULL, 12), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_model_set_param(NULL, 2, values, 12), PRUNE_E_ARGUMENT);
    ck_assert_uint_eq(world_hash(model), before);
    prune_model_free(model);
}
END_TEST

/* ---- copying ---- */

START_TEST(a_clone_is_deep)
{
    heap from = { 0 }, to = { 0 };
    const prune_allocator from_mem = heap_allocator(&from), to_mem = heap_allocator(&to);
    prune_model *model = pruned_model(&from_mem), *copy;
    const uint64_t hash = world_hash(model);
    ck_assert_ok(prune_model_clone(&copy, &to_mem, model));
    ck_assert(world_same_models(model, copy));
    ck_assert_uint_eq(prune_model_bytes(copy), to.live_bytes);
    world_remove(model, 0, 0); /* the original changes, and goes */
    ck_assert_uint_ne(world_hash(model), hash);
    prune_model_free(model);
    ck_assert(heap_is_clean(&from));
    ck_assert_uint_eq(world_hash(copy), hash);
    ck_assert_uint_eq(world_check_removed(copy, NULL), 3);
    ck_assert_ok(prune_model_verify(copy, NULL));
    ck_assert_ok(prune_model_add_dense(copy, 4, PRUNE_RELU));
    prune_model_free(copy);
    ck_assert(heap_is_clean(&to));
}
END_TEST

START_TEST(a_model_without_layers_can_be_cloned)
{
    prune_model *model, *copy;
    ck_assert_ok(prune_model_create(&model, NULL, 9));
    ck_assert_ok(prune_model_clone(&copy, NULL, model));
    ck_assert_uint_eq(prune_model_inputs(copy), 9);
    ck_assert_uint_eq(prune_model_layer_count(copy), 0);
    prune_model_free(model);
    prune_model_free(copy);
}
END_TEST

/* ---- verifying ---- */

START_TEST(verify_finds_what_is_planted)
{
    const struct {
        size_t param, index;
        float value;
        prune_status status;
        const char *place;
    } cases[] = {
        { 2, 7, 1e-30f, PRUNE_E_MASK, "layer 1 weight[7]" },
        { 2, 5, -1.0f, PRUNE_E_MASK, "layer 1 weight[5]" },
        { 3, 2, 0.5f, PRUNE_E_MASK, "layer 1 bias[2]" },
        { 2, 7, NAN, PRUNE_E_NONFINITE, "layer 1 weight[7]" },
        { 0, 19, NAN, PRUNE_E_NONFINITE, "layer 0 weight[19]" },
        { 4, 0, INFINITY, PRUNE_E_NONFINITE, "layer 2 weight[0]" },
        { 5, 1, -INFINITY, PRUNE_E_NONFINITE, "layer 2 bias[1]" },
    };
    prune_model *model = pruned_model(NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const float good = prune_model_param(model, cases[i].param)[cases[i].index];
        prune_error error = { 0 };
        ck_assert_ok(prune_model_verify(model, &error));
        ck_assert_int_eq(error.status, PRUNE_OK);
        ck_assert_str_eq(error.place, "");
        world_plant(model, cases[i].param, cases[i].index, cases[i].value);
        ck_assert_status(prune_model_verify(model, &error), cases[i].status);
        ck_assert_status(prune_model_verify(model, NULL), cases[i].status);
        ck_assert_int_eq(error.status, cases[i].status);
        ck_assert_str_eq(error.place, cases[i].place);
        ck_assert_uint_gt(strlen(error.reason), 0);
        world_plant(model, cases[i].param, cases[i].index, good);
    }
    prune_model_free(model);
}
END_TEST

/* ---- no layers, and layers too many ---- */

START_TEST(without_layers_nothing_is_planned)
{
    const int32_t none = PRUNE_E_NO_LAYERS;
    prune_model *model;
    prune_trainer *trainer = (prune_trainer *)(uintptr_t)&none;
    prune_workspace *workspace = (prune_workspace *)(uintptr_t)&none;
    prune_importance *importance = (prune_importance *)(uintptr_t)&none;
    prune_snapshot *snapshot = (prune_snapshot *)(uintptr_t)&none;
    size_t bytes = 77;
    ck_assert_ok(prune_model_create(&model, NULL, 4));
    ck_assert_status(prune_trainer_create(&trainer, NULL, model, NULL, NULL), none);
    ck_assert_status(prune_workspace_create(&workspace, NULL, model, 1, NULL), none);
    ck_assert_status(prune_importance_create(&importance, NULL, model, PRUNE_MAGNITUDE), none);
    ck_assert_status(prune_snapshot_create(&snapshot, NULL, model), none);
    ck_assert(!trainer && !workspace && !importance && !snapshot);
    ck_assert_status(prune_trainer_bytes(&bytes, model, NULL), none);
    ck_assert_status(prune_workspace_bytes(&bytes, model, 1), none);
    ck_assert_status(prune_importance_bytes(&bytes, model, PRUNE_MAGNITUDE), none);
    ck_assert_uint_eq(bytes, 77);
    prune_model_free(model);
}
END_TEST

START_TEST(without_layers_nothing_is_run)
{
    const int32_t none = PRUNE_E_NO_LAYERS;
    world_data world;
    prune_model *model;
    prune_metrics metrics;
    prune_error error = { 0 };
    world_data_make(&world, 8, 4, 4, 1);
    prune_metrics_init(&metrics);
    ck_assert_ok(prune_model_create(&model, NULL, 4));
    ck_assert_status(prune_model_initialize(model, PRUNE_INIT_AUTO, 0), none);
    ck_assert_status(prune_model_verify(model, &error), none);
    ck_assert_int_eq(error.status, none);
    ck_assert_status(prune_data_check(&world.labelled, model, PRUNE_SOFTMAX_CROSS_ENTROPY, &error), none);
    ck_assert_status(prune_evaluate(&metrics, model, &world.labelled, PRUNE_SOFTMAX_CROSS_ENTROPY, &error),
                     none);
    ck_assert_status(prune_fit(NULL, model, &world.labelled, NULL, NULL, &error), none);
    prune_model_free(model);
    world_data_end(&world);
}
END_TEST

START_TEST(a_trainer_notices_a_new_layer)
{
    float loss = 7.0f;
    world_data world;
    prune_error error = { 0 };
    world_data_make(&world, 8, 5, 2, 1);
    prune_model *model = pruned_model(NULL);
    prune_trainer *trainer = world_trainer(model, NULL);
    ck_assert_ok(prune_trainer_step(NULL, trainer, world.x_tensor, world.label_tensor));
    ck_assert_ok(prune_model_add_dense(model, 2, PRUNE_LINEAR));
    const uint64_t before = world_hash(model);
    ck_assert_status(prune_trainer_forward(trainer, world.x_tensor), PRUNE_E_STATE);
    ck_assert_status(prune_trainer_loss(&loss, trainer, world.label_tensor), PRUNE_E_STATE);
    ck_assert_status(prune_trainer_backward(trainer, NULL), PRUNE_E_STATE);
    ck_assert_status(prune_trainer_penalize(&loss, trainer), PRUNE_E_STATE);
    ck_assert_status(prune_trainer_update(trainer), PRUNE_E_STATE);
    ck_assert_status(prune_trainer_step(&loss, trainer, world.x_tensor, world.label_tensor), PRUNE_E_STATE);
    ck_assert_status(prune_trainer_fit(NULL, trainer, &world.labelled, NULL, &error), PRUNE_E_STATE);
    ck_assert_ptr_null(prune_trainer_gradient(trainer, 6)); /* it has none for the new parameters */
    ck_assert_ptr_null(prune_trainer_state(trainer, 6, 0));
    ck_assert(loss == 7.0f);
    ck_assert_uint_eq(world_hash(model), before);
    prune_trainer_free(trainer);
    prune_model_free(model);
    world_data_end(&world);
}
END_TEST

START_TEST(other_plans_notice_a_new_layer)
{
    static float y[8 * 2];
    world_data world;
    prune_workspace *workspace;
    prune_importance *scores;
    prune_snapshot *snapshot;
    prune_tensor *out;
    world_data_make(&world, 8, 5, 2, 1);
    prune_model *model = pruned_model(NULL);
    ck_assert_ok(prune_workspace_create(&workspace, NULL, model, 4, NULL));
    ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_MAGNITUDE));
    ck_assert_ok(prune_snapshot_create(&snapshot, NULL, model));
    ck_assert_ok(prune_tensor_matrix(&out, NULL, PRUNE_F32, 8, 2, y));
    ck_assert_ok(prune_model_add_dense(model, 2, PRUNE_LINEAR));
    ck_assert_status(prune_predict(out, model, workspace, world.x_tensor), PRUNE_E_STATE);
    ck_assert_status(prune_importance_refresh(scores), PRUNE_E_STATE);
    ck_assert_ptr_null(prune_importance_scores(scores, 0));
    ck_assert_status(prune_mask_lowest(NULL, model, scores, NULL, 1), PRUNE_E_STATE);
    ck_assert_status(prune_snapshot_take(snapshot, model), PRUNE_E_SHAPE);
    ck_assert_status(prune_snapshot_restore(snapshot, model), PRUNE_E_SHAPE);
    prune_model_free(model); /* plans may be freed after their model */
    prune_workspace_free(workspace);
    prune_importance_free(scores);
    prune_snapshot_free(snapshot);
    prune_tensor_free(out);
    world_data_end(&world);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        widths_have_limits,
        layers_have_limits,
        a_layer_that_fails_leaves_the_model,
        null_is_refused_or_nothing,
        bytes_are_what_the_allocator_gave,
        values_follow_from_seed_layer_and_shape,
        a_new_layer_is_initialised,
        initialising_again_keeps_masks_and_clears_biases,
        layers_are_described,
        parameters_are_described,
        descriptions_are_refused,
        an_older_caller_gets_what_he_knows,
        set_values_meet_the_mask,
        bad_values_change_nothing,
        a_clone_is_deep,
        a_model_without_layers_can_be_cloned,
        verify_finds_what_is_planted,
        without_layers_nothing_is_planned,
        without_layers_nothing_is_run,
        a_trainer_notices_a_new_layer,
        other_plans_notice_a_new_layer,
    };
    return run_tests("model", tests, sizeof tests / sizeof tests[0]);
}
