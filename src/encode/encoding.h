/* encoding.h (private) -- a table of operations for each encoding, the header, the arrays behind it
 *
 * Numbers of rows, columns, elements and values are below 2^32, so that a chip counts in one word. */
#ifndef PRN_ENCODING_H
#define PRN_ENCODING_H

#include "libprune/encoding.h"

/* What is to be encoded. */
typedef struct prn_matrix {
    uint32_t rows, columns;
    size_t ld;
    const float *values;
    const uint8_t *kept;  /* [rows][columns], or NULL */
    const uint32_t *mask; /* bits, row after row without gaps, or NULL */
} prn_matrix;

int32_t prn_matrix_keeps(const prn_matrix *m, uint32_t row, uint32_t column);
uint32_t prn_matrix_kept(const prn_matrix *m, uint32_t row); /* of a row; all of it is read */
uint32_t prn_matrix_bits(const prn_matrix *m, uint32_t row, uint32_t column); /* 0 where it is not kept */

/* An array within the encoded bytes, of numbers of `width` bytes. */
typedef struct prn_array {
    size_t at;
    uint32_t count, width;
} prn_array;

typedef struct prn_code prn_code;

/* A header as numbers, and what follows from them. */
typedef struct prn_coded {
    const prn_code *code;
    const unsigned char *bytes; /* NULL until there are any */
    uint32_t rows, columns, stored, gaps;
    uint32_t p, q;
    uint32_t total; /* the last of the ends */
    prn_array values, ends, index;
    uint64_t length;
} prn_coded;

/* Walks over what is stored, row by row from the first: start_row(), then next() until it gives 0. */
typedef struct prn_cursor {
    const prn_coded *coded;
    uint32_t row, column; /* of what next() has found */
    uint32_t value;       /* its number among the values */
    uint32_t at, begin, end, gap;
} prn_cursor;

enum { PRN_PLAIN = 0, PRN_BY_LANES = 1, PRN_BY_BLOCK = 2, PRN_BY_GROUP = 3 };

struct prn_code {
    int32_t id;
    const char *name;
    int32_t parameters; /* what p and q are: PRN_PLAIN: 0 */
    /* The numbers of the header (stored, gaps) that this matrix makes. */
    prune_status (*count)(prn_coded *coded, const prn_matrix *m);
    /* From the header: count and width of ends and index, and total. 0: the numbers contradict each other. */
    int32_t (*arrays)(prn_coded *coded);
    /* Into bytes that are 0, behind the header. */
    void (*encode)(unsigned char *bytes, const prn_coded *coded, const prn_matrix *m);
    /* What the cursor relies upon, and what it does not see (fillers); ends are good. NULL: nothing. */
    int32_t (*check)(const prn_coded *coded);
    void (*start_row)(prn_cursor *cursor);
    int32_t (*next)(prn_cursor *cursor);
};

extern const prn_code prn_code_dense, prn_code_csr, prn_code_sliced, prn_code_blocks, prn_code_n_of_m,
    prn_code_bitmask, prn_code_deltas;

/* NULL: there is none. */
const prn_code *prn_code_find(uint32_t id);

/* Bytes that tell so many numbers, from 0, apart; `least` or more. */
uint32_t prn_code_width(uint32_t numbers, uint32_t least);
uint32_t prn_code_ends_width(uint32_t total);
uint32_t prn_code_pieces(uint32_t count, uint32_t size); /* count / size, rounded up */

/* Little-endian numbers. */
uint32_t prn_code_get(const unsigned char *bytes, const prn_array *array, uint32_t i);
void prn_code_put(unsigned char *bytes, const prn_array *array, uint32_t i, uint32_t number);

/* Begin and end of row (slice, block row) e. */
void prn_code_range(const prn_coded *coded, uint32_t e, uint32_t *begin, uint32_t *end);

/* PRUNE_E_LIMIT if there are more than a header can say. */
prune_status prn_code_stored(prn_coded *coded, uint64_t stored);

/* Entries of tables: a value for each that is kept; and rows in which values and their ends are all. */
prune_status prn_code_count_kept(prn_coded *coded, const prn_matrix *m);
void prn_code_start_range(prn_cursor *cursor);

/* Numbers that fit each other and the format become a whole layout; 0: they do not. */
int32_t prn_code_plan(prn_coded *coded);

/* The numbers for a matrix, p and q already there. PRUNE_E_UNSUPPORTED, PRUNE_E_LIMIT, PRUNE_E_OVERFLOW. */
prune_status prn_code_measure(prn_coded *coded, const prn_matrix *m);

/* Writes coded->length bytes. */
void prn_code_write(unsigned char *bytes, const prn_coded *coded, const prn_matrix *m);

/* Reads the header and holds the length against it; *reason is for people. */
prune_status prn_code_open(prn_coded *coded, const unsigned char *bytes, size_t length, const char **reason);

/* All that comes behind the header. NULL: it is good; else the reason. */
const char *prn_code_check(const prn_coded *coded);

#endif
