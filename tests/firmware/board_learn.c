/* board_learn.c -- firmware that teaches a net, prunes and compacts it, and has it back after a reset
 *
 * SPDX-License-Identifier: MIT */
#include "board.h"

#include <libprune.h>

enum { SAMPLES = 128, INPUTS = 20, LAYERS = 3, PARTS = PRUNE_TINY_GRADIENT | PRUNE_TINY_MASK };
enum { P = PRUNE_TINY_DENSE(20, 10) + PRUNE_TINY_DENSE(10, 10) + PRUNE_TINY_DENSE(10, 1), N = 10 + 10 + 1 };
static const prune_tiny_layer layers[LAYERS] = { { 10, &prune_activation_relu },
                                                 { 10, &prune_activation_relu },
                                                 { 1, &prune_activation_linear } };
static const prune_tiny_plan plan = { INPUTS, LAYERS, layers, &prune_tiny_mse, &prune_tiny_adam, PARTS };
static uint32_t memory[PRUNE_TINY_WORDS(P, N, LAYERS, PRUNE_TINY_ADAM, PARTS)];
/* An activation but ReLU would be one more. */
static const prune_blob_op *const ops[] = { PRUNE_BLOB_OPS_WEIGHTS, NULL };
static uint32_t blob[512], scratch[64]; /* in the place of flash */
static float x[SAMPLES][INPUTS], y[SAMPLES];
static prune_tiny t;

static void print_number(const char *what, uint32_t number)
{
    char text[12], *c = text + sizeof text;
    *--c = '\0', *--c = '\n';
    do
        *--c = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    board_print(what), board_print(c);
}

static void must(prune_status status)
{
    if (status == PRUNE_OK)
        return;
    board_print(prune_status_string(status));
    board_exit(1);
}

static void make_data(void)
{
    prune_rng rng;
    prune_rng_seed(&rng, 1);
    for (int i = 0; i < SAMPLES; i++) {
        for (int j = 0; j < INPUTS; j++)
            x[i][j] = 2.0f * prune_rng_uniform(&rng) - 1.0f;
        y[i] = x[i][0] - 0.5f * x[i][1] + x[i][2] * x[i][3];
    }
}

static void train(int epochs)
{
    float sum = 0.0f;
    while (epochs-- > 0)
        for (int i = 0; i < SAMPLES; i++)
            must(prune_tiny_step(NULL, &t, x[i], &y[i]));
    for (int i = 0; i < SAMPLES; i++) {
        const float difference = *prune_tiny_run(&t, x[i]) - y[i];
        sum += 0.5f * difference * difference;
    }
    print_number("    loss, in millionths: ", (uint32_t)(sum / SAMPLES * 1e6f));
}

static void export_and_compare(void)
{
    const size_t length = prune_tiny_export_bytes(&t);
    print_number("bytes of the blob: ", (uint32_t)length);
    must(length <= sizeof blob ? prune_tiny_export(blob, length, &t) : PRUNE_E_MEMORY);
    must(prune_blob_check(blob, sizeof blob, ops));
    for (int i = 0; i < SAMPLES; i++) {
        float h;
        must(prune_blob_run(blob, ops, &h, x[i], scratch, sizeof scratch));
        h -= *prune_tiny_run(&t, x[i]);
        must(h <= 1e-5f && h >= -1e-5f ? PRUNE_OK : PRUNE_E_SHAPE);
    }
    board_print("the runtime computes what the net does\n");
}

int main(void)
{
    make_data();
    must(prune_tiny_init(&t, &plan, memory, sizeof memory));
    must(prune_tiny_draw(&t, 1));
    print_number("bytes of memory: ", sizeof memory);
    train(0), train(5), train(25);
    for (int i = 0; i < SAMPLES; i++)
        must(prune_tiny_add(NULL, &t, x[i], &y[i]));
    must(prune_tiny_remove_lowest(&t, PRUNE_TAYLOR, prune_tiny_kept(&t) * 7 / 10));
    prune_tiny_forget(&t);
    print_number("weights left: ", prune_tiny_kept(&t));
    train(0), train(20);
    must(prune_tiny_compact(&t));
    print_number("neurons left: ", t.neurons);
    export_and_compare();
    must(prune_tiny_init(&t, &plan, memory, sizeof memory)); /* as after a reset */
    must(prune_tiny_import(&t, blob));
    print_number("weights of the blob: ", prune_tiny_kept(&t));
    train(0), train(20);
    return 0;
}
