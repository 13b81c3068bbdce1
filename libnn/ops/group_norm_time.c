/* group_norm_time: y = (x - mean) r g + b, r = 1 / sqrt(var + eps), where mean and biased variance are those of the
 * channel over all frames of its utterance: Wu and He 2018 with as many groups as channels, HuBERT base's first norm.
 * Backward as in layer_norm, along time. Keeps its input, and mean and r of each utterance and channel. */
#include <math.h>
#include <string.h>

#include "libnn/ops/op.h"

#define WIDTH 64    /* channels of a task: whole cache lines, sums on the stack */

/* A block of channels of one utterance. */
typedef struct block {
    int64_t row, frames;
    int     utterance, channel, width;
} block;

static int64_t count_blocks(const nn_tensor *x) { return x->seqs->n * base_blocks(x->cols, WIDTH); }

static block block_at(const nn_tensor *x, int64_t i)
{
    int64_t across = base_blocks(x->cols, WIDTH);
    int u = (int)(i / across), c = (int)(i % across) * WIDTH;
    int64_t row = x->seqs->begin[u];

    return (block){ row, x->seqs->begin[u + 1] - row, u, c, (int)base_min_i64(WIDTH, x->cols - c) };
}

/* x stands at the block's first value; mean, r [width]. */
static inline void stats_of(const float *x, const block *b, int64_t ld, float eps, float *mean, float *r)
{
    double sum[WIDTH] = { 0 }, square[WIDTH] = { 0 };

    for (int64_t t = 0; t < b->frames; t++)
        for (int c = 0; c < b->width; c++)
            sum[c] += x[t * ld + c];
    for (int c = 0; c < b->width; c++)
        mean[c] = (float)(sum[c] / (double)b->frames);
    for (int64_t t = 0; t < b->frames; t++)
        for (int c = 0; c < b->width; c++) {
            double d = x[t * ld + c] - mean[c];
            square[c] += d * d;
        }
    for (int c = 0; c < b->width; c++)
        r[c] = (float)(1.0 / sqrt(square[c] / (double)b->frames + eps));
}

/* stats [utterances][2][C]: mean and r. */
BASE_CLONES static void forward(const nn_tensor *y, const float *x, const float *g, const float *bias, float eps, float *stats)
{
    int64_t ld = y->cols;

    base_parallel_for_dynamic(count_blocks(y), 1, i, end)
        for (; i < end; i++) {
            block b = block_at(y, i);
            float *mean = stats + 2 * b.utterance * ld + b.channel, *r = mean + ld;

            if (b.frames == 0)
                continue;
            stats_of(x + b.row * ld + b.channel, &b, ld, eps, mean, r);
            for (int64_t t = b.row; t < b.row + b.frames; t++)
                for (int c = 0; c < b.width; c++) {
                    int64_t at = t * ld + b.channel + c;
                    y->x[at] = (x[at] - mean[c]) * r[c] * g[b.channel + c] + bias[b.channel + c];
                }
        }
}

/* sums [utterances][2][C]: of dy n and of dy over the utterance's frames. */
BASE_CLONES static void backward_blocks(const nn_node *node, float *dx, bool add, float *sums)
{
    const nn_tensor *y = node->out;
    const float *x = node->in[0]->x, *g = node->in[1]->x, *dy = y->dx;
    int64_t ld = y->cols;

    base_parallel_for_dynamic(count_blocks(y), 1, i, end)
        for (; i < end; i++) {
            block b = block_at(y, i);
            const float *mean = node->saved + 2 * b.utterance * ld + b.channel, *r = mean + ld;
            float *product = sums + 2 * b.utterance * ld + b.channel, *sum = product + ld, n = (float)b.frames;
            double s[WIDTH] = { 0 }, p[WIDTH] = { 0 };

            for (int64_t t = b.row; t < b.row + b.frames; t++)
                for (int c = 0; c < b.width; c++) {
                    int64_t at = t * ld + b.channel + c;
                    s[c] += dy[at];
                    p[c] += dy[at] * ((x[at] - mean[c]) * r[c]);
                }
            for (int c = 0; c < b.width; c++) {
                sum[c] = (float)s[c];
                product[c] = (float)p[c];
            }
            for (int64_t t = b.row; dx && t < b.row + b.frames; t++)
                for (int c = 0; c < b.width; c++) {
                    int64_t at = t * ld + b.channel + c;
                    float d = g[b.channel + c] * r[c] * (dy[at] - sum[c] / n - (x[at] - mean[c]) * r[c] * product[c] / n);
                    dx[at] = add ? dx[at] + d : d;
                }
        }
}

static void add_sums(float *d, const float *sums, int utterances, int64_t n)
{
    for (int u = 0; d && u < utterances; u++)
        for (int64_t c = 0; c < n; c++)
            d[c] += sums[2 * u * n + c];
}

static void backward(nn_node *g)
{
    bool add = false;
    float *dx = nn_grad_fresh(g, 0, &add), *dg = nn_grad(g, 1), *db = nn_grad(g, 2);
    int n = g->out->seqs->n;
    float *sums = nn_scratch(g->tape, 2 * (int64_t)n * g->out->cols);

    if (!sums)
        return;
    backward_blocks(g, dx, add, sums);
    add_sums(dg, sums, n, g->out->cols);
    add_sums(db, sums + g->out->cols, n, g->out->cols);
}

static nn_tensor *sample(nn_tape *t, nn_sampler *s)
{
    nn_tensor *x = nn_sample_rows(t, s, s->model), *g = nn_sample_matrix(t, s, 1, s->model);

    return nn_group_norm_time(t, x, g, nn_sample_matrix(t, s, 1, s->model), 1e-5f);
}

/* The tests' utterances of one to five frames make a crooked function: differences are coarse. */
const nn_op nn_op_group_norm_time = { .name = "group_norm_time", .backward = backward, .sample = sample,
    .keeps = NN_KEEPS(0), .tolerance = 1e-2 };

nn_tensor *nn_group_norm_time(nn_tape *t, nn_tensor *x, nn_tensor *g, nn_tensor *b, float eps)
{
    nn_node *node;
    float *stats;

    if (!nn_ready(t, x, g, b))
        return NULL;
    if (!x->seqs || g->rows != 1 || b->rows != 1 || g->cols != x->cols || b->cols != x->cols)
        return nn_tape_fail(t, BASE_SHAPE, "group_norm_time: wants utterances of frames; found %s, %d columns, gain "
            "[%lld][%d], bias [%lld][%d]", x->seqs ? "utterances" : "loose rows", x->cols, (long long)g->rows, g->cols,
            (long long)b->rows, b->cols);
    node = nn_record(t, &nn_op_group_norm_time, nn_like(x), x, g, b);
    if (node && (stats = nn_node_save(node, 2 * (int64_t)x->seqs->n * x->cols)))
        forward(node->out, x->x, g->x, b->x, eps, stats);
    return nn_result(node);
}
