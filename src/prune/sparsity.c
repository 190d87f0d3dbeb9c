/* sparsity.c -- how much is removed by when
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/sparsity.h"
#include "options.h"
#include "real.h"

enum { MOST_POWER = 64 };

void prune_sparsity_init(prune_sparsity *sparsity)
{
    if (sparsity != NULL)
        *sparsity = (prune_sparsity){ .size = sizeof *sparsity,
                                      .kind = PRUNE_SPARSITY_POLYNOMIAL,
                                      .power = 3,
                                      .final = 0.9,
                                      .end = 1000,
                                      .every = 100 };
}

static prune_status read_sparsity(prune_sparsity *mine, const prune_sparsity *given)
{
    prune_sparsity_init(mine);
    const prune_status status = prn_options_read(mine, sizeof *mine, given);
    if (status != PRUNE_OK)
        return status;
    if (mine->kind < PRUNE_SPARSITY_ONE_SHOT || mine->kind > PRUNE_SPARSITY_POLYNOMIAL)
        return PRUNE_E_ARGUMENT;
    const double most = mine->kind == PRUNE_SPARSITY_GEOMETRIC ? 1.0 - 0x1p-53 : 1.0;
    const int32_t fits = mine->initial >= 0.0 && mine->initial <= mine->final && mine->final <= most &&
                         mine->power >= 1 && mine->power <= MOST_POWER && mine->end >= mine->begin &&
                         mine->every >= 1;
    return fits ? PRUNE_OK : PRUNE_E_RANGE;
}

static double power_of(double x, uint32_t power)
{
    double product = 1.0;
    for (uint32_t i = 0; i < power; i++)
        product *= x;
    return product;
}

/* Between begin and end; rounding takes none of them out of initial .. final. */
static double value_at(const prune_sparsity *s, double p)
{
    switch (s->kind) {
    case PRUNE_SPARSITY_LINEAR:
        return s->initial + (s->final - s->initial) * p;
    case PRUNE_SPARSITY_GEOMETRIC:
        return 1.0 -
               (1.0 - s->initial) * prn_real_exp(p * prn_real_log((1.0 - s->final) / (1.0 - s->initial)));
    case PRUNE_SPARSITY_POLYNOMIAL:
        return s->final + (s->initial - s->final) * power_of(1.0 - p, s->power);
    default:
        return s->final;
    }
}

prune_status prune_sparsity_at(double *value, const prune_sparsity *sparsity, uint64_t t)
{
    prune_sparsity s;
    if (value == NULL)
        return PRUNE_E_ARGUMENT;
    const prune_status status = read_sparsity(&s, sparsity);
    if (status != PRUNE_OK)
        return status;
    *value = t < s.begin ? 0.0 : s.final;
    if (t < s.begin || t >= s.end)
        return PRUNE_OK;
    const uint64_t due = (t - s.begin) / s.every * s.every;
    const double exact = due == 0 && s.kind != PRUNE_SPARSITY_ONE_SHOT
                             ? s.initial
                             : value_at(&s, (double)due / (double)(s.end - s.begin));
    *value = exact < s.initial ? s.initial : exact > s.final ? s.final : exact;
    return PRUNE_OK;
}
