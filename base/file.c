#include "base/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/temporary.h"

/* ---- reading ----------------------------------------------------------------------------------------------------- */

base_status base_map_open(base_map *m, const char *path, base_error *e)
{
    base_status status = BASE_OK;
    struct stat s;

    *m = (base_map){ NULL, 0 };
    int fd = BASE_RETRY(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));     /* O_NONBLOCK: a FIFO is refused, not waited for */
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
        ssize_t got = BASE_RETRY(read(fd, buffer + n, room + 1 - n));
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

static base_status refuse_special(const struct stat *s, const char *path, base_error *e)
{
    return S_ISREG(s->st_mode) || S_ISDIR(s->st_mode) ? BASE_OK
        : base_fail(e, BASE_UNSUPPORTED, "%s: a pipe or a device, expected a file", path);
}

static base_status read_whole(const char *path, bool special, size_t limit, char **text, size_t *size, base_error *e)
{
    struct stat s;
    bool standard = strcmp(path, "-") == 0;
    const char *name = standard ? "standard input" : path;
    int fd = standard ? STDIN_FILENO : BASE_RETRY(open(path, O_RDONLY | O_CLOEXEC | (special ? 0 : O_NONBLOCK)));
    base_status status;

    *text = NULL;
    *size = 0;
    assert(limit < SIZE_MAX / 2);
    if (fd < 0 || fstat(fd, &s))
        return base_fail_errno(e, "%s", name);
    status = standard || special ? BASE_OK : refuse_special(&s, path, e);
    if (!status && S_ISREG(s.st_mode) && (uintmax_t)s.st_size > limit)
        status = base_fail(e, BASE_LIMIT, "%s: %jd bytes, more than the limit of %zu", name, (intmax_t)s.st_size, limit);
    if (!status)
        status = read_all(fd, name, limit, S_ISREG(s.st_mode) ? (size_t)s.st_size + 1 : 4096, text, size, e);
    if (!standard)
        close(fd);
    return status;
}

base_status base_read_file(const char *path, size_t limit, char **text, size_t *size, base_error *e)
{
    return read_whole(path, false, limit, text, size, e);
}

base_status base_read_named(const char *path, size_t limit, char **text, size_t *size, base_error *e)
{
    return read_whole(path, true, limit, text, size, e);
}

base_status base_check_regular(const char *path, base_error *e)
{
    struct stat s;

    return stat(path, &s) ? BASE_OK : refuse_special(&s, path, e);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static base_status no_memory(base_error *e, const char *path)
{
    return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path);
}

static ssize_t stream_read(void *cookie, char *to, size_t n)
{
    return BASE_RETRY(read((int)(intptr_t)cookie, to, n));
}

/* What is missing tells stdio of an error; errno stays. */
static ssize_t stream_write(void *cookie, const char *from, size_t n)
{
    size_t done = 0;

    while (done < n) {
        ssize_t part = BASE_RETRY(write((int)(intptr_t)cookie, from + done, n - done));
        if (part <= 0)
            break;
        done += (size_t)part;
    }
    return (ssize_t)done;
}

static int stream_seek(void *cookie, off64_t *at, int whence)
{
    off_t found = lseek((int)(intptr_t)cookie, *at, whence);

    *at = found;
    return found < 0 ? -1 : 0;
}

static int stream_close(void *cookie)
{
    int fd = (int)(intptr_t)cookie;

    return fd <= STDERR_FILENO || !close(fd) || errno == EINTR ? 0 : -1;     /* Linux has closed it when it says EINTR */
}

FILE *base_stream(int fd, const char *mode)
{
    return fopencookie((void *)(intptr_t)fd, mode, (cookie_io_functions_t){ stream_read, stream_write, stream_seek, stream_close });
}

/* What path leads to, be it there or not; NULL with errno. */
static char *follow(const char *path)
{
    char *at = strdup(path);
    struct stat s;

    for (int links = 0; at && !lstat(at, &s) && S_ISLNK(s.st_mode); links++) {
        char to[PATH_MAX], *next = NULL, *slash = strrchr(at, '/');
        ssize_t n = links < 40 ? readlink(at, to, sizeof to - 1) : (errno = ELOOP, -1);
        int kept = errno;
        if (n >= 0 && asprintf(&next, "%.*s%.*s", slash && *to != '/' ? (int)(slash + 1 - at) : 0, at, (int)n, to) < 0)
            next = NULL, kept = ENOMEM;
        free(at);
        at = next;
        errno = kept;
    }
    return at;
}

/* Creates the temporary file beside o->path, with the permissions of *old. Another of the same name can only be the leaving
 * of an earlier process, or a second writer of this one: both are left alone. */
static base_status open_temporary(base_out *o, const struct stat *old, base_error *e)
{
    o->fd = -1;
    for (int attempt = 0; o->fd < 0 && attempt < 100; attempt++) {
        base_temporary_forget(o->tmp);
        o->tmp = base_temporary_name(o->path, attempt);
        if (!o->tmp)
            return no_memory(e, o->path);
        o->fd = BASE_RETRY(open(o->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, old ? 0600 : 0666));
        if (o->fd >= 0 && !base_temporary_hold(o->fd)) {
            close(o->fd);
            o->fd = -1;
        } else if (o->fd < 0 && errno != EEXIST)
            break;
    }
    if (o->fd < 0)
        return base_fail_errno(e, "%s: cannot create", o->tmp);
    /* A file system that knows no owners or permissions has none to hand on. */
    if (old && fchown(o->fd, old->st_uid, old->st_gid))
        errno = 0;
    if (old && fchmod(o->fd, old->st_mode & 0777))
        errno = 0;
    o->f = base_stream(o->fd, "wb");
    if (o->f)
        return BASE_OK;
    close(o->fd);
    unlink(o->tmp);
    return no_memory(e, o->path);
}

base_status base_out_open(base_out *o, const char *path, base_error *e)
{
    struct stat s;
    bool standard = strcmp(path, "-") == 0, exists = !standard && stat(path, &s) == 0;
    bool special = exists && !S_ISREG(s.st_mode);       /* a device or FIFO: nothing to rename over */
    base_status status = BASE_OK;

    *o = (base_out){ .path = standard || special ? strdup(path) : follow(path) };
    if (!o->path)
        return base_fail_errno(e, "%s", path);
    if (standard || special) {
        if (standard)
            fflush(stdout);     /* what was printed comes before */
        o->fd = standard ? STDOUT_FILENO : BASE_RETRY(open(path, O_WRONLY | O_TRUNC | O_CLOEXEC));
        o->f = o->fd < 0 ? NULL : base_stream(o->fd, "wb");
        if (!o->f) {
            status = base_fail_errno(e, "%s: cannot write", path);
            if (special && o->fd >= 0)
                close(o->fd);
        }
    } else {
        base_temporary_sweep_once(o->path);
        status = open_temporary(o, exists ? &s : NULL, e);
    }
    if (status) {
        free(o->path);
        base_temporary_forget(o->tmp);
        *o = (base_out){ 0 };
    }
    return status;
}

/* Makes a name in path's directory durable. File systems that cannot sync a directory, and directories that one may write
 * but not read, are no error. */
static base_status sync_directory(const char *path, base_error *e)
{
    const char *slash = strrchr(path, '/');
    char *directory = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    base_status status = BASE_OK;

    if (!directory)
        return no_memory(e, path);
    int fd = BASE_RETRY(open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd < 0 ? errno != EACCES : BASE_RETRY(fsync(fd)) && errno != EINVAL && errno != ENOTSUP)
        status = base_fail_errno(e, "%s: written, but its directory cannot be synced", path);
    if (fd >= 0)
        close(fd);
    free(directory);
    return status;
}

/* Flushes, syncs and closes o->f. The errno of a write that failed before is gone: that one has no text. */
static base_status finish(base_out *o, base_error *e)
{
    FILE *f = o->f;
    const char *name = strcmp(o->path, "-") ? o->path : "standard output";
    base_status status = BASE_OK;

    o->f = NULL;
    if (ferror(f))
        status = base_fail(e, BASE_IO, "%s: cannot write: the system refused a part (is the disk full?)", name);
    else if (fflush(f) || (o->tmp && BASE_RETRY(fsync(o->fd))))
        status = base_fail_errno(e, "%s: cannot write", name);
    if (fclose(f) && !status)
        status = base_fail_errno(e, "%s: cannot write", name);
    return status;
}

base_status base_rename(const char *from, const char *to, base_error *e)
{
    return rename(from, to) ? base_fail_errno(e, "%s: cannot rename to %s", from, to) : sync_directory(to, e);
}

/* Where the name is the new one but not durable, nothing is left to remove. */
static base_status put_in_place(base_out *o, base_error *e)
{
    base_status status = o->tmp ? base_rename(o->tmp, o->path, e) : BASE_OK;

    if (o->tmp && (!status || access(o->tmp, F_OK))) {
        base_temporary_forget(o->tmp);
        o->tmp = NULL;
    }
    return status;
}

base_status base_out_commit(base_out *o, base_error *e)
{
    base_status status = finish(o, e);

    if (!status)
        status = put_in_place(o, e);
    base_out_abandon(o);
    return status;
}

base_status base_out_commit_indexed(base_out *data, base_out *index, base_error *e)
{
    char *old = NULL;       /* the index there was, in case data cannot be put in its place */
    base_status status = finish(data, e);

    if (!status)
        status = finish(index, e);
    if (!status && index->tmp && !(old = base_temporary_name(index->path, 100)))
        status = no_memory(e, index->path);
    if (!status && old && rename(index->path, old)) {
        if (errno != ENOENT)
            status = base_fail_errno(e, "%s: cannot rename to %s", index->path, old);
    } else if (!status && old)
        status = sync_directory(index->path, e);
    if (!status)
        status = put_in_place(data, e);
    if (data->tmp && old)       /* it was not */
        rename(old, index->path);
    if (!status)
        status = put_in_place(index, e);
    if (old)
        unlink(old);
    base_temporary_forget(old);
    base_out_abandon(data);
    base_out_abandon(index);
    return status;
}

void base_out_abandon(base_out *o)
{
    if (o->f)
        fclose(o->f);
    if (o->tmp)
        unlink(o->tmp);
    base_temporary_forget(o->tmp);
    free(o->path);
    *o = (base_out){ 0 };
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
        base_status status = !mkdir(p, 0777) ? sync_directory(p, e)
            : errno == EEXIST ? BASE_OK : base_fail_errno(e, "%s: cannot make the directory", p);
        if (status) {
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
    int fd = BASE_RETRY(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666));

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
    if (ftruncate(fd, 0) || BASE_RETRY(pwrite(fd, text, (size_t)n, 0)) != n) {
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
        int fd = BASE_RETRY(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666));

        *handle = -1;
        if (fd < 0)
            return base_fail_errno(e, "%s", path);
        bool failed = BASE_RETRY(flock(fd, LOCK_EX)) != 0;
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
