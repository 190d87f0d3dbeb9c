/* container.c -- sections with lengths and checksums, through callbacks
 *
 * Sizes are compared by taking away what has been claimed, so that no sum or product can overflow. What
 * is read twice is checked twice: a reader need not give the same bytes again.
 *
 * SPDX-License-Identifier: MIT */
#include "container.h"
#include "bits.h"
#include "crc.h"
#include "text.h"

#include <string.h>

enum { MAGIC_BYTES = 8, START_BYTES = 24, ENTRY_BYTES = 24, CRC_BYTES = 4, VERSION = 1, MOST_SECTIONS = 64 };

static const unsigned char magic[MAGIC_BYTES] = { 0x89, 'P', 'R', 'U', 'N', 'E', 0x0D, 0x0A };

/* ---- errors ---- */

static char printable(uint32_t c)
{
    const int32_t letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    return letter ? (char)c : '?';
}

prune_status prn_section_error(prune_error *error, prune_status status, uint32_t id, const char *reason)
{
    const char name[] = { printable(id & 0xff), printable(id >> 8 & 0xff), printable(id >> 16 & 0xff),
                          printable(id >> 24), '\0' };
    char place[sizeof error->place];
    prn_text text;
    prn_text_start(&text, place, sizeof place);
    prn_text_add(&text, "section ");
    prn_text_add(&text, name);
    return prn_error_set(error, status, place, reason);
}

static prune_status header_error(prune_error *error, prune_status status, const char *reason)
{
    return prn_error_set(error, status, "header", reason);
}

/* ---- putting ---- */

static void flush(prn_sink *sink)
{
    sink->crc = prn_crc32(sink->crc, sink->piece, sink->used);
    if (sink->writer != NULL && sink->status == PRUNE_OK && sink->used != 0)
        sink->status = sink->writer->write(sink->writer->user, sink->piece, sink->used);
    sink->used = 0;
}

void prn_put_byte(prn_sink *sink, uint32_t byte)
{
    if (sink->used == PRN_PIECE)
        flush(sink);
    sink->piece[sink->used++] = (unsigned char)(byte & 0xff);
    sink->length++;
}

void prn_put_u32(prn_sink *sink, uint32_t number)
{
    prn_put_byte(sink, number);
    prn_put_byte(sink, number >> 8);
    prn_put_byte(sink, number >> 16);
    prn_put_byte(sink, number >> 24);
}

void prn_put_u64(prn_sink *sink, uint64_t number)
{
    prn_put_u32(sink, (uint32_t)(number & 0xffffffffu));
    prn_put_u32(sink, (uint32_t)(number >> 32));
}

void prn_put_float(prn_sink *sink, float number)
{
    prn_put_u32(sink, prn_bits_of(number));
}

/* ---- writing ---- */

static void start_sink(prn_sink *sink, const prune_writer *writer)
{
    sink->writer = writer;
    sink->status = PRUNE_OK;
    sink->length = 0;
    sink->crc = 0;
    sink->used = 0;
}

/* Returns the length of the whole file. */
static uint64_t measure(prn_sink *sink, prn_payload *payloads, size_t count)
{
    uint64_t length = START_BYTES + CRC_BYTES;
    for (size_t i = 0; i < count; i++) {
        start_sink(sink, NULL);
        payloads[i].put(sink, payloads[i].what);
        flush(sink);
        payloads[i].section.length = sink->length;
        payloads[i].section.crc = sink->crc;
        length += ENTRY_BYTES + sink->length;
    }
    return length;
}

static void put_entry(prn_sink *sink, const prn_section *section)
{
    prn_put_u32(sink, section->id);
    prn_put_u32(sink, section->flags);
    prn_put_u64(sink, section->length);
    prn_put_u32(sink, section->crc);
    prn_put_u32(sink, 0);
}

static prune_status write_header(prn_sink *sink, const prn_payload *payloads, size_t count, uint64_t length)
{
    for (size_t i = 0; i < MAGIC_BYTES; i++)
        prn_put_byte(sink, magic[i]);
    prn_put_u32(sink, VERSION);
    prn_put_u32(sink, (uint32_t)count);
    prn_put_u64(sink, length);
    for (size_t i = 0; i < count; i++)
        put_entry(sink, &payloads[i].section);
    flush(sink);
    prn_put_u32(sink, sink->crc);
    flush(sink);
    return sink->status;
}

static prune_status write_payload(prn_sink *sink, const prune_writer *writer, const prn_payload *payload)
{
    start_sink(sink, writer);
    payload->put(sink, payload->what);
    flush(sink);
    if (sink->status != PRUNE_OK)
        return sink->status;
    const int32_t same = sink->crc == payload->section.crc && sink->length == payload->section.length;
    return same ? PRUNE_OK : PRUNE_E_STATE;
}

prune_status prn_container_write(const prune_writer *writer, prn_payload *payloads, size_t count,
                                 prune_error *error)
{
    prn_sink sink;
    const uint64_t length = measure(&sink, payloads, count);
    start_sink(&sink, writer);
    prune_status status = write_header(&sink, payloads, count, length);
    if (status != PRUNE_OK)
        return header_error(error, status, "the writer refused");
    for (size_t i = 0; i < count; i++) {
        const uint32_t id = payloads[i].section.id;
        status = write_payload(&sink, writer, &payloads[i]);
        if (sink.status != PRUNE_OK)
            return prn_section_error(error, status, id, "the writer refused");
        if (status != PRUNE_OK)
            return prn_section_error(error, status, id, "changed while it was written");
    }
    return PRUNE_OK;
}

/* ---- getting ---- */

void prn_source_open(prn_source *source, const prune_reader *reader, const prn_section *section)
{
    source->reader = reader;
    source->section = *section;
    source->status = PRUNE_OK;
    source->offset = section->offset;
    source->left = section->length;
    source->crc = 0;
    source->used = source->filled = 0;
}

static prune_status read_exactly(const prune_reader *reader, uint64_t offset, void *bytes, size_t count)
{
    return reader->read_at(reader->user, offset, bytes, count) == count ? PRUNE_OK : PRUNE_E_IO;
}

/* The next piece; fails at the end. */
static void refill(prn_source *source)
{
    const size_t count = source->left < PRN_PIECE ? (size_t)source->left : PRN_PIECE;
    source->used = source->filled = 0;
    if (source->status == PRUNE_OK)
        source->status =
            count == 0 ? PRUNE_E_FORMAT : read_exactly(source->reader, source->offset, source->piece, count);
    if (source->status != PRUNE_OK)
        return;
    source->crc = prn_crc32(source->crc, source->piece, count);
    source->offset += count;
    source->left -= count;
    source->filled = count;
}

uint32_t prn_get_byte(prn_source *source)
{
    if (source->used == source->filled)
        refill(source);
    return source->status == PRUNE_OK ? source->piece[source->used++] : 0;
}

uint32_t prn_get_u32(prn_source *source)
{
    uint32_t number = prn_get_byte(source);
    number |= prn_get_byte(source) << 8;
    number |= prn_get_byte(source) << 16;
    return number | prn_get_byte(source) << 24;
}

uint64_t prn_get_u64(prn_source *source)
{
    const uint64_t low = prn_get_u32(source);
    return low | (uint64_t)prn_get_u32(source) << 32;
}

float prn_get_float(prn_source *source)
{
    return prn_bits_float(prn_get_u32(source));
}

int32_t prn_get_choice(prn_source *source)
{
    const uint32_t number = prn_get_u32(source);
    return number > INT32_MAX ? -1 : (int32_t)number;
}

uint64_t prn_source_left(const prn_source *source)
{
    return source->left + (source->filled - source->used);
}

static prune_status drain(prn_source *source)
{
    while (source->status == PRUNE_OK && source->left != 0)
        refill(source);
    if (source->status == PRUNE_OK && source->crc != source->section.crc)
        source->status = PRUNE_E_CHECKSUM;
    return source->status;
}

static const char *explain(prune_status status)
{
    switch (status) {
    case PRUNE_E_IO:
        return "the reader gave fewer bytes than it promised";
    case PRUNE_E_CHECKSUM:
        return "the checksum is wrong: the bytes were altered";
    default:
        return "shorter than its contents";
    }
}

prune_status prn_source_close(prn_source *source, prune_error *error)
{
    const prune_status status = drain(source);
    return status == PRUNE_OK ? PRUNE_OK
                              : prn_section_error(error, status, source->section.id, explain(status));
}

/* ---- checking ---- */

static int32_t is_magic(const unsigned char *bytes, size_t count)
{
    return memcmp(bytes, magic, count < MAGIC_BYTES ? count : MAGIC_BYTES) == 0;
}

static uint32_t u32_at(const unsigned char *b)
{
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

/* The fixed start; *sections are believed to be so many only after the header's checksum. A file of a
 * newer version is called by its name even if its header is longer. */
static prune_status check_start(uint32_t *sections, const prune_reader *reader, prune_error *error)
{
    unsigned char start[START_BYTES] = { 0 };
    const size_t count = reader->length < START_BYTES ? (size_t)reader->length : START_BYTES;
    if (read_exactly(reader, 0, start, count) != PRUNE_OK)
        return header_error(error, PRUNE_E_IO, explain(PRUNE_E_IO));
    if (!is_magic(start, count))
        return header_error(error, PRUNE_E_FORMAT, "this is not a file of libprune");
    if (count < START_BYTES)
        return header_error(error, PRUNE_E_TRUNCATED, "the file ends within its header");
    const uint32_t version = u32_at(start + MAGIC_BYTES);
    if (version > VERSION)
        return header_error(error, PRUNE_E_VERSION, "the file was made by a newer libprune");
    *sections = u32_at(start + 12);
    if (version == 0 || *sections == 0 || *sections > MOST_SECTIONS)
        return header_error(error, PRUNE_E_FORMAT, "version or number of sections is out of range");
    if (reader->length - START_BYTES < *sections * ENTRY_BYTES + CRC_BYTES)
        return header_error(error, PRUNE_E_TRUNCATED, "the file ends within its table of sections");
    return PRUNE_OK;
}

/* Makes the header a section of its own. */
static prune_status find_header(prn_section *header, const prune_reader *reader, uint32_t sections,
                                prune_error *error)
{
    unsigned char crc[CRC_BYTES];
    *header = (prn_section){ .length = START_BYTES + sections * ENTRY_BYTES };
    if (read_exactly(reader, header->length, crc, CRC_BYTES) != PRUNE_OK)
        return header_error(error, PRUNE_E_IO, explain(PRUNE_E_IO));
    header->crc = u32_at(crc);
    return PRUNE_OK;
}

static prune_status close_header(prn_source *source, prune_error *error)
{
    const prune_status status = drain(source);
    return status == PRUNE_OK ? PRUNE_OK : header_error(error, status, explain(status));
}

/* What has been read of the table. */
typedef struct table {
    prn_section *known;
    size_t known_count;
    uint32_t ids[MOST_SECTIONS];
    size_t count;
    uint64_t offset, left; /* of the payloads that are not claimed yet */
} table;

static prune_status place_section(table *t, prn_section section, prune_error *error)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->ids[i] == section.id)
            return prn_section_error(error, PRUNE_E_FORMAT, section.id, "is there twice");
    if (section.length > t->left)
        return prn_section_error(error, PRUNE_E_FORMAT, section.id, "goes on beyond the end of the file");
    section.offset = t->offset;
    t->offset += section.length;
    t->left -= section.length;
    t->ids[t->count++] = section.id;
    for (size_t k = 0; k < t->known_count; k++)
        if (t->known[k].id == section.id) {
            if (t->known[k].flags != section.flags)
                return prn_section_error(error, PRUNE_E_FORMAT, section.id, "has the wrong flags");
            t->known[k] = section;
            return PRUNE_OK;
        }
    if (section.flags & PRN_SECTION_REQUIRED)
        return prn_section_error(error, PRUNE_E_VERSION, section.id,
                                 "is required, and this libprune does not know it");
    return PRUNE_OK;
}

static prune_status check_payload(const prune_reader *reader, const prn_section *section, prune_error *error)
{
    prn_source source;
    prn_source_open(&source, reader, section);
    return prn_source_close(&source, error);
}

/* One entry of the table and its payload. */
static prune_status check_entry(table *t, prn_source *header, prune_error *error)
{
    prn_section section = { 0 };
    section.id = prn_get_u32(header);
    section.flags = prn_get_u32(header);
    section.length = prn_get_u64(header);
    section.crc = prn_get_u32(header);
    const uint32_t zero = prn_get_u32(header);
    if (header->status != PRUNE_OK)
        return close_header(header, error);
    if (zero != 0 || (section.flags & ~(uint32_t)PRN_SECTION_REQUIRED) != 0)
        return prn_section_error(error, PRUNE_E_FORMAT, section.id, "has bits set that mean nothing");
    const uint64_t offset = t->offset;
    const prune_status status = place_section(t, section, error);
    section.offset = offset;
    return status != PRUNE_OK ? status : check_payload(header->reader, &section, error);
}

static prune_status check_table(table *t, prn_source *header, uint32_t sections, prune_error *error)
{
    for (size_t i = 0; i < MAGIC_BYTES; i++)
        (void)prn_get_byte(header);
    (void)prn_get_u64(header);
    const uint64_t length = prn_get_u64(header);
    if (header->status == PRUNE_OK && length != header->reader->length)
        return header_error(error, PRUNE_E_TRUNCATED, "the file is not as long as its header says");
    for (uint32_t i = 0; i < sections; i++) {
        const prune_status status = check_entry(t, header, error);
        if (status != PRUNE_OK)
            return status;
    }
    if (t->left != 0)
        return header_error(error, PRUNE_E_FORMAT, "there are bytes that belong to no section");
    return close_header(header, error);
}

prune_status prn_container_check(const prune_reader *reader, prn_section *known, size_t count,
                                 prune_error *error)
{
    uint32_t sections = 0;
    prn_section header;
    prn_source source;
    prune_status status = check_start(&sections, reader, error);
    if (status == PRUNE_OK)
        status = find_header(&header, reader, sections, error);
    if (status != PRUNE_OK)
        return status;
    prn_source_open(&source, reader, &header);
    status = close_header(&source, error);
    if (status != PRUNE_OK)
        return status;
    table t = { .known = known, .known_count = count, .offset = header.length + CRC_BYTES };
    t.left = reader->length - t.offset;
    prn_source_open(&source, reader, &header);
    return check_table(&t, &source, sections, error);
}
