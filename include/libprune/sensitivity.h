/* sensitivity.h -- how the metric falls as one layer alone loses its units
 *
 * For every layer of a selection and every fraction: exactly that fraction of the layer's units is removed,
 * the lowest first, the model is measured without fine-tuning, and is put back bit for bit. What
 * one layer loses says what it can spare (S. Han et al., NIPS 2015); prune_allocate() can go by it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_SENSITIVITY_H
#define LIBPRUNE_SENSITIVITY_H

#include "libprune/fraction.h"
#include "libprune/validate.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* values[layer * levels + level], for each layer of the model. NaN: not measured, since the layer is not of
 * the selection or its floor does not allow it, or the scan was stopped; or the metric is not a number. */
typedef struct prune_sensitivity {
    size_t size;              /* sizeof(prune_sensitivity), by prune_sensitivity_init() */
    const double *fractions;  /* in: [levels], of all units of a layer (PRUNE_OF_ALL), ascending, each above 0
                                and at most 1 */
    size_t levels;            /* in: at least 1 */
    double *values;           /* the caller's array: the metric */
    size_t capacity;          /* in: its length, at least layers * levels */
    double reference;         /* out: the metric of the model as it is */
    int32_t higher_is_better; /* out: 1 as of an accuracy, 0 as of a loss */
    uint64_t measured;        /* out: how many values the scan came to; those of floors are not among them */
} prune_sensitivity;

typedef struct prune_sensitivity_options {
    size_t size;
    const prune_selection *selection; /* default NULL: weights; its scope does not matter, its layer does */
    /* Loss, metric or own metric; reference and tolerance are not looked at. Default NULL: accuracy. */
    const prune_validation *metric;
    /* Default NULL; called with each value; not 0 ends the scan, which then is PRUNE_OK. */
    int32_t (*progress)(void *user, size_t layer, size_t level, double value);
    void *user;
} prune_sensitivity_options;

/* Set size and defaults, the rest 0 and NULL. NULL is fine. */
void prune_sensitivity_init(prune_sensitivity *table);
void prune_sensitivity_options_init(prune_sensitivity_options *options);

/* Fills the table. Where more than a fraction is gone already, the value is the reference. options and error
 * may be NULL. Memory from the model's allocator: a copy of it, and what measuring takes.
 * PRUNE_E_ARGUMENT: NULL; PRUNE_E_RANGE: fractions; PRUNE_E_SIZE: no levels; PRUNE_E_SHAPE: capacity;
 * PRUNE_E_NONFINITE: the metric of the model as it is is not a number; errors as
 * prune_mask_fraction(), prune_evaluate_with(), and what an own metric returns. The model is as before,
 * always; on failure so is the table, but for `values`. */
prune_status prune_sensitivity_scan(prune_sensitivity *table, prune_model *model,
                                    const prune_importance *importance, const prune_data *data,
                                    const prune_sensitivity_options *options, prune_error *error);
/* FFI-END */
PRUNE_API_END

#endif
