/* Decoding in a child process: libsndfile's and the codecs' memory errors, or their abort when memory is short, end the
 * child, and what it sends is not believed. It may take 2 GiB more than this process has, and a bounded time. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/progress.h"
#include "base/parallel.h"
#include "libaudio/source.h"

#define MEMORY ((rlim_t)2 << 30)    /* bytes */
#define SECONDS(o) (5.0 + fmin((o)->max_seconds, 86400.0) / 20)     /* of work: decoders are a hundred times faster than speech */
#define PATIENCE 10.0               /* times as long, on a machine that does other things */

/* What the child sends; n samples follow. */
typedef struct reply {
    base_error why;
    au_note    note;
    int        rate, channels;
    int64_t    n;
    double     seconds;
} reply;

/* ---- the child -------------------------------------------------------------------------------------------------- */

static void limit(int what, rlim_t most)
{
    struct rlimit r;

    if (!getrlimit(what, &r) && (r.rlim_cur == RLIM_INFINITY || r.rlim_cur > most)) {
        r.rlim_cur = most;
        setrlimit(what, &r);
    }
}

static void limit_all(const au_read_options *o)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");

    if (f && fscanf(f, "%ld", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
#ifndef __SANITIZE_ADDRESS__    /* it reserves what it wants */
    if (pages > 0)
        limit(RLIMIT_AS, (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + MEMORY);
#endif
    limit(RLIMIT_CPU, (rlim_t)SECONDS(o));
    limit(RLIMIT_CORE, 0);
}

static bool send_all(int fd, const void *from, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t k = write(fd, (const char *)from + done, n - done);
        if (k < 0 && errno != EINTR)
            return false;
        done += k > 0 ? (size_t)k : 0;
    }
    return true;
}

static void serve(au_source *s, const au_cut *cut, const au_read_options *o, int fd)
{
    reply r = { .why = BASE_ERROR_INIT };
    au_audio a;

    for (int i = 1; i < NSIG; i++)
        signal(i, SIG_DFL);
    limit_all(o);
    if (au_source_decode(s, cut, o, &a, &r.why) == BASE_OK)
        r = (reply){ BASE_ERROR_INIT, s->parts.note, a.rate, a.channels, a.n, a.seconds };
    _exit(!(send_all(fd, &r, sizeof r) && send_all(fd, a.x, (size_t)a.n * sizeof *a.x)));
}

/* ---- this process ----------------------------------------------------------------------------------------------- */

/* How many of n bytes came before the child's end, or that of its time. */
static size_t receive(int fd, void *to, size_t n, double end)
{
    size_t done = 0;

    while (done < n) {
        struct pollfd ready = { .fd = fd, .events = POLLIN };
        int how = poll(&ready, 1, (int)fmin(fmax((end - base_seconds()) * 1e3, 0.0), 1e8));
        ssize_t k = how > 0 ? read(fd, (char *)to + done, n - done) : how;

        if (k == 0 || (k < 0 && errno != EINTR))
            break;
        done += k > 0 ? (size_t)k : 0;
    }
    return done;
}

/* The samples, in memory that grows with what came. */
static base_status receive_samples(int fd, au_audio *a, int64_t n, double end, const char *name, base_error *e)
{
    for (int64_t room = 0; a->n < n;) {
        int64_t want;
        float *x;

        room = base_min_i64(base_max_i64(2 * room, 1 << 16), n);
        if (!(x = realloc(a->x, (size_t)room * sizeof *x)))
            return base_fail(e, BASE_NO_MEMORY, "%s: out of memory for %" PRId64 " samples", name, room);
        a->x = x;
        want = room - a->n;
        if (receive(fd, x + a->n, (size_t)want * sizeof *x, end) < (size_t)want * sizeof *x)
            return BASE_IO;
        a->n = room;
    }
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(a->x[i]))
            return base_fail(e, BASE_VALUE, "%s: NaN or Inf", name);
    return BASE_OK;
}

/* BASE_IO without a message: the child did not live to say it. */
static base_status take(int fd, const au_read_options *o, au_audio *a, double end, const char *name, base_error *e)
{
    reply r;
    base_status status = receive(fd, &r, sizeof r, end) == sizeof r ? BASE_OK : BASE_IO;

    if (status)
        return status;
    r.why.text[sizeof r.why.text - 1] = '\0';
    if (r.why.status < 0 && r.why.status >= BASE_BUSY)
        return base_fail(e, r.why.status, "%s", r.why.text);
    if (r.why.status || r.n < 1 || r.rate < 1 || r.channels < 1 || (double)r.n > o->max_seconds * r.rate || r.n > INT64_MAX / 8)
        return BASE_IO;
    *a = (au_audio){ .rate = r.rate, .source_rate = r.rate, .channels = r.channels, .seconds = (double)r.n / r.rate,
        .warning = au_note_text(r.note) };
    return receive_samples(fd, a, r.n, end, name, e);
}

base_status au_source_isolate(au_source *s, const au_cut *cut, const au_read_options *o, au_audio *a, base_error *e)
{
    double end = base_seconds() + PATIENCE * SECONDS(o);
    base_error why = BASE_ERROR_INIT;
    base_status status;
    int p[2], how = 0;
    pid_t child;

    *a = (au_audio){ 0 };
    if (pipe2(p, O_CLOEXEC))
        return base_fail_errno(e, "%s: a child process", s->name);
    child = fork();
    if (child == 0)
        serve(s, cut, o, p[1]);
    close(p[1]);
    status = child < 0 ? base_fail_errno(e, "%s: a child process", s->name) : take(p[0], o, a, end, s->name, &why);
    close(p[0]);
    if (child < 0)
        return status;
    if (status)
        kill(child, SIGKILL);
    while (waitpid(child, &how, 0) < 0 && errno == EINTR)
        ;
    if (status)
        au_audio_free(a);
    if (!status || why.status)
        return status ? base_fail(e, why.status, "%s", why.text) : BASE_OK;
    if (base_seconds() >= end)
        return base_fail(e, BASE_LIMIT, "%s: decoding it did not end within %.0f s", s->name, PATIENCE * SECONDS(o));
    return base_fail(e, BASE_IO, "%s: decoding it ended a process of its own with %s %d", s->name,
        WIFSIGNALED(how) ? "signal" : "status", WIFSIGNALED(how) ? WTERMSIG(how) : WEXITSTATUS(how));
}
