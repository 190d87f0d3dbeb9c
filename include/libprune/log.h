/* log.h -- what was removed, when and why: a record that can be carried out again on a clone
 *
 *     prune_log *log;
 *     prune_log_create(&log, NULL, model);                     the masks as they are now
 *     prune_log_note note;
 *     prune_log_note_init(&note);
 *     note.step = prune_trainer_steps(trainer);
 *     prune_mask_fraction(NULL, model, scores, NULL, 0.5, PRUNE_OF_ALL);
 *     prune_log_record(log, model, &note, NULL);               after anything that changes masks
 *     ...
 *     prune_log_replay(clone, log, 0, prune_log_count(log), &error);
 *
 * A log compares the model's masks with those that it last saw, so it does not matter who changed them:
 * thresholds, schedules (in `next` of gradual.h), regrowth, the surgeons, masks by hand, going back to a
 * snapshot. An entry is what has changed since the one before: exactly which elements of which parameters
 * were removed, and which have returned; weights and biases, not running statistics, which always stay.
 * Weights themselves are not in it: a clone that was trained otherwise gets the same masks.
 *
 * A log is of one architecture. Compaction makes another model, with which the log ends: record what led to
 * it before it, and begin a log of its own for the smaller model. The log may be kept in one file with that
 * one.
 *
 * Threads: a log may be read (replayed, listed, written) by many threads at once; recording changes it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_LOG_H
#define LIBPRUNE_LOG_H

#include "libprune/report.h"
#include "libprune/trainer.h"
#include "libprune/unit.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
typedef struct prune_log prune_log;

/* What `asked` of a note is. */
enum { PRUNE_ASKED_NOTHING = 0, PRUNE_ASKED_FRACTION = 1, PRUNE_ASKED_COUNT = 2, PRUNE_ASKED_THRESHOLD = 3 };
enum { PRUNE_LOG_TEXT = 64 };

/* What the caller says of an entry. */
typedef struct prune_log_note {
    size_t size;
    uint64_t step;       /* default 0; whatever counts: steps, epochs, a number of your own */
    int32_t criterion;   /* default 0: none; PRUNE_MAGNITUDE, ... */
    int32_t granularity; /* default 0: none; PRUNE_WEIGHTS, ... */
    int32_t ask;         /* default PRUNE_ASKED_NOTHING */
    double asked;        /* default 0; finite */
    const char *text;    /* default NULL: ""; below 64 characters, printable ASCII; copied */
} prune_log_note;

/* The defaults above. NULL is fine. */
void prune_log_note_init(prune_log_note *note);

/* One entry, by prune_log_get(). */
typedef struct prune_log_entry {
    size_t size; /* sizeof(prune_log_entry), by prune_log_entry_init() */
    uint64_t step;
    int32_t criterion, granularity, ask;
    double asked;
    char text[64];
    uint64_t removed, returned; /* elements of all parameters */
    uint64_t kept;              /* after it */
    uint64_t *removed_by_layer; /* the caller's arrays or NULL: of each layer of the model */
    uint64_t *returned_by_layer;
    uint64_t *kept_by_layer;
    size_t by_layer_capacity; /* of each of them; prune_log_layers() or more */
} prune_log_entry;

/* Sets size, the rest 0 and NULL. NULL is fine. */
void prune_log_entry_init(prune_log_entry *entry);

/* A log that begins with the model's masks as they are. The model is not kept.
 * PRUNE_E_ARGUMENT, PRUNE_E_NO_LAYERS, PRUNE_E_MEMORY, PRUNE_E_OVERFLOW. */
prune_status prune_log_create(prune_log **out, const prune_allocator *mem, const prune_model *model);

/* Ends it. NULL is fine. */
void prune_log_free(prune_log *log);

/* Appends what has changed since the last entry; where nothing has, there is no entry. The model is the one
 * that it began with, or another of the same architecture. note and error may be NULL.
 * PRUNE_E_SHAPE: another architecture, error names the layer, or the model if it is its activations or
 * settings; PRUNE_E_ARGUMENT: NULL, or a note with an unknown constant or a text that it cannot have;
 * PRUNE_E_RANGE: asked is not finite; PRUNE_E_VERSION;
 * PRUNE_E_MEMORY, PRUNE_E_OVERFLOW. On failure the log is as before: what was not recorded is part of the
 * next entry that is. */
prune_status prune_log_record(prune_log *log, const prune_model *model, const prune_log_note *note,
                              prune_error *error);

/* Entries, and layers of the model; 0 for NULL. */
size_t prune_log_count(const prune_log *log);
size_t prune_log_layers(const prune_log *log);

/* PRUNE_E_RANGE: no such entry; PRUNE_E_SHAPE: by_layer_capacity is too small; PRUNE_E_ARGUMENT,
 * PRUNE_E_VERSION. On failure nothing is set. */
prune_status prune_log_get(prune_log_entry *entry, const prune_log *log, size_t index);

/* Carries out entries first .. end - 1, one after the other, on a model whose masks are those that the log
 * has before the entry `first`: all at once from 0, or step by step (each call reads all entries up to its
 * `end`). What is removed becomes 0, what returns starts as in prune_mask_set(). Takes one bit for each
 * parameter element from the model's allocator, for the time of the call. error may be NULL.
 * PRUNE_E_SHAPE as in recording; PRUNE_E_STATE: other masks, error names layer,
 * element and entry; PRUNE_E_RANGE: not first <= end <= count; PRUNE_E_ARGUMENT; PRUNE_E_MEMORY. On failure
 * the model is as before. */
prune_status prune_log_replay(prune_model *model, const prune_log *log, size_t first, size_t end,
                              prune_error *error);

/* Writes what is in it, in a format of report.h: ASCII, lines end in '\n', no locale; `asked` has 9 digits.
 *   TEXT  a table for people, one line for each entry
 *   CSV   entry,step,criterion,granularity,ask,asked,layer,removed,returned,kept,text; for each entry a line
 *         for each layer that has parameters, and one whose layer is "total"; a field is empty where the note
 *         has nothing
 *   JSON  an array of objects of the same names, null where the note has nothing; "layers" is an array of
 *         objects with layer, removed, returned, kept
 * PRUNE_E_ARGUMENT: NULL, unknown format; else what the writer returns, which ends it. Allocates nothing. */
prune_status prune_log_list(const prune_log *log, const prune_writer *writer, int32_t format);

/* Writes a model and the log in one file, as prune_model_write(), or with a trainer of this model
 * prune_trainer_write(): who reads the model or the trainer does not see the log. The model may have moved
 * on, or be a smaller one that came of it. Errors as there; PRUNE_E_ARGUMENT: NULL, or the trainer is not
 * of this model. */
prune_status prune_log_write(const prune_log *log, const prune_model *model, const prune_trainer *trainer,
                             const prune_writer *writer, prune_error *error);

/* Reads the log of such a file; *out is NULL on failure. Recording goes on where it ended. The memory it
 * takes is at most 24 times the section.
 * PRUNE_E_STATE: there is no log in the file; PRUNE_E_FORMAT: it is not valid; else as prune_model_read(). */
prune_status prune_log_read(prune_log **out, const prune_allocator *mem, const prune_reader *reader,
                            prune_error *error);
/* FFI-END */
PRUNE_API_END

#endif
