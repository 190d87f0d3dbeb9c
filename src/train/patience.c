/* patience.c -- which epoch is the best, and for how long none has been better
 *
 * SPDX-License-Identifier: MIT */
#include "patience.h"
#include "evaluate.h"

/* Whether `value` is better than `than` by more than `delta`; a number is better than NaN. */
static int32_t is_better(const prn_patience *patience, double value, double than, double delta)
{
    if (than != than)
        return value == value;
    return patience->higher ? value - than > delta : than - value > delta;
}

void prn_patience_restart(prn_patience *patience, int32_t best)
{
    patience->reference = prn_tally_none();
    patience->waited = 0;
    patience->has_best &= !best;
}

int32_t prn_patience_take(prn_patience *patience, double value)
{
    patience->waited++;
    if (is_better(patience, value, patience->reference, patience->min_delta)) {
        patience->reference = value;
        patience->waited = 0;
    }
    const int32_t best = !patience->has_best || is_better(patience, value, patience->best, 0.0);
    patience->best = best ? value : patience->best;
    patience->has_best = 1;
    return best;
}

int32_t prn_patience_is_out(const prn_patience *patience)
{
    return patience->most != 0 && patience->waited >= patience->most;
}
