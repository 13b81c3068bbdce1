/* dropout: y = m x, m = 0 with probability p, else 1 / (1 - p) (Srivastava et al. 2014). Keeps nothing: the mask is a
 * function of seed, step, site and element, and is drawn again in backward. Without NN_RANDOM, or p 0, it is x itself. */
#include "libnn/ops/op.h"

typedef struct dropout { float p; base_random random; } dropout;

static void apply(const dropout *d, float *y, const float *x, int64_t n, bool add)
{
    base_parallel_for(n, NN_DROPOUT_BLOCK, i, end) {
        float m[NN_DROPOUT_BLOCK];

        nn_dropout_mask(&d->random, d->p, i, end - i, m);
        for (int64_t j = 0; j < end - i; j++)
            y[i + j] = add ? y[i + j] + m[j] * x[i + j] : m[j] * x[i + j];
    }
}

static void backward(nn_node *g)
{
    bool add;
    float *dx = nn_grad_fresh(g, 0, &add);

    if (dx)
        apply(g->data, dx, g->out->dx, nn_numel(g->out), add);
}

static nn_tensor *sample(nn_tape *t, nn_sampler *s)
{
    return nn_dropout(t, nn_sample_rows(t, s, s->model), 0.25f, "sample");
}

const nn_op nn_op_dropout = { .name = "dropout", .backward = backward, .sample = sample,
    .keeps = NN_KEEPS_NOTHING, .random = true };

nn_tensor *nn_dropout(nn_tape *t, nn_tensor *x, float p, const char *site)
{
    nn_node *g;
    dropout *d;

    if (!nn_ready(t, x))
        return NULL;
    if (!(p >= 0.0f && p < 1.0f))
        return nn_tape_fail(t, BASE_VALUE, "dropout: probability %g, it must be at least 0 and less than 1", (double)p);
    if (p == 0.0f || !nn_is_random(t))
        return x;
    g = nn_record(t, &nn_op_dropout, nn_like(x), x);
    if (g && (d = nn_node_data(g, sizeof *d))) {
        *d = (dropout){ p, nn_tape_random(t, site) };
        apply(d, g->out->x, x->x, nn_numel(x), false);
    }
    return nn_result(g);
}
