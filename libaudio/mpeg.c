/* MPEG audio (ISO 11172-3, 13818-3) frame by frame: how many there are, whether they follow each other without a gap, and
 * whether there are as many as the encoder's frame of information ("Xing", "Info") says. Decoders look for the next frame
 * when something is damaged, stop where the frame of information says, and tell nobody. */
#include <inttypes.h>
#include <string.h>

#include "base/parallel.h"
#include "libaudio/source.h"

#define BLOCK 65536

typedef struct frame {
    int version, layer, rate, channels;     /* version 1, 2, or 3 for 2.5 */
    int samples, bytes;
} frame;

typedef struct walk {
    const au_bytes *bytes;
    const char     *name;
    int64_t         at, end;
    unsigned char   block[BLOCK];       /* bytes from `first` on */
    int64_t         first, n;
    frame           like;               /* the first frame */
    int64_t         promised;           /* frames of the part that is open; -1: not told */
} walk;

/* n bytes (at most 200) at `at`; NULL: not there. */
static const unsigned char *peek(walk *w, int64_t at, int64_t n)
{
    if (at < 0 || at > w->end - n)
        return NULL;
    if (at < w->first || at + n > w->first + w->n) {
        w->first = at;
        w->n = au_bytes_some(w->bytes, at, w->block, base_min_i64(BLOCK, w->end - at));
    }
    return at + n <= w->first + w->n ? w->block + (at - w->first) : NULL;
}

/* ---- frames ----------------------------------------------------------------------------------------------------- */

static bool parse(const unsigned char h[4], frame *f)
{
    static const int rates[] = { 44100, 48000, 32000 };
    static const int kbits[5][15] = {       /* MPEG 1, layers I to III; MPEG 2, layer I, then II and III */
        { 0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448 },
        { 0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384 },
        { 0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320 },
        { 0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256 },
        { 0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160 },
    };
    int version = h[1] >> 3 & 3, layer = 4 - (h[1] >> 1 & 3), kbit = h[2] >> 4, rate = h[2] >> 2 & 3, padding = h[2] >> 1 & 1;

    if (h[0] != 0xff || (h[1] & 0xe0) != 0xe0 || version == 1 || layer == 4 || kbit == 15 || rate == 3)
        return false;
    f->version = version == 3 ? 1 : version == 2 ? 2 : 3;
    f->layer = layer;
    f->channels = h[3] >> 6 == 3 ? 1 : 2;
    f->rate = rates[rate] >> (f->version - 1);
    f->samples = layer == 1 ? 384 : layer == 3 && f->version > 1 ? 576 : 1152;
    kbit = kbits[f->version == 1 ? layer - 1 : layer == 1 ? 3 : 4][kbit];
    if (layer == 1)
        f->bytes = (12000 * kbit / f->rate + padding) * 4;
    else
        f->bytes = f->samples / 8 * 1000 * kbit / f->rate + padding;
    return true;
}

static bool frame_at(walk *w, int64_t at, frame *f)
{
    const unsigned char *h = peek(w, at, 4);

    return h && parse(h, f);
}

static bool alike(const frame *a, const frame *b)
{
    return a->version == b->version && a->layer == b->layer && a->rate == b->rate && a->channels == b->channels;
}

/* Is the frame at `at` the encoder's frame of information? *frames of sound behind it, -1: it does not tell. *skip samples
 * are the encoder's own, at both ends together. */
static bool is_information(walk *w, int64_t at, const frame *f, int64_t *frames, int64_t *skip)
{
    int side = f->version == 1 ? (f->channels == 1 ? 17 : 32) : (f->channels == 1 ? 9 : 17), lame = 4 + side + 8;
    const unsigned char *p = f->layer == 3 && f->bytes >= 4 + side + 8 ? peek(w, at, base_min_i64(f->bytes, 200)) : NULL;
    const unsigned char *q = p ? p + 4 + side : NULL;

    *frames = -1;
    *skip = 0;
    if (!q || (memcmp(q, "Xing", 4) && memcmp(q, "Info", 4)))
        return false;
    if ((q[7] & 1) && f->bytes >= lame + 4)
        *frames = (int64_t)q[8] << 24 | q[9] << 16 | q[10] << 8 | q[11];
    lame += (q[7] & 1 ? 4 : 0) + (q[7] & 2 ? 4 : 0) + (q[7] & 4 ? 100 : 0) + (q[7] & 8 ? 4 : 0) + 21;
    if (lame + 3 <= base_min_i64(f->bytes, 200))
        *skip = (p[lame] << 4 | p[lame + 1] >> 4) + ((p[lame + 1] & 15) << 8 | p[lame + 2]);
    return true;
}

/* ---- what stands between them ----------------------------------------------------------------------------------- */

/* Bytes of the tag at `at`: ID3 of both versions, APE's; zeros count as one. 0: none. */
static int64_t tag(walk *w, int64_t at)
{
    const unsigned char *p = peek(w, at, 10);
    int64_t n = 0;

    if (p && !memcmp(p, "ID3", 3))
        return 10 + ((int64_t)(p[6] & 127) << 21 | (p[7] & 127) << 14 | (p[8] & 127) << 7 | (p[9] & 127)) + (p[5] & 16 ? 10 : 0);
    if (p && !memcmp(p, "TAG+", 4))
        return 227;
    if (p && !memcmp(p, "TAG", 3))
        return 128;
    if ((p = peek(w, at, 32)) && !memcmp(p, "APETAGEX", 8))
        return 32 + ((p[23] & 0x20) ? (int64_t)(p[12] | p[13] << 8 | p[14] << 16) + ((int64_t)p[15] << 24) : 0);
    while ((p = peek(w, at + n, 1)) && *p == 0)
        n++;
    return n;
}

static void skip_tags(walk *w)
{
    int64_t n;

    while (w->at < w->end && (n = tag(w, w->at)) > 0)
        w->at = base_min_i64(w->at + n, w->end);
}

/* Where two frames like the others follow each other, from `at` on; -1: nowhere. */
static int64_t find_frames(walk *w, int64_t at)
{
    frame f, g;

    for (; peek(w, at, 4); at++)
        if (frame_at(w, at, &f) && f.bytes > 4 && alike(&f, &w->like) && frame_at(w, at + f.bytes, &g) && alike(&g, &w->like))
            return at;
    return -1;
}

/* ---- parts ------------------------------------------------------------------------------------------------------ */

static au_part *last(const au_parts *p) { return p->n ? &p->part[p->n - 1] : NULL; }

static base_status end_part(walk *w, au_parts *p, base_error *e)
{
    au_part *part = last(p);

    if (!part)
        return BASE_OK;
    part->end = w->at;
    part->plain = w->promised >= 0 && part->frames > w->promised;
    if (part->frames < w->promised)
        return base_fail(e, BASE_FORMAT, "%s: truncated: its header promises %" PRId64 " MPEG frames, %" PRId64 " are there",
            w->name, w->promised, part->frames);
    return BASE_OK;
}

static base_status begin_part(walk *w, au_parts *p, const frame *f, base_error *e)
{
    base_status status = end_part(w, p, e);
    au_part *part = status ? NULL : au_parts_add(p, w->at, w->at, w->name, e);

    if (!part)
        return status ? status : BASE_NO_MEMORY;
    part->mpeg = true;
    part->per_frame = f->samples;
    w->promised = -1;
    return BASE_OK;
}

static base_status take_frame(walk *w, au_parts *p, const frame *f, base_error *e)
{
    int64_t promised, skip;
    bool information = is_information(w, w->at, f, &promised, &skip);
    base_status status = BASE_OK;

    if (!p->n)
        w->like = *f;
    if (!alike(f, &w->like))
        return base_fail(e, BASE_UNSUPPORTED, "%s: byte %" PRId64 ": %d channels at %d Hz behind %d at %d Hz: files of different kinds, "
            "joined", w->name, w->at, f->channels, f->rate, w->like.channels, w->like.rate);
    if (f->bytes <= 4)
        return base_fail(e, BASE_UNSUPPORTED, "%s: byte %" PRId64 ": an MPEG frame of free bit rate", w->name, w->at);
    if ((information || !p->n) && (status = begin_part(w, p, f, e)))
        return status;
    if (information) {
        w->promised = promised;
        last(p)->skip = skip;
    } else {
        last(p)->frames++;
    }
    w->at += f->bytes;
    if (w->at > w->end) {
        p->note = AU_NOTE_LAST_FRAME;
        w->at = w->end;
    }
    return BASE_OK;
}

/* Bytes at w->at that are neither frame nor tag. */
static base_status take_rest(walk *w, const au_parts *p, base_error *e)
{
    int64_t next = p->n ? find_frames(w, w->at) : -1;
    bool whole = p->n && w->promised >= 0 && last(p)->frames >= w->promised;

    if (next >= 0 || !whole)
        return base_fail(e, BASE_FORMAT, "%s: damaged: byte %" PRId64 ": neither an MPEG frame nor a tag", w->name, w->at);
    w->at = w->end;
    return BASE_OK;
}

base_status au_mpeg_parts(au_parts *p, const au_bytes *b, int64_t begin, int64_t end, const char *name, base_error *e)
{
    walk w = { .bytes = b, .name = name, .at = begin, .end = end, .promised = -1 };
    base_status status = BASE_OK;
    frame f;

    for (skip_tags(&w); w.at < end && !status; skip_tags(&w))
        status = frame_at(&w, w.at, &f) ? take_frame(&w, p, &f, e) : take_rest(&w, p, e);
    if (!status && !p->n)
        status = base_fail(e, BASE_FORMAT, "%s: no MPEG frame", name);
    return status ? status : end_part(&w, p, e);
}

bool au_mpeg_begins(const au_bytes *b)
{
    walk w = { .bytes = b, .end = b->size };
    frame f;

    skip_tags(&w);
    return frame_at(&w, w.at, &f);
}
