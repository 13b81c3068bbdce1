#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "base/random.h"
#include "recipes/score.h"
#include "tests/unit/unit.h"

/* Eq. 18 to 20 and macro F1 straight from pairs of labels, by precision and recall. */
static void plain_metrics(const int *ref, const int *hyp, int n, int labels, double value[SER_METRICS])
{
    double recalls = 0, macro = 0, weighted = 0, correct = 0;
    int present = 0;

    for (int c = 0; c < labels; c++) {
        double truth = 0, answers = 0, hits = 0, recall, precision, f1;

        for (int i = 0; i < n; i++) {
            truth += ref[i] == c;
            answers += hyp[i] == c;
            hits += ref[i] == c && hyp[i] == c;
        }
        if (truth == 0)
            continue;
        recall = hits / truth;
        precision = answers > 0 ? hits / answers : 0;
        f1 = recall + precision > 0 ? 2 * recall * precision / (recall + precision) : 0;
        present++;
        correct += hits;
        recalls += recall;
        macro += f1;
        weighted += truth / n * f1;
    }
    value[SER_UA] = 100 * recalls / present;
    value[SER_WA] = 100 * correct / n;
    value[SER_WF1] = 100 * weighted;
    value[SER_MF1] = 100 * macro / present;
}

START_TEST(metrics_against_definitions)
{
    for (int trial = 0; trial < 500; trial++) {
        base_random rng = base_random_at(7, (uint64_t)trial, base_hash_text(BASE_HASH_INIT, "metrics"));
        int labels = 1 + (int)base_random_below(&rng, 0, 6), n = 1 + (int)base_random_below(&rng, 1, 30);
        double value[SER_METRICS], wanted[SER_METRICS];
        int64_t count[36] = { 0 };
        int ref[30], hyp[30];

        for (int i = 0; i < n; i++) {
            ref[i] = (int)base_random_below(&rng, 10 + i, labels);
            hyp[i] = (int)base_random_below(&rng, 50 + i, labels);
            count[ref[i] * labels + hyp[i]]++;
        }
        ser_label_metrics(count, labels, value);
        plain_metrics(ref, hyp, n, labels, wanted);
        for (int m = 0; m < SER_METRICS; m++)
            ck_assert_double_eq_tol(value[m], wanted[m], 1e-9);
    }
}
END_TEST

/* Always answering the most frequent label, scored as any other system. */
START_TEST(majority_is_a_system)
{
    int64_t count[9] = { 3, 2, 0, 1, 1, 5, 0, 0, 0 }, constant[9] = { 0, 5, 0, 0, 7, 0, 0, 0, 0 };
    const ser_label_score s = { .labels = 3, .n = 12, .count = count };
    double value[SER_METRICS], wanted[SER_METRICS];

    ck_assert_int_eq(ser_label_majority(&s, value), 1);
    ser_label_metrics(constant, 3, wanted);
    for (int m = 0; m < SER_METRICS; m++)
        ck_assert_double_eq_tol(value[m], wanted[m], 1e-9);
}
END_TEST

static void mean_of_drawn(const void *data, const int64_t *which, const int64_t *times, int64_t n, double *value)
{
    const double *x = data;
    double sum = 0, drawn = 0;

    for (int64_t i = 0; i < n; i++) {
        sum += x[which[i]] * (double)times[i];
        drawn += (double)times[i];
    }
    *value = sum / drawn;
}

/* The interval of a mean of 1,000 normal deviates is mean +- 1.96 sd / sqrt(n), to the noise of 4,000 resamples. */
START_TEST(bootstrap_of_a_mean)
{
    const ser_bootstrap o = { 4000, 3, NULL };
    base_random rng = base_random_at(11, 0, base_hash_text(BASE_HASH_INIT, "normal"));
    double x[1000], mean, sd, half, p;
    ser_interval interval, again;
    ser_clusters c;

    ck_assert_int_eq(ser_clusters_make(&c, NULL, NULL, 1000, NULL), BASE_OK);
    for (int i = 0; i < 1000; i++)
        x[i] = base_random_normal(&rng, (uint64_t)i) + 0.05;
    ser_mean_sd(x, 1000, &mean, &sd);
    half = 1.96 * sd / sqrt(1000);
    ck_assert_int_eq(ser_bootstrap_run(&o, &c, 1, mean_of_drawn, x, &interval, &p, NULL), BASE_OK);
    ck_assert_double_eq_tol(interval.low, mean - half, 0.1 * half);
    ck_assert_double_eq_tol(interval.high, mean + half, 0.1 * half);
    ck_assert_double_eq_tol(p, erfc(mean / sd * sqrt(1000) / sqrt(2)), 0.03);      /* the normal two-sided p */
    ck_assert_int_eq(ser_bootstrap_run(&o, &c, 1, mean_of_drawn, x, &again, NULL, NULL), BASE_OK);
    ck_assert_mem_eq(&interval, &again, sizeof(interval));
    ser_clusters_free(&c);
}
END_TEST

/* Three speakers of one or two utterances: all 3^3 draws of speakers and then of their utterances, each with its
 * probability, against what 200,000 resamples give. */
START_TEST(clusters_then_utterances)
{
    const ser_bootstrap o = { 200000, 5, (const int64_t[]){ 7, 7, 3, 9, 9, 9 } };
    const int64_t which[] = { 0, 1, 2, 3, 5 };      /* not 4 */
    const double x[] = { 0, 1, 5, 11, 1000, 12 };
    double p, wanted_low, wanted_high;
    ser_interval interval;
    ser_clusters c;

    ck_assert_int_eq(ser_clusters_make(&c, o.cluster, which, 5, NULL), BASE_OK);
    ck_assert_int_eq(c.n, 3);
    ck_assert_int_eq(c.begin[1], 1);            /* clusters rise, and so do utterances in each */
    ck_assert_int_eq(c.begin[2], 3);
    ck_assert_int_eq(c.begin[3], 5);
    ck_assert_int_eq(c.order[0], 2);
    ck_assert_int_eq(c.order[1], 0);
    ck_assert_int_eq(c.order[4], 5);
    ck_assert_int_eq(ser_bootstrap_run(&o, &c, 1, mean_of_drawn, x, &interval, &p, NULL), BASE_OK);
    /* P(speaker 7 three times) = 1/27, and then the mean is k/6, k ones of 6 draws: so 2.5 % lie at or below 3/6:
     * (1 + 6 + 15 + 20) / 64 / 27 = 0.0243 are below or at 3/6, 4/6 passes. Above: speaker 9 three times likewise. */
    wanted_low = 4.0 / 6;
    wanted_high = 12 - 4.0 / 6;
    ck_assert_double_eq_tol(interval.low, wanted_low, 1e-9);
    ck_assert_double_eq_tol(interval.high, wanted_high, 1e-9);
    ck_assert_double_eq_tol(p, 2.0 / 27 / 64, 4e-4);    /* all six are the 0 */
    ser_clusters_free(&c);
}
END_TEST

START_TEST(mean_and_deviation)
{
    const double x[] = { 2, 4, 4, 4, 5, 5, 7, 9 };
    double mean, sd;

    ser_mean_sd(x, 8, &mean, &sd);
    ck_assert_double_eq_tol(mean, 5, 1e-12);
    ck_assert_double_eq_tol(sd, sqrt(32.0 / 7), 1e-12);
    ser_mean_sd(x, 1, &mean, &sd);
    ck_assert_double_eq(sd, 0);
}
END_TEST

START_TEST(parts_by_name)
{
    tx_entry entry[] = { { "a", "2", 1 }, { "b", "1", 2 }, { "c", "2", 3 }, { "d", "3", 4 } };
    const tx_table by = { .entry = entry, .n = 4, .path = (char *)"by" };
    const char *key[] = { "a", "b", "c" }, *lost[] = { "z" };
    base_error e = BASE_ERROR_INIT;
    ser_parts p;

    ck_assert_int_eq(ser_parts_make(&p, &by, key, 3, &e), BASE_OK);
    ck_assert_int_eq(p.n, 2);
    ck_assert_str_eq(p.name[0], "1");
    ck_assert_str_eq(p.name[1], "2");
    ck_assert_int_eq(p.begin[1], 1);
    ck_assert_int_eq(p.begin[2], 3);
    ck_assert_int_eq(p.order[0], 1);
    ck_assert_int_eq(p.order[1], 0);
    ck_assert_int_eq(p.order[2], 2);
    ser_parts_free(&p);
    ck_assert_int_eq(ser_parts_make(&p, &by, lost, 1, &e), BASE_MISSING);
    ck_assert_str_eq(e.text, "by: no entry for \"z\", which is scored");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("score");

    unit_add(s, metrics_against_definitions);
    unit_add(s, majority_is_a_system);
    unit_add(s, bootstrap_of_a_mean);
    unit_add(s, clusters_then_utterances);
    unit_add(s, mean_and_deviation);
    unit_add(s, parts_by_name);
    return s;
}

UNIT_MAIN(suite)
