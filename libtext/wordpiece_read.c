/* WordPiece vocabularies from files: vocab.txt (a token a line, with tokenizer_config.json beside it) and tokenizer.json. */
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

int tx_wordpiece_find(const tx_wordpiece *w, const char *token)
{
    size_t n = strlen(token);

    return n > TX_WORDPIECE_LONGEST ? -1
        : tx_wordpiece_lookup(w, token, (int)n, false, base_hash_text(BASE_HASH_INIT, token));
}

/* Of equal tokens the last keeps its id, as in a Python dictionary. */
static base_status index_tokens(tx_wordpiece *w, const char *path, base_error *e)
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

        if (!w->token[id] || n > TX_WORDPIECE_LONGEST || tx_wordpiece_find(w, w->token[id]) >= 0)
            continue;
        for (i = first_slot(w, base_hash_text(BASE_HASH_INIT, w->token[id])); w->slot[i] >= 0; i = (i + 1) & (w->slots - 1))
            ;
        w->slot[i] = id;
        w->longest = (int)n > w->longest ? (int)n : w->longest;
    }
    return BASE_OK;
}

static base_status need(const tx_wordpiece *w, const char *token, int *id, const char *path, base_error *e)
{
    *id = tx_wordpiece_find(w, token);
    return *id >= 0 ? BASE_OK : base_fail(e, BASE_MISSING, "%s: no token \"%s\"", path, token);
}

/* Without a list of added tokens, BERT's own are cut out of raw text. */
static base_status find_special(tx_wordpiece *w, const char *unknown, const char *path, base_error *e)
{
    static const char *const own[] = { "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]" };
    bool listed = w->n_special > 0;

    if (!listed && !(w->special = malloc(sizeof own / sizeof *own * sizeof *w->special)))
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path);
    for (size_t i = 0; !listed && i < sizeof own / sizeof *own; i++) {
        int id = tx_wordpiece_find(w, own[i]);
        if (id >= 0)
            w->special[w->n_special++] = id;
    }
    if (need(w, unknown, &w->unknown, path, e) || need(w, "[CLS]", &w->begin, path, e))
        return e ? e->status : BASE_MISSING;
    return need(w, "[SEP]", &w->end, path, e);
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

static bool flag(const json_t *object, const char *key, bool otherwise)
{
    const json_t *value = json_object_get(object, key);

    return json_is_boolean(value) ? json_boolean_value(value) : otherwise;
}

/* tokenizer_config.json in the directory of vocab.txt, when there is one. */
static base_status read_config(tx_wordpiece *w, const char *vocab, base_error *e)
{
    const char *slash = strrchr(vocab, '/');
    char *directory = strndup(slash ? vocab : ".", slash ? (size_t)(slash - vocab) + 1 : 1);
    char *path = directory ? base_path_join(directory, "tokenizer_config.json") : NULL;
    json_t *root = NULL;
    bool exists = path && base_exists(path);

    if (exists && (root = base_json_read_object(path, FILE_LIMIT, e))) {
        w->lower = flag(root, "do_lower_case", true);
        w->strip_accents = flag(root, "strip_accents", w->lower);
        w->split_ideographs = flag(root, "tokenize_chinese_chars", true);
    }
    json_decref(root);
    free(path);
    free(directory);
    return exists && !root ? (e ? e->status : BASE_FORMAT) : BASE_OK;
}

static base_status read_text(tx_wordpiece *w, const char *path, base_error *e)
{
    char *text;
    size_t size;
    base_status status = base_read_file(path, FILE_LIMIT, &text, &size, e);

    if (status)
        return status;
    status = split_lines(w, text, size, path, e);
    free(text);
    if (!status)
        status = read_config(w, path, e);
    if (!status)
        status = index_tokens(w, path, e);
    return status ? status : find_special(w, "[UNK]", path, e);
}

/* ---- tokenizer.json ------------------------------------------------------------------------------------------------- */

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

static base_status set_token(tx_wordpiece *w, const char *token, const json_t *id, const char *path, base_error *e)
{
    json_int_t i = json_is_integer(id) ? json_integer_value(id) : -1;

    if (i < 0 || i >= TX_WORDPIECE_LIMIT)
        return base_fail(e, BASE_FORMAT, "%s: the id of token \"%.80s\" is no number from 0 to %d", path, token,
            TX_WORDPIECE_LIMIT - 1);
    if (!grow(w, (int)i + 1))
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path);
    if (w->token[i] && strcmp(w->token[i], token))
        return base_fail(e, BASE_FORMAT, "%s: id %lld belongs to \"%.80s\" and to \"%.80s\"", path, (long long)i, w->token[i],
            token);
    if (!w->token[i] && !(w->token[i] = strdup(token)))
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path);
    return BASE_OK;
}

static base_status read_added(tx_wordpiece *w, const json_t *added, const char *path, base_error *e)
{
    size_t n = json_array_size(added);

    if (!n)
        return BASE_OK;
    if (n > TX_WORDPIECE_LIMIT || !(w->special = malloc(n * sizeof *w->special)))
        return base_fail(e, BASE_NO_MEMORY, "%s: no memory for %zu added tokens", path, n);
    for (size_t i = 0; i < n; i++) {
        const json_t *token = json_array_get(added, i), *id = json_object_get(token, "id");
        const char *content = json_string_value(json_object_get(token, "content"));
        base_status status = content && *content ? set_token(w, content, id, path, e)
            : base_fail(e, BASE_FORMAT, "%s: added token %zu has no content", path, i);
        if (status)
            return status;
        w->special[w->n_special++] = (int)json_integer_value(id);
    }
    return BASE_OK;
}

static base_status check_model(const json_t *model, const char *path, base_error *e)
{
    const char *type = json_string_value(json_object_get(model, "type"));
    const char *prefix = json_string_value(json_object_get(model, "continuing_subword_prefix"));

    if (type && strcmp(type, "WordPiece"))
        return base_fail(e, BASE_UNSUPPORTED, "%s: the model is \"%s\", only WordPiece is read", path, type);
    if (prefix && strcmp(prefix, PREFIX))
        return base_fail(e, BASE_UNSUPPORTED, "%s: continuing_subword_prefix \"%s\" found, \"##\" expected", path, prefix);
    if (!json_is_object(json_object_get(model, "vocab")) || !json_object_size(json_object_get(model, "vocab")))
        return base_fail(e, BASE_FORMAT, "%s: model.vocab is missing or empty", path);
    return BASE_OK;
}

static base_status read_object(tx_wordpiece *w, const json_t *root, const char *path, base_error *e)
{
    const json_t *model = json_object_get(root, "model"), *normalizer = json_object_get(root, "normalizer"), *id;
    const json_t *most = json_object_get(model, "max_input_chars_per_word");
    const char *unknown = json_string_value(json_object_get(model, "unk_token")), *token;
    base_status status = check_model(model, path, e);

    if (status)
        return status;
    json_object_foreach((json_t *)json_object_get(model, "vocab"), token, id)
        if ((status = set_token(w, token, id, path, e)))
            return status;
    if (json_is_integer(most) && json_integer_value(most) > 0 && json_integer_value(most) < 100000)
        w->most_characters = (int)json_integer_value(most);
    w->clean = flag(normalizer, "clean_text", true);
    w->lower = flag(normalizer, "lowercase", true);
    w->strip_accents = flag(normalizer, "strip_accents", w->lower);
    w->split_ideographs = flag(normalizer, "handle_chinese_chars", true);
    if ((status = read_added(w, json_object_get(root, "added_tokens"), path, e)) || (status = index_tokens(w, path, e)))
        return status;
    return find_special(w, unknown ? unknown : "[UNK]", path, e);
}

static base_status read_json(tx_wordpiece *w, const char *path, base_error *e)
{
    json_t *root = base_json_read_object(path, FILE_LIMIT, e);
    base_status status = root ? read_object(w, root, path, e) : e ? e->status : BASE_FORMAT;

    json_decref(root);
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
    *w = (tx_wordpiece){ .clean = true, .lower = true, .strip_accents = true, .split_ideographs = true, .most_characters = 100 };
    status = ends_with(path, ".json") ? read_json(w, path, e ? e : &own) : read_text(w, path, e ? e : &own);
    if (!status)
        return w;
    tx_wordpiece_free(w);
    return NULL;
}

void tx_wordpiece_free(tx_wordpiece *w)
{
    if (!w)
        return;
    for (int i = 0; w->token && i < w->size; i++)
        free(w->token[i]);
    free(w->token);
    free(w->slot);
    free(w->special);
    free(w);
}

int tx_wordpiece_size(const tx_wordpiece *w) { return w->size; }
const char *tx_wordpiece_token(const tx_wordpiece *w, int id) { return id >= 0 && id < w->size ? w->token[id] : NULL; }
