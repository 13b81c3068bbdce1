/* The machine's peaks, by the instructions this processor has. */
#include "tests/bench/bench.h"

#include <stdlib.h>
#include <string.h>

#include "base/progress.h"

#define CHAINS 12               /* enough to cover the latency of two units, few enough for 16 registers */
#define ROUNDS 4000000
#define COPY_BYTES ((size_t)256 << 20)

/* ROUNDS times CHAINS products and sums of vectors of `bytes`; the returned value keeps the work alive. */
#define FMA_LOOP(name, attributes, bytes)                                           \
    attributes __attribute__((noinline)) static float name(float start)             \
    {                                                                               \
        typedef float vector __attribute__((vector_size(bytes)));                   \
        vector a[CHAINS], factor = (vector){ 0 } + 0.999f, term = (vector){ 0 } + start; \
        float sum = 0.0f;                                                           \
                                                                                    \
        for (int i = 0; i < CHAINS; i++)                                            \
            a[i] = term * (float)i;                                                 \
        for (long k = 0; k < ROUNDS; k++)                                           \
            _Pragma("GCC unroll 12") for (int i = 0; i < CHAINS; i++)               \
                a[i] = a[i] * factor + term;                                        \
        for (int i = 0; i < CHAINS; i++)                                            \
            sum += a[i][0];                                                         \
        return sum;                                                                 \
    }

FMA_LOOP(fma_plain, , 16)
#ifdef __x86_64__
FMA_LOOP(fma_avx2, __attribute__((target("avx2,fma"))), 32)
FMA_LOOP(fma_avx512, __attribute__((target("avx512f"))), 64)
#endif

typedef struct loop { float (*run)(float); int lanes; } loop;

static loop best_loop(void)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512f"))
        return (loop){ fma_avx512, 16 };
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return (loop){ fma_avx2, 8 };
#endif
    return (loop){ fma_plain, 4 };
}

double bench_fma_peak(void)
{
    loop l = best_loop();
    double best = 0.0;
    float sum = 0.0f;

    for (int trial = 0; trial < 5; trial++) {
        double start = base_seconds();
#pragma omp parallel reduction(+ : sum)
        sum += l.run((float)(base_thread() + 1) * 1e-3f);
        double rate = 2e-9 * ROUNDS * CHAINS * l.lanes * base_threads() / (base_seconds() - start);
        best = rate > best && sum != 1.0f ? rate : best;
    }
    return best;
}

double bench_copy_peak(void)
{
    char *from = malloc(COPY_BYTES), *to = malloc(COPY_BYTES);
    double best = 0.0;

    for (int trial = 0; from && to && trial < 6; trial++) {
        double start = base_seconds();
        base_parallel_for((int64_t)COPY_BYTES, 1 << 20, i, end)
            memcpy(to + i, trial ? from + i : memset(from + i, 1, (size_t)(end - i)), (size_t)(end - i));
        double rate = 2e-9 * (double)COPY_BYTES / (base_seconds() - start);
        best = trial && rate > best ? rate : best;      /* the first trial touches the pages */
    }
    free(from);
    free(to);
    return best;
}
