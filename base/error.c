/* Messages are cut where base_error ends, never in the middle of a UTF-8 character, and can be shown to anybody: names in
 * them come from files. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

/* Takes the bytes of a character that snprintf cut off the end, and makes the rest plain. */
static void make_message(char *text)
{
    size_t n = strlen(text), i = n;

    while (i > 0 && n - i < 4 && ((unsigned char)text[i - 1] & 0xc0) == 0x80)
        i--;
    if (i > 0) {
        unsigned char lead = (unsigned char)text[i - 1];
        size_t want = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
        if (n - (i - 1) < want)
            text[i - 1] = '\0';
    }
    base_make_plain(text, false);
}

static bool fresh(const base_error *e) { return e && e->status == BASE_OK; }

base_status base_fail(base_error *e, base_status status, const char *format, ...)
{
    va_list a;

    if (fresh(e)) {
        e->status = status;
        va_start(a, format);
        vsnprintf(e->text, sizeof e->text, format, a);
        va_end(a);
        make_message(e->text);
    }
    return status;
}

base_status base_fail_errno(base_error *e, const char *format, ...)
{
    int code = errno;
    char what[sizeof e->text];
    va_list a;

    va_start(a, format);
    vsnprintf(what, sizeof what, format, a);
    va_end(a);
    return base_fail(e, code == ENOENT ? BASE_MISSING : code == ENOMEM ? BASE_NO_MEMORY : BASE_IO, "%s: %s", what,
                     strerror(code));
}

base_status base_fail_in(base_error *e, const char *format, ...)
{
    char text[sizeof e->text];
    va_list a;

    if (!e || e->status == BASE_OK)
        return BASE_OK;
    memcpy(text, e->text, sizeof text);
    va_start(a, format);
    int n = vsnprintf(e->text, sizeof e->text, format, a);
    va_end(a);
    if (n >= 0 && (size_t)n < sizeof e->text)
        snprintf(e->text + n, sizeof e->text - (size_t)n, ": %s", text);
    make_message(e->text);
    return e->status;
}

const char *base_status_name(base_status status)
{
    static const char *const names[] = { "no error",      "out of memory",  "input/output error", "missing",
                                         "format error",  "shape mismatch", "value out of range", "limit exceeded",
                                         "unsupported",   "mismatch",       "busy" };
    int i = -(int)status;

    return i >= 0 && i < (int)(sizeof names / sizeof *names) ? names[i] : "unknown error";
}
