/* 100 updates of a tiny HuBERT with CTC and a tiny BERT, a classifier on both, against PyTorch: the losses, the gradient's
 * norms and the parameters at the end (tests/parity/make_training.py). */
#include "tests/unit/parity.h"

enum { UPDATES = 100, BATCHES = 3, MOST = 64, CLASSES = 4 };
static const float ctc_weight = 0.1f, smoothing = 0.1f;

typedef struct batch {
    const float   *wave;
    const int64_t *wave_begin, *label_begin, *begin;
    int            n, labels[MOST], ids[MOST], classes[MOST];
} batch;

typedef struct model {
    nn_params      *params;
    nn_hubert      *hubert;
    nn_bert        *bert;
    nn_tensor      *ctc_w, *ctc_b, *class_w, *class_b;
    nn_safetensors *reference;
    nn_tape        *tape;
    batch           batches[BATCHES];
} model;

static nn_tensor *add(nn_params *p, const char *name, int ndim, int64_t rows, int64_t cols)
{
    return nn_params_add(p, (nn_init){ NN_INIT_ZERO, 0 }, name, ndim, (const int64_t[]){ rows, cols });
}

static const nn_file_tensor *find(const model *m, const char *what, int b)
{
    char name[32];

    snprintf(name, sizeof name, "%s.%d", what, b);
    return parity_find(m->reference, name);
}

static const int64_t *offsets(const model *m, const char *what, int b)
{
    return find(m, what, b)->data;
}

static void ints(const model *m, const char *what, int b, int *out)
{
    parity_ints(m->reference, find(m, what, b)->name, out, MOST);
}

static batch read_batch(const model *m, int b)
{
    batch a = { .wave = find(m, "wave", b)->data, .wave_begin = offsets(m, "wave_begin", b),
        .label_begin = offsets(m, "label_begin", b), .begin = offsets(m, "begin", b),
        .n = (int)find(m, "classes", b)->count };

    ints(m, "labels", b, a.labels);
    ints(m, "ids", b, a.ids);
    ints(m, "classes", b, a.classes);
    return a;
}

/* The parameters whose names begin so. */
static void load(const model *m, const char *folder, const char *file, const char *only)
{
    nn_load l = { .only = only };
    base_error e = BASE_ERROR_INIT;

    ck_assert_msg(!nn_params_load(m->params, parity_path(folder, file), &l, &e), "%s", e.text);
}

static model open_model(void)
{
    base_error e = BASE_ERROR_INIT;
    nn_hubert_config h;
    nn_bert_config b;
    model m = { .params = nn_params_new() };

    ck_assert_msg(!nn_hubert_config_read(&h, parity_path("hubert-layer", "config.json"), &e), "%s", e.text);
    ck_assert_msg(!nn_bert_config_read(&b, parity_path("bert", "config.json"), &e), "%s", e.text);
    nn_params_push(m.params, "hubert", 0);
    m.hubert = nn_hubert_new(m.params, &h);
    nn_params_pop(m.params);
    m.ctc_w = add(m.params, "lm_head.weight", 2, h.vocab_size, h.encoder.width);
    m.ctc_b = add(m.params, "lm_head.bias", 1, h.vocab_size, 0);
    nn_params_push(m.params, "bert", 0);
    m.bert = nn_bert_new(m.params, &b, true);
    nn_params_pop(m.params);
    m.class_w = add(m.params, "classifier.weight", 2, CLASSES, h.encoder.width + b.encoder.width);
    m.class_b = add(m.params, "classifier.bias", 1, CLASSES, 0);
    ck_assert_msg(!nn_params_build(m.params, &e), "%s", e.text);
    load(&m, "hubert-layer", "model.safetensors", "hubert.");
    load(&m, "hubert-layer", "model.safetensors", "lm_head.");
    load(&m, "bert", "model.safetensors", "bert.");
    load(&m, "training", "reference.safetensors", "classifier.");
    m.reference = parity_open("training");
    for (int i = 0; i < BATCHES; i++)
        m.batches[i] = read_batch(&m, i);
    m.tape = nn_tape_new(NULL, &e);
    ck_assert_msg(m.tape != NULL, "%s", e.text);
    return m;
}

static void close_model(model *m)
{
    nn_tape_free(m->tape);
    nn_hubert_free(m->hubert);
    nn_bert_free(m->bert);
    nn_params_free(m->params);
    nn_safetensors_close(m->reference);
}

static nn_tensor *loss_of(const model *m, const batch *b)
{
    nn_cross_entropy_options o = NN_CROSS_ENTROPY_DEFAULTS;
    nn_tape *t = m->tape;
    nn_tensor *x = nn_input(t, b->wave, b->wave_begin[b->n], 1, b->n, b->wave_begin), *ctc, *text;

    o.smoothing = smoothing;
    x = nn_hubert_encode(t, m->hubert, nn_hubert_features(t, m->hubert, x), -1);
    ctc = nn_ctc_loss(t, nn_linear(t, x, m->ctc_w, m->ctc_b), b->labels, b->label_begin, NULL, NULL);
    text = nn_bert_encode(t, m->bert, nn_bert_embed(t, m->bert, b->ids, NULL, b->n, b->begin), -1);
    x = nn_concat(t, nn_mean_pool(t, x), nn_bert_pool(t, m->bert, text));
    x = nn_cross_entropy(t, nn_linear(t, x, m->class_w, m->class_b), b->classes, &o);
    return nn_add(t, x, nn_scale(t, ctc, ctc_weight));
}

/* A bias of keys changes nothing; its gradient is rounding, and Adam makes steps of that. */
static void compare_parameters(const model *m)
{
    for (int i = 0; i < nn_params_count(m->params); i++) {
        const nn_param *p = nn_params_at(m->params, i);
        char name[256];

        if (strstr(p->name, "key.bias") || strstr(p->name, "k_proj.bias"))
            continue;
        snprintf(name, sizeof name, "final.%s", p->name);
        double d = parity_distance(p->x, parity_find(m->reference, name), 1e-9);
        ck_assert_msg(d <= 1e-4, "%s differs by %g of its scale", p->name, d);
    }
}

START_TEST(a_hundred_updates_follow_pytorch)
{
    model m = open_model();
    nn_adam_options o = NN_ADAM_DEFAULTS;
    nn_schedule rate = { .kind = NN_LINEAR, .rate = 1e-3, .warmup = 10, .total = UPDATES };
    const float *losses = parity_find(m.reference, "loss")->data, *norms = parity_find(m.reference, "norm")->data;
    base_error e = BASE_ERROR_INIT;
    nn_adam *adam = nn_adam_new(m.params, &o, &e);

    ck_assert_msg(adam != NULL, "%s", e.text);
    for (int i = 0; i < UPDATES; i++) {
        nn_params_zero_grads(m.params);
        nn_tape_begin(m.tape, NN_RECORD, (uint64_t)i);
        nn_tensor *loss = loss_of(&m, &m.batches[i % BATCHES]);
        ck_assert_msg(!nn_tape_backward(m.tape, loss), "%s", nn_tape_error(m.tape)->text);
        double norm = nn_grad_norm(m.params);
        ck_assert_msg(fabs((double)loss->x[0] - losses[i]) <= 1e-4 * losses[i], "update %d: loss %g, PyTorch %g", i,
            (double)loss->x[0], (double)losses[i]);
        ck_assert_msg(fabs(norm - norms[i]) <= 1e-4 * norms[i], "update %d: norm %g, PyTorch %g", i, norm, (double)norms[i]);
        nn_adam_step(adam, nn_schedule_rate(&rate, i), nn_clip_factor(norm, 1.0));
    }
    compare_parameters(&m);
    nn_adam_free(adam);
    close_model(&m);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("training_parity");
    TCase *c = tcase_create("training_parity");

    tcase_set_timeout(c, 60);
    tcase_add_test(c, a_hundred_updates_follow_pytorch);
    suite_add_tcase(s, c);
    return s;
}

UNIT_MAIN(suite)
