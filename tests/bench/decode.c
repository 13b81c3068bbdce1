/* Writing sentences: BERT-base over 16 of 20 tokens, a decoder of 8 layers on its states, one word table; random weights,
 * every hypothesis made to have so many words. */
#include "tests/bench/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/progress.h"

enum { SENTENCES = 16, READ = 20 };     /* READ: words of each that are read */

typedef struct setup {
    nn_bert_config c;
    nn_params  *params;
    nn_bert    *bert;
    nn_decoder *decoder;
    nn_tape    *tape;
} setup;

static bool make(setup *s, bool tiny, base_error *e)
{
    nn_encoder_config base = { .width = 768, .layers = 12, .heads = 12, .inner = 3072, .eps = 1e-12f, .init = 0.02f };
    nn_encoder_config small = { .width = 32, .layers = 1, .heads = 2, .inner = 64, .eps = 1e-12f, .init = 0.02f };

    s->c = (nn_bert_config){ .encoder = tiny ? small : base, .vocab_size = tiny ? 200 : 30522, .max_positions = 512,
        .type_vocab_size = 2 };
    s->params = nn_params_new();
    nn_params_push(s->params, "encoder", 0);
    s->bert = nn_bert_new(s->params, &s->c, false);
    nn_params_pop(s->params);
    s->c.encoder.layers = tiny ? 1 : 8;
    s->decoder = nn_decoder_new(s->params, &s->c, nn_bert_table(s->bert));
    nn_params_freeze(s->params, "");
    if (nn_params_build(s->params, e))
        return false;
    nn_params_init(s->params, 1);
    s->tape = nn_tape_new(NULL, e);
    return s->tape != NULL;
}

/* NULL: the reason is in e. */
static nn_decoding *read_sentences(const setup *s, base_error *e)
{
    int ids[SENTENCES * READ];
    int64_t begin[SENTENCES + 1];
    nn_tensor *x;

    for (int i = 0; i < SENTENCES * READ; i++)
        ids[i] = i * 7919 % s->c.vocab_size;
    for (int u = 0; u <= SENTENCES; u++)
        begin[u] = u * READ;
    nn_tape_begin(s->tape, NN_INFER, 0);
    x = nn_bert_encode(s->tape, s->bert, nn_bert_embed(s->tape, s->bert, ids, NULL, SENTENCES, begin), -1);
    return nn_decoding_new(s->tape, s->decoder, x, e);
}

/* Words written, summed over the best hypotheses; -1: the reason is in e. */
static int write_sentences(const setup *s, int beam, int length, base_error *e)
{
    nn_sequence_options o = NN_SEQUENCE_DEFAULTS;
    nn_hypothesis out[SENTENCES];
    int found[SENTENCES], words = 0;
    nn_decoding *d = read_sentences(s, e);

    if (!d)
        return -1;
    nn_sequence_model m = nn_decoding_model(d);
    o.beam = beam;
    o.shortest = o.longest = length;
    if (nn_sequence_beam(&m, &o, out, found, e))
        words = -1;
    for (int u = 0; words >= 0 && u < SENTENCES; u++) {
        words += found[u] ? out[u].n : 0;
        if (found[u])
            nn_hypothesis_free(&out[u]);
    }
    nn_decoding_free(d);
    return words;
}

int bench_decoding(bool tiny, int steps, int words)
{
    static const int beams[] = { 1, 5 };
    setup s = { 0 };
    base_error e = BASE_ERROR_INIT;
    bool good = make(&s, tiny, &e);

    for (int i = 0; good && i < 2; i++) {
        double best = 1e9;

        for (int k = 0; good && k < steps; k++) {
            double start = base_seconds();
            good = write_sentences(&s, beams[i], words, &e) == SENTENCES * words;
            best = fmin(best, base_seconds() - start);
        }
        if (good)
            printf("%d sentences of %d words, beam %d: %8.3f s  %6.2f GiB at most\n", SENTENCES, words, beams[i], best,
                (double)base_memory_peak() / (1 << 30));
    }
    if (!good)
        fprintf(stderr, "%s\n", e.status ? e.text : "sentences of another length");
    nn_tape_free(s.tape);
    nn_decoder_free(s.decoder);
    nn_bert_free(s.bert);
    nn_params_free(s.params);
    return !good;
}
