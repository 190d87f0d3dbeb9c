/* validate.h (private) -- a validation's metric, for whoever compares models by it */
#ifndef PRN_VALIDATE_H
#define PRN_VALIDATE_H

#include "libprune/validate.h"

/* Reads it and checks all but the reference. */
prune_status prn_validation_open(prune_validation *mine, const prune_validation *given, prune_error *error);

/* Its `value` on these data. */
prune_status prn_validation_measure(prune_validation *validation, const prune_model *model,
                                    const prune_data *data, prune_error *error);

/* Of these metrics the one that it is about, unless that is an own one. */
double prn_validation_pick(const prune_validation *validation, const prune_metrics *metrics);

/* How much worse a value is than another; NaN if one of them is. */
double prn_validation_worse(const prune_validation *validation, double value, double than);

/* Whether its value is no worse than its reference by more than its tolerance; false for a NaN. */
int32_t prn_validation_holds(const prune_validation *validation);

/* Its loss, where `plain` is room for one. */
const prune_loss_options *prn_validation_loss(prune_loss_options *plain, const prune_validation *validation);

#endif
