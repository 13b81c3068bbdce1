/* A vocabulary of CTC from inside. */
#ifndef SERIN_LIBTEXT_VOCAB_H
#define SERIN_LIBTEXT_VOCAB_H

#include "libtext/matcher.h"
#include "libtext/tx.h"

#define TX_VOCAB_LIMIT 1000000      /* tokens */

/* The special tokens, in the order of a vocabulary that is built from a corpus. */
typedef enum tx_special { TX_PAD, TX_BEGIN, TX_END, TX_UNKNOWN, TX_DELIMITER, TX_SPECIALS } tx_special;
extern const char *const tx_special_default[TX_SPECIALS];   /* <pad> <s> </s> <unk> | */

struct tx_vocab {
    char     **token;               /* [size] by id */
    bool      *left_out;            /* [size] of texts: special tokens but the delimiter, and ids without a token of their own */
    int       *sorted;              /* [size] ids in the order of their tokens' bytes */
    tx_matcher longer;              /* tokens longer than one character */
    int        size;
    int        special[TX_SPECIALS];    /* ids; -1: absent */
    char      *space;               /* what the delimiter reads as */
    bool       lower;               /* do_lower_case: text is lower case, tokens are upper case */
    bool       phones;              /* Wav2Vec2PhonemeCTCTokenizer: tokens are words of a text, and the delimiter none */
};

/* Takes over token [size], each from malloc, also when it fails; NULL among them: an id that has none, which gets a name.
 * Names of special tokens: NULL, absent. */
tx_vocab *tx_vocab_make(char **token, int size, const char *const special[TX_SPECIALS], const char *space, bool lower,
    base_error *e);

#endif
