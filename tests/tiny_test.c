/* tiny_test.c -- the training core for chips against the trainer, and against a reference in double
 *
 * SPDX-License-Identifier: MIT */
#include "support/chip.h"
#include "support/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { IN = 5, OUT = 3, SAMPLES = 24, BATCH = 8 };

static const chip_shape usual = { 3, { IN, 9, 7, OUT }, PRUNE_TANH };
static const int32_t trained[] = { PRUNE_LINEAR,     PRUNE_RELU, PRUNE_SIGMOID, PRUNE_TANH,
                                   PRUNE_LEAKY_RELU, PRUNE_ELU,  PRUNE_SELU,    PRUNE_SOFTPLUS };
enum { TRAINED = sizeof trained / sizeof trained[0] };

static const void *target_of(const world_data *world, int32_t loss, size_t sample)
{
    return loss == PRUNE_MSE ? (const void *)(world->y + sample * OUT)
                             : (const void *)(world->label + sample);
}

static const prune_tiny_loss *loss_of(int32_t loss)
{
    return loss == PRUNE_MSE ? &prune_tiny_mse : &prune_tiny_softmax_cross_entropy;
}

static const int32_t losses[] = { PRUNE_MSE, PRUNE_SOFTMAX_CROSS_ENTROPY };

/* ---- memory ---- */

START_TEST(what_is_told_is_exact)
{
    static const prune_tiny_layer layers[] = { { 10, &prune_activation_relu },
                                               { 10, &prune_activation_relu },
                                               { 1, &prune_activation_linear } };
    enum { P = PRUNE_TINY_DENSE(20, 10) + PRUNE_TINY_DENSE(10, 10) + PRUNE_TINY_DENSE(10, 1), N = 21 };
    static uint32_t sgd[PRUNE_TINY_WORDS(P, N, 3, PRUNE_TINY_SGD, 0)];
    static uint32_t adam[PRUNE_TINY_WORDS(P, N, 3, PRUNE_TINY_ADAM, PRUNE_TINY_MASK | PRUNE_TINY_GRADIENT)];
    prune_tiny_plan plan = { 20, 3, layers, &prune_tiny_mse, &prune_tiny_sgd, 0 };
    ck_assert_uint_eq(prune_tiny_bytes(&plan), sizeof sgd);
    ck_assert_uint_eq(sizeof sgd, 4 * (P + 2 * N + 4));
    plan.parts = PRUNE_TINY_GRADIENT;
    ck_assert_uint_eq(prune_tiny_bytes(&plan), sizeof sgd + 4 * P);
    plan.parts = PRUNE_TINY_MASK;
    ck_assert_uint_eq(prune_tiny_bytes(&plan), sizeof sgd + 4 * ((P + 31) / 32));
    plan.optimizer = &prune_tiny_adam;
    plan.parts = PRUNE_TINY_MASK | PRUNE_TINY_GRADIENT;
    ck_assert_uint_eq(prune_tiny_bytes(&plan), sizeof adam);
    ck_assert_uint_eq(sizeof adam, 4 * (4 * P + 2 * N + 4 + (P + 31) / 32));
}
END_TEST

START_TEST(a_smaller_block_is_refused_and_left_alone)
{
    chip c;
    prune_tiny t;
    chip_open(&c, &usual, &prune_tiny_mse, &prune_tiny_adam, PRUNE_TINY_MASK, 1);
    const size_t bytes = prune_tiny_bytes(&c.plan);
    memset(&t, 7, sizeof t);
    const prune_tiny before = t;
    unsigned char *block = malloc(bytes + 4);
    ck_assert_ptr_nonnull(block);
    memset(block, 7, bytes + 4);
    for (size_t less = 1; less < bytes; less *= 2)
        ck_assert_status(prune_tiny_init(&t, &c.plan, block, bytes - less), PRUNE_E_MEMORY);
    for (size_t off = 1; off < 4; off++)
        ck_assert_status(prune_tiny_init(&t, &c.plan, block + off, bytes), PRUNE_E_ARGUMENT);
    ck_assert_mem_eq(&t, &before, sizeof t);
    for (size_t i = 0; i < bytes + 4; i++)
        ck_assert_uint_eq(block[i], 7);
    ck_assert_ok(prune_tiny_init(&t, &c.plan, block, bytes)); /* and no byte behind it is touched */
    for (size_t i = bytes; i < bytes + 4; i++)
        ck_assert_uint_eq(block[i], 7);
    for (size_t i = 0; i < t.parameters; i++)
        ck_assert(t.weight[i] == 0.0f && t.moment[0][i] == 0.0f && t.moment[1][i] == 0.0f &&
                  chip_keeps(&t, i));
    free(block);
    chip_close(&c);
}
END_TEST

static void refuse(const prune_tiny_plan *plan)
{
    static uint32_t memory[4096];
    prune_tiny t;
    ck_assert_uint_eq(prune_tiny_bytes(plan), 0);
    ck_assert_status(prune_tiny_init(&t, plan, memory, sizeof memory), PRUNE_E_ARGUMENT);
}

START_TEST(what_is_no_plan_is_refused)
{
    chip c;
    chip_open(&c, &usual, &prune_tiny_mse, &prune_tiny_sgd, 0, 1);
    const prune_tiny_plan good = c.plan;
    const prune_tiny_layer first = c.layers[0];
    refuse(NULL);
#define REFUSE(change)       \
    do {                     \
        change;              \
        refuse(&c.plan);     \
        c.plan = good;       \
        c.layers[0] = first; \
    } while (0)
    REFUSE(c.plan.inputs = 0);
    REFUSE(c.plan.inputs = 32768);
    REFUSE(c.plan.inputs = UINT32_MAX);
    REFUSE(c.plan.layer_count = 0);
    REFUSE(c.plan.layers = NULL);
    REFUSE(c.plan.loss = NULL);
    REFUSE(c.plan.optimizer = NULL);
    REFUSE(c.plan.parts = 4);
    REFUSE(c.layers[0].outputs = 0);
    REFUSE(c.layers[0].outputs = 32768);
    REFUSE(c.layers[0].activation = NULL);
    REFUSE(c.layers[0].activation = &prune_activation_gelu);
    REFUSE(c.layers[0].activation = &prune_activation_silu);
    REFUSE((c.plan.inputs = 32767, c.layers[0].outputs = 32767)); /* 2^30 parameters */
    c.plan.inputs = 2047;
    c.layers[0].outputs = 32767; /* almost 2^26, of which the next layer takes the rest */
    c.plan.layer_count = 1;
    ck_assert_uint_eq(prune_tiny_bytes(&c.plan), 4 * (size_t)(2048 * 32767 + 2 * 32767 + 2));
    c.plan.layer_count = 2;
    ck_assert_uint_eq(prune_tiny_bytes(&c.plan), 0);
    ck_assert_status(prune_tiny_init(NULL, &good, c.memory, 1), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_tiny_init(&c.t, &good, NULL, 1), PRUNE_E_ARGUMENT);
    chip_close(&c);
}
END_TEST

/* ---- beginnings ---- */

START_TEST(weights_begin_as_those_of_a_model)
{
    for (size_t a = 0; a < TRAINED; a++)
        for (uint64_t seed = 0; seed < 3; seed++) {
            chip c;
            chip_shape shape = usual;
            shape.hidden = trained[a];
            chip_open(&c, &shape, &prune_tiny_mse, &prune_tiny_sgd, 0, seed);
            prune_model *model = world_model(NULL, shape.widths, shape.layers, shape.hidden, seed);
            if (trained[a] == PRUNE_SELU) /* of which the model's are normal */
                ck_assert_ok(prune_model_initialize(model, PRUNE_INIT_LECUN_UNIFORM, seed));
            for (size_t p = 0, at = 0; p < (trained[a] == PRUNE_SELU ? 3 : 6); p++) {
                prune_param_info info = { .size = sizeof info };
                ck_assert_ok(prune_model_param_info(&info, model, p));
                ck_assert_mem_eq(c.t.weight + at, prune_model_param(model, p),
                                 (size_t)info.count * sizeof(float));
                at += (size_t)info.count;
            }
            prune_model_free(model);
            chip_close(&c);
        }
}
END_TEST

START_TEST(drawn_again_is_as_new)
{
    chip c, fresh;
    world_data world;
    world_data_make(&world, SAMPLES, IN, OUT, 2);
    const uint32_t parts = PRUNE_TINY_GRADIENT | PRUNE_TINY_MASK;
    chip_open(&c, &usual, &prune_tiny_mse, &prune_tiny_adam, parts, 1);
    chip_open(&fresh, &usual, &prune_tiny_mse, &prune_tiny_adam, parts, 9);
    for (size_t s = 0; s < SAMPLES; s++)
        ck_assert_ok(prune_tiny_step(NULL, &c.t, world.x + s * IN, world.y + s * OUT));
    ck_assert_ok(prune_tiny_add(NULL, &c.t, world.x, world.y));
    ck_assert_ok(prune_tiny_draw(&c.t, 9));
    ck_assert_uint_eq(chip_hash(&c.t), chip_hash(&fresh.t));
    chip_close(&c);
    chip_close(&fresh);
    world_data_end(&world);
}
END_TEST

/* ---- gradients ---- */

static void read_reference(ref_net *net, ref_task *task, const chip *c, const world_data *world, int32_t loss)
{
    size_t width[CHIP_LAYERS + 1];
    int32_t activation[CHIP_LAYERS];
    for (size_t l = 0; l <= usual.layers; l++)
        width[l] = c->t.width[l];
    for (size_t l = 0; l < usual.layers; l++)
        for (activation[l] = 0; chip_activation(activation[l]) != c->layers[l].activation;)
            activation[l]++;
    ref_shape(net, usual.layers, width, activation);
    for (size_t i = 0; i < net->count; i++)
        net->w[i] = (double)c->t.weight[i];
    memset(task, 0, sizeof *task);
    task->loss = loss;
    task->n = SAMPLES;
    for (size_t i = 0; i < SAMPLES * IN; i++)
        task->x[i] = (double)world->x[i];
    for (size_t i = 0; i < SAMPLES * OUT; i++)
        task->y[i] = (double)world->y[i];
    memcpy(task->label, world->label, sizeof *world->label * SAMPLES);
}

static void compare_gradients(int32_t hidden, int32_t loss)
{
    static ref_net net;
    static ref_task task;
    static double g[REF_PARAMS];
    float mean[REF_PARAMS];
    chip c;
    world_data world;
    chip_shape shape = usual;
    double sum = 0.0;
    shape.hidden = hidden;
    world_data_make(&world, SAMPLES, IN, OUT, 3);
    chip_open(&c, &shape, loss_of(loss), &prune_tiny_sgd, PRUNE_TINY_GRADIENT, 4);
    for (size_t i = 0; i < c.t.parameters; i++) /* biases too are not 0 */
        c.t.weight[i] += 0.1f * sinf((float)i);
    read_reference(&net, &task, &c, &world, loss);
    for (size_t s = 0; s < SAMPLES; s++) {
        float one = -1.0f;
        ck_assert_ok(prune_tiny_add(&one, &c.t, world.x + s * IN, target_of(&world, loss, s)));
        sum += (double)one;
    }
    ck_assert_uint_eq(c.t.samples, SAMPLES);
    for (size_t i = 0; i < net.count; i++)
        mean[i] = c.t.gradient[i] / SAMPLES;
    ref_data_gradient(g, &net, &task);
    ck_assert_double_le(ref_scaled_error(mean, g, net.count), 1e-6);
    ck_assert_double_eq_tol(sum / SAMPLES, ref_data_loss(&net, &task), 1e-6);
    chip_close(&c);
    world_data_end(&world);
}

START_TEST(gradients_are_those_of_the_reference)
{
    for (size_t a = 0; a < TRAINED; a++)
        for (size_t l = 0; l < 2; l++)
            compare_gradients(trained[a], losses[l]);
}
END_TEST

START_TEST(outputs_are_those_of_the_model)
{
    for (size_t a = 0; a < TRAINED; a++) {
        chip c;
        world_data world;
        float h[SAMPLES * OUT];
        chip_shape shape = usual;
        prune_tensor *out;
        prune_workspace *workspace;
        shape.hidden = trained[a];
        world_data_make(&world, SAMPLES, IN, OUT, 5);
        chip_open(&c, &shape, &prune_tiny_mse, &prune_tiny_sgd, 0, 6);
        prune_model *model = chip_model(&c);
        ck_assert_ok(prune_tensor_matrix(&out, NULL, PRUNE_F32, SAMPLES, OUT, h));
        ck_assert_ok(prune_workspace_create(&workspace, NULL, model, SAMPLES, prune_backend_reference()));
        ck_assert_ok(prune_predict(out, model, workspace, world.x_tensor));
        for (size_t s = 0; s < SAMPLES; s++) {
            const float *mine = prune_tiny_run(&c.t, world.x + s * IN);
            ck_assert_ptr_eq(mine, c.t.output + c.t.neurons - OUT);
            for (size_t o = 0; o < OUT; o++)
                ck_assert_double_eq_tol((double)mine[o], (double)h[s * OUT + o], 2e-6);
        }
        prune_workspace_free(workspace);
        prune_tensor_free(out);
        prune_model_free(model);
        chip_close(&c);
        world_data_end(&world);
    }
}
END_TEST

/* ---- steps ---- */

static prune_trainer *trainer_of(prune_model *model, int32_t loss, const chip *c)
{
    prune_trainer *trainer;
    prune_trainer_options options;
    prune_trainer_options_init(&options);
    options.loss = loss;
    options.optimizer = c->plan.optimizer == &prune_tiny_adam ? PRUNE_ADAM : PRUNE_SGD;
    options.momentum = 0.0f;
    options.learning_rate = c->t.rate;
    options.max_batch = BATCH;
    options.backend = prune_backend_reference();
    ck_assert_ok(prune_trainer_create(&trainer, NULL, model, &options, NULL));
    return trainer;
}

/* One step on `batch` samples, here and there. */
static void step_both(chip *c, prune_trainer *trainer, const world_data *world, int32_t loss, size_t first,
                      size_t batch)
{
    float theirs, mine = 0.0f, sum = 0.0f;
    const prune_tensor *targets = loss == PRUNE_MSE ? world->y_tensor : world->label_tensor;
    size_t order[BATCH];
    prune_tensor *x, *y;
    for (size_t i = 0; i < batch; i++)
        order[i] = first + i;
    ck_assert_ok(prune_tensor_create_rows(&x, NULL, world->x_tensor, order, batch));
    ck_assert_ok(prune_tensor_create_rows(&y, NULL, targets, order, batch));
    ck_assert_ok(prune_trainer_step(&theirs, trainer, x, y));
    for (size_t i = 0; i < batch; i++) {
        prune_status (*take)(float *, prune_tiny *, const float *, const void *) =
            batch == 1 ? prune_tiny_step : prune_tiny_add;
        ck_assert_ok(take(&mine, &c->t, world->x + order[i] * IN, target_of(world, loss, order[i])));
        sum += mine;
    }
    if (batch > 1)
        ck_assert_ok(prune_tiny_update(&c->t));
    ck_assert_double_eq_tol((double)sum / (double)batch, (double)theirs, 1e-5);
    prune_tensor_free(x);
    prune_tensor_free(y);
}

static void train_both(int32_t loss, const prune_tiny_optimizer *optimizer, size_t batch, int32_t masked)
{
    chip c;
    world_data world;
    world_data_make(&world, SAMPLES, IN, OUT, 7);
    chip_open(&c, &usual, loss_of(loss), optimizer, PRUNE_TINY_GRADIENT | PRUNE_TINY_MASK, 8);
    if (masked)
        ck_assert_ok(prune_tiny_remove_lowest(&c.t, PRUNE_MAGNITUDE, 70));
    prune_model *model = chip_model(&c);
    prune_trainer *trainer = trainer_of(model, loss, &c);
    const prune_tiny begin = c.t;
    float *first = malloc(begin.parameters * sizeof *first);
    ck_assert_ptr_nonnull(first);
    memcpy(first, begin.weight, begin.parameters * sizeof *first);
    for (int epoch = 0; epoch < 10; epoch++)
        for (size_t s = 0; s < SAMPLES; s += batch)
            step_both(&c, trainer, &world, loss, s, batch);
    ck_assert_double_le(chip_distance(&c, model), 1e-5);
    ck_assert_mem_ne(first, c.t.weight, begin.parameters * sizeof *first);
    ck_assert_uint_eq(chip_check(&c), masked ? 70 : 0);
    free(first);
    prune_trainer_free(trainer);
    prune_model_free(model);
    chip_close(&c);
    world_data_end(&world);
}

START_TEST(steps_are_those_of_the_trainer)
{
    for (int i = 0; i < 16; i++)
        train_both(losses[i & 1], i & 2 ? &prune_tiny_adam : &prune_tiny_sgd, i & 4 ? BATCH : 1, i >> 3);
}
END_TEST

/* What a Cortex-M3, M4F and M7 made of the same program (-ffp-contract=off, -Os and -O2, under QEMU). */
static uint32_t hash_after(const prune_tiny_optimizer *optimizer, float *first_losses, float *last_losses)
{
    static const chip_shape classic = { 3, { 20, 10, 10, 1 }, PRUNE_RELU };
    chip c;
    prune_rng rng;
    uint32_t hash = 2166136261u;
    prune_rng_seed(&rng, 5);
    *first_losses = *last_losses = 0.0f;
    chip_open(&c, &classic, &prune_tiny_mse, optimizer, 0, 1);
    for (int s = 0; s < 2000; s++) {
        float x[20], y, loss;
        for (int i = 0; i < 20; i++)
            x[i] = 2.0f * prune_rng_uniform(&rng) - 1.0f;
        y = x[0] - 0.5f * x[1] + x[2] * x[3];
        ck_assert_ok(prune_tiny_step(&loss, &c.t, x, &y));
        *(s < 500 ? first_losses : last_losses) += s < 500 || s >= 1500 ? loss : 0.0f;
    }
    for (size_t i = 0; i < c.t.parameters; i++) {
        uint32_t bits;
        memcpy(&bits, &c.t.weight[i], sizeof bits);
        hash = (hash ^ bits) * 16777619u;
    }
    chip_close(&c);
    return hash;
}

START_TEST(bits_are_those_of_the_chips)
{
    float first, last;
    ck_assert_uint_eq(hash_after(&prune_tiny_adam, &first, &last), 3756146809u);
    ck_assert(last < 0.25f * first);
    ck_assert_uint_eq(hash_after(&prune_tiny_sgd, &first, &last), 3489626622u);
    ck_assert(last < 0.5f * first);
}
END_TEST

/* ---- what is refused ---- */

/* Behind an activation, and of one output, as by trainers. */
START_TEST(cross_entropy_that_cannot_teach_is_refused)
{
    const prune_tiny_layer bad[] = { { OUT, &prune_activation_sigmoid }, { 1, &prune_activation_linear } };
    const float x[IN] = { 0.5f };
    const int32_t label = 0;
    for (size_t i = 0; i < 2; i++) {
        chip c;
        chip_open(&c, &usual, &prune_tiny_softmax_cross_entropy, &prune_tiny_sgd, 0, 1);
        ck_assert_ok(prune_tiny_step(NULL, &c.t, x, &label));
        c.layers[2] = bad[i];
        const uint64_t before = chip_hash(&c.t);
        ck_assert_status(prune_tiny_step(NULL, &c.t, x, &label), PRUNE_E_ARGUMENT);
        ck_assert_uint_eq(chip_hash(&c.t), before);
        chip_close(&c);
    }
}
END_TEST

START_TEST(bad_arguments_change_nothing)
{
    const float bad[] = { NAN, INFINITY, -INFINITY, 1.1e8f, -1.1e8f };
    const int32_t labels[] = { -1, OUT, INT32_MAX, INT32_MIN };
    chip c, plain;
    float loss = 5.0f, told = 5.0f, x[IN] = { 0.5f }, y[OUT] = { 0.0f };
    const int32_t good = 1;
    chip_open(&c, &usual, &prune_tiny_softmax_cross_entropy, &prune_tiny_adam, PRUNE_TINY_GRADIENT, 1);
    chip_open(&plain, &usual, &prune_tiny_mse, &prune_tiny_sgd, 0, 1);
    const uint64_t before = chip_hash(&c.t), plain_before = chip_hash(&plain.t);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_status(prune_tiny_step(&loss, &c.t, x, &labels[i]), PRUNE_E_LABEL);
        ck_assert_status(prune_tiny_add(&loss, &c.t, x, &labels[i]), PRUNE_E_LABEL);
    }
    for (size_t i = 0; i < 5; i++) {
        x[3] = bad[i];
        ck_assert_status(prune_tiny_step(&loss, &c.t, x, &good), PRUNE_E_RANGE);
        ck_assert_status(prune_tiny_add(&loss, &c.t, x, &good), PRUNE_E_RANGE);
        x[3] = 0.0f;
        y[1] = bad[i];
        ck_assert_status(prune_tiny_step(&told, &plain.t, x, y), PRUNE_E_DIVERGED);
        ck_assert(!(told < 1e15f));
        y[1] = 0.0f;
    }
    ck_assert_status(prune_tiny_step(&loss, NULL, x, &good), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_tiny_step(&loss, &c.t, NULL, &good), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_tiny_step(&loss, &c.t, x, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_tiny_add(&loss, NULL, x, &good), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_tiny_add(&loss, &plain.t, x, y), PRUNE_E_STATE);
    ck_assert_status(prune_tiny_update(NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_tiny_update(&c.t), PRUNE_E_STATE);
    ck_assert_status(prune_tiny_update(&plain.t), PRUNE_E_STATE);
    ck_assert_status(prune_tiny_draw(NULL, 1), PRUNE_E_ARGUMENT);
    ck_assert_ptr_null(prune_tiny_run(NULL, x));
    ck_assert_ptr_null(prune_tiny_run(&c.t, NULL));
    prune_tiny_forget(NULL);
    prune_tiny_forget(&plain.t);
    ck_assert(loss == 5.0f);
    ck_assert_uint_eq(chip_hash(&c.t), before);
    ck_assert_uint_eq(chip_hash(&plain.t), plain_before);
    ck_assert_ok(prune_tiny_step(NULL, &c.t, x, &good)); /* the loss is not always wanted */
    chip_close(&c);
    chip_close(&plain);
}
END_TEST

/* Rates at which nothing can be learned: each step is refused, or leaves finite numbers. */
static void run_wild(const prune_tiny_optimizer *optimizer, float rate)
{
    chip c;
    chip_shape shape = usual;
    world_data world;
    size_t refused = 0;
    shape.hidden = PRUNE_RELU;
    world_data_make(&world, SAMPLES, IN, OUT, 11);
    chip_open(&c, &shape, &prune_tiny_mse, optimizer, 0, 12);
    c.t.rate = rate;
    for (size_t i = 0; i < 200; i++) {
        const uint64_t before = chip_hash(&c.t);
        const prune_status status =
            prune_tiny_step(NULL, &c.t, world.x + i % SAMPLES * IN, world.y + i % SAMPLES * OUT);
        ck_assert(status == PRUNE_OK || status == PRUNE_E_DIVERGED);
        ck_assert(status == PRUNE_OK || chip_hash(&c.t) == before);
        refused += status != PRUNE_OK;
        for (size_t k = 0; k < c.t.parameters; k++)
            ck_assert(isfinite(c.t.weight[k]));
    }
    ck_assert(rate < 1e5f || refused > 0);
    chip_close(&c);
    world_data_end(&world);
}

START_TEST(wild_rates_leave_finite_weights)
{
    for (float rate = 1.0f; rate <= 1e6f; rate *= 10.0f) {
        run_wild(&prune_tiny_sgd, rate);
        run_wild(&prune_tiny_adam, rate);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        what_is_told_is_exact,           a_smaller_block_is_refused_and_left_alone,
        what_is_no_plan_is_refused,      weights_begin_as_those_of_a_model,
        drawn_again_is_as_new,           gradients_are_those_of_the_reference,
        outputs_are_those_of_the_model,  steps_are_those_of_the_trainer,
        bits_are_those_of_the_chips,     bad_arguments_change_nothing,
        wild_rates_leave_finite_weights, cross_entropy_that_cannot_teach_is_refused,
    };
    return run_tests("tiny", tests, sizeof tests / sizeof tests[0]);
}
