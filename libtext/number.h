/* English number words. */
#ifndef SERIN_LIBTEXT_NUMBER_H
#define SERIN_LIBTEXT_NUMBER_H

#include "libtext/buffer.h"

/* Reads the number that begins at digits: 1200, 1,200, 3.5, 21st, 50%; writes it in lower-case words, one space between
 * them, and returns what follows it. A number of more than 15 digits, or one that begins with a needless 0, is read
 * digit by digit. */
const char *tx_number_spell(const char *digits, tx_buffer *out);

#endif
