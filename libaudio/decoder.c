/* One part of a sound behind libsndfile or mpg123. What is decoded is counted, so that neither's silence about an error is
 * taken for the end. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <mpg123.h>

#include "base/parallel.h"
#include "libaudio/source.h"

/* What a decoder may add to or leave of an MPEG sound at its ends: its own delay, 529 samples, and a frame. */
#define MPEG_ENDS 1681

/* ---- input ------------------------------------------------------------------------------------------------------ */

static sf_count_t input_size(void *user)
{
    const au_decoder *d = user;

    return d->part->n_head + d->part->end - d->part->begin;
}

static sf_count_t input_tell(void *user) { return ((au_decoder *)user)->at; }

static sf_count_t input_seek(sf_count_t offset, int whence, void *user)
{
    au_decoder *d = user;
    sf_count_t to = offset + (whence == SEEK_SET ? 0 : whence == SEEK_CUR ? d->at : input_size(d));

    return to < 0 ? -1 : (d->at = to);
}

static sf_count_t input_read(void *to, sf_count_t n, void *user)
{
    au_decoder *d = user;
    sf_count_t head = base_min_i64(n, d->part->n_head - d->at), body;

    if (head > 0)
        memcpy(to, d->part->head + d->at, (size_t)head);
    head = base_max_i64(head, 0);
    d->at += head;
    body = base_max_i64(base_min_i64(n - head, input_size(d) - d->at), 0);
    body = au_bytes_some(d->bytes, d->part->begin + d->at - d->part->n_head, (char *)to + head, body);
    d->at += body;
    return head + body;
}

static ssize_t mpeg_input_read(void *user, void *to, size_t n) { return input_read(to, (sf_count_t)n, user); }
static off_t mpeg_input_seek(void *user, off_t offset, int whence) { return input_seek(offset, whence, user); }

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static base_status open_mpeg(au_decoder *d, const char *name, base_error *e)
{
    long flags = MPG123_QUIET | MPG123_FORCE_FLOAT | MPG123_GAPLESS | MPG123_SKIP_ID3V2 | MPG123_NO_FRANKENSTEIN, rate = 0;
    int channels = 0, encoding = 0, why = mpg123_init();
    mpg123_handle *m = why ? NULL : mpg123_new(NULL, &why);

    d->mpeg = m;
    if (!m)
        return base_fail(e, BASE_NO_MEMORY, "%s: %s", name, mpg123_plain_strerror(why));
    if (d->part->plain)
        flags |= MPG123_IGNORE_INFOFRAME;
    if (mpg123_param(m, MPG123_ADD_FLAGS, flags, 0) || mpg123_replace_reader_handle(m, mpeg_input_read, mpeg_input_seek, NULL) ||
        mpg123_open_handle(m, d) || mpg123_getformat(m, &rate, &channels, &encoding) || mpg123_format_none(m) ||
        mpg123_format(m, rate, channels, MPG123_ENC_FLOAT_32))
        return base_fail(e, BASE_FORMAT, "%s: not a sound file: %s", name, mpg123_strerror(m));
    d->rate = (int)rate;
    d->channels = channels;
    d->frames = -1;
    d->format = SF_FORMAT_MPEG;
    return BASE_OK;
}

static base_status open_file(au_decoder *d, const char *name, base_error *e)
{
    SF_VIRTUAL_IO input = { input_size, input_seek, input_read, NULL, input_tell };
    SF_INFO info = { 0 };

    d->file = sf_open_virtual(&input, SFM_READ, &info, d);
    if (!d->file)
        return base_fail(e, BASE_FORMAT, "%s: not a sound file: %s", name, sf_strerror(NULL));
    d->rate = info.samplerate;
    d->channels = info.channels;
    d->frames = info.frames == SF_COUNT_MAX ? -1 : info.frames;
    d->format = info.format & SF_FORMAT_TYPEMASK;
    return d->format == SF_FORMAT_MPEG ? base_fail(e, BASE_FORMAT, "%s: no MPEG frame in the beginning", name) : BASE_OK;
}

base_status au_decoder_open(au_decoder *d, const au_bytes *b, const au_part *part, const char *name, base_error *e)
{
    base_status status;

    *d = (au_decoder){ .bytes = b, .part = part };
    status = part->mpeg ? open_mpeg(d, name, e) : open_file(d, name, e);
    if (!status && (d->channels < 1 || d->rate < 1))
        status = base_fail(e, BASE_FORMAT, "%s: %d channels at %d Hz", name, d->channels, d->rate);
    if (status)
        au_decoder_close(d);
    return status;
}

void au_decoder_close(au_decoder *d)
{
    if (d->file)
        sf_close(d->file);
    if (d->mpeg)
        mpg123_delete(d->mpeg);
    *d = (au_decoder){ 0 };
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static base_status read_mpeg(au_decoder *d, float *x, int64_t n, int64_t *got, const char *name, base_error *e)
{
    size_t frame = sizeof *x * (size_t)d->channels, bytes = 0;
    int how = mpg123_read(d->mpeg, (unsigned char *)x, (size_t)n * frame, &bytes);
    int64_t most = (d->part->frames + 1) * d->part->per_frame, least = most - 2 * d->part->per_frame - d->part->skip - MPEG_ENDS;

    *got = (int64_t)(bytes / frame);
    d->done += *got;
    if (*got == 0 && how != MPG123_OK && d->done < least)
        return base_fail(e, BASE_FORMAT, "%s: damaged: %" PRId64 " MPEG frames, %" PRId64 " samples can be read%s%s", name,
            d->part->frames, d->done, how == MPG123_DONE ? "" : ": ", how == MPG123_DONE ? "" : mpg123_strerror(d->mpeg));
    return BASE_OK;
}

/* libsndfile ends a FLAC stream of unknown length at any error, and tells its log alone of a last frame that was cut off. */
static bool is_flac_cut(const au_decoder *d)
{
    char log[4096];

    return d->format == SF_FORMAT_FLAC && sf_command(d->file, SFC_GET_LOG_INFO, log, sizeof log) > 0 &&
        strstr(log, "process_single returned false");
}

static base_status read_file(au_decoder *d, float *x, int64_t n, int64_t *got, const char *name, base_error *e)
{
    *got = sf_readf_float(d->file, x, n);
    d->done += *got;
    if (*got == n)
        return BASE_OK;
    if (d->frames >= 0 && d->done < d->frames)
        return base_fail(e, BASE_FORMAT, "%s: truncated or damaged: its header promises %" PRId64 " frames, %" PRId64
            " can be read", name, d->frames, d->done);
    if (sf_error(d->file) || (d->frames < 0 && is_flac_cut(d)))
        return base_fail(e, BASE_FORMAT, "%s: truncated or damaged behind %.3f s%s%s", name, (double)d->done / d->rate,
            sf_error(d->file) ? ": " : "", sf_error(d->file) ? sf_strerror(d->file) : "");
    return BASE_OK;
}

base_status au_decoder_read(au_decoder *d, float *x, int64_t n, int64_t *got, const char *name, base_error *e)
{
    return (d->mpeg ? read_mpeg : read_file)(d, x, n, got, name, e);
}

base_status au_decoder_seek(au_decoder *d, int64_t frame, const char *name, base_error *e)
{
    if (sf_seek(d->file, frame, SEEK_SET) != frame)
        return base_fail(e, BASE_FORMAT, "%s: no way to frame %" PRId64 ": %s", name, frame, sf_strerror(d->file));
    d->done = frame;
    return BASE_OK;
}
