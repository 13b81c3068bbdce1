/* A string that grows: what text is written into when its length is not known beforehand. */
#ifndef SERIN_LIBTEXT_BUFFER_H
#define SERIN_LIBTEXT_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Start with { 0 }. Once an allocation failed nothing more is written. */
typedef struct tx_buffer {
    char  *s;
    size_t n, room;
    bool   failed;
} tx_buffer;

void tx_buffer_add(tx_buffer *b, const char *s, size_t n);
void tx_buffer_add_text(tx_buffer *b, const char *s);
void tx_buffer_add_char(tx_buffer *b, uint32_t c);      /* a character, in UTF-8 */

/* The string, NUL-terminated, for the caller to free; NULL and BASE_NO_MEMORY when an allocation failed. */
char *tx_buffer_take(tx_buffer *b, base_error *e);
void  tx_buffer_free(tx_buffer *b);

#endif
