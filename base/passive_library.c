/* libserin-passive: threads that wait sleep instead of spinning, in a program that is linked with Serin's libraries.
 *
 * A library cannot use .preinit_array as passive.c does. But the loader starts libraries that do not need each other in the
 * reverse of the order in which it met them, so one that is named behind OpenMP's runtime, and needs nothing but the C
 * library, starts before it. What the user has set is left alone. */
#include <stdlib.h>

__attribute__((constructor)) static void choose_passive(void) { setenv("OMP_WAIT_POLICY", "passive", 0); }
