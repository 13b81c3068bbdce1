#include "base/c_locale.h"

#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>

/* The C library has this locale ready: making it takes no memory and does not fail. */
static locale_t c_locale(void)
{
    static locale_t c;
    locale_t made = __atomic_load_n(&c, __ATOMIC_ACQUIRE);

    if (!made) {
        made = newlocale(LC_ALL_MASK, "C", (locale_t)0);
        __atomic_store_n(&c, made, __ATOMIC_RELEASE);
    }
    return made;
}

double base_strtod(const char *text, char **end) { return strtod_l(text, end, c_locale()); }
float  base_strtof(const char *text, char **end) { return strtof_l(text, end, c_locale()); }

int base_fprintf(FILE *f, const char *format, ...)
{
    locale_t before = uselocale(c_locale());
    va_list a;

    va_start(a, format);
    int n = vfprintf(f, format, a);
    va_end(a);
    uselocale(before);
    return n;
}
