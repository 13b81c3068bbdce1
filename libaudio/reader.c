/* wav.scp and segments, read and checked whole before the first sound is opened. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/c_locale.h"
#include "base/file.h"
#include "base/line.h"
#include "libaudio/source.h"

#define MAX_TABLE ((size_t)1 << 30)     /* bytes of wav.scp or segments */

/* A line of a table: key and the rest, both inside the table's text. */
typedef struct line {
    const char *key;
    char       *rest;
} line;

/* A file of lines "key rest" in ascending order of keys. */
typedef struct table {
    char   *path, *text;
    line   *lines;      /* lines[i] is line i + 1 of the file */
    int64_t n;
} table;

typedef struct segment {
    int64_t recording;
    au_cut  cut;
} segment;

struct au_reader {
    au_read_options o;
    table     wav, seg;         /* seg.lines NULL: every recording is one utterance */
    segment  *segments;
    au_source source;           /* of recording `open`, -1: none */
    int64_t   open, next;
};

static void table_free(table *t)
{
    free(t->path);
    free(t->text);
    free(t->lines);
}

/* Takes the line p [size] into the table. */
static base_status split(table *t, char *p, size_t size, base_error *e)
{
    line *l = &t->lines[t->n], *before = t->n ? l - 1 : NULL;
    char reason[BASE_LINE_REASON];
    base_line cut;
    int order;

    if (!base_line_cut(p, size, &cut, reason))
        return base_fail(e, BASE_FORMAT, "%s:%" PRId64 ": %s", t->path, t->n + 1, reason);
    *l = (line){ cut.key, cut.rest };
    if (!*l->rest)
        return base_fail(e, BASE_FORMAT, "%s:%" PRId64 ": a key and a value expected, found \"%s\"", t->path, t->n + 1, p);
    order = before ? strcmp(before->key, l->key) : -1;
    if (order == 0)
        return base_fail(e, BASE_FORMAT, "%s:%" PRId64 ": key \"%s\" appears twice (first on line %" PRId64 ")", t->path,
            t->n + 1, l->key, t->n);
    if (order > 0)
        return base_fail(e, BASE_FORMAT, "%s:%" PRId64 ": key \"%s\" behind \"%s\": not sorted (LC_ALL=C sort)", t->path,
            t->n + 1, l->key, before->key);
    t->n++;
    return BASE_OK;
}

static base_status table_read(table *t, const char *path, base_error *e)
{
    base_status status;
    size_t size, count = 1;
    char *p, *end;

    if ((status = base_read_named(path, MAX_TABLE, &t->text, &size, e)))
        return status;
    for (size_t i = 0; i < size; i++)
        count += t->text[i] == '\n';
    t->path = strdup(path);
    t->lines = calloc(count, sizeof(line));
    if (!t->path || !t->lines)
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path);
    for (p = t->text; p < t->text + size; p = end + 1) {
        size_t left = (size_t)(t->text + size - p);

        if (!(end = memchr(p, '\n', left)))
            return base_fail(e, BASE_FORMAT, "%s:%" PRId64 ": " BASE_LINE_NO_END, path, t->n + 1);
        *end = '\0';
        if ((status = split(t, p, (size_t)(end - p), e)))
            return status;
    }
    return t->n ? BASE_OK : base_fail(e, BASE_FORMAT, "%s: empty file", path);
}

static int64_t table_find(const table *t, const char *key)
{
    int64_t low = 0, high = t->n;

    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        int order = strcmp(key, t->lines[middle].key);

        if (order == 0)
            return middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

/* The next word of *p, in place; NULL at the end. */
static char *word(char **p)
{
    char *w = *p + strspn(*p, " \t");

    *p = w + strcspn(w, " \t");
    if (**p)
        *(*p)++ = '\0';
    return *w ? w : NULL;
}

static bool number(const char *text, double *v)
{
    char *end;

    *v = text ? base_strtod(text, &end) : 0.0;
    return text && !*end && end != text && fabs(*v) < 1e9;
}

static base_status parse_segment(const table *wav, const table *seg, int64_t i, segment *s, base_error *e)
{
    char *p = seg->lines[i].rest, *recording = word(&p);
    const char *begin = word(&p), *end = word(&p), *channel = word(&p), *more = word(&p);
    double c = -1.0;

    if (!number(begin, &s->cut.begin) || !number(end, &s->cut.end) || (channel && !number(channel, &c)) || more)
        return base_fail(e, BASE_FORMAT, "%s:%" PRId64 ": \"key recording start end [channel]\" expected", seg->path, i + 1);
    if (s->cut.begin < 0 || (s->cut.end != -1.0 && s->cut.end <= s->cut.begin))
        return base_fail(e, BASE_VALUE, "%s:%" PRId64 ": segment from %g to %g s", seg->path, i + 1, s->cut.begin, s->cut.end);
    if (channel && (c < 0 || c >= 1024 || c != floor(c)))
        return base_fail(e, BASE_VALUE, "%s:%" PRId64 ": channel %s", seg->path, i + 1, channel);
    s->cut.channel = (int)c;
    s->recording = table_find(wav, recording);
    if (s->recording < 0)
        return base_fail(e, BASE_MISSING, "%s:%" PRId64 ": recording \"%s\" is not in %s", seg->path, i + 1, recording, wav->path);
    return BASE_OK;
}

static base_status load(au_reader *r, const char *rspecifier, const char *segments, base_error *e)
{
    base_status status;

    if (!strncmp(rspecifier, "ark:", 4) || !strncmp(rspecifier, "ark,", 4))
        return base_fail(e, BASE_UNSUPPORTED, "%s: sound comes from scp:FILE, not from archives", rspecifier);
    if ((status = table_read(&r->wav, rspecifier + (strncmp(rspecifier, "scp:", 4) ? 0 : 4), e)))
        return status;
    if (!segments)
        return BASE_OK;
    if ((status = table_read(&r->seg, segments, e)))
        return status;
    if (!(r->segments = calloc((size_t)r->seg.n, sizeof(segment))))
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", segments);
    for (int64_t i = 0; i < r->seg.n && !status; i++)
        status = parse_segment(&r->wav, &r->seg, i, &r->segments[i], e);
    return status;
}

au_reader *au_reader_open(const char *rspecifier, const char *segments, const au_read_options *o, base_error *e)
{
    static const au_read_options defaults = AU_READ_DEFAULTS;
    au_reader *r = calloc(1, sizeof(*r));

    if (!r) {
        base_fail(e, BASE_NO_MEMORY, "%s: out of memory", rspecifier);
        return NULL;
    }
    r->o = o ? *o : defaults;
    r->source.bytes.fd = -1;
    r->open = -1;
    if (load(r, rspecifier, segments, e)) {
        au_reader_close(r);
        return NULL;
    }
    return r;
}

void au_reader_close(au_reader *r)
{
    if (!r)
        return;
    au_source_close(&r->source);
    table_free(&r->wav);
    table_free(&r->seg);
    free(r->segments);
    free(r);
}

static const table *utterances(const au_reader *r) { return r->segments ? &r->seg : &r->wav; }

int64_t au_reader_count(const au_reader *r) { return utterances(r)->n; }
const char *au_reader_key(const au_reader *r, int64_t i) { return utterances(r)->lines[i].key; }
int64_t au_reader_find(const au_reader *r, const char *key) { return table_find(utterances(r), key); }

base_status au_reader_read(au_reader *r, int64_t i, au_audio *a, base_error *e)
{
    segment s = r->segments ? r->segments[i] : (segment){ i, AU_WHOLE };
    base_status status = BASE_OK;

    memset(a, 0, sizeof(*a));
    if (r->open != s.recording) {
        au_source_close(&r->source);
        r->open = -1;
        status = au_source_open(&r->source, r->wav.lines[s.recording].rest, r->segments != NULL, &r->o, e);
        if (!status)
            r->open = s.recording;
    }
    if (!status)
        status = au_source_read(&r->source, &s.cut, &r->o, a, e);
    if (status)
        base_fail_in(e, "%s:%" PRId64 ": %s", utterances(r)->path, i + 1, au_reader_key(r, i));
    return status;
}

base_status au_reader_next(au_reader *r, const char **key, au_audio *a, base_error *e)
{
    if (r->next >= au_reader_count(r)) {
        memset(a, 0, sizeof(*a));
        *key = NULL;
        return BASE_OK;
    }
    *key = au_reader_key(r, r->next);
    return au_reader_read(r, r->next++, a, e);
}
