/* tiny_draw.c -- the first weights
 *
 * SPDX-License-Identifier: MIT */
#include "initializer.h"
#include "tiny.h"

#include <string.h>

prune_status prune_tiny_draw(prune_tiny *t, uint64_t seed)
{
    if (t == NULL)
        return PRUNE_E_ARGUMENT;
    float *w = t->weight;
    for (size_t l = 0; l < t->plan->layer_count; l++) {
        const size_t fan_in_out[] = { t->width[l], t->width[l + 1] };
        prune_rng rng;
        prn_initializer_seed(&rng, seed, l);
        prn_initializer_uniform(w, fan_in_out, t->plan->layers[l].activation->activation, &rng);
        w += fan_in_out[0] * fan_in_out[1];
        memset(w, 0, fan_in_out[1] * sizeof *w);
        w += fan_in_out[1];
    }
    prn_tiny_restart(t);
    return PRUNE_OK;
}
