/* race.h -- the layout that suits a matrix best, found by making and timing all of them */
#ifndef PRN_RACE_H
#define PRN_RACE_H

#include "encoding.h"
#include "libprune/product.h"

typedef struct prn_race {
    const prune_allocator *mem;
    const prn_matrix *matrix;
    prune_product_options options; /* the layout is AUTO, and batches are of max_batch */
    const prune_clock *clock;
} prn_race;

/* The smallest, the first of equals. */
prune_status prn_race_by_bytes(prune_product **out, const prn_race *race);

/* The fastest, and its best time. AUTO is one of them, and wins unless another is so much faster that it
 * cannot be chance. PRUNE_E_MEMORY, PRUNE_E_OVERFLOW; and as prn_product_create(). */
prune_status prn_race_by_time(prune_product **out, double *nanoseconds, const prn_race *race);

#endif
