/* weigh: a loss for tests of one operator, sum of y[i] w[i] with w fixed normal deviates; and random data. */
#ifndef SERIN_TESTS_WEIGH_H
#define SERIN_TESTS_WEIGH_H

#include <math.h>
#include <string.h>

#include "libnn/core/core.h"
#include "tests/unit/unit.h"

static inline nn_tape *new_tape(void)
{
    base_error e = BASE_ERROR_INIT;
    nn_tape *t = nn_tape_new(NULL, &e);

    ck_assert_msg(t != NULL, "%s", e.text);
    return t;
}

/* n normal deviates times scale, the same for the same name; freed by the caller. */
static inline float *normals(uint64_t name, int64_t n, double scale)
{
    base_random r = base_random_at(7, 0, name);
    float *x = malloc((size_t)(n ? n : 1) * sizeof *x);

    ck_assert_ptr_nonnull(x);
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(scale * base_random_normal(&r, (uint64_t)i));
    return x;
}

static inline float weigh_weight(int64_t i)
{
    static const base_random r = { { 5, 6 }, { 7, 8 } };

    return (float)base_random_normal(&r, (uint64_t)i);
}

static inline void weigh_backward(nn_node *g)
{
    float *dx = nn_grad(g, 0);

    for (int64_t i = 0; dx && i < nn_numel(g->in[0]); i++)
        dx[i] += g->out->dx[0] * weigh_weight(i);
}

/* The loss in double, and, when the tape records, its gradients: into the dx of what y was computed from. */
static inline double weigh(nn_tape *t, nn_tensor *y)
{
    static const nn_op op = { .name = "weigh", .backward = weigh_backward };
    double sum = 0.0;

    ck_assert_msg(y != NULL, "%s", nn_tape_error(t) ? nn_tape_error(t)->text : "no result");
    for (int64_t i = 0; i < nn_numel(y); i++)
        sum += (double)y->x[i] * weigh_weight(i);
    if (y->needs_grad) {
        nn_node *g = nn_record(t, &op, ((nn_shape){ 1, 1, NULL }), y);
        ck_assert_int_eq(nn_tape_backward(t, nn_result(g)), BASE_OK);
    }
    return sum;
}

/* Checks `gradient` of loss(x) along a random direction of x [n] against a difference quotient of step h. */
static inline void check_direction(double (*loss)(const float *x, void *closure), void *closure, const float *x,
    const float *gradient, int64_t n, float h, double tolerance)
{
    float *direction = normals(99, n, 1.0), *moved = normals(99, n, 0.0);
    double analytic = 0.0, norm = 0.0, value[2];

    for (int64_t i = 0; i < n; i++) {
        analytic += (double)gradient[i] * direction[i];
        norm += (double)gradient[i] * gradient[i];
    }
    for (int side = 0; side < 2; side++) {
        for (int64_t i = 0; i < n; i++)
            moved[i] = x[i] + (side ? -h : h) * direction[i];
        value[side] = loss(moved, closure);
    }
    ck_assert_double_eq_tol(analytic, (value[0] - value[1]) / (2.0 * h), tolerance * sqrt(norm));
    free(direction);
    free(moved);
}

#endif
