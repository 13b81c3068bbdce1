#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/number.h"
#include "base/progress.h"
#include "base/utf8.h"

int base_verbose = 0;
bool base_allow_failures = false;
const char *base_program = "serin";
static double started = -1;

void base_log_begin(const char *path)
{
    const char *slash = strrchr(path, '/');

    base_program = slash ? slash + 1 : path;
    started = base_seconds();
}

/* One write a message, so that lines of parallel jobs do not mix, and one line, of characters that a terminal does not obey: names
 * in it come from files. */
void base_message(base_level level, const char *function, const char *file, int line, const char *format, ...)
{
    static const char *const names[] = { "LOG", "WARNING", "ERROR" };
    const char *slash = strrchr(file, '/');
    char text[4096];
    va_list a;

    int n = snprintf(text, sizeof text, "%s (%s[%s]:%s():%s:%d) ", names[level], base_program, PACKAGE_VERSION, function,
                     slash ? slash + 1 : file, line);
    va_start(a, format);
    if (n > 0 && (size_t)n < sizeof text)
        vsnprintf(text + n, sizeof text - (size_t)n, format, a);
    va_end(a);
    base_make_plain(text, false);
    size_t length = strlen(text);
    text[length < sizeof text - 1 ? length : --length] = '\n';
    base_progress_clear();
    fwrite(text, 1, length + 1, stderr);
}

int base_report(const char *what, long done, long failed)
{
    base_log("Done %s, %ld failed; %.1f s, peak memory %zu MiB", base_count(done, what), failed,
             started < 0 ? 0.0 : base_seconds() - started, base_memory_peak() >> 20);
    if (done == 0 && failed == 0)
        base_say_error("there was nothing to do: no %.*s came in", (int)strcspn(what, "|"), what);
    return done == 0 || (failed > 0 && !base_allow_failures);
}

int base_give_up(const base_error *e)
{
    base_say_error("%s", e->text);
    return 1;
}
