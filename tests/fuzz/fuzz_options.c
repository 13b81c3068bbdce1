/* --config files, with an option of each kind. What is wrong ends a program: exit comes back to us, and what waits for
 * it is not registered (-Wl,--wrap). When searching, -close_fd_mask=3 keeps the refusals quiet. */
#include <assert.h>
#include <math.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "tests/fuzz/fuzz.h"

void __real_exit(int status) __attribute__((noreturn));
void __wrap_exit(int status) __attribute__((noreturn));
int __real_atexit(void (*f)(void));
int __wrap_atexit(void (*f)(void));
void __lsan_disable(void) __attribute__((weak));

static jmp_buf back;
static volatile bool inside;

void __wrap_exit(int status)
{
    if (!inside)
        __real_exit(status);
    inside = false;
    longjmp(back, status ? status : -1);
}

int __wrap_atexit(void (*f)(void)) { return inside ? 0 : __real_atexit(f); }

/* The options of the program that is being played; a jump must not lose them. */
static base_options *o;
static int whole;
static double number;
static bool yes;
static const char *text, *choice;

static void play(const char *path)
{
    static char option[200];
    char *argv[] = { "fuzz", option, "--print-args=false" };

    snprintf(option, sizeof option, "--config=%s", path);
    whole = 5, number = 0.5, yes = false, text = "none", choice = "fast";
    o = base_options_new("Usage: fuzz");
    base_option_int(o, "beam-size", &whole, 1, 100, "");
    base_option_float(o, "rate", &number, 0, 1, "");
    base_option_bool(o, "loud", &yes, "");
    base_option_text(o, "name", &text, "");
    base_option_choice(o, "mode", &choice, "fast|slow", "");
    base_options_parse(o, 3, argv, 0, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool quiet;

    if (!quiet && __lsan_disable)
        __lsan_disable();       /* what a program that ends has not freed */
    quiet = true;
    inside = true;
    if (!setjmp(back)) {
        play(fuzz_file(data, size));
        assert(whole >= 1 && whole <= 100 && number >= 0 && number <= 1 && isfinite(number));
        assert(strlen(text) <= size + 4 && (!strcmp(choice, "fast") || !strcmp(choice, "slow")));
    }
    inside = false;
    base_options_free(o);
    o = NULL;
    return 0;
}
