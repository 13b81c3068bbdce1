/* How much sound a header promises, for the formats whose truncation libsndfile passes over: each by its chunks, blocks
 * or counts. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/number.h"
#include "base/parallel.h"
#include "libaudio/source.h"

#define MAX_CHUNKS 10000
#define STREAMED 0x7f000000     /* programs that write to a pipe leave sizes from here on: sox 0x7f000008, ffmpeg 0xffffffff */
#define HEAD 1024

/* Sound from byte `at` on; bytes -1: the file does not tell. */
typedef struct promise {
    int64_t at, bytes;
} promise;

static uint64_t number(const unsigned char *p, int n, bool big)
{
    uint64_t v = 0;

    for (int i = 0; i < n; i++)
        v = v << 8 | p[big ? i : n - 1 - i];
    return v;
}

static uint32_t get32(const unsigned char *p, bool big) { return (uint32_t)number(p, 4, big); }

static int64_t clamp(uint64_t v) { return v <= INT64_MAX / 4 ? (int64_t)v : INT64_MAX / 4; }

static bool is(const unsigned char *p, const char *text) { return !memcmp(p, text, strlen(text)); }

/* ---- RIFF and its relatives ------------------------------------------------------------------------------------- */

static bool is_name(const unsigned char *p)
{
    for (int i = 0; i < 4; i++)
        if (p[i] < 0x20 || p[i] > 0x7e)
            return false;
    return true;
}

/* The chunk at *at, whose contents begin at *at afterwards. Zeros in front of its name are more padding than there ought
 * to be. */
static bool next_chunk(const au_bytes *b, int64_t *at, bool big, unsigned char name[4], int64_t *size)
{
    unsigned char c[8];

    for (int skipped = 0; au_bytes_get(b, *at, c, 8); skipped++, ++*at) {
        if (is_name(c)) {
            memcpy(name, c, 4);
            *size = get32(c + 4, big);
            *at += 8;
            return true;
        }
        if (c[0] != 0 || skipped == 3)
            break;
    }
    return false;
}

/* Are the bytes from `at` to the end chunks, none cut off? */
static bool is_chunks(const au_bytes *b, int64_t at, bool big)
{
    unsigned char name[4];
    int64_t size;

    for (int i = 0; i < MAX_CHUNKS && next_chunk(b, &at, big, name, &size); i++)
        at += size + (size & 1);
    return at == b->size || at == b->size + 1;
}

bool au_riff_find(au_riff *r, const au_bytes *b)
{
    unsigned char head[12], name[4];
    int64_t at = 12, size;

    *r = (au_riff){ 0 };
    if (!au_bytes_get(b, 0, head, 12) || !(is(head, "RIFF") || is(head, "RIFX")) || !is(head + 8, "WAVE"))
        return false;
    r->big = head[3] == 'X';
    for (int i = 0; i < MAX_CHUNKS && !r->data && next_chunk(b, &at, r->big, name, &size); i++) {
        if (is(name, "fmt ")) {
            r->fmt = at;
            r->fmt_size = size;
        } else if (is(name, "fact") && size >= 4) {
            r->fact = at;
        } else if (is(name, "data")) {
            bool unknown = size >= STREAMED || (size == 0 && b->size > at && !is_chunks(b, at, r->big));
            r->data = at;
            r->data_size = unknown ? -1 : size;
        }
        at += size + (size & 1);
    }
    return true;
}

static promise of_riff(const au_bytes *b)
{
    au_riff r;

    return au_riff_find(&r, b) && r.data ? (promise){ r.data, r.data_size } : (promise){ 0, -1 };
}

static promise of_rf64(const au_bytes *b)
{
    unsigned char name[4], ds64[16];
    int64_t at = 12, size, sound = -1;

    for (int i = 0; i < MAX_CHUNKS && next_chunk(b, &at, false, name, &size); i++) {
        if (is(name, "ds64") && au_bytes_get(b, at, ds64, 16))
            sound = clamp(number(ds64 + 8, 8, false));
        else if (is(name, "data"))
            return (promise){ at, size < STREAMED ? size : sound };
        at += size + (size & 1);
    }
    return (promise){ 0, -1 };
}

/* AIFF and SVX. */
static promise of_form(const au_bytes *b)
{
    unsigned char name[4];
    int64_t at = 12, size;

    for (int i = 0; i < MAX_CHUNKS && next_chunk(b, &at, true, name, &size); i++) {
        if (is(name, "SSND") || is(name, "BODY"))
            return (promise){ at, size < STREAMED ? size : -1 };
        at += size + (size & 1);
    }
    return (promise){ 0, -1 };
}

/* Sony's Wave64: names of 16 bytes, sizes of 8 that count name and size, contents padded to 8. */
static promise of_w64(const au_bytes *b)
{
    unsigned char c[24];
    int64_t at = 40;

    for (int i = 0; i < MAX_CHUNKS && au_bytes_get(b, at, c, 24); i++) {
        int64_t size = clamp(number(c + 16, 8, false));

        if (is(c, "data"))
            return (promise){ at + 24, size - 24 };
        if (size < 24)
            break;
        at += (size + 7) / 8 * 8;
    }
    return (promise){ 0, -1 };
}

static promise of_caf(const au_bytes *b)
{
    unsigned char c[12];
    int64_t at = 8;

    for (int i = 0; i < MAX_CHUNKS && au_bytes_get(b, at, c, 12); i++) {
        uint64_t size = number(c + 4, 8, true);

        at += 12;
        if (is(c, "data"))
            return (promise){ at, size == UINT64_MAX ? -1 : clamp(size) };
        if (size > (uint64_t)b->size)
            break;
        at += (int64_t)size;
    }
    return (promise){ 0, -1 };
}

/* ---- others ----------------------------------------------------------------------------------------------------- */

/* Creative's VOC: a byte of kind and three of size; kinds 1, 2 and 9 are sound. The last block that is not whole. libsndfile
 * plays what is behind the sound, heads of blocks and all. */
static base_status of_voc(const au_bytes *b, const unsigned char *head, const char *name, promise *p, base_error *e)
{
    int64_t at = (int64_t)number(head + 20, 2, false);
    unsigned char c[4];
    int behind = -1;

    for (int i = 0; i < MAX_CHUNKS && au_bytes_get(b, at, c, 1) && c[0] != 0; i++) {
        int64_t size = au_bytes_get(b, at, c, 4) ? (int64_t)number(c + 1, 3, false) : b->size;

        behind += behind >= 0 || c[0] == 1 || c[0] == 2 || c[0] == 9;
        if (at + 4 + size > b->size) {
            *p = (promise){ at + 4, size };
            return BASE_OK;
        }
        at += 4 + size;
    }
    return behind <= 0 ? BASE_OK
        : base_fail(e, BASE_UNSUPPORTED, "%s: VOC of %s behind its sound, expected none", name, base_count(behind, "block"));
}

/* libsndfile passes over an ID3 tag in front of any sound, and loses as much of its end where sizes count from the beginning. */
static base_status of_tagged(const au_bytes *b, const unsigned char *head, const char *name, base_error *e)
{
    static const char *const kinds[] = { "RIFF", "RIFX", "RF64", "BW64", "FORM", "riff", "caff", ".snd", "dns." };
    int64_t at = 10 + (head[5] & 0x10 ? 10 : 0);
    unsigned char c[4];

    for (int i = 0; i < 4; i++)
        at += (int64_t)(head[6 + i] & 0x7f) << 7 * (3 - i);
    for (size_t i = 0; au_bytes_get(b, at, c, 4) && i < sizeof kinds / sizeof *kinds; i++)
        if (is(c, kinds[i]))
            return base_fail(e, BASE_UNSUPPORTED, "%s: an ID3 tag of %" PRId64 " bytes in front of \"%s\", expected none", name, at,
                kinds[i]);
    return BASE_OK;
}

static promise of_avr(const unsigned char *head)
{
    int64_t channels = number(head + 12, 2, true) ? 2 : 1;

    return (promise){ 128, (int64_t)get32(head + 26, true) * channels * ((int64_t)number(head + 14, 2, true) / 8) };
}

/* MATLAB 4: matrices, each of five numbers, a name, and the elements. */
static promise of_mat4(const au_bytes *b, bool big)
{
    static const int width[] = { 8, 4, 4, 2, 2, 1 };
    unsigned char c[20];
    int64_t at = 0, n;

    for (int i = 0; i < 10 && au_bytes_get(b, at, c, 20); i++) {
        uint32_t kind = get32(c, big) / 10 % 10;

        at += 20 + (int64_t)get32(c + 16, big);
        if (kind > 5 || !base_mul_i64(get32(c + 4, big), get32(c + 8, big), &n) || !base_mul_i64(n, width[kind], &n))
            break;
        if (at > b->size - n)
            return (promise){ at, n };
        at += n;
    }
    return (promise){ 0, -1 };
}

/* MATLAB 5: elements of kind and size, a matrix (14) made of others; the first that is not whole. */
static promise of_mat5(const au_bytes *b, bool big)
{
    unsigned char c[8];
    int64_t at = 128;

    while (au_bytes_get(b, at, c, 8)) {
        uint32_t kind = get32(c, big);
        int64_t size = kind == 14 || kind >> 16 ? 0 : get32(c + 4, big);

        at += 8;
        if (at + size > b->size)
            return (promise){ at, size };
        at += (size + 7) / 8 * 8;
    }
    return (promise){ 0, -1 };
}

/* The number behind "name -i " in a SPHERE header; false when it is not there. */
static bool sphere_number(const char *text, const char *name, int64_t *v)
{
    const char *at = strstr(text, name);

    if (!at || strncmp(at + strlen(name), " -i ", 4))
        return false;
    *v = strtoll(at + strlen(name) + 4, NULL, 10);
    return true;
}

static base_status of_sphere(const unsigned char *head, const char *name, promise *p, base_error *e)
{
    static const char *const names[] = { "\nsample_count", "\nsample_n_bytes", "\nchannel_count" };
    const char *text = (const char *)head;
    int64_t n[3] = { 0, 1, 1 };     /* µ-law need not say that a sample is one byte */
    bool counted = sphere_number(text, names[0], &n[0]);

    sphere_number(text, names[1], &n[1]);
    sphere_number(text, names[2], &n[2]);
    for (int i = 0; i < 3; i++)
        if (n[i] < 0 || n[i] > INT64_MAX / 4)
            return base_fail(e, BASE_FORMAT, "%s: %s is %" PRId64, name, names[i] + 1, n[i]);
    p->at = strtoll(text + 8, NULL, 10);
    p->bytes = -1;
    if (counted && p->at >= 16 && (!base_mul_i64(n[0], n[1], &p->bytes) || !base_mul_i64(p->bytes, n[2], &p->bytes)))
        p->bytes = INT64_MAX;
    return BASE_OK;
}

/* ---- all of them ------------------------------------------------------------------------------------------------ */

base_status au_check_size(const au_bytes *b, const char *name, base_error *e)
{
    unsigned char head[HEAD + 1] = { 0 };
    promise p = { 0, -1 };
    base_status status;

    if (au_bytes_some(b, 0, head, HEAD) < 24)
        return BASE_OK;
    if (is(head, "RIFF") || is(head, "RIFX"))
        p = of_riff(b);
    else if (is(head, "RF64") || is(head, "BW64"))
        p = of_rf64(b);
    else if (is(head, "FORM"))
        p = of_form(b);
    else if (is(head, "riff\x2e\x91\xcf\x11"))
        p = of_w64(b);
    else if (is(head, "caff"))
        p = of_caf(b);
    else if (is(head, "ID3"))
        return of_tagged(b, head, name, e);
    else if (is(head, "2BIT"))
        p = of_avr(head);
    else if (is(head + 125, "\1IM") || (head[124] == 1 && head[125] == 0 && is(head + 126, "MI")))
        p = of_mat5(b, head[126] == 'M');
    else if (head[0] == 0 && head[1] == 0 && is(head + 20, "samplerate"))
        p = of_mat4(b, head[2] != 0);
    else if (is(head, ".snd") || is(head, "dns.")) {
        uint32_t size = get32(head + 8, head[0] == '.');
        p = (promise){ get32(head + 4, head[0] == '.'), size < STREAMED ? (int64_t)size : -1 };
    } else if ((is(head, "NIST_1A\n") && (status = of_sphere(head, name, &p, e))) ||
               (is(head, "Creative Voice File") && (status = of_voc(b, head, name, &p, e)))) {
        return status;
    }
    if (p.bytes > b->size - p.at)
        return base_fail(e, BASE_FORMAT, "%s: truncated: its header promises %" PRId64 " bytes of sound, %" PRId64 " are there",
            name, p.bytes, base_max_i64(b->size - p.at, 0));
    return BASE_OK;
}

bool au_tells_size(int format)
{
    static const int formats[] = { SF_FORMAT_WAV, SF_FORMAT_WAVEX, SF_FORMAT_RF64, SF_FORMAT_AIFF, SF_FORMAT_SVX, SF_FORMAT_AU,
        SF_FORMAT_NIST, SF_FORMAT_W64, SF_FORMAT_CAF, SF_FORMAT_VOC, SF_FORMAT_AVR, SF_FORMAT_MAT4, SF_FORMAT_MAT5, SF_FORMAT_HTK,
        SF_FORMAT_FLAC, SF_FORMAT_OGG, SF_FORMAT_MPEG };

    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if ((format & SF_FORMAT_TYPEMASK) == formats[i])
            return true;
    return false;
}
