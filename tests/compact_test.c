/* compact_test.c -- smaller models that compute the same: by hand, with other widths, and what is refused
 *
 * SPDX-License-Identifier: MIT */
#include "support/bytes.h"
#include "support/heap.h"
#include "support/nets.h"
#include "support/training.h"

#include <math.h>
#include <string.h>

/* ---- by hand: 2 - 3 - 1, neuron 2 is `factor` times neuron 0 ---- */

static prune_model *three(int32_t activation, float factor)
{
    const float w[6] = { 0.5f, -0.75f, 1.0f, 2.0f, 0.5f * factor, -0.75f * factor };
    const float b[3] = { 0.25f, -1.0f, 0.25f * factor }, v[3] = { 3.0f, 5.0f, 7.0f }, c[1] = { 0.5f };
    prune_model *model;
    ck_assert_ok(prune_model_create(&model, NULL, 2));
    ck_assert_ok(prune_model_add_dense(model, 3, activation));
    ck_assert_ok(prune_model_add_dense(model, 1, PRUNE_LINEAR));
    ck_assert_ok(prune_model_set_param(model, 0, w, 6));
    ck_assert_ok(prune_model_set_param(model, 1, b, 3));
    ck_assert_ok(prune_model_set_param(model, 2, v, 3));
    ck_assert_ok(prune_model_set_param(model, 3, c, 1));
    return model;
}

/* Which factors an activation passes on. */
static const struct merge_case {
    int32_t activation;
    float factor;
    int32_t merges;
} merges[] = {
    { PRUNE_RELU, 1.0f, 1 },       { PRUNE_RELU, 4.0f, 1 },     { PRUNE_RELU, -1.0f, 0 },
    { PRUNE_RELU, 3.0f, 0 },       { PRUNE_LINEAR, 0.5f, 1 },   { PRUNE_LINEAR, -2.0f, 1 },
    { PRUNE_LEAKY_RELU, 0.5f, 1 }, { PRUNE_LEAKY_RELU, -1, 0 }, { PRUNE_TANH, -1.0f, 1 },
    { PRUNE_TANH, 2.0f, 0 },       { PRUNE_TANH, -2.0f, 0 },    { PRUNE_SIGMOID, 1.0f, 1 },
    { PRUNE_SIGMOID, -1.0f, 0 },   { PRUNE_ELU, 2.0f, 0 },      { PRUNE_GELU, 1.0f, 1 },
    { PRUNE_SOFTPLUS, 2.0f, 0 },   { PRUNE_SILU, -1.0f, 0 },    { PRUNE_SELU, 1.0f, 1 },
};

START_TEST(the_first_takes_over_the_weights_of_its_twin)
{
    for (size_t i = 0; i < sizeof merges / sizeof merges[0]; i++) {
        prune_compact_report report;
        size_t kept[NET_KEPT];
        prune_model *model = three(merges[i].activation, merges[i].factor);
        prune_model *small = net_compact(model, NULL, &report, kept);
        ck_assert_uint_eq(report.merged, (size_t)merges[i].merges);
        ck_assert_uint_eq(report.neurons, 4 - (size_t)merges[i].merges);
        if (merges[i].merges) {
            ck_assert_double_eq((double)prune_model_param(small, 2)[0], 3.0 + 7.0 * (double)merges[i].factor);
            ck_assert_double_eq((double)prune_model_param(small, 2)[1], 5.0);
        }
        net_check_same(model, small, kept, i);
        prune_model_free(small);
        prune_model_free(model);
    }
}
END_TEST

/* A removed neuron leaves f(0), one without weights f(b); both times their weights are in the next bias. */
START_TEST(constants_are_folded)
{
    prune_compact_report report;
    size_t kept[NET_KEPT];
    const float w[6] = { 0.0f, 0.0f, 1.0f, 2.0f, 0.5f, 0.5f };
    prune_model *model = three(PRUNE_SIGMOID, 3.0f);
    ck_assert_ok(prune_model_set_param(model, 0, w, 6));
    ck_assert_ok(prune_mask_neuron(model, 0, 2));
    prune_model *small = net_compact(model, NULL, &report, kept);
    ck_assert_double_eq_tol((double)prune_model_param(small, 3)[0],
                            0.5 + 3.0 / (1.0 + exp(-0.25)) + 7.0 * 0.5, 1e-6);
    ck_assert_uint_eq(report.constant, 2);
    ck_assert_uint_eq(report.parameters_before, 13);
    ck_assert_uint_eq(report.parameters, 5);
    ck_assert_uint_eq(kept[2], 1);
    prune_model_free(small);
    prune_model_free(model);
}
END_TEST

START_TEST(what_was_removed_within_rows_stays_removed)
{
    prune_compact_report report;
    size_t kept[NET_KEPT];
    uint8_t mask[4];
    prune_model *model = three(PRUNE_RELU, 3.0f);
    ck_assert_ok(prune_mask_neuron(model, 0, 0));
    world_remove(model, 0, 3); /* row 1, input 1 */
    world_remove(model, 1, 2);
    world_remove(model, 3, 0);
    prune_model *small = net_compact(model, NULL, &report, kept);
    ck_assert_ok(prune_mask_get(mask, 4, small, 0));
    ck_assert_mem_eq(mask, ((const uint8_t[4]){ 1, 0, 1, 1 }), 4);
    ck_assert_ok(prune_mask_get(mask, 2, small, 1));
    ck_assert_mem_eq(mask, ((const uint8_t[2]){ 1, 0 }), 2);
    ck_assert_ok(prune_mask_get(mask, 1, small, 3)); /* f(0) is 0: nothing has come to it */
    ck_assert_uint_eq(mask[0], 0);
    prune_model_free(small);
    prune_model_free(model);
}
END_TEST

/* ---- widths ---- */

static const struct width_case {
    uint64_t min_neurons, multiple;
    int32_t rounding;
    size_t gone, left, padding, rounded;
} widths[] = {
    { 1, 4, PRUNE_ROUND_UP, 5, 8, 1, 0 },     { 1, 4, PRUNE_ROUND_DOWN, 5, 4, 0, 3 },
    { 1, 16, PRUNE_ROUND_UP, 5, 12, 5, 0 },   { 1, 16, PRUNE_ROUND_DOWN, 5, 12, 5, 0 },
    { 9, 1, PRUNE_ROUND_UP, 5, 9, 2, 0 },     { 5, 4, PRUNE_ROUND_DOWN, 5, 8, 1, 0 },
    { 99, 1, PRUNE_ROUND_DOWN, 5, 12, 5, 0 }, { UINT64_MAX, UINT64_MAX, PRUNE_ROUND_UP, 5, 12, 5, 0 },
    { 1, 3, PRUNE_ROUND_DOWN, 0, 12, 0, 0 },  { 1, 5, PRUNE_ROUND_DOWN, 1, 10, 0, 1 },
};

static prune_model *wide(size_t gone)
{
    static const stack_step steps[] = {
        { D, 12, PRUNE_TANH, 0, 0 }, { B, 0, 0, 0.1f, 0.1f }, { D, 3, 0, 0, 0 }, { 0 }
    };
    prune_model *model = stack_model(NULL, 5, steps, 7);
    for (size_t u = 0; u < gone; u++)
        ck_assert_ok(prune_mask_neuron(model, 0, 2 * u));
    return model;
}

START_TEST(widths_are_multiples_and_not_below_the_least)
{
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        prune_compact_options options;
        prune_compact_report report;
        size_t kept[NET_KEPT];
        prune_compact_options_init(&options);
        options.min_neurons = widths[i].min_neurons;
        options.multiple = widths[i].multiple;
        options.rounding = widths[i].rounding;
        prune_model *model = wide(widths[i].gone), *small = net_compact(model, &options, &report, kept);
        ck_assert_uint_eq(report.neurons, widths[i].left + 3);
        ck_assert_uint_eq(report.padding, widths[i].padding);
        ck_assert_uint_eq(report.rounded, widths[i].rounded);
        ck_assert_uint_eq(report.constant, widths[i].gone);
        if (widths[i].rounded == 0)
            net_check_same(model, small, kept, i);
        prune_model_free(small);
        prune_model_free(model);
    }
}
END_TEST

/* Down is as if the neurons with the lowest product of norms had been removed by hand before. */
START_TEST(rounding_down_removes_the_lightest)
{
    prune_compact_options options;
    prune_compact_report report;
    size_t kept[NET_KEPT], of_masked[NET_KEPT];
    double weight[12];
    prune_compact_options_init(&options);
    options.multiple = 7;
    options.rounding = PRUNE_ROUND_DOWN;
    prune_model *model = wide(0), *small = net_compact(model, &options, &report, kept);
    for (size_t u = 0; u < 12; u++) {
        double row = pow((double)prune_model_param(model, 1)[u], 2.0), column = 0.0;
        for (size_t i = 0; i < 5; i++)
            row += pow((double)prune_model_param(model, 0)[u * 5 + i], 2.0);
        for (size_t o = 0; o < 3; o++)
            column += pow((double)prune_model_param(model, 6)[o * 12 + u], 2.0);
        weight[u] = row * column;
    }
    for (size_t k = 0; k < 5; k++) {
        size_t least = 0;
        for (size_t u = 0; u < 12; u++)
            least = weight[u] < weight[least] ? u : least;
        weight[least] = (double)INFINITY;
        ck_assert_ok(prune_mask_neuron(model, 0, least));
    }
    prune_model *masked = net_compact(model, NULL, &report, of_masked);
    ck_assert_mem_eq(kept, of_masked, (5 + 7 + 3) * sizeof *kept);
    ck_assert(world_same_models(small, masked));
    prune_model_free(masked);
    prune_model_free(small);
    prune_model_free(model);
}
END_TEST

/* ---- what users do with it, and what is refused ---- */

START_TEST(it_trains_and_goes_through_a_file)
{
    world_data world;
    bytes_file file = { 0 };
    prune_model *model = wide(5), *small, *read;
    const prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_ADAM);
    ck_assert_ok(prune_compact(&small, NULL, model, NULL, NULL, NULL));
    world_data_make(&world, NET_SAMPLES, 5, 3, 3);
    prune_trainer *trainer = world_trainer(small, &options);
    ck_assert_ok(prune_trainer_step(NULL, trainer, world.x_tensor, world.y_tensor));
    const prune_writer writer = bytes_writer(&file);
    ck_assert_ok(prune_model_write(small, &writer, NULL));
    const prune_reader reader = bytes_reader(&file);
    ck_assert_ok(prune_model_read(&read, NULL, &reader, NULL));
    ck_assert(world_same_models(small, read));
    prune_model_free(read);
    prune_trainer_free(trainer);
    prune_model_free(small);
    prune_model_free(model);
    world_data_end(&world);
    bytes_end(&file);
}
END_TEST

static void refused(const prune_model *model, const prune_compact_options *options,
                    prune_compact_report *report, prune_status wanted)
{
    prune_error error = { 0 };
    prune_model *small = (prune_model *)&error;
    prune_compact_report before = { 0 };
    if (report != NULL)
        before = *report;
    ck_assert_status(prune_compact(&small, NULL, model, options, report, &error), wanted);
    ck_assert_ptr_null(small);
    ck_assert_int_eq(error.status, wanted);
    ck_assert(report == NULL || memcmp(&before, report, sizeof before) == 0);
}

START_TEST(what_is_refused)
{
    prune_model *model = wide(5), *empty;
    size_t kept[NET_KEPT] = { 77 };
    prune_compact_options o;
    prune_compact_report r;
    prune_compact_options_init(NULL);
    prune_compact_report_init(NULL);
    prune_compact_options_init(&o);
    prune_compact_report_init(&r);
    ck_assert_ok(prune_model_create(&empty, NULL, 3));
    ck_assert_status(prune_compact(NULL, NULL, model, NULL, NULL, NULL), PRUNE_E_ARGUMENT);
    refused(NULL, NULL, NULL, PRUNE_E_ARGUMENT);
    refused(empty, NULL, NULL, PRUNE_E_NO_LAYERS);
    o.multiple = 0;
    refused(model, &o, &r, PRUNE_E_ARGUMENT);
    o.multiple = 1, o.min_neurons = 0;
    refused(model, &o, &r, PRUNE_E_ARGUMENT);
    o.min_neurons = 1, o.rounding = 3;
    refused(model, &o, &r, PRUNE_E_ARGUMENT);
    o.rounding = PRUNE_ROUND_UP, o.merge = 2;
    refused(model, &o, &r, PRUNE_E_ARGUMENT);
    o.merge = 1, o.drop_inputs = 1;
    refused(model, &o, &r, PRUNE_E_ARGUMENT);
    refused(model, &o, NULL, PRUNE_E_ARGUMENT);
    r.kept = kept, r.kept_capacity = 5 + 7 + 3 - 1;
    refused(model, NULL, &r, PRUNE_E_SHAPE);
    ck_assert_uint_eq(kept[0], 77);
    o.size = sizeof o + 1;
    refused(model, &o, &r, PRUNE_E_VERSION);
    r.size = sizeof r + 1;
    refused(model, NULL, &r, PRUNE_E_VERSION);
    world_plant(model, 0, 1, NAN);
    refused(model, NULL, NULL, PRUNE_E_NONFINITE);
    prune_model_free(empty);
    prune_model_free(model);
}
END_TEST

START_TEST(a_bias_that_leaves_float_is_an_error)
{
    prune_model *model = three(PRUNE_LINEAR, 3.0f);
    const float w[6] = { 0.0f, 0.0f, 1.0f, 2.0f, 1.0f, 1.0f }, b[3] = { 3e38f, 0.0f, 0.0f };
    ck_assert_ok(prune_model_set_param(model, 0, w, 6));
    ck_assert_ok(prune_model_set_param(model, 1, b, 3));
    refused(model, NULL, NULL, PRUNE_E_NONFINITE);
    prune_model_free(model);
}
END_TEST

START_TEST(without_memory)
{
    prune_model *model = wide(5);
    for (size_t n = 1;; n++) {
        heap h = { 0 };
        prune_error error = { 0 };
        prune_model *small = model;
        const prune_allocator mem = heap_allocator(&h);
        heap_refuse_once(&h, n);
        const prune_status status = prune_compact(&small, &mem, model, NULL, NULL, &error);
        ck_assert_status(status, h.refused == 0 ? PRUNE_OK : PRUNE_E_MEMORY);
        ck_assert_int_eq(small == NULL, h.refused != 0);
        ck_assert_int_eq(error.status, status);
        prune_model_free(small);
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
        the_first_takes_over_the_weights_of_its_twin,
        constants_are_folded,
        what_was_removed_within_rows_stays_removed,
        widths_are_multiples_and_not_below_the_least,
        rounding_down_removes_the_lightest,
        it_trains_and_goes_through_a_file,
        what_is_refused,
        a_bias_that_leaves_float_is_an_error,
        without_memory,
    };
    return run_tests("compact", tests, sizeof tests / sizeof tests[0]);
}
