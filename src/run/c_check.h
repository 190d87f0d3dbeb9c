/* c_check.h -- what cannot become C source */
#ifndef PRN_C_CHECK_H
#define PRN_C_CHECK_H

#include "run_text.h"

/* Whether it can start the names in a C file, of so many letters at most; and whether it can be included. */
int32_t prn_c_is_prefix(const char *prefix, size_t most);
int32_t prn_c_is_file(const char *name);

/* prune_blob_check() with all operations, and why not. */
prune_status prn_blob_check(const void *blob, size_t length, prune_error *error);

/* The same, and what else prune_c_export_header() asks of a blob. */
prune_status prn_c_check_blob(const prune_blob_header *h, size_t length, prune_error *error);

/* NULL: there is none. */
const prn_run_text *prn_c_operation(uint32_t op);

/* Whether all the words behind the layer are floats. */
static inline int32_t prn_c_has_floats(const prune_blob_layer *layer)
{
    return layer->op == PRUNE_BLOB_DENSE || layer->op == PRUNE_BLOB_AFFINE;
}

#endif
