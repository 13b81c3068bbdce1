/* tx.h: the face of libserin-text. UTF-8, normalising, Kaldi's text tables, vocabularies of characters, alignment and
 * error rates, trn and ctm. docs/text.md is a guided tour.
 *
 * Conventions. A text is a NUL-terminated string of valid UTF-8; files are checked when they are read, and every other
 * function may rely on it (invalid bytes never lead outside the string). Keys compare as bytes, as LC_ALL=C sort does.
 * Memory that a function hands out is freed by the type's _free, or by free() where it is a plain string. Nothing
 * prints, nothing exits, no locale is consulted. */
#ifndef SERIN_TX_H
#define SERIN_TX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- UTF-8 ----------------------------------------------------------------------------------------------------- */

/* Checks that text[0 .. size) is UTF-8 as the Unicode Standard's table 3-7 defines it (no overlong forms, no surrogates,
 * nothing above U+10FFFF) without NUL. BASE_FORMAT "name:line:column: …" with the offending bytes; lines and columns
 * count from 1, columns in characters; line is the number of the text's first line. */
SERIN_API base_status tx_utf8_check(const char *name, int64_t line, const char *text, size_t size, base_error *e);

/* The character at *p, which moves behind it; 0 at the end, where *p stays. An invalid byte is U+FFFD. */
SERIN_API uint32_t tx_utf8_next(const char **p);

/* Writes character c, 1 to 4 bytes, without NUL; returns how many. */
SERIN_API int tx_utf8_put(uint32_t c, char out[4]);

SERIN_API int64_t tx_utf8_count(const char *text);      /* characters */
SERIN_API bool    tx_is_space(uint32_t c);              /* any white space of Unicode, line ends included */

/* ---- normalising ----------------------------------------------------------------------------------------------- */

typedef enum tx_case { TX_CASE_KEEP, TX_CASE_UPPER, TX_CASE_LOWER } tx_case;
typedef enum tx_form { TX_FORM_KEEP, TX_FORM_NFC, TX_FORM_NFD, TX_FORM_NFKC, TX_FORM_NFKD } tx_form;

typedef struct tx_normalise_options {
    tx_case letter_case;    /* one letter stays one letter: upper-case sharp s is U+1E9E */
    tx_form form;           /* Unicode's normalisation form; composed first where only marks are to go */
    bool strip_marks;       /* combining marks go: u with diaeresis becomes u */
    bool spell_digits;      /* English: 21st -> twenty first, 1,200.5% -> one thousand two hundred point five percent */
    bool drop_tags;         /* [LAUGHTER] becomes a space */
    bool drop_punctuation;  /* punctuation and symbols become a space, an apostrophe beside a letter stays, written ' */
    bool collapse;          /* runs of white space become one space, none at the ends; control characters are white
                             * space, format characters (zero-width ones, soft hyphens) go */
} tx_normalise_options;
#define TX_NORMALISE_DEFAULTS { TX_CASE_UPPER, TX_FORM_NFC, false, false, true, true, true }
#define TX_NORMALISE_NONE { TX_CASE_KEEP, TX_FORM_KEEP, false, false, false, false, false }

/* Reads options from words joined by commas, starting from what *o holds: none (nothing is changed), upper, lower,
 * keep-case, nfc, nfd, nfkc, nfkd, keep-form, strip-marks, digits, tags (dropped), punctuation (dropped), collapse;
 * "no-" before one of the last five turns it off. BASE_VALUE names the word. */
SERIN_API base_status tx_normalise_parse(tx_normalise_options *o, const char *words, base_error *e);

/* The normalised text, for the caller to free; NULL and BASE_NO_MEMORY. With TX_NORMALISE_NONE a copy. */
SERIN_API char *tx_normalise(const char *text, const tx_normalise_options *o, base_error *e);

/* ---- words and characters -------------------------------------------------------------------------------------- */

/* A piece of a text that somebody else owns. */
typedef struct tx_token { const char *s; int n; } tx_token;     /* n bytes */
typedef struct tx_tokens { tx_token *token; int64_t n; } tx_tokens;

/* Words are what spaces, tabs and line ends separate; characters are code points, with one space between words. */
SERIN_API base_status tx_split_words(const char *text, tx_tokens *out, base_error *e);
SERIN_API base_status tx_split_characters(const char *text, tx_tokens *out, base_error *e);
SERIN_API void        tx_tokens_free(tx_tokens *t);
SERIN_API bool        tx_token_equal(tx_token a, tx_token b);

/* ---- Kaldi's text tables --------------------------------------------------------------------------------------- */

/* "key value…" a line: text, utt2spk, utt2emo, wav.scp, …. Keys are unique and sorted in the C locale. */
typedef struct tx_entry {
    const char *key;
    const char *value;      /* the rest of the line without white space at its ends; may be "" */
    int64_t     line;       /* of the file, from 1 */
} tx_entry;

typedef struct tx_table {
    tx_entry *entry;        /* [n], keys rising */
    int64_t   n;
    char     *path;
    char     *text;         /* what the entries point into */
} tx_table;

/* What a value must be. */
typedef enum tx_values { TX_ANY, TX_SOME, TX_ONE_WORD } tx_values;      /* may be empty; not empty; one word */

/* Told of each fault; reason is "key \"utt3\" appears twice (first on line 4)", say. */
typedef void (*tx_fault)(void *data, const char *path, int64_t line, const char *reason);

/* Reads a whole table ("-": standard input). A fault is BASE_FORMAT "path:line: …": invalid UTF-8, an empty line, white
 * space before the key or other than space and tab inside it, control characters (carriage returns too), a missing
 * newline at the end, keys out of order or twice, a value that is not what it must be. A file without lines is a table
 * without entries. With `fault` every fault is told to it, what can be used of the table is kept, and only an unreadable
 * file fails. */
SERIN_API base_status tx_table_read(tx_table *t, const char *path, tx_values values, base_error *e);
SERIN_API base_status tx_table_read_faults(tx_table *t, const char *path, tx_values values, tx_fault fault, void *data,
    base_error *e);
SERIN_API void        tx_table_free(tx_table *t);

SERIN_API const tx_entry *tx_table_find(const tx_table *t, const char *key);    /* NULL: absent */
SERIN_API const char     *tx_table_value(const tx_table *t, const char *key);   /* NULL: absent */

/* BASE_MISSING when the tables' keys differ; names the first key that only one has, both files, and how many more. */
SERIN_API base_status tx_table_same_keys(const tx_table *a, const tx_table *b, base_error *e);

/* ---- vocabularies of CTC --------------------------------------------------------------------------------------- */

/* Characters and special tokens as Hugging Face's Wav2Vec2CTCTokenizer has them. Ids are 0 .. size-1; the blank of CTC
 * is the pad token's id. */
typedef struct tx_vocab tx_vocab;

/* Reads vocab.json ({token: id}, or {language: {token: id}}: then `language`, which may be NULL when there is only one).
 * Names of special tokens come from tokenizer_config.json beside it, else special_tokens_map.json, else <pad> <s> </s>
 * <unk> | (or [PAD] and [UNK] where those are missing); tokens added later from added_tokens_decoder there, else from
 * added_tokens.json. With Wav2Vec2PhonemeCTCTokenizer tokens are phones, which stand between spaces. BASE_FORMAT: not JSON, ids with
 * gaps or twice, no pad token; BASE_UNSUPPORTED: another tokenizer_class, named. */
SERIN_API tx_vocab *tx_vocab_read(const char *path, const char *language, base_error *e);

/* From a corpus: <pad> 0, <s> 1, </s> 2, <unk> 3, | 4, then the characters of the values, sorted by code point. A '|' in
 * a text is BASE_VALUE. */
SERIN_API tx_vocab *tx_vocab_build(const tx_table *texts, base_error *e);
/* fairseq's dict.ltr.txt, a symbol and its count in a line, as the vocabulary of a model that was trained with it: <pad> (in
 * fairseq <s>, which is its blank), <s>, </s>, <unk>, then the symbols as they come. BASE_FORMAT "path:line: …". */
SERIN_API tx_vocab *tx_vocab_fairseq(const char *path, base_error *e);
/* Makes it at least `size` tokens: a model's output may be wider than its vocabulary. Those behind are left out of texts. On failure
 * it is as it was. */
SERIN_API base_status tx_vocab_extend(tx_vocab *v, int size, base_error *e);
SERIN_API void      tx_vocab_free(tx_vocab *v);

/* vocab.json in the order of ids; appears whole or not at all. */
SERIN_API base_status tx_vocab_write(const tx_vocab *v, const char *path, base_error *e);

SERIN_API int         tx_vocab_size(const tx_vocab *v);
SERIN_API int         tx_vocab_blank(const tx_vocab *v);
SERIN_API int         tx_vocab_unknown(const tx_vocab *v);          /* -1: there is none */
SERIN_API int         tx_vocab_delimiter(const tx_vocab *v);        /* of words; -1: there is none */
SERIN_API const char *tx_vocab_token(const tx_vocab *v, int id);
SERIN_API int         tx_vocab_find(const tx_vocab *v, const char *token);      /* -1: absent */

typedef struct tx_labels {
    int     *label;         /* [n] */
    int      n;
    int      unknown;       /* how many of them stand for a character the vocabulary lacks */
    uint32_t first_unknown; /* the first such character; 0: none */
} tx_labels;

/* As Wav2Vec2CTCTokenizer: tokens longer than a character are matched first, the longest one, and swallow the white space
 * around them; a space is the delimiter; a character the vocabulary lacks is the unknown token, or BASE_MISSING, naming
 * it, where there is none. Text is taken as it is: normalise it first. */
SERIN_API base_status tx_vocab_encode(const tx_vocab *v, const char *text, tx_labels *out, base_error *e);
SERIN_API void        tx_labels_free(tx_labels *l);

/* group: merge equal neighbours first, for labels that come a frame each; a CTC decoder has done that, and dropped the
 * blanks, so its output wants false. keep_special: <s>, </s> and <unk> appear in the text. */
typedef struct tx_decode_options { bool group, keep_special; } tx_decode_options;
#define TX_DECODE_DEFAULTS { false, false }

/* The text of labels, for the caller to free: blanks dropped, the delimiter a space, runs of spaces as they come, none at
 * the ends. A label outside the vocabulary reads as the unknown token. NULL: BASE_NO_MEMORY. */
SERIN_API char *tx_vocab_decode(const tx_vocab *v, const int *labels, int n, const tx_decode_options *o, base_error *e);

/* Words with the frames they span, from a CTC decoder's labels and the frame each was emitted at. */
typedef struct tx_word { char *text; int64_t begin, end; } tx_word;     /* frames begin .. end-1 */
typedef struct tx_words { tx_word *word; int n; } tx_words;
SERIN_API base_status tx_vocab_words(const tx_vocab *v, const int *labels, const int *frames, int n, tx_words *out,
    base_error *e);
SERIN_API void        tx_words_free(tx_words *w);

/* ---- WordPiece ---------------------------------------------------------------------------------------------------- */

/* BERT's tokenizer, with the ids of Hugging Face's BertTokenizer. */
typedef struct tx_wordpiece tx_wordpiece;

/* Reads vocab.txt (a token a line; cut as transformers' Python tokenizer does), or, when the name ends in .json, a tokenizer.json
 * (as the tokenizers library does). A tokenizer_config.json beside it counts (do_lower_case, strip_accents,
 * tokenize_chinese_chars, added_tokens_decoder), as does added_tokens.json beside a vocab.txt. Without settings: as
 * bert-base-uncased. BASE_MISSING: no [UNK], [CLS] or [SEP]; BASE_UNSUPPORTED: another kind of model, normalizer, pre_tokenizer or
 * tokenizer_class, named. */
SERIN_API tx_wordpiece *tx_wordpiece_read(const char *path, base_error *e);
SERIN_API void          tx_wordpiece_free(tx_wordpiece *w);
SERIN_API int           tx_wordpiece_size(const tx_wordpiece *w);               /* highest id + 1 */
SERIN_API const char   *tx_wordpiece_token(const tx_wordpiece *w, int id);      /* NULL: no such id */
/* The same of a piece that was found, as the tokenizers library tells it: an added token as the normalised text has it. */
SERIN_API const char   *tx_wordpiece_found(const tx_wordpiece *w, int id);
SERIN_API int           tx_wordpiece_find(const tx_wordpiece *w, const char *token);    /* -1: absent */

/* text [size], which may hold NUL and has one behind it; special: [CLS] in front and [SEP] behind. out->unknown counts words that no pieces make
 * up. */
SERIN_API base_status tx_wordpiece_encode(const tx_wordpiece *w, const char *text, size_t size, bool special, tx_labels *out,
    base_error *e);
/* The text of n pieces, for the caller to free: special tokens and [UNK] left out, "##a" joined to what is before it, an
 * apostrophe to both sides. An id the vocabulary lacks is left out. NULL: BASE_NO_MEMORY. */
SERIN_API char       *tx_wordpiece_decode(const tx_wordpiece *w, const int *ids, int64_t n, base_error *e);

/* A vocabulary for texts [n], written as vocab.txt: special tokens, every character alone and inside a word ("##a"), then the
 * words of two characters and more that occur `least` times, the most frequent first. Lower case, without accents. */
SERIN_API base_status tx_wordpiece_build(const tx_table *texts, int least, const char *path, base_error *e);
/* Into a folder: vocab.txt, or, where that does not say all of its rules and added tokens, tokenizer.json. The other one is removed. */
SERIN_API base_status tx_wordpiece_save(const tx_wordpiece *w, const char *directory, base_error *e);

/* ---- alignment and error rates --------------------------------------------------------------------------------- */

/* Costs of correct, substitution, insertion, deletion, and which of equals is taken.
 * TX_UNIT: 0 1 1 1, ties as Kaldi's compute-wer. TX_SCLITE: 0 4 3 3, ties as sclite: diagonal, insertion, deletion. */
typedef enum tx_costs { TX_UNIT, TX_SCLITE } tx_costs;

typedef struct tx_errors { int64_t correct, substitutions, deletions, insertions; } tx_errors;

/* A pair of aligned tokens; -1 on the side that has none. */
typedef struct tx_pair { int64_t ref, hyp; } tx_pair;
typedef struct tx_alignment {
    tx_errors errors;
    tx_pair  *pair;         /* [n] in order */
    int64_t   n;
} tx_alignment;

/* Time and memory grow with the product of the lengths (a quarter byte each); BASE_LIMIT when that passes 2^32. */
SERIN_API base_status tx_align(const tx_tokens *ref, const tx_tokens *hyp, tx_costs costs, tx_alignment *out,
                               base_error *e);
SERIN_API void        tx_alignment_free(tx_alignment *a);

/* Both at once for texts, words or characters, counts only, added to *sum. */
SERIN_API base_status tx_count_errors(const char *ref, const char *hyp, bool characters, tx_costs costs, tx_errors *sum,
    base_error *e);

SERIN_API void tx_errors_add(tx_errors *sum, const tx_errors *n);
static inline int64_t tx_errors_total(const tx_errors *n) { return n->substitutions + n->deletions + n->insertions; }
static inline int64_t tx_errors_length(const tx_errors *n) { return n->correct + n->substitutions + n->deletions; }

/* 100 errors / reference length. An empty reference counts as length 1, so that the rate is finite: 0 without
 * insertions. */
SERIN_API double tx_error_rate(const tx_errors *n);

/* ---- NIST's formats -------------------------------------------------------------------------------------------- */

/* trn: "words (key)" a line. Read sorts by key; lines that begin with ;; are comments. */
SERIN_API void        tx_trn_write(FILE *f, const char *key, const char *words);
SERIN_API base_status tx_trn_read(tx_table *t, const char *path, base_error *e);

/* ctm: "key channel begin duration word [confidence]" a line, seconds. confidence NAN: none. Read joins the words of a
 * key in the order of their begins. */
SERIN_API void        tx_ctm_write(FILE *f, const char *key, const char *channel, double begin, double duration,
    const char *word, double confidence);
SERIN_API base_status tx_ctm_read(tx_table *t, const char *path, base_error *e);

#ifdef __cplusplus
}
#endif
#endif
