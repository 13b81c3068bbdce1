#include <math.h>
#include <stdbool.h>

#include "base/hash.h"
#include "base/random.h"
#include "tests/unit/unit.h"

/* kat_vectors of the authors' Random123 library, philox4x32 with 10 rounds. */
START_TEST(philox_known_answers)
{
    static const struct {
        uint32_t counter[4], key[2], answer[4];
    } known[] = {
        { { 0, 0, 0, 0 }, { 0, 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
        { { ~0u, ~0u, ~0u, ~0u }, { ~0u, ~0u }, { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
        { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 },
          { 0xa4093822, 0x299f31d0 },
          { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        base_random r = { { known[i].key[0], known[i].key[1] }, { known[i].counter[2], known[i].counter[3] } };
        uint32_t out[4];
        base_random_u32x4(&r, (uint64_t)known[i].counter[1] << 32 | known[i].counter[0], out);
        for (int j = 0; j < 4; j++)
            ck_assert_uint_eq(out[j], known[i].answer[j]);
    }
}
END_TEST

/* The lanes are Philox' own numbers: word w of lane l lies at 32 w + 2 l, its low half first. */
START_TEST(lanes_are_philox)
{
    static const uint64_t blocks[] = { 0, 1, 77, 0xfffffff, UINT64_C(0x123456789abcde) };
    base_random r = base_random_at(3, 14, base_hash_text(BASE_HASH_INIT, "lanes"));

    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        uint16_t out[BASE_RANDOM_LANES];
        base_random_u16(&r, blocks[i], out);
        for (unsigned l = 0; l < 16; l++) {
            uint32_t x[4];
            base_random_u32x4(&r, blocks[i] * 16 + l, x);
            for (unsigned w = 0; w < 4; w++) {
                ck_assert_uint_eq(out[32 * w + 2 * l], x[w] & 0xffff);
                ck_assert_uint_eq(out[32 * w + 2 * l + 1], x[w] >> 16);
            }
        }
    }
}
END_TEST

START_TEST(streams_differ)
{
    uint64_t a = base_hash_text(BASE_HASH_INIT, "a"), b = base_hash_text(BASE_HASH_INIT, "b");
    base_random streams[] = { base_random_at(1, 0, a), base_random_at(2, 0, a), base_random_at(1, 1, a),
                              base_random_at(1, UINT64_C(1) << 32, a), base_random_at(1, 0, b) };
    const int n = sizeof streams / sizeof *streams;

    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++)
            ck_assert(base_random_uniform(&streams[i], 0) != base_random_uniform(&streams[j], 0));
    base_random again = base_random_at(1, 0, a);
    ck_assert(base_random_uniform(&streams[0], 5) == base_random_uniform(&again, 5));
}
END_TEST

/* Moments within five standard errors of a uniform and a normal distribution; sixteen bins by a chi-square whose
 * 99.999 % point at 15 degrees of freedom is 50. */
START_TEST(distributions)
{
    const int n = 200000;
    base_random r = base_random_at(1, 2, 3);
    double u1 = 0, u2 = 0, z1 = 0, z2 = 0, chi = 0;
    int bins[16] = { 0 };

    for (int i = 0; i < n; i++) {
        double u = base_random_uniform(&r, (uint64_t)i), z = base_random_normal(&r, (uint64_t)i);
        int64_t k = base_random_below(&r, (uint64_t)i, 16);
        if (!(u >= 0 && u < 1 && isfinite(z) && k >= 0 && k < 16))
            ck_abort_msg("number %d: %g %g %d", i, u, z, (int)k);
        u1 += u / n;
        u2 += u * u / n;
        z1 += z / n;
        z2 += z * z / n;
        bins[k]++;
    }
    ck_assert_double_eq_tol(u1, 0.5, 5 * sqrt(1.0 / 12 / n));
    ck_assert_double_eq_tol(u2, 1.0 / 3, 5 * sqrt(4.0 / 45 / n));
    ck_assert_double_eq_tol(z1, 0, 5 * sqrt(1.0 / n));
    ck_assert_double_eq_tol(z2, 1, 5 * sqrt(2.0 / n));
    for (int k = 0; k < 16; k++)
        chi += pow(bins[k] - n / 16.0, 2) / (n / 16.0);
    ck_assert_double_lt(chi, 50);
}
END_TEST

START_TEST(shuffle_is_a_permutation)
{
    base_random r = base_random_at(9, 0, 0);
    bool seen[1000] = { false };
    int64_t order[1000];
    int fixed = 0;

    base_random_shuffle(&r, 1000, order);
    for (int i = 0; i < 1000; i++) {
        ck_assert(order[i] >= 0 && order[i] < 1000 && !seen[order[i]]);
        seen[order[i]] = true;
        fixed += order[i] == i;
    }
    ck_assert_int_lt(fixed, 10); /* one is expected */
    base_random_shuffle(&r, 0, order);
    base_random_shuffle(&r, 1, order);
    ck_assert_int_eq(order[0], 0);
}
END_TEST

/* Every order of three about as often: 6,000 draws, 1,000 each, standard deviation 29. */
START_TEST(shuffle_is_fair)
{
    static const int codes[] = { 5, 7, 11, 15, 19, 21 };    /* 9 a + 3 b + c of the orders a b c */
    int count[27] = { 0 };

    for (uint64_t step = 0; step < 6000; step++) {
        base_random r = base_random_at(1, step, 7);
        int64_t order[3];
        base_random_shuffle(&r, 3, order);
        count[order[0] * 9 + order[1] * 3 + order[2]]++;
    }
    for (int i = 0; i < 6; i++)
        ck_assert_int_lt(abs(count[codes[i]] - 1000), 150);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("base/random");

    unit_add(s, philox_known_answers);
    unit_add(s, lanes_are_philox);
    unit_add(s, streams_differ);
    unit_add(s, distributions);
    unit_add(s, shuffle_is_a_permutation);
    unit_add(s, shuffle_is_fair);
    return s;
}

UNIT_MAIN(suite)
