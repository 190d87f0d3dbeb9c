/* dataset.h -- the data sets of demo.c, accuracy.c and tradeoff.c, and how they are parted
 *
 *   "digits"         UCI optical digits, FOLDER/digits.txt, 1 797 x 64; parted into 5 folds
 *   "fashion-mnist"  FOLDER/{train,t10k}-{images-idx3,labels-idx1}-ubyte, 60 000 + 10 000 x 784; one part
 *
 * Models are trained on a training part and chosen on a validation part. Nothing of the test part is to be
 * had but from dataset_open_test(), which callers call when all is chosen.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_DATASET_H
#define BENCH_DATASET_H

#include <libprune.h>

typedef struct dataset {
    float *x;
    int32_t *label;
    prune_tensor *inputs, *labels;
    prune_data data; /* all of it, ready for the library */
    size_t samples;
} dataset;

typedef struct dataset_info {
    const char *name;
    size_t inputs, classes;
    size_t folds;           /* ways to part it into training and test */
    size_t training;        /* samples to train on; a fold may have one more */
    const char *test_means; /* what the held-out figures are measured on */
} dataset_info;

/* NULL for a name that is not known. */
const dataset_info *dataset_find(const char *name);

/* Reads what is not the test part of fold `fold`, shuffled by that number, and cuts it in two. Inputs lie in
 * 0 .. 1. Ends the program with a message when a file is missing or not what it should be. */
void dataset_open(dataset *train, dataset *validation, const dataset_info *info, const char *folder,
                  size_t fold);

/* Reads the test part of the fold: the only way to it. */
void dataset_open_test(dataset *test, const dataset_info *info, const char *folder, size_t fold);

/* The samples from `first` on, so many, of a set, as a set of their own. */
void dataset_part(dataset *part, const dataset *set, size_t first, size_t samples);

void dataset_end(dataset *set);

/* The share of the samples that the model gives the right class. */
double dataset_accuracy(const prune_model *model, const dataset *set);

/* Ends the program with a message unless the call went well. error may be NULL. */
void must(prune_status status, const char *what, const prune_error *error);

#endif
