/* Numbers as the C locale writes them, in whatever locale the program around a library runs. */
#ifndef SERIN_BASE_C_LOCALE_H
#define SERIN_BASE_C_LOCALE_H

#include <stdio.h>

#include "base/error.h"

double base_strtod(const char *text, char **end);
float  base_strtof(const char *text, char **end);

int base_fprintf(FILE *f, const char *format, ...) BASE_PRINTF(2, 3);

#endif
