/* board_goals.c -- what goals.txt has goals for, on the chip: the blobs of tests/source/goals.c, and steps
 *
 * Each blob is run with the operations that it needs, as a program that has no other would list them.
 *
 * SPDX-License-Identifier: MIT */
#include "board_chip.h"
#include "tell.h"

enum { INPUTS = 20, LAYERS = 3, N = 10 + 10 + 1, WIDEST = 784, SCRATCH = 4096 };
enum { P = PRUNE_TINY_DENSE(20, 10) + PRUNE_TINY_DENSE(10, 10) + PRUNE_TINY_DENSE(10, 1) };

static const prune_tiny_layer layers[LAYERS] = { { 10, &prune_activation_relu },
                                                 { 10, &prune_activation_relu },
                                                 { 1, &prune_activation_linear } };
static const prune_tiny_plan by_sgd = { INPUTS, LAYERS, layers, &prune_tiny_mse, &prune_tiny_sgd, 0 };
static const prune_tiny_plan by_adam = { INPUTS, LAYERS, layers, &prune_tiny_mse, &prune_tiny_adam, 0 };

static const prune_blob_op *const dense_op[] = { &prune_op_dense, NULL };
static const prune_blob_op *const vfp_op[] = { &prune_op_dense_vfp, NULL };
static const prune_blob_op *const blocks_op[] = { &prune_op_blocks, NULL };
static const prune_blob_op *const deltas_op[] = { &prune_op_deltas, NULL };
static const prune_blob_op *const int8_ops[] = { &prune_op_dense8, &prune_op_blocks8, &prune_op_widen,
                                                 &prune_op_narrow, NULL };

/* goals.S */
extern const uint32_t whole[], whole_end[], whole8[], whole8_end[];
extern const uint32_t dense[], dense_end[], dense8[], dense8_end[];
extern const uint32_t blocks_80[], blocks_80_end[], blocks_90[], blocks_90_end[];
extern const uint32_t deltas_80[], deltas_80_end[], deltas_90[], deltas_90_end[];
extern const uint32_t blocks8_80[], blocks8_80_end[], blocks8_90[], blocks8_90_end[];
extern const uint32_t pruned8[], pruned8_end[], pruned8_layer[], pruned8_layer_end[];

typedef struct job {
    const char *name;
    const uint32_t *blob, *end;
    const prune_blob_op *const *ops;
} job;

static const job jobs[] = {
    { "whole", whole, whole_end, dense_op },
    { "whole8", whole8, whole8_end, int8_ops },
    { "dense", dense, dense_end, dense_op },
    { "dense-vfp", dense, dense_end, vfp_op },
    { "dense8", dense8, dense8_end, int8_ops },
    { "blocks-80", blocks_80, blocks_80_end, blocks_op },
    { "blocks-90", blocks_90, blocks_90_end, blocks_op },
    { "deltas-80", deltas_80, deltas_80_end, deltas_op },
    { "deltas-90", deltas_90, deltas_90_end, deltas_op },
    { "blocks8-80", blocks8_80, blocks8_80_end, int8_ops },
    { "blocks8-90", blocks8_90, blocks8_90_end, int8_ops },
    { "pruned8", pruned8, pruned8_end, int8_ops },
    { "pruned8-layer", pruned8_layer, pruned8_layer_end, int8_ops },
};

static float x[WIDEST], y[WIDEST];
static uint32_t scratch[SCRATCH / 4];

static prune_status run(void *user)
{
    const job *j = user;
    return prune_blob_run(j->blob, j->ops, y, x, scratch, sizeof scratch);
}

static void tell(job j)
{
    const size_t bytes = (size_t)(j.end - j.blob) * sizeof *j.blob;
    check_ok(prune_blob_check(j.blob, bytes, j.ops), j.name);
    memory_tell(j.name, bytes);
    cost_tell(j.name, run, &j);
}

static prune_status step(void *user)
{
    return prune_tiny_step(NULL, user, x, y);
}

static void steps(const char *name, const prune_tiny_plan *plan)
{
    static uint32_t memory[PRUNE_TINY_WORDS(P, N, LAYERS, PRUNE_TINY_ADAM, 0)];
    prune_tiny t;
    memory_tell(name, prune_tiny_bytes(plan));
    check_ok(prune_tiny_init(&t, plan, memory, sizeof memory), name);
    for (uint32_t i = 0; i < t.parameters; i++)
        t.weight[i] = (float)(i * 7 % 13) * 0.05f - 0.3f;
    y[0] = 0.5f;
    cost_tell(name, step, &t);
}

typedef union number {
    uint32_t bits;
    float number;
} number;

static uint32_t count(float (*function)(float x), float of)
{
    board_count_start();
    y[0] = function(of);
    return board_count();
}

static float same(float of)
{
    return of;
}

/* The most instructions of one call, over all exponents and signs: those between its call and its return. */
static void most(const char *name, float (*function)(float x))
{
    const uint32_t none = count(same, 1.0f);
    uint32_t worst = 0;
    for (uint32_t i = 0; i < 4096; i++) {
        const number n = { i * 0x100000u + i * 0x1357u % 0x100000u };
        const uint32_t instructions = count(function, n.number) - none;
        worst = instructions > worst ? instructions : worst;
    }
    instructions_tell(name, worst);
}

int main(void)
{
    for (int i = 0; i < WIDEST; i++)
        x[i] = (float)(i % 17 - 8) * 0.1f;
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++)
        tell(jobs[i]);
    steps("sgd", &by_sgd);
    steps("adam", &by_adam);
    most("expf", prune_expf);
    most("tanhf", prune_tanhf);
    most("logf", prune_logf);
    return failures();
}
