/* chain.h (private) -- a model as spaces of units: its inputs, and the outputs of each dense layer
 *
 * Space 0 holds the inputs, space s the neurons of the s-th dense layer; the dense layer that reads a space
 * is the one that makes the next. Layers between keep units apart, or pin them down. */
#ifndef PRN_CHAIN_H
#define PRN_CHAIN_H

#include "model.h"

/* The parameters of a dense layer. */
enum { PRN_DENSE_WEIGHT = 0, PRN_DENSE_BIAS = 1 };

/* What becomes of a unit. */
enum { PRN_KEPT = 0, PRN_CONSTANT, PRN_UNREAD, PRN_MERGED, PRN_ROUNDED, PRN_PADDING };

typedef struct prn_space {
    size_t width;
    size_t first;   /* the first layer behind the one that makes it */
    size_t reader;  /* the dense layer that reads it; of the last space the number of layers */
    int32_t pinned; /* all its units have to stay */
    uint8_t *fate;  /* [width] */
} prn_space;

/* Works on a copy of the model: what becomes of a unit is done to its weights there at once. */
typedef struct prn_chain {
    prune_allocator mem;
    size_t bytes;
    prune_model *model;
    size_t count; /* spaces */
    prn_space *spaces;
    float *value[2]; /* [widest space] each */
} prn_chain;

/* Makes a chain around a copy of the model, all units kept. Inputs are pinned unless drop_inputs.
 * PRUNE_E_MEMORY, PRUNE_E_OVERFLOW. Ended by prn_chain_free(), which takes NULL. */
prune_status prn_chain_create(prn_chain **out, const prune_allocator *mem, const prune_model *model,
                              int32_t drop_inputs);
void prn_chain_free(prn_chain *chain);

/* The dense layer that makes space s > 0, and the one that reads s < count - 1. */
prn_layer *prn_chain_maker(const prn_chain *chain, size_t s);
prn_layer *prn_chain_reader(const prn_chain *chain, size_t s);

/* Units of a space that have this fate. */
size_t prn_chain_count(const prn_space *space, uint8_t fate);

/* Removes all that makes unit u of a space: row, bias, and what it has in the layers behind. */
void prn_chain_clear(prn_chain *chain, size_t s, size_t u);

/* Removes what reads it: its column. */
void prn_chain_unread(prn_chain *chain, size_t s, size_t u);

/* Sets an element that may have been removed; 0 leaves it so. */
void prn_chain_set(prn_param *param, size_t i, float value);

#endif
