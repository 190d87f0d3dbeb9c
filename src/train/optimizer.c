/* optimizer.c -- SGD, Adam and their relatives, under a mask
 *
 * SPDX-License-Identifier: MIT */
#include "optimizer.h"
#include "bits.h"
#include "fmath.h"
#include "scan.h"
#include "wide.h"
#include "words.h"

#include <float.h>

/* Elements of a unit. (GCC 12 unrolls loops over 8 before it could make vectors of them, but for Adam's.) */
enum { WORD = PRN_WORD, UNIT = WORD, ADAM_UNIT = PRN_MAY_BE_WIDE ? 8 : UNIT };

/* What is the same for all elements. */
typedef struct terms {
    float rate, epsilon;
    float keep_w;       /* of the weight, before the step */
    float keep1, take1; /* m = keep1 m + take1 g */
    float keep2, take2; /* v = keep2 v + take2 g^2 */
    float scale;        /* of the root of v */
    uint32_t mask;      /* bit i: of element i of the unit at hand */
    uint32_t *high;     /* [UNIT], or one for all where no vectors of 8 may be */
} terms;

/* The highest bit tells that x is not finite: its exponent is all ones, and carries. */
PRN_INLINE uint32_t beyond(float x)
{
    return prn_bits_size(x) + 0x00800000u;
}

PRN_INLINE float finite(float w)
{
    const float low = w < -FLT_MAX ? -FLT_MAX : w;
    return low > FLT_MAX ? FLT_MAX : low;
}

/* Where there are no vectors, it costs less to clear what was removed afterwards than to select. */
enum { SELECTS = PRN_MAY_BE_WIDE || PRN_VECTORS };

PRN_INLINE int32_t is_kept(uint32_t mask, size_t i)
{
    return !SELECTS || (mask & prn_word_bit[i]) != 0;
}

/* ---- one unit, or a single element: those that the mask has removed end as 0 ----
 * Without branches, so that loops are vectorised; t by value, since stores could change it otherwise. The
 * highest bit of t.high becomes 1 if a weight, or v of Adagrad, has left float. count is above 0. */

PRN_INLINE void nesterov(const terms t, size_t count, float *restrict w, const float *restrict g,
                         float *restrict m, float *restrict unused)
{
    (void)unused;
    size_t i = 0;
    do {
        const int32_t kept = is_kept(t.mask, i);
        const float moment = t.keep1 * m[i] + g[i];
        const float moved = w[i] - t.rate * (g[i] + t.keep1 * moment);
        m[i] = kept ? moment : 0.0f;
        w[i] = kept ? moved : 0.0f;
        t.high[PRN_MAY_BE_WIDE ? i : 0] |= beyond(moved);
    } while (++i != count);
}

PRN_INLINE void sgd(const terms t, size_t count, float *restrict w, const float *restrict g,
                    float *restrict m, float *restrict unused)
{
    (void)unused;
    size_t i = 0;
    do {
        const int32_t kept = is_kept(t.mask, i);
        const float moment = t.keep1 * m[i] + g[i];
        const float moved = w[i] - t.rate * moment;
        m[i] = kept ? moment : 0.0f;
        w[i] = kept ? moved : 0.0f;
        t.high[PRN_MAY_BE_WIDE ? i : 0] |= beyond(moved);
    } while (++i != count);
}

PRN_INLINE void adam(const terms t, size_t count, float *restrict w, const float *restrict g,
                     float *restrict m, float *restrict v)
{
    size_t i = 0;
    do {
        const int32_t kept = is_kept(t.mask, i);
        const float mean = t.keep1 * m[i] + t.take1 * g[i];
        const float square = t.keep2 * v[i] + t.take2 * (g[i] * g[i]);
        const float moved = w[i] - t.rate * mean / (prn_root(square) * t.scale + t.epsilon);
        m[i] = kept ? mean : 0.0f;
        v[i] = kept ? square : 0.0f;
        w[i] = kept ? moved : 0.0f;
        t.high[PRN_MAY_BE_WIDE ? i : 0] |= beyond(moved);
    } while (++i != count);
}

PRN_INLINE void adamw(const terms t, size_t count, float *restrict w, const float *restrict g,
                      float *restrict m, float *restrict v)
{
    for (size_t i = 0; i < count; i++)
        w[i] = finite(t.keep_w * w[i]);
    adam(t, count, w, g, m, v);
}

PRN_INLINE void rmsprop(const terms t, size_t count, float *restrict w, const float *restrict g,
                        float *restrict v, float *restrict unused)
{
    (void)unused;
    size_t i = 0;
    do {
        const int32_t kept = is_kept(t.mask, i);
        const float square = t.keep2 * v[i] + t.take2 * (g[i] * g[i]);
        const float moved = w[i] - t.rate * g[i] / (prn_root(square) + t.epsilon);
        v[i] = kept ? square : 0.0f;
        w[i] = kept ? moved : 0.0f;
        t.high[PRN_MAY_BE_WIDE ? i : 0] |= beyond(moved);
    } while (++i != count);
}

PRN_INLINE void adagrad(const terms t, size_t count, float *restrict w, const float *restrict g,
                        float *restrict v, float *restrict unused)
{
    (void)unused;
    size_t i = 0;
    do {
        const int32_t kept = is_kept(t.mask, i);
        const float square = finite(v[i] + g[i] * g[i]);
        const float moved = w[i] - t.rate * g[i] / (prn_root(square) + t.epsilon);
        v[i] = kept ? square : 0.0f;
        w[i] = kept ? moved : 0.0f;
        t.high[PRN_MAY_BE_WIDE ? i : 0] |= beyond(moved);
    } while (++i != count);
}

typedef void update_unit(const terms t, size_t count, float *restrict w, const float *restrict g,
                         float *restrict m, float *restrict v);

/* Counts are numbers that the compiler knows, but that of what whole words leave. What is high is or-ed
 * together at the end, not in each unit; that of `single` elements lies apart: no vector waits for it. */
PRN_INLINE void update_piece(update_unit *update, size_t unit, terms t, const prn_piece *p,
                             uint32_t single[1])
{
    size_t i = 0;
    if (!SELECTS) {
        update(t, p->count, p->w, p->g, p->m, p->v);
        return;
    }
    for (; i + unit <= p->count; i += unit) {
        t.mask = p->mask[i / WORD] >> (i % WORD);
        update(t, unit, p->w + i, p->g + i, p->m + i, p->v + i);
    }
    if (unit == WORD && i < p->count) {
        t.mask = p->mask[i / WORD];
        update(t, p->count - i, p->w + i, p->g + i, p->m + i, p->v + i);
        return;
    }
    t.high = single;
    for (; i < p->count; i++) {
        t.mask = p->mask[i / WORD] >> (i % WORD);
        update(t, 1, p->w + i, p->g + i, p->m + i, p->v + i);
    }
}

PRN_INLINE uint32_t update_by(update_unit *update, size_t unit, const terms *given, const prn_piece *pieces,
                              size_t count)
{
    uint32_t high[PRN_MAY_BE_WIDE ? UNIT : 1] = { 0 }, single[1] = { 0 }, any = 0;
    terms t = *given;
    t.high = high;
    for (size_t p = 0; p < count; p++)
        update_piece(update, unit, t, &pieces[p], single);
    for (size_t i = 0; i < (PRN_MAY_BE_WIDE ? unit : 1); i++)
        any |= high[i];
    return any | single[0];
}

PRN_INLINE uint32_t update_kind(const prn_optimizer *o, const terms *t, const prn_piece *p, size_t count)
{
    switch (o->kind) {
    case PRUNE_SGD:
        return o->nesterov ? update_by(nesterov, UNIT, t, p, count) : update_by(sgd, UNIT, t, p, count);
    case PRUNE_RMSPROP:
        return update_by(rmsprop, UNIT, t, p, count);
    case PRUNE_ADAGRAD:
        return update_by(adagrad, UNIT, t, p, count);
    case PRUNE_ADAMW:
        return t->keep_w < 1.0f ? update_by(adamw, ADAM_UNIT, t, p, count)
                                : update_by(adam, ADAM_UNIT, t, p, count);
    default:
        return update_by(adam, ADAM_UNIT, t, p, count);
    }
}

static uint32_t update_plain(const prn_optimizer *o, const terms *t, const prn_piece *p, size_t count)
{
    return update_kind(o, t, p, count);
}

PRN_WIDE static uint32_t update_wide(const prn_optimizer *o, const terms *t, const prn_piece *p, size_t count)
{
    return update_kind(o, t, p, count);
}

/* A step can leave float (a tiny epsilon, a high rate): then the weight ends at the largest number. Never
 * a NaN, since gradients and moments are bounded and epsilon is above 0. */
static void bound(float *w, size_t count)
{
    for (size_t i = 0; i < count; i++)
        w[i] = finite(w[i]);
}

static terms terms_of(const prn_optimizer *o, const prn_stride *by)
{
    terms t = { .rate = by->rate, .epsilon = o->epsilon, .keep_w = 1.0f, .scale = 1.0f };
    if (o->kind == PRUNE_SGD) {
        t.keep1 = o->momentum;
    } else if (o->kind == PRUNE_RMSPROP) {
        t.keep2 = o->alpha, t.take2 = 1.0f - o->alpha;
    } else if (o->kind == PRUNE_ADAM || o->kind == PRUNE_ADAMW) {
        t.rate = by->rate / o->complement1, t.scale = 1.0f / prune_sqrtf(o->complement2);
        t.keep1 = o->beta1, t.take1 = 1.0f - o->beta1;
        t.keep2 = o->beta2, t.take2 = 1.0f - o->beta2;
    }
    if (o->kind == PRUNE_ADAMW)
        t.keep_w = 1.0f - by->rate * by->decay;
    return t;
}

static const struct optimizer_ops {
    size_t slots, squares; /* of the slots, the last `squares` hold squares */
} table[] = {
    [PRUNE_SGD] = { 1, 0 },   [PRUNE_ADAM] = { 2, 1 },    [PRUNE_RMSPROP] = { 1, 1 },
    [PRUNE_ADAMW] = { 2, 1 }, [PRUNE_ADAGRAD] = { 1, 1 },
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

static void clear_removed(const prn_piece *p)
{
    for (size_t i = 0; i < p->count; i += p->mask[i / WORD] == UINT32_MAX ? WORD : 1)
        if ((p->mask[i / WORD] >> (i % WORD) & 1u) == 0)
            p->w[i] = p->m[i] = p->v[i] = 0.0f;
}

/* sign(w) max(|w| - threshold, 0), with a plain 0 where nothing is left. */
static void soften(const prn_piece *p, float threshold)
{
    float *restrict w = p->w;
    for (size_t i = 0; i < p->count; i++) {
        const float low = w[i] < -threshold ? -threshold : w[i];
        w[i] -= low > threshold ? threshold : low;
    }
}

void prn_optimizer_apply_pieces(const prn_optimizer *o, const prn_stride *by, const prn_piece *pieces,
                                size_t count)
{
    const terms t = terms_of(o, by);
    /* cppcheck-suppress knownConditionTrueFalse ; on machines without */
    const uint32_t high = prn_wide() ? update_wide(o, &t, pieces, count) : update_plain(o, &t, pieces, count);
    for (size_t p = 0; !SELECTS && p < count; p++)
        clear_removed(&pieces[p]);
    for (size_t p = 0; high >> 31 != 0 && p < count; p++)
        bound(pieces[p].w, pieces[p].count);
    for (size_t p = 0; by->threshold > 0.0f && p < count; p++)
        soften(&pieces[p], by->threshold);
}

void prn_optimizer_apply(const prn_optimizer *o, const prn_stride *by, prn_param *param,
                         const float *gradient, float *const state[2])
{
    for (size_t done = 0; done < param->count; done += PRN_PIECE_MOST) {
        const size_t left = param->count - done;
        const prn_piece piece = { left < PRN_PIECE_MOST ? left : PRN_PIECE_MOST,
                                  param->value + done,
                                  gradient + done,
                                  state[0] + done,
                                  (state[1] == NULL ? state[0] : state[1]) + done, /* not looked at */
                                  param->mask + done / WORD };
        prn_optimizer_apply_pieces(o, by, &piece, 1);
    }
}
