/* share.h (private) -- a whole number parted in proportion, within limits, in whole numbers
 *
 * Each part is its share times one number x, rounded to the nearest integer and held within the part's
 * limits; x is what makes the sum right. Where the sum skips the total, the first parts that grow with the
 * next larger x grow. A larger total makes no part smaller. */
#ifndef PRN_SHARE_H
#define PRN_SHARE_H

#include "libprune/base.h"

typedef struct prn_share {
    double share;         /* finite, from 0 on; 0 gives the least */
    uint64_t least, most; /* below 2^53 */
    uint64_t part;        /* out */
} prn_share;

/* Parts of a total between the sums of the least and the most; what shares of 0 hold back at last goes
 * to the first of them that has room. */
void prn_share_out(prn_share *shares, size_t count, uint64_t total);

#endif
