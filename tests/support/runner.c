/* runner.c -- what the main() of every test program is, and small worlds to test in
 *
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "runner.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TIMEOUT = 120 };

/* `make check` has German numbers: with a comma, for whoever asks the C library. */
static int speaks(const char *language)
{
    const char *wanted = getenv("LC_ALL");
    const int german = wanted != NULL && strncmp(wanted, language, strlen(language)) == 0;
    (void)setlocale(LC_ALL, "");
    return !german || strcmp(localeconv()->decimal_point, ",") == 0;
}

int run_tests(const char *module, const TTest *const *tests, size_t count)
{
    if (!speaks("de_DE")) {
        fprintf(stderr, "%s: the locale %s is not there\n", module, getenv("LC_ALL"));
        return 1;
    }
    Suite *suite = suite_create(module);
    TCase *cases = tcase_create(module);
    tcase_set_timeout(cases, TIMEOUT);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(cases, tests[i]);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

void run_in_child(int (*run)(void))
{
    int status = 0;
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(run());
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status), "the child was ended by signal %d", WTERMSIG(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
}

prune_model *world_model(const prune_allocator *mem, const size_t *widths, size_t layers, int32_t hidden,
                         uint64_t seed)
{
    prune_model *model;
    ck_assert_ok(prune_model_create(&model, mem, widths[0]));
    for (size_t l = 1; l <= layers; l++)
        ck_assert_ok(prune_model_add_dense(model, widths[l], l == layers ? PRUNE_LINEAR : hidden));
    ck_assert_ok(prune_model_initialize(model, PRUNE_INIT_AUTO, seed));
    return model;
}

static void *take(size_t count, size_t item)
{
    void *memory = calloc(count, item);
    ck_assert_ptr_nonnull(memory);
    return memory;
}

static int32_t label_of(const float *x, size_t inputs, size_t classes)
{
    size_t best = 0;
    float most = 0.0f;
    for (size_t c = 0; c < classes; c++) {
        prune_rng rng;
        float sum = 0.0f;
        prune_rng_seed(&rng, c);
        for (size_t i = 0; i < inputs; i++)
            sum += x[i] * (2.0f * prune_rng_uniform(&rng) - 1.0f);
        best = c == 0 || sum > most ? c : best;
        most = best == c ? sum : most;
    }
    return (int32_t)best;
}

void world_data_make(world_data *w, size_t samples, size_t inputs, size_t classes, uint64_t seed)
{
    prune_rng rng;
    prune_rng_seed(&rng, seed);
    *w = (world_data){ .samples = samples, .inputs = inputs, .classes = classes };
    w->x = take(samples * inputs, sizeof *w->x);
    w->label = take(samples, sizeof *w->label);
    w->y = take(samples * classes, sizeof *w->y);
    for (size_t i = 0; i < samples * inputs; i++)
        w->x[i] = 2.0f * prune_rng_uniform(&rng) - 1.0f;
    for (size_t i = 0; i < samples * classes; i++)
        w->y[i] = 2.0f * prune_rng_uniform(&rng) - 1.0f;
    for (size_t s = 0; s < samples; s++)
        w->label[s] = label_of(w->x + s * inputs, inputs, classes);
    ck_assert_ok(prune_tensor_const_matrix(&w->x_tensor, NULL, PRUNE_F32, samples, inputs, w->x));
    ck_assert_ok(prune_tensor_const_matrix(&w->label_tensor, NULL, PRUNE_I32, samples, 1, w->label));
    ck_assert_ok(prune_tensor_const_matrix(&w->y_tensor, NULL, PRUNE_F32, samples, classes, w->y));
    prune_data_init(&w->labelled);
    prune_data_init(&w->valued);
    w->labelled.inputs = w->valued.inputs = w->x_tensor;
    w->labelled.targets = w->label_tensor;
    w->valued.targets = w->y_tensor;
}

void world_data_end(world_data *w)
{
    prune_tensor_free(w->x_tensor);
    prune_tensor_free(w->label_tensor);
    prune_tensor_free(w->y_tensor);
    free(w->x);
    free(w->label);
    free(w->y);
}

/* FNV-1a, 64 bits. */
static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ ((const unsigned char *)bytes)[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* The same on machines of either byte order. */
static uint64_t hash_floats(uint64_t hash, const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, values + i, sizeof bits);
        const unsigned char bytes[] = { (unsigned char)bits, (unsigned char)(bits >> 8),
                                        (unsigned char)(bits >> 16), (unsigned char)(bits >> 24) };
        hash = hash_bytes(hash, bytes, sizeof bytes);
    }
    return hash;
}

static uint64_t hash_param(uint64_t hash, const prune_model *model, size_t p)
{
    prune_param_info info = { .size = sizeof info };
    ck_assert_ok(prune_model_param_info(&info, model, p));
    const size_t count = (size_t)info.count;
    uint8_t *mask = take(count, 1);
    ck_assert_ok(prune_mask_get(mask, count, model, p));
    hash = hash_bytes(hash, mask, count);
    free(mask);
    return hash_floats(hash, prune_model_param(model, p), count);
}

uint64_t world_hash(const prune_model *model)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t p = 0; p < prune_model_param_count(model); p++)
        hash = hash_param(hash, model, p);
    return hash;
}

int32_t world_same_models(const prune_model *a, const prune_model *b)
{
    return prune_model_param_count(a) == prune_model_param_count(b) && world_hash(a) == world_hash(b);
}
