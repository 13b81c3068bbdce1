/* Arithmetic on sizes that come from files: true when the result fits. Sanitizers do not see size_t wrap, so every
 * size read from outside goes through these before it is used. */
#ifndef SERIN_BASE_CHECKED_H
#define SERIN_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool base_mul(size_t a, size_t b, size_t *out) { return !__builtin_mul_overflow(a, b, out); }
static inline bool base_add(size_t a, size_t b, size_t *out) { return !__builtin_add_overflow(a, b, out); }
static inline bool base_mul_i64(int64_t a, int64_t b, int64_t *out) { return !__builtin_mul_overflow(a, b, out); }
static inline bool base_add_i64(int64_t a, int64_t b, int64_t *out) { return !__builtin_add_overflow(a, b, out); }

/* True when [begin, begin + length) lies inside [0, size). */
static inline bool base_inside(uint64_t begin, uint64_t length, uint64_t size)
{
    return begin <= size && length <= size - begin;
}

#endif
