/* Numbers as people write them, for messages and tables that people read. The text lives in the block of the call. */
#ifndef SERIN_BASE_NUMBER_H
#define SERIN_BASE_NUMBER_H

#include <stdint.h>

#define BASE_NUMBER_SIZE 96

/* "1 fault", "0 faults", "1,300 utterances"; a plural that is not made by an s stands behind a bar: "matrix|matrices". */
#define base_count(n, noun) base_count_text((char[BASE_NUMBER_SIZE]){ 0 }, n, noun)
/* To three digits, without an exponent: "1,300", "12.3", "40", "0.0123"; below a millionth "0". */
#define base_amount(x) base_amount_text((char[BASE_NUMBER_SIZE]){ 0 }, x)

/* What these are made of: text [BASE_NUMBER_SIZE], which is returned. */
const char *base_count_text(char *text, int64_t n, const char *noun);
const char *base_amount_text(char *text, double x);

#endif
