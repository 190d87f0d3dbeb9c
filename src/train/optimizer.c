/* optimizer.c -- SGD, Adam and their relatives, under a mask
 *
 * SPDX-License-Identifier: MIT */
#include "optimizer.h"
#include "fmath.h"
#include "scan.h"

#include <float.h>

/* Elements per piece: what follows the step itself is done while the piece is in the cache. A multiple of
 * 32. */
enum { PIECE = 1024 };

/* m and v: the first slot and the second. */
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

static void nesterov(const prn_optimizer *o, const prn_stride *by, const piece *p)
{
    const float keep = o->momentum, rate = by->rate;
    float *restrict w = p->w, *restrict m = p->m;
    const float *restrict g = p->g;
    for (size_t i = 0; i < p->count; i++) {
        m[i] = keep * m[i] + g[i];
        w[i] = finite(w[i] - rate * (g[i] + keep * m[i]));
    }
}

static void sgd(const prn_optimizer *o, const prn_stride *by, const piece *p)
{
    if (o->nesterov) {
        nesterov(o, by, p);
        return;
    }
    for (size_t i = 0; i < p->count; i++) {
        p->m[i] = o->momentum * p->m[i] + p->g[i];
        p->w[i] = finite(p->w[i] - by->rate * p->m[i]);
    }
}

static void adam(const prn_optimizer *o, const prn_stride *by, const piece *p)
{
    const float rate = by->rate / o->complement1, scale = 1.0f / prune_sqrtf(o->complement2);
    const float keep1 = o->beta1, keep2 = o->beta2, take1 = 1.0f - keep1, take2 = 1.0f - keep2;
    float *restrict w = p->w, *restrict m = p->m, *restrict v = p->v;
    const float *restrict g = p->g;
    for (size_t i = 0; i < p->count; i++) {
        m[i] = keep1 * m[i] + take1 * g[i];
        v[i] = keep2 * v[i] + take2 * (g[i] * g[i]);
        w[i] = finite(w[i] - rate * m[i] / (prn_root(v[i]) * scale + o->epsilon));
    }
}

static void adamw(const prn_optimizer *o, const prn_stride *by, const piece *p)
{
    const float keep = 1.0f - by->rate * by->decay;
    const size_t decayed = by->decay > 0.0f ? p->count : 0;
    float *restrict w = p->w;
    for (size_t i = 0; i < decayed; i++)
        w[i] = finite(keep * w[i]);
    adam(o, by, p);
}

static void rmsprop(const prn_optimizer *o, const prn_stride *by, const piece *p)
{
    const float keep = o->alpha, take = 1.0f - keep, rate = by->rate;
    float *restrict w = p->w, *restrict v = p->m;
    const float *restrict g = p->g;
    for (size_t i = 0; i < p->count; i++) {
        v[i] = keep * v[i] + take * (g[i] * g[i]);
        w[i] = finite(w[i] - rate * g[i] / (prn_root(v[i]) + o->epsilon));
    }
}

static void adagrad(const prn_optimizer *o, const prn_stride *by, const piece *p)
{
    const float rate = by->rate;
    float *restrict w = p->w, *restrict v = p->m;
    const float *restrict g = p->g;
    for (size_t i = 0; i < p->count; i++) {
        v[i] = finite(v[i] + g[i] * g[i]);
        w[i] = finite(w[i] - rate * g[i] / (prn_root(v[i]) + o->epsilon));
    }
}

typedef void update_piece(const prn_optimizer *o, const prn_stride *by, const piece *p);

static const struct optimizer_ops {
    update_piece *update;
    size_t slots, squares; /* of the slots, the last `squares` hold squares */
} table[] = {
    [PRUNE_SGD] = { sgd, 1, 0 },     [PRUNE_ADAM] = { adam, 2, 1 },       [PRUNE_RMSPROP] = { rmsprop, 1, 1 },
    [PRUNE_ADAMW] = { adamw, 2, 1 }, [PRUNE_ADAGRAD] = { adagrad, 1, 1 },
};

int32_t prn_optimizer_known(int32_t kind)
{
    return kind >= PRUNE_SGD && kind <= PRUNE_ADAGRAD;
}

size_t prn_optimizer_slots(int32_t kind)
{
    return table[kind].slots;
}

int32_t prn_optimizer_squares(int32_t kind, size_t slot)
{
    return slot + table[kind].squares >= table[kind].slots;
}

float prn_optimizer_most(const prn_optimizer *o, size_t slot, float gradient)
{
    const float most = 1.01f * gradient;
    if (o->kind == PRUNE_ADAGRAD)
        return FLT_MAX;
    if (prn_optimizer_squares(o->kind, slot))
        return most * gradient;
    return o->kind == PRUNE_SGD ? most / (1.0f - o->momentum) : most;
}

size_t prn_optimizer_scan(const prn_optimizer *o, size_t slot, const float *x, size_t count, float gradient)
{
    const size_t end = prn_scan_limit(x, count, prn_optimizer_most(o, slot, gradient));
    for (size_t i = 0; i < end && prn_optimizer_squares(o->kind, slot); i++)
        if (x[i] < 0.0f)
            return i;
    return end;
}

/* 1 - beta^steps by repeated squaring, of complements: 1 - p q = a + (1 - a) b for a = 1 - p, b = 1 - q. */
static float complement_at(float beta, uint64_t steps)
{
    float done = 0.0f, power = 1.0f - beta;
    for (; steps != 0; steps >>= 1) {
        if (steps & 1)
            done += (1.0f - done) * power;
        power += (1.0f - power) * power;
    }
    return done;
}

void prn_optimizer_go_to(prn_optimizer *o, uint64_t steps)
{
    o->complement1 = complement_at(o->beta1, steps);
    o->complement2 = complement_at(o->beta2, steps);
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

/* sign(w) max(|w| - threshold, 0), with a plain 0 where nothing is left. */
static void soften(const piece *p, float threshold)
{
    float *restrict w = p->w;
    for (size_t i = 0; i < p->count; i++) {
        const float low = w[i] < -threshold ? -threshold : w[i];
        w[i] -= low > threshold ? threshold : low;
    }
}

void prn_optimizer_apply(const prn_optimizer *o, const prn_stride *by, prn_param *param,
                         const float *gradient, float *const state[2])
{
    for (size_t done = 0; done < param->count; done += PIECE) {
        const size_t left = param->count - done;
        const piece p = { left < PIECE ? left : PIECE, param->value + done, gradient + done, state[0] + done,
                          state[1] == NULL ? NULL : state[1] + done };
        table[o->kind].update(o, by, &p);
        if (by->threshold > 0.0f)
            soften(&p, by->threshold);
        if (param->removed != 0)
            clear_removed(&p, param->mask + done / 32);
    }
}
