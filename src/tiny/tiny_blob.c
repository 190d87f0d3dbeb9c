/* tiny_blob.c -- to a blob for the runtime, and from one
 *
 * SPDX-License-Identifier: MIT */
#include "bits.h"
#include "blob.h"
#include "blob_code.h"
#include "blob_decode.h"
#include "scan.h"
#include "tiny.h"

#include <float.h>
#include <string.h>

/* The operation behind a dense layer; 0: none, ReLU being a floor. */
static uint16_t operation_behind(const prune_tiny *t, size_t l)
{
    const int32_t activation = t->plan->layers[l].activation->activation;
    return activation == PRUNE_LINEAR || activation == PRUNE_RELU
               ? 0
               : (uint16_t)(PRUNE_BLOB_ACTIVATION + activation);
}

static float floor_of(const prune_tiny *t, size_t l)
{
    return t->plan->layers[l].activation->activation == PRUNE_RELU ? 0.0f : prn_no_floor();
}

/* ---- to a blob ---- */

/* Layers write to the start and the end of the scratch in turn, the last one to the outputs. */
static uint32_t scratch_of(const prune_tiny *t)
{
    uint32_t most = 0, before = 0;
    for (size_t l = 1; l < t->plan->layer_count; l++) {
        const uint32_t width = t->width[l];
        most = before + width > most ? before + width : most;
        before = width;
    }
    return most * (uint32_t)sizeof(float);
}

static uint32_t place_of(const prune_tiny *t, size_t l)
{
    if (l + 1 == t->plan->layer_count)
        return PRUNE_BLOB_OUTPUT;
    return l % 2 == 0 ? 0 : scratch_of(t) - t->width[l + 1] * (uint32_t)sizeof(float);
}

static void put_layer(prn_words *words, const prune_tiny *t, size_t l, const float *w)
{
    const uint32_t inputs = t->width[l], outputs = t->width[l + 1];
    const prn_layer_matrix m = { outputs, inputs, w, w + (size_t)inputs * outputs };
    const int32_t encoding = prn_blob_choose(&m, 0);
    prn_words counted = { NULL, 0 };
    prn_blob_code(&counted, encoding, &m);
    prune_blob_layer layer = { .op = (uint16_t)encoding,
                               .inputs = (uint16_t)inputs,
                               .outputs = (uint16_t)outputs,
                               .to = place_of(t, l),
                               .words = (uint32_t)counted.count,
                               .floor = floor_of(t, l) };
    prn_words_put_layer(words, &layer);
    prn_blob_code(words, encoding, &m);
    layer.op = operation_behind(t, l);
    if (layer.op == 0)
        return;
    layer.inputs = layer.outputs;
    layer.words = 0;
    prn_words_put_layer(words, &layer);
}

static void put_blob(prn_words *words, const prune_tiny *t, size_t length)
{
    const size_t layers = t->plan->layer_count;
    const float *w = t->weight;
    prune_blob_header header = { .words = (uint32_t)(length / 4),
                                 .layers = (uint32_t)layers,
                                 .inputs = (uint16_t)t->width[0],
                                 .outputs = (uint16_t)t->width[layers],
                                 .scratch = scratch_of(t),
                                 .takes = PRUNE_BLOB_F32,
                                 .gives = PRUNE_BLOB_F32,
                                 .input_scale = 1.0f,
                                 .output_scale = 1.0f };
    for (size_t l = 0; l < layers; l++)
        header.layers += operation_behind(t, l) != 0;
    prn_words_put_header(words, &header);
    for (size_t l = 0; l < layers; l++) {
        put_layer(words, t, l, w);
        w += PRUNE_TINY_DENSE(t->width[l], t->width[l + 1]);
    }
    prn_words_sign(words);
}

size_t prune_tiny_export_bytes(const prune_tiny *t)
{
    prn_words counted = { NULL, 0 };
    if (t == NULL || t->plan->layer_count > UINT16_MAX / 2)
        return 0;
    put_blob(&counted, t, 0);
    return (size_t)counted.count * 4;
}

prune_status prune_tiny_export(void *bytes, size_t length, const prune_tiny *t)
{
    const size_t needed = prune_tiny_export_bytes(t);
    if (bytes == NULL || needed == 0)
        return PRUNE_E_ARGUMENT;
    if (length != needed)
        return PRUNE_E_SHAPE;
    prn_words words = { bytes, 0 };
    put_blob(&words, t, length);
    return PRUNE_OK;
}

/* ---- from a blob ---- */

static const prune_blob_layer *next_layer(const prune_blob_layer *layer)
{
    return (const void *)(prn_layer_data(layer) + layer->words);
}

/* Where the sum of all sizes is finite, so is what is stored twice for one weight. */
static void look(void *user, uint32_t row, uint32_t column, float value)
{
    float *sum = user;
    (void)row;
    (void)column;
    *sum += prn_size(value);
}

/* The plan's, 0 or none, is also the layer's; of none there are many. */
static int32_t has_floor(const prune_blob_layer *layer, float planned)
{
    return planned == 0.0f ? layer->floor == 0.0f : !(layer->floor >= -FLT_MAX);
}

/* Whether the plan has room for the layer; on to those behind it. */
static prune_status check_layer(const prune_blob_layer **at, uint32_t *left, const prune_tiny *t, size_t l)
{
    const prune_blob_layer *layer = *at;
    const uint16_t behind = operation_behind(t, l);
    const uint32_t needed = behind == 0 ? 1 : 2;
    float sum = 0.0f;
    if (*left < needed)
        return PRUNE_E_SHAPE;
    if (!prn_blob_decode(layer, look, &sum))
        return PRUNE_E_UNSUPPORTED;
    if (layer->outputs > t->plan->layers[l].outputs || !has_floor(layer, floor_of(t, l)))
        return PRUNE_E_SHAPE;
    if (prn_scan_finite(&sum, 1) != 1)
        return PRUNE_E_NONFINITE;
    *left -= needed;
    *at = next_layer(layer);
    if (behind == 0)
        return PRUNE_OK;
    const int32_t fits = (*at)->op == behind;
    *at = next_layer(*at);
    return fits ? PRUNE_OK : PRUNE_E_SHAPE;
}

static prune_status check_blob(const prune_tiny *t, const prune_blob_header *h)
{
    const prune_blob_layer *layer = (const void *)(h + 1);
    uint32_t left = h->layers;
    prune_status status = PRUNE_OK;
    for (size_t l = 0; l < t->plan->layer_count && status == PRUNE_OK; l++)
        status = check_layer(&layer, &left, t, l);
    if (status != PRUNE_OK)
        return status;
    return left == 0 && h->inputs == t->width[0] && h->outputs == t->width[t->plan->layer_count]
               ? PRUNE_OK
               : PRUNE_E_SHAPE;
}

/* Where a layer's weights go: w[outputs][inputs], and biases behind them. */
typedef struct matrix {
    float *w;
    size_t inputs, outputs;
} matrix;

/* Added, since a filling may come beside the weight. */
static void take(void *user, uint32_t row, uint32_t column, float value)
{
    const matrix *m = user;
    m->w[column == m->inputs ? m->inputs * m->outputs + row : row * m->inputs + column] += value;
}

/* From parameter `first` on, weights and what is removed of them; behind them. */
static size_t take_layer(prune_tiny *t, const prune_blob_layer *layer, size_t first)
{
    matrix m = { t->weight + first, layer->inputs, layer->outputs };
    const size_t biases = m.inputs * m.outputs, end = biases + m.outputs;
    memset(m.w, 0, end * sizeof *m.w);
    (void)prn_blob_decode(layer, take, &m);
    for (size_t i = 0; i < end; i++)
        prn_tiny_set_kept(t, first + i, i >= biases || m.w[i] != 0.0f);
    return first + end;
}

prune_status prune_tiny_import(prune_tiny *t, const void *blob)
{
    const prune_blob_header *h = blob;
    if (t == NULL || blob == NULL)
        return PRUNE_E_ARGUMENT;
    const prune_status status = check_blob(t, h);
    if (status != PRUNE_OK)
        return status;
    const prune_blob_layer *layer = (const void *)(h + 1);
    size_t parameters = 0, neurons = 0;
    for (size_t l = 0; l < t->plan->layer_count; l++) {
        parameters = take_layer(t, layer, parameters);
        neurons += t->width[l + 1] = layer->outputs;
        layer = next_layer(layer);
        if (operation_behind(t, l) != 0)
            layer = next_layer(layer);
    }
    prn_tiny_resize(t, parameters, neurons);
    prn_tiny_restart(t);
    return PRUNE_OK;
}
