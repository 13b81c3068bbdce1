/* BERT against transformers: every layer's states, pooled output, masked-word logits, loss and every gradient of the tiny
 * model that tests/parity/make_bert.py wrote. */
#include "tests/unit/derivative.h"
#include "tests/unit/parity.h"

enum { MOST = 64 };     /* tokens */

typedef struct model {
    nn_bert_config  c;
    nn_params      *params;
    nn_bert        *bert;
    nn_safetensors *reference;
    nn_tape        *tape;
    int             ids[MOST], types[MOST], words[MOST];
    const int64_t  *begin;
    int             n;
} model;

/* With adapters and LoRA of the kind, 1 to 4, and the rest frozen; 0: none. */
static model open_with(int kind, bool tied)
{
    base_error e = BASE_ERROR_INIT;
    model m = { 0 };

    ck_assert_msg(!nn_bert_config_read(&m.c, parity_path("bert", "config.json"), &e), "%s", e.text);
    ck_assert(m.c.tied);
    m.c.tied = tied;
    if (kind) {
        m.c.encoder.adapter = kind < 4 ? 6 : 0;
        m.c.encoder.adapter_attention = kind == 2;
        m.c.encoder.adapter_gelu = kind == 3;
        m.c.encoder.lora = kind > 2 ? 3 : 0;
    }
    m.params = nn_params_new();
    nn_params_push(m.params, "bert", 0);
    m.bert = nn_bert_new(m.params, &m.c, true);
    nn_params_pop(m.params);
    nn_bert_add_word_head(m.params, m.bert);
    if (kind) {
        nn_params_freeze(m.params, "");
        nn_params_thaw(m.params, "adapter.");
        nn_params_thaw(m.params, ".lora.");
    }
    ck_assert_msg(!nn_params_build(m.params, &e), "%s", e.text);
    nn_params_init(m.params, 4);
    nn_load l = { .allow_missing = kind || !tied };
    ck_assert_msg(!nn_params_load(m.params, parity_path("bert", "model.safetensors"), &l, &e), "%s", e.text);
    m.reference = parity_open("bert");
    parity_ints(m.reference, "ids", m.ids, MOST);
    parity_ints(m.reference, "types", m.types, MOST);
    parity_ints(m.reference, "words", m.words, MOST);
    m.begin = parity_find(m.reference, "begin")->data;
    m.n = (int)parity_find(m.reference, "begin")->count - 1;
    m.tape = nn_tape_new(NULL, &e);
    ck_assert_msg(m.tape != NULL, "%s", e.text);
    return m;
}

static model open_model(void) { return open_with(0, true); }

static void close_model(model *m)
{
    nn_tape_free(m->tape);
    nn_bert_free(m->bert);
    nn_params_free(m->params);
    nn_safetensors_close(m->reference);
}

static nn_tensor *states(const model *m, int layer)
{
    return nn_bert_encode(m->tape, m->bert, nn_bert_embed(m->tape, m->bert, m->ids, m->types, m->n, m->begin), layer);
}

START_TEST(states_are_those_of_transformers)
{
    model m = open_model();

    for (int layer = 0; layer <= m.c.encoder.layers; layer++) {
        char name[32];

        nn_tape_begin(m.tape, NN_INFER, 0);
        snprintf(name, sizeof name, "states.%d", layer);
        parity_close(m.reference, m.tape, states(&m, layer), name, 1e-5);
    }
    nn_tape_begin(m.tape, NN_INFER, 0);
    parity_close(m.reference, m.tape, nn_bert_pool(m.tape, m.bert, states(&m, -1)), "pooled", 1e-5);
    parity_close(m.reference, m.tape, nn_bert_words(m.tape, m.bert, states(&m, -1)), "logits", 1e-5);
    close_model(&m);
}
END_TEST

START_TEST(gradients_are_those_of_pytorch)
{
    model m = open_model();
    nn_cross_entropy_options o = NN_CROSS_ENTROPY_DEFAULTS;
    const float *expected = parity_find(m.reference, "loss")->data;
    nn_tensor *x, *pooled, *loss;

    nn_params_zero_grads(m.params);
    nn_tape_begin(m.tape, NN_RECORD, 0);
    x = states(&m, -1);
    pooled = nn_bert_pool(m.tape, m.bert, x);
    loss = nn_cross_entropy(m.tape, nn_bert_words(m.tape, m.bert, x), m.words, &o);
    loss = nn_add(m.tape, loss, nn_cross_entropy(m.tape, pooled, (const int[]){ 3, 0, 7 }, &o));
    ck_assert_msg(loss != NULL, "%s", nn_tape_error(m.tape)->text);
    ck_assert_double_eq_tol(loss->x[0], *expected, 1e-5 * *expected);
    ck_assert_int_eq(nn_tape_backward(m.tape, loss), BASE_OK);
    parity_gradients(m.reference, m.params, "key.bias", NULL);
    close_model(&m);
}
END_TEST

START_TEST(a_sentence_reads_the_same_alone)
{
    model m = open_model();
    const float *logits = parity_find(m.reference, "logits")->data;

    for (int u = 0; u < m.n; u++) {
        int64_t alone[] = { 0, m.begin[u + 1] - m.begin[u] };

        nn_tape_begin(m.tape, NN_INFER, 0);
        nn_tensor *x = nn_bert_embed(m.tape, m.bert, m.ids + m.begin[u], m.types + m.begin[u], 1, alone);
        x = nn_bert_words(m.tape, m.bert, nn_bert_encode(m.tape, m.bert, x, -1));
        ck_assert_ptr_nonnull(x);
        for (int64_t i = 0; i < nn_numel(x); i++)
            ck_assert_float_eq_tol(x->x[i], logits[m.begin[u] * m.c.vocab_size + i], 1e-4f);
    }
    close_model(&m);
}
END_TEST

/* No types are types 0. */
START_TEST(types_may_be_left_out)
{
    model m = open_model();
    static const int zeros[MOST];
    float with[32];

    nn_tape_begin(m.tape, NN_INFER, 0);
    memcpy(with, nn_bert_embed(m.tape, m.bert, m.ids, zeros, m.n, m.begin)->x, sizeof with);
    nn_tape_begin(m.tape, NN_INFER, 0);
    ck_assert_mem_eq(nn_bert_embed(m.tape, m.bert, m.ids, NULL, m.n, m.begin)->x, with, sizeof with);
    close_model(&m);
}
END_TEST

/* A head with a matrix of its own, here equal to the table: the same logits, and the gradient goes where it belongs. */
START_TEST(the_head_may_have_its_own_matrix)
{
    model m = open_with(0, false);
    const nn_param *own = nn_params_find(m.params, "cls.predictions.decoder.weight"),
        *table = nn_params_find(m.params, "bert.embeddings.word_embeddings.weight");
    nn_tensor *x;

    ck_assert(own && own->count == table->count);
    memcpy(own->x, table->x, (size_t)own->count * sizeof *own->x);
    nn_params_zero_grads(m.params);
    nn_tape_begin(m.tape, NN_RECORD, 0);
    x = nn_bert_words(m.tape, m.bert, states(&m, -1));
    parity_close(m.reference, m.tape, x, "logits", 1e-5);
    ck_assert_int_eq(nn_tape_backward(m.tape, nn_cross_entropy(m.tape, x, m.words, NULL)), BASE_OK);
    /* Word 0 is in no sentence. */
    ck_assert_float_eq(table->dx[0], 0.0f);
    ck_assert_float_gt(fabsf(own->dx[0]), 1e-9f);
    close_model(&m);
}
END_TEST

START_TEST(what_does_not_fit_is_refused)
{
    model m = open_model();
    int ids[MOST] = { 0 };

    nn_tape_begin(m.tape, NN_INFER, 0);
    ck_assert_ptr_null(nn_bert_embed(m.tape, m.bert, ids, NULL, 1, (const int64_t[]){ 0, m.c.max_positions + 1 }));
    ck_assert_ptr_nonnull(strstr(nn_tape_error(m.tape)->text, "position 12"));
    ids[1] = m.c.vocab_size;
    nn_tape_begin(m.tape, NN_INFER, 0);
    ck_assert_ptr_null(nn_bert_embed(m.tape, m.bert, ids, NULL, 1, (const int64_t[]){ 0, 3 }));
    ck_assert_ptr_nonnull(strstr(nn_tape_error(m.tape)->text, "id 14"));
    close_model(&m);
}
END_TEST

static nn_tensor *adapted_loss(nn_tape *t, void *data)
{
    const model *m = data;

    return nn_cross_entropy(t, nn_bert_pool(t, m->bert, states(m, -1)), (const int[]){ 3, 0, 7 }, NULL);
}

/* Fresh adapters change nothing, to the bit; they alone are trained; and their gradients are right once they do something. */
START_TEST(adapters_begin_as_nothing)
{
    model plain = open_model(), m = open_with(_i, true);

    nn_tape_begin(plain.tape, NN_INFER, 0);
    nn_tape_begin(m.tape, NN_INFER, 0);
    nn_tensor *a = states(&plain, -1), *b = states(&m, -1);
    ck_assert_msg(b != NULL, "%s", nn_tape_error(m.tape)->text);
    ck_assert_mem_eq(a->x, b->x, sizeof *a->x * (size_t)nn_numel(a));
    for (int i = 0; i < nn_params_count(m.params); i++) {
        const nn_param *p = nn_params_at(m.params, i);
        bool added = strstr(p->name, "adapter.") || strstr(p->name, ".lora.");

        ck_assert_msg(!p->dx == !added, "%s", p->name);
        for (int64_t k = 0; k < p->count && added; k++)
            p->x[k] = 0.3f * (float)sin(1.0 + (double)(7 * k + i));
    }
    derivative_check(m.tape, m.params, NN_RECORD, adapted_loss, &m, 2e-3);
    derivative_check(m.tape, m.params, NN_TRAIN, adapted_loss, &m, 2e-3);
    close_model(&plain);
    close_model(&m);
}
END_TEST

static const struct { const char *json, *message; } bad_configs[] = {
    { "{\"hidden_size\": 10, \"num_attention_heads\": 3}", "no multiple of num_attention_heads" },
    { "{\"vocab_size\": 0}", "\"vocab_size\" must be an integer from 1" },
    { "{\"hidden_act\": \"gelu_new\"}", "\"hidden_act\" is gelu_new" },
    { "{\"is_decoder\": true}", "\"is_decoder\" is not built" },
    { "{\"position_embedding_type\": \"relative_key\"}", "\"position_embedding_type\" is relative_key" },
};

START_TEST(bad_configurations_are_named)
{
    char path[] = "/tmp/serin-config-XXXXXX";
    FILE *f = fdopen(mkstemp(path), "w");
    nn_bert_config c;
    base_error e = BASE_ERROR_INIT;

    ck_assert_ptr_nonnull(f);
    fputs(bad_configs[_i].json, f);
    fclose(f);
    ck_assert_int_ne(nn_bert_config_read(&c, path, &e), BASE_OK);
    remove(path);
    ck_assert_msg(strstr(e.text, bad_configs[_i].message) && strstr(e.text, path), "%s", e.text);
}
END_TEST

/* Adapters in the upper layers are in those alone. */
START_TEST(upper_layers_have_adapters)
{
    nn_bert_config config;
    nn_params *p = nn_params_new();

    ck_assert_int_eq(nn_bert_config_read(&config, parity_path("bert", "config.json"), NULL), BASE_OK);
    config.encoder.layers = 3;
    config.encoder.adapter = 4;
    config.encoder.adapter_layers = 1;
    nn_bert *bert = nn_bert_new(p, &config, false);
    ck_assert_ptr_nonnull(bert);
    ck_assert_ptr_null(nn_params_find(p, "encoder.layer.0.adapter.down.weight"));
    ck_assert_ptr_null(nn_params_find(p, "encoder.layer.1.adapter.down.weight"));
    ck_assert_ptr_nonnull(nn_params_find(p, "encoder.layer.2.adapter.down.weight"));
    nn_bert_free(bert);
    nn_params_free(p);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("bert");
    TCase *c = tcase_create("bert");

    tcase_add_test(c, states_are_those_of_transformers);
    tcase_add_test(c, gradients_are_those_of_pytorch);
    tcase_add_test(c, a_sentence_reads_the_same_alone);
    tcase_add_test(c, types_may_be_left_out);
    tcase_add_test(c, the_head_may_have_its_own_matrix);
    tcase_add_test(c, what_does_not_fit_is_refused);
    tcase_add_loop_test(c, adapters_begin_as_nothing, 1, 5);
    tcase_add_test(c, upper_layers_have_adapters);
    tcase_add_loop_test(c, bad_configurations_are_named, 0, (int)(sizeof bad_configs / sizeof *bad_configs));
    suite_add_tcase(s, c);
    return s;
}

UNIT_MAIN(suite)
