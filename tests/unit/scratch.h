/* A directory of its own for each test, made before and removed after it. */
#ifndef SERIN_TESTS_SCRATCH_H
#define SERIN_TESTS_SCRATCH_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char scratch_directory[] = "/tmp/serin-test-XXXXXX";

static inline int scratch_remove_one(const char *path, const struct stat *s, int type, struct FTW *f)
{
    (void)s, (void)type, (void)f;
    return remove(path);
}

static inline void scratch_remove(void) { nftw(scratch_directory, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS); }

static inline void scratch_make(void)
{
    snprintf(scratch_directory, sizeof scratch_directory, "/tmp/serin-test-XXXXXX");
    if (!mkdtemp(scratch_directory))
        abort();
}

/* The path of a file in the directory; good until the fourth call after. */
static inline const char *scratch_path(const char *name)
{
    static char paths[4][300];
    static int turn;

    turn = (turn + 1) % 4;
    snprintf(paths[turn], sizeof paths[turn], "%s/%s", scratch_directory, name);
    return paths[turn];
}

static inline const char *scratch_write(const char *name, const void *data, size_t size)
{
    const char *path = scratch_path(name);
    FILE *f = fopen(path, "wb");

    if (!f || fwrite(data, 1, size, f) != size || fclose(f))
        abort();
    return path;
}

/* unit_add for a test that uses the directory. */
#define scratch_add(suite, test)                                                    \
    do {                                                                            \
        TCase *unit_case = tcase_create(#test);                                     \
        tcase_set_timeout(unit_case, 60);                                           \
        tcase_add_checked_fixture(unit_case, scratch_make, scratch_remove);         \
        tcase_add_test(unit_case, test);                                            \
        suite_add_tcase(suite, unit_case);                                          \
    } while (0)

#endif
