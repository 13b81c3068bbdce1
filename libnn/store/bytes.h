/* Little-endian numbers at any address of a file; configure refuses machines that are not. */
#ifndef SERIN_NN_BYTES_H
#define SERIN_NN_BYTES_H

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t nn_u16(const void *p) { uint16_t x; memcpy(&x, p, sizeof x); return x; }
static inline uint32_t nn_u32(const void *p) { uint32_t x; memcpy(&x, p, sizeof x); return x; }
static inline uint64_t nn_u64(const void *p) { uint64_t x; memcpy(&x, p, sizeof x); return x; }
static inline double   nn_f64(const void *p) { double x; memcpy(&x, p, sizeof x); return x; }

/* The first of n doubles that is finite, but too large for a float; -1: none. */
static inline int64_t nn_too_large(const unsigned char *p, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        double x = nn_f64(p + 8 * i);
        if (isinf((float)x) && !isinf(x))
            return i;
    }
    return -1;
}

#endif
