/* Words and characters of a text, as pieces of it. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "libtext/tx.h"

static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* One token for each byte, at most; the array is cut to size at the end. */
static base_status begin(const char *text, tx_tokens *out, base_error *e)
{
    size_t n = strlen(text);

    *out = (tx_tokens){ 0 };
    if (n > INT_MAX)
        return base_fail(e, BASE_LIMIT, "text of %zu bytes found, at most %d expected", n, INT_MAX);
    out->token = malloc((n + 1) * sizeof(*out->token));
    return out->token ? BASE_OK : base_fail(e, BASE_NO_MEMORY, "no memory for the words of a text of %zu bytes", n);
}

static base_status end(tx_tokens *out)
{
    tx_token *smaller = realloc(out->token, ((size_t)out->n + 1) * sizeof(*out->token));

    if (smaller)
        out->token = smaller;
    return BASE_OK;
}

base_status tx_split_words(const char *text, tx_tokens *out, base_error *e)
{
    base_status status = begin(text, out, e);

    if (status != BASE_OK)
        return status;
    for (;;) {
        const char *s;

        while (is_blank(*text))
            text++;
        if (!*text)
            return end(out);
        for (s = text; *text && !is_blank(*text); )
            text++;
        out->token[out->n++] = (tx_token){ s, (int)(text - s) };
    }
}

base_status tx_split_characters(const char *text, tx_tokens *out, base_error *e)
{
    base_status status = begin(text, out, e);

    if (status != BASE_OK)
        return status;
    for (;;) {
        const char *s = text;

        while (is_blank(*text))
            text++;
        if (!*text)
            return end(out);
        if (text > s && out->n > 0)
            out->token[out->n++] = (tx_token){ " ", 1 };
        s = text;
        tx_utf8_next(&text);
        out->token[out->n++] = (tx_token){ s, (int)(text - s) };
    }
}

void tx_tokens_free(tx_tokens *t)
{
    if (!t)
        return;
    free(t->token);
    *t = (tx_tokens){ 0 };
}

bool tx_token_equal(tx_token a, tx_token b)
{
    return a.n == b.n && memcmp(a.s, b.s, (size_t)a.n) == 0;
}
