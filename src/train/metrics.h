/* metrics.h (private) -- outputs and labels, checked and read */
#ifndef PRN_METRICS_H
#define PRN_METRICS_H

#include "libprune/metrics.h"
#include "tensor.h"

static inline const float *prn_metrics_row(const prune_tensor *tensor, size_t r)
{
    return (const float *)tensor->data + r * tensor->ld;
}

static inline size_t prn_metrics_label(const prune_tensor *labels, size_t r)
{
    return (size_t)((const int32_t *)labels->data)[r * labels->ld];
}

/* NaN: what is not defined. */
double prn_metrics_none(void);

/* Finite outputs and a label for each row; a single output knows two classes. Takes NULLs. */
prune_status prn_metrics_check(const prune_tensor *outputs, const prune_tensor *labels, prune_error *error);

#endif
