/* sections.h (private) -- what a model is in a file: the sections ARCH, WGHT and MASK */
#ifndef PRN_SECTIONS_H
#define PRN_SECTIONS_H

#include "container.h"
#include "model.h"

enum { PRN_ARCH, PRN_WGHT, PRN_MASK, PRN_TRNR, PRN_PNLT, PRN_PLOG, PRN_SECTIONS };

/* Ids and flags. */
extern const prn_section prn_sections_known[PRN_SECTIONS];

prune_status prn_sections_error(prune_error *error, prune_status status, int32_t section, const char *reason);

/* The sections that the model needs; returns how many. The model is good and outlives the payloads. */
size_t prn_sections_put(prn_payload payloads[PRN_SECTIONS], const prune_model *model);

/* Masks of `count` bits as they stand in any section. Get returns 0 if a padding bit is set; mask is all ones
 * before. */
void prn_mask_put(prn_sink *sink, const uint32_t *mask, size_t count);
int32_t prn_mask_get(uint32_t *mask, size_t count, prn_source *source);

/* A file that has been looked through. */
typedef struct prn_file_sections {
    const prune_reader *reader;
    prn_section sections[PRN_SECTIONS];
} prn_file_sections;

/* Checks all that can be known before memory is taken, but for the inside of TRNR, PNLT and PLOG. */
prune_status prn_sections_check(prn_file_sections *file, const prune_reader *reader, prune_error *error);

/* Makes the model of a file that has been checked. */
prune_status prn_sections_read(prune_model **out, const prune_allocator *mem, const prn_file_sections *file,
                               prune_error *error);

#endif
