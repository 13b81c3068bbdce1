/* What AddressSanitizer is told of memory we manage ourselves; nothing where it is off. */
#ifndef SERIN_BASE_SANITIZER_H
#define SERIN_BASE_SANITIZER_H

#if defined(__SANITIZE_ADDRESS__)
#define BASE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BASE_ASAN 1
#endif
#endif

#ifdef BASE_ASAN
#include <sanitizer/asan_interface.h>
#define BASE_POISON(p, n) __asan_poison_memory_region(p, n)
#define BASE_UNPOISON(p, n) __asan_unpoison_memory_region(p, n)
#define BASE_SEES_POISONED __attribute__((no_sanitize("address")))
#else
#define BASE_POISON(p, n) ((void)(p), (void)(n))
#define BASE_UNPOISON(p, n) ((void)(p), (void)(n))
#define BASE_SEES_POISONED
#endif

#endif
