/* summary.c -- a model described as text
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/summary.h"
#include "model.h"
#include "text.h"

enum { NUMBER_WIDTH = 12, NAME_WIDTH = 24, SHAPE_WIDTH = 14, LINE = 160 };

static void add_numbers(prn_text *line, const prune_layer_info *info)
{
    const uint64_t numbers[] = { info->parameters, info->nonzeros, info->macs, info->macs_kept, info->bytes };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        prn_text_number_right(line, (size_t)numbers[i], NUMBER_WIDTH);
    prn_text_add(line, "\n");
}

static void add_shape(prn_text *line, const prune_layer_info *info)
{
    char shape[SHAPE_WIDTH * 4];
    prn_text text;
    prn_text_start(&text, shape, sizeof shape);
    prn_text_number(&text, prn_shape_count(&info->input));
    prn_text_add(&text, " -> ");
    prn_text_number(&text, prn_shape_count(&info->output));
    prn_text_left(line, shape, SHAPE_WIDTH);
}

static void add_layer(prn_text *line, const prune_layer_info *info, const prn_layer *layer, size_t index)
{
    char name[NAME_WIDTH * 2];
    prn_text text;
    prn_text_start(&text, name, sizeof name);
    prn_text_number(&text, index);
    prn_text_add(&text, " ");
    prn_text_add(&text, layer->ops->name);
    if (layer->ops->has_activation) {
        prn_text_add(&text, ", ");
        prn_text_add(&text, prune_activation_name(info->activation));
    }
    prn_text_left(line, name, NAME_WIDTH);
    add_shape(line, info);
    add_numbers(line, info);
}

static void add_to_total(prune_layer_info *total, const prune_layer_info *info)
{
    total->parameters += info->parameters;
    total->nonzeros += info->nonzeros;
    total->macs += info->macs;
    total->macs_kept += info->macs_kept;
    total->bytes += info->bytes;
}

static void add_header(prn_text *line)
{
    static const char *const titles[] = { "parameters", "non-zeros", "MACs", "MACs kept", "bytes" };
    prn_text_left(line, "layer", NAME_WIDTH);
    prn_text_left(line, "shape", SHAPE_WIDTH);
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++)
        prn_text_right(line, titles[i], NUMBER_WIDTH);
    prn_text_add(line, "\n");
}

static prune_status put(const prune_writer *writer, const prn_text *line)
{
    return writer->write(writer->user, line->bytes, line->length);
}

prune_status prune_model_summary(const prune_model *model, const prune_writer *writer)
{
    char bytes[LINE];
    prn_text line;
    prune_layer_info total = { .size = sizeof total }, info = { .size = sizeof info };
    if (model == NULL || writer == NULL || writer->write == NULL)
        return PRUNE_E_ARGUMENT;
    prn_text_start(&line, bytes, sizeof bytes);
    add_header(&line);
    prune_status status = put(writer, &line);
    for (size_t l = 0; status == PRUNE_OK && l < model->layer_count; l++) {
        status = prune_model_layer_info(&info, model, l);
        if (status != PRUNE_OK)
            return status;
        add_to_total(&total, &info);
        prn_text_start(&line, bytes, sizeof bytes);
        add_layer(&line, &info, model->layers[l], l);
        status = put(writer, &line);
    }
    prn_text_start(&line, bytes, sizeof bytes);
    prn_text_left(&line, "total", NAME_WIDTH + SHAPE_WIDTH);
    add_numbers(&line, &total);
    return status == PRUNE_OK ? put(writer, &line) : status;
}
