/* model.h (private) -- the model as the modules above it see it */
#ifndef PRN_MODEL_H
#define PRN_MODEL_H

#include "layer.h"
#include "libprune/model.h"

struct prune_model {
    prune_allocator mem;
    prune_shape input;
    prn_layer **layers;
    size_t layer_count;
    uint32_t signature;
};

/* Plans the layer that the spec describes behind `input`. PRUNE_E_ARGUMENT: unknown kind or activation;
 * PRUNE_E_SIZE, PRUNE_E_LIMIT: outputs; PRUNE_E_RANGE: a setting; PRUNE_E_OVERFLOW. */
prune_status prn_model_plan(prn_layer_plan *plan, const prn_layer_spec *spec, const prune_shape *input);

/* Appends such a layer, initialised as PRUNE_INIT_AUTO with seed 0; also PRUNE_E_MEMORY. */
prune_status prn_model_add(prune_model *model, const prn_layer_spec *spec);

/* Appends a layer in the model's own memory, which it takes over; when it fails, the layer is ended. */
prune_status prn_model_append(prune_model *model, prn_layer *layer);

/* A layer's output shape is the next one's input; of the model so far. */
const prune_shape *prn_model_output(const prune_model *model);

/* Parameter p of the whole model, or NULL. */
prn_param *prn_model_param(const prune_model *model, size_t p);

/* All parameters in the model's order, in time that grows with their number; start with { model, 0, 0 }.
 * NULL: no more. */
typedef struct prn_walk {
    const prune_model *model;
    size_t layer, param;
} prn_walk;

prn_param *prn_walk_next(prn_walk *walk);

/* Elements of the parameters before parameter `index`, which exists: its offset in an array laid out like
 * all of them. */
size_t prn_model_offset(const prune_model *model, size_t index);

/* Number of the first parameter of a layer. */
size_t prn_model_first_param(const prune_model *model, size_t layer);

/* Elements of all parameters. */
size_t prn_model_floats(const prune_model *model);

/* The layer with weights that reads the inputs of layer `l`, or those units that reach it unit by unit; the
 * number of layers if there is none. */
static inline size_t prn_model_reader(const prune_model *model, size_t l)
{
    while (l < model->layer_count && model->layers[l]->ops->unitwise)
        l++;
    const int32_t reads = l < model->layer_count && model->layers[l]->ops->units(model->layers[l]) != 0;
    return reads ? l : model->layer_count;
}

/* A checksum of all masks: another one, if something was removed or has come back. */
uint32_t prn_model_masks(const prune_model *model);

/* Floats that the widest layer output takes, per sample. */
size_t prn_model_width(const prune_model *model);

/* The same for the widest layer input. */
size_t prn_model_width_in(const prune_model *model);

/* PRUNE_E_ARGUMENT: NULL; PRUNE_E_NO_LAYERS. */
prune_status prn_model_check(const prune_model *model);

/* Whether two models have the same layers and shapes. */
int32_t prn_model_same(const prune_model *a, const prune_model *b);

/* A checksum of the architecture, kept up as layers are added. A plan keeps it to notice that the model
 * is no longer the one it was made for. */
uint32_t prn_model_signature(const prune_model *model);

/* The checks that batch sizes pass before anything is laid out for them. */
prune_status prn_batch_check(size_t max_batch);

#endif
