/* Philox4x32-10: J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3",
 * SC 2011. Seed and name make the key; a counter is (block, step), so the steps of one name never share a counter. */
#include "base/random.h"

#include <math.h>

#include "base/parallel.h"

#define M0 0xD2511F53u
#define M1 0xCD9E8D57u
#define W0 0x9E3779B9u
#define W1 0xBB67AE85u
#define ROUNDS 10
#define LANES (BASE_RANDOM_LANES / 8)      /* Philox blocks in a base_random_u16: eight 16-bit numbers each */

/* The finaliser of splitmix64, a bijection: different names of one seed get different keys. */
static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

base_random base_random_at(uint64_t seed, uint64_t step, uint64_t name)
{
    uint64_t key = mix(mix(seed) ^ name);

    return (base_random){ { (uint32_t)key, (uint32_t)(key >> 32) }, { (uint32_t)step, (uint32_t)(step >> 32) } };
}

void base_random_u32x4(const base_random *r, uint64_t block, uint32_t out[4])
{
    uint32_t a = (uint32_t)block, b = (uint32_t)(block >> 32), c = r->stream[0], d = r->stream[1];
    uint32_t k0 = r->key[0], k1 = r->key[1];

    for (int i = 0; i < ROUNDS; i++, k0 += W0, k1 += W1) {
        uint64_t p = (uint64_t)M0 * a, q = (uint64_t)M1 * c;
        a = (uint32_t)(q >> 32) ^ b ^ k0;
        b = (uint32_t)q;
        c = (uint32_t)(p >> 32) ^ d ^ k1;
        d = (uint32_t)p;
    }
    out[0] = a;
    out[1] = b;
    out[2] = c;
    out[3] = d;
}

BASE_CLONES
void base_random_u16(const base_random *r, uint64_t block, uint16_t out[BASE_RANDOM_LANES])
{
    uint32_t a[LANES], b[LANES], c[LANES], d[LANES], k0 = r->key[0], k1 = r->key[1];

    for (uint32_t l = 0; l < LANES; l++) {
        a[l] = (uint32_t)(block * LANES) + l;
        b[l] = (uint32_t)(block * LANES >> 32);
        c[l] = r->stream[0];
        d[l] = r->stream[1];
    }
    for (int i = 0; i < ROUNDS; i++, k0 += W0, k1 += W1)
        for (int l = 0; l < LANES; l++) {
            uint64_t p = (uint64_t)M0 * a[l], q = (uint64_t)M1 * c[l];
            a[l] = (uint32_t)(q >> 32) ^ b[l] ^ k0;
            b[l] = (uint32_t)q;
            c[l] = (uint32_t)(p >> 32) ^ d[l] ^ k1;
            d[l] = (uint32_t)p;
        }
    for (int l = 0; l < LANES; l++) {
        out[0 * LANES + l] = (uint16_t)a[l];
        out[1 * LANES + l] = (uint16_t)(a[l] >> 16);
        out[2 * LANES + l] = (uint16_t)b[l];
        out[3 * LANES + l] = (uint16_t)(b[l] >> 16);
        out[4 * LANES + l] = (uint16_t)c[l];
        out[5 * LANES + l] = (uint16_t)(c[l] >> 16);
        out[6 * LANES + l] = (uint16_t)d[l];
        out[7 * LANES + l] = (uint16_t)(d[l] >> 16);
    }
}

/* 64 random bits: two to a block. */
static uint64_t bits64(const base_random *r, uint64_t index)
{
    uint32_t x[4];
    int half = (int)(index & 1) * 2;

    base_random_u32x4(r, index >> 1, x);
    return (uint64_t)x[half + 1] << 32 | x[half];
}

double base_random_uniform(const base_random *r, uint64_t index) { return (double)(bits64(r, index) >> 11) * 0x1p-53; }

int64_t base_random_below(const base_random *r, uint64_t index, int64_t n)
{
    return (int64_t)((unsigned __int128)bits64(r, index) * (uint64_t)n >> 64);
}

/* Box and Muller (1958), the cosine alone. The radius' uniform is in (0, 1]: its logarithm is finite. */
double base_random_normal(const base_random *r, uint64_t index)
{
    uint32_t x[4];

    base_random_u32x4(r, index, x);
    double u = ((double)(((uint64_t)x[1] << 32 | x[0]) >> 11) + 1) * 0x1p-53;
    double v = (double)(((uint64_t)x[3] << 32 | x[2]) >> 11) * 0x1p-53;
    return sqrt(-2 * log(u)) * cos(2 * 3.14159265358979323846 * v);
}

void base_random_shuffle(const base_random *r, int64_t n, int64_t *order)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t j = base_random_below(r, (uint64_t)i, i + 1);
        order[i] = order[j];
        order[j] = i;
    }
}
