#include "base/file.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

/* ---- reading ----------------------------------------------------------------------------------------------------- */

base_status base_map_open(base_map *m, const char *path, base_error *e)
{
    base_status status = BASE_OK;
    struct stat s;

    *m = (base_map){ NULL, 0 };
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);     /* O_NONBLOCK: a FIFO is refused, not waited for */
    if (fd < 0)
        return base_fail_errno(e, "%s", path);
    if (fstat(fd, &s))
        status = base_fail_errno(e, "%s", path);
    else if (!S_ISREG(s.st_mode))
        status = base_fail(e, BASE_UNSUPPORTED, "%s: not a regular file", path);
    else if (s.st_size > 0) {
        /* Writable, and private: who takes a mapped weight for its own and changes it gets a page of its own. */
        void *data = mmap(NULL, (size_t)s.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
        if (data == MAP_FAILED)
            status = base_fail_errno(e, "%s: cannot map", path);
        else
            *m = (base_map){ data, (size_t)s.st_size };
    }
    close(fd);
    return status;
}

void base_map_close(base_map *m)
{
    if (m->data)
        munmap((void *)(uintptr_t)m->data, m->size);
    *m = (base_map){ NULL, 0 };
}

/* Reads to the end of fd, growing the buffer; one byte more than the limit tells that there is too much. */
static base_status read_all(int fd, const char *name, size_t limit, size_t guess, char **text, size_t *size, base_error *e)
{
    size_t room = guess < limit ? guess : limit, n = 0;
    char *buffer = malloc(room + 1);

    while (buffer) {
        ssize_t got = read(fd, buffer + n, room + 1 - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            free(buffer);
            return base_fail_errno(e, "%s", name);
        }
        n += (size_t)got;
        if (n > limit) {
            free(buffer);
            return base_fail(e, BASE_LIMIT, "%s: larger than the limit of %zu bytes", name, limit);
        }
        if (got == 0) {
            buffer[n] = '\0';
            *text = buffer;
            *size = n;
            return BASE_OK;
        }
        if (n > room) {
            room = room < limit / 2 ? 2 * room : limit;
            char *more = realloc(buffer, room + 1);
            if (!more)
                free(buffer);
            buffer = more;
        }
    }
    return base_fail(e, BASE_NO_MEMORY, "%s: no memory for %zu bytes", name, room);
}

base_status base_read_file(const char *path, size_t limit, char **text, size_t *size, base_error *e)
{
    struct stat s;
    bool standard = strcmp(path, "-") == 0;
    const char *name = standard ? "standard input" : path;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);

    *text = NULL;
    *size = 0;
    assert(limit < SIZE_MAX / 2);
    if (fd < 0 || fstat(fd, &s))
        return base_fail_errno(e, "%s", name);
    base_status status =
        S_ISREG(s.st_mode) && (uintmax_t)s.st_size > limit
            ? base_fail(e, BASE_LIMIT, "%s: %jd bytes, more than the limit of %zu", name, (intmax_t)s.st_size, limit)
            : read_all(fd, name, limit, S_ISREG(s.st_mode) ? (size_t)s.st_size + 1 : 4096, text, size, e);
    if (!standard)
        close(fd);
    return status;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static char *format_path(const char *path, int attempt)
{
    char *tmp;
    int n = attempt ? asprintf(&tmp, "%s.tmp.%ld.%d", path, (long)getpid(), attempt)
                    : asprintf(&tmp, "%s.tmp.%ld", path, (long)getpid());

    return n < 0 ? NULL : tmp;
}

static base_status no_memory(base_error *e, const char *path)
{
    return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path);
}

/* Creates the temporary file beside o->path. Another of the same name can only be the leaving of an earlier process, or
 * a second writer of this one: both are left alone. */
static base_status open_temporary(base_out *o, base_error *e)
{
    int fd = -1;

    for (int attempt = 0; fd < 0 && attempt < 100; attempt++) {
        free(o->tmp);
        o->tmp = format_path(o->path, attempt);
        if (!o->tmp)
            return no_memory(e, o->path);
        fd = open(o->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST)
            break;
    }
    if (fd < 0)
        return base_fail_errno(e, "%s: cannot create", o->tmp);
    o->f = fdopen(fd, "wb");
    if (o->f)
        return BASE_OK;
    close(fd);
    unlink(o->tmp);
    return no_memory(e, o->path);
}

base_status base_out_open(base_out *o, const char *path, base_error *e)
{
    struct stat s;
    base_status status = BASE_OK;

    *o = (base_out){ NULL, NULL, NULL };
    bool standard = strcmp(path, "-") == 0, exists = !standard && stat(path, &s) == 0;
    /* Through a symbolic link the file it names is replaced, not the link. */
    o->path = exists && S_ISREG(s.st_mode) ? realpath(path, NULL) : strdup(path);
    if (!o->path)
        return base_fail_errno(e, "%s", path);
    if (standard)
        o->f = stdout;
    else if (exists && !S_ISREG(s.st_mode)) {       /* a device or FIFO: nothing to rename over */
        o->f = fopen(path, "wbe");
        if (!o->f)
            status = base_fail_errno(e, "%s: cannot write", path);
    } else
        status = open_temporary(o, e);
    if (status) {
        free(o->path);
        free(o->tmp);
        *o = (base_out){ NULL, NULL, NULL };
    }
    return status;
}

/* Makes a rename in path's directory durable. File systems that cannot sync a directory are not an error. */
static void sync_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *directory = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    int fd = directory ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(directory);
}

/* Flushes, syncs and closes o->f. The errno of a write that failed before is gone: that one has no text. */
static base_status finish(base_out *o, base_error *e)
{
    FILE *f = o->f;
    bool standard = f == stdout;
    const char *name = standard ? "standard output" : o->path;
    base_status status = BASE_OK;

    o->f = NULL;
    if (ferror(f))
        status = base_fail(e, BASE_IO, "%s: cannot write: the system refused a part (is the disk full?)", name);
    else if (fflush(f) || (o->tmp && fsync(fileno(f))))
        status = base_fail_errno(e, "%s: cannot write", name);
    if (!standard && fclose(f) && !status)
        status = base_fail_errno(e, "%s: cannot write", name);
    return status;
}

base_status base_out_commit(base_out *o, base_error *e)
{
    base_status status = finish(o, e);

    if (!status && o->tmp) {
        if (rename(o->tmp, o->path))
            status = base_fail_errno(e, "%s: cannot rename to %s", o->tmp, o->path);
        else {
            sync_directory(o->path);
            free(o->tmp);
            o->tmp = NULL;
        }
    }
    base_out_abandon(o);
    return status;
}

void base_out_abandon(base_out *o)
{
    if (o->f && o->f != stdout)
        fclose(o->f);
    if (o->tmp)
        unlink(o->tmp);
    free(o->tmp);
    free(o->path);
    *o = (base_out){ NULL, NULL, NULL };
}

/* True for "<name>.tmp.<pid>" and "<name>.tmp.<pid>.<n>" unless another process of that number lives. */
static bool is_leftover(const char *entry, const char *name)
{
    size_t n = strlen(name);
    char *end;

    if (strncmp(entry, name, n) || strncmp(entry + n, ".tmp.", 5) || entry[n + 5] < '1' || entry[n + 5] > '9')
        return false;
    errno = 0;
    long pid = strtol(entry + n + 5, &end, 10);
    if (errno || pid > INT_MAX || (*end != '\0' && *end != '.'))
        return false;
    return pid == getpid() || (kill((pid_t)pid, 0) && errno == ESRCH);
}

void base_out_sweep(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *directory = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    DIR *d = directory ? opendir(directory) : NULL;

    if (d)
        for (struct dirent *entry; (entry = readdir(d));)
            if (is_leftover(entry->d_name, slash ? slash + 1 : path))
                unlinkat(dirfd(d), entry->d_name, 0);
    if (d)
        closedir(d);
    free(directory);
}

/* ---- directories and paths --------------------------------------------------------------------------------------- */

base_status base_make_dirs(const char *path, base_error *e)
{
    struct stat s;
    char *p = strdup(path);

    if (!p)
        return no_memory(e, path);
    for (char *slash = p; slash;) {
        slash = strchr(slash + 1, '/');
        if (slash)
            *slash = '\0';
        if (mkdir(p, 0777) && errno != EEXIST) {
            base_status status = base_fail_errno(e, "%s: cannot make the directory", p);
            free(p);
            return status;
        }
        if (slash)
            *slash = '/';
    }
    free(p);
    if (stat(path, &s) || !S_ISDIR(s.st_mode))
        return base_fail(e, BASE_IO, "%s: not a directory", path);
    return BASE_OK;
}

bool base_exists(const char *path) { return access(path, F_OK) == 0; }

char *base_path_join(const char *directory, const char *name)
{
    size_t n = strlen(directory);
    char *path;

    return asprintf(&path, "%s%s%s", directory, n > 0 && directory[n - 1] != '/' ? "/" : "", name) < 0 ? NULL : path;
}

/* ---- locks ------------------------------------------------------------------------------------------------------- */

/* base_lock's file stays when the lock goes: whoever opens it does not look whether it is still in the directory. */
base_status base_lock(const char *path, int *handle, base_error *e)
{
    char text[32] = "";
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

    *handle = -1;
    if (fd < 0)
        return base_fail_errno(e, "%s", path);
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        base_status status;
        if (errno == EWOULDBLOCK) {
            ssize_t n = pread(fd, text, sizeof text - 1, 0);
            text[n > 0 ? strspn(text, "0123456789") : 0] = '\0';
            status = base_fail(e, BASE_BUSY, "%s: locked by process %s", path, *text ? text : "(unknown)");
        } else
            status = base_fail_errno(e, "%s: cannot lock", path);
        close(fd);
        return status;
    }
    int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) || pwrite(fd, text, (size_t)n, 0) != n) {
        base_status status = base_fail_errno(e, "%s: cannot write", path);
        close(fd);
        return status;
    }
    *handle = fd;
    return BASE_OK;
}

static bool same_file(int fd, const char *path)
{
    struct stat held, there;

    return fstat(fd, &held) == 0 && stat(path, &there) == 0 && held.st_dev == there.st_dev &&
           held.st_ino == there.st_ino;
}

base_status base_lock_wait(const char *path, int *handle, base_error *e)
{
    for (;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666), failed;

        *handle = -1;
        if (fd < 0)
            return base_fail_errno(e, "%s", path);
        while ((failed = flock(fd, LOCK_EX)) && errno == EINTR)
            ;
        if (!failed && same_file(fd, path)) {
            *handle = fd;
            return BASE_OK;
        }
        if (failed) {
            base_status status = base_fail_errno(e, "%s: cannot lock", path);
            close(fd);
            return status;
        }
        close(fd);      /* who held it has removed it; another may be there by now */
    }
}

void base_lock_remove(const char *path, int handle)
{
    unlink(path);
    base_unlock(handle);
}

void base_unlock(int handle)
{
    if (handle >= 0)
        close(handle);
}
