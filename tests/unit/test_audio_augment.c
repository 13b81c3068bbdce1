#include <math.h>
#include <string.h>

#include "base/random.h"
#include "libaudio/au.h"
#include "tests/unit/unit.h"

static au_audio speech(int64_t n, double hz)
{
    au_audio a = { malloc((size_t)n * sizeof(float)), n, 16000, 16000, 1, (double)n / 16000, NULL };

    for (int64_t i = 0; i < n; i++)
        a.x[i] = (float)(0.3 * sin(2.0 * M_PI * hz * (double)i / 16000));
    return a;
}

static double energy(const float *x, const float *minus, int64_t n)
{
    double sum = 0.0;

    for (int64_t i = 0; i < n; i++) {
        double v = (double)x[i] - (minus ? minus[i] : 0.0f);
        sum += v * v;
    }
    return sum;
}

/* Against the formula in long double. */
START_TEST(normalize)
{
    base_random r = base_random_at(1, 2, 3);
    float x[5000], y[5000];
    long double mean = 0, var = 0;

    for (int i = 0; i < 5000; i++)
        x[i] = y[i] = (float)(0.01 * base_random_normal(&r, (uint64_t)i) + 0.3);
    for (int i = 0; i < 5000; i++)
        mean += x[i] / 5000.0L;
    for (int i = 0; i < 5000; i++)
        var += (x[i] - mean) * (x[i] - mean) / 5000.0L;
    au_normalize(y, 5000, 1e-5);
    for (int i = 0; i < 5000; i++)
        ck_assert_float_eq_tol(y[i], (float)((x[i] - mean) / sqrtl(var + 1e-5L)), 1e-5f);
    memset(x, 0, sizeof x);
    au_normalize(x, 5000, AU_NORMALIZE_EPS);
    for (int i = 0; i < 5000; i++)
        ck_assert_float_eq(x[i], 0.0f);
    au_normalize(x, 0, AU_NORMALIZE_EPS);
}
END_TEST

/* A tone of f sounds at f times factor, in ceil(n / factor) samples. */
START_TEST(speed)
{
    static const double factors[] = { 0.9, 1.1, 1.25 };

    for (size_t k = 0; k < 3; k++) {
        au_audio a = speech(8001, 500), want = speech(10000, 500 * factors[k]);

        ck_assert_int_eq(au_speed(&a, factors[k], NULL), BASE_OK);
        ck_assert_int_eq(a.n, (int64_t)ceil(8001 / factors[k]));
        for (int64_t i = 400; i < a.n - 400; i++)
            ck_assert_float_eq_tol(a.x[i], want.x[i], 2e-5f);
        au_audio_free(&a);
        au_audio_free(&want);
    }
}
END_TEST

/* 7 kHz times 1.25 lies above half the rate: it must vanish, not fold down to 7.25 kHz. */
START_TEST(speed_has_no_alias)
{
    au_audio a = speech(16000, 7000);

    ck_assert_int_eq(au_speed(&a, 1.25, NULL), BASE_OK);
    ck_assert_double_lt(10.0 * log10(energy(a.x + 1000, NULL, a.n - 2000) / (double)(a.n - 2000) / 0.045), -80.0);
    au_audio_free(&a);
}
END_TEST

START_TEST(speed_out_of_range)
{
    au_audio a = speech(1000, 500);

    ck_assert_int_eq(au_speed(&a, 0, NULL), BASE_VALUE);
    ck_assert_int_eq(au_speed(&a, NAN, NULL), BASE_VALUE);
    ck_assert_int_eq(a.n, 1000);
    au_audio_free(&a);
}
END_TEST

START_TEST(gain)
{
    au_audio a = speech(1000, 500), b = speech(1000, 500);

    au_gain(a.x, a.n, 6.0);
    ck_assert_double_eq_tol(10.0 * log10(energy(a.x, NULL, 1000) / energy(b.x, NULL, 1000)), 6.0, 1e-4);
    au_audio_free(&a);
    au_audio_free(&b);
}
END_TEST

/* Noise shorter than the speech is repeated from the offset; the ratio of energies is the one asked for. */
START_TEST(noise_at_snr)
{
    au_audio a = speech(1000, 500), b = speech(1000, 500);
    float noise[7] = { 1, -2, 3, -4, 5, -6, 7 }, g;

    au_add_noise(a.x, a.n, noise, 7, 3, 12.5);
    ck_assert_double_eq_tol(10.0 * log10(energy(b.x, NULL, 1000) / energy(a.x, b.x, 1000)), 12.5, 1e-3);
    g = (a.x[0] - b.x[0]) / noise[3];
    for (int i = 0; i < 1000; i++)
        ck_assert_float_eq_tol(a.x[i] - b.x[i], g * noise[(i + 3) % 7], 1e-6f);
    memset(noise, 0, sizeof noise);
    memcpy(a.x, b.x, sizeof(float) * 1000);
    au_add_noise(a.x, a.n, noise, 7, 0, 12.5);
    ck_assert_mem_eq(a.x, b.x, sizeof(float) * 1000);
    au_audio_free(&a);
    au_audio_free(&b);
}
END_TEST

/* The same draw gives the same bytes; each of seed, step and key changes it; all three speeds occur. */
START_TEST(augment_is_a_function_of_seed_step_key)
{
    au_augment_options o = AU_AUGMENT_DEFAULTS;
    int64_t seen[3] = { 0 };

    o.speed = 0.1, o.gain_db = 6, o.noise_prob = 0.5;
    for (uint64_t step = 0; step < 40; step++) {
        au_audio a = speech(1000, 500), b = speech(1000, 500), c = speech(1000, 500), d = speech(1000, 500);

        ck_assert_int_eq(au_augment(&a, &o, 1, step, "utt", NULL), BASE_OK);
        ck_assert_int_eq(au_augment(&b, &o, 1, step, "utt", NULL), BASE_OK);
        ck_assert_int_eq(au_augment(&c, &o, 1, step, "utt2", NULL), BASE_OK);
        ck_assert_int_eq(au_augment(&d, &o, 2, step, "utt", NULL), BASE_OK);
        ck_assert_int_eq(a.n, b.n);
        ck_assert_mem_eq(a.x, b.x, (size_t)a.n * sizeof(float));
        ck_assert(a.n != c.n || memcmp(a.x, c.x, (size_t)a.n * sizeof(float)));
        ck_assert(a.n != d.n || memcmp(a.x, d.x, (size_t)a.n * sizeof(float)));
        ck_assert(a.n == 1112 || a.n == 1000 || a.n == 910);
        seen[a.n == 1112 ? 0 : a.n == 1000 ? 1 : 2]++;
        au_audio_free(&a);
        au_audio_free(&b);
        au_audio_free(&c);
        au_audio_free(&d);
    }
    ck_assert(seen[0] > 3 && seen[1] > 3 && seen[2] > 3);
}
END_TEST

START_TEST(augment_snr_is_in_range)
{
    au_augment_options o = AU_AUGMENT_DEFAULTS;

    o.noise_prob = 1;
    for (uint64_t step = 0; step < 40; step++) {
        au_audio a = speech(1000, 500), b = speech(1000, 500);
        double snr;

        ck_assert_int_eq(au_augment(&a, &o, 1, step, "utt", NULL), BASE_OK);
        snr = 10.0 * log10(energy(b.x, NULL, 1000) / energy(a.x, b.x, 1000));
        ck_assert(snr > 9.99 && snr < 30.01);
        au_audio_free(&a);
        au_audio_free(&b);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("audio_augment");

    unit_add(s, normalize);
    unit_add(s, speed);
    unit_add(s, speed_has_no_alias);
    unit_add(s, speed_out_of_range);
    unit_add(s, gain);
    unit_add(s, noise_at_snr);
    unit_add(s, augment_is_a_function_of_seed_step_key);
    unit_add(s, augment_snr_is_in_range);
    return s;
}

UNIT_MAIN(suite)
