/* base/file.h with the first allocation failing, the second, and so on until none does, and the same of the disk: told as what it
 * is, nothing lost, and what was there stays. */
#include <fcntl.h>

#include "base/error.h"
#include "base/file.h"
#include "base/temporary.h"
#include "tests/unit/files.h"
#include "tests/unit/io_fault.h"
#include "tests/unit/malloc_fault.h"
#include "tests/unit/unit.h"

/* ---- what is tried ----------------------------------------------------------------------------------------------- */

/* Larger than what a pipe's reader begins with. */
static char large[20000];

static base_status try_read(base_error *e)
{
    char *text = NULL;
    size_t size;

    if (!base_read_file(files_path("old"), 100, &text, &size, e))
        free(text);
    return e->status;
}

static base_status try_pipe(base_error *e)
{
    char name[40], *text = NULL;
    size_t size = 0;
    int ends[2];

    if (pipe(ends) || write(ends[1], large, sizeof large) != (ssize_t)sizeof large)
        abort();        /* Check's assertions want memory */
    close(ends[1]);
    snprintf(name, sizeof name, "/dev/fd/%d", ends[0]);
    base_read_named(name, sizeof large, &text, &size, e);
    close(ends[0]);
    if (!e->status && size != sizeof large)
        abort();
    free(text);
    return e->status;
}

static base_status write_to(const char *path, base_error *e)
{
    base_out o;

    if (base_out_open(&o, path, e))
        return e->status;
    fputs("new", o.f);
    return base_out_commit(&o, e);
}

static base_status try_write(base_error *e) { return write_to(files_path("old"), e); }
static base_status try_link(base_error *e) { return write_to(files_path("link"), e); }
static base_status try_device(base_error *e) { return write_to("/dev/null", e); }

static base_status try_pair(base_error *e)
{
    base_out data, index;

    if (base_out_open(&data, files_path("data"), e))
        return e->status;
    if (base_out_open(&index, files_path("index"), e)) {
        base_out_abandon(&data);
        return e->status;
    }
    fputs("new", data.f);
    fputs("new", index.f);
    return base_out_commit_indexed(&data, &index, e);
}

static base_status try_make(base_error *e)
{
    base_status status = base_make_dirs(files_path("a/b/c"), e);

    rmdir(files_path("a/b/c"));
    rmdir(files_path("a/b"));
    rmdir(files_path("a"));
    return status;
}

static const struct { const char *name; base_status (*run)(base_error *e); bool writes; } tries[] = {
    { "read", try_read, false }, { "pipe", try_pipe, false }, { "write", try_write, true }, { "link", try_link, true },
    { "device", try_device, false }, { "pair", try_pair, true }, { "directories", try_make, true },
};

static void write_files(void)
{
    static const char *const names[] = { "old", "data", "index" };

    for (int i = 0; i < 3; i++)
        files_write(names[i], "old", 3);
    unlink(files_path("link"));
    ck_assert_int_eq(symlink("old", files_path("link")), 0);
}

static char first_of(const char *name)
{
    char c = '-';
    int fd = open(files_path(name), O_RDONLY);

    if (fd >= 0 && read(fd, &c, 1) != 1)
        c = '?';
    if (fd >= 0)
        close(fd);
    return c;
}

static int count_temporary(void)
{
    DIR *d = opendir(files_folder);
    int n = 0;

    for (struct dirent *entry; d && (entry = readdir(d));)
        n += io_is_temporary(entry->d_name);
    closedir(d);
    return n;
}

/* Old or new, whole; and never an old index over new data. */
static void assert_whole(const char *name, int n)
{
    char old = first_of("old"), data = first_of("data"), index = first_of("index");

    ck_assert_msg((old == 'o' || old == 'n') && (data == 'o' || data == 'n'), "%s %d: %c %c", name, n, old, data);
    ck_assert_msg(index == '-' || index == data || (index == 'n' && data == 'n'), "%s %d: index %c, data %c", name, n, index, data);
    ck_assert_int_eq(count_temporary(), 0);
}

START_TEST(memory)
{
    bool done = !MALLOC_FAULTS;
    int n = 0;

    write_files();
    ck_assert_int_eq(tries[_i].run(&(base_error)BASE_ERROR_INIT), BASE_OK);      /* what is allocated once for ever */
    for (; !done; n++) {
        base_error e = BASE_ERROR_INIT;
        write_files();
        long before = malloc_live;
        malloc_left = n;
        base_status status = tries[_i].run(&e);
        done = malloc_left >= 0;
        malloc_left = -1;
        ck_assert_msg(malloc_live == before, "%s: failure of allocation %d: %ld blocks lost", tries[_i].name, n, malloc_live - before);
        ck_assert_msg(status == BASE_OK || (status == BASE_NO_MEMORY && strstr(e.text, "memory")), "%s: failure of allocation %d: %d %s",
            tries[_i].name, n, status, e.text);
        ck_assert(!done || status == BASE_OK);
        assert_whole(tries[_i].name, n);
        ck_assert_int_lt(n, 100);
    }
}
END_TEST

/* From the n-th call on everything fails. */
START_TEST(disk)
{
    for (int n = 0;; n++) {
        base_error e = BASE_ERROR_INIT;
        write_files();
        io_left = n;
        base_status status = tries[_i].run(&e);
        bool done = io_left > 0 || (io_left == 0 && status == BASE_OK);
        io_left = -1;
        ck_assert_msg(done ? status == BASE_OK : !tries[_i].writes || status == BASE_IO, "%s: failure of call %d: %d %s", tries[_i].name, n,
            status, e.text);
        ck_assert_int_eq(count_temporary(), 0);
        if (done || !tries[_i].writes)
            break;
        ck_assert_int_lt(n, 100);
    }
}
END_TEST

/* Through a link, too: write, sync, rename, sync of the directory. */
START_TEST(order)
{
    for (int link = 0; link < 2; link++) {
        int renamed;

        write_files();
        io_events = 0;
        ck_assert_int_eq((link ? try_link : try_write)(&(base_error)BASE_ERROR_INIT), BASE_OK);
        const char *wrong = io_disorder(&renamed);
        ck_assert_msg(!wrong && renamed == 1, "%s, %d renamed", wrong ? wrong : "in order", renamed);
    }
}
END_TEST

/* ---- what the system refuses --------------------------------------------------------------------------------------- */

START_TEST(refusals)
{
    char loop[700];

    ck_assert_int_eq(symlink("loop", files_path("loop")), 0);
    snprintf(loop, sizeof loop, "%s", files_path("loop"));
    files_write("file", "text", 4);
    ck_assert_int_eq(mkdir(files_path("folder"), 0700), 0);
    ck_assert_int_eq(mkfifo(files_path("fifo"), 0600), 0);

    base_error e = BASE_ERROR_INIT;
    base_map m;
    ck_assert_int_eq(base_map_open(&m, files_path("folder"), &e), BASE_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(e.text, "folder: not a regular file"));
    e = (base_error)BASE_ERROR_INIT;
    ck_assert_int_eq(base_map_open(&m, files_path("fifo"), &e), BASE_UNSUPPORTED);
    e = (base_error)BASE_ERROR_INIT;
    ck_assert_int_eq(base_map_open(&m, files_path("absent"), &e), BASE_MISSING);
    ck_assert_ptr_null(m.data);
    base_map_close(&m);

    base_out o;
    e = (base_error)BASE_ERROR_INIT;
    ck_assert_int_ne(base_out_open(&o, loop, &e), BASE_OK);
    ck_assert_ptr_nonnull(strstr(e.text, "loop: "));
    ck_assert_ptr_null(o.path);
    e = (base_error)BASE_ERROR_INIT;
    ck_assert_int_ne(base_out_open(&o, files_path("folder"), &e), BASE_OK);
    ck_assert_ptr_nonnull(strstr(e.text, "folder: cannot write"));

    e = (base_error)BASE_ERROR_INIT;
    ck_assert_int_eq(base_make_dirs(files_path("file"), &e), BASE_IO);
    ck_assert_ptr_nonnull(strstr(e.text, "file: not a directory"));
    e = (base_error)BASE_ERROR_INIT;
    ck_assert_int_ne(base_make_dirs(files_path("file/below"), &e), BASE_OK);
    ck_assert_ptr_nonnull(strstr(e.text, "below: cannot make the directory"));

    int handle;
    e = (base_error)BASE_ERROR_INIT;
    ck_assert_int_eq(base_lock(files_path("absent/lock"), &handle, &e), BASE_MISSING);
    ck_assert_int_eq(handle, -1);
    e = (base_error)BASE_ERROR_INIT;
    ck_assert_int_eq(base_lock_wait(files_path("absent/lock"), &handle, &e), BASE_MISSING);
    base_unlock(handle);
    e = (base_error)BASE_ERROR_INIT;
    ck_assert_int_ne(base_rename(files_path("absent"), files_path("other"), &e), BASE_OK);
    ck_assert_ptr_nonnull(strstr(e.text, "absent: cannot rename to "));
}
END_TEST

/* A pipe that holds more than the limit; one byte less passes. */
START_TEST(pipes_have_limits)
{
    for (size_t less = 0; less < 2; less++) {
        base_error e = BASE_ERROR_INIT;
        char name[40], *text;
        size_t size;
        int ends[2];

        ck_assert_int_eq(pipe(ends), 0);
        ck_assert_int_eq(write(ends[1], large, sizeof large), (ssize_t)sizeof large);
        close(ends[1]);
        snprintf(name, sizeof name, "/dev/fd/%d", ends[0]);
        base_status status = base_read_named(name, sizeof large - less, &text, &size, &e);
        close(ends[0]);
        ck_assert_int_eq(status, less ? BASE_LIMIT : BASE_OK);
        ck_assert(!less || strstr(e.text, "larger than the limit of 19999 bytes"));
        free(text);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("base/file faults");

    files_add_loop(s, memory, (int)(sizeof tries / sizeof *tries));
    files_add_loop(s, disk, (int)(sizeof tries / sizeof *tries));
    files_add(s, order);
    files_add(s, refusals);
    files_add(s, pipes_have_limits);
    return s;
}

UNIT_MAIN(suite)
