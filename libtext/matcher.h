/* The longest of many texts that another begins with: tokens that are cut out of raw text before anything else. */
#ifndef SERIN_LIBTEXT_MATCHER_H
#define SERIN_LIBTEXT_MATCHER_H

#include <stdbool.h>
#include <stddef.h>

typedef struct tx_match { const char *text; int value; } tx_match;

/* Start with { 0 }: it finds nothing. */
typedef struct tx_matcher {
    tx_match *match;        /* [n] texts rising */
    int       n;
    int       first[257];   /* where those begin whose first byte is b or more */
} tx_matcher;

/* Of match [n], whose texts outlive it and whose order changes; empty ones never match, of equal ones the smallest value does.
 * Takes match over, which came from malloc. */
void tx_matcher_make(tx_matcher *m, tx_match *match, int n);
void tx_matcher_free(tx_matcher *m);

/* The value of the longest text at s, and its length; -1: none. Costs a binary search for each byte that goes on to match. */
int tx_matcher_longest(const tx_matcher *m, const char *s, const char *end, size_t *length);

#endif
