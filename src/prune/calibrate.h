/* calibrate.h -- what goes into a layer while samples pass: its second moments */
#ifndef PRN_CALIBRATE_H
#define PRN_CALIBRATE_H

#include "feed.h"
#include "linalg.h"
#include "model.h"

/* A pass over data whose targets do not matter. It stays where it was opened. */
typedef struct prn_calibration {
    prune_allocator mem;
    const prune_backend *backend;
    const prn_linalg *linalg;
    prn_feed feed;
    size_t bytes;
    void *block;
    float *buffers[2]; /* what layers write, in turn */
    double *rows;      /* what went into the layer */
} prn_calibration;

/* Checks data and back end, for models like this one, and takes memory from its allocator; of data without
 * targets too. Ended by prn_calibration_close(), also after a failure. */
prune_status prn_calibration_open(prn_calibration *calibration, const prune_model *model,
                                  const prune_data *data, const prune_backend *backend, prune_error *error);
void prn_calibration_close(prn_calibration *calibration);

/* The upper triangle of h[n][n] = 2/N sum x x^T over the inputs x of a layer of the model, in inference; with
 * `ones` a 1 is behind each x, else n is the inputs. Samples count as their weights say.
 * PRUNE_E_NONFINITE: an input is not finite, or h; errors of a source. */
prune_status prn_calibration_moments(double *h, prn_calibration *calibration, const prune_model *model,
                                     const size_t layer_ones[2], prune_error *error);

#endif
