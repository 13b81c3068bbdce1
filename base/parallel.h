/* Parallel loops over one pool of threads, OpenMP's. Never nested.
 *
 *     base_parallel_for(n, 1024, i, end)
 *         for (; i < end; i++)
 *             y[i] = f(x[i]);
 *
 * The range 0 .. n-1 is cut into blocks of `grain`; the body runs once for each block with i = the block's first
 * index and end = one past its last. Which thread runs a block never changes a result. */
#ifndef SERIN_BASE_PARALLEL_H
#define SERIN_BASE_PARALLEL_H

#include <stdint.h>

static inline int64_t base_blocks(int64_t n, int64_t grain) { return n > 0 ? (n + grain - 1) / grain : 0; }
static inline int64_t base_min_i64(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t base_max_i64(int64_t a, int64_t b) { return a > b ? a : b; }

#define BASE_PRAGMA(x) _Pragma(#x)
#define base_parallel_for(n, grain, i, end)                                                              \
    BASE_PRAGMA(omp parallel for schedule(static) if (base_blocks(n, grain) > 1))                        \
    for (int64_t i##_block = 0; i##_block < base_blocks(n, grain); i##_block++)                          \
        for (int64_t i = i##_block * (grain), end = base_min_i64(i + (grain), n), i##_once = 1; i##_once; \
             i##_once = 0)

/* The same with blocks handed out as threads become free, for blocks of unequal work. */
#define base_parallel_for_dynamic(n, grain, i, end)                                                      \
    BASE_PRAGMA(omp parallel for schedule(dynamic, 1) if (base_blocks(n, grain) > 1))                    \
    for (int64_t i##_block = 0; i##_block < base_blocks(n, grain); i##_block++)                          \
        for (int64_t i = i##_block * (grain), end = base_min_i64(i + (grain), n), i##_once = 1; i##_once; \
             i##_once = 0)

/* Programs only, before the first loop. */
void base_set_threads(int n);
/* The number of threads a loop outside a parallel region will use, and this thread's number inside one. */
int base_threads(void);
int base_thread(void);

/* Kernels compiled for several processors, chosen at start. Off (empty) where configure found it not to work. */
#if defined(SERIN_HAVE_TARGET_CLONES) && !defined(__SANITIZE_THREAD__)
#define BASE_CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define BASE_CLONES
#endif

#endif
