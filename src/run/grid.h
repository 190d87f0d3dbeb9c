/* grid.h -- numbers as int8: scales, zeros, weights, biases */
#ifndef PRN_GRID_H
#define PRN_GRID_H

#include "blob_code8.h"
#include "ranges.h"

/* value = scale (integer - zero); scale is a float above 0. */
typedef struct prn_grid {
    double scale;
    int32_t zero;
} prn_grid;

/* From end to end of the range in 255 steps, none smaller than `least`; of no width: as of 0 to 1. */
prn_grid prn_grid_of(const prn_range *range, double least);

/* The nearest there is. */
int8_t prn_grid_round(const prn_grid *grid, double value);

/* The least scale that the outputs of a layer may have: sums become int8 by a factor below 1/4. */
double prn_grid_coarsest(const prn_layer_matrix *m, double input_scale);

/* The same of a layer that is affine, unit by unit, and whose numbers are finite. */
double prn_grid_coarsest_affine(const prn_layer *layer, double input_scale);

/* Writes the data of PRUNE_BLOB_AFFINE8, for so many units: those of the layer, and 0 behind them. grids[2]:
 * of inputs and outputs. */
void prn_grid_put_affine(prn_words *words, const prn_layer *layer, uint32_t units, const prn_grid grids[2]);

/* Moves the ends of what goes into an activation inwards, as long as what comes out, of which there is the
 * range, stays within half a step. */
void prn_range_trim(prn_range *in, const prn_range *out, int32_t activation);

/* Where the integers of a layer go: [rows][columns], the matrix's and zeros behind them up to fours. */
typedef struct prn_target8 {
    int8_t *weights;
    int32_t *biases;
    uint32_t *scales; /* [rows], or [1] if per_layer */
    uint32_t rows, columns;
} prn_target8;

/* grids[2]: of inputs and outputs. */
void prn_grid_matrix(const prn_target8 *target, const prn_layer_matrix *m, const prn_grid grids[2],
                     int32_t per_layer);

#endif
