/* Every function that reads files and takes a place for the error, without one: on a file that is absent, on garbage, empty
 * and cut files of each kind, on folders of them. Nothing may crash; what fails says so by what it returns. */
#include <string.h>

#include "libaudio/au.h"
#include "libnn/nn.h"
#include "libtext/tx.h"
#include "tests/unit/files.h"
#include "tests/unit/unit.h"

/* What a file of each name holds: the beginnings of formats, what is none, and nothing. */
static const struct content { const char *bytes; size_t n; } contents[] = {
    { "", 0 }, { "\n", 1 }, { "\xff\xfe\x00garbage\n", 11 }, { "{", 1 }, { "{}", 2 }, { "[]", 2 }, { "{\"a\": 1}", 8 },
    { "PK\3\4\0\0", 6 }, { "\x80\2]q\0.", 6 }, { "\x93NUMPY\1\0v\0{}", 12 }, { "\x10\0\0\0\0\0\0\0{}", 10 },
    { "RIFF\0\0\0\0WAVE", 12 }, { "a \0BFM \4", 8 }, { "a [ 1 2\n 3 ]\n", 13 }, { "a 3\n\xff\xfe 1\n", 9 }, { "a b\na c\n", 8 },
    { "a nowhere.ark:3\n", 16 }, { "{\"hidden_size\": -1}", 19 }, { "{\"vocab\": {\"a\": 1e30}}", 22 }, { "OggS\0\2", 6 },
};
#define N_CONTENTS ((int)(sizeof contents / sizeof *contents))
static const char *const names[] = { "file", "model.safetensors", "pytorch_model.bin", "model.safetensors.index.json",
    "config.json", "vocab.json", "vocab.txt", "tokenizer.json", "dict.ltr.txt", "checkpoint-3.safetensors" };

static void write_file(const char *path, const struct content *c)
{
    FILE *f = fopen(path, "wb");

    ck_assert(f && fwrite(c->bytes, 1, c->n, f) == c->n && !fclose(f));
}

static nn_params *params(void)
{
    nn_params *p = nn_params_new();

    nn_params_add(p, (nn_init){ NN_INIT_ONE, 0 }, "w", 2, (const int64_t[]){ 2, 3 });
    ck_assert_int_eq(nn_params_build(p, NULL), BASE_OK);
    return p;
}

static void read_models(const char *path)
{
    nn_hubert_config h;
    nn_bert_config b;
    nn_params *p = params();
    nn_checkpoint c = { .params = p };
    nn_matrix m = { NULL, 0, 0 };
    nn_safetensors *s = nn_safetensors_open(path, NULL);
    nn_archive *a = nn_archive_open(path, NULL);
    int64_t step;

    if (a) {
        free(nn_archive_config(a, NULL));
        (void)nn_params_match(p, a, NULL, NULL);
    }
    (void)nn_params_load(p, path, NULL, NULL);
    (void)nn_checkpoint_load(&c, path, &step, NULL, NULL);
    (void)nn_hubert_config_read(&h, path, NULL);
    (void)nn_bert_config_read(&b, path, NULL);
    free(nn_config_text(path, NULL));
    if (!nn_npy_read(path, &m, NULL))
        nn_matrix_free(&m);
    nn_checkpoint_free(&c);
    nn_safetensors_close(s);
    nn_archive_close(a);
    nn_params_free(p);
}

static void read_tables(const char *path)
{
    static const char *const kinds[] = { "ark:", "scp:" };

    for (int i = 0; i < 2; i++) {
        char specifier[600];
        nn_table_reader *r;
        const char *key = "";
        nn_matrix m;

        snprintf(specifier, sizeof specifier, "%s%s", kinds[i], path);
        r = nn_table_open(specifier, NULL);
        while (r && key && !nn_table_next(r, &key, &m, NULL))
            continue;
        nn_table_close(r);
    }
}

static void read_texts(const char *path)
{
    tx_table t = { 0 };

    tx_vocab_free(tx_vocab_read(path, NULL, NULL));
    tx_vocab_free(tx_vocab_fairseq(path, NULL));
    tx_wordpiece_free(tx_wordpiece_read(path, NULL));
    if (!tx_table_read(&t, path, TX_ANY, NULL))
        tx_table_free(&t);
    t = (tx_table){ 0 };
    if (!tx_trn_read(&t, path, NULL))
        tx_table_free(&t);
    t = (tx_table){ 0 };
    if (!tx_ctm_read(&t, path, NULL))
        tx_table_free(&t);
}

static void read_sound(const char *path)
{
    char specifier[600];
    au_audio a = { 0 };
    const char *key = "";
    au_reader *r;

    if (!au_read(path, NULL, &a, NULL))
        au_audio_free(&a);
    snprintf(specifier, sizeof specifier, "scp:%s", path);
    r = au_reader_open(specifier, NULL, NULL, NULL);
    while (r && key && !au_reader_next(r, &key, &a, NULL))
        au_audio_free(&a);
    au_reader_close(r);
}

static void read_everything(const char *path)
{
    read_models(path);
    read_tables(path);
    read_texts(path);
    read_sound(path);
}

START_TEST(readers_need_no_place_for_the_error)
{
    char path[500];

    snprintf(path, sizeof path, "%s/nothing", files_folder);
    read_everything(path);
    read_everything(files_folder);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", files_folder, names[i]);
        write_file(path, &contents[_i]);
        read_everything(path);
        read_everything(files_folder);
        ck_assert_int_eq(remove(path), 0);
    }
}
END_TEST

START_TEST(writers_need_no_place_for_the_error)
{
    char nowhere[500], specifier[600];
    float x[] = { 1, 2 };
    nn_matrix m = { x, 1, 2 };
    nn_params *p = params();
    nn_checkpoint c = { .params = p };
    tx_table none = { .path = (char *)"text" };

    snprintf(nowhere, sizeof nowhere, "%s/file", files_folder);
    write_file(nowhere, &contents[0]);
    snprintf(nowhere, sizeof nowhere, "%s/file/in/a/file", files_folder);
    snprintf(specifier, sizeof specifier, "ark:%s", nowhere);
    ck_assert_int_ne(nn_npy_write(nowhere, &m, NULL), BASE_OK);
    ck_assert_int_ne(nn_params_save(p, nowhere, NULL, 0, NULL), BASE_OK);
    ck_assert_int_ne(nn_safetensors_save(nowhere, NULL, 0, NULL, 0, NULL), BASE_OK);
    ck_assert_int_ne(nn_checkpoint_save(&c, nowhere, 1, 1, NULL), BASE_OK);
    ck_assert_ptr_null(nn_table_create(specifier, NULL));
    ck_assert_ptr_null(nn_table_create("nothing", NULL));
    ck_assert_int_ne(au_write_wav(nowhere, x, 2, 16000, NULL), BASE_OK);
    ck_assert_int_ne(tx_wordpiece_build(&none, 1, nowhere, NULL), BASE_OK);
    ck_assert_ptr_null(nn_average_new(p, 2.0, NULL));
    ck_assert_ptr_null(nn_adam_new(p, &(nn_adam_options){ .beta1 = 2 }, NULL));
    nn_params_free(p);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("without_error");
    TCase *c = tcase_create("without_error");

    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, files_empty, NULL);
    tcase_add_loop_test(c, readers_need_no_place_for_the_error, 0, N_CONTENTS);
    tcase_add_test(c, writers_need_no_place_for_the_error);
    suite_add_tcase(s, c);
    return s;
}

UNIT_MAIN(suite)
