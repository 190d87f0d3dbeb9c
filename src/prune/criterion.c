/* criterion.c -- the table of criteria: what a score is made of
 *
 * SPDX-License-Identifier: MIT */
#include "criterion.h"

#include <string.h>

static void weight(float *m, const float *w, size_t count)
{
    memcpy(m, w, count * sizeof *m);
}

static void mean(float *m, const float *w, size_t count)
{
    (void)m;
    (void)w;
    (void)count;
}

static void product(float *restrict m, const float *restrict w, size_t count)
{
    for (size_t i = 0; i < count; i++)
        m[i] = w[i] * m[i];
}

static void square_times_mean(float *restrict m, const float *restrict w, size_t count)
{
    for (size_t i = 0; i < count; i++)
        m[i] = w[i] * w[i] * m[i];
}

static const prn_criterion table[] = {
    [PRUNE_MAGNITUDE] = { weight, PRN_TAKES_NOTHING, 0, 1, 0, 0 },
    [PRUNE_GRADIENT] = { mean, PRN_TAKES_GRADIENTS, 0, 1, 0, 0 },
    [PRUNE_TAYLOR] = { product, PRN_TAKES_GRADIENTS, 0, 1, 0, 0 },
    [PRUNE_MAGNITUDE_SQUARED] = { weight, PRN_TAKES_NOTHING, 1, 1, 0, 0 },
    [PRUNE_GRADIENT_SQUARED] = { mean, PRN_TAKES_GRADIENTS, 1, 1, 0, 0 },
    [PRUNE_TAYLOR_SQUARED] = { product, PRN_TAKES_GRADIENTS, 1, 1, 0, 0 },
    [PRUNE_SAMPLE_GRADIENT] = { mean, PRN_TAKES_ABSOLUTES, 0, 0, 0, 0 },
    [PRUNE_FISHER] = { square_times_mean, PRN_TAKES_SQUARES, 0, 0, 0, 0 },
    [PRUNE_SUPPLIED] = { NULL, PRN_TAKES_NOTHING, 0, 0, 1, 0 },
    [PRUNE_MOVEMENT] = { mean, PRN_TAKES_GRADIENTS, 0, 0, 0, 1 },
};

const prn_criterion *prn_criterion_find(int32_t criterion)
{
    return criterion < PRUNE_MAGNITUDE || criterion > PRUNE_MOVEMENT ? NULL : &table[criterion];
}

/* ---- scores of all parameters ---- */

enum { WORD = 32 };

/* Which of some terms are below 0, from bit 0 on. */
static uint32_t signs_of(const float *term, size_t count)
{
    uint32_t below = 0;
    for (size_t i = 0; i < count; i++)
        below |= (uint32_t)(term[i] < 0.0f) << i;
    return below;
}

static void put_signs(uint32_t *signs, const float *term, size_t count)
{
    for (size_t i = 0; i < count; i += WORD)
        signs[i / WORD] = i + WORD <= count ? signs_of(term + i, WORD) : signs_of(term + i, count - i);
}

static void square(float *score, size_t count)
{
    for (size_t i = 0; i < count; i++)
        score[i] *= score[i];
}

static void drop_signs(float *score, size_t count)
{
    for (size_t i = 0; i < count; i++)
        score[i] = score[i] < 0.0f ? -score[i] : score[i];
}

void prn_criterion_score(const prn_criterion *criterion, const prune_model *model, float *score,
                         uint32_t *signs)
{
    const size_t floats = prn_model_floats(model);
    float *term = score;
    prn_walk w = { .model = model };
    for (const prn_param *param = prn_walk_next(&w); param != NULL; param = prn_walk_next(&w)) {
        if (param->statistic)
            memset(term, 0, param->count * sizeof *term);
        else
            criterion->terms(term, param->value, param->count);
        term += param->count;
    }
    if (signs != NULL)
        put_signs(signs, score, floats);
    if (criterion->squared)
        square(score, floats);
    else if (!criterion->moves)
        drop_signs(score, floats);
}
