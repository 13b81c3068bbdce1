/* serin-recognize: what a model hears in any sound file, a line of JSON each. */
#include <stdio.h>

#include "base/log.h"
#include "base/progress.h"
#include "recipes/ser.h"

static const char usage[] =
    "Recognises speech: a line of JSON for each sound, with its transcript and the times of its words, its emotion, gender\n"
    "and style with their probabilities, as far as the model has them. The model is a folder, of serin-train or with a\n"
    "HuBERT that Hugging Face's tools fine-tuned for CTC, or a single model.safetensors of serin-train. Sounds are files\n"
    "of any kind, rate and number of channels, - for standard input, or the utterances of --scp.\n"
    "A sound that fails is named, the others are recognised, and the exit status is 1.\n"
    "Usage: serin-recognize [options] <model> <sound> ...\n"
    "       serin-recognize [options] --scp=wav.scp <model>\n"
    "e.g.:  serin-recognize --beam=8 exp/joint/Ses01 interview.wav\n";

typedef struct work {
    ser_recogniser *recogniser;
    base_progress   progress;
    bool            shown;
    int64_t         taken, failed;
} work;

static void complain(void *data, const char *name, const base_error *why)
{
    work *w = data;

    (void)name;         /* the message has it */
    if (w->shown)
        base_progress_clear();
    base_warn("%s", why->text);
    w->failed++;
}

static base_status flush(work *w, base_error *e)
{
    if (ser_recogniser_flush(w->recogniser, complain, w, e))
        return e->status;
    if (w->shown)
        base_progress_step(&w->progress, (double)w->taken, NULL);
    return BASE_OK;
}

/* A sound as it was read, or why it was not; frees it. */
static base_status take(work *w, const char *name, au_audio *a, base_error *why, base_error *e)
{
    w->taken++;
    if (why->status || ser_recogniser_add(w->recogniser, name, a, why))
        complain(w, name, why);
    ser_sound_warning(name, a);
    au_audio_free(a);
    return ser_recogniser_full(w->recogniser) ? flush(w, e) : BASE_OK;
}

static base_status take_table(work *w, au_reader *r, base_error *e)
{
    const char *key = "";

    while (key && !e->status) {
        base_error why = BASE_ERROR_INIT;
        au_audio a = { 0 };

        if (au_reader_next(r, &key, &a, &why) && key)
            base_fail_in(&why, "%s", key);
        if (key)
            take(w, key, &a, &why, e);
    }
    return e->status;
}

static base_status take_files(work *w, const base_options *po, int n, au_read_options read, base_error *e)
{
    read.no_pipes = true;       /* a file's name must not run a command */
    for (int i = 1; i <= n && !e->status; i++) {
        const char *name = base_options_argument(po, i);
        base_error why = BASE_ERROR_INIT;
        au_audio a = { 0 };

        au_read(name, &read, &a, &why);
        take(w, name, &a, &why, e);
    }
    return e->status;
}

int main(int argc, char **argv)
{
    ser_recognise_options o = SER_RECOGNISE_DEFAULTS;
    au_read_options read = AU_READ_DEFAULTS;
    base_options *po = base_options_new(usage);
    base_error e = BASE_ERROR_INIT;
    const char *scp = "", *segments = "";
    au_reader *r = NULL;
    work w = { 0 };
    int files;

    base_option_int(po, "beam", &o.beam, 1, 10000, "prefixes kept by the CTC decoder; 1: greedy");
    base_option_int(po, "nbest", &o.nbest, 1, 1000, "transcripts told of each sound, at most --beam");
    base_option_int(po, "aec-beam", &o.correct.beam, 1, 10000, "hypotheses kept by the corrector; 1: greedy");
    base_option_float(po, "aec-length-penalty", &o.correct.length_penalty, -10, 10, "above 0: longer corrections gain; 0: none");
    base_option_text(po, "scp", &scp, "a wav.scp instead of files: \"utterance\" in the output, not \"file\"");
    base_option_text(po, "segments", &segments, "cut these utterances from the recordings of --scp");
    base_option_float(po, "batch-seconds", &o.batch_seconds, 0.1, 100000, "seconds of speech in one batch, about");
    base_option_float(po, "max-dur", &read.max_seconds, 0.1, 86400, "seconds; a longer sound is refused");
    ser_sound_options(po, &read);
    base_option_failures(po);
    ser_option_no_verify(po);
    base_options_parse(po, argc, argv, 1, -1);
    files = base_options_count(po) - 1;
    o.what = *scp ? "utterance" : "file";
    if (o.nbest > o.beam)
        base_fail(&e, BASE_VALUE, "nbest=%d: expected at most --beam=%d", o.nbest, o.beam);
    else if (!*scp == !files)
        base_fail(&e, BASE_VALUE, "expected sound files or --scp, found %s", files ? "both" : "neither");
    else if (*scp && !(r = au_reader_open(scp, *segments ? segments : NULL, &read, &e)))
        ;
    else if ((w.recogniser = ser_recogniser_open(base_options_argument(po, 0), &o, stdout, &e))) {
        w.shown = *scp || files > 1;
        if (w.shown)
            base_progress_begin(&w.progress, "recognising", "sounds", 0, (double)(*scp ? au_reader_count(r) : files));
        if (!(*scp ? take_table(&w, r, &e) : take_files(&w, po, files, read, &e)) && !flush(&w, &e) && w.shown)
            base_progress_end(&w.progress, NULL);
    }
    ser_recogniser_close(w.recogniser);
    au_reader_close(r);
    base_options_free(po);
    return e.status ? base_give_up(&e) : base_report("sound", w.taken - w.failed, w.failed);
}
