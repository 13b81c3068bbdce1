/* The losses against PyTorch (losses_reference.h), closed forms, and sums over all paths. */
#include <math.h>
#include <string.h>

#include "libnn/nn.h"
#include "tests/unit/unit.h"

#define MOST 16         /* utterances or labels of a case */

typedef struct ctc_case {
    const char *name;
    int      seed, vocab, blank, scale, reduction;
    bool     zero_infinity;
    int      n;
    int64_t  frames[MOST], n_labels[MOST];
    int      labels[MOST];
    double   loss, losses[MOST], grad[256];
} ctc_case;

typedef struct long_case { int seed, frames, vocab, n_labels, scale; double loss, along; } long_case;

typedef struct cross_case {
    const char  *name;
    int          seed;
    float        smoothing;
    bool         weighted;
    float        weight[5];
    int          ignore;
    nn_reduction reduction;
    int          labels[6];
    double       loss, grad[30];
} cross_case;

typedef struct contrastive_case {
    int    seed;
    float  temperature;
    bool   has_same;
    int    same[4];
    double loss, grad_a[20], grad_b[20];
} contrastive_case;

#include "tests/unit/losses_reference.h"

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

/* Number i of a stream, in [-scale, scale): make_losses.py draws the same. */
static float deviate(int seed, int64_t i, double scale)
{
    uint32_t u = (uint32_t)((uint64_t)(i + 1) * 2654435761u + (uint64_t)seed * 40503u);

    u = (u ^ u >> 15) * 2246822519u;
    u ^= u >> 13;
    return (float)((double)(u >> 8) / 8388608.0 * scale - scale);
}

static nn_tensor *deviates(int seed, int64_t rows, int cols, double scale, int n, const int64_t *begin)
{
    float *x = malloc((size_t)(rows * cols) * sizeof *x + 1);
    nn_tensor *y;

    for (int64_t i = 0; i < rows * cols; i++)
        x[i] = deviate(seed, i, scale);
    y = nn_input_grad(tape, x, rows, cols, n, begin);
    free(x);
    return y;
}

static bool same(double a, double b, double tolerance)
{
    return a == b || (isnan(a) && isnan(b)) || fabs(a - b) <= tolerance * (1.0 + fabs(b));
}

#define assert_same(got, want, tolerance, ...)                                                          \
    do {                                                                                                \
        double got_ = (double)(got), want_ = (double)(want);                                            \
        if (!same(got_, want_, tolerance)) {                                                            \
            char what_[200];                                                                            \
            snprintf(what_, sizeof what_, __VA_ARGS__);                                                 \
            ck_abort_msg("%s: got %.9g, expected %.9g", what_, got_, want_);                            \
        }                                                                                               \
    } while (0)

static void check_gradient(const char *name, const nn_tensor *x, const double *want)
{
    for (int64_t i = 0; i < nn_numel(x); i++)
        assert_same(x->dx[i], want[i], 2e-6, "%s, gradient %lld", name, (long long)i);
}

static void expect_failure(nn_tensor *loss, base_status status, const char *text)
{
    const base_error *e = nn_tape_error(tape);

    ck_assert_ptr_null(loss);
    ck_assert_ptr_nonnull(e);
    ck_assert_int_eq(e->status, status);
    ck_assert_msg(strstr(e->text, text) != NULL, "\"%s\" does not say \"%s\"", e->text, text);
    nn_tape_begin(tape, NN_TRAIN, 0);
}

/* ---- CTC --------------------------------------------------------------------------------------------------------- */

static void offsets(int64_t *begin, const int64_t *length, int n)
{
    begin[0] = 0;
    for (int u = 0; u < n; u++)
        begin[u + 1] = begin[u] + length[u];
}

START_TEST(ctc_agrees_with_pytorch)
{
    const ctc_case *c = &ctc_cases[_i];
    nn_ctc_options o = { c->blank, c->zero_infinity, (nn_ctc_reduction)c->reduction };
    int64_t begin[MOST + 1], label_begin[MOST + 1];
    float losses[MOST];
    nn_tensor *x, *loss;

    offsets(begin, c->frames, c->n);
    offsets(label_begin, c->n_labels, c->n);
    x = deviates(c->seed, begin[c->n], c->vocab, c->scale, c->n, begin);
    loss = nn_ctc_loss(tape, x, c->labels, label_begin, &o, losses);
    ck_assert_ptr_nonnull(loss);
    assert_same(loss->x[0], c->loss, 1e-6, "%s", c->name);
    for (int u = 0; u < c->n; u++)
        assert_same(losses[u], c->losses[u], 1e-6, "%s, utterance %d", c->name, u);
    ck_assert_int_eq(nn_tape_backward(tape, loss), BASE_OK);
    check_gradient(c->name, x, c->grad);
}
END_TEST

START_TEST(ctc_of_many_frames)
{
    const long_case *c = &long_cases[_i];
    int64_t begin[] = { 0, c->frames }, label_begin[] = { 0, c->n_labels };
    nn_ctc_options o = { 0, false, NN_CTC_SUM };
    nn_tensor *x = deviates(c->seed, c->frames, c->vocab, c->scale, 1, begin), *loss;
    int labels[100];
    double along = 0.0;

    for (int i = 0; i < c->n_labels; i++)
        labels[i] = 1 + i * 7 / 3 % (c->vocab - 1);
    loss = nn_ctc_loss(tape, x, labels, label_begin, &o, NULL);
    assert_same(loss->x[0], c->loss, 5e-7, "%d frames", c->frames);
    ck_assert_int_eq(nn_tape_backward(tape, loss), BASE_OK);
    for (int64_t i = 0; i < nn_numel(x); i++)
        along += (double)x->dx[i] * deviate(c->seed + 1, i, 1.0);
    assert_same(along, c->along, 3e-6, "%d frames, gradient along a direction", c->frames);
}
END_TEST

/* Without equal neighbours and blanks, path [frames] is labels [n]. */
static bool collapses_to(const int *path, int frames, int blank, const int *labels, int n)
{
    int found = 0;

    for (int t = 0; t < frames; t++) {
        if (path[t] == blank || (t > 0 && path[t] == path[t - 1]))
            continue;
        if (found == n || labels[found] != path[t])
            return false;
        found++;
    }
    return found == n;
}

/* The loss by definition, minus ln of the sum over all paths; occupied [frames][v] receives each symbol's probability
 * at each frame. */
static double sum_of_paths(const nn_tensor *x, int blank, const int *labels, int n, double *occupied)
{
    int frames = (int)x->rows, v = x->cols, path[8] = { 0 };
    double p[64], total = 0.0;

    for (int t = 0; t < frames; t++) {
        double sum = 0.0;
        for (int c = 0; c < v; c++)
            sum += exp((double)x->x[t * v + c]);
        for (int c = 0; c < v; c++)
            p[t * v + c] = exp((double)x->x[t * v + c]) / sum;
    }
    memset(occupied, 0, (size_t)(frames * v) * sizeof *occupied);
    for (int t = 0; t < frames;) {
        double product = collapses_to(path, frames, blank, labels, n);
        for (t = 0; t < frames; t++)
            product *= p[t * v + path[t]];
        for (t = 0; t < frames; t++)
            occupied[t * v + path[t]] += product;
        total += product;
        for (t = 0; t < frames && ++path[t] == v; t++)
            path[t] = 0;
    }
    for (int i = 0; i < frames * v; i++)
        occupied[i] = p[i] - occupied[i] / total;      /* what the gradient should be */
    return -log(total);
}

START_TEST(ctc_is_the_sum_of_all_paths)
{
    static const int labels[][3] = { { 0 }, { 1 }, { 2, 1 }, { 1, 1 }, { 2, 2, 1 }, { 1, 2, 1 } };
    static const int n[] = { 0, 1, 2, 2, 3, 3 };
    int frames = 4 + _i % 3, blank = _i % 2 ? 0 : 3, v = 4;
    nn_ctc_options o = { blank, false, NN_CTC_SUM };

    for (int k = 0; k < COUNT(n); k++) {
        int64_t begin[] = { 0, frames }, label_begin[] = { 0, n[k] };
        double want, grad[64];
        nn_tensor *x, *loss;

        nn_tape_begin(tape, NN_TRAIN, 0);
        x = deviates(400 + 10 * _i + k, frames, v, 3.0, 1, begin);
        x->x[v + 2] = -INFINITY;        /* at frame 1 no path is at symbol 2 */
        loss = nn_ctc_loss(tape, x, labels[k], label_begin, &o, NULL);
        want = sum_of_paths(x, blank, labels[k], n[k], grad);
        assert_same(loss->x[0], want, 1e-6, "%d labels in %d frames", n[k], frames);
        ck_assert_int_eq(nn_tape_backward(tape, loss), BASE_OK);
        check_gradient("sum of paths", x, grad);
    }
}
END_TEST

/* With equal logits a path of T frames over V symbols has probability V^-T: one label has T (T + 1) / 2 paths, no label
 * one. */
START_TEST(ctc_of_equal_logits)
{
    static const float zeros[7 * 5];
    int64_t begin[] = { 0, 7 };
    int label = 2;

    for (int n = 0; n < 2; n++) {
        int64_t label_begin[] = { 0, n };
        nn_tensor *x = nn_input(tape, zeros, 7, 5, 1, begin);
        nn_tensor *loss = nn_ctc_loss(tape, x, &label, label_begin, NULL, NULL);

        assert_same(loss->x[0], 7 * log(5) - (n ? log(28) : 0), 1e-6, "%d labels", n);
    }
}
END_TEST

START_TEST(ctc_with_infinite_and_undefined_logits)
{
    int64_t begin[] = { 0, 2, 4 }, label_begin[] = { 0, 1, 2 };
    int labels[] = { 1, 1 };
    float x[4 * 3] = { 0, -INFINITY, 0, 0, -INFINITY, 0, 0, 0, 0, 0, 0, 0 }, losses[2];
    nn_tensor *in = nn_input_grad(tape, x, 4, 3, 2, begin);
    nn_tensor *loss = nn_ctc_loss(tape, in, labels, label_begin, NULL, losses);

    ck_assert(isinf(losses[0]) && losses[0] > 0);
    assert_same(loss->x[0], (2 * log(3) - log(3)) / 2, 1e-6, "label 1 impossible in utterance 0");
    ck_assert_int_eq(nn_tape_backward(tape, loss), BASE_OK);
    for (int i = 0; i < 6; i++)
        ck_assert_float_eq(in->dx[i], 0.0f);
    nn_tape_begin(tape, NN_TRAIN, 0);
    x[7] = NAN;
    in = nn_input_grad(tape, x, 4, 3, 2, begin);
    loss = nn_ctc_loss(tape, in, labels, label_begin, NULL, losses);
    ck_assert(isnan(loss->x[0]) && isnan(losses[1]));
    ck_assert_int_eq(nn_tape_backward(tape, loss), BASE_OK);
    ck_assert(isnan(in->dx[6]));
    label_begin[2] = 1;
    ck_assert(isnan(nn_ctc_loss(tape, nn_input(tape, x, 4, 3, 2, begin), labels, label_begin, NULL, NULL)->x[0]));
}
END_TEST

START_TEST(ctc_refuses)
{
    int64_t begin[] = { 0, 2, 4 }, label_begin[] = { 0, 1, 3 }, backwards[] = { 0, 2, 1 };
    int good[] = { 1, 2, 1 }, blank[] = { 1, 2, 0 }, high[] = { 1, 3, 1 }, low[] = { -1, 1, 1 };
    nn_ctc_options o = { 3, true, NN_CTC_MEAN };
    float x[12] = { 0 };

    expect_failure(nn_ctc_loss(tape, nn_input(tape, x, 4, 3, 0, NULL), good, label_begin, NULL, NULL), BASE_SHAPE,
        "no utterances");
#define LOSS(labels, begins, o) nn_ctc_loss(tape, nn_input(tape, x, 4, 3, 2, begin), labels, begins, o, NULL)
    expect_failure(LOSS(blank, label_begin, NULL), BASE_VALUE,
        "label 1 of utterance 1 is 0; it must be in 0 .. 2 and not the blank, 0");
    expect_failure(LOSS(high, label_begin, NULL), BASE_VALUE, "label 0 of utterance 1 is 3");
    expect_failure(LOSS(low, label_begin, NULL), BASE_VALUE, "label 0 of utterance 0 is -1");
    expect_failure(LOSS(good, backwards, NULL), BASE_VALUE, "labels 2 .. 1 of utterance 1");
    expect_failure(LOSS(good, label_begin, &o), BASE_VALUE, "blank 3");
#undef LOSS
}
END_TEST

/* ---- cross-entropy ----------------------------------------------------------------------------------------------- */

START_TEST(cross_entropy_agrees_with_pytorch)
{
    const cross_case *c = &cross_cases[_i];
    nn_cross_entropy_options o = { c->smoothing, c->weighted ? c->weight : NULL, c->ignore, c->reduction };
    nn_tensor *x = deviates(c->seed, 6, 5, 4.0, 0, NULL), *loss = nn_cross_entropy(tape, x, c->labels, &o);

    ck_assert_ptr_nonnull(loss);
    assert_same(loss->x[0], c->loss, 1e-6, "%s", c->name);
    ck_assert_int_eq(nn_tape_backward(tape, loss), BASE_OK);
    check_gradient(c->name, x, c->grad);
}
END_TEST

START_TEST(cross_entropy_of_nothing_is_nothing)
{
    static const double zeros[30];
    int labels[] = { NN_IGNORE, NN_IGNORE, NN_IGNORE, NN_IGNORE, NN_IGNORE, NN_IGNORE };
    nn_tensor *x = deviates(1, 6, 5, 4.0, 0, NULL), *loss = nn_cross_entropy(tape, x, labels, NULL);

    ck_assert_float_eq(loss->x[0], 0.0f);
    ck_assert_int_eq(nn_tape_backward(tape, loss), BASE_OK);
    check_gradient("all rows ignored", x, zeros);
}
END_TEST

/* The logit of a row far from the others: probabilities of 1 and 0, a loss of the distance. */
START_TEST(cross_entropy_of_sure_rows)
{
    float x[] = { 200, 0, 0, 0, 200, 0 };
    int labels[] = { 0, 0 };
    nn_cross_entropy_options o = NN_CROSS_ENTROPY_DEFAULTS;
    static const double grad[] = { 0, 0, 0, -1, 1, 0 };
    nn_tensor *in = nn_input_grad(tape, x, 2, 3, 0, NULL), *loss;

    o.reduction = NN_SUM;
    loss = nn_cross_entropy(tape, in, labels, &o);
    assert_same(loss->x[0], 200, 1e-7, "one right, one wrong");
    ck_assert_int_eq(nn_tape_backward(tape, loss), BASE_OK);
    check_gradient("sure rows", in, grad);
}
END_TEST

START_TEST(cross_entropy_refuses)
{
    int good[] = { 0, 1 }, high[] = { 0, 3 }, low[] = { -1, 0 };
    float x[6] = { 0 }, negative[] = { 1, -1, 1 }, undefined[] = { 1, 1, NAN };
    nn_cross_entropy_options o = NN_CROSS_ENTROPY_DEFAULTS;

#define LOSS(labels, options) nn_cross_entropy(tape, nn_input(tape, x, 2, 3, 0, NULL), labels, options)
    expect_failure(LOSS(high, NULL), BASE_VALUE, "label 3 of row 1, there are 3 classes");
    expect_failure(LOSS(low, NULL), BASE_VALUE, "label -1 of row 0");
    o.weight = negative;
    expect_failure(LOSS(good, &o), BASE_VALUE, "weight -1 of class 1");
    o.weight = undefined;
    expect_failure(LOSS(good, &o), BASE_VALUE, "of class 2");
    o.weight = NULL;
    o.smoothing = 1.5f;
    expect_failure(LOSS(good, &o), BASE_VALUE, "smoothing 1.5");
    o.smoothing = NAN;
    expect_failure(LOSS(good, &o), BASE_VALUE, "smoothing");
#undef LOSS
}
END_TEST

/* ---- the contrastive loss ---------------------------------------------------------------------------------------- */

START_TEST(contrastive_agrees_with_pytorch)
{
    const contrastive_case *c = &contrastive_cases[_i];
    nn_tensor *a = deviates(c->seed, 4, 5, 2.0, 0, NULL), *b = deviates(c->seed + 1, 4, 5, 2.0, 0, NULL);
    nn_tensor *loss = nn_contrastive_loss(tape, a, b, c->temperature, c->has_same ? c->same : NULL);

    ck_assert_ptr_nonnull(loss);
    assert_same(loss->x[0], c->loss, 2e-6, "temperature %g", (double)c->temperature);
    ck_assert_int_eq(nn_tape_backward(tape, loss), BASE_OK);
    check_gradient("contrastive, a", a, c->grad_a);
    check_gradient("contrastive, b", b, c->grad_b);
}
END_TEST

START_TEST(contrastive_without_negatives_is_nothing)
{
    int texts[] = { 5, 5, 5, 5 };
    nn_tensor *a = deviates(1, 4, 5, 2.0, 0, NULL), *b = deviates(2, 4, 5, 2.0, 0, NULL);

    assert_same(nn_contrastive_loss(tape, a, b, 0.1f, texts)->x[0], 0, 1e-6, "all the same text");
    a = deviates(1, 1, 5, 2.0, 0, NULL);
    assert_same(nn_contrastive_loss(tape, a, a, 0.1f, NULL)->x[0], 0, 1e-6, "one pair");
    a = deviates(1, 0, 5, 2.0, 0, NULL);
    ck_assert_float_eq(nn_contrastive_loss(tape, a, a, 0.1f, NULL)->x[0], 0.0f);
}
END_TEST

/* A row of zeros has cosine 0 with everything. */
START_TEST(contrastive_of_zero_rows)
{
    float x[2 * 3] = { 0, 0, 0, 1, 0, 0 };
    nn_tensor *a = nn_input_grad(tape, x, 2, 3, 0, NULL), *loss = nn_contrastive_loss(tape, a, a, 1.0f, NULL);

    assert_same(loss->x[0], (log(2) + log(1 + exp(-1.0))) / 2, 1e-6, "a zero row");
    ck_assert_int_eq(nn_tape_backward(tape, loss), BASE_OK);
    for (int i = 0; i < 6; i++)
        ck_assert_float_finite(a->dx[i]);
}
END_TEST

START_TEST(contrastive_refuses)
{
    nn_tensor *a = deviates(1, 4, 5, 2.0, 0, NULL), *b = deviates(2, 3, 5, 2.0, 0, NULL);

    expect_failure(nn_contrastive_loss(tape, a, b, 0.1f, NULL), BASE_SHAPE, "[4][5] and [3][5]");
    a = deviates(1, 4, 5, 2.0, 0, NULL);
    expect_failure(nn_contrastive_loss(tape, a, a, 0.0f, NULL), BASE_VALUE, "temperature 0");
    a = deviates(1, 4, 5, 2.0, 0, NULL);
    expect_failure(nn_contrastive_loss(tape, a, a, NAN, NULL), BASE_VALUE, "temperature");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("losses");
    TCase *c = tcase_create("losses");

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, ctc_agrees_with_pytorch, 0, COUNT(ctc_cases));
    tcase_add_loop_test(c, ctc_of_many_frames, 0, COUNT(long_cases));
    tcase_add_loop_test(c, ctc_is_the_sum_of_all_paths, 0, 4);
    tcase_add_test(c, ctc_of_equal_logits);
    tcase_add_test(c, ctc_with_infinite_and_undefined_logits);
    tcase_add_test(c, ctc_refuses);
    tcase_add_loop_test(c, cross_entropy_agrees_with_pytorch, 0, COUNT(cross_cases));
    tcase_add_test(c, cross_entropy_of_nothing_is_nothing);
    tcase_add_test(c, cross_entropy_of_sure_rows);
    tcase_add_test(c, cross_entropy_refuses);
    tcase_add_loop_test(c, contrastive_agrees_with_pytorch, 0, COUNT(contrastive_cases));
    tcase_add_test(c, contrastive_without_negatives_is_nothing);
    tcase_add_test(c, contrastive_of_zero_rows);
    tcase_add_test(c, contrastive_refuses);
    suite_add_tcase(s, c);
    return s;
}

UNIT_MAIN(suite)
