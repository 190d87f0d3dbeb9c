/* quantize.c -- models as blobs of int8, after training
 *
 * The model is taken apart (apart.h), ranges of what its layers give (ranges.h) become grids (grids.h); then
 * all is written, or only counted, through one matrix of int8 at a time.
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/quantize.h"
#include "activation.h"
#include "grids.h"
#include "options.h"
#include "spread.h"
#include "text.h"

enum { TABLE = 256 };

_Static_assert((int)PRN_ENDS_SHARE == (int)PRUNE_RANGE_PERCENTILE &&
                   (int)PRN_ENDS_LEAST_ERROR == (int)PRUNE_RANGE_MSE,
               "ranges are found as they are named");

struct prune_quantized {
    prune_allocator mem;
    size_t bytes; /* of this block */
    prune_blob_info info;
};

typedef struct plan {
    prn_apart apart;
    prn_layer **layers; /* these */
    prune_allocator mem;
    prune_quantize_options options;
    prn_range *ranges; /* [layers + 1] */
    prn_grid *grids;   /* [layers + 1] */
    int8_t *weights;   /* these of one layer at a time */
    int32_t *biases;
    uint32_t *scales;
    void *block;
    size_t bytes;
    uint64_t instructions;
    uint32_t scratch;
} plan;

void prune_quantize_options_init(prune_quantize_options *options)
{
    if (options != NULL)
        *options = (prune_quantize_options){ .size = sizeof *options,
                                             .range = PRUNE_RANGE_MSE,
                                             .percentile = 0.9999f };
}

/* ---- words ---- */

static uint32_t up_to_four(size_t count)
{
    return (uint32_t)((count + 3) / 4 * 4);
}

static prn_matrix8 fill_matrix(plan *p, size_t l)
{
    const prn_layer *layer = p->layers[l];
    const prn_layer_matrix m = prn_dense_matrix(layer);
    const prn_matrix8 out = { .rows = up_to_four(m.rows),
                              .columns = up_to_four(m.columns),
                              .scale_count = p->options.per_layer ? 1 : up_to_four(m.rows),
                              .zero = p->grids[l + 1].zero,
                              .weights = p->weights,
                              .biases = p->biases,
                              .scales = p->scales };
    const prn_target8 target = { p->weights, p->biases, p->scales, out.rows, out.columns };
    prn_grid_matrix(&target, &m, &p->grids[l], p->options.per_layer);
    return out;
}

static void put_table(prn_words *words, const plan *p, size_t l)
{
    const prn_grid *in = &p->grids[l], *out = &p->grids[l + 1];
    uint32_t word = 0;
    for (uint32_t i = 0; i < TABLE; i++) {
        const float x = (float)(in->scale * ((int32_t)i - 128 - in->zero));
        float y;
        prn_activation_apply(p->layers[l]->spec.activation, &y, &x, 1);
        word |= (uint32_t)(uint8_t)prn_grid_round(out, (double)y) << i % 4 * 8;
        if (i % 4 == 3) {
            prn_words_put(words, word);
            word = 0;
        }
    }
}

/* One of its own, whose data are counted when they are there. */
static prune_blob_layer layer_of(int32_t op, uint32_t inputs, uint32_t outputs, uint32_t to, uint64_t count)
{
    return (prune_blob_layer){ .op = (uint16_t)op,
                               .inputs = (uint16_t)inputs,
                               .outputs = (uint16_t)outputs,
                               .to = to,
                               .words = (uint32_t)count };
}

static void put_dense(prn_words *words, plan *p, size_t l, size_t index, prune_blob_layer *layer)
{
    const prn_matrix8 m = fill_matrix(p, l);
    prn_words counted = { NULL, 0 };
    int32_t op = index < p->options.encoding_count ? p->options.encodings[index] : 0;
    if (op == 0)
        op = prn_blob_choose8(&m, p->options.choice == PRUNE_BLOB_BY_INSTRUCTIONS);
    p->instructions += prn_blob_code8(&counted, op, &m);
    layer->op = (uint16_t)op;
    layer->words = (uint32_t)counted.count;
    prn_words_put_layer(words, layer);
    prn_blob_code8(words, op, &m);
}

/* Arrays lie in turn at the start and the end of the scratch; all but dense layers work in place. */
static void put_layers(prn_words *words, plan *p)
{
    int32_t at_end = 0;
    size_t dense = 0;
    for (size_t l = 0; l < p->apart.layers; l++) {
        const prn_layer *from = p->layers[l];
        const uint32_t outputs = up_to_four(prn_shape_count(&from->output));
        at_end ^= prn_is_dense(from);
        prune_blob_layer layer = layer_of(PRUNE_BLOB_TABLE, up_to_four(prn_shape_count(&from->input)),
                                          outputs, at_end ? p->scratch - 2 * outputs : 0, TABLE / 4);
        if (prn_is_dense(from)) {
            put_dense(words, p, l, dense++, &layer);
        } else if (from->ops->affine != NULL) {
            layer.op = PRUNE_BLOB_AFFINE8;
            layer.words = 1 + 2 * outputs;
            prn_words_put_layer(words, &layer);
            prn_grid_put_affine(words, from, outputs, &p->grids[l]);
        } else {
            prn_words_put_layer(words, &layer);
            put_table(words, p, l);
        }
    }
}

/* Softmax is in float, behind the others. */
static int32_t is_real(const plan *p)
{
    return p->apart.layers < p->apart.model->layer_count;
}

static uint32_t outputs_of(const plan *p)
{
    return (uint32_t)prn_shape_count(prn_model_output(p->apart.model));
}

static void put_end(prn_words *words, const plan *p)
{
    const uint32_t outputs = outputs_of(p), wide = up_to_four(outputs);
    const prn_grid *grid = &p->grids[p->apart.layers];
    prune_blob_layer layer = layer_of(is_real(p) ? PRUNE_BLOB_REAL : PRUNE_BLOB_NARROW, wide, outputs,
                                      PRUNE_BLOB_OUTPUT, is_real(p) ? 2 : 0);
    prn_words_put_layer(words, &layer);
    if (!is_real(p))
        return;
    prn_words_put_float(words, (float)grid->scale);
    prn_words_put(words, (uint32_t)grid->zero);
    const int32_t kind = p->layers[p->apart.layers]->ops->kind;
    layer = layer_of(kind == PRUNE_LAYER_SOFTMAX ? PRUNE_BLOB_SOFTMAX : PRUNE_BLOB_LOG_SOFTMAX, outputs,
                     outputs, PRUNE_BLOB_OUTPUT, 0);
    prn_words_put_layer(words, &layer);
}

static void put_blob(prn_words *words, plan *p, uint32_t total)
{
    const prn_grid *in = &p->grids[0], *out = &p->grids[p->apart.layers];
    const uint32_t inputs = (uint32_t)prn_shape_count(&p->apart.model->input);
    const prune_blob_header header = { .takes = PRUNE_BLOB_I8,
                                       .gives = is_real(p) ? PRUNE_BLOB_F32 : PRUNE_BLOB_I8,
                                       .words = total,
                                       .layers = (uint32_t)(p->apart.model->layer_count + 2),
                                       .inputs = (uint16_t)inputs,
                                       .outputs = (uint16_t)outputs_of(p),
                                       .scratch = p->scratch,
                                       .input_scale = (float)in->scale,
                                       .input_zero = in->zero,
                                       .output_scale = is_real(p) ? 1.0f : (float)out->scale,
                                       .output_zero = is_real(p) ? 0 : out->zero };
    const prune_blob_layer widen = layer_of(PRUNE_BLOB_WIDEN, inputs, up_to_four(inputs), 0, 0);
    p->instructions = 0;
    prn_words_put_header(words, &header);
    prn_words_put_layer(words, &widen);
    put_layers(words, p);
    put_end(words, p);
    prn_words_sign(words);
}

/* ---- the calls ---- */

static prune_status check_options(const prune_quantize_options *options, prune_error *error)
{
    if (options->range < PRUNE_RANGE_MINMAX || options->range > PRUNE_RANGE_MSE)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "options.range", "there is no such range");
    if (!(options->percentile > 0.5f && options->percentile <= 1.0f))
        return prn_error_set(error, PRUNE_E_RANGE, "options.percentile", "not above 0.5, or above 1");
    if (!prn_options_switches(&options->per_layer, 1))
        return prn_error_set(error, PRUNE_E_ARGUMENT, "options.per_layer", "neither 0 nor 1");
    if (options->choice < PRUNE_BLOB_BY_BYTES || options->choice > PRUNE_BLOB_BY_INSTRUCTIONS)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "options.choice", "there is no such choice");
    if (options->encodings == NULL && options->encoding_count != 0)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "options.encodings", "NULL, but counted");
    for (size_t i = 0; i < options->encoding_count; i++)
        if (options->encodings[i] != 0 && options->encodings[i] != PRUNE_BLOB_DENSE8 &&
            options->encodings[i] != PRUNE_BLOB_BLOCKS8)
            return prn_error_at(error, PRUNE_E_ARGUMENT, "options.encodings", i, "there is no such encoding");
    return prn_backend_fits(options->backend)
               ? PRUNE_OK
               : prn_error_set(error, PRUNE_E_ARGUMENT, "options.backend", "it has no function");
}

/* Sees what the layers need: room for the largest matrix, scratch, and whether the encodings are too many. */
static prune_status measure(plan *p, size_t *weights, size_t *rows, prune_error *error)
{
    size_t dense = 0;
    p->scratch = 2 * up_to_four(prn_shape_count(&p->apart.model->input));
    for (size_t l = 0; l < p->apart.layers; l++) {
        const prn_layer *layer = p->layers[l];
        const uint32_t in = up_to_four(prn_shape_count(&layer->input));
        const uint32_t out = up_to_four(prn_shape_count(&layer->output));
        if (!prn_is_dense(layer))
            continue;
        dense++;
        *rows = out > *rows ? out : *rows;
        *weights = (size_t)in * out > *weights ? (size_t)in * out : *weights;
        p->scratch = 2 * (in + out) > p->scratch ? 2 * (in + out) : p->scratch;
    }
    const ptrdiff_t counts[] = { (ptrdiff_t)p->options.encoding_count, (ptrdiff_t)dense };
    if (p->options.encoding_count <= dense)
        return PRUNE_OK;
    return prn_error_format(error, PRUNE_E_SHAPE, "options.encodings", "% are given for % dense layers",
                            counts);
}

static prune_status take_memory(plan *p, prune_error *error)
{
    const size_t arrays = p->apart.model->layer_count + 1;
    size_t weights = 0, rows = 0, at[5];
    const prune_status status = measure(p, &weights, &rows, error);
    if (status != PRUNE_OK)
        return status;
    prn_layout layout = { 0 };
    at[0] = prn_layout_add(&layout, arrays, sizeof(prn_range));
    at[1] = prn_layout_add(&layout, arrays, sizeof(prn_grid));
    at[2] = prn_layout_add(&layout, rows, sizeof(int32_t));
    at[3] = prn_layout_add(&layout, rows, sizeof(uint32_t));
    at[4] = prn_layout_add(&layout, weights, sizeof(int8_t));
    unsigned char *block = layout.overflow ? NULL : prn_mem_alloc(&p->mem, 1, layout.bytes);
    if (block == NULL)
        return prn_error_set(error, PRUNE_E_MEMORY, "model", prune_status_string(PRUNE_E_MEMORY));
    p->block = block;
    p->bytes = layout.bytes;
    p->ranges = (prn_range *)(void *)(block + at[0]);
    p->grids = (prn_grid *)(void *)(block + at[1]);
    p->biases = (int32_t *)(void *)(block + at[2]);
    p->scales = (uint32_t *)(void *)(block + at[3]);
    p->weights = (int8_t *)(block + at[4]);
    return PRUNE_OK;
}

static prune_status write(prune_quantized **out, plan *p, prune_error *error)
{
    prn_words words = { NULL, 0 };
    put_blob(&words, p, 0);
    if (words.count > UINT32_MAX / 4 || words.count > (SIZE_MAX - sizeof **out) / 4)
        return prn_error_set(error, PRUNE_E_LIMIT, "model", "the blob would take 4 GB or more");
    const uint32_t total = (uint32_t)words.count;
    const size_t bytes = sizeof **out + (size_t)4 * total;
    prune_quantized *made = prn_mem_alloc(&p->mem, 1, bytes);
    if (made == NULL)
        return prn_error_set(error, PRUNE_E_MEMORY, "model", prune_status_string(PRUNE_E_MEMORY));
    words = (prn_words){ (unsigned char *)(made + 1), 0 };
    put_blob(&words, p, total);
    *made = (prune_quantized){ .mem = p->mem, .bytes = bytes };
    made->info = (prune_blob_info){ .size = sizeof made->info,
                                    .bytes = (size_t)4 * total,
                                    .scratch = p->scratch,
                                    .layers = p->apart.model->layer_count + 2,
                                    .instructions = p->instructions };
    *out = made;
    return PRUNE_OK;
}

static prune_status make(prune_quantized **out, plan *p, const prune_data *data, prune_error *error)
{
    p->layers = p->apart.model->layers;
    p->mem = p->apart.model->mem;
    prune_status status = take_memory(p, error);
    const prn_ends ends = { p->options.range, 1.0 - (double)p->options.percentile, p->options.backend };
    if (status == PRUNE_OK)
        status = prn_ranges_find(p->ranges, &p->apart, data, &ends, error);
    if (status == PRUNE_OK)
        status = prn_grids_choose(p->grids, p->ranges, &p->apart, error);
    return status == PRUNE_OK ? write(out, p, error) : status;
}

prune_status prune_quantize(prune_quantized **out, const prune_allocator *mem, const prune_model *model,
                            const prune_data *data, const prune_quantize_options *options, prune_error *error)
{
    plan p = { 0 };
    if (out == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "out", "NULL");
    *out = NULL;
    prune_quantize_options_init(&p.options);
    prune_status status = prn_options_read(&p.options, sizeof p.options, options);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "options", prn_options_reason(status));
    status = check_options(&p.options, error);
    if (status == PRUNE_OK)
        status = prn_apart_make(&p.apart, mem, model, error);
    if (status == PRUNE_OK)
        status = make(out, &p, data, error);
    if (p.block != NULL)
        prn_mem_free(&p.mem, p.block, 1, p.bytes);
    prn_apart_end(&p.apart);
    return status;
}

void prune_quantized_free(prune_quantized *quantized)
{
    if (quantized == NULL)
        return;
    const prune_allocator mem = quantized->mem;
    prn_mem_free(&mem, quantized, 1, quantized->bytes);
}

const void *prune_quantized_blob(const prune_quantized *quantized)
{
    return quantized == NULL ? NULL : quantized + 1;
}

prune_status prune_quantized_info(prune_blob_info *info, const prune_quantized *quantized)
{
    if (info == NULL || quantized == NULL)
        return PRUNE_E_ARGUMENT;
    const prune_status status = prn_result_check(info, sizeof *info);
    if (status == PRUNE_OK)
        prn_result_write(info, &quantized->info);
    return status;
}
