/* product.h (private) -- products made from matrices whoever owns their mask, and run without tensors */
#ifndef PRN_PRODUCT_H
#define PRN_PRODUCT_H

#include "encoding.h"
#include "libprune/product.h"

/* As prune_product_create_weights(). */
prune_status prn_product_create(prune_product **out, const prune_allocator *mem, const prn_matrix *m,
                                const prune_product_options *options);

/* Samples lie side by side in memory, rows ld apart. */
typedef struct prn_product_call {
    const float *x;
    float *y;
    size_t ldx, ldy, batch;
    int32_t accumulate;
    void *room;
} prn_product_call;

/* As prune_product_run(), with nothing left to check. */
void prn_product_run(const prune_product *product, const prn_product_call *call);

/* Whether it is laid out in one way, by name, that takes more bytes than DENSE. */
int32_t prn_product_larger(const prune_product *product);

/* Nanoseconds of a run of max_batch samples, modelled. */
float prn_product_time(const prune_product *product);

#endif
