#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "tests/unit/capture.h"
#include "tests/unit/files.h"
#include "tests/unit/unit.h"

static void expect_file(const char *path, const char *text)
{
    base_error e = BASE_ERROR_INIT;
    char *found;
    size_t n;

    ck_assert_msg(base_read_file(path, 1 << 20, &found, &n, &e) == BASE_OK, "%s", e.text);
    ck_assert_uint_eq(n, strlen(text));
    ck_assert_str_eq(found, text);
    free(found);
}

/* How many names are in the test's directory. */
static int count_files(void)
{
    char command[400];
    int n = -1;

    snprintf(command, sizeof command, "ls -A %s | wc -l", files_folder);
    FILE *f = popen(command, "r");
    ck_assert_int_eq(fscanf(f, "%d", &n), 1);
    pclose(f);
    return n;
}

START_TEST(reads_whole_files)
{
    base_error e = BASE_ERROR_INIT;
    char large[10000], *text;
    size_t n;

    memset(large, 'x', sizeof large);
    const char *path = files_write("large", large, sizeof large);
    ck_assert_int_eq(base_read_file(path, sizeof large, &text, &n, &e), BASE_OK);
    ck_assert_uint_eq(n, sizeof large);
    ck_assert_mem_eq(text, large, n);
    ck_assert_int_eq(text[n], '\0');
    free(text);

    ck_assert_int_eq(base_read_file(path, sizeof large - 1, &text, &n, &e), BASE_LIMIT);
    ck_assert_ptr_nonnull(strstr(e.text, "10000 bytes, more than the limit of 9999"));
    ck_assert_ptr_null(text);
    e.status = BASE_OK;
    ck_assert_int_eq(base_read_file(files_path("absent"), 1, &text, &n, &e), BASE_MISSING);
    ck_assert_ptr_nonnull(strstr(e.text, "absent: No such file"));
    e.status = BASE_OK;
    ck_assert_int_eq(base_read_file(files_folder, 1 << 20, &text, &n, &e), BASE_IO);
    expect_file(files_write("empty", "", 0), "");
}
END_TEST

static int read_standard_input(void *limit)
{
    base_error e = BASE_ERROR_INIT;
    char *text;
    size_t n;
    int ends[2];

    if (pipe(ends) || write(ends[1], "0123456789", 10) != 10)
        return 9;
    close(ends[1]);
    dup2(ends[0], STDIN_FILENO);
    base_status status = base_read_file("-", *(size_t *)limit, &text, &n, &e);
    printf("%s", status ? e.text : text);
    free(text);
    return -status;
}

/* A pipe has no size to look at beforehand. */
START_TEST(reads_standard_input)
{
    size_t limits[] = { 100, 10, 9, 0 };
    capture c[4];

    for (int i = 0; i < 4; i++)
        c[i] = capture_run(read_standard_input, &limits[i]);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(c[i].status, 0);
        ck_assert_str_eq(c[i].text, "0123456789");
    }
    for (int i = 2; i < 4; i++) {
        ck_assert_int_eq(c[i].status, -BASE_LIMIT);
        ck_assert_ptr_nonnull(strstr(c[i].text, "standard input: larger than the limit"));
    }
}
END_TEST

START_TEST(maps_files)
{
    base_error e = BASE_ERROR_INIT;
    base_map m;

    ck_assert_int_eq(base_map_open(&m, files_write("a", "abc", 3), &e), BASE_OK);
    ck_assert_uint_eq(m.size, 3);
    ck_assert_mem_eq(m.data, "abc", 3);
    base_map_close(&m);
    base_map_close(&m);
    ck_assert_int_eq(base_map_open(&m, files_write("empty", "", 0), &e), BASE_OK);
    ck_assert(m.data == NULL && m.size == 0);
    base_map_close(&m);
    ck_assert_int_eq(base_map_open(&m, files_path("absent"), &e), BASE_MISSING);
    e.status = BASE_OK;
    ck_assert_int_eq(base_map_open(&m, files_folder, &e), BASE_UNSUPPORTED);
    ck_assert_int_eq(mkfifo(files_path("fifo"), 0600), 0);
    ck_assert_int_eq(base_map_open(&m, files_path("fifo"), NULL), BASE_UNSUPPORTED);
}
END_TEST

START_TEST(a_file_appears_whole)
{
    base_error e = BASE_ERROR_INIT;
    const char *path = files_write("result", "old", 3);
    base_out o;

    ck_assert_int_eq(base_out_open(&o, path, &e), BASE_OK);
    fputs("new", o.f);
    fflush(o.f);
    expect_file(path, "old");
    ck_assert_int_eq(count_files(), 2);
    ck_assert_int_eq(base_out_commit(&o, &e), BASE_OK);
    expect_file(path, "new");
    ck_assert_int_eq(count_files(), 1);
    base_out_abandon(&o);       /* no effect */
    expect_file(path, "new");
}
END_TEST

START_TEST(an_abandoned_file_leaves_nothing)
{
    const char *path = files_write("result", "old", 3);
    base_out o;

    ck_assert_int_eq(base_out_open(&o, path, NULL), BASE_OK);
    fputs("new", o.f);
    base_out_abandon(&o);
    expect_file(path, "old");
    ck_assert_int_eq(count_files(), 1);
}
END_TEST

START_TEST(two_writers_do_not_meet)
{
    const char *path = files_path("result");
    base_out a, b;

    ck_assert_int_eq(base_out_open(&a, path, NULL), BASE_OK);
    ck_assert_int_eq(base_out_open(&b, path, NULL), BASE_OK);
    fputs("first", a.f);
    fputs("second", b.f);
    ck_assert_int_eq(base_out_commit(&b, NULL), BASE_OK);
    expect_file(path, "second");
    ck_assert_int_eq(base_out_commit(&a, NULL), BASE_OK);
    expect_file(path, "first");
    ck_assert_int_eq(count_files(), 1);
}
END_TEST

typedef struct attempt {
    const char *path;
    size_t      size;
} attempt;

static int write_too_much(void *data)
{
    const attempt *a = data;
    struct rlimit limit = { 1000, 1000 };
    base_error e = BASE_ERROR_INIT;
    base_out o;

    signal(SIGXFSZ, SIG_IGN);
    if (base_out_open(&o, a->path, &e) || setrlimit(RLIMIT_FSIZE, &limit))
        return 9;
    for (size_t i = 0; i < a->size; i++)
        putc('x', o.f);
    base_status status = base_out_commit(&o, &e);
    printf("%s", e.text);
    return -status;
}

/* As a full disk would, the system refuses to write on: the old file stays, the new one is gone. */
START_TEST(a_failed_write_keeps_the_old_file)
{
    static const char *const messages[] = { "result: cannot write: File too large", "result: cannot write: the system" };
    attempt a = { files_write("result", "old", 3), 2000 };

    for (int i = 0; i < 2; i++, a.size = 100000) {      /* fits the buffer: only commit fails; does not */
        capture c = capture_run(write_too_much, &a);
        ck_assert_msg(c.status == -BASE_IO, "%d %s", c.status, c.text);
        ck_assert_ptr_nonnull(strstr(c.text, messages[i]));
        expect_file(a.path, "old");
        ck_assert_int_eq(count_files(), 1);
    }
}
END_TEST

START_TEST(a_full_device_is_noticed)
{
    base_error e = BASE_ERROR_INIT;
    base_out o;

    ck_assert_int_eq(base_out_open(&o, "/dev/full", &e), BASE_OK);
    fputs("text", o.f);
    ck_assert_int_eq(base_out_commit(&o, &e), BASE_IO);
    ck_assert_ptr_nonnull(strstr(e.text, "/dev/full: cannot write: No space left on device"));
    ck_assert(access("/dev/full", F_OK) == 0);
    ck_assert_int_eq(base_out_open(&o, "/dev/null", NULL), BASE_OK);
    ck_assert_int_eq(base_out_commit(&o, NULL), BASE_OK);
}
END_TEST

static int write_to_full_stdout(void *unused)
{
    base_error e = BASE_ERROR_INIT;
    base_out o;

    (void)unused;
    if (dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO) < 0 || base_out_open(&o, "-", &e))
        return 9;
    fputs("text", o.f);
    base_status status = base_out_commit(&o, &e);
    fprintf(stderr, "%s", e.text);
    return -status;
}

START_TEST(standard_output_is_checked)
{
    capture c = capture_run(write_to_full_stdout, NULL);

    ck_assert_int_eq(c.status, -BASE_IO);
    ck_assert_str_eq(c.text, "standard output: cannot write: No space left on device");
}
END_TEST

static int open_as_nobody(void *path)
{
    base_error e = BASE_ERROR_INIT;
    base_out o;

    if (geteuid() == 0 && setuid(65534))        /* root may write anywhere */
        return 9;
    base_status status = base_out_open(&o, path, &e);
    printf("%s", e.text);
    return -status;
}

START_TEST(no_permission_is_an_error)
{
    const char *path = files_path("result");

    ck_assert_int_eq(chmod(files_folder, 0555), 0);
    capture c = capture_run(open_as_nobody, (void *)(uintptr_t)path);
    chmod(files_folder, 0700);
    ck_assert_int_eq(c.status, -BASE_IO);
    ck_assert_ptr_nonnull(strstr(c.text, ": cannot create: Permission denied"));
    ck_assert_int_eq(capture_run(open_as_nobody, (void *)(uintptr_t)"/nonexistent/x").status, -BASE_MISSING);
}
END_TEST

START_TEST(a_link_is_written_through)
{
    const char *target = files_write("target", "old", 3), *link = files_path("link");
    struct stat s;
    base_out o;

    ck_assert_int_eq(symlink("target", link), 0);
    ck_assert_int_eq(base_out_open(&o, link, NULL), BASE_OK);
    fputs("new", o.f);
    ck_assert_int_eq(base_out_commit(&o, NULL), BASE_OK);
    expect_file(target, "new");
    ck_assert_int_eq(lstat(link, &s), 0);
    ck_assert(S_ISLNK(s.st_mode));
}
END_TEST

/* Leftovers of dead processes go, in this directory and the current one; those of the living, and other files, stay. */
START_TEST(sweeps_leftovers)
{
    char living[40];

    snprintf(living, sizeof living, "result.tmp.%d", (int)getppid());
    files_write("result.tmp.2000000001", "", 0);
    files_write("result.tmp.2000000001.3", "", 0);
    files_write("result.tmp.99999999999999999999", "", 0);
    files_write("result.tmp.x", "", 0);
    files_write("result.tmp.", "", 0);
    files_write("result2.tmp.2000000001", "", 0);
    files_write("result", "", 0);
    const char *alive = files_write(living, "", 0);
    base_out_sweep(files_path("result"));
    ck_assert_int_eq(count_files(), 6);
    ck_assert(!base_exists(files_path("result.tmp.2000000001")));
    ck_assert(base_exists(files_path("result")) && base_exists(alive));
    ck_assert_int_eq(chdir(files_folder), 0);
    base_out_sweep("result2");
    ck_assert_int_eq(count_files(), 5);
    ck_assert_int_eq(chdir("/"), 0);
    base_out_sweep(files_path("absent/file"));
}
END_TEST

START_TEST(makes_directories)
{
    base_error e = BASE_ERROR_INIT;
    struct stat s;

    ck_assert_int_eq(base_make_dirs(files_path("a/b//c/"), &e), BASE_OK);
    ck_assert(stat(files_path("a/b/c"), &s) == 0 && S_ISDIR(s.st_mode));
    ck_assert_int_eq(base_make_dirs(files_path("a/b"), &e), BASE_OK);
    files_write("file", "", 0);
    ck_assert_int_eq(base_make_dirs(files_path("file"), &e), BASE_IO);
    ck_assert_ptr_nonnull(strstr(e.text, "file: not a directory"));
    e.status = BASE_OK;
    ck_assert_int_eq(base_make_dirs(files_path("file/x"), &e), BASE_IO);
    ck_assert_ptr_nonnull(strstr(e.text, "cannot make the directory"));
}
END_TEST

START_TEST(joins_paths)
{
    static const char *const cases[][3] = { { "a", "b", "a/b" }, { "a/", "b", "a/b" }, { "", "b", "b" }, { "/", "b", "/b" } };

    for (int i = 0; i < 4; i++) {
        char *path = base_path_join(cases[i][0], cases[i][1]);
        ck_assert_str_eq(path, cases[i][2]);
        free(path);
    }
}
END_TEST

START_TEST(a_lock_keeps_others_out)
{
    base_error e = BASE_ERROR_INIT;
    const char *path = files_path("lock");
    char expected[60];
    int first, second;

    snprintf(expected, sizeof expected, "locked by process %d", (int)getpid());
    ck_assert_int_eq(base_lock(path, &first, &e), BASE_OK);
    ck_assert_int_eq(base_lock(path, &second, &e), BASE_BUSY);
    ck_assert_ptr_nonnull(strstr(e.text, expected));
    ck_assert_int_eq(second, -1);
    base_unlock(second);
    base_unlock(first);
    ck_assert_int_eq(base_lock(path, &second, NULL), BASE_OK);
    base_unlock(second);
    e.status = BASE_OK;
    ck_assert_int_eq(base_lock(files_path("absent/lock"), &first, &e), BASE_MISSING);
}
END_TEST

START_TEST(a_lock_that_was_waited_for_leaves_no_file)
{
    base_error e = BASE_ERROR_INIT;
    const char *path = files_path("waited");
    int first, second;

    ck_assert_int_eq(base_lock_wait(path, &first, &e), BASE_OK);
    ck_assert_int_eq(base_lock(path, &second, &e), BASE_BUSY);
    base_lock_remove(path, first);
    ck_assert(!base_exists(path));
    e.status = BASE_OK;
    ck_assert_int_eq(base_lock_wait(files_path("absent/lock"), &first, &e), BASE_MISSING);
    ck_assert_int_eq(first, -1);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("base/file");

    files_add(s, reads_whole_files);
    files_add(s, reads_standard_input);
    files_add(s, maps_files);
    files_add(s, a_file_appears_whole);
    files_add(s, an_abandoned_file_leaves_nothing);
    files_add(s, two_writers_do_not_meet);
    files_add(s, a_failed_write_keeps_the_old_file);
    files_add(s, a_full_device_is_noticed);
    files_add(s, standard_output_is_checked);
    files_add(s, no_permission_is_an_error);
    files_add(s, a_link_is_written_through);
    files_add(s, sweeps_leftovers);
    files_add(s, makes_directories);
    files_add(s, joins_paths);
    files_add(s, a_lock_keeps_others_out);
    files_add(s, a_lock_that_was_waited_for_leaves_no_file);
    return s;
}

UNIT_MAIN(suite)
