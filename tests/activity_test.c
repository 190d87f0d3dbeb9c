/* activity_test.c -- statistics of what passes through, and scores made of them, against sums in double
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/stack.h"
#include "support/training.h"

#include <float.h>
#include <math.h>

enum { INPUTS = 5, SAMPLES = 150, PART = STACK_BATCH - 1 }; /* more samples than a batch of the library */

static const stack_step stacks[][STACK_LAYERS + 1] = {
    { { D, 6, PRUNE_RELU, 0, 0 }, { D, 4, PRUNE_TANH, 0, 0 }, { D, 3, PRUNE_LINEAR, 0, 0 } },
    { { D, 7, PRUNE_LINEAR, 0, 0 },
      { B, 0, 0, 0.1f, 1e-5f },
      { A, 0, PRUNE_RELU, 0, 0 },
      { O, 0, 0, 0.5f, 0 },
      { D, 3, PRUNE_LINEAR, 0, 0 },
      { S, 0, 0, 0, 0 } },
};
/* Of each dense layer, the layer that reads its neurons; what is behind it. */
static const size_t readers[][5] = { { 1, 2, 3 }, { 4, 0, 0, 0, 5 } };
enum { STACKS = sizeof stacks / sizeof stacks[0] };

typedef struct world {
    prune_model *model;
    prune_activity *activity;
    prune_importance *table;
    stack s;
    float x[SAMPLES * INPUTS], weights[SAMPLES];
    prune_tensor *inputs, *counts;
    prune_data data;
} world;

static void open_world(world *w, const prune_allocator *mem, size_t which)
{
    prune_rng rng;
    prune_rng_seed(&rng, which);
    w->model = stack_model(NULL, INPUTS, stacks[which], 3);
    ck_assert_ok(prune_activity_create(&w->activity, mem, w->model));
    ck_assert_ok(prune_importance_create(&w->table, NULL, w->model, PRUNE_SUPPLIED));
    for (size_t i = 0; i < SAMPLES * INPUTS; i++)
        w->x[i] = i % 7 == 0 ? 0.0f : 2.0f * prune_rng_uniform(&rng) - 1.0f;
    for (size_t i = 0; i < SAMPLES; i++)
        w->weights[i] = (float)(i % 4);
    ck_assert_ok(prune_tensor_const_matrix(&w->inputs, NULL, PRUNE_F32, SAMPLES, INPUTS, w->x));
    ck_assert_ok(prune_tensor_const_matrix(&w->counts, NULL, PRUNE_F32, SAMPLES, 1, w->weights));
    prune_data_init(&w->data);
    w->data.inputs = w->inputs;
}

static void close_world(world *w)
{
    prune_tensor_free(w->inputs);
    prune_tensor_free(w->counts);
    prune_activity_free(w->activity);
    prune_importance_free(w->table);
    prune_model_free(w->model);
}

/* What goes into a layer, of all samples: y[SAMPLES][*width]. */
static void run_to(double *y, size_t *width, world *w, size_t layer)
{
    const size_t layers = prune_model_layer_count(w->model);
    *width = INPUTS;
    for (size_t first = 0; first < SAMPLES; first += PART) {
        double x[STACK_BLOCK], part[STACK_BLOCK];
        const size_t n = SAMPLES - first < PART ? SAMPLES - first : PART;
        stack_read(&w->s, w->model, n, 0);
        *width = layer == 0        ? INPUTS
                 : layer == layers ? prune_model_outputs(w->model)
                                   : (size_t)w->s.info[layer].input.dims[0];
        for (size_t i = 0; i < n * INPUTS; i++)
            x[i] = (double)w->x[first * INPUTS + i];
        if (layer > 0)
            stack_run(part, &w->s, 0, layer, x);
        memcpy(y + first * *width, layer > 0 ? part : x, n * *width * sizeof *y);
    }
}

/* Two passes over all samples; what is as near to 0 as float is to a number counts as 0 in both. */
static double statistic_of(const world *w, const double *y, size_t width, size_t i, int32_t statistic)
{
    double count = 0.0, sum = 0.0, squares = 0.0, zeros = 0.0, spread = 0.0;
    for (size_t r = 0; r < SAMPLES; r++) {
        const double weight = w->data.weights != NULL ? (double)w->weights[r] : 1.0, v = y[r * width + i];
        count += weight;
        sum += weight * v;
        squares += weight * v * v;
        zeros += fabs(v) > 0.0 ? 0.0 : weight;
    }
    for (size_t r = 0; r < SAMPLES; r++)
        spread += (w->data.weights != NULL ? (double)w->weights[r] : 1.0) *
                  pow(y[r * width + i] - sum / count, 2.0);
    return statistic == PRUNE_ACTIVITY_ZEROS      ? zeros / count
           : statistic == PRUNE_ACTIVITY_MEAN     ? sum / count
           : statistic == PRUNE_ACTIVITY_VARIANCE ? spread / count
                                                  : squares / count;
}

static void check_statistics(world *w)
{
    static double y[SAMPLES * STACK_WIDTH];
    for (size_t l = 0; l <= prune_model_layer_count(w->model); l++) {
        size_t width;
        run_to(y, &width, w, l);
        for (int32_t s = PRUNE_ACTIVITY_ZEROS; s <= PRUNE_ACTIVITY_SQUARE; s++) {
            float got[STACK_WIDTH];
            ck_assert_ok(prune_activity_inputs(got, width, w->activity, l, s));
            for (size_t i = 0; i < width; i++)
                ck_assert_double_eq_tol((double)got[i], statistic_of(w, y, width, i, s), 1e-5);
        }
    }
}

START_TEST(statistics_are_those_of_all_samples)
{
    for (size_t which = 0; which < STACKS; which++)
        for (int32_t weighted = 0; weighted <= 1; weighted++) {
            world w;
            open_world(&w, NULL, which);
            w.data.weights = weighted ? w.counts : NULL;
            ck_assert_ok(prune_activity_add(w.activity, &w.data, NULL, NULL));
            ck_assert_uint_eq(prune_activity_samples(w.activity), SAMPLES);
            check_statistics(&w);
            close_world(&w);
        }
}
END_TEST

START_TEST(cuts_into_batches_do_not_matter)
{
    static const size_t cuts[] = { 1, 7, 64, 100 };
    for (size_t c = 0; c < sizeof cuts / sizeof cuts[0]; c++) {
        world w;
        open_world(&w, NULL, 0);
        for (size_t first = 0; first < SAMPLES; first += cuts[c]) {
            const size_t left = SAMPLES - first;
            prune_data part = w.data;
            prune_tensor *rows = world_rows(w.inputs, first, left < cuts[c] ? left : cuts[c]);
            part.inputs = rows;
            ck_assert_ok(prune_activity_add(w.activity, &part, prune_backend_reference(), NULL));
            prune_tensor_free(rows);
        }
        ck_assert_uint_eq(prune_activity_samples(w.activity), SAMPLES);
        check_statistics(&w);
        close_world(&w);
    }
}
END_TEST

/* E x^2 - (E x)^2 in double would leave nothing of it. */
START_TEST(small_variance_of_a_large_mean)
{
    world w;
    float variance[INPUTS], mean[INPUTS];
    open_world(&w, NULL, 0);
    for (size_t i = 0; i < SAMPLES * INPUTS; i++)
        w.x[i] = 16777212.0f + (float)(i / INPUTS % 2) * 4.0f - (i % INPUTS == 0 ? 3.3e7f : 0.0f);
    ck_assert_ok(prune_activity_add(w.activity, &w.data, NULL, NULL));
    ck_assert_ok(prune_activity_inputs(variance, INPUTS, w.activity, 0, PRUNE_ACTIVITY_VARIANCE));
    ck_assert_ok(prune_activity_inputs(mean, INPUTS, w.activity, 0, PRUNE_ACTIVITY_MEAN));
    for (size_t i = 0; i < INPUTS; i++) {
        ck_assert(variance[i] == 4.0f);
        ck_assert_double_eq_tol((double)mean[i], i == 0 ? 16777214.0 - 3.3e7 : 16777214.0, 1.0);
    }
    close_world(&w);
}
END_TEST

static double neuron_score(double value, int32_t statistic)
{
    return statistic == PRUNE_ACTIVITY_ZEROS ? 1.0 - value : fabs(value);
}

START_TEST(scores_of_neurons_are_of_what_their_reader_sees)
{
    for (size_t which = 0; which < STACKS; which++) {
        world w;
        open_world(&w, NULL, which);
        ck_assert_ok(prune_activity_add(w.activity, &w.data, NULL, NULL));
        for (int32_t s = PRUNE_ACTIVITY_ZEROS; s <= PRUNE_ACTIVITY_SQUARE; s++) {
            ck_assert_ok(prune_score_activity(w.table, w.activity, s));
            for (size_t l = 0; l < 5 && l < prune_model_layer_count(w.model); l++) {
                float got[STACK_WIDTH], seen[STACK_WIDTH];
                prune_layer_info info;
                prune_layer_info_init(&info);
                ck_assert_ok(prune_model_layer_info(&info, w.model, l));
                if (info.kind != PRUNE_LAYER_DENSE)
                    continue;
                const size_t units = info.output.dims[0];
                ck_assert_ok(prune_importance_neurons(got, units, w.table, l, PRUNE_ROW_MAX));
                ck_assert_ok(prune_activity_inputs(seen, units, w.activity, readers[which][l], s));
                for (size_t u = 0; u < units; u++)
                    ck_assert_double_eq_tol((double)got[u], neuron_score((double)seen[u], s), 1e-6);
            }
        }
        close_world(&w);
    }
}
END_TEST

START_TEST(wanda_is_weight_times_norm)
{
    for (size_t which = 0; which < STACKS; which++) {
        world w;
        open_world(&w, NULL, which);
        ck_assert_ok(prune_activity_add(w.activity, &w.data, NULL, NULL));
        ck_assert_ok(prune_score_wanda(w.table, w.activity));
        for (size_t p = 0; p < prune_model_param_count(w.model); p++) {
            float square[STACK_WIDTH];
            prune_param_info info;
            prune_param_info_init(&info);
            ck_assert_ok(prune_model_param_info(&info, w.model, p));
            const float *got = prune_importance_scores(w.table, p);
            if (!info.prunable) {
                ck_assert(got[0] == (info.statistic ? 0.0f : FLT_MAX));
                continue;
            }
            const size_t columns = info.shape.dims[1];
            ck_assert_ok(
                prune_activity_inputs(square, columns, w.activity, info.layer, PRUNE_ACTIVITY_SQUARE));
            for (size_t i = 0; i < info.count; i++)
                ck_assert_double_eq_tol(
                    (double)got[i],
                    fabs((double)prune_model_param(w.model, p)[i]) * sqrt((double)square[i % columns]), 1e-6);
        }
        close_world(&w);
    }
}
END_TEST

START_TEST(bad_arguments)
{
    world w, other;
    float values[INPUTS] = { 7.0f };
    size_t bytes;
    prune_error error;
    prune_activity *none;
    open_world(&w, NULL, 0);
    open_world(&other, NULL, 0);
    ck_assert_status(prune_activity_create(NULL, NULL, w.model), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_activity_create(&none, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_ptr_null(none);
    prune_model *empty;
    ck_assert_ok(prune_model_create(&empty, NULL, INPUTS));
    ck_assert_status(prune_activity_create(&none, NULL, empty), PRUNE_E_NO_LAYERS);
    ck_assert_status(prune_activity_bytes(&bytes, empty), PRUNE_E_NO_LAYERS);
    ck_assert_ptr_null(none);
    prune_model_free(empty);
    ck_assert_status(prune_activity_bytes(NULL, w.model), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_activity_bytes(&bytes, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_activity_reset(NULL), PRUNE_E_ARGUMENT);
    ck_assert_uint_eq(prune_activity_samples(NULL), 0);
    prune_activity_free(NULL);
    ck_assert_status(prune_activity_add(NULL, &w.data, NULL, &error), PRUNE_E_ARGUMENT);
    ck_assert_str_eq(error.place, "activity");
    ck_assert_status(prune_activity_add(w.activity, NULL, NULL, &error), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_activity_add(w.activity, &w.data, &(prune_backend){ .run = NULL }, &error),
                     PRUNE_E_ARGUMENT);
    ck_assert_status(prune_activity_inputs(values, INPUTS, w.activity, 0, 1), PRUNE_E_STATE);
    ck_assert_status(prune_score_wanda(w.table, w.activity), PRUNE_E_STATE);
    ck_assert_ok(prune_activity_add(w.activity, &w.data, NULL, NULL));
    ck_assert_status(prune_activity_inputs(NULL, INPUTS, w.activity, 0, 1), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_activity_inputs(values, INPUTS, NULL, 0, 1), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_activity_inputs(values, INPUTS, w.activity, 0, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_activity_inputs(values, INPUTS, w.activity, 0, 5), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_activity_inputs(values, INPUTS, w.activity, 4, 1), PRUNE_E_RANGE);
    ck_assert_status(prune_activity_inputs(values, INPUTS - 1, w.activity, 0, 1), PRUNE_E_SHAPE);
    ck_assert_status(prune_score_wanda(NULL, w.activity), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_score_wanda(w.table, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_score_activity(w.table, w.activity, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_score_activity(other.table, w.activity, 1), PRUNE_E_STATE);
    ck_assert_ptr_null(prune_importance_scores(other.table, 0));
    ck_assert(values[0] == 7.0f);
    close_world(&other);
    close_world(&w);
}
END_TEST

START_TEST(a_changed_model_is_noticed)
{
    world w;
    float values[INPUTS];
    prune_importance *magnitude;
    open_world(&w, NULL, 0);
    ck_assert_ok(prune_activity_add(w.activity, &w.data, NULL, NULL));
    ck_assert_ok(prune_importance_create(&magnitude, NULL, w.model, PRUNE_MAGNITUDE));
    ck_assert_status(prune_score_wanda(magnitude, w.activity), PRUNE_E_STATE);
    prune_importance_free(magnitude);
    ck_assert_ok(prune_model_add_dense(w.model, 2, PRUNE_LINEAR));
    ck_assert_status(prune_activity_add(w.activity, &w.data, NULL, NULL), PRUNE_E_STATE);
    ck_assert_status(prune_activity_inputs(values, INPUTS, w.activity, 0, 1), PRUNE_E_STATE);
    ck_assert_status(prune_score_activity(w.table, w.activity, 1), PRUNE_E_STATE);
    close_world(&w);
}
END_TEST

/* Values at 1e38 and more: a layer leaves float, or the statistic does. */
START_TEST(what_is_not_finite)
{
    world w;
    float values[INPUTS];
    prune_error error;
    open_world(&w, NULL, 0);
    ck_assert_ok(prune_activity_add(w.activity, &w.data, NULL, NULL));
    w.x[70 * INPUTS] = NAN;
    ck_assert_status(prune_activity_add(w.activity, &w.data, NULL, &error), PRUNE_E_NONFINITE);
    ck_assert_uint_eq(prune_activity_samples(w.activity), SAMPLES);
    for (size_t i = 0; i < INPUTS; i++)
        w.x[70 * INPUTS + i] = 1e37f;
    ck_assert_ok(prune_activity_reset(w.activity));
    ck_assert_ok(prune_activity_add(w.activity, &w.data, NULL, NULL));
    ck_assert_status(prune_activity_inputs(values, INPUTS, w.activity, 0, PRUNE_ACTIVITY_SQUARE),
                     PRUNE_E_NONFINITE);
    ck_assert_status(prune_score_wanda(w.table, w.activity), PRUNE_E_NONFINITE);
    ck_assert_ok(prune_activity_inputs(values, INPUTS, w.activity, 0, PRUNE_ACTIVITY_ZEROS));
    for (size_t i = 0; i < 30; i++)
        world_plant(w.model, 0, i, 1e30f);
    ck_assert_status(prune_activity_add(w.activity, &w.data, NULL, &error), PRUNE_E_NONFINITE);
    ck_assert_str_eq(error.place, "activity");
    ck_assert_uint_eq(prune_activity_samples(w.activity), 0);
    close_world(&w);
}
END_TEST

START_TEST(a_score_beyond_float_leaves_no_scores)
{
    world w;
    open_world(&w, NULL, 0);
    for (size_t i = 0; i < SAMPLES * INPUTS; i++)
        w.x[i] = 1e15f;
    ck_assert_ok(prune_activity_add(w.activity, &w.data, NULL, NULL));
    world_plant(w.model, 0, 0, 3e38f);
    ck_assert_status(prune_score_wanda(w.table, w.activity), PRUNE_E_NONFINITE);
    ck_assert_ptr_null(prune_importance_scores(w.table, 0));
    close_world(&w);
}
END_TEST

typedef struct reading {
    const float *x;
    int32_t fails;
} reading;

static prune_status read_rows(void *user, const size_t *samples, size_t count, float *inputs, void *targets)
{
    const reading *from = user;
    (void)targets;
    for (size_t i = 0; i < count; i++)
        memcpy(inputs + i * INPUTS, from->x + samples[i] * INPUTS, INPUTS * sizeof *inputs);
    for (size_t i = 0; i < count; i++)
        ((int32_t *)targets)[i] = 0;
    return from->fails && samples[0] > 0 ? PRUNE_E_IO : PRUNE_OK;
}

START_TEST(a_source_gives_the_same)
{
    for (int32_t fails = 0; fails <= 1; fails++) {
        world w;
        prune_source source;
        open_world(&w, NULL, 0);
        reading from = { w.x, fails };
        prune_source_init(&source);
        source.samples = SAMPLES;
        source.inputs = INPUTS;
        source.read = read_rows;
        source.user = &from;
        w.data.inputs = NULL;
        w.data.source = &source;
        ck_assert_status(prune_activity_add(w.activity, &w.data, NULL, NULL), fails ? PRUNE_E_IO : PRUNE_OK);
        if (!fails)
            check_statistics(&w);
        ck_assert_uint_eq(prune_activity_samples(w.activity), fails ? 0 : SAMPLES);
        close_world(&w);
    }
}
END_TEST

START_TEST(memory_is_one_block)
{
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    world w;
    size_t bytes;
    prune_activity *none;
    open_world(&w, &mem, 1);
    ck_assert_ok(prune_activity_bytes(&bytes, w.model));
    ck_assert_uint_eq(h.live_bytes, bytes);
    ck_assert_ok(prune_activity_add(w.activity, &w.data, NULL, NULL));
    ck_assert_uint_eq(h.requests, 1);
    heap_refuse_once(&h, 1);
    ck_assert_status(prune_activity_create(&none, &mem, w.model), PRUNE_E_MEMORY);
    ck_assert_ptr_null(none);
    close_world(&w);
    ck_assert(heap_is_clean(&h));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        statistics_are_those_of_all_samples,
        cuts_into_batches_do_not_matter,
        small_variance_of_a_large_mean,
        scores_of_neurons_are_of_what_their_reader_sees,
        wanda_is_weight_times_norm,
        bad_arguments,
        a_changed_model_is_noticed,
        what_is_not_finite,
        a_score_beyond_float_leaves_no_scores,
        a_source_gives_the_same,
        memory_is_one_block,
    };
    return run_tests("activity", tests, sizeof tests / sizeof tests[0]);
}
