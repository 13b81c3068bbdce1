/* WordPiece: each rule on a vocabulary of a few words, both kinds of file, files that are refused; and, where the real data
 * is there, every line of MELD and the edge cases with bert-base-uncased's vocabulary. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "libtext/tx.h"
#include "tests/unit/files.h"
#include "tests/unit/unit.h"

static const char words[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nun\n##want\n##ed\nrunning\n,\nhello\n!\nah\nz\n##z\n"
    "\xE5\x8D\x9A\nstra\n##\xC3\x9F\n##e\ni\n\xCF\x83\n##\xCF\x82\n";

/* The pieces of a text, joined by spaces. */
static const char *pieces(const tx_wordpiece *w, const char *text, size_t size, bool special)
{
    static char out[2000];
    base_error e = BASE_ERROR_INIT;
    tx_labels l;
    int n = 0;

    ck_assert_msg(tx_wordpiece_encode(w, text, size, special, &l, &e) == BASE_OK, "%s", e.text);
    out[0] = '\0';
    for (int i = 0; i < l.n; i++)
        n += snprintf(out + n, sizeof out - (size_t)n, "%s%s", i ? " " : "", tx_wordpiece_token(w, l.label[i]));
    tx_labels_free(&l);
    return out;
}

#define ck_pieces(w, text, want) ck_assert_str_eq(pieces(w, text, sizeof(text) - 1, false), want)

static tx_wordpiece *open_words(void)
{
    base_error e = BASE_ERROR_INIT;
    tx_wordpiece *w = tx_wordpiece_read(files_write("vocab.txt", words, sizeof words - 1), &e);

    ck_assert_msg(w != NULL, "%s", e.text);
    return w;
}

START_TEST(rules_hold)
{
    tx_wordpiece *w = open_words();

    ck_assert_int_eq(tx_wordpiece_size(w), 22);
    ck_assert_int_eq(tx_wordpiece_find(w, "##ed"), 7);
    ck_assert_int_eq(tx_wordpiece_find(w, "ed"), -1);
    ck_pieces(w, "", "");
    ck_pieces(w, "UNwant\xC3\xA9" "d,running", "un ##want ##ed , running");         /* case, accents, punctuation */
    ck_pieces(w, " \tHeLLo!  \n hello ", "hello ! hello");
    ck_pieces(w, "ah\xE5\x8D\x9Azz", "ah \xE5\x8D\x9A z ##z");                       /* ideographs stand alone */
    ck_pieces(w, "un\0wan\x07ted\xEF\xBF\xBD", "un ##want ##ed");                    /* NUL, controls, U+FFFD go */
    ck_pieces(w, "hello unwantedx", "hello [UNK]");                                  /* one bad piece spoils the word */
    ck_pieces(w, "Stra\xC3\x9F" "e", "stra ##\xC3\x9F ##e");                         /* sharp s has no accent to lose */
    ck_pieces(w, "\xC4\xB0", "i");                                                   /* I with dot, lower-cased as Python does */
    ck_pieces(w, "\xCE\xA3\xCE\xA3", "\xCF\x83 ##\xCF\x82");                         /* final sigma */
    ck_pieces(w, "[CLS] hello[MASK]", "[CLS] hello [MASK]");                         /* special tokens in raw text */
    ck_assert_str_eq(pieces(w, "hello", 5, true), "[CLS] hello [SEP]");
    tx_wordpiece_free(w);
}
END_TEST

START_TEST(long_words_are_unknown)
{
    tx_wordpiece *w = open_words();
    char text[102];
    tx_labels l;

    memset(text, 'z', sizeof text);
    text[101] = '\0';
    ck_assert_int_eq(tx_wordpiece_encode(w, text + 1, 100, false, &l, NULL), BASE_OK);
    ck_assert_int_eq(l.n, 100);
    ck_assert_int_eq(l.unknown, 0);
    tx_labels_free(&l);
    ck_assert_int_eq(tx_wordpiece_encode(w, text, 101, false, &l, NULL), BASE_OK);
    ck_assert_int_eq(l.n, 1);
    ck_assert_int_eq(l.unknown, 1);
    tx_labels_free(&l);
    tx_wordpiece_free(w);
}
END_TEST

START_TEST(both_kinds_of_file_agree)
{
    static const char json[] = "{\"added_tokens\": [{\"id\": 4, \"content\": \"[MASK]\"}], \"normalizer\": {\"type\": "
        "\"BertNormalizer\", \"lowercase\": true, \"strip_accents\": null}, \"model\": {\"type\": \"WordPiece\", \"unk_token\": "
        "\"[UNK]\", \"continuing_subword_prefix\": \"##\", \"vocab\": {\"[PAD]\": 0, \"[UNK]\": 1, \"[CLS]\": 2, \"[SEP]\": 3, "
        "\"[MASK]\": 4, \"un\": 5, \"##want\": 6, \"##ed\": 7}}}";
    base_error e = BASE_ERROR_INIT;
    tx_wordpiece *w = tx_wordpiece_read(files_write("tokenizer.json", json, sizeof json - 1), &e);

    ck_assert_msg(w != NULL, "%s", e.text);
    ck_pieces(w, "UNWANT\xC3\x89" "D [MASK]", "un ##want ##ed [MASK]");
    tx_wordpiece_free(w);
    files_write("tokenizer_config.json", "{\"do_lower_case\": false}", 24);
    w = open_words();
    ck_pieces(w, "unwanted Unwanted", "un ##want ##ed [UNK]");
    tx_wordpiece_free(w);
}
END_TEST

static void refused(const char *name, const char *text, base_status status, const char *reason)
{
    base_error e = BASE_ERROR_INIT;

    ck_assert_ptr_null(tx_wordpiece_read(files_write(name, text, strlen(text)), &e));
    ck_assert_msg(e.status == status && strstr(e.text, reason), "%d: %s", e.status, e.text);
}

START_TEST(bad_files_are_refused)
{
    refused("vocab.txt", "", BASE_FORMAT, "0 tokens");
    refused("vocab.txt", "[UNK]\n[CLS]\n", BASE_MISSING, "no token \"[SEP]\"");
    refused("vocab.txt", "[UNK]\n\xFF\n", BASE_FORMAT, ":2:1:");
    refused("t.json", "{", BASE_FORMAT, "t.json:1:");
    refused("t.json", "{\"model\": {\"type\": \"BPE\"}}", BASE_UNSUPPORTED, "BPE");
    refused("t.json", "{\"model\": {\"vocab\": {\"a\": -1}}}", BASE_FORMAT, "\"a\"");
    refused("t.json", "{\"model\": {\"vocab\": {\"a\": 1, \"b\": 1}}}", BASE_FORMAT, "id 1 belongs to");
    refused("t.json", "{\"model\": {\"vocab\": {}}}", BASE_FORMAT, "empty");
#define OF(rules) "{\"model\": {\"vocab\": {\"[UNK]\": 0, \"[CLS]\": 1, \"[SEP]\": 2}}, " rules "}"
    refused("t.json", OF("\"normalizer\": {\"type\": \"Replace\"}"), BASE_UNSUPPORTED, "the normalizer is \"Replace\"");
    refused("t.json", OF("\"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"NFC\"}, {\"type\": \"Strip\"}]}"),
        BASE_UNSUPPORTED, "the normalizer is \"Strip\"");
    refused("t.json", OF("\"pre_tokenizer\": {\"type\": \"ByteLevel\"}"), BASE_UNSUPPORTED, "the pre_tokenizer is \"ByteLevel\"");
    refused("t.json", OF("\"pre_tokenizer\": {}"), BASE_FORMAT, "the pre_tokenizer has no type");
    refused("t.json", OF("\"post_processor\": null"), BASE_UNSUPPORTED, "the post_processor is null");
    refused("t.json", OF("\"post_processor\": {\"type\": \"ByteLevel\"}"), BASE_UNSUPPORTED, "the post_processor is \"ByteLevel\"");
    refused("t.json", OF("\"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": [{\"Sequence\": {\"id\": \"A\"}}]}"),
        BASE_UNSUPPORTED, "a TemplateProcessing of other tokens");
    refused("t.json", OF("\"added_tokens\": [{\"id\": 3}]"), BASE_FORMAT, "added token 0 has no content");
    refused("t.json", OF("\"added_tokens\": [{\"id\": 1, \"content\": \"x\"}]"), BASE_FORMAT, "id 1 belongs to");
}
END_TEST

#define BARE "{\"added_tokens\": [], \"normalizer\": {\"type\": \"BertNormalizer\", \"lowercase\": true}, \"pre_tokenizer\": " \
    "{\"type\": \"BertPreTokenizer\"}, \"model\": {\"vocab\": {\"[UNK]\": 0, \"[CLS]\": 1, \"[SEP]\": 2, \"Up\": 3, \"up\": 4, \"Up,\": 5, \",\": 6}}}"

/* The pieces of "Up," with that tokenizer_config.json beside it. */
static const struct { const char *file, *text, *config, *pieces; } beside[] = {
    { "tokenizer.json", BARE, "{}", "up ," },
    { "tokenizer.json", BARE, "{\"do_lower_case\": false}", "Up ," },
    { "tokenizer.json", BARE, "{\"do_lower_case\": false, \"tokenizer_class\": \"BertTokenizerFast\"}", "Up ," },
    { "tokenizer.json", BARE, "{\"do_lower_case\": false, \"tokenizer_class\": \"PreTrainedTokenizerFast\"}", "up ," },
    { "tokenizer.json", BARE, "{\"do_lower_case\": false, \"tokenizer_class\": \"Wav2Vec2CTCTokenizer\"}", "up ," },
    { "vocab.txt", "[UNK]\n[CLS]\n[SEP]\nUp\nup\nUp,\n,\n", "{\"do_lower_case\": false, \"model_max_length\": 1000000000000000019884624838656}", "Up ," },
    { "vocab.txt", "[UNK]\n[CLS]\n[SEP]\nUp\nup\nUp,\n,\n", "{\"added_tokens_decoder\": {\"7\": {\"content\": \"UP,\", \"normalized\": true}}}", "UP," },
};

START_TEST(what_lies_beside_counts)
{
    base_error e = BASE_ERROR_INIT;
    tx_wordpiece *w;

    files_write("tokenizer_config.json", beside[_i].config, strlen(beside[_i].config));
    w = tx_wordpiece_read(files_write(beside[_i].file, beside[_i].text, strlen(beside[_i].text)), &e);
    ck_assert_msg(w != NULL, "%s", e.text);
    ck_pieces(w, "Up,", beside[_i].pieces);
    tx_wordpiece_free(w);
}
END_TEST

static const struct { const char *config, *reason; } beside_bad[] = {
    { "{\"tokenizer_class\": \"BertJapaneseTokenizer\"}", "\"BertJapaneseTokenizer\"" },
    { "{\"do_basic_tokenize\": false}", "do_basic_tokenize" },
    { "{\"never_split\": [\"a\"]}", "never_split" },
    { "{\"cls_token\": \"<s>\"}", "cls_token" },
    { "{\"sep_token\": {\"content\": \"</s>\"}}", "sep_token" },
    { "{", "tokenizer_config.json:1:1" },
    { "{\"added_tokens_decoder\": {\"x\": {\"content\": \"a\"}}}", "added_tokens_decoder" },
};

START_TEST(what_lies_beside_is_refused)
{
    files_write("tokenizer_config.json", beside_bad[_i].config, strlen(beside_bad[_i].config));
    base_error e = BASE_ERROR_INIT;
    ck_assert_ptr_null(tx_wordpiece_read(files_write("vocab.txt", words, sizeof words - 1), &e));
    ck_assert_msg(e.status != BASE_OK && strstr(e.text, beside_bad[_i].reason), "%s", e.text);
}
END_TEST

/* 100,000 added tokens and a text of 96 kB in which many begin and few end. */
START_TEST(added_tokens_cost_no_more_when_they_are_many)
{
    static char json[6000000], text[96001];
    base_error e = BASE_ERROR_INIT;
    int n = sprintf(json, "{\"model\": {\"vocab\": {\"[UNK]\": 0, \"[CLS]\": 1, \"[SEP]\": 2}}, \"added_tokens\": [");
    tx_labels l;
    clock_t began;

    for (int i = 0; i < 100000; i++)
        n += sprintf(json + n, "%s{\"id\": %d, \"content\": \"a%d_\"}", i ? ", " : "", i + 3, i);
    n += sprintf(json + n, "]}");
    tx_wordpiece *w = tx_wordpiece_read(files_write("t.json", json, (size_t)n), &e);
    ck_assert_msg(w != NULL, "%s", e.text);
    for (int i = 0; i < 96000; i += 6)
        memcpy(text + i, i % 60 ? "a1234 " : "a1234_", 6);
    began = clock();
    ck_assert_int_eq(tx_wordpiece_encode(w, text, 96000, false, &l, NULL), BASE_OK);
    ck_assert_double_lt((double)(clock() - began) / CLOCKS_PER_SEC, 1.0);
    ck_assert_int_eq(l.label[0], 1237);
    tx_labels_free(&l);
    tx_wordpiece_free(w);
}
END_TEST

/* ---- as other implementations ------------------------------------------------------------------------------------- */

static const char *const tokenizers[] = { "uncased.json", "cased.json", "accents.json", "unclean.json", "none.json", "nothing.json",
    "sequence.json", "nested.json", "nfkd.json", "whitespace.json", "split.json", "added.json", "vocab.txt" };

static const char *reference(const char *name)
{
    static char path[2][600];
    static int next;

    next = !next;
    snprintf(path[next], sizeof path[next], "%s/tests/parity/tokenizers/%s", getenv("srcdir") ? getenv("srcdir") : ".", name);
    return path[next];
}

/* Ids of each text against those of the reference; an empty line has none to compare. Returns the lines compared. */
static int compare_ids(const tx_wordpiece *w, const char *name)
{
    FILE *texts = fopen(reference("texts"), "r"), *ids = fopen(reference(name), "r");
    char *text = NULL, *row = NULL;
    size_t room = 0, row_room = 0;
    int lines = 0;

    ck_assert(texts && ids);
    for (ssize_t n; (n = getline(&text, &room, texts)) > 0;) {
        char *at;
        tx_labels l;

        ck_assert_int_gt(getline(&row, &row_room, ids), 0);
        ck_assert_int_eq(tx_wordpiece_encode(w, text, (size_t)n - 1, true, &l, NULL), BASE_OK);
        at = row;
        for (int i = 0; i < l.n && *row != '\n'; i++)
            if (strtol(at, &at, 10) != l.label[i])
                ck_abort_msg("%s: %.*s: piece %d is %d (%s), the row %s", name, (int)n - 1, text, i, l.label[i],
                    tx_wordpiece_token(w, l.label[i]), row);
        ck_assert_msg(*at == '\n', "%s: %.*s: more pieces were expected: %s", name, (int)n - 1, text, at);
        lines += *row != '\n';
        tx_labels_free(&l);
    }
    free(row);
    free(text);
    fclose(texts);
    fclose(ids);
    return lines;
}

START_TEST(tokenizers_of_many_kinds_agree)
{
    char rows[100];
    base_error e = BASE_ERROR_INIT;
    tx_wordpiece *w = tx_wordpiece_read(reference(tokenizers[_i]), &e);
    bool python = !strcmp(tokenizers[_i], "vocab.txt");

    ck_assert_msg(w != NULL, "%s", e.text);
    snprintf(rows, sizeof rows, "%.*s.tsv", (int)strcspn(tokenizers[_i], "."), tokenizers[_i]);
    if (python)
        strcpy(rows, "python.tsv");
    ck_assert_int_gt(compare_ids(w, rows), python ? 100 : 170);
    /* and as a model's folder keeps them */
    ck_assert_msg(!tx_wordpiece_save(w, files_path("."), &e), "%s", e.text);
    tx_wordpiece_free(w);
    w = tx_wordpiece_read(files_path(python ? "vocab.txt" : "tokenizer.json"), &e);
    ck_assert_msg(w != NULL, "%s", e.text);
    ck_assert_int_gt(compare_ids(w, rows), python ? 100 : 170);
    ck_assert(access(files_path(python ? "tokenizer.json" : "vocab.txt"), F_OK));
    tx_wordpiece_free(w);
}
END_TEST

/* "\\t" of the files back into a tab, and so on; returns the new length. */
static size_t unescape(char *s, size_t n)
{
    size_t k = 0;

    for (size_t i = 0; i < n; i++) {
        char c = s[i];
        if (c == '\\' && i + 1 < n) {
            c = s[++i];
            c = c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c;
        }
        s[k++] = c;
    }
    s[k] = '\0';
    return k;
}

/* Google's tokenizer, which made the file, allows 200 characters a word and splits a literal [CLS]. */
static bool differs_by_intent(const char *line) { return !strncmp(line, "edge2", 5) && strchr("014", line[5]); }

static int compare_file(const tx_wordpiece *w, const char *path)
{
    FILE *f = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    int lines = 0;

    ck_assert(f != NULL);
    while ((length = getline(&line, &room, f)) > 0) {
        char *text = memchr(line, '\t', (size_t)length), *ids = memrchr(line, '\t', (size_t)length), *at = ids;
        tx_labels l;
        ck_assert(text && ids > text);
        if (differs_by_intent(line))
            continue;
        ck_assert_int_eq(tx_wordpiece_encode(w, text + 1, unescape(text + 1, (size_t)(ids - text) - 1), false, &l, NULL), BASE_OK);
        for (int i = 0; i < l.n; i++)
            if (strtol(at + 1, &at, 10) != l.label[i])
                ck_abort_msg("%s: piece %d is %d", line, i, l.label[i]);
        ck_assert_msg(*at == '\n' || (!l.n && at[1] == '\n'), "%s: more pieces were expected", line);
        tx_labels_free(&l);
        lines++;
    }
    free(line);
    fclose(f);
    return lines;
}

START_TEST(real_texts_agree)
{
    static const char *const files[] = { "edge", "meld_dev", "meld_test", "meld_train" };
    base_error e = BASE_ERROR_INIT;
    const char *vocab = files_data("bert_vocab/vocab.txt");
    tx_wordpiece *w = vocab ? tx_wordpiece_read(vocab, &e) : NULL;
    int lines = 0;

    for (int i = 0; i < 4 && w; i++) {
        char name[100];
        snprintf(name, sizeof name, "bert_golden/%s.tsv", files[i]);
        lines += compare_file(w, files_data(name));
    }
    ck_assert_int_eq(lines, 13739);
    tx_wordpiece_free(w);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("wordpiece");

    files_add(s, rules_hold);
    files_add(s, long_words_are_unknown);
    files_add(s, both_kinds_of_file_agree);
    files_add(s, bad_files_are_refused);
    files_add_loop(s, what_lies_beside_counts, (int)(sizeof beside / sizeof *beside));
    files_add_loop(s, what_lies_beside_is_refused, (int)(sizeof beside_bad / sizeof *beside_bad));
    files_add(s, added_tokens_cost_no_more_when_they_are_many);
    files_add_loop(s, tokenizers_of_many_kinds_agree, (int)(sizeof tokenizers / sizeof *tokenizers));
    if (files_data("bert_golden/edge.tsv"))
        unit_add(s, real_texts_agree);
    else
        puts("# SKIP real texts: no bert_golden in $SERIN_DATA");
    return s;
}

UNIT_MAIN(suite)
