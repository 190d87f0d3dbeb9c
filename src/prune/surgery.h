/* surgery.h -- optimal brain surgeon on one dense layer */
#ifndef PRN_SURGERY_H
#define PRN_SURGERY_H

#include "linalg.h"
#include "model.h"

/* As of layerwise.h. */
typedef struct prn_surgery_options {
    double fraction, damping;
    size_t keep, of, block;
    int32_t bias, one_more;
} prn_surgery_options;

/* Rows of a layer share H, and but for the choice, which a block makes at once, have nothing to do with each
 * other. Options, linalg and mem are set by who opens it. */
typedef struct prn_surgery {
    prn_surgery_options options;
    const prn_linalg *linalg;
    prune_allocator mem;
    size_t bytes;
    void *memory;
    prn_layer *layer;
    size_t inputs, outputs, n; /* n: columns; with the bias one more than inputs */
    size_t block;
    double *h;   /* [n][n]; in the end U */
    double *w;   /* [outputs][n] */
    double *err; /* [outputs][block]: what the columns of the block could not keep, in units of U_jj */
    /* Of the block at work, [outputs][block]: */
    uint64_t *key; /* the bits of scores, which order as these do; UINT64_MAX: removed before */
    uint8_t *gone;
} prn_surgery;

/* Takes memory for a layer. PRUNE_E_LIMIT, PRUNE_E_OVERFLOW, PRUNE_E_MEMORY. Close takes also what failed to
 * open, or was never. */
prune_status prn_surgery_open(prn_surgery *s, prn_layer *layer);
void prn_surgery_close(prn_surgery *s);

/* Takes the layer's weights into w, and makes H^-1 of the H in h, whose upper triangle is given, damped.
 * PRUNE_E_SINGULAR. */
prune_status prn_surgery_invert(prn_surgery *s);

/* After that: removes weights until so many are gone (or as the options say), lets others make up for them,
 * and gives the layer its new weights. PRUNE_E_SINGULAR; PRUNE_E_COLLAPSE: nothing is left;
 * PRUNE_E_NONFINITE: a weight would leave float. On failure the layer is spoilt. */
prune_status prn_surgery_operate(prn_surgery *s, uint64_t count);

#endif
