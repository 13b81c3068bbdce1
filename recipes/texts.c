/* Error rates of texts: what each utterance adds. */
#include <stdlib.h>

#include "base/log.h"
#include "base/parallel.h"
#include "recipes/score.h"

/* Alignment takes time and nothing is shared, so utterances are counted in parallel; the first error wins. */
static base_status count_all(ser_texts *t, const ser_pairs *pairs, bool ours, base_error *e)
{
    base_error *errors = calloc((size_t)t->n, sizeof(*errors));

    if (!errors)
        return base_fail(e, BASE_NO_MEMORY, "no memory for %lld utterances", (long long)t->n);
    base_parallel_for_dynamic(t->n, 16, i, end)
        for (; i < end; i++) {
            const tx_entry *hyp = pairs->pair[i].hyp;
            tx_errors one = { 0 };

            tx_count_errors(t->text[i].ref, hyp ? hyp->value : "", t->characters, t->costs, &one, &errors[i]);
            tx_errors_add(ours ? &t->text[i].errors : &t->text[i].others, &one);
            t->text[i].wrong += ours && tx_errors_total(&one) > 0;
        }
    for (int64_t i = 0; i < t->n; i++)
        if (errors[i].status != BASE_OK)
            base_fail(e, errors[i].status, "\"%s\": %s", t->text[i].key, errors[i].text);
    free(errors);
    return e->status;
}

static base_status allocate(ser_texts *t, const ser_pairs *first, base_error *e)
{
    t->n = first->n;
    t->missing = first->missing;
    t->text = calloc((size_t)t->n, sizeof(*t->text));
    if (!t->text)
        return base_fail(e, BASE_NO_MEMORY, "no memory for %lld utterances", (long long)t->n);
    for (int64_t i = 0; i < t->n; i++) {
        const ser_pair *p = &first->pair[i];

        t->text[i] = (ser_text){ .key = p->ref->key, .ref = p->ref->value, .hyp = p->hyp ? p->hyp->value : "" };
    }
    return BASE_OK;
}

base_status ser_texts_make(ser_texts *t, const tx_table *ref, const ser_answers *answers, ser_mode mode, bool characters,
    tx_costs costs, base_error *e)
{
    ser_pairs first = { 0 };
    base_status status = ser_pairs_make(&first, ref, &answers->table[0], mode, e);

    *t = (ser_texts){ .tables = answers->n, .ours = answers->ours, .characters = characters, .costs = costs };
    if (status == BASE_OK)
        status = allocate(t, &first, e);
    for (int i = 0; i < answers->n && status == BASE_OK; i++) {
        ser_pairs pairs = { 0 };

        status = ser_answers_pair(&pairs, ref, answers, i, mode, &first, e);
        if (status == BASE_OK)
            status = count_all(t, &pairs, i < t->ours, e);
        ser_pairs_free(&pairs);
    }
    ser_pairs_free(&first);
    if (status != BASE_OK)
        ser_texts_free(t);
    return status;
}

void ser_texts_free(ser_texts *t)
{
    free(t->text);
    *t = (ser_texts){ 0 };
}
