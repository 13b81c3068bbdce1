/* Matrices from one kind of file to another: Kaldi's tables and NumPy's .npy. */
#include <dirent.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/options.h"
#include "libnn/nn.h"

static const char usage[] =
    "Copies matrices. <in> and <out> are each one of\n"
    "  a table        ark:FILE scp:FILE; ark:FILE ark,t:FILE ark,scp:FILE,FILE (\"-\": standard input or output)\n"
    "  npy-dir:DIR    a folder of KEY.npy, read in the order of LC_ALL=C sort\n"
    "  FILE.npy       one matrix, whose key is the file's name\n"
    "Tables are written as float32, text so that every number comes back; .npy as float32, row by row. Tables and single\n"
    "files appear whole or not at all; a folder's files do so one by one.\n"
    "Usage: serin-copy-matrix [options] <in> <out>\n"
    "e.g.:  serin-copy-matrix scp:exp/feats.scp npy-dir:exp/npy\n"
    "       serin-copy-matrix exp/u1.npy ark,t:-\n";

#define FOLDER "npy-dir:"

typedef enum form { TABLE, DIRECTORY, ONE_FILE } form;

static bool ends_npy(const char *name)
{
    size_t n = strlen(name);

    return n > 4 && !strcmp(name + n - 4, ".npy");
}

static form form_of(const char *name)
{
    if (!strncmp(name, FOLDER, strlen(FOLDER)))
        return DIRECTORY;
    return ends_npy(name) && strncmp(name, "ark", 3) && strncmp(name, "scp", 3) ? ONE_FILE : TABLE;
}

/* ---- in ---------------------------------------------------------------------------------------------------------- */

typedef struct source {
    nn_table_reader *table;
    const char      *path;          /* of the folder or file */
    struct dirent  **entries;       /* [n] of a folder */
    int              n, at;
    char             key[256];
    nn_matrix        m;
} source;

static int is_npy(const struct dirent *entry) { return entry->d_name[0] != '.' && ends_npy(entry->d_name); }

static int in_order(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

static base_status open_source(source *s, const char *name, base_error *e)
{
    form f = form_of(name);

    if (f == TABLE) {
        s->table = nn_table_open(name, e);
        return e->status;
    }
    s->path = f == DIRECTORY ? name + strlen(FOLDER) : name;
    s->n = 1;
    if (f == DIRECTORY && (s->n = scandir(s->path, &s->entries, is_npy, in_order)) < 0)
        return base_fail_errno(e, "%s", s->path);
    return BASE_OK;
}

/* key NULL: there are no more. */
static base_status next_matrix(source *s, const char **key, nn_matrix *m, base_error *e)
{
    *key = NULL;
    if (s->table)
        return nn_table_next(s->table, key, m, e);
    if (s->at == s->n)
        return BASE_OK;
    const char *slash = strrchr(s->path, '/'), *name = s->entries ? s->entries[s->at]->d_name : slash ? slash + 1 : s->path;
    char *path = s->entries ? base_path_join(s->path, name) : strdup(s->path);
    s->at++;
    snprintf(s->key, sizeof s->key, "%.*s", (int)(strlen(name) - 4), name);
    nn_matrix_free(&s->m);
    base_status status = path ? nn_npy_read(path, &s->m, e) : base_fail(e, BASE_NO_MEMORY, "%s: out of memory", s->path);
    free(path);
    *m = s->m;
    *key = status ? NULL : s->key;
    return status;
}

static void close_source(source *s)
{
    nn_table_close(s->table);
    for (int i = 0; s->entries && i < s->n; i++)
        free(s->entries[i]);
    free(s->entries);
    nn_matrix_free(&s->m);
}

/* ---- out --------------------------------------------------------------------------------------------------------- */

typedef struct sink {
    nn_table_writer *table;
    const char      *path;
    form             form;
    void            *seen;          /* keys written to a folder (tsearch) */
    nn_matrix        one;           /* for a single file, which is written at the end */
} sink;

static base_status open_sink(sink *s, const char *name, base_error *e)
{
    s->form = form_of(name);
    s->path = s->form == DIRECTORY ? name + strlen(FOLDER) : name;
    if (s->form == TABLE)
        s->table = nn_table_create(name, e);
    if (s->form == DIRECTORY)
        base_make_dirs(s->path, e);
    return e->status;
}

static int compare(const void *a, const void *b) { return strcmp(a, b); }

/* A key becomes a file's name: it may not lead out of the folder, hide, or name a file twice. */
static base_status write_to_folder(sink *s, const char *key, const nn_matrix *m, base_error *e)
{
    char *copy = strdup(key), *path = NULL, **found;

    if (*key == '.' || strchr(key, '/')) {
        free(copy);
        return base_fail(e, BASE_VALUE, "key \"%s\" cannot be the name of a file", key);
    }
    found = copy ? tsearch(copy, &s->seen, compare) : NULL;
    if (!found || asprintf(&path, "%s/%s.npy", s->path, key) < 0) {
        if (!found)
            free(copy);
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", s->path);
    }
    if (*found != copy) {
        free(copy);
        base_fail(e, BASE_FORMAT, "key \"%s\" appears twice", key);
    } else {
        nn_npy_write(path, m, e);
    }
    free(path);
    return e->status;
}

static base_status keep_one(sink *s, const nn_matrix *m, base_error *e)
{
    size_t n = (size_t)m->rows * (size_t)m->cols;

    if (s->one.x)
        return base_fail(e, BASE_LIMIT, "%s: a .npy file takes one matrix, and there are more", s->path);
    s->one = (nn_matrix){ malloc((n + 1) * sizeof *m->x), m->rows, m->cols };
    if (!s->one.x)
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", s->path);
    if (n)
        memcpy(s->one.x, m->x, n * sizeof *m->x);
    return BASE_OK;
}

static base_status write_matrix(sink *s, const char *key, const nn_matrix *m, base_error *e)
{
    return s->form == TABLE ? nn_table_write(s->table, key, m, e)
        : s->form == DIRECTORY ? write_to_folder(s, key, m, e) : keep_one(s, m, e);
}

/* A table is not written where nothing came in: an empty one would hide that the head of a pipe failed. */
static void close_sink(sink *s, long done, base_error *e)
{
    if (s->table && done && !e->status)
        nn_table_commit(s->table, e);
    else
        nn_table_abandon(s->table);
    if (s->form == ONE_FILE && !e->status && s->one.x)
        nn_npy_write(s->path, &s->one, e);
    else if (s->form == ONE_FILE && !e->status)
        base_fail(e, BASE_MISSING, "%s: no matrix to write", s->path);
    nn_matrix_free(&s->one);
    tdestroy(s->seen, free);
}

int main(int argc, char **argv)
{
    base_options *po = base_options_new(usage);
    base_error e = BASE_ERROR_INIT;
    source in = { 0 };
    sink out = { 0 };
    const char *key;
    nn_matrix m;
    long done = 0;

    base_options_parse(po, argc, argv, 2, 2);
    if (open_source(&in, base_options_argument(po, 0), &e) == BASE_OK &&
        open_sink(&out, base_options_argument(po, 1), &e) == BASE_OK)
        while (next_matrix(&in, &key, &m, &e) == BASE_OK && key && write_matrix(&out, key, &m, &e) == BASE_OK)
            done++;
    close_sink(&out, done, &e);
    close_source(&in);
    base_options_free(po);
    return e.status ? base_give_up(&e) : base_report("matrix|matrices", done, 0);
}
