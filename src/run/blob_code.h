/* blob_code.h -- weight matrices as the runtime's operations want them */
#ifndef PRN_BLOB_CODE_H
#define PRN_BLOB_CODE_H

#include "bits.h"
#include "libprune/blob.h"

/* Where 32-bit words go, little-endian; bytes NULL: they are only counted. */
typedef struct prn_words {
    unsigned char *bytes;
    uint64_t count;
} prn_words;

void prn_words_put(prn_words *words, uint32_t word);
void prn_words_put_float(prn_words *words, float value);

/* All of the header but magic, version and panel, which are written as they are here. */
void prn_words_put_header(prn_words *words, const prune_blob_header *header);
void prn_words_put_layer(prn_words *words, const prune_blob_layer *layer);

/* Ends a blob with its checksum. */
void prn_words_sign(prn_words *words);

/* prune_blob_layer.floor without one. */
static inline float prn_no_floor(void)
{
    return prn_bits_float(0xFF800000u); /* -Inf */
}

/* Weights [rows][columns], of which those that are 0 need not be stored, and a bias for each row; both sizes
 * below 2^16. */
typedef struct prn_layer_matrix {
    uint32_t rows, columns;
    const float *weights, *biases;
} prn_layer_matrix;

/* Writes the data of PRUNE_BLOB_DENSE, BLOCKS, DELTAS or BITMASK. Returns how many instructions a Cortex-M4F
 * takes for it, by a model (blob_export.h). */
uint64_t prn_blob_code(prn_words *words, int32_t encoding, const prn_layer_matrix *m);

/* The best by words, or by instructions among those of no more words than dense; the first of equals. */
int32_t prn_blob_choose(const prn_layer_matrix *m, int32_t by_instructions);

#endif
