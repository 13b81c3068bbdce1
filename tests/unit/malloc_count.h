/* Counts every block that Serin's own code gets from malloc, calloc, realloc and aligned_alloc, by taking these names over;
 * include it in one file of a program. The names stay hidden, so shared libraries keep theirs: OpenBLAS's kernels for small
 * products take a block a call, which is not ours to change. Only with glibc and without sanitizers, which want the names
 * for themselves; elsewhere MALLOC_COUNTED is 0 and the count stays 0. */
#ifndef SERIN_TESTS_MALLOC_COUNT_H
#define SERIN_TESTS_MALLOC_COUNT_H

#include <stdatomic.h>
#include <stdlib.h>

#include "base/sanitizer.h"

static atomic_long malloc_count;

#if defined(__GLIBC__) && !defined(BASE_ASAN) && !defined(__SANITIZE_THREAD__)
#define MALLOC_COUNTED 1
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *block, size_t n);
void *__libc_memalign(size_t align, size_t n);

void *malloc(size_t n)
{
    malloc_count++;
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    malloc_count++;
    return __libc_calloc(n, size);
}

void *realloc(void *block, size_t n)
{
    malloc_count++;
    return __libc_realloc(block, n);
}

void *aligned_alloc(size_t align, size_t n)
{
    malloc_count++;
    return __libc_memalign(align, n);
}

int posix_memalign(void **block, size_t align, size_t n)
{
    malloc_count++;
    *block = __libc_memalign(align, n);
    return *block ? 0 : 12;     /* ENOMEM */
}
#else
#define MALLOC_COUNTED 0
#endif

#endif
