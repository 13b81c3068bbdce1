/* A fuzz target is one function; libFuzzer (configure --enable-fuzzers, clang) or replay.c calls it. */
#ifndef SERIN_TESTS_FUZZ_H
#define SERIN_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Puts bytes where a function that takes a path finds them; the path is good until the next call. */
const char *fuzz_file(const uint8_t *data, size_t size);

/* The same under a name of its own in a folder, which is removed at the end: for readers that look at what lies beside. */
const char *fuzz_folder(void);
const char *fuzz_write(const char *name, const uint8_t *data, size_t size);

#endif
