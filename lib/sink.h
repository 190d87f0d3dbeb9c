/* sink.h -- text of any length through a writer, in pieces; the first failure ends it */
#ifndef PRN_SINK_H
#define PRN_SINK_H

#include "libprune/base.h"

enum { PRN_SINK_BYTES = 512 };

typedef struct prn_sink {
    const prune_writer *writer;
    prune_status status; /* of the writer; once it is not PRUNE_OK nothing is written any more */
    size_t used;
    char bytes[PRN_SINK_BYTES];
} prn_sink;

void prn_sink_start(prn_sink *sink, const prune_writer *writer);

void prn_sink_add(prn_sink *sink, const char *string);
void prn_sink_bytes(prn_sink *sink, const char *bytes, size_t count);

/* A string filled up with spaces to `width`, on the right or (right) the left. */
void prn_sink_cell(prn_sink *sink, const char *string, size_t width, int32_t right);

/* Decimal digits; and as prn_decimal_add() and prn_decimal_fixed(). */
void prn_sink_count(prn_sink *sink, uint64_t value);
void prn_sink_number(prn_sink *sink, double value);
void prn_sink_fixed(prn_sink *sink, double value, int32_t places);

/* Writes what is left; returns the status. */
prune_status prn_sink_end(prn_sink *sink);

#endif
