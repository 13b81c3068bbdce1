/* A reservation is one private mapping of address space that nobody may touch (PROT_NONE) and that costs nothing; it becomes
 * memory step by step as it is used, so that a system which promises no more than it has (overcommit_memory 2, ulimit -d)
 * counts what was used alone. Pages once touched are kept for the next step, since a first touch costs ten times a second.
 * Where address space itself is limited (ulimit -v, Grid Engine's h_vmem) one "up to" a limit takes a part of what is left:
 * a pool half, an arena a quarter.
 *
 * The pool puts a header of BASE_ALIGN bytes in front of every block. Blocks lie side by side from the region's start to
 * `top`; a header knows its own size and its left neighbour's, so giving back merges in constant time, and a free block
 * at the end goes back to the untouched rest. Under AddressSanitizer headers, and whatever is not handed out, are
 * poisoned. */
#include "base/arena.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/parallel.h"
#include "base/sanitizer.h"

static bool huge_pages;

void base_huge_pages(bool on) { huge_pages = on; }

static void *map(size_t bytes, int protection, int flags)
{
    void *pages = mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

    if (pages == MAP_FAILED)
        return NULL;
#ifdef MADV_HUGEPAGE
    if (huge_pages)
        madvise(pages, bytes, MADV_HUGEPAGE);   /* advice: without effect where there are none */
#endif
    return pages;
}

void *base_pages_new(size_t bytes) { return map(bytes ? bytes : 1, PROT_READ | PROT_WRITE, 0); }

void base_pages_drop(void *pages, size_t bytes)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = ((uintptr_t)pages + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)pages + bytes) / page * page;

    if (begin < end)
        madvise((void *)begin, end - begin, MADV_DONTNEED);
}

void base_pages_free(void *pages, size_t bytes)
{
    if (pages)
        munmap(pages, bytes ? bytes : 1);
}

/* ---- the reservation both stand on ------------------------------------------------------------------------------- */

typedef struct region {
    unsigned char *base;
    size_t         size;    /* a multiple of BASE_ALIGN */
    size_t         high;    /* no byte at or above was ever handed out */
    size_t         ready;   /* bytes that are memory */
} region;

#define STEP ((size_t)32 << 20)     /* by which `ready` grows */
#define LEAST ((size_t)1 << 20)     /* a smaller reservation serves nobody */

/* Left for what comes after: stacks, files, and the buffers of BLAS, 128 MB a thread. */
#define KEPT_A_THREAD ((size_t)192 << 20)

/* bytes rounded up to BASE_ALIGN, at least one unit; false when that does not fit a size_t. */
static bool round_up(size_t bytes, size_t *out)
{
    if (!base_add(bytes ? bytes : 1, BASE_ALIGN - 1, out))
        return false;
    *out &= ~(size_t)(BASE_ALIGN - 1);
    return true;
}

/* Bytes of address space this process may still map; SIZE_MAX: no limit is set. */
static size_t address_space_left(void)
{
    struct rlimit limit;
    unsigned long long pages = 0;
    FILE *f;

    if (getrlimit(RLIMIT_AS, &limit) || limit.rlim_cur == RLIM_INFINITY)
        return SIZE_MAX;
    if ((f = fopen("/proc/self/statm", "re"))) {
        if (fscanf(f, "%llu", &pages) != 1)
            pages = 0;
        fclose(f);
    }
    size_t used = (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
    return limit.rlim_cur > used ? (size_t)limit.rlim_cur - used : 0;
}

/* The part of what is left that a reservation may take, one of `share`. */
static size_t share_of(size_t left, size_t share)
{
    size_t kept = (size_t)base_threads() * KEPT_A_THREAD;

    return left == SIZE_MAX ? left : (left > 2 * kept ? left - kept : left / 2) / share;
}

/* share 0: all of limit or nothing. Else no more than this part of what is left, and where the system refuses that, half as
 * much, and so on. */
static base_status region_open(region *r, size_t limit, size_t share, base_error *e)
{
    size_t most = share ? share_of(address_space_left(), share) : SIZE_MAX;

    *r = (region){ 0 };
    if (limit > most)
        limit = most > LEAST ? most : LEAST;
    if (!round_up(limit, &r->size))
        return base_fail(e, BASE_VALUE, "a memory limit of %zu bytes is too large", limit);
    while (!(r->base = map(r->size, PROT_NONE, MAP_NORESERVE)) && share && r->size > LEAST)
        r->size = r->size / 2 & ~(size_t)(BASE_ALIGN - 1);
    if (!r->base)
        return base_fail_errno(e, "cannot reserve %zu bytes of memory", r->size);
    return BASE_OK;
}

/* Makes the first `end` bytes memory; false: the system gives no more. */
static bool make_ready(region *r, size_t end)
{
    size_t ready = (end + STEP - 1) / STEP * STEP;

    if (end <= r->ready)
        return true;
    ready = ready < r->size ? ready : r->size;
    if (mprotect(r->base + r->ready, ready - r->ready, PROT_READ | PROT_WRITE))
        return false;
    r->ready = ready;
    return true;
}

static void region_close(region *r)
{
    BASE_UNPOISON(r->base, r->high);
    munmap(r->base, r->size);
}

/* Makes [at, at + n) what was handed out up to the byte `bytes`; the rest of it stays poisoned. */
static void *hand_out(region *r, size_t at, size_t n, size_t bytes)
{
    if (at + n > r->high)
        r->high = at + n;
    BASE_UNPOISON(r->base + at, bytes);
    BASE_POISON(r->base + at + bytes, n - bytes);
    return r->base + at;
}

/* ---- arena ------------------------------------------------------------------------------------------------------- */

struct base_arena {
    region region;
    size_t used, peak;
};

static base_arena *arena_of(size_t limit, size_t share, base_error *e)
{
    base_arena *a = calloc(1, sizeof *a);

    if (!a) {
        base_fail(e, BASE_NO_MEMORY, "out of memory");
        return NULL;
    }
    if (region_open(&a->region, limit, share, e)) {
        free(a);
        return NULL;
    }
    return a;
}

base_arena *base_arena_new(size_t limit, base_error *e) { return arena_of(limit, 0, e); }
base_arena *base_arena_up_to(size_t limit, base_error *e) { return arena_of(limit, 4, e); }

void base_arena_free(base_arena *a)
{
    if (!a)
        return;
    region_close(&a->region);
    free(a);
}

void *base_arena_take(base_arena *a, size_t bytes)
{
    size_t n, at = a->used;

    if (!round_up(bytes, &n) || !base_inside(at, n, a->region.size) || !make_ready(&a->region, at + n))
        return NULL;
    a->used += n;
    if (a->used > a->peak)
        a->peak = a->used;
    return hand_out(&a->region, at, n, bytes);
}

size_t base_arena_mark(const base_arena *a) { return a->used; }

void base_arena_release(base_arena *a, size_t mark)
{
    assert(mark <= a->used);
    BASE_POISON(a->region.base + mark, a->used - mark);
    a->used = mark;
}

size_t base_arena_peak(const base_arena *a) { return a->peak; }
size_t base_arena_limit(const base_arena *a) { return a->region.size; }

/* ---- pool -------------------------------------------------------------------------------------------------------- */

/* In front of each block. size and left include the header; left is 0 for the first block. */
typedef struct header header;
struct header {
    size_t  size, left;
    bool    free;
    header *next, *prev;    /* in the list of free blocks */
};
_Static_assert(sizeof(header) <= BASE_ALIGN, "a header fits its place");

struct base_pool {
    region  region;
    size_t  top;            /* the end of the last block */
    size_t  last;           /* that block's size; 0: no block */
    header *list;
    size_t  used, peak;
};

static base_pool *pool_of(size_t limit, size_t share, base_error *e)
{
    base_pool *p = calloc(1, sizeof *p);

    if (!p) {
        base_fail(e, BASE_NO_MEMORY, "out of memory");
        return NULL;
    }
    if (region_open(&p->region, limit, share, e)) {
        free(p);
        return NULL;
    }
    return p;
}

base_pool *base_pool_new(size_t limit, base_error *e) { return pool_of(limit, 0, e); }
base_pool *base_pool_up_to(size_t limit, base_error *e) { return pool_of(limit, 2, e); }

void base_pool_free(base_pool *p)
{
    if (!p)
        return;
    region_close(&p->region);
    free(p);
}

static header *at(const base_pool *p, size_t offset) { return (header *)(void *)(p->region.base + offset); }
static size_t offset_of(const base_pool *p, const header *h) { return (size_t)((const unsigned char *)h - p->region.base); }

BASE_SEES_POISONED static void list_add(base_pool *p, header *h)
{
    h->free = true;
    h->prev = NULL;
    h->next = p->list;
    if (p->list)
        p->list->prev = h;
    p->list = h;
}

BASE_SEES_POISONED static void list_remove(base_pool *p, header *h)
{
    h->free = false;
    if (h->next)
        h->next->prev = h->prev;
    if (h->prev)
        h->prev->next = h->next;
    else
        p->list = h->next;
}

/* Sets h's size and tells its right neighbour, or the pool when h is the last block. */
BASE_SEES_POISONED static void resize(base_pool *p, header *h, size_t size)
{
    size_t end = offset_of(p, h) + size;

    h->size = size;
    if (end == p->top)
        p->last = size;
    else
        at(p, end)->left = size;
}

BASE_SEES_POISONED static header *best_fit(const base_pool *p, size_t n)
{
    header *best = NULL;

    for (header *h = p->list; h && !(best && best->size == n); h = h->next)
        if (h->size >= n && (!best || h->size < best->size))
            best = h;
    return best;
}

BASE_SEES_POISONED void *base_pool_take(base_pool *p, size_t bytes)
{
    size_t n;

    if (!round_up(bytes, &n) || !base_add(n, BASE_ALIGN, &n))
        return NULL;
    header *h = best_fit(p, n);
    if (h) {
        list_remove(p, h);
        size_t rest = h->size - n;
        if (rest >= 2 * BASE_ALIGN) {
            header *right = at(p, offset_of(p, h) + n);
            right->left = n;
            resize(p, right, rest);
            h->size = n;
            list_add(p, right);
        }
    } else {
        if (!base_inside(p->top, n, p->region.size) || !make_ready(&p->region, p->top + n))
            return NULL;
        h = at(p, p->top);
        hand_out(&p->region, p->top, BASE_ALIGN, 0);
        h->left = p->last;
        h->free = false;
        p->top += n;
        resize(p, h, n);
    }
    p->used += h->size;
    if (p->used > p->peak)
        p->peak = p->used;
    return hand_out(&p->region, offset_of(p, h) + BASE_ALIGN, h->size - BASE_ALIGN, bytes);
}

BASE_SEES_POISONED void base_pool_give(base_pool *p, void *block)
{
    if (!block)
        return;
    header *h = (header *)(void *)((unsigned char *)block - BASE_ALIGN);
    assert(!h->free && base_inside(offset_of(p, h), h->size, p->top));
    p->used -= h->size;
    BASE_POISON(h, h->size);

    size_t end = offset_of(p, h) + h->size;
    if (end < p->top && at(p, end)->free) {
        header *right = at(p, end);
        list_remove(p, right);
        resize(p, h, h->size + right->size);
    }
    if (h->left) {
        header *left = at(p, offset_of(p, h) - h->left);
        if (left->free) {
            list_remove(p, left);
            resize(p, left, left->size + h->size);
            h = left;
        }
    }
    if (offset_of(p, h) + h->size == p->top) {
        p->top = offset_of(p, h);
        p->last = h->left;
    } else
        list_add(p, h);
}

void base_pool_reset(base_pool *p)
{
    BASE_POISON(p->region.base, p->top);
    p->top = p->last = p->used = 0;
    p->list = NULL;
}

size_t base_pool_used(const base_pool *p) { return p->used; }
size_t base_pool_peak(const base_pool *p) { return p->peak; }
size_t base_pool_limit(const base_pool *p) { return p->region.size; }

/* ---- the machine ------------------------------------------------------------------------------------------------- */

/* A container's limit (cgroup v2); SIZE_MAX where there is none. */
static size_t container_limit(void)
{
    unsigned long long limit;
    FILE *f = fopen("/sys/fs/cgroup/memory.max", "re");

    if (!f)
        return SIZE_MAX;
    int n = fscanf(f, "%llu", &limit);
    fclose(f);
    return n == 1 ? (size_t)limit : SIZE_MAX;
}

size_t base_memory_total(void)
{
    size_t machine = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE), container = container_limit();

    return machine < container ? machine : container;
}

size_t base_memory_peak(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (size_t)u.ru_maxrss * 1024;
}
