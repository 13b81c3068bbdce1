/* Little-endian numbers at any address of a file; configure refuses machines that are not. */
#ifndef SERIN_NN_BYTES_H
#define SERIN_NN_BYTES_H

#include <stdint.h>
#include <string.h>

static inline uint16_t nn_u16(const void *p) { uint16_t x; memcpy(&x, p, sizeof x); return x; }
static inline uint32_t nn_u32(const void *p) { uint32_t x; memcpy(&x, p, sizeof x); return x; }
static inline uint64_t nn_u64(const void *p) { uint64_t x; memcpy(&x, p, sizeof x); return x; }

#endif
