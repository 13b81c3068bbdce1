/* A fuzz target is one function; libFuzzer (configure --enable-fuzzers, clang) or replay.c calls it. */
#ifndef SERIN_TESTS_FUZZ_H
#define SERIN_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Puts bytes where a function that takes a path finds them; the path is good until the next call. */
const char *fuzz_file(const uint8_t *data, size_t size);

#endif
