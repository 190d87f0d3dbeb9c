/* product.h -- a weight matrix made ready, once, for many fast products y = W x
 *
 * W[O][I] comes as encoded bytes (encoding.h), or as a tensor of weights and what of it is kept, as in
 * encode.h. Its weights that are not 0 are copied into memory of the product's own, laid out for the kernels
 * that compute with them; which encoding the bytes have makes no difference. The matrix is not needed later.
 *
 * Layouts, and what they are good for:
 *     DENSE    all of W: the back end of gemm.h
 *     ROWS     compressed sparse rows: plain C at every batch; other kernels at batches of many samples,
 *              whose x is transposed, some samples at a time
 *     WINDOWS  unstructured W and few samples: rows side by side in the lanes of a vector; a step holds one
 *              weight of each, and sees so many columns of x that it picks from by permutation
 *     MASKS    a third and more of W kept, N of M also, at any batch: which columns are kept, a bit each, and
 *              the weights that are; a vector of them is spread over its columns once for several samples
 *     GROUPS   W whose neighbouring rows keep the same columns (blocks of 8 x 1 or 16 x 1, NEON also 4 x 1):
 *              vectors of weights times one element of x
 * AUTO takes for each size of batch the one of the lowest modelled cost among those that are not larger than
 * DENSE, and DENSE unless another one is 5 % cheaper.
 * Kernels: plain C, everywhere, is what the others are held to. They sum in other orders, and fuse
 * multiplication and addition, so for each element
 *     |y - what prune_encoding_apply() gives| <= 2 (n + 2) 2^-24 (|y before, if accumulating| + sum |w x|),
 * n being the row's weights other than 0, while nothing overflows. A product gives the same bits for the same
 * x of the same batch size, whatever thread runs it; with DENSE as far as the back end does.
 * An infinity or a NaN in x makes NaN or infinite each element of that sample's y whose row has a weight
 * other than 0 there, and perhaps others of the same sample, never of another sample.
 *
 * Threads: a product may be run by many at once, each with its own room. Running allocates nothing.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_PRODUCT_H
#define LIBPRUNE_PRODUCT_H

#include "libprune/encoding.h"
#include "libprune/gemm.h"
#include "libprune/sparse.h"
#include "libprune/tensor.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
typedef struct prune_product prune_product;

typedef struct prune_product_options {
    size_t size;      /* sizeof(prune_product_options), by prune_product_options_init() */
    int32_t kernels;  /* PRUNE_KERNELS_*; AUTO */
    int32_t layout;   /* PRUNE_LAYOUT_*, for all batches; AUTO */
    size_t max_batch; /* the most samples that it is laid out for; a larger batch works as well; 1 */
    const prune_backend *backend; /* of DENSE; NULL: prune_backend_default() */
} prune_product_options;

typedef struct prune_product_info {
    size_t size;         /* sizeof(prune_product_info), by prune_product_info_init() */
    int32_t kernels;     /* which, never AUTO */
    int32_t layout;      /* at batch 1 */
    int32_t layout_many; /* at max_batch */
    int32_t reserved;    /* 0 */
    uint64_t rows;
    uint64_t columns;
    uint64_t kept;  /* weights that are not 0 */
    uint64_t bytes; /* as prune_product_bytes() */
} prune_product_info;

/* Set size and defaults (info: the rest 0). NULL is fine. */
void prune_product_options_init(prune_product_options *options);
void prune_product_info_init(prune_product_info *info);

/* From encoded bytes, which are checked; error may be NULL, as may mem and options. Ended by
 * prune_product_free(). On the way a few bytes for each column are taken beside it, so that where bytes come
 * from a stranger, look at their columns first (prune_encoding_check()): few bytes may state 2^31 of them.
 * PRUNE_E_ARGUMENT: NULL, an unknown constant; PRUNE_E_UNSUPPORTED: the kernels are not offered, or not this
 * layout by them, or not for so many columns (WINDOWS and GROUPS take up to 65536); PRUNE_E_SIZE: max_batch
 * is 0; PRUNE_E_VERSION, PRUNE_E_OVERFLOW, PRUNE_E_MEMORY; and as prune_encoding_check(). */
prune_status prune_product_create(prune_product **out, const prune_allocator *mem, const void *bytes,
                                  size_t length, const prune_product_options *options, prune_error *error);

/* From weights[O][I], of which kept[O][I] says what counts; NULL: all. Errors as above, and PRUNE_E_TYPE;
 * PRUNE_E_LIMIT: O or I is over INT_MAX, or O I over 2^32 - 1. */
prune_status prune_product_create_weights(prune_product **out, const prune_allocator *mem,
                                          const prune_tensor *weights, const uint8_t *kept,
                                          const prune_product_options *options);

/* NULL is fine. */
void prune_product_free(prune_product *product);

/* Bytes that the product takes, its weights' layouts and all; 0 for NULL. */
size_t prune_product_bytes(const prune_product *product);

/* PRUNE_E_ARGUMENT, PRUNE_E_VERSION. */
prune_status prune_product_describe(prune_product_info *info, const prune_product *product);

/* Bytes of room that a run needs for any batch up to this one; may be 0. They do not grow without limit: no
 * batch needs more than the largest panel of samples, whose x and y lie there transposed. 0 for NULL. */
size_t prune_product_room(const prune_product *product, size_t batch);

/* y[B][O] = W x, or with `accumulate` y + W x, for each row of x[B][I]; F32, any ld, not overlapping. room:
 * at least prune_product_room(product, B) bytes, of any alignment, not used by another thread meanwhile; NULL
 * if that is 0. PRUNE_E_ARGUMENT, PRUNE_E_SHAPE, PRUNE_E_TYPE, PRUNE_E_READONLY; nothing is then written. */
prune_status prune_product_run(const prune_product *product, prune_tensor *y, const prune_tensor *x,
                               int32_t accumulate, void *room);
/* FFI-END */
PRUNE_API_END

#endif
