/* Filling a base_error: what library code calls when something is wrong. */
#ifndef SERIN_BASE_ERROR_H
#define SERIN_BASE_ERROR_H

#include "base/status.h"

#ifdef __GNUC__
#define BASE_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define BASE_PRINTF(f, a)
#endif

/* Records status and message unless e already holds an error (the first one is the cause); e may be NULL.
 * Control characters and the like, which names in files could hold, become ? (base/utf8.h). Returns status, so that `return base_fail(e, BASE_FORMAT, "%s:%d: …", path, line);` is one line. */
base_status base_fail(base_error *e, base_status status, const char *format, ...) BASE_PRINTF(3, 4);

/* The same with ": " and the text of errno behind the message; status is BASE_IO (BASE_MISSING for ENOENT). */
base_status base_fail_errno(base_error *e, const char *format, ...) BASE_PRINTF(2, 3);

/* Puts "context: " in front of the message e holds. Returns e's status. */
base_status base_fail_in(base_error *e, const char *format, ...) BASE_PRINTF(2, 3);

/* A short name of a status, "format error" for BASE_FORMAT. */
const char *base_status_name(base_status status);

#endif
