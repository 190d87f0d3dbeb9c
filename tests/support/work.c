/* work.c -- a trainer in the midst of its work, and its way through bytes, for tests
 *
 * SPDX-License-Identifier: MIT */
#include "work.h"

void work_remove_some(prune_model *model, uint64_t every, uint64_t seed)
{
    prune_rng rng;
    prune_rng_seed(&rng, seed);
    for (size_t p = 0; every != 0 && p < prune_model_param_count(model); p++)
        for (size_t i = 0; i < world_count(model, p); i++)
            if (prune_rng_below(&rng, every) == 0)
                world_remove(model, p, i);
}

bytes_file work_write_model(const prune_model *model)
{
    bytes_file file = { 0 };
    const prune_writer writer = bytes_writer(&file);
    ck_assert_ok(prune_model_write(model, &writer, NULL));
    return file;
}

bytes_file work_write_trainer(const prune_trainer *trainer)
{
    bytes_file file = { 0 };
    const prune_writer writer = bytes_writer(&file);
    ck_assert_ok(prune_trainer_write(trainer, &writer, NULL));
    return file;
}

prune_model *work_read_model(bytes_file *file, const prune_allocator *mem)
{
    prune_model *model;
    const prune_reader reader = bytes_reader(file);
    ck_assert_ok(prune_model_read(&model, mem, &reader, NULL));
    return model;
}

prune_trainer *work_read_trainer(prune_model **model, bytes_file *file)
{
    prune_trainer *trainer;
    const prune_reader reader = bytes_reader(file);
    ck_assert_ok(prune_trainer_read(&trainer, model, NULL, &reader, prune_backend_reference(), NULL));
    ck_assert_ptr_eq(prune_trainer_model(trainer), *model);
    return trainer;
}

void work_check_same(const bytes_file *a, const bytes_file *b)
{
    ck_assert_uint_eq(a->length, b->length);
    ck_assert_mem_eq(a->at, b->at, a->length);
}

prune_trainer_options work_options(int32_t optimizer)
{
    static const prune_schedule schedule = { .size = sizeof schedule,
                                             .kind = PRUNE_SCHEDULE_COSINE,
                                             .factor = 0.5f,
                                             .floor = 0.25f,
                                             .warmup = 5,
                                             .period = 40 };
    prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, optimizer);
    options.learning_rate = 0.015625f;
    options.momentum = 0.75f;
    options.beta1 = 0.8125f;
    options.beta2 = 0.9375f;
    options.epsilon = 1e-6f;
    options.l1 = 0.001f;
    options.l2 = 0.002f;
    options.regularize_bias = 1;
    options.seed = UINT64_C(0xFEDCBA9876543210);
    options.max_batch = 7;
    options.nesterov = optimizer == PRUNE_SGD;
    options.alpha = 0.875f;
    options.weight_decay = 0.125f;
    options.clip_norm = 0.5f;
    options.clip_value = 0.25f;
    options.l1_proximal = 1;
    options.schedule = &schedule;
    options.accumulate = 2; /* of the 7 batches of an epoch */
    return options;
}

void work_fit(prune_trainer *trainer, const world_data *data, uint64_t epochs)
{
    prune_fit_options options;
    prune_fit_options_init(&options);
    options.epochs = epochs;
    ck_assert_ok(prune_trainer_fit(NULL, trainer, &data->labelled, &options, NULL));
}

void work_start(work *w, int32_t optimizer, uint64_t every)
{
    static const size_t widths[] = { 6, 12, 4 };
    const prune_trainer_options options = work_options(optimizer);
    world_data_make(&w->data, 45, 6, 4, 3);
    w->model = world_model(NULL, widths, 2, PRUNE_TANH, 8);
    work_remove_some(w->model, every, 9);
    const prune_layer_training second = { sizeof second, 0, 0.5f, 2.0f, 1.0f };
    w->trainer = world_trainer(w->model, &options);
    ck_assert_ok(prune_trainer_set_layer(w->trainer, 1, &second));
}

void work_end(work *w)
{
    prune_trainer_free(w->trainer);
    prune_model_free(w->model);
    world_data_end(&w->data);
}
