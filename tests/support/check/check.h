/* check.h -- as much of Check as the tests use, for the ports: Debian has no Check for their C libraries
 *
 * `make CHECK=own` takes it in place of the installed one; tests/check_test.c holds both to the same.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef struct TTest {
    const char *name;
    void (*run)(int);
} TTest;

#define START_TEST(test)                                    \
    static void test##_run(int);                            \
    static const TTest test##_test = { #test, test##_run }; \
    static const TTest *const test = &test##_test;          \
    static void test##_run(int unused_)                     \
    {                                                       \
        (void)unused_;
#define END_TEST }

typedef struct Suite Suite;
typedef struct TCase TCase;
typedef struct SRunner SRunner;
enum print_output { CK_SILENT, CK_NORMAL };

Suite *suite_create(const char *name);
TCase *tcase_create(const char *name);
void tcase_set_timeout(TCase *tests, double seconds);
void tcase_add_test(TCase *tests, const TTest *test);
void suite_add_tcase(Suite *suite, TCase *tests); /* one a suite */
SRunner *srunner_create(Suite *suite);

/* Each test in a process of its own. */
void srunner_run_all(SRunner *runner, enum print_output how);
int srunner_ntests_run(SRunner *runner);
int srunner_ntests_failed(SRunner *runner);
void srunner_free(SRunner *runner);

/* Says where and why, and ends the process of the test. */
_Noreturn void check_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define ck_abort_msg(...) check_fail(__FILE__, __LINE__, __VA_ARGS__)
#define ck_assert_msg(holds, ...) ((holds) ? (void)0 : ck_abort_msg(__VA_ARGS__))
#define ck_assert(holds) ck_assert_msg(holds, "%s", #holds)

#define CHECK_PAIR(type, format, a, op, b)                                             \
    do {                                                                               \
        type a_ = (a);                                                                 \
        type b_ = (b);                                                                 \
        ck_assert_msg(a_ op b_, "%s: " format ", " format, #a " " #op " " #b, a_, b_); \
    } while (0)

#define ck_assert_int_eq(a, b) CHECK_PAIR(intmax_t, "%jd", a, ==, b)
#define ck_assert_int_ne(a, b) CHECK_PAIR(intmax_t, "%jd", a, !=, b)
#define ck_assert_int_lt(a, b) CHECK_PAIR(intmax_t, "%jd", a, <, b)
#define ck_assert_int_le(a, b) CHECK_PAIR(intmax_t, "%jd", a, <=, b)
#define ck_assert_int_gt(a, b) CHECK_PAIR(intmax_t, "%jd", a, >, b)
#define ck_assert_int_ge(a, b) CHECK_PAIR(intmax_t, "%jd", a, >=, b)
#define ck_assert_uint_eq(a, b) CHECK_PAIR(uintmax_t, "%ju", a, ==, b)
#define ck_assert_uint_ne(a, b) CHECK_PAIR(uintmax_t, "%ju", a, !=, b)
#define ck_assert_uint_lt(a, b) CHECK_PAIR(uintmax_t, "%ju", a, <, b)
#define ck_assert_uint_le(a, b) CHECK_PAIR(uintmax_t, "%ju", a, <=, b)
#define ck_assert_uint_gt(a, b) CHECK_PAIR(uintmax_t, "%ju", a, >, b)
#define ck_assert_uint_ge(a, b) CHECK_PAIR(uintmax_t, "%ju", a, >=, b)
#define ck_assert_double_eq(a, b) CHECK_PAIR(double, "%.17g", a, ==, b)
#define ck_assert_double_ne(a, b) CHECK_PAIR(double, "%.17g", a, !=, b)
#define ck_assert_double_lt(a, b) CHECK_PAIR(double, "%.17g", a, <, b)
#define ck_assert_double_le(a, b) CHECK_PAIR(double, "%.17g", a, <=, b)
#define ck_assert_double_gt(a, b) CHECK_PAIR(double, "%.17g", a, >, b)
#define ck_assert_double_ge(a, b) CHECK_PAIR(double, "%.17g", a, >=, b)
#define ck_assert_double_eq_tol(a, b, most) CHECK_PAIR(double, "%.17g", fabs((a) - (b)), <, most)
#define ck_assert_double_nan(a) ck_assert_msg(isnan(a), "%s is a number", #a)
#define ck_assert_ptr_eq(a, b) CHECK_PAIR(const void *, "%p", a, ==, b)
#define ck_assert_ptr_ne(a, b) CHECK_PAIR(const void *, "%p", a, !=, b)
#define ck_assert_ptr_null(a) ck_assert_ptr_eq(a, NULL)
#define ck_assert_ptr_nonnull(a) ck_assert_ptr_ne(a, NULL)

#define CHECK_TEXTS(a, op, b)                                                                \
    do {                                                                                     \
        const char *a_ = (a), *b_ = (b);                                                     \
        ck_assert_msg(strcmp(a_, b_) op 0, "%s: \"%s\", \"%s\"", #a " " #op " " #b, a_, b_); \
    } while (0)
#define ck_assert_str_eq(a, b) CHECK_TEXTS(a, ==, b)
#define ck_assert_str_ne(a, b) CHECK_TEXTS(a, !=, b)
#define ck_assert_mem_eq(a, b, count) \
    ck_assert_msg(memcmp(a, b, count) == 0, "%s: the bytes differ", #a " == " #b)
#define ck_assert_mem_ne(a, b, count) \
    ck_assert_msg(memcmp(a, b, count) != 0, "%s: the bytes are the same", #a " != " #b)

#endif
