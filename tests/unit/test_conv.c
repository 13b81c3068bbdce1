/* The convolutions beyond the table's small samples: every relation of taps to stride, stretches and windows with
 * remainders, against the formulas in double. */
#include <omp.h>

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

/* ---- weights in another order, kept ------------------------------------------------------------------------------- */

enum { CHANNELS = 6, K = 5 };

typedef struct net { nn_params *p; nn_tensor *v, *g, *w; nn_tape *t; } net;

static net new_net(bool frozen)
{
    net k = { .p = nn_params_new(), .t = new_tape() };

    k.v = nn_params_add(k.p, (nn_init){ NN_INIT_NORMAL, 0.5f }, "v", 3, (const int64_t[]){ CHANNELS, CHANNELS / 2, K });
    k.g = nn_params_add(k.p, (nn_init){ NN_INIT_UNIFORM, 1.0f }, "g", 1, (const int64_t[]){ K });
    k.w = nn_params_add(k.p, (nn_init){ NN_INIT_NORMAL, 0.5f }, "w", 3, (const int64_t[]){ CHANNELS, CHANNELS, 3 });
    if (frozen)
        nn_params_freeze(k.p, "");
    ck_assert_int_eq(nn_params_build(k.p, NULL), BASE_OK);
    nn_params_init(k.p, 1);
    return k;
}

/* plain: the weights are copied to the tape, which keeps nothing of them. Values, then the gradient of x; one loss. */
static void run_net(const net *k, nn_tape *t, bool plain, float *out)
{
    enum { ROWS = 40 };
    int64_t ends[] = { 0, ROWS };
    float *x = normals(7, ROWS * CHANNELS, 1.0);
    nn_tensor *v = k->v, *g = k->g, *w = k->w, *in, *h;

    nn_tape_begin(t, NN_TRAIN, 0);
    if (plain) {
        v = nn_input_grad(t, v->x, v->rows, v->cols, 0, NULL);
        g = nn_input_grad(t, g->x, g->rows, g->cols, 0, NULL);
        w = nn_input_grad(t, w->x, w->rows, w->cols, 0, NULL);
    }
    in = nn_input_grad(t, x, ROWS, CHANNELS, 1, ends);
    h = nn_conv1d(t, nn_pos_conv(t, in, v, g, NULL, K, 2), w, NULL, 3, 2);
    memcpy(out, h->x, (size_t)nn_numel(h) * sizeof *out);
    out += nn_numel(h);
    ck_assert_int_eq(nn_tape_backward(t, nn_mean_square(t, h)), BASE_OK);
    memcpy(out, in->dx, (size_t)nn_numel(in) * sizeof *out);
    free(x);
}

enum { NUMBERS = (40 + 19) * CHANNELS };

/* Kept or not, the bytes are the same, whoever changes the weights in between. */
START_TEST(changed_weights_are_seen)
{
    net k = new_net(_i);
    nn_adam_options o = NN_ADAM_DEFAULTS;
    nn_adam *a = nn_adam_new(k.p, &o, NULL);
    float kept[NUMBERS], made[NUMBERS], last[NUMBERS] = { 0 };

    for (int change = 0; change < 6; change++) {
        switch (change) {
        case 1: k.v->x[11] += 0.25f; break;
        case 2: k.g->x[1] = -k.g->x[1]; break;
        case 3: k.w->x[7] = -k.w->x[7]; k.w->x[7 + 64] = -k.w->x[7 + 64]; break;
        case 4: nn_adam_step(a, 1e-2, 1.0); k.v->x[0] += 1.0f; break;
        case 5: nn_params_init(k.p, 2); break;
        default: break;
        }
        for (int again = 0; again < 2; again++) {
            nn_params_zero_grads(k.p);
            run_net(&k, k.t, false, kept);
            run_net(&k, k.t, true, made);
            ck_assert_mem_eq(kept, made, sizeof kept);
        }
        ck_assert_mem_ne(kept, last, sizeof kept);
        memcpy(last, kept, sizeof last);
    }
    nn_adam_free(a);
    nn_tape_free(k.t);
    nn_params_free(k.p);
}
END_TEST

typedef struct counted { int calls; float value; } counted;

static void make_counted(const void *self, float *x)
{
    counted *c = (counted *)(uintptr_t)self;

    c->calls++;
    x[0] = c->value;
}

START_TEST(weights_are_ordered_once_for_each_of_their_values)
{
    net k = new_net(true);
    counted c = { 0, 1.0f };

    nn_tape_begin(k.t, NN_INFER, 0);
    for (int i = 0; i < 12; i++) {
        nn_derivation how = { 1, (uint64_t)(i / 4), make_counted, &c };
        c.value = (float)(i / 4);
        nn_derived_values v = nn_derive(k.t, k.v, i % 2, &how);
        ck_assert(v.x && v.x[0] == c.value);
        nn_derive_done(v);
    }
    ck_assert_int_eq(c.calls, 6);       /* three values, two forms */
    nn_derivation first = { 1, 100, make_counted, &c }, second = { 1, 101, make_counted, &c };
    c.value = 100.0f;
    nn_derived_values v = nn_derive(k.t, k.v, 0, &first);
    c.value = 101.0f;
    nn_derived_values w = nn_derive(k.t, k.v, 0, &second);      /* the first are being read: these go elsewhere */
    ck_assert(v.x[0] == 100.0f && w.x[0] == 101.0f && v.x != w.x);
    nn_derive_done(w);
    nn_derive_done(v);
    ck_assert_uint_ne(nn_hash_floats(1, k.v->x, 10), nn_hash_floats(1, k.v->x, 11));
    ck_assert_uint_ne(nn_hash_floats(1, k.v->x, 10), nn_hash_floats(2, k.v->x, 10));
    nn_tape_free(k.t);
    nn_params_free(k.p);
}
END_TEST

/* Threads with tapes of their own on the same parameters, which one of them finds new. */
START_TEST(tapes_share_parameters)
{
    net k = new_net(true);
    float alone[NUMBERS];
    nn_tape *tapes[4];
    int wrong = 0;

    for (int i = 0; i < 4; i++)
        tapes[i] = new_tape();
    run_net(&k, k.t, true, alone);
#pragma omp parallel for num_threads(4) reduction(+ : wrong)
    for (int i = 0; i < 40; i++) {
        float mine[NUMBERS];
        run_net(&k, tapes[omp_get_thread_num()], false, mine);
        wrong += memcmp(mine, alone, sizeof mine) != 0;
    }
    ck_assert_int_eq(wrong, 0);
    for (int i = 0; i < 4; i++)
        nn_tape_free(tapes[i]);
    nn_tape_free(k.t);
    nn_params_free(k.p);
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
    tcase_add_loop_test(c, changed_weights_are_seen, 0, 2);
    tcase_add_test(c, weights_are_ordered_once_for_each_of_their_values);
    tcase_add_test(c, tapes_share_parameters);
    suite_add_tcase(s, c);
    return s;
}

UNIT_MAIN(suite)
