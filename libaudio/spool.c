/* Commands in wav.scp, and standard input: what they write goes to memory, so that sound from a pipe is as seekable as a
 * file and a command's exit status is known before a sample is used. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libaudio/source.h"

#define LIMIT (INT64_C(4) << 30)    /* bytes */

/* Copies p to fd; bytes copied, LIMIT + 1 when there are more, -1 with errno. */
static int64_t copy(FILE *p, int fd)
{
    char block[65536];
    int64_t total = 0;
    size_t n;

    while ((n = fread(block, 1, sizeof(block), p)) > 0) {
        if ((total += (int64_t)n) > LIMIT)
            return LIMIT + 1;
        for (size_t done = 0; done < n;) {
            ssize_t k = write(fd, block + done, n - done);
            if (k < 0 && errno != EINTR)
                return -1;
            done += k > 0 ? (size_t)k : 0;
        }
    }
    return ferror(p) ? -1 : total;
}

static base_status run(const char *command, const char *name, int fd, base_error *e)
{
    FILE *p = popen(command, "re");
    int64_t n = p ? copy(p, fd) : -1;
    int status, why = errno;

    if (!p)
        return base_fail_errno(e, "%s", name);
    status = pclose(p);
    if (n < 0)
        return errno = why, base_fail_errno(e, "%s", name);
    if (n > LIMIT)
        return base_fail(e, BASE_LIMIT, "%s: more than %" PRId64 " bytes", name, LIMIT);
    if (WIFEXITED(status) && WEXITSTATUS(status))
        return base_fail(e, BASE_IO, "%s: the command exited with %d", name, WEXITSTATUS(status));
    if (!WIFEXITED(status))
        return base_fail(e, BASE_IO, "%s: the command died of signal %d", name, WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    if (n == 0)
        return base_fail(e, BASE_FORMAT, "%s: the command wrote nothing", name);
    return BASE_OK;
}

static base_status take_input(int fd, base_error *e)
{
    int64_t n = copy(stdin, fd);

    if (n < 0)
        return base_fail_errno(e, "standard input");
    if (n > LIMIT)
        return base_fail(e, BASE_LIMIT, "standard input: more than %" PRId64 " bytes", LIMIT);
    return n ? BASE_OK : base_fail(e, BASE_FORMAT, "standard input: empty");
}

base_status au_spool(const char *name, int *fd, base_error *e)
{
    char *command = strdup(name), *bar;
    base_status status;

    if (!command || (*fd = memfd_create("serin-audio", MFD_CLOEXEC)) < 0) {
        free(command);
        return base_fail_errno(e, "%s", name);
    }
    if ((bar = strrchr(command, '|'))) {
        *bar = '\0';
        status = run(command, name, *fd, e);
    } else {
        status = take_input(*fd, e);
    }
    if (status)
        close(*fd);
    free(command);
    return status;
}
