/* fairseq's dictionaries of letters (fairseq/data/dictionary.py). */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "libtext/vocab.h"

enum { FIRST = TX_DELIMITER };      /* of the symbols; the delimiter is one of them */

/* "E 51860": up to the last space is the symbol. Returns the length of the line with its end, 0: it is none. */
static size_t take_symbol(const char *line, char **symbol)
{
    size_t n = strcspn(line, "\r\n"), digits = 0;

    while (digits < n && line[n - 1 - digits] >= '0' && line[n - 1 - digits] <= '9')
        digits++;
    if (!digits || n < digits + 2 || line[n - 1 - digits] != ' ')
        return 0;
    *symbol = strndup(line, n - 1 - digits);
    n += line[n] == '\r';
    return n + (line[n] == '\n');
}

static int count_lines(const char *text)
{
    int lines = 1;      /* the last may lack its end */

    for (; *text; text++)
        lines += *text == '\n' || *text == '\r';
    return lines;
}

static base_status read_symbols(const char *text, const char *path, char **token, int *n, base_error *e)
{
    for (; *text; (*n)++) {
        size_t length = take_symbol(text, &token[*n]);

        if (!length)
            return base_fail(e, BASE_FORMAT, "%s:%d: \"%.*s\" found, expected a symbol and its count", path, *n - FIRST + 1,
                (int)strcspn(text, "\r\n"), text);
        if (!token[*n])
            return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path);
        base_status status = tx_utf8_check(path, *n - FIRST + 1, text, length, e);
        if (status) {
            ++*n;       /* the symbol is there to be freed */
            return status;
        }
        text += length;
    }
    return BASE_OK;
}

/* As in fairseq, a symbol that is there already ends the reading; the special tokens are. */
static tx_vocab *check_symbols(tx_vocab *v, const char *path, base_error *e)
{
    for (int i = 0; v && i < tx_vocab_size(v); i++) {
        int twin = tx_vocab_find(v, tx_vocab_token(v, i)), later = i > twin ? i : twin;

        if (twin != i) {
            base_fail(e, BASE_FORMAT, "%s:%d: the symbol \"%s\" appears twice", path, later - FIRST + 1, tx_vocab_token(v, i));
            tx_vocab_free(v);
            return NULL;
        }
    }
    return v;
}

tx_vocab *tx_vocab_fairseq(const char *path, base_error *e)
{
    const size_t limit = 1 << 20;
    char *text = NULL, **token;
    size_t size;
    int n = 0;

    if (base_read_named(path, limit, &text, &size, e))
        return NULL;
    if (strlen(text) != size) {
        base_fail(e, BASE_FORMAT, "%s: byte %zu is NUL; expected text", path, strlen(text));
        free(text);
        return NULL;
    }
    token = calloc((size_t)count_lines(text) + FIRST, sizeof(*token));
    bool room = token != NULL;
    for (; token && n < FIRST; n++)
        room &= (token[n] = strdup(tx_special_default[n])) != NULL;
    base_status status = room ? read_symbols(text, path, token, &n, e) : base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path);
    free(text);
    if (!status)
        return check_symbols(tx_vocab_make(token, n, tx_special_default, " ", false, e), path, e);
    for (int i = 0; i < n; i++)
        free(token[i]);
    free(token);
    return NULL;
}
