/* flips.h (private) -- which bits of a mask have changed, as bytes
 *
 * Of each parameter, one after the other: a byte that says how (0 nothing has changed, 1 runs, 2 bits), then
 *   runs  lengths of runs, in turn unchanged and changed, until they add up to the parameter's elements; the
 *         first may be 0, no other. A length: 7 bits a byte, the lowest first, bit 7 set in all but the last
 *   bits  one bit for each element (1 = changed), from the lowest of byte 0 on, padded with 0 */
#ifndef PRN_FLIPS_H
#define PRN_FLIPS_H

#include "libprune/base.h"

/* Puts what differs between two masks of `count` bits into bytes, in as few as there can be; with bytes NULL
 * only counts. Returns how many. */
size_t prn_flips_put(unsigned char *bytes, const uint32_t *a, const uint32_t *b, size_t count);

/* Goes over such bytes, whatever stands in them. */
typedef struct prn_flips {
    const unsigned char *at, *end;
    int32_t bad;
    int32_t coding;
    const unsigned char *bits;
    size_t count, next; /* of the parameter */
} prn_flips;

void prn_flips_open(prn_flips *flips, const unsigned char *bytes, size_t length);

/* Turns to the next parameter, of so many elements. */
void prn_flips_param(prn_flips *flips, size_t count);

/* Its next elements that have changed, first_end[0] .. first_end[1] - 1; 0: no more, or flips->bad. */
int32_t prn_flips_next(size_t first_end[2], prn_flips *flips);

#endif
