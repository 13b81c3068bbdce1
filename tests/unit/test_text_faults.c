/* Everything of libtext that takes memory or reads files, with the first allocation failing, the second, and so on until none
 * does: out of memory is told as that, nothing is lost and nothing half written. And what is wrong in the files that Hugging
 * Face keeps of a tokenizer, one fault each. */
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "libtext/tx.h"
#include "tests/unit/files.h"
#include "tests/unit/malloc_fault.h"
#include "tests/unit/unit.h"

static const char *text_file(const char *name, const char *text) { return files_write(name, text, strlen(text)); }

/* ---- what is tried ----------------------------------------------------------------------------------------------- */

static base_status try_vocab(base_error *e)
{
    static const int labels[] = { 3, 5, 7, 6, 5, 0, 4 }, frames[] = { 0, 1, 2, 3, 4, 5, 6 };
    const tx_decode_options o = { true, true };
    tx_vocab *v = tx_vocab_read(files_path("vocab.json"), NULL, e);
    tx_labels l = { 0 };
    tx_words w = { 0 };
    char *text = NULL;

    if (v && !tx_vocab_extend(v, 12, e) && !tx_vocab_encode(v, "a b hello X", &l, e) && !tx_vocab_words(v, labels, frames, 7, &w, e) &&
        (text = tx_vocab_decode(v, labels, 7, &o, e)))
        tx_vocab_write(v, files_path("written.json"), e);
    free(text);
    tx_words_free(&w);
    tx_labels_free(&l);
    tx_vocab_free(v);
    return e->status;
}

static base_status try_build(base_error *e)
{
    tx_table t = { 0 };
    tx_vocab *v = tx_table_read(&t, files_path("text"), TX_ANY, e) ? NULL : tx_vocab_build(&t, e);

    tx_vocab_free(v);
    if (!e->status)
        tx_wordpiece_build(&t, 2, files_path("built.txt"), e);
    tx_table_free(&t);
    return e->status;
}

static base_status try_pieces(const char *path, base_error *e)
{
    tx_wordpiece *w = tx_wordpiece_read(path, e);
    static const char sentence[] = "Hello, w\xc3\xb6rld [EXTRA] unbelievable 中文";
    tx_labels l = { 0 };
    char *text = NULL;

    if (w && !tx_wordpiece_encode(w, sentence, sizeof sentence - 1, true, &l, e) && (text = tx_wordpiece_decode(w, l.label, l.n, e)))
        tx_wordpiece_save(w, files_path("saved"), e);
    free(text);
    tx_labels_free(&l);
    tx_wordpiece_free(w);
    return e->status;
}

static base_status try_pieces_text(base_error *e) { return try_pieces(files_path("vocab.txt"), e); }
static base_status try_pieces_json(base_error *e) { return try_pieces(files_path("tokenizer.json"), e); }

static void no_fault(void *data, const char *path, int64_t line, const char *reason) { (void)data, (void)path, (void)line, (void)reason; }

static base_status try_tables(base_error *e)
{
    tx_table a = { 0 }, b = { 0 };

    if (!tx_table_read_faults(&a, files_path("text"), TX_SOME, no_fault, NULL, e) && !tx_table_read(&b, files_path("text"), TX_ANY, e))
        tx_table_same_keys(&a, &b, e);
    tx_table_free(&a);
    tx_table_free(&b);
    return e->status;
}

static base_status try_nist(base_error *e)
{
    tx_table t = { 0 };

    if (!tx_trn_read(&t, files_path("a.trn"), e)) {
        tx_table_free(&t);
        tx_ctm_read(&t, files_path("a.ctm"), e);
    }
    tx_table_free(&t);
    return e->status;
}

static base_status try_texts(base_error *e)
{
    static const char *const words[] = { "upper,nfc,digits,tags,punctuation,collapse", "lower,nfkd,strip-marks", "keep-case,nfkc,no-tags" };
    tx_errors sum = { 0 };

    for (size_t i = 0; i < 3 && !e->status; i++) {
        tx_normalise_options o = TX_NORMALISE_DEFAULTS;
        if (!tx_normalise_parse(&o, words[i], e))
            free(tx_normalise("[NOISE] the 21st of 1,200.5% \xef\xac\x81 na\xc3\xafve \xc3\x9f", &o, e));
    }
    if (!e->status && !tx_count_errors("a b c d", "b x c d e", false, TX_SCLITE, &sum, e))
        tx_count_errors("abc d", "abd", true, TX_UNIT, &sum, e);
    return e->status;
}

static const struct { const char *name; base_status (*run)(base_error *e); } tries[] = {
    { "vocab", try_vocab }, { "build", try_build }, { "pieces, text", try_pieces_text }, { "pieces, json", try_pieces_json },
    { "tables", try_tables }, { "nist", try_nist }, { "texts", try_texts },
};

static void write_files(void)
{
    text_file("vocab.json", "{\"<p>\": 0, \"<s>\": 1, \"<unk>\": 2, \"|\": 3, \"hello\": 4, \"a\": 5, \"b\": 6, \"c\": 7}");
    text_file("added_tokens.json", "{\"[EXTRA]\": 9}");
    text_file("special_tokens_map.json", "{\"pad_token\": {\"content\": \"<p>\"}, \"additional_special_tokens\": [\"c\", {\"content\": \"a\"}, 1]}");
    text_file("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\n,\nworld\nun\n##believ\n##able\n\xe4\xb8\xad\n");
    text_file("tokenizer.json", "{\"added_tokens\": [{\"id\": 1, \"content\": \"[UNK]\", \"special\": true}, {\"id\": 9, \"content\": \"[EXTRA]\", "
        "\"single_word\": true, \"lstrip\": true, \"rstrip\": true, \"normalized\": true}], \"normalizer\": {\"type\": \"Sequence\", "
        "\"normalizers\": [{\"type\": \"NFD\"}, {\"type\": \"Lowercase\"}, {\"type\": \"StripAccents\"}, {\"type\": \"BertNormalizer\"}]}, "
        "\"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"WhitespaceSplit\"}, {\"type\": \"BertPreTokenizer\"}]}, "
        "\"model\": {\"type\": \"WordPiece\", \"unk_token\": \"[UNK]\", \"max_input_chars_per_word\": 50, \"vocab\": {\"[PAD]\": 0, \"[UNK]\": 1, "
        "\"[CLS]\": 2, \"[SEP]\": 3, \"hello\": 4, \"world\": 5, \"un\": 6, \"##able\": 7}}}");
    text_file("text", "u1 the cat sat on the mat\nu2 na\xc3\xafve cat\nu3 the\n");
    text_file("a.trn", ";; a comment\nthe cat (u2)\nsat (u1)\n");
    text_file("a.ctm", "u1 1 0.50 0.10 world 0.9\nu1 1 0.10 0.10 hello\nu2 1 0 1 x\n");
    ck_assert_int_eq(mkdir(files_path("saved"), 0700), 0);
}

START_TEST(memory)
{
    bool done = false;
    int n = 0;

    if (!MALLOC_FAULTS) {
        printf("# %s: not without glibc's malloc\n", tries[_i].name);
        return;
    }
    write_files();
    base_error first = BASE_ERROR_INIT;
    ck_assert_msg(tries[_i].run(&first) == BASE_OK, "%s: %s", tries[_i].name, first.text);     /* what is allocated once for ever */
    for (; !done; n++) {
        base_error e = BASE_ERROR_INIT;
        long before = malloc_live;
        malloc_left = n;
        base_status status = tries[_i].run(&e);
        done = malloc_left >= 0;
        malloc_left = -1;
        ck_assert_msg(malloc_live == before, "%s: failure of allocation %d: %ld blocks lost", tries[_i].name, n, malloc_live - before);
        ck_assert_msg(status == BASE_OK || (status == BASE_NO_MEMORY && strstr(e.text, "emory")), "%s: failure of allocation %d: %d %s",
            tries[_i].name, n, status, e.text);
        ck_assert(!done || status == BASE_OK);
        ck_assert_int_lt(n, 5000);
    }
    printf("# %s: %d allocations\n", tries[_i].name, n - 1);
    ck_assert_int_gt(n, 5);
}
END_TEST

/* As it was, and usable; the message says what was asked for. */
START_TEST(extending_without_memory)
{
#if MALLOC_FAULTS
    write_files();
    tx_vocab *v = tx_vocab_read(files_path("vocab.json"), NULL, NULL);
    ck_assert_ptr_nonnull(v);
    const int size = tx_vocab_size(v);
    for (int n = 0; n < 5; n++) {
        base_error e = BASE_ERROR_INIT;
        malloc_left = n;
        ck_assert_int_eq(tx_vocab_extend(v, 20, &e), BASE_NO_MEMORY);
        malloc_left = -1;
        ck_assert_str_eq(e.text, "no memory for a vocabulary of 20 tokens");
        ck_assert_int_eq(tx_vocab_size(v), size);
        ck_assert_int_eq(tx_vocab_find(v, "hello"), 4);
    }
    ck_assert_int_eq(tx_vocab_extend(v, 20, NULL), BASE_OK);
    tx_vocab_free(v);
#endif
}
END_TEST

/* ---- files that are wrong ---------------------------------------------------------------------------------------- */

#define GOOD "{\"<pad>\": 0, \"<unk>\": 1, \"|\": 2, \"a\": 3}"

static const struct { const char *vocab, *config, *added, *language; base_status status; const char *said; } vocabs[] = {
    { "{}", NULL, NULL, NULL, BASE_MISSING, "vocab.json: no pad token, and no other" },
    { "[]", NULL, NULL, NULL, BASE_FORMAT, "vocab.json: a JSON object expected" },
    { GOOD, NULL, NULL, "en", BASE_MISSING, "language \"en\" asked for, but the vocabulary has no languages" },
    { "{\"en\": " GOOD ", \"de\": " GOOD "}", NULL, NULL, NULL, BASE_VALUE, "2 languages (\"en\", …): say which" },
    { "{\"en\": " GOOD ", \"de\": 1}", NULL, NULL, "fr", BASE_MISSING, "no vocabulary of language \"fr\"" },
    { "{\"en\": " GOOD ", \"de\": 1}", NULL, NULL, "de", BASE_MISSING, "no vocabulary of language \"de\"" },
    { "{\"<pad>\": \"0\"}", NULL, NULL, NULL, BASE_FORMAT, "the id of token \"<pad>\" is not an integer" },
    { "{\"<pad>\": -1}", NULL, NULL, NULL, BASE_FORMAT, "token \"<pad>\" has the id -1, but 1 tokens have ids 0 to 0" },
    { "{\"<pad>\": 1}", NULL, NULL, NULL, BASE_FORMAT, "token \"<pad>\" has the id 1, but 1 tokens have ids 0 to 0" },
    { "{\"<pad>\": 0, \"b\": 0}", NULL, NULL, NULL, BASE_FORMAT, "tokens \"<pad>\" and \"b\" both have the id 0" },
    { GOOD, "[]", NULL, NULL, BASE_FORMAT, "tokenizer_config.json: a JSON object expected" },
    { GOOD, "{", NULL, NULL, BASE_FORMAT, "tokenizer_config.json:1:" },
    { GOOD, NULL, "[]", NULL, BASE_FORMAT, "added_tokens.json: a JSON object expected" },
    { GOOD, NULL, "{\"x\": \"4\"}", NULL, BASE_FORMAT, "the added token \"x\" has the id -1, expected one behind the 4 of the vocabulary" },
    { GOOD, NULL, "{\"x\": 3}", NULL, BASE_FORMAT, "the added token \"x\" has the id 3" },
    { GOOD, NULL, "{\"x\": 99999999999}", NULL, BASE_FORMAT, "the added token \"x\" has the id 99999999999" },
    { GOOD, NULL, "{\"x\": 4, \"y\": 4}", NULL, BASE_FORMAT, "added tokens \"x\" and \"y\" both have the id 4" },
    { GOOD, "{\"added_tokens_decoder\": {\"4\": {}}}", NULL, NULL, BASE_FORMAT, "\"4\" has no content, or is no number" },
    { GOOD, "{\"added_tokens_decoder\": {\"4x\": {\"content\": \"x\"}}}", NULL, NULL, BASE_FORMAT, "\"4x\" has no content, or is no number" },
    { GOOD, "{\"added_tokens_decoder\": {\"\": {\"content\": \"x\"}}}", NULL, NULL, BASE_FORMAT, "\"\" has no content, or is no number" },
    { GOOD, "{\"added_tokens_decoder\": {\"1\": {\"content\": \"x\"}}}", NULL, NULL, BASE_FORMAT, "the added token \"x\" has the id 1" },
    { GOOD, "{\"pad_token\": null}", NULL, NULL, BASE_MISSING, "no pad token \"(null)\", which is the blank of CTC" },
    { GOOD, "{\"pad_token\": \"[P]\"}", NULL, NULL, BASE_MISSING, "no pad token \"[P]\", which is the blank of CTC" },
    { GOOD, "{\"tokenizer_class\": \"BertTokenizer\"}", NULL, NULL, BASE_UNSUPPORTED, "is \"BertTokenizer\", which is not built in" },
    { GOOD, "{\"target_lang\": \"en\"}", NULL, NULL, BASE_MISSING, "language \"en\" asked for" },
    { GOOD, "{\"tokenizer_class\": \"Wav2Vec2Tokenizer\", \"word_delimiter_token\": null}", "{\"a\": 77, \"x\": 6}", NULL, BASE_OK, "" },
    { GOOD, "{\"tokenizer_class\": \"Wav2Vec2PhonemeCTCTokenizer\", \"added_tokens_decoder\": {\"4\": {\"content\": \"x\"}}}", "[1", NULL,
        BASE_FORMAT, "added_tokens.json:1:" },
    { "{\"en\": " GOOD "}", "{\"extra_special_tokens\": [\"a\", \"zz\", {\"content\": \"|\"}, null]}", NULL, NULL, BASE_OK, "" },
};

START_TEST(vocabularies)
{
    base_error e = BASE_ERROR_INIT;

    text_file("vocab.json", vocabs[_i].vocab);
    if (vocabs[_i].config)
        text_file("tokenizer_config.json", vocabs[_i].config);
    if (vocabs[_i].added)
        text_file("added_tokens.json", vocabs[_i].added);
    tx_vocab *v = tx_vocab_read(files_path("vocab.json"), vocabs[_i].language, &e);
    ck_assert_msg(!v == (vocabs[_i].status != BASE_OK) && e.status == vocabs[_i].status && strstr(e.text, vocabs[_i].said),
        "expected %d %s\nsaid %d %s", vocabs[_i].status, vocabs[_i].said, e.status, e.text);
    tx_vocab_free(v);
}
END_TEST

#define PIECES "\"vocab\": {\"[UNK]\": 0, \"[CLS]\": 1, \"[SEP]\": 2, \"a\": 3}"
#define MODEL "\"model\": {" PIECES "}"
#define TYPE(kind) "{\"type\": \"" kind "\"}"
#define SIX(x) x ", " x ", " x ", " x ", " x ", " x
#define MANY SIX(TYPE("NFC")) ", " SIX(TYPE("NFC")) ", " SIX(TYPE("NFC"))

static const struct { const char *tokenizer; base_status status; const char *said; } tokenizers[] = {
    { "{" MODEL "}", BASE_OK, "" },
    { "{" MODEL ", \"normalizer\": null, \"pre_tokenizer\": null}", BASE_OK, "" },
    { "{}", BASE_FORMAT, "tokenizer.json: model.vocab is missing or empty" },
    { "{\"model\": {\"vocab\": {}}}", BASE_FORMAT, "model.vocab is missing or empty" },
    { "{\"model\": {\"vocab\": []}}", BASE_FORMAT, "model.vocab is missing or empty" },
    { "{\"model\": {\"type\": \"BPE\", " PIECES "}}", BASE_UNSUPPORTED, "the model is \"BPE\", only WordPiece is read" },
    { "{\"model\": {\"continuing_subword_prefix\": \"@@\", " PIECES "}}", BASE_UNSUPPORTED, "\"@@\" found, \"##\" expected" },
    { "{\"model\": {\"unk_token\": \"[X]\", " PIECES "}}", BASE_MISSING, "[X]" },
    { "{\"model\": {\"vocab\": {\"[UNK]\": 0, \"[SEP]\": 1}}}", BASE_MISSING, "[CLS]" },
    { "{\"model\": {\"vocab\": {\"[UNK]\": 0, \"[CLS]\": 1}}}", BASE_MISSING, "[SEP]" },
    { "{\"model\": {\"vocab\": {\"[UNK]\": \"0\"}}}", BASE_FORMAT, "tokenizer.json: " },
    { "{\"model\": {\"vocab\": {\"[UNK]\": -1}}}", BASE_FORMAT, "tokenizer.json: " },
    { "{\"model\": {\"vocab\": {\"[UNK]\": 99999999999}}}", BASE_FORMAT, "tokenizer.json: " },
    { "{\"model\": {\"vocab\": {\"[UNK]\": 0, \"x\": 0}}}", BASE_FORMAT, "tokenizer.json: " },
    { "{" MODEL ", \"normalizer\": " TYPE("Replace") "}", BASE_UNSUPPORTED, "Replace" },
    { "{" MODEL ", \"normalizer\": {}}", BASE_FORMAT, "the normalizer has no type" },
    { "{" MODEL ", \"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [" TYPE("Prepend") "]}}", BASE_UNSUPPORTED, "Prepend" },
    { "{" MODEL ", \"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [" MANY "]}}", BASE_LIMIT, "a normalizer of more than " },
    { "{" MODEL ", \"pre_tokenizer\": " TYPE("ByteLevel") "}", BASE_UNSUPPORTED, "ByteLevel" },
    { "{" MODEL ", \"pre_tokenizer\": {}}", BASE_FORMAT, "the pre_tokenizer has no type" },
    { "{" MODEL ", \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [" SIX(SIX(TYPE("Whitespace"))) "]}}", BASE_LIMIT,
        "a pre_tokenizer of more than " },
    { "{" MODEL ", \"added_tokens\": [{\"id\": 4}]}", BASE_FORMAT, "added token 0 has no content" },
    { "{" MODEL ", \"added_tokens\": [{\"id\": 4, \"content\": \"\"}]}", BASE_FORMAT, "added token 0 has no content" },
    { "{" MODEL ", \"added_tokens\": [{\"id\": \"4\", \"content\": \"x\"}]}", BASE_FORMAT, "tokenizer.json: " },
    { "{" MODEL ", \"added_tokens\": [{\"id\": 3, \"content\": \"x\"}]}", BASE_FORMAT, "tokenizer.json: " },
};

START_TEST(tokenizers_json)
{
    base_error e = BASE_ERROR_INIT;

    tx_wordpiece *w = tx_wordpiece_read(text_file("tokenizer.json", tokenizers[_i].tokenizer), &e);
    ck_assert_msg(!w == (tokenizers[_i].status != BASE_OK) && e.status == tokenizers[_i].status && strstr(e.text, tokenizers[_i].said),
        "expected %d %s\nsaid %d %s", tokenizers[_i].status, tokenizers[_i].said, e.status, e.text);
    tx_wordpiece_free(w);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("libtext/faults");

    files_add_loop(s, memory, (int)(sizeof tries / sizeof *tries));
    files_add(s, extending_without_memory);
    files_add_loop(s, vocabularies, (int)(sizeof vocabs / sizeof *vocabs));
    files_add_loop(s, tokenizers_json, (int)(sizeof tokenizers / sizeof *tokenizers));
    return s;
}

UNIT_MAIN(suite)
