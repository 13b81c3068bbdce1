/* Every operator of the table, by one set of rules: gradients against finite differences, threads, empty batches, NaN,
 * and the mode without gradients. An operator without a sample fails. */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "libnn/core/core.h"
#include "tests/unit/unit.h"

/* ---- samples ----------------------------------------------------------------------------------------------------- */

/* Utterances of 3, 0, 5 and 1 rows beside texts of 2, 1, 0 and 4; `empty` has utterances but no rows. */
static const int64_t begin[] = { 0, 3, 3, 8, 9 }, text_begin[] = { 0, 2, 3, 3, 7 }, nothing[] = { 0, 0, 0, 0, 0 };

static nn_sampler sampler(uint64_t seed, const int64_t *rows, const int64_t *text)
{
    return (nn_sampler){ .random = base_random_at(seed, 0, 1), .n = 4, .begin = rows, .text_begin = text, .model = 12,
        .inner = 20, .heads = 3, .vocab = 7, .kernel = 4, .groups = 2, .nudged = -1,
        .direction = base_random_at(seed, 0, 2) };
}

/* project: the result's inner product with fixed normal deviates, so that any operator ends in a number. */
static float weight(int64_t i)
{
    static const base_random r = { { 5, 6 }, { 7, 8 } };

    return (float)base_random_normal(&r, (uint64_t)i);
}

static void project_backward(nn_node *g)
{
    float *dx = nn_grad(g, 0);

    for (int64_t i = 0; dx && i < nn_numel(g->in[0]); i++)
        dx[i] += g->out->dx[0] * weight(i);
}

static const nn_op project_op = { .name = "project", .backward = project_backward };

static nn_tensor *project(nn_tape *t, nn_tensor *y, double *value)
{
    nn_node *g = nn_record(t, &project_op, ((nn_shape){ 1, 1, NULL }), y);

    *value = 0.0;
    for (int64_t i = 0; g && i < nn_numel(y); i++)
        *value += (double)y->x[i] * weight(i);
    if (g)
        g->out->x[0] = (float)*value;
    return nn_result(g);
}

/* ---- the derivative along a direction, per input ------------------------------------------------------------------ */

static double value_at(nn_tape *t, const nn_op *op, uint64_t seed, int leaf, float nudge)
{
    nn_sampler s = sampler(seed, begin, text_begin);
    double value = 0.0;

    s.nudged = leaf;
    s.nudge = nudge;
    nn_tape_begin(t, NN_TRAIN, 3);
    project(t, op->sample(t, &s), &value);
    ck_assert_msg(!nn_tape_error(t), "%s: %s", op->name, nn_tape_error(t) ? nn_tape_error(t)->text : "");
    return value;
}

static void check_leaf(nn_tape *t, const nn_op *op, uint64_t seed, int leaf, const nn_tensor *x)
{
    const double h = 5e-3, tolerance = op->tolerance > 0 ? op->tolerance : 2e-3;
    base_random direction = base_random_at(seed, 0, 2);
    double analytic = 0.0, norm = 1e-2, numeric;

    for (int64_t i = 0; i < nn_numel(x); i++) {
        analytic += (double)x->dx[i] * base_random_normal(&direction, (uint64_t)i);
        norm += (double)x->dx[i] * x->dx[i];
    }
    numeric = (value_at(t, op, seed, leaf, (float)h) - value_at(t, op, seed, leaf, (float)-h)) / (2 * h);
    ck_assert_msg(fabs(analytic - numeric) <= tolerance * sqrt(norm),
        "%s, seed %llu, input %d: derivative %g by backward, %g by differences, gradient's norm %g", op->name,
        (unsigned long long)seed, leaf, analytic, numeric, sqrt(norm));
}

START_TEST(gradients_agree_with_differences)
{
    const nn_op *op = nn_ops[_i];
    base_error e = BASE_ERROR_INIT;
    nn_tape *t = nn_tape_new(NULL, &e), *other = nn_tape_new(NULL, &e);

    ck_assert_msg(t && other, "%s", e.text);
    ck_assert_msg(op->sample != NULL, "%s has no sample", op->name);
    for (uint64_t seed = 1; seed <= 6; seed++) {
        nn_sampler s = sampler(seed, begin, text_begin);
        double value;
        nn_tape_begin(t, NN_TRAIN, 3);
        ck_assert_int_eq(nn_tape_backward(t, project(t, op->sample(t, &s), &value)), BASE_OK);
        ck_assert_int_gt(s.n_leaves, 0);
        for (int leaf = 0; leaf < s.n_leaves; leaf++)
            if (s.leaves[leaf]->dx)
                check_leaf(other, op, seed, leaf, s.leaves[leaf]);
    }
    nn_tape_free(t);
    nn_tape_free(other);
}
END_TEST

START_TEST(empty_batches_pass)
{
    const nn_op *op = nn_ops[_i];
    base_error e = BASE_ERROR_INIT;
    nn_tape *t = nn_tape_new(NULL, &e);
    nn_sampler s = sampler(1, nothing, nothing);
    double value;

    nn_tape_begin(t, NN_TRAIN, 0);
    ck_assert_int_eq(nn_tape_backward(t, project(t, op->sample(t, &s), &value)), BASE_OK);
    ck_assert_msg(isfinite(value), "%s of nothing is %g", op->name, value);
    nn_tape_free(t);
}
END_TEST

START_TEST(without_gradients_the_values_are_the_same)
{
    const nn_op *op = nn_ops[_i];
    base_error e = BASE_ERROR_INIT;
    nn_tape *t = nn_tape_new(NULL, &e);
    double recorded, plain;

    for (int record = 0; record < 2; record++) {
        nn_sampler s = sampler(2, begin, text_begin);
        nn_tape_begin(t, record ? NN_TRAIN : NN_RANDOM, 0);
        nn_tensor *y = op->sample(t, &s);
        ck_assert_ptr_nonnull(y);
        ck_assert_int_eq(y->needs_grad, record);
        project(t, y, record ? &recorded : &plain);
    }
    ck_assert_double_eq(recorded, plain);
    nn_tape_free(t);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("operators");
    TCase *c = tcase_create("table");

    tcase_add_loop_test(c, gradients_agree_with_differences, 0, nn_ops_count);
    tcase_add_loop_test(c, empty_batches_pass, 0, nn_ops_count);
    tcase_add_loop_test(c, without_gradients_the_values_are_the_same, 0, nn_ops_count);
    suite_add_tcase(s, c);
    return s;
}

UNIT_MAIN(suite)
