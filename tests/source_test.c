/* source_test.c -- samples from a file give the same bits as samples from memory, in every call
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/stream.h"
#include "support/training.h"

#include <math.h>
#include <string.h>

enum { INPUTS = 5, CLASSES = 3, SAMPLES = 45, MANY = 601, BATCH = 7 };

static const size_t widths[] = { INPUTS, 8, CLASSES };
static const int32_t losses[] = { PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_MSE };

typedef struct fixture {
    world_data world;
    stream file;
    prune_model *model;
    prune_trainer *trainer;
    int32_t loss;
} fixture;

static void open_with(fixture *f, const prune_trainer_options *options, size_t samples)
{
    f->loss = options->loss;
    world_data_make(&f->world, samples, INPUTS, CLASSES, 5);
    stream_open(&f->file, &f->world, options->loss);
    f->model = world_model(NULL, widths, 2, PRUNE_TANH, 2);
    f->trainer = world_trainer(f->model, options);
}

static void open_fixture(fixture *f, int32_t loss, size_t samples)
{
    prune_trainer_options options = world_options(loss, PRUNE_ADAM);
    options.max_batch = BATCH;
    open_with(f, &options, samples);
}

static void close_fixture(fixture *f)
{
    prune_trainer_free(f->trainer);
    prune_model_free(f->model);
    stream_close(&f->file);
    world_data_end(&f->world);
}

/* ---- the same bits ---- */

typedef struct fit_case {
    int32_t shuffle, keep_best, accumulate;
    double fraction;
    int32_t own_validation;
} fit_case;

static const fit_case fits[] = {
    { 0, 0, 1, 0.0, 0 }, { 1, 0, 1, 0.0, 0 }, { 0, 0, 3, 0.0, 0 }, { 1, 1, 1, 0.3, 0 },
    { 0, 1, 1, 0.3, 0 }, { 1, 0, 4, 0.2, 0 }, { 1, 1, 1, 0.0, 1 }, { 0, 0, 2, 0.0, 1 },
};

/* Validation figures at each epoch's end. */
typedef struct figures {
    double seen[16];
    size_t count;
} figures;

static int32_t take_down(void *user, const prune_progress *p)
{
    figures *f = user;
    f->seen[f->count++] = p->validation_loss;
    f->seen[f->count++] = p->validation_metric;
    return 0;
}

typedef struct outcome {
    uint64_t hash;
    prune_fit_result result;
    figures figures;
    size_t calls;
} outcome;

static void fit(outcome *out, const fit_case *c, int32_t loss, int32_t from_file)
{
    fixture f;
    stream other;
    prune_fit_options options;
    prune_trainer_options how = world_options(loss, PRUNE_ADAM);
    how.max_batch = BATCH;
    how.accumulate = c->accumulate;
    memset(out, 0, sizeof *out);
    open_with(&f, &how, SAMPLES);
    stream_open(&other, &f.world, loss);
    prune_fit_options_init(&options);
    prune_fit_result_init(&out->result);
    options.epochs = 3;
    options.shuffle = c->shuffle;
    options.keep_best = c->keep_best;
    options.validation_fraction = c->fraction;
    options.progress = take_down;
    options.user = &out->figures;
    const prune_data *tensors = stream_twin(&f.world, loss);
    if (c->own_validation)
        options.validation = from_file ? &other.data : tensors;
    ck_assert_ok(
        prune_trainer_fit(&out->result, f.trainer, from_file ? &f.file.data : tensors, &options, NULL));
    out->hash = world_trainer_hash(f.trainer);
    out->calls = f.file.calls;
    stream_close(&other);
    close_fixture(&f);
}

START_TEST(a_fit_gives_the_same_bits)
{
    for (size_t i = 0; i < 2 * sizeof fits / sizeof fits[0]; i++) {
        outcome memory, file;
        fit(&memory, &fits[i / 2], losses[i % 2], 0);
        fit(&file, &fits[i / 2], losses[i % 2], 1);
        ck_assert_msg(memory.hash == file.hash, "case %zu", i);
        ck_assert_mem_eq(&memory.result, &file.result, sizeof file.result);
        ck_assert_mem_eq(&memory.figures, &file.figures, sizeof file.figures);
        ck_assert(memory.calls == 0 && file.calls > 0);
    }
}
END_TEST

/* Only the training set, or only that for validation, is a source. */
START_TEST(memory_and_file_can_be_mixed)
{
    uint64_t hash[4];
    for (size_t i = 0; i < 4; i++) {
        fixture f;
        stream other;
        prune_fit_options options;
        open_fixture(&f, PRUNE_MSE, SAMPLES);
        stream_open(&other, &f.world, PRUNE_MSE);
        prune_fit_options_init(&options);
        options.keep_best = 1;
        options.validation = i & 1 ? &other.data : &f.world.valued;
        ck_assert_ok(
            prune_trainer_fit(NULL, f.trainer, i & 2 ? &f.file.data : &f.world.valued, &options, NULL));
        hash[i] = world_trainer_hash(f.trainer);
        stream_close(&other);
        close_fixture(&f);
    }
    ck_assert(hash[0] == hash[1] && hash[0] == hash[2] && hash[0] == hash[3]);
}
END_TEST

START_TEST(one_call_from_data_to_model)
{
    fixture f;
    prune_fit_options options;
    open_fixture(&f, PRUNE_SOFTMAX_CROSS_ENTROPY, SAMPLES);
    prune_model *other = world_model(NULL, widths, 2, PRUNE_TANH, 2);
    prune_fit_options_init(&options);
    options.batch_size = 40;
    ck_assert_ok(prune_fit(NULL, f.model, &f.world.labelled, NULL, &options, NULL));
    ck_assert_ok(prune_fit(NULL, other, &f.file.data, NULL, &options, NULL));
    ck_assert(world_same_models(f.model, other));
    prune_model_free(other);
    close_fixture(&f);
}
END_TEST

/* Some number that depends on every output and every target, and on which belongs to which. */
static prune_status weigh(void *user, double *value, const prune_tensor *outputs, const prune_tensor *targets)
{
    const float *h = prune_tensor_data(outputs);
    const size_t rows = prune_tensor_dim(outputs, 0), columns = prune_tensor_dim(targets, 1);
    ck_assert_uint_eq(prune_tensor_dim(targets, 0), rows);
    *value = *(const double *)user;
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < CLASSES; c++) {
            const size_t at = r * columns + c % columns;
            const double y = prune_tensor_dtype(targets) == PRUNE_I32
                                 ? (double)((const int32_t *)prune_tensor_data(targets))[at]
                                 : (double)((const float *)prune_tensor_data(targets))[at];
            *value = 0.75 * *value + (double)h[r * CLASSES + c] * (y + 1.0);
        }
    return PRUNE_OK;
}

START_TEST(measuring_gives_the_same_bits)
{
    double start = 3.0;
    const prune_metric metric = { weigh, &start, 1 };
    for (size_t l = 0; l < 2; l++) {
        fixture f;
        double value[2];
        prune_metrics metrics[2];
        open_fixture(&f, losses[l], MANY);
        for (size_t i = 0; i < 2; i++) {
            const prune_data *data = i ? &f.file.data : stream_twin(&f.world, f.loss);
            prune_metrics_init(&metrics[i]);
            ck_assert_ok(prune_evaluate(&metrics[i], f.model, data, f.loss, NULL));
            ck_assert_ok(prune_evaluate_metric(&value[i], f.model, data, f.loss, &metric, NULL));
        }
        ck_assert_mem_eq(&metrics[0], &metrics[1], sizeof metrics[0]);
        ck_assert(metrics[0].samples == MANY && value[0] == value[1]);
        close_fixture(&f);
    }
}
END_TEST

START_TEST(validation_decides_the_same)
{
    fixture f;
    prune_snapshot *snapshot;
    prune_validation validation;
    prune_metrics metrics;
    open_fixture(&f, PRUNE_SOFTMAX_CROSS_ENTROPY, MANY);
    prune_metrics_init(&metrics);
    ck_assert_ok(prune_evaluate(&metrics, f.model, &f.world.labelled, f.loss, NULL));
    ck_assert_ok(prune_snapshot_create(&snapshot, NULL, f.model));
    const uint64_t before = world_hash(f.model);
    prune_validation_init(&validation);
    validation.reference = metrics.accuracy;
    ck_assert_ok(prune_validate(&validation, f.model, snapshot, &f.file.data, NULL));
    ck_assert(validation.accepted == 1 && validation.value == metrics.accuracy);
    world_remove(f.model, 0, 0);
    validation.reference = 1.0; /* which this model does not reach */
    ck_assert_ok(prune_validate(&validation, f.model, snapshot, &f.file.data, NULL));
    ck_assert_int_eq(validation.accepted, 0);
    ck_assert_uint_eq(world_hash(f.model), before);
    prune_snapshot_free(snapshot);
    close_fixture(&f);
}
END_TEST

START_TEST(scores_are_the_same_bits)
{
    for (int32_t criterion = PRUNE_MAGNITUDE; criterion <= PRUNE_FISHER; criterion++) {
        prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_ADAM);
        prune_importance *scores[2];
        fixture f;
        options.max_batch = BATCH;
        options.per_sample = criterion == PRUNE_SAMPLE_GRADIENT ? PRUNE_PER_SAMPLE_ABSOLUTE
                             : criterion == PRUNE_FISHER        ? PRUNE_PER_SAMPLE_SQUARE
                                                                : 0;
        open_with(&f, &options, SAMPLES);
        for (size_t i = 0; i < 2; i++) {
            const prune_data *data = i ? &f.file.data : &f.world.labelled;
            ck_assert_ok(prune_importance_create(&scores[i], NULL, f.model, criterion));
            ck_assert_ok(prune_importance_accumulate(scores[i], f.trainer, data, NULL));
        }
        for (size_t p = 0; p < prune_model_param_count(f.model); p++)
            ck_assert_mem_eq(prune_importance_scores(scores[0], p), prune_importance_scores(scores[1], p),
                             world_count(f.model, p) * sizeof(float));
        ck_assert_uint_eq(prune_importance_samples(scores[0]), prune_importance_samples(scores[1]));
        prune_importance_free(scores[0]);
        prune_importance_free(scores[1]);
        close_fixture(&f);
    }
}
END_TEST

/* ---- what is read ---- */

START_TEST(without_shuffling_samples_come_in_order)
{
    fixture f;
    prune_metrics metrics;
    prune_importance *scores;
    prune_fit_options options;
    open_fixture(&f, PRUNE_SOFTMAX_CROSS_ENTROPY, SAMPLES);
    prune_metrics_init(&metrics);
    prune_fit_options_init(&options);
    options.epochs = 2;
    options.shuffle = 0;
    ck_assert_ok(prune_trainer_fit(NULL, f.trainer, &f.file.data, &options, NULL));
    ck_assert_uint_eq(f.file.rows, 2 * SAMPLES);
    ck_assert_ok(prune_evaluate(&metrics, f.model, &f.file.data, f.loss, NULL));
    ck_assert_uint_eq(f.file.rows, 3 * SAMPLES);
    ck_assert_ok(prune_importance_create(&scores, NULL, f.model, PRUNE_TAYLOR));
    ck_assert_ok(prune_importance_accumulate(scores, f.trainer, &f.file.data, NULL));
    ck_assert_uint_eq(f.file.rows, 4 * SAMPLES);
    ck_assert_ok(prune_data_check(&f.file.data, f.model, f.loss, NULL));
    ck_assert(f.file.rows == 5 * SAMPLES && f.file.leaps == 0);
    options.shuffle = 1;
    ck_assert_ok(prune_trainer_fit(NULL, f.trainer, &f.file.data, &options, NULL));
    ck_assert(f.file.rows == 7 * SAMPLES && f.file.leaps > SAMPLES);
    prune_importance_free(scores);
    close_fixture(&f);
}
END_TEST

/* A source takes what a batch takes; a fit also two numbers a sample. */
START_TEST(memory_does_not_grow_with_the_data)
{
    static const size_t samples[] = { 500, 1500 };
    size_t fitted[2], others[2];
    for (size_t i = 0; i < 2; i++) {
        heap h = { 0 };
        fixture f;
        prune_trainer *trainer;
        prune_importance *scores;
        prune_metrics metrics;
        const prune_allocator mem = heap_allocator(&h);
        open_fixture(&f, PRUNE_MSE, samples[i]);
        prune_model *model = world_model(&mem, widths, 2, PRUNE_TANH, 2);
        const prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_ADAM);
        ck_assert_ok(prune_trainer_create(&trainer, &mem, model, &options, NULL));
        ck_assert_ok(prune_importance_create(&scores, &mem, model, PRUNE_TAYLOR));
        prune_metrics_init(&metrics);
        ck_assert_ok(prune_importance_accumulate(scores, trainer, &f.file.data, NULL));
        ck_assert_ok(prune_evaluate(&metrics, model, &f.file.data, PRUNE_MSE, NULL));
        ck_assert_ok(prune_data_check(&f.file.data, model, PRUNE_MSE, NULL));
        others[i] = h.peak_bytes;
        h.peak_bytes = 0;
        ck_assert_ok(prune_trainer_fit(NULL, trainer, &f.file.data, NULL, NULL));
        fitted[i] = h.peak_bytes;
        prune_importance_free(scores);
        prune_trainer_free(trainer);
        prune_model_free(model);
        ck_assert(heap_is_clean(&h));
        close_fixture(&f);
    }
    ck_assert_uint_eq(others[0], others[1]);
    ck_assert_uint_eq(fitted[1] - fitted[0], 2 * sizeof(size_t) * (samples[1] - samples[0]));
}
END_TEST

/* ---- what is found ---- */

static void assert_same_finding(fixture *f, prune_status status)
{
    prune_error in_memory = { 0 }, in_file = { 0 };
    ck_assert_status(prune_data_check(stream_twin(&f->world, f->loss), f->model, f->loss, &in_memory),
                     status);
    ck_assert_status(prune_data_check(&f->file.data, f->model, f->loss, &in_file), status);
    ck_assert_str_eq(in_file.place, in_memory.place);
    ck_assert_str_eq(in_file.reason, in_memory.reason);
}

START_TEST(every_bad_value_is_found_where_it_is)
{
    static const size_t samples[] = { 0, 1, 254, 255, 256, 257, 511, 512, MANY - 1 };
    for (size_t i = 0; i < 2 * sizeof samples / sizeof samples[0]; i++) {
        const size_t sample = samples[i / 2], column = sample % CLASSES;
        fixture f;
        open_fixture(&f, losses[i % 2], MANY);
        assert_same_finding(&f, PRUNE_OK);
        const int32_t labels = f.loss == PRUNE_SOFTMAX_CROSS_ENTROPY;
        f.world.y[sample * CLASSES + column] = INFINITY;
        f.world.label[sample] = CLASSES;
        if (labels)
            stream_put(&f.file, sample, f.file.input_bytes, &f.world.label[sample], 4);
        else
            stream_put(&f.file, sample, f.file.input_bytes + 4 * column,
                       &f.world.y[sample * CLASSES + column], 4);
        assert_same_finding(&f, labels ? PRUNE_E_LABEL : PRUNE_E_NONFINITE);
        f.world.x[sample * INPUTS + column] = NAN;
        stream_put(&f.file, sample, 4 * column, &f.world.x[sample * INPUTS + column], 4);
        assert_same_finding(&f, PRUNE_E_NONFINITE);
        close_fixture(&f);
    }
}
END_TEST

static size_t lazy_rows;

/* Fills only the first rows, or with lazy_rows SIZE_MAX all inputs and no target. */
static prune_status read_lazily(void *user, const size_t *samples, size_t count, float *inputs, void *targets)
{
    const prune_source *source = user;
    for (size_t i = 0; i < count && i < lazy_rows; i++) {
        for (size_t j = 0; j < source->inputs; j++)
            inputs[i * source->inputs + j] = (float)samples[i];
        if (lazy_rows != SIZE_MAX)
            memset((char *)targets + 4 * i * source->target_columns, 0, 4 * source->target_columns);
    }
    return PRUNE_OK;
}

START_TEST(rows_that_were_forgotten_are_found)
{
    for (size_t l = 0; l < 2; l++) {
        fixture f;
        prune_error error;
        open_fixture(&f, losses[l], SAMPLES);
        f.file.source.read = read_lazily;
        f.file.source.user = &f.file.source;
        lazy_rows = 40;
        ck_assert_status(prune_data_check(&f.file.data, f.model, f.loss, &error), PRUNE_E_NONFINITE);
        ck_assert_str_eq(error.place, "inputs[40][0]");
        lazy_rows = SIZE_MAX;
        ck_assert_status(prune_data_check(&f.file.data, f.model, f.loss, &error),
                         l == 0 ? PRUNE_E_LABEL : PRUNE_E_NONFINITE);
        ck_assert_str_eq(error.place, l == 0 ? "targets[0]" : "targets[0][0]");
        close_fixture(&f);
    }
}
END_TEST

START_TEST(declarations_must_fit)
{
    const struct {
        size_t size, samples, inputs, columns;
        int32_t type, loss;
        prune_status status;
        const char *place;
    } cases[] = {
        { sizeof(prune_source), 9, INPUTS, 1, PRUNE_I32, 2, PRUNE_OK, "" },
        { sizeof(prune_source), 9, INPUTS, CLASSES, PRUNE_F32, 1, PRUNE_OK, "" },
        { sizeof(prune_source), 0, INPUTS, 1, PRUNE_I32, 2, PRUNE_E_EMPTY, "source" },
        { sizeof(prune_source), 9, 0, 1, PRUNE_I32, 2, PRUNE_E_SHAPE, "inputs" },
        { sizeof(prune_source), 9, INPUTS - 1, 1, PRUNE_I32, 2, PRUNE_E_SHAPE, "inputs" },
        { sizeof(prune_source), 9, SIZE_MAX, 1, PRUNE_I32, 2, PRUNE_E_SHAPE, "inputs" },
        { sizeof(prune_source), 9, INPUTS, 0, PRUNE_I32, 2, PRUNE_E_SHAPE, "targets" },
        { sizeof(prune_source), 9, INPUTS, CLASSES, PRUNE_I32, 2, PRUNE_E_SHAPE, "targets" },
        { sizeof(prune_source), 9, INPUTS, 1, PRUNE_F32, 1, PRUNE_E_SHAPE, "targets" },
        { sizeof(prune_source), 9, INPUTS, SIZE_MAX, PRUNE_F32, 1, PRUNE_E_SHAPE, "targets" },
        { sizeof(prune_source), 9, INPUTS, 1, PRUNE_F32, 2, PRUNE_E_SHAPE, "targets" },
        { sizeof(prune_source), 9, INPUTS, CLASSES, PRUNE_U8, 1, PRUNE_E_TYPE, "targets" },
        { sizeof(prune_source), 9, INPUTS, 1, 0, 2, PRUNE_E_TYPE, "targets" },
        { sizeof(prune_source) + 1, 9, INPUTS, 1, PRUNE_I32, 2, PRUNE_E_VERSION, "source" },
        { 0, 9, INPUTS, 1, PRUNE_I32, 2, PRUNE_E_ARGUMENT, "source" },
    };
    fixture f;
    open_fixture(&f, PRUNE_MSE, SAMPLES);
    lazy_rows = SIZE_MAX - 1; /* all of them */
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        prune_error error = { 0 };
        prune_source source;
        prune_data data;
        prune_source_init(&source);
        prune_data_init(&data);
        source.size = cases[i].size;
        source.samples = cases[i].samples;
        source.inputs = cases[i].inputs;
        source.target_columns = cases[i].columns;
        source.target_type = cases[i].type;
        source.read = read_lazily;
        source.user = &source;
        data.source = &source;
        ck_assert_status(prune_data_check(&data, f.model, cases[i].loss, &error), cases[i].status);
        ck_assert_str_eq(error.place, cases[i].place);
    }
    close_fixture(&f);
}
END_TEST

START_TEST(a_source_is_whole_and_alone)
{
    fixture f;
    prune_error error;
    prune_source_init(NULL);
    open_fixture(&f, PRUNE_SOFTMAX_CROSS_ENTROPY, SAMPLES);
    prune_data both = f.world.labelled;
    both.source = &f.file.source;
    ck_assert_status(prune_data_check(&both, f.model, f.loss, &error), PRUNE_E_ARGUMENT);
    ck_assert_str_eq(error.place, "data");
    both.targets = NULL;
    ck_assert_status(prune_data_check(&both, f.model, f.loss, &error), PRUNE_E_ARGUMENT);
    f.file.source.read = NULL;
    ck_assert_status(prune_data_check(&f.file.data, f.model, f.loss, &error), PRUNE_E_ARGUMENT);
    ck_assert_str_eq(error.place, "source");
    close_fixture(&f);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_fit_gives_the_same_bits,
        memory_and_file_can_be_mixed,
        one_call_from_data_to_model,
        measuring_gives_the_same_bits,
        validation_decides_the_same,
        scores_are_the_same_bits,
        without_shuffling_samples_come_in_order,
        memory_does_not_grow_with_the_data,
        every_bad_value_is_found_where_it_is,
        rows_that_were_forgotten_are_found,
        declarations_must_fit,
        a_source_is_whole_and_alone,
    };
    return run_tests("source", tests, sizeof tests / sizeof tests[0]);
}
