/* WordPiece vocabularies from files: the table of tokens, vocab.txt (a token a line), and which kind a file is. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "libtext/wordpiece.h"

#define FILE_LIMIT ((size_t)256 << 20)
#define PREFIX "##"

/* ---- the table of tokens -------------------------------------------------------------------------------------------- */

/* base_hash_text (FNV-1a), a byte at a time: a prefix of every length is hashed in one pass. */
static uint64_t step(uint64_t h, char c) { return (h ^ (unsigned char)c) * UINT64_C(0x100000001b3); }

void tx_wordpiece_hashes(const char *s, int n, bool inside, uint64_t *hash)
{
    uint64_t h = BASE_HASH_INIT;

    if (inside)
        h = step(step(h, '#'), '#');
    hash[0] = h;
    for (int k = 0; k < n; k++)
        hash[k + 1] = h = step(h, s[k]);
}

static bool matches(const char *token, const char *s, int n, bool inside)
{
    if (inside && strncmp(token, PREFIX, 2))
        return false;
    token += inside ? 2 : 0;
    return !strncmp(token, s, (size_t)n) && !token[n];
}

static int first_slot(const tx_wordpiece *w, uint64_t hash) { return (int)((hash ^ hash >> 32) & (uint64_t)(w->slots - 1)); }

int tx_wordpiece_lookup(const tx_wordpiece *w, const char *s, int n, bool inside, uint64_t hash)
{
    for (int i = first_slot(w, hash); w->slot[i] >= 0; i = (i + 1) & (w->slots - 1))
        if (matches(w->token[w->slot[i]], s, n, inside))
            return w->slot[i];
    return -1;
}

int tx_wordpiece_piece(const tx_wordpiece *w, const char *token)
{
    size_t n = strlen(token);

    return n > TX_WORDPIECE_LONGEST ? -1
        : tx_wordpiece_lookup(w, token, (int)n, false, base_hash_text(BASE_HASH_INIT, token));
}

int tx_wordpiece_find(const tx_wordpiece *w, const char *token)
{
    int id = tx_wordpiece_piece(w, token);

    for (int i = 0; i < w->n_added && id < 0; i++)
        id = strcmp(w->token[w->added[i].id], token) ? -1 : w->added[i].id;
    return id;
}

/* Makes room for ids below `size`; new ones are gaps. */
static bool grow(tx_wordpiece *w, int size)
{
    if (size > w->room) {
        char **more = realloc(w->token, (size_t)size * 2 * sizeof *more);
        if (!more)
            return false;
        memset(more + w->room, 0, ((size_t)size * 2 - (size_t)w->room) * sizeof *more);
        w->token = more;
        w->room = size * 2;
    }
    w->size = size > w->size ? size : w->size;
    return true;
}

base_status tx_wordpiece_set(tx_wordpiece *w, const char *token, int64_t id, const char *path, base_error *e)
{
    if (id < 0 || id >= TX_WORDPIECE_LIMIT)
        return base_fail(e, BASE_FORMAT, "%s: the id of token \"%.80s\" is no number from 0 to %d", path, token,
            TX_WORDPIECE_LIMIT - 1);
    if (!grow(w, (int)id + 1))
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path);
    if (w->token[id] && strcmp(w->token[id], token))
        return base_fail(e, BASE_FORMAT, "%s: id %lld belongs to \"%.80s\" and to \"%.80s\"", path, (long long)id,
            w->token[id], token);
    if (!w->token[id] && !(w->token[id] = strdup(token)))
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path);
    return BASE_OK;
}

/* Of equal tokens the last keeps its id, as in a Python dictionary. */
base_status tx_wordpiece_index(tx_wordpiece *w, const char *path, base_error *e)
{
    for (w->slots = 16; w->slots < 2 * w->size;)
        w->slots *= 2;
    if (!(w->slot = malloc((size_t)w->slots * sizeof *w->slot)))
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path);
    for (int i = 0; i < w->slots; i++)
        w->slot[i] = -1;
    for (int id = w->size - 1; id >= 0; id--) {
        size_t n = w->token[id] ? strlen(w->token[id]) : 0;
        int i;

        if (!w->token[id] || n > TX_WORDPIECE_LONGEST || tx_wordpiece_piece(w, w->token[id]) >= 0)
            continue;
        for (i = first_slot(w, base_hash_text(BASE_HASH_INIT, w->token[id])); w->slot[i] >= 0; i = (i + 1) & (w->slots - 1))
            ;
        w->slot[i] = id;
        w->longest = (int)n > w->longest ? (int)n : w->longest;
    }
    return BASE_OK;
}

/* ---- added tokens --------------------------------------------------------------------------------------------------- */

base_status tx_wordpiece_add(tx_wordpiece *w, const json_t *token, int64_t id, const char *path, base_error *e)
{
    tx_added *more = w->n_added & (w->n_added - 1) ? w->added       /* a power of two is full */
        : realloc(w->added, (w->n_added ? 2 * (size_t)w->n_added : 1) * sizeof *more);

    if (!more)
        return base_fail(e, BASE_NO_MEMORY, "%s: no memory for %d added tokens", path, w->n_added + 1);
    w->added = more;
    more[w->n_added++] = (tx_added){ .id = (int)id, .single_word = tx_json_flag(token, "single_word", false),
        .lstrip = tx_json_flag(token, "lstrip", false), .rstrip = tx_json_flag(token, "rstrip", false),
        .normalized = tx_json_flag(token, "normalized", false), .special = tx_json_flag(token, "special", true) };
    return BASE_OK;
}

/* What each is looked for as, and the matcher of the normalized ones, or of the others. */
static base_status make_matcher(tx_wordpiece *w, bool normalized, const char *path, base_error *e)
{
    tx_match *match = malloc(((size_t)w->n_added + 1) * sizeof *match);
    int n = 0;

    for (int i = 0; match && i < w->n_added; i++) {
        const char *token = w->token[w->added[i].id];
        char *pattern;

        if (w->added[i].normalized != normalized)
            continue;
        pattern = normalized ? tx_wordpiece_normalise(w, token, token + strlen(token), e) : strdup(token);
        w->added[i].pattern = pattern;
        match[n++] = (tx_match){ pattern, i };
        if (!pattern)
            break;
    }
    if (!match || (n && !match[n - 1].text)) {
        free(match);
        return base_fail(e, BASE_NO_MEMORY, "%s: no memory for %d added tokens", path, w->n_added);
    }
    tx_matcher_make(normalized ? &w->normalized : &w->raw, match, n);
    return BASE_OK;
}

static int by_id(const void *a, const void *b) { return ((const tx_added *)a)->id - ((const tx_added *)b)->id; }

static base_status need(const tx_wordpiece *w, const char *token, int *id, const char *path, base_error *e)
{
    *id = tx_wordpiece_find(w, token);
    return *id >= 0 ? BASE_OK : base_fail(e, BASE_MISSING, "%s: no token \"%.80s\"", path, token);
}

base_status tx_wordpiece_finish(tx_wordpiece *w, const char *unknown, const char *path, base_error *e)
{
    base_status status;

    if (w->n_added)
        qsort(w->added, (size_t)w->n_added, sizeof *w->added, by_id);
    if ((status = make_matcher(w, false, path, e)) || (status = make_matcher(w, true, path, e)) ||
        (status = need(w, unknown, &w->unknown, path, e)) ||
        (status = need(w, "[CLS]", &w->begin, path, e)) ||
        (status = need(w, "[SEP]", &w->end, path, e)))
        return status;
    if (!(w->special = calloc((size_t)w->size, sizeof *w->special)))
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path);
    w->special[w->unknown] = w->special[w->begin] = w->special[w->end] = true;
    for (int i = 0; i < w->n_added; i++)
        w->special[w->added[i].id] |= w->added[i].special;
    return BASE_OK;
}

/* ---- vocab.txt ------------------------------------------------------------------------------------------------------ */

static base_status split_lines(tx_wordpiece *w, char *text, size_t size, const char *path, base_error *e)
{
    int64_t lines = 0;

    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    lines += size && text[size - 1] != '\n';
    if (!lines || lines > TX_WORDPIECE_LIMIT)
        return base_fail(e, BASE_FORMAT, "%s: %lld tokens", path, (long long)lines);
    if (!(w->token = calloc((size_t)lines, sizeof *w->token)))
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path);
    w->room = (int)lines;
    for (char *line = text; w->size < lines; w->size++) {
        size_t n = strcspn(line, "\n"), carriage = n && line[n - 1] == '\r';
        base_status status = tx_utf8_check(path, w->size + 1, line, n, e);

        if (status)
            return status;
        if (!(w->token[w->size] = strndup(line, n - carriage)))
            return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path);
        line += n + 1;
    }
    return BASE_OK;
}

static base_status check_rules(const tx_beside *b, const char *path, base_error *e)
{
    if (!tx_json_flag(b->config, "do_basic_tokenize", true))
        return base_fail(e, BASE_UNSUPPORTED, "%s: do_basic_tokenize false, beside it in tokenizer_config.json, is not built in",
            path);
    if (json_array_size(json_object_get(b->config, "never_split")))
        return base_fail(e, BASE_UNSUPPORTED, "%s: never_split, beside it in tokenizer_config.json, is not built in", path);
    return BASE_OK;
}

static base_status set_and_add(tx_wordpiece *w, const char *content, const json_t *token, int64_t id, const char *path, base_error *e)
{
    base_status status = tx_wordpiece_set(w, content, id, path, e);

    return status ? status : tx_wordpiece_add(w, token, id, path, e);
}

/* added_tokens_decoder of tokenizer_config.json, {id: {content, …}}, else added_tokens.json, {token: id}. BERT's own are among
 * them even where nothing says so. */
static base_status read_added(tx_wordpiece *w, const tx_beside *b, const char *path, base_error *e)
{
    static const char *const own[] = { "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]" };
    json_t *listed = json_object_get(b->config, "added_tokens_decoder"), *value;
    base_status status = BASE_OK;
    const char *key;

    json_object_foreach(listed, key, value) {
        const char *content = json_string_value(json_object_get(value, "content"));
        char *end;
        long long id = strtoll(key, &end, 10);

        if (!content || !*content || *end || end == key)
            return base_fail(e, BASE_FORMAT, "%s: added_tokens_decoder: \"%.80s\" has no content, or is no number", path, key);
        if ((status = set_and_add(w, content, value, id, path, e)))
            return status;
    }
    json_object_foreach(listed ? NULL : b->added, key, value)
        if ((status = set_and_add(w, key, NULL, json_is_integer(value) ? json_integer_value(value) : -1, path, e)))
            return status;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        for (int id = 0; id < w->size; id++)
            if (w->token[id] && !strcmp(w->token[id], own[i]) && (status = tx_wordpiece_add(w, NULL, id, path, e)))
                return status;
    return BASE_OK;
}

static base_status read_lines(tx_wordpiece *w, const char *path, base_error *e)
{
    char *text;
    size_t size;
    base_status status = base_read_file(path, FILE_LIMIT, &text, &size, e);

    if (status)
        return status;
    status = split_lines(w, text, size, path, e);
    free(text);
    return status;
}

static base_status read_text(tx_wordpiece *w, const char *path, base_error *e)
{
    base_status status = read_lines(w, path, e);
    tx_beside b = { 0 };

    if (!status && !(status = tx_wordpiece_index(w, path, e)) && !(status = tx_wordpiece_beside(&b, path, e)) && !(status = check_rules(&b, path, e))) {
        tx_beside_rules(&b, &w->normal[0]);
        status = read_added(w, &b, path, e);
        if (!status)
            status = tx_wordpiece_finish(w, "[UNK]", path, e);
    }
    tx_beside_free(&b);
    return status;
}

/* ---- the face ------------------------------------------------------------------------------------------------------- */

static bool ends_with(const char *path, const char *end)
{
    size_t n = strlen(path), k = strlen(end);

    return n >= k && !strcmp(path + n - k, end);
}

tx_wordpiece *tx_wordpiece_read(const char *path, base_error *e)
{
    tx_wordpiece *w = calloc(1, sizeof *w);
    base_error own = BASE_ERROR_INIT;
    base_status status;

    if (!w) {
        base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path);
        return NULL;
    }
    *w = (tx_wordpiece){ TX_WORDPIECE_RULES };
    status = ends_with(path, ".json") ? tx_wordpiece_read_json(w, path, &own) : read_text(w, path, &own);
    if (!status)
        return w;
    base_fail(e, status, "%s", own.text);
    tx_wordpiece_free(w);
    return NULL;
}

void tx_wordpiece_free(tx_wordpiece *w)
{
    if (!w)
        return;
    for (int i = 0; w->token && i < w->size; i++)
        free(w->token[i]);
    for (int i = 0; i < w->n_added; i++)
        free(w->added[i].pattern);
    tx_matcher_free(&w->raw);
    tx_matcher_free(&w->normalized);
    free(w->added);
    free(w->special);
    free(w->token);
    free(w->slot);
    free(w);
}

int tx_wordpiece_size(const tx_wordpiece *w) { return w->size; }
const char *tx_wordpiece_token(const tx_wordpiece *w, int id) { return id >= 0 && id < w->size ? w->token[id] : NULL; }

const char *tx_wordpiece_found(const tx_wordpiece *w, int id)
{
    const tx_added wanted = { .id = id }, *a = w->n_added ? bsearch(&wanted, w->added, (size_t)w->n_added, sizeof wanted, by_id) : NULL;

    return a ? a->pattern : tx_wordpiece_token(w, id);
}
