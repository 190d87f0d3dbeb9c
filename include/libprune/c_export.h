/* c_export.h -- models as C source: one .c and one .h, for trees that shall link no library
 *
 * Made from a blob (blob.h; prune_blob_export() makes one of a model). With the prefix "net", net.h has
 *     NET_INPUTS NET_OUTPUTS NET_SAMPLES   numbers
 *     NET_SCRATCH                          bytes of scratch, at least 4, a multiple of 4
 *     NET_BYTES                            of constants, all layers
 *     void net_run(float *y, const float *x, void *scratch);
 *         y[NET_OUTPUTS] = model(x[NET_INPUTS]);
 *         scratch aligned to 4, y and x as float is; none overlaps another
 *     int32_t net_selftest(float *y, void *scratch);
 *         runs the samples, the last into y: NET_SELFTEST_SAME (0) if all outputs are those that the exporter
 *         computed; NET_SELFTEST_ROUNDED (1) if some differ by at most 2^-13 (1 + |output|), as contraction
 *         lets them: GCC contracts unless told -std=c11, or not to; NET_SELFTEST_WRONG (2) if one is wrong
 *     void net_quantize(int8_t *q, const float *x);
 *     void net_dequantize(float *y, const int8_t *q);
 *         where inputs, or outputs, are int8_t: from numbers and to them, the bits of prune_blob_quantize()
 *         and prune_blob_dequantize()
 *     NET_NO_SELFTEST                      defined for the compiler: no self-test, and no samples for it
 * where integer models have int8_t or int16_t (aligned to 4) for float, NET_INPUT_SCALE, NET_INPUT_ZERO,
 * NET_OUTPUT_SCALE and NET_OUTPUT_ZERO, and ROUNDED is a difference of 1. Macros are for #if too, but for
 * scales.
 *
 * net.c is C99 and C++17, and includes net.h; with -ffp-contract=off it gives the bits of prune_blob_run().
 * -ffast-math is refused where exp is behind an activation (fmath.h), and elsewhere changes last digits.
 * Standalone it holds the functions of the runtime that the model needs, all static, and needs nothing else;
 * or it names the operations of a runtime that is linked, and so only these are. What is not called, the
 * self-test for one, goes with -ffunction-sections -fdata-sections and the linker's --gc-sections.
 * Weights of DENSE, BLOCKS and AFFINE are hexadecimal floats. In DELTAS and BITMASK counts, steps and masks
 * stand between them, so these are words of 32 bits, as in a blob, that are read as floats; int8 weights are
 * four to a word. All exact. (C's rules for types have it that what is written as one is not read as the
 * other. These words are constants that nobody writes; GCC and Clang give the bits at -O3 and with -flto.)
 *
 * ASCII, lines end in '\n', no locale; the same bytes for the same arguments. Only little-endian hosts
 * export: others refuse blobs; and they refuse C of int8 models. Any thread; the blob is only read.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_C_EXPORT_H
#define LIBPRUNE_C_EXPORT_H

#include "libprune/blob.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
enum { PRUNE_C_PREFIX_LENGTH = 40 }; /* the most that a prefix has */

typedef struct prune_c_options {
    size_t size;         /* sizeof(prune_c_options), by prune_c_options_init() */
    const char *prefix;  /* of all names, and the files': a C identifier without "__", that starts with a
                             letter, but not with "prune" or "prn", and is no header of C's as "float";
                             NULL: "model". Models in one program: names that differ in more than case */
    const char *runtime; /* NULL: standalone; else the header to include, as "libprune/blob.h" or
                             "prune_runtime.h" */
    const void *samples; /* [sample_count][inputs] of what the model takes, for the self-test; NULL: drawn,
                             floats from -1 to 1, integers from all */
    size_t sample_count; /* 1 to 65535; 2 */
} prune_c_options;

/* Sets size and defaults. NULL is fine, and where a call takes such options means them. */
void prune_c_options_init(prune_c_options *options);

/* Writes <prefix>.h of a blob, which is checked first. options and error may be NULL; error names the option
 * or the layer.
 * PRUNE_E_ARGUMENT: NULL, a prefix or runtime that cannot be; PRUNE_E_RANGE: sample_count; PRUNE_E_VERSION:
 * options of another; as prune_blob_check() with prune_blob_ops; PRUNE_E_FORMAT: of integers a scale that is
 * not above 0 and finite, or a zero that is no int8; PRUNE_E_UNSUPPORTED: the model takes no inputs;
 * PRUNE_E_NONFINITE: a weight or bias of DENSE, BLOCKS or AFFINE, or a floor other than -Inf; all before
 * anything is written. Then what the writer returns, which ends it. */
prune_status prune_c_export_header(const prune_writer *writer, const void *blob, size_t length,
                                   const prune_c_options *options, prune_error *error);

/* Writes <prefix>.c, likewise; the options are the same. mem gives room for scratch, inputs and outputs, and
 * gets it back. Also PRUNE_E_MEMORY; PRUNE_E_NONFINITE: a sample or an output of the self-test. */
prune_status prune_c_export_source(const prune_writer *writer, const prune_allocator *mem, const void *blob,
                                   size_t length, const prune_c_options *options, prune_error *error);

/* What blob.h calls an operation: "prune_op_dense" for PRUNE_BLOB_DENSE; NULL: there is none of that id. */
const char *prune_c_op_name(uint32_t id);
/* FFI-END */
PRUNE_API_END

#endif
