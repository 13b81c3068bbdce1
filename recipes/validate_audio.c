/* The sounds of a data directory. Recordings are decoded in parallel; what is wrong is told in the order of wav.scp. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/c_locale.h"
#include "base/parallel.h"
#include "libaudio/au.h"
#include "recipes/validate.h"

#define LEAST_SECONDS 0.025     /* 400 samples at 16 kHz: HuBERT's receptive field */
#define SEGMENT_SLACK 0.5       /* what au_reader cuts off a segment that ends behind its recording */

/* What decoding one recording told. */
typedef struct sound {
    base_error error;
    double     seconds;         /* NAN: not decoded */
    int        channels;        /* 0: not decoded */
    const char *warning;
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

static void decode(const char *source, const ser_validate_options *o, sound *s)
{
    au_audio a = { 0 };

    if (is_pipe(source) && o->read.no_pipes) {
        base_fail(&s->error, BASE_UNSUPPORTED, "a command, which was not run (--no-pipes=false runs it)");
    } else if (au_read(source, &o->read, &a, &s->error) == BASE_OK) {
        s->seconds = a.seconds;
        s->channels = a.channels;
        s->warning = a.warning;
    }
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
        ser_validation_fault(v, table, entry->line, "\"%s\" lasts %.4f s, at least %.3f expected: leave it out, or pad it with silence",
                             entry->key, seconds, LEAST_SECONDS);
}

/* "recording begin end [channel]" of a line of segments; end -1: the recording's, channel -1: all. */
typedef struct piece {
    char   recording[500];
    double begin, end, channel;
} piece;

static bool parse_segment(const char *text, piece *p)
{
    double *number[] = { &p->begin, &p->end, &p->channel };
    bool good;
    tx_tokens words;

    if (tx_split_words(text, &words, NULL))
        return false;
    p->channel = -1;
    good = (words.n == 3 || words.n == 4) && words.token[0].n < (int)sizeof p->recording;
    for (int64_t i = 0; good && i < words.n; i++) {
        char *end;

        snprintf(p->recording, sizeof p->recording, "%.*s", words.token[i].n, words.token[i].s);
        if (i > 0)
            *number[i - 1] = base_strtod(p->recording, &end);
        good = i == 0 || (!*end && isfinite(*number[i - 1]));
    }
    if (good)
        snprintf(p->recording, sizeof p->recording, "%.*s", words.token[0].n, words.token[0].s);
    good = good && (words.n == 3 || (p->channel >= 0 && p->channel == floor(p->channel)));
    tx_tokens_free(&words);
    return good;
}

static void check_segment(ser_validation *v, const tx_entry *entry, sound *sounds)
{
    const tx_entry *found;
    sound *s;
    piece p;

    if (!parse_segment(entry->value, &p)) {
        ser_validation_fault(v, SER_SEGMENTS, entry->line, "\"%s\" has \"%s\", expected \"recording begin end [channel]\"", entry->key,
                             entry->value);
        return;
    }
    found = tx_table_find(&v->table[SER_WAV], p.recording);
    if (!found) {
        ser_validation_fault(v, SER_SEGMENTS, entry->line, "recording \"%s\" of \"%s\" is not in wav.scp", p.recording,
                             entry->key);
        return;
    }
    s = &sounds[found - v->table[SER_WAV].entry];
    s->used = true;
    if (s->channels && p.channel >= s->channels)
        ser_validation_fault(v, SER_SEGMENTS, entry->line, "no channel %.0f of \"%s\", only 0 to %d", p.channel, p.recording,
                             s->channels - 1);
    if (p.end == -1)
        p.end = s->seconds;
    if (p.begin < 0 || p.end <= p.begin || p.end > s->seconds + SEGMENT_SLACK)
        ser_validation_fault(v, SER_SEGMENTS, entry->line,
                             "\"%s\" is cut from %.3f to %.3f s of \"%s\", which lasts %.3f s", entry->key, p.begin, p.end,
                             p.recording, s->seconds);
    else if (isfinite(s->seconds) || isfinite(p.end))
        too_short(v, SER_SEGMENTS, entry, fmin(p.end, isfinite(s->seconds) ? s->seconds : p.end) - p.begin);
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
        if (sounds[i].warning)
            base_warn("%s/wav.scp:%lld: \"%s\": %s", v->dir, (long long)wav->entry[i].line, wav->entry[i].key, sounds[i].warning);
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
