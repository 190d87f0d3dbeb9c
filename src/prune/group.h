/* group.h (private) -- scores of neurons, for what chooses among them */
#ifndef PRN_GROUP_H
#define PRN_GROUP_H

#include "importance.h"
#include "libprune/group.h"

/* PRUNE_E_ARGUMENT unless it is an aggregate that these scores have. */
prune_status prn_group_aggregate(const prune_importance *importance, int32_t aggregate);

/* The score of neuron u of a layer whose scores start at `offset`. */
float prn_group_neuron(const prune_importance *importance, const prn_layer *layer, size_t offset, size_t u,
                       int32_t aggregate);

#endif
