/* layer.h (private) -- what every kind of layer is to the rest of the library: a list of parameters
 * and a table of operations. Nothing above this rank knows dense from any other kind.
 *
 * Shapes: B samples; x[B][in], y[B][out], in and out the products of the input and output shapes. */
#ifndef PRN_LAYER_H
#define PRN_LAYER_H

#include "libprune/activation.h"
#include "libprune/gemm.h"
#include "libprune/layer.h"
#include "libprune/rng.h"
#include "gemm_small.h"
#include "mem.h"

enum { PRN_LAYER_PARAMS = 4, PRN_UNIT_SLICES = 2, PRN_LAYER_SETTINGS = PRUNE_LAYER_SETTINGS };

/* A parameter tensor with its mask: bit i of the words (1 = kept) belongs to value[i].
 * Invariants: value[i] is 0 where bit i is 0; `removed` counts the zero bits; bits beyond count are 1. */
typedef struct prn_param {
    const char *name;
    float *value;
    uint32_t *mask;
    prune_shape shape;
    size_t count;
    size_t removed;
    float initial; /* what it starts with where it is not drawn */
    int32_t prunable;
    int32_t statistic; /* PRN_STATISTIC*: of the data; no optimizer, penalty or choice touches it */
} prn_param;

enum { PRN_STATISTIC = 1, PRN_STATISTIC_NOT_NEGATIVE = 2 };

/* Elements start, start + stride, ... (count of them) of one parameter. */
typedef struct prn_slice {
    size_t param; /* within the layer */
    size_t start, stride, count;
} prn_slice;

/* All that makes a layer, beside its input: what a file says of it. A kind uses what its table names. */
typedef struct prn_layer_spec {
    int32_t kind;
    int32_t activation;                 /* else PRUNE_LINEAR */
    uint64_t outputs;                   /* else 0 */
    float settings[PRN_LAYER_SETTINGS]; /* else 0 */
} prn_layer_spec;

typedef struct prn_layer prn_layer;
struct prn_thin;

/* One pass through one layer. Forward reads x and writes y (rows ldx, ldy apart), and the cache[B][size]
 * unless that is NULL (nothing will go backward); backward reads x, y (ldy = out), cache and dy[B][out],
 * which it may overwrite, and writes the gradients of the parameters, and dx[B][in] unless that is NULL.
 * Per-sample gradients come after backward, of the same pass: dy is as that left it, and may be spoilt.
 * `training` is the same in both directions; without it there may be no cache, no memory and no rng. */
typedef struct prn_pass {
    const prune_backend *backend;
    prn_small *small; /* of the back end, or NULL */
    size_t batch;
    const float *x;
    float *y;
    size_t ldx, ldy;
    float *cache;
    float *memory; /* what training keeps for the batch as a whole, from forward to commit */
    int32_t training;
    int32_t apart; /* forward, on one of several threads that have rows each: products are not cut again */
    prune_rng *rng;
    float *dy;
    float *dx;
    float *gradient[PRN_LAYER_PARAMS];
    int32_t unread;                   /* nobody reads the gradients: what backward leaves there is all one */
    float *samples[PRN_LAYER_PARAMS]; /* out: sums over the batch of |g| or g^2 of each sample */
    float *scratch;                   /* [B][in] */
    int32_t power;                    /* 1: |g|; 2: g^2 */
    const float *shares;   /* [B]: of power 2, what g^2 of each sample is divided by; NULL: nothing */
    struct prn_thin *thin; /* the plan's, for products by kept weights (thin.h); NULL: all take part */
    int32_t kept_only;     /* with it: nobody asks for the gradients of removed weights, which are 0 then */
} prn_pass;

/* Second derivatives of the loss of one sample, on their way back through a layer. h is the Hessian by the
 * layer's outputs, or with `diagonal` what the recursion has for its diagonal; hx is what comes out for the
 * inputs, unless it is NULL. The pass holds that sample (batch is 1), in inference; dy is as backward gets
 * it. h, slope and room may be spoilt. */
typedef struct prn_bend {
    int32_t diagonal;
    int32_t linear;               /* Gauss-Newton: as if second derivatives of the layers were 0 */
    float *h, *hx;                /* [out][out], [in][in]; [out], [in] with `diagonal` */
    float *slope[2];              /* room: [out] each */
    float *room;                  /* [out][in]; not there with `diagonal` */
    float *own[PRN_LAYER_PARAMS]; /* the diagonal by the parameters is added here */
} prn_bend;

/* How a pass in inference changes as the parameters move along a vector (the R-operator of B. Pearlmutter,
 * 1994: R q is the derivative of q(w + t vector) by t at 0). Forward, after the layer's own forward, reads rx
 * and writes ry, and what it wants back. Backward, before the layer's own backward, reads dy and rdy and
 * writes R of the gradients of the parameters, and rdx unless that is NULL; rdy and slope may be spoilt. */
typedef struct prn_along {
    const float *vector[PRN_LAYER_PARAMS];
    const float *rx; /* [B][in]; NULL: 0 */
    float *ry;       /* [B][out] */
    float *rz;       /* [B][out]: kept from forward to backward */
    float *rdy, *rdx;
    float *product[PRN_LAYER_PARAMS];
    float *slope[2]; /* room: [B][out] each */
} prn_along;

/* Tables name every operation, but those said to be NULL where there is nothing to do. */
typedef struct prn_layer_ops {
    int32_t kind;
    const char *name;
    int32_t has_activation, has_outputs; /* whether the spec's are used */
    size_t settings;                     /* how many of the spec's are used */
    /* Output unit u is a function of input unit u alone; when that goes, its unit_slices here go too. */
    int32_t unitwise;
    int32_t identity;      /* y = x in inference */
    int32_t is_activation; /* y = f(x), and nothing else */
    int32_t mixes;         /* in training, what is made of a sample hangs on the others, or on their order */
    size_t least_batch;    /* a smaller batch passes as in inference */
    prune_status (*check)(const prn_layer_spec *spec); /* its settings; NULL: none */
    /* Fills in output and parameters (name, shape, prunable, ...) from the input and spec, of a layer of
     * zeros that has room for PRN_LAYER_PARAMS. PRUNE_E_OVERFLOW. */
    prune_status (*plan)(prn_layer *layer);
    void (*forward)(const prn_layer *layer, const prn_pass *pass);
    void (*backward)(const prn_layer *layer, const prn_pass *pass);
    void (*sample_gradients)(const prn_layer *layer, const prn_pass *pass); /* NULL: no parameters */
    void (*bend)(const prn_layer *layer, const prn_pass *pass, const prn_bend *bend);
    void (*forward_along)(const prn_layer *layer, const prn_pass *pass, const prn_along *along);
    void (*backward_along)(const prn_layer *layer, const prn_pass *pass, const prn_along *along);
    /* In inference, output unit u is scale_shift[0] times input unit u + scale_shift[1]. NULL: it is not. */
    void (*affine)(const prn_layer *layer, size_t u, float scale_shift[2]);
    /* Makes that, of its output unit u, part of the layer, whose activation is linear, if `apply`; returns
     * 0 if it cannot. NULL: never. */
    int32_t (*absorb)(prn_layer *layer, size_t u, const float scale_shift[2], int32_t apply);
    size_t (*memory_size)(const prn_layer *layer); /* floats; NULL: none. Statistics of the step come first */
    /* Statistics; NULL: none. After a pass in training, mixes the batch's into those of the step, in the
     * memory; the first time in a step from the layer's own. Commit makes them the layer's. */
    void (*gather)(const prn_layer *layer, float *memory, size_t batch, int32_t first);
    void (*commit)(prn_layer *layer, float *memory);
    void (*initialize)(prn_layer *layer, int32_t initializer, prune_rng *rng);
    size_t (*cache_size)(const prn_layer *layer);  /* floats per sample, beside y */
    uint64_t (*macs)(const prn_layer *layer);      /* per sample, all weights */
    uint64_t (*macs_kept)(const prn_layer *layer); /* per sample, kept weights */
    size_t (*units)(const prn_layer *layer);       /* neurons: what structured pruning removes */
    /* What belongs to output unit u in the layer itself; returns the number of slices. */
    size_t (*unit_slices)(const prn_layer *layer, size_t u, prn_slice slices[PRN_UNIT_SLICES]);
    /* What belongs to input unit u in a layer that consumes it. */
    size_t (*input_slices)(const prn_layer *layer, size_t u, prn_slice slices[PRN_UNIT_SLICES]);
} prn_layer_ops;

struct prn_layer {
    const prn_layer_ops *ops;
    size_t bytes; /* of the one block that holds the layer, its parameters and masks */
    prn_layer_spec spec;
    prune_shape input, output; /* of one sample */
    size_t param_count;
    prn_param *params;
};

/* A layer before it has memory. */
typedef struct prn_layer_plan {
    prn_layer layer;
    prn_param params[PRN_LAYER_PARAMS];
} prn_layer_plan;

/* Checks the spec, and plans a layer of that kind behind `input`; allocates nothing. */
prune_status prn_layer_plan_make(prn_layer_plan *plan, const prn_layer_ops *ops, const prn_layer_spec *spec,
                                 const prune_shape *input);

/* A layer in one block, its parameters 0, all kept. PRUNE_E_OVERFLOW, PRUNE_E_MEMORY. */
prune_status prn_layer_create(prn_layer **out, const prune_allocator *mem, const prn_layer_plan *plan);

/* A copy in one block; NULL if there is no memory. */
prn_layer *prn_layer_clone(const prune_allocator *mem, const prn_layer *layer);

/* Entries of tables: parameters start as they say themselves; and those of layers without something. */
void prn_layer_initialize(prn_layer *layer, int32_t initializer, prune_rng *rng);
prune_status prn_layer_same_shape(prn_layer *layer);
size_t prn_layer_no_size(const prn_layer *layer);
uint64_t prn_layer_no_macs(const prn_layer *layer);
size_t prn_layer_no_slices(const prn_layer *layer, size_t u, prn_slice slices[PRN_UNIT_SLICES]);

/* In inference it does nothing. */
static inline int32_t prn_layer_is_identity(const prn_layer *layer)
{
    return layer->ops->identity || (layer->ops->is_activation && layer->spec.activation == PRUNE_LINEAR);
}

/* The product of the dimensions. */
size_t prn_shape_count(const prune_shape *shape);
int32_t prn_shape_equal(const prune_shape *a, const prune_shape *b);

/* Words that hold count mask bits. */
size_t prn_mask_words(size_t count);

/* Whether element i is kept. */
static inline int32_t prn_mask_test(const uint32_t *mask, size_t i)
{
    return (int32_t)(mask[i / 32] >> (i % 32) & 1u);
}

/* Removes element i: bit, count and value. Removed already: nothing. */
void prn_param_remove(prn_param *param, size_t i);

/* Removes of elements 32 word .. those whose bit is 1; bits behind the end are 0. */
void prn_param_remove_word(prn_param *param, size_t word, uint32_t bits);

/* A removed element is kept again, as it starts. Kept already: nothing. */
void prn_param_return(prn_param *param, size_t i);

/* Sets every value whose mask bit is 0 to 0, in any array laid out like the parameter. */
void prn_param_mask_values(const prn_param *param, float *values);

/* Sets all values; where the mask bit is 0 the value is 0. */
void prn_param_fill(prn_param *param, float value);

/* All ones. */
void prn_param_unmask(prn_param *param);

/* The same, and what was removed is as it starts: a scale of 0 would hold what it scales at 0 for ever. */
void prn_param_revive(prn_param *param);

/* Counts the zero bits. */
size_t prn_param_count_removed(const prn_param *param);

/* Inputs and outputs together, of a layer that has neurons; else 0. */
size_t prn_layer_groups(const prn_layer *layer);

/* Sum over the parameters. */
size_t prn_layer_floats(const prn_layer *layer);

#endif
