/* narrow.h (private) -- which units of a chain stay: what is read, widths, padding */
#ifndef PRN_NARROW_H
#define PRN_NARROW_H

#include "chain.h"

typedef struct prn_narrow_rule {
    int32_t merge;
    int32_t down;    /* the multiple is reached by removing more, else by padding */
    size_t least;    /* neurons of a hidden dense layer; at least 1 */
    size_t multiple; /* at least 1 */
} prn_narrow_rule;

/* Decides the fate of every unit, its weights with it, but for padding. *rounded: how many of the constants
 * are such since they had to go for the multiple. PRUNE_E_NONFINITE as prn_fuse(). */
prune_status prn_narrow(prn_chain *chain, const prn_narrow_rule *rule, uint64_t *rounded);

/* What the rule has too few for comes back as padding. */
void prn_narrow_pad(prn_chain *chain, const prn_narrow_rule *rule);

/* Whether a unit is in the new model. */
static inline int32_t prn_narrow_stays(uint8_t fate)
{
    return fate == PRN_KEPT || fate == PRN_PADDING;
}

#endif
