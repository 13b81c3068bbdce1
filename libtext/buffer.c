/* A string that grows by doubling. */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "libtext/buffer.h"
#include "libtext/tx.h"

static bool reserve(tx_buffer *b, size_t more)
{
    size_t need, room = b->room ? b->room : 64;
    char *s;

    if (b->failed || !base_add(b->n, more, &need) || !base_add(need, 1, &need))
        return b->failed = true, false;
    if (need <= b->room)
        return true;
    while (room < need)
        if (!base_mul(room, 2, &room))
            return b->failed = true, false;
    s = realloc(b->s, room);
    if (!s)
        return b->failed = true, false;
    b->s = s;
    b->room = room;
    return true;
}

void tx_buffer_add(tx_buffer *b, const char *s, size_t n)
{
    if (!reserve(b, n))
        return;
    memcpy(b->s + b->n, s, n);
    b->n += n;
    b->s[b->n] = '\0';
}

void tx_buffer_add_text(tx_buffer *b, const char *s)
{
    tx_buffer_add(b, s, strlen(s));
}

void tx_buffer_add_char(tx_buffer *b, uint32_t c)
{
    char bytes[4];

    tx_buffer_add(b, bytes, (size_t)tx_utf8_put(c, bytes));
}

char *tx_buffer_take(tx_buffer *b, base_error *e)
{
    tx_buffer_add(b, "", 0);
    if (!b->failed)
        return b->s;
    base_fail(e, BASE_NO_MEMORY, "no memory for a text of %zu bytes", b->n);
    tx_buffer_free(b);
    return NULL;
}

void tx_buffer_free(tx_buffer *b)
{
    free(b->s);
    *b = (tx_buffer){ 0 };
}
