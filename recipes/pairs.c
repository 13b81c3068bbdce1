/* References and hypotheses brought together by key. */
#include <stdlib.h>
#include <string.h>

#include "recipes/score.h"

ser_mode ser_mode_of(const char *word)
{
    return strcmp(word, "all") == 0 ? SER_ALL : strcmp(word, "present") == 0 ? SER_PRESENT : SER_STRICT;
}

static base_status refuse(const ser_pairs *p, const tx_table *ref, const tx_table *hyp, base_error *e)
{
    if (p->missing > 0)
        return base_fail(e, BASE_MISSING,
                         "%s: no entry for \"%s\" of %s; %lld of %lld keys are missing (--mode=present or all "
                         "scores without them)",
                         hyp->path, p->first_missing, ref->path, (long long)p->missing, (long long)ref->n);
    return base_fail(e, BASE_MISSING, "%s: \"%s\" is not in %s; %lld keys are extra (--mode=present ignores them)",
                     hyp->path, p->first_extra, ref->path, (long long)p->extra);
}

base_status ser_pairs_make(ser_pairs *p, const tx_table *ref, const tx_table *hyp, ser_mode mode, base_error *e)
{
    base_status status = BASE_OK;
    int64_t i = 0, j = 0;

    *p = (ser_pairs){ .pair = malloc((size_t)ref->n * sizeof(*p->pair) + 1) };
    if (!p->pair)
        return base_fail(e, BASE_NO_MEMORY, "no memory for %lld utterances", (long long)ref->n);
    while (i < ref->n || j < hyp->n) {
        const tx_entry *r = ref->entry + i, *h = hyp->entry + j;
        int order = i == ref->n ? 1 : j == hyp->n ? -1 : strcmp(r->key, h->key);

        if (order < 0 && p->missing++ == 0)
            p->first_missing = r->key;
        if (order > 0 && p->extra++ == 0)
            p->first_extra = h->key;
        if (order == 0 || (order < 0 && mode == SER_ALL))
            p->pair[p->n++] = (ser_pair){ r, order == 0 ? h : NULL };
        i += order <= 0;
        j += order >= 0;
    }
    if (mode == SER_STRICT && (p->missing || p->extra))
        status = refuse(p, ref, hyp, e);
    else if (p->n == 0)
        status =
            base_fail(e, BASE_MISSING, "%s and %s have no utterance in common: nothing to score", ref->path, hyp->path);
    if (status != BASE_OK)
        ser_pairs_free(p);
    return status;
}

void ser_pairs_free(ser_pairs *p)
{
    free(p->pair);
    *p = (ser_pairs){ 0 };
}
