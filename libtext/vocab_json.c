/* vocab.json, and the names of the special tokens from the files that Hugging Face keeps beside it. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "libtext/vocab.h"

#define JSON_LIMIT ((size_t)64 << 20)

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

/* token [*size] by id: ids are 0 .. size-1, since each is inside the range and none comes twice. */
static char **place_tokens(json_t *tokens, const char *path, int *size, base_error *e)
{
    size_t n = json_object_size(tokens);
    char **token = n > 0 && n <= TX_VOCAB_LIMIT ? calloc(n, sizeof(*token)) : NULL;
    const char *text;
    json_t *id;

    if (!token) {
        base_fail(e, n ? BASE_LIMIT : BASE_FORMAT, "%s: %zu tokens found, 1 to %d expected", path, n, TX_VOCAB_LIMIT);
        return NULL;
    }
    *size = (int)n;
    json_object_foreach(tokens, text, id)
        if (place_token(token, *size, path, text, id, e) != BASE_OK) {
            free_tokens(token, *size);
            return NULL;
        }
    return token;
}

/* ---- special tokens -------------------------------------------------------------------------------------------- */

/* What the files beside vocab.json say; the strings belong to the two objects. */
typedef struct companions {
    json_t *config, *map;       /* either may be NULL */
} companions;

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

    if (!found)
        found = text_at(c->map, key);
    if (!found)
        found = other && !json_object_get(tokens, name) && json_object_get(tokens, other) ? other : name;
    return found;
}

static tx_vocab *make(const companions *c, json_t *tokens, const char *path, base_error *e)
{
    static const char *const key[TX_SPECIALS] = { "pad_token", "bos_token", "eos_token", "unk_token",
                                                  "word_delimiter_token" };
    static const char *const other[TX_SPECIALS] = { [TX_PAD] = "[PAD]", [TX_UNKNOWN] = "[UNK]" };
    const char *special[TX_SPECIALS], *space = text_at(c->config, "replace_word_delimiter_char");
    char **token;
    int size;

    for (int i = 0; i < TX_SPECIALS; i++)
        special[i] = name_of(c, tokens, key[i], tx_special_default[i], other[i]);
    if (!json_object_get(tokens, special[TX_PAD])) {
        base_fail(e, BASE_MISSING, "%s: no pad token \"%s\", which is the blank of CTC", path, special[TX_PAD]);
        return NULL;
    }
    token = place_tokens(tokens, path, &size, e);
    return !token ? NULL : tx_vocab_make(token, size, special, space ? space : " ",
        json_is_true(json_object_get(c->config, "do_lower_case")), e);
}

tx_vocab *tx_vocab_read(const char *path, const char *language, base_error *e)
{
    base_error here = BASE_ERROR_INIT;
    json_t *root = base_json_read_object(path, JSON_LIMIT, &here), *tokens = NULL;
    companions c = { NULL, NULL };
    tx_vocab *v = NULL;

    if (root)
        c.config = read_companion(path, "tokenizer_config.json", &here);
    if (root && here.status == BASE_OK)
        c.map = read_companion(path, "special_tokens_map.json", &here);
    if (root && here.status == BASE_OK)
        tokens = choose_language(root, path, language ? language : text_at(c.config, "target_lang"), &here);
    if (tokens)
        v = make(&c, tokens, path, &here);
    if (here.status != BASE_OK)
        base_fail(e, here.status, "%s", here.text);
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
