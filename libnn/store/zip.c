/* The zip format (PKWARE's APPNOTE 6.3) from its end: end record, its 64-bit form, central directory, then each local
 * header, which must agree. Where a local header has no sizes, because PyTorch's writer puts them behind the data, the
 * directory's count. The records at the end must fill it without gaps, so that no other reader finds another directory
 * in the file. */
#include "libnn/store/zip.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/checked.h"
#include "base/parallel.h"
#include "libnn/store/bytes.h"
#include "libnn/store/store.h"

enum { END_SIZE = 22, END64_SIZE = 56, LOCATOR_SIZE = 20, CENTRAL_SIZE = 46, LOCAL_SIZE = 30 };
enum { END = 0x06054b50, END64 = 0x06064b50, LOCATOR = 0x07064b50, CENTRAL = 0x02014b50, LOCAL = 0x04034b50 };
enum { ENCRYPTED = 0x2041, SIZES_BEHIND = 0x8 };        /* general flags */
#define SATURATED UINT32_C(0xffffffff)                  /* the number stands in an extra field of 64 bits */
#define MOST_MEMBERS 1000000

typedef struct source {
    const uint8_t *data;
    size_t         size;
    base_error    *e;
} source;

typedef struct directory { uint64_t begin, size, count; } directory;

/* What a local header and the directory say twice. */
typedef struct sizes { uint64_t plain, packed, header; } sizes;

static base_status broken(const source *s, uint64_t at, const char *what)
{
    return base_fail(s->e, BASE_FORMAT, "byte %llu: %s", (unsigned long long)at, what);
}

/* ---- the end of the archive -------------------------------------------------------------------------------------- */

/* The end record, behind which a comment of up to 64 KiB may stand, and nothing else. */
static base_status find_end(const source *s, size_t *at)
{
    size_t least = s->size > END_SIZE + 0xffff ? s->size - END_SIZE - 0xffff : 0;

    for (size_t i = s->size < END_SIZE ? 0 : s->size - END_SIZE + 1; i-- > least;)
        if (nn_u32(s->data + i) == END && i + END_SIZE + nn_u16(s->data + i + 20) == s->size) {
            *at = i;
            return BASE_OK;
        }
    return broken(s, s->size, "the file ends without a zip archive's end record; is it whole?");
}

/* The locator stands right before the end record. at: of the locator; becomes that of the 64-bit record. */
static base_status read_end64(const source *s, size_t *at, directory *d)
{
    const uint8_t *locator = s->data + *at, *p;
    uint64_t end = nn_u64(locator + 8);

    if (nn_u32(locator + 4) != 0 || nn_u32(locator + 16) != 1)
        return broken(s, *at, "the archive spans several disks");
    if (!base_inside(end, END64_SIZE, *at) || nn_u32(p = s->data + end) != END64 || nn_u64(p + 4) != *at - end - 12)
        return broken(s, *at, "the locator does not lead to a 64-bit end record right before it");
    if (nn_u32(p + 16) != 0 || nn_u32(p + 20) != 0 || nn_u64(p + 24) != nn_u64(p + 32))
        return broken(s, end, "the archive spans several disks");
    *d = (directory){ nn_u64(p + 48), nn_u64(p + 40), nn_u64(p + 32) };
    *at = end;
    return BASE_OK;
}

/* A number of the end record: the 64-bit record's, or all ones. */
static bool agrees(uint64_t number, uint64_t saturated, uint64_t wide) { return number == saturated || number == wide; }

/* at becomes where the records of the end begin. PyTorch writes the 64-bit one even where it is not needed. */
static base_status read_end(const source *s, size_t *at, directory *d)
{
    base_status status = find_end(s, at);
    const uint8_t *p = s->data + *at;
    size_t end = *at;

    if (status)
        return status;
    *d = (directory){ nn_u32(p + 16), nn_u32(p + 12), nn_u16(p + 10) };
    if (nn_u16(p + 4) != nn_u16(p + 6) || (nn_u16(p + 4) != 0 && nn_u16(p + 4) != 0xffff) ||
        nn_u16(p + 8) != nn_u16(p + 10))
        return broken(s, end, "the archive spans several disks");
    if (end >= LOCATOR_SIZE && nn_u32(p - LOCATOR_SIZE) == LOCATOR) {
        *at -= LOCATOR_SIZE;
        status = read_end64(s, at, d);
        if (!status && !(agrees(nn_u32(p + 16), SATURATED, d->begin) && agrees(nn_u32(p + 12), SATURATED, d->size) &&
            agrees(nn_u16(p + 10), 0xffff, d->count)))
            status = broken(s, end, "the end record and the 64-bit one disagree");
    } else if (d->count == 0xffff || d->size == SATURATED || d->begin == SATURATED)
        status = broken(s, end, "sizes need 64 bits, but no locator of a 64-bit end record stands before");
    return status;
}

static base_status find_directory(const source *s, directory *d)
{
    size_t end = 0;
    base_status status = read_end(s, &end, d);

    if (status)
        return status;
    if (!base_inside(d->begin, d->size, end) || d->begin + d->size != end)
        return broken(s, end, "the central directory does not end where the records of the end begin");
    if (d->count > MOST_MEMBERS || d->count > d->size / CENTRAL_SIZE)
        return broken(s, end, "the central directory is too small for its number of entries");
    return BASE_OK;
}

/* ---- members ----------------------------------------------------------------------------------------------------- */

static const char *fault_of_name(const char *name, size_t length)
{
    if (length == 0)
        return "has no name";
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
            return "has a control character in its name";
    if (name[0] == '/' || strchr(name, '\\'))
        return "has an absolute path or \"\\\" in its name";
    for (const char *part = name; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL)
        if (!strncmp(part, "..", 2) && (part[2] == '/' || !part[2]))
            return "has \"..\" in its name";
    return NULL;
}

/* Numbers that did not fit 32 bits stand in the extra field 1, in this order, those alone that are saturated. */
static bool read_extra(const uint8_t *x, size_t n, sizes *z)
{
    uint64_t *const want[3] = { &z->plain, &z->packed, &z->header };

    for (size_t length; n >= 4; x += 4 + length, n -= 4 + length) {
        length = nn_u16(x + 2);
        if (length > n - 4)
            return false;
        if (nn_u16(x) != 1)
            continue;
        const uint8_t *from = x + 4;
        for (int i = 0; i < 3; i++)
            if (*want[i] == SATURATED) {
                if (from + 8 > x + 4 + length)
                    return false;
                *want[i] = nn_u64(from);
                from += 8;
            }
        return true;
    }
    return z->plain != SATURATED && z->packed != SATURATED && z->header != SATURATED;
}

/* p: the directory's entry; limit: where the directory begins. */
static base_status check_local(const source *s, const uint8_t *p, const sizes *z, uint64_t limit, nn_zip_member *m)
{
    const uint8_t *l;
    size_t name = nn_u16(p + 28);
    sizes own = { 0 };

    if (!base_inside(z->header, LOCAL_SIZE, limit) || nn_u32(l = s->data + z->header) != LOCAL)
        return base_fail(s->e, BASE_FORMAT, "no local header at byte %llu", (unsigned long long)z->header);
    size_t extra = nn_u16(l + 28);
    if (!base_inside(z->header, LOCAL_SIZE + name + extra, limit))
        return base_fail(s->e, BASE_FORMAT, "its local header at byte %zu is cut short", m->header);
    if (nn_u16(l + 26) != name || memcmp(l + LOCAL_SIZE, m->name, name))
        return base_fail(s->e, BASE_FORMAT, "its local header at byte %zu has another name", m->header);
    if (nn_u16(l + 8) != nn_u16(p + 10) || (nn_u16(l + 6) & ENCRYPTED))
        return base_fail(s->e, BASE_FORMAT, "its local header at byte %zu says it is packed otherwise", m->header);
    if (!(nn_u16(l + 6) & SIZES_BEHIND)) {
        own = (sizes){ nn_u32(l + 22), nn_u32(l + 18), 0 };
        if (!read_extra(l + LOCAL_SIZE + name, extra, &own) || own.plain != z->plain || own.packed != z->packed ||
            nn_u32(l + 14) != m->crc)
            return base_fail(s->e, BASE_FORMAT, "its local header at byte %zu has other sizes or checksum", m->header);
    }
    uint64_t begin = z->header + LOCAL_SIZE + name + extra;
    if (!base_inside(begin, z->plain, limit))
        return base_fail(s->e, BASE_FORMAT, "%llu bytes at byte %llu do not end before the directory",
            (unsigned long long)z->plain, (unsigned long long)begin);
    m->data = s->data + begin;
    return BASE_OK;
}

static base_status check_entry(const source *s, const uint8_t *p, uint64_t limit, nn_zip_member *m)
{
    sizes z = { nn_u32(p + 24), nn_u32(p + 20), nn_u32(p + 42) };
    int method = nn_u16(p + 10);

    if (!read_extra(p + CENTRAL_SIZE + nn_u16(p + 28), nn_u16(p + 30), &z))
        return base_fail(s->e, BASE_FORMAT, "its sizes of 64 bits are missing or cut short");
    if (nn_u16(p + 8) & ENCRYPTED)
        return base_fail(s->e, BASE_UNSUPPORTED, "it is encrypted");
    if (nn_u16(p + 34) != 0)
        return base_fail(s->e, BASE_FORMAT, "it is on another disk");
    if (method != 0)
        return base_fail(s->e, BASE_UNSUPPORTED, "it is compressed (method %d); PyTorch stores plainly", method);
    if (z.plain != z.packed)
        return base_fail(s->e, BASE_FORMAT, "it is stored plainly, but %llu bytes take %llu",
            (unsigned long long)z.plain, (unsigned long long)z.packed);
    m->crc = nn_u32(p + 16);
    m->size = z.plain;
    m->header = z.header;
    return check_local(s, p, &z, limit, m);
}

/* The directory's entry at *at; moves *at behind it, and *names behind the copy of its name. */
static base_status read_entry(const source *s, const directory *d, uint64_t *at, char **names, nn_zip_member *m)
{
    const uint8_t *p = s->data + *at;
    uint64_t end = d->begin + d->size, length;
    const char *fault;

    if (!base_inside(*at, CENTRAL_SIZE, end) || nn_u32(p) != CENTRAL)
        return broken(s, *at, "no entry of the central directory where one should be");
    length = CENTRAL_SIZE + (uint64_t)nn_u16(p + 28) + nn_u16(p + 30) + nn_u16(p + 32);
    if (!base_inside(*at, length, end))
        return broken(s, *at, "an entry of the central directory reaches beyond its end");
    size_t name = nn_u16(p + 28);
    m->name = memcpy(*names, p + CENTRAL_SIZE, name);
    (*names)[name] = '\0';
    *names += name + 1;
    fault = fault_of_name(m->name, name);
    if (fault)
        return base_fail(s->e, BASE_FORMAT, "byte %llu: a member %s", (unsigned long long)*at, fault);
    *at += length;
    base_status status = check_entry(s, p, d->begin, m);
    if (status)
        base_fail_in(s->e, "member \"" NN_NAME "\"", m->name);
    return status;
}

static int by_header(const void *a, const void *b)
{
    const nn_zip_member *x = a, *y = b;

    return (x->header > y->header) - (x->header < y->header);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const nn_zip_member *)a)->name, ((const nn_zip_member *)b)->name);
}

static base_status check_together(const source *s, nn_zip *z)
{
    qsort(z->member, (size_t)z->n, sizeof *z->member, by_header);
    for (int i = 1; i < z->n; i++)
        if (z->member[i - 1].data + z->member[i - 1].size > s->data + z->member[i].header)
            return base_fail(s->e, BASE_FORMAT, "byte %zu: members \"" NN_NAME "\" and \"" NN_NAME "\" overlap",
                z->member[i].header, z->member[i - 1].name, z->member[i].name);
    qsort(z->member, (size_t)z->n, sizeof *z->member, by_name);
    for (int i = 1; i < z->n; i++)
        if (!by_name(&z->member[i - 1], &z->member[i]))
            return base_fail(s->e, BASE_FORMAT, "member \"" NN_NAME "\" appears twice", z->member[i].name);
    return BASE_OK;
}

static base_status read_directory(const source *s, const directory *d, nn_zip *z)
{
    base_status status = BASE_OK;
    uint64_t at = d->begin;

    z->member = calloc((size_t)d->count + 1, sizeof *z->member);
    z->names = malloc((size_t)d->size + 1);     /* an entry is longer than its name with a NUL */
    if (!z->member || !z->names)
        return base_fail(s->e, BASE_NO_MEMORY, "no memory for %llu members", (unsigned long long)d->count);
    for (char *names = z->names; !status && (uint64_t)z->n < d->count; z->n++)
        status = read_entry(s, d, &at, &names, &z->member[z->n]);
    if (!status && at != d->begin + d->size)
        status = broken(s, at, "the central directory holds more than its number of entries");
    return status ? status : check_together(s, z);
}

base_status nn_zip_open(nn_zip *z, const uint8_t *data, size_t size, base_error *e)
{
    source s = { data, size, e };
    directory d;
    base_status status = find_directory(&s, &d);

    *z = (nn_zip){ 0 };
    if (!status)
        status = read_directory(&s, &d, z);
    if (status)
        nn_zip_close(z);
    return status;
}

void nn_zip_close(nn_zip *z)
{
    free(z->member);
    free(z->names);
    *z = (nn_zip){ 0 };
}

const nn_zip_member *nn_zip_find(const nn_zip *z, const char *name)
{
    nn_zip_member wanted = { .name = name };

    return z->n ? bsearch(&wanted, z->member, (size_t)z->n, sizeof wanted, by_name) : NULL;
}

static uint32_t crc_of(const nn_zip_member *m) { return m->crc ? (uint32_t)crc32_z(0, m->data, m->size) : 0; }

base_status nn_zip_check(const nn_zip_member *m, base_error *e)
{
    uint32_t crc = crc_of(m);

    if (crc == m->crc)
        return BASE_OK;
    return base_fail(e, BASE_FORMAT, "member \"" NN_NAME "\": its checksum is %08x, the archive says %08x", m->name,
        crc, m->crc);
}

base_status nn_zip_check_all(const nn_zip *z, base_error *e)
{
    bool *bad = calloc((size_t)z->n + 1, sizeof *bad);
    base_status status = bad ? BASE_OK : base_fail(e, BASE_NO_MEMORY, "no memory for %d members", z->n);

    if (bad)
        base_parallel_for_dynamic(z->n, 1, i, end)
            for (; i < end; i++)
                bad[i] = crc_of(&z->member[i]) != z->member[i].crc;
    for (int i = 0; !status && i < z->n; i++)
        if (bad[i])
            status = nn_zip_check(&z->member[i], e);
    free(bad);
    return status;
}
