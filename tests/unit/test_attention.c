/* Attention beyond the table's small samples: several tiles of queries and keys, against the formula in double. */
#include <omp.h>

#include "tests/unit/weigh.h"

enum { HEADS = 2, WIDTH = 12, C = HEADS * WIDTH };

/* Lengths that need one and several blocks of queries and keys, with remainders, beside empty utterances. */
static const int64_t query_begin[] = { 0, 803, 803, 804, 1201, 1210 }, key_begin[] = { 0, 61, 66, 66, 1000, 1001 };
static const int utterances = 5;

/* One row of one head of the formula; weights [keys] is room. */
static void reference_row(const float *q, const float *k, const float *v, int64_t keys, int64_t ld, double *weights, double *y)
{
    double sum = 0.0, most = -INFINITY;

    memset(y, 0, WIDTH * sizeof *y);
    for (int64_t j = 0; j < keys; j++) {
        weights[j] = 0.0;
        for (int c = 0; c < WIDTH; c++)
            weights[j] += (double)q[c] * k[j * ld + c] / sqrt(WIDTH);
        most = fmax(most, weights[j]);
    }
    for (int64_t j = 0; j < keys; j++)
        sum += weights[j] = exp(weights[j] - most);
    for (int64_t j = 0; j < keys; j++)
        for (int c = 0; c < WIDTH; c++)
            y[c] += weights[j] / sum * v[j * ld + c];
}

/* The largest difference of y [rows][C] from the formula. */
static double distance(const float *y, const float *q, int64_t ldq, const float *k, const float *v, int64_t ldkv, const int64_t *qb,
    const int64_t *kb, bool causal)
{
    double *weights = malloc(1000 * sizeof *weights), expected[WIDTH], worst = 0.0;

    for (int u = 0; u < utterances; u++)
        for (int64_t i = qb[u]; i < qb[u + 1]; i++)
            for (int h = 0; h < HEADS; h++) {
                int64_t keys = causal ? i - qb[u] + 1 : kb[u + 1] - kb[u];
                reference_row(q + i * ldq + h * WIDTH, k + kb[u] * ldkv + h * WIDTH, v + kb[u] * ldkv + h * WIDTH, keys,
                    ldkv, weights, expected);
                for (int c = 0; c < WIDTH; c++)
                    worst = fmax(worst, fabs(expected[c] - y[i * C + h * WIDTH + c]));
            }
    free(weights);
    return worst;
}

START_TEST(cross_attention_is_the_formula)
{
    nn_tape *t = new_tape();
    int64_t rows = query_begin[utterances], keys = key_begin[utterances];
    float *q = normals(1, rows * C, 2.0), *kv = normals(2, keys * 2 * C, 2.0);

    nn_tape_begin(t, NN_INFER, 0);
    nn_tensor *y = nn_cross_attention(t, nn_input(t, q, rows, C, utterances, query_begin),
        nn_input(t, kv, keys, 2 * C, utterances, key_begin), HEADS, 0.5f, "site");
    ck_assert_msg(y != NULL, "%s", nn_tape_error(t)->text);
    ck_assert_double_lt(distance(y->x, q, C, kv, kv + C, 2 * C, query_begin, key_begin, false), 1e-5);
    for (int64_t i = query_begin[2] * C; i < query_begin[3] * C; i++)
        ck_assert_float_eq(y->x[i], 0.0f);      /* the third utterance has no keys */
    nn_tape_free(t);
    free(q);
    free(kv);
}
END_TEST

START_TEST(self_attention_is_the_formula)
{
    nn_tape *t = new_tape();
    int64_t rows = key_begin[utterances];
    float *qkv = normals(3, rows * 3 * C, 2.0);

    nn_tape_begin(t, NN_INFER, 0);
    nn_tensor *y = nn_self_attention(t, nn_input(t, qkv, rows, 3 * C, utterances, key_begin), HEADS, _i, 0.0f, "site");
    ck_assert_msg(y != NULL, "%s", nn_tape_error(t)->text);
    ck_assert_double_lt(distance(y->x, qkv, 3 * C, qkv + C, qkv + 2 * C, 3 * C, key_begin, key_begin, _i), 1e-5);
    nn_tape_free(t);
    free(qkv);
}
END_TEST

typedef struct setting {
    nn_tape *t;
    bool     causal;
    float   *gradient;      /* NULL: not wanted */
} setting;

static double loss_of(const float *qkv, void *closure)
{
    setting *s = closure;
    int64_t rows = key_begin[utterances];

    nn_tape_begin(s->t, s->gradient ? NN_TRAIN : NN_RANDOM, 5);
    nn_tensor *x = nn_input_grad(s->t, qkv, rows, 3 * C, utterances, key_begin);
    double loss = weigh(s->t, nn_self_attention(s->t, x, HEADS, s->causal, 0.2f, "site"));
    if (s->gradient)
        memcpy(s->gradient, x->dx, (size_t)nn_numel(x) * sizeof(float));
    return loss;
}

/* With dropout: backward must draw the masks that forward drew, tile for tile. */
START_TEST(gradients_agree_with_differences_over_many_tiles)
{
    int64_t n = key_begin[utterances] * 3 * C;
    float *qkv = normals(3, n, 1.0), *gradient = normals(3, n, 0.0);
    setting s = { new_tape(), _i, gradient };

    loss_of(qkv, &s);
    s.gradient = NULL;
    check_direction(loss_of, &s, qkv, gradient, n, 2e-3f, 1e-3);
    free(qkv);
    free(gradient);
    nn_tape_free(s.t);
}
END_TEST

START_TEST(threads_do_not_change_results)
{
    int64_t n = key_begin[utterances] * 3 * C;
    float *qkv = normals(3, n, 1.0), *gradients[2] = { normals(3, n, 0.0), normals(3, n, 0.0) };
    setting s = { new_tape(), true, NULL };
    double losses[2];
    int most = omp_get_max_threads();

    for (int k = 0; k < 2; k++) {
        omp_set_num_threads(k ? 3 : 1);
        s.gradient = gradients[k];
        losses[k] = loss_of(qkv, &s);
    }
    omp_set_num_threads(most);
    ck_assert_double_eq(losses[0], losses[1]);
    ck_assert_int_eq(memcmp(gradients[0], gradients[1], (size_t)n * sizeof(float)), 0);
    free(gradients[0]);
    free(gradients[1]);
    free(qkv);
    nn_tape_free(s.t);
}
END_TEST

/* Equal scores and values of 1: a result is the share of kept probabilities over 1 - p, about 1, and no two rows or
 * heads draw alike. */
START_TEST(dropout_keeps_the_mean_and_repeats_nothing)
{
    enum { ROWS = 1000 };
    static const int64_t begin[] = { 0, ROWS };
    nn_tape *t = new_tape();
    double sum = 0.0, square = 0.0, pairs = 0.0;

    nn_tape_begin(t, NN_RANDOM, 0);
    nn_tensor *x = nn_input(t, NULL, ROWS, 3 * C, 1, begin);
    for (int64_t i = 0; i < nn_numel(x); i++)
        x->x[i] = i % (3 * C) < 2 * C ? 0.0f : 1.0f;
    nn_tensor *y = nn_self_attention(t, x, HEADS, false, 0.2f, "site");
    ck_assert_msg(y != NULL, "%s", nn_tape_error(t)->text);
    for (int64_t i = 0; i < ROWS; i++) {
        double first = y->x[i * C] - 1.0, second = y->x[i * C + WIDTH] - 1.0;
        sum += first + second;
        square += first * first + second * second;
        pairs += first * second;
    }
    /* One result has variance p / (1 - p) / ROWS. */
    double variance = 0.25 / ROWS;
    ck_assert_double_eq_tol(sum / (2 * ROWS), 0.0, 5 * sqrt(variance / (2 * ROWS)));
    ck_assert_double_eq_tol(square / (2 * ROWS) / variance, 1.0, 0.15);
    ck_assert_double_eq_tol(pairs / ROWS / variance, 0.0, 0.15);
    nn_tape_free(t);
}
END_TEST

START_TEST(shapes_that_do_not_fit_are_refused)
{
    static const int64_t two[] = { 0, 2, 4 };
    nn_tape *t = new_tape();

    nn_tape_begin(t, NN_INFER, 0);
    ck_assert_ptr_null(nn_self_attention(t, nn_input(t, NULL, 4, 13, 2, two), 2, false, 0.0f, "site"));
    ck_assert_int_eq(nn_tape_error(t)->status, BASE_SHAPE);
    nn_tape_begin(t, NN_INFER, 0);
    ck_assert_ptr_null(nn_self_attention(t, nn_input(t, NULL, 4, 12, 0, NULL), 2, false, 0.0f, "site"));
    ck_assert_int_eq(nn_tape_error(t)->status, BASE_SHAPE);
    nn_tape_begin(t, NN_INFER, 0);
    ck_assert_ptr_null(nn_cross_attention(t, nn_input(t, NULL, 4, 12, 2, two), nn_input(t, NULL, 2, 24, 1, two), 2, 0.0f, "s"));
    ck_assert_int_eq(nn_tape_error(t)->status, BASE_SHAPE);
    nn_tape_free(t);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("attention");
    TCase *c = tcase_create("attention");

    tcase_add_test(c, cross_attention_is_the_formula);
    tcase_add_loop_test(c, self_attention_is_the_formula, 0, 2);
    tcase_add_loop_test(c, gradients_agree_with_differences_over_many_tiles, 0, 2);
    tcase_add_test(c, threads_do_not_change_results);
    tcase_add_test(c, dropout_keeps_the_mean_and_repeats_nothing);
    tcase_add_test(c, shapes_that_do_not_fit_are_refused);
    suite_add_tcase(s, c);
    return s;
}

UNIT_MAIN(suite)
