/* From the parts of a sound to mono float32. Nothing a header says is believed: buffers grow with what was decoded, up to a
 * limit, and a sound shorter than its header promises is refused. */
#include "libaudio/source.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"

#define BLOCK 16384         /* floats decoded at a time */
#define OVERSHOOT 0.5       /* seconds a segment may end behind its recording, as in Kaldi's extract-segments */
#define LEAST_RATE 1000     /* Hz: below, resampling would make hours of a small file */

/* ---- opening ---------------------------------------------------------------------------------------------------- */

/* The decoder on part i, which must be like the first. */
static base_status open_part(au_source *s, int i, base_error *e)
{
    int rate = s->decoder.rate, channels = s->decoder.channels;
    base_status status;

    au_decoder_close(&s->decoder);
    s->open = i;
    status = au_decoder_open(&s->decoder, &s->bytes, &s->parts.part[i], s->name, e);
    if (!status && rate && (s->decoder.rate != rate || s->decoder.channels != channels))
        status = base_fail(e, BASE_UNSUPPORTED, "%s: %d channels at %d Hz behind %d at %d Hz: files of different kinds, joined",
            s->name, s->decoder.channels, s->decoder.rate, channels, rate);
    return status;
}

static base_status rewind_source(au_source *s, base_error *e)
{
    s->position = 0;
    return open_part(s, 0, e);
}

static base_status look(au_source *s, const au_read_options *o, base_error *e)
{
    base_status status;

    if ((status = au_parts_find(&s->parts, &s->bytes, s->name, e)) || (status = rewind_source(s, e)))
        return status;
    if (s->decoder.channels > o->max_channels)
        return base_fail(e, BASE_LIMIT, "%s: %d channels, at most %d expected", s->name, s->decoder.channels, o->max_channels);
    if (o->rate && s->decoder.rate < LEAST_RATE)
        return base_fail(e, BASE_VALUE, "%s: %d Hz, at least %d expected", s->name, s->decoder.rate, LEAST_RATE);
    s->frames = s->parts.n == 1 ? s->decoder.frames : -1;
    if (!au_tells_size(s->decoder.format))
        s->parts.note = AU_NOTE_LENGTH;
    return BASE_OK;
}

base_status au_source_open(au_source *s, const char *name, bool pieces, const au_read_options *o, base_error *e)
{
    base_status status;

    *s = (au_source){ .bytes.fd = -1, .name = strdup(name) };
    if (!s->name)
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", name);
    status = au_bytes_open(&s->bytes, name, o, pieces ? INFINITY : o->max_seconds, e);
    if (status)
        au_source_close(s);
    return status;
}

void au_source_close(au_source *s)
{
    au_decoder_close(&s->decoder);
    au_parts_free(&s->parts);
    au_bytes_close(&s->bytes);
    free(s->name);
    *s = (au_source){ .bytes.fd = -1 };
}

/* ---- decoding --------------------------------------------------------------------------------------------------- */

/* The mean of channels first .. last of n frames; *bad becomes the first that is NaN or Inf, unless one was. */
static void mix(const float *block, int64_t n, int channels, int first, int last, float *out, int64_t *bad)
{
    for (int64_t i = 0; i < n; i++) {
        double sum = 0.0;

        for (int k = first; k <= last; k++)
            sum += block[i * channels + k];
        out[i] = (float)(sum / (last - first + 1));
        if (!isfinite(sum) && *bad < 0)
            *bad = i;
    }
}

/* Decodes `want` frames of one channel (or the mean of all, -1) into `out`, or to nowhere when that is NULL; *got less: the
 * sound ends. */
static base_status decode(au_source *s, int64_t want, int channel, float *out, int64_t *got, base_error *e)
{
    float block[BLOCK];
    int c = s->decoder.channels, first = channel < 0 ? 0 : channel, last = channel < 0 ? c - 1 : channel;
    int64_t n, bad = -1;
    base_status status;

    for (*got = 0; *got < want;) {
        if ((status = au_decoder_read(&s->decoder, block, base_min_i64(BLOCK / c, want - *got), &n, s->name, e)))
            return status;
        if (n == 0 && s->open + 1 == s->parts.n)
            break;
        if (n == 0 && (status = open_part(s, s->open + 1, e)))
            return status;
        if (out)
            mix(block, n, c, first, last, out + *got, &bad);
        if (bad >= 0)
            return base_fail(e, BASE_VALUE, "%s: NaN or Inf at %.3f s", s->name, (double)(s->position + bad) / s->decoder.rate);
        *got += n;
        s->position += n;
    }
    return BASE_OK;
}

static base_status seek(au_source *s, int64_t frame, base_error *e)
{
    int64_t got;
    base_status status;

    if (s->frames >= 0) {
        s->position = frame;
        return au_decoder_seek(&s->decoder, frame, s->name, e);
    }
    if ((frame < s->position && (status = rewind_source(s, e))) || (status = decode(s, frame - s->position, 0, NULL, &got, e)))
        return status;
    if (s->position < frame)
        return base_fail(e, BASE_VALUE, "%s: begins at %.3f s, behind its recording's end at %.3f s", s->name,
            (double)frame / s->decoder.rate, (double)s->position / s->decoder.rate);
    return BASE_OK;
}

/* Decodes `want` frames (less where the sound ends) into *x, in memory that grows with what is there. */
static base_status collect(au_source *s, int64_t want, int channel, float **x, int64_t *n, base_error *e)
{
    int64_t room = 0, got;
    base_status status;
    float *larger;

    *x = NULL;
    for (*n = 0; *n < want; *n += got) {
        room = base_min_i64(base_max_i64(2 * room, 4 * BLOCK), want);
        if (!(larger = realloc(*x, (size_t)room * sizeof(float))))
            return base_fail(e, BASE_NO_MEMORY, "%s: out of memory for %" PRId64 " samples", s->name, room);
        *x = larger;
        if ((status = decode(s, room - *n, channel, *x + *n, &got, e)))
            return status;
        if (*n + got < room) {
            *n += got;
            break;
        }
    }
    return BASE_OK;
}

/* The frames of a cut: *begin and how many are wanted, one more than the limit at most, so that too long a sound is
 * told from one that just fits. */
static base_status range(const au_source *s, const au_cut *cut, double max_seconds, int64_t *begin, int64_t *want, base_error *e)
{
    double rate = s->decoder.rate, limit = floor(fmin(max_seconds * rate, 0x1p60));
    double end = cut->end < 0 ? (double)s->frames : rint(cut->end * rate);

    *begin = (int64_t)rint(cut->begin * rate);
    if (cut->channel >= s->decoder.channels)
        return base_fail(e, BASE_VALUE, "%s: no channel %d, only 0 to %d", s->name, cut->channel, s->decoder.channels - 1);
    if (s->frames >= 0) {
        if (end > (double)s->frames + OVERSHOOT * rate)
            return base_fail(e, BASE_VALUE, "%s: ends at %.3f s, behind its recording's end at %.3f s", s->name, cut->end,
                (double)s->frames / rate);
        end = fmin(end, (double)s->frames);
        if ((double)*begin >= end)
            return base_fail(e, BASE_FORMAT, "%s: no samples", s->name);
    } else if (cut->end < 0) {
        end = INFINITY;
    }
    if (isfinite(end) && end - (double)*begin > limit)
        return base_fail(e, BASE_LIMIT, "%s: %.3f s long, at most %g s expected", s->name, (end - (double)*begin) / rate,
            max_seconds);
    *want = (int64_t)fmin(end - (double)*begin, limit + 1);
    return BASE_OK;
}

/* Was what came out what was promised? */
static base_status check_length(const au_source *s, const au_cut *cut, int64_t want, int64_t n, double max_seconds, base_error *e)
{
    double rate = s->decoder.rate;

    if (n == 0)
        return base_fail(e, BASE_FORMAT, "%s: no samples", s->name);
    if (cut->end >= 0 && (double)(want - n) > OVERSHOOT * rate)
        return base_fail(e, BASE_VALUE, "%s: ends at %.3f s, behind its recording's end at %.3f s", s->name, cut->end,
            (double)s->position / rate);
    if ((double)n > max_seconds * rate)
        return base_fail(e, BASE_LIMIT, "%s: longer than %g s", s->name, max_seconds);
    return BASE_OK;
}

/* a holds what was decoded: brings it to the rate asked for. */
static base_status finish(const au_source *s, const au_read_options *o, au_audio *a, base_error *e)
{
    if (o->rate && o->rate != a->rate) {
        float *x = a->x;
        base_status status = au_resample(x, a->n, a->rate, o->rate, &a->x, &a->n, e);
        free(x);
        if (status)
            return base_fail_in(e, "%s", s->name), status;
        a->rate = o->rate;
    }
    if (a->n < o->min_samples)
        return base_fail(e, BASE_LIMIT, "%s: %" PRId64 " samples at %d Hz, at least %" PRId64 " expected", s->name, a->n,
            a->rate, o->min_samples);
    return BASE_OK;
}

base_status au_source_decode(au_source *s, const au_cut *cut, const au_read_options *o, au_audio *a, base_error *e)
{
    int64_t begin = 0, want = 0;
    base_status status = s->parts.n ? BASE_OK : look(s, o, e);
    int rate = s->decoder.rate;

    *a = (au_audio){ .rate = rate, .source_rate = rate, .channels = s->decoder.channels };
    if (!status && !(status = range(s, cut, o->max_seconds, &begin, &want, e)) &&
        !(status = begin == s->position ? BASE_OK : seek(s, begin, e)) &&
        !(status = collect(s, want, cut->channel, &a->x, &a->n, e)) &&
        !(status = check_length(s, cut, want, a->n, o->max_seconds, e))) {
        a->seconds = (double)a->n / rate;
        a->warning = au_note_text(s->parts.note);
    }
    if (status) {
        au_decoder_close(&s->decoder);      /* a decoder that failed is not asked again */
        au_parts_free(&s->parts);
        au_audio_free(a);
    }
    return status;
}

base_status au_source_read(au_source *s, const au_cut *cut, const au_read_options *o, au_audio *a, base_error *e)
{
    base_status status = (o->isolate ? au_source_isolate : au_source_decode)(s, cut, o, a, e);

    if (!status && (status = finish(s, o, a, e)))
        au_audio_free(a);
    return status;
}
