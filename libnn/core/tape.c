/* The tape: records operators as they compute, frees what nobody needs any more, and runs backward.
 *
 * Memory. Structs live in `records` until the next begin; tensors in one of two rooms that take turns, so that those of
 * the step before are still there to be told from this one's. Values and gradients are blocks of `values`: trim gives back
 * what neither backward nor the caller needs, backward gives back each node's result, gradient and saved block as soon
 * as the node is done. Operators borrow `scratch` and return it before they end. None of it calls malloc. */
#include "libnn/core/core.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/hash.h"

#define RECORDS_LIMIT ((size_t)1 << 30)
#define TENSORS_LIMIT ((size_t)1 << 26)     /* a million */
#define SCOPE_BYTES 256
#define SCOPE_DEPTH 16

/* nn_tensor.state. IS_ODD: which of the tape's two rooms it stands in. */
enum { IS_VALUE = 1, IS_RETAINED = 2, IS_NEEDED = 4, IS_MADE = 8, IS_ODD = 16 };

/* A tensor whose values are a block of the tape's pool. */
typedef struct value {
    nn_tensor     tensor;       /* first: a value is its tensor */
    struct value *before;
} value;

struct nn_tape {
    base_arena     *records, *scratch, *tensors[2];
    int             turn;       /* the room of this step's tensors */
    bool            ran;        /* backward did */
    base_pool      *values;
    nn_tape_options o;
    size_t          limit;      /* asked for */
    nn_mode         mode;
    uint64_t        step;
    base_error      error;
    nn_node        *last;       /* newest recorded node */
    value          *newest;
    size_t          scratch_mark;
    char            scope[SCOPE_BYTES];
    int             scope_end[SCOPE_DEPTH], depth;
};

/* OpenBLAS maps BLAS_ROOM a thread at the first product of a process, and asks again for ever when it gets none: that much is
 * held while a tape takes its share of the address space, or the tape refuses. Once it was there, it is BLAS' own. */
#define BLAS_ROOM ((size_t)136 << 20)
static atomic_bool blas_has_room;

static bool hold_room(void **room, size_t *bytes, base_error *e)
{
    *bytes = blas_has_room ? 0 : BLAS_ROOM * (size_t)base_threads();
    *room = *bytes ? base_pages_new(*bytes) : NULL;
    if (!*bytes || *room)
        return true;
    base_fail(e, BASE_NO_MEMORY, "tape: matrix products need %zu MiB of address space with %d threads, which are not left "
        "(ulimit -v): allow more, or take fewer threads", *bytes >> 20, base_threads());
    return false;
}

nn_tape *nn_tape_new(const nn_tape_options *o, base_error *e)
{
    nn_tape *t = calloc(1, sizeof *t);
    size_t bytes;
    void *room;

    if (!t) {
        base_fail(e, BASE_NO_MEMORY, "tape: out of memory");
        return NULL;
    }
    if (!hold_room(&room, &bytes, e)) {
        free(t);
        return NULL;
    }
    if (o)
        t->o = *o;
    t->limit = t->o.memory ? t->o.memory : base_memory_total();
    t->values = t->o.memory ? base_pool_new(t->limit, e) : base_pool_up_to(t->limit, e);
    t->scratch = t->o.memory ? base_arena_new(t->limit, e) : base_arena_up_to(t->limit, e);
    t->records = base_arena_up_to(RECORDS_LIMIT, e);
    for (int i = 0; i < 2; i++)
        t->tensors[i] = base_arena_up_to(TENSORS_LIMIT, e);
    base_pages_free(room, bytes);
    if (!t->values || !t->scratch || !t->records || !t->tensors[0] || !t->tensors[1]) {
        nn_tape_free(t);
        return NULL;
    }
    blas_has_room = true;
    return t;
}

void nn_tape_free(nn_tape *t)
{
    if (!t)
        return;
    base_arena_free(t->records);
    base_arena_free(t->tensors[0]);
    base_arena_free(t->tensors[1]);
    base_arena_free(t->scratch);
    base_pool_free(t->values);
    free(t);
}

void nn_tape_begin(nn_tape *t, nn_mode mode, uint64_t step)
{
    t->turn = !t->turn;
    base_arena_release(t->tensors[t->turn], 0);
    base_arena_release(t->records, 0);
    base_arena_release(t->scratch, 0);
    base_pool_reset(t->values);
    t->mode = mode;
    t->step = step;
    t->error.status = BASE_OK;
    t->error.text[0] = '\0';
    t->last = NULL;
    t->newest = NULL;
    t->ran = false;
    t->scope[0] = '\0';
    t->depth = 0;
}

void nn_huge_pages(bool on) { base_huge_pages(on); }

nn_mode nn_tape_mode(const nn_tape *t) { return t->mode; }
size_t nn_tape_peak(const nn_tape *t) { return base_pool_peak(t->values); }
const base_error *nn_tape_error(const nn_tape *t) { return t->error.status ? &t->error : NULL; }

nn_tensor *nn_tape_fail(nn_tape *t, base_status status, const char *format, ...)
{
    char text[600];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    base_fail(&t->error, status, "%s%s%s", t->scope, t->scope[0] ? ": " : "", text);
    return NULL;
}

/* Sets the error where x is of the step before this one. */
static bool is_stale(nn_tape *t, const nn_tensor *x)
{
    if (!(x->state & IS_MADE) || !(x->state & IS_ODD) == !t->turn)
        return false;
    nn_tape_fail(t, BASE_VALUE, "\"%s\" is of an earlier step: nn_tape_begin ends the life of what was made before",
        x->name ? x->name : "input");
    return true;
}

bool nn_ready_n(nn_tape *t, nn_tensor *const *x, int n)
{
    for (int i = 0; i < n; i++)
        if (!x[i] || is_stale(t, x[i]))
            return false;
    return !t->error.status;
}

/* ---- scopes and random numbers ---------------------------------------------------------------------------------- */

void nn_scope_push(nn_tape *t, const char *format, int index)
{
    int end = t->depth ? t->scope_end[base_min_i64(t->depth, SCOPE_DEPTH) - 1] : 0;

    if (t->depth++ >= SCOPE_DEPTH) {
        nn_tape_fail(t, BASE_LIMIT, "more than %d names inside each other", SCOPE_DEPTH);
        return;
    }
    if (end && end + 1 < SCOPE_BYTES)
        t->scope[end++] = '.';
    end += snprintf(t->scope + end, (size_t)(SCOPE_BYTES - end), format, index);
    if (end >= SCOPE_BYTES) {
        nn_tape_fail(t, BASE_LIMIT, "a name longer than %d bytes", SCOPE_BYTES - 1);
        end = SCOPE_BYTES - 1;
    }
    t->scope_end[t->depth - 1] = end;
}

void nn_scope_pop(nn_tape *t)
{
    if (t->depth == 0)
        nn_tape_fail(t, BASE_VALUE, "more names taken off than put on");
    else if (--t->depth < SCOPE_DEPTH)
        t->scope[t->depth ? t->scope_end[t->depth - 1] : 0] = '\0';
}

bool nn_is_random(const nn_tape *t) { return t->mode & NN_RANDOM; }

base_random nn_tape_random(const nn_tape *t, const char *site)
{
    uint64_t name = base_hash_text(base_hash_text(base_hash_text(BASE_HASH_INIT, t->scope), "."), site ? site : "");

    return base_random_at(t->o.seed, t->step, name);
}

void nn_dropout_mask(const base_random *r, float p, int64_t first, int64_t n, float *m)
{
    uint16_t u[BASE_RANDOM_LANES];
    float keep = 1.0f / (1.0f - p);
    int threshold = (int)lrintf(p * 65536.0f);

    assert(first % BASE_RANDOM_LANES == 0);
    for (int64_t i = 0; i < n; i += BASE_RANDOM_LANES) {
        int64_t count = base_min_i64(BASE_RANDOM_LANES, n - i);
        base_random_u16(r, (uint64_t)((first + i) / BASE_RANDOM_LANES), u);
        for (int64_t j = 0; j < count; j++)
            m[i + j] = u[j] >= threshold ? keep : 0.0f;
    }
}

/* ---- memory ----------------------------------------------------------------------------------------------------- */

/* used, limit: of the room that is full; wanted: the limit it should have. */
static void *out_of_memory(nn_tape *t, const char *what, size_t bytes, size_t used, size_t limit, size_t wanted)
{
    bool refused = used < limit && bytes < limit - used;

    return nn_tape_fail(t, BASE_NO_MEMORY, "out of memory: %zu bytes more of %s, %zu in use, the limit is %zu%s", bytes,
        what, used, limit, refused ? " and the system gives no more (ulimit -d, overcommit)" :
        limit < wanted ? " (the system's on address space, ulimit -v)" : "");
}

static void *take(nn_tape *t, base_arena *room, size_t wanted, size_t bytes, const char *what)
{
    void *block = base_arena_take(room, bytes);

    return block ? block : out_of_memory(t, what, bytes, base_arena_mark(room), base_arena_limit(room), wanted);
}

void *nn_tape_keep(nn_tape *t, size_t bytes)
{
    return take(t, t->records, RECORDS_LIMIT, bytes, "records");
}

const int *nn_tape_keep_ints(nn_tape *t, const int *x, int64_t n)
{
    int *copy = nn_tape_keep(t, (size_t)n * sizeof *x);

    if (copy && n)
        memcpy(copy, x, (size_t)n * sizeof *x);
    return copy;
}

static bool offsets_fit(nn_tape *t, const char *what, int64_t rows, int n, const int64_t *begin)
{
    int u = 0;

    if (n < 0 || begin[0] != 0)
        return nn_tape_fail(t, BASE_SHAPE, "%s: %d utterances, the first at row %lld", what, n, (long long)(n < 0 ? 0 : begin[0]));
    while (u < n && begin[u] <= begin[u + 1])
        u++;
    if (u < n)
        return nn_tape_fail(t, BASE_SHAPE, "%s: utterance %d begins at row %lld and ends at row %lld", what, u,
            (long long)begin[u], (long long)begin[u + 1]);
    if (begin[n] != rows)
        return nn_tape_fail(t, BASE_SHAPE, "%s: the utterances end at row %lld, %lld rows are asked for", what,
            (long long)begin[n], (long long)rows);
    return true;
}

const nn_seqs *nn_tape_keep_seqs(nn_tape *t, const char *what, int64_t rows, int n, const int64_t *begin)
{
    size_t bytes = ((size_t)n + 1) * sizeof *begin;
    nn_seqs *s;
    int64_t *copy;

    if (!offsets_fit(t, what, rows, n, begin) || !(s = nn_tape_keep(t, sizeof *s)) || !(copy = nn_tape_keep(t, bytes)))
        return NULL;
    memcpy(copy, begin, bytes);
    s->n = n;
    s->begin = copy;
    return s;
}

static float *take_floats(nn_tape *t, int64_t count, const char *what)
{
    size_t bytes = (size_t)count * sizeof(float);
    float *block = base_pool_take(t->values, bytes);

    return block ? block : out_of_memory(t, what, bytes, base_pool_used(t->values), base_pool_limit(t->values), t->limit);
}

float *nn_scratch(nn_tape *t, int64_t count)
{
    size_t bytes = (size_t)count * sizeof(float);
    return take(t, t->scratch, t->limit, bytes, "scratch");
}

void *nn_node_data(nn_node *g, size_t bytes)
{
    g->data = nn_tape_keep(g->tape, bytes);
    if (g->data)
        memset(g->data, 0, bytes);
    return g->data;
}

float *nn_node_save(nn_node *g, int64_t count)
{
    assert(!g->saved);
    return g->saved = take_floats(g->tape, count, "saved values");
}

/* ---- values ----------------------------------------------------------------------------------------------------- */

static nn_tensor *new_value(nn_tape *t, nn_shape shape, float *x)
{
    int64_t count;
    value *v;

    if (shape.rows < 0 || shape.cols < 1 || !base_mul_i64(shape.rows, shape.cols, &count) || count > INT64_MAX / 8)
        return nn_tape_fail(t, BASE_SHAPE, "a tensor [%lld][%d]", (long long)shape.rows, shape.cols);
    if (!(v = take(t, t->tensors[t->turn], TENSORS_LIMIT, sizeof *v, "tensors")))
        return NULL;
    *v = (value){ .tensor = { .rows = shape.rows, .cols = shape.cols, .seqs = shape.seqs }, .before = t->newest };
    v->tensor.x = x ? x : take_floats(t, count, "values");
    if (!v->tensor.x)
        return NULL;
    v->tensor.state = (unsigned char)(IS_MADE | (t->turn ? IS_ODD : 0) | (x ? 0 : IS_VALUE));
    t->newest = v;
    return &v->tensor;
}

static nn_tensor *input(nn_tape *t, float *wrapped, const float *x, int64_t rows, int cols, int n, const int64_t *begin)
{
    nn_shape shape = { rows, cols, NULL };
    nn_tensor *v;

    if (t->error.status || (begin && !(shape.seqs = nn_tape_keep_seqs(t, "input", rows, n, begin))))
        return NULL;
    if (!begin && n != 0)
        return nn_tape_fail(t, BASE_SHAPE, "input: %d utterances without offsets", n);
    v = new_value(t, shape, wrapped);
    if (v && x && nn_numel(v) > 0)
        memcpy(v->x, x, (size_t)(rows * cols) * sizeof *x);
    return v;
}

nn_tensor *nn_input(nn_tape *t, const float *x, int64_t rows, int cols, int n, const int64_t *begin)
{
    return input(t, NULL, x, rows, cols, n, begin);
}

nn_tensor *nn_input_wrap(nn_tape *t, float *x, int64_t rows, int cols, int n, const int64_t *begin)
{
    static float nothing;

    if (!x && rows > 0)
        return nn_tape_fail(t, BASE_VALUE, "input: no values to wrap");
    return input(t, x ? x : &nothing, NULL, rows, cols, n, begin);
}

nn_tensor *nn_input_grad(nn_tape *t, const float *x, int64_t rows, int cols, int n, const int64_t *begin)
{
    nn_tensor *v = input(t, NULL, x, rows, cols, n, begin);

    if (v) {
        v->needs_grad = t->mode & NN_RECORD;
        v->state |= IS_RETAINED;
    }
    return v;
}

/* ---- recording -------------------------------------------------------------------------------------------------- */

static bool inputs_usable(nn_tape *t, const nn_op *op, nn_tensor *const *in, int n)
{
    if (t->error.status)
        return false;
    for (int i = 0; i < n; i++) {
        if (in[i] && is_stale(t, in[i]))
            return false;
        if (in[i] && !in[i]->x && nn_numel(in[i])) {
            nn_tape_fail(t, BASE_VALUE, "%s: input %d was freed (retain it, or build its parameters)", op->name, i);
            return false;
        }
    }
    if (!in[0])
        nn_tape_fail(t, BASE_VALUE, "%s: input 0 is NULL", op->name);
    return in[0] != NULL;
}

nn_node *nn_record_n(nn_tape *t, const nn_op *op, nn_shape shape, nn_tensor *const *in, int n)
{
    nn_node *g;
    bool grad = false;

    assert(n <= NN_MAX_INPUTS);
    if (!inputs_usable(t, op, in, n) || !(g = nn_tape_keep(t, sizeof *g)))
        return NULL;
    *g = (nn_node){ .op = op, .tape = t, .n_in = n, .keeps = op->keeps, .before = t->last };
    for (int i = 0; i < n; i++) {
        g->in[i] = in[i];
        grad = grad || (in[i] && in[i]->needs_grad);
    }
    if (!(g->out = new_value(t, shape, NULL)))
        return NULL;
    g->out->name = op->name;
    g->out->needs_grad = grad && (t->mode & NN_RECORD);
    if (g->out->needs_grad)
        t->last = g;
    t->scratch_mark = base_arena_mark(t->scratch);
    return g;
}

static bool all_finite(const float *x, int64_t n, int64_t *at)
{
    for (*at = 0; *at < n; ++*at)
        if (!isfinite(x[*at]))
            return false;
    return true;
}

nn_tensor *nn_result(nn_node *g)
{
    nn_tape *t;
    int64_t at;

    if (!g)
        return NULL;
    t = g->tape;
    base_arena_release(t->scratch, t->scratch_mark);
    if (!g->out->needs_grad && g->saved) {
        base_pool_give(t->values, g->saved);
        g->saved = NULL;
    }
    if (t->error.status)
        return NULL;
    if (t->o.check_finite && !all_finite(g->out->x, nn_numel(g->out), &at))
        return nn_tape_fail(t, BASE_VALUE, "%s made %g at row %lld, column %lld", g->op->name, g->out->x[at],
            (long long)(at / g->out->cols), (long long)(at % g->out->cols));
    return g->out;
}

nn_mark nn_tape_mark(const nn_tape *t) { return (nn_mark){ t->last, t->newest }; }

void nn_tape_retain(nn_tape *t, nn_tensor *x)
{
    if (x && !is_stale(t, x))
        x->state |= IS_RETAINED;
}

static void free_values(nn_tape *t, nn_tensor *x)
{
    if (x->state & IS_VALUE && !(x->state & IS_RETAINED)) {
        base_pool_give(t->values, x->x);
        x->x = NULL;
    }
}

nn_tensor *nn_tape_trim(nn_tape *t, nn_mark mark, nn_tensor *keep)
{
    if (t->error.status || (keep && is_stale(t, keep)))
        return NULL;
    for (nn_node *g = t->last; g && g != mark.node; g = g->before) {
        for (int i = 0; i < g->n_in; i++)
            if (g->in[i] && g->keeps & NN_KEEPS(i))
                g->in[i]->state |= IS_NEEDED;
        if (g->keeps & NN_KEEPS_OUTPUT)
            g->out->state |= IS_NEEDED;
    }
    for (value *v = t->newest; v && v != mark.tensor; v = v->before)
        if (!(v->tensor.state & IS_NEEDED) && &v->tensor != keep)
            free_values(t, &v->tensor);
    return keep;
}

/* ---- backward --------------------------------------------------------------------------------------------------- */

float *nn_grad_fresh(nn_node *g, int i, bool *add)
{
    nn_tensor *x = g->in[i];

    if (!x || !x->needs_grad)
        return NULL;
    *add = x->dx != NULL;
    if (!x->dx)
        x->dx = take_floats(g->tape, nn_numel(x), "gradients");
    return x->dx;
}

float *nn_grad(nn_node *g, int i)
{
    bool add;
    float *dx = nn_grad_fresh(g, i, &add);

    if (dx && !add)
        memset(dx, 0, (size_t)nn_numel(g->in[i]) * sizeof *dx);
    return dx;
}

bool nn_grad_pass(nn_node *g, int i)
{
    nn_tensor *x = g->in[i], *y = g->out;

    if (!x || !x->needs_grad || x->dx || nn_numel(x) != nn_numel(y))
        return false;
    x->dx = y->dx;
    y->dx = NULL;
    return true;
}

static void check_gradients(nn_tape *t, const nn_node *g)
{
    int64_t at;

    for (int i = 0; i < g->n_in; i++)
        if (g->in[i] && g->in[i]->dx && !all_finite(g->in[i]->dx, nn_numel(g->in[i]), &at))
            nn_tape_fail(t, BASE_VALUE, "backward of %s made %g in the gradient of input %d, row %lld, column %lld",
                g->op->name, g->in[i]->dx[at], i, (long long)(at / g->in[i]->cols), (long long)(at % g->in[i]->cols));
}

/* The result is not needed any more: everything that used it was recorded later and is done. */
static void release_node(nn_tape *t, nn_node *g)
{
    base_pool_give(t->values, g->out->dx);
    g->out->dx = NULL;
    base_pool_give(t->values, g->saved);
    g->saved = NULL;
    free_values(t, g->out);
}

base_status nn_tape_backward(nn_tape *t, nn_tensor *loss)
{
    if (t->error.status || (loss && is_stale(t, loss)))
        return t->error.status;
    if (!loss || loss->rows != 1 || loss->cols != 1)
        return nn_tape_fail(t, BASE_SHAPE, "backward: the loss must be [1][1]"), BASE_SHAPE;
    if (t->ran)
        return nn_tape_fail(t, BASE_VALUE, "backward: it ran already in this step"), BASE_VALUE;
    if (!loss->needs_grad)
        return BASE_OK;
    t->ran = true;
    nn_tape_retain(t, loss);
    if (!loss->dx) {
        if (!(loss->dx = take_floats(t, 1, "gradients")))
            return t->error.status;
        loss->dx[0] = 0.0f;
    }
    loss->dx[0] += 1.0f;
    for (nn_node *g = t->last; g && !t->error.status; g = g->before) {
        size_t mark = base_arena_mark(t->scratch);
        if (g->out->dx) {
            g->op->backward(g);
            base_arena_release(t->scratch, mark);
            if (t->o.check_finite)
                check_gradients(t, g);
        }
        release_node(t, g);
    }
    t->last = NULL;
    return t->error.status;
}
