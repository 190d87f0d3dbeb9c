/* engine.c -- a whole model made ready, once, to be run fast
 *
 * A list of steps, one a layer of the folded model: products with bias and activation, or a copy of the
 * layer itself. They write in turn into two buffers; the last writes to the caller.
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/engine.h"
#include "activation.h"
#include "chain.h"
#include "encoded.h"
#include "fold.h"
#include "options.h"
#include "platform.h"
#include "product.h"
#include "race.h"
#include "rows.h"
#include "sparse.h"
#include "text.h"

#include <string.h>

enum { LINE = 64 };

typedef struct step {
    prune_product *product; /* of a dense layer, and what comes behind it */
    const float *bias;
    int32_t activation;
    double measured;
    prn_layer *layer; /* of any other kind */
    size_t outputs;
} step;

struct prune_engine {
    prune_allocator mem;
    size_t bytes; /* of the block */
    const prune_backend *backend;
    size_t max_batch, inputs, outputs, count;
    step *steps;
    float *biases;
    /* Room, from the first line of the cache in it: where the buffers are, and the product's. */
    size_t buffers[2], rest, room_bytes;
    unsigned char *room;
};

/* ---- options ---- */

void prune_engine_options_init(prune_engine_options *options)
{
    if (options != NULL)
        *options = (prune_engine_options){ .size = sizeof *options, .max_batch = 1 };
}

void prune_engine_layer_init(prune_engine_layer *layer)
{
    if (layer != NULL)
        *layer = (prune_engine_layer){ .size = sizeof *layer };
}

static prune_status check_choice(const prune_engine_options *options, prune_error *error)
{
    if (options->choice < PRUNE_CHOOSE_MODELLED || options->choice > PRUNE_CHOOSE_BYTES)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "choice", "unknown");
    if (options->clock != NULL && options->clock->now == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "clock", "it has no function");
    if (options->clock == NULL && options->choice == PRUNE_CHOOSE_MEASURED)
        return prn_error_set(error, PRUNE_E_UNSUPPORTED, "clock", "there is none, and choice is by time");
    return PRUNE_OK;
}

static prune_status check_layouts(const prune_engine_options *options, size_t dense, prune_error *error)
{
    if (options->layouts == NULL && options->layout_count != 0)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "layouts", "NULL, but counted");
    if (options->layout_count > dense)
        return prn_error_format(error, PRUNE_E_SHAPE, "layout_count", "% for % dense layers",
                                (const ptrdiff_t[]){ (ptrdiff_t)options->layout_count, (ptrdiff_t)dense });
    for (size_t i = 0; i < options->layout_count; i++)
        if (options->layouts[i] != PRUNE_LAYOUT_AUTO && prune_layout_name(options->layouts[i]) == NULL)
            return prn_error_at(error, PRUNE_E_ARGUMENT, "layouts", i, "unknown");
    return PRUNE_OK;
}

static prune_status check_kernels(const prune_engine_options *options, prune_error *error)
{
    if (options->kernels != PRUNE_KERNELS_AUTO && prune_kernels_name(options->kernels) == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "kernels", "unknown");
    if (prn_sparse_find(options->kernels) == NULL)
        return prn_error_set(error, PRUNE_E_UNSUPPORTED, "kernels", "this machine does not offer them");
    return PRUNE_OK;
}

static prune_status read_options(prune_engine_options *mine, const prune_engine_options *given,
                                 prune_error *error)
{
    prune_engine_options_init(mine);
    prune_status status = prn_options_read(mine, sizeof *mine, given);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "options", prn_options_reason(status));
    if (mine->backend == NULL)
        mine->backend = prune_backend_default();
    if (mine->clock == NULL)
        mine->clock = prn_platform_clock();
    if (mine->backend->run == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "backend", "it has no function");
    status = check_choice(mine, error);
    if (status == PRUNE_OK)
        status = check_kernels(mine, error);
    if (status != PRUNE_OK)
        return status;
    status = prn_batch_check(mine->max_batch);
    return status == PRUNE_OK ? status
                              : prn_error_set(error, status, "max_batch", prune_status_string(status));
}

/* ---- making one ---- */

static int32_t is_dense(const prn_layer *layer)
{
    return layer->ops->kind == PRUNE_LAYER_DENSE;
}

static size_t count_dense(const prune_model *model)
{
    size_t count = 0;
    for (size_t l = 0; l < model->layer_count; l++)
        count += (size_t)is_dense(model->layers[l]);
    return count;
}

/* The engine's own block: itself, steps, biases. */
static prune_status lay_out(prune_engine **out, const prune_allocator *mem, const prune_model *folded)
{
    prn_layout layout = { 0 };
    size_t floats = 0;
    for (size_t l = 0; l < folded->layer_count; l++)
        floats += is_dense(folded->layers[l]) ? prn_shape_count(&folded->layers[l]->output) : 0;
    prn_layout_add(&layout, 1, sizeof(prune_engine));
    const size_t steps = prn_layout_add(&layout, folded->layer_count, sizeof(step));
    const size_t biases = prn_layout_add(&layout, floats, sizeof(float));
    if (layout.overflow)
        return PRUNE_E_OVERFLOW;
    unsigned char *block = prn_mem_alloc(mem, 1, layout.bytes);
    if (block == NULL)
        return PRUNE_E_MEMORY;
    prune_engine *e = (prune_engine *)(void *)block;
    *e = (prune_engine){ .mem = *mem,
                         .bytes = layout.bytes,
                         .inputs = prune_model_inputs(folded),
                         .outputs = prune_model_outputs(folded),
                         .count = folded->layer_count,
                         .steps = (step *)(void *)(block + steps),
                         .biases = (float *)(void *)(block + biases) };
    *out = e;
    return PRUNE_OK;
}

static prune_status make_product(step *s, const prune_engine *e, const prn_matrix *m,
                                 const prune_engine_options *options, int32_t layout)
{
    prn_race race = { .mem = &e->mem, .matrix = m, .clock = options->clock };
    prune_product_options_init(&race.options);
    race.options.kernels = options->kernels;
    race.options.max_batch = options->max_batch;
    race.options.backend = options->backend;
    race.options.layout = layout;
    if (layout != PRUNE_LAYOUT_AUTO || options->choice == PRUNE_CHOOSE_MODELLED)
        return prn_product_create(&s->product, &e->mem, m, &race.options);
    return options->choice == PRUNE_CHOOSE_BYTES ? prn_race_by_bytes(&s->product, &race)
                                                 : prn_race_by_time(&s->product, &s->measured, &race);
}

static prune_status take_dense(step *s, const prune_engine *e, const prn_layer *layer,
                               const prune_engine_options *options, int32_t layout)
{
    prn_matrix m;
    s->activation = layer->spec.activation;
    const prune_status status = prn_matrix_of(&m, &layer->params[PRN_DENSE_WEIGHT]);
    return status == PRUNE_OK ? make_product(s, e, &m, options, layout) : status;
}

/* Of a layer, why it could not be taken. */
static prune_status say(prune_error *error, prune_status status, size_t layer)
{
    const ptrdiff_t number = (ptrdiff_t)layer;
    const char *const reason = status == PRUNE_E_UNSUPPORTED
                                   ? "the kernels have no such layout for its matrix"
                               : status == PRUNE_E_LIMIT ? "its matrix is too large for a product"
                                                         : prune_status_string(status);
    return prn_error_format(error, status, "layer %", reason, &number);
}

static prune_status take_layers(prune_engine *e, const prune_model *model, const prune_model *folded,
                                const prune_engine_options *options, prune_error *error)
{
    prune_status status = PRUNE_OK;
    float *bias = e->biases;
    size_t dense = 0;
    for (size_t l = 0; l < e->count && status == PRUNE_OK; l++) {
        const prn_layer *layer = folded->layers[l];
        step *s = &e->steps[l];
        s->outputs = prn_shape_count(&layer->output);
        if (is_dense(layer)) {
            s->bias = bias;
            memcpy(bias, layer->params[PRN_DENSE_BIAS].value, s->outputs * sizeof *bias);
            bias += s->outputs;
            status = take_dense(s, e, layer, options,
                                dense < options->layout_count ? options->layouts[dense] : PRUNE_LAYOUT_AUTO);
            dense++;
        } else {
            s->layer = prn_layer_clone(&e->mem, layer);
            status = s->layer == NULL ? PRUNE_E_MEMORY : PRUNE_OK;
        }
        if (status != PRUNE_OK)
            return say(error, status, prn_fold_origin(model, folded, l));
    }
    return status;
}

/* Layers before the last write into buffers. */
static prune_status make_room(prune_engine *e)
{
    prn_layout layout = { 0 };
    size_t width = 0, product = 0;
    for (size_t l = 0; l < e->count; l++) {
        const size_t room = prune_product_room(e->steps[l].product, e->max_batch);
        product = room > product ? room : product;
        width = l + 1 < e->count && e->steps[l].outputs > width ? e->steps[l].outputs : width;
    }
    if (prn_mem_overflows(e->max_batch, width))
        return PRUNE_E_OVERFLOW;
    for (size_t i = 0; i < 2; i++)
        e->buffers[i] = prn_layout_add(&layout, e->max_batch * width, sizeof(float));
    e->rest = prn_layout_add(&layout, product, 1);
    prn_layout_add(&layout, LINE, 1);
    if (layout.overflow)
        return PRUNE_E_OVERFLOW;
    e->room_bytes = layout.bytes;
    e->room = prn_mem_alloc(&e->mem, 1, e->room_bytes);
    return e->room == NULL ? PRUNE_E_MEMORY : PRUNE_OK;
}

/* *out is the engine even if it is not whole, as long as there is one. */
static prune_status build(prune_engine **out, const prune_allocator *mem, const prune_model *model,
                          const prune_model *folded, const prune_engine_options *options, prune_error *error)
{
    prune_status status = check_layouts(options, count_dense(folded), error);
    if (status != PRUNE_OK)
        return status;
    status = lay_out(out, mem, folded);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "engine", prune_status_string(status));
    (*out)->backend = options->backend;
    (*out)->max_batch = options->max_batch;
    status = take_layers(*out, model, folded, options, error);
    if (status != PRUNE_OK)
        return status;
    status = make_room(*out);
    return status == PRUNE_OK ? status : prn_error_set(error, status, "engine", prune_status_string(status));
}

prune_status prune_engine_create(prune_engine **out, const prune_allocator *mem, const prune_model *model,
                                 const prune_engine_options *given, prune_error *error)
{
    prune_engine_options options;
    prune_allocator own;
    prune_model *folded;
    if (out == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "out", "NULL");
    *out = NULL;
    prune_status status = read_options(&options, given, error);
    if (status != PRUNE_OK)
        return status;
    status = prn_mem_choose(&own, mem);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "mem", prune_status_string(status));
    status = prune_model_fold(&folded, &own, model, error);
    if (status != PRUNE_OK)
        return status;
    status = build(out, &own, model, folded, &options, error);
    prune_model_free(folded);
    if (status != PRUNE_OK) {
        prune_engine_free(*out);
        *out = NULL;
    }
    return status;
}

static void end_step(const step *s, const prune_allocator *mem)
{
    prune_product_free(s->product);
    if (s->layer != NULL)
        prn_mem_free(mem, s->layer, 1, s->layer->bytes);
}

void prune_engine_free(prune_engine *engine)
{
    if (engine == NULL)
        return;
    const prune_allocator mem = engine->mem;
    for (size_t l = 0; l < engine->count; l++)
        end_step(&engine->steps[l], &mem);
    prn_mem_free(&mem, engine->room, 1, engine->room_bytes);
    prn_mem_free(&mem, engine, 1, engine->bytes);
}

/* ---- what there is ---- */

size_t prune_engine_bytes(const prune_engine *engine)
{
    if (engine == NULL)
        return 0;
    size_t bytes = engine->bytes + engine->room_bytes;
    for (size_t l = 0; l < engine->count; l++) {
        const step *s = &engine->steps[l];
        bytes += s->layer != NULL ? s->layer->bytes : prune_product_bytes(s->product);
    }
    return bytes;
}

size_t prune_engine_room(const prune_engine *engine)
{
    return engine == NULL ? 0 : engine->room_bytes;
}

size_t prune_engine_layer_count(const prune_engine *engine)
{
    size_t count = 0;
    for (size_t l = 0; engine != NULL && l < engine->count; l++)
        count += engine->steps[l].product != NULL;
    return count;
}

/* The dense layer of that number. */
static const step *find_step(const prune_engine *engine, size_t index)
{
    for (size_t l = 0; l < engine->count; l++)
        if (engine->steps[l].product != NULL && index-- == 0)
            return &engine->steps[l];
    return NULL;
}

prune_status prune_engine_describe(prune_engine_layer *layer, const prune_engine *engine, size_t index)
{
    if (layer == NULL || engine == NULL)
        return PRUNE_E_ARGUMENT;
    const prune_status status = prn_result_check(layer, sizeof *layer);
    const step *s = find_step(engine, index);
    if (status != PRUNE_OK || s == NULL)
        return status != PRUNE_OK ? status : PRUNE_E_RANGE;
    prune_product_info info;
    prune_product_info_init(&info);
    prune_product_describe(&info, s->product);
    const prune_engine_layer mine = { .size = sizeof mine,
                                      .kernels = info.kernels,
                                      .layout = info.layout,
                                      .layout_many = info.layout_many,
                                      .activation = s->activation,
                                      .rows = info.rows,
                                      .columns = info.columns,
                                      .kept = info.kept,
                                      .bytes = info.bytes,
                                      .modelled = (double)prn_product_time(s->product),
                                      .measured = s->measured };
    prn_result_write(layer, &mine);
    return PRUNE_OK;
}

/* ---- running ---- */

static void run_step(const step *s, const prn_pass *pass, void *room)
{
    if (s->layer != NULL) {
        s->layer->ops->forward(s->layer, pass);
        return;
    }
    const prn_product_call call = {
        .x = pass->x, .y = pass->y, .ldx = pass->ldx, .ldy = pass->ldy, .batch = pass->batch, .room = room
    };
    prn_product_run(s->product, &call);
    prn_activation_forward(s->activation, pass->y, pass->ldy, s->bias, pass->batch, s->outputs);
}

static void run_block(const prune_engine *e, prn_pass *pass, unsigned char *room)
{
    float *const y = pass->y;
    const size_t ldy = pass->ldy;
    for (size_t l = 0; l < e->count; l++) {
        const int32_t last = l + 1 == e->count;
        pass->y = last ? y : (float *)(void *)(room + e->buffers[l % 2]);
        pass->ldy = last ? ldy : e->steps[l].outputs;
        run_step(&e->steps[l], pass, room + e->rest);
        pass->x = pass->y;
        pass->ldx = pass->ldy;
    }
}

prune_status prune_engine_run(const prune_engine *engine, prune_tensor *y, const prune_tensor *x, void *room)
{
    if (engine == NULL || y == NULL || x == NULL)
        return PRUNE_E_ARGUMENT;
    const prune_status status = prn_rows_check_pass(y, engine->outputs, x, engine->inputs);
    if (status != PRUNE_OK)
        return status;
    unsigned char *start = room != NULL ? room : engine->room;
    start += (LINE - (uintptr_t)start % LINE) % LINE;
    const size_t samples = prn_tensor_rows(x);
    for (size_t done = 0; done < samples; done += engine->max_batch) {
        const size_t left = samples - done;
        prn_pass pass = { .backend = engine->backend,
                          .batch = left < engine->max_batch ? left : engine->max_batch,
                          .x = (const float *)x->data + done * x->ld,
                          .ldx = prn_tensor_step(x),
                          .y = (float *)y->data + done * y->ld,
                          .ldy = prn_tensor_step(y) };
        run_block(engine, &pass, start);
    }
    return PRUNE_OK;
}
