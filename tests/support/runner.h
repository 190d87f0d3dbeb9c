/* runner.h -- what the main() of every test program is, and small worlds to test in
 *
 *     int main(void)
 *     {
 *         const TTest *const tests[] = { this_holds, that_is_refused };
 *         return run_tests("module", tests, sizeof tests / sizeof tests[0]);
 *     }
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_RUNNER_H
#define TESTS_RUNNER_H

#include <check.h>
#include <libprune.h>

/* Runs the tests in the locale of the environment, each in a process of its own; returns what main() should.
 * Fails if LC_ALL wants German numbers and the C library has none. */
int run_tests(const char *module, const TTest *const *tests, size_t count);

/* Runs it in a child process; what it returns must be 0. */
void run_in_child(int (*run)(void));

/* Fails the test, naming the status, unless a call gave the one that is expected. */
#define ck_assert_status(call, expected)                                                                   \
    do {                                                                                                   \
        const prune_status got_ = (call);                                                                  \
        ck_assert_msg(got_ == (expected), "%s gave %d (%s)", #call, (int)got_, prune_status_string(got_)); \
    } while (0)
#define ck_assert_ok(call) ck_assert_status(call, PRUNE_OK)

/* A net widths[0] - widths[1] - ... - widths[layers]: `hidden` activations, the last layer linear, Glorot
 * or He weights from `seed`. mem may be NULL. Aborts the test on failure. */
prune_model *world_model(const prune_allocator *mem, const size_t *widths, size_t layers, int32_t hidden,
                         uint64_t seed);

/* Random samples: inputs in [-1, 1), labels below `classes`, targets[n][classes] in [-1, 1). What is learned
 * from `labelled` is a label for softmax cross-entropy, from `valued` a row for mean squared error.
 * A label follows from the inputs (which of some fixed projections is largest), so it can be learned. */
typedef struct world_data {
    size_t samples, inputs, classes;
    float *x;
    int32_t *label;
    float *y;
    prune_tensor *x_tensor, *label_tensor, *y_tensor;
    prune_data labelled, valued;
} world_data;

void world_data_make(world_data *world, size_t samples, size_t inputs, size_t classes, uint64_t seed);
void world_data_end(world_data *world);

/* 1 if all parameters and all masks of two models of one architecture are the same, bit for bit. */
int32_t world_same_models(const prune_model *a, const prune_model *b);

/* The bits of all parameters and masks in one number: to see that nothing has changed. */
uint64_t world_hash(const prune_model *model);

#endif
