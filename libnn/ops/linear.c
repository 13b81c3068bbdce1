/* linear: y = x w' + b. x [rows][in], w [out][in], b [1][out] or absent.
 * Backward: dx = dy w, dw += dy' x, db += column sums of dy. Keeps x when w is trained, and w. */
#include "libnn/ops/affine.h"

static void backward(nn_node *g) { nn_affine_backward(g, g->out->dx); }

static double flop(const nn_node *g) { return 2.0 * (double)nn_numel(g->in[0]) * (double)g->in[1]->rows; }

static nn_tensor *sample(nn_tape *t, nn_sampler *s)
{
    nn_tensor *x = nn_sample_rows(t, s, s->model), *w = nn_sample_matrix(t, s, s->inner, s->model);

    return nn_linear(t, x, w, nn_sample_below(s, 4) ? nn_sample_matrix(t, s, 1, s->inner) : NULL);
}

const nn_op nn_op_linear = { .name = "linear", .backward = backward, .sample = sample, .flop = flop,
    .keeps = NN_KEEPS(0) | NN_KEEPS(1) };

nn_tensor *nn_linear(nn_tape *t, nn_tensor *x, nn_tensor *w, nn_tensor *b)
{
    nn_node *g;

    if (!nn_affine_fits(t, "linear", x, w, b))
        return NULL;
    g = nn_record(t, &nn_op_linear, nn_like_cols(x, (int)w->rows), x, w, b);
    if (g) {
        if (!w->needs_grad)
            g->keeps &= ~NN_KEEPS(0);
        nn_affine(g->out->x, x, w, b);
    }
    return nn_result(g);
}
