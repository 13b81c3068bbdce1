#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "libtext/tx.h"
#include "tests/unit/unit.h"

static const char dir[] = "test_text_vocab.tmp";
static const char vocab_path[] = "test_text_vocab.tmp/vocab.json";
static const char config_path[] = "test_text_vocab.tmp/tokenizer_config.json";
static const char map_path[] = "test_text_vocab.tmp/special_tokens_map.json";

/* The published English vocabulary. */
static const char english[] =
    "{\"<pad>\": 0, \"<s>\": 1, \"</s>\": 2, \"<unk>\": 3, \"|\": 4, \"E\": 5, \"T\": 6, \"A\": 7, "
    "\"O\": 8, \"N\": 9, \"I\": 10, \"H\": 11, \"S\": 12, \"R\": 13, \"D\": 14, \"L\": 15, \"U\": 16, \"M\": 17, "
    "\"W\": 18, "
    "\"C\": 19, \"F\": 20, \"G\": 21, \"Y\": 22, \"P\": 23, \"B\": 24, \"V\": 25, \"K\": 26, \"'\": 27, \"X\": 28, "
    "\"J\": 29, "
    "\"Q\": 30, \"Z\": 31}";

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    ck_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void set_up(void)
{
    mkdir(dir, 0777);
}

static void tear_down(void)
{
    unlink(vocab_path);
    unlink(config_path);
    unlink(map_path);
    rmdir(dir);
}

static tx_vocab *read_vocab(const char *json, const char *language)
{
    base_error e = BASE_ERROR_INIT;
    tx_vocab *v;

    write_file(vocab_path, json);
    v = tx_vocab_read(vocab_path, language, &e);
    ck_assert_msg(v != NULL, "%s", e.text);
    return v;
}

static void expect_labels(const tx_vocab *v, const char *text, const int *wanted, int n)
{
    base_error e = BASE_ERROR_INIT;
    tx_labels l;

    ck_assert_msg(tx_vocab_encode(v, text, &l, &e) == BASE_OK, "%s", e.text);
    ck_assert_msg(l.n == n, "\"%s\": %d labels found, %d expected", text, l.n, n);
    for (int i = 0; i < n; i++)
        ck_assert_msg(l.label[i] == wanted[i], "\"%s\": label %d is %d, %d expected", text, i, l.label[i], wanted[i]);
    tx_labels_free(&l);
}

#define LABELS(v, text, ...) \
    expect_labels(v, text, (const int[]){ __VA_ARGS__ }, (int)(sizeof((const int[]){ __VA_ARGS__ }) / sizeof(int)))

/* Ids from transformers' Wav2Vec2CTCTokenizer with this vocabulary. */
START_TEST(encodes_as_wav2vec2)
{
    tx_vocab *v = read_vocab(english, NULL);

    ck_assert_int_eq(tx_vocab_size(v), 32);
    ck_assert_int_eq(tx_vocab_blank(v), 0);
    ck_assert_int_eq(tx_vocab_delimiter(v), 4);
    LABELS(v, "HELLO WORLD", 11, 5, 15, 15, 8, 4, 18, 8, 13, 15, 14);
    LABELS(v, " HELLO  WORLD ", 4, 11, 5, 15, 15, 8, 4, 4, 18, 8, 13, 15, 14, 4);
    LABELS(v, "A <s> B", 7, 1, 24);
    LABELS(v, "A<s>B", 7, 1, 24);
    LABELS(v, "<s> A", 1, 7);
    LABELS(v, "\u00c4B", 3, 24);
    LABELS(v, "a|B", 3, 4, 24);
    LABELS(v, "A\tB", 7, 3, 24);
    LABELS(v, "<pad>A", 0, 7);
    LABELS(v, "A <unk> B", 7, 3, 24);
    LABELS(v, "A < s> B", 7, 4, 3, 4, 3, 3, 4, 24);
    LABELS(v, "A <s><s> B", 7, 1, 1, 24);
    LABELS(v, "A  </s>  B", 7, 2, 24);
    LABELS(v, "A | B", 7, 4, 4, 4, 24);
    LABELS(v, "A\u00a0<s>B", 7, 1, 24);
    expect_labels(v, "", NULL, 0);
    tx_vocab_free(v);
}
END_TEST

START_TEST(reports_unknown_characters)
{
    tx_vocab *v = read_vocab(english, NULL);
    base_error e = BASE_ERROR_INIT;
    tx_labels l;

    ck_assert_int_eq(tx_vocab_encode(v, "A\u00dcB\u00c4", &l, &e), BASE_OK);
    ck_assert_int_eq(l.unknown, 2);
    ck_assert_int_eq(l.first_unknown, 0xdc);
    tx_labels_free(&l);
    tx_vocab_free(v);
    v = read_vocab("{\"[PAD]\": 1, \"A\": 0}", NULL);
    ck_assert_int_eq(tx_vocab_blank(v), 1);
    ck_assert_int_eq(tx_vocab_unknown(v), -1);
    ck_assert_int_eq(tx_vocab_encode(v, "A\u00dc", &l, &e), BASE_MISSING);
    ck_assert_str_eq(e.text, "character \"\u00dc\" (U+00DC) is not in the vocabulary, which has no unknown token");
    tx_vocab_free(v);
}
END_TEST

static void expect_text(const tx_vocab *v, bool group, bool keep, const char *wanted, const int *labels, int n)
{
    const tx_decode_options o = { group, keep };
    char *got = tx_vocab_decode(v, labels, n, &o, NULL);

    ck_assert_str_eq(got, wanted);
    free(got);
}

#define TEXT(v, group, keep, wanted, ...) expect_text(v, group, keep, wanted, (const int[]){ __VA_ARGS__ }, \
    (int)(sizeof((const int[]){ __VA_ARGS__ }) / sizeof(int)))

/* Texts from transformers' tokenizer; where it drops special tokens before it groups, which would merge across a blank,
 * ours group first, so those two rows are by the definition of CTC. */
START_TEST(decodes_as_wav2vec2)
{
    tx_vocab *v = read_vocab(english, NULL);

    TEXT(v, true, true, "HELLO W", 11, 11, 5, 0, 15, 0, 15, 8, 4, 4, 18);
    TEXT(v, false, true, "HHELLO  W", 11, 11, 5, 0, 15, 0, 15, 8, 4, 4, 18);
    TEXT(v, true, false, "HELLO W", 11, 11, 5, 0, 15, 0, 15, 8, 4, 4, 18);
    TEXT(v, true, false, "AA", 7, 1, 7);
    TEXT(v, true, true, "A<s>A", 7, 1, 7);
    TEXT(v, true, true, "A<s>A<unk>", 7, 1, 1, 7, 3, 40);
    TEXT(v, false, true, "A<s><s>A<unk><unk>", 7, 1, 1, 7, 3, 40);
    TEXT(v, false, false, "AA", 7, 1, 1, 7, 3, -1);
    TEXT(v, true, true, "A A", 4, 7, 4, 4, 7, 4);
    TEXT(v, false, true, "A  A", 4, 7, 4, 4, 7, 4);
    TEXT(v, false, true, "A ' A", 7, 4, 27, 4, 7);
    TEXT(v, true, true, "A  A", 7, 0, 4, 4, 0, 4, 7, 7);
    expect_text(v, false, false, "", NULL, 0);
    tx_vocab_free(v);
}
END_TEST

START_TEST(words_with_frames)
{
    static const int labels[] = { 4, 11, 5, 4, 4, 1, 4, 7, 4 }, frames[] = { 0, 2, 5, 6, 8, 9, 10, 12, 13 };
    tx_vocab *v = read_vocab(english, NULL);
    tx_words w;

    ck_assert_int_eq(tx_vocab_words(v, labels, frames, 9, &w, NULL), BASE_OK);
    ck_assert_int_eq(w.n, 2);
    ck_assert_str_eq(w.word[0].text, "HE");
    ck_assert_int_eq(w.word[0].begin, 2);
    ck_assert_int_eq(w.word[0].end, 6);
    ck_assert_str_eq(w.word[1].text, "A");
    ck_assert_int_eq(w.word[1].begin, 12);
    ck_assert_int_eq(w.word[1].end, 13);
    tx_words_free(&w);
    ck_assert_int_eq(tx_vocab_words(v, NULL, NULL, 0, &w, NULL), BASE_OK);
    ck_assert_int_eq(w.n, 0);
    tx_words_free(&w);
    tx_vocab_free(v);
}
END_TEST

/* Names of special tokens: the configuration first, as text or as an object, then the map. */
START_TEST(special_tokens_by_name)
{
    tx_vocab *v;

    write_file(config_path,
               "{\"pad_token\": {\"content\": \"[blank]\"}, \"do_lower_case\": true, \"word_delimiter_token\": \"_\"}");
    write_file(map_path, "{\"unk_token\": \"?\", \"pad_token\": \"no\"}");
    v = read_vocab("{\"A\": 0, \"\u00dc\": 1, \"_\": 2, \"?\": 3, \"[blank]\": 4}", NULL);
    ck_assert_int_eq(tx_vocab_blank(v), 4);
    ck_assert_int_eq(tx_vocab_unknown(v), 3);
    ck_assert_int_eq(tx_vocab_delimiter(v), 2);
    LABELS(v, "a \u00fc b", 0, 2, 1, 2, 3);
    TEXT(v, false, false, "a \u00fc", 0, 2, 1, 4);
    tx_vocab_free(v);
}
END_TEST

START_TEST(languages)
{
    static const char json[] = "{\"eng\": {\"<pad>\": 0, \"A\": 1}, \"deu\": {\"<pad>\": 0, \"\u00c4\": 1, \"B\": 2}}";
    base_error e = BASE_ERROR_INIT;
    tx_vocab *v = read_vocab(json, "deu");

    ck_assert_int_eq(tx_vocab_size(v), 3);
    ck_assert_int_eq(tx_vocab_find(v, "\u00c4"), 1);
    ck_assert_int_eq(tx_vocab_find(v, "A"), -1);
    tx_vocab_free(v);
    ck_assert_ptr_null(tx_vocab_read(vocab_path, NULL, &e));
    ck_assert(strstr(e.text, "2 languages (\"eng\", …): say which") != NULL);
    e = (base_error)BASE_ERROR_INIT;
    ck_assert_ptr_null(tx_vocab_read(vocab_path, "fra", &e));
    ck_assert(strstr(e.text, "no vocabulary of language \"fra\"") != NULL);
    v = read_vocab("{\"eng\": {\"<pad>\": 0}}", NULL);
    ck_assert_int_eq(tx_vocab_size(v), 1);
    tx_vocab_free(v);
}
END_TEST

static void expect_refusal(const char *json, const char *wanted)
{
    base_error e = BASE_ERROR_INIT;

    write_file(vocab_path, json);
    ck_assert_ptr_null(tx_vocab_read(vocab_path, NULL, &e));
    ck_assert_msg(strstr(e.text, vocab_path) == e.text && strstr(e.text, wanted), "%s", e.text);
}

START_TEST(refuses)
{
    base_error e = BASE_ERROR_INIT;

    expect_refusal("", ":1:0: ");
    expect_refusal("[]", "a JSON object expected");
    expect_refusal("{}", "no pad token");
    expect_refusal("{\"<pad>\": 0, \"<pad>\": 1}", "duplicate");
    expect_refusal("{\"<pad>\": 0, \"A\": 2}", "token \"A\" has the id 2, but 2 tokens have ids 0 to 1");
    expect_refusal("{\"<pad>\": 0, \"A\": -1}", "id -1");
    expect_refusal("{\"<pad>\": 0, \"A\": 0}", "tokens \"<pad>\" and \"A\" both have the id 0");
    expect_refusal("{\"<pad>\": 0, \"A\": 1.0}", "id of token \"A\" is not an integer");
    expect_refusal("{\"A\": 0}", "no pad token \"<pad>\", which is the blank of CTC");
    expect_refusal("{\"<pad>\": 0} x", "end of file expected");
    expect_refusal("{\"<pad>\": 0, \"\xff\": 1}", "unable to decode byte 0xff");
    write_file(config_path, "{");
    write_file(vocab_path, english);
    ck_assert_ptr_null(tx_vocab_read(vocab_path, NULL, &e));
    ck_assert(strstr(e.text, config_path) == e.text);
    e = (base_error)BASE_ERROR_INIT;
    ck_assert_ptr_null(tx_vocab_read("no/such", NULL, &e));
    ck_assert_int_eq(e.status, BASE_MISSING);
}
END_TEST

/* fairseq's dictionaries that fairseq would not read, and bytes that hide what comes after. */
START_TEST(refuses_dictionaries)
{
    static const struct {
        const char *bytes;
        size_t      n;
        const char *reason;
    } cases[] = {
        { "E 5\rT 4\rE 1\rA 1\rB 1\rC 1\rD 1\rF 1", 31, "the symbol \"E\" appears twice" },
        { "E 5\nT 4\nE 1\n", 12, "the symbol \"E\" appears twice" },
        { "E 5\n<s> 4\n", 10, ":2: the symbol \"<s>\" appears twice" },
        { "E 5\0T 4\n", 8, "byte 3 is NUL" },
        { "E 5\n\377 4\n", 8, ":2:1: invalid UTF-8" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        base_error e = BASE_ERROR_INIT;
        FILE *f = fopen(vocab_path, "w");

        ck_assert(f && fwrite(cases[i].bytes, 1, cases[i].n, f) == cases[i].n && !fclose(f));
        ck_assert_ptr_null(tx_vocab_fairseq(vocab_path, &e));
        ck_assert_msg(strstr(e.text, cases[i].reason) != NULL, "%s", e.text);
    }
}
END_TEST

/* Also where the caller has no place for the reason. */
START_TEST(refuses_without_a_place_for_the_error)
{
    FILE *f = fopen(vocab_path, "w");

    ck_assert(f && fputs("a 3\n\xff\xfe 1\n", f) >= 0 && !fclose(f));
    ck_assert_ptr_null(tx_vocab_fairseq(vocab_path, NULL));
}
END_TEST

/* A head wider than its vocabulary. */
START_TEST(extends)
{
    base_error e = BASE_ERROR_INIT;
    const tx_decode_options plain = TX_DECODE_DEFAULTS;
    const int labels[] = { 5, 33, 6, 3, 34 };
    tx_vocab *v = read_vocab(english, NULL);

    ck_assert_int_eq(tx_vocab_extend(v, 35, &e), BASE_OK);
    ck_assert_int_eq(tx_vocab_extend(v, 20, &e), BASE_OK);
    ck_assert_int_eq(tx_vocab_size(v), 35);
    for (int again = 0; again < 2; again++) {
        char *text = tx_vocab_decode(v, labels, 5, &plain, &e);
        ck_assert_str_eq(text, "ET");
        free(text);
        ck_assert_int_eq(tx_vocab_write(v, vocab_path, &e), BASE_OK);
        tx_vocab_free(v);
        v = tx_vocab_read(vocab_path, NULL, &e);
        ck_assert_msg(v && tx_vocab_size(v) == 35, "%s", e.text);
    }
    tx_vocab_free(v);
}
END_TEST

/* Built from a corpus, written, read again. */
START_TEST(builds_and_writes)
{
    tx_entry entry[] = { { "a", "DAS ST\u00dcCK", 1 }, { "b", "", 2 }, { "c", "'S IST", 3 } };
    tx_table t = { .entry = entry, .n = 3, .path = (char *)"text" };
    static const char *const wanted[] = { "<pad>", "<s>", "</s>", "<unk>", "|", "'", "A",
                                          "C",     "D",   "I",    "K",     "S", "T", "\u00dc" };
    base_error e = BASE_ERROR_INIT;

    for (int pass = 0; pass < 2; pass++) {
        tx_vocab *v = pass == 0 ? tx_vocab_build(&t, &e) : tx_vocab_read(vocab_path, NULL, &e);

        ck_assert_msg(v != NULL, "%s", e.text);
        ck_assert_int_eq(tx_vocab_size(v), 14);
        for (int i = 0; i < 14; i++) {
            ck_assert_str_eq(tx_vocab_token(v, i), wanted[i]);
            ck_assert_int_eq(tx_vocab_find(v, wanted[i]), i);
        }
        ck_assert_ptr_null(tx_vocab_token(v, 14));
        ck_assert_ptr_null(tx_vocab_token(v, -1));
        ck_assert_int_eq(tx_vocab_unknown(v), 3);
        ck_assert_int_eq(tx_vocab_write(v, vocab_path, &e), BASE_OK);
        tx_vocab_free(v);
    }
    entry[1].value = "A|B";
    ck_assert_ptr_null(tx_vocab_build(&t, &e));
    ck_assert_str_eq(e.text, "text:2: '|' in the text of \"b\"; it separates words in a vocabulary");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("text_vocab");
    const struct { const char *name; const TTest *test; } tests[] = {
        { "encodes_as_wav2vec2", encodes_as_wav2vec2 }, { "reports_unknown_characters", reports_unknown_characters },
        { "decodes_as_wav2vec2", decodes_as_wav2vec2 }, { "words_with_frames", words_with_frames },
        { "special_tokens_by_name", special_tokens_by_name }, { "languages", languages }, { "refuses", refuses },
        { "builds_and_writes", builds_and_writes },
        { "refuses_dictionaries", refuses_dictionaries }, { "refuses_without_a_place_for_the_error", refuses_without_a_place_for_the_error },
        { "extends", extends },
    };

    for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
        TCase *c = tcase_create(tests[i].name);

        tcase_add_checked_fixture(c, set_up, tear_down);
        tcase_add_test(c, tests[i].test);
        suite_add_tcase(s, c);
    }
    return s;
}

UNIT_MAIN(suite)
