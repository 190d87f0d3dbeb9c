/* dataset.c -- reads digits.txt and Fashion-MNIST, and parts them
 *
 * SPDX-License-Identifier: MIT */
#include "dataset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH = 4096, LINE = 256, DIGITS = 1797, IDX_IMAGES = 0x803, IDX_LABELS = 0x801 };
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
    must(prune_tensor_const_matrix(&set->inputs, NULL, PRUNE_F32, samples, inputs, set->x), "data", NULL);
    must(prune_tensor_const_matrix(&set->labels, NULL, PRUNE_I32, samples, 1, set->label), "data", NULL);
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
    for (size_t i = 0; i < count; i++) {
        memcpy(to->x + i * inputs, from->x + order[i] * inputs, inputs * sizeof *to->x);
        to->label[i] = from->label[order[i]];
    }
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

void dataset_head(dataset *head, const dataset *set, size_t samples)
{
    size_t *order = take(samples, sizeof *order);
    for (size_t i = 0; i < samples; i++)
        order[i] = i;
    gather(head, set, order, samples);
    free(order);
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

static uint32_t big_endian(const unsigned char *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* The bytes behind an IDX header; *samples is 0 at first, and must agree from then on. */
static unsigned char *read_idx(const char *folder, const char *name, uint32_t magic, size_t *samples)
{
    char path[PATH];
    unsigned char header[16];
    const size_t length = magic == IDX_IMAGES ? 16 : 8, item = magic == IDX_IMAGES ? 784 : 1;
    FILE *file = open_file(path, folder, name);
    if (fread(header, 1, length, file) != length || big_endian(header) != magic)
        fail("not an IDX file of the kind expected", path);
    const size_t count = big_endian(header + 4);
    if (count == 0 || count > 1000000 || (*samples != 0 && count != *samples))
        fail("an unexpected number of samples", path);
    unsigned char *bytes = take(count, item);
    if (fread(bytes, item, count, file) != count)
        fail("shorter than its header says", path);
    fclose(file);
    *samples = count;
    return bytes;
}

static void read_fashion(dataset *out, const char *folder, size_t fold, int part)
{
    (void)fold;
    const int test = part == TEST_PART;
    size_t samples = 0;
    unsigned char *pixels =
        read_idx(folder, test ? "t10k-images-idx3-ubyte" : "train-images-idx3-ubyte", IDX_IMAGES, &samples);
    unsigned char *labels =
        read_idx(folder, test ? "t10k-labels-idx1-ubyte" : "train-labels-idx1-ubyte", IDX_LABELS, &samples);
    start(out, samples, 784);
    for (size_t i = 0; i < samples * 784; i++)
        out->x[i] = (float)pixels[i] / 255.0f;
    for (size_t i = 0; i < samples; i++)
        out->label[i] = labels[i];
    free(pixels);
    free(labels);
}

/* ---- both ---- */

typedef struct source {
    dataset_info info;
    void (*read)(dataset *out, const char *folder, size_t fold, int part);
} source;

static const source sources[] = {
    { { "digits", 64, 10, 5, "each sample once, by the model of the fold that it was held out of" },
      read_digits },
    { { "fashion-mnist", 784, 10, 1, "the 10 000 test images" }, read_fashion },
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
