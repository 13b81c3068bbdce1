/* Ogg's pages (RFC 3533), walked by libogg: every page must be there and whole, which decoders do not ask for, and streams
 * that follow each other ("chained") become parts. */
#include <inttypes.h>

#include <ogg/ogg.h>

#include "base/parallel.h"
#include "libaudio/source.h"

#define STREAMS 16
#define BLOCK 65536

typedef struct stream {
    int  serial;
    long page;          /* number of the last one */
    bool ended;
} stream;

typedef struct walk {
    au_parts   *parts;
    const char *name;
    int64_t     at;             /* of the next page */
    stream      stream[STREAMS];    /* of the part that is open */
    int         n;
    bool        heads;          /* only first pages until now */
} walk;

static void end_part(walk *w)
{
    for (int i = 0; i < w->n; i++)
        if (!w->stream[i].ended)
            w->parts->note = AU_NOTE_LAST_PAGE;
    if (w->parts->n)
        w->parts->part[w->parts->n - 1].end = w->at;
    w->n = 0;
}

static base_status begin_stream(walk *w, const ogg_page *g, base_error *e)
{
    if (!w->heads) {
        end_part(w);
        if (!au_parts_add(w->parts, w->at, w->at, w->name, e))
            return BASE_NO_MEMORY;
    }
    w->heads = true;
    if (w->n == STREAMS)
        return base_fail(e, BASE_UNSUPPORTED, "%s: more than %d Ogg streams at once", w->name, STREAMS);
    w->stream[w->n++] = (stream){ ogg_page_serialno(g), ogg_page_pageno(g), ogg_page_eos(g) };
    return BASE_OK;
}

static base_status take_page(walk *w, const ogg_page *g, base_error *e)
{
    int i = 0;

    if (ogg_page_bos(g))
        return begin_stream(w, g, e);
    w->heads = false;
    while (i < w->n && w->stream[i].serial != ogg_page_serialno(g))
        i++;
    if (i == w->n)
        return base_fail(e, BASE_FORMAT, "%s: damaged: byte %" PRId64 ": a page of an Ogg stream that did not begin", w->name, w->at);
    if (ogg_page_pageno(g) != w->stream[i].page + 1)
        return base_fail(e, BASE_FORMAT, "%s: damaged: byte %" PRId64 ": page %ld of an Ogg stream behind page %ld", w->name,
            w->at, ogg_page_pageno(g), w->stream[i].page);
    w->stream[i].page++;
    w->stream[i].ended |= ogg_page_eos(g) != 0;
    return BASE_OK;
}

static base_status take_pages(walk *w, ogg_sync_state *sync, base_error *e)
{
    base_status status = BASE_OK;
    ogg_page page;
    long n;

    while (!status && (n = ogg_sync_pageseek(sync, &page)) != 0) {
        if (n < 0)
            return base_fail(e, BASE_FORMAT, "%s: damaged: byte %" PRId64 ": no whole Ogg page", w->name, w->at);
        status = take_page(w, &page, e);
        w->at += n;
    }
    return status;
}

base_status au_ogg_parts(au_parts *p, const au_bytes *b, const char *name, base_error *e)
{
    walk w = { .parts = p, .name = name };
    base_status status = BASE_OK;
    ogg_sync_state sync;

    ogg_sync_init(&sync);
    for (int64_t at = 0, n; at < b->size && !status; at += n) {
        char *to = ogg_sync_buffer(&sync, BLOCK);

        n = to ? au_bytes_some(b, at, to, BLOCK) : 0;
        if (n <= 0)
            status = base_fail(e, to ? BASE_IO : BASE_NO_MEMORY, to ? "%s: cannot be read" : "%s: out of memory", name);
        else if (ogg_sync_wrote(&sync, n) == 0)
            status = take_pages(&w, &sync, e);
    }
    ogg_sync_clear(&sync);
    if (!status && w.at < b->size)
        status = base_fail(e, BASE_FORMAT, "%s: truncated: its last Ogg page, from byte %" PRId64 " on, is not whole", name, w.at);
    if (!status)
        end_part(&w);
    return status;
}
