/* samples_test.c -- scores from the gradients of single samples equal a loop over the samples
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/training.h"
#include "support/twin.h"

static const int32_t losses[] = { PRUNE_MSE, PRUNE_SOFTMAX_CROSS_ENTROPY };
static const size_t batches[] = { 1, 7, TWIN_SAMPLES };
static const double tolerance = 2e-6;

static prune_trainer *trainer_with(prune_model *model, int32_t loss, size_t max_batch, int32_t per_sample)
{
    prune_trainer *trainer;
    prune_trainer_options options;
    prune_trainer_options_init(&options);
    options.loss = loss;
    options.max_batch = max_batch;
    options.per_sample = per_sample;
    options.l1 = options.l2 = 0.25f; /* which are no matter of single samples */
    ck_assert_ok(prune_trainer_create(&trainer, NULL, model, &options, NULL));
    return trainer;
}

static void check_loss(int32_t loss)
{
    static twin w;
    double absolute[REF_PARAMS], square[REF_PARAMS];
    twin_make(&w, loss);
    twin_sample_means(absolute, square, &w.net, &w.task);
    for (size_t b = 0; b < sizeof batches / sizeof batches[0]; b++)
        for (int32_t power = PRUNE_PER_SAMPLE_ABSOLUTE; power <= PRUNE_PER_SAMPLE_SQUARE; power++) {
            const int32_t criterion = power == PRUNE_PER_SAMPLE_SQUARE ? PRUNE_FISHER : PRUNE_SAMPLE_GRADIENT;
            const double *means = power == PRUNE_PER_SAMPLE_SQUARE ? square : absolute;
            prune_trainer *trainer = trainer_with(w.model, loss, batches[b], power);
            prune_importance *scores = twin_importance(w.model, criterion);
            ck_assert_ok(prune_importance_accumulate(scores, trainer, twin_data(&w), NULL));
            twin_check_scores(scores, &w, means, criterion, tolerance);
            ck_assert_ok(prune_importance_accumulate(scores, trainer, twin_data(&w), NULL));
            ck_assert_uint_eq(prune_importance_samples(scores), 2 * TWIN_SAMPLES);
            twin_check_scores(scores, &w, means, criterion, tolerance);
            prune_importance_free(scores);
            prune_trainer_free(trainer);
        }
    twin_end(&w);
}

START_TEST(scores_are_those_of_a_loop_over_samples)
{
    for (size_t i = 0; i < sizeof losses / sizeof losses[0]; i++)
        check_loss(losses[i]);
}
END_TEST

/* Where the mean gradient vanishes, those of the samples need not. */
START_TEST(samples_do_not_cancel_out)
{
    const size_t shape[] = { 1, 1 };
    const float weight = 2.0f, x[] = { 1, 1 }, y[] = { 5, -1 }; /* errors -3 and 3 */
    prune_tensor *inputs, *targets;
    prune_data data;
    prune_model *model = world_model(NULL, shape, 1, PRUNE_LINEAR, 1);
    ck_assert_ok(prune_model_set_param(model, 0, &weight, 1));
    ck_assert_ok(prune_tensor_const_matrix(&inputs, NULL, PRUNE_F32, 2, 1, x));
    ck_assert_ok(prune_tensor_const_matrix(&targets, NULL, PRUNE_F32, 2, 1, y));
    prune_data_init(&data);
    data.inputs = inputs;
    data.targets = targets;
    const struct {
        int32_t criterion, per_sample;
        float expected;
    } cases[] = {
        { PRUNE_TAYLOR, 0, 0.0f },
        { PRUNE_SAMPLE_GRADIENT, PRUNE_PER_SAMPLE_ABSOLUTE, 3.0f },
        { PRUNE_FISHER, PRUNE_PER_SAMPLE_SQUARE, 36.0f },
    };
    for (size_t i = 0; i < 3; i++) {
        prune_trainer *trainer = trainer_with(model, PRUNE_MSE, 2, cases[i].per_sample);
        prune_importance *scores = twin_importance(model, cases[i].criterion);
        ck_assert_ok(prune_importance_accumulate(scores, trainer, &data, NULL));
        ck_assert(prune_importance_scores(scores, 0)[0] == cases[i].expected);
        prune_importance_free(scores);
        prune_trainer_free(trainer);
    }
    prune_tensor_free(inputs);
    prune_tensor_free(targets);
    prune_model_free(model);
}
END_TEST

START_TEST(the_trainer_must_offer_what_the_criterion_wants)
{
    static twin w;
    twin_make(&w, PRUNE_MSE);
    for (int32_t offered = 0; offered <= PRUNE_PER_SAMPLE_SQUARE; offered++) {
        prune_trainer *trainer = trainer_with(w.model, PRUNE_MSE, 8, offered);
        for (int32_t criterion = PRUNE_MAGNITUDE; criterion <= PRUNE_FISHER; criterion++) {
            const int32_t wanted = criterion == PRUNE_FISHER            ? PRUNE_PER_SAMPLE_SQUARE
                                   : criterion == PRUNE_SAMPLE_GRADIENT ? PRUNE_PER_SAMPLE_ABSOLUTE
                                                                        : offered;
            prune_error error = { 0 };
            prune_importance *scores = twin_importance(w.model, criterion);
            ck_assert_status(prune_importance_accumulate(scores, trainer, twin_data(&w), &error),
                             wanted == offered ? PRUNE_OK : PRUNE_E_STATE);
            ck_assert_str_eq(error.place, wanted == offered ? "" : "trainer");
            const int32_t of_mean = criterion == PRUNE_GRADIENT || criterion == PRUNE_TAYLOR ||
                                    criterion == PRUNE_GRADIENT_SQUARED || criterion == PRUNE_TAYLOR_SQUARED;
            ck_assert_status(prune_importance_include_penalty(scores, trainer, 1),
                             of_mean ? PRUNE_OK : PRUNE_E_STATE);
            prune_importance_free(scores);
        }
        prune_trainer_free(trainer);
    }
    twin_end(&w);
}
END_TEST

START_TEST(training_is_the_same_with_and_without)
{
    static twin w;
    uint64_t hash = 0;
    for (int32_t per_sample = 0; per_sample <= PRUNE_PER_SAMPLE_SQUARE; per_sample++) {
        twin_make(&w, PRUNE_MSE);
        prune_trainer *trainer = trainer_with(w.model, PRUNE_MSE, 8, per_sample);
        ck_assert_ok(prune_trainer_fit(NULL, trainer, twin_data(&w), NULL, NULL));
        hash = per_sample == 0 ? world_hash(w.model) : hash;
        ck_assert_uint_eq(world_hash(w.model), hash);
        prune_trainer_free(trainer);
        twin_end(&w);
    }
}
END_TEST

static void count_product(void *user, const prune_gemm *args)
{
    const prune_backend *plain = prune_backend_reference();
    ++*(size_t *)user;
    plain->run(plain->user, args);
}

/* Of each layer one forward, one for its scores and, but for the first, one further back: whatever else the
 * trainer could give. */
START_TEST(products_that_nobody_wants_are_not_made)
{
    static const int32_t criteria[] = { PRUNE_TAYLOR, PRUNE_SAMPLE_GRADIENT, PRUNE_FISHER };
    static const int32_t gives[] = { PRUNE_PER_SAMPLE_SQUARE, PRUNE_PER_SAMPLE_ABSOLUTE,
                                     PRUNE_PER_SAMPLE_SQUARE };
    static twin w;
    size_t products;
    const prune_backend counting = { "counting", count_product, &products, NULL };
    twin_make(&w, PRUNE_MSE);
    for (size_t i = 0; i < 3; i++) {
        prune_trainer *trainer;
        prune_trainer_options options;
        prune_trainer_options_init(&options);
        options.loss = PRUNE_MSE;
        options.max_batch = TWIN_SAMPLES;
        options.per_sample = gives[i];
        options.backend = &counting;
        prune_importance *scores = twin_importance(w.model, criteria[i]);
        ck_assert_ok(prune_trainer_create(&trainer, NULL, w.model, &options, NULL));
        products = 0;
        ck_assert_ok(prune_importance_accumulate(scores, trainer, twin_data(&w), NULL));
        ck_assert_uint_eq(products, 3 * prune_model_layer_count(w.model) - 1);
        prune_importance_free(scores);
        prune_trainer_free(trainer);
    }
    twin_end(&w);
}
END_TEST

START_TEST(memory_is_known_and_enough)
{
    const size_t widest_first[] = { 40, 3, 2 }, widest_last[] = { 2, 3, 40 };
    const size_t *const shapes[] = { widest_first, widest_last };
    for (size_t i = 0; i < 2; i++) {
        heap h = { 0 };
        const prune_allocator mem = heap_allocator(&h);
        size_t bytes;
        prune_trainer *trainer;
        prune_importance *scores;
        world_data data;
        prune_trainer_options options;
        prune_trainer_options_init(&options);
        options.loss = PRUNE_MSE;
        options.per_sample = PRUNE_PER_SAMPLE_SQUARE;
        options.max_batch = 5;
        prune_model *model = world_model(NULL, shapes[i], 2, i % 2 ? PRUNE_TANH : PRUNE_SILU, 1);
        world_data_make(&data, 12, shapes[i][0], shapes[i][2], 1);
        ck_assert_ok(prune_trainer_bytes(&bytes, model, &options));
        ck_assert_ok(prune_trainer_create(&trainer, &mem, model, &options, NULL));
        ck_assert_uint_eq(h.live_bytes, bytes);
        ck_assert_ok(prune_importance_create(&scores, &mem, model, PRUNE_FISHER));
        const size_t requests = h.requests;
        ck_assert_ok(prune_importance_accumulate(scores, trainer, &data.valued, NULL));
        ck_assert_uint_eq(h.requests, requests);
        prune_importance_free(scores);
        prune_trainer_free(trainer);
        ck_assert(heap_is_clean(&h));
        prune_model_free(model);
        world_data_end(&data);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        scores_are_those_of_a_loop_over_samples,         samples_do_not_cancel_out,
        the_trainer_must_offer_what_the_criterion_wants, training_is_the_same_with_and_without,
        products_that_nobody_wants_are_not_made,         memory_is_known_and_enough
    };
    return run_tests("samples", tests, sizeof tests / sizeof tests[0]);
}
