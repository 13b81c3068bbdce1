/* The properties asked of a resampler, from their definitions: length, level, alias, delay, symmetry. */
#include <math.h>
#include <string.h>

#include "libaudio/au.h"
#include "tests/unit/unit.h"

static float *tone(int64_t n, int rate, double hz)
{
    float *x = malloc((size_t)n * sizeof(float));

    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(0.5 * sin(2.0 * M_PI * hz * (double)i / rate));
    return x;
}

static float *resample(float *x, int64_t n, int from, int to, int64_t *m)
{
    base_error e = BASE_ERROR_INIT;
    float *y;

    ck_assert_msg(au_resample(x, n, from, to, &y, m, &e) == BASE_OK, "%s", e.text);
    free(x);
    return y;
}

/* RMS of y away from the ends, in dB below that of a sine of amplitude 0.5. */
static double level(const float *y, int64_t m)
{
    double sum = 0.0;

    for (int64_t i = m / 8; i < m - m / 8; i++)
        sum += (double)y[i] * y[i];
    return 10.0 * log10(sum / (double)(m - 2 * (m / 8)) / 0.125 + 1e-30);
}

START_TEST(output_lengths)
{
    static const int rates[][2] = { { 44100, 16000 }, { 48000, 16000 }, { 8000, 16000 }, { 22050, 16000 }, { 11025, 16000 },
                                    { 16000, 16000 }, { 16000, 8000 }, { 1092676, 16000 } };
    static const int64_t lengths[] = { 1, 2, 3, 100, 441, 442, 4999, 48000 };

    for (size_t r = 0; r < sizeof rates / sizeof *rates; r++)
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            int64_t m, n = lengths[i];
            float *y = resample(tone(n, rates[r][0], 100), n, rates[r][0], rates[r][1], &m);

            ck_assert_int_eq(m, (n * rates[r][1] + rates[r][0] - 1) / rates[r][0]);
            free(y);
        }
}
END_TEST

START_TEST(pass_band_and_alias)
{
    static const struct { int from; double hz; } pass[] = { { 48000, 1000 }, { 44100, 1000 }, { 44100, 7000 }, { 8000, 1000 } };
    static const int from[] = { 48000, 44100, 22050 };
    int64_t m;
    float *y;

    for (size_t i = 0; i < sizeof pass / sizeof *pass; i++) {
        y = resample(tone(pass[i].from, pass[i].from, pass[i].hz), pass[i].from, pass[i].from, 16000, &m);
        ck_assert_double_eq_tol(level(y, m), 0.0, 0.01);
        free(y);
    }
    for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
        y = resample(tone(from[i], from[i], 9000), from[i], from[i], 16000, &m);
        ck_assert_double_lt(level(y, m), -100.0);
        free(y);
    }
}
END_TEST

/* A tone keeps its phase: no delay, no drift. */
START_TEST(tone_stays_in_place)
{
    static const int from[] = { 8000, 22050, 44100, 48000 };

    for (size_t r = 0; r < sizeof from / sizeof *from; r++) {
        int64_t n = 3 * from[r], m;
        float *y = resample(tone(n, from[r], 440), n, from[r], 16000, &m), *want = tone(m, 16000, 440);

        for (int64_t i = 400; i < m - 400; i++)
            ck_assert_float_eq_tol(y[i], want[i], 2e-5f);
        free(y);
        free(want);
    }
}
END_TEST

START_TEST(impulse_is_centred)
{
    int64_t m;
    float *x = calloc(9000, sizeof(float)), *y;

    x[4500] = 1.0f;
    y = resample(x, 9000, 48000, 16000, &m);
    for (int k = 1; k < 300; k++) {
        ck_assert_float_lt(fabsf(y[1500 + k]), y[1500]);
        ck_assert_float_eq_tol(y[1500 + k], y[1500 - k], 1e-6f);
    }
    ck_assert_float_eq_tol(y[1500], 1.0f / 3.0f, 0.02f);    /* the sum of the response is the ratio of rates */
    free(y);
}
END_TEST

START_TEST(refusals)
{
    base_error e = BASE_ERROR_INIT;
    float x[1000] = { 0 }, *y;
    int64_t m;

    ck_assert_int_eq(au_resample(x, 1000, 8000, 0, &y, &m, &e), BASE_VALUE);
    e.status = BASE_OK;
    ck_assert_int_eq(au_resample(x, 1000, 10, 16000, &y, &m, &e), BASE_VALUE);
    ck_assert_ptr_nonnull(strstr(e.text, "1/256"));
    e.status = BASE_OK;
    ck_assert_int_eq(au_resample(x, INT64_MAX, 8000, 16000, &y, &m, &e), BASE_VALUE);
    e.status = BASE_OK;
    x[500] = NAN;
    ck_assert_int_eq(au_resample(x, 1000, 8000, 16000, &y, &m, &e), BASE_VALUE);
    ck_assert_ptr_null(y);
    ck_assert_int_eq(m, 0);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("audio_resample");

    unit_add(s, output_lengths);
    unit_add(s, pass_band_and_alias);
    unit_add(s, tone_stays_in_place);
    unit_add(s, impulse_is_centred);
    unit_add(s, refusals);
    return s;
}

UNIT_MAIN(suite)
