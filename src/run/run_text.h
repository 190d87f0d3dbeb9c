/* run_text.h -- the runtime's source code as strings, for exported C code; made by texts.awk when building */
#ifndef PRN_RUN_TEXT_H
#define PRN_RUN_TEXT_H

#include "libprune/blob.h"

/* Functions, types and constants in an order in which they compile; all functions are static. */
extern const char *const prn_run_items[];
extern const uint32_t prn_run_item_count;

/* An operation: the names of its table and of its function, and the items that the function needs. */
typedef struct prn_run_text {
    const prune_blob_op *op;
    const char *table, *run;
    const uint8_t *needs;
    size_t count;
} prn_run_text;

extern const prn_run_text prn_run_texts[];
extern const uint32_t prn_run_text_count;

/* The same of integer() in blob_scale.c, which has no table. */
extern const prn_run_text prn_run_integer;

#endif
