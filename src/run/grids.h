/* grids.h -- the grids of a model's arrays, one for each between layers */
#ifndef PRN_GRIDS_H
#define PRN_GRIDS_H

#include "grid.h"

/* grids[layers + 1], from ranges[layers + 1], which become narrower where activations do not see it.
 * PRUNE_E_RANGE: an array would be of no use, as prune_quantize() says. */
prune_status prn_grids_choose(prn_grid *grids, prn_range *ranges, const prn_apart *apart, prune_error *error);

#endif
