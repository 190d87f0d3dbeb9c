/* learn.c -- tiny.h: trained, scored, masked, trained on under the mask, compacted into a blob, and read back
 *
 * SPDX-License-Identifier: MIT */
#include "learn.h"

#include "tell.h"

#include <string.h>

enum { EPOCHS = 20, REMOVED = 150, BLOB = 2048, SCRATCH = 256 };
enum { PARTS = PRUNE_TINY_GRADIENT | PRUNE_TINY_MASK, LAYERS = 3, NEURONS = 2 * HIDDEN + OUTPUTS };

#define PARAMETERS \
    (PRUNE_TINY_DENSE(INPUTS, HIDDEN) + PRUNE_TINY_DENSE(HIDDEN, HIDDEN) + PRUNE_TINY_DENSE(HIDDEN, OUTPUTS))

static const prune_tiny_layer layers[LAYERS] = {
    { HIDDEN, &prune_activation_relu },
    { HIDDEN, &prune_activation_relu },
    { OUTPUTS, &prune_activation_linear },
};
static const prune_tiny_plan by_adam = { INPUTS, LAYERS, layers, &prune_tiny_mse, &prune_tiny_adam, PARTS };
static const prune_tiny_plan by_sgd = { INPUTS, LAYERS, layers, &prune_tiny_mse, &prune_tiny_sgd, 0 };

typedef struct learn {
    prune_tiny t;
    const life *life;
    uint32_t blob[BLOB / 4], scratch[SCRATCH / 4];
    size_t length;
} learn;

static prune_status step(void *user)
{
    learn *n = user;
    return prune_tiny_step(NULL, &n->t, n->life->x, n->life->y);
}

static prune_status run(void *user)
{
    learn *n = user;
    return prune_tiny_run(&n->t, n->life->x) ? PRUNE_OK : PRUNE_E_ARGUMENT;
}

static prune_status remove_weights(void *user)
{
    learn *n = user;
    return prune_tiny_remove_lowest(&n->t, PRUNE_TAYLOR, REMOVED);
}

static prune_status compact(void *user)
{
    learn *n = user;
    return prune_tiny_compact(&n->t);
}

static prune_status to_blob(void *user)
{
    learn *n = user;
    return prune_tiny_export(n->blob, n->length, &n->t);
}

static prune_status from_blob(void *user)
{
    learn *n = user;
    return prune_tiny_import(&n->t, n->blob);
}

static void train(learn *n, const char *name, float falls_to)
{
    float first = 0.0f, sum = 0.0f;
    for (size_t e = 0; e < EPOCHS; e++) {
        sum = 0.0f;
        for (size_t i = 0; i < SAMPLES; i++) {
            float loss = 0.0f;
            check_ok(prune_tiny_step(&loss, &n->t, n->life->x + i * INPUTS, n->life->y + i), "a step");
            sum += loss;
        }
        if (e == 0)
            first = sum;
        hash_floats(&sum, 1);
    }
    check(sum < falls_to * first, "the loss falls");
    hash_floats(n->t.weight, n->t.parameters);
    hash_tell(name);
}

static void sgd(learn *n)
{
    static uint32_t memory[PRUNE_TINY_WORDS(PARAMETERS, NEURONS, LAYERS, PRUNE_TINY_SGD, 0)];
    memory_tell("tiny-sgd", sizeof memory);
    check(prune_tiny_bytes(&by_sgd) == sizeof memory, "the compiler knows how much SGD needs");
    check_ok(prune_tiny_init(&n->t, &by_sgd, memory, sizeof memory), "SGD in it");
    check_ok(prune_tiny_draw(&n->t, 1), "weights");
    cost_tell("tiny-sgd", step, n);
    train(n, "tiny-sgd", 0.5f);
}

/* Removed weights, which are exactly 0, as are their moments. */
static uint32_t removed(const prune_tiny *t)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < t->parameters; i++)
        if (!(t->mask[i / 32] >> i % 32 & 1u)) {
            count++;
            check(t->weight[i] == 0.0f && t->moment[0][i] == 0.0f && t->moment[1][i] == 0.0f,
                  "what is removed is 0, and so are its moments");
        }
    return count;
}

static void score_and_remove(learn *n)
{
    for (size_t i = 0; i < SAMPLES; i++)
        check_ok(prune_tiny_add(NULL, &n->t, n->life->x + i * INPUTS, n->life->y + i), "a gradient");
    cost_tell("tiny-mask", remove_weights, n);
    prune_tiny_forget(&n->t);
    check(removed(&n->t) == REMOVED, "as many are removed as were asked for");
    train(n, "tiny-tuned", 0.9f);
    check(removed(&n->t) == REMOVED, "and stay so");
}

/* Beside what the net itself computes, to rounding. */
static void as_blob(learn *n)
{
    n->length = prune_tiny_export_bytes(&n->t);
    check(n->length <= BLOB, "the blob fits");
    memory_tell("tiny-blob", n->length);
    cost_tell("tiny-export", to_blob, n);
    hash_bytes(n->blob, n->length);
    check_ok(prune_blob_check(n->blob, n->length, prune_blob_ops), "the blob is sound");
    check(prune_blob_scratch(n->blob) <= SCRATCH, "its scratch fits");
    for (size_t i = 0; i < SAMPLES; i++) {
        float y = 0.0f;
        const float *x = n->life->x + i * INPUTS;
        check_ok(prune_blob_run(n->blob, prune_blob_ops, &y, x, n->scratch, SCRATCH), "the blob runs");
        const float *h = prune_tiny_run(&n->t, x);
        check(y - *h <= 1e-5f && *h - y <= 1e-5f, "the blob computes what the net does");
        hash_floats(&y, 1);
        hash_floats(h, 1);
    }
    hash_tell("tiny-blob");
}

/* As after a reset: the same plan, though the blob's net is smaller. */
static void read_back(learn *n, uint32_t *memory)
{
    const uint32_t parameters = n->t.parameters, kept = prune_tiny_kept(&n->t);
    float h[SAMPLES];
    for (size_t i = 0; i < SAMPLES; i++)
        h[i] = *prune_tiny_run(&n->t, n->life->x + i * INPUTS);
    check_ok(prune_tiny_init(&n->t, &by_adam, memory, prune_tiny_bytes(&by_adam)), "a reset");
    cost_tell("tiny-import", from_blob, n);
    check(n->t.parameters == parameters && prune_tiny_kept(&n->t) == kept, "sizes and mask are as before");
    for (size_t i = 0; i < SAMPLES; i++)
        check(h[i] == *prune_tiny_run(&n->t, n->life->x + i * INPUTS), "it computes what it did");
    n->t.rate = 0.001f;
    train(n, "tiny-reset", 0.9f);
    check(prune_tiny_kept(&n->t) == kept, "what was removed stays so");
    check(prune_tiny_export_bytes(&n->t) <= n->length, "and the blob as small");
}

static void adam(learn *n)
{
    static uint32_t memory[PRUNE_TINY_WORDS(PARAMETERS, NEURONS, LAYERS, PRUNE_TINY_ADAM, PARTS)];
    memory_tell("tiny-adam", sizeof memory);
    check(prune_tiny_bytes(&by_adam) == sizeof memory, "the compiler knows how much Adam needs");
    check(prune_tiny_init(&n->t, &by_adam, memory, sizeof memory - 1) == PRUNE_E_MEMORY, "less is refused");
    check_ok(prune_tiny_init(&n->t, &by_adam, memory, sizeof memory), "Adam in it");
    check_ok(prune_tiny_draw(&n->t, 1), "weights");
    cost_tell("tiny-adam", step, n);
    cost_tell("tiny-run", run, n);
    train(n, "tiny-adam", 0.2f);
    score_and_remove(n);
    const uint32_t neurons = n->t.neurons;
    check_ok(prune_tiny_remove_neuron(&n->t, 0, 3), "a neuron goes");
    cost_tell("tiny-compact", compact, n);
    check(n->t.neurons < neurons, "and is gone");
    train(n, "tiny-small", 1.0f);
    as_blob(n);
    read_back(n, memory);
}

void learn_run(const life *l)
{
    static learn n;
    n.life = l;
    sgd(&n);
    adam(&n);
}
