/* container.h (private) -- sections with lengths and checksums, through callbacks; libprune/checkpoint.h
 * has the format
 *
 * Sinks and sources carry the first failure with them, so that who puts or gets numbers looks at the
 * status once, at the end. */
#ifndef PRN_CONTAINER_H
#define PRN_CONTAINER_H

#include "libprune/base.h"

enum { PRN_SECTION_REQUIRED = 1, PRN_PIECE = 256 };

/* The id of a section from its four characters. */
#define PRN_SECTION_ID(a, b, c, d) \
    ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

typedef struct prn_section {
    uint32_t id;
    uint32_t flags;
    uint64_t length;
    uint32_t crc;
    uint64_t offset; /* in the file; 0: it is not there */
} prn_section;

/* ---- writing ---- */

/* Where a payload goes, in pieces. With writer NULL it is only measured. */
typedef struct prn_sink {
    const prune_writer *writer;
    prune_status status;
    uint64_t length;
    uint32_t crc;
    size_t used;
    unsigned char piece[PRN_PIECE];
} prn_sink;

void prn_put_byte(prn_sink *sink, uint32_t byte);
void prn_put_u32(prn_sink *sink, uint32_t number);
void prn_put_u64(prn_sink *sink, uint64_t number);
void prn_put_float(prn_sink *sink, float number);

/* A section to write: put() puts its payload, the same bytes whenever it is called. */
typedef struct prn_payload {
    prn_section section; /* id and flags from the caller */
    void (*put)(prn_sink *sink, const void *what);
    const void *what;
} prn_payload;

/* Measures every payload, then writes all. Returns what the writer returns; PRUNE_E_STATE: a payload
 * changed meanwhile. */
prune_status prn_container_write(const prune_writer *writer, prn_payload *payloads, size_t count,
                                 prune_error *error);

/* ---- reading ---- */

/* Checks everything that the format says about header, table, lengths and checksums. Fills length, crc
 * and offset of the sections known[count], whose id and flags are given, where they are there. */
prune_status prn_container_check(const prune_reader *reader, prn_section *known, size_t count,
                                 prune_error *error);

/* A section's payload, in pieces. */
typedef struct prn_source {
    const prune_reader *reader;
    prn_section section;
    prune_status status;
    uint64_t offset, left; /* of what has not been read from the reader */
    uint32_t crc;          /* of what has */
    size_t used, filled;
    unsigned char piece[PRN_PIECE];
} prn_source;

void prn_source_open(prn_source *source, const prune_reader *reader, const prn_section *section);

/* The next number; 0 once the source has failed. Going on beyond the end is PRUNE_E_FORMAT. */
uint32_t prn_get_byte(prn_source *source);
uint32_t prn_get_u32(prn_source *source);
uint64_t prn_get_u64(prn_source *source);
float prn_get_float(prn_source *source);

/* A number that is one of few; -1 is none of them. */
int32_t prn_get_choice(prn_source *source);

/* Bytes that have not been got yet. */
uint64_t prn_source_left(const prn_source *source);

/* Reads what is left and compares the checksum: what was got is what was checked. */
prune_status prn_source_close(prn_source *source, prune_error *error);

/* Fills *error with a place like "section WGHT", and returns status. */
prune_status prn_section_error(prune_error *error, prune_status status, uint32_t id, const char *reason);

#endif
