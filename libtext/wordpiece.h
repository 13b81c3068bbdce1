/* A WordPiece vocabulary from inside: the tokens, a hash table over them, and the rules of its tokenizer. */
#ifndef SERIN_LIBTEXT_WORDPIECE_H
#define SERIN_LIBTEXT_WORDPIECE_H

#include "libtext/tx.h"

#define TX_WORDPIECE_LIMIT 10000000     /* tokens */
#define TX_WORDPIECE_LONGEST 512        /* bytes of a piece that is looked for */

struct tx_wordpiece {
    char **token;               /* [size] by id; NULL: a gap */
    int    size, room;
    int   *slot;                /* [slots] ids by hash, -1: empty */
    int    slots;               /* a power of two */
    int    longest;             /* bytes of the longest token that counts */
    int    unknown, begin, end; /* [UNK] [CLS] [SEP] */
    int   *special, n_special;  /* tokens cut out of raw text */
    bool   clean, lower, strip_accents, split_ideographs;
    int    most_characters;     /* of a word; longer ones are unknown */
    /* NULL, or takes the words in place of cutting them into pieces: tx_wordpiece_build has no pieces yet. */
    base_status (*word)(void *data, const char *s, int n, base_error *e);
    void  *data;
};

/* hash[k] for k in 0 .. n: of the first k bytes of s, as a word's beginning or (inside) with "##" in front. */
void tx_wordpiece_hashes(const char *s, int n, bool inside, uint64_t *hash);
/* The token s [n] (inside: "##" s); -1: none. */
int tx_wordpiece_lookup(const tx_wordpiece *w, const char *s, int n, bool inside, uint64_t hash);

#endif
