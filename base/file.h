/* Files: mapped, read whole, and written so that a reader sees the old file or the new one and nothing between. */
#ifndef SERIN_BASE_FILE_H
#define SERIN_BASE_FILE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/status.h"

/* A file mapped read-only. data is NULL for an empty file. */
typedef struct base_map {
    const unsigned char *data;
    size_t               size;
} base_map;

base_status base_map_open(base_map *m, const char *path, base_error *e);
void        base_map_close(base_map *m);

/* The whole of a file, or of standard input for "-", with a NUL behind it; refuses more than limit bytes, and another pipe or
 * device, which could hang for ever. The caller frees *text. */
base_status base_read_file(const char *path, size_t limit, char **text, size_t *size, base_error *e);
/* The same of what the user named on the command line, which may be a pipe or a device. */
base_status base_read_named(const char *path, size_t limit, char **text, size_t *size, base_error *e);
/* BASE_OK when path is a regular file, or is not there. */
base_status base_check_regular(const char *path, base_error *e);

/* Calls a function of the system's again for as long as a signal interrupts it. */
#define BASE_RETRY(call)                                                    \
    ({                                                                      \
        __typeof__(call) retry_result;                                      \
        do                                                                  \
            retry_result = (call);                                          \
        while (retry_result == -1 && errno == EINTR);                       \
        retry_result;                                                       \
    })

/* A stream over fd, which closes it (but for 0, 1 and 2), and which goes on where a signal interrupted it. NULL, with
 * errno: out of memory; fd stays open. */
FILE *base_stream(int fd, const char *mode);

/* A file under construction: `path.tmp.<pid>` in the same directory until commit renames it. "-" is standard output; a
 * symbolic link is written through, be its target there or not; a file that is replaced hands on its permissions. Write to
 * f with stdio; commit checks every write, flushes, fsyncs, closes, renames and fsyncs the directory. The first file in a
 * directory removes what processes that were killed have left there. */
typedef struct base_out {
    FILE *f;
    int   fd;
    char *path;
    char *tmp;      /* NULL for standard output */
} base_out;

base_status base_out_open(base_out *o, const char *path, base_error *e);
/* On failure the temporary file is gone and path untouched, unless only its directory could not be synced: then the new
 * file is in its place, and told to be unsafe. */
base_status base_out_commit(base_out *o, base_error *e);
/* The same for a file and an index of it. At no moment is there an index that belongs to another file: the old one goes
 * before the file is replaced, the new one appears behind it. */
base_status base_out_commit_indexed(base_out *data, base_out *index, base_error *e);
void        base_out_abandon(base_out *o);                  /* after commit: no effect */

/* Renames, durably. */
base_status base_rename(const char *from, const char *to, base_error *e);

/* mkdir -p, durable; true when the path exists; directory + "/" + name, in malloc'd memory. */
base_status base_make_dirs(const char *path, base_error *e);
bool        base_exists(const char *path);
char       *base_path_join(const char *directory, const char *name);

/* An exclusive lock on `path`, held until the process ends or base_unlock; BASE_BUSY names the holder's pid. */
base_status base_lock(const char *path, int *handle, base_error *e);
void        base_unlock(int handle);
/* The same, but waits for whoever holds it; given back with base_lock_remove, which leaves no file behind. */
base_status base_lock_wait(const char *path, int *handle, base_error *e);
void        base_lock_remove(const char *path, int handle);

#endif
