/* initializer.c -- Glorot, He, LeCun, orthogonal
 *
 * SPDX-License-Identifier: MIT */
#include "initializer.h"
#include "activation.h"
#include "libprune/fmath.h"
#include "scan.h"

#include <string.h>

int32_t prn_initializer_known(int32_t initializer)
{
    return initializer >= PRUNE_INIT_AUTO && initializer <= PRUNE_INIT_ZEROS;
}

static void fill_uniform(float *w, size_t count, float limit, prune_rng *rng)
{
    for (size_t i = 0; i < count; i++)
        w[i] = limit * (2.0f * prune_rng_uniform(rng) - 1.0f);
}

static void fill_normal(float *w, size_t count, float deviation, prune_rng *rng)
{
    for (size_t i = 0; i < count; i++)
        w[i] = deviation * prune_rng_normal(rng);
}

/* ---- orthogonal: Gram-Schmidt on normal vectors, each orthogonalised twice ---- */

/* `count` vectors of `length` elements: element e of vector v is w[v * across + e * along]. */
typedef struct vectors {
    float *w;
    size_t count, length, across, along;
} vectors;

static float dot(const vectors *m, const float *a, const float *b)
{
    float sum = 0.0f;
    for (size_t e = 0; e < m->length; e++)
        sum += a[e * m->along] * b[e * m->along];
    return sum;
}

/* Takes out of a what is parallel to the first `before` vectors. */
static void make_orthogonal(const vectors *m, float *a, size_t before)
{
    for (size_t v = 0; v < before; v++) {
        const float *b = m->w + v * m->across;
        const float part = dot(m, a, b);
        for (size_t e = 0; e < m->length; e++)
            a[e * m->along] -= part * b[e * m->along];
    }
}

/* Makes the length 1; returns what it was. */
static float normalise(const vectors *m, float *a)
{
    prn_sum square = { 0 };
    for (size_t e = 0; e < m->length; e++)
        prn_sum_add(&square, a[e * m->along] * a[e * m->along]);
    const float norm = prune_sqrtf(square.sum + square.carry);
    for (size_t e = 0; e < m->length && norm > 0.0f; e++)
        a[e * m->along] /= norm;
    return norm;
}

/* One with hardly anything new in it, a matter of some 1 in 1000 for the last of a square matrix, is drawn
 * again: the second turn could not make up for its rounding errors. */
static void draw_orthogonal(const vectors *m, size_t v, prune_rng *rng)
{
    float *a = m->w + v * m->across;
    float norm;
    do {
        for (size_t e = 0; e < m->length; e++)
            a[e * m->along] = prune_rng_normal(rng);
        make_orthogonal(m, a, v);
        norm = normalise(m, a);
    } while (norm < 1e-3f);
    make_orthogonal(m, a, v);
    normalise(m, a);
}

static void fill_orthogonal(float *w, const size_t fan_in_out[2], prune_rng *rng)
{
    const size_t columns = fan_in_out[0], rows = fan_in_out[1];
    const vectors by_row = { w, rows, columns, columns, 1 }, by_column = { w, columns, rows, 1, columns };
    const vectors *m = rows <= columns ? &by_row : &by_column;
    for (size_t v = 0; v < m->count; v++)
        draw_orthogonal(m, v, rng);
}

/* ---- choosing ---- */

static int32_t automatic(int32_t activation)
{
    switch (activation) {
    case PRUNE_RELU:
    case PRUNE_LEAKY_RELU:
    case PRUNE_ELU:
    case PRUNE_GELU:
    case PRUNE_GELU_TANH:
    case PRUNE_SILU:
        return PRUNE_INIT_HE_UNIFORM;
    case PRUNE_SELU:
        return PRUNE_INIT_LECUN_NORMAL;
    default:
        return PRUNE_INIT_GLOROT_UNIFORM;
    }
}

static float uniform_limit(int32_t initializer, const size_t fan_in_out[2])
{
    const float fan_in = (float)fan_in_out[0], fan_both = fan_in + (float)fan_in_out[1];
    if (initializer == PRUNE_INIT_GLOROT_UNIFORM)
        return prune_sqrtf(6.0f / fan_both);
    return prune_sqrtf((initializer == PRUNE_INIT_HE_UNIFORM ? 6.0f : 3.0f) / fan_in);
}

void prn_initializer_seed(prune_rng *rng, uint64_t seed, size_t layer)
{
    prune_rng_seed(rng, seed);
    const uint64_t high = prune_rng_next(rng), low = prune_rng_next(rng);
    /* Not a multiple of SplitMix64's own step: else two layers would share words of their states. */
    prune_rng_seed(rng, (high << 32 | low) ^ (uint64_t)layer * 0xD1342543DE82EF95u);
}

void prn_initializer_uniform(float *w, const size_t fan_in_out[2], int32_t activation, prune_rng *rng)
{
    fill_uniform(w, fan_in_out[0] * fan_in_out[1], uniform_limit(automatic(activation), fan_in_out), rng);
}

void prn_initializer_fill(float *w, const size_t fan_in_out[2], int32_t initializer, int32_t activation,
                          prune_rng *rng)
{
    const size_t count = fan_in_out[0] * fan_in_out[1];
    const float fan_in = (float)fan_in_out[0], fan_both = fan_in + (float)fan_in_out[1];
    const int32_t kind = initializer == PRUNE_INIT_AUTO ? automatic(activation) : initializer;
    switch (kind) {
    case PRUNE_INIT_GLOROT_UNIFORM:
    case PRUNE_INIT_HE_UNIFORM:
    case PRUNE_INIT_LECUN_UNIFORM:
        fill_uniform(w, count, uniform_limit(kind, fan_in_out), rng);
        break;
    case PRUNE_INIT_GLOROT_NORMAL:
        fill_normal(w, count, prune_sqrtf(2.0f / fan_both), rng);
        break;
    case PRUNE_INIT_HE_NORMAL:
        fill_normal(w, count, prune_sqrtf(2.0f / fan_in), rng);
        break;
    case PRUNE_INIT_LECUN_NORMAL:
        fill_normal(w, count, prune_sqrtf(1.0f / fan_in), rng);
        break;
    case PRUNE_INIT_ORTHOGONAL:
        fill_orthogonal(w, fan_in_out, rng);
        break;
    default:
        memset(w, 0, count * sizeof *w);
        break;
    }
}
