/* References and hypotheses brought together by key. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/number.h"
#include "recipes/score.h"

ser_mode ser_mode_of(const char *word)
{
    return strcmp(word, "all") == 0 ? SER_ALL : strcmp(word, "present") == 0 ? SER_PRESENT : SER_STRICT;
}

static base_status refuse(const ser_pairs *p, const tx_table *ref, const tx_table *hyp, base_error *e)
{
    if (p->missing > 0)
        return base_fail(e, BASE_MISSING,
                         "%s: no entry for \"%s\" of %s; %lld of %lld keys are missing (--mode=present scores "
                         "without them)",
                         hyp->path, p->first_missing, ref->path, (long long)p->missing, (long long)ref->n);
    return base_fail(e, BASE_MISSING, "%s: \"%s\" is not in %s; %s too many (--mode=present ignores what is extra)",
                     hyp->path, p->first_extra, ref->path, base_count(p->extra, "key"));
}

base_status ser_pairs_make(ser_pairs *p, const tx_table *ref, const tx_table *hyp, ser_mode mode, base_error *e)
{
    base_status status = BASE_OK;
    int64_t i = 0, j = 0;

    *p = (ser_pairs){ .pair = malloc((size_t)ref->n * sizeof(*p->pair) + 1) };
    if (!p->pair)
        return base_fail(e, BASE_NO_MEMORY, "no memory for %lld utterances", (long long)ref->n);
    while (i < ref->n || j < hyp->n) {
        const tx_entry *r = ref->entry + i, *h = hyp->entry + j;
        int order = i == ref->n ? 1 : j == hyp->n ? -1 : strcmp(r->key, h->key);

        if (order < 0 && p->missing++ == 0)
            p->first_missing = r->key;
        if (order > 0 && p->extra++ == 0)
            p->first_extra = h->key;
        if (order == 0 || (order < 0 && mode == SER_ALL))
            p->pair[p->n++] = (ser_pair){ r, order == 0 ? h : NULL };
        i += order <= 0;
        j += order >= 0;
    }
    if (mode == SER_STRICT && (p->missing || p->extra))
        status = refuse(p, ref, hyp, e);
    else if (p->n == 0)
        status =
            base_fail(e, BASE_MISSING, "%s and %s have no utterance in common: nothing to score", ref->path, hyp->path);
    if (status != BASE_OK)
        ser_pairs_free(p);
    return status;
}

void ser_pairs_free(ser_pairs *p)
{
    free(p->pair);
    *p = (ser_pairs){ 0 };
}

/* ---- tables of answers ------------------------------------------------------------------------------------------- */

static base_status read_one(ser_answers *a, const char *path, tx_values values, base_error *e)
{
    tx_table *more = realloc(a->table, ((size_t)a->n + 1) * sizeof(*more));

    if (!more)
        return base_fail(e, BASE_NO_MEMORY, "no memory for a table");
    a->table = more;
    a->table[a->n] = (tx_table){ 0 };
    return tx_table_read(&a->table[a->n++], path, values, e);
}

static base_status read_list(ser_answers *a, const char *paths, tx_values values, base_error *e)
{
    char *list = strdup(paths), *rest = list;

    if (!list)
        return base_fail(e, BASE_NO_MEMORY, "no memory for a list of tables");
    if (base_exists(paths))
        read_one(a, paths, values, e);
    else
        for (char *path; e->status == BASE_OK && (path = strsep(&rest, ","));)
            read_one(a, path, values, e);
    free(list);
    return e->status;
}

base_status ser_answers_read(ser_answers *a, const char *ours, const char *others, tx_values values, base_error *e)
{
    *a = (ser_answers){ 0 };
    read_list(a, ours, values, e);
    a->ours = a->n;
    if (*others && e->status == BASE_OK)
        read_list(a, others, values, e);
    return e->status;
}

void ser_answers_free(ser_answers *a)
{
    for (int i = 0; i < a->n; i++)
        tx_table_free(&a->table[i]);
    free(a->table);
    *a = (ser_answers){ 0 };
}

base_status ser_answers_pair(ser_pairs *p, const tx_table *ref, const ser_answers *a, int i, ser_mode mode,
    const ser_pairs *first, base_error *e)
{
    int64_t j = 0;

    if (ser_pairs_make(p, ref, &a->table[i], mode, e) != BASE_OK)
        return e->status;
    while (j < p->n && j < first->n && p->pair[j].ref == first->pair[j].ref)
        j++;
    if (j < p->n || j < first->n)
        base_fail(e, BASE_MISMATCH, "%s and %s do not have the same utterances; the first that only one has is \"%.200s\"",
            a->table[0].path, a->table[i].path, (j < p->n ? p : first)->pair[j].ref->key);
    return e->status;
}
