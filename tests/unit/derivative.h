/* The gradient of a whole model against the change of its loss along a random direction. */
#ifndef SERIN_TESTS_DERIVATIVE_H
#define SERIN_TESTS_DERIVATIVE_H

#include <math.h>

#include "base/random.h"
#include "libnn/nn.h"
#include "tests/unit/unit.h"

typedef nn_tensor *derivative_loss(nn_tape *t, void *data);

static inline double derivative_value(nn_tape *t, nn_mode mode, derivative_loss *loss, void *data)
{
    nn_tensor *l;

    nn_tape_begin(t, mode, 3);
    l = loss(t, data);
    ck_assert_msg(l != NULL, "%s", nn_tape_error(t)->text);
    return (double)l->x[0];
}

static inline void derivative_move(const nn_params *p, const double *to, double by)
{
    for (int64_t i = 0, at = 0; i < nn_params_count(p); i++)
        for (int64_t k = 0; k < nn_params_at(p, (int)i)->count; k++, at++)
            if (nn_params_at(p, (int)i)->dx)
                nn_params_at(p, (int)i)->x[k] += (float)(by * to[at]);
}

/* Every trainable parameter moves along a random unit direction; the loss, at 5 points of a central difference, must
 * change as the gradient says to `tolerance` of the gradient's norm. mode: NN_RECORD, or NN_TRAIN with the same masks. */
static inline void derivative_check(nn_tape *t, nn_params *p, nn_mode mode, derivative_loss *loss, void *data, double tolerance)
{
    base_random r = base_random_at(5, 6, 7);
    double norm = 0, slope = 0, along, h = 4e-3, size = 0, *to;
    int64_t n = 0;

    for (int i = 0; i < nn_params_count(p); i++)
        n += nn_params_at(p, i)->count;
    to = malloc((size_t)n * sizeof *to);
    nn_params_zero_grads(p);
    derivative_value(t, mode, loss, data);
    nn_tape_begin(t, mode, 3);
    ck_assert_int_eq(nn_tape_backward(t, loss(t, data)), BASE_OK);
    for (int64_t k = 0; k < n; k++) {
        to[k] = base_random_normal(&r, (uint64_t)k);
        size += to[k] * to[k];
    }
    for (int64_t i = 0, at = 0; i < nn_params_count(p); i++)
        for (int64_t k = 0; k < nn_params_at(p, (int)i)->count; k++, at++) {
            double dx = nn_params_at(p, (int)i)->dx ? nn_params_at(p, (int)i)->dx[k] : 0;

            to[at] /= sqrt(size);
            slope += to[at] * dx;
            norm += dx * dx;
        }
    mode = mode == NN_RECORD ? NN_INFER : mode;
    derivative_move(p, to, 2 * h);
    along = -derivative_value(t, mode, loss, data);
    derivative_move(p, to, -h);
    along += 8 * derivative_value(t, mode, loss, data);
    derivative_move(p, to, -2 * h);
    along -= 8 * derivative_value(t, mode, loss, data);
    derivative_move(p, to, -h);
    along += derivative_value(t, mode, loss, data);
    derivative_move(p, to, 2 * h);
    along /= 12 * h;
    free(to);
    ck_assert_msg(norm > 0 && fabs(along - slope) <= tolerance * sqrt(norm), "%g by backward, %g by differences, gradient's norm %g",
        slope, along, sqrt(norm));
}

#endif
