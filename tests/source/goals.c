/* goals.c -- what the goals of tests/firmware/goals.txt are measured with, by the exporters: goals FOLDER
 *
 * Leaves blobs of drawn weights, and goals.S, which has them all. Prints what is measured on the host: the
 * largest relative error of the runtime's functions, over every 997th float. The status is 77 where the
 * machine is big-endian: there is nothing to export.
 *
 * SPDX-License-Identifier: MIT */
#include <libprune.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CALIBRATION = 64, PATH = 400, STRIDE = 997, BIG_ENDIAN_HOST = 77 };

typedef struct net {
    const char *name;
    size_t widths[4];      /* from the inputs on; 0: there are no more */
    int32_t rows, columns; /* of a block */
    double removed;        /* of all blocks */
    int32_t encoding;      /* -1: the exporter's choice */
    int32_t per_layer;
} net;

static const net nets[] = {
    { "whole", { 20, 10, 10, 1 }, 0, 0, 0.0, -1, 0 },
    { "dense", { 784, 300, 100, 10 }, 0, 0, 0.0, -1, 0 },
    { "blocks_80", { 300, 100 }, 4, 1, 0.8, PRUNE_BLOB_BLOCKS, 0 },
    { "blocks_90", { 300, 100 }, 4, 1, 0.9, PRUNE_BLOB_BLOCKS, 0 },
    { "deltas_80", { 300, 100 }, 1, 1, 0.8, PRUNE_BLOB_DELTAS, 0 },
    { "deltas_90", { 300, 100 }, 1, 1, 0.9, PRUNE_BLOB_DELTAS, 0 },
};
static const net nets8[] = {
    { "whole8", { 20, 10, 10, 1 }, 0, 0, 0.0, -1, 0 },
    { "dense8", { 784, 300, 100, 10 }, 0, 0, 0.0, -1, 0 },
    { "blocks8_80", { 300, 100 }, 1, 4, 0.8, PRUNE_BLOB_BLOCKS8, 0 },
    { "blocks8_90", { 300, 100 }, 1, 4, 0.9, PRUNE_BLOB_BLOCKS8, 0 },
    { "pruned8", { 784, 300, 100, 10 }, 1, 4, 0.9, -1, 0 },
    { "pruned8_layer", { 784, 300, 100, 10 }, 1, 4, 0.9, -1, 1 },
};

static const char *folder;

static void must(prune_status status)
{
    if (status == PRUNE_OK)
        return;
    fprintf(stderr, "goals: %s\n", prune_status_string(status));
    exit(1);
}

/* ReLU, but of the last layer. */
static prune_model *make(const net *n)
{
    prune_model *model;
    must(prune_model_create(&model, NULL, n->widths[0]));
    for (int i = 1; i < 4 && n->widths[i]; i++)
        must(prune_model_add_dense(model, n->widths[i],
                                   i < 3 && n->widths[i + 1] ? PRUNE_RELU : PRUNE_LINEAR));
    must(prune_model_initialize(model, PRUNE_INIT_AUTO, 1));
    if (n->removed == 0.0)
        return model;
    prune_importance *scores;
    prune_selection blocks;
    must(prune_importance_create(&scores, NULL, model, PRUNE_MAGNITUDE));
    prune_selection_init(&blocks);
    if (n->rows * n->columns > 1) {
        blocks.granularity = PRUNE_BLOCKS;
        blocks.block_rows = n->rows;
        blocks.block_columns = n->columns;
    }
    must(prune_mask_fraction(NULL, model, scores, &blocks, n->removed, PRUNE_OF_ALL));
    prune_importance_free(scores);
    return model;
}

static void save(const char *name, const void *blob, size_t bytes)
{
    char path[PATH];
    snprintf(path, sizeof path, "%s/%s.blob", folder, name);
    must(prune_blob_save(path, blob, bytes, NULL));
    snprintf(path, sizeof path, "%s/goals.S", folder);
    FILE *file = fopen(path, "ab");
    if (file == NULL)
        must(PRUNE_E_IO);
    fprintf(file, ".section .rodata\n.balign 4\n.global %s, %s_end\n%s: .incbin \"%s.blob\"\n%s_end:\n", name,
            name, name, name, name);
    fclose(file);
}

static void write_floats(const net *n)
{
    prune_model *model = make(n);
    prune_blob_options options;
    prune_blob_info info;
    prune_blob_options_init(&options);
    prune_blob_info_init(&info);
    options.encodings = &n->encoding;
    options.encoding_count = n->encoding >= 0;
    must(prune_blob_measure(&info, NULL, model, &options, NULL));
    void *blob = malloc(info.bytes);
    if (blob == NULL)
        must(PRUNE_E_MEMORY);
    must(prune_blob_export(blob, info.bytes, NULL, model, &options, NULL));
    save(n->name, blob, info.bytes);
    free(blob);
    prune_model_free(model);
}

static void write_integers(const net *n)
{
    static float x[CALIBRATION * 784];
    prune_model *model = make(n);
    prune_quantize_options options;
    prune_blob_info info;
    prune_quantized *quantized;
    prune_tensor *tensor;
    prune_data data;
    prune_rng rng;
    prune_rng_seed(&rng, 2);
    for (size_t i = 0; i < CALIBRATION * n->widths[0]; i++)
        x[i] = prune_rng_uniform(&rng) * 2.0f - 1.0f;
    prune_quantize_options_init(&options);
    prune_blob_info_init(&info);
    prune_data_init(&data);
    options.encodings = &n->encoding;
    options.encoding_count = n->encoding >= 0;
    options.per_layer = n->per_layer;
    options.backend = prune_backend_reference();
    must(prune_tensor_const_matrix(&tensor, NULL, PRUNE_F32, CALIBRATION, n->widths[0], x));
    data.inputs = tensor;
    must(prune_quantize(&quantized, NULL, model, &data, &options, NULL));
    must(prune_quantized_info(&info, quantized));
    save(n->name, prune_quantized_blob(quantized), info.bytes);
    prune_quantized_free(quantized);
    prune_tensor_free(tensor);
    prune_model_free(model);
}

/* While the result is a normal number. */
static void tell_error(const char *name, float (*ours)(float x), double (*theirs)(double x))
{
    double worst = 0.0;
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += STRIDE) {
        const uint32_t word = (uint32_t)bits;
        float x;
        memcpy(&x, &word, sizeof x);
        const double truth = theirs((double)x), size = fabs(truth);
        const double error = fabs((double)ours(x) - truth) / size;
        if (size >= (double)FLT_MIN && size <= (double)FLT_MAX && !(error <= worst))
            worst = error;
    }
    printf("host error %s %.9f\n", name, worst * 1e9);
}

int main(int count, char **words)
{
    const uint32_t one = 1;
    if (count < 2)
        return 1;
    if (*(const unsigned char *)&one != 1)
        return BIG_ENDIAN_HOST;
    folder = words[1];
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++)
        write_floats(&nets[i]);
    for (size_t i = 0; i < sizeof nets8 / sizeof *nets8; i++)
        write_integers(&nets8[i]);
    tell_error("expf", prune_expf, exp);
    tell_error("tanhf", prune_tanhf, tanh);
    tell_error("logf", prune_logf, log);
    return 0;
}
