/* engine.h -- a whole model made ready, once, to be run fast
 *
 * Shapes: B samples, I inputs, O outputs.
 *
 * An engine is a copy: the model may change or end. It is what prune_model_fold() makes of the model, its
 * dense layers as products (product.h) in the layout that is fastest for each, and nothing of their weights
 * beside; bias and activation are one pass over what a product gives.
 *
 * What it computes is what prune_predict() does, to rounding: up to the folding every element of a dense
 * layer, before the activation, is within
 *     2 (n + 4) 2^-24 (|bias| + sum |w x|)
 * of the exact sum over that layer's inputs x, n being the row's weights other than 0, while nothing
 * overflows; the layers that are not dense are the model's own. The same x in a batch of the same size gives
 * the same bits, on the same engine.
 *
 * Inputs that are not finite spoil their own sample alone: outputs that read one, through weights other than
 * 0, are what IEEE arithmetic gives (ReLU makes 0 of NaN); whether the others of that sample are spoilt too
 * is the layout's affair.
 *
 * Threads: an engine may be run by many at once, each with its own room.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_ENGINE_H
#define LIBPRUNE_ENGINE_H

#include "libprune/model.h"
#include "libprune/product.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* How layouts are chosen. */
enum {
    PRUNE_CHOOSE_MODELLED = 0, /* PRUNE_LAYOUT_AUTO of product.h: by modelled cost, for each size of batch */
    /* All that are not larger than DENSE are timed for max_batch samples, AUTO too, and the fastest
     * stays; AUTO unless another one is 2 % faster. Takes some milliseconds a layer, and memory for all
     * of them at a time. */
    PRUNE_CHOOSE_MEASURED = 1,
    PRUNE_CHOOSE_BYTES = 2 /* the one that takes the fewest bytes, which may be slower than dense */
};

typedef struct prune_engine prune_engine;

typedef struct prune_engine_options {
    size_t size;            /* sizeof(prune_engine_options), by prune_engine_options_init() */
    size_t max_batch;       /* samples computed at a time; 1 */
    int32_t kernels;        /* PRUNE_KERNELS_*; AUTO */
    int32_t choice;         /* PRUNE_CHOOSE_*; MODELLED */
    const int32_t *layouts; /* [layout_count] PRUNE_LAYOUT_* of the dense layers in their order, however they
                               would be chosen; AUTO, and the layers behind these: as chosen; NULL */
    size_t layout_count;
    const prune_backend *backend; /* of products that are dense; NULL: prune_backend_default() */
    const prune_clock *clock;     /* of MEASURED; NULL: the system's */
} prune_engine_options;

/* What a dense layer got. */
typedef struct prune_engine_layer {
    size_t size;         /* sizeof(prune_engine_layer), by prune_engine_layer_init() */
    int32_t kernels;     /* PRUNE_KERNELS_*, never AUTO */
    int32_t layout;      /* PRUNE_LAYOUT_* for one sample, never AUTO */
    int32_t layout_many; /* for max_batch samples */
    int32_t activation;  /* PRUNE_LINEAR, ... */
    uint64_t rows;
    uint64_t columns;
    uint64_t kept;  /* weights that are not 0 */
    uint64_t bytes; /* of the product */
    /* Nanoseconds of the product with max_batch samples, without bias and activation: as PRUNE_LAYOUT_AUTO
     * has it, for a machine of its own; and the shortest that MEASURED saw, 0 if it was not measured. */
    double modelled;
    double measured;
} prune_engine_layer;

/* Set size and defaults (layer: the rest 0). NULL is fine. */
void prune_engine_options_init(prune_engine_options *options);
void prune_engine_layer_init(prune_engine_layer *layer);

/* Makes an engine; for a while there are two copies of the model more. mem, options and error may be NULL.
 * PRUNE_E_ARGUMENT: NULL, an unknown constant, a back end or a clock without a function, layouts NULL but
 * counted; PRUNE_E_SHAPE: layout_count is more than there are dense layers; PRUNE_E_UNSUPPORTED: kernels are
 * not offered, or not such a layout by them, or there is no clock; PRUNE_E_SIZE: max_batch is 0;
 * PRUNE_E_LIMIT: it is over INT_MAX, or a matrix is too large for a product; PRUNE_E_VERSION,
 * PRUNE_E_OVERFLOW, PRUNE_E_MEMORY; and as prune_model_verify(). error names the option, or "layer N" of the
 * model, and says why. On failure *out is NULL. */
prune_status prune_engine_create(prune_engine **out, const prune_allocator *mem, const prune_model *model,
                                 const prune_engine_options *options, prune_error *error);

/* NULL is fine. */
void prune_engine_free(prune_engine *engine);

/* Bytes that the engine holds from its allocator, one room among them; 0 for NULL. */
size_t prune_engine_bytes(const prune_engine *engine);

/* Bytes of room that a run needs, for any B; 0 for NULL. */
size_t prune_engine_room(const prune_engine *engine);

/* y[B][O] = model(x[B][I]), any B >= 1, computed max_batch samples at a time. Allocates nothing. room: at
 * least prune_engine_room() bytes, of any alignment, not used by another thread meanwhile; NULL: the engine's
 * own, which serves one thread at a time. x and y must not overlap, nor room either.
 * PRUNE_E_ARGUMENT: NULL; PRUNE_E_SHAPE; PRUNE_E_TYPE (both F32); PRUNE_E_READONLY (y); PRUNE_E_LIMIT: rows
 * more than INT_MAX elements apart. On failure y is untouched. */
prune_status prune_engine_run(const prune_engine *engine, prune_tensor *y, const prune_tensor *x, void *room);

/* Dense layers; 0 for NULL. And what one of them, counted from 0, got. PRUNE_E_ARGUMENT: NULL; PRUNE_E_RANGE:
 * there is no such layer; PRUNE_E_VERSION: size. */
size_t prune_engine_layer_count(const prune_engine *engine);
prune_status prune_engine_describe(prune_engine_layer *layer, const prune_engine *engine, size_t index);
/* FFI-END */
PRUNE_API_END

#endif
