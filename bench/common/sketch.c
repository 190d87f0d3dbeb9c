/* sketch.c -- pictures of one net
 *
 * SPDX-License-Identifier: MIT */
#include "sketch.h"
#include "output.h"

enum { LAYERS = 8, LEVELS = 20, NAME = 32 };

/* Every twentieth, but for the last, which is nearly all. */
static void choose_fractions(double fractions[LEVELS])
{
    for (size_t i = 0; i + 1 < LEVELS; i++)
        fractions[i] = (double)(i + 1) / LEVELS;
    fractions[LEVELS - 1] = 0.98;
}

static void scan(prune_sensitivity *table, prune_model *model, const prune_importance *scores,
                 const dataset *set)
{
    prune_error error;
    must(prune_sensitivity_scan(table, model, scores, &set->data, NULL, &error), "sensitivity", &error);
}

static void name_layer(char name[NAME], const prune_model *model, size_t layer)
{
    prune_layer_info info;
    prune_layer_info_init(&info);
    must(prune_model_layer_info(&info, model, layer), "model", NULL);
    snprintf(name, NAME, "layer %d, %d -> %d", (int)layer, (int)info.input.dims[0], (int)info.output.dims[0]);
}

static void draw(const prune_sensitivity *table, const prune_model *model, const char *folder)
{
    char names[LAYERS][NAME];
    prune_picture_series series[LAYERS];
    prune_picture_options options;
    const size_t layers = prune_model_layer_count(model);
    FILE *file = output_open(folder, "demo-sensitivity.svg");
    const prune_writer writer = output_to(file);
    for (size_t l = 0; l < layers; l++) {
        name_layer(names[l], model, l);
        series[l] = (prune_picture_series){ .name = names[l],
                                            .x = table->fractions,
                                            .y = table->values + l * table->levels,
                                            .count = table->levels };
    }
    prune_picture_options_init(&options);
    options.title = "Sensitivity: one layer loses weights, not tuned";
    options.y_label = "accuracy on validation data";
    must(prune_picture_sensitivity(&writer, series, layers, table->reference, &options), "picture", NULL);
    output_close(file);
}

void sketch_sensitivity(prune_model *model, const prune_importance *scores, const dataset *set,
                        const char *folder)
{
    double fractions[LEVELS], values[LAYERS * LEVELS];
    prune_sensitivity table;
    choose_fractions(fractions);
    prune_sensitivity_init(&table);
    table.fractions = fractions;
    table.levels = LEVELS;
    table.values = values;
    table.capacity = LAYERS * LEVELS;
    scan(&table, model, scores, set);
    draw(&table, model, folder);
}

void sketch_sparsity(const prune_model *model, const char *folder)
{
    FILE *file = output_open(folder, "demo-sparsity.svg");
    const prune_writer writer = output_to(file);
    must(prune_picture_sparsity(&writer, model, NULL), "picture", NULL);
    output_close(file);
}
