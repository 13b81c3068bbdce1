/* Memory without malloc inside the training loop. Both kinds reserve address space once, up to a limit, and make it memory
 * only as it is used. "up_to" is content with a lower limit where the system leaves less address space (ulimit -v), and
 * takes a part of that. Blocks are aligned to 64 bytes and not cleared.
 *
 * base_arena: a stack. Take, mark, release back to the mark.
 * base_pool:  blocks given back in any order and reused, best fit, neighbours merged. */
#ifndef SERIN_BASE_ARENA_H
#define SERIN_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

#define BASE_ALIGN 64

typedef struct base_arena base_arena;
base_arena *base_arena_new(size_t limit, base_error *e);      /* NULL: the system refused the reservation */
base_arena *base_arena_up_to(size_t limit, base_error *e);
void        base_arena_free(base_arena *a);                   /* NULL is fine */
void       *base_arena_take(base_arena *a, size_t bytes);     /* NULL at the limit, or when the system gives no more */
size_t      base_arena_mark(const base_arena *a);
void        base_arena_release(base_arena *a, size_t mark);
size_t      base_arena_peak(const base_arena *a);             /* bytes, the most that was in use at once */
size_t      base_arena_limit(const base_arena *a);            /* bytes reserved */

typedef struct base_pool base_pool;
base_pool *base_pool_new(size_t limit, base_error *e);
base_pool *base_pool_up_to(size_t limit, base_error *e);
void       base_pool_free(base_pool *p);
void      *base_pool_take(base_pool *p, size_t bytes);        /* as base_arena_take; bytes 0 gives a valid block */
void       base_pool_give(base_pool *p, void *block);         /* NULL is fine */
void       base_pool_reset(base_pool *p);                     /* gives every block back */
size_t     base_pool_used(const base_pool *p);
size_t     base_pool_peak(const base_pool *p);
size_t     base_pool_limit(const base_pool *p);

/* Zeroed pages of the system's, for arrays that live long; those never touched cost nothing. */
void *base_pages_new(size_t bytes);                 /* NULL: refused */
/* The pages that lie wholly inside are zeros again, and cost nothing. */
void  base_pages_drop(void *pages, size_t bytes);
void  base_pages_free(void *pages, size_t bytes);   /* NULL is fine */

/* Whether what is reserved from now on asks for huge pages, where the system has them. Off at start: matrix products of
 * large models gain a tenth, but the first touch of memory may take several times as long. */
void base_huge_pages(bool on);

/* Bytes of physical memory; the most this process ever held in memory. */
size_t base_memory_total(void);
size_t base_memory_peak(void);

/* Blocks that malloc, calloc and realloc handed out since start, counted where the C library lets us (glibc); the
 * tests assert that a training step leaves it unchanged. Defined in tests, see tests/unit/malloc_count.h. */

#endif
