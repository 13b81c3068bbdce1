/* Philox4x32-10: J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3",
 * SC 2011. Seed and name make the key; a counter is (block, step), so the steps of one name never share a counter. */
#include "base/random.h"

#include <math.h>
#include <string.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

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

/* By definition: word w of lane l, in halves. */
static void u16_plain(const base_random *r, uint64_t block, uint16_t out[BASE_RANDOM_LANES])
{
    for (unsigned l = 0; l < LANES; l++) {
        uint32_t x[4];
        base_random_u32x4(r, block * LANES + l, x);
        for (unsigned w = 0; w < 4; w++) {
            out[2 * (LANES * w + l)] = (uint16_t)x[w];
            out[2 * (LANES * w + l) + 1] = (uint16_t)(x[w] >> 16);
        }
    }
}

#ifdef __x86_64__
/* Four 32-bit numbers in the low halves of 64-bit lanes, as AVX2's multiplication reads them; it ignores the high
 * halves, so nothing clears them. Compilers do not find this form by themselves (0.8 ns a number for the loop above,
 * vectorised). v[0] takes even lanes and v[1] odd ones: shifted together they lie in order. */
typedef long long quad __attribute__((vector_size(32)));
#define AVX2 __attribute__((target("avx2")))
#define MULTIPLY(a, b) ((quad)_mm256_mul_epu32((__m256i)(a), (__m256i)(b)))
#define EACH(x) ((quad)_mm256_set1_epi64x((long long)(x)))

AVX2 static void u16_avx2(const base_random *r, uint64_t block, uint16_t out[BASE_RANDOM_LANES])
{
    const quad m0 = EACH(M0), m1 = EACH(M1), w0 = EACH(W0), w1 = EACH(W1), low = EACH(UINT32_MAX);

    for (int half = 0; half < 2; half++) {
        uint64_t counter = block * LANES + (uint64_t)half * 8;
        quad v[2][4];
        for (int i = 0; i < 2; i++) {
            v[i][0] = EACH((uint32_t)counter) + (quad){ 0, 2, 4, 6 } + i;
            v[i][1] = EACH(counter >> 32);
            v[i][2] = EACH(r->stream[0]);
            v[i][3] = EACH(r->stream[1]);
        }
        quad k0 = EACH(r->key[0]), k1 = EACH(r->key[1]);
        for (int round = 0; round < ROUNDS; round++, k0 += w0, k1 += w1)
            for (int i = 0; i < 2; i++) {
                quad p = MULTIPLY(m0, v[i][0]), q = MULTIPLY(m1, v[i][2]);
                v[i][0] = (quad)_mm256_srli_epi64((__m256i)q, 32) ^ v[i][1] ^ k0;
                v[i][1] = q;
                v[i][2] = (quad)_mm256_srli_epi64((__m256i)p, 32) ^ v[i][3] ^ k1;
                v[i][3] = p;
            }
        for (int w = 0; w < 4; w++) {
            quad x = (v[0][w] & low) | v[1][w] << 32;
            memcpy(out + 2 * (LANES * w + 8 * half), &x, sizeof x);
        }
    }
}

void base_random_u16(const base_random *r, uint64_t block, uint16_t out[BASE_RANDOM_LANES])
{
    (__builtin_cpu_supports("avx2") ? u16_avx2 : u16_plain)(r, block, out);
}
#else
void base_random_u16(const base_random *r, uint64_t block, uint16_t out[BASE_RANDOM_LANES]) { u16_plain(r, block, out); }
#endif

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
