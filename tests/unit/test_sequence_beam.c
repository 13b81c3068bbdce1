/* Beam search over words: against all sequences enumerated, greedy search, and by hand; models are tables of numbers. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/random.h"
#include "libnn/nn.h"
#include "tests/unit/unit.h"

enum { VOCAB = 5, START = 1, END = 2, PAD = 0, MOST = 4, ROWS = 4096, SENTENCES = 3 };

/* A model whose log probabilities depend on sentence and words read, by a hash; it remembers what every row has read. */
typedef struct toy {
    uint64_t seed;
    uint64_t first[SENTENCES];      /* of each sentence's own numbers */
    uint64_t history[2][ROWS];
    float    p[ROWS * VOCAB];
    int      sentences, calls;
    float    end;                   /* added to the logit of the end */
} toy;

static uint64_t mix(uint64_t h, int word) { return (h ^ (uint64_t)(word + 1)) * UINT64_C(0x9e3779b97f4a7c15) ^ h >> 29; }

static void numbers(const toy *y, uint64_t history, float *p)
{
    double sum = 0.0;

    for (int w = 0; w < VOCAB; w++) {
        uint64_t h = mix(mix(history ^ y->seed, w), 77);
        p[w] = (float)((double)(h >> 40) / (double)(1 << 24) * 3.0) + (w == END ? y->end : 0.0f);
        sum += exp((double)p[w]);
    }
    for (int w = 0; w < VOCAB; w++)
        p[w] -= (float)log(sum);
}

static const float *next(void *self, const int64_t *begin, const int *from, const int *words, base_error *e)
{
    toy *y = self;
    uint64_t *now = y->history[y->calls % 2], *before = y->history[1 - y->calls % 2];

    (void)e;
    for (int u = 0; u < y->sentences; u++)
        for (int64_t i = begin[u]; i < begin[u + 1]; i++) {
            now[i] = mix(y->calls ? before[from[i]] : y->first[u], words[i]);
            numbers(y, now[i], y->p + i * VOCAB);
        }
    y->calls++;
    return y->p;
}

static const int64_t source[] = { 0, 2, 5, 6 };

static nn_sequence_model model_of(toy *y, uint64_t seed, int first, int sentences, float end)
{
    *y = (toy){ .seed = seed, .sentences = sentences, .end = end };
    for (int u = 0; u < sentences; u++)
        y->first[u] = (uint64_t)(first + u) * 1000003;
    return (nn_sequence_model){ sentences, VOCAB, source, 100, y, next };
}

static nn_sequence_options options(int beam, double penalty)
{
    return (nn_sequence_options){ .beam = beam, .nbest = beam < 8 ? beam : 8, .start = START, .end = END, .pad = PAD,
        .unknown = -1, .length_penalty = penalty, .shortest = 1, .longest = MOST };
}

static void drop(nn_hypothesis *h, const int *found, int sentences, int nbest)
{
    for (int u = 0; u < sentences; u++)
        for (int i = 0; i < found[u]; i++)
            nn_hypothesis_free(&h[u * nbest + i]);
}

/* ---- every sequence --------------------------------------------------------------------------------------------- */

typedef struct best { int n, labels[8][MOST], length[8]; double score[8]; } best;

static void keep(best *b, const int *labels, int n, double score)
{
    int i = b->n < 8 ? b->n++ : 8;

    if (i == 8 && score <= b->score[--i])
        return;
    for (; i > 0 && b->score[i - 1] < score; i--) {
        memcpy(b->labels[i], b->labels[i - 1], sizeof b->labels[i]);
        b->length[i] = b->length[i - 1];
        b->score[i] = b->score[i - 1];
    }
    memcpy(b->labels[i], labels, (size_t)n * sizeof *labels);
    b->length[i] = n;
    b->score[i] = score;
}

static void enumerate(const toy *y, uint64_t history, int *labels, int n, double score, const nn_sequence_options *o, best *b)
{
    float p[VOCAB];

    numbers(y, history, p);
    if (n >= o->shortest || n == o->longest)
        keep(b, labels, n, (score + (double)p[END]) / pow(n + 1, o->length_penalty));
    for (int w = 0; n < o->longest && w < VOCAB; w++)
        if (w != PAD && w != END) {
            labels[n] = w;
            enumerate(y, mix(history, w), labels, n + 1, score + (double)p[w] - (w == o->unknown ? o->unknown_penalty : 0.0), o, b);
        }
}

static const double penalties[] = { 0.0, 1.0, 0.5, 2.0 };

START_TEST(a_wide_beam_finds_the_best)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        nn_sequence_options o = options(400, penalties[_i]);
        toy y;
        nn_sequence_model m = model_of(&y, seed, 0, SENTENCES, 0.0f);
        nn_hypothesis out[SENTENCES * 8];
        base_error e = BASE_ERROR_INIT;
        int found[SENTENCES], labels[MOST + 1];

        if (_i == 3) {
            o.unknown = 4;
            o.unknown_penalty = 0.7;
            o.shortest = 2;
        }
        ck_assert_msg(!nn_sequence_beam(&m, &o, out, found, &e), "%s", e.text);
        for (int u = 0; u < SENTENCES; u++) {
            best b = { 0 };

            enumerate(&y, mix(y.first[u], START), labels, 0, 0.0, &o, &b);
            ck_assert_int_eq(found[u], 8);
            for (int i = 0; i < 8; i++) {
                ck_assert_msg(out[u * 8 + i].n == b.length[i], "seed %d", (int)seed);
                ck_assert_mem_eq(out[u * 8 + i].labels, b.labels[i], (size_t)b.length[i] * sizeof(int));
                ck_assert_double_eq_tol(out[u * 8 + i].score, b.score[i], 1e-9);
                ck_assert_ptr_null(out[u * 8 + i].frames);
            }
        }
        drop(out, found, SENTENCES, 8);
    }
}
END_TEST

/* ---- a beam of one ---------------------------------------------------------------------------------------------- */

static int greedy(const toy *y, uint64_t history, const nn_sequence_options *o, int *labels, double *score)
{
    int n = 0;

    for (*score = 0.0;; n++) {
        int w = END;
        float p[VOCAB];

        numbers(y, history, p);
        for (int k = VOCAB; n < o->longest && k-- > 0; )
            if (k != PAD && (k != END || n >= o->shortest) && (p[k] >= p[w] || (w == END && n < o->shortest)))
                w = k;
        *score += (double)p[w];
        if (w == END)
            return n;
        labels[n] = w;
        history = mix(history, w);
    }
}

START_TEST(a_beam_of_one_is_greedy)
{
    int lengths = 0;

    for (uint64_t seed = 0; seed < 100; seed++) {
        nn_sequence_options o = options(1, 0.0);
        toy y;
        nn_sequence_model m = model_of(&y, seed, 0, SENTENCES, 1.0f);
        nn_hypothesis out[SENTENCES];
        base_error e = BASE_ERROR_INIT;
        int found[SENTENCES], labels[MOST];
        double score;

        ck_assert_msg(!nn_sequence_beam(&m, &o, out, found, &e), "%s", e.text);
        for (int u = 0; u < SENTENCES; u++) {
            int n = greedy(&y, mix(y.first[u], START), &o, labels, &score);
            ck_assert_msg(out[u].n == n, "seed %d", (int)seed);
            ck_assert_mem_eq(out[u].labels, labels, (size_t)n * sizeof *labels);
            ck_assert_double_eq_tol(out[u].score, score, 1e-9);
            lengths |= 1 << n;
        }
        drop(out, found, SENTENCES, 1);
    }
    ck_assert_int_eq(lengths, 0x1e);        /* 1 to 4 words: sentences end at different steps */
}
END_TEST

START_TEST(a_batch_gives_the_same_as_one_by_one)
{
    for (uint64_t seed = 0; seed < 50; seed++) {
        nn_sequence_options o = options(3, 1.0);
        toy y;
        nn_sequence_model m = model_of(&y, seed, 0, SENTENCES, 1.0f);
        nn_hypothesis all[SENTENCES * 3], one[3];
        base_error e = BASE_ERROR_INIT;
        int found[SENTENCES], alone;

        ck_assert_msg(!nn_sequence_beam(&m, &o, all, found, &e), "%s", e.text);
        for (int u = 0; u < SENTENCES; u++) {
            m = model_of(&y, seed, u, 1, 1.0f);
            ck_assert_msg(!nn_sequence_beam(&m, &o, one, &alone, &e), "%s", e.text);
            ck_assert_int_eq(alone, found[u]);
            for (int i = 0; i < alone; i++) {
                ck_assert_int_eq(one[i].n, all[u * 3 + i].n);
                ck_assert_mem_eq(one[i].labels, all[u * 3 + i].labels, (size_t)one[i].n * sizeof(int));
                ck_assert_double_eq(one[i].score, all[u * 3 + i].score);
            }
            drop(one, &alone, 1, 3);
        }
        drop(all, found, SENTENCES, 3);
    }
}
END_TEST

/* ---- rules, by hand --------------------------------------------------------------------------------------------- */

/* One sentence whose log probabilities depend on the step and the last word only. */
typedef struct table {
    float p[6][VOCAB][VOCAB];
    float now[64][VOCAB];
    int   calls, rows;
} table;

static const float *look(void *self, const int64_t *begin, const int *from, const int *words, base_error *e)
{
    table *t = self;

    (void)from;
    (void)e;
    t->rows += (int)begin[1];
    for (int64_t i = 0; i < begin[1]; i++)
        memcpy(t->now[i], t->p[t->calls][words[i]], sizeof t->now[i]);
    t->calls++;
    return t->now[0];
}

static nn_sequence_model look_at(table *t)
{
    for (int i = 0; i < 6 * VOCAB * VOCAB; i++)
        (&t->p[0][0][0])[i] = -INFINITY;
    t->calls = t->rows = 0;
    return (nn_sequence_model){ 1, VOCAB, source, 100, t, look };
}

/* Among the 2 beam best an end only counts in the first `beam`: here it is third, and its hypothesis not even finished
 * though nothing better comes. */
START_TEST(an_end_counts_among_the_first_beam_only)
{
    table t;
    nn_sequence_model m = look_at(&t);
    nn_sequence_options o = options(2, 0.0);
    nn_hypothesis out[2];
    base_error e = BASE_ERROR_INIT;
    int found;

    o.shortest = 0;
    memcpy(t.p[0][START], (float[VOCAB]){ -9, -INFINITY, -1.2f, -1.0f, -1.1f }, sizeof t.now[0]);
    for (int w = 3; w < 5; w++)
        memcpy(t.p[1][w], (float[VOCAB]){ -9, -INFINITY, -5.0f, -INFINITY, NAN }, sizeof t.now[0]);
    ck_assert_msg(!nn_sequence_beam(&m, &o, out, &found, &e), "%s", e.text);
    ck_assert_int_eq(found, 2);
    ck_assert_int_eq(out[0].n, 1);
    ck_assert_int_eq(out[0].labels[0], 3);
    ck_assert_double_eq_tol(out[0].score, -6.0, 1e-6);
    ck_assert_int_eq(out[1].labels[0], 4);
    drop(out, &found, 1, 2);
}
END_TEST

/* Ties: the better hypothesis so far, then the smaller word. */
START_TEST(ties_go_to_the_smaller_word)
{
    table t;
    nn_sequence_model m = look_at(&t);
    nn_sequence_options o = options(2, 0.0);
    nn_hypothesis out[2];
    base_error e = BASE_ERROR_INIT;
    int found;

    memcpy(t.p[0][START], (float[VOCAB]){ -1, -1, -1, -1, -1 }, sizeof t.now[0]);
    t.p[1][1][END] = t.p[1][3][END] = -1.0f;
    ck_assert_msg(!nn_sequence_beam(&m, &o, out, &found, &e), "%s", e.text);
    ck_assert_int_eq(found, 2);
    ck_assert_int_eq(out[0].labels[0], 1);
    ck_assert_int_eq(out[1].labels[0], 3);
    drop(out, &found, 1, 2);
}
END_TEST

/* A sentence with `beam` finished hypotheses is done, whatever might still come. */
START_TEST(a_full_beam_stops)
{
    table t;
    nn_sequence_model m = look_at(&t);
    nn_sequence_options o = options(1, 0.0);
    nn_hypothesis out[1];
    base_error e = BASE_ERROR_INIT;
    int found;

    t.p[0][START][3] = -0.1f;
    t.p[1][3][END] = -0.5f;
    t.p[1][3][4] = -0.6f;
    ck_assert_msg(!nn_sequence_beam(&m, &o, out, &found, &e), "%s", e.text);
    ck_assert_int_eq(out[0].n, 1);
    ck_assert_int_eq(t.calls, 2);
    drop(out, &found, 1, 1);
}
END_TEST

/* At the greatest length only the end may come, even when the least length is greater; the source's rows count. */
START_TEST(lengths_are_limited)
{
    static const struct { int shortest, longest, limit; double factor; int expected; } cases[] = {
        { 1, 3, 100, 0.0, 3 }, { 9, 2, 100, 0.0, 2 }, { 1, 0, 100, 0.0, 0 }, { 1, 1, 100, 1.5, 4 }, { 1, 5, 3, 0.0, 2 },
        { 1, 0, 1, 0.0, 0 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        table t;
        nn_sequence_model m = look_at(&t);
        nn_sequence_options o = options(1, 1.0);
        nn_hypothesis out[1];
        base_error e = BASE_ERROR_INIT;
        int found;

        for (int k = 0; k < 6; k++)
            for (int w = 0; w < VOCAB; w++) {
                t.p[k][w][3] = -0.1f;
                t.p[k][w][END] = -9.0f;
            }
        o.shortest = cases[i].shortest;
        o.longest = cases[i].longest;
        o.longest_factor = cases[i].factor;
        m.limit = cases[i].limit;
        ck_assert_msg(!nn_sequence_beam(&m, &o, out, &found, &e), "%s", e.text);
        ck_assert_int_eq(found, 1);
        ck_assert_msg(out[0].n == cases[i].expected, "case %zu: %d words", i, out[0].n);
        ck_assert_int_eq(t.calls, cases[i].expected + 1);
        drop(out, &found, 1, 1);
    }
}
END_TEST

/* More room in the beam than there are words. */
START_TEST(a_beam_wider_than_the_vocabulary)
{
    nn_sequence_options o = options(64, 1.0);
    toy y;
    nn_sequence_model m = model_of(&y, 3, 0, 2, 0.0f);
    nn_hypothesis out[2 * 64];
    base_error e = BASE_ERROR_INIT;
    int found[2];

    o.nbest = 64;
    o.longest = 1;
    ck_assert_msg(!nn_sequence_beam(&m, &o, out, found, &e), "%s", e.text);
    for (int u = 0; u < 2; u++)
        ck_assert_int_eq(found[u], 3);      /* one word: any but pad and end */
    drop(out, found, 2, 64);
}
END_TEST

static const float *refuse(void *self, const int64_t *begin, const int *from, const int *words, base_error *e)
{
    (void)self, (void)begin, (void)from, (void)words;
    base_fail(e, BASE_NO_MEMORY, "no more words");
    return NULL;
}

START_TEST(mistakes_are_named)
{
    table t;
    nn_sequence_model m = look_at(&t);
    nn_sequence_options o = options(2, 1.0);
    nn_hypothesis out[2];
    base_error e = BASE_ERROR_INIT;
    int found;

    ck_assert_int_eq(nn_sequence_beam(&m, &o, out, &found, &e), BASE_VALUE);
    ck_assert_str_eq(e.text, "decoding: sentence 0, word 0: no word is possible");
    ck_assert_int_eq(found, 0);
    e = (base_error)BASE_ERROR_INIT;
    o.nbest = 3;
    ck_assert_int_eq(nn_sequence_beam(&m, &o, out, &found, &e), BASE_VALUE);
    ck_assert_str_eq(e.text, "decoding: beam 2, nbest 3, expected 1 <= nbest <= beam");
    e = (base_error)BASE_ERROR_INIT;
    o = options(2, 1.0);
    o.end = VOCAB;
    ck_assert_int_eq(nn_sequence_beam(&m, &o, out, &found, &e), BASE_VALUE);
    ck_assert_str_eq(e.text, "decoding: start 1, end 5, pad 0 in a vocabulary of 5");
    e = (base_error)BASE_ERROR_INIT;
    o = options(2, NAN);
    ck_assert_int_eq(nn_sequence_beam(&m, &o, out, &found, &e), BASE_VALUE);
    e = (base_error)BASE_ERROR_INIT;
    o = options(2, 1.0);
    m.next = refuse;
    ck_assert_int_eq(nn_sequence_beam(&m, &o, out, &found, &e), BASE_NO_MEMORY);
    ck_assert_str_eq(e.text, "no more words");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("sequence_beam");
    TCase *c = tcase_create("sequence_beam");

    tcase_add_loop_test(c, a_wide_beam_finds_the_best, 0, 4);
    tcase_add_test(c, a_beam_of_one_is_greedy);
    tcase_add_test(c, a_batch_gives_the_same_as_one_by_one);
    tcase_add_test(c, an_end_counts_among_the_first_beam_only);
    tcase_add_test(c, ties_go_to_the_smaller_word);
    tcase_add_test(c, a_full_beam_stops);
    tcase_add_test(c, lengths_are_limited);
    tcase_add_test(c, a_beam_wider_than_the_vocabulary);
    tcase_add_test(c, mistakes_are_named);
    suite_add_tcase(s, c);
    return s;
}

UNIT_MAIN(suite)
