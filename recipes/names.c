/* What the numbers of a model mean: the labels of each task, sorted by name, and where they are kept. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/utf8.h"
#include "recipes/json.h"
#include "recipes/ser.h"

const char *const ser_task_name[SER_TASKS] = { "emotion", "gender", "style" };
const char *const ser_task_table[SER_TASKS] = { "utt2emo", "utt2gender", "utt2style" };

double ser_lambda(const ser_config *c, ser_task task)
{
    return task == SER_EMOTION ? c->lambda_emotion : task == SER_GENDER ? c->lambda_gender : c->lambda_style;
}

/* Where name stands, or would. */
static int place(const ser_labels *l, const char *name, bool *there)
{
    int low = 0, high = l->n;

    while (low < high) {
        int middle = (low + high) / 2;

        if (strcmp(l->name[middle], name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *there = low < l->n && strcmp(l->name[low], name) == 0;
    return low;
}

int ser_labels_find(const ser_labels *l, const char *name)
{
    bool there;
    int i = place(l, name, &there);

    return there ? i : -1;
}

base_status ser_labels_add(ser_labels *l, const char *name, base_error *e)
{
    bool there;
    int at = place(l, name, &there);
    char **grown, *copy;

    if (there)
        return BASE_OK;
    grown = realloc(l->name, sizeof *grown * ((size_t)l->n + 1));
    if (grown)
        l->name = grown;
    copy = grown ? strdup(name) : NULL;
    if (!copy)
        return base_fail(e, BASE_NO_MEMORY, "labels: out of memory");
    memmove(l->name + at + 1, l->name + at, sizeof *l->name * (size_t)(l->n - at));
    l->name[at] = copy;
    l->n++;
    return BASE_OK;
}

void ser_names_free(ser_names *n)
{
    for (int t = 0; t < SER_TASKS; t++) {
        for (int i = 0; i < n->task[t].n; i++)
            free(n->task[t].name[i]);
        free(n->task[t].name);
    }
    tx_vocab_free(n->vocab);
    tx_wordpiece_free(n->pieces);
    *n = (ser_names){ 0 };
}

/* ---- labels.json ------------------------------------------------------------------------------------------------- */

/* jansson escapes control characters up to U+001F; the others that are not plain stand in strings alone. out: 6 n + 1 bytes. */
static void put_plain(char *out, const char *text, size_t n)
{
    for (int length; n > 0; text += length, n -= (size_t)length) {
        uint32_t c = 0;

        length = base_utf8_decode(text, n, &c);
        if (length < 1 || (c >= ' ' && !base_is_plain(c))) {
            out += snprintf(out, 7, "\\u%04x", length ? c : 0xFFFD);
        } else {
            memcpy(out, text, (size_t)length);
            out += length;
        }
        length += !length;
    }
    *out = '\0';
}

/* A stream in memory gives no text when closing it finds no memory, and does not tell. */
char *ser_json_text(const json_t *j, size_t flags)
{
    char *raw = NULL, *text;
    size_t n = 0;
    FILE *f = open_memstream(&raw, &n);
    bool ok = f && j && json_dumpf(j, f, flags) == 0 && !ferror(f);

    ok = f && fclose(f) == 0 && raw && ok;
    text = ok ? malloc(6 * n + 1) : NULL;
    if (text)
        put_plain(text, raw, n);
    free(raw);
    return text;
}

/* NULL: no memory. */
static json_t *list_of(const ser_labels *l)
{
    json_t *list = json_array();

    for (int i = 0; i < l->n && list; i++)
        if (json_array_append_new(list, json_string(l->name[i]))) {
            json_decref(list);
            list = NULL;
        }
    return list;
}

char *ser_names_text(const ser_names *n)
{
    json_t *all = json_object();
    bool ok = all != NULL;
    char *text;

    for (int t = 0; t < SER_TASKS && ok; t++)
        if (n->task[t].n)
            ok = json_object_set_new(all, ser_task_name[t], list_of(&n->task[t])) == 0;
    text = ok ? ser_json_text(all, JSON_COMPACT) : NULL;
    json_decref(all);
    return text;
}

static base_status read_labels(ser_labels *l, const json_t *list, const char *path, const char *task, base_error *e)
{
    const json_t *item;
    size_t i;

    if (!json_is_array(list) || json_array_size(list) == 0)
        return base_fail(e, BASE_FORMAT, "%s: \"%s\" is not a list of labels", path, task);
    json_array_foreach(list, i, item) {
        int had = l->n;

        if (!json_is_string(item))
            return base_fail(e, BASE_FORMAT, "%s: \"%s\": label %zu is not a string", path, task, i + 1);
        if (ser_labels_add(l, json_string_value(item), e))
            return e ? e->status : BASE_NO_MEMORY;
        if (l->n == had || strcmp(l->name[had], json_string_value(item)) != 0)
            return base_fail(e, BASE_FORMAT, "%s: \"%s\": label %zu, \"%s\", is not behind the one before it in sorted order",
                path, task, i + 1, json_string_value(item));
    }
    return BASE_OK;
}

base_status ser_names_read(ser_names *n, const char *path, base_error *e)
{
    json_t *all = base_json_read(path, SER_MOST_JSON, e);
    base_status status = BASE_OK;

    *n = (ser_names){ 0 };
    if (!all)
        return e ? e->status : BASE_FORMAT;
    for (int t = 0; t < SER_TASKS && !status; t++) {
        const json_t *list = json_object_get(all, ser_task_name[t]);

        if (list)
            status = read_labels(&n->task[t], list, path, ser_task_name[t], e);
    }
    json_decref(all);
    if (status)
        ser_names_free(n);
    return status;
}
