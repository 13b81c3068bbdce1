#include "base/json.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"

enum { SAFE_DIGITS = 18, MOST_DIGITS = 308 };   /* of what is an int64 for sure; of what is a finite double */

/* ---- memory ------------------------------------------------------------------------------------------------------ */

enum { SPARE = 8192, ALIGN = 16 };      /* bytes beside those for the longest token */

/* Where memory ends in the middle of a string, jansson goes on with what it has of it, and behind its end. So the first allocation
 * that fails, and those up to the end of the token, are served from a reserve, and the rest of the text becomes one that it refuses. */
static _Thread_local struct parse {
    char  *text, *reserve;
    size_t size, room, used;
    bool   failed;
} parse;
static json_malloc_t take;
static json_free_t   give;

static void *watched(size_t n)
{
    void *block = take(n);
    size_t bytes = (n + ALIGN - 1) / ALIGN * ALIGN;

    if (block || !parse.reserve)
        return block;
    parse.failed = true;
    memset(parse.text, '\1', parse.size);
    if (bytes < n || bytes > parse.room - parse.used)
        return NULL;
    parse.used += bytes;
    return parse.reserve + parse.used - bytes;
}

static void unwatched(void *block)
{
    if (!parse.reserve || (char *)block < parse.reserve || (char *)block >= parse.reserve + parse.room)
        give(block);
}

static void watch(void)
{
    json_get_alloc_funcs(&take, &give);
    json_set_alloc_funcs(watched, unwatched);
}

/* ---- integers beyond 64 bits --------------------------------------------------------------------------------------- */

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Whether the n digits at s are more than an int64 holds, or, negative, less. */
static bool is_beyond(const char *s, size_t n, bool negative)
{
    static const char *const most[] = { "9223372036854775807", "9223372036854775808" };

    return n > SAFE_DIGITS + 1 || (n == SAFE_DIGITS + 1 && memcmp(s, most[negative], n) > 0);
}

/* In as many bytes: 12345678901234567890 becomes 12345678901234567e03, 1 and 400 zeros the 1e308 nearest to it. */
static void make_real(char *s, size_t n)
{
    if (n <= MOST_DIGITS) {
        memcpy(s + n - 3, "e03", 3);
        return;
    }
    s[1] = 'e';
    memset(s + 2, '0', n - 5);
    memcpy(s + n - 3, "308", 3);
    *s = '1';
}

/* Returns the bytes of the longest token, or more. */
static size_t rewrite_integers(char *text, size_t size)
{
    char *end = text + size, *begin = text;     /* of the string, or of what is between two */
    bool inside = false;        /* of a string */
    size_t longest = 0;

    for (char *s = text; s < end; s++) {
        char *first = s;

        if (*s == '"' || strchr(" \t\r\n,:[]{}", *s)) {
            inside ^= *s == '"';
            if (!inside && (size_t)(s - begin) > longest)
                longest = (size_t)(s - begin);
            if (!inside || *s == '"')
                begin = s;
        } else if (inside) {
            s += *s == '\\' && s + 1 < end;
        } else if (is_digit(*s)) {
            while (s + 1 < end && is_digit(s[1]))
                s++;
            size_t n = (size_t)(s + 1 - first);
            bool part = (first > text && strchr(".eE+", first[-1])) || (s + 1 < end && s[1] && strchr(".eE", s[1]));
            bool negative = first > text && first[-1] == '-', exponent = negative && first - 1 > text && strchr("eE", first[-2]);
            if (!part && !exponent && *first != '0' && is_beyond(first, n, negative))
                make_real(first, n);
        }
    }
    return (size_t)(end - begin) > longest ? (size_t)(end - begin) : longest;
}

/* ---- the face ------------------------------------------------------------------------------------------------------ */

static bool begins_with(const char *text, size_t size, const char *bytes)
{
    return size >= strlen(bytes) && !memcmp(text, bytes, strlen(bytes));
}

json_t *base_json_parse(char *text, size_t size, const char *name, base_error *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const char *mark = begins_with(text, size, "\xEF\xBB\xBF") ? "UTF-8"
        : begins_with(text, size, "\xFF\xFE") || begins_with(text, size, "\xFE\xFF") ? "UTF-16" : NULL;
    json_error_t why;
    json_t *root;

    if (mark) {
        base_fail(e, BASE_FORMAT, "%s: begins with a byte order mark of %s; JSON is UTF-8 without one", name, mark);
        return NULL;
    }
    pthread_once(&once, watch);
    parse = (struct parse){ .text = text, .size = size };
    parse.room = 4 * rewrite_integers(text, size) + SPARE;      /* two buffers that double, and the token */
    parse.reserve = malloc(parse.room);
    bool failed = !parse.reserve;
    root = failed ? NULL : json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
    failed |= parse.failed;
    if (failed)
        json_decref(root);
    free(parse.reserve);
    parse = (struct parse){ 0 };
    if (root && !failed)
        return root;
    if (failed)
        base_fail(e, BASE_NO_MEMORY, "%s: out of memory", name);
    else
        base_fail(e, BASE_FORMAT, "%s:%d:%d: %s", name, why.line, why.column, why.text);
    return NULL;
}

json_t *base_json_read(const char *path, size_t limit, base_error *e)
{
    char *text = NULL;
    size_t size;
    json_t *root = base_read_file(path, limit, &text, &size, e) ? NULL : base_json_parse(text, size, path, e);

    free(text);
    return root;
}

json_t *base_json_read_object(const char *path, size_t limit, base_error *e)
{
    json_t *root = base_json_read(path, limit, e);

    if (!root || json_is_object(root))
        return root;
    json_decref(root);
    base_fail(e, BASE_FORMAT, "%s: a JSON object expected", path);
    return NULL;
}
