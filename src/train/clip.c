/* clip.c -- gradients made smaller, by value and by their norm
 *
 * SPDX-License-Identifier: MIT */
#include "clip.h"
#include "fmath.h"
#include "lanes.h"
#include "scan.h"

/* Elements whose squares are added before the sum goes on with care. A multiple of the lanes and of 32. */
enum { PIECE = 1024 };

/* Beyond `large`, squares might leave float: they are taken of numbers scaled by a power of two, which
 * changes no other bit. What becomes too small then does not count beside what is large. */
static const float large = 1e12f, smaller = 0x1p-64f;

void prn_clip_value(float *g, size_t count, float limit)
{
    for (size_t i = 0; i < count; i++) {
        const float low = g[i] < -limit ? -limit : g[i];
        g[i] = low > limit ? limit : low;
    }
}

static float piece_squares(const float *g, size_t count, float scale)
{
    prn_lanes sums = prn_lanes_load((const float[PRN_LANES]){ 0 });
    float rest = 0.0f;
    size_t i = 0;
    for (; i + PRN_LANES <= count; i += PRN_LANES) {
        const prn_lanes x =
            prn_lanes_add_scaled(prn_lanes_load((const float[PRN_LANES]){ 0 }), scale, prn_lanes_load(g + i));
        sums = prn_lanes_add_product(sums, x, x);
    }
    for (; i < count; i++)
        rest += (scale * g[i]) * (scale * g[i]);
    return prn_lanes_across(sums) + rest;
}

static float kept_squares(const float *g, size_t count, const uint32_t *mask, float scale)
{
    float sum = 0.0f;
    for (size_t i = 0; i < count; i++) {
        const float x = prn_mask_test(mask, i) ? scale * g[i] : 0.0f;
        sum += x * x;
    }
    return sum;
}

static void add_squares(prn_sum *sum, const prn_param *param, const float *g, float scale)
{
    for (size_t done = 0; done < param->count; done += PIECE) {
        const size_t left = param->count - done, count = left < PIECE ? left : PIECE;
        prn_sum_add(sum, param->removed == 0 ? piece_squares(g + done, count, scale)
                                             : kept_squares(g + done, count, param->mask + done / 32, scale));
    }
}

static float norm_of(const float *gradient, const prune_model *model, const prn_layer_rule *rules,
                     float scale)
{
    prn_sum sum = { 0 };
    for (size_t l = 0; l < model->layer_count; l++)
        for (size_t p = 0; p < model->layers[l]->param_count; p++) {
            const prn_param *param = &model->layers[l]->params[p];
            if (!rules[l].frozen)
                add_squares(&sum, param, gradient, scale);
            gradient += param->count;
        }
    return prune_sqrtf(sum.sum + sum.carry) / scale;
}

void prn_clip_norm(float *gradient, const prune_model *model, const prn_layer_rule *rules, float limit)
{
    const size_t count = prn_model_floats(model);
    const float scale = prn_scan_limit(gradient, count, large) == count ? 1.0f : smaller;
    const float factor = limit / (norm_of(gradient, model, rules, scale) + 1e-6f);
    for (size_t i = 0; factor < 1.0f && i < count; i++)
        gradient[i] *= factor;
}
