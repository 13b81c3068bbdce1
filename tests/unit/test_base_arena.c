#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/sanitizer.h"
#include "base/random.h"
#include "tests/unit/unit.h"

START_TEST(arena_is_a_stack)
{
    base_error e = BASE_ERROR_INIT;
    base_arena *a = base_arena_new(1 << 20, &e);
    ck_assert_ptr_nonnull(a);

    char *x = base_arena_take(a, 100);
    size_t mark = base_arena_mark(a);
    char *y = base_arena_take(a, 1000);
    ck_assert_uint_eq((uintptr_t)x % BASE_ALIGN, 0);
    ck_assert_uint_eq((uintptr_t)y % BASE_ALIGN, 0);
    memset(x, 1, 100);
    memset(y, 2, 1000);
    ck_assert_int_eq(x[99], 1);
    base_arena_release(a, mark);
    ck_assert_ptr_eq(base_arena_take(a, 10), y);
    base_arena_release(a, 0);
    ck_assert_ptr_eq(base_arena_take(a, 0), x);
    ck_assert_uint_eq(base_arena_peak(a), 128 + 1024);
    base_arena_free(a);
    base_arena_free(NULL);
}
END_TEST

START_TEST(arena_ends_at_its_limit)
{
    base_error e = BASE_ERROR_INIT;
    base_arena *a = base_arena_new(4096, &e);

    ck_assert_ptr_null(base_arena_take(a, 4097));
    ck_assert_ptr_null(base_arena_take(a, SIZE_MAX));
    ck_assert_ptr_null(base_arena_take(a, SIZE_MAX - 70));
    ck_assert_ptr_nonnull(base_arena_take(a, 4096));
    ck_assert_ptr_null(base_arena_take(a, 0));
    base_arena_release(a, 0);
    ck_assert_ptr_nonnull(base_arena_take(a, 1));
    base_arena_free(a);
}
END_TEST

START_TEST(impossible_reservations_are_errors)
{
    base_error e = BASE_ERROR_INIT;

    ck_assert_ptr_null(base_arena_new(SIZE_MAX, &e));
    ck_assert_int_eq(e.status, BASE_VALUE);
    e.status = BASE_OK;
    ck_assert_ptr_null(base_pool_new(SIZE_MAX / 2, &e));
    ck_assert_int_eq(e.status, BASE_NO_MEMORY);
    ck_assert_ptr_nonnull(strstr(e.text, "cannot reserve"));
}
END_TEST

/* A model of the pool: what is out, filled with a byte of its own, which must still be there when it comes back. */
enum { MOST = 200, LIMIT = 1 << 20 };
typedef struct block {
    unsigned char *p;
    size_t         n;
    unsigned char  fill;
} block;

static void check_block(const block *b)
{
    size_t good = 0;

    for (size_t i = 0; i < b->n; i++)
        good += b->p[i] == b->fill;
    ck_assert_uint_eq(good, b->n);
}

static void check_apart(const block *b, int n, const block *other)
{
    int apart = 0;

    for (int i = 0; i < n; i++)
        apart += b[i].p + b[i].n <= other->p || other->p + other->n <= b[i].p;
    ck_assert_int_eq(apart, n);
}

static void play(base_pool *pool, uint64_t seed)
{
    base_random r = base_random_at(seed, 0, 0);
    block live[MOST];
    uint64_t draw = 0;
    size_t peak = 0, refused = 0;
    int n = 0;

    for (int step = 0; step < 3000; step++) {
        if (n < MOST && base_random_below(&r, draw++, 100) < 55) {
            int64_t most = base_random_below(&r, draw++, 10) ? 3000 : 100000;
            size_t size = (size_t)base_random_below(&r, draw++, most);
            block b = { base_pool_take(pool, size), size, (unsigned char)step };
            if (!b.p) {
                refused++;
                continue;
            }
            ck_assert_uint_eq((uintptr_t)b.p % BASE_ALIGN, 0);
            memset(b.p, b.fill, size);
            check_apart(live, n, &b);
            live[n++] = b;
        } else if (n > 0) {
            int i = (int)base_random_below(&r, draw++, n);
            check_block(&live[i]);
            base_pool_give(pool, live[i].p);
            live[i] = live[--n];
        }
        if (base_pool_used(pool) > peak)
            peak = base_pool_used(pool);
        size_t least = 0;
        for (int i = 0; i < n; i++)
            least += live[i].n;
        ck_assert_uint_ge(base_pool_used(pool), least);
        ck_assert_uint_le(base_pool_used(pool), LIMIT);
    }
    ck_assert_uint_gt(refused, 0);      /* the limit was met */
    while (n > 0) {
        check_block(&live[--n]);
        base_pool_give(pool, live[n].p);
    }
    ck_assert_uint_eq(base_pool_used(pool), 0);
    ck_assert_uint_eq(base_pool_peak(pool), peak);
}

/* When all has come back, all was merged: the whole region can be taken in one piece. */
START_TEST(pool_against_a_model)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        base_error e = BASE_ERROR_INIT;
        base_pool *pool = base_pool_new(LIMIT, &e);
        ck_assert_ptr_nonnull(pool);
        play(pool, seed);
        void *all = base_pool_take(pool, LIMIT - BASE_ALIGN);
        ck_assert_msg(all != NULL, "seed %d", (int)seed);
        ck_assert_ptr_null(base_pool_take(pool, 0));
        base_pool_free(pool);
    }
}
END_TEST

START_TEST(pool_takes_the_best_fit)
{
    base_pool *pool = base_pool_new(1 << 20, NULL);
    void *large = base_pool_take(pool, 6400), *wall1 = base_pool_take(pool, 1);
    void *exact = base_pool_take(pool, 640), *wall2 = base_pool_take(pool, 1);
    void *small = base_pool_take(pool, 320), *wall3 = base_pool_take(pool, 1);

    base_pool_give(pool, exact);
    base_pool_give(pool, small);
    base_pool_give(pool, large);
    ck_assert_ptr_eq(base_pool_take(pool, 600), exact);
    ck_assert_ptr_eq(base_pool_take(pool, 300), small);
    ck_assert_ptr_eq(base_pool_take(pool, 300), large);     /* split: the rest stays free */
    ck_assert_ptr_eq(base_pool_take(pool, 5900), (char *)large + 320 + BASE_ALIGN);
    base_pool_give(pool, wall1);
    base_pool_give(pool, wall2);
    base_pool_give(pool, wall3);
    base_pool_give(pool, NULL);
    base_pool_reset(pool);
    ck_assert_uint_eq(base_pool_used(pool), 0);
    ck_assert_ptr_eq(base_pool_take(pool, 1), large);
    ck_assert_ptr_null(base_pool_take(pool, SIZE_MAX));
    ck_assert_ptr_null(base_pool_take(pool, SIZE_MAX - 100));
    base_pool_free(pool);
    base_pool_free(NULL);
}
END_TEST

START_TEST(memory_of_the_machine)
{
    ck_assert_uint_gt(base_memory_total(), (size_t)64 << 20);
    size_t before = base_memory_peak();
    base_arena *a = base_arena_new((size_t)1 << 40, NULL);      /* reserving a tebibyte holds nothing */
    ck_assert_ptr_nonnull(a);
    ck_assert_uint_lt(base_memory_peak(), before + ((size_t)16 << 20));
    memset(base_arena_take(a, (size_t)32 << 20), 1, (size_t)32 << 20);
    ck_assert_uint_gt(base_memory_peak(), (size_t)32 << 20);
    base_arena_free(a);
}
END_TEST

/* What is not handed out is poisoned, so that AddressSanitizer sees every stray access. */
START_TEST(sanitizers_see_stray_accesses)
{
#ifdef BASE_ASAN
    base_arena *a = base_arena_new(4096, NULL);
    base_pool *p = base_pool_new(4096, NULL);
    char *x = base_arena_take(a, 10), *y = base_pool_take(p, 10), *z = base_pool_take(p, 10);

    ck_assert(!__asan_address_is_poisoned(x + 9) && __asan_address_is_poisoned(x + 10));
    ck_assert(!__asan_address_is_poisoned(y + 9) && __asan_address_is_poisoned(y + 10));
    ck_assert(__asan_address_is_poisoned(y - 1) && __asan_address_is_poisoned(z - 1));
    base_arena_release(a, 0);
    base_pool_give(p, y);
    ck_assert(__asan_address_is_poisoned(x) && __asan_address_is_poisoned(y) && !__asan_address_is_poisoned(z));
    base_pool_reset(p);
    ck_assert(__asan_address_is_poisoned(z));
    ck_assert_ptr_eq(base_pool_take(p, 70), y);
    ck_assert(!__asan_address_is_poisoned(y + 69) && __asan_address_is_poisoned(y + 70));
    base_arena_free(a);
    base_pool_free(p);
#endif
}
END_TEST

/* Pages are zero, also those given back and taken again, and huge or not makes no difference to what they hold. */
START_TEST(pages_are_zero)
{
    const size_t n = (size_t)5 << 20;

    for (int round = 0; round < 4; round++) {
        base_huge_pages(round / 2);
        unsigned char *pages = base_pages_new(n), sum = 0;
        ck_assert_ptr_nonnull(pages);
        ck_assert_uint_eq((uintptr_t)pages % BASE_ALIGN, 0);
        for (size_t i = 0; i < n; i++)
            sum |= pages[i];
        ck_assert_uint_eq(sum, 0);
        memset(pages, 1, n);
        base_pages_free(pages, n);
    }
    base_pages_free(NULL, 0);
    base_pages_free(base_pages_new(0), 0);
    ck_assert_ptr_null(base_pages_new(SIZE_MAX / 2));
    base_huge_pages(false);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("base/arena");

    unit_add(s, arena_is_a_stack);
    unit_add(s, arena_ends_at_its_limit);
    unit_add(s, impossible_reservations_are_errors);
    unit_add(s, pool_against_a_model);
    unit_add(s, pool_takes_the_best_fit);
    unit_add(s, sanitizers_see_stray_accesses);
    unit_add(s, memory_of_the_machine);
    unit_add(s, pages_are_zero);
    return s;
}

UNIT_MAIN(suite)
