/* Utterances by fold or group. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "recipes/score.h"

typedef struct member { const char *name; int64_t utterance; } member;

static int compare(const void *a, const void *b)
{
    const member *x = a, *y = b;
    int order = strcmp(x->name, y->name);

    return order ? order : (x->utterance > y->utterance) - (x->utterance < y->utterance);
}

static base_status allocate(ser_parts *p, int64_t parts, int64_t n, base_error *e)
{
    *p = (ser_parts){ 0 };
    p->name = malloc((size_t)parts * sizeof(*p->name) + 1);
    p->begin = calloc((size_t)parts + 1, sizeof(*p->begin));
    p->order = malloc((size_t)n * sizeof(*p->order) + 1);
    if (p->name && p->begin && p->order)
        return BASE_OK;
    ser_parts_free(p);
    return base_fail(e, BASE_NO_MEMORY, "no memory for the parts of %lld utterances", (long long)n);
}

base_status ser_parts_make(ser_parts *p, const tx_table *by, const char *const *key, int64_t n, base_error *e)
{
    base_status status = allocate(p, n, n, e);
    member *all = malloc((size_t)n * sizeof(*all) + 1);

    if (!all)
        status = base_fail(e, BASE_NO_MEMORY, "no memory for the parts of %lld utterances", (long long)n);
    for (int64_t i = 0; i < n && status == BASE_OK; i++) {
        all[i] = (member){ tx_table_value(by, key[i]), i };
        if (!all[i].name)
            status = base_fail(e, BASE_MISSING, "%s: no entry for \"%s\", which is scored", by->path, key[i]);
    }
    if (status == BASE_OK) {
        qsort(all, (size_t)n, sizeof(*all), compare);
        for (int64_t i = 0; i < n; i++) {
            if (i == 0 || strcmp(all[i - 1].name, all[i].name) != 0)
                p->name[p->n++] = all[i].name;
            p->order[i] = all[i].utterance;
            p->begin[p->n] = i + 1;
        }
    } else {
        ser_parts_free(p);
    }
    free(all);
    return status;
}

base_status ser_parts_whole(ser_parts *p, int64_t n, base_error *e)
{
    base_status status = allocate(p, 1, n, e);

    if (status != BASE_OK)
        return status;
    p->name[0] = "";
    p->n = 1;
    p->begin[1] = n;
    for (int64_t i = 0; i < n; i++)
        p->order[i] = i;
    return BASE_OK;
}

void ser_parts_warn(const ser_parts *p, const tx_table *by, const char *what)
{
    const char **key = malloc((size_t)by->n * sizeof(*key) + 1);
    ser_parts all = { 0 };
    int j = 0;

    for (int64_t i = 0; key && i < by->n; i++)
        key[i] = by->entry[i].key;
    if (key)
        ser_parts_make(&all, by, key, by->n, NULL);
    for (int i = 0; i < all.n; i++) {
        if (j < p->n && strcmp(p->name[j], all.name[i]) == 0)
            j++;
        else
            base_warn("%s: no utterance of %s \"%s\" is scored", by->path, what, all.name[i]);
    }
    ser_parts_free(&all);
    free(key);
}

void ser_parts_free(ser_parts *p)
{
    free(p->name);
    free(p->order);
    free(p->begin);
    *p = (ser_parts){ 0 };
}
