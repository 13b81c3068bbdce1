/* vocab.json, and the names of the special tokens from the files that Hugging Face keeps beside it. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "libtext/vocab.h"

#define JSON_LIMIT ((size_t)64 << 20)

/* What the files beside vocab.json say; the strings belong to the objects. */
typedef struct companions {
    json_t *config, *map, *added;       /* each may be NULL */
} companions;

/* ---- tokens ---------------------------------------------------------------------------------------------------- */

/* The object of tokens: the root, or the language's part of it. NULL: e says why. */
static json_t *choose_language(json_t *root, const char *path, const char *language, base_error *e)
{
    const char *first = json_object_iter_key(json_object_iter(root));
    bool nested = json_is_object(json_object_iter_value(json_object_iter(root)));
    json_t *tokens = !nested ? root : json_object_get(root, language ? language : first);

    if (!nested && language)
        base_fail(e, BASE_MISSING, "%s: language \"%s\" asked for, but the vocabulary has no languages", path,
                  language);
    else if (nested && !language && json_object_size(root) > 1)
        base_fail(e, BASE_VALUE, "%s: %zu languages (\"%s\", …): say which", path, json_object_size(root), first);
    else if (!json_is_object(tokens))
        base_fail(e, BASE_MISSING, "%s: no vocabulary of language \"%s\"", path, language ? language : first);
    else
        return tokens;
    return NULL;
}

/* Copies one token to its place. */
static base_status place_token(char **token, int size, const char *path, const char *text, const json_t *id,
                               base_error *e)
{
    json_int_t i = json_integer_value(id);

    if (!json_is_integer(id))
        return base_fail(e, BASE_FORMAT, "%s: the id of token \"%.100s\" is not an integer", path, text);
    if (i < 0 || i >= size)
        return base_fail(e, BASE_FORMAT, "%s: token \"%.100s\" has the id %lld, but %d tokens have ids 0 to %d", path,
                         text, (long long)i, size, size - 1);
    if (token[i])
        return base_fail(e, BASE_FORMAT, "%s: tokens \"%.100s\" and \"%.100s\" both have the id %lld", path, token[i],
                         text, (long long)i);
    token[i] = strdup(text);
    return token[i] ? BASE_OK : base_fail(e, BASE_NO_MEMORY, "%s: no memory for a token", path);
}

static void free_tokens(char **token, int size)
{
    for (int i = 0; token && i < size; i++)
        free(token[i]);
    free(token);
}

/* Told of each token that a tokenizer got after its vocabulary; not of those that stand there, which count. */
typedef base_status on_added(void *data, const char *text, json_int_t id, base_error *e);

/* added_tokens_decoder of tokenizer_config.json, {id: {content, …}}, else added_tokens.json, {token: id}. */
static base_status each_added(const companions *c, json_t *tokens, const char *path, on_added *tell, void *data, base_error *e)
{
    json_t *listed = json_object_get(c->config, "added_tokens_decoder"), *value;
    base_status status = BASE_OK;
    const char *key;

    json_object_foreach(listed, key, value) {
        const char *text = json_string_value(json_object_get(value, "content"));
        char *end;
        long long id = strtoll(key, &end, 10);

        if (!text || *end || end == key)
            return base_fail(e, BASE_FORMAT, "%s: added_tokens_decoder in the tokenizer_config.json beside it: \"%.80s\" has no content, or "
                "is no number", path, key);
        if (!json_object_get(tokens, text) && (status = tell(data, text, id, e)))
            return status;
    }
    json_object_foreach(listed ? NULL : c->added, key, value)
        if (!json_object_get(tokens, key) && (status = tell(data, key, json_is_integer(value) ? json_integer_value(value) : -1, e)))
            return status;
    return status;
}

typedef struct table { char **token; int size, of_vocab; const char *path; } table;

static base_status count_added(void *data, const char *text, json_int_t id, base_error *e)
{
    table *t = data;

    if (id < t->of_vocab || id >= TX_VOCAB_LIMIT)
        return base_fail(e, BASE_FORMAT, "%s: the added token \"%.100s\" has the id %lld, expected one behind the %d of the vocabulary",
            t->path, text, (long long)id, t->of_vocab);
    t->size = id >= t->size ? (int)id + 1 : t->size;
    return BASE_OK;
}

static base_status place_added(void *data, const char *text, json_int_t id, base_error *e)
{
    table *t = data;

    if (t->token[id])
        return strcmp(t->token[id], text) ? base_fail(e, BASE_FORMAT, "%s: added tokens \"%.100s\" and \"%.100s\" both have the id %lld",
            t->path, t->token[id], text, (long long)id) : BASE_OK;
    t->token[id] = strdup(text);
    return t->token[id] ? BASE_OK : base_fail(e, BASE_NO_MEMORY, "%s: no memory for a token", t->path);
}

/* token [*size] by id: ids of the vocabulary are 0 .. n - 1, since each is inside the range and none comes twice; behind them
 * stand added ones, NULL between them. */
static char **place_tokens(const companions *c, json_t *tokens, const char *path, int *size, base_error *e)
{
    size_t n = json_object_size(tokens);
    table t = { NULL, (int)n, (int)n, path };
    base_status status = BASE_OK;
    const char *text;
    json_t *id;

    if (n > TX_VOCAB_LIMIT) {
        base_fail(e, BASE_LIMIT, "%s: %zu tokens found, 1 to %d expected", path, n, TX_VOCAB_LIMIT);
        return NULL;
    }
    if (each_added(c, tokens, path, count_added, &t, e))
        return NULL;
    t.token = calloc((size_t)t.size, sizeof(*t.token));
    if (!t.token)
        base_fail(e, BASE_NO_MEMORY, "%s: no memory for %d tokens", path, t.size);
    json_object_foreach(t.token ? tokens : NULL, text, id)
        if ((status = place_token(t.token, (int)n, path, text, id, e)))
            break;
    if (t.token && !status && !each_added(c, tokens, path, place_added, &t, e)) {
        *size = t.size;
        return t.token;
    }
    free_tokens(t.token, t.size);
    return NULL;
}

/* ---- special tokens -------------------------------------------------------------------------------------------- */

static json_t *read_companion(const char *vocab_path, const char *name, base_error *e)
{
    const char *slash = strrchr(vocab_path, '/');
    char *directory = slash ? strndup(vocab_path, (size_t)(slash - vocab_path)) : strdup(".");
    char *path = directory ? base_path_join(directory, name) : NULL;
    json_t *object = NULL;

    if (!path)
        base_fail(e, BASE_NO_MEMORY, "no memory for the path of %s", name);
    else if (base_exists(path))
        object = base_json_read_object(path, JSON_LIMIT, e);
    free(path);
    free(directory);
    return object;
}

/* A text, or the content of {"content": text}; NULL: not said. */
static const char *text_at(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return json_string_value(json_is_object(value) ? json_object_get(value, "content") : value);
}

static const char *name_of(const companions *c, const json_t *tokens, const char *key, const char *name,
                           const char *other)
{
    const char *found = text_at(c->config, key);

    if (!found && json_is_null(json_object_get(c->config, key)))
        return NULL;
    if (!found)
        found = text_at(c->map, key);
    if (!found)
        found = other && !json_object_get(tokens, name) && json_object_get(tokens, other) ? other : name;
    return found;
}

/* Special tokens beside the named ones. */
static void leave_out(tx_vocab *v, const json_t *object, const char *key)
{
    const json_t *token;
    size_t i;

    json_array_foreach(json_object_get(object, key), i, token) {
        const char *text = json_string_value(json_is_object(token) ? json_object_get(token, "content") : token);
        int id = text ? tx_vocab_find(v, text) : -1;

        if (id >= 0)
            v->left_out[id] = true;
    }
}

/* Whose files these are; Wav2Vec2Tokenizer is the old name. */
static base_status check_class(const companions *c, const char *path, bool *phones, base_error *e)
{
    const char *class = text_at(c->config, "tokenizer_class");

    *phones = class && !strcmp(class, "Wav2Vec2PhonemeCTCTokenizer");
    return !class || *phones || !strcmp(class, "Wav2Vec2CTCTokenizer") || !strcmp(class, "Wav2Vec2Tokenizer") ? BASE_OK
        : base_fail(e, BASE_UNSUPPORTED, "%s: tokenizer_class in the tokenizer_config.json beside it is \"%.80s\", which is not built in; "
            "Wav2Vec2CTCTokenizer and Wav2Vec2PhonemeCTCTokenizer are", path, class);
}

static tx_vocab *make(const companions *c, json_t *tokens, const char *path, base_error *e)
{
    static const char *const key[TX_SPECIALS] = { "pad_token", "bos_token", "eos_token", "unk_token",
                                                  "word_delimiter_token" };
    static const char *const other[TX_SPECIALS] = { [TX_PAD] = "[PAD]", [TX_UNKNOWN] = "[UNK]" };
    const char *special[TX_SPECIALS], *space = text_at(c->config, "replace_word_delimiter_char");
    bool phones;
    char **token;
    tx_vocab *v;
    int size;

    if (check_class(c, path, &phones, e))
        return NULL;
    for (int i = 0; i < TX_SPECIALS; i++)
        special[i] = name_of(c, tokens, key[i], tx_special_default[i], other[i]);
    if (phones && !text_at(c->config, key[TX_DELIMITER]))
        special[TX_DELIMITER] = NULL;
    if (!json_object_size(tokens)) {
        base_fail(e, BASE_MISSING, "%s: no pad token, and no other", path);
        return NULL;
    }
    if (!(token = place_tokens(c, tokens, path, &size, e)) ||
        !(v = tx_vocab_make(token, size, special, space ? space : " ", json_is_true(json_object_get(c->config, "do_lower_case")), e)))
        return NULL;
    v->phones = phones;
    leave_out(v, c->config, "extra_special_tokens");
    leave_out(v, c->config, "additional_special_tokens");
    leave_out(v, c->map, "additional_special_tokens");
    if (v->special[TX_PAD] >= 0)
        return v;
    base_fail(e, BASE_MISSING, "%s: no pad token \"%s\", which is the blank of CTC", path, special[TX_PAD] ? special[TX_PAD] : "(null)");
    tx_vocab_free(v);
    return NULL;
}

tx_vocab *tx_vocab_read(const char *path, const char *language, base_error *e)
{
    base_error here = BASE_ERROR_INIT;
    json_t *root = base_json_read_object(path, JSON_LIMIT, &here), *tokens = NULL;
    companions c = { NULL, NULL, NULL };
    tx_vocab *v = NULL;

    if (root)
        c.config = read_companion(path, "tokenizer_config.json", &here);
    if (root && here.status == BASE_OK)
        c.map = read_companion(path, "special_tokens_map.json", &here);
    if (root && here.status == BASE_OK)
        c.added = read_companion(path, "added_tokens.json", &here);
    if (root && here.status == BASE_OK)
        tokens = choose_language(root, path, language ? language : text_at(c.config, "target_lang"), &here);
    if (tokens)
        v = make(&c, tokens, path, &here);
    if (here.status != BASE_OK)
        base_fail(e, here.status, "%s", here.text);
    json_decref(c.added);
    json_decref(c.map);
    json_decref(c.config);
    json_decref(root);
    return v;
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

base_status tx_vocab_write(const tx_vocab *v, const char *path, base_error *e)
{
    json_t *root = json_object();
    base_out out;
    base_status status;
    bool built = root != NULL;

    for (int i = 0; i < v->size && built; i++)
        built = json_object_set_new(root, v->token[i], json_integer(i)) == 0;
    status = built ? base_out_open(&out, path, e) : base_fail(e, BASE_NO_MEMORY, "%s: no memory to write it", path);
    if (status == BASE_OK && json_dumpf(root, out.f, JSON_INDENT(2)) == 0 && fputc('\n', out.f) != EOF) {
        status = base_out_commit(&out, e);
    } else if (status == BASE_OK) {
        status = base_fail_errno(e, "%s: cannot be written", path);
        base_out_abandon(&out);
    }
    json_decref(root);
    return status;
}
