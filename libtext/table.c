/* Kaldi's text tables: a file is read whole, cut into lines, and each line into key and value, in place. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "libtext/table.h"

/* Where faults go: to the caller's function, or, the first one, into e. */
typedef struct teller {
    const char *path;
    tx_fault    fault;
    void       *data;
    base_error *e;
} teller;

/* False: stop here. */
static bool tell(const teller *t, int64_t line, const char *reason)
{
    if (t->fault)
        t->fault(t->data, t->path, line, reason);
    else
        base_fail(t->e, BASE_FORMAT, "%s:%lld: %s", t->path, (long long)line, reason);
    return t->fault != NULL;
}

/* ---- a line ---------------------------------------------------------------------------------------------------- */

/* Cuts line [size], NUL-terminated, into key and value. False: reason says what is wrong. */
static bool parse_line(char *line, size_t size, tx_values values, tx_entry *entry, char reason[TX_REASON])
{
    base_line l;

    if (!base_line_cut(line, size, &l, reason))
        return false;
    entry->key = l.key;
    entry->value = l.rest;
    if (values != TX_ANY && !*l.rest)
        snprintf(reason, TX_REASON, "key \"%.200s\" has no value", l.key);
    else if (values == TX_ONE_WORD && l.rest[strcspn(l.rest, " \t")])
        snprintf(reason, TX_REASON, "\"%.100s\" has the value \"%.200s\", one word expected", l.key, l.rest);
    else
        return true;
    return false;
}

/* ---- order ----------------------------------------------------------------------------------------------------- */

static int compare_keys(const void *a, const void *b)
{
    return strcmp(((const tx_entry *)a)->key, ((const tx_entry *)b)->key);
}

static int compare_lines(const void *a, const void *b)
{
    const tx_entry *x = a, *y = b;
    int order = strcmp(x->key, y->key);

    return order ? order : (x->line > y->line) - (x->line < y->line);
}

static void say_twice(const tx_entry *first, char reason[TX_REASON])
{
    snprintf(reason, TX_REASON, "key \"%.200s\" appears twice (first on line %lld)", first->key,
             (long long)first->line);
}

/* Is the new entry, behind the table's last, in its place? A key that appears twice is told of when all are sorted,
 * unless the first fault ends the reading. */
static bool in_order(const tx_table *t, const tx_entry *entry, const teller *to, char reason[TX_REASON])
{
    const tx_entry *last = t->n > 0 ? &t->entry[t->n - 1] : NULL;
    int order = last ? strcmp(last->key, entry->key) : -1;
    const tx_entry *twin = order < 0 || to->fault ? NULL : tx_table_find(t, entry->key);

    if (order < 0 || (order == 0 && to->fault))
        return true;
    if (twin)
        say_twice(twin, reason);
    else
        snprintf(reason, TX_REASON, "key \"%.150s\" comes after \"%.150s\" (sort with LC_ALL=C)", entry->key,
                 last->key);
    return false;
}

/* Sorts, tells of keys that appear twice and keeps their first lines. */
static bool sort_entries(tx_table *t, const teller *to)
{
    char reason[TX_REASON];
    int64_t kept = 0;

    qsort(t->entry, (size_t)t->n, sizeof(*t->entry), compare_lines);
    for (int64_t i = 0; i < t->n; i++) {
        if (kept == 0 || strcmp(t->entry[kept - 1].key, t->entry[i].key) != 0) {
            t->entry[kept++] = t->entry[i];
            continue;
        }
        say_twice(&t->entry[kept - 1], reason);
        if (!tell(to, t->entry[i].line, reason))
            return false;
    }
    t->n = kept;
    return true;
}

base_status tx_table_sort(tx_table *t, base_error *e)
{
    const teller to = { .path = t->path, .e = e };

    return sort_entries(t, &to) ? BASE_OK : BASE_FORMAT;
}

/* ---- a table --------------------------------------------------------------------------------------------------- */

base_status tx_table_load(tx_table *t, const char *path, size_t *size, base_error *e)
{
    int64_t lines = 1;
    base_status status;

    *t = (tx_table){ 0 };
    status = base_read_named(path, TX_FILE_LIMIT, &t->text, size, e);
    if (status != BASE_OK)
        return status;
    for (size_t i = 0; i < *size; i++)
        lines += t->text[i] == '\n';
    t->path = strdup(strcmp(path, "-") == 0 ? "standard input" : path);
    t->entry = calloc((size_t)lines, sizeof(*t->entry));
    if (t->path && t->entry)
        return BASE_OK;
    tx_table_free(t);
    return base_fail(e, BASE_NO_MEMORY, "%s: no memory for a table of %lld lines", path, (long long)lines);
}

static bool read_lines(tx_table *t, size_t size, tx_values values, const teller *to)
{
    char reason[TX_REASON];
    int64_t number = 1;

    for (char *line = t->text, *all = t->text + size, *end; line < all; line = end + 1, number++) {
        tx_entry *entry = &t->entry[t->n];

        end = memchr(line, '\n', (size_t)(all - line));
        if (!end) {
            if (!tell(to, number, BASE_LINE_NO_END))
                return false;
            end = all;
        }
        *end = '\0';
        *entry = (tx_entry){ .line = number };
        if (!parse_line(line, (size_t)(end - line), values, entry, reason)) {
            if (!tell(to, number, reason))
                return false;
            continue;
        }
        if (!in_order(t, entry, to, reason) && !tell(to, number, reason))
            return false;
        t->n++;
    }
    return true;
}

base_status tx_table_read_faults(tx_table *t, const char *path, tx_values values, tx_fault fault, void *data,
                                 base_error *e)
{
    size_t size;
    base_status status = tx_table_load(t, path, &size, e);
    const teller to = { t->path, fault, data, e };

    if (status == BASE_OK && !(read_lines(t, size, values, &to) && sort_entries(t, &to)))
        status = BASE_FORMAT;
    if (status != BASE_OK)
        tx_table_free(t);
    return status;
}

base_status tx_table_read(tx_table *t, const char *path, tx_values values, base_error *e)
{
    return tx_table_read_faults(t, path, values, NULL, NULL, e);
}

void tx_table_free(tx_table *t)
{
    if (!t)
        return;
    free(t->entry);
    free(t->path);
    free(t->text);
    *t = (tx_table){ 0 };
}

const tx_entry *tx_table_find(const tx_table *t, const char *key)
{
    const tx_entry wanted = { .key = key };

    return t->n ? bsearch(&wanted, t->entry, (size_t)t->n, sizeof(*t->entry), compare_keys) : NULL;
}

const char *tx_table_value(const tx_table *t, const char *key)
{
    const tx_entry *entry = tx_table_find(t, key);

    return entry ? entry->value : NULL;
}

base_status tx_table_same_keys(const tx_table *a, const tx_table *b, base_error *e)
{
    const char *first = NULL, *has = a->path, *lacks = b->path;
    int64_t i = 0, j = 0, differ = 0;

    while (i < a->n || j < b->n) {
        int order = i == a->n ? 1 : j == b->n ? -1 : strcmp(a->entry[i].key, b->entry[j].key);

        if (order != 0 && differ++ == 0) {
            first = order < 0 ? a->entry[i].key : b->entry[j].key;
            has = order < 0 ? a->path : b->path;
            lacks = order < 0 ? b->path : a->path;
        }
        i += order <= 0;
        j += order >= 0;
    }
    if (differ == 0)
        return BASE_OK;
    if (differ == 1)
        return base_fail(e, BASE_MISSING, "key \"%.200s\" is in %s but not in %s", first, has, lacks);
    return base_fail(e, BASE_MISSING, "key \"%.200s\" is in %s but not in %s, and %lld more keys differ", first, has,
                     lacks, (long long)differ - 1);
}
