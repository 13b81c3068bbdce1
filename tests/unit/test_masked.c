/* Pre-training by masked prediction: the losses and gradients of HuBERT and BERT against fairseq's and transformers' way
 * (tests/parity/make_masked.py), whole models along a direction, what is hidden of a text and how often, and how clusters
 * are fitted to frames. */
#include <math.h>
#include <string.h>

#include "recipes/ser.h"
#include "tests/unit/derivative.h"
#include "tests/unit/files.h"
#include "tests/unit/parity.h"

/* ---- parity ------------------------------------------------------------------------------------------------------ */

/* Gradients are under "frames.grad." or "words.grad.". */
static void compare_gradients(const nn_safetensors *s, const nn_params *params, const char *part)
{
    for (int i = 0; i < nn_params_count(params); i++) {
        const nn_param *p = nn_params_at(params, i);
        char name[256];

        snprintf(name, sizeof name, "%s.grad.%s", part, p->name);
        const nn_file_tensor *f = parity_find(s, name);
        ck_assert_int_eq(f->count, p->count);
        double d = parity_distance(p->dx, f, strstr(name, "k_proj.bias") || strstr(name, "key.bias") ? 0.1 : 1e-9);
        ck_assert_msg(d <= 1e-4, "%s differs by %g of its scale", name, d);
    }
}

static ser_model *new_model(ser_model_config *c)
{
    base_error e = BASE_ERROR_INIT;
    ser_names none = { 0 };
    ser_model *m = ser_model_new(c, &none, SER_TRAIN_ALL, &e);

    ck_assert_msg(m != NULL, "%s", e.text);
    return m;
}

static void load(ser_model *m, const char *folder, const char *file, const char *only)
{
    nn_load l = { .only = only };
    base_error e = BASE_ERROR_INIT;

    ck_assert_msg(!nn_params_load(m->params, parity_path(folder, file), &l, &e), "%s", e.text);
}

static double number(const nn_safetensors *s, const char *name) { return (double)((const float *)parity_find(s, name)->data)[0]; }

static void reserve(ser_masked *h, int64_t n)
{
    h->n = h->room = n;
    h->mask = calloc((size_t)n, 1);
    h->truth = calloc((size_t)n, sizeof *h->truth);
    h->at = calloc((size_t)n, sizeof *h->at);
    h->target = calloc((size_t)n, sizeof *h->target);
}

static void compare(ser_model *m, ser_batch *b, const ser_weighting *w, const nn_safetensors *s, const char *part)
{
    base_error e = BASE_ERROR_INIT;
    nn_tape *t = nn_tape_new(NULL, &e);
    char name[64];
    ser_outputs o;
    ser_losses l;

    nn_params_zero_grads(m->params);
    nn_tape_begin(t, NN_RECORD, 0);
    ser_forward(t, m, b, &o);
    ser_loss(t, m, b, &o, w, &l);
    ck_assert_msg(l.total != NULL, "%s", nn_tape_error(t)->text);
    snprintf(name, sizeof name, "%s.loss", part);
    ck_assert_double_eq_tol(l.total->x[0], number(s, name), 1e-5 * number(s, name));
    snprintf(name, sizeof name, "%s.right", part);
    ck_assert_int_eq(ser_masked_right(b, &o), ((const int64_t *)parity_find(s, name)->data)[0]);
    if (o.features)
        ck_assert_double_eq_tol(l.masked->x[0], number(s, "frames.loss_masked"), 1e-5);
    ck_assert_int_eq(nn_tape_backward(t, l.total), BASE_OK);
    compare_gradients(s, m->params, part);
    nn_tape_free(t);
}

START_TEST(frames_as_fairseq)
{
    nn_safetensors *s = parity_open("masked");
    const nn_file_tensor *wave = parity_find(s, "wave"), *begin = parity_find(s, "wave_begin"), *truth = parity_find(s, "truth");
    const int64_t *mask = parity_find(s, "mask")->data;
    ser_masking k = { .what = SER_PRETRAIN_FRAMES, .clusters = 9, .dim = 6, .temperature = 0.1, .unmasked = 0.5, .penalty = 10 };
    ser_weighting w = { .unmasked = 0.5, .penalty = 10, .predicted = (double)truth->count, .ctc_total = 2 };
    ser_batch b = { .n = 2, .cols = 1, .x = (float *)wave->data, .begin = (int64_t *)begin->data };
    base_error e = BASE_ERROR_INIT;
    ser_model_config c;
    ser_model *m;

    ck_assert_msg(!ser_folder_read_config(parity_path("hubert-layer", ""), &c, &e), "%s", e.text);
    c.masking = k;
    c.encoder.masked = true;
    m = new_model(&c);
    load(m, "hubert-layer", "model.safetensors", "hubert.");
    load(m, "masked", "reference.safetensors", "final_proj.");
    load(m, "masked", "reference.safetensors", "label_embs_concat");
    reserve(&b.hidden, truth->count);
    parity_ints(s, "truth", b.hidden.truth, truth->count);
    for (int64_t i = 0; i < truth->count; i++)
        b.hidden.mask[i] = mask[i] != 0;
    ser_masked_list(&b, m);
    compare(m, &b, &w, s, "frames");
    b.x = NULL;
    b.begin = NULL;
    ser_batch_free(&b);
    ser_model_free(m);
    nn_safetensors_close(s);
}
END_TEST

START_TEST(words_as_transformers)
{
    nn_safetensors *s = parity_open("masked");
    const nn_file_tensor *ids = parity_find(s, "ids"), *begin = parity_find(s, "begin");
    const int64_t *chosen = parity_find(s, "chosen")->data;
    ser_model_config c = { .input = SER_TEXT, .masking = { .what = SER_PRETRAIN_WORDS } };
    ser_weighting w = { .ctc_total = 3 };
    ser_batch b = { .n = (int)begin->count - 1, .piece_begin = (int64_t *)begin->data };
    base_error e = BASE_ERROR_INIT;
    ser_model *m;

    ck_assert_msg(!nn_bert_config_read(&c.bert, parity_path("bert", "config.json"), &e), "%s", e.text);
    m = new_model(&c);
    load(m, "bert", "model.safetensors", NULL);
    reserve(&b.hidden, ids->count);
    b.piece = calloc((size_t)ids->count, sizeof *b.piece);
    parity_ints(s, "ids", b.piece, ids->count);
    parity_ints(s, "pieces", b.hidden.truth, ids->count);
    for (int64_t i = 0; i < ids->count; i++)
        b.hidden.mask[i] = chosen[i] != 0;
    ser_masked_list(&b, m);
    w.predicted = (double)b.hidden.masked;
    ck_assert_int_eq(b.hidden.others, 0);
    compare(m, &b, &w, s, "words");
    b.piece_begin = NULL;
    ser_batch_free(&b);
    ser_model_free(m);
    nn_safetensors_close(s);
}
END_TEST

/* ---- along a direction ------------------------------------------------------------------------------------------- */

enum { CLUSTERS = 5 };

typedef struct whole { ser_model *m; ser_batch b; ser_weighting w; } whole;

static nn_tensor *whole_loss(nn_tape *t, void *data)
{
    whole *x = data;
    ser_outputs o;
    ser_losses l;

    ser_forward(t, x->m, &x->b, &o);
    ser_loss(t, x->m, &x->b, &o, &x->w, &l);
    return l.total;
}

/* The encoder that conv says, on two utterances of invented features and clusters, masked as a program would. */
static whole make_whole(bool conv)
{
    static const int64_t sizes[2][2] = { { 31, 14 }, { 6400, 4300 } };
    ser_config c = ser_config_defaults();
    base_random r = base_random_at(7, 8, 9);
    base_error e = BASE_ERROR_INIT;
    ser_model_config mc;
    whole x = { .w = { .unmasked = 0.5, .penalty = 0.2, .ctc_total = 2 }, .b = { .n = 2 } };
    int64_t frames[2], n = 0;

    c.pretrain = "frames";
    c.front_end = conv ? "conv" : "logmel";
    c.width = 8, c.heads = 2, c.inner = 16, c.layers = 2, c.pos_kernel = 3, c.pos_groups = 2, c.bins = 4, c.stack = 2;
    c.conv_width = 6, c.final_dim = 6, c.span_length = 3, c.span_prob = 0.5, c.unmasked_weight = 0.5, c.init = 0.3;
    c.cmvn = "none";
    ck_assert_msg(!ser_model_configure(&c, &mc, &e), "%s", e.text);
    mc.masking.clusters = CLUSTERS;
    x.m = new_model(&mc);
    nn_params_init(x.m->params, 3);
    x.b.cols = conv ? 1 : 8;
    x.b.begin = calloc(3, sizeof *x.b.begin);
    for (int u = 0; u < 2; u++) {
        x.b.begin[u + 1] = x.b.begin[u] + sizes[conv][u];
        n += frames[u] = nn_hubert_frames(&mc.encoder, sizes[conv][u]);
    }
    x.b.x = malloc(sizeof *x.b.x * (size_t)(x.b.begin[2] * x.b.cols));
    for (int64_t i = 0; i < x.b.begin[2] * x.b.cols; i++)
        x.b.x[i] = (float)base_random_normal(&r, (uint64_t)i);
    reserve(&x.b.hidden, n);
    for (int64_t i = 0; i < n; i++)
        x.b.hidden.truth[i] = (int)(i * 7 / 3 % CLUSTERS);
    nn_mask_frames(&mc.masking.span, 1, 2, "a", frames[0], x.b.hidden.mask);
    nn_mask_frames(&mc.masking.span, 1, 2, "b", frames[1], x.b.hidden.mask + frames[0]);
    ser_masked_list(&x.b, x.m);
    ck_assert(x.b.hidden.masked > 0 && x.b.hidden.others > 0);
    x.w.predicted = (double)(x.b.hidden.masked + x.b.hidden.others);
    return x;
}

START_TEST(gradients_of_frames)
{
    base_error e = BASE_ERROR_INIT;
    nn_tape *t = nn_tape_new(&(nn_tape_options){ .seed = 1 }, &e);
    whole x = make_whole(_i);

    derivative_check(t, x.m->params, NN_RECORD, whole_loss, &x, 2e-3);
    derivative_check(t, x.m->params, NN_TRAIN, whole_loss, &x, 2e-3);
    ser_batch_free(&x.b);
    ser_model_free(x.m);
    nn_tape_free(t);
}
END_TEST

/* ---- what is hidden of a text ------------------------------------------------------------------------------------ */

enum { PIECES = 14, TEXTS = 2000, WORDS = 200 };      /* a text is [CLS], 12 words, [SEP]: round(0.15 x 14) = 2 are predicted */

static ser_model *reader(const char *path)
{
    ser_model_config c = { .input = SER_TEXT, .bert = { .encoder = { .width = 4, .layers = 0, .heads = 1, .inner = 4 },
        .max_positions = PIECES, .type_vocab_size = 2, .tied = true }, .masking = { SER_PRETRAIN_WORDS, .words = 0.15, .seed = 5 } };
    base_error e = BASE_ERROR_INIT;
    ser_names names = { .pieces = tx_wordpiece_read(path, &e) };
    ser_model *m;

    ck_assert_msg(names.pieces != NULL, "%s", e.text);
    m = ser_model_new(&c, &names, SER_TRAIN_ALL, &e);
    ck_assert_msg(m != NULL, "%s", e.text);
    return m;
}

static const char *vocabulary(void)
{
    static char path[400];
    FILE *f;

    snprintf(path, sizeof path, "%s/vocab.txt", files_folder);
    f = fopen(path, "w");
    fputs("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n", f);
    for (int i = 5; i < WORDS; i++)
        fprintf(f, "w%d\n", i);
    fclose(f);
    return path;
}

START_TEST(words_are_hidden_as_devlin_says)
{
    ser_model *m = reader(vocabulary());
    ser_batch b = { .n = 1, .most_pieces = PIECES };
    int place[PIECES] = { 0 }, masks = 0, kept = 0, random = 0, pieces[PIECES] = { 2 };
    int64_t begin[2] = { 0, PIECES }, changed = 0;
    unsigned char first[PIECES] = { 0 };
    char key[16] = "u";
    ser_utterance u = { .key = key, .pieces = { .label = pieces, .n = PIECES } };
    const ser_utterance *list = &u;

    for (int i = 1; i < PIECES - 1; i++)
        pieces[i] = 100 + i;
    pieces[PIECES - 1] = 3;
    reserve(&b.hidden, PIECES);
    b.utt = &list;
    b.piece_begin = begin;
    b.piece = malloc(sizeof pieces);
    for (int k = 0; k < TEXTS; k++) {
        ser_augment a = { .step = (uint64_t)k };

        snprintf(key, sizeof key, "u%d", k % 7);
        memcpy(b.piece, pieces, sizeof pieces);
        b.hidden.n = 0;
        ser_masked_fill(&b, m, 0, &a);
        ser_masked_list(&b, m);
        ck_assert_int_eq(b.hidden.masked, 2);
        ck_assert_int_eq(ser_masked_count(&b, m, &u, (uint64_t)k), 2);
        ck_assert(b.piece[0] == 2 && b.piece[PIECES - 1] == 3);
        for (int j = 0; j < 2; j++) {
            int64_t at = b.hidden.at[j];

            ck_assert(at > 0 && at < PIECES - 1);
            ck_assert_int_eq(b.hidden.target[j], pieces[at]);
            place[at]++;
            masks += b.piece[at] == 4;
            kept += b.piece[at] == pieces[at];
            random += b.piece[at] != 4 && b.piece[at] != pieces[at];
        }
        for (int i = 0; i < PIECES; i++)
            ck_assert(b.hidden.mask[i] || b.piece[i] == pieces[i]);
        if (k % 7 == 0)
            changed += memcmp(first, b.hidden.mask, PIECES) != 0;
        if (k % 7 == 0)
            memcpy(first, b.hidden.mask, PIECES);
    }
    ck_assert_int_gt(changed, TEXTS / 7 * 9 / 10);      /* one text's places are others in every update; 1 in 66 by chance not */
    for (int i = 1; i < PIECES - 1; i++)        /* 4000 / 12 expected, standard deviation 17 */
        ck_assert_msg(place[i] > 333 - 85 && place[i] < 333 + 85, "place %d is chosen %d times", i, place[i]);
    ck_assert_msg(abs(masks - 3200) < 127 && abs(kept - 400) < 95 && abs(random - 400) < 95, "%d [MASK], %d kept, %d others", masks,
        kept, random);
    b.hidden.n = 0;
    b.piece_begin[1] = u.pieces.n = 3;      /* one word: it is predicted */
    ck_assert_int_eq(ser_masked_count(&b, m, &u, 0), 1);
    ser_masked_fill(&b, m, 0, NULL);
    ck_assert(!b.hidden.mask[0] && b.hidden.mask[1] && !b.hidden.mask[2]);
    u.pieces.n = 2;                         /* none: nothing is */
    ck_assert_int_eq(ser_masked_count(&b, m, &u, 0), 0);
    b.utt = NULL;
    b.piece_begin = NULL;
    ser_batch_free(&b);
    ser_model_free(m);
}
END_TEST

/* ---- clusters and frames ----------------------------------------------------------------------------------------- */

START_TEST(the_middle_label_of_a_frame_counts)
{
    int64_t rows[] = { 3, 2 };
    double seconds[] = { 1, 1 };
    ser_features f = { .cols = 8, .variants = 1, .n = 2, .rows = rows, .seconds = seconds };
    ser_model m = { 0 };
    int a[] = { 10, 11, 12, 13, 14, 15, 16 }, b[] = { 20, 21, 22, 23 };
    ser_utterance u[] = { { .key = "a", .clusters = { .label = a, .n = 7 } }, { .key = "b", .clusters = { .label = b, .n = 4 } } };
    ser_data d = { .n = 2, .utt = u };
    base_error e = BASE_ERROR_INIT;

    ck_assert_msg(!ser_masked_fit(&d, &f, &m, 3, &e), "%s", e.text);
    ck_assert(u[0].clusters.n == 3 && a[0] == 11 && a[1] == 14 && a[2] == 16);
    ck_assert(u[1].clusters.n == 2 && b[0] == 21 && b[1] == 23);
    rows[1] = 3;
    ck_assert_int_eq(ser_masked_fit(&d, &f, &m, 1, &e), BASE_MISMATCH);
    ck_assert_str_eq(e.text, "utterance \"b\": 2 labels, labels-per-frame=1, stand for 2 frames, but the encoder makes 3");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("masked");
    TCase *c = tcase_create("gradients_of_frames");

    unit_add(s, frames_as_fairseq);
    unit_add(s, words_as_transformers);
    tcase_add_loop_test(c, gradients_of_frames, 0, 2);
    suite_add_tcase(s, c);
    files_add(s, words_are_hidden_as_devlin_says);
    unit_add(s, the_middle_label_of_a_frame_counts);
    return s;
}

UNIT_MAIN(suite)
