/* dataset.c -- reads digits.txt and Fashion-MNIST, and parts them
 *
 * SPDX-License-Identifier: MIT */
#include "dataset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH = 4096, LINE = 256, DIGITS = 1797 };
enum { TRAIN_PART, TEST_PART };

static void fail(const char *what, const char *where)
{
    fprintf(stderr, "%s: %s\n", where, what);
    exit(1);
}

void must(prune_status status, const char *what, const prune_error *error)
{
    if (status == PRUNE_OK)
        return;
    fprintf(stderr, "%s: %s", what, prune_status_string(status));
    if (error != NULL)
        fprintf(stderr, " (%s: %s)", error->place, error->reason);
    fprintf(stderr, "\n");
    exit(1);
}

static void *take(size_t count, size_t item)
{
    void *memory = calloc(count, item);
    if (memory == NULL)
        fail("out of memory", "data");
    return memory;
}

static FILE *open_file(char path[PATH], const char *folder, const char *name)
{
    snprintf(path, PATH, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail("cannot be opened", path);
    return file;
}

static void start(dataset *set, size_t samples, size_t inputs)
{
    *set = (dataset){ .samples = samples };
    set->x = take(samples * inputs, sizeof *set->x);
    set->label = take(samples, sizeof *set->label);
    must(prune_tensor_matrix(&set->inputs, NULL, PRUNE_F32, samples, inputs, set->x), "data", NULL);
    must(prune_tensor_matrix(&set->labels, NULL, PRUNE_I32, samples, 1, set->label), "data", NULL);
    prune_data_init(&set->data);
    set->data.inputs = set->inputs;
    set->data.targets = set->labels;
}

void dataset_end(dataset *set)
{
    prune_tensor_free(set->inputs);
    prune_tensor_free(set->labels);
    free(set->x);
    free(set->label);
}

/* to = the samples order[0 .. count - 1] of `from`. */
static void gather(dataset *to, const dataset *from, const size_t *order, size_t count)
{
    const size_t inputs = prune_tensor_dim(from->inputs, 1);
    start(to, count, inputs);
    must(prune_tensor_take_rows(to->inputs, from->inputs, order, count), "data", NULL);
    must(prune_tensor_take_rows(to->labels, from->labels, order, count), "data", NULL);
}

static size_t *shuffled(size_t count, uint64_t seed)
{
    size_t *order = take(count, sizeof *order);
    prune_rng rng;
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    prune_rng_seed(&rng, seed);
    prune_rng_shuffle(&rng, order, count);
    return order;
}

void dataset_part(dataset *part, const dataset *set, size_t first, size_t samples)
{
    size_t *order = take(samples, sizeof *order);
    for (size_t i = 0; i < samples; i++)
        order[i] = first + i;
    gather(part, set, order, samples);
    free(order);
}

double dataset_accuracy(const prune_model *model, const dataset *set)
{
    prune_metrics metrics;
    prune_metrics_init(&metrics);
    must(prune_evaluate(&metrics, model, &set->data, PRUNE_SOFTMAX_CROSS_ENTROPY, NULL), "evaluation", NULL);
    return metrics.accuracy;
}

/* ---- digits ---- */

/* "7 00A4...": the label and 64 pixels; 0 for another line. */
static int read_digit(dataset *set, size_t sample, const char *line)
{
    static const char shades[] = "0123456789ABCDEFG";
    if (strlen(line) != 67 || line[1] != ' ' || line[66] != '\n' || line[0] < '0' || line[0] > '9')
        return 0;
    set->label[sample] = line[0] - '0';
    for (size_t i = 0; i < 64; i++) {
        const char *shade = strchr(shades, line[2 + i]);
        if (shade == NULL)
            return 0;
        set->x[sample * 64 + i] = (float)(shade - shades) / 16.0f;
    }
    return 1;
}

/* The samples of a fold are every fifth in an order of their own, the same for all folds. */
static size_t choose_fold(size_t *chosen, size_t fold, int part)
{
    size_t *order = shuffled(DIGITS, 0), count = 0;
    for (size_t i = 0; i < DIGITS; i++)
        if ((i % 5 == fold) == (part == TEST_PART))
            chosen[count++] = order[i];
    free(order);
    return count;
}

static void read_digits(dataset *out, const char *folder, size_t fold, int part)
{
    char path[PATH], line[LINE];
    dataset all;
    size_t chosen[DIGITS], read = 0;
    FILE *file = open_file(path, folder, "digits.txt");
    start(&all, DIGITS, 64);
    while (fgets(line, sizeof line, file) != NULL)
        if (line[0] != '#' && (read == DIGITS || !read_digit(&all, read++, line)))
            fail("a line is not a sample", path);
    fclose(file);
    if (read != DIGITS)
        fail("samples are missing", path);
    gather(out, &all, chosen, choose_fold(chosen, fold, part));
    dataset_end(&all);
}

/* ---- Fashion-MNIST ---- */

static prune_tensor *load_idx(const char *folder, const char *name)
{
    char path[PATH];
    prune_tensor *tensor;
    prune_error error;
    snprintf(path, PATH, "%s/%s", folder, name);
    must(prune_idx_load(&tensor, NULL, path, &error), "data", &error);
    return tensor;
}

/* `to` and, seen as one row, all elements of `from` are the same numbers. */
static void convert(prune_tensor *to, const prune_tensor *from)
{
    const size_t count = prune_tensor_count(to);
    prune_tensor *flat[2];
    if (prune_tensor_count(from) != count || prune_tensor_dtype(from) != PRUNE_U8)
        fail("not as many bytes as there should be", "Fashion-MNIST");
    must(prune_tensor_matrix(&flat[0], NULL, prune_tensor_dtype(to), 1, count, prune_tensor_data_mut(to)),
         "data", NULL);
    must(prune_tensor_const_matrix(&flat[1], NULL, PRUNE_U8, 1, count, prune_tensor_data(from)), "data",
         NULL);
    must(prune_tensor_copy(flat[0], flat[1]), "data", NULL);
    prune_tensor_free(flat[0]);
    prune_tensor_free(flat[1]);
}

static void read_fashion(dataset *out, const char *folder, size_t fold, int part)
{
    (void)fold;
    const int test = part == TEST_PART;
    prune_tensor *images = load_idx(folder, test ? "t10k-images-idx3-ubyte" : "train-images-idx3-ubyte");
    prune_tensor *labels = load_idx(folder, test ? "t10k-labels-idx1-ubyte" : "train-labels-idx1-ubyte");
    start(out, prune_tensor_dim(images, 0), 784);
    convert(out->inputs, images);
    convert(out->labels, labels);
    for (size_t i = 0; i < out->samples * 784; i++)
        out->x[i] /= 255.0f;
    prune_tensor_free(images);
    prune_tensor_free(labels);
}

/* ---- both ---- */

typedef struct source {
    dataset_info info;
    void (*read)(dataset *out, const char *folder, size_t fold, int part);
} source;

static const source sources[] = {
    { { "digits", 64, 10, 5, 1198, "each sample once, by the model of the fold that it was held out of" },
      read_digits },
    { { "fashion-mnist", 784, 10, 1, 50000, "the 10 000 test images" }, read_fashion },
};

static const source *find(const char *name)
{
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++)
        if (strcmp(name, sources[i].info.name) == 0)
            return &sources[i];
    return NULL;
}

const dataset_info *dataset_find(const char *name)
{
    const source *found = find(name);
    return found == NULL ? NULL : &found->info;
}

void dataset_open(dataset *train, dataset *validation, const dataset_info *info, const char *folder,
                  size_t fold)
{
    dataset both;
    find(info->name)->read(&both, folder, fold, TRAIN_PART);
    const size_t held = both.samples / 6;
    size_t *order = shuffled(both.samples, fold + 1);
    gather(train, &both, order, both.samples - held);
    gather(validation, &both, order + both.samples - held, held);
    free(order);
    dataset_end(&both);
}

void dataset_open_test(dataset *test, const dataset_info *info, const char *folder, size_t fold)
{
    find(info->name)->read(test, folder, fold, TEST_PART);
}
