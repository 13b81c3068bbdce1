/* UTF-8, and what of it may be shown: names in files come from anybody, and a terminal obeys some characters. */
#ifndef SERIN_BASE_UTF8_H
#define SERIN_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes the character at s, of which `left` bytes may be read, as the Unicode Standard's table 3-7 has it: the shortest
 * form only, no surrogates, at most U+10FFFF. Returns its length, 0 when it is not valid. */
int base_utf8_decode(const char *s, size_t left, uint32_t *c);

/* False of what moves, hides or reorders what is shown: control characters (C0, DEL, C1), the separators of lines and
 * paragraphs U+2028 and U+2029, and the embeddings, overrides and isolates of writing direction, U+202A to U+202E and U+2066 to
 * U+2069. */
bool base_is_plain(uint32_t c);

/* Whether text is UTF-8 and all of it plain. */
bool base_all_plain(const char *text);

/* Puts ? in the place of each character that is not plain and of each byte that is not UTF-8, a space in that of a tab;
 * with `lines` newlines stay. The text does not grow. */
void base_make_plain(char *text, bool lines);

#endif
