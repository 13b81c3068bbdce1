/* The convolutions beyond the table's small samples: every relation of taps to stride, stretches and windows with
 * remainders, against the formulas in double. */
#include "tests/unit/weigh.h"

/* Utterances longer than a task's rows, empty, shorter than the taps, and just as long. */
static const int64_t begin[] = { 0, 1301, 1301, 1303, 1310, 1410 };
static const int utterances = 5;

typedef struct setting {
    nn_tape *t;
    int      in, out, k, stride, groups;
    float   *w, *b, *g;
    int      subject;           /* what is differentiated: 0 x, 1 w, 2 b, 3 g */
    float   *gradient;          /* NULL: not wanted */
    const float *x;
} setting;

static nn_tensor *leaf(const setting *s, int number, const float *subject, const float *fixed, int64_t rows, int cols)
{
    const float *x = number == s->subject && subject ? subject : fixed;

    return number ? nn_input_grad(s->t, x, rows, cols, 0, NULL) : nn_input_grad(s->t, x, rows, cols, utterances, begin);
}

static nn_tensor *apply(const setting *s, const float *subject, nn_tensor *in[4])
{
    in[0] = leaf(s, 0, subject, s->x, begin[utterances], s->in);
    in[1] = leaf(s, 1, subject, s->w, s->out, s->in / s->groups * s->k);
    in[2] = leaf(s, 2, subject, s->b, 1, s->out);
    in[3] = leaf(s, 3, subject, s->g, 1, s->k);
    return s->stride ? nn_conv1d(s->t, in[0], in[1], in[2], s->k, s->stride)
                     : nn_pos_conv(s->t, in[0], in[1], in[3], in[2], s->k, s->groups);
}

static double loss_of(const float *subject, void *closure)
{
    setting *s = closure;
    nn_tensor *in[4];

    nn_tape_begin(s->t, s->gradient ? NN_TRAIN : NN_INFER, 0);
    double loss = weigh(s->t, apply(s, subject, in));
    if (s->gradient)
        memcpy(s->gradient, in[s->subject]->dx, (size_t)nn_numel(in[s->subject]) * sizeof(float));
    return loss;
}

static setting new_setting(int in, int out, int k, int stride, int groups)
{
    return (setting){ .t = new_tape(), .in = in, .out = out, .k = k, .stride = stride, .groups = groups,
        .w = normals(1, (int64_t)out * (in / groups) * k, 0.3), .b = normals(2, out, 1.0), .g = normals(3, k, 1.0),
        .x = normals(4, begin[utterances] * in, 1.0) };
}

static void free_setting(setting *s)
{
    nn_tape_free(s->t);
    free(s->w);
    free(s->b);
    free(s->g);
    free((float *)s->x);
}

/* Each gradient along a direction: in x, w and b the functions are linear, so that a large step is exact. */
static void check_gradients(setting *s, int subjects)
{
    const float *values[] = { s->x, s->w, s->b, s->g };
    int64_t sizes[] = { begin[utterances] * s->in, (int64_t)s->out * (s->in / s->groups) * s->k, s->out, s->k };

    for (s->subject = 0; s->subject < subjects; s->subject++) {
        float *gradient = normals(5, sizes[s->subject], 0.0);

        s->gradient = gradient;
        loss_of(values[s->subject], s);
        s->gradient = NULL;
        check_direction(loss_of, s, values[s->subject], gradient, sizes[s->subject], s->stride || s->subject != 1 ? 0.1f : 1e-3f,
            1e-3);
        free(gradient);
    }
}

static const struct { int in, out, k, stride; } convolutions[] = { { 1, 8, 10, 5 }, { 6, 4, 3, 2 }, { 5, 7, 2, 2 }, { 3, 3, 1, 1 },
    { 2, 5, 7, 3 }, { 3, 2, 2, 4 } };

START_TEST(conv1d_is_the_formula)
{
    setting s = new_setting(convolutions[_i].in, convolutions[_i].out, convolutions[_i].k, convolutions[_i].stride, 1);
    nn_tensor *in[4];
    int64_t row = 0;

    nn_tape_begin(s.t, NN_INFER, 0);
    nn_tensor *y = apply(&s, NULL, in);
    ck_assert_msg(y != NULL, "%s", nn_tape_error(s.t)->text);
    for (int u = 0; u < utterances; u++) {
        ck_assert_int_eq(y->seqs->begin[u], row);
        for (int64_t t = begin[u]; t + s.k <= begin[u + 1]; t += s.stride, row++)
            for (int o = 0; o < s.out; o++) {
                double sum = s.b[o];
                for (int i = 0; i < s.in; i++)
                    for (int j = 0; j < s.k; j++)
                        sum += (double)s.w[(o * s.in + i) * s.k + j] * s.x[(t + j) * s.in + i];
                ck_assert_double_eq_tol(y->x[row * s.out + o], sum, 1e-5);
            }
    }
    ck_assert_int_eq(y->rows, row);
    free_setting(&s);
}
END_TEST

START_TEST(conv1d_gradients)
{
    setting s = new_setting(convolutions[_i].in, convolutions[_i].out, convolutions[_i].k, convolutions[_i].stride, 1);

    check_gradients(&s, 3);
    free_setting(&s);
}
END_TEST

static const struct { int channels, groups, k; } positional[] = { { 6, 2, 16 }, { 4, 1, 21 }, { 6, 3, 5 }, { 2, 2, 40 } };

START_TEST(pos_conv_is_the_formula)
{
    setting s = new_setting(positional[_i].channels, positional[_i].channels, positional[_i].k, 0, positional[_i].groups);
    int width = s.in / s.groups;
    nn_tensor *in[4];
    double *norm = calloc((size_t)s.k, sizeof *norm);

    for (int64_t i = 0; i < (int64_t)s.in * width * s.k; i++)
        norm[i % s.k] += (double)s.w[i] * s.w[i];
    nn_tape_begin(s.t, NN_INFER, 0);
    nn_tensor *y = apply(&s, NULL, in);
    ck_assert_msg(y != NULL, "%s", nn_tape_error(s.t)->text);
    for (int u = 0; u < utterances; u++)
        for (int64_t t = begin[u]; t < begin[u + 1]; t++)
            for (int o = 0; o < s.in; o++) {
                double sum = s.b[o];
                for (int j = 0; j < s.k; j++) {
                    int64_t f = t + j - s.k / 2;
                    for (int i = 0; i < width && f >= begin[u] && f < begin[u + 1]; i++)
                        sum += s.g[j] / sqrt(norm[j]) * s.w[(o * width + i) * s.k + j] * s.x[f * s.in + o / width * width + i];
                }
                ck_assert_double_eq_tol(y->x[t * s.in + o], sum, 1e-5);
            }
    free(norm);
    free_setting(&s);
}
END_TEST

START_TEST(pos_conv_gradients)
{
    setting s = new_setting(positional[_i].channels, positional[_i].channels, positional[_i].k, 0, positional[_i].groups);

    check_gradients(&s, 4);
    free_setting(&s);
}
END_TEST

START_TEST(shapes_that_do_not_fit_are_refused)
{
    setting s = new_setting(6, 4, 3, 2, 1);
    nn_tensor *in[4];

    s.k = 4;
    for (int positional_one = 0; positional_one < 2; positional_one++) {
        nn_tape_begin(s.t, NN_INFER, 0);
        in[0] = nn_input(s.t, s.x, begin[utterances], s.in, utterances, begin);
        in[1] = nn_input(s.t, s.w, 4, 18, 0, NULL);
        in[2] = nn_input(s.t, s.g, 1, 3, 0, NULL);
        ck_assert_ptr_null(positional_one ? nn_pos_conv(s.t, in[0], in[1], in[2], NULL, 3, 1) : nn_conv1d(s.t, in[0], in[1], NULL, 4, 2));
        ck_assert_int_eq(nn_tape_error(s.t)->status, BASE_SHAPE);
    }
    free_setting(&s);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("convolutions");
    TCase *c = tcase_create("convolutions");

    tcase_add_loop_test(c, conv1d_is_the_formula, 0, 6);
    tcase_add_loop_test(c, conv1d_gradients, 0, 6);
    tcase_add_loop_test(c, pos_conv_is_the_formula, 0, 4);
    tcase_add_loop_test(c, pos_conv_gradients, 0, 4);
    tcase_add_test(c, shapes_that_do_not_fit_are_refused);
    suite_add_tcase(s, c);
    return s;
}

UNIT_MAIN(suite)
