/* Operators on elements, rows and columns: values against libm in double, the shapes they refuse, and fused operators
 * against the plain ones they are made of. Gradients and everything common are test_ops.c's. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "libnn/nn.h"
#include "tests/unit/unit.h"

#define COUNT(x) ((int)(sizeof(x) / sizeof *(x)))

static nn_tape *tape;

static void setup(void)
{
    base_error e = BASE_ERROR_INIT;

    tape = nn_tape_new(NULL, &e);
    ck_assert_msg(tape != NULL, "%s", e.text);
    nn_tape_begin(tape, NN_TRAIN, 0);
}

static void teardown(void) { nn_tape_free(tape); }

static nn_tensor *rows(const float *x, int64_t n, int cols) { return nn_input_grad(tape, x, n, cols, 0, NULL); }

/* [n][cols] of numbers in -3 .. 3, different for each seed. */
static nn_tensor *numbers(int seed, int64_t n, int cols, int utterances, const int64_t *begin)
{
    nn_tensor *y = nn_input_grad(tape, NULL, n, cols, utterances, begin);

    for (int64_t i = 0; i < n * cols; i++)
        y->x[i] = 3.0f * sinf((float)(i * 37 % 101) + 10.0f * (float)seed);
    return y;
}

/* tolerance: relative to the value, but not to less than `least`. */
static void check_from(const nn_tensor *y, const double *want, double tolerance, double least)
{
    ck_assert_msg(y != NULL, "%s", nn_tape_error(tape) ? nn_tape_error(tape)->text : "NULL");
    for (int64_t i = 0; i < nn_numel(y); i++)
        ck_assert_msg(want[i] == (double)y->x[i] || (isnan(want[i]) && isnan(y->x[i])) ||
            fabs(want[i] - (double)y->x[i]) <= tolerance * fmax(fabs(want[i]), least),
            "%s: number %lld is %.9g, expected %.9g", y->name, (long long)i, (double)y->x[i], want[i]);
}

static void check(const nn_tensor *y, const double *want, double tolerance) { check_from(y, want, tolerance, DBL_MIN); }

static void expect_failure(const nn_tensor *y, base_status status, const char *text)
{
    const base_error *e = nn_tape_error(tape);

    ck_assert_ptr_null(y);
    ck_assert_ptr_nonnull(e);
    ck_assert_int_eq(e->status, status);
    ck_assert_msg(strstr(e->text, text) != NULL, "\"%s\" does not say \"%s\"", e->text, text);
    nn_tape_begin(tape, NN_TRAIN, 0);
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

START_TEST(functions_of_one_number)
{
    static const float edges[] = { 0.0f, -0.0f, 1e-30f, -1e-30f, 1e-4f, 30.0f, -30.0f, 86.0f, -86.0f, 1e4f, -1e4f,
        FLT_MAX, -FLT_MAX, INFINITY, -INFINITY, NAN };
    float x[2000];
    double relu[COUNT(x)], tanhs[COUNT(x)], sigmoid[COUNT(x)], scaled[COUNT(x)];

    for (int i = 0; i < COUNT(x); i++) {
        x[i] = i < COUNT(edges) ? edges[i] : (float)(i - 1000) * 0.0137f;
        relu[i] = isnan(x[i]) ? NAN : x[i] > 0.0f ? (double)x[i] : 0.0;
        tanhs[i] = tanh((double)x[i]);
        sigmoid[i] = x[i] < -87.0f ? 0.0 : 1.0 / (1.0 + exp(-(double)x[i]));
        scaled[i] = (double)(-2.5f * x[i]);
    }
    check(nn_relu(tape, rows(x, 20, 100)), relu, 0.0);
    check(nn_tanh(tape, rows(x, 20, 100)), tanhs, 5e-7);
    check(nn_sigmoid(tape, rows(x, 20, 100)), sigmoid, 5e-7);
    check(nn_scale(tape, rows(x, 20, 100), -2.5f), scaled, 0.0);
}
END_TEST

START_TEST(softmax_of_rows)
{
    static const float x[][4] = { { 0, 0, 0, 0 }, { 1, 2, 3, 4 }, { 1e4f, 1e4f, -1e4f, 9990 },
        { -1e30f, -2e30f, 0, -3e38f }, { -INFINITY, 1, -INFINITY, 2 }, { 3, -80, -86, -3 }, { 1, NAN, 2, 3 },
        { -INFINITY, -INFINITY, -INFINITY, -INFINITY } };
    double p[COUNT(x) * 4], lp[COUNT(x) * 4];

    for (int r = 0; r < COUNT(x); r++) {
        double most = -INFINITY, sum = 0.0;
        for (int i = 0; i < 4; i++)
            most = fmax(most, (double)x[r][i]);
        for (int i = 0; i < 4; i++)
            sum += exp((double)x[r][i] - most);
        for (int i = 0; i < 4; i++) {
            lp[r * 4 + i] = (double)x[r][i] - most - log(sum);
            p[r * 4 + i] = lp[r * 4 + i] < -87.3 ? 0.0 : exp(lp[r * 4 + i]);
        }
    }
    check(nn_softmax(tape, rows(x[0], COUNT(x), 4)), p, 1e-6);
    check_from(nn_log_softmax(tape, rows(x[0], COUNT(x), 4)), lp, 1e-6, 0.1);
}
END_TEST

START_TEST(sums_and_products)
{
    nn_tensor *a = numbers(1, 300, 70, 0, NULL), *b = numbers(2, 300, 70, 0, NULL), *one = numbers(3, 1, 70, 0, NULL);
    double *want = malloc(4 * 300 * 70 * sizeof *want);

    for (int i = 0; i < 300 * 70; i++) {
        want[i] = (double)(a->x[i] + b->x[i]);
        want[i + 21000] = (double)(a->x[i] + one->x[i % 70]);
        want[i + 42000] = (double)(a->x[i] * b->x[i]);
        want[i + 63000] = (double)(a->x[i] * one->x[i % 70]);
    }
    check(nn_add(tape, a, b), want, 0.0);
    check(nn_add(tape, a, one), want + 21000, 0.0);
    check(nn_multiply(tape, a, b), want + 42000, 0.0);
    check(nn_multiply(tape, a, one), want + 63000, 0.0);
    free(want);
}
END_TEST

START_TEST(columns_and_rows)
{
    const int64_t begin[] = { 0, 2, 2, 4 }, index[] = { 3, 0, 3 };
    const int ids[] = { 2, 2, 0, 1 };
    nn_tensor *a = numbers(1, 4, 3, 3, begin), *b = numbers(2, 4, 2, 0, NULL), *y;

    y = nn_concat(tape, a, b);
    ck_assert(y->rows == 4 && y->cols == 5 && y->seqs == a->seqs);
    for (int i = 0; i < 20; i++)
        ck_assert_float_eq(y->x[i], i % 5 < 3 ? a->x[i / 5 * 3 + i % 5] : b->x[i / 5 * 2 + i % 5 - 3]);
    y = nn_slice(tape, a, 1, 3);
    ck_assert(y->rows == 4 && y->cols == 2 && y->seqs == a->seqs);
    for (int i = 0; i < 8; i++)
        ck_assert_float_eq(y->x[i], a->x[i / 2 * 3 + 1 + i % 2]);
    y = nn_gather_rows(tape, a, index, 3);
    ck_assert(y->rows == 3 && y->cols == 3 && !y->seqs);
    for (int i = 0; i < 9; i++)
        ck_assert_float_eq(y->x[i], a->x[index[i / 3] * 3 + i % 3]);
    y = nn_embedding(tape, a, ids, 4, 3, begin);
    ck_assert(y->rows == 4 && y->cols == 3 && y->seqs && y->seqs != a->seqs && y->seqs->n == 3);
    ck_assert_int_eq(y->seqs->begin[2], 2);
    for (int i = 0; i < 12; i++)
        ck_assert_float_eq(y->x[i], a->x[ids[i / 3] * 3 + i % 3]);
    ck_assert_ptr_null(nn_embedding(tape, a, ids, 4, 0, NULL)->seqs);
}
END_TEST

START_TEST(means_of_utterances)
{
    enum { C = 150 };
    const int64_t begin[] = { 0, 7, 7, 40 };
    nn_tensor *x = numbers(1, 40, C, 3, begin), *y = nn_mean_pool(tape, x);
    double want[3 * C] = { 0.0 };

    for (int u = 0; u < 3; u++)
        for (int64_t r = begin[u]; r < begin[u + 1]; r++)
            for (int i = 0; i < C; i++)
                want[u * C + i] += (double)x->x[r * C + i] / (double)(begin[u + 1] - begin[u]);
    ck_assert(y->rows == 3 && y->cols == C && !y->seqs);
    check(y, want, 1e-6);
}
END_TEST

/* A row without variance: eps stands below the root, so what is left of it is finite. */
START_TEST(layer_norm_of_equal_numbers)
{
    enum { C = 8 };
    const float eps = 1e-5f, step[] = { 0.0f, 1e-3f };

    for (int k = 0; k < 2; k++) {
        nn_tensor *x = nn_input(tape, NULL, 1, C, 0, NULL), *g = nn_input(tape, NULL, 1, C, 0, NULL);
        nn_tensor *b = nn_input(tape, NULL, 1, C, 0, NULL), *y;
        double want[C];

        for (int i = 0; i < C; i++) {
            x->x[i] = 2.0f + (i % 2 ? step[k] : -step[k]);
            g->x[i] = 3.0f;
            b->x[i] = 0.5f;
            want[i] = 0.5 + 3.0 * ((double)x->x[i] - 2.0) / sqrt((double)step[k] * (double)step[k] + (double)eps);
        }
        y = nn_layer_norm(tape, x, g, b, eps);
        check(y, want, 1e-3);
    }
}
END_TEST

START_TEST(cosines)
{
    static const float a[][3] = { { 1, 2, 2 }, { 1, 0, 0 }, { 3, -4, 0 }, { 0, 0, 0 }, { 1e-9f, 0, 0 }, { 1e15f } };
    static const float b[][3] = { { 2, 4, 4 }, { 0, 5, 0 }, { 6, 8, 0 }, { 1, 1, 1 }, { 1, 0, 0 }, { -1e15f } };
    static const double want[] = { 1, 0, (18.0 - 32.0) / 50, 0, 0.1, -1 };

    check(nn_cosine(tape, rows(a[0], 6, 3), rows(b[0], 6, 3)), want, 1e-6);
}
END_TEST

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

START_TEST(shapes_that_do_not_fit)
{
    const int64_t begin[] = { 0, 2, 4 }, high[] = { 0, 4 }, low[] = { -1 };
    const int ids[] = { 0, 9 }, negative[] = { -1 };
    float x[24] = { 0 };

#define A rows(x, 4, 3)
    expect_failure(nn_add(tape, A, rows(x, 4, 2)), BASE_SHAPE, "add: [4][2] to [4][3]");
    expect_failure(nn_add(tape, A, rows(x, 3, 3)), BASE_SHAPE, "add: [3][3] to [4][3]");
    expect_failure(nn_multiply(tape, A, rows(x, 2, 3)), BASE_SHAPE, "multiply: [4][3] by [2][3]");
    expect_failure(nn_concat(tape, A, rows(x, 5, 3)), BASE_SHAPE, "concat: [4][3] beside [5][3]");
    expect_failure(nn_slice(tape, A, 1, 4), BASE_SHAPE, "slice: columns 1 .. 3 of [4][3]");
    expect_failure(nn_slice(tape, A, 2, 2), BASE_SHAPE, "slice");
    expect_failure(nn_slice(tape, A, -1, 2), BASE_SHAPE, "slice: columns -1 .. 1");
    expect_failure(nn_cosine(tape, A, rows(x, 4, 2)), BASE_SHAPE, "cosine: [4][3] and [4][2]");
    expect_failure(nn_mean_pool(tape, A), BASE_SHAPE, "mean_pool: the rows of [4][3] belong to no utterances");
    expect_failure(nn_gather_rows(tape, A, high, 2), BASE_VALUE, "index 1 is 4, the input has 4 rows");
    expect_failure(nn_gather_rows(tape, A, low, 1), BASE_VALUE, "index 0 is -1");
    expect_failure(nn_embedding(tape, A, ids, 2, 0, NULL), BASE_VALUE, "id 9 at row 1");
    expect_failure(nn_embedding(tape, A, negative, 1, 0, NULL), BASE_VALUE, "id -1 at row 0");
    expect_failure(nn_embedding(tape, A, ids, 1, 2, begin), BASE_SHAPE, "the utterances end at row 4, 1 rows are asked for");
#undef A
}
END_TEST

START_TEST(nothing_in_nothing_out)
{
    float x[12] = { 0 };
    int64_t index = 0;
    int id = 0;
    nn_tensor *a = rows(x, 4, 3);

    ck_assert(!nn_relu(tape, NULL) && nn_tape_error(tape));
    nn_tape_begin(tape, NN_TRAIN, 0);
    ck_assert(!nn_add(tape, NULL, a) && !nn_add(tape, a, NULL) && !nn_multiply(tape, a, NULL));
    ck_assert(!nn_concat(tape, a, NULL) && !nn_slice(tape, NULL, 0, 1) && !nn_cosine(tape, a, NULL) && !nn_mean_pool(tape, NULL));
    ck_assert(!nn_gather_rows(tape, NULL, &index, 1) && !nn_embedding(tape, NULL, &id, 1, 0, NULL));
    ck_assert(!nn_cross_entropy(tape, NULL, &id, NULL) && !nn_ctc_loss(tape, NULL, &id, &index, NULL, NULL));
    ck_assert(!nn_contrastive_loss(tape, a, NULL, 1.0f, NULL) && !nn_contrastive_loss(tape, NULL, a, 1.0f, NULL));
}
END_TEST

/* ---- fused operators --------------------------------------------------------------------------------------------- */

/* Leaves and the result of one form of a computation. */
typedef struct form { nn_tensor *in[3], *out; } form;

static void check_pair(float fused, float plain, double tolerance, const char *what, int64_t at)
{
    ck_assert_msg(fabs((double)fused - (double)plain) <= tolerance * (1.0 + fabs((double)plain)),
        "%s, number %lld: %.9g fused, %.9g plain", what, (long long)at, (double)fused, (double)plain);
}

/* Backward from the sum of the result times fixed numbers; then results and gradients of both forms are equal. */
static void compare(form (*fused)(void), form (*plain)(void), double tolerance)
{
    float kept[4][4000];
    form f;

    for (int k = 0; k < 2; k++) {
        nn_tensor *w;
        int64_t one[] = { 0, 0 };

        nn_tape_begin(tape, NN_TRAIN, 7);
        f = k ? plain() : fused();
        ck_assert_msg(f.out != NULL, "%s", nn_tape_error(tape) ? nn_tape_error(tape)->text : "NULL");
        nn_tape_retain(tape, f.out);
        w = numbers(9, f.out->rows, f.out->cols, 0, NULL);
        one[1] = f.out->rows;
        w = nn_linear(tape, nn_multiply(tape, f.out, w), numbers(8, 1, f.out->cols, 0, NULL), NULL);
        w->seqs = &(nn_seqs){ 1, one };
        ck_assert_int_eq(nn_tape_backward(tape, nn_mean_pool(tape, w)), BASE_OK);
        for (int i = 0; i < 4; i++) {
            const nn_tensor *x = i < 3 ? f.in[i] : f.out;
            const float *values = i < 3 ? (x ? x->dx : NULL) : x->x;

            ck_assert(!x || nn_numel(x) <= COUNT(kept[0]));
            for (int64_t j = 0; values && j < nn_numel(x); j++)
                if (k == 0)
                    kept[i][j] = values[j];
                else
                    check_pair(kept[i][j], values[j], tolerance, i < 3 ? "gradient" : "result", j);
        }
    }
}

static float drop;

static form linear_gelu_fused(void)
{
    form f = { { numbers(1, 50, 30, 0, NULL), numbers(2, 40, 30, 0, NULL), numbers(3, 1, 40, 0, NULL) }, NULL };

    f.out = nn_linear_gelu(tape, f.in[0], f.in[1], f.in[2], drop, "site");
    return f;
}

static form linear_gelu_plain(void)
{
    form f = { { numbers(1, 50, 30, 0, NULL), numbers(2, 40, 30, 0, NULL), numbers(3, 1, 40, 0, NULL) }, NULL };

    f.out = nn_dropout(tape, nn_gelu(tape, nn_linear(tape, f.in[0], f.in[1], f.in[2])), drop, "site");
    return f;
}

static form dropout_add_fused(void)
{
    form f = { { numbers(1, 50, 60, 0, NULL), numbers(2, 50, 60, 0, NULL) }, NULL };

    f.out = nn_dropout_add(tape, f.in[0], f.in[1], drop, "site");
    return f;
}

static form dropout_add_plain(void)
{
    form f = { { numbers(1, 50, 60, 0, NULL), numbers(2, 50, 60, 0, NULL) }, NULL };

    f.out = nn_add(tape, f.in[1], nn_dropout(tape, f.in[0], drop, "site"));
    return f;
}

/* Cross-entropy's parts: log-softmax, times what each row takes of it, summed. */
static const int labels[] = { 2, NN_IGNORE, 0, 3, 1, 1 };
static const float class_weight[] = { 0.5f, 2.0f, 1.0f, 1.5f };

static form cross_entropy_fused(void)
{
    form f = { { numbers(1, 6, 4, 0, NULL) }, NULL };

    f.out = nn_cross_entropy(tape, f.in[0], labels,
        &(nn_cross_entropy_options){ 0.2f, class_weight, NN_IGNORE, NN_SUM });
    return f;
}

static form cross_entropy_plain(void)
{
    static const int64_t begin[] = { 0, 6 };
    form f = { { numbers(1, 6, 4, 1, begin) }, NULL };
    float share[24] = { 0 }, ones[] = { 6, 6, 6, 6 };   /* the mean of 6 rows becomes their sum */

    for (int i = 0; i < 24; i++)
        if (labels[i / 4] != NN_IGNORE)
            share[i] = -class_weight[i % 4] * (0.2f / 4 + (labels[i / 4] == i % 4 ? 0.8f : 0.0f));
    f.out = nn_multiply(tape, nn_log_softmax(tape, f.in[0]), nn_input(tape, share, 6, 4, 0, NULL));
    f.out = nn_linear(tape, nn_mean_pool(tape, f.out), nn_input(tape, ones, 1, 4, 0, NULL), NULL);
    return f;
}

/* The contrastive loss's parts: cosines, a column for each b, and cross-entropy. */
static form contrastive_fused(void)
{
    form f = { { numbers(1, 5, 8, 0, NULL), numbers(2, 5, 8, 0, NULL) }, NULL };

    f.out = nn_contrastive_loss(tape, f.in[0], f.in[1], 0.2f, NULL);
    return f;
}

static form contrastive_plain(void)
{
    static const int own[] = { 0, 1, 2, 3, 4 };
    form f = { { numbers(1, 5, 8, 0, NULL), numbers(2, 5, 8, 0, NULL) }, NULL };

    for (int64_t j = 0; j < 5; j++) {
        int64_t all[] = { j, j, j, j, j };
        nn_tensor *column = nn_cosine(tape, f.in[0], nn_gather_rows(tape, f.in[1], all, 5));

        f.out = f.out ? nn_concat(tape, f.out, column) : column;
    }
    f.out = nn_cross_entropy(tape, nn_scale(tape, f.out, 5.0f), own, NULL);
    return f;
}

START_TEST(fused_operators_are_their_parts)
{
    for (int k = 0; k < 2; k++) {
        drop = k ? 0.3f : 0.0f;
        compare(linear_gelu_fused, linear_gelu_plain, 1e-5);
        compare(dropout_add_fused, dropout_add_plain, 1e-6);
    }
    compare(cross_entropy_fused, cross_entropy_plain, 2e-6);
    compare(contrastive_fused, contrastive_plain, 3e-6);
}
END_TEST

/* Subnormal weights count as 0 in a product of any size, and what the program set for its own numbers stays. */
START_TEST(subnormal_weights_are_zeros)
{
    enum { ROWS = 70, COLS = 130 };
    static float weights[COLS * COLS], bias[COLS];
    volatile float tiny = 1e-40f, half = 0.5f;

    for (int i = 0; i < COLS * COLS; i++)
        weights[i] = i % 3 ? -1e-40f : 1e-41f;
    for (int i = 0; i < COLS; i++)
        bias[i] = 0.25f * (float)(i - 60);
    for (int rows = 1; rows <= ROWS; rows += ROWS - 1) {
        nn_tensor *x, *y;

        nn_tape_begin(tape, NN_INFER, 0);
        x = nn_input(tape, NULL, rows, COLS, 0, NULL);
        for (int64_t i = 0; i < nn_numel(x); i++)
            x->x[i] = 1e6f;
        y = nn_linear(tape, x, nn_input(tape, weights, COLS, COLS, 0, NULL), nn_input(tape, bias, 1, COLS, 0, NULL));
        for (int64_t i = 0; i < nn_numel(y); i++)
            ck_assert_msg(y->x[i] == bias[i % COLS], "%g and not %g", (double)y->x[i], (double)bias[i % COLS]);
        ck_assert(tiny * half > 0.0f);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("elementwise");
    TCase *c = tcase_create("elementwise");

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, functions_of_one_number);
    tcase_add_test(c, softmax_of_rows);
    tcase_add_test(c, layer_norm_of_equal_numbers);
    tcase_add_test(c, sums_and_products);
    tcase_add_test(c, columns_and_rows);
    tcase_add_test(c, means_of_utterances);
    tcase_add_test(c, cosines);
    tcase_add_test(c, shapes_that_do_not_fit);
    tcase_add_test(c, nothing_in_nothing_out);
    tcase_add_test(c, fused_operators_are_their_parts);
    tcase_add_test(c, subnormal_weights_are_zeros);
    suite_add_tcase(s, c);
    return s;
}

UNIT_MAIN(suite)
