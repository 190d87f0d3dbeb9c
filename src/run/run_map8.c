/* run_map8.c -- int8 into the runtime and out of it, and functions of it by table
 *
 * SPDX-License-Identifier: MIT */
#include "four.h"

#include <stddef.h>

enum { TABLE_WORDS = 64 };

uint32_t prn_behind_scales(const prune_blob_layer *layer)
{
    const uint32_t *data = prn_layer_data(layer), outputs = layer->outputs;
    if ((layer->inputs | outputs) % 4 != 0 || layer->words <= 2 + outputs ||
        (data[0] != 1 && data[0] != outputs) || prn_check_zero(data[1]) != 0)
        return 0;
    return layer->words - 2 - data[0];
}

static uint32_t check_widen(const prune_blob_layer *layer)
{
    return layer->words | (layer->outputs - (layer->inputs + 3u) / 4u * 4u);
}

static uint32_t check_narrow(const prune_blob_layer *layer)
{
    return layer->outputs > layer->inputs ? 1 : layer->words;
}

static uint32_t check_table(const prune_blob_layer *layer)
{
    return layer->words - TABLE_WORDS;
}

static uint32_t check_real(const prune_blob_layer *layer)
{
    if (layer->words != 2 || layer->outputs > layer->inputs)
        return 1;
    return prn_check_zero(prn_layer_data(layer)[1]);
}

static void run_widen(void *y, const void *x, const prune_blob_layer *layer)
{
    const int8_t *in = (const int8_t *)x;
    int16_t *out = (int16_t *)y;
    for (uint32_t left = layer->inputs; left != 0; left--)
        *out++ = *in++;
    while (out < (int16_t *)y + layer->outputs)
        *out++ = 0;
}

static void run_narrow(void *y, const void *x, const prune_blob_layer *layer)
{
    const int16_t *in = (const int16_t *)x;
    int8_t *out = (int8_t *)y;
    for (uint32_t left = layer->outputs; left != 0; left--)
        *out++ = (int8_t)*in++;
}

static void run_table(void *y, const void *x, const prune_blob_layer *layer)
{
    const int8_t *middle = (const int8_t *)prn_layer_data(layer) + 128;
    const int16_t *in = (const int16_t *)x;
    int16_t *out = (int16_t *)y;
    for (uint32_t left = layer->outputs; left != 0; left--)
        *out++ = middle[(int8_t)*in++];
}

static void run_real(void *y, const void *x, const prune_blob_layer *layer)
{
    const uint32_t *data = prn_layer_data(layer);
    const float scale = *prn_floats_at(data);
    const int32_t zero = (int32_t)data[1];
    const int16_t *in = (const int16_t *)x;
    float *out = (float *)y;
    for (uint32_t left = layer->outputs; left != 0; left--)
        *out++ = scale * (float)(*in++ - zero);
}

enum { I8 = PRUNE_BLOB_I8, I16 = PRUNE_BLOB_I16, F32 = PRUNE_BLOB_F32 };

const prune_blob_op prune_op_widen = { PRUNE_BLOB_WIDEN, I8, I16, 0, check_widen, run_widen };
const prune_blob_op prune_op_narrow = { PRUNE_BLOB_NARROW, I16, I8, 0, check_narrow, run_narrow };
const prune_blob_op prune_op_table = { PRUNE_BLOB_TABLE, I16, I16, 1, check_table, run_table };
const prune_blob_op prune_op_real = { PRUNE_BLOB_REAL, I16, F32, 0, check_real, run_real };
