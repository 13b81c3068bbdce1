/* Files of unit tests: a folder of the test program's own, gone when it ends, and real data that may be absent. */
#ifndef SERIN_TESTS_FILES_H
#define SERIN_TESTS_FILES_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char files_folder[300];
static pid_t files_owner;

static int files_remove(const char *path, const struct stat *st, int kind, struct FTW *w)
{
    (void)st, (void)kind, (void)w;
    return remove(path);
}

/* Check forks a process for each test; only the first may clean up. */
static void files_clean(void)
{
    if (getpid() == files_owner)
        nftw(files_folder, files_remove, 8, FTW_DEPTH | FTW_PHYS);
}

static void __attribute__((constructor)) files_make(void)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(files_folder, sizeof files_folder, "%.200s/serin-test-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(files_folder)) {
        perror(files_folder);
        exit(99);
    }
    files_owner = getpid();
    atexit(files_clean);
}

/* A checked fixture for tests that want the folder empty. */
static inline void files_empty(void)
{
    nftw(files_folder, files_remove, 8, FTW_DEPTH | FTW_PHYS);
    if (mkdir(files_folder, 0700)) {
        perror(files_folder);
        exit(99);
    }
}

/* unit_add for such a test; with n of a loop. */
#define files_add(suite, test) files_add_loop(suite, test, 1)
#define files_add_loop(suite, test, n)                                      \
    do {                                                                    \
        TCase *files_case = tcase_create(#test);                            \
        tcase_set_timeout(files_case, 60);                                  \
        tcase_add_checked_fixture(files_case, files_empty, NULL);           \
        tcase_add_loop_test(files_case, test, 0, n);                        \
        suite_add_tcase(suite, files_case);                                 \
    } while (0)

/* The path of a file in the folder; a few results live at a time. */
static inline const char *files_path(const char *name)
{
    static char path[8][600];
    static unsigned next;

    next = (next + 1) % 8;
    snprintf(path[next], sizeof path[next], "%s/%s", files_folder, name);
    return path[next];
}

/* Makes a file of n bytes and returns its path. */
static inline const char *files_write(const char *name, const void *data, size_t n)
{
    const char *path = files_path(name);
    FILE *f = fopen(path, "wb");

    if (!f || fwrite(data, 1, n, f) != n || fclose(f)) {
        perror(path);
        exit(99);
    }
    return path;
}

/* The path of real data below $SERIN_DATA, which `make check` sets to ../shared/data beside the source tree unless it is
 * set already; NULL when absent. */
static inline const char *files_data(const char *name)
{
    static char path[4000];
    const char *data = getenv("SERIN_DATA");

    snprintf(path, sizeof path, "%s/%s", data ? data : "", name);
    return data && access(path, R_OK) == 0 ? path : NULL;
}

#endif
