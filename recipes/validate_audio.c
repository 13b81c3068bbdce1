/* The sounds of a data directory. Recordings are decoded in parallel; what is wrong is told in the order of wav.scp. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/parallel.h"
#include "libaudio/au.h"
#include "recipes/validate.h"

#define LEAST_SECONDS 0.025     /* 400 samples at 16 kHz: HuBERT's receptive field */
#define SEGMENT_SLACK 0.5       /* what au_reader cuts off a segment that ends behind its recording */

/* What decoding one recording told. */
typedef struct sound {
    base_error error;
    double     seconds;         /* NAN: not decoded */
    bool       used;            /* by a segment */
} sound;

static bool is_pipe(const char *source)
{
    size_t n = strlen(source);

    return n > 0 && source[n - 1] == '|';
}

static void check_file(const char *path, base_error *e)
{
    struct stat info;

    if (stat(path, &info) != 0)
        base_fail_errno(e, "%s", path);
    else if (!S_ISREG(info.st_mode))
        base_fail(e, BASE_FORMAT, "%s: not a file", path);
    else if (info.st_size == 0)
        base_fail(e, BASE_FORMAT, "%s: empty", path);
    else if (access(path, R_OK) != 0)
        base_fail_errno(e, "%s", path);
}

/* Decoded at its own rate: resampling would tell nothing more. */
static void decode(const char *source, const ser_validate_options *o, sound *s)
{
    const au_read_options read = { .rate = 0, .min_samples = 1, .max_seconds = o->max_seconds, .max_channels = 64,
        .no_pipes = o->no_pipes };
    au_audio a = { 0 };

    if (au_read(source, &read, &a, &s->error) == BASE_OK)
        s->seconds = a.seconds;
    au_audio_free(&a);
}

static void look_at_all(const tx_table *wav, const ser_validate_options *o, sound *sounds)
{
    base_parallel_for_dynamic(wav->n, 1, i, end)
        for (; i < end; i++) {
            sounds[i].seconds = NAN;
            if (!is_pipe(wav->entry[i].value))
                check_file(wav->entry[i].value, &sounds[i].error);
            if (o->audio && sounds[i].error.status == BASE_OK)
                decode(wav->entry[i].value, o, &sounds[i]);
        }
}

static void too_short(ser_validation *v, ser_table table, const tx_entry *entry, double seconds)
{
    if (seconds < LEAST_SECONDS)
        ser_validation_fault(v, table, entry->line, "\"%s\" lasts %.4f s, at least %.3f expected", entry->key, seconds,
                             LEAST_SECONDS);
}

/* segments: "recording begin end [channel]", end -1: the recording's. */
static void check_segment(ser_validation *v, const tx_entry *entry, sound *sounds)
{
    const tx_table *wav = &v->table[SER_WAV];
    char recording[500];
    double begin, end, length;
    int channel, used = 0,
                 fields = sscanf(entry->value, "%499s %lf %lf%n %d%n", recording, &begin, &end, &used, &channel, &used);
    const tx_entry *found = fields >= 3 ? tx_table_find(wav, recording) : NULL;

    if (fields < 3 || entry->value[used] || !isfinite(begin) || !isfinite(end)) {
        ser_validation_fault(v, SER_SEGMENTS, entry->line, "\"%s\" has \"%s\", recording, begin and end expected",
                             entry->key, entry->value);
        return;
    }
    if (!found) {
        ser_validation_fault(v, SER_SEGMENTS, entry->line, "recording \"%s\" of \"%s\" is not in wav.scp", recording,
                             entry->key);
        return;
    }
    length = sounds[found - wav->entry].seconds;
    sounds[found - wav->entry].used = true;
    if (end == -1)
        end = length;
    if (begin < 0 || end <= begin || end > length + SEGMENT_SLACK)
        ser_validation_fault(v, SER_SEGMENTS, entry->line,
                             "\"%s\" is cut from %.3f to %.3f s of \"%s\", which lasts %.3f s", entry->key, begin, end,
                             recording, length);
    else if (isfinite(length) || isfinite(end))
        too_short(v, SER_SEGMENTS, entry, fmin(end, isfinite(length) ? length : end) - begin);
}

base_status ser_validate_audio(ser_validation *v, const ser_validate_options *o, base_error *e)
{
    const tx_table *wav = &v->table[SER_WAV], *segments = &v->table[SER_SEGMENTS];
    sound *sounds = calloc((size_t)wav->n + 1, sizeof(*sounds));

    if (!sounds)
        return base_fail(e, BASE_NO_MEMORY, "no memory for %lld sounds", (long long)wav->n);
    look_at_all(wav, o, sounds);
    for (int64_t i = 0; i < wav->n; i++) {
        if (sounds[i].error.status != BASE_OK)
            ser_validation_fault(v, SER_WAV, wav->entry[i].line, "\"%s\": %s", wav->entry[i].key, sounds[i].error.text);
        if (isnan(sounds[i].seconds))
            continue;
        too_short(v, SER_WAV, &wav->entry[i], sounds[i].seconds);
        v->shortest = v->sounds == 0 ? sounds[i].seconds : fmin(v->shortest, sounds[i].seconds);
        v->longest = fmax(v->longest, sounds[i].seconds);
        v->seconds += sounds[i].seconds;
        v->sounds++;
    }
    for (int64_t i = 0; i < segments->n; i++)
        check_segment(v, &segments->entry[i], sounds);
    for (int64_t i = 0; i < wav->n; i++)
        if (segments->n > 0 && !sounds[i].used)
            ser_validation_fault(v, SER_WAV, wav->entry[i].line, "recording \"%s\" is in no segment",
                                 wav->entry[i].key);
    free(sounds);
    return BASE_OK;
}
