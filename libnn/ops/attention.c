/* Tiles. The scores of a head are cut into blocks of queries and blocks of keys, evenly, so that a tile of scores, its
 * mask and its gradient stay in the second-level cache. Forward goes over the key blocks with a running maximum and
 * sum (online softmax) and saves log sum exp; backward computes a tile's probabilities again from it:
 *     P = exp(S - lse), A = mask P, dA = dy v', dS = P (mask dA - D), D = rows of sum(dy y),
 *     dv += A' dy, dq += dS k, dk += dS' q.
 * Tiles are numbered; tile t's dropout mask begins at element t * TILE of the site's random stream.
 *
 * Work. A task of forward is a block of queries of one head, a task of backward a whole head of one utterance, which
 * therefore adds its dk and dv up in a fixed order. The longest utterances go first. */
#include "libnn/ops/attention.h"

#include <math.h>
#include <string.h>


#define TILE 32768      /* most scores of a tile; a multiple of BASE_RANDOM_LANES */
#define MOST_KEYS 384
#define MOST_QUERIES 512

struct nn_attention_task {
    int     utterance, head;
    int64_t block;      /* of queries */
    int64_t tile;       /* number of the block's first tile */
};

/* n things in `blocks` even blocks; 0 things make no block. */
typedef struct cut { int64_t n, blocks, size; } cut;

static cut cut_evenly(int64_t n, int64_t most)
{
    int64_t blocks = base_blocks(n, most);

    return (cut){ n, blocks, blocks ? (n + blocks - 1) / blocks : 0 };
}

/* What one utterance looks like. */
typedef struct side { int64_t first_query, first_key; cut queries, keys; } side;

static side side_of(const nn_attention *a, int u)
{
    const int64_t *q = a->queries->begin + u, *k = a->keys->begin + u;
    cut keys = cut_evenly(k[1] - k[0], MOST_KEYS);
    int64_t rows = keys.size ? base_min_i64(TILE / keys.size, MOST_QUERIES) : MOST_QUERIES;

    return (side){ q[0], k[0], cut_evenly(q[1] - q[0], rows), keys };
}

/* Scores of a thread's own tile. */
typedef struct tile {
    int64_t query, rows;        /* counted inside the utterance */
    int64_t key, cols;
    float  *s;                  /* [rows][cols] scores, then probabilities */
    float  *ds;                 /* [rows][cols] backward only */
    float  *mask;               /* [rows][cols], NULL: no dropout */
} tile;

static tile tile_of(const side *u, int64_t query_block, int64_t key_block)
{
    tile t = { .query = query_block * u->queries.size, .key = key_block * u->keys.size };

    t.rows = base_max_i64(base_min_i64(u->queries.size, u->queries.n - t.query), 0);
    t.cols = base_min_i64(u->keys.size, u->keys.n - t.key);
    return t;
}

/* Keys of the tile that row i sees. */
static int64_t visible(const nn_attention *a, const tile *t, int64_t i)
{
    return a->causal ? base_max_i64(base_min_i64(t->query + i + 1 - t->key, t->cols), 0) : t->cols;
}

static bool hidden(const nn_attention *a, const tile *t) { return a->causal && t->key >= t->query + t->rows; }

static void draw_mask(const nn_attention *a, const tile *t, int64_t number)
{
    if (t->mask)
        nn_dropout_mask(&a->random, a->p, number * TILE, t->rows * t->cols, t->mask);
}

static float scale_of(const nn_attention *a) { return 1.0f / sqrtf((float)a->width); }

/* ---- forward ---------------------------------------------------------------------------------------------------- */

/* s = exp(s - top) mask; returns the sum of the exponentials, before the mask. */
static inline float exponentials(float *s, const float *mask, int64_t n, float top)
{
    float sum = 0.0f;

    if (mask) {
#pragma omp simd reduction(+ : sum)
        for (int64_t j = 0; j < n; j++) {
            float e = vm_exp(s[j] - top);
            sum += e;
            s[j] = e * mask[j];
        }
    } else {
#pragma omp simd reduction(+ : sum)
        for (int64_t j = 0; j < n; j++) {
            s[j] = vm_exp(s[j] - top);
            sum += s[j];
        }
    }
    return sum;
}

/* One key block of the online softmax: top [rows] is the largest score so far, sum [rows] the sum of exp(score - top),
 * y [rows] (ldy) the weighted values so far. */
BASE_CLONES static void softmax_tile(const nn_attention *a, const tile *t, float *top, float *sum, float *y, int64_t ldy)
{
    for (int64_t i = 0; i < t->rows; i++) {
        int64_t n = visible(a, t, i);
        float *s = t->s + i * t->cols, most = top[i], fade;

#pragma omp simd reduction(max : most)
        for (int64_t j = 0; j < n; j++)
            most = s[j] > most ? s[j] : most;
        fade = t->key ? vm_exp(top[i] - most) : 0.0f;
        sum[i] = sum[i] * fade + exponentials(s, t->mask ? t->mask + i * t->cols : NULL, n, most);
        top[i] = most;
        for (int64_t j = n; j < t->cols; j++)
            s[j] = 0.0f;
        if (t->key)
            for (int c = 0; c < a->width; c++)
                y[i * ldy + c] *= fade;
    }
}

BASE_CLONES static void finish(const nn_attention *a, int64_t rows, float *top, const float *sum, float *y, int64_t ldy)
{
    for (int64_t i = 0; i < rows; i++) {
        float scale = 1.0f / sum[i];

        for (int c = 0; c < a->width; c++)
            y[i * ldy + c] *= scale;
        top[i] += logf(sum[i]);
    }
}

/* sum [MOST_QUERIES], top [rows of the utterance's head]; top becomes log sum exp. */
static void forward_task(const nn_attention *a, const nn_attention_task *w, tile room, float *sum, float *lse, float *y)
{
    side u = side_of(a, w->utterance);
    tile t = tile_of(&u, w->block, 0);
    int64_t ldy = (int64_t)a->heads * a->width, column = (int64_t)w->head * a->width;
    const float *q = a->q + (u.first_query + t.query) * a->ld_q + column;
    float *top = lse + u.first_query + t.query;

    y += (u.first_query + t.query) * ldy + column;
    for (int64_t i = 0; i < t.rows; i++) {
        top[i] = -INFINITY;
        sum[i] = 0.0f;
        if (u.keys.n == 0)
            memset(y + i * ldy, 0, (size_t)a->width * sizeof *y);
    }
    for (int64_t b = 0; b < u.keys.blocks; b++) {
        int64_t key = u.first_key + b * u.keys.size;

        t = tile_of(&u, w->block, b);
        t.s = room.s;
        t.mask = room.mask;
        if (hidden(a, &t))
            break;
        draw_mask(a, &t, w->tile + b);
        nn_gemm(false, true, t.rows, t.cols, a->width, scale_of(a), q, a->ld_q, a->k + key * a->ld_kv + column, a->ld_kv,
            0.0f, t.s, t.cols);
        softmax_tile(a, &t, top, sum, y, ldy);
        nn_gemm(false, false, t.rows, a->width, t.cols, 1.0f, t.s, t.cols, a->v + key * a->ld_kv + column, a->ld_kv,
            b ? 1.0f : 0.0f, y, ldy);
    }
    if (u.keys.n)
        finish(a, t.rows, top, sum, y, ldy);
}

/* ---- backward --------------------------------------------------------------------------------------------------- */

/* s: scores -> what multiplies dy for dv; ds: dy v' -> gradient of the scores. lse, d [rows]. */
BASE_CLONES static void softmax_tile_backward(const nn_attention *a, const tile *t, const float *lse, const float *d)
{
    for (int64_t i = 0; i < t->rows; i++) {
        int64_t n = visible(a, t, i);
        float *s = t->s + i * t->cols, *ds = t->ds + i * t->cols;
        const float *mask = t->mask + i * t->cols;
        float l = lse[i], di = d[i];

        if (t->mask)
            for (int64_t j = 0; j < n; j++) {
                float p = vm_exp(s[j] - l);
                s[j] = p * mask[j];
                ds[j] = p * (ds[j] * mask[j] - di);
            }
        else
            for (int64_t j = 0; j < n; j++) {
                s[j] = vm_exp(s[j] - l);
                ds[j] = s[j] * (ds[j] - di);
            }
        for (int64_t j = n; j < t->cols; j++)
            s[j] = ds[j] = 0.0f;
    }
}

BASE_CLONES static void row_products(const float *a, const float *b, int64_t rows, int cols, int64_t ld, float *out)
{
    for (int64_t i = 0; i < rows; i++) {
        float sum = 0.0f;

#pragma omp simd reduction(+ : sum)
        for (int c = 0; c < cols; c++)
            sum += a[i * ld + c] * b[i * ld + c];
        out[i] = sum;
    }
}

static void clear(float *x, int64_t rows, int cols, int64_t ld)
{
    for (int64_t i = 0; x && i < rows; i++)
        memset(x + i * ld, 0, (size_t)cols * sizeof *x);
}

typedef struct gradients {
    const float *y, *dy;
    float *dq, *dk, *dv;
    bool   add_q, add_kv;
} gradients;

/* One head of one utterance; every pointer of g stands at its first column there. */
static void backward_head(const nn_attention *a, const side *u, const nn_attention_task *w, gradients g, const float *lse,
    tile room, float *d)
{
    int64_t column = (int64_t)w->head * a->width, ldy = (int64_t)a->heads * a->width, number = w->tile;
    const float *q = a->q + u->first_query * a->ld_q + column;
    const float *k = a->k + u->first_key * a->ld_kv + column, *v = a->v + u->first_key * a->ld_kv + column;

    for (int64_t i = 0; i < u->queries.blocks; i++)
        for (int64_t j = 0; j < u->keys.blocks; j++, number++) {
            tile t = tile_of(u, i, j);
            const float *dy = g.dy + t.query * ldy, *qi = q + t.query * a->ld_q, *kj = k + t.key * a->ld_kv;

            t.s = room.s;
            t.ds = room.ds;
            t.mask = room.mask;
            if (hidden(a, &t))
                continue;
            draw_mask(a, &t, number);
            if (j == 0)
                row_products(dy, g.y + t.query * ldy, t.rows, a->width, ldy, d);
            nn_gemm(false, true, t.rows, t.cols, a->width, scale_of(a), qi, a->ld_q, kj, a->ld_kv, 0.0f, t.s, t.cols);
            nn_gemm(false, true, t.rows, t.cols, a->width, 1.0f, dy, ldy, v + t.key * a->ld_kv, a->ld_kv, 0.0f, t.ds, t.cols);
            softmax_tile_backward(a, &t, lse + t.query, d);
            if (g.dv)
                nn_gemm(true, false, t.cols, a->width, t.rows, 1.0f, t.s, t.cols, dy, ldy, 1.0f, g.dv + t.key * a->ld_kv,
                    a->ld_kv);
            if (g.dk)
                nn_gemm(true, false, t.cols, a->width, t.rows, scale_of(a), t.ds, t.cols, qi, a->ld_q, 1.0f,
                    g.dk + t.key * a->ld_kv, a->ld_kv);
            if (g.dq)
                nn_gemm(false, false, t.rows, a->width, t.cols, scale_of(a), t.ds, t.cols, kj, a->ld_kv, 1.0f,
                    g.dq + t.query * a->ld_q, a->ld_q);
        }
}

static void backward_task(const nn_attention *a, const nn_attention_task *w, gradients g, const float *lse, tile room, float *d)
{
    side u = side_of(a, w->utterance);
    int64_t column = (int64_t)w->head * a->width, ldy = (int64_t)a->heads * a->width;

    g.y += u.first_query * ldy + column;
    g.dy += u.first_query * ldy + column;
    g.dq = g.dq ? g.dq + u.first_query * a->ld_q + column : NULL;
    g.dk = g.dk ? g.dk + u.first_key * a->ld_kv + column : NULL;
    g.dv = g.dv ? g.dv + u.first_key * a->ld_kv + column : NULL;
    if (!g.add_q)
        clear(g.dq, u.queries.n, a->width, a->ld_q);
    if (!g.add_kv) {
        clear(g.dk, u.keys.n, a->width, a->ld_kv);
        clear(g.dv, u.keys.n, a->width, a->ld_kv);
    }
    backward_head(a, &u, w, g, lse + u.first_query, room, d);
}

void nn_attention_backward(nn_node *g, float *dq, bool add_q, float *dk, float *dv, bool add_kv)
{
    const nn_attention *a = g->data;
    gradients all = { g->out->x, g->out->dx, dq, dk, dv, add_q, add_kv };
    int64_t each = 3 * TILE + MOST_QUERIES, rows = g->out->rows;
    float *room = nn_scratch(g->tape, each * base_threads());

    if (!room)
        return;
    base_parallel_for_dynamic(a->n_tasks, 1, i, end)
        for (; i < end; i++) {
            float *mine = room + each * base_thread();
            tile t = { .s = mine, .ds = mine + TILE, .mask = a->p > 0.0f ? mine + 2 * TILE : NULL };

            if (a->tasks[i].block == 0)
                backward_task(a, &a->tasks[i], all, g->saved + rows * a->tasks[i].head, t, mine + 3 * TILE);
        }
}

/* ---- planning --------------------------------------------------------------------------------------------------- */

/* The utterances, most work first (ties: in order). */
static void sort_by_work(const nn_attention *a, int *order)
{
    const int64_t *q = a->queries->begin, *k = a->keys->begin;

    for (int u = 0; u < a->queries->n; u++) {
        double work = (double)(q[u + 1] - q[u]) * (double)(k[u + 1] - k[u]);
        int i = u;

        for (; i > 0; i--) {
            int v = order[i - 1];
            if ((double)(q[v + 1] - q[v]) * (double)(k[v + 1] - k[v]) >= work)
                break;
            order[i] = v;
        }
        order[i] = u;
    }
}

static bool plan(nn_tape *t, nn_attention *a)
{
    int n = a->queries->n;
    int *order = nn_tape_keep(t, (size_t)n * sizeof *order);
    int64_t tile_number = 0;
    nn_attention_task *w;

    a->n_tasks = 0;
    for (int u = 0; u < n; u++)
        a->n_tasks += a->heads * base_max_i64(side_of(a, u).queries.blocks, 1);
    a->tasks = w = nn_tape_keep(t, (size_t)a->n_tasks * sizeof *w);
    if (!order || !w)
        return false;
    sort_by_work(a, order);
    for (int i = 0; i < n; i++) {
        side u = side_of(a, order[i]);
        for (int h = 0; h < a->heads; h++)
            for (int64_t b = 0; b < base_max_i64(u.queries.blocks, 1); b++, tile_number += u.keys.blocks)
                *w++ = (nn_attention_task){ order[i], h, b, tile_number };
    }
    return true;
}

nn_tensor *nn_attention_run(nn_node *g, nn_attention *a, float p, const char *site)
{
    nn_attention *kept;
    int64_t each = 2 * TILE + MOST_QUERIES;
    float *lse, *room;

    if (!g)
        return NULL;
    a->p = nn_is_random(g->tape) ? p : 0.0f;
    a->random = nn_tape_random(g->tape, site);
    kept = nn_node_data(g, sizeof *kept);
    lse = nn_node_save(g, g->out->rows * a->heads);
    room = nn_scratch(g->tape, each * base_threads());
    if (kept && lse && room && plan(g->tape, a)) {
        *kept = *a;
        base_parallel_for_dynamic(a->n_tasks, 1, i, end)
            for (; i < end; i++) {
                float *mine = room + each * base_thread();
                tile t = { .s = mine, .mask = a->p > 0.0f ? mine + TILE : NULL };

                forward_task(kept, &a->tasks[i], t, mine + 2 * TILE, lse + g->out->rows * a->tasks[i].head, g->out->x);
            }
    }
    return nn_result(g);
}

double nn_attention_flop(const nn_node *g)
{
    const nn_attention *a = g->data;
    double scores = 0.0;

    for (int u = 0; u < a->queries->n; u++)
        scores += (double)(a->queries->begin[u + 1] - a->queries->begin[u]) * (double)(a->keys->begin[u + 1] - a->keys->begin[u]);
    return scores * a->heads * a->width * (a->causal ? 2.0 : 4.0);
}
