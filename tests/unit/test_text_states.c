/* Hidden states of texts by a folder as Hugging Face writes it, against transformers (tests/parity/make_bert.py). */
#include "recipes/ser.h"
#include "tests/unit/files.h"
#include "tests/unit/parity.h"

static const char words[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nfive\nsix\nseven\neight\nnine\nten\neleven\ntwelve\n"
    "##teen\n";
static const char json[] = "{\"model\": {\"type\": \"WordPiece\", \"vocab\": {\"[UNK]\": 1, \"[CLS]\": 2, \"[SEP]\": 3, "
    "\"twelve\": 12}}}";

/* The reference folder with a vocabulary. */
static const char *folder_with(const char *vocab, const char *text)
{
    static const char *const files[] = { "config.json", "model.safetensors" };
    char name[100];

    mkdir(files_path("model"), 0700);
    snprintf(name, sizeof name, "model/%s", vocab);
    files_write(name, text, strlen(text));
    for (int i = 0; i < 2; i++) {
        char *target = realpath(parity_path("bert", files[i]), NULL);
        snprintf(name, sizeof name, "model/%s", files[i]);
        ck_assert_int_eq(symlink(target, files_path(name)), 0);
        free(target);
    }
    return files_path("model");
}

static ser_text_states *open_states(const char *dir, int layer)
{
    base_error e = BASE_ERROR_INIT;
    ser_text_states *s = ser_text_states_open(dir, layer, false, &e);

    ck_assert_msg(s != NULL, "%s", e.text);
    return s;
}

/* The second sentence of the reference is [CLS], word 12, [SEP]; its states are those from row begin[1] on. */
static void expect_second(ser_text_states *s, const char *text, const nn_safetensors *reference, int layer)
{
    base_error e = BASE_ERROR_INIT;
    char name[20];
    nn_matrix m;

    snprintf(name, sizeof name, "states.%d", layer);
    ck_assert_msg(!ser_text_states_compute(s, text, &m, &e), "%s", e.text);
    ck_assert_int_eq(m.rows, 3);
    const float *states = parity_find(reference, name)->data, *expected;
    expected = states + ((const int64_t *)parity_find(reference, "begin")->data)[1] * m.cols;
    for (int64_t i = 0; i < m.rows * m.cols; i++)
        ck_assert_float_eq_tol(m.x[i], expected[i], 3e-5f);
}

START_TEST(states_are_those_of_transformers)
{
    const char *dir = _i ? folder_with("tokenizer.json", json) : folder_with("vocab.txt", words);
    nn_safetensors *reference = parity_open("bert");

    for (int layer = -1; layer <= 2; layer++) {
        ser_text_states *s = open_states(dir, layer);
        expect_second(s, " Twelve ", reference, layer < 0 ? 2 : layer);
        ser_text_states_free(s);
    }
    nn_safetensors_close(reference);
}
END_TEST

START_TEST(texts_are_cut_into_pieces)
{
    ser_text_states *s = open_states(folder_with("vocab.txt", words), -1);
    base_error e = BASE_ERROR_INIT;
    nn_matrix m;

    ck_assert_msg(!ser_text_states_compute(s, "sixteen, NINE", &m, &e), "%s", e.text);
    ck_assert_int_eq(m.rows, 6);        /* with the unknown comma */
    ck_assert_int_eq(m.cols, 20);
    ck_assert_int_eq(ser_text_states_compute(s, "", &m, &e), BASE_OK);
    ck_assert_int_eq(m.rows, 2);
    ck_assert_int_eq(ser_text_states_compute(s, "5 5 5 5 5 5 5 5 5 5", &m, &e), BASE_OK);
    ck_assert_int_eq(m.rows, 12);
    ck_assert_int_eq(ser_text_states_compute(s, "5 5 5 5 5 5 5 5 5 5 5", &m, &e), BASE_LIMIT);
    ck_assert_str_eq(e.text, "13 tokens, the model reads 12 at most");
    e.status = BASE_OK;
    ck_assert_int_eq(ser_text_states_compute(s, "six", &m, &e), BASE_OK);
    ser_text_states_free(s);
}
END_TEST

static void refuse(const char *dir, int layer, base_status status, const char *reason)
{
    base_error e = BASE_ERROR_INIT;

    ck_assert_ptr_null(ser_text_states_open(dir, layer, false, &e));
    ck_assert_msg(e.status == status && strstr(e.text, reason), "%d: %s", e.status, e.text);
}

START_TEST(what_cannot_be_is_refused)
{
    const char *dir = folder_with("vocab.txt", words);
    char more[sizeof words + 4];

    refuse(dir, 3, BASE_VALUE, "layer 3 of a model with 2");
    refuse(files_path("absent"), 0, BASE_MISSING, "absent/config.json");
    snprintf(more, sizeof more, "%snew\n", words);
    files_write("model/vocab.txt", more, strlen(more));
    refuse(dir, 0, BASE_MISMATCH, "15 tokens, but the model knows 14");
    unlink(files_path("model/vocab.txt"));
    refuse(dir, 0, BASE_MISSING, "model/vocab.txt");
    unlink(files_path("model/model.safetensors"));
    refuse(dir, 0, BASE_MISSING, "model.safetensors");
}
END_TEST

static const struct { const char *json; base_status status; const char *reason; bool text; } kinds[] = {
    { "{\"model_type\": \"bert\"}", BASE_OK, "", true },
    { "{\"model_type\": \"hubert\"}", BASE_OK, "", false },
    { "{\"model_type\": \"wav2vec2\"}", BASE_OK, "", false },
    { "{}", BASE_OK, "", false },
    { "{\"model_type\": \"roberta\"}", BASE_UNSUPPORTED, "model_type is \"roberta\"", false },
    { "{\"model_type\": 3}", BASE_FORMAT, "model_type is no text", false },
    { "[]", BASE_FORMAT, "config.json", false },
    { "{\"model_type\":", BASE_FORMAT, "config.json:1:", false },
};

START_TEST(the_configuration_says_what_is_read)
{
    base_error e = BASE_ERROR_INIT;
    bool text = !kinds[_i].text;

    files_write("config.json", kinds[_i].json, strlen(kinds[_i].json));
    ck_assert_msg(ser_folder_reads_text(files_path("."), &text, &e) == kinds[_i].status, "%d: %s", e.status, e.text);
    if (kinds[_i].status)
        ck_assert_msg(strstr(e.text, kinds[_i].reason), "%s", e.text);
    else
        ck_assert(text == kinds[_i].text);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("text_states");
    TCase *c = tcase_create("text_states");

    tcase_add_checked_fixture(c, files_empty, NULL);
    tcase_add_loop_test(c, states_are_those_of_transformers, 0, 2);
    tcase_add_test(c, texts_are_cut_into_pieces);
    tcase_add_test(c, what_cannot_be_is_refused);
    tcase_add_loop_test(c, the_configuration_says_what_is_read, 0, (int)(sizeof kinds / sizeof *kinds));
    suite_add_tcase(s, c);
    return s;
}

UNIT_MAIN(suite)
