/* Single sounds: reading one, normalising, writing WAV. */
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "libaudio/source.h"

void au_audio_free(au_audio *a)
{
    if (!a)
        return;
    free(a->x);
    memset(a, 0, sizeof(*a));
}

base_status au_read(const char *name, const au_read_options *o, au_audio *a, base_error *e)
{
    static const au_read_options defaults = AU_READ_DEFAULTS;
    static const au_cut whole = AU_WHOLE;
    au_source s;
    base_status status;

    memset(a, 0, sizeof(*a));
    o = o ? o : &defaults;
    if ((status = au_source_open(&s, name, false, o, e)))
        return status;
    status = au_source_read(&s, &whole, o, a, e);
    au_source_close(&s);
    return status;
}

void au_normalize(float *x, int64_t n, double eps)
{
    double sum = 0.0, square = 0.0, mean, scale;

    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    mean = n ? sum / (double)n : 0.0;
    for (int64_t i = 0; i < n; i++)
        square += (x[i] - mean) * (x[i] - mean);
    scale = n ? 1.0 / sqrt(square / (double)n + eps) : 0.0;
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)((x[i] - mean) * scale);
}

static void put(unsigned char *p, uint32_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        p[i] = (unsigned char)(v >> (8 * i));
}

base_status au_write_wav(const char *path, const float *x, int64_t n, int rate, base_error *e)
{
    unsigned char head[44] = "RIFF....WAVEfmt \20\0\0\0\1\0\1\0", block[8192];
    base_status status;
    base_out out;

    if (n < 0 || n > (UINT32_MAX - 36) / 2 || rate < 1)
        return base_fail(e, BASE_LIMIT, "%s: %" PRId64 " samples at %d Hz do not fit into a WAV file", path, n, rate);
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return base_fail(e, BASE_VALUE, "%s: sample %" PRId64 " is NaN or Inf", path, i);
    put(head + 4, (uint32_t)(36 + 2 * n), 4);
    put(head + 24, (uint32_t)rate, 4);
    put(head + 28, 2 * (uint32_t)rate, 4);
    put(head + 32, 2, 2);
    put(head + 34, 16, 2);
    memcpy(head + 36, "data", 4);
    put(head + 40, (uint32_t)(2 * n), 4);
    if ((status = base_out_open(&out, path, e)))
        return status;
    fwrite(head, 1, sizeof(head), out.f);   /* commit tells whether writing failed */
    for (int64_t i = 0, k; i < n; i += k) {
        for (k = 0; k < (int64_t)sizeof(block) / 2 && i + k < n; k++)
            put(block + 2 * k, (uint32_t)lrint(fmin(fmax(x[i + k] * 32768.0, -32768.0), 32767.0)), 2);
        fwrite(block, 2, (size_t)k, out.f);
    }
    return base_out_commit(&out, e);
}
