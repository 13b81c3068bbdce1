/* Status codes and messages, shared by every library of Serin. Public: installed with nn.h, au.h and tx.h.
 *
 * A function that can fail through no fault of the programmer (a file, a shape, memory) returns a base_status or a
 * NULL pointer, and writes what happened into the caller's base_error: the thing's name, what was found and what was
 * expected. Libraries never print and never exit. */
#ifndef SERIN_BASE_STATUS_H
#define SERIN_BASE_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/* What a library exports; everything else is hidden (-fvisibility=hidden). */
#define SERIN_API __attribute__((visibility("default")))

typedef enum base_status {
    BASE_OK = 0,
    BASE_NO_MEMORY = -1,    /* an allocation failed, or an arena's limit is reached */
    BASE_IO = -2,           /* the system refused to open, read, write or rename; the message holds errno's text */
    BASE_MISSING = -3,      /* a file, key, tensor or label that should be there is not */
    BASE_FORMAT = -4,       /* a file does not follow its format; the message holds the line or byte */
    BASE_SHAPE = -5,        /* sizes do not fit each other */
    BASE_VALUE = -6,        /* a value or an option outside its range, NaN and Inf included */
    BASE_LIMIT = -7,        /* larger than a set limit */
    BASE_UNSUPPORTED = -8,  /* well-formed, but nothing Serin can work with */
    BASE_MISMATCH = -9,     /* two things that must agree do not: labels, configurations, versions */
    BASE_BUSY = -10         /* somebody else holds the lock */
} base_status;

/* The first error of an undertaking; start with BASE_ERROR_INIT. */
typedef struct base_error {
    base_status status;
    char        text[1000];
} base_error;

#define BASE_ERROR_INIT { BASE_OK, "" }

#ifdef __cplusplus
}
#endif
#endif
