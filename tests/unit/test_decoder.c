/* The decoder against transformers: every layer's states, logits, loss, every gradient, and what beam search finds, of the
 * tiny models that tests/parity/make_decoder.py wrote; word by word against all words at once. */
#include <malloc.h>

#include "tests/unit/malloc_fault.h"
#include "tests/unit/parity.h"

enum { MOST = 80, START = 2, END = 3, BEAM = 4 };

typedef struct words { int ids[MOST]; const int64_t *begin; int n; } words;

typedef struct model {
    nn_bert_config  c;
    nn_params      *params;
    nn_bert        *bert;
    nn_decoder     *decoder;
    nn_safetensors *reference;
    nn_tape        *tape;
    words           source, target;
} model;

static words words_of(const nn_safetensors *s, const char *ids, const char *begin)
{
    words w = { .begin = parity_find(s, begin)->data, .n = (int)parity_find(s, begin)->count - 1 };

    parity_ints(s, ids, w.ids, MOST);
    return w;
}

static model open_model(void)
{
    base_error e = BASE_ERROR_INIT;
    model m = { 0 };

    ck_assert_msg(!nn_bert_config_read(&m.c, parity_path("decoder", "config.json"), &e), "%s", e.text);
    m.params = nn_params_new();
    nn_params_push(m.params, "encoder", 0);
    m.bert = nn_bert_new(m.params, &m.c, false);
    nn_params_pop(m.params);
    nn_params_push(m.params, "decoder", 0);
    m.decoder = nn_decoder_new(m.params, &m.c, nn_bert_table(m.bert));
    nn_params_pop(m.params);
    ck_assert_msg(!nn_params_build(m.params, &e), "%s", e.text);
    ck_assert_msg(!nn_params_load(m.params, parity_path("decoder", "model.safetensors"), NULL, &e), "%s", e.text);
    m.reference = parity_open("decoder");
    m.source = words_of(m.reference, "source", "source_begin");
    m.target = words_of(m.reference, "ids", "begin");
    m.tape = nn_tape_new(NULL, &e);
    ck_assert_msg(m.tape != NULL, "%s", e.text);
    return m;
}

static void close_model(model *m)
{
    nn_tape_free(m->tape);
    nn_bert_free(m->bert);
    nn_decoder_free(m->decoder);
    nn_params_free(m->params);
    nn_safetensors_close(m->reference);
}

static nn_tensor *encode(const model *m)
{
    nn_tensor *x = nn_bert_embed(m->tape, m->bert, m->source.ids, NULL, m->source.n, m->source.begin);

    return nn_bert_encode(m->tape, m->bert, x, -1);
}

static nn_tensor *decode(const model *m, nn_tensor *source, int layer)
{
    return nn_decoder_states(m->tape, m->decoder, m->target.ids, m->target.n, m->target.begin, source, layer);
}

/* ---- all words at once ------------------------------------------------------------------------------------------ */

START_TEST(states_are_those_of_transformers)
{
    model m = open_model();

    for (int layer = 0; layer <= m.c.encoder.layers; layer++) {
        char name[32];

        nn_tape_begin(m.tape, NN_INFER, 0);
        snprintf(name, sizeof name, "states.%d", layer);
        parity_close(m.reference, m.tape, decode(&m, encode(&m), layer), name, 1e-5);
    }
    nn_tape_begin(m.tape, NN_INFER, 0);
    parity_close(m.reference, m.tape, nn_decoder_words(m.tape, m.decoder, decode(&m, encode(&m), -1)), "logits", 1e-5);
    close_model(&m);
}
END_TEST

START_TEST(gradients_are_those_of_pytorch)
{
    model m = open_model();
    nn_cross_entropy_options o = NN_CROSS_ENTROPY_DEFAULTS;
    const float *expected = parity_find(m.reference, "loss")->data;
    const nn_file_tensor *source = parity_find(m.reference, "source_states");
    int labels[MOST];
    nn_tensor *loss, *x;

    o.smoothing = 0.1f;
    parity_ints(m.reference, "labels", labels, MOST);
    nn_params_zero_grads(m.params);
    nn_tape_begin(m.tape, NN_RECORD, 0);
    loss = nn_cross_entropy(m.tape, nn_decoder_words(m.tape, m.decoder, decode(&m, encode(&m), -1)), labels, &o);
    ck_assert_msg(loss != NULL, "%s", nn_tape_error(m.tape)->text);
    ck_assert_double_eq_tol(loss->x[0], *expected, 1e-5 * *expected);
    ck_assert_int_eq(nn_tape_backward(m.tape, loss), BASE_OK);
    parity_gradients(m.reference, m.params, "key.bias", NULL);

    nn_tape_begin(m.tape, NN_RECORD, 0);
    x = nn_input_grad(m.tape, source->data, source->shape[0], (int)source->shape[1], m.source.n, m.source.begin);
    loss = nn_cross_entropy(m.tape, nn_decoder_words(m.tape, m.decoder, decode(&m, x, -1)), labels, &o);
    ck_assert_int_eq(nn_tape_backward(m.tape, loss), BASE_OK);
    ck_assert_double_le(parity_distance(x->dx, parity_find(m.reference, "grad.source_states"), 1e-9), 1e-4);
    close_model(&m);
}
END_TEST

/* A decoder with a table of its own: one parameter more. */
START_TEST(the_table_may_be_its_own)
{
    model m = open_model();
    nn_params *p = nn_params_new();
    nn_decoder *d = nn_decoder_new(p, &m.c, NULL);

    ck_assert_ptr_null(nn_params_find(m.params, "decoder.bert.embeddings.word_embeddings.weight"));
    ck_assert_ptr_nonnull(nn_params_find(p, "bert.embeddings.word_embeddings.weight"));
    nn_decoder_free(d);
    nn_params_free(p);
    close_model(&m);
}
END_TEST

START_TEST(what_does_not_fit_is_refused)
{
    model m = open_model();
    int ids[MOST] = { 0 };
    nn_tensor *source;

    nn_tape_begin(m.tape, NN_INFER, 0);
    source = encode(&m);
    ck_assert_ptr_null(nn_decoder_states(m.tape, m.decoder, ids, 1, (const int64_t[]){ 0, 2 }, source, -1));
    ck_assert_ptr_nonnull(strstr(nn_tape_error(m.tape)->text, "queries of 1 utterances, keys of 3"));
    nn_tape_begin(m.tape, NN_INFER, 0);
    ck_assert_ptr_null(nn_decoder_states(m.tape, m.decoder, ids, 1, (const int64_t[]){ 0, m.c.max_positions + 1 }, encode(&m), -1));
    ck_assert_ptr_nonnull(strstr(nn_tape_error(m.tape)->text, "position 12"));
    close_model(&m);
}
END_TEST

/* ---- word by word ----------------------------------------------------------------------------------------------- */

static nn_decoding *start(const model *m)
{
    base_error e = BASE_ERROR_INIT;
    nn_decoding *d;

    nn_tape_begin(m->tape, NN_INFER, 0);
    d = nn_decoding_new(m->tape, m->decoder, encode(m), &e);
    ck_assert_msg(d != NULL, "%s", e.text);
    return d;
}

/* Hypotheses that part, are dropped and doubled: what the cache says of each is what all of its words at once give. */
START_TEST(cached_is_uncached)
{
    enum { STEPS = 4 };
    static const int64_t begin[STEPS][4] = { { 0, 1, 2, 3 }, { 0, 2, 3, 6 }, { 0, 3, 3, 5 }, { 0, 1, 1, 2 } };
    static const int from[STEPS][6] = { { 0, 0, 0 }, { 0, 0, 1, 2, 2, 2 }, { 1, 0, 1, 5, 3 }, { 2, 3 } };
    static const int next[STEPS][6] = { { START, START, START }, { 5, 7, 9, 4, 1, 6 }, { 8, 8, 12, 10, 11 }, { 13, 2 } };
    int so_far[2][6][STEPS];
    model m = open_model();
    nn_decoding *d = start(&m);
    nn_sequence_model s = nn_decoding_model(d);
    nn_tape *other = nn_tape_new(&(nn_tape_options){ .memory = 1 << 24 }, &(base_error)BASE_ERROR_INIT);
    const nn_file_tensor *states = parity_find(m.reference, "source_states");

    ck_assert_ptr_nonnull(other);
    for (int k = 0; k < STEPS; k++) {
        base_error e = BASE_ERROR_INIT;
        const float *p = s.next(s.self, begin[k], from[k], next[k], &e);

        ck_assert_msg(p != NULL, "%s", e.text);
        for (int u = 0, i = 0; u < 3; u++)
            for (; i < begin[k][u + 1]; i++) {
                int *mine = so_far[k % 2][i], rows = (int)(m.source.begin[u + 1] - m.source.begin[u]);
                const float *first = (const float *)states->data + m.source.begin[u] * m.c.encoder.width;

                if (k)
                    memcpy(mine, so_far[1 - k % 2][from[k][i]], (size_t)k * sizeof *mine);
                mine[k] = next[k][i];
                nn_tape_begin(other, NN_INFER, 0);
                nn_tensor *x = nn_input(other, first, rows, m.c.encoder.width, 1, (const int64_t[]){ 0, rows });
                x = nn_decoder_states(other, m.decoder, mine, 1, (const int64_t[]){ 0, k + 1 }, x, -1);
                x = nn_log_softmax(other, nn_decoder_words(other, m.decoder, x));
                ck_assert_ptr_nonnull(x);
                for (int w = 0; w < m.c.vocab_size; w++)
                    ck_assert_float_eq_tol(p[i * s.vocab + w], x->x[k * s.vocab + w], 1e-5f);
            }
    }
    nn_tape_free(other);
    nn_decoding_free(d);
    close_model(&m);
}
END_TEST

static nn_sequence_options options(int beam)
{
    return (nn_sequence_options){ .beam = beam, .nbest = beam, .start = START, .end = END, .pad = 0, .unknown = -1,
        .length_penalty = 1.0, .shortest = 2, .longest = 11 };
}

START_TEST(search_finds_what_it_finds_in_pytorch)
{
    model m = open_model();
    nn_decoding *d = start(&m);
    nn_sequence_model s = nn_decoding_model(d);
    nn_sequence_options o = options(BEAM);
    words expected = words_of(m.reference, "beam", "beam_begin");
    const float *scores = parity_find(m.reference, "beam_score")->data;
    nn_hypothesis out[3 * BEAM];
    base_error e = BASE_ERROR_INIT;
    int found[3];

    ck_assert_msg(!nn_sequence_beam(&s, &o, out, found, &e), "%s", e.text);
    for (int i = 0; i < 3 * BEAM; i++) {
        ck_assert_int_eq(found[i / BEAM], BEAM);
        ck_assert_int_eq(out[i].n, expected.begin[i + 1] - expected.begin[i]);
        ck_assert_mem_eq(out[i].labels, expected.ids + expected.begin[i], (size_t)out[i].n * sizeof(int));
        ck_assert_double_eq_tol(out[i].score, scores[i], 1e-5);
        nn_hypothesis_free(&out[i]);
    }
    nn_decoding_free(d);
    close_model(&m);
}
END_TEST

START_TEST(a_word_too_many_is_an_error)
{
    model m = open_model();
    nn_decoding *d = start(&m);
    nn_sequence_model s = nn_decoding_model(d);
    static const int64_t begin[] = { 0, 1, 1, 1 };
    base_error e = BASE_ERROR_INIT;

    for (int i = 0; i < m.c.max_positions; i++)
        ck_assert_ptr_nonnull(s.next(s.self, begin, (const int[]){ 0 }, (const int[]){ 5 }, &e));
    ck_assert_ptr_null(s.next(s.self, begin, (const int[]){ 0 }, (const int[]){ 5 }, &e));
    ck_assert_msg(e.status == BASE_VALUE || e.status == BASE_SHAPE, "%s", e.text);
    nn_decoding_free(d);
    close_model(&m);
}
END_TEST

/* Whichever allocation fails, the search says so, gives everything back, and works the next time. */
START_TEST(every_allocation_may_fail)
{
    model m = open_model();
    nn_sequence_options o = options(BEAM);
    nn_hypothesis out[3 * BEAM];
    int found[3], failures = 0;
    base_status status = BASE_NO_MEMORY;

    nn_decoding_free(start(&m));        /* what is allocated once is allocated now */
    for (long n = 0; status && MALLOC_FAULTS; n++) {
        base_error e = BASE_ERROR_INIT;
        nn_tape_begin(m.tape, NN_INFER, 0);
        nn_tensor *source = encode(&m);
        long live = malloc_live;

        malloc_left = n;
        nn_decoding *d = nn_decoding_new(m.tape, m.decoder, source, &e);
        if (d) {
            nn_sequence_model s = nn_decoding_model(d);
            nn_sequence_beam(&s, &o, out, found, &e);
        }
        malloc_left = -1;
        status = e.status;
        for (int i = 0; !status && i < 3 * BEAM; i++)
            nn_hypothesis_free(&out[i]);
        nn_decoding_free(d);
        ck_assert_int_eq(malloc_live, live);
        ck_assert_msg(!status || status == BASE_NO_MEMORY, "allocation %ld: %s", n, e.text);
        failures += status != BASE_OK;
    }
    ck_assert(!MALLOC_FAULTS || failures > 40);
    close_model(&m);
}
END_TEST

#if MALLOC_FAULTS && __GLIBC_PREREQ(2, 33)
/* Rows that no hypothesis has any more are taken again: where all go on from one, a word costs one row, not one for each. */
START_TEST(dropped_hypotheses_leave_their_memory)
{
    enum { EACH = 300, ALL = 3 * EACH, STEPS = 10 };
    static const int64_t begin[] = { 0, EACH, 2 * EACH, ALL };
    static int from[ALL], next[ALL];
    model m = open_model();
    nn_decoding *d = start(&m);
    nn_sequence_model s = nn_decoding_model(d);
    size_t row = (size_t)m.c.encoder.layers * 2 * (size_t)m.c.encoder.width * sizeof(float), before = 0, after;

    for (int i = 0; i < ALL; i++) {
        from[i] = i / EACH * EACH;
        next[i] = 5 + i % 3;
    }
    for (int k = 0; k < STEPS; k++) {
        base_error e = BASE_ERROR_INIT;

        ck_assert_msg(s.next(s.self, begin, from, next, &e) != NULL, "%s", e.text);
        if (k == 2)
            before = mallinfo2().uordblks + mallinfo2().hblkhd;
    }
    after = mallinfo2().uordblks + mallinfo2().hblkhd;
    ck_assert_uint_lt(after, before + ALL * row + ALL * 2 * STEPS * sizeof(int));      /* and the lists of rows */
    nn_decoding_free(d);
    close_model(&m);
}
END_TEST
#endif

static Suite *suite(void)
{
    Suite *s = suite_create("decoder");
    TCase *c = tcase_create("decoder");

    tcase_add_test(c, states_are_those_of_transformers);
    tcase_add_test(c, gradients_are_those_of_pytorch);
    tcase_add_test(c, the_table_may_be_its_own);
    tcase_add_test(c, what_does_not_fit_is_refused);
    tcase_add_test(c, cached_is_uncached);
    tcase_add_test(c, search_finds_what_it_finds_in_pytorch);
    tcase_add_test(c, a_word_too_many_is_an_error);
    tcase_add_test(c, every_allocation_may_fail);
#if MALLOC_FAULTS && __GLIBC_PREREQ(2, 33)
    tcase_add_test(c, dropped_hypotheses_leave_their_memory);
#endif
    suite_add_tcase(s, c);
    return s;
}

UNIT_MAIN(suite)
