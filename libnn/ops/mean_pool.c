/* mean_pool: the mean of each utterance's rows, summed in double; 0 for an utterance without rows. Keeps nothing:
 * dx = dy / rows. */
#include "libnn/ops/op.h"

#define COLUMNS 64      /* a task is this many columns of one utterance */

typedef struct task { int64_t rows, x, y; int n; } task;     /* x, y: where its first elements are */

static int64_t tasks(const nn_tensor *y) { return y->rows * base_blocks(y->cols, COLUMNS); }

static task task_at(const nn_seqs *seqs, int cols, int64_t number)
{
    int64_t blocks = base_blocks(cols, COLUMNS), u = number / blocks, column = number % blocks * COLUMNS;

    return (task){ seqs->begin[u + 1] - seqs->begin[u], seqs->begin[u] * cols + column, u * cols + column,
        (int)base_min_i64(COLUMNS, cols - column) };
}

BASE_CLONES static void mean(float *y, const float *x, int64_t rows, int n, int cols)
{
    double sum[COLUMNS] = { 0.0 };

    for (int64_t r = 0; r < rows; r++)
        for (int i = 0; i < n; i++)
            sum[i] += (double)x[r * cols + i];
    for (int i = 0; i < n; i++)
        y[i] = rows ? (float)(sum[i] / (double)rows) : 0.0f;
}

BASE_CLONES static void spread(float *dx, bool add, const float *dy, int64_t rows, int n, int cols)
{
    float share = 1.0f / (float)rows;

    for (int64_t r = 0; r < rows; r++)
        for (int i = 0; i < n; i++)
            dx[r * cols + i] = (add ? dx[r * cols + i] : 0.0f) + dy[i] * share;
}

static void forward(nn_tensor *y, const nn_tensor *x)
{
    base_parallel_for(tasks(y), 1, k, end)
        for (; k < end; k++) {
            task w = task_at(x->seqs, y->cols, k);
            mean(y->x + w.y, x->x + w.x, w.rows, w.n, y->cols);
        }
}

static void backward(nn_node *g)
{
    const nn_tensor *y = g->out;
    bool add;
    float *dx = nn_grad_fresh(g, 0, &add);

    if (!dx)
        return;
    base_parallel_for(tasks(y), 1, k, end)
        for (; k < end; k++) {
            task w = task_at(g->in[0]->seqs, y->cols, k);
            spread(dx + w.x, add, y->dx + w.y, w.rows, w.n, y->cols);
        }
}

static nn_tensor *sample(nn_tape *t, nn_sampler *s) { return nn_mean_pool(t, nn_sample_rows(t, s, s->model)); }

const nn_op nn_op_mean_pool = { .name = "mean_pool", .backward = backward, .sample = sample,
    .keeps = NN_KEEPS_NOTHING };

nn_tensor *nn_mean_pool(nn_tape *t, nn_tensor *x)
{
    nn_node *g;

    if (!nn_ready(t, x))
        return NULL;
    if (!x->seqs)
        return nn_tape_fail(t, BASE_SHAPE, "mean_pool: the rows of [%lld][%d] belong to no utterances",
            (long long)x->rows, x->cols);
    g = nn_record(t, &nn_op_mean_pool, ((nn_shape){ x->seqs->n, x->cols, NULL }), x);
    if (g)
        forward(g->out, x);
    return nn_result(g);
}
