/* narrow.c -- which units of a chain stay: what is read, widths, padding
 *
 * SPDX-License-Identifier: MIT */
#include "narrow.h"
#include "fuse.h"
#include "libprune/fmath.h"

#include <float.h>

/* ---- what nobody reads ---- */

static int32_t is_read(const prn_chain *c, size_t s, size_t u)
{
    const prn_param *weight = &prn_chain_reader(c, s)->params[PRN_DENSE_WEIGHT];
    const size_t width = c->spaces[s].width;
    for (size_t i = u; i < weight->count; i += width)
        if (weight->value[i] > 0.0f || weight->value[i] < 0.0f)
            return 1;
    return 0;
}

/* From the outputs back: the rows of what has gone are zeros by then. */
static void drop_unread(prn_chain *c)
{
    for (size_t s = c->count; s-- > 0;) {
        const prn_space *space = &c->spaces[s];
        for (size_t u = 0; !space->pinned && u < space->width; u++)
            if (space->fate[u] == PRN_KEPT && !is_read(c, s, u)) {
                space->fate[u] = PRN_UNREAD;
                prn_chain_clear(c, s, u);
            }
    }
}

/* ---- rounding down ---- */

static float size_of(const float *w, size_t start, size_t stride, size_t count)
{
    float squares = 0.0f;
    for (size_t i = 0; i < count; i++)
        squares += w[start + i * stride] * w[start + i * stride];
    return prune_sqrtf(squares < FLT_MAX ? squares : FLT_MAX);
}

/* |row and bias| |outgoing weights|. */
static float weight_of(const prn_chain *c, size_t s, size_t u)
{
    const prn_layer *maker = prn_chain_maker(c, s), *reader = prn_chain_reader(c, s);
    const size_t inputs = maker->params[PRN_DENSE_WEIGHT].shape.dims[1];
    const float row = size_of(maker->params[PRN_DENSE_WEIGHT].value, u * inputs, 1, inputs);
    const float row_bias[2] = { row, maker->params[PRN_DENSE_BIAS].value[u] };
    return size_of(row_bias, 0, 1, 2) * size_of(reader->params[PRN_DENSE_WEIGHT].value, u, c->spaces[s].width,
                                                prn_shape_count(&reader->output));
}

static size_t lightest(const prn_chain *c, size_t s)
{
    const prn_space *space = &c->spaces[s];
    size_t best = space->width;
    float least = 0.0f;
    for (size_t u = 0; u < space->width; u++) {
        if (space->fate[u] != PRN_KEPT)
            continue;
        const float weight = weight_of(c, s, u);
        if (best == space->width || weight < least) {
            best = u;
            least = weight;
        }
    }
    return best;
}

/* What the layer has too many for the multiple; the next prn_fuse() folds the constants that they leave. */
static size_t drop_lightest(prn_chain *c, size_t s, const prn_narrow_rule *rule)
{
    prn_space *space = &c->spaces[s];
    const size_t live = prn_chain_count(space, PRN_KEPT), over = live % rule->multiple;
    if (over == live || live - over < rule->least)
        return 0;
    for (size_t i = 0; i < over; i++) {
        const size_t u = lightest(c, s);
        prn_chain_clear(c, s, u);
        space->fate[u] = PRN_ROUNDED;
    }
    for (size_t u = 0; u < space->width; u++)
        if (space->fate[u] == PRN_ROUNDED)
            space->fate[u] = PRN_KEPT;
    return over;
}

static size_t round_down(prn_chain *c, const prn_narrow_rule *rule)
{
    size_t dropped = 0;
    for (size_t s = 1; s < c->count; s++)
        if (!c->spaces[s].pinned)
            dropped += drop_lightest(c, s, rule);
    return dropped;
}

/* ---- padding ---- */

static size_t padded(size_t live, const prn_narrow_rule *rule)
{
    const size_t least = rule->least > live ? rule->least : live;
    const size_t over = least % rule->multiple;
    return over == 0 || rule->multiple - over > SIZE_MAX - least ? least : least + rule->multiple - over;
}

/* Inputs know no multiple. */
static size_t missing(size_t s, size_t live, const prn_narrow_rule *rule)
{
    if (s == 0)
        return live == 0 ? 1 : 0;
    return padded(live, rule) - live;
}

static void pad(prn_chain *c, size_t s, const prn_narrow_rule *rule)
{
    const prn_space *space = &c->spaces[s];
    size_t wanted = missing(s, prn_chain_count(space, PRN_KEPT), rule);
    for (size_t u = 0; u < space->width && wanted > 0; u++)
        if (space->fate[u] != PRN_KEPT) {
            space->fate[u] = PRN_PADDING;
            prn_chain_clear(c, s, u);
            prn_chain_unread(c, s, u);
            wanted--;
        }
}

void prn_narrow_pad(prn_chain *chain, const prn_narrow_rule *rule)
{
    for (size_t s = 0; s < chain->count; s++)
        if (!chain->spaces[s].pinned)
            pad(chain, s, rule);
}

prune_status prn_narrow(prn_chain *chain, const prn_narrow_rule *rule, uint64_t *rounded)
{
    size_t dropped;
    *rounded = 0;
    do {
        const prune_status status = prn_fuse(chain, rule->merge);
        if (status != PRUNE_OK)
            return status;
        drop_unread(chain);
        dropped = rule->down ? round_down(chain, rule) : 0;
        *rounded += dropped;
    } while (dropped != 0);
    return PRUNE_OK;
}
