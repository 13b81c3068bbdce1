/* Named parameters in flat arrays: all trainable values in one, their gradients in another, frozen values in a third.
 * A tensor starts at a multiple of 16 floats; the gaps hold zeros and stay zero under every optimiser. */
#include "libnn/core/core.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/hash.h"

#define NAME_BYTES 256
#define SCOPE_DEPTH 16
#define ALIGN_FLOATS 16

/* What models hold: one or several parameters stored one behind another. */
typedef struct joined {
    nn_tensor     tensor;           /* first: a parameter is found by its tensor */
    int           first, count;     /* its parameters */
    uint64_t      frozen;           /* bit i: parameter first + i */
    nn_derived    derived[NN_FORMS];
    struct joined *next;
} joined;

#define MOST_JOINED 63

/* A tensor is frozen when all of its parameters are. Of one that is trained in parts, the others' gradients are computed,
 * too; nobody reads them. */
static bool is_frozen(const joined *j) { return j->frozen + 1 == (uint64_t)1 << j->count; }

static void set_frozen(joined *j, int i, bool frozen)
{
    j->frozen = frozen ? j->frozen | (uint64_t)1 << i : j->frozen & ~((uint64_t)1 << i);
}

typedef struct kept {
    void       *owner;
    void      (*release)(void *owner);
    struct kept *next;
} kept;

struct nn_params {
    nn_param *at;
    int       count, room;
    joined   *head, **tail;
    char      scope[NAME_BYTES];
    int       scope_end[SCOPE_DEPTH], depth;
    float    *values, *grads, *frozen;
    int64_t   trainable, n_frozen;
    bool      built;
    base_error error;       /* the first mistake of a declaration, for build to tell */
    kept     *kept;
};

/* Zeros: what is never touched, as the gradients in inference, costs no memory. */
static float *take(int64_t count) { return count < 0 ? NULL : base_pages_new((size_t)count * sizeof(float)); }
static void give(float *x, int64_t count) { base_pages_free(x, count < 0 ? 0 : (size_t)count * sizeof(float)); }

nn_params *nn_params_new(void)
{
    nn_params *p = calloc(1, sizeof *p);

    if (p)
        p->tail = &p->head;
    return p;
}

void nn_params_free(nn_params *p)
{
    if (!p)
        return;
    for (int i = 0; i < p->count; i++)
        free((char *)p->at[i].name);
    for (joined *j = p->head, *next; j; j = next) {
        next = j->next;
        for (int i = 0; i < NN_FORMS; i++)
            base_pages_free(j->derived[i].x, (size_t)j->derived[i].count * sizeof *j->derived[i].x);
        free(j);
    }
    for (kept *k = p->kept, *next; k; k = next) {
        next = k->next;
        k->release(k->owner);
        free(k);
    }
    free(p->at);
    give(p->values, p->trainable);
    give(p->grads, p->trainable);
    give(p->frozen, p->n_frozen);
    free(p);
}

void nn_params_push(nn_params *p, const char *format, int index)
{
    int end = p->depth ? p->scope_end[base_min_i64(p->depth, SCOPE_DEPTH) - 1] : 0, begin = end;

    if (p->depth++ < SCOPE_DEPTH)
        end += snprintf(p->scope + end, (size_t)(NAME_BYTES - end), format, index);
    if (p->depth > SCOPE_DEPTH || end + 1 >= NAME_BYTES) {
        base_fail(&p->error, BASE_LIMIT, "parameters: \"%s\": more than %d names inside each other, or longer than %d bytes",
            p->scope, SCOPE_DEPTH, NAME_BYTES - 2);
        end = begin;
    } else {
        p->scope[end++] = '.';
    }
    p->scope[end] = '\0';
    if (p->depth <= SCOPE_DEPTH)
        p->scope_end[p->depth - 1] = end;
}

void nn_params_pop(nn_params *p)
{
    if (p->depth == 0)
        base_fail(&p->error, BASE_VALUE, "parameters: more names taken off than put on");
    else if (--p->depth < SCOPE_DEPTH)
        p->scope[p->depth ? p->scope_end[p->depth - 1] : 0] = '\0';
}

static bool check_one(nn_params *p, const char *name, int ndim, const int64_t *shape)
{
    int64_t count = 1;

    if (nn_params_find(p, name))
        return !base_fail(&p->error, BASE_VALUE, "parameter \"%s\" is declared twice", name);
    if (ndim < 1 || ndim > NN_MAX_DIMS)
        return !base_fail(&p->error, BASE_SHAPE, "parameter \"%s\" has %d dimensions, expected 1 to %d", name, ndim, NN_MAX_DIMS);
    for (int d = 0; d < ndim; d++)
        if (shape[d] < 0 || shape[d] > INT_MAX / 4 || !base_mul_i64(count, shape[d], &count) ||
            count > INT64_MAX / 64 || (d && count / base_max_i64(shape[0], 1) > INT_MAX))
            return !base_fail(&p->error, BASE_SHAPE, "parameter \"%s\": dimension %d is %lld", name, d, (long long)shape[d]);
    return true;
}

static bool add_one(nn_params *p, nn_init init, const char *name, int ndim, const int64_t *shape)
{
    nn_param *q;

    if (!check_one(p, name, ndim, shape))
        return false;
    if (p->count == p->room) {
        int room = p->room ? 2 * p->room : 64;
        nn_param *more = realloc(p->at, (size_t)room * sizeof *more);
        if (!more)
            return false;
        p->at = more;
        p->room = room;
    }
    q = &p->at[p->count];
    *q = (nn_param){ .name = strdup(name), .ndim = ndim, .count = 1, .init = init };
    if (!q->name)
        return false;
    p->count++;
    for (int d = 0; d < ndim; d++) {
        q->shape[d] = shape[d];
        q->count *= shape[d];
    }
    return true;
}

/* "{q,k,v}_proj.weight" stands for three names; calls add_one for each and returns how many, 0 on failure. */
static int add_names(nn_params *p, nn_init init, const char *pattern, int ndim, const int64_t *shape)
{
    const char *open = strchr(pattern, '{'), *close = open ? strchr(open, '}') : NULL;
    int n = 0;

    if (!open != !close) {
        base_fail(&p->error, BASE_VALUE, "parameter \"%s%s\": braces that do not close", p->scope, pattern);
        return 0;
    }
    for (const char *word = open ? open + 1 : pattern, *end; word; word = open && *end == ',' ? end + 1 : NULL) {
        char name[2 * NAME_BYTES];
        end = open ? word + strcspn(word, ",}") : word + strlen(word);
        int length = snprintf(name, sizeof name, "%s%.*s%.*s%s", p->scope, open ? (int)(open - pattern) : 0, pattern,
            (int)(end - word), word, open ? close + 1 : "");
        if (length >= (int)sizeof name)
            base_fail(&p->error, BASE_LIMIT, "parameter \"%s\": a name longer than %zu bytes", name, sizeof name - 1);
        if (n == MOST_JOINED)
            base_fail(&p->error, BASE_LIMIT, "parameter \"%s\": more than %d in one tensor", name, MOST_JOINED);
        if (p->error.status || !add_one(p, init, name, ndim, shape))
            return 0;
        n++;
    }
    return n;
}

nn_tensor *nn_params_add(nn_params *p, nn_init init, const char *name, int ndim, const int64_t *shape)
{
    joined *j = calloc(1, sizeof *j);
    const nn_param *q;
    int n = j && !p->built ? add_names(p, init, name, ndim, shape) : 0;

    if (!n) {
        base_fail(&p->error, BASE_NO_MEMORY, "parameters: no memory for \"%s\"", name);
        free(j);
        return NULL;
    }
    q = &p->at[p->count - 1];
    j->first = p->count - n;
    j->count = n;
    j->tensor.rows = ndim == 1 ? 1 : n * shape[0];
    j->tensor.cols = (int)(ndim == 1 ? n * shape[0] : shape[0] ? q->count / shape[0] : 0);
    j->tensor.state = NN_IS_PARAMETER;
    j->tensor.name = p->at[j->first].name;
    *p->tail = j;
    p->tail = &j->next;
    return &j->tensor;
}

void nn_params_freeze(nn_params *p, const char *prefix)
{
    for (joined *j = p->built ? NULL : p->head; j; j = j->next)
        for (int i = 0; i < j->count; i++)
            if (!strncmp(p->at[j->first + i].name, prefix, strlen(prefix)))
                set_frozen(j, i, true);
}

void nn_params_thaw(nn_params *p, const char *part)
{
    for (joined *j = p->built ? NULL : p->head; j; j = j->next)
        for (int i = 0; i < j->count; i++)
            if (strstr(p->at[j->first + i].name, part))
                set_frozen(j, i, false);
}

nn_derived *nn_params_derived(nn_tensor *w, int form)
{
    return w->state & NN_IS_PARAMETER ? &((joined *)(void *)w)->derived[form] : NULL;
}

/* Floats of all tensors that are frozen, or that are not; -1: more than memory can address. */
static int64_t total(const nn_params *p, bool frozen)
{
    int64_t sum = 0, count;

    for (const joined *j = p->head; j; j = j->next)
        if (is_frozen(j) == frozen && (!base_mul_i64(p->at[j->first].count, j->count, &count) ||
            !base_add_i64(sum, count + ALIGN_FLOATS - 1, &sum) || sum > INT64_MAX / 8))
            return -1;
        else if (is_frozen(j) == frozen)
            sum -= sum % ALIGN_FLOATS;
    return sum;
}

static void place(nn_params *p, joined *j, float *x, float *dx)
{
    j->tensor.x = x;
    j->tensor.dx = dx;
    j->tensor.needs_grad = dx != NULL;
    for (int i = 0; i < j->count; i++) {
        nn_param *q = &p->at[j->first + i];
        q->x = x + i * q->count;
        q->dx = dx && !(j->frozen >> i & 1) ? dx + i * q->count : NULL;
    }
}

base_status nn_params_build(nn_params *p, base_error *e)
{
    int64_t at[2] = { 0, 0 };

    if (p->built)
        return base_fail(e, BASE_VALUE, "parameters: they are built already");
    if (p->error.status)
        return base_fail(e, p->error.status, "%s", p->error.text);
    p->trainable = total(p, false);
    p->n_frozen = total(p, true);
    p->values = take(p->trainable);
    p->grads = take(p->trainable);
    p->frozen = take(p->n_frozen);
    if (!p->values || !p->grads || !p->frozen)
        return base_fail(e, BASE_NO_MEMORY, "parameters: no memory for %lld trainable and %lld frozen values",
            (long long)p->trainable, (long long)p->n_frozen);
    for (joined *j = p->head; j; j = j->next) {
        int64_t count = p->at[j->first].count * j->count, *offset = &at[is_frozen(j)];
        place(p, j, (is_frozen(j) ? p->frozen : p->values) + *offset, is_frozen(j) ? NULL : p->grads + *offset);
        *offset += (count + ALIGN_FLOATS - 1) / ALIGN_FLOATS * ALIGN_FLOATS;
    }
    p->built = true;
    return BASE_OK;
}

bool nn_params_borrow(nn_params *p, int i, float *x)
{
    for (joined *j = p->head; j; j = j->next)
        if (j->first == i && j->count == 1 && is_frozen(j)) {
            if (!x)
                return true;
            base_pages_drop(p->at[i].x, (size_t)p->at[i].count * sizeof *x);
            place(p, j, x, NULL);
            return true;
        }
    return false;
}

bool nn_params_keep(nn_params *p, void *owner, void (*release)(void *owner))
{
    kept *k = malloc(sizeof *k);

    if (k) {
        *k = (kept){ owner, release, p->kept };
        p->kept = k;
    }
    return k != NULL;
}

static float draw(const base_random *r, nn_init init, int64_t i)
{
    switch (init.kind) {
    case NN_INIT_ZERO:
        return 0.0f;
    case NN_INIT_ONE:
        return 1.0f;
    case NN_INIT_CONSTANT:
        return init.scale;
    case NN_INIT_NORMAL:
        return (float)(init.scale * base_random_normal(r, (uint64_t)i));
    case NN_INIT_UNIFORM:
        return (float)(init.scale * (2.0 * base_random_uniform(r, (uint64_t)i) - 1.0));
    case NN_INIT_POSITIVE:
        return (float)(init.scale * base_random_uniform(r, (uint64_t)i));
    }
    return 0.0f;
}

void nn_params_init(nn_params *p, uint64_t seed)
{
    for (int i = 0; p->built && i < p->count; i++) {
        nn_param *q = &p->at[i];
        base_random r = base_random_at(seed, 0, base_hash_text(BASE_HASH_INIT, q->name));
        base_parallel_for(q->count, 16384, k, end)
            for (; k < end; k++)
                q->x[k] = draw(&r, q->init, k);
    }
}

int nn_params_count(const nn_params *p) { return p->count; }
const nn_param *nn_params_at(const nn_params *p, int i) { return &p->at[i]; }

const nn_param *nn_params_find(const nn_params *p, const char *name)
{
    for (int i = 0; i < p->count; i++)
        if (!strcmp(p->at[i].name, name))
            return &p->at[i];
    return NULL;
}

float *nn_params_values(const nn_params *p) { return p->values; }
float *nn_params_grads(const nn_params *p) { return p->grads; }
int64_t nn_params_trainable(const nn_params *p) { return p->trainable; }

void nn_params_clear_frozen(const nn_params *p)
{
    for (const joined *j = p->head; j; j = j->next)
        for (int i = 0; i < j->count && j->tensor.dx; i++)
            if (j->frozen >> i & 1)
                memset(j->tensor.dx + i * p->at[j->first].count, 0, (size_t)p->at[j->first].count * sizeof *j->tensor.dx);
}

void nn_params_zero_grads(nn_params *p)
{
    base_parallel_for(p->trainable, 65536, i, end)
        memset(p->grads + i, 0, (size_t)(end - i) * sizeof *p->grads);
}
