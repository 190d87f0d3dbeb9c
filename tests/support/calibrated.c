/* calibrated.c -- models, samples and their blobs of int8, for tests of quantize.h
 *
 * SPDX-License-Identifier: MIT */
#include "calibrated.h"

int32_t runs_here(void)
{
    const uint32_t one = 1;
    return *(const unsigned char *)&one == 1;
}

prune_quantize_options usual_options(void)
{
    prune_quantize_options options;
    prune_quantize_options_init(&options);
    return options;
}

void make_world(world *w, size_t inputs, uint64_t seed)
{
    prune_rng rng;
    prune_rng_seed(&rng, seed);
    w->inputs = inputs;
    for (size_t i = 0; i < SAMPLES * inputs; i++)
        w->x[i] = blobs_uniform(&rng);
    ck_assert_ok(prune_tensor_matrix(&w->tensor, NULL, PRUNE_F32, SAMPLES, inputs, w->x));
    prune_data_init(&w->data);
    w->data.inputs = w->tensor;
}

prune_blob_info info_of(const prune_quantized *q)
{
    prune_blob_info info;
    prune_blob_info_init(&info);
    ck_assert_ok(prune_quantized_info(&info, q));
    return info;
}

prune_quantized *quantize(const prune_model *model, const world *w, const prune_quantize_options *options)
{
    prune_error error;
    prune_quantized *q = NULL;
    const prune_status status = prune_quantize(&q, NULL, model, &w->data, options, &error);
    ck_assert_msg(status == PRUNE_OK, "%d: %s: %s", (int)status, error.place, error.reason);
    ck_assert_status(prune_blob_check(prune_quantized_blob(q), info_of(q).bytes, prune_blob_ops),
                     runs_here() ? PRUNE_OK : PRUNE_E_FORMAT);
    return q;
}

void draw(drawn *d, size_t outputs, size_t inputs, prune_rng *rng)
{
    d->outputs = outputs;
    d->inputs = inputs;
    for (size_t i = 0; i < outputs * inputs; i++)
        d->w[i] = i / inputs == 1 || i % inputs / 4 % 4 == 3 ? 0.0f : blobs_uniform(rng);
    for (size_t i = 0; i < outputs; i++)
        d->b[i] = i % 3 == 2 ? 0.0f : 3.0f * blobs_uniform(rng);
}

prune_model *model_of(const drawn *d, int32_t activation)
{
    prune_model *model;
    ck_assert_ok(prune_model_create(&model, NULL, d->inputs));
    ck_assert_ok(prune_model_add_dense(model, d->outputs, activation));
    ck_assert_ok(prune_model_set_param(model, 0, d->w, d->outputs * d->inputs));
    ck_assert_ok(prune_model_set_param(model, 1, d->b, d->outputs));
    return model;
}
