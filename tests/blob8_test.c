/* blob8_test.c -- the runtime on int8: every operation against sums in int64, whole nets, both ends
 *
 * SPDX-License-Identifier: MIT */
#include "support/blobs8.h"

#include <math.h>
#include <string.h>

static void run(int8_t *y, const blobs *blob, const int8_t *x)
{
    static const prune_blob_op *const ops[] = { PRUNE_BLOB_OPS_INT8, NULL };
    static uint32_t scratch[BLOBS_WORDS];
    const size_t bytes = prune_blob_scratch(blob->words);
    scratch[bytes / 4] = 12345;
    ck_assert_ok(prune_blob_check(blob->words, blob->count * 4, ops));
    ck_assert_ok(prune_blob_run(blob->words, ops, y, x, scratch, bytes));
    ck_assert_uint_eq(scratch[bytes / 4], 12345);
}

static void check_layer(blobs *blob, blobs8_drawn *d, int32_t op)
{
    int8_t y[BLOBS_O + 1], plain[BLOBS_O];
    const size_t outputs = d->layer.outputs, inputs = d->layer.inputs;
    d->layer.op = op;
    d->layer.to = (uint32_t)inputs * 2;
    y[outputs] = 7;
    blobs8_start(blob, inputs);
    blobs8_add(blob, &d->layer);
    blobs8_finish(blob, outputs, 2 * (inputs + outputs));
    run(y, blob, d->x);
    blobs8_plain(plain, d->x, &d->layer);
    ck_assert_mem_eq(y, plain, outputs);
    ck_assert_int_eq(y[outputs], 7);
}

START_TEST(every_encoding_gives_the_sums_of_int64)
{
    static const size_t inputs[] = { 4, 8, 12, 64, 100, BLOBS8_I };
    static const float densities[] = { 0.0f, 0.004f, 0.3f, 1.0f };
    static blobs blob;
    static blobs8_drawn d;
    prune_rng_seed(&d.rng, 1);
    for (size_t outputs = 4; outputs <= BLOBS_O; outputs += outputs < 12 ? 4 : 28)
        for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++)
            for (size_t k = 0; k < 8; k++) {
                blobs8_draw(&d, outputs, inputs[i], densities[k / 2], k % 2 != 0);
                check_layer(&blob, &d, PRUNE_BLOB_DENSE8);
                check_layer(&blob, &d, PRUNE_BLOB_BLOCKS8);
            }
}
END_TEST

/* Those around multiples of 255, where another number is behind; each row before one of any other. */
START_TEST(rows_have_any_number_of_blocks)
{
    enum { MOST = BLOBS8_I / 4, COUNTS = 8 };
    static const size_t numbers[COUNTS] = { 0, 1, 254, 255, 256, 510, 511, MOST };
    static blobs blob;
    static blobs8_drawn d;
    prune_rng_seed(&d.rng, 6);
    for (size_t turn = 1; turn < COUNTS; turn += 2)
        for (int32_t at_end = 0; at_end < 2; at_end++) {
            blobs8_draw(&d, COUNTS, BLOBS8_I, 1.0f, at_end);
            for (size_t row = 0; row < COUNTS; row++) {
                const size_t none = MOST - numbers[(row * turn + turn / 2) % COUNTS];
                memset(d.w + row * BLOBS8_I + (at_end ? 0 : (MOST - none) * 4), 0, none * 4);
            }
            check_layer(&blob, &d, PRUNE_BLOB_DENSE8);
            check_layer(&blob, &d, PRUNE_BLOB_BLOCKS8);
        }
}
END_TEST

/* Sums at both ends and beyond, scales of all sizes, halves. */
START_TEST(sums_are_scaled_as_whole_numbers)
{
    static const uint32_t shifts[] = { 0, 1, 7, 20, 29, 30, 31 };
    static const int32_t sums[] = {
        0,   1,   -1,  2,     -2,    3,         -3,        4,       127,
        128, 255, 509, -1000, 65536, INT32_MAX, INT32_MIN, 1 << 30, (1 << 30) - 1
    };
    static const uint32_t factors[] = { 0, 1u << 30, (1u << 30) + 32, 0x7FFFFFE0u };
    static blobs blob;
    static blobs8_drawn d;
    prune_rng_seed(&d.rng, 2);
    for (size_t s = 0; s < sizeof sums / sizeof sums[0]; s++)
        for (size_t k = 0; k < sizeof shifts / sizeof shifts[0]; k++)
            for (size_t f = 0; f < 4; f++)
                for (int32_t zero = -128; zero < 128; zero += 85) {
                    blobs8_draw(&d, 4, 4, s % 2 == 0 ? 0.0f : 1.0f, 0);
                    d.b[0] = sums[s];
                    d.scales[0] = factors[f] + shifts[k];
                    d.layer.zero = zero;
                    check_layer(&blob, &d, PRUNE_BLOB_DENSE8);
                    check_layer(&blob, &d, PRUNE_BLOB_BLOCKS8);
                }
}
END_TEST

/* Rounded down, modulo 2^32 before. */
static int8_t affine(int32_t b, int32_t w, int8_t x, uint32_t shift)
{
    const int64_t whole = INT64_C(1) << 32, by = INT64_C(1) << shift;
    const int64_t sum = (((int64_t)b + (int64_t)w * x + whole / 2) % whole + whole) % whole - whole / 2;
    const int64_t y = (sum - (sum % by + by) % by) / by;
    return (int8_t)(y > 127 ? 127 : y < -128 ? -128 : y);
}

/* In place, and to the place behind it. */
START_TEST(an_affine_layer_gives_what_int64_does)
{
    enum { WIDTH = 36 };
    static const int32_t ends[] = { 0, 1, -1, INT32_MAX, INT32_MIN, 1 << 30 };
    static blobs blob;
    prune_rng rng;
    prune_rng_seed(&rng, 5);
    for (uint32_t shift = 0; shift < 32; shift++)
        for (uint32_t to = 0; to <= WIDTH * 2; to += WIDTH * 2) {
            int8_t x[WIDTH], y[WIDTH], wanted[WIDTH];
            blobs8_start(&blob, WIDTH);
            const size_t at = blobs_open_layer(&blob, PRUNE_BLOB_AFFINE8, WIDTH, WIDTH, to);
            blobs_put(&blob, shift);
            for (size_t i = 0; i < WIDTH; i++) {
                const uint32_t b = i < 36 / 2 ? prune_rng_next(&rng) : (uint32_t)ends[i % 6];
                const uint32_t w = i % 3 == 0 ? prune_rng_next(&rng) : prune_rng_next(&rng) >> (31 - shift);
                x[i] = (int8_t)(prune_rng_next(&rng) & 255u);
                wanted[i] = affine((int32_t)b, (int32_t)w, x[i], shift);
                blobs_put(&blob, b);
                blobs_put(&blob, w);
            }
            blobs_close_layer(&blob, at, 0.0f);
            blobs8_finish(&blob, WIDTH, WIDTH * 4);
            run(y, &blob, x);
            ck_assert_mem_eq(y, wanted, sizeof y);
        }
}
END_TEST

START_TEST(a_net_runs_in_the_scratch_that_it_asks_for)
{
    static blobs blob;
    static blobs8_drawn d[2];
    int8_t wanted[BLOBS8_NET_O], y[BLOBS8_NET_O];
    blobs8_net(&blob, d, wanted);
    ck_assert_uint_eq(prune_blob_scratch(blob.words), BLOBS8_NET_SCRATCH);
    run(y, &blob, d[0].x);
    ck_assert_mem_eq(y, wanted, sizeof y);
}
END_TEST

START_TEST(outputs_leave_as_float_too)
{
    static const prune_blob_op *const ops[] = { PRUNE_BLOB_OPS_INT8, NULL };
    static blobs blob;
    const int8_t x[] = { -128, 127, 3 };
    const float scale = 0.5f;
    float y[3] = { 7.0f, 7.0f, 7.0f };
    uint32_t bits, scratch[2];
    memcpy(&bits, &scale, sizeof bits);
    blobs8_start(&blob, 3);
    const size_t at = blobs_open_layer(&blob, PRUNE_BLOB_REAL, 4, 2, PRUNE_BLOB_OUTPUT);
    blobs_put(&blob, bits);
    blobs_put(&blob, 3);
    blobs_close_layer(&blob, at, 0.0f);
    blobs_header(&blob)->gives = PRUNE_BLOB_F32;
    blobs_finish(&blob, 8);
    ck_assert_ok(prune_blob_check(blob.words, blob.count * 4, ops));
    ck_assert_ok(prune_blob_run(blob.words, ops, y, x, scratch, sizeof scratch));
    ck_assert(y[0] == -65.5f && y[1] == 62.0f && y[2] == 7.0f);
}
END_TEST

/* ---- integers and numbers ---- */

START_TEST(numbers_become_the_nearest_integers)
{
    static blobs blob;
    static blobs8_drawn d[2];
    const float x[BLOBS8_NET_I] = { 60.65f, 0.2f,     0.25f,     -2.15f, -0.2f, 1e30f,
                                    -1e30f, INFINITY, -INFINITY, NAN,    30.0f };
    const int8_t wanted[] = { 126, 5, 6, 1, 5, 127, -128, 127, -128, -128, 65 };
    /* -128.7, -126.8, -0.7, -0.5, 5, 127.6, -127.3 */
    const float low[BLOBS8_NET_I] = { -66.85f, -65.9f, -2.85f, -2.75f, 0.0f, 61.3f, -66.15f };
    const int8_t wanted_low[] = { -128, -127, -1, -1, 5, 127, -127 };
    int8_t q[BLOBS8_NET_I + 1], out[BLOBS8_NET_O];
    const int8_t given[] = { -128, 2, 127 };
    float y[BLOBS8_NET_O + 1] = { 0.0f, 0.0f, 0.0f, 7.0f };
    blobs8_net(&blob, d, out);
    prune_blob_header *h = blobs_header(&blob);
    h->input_scale = 0.5f;
    h->input_zero = 5;
    h->output_scale = 0.25f;
    h->output_zero = 2;
    q[BLOBS8_NET_I] = 99;
    ck_assert_ok(prune_blob_quantize(q, blob.words, x));
    ck_assert_mem_eq(q, wanted, sizeof wanted);
    ck_assert_int_eq(q[BLOBS8_NET_I], 99);
    ck_assert_ok(prune_blob_quantize(q, blob.words, low));
    ck_assert_mem_eq(q, wanted_low, sizeof wanted_low);
    ck_assert_ok(prune_blob_dequantize(y, blob.words, given));
    ck_assert(y[0] == -32.5f && y[1] == 0.0f && y[2] == 31.25f && y[3] == 7.0f);

    ck_assert_status(prune_blob_quantize(NULL, blob.words, x), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_blob_quantize(q, NULL, x), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_blob_quantize(q, blob.words, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_blob_dequantize(NULL, blob.words, given), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_blob_dequantize(y, NULL, given), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_blob_dequantize(y, blob.words, NULL), PRUNE_E_ARGUMENT);
    h->takes = h->gives = PRUNE_BLOB_F32;
    ck_assert_status(prune_blob_quantize(q, blob.words, x), PRUNE_E_TYPE);
    ck_assert_status(prune_blob_dequantize(y, blob.words, given), PRUNE_E_TYPE);
}
END_TEST

/* One float more or less counts. */
START_TEST(what_lies_beside_a_half_is_no_half)
{
    static blobs blob;
    static blobs8_drawn d[2];
    int8_t q[BLOBS8_NET_I], out[BLOBS8_NET_O];
    blobs8_net(&blob, d, out);
    prune_blob_header *h = blobs_header(&blob);
    h->input_scale = 1.0f;
    for (int32_t zero = -128; zero < 128; zero++)
        for (int32_t half = -600; half <= 600; half++) {
            const float at = (float)half * 0.5f;
            const float x[BLOBS8_NET_I] = { at,
                                            nextafterf(at, 999.0f),
                                            nextafterf(at, -999.0f),
                                            at + 0.125f,
                                            at - 0.125f,
                                            0.49999997f,
                                            -0.49999997f,
                                            0.0f };
            h->input_zero = zero;
            ck_assert_ok(prune_blob_quantize(q, blob.words, x));
            for (size_t i = 0; i < BLOBS8_NET_I; i++) {
                const long wanted = lroundf(x[i]) + zero;
                ck_assert_msg(q[i] == (wanted > 127    ? 127
                                       : wanted > -128 ? wanted
                                                       : -128),
                              "%.9g with %d is %d, not %ld", (double)x[i], (int)zero, q[i], wanted);
            }
        }
}
END_TEST

/* A blob that has passed a check may hold any. */
START_TEST(what_is_no_scale_or_zero_is_refused)
{
    static const float scales[] = { 0.0f, -0.0f, -1.0f, INFINITY, -INFINITY, NAN };
    static const int32_t zeros[] = { -129, 128, -2147483644, INT32_MIN, INT32_MAX };
    static blobs blob;
    static blobs8_drawn d[2];
    const float x[BLOBS8_NET_I] = { 0 };
    int8_t q[BLOBS8_NET_I] = { 99 }, out[BLOBS8_NET_O] = { 16 };
    float y[BLOBS8_NET_O] = { 99.0f };
    blobs8_net(&blob, d, out);
    prune_blob_header *h = blobs_header(&blob);
    for (size_t i = 0; i < 6; i++) {
        h->input_scale = h->output_scale = scales[i];
        ck_assert_status(prune_blob_quantize(q, blob.words, x), PRUNE_E_FORMAT);
        ck_assert_status(prune_blob_dequantize(y, blob.words, out), PRUNE_E_FORMAT);
    }
    h->input_scale = h->output_scale = 1e-45f; /* the least there is */
    for (size_t i = 0; i < 5; i++) {
        h->input_zero = h->output_zero = zeros[i];
        ck_assert_status(prune_blob_quantize(q, blob.words, x), PRUNE_E_FORMAT);
        ck_assert_status(prune_blob_dequantize(y, blob.words, out), PRUNE_E_FORMAT);
    }
    ck_assert(q[0] == 99 && y[0] == 99.0f);
    for (int32_t zero = -128; zero < 128; zero += 255) {
        h->input_zero = h->output_zero = zero;
        ck_assert_ok(prune_blob_quantize(q, blob.words, x));
        ck_assert_ok(prune_blob_dequantize(y, blob.words, out));
        ck_assert(q[0] == zero && y[0] == 1e-45f * (float)(out[0] - zero));
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        every_encoding_gives_the_sums_of_int64,     rows_have_any_number_of_blocks,
        sums_are_scaled_as_whole_numbers,           an_affine_layer_gives_what_int64_does,
        a_net_runs_in_the_scratch_that_it_asks_for, outputs_leave_as_float_too,
        numbers_become_the_nearest_integers,        what_lies_beside_a_half_is_no_half,
        what_is_no_scale_or_zero_is_refused,
    };
    return run_tests("blob8", tests, sizeof tests / sizeof tests[0]);
}
