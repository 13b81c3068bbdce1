/* HuBERT against transformers: features, every layer's states, logits, CTC losses and every gradient of the tiny models
 * that tests/parity/make_hubert.py wrote. */
#include "tests/unit/parity.h"

static const char *const variants[] = { "hubert-layer", "hubert-group" };

typedef struct model {
    nn_hubert_config c;
    nn_params       *params;
    nn_hubert       *hubert;
    nn_tensor       *head_w, *head_b;
    nn_safetensors  *reference;
    nn_tape         *tape;
} model;

static const nn_file_tensor *find(const model *m, const char *name) { return parity_find(m->reference, name); }

static void check_close(const model *m, const nn_tensor *x, const char *name, double tolerance)
{
    parity_close(m->reference, m->tape, x, name, tolerance);
}

/* logmel: the same model behind the other front end, whose rows take the place of the convolutions' features. */
static model open_model(const char *variant, const char *frozen, bool logmel)
{
    base_error e = BASE_ERROR_INIT;
    model m = { 0 };

    ck_assert_msg(!nn_hubert_config_read(&m.c, parity_path(variant, "config.json"), &e), "%s", e.text);
    if (logmel) {
        m.c.mel_bins = m.c.conv_dim[m.c.n_conv - 1] / 2;
        m.c.mel_stack = 2;
    }
    m.params = nn_params_new();
    nn_params_push(m.params, "hubert", 0);
    m.hubert = nn_hubert_new(m.params, &m.c);
    nn_params_pop(m.params);
    m.head_w = nn_params_add(m.params, (nn_init){ NN_INIT_NORMAL, 0.02f }, "lm_head.weight", 2,
        (const int64_t[]){ m.c.vocab_size, m.c.encoder.width });
    m.head_b = nn_params_add(m.params, (nn_init){ NN_INIT_ZERO, 0 }, "lm_head.bias", 1, (const int64_t[]){ m.c.vocab_size });
    if (frozen)
        nn_params_freeze(m.params, frozen);
    ck_assert_msg(!nn_params_build(m.params, &e), "%s", e.text);
    ck_assert_msg(!nn_params_load(m.params, parity_path(variant, "model.safetensors"), NULL, &e), "%s", e.text);
    m.reference = parity_open(variant);
    m.tape = nn_tape_new(NULL, &e);
    ck_assert_msg(m.tape != NULL, "%s", e.text);
    return m;
}

static void close_model(model *m)
{
    nn_tape_free(m->tape);
    nn_hubert_free(m->hubert);
    nn_params_free(m->params);
    nn_safetensors_close(m->reference);
}

static nn_tensor *wave_of(const model *m)
{
    const nn_file_tensor *wave = find(m, "wave"), *begin = find(m, "wave_begin");

    return nn_input(m->tape, wave->data, wave->count, 1, (int)begin->count - 1, begin->data);
}

static nn_tensor *loss_of(const model *m, nn_tensor *states, float *losses)
{
    const nn_file_tensor *begin = find(m, "label_begin");
    nn_ctc_options o = { m->c.pad_id, false, NN_CTC_SUM };
    nn_tensor *logits = nn_linear(m->tape, states, m->head_w, m->head_b);
    int ids[16];

    check_close(m, logits, "logits", 1e-5);
    parity_ints(m->reference, "labels", ids, 16);
    return nn_ctc_loss(m->tape, logits, ids, begin->data, &o, losses);
}

START_TEST(states_are_those_of_transformers)
{
    model m = open_model(variants[_i], NULL, false);

    for (int layer = -1; layer <= m.c.encoder.layers; layer++) {
        char name[32];
        nn_tape_begin(m.tape, NN_INFER, 0);
        nn_tensor *features = nn_hubert_features(m.tape, m.hubert, wave_of(&m));
        check_close(&m, features, "features", 1e-5);
        for (int u = 0; u < 2; u++) {
            const int64_t *begin = find(&m, "wave_begin")->data;
            ck_assert_int_eq(nn_hubert_frames(&m.c, begin[u + 1] - begin[u]), features->seqs->begin[u + 1] - features->seqs->begin[u]);
        }
        snprintf(name, sizeof name, "states.%d", layer);
        check_close(&m, nn_hubert_encode(m.tape, m.hubert, features, layer), name, 1e-5);
    }
    close_model(&m);
}
END_TEST

static void backward(const model *m)
{
    const float *expected = find(m, "losses")->data;
    float losses[2];

    nn_params_zero_grads(m->params);
    nn_tape_begin(m->tape, NN_RECORD, 0);
    nn_tensor *states = nn_hubert_encode(m->tape, m->hubert, nn_hubert_features(m->tape, m->hubert, wave_of(m)), -1);
    nn_tensor *loss = loss_of(m, states, losses);
    ck_assert_int_eq(nn_tape_backward(m->tape, loss), BASE_OK);
    for (int u = 0; u < 2; u++)
        ck_assert_double_eq_tol(losses[u], expected[u], 1e-5 * expected[u]);
    parity_gradients(m->reference, m->params, "k_proj.bias", "masked_spec_embed");
}

START_TEST(gradients_are_those_of_pytorch)
{
    model m = open_model(variants[_i], NULL, false);

    backward(&m);
    close_model(&m);
}
END_TEST

/* Freezing the convolutions changes no other gradient, and saves memory. */
START_TEST(frozen_parts_get_no_gradient)
{
    model m = open_model(variants[_i], NULL, false), frozen = open_model(variants[_i], "hubert.feature_extractor.", false);

    backward(&m);
    backward(&frozen);
    ck_assert_ptr_null(nn_params_find(frozen.params, "hubert.feature_extractor.conv_layers.0.conv.weight")->dx);
    ck_assert_uint_lt(nn_tape_peak(frozen.tape), nn_tape_peak(m.tape));
    close_model(&m);
    close_model(&frozen);
}
END_TEST

START_TEST(an_utterance_scores_the_same_alone)
{
    model m = open_model(variants[_i], NULL, false);
    const float *logits = find(&m, "logits")->data, *wave = find(&m, "wave")->data;
    const int64_t *begin = find(&m, "wave_begin")->data;
    int64_t row = 0;

    for (int u = 0; u < 2; u++) {
        int64_t alone[] = { 0, begin[u + 1] - begin[u] };
        nn_tape_begin(m.tape, NN_INFER, 0);
        nn_tensor *x = nn_input(m.tape, wave + begin[u], alone[1], 1, 1, alone);
        x = nn_hubert_encode(m.tape, m.hubert, nn_hubert_features(m.tape, m.hubert, x), -1);
        x = nn_linear(m.tape, x, m.head_w, m.head_b);
        ck_assert_ptr_nonnull(x);
        for (int64_t i = 0; i < nn_numel(x); i++)
            ck_assert_float_eq_tol(x->x[i], logits[row * m.c.vocab_size + i], 1e-4f);
        row += x->rows;
    }
    ck_assert_int_eq(row * m.c.vocab_size, find(&m, "logits")->count);
    close_model(&m);
}
END_TEST

START_TEST(the_log_mel_front_end_leads_to_the_same_encoder)
{
    model m = open_model(variants[_i], NULL, true);
    const nn_file_tensor *features = find(&m, "features"), *wave_begin = find(&m, "wave_begin");
    const int64_t *samples = wave_begin->data;
    nn_hubert_config with_convolutions = m.c;

    with_convolutions.mel_bins = 0;
    int64_t first = nn_hubert_frames(&with_convolutions, samples[1]), begin[] = { 0, first, features->shape[0] };
    ck_assert_int_eq(nn_hubert_frames(&m.c, first), first);
    ck_assert_ptr_null(nn_params_find(m.params, "hubert.feature_extractor.conv_layers.0.conv.weight"));
    nn_tape_begin(m.tape, NN_INFER, 0);
    nn_tensor *x = nn_input(m.tape, features->data, begin[2], (int)features->shape[1], 2, begin);
    ck_assert_ptr_eq(nn_hubert_features(m.tape, m.hubert, x), x);
    check_close(&m, nn_hubert_encode(m.tape, m.hubert, x, 1), "states.1", 1e-5);
    close_model(&m);
}
END_TEST

/* In training mode the same step repeats itself, and another step differs. */
START_TEST(training_is_a_function_of_the_step)
{
    model m = open_model(variants[_i], NULL, false);
    double sum[3] = { 0 };

    for (int k = 0; k < 3; k++) {
        nn_tape_begin(m.tape, NN_TRAIN, (uint64_t)k / 2);
        nn_tensor *x = nn_hubert_encode(m.tape, m.hubert, nn_hubert_features(m.tape, m.hubert, wave_of(&m)), -1);
        ck_assert_msg(x != NULL, "%s", nn_tape_error(m.tape)->text);
        for (int64_t i = 0; i < nn_numel(x); i++)
            sum[k] += fabs(x->x[i]) * (double)(i % 7);
    }
    ck_assert_double_eq(sum[0], sum[1]);
    ck_assert_double_ne(sum[0], sum[2]);
    close_model(&m);
}
END_TEST

static const struct { const char *json, *message; } bad_configs[] = {
    { "{\"hidden_size\": 10, \"num_attention_heads\": 3}", "no multiple of num_attention_heads" },
    { "{\"hidden_size\": 1000000000}", "\"hidden_size\" must be an integer from 1 to 65536" },
    { "{\"hidden_size\": \"24\"}", "\"hidden_size\" must be an integer" },
    { "{\"hidden_act\": \"relu\"}", "\"hidden_act\" is relu" },
    { "{\"feat_extract_norm\": \"batch\"}", "\"feat_extract_norm\" is batch" },
    { "{\"conv_dim\": [8, 8]}", "conv_dim has 2 entries, conv_kernel 7" },
    { "{\"conv_stride\": [5, 2, 2, 2, 2, 2, 0]}", "entry 6 of \"conv_stride\"" },
    { "{\"conv_pos_batch_norm\": true}", "\"conv_pos_batch_norm\" is not built" },
    { "{\"num_conv_pos_embedding_groups\": 7}", "num_conv_pos_embedding_groups 7" },
    { "{\"layerdrop\": 1.5}", "\"layerdrop\" must be a number from 0 to 1" },
    { "{\"hidden_size\": 24, \"hidden_size\": 48}", "duplicate" },
    { "{\"hidden_size\": 24", ":1:18: " },
    { "[]", "an object" },
};

START_TEST(bad_configurations_are_named)
{
    char path[] = "/tmp/serin-config-XXXXXX";
    int handle = mkstemp(path);
    FILE *f = fdopen(handle, "w");
    nn_hubert_config c;
    base_error e = BASE_ERROR_INIT;

    ck_assert_ptr_nonnull(f);
    fputs(bad_configs[_i].json, f);
    fclose(f);
    ck_assert_int_ne(nn_hubert_config_read(&c, path, &e), BASE_OK);
    remove(path);
    ck_assert_msg(strstr(e.text, bad_configs[_i].message) && strstr(e.text, path), "%s", e.text);
}
END_TEST

/* While a layer computes, its input and its result are there, or its result and what a norm (which keeps two numbers of each row) or GELU makes of it; afterwards
 * the wave and the features alone, whatever the length. Blocks have headers of 64 bytes and sizes that are multiples of it. */
START_TEST(convolutions_give_back_what_they_made)
{
    model m = open_model(variants[_i], NULL, false);
    int64_t n = 100000, begin[] = { 0, n }, rows = n, in = n, most = 0;
    size_t slack = 40 * 128, live, peak;
    nn_tensor *wave, *x;

    for (int i = 0; i < m.c.n_conv; i++) {
        int64_t out, both;

        rows = (rows - m.c.conv_kernel[i]) / m.c.conv_stride[i] + 1;
        out = rows * m.c.conv_dim[i];
        both = out + 2 * rows + (in > out ? in : out);
        most = both > most ? both : most;
        in = out;
    }
    nn_tape_begin(m.tape, NN_INFER, 0);
    wave = nn_input(m.tape, NULL, n, 1, 1, begin);
    for (int64_t i = 0; i < n; i++)
        wave->x[i] = sinf((float)i);
    x = nn_hubert_features(m.tape, m.hubert, wave);
    ck_assert(x && nn_numel(x) == in);
    peak = nn_tape_peak(m.tape);
    ck_assert_uint_le(peak, (size_t)(n + most) * sizeof(float) + slack);
    ck_assert_ptr_nonnull(nn_input(m.tape, NULL, (int64_t)peak, 1, 0, NULL));      /* 4 peak bytes, above all that is there */
    live = nn_tape_peak(m.tape) - 4 * peak;
    ck_assert_uint_le(live, (size_t)(n + in) * sizeof(float) + slack);
    close_model(&m);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("hubert");
    TCase *c = tcase_create("hubert");

    tcase_add_loop_test(c, states_are_those_of_transformers, 0, 2);
    tcase_add_loop_test(c, gradients_are_those_of_pytorch, 0, 2);
    tcase_add_loop_test(c, frozen_parts_get_no_gradient, 0, 2);
    tcase_add_loop_test(c, an_utterance_scores_the_same_alone, 0, 2);
    tcase_add_loop_test(c, the_log_mel_front_end_leads_to_the_same_encoder, 0, 2);
    tcase_add_loop_test(c, training_is_a_function_of_the_step, 0, 2);
    tcase_add_loop_test(c, convolutions_give_back_what_they_made, 0, 2);
    tcase_add_loop_test(c, bad_configurations_are_named, 0, (int)(sizeof bad_configs / sizeof *bad_configs));
    suite_add_tcase(s, c);
    return s;
}

UNIT_MAIN(suite)
