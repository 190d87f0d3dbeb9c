/* tiny_compact.c -- the same function with fewer neurons, in the same place
 *
 * Two passes say what goes, in the room of a sample: forwards, which outputs are constant, and what that adds
 * to biases; backwards, which nobody reads who is read himself. Neither makes work for the other: what is
 * constant depends on inputs alone, and who is not read makes nobody constant who is. Then all is moved, each
 * number to where it was or before.
 *
 * SPDX-License-Identifier: MIT */
#include "scan.h"
#include "tiny.h"

/* What becomes of a neuron, in t->delta. PADDING: its layer has nobody else left; nobody reads it. In
 * t->output: of those that are gone their output, if it is constant; of the others the new bias. */
#define GONE 0.0f
#define STAYS 1.0f
#define PADDING 2.0f

/* Whether the neuron of this row reads what is not constant; *value is its bias with all that is. fate_in and
 * value_in are those of what it reads, NULL: inputs of the model. */
static int32_t varies(float *value, const float *row, size_t inputs, const float *fate_in,
                      const float *value_in)
{
    int32_t reads = 0;
    for (size_t i = 0; i < inputs; i++) {
        if (row[i] == 0.0f)
            continue;
        if (fate_in != NULL && fate_in[i] == GONE)
            *value += row[i] * value_in[i];
        else
            reads = 1;
    }
    return reads;
}

static void find_constants(const prune_tiny *t)
{
    const float *w = t->weight, *fate_in = NULL, *value_in = NULL;
    float *fate = t->delta, *value = t->output;
    for (size_t l = 0; l < t->plan->layer_count; l++) {
        const size_t inputs = t->width[l], outputs = t->width[l + 1];
        const float *bias = w + inputs * outputs;
        const int32_t last = l + 1 == t->plan->layer_count;
        for (size_t o = 0; o < outputs; o++, w += inputs) {
            value[o] = bias[o];
            fate[o] = varies(&value[o], w, inputs, fate_in, value_in) || last ? STAYS : GONE;
            const float z = value[o];
            if (fate[o] == GONE) {
                value[o] = 0.0f;
                t->plan->layers[l].activation->forward(&value[o], &z, 1);
            }
        }
        w = bias + outputs;
        fate_in = fate, value_in = value;
        fate += outputs, value += outputs;
    }
}

/* Column i of w[outputs][inputs]. */
static int32_t is_read(const float *column, const float *fate, size_t inputs, size_t outputs)
{
    for (size_t o = 0; o < outputs; o++)
        if (fate[o] == STAYS && column[o * inputs] != 0.0f)
            return 1;
    return 0;
}

static void find_unread(const prune_tiny *t)
{
    const float *w = t->weight + t->parameters;
    float *fate = t->delta + t->neurons;
    for (size_t l = t->plan->layer_count; l-- > 1;) {
        const size_t inputs = t->width[l], outputs = t->width[l + 1];
        w -= (inputs + 1) * outputs;
        fate -= outputs;
        float *fate_in = fate - inputs, *first = fate_in;
        int32_t stay = 0;
        for (size_t i = 0; i < inputs; i++, fate_in++) {
            *fate_in = *fate_in == STAYS && is_read(w + i, fate, inputs, outputs) ? STAYS : GONE;
            stay |= *fate_in == STAYS;
        }
        if (!stay)
            *first = PADDING;
    }
}

/* ---- moving ---- */

typedef struct place {
    prune_tiny *t;
    size_t from, to;
} place;

static void move(place *p)
{
    prune_tiny *t = p->t;
    t->weight[p->to] = t->weight[p->from];
    for (size_t m = 0; m < t->plan->optimizer->moments; m++)
        t->moment[m][p->to] = t->moment[m][p->from];
    prn_tiny_set_kept(t, p->to++, prn_tiny_kept(t, p->from++));
}

/* Nothing of it is left. */
static void move_none(place *p)
{
    prn_tiny_zero(p->t, p->to);
    prn_tiny_set_kept(p->t, p->to++, 0);
    p->from++;
}

static void move_row(place *p, float fate, const float *fate_in, size_t inputs)
{
    for (size_t i = 0; i < inputs; i++) {
        const float other = fate_in == NULL ? STAYS : fate_in[i];
        if (fate == GONE || other == GONE)
            p->from++;
        else if (fate == PADDING || other == PADDING)
            move_none(p);
        else
            move(p);
    }
}

static void move_bias(place *p, float fate, float value)
{
    if (fate == GONE) {
        p->from++;
    } else if (fate == PADDING) {
        move_none(p);
    } else {
        move(p);
        p->t->weight[p->to - 1] = value;
        if (value != 0.0f)
            prn_tiny_set_kept(p->t, p->to - 1, 1);
    }
}

static uint32_t move_layer(place *p, const float *fate, const float *value, const float *fate_in,
                           const size_t inputs_outputs[2])
{
    uint32_t left = 0;
    for (size_t o = 0; o < inputs_outputs[1]; o++) {
        move_row(p, fate[o], fate_in, inputs_outputs[0]);
        left += fate[o] != GONE;
    }
    for (size_t o = 0; o < inputs_outputs[1]; o++)
        move_bias(p, fate[o], value[o]);
    return left;
}

prune_status prune_tiny_compact(prune_tiny *t)
{
    if (t == NULL)
        return PRUNE_E_ARGUMENT;
    find_constants(t);
    if (prn_scan_finite(t->output, t->neurons) != t->neurons)
        return PRUNE_E_DIVERGED;
    find_unread(t);
    prune_tiny_forget(t);
    place p = { .t = t };
    const float *fate = t->delta, *value = t->output, *fate_in = NULL;
    size_t inputs = t->width[0], neurons = 0;
    for (size_t l = 0; l < t->plan->layer_count; l++) {
        const size_t outputs = t->width[l + 1];
        t->width[l + 1] = move_layer(&p, fate, value, fate_in, (const size_t[]){ inputs, outputs });
        neurons += t->width[l + 1];
        fate_in = fate;
        fate += outputs, value += outputs;
        inputs = outputs;
    }
    prn_tiny_resize(t, p.to, neurons);
    return PRUNE_OK;
}
