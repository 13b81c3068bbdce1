/* A vocabulary of WordPieces from texts, for a small BERT trained from scratch. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "libtext/wordpiece.h"

typedef struct word { char *text; int64_t count; } word;
typedef struct words { word *at; int64_t n, room; } words;

static base_status collect(void *data, const char *s, int n, base_error *e)
{
    words *w = data;

    if (w->n == w->room) {
        int64_t room = w->room ? 2 * w->room : 1024;
        word *more = realloc(w->at, (size_t)room * sizeof *more);

        if (!more)
            return base_fail(e, BASE_NO_MEMORY, "no memory for %lld words", (long long)room);
        w->at = more;
        w->room = room;
    }
    w->at[w->n] = (word){ strndup(s, (size_t)n), 1 };
    return w->at[w->n++].text ? BASE_OK : base_fail(e, BASE_NO_MEMORY, "no memory for words");
}

static int by_text(const void *a, const void *b) { return strcmp(((const word *)a)->text, ((const word *)b)->text); }

static int by_count(const void *a, const void *b)
{
    const word *x = a, *y = b;

    return x->count != y->count ? (x->count > y->count ? -1 : 1) : strcmp(x->text, y->text);
}

/* Equal words become one with their count. */
static void merge(words *w)
{
    int64_t n = 0;

    if (w->n)
        qsort(w->at, (size_t)w->n, sizeof *w->at, by_text);
    for (int64_t i = 0; i < w->n; i++)
        if (n && !strcmp(w->at[n - 1].text, w->at[i].text)) {
            w->at[n - 1].count += w->at[i].count;
            free(w->at[i].text);
        } else {
            w->at[n++] = w->at[i];
        }
    w->n = n;
}

static void drop(words *w)
{
    for (int64_t i = 0; i < w->n; i++)
        free(w->at[i].text);
    free(w->at);
}

static base_status cut(const tx_table *texts, words *all, base_error *e)
{
    tx_wordpiece w = { TX_WORDPIECE_RULES, .word = collect, .data = all };
    base_status status = BASE_OK;
    tx_labels none;

    for (int64_t i = 0; i < texts->n && !status; i++) {
        status = tx_wordpiece_encode(&w, texts->entry[i].value, strlen(texts->entry[i].value), false, &none, e);
        if (!status)
            tx_labels_free(&none);
    }
    return status;
}

/* Every character of the words, once. */
static base_status spell(const words *all, words *characters, base_error *e)
{
    for (int64_t i = 0; i < all->n; i++)
        for (const char *p = all->at[i].text, *q; *p; p = q) {
            q = p;
            tx_utf8_next(&q);
            if (collect(characters, p, (int)(q - p), e))
                return e->status;
        }
    merge(characters);
    return BASE_OK;
}

base_status tx_wordpiece_build(const tx_table *texts, int least, const char *path, base_error *e)
{
    words all = { 0 }, characters = { 0 };
    base_error own = BASE_ERROR_INIT;
    base_out o;

    e = e ? e : &own;
    if (!cut(texts, &all, e)) {
        merge(&all);
        if (!spell(&all, &characters, e) && !base_out_open(&o, path, e)) {
            qsort(all.at, (size_t)all.n, sizeof *all.at, by_count);
            fputs("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n", o.f);
            for (int64_t i = 0; i < characters.n; i++)
                fprintf(o.f, "%s\n##%s\n", characters.at[i].text, characters.at[i].text);
            for (int64_t i = 0; i < all.n; i++)
                if (all.at[i].count >= least && tx_utf8_count(all.at[i].text) > 1)
                    fprintf(o.f, "%s\n", all.at[i].text);
            base_out_commit(&o, e);
        }
    }
    drop(&all);
    drop(&characters);
    return e->status;
}
