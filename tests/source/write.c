/* write.c -- models as C source, for tests/source.sh to compile: write FOLDER RUNTIME
 *
 * net0.c, net0.h, ... are of all encodings, activations and layers, the last ones of int8; main.c runs the
 * self-test of each. With RUNTIME "-" they stand alone; else it is the header they include, and main.c has
 * the first as a blob too. The status is 77 where the machine is big-endian: there is nothing to export.
 *
 * SPDX-License-Identifier: MIT */
#include <libprune.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NETS = 28,
    FIRST_OF_INT8 = 22,
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

static FILE *open_file(const char *name)
{
    char path[PATH];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
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

static prune_model *make(int32_t n, prune_rng *rng)
{
    static const size_t widths[] = { 1, 4, 7, 32, 33, 64, WIDEST };
    prune_model *model;
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

static void write_blob(const uint32_t *blob, size_t words)
{
    FILE *file = open_file("blob.h");
    fprintf(file, "static const uint32_t blob[] = {\n");
    for (size_t i = 0; i < words; i++)
        fprintf(file, "    0x%08lxu,\n", (unsigned long)blob[i]);
    fprintf(file, "};\n");
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
        FILE *file = open_file(name);
        const prune_writer writer = { write_bytes, file };
        must(i == 0 ? prune_c_export_header(&writer, blob, bytes, &options, NULL)
                    : prune_c_export_source(&writer, NULL, blob, bytes, &options, NULL));
        fclose(file);
    }
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
        x[i] = prune_rng_uniform(rng) * 2.0f - 1.0f;
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
    if (n == 0)
        write_blob(blob, info.bytes / 4);
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

/* The status of main() is the worst of the self-tests, or 3 if the blob gives other bits than the source. */
static void write_main(void)
{
    const int32_t alone = strcmp(runtime, "-") == 0;
    FILE *file = open_file("main.c");
    for (int n = 0; n < NETS; n++)
        fprintf(file, "#include \"net%d.h\"\n", n);
    if (!alone)
        fprintf(file, "#include \"%s\"\n#include \"blob.h\"\n", runtime);
    fprintf(file, "\nint main(void)\n{\n    static union { float f[100]; int8_t i[100]; } y;\n"
                  "    static uint32_t scratch[200];\n    int32_t worst = 0, status;\n");
    for (int n = 0; n < NETS; n++)
        fprintf(file,
                "    if (NET%d_SCRATCH > sizeof scratch)\n        return 4;\n"
                "    status = net%d_selftest(y.%c, scratch);\n    worst = status > worst ? status : worst;\n",
                n, n, outputs_of[n]);
    if (!alone)
        fprintf(file,
                "    static float z[NET0_OUTPUTS], x[NET0_INPUTS];\n    x[0] = 0.5f;\n"
                "    net0_run(y.f, x, scratch);\n"
                "    if (prune_blob_check(blob, sizeof blob, prune_blob_ops) != PRUNE_OK ||\n"
                "        prune_blob_run(blob, prune_blob_ops, z, x, scratch, sizeof scratch) != PRUNE_OK)\n"
                "        return 3;\n    for (int i = 0; i < NET0_OUTPUTS; i++)\n"
                "        if (y.f[i] < z[i] || y.f[i] > z[i])\n            return 3;\n");
    fprintf(file, "    return worst;\n}\n");
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
