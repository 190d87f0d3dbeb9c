/* blob.h -- the runtime: inference from a constant image in flash, in place, without heap, system or libm
 *
 * A blob is a model for one target. It is checked once, prune_blob_check(), and then run from where it lies,
 * prune_blob_run(). Neither allocates or keeps anything; the only memory is scratch from the caller, as many
 * bytes as the blob says.
 *
 * What computes a layer is an operation, a constant prune_blob_op. A program lists those that its models
 * need, and so links no others (with -ffunction-sections -fdata-sections and the linker's --gc-sections):
 *     static const prune_blob_op *const ops[] = { PRUNE_BLOB_OPS_WEIGHTS, &prune_op_tanh, NULL };
 * or takes prune_blob_ops, which are all of them. Exporters choose the encoding of each layer by its weights:
 * a blob of the same model, trained further, may need another; so list all of a kind, by the macros below.
 * Of two operations of one id the first in the list is taken.
 *
 * prune_blob_save() (save.h) makes a file of a blob. Into flash, and aligned to 4, it comes by an assembler
 * file like
 *     .section .rodata
 *     .balign 4
 *     .global net_blob, net_blob_end
 *     net_blob: .incbin "net.blob"
 *     net_blob_end:
 * and is then extern const uint32_t net_blob[], net_blob_end[]; of (net_blob_end - net_blob) * 4 bytes.
 *
 * Bytes, little-endian, aligned to 4: the struct prune_blob_header; then `layers` times the struct
 * prune_blob_layer with its data, so many 32-bit words, behind it; then the CRC-32 (zlib's) of all before.
 * A big-endian machine refuses every blob as PRUNE_E_FORMAT. Elements between layers are float, or what
 * another operation says; O and I are a layer's outputs and inputs.
 *     DENSE    rows four at a time: 4 biases, then for each column 4 weights, one of each row. The last
 *              O % 4 rows one by one: bias, weights. O (I + 1) words
 *     BLOCKS   4 x 1 blocks. A u32 V; so many values f32; u16 index, as many as are needed, and one more if
 *              they do not fill a word. Rows four at a time: 4 biases, and 4 values for each block; in the
 *              index the number of blocks, and the column of each. The last O % 4 rows one by one: bias,
 *              values; number, columns
 *     DELTAS   for each row its bias and a u32 g, then g times: a u32, four steps of a byte each, lowest
 *              first, in bytes of x (4 times columns, so at most 63 of them), and 4 values f32. The walk
 *              starts at column 0; a value belongs to where its step leads. Values that only fill a word, or
 *              bridge a gap, are 0
 *     BITMASK  for each row its bias, then for every 32 columns a u32, most significant bit first, 1 where
 *              there is a value, and so many values f32
 *     AFFINE   for each output s, w f32: y = s + w x; in place
 *     others   no data; in place
 * Of int8, whose elements lie in the scratch as int16, -128 .. 127, in numbers that are multiples of 4:
 *     WIDEN    int8 to that, zeros behind them; no data. O is I, up to a multiple of 4
 *     DENSE8   a u32 n, 1 or O; the zero of the outputs, i32; n scales u32. Rows four at a time: 4 biases
 *              i32, then for every four columns a word for each row, whose bytes, lowest first, are the
 *              weights of columns 0, 2, 1, 3
 *     BLOCKS8  1 x 4 blocks. n, zero, scales likewise; a u32 V; so many words: for each row its bias, and a
 *              word for each block; then bytes, up to a whole word: for each row the number of its blocks,
 *              and a step for each, in fours of columns. A number of 255 says that another one, maybe 0,
 *              and its steps are behind those of the 255. The walk starts at column 0; blocks that bridge
 *              a gap are 0
 *     TABLE    256 int8: what comes out for -128 .. 127; in place
 *     AFFINE8  a u32 j below 32; for each output b, w i32; in place
 *     NARROW   to int8, the first O of I; no data
 *     REAL     a scale f32 and a zero i32: y = scale (x - zero), float; the first O of I
 *
 * Those with float weights compute s = bias; s = s + w x for each stored weight, columns ascending; y = s, or
 * `floor` where s is not above it. In float, and without contraction (-ffp-contract=off) the same bits on
 * every machine and, while x is finite, for every encoding: exporters write a bias of -0 as +0. Contraction
 * (=fast) saves up to two fifths of a dense layer's instructions where there is a fused multiply-add, and
 * the bits are then that machine's. Beside prune_predict() outputs agree to rounding: sums there have another
 * order.
 *
 * DENSE8 and BLOCKS8 compute, with no rounding but the last, s = bias + sum w x in 32 bits, modulo 2^32; with
 * c the row's scale, a positive i32, j its lowest five bits: y = zero + s c 2^-(33 + j), rounded to nearest,
 * halves up, cut to -128 .. 127. So ReLU is a zero of -128. What the zero of the inputs adds is in the bias.
 * AFFINE8 computes y = (b + w x) 2^-j, b + w x modulo 2^32, rounded down, cut to -128 .. 127.
 * The same bits on every machine, by any back end.
 *
 * Threads: all of it may be used by any number of threads at once, each with scratch of its own.
 * On chips: libprune-firmware.a and libprune-runtime.a.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_BLOB_H
#define LIBPRUNE_BLOB_H

#include "libprune/base.h"

/* prune_blob_layer.to: the caller's outputs. */
#define PRUNE_BLOB_OUTPUT 0x80000000u

PRUNE_API_BEGIN
/* FFI-BEGIN */
enum { PRUNE_BLOB_MAGIC = 0x424E5250, PRUNE_BLOB_VERSION = 1, PRUNE_BLOB_PANEL = 4 }; /* "PRNB" */

/* Types of elements: log2 of their bytes. */
enum { PRUNE_BLOB_I8 = 0, PRUNE_BLOB_I16 = 1, PRUNE_BLOB_F32 = 2 };

/* Operations; written into blobs, so the values never change. An activation is PRUNE_BLOB_ACTIVATION and its
 * number in activation.h; behind weights, ReLU is a floor of 0. */
enum {
    PRUNE_BLOB_DENSE = 1,
    PRUNE_BLOB_BLOCKS = 2,
    PRUNE_BLOB_DELTAS = 3,
    PRUNE_BLOB_BITMASK = 4,
    PRUNE_BLOB_AFFINE = 5,
    PRUNE_BLOB_WIDEN = 6,
    PRUNE_BLOB_DENSE8 = 7,
    PRUNE_BLOB_BLOCKS8 = 8,
    PRUNE_BLOB_TABLE = 9,
    PRUNE_BLOB_NARROW = 10,
    PRUNE_BLOB_REAL = 11,
    PRUNE_BLOB_AFFINE8 = 12,
    PRUNE_BLOB_ACTIVATION = 32,
    PRUNE_BLOB_SOFTMAX = 48,
    PRUNE_BLOB_LOG_SOFTMAX = 49
};

typedef struct prune_blob_header {
    uint32_t magic;    /* PRUNE_BLOB_MAGIC */
    uint8_t version;   /* PRUNE_BLOB_VERSION */
    uint8_t panel;     /* rows of a panel, PRUNE_BLOB_PANEL: the layout of weights */
    uint8_t takes;     /* what the inputs are, PRUNE_BLOB_F32, ... */
    uint8_t gives;     /* and the outputs */
    uint32_t words;    /* 32 bits each, of the whole, checksum included */
    uint32_t layers;   /* at least 1 */
    uint16_t inputs;   /* of a sample */
    uint16_t outputs;  /* at least 1 */
    uint32_t scratch;  /* bytes; a multiple of 4 */
    float input_scale; /* of integers: value = scale (integer - zero); else 1 and 0 */
    int32_t input_zero;
    float output_scale;
    int32_t output_zero;
} prune_blob_header;

typedef struct prune_blob_layer {
    uint16_t op;      /* PRUNE_BLOB_DENSE, ... */
    uint16_t zero;    /* 0: any more is another operation */
    uint16_t inputs;  /* what the layer before writes */
    uint16_t outputs; /* at least 1 */
    uint32_t to;      /* where it writes: bytes into the scratch, a multiple of 4, or PRUNE_BLOB_OUTPUT */
    uint32_t words;   /* of data, right behind this struct */
    float floor;      /* of float weights: the least output; 0 is ReLU (a NaN stays one), -Inf or NaN none */
} prune_blob_layer;

typedef struct prune_blob_op {
    uint8_t id;    /* PRUNE_BLOB_DENSE, ... */
    uint8_t takes; /* PRUNE_BLOB_F32, ... */
    uint8_t gives;
    uint8_t in_place; /* 1: y may be x, and outputs are as many as inputs; else y and x lie apart */
    /* 0 if the data are whole, for whatever bytes: then run() stays within them, and within x. */
    uint32_t (*check)(const prune_blob_layer *layer);
    void (*run)(void *y, const void *x, const prune_blob_layer *layer);
} prune_blob_op;

/* Whether blob[length] is one that prune_blob_run() may run with these operations (a list that ends with
 * NULL), for bytes from anywhere: the checksum; of the header all but scales and zeros, which those check
 * who use them (below); of each layer all but `floor`; of data every size, count, index and zero. What is
 * only computed with may be any number, NaN and Inf too: weights, biases, floors, scales. It reads nothing
 * beyond the blob, which may be shorter than `length`, the rest of a page of flash behind it.
 * PRUNE_E_ARGUMENT: NULL, or blob not aligned to 4; PRUNE_E_TRUNCATED; PRUNE_E_VERSION: of another version,
 * or for another target; PRUNE_E_UNSUPPORTED: an operation is not in the list, prune_blob_missing();
 * PRUNE_E_FORMAT; PRUNE_E_CHECKSUM. */
prune_status prune_blob_check(const void *blob, size_t length, const prune_blob_op *const *ops);

/* The same without the checksum, which reads every byte: for a fast start, where it was checked before. */
prune_status prune_blob_open(const void *blob, size_t length, const prune_blob_op *const *ops);

/* The first operation of a blob that is not in the list, where the checks say PRUNE_E_UNSUPPORTED: its id,
 * PRUNE_BLOB_DENSE, ..., plus 65536 times what is to be 0 behind it; else 0. On hosts prune_c_op_name()
 * (c_export.h) has a name for it. */
uint32_t prune_blob_missing(const void *blob, size_t length, const prune_blob_op *const *ops);

/* Bytes of scratch that a run needs; 0 for NULL. */
size_t prune_blob_scratch(const void *blob);

/* The layers of a blob that has passed a check, one by one: the first, and the one behind; there are
 * `layers` of them. */
const prune_blob_layer *prune_blob_first(const void *blob);
const prune_blob_layer *prune_blob_next(const prune_blob_layer *layer);

/* y[outputs] = model(x[inputs]) of one sample, of a blob and operations that have passed a check: here they
 * are trusted. scratch[room] is aligned to 4, y and x as their elements, of I16 to 4; none overlaps another.
 * PRUNE_E_ARGUMENT: NULL, scratch not aligned; PRUNE_E_MEMORY: room is too small, or scratch is NULL and some
 * is needed; both before anything is written; PRUNE_E_UNSUPPORTED: an operation is not in the list. */
prune_status prune_blob_run(const void *blob, const prune_blob_op *const *ops, void *y, const void *x,
                            void *scratch, size_t room);

/* q[inputs] = the integers that x[inputs] are to a checked blob: x / input_scale to the nearest whole number,
 * halves away from 0, plus input_zero, cut to -128 .. 127; NaN gives -128. Where input_scale is 1 / 255 and
 * input_zero -128, as for models that have learned from u8 / 255, pixels are (int8_t)(u8 - 128).
 * PRUNE_E_ARGUMENT: NULL; PRUNE_E_TYPE: the blob takes something else than int8; PRUNE_E_FORMAT: input_scale
 * is not above 0 and finite, or input_zero no int8. Nothing is written then. */
prune_status prune_blob_quantize(int8_t *q, const void *blob, const float *x);

/* y[outputs] = output_scale (q - output_zero). The largest output is the largest q, softmax before or behind.
 * PRUNE_E_ARGUMENT: NULL; PRUNE_E_TYPE: the blob gives something else than int8; PRUNE_E_FORMAT: likewise. */
prune_status prune_blob_dequantize(float *y, const void *blob, const int8_t *q);
/* FFI-END */

/* Behind FFI-END, since cffi knows no constant structs: a binding declares them without const. */

/* In place of prune_op_dense, or before it in a list, and to the same bits as that without contraction: the
 * inner loop in assembly for ARM's single-precision unit, 1.3 instructions per weight; elsewhere that one. */
extern const prune_blob_op prune_op_dense_vfp;

extern const prune_blob_op prune_op_dense, prune_op_blocks, prune_op_deltas, prune_op_bitmask;
extern const prune_blob_op prune_op_affine, prune_op_relu, prune_op_sigmoid, prune_op_tanh,
    prune_op_leaky_relu, prune_op_elu, prune_op_selu, prune_op_gelu, prune_op_gelu_tanh, prune_op_silu,
    prune_op_softplus;
extern const prune_blob_op prune_op_softmax, prune_op_log_softmax;
extern const prune_blob_op prune_op_widen, prune_op_dense8, prune_op_blocks8, prune_op_affine8,
    prune_op_table, prune_op_narrow, prune_op_real;

/* All of the above but prune_op_dense_vfp, then NULL. */
extern const prune_blob_op *const prune_blob_ops[];

/* For lists: float weights, whatever their encoding; int8, but softmax, which is float, behind it. */
#define PRUNE_BLOB_OPS_WEIGHTS &prune_op_dense, &prune_op_blocks, &prune_op_deltas, &prune_op_bitmask
#define PRUNE_BLOB_OPS_INT8                                                                   \
    &prune_op_widen, &prune_op_dense8, &prune_op_blocks8, &prune_op_affine8, &prune_op_table, \
        &prune_op_narrow, &prune_op_real
PRUNE_API_END

#endif
