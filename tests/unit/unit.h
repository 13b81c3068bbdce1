/* What every unit test program has in common: UNIT_MAIN(suite) runs the Suite that `suite()` makes and writes TAP to
 * standard output for automake's driver. CK_RUN_CASE=name in the environment runs one test alone. */
#ifndef SERIN_TESTS_UNIT_H
#define SERIN_TESTS_UNIT_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* Each test runs in a process of its own, except under sanitizers, which look for leaks when main returns. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNIT_FORK "no"
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define UNIT_FORK "no"
#endif
#endif
#ifndef UNIT_FORK
#define UNIT_FORK "yes"
#endif

#define UNIT_MAIN(suite)                                                    \
    int main(void)                                                          \
    {                                                                       \
        setenv("CK_FORK", UNIT_FORK, 0);                                    \
        SRunner *unit_runner = srunner_create(suite());                     \
        srunner_set_tap(unit_runner, "-");                                  \
        srunner_run_all(unit_runner, CK_SILENT);                            \
        int unit_failed = srunner_ntests_failed(unit_runner);               \
        srunner_free(unit_runner);                                          \
        return unit_failed != 0;                                            \
    }

/* Adds a START_TEST, as a test case of the same name; or as n of them, with _i from 0. */
#define unit_add(suite, test) unit_add_loop(suite, test, 1)
#define unit_add_loop(suite, test, n)                                       \
    do {                                                                    \
        TCase *unit_case = tcase_create(#test);                             \
        tcase_set_timeout(unit_case, 60);                                   \
        tcase_add_loop_test(unit_case, test, 0, n);                         \
        suite_add_tcase(suite, unit_case);                                  \
    } while (0)

#endif
