/* A WordPiece vocabulary from inside: the tokens, a hash table over them, and the rules of its tokenizer. */
#ifndef SERIN_LIBTEXT_WORDPIECE_H
#define SERIN_LIBTEXT_WORDPIECE_H

#include "libtext/matcher.h"
#include "libtext/tx.h"

#define TX_WORDPIECE_LIMIT 10000000     /* tokens */
#define TX_WORDPIECE_LONGEST 512        /* bytes of a piece that is looked for */
#define TX_WORDPIECE_STEPS 16           /* of a normalizer, of a pre-tokenizer */

/* Steps of a normalizer, called as in tokenizer.json; PYTHON is what transformers' Python tokenizer does with a vocab.txt, which
 * differs from BERT's in details. */
typedef enum tx_normal_kind {
    TX_NORMAL_BERT, TX_NORMAL_LOWERCASE, TX_NORMAL_NFC, TX_NORMAL_NFD, TX_NORMAL_NFKC, TX_NORMAL_NFKD, TX_NORMAL_STRIP_ACCENTS,
    TX_NORMAL_PYTHON, TX_NORMALS
} tx_normal_kind;
typedef struct tx_normal {
    tx_normal_kind kind;
    bool clean, lower, strip_accents, split_ideographs;     /* of BERT's and Python's */
} tx_normal;

/* How a pre-tokenizer cuts a text into words. */
typedef enum tx_cut { TX_CUT_BERT, TX_CUT_WHITESPACE, TX_CUT_WHITESPACE_SPLIT, TX_CUTS } tx_cut;

/* A token that is found before texts are cut into words: in the raw text, or, normalized, behind the normalizer. */
typedef struct tx_added {
    int   id;
    bool  single_word, lstrip, rstrip, normalized;
    bool  special;              /* left out of a text that is put together again */
    char *pattern;              /* what is looked for */
} tx_added;

struct tx_wordpiece {
    char **token;               /* [size] by id; NULL: a gap */
    int    size, room;
    int   *slot;                /* [slots] ids by hash, -1: empty */
    int    slots;               /* a power of two */
    int    longest;             /* bytes of the longest token that counts */
    int    unknown, begin, end; /* [UNK] [CLS] [SEP] */
    bool  *special;             /* [size] of these, and of added tokens */
    tx_added  *added;           /* [n_added] ids rising */
    int        n_added;
    tx_matcher raw, normalized; /* of these: where in added they stand */
    tx_normal  normal[TX_WORDPIECE_STEPS];
    tx_cut     cut[TX_WORDPIECE_STEPS];
    int    n_normal, n_cut;
    int    most_characters;     /* of a word; longer ones are unknown */
    /* NULL, or takes the words in place of cutting them into pieces: tx_wordpiece_build has no pieces yet. */
    base_status (*word)(void *data, const char *s, int n, base_error *e);
    void  *data;
};

#define TX_WORDPIECE_RULES .normal = { { TX_NORMAL_PYTHON, true, true, true, true } }, .n_normal = 1, .cut = { TX_CUT_BERT }, \
    .n_cut = 1, .most_characters = 100      /* of bert-base-uncased */

/* hash[k] for k in 0 .. n: of the first k bytes of s, as a word's beginning or (inside) with "##" in front. */
void tx_wordpiece_hashes(const char *s, int n, bool inside, uint64_t *hash);
/* The token s [n] (inside: "##" s); -1: none. */
int tx_wordpiece_lookup(const tx_wordpiece *w, const char *s, int n, bool inside, uint64_t hash);

/* The token, if it is none that was only added. */
int tx_wordpiece_piece(const tx_wordpiece *w, const char *token);

/* text .. end, which may hold NUL, after all steps; for the caller to free. NULL: no memory. */
char *tx_wordpiece_normalise(const tx_wordpiece *w, const char *text, const char *end, base_error *e);

bool tx_is_punctuation(uint32_t c);     /* as BERT splits it off */
bool tx_is_word(uint32_t c);            /* \w of regular expressions */

/* ---- reading: wordpiece_read.c, wordpiece_json.c ------------------------------------------------------------------- */

/* Makes id that token, growing the table. BASE_FORMAT: it is another already. */
base_status tx_wordpiece_set(tx_wordpiece *w, const char *token, int64_t id, const char *path, base_error *e);
/* Of the flags that its object has; others are as a special token's. */
struct json_t;
bool tx_json_flag(const struct json_t *object, const char *key, bool otherwise);     /* otherwise: absent, or no boolean */
base_status tx_wordpiece_add(tx_wordpiece *w, const struct json_t *token, int64_t id, const char *path, base_error *e);

/* The files beside path that speak of it: tokenizer_config.json and added_tokens.json. NULL: there is none, or it speaks of a
 * vocab.json. BASE_UNSUPPORTED: a tokenizer_class that is none of BERT's. Free both in any case. */
typedef struct tx_beside { struct json_t *config, *added; } tx_beside;
base_status tx_wordpiece_beside(tx_beside *b, const char *path, base_error *e);
void        tx_beside_free(tx_beside *b);
/* Sets what do_lower_case, strip_accents, tokenize_chinese_chars say, or are when they say nothing; false: there is none of them. */
bool tx_beside_rules(const tx_beside *b, tx_normal *n);

base_status tx_wordpiece_read_json(tx_wordpiece *w, const char *path, base_error *e);

/* The pieces that words are made of: the tokens there are so far. Added ones come later. */
base_status tx_wordpiece_index(tx_wordpiece *w, const char *path, base_error *e);
/* Builds the tables of what was added, and looks up the special tokens. */
base_status tx_wordpiece_finish(tx_wordpiece *w, const char *unknown, const char *path, base_error *e);

#endif
