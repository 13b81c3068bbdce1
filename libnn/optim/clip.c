/* The global norm of the gradients (Pascanu et al. 2013), the same at any number of threads. */
#include <math.h>

#include "libnn/core/core.h"

#define BLOCKS 1024     /* partial sums, added in order */

BASE_CLONES static void sum_squares(const float *g, int64_t n, int64_t block, double *sums)
{
    base_parallel_for(n, block, i, end) {
        double sum = 0;
        int64_t k = i / block;
        _Pragma("omp simd reduction(+ : sum)")
        for (int64_t j = i; j < end; j++)
            sum += (double)g[j] * (double)g[j];
        sums[k] = sum;
    }
}

double nn_grad_norm(const nn_params *p)
{
    int64_t n = nn_params_trainable(p), block = base_max_i64((n + BLOCKS - 1) / BLOCKS, 4096);
    double sums[BLOCKS], total = 0;

    nn_params_clear_frozen(p);
    sum_squares(nn_params_grads(p), n, block, sums);
    for (int64_t k = 0; k < base_blocks(n, block); k++)
        total += sums[k];
    return sqrt(total);
}

double nn_clip_factor(double norm, double most)
{
    double factor = most / (norm + 1e-6);

    return factor > 1 ? 1 : factor;
}
