/* infer.c -- every encoding and every activation as the runtime computes them, beside prune_predict()
 *
 * SPDX-License-Identifier: MIT */
#include "infer.h"

#include "tell.h"

#include <string.h>

enum { IN = 200, OUT = 40, MAPPED = 32, MEMORY = 1 << 17, BLOB = 1 << 15, SCRATCH = 4096, KEEP_ONE_OF = 10 };

typedef struct infer {
    prune_arena arena;
    prune_allocator mem;
    prune_model *model;
    uint32_t blob[BLOB / 4 + 256], scratch[SCRATCH / 4];
    size_t length;
    float x[IN], y[IN], wanted[IN];
} infer;

static prune_status run(void *user)
{
    infer *f = user;
    return prune_blob_run(f->blob, prune_blob_ops, f->y, f->x, f->scratch, prune_blob_scratch(f->blob));
}

/* For dense layers alone; in assembly where there is any. */
static prune_status run_vfp(void *user)
{
    static const prune_blob_op *const vfp[] = { &prune_op_dense_vfp, NULL };
    infer *f = user;
    return prune_blob_run(f->blob, vfp, f->y, f->x, f->scratch, prune_blob_scratch(f->blob));
}

static prune_status look(void *user)
{
    infer *f = user;
    return prune_blob_check(f->blob, f->length, prune_blob_ops);
}

static void export(infer *f, const prune_model *model, const prune_blob_options *options)
{
    prune_blob_info info;
    prune_blob_info_init(&info);
    check_ok(prune_blob_measure(&info, &f->mem, model, options, NULL), "a blob is measured");
    f->length = info.bytes;
    check(info.bytes <= sizeof f->blob && info.scratch <= SCRATCH, "blob and scratch fit");
    check_ok(prune_blob_export(f->blob, f->length, &f->mem, model, options, NULL), "a blob is exported");
    check(prune_blob_scratch(f->blob) == info.scratch, "scratch is what was measured");
    hash_bytes(f->blob, f->length);
}

static void predict(infer *f, const prune_model *model)
{
    prune_tensor *x, *y;
    prune_workspace *workspace;
    check_ok(prune_tensor_matrix(&x, &f->mem, PRUNE_F32, 1, prune_model_inputs(model), f->x), "x");
    check_ok(prune_tensor_matrix(&y, &f->mem, PRUNE_F32, 1, prune_model_outputs(model), f->wanted), "y");
    check_ok(prune_workspace_create(&workspace, &f->mem, model, 1, prune_backend_reference()), "a workspace");
    check_ok(prune_predict(y, model, workspace, x), "a prediction");
    prune_workspace_free(workspace);
    prune_tensor_free(y);
    prune_tensor_free(x);
}

/* What f->blob, exported from the model, computes, and what it takes. */
static void as_predicted(infer *f, const prune_model *model, const char *name)
{
    const size_t outputs = prune_model_outputs(model), scratch = prune_blob_scratch(f->blob);
    check_ok(look(f), "a blob is sound");
    predict(f, model);
    cost_tell(name, run, f);
    for (size_t i = 0; i < outputs; i++) {
        const float off = f->y[i] - f->wanted[i], most = 1e-5f * (1.0f + f->wanted[i] * f->wanted[i]);
        check(off <= most && -off <= most, "the blob computes what the model does");
    }
    hash_floats(f->y, outputs);
    if (scratch)
        check(prune_blob_run(f->blob, prune_blob_ops, f->y, f->x, f->scratch, scratch - 1) == PRUNE_E_MEMORY,
              "less scratch is refused");
}

/* Beside what f->y has from C. */
static void as_in_c(infer *f, size_t outputs, const char *name)
{
    float y[OUT];
    memcpy(y, f->y, outputs * sizeof *y);
    memset(f->y, 0, outputs * sizeof *y);
    cost_tell(name, run_vfp, f);
    check(memcmp(y, f->y, outputs * sizeof *y) == 0, "assembly gives the bits of C");
    hash_floats(f->y, outputs);
}

/* A checksum finds any one bit. */
static void altered(infer *f)
{
    unsigned char *byte = (unsigned char *)f->blob;
    for (size_t i = 0; i < f->length; i++) {
        const unsigned char bit = (unsigned char)(1u << i % 8);
        byte[i] ^= bit;
        check(look(f) != PRUNE_OK, "an altered blob is refused");
        byte[i] ^= bit;
    }
    const size_t length = f->length;
    for (f->length = 0; f->length < length; f->length++)
        check(look(f) != PRUNE_OK, "half a blob is refused");
}

/* Of 4 x 1 blocks, one of KEEP_ONE_OF is kept. */
static void make_sparse(infer *f)
{
    static uint8_t kept[OUT * IN];
    prune_rng rng;
    prune_rng_seed(&rng, 3);
    check_ok(prune_model_create(&f->model, &f->mem, IN), "a wide model");
    check_ok(prune_model_add_dense(f->model, OUT, PRUNE_RELU), "its layer");
    check_ok(prune_model_initialize(f->model, PRUNE_INIT_AUTO, 3), "its weights");
    for (size_t row = 0; row < OUT; row += 4)
        for (size_t column = 0; column < IN; column++)
            kept[row * IN + column] = prune_rng_below(&rng, KEEP_ONE_OF) == 0;
    for (size_t row = 0; row < OUT; row++)
        memmove(kept + row * IN, kept + row / 4 * 4 * IN, IN);
    check_ok(prune_mask_set(f->model, 0, kept, sizeof kept), "its mask");
    for (size_t i = 0; i < IN; i++)
        f->x[i] = 2.0f * prune_rng_uniform(&rng) - 1.0f;
}

static void encodings(infer *f)
{
    static const char *const names[] = { "run-dense", "run-blocks", "run-deltas", "run-bitmask" };
    prune_blob_options options;
    int32_t encoding = PRUNE_BLOB_DENSE;
    prune_blob_options_init(&options);
    options.encodings = &encoding;
    options.encoding_count = 1;
    make_sparse(f);
    for (; encoding <= PRUNE_BLOB_BITMASK; encoding++) {
        export(f, f->model, &options);
        memory_tell(names[encoding - PRUNE_BLOB_DENSE], f->length);
        as_predicted(f, f->model, names[encoding - PRUNE_BLOB_DENSE]);
        if (encoding == PRUNE_BLOB_DENSE)
            as_in_c(f, OUT, "vfp-dense");
    }
    prune_model_free(f->model);
    hash_tell("run-encodings");
}

static void one_activation(infer *f, int32_t activation)
{
    check_ok(prune_model_create(&f->model, &f->mem, MAPPED), "a model of one function");
    check_ok(prune_model_add_activation(f->model, activation), "its layer");
    export(f, f->model, NULL);
    as_predicted(f, f->model, prune_activation_name(activation));
    prune_model_free(f->model);
}

static void softmaxes(infer *f)
{
    check_ok(prune_model_create(&f->model, &f->mem, MAPPED), "a model of softmaxes");
    check_ok(prune_model_add_log_softmax(f->model), "log-softmax");
    check_ok(prune_model_add_softmax(f->model), "softmax");
    export(f, f->model, NULL);
    as_predicted(f, f->model, "softmaxes");
    prune_model_free(f->model);
}

static void activations(infer *f)
{
    for (int32_t a = PRUNE_LINEAR + 1; prune_activation_name(a); a++)
        one_activation(f, a);
    softmaxes(f);
    hash_tell("run-functions");
}

/* 20-10-10-1 with all its weights. */
static void whole(infer *f)
{
    check_ok(prune_model_create(&f->model, &f->mem, INPUTS), "a whole model");
    check_ok(prune_model_add_dense(f->model, HIDDEN, PRUNE_RELU), "its first layer");
    check_ok(prune_model_add_dense(f->model, HIDDEN, PRUNE_RELU), "its second");
    check_ok(prune_model_add_dense(f->model, OUTPUTS, PRUNE_LINEAR), "its third");
    check_ok(prune_model_initialize(f->model, PRUNE_INIT_AUTO, 2), "its weights");
    export(f, f->model, NULL);
    as_predicted(f, f->model, "run-whole");
    as_in_c(f, OUTPUTS, "vfp-whole");
    prune_model_free(f->model);
}

void infer_run(const life *l)
{
    static _Alignas(16) unsigned char memory[MEMORY];
    static infer f;
    check_ok(prune_arena_init(&f.arena, memory, sizeof memory), "an arena for the runtime");
    check_ok(prune_arena_allocator(&f.mem, &f.arena), "its allocator");
    encodings(&f);
    activations(&f);
    memcpy(f.x, l->x, INPUTS * sizeof *f.x);
    whole(&f);
    export(&f, l->small, NULL);
    as_predicted(&f, l->small, "run-small");
    export(&f, l->model, NULL);
    as_predicted(&f, l->model, "run-pruned");
    hash_tell("run-models");
    cost_tell("check", look, &f);
    altered(&f);
}
