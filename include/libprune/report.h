/* report.h -- a pruned model in figures: how much smaller, how much less to compute, and what went
 *
 * For each layer and for the whole model, with B(e) the bytes in encoding e:
 *     sparsity    = 1 - weights kept / weights                        0 where there are no weights
 *     compression = parameters / parameters that are not 0            of the original, of the model
 *     speedup     = multiply-accumulates / those whose weight is kept  of the original, of the model
 *     B(e)        = PRUNE_ENCODED_LAYER + each weight matrix encoded + 4 for each other parameter
 *     of the whole: PRUNE_ENCODED_MODEL + sum of B(e), which is prune_model_encoded_bytes()
 * Compression and theoretical speed-up are what D. Blalock et al. ("What is the state of neural network
 * pruning?", MLSys 2020) ask reports to give, both. Where nothing is left to divide by they are infinite, and
 * where there is nothing at all, 1. The original is the model itself, or the dense one that it came from.
 *
 * Threads: as reading the models.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_REPORT_H
#define LIBPRUNE_REPORT_H

#include "libprune/compact.h"
#include "libprune/encoded.h"
#include "libprune/idle.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
enum { PRUNE_REPORT_TEXT = 1, PRUNE_REPORT_CSV = 2, PRUNE_REPORT_JSON = 3 };
enum { PRUNE_REPORT_ENCODINGS = 32 }; /* room: PRUNE_ENCODING_* are below it */

typedef struct prune_report_options {
    size_t size;
    int32_t format; /* PRUNE_REPORT_*, by default PRUNE_REPORT_TEXT */
    const prune_encoding_options
        *encoding;               /* default NULL: its defaults; which encoding it names is ignored */
    const prune_model *original; /* default NULL: the model itself. Of another number of layers, then it
                                    counts for the whole model only */
    const prune_compact_report *compaction; /* default NULL; else what prune_compact() said of original and
                                               model, PRUNE_E_SHAPE if it cannot be; wants original */
} prune_report_options;

/* The defaults above. NULL is fine, and where a call takes such options means them. */
void prune_report_options_init(prune_report_options *options);

/* The figures of one layer, or of all. */
typedef struct prune_report {
    size_t size; /* sizeof(prune_report), by prune_report_init() */
    uint64_t inputs, outputs;
    uint64_t parameters, nonzeros;
    uint64_t weights, weights_kept; /* prunable ones */
    uint64_t macs, macs_kept;
    uint64_t neurons, neurons_idle; /* of dense layers, see idle.h */
    uint64_t inputs_unread;         /* of a dense layer that reads the model's inputs; of all: the same */
    double sparsity, compression, speedup;
    uint64_t bytes[PRUNE_REPORT_ENCODINGS]; /* by PRUNE_ENCODING_*, BEST among them; 0: there is no such
                                               encoding, or it cannot hold these weights (N of M) */
} prune_report;

/* Sets size, the rest 0. NULL is fine. */
void prune_report_init(prune_report *report);

/* PRUNE_E_RANGE: no such layer, an encoding's option; PRUNE_E_ARGUMENT: NULL, format; PRUNE_E_NO_LAYERS;
 * PRUNE_E_VERSION; PRUNE_E_SHAPE. On failure *report stays. Allocates nothing. */
prune_status prune_report_layer(prune_report *report, const prune_model *model, size_t layer,
                                const prune_report_options *options);
prune_status prune_report_total(prune_report *report, const prune_model *model,
                                const prune_report_options *options);

/* Writes all of it: ASCII, lines end in '\n', no locale; the same bytes for the same model.
 *   TEXT  tables for people, then which neurons and inputs idle
 *   CSV   a header, a line for each layer, and one whose layer is "total"; an infinite ratio, or bytes that
 *         there are not, are an empty field
 *   JSON  an object: "layers" and "total" with the names of the CSV's columns, "bytes" by encoding, null for
 *         what is empty there; "idle": for "inputs" and each dense layer the numbers by reason; "compaction":
 *         null or the counts of prune_compact_report
 * The units listed are those of the original if there is a compaction that says which were kept: what was not
 * is listed by its reason there, "compacted" for what no single layer shows (a cascade, equal neurons,
 * rounding); else those of the model.
 * Errors as above, before anything is written, or what the writer returns, which ends it. */
prune_status prune_report_write(const prune_model *model, const prune_writer *writer,
                                const prune_report_options *options);
/* FFI-END */
PRUNE_API_END

#endif
