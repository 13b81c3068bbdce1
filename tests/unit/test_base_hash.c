#include <string.h>

#include "base/checked.h"
#include "base/hash.h"
#include "tests/unit/unit.h"

/* http://www.isthe.com/chongo/tech/comp/fnv: 64-bit FNV-1a of "", "a", "foobar". */
START_TEST(fnv_known_answers)
{
    ck_assert_uint_eq(base_hash_text(BASE_HASH_INIT, ""), UINT64_C(0xcbf29ce484222325));
    ck_assert_uint_eq(base_hash_text(BASE_HASH_INIT, "a"), UINT64_C(0xaf63dc4c8601ec8c));
    ck_assert_uint_eq(base_hash_text(BASE_HASH_INIT, "foobar"), UINT64_C(0x85944171f73967e8));
    ck_assert_uint_eq(base_hash_text(base_hash_text(BASE_HASH_INIT, "foo"), "bar"), UINT64_C(0x85944171f73967e8));
}
END_TEST

/* Published values of XXH64 (xxHash's and python-xxhash's own tests), of every length class. */
START_TEST(xxh64_known_answers)
{
    static const struct {
        const char *text;
        uint64_t    answer;
    } known[] = {
        { "", UINT64_C(0xef46db3751d8e999) },
        { "a", UINT64_C(0xd24ec4f1a98c6e5b) },
        { "abc", UINT64_C(0x44bc2cf5ad770999) },
        { "Nobody inspects the spammish repetition", UINT64_C(0xfbcea83c8a378bf1) },
        { "The quick brown fox jumps over the lazy dog", UINT64_C(0x0b242d361fda71bc) },
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        ck_assert_uint_eq(base_hash_bytes(0, known[i].text, strlen(known[i].text)), known[i].answer);
    ck_assert_uint_eq(base_hash_bytes(0, NULL, 0), UINT64_C(0xef46db3751d8e999));
}
END_TEST

/* One bit of data or seed changed gives another hash; where the data lies does not. */
START_TEST(hash_depends_on_all_it_should)
{
    unsigned char data[101], moved[108];

    for (int i = 0; i < 101; i++)
        data[i] = (unsigned char)(i * 37);
    uint64_t h = base_hash_bytes(7, data, 101);
    for (int i = 0; i < 808; i++) {
        data[i / 8] ^= (unsigned char)(1 << i % 8);
        ck_assert_uint_ne(base_hash_bytes(7, data, 101), h);
        data[i / 8] ^= (unsigned char)(1 << i % 8);
    }
    ck_assert_uint_ne(base_hash_bytes(8, data, 101), h);
    ck_assert_uint_ne(base_hash_bytes(7, data, 100), h);
    for (int offset = 0; offset < 8; offset++) {
        memcpy(moved + offset, data, 101 - 1);
        ck_assert_uint_eq(base_hash_bytes(7, moved + offset, 100), base_hash_bytes(7, data, 100));
    }
}
END_TEST

START_TEST(checked_arithmetic)
{
    size_t z;
    int64_t i;

    ck_assert(base_mul(SIZE_MAX / 2, 2, &z) && z == SIZE_MAX - 1);
    ck_assert(!base_mul(SIZE_MAX / 2 + 1, 2, &z));
    ck_assert(base_add(SIZE_MAX - 1, 1, &z) && z == SIZE_MAX);
    ck_assert(!base_add(SIZE_MAX, 1, &z));
    ck_assert(base_mul_i64(INT64_MIN / 2, 2, &i) && i == INT64_MIN);
    ck_assert(!base_mul_i64(INT64_MIN, -1, &i));
    ck_assert(!base_add_i64(INT64_MAX, 1, &i));
    ck_assert(base_inside(0, 10, 10) && base_inside(10, 0, 10) && base_inside(3, 7, 10));
    ck_assert(!base_inside(3, 8, 10) && !base_inside(11, 0, 10) && !base_inside(5, UINT64_MAX, 10));
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("base/hash");

    unit_add(s, fnv_known_answers);
    unit_add(s, xxh64_known_answers);
    unit_add(s, hash_depends_on_all_it_should);
    unit_add(s, checked_arithmetic);
    return s;
}

UNIT_MAIN(suite)
