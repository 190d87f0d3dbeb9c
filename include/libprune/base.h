/* base.h -- what every other header needs: versions, status codes, and the hooks to the outside
 * world (memory, bytes, time).
 *
 * Conventions, throughout libprune:
 *  - Every call that can fail returns a prune_status; outputs come first; an object is published in
 *    *out only when it is whole, else *out is NULL. A failed call changes nothing.
 *  - One destructor per object; it takes NULL.
 *  - An options or result struct starts with its own size. prune_..._init() sets the size and the
 *    defaults. A shorter struct (older caller) gets defaults for the rest; a longer one (newer
 *    caller) is refused with PRUNE_E_VERSION.
 *  - No global state: allocators, seeds and clocks belong to objects. Nothing prints or aborts.
 *  - What lies between the lines FFI-BEGIN and FFI-END of each header is plain C declarations that
 *    cffi's cdef(), LuaJIT's ffi.cdef() and PHP's FFI::cdef() take as they are. The values of constants
 *    never change, so a caller without a C parser (ctypes) may write them down.
 *  - Callbacks are called only on the thread that entered the library (unless they say that any thread will
 *    do: prune_source.any_thread), and must return to it: no longjmp(), no exception that passes through it.
 * On chips: libprune-firmware.a.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_BASE_H
#define LIBPRUNE_BASE_H

#include <stddef.h>
#include <stdint.h>

#define PRUNE_VERSION_MAJOR 0
#define PRUNE_VERSION_MINOR 1
#define PRUNE_VERSION_PATCH 0

/* Between these two, declarations are exported from the shared library and have C linkage. A pragma
 * and not an attribute on each function, so that the FFI blocks stay plain C. */
#if defined(__GNUC__) && !defined(_WIN32)
#define PRN_VISIBLE_BEGIN _Pragma("GCC visibility push(default)")
#define PRN_VISIBLE_END _Pragma("GCC visibility pop")
#else
#define PRN_VISIBLE_BEGIN
#define PRN_VISIBLE_END
#endif
#ifdef __cplusplus
#define PRUNE_API_BEGIN          \
    PRN_VISIBLE_BEGIN extern "C" \
    {
#define PRUNE_API_END \
    }                 \
    PRN_VISIBLE_END
#else
#define PRUNE_API_BEGIN PRN_VISIBLE_BEGIN
#define PRUNE_API_END PRN_VISIBLE_END
#endif

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* The outcome of a call: 0 or one of PRUNE_E_*. An integer and not an enum type, whose width
 * differs between ABIs. The values never change. */
typedef int32_t prune_status;
enum {
    PRUNE_OK = 0,
    PRUNE_E_ARGUMENT = -1,     /* a NULL pointer, an unknown constant, an option that makes no sense */
    PRUNE_E_MEMORY = -2,       /* the allocator said no */
    PRUNE_E_SHAPE = -3,        /* shapes do not fit each other */
    PRUNE_E_SIZE = -4,         /* a size is zero */
    PRUNE_E_OVERFLOW = -5,     /* a product of sizes does not fit into size_t */
    PRUNE_E_LIMIT = -6,        /* a dimension is over INT_MAX (BLAS counts in int), or another hard limit */
    PRUNE_E_RANGE = -7,        /* a number is outside its range, or NaN */
    PRUNE_E_TYPE = -8,         /* the tensor's dtype is not the one wanted */
    PRUNE_E_READONLY = -9,     /* the tensor is read-only */
    PRUNE_E_EMPTY = -10,       /* no samples */
    PRUNE_E_NO_LAYERS = -11,   /* the model has no layers */
    PRUNE_E_NONFINITE = -12,   /* NaN or Inf in data, labels or weights */
    PRUNE_E_LABEL = -13,       /* a class label is outside 0 .. classes - 1 */
    PRUNE_E_STATE = -14,       /* called in the wrong order, or the model changed under a plan */
    PRUNE_E_DIVERGED = -15,    /* a loss or gradient is not finite; the weights are the last finite ones */
    PRUNE_E_COLLAPSE = -16,    /* more would be removed than the layers' floors allow */
    PRUNE_E_MASK = -17,        /* a removed weight is not zero: the mask invariant is broken */
    PRUNE_E_UNSUPPORTED = -18, /* not part of this build, or not offered for this kind of layer */
    PRUNE_E_VERSION = -19,     /* struct or file made by a newer libprune */
    PRUNE_E_FORMAT = -20,      /* not a file of ours, or not a valid one */
    PRUNE_E_TRUNCATED = -21,   /* the file ends too early, or goes on too long */
    PRUNE_E_CHECKSUM = -22,    /* the file was altered */
    PRUNE_E_IO = -23,          /* the system refused to open, read, write or rename */
    PRUNE_E_SPACE = -24,       /* no space left on the device */
    PRUNE_E_SINGULAR = -25,    /* equations without a single answer: inputs that depend on each other */
    PRUNE_E_DISAGREE = -26,    /* two models compute different things, or ranks are not alike (cluster.h) */
    PRUNE_E_UNCONFIRMED = -27  /* what looked good on the data it was chosen by did not hold on others */
};

/* A short English sentence for a status; never NULL; static. */
const char *prune_status_string(prune_status status);

/* The version of the library that runs (the macros are the version compiled against): "0.1.0", and
 * major * 10000 + minor * 100 + patch. */
const char *prune_version_string(void);
int32_t prune_version_number(void);

/* What went wrong and where, for calls that look into data or files. Caller-owned; pass NULL if not
 * wanted. Both texts are always terminated; long ones are cut. On PRUNE_OK it is left alone. */
typedef struct prune_error {
    prune_status status;
    char place[60]; /* for example "inputs[12][3]" or "model.prune: section WGHT" */
    char reason[192];
} prune_error;

/* One function for all four operations: block NULL and old_size 0 asks for a new block, new_size 0
 * gives a block back (and returns NULL), else the block is resized. Returns NULL when there is no
 * memory, and the old block is then untouched. Blocks are aligned for any scalar type. An allocator
 * is copied into the objects made with it; `user` must outlive them. Where a function takes a
 * `const prune_allocator *mem`, NULL means malloc on hosts and PRUNE_E_ARGUMENT in firmware builds. */
typedef struct prune_allocator {
    void *(*resize)(void *user, void *block, size_t old_size, size_t new_size);
    void *user;
} prune_allocator;

/* Where bytes go. write() takes all of them and returns PRUNE_OK, or any other status, which then
 * ends the operation and is returned from it. */
typedef struct prune_writer {
    prune_status (*write)(void *user, const void *bytes, size_t count);
    void *user;
} prune_writer;

/* Where bytes come from: `length` bytes that can be read at any offset. read_at() returns how many
 * bytes it read; fewer than asked for is an error. */
typedef struct prune_reader {
    size_t (*read_at)(void *user, uint64_t offset, void *bytes, size_t count);
    void *user;
    uint64_t length;
} prune_reader;

/* A monotonic clock in nanoseconds. */
typedef struct prune_clock {
    uint64_t (*now)(void *user);
    void *user;
} prune_clock;
/* FFI-END */
PRUNE_API_END

#endif
