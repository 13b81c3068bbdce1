/* Speed perturbation: a windowed sinc, one filter for each of the few positions an output takes between two inputs.
 * Libsamplerate would do, at a thirtieth of the speed, and this runs in every epoch. Factors are thousandths. */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/parallel.h"
#include "libaudio/au.h"

#define CROSSINGS 64    /* zeros of the sinc on either side */
#define BETA 10.0       /* Kaiser's window: stop band at -100 dB, a transition of 0.1 of the Nyquist frequency */
#define ROLL_OFF 0.95   /* the middle of the transition */
#define GRAIN 4096      /* outputs a thread makes at a time */

typedef struct bank {
    int64_t up, down;   /* output j lies at input j down / up */
    int64_t taps;       /* of a filter */
    float  *h;          /* [up][taps] */
} bank;

/* The modified Bessel function of order 0, by its series. */
static double bessel(double x)
{
    double term = 1.0, sum = 1.0;

    for (int k = 1; term > 1e-17 * sum; k++) {
        term *= (x / (2 * k)) * (x / (2 * k));
        sum += term;
    }
    return sum;
}

/* The filter for an output that lies phase / up behind an input; it begins taps / 2 - 1 inputs before that. */
static void make_filter(const bank *b, int64_t phase, double cutoff)
{
    float *h = b->h + phase * b->taps;
    double sum = 0.0;

    for (int pass = 0; pass < 2; pass++)    /* the second makes the sum 1 */
        for (int64_t k = 0; k < b->taps; k++) {
            double t = (double)(k - b->taps / 2 + 1) - (double)phase / (double)b->up, u = 2.0 * t / (double)b->taps;
            double sinc = t == 0.0 ? 1.0 : sin(M_PI * cutoff * t) / (M_PI * cutoff * t);
            double v = fabs(u) < 1.0 ? sinc * bessel(BETA * sqrt(1.0 - u * u)) : 0.0;

            if (pass)
                h[k] = (float)(v / sum);
            else
                sum += v;
        }
}

static float output(const bank *b, const float *x, int64_t n, int64_t j)
{
    int64_t at = j * b->down / b->up - b->taps / 2 + 1, first = base_max_i64(0, -at), end = base_min_i64(b->taps, n - at);
    const float *h = b->h + j * b->down % b->up * b->taps;
    float sum = 0.0f;

#pragma omp simd reduction(+ : sum)
    for (int64_t k = first; k < end; k++)
        sum += h[k] * x[at + k];
    return sum;
}

static int64_t divisor(int64_t a, int64_t b) { return b ? divisor(b, a % b) : a; }

base_status au_speed(au_audio *a, double factor, base_error *e)
{
    int64_t down = factor >= 0.1 && factor <= 10.0 ? llrint(1000.0 * factor) : 0, common = divisor(1000, down), m;
    bank b = { .up = 1000 / common, .down = down / common };
    double cutoff = ROLL_OFF * fmin(1.0, 1.0 / factor);
    float *y;

    if (down == 0)
        return base_fail(e, BASE_VALUE, "speed times %g, between 0.1 and 10 expected", factor);
    m = (a->n * b.up + b.down - 1) / b.down;
    b.taps = 2 * (int64_t)ceil(CROSSINGS / cutoff);
    b.h = malloc((size_t)(b.up * b.taps) * sizeof(float));
    y = malloc((size_t)(m ? m : 1) * sizeof(float));
    if (!b.h || !y) {
        free(b.h);
        free(y);
        return base_fail(e, BASE_NO_MEMORY, "out of memory for %lld samples", (long long)m);
    }
    for (int64_t phase = 0; phase < b.up; phase++)
        make_filter(&b, phase, cutoff);
    base_parallel_for(m, GRAIN, j, end)
        for (; j < end; j++)
            y[j] = output(&b, a->x, a->n, j);
    free(b.h);
    free(a->x);
    a->x = y;
    a->n = m;
    return BASE_OK;
}
