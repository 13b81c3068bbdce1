/* passive: threads that wait sleep instead of spinning, in a program that is linked with this file.
 *
 * On a machine that does anything else, a thread that spins keeps the one it waits for from running, and small networks
 * become many times slower. OpenMP has OMP_WAIT_POLICY=passive for that, but GCC's runtime reads it before main and before
 * any constructor of the program. Functions in .preinit_array run earlier still, when the C library has not yet taken over
 * the environment: a variable can be exchanged there, none be added. So one that no library reads at its start lends its
 * place until the runtime has read the policy. What the user has set is left alone. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define POLICY "OMP_WAIT_POLICY"

static char **place, *kept;      /* the lent place, and whose it is */

static bool is(const char *entry, const char *name)
{
    size_t n = strlen(name);
    return strncmp(entry, name, n) == 0 && entry[n] == '=';
}

static void lend(int argc, char **argv, char **environment)
{
    static char passive[] = POLICY "=passive";
    char **lender = environment;
    (void)argc;
    (void)argv;

    for (char **e = environment; *e; e++)
        if (is(*e, POLICY))
            return;
        else if (is(*e, "_") || is(*e, "OLDPWD"))
            lender = e;
    if (!*lender)       /* an empty environment has no place to lend */
        return;
    place = lender;
    kept = *place;
    *place = passive;
}

__attribute__((section(".preinit_array"), used)) static void (*const first)(int, char **, char **) = lend;

/* Runs behind GCC's runtime, which has read the policy, and before clang's, which reads it when it is first used. */
__attribute__((constructor)) static void give_back(void)
{
    if (place)
        *place = kept;
    setenv(POLICY, "passive", 0);
}
