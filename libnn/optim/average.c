/* Averages of parameters over steps: a mean (Izmailov et al. 2018) or exponential (Polyak and Juditsky 1992). */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/parallel.h"
#include "libnn/nn.h"

#define GRAIN 16384

struct nn_average {
    float  *p, *mean;           /* [n]; p belongs to the parameters */
    int64_t n, count;
    double  decay;
    bool    swapped;
};

nn_average *nn_average_new(const nn_params *p, double d, base_error *e)
{
    if (!(d >= 0 && d < 1)) {
        base_fail(e, BASE_VALUE, "average: decay %g, expected 0 <= decay < 1", d);
        return NULL;
    }
    nn_average *a = calloc(1, sizeof *a);
    if (a) {
        *a = (nn_average){ nn_params_values(p), NULL, nn_params_trainable(p), 0, d, false };
        a->mean = calloc((size_t)a->n + 1, sizeof *a->mean);
    }
    if (!a || !a->mean) {
        base_fail(e, BASE_NO_MEMORY, "average: no memory for %lld parameters", (long long)nn_params_trainable(p));
        nn_average_free(a);
        return NULL;
    }
    return a;
}

void nn_average_free(nn_average *a)
{
    if (!a)
        return;
    free(a->mean);
    free(a);
}

BASE_CLONES static void approach(float *restrict mean, const float *restrict p, int64_t n, float share)
{
    base_parallel_for(n, GRAIN, i, end)
        for (; i < end; i++)
            mean[i] += share * (p[i] - mean[i]);
}

void nn_average_add(nn_average *a)
{
    float *mean = a->swapped ? a->p : a->mean, *p = a->swapped ? a->mean : a->p;

    a->count++;
    approach(mean, p, a->n, (float)(a->count == 1 ? 1 : a->decay > 0 ? 1 - a->decay : 1 / (double)a->count));
}

void nn_average_swap(nn_average *a)
{
    if (a->count == 0)
        return;
    a->swapped = !a->swapped;
    base_parallel_for(a->n, GRAIN, i, end)
        for (; i < end; i++) {
            float x = a->p[i];
            a->p[i] = a->mean[i];
            a->mean[i] = x;
        }
}

float *nn_average_values(nn_average *a) { return a->mean; }
int64_t *nn_average_count(nn_average *a) { return &a->count; }
