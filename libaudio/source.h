/* An open sound, from its bytes to mono samples. Inside libaudio only.
 *
 *     bytes.c     a file, or what a command or standard input wrote, kept in memory
 *     parts.c     what lies in them: one sound, or several joined; header.c, mpeg.c and ogg.c know the formats
 *     decoder.c   one part behind libsndfile or mpg123
 *     source.c    the parts one after another, cut and mixed down
 *     isolate.c   the same in a child process */
#ifndef SERIN_AU_SOURCE_H
#define SERIN_AU_SOURCE_H

#include <sndfile.h>

#include "base/error.h"
#include "libaudio/au.h"

/* ---- bytes ------------------------------------------------------------------------------------------------------ */

typedef struct au_bytes {
    int            fd;          /* of a regular file; -1: */
    unsigned char *memory;      /* [size] */
    int64_t        size;
} au_bytes;

/* A path, "cmd |" or "-". Of a command or standard input no more is taken than `seconds` of sound can have. */
base_status au_bytes_open(au_bytes *b, const char *name, const au_read_options *o, double seconds, base_error *e);
void        au_bytes_close(au_bytes *b);
int64_t     au_bytes_some(const au_bytes *b, int64_t at, void *to, int64_t n);  /* how many of n there were */
static inline bool au_bytes_get(const au_bytes *b, int64_t at, void *to, int64_t n)
{
    return au_bytes_some(b, at, to, n) == n;
}

/* ---- parts ------------------------------------------------------------------------------------------------------ */

/* What is worth a warning; au_note_text says it. */
typedef enum au_note { AU_NO_NOTE, AU_NOTE_LENGTH, AU_NOTE_LAST_FRAME, AU_NOTE_LAST_PAGE, AU_NOTES } au_note;
const char *au_note_text(au_note note);     /* NULL: nothing */

/* Bytes begin .. end - 1 of the file, with a head in front, are what a decoder is to see. */
typedef struct au_part {
    int64_t       begin, end;
    int           n_head;
    unsigned char head[512];
    bool          mpeg;         /* for mpg123, which has `frames` frames of `per_frame` samples to read, of which `skip` at */
    bool          plain;        /* most are its encoder's; plain: their frame of information is wrong */
    int64_t       frames, per_frame, skip;
} au_part;

typedef struct au_parts {
    au_part *part;              /* [n] */
    int      n;
    au_note  note;
} au_parts;

/* Fails when a header promises more than there is, or when bytes are damaged where the decoder would not say so. */
base_status au_parts_find(au_parts *p, const au_bytes *b, const char *name, base_error *e);
void        au_parts_free(au_parts *p);
/* A new part of these bytes behind the others; NULL: out of memory. */
au_part    *au_parts_add(au_parts *p, int64_t begin, int64_t end, const char *name, base_error *e);

/* Where a WAV file's chunks are; sizes as they stand there. */
typedef struct au_riff {
    bool    big;                /* RIFX */
    int64_t fmt, fact, data;    /* of the contents; 0: none */
    int64_t fmt_size, data_size;    /* data_size -1: unknown */
} au_riff;

/* True for RIFF and RIFX. */
bool au_riff_find(au_riff *r, const au_bytes *b);
/* Fails when the header promises more bytes of sound than there are: libsndfile plays what there is. Sizes as left by
 * programs that could not seek back are taken for unknown. */
base_status au_check_size(const au_bytes *b, const char *name, base_error *e);
/* Does a header of this format of libsndfile's tell how much sound there is? */
bool au_tells_size(int format);

bool        au_mpeg_begins(const au_bytes *b);
base_status au_mpeg_parts(au_parts *p, const au_bytes *b, int64_t begin, int64_t end, const char *name, base_error *e);
base_status au_ogg_parts(au_parts *p, const au_bytes *b, const char *name, base_error *e);

/* ---- a decoder -------------------------------------------------------------------------------------------------- */

typedef struct au_decoder {
    const au_bytes *bytes;
    const au_part  *part;
    int64_t         at;         /* the byte of the part that is read next */
    SNDFILE        *file;       /* one of the two */
    void           *mpeg;
    int             rate, channels, format;
    int64_t         frames;     /* -1: only reading to the end tells */
    int64_t         done;       /* frames read since the beginning; meaningless after a seek */
} au_decoder;

base_status au_decoder_open(au_decoder *d, const au_bytes *b, const au_part *part, const char *name, base_error *e);
void        au_decoder_close(au_decoder *d);
/* Up to n frames, interleaved; *got 0: the end, and all that was promised was there. */
base_status au_decoder_read(au_decoder *d, float *x, int64_t n, int64_t *got, const char *name, base_error *e);
base_status au_decoder_seek(au_decoder *d, int64_t frame, const char *name, base_error *e);

/* ---- a source --------------------------------------------------------------------------------------------------- */

typedef struct au_source {
    char      *name;            /* path or command, as given */
    au_bytes   bytes;
    au_parts   parts;           /* n 0: not looked at yet */
    int        open;            /* the part in `decoder` */
    au_decoder decoder;
    int64_t    frames;          /* -1: only reading to the end tells */
    int64_t    position;        /* the frame that is read next */
} au_source;

/* A piece of it. */
typedef struct au_cut {
    double begin, end;  /* seconds; end -1: to the end */
    int    channel;     /* -1: the mean of all */
} au_cut;
#define AU_WHOLE { 0.0, -1.0, -1 }

/* pieces: shorter cuts than the whole will be read, so a command may write more than max_seconds allows. */
base_status au_source_open(au_source *s, const char *name, bool pieces, const au_read_options *o, base_error *e);
void        au_source_close(au_source *s);      /* closing twice has no effect */
base_status au_source_read(au_source *s, const au_cut *cut, const au_read_options *o, au_audio *a, base_error *e);

/* What au_source_read does before resampling; the first call looks at the bytes. */
base_status au_source_decode(au_source *s, const au_cut *cut, const au_read_options *o, au_audio *a, base_error *e);
/* The same in a child process, whose end is an error of this sound only. */
base_status au_source_isolate(au_source *s, const au_cut *cut, const au_read_options *o, au_audio *a, base_error *e);

#endif
