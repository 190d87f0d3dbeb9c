/* outer.h -- the curvature of the loss as a sum of outer products */
#ifndef PRN_OUTER_H
#define PRN_OUTER_H

#include "data.h"
#include "linalg.h"
#include "trainer.h"

/* It stays where it was opened. */
typedef struct prn_outer {
    prune_allocator mem;
    const prn_linalg *linalg;
    prune_trainer *trainer; /* for its passes, of one sample each */
    prn_loss loss;
    prn_data data;
    prn_batch batch;
    size_t bytes;
    void *block;
    double *rows;        /* [ROWS][most]; the last ones are not in the sum yet */
    size_t used;         /* of them */
    float *p, *step;     /* [outputs]: a sample's answer, and the dh whose dL is asked for */
    const size_t *index; /* of the n parameters that count, in all of the model in order */
    size_t n;
} prn_outer;

/* What a pass needs: checked data, a loss of surgeon.h, a back end or NULL. */
typedef struct prn_outer_input {
    const prune_data *data;
    int32_t loss;
    const prune_backend *backend;
} prn_outer_input;

/* For up to `most` parameters of this very model. Ended by prn_outer_close(), also after a failure, and when
 * it is all 0. PRUNE_E_UNSUPPORTED: the loss. */
prune_status prn_outer_open(prn_outer *outer, prune_model *model, size_t most, const prn_outer_input *input,
                            prune_error *error);
void prn_outer_close(prn_outer *outer);

/* The upper triangle of h[n][n] = mean of J^T A J as of surgeon.h, over the parameters index[n], with the
 * model's weights as they are. PRUNE_E_DIVERGED: a derivative is not finite; errors of a source. */
prune_status prn_outer_mean(double *h, prn_outer *outer, const size_t *index, size_t n, prune_error *error);

#endif
