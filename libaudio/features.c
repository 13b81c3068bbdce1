/* Log-mel filter banks and MFCC as Kaldi's feature-window.cc, mel-computations.cc, feature-fbank.cc and feature-mfcc.cc
 * define them. A frame: samples times scale, dither, minus the mean, pre-emphasis x[i] - c x[i - 1] (x[-1] = x[0]),
 * window, zeros up to a power of two, |FFT|^2, triangular filters on the mel scale 1127 ln(1 + f / 700), logarithm; for
 * MFCC the orthonormal DCT-II and the lifter 1 + Q / 2 sin(pi i / Q). */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/parallel.h"
#include "base/random.h"
#include "libaudio/au.h"
#include "libaudio/fft.h"

#define GRAIN 32                /* frames a thread takes at a time */
#define MAX_FRAME 65536         /* samples */

typedef struct filter {
    int first, n;
    int at;                     /* its weights begin at weight[at] */
} filter;

struct au_features {
    au_feature_options o;
    int         frame, shift, padded;   /* samples */
    int         cols;
    au_fft     *fft;
    float      *window;         /* [frame] */
    filter     *filters;        /* [bins] */
    float      *weight;
    float      *dct;            /* [ceps][bins], the lifter inside; NULL for log-mel */
    base_random noise;
};

static double mel(double f) { return 1127.0 * log1p(f / 700.0); }

static base_status check(const au_feature_options *o, base_error *e)
{
    double frame = o->rate * o->frame_ms / 1000.0, shift = o->rate * o->shift_ms / 1000.0, nyquist = o->rate / 2.0;
    double high = o->high > 0 ? o->high : nyquist + o->high;

    if (o->rate < 1 || !(frame >= 2 && frame <= MAX_FRAME) || !(shift >= 1 && shift <= MAX_FRAME))
        return base_fail(e, BASE_VALUE, "features: frames of %g ms every %g ms at %d Hz", o->frame_ms, o->shift_ms, o->rate);
    if (!(o->low >= 0 && o->low < high && high <= nyquist))
        return base_fail(e, BASE_VALUE, "features: mel filters from %g to %g Hz at %d Hz", o->low, high, o->rate);
    if (o->bins < 3 || o->bins > MAX_FRAME / 2)
        return base_fail(e, BASE_VALUE, "features: %d mel filters, at least 3 expected", o->bins);
    if (o->kind == AU_MFCC && (o->ceps < 1 || o->ceps > o->bins))
        return base_fail(e, BASE_VALUE, "features: %d coefficients of %d mel filters", o->ceps, o->bins);
    if (!(o->preemphasis >= 0 && o->preemphasis <= 1) || !(o->dither >= 0) || !(o->lifter >= 0) ||
        !(o->energy_floor >= 0) || !(o->scale > 0) || !isfinite(o->scale))
        return base_fail(e, BASE_VALUE, "features: preemphasis %g, dither %g, lifter %g, energy floor %g or scale %g",
            o->preemphasis, o->dither, o->lifter, o->energy_floor, o->scale);
    return BASE_OK;
}

static void make_window(au_features *f)
{
    double a = 2.0 * M_PI / (f->frame - 1);

    for (int i = 0; i < f->frame; i++) {
        double hann = 0.5 - 0.5 * cos(a * i);

        f->window[i] = (float)(f->o.window == AU_POVEY ? pow(hann, 0.85)
            : f->o.window == AU_HAMMING ? 0.54 - 0.46 * cos(a * i) : hann);
    }
}

/* Filter b rises from edge b to edge b + 1 and falls to edge b + 2, edges equally far apart in mel. */
static double filter_weight(const au_features *f, int b, int k)
{
    double high = f->o.high > 0 ? f->o.high : f->o.rate / 2.0 + f->o.high, low = mel(f->o.low);
    double step = (mel(high) - low) / (f->o.bins + 1), at = (mel((double)f->o.rate * k / f->padded) - low) / step - b;

    return fmax(0.0, fmin(at, 2.0 - at));
}

/* Kaldi leaves out the Nyquist frequency. Fails when a filter covers no frequency of the transform. */
static base_status make_filters(au_features *f, base_error *e)
{
    int at = 0;

    for (int b = 0; b < f->o.bins; b++) {
        filter *g = &f->filters[b];

        *g = (filter){ 0, 0, at };
        for (int k = 0; k < f->padded / 2; k++) {
            float w = (float)filter_weight(f, b, k);

            if (w <= 0.0f)
                continue;
            g->first = g->n ? g->first : k;
            g->n++;
            f->weight[at++] = w;
        }
        if (!g->n)
            return base_fail(e, BASE_VALUE, "features: mel filter %d of %d holds no frequency of a transform of %d samples",
                b, f->o.bins, f->padded);
    }
    return BASE_OK;
}

static void make_dct(au_features *f)
{
    for (int i = 0; i < f->o.ceps; i++) {
        double lift = f->o.lifter > 0 ? 1.0 + 0.5 * f->o.lifter * sin(M_PI * i / f->o.lifter) : 1.0;

        for (int b = 0; b < f->o.bins; b++)
            f->dct[i * f->o.bins + b] = (float)(lift * sqrt((i ? 2.0 : 1.0) / f->o.bins) *
                cos(M_PI / f->o.bins * (b + 0.5) * i));
    }
}

static base_status build(au_features *f, base_error *e)
{
    size_t bins = (size_t)f->o.bins;

    f->frame = (int)(f->o.rate * f->o.frame_ms / 1000.0);
    f->shift = (int)(f->o.rate * f->o.shift_ms / 1000.0);
    for (f->padded = 4; f->padded < f->frame;)
        f->padded *= 2;
    f->cols = f->o.kind == AU_MFCC ? f->o.ceps : f->o.bins + f->o.use_energy;
    f->noise = base_random_at(f->o.seed, 0, base_hash_text(BASE_HASH_INIT, "dither"));
    f->fft = au_fft_new(f->padded);
    f->window = malloc((size_t)f->frame * sizeof(float));
    f->filters = malloc(bins * sizeof(filter));
    f->weight = malloc((size_t)f->padded * sizeof(float));      /* a frequency lies in two filters at most */
    f->dct = malloc(bins * (size_t)(f->o.ceps > 0 ? f->o.ceps : 1) * sizeof(float));
    if (!f->fft || !f->window || !f->filters || !f->weight || !f->dct)
        return base_fail(e, BASE_NO_MEMORY, "features: out of memory");
    make_window(f);
    if (f->o.kind == AU_MFCC)
        make_dct(f);
    return make_filters(f, e);
}

au_features *au_features_new(const au_feature_options *o, base_error *e)
{
    au_features *f;

    if (check(o, e))
        return NULL;
    if (!(f = calloc(1, sizeof(*f)))) {
        base_fail(e, BASE_NO_MEMORY, "features: out of memory");
        return NULL;
    }
    f->o = *o;
    if (build(f, e)) {
        au_features_free(f);
        return NULL;
    }
    return f;
}

void au_features_free(au_features *f)
{
    if (!f)
        return;
    au_fft_free(f->fft);
    free(f->window);
    free(f->filters);
    free(f->weight);
    free(f->dct);
    free(f);
}

int au_features_cols(const au_features *f) { return f->cols; }

int64_t au_features_rows(const au_features *f, int64_t n)
{
    if (f->o.snip_edges)
        return n < f->frame ? 0 : 1 + (n - f->frame) / f->shift;
    return n < 1 ? 0 : (n + f->shift / 2) / f->shift;
}

/* The samples of frame t, scaled, zeros behind them. */
static void cut(const au_features *f, const float *x, int64_t n, int64_t t, float *w)
{
    int64_t begin = f->o.snip_edges ? t * f->shift : t * f->shift + f->shift / 2 - f->frame / 2;
    float scale = (float)f->o.scale;

    for (int i = 0; i < f->frame; i++) {
        int64_t at = begin + i;

        while (at < 0 || at >= n)       /* a loop, for sounds shorter than a frame */
            at = at < 0 ? -at - 1 : 2 * n - 1 - at;
        w[i] = scale * x[at];
    }
    memset(w + f->frame, 0, (size_t)(f->padded - f->frame) * sizeof(float));
    if (f->o.dither > 0)
        for (int i = 0; i < f->frame; i++)
            w[i] += (float)(f->o.dither * base_random_normal(&f->noise, (uint64_t)(t * f->frame + i)));
}

/* In place: mean, pre-emphasis, window. Returns the log energy, before pre-emphasis, as Kaldi's raw energy. */
static float condition(const au_features *f, float *w)
{
    float c = (float)f->o.preemphasis, mean;
    double sum = 0.0, energy = 0.0;

    for (int i = 0; i < f->frame; i++)
        sum += w[i];
    mean = f->o.remove_dc ? (float)(sum / f->frame) : 0.0f;
    for (int i = 0; i < f->frame; i++) {
        w[i] -= mean;
        energy += (double)w[i] * w[i];
    }
    for (int i = f->frame - 1; i > 0; i--)
        w[i] = (w[i] - c * w[i - 1]) * f->window[i];
    w[0] = (w[0] - c * w[0]) * f->window[0];
    return (float)log(fmax(energy, fmax(f->o.energy_floor, FLT_EPSILON)));
}

static void log_mel(const au_features *f, const float *power, float *out)
{
    for (int b = 0; b < f->o.bins; b++) {
        const filter *g = &f->filters[b];
        float sum = 0.0f;

        for (int k = 0; k < g->n; k++)
            sum += f->weight[g->at + k] * power[g->first + k];
        out[b] = logf(fmaxf(sum, FLT_EPSILON));
    }
}

/* scratch: a frame, its transform's scratch and power, the mel bins. */
static size_t scratch_size(const au_features *f) { return (size_t)(3 * f->padded + f->o.bins); }

static void one_frame(const au_features *f, const float *x, int64_t n, int64_t t, float *scratch, float *out)
{
    float *w = scratch, *power = scratch + 2 * f->padded, *mels = scratch + 3 * f->padded, energy;
    int o = f->o.use_energy && f->o.kind == AU_LOG_MEL;

    cut(f, x, n, t, w);
    energy = condition(f, w);
    au_fft_power(f->fft, w, power, scratch + f->padded);
    if (f->o.kind == AU_LOG_MEL) {
        log_mel(f, power, out + o);
    } else {
        log_mel(f, power, mels);
        for (int i = 0; i < f->o.ceps; i++) {
            out[i] = 0.0f;
            for (int b = 0; b < f->o.bins; b++)
                out[i] += f->dct[i * f->o.bins + b] * mels[b];
        }
    }
    if (f->o.use_energy)
        out[0] = energy;
}

base_status au_features_compute(const au_features *f, const float *x, int64_t n, float *out, base_error *e)
{
    int64_t rows = au_features_rows(f, n);
    float *scratch = malloc((size_t)base_threads() * scratch_size(f) * sizeof(float));

    if (!scratch)
        return base_fail(e, BASE_NO_MEMORY, "features: out of memory");
    base_parallel_for(rows, GRAIN, t, end)
        for (; t < end; t++)
            one_frame(f, x, n, t, scratch + (size_t)base_thread() * scratch_size(f), out + t * f->cols);
    free(scratch);
    return BASE_OK;
}

void au_cmvn(float *x, int64_t rows, int cols, bool variance)
{
    for (int c = 0; c < cols; c++) {
        double sum = 0.0, square = 0.0, mean, scale = 1.0;

        for (int64_t r = 0; r < rows; r++)
            sum += x[r * cols + c];
        mean = sum / (double)rows;
        for (int64_t r = 0; variance && r < rows; r++)
            square += (x[r * cols + c] - mean) * (x[r * cols + c] - mean);
        if (variance)
            scale = 1.0 / sqrt(fmax(square / (double)rows, 1e-20));
        for (int64_t r = 0; r < rows; r++)
            x[r * cols + c] = (float)((x[r * cols + c] - mean) * scale);
    }
}

#define MAX_ORDER 4
#define MAX_WINDOW 16

base_status au_deltas(const float *x, int64_t rows, int cols, int order, int window, float *out, base_error *e)
{
    double taps[MAX_ORDER + 1][2 * MAX_ORDER * MAX_WINDOW + 1] = { { 1.0 } }, norm = 0.0;   /* of order i: lags -i w .. i w */

    if (order < 0 || order > MAX_ORDER || window < 1 || window > MAX_WINDOW)
        return base_fail(e, BASE_VALUE, "deltas of order %d with a window of %d, at most %d and %d expected", order, window,
            MAX_ORDER, MAX_WINDOW);
    for (int j = -window; j <= window; j++)
        norm += j * j;
    for (int i = 1; i <= order; i++)
        for (int k = 0; k <= 2 * (i - 1) * window; k++)
            for (int j = -window; j <= window; j++)
                taps[i][k + j + window] += taps[i - 1][k] * j / norm;
    for (int64_t r = 0; r < rows; r++)
        for (int i = 0; i <= order; i++)
            for (int c = 0; c < cols; c++) {
                double sum = 0.0;
                for (int k = -i * window; k <= i * window; k++)
                    sum += taps[i][k + i * window] * x[base_max_i64(0, base_min_i64(rows - 1, r + k)) * cols + c];
                out[(r * (order + 1) + i) * cols + c] = (float)sum;
            }
    return BASE_OK;
}
