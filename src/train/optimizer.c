/* optimizer.c -- SGD with momentum, and Adam, under a mask
 *
 * SPDX-License-Identifier: MIT */
#include "optimizer.h"
#include "fmath.h"

#include <float.h>

/* Elements per piece: the mask is applied to a piece while it is in the cache. A multiple of 32. */
enum { PIECE = 1024 };

typedef struct piece {
    size_t count;
    float *restrict w;
    const float *restrict g;
    float *restrict m;
    float *restrict v;
} piece;

/* A step can leave float (a tiny epsilon, a high rate): then the weight ends at the largest number. Never
 * a NaN, since gradients and moments are bounded and epsilon is above 0. */
static float finite(float w)
{
    const float low = w < -FLT_MAX ? -FLT_MAX : w;
    return low > FLT_MAX ? FLT_MAX : low;
}

static void sgd(const prn_optimizer *o, const piece *p)
{
    for (size_t i = 0; i < p->count; i++) {
        p->m[i] = o->momentum * p->m[i] + p->g[i];
        p->w[i] = finite(p->w[i] - o->learning_rate * p->m[i]);
    }
}

static void adam(const prn_optimizer *o, const piece *p)
{
    const float rate = o->learning_rate / o->complement1, scale = 1.0f / prune_sqrtf(o->complement2);
    const float keep1 = o->beta1, keep2 = o->beta2, take1 = 1.0f - keep1, take2 = 1.0f - keep2;
    float *restrict w = p->w, *restrict m = p->m, *restrict v = p->v;
    const float *restrict g = p->g;
    for (size_t i = 0; i < p->count; i++) {
        m[i] = keep1 * m[i] + take1 * g[i];
        v[i] = keep2 * v[i] + take2 * (g[i] * g[i]);
        w[i] = finite(w[i] - rate * m[i] / (prn_root(v[i]) * scale + o->epsilon));
    }
}

typedef void update_piece(const prn_optimizer *o, const piece *p);

static const struct optimizer_ops {
    update_piece *update;
    size_t slots;
} table[] = {
    [PRUNE_SGD] = { sgd, 1 },
    [PRUNE_ADAM] = { adam, 2 },
};

int32_t prn_optimizer_known(int32_t kind)
{
    return kind >= PRUNE_SGD && kind <= PRUNE_ADAM;
}

size_t prn_optimizer_slots(int32_t kind)
{
    return table[kind].slots;
}

void prn_optimizer_advance(prn_optimizer *o)
{
    o->complement1 = o->beta1 * o->complement1 + (1.0f - o->beta1);
    o->complement2 = o->beta2 * o->complement2 + (1.0f - o->beta2);
}

/* Word by word: most words of a pruned net are mixed, but most of a dense one are all ones. */
static void clear_removed(const piece *p, const uint32_t *mask)
{
    for (size_t i = 0; i < p->count; i++) {
        if (i % 32 == 0 && mask[i / 32] == 0xffffffffu) {
            i += 31;
            continue;
        }
        const int32_t kept = prn_mask_test(mask, i);
        p->w[i] = kept ? p->w[i] : 0.0f;
        p->m[i] = kept ? p->m[i] : 0.0f;
        if (p->v != NULL)
            p->v[i] = kept ? p->v[i] : 0.0f;
    }
}

void prn_optimizer_apply(const prn_optimizer *o, prn_param *param, const float *gradient, float *m, float *v)
{
    for (size_t done = 0; done < param->count; done += PIECE) {
        const size_t left = param->count - done;
        const piece p = { left < PIECE ? left : PIECE, param->value + done, gradient + done, m + done,
                          v == NULL ? NULL : v + done };
        table[o->kind].update(o, &p);
        if (param->removed != 0)
            clear_removed(&p, param->mask + done / 32);
    }
}
