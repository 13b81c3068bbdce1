/* Every operator of the table, by one set of rules: gradients against finite differences, threads, empty batches, NaN,
 * the mode without gradients, utterances alone and in company, random numbers, and a full tape. An operator without a
 * sample fails. */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "libnn/core/core.h"
#include "tests/unit/unit.h"

#define SEEDS 6         /* draws of each operator's options and inputs */

/* ---- samples ----------------------------------------------------------------------------------------------------- */

/* Utterances of 3, 0, 5 and 1 rows beside texts of 2, 1, 0 and 4; `nothing` has utterances but no rows; `large` gives
 * every loop work for several threads. */
static const int64_t begin[] = { 0, 3, 3, 8, 9 }, text_begin[] = { 0, 2, 3, 3, 7 }, nothing[] = { 0, 0, 0, 0, 0 };
static const int64_t large[] = { 0, 60, 60, 150, 160 }, large_text[] = { 0, 30, 50, 50, 70 };

static nn_sampler sampler_of(uint64_t seed, int n, const int64_t *rows, const int64_t *text)
{
    return (nn_sampler){ .random = base_random_at(seed, 0, 1), .n = n, .begin = rows, .text_begin = text, .model = 12,
        .inner = 20, .heads = 3, .vocab = 7, .kernel = 4, .groups = 2, .nudged = -1,
        .direction = base_random_at(seed, 0, 2) };
}

static nn_sampler sampler(uint64_t seed) { return sampler_of(seed, 4, begin, text_begin); }

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

static nn_tape *tape_of(size_t memory, uint64_t seed, bool check_finite)
{
    base_error e = BASE_ERROR_INIT;
    nn_tape *t = nn_tape_new(&(nn_tape_options){ memory, seed, check_finite }, &e);

    ck_assert_msg(t != NULL, "%s", e.text);
    return t;
}

static const char *message(const nn_tape *t) { return nn_tape_error(t) ? nn_tape_error(t)->text : ""; }

/* ---- what a run leaves behind ------------------------------------------------------------------------------------ */

/* The result's values, then, with NN_RECORD, the gradients of all leaves. */
typedef struct trace {
    int64_t n, values;
    float   x[1 << 18];
} trace;

static trace first, second;

static void append(trace *k, const float *x, int64_t n)
{
    ck_assert_int_le(k->n + n, (int64_t)(sizeof k->x / sizeof *k->x));
    for (int64_t i = 0; i < n; i++)
        k->x[k->n++] = x ? x[i] : 0.0f;
}

static void run(nn_tape *t, const nn_op *op, nn_sampler s, trace *k)
{
    nn_tensor *y = op->sample(t, &s);
    double value;

    k->n = 0;
    ck_assert_msg(y != NULL, "%s: %s", op->name, message(t));
    append(k, y->x, nn_numel(y));
    k->values = k->n;
    if (!(nn_tape_mode(t) & NN_RECORD))
        return;
    ck_assert_msg(nn_tape_backward(t, project(t, y, &value)) == BASE_OK, "%s: %s", op->name, message(t));
    for (int i = 0; i < s.n_leaves; i++)
        append(k, s.leaves[i]->dx, nn_numel(s.leaves[i]));
}

static bool same_bits(const trace *a, const trace *b)
{
    return a->n == b->n && memcmp(a->x, b->x, (size_t)a->n * sizeof *a->x) == 0;
}

/* Element by element, relative to the largest. */
static void check_close(const nn_op *op, const float *a, const float *b, int64_t n, double tolerance, const char *what)
{
    double most = 1.0;

    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)a[i]));
    for (int64_t i = 0; i < n; i++)
        ck_assert_msg(fabs((double)a[i] - (double)b[i]) <= tolerance * most, "%s, %s: number %lld is %.9g and %.9g",
            op->name, what, (long long)i, (double)a[i], (double)b[i]);
}

/* ---- the derivative along a direction, per input ----------------------------------------------------------------- */

static double value_at(nn_tape *t, const nn_op *op, uint64_t seed, int leaf, float nudge)
{
    nn_sampler s = sampler(seed);
    double value = 0.0;

    s.nudged = leaf;
    s.nudge = nudge;
    nn_tape_begin(t, NN_TRAIN, 3);
    project(t, op->sample(t, &s), &value);
    ck_assert_msg(!nn_tape_error(t), "%s: %s", op->name, message(t));
    return value;
}

/* A leaf without a gradient must have no influence. */
static void check_leaf(nn_tape *t, const nn_op *op, uint64_t seed, int leaf, const nn_tensor *x)
{
    const double h = 5e-3, tolerance = op->tolerance > 0 ? op->tolerance : 2e-3;
    base_random direction = base_random_at(seed, 0, 2);
    double analytic = 0.0, norm = 1e-2, numeric;

    for (int64_t i = 0; x->dx && i < nn_numel(x); i++) {
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
    nn_tape *t = tape_of(0, 0, false), *other = tape_of(0, 0, false);

    ck_assert_msg(op->sample != NULL, "%s has no sample", op->name);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        nn_sampler s = sampler(seed);
        double value;

        nn_tape_begin(t, NN_TRAIN, 3);
        ck_assert_int_eq(nn_tape_backward(t, project(t, op->sample(t, &s), &value)), BASE_OK);
        ck_assert_int_gt(s.n_leaves, 0);
        for (int leaf = 0; leaf < s.n_leaves; leaf++)
            check_leaf(other, op, seed, leaf, s.leaves[leaf]);
    }
    nn_tape_free(t);
    nn_tape_free(other);
}
END_TEST

/* ---- batches and modes ------------------------------------------------------------------------------------------- */

START_TEST(empty_batches_pass)
{
    const nn_op *op = nn_ops[_i];
    nn_tape *t = tape_of(0, 0, false);

    for (int n = 0; n <= 4; n += 4)
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            nn_tape_begin(t, NN_TRAIN, 0);
            run(t, op, sampler_of(seed, n, nothing, nothing), &first);
            for (int64_t i = 0; i < first.n; i++)
                ck_assert_msg(isfinite(first.x[i]), "%s of nothing made %g", op->name, (double)first.x[i]);
        }
    nn_tape_free(t);
}
END_TEST

START_TEST(without_gradients_the_values_are_the_same)
{
    const nn_op *op = nn_ops[_i];
    nn_tape *t = tape_of(0, 0, false);

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        nn_sampler s = sampler(seed);
        nn_tensor *y;

        nn_tape_begin(t, NN_TRAIN, 0);
        run(t, op, s, &first);
        nn_tape_begin(t, NN_RANDOM, 0);
        y = op->sample(t, &s);
        ck_assert_msg(y && !y->needs_grad && !nn_tape_mark(t).node, "%s recorded", op->name);
        ck_assert_msg(memcmp(y->x, first.x, (size_t)first.values * sizeof *y->x) == 0, "%s has other values", op->name);
    }
    nn_tape_free(t);
}
END_TEST

/* Rows of utterance u of y; false: y has no rows of utterances. */
static bool rows_of(const nn_tensor *y, int n, int u, int64_t *from, int64_t *to)
{
    *from = y->seqs ? y->seqs->begin[u] : u;
    *to = y->seqs ? y->seqs->begin[u + 1] : u + 1;
    return y->seqs || y->rows == n;
}

START_TEST(utterances_alone_and_in_company)
{
    const nn_op *op = nn_ops[_i];
    nn_tape *t = tape_of(0, 0, false), *other = tape_of(0, 0, false);

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        nn_sampler s = sampler(seed);
        nn_tensor *all, *alone;
        int64_t from, to, zero, rows;

        nn_tape_begin(t, NN_INFER, 0);
        ck_assert_msg((all = op->sample(t, &s)) != NULL, "%s: %s", op->name, message(t));
        for (int u = 0; u < 4 && rows_of(all, 4, u, &from, &to); u++) {
            int64_t own[] = { 0, begin[u + 1] - begin[u] }, text[] = { 0, text_begin[u + 1] - text_begin[u] };
            nn_sampler one = sampler_of(seed, 1, own, text);

            one.window = (struct nn_window){ begin[u], begin[4] };
            one.text_window = (struct nn_window){ text_begin[u], text_begin[4] };
            nn_tape_begin(other, NN_INFER, 0);
            ck_assert_msg((alone = op->sample(other, &one)) != NULL, "%s: %s", op->name, message(other));
            ck_assert(rows_of(alone, 1, 0, &zero, &rows));
            ck_assert_int_eq(rows, to - from);
            check_close(op, all->x + from * all->cols, alone->x, rows * all->cols, 1e-5, "in company and alone");
        }
        ck_assert_msg(rows_of(all, 4, 0, &from, &to) || nn_numel(all) == 1 || !strcmp(op->name, "gather_rows") ||
            !strcmp(op->name, "stack"),
            "%s: a result that is neither rows of utterances nor a loss", op->name);
    }
    nn_tape_free(t);
    nn_tape_free(other);
}
END_TEST

/* ---- threads and random numbers ---------------------------------------------------------------------------------- */

/* The same bits; where a matrix product is inside, close. */
START_TEST(threads_do_not_matter)
{
    const nn_op *op = nn_ops[_i];
    nn_tape *t = tape_of(0, 0, false);
    int threads = omp_get_max_threads();

    for (uint64_t seed = 1; seed <= SEEDS / 2; seed++) {
        nn_sampler s = sampler_of(seed, 4, large, large_text);

        s.model = 96;
        s.inner = 128;
        s.vocab = 120;
        for (int k = 1; k <= 2; k++) {
            omp_set_num_threads(k);
            nn_tape_begin(t, NN_TRAIN, 0);
            run(t, op, s, k == 1 ? &first : &second);
            if (k > 1 && op->flop)
                check_close(op, first.x, second.x, first.n, 1e-5, "1 and 2 threads");
            else if (k > 1)
                ck_assert_msg(same_bits(&first, &second), "%s: 1 and 2 threads differ", op->name);
        }
    }
    omp_set_num_threads(threads);
    nn_tape_free(t);
}
END_TEST

/* True when one of the seeds gives other values on tape t at `step`, inside `scope`, than on `base` at step 3. */
static bool differs(nn_tape *t, const nn_op *op, nn_tape *base, nn_mode mode, uint64_t step, const char *scope)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        nn_tape_begin(base, NN_RANDOM, 3);
        run(base, op, sampler(seed), &first);
        nn_tape_begin(t, mode, step);
        if (scope)
            nn_scope_push(t, scope, 0);
        run(t, op, sampler(seed), &second);
        if (!same_bits(&first, &second))
            return true;
    }
    return false;
}

START_TEST(random_numbers_follow_seed_step_and_site)
{
    const nn_op *op = nn_ops[_i];
    nn_tape *t = tape_of(0, 1, false), *same = tape_of(0, 1, false), *seeded = tape_of(0, 2, false);

    ck_assert_msg(!differs(same, op, t, NN_RANDOM, 3, NULL), "%s: equal seed, step and site differ", op->name);
    ck_assert_msg(differs(same, op, t, NN_RANDOM, 4, NULL) == op->random, "%s: another step", op->name);
    ck_assert_msg(differs(seeded, op, t, NN_RANDOM, 3, NULL) == op->random, "%s: another seed", op->name);
    ck_assert_msg(differs(same, op, t, NN_RANDOM, 3, "site") == op->random, "%s: another site", op->name);
    ck_assert_msg(differs(same, op, t, NN_INFER, 3, NULL) == op->random, "%s: without NN_RANDOM", op->name);
    nn_tape_free(t);
    nn_tape_free(same);
    nn_tape_free(seeded);
}
END_TEST

/* ---- bad numbers and a full tape --------------------------------------------------------------------------------- */

static bool has_nan(const nn_tensor *y)
{
    for (int64_t i = 0; i < nn_numel(y); i++)
        if (isnan(y->x[i]))
            return true;
    return false;
}

/* NaN in the first input arrives in the result or is an error; not in every draw, for an operator may pass the place
 * over (a label that is ignored, a row that is not looked up). */
START_TEST(nan_arrives)
{
    const nn_op *op = nn_ops[_i];
    nn_tape *t = tape_of(0, 0, false), *checking = tape_of(0, 0, true);
    int arrived = 0, named = 0;

    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        for (int k = 0; k < 2; k++) {
            nn_sampler s = sampler(seed), again = s;
            nn_tensor *y;
            double value;

            s.bad = again.bad = k ? INFINITY : NAN;
            nn_tape_begin(t, NN_TRAIN, 0);
            y = op->sample(t, &s);
            arrived += k == 0 && (!y || has_nan(y));
            if (y)
                nn_tape_backward(t, project(t, y, &value));
            nn_tape_begin(checking, NN_TRAIN, 0);
            y = op->sample(checking, &again);
            named += k == 0 && !y && strstr(message(checking), op->name) != NULL;
        }
    ck_assert_msg(arrived > 0, "%s swallows NaN", op->name);
    ck_assert_msg(named == arrived, "%s: NaN arrived %d times, check_finite named it %d times", op->name,
        arrived, named);
    nn_tape_free(t);
    nn_tape_free(checking);
}
END_TEST

START_TEST(a_full_tape_is_an_error)
{
    const nn_op *op = nn_ops[_i];
    int failed = 0;
    bool passed = false;

    for (size_t memory = 64; !passed; memory += memory / 4) {
        nn_tape *t = tape_of(memory, 0, false);
        nn_sampler s = sampler(1);
        base_status status;
        double value;

        nn_tape_begin(t, NN_TRAIN, 0);
        status = nn_tape_backward(t, project(t, op->sample(t, &s), &value));
        ck_assert_msg(status == BASE_OK || status == BASE_NO_MEMORY, "%s in %zu bytes: %s", op->name, memory,
            message(t));
        passed = status == BASE_OK;
        failed += !passed;
        nn_tape_free(t);
    }
    ck_assert_int_gt(failed, 0);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("operators");
    TCase *c = tcase_create("table");

    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, gradients_agree_with_differences, 0, nn_ops_count);
    tcase_add_loop_test(c, empty_batches_pass, 0, nn_ops_count);
    tcase_add_loop_test(c, without_gradients_the_values_are_the_same, 0, nn_ops_count);
    tcase_add_loop_test(c, utterances_alone_and_in_company, 0, nn_ops_count);
    tcase_add_loop_test(c, threads_do_not_matter, 0, nn_ops_count);
    tcase_add_loop_test(c, random_numbers_follow_seed_step_and_site, 0, nn_ops_count);
    tcase_add_loop_test(c, nan_arrives, 0, nn_ops_count);
    tcase_add_loop_test(c, a_full_tape_is_an_error, 0, nn_ops_count);
    suite_add_tcase(s, c);
    return s;
}

UNIT_MAIN(suite)
