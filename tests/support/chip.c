/* chip.c -- nets of tiny.h on the host, and the same nets as models
 *
 * SPDX-License-Identifier: MIT */
#include "chip.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const prune_activation *chip_activation(int32_t activation)
{
    static const prune_activation *const all[] = {
        &prune_activation_linear, &prune_activation_relu,       &prune_activation_sigmoid,
        &prune_activation_tanh,   &prune_activation_leaky_relu, &prune_activation_elu,
        &prune_activation_selu,   &prune_activation_gelu,       &prune_activation_gelu_tanh,
        &prune_activation_silu,   &prune_activation_softplus,
    };
    return all[activation];
}

void chip_open(chip *c, const chip_shape *shape, const prune_tiny_loss *loss,
               const prune_tiny_optimizer *optimizer, uint32_t parts, uint64_t seed)
{
    for (size_t l = 0; l < shape->layers; l++) {
        const int32_t activation = l + 1 == shape->layers ? PRUNE_LINEAR : shape->hidden;
        c->layers[l] = (prune_tiny_layer){ (uint32_t)shape->widths[l + 1], chip_activation(activation) };
    }
    c->plan = (prune_tiny_plan){ .inputs = (uint32_t)shape->widths[0],
                                 .layer_count = (uint32_t)shape->layers,
                                 .layers = c->layers,
                                 .loss = loss,
                                 .optimizer = optimizer,
                                 .parts = parts };
    const size_t bytes = prune_tiny_bytes(&c->plan);
    ck_assert_uint_gt(bytes, 0);
    c->memory = malloc(bytes);
    ck_assert_ptr_nonnull(c->memory);
    ck_assert_ok(prune_tiny_init(&c->t, &c->plan, c->memory, bytes));
    ck_assert_ok(prune_tiny_draw(&c->t, seed));
}

void chip_close(chip *c)
{
    free(c->memory);
}

int32_t chip_keeps(const prune_tiny *t, size_t i)
{
    return t->mask == NULL || (t->mask[i / 32] & 1u << i % 32) != 0;
}

static int32_t activation_of(const chip *c, size_t layer)
{
    int32_t activation = 0;
    while (chip_activation(activation) != c->layers[layer].activation)
        activation++;
    return activation;
}

/* Parameter p, which is at *at in the chip's. */
static void set_param(prune_model *model, size_t p, const chip *c, size_t *at)
{
    prune_param_info info = { .size = sizeof info };
    ck_assert_ok(prune_model_param_info(&info, model, p));
    uint8_t *mask = malloc((size_t)info.count);
    ck_assert_ptr_nonnull(mask);
    for (size_t i = 0; i < info.count; i++)
        mask[i] = (uint8_t)chip_keeps(&c->t, *at + i);
    ck_assert_ok(prune_model_set_param(model, p, c->t.weight + *at, (size_t)info.count));
    ck_assert_ok(prune_mask_set(model, p, mask, (size_t)info.count));
    free(mask);
    *at += (size_t)info.count;
}

prune_model *chip_model(const chip *c)
{
    prune_model *model;
    size_t at = 0;
    ck_assert_ok(prune_model_create(&model, NULL, c->t.width[0]));
    for (size_t l = 0; l < c->plan.layer_count; l++)
        ck_assert_ok(prune_model_add_dense(model, c->t.width[l + 1], activation_of(c, l)));
    for (size_t p = 0; p < prune_model_param_count(model); p++)
        set_param(model, p, c, &at);
    ck_assert_uint_eq(at, c->t.parameters);
    return model;
}

double chip_distance(const chip *c, const prune_model *model)
{
    double worst = 0.0;
    size_t at = 0;
    for (size_t p = 0; p < prune_model_param_count(model); p++) {
        prune_param_info info = { .size = sizeof info };
        ck_assert_ok(prune_model_param_info(&info, model, p));
        for (size_t i = 0; i < info.count; i++) {
            const double d = fabs((double)c->t.weight[at++] - (double)prune_model_param(model, p)[i]);
            worst = d <= worst ? worst : isnan(d) ? (double)INFINITY : d;
        }
    }
    ck_assert_uint_eq(at, c->t.parameters);
    return worst;
}

size_t chip_check(const chip *c)
{
    size_t removed = 0;
    for (size_t i = 0; i < c->t.parameters; i++) {
        if (chip_keeps(&c->t, i))
            continue;
        removed++;
        ck_assert(c->t.weight[i] == 0.0f);
        for (size_t m = 0; m < 2; m++)
            ck_assert(c->t.moment[m] == NULL || c->t.moment[m][i] == 0.0f);
    }
    return removed;
}

static uint64_t add(uint64_t hash, const void *words, size_t count)
{
    for (size_t i = 0; words != NULL && i < count; i++) {
        uint32_t word;
        memcpy(&word, (const unsigned char *)words + i * sizeof word, sizeof word);
        hash = (hash ^ word) * UINT64_C(0x100000001b3);
    }
    return hash;
}

uint64_t chip_hash(const prune_tiny *t)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    hash = add(hash, t->weight, t->parameters);
    hash = add(hash, t->moment[0], t->parameters);
    hash = add(hash, t->moment[1], t->parameters);
    hash = add(hash, t->gradient, t->parameters);
    hash = add(hash, t->mask, (t->parameters + 31) / 32);
    hash = add(hash, t->powers, 2);
    return add(hash, &t->samples, 1);
}
