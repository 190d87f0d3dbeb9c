/* c_export.c -- models as C source
 *
 * The layers of a blob become constant structs of the same words; a run makes the calls of prune_blob_run().
 * The code in standalone files is the runtime's own (run_text.h).
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/c_export.h"
#include "blob.h"
#include "c_check.h"
#include "c_text.h"
#include "libprune/rng.h"
#include "mem.h"
#include "options.h"
#include "text.h"

enum { MOST_SAMPLES = 65535, MOST_ITEMS = 256 };

typedef struct writing {
    prn_sink sink;
    prune_c_options options;
    const prune_blob_header *header;
    unsigned char *room; /* inputs, outputs, scratch: each of whole words */
} writing;

void prune_c_options_init(prune_c_options *options)
{
    if (options != NULL)
        *options = (prune_c_options){ .size = sizeof *options, .sample_count = 2 };
}

/* ---- text ---- */

static const char *type_name(uint32_t type)
{
    return type == PRUNE_BLOB_I8 ? "int8_t" : type == PRUNE_BLOB_I16 ? "int16_t" : "float";
}

/* $ is the prefix, ^ the same in capitals, ~ and % the types of outputs and inputs, @ the number. */
static void put(writing *w, const char *text, uint64_t number)
{
    for (; *text != '\0'; text++)
        if (*text == '$')
            prn_sink_add(&w->sink, w->options.prefix);
        else if (*text == '^')
            prn_c_upper(&w->sink, w->options.prefix);
        else if (*text == '~')
            prn_sink_add(&w->sink, type_name(w->header->gives));
        else if (*text == '%')
            prn_sink_add(&w->sink, type_name(w->header->takes));
        else if (*text == '@')
            prn_sink_count(&w->sink, number);
        else
            prn_sink_bytes(&w->sink, text, 1);
}

static uint64_t constant_bytes(const prune_blob_header *h)
{
    return ((uint64_t)h->words - 1) * 4 - sizeof *h;
}

#define RUN "void $_run(~ *y, const % *x, void *scratch)"
#define SELFTEST "int32_t $_selftest(~ *y, void *scratch)"
#define QUANTIZE "void $_quantize(int8_t *q, const float *x)"
#define DEQUANTIZE "void $_dequantize(float *y, const int8_t *q)"

static void put_scale(writing *w, const char *name, float scale, int32_t zero)
{
    put(w, name, 0);
    put(w, "_SCALE ", 0);
    prn_c_float(&w->sink, scale);
    put(w, "\n", 0);
    put(w, name, 0);
    put(w, zero < 0 ? "_ZERO (-@)\n" : "_ZERO @\n", zero < 0 ? 0u - (uint32_t)zero : (uint32_t)zero);
}

static void put_prototypes(writing *w)
{
    put(w,
        "/* y[^_OUTPUTS] = model(x[^_INPUTS]). scratch has ^_SCRATCH bytes and is aligned to 4.\n"
        " * None of them overlaps another. */\n" RUN ";\n\n"
        "#define ^_SELFTEST_SAME 0\n#define ^_SELFTEST_ROUNDED 1\n#define ^_SELFTEST_WRONG 2\n\n"
        "/* Runs ^_SAMPLES samples, the last into y. SAME: all outputs are the exporter's; ROUNDED: some\n"
        " * differ by rounding, as with -ffp-contract=fast, GCC's choice without -std=c11; WRONG: one is\n"
        " * wrong. */\n" SELFTEST ";\n\n",
        0);
    if (w->header->takes == PRUNE_BLOB_I8)
        put(w,
            "/* q[^_INPUTS] of x[^_INPUTS]: x / ^_INPUT_SCALE to the nearest, halves away from 0,\n"
            " * plus ^_INPUT_ZERO, cut to -128 .. 127; NaN gives -128. */\n" QUANTIZE ";\n\n",
            0);
    if (w->header->gives == PRUNE_BLOB_I8)
        put(w, "/* y[^_OUTPUTS] of q[^_OUTPUTS]: ^_OUTPUT_SCALE (q - ^_OUTPUT_ZERO). */\n" DEQUANTIZE ";\n\n",
            0);
}

static void put_header(writing *w)
{
    const prune_blob_header *h = w->header;
    put(w, "/* $.h -- a model as C source, made by libprune */\n", 0);
    put(w, "#ifndef ^_H\n#define ^_H\n\n#include <stdint.h>\n\n", 0);
    put(w, "#define ^_INPUTS @\n", h->inputs);
    put(w, "#define ^_OUTPUTS @\n", h->outputs);
    put(w, "#define ^_SCRATCH @ /* bytes */\n", h->scratch < 4 ? 4 : h->scratch);
    put(w, "#define ^_BYTES @ /* of constants */\n", constant_bytes(h));
    put(w, "#define ^_SAMPLES @\n", w->options.sample_count);
    if (h->takes != PRUNE_BLOB_F32)
        put_scale(w, "#define ^_INPUT", h->input_scale, h->input_zero);
    if (h->gives != PRUNE_BLOB_F32)
        put_scale(w, "#define ^_OUTPUT", h->output_scale, h->output_zero);
    put(w, "\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n", 0);
    put_prototypes(w);
    put(w, "#ifdef __cplusplus\n}\n#endif\n\n#endif\n", 0);
}

static void put_infinity(writing *w)
{
    put(w, "#if defined(__GNUC__)\n#define PRN_INFINITY __builtin_inff()\n#else\n#include <math.h>\n", 0);
    put(w, "#define PRN_INFINITY INFINITY\n#endif\n\n", 0);
}

/* ---- layers ---- */

/* What the struct of a layer holds behind its head. */
static void put_members(writing *w, const prune_blob_layer *layer)
{
    const uint32_t *data = prn_layer_data(layer);
    if (layer->op == PRUNE_BLOB_BLOCKS) {
        put(w, "    uint32_t count;\n    float values[@];\n", data[0]);
        put(w, "    uint16_t index[@];\n", 2 * ((uint64_t)layer->words - 1 - data[0]));
    } else if (layer->words != 0)
        put(w, prn_c_has_floats(layer) ? "    float data[@];\n" : "    uint32_t data[@];\n", layer->words);
}

static void put_array(writing *w, int32_t type, const void *elements, size_t count)
{
    prn_sink_add(&w->sink, ",\n    {\n        ");
    prn_c_array(&w->sink, type, elements, count);
    prn_sink_add(&w->sink, "\n    }");
}

static void put_data(writing *w, const prune_blob_layer *layer)
{
    const uint32_t *data = prn_layer_data(layer);
    if (layer->op == PRUNE_BLOB_BLOCKS) {
        put(w, ",\n    @u", data[0]);
        put_array(w, PRUNE_BLOB_F32, data + 1, data[0]);
        put_array(w, PRN_C_HALF, data + 1 + data[0], 2 * ((size_t)layer->words - 1 - data[0]));
    } else if (layer->words != 0)
        put_array(w, prn_c_has_floats(layer) ? PRUNE_BLOB_F32 : PRN_C_WORD, data, layer->words);
}

static void put_layer(writing *w, const prune_blob_layer *layer, uint32_t index)
{
    prn_sink_add(&w->sink, "static const struct {\n    prune_blob_layer layer;\n");
    put_members(w, layer);
    put(w, "} prn_layer_@ = {\n", index);
    put(w, "    { @, 0,", layer->op);
    put(w, " @,", layer->inputs);
    put(w, " @,", layer->outputs);
    put(w, " @u,", layer->to);
    put(w, " @u, ", layer->words);
    prn_c_float(&w->sink, layer->floor);
    prn_sink_add(&w->sink, " }");
    put_data(w, layer);
    prn_sink_add(&w->sink, "\n};\n\n");
}

static void put_place(writing *w, uint32_t to)
{
    if (to == PRUNE_BLOB_OUTPUT)
        prn_sink_add(&w->sink, "y");
    else
        put(w, "at + @", to);
}

static void put_call(writing *w, const prune_blob_layer *layer, const prune_blob_layer *before,
                     uint32_t index)
{
    const prn_run_text *text = prn_c_operation(layer->op);
    prn_sink_add(&w->sink, "    ");
    prn_sink_add(&w->sink, w->options.runtime == NULL ? text->run : text->table);
    prn_sink_add(&w->sink, w->options.runtime == NULL ? "(" : ".run(");
    put_place(w, layer->to);
    prn_sink_add(&w->sink, ", ");
    if (before == NULL)
        prn_sink_add(&w->sink, "x");
    else
        put_place(w, before->to);
    put(w, ", (const prune_blob_layer *)(const void *)&prn_layer_@);\n", index);
}

static int32_t needs_scratch(const prune_blob_header *h)
{
    const prune_blob_layer *layer = prune_blob_first(h);
    uint32_t left = h->layers;
    for (; left != 0 && layer->to == PRUNE_BLOB_OUTPUT; left--)
        layer = prune_blob_next(layer);
    return left != 0;
}

static void put_layers(writing *w)
{
    const prune_blob_layer *layer = prune_blob_first(w->header), *before = NULL;
    for (uint32_t l = 0; l < w->header->layers; l++, layer = prune_blob_next(layer))
        put_layer(w, layer, l);
    put(w, RUN "\n{\n", 0);
    prn_sink_add(&w->sink, needs_scratch(w->header)
                               ? "    unsigned char *const at = (unsigned char *)scratch;\n"
                               : "    (void)scratch;\n");
    layer = prune_blob_first(w->header);
    for (uint32_t l = 0; l < w->header->layers; l++, before = layer, layer = prune_blob_next(layer))
        put_call(w, layer, before, l);
    prn_sink_add(&w->sink, "}\n\n");
}

/* ---- integers and numbers ---- */

static void put_quantize(writing *w)
{
    put(w, QUANTIZE "\n{\n    for (int32_t i = 0; i < ^_INPUTS; i++)\n        q[i] = ", 0);
    put(w, prn_run_integer.run, 0);
    put(w, "(x[i], ^_INPUT_SCALE, ^_INPUT_ZERO);\n}\n\n", 0);
}

static void put_scales(writing *w)
{
    if (w->header->takes == PRUNE_BLOB_I8)
        put_quantize(w);
    if (w->header->gives == PRUNE_BLOB_I8)
        put(w,
            DEQUANTIZE "\n{\n    for (int32_t i = 0; i < ^_OUTPUTS; i++)\n"
                       "        y[i] = ^_OUTPUT_SCALE * (float)(q[i] - ^_OUTPUT_ZERO);\n}\n\n",
            0);
}

/* ---- code ---- */

static void need(unsigned char *needed, const prn_run_text *text)
{
    for (size_t i = 0; i < text->count; i++)
        needed[text->needs[i]] = 1;
}

/* Those of the operations where they are not linked, and what quantizes. */
static void put_items(writing *w)
{
    unsigned char needed[MOST_ITEMS] = { 0 };
    const prune_blob_layer *layer = prune_blob_first(w->header);
    for (uint32_t left = w->header->layers; left != 0; left--, layer = prune_blob_next(layer))
        if (w->options.runtime == NULL)
            need(needed, prn_c_operation(layer->op));
    if (w->header->takes == PRUNE_BLOB_I8)
        need(needed, &prn_run_integer);
    for (uint32_t i = 0; i < prn_run_item_count; i++)
        if (needed[i]) {
            prn_sink_add(&w->sink, prn_run_items[i]);
            prn_sink_add(&w->sink, "\n");
        }
}

static void put_code(writing *w)
{
    put(w, "/* $.c -- a model as C source, made by libprune\n *\n", 0);
    put(w, " * With -ffp-contract=off it computes the same bits everywhere.\n *\n", 0);
    put(w, " * SPDX-License-Identifier: MIT (of what is libprune's) */\n#include \"$.h\"\n\n", 0);
    if (w->header->takes != PRUNE_BLOB_F32)
        put(w,
            "#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == 4321\n"
            "#error \"int8 weights stand in little-endian words\"\n#endif\n\n",
            0);
    if (w->options.runtime == NULL)
        put(w, "#include <float.h>\n#include <stddef.h>\n\n", 0);
    else {
        put(w, "#include \"", 0);
        prn_sink_add(&w->sink, w->options.runtime);
        put(w, "\"\n\n", 0);
    }
    put_infinity(w);
    put_items(w);
}

/* ---- self-test ---- */

static size_t rounded(size_t bytes)
{
    return (bytes + 3) / 4 * 4;
}

static size_t input_bytes(const prune_blob_header *h)
{
    return (size_t)h->inputs << h->takes;
}

static size_t output_bytes(const prune_blob_header *h)
{
    return (size_t)h->outputs << h->gives;
}

static size_t room_bytes(const prune_blob_header *h)
{
    return rounded(input_bytes(h)) + rounded(output_bytes(h)) + h->scratch;
}

static const void *sample_of(const writing *w, size_t sample)
{
    const size_t bytes = input_bytes(w->header);
    float *x = (float *)(void *)w->room;
    prune_rng rng;
    if (w->options.samples != NULL)
        return (const unsigned char *)w->options.samples + sample * bytes;
    prune_rng_seed(&rng, sample + 1);
    for (size_t i = 0; w->header->takes == PRUNE_BLOB_F32 && i < w->header->inputs; i++)
        x[i] = 2.0f * prune_rng_uniform(&rng) - 1.0f;
    for (size_t i = 0; w->header->takes != PRUNE_BLOB_F32 && i < bytes; i++)
        w->room[i] = (unsigned char)(prune_rng_next(&rng) >> 24);
    return w->room;
}

/* The blob has passed its check, and the room is what it needs. */
static const void *outputs_of(const writing *w, size_t sample)
{
    const prune_blob_header *h = w->header;
    unsigned char *y = w->room + rounded(input_bytes(h));
    prune_blob_run(h, prune_blob_ops, y, sample_of(w, sample), y + rounded(output_bytes(h)), h->scratch);
    return y;
}

static prune_status check_samples(const writing *w, prune_error *error)
{
    const prune_blob_header *h = w->header;
    for (size_t s = 0; s < w->options.sample_count; s++) {
        if (h->takes == PRUNE_BLOB_F32 && !prn_c_finite(sample_of(w, s), h->inputs))
            return prn_error_at(error, PRUNE_E_NONFINITE, "options.samples", s, "not finite");
        if (h->gives == PRUNE_BLOB_F32 && !prn_c_finite(outputs_of(w, s), h->outputs))
            return prn_error_at(error, PRUNE_E_NONFINITE, "options.samples", s, "an output is not finite");
    }
    return PRUNE_OK;
}

static void put_vectors(writing *w, int32_t wanted)
{
    const prune_blob_header *h = w->header;
    const int32_t type = wanted ? h->gives : h->takes;
    const size_t count = wanted ? h->outputs : h->inputs;
    put(w,
        wanted ? "static const ~ prn_wanted[^_SAMPLES][^_OUTPUTS] = {\n"
               : "static const % prn_samples[^_SAMPLES][^_INPUTS] = {\n",
        0);
    for (size_t s = 0; s < w->options.sample_count; s++) {
        prn_sink_add(&w->sink, s == 0 ? "    {\n        " : ",\n    {\n        ");
        prn_c_array(&w->sink, type, wanted ? outputs_of(w, s) : sample_of(w, s), count);
        prn_sink_add(&w->sink, "\n    }");
    }
    prn_sink_add(&w->sink, "\n};\n\n");
}

static void put_test(writing *w)
{
    const int32_t is_float = w->header->gives == PRUNE_BLOB_F32;
    put(w, "#ifndef ^_NO_SELFTEST\n", 0);
    put_vectors(w, 0);
    put_vectors(w, 1);
    put(w,
        SELFTEST
        "\n{\n    int32_t worst = 0;\n    for (int32_t s = 0; s < ^_SAMPLES; s++) {\n"
        "        $_run(y, prn_samples[s], scratch);\n        for (int32_t i = 0; i < ^_OUTPUTS; i++) {\n",
        0);
    put(w,
        is_float ? "            const float want = prn_wanted[s][i], off = y[i] < want ? want - y[i] : y[i] "
                   "- want;\n"
                   "            const float bound = 0x1p-13f * (1.0f + (want < 0.0f ? -want : want));\n"
                 : "            const int32_t want = prn_wanted[s][i], off = y[i] < want ? want - y[i] : "
                   "y[i] - want;\n"
                   "            const int32_t bound = 1;\n",
        0);
    put(w,
        "            const int32_t bad = y[i] == want ? ^_SELFTEST_SAME\n"
        "                                : off <= bound ? ^_SELFTEST_ROUNDED : ^_SELFTEST_WRONG;\n"
        "            worst = bad > worst ? bad : worst;\n        }\n    }\n    return worst;\n}\n"
        "#endif\n",
        0);
}

/* ---- the calls ---- */

static prune_status check_options(const prune_c_options *options, prune_error *error)
{
    if (!prn_c_is_prefix(options->prefix, PRUNE_C_PREFIX_LENGTH))
        return prn_error_set(error, PRUNE_E_ARGUMENT, "options.prefix",
                             "it cannot start the names of a C file");
    if (options->runtime != NULL && !prn_c_is_file(options->runtime))
        return prn_error_set(error, PRUNE_E_ARGUMENT, "options.runtime", "it cannot be included");
    if (options->sample_count == 0 || options->sample_count > MOST_SAMPLES)
        return prn_error_set(error, PRUNE_E_RANGE, "options.sample_count", "not from 1 to 65535");
    return PRUNE_OK;
}

static prune_status begin(writing *w, const prune_writer *writer, const void *blob, size_t length,
                          const prune_c_options *options, prune_error *error)
{
    prune_c_options_init(&w->options);
    prune_status status = prn_options_read(&w->options, sizeof w->options, options);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "options", prn_options_reason(status));
    if (writer == NULL || writer->write == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "writer", "NULL");
    if (w->options.prefix == NULL)
        w->options.prefix = "model";
    status = check_options(&w->options, error);
    if (status != PRUNE_OK)
        return status;
    prn_sink_start(&w->sink, writer);
    w->header = blob;
    return prn_c_check_blob(blob, length, error);
}

prune_status prune_c_export_header(const prune_writer *writer, const void *blob, size_t length,
                                   const prune_c_options *options, prune_error *error)
{
    writing w;
    const prune_status status = begin(&w, writer, blob, length, options, error);
    if (status != PRUNE_OK)
        return status;
    put_header(&w);
    return prn_sink_end(&w.sink);
}

static prune_status write_source(writing *w, prune_error *error)
{
    const prune_status status = check_samples(w, error);
    if (status != PRUNE_OK)
        return status;
    put_code(w);
    put_layers(w);
    put_scales(w);
    put_test(w);
    return prn_sink_end(&w->sink);
}

prune_status prune_c_export_source(const prune_writer *writer, const prune_allocator *mem, const void *blob,
                                   size_t length, const prune_c_options *options, prune_error *error)
{
    writing w;
    prune_allocator chosen;
    prune_status status = begin(&w, writer, blob, length, options, error);
    if (status != PRUNE_OK)
        return status;
    status = prn_mem_choose(&chosen, mem);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "mem", prune_status_string(status));
    w.room = prn_mem_alloc(&chosen, 1, room_bytes(w.header));
    if (w.room == NULL)
        return prn_error_set(error, PRUNE_E_MEMORY, "mem", prune_status_string(PRUNE_E_MEMORY));
    status = write_source(&w, error);
    prn_mem_free(&chosen, w.room, 1, room_bytes(w.header));
    return status;
}

const char *prune_c_op_name(uint32_t id)
{
    const prn_run_text *text = prn_c_operation(id);
    return text == NULL ? NULL : text->table;
}
