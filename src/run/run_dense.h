/* run_dense.h -- a dense layer from flash, four rows at a time, whatever does four columns of them */
#ifndef PRN_RUN_DENSE_H
#define PRN_RUN_DENSE_H

#include "blob.h"
#include "inline.h"

/* Sums of four rows, and what comes next: weights of a column, and its input. */
typedef struct prn_panel {
    float a, b, c, d;
    const float *w, *x;
} prn_panel;

/* So many times four columns, at least one time. */
typedef void prn_turns(prn_panel *p, uint32_t turns);

/* Four rows share each x. */
PRN_INLINE void prn_turns_in_c(prn_panel *p, uint32_t turns)
{
    for (; turns != 0; turns--, p->x += 4, p->w += 16) {
        const float *w = p->w;
        float t = p->x[0];
        p->a += w[0] * t, p->b += w[1] * t, p->c += w[2] * t, p->d += w[3] * t;
        t = p->x[1];
        p->a += w[4] * t, p->b += w[5] * t, p->c += w[6] * t, p->d += w[7] * t;
        t = p->x[2];
        p->a += w[8] * t, p->b += w[9] * t, p->c += w[10] * t, p->d += w[11] * t;
        t = p->x[3];
        p->a += w[12] * t, p->b += w[13] * t, p->c += w[14] * t, p->d += w[15] * t;
    }
}

/* Returns what lies behind the panel. */
PRN_INLINE const float *prn_dense_panel(float *y, const float *w, const float *x,
                                        const prune_blob_layer *layer, prn_turns *turns)
{
    prn_panel p = { w[0], w[1], w[2], w[3], w + 4, x };
    if (layer->inputs >= 4)
        turns(&p, layer->inputs / 4u);
    for (uint32_t rest = layer->inputs % 4u; rest != 0; rest--, p.w += 4) {
        const float t = *p.x++;
        p.a += p.w[0] * t, p.b += p.w[1] * t, p.c += p.w[2] * t, p.d += p.w[3] * t;
    }
    y[0] = prn_floored(p.a, layer->floor);
    y[1] = prn_floored(p.b, layer->floor);
    y[2] = prn_floored(p.c, layer->floor);
    y[3] = prn_floored(p.d, layer->floor);
    return p.w;
}

PRN_INLINE void prn_dense_run(void *y, const void *x, const prune_blob_layer *layer, prn_turns *turns)
{
    const float *w = prn_floats_at(prn_layer_data(layer));
    float *out = (float *)y;
    uint32_t rows = layer->outputs;
    for (; rows >= 4; rows -= 4, out += 4)
        w = prn_dense_panel(out, w, prn_floats_at(x), layer, turns);
    for (; rows != 0; rows--) {
        const float *in = prn_floats_at(x);
        float sum = *w++;
        for (uint32_t left = layer->inputs; left != 0; left--)
            sum += *w++ * *in++;
        *out++ = prn_floored(sum, layer->floor);
    }
}

uint32_t prn_dense_check(const prune_blob_layer *layer);

#endif
