/* fraction.c -- fractions turned into exact counts
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/fraction.h"
#include "mask.h"

/* Below 2^64 even for the most units. */
static uint64_t part_of(double fraction, uint64_t units, int32_t nearest)
{
    if (!(fraction < 1.0))
        return units;
    const double exact = fraction * (double)units;
    const uint64_t whole = (uint64_t)exact;
    const double rest = exact - (double)whole;
    const int32_t up = nearest && (rest > 0.5 || (!(rest < 0.5) && whole % 2 == 1));
    const uint64_t count = whole + (up ? 1 : 0);
    return count < units ? count : units;
}

prune_status prune_fraction_count_by(uint64_t *count, double fraction, uint64_t units, int32_t rule)
{
    if (count == NULL || rule < PRUNE_COUNT_NEAREST || rule > PRUNE_COUNT_LEFT_DOWN)
        return PRUNE_E_ARGUMENT;
    if (!(fraction >= 0.0 && fraction <= 1.0))
        return PRUNE_E_RANGE;
    const int32_t nearest = rule == PRUNE_COUNT_NEAREST || rule == PRUNE_COUNT_LEFT_NEAREST;
    if (rule == PRUNE_COUNT_NEAREST || rule == PRUNE_COUNT_DOWN) {
        *count = part_of(fraction, units, nearest);
        return PRUNE_OK;
    }
    const uint64_t left = part_of(1.0 - fraction, units, nearest);
    *count = nearest && left == 0 && units > 0 ? units - 1 : units - left;
    return PRUNE_OK;
}

prune_status prune_fraction_count(uint64_t *count, double fraction, uint64_t units)
{
    return prune_fraction_count_by(count, fraction, units, PRUNE_COUNT_NEAREST);
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
