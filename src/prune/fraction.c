/* fraction.c -- fractions turned into exact counts
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/fraction.h"
#include "mask.h"

prune_status prune_fraction_count(uint64_t *count, double fraction, uint64_t units)
{
    if (count == NULL)
        return PRUNE_E_ARGUMENT;
    if (!(fraction >= 0.0 && fraction <= 1.0))
        return PRUNE_E_RANGE;
    if (!(fraction < 1.0)) {
        *count = units;
        return PRUNE_OK;
    }
    /* Below 2^64 even for the most units. */
    const double exact = fraction * (double)units;
    const uint64_t whole = (uint64_t)exact;
    const double rest = exact - (double)whole;
    const int32_t up = rest > 0.5 || (!(rest < 0.5) && whole % 2 == 1);
    *count = whole + (up ? 1 : 0);
    if (*count > units)
        *count = units;
    return PRUNE_OK;
}

typedef struct share {
    double fraction;
    int32_t of;
} share;

static prune_status count_share(void *user, uint64_t *count, uint64_t units, uint64_t kept)
{
    const share *wanted = user;
    if (wanted->of == PRUNE_OF_REMAINING)
        return prune_fraction_count(count, wanted->fraction, kept);
    uint64_t gone;
    const prune_status status = prune_fraction_count(&gone, wanted->fraction, units);
    *count = status == PRUNE_OK && gone > units - kept ? gone - (units - kept) : 0;
    return status;
}

prune_status prune_mask_fraction(prune_removal *removal, prune_model *model,
                                 const prune_importance *importance, const prune_selection *selection,
                                 double fraction, int32_t of)
{
    share wanted = { fraction, of };
    if (of != PRUNE_OF_ALL && of != PRUNE_OF_REMAINING)
        return PRUNE_E_ARGUMENT;
    if (!(fraction >= 0.0 && fraction <= 1.0))
        return PRUNE_E_RANGE;
    return prn_mask_lowest(removal, model, importance, selection, count_share, &wanted);
}
