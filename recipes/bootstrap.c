/* Percentile bootstrap intervals. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/random.h"
#include "recipes/score.h"

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The value below which share q of the sorted x [n] lies, linear between neighbours. */
static double quantile(const double *x, int n, double q)
{
    double at = q * (n - 1);
    int i = (int)at;

    return i + 1 < n ? x[i] + (at - i) * (x[i + 1] - x[i]) : x[n - 1];
}

/* Twice the smaller share of the sorted x [n] that is not above 0, or not below it; the data itself counts as one more
 * resample, since p = 0 says more than n resamples can (Davison and Hinkley 1997, section 4.2). */
static double two_sided(const double *x, int n)
{
    int not_above = 0, not_below = 0;

    for (int i = 0; i < n; i++) {
        not_above += x[i] <= 0;
        not_below += x[i] >= 0;
    }
    return fmin(1.0, 2.0 * (1 + (not_above < not_below ? not_above : not_below)) / (n + 1));
}

/* ---- intervals ------------------------------------------------------------------------------------------------- */

/* times [utterances]: how often each of c->order is in resample r. */
static void draw(const ser_bootstrap *o, const ser_clusters *c, int r, int64_t *times)
{
    base_random rng = base_random_at((uint64_t)o->seed, (uint64_t)r, base_hash_text(BASE_HASH_INIT, "bootstrap"));
    uint64_t place = 0;

    memset(times, 0, (size_t)c->begin[c->n] * sizeof(*times));
    for (int64_t i = 0; i < c->n; i++) {
        int64_t one = base_random_below(&rng, place++, c->n), size = c->begin[one + 1] - c->begin[one];

        for (int64_t j = 0; j < size; j++)
            times[c->begin[one] + (size > 1 ? base_random_below(&rng, place++, size) : 0)]++;
    }
}

base_status ser_bootstrap_run(const ser_bootstrap *o, const ser_clusters *c, int k, ser_statistic *f, const void *data,
    ser_interval *interval, double *p, base_error *e)
{
    int64_t n = c->begin[c->n], *times = malloc((size_t)n * sizeof(*times));
    double *value = malloc((size_t)o->resamples * (size_t)k * sizeof(*value));     /* [k][resamples] */
    double *one = malloc((size_t)k * sizeof(*one));
    bool ok = times && value && one;

    for (int r = 0; ok && r < o->resamples; r++) {
        draw(o, c, r, times);
        f(data, c->order, times, n, one);
        for (int j = 0; j < k; j++)
            value[j * o->resamples + r] = one[j];
    }
    for (int j = 0; ok && j < k; j++) {
        double *x = value + (size_t)j * (size_t)o->resamples;

        qsort(x, (size_t)o->resamples, sizeof(*x), compare);
        interval[j] = (ser_interval){ quantile(x, o->resamples, 0.025), quantile(x, o->resamples, 0.975) };
        if (p)
            p[j] = two_sided(x, o->resamples);
    }
    free(one);
    free(value);
    free(times);
    return ok ? BASE_OK
              : base_fail(e, BASE_NO_MEMORY, "no memory for %d resamples of %lld", o->resamples, (long long)n);
}

void ser_mean_sd(const double *x, int n, double *mean, double *sd)
{
    double sum = 0, squares = 0;

    for (int i = 0; i < n; i++)
        sum += x[i];
    *mean = n ? sum / n : 0;
    for (int i = 0; i < n; i++)
        squares += (x[i] - *mean) * (x[i] - *mean);
    *sd = n > 1 ? sqrt(squares / (n - 1)) : 0;
}
