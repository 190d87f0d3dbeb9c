/* group.h (private) -- what belongs together in a layer, and its score, for what chooses among such groups */
#ifndef PRN_GROUP_H
#define PRN_GROUP_H

#include "importance.h"
#include "libprune/group.h"

/* PRUNE_E_ARGUMENT unless it is an aggregate that these scores have. */
prune_status prn_group_aggregate(const prune_importance *importance, int32_t aggregate);

/* Elements of one parameter: slices of one form, each `step` behind the one before. */
typedef struct prn_part {
    prn_slice slice;
    size_t slices, step;
} prn_part;

typedef struct prn_group {
    size_t count;
    prn_part parts[PRN_UNIT_SLICES];
} prn_group;

/* All that makes output unit u of a layer, in the layer itself; all that reads input unit u; r rows of c
 * columns of a weight matrix (a parameter of the layer), fewer at its edges, with this corner. */
prn_group prn_group_output(const prn_layer *layer, size_t u);
prn_group prn_group_input(const prn_layer *layer, size_t u);
prn_group prn_group_block(const prn_layer *layer, size_t param, const size_t corner[2], const size_t form[2]);

/* A group is kept while any of its elements is. */
int32_t prn_group_kept(const prn_layer *layer, const prn_group *group);

void prn_group_remove(prn_layer *layer, const prn_group *group);

/* The score of a group without its biases, of a layer whose scores start at `offset`. */
float prn_group_score(const prune_importance *importance, const prn_layer *layer, size_t offset,
                      const prn_group *group, int32_t aggregate);

#endif
