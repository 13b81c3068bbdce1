/* FNV-1a for names, XXH64 for contents. */
#include "base/hash.h"

#include <string.h>

uint64_t base_hash_text(uint64_t h, const char *text)
{
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return h;
}

/* XXH64 as doc/xxhash_spec.md of github.com/Cyan4973/xxHash defines it. */
#define P1 UINT64_C(0x9E3779B185EBCA87)
#define P2 UINT64_C(0xC2B2AE3D27D4EB4F)
#define P3 UINT64_C(0x165667B19E3779F9)
#define P4 UINT64_C(0x85EBCA77C2B2AE63)
#define P5 UINT64_C(0x27D4EB2F165667C5)

static uint64_t rotate(uint64_t x, int n) { return x << n | x >> (64 - n); }
static uint64_t stir(uint64_t lane, uint64_t word) { return rotate(lane + word * P2, 31) * P1; }

static uint64_t word64(const unsigned char *p)
{
    uint64_t w;

    memcpy(&w, p, sizeof w);
    return w;
}

static uint64_t word32(const unsigned char *p)
{
    uint32_t w;

    memcpy(&w, p, sizeof w);
    return w;
}

/* The 32-byte stripes of p. */
static uint64_t stripes(uint64_t seed, const unsigned char *p, size_t count)
{
    uint64_t lane[4] = { seed + P1 + P2, seed + P2, seed, seed - P1 };

    for (; count > 0; count--, p += 32)
        for (int i = 0; i < 4; i++)
            lane[i] = stir(lane[i], word64(p + 8 * i));
    uint64_t h = rotate(lane[0], 1) + rotate(lane[1], 7) + rotate(lane[2], 12) + rotate(lane[3], 18);
    for (int i = 0; i < 4; i++)
        h = (h ^ stir(0, lane[i])) * P1 + P4;
    return h;
}

uint64_t base_hash_bytes(uint64_t seed, const void *data, size_t n)
{
    const unsigned char *p = data, *end = p ? p + n : p;
    uint64_t h = (n >= 32 ? stripes(seed, p, n / 32) : seed + P5) + n;

    for (p = p ? p + n / 32 * 32 : p; end - p >= 8; p += 8)
        h = rotate(h ^ stir(0, word64(p)), 27) * P1 + P4;
    if (end - p >= 4) {
        h = rotate(h ^ word32(p) * P1, 23) * P2 + P3;
        p += 4;
    }
    for (; p < end; p++)
        h = rotate(h ^ *p * P5, 11) * P1;
    h = (h ^ h >> 33) * P2;
    h = (h ^ h >> 29) * P3;
    return h ^ h >> 32;
}
