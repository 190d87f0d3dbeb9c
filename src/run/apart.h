/* apart.h -- a model as layers that are one operation on int8 each */
#ifndef PRN_APART_H
#define PRN_APART_H

#include "blob_code.h"
#include "model.h"

typedef struct prn_apart {
    prune_model *model;
    size_t layers;   /* on int8: all, but softmax as the last */
    size_t *origins; /* [model's layers]: from which layer of the given model each comes */
    size_t origin_room;
} prn_apart;

/* Folds the model, and then takes apart dense layers with activations other than ReLU. Ended by
 * prn_apart_end(), also after a failure. The errors are those of prune_quantize() that hang on the model. */
prune_status prn_apart_make(prn_apart *apart, const prune_allocator *mem, const prune_model *model,
                            prune_error *error);
void prn_apart_end(prn_apart *apart);

/* An error of a layer, by its number in the given model. */
prune_status prn_apart_error(const prn_apart *apart, size_t layer, prune_status status, const char *reason,
                             prune_error *error);

static inline int32_t prn_is_dense(const prn_layer *layer)
{
    return layer->ops->kind == PRUNE_LAYER_DENSE;
}

static inline prn_layer_matrix prn_dense_matrix(const prn_layer *dense)
{
    return (prn_layer_matrix){ (uint32_t)prn_shape_count(&dense->output),
                               (uint32_t)prn_shape_count(&dense->input), dense->params[0].value,
                               dense->params[1].value };
}

#endif
