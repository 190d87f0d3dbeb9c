/* gone.h -- which units of a reported model are gone, and why */
#ifndef PRN_GONE_H
#define PRN_GONE_H

#include "idle.h"
#include "report.h"

/* The units before layer `first` of the model whose units are listed, and which of them compaction kept. */
typedef struct prn_gone {
    const prn_reporting *r;
    const prune_model *model;
    size_t first, width;
    const size_t *kept; /* NULL: the model alone says it */
    size_t kept_count;
} prn_gone;

/* The model's inputs; then, until it gives 0, the neurons of each dense layer. */
prn_gone prn_gone_first(const prn_reporting *r);
int32_t prn_gone_next(prn_gone *s);

/* PRUNE_IDLE_* of unit u. Asked for all of them in turn; *k, 0 at first, counts the kept ones before u. */
int32_t prn_gone_why(const prn_gone *s, size_t u, size_t *k);

#endif
