/* Change of sampling rate: libsamplerate's best sinc converter (Julius O. Smith's bandlimited interpolation). Its first
 * output lies on the first input: the filter's delay is inside. */
#include <inttypes.h>
#include <math.h>
#include <samplerate.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "libaudio/au.h"

#define TAIL 4096   /* zeros behind the sound, as often as the filter asks for them */

static base_status convert(SRC_STATE *s, const float *x, int64_t n, double ratio, float *y, int64_t m, base_error *e)
{
    static const float zeros[TAIL];
    SRC_DATA d = { .data_in = x, .input_frames = n, .data_out = y, .output_frames = m, .src_ratio = ratio };
    int error;

    while (d.output_frames > 0) {
        if ((error = src_process(s, &d)))
            return base_fail(e, BASE_VALUE, "resampling: %s", src_strerror(error));
        if (d.output_frames_gen == 0 && d.input_frames_used == 0)
            return base_fail(e, BASE_UNSUPPORTED, "resampling: libsamplerate makes no progress at a ratio of %g", ratio);
        d.data_out += d.output_frames_gen;
        d.output_frames -= d.output_frames_gen;
        d.data_in += d.input_frames_used;
        d.input_frames -= d.input_frames_used;
        if (d.input_frames == 0) {
            d.data_in = zeros;
            d.input_frames = TAIL;
        }
    }
    for (int64_t i = 0; i < m; i++)
        if (!isfinite(y[i]))
            return base_fail(e, BASE_VALUE, "resampling: sample %" PRId64 " becomes NaN or Inf", i);
    return BASE_OK;
}

static base_status resample(const float *x, int64_t n, double ratio, float **y, int64_t m, base_error *e)
{
    base_status status;
    SRC_STATE *s;
    int error = 0;

    if (!src_is_valid_ratio(ratio))
        return base_fail(e, BASE_VALUE, "resampling by %g, between 1/256 and 256 expected", ratio);
    s = src_new(SRC_SINC_BEST_QUALITY, 1, &error);
    *y = malloc((size_t)(m ? m : 1) * sizeof(float));
    if (s && *y)
        status = convert(s, x, n, ratio, *y, m, e);
    else
        status = base_fail(e, BASE_NO_MEMORY, "resampling: out of memory for %" PRId64 " samples", m);
    if (s)
        src_delete(s);
    if (status) {
        free(*y);
        *y = NULL;
    }
    return status;
}

base_status au_resample(const float *x, int64_t n, int from, int to, float **y, int64_t *m, base_error *e)
{
    base_status status;
    int64_t length;

    *y = NULL;
    *m = 0;
    if (from < 1 || to < 1 || n < 0 || !base_mul_i64(n, to, &length) || !base_add_i64(length, from - 1, &length))
        return base_fail(e, BASE_VALUE, "resampling %" PRId64 " samples from %d to %d Hz", n, from, to);
    length /= from;
    if (from == to) {
        if (!(*y = malloc((size_t)(n ? n : 1) * sizeof(float))))
            return base_fail(e, BASE_NO_MEMORY, "resampling: out of memory for %" PRId64 " samples", n);
        if (n)
            memcpy(*y, x, (size_t)n * sizeof(float));
        status = BASE_OK;
    } else {
        status = resample(x, n, (double)to / from, y, length, e);
    }
    if (!status)
        *m = length;
    return status;
}
