/* Takes over the names of the system calls that readers and writers of files use; include it in one file of a program. They fail from
 * the n-th on, are interrupted, or the process is killed at the n-th; and what was called is kept, in its order. */
#ifndef SERIN_TESTS_IO_FAULT_H
#define SERIN_TESTS_IO_FAULT_H

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int  io_left = -1;           /* calls that succeed before all fail with EIO; -1: none fails */
static int  io_kill = -1;           /* calls before the one at which the process is killed; -1: it is not */
static int  readdir_left = -1;      /* entries before reading a directory fails with EIO; -1: it does not */
static bool io_close_fails;         /* of files that are written */
static bool io_interrupt;           /* every other call is interrupted by a signal */
static int  io_interrupted;

/* A call: w rite, s ync, d irectory synced, r ename, u nlink, of the file or directory with that number. */
typedef struct io_event {
    char  kind;
    ino_t file;
    char  name[700];                /* of r: the new one; of u: the one that goes */
} io_event;
static io_event io_event_at[2000];
static int io_events;

static void io_record(char kind, const struct stat *s, const char *name)
{
    if (io_events == sizeof io_event_at / sizeof *io_event_at)
        abort();
    io_event *v = &io_event_at[io_events++];
    *v = (io_event){ .kind = kind, .file = s->st_ino };
    snprintf(v->name, sizeof v->name, "%.600s", name);
}

/* True: the call fails, or is interrupted. */
static bool io_stops(bool interruptible)
{
    static bool again;

    if (io_kill >= 0 && io_kill-- == 0)
        kill(getpid(), SIGKILL);
    if (io_interrupt && interruptible && (again = !again)) {
        io_interrupted++;
        errno = EINTR;
        return true;
    }
    errno = EIO;
    return io_left == 0 || (io_left > 0 && io_left-- == 0);
}

ssize_t write(int fd, const void *from, size_t n)
{
    struct stat s;
    bool regular = !fstat(fd, &s) && S_ISREG(s.st_mode);

    if (regular && io_stops(true))
        return -1;
    if (regular)
        io_record('w', &s, "");
    return syscall(SYS_write, fd, from, n);
}

ssize_t read(int fd, void *to, size_t n)
{
    struct stat s;

    if (io_interrupt && !fstat(fd, &s) && S_ISREG(s.st_mode) && io_stops(true))
        return -1;
    return syscall(SYS_read, fd, to, n);
}

/* What a file server could not store is told by close at the latest. */
int close(int fd)
{
    struct stat s;
    bool fails = io_close_fails && !fstat(fd, &s) && S_ISREG(s.st_mode) && (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY;
    int result = (int)syscall(SYS_close, fd);

    if (fails)
        errno = EIO;
    return fails ? -1 : result;
}

int fsync(int fd)
{
    struct stat s;

    if (io_stops(true) || fstat(fd, &s))
        return -1;
    io_record(S_ISDIR(s.st_mode) ? 'd' : 's', &s, "");
    return (int)syscall(SYS_fsync, fd);
}

int rename(const char *from, const char *to)
{
    struct stat s;

    if (stat(from, &s) == 0) {      /* what is not there cannot be renamed anyway */
        if (io_stops(false))
            return -1;
        io_record('r', &s, to);
    }
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlink(const char *name)
{
    struct stat s;

    if (stat(name, &s) == 0) {
        if (io_kill >= 0 && io_kill-- == 0)
            kill(getpid(), SIGKILL);
        io_record('u', &s, name);
    }
    return (int)syscall(SYS_unlinkat, AT_FDCWD, name, 0);
}

struct dirent *readdir(DIR *d)
{
    static struct dirent *(*theirs)(DIR *d);

    if (!theirs)
        *(void **)&theirs = dlsym(RTLD_NEXT, sizeof(off_t) == sizeof(long) ? "readdir" : "readdir64");
    if (readdir_left == 0 || (readdir_left > 0 && readdir_left-- == 0)) {
        errno = EIO;
        return NULL;
    }
    return theirs(d);
}

static bool io_is_temporary(const char *name) { return strstr(name, ".tmp.") != NULL; }

/* Event i renames; in front of it, what was written must have been synced: write, sync, rename. */
static bool io_synced_before(int i)
{
    bool synced = true;

    for (int k = 0; k < i; k++)
        if (io_event_at[k].file == io_event_at[i].file)
            synced = io_event_at[k].kind == 's' || (synced && io_event_at[k].kind != 'w');
    return synced;
}

/* Behind it comes a sync of the directory, before anything else is renamed or removed: rename, sync of the directory. */
static bool io_synced_behind(int i)
{
    char folder[700];
    struct stat s;

    snprintf(folder, sizeof folder, "%s", io_event_at[i].name);
    strrchr(folder, '/')[0] = '\0';
    if (stat(folder, &s))
        return false;
    for (int k = i + 1; k < io_events && io_event_at[k].kind != 'r' && io_event_at[k].kind != 'u'; k++)
        if (io_event_at[k].kind == 'd' && io_event_at[k].file == s.st_ino)
            return true;
    return false;
}

/* What is out of order in what was called; NULL: nothing. renamed: how many files got their names. */
static const char *io_disorder(int *renamed)
{
    static char text[900];

    *renamed = 0;
    for (int i = 0; i < io_events; i++) {
        if (io_event_at[i].kind != 'r')
            continue;
        *renamed += !io_is_temporary(io_event_at[i].name);
        const char *what = !io_synced_before(i) ? "renamed before it was synced"
            : !io_synced_behind(i) ? "renamed, and its directory not synced" : NULL;
        snprintf(text, sizeof text, "%s: %s", io_event_at[i].name, what ? what : "");
        if (what)
            return text;
    }
    return NULL;
}

#endif
