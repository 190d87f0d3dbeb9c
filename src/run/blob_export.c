/* blob_export.c -- models as blobs for chips
 *
 * The folded model becomes a list of steps, one an operation; then each gets a place to write to; then all is
 * written, or only counted.
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/blob_export.h"
#include "blob_code.h"
#include "libprune/fold.h"
#include "model.h"
#include "options.h"
#include "text.h"

enum { WIDEST = 0xFFFF, ITEM = sizeof(float) };

typedef struct step {
    int32_t op;
    uint32_t inputs, outputs;
    float floor;
    const prn_layer *layer;
    int32_t in_place;
    uint32_t to;
} step;

typedef struct plan {
    prune_model *model; /* folded */
    prune_blob_options options;
    step *steps;
    size_t room, count, dense; /* of steps, and so far */
    uint32_t scratch;
    uint64_t instructions;
} plan;

void prune_blob_options_init(prune_blob_options *options)
{
    if (options != NULL)
        *options = (prune_blob_options){ .size = sizeof *options };
}

void prune_blob_info_init(prune_blob_info *info)
{
    if (info != NULL)
        *info = (prune_blob_info){ .size = sizeof *info };
}

/* ---- steps ---- */

static prn_layer_matrix matrix_of(const step *s)
{
    const prn_param *params = s->layer->params;
    return (prn_layer_matrix){ s->outputs, s->inputs, params[0].value, params[1].value };
}

static step *add(plan *p, const prn_layer *layer, int32_t op)
{
    step *s = &p->steps[p->count++];
    *s = (step){ .op = op,
                 .inputs = (uint32_t)prn_shape_count(&layer->input),
                 .outputs = (uint32_t)prn_shape_count(&layer->output),
                 .floor = prn_no_floor(),
                 .layer = layer,
                 .in_place = op > PRUNE_BLOB_BITMASK };
    return s;
}

/* Behind a dense layer its outputs are the inputs. */
static void add_activation(plan *p, const prn_layer *layer)
{
    const int32_t activation = layer->spec.activation;
    if (activation == PRUNE_LINEAR)
        return;
    step *s = add(p, layer, PRUNE_BLOB_ACTIVATION + activation);
    s->inputs = s->outputs;
}

static void add_dense(plan *p, const prn_layer *layer)
{
    step *s = add(p, layer, PRUNE_BLOB_DENSE);
    const prn_layer_matrix m = matrix_of(s);
    const size_t index = p->dense++;
    const int32_t named = index < p->options.encoding_count ? p->options.encodings[index] : 0;
    s->op = named != 0 ? named : prn_blob_choose(&m, p->options.choice == PRUNE_BLOB_BY_INSTRUCTIONS);
    if (layer->spec.activation == PRUNE_RELU)
        s->floor = 0.0f;
    else
        add_activation(p, layer);
}

static void add_layer(plan *p, const prn_layer *layer)
{
    switch (layer->ops->kind) {
    case PRUNE_LAYER_DENSE:
        add_dense(p, layer);
        break;
    case PRUNE_LAYER_ACTIVATION:
        add_activation(p, layer);
        break;
    case PRUNE_LAYER_SOFTMAX:
        add(p, layer, PRUNE_BLOB_SOFTMAX);
        break;
    case PRUNE_LAYER_LOG_SOFTMAX:
        add(p, layer, PRUNE_BLOB_LOG_SOFTMAX);
        break;
    case PRUNE_LAYER_BATCH_NORM:
        add(p, layer, PRUNE_BLOB_AFFINE);
        break;
    default: /* dropout */
        break;
    }
}

/* Of the model as it was given, whose layers the user knows. */
static prune_status check_widths(const prune_model *model, prune_error *error)
{
    for (size_t l = 0; l < model->layer_count; l++)
        if (prn_shape_count(&model->layers[l]->input) > WIDEST ||
            prn_shape_count(&model->layers[l]->output) > WIDEST)
            return prn_error_format(error, PRUNE_E_LIMIT, "layer %", "it is wider than %",
                                    (const ptrdiff_t[]){ (ptrdiff_t)l, WIDEST });
    return PRUNE_OK;
}

/* ---- places ---- */

/* The last step that does not work in place, and those behind it, write to the outputs; others in turn to the
 * start and to the end of the scratch, or, in place, to what they read: not to the caller's inputs. */
static size_t first_to_outputs(const plan *p)
{
    size_t first = p->count - 1;
    while (first > 0 && p->steps[first].in_place)
        first--;
    return first;
}

static int32_t stays(const plan *p, size_t i)
{
    return i > 0 && p->steps[i].in_place;
}

static void place(plan *p)
{
    const size_t outputs = first_to_outputs(p);
    uint32_t before = 0;
    for (size_t i = 0; i < outputs; i++) {
        const uint32_t bytes = p->steps[i].outputs * ITEM;
        if (!stays(p, i)) {
            p->scratch = before + bytes > p->scratch ? before + bytes : p->scratch;
            before = bytes;
        }
    }
    int32_t at_end = 1;
    for (size_t i = 0; i < p->count; i++) {
        step *s = &p->steps[i];
        at_end ^= !stays(p, i);
        s->to = i >= outputs ? PRUNE_BLOB_OUTPUT : at_end ? p->scratch - s->outputs * ITEM : 0;
    }
}

/* ---- words ---- */

static void put_affine(prn_words *words, const step *s)
{
    for (size_t u = 0; u < s->outputs; u++) {
        float scale_shift[2] = { 1.0f, 0.0f };
        if (s->layer->ops->affine != NULL)
            s->layer->ops->affine(s->layer, u, scale_shift);
        prn_words_put_float(words, scale_shift[1] + 0.0f);
        prn_words_put_float(words, scale_shift[0]);
    }
}

/* Returns modelled instructions. */
static uint64_t put_data(prn_words *words, const step *s)
{
    if (s->op == PRUNE_BLOB_AFFINE)
        put_affine(words, s);
    if (s->op > PRUNE_BLOB_BITMASK)
        return 0;
    const prn_layer_matrix m = matrix_of(s);
    return prn_blob_code(words, s->op, &m);
}

static uint64_t put_step(prn_words *words, const step *s)
{
    prn_words counted = { NULL, 0 };
    put_data(&counted, s);
    const prune_blob_layer layer = { .op = (uint16_t)s->op,
                                     .inputs = (uint16_t)s->inputs,
                                     .outputs = (uint16_t)s->outputs,
                                     .to = s->to,
                                     .words = (uint32_t)counted.count,
                                     .floor = s->floor };
    prn_words_put_layer(words, &layer);
    return put_data(words, s);
}

static void put_blob(prn_words *words, plan *p, uint32_t total)
{
    const prune_blob_header header = { .words = total,
                                       .layers = (uint32_t)p->count,
                                       .inputs = (uint16_t)p->steps[0].inputs,
                                       .outputs = (uint16_t)p->steps[p->count - 1].outputs,
                                       .scratch = p->scratch,
                                       .takes = PRUNE_BLOB_F32,
                                       .gives = PRUNE_BLOB_F32,
                                       .input_scale = 1.0f,
                                       .output_scale = 1.0f };
    p->instructions = 0;
    prn_words_put_header(words, &header);
    for (size_t i = 0; i < p->count; i++)
        p->instructions += put_step(words, &p->steps[i]);
    prn_words_sign(words);
}

/* ---- the calls ---- */

static prune_status check_options(const prune_blob_options *options, prune_error *error)
{
    if (options->choice < PRUNE_BLOB_BY_BYTES || options->choice > PRUNE_BLOB_BY_INSTRUCTIONS)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "options.choice", "there is no such choice");
    if (options->encodings == NULL && options->encoding_count != 0)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "options.encodings", "NULL, but counted");
    for (size_t i = 0; i < options->encoding_count; i++)
        if (options->encodings[i] < 0 || options->encodings[i] > PRUNE_BLOB_BITMASK)
            return prn_error_at(error, PRUNE_E_ARGUMENT, "options.encodings", i, "there is no such encoding");
    return PRUNE_OK;
}

static prune_status fill(plan *p, prune_error *error)
{
    p->room = 2 * p->model->layer_count + 1;
    p->steps = prn_mem_alloc(&p->model->mem, p->room, sizeof *p->steps);
    if (p->steps == NULL)
        return prn_error_set(error, PRUNE_E_MEMORY, "model", prune_status_string(PRUNE_E_MEMORY));
    for (size_t l = 0; l < p->model->layer_count; l++)
        add_layer(p, p->model->layers[l]);
    if (p->count == 0) /* nothing but identities */
        add(p, p->model->layers[0], PRUNE_BLOB_AFFINE);
    if (p->options.encoding_count > p->dense)
        return prn_error_format(
            error, PRUNE_E_SHAPE, "options.encodings", "% are given for % dense layers",
            (const ptrdiff_t[]){ (ptrdiff_t)p->options.encoding_count, (ptrdiff_t)p->dense });
    place(p);
    return PRUNE_OK;
}

static void end(plan *p)
{
    if (p->steps != NULL)
        prn_mem_free(&p->model->mem, p->steps, p->room, sizeof *p->steps);
    prune_model_free(p->model);
}

/* The plan needs an end() even where it fails. *words counts the whole. */
static prune_status make(plan *p, const prune_allocator *mem, const prune_model *model, prn_words *words,
                         prune_error *error)
{
    prune_status status = check_options(&p->options, error);
    if (status == PRUNE_OK)
        status = prune_model_fold(&p->model, mem, model, error);
    if (status == PRUNE_OK)
        status = check_widths(model, error);
    if (status == PRUNE_OK)
        status = fill(p, error);
    if (status != PRUNE_OK)
        return status;
    *words = (prn_words){ NULL, 0 };
    put_blob(words, p, 0);
    if (words->count > UINT32_MAX / 4)
        return prn_error_set(error, PRUNE_E_LIMIT, "model", "the blob would take 4 GB or more");
    return PRUNE_OK;
}

static prune_status start(plan *p, const prune_blob_options *options, prune_error *error)
{
    *p = (plan){ 0 };
    prune_blob_options_init(&p->options);
    const prune_status status = prn_options_read(&p->options, sizeof p->options, options);
    return status == PRUNE_OK ? PRUNE_OK
                              : prn_error_set(error, status, "options", prn_options_reason(status));
}

prune_status prune_blob_measure(prune_blob_info *info, const prune_allocator *mem, const prune_model *model,
                                const prune_blob_options *options, prune_error *error)
{
    plan p;
    prn_words words = { NULL, 0 };
    if (info == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "info", "NULL");
    prune_status status = prn_result_check(info, sizeof *info);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "info", prn_options_reason(status));
    status = start(&p, options, error);
    if (status != PRUNE_OK)
        return status;
    status = make(&p, mem, model, &words, error);
    const prune_blob_info mine = { .size = sizeof mine,
                                   .bytes = (size_t)words.count * 4,
                                   .scratch = p.scratch,
                                   .layers = p.count,
                                   .instructions = p.instructions };
    if (status == PRUNE_OK)
        prn_result_write(info, &mine);
    end(&p);
    return status;
}

prune_status prune_blob_export(void *bytes, size_t length, const prune_allocator *mem,
                               const prune_model *model, const prune_blob_options *options,
                               prune_error *error)
{
    plan p;
    prn_words words = { NULL, 0 };
    if (bytes == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "bytes", "NULL");
    prune_status status = start(&p, options, error);
    if (status != PRUNE_OK)
        return status;
    status = make(&p, mem, model, &words, error);
    if (status == PRUNE_OK && words.count * 4 != length)
        status = prn_error_set(error, PRUNE_E_SHAPE, "length", "it is not what prune_blob_measure() says");
    if (status == PRUNE_OK) {
        const uint32_t total = (uint32_t)words.count;
        words = (prn_words){ bytes, 0 };
        put_blob(&words, &p, total);
    }
    end(&p);
    return status;
}
