/* What is in a file of sound: the bytes to show a decoder. Most formats are libsndfile's own business. Of a WAV file it is
 * shown format and sound alone, because its reading of the chunks between fails on some that other programs take; MP3,
 * also inside WAV, goes to mpg123; and files that are several joined become parts. */
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "libaudio/source.h"

const char *au_note_text(au_note note)
{
    static const char *const texts[AU_NOTES] = {
        [AU_NOTE_LENGTH] = "this format does not tell how long a sound is: if the file was cut off, nothing shows it",
        [AU_NOTE_LAST_FRAME] = "the last MPEG frame is cut off; what is in front of it was read",
        [AU_NOTE_LAST_PAGE] = "the last Ogg page is not marked as the end: the file may be cut off",
    };

    return note > AU_NO_NOTE && note < AU_NOTES ? texts[note] : NULL;
}

au_part *au_parts_add(au_parts *p, int64_t begin, int64_t end, const char *name, base_error *e)
{
    au_part *part = realloc(p->part, (size_t)(p->n + 1) * sizeof *part);

    if (!part) {
        base_fail(e, BASE_NO_MEMORY, "%s: out of memory", name);
        return NULL;
    }
    p->part = part;
    part += p->n++;
    *part = (au_part){ .begin = begin, .end = end };
    return part;
}

void au_parts_free(au_parts *p)
{
    free(p->part);
    *p = (au_parts){ 0 };
}

static void put(au_part *part, const char *name, int64_t size, bool big)
{
    memcpy(part->head + part->n_head, name, 4);
    for (int i = 0; i < 4; i++)
        part->head[part->n_head + 4 + i] = (unsigned char)(size >> 8 * (big ? 3 - i : i));
    part->n_head += 8;
}

static void copy(au_part *part, const au_bytes *b, int64_t at, int64_t n)
{
    part->n_head += (int)au_bytes_some(b, at, part->head + part->n_head, n);
}

/* RIFF with "fmt ", "fact" and "data". */
static void make_head(au_part *part, const au_bytes *b, const au_riff *r)
{
    int64_t size = part->end - part->begin;

    put(part, r->big ? "RIFX" : "RIFF", 4 + 8 + r->fmt_size + (r->fmt_size & 1) + (r->fact ? 12 : 0) + 8 + size, r->big);
    memcpy(part->head + part->n_head, "WAVE", 4);
    part->n_head += 4;
    put(part, "fmt ", r->fmt_size, r->big);
    copy(part, b, r->fmt, r->fmt_size);
    part->n_head += (int)(r->fmt_size & 1);
    if (r->fact) {
        put(part, "fact", 4, r->big);
        copy(part, b, r->fact, 4);
    }
    put(part, "data", size, r->big);
}

static bool is_mpeg(const au_riff *r, const au_bytes *b)
{
    unsigned char tag[2];

    return !r->big && au_bytes_get(b, r->fmt, tag, 2) && tag[1] == 0 && (tag[0] == 0x50 || tag[0] == 0x55);
}

static base_status riff_parts(au_parts *p, const au_bytes *b, const au_riff *r, const char *name, base_error *e)
{
    int64_t end = r->data_size < 0 ? b->size : base_min_i64(r->data + r->data_size, b->size);
    bool usual = r->fmt && r->data && r->fmt_size <= 400 && r->fmt + r->fmt_size <= b->size && end - r->data < INT64_C(0x7f000000);
    au_part *part;

    if (usual && end > r->data && is_mpeg(r, b))
        return au_mpeg_parts(p, b, r->data, end, name, e);
    part = usual ? au_parts_add(p, r->data, end, name, e) : au_parts_add(p, 0, b->size, name, e);
    if (part && usual)
        make_head(part, b, r);
    return part ? BASE_OK : BASE_NO_MEMORY;
}

base_status au_parts_find(au_parts *p, const au_bytes *b, const char *name, base_error *e)
{
    base_status status = au_check_size(b, name, e);
    unsigned char head[4] = { 0 };
    au_riff r;

    *p = (au_parts){ 0 };
    if (status)
        return status;
    au_bytes_some(b, 0, head, 4);
    if (!memcmp(head, "OggS", 4))
        status = au_ogg_parts(p, b, name, e);
    else if (au_riff_find(&r, b))
        status = riff_parts(p, b, &r, name, e);
    else if (au_mpeg_begins(b))
        status = au_mpeg_parts(p, b, 0, b->size, name, e);
    else
        status = au_parts_add(p, 0, b->size, name, e) ? BASE_OK : BASE_NO_MEMORY;
    if (status)
        au_parts_free(p);
    return status;
}
