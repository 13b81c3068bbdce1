/* trn and ctm, the formats of NIST's scoring toolkit, read into tables and written a line at a time. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/c_locale.h"
#include "base/error.h"
#include "libtext/buffer.h"
#include "libtext/table.h"

#define CTM_FIELDS 6

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/* Cuts the white space off both ends, in place. */
static char *trim(char *line)
{
    size_t n;

    while (is_blank(*line))
        line++;
    n = strlen(line);
    while (n > 0 && is_blank(line[n - 1]))
        n--;
    line[n] = '\0';
    return line;
}

/* A comment (;;) or nothing. */
static bool is_idle(const char *line) { return !*line || strncmp(line, ";;", 2) == 0; }

/* Cuts the file that t holds into lines and hands each that says something to take. */
static base_status each_line(tx_table *t, size_t size,
                             base_status (*take)(void *data, char *line, int64_t number, base_error *e), void *data,
                             base_error *e)
{
    base_status status = strncmp(t->text, "\xef\xbb\xbf", 3) ? tx_utf8_check(t->path, 1, t->text, size, e)
        : base_fail(e, BASE_FORMAT, "%s:1: byte order mark before the first line", t->path);
    int64_t number = 1;

    for (char *line = t->text, *next; line && status == BASE_OK; line = next, number++) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        line = trim(line);
        if (!is_idle(line))
            status = take(data, line, number, e);
    }
    return status;
}

/* ---- trn ------------------------------------------------------------------------------------------------------- */

void tx_trn_write(FILE *f, const char *key, const char *words)
{
    fprintf(f, "%s%s(%s)\n", words, *words ? " " : "", key);
}

static base_status take_trn(void *data, char *line, int64_t number, base_error *e)
{
    tx_table *t = data;
    char *open = strrchr(line, '('), *close = line + strlen(line) - 1;

    if (!open || *close != ')' || close == open + 1)
        return base_fail(e, BASE_FORMAT, "%s:%lld: a key in parentheses expected at the end", t->path,
                         (long long)number);
    *close = *open = '\0';
    t->entry[t->n++] = (tx_entry){ open + 1, trim(line), number };
    return BASE_OK;
}

base_status tx_trn_read(tx_table *t, const char *path, base_error *e)
{
    size_t size;
    base_status status = tx_table_load(t, path, &size, e);

    if (status == BASE_OK)
        status = each_line(t, size, take_trn, t, e);
    if (status == BASE_OK)
        status = tx_table_sort(t, e);
    if (status != BASE_OK)
        tx_table_free(t);
    return status;
}

/* ---- ctm ------------------------------------------------------------------------------------------------------- */

void tx_ctm_write(FILE *f, const char *key, const char *channel, double begin, double duration, const char *word,
    double confidence)
{
    base_fprintf(f, "%s %s %.2f %.2f %s", key, channel, begin, duration, word);
    if (!isnan(confidence))
        base_fprintf(f, " %.3f", confidence);
    fputc('\n', f);
}

typedef struct ctm_word {
    const char *key, *word;
    double      begin;
    int64_t     line;
} ctm_word;

typedef struct ctm {
    const char *path;
    ctm_word   *word;   /* [n] */
    int64_t     n;
} ctm;

static bool read_seconds(const char *field, double *value)
{
    char *end;

    *value = base_strtod(field, &end);
    return end > field && *end == '\0' && isfinite(*value) && *value >= 0;
}

static base_status take_ctm(void *data, char *line, int64_t number, base_error *e)
{
    ctm *c = data;
    char *field[CTM_FIELDS + 1], *save;
    double begin, duration;
    int n = 0;

    for (char *s = strtok_r(line, " \t", &save); s && n <= CTM_FIELDS; s = strtok_r(NULL, " \t", &save))
        field[n++] = s;
    if (n != 5 && n != 6)
        return base_fail(e, BASE_FORMAT,
                         "%s:%lld: key, channel, begin, duration, word and perhaps a confidence expected", c->path,
                         (long long)number);
    if (!read_seconds(field[2], &begin) || !read_seconds(field[3], &duration))
        return base_fail(e, BASE_FORMAT, "%s:%lld: \"%s %s\" found, begin and duration in seconds expected", c->path,
            (long long)number, field[2], field[3]);
    c->word[c->n++] = (ctm_word){ field[0], field[4], begin, number };
    return BASE_OK;
}

static int compare_words(const void *a, const void *b)
{
    const ctm_word *x = a, *y = b;
    int order = strcmp(x->key, y->key);

    if (order == 0)
        order = (x->begin > y->begin) - (x->begin < y->begin);
    return order ? order : (x->line > y->line) - (x->line < y->line);
}

/* Joins the sorted words of each key and makes them t's text. */
static base_status join(tx_table *t, const ctm *c, base_error *e)
{
    tx_buffer b = { 0 };
    char *text;

    for (int64_t i = 0; i < c->n; i++) {
        bool first = i == 0 || strcmp(c->word[i - 1].key, c->word[i].key) != 0;

        if (first)
            tx_buffer_add(&b, c->word[i].key, strlen(c->word[i].key) + 1);
        else if (b.s)
            b.s[b.n - 1] = ' ';
        tx_buffer_add(&b, c->word[i].word, strlen(c->word[i].word) + 1);
    }
    text = tx_buffer_take(&b, e);
    if (!text)
        return BASE_NO_MEMORY;
    t->n = 0;
    for (char *s = text, *end = text + b.n; s < end; t->n++) {
        tx_entry *entry = &t->entry[t->n];

        entry->key = s;
        entry->value = s += strlen(s) + 1;
        s += strlen(s) + 1;
    }
    free(t->text);
    t->text = text;
    return BASE_OK;
}

base_status tx_ctm_read(tx_table *t, const char *path, base_error *e)
{
    size_t size;
    base_status status = tx_table_load(t, path, &size, e);
    ctm c = { .path = t->path };
    size_t lines = 1;

    if (status != BASE_OK)
        return status;
    for (const char *s = t->text; (s = strchr(s, '\n')) != NULL; s++)
        lines++;
    c.word = malloc(lines * sizeof(*c.word));
    if (!c.word)
        status = base_fail(e, BASE_NO_MEMORY, "%s: no memory for its words", path);
    if (status == BASE_OK)
        status = each_line(t, size, take_ctm, &c, e);
    if (status == BASE_OK) {
        qsort(c.word, (size_t)c.n, sizeof(*c.word), compare_words);
        status = join(t, &c, e);
    }
    free(c.word);
    if (status != BASE_OK)
        tx_table_free(t);
    return status;
}
