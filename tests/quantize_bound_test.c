/* quantize_bound_test.c -- no output of a blob of int8 is farther off than what rounding can add up to
 *
 * The bound goes through the folded model in double, layer by layer: what comes in is off by so much, weights
 * and biases by half their steps, what goes out by half a step of its own.
 *
 * SPDX-License-Identifier: MIT */
#include "support/calibrated.h"
#include "support/nets.h"

#include <math.h>
#include <string.h>

enum { N = STACK_BATCH, NETS = 1500, STEPS = 255 };

#define STEEPEST 1.76 /* of activations: SELU */

/* The numbers between two layers, of all samples: as they should be, and how far off int8 may have them. */
typedef struct passing {
    double x[STACK_BLOCK];
    size_t count; /* of these */
    double scale, off;
} passing;

static double largest(const passing *p)
{
    double most = 0.0;
    for (size_t i = 0; i < p->count; i++)
        most = fmax(most, fabs(p->x[i]));
    return most;
}

/* That of MINMAX. */
static double scale_of(const passing *p, double least)
{
    double low = 0.0, high = 0.0;
    for (size_t i = 0; i < p->count; i++) {
        low = fmin(low, p->x[i]);
        high = fmax(high, p->x[i]);
    }
    return fmax(high > low ? (high - low) / STEPS : 1.0 / STEPS, least);
}

/* W x + b: as int8 has it before it is rounded to its own grid. Returns the least step of that. */
static double multiply(passing *p, const stack *s, size_t layer, int32_t per_layer)
{
    const size_t inputs = s->info[layer].input.dims[0], outputs = s->info[layer].output.dims[0];
    const double *w = s->w + s->first[layer], *b = w + outputs * inputs, in_scale = p->scale, in_off = p->off;
    const double most = largest(p) + in_off;
    double steps[STACK_WIDTH], coarsest = 0.0, y[STACK_BLOCK];
    for (size_t o = 0; o < outputs; o++) {
        steps[o] = fabs(b[o]) / in_scale / 0x1p24; /* a bias has 24 bits */
        for (size_t i = 0; i < inputs; i++)
            steps[o] = fmax(steps[o], fabs(w[o * inputs + i]) / 127.0);
        coarsest = fmax(coarsest, steps[o]);
    }
    p->off = 0.0;
    for (size_t o = 0; o < outputs; o++) {
        const double half = (per_layer ? coarsest : steps[o]) / 2.0;
        double off = half * in_scale;
        for (size_t i = 0; i < inputs; i++)
            off += fabs(w[o * inputs + i]) * in_off + (w[o * inputs + i] != 0.0 ? half * most : 0.0);
        p->off = fmax(p->off, off);
        for (size_t n = 0; n < N; n++) {
            y[n * outputs + o] = b[o];
            for (size_t i = 0; i < inputs; i++)
                y[n * outputs + o] += w[o * inputs + i] * p->x[n * inputs + i];
        }
    }
    p->count = N * outputs;
    memcpy(p->x, y, p->count * sizeof *y);
    return 4.00001 * coarsest * in_scale;
}

/* Half a step, and what 26 bits of a scale are off in 255 steps. */
static void round_to(passing *p, double scale)
{
    p->scale = scale;
    p->off = p->off * 1.0001 + 0.502 * scale;
}

/* Of batch normalisation. */
static double steepest(const stack *s, size_t layer)
{
    const size_t width = s->info[layer].output.dims[0];
    const double *gamma = s->w + s->first[layer], *variance = gamma + 3 * width;
    double most = 0.0;
    for (size_t u = 0; u < width; u++)
        most = fmax(most, fabs(gamma[u]) / sqrt(variance[u] + (double)s->info[layer].settings[1]));
    return most;
}

static void pass_layer(passing *p, stack *s, size_t layer, int32_t per_layer)
{
    const int32_t kind = s->info[layer].kind, activation = s->info[layer].activation;
    const size_t count = N * s->info[layer].output.dims[0];
    const int32_t table = kind == A || (kind == D && activation != PRUNE_LINEAR && activation != PRUNE_RELU);
    double y[STACK_BLOCK], least = 0.0;
    stack_run(y, s, layer, layer + 1, p->x);
    if (kind == D)
        least = multiply(p, s, layer, per_layer);
    if (kind == D && table) {
        round_to(p,
                 scale_of(p, least)); /* or finer, as far as its outputs change by no more than half a step */
        least = 0.0;
    }
    memcpy(p->x, y, count * sizeof *y);
    p->count = count;
    const double scale = scale_of(p, least);
    if (table || kind == B)
        p->off = (kind == B ? steepest(s, layer) : STEEPEST) * p->off + scale / 2.0;
    round_to(p, scale);
}

/* Returns the bound; y[N][outputs] are the outputs as they should be. */
static double bound(double *y, const prune_model *model, const float *x, int32_t per_layer)
{
    static stack s;
    prune_model *folded;
    passing p = { .count = N * prune_model_inputs(model) };
    ck_assert_ok(prune_model_fold(&folded, NULL, model, NULL));
    stack_read(&s, folded, N, 0);
    for (size_t i = 0; i < p.count; i++)
        p.x[i] = (double)x[i];
    round_to(&p, scale_of(&p, 0.0));
    for (size_t l = 0; l < s.layers; l++)
        if (s.info[l].kind != O)
            pass_layer(&p, &s, l, per_layer);
    memcpy(y, p.x, p.count * sizeof *y);
    prune_model_free(folded);
    return p.off;
}

/* The largest that an output is off. */
static double measure(const prune_quantized *q, const float *x, const double *wanted)
{
    const prune_blob_header *h = prune_quantized_blob(q);
    double most = 0.0;
    for (size_t n = 0; n < N; n++) {
        int8_t in[STACK_WIDTH], out[STACK_WIDTH];
        float y[STACK_WIDTH];
        uint32_t scratch[2 * STACK_WIDTH];
        ck_assert_ok(prune_blob_quantize(in, h, x + n * h->inputs));
        ck_assert_ok(prune_blob_run(h, prune_blob_ops, out, in, scratch, sizeof scratch));
        ck_assert_ok(prune_blob_dequantize(y, h, out));
        for (size_t o = 0; o < h->outputs; o++)
            most = fmax(most, fabs((double)y[o] - wanted[n * h->outputs + o]));
    }
    return most;
}

START_TEST(no_output_is_farther_off_than_rounding_adds_up_to)
{
    static world w;
    size_t checked = 0;
    double shares = 0.0;
    for (uint64_t seed = 1; seed <= NETS && runs_here(); seed++) {
        net n;
        double y[STACK_BLOCK];
        prune_tensor *rows;
        prune_data data;
        prune_quantized *q;
        prune_quantize_options options = usual_options();
        net_make(&n, seed);
        make_world(&w, n.inputs, seed);
        options.range = PRUNE_RANGE_MINMAX;
        options.per_layer = seed % 2 == 0;
        prune_data_init(&data);
        ck_assert_ok(prune_tensor_matrix(&rows, NULL, PRUNE_F32, N, n.inputs, w.x));
        data.inputs = rows;
        const prune_status status = prune_quantize(&q, NULL, n.model, &data, &options, NULL);
        ck_assert(status == PRUNE_OK || status == PRUNE_E_UNSUPPORTED); /* softmax in the midst */
        if (q != NULL && ((const prune_blob_header *)prune_quantized_blob(q))->gives == PRUNE_BLOB_I8) {
            const double most = bound(y, n.model, w.x, options.per_layer), off = measure(q, w.x, y);
            ck_assert_msg(off <= most, "net %u: %g off, not %g", (unsigned)seed, off, most);
            shares += off / most;
            checked++;
        }
        prune_quantized_free(q);
        prune_tensor_free(rows);
        prune_tensor_free(w.tensor);
        prune_model_free(n.model);
    }
    ck_assert(!runs_here() ||
              (checked > NETS / 2 && shares / (double)checked > 0.02)); /* it is no wide one */
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { no_output_is_farther_off_than_rounding_adds_up_to };
    return run_tests("quantize_bound", tests, sizeof tests / sizeof tests[0]);
}
