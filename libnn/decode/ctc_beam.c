/* Prefix beam search for CTC (Hannun et al. 2014, without a language model), in double and log space.
 *
 * A prefix is a node of a trie; nodes are made only for prefixes that enter the beam and are never forgotten, so that a
 * prefix has one node for ever and its probability is never split between two. After frame t a prefix p of the beam has
 *     blank(p)  the log probability of all its paths that end in a blank,  label(p)  of those that end in its last label.
 * Frame t + 1, y its log probabilities, c any label but the blank:
 *     blank'(p)   = total(p) + y(blank)
 *     label'(p)   = label(p) + y(last label of p)        and, where p's parent q is in the beam, + extension(q, last of p)
 *     label'(p c) = extension(p, c) = y(c) + (c is the last label of p ? blank(p) : total(p))
 * The `beam` best of all of these stay. An extension whose prefix is in the beam already adds to it; all others are
 * different prefixes, so selecting is a bounded heap over them.
 *
 * The frames of a hypothesis are those of its best alignment (Viterbi), which does not depend on the beam. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/parallel.h"
#include "libnn/decode/decode.h"

typedef struct node {
    int parent, label, length;
    int slot;               /* its place in the beam; -1: not in it */
    int next;               /* of the same hash; -1: none */
} node;

/* A prefix of the beam. */
typedef struct entry {
    int    node;
    double blank, label, total;
} entry;

/* A prefix that wants to be in the next beam: an entry that stays (label -1), or one extended by a label. */
typedef struct candidate {
    int    slot, label;
    double score;
} candidate;

typedef struct search {
    int        v, blank, beam;
    node      *nodes;           /* [n_nodes] of room; 0 is the empty prefix */
    int        n_nodes, room;
    int       *table;           /* [table_size], a power of two: first node of each hash, -1: none */
    int        table_size;
    entry     *now, *stay, *then;   /* [beam]: this frame's; what stays of them; next frame's */
    int        n;
    bool      *merged;          /* [beam][v] extensions that went into an entry of the beam */
    candidate *heap;            /* [beam], the worst at 0 */
    int        n_heap;
} search;

static double log_add(double a, double b)
{
    double high = a > b ? a : b, low = a > b ? b : a;

    return low == -INFINITY ? high : high + log1p(exp(low - high));
}

/* ---- the trie ---------------------------------------------------------------------------------------------------- */

static int hash_of(const search *s, int parent, int label)
{
    uint64_t h = ((uint64_t)(uint32_t)parent << 32 | (uint32_t)label) * UINT64_C(0x9e3779b97f4a7c15);

    return (int)(h >> 32) & (s->table_size - 1);
}

static bool grow_nodes(search *s)
{
    if (s->room > 1 << 28)
        return false;
    int   room = s->room ? 2 * s->room : 1024, size = 2 * room;
    node *nodes = realloc(s->nodes, (size_t)room * sizeof *nodes);
    int  *table = nodes ? malloc((size_t)size * sizeof *table) : NULL;

    if (nodes)
        s->nodes = nodes;
    if (!table)
        return false;
    free(s->table);
    s->table = table;
    s->table_size = size;
    s->room = room;
    memset(table, -1, (size_t)size * sizeof *table);
    for (int i = 1; i < s->n_nodes; i++) {
        int *first = &table[hash_of(s, nodes[i].parent, nodes[i].label)];
        nodes[i].next = *first;
        *first = i;
    }
    return true;
}

/* The node of parent's extension by label; -1: out of memory. */
static int child(search *s, int parent, int label)
{
    for (int i = s->table[hash_of(s, parent, label)]; i >= 0; i = s->nodes[i].next)
        if (s->nodes[i].parent == parent && s->nodes[i].label == label)
            return i;
    if (s->n_nodes == s->room && !grow_nodes(s))
        return -1;
    int *first = &s->table[hash_of(s, parent, label)];
    s->nodes[s->n_nodes] = (node){ parent, label, s->nodes[parent].length + 1, -1, *first };
    *first = s->n_nodes;
    return s->n_nodes++;
}

/* Which of two prefixes of one length is smaller, label by label: they part at the first label below their common node. */
static int compare_labels(const search *s, int a, int b)
{
    int order = 0;

    for (; a != b; a = s->nodes[a].parent, b = s->nodes[b].parent)
        order = s->nodes[a].label != s->nodes[b].label ? s->nodes[a].label - s->nodes[b].label : order;
    return order;
}

/* ---- selecting --------------------------------------------------------------------------------------------------- */

static int length_of(const search *s, const candidate *c)
{
    return s->nodes[s->now[c->slot].node].length + (c->label >= 0);
}

/* Candidates of one length and score. One of them may stay while the other extends: take both to their last label. */
static int compare_tied(const search *s, const candidate *a, const candidate *b)
{
    const node *x = &s->nodes[s->now[a->slot].node], *y = &s->nodes[s->now[b->slot].node];
    int i = a->label >= 0 ? s->now[a->slot].node : x->parent, j = b->label >= 0 ? s->now[b->slot].node : y->parent;
    int last_i = a->label >= 0 ? a->label : x->label, last_j = b->label >= 0 ? b->label : y->label;
    int order = i < 0 || j < 0 ? 0 : compare_labels(s, i, j);

    return order ? order : last_i - last_j;
}

/* Best first: by score, then the shorter, then the smaller labels. */
static bool better(const search *s, const candidate *a, const candidate *b)
{
    if (a->score != b->score)
        return a->score > b->score;
    int i = length_of(s, a), j = length_of(s, b);
    return i != j ? i < j : compare_tied(s, a, b) < 0;
}

static void sift_down(const search *s, candidate *heap, int n, int i)
{
    candidate c = heap[i];

    for (int k; (k = 2 * i + 1) < n; i = k) {
        k += k + 1 < n && better(s, &heap[k], &heap[k + 1]);
        if (!better(s, &c, &heap[k]))
            break;
        heap[i] = heap[k];
    }
    heap[i] = c;
}

static void offer(search *s, candidate c)
{
    int i = s->n_heap;

    if (c.score == -INFINITY)
        return;
    if (i == s->beam) {
        if (better(s, &c, &s->heap[0])) {
            s->heap[0] = c;
            sift_down(s, s->heap, s->beam, 0);
        }
        return;
    }
    s->n_heap++;
    for (; i > 0 && better(s, &s->heap[(i - 1) / 2], &c); i = (i - 1) / 2)
        s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = c;
}

/* Takes the heap apart, worst first, so that it ends sorted, best first. */
static void sort_heap(search *s)
{
    for (int n = s->n_heap; n > 1; n--) {
        candidate worst = s->heap[0];
        s->heap[0] = s->heap[n - 1];
        sift_down(s, s->heap, n - 1, 0);
        s->heap[n - 1] = worst;
    }
}

/* ---- a frame ----------------------------------------------------------------------------------------------------- */

static double extension(const search *s, const entry *p, int label, const float *y)
{
    return (double)y[label] + (s->nodes[p->node].label == label ? p->blank : p->total);
}

static void stay(search *s, const float *y)
{
    for (int i = 0; i < s->n; i++) {
        const entry *p = &s->now[i];
        const node  *q = &s->nodes[p->node];
        double label = q->label < 0 ? -INFINITY : p->label + (double)y[q->label];
        int from = q->parent < 0 ? -1 : s->nodes[q->parent].slot;

        if (from >= 0) {
            label = log_add(label, extension(s, &s->now[from], q->label, y));
            s->merged[(size_t)from * (size_t)s->v + (size_t)q->label] = true;
        }
        double blank = p->total + (double)y[s->blank];
        s->stay[i] = (entry){ p->node, blank, label, log_add(blank, label) };
    }
}

static void select_best(search *s, const float *y)
{
    s->n_heap = 0;
    for (int i = 0; i < s->n; i++)
        offer(s, (candidate){ i, -1, s->stay[i].total });
    for (int i = 0; i < s->n; i++) {
        bool *merged = s->merged + (size_t)i * (size_t)s->v;
        for (int c = 0; c < s->v; c++) {
            if (c != s->blank && !merged[c])
                offer(s, (candidate){ i, c, extension(s, &s->now[i], c, y) });
            merged[c] = false;
        }
    }
    sort_heap(s);
}

/* False: out of memory. */
static bool advance(search *s, const float *y)
{
    stay(s, y);
    select_best(s, y);
    for (int i = 0; i < s->n_heap; i++) {
        const candidate *c = &s->heap[i];
        s->then[i] = s->stay[c->slot];
        if (c->label >= 0) {
            int n = child(s, s->now[c->slot].node, c->label);
            if (n < 0)
                return false;
            s->then[i] = (entry){ n, -INFINITY, c->score, c->score };
        }
    }
    for (int i = 0; i < s->n; i++)
        s->nodes[s->now[i].node].slot = -1;
    entry *e = s->now;
    s->now = s->then;
    s->then = e;
    s->n = s->n_heap;
    for (int i = 0; i < s->n; i++)
        s->nodes[s->now[i].node].slot = i;
    return true;
}

/* ---- alignment --------------------------------------------------------------------------------------------------- */

/* States are blank, label 0, blank, label 1, …, blank: a frame stays, goes on by one, or by two from a label to a
 * different one. back [t][state] is how many it came; of equals the fewest. */
static void align(const float *log_probs, int64_t frames, int v, int blank, const int *labels, int n, int *at,
    double *score, unsigned char *back)
{
    int states = 2 * n + 1;

    for (int k = 0; k < states; k++)
        score[k] = k == 0 ? 0.0 : -INFINITY;        /* before the first frame: in the first blank */
    for (int64_t t = 0; t < frames; t++)
        for (int k = states - 1; k >= 0; k--) {     /* downwards: what lies below is still of the frame before */
            int label = k % 2 ? labels[k / 2] : blank, from = 0;
            bool skip = k % 2 && k > 1 && labels[k / 2 - 1] != label;
            for (int d = 1; d <= (skip ? 2 : 1) && d <= k; d++)
                if (score[k - d] > score[k - from])
                    from = d;
            back[t * states + k] = (unsigned char)from;
            score[k] = score[k - from] + (double)log_probs[t * v + label];
        }
    int k = n > 0 && score[states - 2] > score[states - 1] ? states - 2 : states - 1;
    for (int64_t t = frames - 1; t >= 0; t--) {
        if (k % 2)
            at[k / 2] = (int)t;
        k -= back[t * states + k];
    }
}

static base_status align_all(const float *log_probs, int64_t frames, int v, int blank, nn_hypothesis *h, int n, base_error *e)
{
    int longest = 0;
    size_t bytes;

    for (int i = 0; i < n; i++)
        longest = h[i].n > longest ? h[i].n : longest;
    if (!base_mul((size_t)frames + 1, 2 * (size_t)longest + 1, &bytes))
        return base_fail(e, BASE_NO_MEMORY, "decoding: no memory for an alignment");
    double *score = malloc((2 * (size_t)longest + 1) * sizeof *score);
    unsigned char *back = malloc(bytes);
    base_status status = score && back ? BASE_OK : base_fail(e, BASE_NO_MEMORY, "decoding: no memory for an alignment");
    for (int i = 0; !status && i < n; i++)
        align(log_probs, frames, v, blank, h[i].labels, h[i].n, h[i].frames, score, back);
    free(score);
    free(back);
    return status;
}

base_status nn_ctc_align(const float *log_probs, int64_t frames, int v, int blank, nn_hypothesis *h, base_error *e)
{
    return align_all(log_probs, frames, v, blank, h, 1, e);
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static void search_free(search *s)
{
    free(s->nodes);
    free(s->table);
    free(s->now);
    free(s->stay);
    free(s->then);
    free(s->merged);
    free(s->heap);
}

static base_status search_start(search *s, int v, const nn_beam_options *o, base_error *e)
{
    size_t cells, beam = (size_t)o->beam;
    bool good = base_mul(beam, (size_t)v, &cells);

    *s = (search){ .v = v, .blank = o->blank, .beam = o->beam };
    s->now = calloc(beam, sizeof *s->now);
    s->stay = calloc(beam, sizeof *s->stay);
    s->then = calloc(beam, sizeof *s->then);
    s->merged = good ? calloc(cells, sizeof *s->merged) : NULL;
    s->heap = calloc(beam, sizeof *s->heap);
    good = s->now && s->stay && s->then && s->merged && s->heap && grow_nodes(s);
    if (!good) {
        search_free(s);
        return base_fail(e, BASE_NO_MEMORY, "decoding: no memory for a beam of %d", o->beam);
    }
    s->nodes[s->n_nodes++] = (node){ -1, -1, 0, 0, -1 };
    s->now[s->n++] = (entry){ 0, 0.0, -INFINITY, 0.0 };
    return BASE_OK;
}

static base_status take_result(const search *s, const entry *p, nn_hypothesis *h, base_error *e)
{
    int i = p->node;
    base_status status = nn_hypothesis_take(h, s->nodes[i].length, e);

    for (int k = h->n; !status && k-- > 0; i = s->nodes[i].parent)
        h->labels[k] = s->nodes[i].label;
    h->score = p->total;
    return status;
}

base_status nn_ctc_beam(const float *log_probs, int64_t frames, int v, const nn_beam_options *o, nn_hypothesis *out, int *n,
    base_error *e)
{
    search s;
    base_status status;

    *n = 0;
    if (o->beam < 1 || o->nbest < 1)
        return base_fail(e, BASE_VALUE, "decoding: beam %d, nbest %d, expected at least 1", o->beam, o->nbest);
    status = nn_check_log_probs(log_probs, frames, v, o->blank, e);
    if (!status)
        status = search_start(&s, v, o, e);
    if (status)
        return status;
    for (int64_t t = 0; !status && t < frames; t++)
        if (!advance(&s, log_probs + t * v))
            status = base_fail(e, BASE_NO_MEMORY, "decoding: out of memory at frame %lld", (long long)t);
    for (int i = 0; !status && i < s.n && i < o->nbest; i++) {
        status = take_result(&s, &s.now[i], &out[i], e);
        *n = i + !status;
    }
    if (!status && !o->unaligned)
        status = align_all(log_probs, frames, v, o->blank, out, *n, e);
    for (int i = 0; status && i < *n; i++)
        nn_hypothesis_free(&out[i]);
    *n = status ? 0 : *n;
    search_free(&s);
    return status;
}
