/* rounding_use_test.c -- numbers between layers on the grid of int8 while a model is trained
 *
 * SPDX-License-Identifier: MIT */
#include "support/calibrated.h"
#include "support/heap.h"

#include <math.h>
#include <string.h>

enum { INPUTS = 6, HIDDEN = 12, CLASSES = 3 };

static prune_trainer *trainer_of(prune_model *model, int32_t loss, size_t max_batch)
{
    prune_trainer *trainer;
    prune_trainer_options options;
    prune_trainer_options_init(&options);
    options.max_batch = max_batch;
    options.loss = loss;
    options.learning_rate = 0.01f;
    options.seed = 3;
    ck_assert_ok(prune_trainer_create(&trainer, NULL, model, &options, NULL));
    return trainer;
}

/* ---- what is rounded, and to what ---- */

/* The plain twin of a range of ends, and what is nearest in 255 steps of it. */
typedef struct plain {
    double low, high;
} plain;

static void plain_see(plain *p, const double *x, size_t count)
{
    *p = (plain){ 0.0, 0.0 };
    for (size_t i = 0; i < count; i++) {
        p->low = fmin(p->low, x[i]);
        p->high = fmax(p->high, x[i]);
    }
}

static void plain_round(const plain *p, double *x, size_t count)
{
    const double step = (p->high - p->low) / 255.0, zero = round(-128.0 - p->low / step);
    for (size_t i = 0; i < count; i++)
        x[i] = step * (fmin(fmax(round(x[i] / step) + zero, -128.0), 127.0) - zero);
}

static void plain_dense(double *y, const prune_model *model, size_t layer, const double *x, size_t rows)
{
    const float *w = prune_model_param(model, 2 * layer), *b = prune_model_param(model, 2 * layer + 1);
    const size_t inputs = layer == 0 ? INPUTS : HIDDEN, outputs = layer == 0 ? HIDDEN : CLASSES;
    for (size_t r = 0; r < rows; r++)
        for (size_t o = 0; o < outputs; o++) {
            double sum = (double)b[o];
            for (size_t i = 0; i < inputs; i++)
                sum += (double)w[o * inputs + i] * x[r * inputs + i];
            y[r * outputs + o] = layer == 0 ? fmax(sum, 0.0) : sum;
        }
}

/* Of each array all but a few numbers, which rounding in float has led to the neighbour. */
START_TEST(each_array_is_rounded_from_end_to_end)
{
    static double x[SAMPLES * INPUTS], h[SAMPLES * HIDDEN], y[SAMPLES * CLASSES];
    static world w;
    const size_t widths[] = { INPUTS, HIDDEN, CLASSES };
    prune_model *model = world_model(NULL, widths, 2, PRUNE_RELU, 5);
    prune_trainer *trainer = trainer_of(model, PRUNE_SOFTMAX_CROSS_ENTROPY, SAMPLES);
    prune_rounding *r;
    plain ends;
    size_t off = 0;
    make_world(&w, INPUTS, 3);
    ck_assert_ok(prune_rounding_create(&r, NULL, model, 0));
    ck_assert_ok(prune_rounding_activations(r, trainer, 0.1f));
    ck_assert_ok(prune_trainer_forward(trainer, w.tensor));
    for (size_t i = 0; i < SAMPLES * INPUTS; i++)
        x[i] = (double)w.x[i];
    plain_see(&ends, x, SAMPLES * INPUTS);
    plain_round(&ends, x, SAMPLES * INPUTS);
    plain_dense(h, model, 0, x, SAMPLES);
    plain_see(&ends, h, SAMPLES * HIDDEN);
    plain_round(&ends, h, SAMPLES * HIDDEN);
    plain_dense(y, model, 1, h, SAMPLES);
    plain_see(&ends, y, SAMPLES * CLASSES);
    plain_round(&ends, y, SAMPLES * CLASSES);
    const float *got = prune_tensor_data(prune_trainer_outputs(trainer));
    const double step = (ends.high - ends.low) / 255.0;
    for (size_t i = 0; i < SAMPLES * CLASSES; i++) {
        const double q = (double)got[i] / step;
        ck_assert(fabs(q - round(q)) < 1e-3);
        ck_assert(fabs((double)got[i] - y[i]) < 2.5 * step);
        off += fabs((double)got[i] - y[i]) > 0.5 * step;
    }
    ck_assert_uint_lt(off, SAMPLES * CLASSES / 50);
    prune_rounding_free(r);
    prune_trainer_free(trainer);
    prune_tensor_free(w.tensor);
    prune_model_free(model);
}
END_TEST

/* One weight of 1: what comes out for x. */
typedef struct wire {
    prune_model *model;
    prune_trainer *trainer;
    prune_rounding *rounding;
} wire;

static void open_wire(wire *w, const prune_allocator *mem)
{
    const float one = 1.0f, none = 0.0f;
    ck_assert_ok(prune_model_create(&w->model, NULL, 1));
    ck_assert_ok(prune_model_add_dense(w->model, 1, PRUNE_LINEAR));
    ck_assert_ok(prune_model_set_param(w->model, 0, &one, 1));
    ck_assert_ok(prune_model_set_param(w->model, 1, &none, 1));
    w->trainer = trainer_of(w->model, PRUNE_MSE, 2);
    ck_assert_ok(prune_rounding_create(&w->rounding, mem, w->model, 0));
}

static void close_wire(wire *w)
{
    prune_rounding_free(w->rounding);
    prune_trainer_free(w->trainer);
    prune_model_free(w->model);
}

static void pass(float y[2], wire *w, float first, float second)
{
    float x[] = { first, second };
    prune_tensor *tensor;
    ck_assert_ok(prune_tensor_matrix(&tensor, NULL, PRUNE_F32, 2, 1, x));
    ck_assert_ok(prune_trainer_forward(w->trainer, tensor));
    memcpy(y, prune_tensor_data(prune_trainer_outputs(w->trainer)), 2 * sizeof *y);
    prune_tensor_free(tensor);
}

START_TEST(ranges_move_with_training_alone)
{
    float y[2];
    wire w;
    open_wire(&w, NULL);
    ck_assert_ok(prune_rounding_activations(w.rounding, w.trainer, 0.5f));
    ck_assert_ok(prune_trainer_set_training(w.trainer, 0));
    pass(y, &w, 0.123456f, 1.0f); /* there is no range yet */
    ck_assert(y[0] == 0.123456f && y[1] == 1.0f);
    ck_assert_ok(prune_trainer_set_training(w.trainer, 1));
    pass(y, &w, 0.0051f, 2.55f); /* steps of 0.01 */
    ck_assert(fabsf(y[0] - 0.01f) < 1e-6f && fabsf(y[1] - 2.55f) < 1e-6f);
    pass(y, &w, 0.011f, 7.65f); /* half way from 2.55 to 7.65, and outputs from 2.55 to 5.1 */
    ck_assert(fabsf(y[0] - 0.015f) < 1e-6f && fabsf(y[1] - 3.825f) < 1e-5f);
    ck_assert_ok(prune_rounding_activations(w.rounding, w.trainer, 0.0f));
    for (int32_t training = 1; training >= 0; training--) {
        ck_assert_ok(prune_trainer_set_training(w.trainer, training));
        pass(y, &w, 100.0f, -100.0f);
        ck_assert(fabsf(y[0] - 3.825f) < 1e-5f && y[1] == 0.0f);
    }
    ck_assert_ok(prune_rounding_activations(w.rounding, NULL, 0.0f));
    pass(y, &w, 100.0f, 0.123456f);
    ck_assert(y[0] == 100.0f && y[1] == 0.123456f);
    close_wire(&w);
}
END_TEST

START_TEST(gradients_pass_but_for_what_was_cut)
{
    float y[2], bias[2];
    const float given[2] = { 3.0f, 5.0f };
    prune_tensor *dy;
    wire w;
    open_wire(&w, NULL);
    ck_assert_ok(prune_tensor_const_matrix(&dy, NULL, PRUNE_F32, 2, 1, given));
    ck_assert_ok(prune_rounding_activations(w.rounding, w.trainer, 0.0f));
    pass(y, &w, 1.0f, -1.0f);
    for (size_t n = 0; n < 2; n++) {
        const float wide[] = { 1.0f, 4.0f }; /* the second of x 4 leaves the range of the outputs */
        ck_assert_ok(prune_model_set_param(w.model, 0, &wide[n], 1));
        pass(y, &w, 0.1f, -0.9f);
        ck_assert_ok(prune_trainer_backward(w.trainer, dy));
        bias[n] = prune_trainer_gradient(w.trainer, 1)[0];
    }
    ck_assert(bias[0] == 8.0f && bias[1] == 3.0f);
    prune_tensor_free(dy);
    close_wire(&w);
}
END_TEST

/* ---- beside what a blob computes ---- */

static const prune_blob_header *header_of(const prune_quantized *q)
{
    return prune_quantized_blob(q);
}

static void run_blob(float *y, const prune_quantized *q, const float *x)
{
    static uint32_t scratch[WIDE * 4];
    int8_t in[WIDE], out[WIDE];
    ck_assert_uint_le(prune_blob_scratch(header_of(q)), sizeof scratch);
    ck_assert_ok(prune_blob_quantize(in, header_of(q), x));
    if (header_of(q)->gives == PRUNE_BLOB_F32) {
        ck_assert_ok(prune_blob_run(header_of(q), prune_blob_ops, y, in, scratch, sizeof scratch));
        return;
    }
    ck_assert_ok(prune_blob_run(header_of(q), prune_blob_ops, out, in, scratch, sizeof scratch));
    ck_assert_ok(prune_blob_dequantize(y, header_of(q), out));
}

/* Frozen, so that batch normalisation is that of inference. Ends the model. */
static void check_beside_blob(prune_model *model, double bound)
{
    static world w;
    prune_trainer *trainer = trainer_of(model, PRUNE_MSE, SAMPLES);
    prune_rounding *r;
    prune_quantize_options options = usual_options();
    prune_layer_training frozen;
    const size_t outputs = (size_t)prune_model_outputs(model);
    double off = 0.0;
    options.range = PRUNE_RANGE_MINMAX;
    make_world(&w, INPUTS, 4);
    prune_layer_training_init(&frozen);
    frozen.frozen = 1;
    for (size_t l = 0; l < prune_model_layer_count(model); l++)
        ck_assert_ok(prune_trainer_set_layer(trainer, l, &frozen));
    ck_assert_ok(prune_rounding_create(&r, NULL, model, 0));
    ck_assert_ok(prune_rounding_activations(r, trainer, 1.0f));
    ck_assert_ok(prune_trainer_forward(trainer, w.tensor));
    prune_quantized *q = quantize(model, &w, &options);
    const float *got = prune_tensor_data(prune_trainer_outputs(trainer));
    for (size_t n = 0; n < SAMPLES && runs_here(); n++) {
        float y[WIDE];
        run_blob(y, q, w.x + n * INPUTS);
        for (size_t o = 0; o < outputs; o++)
            off += fabs((double)y[o] - (double)got[n * outputs + o]);
    }
    off /= (double)(SAMPLES * outputs);
    ck_assert_msg(off <= bound * (double)header_of(q)->output_scale, "%g steps",
                  off / (double)header_of(q)->output_scale);
    prune_quantized_free(q);
    prune_rounding_free(r);
    prune_trainer_free(trainer);
    prune_tensor_free(w.tensor);
    prune_model_free(model);
}

/* Batch normalisation that joins the layer before it, as ReLU does, or does not; dropout does nothing. */
static prune_model *normed_model(int32_t joins)
{
    const size_t first = 2; /* of its parameters */
    const float mean[HIDDEN] = { 0.1f, -0.2f, 0.3f }, gamma[HIDDEN] = { 2.0f, -1.0f, 0.7f, 1.0f, 1.5f, 0.3f },
                var[HIDDEN] = { 2.0f, 0.5f, 1.0f, 0.3f, 1.0f, 0.1f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f };
    prune_model *model;
    ck_assert_ok(prune_model_create(&model, NULL, INPUTS));
    ck_assert_ok(prune_model_add_dense(model, HIDDEN, joins ? PRUNE_LINEAR : PRUNE_RELU));
    ck_assert_ok(prune_model_add_batch_norm(model, 0.1f, 1e-5f));
    ck_assert_ok(prune_model_add_activation(model, PRUNE_LINEAR));
    if (joins)
        ck_assert_ok(prune_model_add_activation(model, PRUNE_RELU));
    ck_assert_ok(prune_model_add_dropout(model, 0.5f));
    ck_assert_ok(prune_model_add_dense(model, CLASSES, PRUNE_LINEAR));
    ck_assert_ok(prune_model_initialize(model, PRUNE_INIT_AUTO, 7));
    ck_assert_ok(prune_model_set_param(model, first, gamma, HIDDEN));
    ck_assert_ok(prune_model_set_param(model, first + 2, mean, HIDDEN));
    ck_assert_ok(prune_model_set_param(model, first + 3, var, HIDDEN));
    return model;
}

/* The same steps, but where rounding has moved the end of a range. With rounded weights alone it is a third
 * of a step, and a thousandth behind softmax. */
START_TEST(passes_agree_with_the_blob)
{
    const size_t widths[] = { INPUTS, HIDDEN, CLASSES };
    prune_model *model = world_model(NULL, widths, 2, PRUNE_RELU, 5);
    check_beside_blob(model, 0.1);
    check_beside_blob(normed_model(1), 0.1);
    check_beside_blob(normed_model(0), 0.25);
    model = world_model(NULL, widths, 2, PRUNE_RELU, 5);
    ck_assert_ok(prune_model_add_softmax(model));
    check_beside_blob(model, 4e-4);
}
END_TEST

/* ---- what it is for ---- */

/* Of all samples, those that the blob gives another class, and the mean cross-entropy of its outputs. */
static double wrong(double *loss, const prune_model *model, const world_data *data)
{
    static world w;
    size_t count = 0;
    prune_data_init(&w.data);
    w.data.inputs = data->x_tensor;
    prune_quantized *q = quantize(model, &w, NULL);
    *loss = 0.0;
    for (size_t n = 0; n < data->samples && runs_here(); n++) {
        float y[CLASSES];
        double sum = 0.0;
        size_t best = 0;
        run_blob(y, q, data->x + n * INPUTS);
        for (size_t o = 0; o < CLASSES; o++) {
            sum += exp((double)y[o]);
            best = y[o] > y[best] ? o : best;
        }
        *loss += (log(sum) - (double)y[data->label[n]]) / (double)data->samples;
        count += (int32_t)best != data->label[n];
    }
    prune_quantized_free(q);
    return (double)count / (double)data->samples;
}

static void train(prune_model *model, const world_data *data, size_t steps, int32_t how)
{
    prune_trainer *trainer = trainer_of(model, PRUNE_SOFTMAX_CROSS_ENTROPY, data->samples);
    prune_rounding *r = NULL;
    if (how > 0)
        ck_assert_ok(prune_rounding_create(&r, NULL, model, 0));
    if (how > 1)
        ck_assert_ok(prune_rounding_activations(r, trainer, 0.1f));
    for (size_t n = 0; n < steps; n++) {
        ck_assert_ok(prune_trainer_step(NULL, trainer, data->x_tensor, data->label_tensor));
        if (how > 0)
            ck_assert_ok(prune_rounding_update(r));
    }
    prune_rounding_free(r);
    prune_trainer_free(trainer);
}

/* One hidden neuron 255 times as large, its outgoing weights as much smaller: the same function. */
static void enlarge(prune_model *model)
{
    enum { TIMES = 255 };
    float in[HIDDEN * INPUTS], bias[HIDDEN], out[CLASSES * HIDDEN];
    memcpy(in, prune_model_param(model, 0), sizeof in);
    memcpy(bias, prune_model_param(model, 1), sizeof bias);
    memcpy(out, prune_model_param(model, 2), sizeof out);
    for (size_t i = 0; i < INPUTS; i++)
        in[i] *= TIMES;
    bias[0] *= TIMES;
    for (size_t o = 0; o < CLASSES; o++)
        out[o * HIDDEN] /= TIMES;
    ck_assert_ok(prune_model_set_param(model, 0, in, HIDDEN * INPUTS));
    ck_assert_ok(prune_model_set_param(model, 1, bias, HIDDEN));
    ck_assert_ok(prune_model_set_param(model, 2, out, CLASSES * HIDDEN));
}

/* Float, rounded weights, rounded numbers too; each then as a blob of int8. A step or two are left for
 * all hidden neurons but one, which only the last way shows to the training. */
START_TEST(training_under_rounding_beats_rounding_after_training)
{
    enum { SEEDS = 5, WAYS = 3 };
    const size_t widths[] = { INPUTS, HIDDEN, CLASSES };
    double losses[WAYS] = { 0.0 }, errors[WAYS] = { 0.0 };
    for (uint64_t seed = 1; seed <= SEEDS && runs_here(); seed++) {
        world_data data;
        world_data_make(&data, 200, INPUTS, CLASSES, seed);
        for (int32_t how = 0; how < WAYS; how++) {
            double loss;
            uint8_t kept[HIDDEN * INPUTS];
            prune_model *model = world_model(NULL, widths, 2, PRUNE_RELU, seed);
            for (size_t i = 0; i < HIDDEN * INPUTS; i++)
                kept[i] = i % 3 != 1;
            ck_assert_ok(prune_mask_set(model, 0, kept, HIDDEN * INPUTS));
            train(model, &data, 400, 0);
            enlarge(model);
            train(model, &data, 200, how);
            errors[how] += wrong(&loss, model, &data) / SEEDS;
            losses[how] += loss / SEEDS;
            for (size_t i = 0; i < HIDDEN * INPUTS; i++)
                ck_assert(kept[i] || prune_model_param(model, 0)[i] == 0.0f);
            prune_model_free(model);
        }
        world_data_end(&data);
    }
    for (size_t how = 0; how < 2 && runs_here(); how++)
        ck_assert_msg(errors[2] < 0.8 * errors[how] && losses[2] < 0.8 * losses[how],
                      "errors %g %g %g, losses %g %g %g", errors[0], errors[1], errors[2], losses[0],
                      losses[1], losses[2]);
}
END_TEST

/* ---- what is refused ---- */

START_TEST(bad_arguments_are_refused)
{
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    prune_rounding *second;
    float y[2];
    wire w, other;
    open_wire(&w, &mem);
    open_wire(&other, NULL);
    ck_assert_status(prune_rounding_activations(NULL, w.trainer, 0.1f), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_rounding_activations(w.rounding, other.trainer, 0.1f), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_rounding_activations(w.rounding, w.trainer, -0.1f), PRUNE_E_RANGE);
    ck_assert_status(prune_rounding_activations(w.rounding, w.trainer, 1.1f), PRUNE_E_RANGE);
    ck_assert_status(prune_rounding_activations(w.rounding, w.trainer, NAN), PRUNE_E_RANGE);
    heap_refuse_once(&h, 1);
    ck_assert_status(prune_rounding_activations(w.rounding, w.trainer, 0.1f), PRUNE_E_MEMORY);
    pass(y, &w, 0.0051f, 2.55f);
    ck_assert(y[0] == 0.0051f && y[1] == 2.55f);
    ck_assert_ok(prune_rounding_activations(w.rounding, w.trainer, 0.1f));
    ck_assert_ok(prune_rounding_create(&second, NULL, w.model, 0));
    ck_assert_status(prune_rounding_activations(second, w.trainer, 0.1f), PRUNE_E_STATE);
    prune_rounding_free(second);
    pass(y, &w, 0.0051f, 2.55f);
    ck_assert(y[0] != 0.0051f);
    prune_rounding_free(w.rounding); /* the trainer goes on without it */
    pass(y, &w, 0.0051f, 2.55f);
    ck_assert(y[0] == 0.0051f);
    ck_assert(heap_is_clean(&h));
    ck_assert_ok(prune_model_add_dense(other.model, 2, PRUNE_RELU));
    ck_assert_status(prune_rounding_activations(other.rounding, other.trainer, 0.1f), PRUNE_E_STATE);
    w.rounding = NULL;
    close_wire(&w);
    close_wire(&other);
}
END_TEST

/* Numbers that are not finite stay so, and move no range. */
START_TEST(what_is_not_finite_is_seen)
{
    const float large = 3e38f;
    float y[2];
    wire w;
    open_wire(&w, NULL);
    ck_assert_ok(prune_rounding_activations(w.rounding, w.trainer, 0.5f));
    pass(y, &w, 1.0f, 2.0f);
    ck_assert_ok(prune_model_set_param(w.model, 0, &large, 1));
    pass(y, &w, 1.0f, 2.0f);
    ck_assert(isfinite(y[0]) && isinf(y[1]));
    close_wire(&w);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        each_array_is_rounded_from_end_to_end,
        ranges_move_with_training_alone,
        gradients_pass_but_for_what_was_cut,
        passes_agree_with_the_blob,
        training_under_rounding_beats_rounding_after_training,
        bad_arguments_are_refused,
        what_is_not_finite_is_seen,
    };
    return run_tests("rounding_use", tests, sizeof tests / sizeof tests[0]);
}
