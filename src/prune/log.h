/* log.h (private) -- what a pruning log is made of, for what replays, lists and stores it */
#ifndef PRN_LOG_H
#define PRN_LOG_H

#include "flips.h"
#include "libprune/log.h"
#include "model.h"

typedef struct prn_log_param {
    size_t layer, count;
    size_t word; /* where its masks begin */
    size_t kept; /* at the beginning */
    int32_t statistic;
} prn_log_param;

/* Of one entry in one parameter. What returned is what is kept more than before and was not there to go. */
typedef struct prn_log_change {
    uint64_t removed, kept; /* by it, after it */
} prn_log_change;

/* In one block, with changes and flips. */
typedef struct prn_log_entry {
    size_t bytes;
    prune_log_note note; /* its text is the one below */
    char text[PRUNE_LOG_TEXT];
    prn_log_change *changes; /* of each parameter */
    unsigned char *flips;    /* as of flips.h, all parameters */
    size_t length;
} prn_log_entry;

struct prune_log {
    prune_allocator mem;
    uint32_t signature; /* prn_model_signature() */
    size_t layer_count, param_count, words;
    prn_log_param *params;
    uint32_t *start, *now; /* [words]: masks at the beginning, and after the last entry; bits beyond are 1 */
    prn_log_entry **entries;
    size_t entry_count;
};

/* A log in two steps: layers and params known by number, the caller says of each parameter layer, count and
 * whether it is a statistic; then room for masks, all kept. prune_log_free() takes what is there so far. */
prune_status prn_log_open(prune_log **out, const prune_allocator *mem, size_t layers, size_t params);
prune_status prn_log_lay_out(prune_log *log);

/* When the masks at the beginning are there: PRUNE_E_FORMAT if a statistic is removed. */
prune_status prn_log_begin(prune_log *log);

/* Whether a note can be. */
prune_status prn_log_note_check(const prune_log_note *note);

/* An entry with room for so many bytes of flips, and its note, which has been checked. NULL: no memory. */
prn_log_entry *prn_log_entry_make(const prune_log *log, const prune_log_note *note, size_t length);

/* Appends an entry whose flips are there; when it fails, the entry is ended. PRUNE_E_FORMAT: the flips are
 * not what flips.h says; PRUNE_E_MEMORY, PRUNE_E_OVERFLOW. */
prune_status prn_log_append(prune_log *log, prn_log_entry *entry);

/* Whether a model is of the architecture of the log: PRUNE_E_SHAPE. */
prune_status prn_log_fits(const prune_log *log, const prune_model *model, prune_error *error);

/* Goes over what an entry changes: elements first_end[0] .. first_end[1] - 1 of walk->param. 0: no more, or
 * walk->flips.bad. */
typedef struct prn_log_walk {
    const prune_log *log;
    prn_flips flips;
    size_t param, turned; /* params turned to so far */
} prn_log_walk;

void prn_log_walk_start(prn_log_walk *walk, const prune_log *log, const prn_log_entry *entry);
int32_t prn_log_walk_next(size_t first_end[2], prn_log_walk *walk);

/* Parameters of a layer from *param on, which is moved to the first of the next: how many there are. */
size_t prn_log_layer_params(const prune_log *log, size_t layer, size_t *param);

/* Changes of an entry in parameters first .. first + count - 1, and what is kept there after it. */
typedef struct prn_log_sum {
    uint64_t removed, returned, kept;
} prn_log_sum;

prn_log_sum prn_log_sum_params(const prune_log *log, size_t entry, size_t first, size_t count);

#endif
