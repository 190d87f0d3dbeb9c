/* run_dense.h -- a dense layer from flash, four rows at a time, whatever does four columns of them */
#ifndef PRN_RUN_DENSE_H
#define PRN_RUN_DENSE_H

#include "panel.h"

/* So many times four columns, at least one time; returns the input behind them. */
typedef const float *prn_turns(prn_panel *p, const float *x, uint32_t turns);

PRN_INLINE const float *prn_turns_in_c(prn_panel *p, const float *x, uint32_t turns)
{
    do {
        prn_panel_add(p, x[0]);
        prn_panel_add(p, x[1]);
        prn_panel_add(p, x[2]);
        prn_panel_add(p, x[3]);
        x += 4;
    } while (--turns != 0);
    return x;
}

/* Returns what lies behind the panel. */
PRN_INLINE const float *prn_dense_panel(float *y, const float *w, const float *x,
                                        const prune_blob_layer *layer, prn_turns *turns)
{
    prn_panel p = prn_panel_at(w);
    if (layer->inputs >= 4)
        x = turns(&p, x, layer->inputs / 4u);
    for (uint32_t rest = layer->inputs % 4u; rest != 0; rest--)
        prn_panel_add(&p, *x++);
    prn_panel_give(y, &p, layer->floor);
    return p.w;
}

PRN_INLINE const float *prn_dense_row(float *y, const float *w, const float *x, const prune_blob_layer *layer)
{
    const uint32_t turns = PRN_QUAD_LOADS ? layer->inputs / 4u : 0;
    float sum = *w++;
    for (uint32_t left = turns; left != 0; left--, x += 4) {
        const prn_quad quad = prn_quad_take(&w);
        sum += quad.v[0] * x[0];
        sum += quad.v[1] * x[1];
        sum += quad.v[2] * x[2];
        sum += quad.v[3] * x[3];
    }
    for (uint32_t rest = layer->inputs - 4u * turns; rest != 0; rest--)
        sum += *w++ * *x++;
    *y = prn_floored(sum, layer->floor);
    return w;
}

PRN_INLINE void prn_dense_run(void *y, const void *x, const prune_blob_layer *layer, prn_turns *turns)
{
    const float *w = prn_floats_at(prn_layer_data(layer));
    float *out = (float *)y;
    uint32_t rows = layer->outputs;
    for (; rows >= 4; rows -= 4, out += 4)
        w = prn_dense_panel(out, w, prn_floats_at(x), layer, turns);
    for (; rows != 0; rows--)
        w = prn_dense_row(out++, w, prn_floats_at(x), layer);
}

uint32_t prn_dense_check(const prune_blob_layer *layer);

#endif
