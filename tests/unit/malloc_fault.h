/* Makes the n-th allocation fail, in the C library and shared libraries, too, and counts the blocks in use, by taking
 * malloc's names over; include it in one file of a program. Only with glibc and without sanitizers, which want the names
 * for themselves, and without clang, whose OpenMP ends the process when it gets no memory; elsewhere MALLOC_FAULTS is 0. */
#ifndef SERIN_TESTS_MALLOC_FAULT_H
#define SERIN_TESTS_MALLOC_FAULT_H

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/sanitizer.h"

/* Not all who include this read both, elsewhere. */
__attribute__((unused)) static atomic_long malloc_left = -1;    /* allocations that succeed before one fails; -1: none fails */
__attribute__((unused)) static atomic_long malloc_live;         /* blocks handed out and not yet freed */

#if defined(__GLIBC__) && !defined(BASE_ASAN) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
#define MALLOC_FAULTS 1
#pragma GCC visibility push(default)    /* hidden names would take over this program's calls only */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *block, size_t n);
void *__libc_memalign(size_t align, size_t n);
void  __libc_free(void *block);

/* One failure, then none: what comes after it, the error's own path, must work as a rule. */
static bool malloc_fails(void)
{
    bool fails = malloc_left == 0;

    if (malloc_left >= 0)
        malloc_left--;
    if (fails)
        errno = ENOMEM;
    return fails;
}

static void *malloc_counted(void *block)
{
    malloc_live += block != NULL;
    return block;
}

void *malloc(size_t n) { return malloc_fails() ? NULL : malloc_counted(__libc_malloc(n)); }
void *calloc(size_t n, size_t size) { return malloc_fails() ? NULL : malloc_counted(__libc_calloc(n, size)); }
void *aligned_alloc(size_t align, size_t n) { return malloc_fails() ? NULL : malloc_counted(__libc_memalign(align, n)); }

/* What libgomp calls for its teams. It ends the process when it gets none, so this does not fail. */
void *memalign(size_t align, size_t n) { return malloc_counted(__libc_memalign(align, n)); }

void *realloc(void *block, size_t n)
{
    if (malloc_fails())
        return NULL;
    malloc_live += block == NULL;
    return __libc_realloc(block, n);
}

void free(void *block)
{
    malloc_live -= block != NULL;
    __libc_free(block);
}
#pragma GCC visibility pop
#else
#define MALLOC_FAULTS 0
#endif

#endif
