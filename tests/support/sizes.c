/* sizes.c -- scores that a test lays down one by one, and the rules they are put to
 *
 * SPDX-License-Identifier: MIT */
#include "sizes.h"
#include "runner.h"

#include <math.h>

static const size_t widths[] = { SIZES_MOST, 1 };

prune_importance *sizes_scores(prune_model **model, const float *size, size_t count)
{
    static float value[SIZES_MOST];
    static uint8_t keep[SIZES_MOST];
    prune_importance *scores;
    *model = world_model(NULL, widths, 1, PRUNE_LINEAR, 0);
    for (size_t i = 0; i < SIZES_MOST; i++) {
        keep[i] = i < count;
        value[i] = i >= count ? 0.0f : i % 2 ? size[i] : -size[i];
    }
    ck_assert_ok(prune_mask_set(*model, 0, keep, SIZES_MOST));
    ck_assert_ok(prune_model_set_param(*model, 0, value, SIZES_MOST));
    ck_assert_ok(prune_importance_create(&scores, NULL, *model, PRUNE_MAGNITUDE));
    return scores;
}

prune_threshold_rule sizes_rule(int32_t kind, int32_t log_scale)
{
    prune_threshold_rule rule;
    prune_threshold_rule_init(&rule);
    rule.kind = kind;
    rule.log_scale = log_scale;
    return rule;
}

float sizes_normal(prune_rng *rng)
{
    const double u = 1.0 - (double)prune_rng_uniform(rng), angle = 6.283185307179586;
    return (float)(sqrt(-2.0 * log(u)) * cos(angle * (double)prune_rng_uniform(rng)));
}
