/* Features against a second implementation: double precision, a direct DFT, filters and DCT from their definitions. */
#include <float.h>
#include <math.h>
#include <omp.h>
#include <string.h>

#include "base/random.h"
#include "libaudio/au.h"
#include "libaudio/fft.h"
#include "tests/unit/parity.h"
#include "tests/unit/unit.h"

static void noise(float *x, int64_t n, uint64_t seed)
{
    base_random r = base_random_at(seed, 0, 0);

    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(0.1 * base_random_normal(&r, (uint64_t)i));
}

/* |sum x[t] exp(-2 pi i k t / n)|^2 */
static double dft_power(const double *x, int n, int k)
{
    double re = 0.0, im = 0.0;

    for (int t = 0; t < n; t++) {
        double a = 2.0 * M_PI * (double)((int64_t)k * t % n) / n;
        re += x[t] * cos(a);
        im -= x[t] * sin(a);
    }
    return re * re + im * im;
}

START_TEST(fft_is_dft)
{
    for (int n = 4; n <= 1024; n *= 2) {
        float x[1024], power[513], scratch[1024];
        double wide[1024], total = 0.0;
        au_fft *f = au_fft_new(n);

        noise(x, n, (uint64_t)n);
        for (int i = 0; i < n; i++)
            total += (wide[i] = x[i]) * x[i];
        au_fft_power(f, x, power, scratch);
        for (int k = 0; k <= n / 2; k++)
            ck_assert_double_eq_tol(power[k], dft_power(wide, n, k), 3e-6 * n * total);
        au_fft_free(f);
    }
}
END_TEST

static double mel(double hz) { return 1127.0 * log(1.0 + hz / 700.0); }

/* Frame t of x, from the definition in docs/audio.md; energy receives the log energy. */
static void reference(const au_feature_options *o, const float *x, int64_t n, int64_t t, double *out)
{
    int frame = (int)(o->rate * o->frame_ms * 0.001), shift = (int)(o->rate * o->shift_ms * 0.001), padded = 1;
    double w[4096] = { 0 }, v[4096], mels[256], mean = 0.0, energy = 0.0;
    double high = o->high > 0 ? o->high : o->rate * 0.5 + o->high, width = (mel(high) - mel(o->low)) / (o->bins + 1);

    while (padded < frame)
        padded *= 2;
    for (int i = 0; i < frame; i++) {
        int64_t at = o->snip_edges ? t * shift + i : t * shift + shift / 2 - frame / 2 + i;
        v[i] = o->scale * x[at < 0 ? -at - 1 : at >= n ? 2 * n - 1 - at : at];
        mean += v[i] / frame;
    }
    for (int i = 0; i < frame; i++) {
        v[i] -= o->remove_dc ? mean : 0.0;
        energy += v[i] * v[i];
    }
    for (int i = 0; i < frame; i++) {
        double c = cos(2.0 * M_PI * i / (frame - 1)), hann = 0.5 - 0.5 * c;
        double window = o->window == AU_HANN ? hann : o->window == AU_HAMMING ? 0.54 - 0.46 * c : pow(hann, 0.85);
        w[i] = window * (v[i] - o->preemphasis * v[i ? i - 1 : 0]);
    }
    for (int b = 0; b < o->bins; b++) {
        double left = mel(o->low) + b * width, centre = left + width, right = centre + width, sum = 0.0;
        for (int k = 0; k < padded / 2; k++) {
            double m = mel((double)k * o->rate / padded);
            if (m > left && m < right)
                sum += dft_power(w, padded, k) * (m <= centre ? (m - left) / width : (right - m) / width);
        }
        mels[b] = log(fmax(sum, FLT_EPSILON));
    }
    energy = log(fmax(energy, fmax(FLT_EPSILON, o->energy_floor)));
    if (o->kind == AU_LOG_MEL) {
        if (o->use_energy)
            *out++ = energy;
        memcpy(out, mels, (size_t)o->bins * sizeof(double));
        return;
    }
    for (int i = 0; i < o->ceps; i++) {
        out[i] = 0.0;
        for (int b = 0; b < o->bins; b++)
            out[i] += sqrt((i ? 2.0 : 1.0) / o->bins) * cos(M_PI * i * (2 * b + 1) / (2.0 * o->bins)) * mels[b];
        if (o->lifter > 0)
            out[i] *= 1.0 + o->lifter / 2.0 * sin(M_PI * i / o->lifter);
    }
    if (o->use_energy)
        out[0] = energy;
}

static void compare(const au_feature_options *o, int64_t n, double tolerance)
{
    base_error e = BASE_ERROR_INIT;
    au_features *f = au_features_new(o, &e);
    float *x = malloc((size_t)n * sizeof(float)), *out;
    double want[300];
    int64_t rows;
    int cols;

    ck_assert_msg(f != NULL, "%s", e.text);
    noise(x, n, 7);
    rows = au_features_rows(f, n);
    cols = au_features_cols(f);
    out = malloc((size_t)(rows * cols + 1) * sizeof(float));
    ck_assert_int_eq(au_features_compute(f, x, n, out, &e), BASE_OK);
    for (int64_t t = 0; t < rows; t++) {
        reference(o, x, n, t, want);
        for (int c = 0; c < cols; c++)
            ck_assert_msg(fabs(out[t * cols + c] - want[c]) < tolerance, "frame %ld column %d: %g, expected %g", (long)t, c,
                out[t * cols + c], want[c]);
    }
    free(out);
    free(x);
    au_features_free(f);
}

START_TEST(log_mel_matches_definition)
{
    au_feature_options o = AU_FEATURE_DEFAULTS;

    compare(&o, 3000, 1e-4);
    o.use_energy = true;
    o.window = AU_HAMMING;
    o.preemphasis = 0.0;
    o.remove_dc = false;
    compare(&o, 3000, 1e-4);
    o.bins = 23, o.rate = 8000, o.low = 100, o.high = -200, o.window = AU_HANN;
    compare(&o, 3000, 1e-4);
}
END_TEST

START_TEST(mfcc_matches_definition)
{
    au_feature_options o = AU_FEATURE_DEFAULTS;

    o.kind = AU_MFCC;
    o.bins = 23;
    compare(&o, 3000, 1e-3);
    o.use_energy = true;
    o.energy_floor = 1e12;      /* above every frame's */
    o.lifter = 0;
    o.ceps = 23;
    compare(&o, 3000, 1e-3);
}
END_TEST

/* What transformers computes of the same samples (tests/parity/make_features.py). */
static void agrees(const nn_safetensors *s, const char *name, const au_feature_options *o, double tolerance)
{
    const nn_file_tensor *sound = parity_find(s, "x"), *f = parity_find(s, name);
    au_features *a = au_features_new(o, NULL);
    float x[2400], want[13 * 40], got[13 * 40];

    ck_assert(sound->shape[0] == 2400 && f->ndim == 2 && f->shape[0] == au_features_rows(a, 2400) && f->shape[1] == au_features_cols(a));
    ck_assert_int_eq(nn_file_tensor_floats(sound, x, NULL), BASE_OK);
    ck_assert_int_eq(nn_file_tensor_floats(f, want, NULL), BASE_OK);
    ck_assert_int_eq(au_features_compute(a, x, 2400, got, NULL), BASE_OK);
    for (int64_t i = 0; i < f->shape[0] * f->shape[1]; i++)
        ck_assert_msg(fabs((double)got[i] - want[i]) < tolerance, "%s %lld: %g, expected %g", name, (long long)i, (double)got[i],
            (double)want[i]);
    au_features_free(a);
}

START_TEST(agree_with_transformers)
{
    nn_safetensors *s = parity_open("features");
    au_feature_options o = AU_FEATURE_DEFAULTS;

    agrees(s, "logmel", &o, 2e-4);
    o.bins = 23;
    o.kind = AU_MFCC;
    agrees(s, "mfcc", &o, 2e-3);
    o.kind = AU_LOG_MEL;
    o.window = AU_HAMMING;
    agrees(s, "hamming", &o, 2e-4);
    nn_safetensors_close(s);
}
END_TEST

START_TEST(edges_are_mirrored)
{
    au_feature_options o = AU_FEATURE_DEFAULTS;

    o.snip_edges = false;
    compare(&o, 3000, 1e-4);
    compare(&o, 399, 1e-4);
}
END_TEST

/* Kaldi's NumFrames. */
START_TEST(frame_counts)
{
    au_feature_options o = AU_FEATURE_DEFAULTS;
    au_features *f = au_features_new(&o, NULL);

    ck_assert_int_eq(au_features_rows(f, 0), 0);
    ck_assert_int_eq(au_features_rows(f, 399), 0);
    ck_assert_int_eq(au_features_rows(f, 400), 1);
    ck_assert_int_eq(au_features_rows(f, 559), 1);
    ck_assert_int_eq(au_features_rows(f, 560), 2);
    ck_assert_int_eq(au_features_rows(f, 16000), 98);
    au_features_free(f);
    o.snip_edges = false;
    f = au_features_new(&o, NULL);
    ck_assert_int_eq(au_features_rows(f, 0), 0);
    ck_assert_int_eq(au_features_rows(f, 79), 0);
    ck_assert_int_eq(au_features_rows(f, 80), 1);
    ck_assert_int_eq(au_features_rows(f, 16000), 100);
    au_features_free(f);
}
END_TEST

START_TEST(silence_is_floored)
{
    au_feature_options o = AU_FEATURE_DEFAULTS;
    au_features *f = au_features_new(&o, NULL);
    float x[400] = { 0 }, out[40];

    ck_assert_int_eq(au_features_compute(f, x, 400, out, NULL), BASE_OK);
    for (int b = 0; b < 40; b++)
        ck_assert_float_eq_tol(out[b], logf(FLT_EPSILON), 1e-5f);
    au_features_free(f);
}
END_TEST

START_TEST(threads_do_not_matter)
{
    au_feature_options o = AU_FEATURE_DEFAULTS;
    au_features *f;
    static float x[160000], one[998 * 40], two[998 * 40];

    o.dither = 1.0;
    f = au_features_new(&o, NULL);
    noise(x, 160000, 5);
    omp_set_num_threads(1);
    ck_assert_int_eq(au_features_compute(f, x, 160000, one, NULL), BASE_OK);
    omp_set_num_threads(2);
    ck_assert_int_eq(au_features_compute(f, x, 160000, two, NULL), BASE_OK);
    ck_assert_mem_eq(one, two, sizeof one);
    au_features_free(f);
}
END_TEST

/* White noise of 1 / 32768 has about the log energy ln(frame). */
START_TEST(dither_is_in_steps_of_16_bits)
{
    au_feature_options o = AU_FEATURE_DEFAULTS;
    au_features *f;
    static float x[160000], out[998 * 41];
    double sum = 0.0;

    o.dither = 1.0;
    o.use_energy = true;
    f = au_features_new(&o, NULL);
    ck_assert_int_eq(au_features_compute(f, x, 160000, out, NULL), BASE_OK);
    for (int t = 0; t < 998; t++)
        sum += out[t * 41] / 998;
    ck_assert_double_eq_tol(sum, log(400), 0.02);
    au_features_free(f);
}
END_TEST

START_TEST(options_out_of_range)
{
    static const struct { au_feature_options o; const char *word; } bad[] = {
        { { AU_LOG_MEL, 0, 25, 10, true, true, 0.97, AU_POVEY, 0, 0, 40, 20, 0, false, 0, 13, 22, 1 }, "at 0 Hz" },
        { { AU_LOG_MEL, 16000, NAN, 10, true, true, 0.97, AU_POVEY, 0, 0, 40, 20, 0, false, 0, 13, 22, 1 }, "nan ms" },
        { { AU_LOG_MEL, 16000, 25, 0, true, true, 0.97, AU_POVEY, 0, 0, 40, 20, 0, false, 0, 13, 22, 1 }, "every 0 ms" },
        { { AU_LOG_MEL, 16000, 1e9, 10, true, true, 0.97, AU_POVEY, 0, 0, 40, 20, 0, false, 0, 13, 22, 1 }, "frames of" },
        { { AU_LOG_MEL, 16000, 25, 10, true, true, 0.97, AU_POVEY, 0, 0, 40, 20, 9000, false, 0, 13, 22, 1 }, "9000 Hz" },
        { { AU_LOG_MEL, 16000, 25, 10, true, true, 0.97, AU_POVEY, 0, 0, 40, 20, -8000, false, 0, 13, 22, 1 }, "to 0 Hz" },
        { { AU_LOG_MEL, 16000, 25, 10, true, true, 0.97, AU_POVEY, 0, 0, 200, 20, 0, false, 0, 13, 22, 1 }, "no frequency" },
        { { AU_LOG_MEL, 16000, 25, 10, true, true, 0.97, AU_POVEY, 0, 0, 2, 20, 0, false, 0, 13, 22, 1 }, "2 mel filters" },
        { { AU_MFCC, 16000, 25, 10, true, true, 0.97, AU_POVEY, 0, 0, 23, 20, 0, false, 0, 24, 22, 1 }, "24 coefficients" },
        { { AU_LOG_MEL, 16000, 25, 10, true, true, 1.97, AU_POVEY, 0, 0, 40, 20, 0, false, 0, 13, 22, 1 }, "preemphasis 1.97" },
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        base_error e = BASE_ERROR_INIT;

        ck_assert_ptr_null(au_features_new(&bad[i].o, &e));
        ck_assert_int_eq(e.status, BASE_VALUE);
        ck_assert_msg(strstr(e.text, bad[i].word) != NULL, "%s: %s", bad[i].word, e.text);
    }
}
END_TEST

START_TEST(cmvn)
{
    float x[50 * 3], y[50 * 3], z[50 * 3];

    noise(x, 150, 3);
    for (int r = 0; r < 50; r++)
        x[3 * r + 2] = 7.0f;
    memcpy(y, x, sizeof x);
    memcpy(z, x, sizeof x);
    au_cmvn(y, 50, 3, false);
    au_cmvn(z, 50, 3, true);
    for (int c = 0; c < 3; c++) {
        double sum = 0.0, square = 0.0, centred = 0.0;
        for (int r = 0; r < 50; r++) {
            sum += z[3 * r + c];
            square += (double)z[3 * r + c] * z[3 * r + c];
            centred += y[3 * r + c];
            ck_assert_float_eq_tol(y[3 * r + c] - y[c], x[3 * r + c] - x[c], 1e-6f);
        }
        ck_assert_double_eq_tol(sum, 0.0, 1e-4);
        ck_assert_double_eq_tol(square, c == 2 ? 0.0 : 50.0, 1e-3);
        ck_assert_double_eq_tol(centred, 0.0, 1e-4);
    }
    au_cmvn(x, 0, 3, true);
}
END_TEST

/* A ramp's slope is 1 and its second difference 0; at the ends the formula of the HTK book with repeated frames. */
START_TEST(deltas)
{
    float x[20], out[60], impulse[11] = { 0 }, second[33];

    for (int r = 0; r < 20; r++)
        x[r] = (float)r;
    ck_assert_int_eq(au_deltas(x, 20, 1, 2, 2, out, NULL), BASE_OK);
    for (int r = 0; r < 20; r++) {
        ck_assert_float_eq(out[3 * r], x[r]);
        if (r >= 4 && r < 16) {
            ck_assert_float_eq_tol(out[3 * r + 1], 1.0f, 1e-6f);
            ck_assert_float_eq_tol(out[3 * r + 2], 0.0f, 1e-6f);
        }
    }
    ck_assert_float_eq_tol(out[1], (1.0f * (1 - 0) + 2.0f * (2 - 0)) / 10.0f, 1e-6f);
    impulse[5] = 1.0f;      /* second order: the first-order taps (-2 -1 0 1 2) / 10 convolved with themselves */
    ck_assert_int_eq(au_deltas(impulse, 11, 1, 2, 2, second, NULL), BASE_OK);
    static const float taps[9] = { 4, 4, 1, -4, -10, -4, 1, 4, 4 };
    for (int k = -4; k <= 4; k++)
        ck_assert_float_eq_tol(second[3 * (5 + k) + 2], taps[k + 4] / 100.0f, 1e-6f);
    ck_assert_int_eq(au_deltas(x, 20, 1, 9, 2, out, NULL), BASE_VALUE);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("audio_features");

    unit_add(s, fft_is_dft);
    unit_add(s, log_mel_matches_definition);
    unit_add(s, mfcc_matches_definition);
    unit_add(s, agree_with_transformers);
    unit_add(s, edges_are_mirrored);
    unit_add(s, frame_counts);
    unit_add(s, silence_is_floored);
    unit_add(s, threads_do_not_matter);
    unit_add(s, dither_is_in_steps_of_16_bits);
    unit_add(s, options_out_of_range);
    unit_add(s, cmvn);
    unit_add(s, deltas);
    return s;
}

UNIT_MAIN(suite)
