/* validate.h: is a directory a data directory of Kaldi's kind, ours included? Every fault is told, with file and line. */
#ifndef SERIN_VALIDATE_H
#define SERIN_VALIDATE_H

#include <stdio.h>

#include "base/error.h"
#include "libaudio/au.h"
#include "libtext/tx.h"

/* The tables of a data directory, in the order in which they are looked at. */
typedef enum ser_table {
    SER_SEGMENTS, SER_WAV, SER_FEATS, SER_TEXT, SER_UTT2SPK, SER_SPK2UTT, SER_SPK2GENDER, SER_UTT2EMO, SER_UTT2GENDER,
    SER_UTT2STYLE, SER_UTT2FOLD, SER_UTT2DUR, SER_UTT2FRAMES, SER_TABLES
} ser_table;

typedef struct ser_validation {
    const char *dir;
    FILE       *out;                /* faults, a line each */
    int64_t     faults;
    tx_table    table[SER_TABLES];  /* path NULL: absent */
    double      seconds, shortest, longest;     /* of sounds that were decoded */
    int64_t     sounds;
} ser_validation;

typedef struct ser_validate_options {
    const char *need;               /* names of tables that must be there, joined by commas */
    bool        audio;              /* decode every sound */
    au_read_options read;           /* no_pipes: commands of wav.scp are faults; longer sounds than max_seconds, too */
} ser_validate_options;
/* Sounds at their own rate: resampling would tell nothing more. */
#define SER_VALIDATE_DEFAULTS { "wav.scp,text,utt2spk", true, { 0, 1, 3600.0, 64, true, 0.0, false } }

/* Looks at everything, telling faults on the way; fails only when nothing can be looked at. */
base_status ser_validate(ser_validation *v, const char *dir, const ser_validate_options *o, FILE *out, base_error *e);
/* How many utterances, speakers, hours, and utterances of each label. */
void        ser_validation_summary(const ser_validation *v, FILE *f);
void        ser_validation_free(ser_validation *v);

/* "dir/table:line: message" on v->out; line 0: of the whole table. */
void ser_validation_fault(ser_validation *v, ser_table table, int64_t line, const char *format, ...) BASE_PRINTF(4, 5);

/* validate_audio.c: files of wav.scp are there; sounds decode, and segments lie inside them. */
base_status ser_validate_audio(ser_validation *v, const ser_validate_options *o, base_error *e);

#endif
