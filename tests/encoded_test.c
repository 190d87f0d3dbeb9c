/* encoded_test.c -- a model's parameters as bytes, with its own masks, and the bytes of all
 *
 * SPDX-License-Identifier: MIT */
#include "support/coded.h"

#include <stdlib.h>
#include <string.h>

static prune_model *pruned_model(void)
{
    const size_t widths[] = { 33, 20, 12, 3 };
    prune_model *model = world_model(NULL, widths, 3, PRUNE_RELU, 5);
    prune_rng rng;
    prune_rng_seed(&rng, 6);
    for (size_t p = 0; p < prune_model_param_count(model); p++) {
        prune_param_info info;
        uint8_t kept[33 * 20];
        prune_param_info_init(&info);
        ck_assert_ok(prune_model_param_info(&info, model, p));
        for (size_t i = 0; i < (size_t)info.count; i++)
            kept[i] = coded_below(&rng, 10) < 3 + 2 * p;
        ck_assert_ok(prune_mask_set(model, p, kept, (size_t)info.count));
    }
    return model;
}

/* As a tensor with the mask in bytes, of which encoding_test.c knows all. */
static void check_like_matrix(const prune_model *model, size_t p, const prune_encoding_options *options)
{
    prune_param_info param;
    prune_encoding_info info, expected;
    uint8_t kept[33 * 20];
    prune_tensor *tensor;
    prune_param_info_init(&param);
    prune_encoding_info_init(&info);
    prune_encoding_info_init(&expected);
    ck_assert_ok(prune_model_param_info(&param, model, p));
    ck_assert_ok(prune_mask_get(kept, (size_t)param.count, model, p));
    const size_t rows = param.shape.dims[0], columns = (size_t)param.count / rows;
    ck_assert_ok(
        prune_tensor_const_matrix(&tensor, NULL, PRUNE_F32, rows, columns, prune_model_param(model, p)));
    const prune_status status = prune_encoding_measure(&expected, tensor, kept, options);
    ck_assert_status(prune_encoded_param(&info, model, p, options), status);
    ck_assert_mem_eq(&info, &expected, sizeof info);
    if (status == PRUNE_OK) {
        const size_t length = (size_t)info.bytes;
        unsigned char *bytes = malloc(2 * length);
        ck_assert_ptr_nonnull(bytes);
        ck_assert_ok(prune_encoding_encode(bytes, length, tensor, kept, options));
        ck_assert_ok(prune_encoded_write(bytes + length, length, model, p, options));
        ck_assert_mem_eq(bytes + length, bytes, length);
        free(bytes);
    }
    prune_tensor_free(tensor);
}

START_TEST(parameters_are_matrices_with_their_masks)
{
    prune_model *model = pruned_model();
    for (size_t p = 0; p < prune_model_param_count(model); p++)
        for (int32_t id = PRUNE_ENCODING_BEST; id <= CODED_LAST; id++) {
            const prune_encoding_options options = coded_options(id);
            check_like_matrix(model, p, &options);
        }
    prune_model_free(model);
}
END_TEST

/* Pinned: a later file of an encoded model is so long. */
START_TEST(dense_model_by_hand)
{
    prune_model *model;
    uint64_t bytes = 0;
    const prune_encoding_options dense = coded_options(PRUNE_ENCODING_DENSE);
    ck_assert_ok(prune_model_create(&model, NULL, 5));
    ck_assert_ok(prune_model_add_dense(model, 3, PRUNE_LINEAR));
    ck_assert_ok(prune_model_add_batch_norm(model, 0.1f, 1e-5f));
    ck_assert_ok(prune_model_add_activation(model, PRUNE_RELU));
    ck_assert_ok(prune_model_add_dense(model, 2, PRUNE_LINEAR));
    ck_assert_ok(prune_model_encoded_bytes(&bytes, model, &dense, NULL));
    /* the model, 4 layers, weights and bias of two, 4 parameters of 3 between */
    ck_assert_uint_eq(bytes, 32 + 4 * 32 + (24 + 60) + 12 + (24 + 24) + 8 + 4 * 12);
    /* without weights there is nothing to encode: all it has to be is there */
    ck_assert_ok(prune_mask_set(model, 0, (const uint8_t[15]){ 0 }, 15));
    ck_assert_ok(prune_model_encoded_bytes(&bytes, model, NULL, NULL));
    ck_assert_uint_eq(bytes, 32 + 4 * 32 + (24 + 4) + 12 + (24 + 24) + 8 + 4 * 12);
    prune_model_free(model);
}
END_TEST

START_TEST(model_is_the_sum_of_its_parts)
{
    prune_model *model = pruned_model();
    uint64_t best = 0;
    ck_assert_ok(prune_model_encoded_bytes(&best, model, NULL, NULL));
    for (int32_t id = CODED_LAST; id >= PRUNE_ENCODING_BEST; id--) {
        const prune_encoding_options options = coded_options(id);
        uint64_t bytes = 7, sum = PRUNE_ENCODED_MODEL + 3 * PRUNE_ENCODED_LAYER + 4 * (20 + 12 + 3);
        if (id == PRUNE_ENCODING_N_OF_M) {
            ck_assert_status(prune_model_encoded_bytes(&bytes, model, &options, NULL), PRUNE_E_UNSUPPORTED);
            ck_assert_uint_eq(bytes, 7);
            continue;
        }
        for (size_t p = 0; p < 6; p += 2) {
            prune_encoding_info info;
            prune_encoding_info_init(&info);
            ck_assert_ok(prune_encoded_param(&info, model, p, &options));
            sum += info.bytes;
        }
        ck_assert_ok(prune_model_encoded_bytes(&bytes, model, &options, NULL));
        ck_assert_uint_eq(bytes, sum);
        ck_assert_uint_le(best, bytes);
        ck_assert(id != PRUNE_ENCODING_BEST || bytes == best);
    }
    prune_model_free(model);
}
END_TEST

/* Only the last of three layers keeps three of four. */
START_TEST(errors_name_the_layer)
{
    prune_model *model = pruned_model();
    uint64_t bytes = 7;
    prune_error error = { 0 };
    prune_encoding_options options = coded_options(PRUNE_ENCODING_N_OF_M);
    for (size_t p = 0; p < 6; p += 2) {
        prune_param_info info = { .size = sizeof info };
        uint8_t kept[4096];
        ck_assert_ok(prune_model_param_info(&info, model, p));
        ck_assert_uint_le(info.count, sizeof kept);
        for (size_t i = 0; i < info.count; i++)
            kept[i] = i == 0 || (p == 4 && i < 3);
        ck_assert_ok(prune_mask_set(model, p, kept, (size_t)info.count));
    }
    ck_assert_status(prune_model_encoded_bytes(&bytes, model, &options, &error), PRUNE_E_UNSUPPORTED);
    ck_assert_int_eq(error.status, PRUNE_E_UNSUPPORTED);
    ck_assert_str_eq(error.place, "layer 2 weight");
    options.keep = 0;
    ck_assert_status(prune_model_encoded_bytes(&bytes, model, &options, &error), PRUNE_E_RANGE);
    ck_assert_str_eq(error.place, "options");
    ck_assert_status(prune_model_encoded_bytes(&bytes, NULL, NULL, &error), PRUNE_E_ARGUMENT);
    ck_assert_str_eq(error.place, "model");
    ck_assert_uint_eq(bytes, 7);
    prune_model_free(model);
}
END_TEST

START_TEST(refusals)
{
    prune_model *model = pruned_model(), *empty;
    prune_encoding_info info;
    uint64_t bytes = 7;
    unsigned char room[8] = { 0 };
    const prune_encoding_options unknown = coded_options(99);
    prune_encoding_info_init(&info);
    const prune_encoding_info before = info;
    ck_assert_ok(prune_model_create(&empty, NULL, 3));
    ck_assert_status(prune_encoded_param(NULL, model, 0, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_encoded_param(&info, NULL, 0, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_encoded_param(&info, model, 6, NULL), PRUNE_E_RANGE);
    ck_assert_status(prune_encoded_param(&info, empty, 0, NULL), PRUNE_E_RANGE);
    ck_assert_status(prune_encoded_param(&info, model, 0, &unknown), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_encoded_write(NULL, 8, model, 0, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_encoded_write(room, 8, NULL, 0, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_encoded_write(room, 8, model, SIZE_MAX, NULL), PRUNE_E_RANGE);
    ck_assert_status(prune_encoded_write(room, 8, model, 0, NULL), PRUNE_E_SHAPE);
    ck_assert_status(prune_model_encoded_bytes(NULL, model, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_model_encoded_bytes(&bytes, NULL, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_model_encoded_bytes(&bytes, empty, NULL, NULL), PRUNE_E_NO_LAYERS);
    ck_assert_status(prune_model_encoded_bytes(&bytes, model, &unknown, NULL), PRUNE_E_ARGUMENT);
    ck_assert_uint_eq(bytes, 7);
    ck_assert_mem_eq(room, ((const unsigned char[8]){ 0 }), 8);
    ck_assert_mem_eq(&info, &before, sizeof info);
    prune_model_free(empty);
    prune_model_free(model);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { parameters_are_matrices_with_their_masks, dense_model_by_hand,
                                   model_is_the_sum_of_its_parts, errors_name_the_layer, refusals };
    return run_tests("encoded", tests, sizeof tests / sizeof tests[0]);
}
