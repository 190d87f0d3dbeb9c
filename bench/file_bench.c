/* file_bench.c -- an epoch over a file of samples, read ahead and not, beside the same over tensors
 *
 * `cold`: the system is asked to forget the file before each epoch, so that it comes from the disk; else it
 * is in the system's memory, and reading is little more than copying. There is no goal: what reading ahead
 * brings is the time that reading takes, where a processor is free for it. Time is that of the clock on the
 * wall.
 * usage: file_bench CSV
 *
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "common/versus.h"
#include "libprune.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INPUTS = 784, CLASSES = 10, SAMPLES = 2048, BATCH = 128, PATH = 512, WAYS = 5 };

static void die(const char *what)
{
    fprintf(stderr, "file_bench: %s\n", what);
    exit(1);
}

static void must(prune_status status, const char *what)
{
    if (status != PRUNE_OK)
        die(what);
}

/* ---- samples, in memory and in a file ---- */

typedef struct samples {
    char path[PATH];
    float *x;
    int32_t *label;
    prune_tensor *inputs, *targets;
} samples;

static void make(samples *s, const char *csv)
{
    prune_rng rng;
    prune_rng_seed(&rng, 1);
    s->x = malloc(sizeof(float) * INPUTS * SAMPLES);
    s->label = malloc(sizeof(int32_t) * SAMPLES);
    if (s->x == NULL || s->label == NULL || snprintf(s->path, PATH, "%s.samples", csv) >= PATH)
        die("out of memory");
    FILE *file = fopen(s->path, "wb");
    for (size_t i = 0; file != NULL && i < SAMPLES; i++) {
        unsigned char record[INPUTS + 1];
        for (size_t j = 0; j <= INPUTS; j++)
            record[j] = (unsigned char)prune_rng_below(&rng, j < INPUTS ? 256 : CLASSES);
        for (size_t j = 0; j < INPUTS; j++)
            s->x[i * INPUTS + j] = (float)record[j] / 255.0f;
        s->label[i] = record[INPUTS];
        fwrite(record, sizeof record, 1, file);
    }
    if (file == NULL || fflush(file) != 0 || fsync(fileno(file)) != 0 || fclose(file) != 0)
        die("cannot write the samples");
    must(prune_tensor_matrix(&s->inputs, NULL, PRUNE_F32, SAMPLES, INPUTS, s->x), "inputs");
    must(prune_tensor_matrix(&s->targets, NULL, PRUNE_I32, SAMPLES, 1, s->label), "targets");
}

static void end(samples *s)
{
    prune_tensor_free(s->inputs);
    prune_tensor_free(s->targets);
    (void)remove(s->path);
    free(s->x);
    free(s->label);
}

/* ---- a way to train ---- */

typedef struct way {
    prune_model *model;
    prune_trainer *trainer;
    prune_datafile *file; /* NULL: tensors */
    prune_data data;
    const char *path; /* of what is to be forgotten, or NULL */
} way;

static void start(way *w, const samples *s, const size_t *widths, int32_t from_file, int32_t read_ahead)
{
    prune_trainer_options options;
    prune_datafile_options records;
    memset(w, 0, sizeof *w);
    must(prune_model_create(&w->model, NULL, INPUTS), "model");
    for (; *widths != 0; widths++)
        must(prune_model_add_dense(w->model, *widths, widths[1] != 0 ? PRUNE_RELU : PRUNE_LINEAR), "layer");
    prune_trainer_options_init(&options);
    options.max_batch = BATCH;
    options.learning_rate = 1e-6f;
    must(prune_trainer_create(&w->trainer, NULL, w->model, &options, NULL), "trainer");
    prune_data_init(&w->data);
    w->data.inputs = from_file ? NULL : s->inputs;
    w->data.targets = from_file ? NULL : s->targets;
    if (!from_file)
        return;
    prune_datafile_options_init(&records);
    records.inputs = INPUTS;
    records.input_type = records.target_type = PRUNE_U8;
    records.read_ahead = read_ahead;
    must(prune_datafile_open(&w->file, NULL, s->path, &records, NULL), "file");
    w->data.source = prune_datafile_source(w->file);
}

static void end_way(way *w)
{
    prune_datafile_free(w->file);
    prune_trainer_free(w->trainer);
    prune_model_free(w->model);
}

static void forget(const char *path)
{
    const int file = open(path, O_RDONLY);
    if (file < 0 || posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) != 0)
        die("the file cannot be forgotten");
    (void)close(file);
}

static void epoch(void *user)
{
    const way *w = user;
    prune_fit_options options;
    prune_fit_options_init(&options);
    options.epochs = 1;
    if (w->path != NULL)
        forget(w->path);
    must(prune_trainer_fit(NULL, w->trainer, &w->data, &options, NULL), "fit");
}

static void measure(FILE *csv, const samples *s, const char *name, const size_t *widths)
{
    static const char *const kinds[] = { "", "", "-ahead", "-cold", "-cold-ahead" };
    way ways[WAYS];
    const versus_watch wall = { versus_wall_us, 1e3 };
    versus_work work[WAYS];
    versus_times times[WAYS];
    char row[64];
    for (size_t i = 0; i < WAYS; i++) {
        start(&ways[i], s, widths, i != 0, i % 2 == 0);
        ways[i].path = i > 2 ? s->path : NULL;
        work[i] = (versus_work){ epoch, &ways[i] };
    }
    versus_measure_by(&wall, times, work, WAYS);
    for (size_t i = 1; i < WAYS; i++) {
        snprintf(row, sizeof row, "epoch-file%s/%s/b%d", kinds[i], name, (int)BATCH);
        (void)versus_report(csv, row, "tensors", &times[i], &times[0], 0.0);
    }
    for (size_t i = 0; i < WAYS; i++)
        end_way(&ways[i]);
}

int main(int argc, char **argv)
{
    static const size_t large[] = { 300, 100, CLASSES, 0 }, small[] = { 16, CLASSES, 0 };
    samples s;
    FILE *csv = argc == 2 ? fopen(argv[1], "a") : NULL;
    if (csv == NULL)
        die("usage: file_bench CSV");
    (void)prune_blas_set_threads(1);
    make(&s, argv[1]);
    printf("%-34s %14s %14s   %6s  (quartiles)\n", "an epoch of 2048 samples", "from a file", "tensors",
           "ratio");
    measure(csv, &s, "784-300-100-10", large);
    measure(csv, &s, "784-16-10", small);
    end(&s);
    return fclose(csv) != 0;
}
