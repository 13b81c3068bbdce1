/* serin-states: what a layer of HuBERT makes of each sound, or one of BERT of each text, as a table of matrices. */
#include "base/log.h"
#include "base/progress.h"
#include "recipes/ser.h"

static const char usage[] =
    "Hidden states of an encoder. HuBERT, published or one of serin-train's: a row for each frame of each sound. BERT: a\n"
    "row for each piece of each text, [CLS] in front and [SEP] behind. The model is a folder with config.json and\n"
    "weights, or one file of weights beside config.json: safetensors or PyTorch's.\n"
    "Layer 0 is the first layer's input, N the output of layer N, -1 the last, with the final norm of models that have one.\n"
    "Sounds are resampled and normalised as the folder's preprocessor_config.json says, texts cut up with its vocab.txt\n"
    "or tokenizer.json.\n"
    "Usage: serin-states [options] <model> <wav-rspecifier>|<text> <matrix-wspecifier>\n"
    "e.g.:  serin-states --layer=9 hubert-base-ls960 scp:data/wav.scp ark,scp:exp/states.ark,exp/states.scp\n"
    "       serin-states bert-base-uncased data/text ark:exp/words.ark\n";

typedef struct options {
    const char     *model, *input, *output, *segments;
    au_read_options read;
    int             layer;
    bool            allow_missing;
} options;

typedef struct writer {
    nn_table_writer *table;
    base_progress    progress;
    long             done, failed;
} writer;

/* Writes the states of what key names, or, when they could not be computed, tells why and leaves it out. An error in *e
 * means that writing failed. */
static void put(writer *w, const char *key, const nn_matrix *m, const base_error *why, base_error *e)
{
    if (why->status) {
        base_progress_clear();
        base_warn("%s", why->text);
        w->failed++;
    } else if (nn_table_write(w->table, key, m, e) == BASE_OK) {
        w->done++;
    }
    base_progress_step(&w->progress, (double)(w->done + w->failed), NULL);
}

static base_status write_sounds(const options *o, writer *w, base_error *e)
{
    au_reader *r = au_reader_open(o->input, *o->segments ? o->segments : NULL, &o->read, e);
    ser_states *s = r ? ser_states_open(o->model, o->layer, o->allow_missing, e) : NULL;
    const char *key = NULL;

    if (s && (w->table = nn_table_create(o->output, e))) {
        base_progress_begin(&w->progress, "states", "utterances", 0, (double)au_reader_count(r));
        do {
            base_error why = BASE_ERROR_INIT;
            nn_matrix m;
            au_audio a;

            if (au_reader_next(r, &key, &a, &why) == BASE_OK && key && ser_states_compute(s, a.x, a.n, &m, &why))
                base_fail_in(&why, "%s", key);
            if (key)
                put(w, key, &m, &why, e);
            if (key)
                ser_sound_warning(key, &a);
            au_audio_free(&a);
        } while (key && !e->status);
        base_progress_end(&w->progress, NULL);
    }
    ser_states_free(s);
    au_reader_close(r);
    return e->status;
}

static base_status write_texts(const options *o, writer *w, base_error *e)
{
    ser_text_states *s = NULL;
    tx_table t = { 0 };

    if (*o->segments)
        return base_fail(e, BASE_VALUE, "--segments cuts sounds, but %s reads text", o->model);
    if (tx_table_read(&t, o->input, TX_ANY, e) == BASE_OK &&
        (s = ser_text_states_open(o->model, o->layer, o->allow_missing, e)) &&
        (w->table = nn_table_create(o->output, e))) {
        base_progress_begin(&w->progress, "states", "utterances", 0, (double)t.n);
        for (int64_t i = 0; i < t.n && !e->status; i++) {
            base_error why = BASE_ERROR_INIT;
            nn_matrix m;

            if (ser_text_states_compute(s, t.entry[i].value, &m, &why))
                base_fail_in(&why, "%s", t.entry[i].key);
            put(w, t.entry[i].key, &m, &why, e);
        }
        base_progress_end(&w->progress, NULL);
    }
    ser_text_states_free(s);
    tx_table_free(&t);
    return e->status;
}

int main(int argc, char **argv)
{
    options o = { .segments = "", .read = AU_READ_DEFAULTS, .layer = -1 };
    base_options *po = base_options_new(usage);
    base_error e = BASE_ERROR_INIT;
    writer w = { 0 };
    bool text;

    o.read.min_samples = 1;     /* what is too short has no frame */
    base_option_int(po, "layer", &o.layer, -1, 1000, "0: the first layer's input; -1: the last, normed");
    base_option_bool(po, "allow-missing", &o.allow_missing, "weights that the model lacks are 0; else it is refused");
    base_option_text(po, "segments", &o.segments, "cut these utterances from the recordings");
    base_option_float(po, "max-dur", &o.read.max_seconds, 0.01, 1e6, "longer sounds are refused, seconds");
    ser_sound_options(po, &o.read);
    base_option_failures(po);
    ser_option_no_verify(po);
    base_options_parse(po, argc, argv, 3, 3);
    o.model = base_options_argument(po, 0);
    o.input = base_options_argument(po, 1);
    o.output = base_options_argument(po, 2);
    if (!ser_folder_reads_text(o.model, &text, &e) && !(text ? write_texts : write_sounds)(&o, &w, &e) && w.done)
        nn_table_commit(w.table, &e);
    else
        nn_table_abandon(w.table);
    base_options_free(po);
    return e.status ? base_give_up(&e) : base_report("utterance", w.done, w.failed);
}
