/* Decoding against definitions: the probability of a label sequence is the sum over its paths, listed one by one. */
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "base/random.h"
#include "base/sanitizer.h"
#include "libnn/nn.h"
#include "tests/unit/unit.h"

#define SEED 20240607

/* Log-softmax of normal deviates. */
static void fill(float *x, int frames, int v, uint64_t draw, double spread)
{
    base_random r = base_random_at(SEED, draw, base_hash_text(BASE_HASH_INIT, "decode"));

    for (int t = 0; t < frames; t++) {
        double sum = 0;
        for (int c = 0; c < v; c++) {
            double z = spread * base_random_normal(&r, (uint64_t)(t * v + c));
            x[t * v + c] = (float)z;
            sum += exp((double)x[t * v + c]);
        }
        for (int c = 0; c < v; c++)
            x[t * v + c] = (float)((double)x[t * v + c] - log(sum));
    }
}

/* ---- references -------------------------------------------------------------------------------------------------- */

/* All label sequences that v^frames paths make, with their probabilities. */
typedef struct listing {
    int    labels[4000][8], length[4000];
    double p[4000];
    int    n;
} listing;

static int collapse(const int *path, int frames, int blank, int *labels)
{
    int n = 0;

    for (int t = 0; t < frames; t++)
        if (path[t] != blank && (t == 0 || path[t] != path[t - 1]))
            labels[n++] = path[t];
    return n;
}

static void list_paths(listing *l, const float *x, int frames, int v, int blank)
{
    long total = lround(pow(v, frames));

    l->n = 0;
    for (long code = 0; code < total; code++) {
        int path[8], labels[8], n, k;
        long rest = code;
        double p = 1;
        for (int t = 0; t < frames; t++, rest /= v) {
            path[t] = (int)(rest % v);
            p *= exp((double)x[t * v + path[t]]);
        }
        n = collapse(path, frames, blank, labels);
        for (k = 0; k < l->n; k++)
            if (l->length[k] == n && !memcmp(l->labels[k], labels, (size_t)n * sizeof *labels))
                break;
        if (k == l->n) {
            memcpy(l->labels[k], labels, (size_t)n * sizeof *labels);
            l->length[k] = n;
            l->p[l->n++] = 0;
        }
        l->p[k] += p;
    }
}

/* The forward recursion over the labels with blanks between (Graves et al. 2006), in probabilities. */
static double forward(const float *x, int frames, int v, int blank, const int *labels, int n)
{
    double a[64] = { 1 }, b[64];
    int states = 2 * n + 1;

    for (int t = 0; t < frames; t++) {
        for (int k = 0; k < states; k++) {
            int c = k % 2 ? labels[k / 2] : blank;
            double sum = a[k] + (k > 0 ? a[k - 1] : 0);
            if (k > 1 && k % 2 && labels[k / 2] != labels[k / 2 - 1])
                sum += a[k - 2];
            if (t == 0)
                sum = k < 2;
            b[k] = sum * exp((double)x[t * v + c]);
        }
        memcpy(a, b, sizeof a);
    }
    return a[states - 1] + (n ? a[states - 2] : 0);
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

/* A beam as wide as there are prefixes finds every label sequence, in order, each with its probability. */
START_TEST(wide_beam_is_exact)
{
    static listing l;
    static nn_hypothesis out[4000];
    float x[8 * 4];
    base_error e = BASE_ERROR_INIT;

    for (uint64_t draw = 0; draw < 12; draw++) {
        int frames = (int)(draw % 6) + 1, v = 2 + (int)(draw % 3), blank = (int)draw % v, n;
        nn_beam_options o = { 4000, 4000, blank, false };
        fill(x, frames, v, draw, 1.5);
        list_paths(&l, x, frames, v, blank);
        ck_assert_int_eq(nn_ctc_beam(x, frames, v, &o, out, &n, &e), BASE_OK);
        ck_assert_int_eq(n, l.n);
        for (int i = 0; i < n; i++) {
            int k = 0;
            while (k < l.n && (l.length[k] != out[i].n ||
                memcmp(l.labels[k], out[i].labels, (size_t)out[i].n * sizeof *out[i].labels)))
                k++;
            ck_assert_int_lt(k, l.n);
            ck_assert_double_eq_tol(exp(out[i].score), l.p[k], 1e-12);
            ck_assert(i == 0 || out[i].score <= out[i - 1].score);
            l.length[k] = -1;       /* no sequence twice */
            nn_hypothesis_free(&out[i]);
        }
    }
}
END_TEST

/* Longer inputs: the score of a wide beam is the forward probability of its labels; narrower beams stay below it. */
START_TEST(scores_are_forward_probabilities)
{
    enum { FRAMES = 14, V = 3 };
    static nn_hypothesis out[16384];
    float x[FRAMES * V];
    base_error e = BASE_ERROR_INIT;

    for (uint64_t draw = 0; draw < 4; draw++) {
        double before = -INFINITY;
        fill(x, FRAMES, V, 100 + draw, 2);
        for (int beam = 1; beam <= 16384; beam *= 128) {
            nn_beam_options o = { beam, 5, 1, false };
            int n;
            ck_assert_int_eq(nn_ctc_beam(x, FRAMES, V, &o, out, &n, &e), BASE_OK);
            ck_assert_int_eq(n, beam < 5 ? beam : 5);
            for (int i = 0; i < n; i++) {
                double exact = log(forward(x, FRAMES, V, 1, out[i].labels, out[i].n));
                ck_assert_double_le(out[i].score, exact + 1e-9);
                if (beam == 16384)
                    ck_assert_double_eq_tol(out[i].score, exact, 1e-9);
            }
            ck_assert_double_ge(out[0].score, before - 1e-12);
            before = out[0].score;
            for (int i = 0; i < n; i++)
                nn_hypothesis_free(&out[i]);
        }
    }
}
END_TEST

/* The blank is the best label of both frames, with .4; but "a" has three paths, .4025 together, against .16 of "". */
START_TEST(sums_beat_the_best_path)
{
    const float x[] = { logf(0.4f), logf(0.35f), logf(0.25f), logf(0.4f), logf(0.35f), logf(0.25f) };
    nn_beam_options o = { 10, 10, 0, false };
    nn_hypothesis greedy, out[10];
    int n;

    ck_assert_int_eq(nn_ctc_greedy(x, 2, 3, 0, &greedy, NULL), BASE_OK);
    ck_assert_int_eq(greedy.n, 0);
    ck_assert_double_eq_tol(greedy.score, 2 * log(0.4), 1e-6);
    ck_assert_int_eq(nn_ctc_beam(x, 2, 3, &o, out, &n, NULL), BASE_OK);
    ck_assert_int_eq(out[0].n, 1);
    ck_assert_int_eq(out[0].labels[0], 1);
    ck_assert_double_eq_tol(out[0].score, log(2 * 0.4 * 0.35 + 0.35 * 0.35), 1e-6);
    for (int i = 0; i < n; i++)
        nn_hypothesis_free(&out[i]);
    nn_hypothesis_free(&greedy);
}
END_TEST

START_TEST(greedy_collapses)
{
    const int path[] = { 2, 2, 0, 1, 1, 0, 1, 3, 3, 2, 0 }, labels[] = { 2, 1, 1, 3, 2 }, at[] = { 0, 3, 6, 7, 9 };
    enum { N = sizeof path / sizeof *path };
    float x[N * 4];
    nn_hypothesis h;

    for (int t = 0; t < N; t++)
        for (int c = 0; c < 4; c++)
            x[t * 4 + c] = c == path[t] ? -0.5f : -3.0f;
    ck_assert_int_eq(nn_ctc_greedy(x, N, 4, 0, &h, NULL), BASE_OK);
    ck_assert_int_eq(h.n, 5);
    ck_assert_mem_eq(h.labels, labels, sizeof labels);
    ck_assert_mem_eq(h.frames, at, sizeof at);
    ck_assert_double_eq(h.score, -0.5 * N);
    nn_hypothesis_free(&h);
    for (int i = 0; i < N * 4; i++)
        x[i] = -1;      /* all tied: the lowest label, 0, a label here */
    ck_assert_int_eq(nn_ctc_greedy(x, N, 4, 3, &h, NULL), BASE_OK);
    ck_assert_int_eq(h.n, 1);
    ck_assert_int_eq(h.labels[0], 0);
    nn_hypothesis_free(&h);
}
END_TEST

/* Frames of a hypothesis are those of its most probable path, the earliest of equals: compared with all paths. */
START_TEST(frames_are_of_the_best_alignment)
{
    enum { FRAMES = 6, V = 3 };
    float x[FRAMES * V];
    nn_beam_options o = { 500, 8, 2, false };
    nn_hypothesis out[8];
    int n;

    for (uint64_t draw = 0; draw < 5; draw++) {
        fill(x, FRAMES, V, 200 + draw, 1.5);
        ck_assert_int_eq(nn_ctc_beam(x, FRAMES, V, &o, out, &n, NULL), BASE_OK);
        for (int i = 0; i < n; i++) {
            double best = -INFINITY, ours = -INFINITY;
            for (int code = 0; code < 729; code++) {
                int path[FRAMES], labels[FRAMES], rest = code, k = 0;
                bool same = true;
                double p = 0;
                for (int t = 0; t < FRAMES; t++, rest /= V) {
                    path[t] = rest % V;
                    p += (double)x[t * V + path[t]];
                }
                if (collapse(path, FRAMES, 2, labels) != out[i].n || memcmp(labels, out[i].labels, (size_t)out[i].n * 4))
                    continue;
                best = p > best ? p : best;
                for (int t = 0; t < FRAMES; t++)
                    if (path[t] != 2 && (t == 0 || path[t] != path[t - 1]))
                        same &= out[i].frames[k++] == t;
                ours = same && p > ours ? p : ours;
            }
            ck_assert_double_eq_tol(ours, best, 1e-12);
            nn_hypothesis_free(&out[i]);
        }
    }
}
END_TEST

START_TEST(ties_are_ordered)
{
    float x[3 * 3];
    nn_beam_options o = { 100, 100, 0, false };
    nn_hypothesis out[100], again[3];
    int n, m;

    for (int i = 0; i < 9; i++)
        x[i] = logf(1.0f / 3);
    ck_assert_int_eq(nn_ctc_beam(x, 3, 3, &o, out, &n, NULL), BASE_OK);
    for (int i = 1; i < n; i++) {
        const nn_hypothesis *a = &out[i - 1], *b = &out[i];
        if (a->score != b->score)
            continue;
        ck_assert_int_le(a->n, b->n);
        for (int k = 0; a->n == b->n; k++) {
            ck_assert_int_lt(k, a->n);
            ck_assert_int_le(a->labels[k], b->labels[k]);
            if (a->labels[k] != b->labels[k])
                break;
        }
    }
    o = (nn_beam_options){ 3, 3, 0, false };       /* a narrow beam keeps the first of the tied */
    ck_assert_int_eq(nn_ctc_beam(x, 1, 3, &o, again, &m, NULL), BASE_OK);
    ck_assert_int_eq(m, 3);
    ck_assert_int_eq(again[0].n, 0);
    ck_assert_int_eq(again[1].labels[0], 1);
    ck_assert_int_eq(again[2].labels[0], 2);
    for (int i = 0; i < n; i++)
        nn_hypothesis_free(&out[i]);
    for (int i = 0; i < m; i++)
        nn_hypothesis_free(&again[i]);
}
END_TEST

/* Impossible labels (-inf) never appear, and repeated labels need a blank between them. */
START_TEST(impossible_labels)
{
    const float no = -INFINITY, x[] = { no, 0, no, /**/ 0, no, no, /**/ no, 0, no };
    nn_beam_options o = { 10, 10, 0, false };
    nn_hypothesis out[10];
    int n;

    ck_assert_int_eq(nn_ctc_beam(x, 3, 3, &o, out, &n, NULL), BASE_OK);
    ck_assert_int_eq(n, 1);
    ck_assert_int_eq(out[0].n, 2);
    ck_assert_int_eq(out[0].labels[0], 1);
    ck_assert_int_eq(out[0].labels[1], 1);
    ck_assert_int_eq(out[0].frames[1], 2);
    ck_assert_double_eq(out[0].score, 0);
    nn_hypothesis_free(&out[0]);
}
END_TEST

START_TEST(no_frames)
{
    nn_beam_options o = { 10, 10, 0, false };
    nn_hypothesis out[10], h;
    float none = 0;
    int n;

    ck_assert_int_eq(nn_ctc_beam(&none, 0, 5, &o, out, &n, NULL), BASE_OK);
    ck_assert_int_eq(n, 1);
    ck_assert_int_eq(out[0].n, 0);
    ck_assert_double_eq(out[0].score, 0);
    nn_hypothesis_free(&out[0]);
    ck_assert_int_eq(nn_ctc_greedy(&none, 0, 5, 0, &h, NULL), BASE_OK);
    ck_assert(h.n == 0 && h.score == 0);
    nn_hypothesis_free(&h);
}
END_TEST

START_TEST(bad_input_is_refused)
{
    static const struct { float value; const char *said; } bad[] = {
        { NAN, "log probabilities: frame 2, label 1: nan, expected a number up to 0" },
        { INFINITY, "log probabilities: frame 2, label 1: inf, expected a number up to 0" },
        { 0.5f, "log probabilities: frame 2, label 1: 0.5, expected a number up to 0" },
    };
    nn_beam_options o = { 4, 4, 0, false };
    nn_hypothesis out[4];
    int n;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        for (int beam = 0; beam < 2; beam++) {
            base_error e = BASE_ERROR_INIT;
            float x[9] = { -1, -1, -1, -1, -1, -1, -1, bad[i].value, -1 };
            base_status status = beam ? nn_ctc_beam(x, 3, 3, &o, out, &n, &e) : nn_ctc_greedy(x, 3, 3, 0, out, &e);
            ck_assert_int_eq(status, BASE_VALUE);
            ck_assert_str_eq(e.text, bad[i].said);
        }
    float x[6] = { -1, -1, -1, -INFINITY, -INFINITY, -INFINITY };
    base_error e = BASE_ERROR_INIT;
    ck_assert_int_eq(nn_ctc_beam(x, 2, 3, &o, out, &n, &e), BASE_VALUE);
    ck_assert_str_eq(e.text, "log probabilities: frame 1: every label is impossible (-inf)");
    ck_assert_int_eq(nn_ctc_greedy(x, 1, 3, 3, out, NULL), BASE_VALUE);
    ck_assert_int_eq(nn_ctc_greedy(x, 1, 3, -1, out, NULL), BASE_VALUE);
    ck_assert_int_eq(nn_ctc_greedy(x, -1, 3, 0, out, NULL), BASE_SHAPE);
    o.beam = 0;
    ck_assert_int_eq(nn_ctc_beam(x, 1, 3, &o, out, &n, NULL), BASE_VALUE);
}
END_TEST

/* 500 frames of 32 labels at beam 20 take a few milliseconds of one thread. */
START_TEST(beam_is_fast)
{
    enum { FRAMES = 500, V = 32 };
    static float x[FRAMES * V];
    nn_beam_options o = { 20, 1, 0, false };
    nn_hypothesis out;
    double took;
    clock_t begin;
    int n;

    fill(x, FRAMES, V, 300, 3);
    begin = clock();
    ck_assert_int_eq(nn_ctc_beam(x, FRAMES, V, &o, &out, &n, NULL), BASE_OK);
    took = (double)(clock() - begin) / CLOCKS_PER_SEC;
    printf("# %d frames, %d labels, beam %d: %.1f ms, %d labels found\n", FRAMES, V, o.beam, 1000 * took, out.n);
#ifndef BASE_ASAN
    ck_assert_double_lt(took, 0.05);
#endif
    nn_hypothesis_free(&out);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("libnn/decode");

    unit_add(s, wide_beam_is_exact);
    unit_add(s, scores_are_forward_probabilities);
    unit_add(s, sums_beat_the_best_path);
    unit_add(s, greedy_collapses);
    unit_add(s, frames_are_of_the_best_alignment);
    unit_add(s, ties_are_ordered);
    unit_add(s, impossible_labels);
    unit_add(s, no_frames);
    unit_add(s, bad_input_is_refused);
    unit_add(s, beam_is_fast);
    return s;
}

UNIT_MAIN(suite)
