/* k-means against what it must be: centres that are the means of their frames, frames with the nearest centre, the known
 * optimum of well-parted clusters, samples that are even. */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "base/random.h"
#include "recipes/kmeans.h"
#include "tests/unit/unit.h"

enum { COLS = 3 };

/* n frames around `groups` points that lie 100 apart. */
static nn_matrix parted(int64_t n, int groups, uint64_t seed)
{
    base_random r = base_random_at(seed, 1, 2);
    nn_matrix m = { malloc((size_t)n * COLS * sizeof(float)), n, COLS };

    for (int64_t i = 0; i < n * COLS; i++)
        m.x[i] = (float)base_random_normal(&r, (uint64_t)i) + (i % COLS == 0 ? 100.0f * (float)(i / COLS % groups) : 0.0f);
    return m;
}

static double squared(const float *a, const float *b)
{
    double d = 0;

    for (int j = 0; j < COLS; j++)
        d += ((double)a[j] - (double)b[j]) * ((double)a[j] - (double)b[j]);
    return d;
}

/* The mean over frames of the squared distance to the nearest centre, the plain way; nearest [n]. */
static double plain(const nn_matrix *x, const nn_matrix *c, int *nearest)
{
    double inertia = 0;

    for (int64_t i = 0; i < x->rows; i++) {
        nearest[i] = 0;
        for (int k = 1; k < c->rows; k++)
            if (squared(x->x + i * COLS, c->x + k * COLS) < squared(x->x + i * COLS, c->x + nearest[i] * COLS))
                nearest[i] = k;
        inertia += squared(x->x + i * COLS, c->x + nearest[i] * COLS);
    }
    return inertia / (double)x->rows;
}

START_TEST(finds_parted_clusters)
{
    nn_matrix x = parted(900, 9, 3), c;
    ser_kmeans_options o = { 9, 50, 0, 7, NULL };
    base_error e = BASE_ERROR_INIT;
    ser_kmeans_course course;
    int ours[900], nearest[900];
    float distance[900];
    double mean;

    ck_assert_msg(!ser_kmeans_train(&x, &o, &c, &course, &e), "%s", e.text);
    ck_assert_int_eq(c.rows, 9);
    mean = plain(&x, &c, nearest);
    ck_assert_msg(fabs(mean - course.inertia) <= 1e-5 * mean, "inertia %g, plainly %g", course.inertia, mean);
    ck_assert(mean < 1.2 * COLS && mean <= course.first);        /* the variance of the noise is 1 a column */
    ck_assert(!ser_kmeans_assign(&c, &x, ours, distance, &e));
    for (int i = 0; i < 900; i++) {
        ck_assert_int_eq(ours[i], nearest[i]);
        ck_assert_int_eq(ours[i], ours[i % 9]);
        ck_assert(fabs((double)distance[i] - squared(x.x + i * COLS, c.x + ours[i] * COLS)) < 1e-3);
    }
    nn_matrix_free(&x);
    nn_matrix_free(&c);
}
END_TEST

/* Where nothing moves any more every centre is the mean of its frames. */
START_TEST(centres_are_means)
{
    int nearest[40];
    ser_kmeans_course course;
    base_error e = BASE_ERROR_INIT;

    for (uint64_t seed = 1; seed <= 50; seed++) {
        nn_matrix x = parted(40, 3, seed), c;
        ser_kmeans_options o = { 12, 1000, 0, seed, NULL };
        double mean, sum[12][COLS] = { 0 };
        int n[12] = { 0 };

        ck_assert(!ser_kmeans_train(&x, &o, &c, &course, &e));
        ck_assert_msg(course.iterations < 1000, "seed %d: no end", (int)seed);
        mean = plain(&x, &c, nearest);
        ck_assert(fabs(mean - course.inertia) <= 1e-4 * mean + 1e-4);
        for (int i = 0; i < 40; i++) {
            n[nearest[i]]++;
            for (int j = 0; j < COLS; j++)
                sum[nearest[i]][j] += (double)x.x[i * COLS + j];
        }
        for (int k = 0; k < 12; k++)
            for (int j = 0; j < COLS; j++)
                ck_assert_msg(n[k] > 0 && fabs(sum[k][j] / n[k] - (double)c.x[k * COLS + j]) < 1e-4, "seed %d: centre %d of %d frames",
                    (int)seed, k, n[k]);
        nn_matrix_free(&x);
        nn_matrix_free(&c);
    }
}
END_TEST

/* Centres that begin far from all frames take the farthest frames, each another one, here 12 and 0; that leaves the first
 * centre without any, and it takes 10. */
START_TEST(empty_centres_move)
{
    float frame[] = { 0, 1, 10, 12 }, first[] = { 5, 500, 900 };
    nn_matrix x = { frame, 4, 1 }, c;
    ser_kmeans_options o = { 3, 10, 0, 1, first };
    base_error e = BASE_ERROR_INIT;
    ser_kmeans_course course;

    ck_assert(!ser_kmeans_train(&x, &o, &c, &course, &e));
    ck_assert_int_eq(course.reseeded, 3);
    ck_assert(course.first == (25 + 16 + 25 + 49) / 4.0);
    ck_assert(c.x[0] == 10 && c.x[1] == 12 && c.x[2] == 0.5f && course.inertia == 0.125);
    nn_matrix_free(&c);
}
END_TEST

START_TEST(same_for_any_threads)
{
    nn_matrix x = parted(5000, 4, 11), c[2];
    ser_kmeans_options o = { 60, 20, 0, 5, NULL };
    base_error e = BASE_ERROR_INIT;
    ser_kmeans_course course;

    for (int i = 0; i < 2; i++) {
        omp_set_num_threads(1 + 2 * i);
        ck_assert(!ser_kmeans_train(&x, &o, &c[i], &course, &e));
    }
    ck_assert_mem_eq(c[0].x, c[1].x, 60 * COLS * sizeof(float));
    nn_matrix_free(&c[1]);
    o.seed = 6;
    ck_assert(!ser_kmeans_train(&x, &o, &c[1], &course, &e));
    ck_assert(memcmp(c[0].x, c[1].x, 60 * COLS * sizeof(float)) != 0);
    nn_matrix_free(&c[0]);
    nn_matrix_free(&c[1]);
    nn_matrix_free(&x);
}
END_TEST

/* 200 seeds, 100 of 1000 frames each: a tenth of the stream is in a sample as often as another. */
START_TEST(samples_evenly)
{
    float frame[1000];
    int64_t tenth[10] = { 0 };
    base_error e = BASE_ERROR_INIT;

    for (int i = 0; i < 1000; i++)
        frame[i] = (float)i;
    for (uint64_t seed = 0; seed < 200; seed++) {
        ser_sample s = { .most = 100, .seed = seed };

        for (int i = 0; i < 10; i++)        /* in pieces */
            ck_assert(!ser_sample_add(&s, &(nn_matrix){ frame + 100 * i, 100, 1 }, &e));
        ck_assert_int_eq(s.kept, 100);
        ck_assert_int_eq(s.seen, 1000);
        for (int i = 0; i < 100; i++)
            tenth[(int)s.x[i] / 100]++;
        ser_sample_free(&s);
    }
    for (int i = 0; i < 10; i++)        /* 2000 expected, standard deviation 40 */
        ck_assert_msg(tenth[i] > 1800 && tenth[i] < 2200, "%d of the samples are of tenth %d", (int)tenth[i], i);
}
END_TEST

START_TEST(refuses)
{
    nn_matrix x = parted(5, 1, 3), c;
    ser_kmeans_options o = { 6, 50, 0, 7, NULL };
    base_error e = BASE_ERROR_INIT;
    ser_kmeans_course course;
    ser_sample s = { .most = 10 };

    ck_assert_int_eq(ser_kmeans_train(&x, &o, &c, &course, &e), BASE_LIMIT);
    ck_assert_str_eq(e.text, "5 frames are too few for 6 clusters");
    ck_assert_ptr_null(c.x);
    o.clusters = 4;
    memcpy(x.x + 2 * COLS, x.x, COLS * sizeof(float));
    memcpy(x.x + 3 * COLS, x.x, 2 * COLS * sizeof(float));
    memcpy(x.x + COLS, x.x + 2 * COLS, COLS * sizeof(float));
    e = (base_error)BASE_ERROR_INIT;
    ck_assert_int_eq(ser_kmeans_train(&x, &o, &c, &course, &e), BASE_LIMIT);
    ck_assert_msg(strstr(e.text, "frames differ"), "%s", e.text);
    e = (base_error)BASE_ERROR_INIT;
    ck_assert(!ser_sample_add(&s, &x, &e));
    ck_assert_int_eq(ser_sample_add(&s, &(nn_matrix){ x.x, 2, 2 }, &e), BASE_SHAPE);
    x.x[4] = NAN;
    e = (base_error)BASE_ERROR_INIT;
    ck_assert_int_eq(ser_sample_add(&s, &x, &e), BASE_VALUE);
    ck_assert_str_eq(e.text, "row 1, column 1 is nan");
    ser_sample_free(&s);
    nn_matrix_free(&x);
}
END_TEST

static Suite *kmeans_suite(void)
{
    Suite *s = suite_create("kmeans");

    unit_add(s, finds_parted_clusters);
    unit_add(s, centres_are_means);
    unit_add(s, empty_centres_move);
    unit_add(s, same_for_any_threads);
    unit_add(s, samples_evenly);
    unit_add(s, refuses);
    return s;
}

UNIT_MAIN(kmeans_suite)
