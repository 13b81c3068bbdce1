/* Sums over one row, for softmax and the losses: static inline, so that they compile into each caller's clones. */
#ifndef SERIN_NN_ROW_H
#define SERIN_NN_ROW_H

#include <math.h>

#include "libnn/ops/op.h"

/* Rows of n columns that a thread takes at a time. */
static inline int64_t row_grain(int n) { return base_max_i64(NN_BLOCK / base_max_i64(n, 1), 1); }

static inline float row_max(const float *x, int n)
{
    float most = -INFINITY;

#pragma omp simd reduction(max : most)
    for (int i = 0; i < n; i++)
        most = x[i] > most ? x[i] : most;
    return most;
}

static inline float row_sum(const float *x, int n)
{
    float sum = 0.0f;

#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < n; i++)
        sum += x[i];
    return sum;
}

static inline float row_dot(const float *a, const float *b, int n)
{
    float sum = 0.0f;

#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* sum exp(x - most) */
static inline float row_exp_sum(const float *x, int n, float most)
{
    float sum = 0.0f;

#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < n; i++)
        sum += vm_exp(x[i] - most);
    return sum;
}

/* What turns numbers of a row into log-probabilities: ln p = (x - most) - log_sum. Two numbers, because their sum would
 * lose what tells large logits apart. NaN or +Inf in the row makes its log-probabilities NaN, as does a row of -Inf. */
typedef struct row_norm { float most, log_sum; } row_norm;

static inline row_norm row_norm_of(const float *x, int n)
{
    float most = row_max(x, n);

    return (row_norm){ most, logf(row_exp_sum(x, n, most)) };
}

static inline float row_log_p(row_norm k, float x) { return (x - k.most) - k.log_sum; }

#endif
