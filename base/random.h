/* Random numbers without state: Philox4x32-10 (Salmon et al. 2011). A number is a pure function of (seed, step,
 * name, index), so a resumed run draws what an uninterrupted one draws, and any element can be drawn alone. */
#ifndef SERIN_BASE_RANDOM_H
#define SERIN_BASE_RANDOM_H

#include <stdint.h>

/* One stream: the key of Philox and the upper half of its counter. */
typedef struct base_random {
    uint32_t key[2];
    uint32_t stream[2];
} base_random;

/* The stream of a seed, a step and a name's hash (base_hash_text of "encoder.layers.3.dropout1", say). */
base_random base_random_at(uint64_t seed, uint64_t step, uint64_t name);

/* Four 32-bit numbers: Philox at counter `block`. */
void base_random_u32x4(const base_random *r, uint64_t block, uint32_t out[4]);

/* 128 16-bit numbers, the fast path of dropout: lane l = 0 .. 15 is Philox at counter 16 block + l, and its word w
 * lies at out[32 w + 2 l], the low half first. */
#define BASE_RANDOM_LANES 128
void base_random_u16(const base_random *r, uint64_t block, uint16_t out[BASE_RANDOM_LANES]);

/* Number `index` of the stream, uniform in [0, 1) with 53 bits; an integer in 0 .. n-1; a normal deviate. */
double  base_random_uniform(const base_random *r, uint64_t index);
int64_t base_random_below(const base_random *r, uint64_t index, int64_t n);
double  base_random_normal(const base_random *r, uint64_t index);

/* The permutation of 0 .. n-1 this stream stands for (Fisher-Yates). */
void base_random_shuffle(const base_random *r, int64_t n, int64_t *order);

#endif
