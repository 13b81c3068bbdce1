#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/file.h"
#include "base/temporary.h"
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

/* A pipe where a file is expected is not waited for; one that the user named is read. */
START_TEST(pipes_are_files_only_by_name)
{
    base_error e = BASE_ERROR_INIT;
    char *text, path[40];
    int ends[2];
    size_t n;

    ck_assert_int_eq(mkfifo(files_path("fifo"), 0600), 0);
    ck_assert_int_eq(base_read_file(files_path("fifo"), 100, &text, &n, &e), BASE_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(e.text, "fifo: a pipe or a device, expected a file"));
    ck_assert_int_eq(base_read_file("/dev/zero", 100, &text, &n, NULL), BASE_UNSUPPORTED);
    ck_assert_int_eq(base_check_regular(files_path("fifo"), NULL), BASE_UNSUPPORTED);
    ck_assert_int_eq(base_check_regular(files_path("none"), NULL), BASE_OK);
    ck_assert(!pipe(ends) && write(ends[1], "hello", 5) == 5);
    close(ends[1]);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    e.status = BASE_OK;
    ck_assert_int_eq(base_read_named(path, 100, &text, &n, &e), BASE_OK);
    ck_assert_str_eq(text, "hello");
    free(text);
    close(ends[0]);
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

static bool there(const char *name) { return access(files_path(name), F_OK) == 0; }

/* Leftovers of dead processes go, in this directory and the current one; those of the living, those that somebody holds,
 * and other files stay. */
START_TEST(sweeps_leftovers)
{
    static const char *const stay[] = { "result.tmp.99999999999999999999", "result.tmp.x", "result.tmp.", ".tmp.2000000001",
        "result.tmp.2000000001.", "result.tmp.2000000001.x", "result.tmp.2000000001-2", "result", "result.tmp.2000000003" };
    static const char *const go[] = { "result.tmp.2000000001", "result.tmp.2000000001.3", "other.tmp.7.tmp.2000000001" };
    char living[40];

    for (size_t i = 0; i < sizeof stay / sizeof *stay; i++)
        files_write(stay[i], "", 0);
    for (size_t i = 0; i < sizeof go / sizeof *go; i++)
        files_write(go[i], "", 0);
    snprintf(living, sizeof living, "result.tmp.%d", (int)getppid());
    files_write(living, "", 0);
    ck_assert_int_eq(symlink("nowhere", files_path("base.tmp.2000000001")), 0);
    ck_assert_int_eq(mkdir(files_path("folder.tmp.2000000001"), 0700), 0);
    for (int i = 0; i < 300; i++) {         /* more than a block of the system's answers */
        char name[80];
        snprintf(name, sizeof name, "folder.tmp.2000000001/a file with a long name, number %d", i);
        files_write(name, "", 0);
    }
    int held = open(files_path("result.tmp.2000000003"), O_RDONLY);
    ck_assert(base_temporary_hold(held));
    base_temporary_sweep(files_path("result"));
    for (size_t i = 0; i < sizeof stay / sizeof *stay; i++)
        ck_assert_msg(there(stay[i]), "%s", stay[i]);
    ck_assert(there(living));
    ck_assert_int_eq(count_files(), (int)(sizeof stay / sizeof *stay) + 1);
    close(held);
    base_temporary_sweep_once(files_path("result"));
    ck_assert(!there("result.tmp.2000000003"));
    int here = open(".", O_RDONLY | O_DIRECTORY);
    ck_assert_int_eq(chdir(files_folder), 0);
    files_write("result2.tmp.2000000001", "", 0);
    base_temporary_sweep_once("result2");       /* the same folder: looked at once */
    ck_assert(there("result2.tmp.2000000001"));
    base_temporary_sweep("result2");
    ck_assert(!there("result2.tmp.2000000001"));
    ck_assert_int_eq(fchdir(here), 0);
    close(here);
    base_temporary_sweep(files_path("absent/file"));
}
END_TEST

/* The next file in a folder does so by itself. */
START_TEST(leftovers_of_others_stay)
{
    files_write("result.tmp.2000000001", "", 0);
    if (chown(files_path("result.tmp.2000000001"), 65534, 65534))
        return;     /* only root can give a file away */
    base_temporary_sweep(files_path("result"));
    ck_assert(there("result.tmp.2000000001"));
}
END_TEST

START_TEST(a_writer_sweeps)
{
    base_out o;

    files_write("other.tmp.2000000001", "", 0);
    ck_assert_int_eq(base_out_open(&o, files_path("result"), NULL), BASE_OK);
    ck_assert(!there("other.tmp.2000000001"));
    base_temporary_sweep(files_path("result"));     /* leaves what is being written */
    ck_assert_int_eq(count_files(), 1);
    ck_assert_int_eq(base_out_commit(&o, NULL), BASE_OK);
    ck_assert(there("result"));
}
END_TEST

static volatile int stopped;

/* Dies of the second signal when the first is noted. */
static int write_and_die(void *data)
{
    const int *numbers = data;
    base_out o, done;

    if (base_out_open(&done, files_path("done"), NULL) || base_out_commit(&done, NULL))
        return 9;
    base_temporary_on_signals(numbers[1] ? &stopped : NULL);
    char inside[700], *folder = base_temporary_name(files_path("folder"), 0);
    if (base_out_open(&o, files_path("result"), NULL) || mkdir(folder, 0700))
        return 9;
    snprintf(inside, sizeof inside, "%s/file", folder);
    close(open(inside, O_WRONLY | O_CREAT, 0600));
    raise(numbers[0]);
    if (numbers[1] && stopped == numbers[0]) {
        fputs("noted", stdout);
        fflush(stdout);
        raise(numbers[1]);
    }
    return 9;
}

START_TEST(a_signal_leaves_nothing_behind)
{
    static const int numbers[][2] = { { SIGINT, 0 }, { SIGTERM, 0 }, { SIGHUP, 0 }, { SIGPIPE, 0 }, { SIGTERM, SIGINT },
        { SIGINT, SIGINT } };

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        files_empty();
        capture c = capture_run(write_and_die, (void *)(uintptr_t)numbers[i]);
        ck_assert_msg(c.signal == (numbers[i][1] ? numbers[i][1] : numbers[i][0]), "%d %s", c.status, c.text);
        ck_assert_str_eq(c.text, numbers[i][1] ? "noted" : "");
        ck_assert_int_eq(count_files(), 1);
        ck_assert(there("done"));
    }
}
END_TEST

static int write_ignoring(void *unused)
{
    base_out o;

    (void)unused;
    signal(SIGHUP, SIG_IGN);        /* as nohup does */
    base_temporary_on_signals(NULL);
    if (base_out_open(&o, files_path("result"), NULL))
        return 9;
    raise(SIGHUP);
    pid_t child = fork();
    if (child == 0) {               /* a child's death is not its parent's */
        raise(SIGTERM);
        _exit(9);
    }
    int state;
    if (waitpid(child, &state, 0) != child || !WIFSIGNALED(state) || !there("done"))
        return 8;
    return base_out_commit(&o, NULL) ? 7 : 0;
}

START_TEST(ignored_signals_and_children_remove_nothing)
{
    files_write("done", "", 0);
    ck_assert_int_eq(capture_run(write_ignoring, NULL).status, 0);
    ck_assert_int_eq(count_files(), 2);
}
END_TEST

/* Permissions of what is replaced stay; of what is new, the umask decides. */
START_TEST(permissions_are_kept)
{
    static const mode_t modes[] = { 0600, 0640, 0664, 0444 };
    mode_t mask = umask(027);
    struct stat s;
    base_out o;

    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        const char *path = files_write("result", "old", 3);
        ck_assert_int_eq(chmod(path, modes[i]), 0);
        ck_assert_int_eq(base_out_open(&o, path, NULL), BASE_OK);
        ck_assert_int_eq(base_out_commit(&o, NULL), BASE_OK);
        ck_assert_int_eq(stat(path, &s), 0);
        ck_assert_uint_eq(s.st_mode & 07777, modes[i]);
        unlink(path);
    }
    ck_assert_int_eq(base_out_open(&o, files_path("new"), NULL), BASE_OK);
    ck_assert_int_eq(base_out_commit(&o, NULL), BASE_OK);
    ck_assert_int_eq(stat(files_path("new"), &s), 0);
    ck_assert_uint_eq(s.st_mode & 07777, 0640);
    umask(mask);
}
END_TEST

/* Links that lead nowhere yet, by way of another one, and in a circle. */
START_TEST(a_dangling_link_is_written_through)
{
    base_error e = BASE_ERROR_INIT;
    struct stat s;
    base_out o;

    ck_assert_int_eq(mkdir(files_path("there"), 0700), 0);
    ck_assert_int_eq(symlink("there/second", files_path("first")), 0);
    ck_assert_int_eq(symlink(files_path("target"), files_path("there/second")), 0);
    ck_assert_int_eq(base_out_open(&o, files_path("first"), NULL), BASE_OK);
    fputs("new", o.f);
    ck_assert_int_eq(base_out_commit(&o, NULL), BASE_OK);
    expect_file(files_path("target"), "new");
    ck_assert(lstat(files_path("first"), &s) == 0 && S_ISLNK(s.st_mode));
    ck_assert(lstat(files_path("there/second"), &s) == 0 && S_ISLNK(s.st_mode));
    ck_assert_int_eq(symlink("circle", files_path("circle")), 0);
    ck_assert_int_eq(base_out_open(&o, files_path("circle"), &e), BASE_IO);
    ck_assert_msg(strstr(e.text, "circle: Too many levels of symbolic links") != NULL, "%s", e.text);
    ck_assert_int_eq(symlink("nowhere/x", files_path("lost")), 0);
    ck_assert_int_eq(base_out_open(&o, files_path("lost"), NULL), BASE_MISSING);
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

static void *wait_for_lock(void *handle)
{
    return base_lock_wait(files_path("passed on"), handle, NULL) ? handle : NULL;
}

/* Who waits for a lock whose file is removed meanwhile locks the file that is there, so that a third is kept out. */
START_TEST(a_lock_is_on_the_file_that_is_there)
{
    const char *path = files_path("passed on");
    int first, second, third;
    pthread_t waiting;
    struct stat held, there;

    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(base_lock_wait(path, &first, NULL), BASE_OK);
        ck_assert_int_eq(pthread_create(&waiting, NULL, wait_for_lock, &second), 0);
        usleep(2000);
        base_lock_remove(path, first);
        void *failed;
        ck_assert_int_eq(pthread_join(waiting, &failed), 0);
        ck_assert_ptr_null(failed);
        ck_assert(fstat(second, &held) == 0 && stat(path, &there) == 0 && held.st_ino == there.st_ino);
        ck_assert_int_eq(base_lock(path, &third, NULL), BASE_BUSY);
        base_lock_remove(path, second);
    }
}
END_TEST

/* The same when another file takes its place. */
START_TEST(a_lock_is_not_on_a_file_that_was_replaced)
{
    const char *path = files_path("passed on");
    int first, second;
    pthread_t waiting;
    struct stat held, there;
    void *failed;

    ck_assert_int_eq(base_lock_wait(path, &first, NULL), BASE_OK);
    ck_assert_int_eq(pthread_create(&waiting, NULL, wait_for_lock, &second), 0);
    usleep(20000);
    files_write("other", "", 0);
    ck_assert_int_eq(rename(files_path("other"), path), 0);
    base_unlock(first);
    ck_assert_int_eq(pthread_join(waiting, &failed), 0);
    ck_assert_ptr_null(failed);
    ck_assert(fstat(second, &held) == 0 && stat(path, &there) == 0 && held.st_ino == there.st_ino);
    base_lock_remove(path, second);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("base/file");

    files_add(s, reads_whole_files);
    unit_add(s, pipes_are_files_only_by_name);
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
    files_add(s, leftovers_of_others_stay);
    files_add(s, a_writer_sweeps);
    files_add(s, a_signal_leaves_nothing_behind);
    files_add(s, ignored_signals_and_children_remove_nothing);
    files_add(s, permissions_are_kept);
    files_add(s, a_dangling_link_is_written_through);
    files_add(s, makes_directories);
    files_add(s, joins_paths);
    files_add(s, a_lock_keeps_others_out);
    files_add(s, a_lock_that_was_waited_for_leaves_no_file);
    files_add(s, a_lock_is_on_the_file_that_is_there);
    files_add(s, a_lock_is_not_on_a_file_that_was_replaced);
    return s;
}

UNIT_MAIN(suite)
