/* Small networks learn through nn_adam: CTC reads a toy alphabet without error, the contrastive loss aligns pairs, word
 * embeddings tell sentences apart; and what training promises: the same bytes for the same seed, sums over parts of a
 * batch, frozen parameters left alone. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "libnn/nn.h"
#include "tests/unit/unit.h"

#define WIDTH 16

/* A network: what its parameters are is the declaring function's business. */
typedef struct net {
    nn_params *params;
    nn_tensor *w[10];
    nn_adam   *adam;
    nn_tape   *tape;
} net;

static nn_tensor *matrix(net *k, const char *name, int rows, int cols)
{
    return nn_params_add(k->params, (nn_init){ NN_INIT_NORMAL, 1.0f / sqrtf((float)cols) }, name, 2,
        (const int64_t[]){ rows, cols });
}

static nn_tensor *vector(net *k, const char *name, int n, nn_init_kind kind)
{
    return nn_params_add(k->params, (nn_init){ kind, 0 }, name, 1, (const int64_t[]){ n });
}

static net make(void (*declare)(net *), const char *frozen, uint64_t seed)
{
    nn_adam_options o = NN_ADAM_DEFAULTS;
    base_error e = BASE_ERROR_INIT;
    net k = { .params = nn_params_new() };

    declare(&k);
    if (frozen)
        nn_params_freeze(k.params, frozen);
    ck_assert_msg(!nn_params_build(k.params, &e), "%s", e.text);
    nn_params_init(k.params, seed);
    k.adam = nn_adam_new(k.params, &o, &e);
    k.tape = nn_tape_new(&(nn_tape_options){ .memory = (size_t)64 << 20, .seed = seed }, &e);
    ck_assert_msg(k.adam && k.tape, "%s", e.text);
    return k;
}

static void drop(net *k)
{
    nn_tape_free(k->tape);
    nn_adam_free(k->adam);
    nn_params_free(k->params);
}

static void backward(const net *k, nn_tensor *loss)
{
    ck_assert_msg(nn_tape_backward(k->tape, loss) == BASE_OK, "%s", nn_tape_error(k->tape)->text);
    ck_assert_float_finite(loss->x[0]);
}

static void update(const net *k, double rate)
{
    nn_adam_step(k->adam, rate, nn_clip_factor(nn_grad_norm(k->params), 1.0));
    nn_params_zero_grads(k->params);
}

/* ---- a toy alphabet ---------------------------------------------------------------------------------------------- */

#define SYMBOLS 6       /* 0 is the blank */
#define UTTERANCES 12
#define MOST_FRAMES 400

/* Each label is 2 to 4 frames of its own column, then 0 to 2 frames of silence (1 at least between equal labels); noise
 * over all. One utterance says nothing. */
typedef struct speech {
    int64_t begin[UTTERANCES + 1], label_begin[UTTERANCES + 1];
    int     labels[100];
    float   x[MOST_FRAMES * SYMBOLS];
} speech;

static int draw(const base_random *r, uint64_t *used, int n) { return (int)base_random_below(r, (*used)++, n); }

static void frames(speech *s, int64_t *row, int symbol, int n)
{
    for (; n > 0; n--)
        s->x[(*row)++ * SYMBOLS + symbol] = 1.0f;
}

static speech speak(uint64_t seed)
{
    base_random r = base_random_at(seed, 0, 1), noise = base_random_at(seed, 0, 2);
    speech s = { .begin = { 0 } };
    uint64_t used = 0;
    int64_t row = 0, count = 0;

    for (int u = 0; u < UTTERANCES; u++) {
        int n = u == 3 ? 0 : 1 + draw(&r, &used, 6);
        frames(&s, &row, 0, 3);
        for (int i = 0; i < n; i++) {
            int y = 1 + draw(&r, &used, SYMBOLS - 1);
            if (i && s.labels[count - 1] == y)
                frames(&s, &row, 0, 1);
            frames(&s, &row, y, 2 + draw(&r, &used, 3));
            frames(&s, &row, 0, draw(&r, &used, 3));
            s.labels[count++] = y;
        }
        s.begin[u + 1] = row;
        s.label_begin[u + 1] = count;
    }
    ck_assert_int_le(row, MOST_FRAMES);
    for (int64_t i = 0; i < row * SYMBOLS; i++)
        s.x[i] += 0.2f * (float)base_random_normal(&noise, (uint64_t)i);
    return s;
}

static void declare_reader(net *k)
{
    k->w[0] = matrix(k, "up.weight", WIDTH, SYMBOLS);
    k->w[1] = vector(k, "up.bias", WIDTH, NN_INIT_ZERO);
    k->w[2] = vector(k, "norm.weight", WIDTH, NN_INIT_ONE);
    k->w[3] = vector(k, "norm.bias", WIDTH, NN_INIT_ZERO);
    k->w[4] = matrix(k, "{q,k,v}.weight", WIDTH, WIDTH);
    k->w[5] = matrix(k, "out.weight", WIDTH, WIDTH);
    k->w[6] = matrix(k, "head.weight", SYMBOLS, WIDTH);
    k->w[7] = vector(k, "head.bias", SYMBOLS, NN_INIT_ZERO);
}

/* Frames -> logits: a layer of GELU, then a layer of attention around which the frames pass. */
static nn_tensor *read_frames(const net *k, const speech *s)
{
    nn_tape *t = k->tape;
    nn_tensor *const *w = k->w, *h;
    nn_tensor *x = nn_input(t, s->x, s->begin[UTTERANCES], SYMBOLS, UTTERANCES, s->begin);

    x = nn_linear_gelu(t, x, w[0], w[1], 0.05f, "up");
    h = nn_linear(t, nn_layer_norm(t, x, w[2], w[3], 1e-5f), w[4], NULL);
    h = nn_linear(t, nn_self_attention(t, h, 2, false, 0.05f, "attention"), w[5], NULL);
    return nn_linear(t, nn_dropout_add(t, h, x, 0.05f, "add"), w[6], w[7]);
}

static double train_reader(const net *k, int steps)
{
    double loss = 0.0;

    for (int i = 0; i < steps; i++) {
        speech s = speak((uint64_t)i);
        nn_tensor *out;

        nn_tape_begin(k->tape, NN_TRAIN, (uint64_t)i);
        out = nn_ctc_loss(k->tape, read_frames(k, &s), s.labels, s.label_begin, NULL, NULL);
        backward(k, out);
        loss = (double)out->x[0];
        update(k, 0.02);
    }
    return loss;
}

/* Utterances of which the greedy transcript is not the labels. */
static int misread(const net *k, const speech *s)
{
    nn_tensor *lp;
    int wrong = 0;

    nn_tape_begin(k->tape, NN_INFER, 0);
    lp = nn_log_softmax(k->tape, read_frames(k, s));
    for (int u = 0; u < UTTERANCES; u++) {
        const int *labels = s->labels + s->label_begin[u];
        int n = (int)(s->label_begin[u + 1] - s->label_begin[u]);
        base_error e = BASE_ERROR_INIT;
        nn_hypothesis h;

        nn_ctc_greedy(lp->x + s->begin[u] * SYMBOLS, s->begin[u + 1] - s->begin[u], SYMBOLS, 0, &h, &e);
        ck_assert_msg(!e.status, "%s", e.text);
        wrong += h.n != n || memcmp(h.labels, labels, (size_t)n * sizeof *labels) != 0;
        nn_hypothesis_free(&h);
    }
    return wrong;
}

START_TEST(ctc_learns_to_read)
{
    net k = make(declare_reader, NULL, 1);
    speech unseen = speak(1000);

    ck_assert_int_gt(misread(&k, &unseen), UTTERANCES / 2);
    train_reader(&k, 150);
    ck_assert_int_eq(misread(&k, &unseen), 0);
    drop(&k);
}
END_TEST

/* ---- what training promises -------------------------------------------------------------------------------------- */

static size_t bytes_of(const net *k) { return (size_t)nn_params_trainable(k->params) * sizeof(float); }

START_TEST(the_same_seed_makes_the_same_bytes)
{
    net a = make(declare_reader, NULL, 1), b = make(declare_reader, NULL, 1), c = make(declare_reader, NULL, 2);

    train_reader(&a, 20);
    train_reader(&b, 20);
    train_reader(&c, 20);
    ck_assert_mem_eq(nn_params_values(a.params), nn_params_values(b.params), bytes_of(&a));
    ck_assert_mem_ne(nn_params_values(a.params), nn_params_values(c.params), bytes_of(&a));
    drop(&a);
    drop(&b);
    drop(&c);
}
END_TEST

/* The gradients of utterances 0 .. u-1 and u .. are added up by two backward passes. */
static void parts_of_batch(const net *k, const speech *s, int u)
{
    nn_ctc_options o = { 0, true, NN_CTC_SUM };

    nn_params_zero_grads(k->params);
    for (int part = u ? 0 : 1; part < 2; part++) {
        int first = part ? u : 0, n = part ? UTTERANCES - u : u;
        speech some = *s;

        for (int i = 0; i <= n; i++) {
            some.begin[i] = s->begin[first + i] - s->begin[first];
            some.label_begin[i] = s->label_begin[first + i] - s->label_begin[first];
        }
        for (int i = n + 1; i <= UTTERANCES; i++) {
            some.begin[i] = some.begin[n];
            some.label_begin[i] = some.label_begin[n];
        }
        memcpy(some.x, s->x + s->begin[first] * SYMBOLS, (size_t)(some.begin[n] * SYMBOLS) * sizeof *some.x);
        memcpy(some.labels, s->labels + s->label_begin[first], (size_t)some.label_begin[n] * sizeof *some.labels);
        nn_tape_begin(k->tape, NN_RECORD, 0);
        backward(k, nn_ctc_loss(k->tape, read_frames(k, &some), some.labels, some.label_begin, &o, NULL));
    }
}

START_TEST(gradients_of_parts_add_up)
{
    net k = make(declare_reader, NULL, 1);
    speech s = speak(5);
    int64_t n = nn_params_trainable(k.params);
    float *whole = malloc(bytes_of(&k)), *grads = nn_params_grads(k.params);
    double norm;

    parts_of_batch(&k, &s, 0);
    memcpy(whole, grads, bytes_of(&k));
    norm = nn_grad_norm(k.params);
    parts_of_batch(&k, &s, 5);
    for (int64_t i = 0; i < n; i++)
        ck_assert_msg(fabs((double)whole[i] - (double)grads[i]) < 1e-5 * norm, "gradient %lld: %g at once, %g in parts",
            (long long)i, (double)whole[i], (double)grads[i]);
    free(whole);
    drop(&k);
}
END_TEST

/* Frozen parameters keep their bytes; the others get the gradients they get when nothing is frozen. */
START_TEST(frozen_parameters_stay)
{
    net all = make(declare_reader, NULL, 1), some = make(declare_reader, "up.", 1);
    const nn_param *frozen = nn_params_find(some.params, "up.weight");
    float before[WIDTH * SYMBOLS];
    speech s = speak(5);

    ck_assert_ptr_null(frozen->dx);
    parts_of_batch(&all, &s, 0);
    parts_of_batch(&some, &s, 0);
    for (int i = 0; i < nn_params_count(some.params); i++) {
        const nn_param *p = nn_params_at(some.params, i), *q = nn_params_find(all.params, p->name);
        if (p->dx)
            ck_assert_mem_eq(p->dx, q->dx, (size_t)p->count * sizeof *p->dx);
    }
    memcpy(before, frozen->x, sizeof before);
    train_reader(&some, 5);
    ck_assert_mem_eq(frozen->x, before, sizeof before);
    drop(&all);
    drop(&some);
}
END_TEST

/* ---- pairs ------------------------------------------------------------------------------------------------------- */

#define PAIRS 24

static void declare_towers(net *k)
{
    k->w[0] = matrix(k, "a.weight", WIDTH, 12);
    k->w[1] = matrix(k, "b.weight", WIDTH, 12);
}

/* Two views of the same things: 6 numbers of a thing are in the first columns of one and in the last of the other, in
 * another order; noise fills the rest. */
static void views(uint64_t seed, float *a, float *b)
{
    base_random r = base_random_at(seed, 0, 3);

    for (int i = 0; i < PAIRS * 12; i++) {
        a[i] = (float)base_random_normal(&r, (uint64_t)(2 * i));
        b[i] = (float)base_random_normal(&r, (uint64_t)(2 * i + 1));
    }
    for (int i = 0; i < PAIRS; i++)
        for (int j = 0; j < 6; j++)
            b[i * 12 + 6 + (j * 5 + 2) % 6] = a[i * 12 + j];
}

static nn_tensor *tower(const net *k, int which, const float *x)
{
    return nn_linear(k->tape, nn_input(k->tape, x, PAIRS, 12, 0, NULL), k->w[which], NULL);
}

/* Pairs whose partner is the nearest by cosine. */
static int matched(const net *k, const float *a, const float *b)
{
    nn_tensor *u, *v;
    int found = 0;

    nn_tape_begin(k->tape, NN_INFER, 0);
    u = tower(k, 0, a);
    v = tower(k, 1, b);
    for (int64_t i = 0; i < PAIRS; i++) {
        int64_t own[PAIRS], best = 0;
        const nn_tensor *c;

        for (int j = 0; j < PAIRS; j++)
            own[j] = i;
        c = nn_cosine(k->tape, nn_gather_rows(k->tape, u, own, PAIRS), v);
        for (int64_t j = 1; j < PAIRS; j++)
            best = c->x[j] > c->x[best] ? j : best;
        found += best == i;
    }
    return found;
}

START_TEST(contrastive_loss_aligns_pairs)
{
    net k = make(declare_towers, NULL, 3);
    float a[PAIRS * 12], b[PAIRS * 12];

    views(1000, a, b);
    ck_assert_int_lt(matched(&k, a, b), PAIRS / 3);
    for (uint64_t i = 0; i < 150; i++) {
        float x[PAIRS * 12], y[PAIRS * 12];

        views(i, x, y);
        nn_tape_begin(k.tape, NN_TRAIN, i);
        backward(&k, nn_contrastive_loss(k.tape, tower(&k, 0, x), tower(&k, 1, y), 0.1f, NULL));
        update(&k, 0.02);
    }
    ck_assert_int_ge(matched(&k, a, b), PAIRS - 1);
    drop(&k);
}
END_TEST

/* ---- sentences --------------------------------------------------------------------------------------------------- */

#define WORDS 30
#define SENTENCES 40

static void declare_sentences(net *k)
{
    k->w[0] = matrix(k, "embedding.weight", WORDS, WIDTH);
    k->w[1] = matrix(k, "up.weight", WIDTH, 2 * WIDTH);
    k->w[2] = matrix(k, "head.weight", 3, WIDTH);
}

/* A sentence's class is that of its one telling word (0, 1 or 2) among others. */
static void write_sentences(uint64_t seed, int *words, int64_t *begin, int *classes)
{
    base_random r = base_random_at(seed, 0, 4);
    uint64_t used = 0;

    begin[0] = 0;
    for (int u = 0; u < SENTENCES; u++) {
        int n = 1 + draw(&r, &used, 6), telling = draw(&r, &used, n);

        classes[u] = draw(&r, &used, 3);
        for (int i = 0; i < n; i++)
            words[begin[u] + i] = i == telling ? classes[u] : 3 + draw(&r, &used, WORDS - 3);
        begin[u + 1] = begin[u] + n;
    }
}

static nn_tensor *classify(const net *k, const int *words, const int64_t *begin)
{
    nn_tape *t = k->tape;
    nn_tensor *x = nn_embedding(t, k->w[0], words, begin[SENTENCES], SENTENCES, begin);

    x = nn_concat(t, nn_tanh(t, x), nn_relu(t, x));
    x = nn_mean_pool(t, nn_multiply(t, nn_linear(t, x, k->w[1], NULL), nn_sigmoid(t, nn_slice(t, x, 0, WIDTH))));
    return nn_linear(t, x, k->w[2], NULL);
}

static int misclassified(const net *k, uint64_t seed)
{
    int words[SENTENCES * 6], classes[SENTENCES], wrong = 0;
    int64_t begin[SENTENCES + 1];
    const nn_tensor *y;

    write_sentences(seed, words, begin, classes);
    nn_tape_begin(k->tape, NN_INFER, 0);
    y = classify(k, words, begin);
    for (int u = 0; u < SENTENCES; u++) {
        const float *s = y->x + 3 * u;
        wrong += classes[u] != (s[0] >= s[1] && s[0] >= s[2] ? 0 : s[1] >= s[2] ? 1 : 2);
    }
    return wrong;
}

START_TEST(sentences_are_told_apart)
{
    net k = make(declare_sentences, NULL, 4);
    nn_cross_entropy_options o = NN_CROSS_ENTROPY_DEFAULTS;

    o.smoothing = 0.05f;
    ck_assert_int_gt(misclassified(&k, 1000), SENTENCES / 4);
    for (uint64_t i = 0; i < 150; i++) {
        int words[SENTENCES * 6], classes[SENTENCES];
        int64_t begin[SENTENCES + 1];

        write_sentences(i, words, begin, classes);
        nn_tape_begin(k.tape, NN_TRAIN, i);
        backward(&k, nn_cross_entropy(k.tape, classify(&k, words, begin), classes, &o));
        update(&k, 0.02);
    }
    ck_assert_int_le(misclassified(&k, 1000), 1);
    drop(&k);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("train");

    unit_add(s, ctc_learns_to_read);
    unit_add(s, the_same_seed_makes_the_same_bytes);
    unit_add(s, gradients_of_parts_add_up);
    unit_add(s, frozen_parameters_stay);
    unit_add(s, contrastive_loss_aligns_pairs);
    unit_add(s, sentences_are_told_apart);
    return s;
}

UNIT_MAIN(suite)
