#include <stdbool.h>
#include <string.h>

#include "base/hash.h"
#include "base/random.h"
#include "libtext/tx.h"
#include "tests/unit/unit.h"

static tx_errors count(const char *ref, const char *hyp, tx_costs costs)
{
    tx_errors n = { 0 };

    ck_assert_int_eq(tx_count_errors(ref, hyp, false, costs, &n, NULL), BASE_OK);
    return n;
}

/* formats.md, "Where totals differ": the smallest text for which sclite's costs give another total. */
START_TEST(sclite_differs_from_unit)
{
    static const char *const hyps[] = { "b b c c a", "b b c c c" };

    for (int i = 0; i < 2; i++) {
        tx_errors unit = count("a a a b b", hyps[i], TX_UNIT), sclite = count("a a a b b", hyps[i], TX_SCLITE);

        ck_assert_int_eq(unit.substitutions, 5);
        ck_assert_int_eq(tx_errors_total(&unit), 5);
        ck_assert_int_eq(sclite.substitutions, 0);
        ck_assert_int_eq(sclite.deletions, 3);
        ck_assert_int_eq(sclite.insertions, 3);
    }
}
END_TEST

/* Cost 12 for 3 substitutions as for 2 deletions and 2 insertions: sclite prefers the diagonal. */
START_TEST(sclite_tie)
{
    tx_errors n = count("a a b", "b c c", TX_SCLITE);

    ck_assert_int_eq(n.substitutions, 3);
    ck_assert_int_eq(tx_errors_total(&n), 3);
}
END_TEST

/* The word that code number `code` stands for: letters a, b, c. */
static void spell(int code, int length, char *out)
{
    for (int i = 0; i < length; i++, code /= 3) {
        *out++ = (char)('a' + code % 3);
        *out++ = ' ';
    }
    *out = '\0';
}

static int power(int n) { return n == 0 ? 1 : 3 * power(n - 1); }

/* No strict difference in total for references up to 4 words and hypotheses up to 6, over three letters. */
START_TEST(sclite_equals_unit_on_short_texts)
{
    char ref[20], hyp[20];

    for (int r = 0; r <= 4; r++)
        for (int h = 0; h <= 6; h++)
            for (int i = 0; i < power(r); i++)
                for (int j = 0; j < power(h); j++) {
                    tx_errors unit, sclite;

                    spell(i, r, ref);
                    spell(j, h, hyp);
                    unit = count(ref, hyp, TX_UNIT);
                    sclite = count(ref, hyp, TX_SCLITE);
                    ck_assert_int_eq(tx_errors_total(&unit), tx_errors_total(&sclite));
                }
}
END_TEST

/* The least cost of turning ref [n] into hyp [m], by the definition of the recursion. */
static int plain_cost(const char *ref, int n, const char *hyp, int m, int substitution, int gap)
{
    int cost[32][32];

    for (int i = 0; i <= n; i++)
        for (int j = 0; j <= m; j++) {
            int best = i == 0 && j == 0 ? 0 : 1 << 20;

            if (i > 0 && cost[i - 1][j] + gap < best)
                best = cost[i - 1][j] + gap;
            if (j > 0 && cost[i][j - 1] + gap < best)
                best = cost[i][j - 1] + gap;
            if (i > 0 && j > 0 && cost[i - 1][j - 1] + (ref[i - 1] == hyp[j - 1] ? 0 : substitution) < best)
                best = cost[i - 1][j - 1] + (ref[i - 1] == hyp[j - 1] ? 0 : substitution);
            cost[i][j] = best;
        }
    return cost[n][m];
}

/* Kaldi's recursion over a hypothesis' words with counts carried along. */
static tx_errors kaldi_counts(const char *ref, int n, const char *hyp, int m)
{
    tx_errors e[32], next[32];

    for (int i = 0; i <= n; i++)
        e[i] = (tx_errors){ .deletions = i };
    for (int j = 1; j <= m; j++) {
        next[0] = e[0];
        next[0].insertions++;
        for (int i = 1; i <= n; i++) {
            bool same = ref[i - 1] == hyp[j - 1];
            int64_t ins = tx_errors_total(&e[i]) + 1, del = tx_errors_total(&next[i - 1]) + 1;
            int64_t sub = tx_errors_total(&e[i - 1]) + !same;

            if (sub < ins && sub < del) {
                next[i] = e[i - 1];
                same ? next[i].correct++ : next[i].substitutions++;
            } else if (del < ins) {
                next[i] = next[i - 1];
                next[i].deletions++;
            } else {
                next[i] = e[i];
                next[i].insertions++;
            }
        }
        memcpy(e, next, sizeof(e));
    }
    return e[n];
}

/* An alignment names every token once, in order, and its pairs are what its counts say. */
static void check_path(const tx_alignment *a, const tx_tokens *ref, const tx_tokens *hyp)
{
    tx_errors n = { 0 };
    int64_t r = 0, h = 0;

    for (int64_t i = 0; i < a->n; i++) {
        tx_pair p = a->pair[i];

        ck_assert(p.ref >= 0 || p.hyp >= 0);
        if (p.ref >= 0)
            ck_assert_int_eq(p.ref, r++);
        if (p.hyp >= 0)
            ck_assert_int_eq(p.hyp, h++);
        if (p.ref < 0)
            n.insertions++;
        else if (p.hyp < 0)
            n.deletions++;
        else if (tx_token_equal(ref->token[p.ref], hyp->token[p.hyp]))
            n.correct++;
        else
            n.substitutions++;
    }
    ck_assert_int_eq(r, ref->n);
    ck_assert_int_eq(h, hyp->n);
    ck_assert_mem_eq(&n, &a->errors, sizeof(n));
}

static void check_random(const base_random *rng, int trial)
{
    char ref[32] = "", hyp[32] = "";
    int n = (int)base_random_below(rng, 0, 25), m = (int)base_random_below(rng, 1, 25);
    int letters = 2 + (int)base_random_below(rng, 2, 4);
    tx_tokens r, h;

    for (int i = 0; i < n; i++)
        ref[i] = (char)('a' + base_random_below(rng, 100 + i, letters));
    for (int i = 0; i < m; i++)
        hyp[i] = (char)('a' + base_random_below(rng, 200 + i, letters));
    ck_assert_int_eq(tx_split_characters(ref, &r, NULL), BASE_OK);
    ck_assert_int_eq(tx_split_characters(hyp, &h, NULL), BASE_OK);
    for (int costs = TX_UNIT; costs <= TX_SCLITE; costs++) {
        int substitution = costs == TX_UNIT ? 1 : 4, gap = costs == TX_UNIT ? 1 : 3;
        tx_errors counts = kaldi_counts(ref, n, hyp, m);
        tx_alignment a;

        ck_assert_int_eq(tx_align(&r, &h, (tx_costs)costs, &a, NULL), BASE_OK);
        check_path(&a, &r, &h);
        ck_assert_msg(a.errors.substitutions * substitution + (a.errors.deletions + a.errors.insertions) * gap ==
            plain_cost(ref, n, hyp, m, substitution, gap), "trial %d: %s / %s", trial, ref, hyp);
        if (costs == TX_UNIT)
            ck_assert_mem_eq(&counts, &a.errors, sizeof(counts));
        tx_alignment_free(&a);
    }
    tx_tokens_free(&r);
    tx_tokens_free(&h);
}

START_TEST(random_texts_against_plain_recursions)
{
    const uint64_t seed = 2026;

    printf("# seed %llu\n", (unsigned long long)seed);
    for (int trial = 0; trial < 3000; trial++) {
        base_random rng = base_random_at(seed, (uint64_t)trial, base_hash_text(BASE_HASH_INIT, "align"));

        check_random(&rng, trial);
    }
}
END_TEST

START_TEST(empty_texts)
{
    tx_errors n = count("", "", TX_UNIT);

    ck_assert_double_eq(tx_error_rate(&n), 0);
    n = count("", "a b", TX_UNIT);
    ck_assert_int_eq(n.insertions, 2);
    ck_assert_double_eq(tx_error_rate(&n), 200);
    n = count("a b", "", TX_SCLITE);
    ck_assert_int_eq(n.deletions, 2);
    ck_assert_double_eq(tx_error_rate(&n), 100);
}
END_TEST

/* One substituted letter of "grün gras" is one of nine characters, however many bytes it has. */
START_TEST(characters)
{
    tx_errors n = { 0 };

    ck_assert_int_eq(tx_count_errors("grün gras", "grun  gras", true, TX_UNIT, &n, NULL), BASE_OK);
    ck_assert_int_eq(n.substitutions, 1);
    ck_assert_int_eq(tx_errors_length(&n), 9);
    ck_assert_int_eq(tx_errors_total(&n), 1);
}
END_TEST

START_TEST(too_long)
{
    tx_tokens many = { NULL, INT64_C(1) << 33 }, few = { NULL, 8 };
    tx_alignment a;
    base_error e = BASE_ERROR_INIT;

    ck_assert_int_eq(tx_align(&many, &few, TX_UNIT, &a, &e), BASE_LIMIT);
    ck_assert_str_eq(e.text, "texts of 8589934592 and 8 tokens are too long to align");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("text_align");

    unit_add(s, sclite_differs_from_unit);
    unit_add(s, sclite_tie);
    unit_add(s, sclite_equals_unit_on_short_texts);
    unit_add(s, random_texts_against_plain_recursions);
    unit_add(s, empty_texts);
    unit_add(s, characters);
    unit_add(s, too_long);
    return s;
}

UNIT_MAIN(suite)
