/* fold_test.c -- models with fewer layers that compute the same
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/stack.h"
#include "support/training.h"

#include <math.h>
#include <string.h>

enum { N = 9, STEPS = STACK_LAYERS + 1 };

/* The kinds of layers that are left, in order; 0 ends them. */
static const struct fold_case {
    stack_step steps[STEPS];
    int32_t left[STEPS];
} cases[] = {
    { { { D, 5, 0, 0, 0 }, { B, 0, 0, 0.1f, 1e-5f }, { A, 0, PRUNE_TANH, 0, 0 }, { D, 3, 0, 0, 0 } },
      { D, D } },
    { { { D, 5, 0, 0, 0 },
        { B, 0, 0, 0.1f, 1e-2f },
        { A, 0, PRUNE_GELU, 0, 0 },
        { O, 0, 0, 0.5f, 0 },
        { D, 3, 0, 0, 0 },
        { O, 0, 0, 0.5f, 0 },
        { B, 0, 0, 0.1f, 1e-5f },
        { S, 0, 0, 0, 0 } },
      { D, D, S } },
    { { { D, 5, 0, 0, 0 }, { B, 0, 0, 0.1f, 1e-5f }, { B, 0, 0, 0.5f, 1e-3f }, { A, 0, PRUNE_RELU, 0, 0 } },
      { D } },
    { { { D, 5, PRUNE_RELU, 0, 0 }, { B, 0, 0, 0.1f, 1e-5f }, { D, 3, 0, 0, 0 } }, { D, B, D } },
    { { { D, 5, PRUNE_RELU, 0, 0 }, { A, 0, PRUNE_TANH, 0, 0 }, { D, 3, 0, 0, 0 } }, { D, A, D } },
    { { { D, 5, 0, 0, 0 }, { A, 0, PRUNE_TANH, 0, 0 }, { B, 0, 0, 0.1f, 1e-5f }, { D, 3, 0, 0, 0 } },
      { D, B, D } },
    { { { B, 0, 0, 0.1f, 1e-5f }, { D, 5, 0, 0, 0 } }, { B, D } },
    { { { O, 0, 0, 0.5f, 0 }, { O, 0, 0, 0.5f, 0 } }, { O } },
    { { { O, 0, 0, 0.5f, 0 }, { A, 0, PRUNE_LINEAR, 0, 0 }, { L, 0, 0, 0, 0 } }, { L } },
    { { { S, 0, 0, 0, 0 }, { B, 0, 0, 0.1f, 1e-5f }, { A, 0, 0, 0, 0 }, { A, 0, PRUNE_ELU, 0, 0 } },
      { S, B, A } },
    { { { D, 5, PRUNE_SILU, 0, 0 }, { A, 0, PRUNE_LINEAR, 0, 0 } }, { D } },
};

static void predict(float *h, const prune_model *model, const world_data *world)
{
    prune_workspace *workspace;
    prune_tensor *y;
    ck_assert_ok(prune_tensor_matrix(&y, NULL, PRUNE_F32, N, prune_model_outputs(model), h));
    ck_assert_ok(prune_workspace_create(&workspace, NULL, model, N, prune_backend_reference()));
    ck_assert_ok(prune_predict(y, model, workspace, world->x_tensor));
    prune_workspace_free(workspace);
    prune_tensor_free(y);
}

static void check_same_outputs(const prune_model *a, const prune_model *b)
{
    float h[2][STACK_BLOCK];
    world_data world;
    world_data_make(&world, N, 4, 3, 3);
    ck_assert_uint_eq(prune_model_outputs(a), prune_model_outputs(b));
    predict(h[0], a, &world);
    predict(h[1], b, &world);
    for (size_t i = 0; i < N * prune_model_outputs(a); i++)
        ck_assert_double_le(fabs((double)h[0][i] - (double)h[1][i]), 3e-6 * (1.0 + fabs((double)h[0][i])));
    world_data_end(&world);
}

static prune_model *fold(const prune_model *model)
{
    prune_model *folded;
    const uint64_t before = world_hash(model);
    ck_assert_ok(prune_model_fold(&folded, NULL, model, NULL));
    ck_assert_uint_eq(world_hash(model), before);
    ck_assert_ok(prune_model_verify(folded, NULL));
    check_same_outputs(model, folded);
    return folded;
}

static void check_layers(const prune_model *model, const int32_t *left)
{
    for (size_t l = 0; l < prune_model_layer_count(model); l++) {
        prune_layer_info info = { .size = sizeof info };
        ck_assert_ok(prune_model_layer_info(&info, model, l));
        ck_assert_int_eq(info.kind, left[l]);
    }
    ck_assert_int_eq(left[prune_model_layer_count(model)], 0);
}

START_TEST(fewer_layers_the_same_outputs)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        prune_model *model = stack_model(NULL, 4, cases[i].steps, i), *folded = fold(model);
        check_layers(folded, cases[i].left);
        prune_model *again = fold(folded); /* nothing is left to do */
        ck_assert(world_same_models(folded, again));
        prune_model_free(model);
        prune_model_free(folded);
        prune_model_free(again);
    }
}
END_TEST

/* By the formula in the header, in double. */
START_TEST(the_weights_are_those_of_the_formula)
{
    prune_model *model = stack_model(NULL, 4, cases[0].steps, 3), *folded = fold(model);
    const float *p[6];
    prune_layer_info info = { .size = sizeof info };
    for (size_t i = 0; i < 6; i++)
        p[i] = prune_model_param(model, i);
    for (size_t o = 0; o < 5; o++) {
        const double s = (double)p[2][o] / sqrt((double)p[5][o] + (double)1e-5f);
        const double bias = s * (double)p[1][o] + (double)p[3][o] - s * (double)p[4][o];
        for (size_t i = 0; i < 4; i++)
            ck_assert_double_eq_tol((double)prune_model_param(folded, 0)[o * 4 + i],
                                    s * (double)p[0][o * 4 + i], 5e-7);
        ck_assert_double_eq_tol((double)prune_model_param(folded, 1)[o], bias, 1e-6);
    }
    ck_assert_ok(prune_model_layer_info(&info, folded, 0));
    ck_assert_int_eq(info.activation, PRUNE_TANH);
    prune_model_free(model);
    prune_model_free(folded);
}
END_TEST

START_TEST(masks_are_kept)
{
    prune_model *model = stack_model(NULL, 4, cases[1].steps, 3);
    uint8_t before[20], after[20];
    ck_assert_ok(prune_mask_neuron(model, 0, 2));
    world_remove(model, 0, 1);
    world_remove(model, 6, 7);
    prune_model *folded = fold(model);
    check_layers(folded, cases[1].left);
    ck_assert_uint_eq(world_check_removed(folded, NULL), 4 + 1 + 1 + 1);
    for (size_t i = 0; i < 4; i++) {
        const size_t of_model = i < 2 ? i : i + 4, count = world_count(folded, i);
        ck_assert_ok(prune_mask_get(before, count, model, of_model));
        ck_assert_ok(prune_mask_get(after, count, folded, i));
        ck_assert_mem_eq(before, after, count);
    }
    prune_model_free(model);
    prune_model_free(folded);
}
END_TEST

/* A removed bias that the norm would have to move, and a scale that would leave float: the norm stays. */
START_TEST(what_cannot_be_folded_stays)
{
    static const int32_t left[] = { D, B, A, D, 0 };
    prune_model *model = stack_model(NULL, 4, cases[0].steps, 3);
    world_remove(model, 1, 3);
    prune_model *folded = fold(model);
    check_layers(folded, left);
    ck_assert(world_same_models(model, folded));
    prune_model_free(folded);
    prune_model_free(model);
    const float huge[5] = { 1, 1, 3e38f, 1, 1 }, small[5] = { 1, 1, 0, 1, 1 };
    model = stack_model(NULL, 4, cases[0].steps, 3);
    ck_assert_ok(prune_model_set_param(model, 2, huge, 5));
    ck_assert_ok(prune_model_set_param(model, 5, small, 5));
    ck_assert_ok(prune_model_fold(&folded, NULL, model, NULL));
    check_layers(folded, left);
    ck_assert(world_same_models(model, folded));
    prune_model_free(folded);
    prune_model_free(model);
}
END_TEST

START_TEST(after_training)
{
    world_data world;
    const prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_ADAM);
    world_data_make(&world, N, 4, 3, 3);
    prune_model *model = stack_model(NULL, 4, cases[1].steps, 3);
    prune_trainer *trainer = world_trainer(model, &options);
    for (int step = 0; step < 20; step++)
        ck_assert_ok(prune_trainer_step(NULL, trainer, world.x_tensor, world.y_tensor));
    prune_model *folded = fold(model);
    prune_trainer *next = world_trainer(folded, &options);
    ck_assert_ok(prune_trainer_step(NULL, next, world.x_tensor, world.y_tensor));
    ck_assert_ok(prune_trainer_step(NULL, trainer, world.x_tensor, world.y_tensor));
    prune_trainer_free(next);
    prune_trainer_free(trainer);
    prune_model_free(folded);
    prune_model_free(model);
    world_data_end(&world);
}
END_TEST

START_TEST(what_is_refused)
{
    prune_error error = { 0 };
    prune_model *model = stack_model(NULL, 4, cases[1].steps, 3), *empty, *folded = model;
    ck_assert_ok(prune_model_create(&empty, NULL, 3));
    ck_assert_status(prune_model_fold(NULL, NULL, model, &error), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_model_fold(&folded, NULL, NULL, &error), PRUNE_E_ARGUMENT);
    ck_assert_ptr_null(folded);
    ck_assert_status(prune_model_fold(&folded, NULL, empty, &error), PRUNE_E_NO_LAYERS);
    world_plant(model, 0, 1, NAN);
    ck_assert_status(prune_model_fold(&folded, NULL, model, NULL), PRUNE_E_NONFINITE);
    prune_model_free(empty);
    prune_model_free(model);
}
END_TEST

START_TEST(without_memory)
{
    prune_model *model = stack_model(NULL, 4, cases[1].steps, 3);
    for (size_t n = 1;; n++) {
        heap h = { 0 };
        prune_error error = { 0 };
        prune_model *folded = model;
        const prune_allocator mem = heap_allocator(&h);
        heap_refuse_once(&h, n);
        const prune_status status = prune_model_fold(&folded, &mem, model, &error);
        ck_assert_status(status, h.refused == 0 ? PRUNE_OK : PRUNE_E_MEMORY);
        ck_assert_int_eq(folded == NULL, h.refused != 0);
        ck_assert_int_eq(error.status, status);
        prune_model_free(folded);
        ck_assert(heap_is_clean(&h));
        if (h.refused == 0)
            break;
    }
    prune_model_free(model);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        fewer_layers_the_same_outputs,
        the_weights_are_those_of_the_formula,
        masks_are_kept,
        what_cannot_be_folded_stays,
        after_training,
        what_is_refused,
        without_memory,
    };
    return run_tests("fold", tests, sizeof tests / sizeof tests[0]);
}
