/* gemm_blas_test.c -- a BLAS that cannot get its memory is not used: no hang, no exit, the built-in kernel
 *
 * The starved process is a child with a limit on its address space, and an alarm. Sanitizers need the
 * address space for themselves, so there the limit is not set and only the rest is checked.
 *
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/runner.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { LIMITED = 0 };
#else
enum { LIMITED = 1 };
#endif

enum { SLACK = 24 * 1024 * 1024, PATIENCE = 10 };

static rlim_t address_space_in_use(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%lu", &pages) != 1)
        pages = 0;
    if (file != NULL)
        fclose(file);
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static int starve(void)
{
    if (!LIMITED)
        return 1;
    const rlim_t most = address_space_in_use() + SLACK;
    const struct rlimit limit = { most, most };
    return most > SLACK && setrlimit(RLIMIT_AS, &limit) == 0;
}

/* One training step; 0 if all went well. */
static int train_once(void)
{
    static float x[64][64];
    static int32_t label[64];
    prune_model *model = NULL;
    prune_trainer *trainer = NULL;
    prune_tensor *inputs = NULL, *labels = NULL;
    prune_trainer_options options;
    prune_trainer_options_init(&options);
    options.max_batch = 64;
    int bad = prune_model_create(&model, NULL, 64) != PRUNE_OK;
    bad = bad || prune_model_add_dense(model, 64, PRUNE_RELU) != PRUNE_OK;
    bad = bad || prune_trainer_create(&trainer, NULL, model, &options, NULL) != PRUNE_OK;
    bad = bad || prune_tensor_matrix(&inputs, NULL, PRUNE_F32, 64, 64, x) != PRUNE_OK;
    bad = bad || prune_tensor_matrix(&labels, NULL, PRUNE_I32, 64, 1, label) != PRUNE_OK;
    bad = bad || prune_trainer_step(NULL, trainer, inputs, labels) != PRUNE_OK;
    prune_tensor_free(inputs);
    prune_tensor_free(labels);
    prune_trainer_free(trainer);
    prune_model_free(model);
    return bad;
}

static int child(void)
{
    alarm(PATIENCE);
    if (!starve())
        return 10;
    if (LIMITED && prune_backend_default() != prune_backend_reference())
        return 11;
    return train_once() ? 12 : 0;
}

START_TEST(starved_blas_is_not_used)
{
    run_in_child(child);
}
END_TEST

START_TEST(threads_are_the_callers_choice)
{
    const prune_backend *blas = prune_backend_blas();
    const prune_status status = prune_blas_set_threads(1);
    ck_assert(status == PRUNE_OK || status == PRUNE_E_UNSUPPORTED);
    if (status == PRUNE_OK) {
        ck_assert_ptr_nonnull(blas);
        ck_assert_int_eq(prune_blas_set_threads(0), PRUNE_E_RANGE);
        ck_assert_int_eq(prune_blas_set_threads(-3), PRUNE_E_RANGE);
    }
    ck_assert_int_eq(prune_backend_default() == prune_backend_reference(), blas == NULL);
    ck_assert_str_eq(prune_backend_reference()->name, "reference");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { starved_blas_is_not_used, threads_are_the_callers_choice };
    return run_tests("gemm_blas", tests, sizeof tests / sizeof tests[0]);
}
