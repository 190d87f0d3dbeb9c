/* vanishing_test.c -- what int8 cannot hold: its layer is named, unless outputs do not depend on it
 *
 * SPDX-License-Identifier: MIT */
#include "support/calibrated.h"
#include "support/nets.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void refused(prune_status expected, const prune_model *model, const world *w, const char *place)
{
    prune_error error = { 0 };
    prune_quantized *q = (prune_quantized *)(void *)&error;
    ck_assert_status(prune_quantize(&q, NULL, model, &w->data, NULL, &error), expected);
    ck_assert_ptr_null(q);
    ck_assert_str_eq(error.place, place);
}

/* Two inputs, which are the same, from 0 to 1. */
static void make_alike(world *w)
{
    make_world(w, 2, 3);
    for (size_t i = 0; i < SAMPLES; i++)
        w->x[2 * i + 1] = w->x[2 * i] = fabsf(w->x[2 * i]);
}

/* ---- names ---- */

/* By their numbers in the model as it was given: here the layers before are left out, or become one. */
START_TEST(layers_have_the_numbers_that_the_user_knows)
{
    static world w;
    const float much[4] = { 3e38f, 3e38f, 3e38f, 3e38f }, none[2] = { 0 };
    prune_model *model;
    make_alike(&w);
    ck_assert_ok(prune_model_create(&model, NULL, 2));
    ck_assert_ok(prune_model_add_dropout(model, 0.5f));
    ck_assert_ok(prune_model_add_dense(model, 2, PRUNE_LINEAR));
    ck_assert_ok(prune_model_add_batch_norm(model, 0.1f, 1e-30f));
    ck_assert_ok(prune_model_add_activation(model, PRUNE_TANH));
    ck_assert_ok(prune_model_add_dropout(model, 0.5f));
    ck_assert_ok(prune_model_add_dense(model, 2, PRUNE_SIGMOID));
    ck_assert_ok(prune_model_add_activation(model, PRUNE_LINEAR));
    ck_assert_ok(prune_model_add_batch_norm(model, 0.1f, 1e-30f));
    for (size_t p = 0; p < 2; p++)
        ck_assert_ok(
            prune_model_set_param(model, p, p == 0 ? (float[]){ 1, 2, 3, 4 } : (float[]){ 1, 1 }, 4 - 2 * p));
    prune_quantized_free(quantize(model, &w, NULL));
    ck_assert_ok(prune_model_set_param(model, 11, none, 2)); /* variance; gamma leaves float with it */
    ck_assert_ok(prune_model_set_param(model, 8, much, 2));
    refused(PRUNE_E_NONFINITE, model, &w, "layer 7");
    ck_assert_ok(prune_model_set_param(model, 6, much, 4));
    ck_assert_ok(prune_model_set_param(model, 8, (float[]){ 1.0f, 1.0f }, 2));
    refused(PRUNE_E_NONFINITE, model, &w, "layer 5");
    ck_assert_ok(prune_model_set_param(model, 0, much, 4));
    refused(PRUNE_E_NONFINITE, model, &w, "layer 1");
    prune_model_free(model);
    prune_tensor_free(w.tensor);
}
END_TEST

/* gamma / sqrt(variance + epsilon) leaves float. */
START_TEST(batch_norm_beyond_float_is_refused)
{
    const float large[5] = { 1.0f, 1.0f, 3e38f, 1.0f, 1.0f }, none[5] = { 0 };
    world w;
    prune_model *model;
    ck_assert_ok(prune_model_create(&model, NULL, 5));
    ck_assert_ok(prune_model_add_batch_norm(model, 0.1f, 1e-30f));
    ck_assert_ok(prune_model_set_param(model, 0, large, 5));
    ck_assert_ok(prune_model_set_param(model, 3, none, 5));
    make_world(&w, 5, 3);
    refused(PRUNE_E_NONFINITE, model, &w, "layer 0");
    prune_tensor_free(w.tensor);
    prune_model_free(model);
}
END_TEST

/* Two inputs are alike, and take each other away: what is left is less than a step of the products. For an
 * activation that is flat at both ends, steps may be larger than what lies between. */
START_TEST(what_would_vanish_in_one_step_is_refused)
{
    static const struct {
        float w[2], b;
        int32_t activation;
        prune_status status;
    } cases[] = {
        { { 1e6f, -1e6f }, 3.5f, PRUNE_RELU, PRUNE_E_RANGE },
        { { 1e6f, -1e6f }, 3.5f, PRUNE_TANH, PRUNE_E_RANGE },
        { { 1e2f, -1e2f }, 3.5f, PRUNE_RELU, PRUNE_OK },
        { { 1e8f, 1e8f }, 3.5f, PRUNE_TANH, PRUNE_OK },
        { { -1e6f, -1e6f }, 0.0f, PRUNE_RELU, PRUNE_OK },
    };
    static world w;
    prune_error error = { 0 };
    make_alike(&w);
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        prune_quantized *q;
        prune_model *model;
        ck_assert_ok(prune_model_create(&model, NULL, 2));
        ck_assert_ok(prune_model_add_dense(model, 1, cases[n].activation));
        ck_assert_ok(prune_model_add_dense(model, 1, PRUNE_LINEAR));
        ck_assert_ok(prune_model_set_param(model, 0, cases[n].w, 2));
        ck_assert_ok(prune_model_set_param(model, 1, &cases[n].b, 1));
        ck_assert_status(prune_quantize(&q, NULL, model, &w.data, NULL, &error), cases[n].status);
        ck_assert((q != NULL) == (cases[n].status == PRUNE_OK));
        ck_assert(q != NULL || strcmp(error.place, "layer 0") == 0);
        prune_quantized_free(q);
        prune_model_free(model);
    }
    prune_tensor_free(w.tensor);
}
END_TEST

/* The neuron is always 0, so that its wide steps cost nothing; but those of the next layer leave float. */
START_TEST(steps_beyond_float_are_refused)
{
    const float away[2] = { -1e37f, -1e37f }, large = 3e38f, some = -0.75f, none = 0.0f;
    world w;
    prune_model *model;
    make_world(&w, 2, 3);
    for (size_t i = 0; i < 2 * SAMPLES; i++)
        w.x[i] = fabsf(w.x[i]) + 0.01f;
    ck_assert_ok(prune_model_create(&model, NULL, 2));
    ck_assert_ok(prune_model_add_dense(model, 1, PRUNE_RELU));
    ck_assert_ok(prune_model_set_param(model, 0, away, 2));
    ck_assert_ok(prune_model_add_dense(model, 1, PRUNE_LINEAR));
    ck_assert_ok(prune_model_set_param(model, 2, &large, 1));
    ck_assert_ok(prune_model_set_param(model, 3, &some, 1));
    refused(PRUNE_E_RANGE, model, &w, "layer 1");
    ck_assert_ok(prune_model_set_param(model, 3, &none, 1)); /* of nothing nothing is lost, but factors are */
    refused(PRUNE_E_RANGE, model, &w, "layer 1");
    prune_model_free(model);
    prune_tensor_free(w.tensor);
}
END_TEST

START_TEST(data_that_int8_cannot_tell_from_0_are_refused)
{
    world w;
    prune_model *model;
    ck_assert_ok(prune_model_create(&model, NULL, 5));
    ck_assert_ok(prune_model_add_dense(model, 4, PRUNE_RELU));
    make_world(&w, 5, 3);
    for (size_t i = 0; i < 5 * SAMPLES; i++)
        w.x[i] *= 1e-39f;
    refused(PRUNE_E_RANGE, model, &w, "data");
    prune_model_free(model);
    prune_tensor_free(w.tensor);
}
END_TEST

/* ---- what may vanish ---- */

/* Behind a dropout: one neuron, ReLU as a layer of its own, and one more. */
typedef struct hidden {
    float w[2], b, next_w, next_b;
    prune_status status;
} hidden;

static prune_model *hidden_model(const hidden *h)
{
    prune_model *model;
    ck_assert_ok(prune_model_create(&model, NULL, 2));
    ck_assert_ok(prune_model_add_dropout(model, 0.5f));
    ck_assert_ok(prune_model_add_dense(model, 1, PRUNE_LINEAR));
    ck_assert_ok(prune_model_add_activation(model, PRUNE_RELU));
    ck_assert_ok(prune_model_add_dense(model, 1, PRUNE_LINEAR));
    ck_assert_ok(prune_model_set_param(model, 0, h->w, 2));
    ck_assert_ok(prune_model_set_param(model, 1, &h->b, 1));
    ck_assert_ok(prune_model_set_param(model, 2, &h->next_w, 1));
    ck_assert_ok(prune_model_set_param(model, 3, &h->next_b, 1));
    return model;
}

/* One output, to so many of its steps, of which it has at least two. */
static void check_output(const prune_quantized *q, const float *x, float wanted, float steps)
{
    const prune_blob_header *h = prune_quantized_blob(q);
    int8_t in[WIDE], out;
    uint32_t scratch[WIDE];
    float y;
    ck_assert(h->output_scale < fabsf(wanted) / 2.0f);
    if (!runs_here())
        return;
    ck_assert_ok(prune_blob_quantize(in, h, x));
    ck_assert_ok(prune_blob_run(h, prune_blob_ops, &out, in, scratch, sizeof scratch));
    ck_assert_ok(prune_blob_dequantize(&y, h, &out));
    ck_assert_msg(fabsf(y - wanted) <= steps * h->output_scale, "%g, not %g; steps of %g", (double)y,
                  (double)wanted, (double)h->output_scale);
}

/* Below the least scale; cancelled out, less than a step of the products; always 0. With each what is behind
 * hangs on it, or it does not. */
START_TEST(what_outputs_do_not_depend_on_may_vanish)
{
    static const hidden cases[] = {
        { { 1e-39f, 1e-39f }, 0.0f, 1.0f, 1.0f, PRUNE_OK },
        { { 1e-39f, 1e-39f }, 0.0f, 1.0f, 0.0f, PRUNE_E_RANGE },
        { { 1e-39f, 1e-39f }, 0.0f, 1e38f, 1.0f, PRUNE_E_RANGE },
        { { 1e6f, -1e6f }, 3.5f, 5e-4f, 1.0f, PRUNE_OK },
        { { 1e6f, -1e6f }, 3.5f, 0.0f, -1.0f, PRUNE_OK },
        { { 1e6f, -1e6f }, 3.5f, 1e-3f, 1.0f, PRUNE_E_RANGE },
        { { -1.0f, -1.0f }, 0.0f, 1.0f, 1e-5f, PRUNE_OK },
        { { 0.0f, 0.0f }, -1.0f, 1.0f, 1e-5f, PRUNE_OK },
        { { 0.0f, 0.0f }, 0.0f, 1.0f, 1.0f, PRUNE_OK },
        { { 0.0f, 0.0f }, 3.0f, 1.0f, 1.0f, PRUNE_OK },
    };
    static world w;
    make_alike(&w);
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        const hidden *h = &cases[n];
        prune_model *model = hidden_model(h);
        if (h->status != PRUNE_OK) {
            refused(h->status, model, &w, "layer 1");
        } else {
            prune_quantized *q = quantize(model, &w, NULL);
            const float sum = h->w[0] * w.x[8] + h->w[1] * w.x[8] + h->b, kept = sum > 0.0f ? sum : 0.0f;
            check_output(q, w.x + 8, kept * h->next_w + h->next_b, 1.01f);
            prune_quantized_free(q);
        }
        prune_model_free(model);
    }
    prune_tensor_free(w.tensor);
}
END_TEST

/* Two layers in turn give next to nothing; then comes what drowns it, or does not. It is the first of them
 * that says what is lost. */
START_TEST(what_vanishes_twice_may_be_seen_by_the_third)
{
    static world w;
    const float little[2] = { 1e-39f, 1e-39f };
    make_alike(&w);
    for (int32_t biased = 0; biased < 2; biased++)
        for (int32_t activation = PRUNE_RELU; activation <= PRUNE_SOFTPLUS; activation++) {
            const float one = 1.0f, bias = biased ? 0.5f : 0.0f;
            const int32_t is_zero = activation != PRUNE_SIGMOID && activation != PRUNE_SOFTPLUS; /* of 0 */
            prune_model *model;
            ck_assert_ok(prune_model_create(&model, NULL, 2));
            ck_assert_ok(prune_model_add_dense(model, 1, activation));
            ck_assert_ok(prune_model_add_dense(model, 1, activation));
            ck_assert_ok(prune_model_add_dense(model, 1, PRUNE_LINEAR));
            ck_assert_ok(prune_model_set_param(model, 0, little, 2));
            ck_assert_ok(prune_model_set_param(model, 2, &one, 1));
            ck_assert_ok(prune_model_set_param(model, 4, &one, 1));
            ck_assert_ok(prune_model_set_param(model, 5, &bias, 1));
            if (biased && is_zero) {
                prune_quantized *q = quantize(model, &w, NULL);
                check_output(q, w.x + 8, 0.5f, 1.01f);
                prune_quantized_free(q);
            } else if (is_zero)
                refused(PRUNE_E_RANGE, model, &w, "layer 0");
            else
                prune_quantized_free(quantize(model, &w, NULL));
            prune_model_free(model);
        }
    prune_tensor_free(w.tensor);
}
END_TEST

/* ---- any scale ---- */

/* 10^-30 to 10^30, as often as not 1. */
static float far_off(net *n)
{
    return net_draw(n, 2) == 0 ? 1.0f : powf(10.0f, (float)net_draw(n, 61) - 30.0f);
}

/* A parameter each, but variances, which are divided by. */
static void rescale(net *n)
{
    for (size_t p = 0; p < prune_model_param_count(n->model); p++) {
        float values[STACK_PARAMS];
        prune_param_info info;
        prune_param_info_init(&info);
        ck_assert_ok(prune_model_param_info(&info, n->model, p));
        const float scale = strcmp(info.name, "running_var") == 0 ? 1.0f : far_off(n);
        for (size_t i = 0; i < info.count; i++)
            values[i] = scale * prune_model_param(n->model, p)[i];
        if (prune_model_set_param(n->model, p, values, (size_t)info.count) != PRUNE_OK)
            ck_assert(scale > 1e20f);
    }
}

static void check_runs(const prune_quantized *q, const float *x)
{
    const void *blob = prune_quantized_blob(q);
    const prune_blob_header *h = blob;
    int8_t in[WIDE];
    float y[WIDE];
    uint32_t scratch[4 * WIDE];
    ck_assert_uint_le(prune_blob_scratch(blob), sizeof scratch);
    ck_assert(h->input_scale > 0.0f && isfinite(h->input_scale));
    ck_assert(h->output_scale > 0.0f && isfinite(h->output_scale));
    if (!runs_here())
        return;
    ck_assert_ok(prune_blob_check(blob, info_of(q).bytes, prune_blob_ops));
    ck_assert_ok(prune_blob_quantize(in, blob, x));
    ck_assert_ok(prune_blob_run(blob, prune_blob_ops, y, in, scratch, sizeof scratch));
}

/* A sound blob, or an error that names the layer. */
START_TEST(numbers_of_any_size_are_taken_or_refused)
{
    enum { NETS = 400 };
    static world w;
    size_t made = 0, not_finite = 0, lost = 0;
    for (uint64_t seed = 1; seed <= NETS; seed++) {
        prune_quantized *q;
        prune_error error = { 0 };
        net n;
        net_make(&n, seed);
        make_world(&w, n.inputs, seed);
        const float scale = far_off(&n);
        for (size_t i = 0; i < SAMPLES * n.inputs; i++)
            w.x[i] *= scale;
        rescale(&n);
        const prune_status status = prune_quantize(&q, NULL, n.model, &w.data, NULL, &error);
        if (status == PRUNE_OK)
            check_runs(q, w.x);
        else
            ck_assert_msg(strncmp(error.place, "layer ", 6) == 0, "%s: %s", error.place, error.reason);
        made += status == PRUNE_OK;
        not_finite += status == PRUNE_E_NONFINITE;
        lost += status == PRUNE_E_RANGE;
        prune_quantized_free(q);
        prune_tensor_free(w.tensor);
        prune_model_free(n.model);
    }
    ck_assert_msg(made > 100 && not_finite > 20 && lost > 3, "%u, %u, %u", (unsigned)made,
                  (unsigned)not_finite, (unsigned)lost);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        layers_have_the_numbers_that_the_user_knows,   batch_norm_beyond_float_is_refused,
        what_would_vanish_in_one_step_is_refused,      steps_beyond_float_are_refused,
        data_that_int8_cannot_tell_from_0_are_refused, what_outputs_do_not_depend_on_may_vanish,
        what_vanishes_twice_may_be_seen_by_the_third,  numbers_of_any_size_are_taken_or_refused,
    };
    return run_tests("vanishing", tests, sizeof tests / sizeof tests[0]);
}
