/* Utterances with what was recognised: some whose emotion was missed, some with wrong words, some all right; evenly drawn
 * from each, so that the same scores show the same examples. */
#include <stdlib.h>
#include <string.h>

#include "recipes/report.h"
#include "recipes/svg.h"

typedef enum kind { WRONG_EMOTION, WRONG_WORDS, ALL_RIGHT, KINDS } kind;
static const char *const kind_title[KINDS] = { "Emotion missed", "Emotion right, words wrong", "All right" };

/* The tables that were scored; those that are gone have no entries. */
typedef struct tables { tx_table emo_ref, emo_hyp, text_ref, text_hyp; } tables;

static void read_table(tx_table *t, const json_t *section, const char *side, tx_values values)
{
    const char *path = json_string_value(json_object_get(section, side));

    if (!path || tx_table_read(t, path, values, NULL) != BASE_OK)
        *t = (tx_table){ 0 };
}

/* ---- words ----------------------------------------------------------------------------------------------------- */

static void write_word(FILE *f, const char *tag, tx_token word)
{
    char *text = strndup(word.s, (size_t)word.n);

    fprintf(f, *tag ? " <%s>" : " ", tag);
    ser_escape(f, text ? text : "");
    if (*tag)
        fprintf(f, "</%s>", tag);
    free(text);
}

/* The reference with what was not heard struck out, and what was heard instead marked. */
static void write_words(FILE *f, const char *ref, const char *hyp)
{
    tx_tokens r = { 0 }, h = { 0 };
    tx_alignment a = { 0 };

    if (tx_split_words(ref, &r, NULL) == BASE_OK && tx_split_words(hyp, &h, NULL) == BASE_OK &&
        tx_align(&r, &h, TX_UNIT, &a, NULL) == BASE_OK) {
        fputs("<p class=\"words\">", f);
        for (int64_t i = 0; i < a.n; i++) {
            tx_pair p = a.pair[i];
            bool same = p.ref >= 0 && p.hyp >= 0 && tx_token_equal(r.token[p.ref], h.token[p.hyp]);

            if (p.ref >= 0)
                write_word(f, same ? "" : "del", r.token[p.ref]);
            if (p.hyp >= 0 && !same)
                write_word(f, "ins", h.token[p.hyp]);
        }
        fputs(a.n ? "</p>\n" : "<i>nothing was said, nothing was recognised</i></p>\n", f);
    }
    tx_alignment_free(&a);
    tx_tokens_free(&h);
    tx_tokens_free(&r);
}

/* ---- an utterance ---------------------------------------------------------------------------------------------- */

static bool differ(const char *a, const char *b) { return a && b && strcmp(a, b) != 0; }

static kind kind_of(const tables *t, const char *key)
{
    if (differ(tx_table_value(&t->emo_ref, key), tx_table_value(&t->emo_hyp, key)))
        return WRONG_EMOTION;
    return differ(tx_table_value(&t->text_ref, key), tx_table_value(&t->text_hyp, key)) ? WRONG_WORDS : ALL_RIGHT;
}

static void write_tag(FILE *f, const char *class, const char *label)
{
    fprintf(f, " <span class=\"%s\">", class);
    ser_escape(f, label);
    fputs("</span>", f);
}

static void write_utterance(FILE *f, const tables *t, const char *key)
{
    const char *ref = tx_table_value(&t->emo_ref, key), *hyp = tx_table_value(&t->emo_hyp, key);
    const char *said = tx_table_value(&t->text_ref, key), *heard = tx_table_value(&t->text_hyp, key);

    fputs("<li><p class=\"key\"><code>", f);
    ser_escape(f, key);
    fputs("</code>", f);
    if (ref)
        write_tag(f, differ(ref, hyp) ? "tag" : "tag good", ref);
    if (differ(ref, hyp)) {
        fputs(" taken for", f);
        write_tag(f, "tag bad", hyp);
    }
    fputs("</p>\n", f);
    if (said && heard)
        write_words(f, said, heard);
    fputs("</li>\n", f);
}

/* ---- the choice ------------------------------------------------------------------------------------------------ */

/* `take` of the utterances of one kind, evenly. */
static void write_kind(FILE *f, const tables *t, const tx_table *all, kind wanted, int64_t there, int64_t take)
{
    int64_t seen = 0, written = 0;

    fprintf(f, "<h4>%s <small>%lld of %lld</small></h4>\n<ul class=\"examples\">\n", kind_title[wanted],
            (long long)there, (long long)all->n);
    for (int64_t i = 0; i < all->n && written < take; i++) {
        if (kind_of(t, all->entry[i].key) != wanted)
            continue;
        if (seen++ == (2 * written + 1) * there / (2 * take)) {
            write_utterance(f, t, all->entry[i].key);
            written++;
        }
    }
    fputs("</ul>\n", f);
}

void ser_report_examples(const ser_experiment *x, int most, FILE *f)
{
    const json_t *emotion = json_object_get(x->scores, "emotion"), *text = json_object_get(x->scores, "text");
    int64_t there[KINDS] = { 0 }, each = (most + KINDS - 1) / KINDS;
    tables t = { 0 };
    const tx_table *all;

    read_table(&t.emo_ref, emotion, "ref", TX_ONE_WORD);
    read_table(&t.emo_hyp, emotion, "hyp", TX_ONE_WORD);
    read_table(&t.text_ref, text, "ref", TX_ANY);
    read_table(&t.text_hyp, text, "hyp", TX_ANY);
    all = t.emo_hyp.n && t.emo_ref.n ? &t.emo_hyp : &t.text_hyp;
    for (int64_t i = 0; i < all->n; i++)
        there[kind_of(&t, all->entry[i].key)]++;
    if (all->n && most) {
        fputs("<h3>Examples</h3>\n", f);
        if (t.text_hyp.n)
            fputs("<p class=\"note\"><del>struck out</del>: said but not recognised; <ins>underlined</ins>: recognised "
                  "but not said.</p>\n",
                  f);
        for (int k = 0; k < KINDS; k++)
            if (there[k] > 0)
                write_kind(f, &t, all, (kind)k, there[k], there[k] < each ? there[k] : each);
    }
    tx_table_free(&t.emo_ref);
    tx_table_free(&t.emo_hyp);
    tx_table_free(&t.text_ref);
    tx_table_free(&t.text_hyp);
}
