/* rounding_test.c -- weights on the grid of int8 while they are trained
 *
 * SPDX-License-Identifier: MIT */
#include "support/calibrated.h"
#include "support/heap.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { INPUTS = 6, HIDDEN = 5, CLASSES = 3, WEIGHTS = HIDDEN * INPUTS, STEPS = 400 };

static prune_model *make_model(void)
{
    const size_t widths[] = { INPUTS, HIDDEN, CLASSES };
    prune_model *model = world_model(NULL, widths, 2, PRUNE_RELU, 5);
    uint8_t kept[WEIGHTS];
    for (size_t i = 0; i < WEIGHTS; i++)
        kept[i] = i % 4 != 1;
    ck_assert_ok(prune_mask_set(model, 0, kept, WEIGHTS));
    return model;
}

static void weights_of(float w[WEIGHTS], const prune_model *model)
{
    memcpy(w, prune_model_param(model, 0), WEIGHTS * sizeof *w);
}

/* Each row, or all: whole multiples of the largest over 127, and 0 where nothing is kept. */
static void check_grid(const prune_model *model, int32_t per_layer)
{
    float w[WEIGHTS];
    const size_t group = per_layer ? WEIGHTS : INPUTS;
    weights_of(w, model);
    for (size_t at = 0; at < WEIGHTS; at += group) {
        double most = 0.0;
        for (size_t i = at; i < at + group; i++)
            most = fmax(most, fabs((double)w[i]));
        for (size_t i = at; i < at + group; i++) {
            const double q = (double)w[i] / most * 127.0;
            ck_assert(fabs(q - round(q)) < 1e-4);
            ck_assert(i % 4 != 1 || w[i] == 0.0f);
        }
    }
}

START_TEST(weights_are_rounded_to_the_nearest)
{
    for (int32_t per_layer = 0; per_layer < 2; per_layer++) {
        float before[WEIGHTS], after[WEIGHTS];
        prune_rounding *r;
        prune_model *model = make_model();
        weights_of(before, model);
        ck_assert_ok(prune_rounding_create(&r, NULL, model, per_layer));
        weights_of(after, model);
        check_grid(model, per_layer);
        for (size_t i = 0; i < WEIGHTS; i++)
            ck_assert(fabsf(after[i] - before[i]) <= 0.5001f * 1.5f / 127.0f);
        ck_assert_int_ne(memcmp(before, after, sizeof after), 0);
        ck_assert_ok(prune_rounding_update(r)); /* nothing has moved */
        weights_of(before, model);
        ck_assert_mem_eq(before, after, sizeof after);
        prune_rounding_free(r);
        prune_model_free(model);
    }
}
END_TEST

/* What goes while it is rounded, goes from what is kept beside it too. */
START_TEST(removed_weights_stay_removed)
{
    float w[WEIGHTS];
    uint8_t kept[WEIGHTS];
    prune_rounding *r;
    prune_model *model = make_model();
    ck_assert_ok(prune_rounding_create(&r, NULL, model, 0));
    for (size_t i = 0; i < WEIGHTS; i++)
        kept[i] = i % 4 == 0;
    ck_assert_ok(prune_mask_set(model, 0, kept, WEIGHTS));
    for (size_t n = 0; n < 2; n++) {
        ck_assert_ok(prune_rounding_update(r));
        ck_assert_ok(prune_model_verify(model, NULL));
    }
    weights_of(w, model);
    for (size_t i = 0; i < WEIGHTS; i++)
        ck_assert((w[i] != 0.0f) == (i % 4 == 0));
    prune_rounding_free(r);
    prune_model_free(model);
}
END_TEST

/* A hundred moves of a hundredth of a step are a step; each alone would be rounded away. */
START_TEST(small_moves_add_up)
{
    float w[WEIGHTS], moved[WEIGHTS];
    prune_rounding *r;
    prune_model *model = make_model();
    weights_of(w, model);
    for (size_t i = 0; i < WEIGHTS; i++)
        w[i] = i % 4 == 1 ? 0.0f : i % INPUTS == 0 ? 1.27f : 0.1f;
    ck_assert_ok(prune_model_set_param(model, 0, w, WEIGHTS));
    ck_assert_ok(prune_rounding_create(&r, NULL, model, 0));
    for (size_t n = 0; n < 100; n++) {
        weights_of(moved, model);
        moved[2] += 0.0001f;
        ck_assert_ok(prune_model_set_param(model, 0, moved, WEIGHTS));
        ck_assert_ok(prune_rounding_update(r));
        weights_of(moved, model);
        ck_assert(n > 40 || moved[2] < 0.1001f);
    }
    ck_assert(fabsf(moved[2] - 0.11f) < 1e-5f && fabsf(moved[3] - 0.1f) < 1e-5f);
    prune_rounding_free(r);
    prune_model_free(model);
}
END_TEST

static double trained_loss(int32_t rounded)
{
    world_data data;
    prune_trainer *trainer;
    prune_trainer_options options;
    prune_rounding *r = NULL;
    prune_model *model = make_model();
    float loss = 0.0f;
    world_data_make(&data, 64, INPUTS, CLASSES, 7);
    prune_trainer_options_init(&options);
    options.max_batch = 64;
    ck_assert_ok(prune_trainer_create(&trainer, NULL, model, &options, NULL));
    if (rounded)
        ck_assert_ok(prune_rounding_create(&r, NULL, model, 0));
    for (size_t n = 0; n < STEPS; n++) {
        ck_assert_ok(prune_trainer_step(&loss, trainer, data.x_tensor, data.label_tensor));
        if (rounded)
            ck_assert_ok(prune_rounding_update(r));
    }
    if (rounded)
        check_grid(model, 0);
    prune_rounding_free(r);
    prune_trainer_free(trainer);
    prune_model_free(model);
    world_data_end(&data);
    return (double)loss;
}

START_TEST(rounded_weights_learn_as_others_do)
{
    const double whole = trained_loss(0), rounded = trained_loss(1);
    ck_assert_msg(rounded < 1.1 * whole && whole < 0.8, "%g, and rounded %g", whole, rounded);
}
END_TEST

START_TEST(quantizing_rounds_no_more)
{
    static world w;
    float weights[WEIGHTS];
    int32_t dense[] = { PRUNE_BLOB_DENSE8, PRUNE_BLOB_DENSE8 };
    prune_rounding *r;
    prune_quantize_options options = usual_options();
    prune_model *model = make_model();
    options.encodings = dense;
    options.encoding_count = 2;
    make_world(&w, INPUTS, 3);
    ck_assert_ok(prune_rounding_create(&r, NULL, model, 0));
    prune_quantized *q = quantize(model, &w, &options);
    weights_of(weights, model);
    const prune_blob_layer *first = prune_blob_next(prune_blob_first(prune_quantized_blob(q)));
    const unsigned char *bytes = (const unsigned char *)(first + 1) + 4 * (2 + 8 + 4);
    for (size_t i = 0; i < INPUTS && runs_here();
         i++) { /* the first row: columns 0 2 1 3, every fourth word */
        static const size_t place[] = { 0, 2, 1, 3, 16, 18 };
        double most = 0.0;
        for (size_t k = 0; k < INPUTS; k++)
            most = fmax(most, fabs((double)weights[k]));
        ck_assert(fabs((double)(int8_t)bytes[place[i]] * most / 127.0 - (double)weights[i]) < 1e-6 * most);
    }
    prune_quantized_free(q);
    prune_rounding_free(r);
    prune_tensor_free(w.tensor);
    prune_model_free(model);
}
END_TEST

/* The way from one to the other is no float. */
START_TEST(huge_moves)
{
    const float low[WEIGHTS] = { -3e38f, 0.0f, 1e38f }, high[WEIGHTS] = { 3e38f, 0.0f, -3e38f };
    float after[WEIGHTS];
    prune_rounding *r;
    prune_model *model = make_model();
    ck_assert_ok(prune_model_set_param(model, 0, low, WEIGHTS));
    ck_assert_ok(prune_rounding_create(&r, NULL, model, 0));
    ck_assert_ok(prune_model_set_param(model, 0, high, WEIGHTS));
    ck_assert_ok(prune_rounding_update(r));
    weights_of(after, model);
    ck_assert_msg(fabsf(after[0] - 3e38f) < 1e33f, "%g", (double)after[0]);
    ck_assert_msg(fabsf(after[2] + 3e38f) < 2e36f, "%g", (double)after[2]); /* half a step */
    prune_rounding_free(r);
    prune_model_free(model);
}
END_TEST

/* 0.498 of the largest float beside the largest is 63 / 127 of it, rounded: as far above that is no float. */
START_TEST(weights_that_would_leave_float_change_nothing)
{
    float w[WEIGHTS] = { FLT_MAX, 0.0f, 0.498f * FLT_MAX }, before[WEIGHTS], after[WEIGHTS];
    prune_rounding *r;
    prune_model *model = make_model();
    ck_assert_ok(prune_model_set_param(model, 0, w, WEIGHTS));
    ck_assert_ok(prune_rounding_create(&r, NULL, model, 0));
    weights_of(before, model);
    memcpy(w, before, sizeof w);
    w[0] = 1.0f;
    w[2] = FLT_MAX;
    ck_assert_ok(prune_model_set_param(model, 0, w, WEIGHTS));
    ck_assert_status(prune_rounding_update(r), PRUNE_E_NONFINITE);
    weights_of(after, model);
    ck_assert_mem_eq(after, w, sizeof w);
    ck_assert_ok(prune_model_set_param(model, 0, before, WEIGHTS));
    ck_assert_ok(prune_rounding_update(r));
    weights_of(after, model);
    ck_assert_mem_eq(after, before, sizeof after);
    prune_rounding_free(r);
    prune_model_free(model);
}
END_TEST

START_TEST(bad_arguments_are_refused)
{
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    prune_rounding *r = NULL;
    prune_model *model = make_model(), *empty;
    const uint64_t before = world_hash(model);
    ck_assert_ok(prune_model_create(&empty, NULL, 3));
    ck_assert_status(prune_rounding_create(NULL, NULL, model, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_rounding_create(&r, NULL, NULL, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_rounding_create(&r, NULL, empty, 0), PRUNE_E_NO_LAYERS);
    ck_assert_status(prune_rounding_create(&r, NULL, model, 2), PRUNE_E_ARGUMENT);
    heap_refuse_once(&h, 1);
    ck_assert_status(prune_rounding_create(&r, &mem, model, 0), PRUNE_E_MEMORY);
    ck_assert_ptr_null(r);
    ck_assert_uint_eq(world_hash(model), before);
    ck_assert_ok(prune_rounding_create(&r, &mem, model, 0));
    ck_assert_ok(prune_model_add_dense(model, 2, PRUNE_RELU));
    ck_assert_status(prune_rounding_update(r), PRUNE_E_STATE);
    ck_assert_status(prune_rounding_update(NULL), PRUNE_E_ARGUMENT);
    prune_rounding_free(r);
    prune_rounding_free(NULL);
    ck_assert(heap_is_clean(&h));
    prune_model_free(empty);
    prune_model_free(model);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        weights_are_rounded_to_the_nearest,
        removed_weights_stay_removed,
        small_moves_add_up,
        rounded_weights_learn_as_others_do,
        quantizing_rounds_no_more,
        bad_arguments_are_refused,
        huge_moves,
        weights_that_would_leave_float_change_nothing,
    };
    return run_tests("rounding", tests, sizeof tests / sizeof tests[0]);
}
