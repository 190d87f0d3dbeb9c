/* regularizer.h (private) -- the penalty  l1 ||w||_1 + l2/2 ||w||^2  and its gradient */
#ifndef PRN_REGULARIZER_H
#define PRN_REGULARIZER_H

#include "model.h"

typedef struct prn_regularizer {
    float l1, l2;
    int32_t include_bias;
} prn_regularizer;

/* The penalty over the model's weights. */
float prn_regularizer_value(const prn_regularizer *regularizer, const prune_model *model);

/* Adds its gradient to gradient[], laid out like all parameters in order. */
void prn_regularizer_add(const prn_regularizer *regularizer, const prune_model *model, float *gradient);

#endif
