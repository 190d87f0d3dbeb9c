/* tiny_blob_test.c -- from the host to the chip, trained there, and on to the runtime
 *
 * SPDX-License-Identifier: MIT */
#include "support/chip.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { IN = 6, OUT = 2, SAMPLES = 16, ROOM = 4096, ACTIVATIONS = 8 };

static const int32_t activations[ACTIVATIONS] = {
    PRUNE_LINEAR,     PRUNE_RELU, PRUNE_SIGMOID, PRUNE_TANH,
    PRUNE_LEAKY_RELU, PRUNE_ELU,  PRUNE_SELU,    PRUNE_SOFTPLUS
};
static const chip_shape shapes[] = {
    { 1, { IN, OUT }, PRUNE_LINEAR },
    { 2, { IN, 9, OUT }, PRUNE_LINEAR },
    { 3, { IN, 8, 7, OUT }, PRUNE_LINEAR },
    { 4, { IN, 7, 90, 6, OUT }, PRUNE_LINEAR },
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static void open_chip(chip *c, size_t shape, int32_t hidden, uint64_t seed)
{
    chip_shape s = shapes[shape];
    s.hidden = hidden;
    chip_open(c, &s, &prune_tiny_mse, &prune_tiny_adam, PRUNE_TINY_MASK | PRUNE_TINY_GRADIENT, seed);
    for (size_t i = 0; i < c->t.parameters; i++)
        c->t.weight[i] += 0.2f * sinf((float)(i + seed));
}

/* What the runtime makes of the blob is what the chip computes. */
static size_t compare_outputs(chip *c, const world_data *world)
{
    static uint32_t blob[ROOM];
    float y[OUT], scratch[128];
    const size_t bytes = prune_tiny_export_bytes(&c->t);
    ck_assert_uint_le(bytes, sizeof blob);
    memset(blob, 7, sizeof blob);
    ck_assert_ok(prune_tiny_export(blob, bytes, &c->t));
    ck_assert_uint_eq(((const unsigned char *)blob)[bytes], 7);
    ck_assert_ok(prune_blob_check(blob, bytes, prune_blob_ops));
    ck_assert_uint_le(prune_blob_scratch(blob), sizeof scratch);
    for (size_t s = 0; s < world->samples; s++) {
        const float *x = world->x + s * IN, *h = prune_tiny_run(&c->t, x);
        ck_assert_ok(prune_blob_run(blob, prune_blob_ops, y, x, scratch, prune_blob_scratch(blob)));
        for (size_t o = 0; o < OUT; o++)
            ck_assert_double_eq_tol((double)y[o], (double)h[o], 2e-6 * fmax(1.0, fabs((double)h[o])));
    }
    return bytes;
}

START_TEST(the_runtime_computes_the_same)
{
    world_data world;
    world_data_make(&world, SAMPLES, IN, OUT, 3);
    for (size_t s = 0; s < SHAPES; s++)
        for (size_t a = 0; a < ACTIVATIONS; a++) {
            chip c;
            open_chip(&c, s, activations[a], a);
            const size_t dense = compare_outputs(&c, &world);
            const uint32_t count = c.t.parameters * 6 / 10;
            if (prune_tiny_remove_lowest(&c.t, PRUNE_MAGNITUDE, count) == PRUNE_OK)
                ck_assert_uint_lt(compare_outputs(&c, &world), dense);
            const size_t pruned = prune_tiny_export_bytes(&c.t);
            ck_assert_ok(prune_tiny_compact(&c.t));
            ck_assert_uint_le(compare_outputs(&c, &world), pruned);
            chip_close(&c);
        }
    world_data_end(&world);
}
END_TEST

/* The same bytes as the host's exporter, for a net that needs no folding. */
START_TEST(the_host_writes_the_same_blob)
{
    static unsigned char mine[4 * ROOM], theirs[4 * ROOM];
    for (size_t s = 0; s < SHAPES; s++)
        for (size_t a = 0; a < ACTIVATIONS; a++) {
            chip c;
            prune_blob_info info;
            open_chip(&c, s, activations[a], a);
            (void)prune_tiny_remove_lowest(&c.t, PRUNE_MAGNITUDE, (uint32_t)(a * c.t.parameters / 12));
            prune_model *model = chip_model(&c);
            prune_blob_info_init(&info);
            ck_assert_ok(prune_blob_measure(&info, NULL, model, NULL, NULL));
            const size_t bytes = prune_tiny_export_bytes(&c.t);
            ck_assert(a == 0 || bytes == info.bytes); /* linear layers are folded into one */
            if (a != 0) {
                ck_assert_ok(prune_tiny_export(mine, bytes, &c.t));
                ck_assert_ok(prune_blob_export(theirs, bytes, NULL, model, NULL, NULL));
                ck_assert_mem_eq(mine, theirs, bytes);
            }
            prune_model_free(model);
            chip_close(&c);
        }
}
END_TEST

/* All layers in one encoding. */
static void export_as(uint32_t blob[ROOM], const prune_model *model, int32_t encoding)
{
    const int32_t encodings[] = { encoding, encoding, encoding, encoding };
    prune_blob_options options;
    prune_blob_info info;
    prune_blob_options_init(&options);
    prune_blob_info_init(&info);
    options.encodings = encodings;
    options.encoding_count = prune_model_layer_count(model);
    ck_assert_ok(prune_blob_measure(&info, NULL, model, &options, NULL));
    ck_assert_uint_le(info.bytes, ROOM * sizeof *blob);
    ck_assert_ok(prune_blob_export(blob, info.bytes, NULL, model, &options, NULL));
    ck_assert_ok(prune_blob_check(blob, info.bytes, prune_blob_ops));
}

static void train(chip *c, const world_data *world, size_t steps)
{
    for (size_t s = 0; s < steps; s++)
        ck_assert_ok(prune_tiny_step(NULL, &c->t, world->x + s % SAMPLES * IN, world->y + s % SAMPLES * OUT));
}

START_TEST(training_goes_on_from_a_blob)
{
    static uint32_t blob[ROOM];
    world_data world;
    world_data_make(&world, SAMPLES, IN, OUT, 3);
    for (size_t s = 0; s < SHAPES; s++)
        for (size_t a = 1; a < ACTIVATIONS; a++) {
            chip host, c, fresh;
            open_chip(&host, s, activations[a], 1);
            open_chip(&c, s, activations[a], 2);
            open_chip(&fresh, s, activations[a], 3);
            if (s == 3) /* a gap that steps of DELTAS have to bridge */
                memset(host.t.weight + PRUNE_TINY_DENSE(IN, 7) + PRUNE_TINY_DENSE(7, 90) + 3, 0,
                       80 * sizeof(float));
            (void)prune_tiny_remove_lowest(&host.t, PRUNE_MAGNITUDE, host.t.parameters / 2);
            prune_model *model = chip_model(&host);
            export_as(blob, model, PRUNE_BLOB_DENSE + (int32_t)a % 4);
            train(&c, &world, SAMPLES); /* state, to be forgotten */
            ck_assert_ok(prune_tiny_add(NULL, &c.t, world.x, world.y));
            c.t.mask[0] &= ~31u; /* it has a mask of its own, to be forgotten too */
            ck_assert_ok(prune_tiny_import(&c.t, blob));
            ck_assert(chip_distance(&c, model) == 0.0);
            ck_assert_uint_eq(chip_check(&c), chip_check(&host));
            memcpy(fresh.t.weight, c.t.weight, c.t.parameters * sizeof(float));
            ck_assert_ok(prune_tiny_remove_zeros(&fresh.t));
            ck_assert_uint_eq(chip_hash(&c.t), chip_hash(&fresh.t));
            train(&c, &world, SAMPLES);
            ck_assert_uint_eq(chip_check(&c), chip_check(&host));
            ck_assert_ok(prune_tiny_restore(&c.t));
            train(&c, &world, 1);
            ck_assert_uint_eq(chip_check(&c), 0);
            prune_model_free(model);
            chip_close(&host);
            chip_close(&c);
            chip_close(&fresh);
        }
    world_data_end(&world);
}
END_TEST

START_TEST(without_room_for_a_mask_all_weights_live)
{
    static uint32_t blob[ROOM];
    world_data world;
    chip host, c;
    world_data_make(&world, SAMPLES, IN, OUT, 3);
    open_chip(&host, 2, PRUNE_TANH, 1);
    ck_assert_ok(prune_tiny_remove_lowest(&host.t, PRUNE_MAGNITUDE, prune_tiny_kept(&host.t) / 2));
    ck_assert_ok(prune_tiny_export(blob, prune_tiny_export_bytes(&host.t), &host.t));
    chip_open(&c, &(chip_shape){ 3, { IN, 8, 7, OUT }, PRUNE_TANH }, &prune_tiny_mse, &prune_tiny_sgd, 0, 1);
    ck_assert_ok(prune_tiny_import(&c.t, blob));
    ck_assert_mem_eq(c.t.weight, host.t.weight, c.t.parameters * sizeof(float));
    train(&c, &world, 4);
    for (size_t i = 0; i < c.t.parameters; i++)
        ck_assert(c.t.weight[i] != 0.0f);
    chip_close(&c);
    chip_close(&host);
    world_data_end(&world);
}
END_TEST

/* Of it biases alone learn, as of what compaction leaves of nets that are constant. */
START_TEST(a_layer_of_zeros_has_no_weights_left)
{
    static uint32_t blob[ROOM];
    world_data world;
    chip c;
    world_data_make(&world, SAMPLES, IN, OUT, 3);
    open_chip(&c, 1, PRUNE_SIGMOID, 1);
    memset(c.t.weight, 0, IN * 9 * sizeof(float));
    ck_assert_ok(prune_tiny_export(blob, prune_tiny_export_bytes(&c.t), &c.t));
    ck_assert_ok(prune_tiny_import(&c.t, blob));
    ck_assert_uint_eq(prune_tiny_kept(&c.t), 9 * OUT);
    train(&c, &world, 1);
    ck_assert_uint_eq(chip_check(&c), IN * 9);
    ck_assert_ok(prune_tiny_remove_lowest(&c.t, PRUNE_MAGNITUDE, 1));
    chip_close(&c);
    world_data_end(&world);
}
END_TEST

/* ---- the chip's own, after compaction ---- */

static void open_sgd(chip *c, size_t shape, int32_t hidden, uint64_t seed)
{
    chip_shape s = shapes[shape];
    s.hidden = hidden;
    chip_open(c, &s, &prune_tiny_mse, &prune_tiny_sgd, PRUNE_TINY_MASK | PRUNE_TINY_GRADIENT, seed);
}

/* Trained, half of it removed, and a neuron of each hidden layer, tuned. */
static void prune_and_compact(chip *c, const world_data *world)
{
    train(c, world, 40);
    (void)prune_tiny_remove_lowest(&c->t, PRUNE_MAGNITUDE, prune_tiny_kept(&c->t) / 2);
    for (uint32_t l = 0; l + 1 < c->plan.layer_count; l++)
        ck_assert_ok(prune_tiny_remove_neuron(&c->t, l, 0));
    train(c, world, 40);
    ck_assert_ok(prune_tiny_compact(&c->t));
}

/* Where its arrays lie, widths, and all bits that tests look at. */
static void same_chips(const chip *a, const chip *b)
{
    ck_assert_uint_eq(a->t.parameters, b->t.parameters);
    ck_assert_uint_eq(a->t.neurons, b->t.neurons);
    ck_assert_mem_eq(a->t.width, b->t.width, (a->plan.layer_count + 1) * sizeof *a->t.width);
    ck_assert_int_eq(a->t.delta - a->t.output, b->t.delta - b->t.output);
    ck_assert_int_eq(a->t.output - a->t.weight, b->t.output - b->t.weight);
    ck_assert_uint_eq(chip_hash(&a->t), chip_hash(&b->t));
}

static void compare_runs(chip *a, chip *b, const world_data *world)
{
    for (size_t s = 0; s < SAMPLES; s++) {
        const float *h = prune_tiny_run(&a->t, world->x + s * IN);
        ck_assert_mem_eq(h, prune_tiny_run(&b->t, world->x + s * IN), OUT * sizeof *h);
    }
}

START_TEST(a_chip_reads_its_own_blob)
{
    static uint32_t blob[ROOM], large[ROOM];
    world_data world;
    world_data_make(&world, SAMPLES, IN, OUT, 3);
    for (size_t s = 0; s < SHAPES; s++)
        for (size_t a = 0; a < ACTIVATIONS; a++) {
            chip c, reset;
            open_sgd(&c, s, activations[a], a);
            open_sgd(&reset, s, activations[a], a + 1);
            ck_assert_ok(prune_tiny_export(large, prune_tiny_export_bytes(&reset.t), &reset.t));
            const uint64_t whole = chip_hash(&reset.t);
            prune_and_compact(&c, &world);
            ck_assert(s == 0 || c.t.neurons < reset.t.neurons);
            ck_assert_ok(prune_tiny_export(blob, prune_tiny_export_bytes(&c.t), &c.t));
            train(&reset, &world, 10); /* what is left of it lies behind the smaller net */
            ck_assert_ok(prune_tiny_add(NULL, &reset.t, world.x, world.y));
            ck_assert_ok(prune_tiny_import(&reset.t, blob));
            same_chips(&c, &reset);
            compare_runs(&c, &reset, &world);
            train(&c, &world, 40);
            train(&reset, &world, 40);
            same_chips(&c, &reset);
            compare_runs(&c, &reset, &world);
            ck_assert_ok(prune_tiny_import(&reset.t, large)); /* there is room for that again */
            ck_assert_uint_eq(chip_hash(&reset.t), whole);
            ck_assert_ok(prune_tiny_add(NULL, &reset.t, world.x, world.y));
            ck_assert_ok(prune_tiny_update(&reset.t));
            chip_close(&c);
            chip_close(&reset);
        }
    world_data_end(&world);
}
END_TEST

/* A chip of another kind refuses the blob, and stays as it is. */
static void refuse(const uint32_t *blob, const chip_shape *shape, prune_status expected)
{
    chip c;
    chip_open(&c, shape, &prune_tiny_mse, &prune_tiny_adam, PRUNE_TINY_MASK, 1);
    const uint64_t before = chip_hash(&c.t);
    ck_assert_status(prune_tiny_import(&c.t, blob), expected);
    ck_assert_uint_eq(chip_hash(&c.t), before);
    chip_close(&c);
}

START_TEST(other_blobs_are_refused)
{
    static uint32_t blob[ROOM];
    chip c;
    chip_shape shape = shapes[2];
    shape.hidden = PRUNE_TANH;
    open_chip(&c, 2, PRUNE_TANH, 1);
    prune_model *model = chip_model(&c);
    export_as(blob, model, PRUNE_BLOB_DENSE);
    ck_assert_ok(prune_tiny_import(&c.t, blob));
    shape.hidden = PRUNE_SIGMOID;
    refuse(blob, &shape, PRUNE_E_SHAPE);
    shape.hidden = PRUNE_RELU;
    refuse(blob, &shape, PRUNE_E_SHAPE);
    shape = shapes[1];
    shape.hidden = PRUNE_TANH;
    refuse(blob, &shape, PRUNE_E_SHAPE);
    static const chip_shape others[] = {
        { 3, { IN, 7, 7, OUT }, PRUNE_TANH },     { 3, { IN, 8, 6, OUT }, PRUNE_TANH },
        { 3, { IN + 1, 8, 7, OUT }, PRUNE_TANH }, { 3, { IN - 1, 8, 7, OUT }, PRUNE_TANH },
        { 3, { IN, 8, 7, OUT + 1 }, PRUNE_TANH }, { 3, { IN, 8, 7, OUT - 1 }, PRUNE_TANH },
        { 4, { IN, 8, 7, OUT, OUT }, PRUNE_TANH }
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        refuse(blob, &others[i], PRUNE_E_SHAPE);
    uint32_t *data = blob + sizeof(prune_blob_header) / 4 + sizeof(prune_blob_layer) / 4;
    shape = shapes[2];
    shape.hidden = PRUNE_TANH;
    data[3] = data[4] = 0x7F61B1E6u; /* 3e38: finite, but not if both are of one weight */
    refuse(blob, &shape, PRUNE_E_NONFINITE);
    data[3] = 0x7FC00000u, data[4] = 0; /* NaN */
    refuse(blob, &shape, PRUNE_E_NONFINITE);
    blob[sizeof(prune_blob_header) / 4] = PRUNE_BLOB_AFFINE;
    refuse(blob, &shape, PRUNE_E_UNSUPPORTED);
    prune_model_free(model);
    chip_close(&c);
}
END_TEST

/* Where there are no operations between layers, sizes and floors tell. */
START_TEST(blobs_of_other_layers_are_refused)
{
    static uint32_t blob[ROOM];
    const int32_t hidden[] = { PRUNE_LINEAR, PRUNE_RELU };
    for (size_t a = 0; a < 2; a++) {
        chip c;
        chip_shape shape = shapes[2];
        open_chip(&c, 2, hidden[a], 1);
        const size_t bytes = prune_tiny_export_bytes(&c.t);
        memset(blob, 0, sizeof blob);
        ck_assert_ok(prune_tiny_export(blob, bytes, &c.t));
        shape.hidden = hidden[1 - a];
        refuse(blob, &shape, PRUNE_E_SHAPE);
        shape.hidden = hidden[a];
        prune_blob_layer *layer = (void *)(blob + sizeof(prune_blob_header) / sizeof *blob);
        const float floor = layer->floor;
        layer->floor = 3.0f;
        refuse(blob, &shape, PRUNE_E_SHAPE);
        layer->floor = floor;
        shape = (chip_shape){ 2, { IN, 8, 7 }, hidden[a] };
        refuse(blob, &shape, PRUNE_E_SHAPE);
        blob[bytes / 4 - 1] = PRUNE_BLOB_AFFINE; /* what lies behind it is not looked at */
        shape = (chip_shape){ 4, { IN, 8, 7, OUT, OUT }, hidden[a] };
        refuse(blob, &shape, PRUNE_E_SHAPE);
        chip_close(&c);
    }
}
END_TEST

START_TEST(more_layers_are_refused)
{
    static uint32_t blob[ROOM];
    chip c;
    chip_shape shape = { 3, { IN, 8, 1, OUT }, PRUNE_LINEAR };
    chip_open(&c, &shape, &prune_tiny_mse, &prune_tiny_sgd, 0, 1);
    ck_assert_ok(prune_tiny_export(blob, prune_tiny_export_bytes(&c.t), &c.t));
    refuse(blob, &shapes[1], PRUNE_E_SHAPE);
    chip_close(&c);
}
END_TEST

/* Of the chip's own layers, and of others. */
START_TEST(int8_is_not_supported)
{
    world_data world;
    world_data_make(&world, SAMPLES, IN, OUT, 3);
    for (size_t s = 0; s < SHAPES; s++) {
        chip c;
        prune_quantized *quantized;
        open_chip(&c, s, PRUNE_TANH, 1);
        prune_model *model = chip_model(&c);
        ck_assert_ok(prune_quantize(&quantized, NULL, model, &world.valued, NULL, NULL));
        for (size_t other = 0; other < SHAPES; other++)
            refuse(prune_quantized_blob(quantized), &shapes[other], PRUNE_E_UNSUPPORTED);
        prune_quantized_free(quantized);
        prune_model_free(model);
        chip_close(&c);
    }
    world_data_end(&world);
}
END_TEST

START_TEST(bad_arguments_are_refused)
{
    static uint32_t blob[ROOM];
    chip c;
    open_chip(&c, 1, PRUNE_RELU, 1);
    const size_t bytes = prune_tiny_export_bytes(&c.t);
    ck_assert_uint_eq(prune_tiny_export_bytes(NULL), 0);
    ck_assert_status(prune_tiny_export(NULL, bytes, &c.t), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_tiny_export(blob, bytes, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_tiny_export(blob, bytes - 4, &c.t), PRUNE_E_SHAPE);
    ck_assert_status(prune_tiny_export(blob, bytes + 4, &c.t), PRUNE_E_SHAPE);
    ck_assert_uint_eq(blob[0], 0);
    ck_assert_status(prune_tiny_import(NULL, blob), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_tiny_import(&c.t, NULL), PRUNE_E_ARGUMENT);
    chip_close(&c);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_runtime_computes_the_same,
        the_host_writes_the_same_blob,
        training_goes_on_from_a_blob,
        without_room_for_a_mask_all_weights_live,
        a_layer_of_zeros_has_no_weights_left,
        a_chip_reads_its_own_blob,
        other_blobs_are_refused,
        blobs_of_other_layers_are_refused,
        more_layers_are_refused,
        int8_is_not_supported,
        bad_arguments_are_refused,
    };
    return run_tests("tiny_blob", tests, sizeof tests / sizeof tests[0]);
}
