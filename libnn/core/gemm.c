/* Matrix products: the only file that sees BLAS. Large products are cut into one slice of C for each thread, each done
 * by a one-thread sgemm: measured a few percent faster than OpenBLAS' own threading at the shapes of speech models, and
 * independent of how OpenBLAS would cut.
 *
 * In a product subnormal numbers count as 0 and become 0: weights that a checkpoint holds so small change nothing that can
 * be seen, but make a product many times slower. The thread's own rounding state is what it was afterwards. */
#include "libnn/core/core.h"

#include <assert.h>
#include <limits.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>

#include SERIN_CBLAS_H

#ifdef HAVE_OPENBLAS_GET_PARALLEL
int openblas_get_parallel(void);
#endif
#ifdef HAVE_OPENBLAS_GET_CORENAME
char *openblas_get_corename(void);
#endif

#if defined(__SSE__)
#include <xmmintrin.h>
typedef unsigned float_state;
static float_state flush_subnormals(void)
{
    float_state before = _mm_getcsr();

    _mm_setcsr(before | 0x8040);    /* flush to zero, denormals are zero */
    return before;
}
static void restore(float_state before) { _mm_setcsr(before); }
#elif defined(__aarch64__)
typedef uint64_t float_state;
static void restore(float_state before) { __asm__ volatile("msr fpcr, %0" : : "r"(before)); }
static float_state flush_subnormals(void)
{
    float_state before;

    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    restore(before | (uint64_t)1 << 24);
    return before;
}
#else
typedef int float_state;
static float_state flush_subnormals(void) { return 0; }
static void restore(float_state before) { (void)before; }
#endif

#define SMALL_PRODUCT (64.0 * 64.0 * 64.0)      /* multiplications below which threads cost more than they give */
#define SLICE 16                                /* slices are multiples of this, the width of a vector register */

typedef struct product {
    CBLAS_TRANSPOSE ta, tb;
    int64_t m, n, k, lda, ldb, ldc;
    float alpha, beta;
    const float *a, *b;
    float *c;
} product;

static void sgemm(const product *p)
{
    float_state before = flush_subnormals();

    cblas_sgemm(CblasRowMajor, p->ta, p->tb, (int)p->m, (int)p->n, (int)p->k, p->alpha, p->a, (int)p->lda, p->b,
        (int)p->ldb, p->beta, p->c, (int)p->ldc);
    restore(before);
}

/* Slice `part` of `parts` of the longer side of C. */
static void slice(product p, int part, int parts)
{
    int64_t side = base_max_i64(p.m, p.n);
    int64_t each = (side + parts - 1) / parts;
    int64_t from = base_min_i64(part * ((each + SLICE - 1) / SLICE * SLICE), side);
    int64_t to = part == parts - 1 ? side : base_min_i64((part + 1) * ((each + SLICE - 1) / SLICE * SLICE), side);

    if (from >= to)
        return;
    if (p.n >= p.m) {
        p.b += p.tb == CblasNoTrans ? from : from * p.ldb;
        p.c += from;
        p.n = to - from;
    } else {
        p.a += p.ta == CblasNoTrans ? from * p.lda : from;
        p.c += from * p.ldc;
        p.m = to - from;
    }
    sgemm(&p);
}

void nn_gemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
    const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
    product p = { trans_a ? CblasTrans : CblasNoTrans, trans_b ? CblasTrans : CblasNoTrans, m, n, k, lda, ldb, ldc, alpha,
        beta, a, b, c };

    assert(m <= INT_MAX && n <= INT_MAX && k <= INT_MAX && lda <= INT_MAX && ldb <= INT_MAX && ldc <= INT_MAX);
    if (m == 0 || n == 0)
        return;
    if (omp_in_parallel() || omp_get_max_threads() == 1 || (double)m * (double)n * (double)k < SMALL_PRODUCT) {
        sgemm(&p);
        return;
    }
#pragma omp parallel
    slice(p, omp_get_thread_num(), omp_get_num_threads());
}

const char *nn_blas(bool *good)
{
    static char text[160];
    bool is_good = true;
    const char *threading = "threading unknown";

#ifdef HAVE_OPENBLAS_GET_PARALLEL
    static const char *const kinds[] = {
        "one thread", "pthreads: 2 to 10 times slower beside OpenMP (install libopenblas-openmp-dev)", "OpenMP"
    };
    int kind = openblas_get_parallel();
    threading = kinds[kind];
    is_good = kind != 1;
#endif
#ifdef HAVE_OPENBLAS_GET_CORENAME
    snprintf(text, sizeof text, "OpenBLAS for %s, %s", openblas_get_corename(), threading);
#else
    snprintf(text, sizeof text, "CBLAS, %s", threading);
#endif
    if (good)
        *good = is_good;
    return text;
}
