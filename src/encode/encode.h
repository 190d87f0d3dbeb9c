/* encode.h (private) -- choosing an encoding for a matrix, whoever owns its mask */
#ifndef PRN_ENCODE_H
#define PRN_ENCODE_H

#include "encoding.h"
#include "libprune/encode.h"

/* The limits of rows and columns; fills in both. */
prune_status prn_matrix_size(prn_matrix *m, size_t rows, size_t columns);

/* A tensor as one; kept[rows][columns] or NULL. PRUNE_E_TYPE, and the limits. */
prune_status prn_matrix_take(prn_matrix *m, const prune_tensor *weights, const uint8_t *kept);

/* Whether results may be written there, with so many columns. */
prune_status prn_matrix_check_out(const prune_tensor *out, size_t columns);

/* Bytes from anywhere; *reason is for people. As prune_encoding_check(). */
prune_status prn_encoding_open(prn_coded *coded, const void *bytes, size_t length, const char **reason);

/* What prune_encoding_measure() and prune_encoding_encode() do with their matrix. */
prune_status prn_encoding_measure(prune_encoding_info *info, const prn_matrix *m,
                                  const prune_encoding_options *options);
prune_status prn_encoding_encode(void *bytes, size_t length, const prn_matrix *m,
                                 const prune_encoding_options *options);

#endif
