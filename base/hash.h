/* 64-bit hashes, for names and for telling whether contents changed. Not for security. */
#ifndef SERIN_BASE_HASH_H
#define SERIN_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define BASE_HASH_INIT UINT64_C(0xcbf29ce484222325)

/* FNV-1a of a string, continued from h: hash_text(hash_text(INIT, "a"), "b") = hash_text(INIT, "ab"). */
uint64_t base_hash_text(uint64_t h, const char *text);

/* A word-at-a-time hash of n bytes, seeded with h; gigabytes a second, same value on every machine. */
uint64_t base_hash_bytes(uint64_t h, const void *data, size_t n);

#endif
