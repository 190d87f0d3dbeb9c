/* tables.h -- a report as text for people: the parts of it, in this order */
#ifndef PRN_TABLES_H
#define PRN_TABLES_H

#include "report.h"
#include "sink.h"

void prn_tables_header(prn_sink *out);
void prn_tables_layer(prn_sink *out, const prn_layer *layer, size_t l, const prune_report *report);
void prn_tables_total(prn_sink *out, const prn_reporting *r, const prune_report *total);

#endif
