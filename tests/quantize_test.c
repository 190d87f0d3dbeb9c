/* quantize_test.c -- models as blobs of int8: every integer, and what they compute
 *
 * SPDX-License-Identifier: MIT */
#include "support/calibrated.h"
#include "support/nets.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NETS = 300 };

/* y of one sample, in float, in exactly the scratch that is told. */
static void run(float *y, const prune_quantized *q, const float *x)
{
    const void *blob = prune_quantized_blob(q);
    const prune_blob_header *h = blob;
    const size_t room = info_of(q).scratch;
    int8_t in[BLOBS8_I], out[BLOBS8_I];
    void *scratch = malloc(room);
    ck_assert_ptr_nonnull(scratch);
    ck_assert_uint_eq(prune_blob_scratch(blob), room);
    ck_assert_ok(prune_blob_quantize(in, blob, x));
    if (h->gives == PRUNE_BLOB_F32) {
        ck_assert_ok(prune_blob_run(blob, prune_blob_ops, y, in, scratch, room));
    } else {
        ck_assert_ok(prune_blob_run(blob, prune_blob_ops, out, in, scratch, room));
        ck_assert_ok(prune_blob_dequantize(y, blob, out));
    }
    free(scratch);
}

static void predict(float *y, const prune_model *model, const world *w)
{
    prune_workspace *workspace;
    prune_tensor *out;
    ck_assert_ok(prune_workspace_create(&workspace, NULL, model, SAMPLES, NULL));
    ck_assert_ok(prune_tensor_matrix(&out, NULL, PRUNE_F32, SAMPLES, (size_t)prune_model_outputs(model), y));
    ck_assert_ok(prune_predict(out, model, workspace, w->tensor));
    prune_tensor_free(out);
    prune_workspace_free(workspace);
}

/* ---- every integer ---- */

static double largest(const float *w, size_t count)
{
    double most = 0.0;
    for (size_t i = 0; i < count; i++)
        most = fabs((double)w[i]) > most ? fabs((double)w[i]) : most;
    return most;
}

/* c 2^-(33 + j), j the last five bits of c, to 26 bits. */
static uint32_t scale_word(double factor)
{
    int exponent;
    const double part = frexp(factor, &exponent); /* factor = part 2^exponent, part from 0.5 on */
    const double j = -(exponent + 2);
    return factor > 0.0 ? (uint32_t)(llround((part * 0x1p31 - j) / 32.0) * 32) + (uint32_t)j : 31;
}

/* A bias takes no more than 24 bits. */
static double weight_scale(const drawn *d, size_t row, double in, int32_t per_layer)
{
    double s = 0.0;
    for (size_t r = per_layer ? 0 : row; r < (per_layer ? d->outputs : row + 1); r++) {
        s = fmax(s, largest(d->w + r * d->inputs, d->inputs) / 127.0);
        s = fmax(s, fabs((double)d->b[r]) / in / 0x1p24);
    }
    return s;
}

/* The layer as the header says it, for the grids that the blob itself has. */
static void check_layer(const drawn *d, const world *w, int32_t op, int32_t per_layer)
{
    static blobs mine;
    static int8_t q[WIDE * WIDE];
    int32_t biases[WIDE] = { 0 };
    uint32_t scales[WIDE];
    const size_t rows = (d->outputs + 3) / 4 * 4, columns = (d->inputs + 3) / 4 * 4;
    prune_model *model = model_of(d, PRUNE_LINEAR);
    prune_quantize_options options = usual_options();
    options.per_layer = per_layer;
    options.range = PRUNE_RANGE_MINMAX;
    options.encodings = &op;
    options.encoding_count = 1;
    prune_quantized *made = quantize(model, w, &options);
    const prune_blob_header *h = prune_quantized_blob(made);
    const double in = (double)h->input_scale, out = (double)h->output_scale;
    memset(q, 0, sizeof q);
    for (size_t r = 0; r < rows; r++) {
        const double s = r < d->outputs || per_layer ? weight_scale(d, r, in, per_layer) : 0.0;
        int64_t sum = 0;
        for (size_t i = 0; i < d->inputs && r < d->outputs && s > 0.0; i++) {
            q[r * columns + i] = (int8_t)lround((double)d->w[r * d->inputs + i] / s);
            sum += q[r * columns + i];
        }
        scales[r] = scale_word(s * in / out);
        if (r < d->outputs && s > 0.0)
            biases[r] = (int32_t)(llround((double)d->b[r] / (s * in)) - h->input_zero * sum);
    }
    blobs8_start(&mine, d->inputs);
    blobs8_add(&mine, &(blobs8_layer){ op, rows, columns, q, biases, scales, per_layer ? 1 : rows,
                                       h->output_zero, (uint32_t)columns * 2 });
    blobs_header(&mine)->input_scale = h->input_scale;
    blobs_header(&mine)->input_zero = h->input_zero;
    blobs_header(&mine)->output_scale = h->output_scale;
    blobs_header(&mine)->output_zero = h->output_zero;
    blobs8_finish(&mine, d->outputs, 2 * (rows + columns));
    ck_assert_uint_eq(info_of(made).bytes, mine.count * 4);
    ck_assert_mem_eq(prune_quantized_blob(made), mine.words, mine.count * 4);
    prune_quantized_free(made);
    prune_model_free(model);
}

START_TEST(integers_are_what_the_header_says)
{
    static world w;
    static drawn d;
    prune_rng rng;
    prune_rng_seed(&rng, 1);
    for (size_t inputs = 1; inputs <= WIDE && runs_here(); inputs += inputs < 6 ? 1 : 17)
        for (size_t outputs = 2; outputs <= WIDE; outputs += outputs < 6 ? 1 : 17) {
            make_world(&w, inputs, inputs);
            draw(&d, outputs, inputs, &rng);
            for (int32_t n = 0; n < 4; n++)
                check_layer(&d, &w, n < 2 ? PRUNE_BLOB_DENSE8 : PRUNE_BLOB_BLOCKS8, n % 2);
            prune_tensor_free(w.tensor);
        }
}
END_TEST

START_TEST(grids_follow_from_the_samples)
{
    static world w;
    static drawn d;
    static float y[SAMPLES * WIDE];
    prune_rng rng;
    prune_rng_seed(&rng, 2);
    make_world(&w, 9, 5);
    draw(&d, 6, 9, &rng);
    for (int32_t relu = 0; relu < 2 && runs_here(); relu++) {
        prune_quantize_options options = usual_options();
        prune_model *model = model_of(&d, relu ? PRUNE_RELU : PRUNE_LINEAR);
        options.range = PRUNE_RANGE_MINMAX;
        prune_quantized *q = quantize(model, &w, &options);
        const prune_blob_header *h = prune_quantized_blob(q);
        double low = 0.0, high = 0.0;
        predict(y, model, &w);
        for (size_t i = 0; i < SAMPLES * 6; i++) {
            low = fmin(low, (double)y[i]);
            high = fmax(high, (double)y[i]);
        }
        ck_assert(fabs((double)h->output_scale * 255.0 / (high - low) - 1.0) < 1e-6);
        ck_assert_int_eq(h->output_zero, (int32_t)lround(-128.0 - low / (double)h->output_scale));
        ck_assert(!relu || h->output_zero == -128);
        prune_quantized_free(q);
        prune_model_free(model);
    }
    prune_tensor_free(w.tensor);
}
END_TEST

/* ---- what they compute ---- */

/* To the half of a step, and what half a step of the inputs becomes: none of these is steeper than 1.2. */
START_TEST(tables_hold_the_activation)
{
    static world w;
    static float y[SAMPLES];
    make_world(&w, 1, 6);
    for (size_t i = 0; i < SAMPLES; i++)
        w.x[i] *= 6.0f;
    for (int32_t activation = PRUNE_LINEAR; activation <= PRUNE_SOFTPLUS && runs_here(); activation++) {
        prune_model *model;
        ck_assert_ok(prune_model_create(&model, NULL, 1));
        ck_assert_ok(prune_model_add_activation(model, activation));
        prune_quantized *q = quantize(model, &w, NULL);
        const prune_blob_header *h = prune_quantized_blob(q);
        predict(y, model, &w);
        for (size_t i = 0; i < SAMPLES; i++) {
            float got;
            run(&got, q, w.x + i);
            ck_assert_msg(fabsf(got - y[i]) <=
                              0.51f * h->output_scale * (activation == PRUNE_SELU ? 2.0f : 1.0f) +
                                  0.61f * h->input_scale,
                          "activation %d at %g: %g, not %g", (int)activation, (double)w.x[i], (double)got,
                          (double)y[i]);
        }
        prune_quantized_free(q);
        prune_model_free(model);
    }
    prune_tensor_free(w.tensor);
}
END_TEST

/* Root mean square of the error, over that of the outputs' distance from their mean, of all outputs. */
static double error_of(const prune_model *model, const prune_quantized *q, const world *w)
{
    static float wanted[SAMPLES * WIDE];
    const size_t outputs = (size_t)prune_model_outputs(model);
    float y[WIDE];
    double error = 0.0, sum = 0.0, squares = 0.0;
    predict(wanted, model, w);
    for (size_t n = 0; n < SAMPLES; n++) {
        run(y, q, w->x + n * w->inputs);
        for (size_t o = 0; o < outputs; o++) {
            const double value = (double)wanted[n * outputs + o], off = (double)y[o] - value;
            error += off * off;
            sum += value;
            squares += value * value;
        }
    }
    const double count = (double)(SAMPLES * outputs), spread = squares / count - sum / count * (sum / count);
    return sqrt(error / count / (spread + 1e-12));
}

/* Of every activation, with softmax behind some. One rounding to 8 bits is noise of 1 / (255 sqrt(12)) of the
 * range, half a per cent of the deviation; six of them and weights of 8 bits are some per cent. */
START_TEST(nets_compute_what_they_did)
{
    static world w;
    make_world(&w, 21, 8);
    for (int32_t activation = PRUNE_RELU; activation <= PRUNE_SOFTPLUS && runs_here(); activation++)
        for (int32_t end = 0; end < 3; end++) {
            prune_quantize_options options = usual_options();
            prune_model *model;
            ck_assert_ok(prune_model_create(&model, NULL, 21));
            ck_assert_ok(prune_model_add_dense(model, 37, activation));
            ck_assert_ok(prune_model_add_dropout(model, 0.5f));
            ck_assert_ok(prune_model_add_dense(model, 26, activation));
            ck_assert_ok(prune_model_add_dense(model, 5, PRUNE_LINEAR));
            if (end != 0)
                ck_assert_ok(end == 1 ? prune_model_add_softmax(model) : prune_model_add_log_softmax(model));
            ck_assert_ok(prune_model_initialize(model, PRUNE_INIT_AUTO, (uint64_t)activation));
            options.per_layer = end == 1;
            prune_quantized *q = quantize(model, &w, &options);
            const double error = error_of(model, q, &w);
            ck_assert_int_eq(((const prune_blob_header *)prune_quantized_blob(q))->gives,
                             end == 0 ? PRUNE_BLOB_I8 : PRUNE_BLOB_F32);
            ck_assert_msg(error < 0.05, "activation %d, end %d: %g", (int)activation, (int)end, error);
            prune_quantized_free(q);
            prune_model_free(model);
        }
    prune_tensor_free(w.tensor);
}
END_TEST

/* ---- batch normalisation that does not fold ---- */

/* Running statistics become those of the samples; a rate of 0 leaves the rest. */
static void gather_statistics(prune_model *model, const world *w)
{
    enum { TURNS = 60 };
    static float zeros[SAMPLES * WIDE];
    prune_trainer *trainer;
    prune_trainer_options options;
    prune_tensor *y;
    prune_trainer_options_init(&options);
    options.max_batch = SAMPLES;
    options.learning_rate = 0.0f;
    options.optimizer = PRUNE_SGD;
    options.loss = PRUNE_MSE;
    const size_t outputs = (size_t)prune_model_outputs(model);
    ck_assert_ok(prune_tensor_matrix(&y, NULL, PRUNE_F32, SAMPLES, outputs, zeros));
    ck_assert_ok(prune_trainer_create(&trainer, NULL, model, &options, NULL));
    for (size_t n = 0; n < TURNS; n++)
        ck_assert_ok(prune_trainer_step(NULL, trainer, w->tensor, y));
    prune_trainer_free(trainer);
    prune_tensor_free(y);
}

/* One unit each: far off 0, steep, falling, constant. Between steps of the inputs and of the outputs there is
 * no other rounding than to 2^-8 of a step. */
START_TEST(affine_layers_hold_their_numbers)
{
    static const float gammas[] = { 1.0f, -2.0f, 0.0f, 300.0f, 0.001f },
                       means[] = { 0.0f, 0.3f, -50.0f, 0.5f, 9.0f },
                       variances[] = { 1.0f, 0.04f, 1e-6f, 1.0f, 25.0f },
                       betas[] = { 0.5f, 0, -1.0f, 0, 3.0f };
    static world w;
    static float y[SAMPLES * 5];
    const float *const values[] = { gammas, betas, means, variances };
    prune_model *model;
    make_world(&w, 5, 6);
    ck_assert_ok(prune_model_create(&model, NULL, 5));
    ck_assert_ok(prune_model_add_batch_norm(model, 0.1f, 1e-5f));
    for (size_t p = 0; p < 4; p++)
        ck_assert_ok(prune_model_set_param(model, p, values[p], 5));
    prune_quantize_options options = usual_options();
    options.range = PRUNE_RANGE_MINMAX;
    prune_quantized *q = quantize(model, &w, &options);
    const prune_blob_header *h = prune_quantized_blob(q);
    predict(y, model, &w);
    for (size_t n = 0; n < SAMPLES && runs_here(); n++) {
        float got[5];
        run(got, q, w.x + n * 5);
        for (size_t i = 0; i < 5; i++) {
            const float slope = fabsf(gammas[i]) / sqrtf(variances[i] + 1e-5f);
            ck_assert_msg(fabsf(got[i] - y[n * 5 + i]) <=
                              0.505f * h->output_scale + 0.501f * h->input_scale * slope,
                          "unit %d of %d: %g, not %g", (int)i, (int)n, (double)got[i], (double)y[n * 5 + i]);
        }
    }
    prune_quantized_free(q);
    prune_model_free(model);
    prune_tensor_free(w.tensor);
}
END_TEST

/* First, behind every activation, and last. */
START_TEST(batch_norm_anywhere_computes_what_it_did)
{
    static world w;
    make_world(&w, 21, 8);
    for (int32_t activation = PRUNE_RELU; activation <= PRUNE_SOFTPLUS && runs_here(); activation++)
        for (int32_t where = 0; where < 4; where++) {
            prune_model *model;
            ck_assert_ok(prune_model_create(&model, NULL, 21));
            if (where % 2 != 0)
                ck_assert_ok(prune_model_add_batch_norm(model, 0.1f, 1e-5f));
            ck_assert_ok(prune_model_add_dense(model, 37, activation));
            ck_assert_ok(prune_model_add_batch_norm(model, 0.1f, 1e-5f));
            ck_assert_ok(prune_model_add_dense(model, 26, activation));
            if (where < 2)
                ck_assert_ok(prune_model_add_dense(model, 5, PRUNE_LINEAR));
            else
                ck_assert_ok(prune_model_add_batch_norm(model, 0.1f, 1e-5f));
            ck_assert_ok(prune_model_initialize(model, PRUNE_INIT_AUTO, (uint64_t)activation));
            gather_statistics(model, &w);
            prune_quantized *q = quantize(model, &w, NULL);
            const double error = error_of(model, q, &w);
            ck_assert_msg(error < 0.05, "activation %d, place %d: %g", (int)activation, (int)where, error);
            prune_quantized_free(q);
            prune_model_free(model);
        }
    prune_tensor_free(w.tensor);
}
END_TEST

/* Of any layers and widths, rows of zeros, removed neurons: what can be quantized, runs, and computes what it
 * did but for a few nets that hardly tell samples apart. */
START_TEST(random_nets_run)
{
    static world w;
    size_t made = 0, close = 0;
    for (uint64_t seed = 1; seed <= NETS; seed++) {
        net n;
        net_make(&n, seed);
        make_world(&w, n.inputs, seed);
        prune_quantize_options options = usual_options();
        prune_quantized *q;
        options.range = (int32_t)(seed % 3);
        options.per_layer = seed % 2 == 0;
        options.choice = seed % 4 < 2;
        const prune_status status = prune_quantize(&q, NULL, n.model, &w.data, &options, NULL);
        ck_assert(status == PRUNE_OK || status == PRUNE_E_UNSUPPORTED);
        ck_assert((q != NULL) == (status == PRUNE_OK));
        if (q != NULL && runs_here()) {
            ck_assert_ok(prune_blob_check(prune_quantized_blob(q), info_of(q).bytes, prune_blob_ops));
            close += error_of(n.model, q, &w) < 0.05;
            made++;
        }
        prune_quantized_free(q);
        prune_tensor_free(w.tensor);
        prune_model_free(n.model);
    }
    ck_assert(made > 200 || !runs_here()); /* others have softmax in the midst of them */
    ck_assert_uint_ge(close + 4, made);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        integers_are_what_the_header_says,
        grids_follow_from_the_samples,
        tables_hold_the_activation,
        nets_compute_what_they_did,
        affine_layers_hold_their_numbers,
        batch_norm_anywhere_computes_what_it_did,
        random_nets_run,
    };
    return run_tests("quantize", tests, sizeof tests / sizeof tests[0]);
}
