/* supplied.h (private) -- a table that another module fills */
#ifndef PRN_SUPPLIED_H
#define PRN_SUPPLIED_H

#include "importance.h"
#include "libprune/supplied.h"
#include "trainer.h"

/* For what computes the scores of a PRUNE_SUPPLIED table itself. Write gives room for one float per element
 * of all parameters of the model in order, 0 for running statistics and else FLT_MAX, for what is never set
 * (the last to go); from then on the table is without scores, until written has found all of them finite
 * (PRUNE_E_NONFINITE: it stays without). What may fail comes before write, which itself fails as is_supplied.
 * PRUNE_E_ARGUMENT: NULL; PRUNE_E_STATE: another criterion, or the model has changed. */
prune_status prn_importance_is_supplied(const prune_importance *importance);
prune_status prn_importance_write(float **scores, prune_importance *importance);
prune_status prn_importance_written(prune_importance *importance);

/* Whether scores that a trainer computes may go there: a PRUNE_SUPPLIED table of its model.
 * PRUNE_E_ARGUMENT: NULL; PRUNE_E_STATE: another table, or the trainer cannot be used. */
prune_status prn_supplied_fits(const prune_importance *importance, const prune_trainer *trainer,
                               prune_error *error);

#endif
