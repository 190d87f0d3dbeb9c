/* sections.c -- what a model is in a file: the sections ARCH, WGHT and MASK
 *
 * Reading goes over a file twice. First nothing is believed and nothing allocated: the container is
 * checked, and the sizes of all sections against the architecture. Then the model is made and filled, by
 * the same code that checked the sizes, and every number is looked at.
 *
 * SPDX-License-Identifier: MIT */
#include "sections.h"
#include "kinds.h"
#include "text.h"

#include <string.h>

enum { ARCH_START_BYTES = 12, ARCH_LAYER_BYTES = 8 };

const prn_section prn_sections_known[PRN_SECTIONS] = {
    [PRN_ARCH] = { .id = PRN_SECTION_ID('A', 'R', 'C', 'H'), .flags = PRN_SECTION_REQUIRED },
    [PRN_WGHT] = { .id = PRN_SECTION_ID('W', 'G', 'H', 'T'), .flags = PRN_SECTION_REQUIRED },
    [PRN_MASK] = { .id = PRN_SECTION_ID('M', 'A', 'S', 'K'), .flags = PRN_SECTION_REQUIRED },
    [PRN_TRNR] = { .id = PRN_SECTION_ID('T', 'R', 'N', 'R') },
    [PRN_PNLT] = { .id = PRN_SECTION_ID('P', 'N', 'L', 'T'), .flags = PRN_SECTION_REQUIRED },
    [PRN_PLOG] = { .id = PRN_SECTION_ID('P', 'L', 'O', 'G') },
};

prune_status prn_sections_error(prune_error *error, prune_status status, int32_t section, const char *reason)
{
    return prn_section_error(error, status, prn_sections_known[section].id, reason);
}

/* ---- writing ---- */

/* Bytes of a layer's record behind kind and length. */
static uint32_t spec_bytes(const prn_layer_ops *ops)
{
    return (ops->has_activation ? 4u : 0u) + (ops->has_outputs ? 8u : 0u) + 4u * (uint32_t)ops->settings;
}

static void put_layer(prn_sink *sink, const prn_layer *layer)
{
    prn_put_u32(sink, (uint32_t)layer->ops->kind);
    prn_put_u32(sink, spec_bytes(layer->ops));
    if (layer->ops->has_activation)
        prn_put_u32(sink, (uint32_t)layer->spec.activation);
    if (layer->ops->has_outputs)
        prn_put_u64(sink, layer->spec.outputs);
    for (size_t i = 0; i < layer->ops->settings; i++)
        prn_put_float(sink, layer->spec.settings[i]);
}

static void put_arch(prn_sink *sink, const void *what)
{
    const prune_model *model = what;
    prn_put_u64(sink, prn_shape_count(&model->input));
    prn_put_u32(sink, (uint32_t)model->layer_count);
    for (size_t l = 0; l < model->layer_count; l++)
        put_layer(sink, model->layers[l]);
}

static void put_weights(prn_sink *sink, const void *what)
{
    prn_walk w = { .model = what };
    for (const prn_param *param = prn_walk_next(&w); param != NULL; param = prn_walk_next(&w))
        for (size_t i = 0; i < param->count; i++)
            prn_put_float(sink, param->value[i]);
}

void prn_mask_put(prn_sink *sink, const uint32_t *mask, size_t count)
{
    for (size_t i = 0; i < count; i += 8) {
        const uint32_t bits = mask[i / 32] >> i % 32 & 0xff;
        const size_t left = count - i;
        prn_put_byte(sink, left < 8 ? bits & (((uint32_t)1 << left) - 1) : bits);
    }
}

static void put_masks(prn_sink *sink, const void *what)
{
    prn_walk w = { .model = what };
    for (const prn_param *param = prn_walk_next(&w); param != NULL; param = prn_walk_next(&w))
        prn_mask_put(sink, param->mask, param->count);
}

static int32_t has_removed(const prune_model *model)
{
    prn_walk w = { .model = model };
    for (const prn_param *param = prn_walk_next(&w); param != NULL; param = prn_walk_next(&w))
        if (param->removed != 0)
            return 1;
    return 0;
}

size_t prn_sections_put(prn_payload payloads[PRN_SECTIONS], const prune_model *model)
{
    size_t count = 0;
    payloads[count++] = (prn_payload){ prn_sections_known[PRN_ARCH], put_arch, model };
    payloads[count++] = (prn_payload){ prn_sections_known[PRN_WGHT], put_weights, model };
    if (has_removed(model))
        payloads[count++] = (prn_payload){ prn_sections_known[PRN_MASK], put_masks, model };
    return count;
}

/* ---- reading ---- */

/* What the architecture has not claimed yet of the other sections. */
typedef struct budget {
    uint64_t floats, mask_bytes;
    int32_t has_masks;
} budget;

static int32_t claim(uint64_t *left, uint64_t wanted)
{
    const int32_t fits = wanted <= *left;
    *left -= fits ? wanted : 0;
    return fits;
}

static int32_t claim_params(budget *b, const prn_layer *layer)
{
    for (size_t p = 0; p < layer->param_count; p++) {
        const uint64_t count = layer->params[p].count;
        if (!claim(&b->floats, count) ||
            (b->has_masks && !claim(&b->mask_bytes, (count >> 3) + ((count & 7) != 0))))
            return 0;
    }
    return 1;
}

static int32_t is_width(uint64_t width)
{
    return width != 0 && width <= INT32_MAX;
}

static prune_status arch_error(prune_error *error, const char *reason)
{
    return prn_sections_error(error, PRUNE_E_FORMAT, PRN_ARCH, reason);
}

/* A layer's record; the plan checks what stands in it. */
static prune_status read_spec(prn_layer_spec *spec, prn_source *source, prune_error *error)
{
    const uint32_t kind = prn_get_u32(source), length = prn_get_u32(source);
    const prn_layer_ops *ops = prn_kinds_find(kind);
    if (source->status != PRUNE_OK)
        return prn_source_close(source, error);
    if (ops == NULL || length != spec_bytes(ops))
        return arch_error(error, "unknown kind of layer, or a record that is not as long as its contents");
    *spec = (prn_layer_spec){ .kind = ops->kind };
    const uint32_t activation = ops->has_activation ? prn_get_u32(source) : PRUNE_LINEAR;
    spec->activation = activation > INT32_MAX ? -1 : (int32_t)activation;
    spec->outputs = ops->has_outputs ? prn_get_u64(source) : 0;
    for (size_t i = 0; i < ops->settings; i++)
        spec->settings[i] = prn_get_float(source);
    return source->status == PRUNE_OK ? PRUNE_OK : prn_source_close(source, error);
}

static const char *plan_reason(prune_status status)
{
    switch (status) {
    case PRUNE_E_ARGUMENT:
        return "unknown activation";
    case PRUNE_E_SIZE:
    case PRUNE_E_LIMIT:
        return "a layer's width is not 1 .. 2^31 - 1";
    case PRUNE_E_RANGE:
        return "a number of a layer is out of range";
    default:
        return "the layers need more weights or mask bits than there are";
    }
}

/* One layer, checked; appended to the model unless that is NULL. */
static prune_status read_layer(prn_source *source, budget *b, prune_shape *shape, prune_model *model,
                               prune_error *error)
{
    prn_layer_spec spec;
    prn_layer_plan plan;
    prune_status status = read_spec(&spec, source, error);
    if (status != PRUNE_OK)
        return status;
    status = prn_model_plan(&plan, &spec, shape);
    if (status != PRUNE_OK || !claim_params(b, &plan.layer))
        return arch_error(error, plan_reason(status));
    *shape = plan.layer.output;
    status = model == NULL ? PRUNE_OK : prn_model_add(model, &spec);
    return status == PRUNE_OK ? PRUNE_OK
                              : prn_sections_error(error, status, PRN_ARCH, prune_status_string(status));
}

static prune_status read_arch_start(prn_source *source, uint64_t *inputs, uint32_t *layers,
                                    prune_error *error)
{
    *inputs = prn_get_u64(source);
    *layers = prn_get_u32(source);
    if (source->status != PRUNE_OK)
        return prn_source_close(source, error);
    if (!is_width(*inputs) || *layers == 0)
        return arch_error(error, "no layers, or inputs not 1 .. 2^31 - 1");
    if ((source->section.length - ARCH_START_BYTES) / ARCH_LAYER_BYTES < *layers)
        return arch_error(error, "shorter than so many layers");
    return PRUNE_OK;
}

static prune_status read_layers(prn_source *source, const prn_file_sections *f,
                                const uint64_t inputs_layers[2], prune_model *model, prune_error *error)
{
    budget b = { f->sections[PRN_WGHT].length >> 2, f->sections[PRN_MASK].length,
                 f->sections[PRN_MASK].offset != 0 };
    prune_shape shape = { 1, { (size_t)inputs_layers[0], 0, 0, 0 } };
    for (uint64_t l = 0; l < inputs_layers[1]; l++) {
        const prune_status status = read_layer(source, &b, &shape, model, error);
        if (status != PRUNE_OK)
            return status;
    }
    if (prn_source_left(source) != 0)
        return arch_error(error, "longer than its layers");
    if (b.floats != 0 || (f->sections[PRN_WGHT].length & 3) != 0 || b.mask_bytes != 0)
        return arch_error(error, "there are more weights or mask bits than the layers need");
    return prn_source_close(source, error);
}

/* Checks the architecture; with `out`, makes a model of it too. On failure *out is what there is so far. */
static prune_status read_arch(prune_model **out, const prune_allocator *mem, const prn_file_sections *f,
                              prune_error *error)
{
    prn_source source;
    uint64_t inputs;
    uint32_t layers;
    prn_source_open(&source, f->reader, &f->sections[PRN_ARCH]);
    prune_status status = read_arch_start(&source, &inputs, &layers, error);
    if (status != PRUNE_OK)
        return status;
    if (out != NULL)
        status = prune_model_create(out, mem, (size_t)inputs);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "model", prune_status_string(status));
    return read_layers(&source, f, (const uint64_t[2]){ inputs, layers }, out == NULL ? NULL : *out, error);
}

static prune_status read_weights(prune_model *model, const prn_file_sections *f, prune_error *error)
{
    prn_source source;
    prn_walk w = { .model = model };
    prn_source_open(&source, f->reader, &f->sections[PRN_WGHT]);
    for (prn_param *param = prn_walk_next(&w); param != NULL; param = prn_walk_next(&w))
        for (size_t i = 0; i < param->count; i++)
            param->value[i] = prn_get_float(&source);
    return prn_source_close(&source, error);
}

int32_t prn_mask_get(uint32_t *mask, size_t count, prn_source *source)
{
    for (size_t i = 0; i < count; i += 8) {
        const uint32_t bits = prn_get_byte(source);
        const size_t left = count - i;
        const uint32_t padding = left < 8 ? 0xffu << left & 0xff : 0;
        if (bits & padding)
            return 0;
        mask[i / 32] &= ~((~(bits | padding) & 0xff) << i % 32);
    }
    return 1;
}

/* Returns 0 if a padding bit is set, or a running statistic removed. */
static int32_t read_param_mask(prn_source *source, prn_param *param)
{
    if (!prn_mask_get(param->mask, param->count, source))
        return 0;
    param->removed = prn_param_count_removed(param);
    return !param->statistic || param->removed == 0;
}

static prune_status read_masks(prune_model *model, const prn_file_sections *f, prune_error *error)
{
    prn_source source;
    prn_walk w = { .model = model };
    if (f->sections[PRN_MASK].offset == 0)
        return PRUNE_OK;
    prn_source_open(&source, f->reader, &f->sections[PRN_MASK]);
    for (prn_param *param = prn_walk_next(&w); param != NULL; param = prn_walk_next(&w))
        if (!read_param_mask(&source, param))
            return prn_sections_error(error, PRUNE_E_FORMAT, PRN_MASK,
                                      "a padding bit is set, or a running statistic is removed");
    return prn_source_close(&source, error);
}

prune_status prn_sections_check(prn_file_sections *f, const prune_reader *reader, prune_error *error)
{
    if (reader == NULL || reader->read_at == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "reader", "a pointer is NULL");
    f->reader = reader;
    memcpy(f->sections, prn_sections_known, sizeof prn_sections_known);
    const prune_status status = prn_container_check(reader, f->sections, PRN_SECTIONS, error);
    if (status != PRUNE_OK)
        return status;
    for (int32_t s = PRN_ARCH; s <= PRN_WGHT; s++)
        if (f->sections[s].offset == 0)
            return prn_sections_error(error, PRUNE_E_FORMAT, s, "is missing");
    return read_arch(NULL, NULL, f, error);
}

/* They are 0 already, but -0 is not what the library writes. */
static void clear_removed(prune_model *model)
{
    prn_walk w = { .model = model };
    for (const prn_param *param = prn_walk_next(&w); param != NULL; param = prn_walk_next(&w))
        prn_param_mask_values(param, param->value);
}

prune_status prn_sections_read(prune_model **out, const prune_allocator *mem, const prn_file_sections *f,
                               prune_error *error)
{
    prune_model *model = NULL;
    prune_status status = read_arch(&model, mem, f, error);
    if (status == PRUNE_OK)
        status = read_weights(model, f, error);
    if (status == PRUNE_OK)
        status = read_masks(model, f, error);
    if (status == PRUNE_OK)
        status = prune_model_verify(model, error);
    if (status != PRUNE_OK) {
        prune_model_free(model);
        return status;
    }
    clear_removed(model);
    *out = model;
    return PRUNE_OK;
}
