/* order.c -- which samples a fit holds back, and in what order it visits the others
 *
 * SPDX-License-Identifier: MIT */
#include "order.h"
#include "libprune/fraction.h"
#include "text.h"

#include <string.h>

prune_status prn_order_part(prn_order *order, size_t samples, double fraction, int32_t given,
                            prune_error *error)
{
    uint64_t held = 0;
    if (!(fraction >= 0.0 && fraction < 1.0))
        return prn_error_set(error, PRUNE_E_RANGE, "validation_fraction", "not from 0 to below 1");
    const int32_t parted = !given && fraction > 0.0;
    if (parted && samples < 2)
        return prn_error_set(error, PRUNE_E_EMPTY, "validation_fraction", "one sample cannot be parted");
    if (parted && prune_fraction_count(&held, fraction, samples) == PRUNE_OK)
        held = held == 0 ? 1 : held >= samples ? samples - 1 : held;
    order->held = (size_t)held;
    order->train = samples - order->held;
    return PRUNE_OK;
}

prune_status prn_order_open(prn_order *order, const prune_allocator *mem, uint64_t seed)
{
    const size_t samples = order->train + order->held;
    prn_layout layout = { 0 };
    prune_rng rng;
    prn_layout_add(&layout, samples, sizeof(size_t));
    const size_t now = prn_layout_add(&layout, order->train, sizeof(size_t));
    void *block = layout.overflow ? NULL : prn_mem_alloc(mem, 1, layout.bytes);
    if (block == NULL)
        return PRUNE_E_MEMORY;
    order->mem = *mem;
    order->bytes = layout.bytes;
    order->base = block;
    order->now = order->base + now / sizeof(size_t);
    for (size_t i = 0; i < samples; i++)
        order->base[i] = i;
    prune_rng_seed(&rng, ~seed);
    if (order->held != 0)
        prune_rng_shuffle(&rng, order->base, samples);
    return PRUNE_OK;
}

void prn_order_close(prn_order *order)
{
    if (order->base != NULL)
        prn_mem_free(&order->mem, order->base, 1, order->bytes);
}

void prn_order_start(prn_order *order, prune_rng *rng)
{
    memcpy(order->now, order->base, order->train * sizeof *order->now);
    if (rng != NULL)
        prune_rng_shuffle(rng, order->now, order->train);
}
