/* report.h (private) -- options of a report, checked, and its figures */
#ifndef PRN_REPORT_H
#define PRN_REPORT_H

#include "libprune/report.h"
#include "model.h"

/* Copies of all that the caller gave; original is the model itself if he gave none. */
typedef struct prn_reporting {
    const prune_model *model, *original;
    int32_t format;
    prune_encoding_options encoding;
    int32_t compacted;
    prune_compact_report compaction; /* if compacted */
} prn_reporting;

/* PRUNE_E_* as the public calls. */
prune_status prn_report_open(prn_reporting *r, const prune_model *model, const prune_report_options *options);

prune_status prn_report_layer(prune_report *report, const prn_reporting *r, size_t layer);
prune_status prn_report_total(prune_report *report, const prn_reporting *r);

/* Whether a ratio is to be written; none is NaN. */
int32_t prn_report_finite(double ratio);

/* "best", or the encoding's name; NULL: there is no such one. */
const char *prn_report_encoding(int32_t encoding);

#endif
