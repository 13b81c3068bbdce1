/* What reader and writer of Kaldi's tables share. */
#ifndef SERIN_NN_TABLE_H
#define SERIN_NN_TABLE_H

#include "base/error.h"
#include "libnn/nn.h"

/* Words of a specifier that change what we do. */
enum { NN_TABLE_ARK = 1, NN_TABLE_SCP = 2, NN_TABLE_TEXT = 4 };

/* "ark,t:FILE": flags from the words, and where FILE begins. Options that only say how a table was or may be read (o, s,
 * cs, b, f and their opposites) are accepted; p, which hides missing files, and pipes, which run commands, are not. */
base_status nn_table_specifier(const char *specifier, int *flags, const char **file, base_error *e);

/* A key is 1 to NN_TABLE_MOST_KEY bytes of UTF-8 without white space and what is not plain (base/utf8.h). */
#define NN_TABLE_MOST_KEY 1000
static inline bool nn_table_key_byte(int c) { return c > 0x20 && c != 0x7f; }

#endif
