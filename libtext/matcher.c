#include "libtext/matcher.h"

#include <stdlib.h>
#include <string.h>

static int by_text(const void *a, const void *b)
{
    const tx_match *x = a, *y = b;
    int order = strcmp(x->text, y->text);

    return order ? order : x->value - y->value;
}

void tx_matcher_make(tx_matcher *m, tx_match *match, int n)
{
    int kept = 0;

    if (n)
        qsort(match, (size_t)n, sizeof *match, by_text);
    for (int i = 0; i < n; i++)
        if (*match[i].text && (!kept || strcmp(match[kept - 1].text, match[i].text)))
            match[kept++] = match[i];
    *m = (tx_matcher){ .match = match, .n = kept };
    for (int b = 0, i = 0; b <= 256; b++) {
        while (i < kept && (unsigned char)*match[i].text < b)
            i++;
        m->first[b] = i;
    }
}

void tx_matcher_free(tx_matcher *m)
{
    free(m->match);
    *m = (tx_matcher){ 0 };
}

/* The first of match[low .. high - 1], which agree before byte `at`, whose byte there is b or more. */
static int first_from(const tx_matcher *m, int low, int high, size_t at, int b)
{
    while (low < high) {
        int middle = low + (high - low) / 2;

        if ((unsigned char)m->match[middle].text[at] < b)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int tx_matcher_longest(const tx_matcher *m, const char *s, const char *end, size_t *length)
{
    int found = -1, low, high, b;

    if (!m->n || s == end)
        return -1;
    b = (unsigned char)*s;
    low = m->first[b];
    high = m->first[b + 1];
    for (size_t at = 1; low < high; at++) {
        if (!m->match[low].text[at]) {      /* the shortest comes first */
            found = m->match[low].value;
            *length = at;
            low++;
        }
        if (s + at == end)
            break;
        b = (unsigned char)s[at];
        low = first_from(m, low, high, at, b);
        high = first_from(m, low, high, at, b + 1);
    }
    return found;
}
