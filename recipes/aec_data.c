/* Pairs for the corrector: what a recogniser wrote down, and what was said. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "recipes/aec.h"

/* The text of utt, of which key is utt or utt-N. */
static const tx_entry *find_text(const tx_table *t, const char *key)
{
    const tx_entry *found = tx_table_find(t, key);
    const char *dash = strrchr(key, '-');
    char *utt;

    if (found || !dash || !dash[1] || dash[1 + strspn(dash + 1, "0123456789")])
        return found;
    utt = strndup(key, (size_t)(dash - key));
    found = utt ? tx_table_find(t, utt) : NULL;
    free(utt);
    return found;
}

/* All hypotheses of a text are on one side, whoever says it. */
static bool is_dev(const char *text, double share, int seed)
{
    base_random r = base_random_at((uint64_t)seed, 0, base_hash_text(base_hash_text(BASE_HASH_INIT, "dev/"), text));

    return base_random_uniform(&r, 0) < share;
}

static base_status take_pair(ser_aec_data *d, const tx_entry *heard, ser_pair_text *p, double dev_share, int seed, const tx_wordpiece *w,
    base_error *e)
{
    const tx_entry *said = find_text(&d->text, heard->key);

    if (!said)
        return base_fail(e, BASE_MISSING, "%s:%" PRId64 ": \"%s\": no text of it in %s", d->heard.path, heard->line, heard->key,
            d->text.path);
    *p = (ser_pair_text){ .key = said->key, .said = tx_normalise(said->value, &d->norm, e) };
    if (!p->said || !(p->heard = tx_normalise(heard->value, &d->norm, e)))
        return base_fail_in(e, "%s", d->heard.path);
    p->dev = is_dev(p->said, dev_share, seed);
    return ser_words_encode(w, p->said, &p->target, e);
}

static void pair_free(ser_pair_text *p)
{
    free(p->said);
    free(p->heard);
    tx_labels_free(&p->target);
    *p = (ser_pair_text){ 0 };
}

static base_status read_tables(ser_aec_data *d, const char *text, const char *heard, const char *text_norm, base_error *e)
{
    d->norm = (tx_normalise_options)TX_NORMALISE_NONE;
    if (tx_normalise_parse(&d->norm, text_norm, e))
        return base_fail_in(e, "text-norm=%s", text_norm);
    if (tx_table_read(&d->text, text, TX_ANY, e) || tx_table_read(&d->heard, heard, TX_ANY, e))
        return e->status;
    d->pair = calloc((size_t)d->heard.n + 1, sizeof *d->pair);
    return d->pair ? BASE_OK : base_fail(e, BASE_NO_MEMORY, "%s: out of memory", heard);
}

base_status ser_aec_data_open(ser_aec_data *d, const char *text, const char *heard, const char *text_norm, double dev_share, int seed,
    const tx_wordpiece *w, base_error *e)
{
    *d = (ser_aec_data){ 0 };
    if (read_tables(d, text, heard, text_norm, e))
        return e->status;
    for (int dev = 0; dev < 2; dev++)
        for (int64_t i = 0; i < d->heard.n; i++) {
            ser_pair_text *p = &d->pair[d->n];

            if (take_pair(d, &d->heard.entry[i], p, dev_share, seed, w, e)) {
                d->n++;         /* what it has is freed with the rest */
                return e->status;
            }
            if (p->dev == dev && (dev || *p->heard)) {     /* nothing is learnt from nothing */
                d->n++;
                d->train += !dev;
            } else
                pair_free(p);
        }
    if (d->train == 0)
        return base_fail(e, BASE_MISSING, "%s: no pair to learn from (%" PRId64 " lines, dev-share=%g)", heard, d->heard.n, dev_share);
    return BASE_OK;
}

void ser_aec_data_free(ser_aec_data *d)
{
    for (int64_t i = 0; i < d->n; i++)
        pair_free(&d->pair[i]);
    free(d->pair);
    tx_table_free(&d->text);
    tx_table_free(&d->heard);
    *d = (ser_aec_data){ 0 };
}

/* A character of the text, any of them alike. */
static uint32_t any_character(const char *text, int64_t count, const base_random *r, uint64_t draw)
{
    uint32_t c = 0;

    for (int64_t i = base_random_below(r, draw, count); i >= 0; i--)
        c = tx_utf8_next(&text);
    return c;
}

char *ser_aec_spoil(const char *text, double share, const base_random *r)
{
    int64_t count = tx_utf8_count(text);
    char *out = malloc(8 * (size_t)count + 1), *at = out;
    const char *from = text;

    for (uint64_t i = 0; out && *from; i++) {
        uint32_t c = tx_utf8_next(&from);
        int64_t how = base_random_uniform(r, 3 * i) < share ? base_random_below(r, 3 * i + 1, 3) : 3;

        if (how == 1)
            at += tx_utf8_put(any_character(text, count, r, 3 * i + 2), at);
        if (how != 0 && how != 1)
            at += tx_utf8_put(c, at);
        if (how == 2)
            at += tx_utf8_put(c, at);
    }
    if (out)
        *at = '\0';
    return out;
}
