/* regularizer.h (private) -- the penalty  l1 ||w||_1 + l2/2 ||w||^2  and that of groups, and its gradient */
#ifndef PRN_REGULARIZER_H
#define PRN_REGULARIZER_H

#include "libprune/regularizer.h"
#include "model.h"

/* How one layer differs from what the options say for all. */
typedef struct prn_layer_rule {
    int32_t frozen;
    float l1_scale, l2_scale, group_scale;
    int32_t training; /* the mode of its last forward pass */
    int32_t gathered; /* there are statistics for the next step */
} prn_layer_rule;

typedef struct prn_regularizer {
    float l1, l2;
    int32_t include_bias;
    int32_t
        proximal; /* the l1 term is not in the gradient: a soft threshold after the step takes its place */
    const prn_layer_rule *layers; /* one for each layer of the model; NULL without any penalty */
    prune_group_lasso lasso;
    float scale; /* of all of it, in this step */
} prn_regularizer;

/* Copies a caller's options (NULL: the defaults) and checks them; error names the field, and may be NULL. */
prune_status prn_group_lasso_read(prune_group_lasso *mine, const prune_group_lasso *given,
                                  prune_error *error);

/* Whether the parameter is penalised at all by l1 and l2. */
int32_t prn_regularizer_covers(const prn_regularizer *regularizer, const prn_param *param);

/* The l1 of a layer. */
float prn_regularizer_l1(const prn_regularizer *regularizer, size_t layer);

/* The penalty over the model's weights. */
float prn_regularizer_value(const prn_regularizer *regularizer, const prune_model *model);

/* Adds its gradient to gradient[], laid out like all parameters in order. */
void prn_regularizer_add(const prn_regularizer *regularizer, const prune_model *model, float *gradient);

/* The proximal operators of the groups, after a step of this rate; nothing unless they are proximal. */
void prn_regularizer_shrink(const prn_regularizer *regularizer, const prune_model *model, float rate);

#endif
