/* spec_augment: masks of SpecAugment (Park et al. 2019) as Hugging Face's HuBERT draws them. An utterance of L frames
 * gets int(prob L / length + r) spans of `length` frames, r uniform and common to the batch, at least `min` and at most
 * L / length, at distinct starts and overlapping freely; their frames become `embed`. Then spans of columns in the same
 * way, which become 0. Frames may be given instead. Keeps the masks; without NN_RANDOM, and without such, it is x itself. */
#include <string.h>

#include "base/hash.h"
#include "libnn/ops/op.h"

enum { MASKED = 1, START = 2 };

typedef struct spec_augment {
    unsigned char *rows;        /* [rows] */
    unsigned char *columns;     /* [utterances][C]; NULL: none */
} spec_augment;

/* A random stream and how much of it is used. */
typedef struct draws {
    base_random random;
    uint64_t    used;
} draws;

/* Masks spans of the n things of mask, which come in as 0. Starts: Floyd's sample without replacement (Bentley 1987). */
static void draw_spans(draws *d, float prob, int length, int least, double shared, int64_t n, unsigned char *mask)
{
    int64_t spans = (int64_t)((double)prob * (double)n / length + shared), starts = n - length + 1;

    spans = base_min_i64(base_max_i64(spans, least), n / length);
    for (int64_t i = starts - spans; i < starts; i++) {
        int64_t at = base_random_below(&d->random, d->used++, i + 1);
        mask[mask[at] & START ? i : at] |= START;
    }
    for (int64_t i = 0; i < starts; i++)
        if (mask[i] & START)
            for (int64_t j = i; j < i + length; j++)
                mask[j] |= MASKED;
}

static bool draw(nn_tape *t, const nn_tensor *x, const nn_mask_options *o, const char *site, spec_augment *a)
{
    draws d = { nn_tape_random(t, site), 2 };
    double shared = base_random_uniform(&d.random, 0), shared_columns = base_random_uniform(&d.random, 1);
    const int64_t *begin = x->seqs->begin;
    size_t cells = (size_t)x->seqs->n * (size_t)x->cols;
    bool columns = o->feature_prob > 0.0f && nn_is_random(t);

    if (!(a->rows = nn_tape_keep(t, (size_t)x->rows)) || (columns && !(a->columns = nn_tape_keep(t, cells))))
        return false;
    memset(a->rows, 0, (size_t)x->rows);
    if (a->columns)
        memset(a->columns, 0, cells);
    for (int u = 0; u < x->seqs->n; u++) {
        if (o->frames)
            for (int64_t r = begin[u]; r < begin[u + 1]; r++)
                a->rows[r] = o->frames[r] ? MASKED : 0;
        else if (o->time_prob > 0.0f)
            draw_spans(&d, o->time_prob, o->time_length, o->time_min, shared, begin[u + 1] - begin[u], a->rows + begin[u]);
        if (a->columns)
            draw_spans(&d, o->feature_prob, o->feature_length, o->feature_min, shared_columns, x->cols,
                a->columns + (int64_t)u * x->cols);
    }
    return true;
}

int64_t nn_mask_frames(const nn_mask_options *o, uint64_t seed, uint64_t step, const char *name, int64_t frames,
    unsigned char *mask)
{
    draws d = { base_random_at(seed, step, base_hash_text(BASE_HASH_INIT, name)), 2 };
    int64_t masked = 0;

    if (frames <= 0)
        return 0;
    memset(mask, 0, (size_t)frames);
    if (o->time_prob > 0.0f && o->time_length > 0)
        draw_spans(&d, o->time_prob, o->time_length, o->time_min, base_random_uniform(&d.random, 0), frames, mask);
    for (int64_t i = 0; i < frames; i++)
        masked += mask[i] &= MASKED;
    return masked;
}

/* The columns of utterance u that are zeroed; NULL: none. */
static const unsigned char *columns_of(const spec_augment *a, const nn_tensor *y, int u)
{
    return a->columns ? a->columns + (int64_t)u * y->cols : NULL;
}

static void forward(const spec_augment *a, const nn_tensor *y, const float *x, const float *embed)
{
    size_t bytes = (size_t)y->cols * sizeof *x;

    base_parallel_for_dynamic(y->seqs->n, 1, u, end)
        for (; u < end; u++) {
            const unsigned char *columns = columns_of(a, y, (int)u);

            for (int64_t r = y->seqs->begin[u]; r < y->seqs->begin[u + 1]; r++) {
                float *out = y->x + r * y->cols;
                const float *in = a->rows[r] & MASKED ? embed : x + r * y->cols;
                if (in)
                    memcpy(out, in, bytes);
                else
                    memset(out, 0, bytes);
                for (int c = 0; columns && c < y->cols; c++)
                    out[c] = columns[c] & MASKED ? 0.0f : out[c];
            }
        }
}

/* Adds dy to dx where x went through, or to sum [C] where embed did. */
static void backward_rows(const spec_augment *a, const nn_tensor *y, int u, float *dx, double *sum)
{
    const unsigned char *columns = columns_of(a, y, u);

    for (int64_t r = y->seqs->begin[u]; r < y->seqs->begin[u + 1]; r++) {
        bool masked = a->rows[r] & MASKED;

        for (int c = 0; c < y->cols; c++) {
            float d = columns && columns[c] & MASKED ? 0.0f : y->dx[r * y->cols + c];
            if (masked && sum)
                sum[c] += (double)d;
            else if (!masked && dx)
                dx[r * y->cols + c] += d;
        }
    }
}

static void backward(nn_node *g)
{
    const spec_augment *a = g->data;
    float *dx = nn_grad(g, 0), *dembed = nn_grad(g, 1);
    double *sum = dembed ? (double *)nn_scratch(g->tape, 2 * (int64_t)g->out->cols) : NULL;

    if (sum)
        memset(sum, 0, (size_t)g->out->cols * sizeof *sum);
    for (int u = 0; u < g->out->seqs->n; u++)
        backward_rows(a, g->out, u, dx, sum);
    for (int c = 0; sum && c < g->out->cols; c++)
        dembed[c] += (float)sum[c];
}

static nn_tensor *sample(nn_tape *t, nn_sampler *s)
{
    nn_mask_options o = { 0.5f, 2, 1, 0.2f, 2, 1, NULL };
    nn_tensor *x = nn_sample_rows(t, s, s->model);

    return nn_spec_augment(t, x, nn_sample_below(s, 4) ? nn_sample_matrix(t, s, 1, s->model) : NULL, &o, "sample");
}

const nn_op nn_op_spec_augment = { .name = "spec_augment", .backward = backward, .sample = sample,
    .keeps = NN_KEEPS_NOTHING, .random = true };

nn_tensor *nn_spec_augment(nn_tape *t, nn_tensor *x, nn_tensor *embed, const nn_mask_options *o, const char *site)
{
    nn_node *g;
    spec_augment *a;

    if (!nn_ready(t, x))
        return NULL;
    if (!x->seqs || !o || (embed && (embed->rows != 1 || embed->cols != x->cols)))
        return nn_tape_fail(t, BASE_SHAPE, "spec_augment: x %s of %d columns, %s, embed [%lld][%d]",
            x->seqs ? "utterances" : "loose rows", x->cols, o ? "options" : "no options",
            (long long)(embed ? embed->rows : 0), embed ? embed->cols : 0);
    if (!(o->time_prob <= 1.0f && o->feature_prob <= 1.0f))
        return nn_tape_fail(t, BASE_VALUE, "spec_augment: probabilities %g and %g, they must be 1 at most",
            (double)o->time_prob, (double)o->feature_prob);
    if ((o->time_prob > 0.0f && o->time_length < 1) || (o->feature_prob > 0.0f && o->feature_length < 1))
        return nn_tape_fail(t, BASE_VALUE, "spec_augment: spans of %d frames and %d columns, they must be 1 at least",
            o->time_length, o->feature_length);
    if (!o->frames && (!nn_is_random(t) || !(o->time_prob > 0.0f || o->feature_prob > 0.0f)))
        return x;
    g = nn_record(t, &nn_op_spec_augment, nn_like(x), x, embed);
    if (g && (a = nn_node_data(g, sizeof *a)) && draw(t, x, o, site, a))
        forward(a, g->out, x->x, embed ? embed->x : NULL);
    return nn_result(g);
}
