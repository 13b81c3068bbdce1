/* cross_entropy: the loss of a row with label y, weights w, smoothing s and p = softmax(x) is
 *     -(1 - s) w[y] ln p[y] - s / C sum_c w[c] ln p[c]
 * for rows whose label is not `ignore`; NN_MEAN divides by the sum of w[y] (PyTorch 2). Keeps its input and each row's
 * norm:
 *     dx[c] = (1 - s) w[y] (p[c] - [c = y]) + s / C (p[c] sum(w) - w[c]). */
#include "libnn/ops/row.h"

typedef struct options {
    const int   *labels;
    const float *weight;    /* [C] */
    int          ignore;
    float        smoothing, weights;    /* the sum of weight */
    double       divisor;               /* 0: nothing counts */
} options;

static inline float row_loss(const options *o, const float *x, int label, row_norm k, int n)
{
    float own = (o->smoothing - 1.0f) * o->weight[label] * row_log_p(k, x[label]), even = 0.0f;

    if (o->smoothing <= 0.0f)
        return own;
#pragma omp simd reduction(+ : even)
    for (int c = 0; c < n; c++)
        even += o->weight[c] * row_log_p(k, x[c]);
    return own - o->smoothing / (float)n * even;
}

/* Norm and loss of every row, [rows] each. */
BASE_CLONES static void forward(const options *o, row_norm *norm, float *loss, const float *x, int64_t rows, int n)
{
    base_parallel_for(rows, row_grain(n), r, end)
        for (; r < end; r++) {
            norm[r] = row_norm_of(x + r * n, n);
            loss[r] = o->labels[r] == o->ignore ? 0.0f : row_loss(o, x + r * n, o->labels[r], norm[r], n);
        }
}

/* factor: the gradient of the sum of losses. */
BASE_CLONES static void slope(const options *o, float *dx, const row_norm *norm, const float *x, int64_t rows, int n,
    float factor)
{
    float even = factor * o->smoothing / (float)n;

    base_parallel_for(rows, row_grain(n), r, end)
        for (; r < end; r++) {
            int label = o->labels[r];
            float own, all;

            if (label == o->ignore)
                continue;
            own = factor * (1.0f - o->smoothing) * o->weight[label];
            all = own + even * o->weights;
            for (int c = 0; c < n; c++)
                dx[r * n + c] += all * vm_exp(row_log_p(norm[r], x[r * n + c])) - even * o->weight[c];
            dx[r * n + label] -= own;
        }
}

static void backward(nn_node *g)
{
    const options *o = g->data;
    const nn_tensor *x = g->in[0];
    float *dx = nn_grad(g, 0);

    if (dx && o->divisor > 0.0)
        slope(o, dx, (const row_norm *)g->saved, x->x, x->rows, x->cols, (float)((double)g->out->dx[0] / o->divisor));
}

static nn_tensor *sample(nn_tape *t, nn_sampler *s)
{
    nn_cross_entropy_options o = NN_CROSS_ENTROPY_DEFAULTS;
    nn_tensor *x = nn_sample_rows(t, s, s->vocab);
    const int *labels = nn_sample_ints(t, s, s->begin[s->n], s->vocab);
    float *weight = nn_tape_keep(t, (size_t)s->vocab * sizeof *weight);

    o.smoothing = nn_sample_below(s, 2) ? 0.1f : 0.0f;
    o.reduction = nn_sample_below(s, 2) ? NN_MEAN : NN_SUM;
    o.ignore = nn_sample_below(s, 2) ? NN_IGNORE : nn_sample_below(s, s->vocab);
    if (weight && nn_sample_below(s, 2)) {
        for (int c = 0; c < s->vocab; c++)
            weight[c] = 0.5f + 0.25f * (float)nn_sample_below(s, 4);
        o.weight = weight;
    }
    return nn_cross_entropy(t, x, labels, &o);
}

const nn_op nn_op_cross_entropy = { .name = "cross_entropy", .backward = backward, .sample = sample,
    .keeps = NN_KEEPS_INPUT };

/* Copies the weights, ones for NULL. */
static bool take_weights(nn_tape *t, options *o, const float *weight, int n)
{
    float *kept = nn_tape_keep(t, (size_t)n * sizeof *kept);

    for (int c = 0; kept && c < n; c++) {
        kept[c] = weight ? weight[c] : 1.0f;
        if (!(kept[c] >= 0.0f && kept[c] < INFINITY))
            return nn_tape_fail(t, BASE_VALUE, "cross_entropy: weight %g of class %d", (double)kept[c], c), false;
        o->weights += kept[c];
    }
    o->weight = kept;
    return kept != NULL;
}

/* Copies the labels and finds what to divide by. */
static bool take_labels(nn_tape *t, options *o, const int *labels, int64_t rows, int n, nn_reduction reduction)
{
    if (!(o->labels = nn_tape_keep_ints(t, labels, rows)))
        return false;
    for (int64_t r = 0; r < rows; r++) {
        if (labels[r] == o->ignore)
            continue;
        if (labels[r] < 0 || labels[r] >= n)
            return nn_tape_fail(t, BASE_VALUE, "cross_entropy: label %d of row %lld, there are %d classes", labels[r],
                (long long)r, n), false;
        o->divisor += (double)o->weight[labels[r]];
    }
    if (reduction == NN_SUM)
        o->divisor = 1.0;
    return true;
}

nn_tensor *nn_cross_entropy(nn_tape *t, nn_tensor *logits, const int *labels, const nn_cross_entropy_options *given)
{
    nn_cross_entropy_options defaults = NN_CROSS_ENTROPY_DEFAULTS;
    nn_node *g;
    options *o;
    float *loss;
    double sum = 0.0;

    if (!nn_ready(t, logits))
        return NULL;
    given = given ? given : &defaults;
    if (!(given->smoothing >= 0.0f && given->smoothing <= 1.0f))
        return nn_tape_fail(t, BASE_VALUE, "cross_entropy: smoothing %g, it must be in 0 .. 1",
            (double)given->smoothing);
    if (!labels && logits->rows)
        return nn_tape_fail(t, BASE_SHAPE, "cross_entropy: %lld rows without labels", (long long)logits->rows);
    g = nn_record(t, &nn_op_cross_entropy, ((nn_shape){ 1, 1, NULL }), logits);
    if (!g || !(o = nn_node_data(g, sizeof *o)) || !nn_node_save(g, 2 * logits->rows) ||
        !(loss = nn_scratch(t, logits->rows)))
        return NULL;
    o->smoothing = given->smoothing;
    o->ignore = given->ignore;
    if (!take_weights(t, o, given->weight, logits->cols) ||
        !take_labels(t, o, labels, logits->rows, logits->cols, given->reduction))
        return NULL;
    forward(o, (row_norm *)g->saved, loss, logits->x, logits->rows, logits->cols);
    for (int64_t r = 0; r < logits->rows; r++)
        sum += (double)loss[r];
    g->out->x[0] = o->divisor > 0.0 ? (float)(sum / o->divisor) : 0.0f;
    return nn_result(g);
}
