/* The corrector of recognised words in a tiny recogniser: what it learns and writes, the loss that trains it, and the contrast over
 * all batches of an update. */
#include "recipes/aec.h"
#include "tests/unit/derivative.h"
#include "tests/unit/files.h"
#include "tests/unit/recogniser.h"

static char *texts[UTTERANCES] = { "A B", "BA A", "", "AB", "A B", "A BA" };

static tx_wordpiece *make_pieces(void)
{
    tx_entry entry = { "u", "a b ab ba", 1 };
    base_error e = BASE_ERROR_INIT;
    tx_wordpiece *w;

    ck_assert_int_eq(tx_wordpiece_build(&(tx_table){ .entry = &entry, .n = 1 }, 1, files_path("vocab.txt"), &e), BASE_OK);
    w = tx_wordpiece_read(files_path("vocab.txt"), &e);
    ck_assert_msg(w != NULL, "%s", e.text);
    return w;
}

static void add_labels(ser_names *names, ser_task task, const char *const *label, int n)
{
    base_error e = BASE_ERROR_INIT;

    for (int i = 0; i < n; i++)
        ser_labels_add(&names->task[task], label[i], &e);
}

/* A recogniser with words, whose corrector is the one asked for; of the second stage it has adapters and all tasks. */
static ser_model *make_model(const char *aec, bool learns, bool second)
{
    base_error e = BASE_ERROR_INIT;
    ser_config c = ser_config_defaults();
    ser_names names = { .vocab = vocabulary(), .pieces = make_pieces() };
    ser_model_config mc;
    ser_model *m;

    c.width = 8, c.heads = 2, c.inner = 16, c.layers = 1, c.pos_kernel = 3, c.pos_groups = 2, c.bins = BINS, c.stack = STACK;
    c.bert_width = 8, c.bert_heads = 2, c.bert_inner = 16, c.bert_layers = 1, c.fusion_heads = 2, c.init = 0.3;
    c.dropout = c.attention_dropout = c.activation_dropout = c.head_dropout = c.bert_dropout = 0;
    c.input = "both", c.aec = aec, c.lambda_aec = learns;
    add_labels(&names, SER_EMOTION, (const char *[]){ "ang", "hap", "sad" }, 3);
    if (second) {
        c.stage = 2, c.fusion = "tgf", c.adapter_dim = 4, c.adapter_place = "attn+ffn", c.lora_rank = 2;
        add_labels(&names, SER_GENDER, (const char *[]){ "f", "m" }, 2);
        add_labels(&names, SER_STYLE, (const char *[]){ "impro", "script" }, 2);
    }
    ck_assert_msg(ser_model_configure(&c, &mc, &e) == BASE_OK, "%s", e.text);
    m = ser_model_new(&mc, &names, second ? SER_TRAIN_ADAPTERS : SER_TRAIN_ALL, &e);
    ck_assert_msg(m != NULL, "%s", e.text);
    nn_params_init(m->params, 3);
    for (int64_t i = 0; i < 7 * 8; i++)     /* what is heard differs from one to the other */
        m->lm_head.w->x[i] *= 20;
    ck_assert_int_eq(ser_features_moments(&inputs, m->mean->x, m->scale->x, &e), BASE_OK);
    for (int i = 0; i < UTTERANCES; i++) {
        utterances[i].text = texts[i];
        tx_labels_free(&utterances[i].pieces);
        ck_assert_int_eq(ser_words_encode(m->names.pieces, texts[i], &utterances[i].pieces, &e), BASE_OK);
    }
    return m;
}

static ser_weighting weighting(void)
{
    ser_weighting w = { .lambda = { 1, 0, 0 }, .ctc = 0.7, .contrast = 0.5, .temperature = 0.5, .total = { 5, 0, 0 },
        .ctc_total = UTTERANCES, .reduction = NN_CTC_MEAN };

    for (int i = 0; i < UTTERANCES; i++)
        w.aec_total += utterances[i].pieces.n - 1;
    return w;
}

typedef struct job { ser_model *m; ser_batch b; ser_weighting w; ser_outputs o; ser_losses l; } job;

static nn_tensor *loss_of(nn_tape *t, void *of)
{
    job *j = of;

    ser_forward(t, j->m, &j->b, &j->o);
    ck_assert_msg(!j->o.error.status, "%s", j->o.error.text);
    ser_loss(t, j->m, &j->b, &j->o, &j->w, &j->l);
    return j->l.total;
}

static void open_job(job *j, const char *aec, ser_words words)
{
    *j = (job){ .m = make_model(aec, true, false), .b = { .words = words, .contrast = true, .teach = true } };
    j->w = weighting();
    j->w.aec = 0.6;
}

static void close_job(job *j)
{
    ser_batch_free(&j->b);
    ser_model_free(j->m);
}

static void fill_some(job *j, int first, int n)
{
    ser_item item[UTTERANCES];

    for (int i = 0; i < n; i++)
        item[i] = (ser_item){ first + i, 0 };
    fill(&j->b, j->m, item, n, NULL);
    j->w.vectors.first = first;
}

/* ---- losses ------------------------------------------------------------------------------------------------------ */

START_TEST(gradients_of_all_losses)
{
    static const ser_words words[] = { SER_REF, SER_ASR, SER_CORRECTED };
    nn_tape *t = new_tape();

    for (int i = 0; i < 3; i++) {
        job j;

        open_job(&j, "joint", words[i]);
        fill_some(&j, 0, UTTERANCES);
        derivative_check(t, j.m->params, NN_RECORD, loss_of, &j, 2e-3);
        ck_assert_ptr_nonnull(j.l.aec);
        ck_assert_ptr_nonnull(j.l.contrast);
        close_job(&j);
    }
    nn_tape_free(t);
}
END_TEST

/* A contrast of weight 0 leaves the gradients as if there were none, to the bit. */
START_TEST(no_contrast_is_absent)
{
    nn_tape *t = new_tape();
    float *with, *g;
    int64_t n;
    job j;

    open_job(&j, "joint", SER_ASR);
    n = nn_params_trainable(j.m->params);
    with = malloc(sizeof *with * (size_t)n);
    g = nn_params_grads(j.m->params);
    j.w.contrast = 0;
    for (int contrast = 1; contrast >= 0; contrast--) {
        j.b.contrast = contrast;
        fill_some(&j, 0, UTTERANCES);
        nn_params_zero_grads(j.m->params);
        nn_tape_begin(t, NN_TRAIN, 5);
        ck_assert_int_eq(nn_tape_backward(t, loss_of(t, &j)), BASE_OK);
        ck_assert_int_eq(j.o.text[0] && j.o.text[1], contrast);
        if (contrast)
            memcpy(with, g, sizeof *with * (size_t)n);
    }
    ck_assert_mem_eq(with, g, sizeof *with * (size_t)n);
    free(with);
    close_job(&j);
    nn_tape_free(t);
}
END_TEST

/* Eq. 17: emotion, gender and style (which three utterances lack) by adapters, fusion and heads; what is frozen moves nothing. */
START_TEST(gradients_of_the_second_stage)
{
    nn_tape *t = new_tape();
    job j = { .m = make_model("frozen", false, true), .b = { .words = SER_CORRECTED, .contrast = true }, .w = weighting() };
    int trained = 0;

    for (int i = 0; i < nn_params_count(j.m->params); i++) {
        const nn_param *p = nn_params_at(j.m->params, i);

        for (int64_t k = 0; strstr(p->name, "lora") && k < p->count; k++)     /* an up-projection begins at 0, where nothing moves */
            p->x[k] = (float)(k % 7) / 20 - 0.15f;
        for (int64_t k = 0; strstr(p->name, "adapter") && k < p->count; k++)
            p->x[k] = (float)(k % 5) / 10 - 0.2f;
        trained += strstr(p->name, "adapter") != NULL && p->dx;
        ck_assert_msg(strncmp(p->name, "lm_head.", 8) || !p->dx, "%s is trained", p->name);
    }
    ck_assert_int_gt(trained, 8);
    j.w.ctc = 0;
    j.w.lambda[SER_GENDER] = 0.5, j.w.total[SER_GENDER] = 5;
    j.w.lambda[SER_STYLE] = 0.25, j.w.total[SER_STYLE] = 3;
    for (int i = 0; i < UTTERANCES; i++)
        utterances[i].label[SER_STYLE] = i % 2 ? NN_IGNORE : i / 2 % 2;
    fill_some(&j, 0, UTTERANCES);
    derivative_check(t, j.m->params, NN_RECORD, loss_of, &j, 2e-3);
    ck_assert_ptr_nonnull(j.l.contrast);
    close_job(&j);
    nn_tape_free(t);
}
END_TEST

/* The loss is -log of the product of the probabilities of all words and ends, over their number. */
START_TEST(the_loss_is_that_of_the_texts)
{
    nn_tape *t = new_tape();
    double sum = 0;
    int64_t n = 0;
    nn_tensor *p;
    job j;

    open_job(&j, "joint", SER_REF);
    fill_some(&j, 0, UTTERANCES);
    nn_tape_begin(t, NN_INFER, 0);
    loss_of(t, &j);
    p = nn_log_softmax(t, j.o.aec);
    for (int i = 0; i < UTTERANCES; i++)
        for (int k = 1; k < utterances[i].pieces.n; k++)
            sum -= (double)p->x[n++ * p->cols + utterances[i].pieces.label[k]];
    ck_assert_int_eq(n, p->rows);
    ck_assert_double_eq_tol((double)j.l.aec->x[0], sum / (double)n, 1e-5);
    close_job(&j);
    nn_tape_free(t);
}
END_TEST

/* A frozen corrector has no gradient, and its own copy of BERT. */
START_TEST(frozen_means_frozen)
{
    ser_model *m = make_model("frozen", false, false);
    int own = 0;

    for (int i = 0; i < nn_params_count(m->params); i++) {
        const nn_param *p = nn_params_at(m->params, i);

        own += strncmp(p->name, "aec.encoder.", 12) == 0;
        ck_assert_msg(strncmp(p->name, "aec.", 4) != 0 || !p->dx, "%s", p->name);
    }
    ck_assert_int_gt(own, 10);
    ser_model_free(m);
}
END_TEST

/* Three batches with the vectors of all are one batch: the loss, and the sum of their gradients. Equal texts (u0, u4) are no
 * negatives of each other wherever they are. */
START_TEST(contrast_over_batches)
{
    static int same[UTTERANCES] = { 0, 1, 2, 3, 0, 5 }, order[UTTERANCES];
    static const int first[] = { 0, 1, 5, 6 };
    nn_tape *t = new_tape();
    int64_t n;
    float *whole, *g, *x[2];
    double loss, largest = 0;
    job j;

    open_job(&j, "joint", SER_REF);
    j.w.lambda[SER_EMOTION] = j.w.ctc = j.w.aec = 0;
    n = nn_params_trainable(j.m->params);
    g = nn_params_grads(j.m->params);
    whole = malloc(sizeof *whole * (size_t)n);
    fill_some(&j, 0, UTTERANCES);
    nn_params_zero_grads(j.m->params);
    nn_tape_begin(t, NN_RECORD, 0);
    loss_of(t, &j);
    for (int k = 0; k < 2; k++) {
        size_t bytes = sizeof(float) * UTTERANCES * (size_t)j.o.text[k]->cols;

        x[k] = memcpy(malloc(bytes), j.o.text[k]->x, bytes);
    }
    loss = (double)j.l.contrast->x[0];
    ck_assert_int_eq(nn_tape_backward(t, j.l.total), BASE_OK);
    memcpy(whole, g, sizeof *whole * (size_t)n);

    nn_params_zero_grads(j.m->params);
    j.w.vectors = (ser_vectors){ .x = { x[0], x[1] }, .same = same, .order = order, .n = UTTERANCES, .width = 8 };
    for (int k = 0; k < 3; k++) {
        fill_some(&j, first[k], first[k + 1] - first[k]);
        nn_tape_begin(t, NN_RECORD, 0);
        loss_of(t, &j);
        ck_assert_double_eq_tol((double)j.l.contrast->x[0], loss, 1e-5);
        ck_assert_int_eq(nn_tape_backward(t, j.l.total), BASE_OK);
    }
    for (int64_t i = 0; i < n; i++)
        largest = fmax(largest, fabs((double)whole[i]));
    ck_assert_double_gt(largest, 1e-3);
    for (int64_t i = 0; i < n; i++)
        ck_assert_double_eq_tol((double)g[i], (double)whole[i], 1e-5 * largest);
    free(whole);
    free(x[0]);
    free(x[1]);
    close_job(&j);
    nn_tape_free(t);
}
END_TEST

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* The best word after the best word, all of the sentence computed anew for each. */
static char *greedy(nn_tape *t, const ser_model *m, const ser_reading *heard, int u)
{
    const tx_wordpiece *w = m->names.pieces;
    int begin = tx_wordpiece_find(w, "[CLS]"), end = tx_wordpiece_find(w, "[SEP]"), ids[100] = { begin }, n = 1;
    int64_t rows_of = heard->begin[u + 1] - heard->begin[u], ends[2] = { 0, 1 }, source[2] = { 0, rows_of };
    int most = (int)(1.5 * (double)rows_of) + 10;

    for (int best = -1; best != end; ids[n++] = best, ends[1] = n) {
        nn_tensor *x;
        const float *p;

        nn_tape_begin(t, NN_INFER, 0);
        x = ser_corrector_learn(t, m->corrector, heard->piece + heard->begin[u], source, 1,
            &(ser_lesson){ .input = ids, .begin = ends });
        ck_assert_ptr_nonnull(x);
        p = x->x + (x->rows - 1) * x->cols;
        best = -1;
        for (int k = 0; k < x->cols && n <= most; k++)
            if (k != tx_wordpiece_find(w, "[PAD]") && k != tx_wordpiece_find(w, "[UNK]") && (k != end || n > 1) &&
                (best < 0 || p[k] > p[best]))
                best = k;
        best = best < 0 ? end : best;
    }
    return tx_wordpiece_decode(w, ids + 1, n - 2, NULL);
}

START_TEST(a_beam_of_one_is_greedy)
{
    ser_model *m = make_model("joint", true, false);
    base_error e = BASE_ERROR_INIT;
    nn_tape *t = new_tape();
    ser_reading heard = { 0 };
    char *out[UTTERANCES];
    int written = 0;

    ck_assert(ser_reading_reserve(&heard, UTTERANCES));
    heard.begin[0] = 0;
    for (int i = 0; i < UTTERANCES; i++) {
        char *text = strdup(texts[i]);

        for (char *c = text; *c; c++)       /* small letters: nothing is to be made capital */
            *c = *c == ' ' ? ' ' : (char)(*c - 'A' + 'a');
        ck_assert_int_eq(ser_reading_add(&heard, m->names.pieces, 512, text, &e), BASE_OK);
    }
    ck_assert_msg(ser_correct(m->corrector, m->names.pieces, &heard, out, &e) == BASE_OK, "%s", e.text);
    for (int i = 0; i < UTTERANCES; i++) {
        char *expected = *texts[i] ? greedy(t, m, &heard, i) : strdup("");

        ck_assert_str_eq(out[i], expected);
        written += *expected != '\0';
        free(expected);
        free(out[i]);
    }
    ck_assert_int_ge(written, 3);
    ser_reading_free(&heard);
    nn_tape_free(t);
    ser_model_free(m);
}
END_TEST

START_TEST(pieces_become_text)
{
    tx_wordpiece *w = make_pieces();
    base_error e = BASE_ERROR_INIT;
    tx_labels l;
    char *text;

    ck_assert_int_eq(ser_words_encode(w, "ab  A baab b", &l, &e), BASE_OK);
    text = tx_wordpiece_decode(w, l.label, l.n, &e);
    ck_assert_str_eq(text, "ab a baab b");
    free(text);
    text = tx_wordpiece_decode(w, (int[]){ 1, 99999, -1 }, 3, &e);
    ck_assert_str_eq(text, "");
    free(text);
    tx_labels_free(&l);
    tx_wordpiece_free(w);
}
END_TEST

/* ---- pre-training ------------------------------------------------------------------------------------------------ */

START_TEST(noise_spoils_its_share)
{
    char text[2001];
    base_random r = base_random_at(1, 2, 3);
    tx_errors errors = { 0 };
    base_error e = BASE_ERROR_INIT;
    char *spoilt, *whole;

    for (int i = 0; i < 2000; i++)
        text[i] = (char)('a' + i * 7 % 26);
    text[2000] = '\0';
    whole = ser_aec_spoil(text, 0, &r);
    ck_assert_str_eq(whole, text);
    spoilt = ser_aec_spoil(text, 0.2, &r);
    ck_assert_int_eq(tx_count_errors(text, spoilt, true, TX_UNIT, &errors, &e), BASE_OK);
    ck_assert_double_gt(tx_error_rate(&errors), 15);
    ck_assert_double_lt(tx_error_rate(&errors), 22);
    free(whole);
    free(spoilt);
    whole = ser_aec_spoil("\xc3\xa9t\xc3\xa9", 0.9, &r);
    ck_assert_int_eq(tx_utf8_check("it", 1, whole, strlen(whole), &e), BASE_OK);
    free(whole);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("corrector");

    invent();
    unit_add(s, gradients_of_all_losses);
    unit_add(s, no_contrast_is_absent);
    unit_add(s, gradients_of_the_second_stage);
    unit_add(s, the_loss_is_that_of_the_texts);
    unit_add(s, frozen_means_frozen);
    unit_add(s, contrast_over_batches);
    unit_add(s, a_beam_of_one_is_greedy);
    unit_add(s, pieces_become_text);
    unit_add(s, noise_spoils_its_share);
    return s;
}

UNIT_MAIN(suite)
