/* An open sound: a file, or the spooled output of a command, behind libsndfile. Inside libaudio only. */
#ifndef SERIN_AU_SOURCE_H
#define SERIN_AU_SOURCE_H

#include <sndfile.h>

#include "base/error.h"
#include "libaudio/au.h"

typedef struct au_source {
    char    *name;      /* path or command, as given */
    int      fd;        /* a regular file or memory, never a pipe */
    int64_t  bytes;
    SNDFILE *file;
    SF_INFO  info;
    int64_t  frames;    /* -1: only reading to the end tells */
    int64_t  position;  /* the frame that is read next */
} au_source;

/* A part of it. */
typedef struct au_cut {
    double begin, end;  /* seconds; end -1: to the end */
    int    channel;     /* -1: the mean of all */
} au_cut;
#define AU_WHOLE { 0.0, -1.0, -1 }

base_status au_source_open(au_source *s, const char *name, const au_read_options *o, base_error *e);
void        au_source_close(au_source *s);      /* closing twice has no effect */
base_status au_source_read(au_source *s, const au_cut *cut, const au_read_options *o, au_audio *a, base_error *e);

/* Fails when the header of a WAV, AIFF, AU or SPHERE file promises more bytes of sound than the file holds: libsndfile
 * plays what there is. Sizes as left by programs that could not seek back are taken for unknown. */
base_status au_check_size(int fd, int64_t bytes, const char *name, base_error *e);

/* What the command behind "cmd |" writes, or standard input ("-"), as a file in memory; *fd is the caller's to close. */
base_status au_spool(const char *command, int *fd, base_error *e);

#endif
