/* n real values are taken as n / 2 complex ones, transformed by Stockham's radix-2 algorithm, which needs no bit
 * reversal and whose inner loop is contiguous, and taken apart (Press et al., Numerical Recipes, 12.3). */
#include "libaudio/fft.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

struct au_fft {
    int   n;
    float w[][2];   /* [n / 2] exp(-2 pi i t / n) */
};

typedef float complex2[2];

au_fft *au_fft_new(int n)
{
    au_fft *f;

    assert(n >= 4 && (n & (n - 1)) == 0);
    if (!(f = malloc(sizeof(*f) + (size_t)n / 2 * sizeof(f->w[0]))))
        return NULL;
    f->n = n;
    for (int t = 0; t < n / 2; t++) {
        f->w[t][0] = (float)cos(2.0 * M_PI * t / n);
        f->w[t][1] = (float)-sin(2.0 * M_PI * t / n);
    }
    return f;
}

void au_fft_free(au_fft *f) { free(f); }

/* One pass: l blocks pairs of m values, block j rotated by exp(-2 pi i j / (2 l)). */
static void pass(complex2 *restrict y, const complex2 *restrict x, const au_fft *f, int l, int m)
{
    for (int j = 0; j < l; j++) {
        const float *w = f->w[j * (f->n / (2 * l))];
        const complex2 *a = x + j * m, *b = x + (j + l) * m;
        complex2 *sum = y + 2 * j * m, *rest = sum + m;

        for (int k = 0; k < m; k++) {
            float re = a[k][0] - b[k][0], im = a[k][1] - b[k][1];

            sum[k][0] = a[k][0] + b[k][0];
            sum[k][1] = a[k][1] + b[k][1];
            rest[k][0] = w[0] * re - w[1] * im;
            rest[k][1] = w[0] * im + w[1] * re;
        }
    }
}

void au_fft_power(const au_fft *f, float *x, float *power, float *scratch)
{
    complex2 *z = (complex2 *)x, *y = (complex2 *)scratch;
    int half = f->n / 2;

    for (int l = half / 2, m = 1; l >= 1; l /= 2, m *= 2) {
        complex2 *swap = z;

        pass(y, (const complex2 *)z, f, l, m);
        z = y;
        y = swap;
    }
    power[0] = (z[0][0] + z[0][1]) * (z[0][0] + z[0][1]);
    power[half] = (z[0][0] - z[0][1]) * (z[0][0] - z[0][1]);
    for (int k = 1; k < half; k++) {
        const float *a = z[k], *b = z[half - k], *w = f->w[k];
        /* even = (a + conj b) / 2, odd = (a - conj b) / 2i, X = even + w odd */
        float er = 0.5f * (a[0] + b[0]), ei = 0.5f * (a[1] - b[1]), or = 0.5f * (a[1] + b[1]), oi = -0.5f * (a[0] - b[0]);
        float re = er + w[0] * or - w[1] * oi, im = ei + w[0] * oi + w[1] * or;

        power[k] = re * re + im * im;
    }
}
