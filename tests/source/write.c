/* write.c -- models as C source, for tests/source.sh to compile: write FOLDER RUNTIME
 *
 * net0.c, net0.h, ... are of all encodings, activations and layers, the last ones of int8; main.c runs the
 * self-test of each, and what quantizes. With RUNTIME "-" they stand alone; else it is the header they
 * include, and main.c has the first as a blob too, net0.blob, by blob.S. The status is 77 where the machine
 * is big-endian: there is nothing to export.
 *
 * SPDX-License-Identifier: MIT */
#include <libprune.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NETS = 29,
    FIRST_OF_INT8 = 22,
    ALIKE = 28,
    CALIBRATION = 40,
    WIDEST = 70,
    PATH = 400,
    SAMPLES = 5,
    BIG_ENDIAN_HOST = 77
};

static const char *folder, *runtime;
static char outputs_of[NETS]; /* 'f' or 'i': what a net gives, a member of main()'s y */

static void must(prune_status status)
{
    if (status == PRUNE_OK)
        return;
    fprintf(stderr, "write: %s\n", prune_status_string(status));
    exit(1);
}

static FILE *open_file(const char *name, const char *mode)
{
    char path[PATH];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, mode);
    if (file == NULL)
        must(PRUNE_E_IO);
    return file;
}

static prune_status write_bytes(void *user, const void *bytes, size_t count)
{
    return fwrite(bytes, 1, count, user) == count ? PRUNE_OK : PRUNE_E_SPACE;
}

/* Of `kept` in ten weights are not 0, and biases are of any size. */
static void draw(prune_model *model, prune_rng *rng, uint64_t kept)
{
    static float values[WIDEST * WIDEST];
    for (size_t p = 0; p < prune_model_param_count(model); p++) {
        prune_param_info info;
        prune_param_info_init(&info);
        must(prune_model_param_info(&info, model, p));
        const size_t count = (size_t)info.count;
        for (size_t i = 0; i < count; i++)
            values[i] = !info.prunable                    ? prune_rng_uniform(rng) + 0.1f
                        : prune_rng_below(rng, 10) < kept ? prune_rng_uniform(rng) * 2.0f - 1.0f
                                                          : 0.0f;
        must(prune_model_set_param(model, p, values, count));
    }
}

/* Steps of inputs and weights are 1, so that each row's bias is the same word as its weights. A compiler that
 * knows it may have both in one register. */
static prune_model *make_alike(void)
{
    const float w[4][4] = { { 127, 1 }, { 127, 2 }, { 127, 3 }, { 127, 4 } };
    float b[4];
    prune_model *model;
    for (size_t row = 0; row < 4; row++)
        b[row] = w[row][0] + w[row][1] * 0x1p16f;
    must(prune_model_create(&model, NULL, 4));
    must(prune_model_add_dense(model, 4, PRUNE_LINEAR));
    must(prune_model_set_param(model, 0, w[0], 16));
    must(prune_model_set_param(model, 1, b, 4));
    return model;
}

static prune_model *make(int32_t n, prune_rng *rng)
{
    static const size_t widths[] = { 1, 4, 7, 32, 33, 64, WIDEST };
    prune_model *model;
    if (n == ALIKE)
        return make_alike();
    must(prune_model_create(&model, NULL, widths[(n + 2) % 7]));
    if (n % 4 == 3) /* it cannot be folded */
        must(prune_model_add_batch_norm(model, 0.1f, 1e-5f));
    must(prune_model_add_dense(model, widths[(n + 5) % 7], n % (PRUNE_SOFTPLUS + 1)));
    if (n % 3 == 0)
        must(prune_model_add_activation(model, PRUNE_TANH));
    must(prune_model_add_dense(model, widths[(n + 3) % 7], PRUNE_RELU));
    must(prune_model_add_dense(model, 1 + (size_t)n % 5, n % 2 == 0 ? PRUNE_LINEAR : PRUNE_SIGMOID));
    if (n % 5 == 1)
        must(prune_model_add_softmax(model));
    if (n % 5 == 2)
        must(prune_model_add_log_softmax(model));
    draw(model, rng, 2 + (uint64_t)n % 4 * 3);
    return model;
}

/* As blob.h says. */
static void write_blob(const void *blob, size_t bytes)
{
    char path[PATH];
    snprintf(path, sizeof path, "%s/net0.blob", folder);
    must(prune_blob_save(path, blob, bytes, NULL));
    FILE *file = open_file("blob.S", "wb");
    fprintf(file, ".section .rodata\n.balign 4\n.global net0_blob, net0_blob_end\n"
                  "net0_blob: .incbin \"net0.blob\"\nnet0_blob_end:\n");
    fclose(file);
}

static void write_files(const void *blob, size_t bytes, const char *prefix)
{
    char name[PRUNE_C_PREFIX_LENGTH + 3];
    prune_c_options options;
    prune_c_options_init(&options);
    options.prefix = prefix;
    options.runtime = strcmp(runtime, "-") == 0 ? NULL : runtime;
    options.sample_count = SAMPLES;
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s.%c", prefix, "hc"[i]);
        FILE *file = open_file(name, "wb");
        const prune_writer writer = { write_bytes, file };
        must(i == 0 ? prune_c_export_header(&writer, blob, bytes, &options, NULL)
                    : prune_c_export_source(&writer, NULL, blob, bytes, &options, NULL));
        fclose(file);
    }
}

static void print_words(FILE *file, int32_t n, char name, const void *words, size_t count)
{
    const uint32_t *word = words;
    fprintf(file, "static const union { uint32_t u[%d]; float f[%d]; } %c%d = { {", (int)count, (int)count,
            name, (int)n);
    for (size_t i = 0; i < count; i++)
        fprintf(file, " 0x%lxu,", (unsigned long)word[i]);
    fprintf(file, " } };\n");
}

static void print_integers(FILE *file, int32_t n, const int8_t *q, size_t count)
{
    fprintf(file, "static const int8_t q%d[] = {", (int)n);
    for (size_t i = 0; i < count; i++)
        fprintf(file, " %d,", q[i]);
    fprintf(file, " };\n");
}

/* Halves, and what is no number; as many as the longer end has. */
static void write_scales(const prune_blob_header *h, int32_t n)
{
    static const float odd[] = { NAN, INFINITY, -INFINITY, -0.0f, 1e-45f, 3e38f };
    float x[WIDEST], y[WIDEST] = { 0 };
    int8_t q[WIDEST] = { 0 };
    FILE *file = open_file("scales.h", "ab");
    for (size_t i = 0; i < WIDEST; i++)
        x[i] = i % 4 == 3 ? odd[i / 4 % 6] : h->input_scale * 0.5f * (float)((int32_t)i * 13 % 600 - 300);
    must(prune_blob_quantize(q, h, x));
    print_words(file, n, 'x', x, h->inputs);
    print_integers(file, n, q, h->inputs > h->outputs ? h->inputs : h->outputs);
    if (h->gives == PRUNE_BLOB_I8) {
        must(prune_blob_dequantize(y, h, q));
        print_words(file, n, 'y', y, h->outputs);
    }
    fclose(file);
}

/* In a blob of int8 the first layers have 1 x 4 blocks or not; two of these nets give float, by softmax. */
static void write_integers(const prune_model *model, int32_t n, const char *prefix, prune_rng *rng)
{
    static float x[CALIBRATION * WIDEST];
    const int32_t encodings[] = { n % 2 == 0 ? PRUNE_BLOB_DENSE8 : PRUNE_BLOB_BLOCKS8 };
    const size_t inputs = prune_model_inputs(model);
    prune_quantize_options options;
    prune_blob_info info;
    prune_data data;
    prune_tensor *tensor;
    prune_quantized *quantized;
    for (size_t i = 0; i < CALIBRATION * inputs; i++)
        x[i] = n == ALIKE ? (i % 2 == 0 ? 127.0f : -128.0f) : prune_rng_uniform(rng) * 2.0f - 1.0f;
    prune_quantize_options_init(&options);
    prune_blob_info_init(&info);
    prune_data_init(&data);
    options.encodings = encodings;
    options.encoding_count = 1;
    options.per_layer = n % 3 == 0;
    must(prune_tensor_const_matrix(&tensor, NULL, PRUNE_F32, CALIBRATION, inputs, x));
    data.inputs = tensor;
    must(prune_quantize(&quantized, NULL, model, &data, &options, NULL));
    must(prune_quantized_info(&info, quantized));
    const prune_blob_header *header = prune_quantized_blob(quantized);
    outputs_of[n] = header->gives == PRUNE_BLOB_F32 ? 'f' : 'i';
    write_files(header, info.bytes, prefix);
    write_scales(header, n);
    prune_quantized_free(quantized);
    prune_tensor_free(tensor);
}

static void write_floats(const prune_model *model, int32_t n, const char *prefix)
{
    const int32_t encodings[] = { n % 5, (n + 1) % 5, (n + 2) % 5 };
    prune_blob_options options;
    prune_blob_info info;
    prune_blob_options_init(&options);
    prune_blob_info_init(&info);
    options.encodings = encodings;
    options.encoding_count = 3;
    must(prune_blob_measure(&info, NULL, model, &options, NULL));
    uint32_t *blob = malloc(info.bytes);
    if (blob == NULL)
        must(PRUNE_E_MEMORY);
    must(prune_blob_export(blob, info.bytes, NULL, model, &options, NULL));
    outputs_of[n] = 'f';
    write_files(blob, info.bytes, prefix);
    if (n == 0 && strcmp(runtime, "-") != 0)
        write_blob(blob, info.bytes);
    free(blob);
}

static void write_net(int32_t n, prune_rng *rng)
{
    char prefix[PRUNE_C_PREFIX_LENGTH];
    prune_model *model = make(n, rng);
    snprintf(prefix, sizeof prefix, "net%d", (int)n);
    if (n >= FIRST_OF_INT8)
        write_integers(model, n, prefix, rng);
    else
        write_floats(model, n, prefix);
    prune_model_free(model);
}

static void print_test(FILE *file, int32_t n)
{
    fprintf(file,
            "    if (NET%d_SCRATCH > sizeof scratch)\n        return 4;\n"
            "    status = net%d_selftest(y.%c, scratch);\n    worst = status > worst ? status : worst;\n",
            (int)n, (int)n, outputs_of[n]);
}

static void print_scale_test(FILE *file, int32_t n)
{
    fprintf(file,
            "    net%d_quantize(y.i, x%d.f);\n    if (differ(y.i, q%d, NET%d_INPUTS))\n        return 5;\n",
            (int)n, (int)n, (int)n, (int)n);
    if (outputs_of[n] == 'i')
        fprintf(file,
                "    net%d_dequantize(y.f, q%d);\n    if (differ(y.f, y%d.u, NET%d_OUTPUTS * 4))\n"
                "        return 5;\n",
                (int)n, (int)n, (int)n, (int)n);
}

/* Its operations are in the list, and without the second one it says so. */
static void print_blob_test(FILE *file)
{
    fprintf(
        file,
        "    static const prune_blob_op *const ops[] = { PRUNE_BLOB_OPS_WEIGHTS, &prune_op_tanh, NULL };\n"
        "    static const prune_blob_op *const few[] = { PRUNE_BLOB_OPS_WEIGHTS, PRUNE_BLOB_OPS_INT8, NULL "
        "};\n"
        "    static float z[NET0_OUTPUTS], x[NET0_INPUTS];\n    x[0] = 0.5f;\n"
        "    const size_t length = (size_t)(net0_blob_end - net0_blob) * 4;\n"
        "    net0_run(y.f, x, scratch);\n"
        "    if (prune_blob_check(net0_blob, length, ops) != PRUNE_OK ||\n"
        "        prune_blob_run(net0_blob, ops, z, x, scratch, sizeof scratch) != PRUNE_OK)\n"
        "        return 3;\n    if (differ(y.f, z, sizeof z))\n        return 3;\n"
        "    if (prune_blob_missing(net0_blob, length, ops) != 0 ||\n"
        "        prune_blob_missing(net0_blob, length, few) != PRUNE_BLOB_ACTIVATION + PRUNE_TANH)\n"
        "        return 6;\n");
}

/* The status of main() is the worst of the self-tests; if that is 0, 5 if what quantizes gives other bits
 * than here, 3 if the blob does than the source, 6 if a missing operation is called another. */
static void write_main(void)
{
    const int32_t alone = strcmp(runtime, "-") == 0;
    FILE *file = open_file("main.c", "wb");
    for (int n = 0; n < NETS; n++)
        fprintf(file, "#include \"net%d.h\"\n", n);
    if (!alone)
        fprintf(file, "#include \"%s\"\nextern const uint32_t net0_blob[], net0_blob_end[];\n", runtime);
    fprintf(file,
            "#include \"scales.h\"\n\nstatic int differ(const void *a, const void *b, uint32_t bytes)\n{\n"
            "    const unsigned char *one = (const unsigned char *)a, *other = (const unsigned char *)b;\n"
            "    while (bytes != 0 && one[bytes - 1] == other[bytes - 1])\n        bytes--;\n"
            "    return bytes != 0;\n}\n\nint main(void)\n{\n"
            "    static union { float f[100]; int8_t i[100]; } y;\n"
            "    static uint32_t scratch[200];\n    int32_t worst = 0, status;\n");
    for (int32_t n = 0; n < NETS; n++)
        print_test(file, n);
    fprintf(file, "    if (worst != 0)\n        return worst;\n");
    for (int32_t n = FIRST_OF_INT8; n < NETS; n++)
        print_scale_test(file, n);
    if (!alone)
        print_blob_test(file);
    fprintf(file, "    return 0;\n}\n");
    fclose(file);
}

int main(int count, char **words)
{
    const uint32_t one = 1;
    if (count < 3)
        return 1;
    if (*(const unsigned char *)&one != 1)
        return BIG_ENDIAN_HOST;
    folder = words[1];
    runtime = words[2];
    prune_rng rng;
    prune_rng_seed(&rng, 1);
    for (int n = 0; n < NETS; n++)
        write_net(n, &rng);
    write_main();
    return 0;
}
