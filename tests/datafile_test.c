/* datafile_test.c -- samples from files of records and IDX give the same bits as samples from memory
 *
 * SPDX-License-Identifier: MIT */
#define _FILE_OFFSET_BITS 64
#define _DEFAULT_SOURCE
#include "support/shelf.h"
#include "support/training.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { INPUTS = SHELF_INPUTS, CLASSES = SHELF_CLASSES, SAMPLES = SHELF_SAMPLES, BATCH = 7 };

static const size_t widths[] = { INPUTS, 8, CLASSES };

typedef struct outcome {
    uint64_t hash;
    prune_fit_result result;
    prune_metrics metrics;
    float scores[8 * INPUTS];
} outcome;

static void run(outcome *out, const shelf *f, const prune_data *data)
{
    const int32_t loss = f->kind.target == PRUNE_F32 ? PRUNE_MSE : PRUNE_SOFTMAX_CROSS_ENTROPY;
    prune_trainer_options how = world_options(loss, PRUNE_ADAM);
    prune_fit_options options;
    prune_importance *scores;
    memset(out, 0, sizeof *out);
    prune_fit_result_init(&out->result);
    prune_metrics_init(&out->metrics);
    prune_fit_options_init(&options);
    options.epochs = 3;
    options.validation_fraction = 0.3;
    how.max_batch = BATCH;
    prune_model *model = world_model(NULL, widths, 2, PRUNE_TANH, 2);
    prune_trainer *trainer = world_trainer(model, &how);
    ck_assert_ok(prune_trainer_fit(&out->result, trainer, data, &options, NULL));
    out->hash = world_trainer_hash(trainer);
    ck_assert_ok(prune_evaluate(&out->metrics, model, data, loss, NULL));
    ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_TAYLOR));
    ck_assert_ok(prune_importance_accumulate(scores, trainer, data, NULL));
    memcpy(out->scores, prune_importance_scores(scores, 0), sizeof out->scores);
    prune_importance_free(scores);
    prune_trainer_free(trainer);
    prune_model_free(model);
}

START_TEST(results_are_those_of_tensors_bit_for_bit)
{
    for (size_t i = 0; i < 2 * SHELF_KINDS; i++) {
        shelf f;
        outcome memory, file;
        prune_data data;
        shelf_make(&f, &shelf_kinds[i / 2]);
        f.options.read_ahead = i % 2;
        prune_datafile *opened = shelf_open(&f);
        prune_data_init(&data);
        data.source = prune_datafile_source(opened);
        ck_assert_uint_eq(data.source->samples, SAMPLES);
        ck_assert_int_eq(data.source->expect != NULL, f.options.read_ahead);
        run(&memory, &f, f.memory);
        run(&file, &f, &data);
        ck_assert_msg(memory.hash == file.hash, "kind %zu", i / 2);
        ck_assert_mem_eq(&memory, &file, sizeof file);
        prune_datafile_free(opened);
        shelf_end(&f);
    }
}
END_TEST

/* One sample, many, in any order, twice. */
START_TEST(any_samples_can_be_read)
{
    for (size_t k = 0; k < SHELF_KINDS; k++) {
        shelf f;
        prune_rng rng;
        shelf_make(&f, &shelf_kinds[k]);
        prune_datafile *file = shelf_open(&f);
        const prune_source *s = prune_datafile_source(file);
        const int32_t labels = f.kind.target != PRUNE_F32;
        const size_t target = labels ? 4 : 4 * CLASSES;
        prune_rng_seed(&rng, k);
        for (size_t trial = 0; trial < 60; trial++) {
            float x[SAMPLES * INPUTS], y[SAMPLES * CLASSES];
            size_t samples[SAMPLES];
            const size_t count = 1 + (size_t)prune_rng_below(&rng, SAMPLES);
            for (size_t i = 0; i < count; i++)
                samples[i] = i != 0 && prune_rng_below(&rng, 2) ? (samples[i - 1] + 1) % SAMPLES
                                                                : (size_t)prune_rng_below(&rng, SAMPLES);
            ck_assert_ok(s->read(s->user, samples, count, x, y));
            for (size_t i = 0; i < count; i++) {
                const void *wanted = labels ? (const void *)&f.world.label[samples[i]]
                                            : (const void *)&f.world.y[samples[i] * CLASSES];
                ck_assert_mem_eq(x + i * INPUTS, f.world.x + samples[i] * INPUTS, sizeof(float) * INPUTS);
                ck_assert_mem_eq((char *)y + i * target, wanted, target);
            }
            samples[count - 1] = SAMPLES;
            ck_assert_status(s->read(s->user, samples, count, x, y), PRUNE_E_RANGE);
        }
        prune_datafile_free(file);
        shelf_end(&f);
    }
}
END_TEST

/* Records that do not all fit into the room, or one that alone is larger than it. */
START_TEST(samples_may_be_large)
{
    static const size_t large[] = { 1000, 20000, 70001 };
    static float x[3 * 70001];
    static unsigned char record[70002];
    for (size_t i = 0; i < 3; i++) {
        static const size_t order[] = { 40, 41, 42 };
        const size_t inputs = large[i];
        int32_t y[3];
        folder where;
        prune_datafile *file;
        prune_datafile_options options;
        folder_make(&where);
        FILE *out = fopen(where.file, "wb");
        for (size_t s = 0; s < 43; s++) {
            for (size_t j = 0; j <= inputs; j++)
                record[j] = (unsigned char)(s + j);
            ck_assert_uint_eq(fwrite(record, inputs + 1, 1, out), 1);
        }
        ck_assert_int_eq(fclose(out), 0);
        prune_datafile_options_init(&options);
        options.inputs = inputs;
        options.input_type = options.target_type = PRUNE_U8;
        options.scale = 1.0f;
        ck_assert_ok(prune_datafile_open(&file, NULL, where.file, &options, NULL));
        const prune_source *source = prune_datafile_source(file);
        ck_assert_ok(source->read(source->user, order, 3, x, y));
        for (size_t s = 0; s < 3; s++) {
            for (size_t j = 0; j < inputs; j++)
                ck_assert(x[s * inputs + j] == (float)((40 + s + j) & 255));
            ck_assert_int_eq(y[s], (int32_t)((40 + s + inputs) & 255));
        }
        prune_datafile_free(file);
        folder_end(&where);
    }
}
END_TEST

/* A file of 5 GiB, nearly all of it a hole. */
START_TEST(offsets_have_64_bits)
{
    static const uint64_t far = UINT64_C(5) << 30;
    shelf f;
    float x[INPUTS];
    int32_t y;
    const size_t last = SAMPLES - 1;
    shelf_make(&f, &shelf_kinds[0]);
    FILE *out = fopen(f.paths[0], "wb");
    ck_assert_int_eq(ftruncate(fileno(out), (off_t)far), 0);
    ck_assert_int_eq(fseeko(out, (off_t)far, SEEK_SET), 0);
    ck_assert_uint_eq(fwrite(f.files[0].at, f.files[0].count, 1, out), 1);
    ck_assert_int_eq(fclose(out), 0);
    f.options.header = far;
    prune_datafile *file = shelf_open(&f);
    const prune_source *s = prune_datafile_source(file);
    ck_assert_uint_eq(s->samples, SAMPLES);
    ck_assert_ok(s->read(s->user, &last, 1, x, &y));
    ck_assert_mem_eq(x, f.world.x + last * INPUTS, sizeof x);
    ck_assert_int_eq(y, f.world.label[last]);
    prune_datafile_free(file);
    shelf_end(&f);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        results_are_those_of_tensors_bit_for_bit,
        any_samples_can_be_read,
        samples_may_be_large,
        offsets_have_64_bits,
    };
    return run_tests("datafile", tests, sizeof tests / sizeof tests[0]);
}
