/* select.c -- the lowest of more scores than memory holds
 *
 * By radix, as in rank.c: with one count of the digits of those scores that agree so far.
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/select.h"
#include "bits.h"
#include "mem.h"
#include "options.h"
#include "scan.h"
#include "text.h"
#include "words.h"

#include <string.h>

enum { MOST_CHUNK = 1 << 20, LEAST_DIGIT = 8 };

void prune_score_source_init(prune_score_source *source)
{
    if (source != NULL)
        *source = (prune_score_source){ .size = sizeof *source };
}

void prune_cutoff_init(prune_cutoff *cutoff)
{
    if (cutoff != NULL)
        *cutoff = (prune_cutoff){ .size = sizeof *cutoff };
}

/* One call. */
typedef struct reading {
    prune_score_source source;
    prune_allocator mem;
    unsigned char *block;
    size_t bytes; /* of the block */
    uint64_t *counts;
    uint32_t digit_bits; /* counts[1 << digit_bits] */
    float *chunk;
    size_t room; /* of the chunk, in floats, a multiple of 32 */
    prune_error *error;
} reading;

/* ---- setting up ---- */

static prune_status read_source(reading *r, const prune_score_source *given)
{
    prune_score_source_init(&r->source);
    prune_status status =
        given == NULL ? PRUNE_E_ARGUMENT : prn_options_read(&r->source, sizeof r->source, given);
    if (status != PRUNE_OK)
        return prn_error_set(r->error, status, "scores", prn_options_reason(status));
    if (r->source.read == NULL)
        return prn_error_set(r->error, PRUNE_E_ARGUMENT, "scores.read", "NULL");
    if (!prn_options_switches(&r->source.absolute, 1))
        return prn_error_set(r->error, PRUNE_E_ARGUMENT, "scores.absolute", "neither 0 nor 1");
    return r->source.count != 0 ? PRUNE_OK : prn_error_set(r->error, PRUNE_E_EMPTY, "scores.count", "0");
}

/* Up to half of the bytes for counters, the rest for scores. */
static void lay_out(reading *r, size_t bytes, int32_t counting)
{
    static const uint32_t digits[] = { 16, 11, LEAST_DIGIT };
    size_t d = 0;
    while (d + 1 < sizeof digits / sizeof *digits && bytes / 2 >> digits[d] < sizeof *r->counts)
        d++;
    r->digit_bits = digits[d];
    const size_t counters = counting ? sizeof *r->counts << r->digit_bits : 0;
    r->room = (bytes - counters) / sizeof *r->chunk;
    r->room = r->room < MOST_CHUNK ? r->room - r->room % PRN_WORD : MOST_CHUNK;
    if (r->source.count < r->room)
        r->room = ((size_t)r->source.count + PRN_WORD - 1) / PRN_WORD * PRN_WORD;
    r->bytes = counters + r->room * sizeof *r->chunk;
}

static prune_status open_reading(reading *r, const prune_allocator *mem, const prune_score_source *source,
                                 size_t bytes, int32_t counting)
{
    prune_status status = read_source(r, source);
    if (status != PRUNE_OK)
        return status;
    if (bytes < PRUNE_SELECT_LEAST)
        return prn_error_set(r->error, PRUNE_E_SIZE, "bytes", "less than PRUNE_SELECT_LEAST");
    lay_out(r, bytes, counting);
    status = prn_mem_choose(&r->mem, mem);
    if (status == PRUNE_OK && (r->block = prn_mem_alloc(&r->mem, 1, r->bytes)) == NULL)
        status = PRUNE_E_MEMORY;
    if (status != PRUNE_OK)
        return prn_error_set(r->error, status, "bytes", prune_status_string(status));
    r->counts = (uint64_t *)(void *)r->block;
    r->chunk = (float *)(void *)(r->block + r->bytes - r->room * sizeof *r->chunk);
    return PRUNE_OK;
}

static void close_reading(reading *r)
{
    if (r->block != NULL)
        prn_mem_free(&r->mem, r->block, 1, r->bytes);
}

/* ---- reading ---- */

static prune_status changed(const reading *r)
{
    return prn_error_set(r->error, PRUNE_E_STATE, "scores", "they are not those of an earlier pass");
}

static prune_status not_finite(const reading *r, uint64_t index)
{
    const ptrdiff_t number[] = { index < PTRDIFF_MAX ? (ptrdiff_t)index : PTRDIFF_MAX };
    return prn_error_format(r->error, PRUNE_E_NONFINITE, "scores[%]",
                            "NaN or infinite, or read() left it out", number);
}

/* Scores from number `first` on, as many as there is room for. */
static prune_status read_chunk(size_t *count, reading *r, uint64_t first)
{
    const uint64_t left = r->source.count - first;
    *count = left < r->room ? (size_t)left : r->room;
    for (size_t i = 0; i < r->room; i++)
        r->chunk[i] = prn_bits_float(0x7fc00000u);
    const prune_status status = r->source.read(r->source.user, first, r->chunk, *count);
    if (status != PRUNE_OK)
        return prn_error_set(r->error, status, "scores", "read() failed");
    const size_t fine = prn_scan_finite(r->chunk, *count);
    if (fine != *count)
        return not_finite(r, first + fine);
    for (size_t i = 0; r->source.absolute && i < *count; i++)
        r->chunk[i] = prn_bits_float(prn_bits_size(r->chunk[i]));
    return PRUNE_OK;
}

/* ---- searching ---- */

/* What is known: the bits of the k-th lowest above `shift`. */
typedef struct known {
    uint32_t prefix, shift;
    uint64_t k; /* among those that agree with them */
} known;

static void count_chunk(reading *r, size_t count, const known *so_far, uint32_t width)
{
    const uint32_t mask = (1u << width) - 1u, shift = (so_far->shift - width) & 31u; /* width is not 0 */
    for (size_t i = 0; i < count; i++) {
        const uint32_t order = prn_bits_order(r->chunk[i]);
        if (so_far->shift == 32 || order >> so_far->shift == so_far->prefix)
            r->counts[order >> shift & mask]++;
    }
}

static prune_status find_digit(known *so_far, reading *r)
{
    const uint32_t width = (r->digit_bits < so_far->shift ? r->digit_bits : so_far->shift) & 31u;
    const uint32_t shift = so_far->shift - width;
    uint32_t value = 0;
    memset(r->counts, 0, sizeof *r->counts << width);
    for (uint64_t first = 0; first < r->source.count; first += r->room) {
        size_t count;
        const prune_status status = read_chunk(&count, r, first);
        if (status != PRUNE_OK)
            return status;
        count_chunk(r, count, so_far, width);
    }
    while (value >> width == 0 && r->counts[value] < so_far->k)
        so_far->k -= r->counts[value++];
    if (value >> width != 0)
        return changed(r);
    so_far->prefix = so_far->prefix << width | value;
    so_far->shift = shift;
    return PRUNE_OK;
}

static prune_status search(prune_cutoff *found, reading *r, uint64_t count)
{
    known so_far = { 0, 32, count };
    prune_status status = PRUNE_OK;
    for (; so_far.shift != 0 && status == PRUNE_OK; found->passes++)
        status = find_digit(&so_far, r);
    if (status != PRUNE_OK)
        return status;
    found->threshold = prn_bits_ordered(so_far.prefix);
    found->below = count - so_far.k;
    found->ties = so_far.k;
    return PRUNE_OK;
}

prune_status prune_select_lowest(prune_cutoff *cutoff, const prune_allocator *mem,
                                 const prune_score_source *scores, uint64_t count, size_t bytes,
                                 prune_error *error)
{
    reading r = { .error = error };
    prune_cutoff found;
    prune_cutoff_init(&found);
    prune_status status = cutoff == NULL ? PRUNE_E_ARGUMENT : prn_result_check(cutoff, sizeof found);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "cutoff", prn_options_reason(status));
    status = open_reading(&r, mem, scores, bytes, 1);
    if (status == PRUNE_OK && count > r.source.count)
        status = prn_error_set(error, PRUNE_E_RANGE, "count", "more than there are scores");
    if (status == PRUNE_OK && count != 0)
        status = search(&found, &r, count);
    close_reading(&r);
    if (status == PRUNE_OK)
        prn_result_write(cutoff, &found);
    return status;
}

/* ---- the mask ---- */

/* What of the cutoff is still to come. */
static uint32_t kept_word(prune_cutoff *left, const float *scores)
{
    const uint32_t below = prn_word_below(scores, left->threshold);
    uint32_t tied = prn_word_up_to(scores, left->threshold) & ~below, gone = below;
    left->below -= prn_word_ones(below);
    for (; tied != 0 && left->ties != 0; tied &= tied - 1u, left->ties--)
        gone |= tied & (~tied + 1u);
    return ~gone;
}

/* The bytes take the place of scores that have been looked at: 4 for 32. */
static prune_status write_chunk(const prune_writer *writer, reading *r, size_t count, prune_cutoff *left)
{
    unsigned char *bytes = (unsigned char *)r->chunk;
    for (size_t at = 0; at < count; at += PRN_WORD) {
        uint32_t kept = kept_word(left, r->chunk + at);
        if (count - at < PRN_WORD)
            kept &= prn_word_bit[count - at] - 1u;
        for (size_t b = 0; b < 4; b++)
            bytes[at / 8 + b] = (unsigned char)(kept >> 8 * b & 0xffu);
    }
    const prune_status status = writer->write(writer->user, bytes, count / 8 + (count % 8 != 0));
    return status == PRUNE_OK ? status : prn_error_set(r->error, status, "writer", "write() failed");
}

static prune_status write_mask(const prune_writer *writer, reading *r, prune_cutoff left)
{
    const int32_t none = left.below == 0 && left.ties == 0;
    prune_status status = PRUNE_OK;
    if (none)
        left.threshold = prn_bits_float(0x7fc00000u);
    for (uint64_t first = 0; first < r->source.count && status == PRUNE_OK; first += r->room) {
        size_t count;
        status = read_chunk(&count, r, first);
        if (status == PRUNE_OK)
            status = write_chunk(writer, r, count, &left);
    }
    return status == PRUNE_OK && (left.below != 0 || left.ties != 0) ? changed(r) : status;
}

prune_status prune_select_mask(const prune_writer *writer, const prune_allocator *mem,
                               const prune_score_source *scores, const prune_cutoff *cutoff, size_t bytes,
                               prune_error *error)
{
    reading r = { .error = error };
    prune_cutoff mine;
    prune_cutoff_init(&mine);
    if (writer == NULL || writer->write == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "writer", "NULL");
    prune_status status = cutoff == NULL ? PRUNE_E_ARGUMENT : prn_options_read(&mine, sizeof mine, cutoff);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "cutoff", prn_options_reason(status));
    status = open_reading(&r, mem, scores, bytes, 0);
    if (status == PRUNE_OK)
        status = write_mask(writer, &r, mine);
    close_reading(&r);
    return status;
}
