/* Adam (Kingma and Ba 2015) in the five variants that models in use were trained with. At update t, with g the scaled
 * gradient and lambda the decay, all of them compute
 *     g += l2 p;  m += (1 - beta1) (g - m);  v = beta2 v + (1 - beta2) g^2;
 *     p = (p before - size m / (sqrt(v) root + eps)) after
 * in one pass over the flat arrays, with the coefficients of their column, c1 = 1 - beta1^t and c2 = 1 - beta2^t:
 *             AdamW           Adam            AdamW, old HF          fairseq             BERT
 *     l2      0               lambda          0                      0                   0
 *     before  1 - lr lambda   1               1                      1 - lr lambda       1 - lr lambda
 *     size    lr / c1         lr / c1         lr sqrt(c2) / c1       lr sqrt(c2) / c1    lr
 *     root    1 / sqrt(c2)    1 / sqrt(c2)    1                      1                   1
 *     after   1               1               1 - lr lambda          1                   1
 * Sources: torch/optim/adam.py and adamw.py, transformers' former AdamW, fairseq/optim/adam.py, and optimization.py of
 * google-research/bert, whose p -= lr (m / (sqrt(v) + eps) + lambda p) is the form above.
 *
 * A moment below FLT_MIN is 0: the moments of a weight that gets no gradient any more, as most of a word table, would
 * stay subnormal for ever once they have decayed so far, and processors compute with subnormal numbers many times slower. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/parallel.h"
#include "libnn/nn.h"

#define GRAIN 16384

/* A stretch of the flat arrays whose factor on the rate and decay are one. */
typedef struct segment {
    int64_t begin, end;
    double  factor, decay;
} segment;

struct nn_adam {
    nn_adam_kind kind;
    double       beta1, beta2, eps;
    float       *p, *g, *m, *v;     /* [n]; p and g belong to the parameters */
    int64_t      n, steps;
    segment     *segments;
    int          n_segments;
};

bool nn_adam_kind_of(const char *name, nn_adam_kind *kind)
{
    static const char *const names[] = { "adamw", "adam", "adamw-hf", "adam-fairseq", "adam-bert" };

    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++)
        if (!strcmp(names[i], name)) {
            *kind = (nn_adam_kind)i;
            return true;
        }
    return false;
}

/* ---- groups ------------------------------------------------------------------------------------------------------ */

static bool belongs(const char *name, const nn_group *g)
{
    return *g->prefix == '*' ? strstr(name, g->prefix + 1) != NULL : !strncmp(name, g->prefix, strlen(g->prefix));
}

static segment segment_of(const nn_adam *a, const nn_adam_options *o, const nn_param *q)
{
    segment s = { q->x - a->p, q->x - a->p + q->count, 1.0, o->decay };

    for (int i = 0; i < o->n_groups; i++)
        if (belongs(q->name, &o->groups[i])) {
            s.factor = o->groups[i].factor;
            s.decay = o->groups[i].decay >= 0 ? o->groups[i].decay : o->decay;
        }
    if (q->ndim < 2 && !o->decay_vectors)
        s.decay = 0;
    return s;
}

static int by_begin(const void *x, const void *y)
{
    const segment *a = x, *b = y;

    return (a->begin > b->begin) - (a->begin < b->begin);
}

/* Neighbours alike become one. */
static void resolve(nn_adam *a, const nn_params *p, const nn_adam_options *o)
{
    segment *s = a->segments;
    int n = 0, merged = 0;

    for (int i = 0; i < nn_params_count(p); i++)
        if (nn_params_at(p, i)->dx)
            s[n++] = segment_of(a, o, nn_params_at(p, i));
    qsort(s, (size_t)n, sizeof *s, by_begin);
    for (int i = 0; i < n; i++)
        if (merged && s[merged - 1].end == s[i].begin && s[merged - 1].factor == s[i].factor && s[merged - 1].decay == s[i].decay)
            s[merged - 1].end = s[i].end;
        else
            s[merged++] = s[i];
    a->n_segments = merged;
}

/* A group that no parameter belongs to is a misspelt one. */
static base_status check_group(const nn_params *p, const nn_group *g, base_error *e)
{
    if (!(g->factor >= 0 && g->factor < INFINITY && g->decay < INFINITY))
        return base_fail(e, BASE_VALUE, "optimiser: group \"%s\": factor %g, decay %g", g->prefix, g->factor, g->decay);
    for (int i = 0; i < nn_params_count(p); i++)
        if (belongs(nn_params_at(p, i)->name, g))
            return BASE_OK;
    return base_fail(e, BASE_MISSING, "optimiser: group \"%s\": no parameter's name %s so", g->prefix,
        *g->prefix == '*' ? "holds it, or ends" : "begins");
}

static base_status check_options(const nn_params *p, const nn_adam_options *o, base_error *e)
{
    base_status status = BASE_OK;

    if (!(o->beta1 >= 0 && o->beta1 < 1 && o->beta2 >= 0 && o->beta2 < 1))
        return base_fail(e, BASE_VALUE, "optimiser: betas %g and %g, expected 0 <= beta < 1", o->beta1, o->beta2);
    if (!(o->eps > 0 && o->eps < INFINITY && o->decay >= 0 && o->decay < INFINITY))
        return base_fail(e, BASE_VALUE, "optimiser: eps %g, decay %g, expected eps > 0 and decay >= 0", o->eps, o->decay);
    for (int i = 0; !status && i < o->n_groups; i++)
        status = check_group(p, &o->groups[i], e);
    return status;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

nn_adam *nn_adam_new(nn_params *p, const nn_adam_options *o, base_error *e)
{
    if (check_options(p, o, e))
        return NULL;
    nn_adam *a = calloc(1, sizeof *a);
    if (a) {
        *a = (nn_adam){ .kind = o->kind, .beta1 = o->beta1, .beta2 = o->beta2, .eps = o->eps,
                        .p = nn_params_values(p), .g = nn_params_grads(p), .n = nn_params_trainable(p) };
        a->m = base_pages_new((size_t)a->n * sizeof(float));
        a->v = base_pages_new((size_t)a->n * sizeof(float));
        a->segments = calloc((size_t)nn_params_count(p) + 1, sizeof *a->segments);
    }
    if (!a || !a->m || !a->v || !a->segments) {
        base_fail(e, BASE_NO_MEMORY, "optimiser: no memory for the moments of %lld parameters",
            (long long)nn_params_trainable(p));
        nn_adam_free(a);
        return NULL;
    }
    resolve(a, p, o);
    return a;
}

void nn_adam_free(nn_adam *a)
{
    if (!a)
        return;
    free(a->segments);
    base_pages_free(a->m, (size_t)a->n * sizeof(float));
    base_pages_free(a->v, (size_t)a->n * sizeof(float));
    free(a);
}

int64_t *nn_adam_steps(nn_adam *a) { return &a->steps; }
float *nn_adam_m(nn_adam *a) { return a->m; }
float *nn_adam_v(nn_adam *a) { return a->v; }

/* ---- the update -------------------------------------------------------------------------------------------------- */

typedef struct coefficients {
    float scale, l2, new1, beta2, new2, root, eps, before, size, after;
} coefficients;

static coefficients coefficients_of(const nn_adam *a, double rate, double decay, double scale)
{
    double c1 = 1 - pow(a->beta1, (double)a->steps), c2 = 1 - pow(a->beta2, (double)a->steps);
    double l2 = 0, size = rate / c1, root = 1 / sqrt(c2), before = 1, after = 1, shrink = 1 - rate * decay;

    switch (a->kind) {
    case NN_ADAMW:
        before = shrink;
        break;
    case NN_ADAM:
        l2 = decay;
        break;
    case NN_ADAMW_HF:
        size *= sqrt(c2);
        root = 1;
        after = shrink;
        break;
    case NN_ADAM_FAIRSEQ:
        size *= sqrt(c2);
        root = 1;
        before = shrink;
        break;
    case NN_ADAM_BERT:
        size = rate;
        root = 1;
        before = shrink;
        break;
    }
    return (coefficients){ (float)scale, (float)l2, (float)(1 - a->beta1), (float)a->beta2, (float)(1 - a->beta2),
                           (float)root, (float)a->eps, (float)before, (float)size, (float)after };
}

static inline float normal(float x) { return fabsf(x) < FLT_MIN ? 0.0f : x; }

BASE_CLONES static void update(float *restrict p, const float *restrict g, float *restrict m, float *restrict v, int64_t n,
    coefficients c)
{
    base_parallel_for(n, GRAIN, i, end)
        for (; i < end; i++) {
            float x = g[i] * c.scale + c.l2 * p[i];
            float mi = normal(m[i] + c.new1 * (x - m[i]));
            float vi = normal(c.beta2 * v[i] + c.new2 * x * x);
            m[i] = mi;
            v[i] = vi;
            p[i] = (p[i] * c.before - c.size * mi / (sqrtf(vi) * c.root + c.eps)) * c.after;
        }
}

base_status nn_adam_step(nn_adam *a, double rate, double grad_scale)
{
    if (!isfinite(rate) || !isfinite(grad_scale))
        return BASE_VALUE;
    a->steps++;
    for (int i = 0; i < a->n_segments; i++) {
        const segment *s = &a->segments[i];
        if (s->factor > 0)
            update(a->p + s->begin, a->g + s->begin, a->m + s->begin, a->v + s->begin, s->end - s->begin,
                coefficients_of(a, rate * s->factor, s->decay, grad_scale));
    }
    return BASE_OK;
}
