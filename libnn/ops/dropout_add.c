/* dropout_add: y = x + m h with dropout's m, the end of every sub-layer of a Transformer, in one pass. Keeps nothing; the
 * gradient of x is y's own, handed over. Without NN_RANDOM, or p 0, m is 1. */
#include "libnn/ops/op.h"

typedef struct dropout { float p; base_random random; } dropout;

/* y = base + m x; base NULL: 0. */
BASE_CLONES static void apply(const dropout *d, float *y, const float *base, const float *x, int64_t n)
{
    base_parallel_for(n, NN_DROPOUT_BLOCK, i, end) {
        float m[NN_DROPOUT_BLOCK];

        if (d->p > 0.0f)
            nn_dropout_mask(&d->random, d->p, i, end - i, m);
        else
            for (int64_t j = 0; j < end - i; j++)
                m[j] = 1.0f;
        if (base)
            for (int64_t j = 0; j < end - i; j++)
                y[i + j] = base[i + j] + m[j] * x[i + j];
        else
            for (int64_t j = 0; j < end - i; j++)
                y[i + j] = m[j] * x[i + j];
    }
}

static void backward(nn_node *g)
{
    int64_t n = nn_numel(g->out);
    bool add;
    float *dh = nn_grad_fresh(g, 0, &add), *dx;

    if (dh)
        apply(g->data, dh, add ? dh : NULL, g->out->dx, n);
    if (nn_grad_pass(g, 1) || !(dx = nn_grad(g, 1)))
        return;
    base_parallel_for(n, NN_DROPOUT_BLOCK, i, end)
        for (; i < end; i++)
            dx[i] += g->out->dx[i];
}

static nn_tensor *sample(nn_tape *t, nn_sampler *s)
{
    nn_tensor *h = nn_sample_rows(t, s, s->model);

    return nn_dropout_add(t, h, nn_sample_rows(t, s, s->model), 0.25f, "sample");
}

const nn_op nn_op_dropout_add = { .name = "dropout_add", .backward = backward, .sample = sample,
    .keeps = NN_KEEPS_NOTHING, .random = true };

nn_tensor *nn_dropout_add(nn_tape *t, nn_tensor *h, nn_tensor *x, float p, const char *site)
{
    nn_node *g;
    dropout *d;

    if (!nn_ready(t, h, x))
        return NULL;
    if (h->rows != x->rows || h->cols != x->cols)
        return nn_tape_fail(t, BASE_SHAPE, "dropout_add: [%lld][%d] onto [%lld][%d]", (long long)h->rows, h->cols,
            (long long)x->rows, x->cols);
    if (!(p >= 0.0f && p < 1.0f))
        return nn_tape_fail(t, BASE_VALUE, "dropout_add: probability %g, it must be at least 0 and less than 1", (double)p);
    g = nn_record(t, &nn_op_dropout_add, nn_like(x), h, x);
    if (g && (d = nn_node_data(g, sizeof *d))) {
        *d = (dropout){ nn_is_random(t) ? p : 0.0f, nn_tape_random(t, site) };
        apply(d, g->out->x, x->x, h->x, nn_numel(x));
    }
    return nn_result(g);
}
