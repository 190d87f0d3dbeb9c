/* training.c -- trainers, and their whole state in one number, for tests
 *
 * SPDX-License-Identifier: MIT */
#include "training.h"

#include <limits.h>
#include <math.h>
#include <string.h>

prune_trainer_options world_options(int32_t loss, int32_t optimizer)
{
    prune_trainer_options options;
    prune_trainer_options_init(&options);
    options.loss = loss;
    options.optimizer = optimizer;
    options.backend = prune_backend_reference();
    return options;
}

prune_trainer *world_trainer(prune_model *model, const prune_trainer_options *options)
{
    prune_trainer *trainer;
    ck_assert_ok(prune_trainer_create(&trainer, NULL, model, options, NULL));
    return trainer;
}

size_t world_count(const prune_model *model, size_t param)
{
    prune_param_info info = { .size = sizeof info };
    ck_assert_ok(prune_model_param_info(&info, model, param));
    return (size_t)info.count;
}

/* FNV-1a, 64 bits. */
uint64_t world_hash_bytes(uint64_t hash, const void *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ ((const unsigned char *)bytes)[i]) * UINT64_C(0x100000001b3);
    return hash;
}

uint64_t world_trainer_hash(prune_trainer *trainer)
{
    const prune_model *model = prune_trainer_model(trainer);
    const uint64_t counts[] = { prune_trainer_steps(trainer), prune_trainer_epochs(trainer) };
    uint64_t hash = world_hash_bytes(world_hash(model), counts, sizeof counts);
    for (size_t p = 0; p < prune_model_param_count(model); p++)
        for (size_t slot = 0; prune_trainer_state(trainer, p, slot) != NULL; slot++)
            hash = world_hash_bytes(hash, prune_trainer_state(trainer, p, slot),
                                    world_count(model, p) * sizeof(float));
    return hash;
}

void world_remove(prune_model *model, size_t param, size_t i)
{
    uint8_t mask[WORLD_MAX_PARAM];
    const size_t count = world_count(model, param);
    ck_assert_uint_le(count, WORLD_MAX_PARAM);
    ck_assert_ok(prune_mask_get(mask, count, model, param));
    mask[i] = 0;
    ck_assert_ok(prune_mask_set(model, param, mask, count));
}

static int32_t is_plain_zero(float x)
{
    const float zero = 0.0f;
    return memcmp(&x, &zero, sizeof x) == 0;
}

size_t world_check_removed(const prune_model *model, const prune_trainer *trainer)
{
    uint8_t mask[WORLD_MAX_PARAM];
    size_t removed = 0;
    for (size_t p = 0; p < prune_model_param_count(model); p++) {
        const float *w = prune_model_param(model, p);
        const float *m = prune_trainer_state(trainer, p, 0), *v = prune_trainer_state(trainer, p, 1);
        const size_t count = world_count(model, p);
        ck_assert_ok(prune_mask_get(mask, count, model, p));
        for (size_t i = 0; i < count; i++) {
            const int32_t zero = is_plain_zero(w[i]) && (m == NULL || is_plain_zero(m[i])) &&
                                 (v == NULL || is_plain_zero(v[i]));
            if (!mask[i] && !zero)
                ck_abort_msg("parameter %zu, element %zu is removed but not 0", p, i);
            removed += !mask[i];
        }
    }
    return removed;
}

void world_plant(const prune_model *model, size_t param, size_t i, float value)
{
    float *w = (float *)(uintptr_t)prune_model_param(model, param);
    ck_assert_ptr_nonnull(w);
    w[i] = value;
}

double world_distance(const float *a, const float *b, size_t count)
{
    double most = 0.0;
    for (size_t i = 0; i < count; i++) {
        const double distance = fabs((double)a[i] - (double)b[i]);
        most = isnan(distance) ? (double)INFINITY : fmax(most, distance);
    }
    return most;
}

prune_tensor *world_rows(const prune_tensor *matrix, size_t first, size_t rows)
{
    const int32_t dtype = prune_tensor_dtype(matrix);
    const prune_shape shape = { 2, { rows, prune_tensor_dim(matrix, 1), 0, 0 } };
    const size_t ld = prune_tensor_ld(matrix);
    const char *data = (const char *)prune_tensor_data(matrix) + first * ld * prune_dtype_size(dtype);
    prune_tensor *view;
    ck_assert_ok(prune_tensor_wrap_const(&view, NULL, dtype, &shape, ld, data));
    return view;
}

prune_tensor *world_far_rows(float *values, size_t rows, size_t columns)
{
    const prune_shape shape = { 2, { rows, columns, 0, 0 } };
    const size_t far = (size_t)INT_MAX + 1;
    prune_tensor *tensor;
    ck_assert_status(prune_tensor_wrap(&tensor, NULL, PRUNE_F32, &shape, far, values),
                     rows == 1 || far <= SIZE_MAX / sizeof(float) ? PRUNE_OK : PRUNE_E_OVERFLOW);
    return tensor;
}

void world_backwards(void *user, size_t pieces, prune_task task, void *arg)
{
    size_t *calls = user;
    ck_assert_uint_gt(pieces, 1);
    *calls += 1;
    while (pieces-- > 0)
        task(arg, pieces);
}
