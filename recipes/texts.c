/* Error rates of texts: what each utterance adds. */
#include <stdlib.h>

#include "base/log.h"
#include "base/parallel.h"
#include "recipes/score.h"

/* Alignment takes time and nothing is shared, so utterances are counted in parallel; the first error wins. */
static base_status count_all(ser_texts *t, base_error *e)
{
    base_error *errors = calloc((size_t)t->n, sizeof(*errors));

    if (!errors)
        return base_fail(e, BASE_NO_MEMORY, "no memory for %lld utterances", (long long)t->n);
    base_parallel_for_dynamic(t->n, 16, i, end)
        for (; i < end; i++)
            tx_count_errors(t->text[i].ref, t->text[i].hyp, t->characters, t->costs, &t->text[i].errors, &errors[i]);
    for (int64_t i = 0; i < t->n; i++)
        if (errors[i].status != BASE_OK)
            base_fail(e, errors[i].status, "\"%s\": %s", t->text[i].key, errors[i].text);
    free(errors);
    return e->status;
}

base_status ser_texts_make(ser_texts *t, const tx_table *ref, const tx_table *hyp, ser_mode mode, bool characters,
    tx_costs costs, base_error *e)
{
    ser_pairs pairs;
    base_status status = ser_pairs_make(&pairs, ref, hyp, mode, e);

    *t = (ser_texts){ .characters = characters, .costs = costs };
    if (status != BASE_OK)
        return status;
    t->n = pairs.n;
    t->missing = pairs.missing;
    t->text = calloc((size_t)t->n, sizeof(*t->text));
    for (int64_t i = 0; t->text && i < t->n; i++) {
        const ser_pair *p = &pairs.pair[i];

        t->text[i] = (ser_text){ .key = p->ref->key, .ref = p->ref->value, .hyp = p->hyp ? p->hyp->value : "" };
    }
    ser_pairs_free(&pairs);
    status = t->text ? count_all(t, e) : base_fail(e, BASE_NO_MEMORY, "no memory for %lld utterances", (long long)t->n);
    if (status != BASE_OK)
        ser_texts_free(t);
    return status;
}

void ser_texts_free(ser_texts *t)
{
    free(t->text);
    *t = (ser_texts){ 0 };
}
