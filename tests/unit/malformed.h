/* Checkpoints of PyTorch's kind for tests, built in memory: pickles of opcodes, and the zip archive around them. */
#ifndef SERIN_TESTS_MALFORMED_H
#define SERIN_TESTS_MALFORMED_H

#include <stdint.h>
#include <zlib.h>

#include "tests/unit/files.h"
#include "tests/unit/unit.h"

static unsigned char made[1 << 20];
static size_t made_n;

static size_t put(const void *bytes, size_t n)
{
    size_t at = made_n;

    ck_assert_uint_le(made_n + n, sizeof made);
    if (n)
        memcpy(made + at, bytes, n);
    made_n += n;
    return at;
}

static inline size_t put_number(uint64_t x, int size) { return put(&x, (size_t)size); }
static inline void patch(size_t at, uint64_t x, int size) { memcpy(made + at, &x, (size_t)size); }

/* ---- pickles ----------------------------------------------------------------------------------------------------- */

typedef struct piece { const char *bytes; size_t n; } piece;
#define TEXT(literal) { literal, sizeof(literal) - 1 }

/* A storage of four floats under the key "0", and what torch.save writes for a tensor. */
#define PID(class, key, numel) "(X\7\0\0\0storagec" class "\nX\1\0\0\0" key "X\3\0\0\0cpu" numel "tQ"
#define STORAGE PID("torch\nFloatStorage", "0", "K\4")
#define REBUILD "ctorch._utils\n_rebuild_tensor_v2\n"
#define TENSOR(storage, offset, size, stride) REBUILD "(" storage offset size stride "\211ccollections\nOrderedDict\n)RtR"
#define WHOLE TENSOR(STORAGE, "K\0", "K\4\205", "K\1\205")
#define DICT(items) "\200\2}(" items "u."
#define W "X\1\0\0\0w"

/* ---- zip archives ------------------------------------------------------------------------------------------------ */

enum { PICKLE, ORDER, DATA, MEMBERS };          /* data.pkl, byteorder, data/0 */

static struct zip {
    piece  content[MEMBERS + 1];
    const char *name[MEMBERS + 1];
    int    n;
    size_t local[MEMBERS + 1], data[MEMBERS + 1], central[MEMBERS + 1], end64, locator, end;
    piece  extra;               /* of data/0 in the directory */
} zip;

static const float values[4] = { 1, 2, 3, 4 };

static void zip_reset(piece pickle)
{
    zip = (struct zip){ .n = MEMBERS, .name = { "m/data.pkl", "m/byteorder", "m/data/0" },
        .content = { pickle, TEXT("little"), { (const char *)values, sizeof values } } };
}

/* As PyTorch: sizes in the directory alone, 64-bit records at the end whether needed or not. */
static void zip_build(void)
{
    made_n = 0;
    for (int i = 0; i < zip.n; i++) {
        size_t name = strlen(zip.name[i]), pad = -(made_n + 30 + name + 4) & 63;
        zip.local[i] = put("PK\3\4\0\0\10\10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 26);
        put_number(name, 2);
        put_number(pad + 4, 2);
        put(zip.name[i], name);
        put("FB", 2);
        put_number(pad, 2);
        for (size_t k = 0; k < pad; k++)
            put("Z", 1);
        zip.data[i] = put(zip.content[i].bytes, zip.content[i].n);
        put("PK\7\10\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    }
    size_t directory = made_n;
    for (int i = 0; i < zip.n; i++) {
        zip.central[i] = put("PK\1\2\0\0\0\0\10\10\0\0\0\0\0\0", 16);
        put_number(crc32_z(0, (const Bytef *)zip.content[i].bytes, zip.content[i].n), 4);
        put_number(zip.content[i].n, 4);
        put_number(zip.content[i].n, 4);
        put_number(strlen(zip.name[i]), 2);
        size_t extra = i == DATA ? zip.extra.n : 0;
        put_number(extra, 2);
        put("\0\0\0\0\0\0\0\0\0\0", 10);
        put_number(zip.local[i], 4);
        put(zip.name[i], strlen(zip.name[i]));
        put(zip.extra.bytes, extra);
    }
    size_t size = made_n - directory;
    zip.end64 = put("PK\6\6\54\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24);
    put_number((uint64_t)zip.n, 8);
    put_number((uint64_t)zip.n, 8);
    put_number(size, 8);
    put_number(directory, 8);
    zip.locator = put("PK\6\7\0\0\0\0", 8);
    put_number(zip.end64, 8);
    put_number(1, 4);
    zip.end = put("PK\5\6\0\0\0\0", 8);
    put_number((uint64_t)zip.n, 2);
    put_number((uint64_t)zip.n, 2);
    put_number(size, 4);
    put_number(directory, 4);
    put_number(0, 2);
}

#endif
