/* quantize.c -- models as blobs of int8, after training
 *
 * The folded model is taken apart until each layer is one operation on int8; ranges become grids, one for
 * each array between layers; then all is written, or only counted, through one matrix of int8 at a time.
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/quantize.h"
#include "activation.h"
#include "grid.h"
#include "libprune/fold.h"
#include "options.h"
#include "ranges.h"
#include "scan.h"
#include "spread.h"
#include "text.h"

#include <float.h>
#include <string.h>

enum { WIDEST = 0xFFFC, TABLE = 256 };

_Static_assert((int)PRN_ENDS_SHARE == (int)PRUNE_RANGE_PERCENTILE &&
                   (int)PRN_ENDS_LEAST_ERROR == (int)PRUNE_RANGE_MSE,
               "ranges are found as they are named");

struct prune_quantized {
    prune_allocator mem;
    size_t bytes; /* of this block */
    prune_blob_info info;
};

typedef struct plan {
    prune_model *model; /* folded, and taken apart */
    prune_allocator mem;
    prune_quantize_options options;
    prn_range *ranges; /* [layers + 1] */
    prn_grid *grids;   /* [layers + 1] */
    int8_t *weights;   /* these of one layer at a time */
    int32_t *biases;
    uint32_t *scales;
    void *block;
    size_t bytes;
    int32_t real; /* softmax behind the last */
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

/* ---- taking apart ---- */

static int32_t is_softmax(const prn_layer *layer)
{
    return layer->ops->kind == PRUNE_LAYER_SOFTMAX || layer->ops->kind == PRUNE_LAYER_LOG_SOFTMAX;
}

static prune_status add(prune_model *model, const prn_layer *from, int32_t kind, int32_t activation)
{
    prn_layer_spec spec = { .kind = kind, .activation = activation };
    if (kind == PRUNE_LAYER_DENSE)
        spec.outputs = prn_shape_count(&from->output);
    const prune_status status = prn_model_add(model, &spec);
    const prn_layer *made = status == PRUNE_OK ? model->layers[model->layer_count - 1] : from;
    for (size_t p = 0; made != from && p < made->param_count; p++)
        memcpy(made->params[p].value, from->params[p].value, made->params[p].count * sizeof(float));
    return status;
}

/* As it is. */
static prune_status add_copy(prune_model *model, const prn_layer *layer)
{
    prn_layer *copy = prn_layer_clone(&model->mem, layer);
    return copy == NULL ? PRUNE_E_MEMORY : prn_model_append(model, copy);
}

static prune_status add_layer(prune_model *model, const prn_layer *layer)
{
    const int32_t kind = layer->ops->kind, activation = layer->spec.activation;
    if (kind == PRUNE_LAYER_DENSE && activation != PRUNE_LINEAR && activation != PRUNE_RELU) {
        const prune_status status = add(model, layer, kind, PRUNE_LINEAR);
        return status == PRUNE_OK ? add(model, layer, PRUNE_LAYER_ACTIVATION, activation) : status;
    }
    return layer->ops->identity ? PRUNE_OK : add_copy(model, layer);
}

/* Of the model as it was given, whose layers the user knows. */
static prune_status check_layer(const prune_model *model, size_t l, prune_error *error)
{
    const prn_layer *layer = model->layers[l];
    const ptrdiff_t numbers[] = { (ptrdiff_t)l, WIDEST };
    size_t next = l + 1;
    if (prn_shape_count(&layer->input) > WIDEST || prn_shape_count(&layer->output) > WIDEST)
        return prn_error_format(error, PRUNE_E_LIMIT, "layer %", "it is wider than %", numbers);
    while (next < model->layer_count && prn_layer_is_identity(model->layers[next]))
        next++;
    return !is_softmax(layer) || next == model->layer_count
               ? PRUNE_OK
               : prn_error_format(error, PRUNE_E_UNSUPPORTED, "layer %",
                                  "softmax has to be the last layer, since its outputs are float: drop what "
                                  "follows, or export all in float by prune_blob_export()",
                                  numbers);
}

static prune_status check_affine(const prn_layer *layer, ptrdiff_t index, prune_error *error)
{
    for (size_t u = 0; layer->ops->affine != NULL && u < prn_shape_count(&layer->output); u++) {
        float scale_shift[2];
        layer->ops->affine(layer, u, scale_shift);
        if (prn_scan_finite(scale_shift, 2) != 2)
            return prn_error_format(error, PRUNE_E_NONFINITE, "layer % of the folded model",
                                    "its factor for unit % is too large: its running variance is 0, or "
                                    "almost, and so is epsilon",
                                    (const ptrdiff_t[]){ index, (ptrdiff_t)u });
    }
    return PRUNE_OK;
}

static prune_status take_apart(plan *p, const prune_model *folded, prune_error *error)
{
    prune_status status =
        prune_model_create(&p->model, &folded->mem, (uint64_t)prn_shape_count(&folded->input));
    for (size_t l = 0; l < folded->layer_count && status == PRUNE_OK; l++) {
        status = check_affine(folded->layers[l], (ptrdiff_t)l, error);
        if (status == PRUNE_OK)
            status = add_layer(p->model, folded->layers[l]);
    }
    if (status == PRUNE_OK && p->model->layer_count == 0) /* nothing but identities */
        status = add(p->model, folded->layers[0], PRUNE_LAYER_ACTIVATION, PRUNE_LINEAR);
    return status;
}

static prune_status prepare(plan *p, const prune_allocator *mem, const prune_model *model, prune_error *error)
{
    prune_model *folded;
    prune_status status = prune_model_fold(&folded, mem, model, error);
    if (status != PRUNE_OK)
        return status;
    p->mem = folded->mem;
    for (size_t l = 0; l < model->layer_count && status == PRUNE_OK; l++)
        status = check_layer(model, l, error);
    if (status == PRUNE_OK)
        status = take_apart(p, folded, error);
    prune_model_free(folded);
    return status == PRUNE_E_MEMORY ? prn_error_set(error, status, "model", prune_status_string(status))
                                    : status;
}

/* ---- grids ---- */

static uint32_t up_to_four(size_t count)
{
    return (uint32_t)((count + 3) / 4 * 4);
}

/* Layers on int8: all but softmax. */
static size_t layers_of(const plan *p)
{
    return p->model->layer_count - (size_t)p->real;
}

static prn_layer_matrix matrix_of(const prn_layer *layer)
{
    return (prn_layer_matrix){ (uint32_t)prn_shape_count(&layer->output),
                               (uint32_t)prn_shape_count(&layer->input), layer->params[0].value,
                               layer->params[1].value };
}

/* What a layer gives can be no finer than what goes into it allows. */
static double finest(const plan *p, size_t l)
{
    double least = 0.0;
    const prn_layer *before = l > 0 ? p->model->layers[l - 1] : NULL;
    if (before != NULL && before->ops->kind == PRUNE_LAYER_DENSE) {
        const prn_layer_matrix m = matrix_of(before);
        least = prn_grid_coarsest(&m, p->grids[l - 1].scale);
    } else if (before != NULL && before->ops->affine != NULL)
        least = prn_grid_coarsest_affine(before, p->grids[l - 1].scale);
    return least > (double)FLT_MIN ? least : (double)FLT_MIN;
}

/* Numbers that are so far apart, at most, should not all become the same, and their grid should be one. */
static prune_status check_grid(const plan *p, size_t l, double wide, prune_error *error)
{
    ptrdiff_t dense[] = { -1 };
    if ((wide <= 0.0 || wide >= p->grids[l].scale) && finest(p, l) <= (double)FLT_MAX)
        return PRUNE_OK;
    if (l == 0 || p->model->layers[l - 1]->ops->kind != PRUNE_LAYER_DENSE)
        return prn_error_set(error, PRUNE_E_RANGE, l == 0 ? "data" : "model",
                             "all are too close to 0 for the least scale of int8");
    for (size_t before = 0; before < l; before++)
        dense[0] += p->model->layers[before]->ops->kind == PRUNE_LAYER_DENSE;
    return prn_error_format(error, PRUNE_E_RANGE, "dense layer %",
                            "all that it gives is less than one step of int8: its weights or biases, or what "
                            "goes into it, are too large for that",
                            dense);
}

static prune_status choose_grids(plan *p, prune_error *error)
{
    const size_t layers = layers_of(p);
    prune_status status = PRUNE_OK;
    for (size_t l = 0; l <= layers && status == PRUNE_OK; l++) {
        const double wide = p->ranges[l].high - p->ranges[l].low;
        if (l < layers && p->model->layers[l]->ops->is_activation)
            prn_range_trim(&p->ranges[l], &p->ranges[l + 1], p->model->layers[l]->spec.activation);
        p->grids[l] = prn_grid_of(&p->ranges[l], finest(p, l));
        status = check_grid(p, l, wide, error);
    }
    return status;
}

/* ---- words ---- */

static prn_matrix8 fill_matrix(plan *p, size_t l)
{
    const prn_layer *layer = p->model->layers[l];
    const prn_layer_matrix m = matrix_of(layer);
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
        prn_activation_apply(p->model->layers[l]->spec.activation, &y, &x, 1);
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
    for (size_t l = 0; l < layers_of(p); l++) {
        const prn_layer *from = p->model->layers[l];
        const uint32_t outputs = up_to_four(prn_shape_count(&from->output));
        at_end ^= from->ops->kind == PRUNE_LAYER_DENSE;
        prune_blob_layer layer = layer_of(PRUNE_BLOB_TABLE, up_to_four(prn_shape_count(&from->input)),
                                          outputs, at_end ? p->scratch - 2 * outputs : 0, TABLE / 4);
        if (from->ops->kind == PRUNE_LAYER_DENSE) {
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

static uint32_t outputs_of(const plan *p)
{
    return (uint32_t)prn_shape_count(prn_model_output(p->model));
}

static void put_end(prn_words *words, const plan *p)
{
    const uint32_t outputs = outputs_of(p), wide = up_to_four(outputs);
    const prn_grid *grid = &p->grids[layers_of(p)];
    prune_blob_layer layer = layer_of(p->real ? PRUNE_BLOB_REAL : PRUNE_BLOB_NARROW, wide, outputs,
                                      PRUNE_BLOB_OUTPUT, p->real ? 2 : 0);
    prn_words_put_layer(words, &layer);
    if (!p->real)
        return;
    prn_words_put_float(words, (float)grid->scale);
    prn_words_put(words, (uint32_t)grid->zero);
    const int32_t kind = p->model->layers[p->model->layer_count - 1]->ops->kind;
    layer = layer_of(kind == PRUNE_LAYER_SOFTMAX ? PRUNE_BLOB_SOFTMAX : PRUNE_BLOB_LOG_SOFTMAX, outputs,
                     outputs, PRUNE_BLOB_OUTPUT, 0);
    prn_words_put_layer(words, &layer);
}

static void put_blob(prn_words *words, plan *p, uint32_t total)
{
    const prn_grid *in = &p->grids[0], *out = &p->grids[layers_of(p)];
    const uint32_t inputs = (uint32_t)prn_shape_count(&p->model->input);
    const prune_blob_header header = { .takes = PRUNE_BLOB_I8,
                                       .gives = p->real ? PRUNE_BLOB_F32 : PRUNE_BLOB_I8,
                                       .words = total,
                                       .layers = (uint32_t)(p->model->layer_count + 2),
                                       .inputs = (uint16_t)inputs,
                                       .outputs = (uint16_t)outputs_of(p),
                                       .scratch = p->scratch,
                                       .input_scale = (float)in->scale,
                                       .input_zero = in->zero,
                                       .output_scale = p->real ? 1.0f : (float)out->scale,
                                       .output_zero = p->real ? 0 : out->zero };
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
    p->real = is_softmax(p->model->layers[p->model->layer_count - 1]);
    p->scratch = 2 * up_to_four(prn_shape_count(&p->model->input));
    for (size_t l = 0; l < layers_of(p); l++) {
        const prn_layer *layer = p->model->layers[l];
        const uint32_t in = up_to_four(prn_shape_count(&layer->input));
        const uint32_t out = up_to_four(prn_shape_count(&layer->output));
        if (layer->ops->kind != PRUNE_LAYER_DENSE)
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
    const size_t arrays = p->model->layer_count + 1;
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
                                    .layers = p->model->layer_count + 2,
                                    .instructions = p->instructions };
    *out = made;
    return PRUNE_OK;
}

static prune_status make(prune_quantized **out, plan *p, const prune_data *data, prune_error *error)
{
    prune_status status = take_memory(p, error);
    const prn_ends ends = { p->options.range, 1.0 - (double)p->options.percentile, p->options.backend };
    if (status == PRUNE_OK)
        status = prn_ranges_find(p->ranges, p->model, data, &ends, error);
    if (status == PRUNE_OK)
        status = choose_grids(p, error);
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
        status = prepare(&p, mem, model, error);
    if (status == PRUNE_OK)
        status = make(out, &p, data, error);
    if (p.block != NULL)
        prn_mem_free(&p.mem, p.block, 1, p.bytes);
    prune_model_free(p.model);
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
