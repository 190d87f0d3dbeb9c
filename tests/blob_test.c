/* blob_test.c -- the runtime: every operation, whole nets, and what it refuses
 *
 * SPDX-License-Identifier: MIT */
#include "support/blobs.h"

#include <math.h>
#include <string.h>

enum { CODES = PRUNE_BLOB_BITMASK };

static const uint32_t OUT = PRUNE_BLOB_OUTPUT;

static void check_layer(blobs *blob, blobs_drawn *d, int32_t op, int32_t fast)
{
    static const prune_blob_op *const vfp[] = { &prune_op_dense_vfp, NULL };
    float y[BLOBS_O + 1], plain[BLOBS_O];
    d->layer.op = op;
    y[d->layer.outputs] = 7.0f;
    blobs_start(blob, d->layer.inputs);
    blobs_add(blob, &d->layer);
    blobs_finish(blob, 0);
    ck_assert_ok(prune_blob_check(blob->words, blob->count * 4, prune_blob_ops));
    ck_assert_ok(
        prune_blob_run(blob->words, op == PRUNE_BLOB_DENSE && fast ? vfp : prune_blob_ops, y, d->x, NULL, 0));
    blobs_plain(plain, d->x, &d->layer);
    ck_assert_mem_eq(y, plain, d->layer.outputs * sizeof *y);
    ck_assert(y[d->layer.outputs] == 7.0f);
}

/* One sum after the other, columns ascending: to the last bit, whatever the encoding. */
START_TEST(every_encoding_gives_the_bits_of_a_plain_sum)
{
    static const size_t inputs[] = { 1, 2, 3, 4, 5, 31, 32, 33, 64, 65, 127, 130, BLOBS_I };
    static const float densities[] = { 0.0f, 0.03f, 0.3f, 1.0f };
    static blobs blob;
    static blobs_drawn d;
    prune_rng_seed(&d.rng, 1);
    for (size_t outputs = 1; outputs <= BLOBS_O; outputs = outputs < 9 ? outputs + 1 : outputs + 31)
        for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++)
            for (size_t k = 0; k < 4; k++) {
                blobs_draw(&d, outputs, inputs[i], densities[k]);
                d.layer.floor = (i + k) % 2 == 0 ? 0.0f : -INFINITY;
                for (int32_t op = 1; op <= CODES; op++)
                    check_layer(&blob, &d, op, k % 2 == 1);
            }
}
END_TEST

/* ---- activations ---- */

enum { ROW = 9 };

/* f(x) of a model with this layer and nothing else. */
static void predict(float *y, const float *x, int32_t activation, int32_t softmax)
{
    prune_model *model;
    prune_workspace *workspace;
    prune_tensor *in, *out;
    float copy[ROW];
    memcpy(copy, x, sizeof copy);
    ck_assert_ok(prune_model_create(&model, NULL, ROW));
    ck_assert_ok(softmax == PRUNE_BLOB_SOFTMAX       ? prune_model_add_softmax(model)
                 : softmax == PRUNE_BLOB_LOG_SOFTMAX ? prune_model_add_log_softmax(model)
                                                     : prune_model_add_activation(model, activation));
    ck_assert_ok(prune_workspace_create(&workspace, NULL, model, 1, NULL));
    ck_assert_ok(prune_tensor_matrix(&in, NULL, PRUNE_F32, 1, ROW, copy));
    ck_assert_ok(prune_tensor_matrix(&out, NULL, PRUNE_F32, 1, ROW, y));
    ck_assert_ok(prune_predict(out, model, workspace, in));
    prune_tensor_free(in);
    prune_tensor_free(out);
    prune_workspace_free(workspace);
    prune_model_free(model);
}

/* Where it lies, and from one place to another. */
static void run_map(float *y, const float *x, int32_t op)
{
    static blobs blob;
    float scratch[ROW], again[ROW];
    blobs_start(&blob, ROW);
    blobs_add_map(&blob, op, OUT);
    blobs_finish(&blob, 0);
    ck_assert_ok(prune_blob_check(blob.words, blob.count * 4, prune_blob_ops));
    ck_assert_ok(prune_blob_run(blob.words, prune_blob_ops, y, x, NULL, 0));

    const prune_blob_layer layer = { .op = (uint16_t)op, .inputs = ROW, .outputs = ROW };
    size_t n = 0;
    while (prune_blob_ops[n]->id != op)
        n++;
    memcpy(scratch, x, sizeof scratch);
    ck_assert_int_eq(prune_blob_ops[n]->in_place, 1);
    prune_blob_ops[n]->run(scratch, scratch, &layer);
    memcpy(again, scratch, sizeof again);
    ck_assert_mem_eq(y, again, sizeof again);
}

START_TEST(activations_give_the_bits_of_a_prediction)
{
    prune_rng rng;
    prune_rng_seed(&rng, 2);
    for (int32_t activation = PRUNE_SIGMOID; activation <= PRUNE_SOFTPLUS; activation++)
        for (size_t n = 0; n < 50; n++) {
            float x[ROW] = { 0.0f, -1e-30f, 120.0f, -120.0f }, y[ROW], wanted[ROW];
            for (size_t i = 4; i < ROW; i++)
                x[i] = blobs_uniform(&rng) * (float)(1 + n);
            run_map(y, x, PRUNE_BLOB_ACTIVATION + activation);
            predict(wanted, x, activation, 0);
            ck_assert_mem_eq(y, wanted, sizeof y);
        }
}
END_TEST

/* Sums there are compensated, here not. */
START_TEST(softmax_agrees_with_a_prediction)
{
    prune_rng rng;
    prune_rng_seed(&rng, 3);
    for (int32_t op = PRUNE_BLOB_SOFTMAX; op <= PRUNE_BLOB_LOG_SOFTMAX; op++)
        for (size_t n = 0; n < 60; n++) {
            float x[ROW], y[ROW], wanted[ROW];
            for (size_t i = 0; i < ROW; i++)
                x[i] = blobs_uniform(&rng) * (float)(1 + n * n / 10);
            run_map(y, x, op);
            predict(wanted, x, 0, op);
            for (size_t i = 0; i < ROW; i++)
                ck_assert(fabsf(y[i] - wanted[i]) <= 4e-7f * (1e-30f + fabsf(wanted[i])));
        }
}
END_TEST

/* 1 and a little less than 128: the sum has fewer digits than its parts. */
START_TEST(log_softmax_keeps_what_its_sum_rounds_off)
{
    enum { WIDE = 129 };
    const prune_blob_layer layer = { .inputs = WIDE, .outputs = WIDE };
    prune_rng rng;
    prune_rng_seed(&rng, 4);
    for (size_t n = 0; n < 20; n++) {
        float x[WIDE] = { 0.0f }, y[WIDE];
        double sum = 1.0;
        for (size_t i = 1; i < WIDE; i++) {
            x[i] = 0.002f * blobs_uniform(&rng) - 0.003f;
            sum += exp((double)x[i]);
        }
        prune_op_log_softmax.run(y, x, &layer);
        for (size_t i = 0; i < WIDE; i++)
            ck_assert(fabs((double)x[i] - log(sum) - (double)y[i]) <= 2e-6);
    }
}
END_TEST

START_TEST(softmax_knows_no_answer_for_infinity_and_nan)
{
    for (int32_t op = PRUNE_BLOB_SOFTMAX; op <= PRUNE_BLOB_LOG_SOFTMAX; op++)
        for (size_t at = 0; at < ROW; at++)
            for (size_t n = 0; n < 2; n++) {
                float x[ROW] = { 0.0f }, y[ROW];
                x[at] = n == 0 ? INFINITY : NAN;
                run_map(y, x, op);
                for (size_t i = 0; i < ROW; i++)
                    ck_assert(isnan(y[i]));
            }
}
END_TEST

START_TEST(a_floor_keeps_nan)
{
    static blobs blob;
    const float w[] = { 1.0f }, b[] = { 0.0f }, x[] = { NAN };
    for (int32_t op = 1; op <= CODES; op++) {
        float y = 0.0f;
        blobs_start(&blob, 1);
        blobs_add(&blob, &(blobs_layer){ op, 1, 1, w, b, 0.0f, OUT });
        blobs_finish(&blob, 0);
        ck_assert_ok(prune_blob_run(blob.words, prune_blob_ops, &y, x, NULL, 0));
        ck_assert(isnan(y));
    }
}
END_TEST

/* ---- nets ---- */

START_TEST(a_net_runs_in_the_scratch_that_it_asks_for)
{
    static blobs blob;
    static blobs_drawn d[3];
    float wanted[BLOBS_NET_O], y[BLOBS_NET_O];
    uint32_t scratch[BLOBS_NET_SCRATCH / 4 + 1] = { 0 };
    blobs_net(&blob, d, wanted);
    scratch[BLOBS_NET_SCRATCH / 4] = 12345;
    ck_assert_ok(prune_blob_check(blob.words, blob.count * 4, prune_blob_ops));
    ck_assert_uint_eq(prune_blob_scratch(blob.words), BLOBS_NET_SCRATCH);
    ck_assert_ok(prune_blob_run(blob.words, prune_blob_ops, y, d[0].x, scratch, BLOBS_NET_SCRATCH));
    ck_assert_mem_eq(y, wanted, sizeof y);
    ck_assert_uint_eq(scratch[BLOBS_NET_SCRATCH / 4], 12345);
}
END_TEST

START_TEST(bad_arguments_are_refused)
{
    static blobs blob;
    static blobs_drawn d[3];
    static uint32_t moved[BLOBS_WORDS + 1];
    float wanted[BLOBS_NET_O], y[BLOBS_NET_O] = { 7.0f, 7.0f, 7.0f };
    uint32_t scratch[BLOBS_NET_SCRATCH / 4 + 1];
    const prune_blob_op *const few[] = { &prune_op_blocks, &prune_op_tanh, NULL };
    blobs_net(&blob, d, wanted);
    const void *bytes = blob.words;
    const size_t length = blob.count * 4;
    unsigned char *odd = (unsigned char *)scratch + 2;

    ck_assert_status(prune_blob_check(NULL, length, prune_blob_ops), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_blob_check(bytes, length, NULL), PRUNE_E_ARGUMENT);
    for (size_t off = 1; off < 4; off++) {
        memcpy((unsigned char *)moved + off, bytes, length);
        ck_assert_status(prune_blob_check((unsigned char *)moved + off, length, prune_blob_ops),
                         PRUNE_E_ARGUMENT);
    }
    ck_assert_status(prune_blob_check(bytes, length, few), PRUNE_E_UNSUPPORTED);
    ck_assert_uint_eq(prune_blob_scratch(NULL), 0);

    ck_assert_status(prune_blob_run(NULL, prune_blob_ops, y, d[0].x, scratch, sizeof scratch),
                     PRUNE_E_ARGUMENT);
    ck_assert_status(prune_blob_run(bytes, NULL, y, d[0].x, scratch, sizeof scratch), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_blob_run(bytes, prune_blob_ops, NULL, d[0].x, scratch, sizeof scratch),
                     PRUNE_E_ARGUMENT);
    ck_assert_status(prune_blob_run(bytes, prune_blob_ops, y, NULL, scratch, sizeof scratch),
                     PRUNE_E_ARGUMENT);
    ck_assert_status(prune_blob_run(bytes, prune_blob_ops, y, d[0].x, NULL, sizeof scratch), PRUNE_E_MEMORY);
    ck_assert_status(prune_blob_run(bytes, prune_blob_ops, y, d[0].x, odd, BLOBS_NET_SCRATCH),
                     PRUNE_E_ARGUMENT);
    ck_assert_status(prune_blob_run(bytes, prune_blob_ops, y, d[0].x, scratch, BLOBS_NET_SCRATCH - 1),
                     PRUNE_E_MEMORY);
    ck_assert(y[0] == 7.0f && y[1] == 7.0f && y[2] == 7.0f);
    ck_assert_status(prune_blob_run(bytes, few, y, d[0].x, scratch, sizeof scratch), PRUNE_E_UNSUPPORTED);
    blobs_header(&blob)->scratch = 1;
    ck_assert_status(prune_blob_run(bytes, prune_blob_ops, y, d[0].x, NULL, 1), PRUNE_E_MEMORY);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        every_encoding_gives_the_bits_of_a_plain_sum,
        activations_give_the_bits_of_a_prediction,
        softmax_agrees_with_a_prediction,
        log_softmax_keeps_what_its_sum_rounds_off,
        softmax_knows_no_answer_for_infinity_and_nan,
        a_floor_keeps_nan,
        a_net_runs_in_the_scratch_that_it_asks_for,
        bad_arguments_are_refused,
    };
    return run_tests("blob", tests, sizeof tests / sizeof tests[0]);
}
