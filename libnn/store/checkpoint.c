/* Training checkpoints: <dir>/checkpoint-<step>.safetensors. Parameters stand under their own names, so that any
 * reader of safetensors finds the model; what belongs to training is named "serin.…". Checksums (sums.c) tell when a file
 * was cut or changed anywhere, and by the name of the tensor. A file appears by rename after it is durable, so a process that is killed
 * at any moment leaves the old files whole, and at worst a temporary one that the next writer sweeps away. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/temporary.h"
#include "libnn/store/store.h"

#define OURS      "serin."
#define LAYOUT    "serin.checkpoint"    /* metadata: version of this layout */
#define STEP      "serin.step"

/* ---- what a checkpoint is made of -------------------------------------------------------------------------------- */

typedef struct piece {
    char          *name;        /* the tensor's */
    nn_save_tensor tensor;
    void          *to;          /* tensor.data, to write to */
    size_t         bytes;
} piece;

typedef struct pieces {
    piece *at;
    int    n;
} pieces;

static void pieces_free(pieces *l)
{
    for (int i = 0; i < l->n; i++)
        free(l->at[i].name);
    free(l->at);
}

/* False: out of memory. */
static bool add(pieces *l, const char *prefix, const char *name, nn_dtype dtype, int ndim, const int64_t *shape, void *x)
{
    piece *q = &l->at[l->n];

    if (asprintf(&q->name, "%s%s", prefix, name) < 0)
        return false;
    q->tensor = (nn_save_tensor){ q->name, dtype, ndim, shape, x };
    q->to = x;
    q->bytes = nn_save_bytes(&q->tensor);
    l->n++;
    return true;
}

static bool add_parameter(pieces *l, const nn_checkpoint *c, const nn_param *q)
{
    int64_t at = q->dx ? q->x - nn_params_values(c->params) : -1;
    bool good = add(l, "", q->name, NN_F32, q->ndim, q->shape, q->x);

    if (c->adam && at >= 0)
        good = good && add(l, OURS "adam.m.", q->name, NN_F32, q->ndim, q->shape, nn_adam_m(c->adam) + at) &&
            add(l, OURS "adam.v.", q->name, NN_F32, q->ndim, q->shape, nn_adam_v(c->adam) + at);
    if (c->average && at >= 0)
        good = good && add(l, OURS "average.", q->name, NN_F32, q->ndim, q->shape, nn_average_values(c->average) + at);
    return good;
}

static base_status pieces_of(pieces *l, const nn_checkpoint *c, base_error *e)
{
    static const int64_t one[] = { 1 };
    int n = nn_params_count(c->params);

    *l = (pieces){ calloc((size_t)n * 4 + 2, sizeof *l->at), 0 };
    bool good = l->at != NULL;
    for (int i = 0; good && i < n; i++)
        good = add_parameter(l, c, nn_params_at(c->params, i));
    if (good && c->adam)
        good = add(l, OURS "adam.steps", "", NN_I64, 1, one, nn_adam_steps(c->adam));
    if (good && c->average)
        good = add(l, OURS "average.count", "", NN_I64, 1, one, nn_average_count(c->average));
    if (good)
        return BASE_OK;
    pieces_free(l);
    return base_fail(e, BASE_NO_MEMORY, "checkpoint: out of memory");
}

/* ---- the directory ----------------------------------------------------------------------------------------------- */

static char *path_of(const char *dir, int64_t step)
{
    char *path;

    return asprintf(&path, "%s/checkpoint-%" PRId64 ".safetensors", dir, step) < 0 ? NULL : path;
}

/* The step in "checkpoint-<step>.safetensors", -1 for another name; *end is what follows. */
static int64_t step_of(const char *name, const char **end)
{
    static const char before[] = "checkpoint-", behind[] = ".safetensors";
    char *p;

    if (strncmp(name, before, sizeof before - 1))
        return -1;
    name += sizeof before - 1;
    errno = 0;
    long long step = strtoll(name, &p, 10);
    if (*name < '0' || *name > '9' || (*name == '0' && p > name + 1) || errno || strncmp(p, behind, sizeof behind - 1))
        return -1;
    *end = p + sizeof behind - 1;
    return step;
}

static int falling(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;

    return (a < b) - (a > b);
}

/* The steps of dir's checkpoints, newest first, for free(); a directory that is not there has none. */
static base_status list_steps(const char *dir, int64_t **steps, int *n, base_error *e)
{
    DIR *d = opendir(dir);
    base_status status = BASE_OK;
    struct dirent *entry;
    int room = 0;

    *steps = NULL;
    *n = 0;
    if (!d)
        return errno == ENOENT ? BASE_OK : base_fail_errno(e, "%s", dir);
    while (!status && (errno = 0, entry = readdir(d))) {
        const char *end;
        int64_t step = step_of(entry->d_name, &end);
        if (step < 0 || *end)
            continue;
        if (*n == room) {
            room = 2 * room + 16;
            int64_t *more = realloc(*steps, (size_t)room * sizeof *more);
            if (!more) {
                status = base_fail(e, BASE_NO_MEMORY, "%s: out of memory", dir);
                break;
            }
            *steps = more;
        }
        (*steps)[(*n)++] = step;
    }
    if (!status && errno)
        status = base_fail_errno(e, "%s: cannot be listed to its end", dir);
    closedir(d);
    if (status)
        *n = 0;
    if (*n)
        qsort(*steps, (size_t)*n, sizeof **steps, falling);
    return status;
}

/* Keeps `keep` checkpoints up to `step`, which is on disk now. What is later is none of this run's: it stays. */
static base_status remove_old(const char *dir, int64_t step, int keep, base_error *e)
{
    int64_t *steps;
    int n, kept = 0;
    base_status status = list_steps(dir, &steps, &n, e);

    for (int i = 0; i < n; i++) {
        if (steps[i] > step || kept++ < keep)
            continue;
        char *path = path_of(dir, steps[i]);
        if (path)
            unlink(path);
        free(path);
    }
    free(steps);
    return status;
}

/* A file that is not whole gets another name, "….damaged", under which nothing looks for it and nothing removes it. */
static void set_aside(const char *path)
{
    char *name = NULL;

    for (int i = 0; i < 1000; i++) {
        if (asprintf(&name, i ? "%s.damaged.%d" : "%s.damaged", path, i) < 0)
            return;
        if (!base_exists(name)) {
            rename(path, name);     /* where it cannot be, it is passed over again */
            free(name);
            return;
        }
        free(name);
    }
}

/* ---- saving ------------------------------------------------------------------------------------------------------ */

static base_status save_pieces(const nn_checkpoint *c, pieces *l, const char *path, int64_t step, base_error *e)
{
    nn_meta meta[3 + sizeof c->meta / sizeof *c->meta];
    nn_save_tensor *tensors = malloc(((size_t)l->n + 1) * sizeof *tensors);
    char step_text[24];
    int n = 0;

    if (!tensors)
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path);
    snprintf(step_text, sizeof step_text, "%" PRId64, step);
    meta[n++] = (nn_meta){ "format", "pt" };
    meta[n++] = (nn_meta){ LAYOUT, "1" };
    meta[n++] = (nn_meta){ STEP, step_text };
    for (int i = 0; i < c->n_meta; i++)
        meta[n++] = c->meta[i];
    for (int i = 0; i < l->n; i++)
        tensors[i] = l->at[i].tensor;
    base_status status = nn_safetensors_save_summed(path, tensors, l->n, meta, n, e);
    free(tensors);
    return status;
}

base_status nn_checkpoint_save(const nn_checkpoint *c, const char *dir, int64_t step, int keep, base_error *e)
{
    pieces l;
    base_status status = base_make_dirs(dir, e);

    if (!status)
        status = pieces_of(&l, c, e);
    if (status)
        return status;
    char *path = path_of(dir, step);
    if (path)
        base_temporary_sweep(path);     /* each time: a trainer's life is long, and others' in this directory were shorter */
    status = path ? save_pieces(c, &l, path, step, e) : base_fail(e, BASE_NO_MEMORY, "%s: out of memory", dir);
    free(path);
    pieces_free(&l);
    return status ? status : remove_old(dir, step, keep, e);
}

/* ---- loading ----------------------------------------------------------------------------------------------------- */

static base_status check_step(const nn_safetensors *s, int64_t step, base_error *e)
{
    const char *said = nn_safetensors_meta(s, STEP);
    char expected[24];

    snprintf(expected, sizeof expected, "%" PRId64, step);
    return said && !strcmp(said, expected) ? BASE_OK : base_fail(e, BASE_FORMAT, "is of step %.40s", said ? said : "unknown");
}

static base_status check_piece(const nn_safetensors *s, const piece *q, base_error *e)
{
    const nn_save_tensor *t = &q->tensor;
    const nn_file_tensor *f = nn_safetensors_find(s, t->name);

    if (!f)
        return base_fail(e, BASE_MISMATCH, "no tensor \"%s\": made by another model or optimiser", t->name);
    if (f->dtype != t->dtype || f->ndim != t->ndim || memcmp(f->shape, t->shape, (size_t)t->ndim * sizeof *t->shape))
        return base_fail(e, BASE_SHAPE, "tensor \"%s\": %s %s, expected %s %s", t->name, f->dtype_text,
            nn_shape_print(f->ndim, f->shape).s, nn_dtype_name(t->dtype), nn_shape_print(t->ndim, t->shape).s);
    return BASE_OK;
}

/* A whole file that belongs to another model is an error, not a reason to go back to an older file. */
static base_status check_model(const nn_checkpoint *c, const pieces *l, const nn_safetensors *s, base_error *e)
{
    const char *version = nn_safetensors_meta(s, LAYOUT);
    base_status status = BASE_OK;

    if (!version || strcmp(version, "1"))
        return base_fail(e, BASE_MISMATCH, "version %.20s of checkpoints, expected 1", version ? version : "unknown");
    for (int i = 0; !status && i < nn_safetensors_count(s); i++) {
        const char *name = nn_safetensors_at(s, i)->name;
        if (strncmp(name, OURS, strlen(OURS)) && !nn_params_find(c->params, name))
            status = base_fail(e, BASE_MISMATCH, "tensor \"" NN_NAME "\": the model has no such parameter", name);
    }
    for (int i = 0; !status && i < l->n; i++)
        status = check_piece(s, &l->at[i], e);
    return status;
}

/* Copies the texts the caller asks for into memory of c. */
static base_status copy_meta(nn_checkpoint *c, const nn_safetensors *s, base_error *e)
{
    size_t total = 1;

    for (int i = 0; i < c->n_meta; i++) {
        const char *value = nn_safetensors_meta(s, c->meta[i].key);
        total += value ? strlen(value) + 1 : 0;
    }
    char *p = malloc(total);
    if (!p)
        return base_fail(e, BASE_NO_MEMORY, "out of memory");
    nn_checkpoint_free(c);
    c->texts = p;
    for (int i = 0; i < c->n_meta; i++) {
        const char *value = nn_safetensors_meta(s, c->meta[i].key);
        c->meta[i].value = value ? p : NULL;
        if (value)
            p = stpcpy(p, value) + 1;
    }
    return BASE_OK;
}

static base_status load_one(nn_checkpoint *c, const pieces *l, const char *path, int64_t step, bool *whole, base_error *e)
{
    nn_safetensors *s = nn_safetensors_open(path, e);
    base_status status;

    *whole = false;
    if (!s)
        return e->status;
    status = nn_sums_check(s, e);
    if (!status)
        status = check_step(s, step, e);
    *whole = !status;
    if (!status)
        status = check_model(c, l, s, e);
    if (!status)
        status = copy_meta(c, s, e);
    if (status)
        base_fail_in(e, "%s", path);
    for (int i = 0; !status && i < l->n; i++)
        if (l->at[i].bytes)
            memcpy(l->at[i].to, nn_safetensors_find(s, l->at[i].tensor.name)->data, l->at[i].bytes);
    nn_safetensors_close(s);
    return status;
}

/* Goes from the newest to the oldest until one is whole; those that are not are set aside then. */
static base_status load_newest(nn_checkpoint *c, const pieces *l, const char *dir, const int64_t *steps, int n,
    int64_t *step, base_error *note, base_error *e)
{
    base_error first = BASE_ERROR_INIT;

    for (int i = 0; i < n; i++) {
        base_error why = BASE_ERROR_INIT;
        bool whole = false;
        char *path = path_of(dir, steps[i]);
        base_status status = path ? load_one(c, l, path, steps[i], &whole, &why) : BASE_NO_MEMORY;
        free(path);
        for (int k = 0; !status && k < i; k++)
            if ((path = path_of(dir, steps[k]))) {
                set_aside(path);
                free(path);
            }
        if (!status) {
            *step = steps[i];
            if (first.status)
                base_fail(note, first.status, "%.800s; using checkpoint-%" PRId64 ", the damaged is kept as …damaged",
                    first.text, steps[i]);
            return BASE_OK;
        }
        if (whole || status == BASE_NO_MEMORY || status == BASE_IO)
            return base_fail(e, status, "%s", *why.text ? why.text : "checkpoint: out of memory");
        if (!first.status)
            first = why;
    }
    return base_fail(e, first.status, "%s, and no older checkpoint is whole", first.text);
}

base_status nn_checkpoint_load(nn_checkpoint *c, const char *dir, int64_t *step, base_error *note, base_error *e)
{
    int64_t *steps;
    pieces l;
    int n;
    base_status status = list_steps(dir, &steps, &n, e);

    *step = -1;
    if (!status && n)
        status = pieces_of(&l, c, e);
    if (!status && n) {
        status = load_newest(c, &l, dir, steps, n, step, note, e);
        pieces_free(&l);
    }
    free(steps);
    return status;
}

void nn_checkpoint_free(nn_checkpoint *c)
{
    free(c->texts);
    c->texts = NULL;
    for (int i = 0; i < c->n_meta; i++)
        c->meta[i].value = NULL;
}
