/* Where the bytes of a sound come from. What a command of a wav.scp or standard input writes goes to memory, so that it is
 * as seekable as a file, and a command's exit status is known before a sample is used. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/progress.h"
#include "base/parallel.h"
#include "libaudio/source.h"

#define LIMIT (INT64_C(4) << 30)    /* bytes */
#define SLACK (1 << 20)             /* of headers, covers and the like */
#define BYTE_RATE 768000            /* of sound whose header does not tell: 192 kHz in 32 bits */

extern char **environ;

/* A command that runs, or standard input (pid 0). */
typedef struct feed {
    const char *name;
    int         fd;
    pid_t       pid;
    double      seconds, limit, end;    /* of sound at most; of time; the moment when that is over */
} feed;

int64_t au_bytes_some(const au_bytes *b, int64_t at, void *to, int64_t n)
{
    int64_t done = 0;

    n = at < 0 || at > b->size ? 0 : base_min_i64(n, b->size - at);
    if (n > 0 && b->fd < 0)
        memcpy(to, b->memory + at, (size_t)n);
    if (b->fd < 0)
        return n;
    while (done < n) {
        ssize_t k = pread(b->fd, (char *)to + done, (size_t)(n - done), at + done);
        if (k <= 0 && !(k < 0 && errno == EINTR))
            break;
        done += k > 0 ? k : 0;
    }
    return done;
}

/* ---- commands --------------------------------------------------------------------------------------------------- */

/* bash, so that a failure anywhere in a pipeline is one; in a process group of its own, so that all of it can be ended. */
static base_status start_command(feed *f, const char *command, base_error *e)
{
    char *argv[] = { "bash", "-o", "pipefail", "-c", (char *)(uintptr_t)command, NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t defaults;
    int p[2], why;

    if (pipe2(p, O_CLOEXEC))
        return base_fail_errno(e, "%s", f->name);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, p[1], STDOUT_FILENO);
    why = posix_spawnp(&f->pid, argv[0], &actions, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close(p[1]);
    f->fd = p[0];
    if (!why)
        return BASE_OK;
    close(p[0]);
    errno = why;
    return base_fail_errno(e, "%s: bash", f->name);
}

/* Milliseconds for poll; -1: for ever. */
static int left(const feed *f) { return f->limit > 0 ? (int)fmin(fmax((f->end - base_seconds()) * 1e3, 0.0), 1e9) : -1; }

static base_status too_slow(const feed *f, base_error *e)
{
    return base_fail(e, BASE_LIMIT, "%s: the command did not end within %g s", f->name, f->limit);
}

/* Waits for the command, which has closed its output or is to be ended. */
static base_status end_command(const feed *f, base_status status, base_error *e)
{
    int how = 0;
    pid_t done;

    if (status)
        kill(-f->pid, SIGKILL);
    while ((done = waitpid(f->pid, &how, !status && f->limit > 0 ? WNOHANG : 0)) <= 0 && (done == 0 || errno == EINTR))
        if (done == 0 && left(f) == 0) {
            status = too_slow(f, e);
            kill(-f->pid, SIGKILL);
        } else if (done == 0) {
            poll(NULL, 0, 2);
        }
    if (status)
        return status;
    if (WIFEXITED(how) && WEXITSTATUS(how))
        return base_fail(e, BASE_IO, "%s: the command exited with %d", f->name, WEXITSTATUS(how));
    if (!WIFEXITED(how))
        return base_fail(e, BASE_IO, "%s: the command died of signal %d", f->name, WIFSIGNALED(how) ? WTERMSIG(how) : 0);
    return BASE_OK;
}

/* ---- what they write -------------------------------------------------------------------------------------------- */

/* The most bytes that `seconds` of sound can have, as far as b tells. */
static int64_t bytes_limit(const au_bytes *b, double seconds)
{
    unsigned char rate[4];
    double byte_rate = BYTE_RATE;
    au_riff r;

    if (au_riff_find(&r, b) && r.fmt && !r.big && au_bytes_get(b, r.fmt + 8, rate, 4) && (rate[0] | rate[1] | rate[2] | rate[3]))
        byte_rate = rate[0] + 256.0 * rate[1] + 65536.0 * rate[2] + 16777216.0 * rate[3];
    return (int64_t)fmin(seconds * byte_rate + SLACK, (double)LIMIT);
}

static base_status grow(au_bytes *b, int64_t *room, const feed *f, base_error *e)
{
    int64_t more = base_max_i64(65536, 2 * *room);
    unsigned char *memory = realloc(b->memory, (size_t)more);

    if (!memory)
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory for %" PRId64 " bytes", f->name, more);
    b->memory = memory;
    *room = more;
    return BASE_OK;
}

/* All of it, into b. */
static base_status collect(const feed *f, au_bytes *b, base_error *e)
{
    struct pollfd ready = { .fd = f->fd, .events = POLLIN };
    int64_t room = 0;
    base_status status;
    ssize_t n;

    for (;;) {
        if (b->size == room && (status = grow(b, &room, f, e)))
            return status;
        if (f->limit > 0 && poll(&ready, 1, left(f)) == 0)
            return too_slow(f, e);
        n = read(f->fd, b->memory + b->size, (size_t)(room - b->size));
        if (n < 0 && errno != EINTR)
            return base_fail_errno(e, "%s", f->name);
        if (n == 0)
            return BASE_OK;
        b->size += n > 0 ? n : 0;
        if (b->size > bytes_limit(b, f->seconds))
            return base_fail(e, BASE_LIMIT, "%s: more than %" PRId64 " bytes, too many for %g s of sound", f->name,
                bytes_limit(b, f->seconds), f->seconds);
    }
}

static base_status spool(au_bytes *b, const char *name, double limit, double seconds, base_error *e)
{
    feed f = { .name = name, .fd = STDIN_FILENO, .seconds = seconds, .limit = limit, .end = base_seconds() + limit };
    char *command = strdup(name), *bar = command ? strrchr(command, '|') : NULL;
    base_status status = command ? BASE_OK : base_fail(e, BASE_NO_MEMORY, "%s: out of memory", name);

    if (bar)
        *bar = '\0';
    else
        f.name = "standard input";
    if (!status && (!bar || !(status = start_command(&f, command, e)))) {
        status = collect(&f, b, e);
        if (bar) {
            close(f.fd);
            status = end_command(&f, status, e);
        }
        if (!status && b->size == 0)
            status = base_fail(e, BASE_FORMAT, bar ? "%s: the command wrote nothing" : "%s: empty", f.name);
    }
    free(command);
    return status;
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

static base_status open_file(au_bytes *b, const char *name, base_error *e)
{
    struct stat st;

    if ((b->fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) < 0 || fstat(b->fd, &st) < 0)
        return base_fail_errno(e, "%s", name);
    if (!S_ISREG(st.st_mode))
        return base_fail(e, BASE_UNSUPPORTED, "%s: not a regular file (a pipe is written \"cat FILE |\")", name);
    if ((b->size = st.st_size) == 0)
        return base_fail(e, BASE_FORMAT, "%s: empty file", name);
    return BASE_OK;
}

base_status au_bytes_open(au_bytes *b, const char *name, const au_read_options *o, double seconds, base_error *e)
{
    size_t n = strlen(name);
    base_status status;

    *b = (au_bytes){ .fd = -1 };
    while (n && strchr(" \t", name[n - 1]))
        n--;
    if (n && name[n - 1] == '|' && o->no_pipes)
        return base_fail(e, BASE_UNSUPPORTED, "%s: a command, and pipes are refused", name);
    if ((n && name[n - 1] == '|') || strcmp(name, "-") == 0)
        status = spool(b, name, o->pipe_seconds, seconds, e);
    else
        status = open_file(b, name, e);
    if (status)
        au_bytes_close(b);
    return status;
}

void au_bytes_close(au_bytes *b)
{
    if (b->fd >= 0)
        close(b->fd);
    free(b->memory);
    *b = (au_bytes){ .fd = -1 };
}
