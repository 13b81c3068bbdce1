/* Decoding: whatever libsndfile opens becomes mono float32. Nothing a header says is believed: buffers grow with what
 * was decoded, up to a limit, and a sound shorter than its header promises is refused. */
#include "libaudio/source.h"

#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/parallel.h"

#define BLOCK 16384         /* floats decoded at a time */
#define OVERSHOOT 0.5       /* seconds a segment may end behind its recording, as in Kaldi's extract-segments */

/* Input to libsndfile that has no end to seek to. libsndfile otherwise takes the length of an MP3 without a Xing header
 * from its first frame's bit rate, and stops there or pads. */
static sf_count_t endless_size(void *user) { return ((au_source *)user)->bytes; }
static sf_count_t endless_tell(void *user) { return lseek(((au_source *)user)->fd, 0, SEEK_CUR); }

static sf_count_t endless_seek(sf_count_t offset, int whence, void *user)
{
    return whence == SEEK_END ? -1 : lseek(((au_source *)user)->fd, offset, whence);
}

static sf_count_t endless_read(void *to, sf_count_t count, void *user)
{
    return read(((au_source *)user)->fd, to, (size_t)count);
}

static bool is_mpeg(const au_source *s) { return (s->info.format & SF_FORMAT_TYPEMASK) == SF_FORMAT_MPEG; }

/* Opens s->fd from its beginning. */
static base_status start(au_source *s, base_error *e)
{
    SF_VIRTUAL_IO endless = { endless_size, endless_seek, endless_read, NULL, endless_tell };

    for (int pass = 0; pass < 2; pass++) {
        if (s->file)
            sf_close(s->file);
        memset(&s->info, 0, sizeof(s->info));
        if (lseek(s->fd, 0, SEEK_SET) < 0)
            return base_fail_errno(e, "%s", s->name);
        s->file = pass ? sf_open_virtual(&endless, SFM_READ, &s->info, s) : sf_open_fd(s->fd, SFM_READ, &s->info, 0);
        if (!s->file)
            return base_fail(e, BASE_FORMAT, "%s: not a sound file: %s", s->name, sf_strerror(NULL));
        if (!is_mpeg(s))
            break;
    }
    s->frames = is_mpeg(s) || s->info.frames == SF_COUNT_MAX ? -1 : s->info.frames;
    s->position = 0;
    return BASE_OK;
}

/* What s->file must be like before it is read. */
static base_status check(const au_source *s, const au_read_options *o, base_error *e)
{
    if (s->info.channels > o->max_channels)
        return base_fail(e, BASE_LIMIT, "%s: %d channels, at most %d expected", s->name, s->info.channels, o->max_channels);
    if (s->info.channels < 1 || s->info.samplerate < 1)
        return base_fail(e, BASE_FORMAT, "%s: %d channels at %d Hz", s->name, s->info.channels, s->info.samplerate);
    return au_check_size(s->fd, s->bytes, s->name, e);
}

/* Takes over the open file. */
static base_status adopt(au_source *s, int fd, const char *name, const au_read_options *o, base_error *e)
{
    base_status status;
    struct stat st;

    *s = (au_source){ .fd = fd, .name = strdup(name) };
    if (!s->name)
        status = base_fail(e, BASE_NO_MEMORY, "%s: out of memory", name);
    else if (fstat(fd, &st) < 0)
        status = base_fail_errno(e, "%s", name);
    else if (!S_ISREG(st.st_mode))
        status = base_fail(e, BASE_UNSUPPORTED, "%s: not a regular file (a pipe is written \"cat FILE |\")", name);
    else if ((s->bytes = st.st_size) == 0)
        status = base_fail(e, BASE_FORMAT, "%s: empty file", name);
    else if ((status = start(s, e)) == BASE_OK)
        status = check(s, o, e);
    if (status)
        au_source_close(s);
    return status;
}

base_status au_source_open(au_source *s, const char *name, const au_read_options *o, base_error *e)
{
    base_status status;
    size_t n = strlen(name);
    int fd;

    *s = (au_source){ .fd = -1 };
    while (n && strchr(" \t", name[n - 1]))
        n--;
    if (n && name[n - 1] == '|' && o->no_pipes)
        return base_fail(e, BASE_UNSUPPORTED, "%s: a command, and pipes are refused", name);
    if ((n && name[n - 1] == '|') || strcmp(name, "-") == 0) {
        if ((status = au_spool(name, &fd, e)))
            return status;
    } else if ((fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) < 0) {
        return base_fail_errno(e, "%s", name);
    }
    return adopt(s, fd, name, o, e);
}

void au_source_close(au_source *s)
{
    if (s->file)
        sf_close(s->file);
    if (s->fd >= 0)
        close(s->fd);
    free(s->name);
    *s = (au_source){ .fd = -1 };
}

/* Decodes up to `want` frames of one channel (or the mean of all, -1) into `out`, or to nowhere when that is NULL.
 * Returns how many there were; *bad receives the index of the first frame that is NaN or Inf, or -1. */
static int64_t decode(au_source *s, int64_t want, int channel, float *out, int64_t *bad)
{
    float block[BLOCK];
    int c = s->info.channels, first = channel < 0 ? 0 : channel, last = channel < 0 ? c - 1 : channel;
    int64_t done = 0, n;

    *bad = -1;
    while (done < want && (n = sf_readf_float(s->file, block, base_min_i64(BLOCK / c, want - done))) > 0) {
        for (int64_t i = 0; out && i < n; i++) {
            double sum = 0.0;
            for (int k = first; k <= last; k++)
                sum += block[i * c + k];
            out[done + i] = (float)(sum / (last - first + 1));
            if (!isfinite(sum) && *bad < 0)
                *bad = done + i;
        }
        done += n;
    }
    s->position += done;
    return done;
}

static base_status seek(au_source *s, int64_t frame, base_error *e)
{
    base_status status;
    int64_t bad;

    if (s->frames >= 0) {
        if (sf_seek(s->file, frame, SEEK_SET) != frame)
            return base_fail(e, BASE_FORMAT, "%s: no way to frame %" PRId64 ": %s", s->name, frame, sf_strerror(s->file));
        s->position = frame;
        return BASE_OK;
    }
    if (frame < s->position && (status = start(s, e)))
        return status;
    decode(s, frame - s->position, 0, NULL, &bad);
    if (s->position < frame)
        return base_fail(e, BASE_VALUE, "%s: begins at %.3f s, behind its recording's end at %.3f s", s->name,
            (double)frame / s->info.samplerate, (double)s->position / s->info.samplerate);
    return BASE_OK;
}

/* Decodes `want` frames (less where the sound ends) into *x, in memory that grows with what is there. */
static base_status collect(au_source *s, int64_t want, int channel, float **x, int64_t *n, base_error *e)
{
    int64_t room = 0, got, bad;
    float *larger;

    *x = NULL;
    for (*n = 0; *n < want; *n += got) {
        room = base_min_i64(base_max_i64(2 * room, 4 * BLOCK), want);
        if (!(larger = realloc(*x, (size_t)room * sizeof(float))))
            return base_fail(e, BASE_NO_MEMORY, "%s: out of memory for %" PRId64 " samples", s->name, room);
        *x = larger;
        got = decode(s, room - *n, channel, *x + *n, &bad);
        if (bad >= 0)
            return base_fail(e, BASE_VALUE, "%s: NaN or Inf at %.3f s", s->name,
                (double)(s->position - got + bad) / s->info.samplerate);
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
    double rate = s->info.samplerate, limit = floor(fmin(max_seconds * rate, 0x1p60));
    double end = cut->end < 0 ? (double)s->frames : rint(cut->end * rate);

    *begin = (int64_t)rint(cut->begin * rate);
    if (cut->channel >= s->info.channels)
        return base_fail(e, BASE_VALUE, "%s: no channel %d, only 0 to %d", s->name, cut->channel, s->info.channels - 1);
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
    double rate = s->info.samplerate;

    if (s->frames >= 0 && n < want)
        return base_fail(e, BASE_FORMAT, "%s: truncated or damaged: its header promises %" PRId64 " frames, %" PRId64
            " can be read", s->name, s->frames, s->position);
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

base_status au_source_read(au_source *s, const au_cut *cut, const au_read_options *o, au_audio *a, base_error *e)
{
    int rate = s->info.samplerate;
    int64_t begin = 0, want = 0;
    base_status status;

    *a = (au_audio){ .rate = rate, .source_rate = rate, .channels = s->info.channels };
    if (!(status = range(s, cut, o->max_seconds, &begin, &want, e)) &&
        !(status = begin == s->position ? BASE_OK : seek(s, begin, e)) &&
        !(status = collect(s, want, cut->channel, &a->x, &a->n, e)) &&
        !(status = check_length(s, cut, want, a->n, o->max_seconds, e))) {
        a->seconds = (double)a->n / rate;
        status = finish(s, o, a, e);
    }
    if (status)
        au_audio_free(a);
    return status;
}
