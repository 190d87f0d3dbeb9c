/* sink.c -- text of any length through a writer, in pieces; the first failure ends it
 *
 * SPDX-License-Identifier: MIT */
#include "sink.h"
#include "decimal.h"

enum { NUMBER = 40 };

void prn_sink_start(prn_sink *sink, const prune_writer *writer)
{
    sink->writer = writer;
    sink->status = PRUNE_OK;
    sink->used = 0;
}

static void flush(prn_sink *sink)
{
    if (sink->status == PRUNE_OK && sink->used > 0)
        sink->status = sink->writer->write(sink->writer->user, sink->bytes, sink->used);
    sink->used = 0;
}

void prn_sink_bytes(prn_sink *sink, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (sink->used == sizeof sink->bytes)
            flush(sink);
        sink->bytes[sink->used++] = bytes[i];
    }
}

static size_t length_of(const char *string)
{
    size_t length = 0;
    while (string[length] != '\0')
        length++;
    return length;
}

void prn_sink_add(prn_sink *sink, const char *string)
{
    prn_sink_bytes(sink, string, length_of(string));
}

static void fill(prn_sink *sink, size_t length, size_t width)
{
    for (; length < width; length++)
        prn_sink_bytes(sink, " ", 1);
}

void prn_sink_cell(prn_sink *sink, const char *string, size_t width, int32_t right)
{
    const size_t length = length_of(string);
    fill(sink, right ? length : width, width);
    prn_sink_bytes(sink, string, length);
    fill(sink, right ? width : length, width);
}

void prn_sink_count(prn_sink *sink, uint64_t value)
{
    char digits[NUMBER];
    size_t first = sizeof digits;
    do {
        digits[--first] = (char)('0' + (int)(value % 10));
        value /= 10;
    } while (value != 0);
    prn_sink_bytes(sink, digits + first, sizeof digits - first);
}

void prn_sink_number(prn_sink *sink, double value)
{
    char bytes[NUMBER];
    prn_text text;
    prn_text_start(&text, bytes, sizeof bytes);
    prn_decimal_add(&text, value);
    prn_sink_bytes(sink, text.bytes, text.length);
}

void prn_sink_fixed(prn_sink *sink, double value, int32_t places)
{
    char bytes[NUMBER];
    prn_text text;
    prn_text_start(&text, bytes, sizeof bytes);
    prn_decimal_fixed(&text, value, places);
    prn_sink_bytes(sink, text.bytes, text.length);
}

prune_status prn_sink_end(prn_sink *sink)
{
    flush(sink);
    return sink->status;
}
