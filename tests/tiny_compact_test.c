/* tiny_compact_test.c -- the smaller net computes what the larger one did, and learns on
 *
 * SPDX-License-Identifier: MIT */
#include "support/chip.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { IN = 6, OUT = 2, SAMPLES = 16, ACTIVATIONS = 6 };

static const int32_t activations[ACTIVATIONS] = { PRUNE_LINEAR, PRUNE_RELU, PRUNE_SIGMOID,
                                                  PRUNE_TANH,   PRUNE_SELU, PRUNE_SOFTPLUS };
static const chip_shape shapes[] = {
    { 1, { IN, OUT }, PRUNE_LINEAR },
    { 2, { IN, 9, OUT }, PRUNE_LINEAR },
    { 3, { IN, 8, 7, OUT }, PRUNE_LINEAR },
    { 4, { IN, 7, 5, 6, OUT }, PRUNE_LINEAR },
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static void open_world(world_data *world)
{
    world_data_make(world, SAMPLES, IN, OUT, 3);
}

/* Biases that are not 0, and each parameter its own number in the moments. */
static void open_chip(chip *c, size_t shape, int32_t hidden, uint32_t parts, uint64_t seed)
{
    chip_shape s = shapes[shape];
    s.hidden = hidden;
    chip_open(c, &s, &prune_tiny_mse, &prune_tiny_adam, parts, seed);
    for (size_t i = 0; i < c->t.parameters; i++) {
        c->t.weight[i] += 0.2f * sinf((float)(i + seed));
        c->t.moment[0][i] = c->t.weight[i] * 0.5f;
        c->t.moment[1][i] = c->t.weight[i] * c->t.weight[i];
    }
}

/* Removes weights at random, and some neurons with their bias, and some biases: each with probability p. */
static void thin(chip *c, float p, uint64_t seed)
{
    prune_rng rng;
    prune_rng_seed(&rng, seed);
    prune_tiny *t = &c->t;
    size_t at = 0;
    for (size_t l = 0; l < c->plan.layer_count; l++)
        for (size_t o = 0, end = at + (size_t)(t->width[l] + 1) * t->width[l + 1]; at < end; o++) {
            const float more = prune_rng_uniform(&rng) < 0.5f * p ? 1.0f : p;
            for (size_t i = 0; i < t->width[l] && at < end; i++, at++)
                if (prune_rng_uniform(&rng) < more)
                    t->weight[at] = 0.0f;
        }
    for (size_t i = 0; i < t->parameters; i++)
        if (t->weight[i] == 0.0f) {
            t->moment[0][i] = t->moment[1][i] = 0.0f;
            if (t->mask != NULL)
                t->mask[i / 32] &= ~(1u << i % 32);
        }
}

static void outputs(float h[SAMPLES * OUT], chip *c, const world_data *world)
{
    for (size_t s = 0; s < SAMPLES; s++)
        memcpy(h + s * OUT, prune_tiny_run(&c->t, world->x + s * IN), OUT * sizeof *h);
}

static double distance(const float *a, const float *b, size_t count)
{
    double worst = 0.0, largest = 1.0;
    for (size_t i = 0; i < count; i++) {
        worst = fmax(worst, fabs((double)a[i] - (double)b[i]));
        largest = fmax(largest, fabs((double)a[i]));
    }
    return worst / largest;
}

/* The widths that prune_compact() leaves, but for layers that it keeps for padding. */
static void check_widths(const chip *c, const prune_model *before)
{
    prune_model *small;
    prune_compact_options options;
    prune_compact_options_init(&options);
    options.merge = 0;
    ck_assert_ok(prune_compact(&small, NULL, before, &options, NULL, NULL));
    for (size_t l = 0; l < c->plan.layer_count; l++) {
        prune_layer_info info;
        prune_layer_info_init(&info);
        ck_assert_ok(prune_model_layer_info(&info, small, l));
        ck_assert_uint_eq(c->t.width[l + 1], info.output.dims[0]);
    }
    prune_model_free(small);
}

/* Sums of sizes, and moments that have gone with their weights; those of biases are not looked at, which
 * may have taken something. */
static void check_parts(const chip *c)
{
    const prune_tiny *t = &c->t;
    size_t at = 0, neurons = 0;
    for (size_t l = 0; l < c->plan.layer_count; l++) {
        for (size_t end = at + (size_t)t->width[l] * t->width[l + 1]; at < end; at++) {
            ck_assert(t->moment[0][at] == t->weight[at] * 0.5f);
            ck_assert(t->moment[1][at] == t->weight[at] * t->weight[at]);
            ck_assert(t->mask == NULL || chip_keeps(t, at) == (t->weight[at] != 0.0f));
        }
        at += t->width[l + 1];
        neurons += t->width[l + 1];
    }
    ck_assert_uint_eq(t->parameters, at);
    ck_assert_uint_eq(t->neurons, neurons);
    ck_assert_ptr_eq(t->delta, t->output + neurons);
    for (; t->mask != NULL && at % 32 != 0; at++)
        ck_assert(chip_keeps(t, at));
    (void)chip_check(c);
}

/* Returns how many neurons went. */
static size_t compact_one(size_t shape, int32_t hidden, float p, uint32_t parts, const world_data *world)
{
    static uint64_t seed = 100;
    chip c;
    float before[SAMPLES * OUT], after[SAMPLES * OUT];
    open_chip(&c, shape, hidden, parts, ++seed);
    thin(&c, p, seed);
    prune_model *model = chip_model(&c);
    const size_t neurons = c.t.neurons;
    outputs(before, &c, world);
    ck_assert_ok(prune_tiny_compact(&c.t));
    outputs(after, &c, world);
    ck_assert_double_le(distance(before, after, SAMPLES * OUT), 2e-6);
    check_widths(&c, model);
    check_parts(&c);
    const uint64_t hash = chip_hash(&c.t); /* there is nothing left to do */
    ck_assert_ok(prune_tiny_compact(&c.t));
    ck_assert_uint_eq(chip_hash(&c.t), hash);
    const size_t gone = neurons - c.t.neurons;
    prune_model_free(model);
    chip_close(&c);
    return gone;
}

START_TEST(outputs_and_widths_are_as_they_should)
{
    world_data world;
    size_t gone = 0, runs = 0;
    open_world(&world);
    for (size_t s = 0; s < SHAPES; s++)
        for (size_t a = 0; a < ACTIVATIONS; a++)
            for (int p = 0; p <= 10; p++)
                for (uint32_t parts = 0; parts <= 3; parts++, runs++)
                    gone += compact_one(s, activations[a], 0.1f * (float)p, parts, &world);
    ck_assert_uint_gt(gone, 3 * runs);
    world_data_end(&world);
}
END_TEST

START_TEST(a_full_net_stays_bit_by_bit)
{
    chip c;
    open_chip(&c, 3, PRUNE_RELU, PRUNE_TINY_MASK, 5);
    const uint64_t before = chip_hash(&c.t);
    ck_assert_ok(prune_tiny_compact(&c.t));
    ck_assert_uint_eq(chip_hash(&c.t), before);
    chip_close(&c);
}
END_TEST

/* The road on a chip: train, score, remove, fine-tune, compact, and go on learning. */
START_TEST(what_is_left_learns_on)
{
    world_data world;
    chip c;
    double loss[2] = { 0.0, 0.0 };
    open_world(&world);
    open_chip(&c, 2, PRUNE_TANH, PRUNE_TINY_MASK | PRUNE_TINY_GRADIENT, 7);
    ck_assert_ok(prune_tiny_draw(&c.t, 7));
    ck_assert_ok(prune_tiny_remove_lowest(&c.t, PRUNE_MAGNITUDE, 40));
    for (uint32_t n = 0; n < 6; n += 2)
        ck_assert_ok(prune_tiny_remove_neuron(&c.t, 0, n));
    ck_assert_ok(prune_tiny_add(NULL, &c.t, world.x, world.y)); /* is forgotten */
    const size_t before = c.t.parameters;
    ck_assert_ok(prune_tiny_compact(&c.t));
    ck_assert_uint_eq(c.t.samples, 0);
    ck_assert_uint_le(c.t.width[1], 5);
    ck_assert_uint_lt(c.t.parameters, before);
    const size_t removed = chip_check(&c);
    ck_assert_uint_gt(removed, 0);
    for (int e = 0; e < 60; e++)
        for (size_t s = 0; s < SAMPLES; s++) {
            float one;
            ck_assert_ok(prune_tiny_step(&one, &c.t, world.x + s * IN, world.y + s * OUT));
            loss[e == 59] += e == 0 || e == 59 ? (double)one : 0.0;
        }
    ck_assert_double_lt(loss[1], 0.5 * loss[0]);
    ck_assert_uint_eq(chip_check(&c), removed);
    ck_assert_ok(prune_tiny_add(NULL, &c.t, world.x, world.y));
    ck_assert_ok(prune_tiny_update(&c.t));
    ck_assert_uint_eq(chip_check(&c), removed);
    chip_close(&c);
    world_data_end(&world);
}
END_TEST

/* A layer of padding has no weights left; others can lose some nevertheless. */
START_TEST(padding_stands_in_nobodys_way)
{
    chip c;
    open_chip(&c, 2, PRUNE_TANH, PRUNE_TINY_MASK, 9);
    for (size_t i = IN * 8 + 8; i < IN * 8 + 8 + 8 * 7; i++)
        c.t.weight[i] = 0.0f;
    ck_assert_ok(prune_tiny_compact(&c.t));
    ck_assert_uint_eq(c.t.width[1], 1);
    ck_assert_uint_eq(c.t.width[2], 1);
    for (size_t i = 0; i < OUT; i++) /* the output layer reads something again */
        c.t.weight[c.t.parameters - 2 * OUT + i] = 1.0f, c.t.mask[0] |= 1u << (c.t.parameters - 2 * OUT + i);
    ck_assert_ok(prune_tiny_remove_lowest(&c.t, PRUNE_MAGNITUDE, 1));
    ck_assert_status(prune_tiny_remove_lowest(&c.t, PRUNE_MAGNITUDE, 1), PRUNE_E_COLLAPSE);
    chip_close(&c);
}
END_TEST

/* What compaction alone has masked, where nothing was removed before, a step leaves 0 too. */
START_TEST(padding_stays_when_nothing_was_removed)
{
    world_data world;
    chip c;
    open_world(&world);
    open_chip(&c, 1, PRUNE_SIGMOID, PRUNE_TINY_MASK, 9);
    const size_t read = (size_t)(IN + 1) * c.t.width[1];
    memset(c.t.weight + read, 0, (size_t)OUT * c.t.width[1] * sizeof *c.t.weight);
    ck_assert_uint_eq(chip_check(&c), 0);
    ck_assert_ok(prune_tiny_compact(&c.t));
    ck_assert_uint_eq(c.t.width[1], 1);
    const size_t removed = chip_check(&c);
    ck_assert_uint_eq(removed, IN + 1 + OUT);
    ck_assert_ok(prune_tiny_step(NULL, &c.t, world.x, world.y));
    ck_assert_uint_eq(chip_check(&c), removed);
    chip_close(&c);
    world_data_end(&world);
}
END_TEST

START_TEST(a_bias_that_would_leave_float_is_refused)
{
    chip c;
    open_chip(&c, 1, PRUNE_LINEAR, PRUNE_TINY_MASK, 8);
    memset(c.t.weight, 0, IN * sizeof(float)); /* neuron 0 is constant */
    c.t.weight[IN * 9] = FLT_MAX;
    c.t.weight[IN * 9 + 9] = 2.0f;
    const uint64_t before = chip_hash(&c.t);
    ck_assert_status(prune_tiny_compact(&c.t), PRUNE_E_DIVERGED);
    ck_assert_uint_eq(chip_hash(&c.t), before);
    ck_assert_uint_eq(c.t.width[1], 9);
    ck_assert_status(prune_tiny_compact(NULL), PRUNE_E_ARGUMENT);
    chip_close(&c);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        outputs_and_widths_are_as_they_should,
        a_full_net_stays_bit_by_bit,
        what_is_left_learns_on,
        padding_stands_in_nobodys_way,
        padding_stays_when_nothing_was_removed,
        a_bias_that_would_leave_float_is_refused,
    };
    return run_tests("tiny_compact", tests, sizeof tests / sizeof tests[0]);
}
