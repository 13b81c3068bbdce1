/* Alignment of two sequences of tokens by dynamic programming, and the error rates that follow.
 *
 * What is counted depends on the costs and on which of several cheapest alignments is taken:
 *   TX_UNIT    substitution, insertion, deletion 1; a diagonal step must be cheaper than both others, a deletion
 *              cheaper than an insertion (LevenshteinEditDistance of Kaldi, which compute-wer prints).
 *   TX_SCLITE  substitution 4, insertion and deletion 3; the diagonal wins ties, then the insertion (SCTK).
 * The choice is made where a cell is computed, as both of them do, and followed back from the end. */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "libtext/tx.h"

#define MAX_CELLS ((size_t)1 << 32)

typedef enum step { DIAGONAL, DELETION, INSERTION } step;

static const struct costs { int64_t substitution, deletion, insertion; } costs_of[] = {
    [TX_UNIT] = { 1, 1, 1 },
    [TX_SCLITE] = { 4, 3, 3 },
};

static step choose(tx_costs costs, int64_t diagonal, int64_t deletion, int64_t insertion)
{
    if (costs == TX_UNIT)
        return diagonal < deletion && diagonal < insertion ? DIAGONAL : deletion < insertion ? DELETION : INSERTION;
    return diagonal <= deletion && diagonal <= insertion ? DIAGONAL : deletion < insertion ? DELETION : INSERTION;
}

/* Steps into cells (i, j), 1 <= i <= n, 1 <= j <= m, two bits each. */
static void step_set(unsigned char *steps, size_t cell, step s)
{
    steps[cell / 4] |= (unsigned char)(s << 2 * (cell % 4));
}

static step step_get(const unsigned char *steps, size_t cell)
{
    return (step)(steps[cell / 4] >> 2 * (cell % 4) & 3);
}

/* row [m + 1] of work. */
static void fill(const tx_tokens *ref, const tx_tokens *hyp, tx_costs which, int64_t *row, unsigned char *steps)
{
    const struct costs cost = costs_of[which];
    size_t cell = 0;

    for (int64_t j = 0; j <= hyp->n; j++)
        row[j] = j * cost.insertion;
    for (int64_t i = 1; i <= ref->n; i++) {
        int64_t corner = row[0];

        row[0] = i * cost.deletion;
        for (int64_t j = 1; j <= hyp->n; j++, cell++) {
            bool same = tx_token_equal(ref->token[i - 1], hyp->token[j - 1]);
            int64_t value[] = { corner + (same ? 0 : cost.substitution), row[j] + cost.deletion,
                                row[j - 1] + cost.insertion };
            step s = choose(which, value[DIAGONAL], value[DELETION], value[INSERTION]);

            corner = row[j];
            row[j] = value[s];
            step_set(steps, cell, s);
        }
    }
}

/* Follows the steps back from the end; pair [n + m], filled from its end, is then moved to the front. */
static void trace(const tx_tokens *ref, const tx_tokens *hyp, const unsigned char *steps, tx_alignment *out)
{
    int64_t i = ref->n, j = hyp->n, first = i + j;

    while (i > 0 || j > 0) {
        step s = i == 0   ? INSERTION
                 : j == 0 ? DELETION
                          : step_get(steps, (size_t)(i - 1) * (size_t)hyp->n + (size_t)(j - 1));

        i -= s != INSERTION;
        j -= s != DELETION;
        out->pair[--first] = (tx_pair){ s == INSERTION ? -1 : i, s == DELETION ? -1 : j };
        if (s == DELETION)
            out->errors.deletions++;
        else if (s == INSERTION)
            out->errors.insertions++;
        else if (tx_token_equal(ref->token[i], hyp->token[j]))
            out->errors.correct++;
        else
            out->errors.substitutions++;
    }
    out->n = ref->n + hyp->n - first;
    memmove(out->pair, out->pair + first, (size_t)out->n * sizeof(*out->pair));
}

base_status tx_align(const tx_tokens *ref, const tx_tokens *hyp, tx_costs costs, tx_alignment *out, base_error *e)
{
    int64_t *row = NULL;
    unsigned char *steps = NULL;
    size_t cells;

    *out = (tx_alignment){ 0 };
    if (!base_mul((size_t)ref->n, (size_t)hyp->n, &cells) || cells > MAX_CELLS)
        return base_fail(e, BASE_LIMIT, "texts of %lld and %lld tokens are too long to align", (long long)ref->n,
            (long long)hyp->n);
    row = malloc(((size_t)hyp->n + 1) * sizeof(*row));
    steps = calloc(cells / 4 + 1, 1);
    out->pair = malloc(((size_t)ref->n + (size_t)hyp->n + 1) * sizeof(*out->pair));
    if (row && steps && out->pair) {
        fill(ref, hyp, costs, row, steps);
        trace(ref, hyp, steps, out);
    } else {
        tx_alignment_free(out);
        base_fail(e, BASE_NO_MEMORY, "no memory to align %lld with %lld tokens", (long long)ref->n, (long long)hyp->n);
    }
    free(steps);
    free(row);
    return out->pair ? BASE_OK : BASE_NO_MEMORY;
}

void tx_alignment_free(tx_alignment *a)
{
    if (!a)
        return;
    free(a->pair);
    *a = (tx_alignment){ 0 };
}

base_status tx_count_errors(const char *ref, const char *hyp, bool characters, tx_costs costs, tx_errors *sum,
                            base_error *e)
{
    base_status (*split)(const char *, tx_tokens *, base_error *) = characters ? tx_split_characters : tx_split_words;
    tx_tokens r = { 0 }, h = { 0 };
    tx_alignment a = { 0 };
    base_status status = split(ref, &r, e);

    if (status == BASE_OK)
        status = split(hyp, &h, e);
    if (status == BASE_OK)
        status = tx_align(&r, &h, costs, &a, e);
    tx_errors_add(sum, &a.errors);
    tx_alignment_free(&a);
    tx_tokens_free(&h);
    tx_tokens_free(&r);
    return status;
}

void tx_errors_add(tx_errors *sum, const tx_errors *n)
{
    sum->correct += n->correct;
    sum->substitutions += n->substitutions;
    sum->deletions += n->deletions;
    sum->insertions += n->insertions;
}

double tx_error_rate(const tx_errors *n)
{
    int64_t length = tx_errors_length(n);

    return 100.0 * (double)tx_errors_total(n) / (double)(length ? length : 1);
}
