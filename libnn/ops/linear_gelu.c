/* linear_gelu: y = dropout(GELU(u)), u = x w' + b. Keeps u and x; GELU and the mask are computed again in backward. */
#include "libnn/ops/affine.h"

typedef struct options {
    float       p;
    base_random random;
} options;

#define BLOCK NN_DROPOUT_BLOCK

BASE_CLONES static void gelu_block(float *y, const float *u, const float *mask, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = vm_gelu(u[i]) * mask[i];
}

BASE_CLONES static void slope_block(float *du, const float *u, const float *dy, const float *mask, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        du[i] = dy[i] * mask[i] * vm_gelu_slope(u[i]);
}

/* The mask of elements i .. end-1; all ones without dropout. */
static void make_mask(const options *o, int64_t i, int64_t end, float *mask)
{
    if (o->p > 0.0f)
        nn_dropout_mask(&o->random, o->p, i, end - i, mask);
    else
        for (int64_t k = 0; k < end - i; k++)
            mask[k] = 1.0f;
}

static void forward(const options *o, float *y, const float *u, int64_t n)
{
    base_parallel_for(n, BLOCK, i, end)
    {
        float mask[BLOCK];
        make_mask(o, i, end, mask);
        gelu_block(y + i, u + i, mask, end - i);
    }
}

static void backward(nn_node *g)
{
    const options *o = g->data;
    const float *dy = g->out->dx, *u = g->saved;
    int64_t n = nn_numel(g->out);
    float *du = nn_scratch(g->tape, n);

    if (!du)
        return;
    base_parallel_for(n, BLOCK, i, end)
    {
        float mask[BLOCK];
        make_mask(o, i, end, mask);
        slope_block(du + i, u + i, dy + i, mask, end - i);
    }
    nn_affine_backward(g, du);
}

static double flop(const nn_node *g) { return 2.0 * (double)nn_numel(g->in[0]) * (double)g->in[1]->rows; }

static nn_tensor *sample(nn_tape *t, nn_sampler *s)
{
    nn_tensor *x = nn_sample_rows(t, s, s->model), *w = nn_sample_matrix(t, s, s->inner, s->model);

    return nn_linear_gelu(t, x, w, nn_sample_matrix(t, s, 1, s->inner), nn_sample_below(s, 2) ? 0.1f : 0.0f, "sample");
}

const nn_op nn_op_linear_gelu = { .name = "linear_gelu", .backward = backward, .sample = sample, .flop = flop,
    .keeps = NN_KEEPS(0) | NN_KEEPS(1), .random = true };

nn_tensor *nn_linear_gelu(nn_tape *t, nn_tensor *x, nn_tensor *w, nn_tensor *b, float p, const char *site)
{
    nn_node *g;
    options *o;
    float *u;

    if (!nn_affine_fits(t, "linear_gelu", x, w, b))
        return NULL;
    if (!(p >= 0.0f && p < 1.0f))
        return nn_tape_fail(t, BASE_VALUE, "linear_gelu: probability %g, it must be at least 0 and less than 1", (double)p);
    g = nn_record(t, &nn_op_linear_gelu, nn_like_cols(x, (int)w->rows), x, w, b);
    if (!g || !(o = nn_node_data(g, sizeof *o)) || !(u = nn_node_save(g, nn_numel(g->out))))
        return NULL;
    if (!w->needs_grad)
        g->keeps &= ~NN_KEEPS(0);
    o->p = nn_is_random(t) ? p : 0.0f;
    o->random = nn_tape_random(t, site);
    nn_affine(u, x, w, b);
    forward(o, g->out->x, u, nn_numel(g->out));
    return nn_result(g);
}
