/* order.h (private) -- which samples a fit holds back, and in what order it visits the others */
#ifndef PRN_ORDER_H
#define PRN_ORDER_H

#include "libprune/base.h"
#include "libprune/rng.h"
#include "mem.h"

/* Samples base[0 .. train - 1] are trained on, in the order of now[train]; the `held` after them are not. */
typedef struct prn_order {
    size_t train, held;
    size_t *base, *now;
    prune_allocator mem;
    size_t bytes;
} prn_order;

/* How many are held back: a fraction (fit.h), but none where validation data are `given`. */
prune_status prn_order_part(prn_order *order, size_t samples, double fraction, int32_t given,
                            prune_error *error);

/* Makes room for what `train` and `held` say, and draws what is held back. That depends on the seed alone, so
 * that a fit that goes on holds back the same. PRUNE_E_MEMORY. Ended by prn_order_close(), also after a
 * failure, and when it is all 0. */
prune_status prn_order_open(prn_order *order, const prune_allocator *mem, uint64_t seed);
void prn_order_close(prn_order *order);

/* The order of the next epoch, drawn from rng; NULL: as they lie. */
void prn_order_start(prn_order *order, prune_rng *rng);

#endif
