/* encoded.h (private) -- parameters as matrices to encode */
#ifndef PRN_ENCODED_H
#define PRN_ENCODED_H

#include "encode.h"
#include "libprune/encoded.h"
#include "model.h"

/* A parameter with its mask; one of one dimension is a matrix of one column. PRUNE_E_LIMIT. */
prune_status prn_matrix_of(prn_matrix *m, const prn_param *param);

#endif
