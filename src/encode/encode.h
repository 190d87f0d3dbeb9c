/* encode.h (private) -- choosing an encoding for a matrix, whoever owns its mask */
#ifndef PRN_ENCODE_H
#define PRN_ENCODE_H

#include "encoding.h"
#include "libprune/encode.h"

/* The limits of rows and columns; fills in both. */
prune_status prn_matrix_size(prn_matrix *m, size_t rows, size_t columns);

/* What prune_encoding_measure() and prune_encoding_encode() do with their matrix. */
prune_status prn_encoding_measure(prune_encoding_info *info, const prn_matrix *m,
                                  const prune_encoding_options *options);
prune_status prn_encoding_encode(void *bytes, size_t length, const prn_matrix *m,
                                 const prune_encoding_options *options);

#endif
