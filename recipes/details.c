/* What went wrong, utterance by utterance and word by word, in the form of Kaldi's wer_per_utt_details.pl and
 * wer_ops_details.pl:
 *     utt1 ref  THE  CAT  ***  SAT
 *     utt1 hyp  THE  HAT  HAS  SAT
 *     utt1 op    C    S    I    C
 *     utt1 #csid 2 1 1 0
 * and behind the last utterance lines "substitution CAT HAT 3", the most frequent first. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "recipes/score.h"

#define NOTHING "***"

/* Both sides of one pair and what it is: C, S, I or D. */
typedef struct op { char kind; tx_token ref, hyp; int64_t count; } op;
typedef struct ops { op *op; int64_t n; size_t room; } ops;

/* The space between words, in characters, is shown as _. */
static tx_token visible(tx_token t)
{
    return t.n == 1 && *t.s == ' ' ? (tx_token){ "_", 1 } : t;
}

static op op_of(const tx_pair *p, const tx_tokens *ref, const tx_tokens *hyp)
{
    const tx_token nothing = { NOTHING, (int)strlen(NOTHING) };

    if (p->ref < 0)
        return (op){ 'I', nothing, visible(hyp->token[p->hyp]), 1 };
    if (p->hyp < 0)
        return (op){ 'D', visible(ref->token[p->ref]), nothing, 1 };
    return (op){ tx_token_equal(ref->token[p->ref], hyp->token[p->hyp]) ? 'C' : 'S', visible(ref->token[p->ref]),
                 visible(hyp->token[p->hyp]), 1 };
}

/* ---- an utterance ---------------------------------------------------------------------------------------------- */

static int width(tx_token t)
{
    int n = 0;

    for (const char *s = t.s; s < t.s + t.n; n++)
        tx_utf8_next(&s);
    return n;
}

static void print_rows(FILE *f, const char *key, const op *list, int64_t n, const tx_errors *e)
{
    static const char *const row[] = { "ref", "hyp", "op " };

    for (int r = 0; r < 3; r++) {
        fprintf(f, "%s %s", key, row[r]);
        for (int64_t i = 0; i < n; i++) {
            int ref = width(list[i].ref), hyp = width(list[i].hyp), wide = ref > hyp ? ref : hyp;

            if (r == 2)
                fprintf(f, "  %-*c", wide, list[i].kind);
            else if (r == 1)
                fprintf(f, "  %.*s%*s", list[i].hyp.n, list[i].hyp.s, wide - hyp, "");
            else
                fprintf(f, "  %.*s%*s", list[i].ref.n, list[i].ref.s, wide - ref, "");
        }
        fputc('\n', f);
    }
    fprintf(f, "%s #csid %lld %lld %lld %lld\n", key, (long long)e->correct, (long long)e->substitutions,
        (long long)e->insertions, (long long)e->deletions);
}

static base_status add_ops(ops *all, const tx_alignment *a, const tx_tokens *ref, const tx_tokens *hyp, base_error *e)
{
    size_t need = (size_t)(all->n + a->n) + 1;

    if (need > all->room) {
        op *more = realloc(all->op, 2 * need * sizeof(*more));

        if (!more)
            return base_fail(e, BASE_NO_MEMORY, "no memory for the details of %zu words", need);
        all->op = more;
        all->room = 2 * need;
    }
    for (int64_t i = 0; i < a->n; i++)
        all->op[all->n++] = op_of(&a->pair[i], ref, hyp);
    return BASE_OK;
}

static base_status one_utterance(FILE *f, const ser_texts *t, const ser_text *u, ops *all, base_error *e)
{
    base_status (*split)(const char *, tx_tokens *, base_error *) =
        t->characters ? tx_split_characters : tx_split_words;
    tx_tokens ref = { 0 }, hyp = { 0 };
    tx_alignment a = { 0 };
    base_status status = split(u->ref, &ref, e);
    int64_t first = all->n;

    if (status == BASE_OK)
        status = split(u->hyp, &hyp, e);
    if (status == BASE_OK)
        status = tx_align(&ref, &hyp, t->costs, &a, e);
    if (status == BASE_OK)
        status = add_ops(all, &a, &ref, &hyp, e);
    if (status == BASE_OK)
        print_rows(f, u->key, all->op + first, all->n - first, &a.errors);
    tx_alignment_free(&a);
    tx_tokens_free(&hyp);
    tx_tokens_free(&ref);
    return status;
}

/* ---- all words ------------------------------------------------------------------------------------------------- */

static int compare_tokens(tx_token a, tx_token b)
{
    int order = memcmp(a.s, b.s, (size_t)(a.n < b.n ? a.n : b.n));

    return order ? order : a.n - b.n;
}

static int by_words(const void *a, const void *b)
{
    const op *x = a, *y = b;
    int order = x->kind - y->kind;

    if (order == 0)
        order = compare_tokens(x->ref, y->ref);
    return order ? order : compare_tokens(x->hyp, y->hyp);
}

static int by_count(const void *a, const void *b)
{
    const op *x = a, *y = b;

    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return by_words(a, b);
}

static const char *name_of(char kind)
{
    switch (kind) {
    case 'C':
        return "correct";
    case 'S':
        return "substitution";
    case 'I':
        return "insertion";
    default:
        return "deletion";
    }
}

static void print_ops(FILE *f, ops *all)
{
    int64_t kinds = 0;

    qsort(all->op, (size_t)all->n, sizeof(*all->op), by_words);
    for (int64_t i = 0; i < all->n; i++)
        if (kinds > 0 && by_words(&all->op[kinds - 1], &all->op[i]) == 0)
            all->op[kinds - 1].count++;
        else
            all->op[kinds++] = all->op[i];
    qsort(all->op, (size_t)kinds, sizeof(*all->op), by_count);
    for (int64_t i = 0; i < kinds; i++) {
        const op *o = &all->op[i];

        fprintf(f, "%s %.*s %.*s %lld\n", name_of(o->kind), o->ref.n, o->ref.s, o->hyp.n, o->hyp.s, (long long)o->count);
    }
}

base_status ser_texts_details(const ser_texts *t, const char *path, base_error *e)
{
    ops all = { 0 };
    base_out out;
    base_status status = base_out_open(&out, path, e);

    if (status != BASE_OK)
        return status;
    for (int64_t i = 0; i < t->n && status == BASE_OK; i++)
        status = one_utterance(out.f, t, &t->text[i], &all, e);
    if (status == BASE_OK) {
        print_ops(out.f, &all);
        status = base_out_commit(&out, e);
    } else {
        base_out_abandon(&out);
    }
    free(all.op);
    return status;
}
