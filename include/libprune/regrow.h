/* regrow.h -- removed weights come back where they would help most
 *
 * Sparse training with as many weights from beginning to end (RigL: U. Evci et al., ICML 2020): every so
 * often, the kept weights with the lowest scores (magnitudes) go, and as many of the removed ones with the
 * highest (|g|, which PRUNE_GRADIENT gives for removed weights too) come. RigL's fraction falls as a cosine:
 * prune_schedule_rate() with PRUNE_SCHEDULE_COSINE, a period of the steps until it ends, and the first
 * fraction (0.3) in place of the learning rate.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_REGROW_H
#define LIBPRUNE_REGROW_H

#include "libprune/mask.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
typedef struct prune_regrowth {
    size_t size;      /* sizeof(prune_regrowth), by prune_regrowth_init() */
    uint64_t dropped; /* weights that went; as many came */
    uint64_t kept;    /* weights of the selection that are kept, before and after */
} prune_regrowth;

/* Sets size, the rest 0. NULL is fine. */
void prune_regrowth_init(prune_regrowth *regrowth);

/* Of each layer (PRUNE_PER_LAYER) or of all together (PRUNE_GLOBAL), k = round_half_even(fraction * kept)
 * weights, but at most as many as are removed, and of a layer as leave min_kept: the k kept ones that are
 * lowest in `drop` go, and the k that were removed before the call and are highest in `grow` come, ties in
 * the order (score, layer, index). What comes starts at 0; a trainer has no moments for it, unless it was
 * removed and came back between two steps. Both tables are of this model and may be one and the same.
 * regrowth and selection may be NULL. Allocates nothing.
 * Weights are looked at one by one: those of a removed neuron may come too, but not its bias, nor its gamma
 * in a batch normalisation, without which they are of no use. Where neurons are to stay away, give their
 * weights the lowest scores in `grow` (a PRUNE_SUPPLIED table).
 * PRUNE_E_RANGE: fraction is NaN or outside 0 .. 1, or the selection's; PRUNE_E_ARGUMENT: NULL, not weights;
 * PRUNE_E_STATE: a table without scores or of another model; PRUNE_E_COLLAPSE: a layer would be left with
 * fewer than min_kept, which it has now (PRUNE_GLOBAL). On failure nothing is changed. */
prune_status prune_mask_regrow(prune_regrowth *regrowth, prune_model *model, const prune_importance *drop,
                               const prune_importance *grow, const prune_selection *selection,
                               double fraction);
/* FFI-END */
PRUNE_API_END

#endif
