/* A Kaldi data directory: its utterances, what is said in them and how they are labelled. Nothing is dropped and nothing
 * is guessed: a table that is there has every utterance of wav.scp, or the directory is refused. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"
#include "recipes/ser.h"

static base_status no_memory(const ser_data *d, base_error *e)
{
    return base_fail(e, BASE_NO_MEMORY, "%s: out of memory for %" PRId64 " utterances", d->dir, d->n);
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static base_status open_sound(ser_data *d, const au_read_options *o, base_error *e)
{
    char *scp = base_path_join(d->dir, "wav.scp"), *segments = base_path_join(d->dir, "segments");

    if (scp && segments && !base_check_regular(scp, e) && !base_check_regular(segments, e))
        d->reader = au_reader_open(scp, base_exists(segments) ? segments : NULL, o, e);
    else if (!e->status)
        no_memory(d, e);
    free(scp);
    free(segments);
    if (d->reader)
        d->n = au_reader_count(d->reader);
    return e->status;
}

/* Both sides are sorted, so the first difference is the first key that only one of them has. */
static base_status same_keys(const ser_data *d, const tx_table *t, base_error *e)
{
    const char *who = d->reader ? "the sound" : d->text.path;

    for (int64_t i = 0; i < d->n || i < t->n; i++) {
        const char *ours = i < d->n ? d->utt[i].key : NULL, *theirs = i < t->n ? t->entry[i].key : NULL;
        int order = !ours ? 1 : !theirs ? -1 : strcmp(ours, theirs);

        if (order < 0)
            return base_fail(e, BASE_MISSING, "%s: no line for utterance \"%s\", which %s has", t->path, ours, who);
        if (order > 0)
            return base_fail(e, BASE_MISMATCH, "%s:%" PRId64 ": utterance \"%s\" has no %s", t->path, t->entry[i].line, theirs,
                d->reader ? "sound" : "text");
    }
    return BASE_OK;
}

/* Absent: t stays empty, with path NULL. */
static base_status read_table(ser_data *d, const char *name, tx_values values, tx_table *t, base_error *e)
{
    char *path = base_path_join(d->dir, name);
    base_status status = BASE_OK;

    if (!path)
        return no_memory(d, e);
    if (base_exists(path) && !(status = base_check_regular(path, e)))
        status = tx_table_read(t, path, values, e);
    if (!status && t->path && d->utt)
        status = same_keys(d, t, e);
    free(path);
    return status;
}

/* Where no sound is wanted, the utterances are those of text, which may be all that there is. */
static base_status open_text(ser_data *d, base_error *e)
{
    struct stat s;

    if (!stat(d->dir, &s) && S_ISREG(s.st_mode))
        tx_table_read(&d->text, d->dir, TX_ANY, e);
    else if (!read_table(d, "text", TX_ANY, &d->text, e) && !d->text.path)
        base_fail(e, BASE_MISSING, "%s/text: missing, and the model reads nothing else", d->dir);
    if (!e->status && d->text.n == 0)
        base_fail(e, BASE_MISSING, "%s: no text", d->text.path);
    d->n = d->text.n;
    return e->status;
}

static base_status read_tables(ser_data *d, const char *text_norm, base_error *e)
{
    tx_normalise_options norm = TX_NORMALISE_NONE;
    base_status status = tx_normalise_parse(&norm, text_norm, e);

    if (!status && d->reader)
        status = read_table(d, "text", TX_ANY, &d->text, e);
    if (!status)
        status = read_table(d, "utt2spk", TX_ONE_WORD, &d->utt2spk, e);
    for (int t = 0; t < SER_TASKS && !status; t++)
        status = read_table(d, ser_task_table[t], TX_ONE_WORD, &d->task[t], e);
    for (int64_t i = 0; i < d->n && !status; i++) {
        ser_utterance *u = &d->utt[i];

        u->speaker = d->utt2spk.path ? d->utt2spk.entry[i].value : "";
        if (d->text.path && !(u->text = tx_normalise(d->text.entry[i].value, &norm, e)))
            status = BASE_NO_MEMORY;
    }
    return status;
}

ser_data *ser_data_open(const char *dir, const au_read_options *read, const char *text_norm, base_error *e)
{
    ser_data *d = calloc(1, sizeof *d);

    if (!d || !(d->dir = strdup(dir))) {
        base_fail(e, BASE_NO_MEMORY, "%s: out of memory", dir);
        free(d);
        return NULL;
    }
    if (read ? open_sound(d, read, e) : open_text(d, e))
        goto fail;
    d->utt = calloc((size_t)d->n, sizeof *d->utt);
    if (!d->utt) {
        no_memory(d, e);
        goto fail;
    }
    for (int64_t i = 0; i < d->n; i++) {
        d->utt[i] = (ser_utterance){ .key = d->reader ? au_reader_key(d->reader, i) : d->text.entry[i].key, .source = i };
        for (int t = 0; t < SER_TASKS; t++)
            d->utt[i].label[t] = NN_IGNORE;
    }
    if (read_tables(d, text_norm, e))
        goto fail;
    return d;
fail:
    ser_data_free(d);
    return NULL;
}

void ser_data_free(ser_data *d)
{
    if (!d)
        return;
    for (int64_t i = 0; d->utt && i < d->n; i++) {
        free(d->utt[i].text);
        tx_labels_free(&d->utt[i].ctc);
        tx_labels_free(&d->utt[i].pieces);
        tx_labels_free(&d->utt[i].clusters);
    }
    free(d->utt);
    if (!d->borrows) {
        au_reader_close(d->reader);
        tx_table_free(&d->text);
        tx_table_free(&d->utt2spk);
        for (int t = 0; t < SER_TASKS; t++)
            tx_table_free(&d->task[t]);
    }
    free(d->dir);
    free(d);
}

/* ---- names and numbers ------------------------------------------------------------------------------------------- */

static base_status collect_labels(const ser_data *d, ser_task task, ser_labels *out, base_error *e)
{
    const tx_table *t = &d->task[task];

    if (!t->path)
        return base_fail(e, BASE_MISSING, "%s/%s: missing; give the labels, or set lambda-%s=0", d->dir, ser_task_table[task],
            ser_task_name[task]);
    for (int64_t i = 0; i < t->n; i++)
        if (strcmp(t->entry[i].value, SER_UNLABELLED) != 0 && ser_labels_add(out, t->entry[i].value, e))
            return e->status;
    if (out->n < 2)
        return base_fail(e, BASE_VALUE, "%s: %d label%s (%s); a task needs two, or lambda-%s=0", t->path, out->n,
            out->n == 1 ? "" : "s", out->n ? out->name[0] : "none", ser_task_name[task]);
    return BASE_OK;
}

/* tx_vocab_build reads the values of a table; here they are the normalised texts. */
static tx_vocab *build_vocabulary(const ser_data *d, base_error *e)
{
    tx_table texts = { .n = d->n, .path = d->text.path };
    tx_vocab *v = NULL;

    texts.entry = malloc(sizeof *texts.entry * (size_t)d->n);
    if (!texts.entry) {
        no_memory(d, e);
        return NULL;
    }
    for (int64_t i = 0; i < d->n; i++)
        texts.entry[i] = (tx_entry){ d->utt[i].key, d->utt[i].text, d->text.entry[d->utt[i].source].line };
    v = tx_vocab_build(&texts, e);
    free(texts.entry);
    return v;
}

/* In the second stage the words are written down by the first one's CTC, whether it is trained or not. */
static base_status open_first_vocabulary(const ser_config *c, ser_names *out, base_error *e)
{
    if (!ser_folder_vocabulary(c->init_model, &out->vocab, e) && !out->vocab && c->lambda_ctc > 0)
        base_fail(e, BASE_MISSING, "%s/vocab.json: missing, so the first stage wrote no words down: set lambda-ctc=0", c->init_model);
    return e->status;
}

base_status ser_data_names(const ser_data *d, const ser_config *c, ser_names *out, base_error *e)
{
    *out = (ser_names){ 0 };
    for (int t = 0; t < SER_TASKS; t++)
        if (ser_lambda(c, (ser_task)t) > 0 && collect_labels(d, (ser_task)t, &out->task[t], e))
            goto fail;
    if (c->lambda_ctc > 0 && !d->text.path) {
        base_fail(e, BASE_MISSING, "%s/text: missing; give the texts, or set lambda-ctc=0", d->dir);
        goto fail;
    }
    if (c->stage == 2)
        open_first_vocabulary(c, out, e);
    else if (c->lambda_ctc > 0)
        out->vocab = *c->vocabulary ? tx_vocab_read(c->vocabulary, NULL, e) : build_vocabulary(d, e);
    if (e->status)
        goto fail;
    if (!ser_reads_words(c))
        return BASE_OK;
    if (!d->text.path) {
        base_fail(e, BASE_MISSING, "%s/text: missing; give the texts, or set input=speech", d->dir);
        goto fail;
    }
    if (!ser_open_pieces(c, out, e))
        return BASE_OK;
fail:
    ser_names_free(out);
    return e->status;
}

static base_status unknown_label(const ser_data *d, const ser_utterance *u, ser_task task, const ser_labels *l, base_error *e)
{
    const tx_entry *entry = &d->task[task].entry[u->source];
    char known[400] = "";
    size_t used = 0;

    for (int i = 0; i < l->n && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, " %s", l->name[i]);
    return base_fail(e, BASE_MISMATCH, "%s:%" PRId64 ": utterance \"%s\" has the unknown %s \"%s\"; the model knows%s, and %s for none",
        d->task[task].path, entry->line, u->key, ser_task_name[task], entry->value, known, SER_UNLABELLED);
}

static base_status bind_labels(const ser_data *d, ser_utterance *u, const ser_names *names, base_error *e)
{
    for (int t = 0; t < SER_TASKS; t++) {
        const ser_labels *l = &names->task[t];

        if (!l->n || !d->task[t].path || strcmp(d->task[t].entry[u->source].value, SER_UNLABELLED) == 0)
            continue;
        u->label[t] = ser_labels_find(l, d->task[t].entry[u->source].value);
        if (u->label[t] < 0)
            return unknown_label(d, u, (ser_task)t, l, e);
    }
    return BASE_OK;
}

static base_status bind_text(const ser_data *d, ser_utterance *u, const tx_vocab *v, base_error *e)
{
    if (tx_vocab_encode(v, u->text, &u->ctc, e))
        return base_fail_in(e, "%s:%" PRId64, d->text.path, d->text.entry[u->source].line);
    for (int i = 0; i < u->ctc.n; i++)
        if (u->ctc.label[i] == tx_vocab_blank(v))
            return base_fail(e, BASE_VALUE, "%s:%" PRId64 ": the text of \"%s\" holds %s, the blank of CTC", d->text.path,
                d->text.entry[u->source].line, u->key, tx_vocab_token(v, tx_vocab_blank(v)));
    return BASE_OK;
}

base_status ser_data_bind(ser_data *d, const ser_names *names, base_error *e)
{
    for (int64_t i = 0; i < d->n; i++) {
        if (bind_labels(d, &d->utt[i], names, e))
            return e->status;
        if (names->vocab && d->utt[i].text && bind_text(d, &d->utt[i], names->vocab, e))
            return e->status;
        if (names->pieces && d->utt[i].text && ser_words_encode(names->pieces, d->utt[i].text, &d->utt[i].pieces, e))
            return base_fail_in(e, "%s/text: utterance \"%s\"", d->dir, d->utt[i].key);
    }
    return BASE_OK;
}

/* ---- parts ------------------------------------------------------------------------------------------------------- */

/* True when list, words with commas between, holds word. */
static bool is_listed(const char *list, const char *word)
{
    size_t n = strlen(word);

    for (const char *w = list; *w; w += strcspn(w, ","), w += *w == ',')
        if (strcspn(w, ",") == n && strncmp(w, word, n) == 0)
            return true;
    return false;
}

/* Each name of the list must be somebody's. */
static base_status check_speakers(const ser_data *d, const char *list, base_error *e)
{
    for (const char *w = list; *w; w += strcspn(w, ","), w += *w == ',') {
        size_t n = strcspn(w, ",");
        int64_t i = 0;

        while (i < d->n && (strncmp(d->utt[i].speaker, w, n) != 0 || d->utt[i].speaker[n]))
            i++;
        if (i == d->n)
            return base_fail(e, BASE_MISSING, "%s/utt2spk: no utterance of speaker \"%.*s\" (dev-speakers=%s)", d->dir, (int)n,
                w, list);
    }
    return BASE_OK;
}

ser_data *ser_data_split(ser_data *d, const char *speakers, base_error *e)
{
    ser_data *other;
    int64_t kept = 0;

    if (check_speakers(d, speakers, e))
        return NULL;
    other = malloc(sizeof *other);
    if (!other) {
        no_memory(d, e);
        return NULL;
    }
    *other = *d;
    other->borrows = true;
    other->n = 0;
    other->dir = strdup(d->dir);
    other->utt = malloc(sizeof *other->utt * (size_t)d->n);
    if (!other->dir || !other->utt) {
        no_memory(d, e);
        ser_data_free(other);
        return NULL;
    }
    for (int64_t i = 0; i < d->n; i++)
        if (is_listed(speakers, d->utt[i].speaker))
            other->utt[other->n++] = d->utt[i];
        else
            d->utt[kept++] = d->utt[i];
    d->n = kept;
    if (kept == 0) {
        base_fail(e, BASE_MISSING, "%s: dev-speakers=%s leaves nobody to train on", d->dir, speakers);
        ser_data_free(other);
        return NULL;
    }
    return other;
}

uint64_t ser_data_hash(const ser_data *d)
{
    uint64_t h = BASE_HASH_INIT;

    for (int64_t i = 0; i < d->n; i++) {
        const ser_utterance *u = &d->utt[i];

        h = base_hash_text(h, u->key);
        h = base_hash_bytes(h, u->label, sizeof u->label);
        h = base_hash_bytes(h, u->ctc.label, sizeof *u->ctc.label * (size_t)u->ctc.n);
        h = base_hash_bytes(h, u->clusters.label, sizeof *u->clusters.label * (size_t)u->clusters.n);
        if (!d->reader)
            h = base_hash_bytes(h, u->pieces.label, sizeof *u->pieces.label * (size_t)u->pieces.n);
    }
    return h;
}
