/* batch_norm_test.c -- batch normalisation in training: what moves its statistics, and what does not
 *
 * SPDX-License-Identifier: MIT */
#include "support/reference.h"
#include "support/stack.h"
#include "support/training.h"

#include <math.h>
#include <string.h>

enum { INPUTS = 4, HIDDEN = 6, OUTPUTS = 3, N = 8, GAMMA = 2, BETA, MEAN, VARIANCE };

static const stack_step net[] = { { D, HIDDEN, 0, 0, 0 },
                                  { B, 0, 0, 0.25f, 1e-3f },
                                  { A, 0, PRUNE_TANH, 0, 0 },
                                  { D, OUTPUTS, 0, 0, 0 },
                                  { 0 } };
static const stack_step lone[] = { { B, 0, 0, 0.25f, 1e-3f }, { 0 } };

typedef struct fixture {
    world_data world;
    prune_model *model;
    prune_trainer *trainer;
} fixture;

static void open_fixture(fixture *f, const prune_trainer_options *options)
{
    world_data_make(&f->world, N, INPUTS, OUTPUTS, 3);
    f->model = stack_model(NULL, INPUTS, net, 5);
    f->trainer = world_trainer(f->model, options);
}

static void close_fixture(fixture *f)
{
    prune_trainer_free(f->trainer);
    prune_model_free(f->model);
    world_data_end(&f->world);
}

static prune_tensor *matrix(const float *values, size_t rows, size_t columns)
{
    prune_tensor *tensor;
    ck_assert_ok(prune_tensor_const_matrix(&tensor, NULL, PRUNE_F32, rows, columns, values));
    return tensor;
}

static int32_t same_statistics(const prune_model *a, const prune_model *b)
{
    return memcmp(prune_model_param(a, MEAN), prune_model_param(b, MEAN), HIDDEN * sizeof(float)) == 0 &&
           memcmp(prune_model_param(a, VARIANCE), prune_model_param(b, VARIANCE), HIDDEN * sizeof(float)) ==
               0;
}

START_TEST(how_it_starts)
{
    static const char *const names[] = { "gamma", "beta", "running_mean", "running_var" };
    static const float first[] = { 1.0f, 0.0f, 0.0f, 1.0f };
    prune_model *model;
    prune_layer_info info = { .size = sizeof info };
    ck_assert_ok(prune_model_create(&model, NULL, 5));
    ck_assert_ok(prune_model_add_batch_norm(model, 0.1f, 1e-5f));
    ck_assert_ok(prune_model_layer_info(&info, model, 0));
    ck_assert_int_eq(info.kind, PRUNE_LAYER_BATCH_NORM);
    ck_assert(info.parameters == 20 && info.bytes == 80 && info.nonzeros == 10 && info.weights == 0);
    ck_assert(info.macs == 5 && info.macs_kept == 5 && info.output.dims[0] == 5);
    ck_assert(info.settings[0] == 0.1f && info.settings[1] == 1e-5f);
    world_remove(model, 0, 2);
    ck_assert_ok(prune_model_layer_info(&info, model, 0));
    ck_assert(info.macs == 5 && info.macs_kept == 4);
    ck_assert_ok(prune_mask_reset(model));
    for (size_t p = 0; p < 4; p++) {
        prune_param_info param = { .size = sizeof param };
        const float other[5] = { 3, 3, 3, 3, 3 };
        ck_assert_ok(prune_model_param_info(&param, model, p));
        ck_assert_str_eq(param.name, names[p]);
        ck_assert(param.count == 5 && param.prunable == 0 && param.statistic == (p >= 2));
        ck_assert_ok(prune_model_set_param(model, p, other, 5));
    }
    for (size_t again = 0; again < 2; again++) {
        ck_assert_ok(again ? prune_model_fill(model, 7.0f)
                           : prune_model_initialize(model, PRUNE_INIT_AUTO, 1));
        for (size_t i = 0; i < 20; i++)
            ck_assert(prune_model_param(model, i / 5)[i % 5] == first[i / 5]);
    }
    prune_model_free(model);
}
END_TEST

START_TEST(what_is_refused)
{
    const float momenta[] = { -0.1f, 1.1f, NAN, INFINITY }, epsilons[] = { 0.0f, -1e-5f, NAN, INFINITY };
    const float negative[2] = { 1.0f, -1e-30f };
    prune_error error = { 0 };
    prune_model *model;
    ck_assert_ok(prune_model_create(&model, NULL, 2));
    for (size_t i = 0; i < 4; i++) {
        ck_assert_status(prune_model_add_batch_norm(model, momenta[i], 1e-5f), PRUNE_E_RANGE);
        ck_assert_status(prune_model_add_batch_norm(model, 0.1f, epsilons[i]), PRUNE_E_RANGE);
    }
    ck_assert_status(prune_model_add_batch_norm(NULL, 0.1f, 1e-5f), PRUNE_E_ARGUMENT);
    ck_assert_uint_eq(prune_model_layer_count(model), 0);
    ck_assert_ok(prune_model_add_batch_norm(model, 0.1f, 1e-5f));
    ck_assert_status(prune_model_set_param(model, 3, negative, 2), PRUNE_E_RANGE);
    ck_assert(prune_model_param(model, 3)[0] == 1.0f && prune_model_param(model, 3)[1] == 1.0f);
    ck_assert_ok(prune_model_set_param(model, 2, negative, 2)); /* a mean */
    world_plant(model, 3, 1, -1.0f);
    ck_assert_status(prune_model_verify(model, &error), PRUNE_E_RANGE);
    ck_assert_ptr_nonnull(strstr(error.place, "running_var[1]"));
    prune_model_free(model);
}
END_TEST

/* Only a good step moves anything; a bad one leaves nothing behind for the next. */
START_TEST(a_failed_step_moves_nothing)
{
    const prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_ADAM);
    float huge[N * OUTPUTS];
    fixture f, other;
    float loss;
    open_fixture(&f, &options);
    open_fixture(&other, &options);
    prune_tensor *dh = matrix(huge, N, OUTPUTS), *half = world_rows(f.world.x_tensor, 3, 4);
    for (size_t i = 0; i < N * OUTPUTS; i++)
        huge[i] = 1e30f;
    const uint64_t before = world_trainer_hash(f.trainer);
    ck_assert_ok(prune_trainer_forward(f.trainer, half));
    ck_assert_ok(prune_trainer_forward(f.trainer, f.world.x_tensor));
    ck_assert_ok(prune_trainer_loss(&loss, f.trainer, f.world.y_tensor));
    ck_assert_ok(prune_trainer_backward(f.trainer, NULL));
    ck_assert_ok(prune_trainer_forward(f.trainer, f.world.x_tensor));
    ck_assert_ok(prune_trainer_backward(f.trainer, dh));
    ck_assert_status(prune_trainer_update(f.trainer), PRUNE_E_DIVERGED);
    ck_assert_uint_eq(world_trainer_hash(f.trainer), before);
    ck_assert_ok(prune_trainer_step(NULL, f.trainer, f.world.x_tensor, f.world.y_tensor));
    ck_assert(world_trainer_hash(f.trainer) != before);
    ck_assert_ok(prune_trainer_step(NULL, other.trainer, f.world.x_tensor, f.world.y_tensor));
    ck_assert_uint_eq(world_trainer_hash(f.trainer), world_trainer_hash(other.trainer));
    prune_tensor_free(dh);
    prune_tensor_free(half);
    close_fixture(&f);
    close_fixture(&other);
}
END_TEST

/* Outputs and gradients are finite, but the variance leaves float. */
START_TEST(statistics_that_leave_float)
{
    const float x[4] = { 1e30f, 1.0f, -1e30f, 2.0f }, y[4] = { 0 };
    const prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD);
    prune_model *model = stack_model(NULL, 2, lone, 1);
    prune_trainer *trainer = world_trainer(model, &options);
    prune_tensor *in = matrix(x, 2, 2), *targets = matrix(y, 2, 2);
    const uint64_t before = world_hash(model);
    ck_assert_status(prune_trainer_step(NULL, trainer, in, targets), PRUNE_E_DIVERGED);
    ck_assert_uint_eq(world_hash(model), before);
    ck_assert_ok(prune_model_verify(model, NULL));
    prune_tensor_free(in);
    prune_tensor_free(targets);
    prune_trainer_free(trainer);
    prune_model_free(model);
}
END_TEST

/* Far from 0, where a sum of squares has no digits left, and many samples. */
START_TEST(statistics_keep_their_digits)
{
    enum { MANY = 3000 };
    static float x[MANY], zeros[MANY];
    const stack_step all[] = { { B, 0, 0, 1.0f, 1e-6f }, { 0 } };
    static const double offsets[] = { 0.0, 100.0, -65536.0, 4e6 };
    prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD);
    options.max_batch = MANY;
    for (size_t k = 0; k < 4; k++) {
        uint64_t state = 9;
        double mean = 0.0, squares = 0.0, most = 0.0;
        prune_model *model = stack_model(NULL, 1, all, 1);
        prune_trainer *trainer = world_trainer(model, &options);
        const float one = 1.0f, none = 0.0f;
        ck_assert_ok(prune_model_set_param(model, 0, &one, 1));
        ck_assert_ok(prune_model_set_param(model, 1, &none, 1));
        for (size_t i = 0; i < MANY; i++)
            mean += (double)(x[i] = (float)(offsets[k] + ref_uniform(&state, -2.0, 2.0))) / MANY;
        for (size_t i = 0; i < MANY; i++)
            squares += pow((double)x[i] - mean, 2.0);
        prune_tensor *in = matrix(x, MANY, 1), *y = matrix(zeros, MANY, 1);
        ck_assert_ok(prune_trainer_step(NULL, trainer, in, y));
        const float *h = prune_tensor_data(prune_trainer_outputs(trainer));
        for (size_t i = 0; i < MANY; i++)
            most = fmax(most, fabs((double)h[i] - ((double)x[i] - mean) / sqrt(squares / MANY + 1e-6)));
        ck_assert_double_le(most, 1e-5);
        ck_assert_double_eq_tol((double)prune_model_param(model, 2)[0], mean, 2e-7 * (1.0 + fabs(mean)));
        ck_assert_double_eq_tol((double)prune_model_param(model, 3)[0], squares / (MANY - 1), 1e-5);
        prune_tensor_free(in);
        prune_tensor_free(y);
        prune_trainer_free(trainer);
        prune_model_free(model);
    }
}
END_TEST

static void passes_as_in_inference(prune_trainer *trainer, const prune_tensor *x, size_t rows)
{
    const size_t outputs = prune_model_outputs(prune_trainer_model(trainer));
    const size_t bytes = rows * outputs * sizeof(float);
    float h[N * OUTPUTS];
    ck_assert_ok(prune_trainer_set_training(trainer, 0));
    ck_assert_ok(prune_trainer_forward(trainer, x));
    memcpy(h, prune_tensor_data(prune_trainer_outputs(trainer)), bytes);
    ck_assert_ok(prune_trainer_set_training(trainer, 1));
    ck_assert_ok(prune_trainer_forward(trainer, x));
    ck_assert_mem_eq(h, prune_tensor_data(prune_trainer_outputs(trainer)), bytes);
}

START_TEST(one_sample_passes_as_in_inference)
{
    const prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD);
    fixture f, untouched;
    open_fixture(&f, &options);
    open_fixture(&untouched, &options);
    prune_tensor *x = world_rows(f.world.x_tensor, 2, 1), *y = world_rows(f.world.y_tensor, 2, 1);
    passes_as_in_inference(f.trainer, x, 1);
    ck_assert_ok(prune_trainer_step(NULL, f.trainer, x, y));
    ck_assert(!world_same_models(f.model, untouched.model));
    ck_assert(same_statistics(f.model, untouched.model));
    prune_tensor_free(x);
    prune_tensor_free(y);
    close_fixture(&f);
    close_fixture(&untouched);
}
END_TEST

/* Frozen, and in inference: statistics stay, while the other layers learn. */
START_TEST(frozen_or_in_inference_they_stay)
{
    const prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_ADAM);
    prune_layer_training frozen;
    prune_layer_training_init(&frozen);
    frozen.frozen = 1;
    for (int32_t way = 0; way < 2; way++) {
        fixture f, untouched;
        open_fixture(&f, &options);
        open_fixture(&untouched, &options);
        if (way == 0) {
            ck_assert_ok(prune_trainer_set_layer(f.trainer, 1, &frozen));
            passes_as_in_inference(f.trainer, f.world.x_tensor, N);
        } else
            ck_assert_ok(prune_trainer_set_training(f.trainer, 0));
        ck_assert_ok(prune_trainer_step(NULL, f.trainer, f.world.x_tensor, f.world.y_tensor));
        ck_assert(same_statistics(f.model, untouched.model));
        ck_assert(!world_same_models(f.model, untouched.model));
        close_fixture(&f);
        close_fixture(&untouched);
    }
}
END_TEST

/* What two batches leave, one after the other, by hand: the first is samples 0 .. 4, the second the rest. */
START_TEST(several_batches_to_a_step)
{
    prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD);
    options.accumulate = 2;
    fixture f;
    open_fixture(&f, &options);
    double mean[HIDDEN], variance[HIDDEN], h[STACK_BLOCK];
    static const size_t parts[2][2] = { { 0, 5 }, { 5, 3 } };
    for (size_t i = 0; i < HIDDEN; i++) {
        mean[i] = (double)prune_model_param(f.model, MEAN)[i];
        variance[i] = (double)prune_model_param(f.model, VARIANCE)[i];
    }
    const uint64_t before = world_hash(f.model);
    for (size_t k = 0; k < 2; k++) {
        stack s;
        const size_t n = parts[k][1];
        prune_tensor *x = world_rows(f.world.x_tensor, parts[k][0], n);
        prune_tensor *y = world_rows(f.world.y_tensor, parts[k][0], n);
        ck_assert_uint_eq(world_hash(f.model), before);
        stack_read(&s, f.model, n, 1);
        stack_forward(h, &s, f.world.x + parts[k][0] * INPUTS);
        for (size_t i = 0; i < HIDDEN; i++) {
            mean[i] += 0.25 * (s.mean[1][i] - mean[i]);
            variance[i] += 0.25 * (s.variance[1][i] * (double)n / (double)(n - 1) - variance[i]);
        }
        ck_assert_ok(prune_trainer_step(NULL, f.trainer, x, y));
        prune_tensor_free(x);
        prune_tensor_free(y);
    }
    for (size_t i = 0; i < HIDDEN; i++) {
        ck_assert_double_eq_tol((double)prune_model_param(f.model, MEAN)[i], mean[i], 1e-6);
        ck_assert_double_eq_tol((double)prune_model_param(f.model, VARIANCE)[i], variance[i], 2e-6);
    }
    close_fixture(&f);
}
END_TEST

/* What was gathered is forgotten with what was accumulated, also where the model has grown since. */
START_TEST(a_reset_forgets_what_was_gathered)
{
    prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_ADAM);
    options.accumulate = 2;
    fixture f, other;
    open_fixture(&f, &options);
    open_fixture(&other, &options);
    ck_assert_ok(prune_trainer_step(NULL, f.trainer, f.world.x_tensor, f.world.y_tensor));
    ck_assert_ok(prune_trainer_reset(f.trainer));
    for (int batch = 0; batch < 2; batch++) {
        ck_assert_ok(prune_trainer_step(NULL, f.trainer, f.world.x_tensor, f.world.y_tensor));
        ck_assert_ok(prune_trainer_step(NULL, other.trainer, f.world.x_tensor, f.world.y_tensor));
    }
    ck_assert_uint_eq(world_trainer_hash(f.trainer), world_trainer_hash(other.trainer));
    for (int layer = 0; layer < 100; layer++)
        ck_assert_ok(prune_model_add_softmax(f.model));
    ck_assert_ok(prune_trainer_reset(f.trainer));
    close_fixture(&f);
    close_fixture(&other);
}
END_TEST

/* Samples of different weights, in batches of any size: w^2 times the weighted mean of g^2, as from
 * batches of one, whose only sample has the share 1. */
START_TEST(fisher_of_weighted_samples_does_not_hang_on_the_cut)
{
    enum { SAMPLES = 8, FEATURES = 3 };
    float x[SAMPLES * FEATURES], y[SAMPLES], weight[SAMPLES], one[FEATURES];
    prune_tensor *inputs, *targets, *weights;
    prune_rng rng;
    prune_data data;
    prune_rng_seed(&rng, 1);
    for (size_t i = 0; i < SAMPLES * FEATURES; i++)
        x[i] = prune_rng_normal(&rng);
    for (size_t i = 0; i < SAMPLES; i++) {
        y[i] = prune_rng_normal(&rng);
        weight[i] = i % 3 == 2 ? 0.0f : i % 2 ? 2.0f : 0.25f;
    }
    ck_assert_ok(prune_tensor_matrix(&inputs, NULL, PRUNE_F32, SAMPLES, FEATURES, x));
    ck_assert_ok(prune_tensor_matrix(&targets, NULL, PRUNE_F32, SAMPLES, 1, y));
    ck_assert_ok(prune_tensor_matrix(&weights, NULL, PRUNE_F32, SAMPLES, 1, weight));
    prune_data_init(&data);
    data.inputs = inputs;
    data.targets = targets;
    data.weights = weights;
    for (size_t batch = 1; batch <= SAMPLES; batch++) {
        prune_model *model;
        prune_trainer *trainer;
        prune_importance *scores;
        prune_trainer_options options;
        prune_trainer_options_init(&options);
        options.loss = PRUNE_MSE;
        options.max_batch = batch;
        options.per_sample = PRUNE_PER_SAMPLE_SQUARE;
        ck_assert_ok(prune_model_create(&model, NULL, FEATURES));
        ck_assert_ok(prune_model_add_batch_norm(model, 0.1f, 1e-5f));
        ck_assert_ok(prune_model_add_dense(model, 1, PRUNE_LINEAR));
        ck_assert_ok(prune_trainer_create(&trainer, NULL, model, &options, NULL));
        ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_FISHER));
        ck_assert_ok(prune_importance_accumulate(scores, trainer, &data, NULL));
        for (size_t i = 0; i < FEATURES; i++) {
            const float gamma = prune_importance_scores(scores, 0)[i];
            one[i] = batch == 1 ? gamma : one[i];
            ck_assert(gamma > 0.0f);
            ck_assert_double_eq_tol((double)gamma, (double)one[i], 1e-5 * (double)one[i]);
        }
        prune_importance_free(scores);
        prune_trainer_free(trainer);
        prune_model_free(model);
    }
    prune_tensor_free(inputs);
    prune_tensor_free(targets);
    prune_tensor_free(weights);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        fisher_of_weighted_samples_does_not_hang_on_the_cut,
        how_it_starts,
        what_is_refused,
        a_failed_step_moves_nothing,
        statistics_that_leave_float,
        statistics_keep_their_digits,
        one_sample_passes_as_in_inference,
        frozen_or_in_inference_they_stay,
        several_batches_to_a_step,
        a_reset_forgets_what_was_gathered,
    };
    return run_tests("batch_norm", tests, sizeof tests / sizeof tests[0]);
}
