/* Beam search over words (Graves 2012, Sutskever et al. 2014) by the rules of fairseq's SequenceGenerator, in double.
 *
 * Every hypothesis is a node that points to the one it extends; nodes are never forgotten. The hypotheses of sentence u
 * that go on are its row of `now`, best first; a step asks the model about all of them at once. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "libnn/decode/decode.h"

typedef struct node { int parent, word; } node;

typedef struct hypothesis {
    int    node, words;     /* words: without start and end */
    int    from;            /* row of the last question it goes on from */
    double score;           /* log probability; of finished ones, over its length */
} hypothesis;

/* A hypothesis that would go on with a word. */
typedef struct candidate {
    int    slot, word;
    double score;
} candidate;

typedef struct search {
    const nn_sequence_model   *m;
    const nn_sequence_options *o;
    node       *nodes;          /* [n_nodes] of node_room */
    int         n_nodes, node_room;
    hypothesis *now, *done;     /* [sentences][beam]; done: finished, best first */
    int        *n_now, *n_done; /* [sentences] */
    hypothesis *then;           /* [beam] of one sentence */
    candidate  *best;           /* [2 beam] of one sentence, best first */
    int         n_best;
    int64_t    *begin;          /* [sentences + 1] what next is told */
    int        *from, *words;   /* [sentences * beam] */
    int         step;           /* words of the hypotheses that go on */
} search;

static int longest_of(const search *s, int u)
{
    double most = s->o->longest_factor * (double)(s->m->source[u + 1] - s->m->source[u]) + s->o->longest;

    return most < s->m->limit - 1 ? (int)most : s->m->limit - 1;
}

/* ---- candidates ------------------------------------------------------------------------------------------------- */

/* The hypotheses of sentence u in one of the two tables. */
static hypothesis *of(const search *s, hypothesis *table, int u) { return table + (size_t)u * (size_t)s->o->beam; }

static double least(const search *s) { return s->n_best < 2 * s->o->beam ? -INFINITY : s->best[s->n_best - 1].score; }

/* Candidates come in the order ties are broken, so one is only in front of worse ones. */
static void offer(search *s, candidate c)
{
    int i = s->n_best < 2 * s->o->beam ? s->n_best++ : s->n_best - 1;

    for (; i > 0 && s->best[i - 1].score < c.score; i--)
        s->best[i] = s->best[i - 1];
    s->best[i] = c;
}

/* The words hypothesis `slot` with this score may go on with; p [vocab] their log probabilities. */
static void offer_words(search *s, int u, int slot, double score, const float *p)
{
    const nn_sequence_options *o = s->o;
    bool only_end = s->step >= longest_of(s, u), no_end = !only_end && s->step < o->shortest;

    for (int w = only_end ? o->end : 0; w < (only_end ? o->end + 1 : s->m->vocab); w++) {
        double all = score + (double)p[w] - (w == o->unknown ? o->unknown_penalty : 0.0);

        if (all > least(s) && w != o->pad && !(w == o->end && no_end))      /* NaN is not */
            offer(s, (candidate){ slot, w, all });
    }
}

/* ---- hypotheses ------------------------------------------------------------------------------------------------- */

static bool add_node(search *s, int parent, int word)
{
    if (s->n_nodes == s->node_room) {
        int room = s->node_room ? 2 * s->node_room : 1024;
        node *nodes = room < 1 << 28 ? realloc(s->nodes, (size_t)room * sizeof *nodes) : NULL;
        if (!nodes)
            return false;
        s->nodes = nodes;
        s->node_room = room;
    }
    s->nodes[s->n_nodes++] = (node){ parent, word };
    return true;
}

static void finish(search *s, int u, hypothesis h)
{
    hypothesis *done = of(s, s->done, u);
    int i = s->n_done[u];

    if (i == s->o->beam)
        return;
    h.score /= pow(h.words + 1, s->o->length_penalty);
    s->n_done[u]++;
    for (; i > 0 && done[i - 1].score < h.score; i--)
        done[i] = done[i - 1];
    done[i] = h;
}

/* Sentence u's hypotheses after a step; without any left it is done. */
static base_status take(search *s, int u, base_error *e)
{
    hypothesis *now = of(s, s->now, u);
    int n = 0;

    for (int i = 0; i < s->n_best; i++) {
        const candidate *c = &s->best[i];
        hypothesis h = { now[c->slot].node, s->step, (int)s->begin[u] + c->slot, c->score };

        if (c->word != s->o->end && n < s->o->beam) {
            if (!add_node(s, h.node, c->word))
                return base_fail(e, BASE_NO_MEMORY, "decoding: out of memory at word %d", s->step);
            h.node = s->n_nodes - 1;
            h.words++;
            s->then[n++] = h;
        } else if (c->word == s->o->end && i < s->o->beam) {
            finish(s, u, h);
        }
    }
    if (s->n_done[u] == s->o->beam)
        n = 0;
    memcpy(now, s->then, (size_t)n * sizeof *now);
    s->n_now[u] = n;
    if (n + s->n_done[u] == 0)
        return base_fail(e, BASE_VALUE, "decoding: sentence %d, word %d: no word is possible", u, s->step);
    return BASE_OK;
}

static const float *ask(search *s, base_error *e)
{
    int64_t n = 0;

    for (int u = 0; u < s->m->sentences; u++) {
        const hypothesis *now = of(s, s->now, u);

        for (int i = 0; i < s->n_now[u]; i++, n++) {
            s->from[n] = now[i].from;
            s->words[n] = s->nodes[now[i].node].word;
        }
        s->begin[u + 1] = n;
    }
    return s->m->next(s->m->self, s->begin, s->from, s->words, e);
}

static base_status advance(search *s, base_error *e)
{
    const float *p = ask(s, e);

    for (int u = 0; p && u < s->m->sentences; u++) {
        s->n_best = 0;
        for (int i = 0; i < s->n_now[u]; i++)
            offer_words(s, u, i, of(s, s->now, u)[i].score, p + (s->begin[u] + i) * s->m->vocab);
        if (s->n_now[u] && take(s, u, e))
            return e->status;
    }
    s->step++;
    if (!p && !e->status)
        base_fail(e, BASE_VALUE, "decoding: word %d: the model gave no reason why it has no answer", s->step);
    return e->status;
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

static base_status check(const nn_sequence_model *m, const nn_sequence_options *o, base_error *e)
{
    if (m->sentences < 0 || m->vocab < 1 || !m->next || (m->sentences && !m->source))
        return base_fail(e, BASE_VALUE, "decoding: %d sentences, a vocabulary of %d, %s to ask, %s sources", m->sentences,
            m->vocab, m->next ? "a model" : "no model", m->source ? "with" : "without");
    if (o->beam < 1 || o->beam > 1 << 20 || o->nbest < 1 || o->nbest > o->beam)
        return base_fail(e, BASE_VALUE, "decoding: beam %d, nbest %d, expected 1 <= nbest <= beam", o->beam, o->nbest);
    if (o->start < 0 || o->start >= m->vocab || o->end < 0 || o->end >= m->vocab || o->pad == o->end)
        return base_fail(e, BASE_VALUE, "decoding: start %d, end %d, pad %d in a vocabulary of %d", o->start, o->end,
            o->pad, m->vocab);
    if (o->longest < 0 || !(o->longest_factor >= 0.0) || m->limit < 1 || !isfinite(o->length_penalty))
        return base_fail(e, BASE_VALUE, "decoding: %g words for each row of the source and %d, at most %d; length penalty "
            "%g", o->longest_factor, o->longest, m->limit, o->length_penalty);
    return BASE_OK;
}

static void search_free(search *s)
{
    free(s->nodes);
    free(s->now);
    free(s->done);
    free(s->n_now);
    free(s->n_done);
    free(s->then);
    free(s->best);
    free(s->begin);
    free(s->from);
    free(s->words);
}

static bool search_start(search *s, const nn_sequence_model *m, const nn_sequence_options *o)
{
    size_t sentences = (size_t)m->sentences + 1, beam = (size_t)o->beam, all;
    bool good = base_mul(sentences, beam, &all) && all < (size_t)1 << 30;

    *s = (search){ .m = m, .o = o };
    all = good ? all : 0;
    s->now = calloc(all, sizeof *s->now);
    s->done = calloc(all, sizeof *s->done);
    s->n_now = calloc(sentences, sizeof *s->n_now);
    s->n_done = calloc(sentences, sizeof *s->n_done);
    s->then = calloc(beam, sizeof *s->then);
    s->best = calloc(2 * beam, sizeof *s->best);
    s->begin = calloc(sentences, sizeof *s->begin);
    s->from = calloc(all, sizeof *s->from);
    s->words = calloc(all, sizeof *s->words);
    if (!good || !s->now || !s->done || !s->n_now || !s->n_done || !s->then || !s->best || !s->begin || !s->from ||
        !s->words || !add_node(s, -1, o->start))
        return false;
    for (int u = 0; u < m->sentences; u++)
        s->n_now[u] = 1;        /* node 0, no words, score 0 */
    return true;
}

static base_status take_result(const search *s, const hypothesis *h, nn_hypothesis *out, base_error *e)
{
    base_status status = nn_hypothesis_take(out, h->words, e);
    int i = h->node;

    for (int k = h->words; !status && k-- > 0; i = s->nodes[i].parent)
        out->labels[k] = s->nodes[i].word;
    out->frames = NULL;
    out->score = h->score;
    return status;
}

static bool goes_on(const search *s)
{
    for (int u = 0; u < s->m->sentences; u++)
        if (s->n_now[u])
            return true;
    return false;
}

base_status nn_sequence_beam(const nn_sequence_model *m, const nn_sequence_options *o, nn_hypothesis *out, int *found,
    base_error *e)
{
    base_error own = BASE_ERROR_INIT;
    base_status status = check(m, o, e = e ? e : &own);
    search s;

    for (int u = 0; u < m->sentences; u++)
        found[u] = 0;
    if (status)
        return status;
    if (!search_start(&s, m, o))
        status = base_fail(e, BASE_NO_MEMORY, "decoding: no memory for %d sentences with a beam of %d", m->sentences,
            o->beam);
    while (!status && goes_on(&s))
        status = advance(&s, e);
    for (int u = 0; !status && u < m->sentences; u++)
        for (int i = 0; !status && i < s.n_done[u] && i < o->nbest; i++) {
            status = take_result(&s, &of(&s, s.done, u)[i], &out[u * o->nbest + i], e);
            found[u] += !status;
        }
    for (int u = 0; status && u < m->sentences; found[u++] = 0)
        for (int i = 0; i < found[u]; i++)
            nn_hypothesis_free(&out[u * o->nbest + i]);
    search_free(&s);
    return status;
}
