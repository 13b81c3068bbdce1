#include "base/temporary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- names ------------------------------------------------------------------------------------------------------- */

/* Those in use. Whoever takes one out of its place owns it, so that the handler of a signal, which may run beside any
 * other thread, never reads one that was freed. More than these are not removed by a signal, but swept later. */
#define PLACES 64
static _Atomic(char *) place[PLACES];
static atomic_bool     ending;

char *base_temporary_name(const char *path, int attempt)
{
    char *name;
    int n = attempt ? asprintf(&name, "%s.tmp.%ld.%d", path, (long)getpid(), attempt)
                    : asprintf(&name, "%s.tmp.%ld", path, (long)getpid());

    if (n < 0)
        return NULL;
    for (int i = 0; i < PLACES; i++) {
        char *none = NULL;
        if (atomic_compare_exchange_strong(&place[i], &none, name))
            break;
    }
    return name;
}

void base_temporary_forget(char *name)
{
    bool ours = !ending;

    for (int i = 0; name && i < PLACES; i++) {
        char *expected = name;
        if (atomic_compare_exchange_strong(&place[i], &expected, NULL))
            ours = true;
    }
    if (ours)
        free(name);
}

bool base_temporary_hold(int fd)
{
    struct stat s;

    if (flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
        return false;       /* on a file system without locks the process' number alone tells */
    return fstat(fd, &s) || s.st_nlink > 0;
}

/* ---- leftovers --------------------------------------------------------------------------------------------------- */

/* Calls nothing that the handler of a signal may not. */
void base_temporary_remove(const char *name)
{
    _Alignas(struct dirent64) char block[4096];
    bool more = true;
    ssize_t n;

    if (!unlink(name) || (errno != EISDIR && errno != EPERM))
        return;
    int fd = open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    while (fd >= 0 && more && lseek(fd, 0, SEEK_SET) == 0)
        for (more = false; (n = getdents64(fd, block, sizeof block)) > 0;)
            for (const char *p = block; p < block + n;) {
                const struct dirent64 *entry = (const void *)p;
                more |= !unlinkat(fd, entry->d_name, 0);
                p += entry->d_reclen;
            }
    if (fd >= 0)
        close(fd);
    rmdir(name);
}

/* "<something>.tmp.<pid>" or "<something>.tmp.<pid>.<n>", unless another process of that number lives. */
static bool is_leftover(const char *name)
{
    const char *tmp = NULL;
    char *end;

    for (const char *p = name; (p = strstr(p, ".tmp.")); p++)
        tmp = p;
    if (!tmp || tmp == name || tmp[5] < '1' || tmp[5] > '9')
        return false;
    errno = 0;
    long pid = strtol(tmp + 5, &end, 10);
    if (errno || pid > INT_MAX || (*end && (*end != '.' || !end[1] || end[1 + strspn(end + 1, "0123456789")])))
        return false;
    return pid == getpid() || (kill((pid_t)pid, 0) && errno == ESRCH);
}

/* Whose lock is free, nobody writes. */
static void sweep_one(const char *path)
{
    struct stat s;

    if (lstat(path, &s) || s.st_uid != geteuid() || !(S_ISREG(s.st_mode) || S_ISDIR(s.st_mode) || S_ISLNK(s.st_mode)))
        return;
    int fd = S_ISLNK(s.st_mode) ? -1 : open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (S_ISLNK(s.st_mode) || (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB)))
        base_temporary_remove(path);
    if (fd >= 0)
        close(fd);
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? strndup(path, (size_t)(slash - path) + 1) : strdup("./");
}

static void sweep(const char *folder, DIR *d)
{
    for (struct dirent *entry; (entry = readdir(d));) {
        char *path;
        if (!is_leftover(entry->d_name) || asprintf(&path, "%s%s", folder, entry->d_name) < 0)
            continue;
        sweep_one(path);
        free(path);
    }
}

static void sweep_folder_of(const char *path, bool (*wanted)(int fd))
{
    char *folder = folder_of(path);
    DIR *d = folder ? opendir(folder) : NULL;

    if (d && wanted(dirfd(d)))
        sweep(folder, d);
    if (d)
        closedir(d);
    free(folder);
}

static bool always(int fd) { return fd >= 0; }

/* Remembers the last few folders; one that was removed and made again may have the number of the old one, but was born later. */
static bool is_new(int fd)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct { uint32_t device[2]; uint64_t inode; struct statx_timestamp born; } seen[32];
    static unsigned next;
    struct statx s = { 0 };
    bool found = statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &s) != 0;

    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < sizeof seen / sizeof *seen; i++)
        found |= seen[i].inode == s.stx_ino && seen[i].device[0] == s.stx_dev_major && seen[i].device[1] == s.stx_dev_minor &&
            seen[i].born.tv_sec == s.stx_btime.tv_sec && seen[i].born.tv_nsec == s.stx_btime.tv_nsec;
    if (!found) {
        seen[next].device[0] = s.stx_dev_major;
        seen[next].device[1] = s.stx_dev_minor;
        seen[next].inode = s.stx_ino;
        seen[next].born = s.stx_btime;
        next = (next + 1) % (sizeof seen / sizeof *seen);
    }
    pthread_mutex_unlock(&lock);
    return !found;
}

void base_temporary_sweep(const char *path) { sweep_folder_of(path, always); }
void base_temporary_sweep_once(const char *path) { sweep_folder_of(path, is_new); }

/* ---- signals ----------------------------------------------------------------------------------------------------- */

static volatile int *noted;
static pid_t         owner;     /* a child that has not yet become another program is not to remove its parent's files */

static void on_signal(int number)
{
    int kept = errno;

    if (noted && !*noted) {
        *noted = number;
        return;
    }
    ending = true;
    for (int i = 0; i < PLACES && getpid() == owner; i++) {
        char *name = atomic_exchange(&place[i], NULL);
        if (name)
            base_temporary_remove(name);
    }
    signal(number, SIG_DFL);
    raise(number);      /* which waits until this returns */
    errno = kept;
}

void base_temporary_on_signals(volatile int *stop)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXCPU, SIGXFSZ };
    const struct sigaction ours = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
    struct sigaction before;

    owner = getpid();
    noted = stop;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (!sigaction(numbers[i], NULL, &before) && before.sa_handler != SIG_IGN)
            sigaction(numbers[i], &ours, NULL);
}
