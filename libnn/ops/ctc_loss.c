/* ctc_loss (Graves et al. 2006), with PyTorch's edge cases. With z the blank, the states of an utterance with labels
 * y_1 .. y_S are z y_1 z .. y_S z: n = 2 S + 1. With l_t(s) the log-softmax of state s's symbol at frame t,
 *     alpha_t(s) = l_t(s) + ln(e^alpha_t-1(s) + e^alpha_t-1(s-1) + [symbols of s and s-2 differ] e^alpha_t-1(s-2)),
 *     loss = -ln(e^alpha_T-1(n-1) + e^alpha_T-1(n-2)).
 * beta is the same recursion over reversed time and states, and the gradient of the logits is softmax - gamma, where
 * gamma_t(s) = exp(alpha_t(s) + beta_t(s) - l_t(s) + loss) is the probability of being in state s at frame t.
 *
 * alpha and beta are double; only the logarithm of a step's sum, of 1 to 3, has a float's accuracy: the error of a loss
 * stays below 2e-7 a frame however large it is, and each frame's gamma is scaled to its true sum, 1. The forward pass
 * makes and saves the gradient; nothing is kept. One utterance is one thread's work. */
#include <math.h>
#include <string.h>

#include "libnn/ops/columns.h"
#include "libnn/ops/row.h"

#define PAD 2       /* states before the first: -Inf, so that the recursion has no special cases */

/* One utterance. */
typedef struct task {
    const float *x;         /* [frames][vocab] logits */
    float       *dx;        /* [frames][vocab] the gradient of factor * loss; NULL: not wanted */
    int64_t      frames;
    int          vocab;
    const int   *labels;
    int          n_labels, blank;
    bool         zero_infinity;
    float        factor;
} task;

/* The states in one direction. */
typedef struct path {
    int    *symbol;         /* [n] */
    double *skip;           /* [n] 0 where state s may follow s - 2, else -Inf */
} path;

/* What a thread works with. */
typedef struct room {
    path    ahead, back;
    double *alpha;          /* [1 + frames][PAD + n]; row 0 stands before the first frame */
    double *beta[2];        /* [PAD + n] */
    double *lse;            /* [frames] ln sum exp of the logits */
    double *l;              /* [n] */
    float  *gamma;          /* [n] */
} room;

static int64_t room_floats(int64_t frames, int64_t n)
{
    int64_t doubles = (frames + 3) * (PAD + n) + frames + 3 * n, bytes = doubles * 8 + 3 * n * 4;

    return base_blocks(bytes, BASE_ALIGN) * BASE_ALIGN / 4;
}

static room room_in(float *block, int64_t frames, int64_t n)
{
    double *d = (double *)block;
    room r = { .alpha = d };

    d += (frames + 1) * (PAD + n);
    r.beta[0] = d;
    r.beta[1] = d += PAD + n;
    r.lse = d += PAD + n;
    r.l = d += frames;
    r.ahead.skip = d += n;
    r.back.skip = d += n;
    r.ahead.symbol = (int *)(d + n);
    r.back.symbol = r.ahead.symbol + n;
    r.gamma = (float *)(r.back.symbol + n);
    return r;
}

static void lay_path(const path *p, const task *w, bool reversed)
{
    int n = 2 * w->n_labels + 1;

    for (int s = 0; s < n; s++) {
        p->symbol[s] = s % 2 ? w->labels[reversed ? w->n_labels - 1 - s / 2 : s / 2] : w->blank;
        p->skip[s] = s == 1 || (s > 1 && p->symbol[s] != p->symbol[s - 2]) ? 0.0 : -INFINITY;
    }
}

/* The row before the first step: in the pad, one step before states 0 and 1, with probability 1. */
static double *start(double *row, int n)
{
    for (int s = 0; s < PAD + n; s++)
        row[s] = s == PAD - 1 ? 0.0 : -INFINITY;
    return row + PAD;
}

BASE_CLONES static double log_sum_exp(const float *x, int n)
{
    float most = row_max(x, n);

    return (double)most + log((double)row_exp_sum(x, n, most));
}

static void emissions(double *l, const float *x, double lse, const path *p, int n)
{
    for (int s = 0; s < n; s++)
        l[s] = (double)x[p->symbol[s]] - lse;
}

/* One step of the recursion; `to` and `from` have PAD entries before them. */
BASE_CLONES static void advance(double *restrict to, const double *restrict from, const double *restrict skip,
    const double *restrict l, int n)
{
    to[-2] = to[-1] = -INFINITY;
    for (int s = 0; s < n; s++) {
        double a = from[s], b = from[s - 1], c = from[s - 2] + skip[s], most = a > b ? a : b;
        float sum;

        most = c > most ? c : most;
        most = most == -INFINITY ? 0.0 : most;
        sum = vm_exp((float)(a - most)) + vm_exp((float)(b - most)) + vm_exp((float)(c - most));
        to[s] = l[s] + most + (double)vm_log(sum);
    }
}

/* Fills alpha and lse, returns the loss. */
static double forward(const task *w, const room *r, int n)
{
    double *row = start(r->alpha, n), a, b, most;

    for (int64_t t = 0; t < w->frames; t++, row += PAD + n) {
        const float *x = w->x + t * w->vocab;

        r->lse[t] = log_sum_exp(x, w->vocab);
        emissions(r->l, x, r->lse[t], &r->ahead, n);
        advance(row + PAD + n, row, r->ahead.skip, r->l, n);
    }
    a = row[n - 1];
    b = row[n - 2];
    most = a > b ? a : b;
    most = most == -INFINITY ? 0.0 : most;
    return -(most + log(exp(a - most) + exp(b - most)));
}

/* gamma, scaled to sum to `total`; beta and l are in reversed order. No path is where alpha is -Inf; l may be, too. */
BASE_CLONES static void occupancies(float *gamma, const double *alpha, const double *beta, const double *l, double loss,
    int n, float total)
{
    float sum = 0.0f;

#pragma omp simd reduction(+ : sum)
    for (int s = 0; s < n; s++) {
        float p = vm_exp((float)(alpha[s] + beta[n - 1 - s] - l[n - 1 - s] + loss));

        gamma[s] = alpha[s] == -INFINITY ? 0.0f : p;
        sum += gamma[s];
    }
    for (int s = 0; s < n; s++)
        gamma[s] *= total / sum;
}

BASE_CLONES static void softmax(float *y, const float *x, double lse, int n, float factor)
{
    for (int c = 0; c < n; c++)
        y[c] = factor * vm_exp((float)((double)x[c] - lse));
}

static void gradient(const task *w, const room *r, int n, double loss)
{
    const double *beta = start(r->beta[0], n);

    for (int64_t t = w->frames - 1; t >= 0; t--) {
        const float *x = w->x + t * w->vocab;
        float *dx = w->dx + t * w->vocab;
        double *next = (beta == r->beta[0] + PAD ? r->beta[1] : r->beta[0]) + PAD;

        emissions(r->l, x, r->lse[t], &r->back, n);
        advance(next, beta, r->back.skip, r->l, n);
        beta = next;
        occupancies(r->gamma, r->alpha + (t + 1) * (PAD + n) + PAD, beta, r->l, loss, n, w->factor);
        softmax(dx, x, r->lse[t], w->vocab, w->factor);
        for (int s = 0; s < n; s++)
            dx[r->ahead.symbol[s]] -= r->gamma[s];
    }
}

/* The loss of one utterance, and its gradient. */
static double run(const task *w, const room *r)
{
    int n = 2 * w->n_labels + 1;
    double loss;

    lay_path(&r->ahead, w, false);
    lay_path(&r->back, w, true);
    loss = forward(w, r, n);
    if (w->dx && isfinite(loss))
        gradient(w, r, n, loss);
    else if (w->dx)
        for (int64_t i = 0; i < w->frames * w->vocab; i++)
            w->dx[i] = isinf(loss) && w->zero_infinity ? 0.0f : NAN;
    return loss;
}

/* ---- the operator ------------------------------------------------------------------------------------------------ */

static void backward(nn_node *g)
{
    bool add;
    float *dx = nn_grad_fresh(g, 0, &add);

    if (dx)
        nn_accumulate(dx, add, g->out->dx[0], g->saved, nn_numel(g->in[0]));
}

static nn_tensor *sample(nn_tape *t, nn_sampler *s)
{
    nn_ctc_options o = NN_CTC_DEFAULTS;
    nn_tensor *x = nn_sample_rows(t, s, s->vocab);
    int64_t count = s->text_begin[s->n];
    int *labels = nn_tape_keep(t, (size_t)count * sizeof *labels);

    o.blank = nn_sample_below(s, s->vocab);
    o.reduction = (nn_ctc_reduction)nn_sample_below(s, 3);
    for (int64_t i = 0; labels && i < count; i++)
        labels[i] = (o.blank + 1 + nn_sample_below(s, s->vocab - 1)) % s->vocab;
    return nn_ctc_loss(t, x, labels, s->text_begin, &o, NULL);
}

const nn_op nn_op_ctc_loss = { .name = "ctc_loss", .backward = backward, .sample = sample, .keeps = NN_KEEPS_NOTHING };

static bool labels_fit(nn_tape *t, const nn_tensor *x, const int *labels, const int64_t *begin, int blank)
{
    if (blank < 0 || blank >= x->cols)
        return nn_tape_fail(t, BASE_VALUE, "ctc_loss: blank %d, there are %d symbols", blank, x->cols), false;
    for (int u = 0; u < x->seqs->n; u++) {
        if (begin[0] < 0 || begin[u + 1] < begin[u] || begin[u + 1] - begin[u] > INT32_MAX / 4)
            return nn_tape_fail(t, BASE_VALUE, "ctc_loss: labels %lld .. %lld of utterance %d", (long long)begin[u],
                (long long)begin[u + 1], u), false;
        for (int64_t i = begin[u]; i < begin[u + 1]; i++)
            if (labels[i] < 0 || labels[i] >= x->cols || labels[i] == blank)
                return nn_tape_fail(t, BASE_VALUE, "ctc_loss: label %lld of utterance %d is %d; it must be in 0 .. %d "
                    "and not the blank, %d", (long long)(i - begin[u]), u, labels[i], x->cols - 1, blank), false;
    }
    return true;
}

static float factor_of(const nn_ctc_options *o, int64_t n_labels, int utterances)
{
    switch (o->reduction) {
    case NN_CTC_SUM: return 1.0f;
    case NN_CTC_MEAN_UTTERANCE: return 1.0f / (float)utterances;
    default: return 1.0f / ((float)utterances * (float)base_max_i64(n_labels, 1));
    }
}

static task task_of(const nn_node *g, int u, const int *labels, const int64_t *label_begin, const nn_ctc_options *o)
{
    const nn_tensor *x = g->in[0];
    int64_t first = x->seqs->begin[u], count = label_begin[u + 1] - label_begin[u];

    return (task){ .x = x->x + first * x->cols, .dx = g->saved ? g->saved + first * x->cols : NULL,
        .frames = x->seqs->begin[u + 1] - first, .vocab = x->cols, .labels = labels + label_begin[u],
        .n_labels = (int)count, .blank = o->blank, .zero_infinity = o->zero_infinity,
        .factor = factor_of(o, count, x->seqs->n) };
}

/* Losses of all utterances, [utterances]; false: no memory. */
static bool run_all(nn_node *g, const int *labels, const int64_t *label_begin, const nn_ctc_options *o, float *loss)
{
    const nn_seqs *seqs = g->in[0]->seqs;
    int64_t frames = 0, n = 1, size;
    float *block;

    for (int u = 0; u < seqs->n; u++) {
        frames = base_max_i64(frames, seqs->begin[u + 1] - seqs->begin[u]);
        n = base_max_i64(n, 2 * (label_begin[u + 1] - label_begin[u]) + 1);
    }
    size = room_floats(frames, n);
    block = nn_scratch(g->tape, size * base_threads());
    if (!block)
        return false;
    base_parallel_for_dynamic(seqs->n, 1, u, end)
        for (; u < end; u++) {
            room r = room_in(block + size * base_thread(), frames, n);
            task w = task_of(g, (int)u, labels, label_begin, o);
            loss[u] = (float)run(&w, &r);
        }
    return true;
}

nn_tensor *nn_ctc_loss(nn_tape *t, nn_tensor *logits, const int *labels, const int64_t *label_begin,
    const nn_ctc_options *given, float *losses)
{
    nn_ctc_options defaults = NN_CTC_DEFAULTS;
    const nn_ctc_options *o = given ? given : &defaults;
    nn_node *g;
    double sum = 0.0;

    if (!nn_ready(t, logits))
        return NULL;
    if (!logits->seqs)
        return nn_tape_fail(t, BASE_SHAPE, "ctc_loss: the rows of [%lld][%d] belong to no utterances",
            (long long)logits->rows, logits->cols);
    if (!label_begin || (!labels && label_begin[logits->seqs->n] > label_begin[0]))
        return nn_tape_fail(t, BASE_SHAPE, "ctc_loss: %d utterances without labels", logits->seqs->n);
    if (!labels_fit(t, logits, labels, label_begin, o->blank))
        return NULL;
    g = nn_record(t, &nn_op_ctc_loss, ((nn_shape){ 1, 1, NULL }), logits);
    if (!g || (g->out->needs_grad && !nn_node_save(g, nn_numel(logits))))
        return NULL;
    if ((!losses && !(losses = nn_scratch(t, logits->seqs->n))) || !run_all(g, labels, label_begin, o, losses))
        return NULL;
    for (int u = 0; u < logits->seqs->n; u++)
        if (!(o->zero_infinity && isinf(losses[u])))
            sum += (double)losses[u] * (double)factor_of(o, label_begin[u + 1] - label_begin[u], logits->seqs->n);
    g->out->x[0] = (float)sum;
    return nn_result(g);
}
