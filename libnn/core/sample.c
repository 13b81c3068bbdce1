/* Random instances of operators, for tests and bench: what an operator's `sample` asks for. */
#include "libnn/core/core.h"

#include <assert.h>
#include <math.h>

static nn_tensor *leaf(nn_tape *t, nn_sampler *s, int64_t rows, int cols, int n, const int64_t *begin, struct nn_window w)
{
    nn_tensor *y = s->reservoir ? nn_input_wrap(t, s->reservoir, rows, cols, n, begin)
                                : nn_input_grad(t, NULL, rows, cols, n, begin);
    uint64_t first = s->drawn + (uint64_t)(w.first * cols);

    if (!y)
        return NULL;
    y->needs_grad = nn_tape_mode(t) & NN_RECORD;
    for (int64_t i = 0; !s->reservoir && i < nn_numel(y); i++) {
        float x = (float)base_random_normal(&s->random, first + (uint64_t)i);
        y->x[i] = x + copysignf(s->gap, x);
    }
    s->drawn += (uint64_t)((w.all ? w.all : rows) * cols);
    if (s->bad != 0.0f && s->n_leaves == 0 && nn_numel(y))
        y->x[base_random_below(&s->direction, 0, nn_numel(y))] = s->bad;
    if (s->nudge != 0.0f && s->n_leaves == s->nudged)
        for (int64_t i = 0; i < nn_numel(y); i++)
            y->x[i] += s->nudge * (float)base_random_normal(&s->direction, (uint64_t)i);
    assert(s->n_leaves < NN_MAX_INPUTS);
    s->leaves[s->n_leaves++] = y;
    return y;
}

nn_tensor *nn_sample_rows(nn_tape *t, nn_sampler *s, int cols)
{
    return leaf(t, s, s->begin[s->n], cols, s->n, s->begin, s->window);
}

nn_tensor *nn_sample_text_rows(nn_tape *t, nn_sampler *s, int cols)
{
    return leaf(t, s, s->text_begin[s->n], cols, s->n, s->text_begin, s->text_window);
}

nn_tensor *nn_sample_matrix(nn_tape *t, nn_sampler *s, int64_t rows, int cols)
{
    return leaf(t, s, rows, cols, 0, NULL, (struct nn_window){ 0, 0 });
}

int nn_sample_below(nn_sampler *s, int n) { return (int)base_random_below(&s->random, s->drawn++, n); }

const int *nn_sample_ints(nn_tape *t, nn_sampler *s, int64_t count, int n)
{
    int *x = nn_tape_keep(t, (size_t)count * sizeof *x);

    for (int64_t i = 0; x && i < count; i++)
        x[i] = nn_sample_below(s, n);
    return x;
}

const int *nn_sample_text_ints(nn_tape *t, nn_sampler *s, int n)
{
    struct nn_window w = s->text_window;
    int64_t count = s->text_begin[s->n];
    uint64_t after = s->drawn + (uint64_t)(w.all ? w.all : count);
    const int *x;

    s->drawn += (uint64_t)w.first;
    x = nn_sample_ints(t, s, count, n);
    s->drawn = after;
    return x;
}
