/* What JSON says of a WordPiece tokenizer: tokenizer.json of the tokenizers library, read and written, and the files beside a
 * vocabulary. What is not built in is refused by its type's name. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "libtext/wordpiece.h"

#define FILE_LIMIT ((size_t)256 << 20)
#define PREFIX "##"
#define PYTHON "serin_python"   /* in a BertNormalizer of ours: TX_NORMAL_PYTHON. The library passes over it */

static const char *const normal_names[] = { [TX_NORMAL_BERT] = "BertNormalizer", [TX_NORMAL_LOWERCASE] = "Lowercase",
    [TX_NORMAL_NFC] = "NFC", [TX_NORMAL_NFD] = "NFD", [TX_NORMAL_NFKC] = "NFKC", [TX_NORMAL_NFKD] = "NFKD",
    [TX_NORMAL_STRIP_ACCENTS] = "StripAccents", [TX_NORMAL_PYTHON] = "BertNormalizer" };
static const char *const cut_names[] = { [TX_CUT_BERT] = "BertPreTokenizer", [TX_CUT_WHITESPACE] = "Whitespace",
    [TX_CUT_WHITESPACE_SPLIT] = "WhitespaceSplit" };

bool tx_json_flag(const json_t *object, const char *key, bool otherwise)
{
    const json_t *value = json_object_get(object, key);

    return json_is_boolean(value) ? json_boolean_value(value) : otherwise;
}

/* ---- the files beside ------------------------------------------------------------------------------------------------ */

static char *path_beside(const char *path, const char *name, base_error *e)
{
    const char *slash = strrchr(path, '/');
    char *directory = strndup(slash ? path : ".", slash ? (size_t)(slash - path) + 1 : 1);
    char *beside = directory ? base_path_join(directory, name) : NULL;

    free(directory);
    if (!beside)
        base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path);
    return beside;
}

/* BASE_OK without *root: there is none. */
static base_status read_beside(const char *path, const char *name, json_t **root, base_error *e)
{
    char *beside = path_beside(path, name, e);

    if (!beside)
        return BASE_NO_MEMORY;
    bool failed = base_exists(beside) && !(*root = base_json_read_object(beside, FILE_LIMIT, e));
    free(beside);
    return failed ? e->status : BASE_OK;
}

static const char *class_of(const tx_beside *b) { return json_string_value(json_object_get(b->config, "tokenizer_class")); }

/* The tokenizers library's own classes, which take a tokenizer.json as it is. */
static bool is_plain(const char *class)
{
    static const char *const plain[] = { "PreTrainedTokenizer", "PreTrainedTokenizerFast", "TokenizersBackend" };

    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (!strcmp(class, plain[i]))
            return true;
    return false;
}

/* BERT's, and those that do the same under another name. */
static bool is_bert(const char *class)
{
    static const char *const berts[] = { "Bert", "ConvBert", "DistilBert", "Electra", "LayoutLM", "Lxmert", "MobileBert", "RetriBert",
        "SqueezeBert" };
    const char *end = strstr(class, "Tokenizer");

    for (size_t i = 0; end && i < sizeof berts / sizeof *berts; i++)
        if (strlen(berts[i]) == (size_t)(end - class) && !strncmp(class, berts[i], (size_t)(end - class)))
            return !strcmp(end, "Tokenizer") || !strcmp(end, "TokenizerFast");
    return false;
}

/* Where there is a vocab.json as well, files that do not name a class speak of that. */
static base_status whose(const tx_beside *b, const char *path, bool *ours, base_error *e)
{
    const char *class = class_of(b);
    char *vocab = class ? NULL : path_beside(path, "vocab.json", e);

    *ours = class ? !strstr(class, "CTC") && strncmp(class, "Wav2Vec2", 8) : vocab && !base_exists(vocab);
    free(vocab);
    if (!class && e->status)
        return e->status;
    return !class || !*ours || is_bert(class) || is_plain(class) ? BASE_OK
        : base_fail(e, BASE_UNSUPPORTED, "%s: tokenizer_class in the tokenizer_config.json beside it is \"%.80s\", which is not built in",
            path, class);
}

/* The names of the special tokens are BERT's. */
static base_status check_names(const tx_beside *b, const char *path, base_error *e)
{
    static const char *const names[][2] = { { "cls_token", "[CLS]" }, { "sep_token", "[SEP]" }, { "pad_token", "[PAD]" },
        { "mask_token", "[MASK]" } };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const json_t *value = json_object_get(b->config, names[i][0]);
        const char *name = json_string_value(json_is_object(value) ? json_object_get(value, "content") : value);

        if (name && strcmp(name, names[i][1]))
            return base_fail(e, BASE_UNSUPPORTED, "%s: %s in the tokenizer_config.json beside it is \"%.80s\", only \"%s\" is built in",
                path, names[i][0], name, names[i][1]);
    }
    return BASE_OK;
}

base_status tx_wordpiece_beside(tx_beside *b, const char *path, base_error *e)
{
    bool ours = false;

    *b = (tx_beside){ 0 };
    if (read_beside(path, "tokenizer_config.json", &b->config, e) || whose(b, path, &ours, e))
        return e->status;
    if (ours)
        return check_names(b, path, e) || read_beside(path, "added_tokens.json", &b->added, e) ? e->status : BASE_OK;
    tx_beside_free(b);
    return BASE_OK;
}

void tx_beside_free(tx_beside *b)
{
    json_decref(b->config);
    json_decref(b->added);
    *b = (tx_beside){ 0 };
}

bool tx_beside_rules(const tx_beside *b, tx_normal *n)
{
    static const char *const keys[] = { "do_lower_case", "strip_accents", "tokenize_chinese_chars" };
    bool any = false;

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        any |= json_is_boolean(json_object_get(b->config, keys[i]));
    n->lower = tx_json_flag(b->config, keys[0], true);
    n->strip_accents = tx_json_flag(b->config, keys[1], n->lower);
    n->split_ideographs = tx_json_flag(b->config, keys[2], true);
    return any;
}

/* ---- tokenizer.json: reading ----------------------------------------------------------------------------------------- */

static int index_of(const char *word, const char *const *words, int n)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(word, words[i]))
            return i;
    return -1;
}

static base_status refuse(const json_t *step, const char *what, const char *path, base_error *e)
{
    const char *type = json_string_value(json_object_get(step, "type"));

    return type ? base_fail(e, BASE_UNSUPPORTED, "%s: the %s is \"%.80s\", which is not built in", path, what, type)
                : base_fail(e, BASE_FORMAT, "%s: the %s has no type", path, what);
}

static base_status add_normal(tx_wordpiece *w, const json_t *step, const char *path, base_error *e)
{
    const char *type = json_string_value(json_object_get(step, "type"));
    int kind = type ? index_of(type, normal_names, TX_NORMAL_PYTHON) : -1;
    bool lower = tx_json_flag(step, "lowercase", true);

    if (kind < 0)
        return refuse(step, "normalizer", path, e);
    if (w->n_normal == TX_WORDPIECE_STEPS)
        return base_fail(e, BASE_LIMIT, "%s: a normalizer of more than %d steps", path, TX_WORDPIECE_STEPS);
    w->normal[w->n_normal++] = (tx_normal){ .kind = json_is_true(json_object_get(step, PYTHON)) ? TX_NORMAL_PYTHON : (tx_normal_kind)kind,
        .clean = tx_json_flag(step, "clean_text", true), .lower = lower, .strip_accents = tx_json_flag(step, "strip_accents", lower),
        .split_ideographs = tx_json_flag(step, "handle_chinese_chars", true) };
    return BASE_OK;
}

static base_status add_cut(tx_wordpiece *w, const json_t *step, const char *path, base_error *e)
{
    const char *type = json_string_value(json_object_get(step, "type"));
    int cut = type ? index_of(type, cut_names, TX_CUTS) : -1;

    if (cut < 0)
        return refuse(step, "pre_tokenizer", path, e);
    if (w->n_cut == TX_WORDPIECE_STEPS)
        return base_fail(e, BASE_LIMIT, "%s: a pre_tokenizer of more than %d steps", path, TX_WORDPIECE_STEPS);
    w->cut[w->n_cut++] = (tx_cut)cut;
    return BASE_OK;
}

typedef base_status add_step(tx_wordpiece *w, const json_t *step, const char *path, base_error *e);

/* A step, or the steps of a Sequence in the list called `list`; null: none. */
static base_status add_steps(tx_wordpiece *w, const json_t *step, const char *list, add_step *add, const char *path, base_error *e)
{
    const char *type = json_string_value(json_object_get(step, "type"));
    const json_t *part;
    size_t i;

    if (json_is_null(step))
        return BASE_OK;
    if (!type || strcmp(type, "Sequence"))
        return add(w, step, path, e);
    json_array_foreach(json_object_get(step, list), i, part)
        if (add_steps(w, part, list, add, path, e))
            return e->status;
    return BASE_OK;
}

/* Without a word about it, the rules are BERT's; what tokenizer_config.json says of case counts, as transformers does it. */
static base_status read_rules(tx_wordpiece *w, const json_t *root, const char *path, base_error *e)
{
    const json_t *normalizer = json_object_get(root, "normalizer"), *cut = json_object_get(root, "pre_tokenizer");
    tx_normal bert = { .kind = TX_NORMAL_BERT, .clean = true };
    tx_beside b;

    if (tx_wordpiece_beside(&b, path, e)) {
        tx_beside_free(&b);
        return e->status;
    }
    bool says = tx_beside_rules(&b, &bert) && !(class_of(&b) && is_plain(class_of(&b)));
    tx_beside_free(&b);
    w->n_normal = w->n_cut = 0;
    w->normal[0] = bert;
    if (says || !normalizer)
        w->n_normal = 1;
    else if (add_steps(w, normalizer, "normalizers", add_normal, path, e))
        return e->status;
    w->cut[0] = TX_CUT_BERT;
    if (says || !cut)
        w->n_cut = 1;
    else
        add_steps(w, cut, "pretokenizers", add_cut, path, e);
    return e->status;
}

static bool is_token(const json_t *item, const char *what, const char *id)
{
    const char *found = json_string_value(json_object_get(json_object_get(item, what), "id"));

    return found && !strcmp(found, id);
}

/* What is put around a text; without a word about it, BERT's. */
static base_status check_frame(const json_t *root, const char *path, base_error *e)
{
    const json_t *frame = json_object_get(root, "post_processor"), *single = json_object_get(frame, "single");
    const char *type = json_string_value(json_object_get(frame, "type"));

    if (!frame || (type && !strcmp(type, "BertProcessing")))
        return BASE_OK;
    if (type && strcmp(type, "TemplateProcessing"))
        return refuse(frame, "post_processor", path, e);
    return json_array_size(single) == 3 && is_token(json_array_get(single, 0), "SpecialToken", "[CLS]") &&
            is_token(json_array_get(single, 1), "Sequence", "A") && is_token(json_array_get(single, 2), "SpecialToken", "[SEP]") ? BASE_OK
        : base_fail(e, BASE_UNSUPPORTED, "%s: the post_processor is %s, only one of [CLS] $A [SEP] is built in", path,
            type ? "a TemplateProcessing of other tokens" : "null");
}

static base_status read_added(tx_wordpiece *w, const json_t *root, const char *path, base_error *e)
{
    static const char *const own[] = { "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]" };
    const json_t *added = json_object_get(root, "added_tokens"), *vocab = json_object_get(json_object_get(root, "model"), "vocab"),
                 *token;
    size_t i;

    for (i = 0; !added && i < sizeof own / sizeof *own; i++)
        if (json_object_get(vocab, own[i]) && tx_wordpiece_add(w, NULL, json_integer_value(json_object_get(vocab, own[i])), path, e))
            return e->status;
    json_array_foreach(added, i, token) {
        const json_t *id = json_object_get(token, "id");
        const char *content = json_string_value(json_object_get(token, "content"));

        if (!content || !*content)
            return base_fail(e, BASE_FORMAT, "%s: added token %zu has no content", path, i);
        if (tx_wordpiece_set(w, content, json_is_integer(id) ? json_integer_value(id) : -1, path, e) ||
            tx_wordpiece_add(w, token, json_integer_value(id), path, e))
            return e->status;
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
    const json_t *model = json_object_get(root, "model"), *id;
    const json_t *most = json_object_get(model, "max_input_chars_per_word");
    const char *unknown = json_string_value(json_object_get(model, "unk_token")), *token;

    if (check_model(model, path, e) || check_frame(root, path, e))
        return e->status;
    json_object_foreach((json_t *)json_object_get(model, "vocab"), token, id)
        if (tx_wordpiece_set(w, token, json_is_integer(id) ? json_integer_value(id) : -1, path, e))
            return e->status;
    if (json_is_integer(most) && json_integer_value(most) > 0 && json_integer_value(most) < 100000)
        w->most_characters = (int)json_integer_value(most);
    return tx_wordpiece_index(w, path, e) || read_rules(w, root, path, e) || read_added(w, root, path, e) ? e->status
        : tx_wordpiece_finish(w, unknown ? unknown : "[UNK]", path, e);
}

base_status tx_wordpiece_read_json(tx_wordpiece *w, const char *path, base_error *e)
{
    json_t *root = base_json_read_object(path, FILE_LIMIT, e);
    base_status status = root ? read_object(w, root, path, e) : e->status;

    json_decref(root);
    return status;
}

/* ---- writing --------------------------------------------------------------------------------------------------------- */

static json_t *normal_json(const tx_normal *n)
{
    bool python = n->kind == TX_NORMAL_PYTHON, bert = n->kind == TX_NORMAL_BERT || python;

    return bert ? json_pack("{s:s, s:b, s:b, s:b, s:b, s:o*}", "type", normal_names[n->kind], "clean_text", n->clean,
                      "handle_chinese_chars", n->split_ideographs, "strip_accents", n->strip_accents, "lowercase", n->lower, PYTHON,
                      python ? json_true() : NULL)
                : json_pack("{s:s}", "type", normal_names[n->kind]);
}

/* A step as it is, several as a Sequence, none as null. */
static json_t *sequence(json_t *list, const char *name)
{
    size_t n = json_array_size(list);

    if (!list || n > 1)
        return json_pack("{s:s, s:o}", "type", "Sequence", name, list);
    json_t *step = n ? json_incref(json_array_get(list, 0)) : json_null();
    json_decref(list);
    return step;
}

static json_t *rules_json(const tx_wordpiece *w, bool normal)
{
    json_t *list = json_array();
    bool ok = list != NULL;

    for (int i = 0; i < (normal ? w->n_normal : w->n_cut) && ok; i++)
        ok = json_array_append_new(list, normal ? normal_json(&w->normal[i]) : json_pack("{s:s}", "type", cut_names[w->cut[i]])) == 0;
    if (!ok) {
        json_decref(list);
        return NULL;
    }
    return sequence(list, normal ? "normalizers" : "pretokenizers");
}

static json_t *added_json(const tx_wordpiece *w)
{
    json_t *list = json_array();
    bool ok = list != NULL;

    for (int i = 0; i < w->n_added && ok; i++) {
        const tx_added *a = &w->added[i];

        ok = json_array_append_new(list, json_pack("{s:i, s:s, s:b, s:b, s:b, s:b, s:b}", "id", a->id, "content", w->token[a->id],
            "single_word", a->single_word, "lstrip", a->lstrip, "rstrip", a->rstrip, "normalized", a->normalized, "special",
            a->special)) == 0;
    }
    if (ok)
        return list;
    json_decref(list);
    return NULL;
}

static json_t *vocab_json(const tx_wordpiece *w)
{
    json_t *all = json_object();
    bool ok = all != NULL;

    for (int i = 0; i < w->size && ok; i++)
        ok = !w->token[i] || json_object_set_new(all, w->token[i], json_integer(i)) == 0;
    for (int i = 0; i < w->n_added && ok; i++)      /* words are not made of these */
        if (tx_wordpiece_piece(w, w->token[w->added[i].id]) < 0)
            json_object_del(all, w->token[w->added[i].id]);
    if (ok)
        return all;
    json_decref(all);
    return NULL;
}

static json_t *frame_json(const tx_wordpiece *w, bool pair)
{
    const char *begin = w->token[w->begin], *end = w->token[w->end];
    json_t *list = json_pack("[{s:{s:s, s:i}}, {s:{s:s, s:i}}, {s:{s:s, s:i}}]", "SpecialToken", "id", begin, "type_id", 0, "Sequence",
        "id", "A", "type_id", 0, "SpecialToken", "id", end, "type_id", 0);

    if (list && pair && (json_array_append_new(list, json_pack("{s:{s:s, s:i}}", "Sequence", "id", "B", "type_id", 1)) ||
        json_array_append_new(list, json_pack("{s:{s:s, s:i}}", "SpecialToken", "id", end, "type_id", 1)))) {
        json_decref(list);
        return NULL;
    }
    return list;
}

static json_t *tokenizer_json(const tx_wordpiece *w)
{
    const char *begin = w->token[w->begin], *end = w->token[w->end];

    return json_pack("{s:s, s:n, s:n, s:o, s:o, s:o, s:{s:s, s:o, s:o, s:{s:{s:s, s:[i], s:[s]}, s:{s:s, s:[i], s:[s]}}}, "
        "s:{s:s, s:s, s:b}, s:{s:s, s:s, s:s, s:i, s:o}}",
        "version", "1.0", "truncation", "padding", "added_tokens", added_json(w), "normalizer", rules_json(w, true), "pre_tokenizer",
        rules_json(w, false), "post_processor", "type", "TemplateProcessing", "single", frame_json(w, false), "pair",
        frame_json(w, true), "special_tokens", begin, "id", begin, "ids", w->begin, "tokens", begin, end, "id", end, "ids", w->end,
        "tokens", end, "decoder", "type", "WordPiece", "prefix", PREFIX, "cleanup", true, "model", "type", "WordPiece", "unk_token",
        w->token[w->unknown], "continuing_subword_prefix", PREFIX, "max_input_chars_per_word", w->most_characters, "vocab",
        vocab_json(w));
}

static base_status write_json(const tx_wordpiece *w, const char *path, base_error *e)
{
    json_t *root = tokenizer_json(w);
    base_out o;

    if (!root)
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path);
    if (base_out_open(&o, path, e)) {
        json_decref(root);
        return e->status;
    }
    bool ok = json_dumpf(root, o.f, JSON_INDENT(2)) == 0 && fputc('\n', o.f) != EOF;
    json_decref(root);
    if (ok || ferror(o.f))
        return base_out_commit(&o, e);      /* which tells what could not be written */
    base_out_abandon(&o);
    return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path);
}

static base_status write_text(const tx_wordpiece *w, const char *path, base_error *e)
{
    base_out o;

    if (base_out_open(&o, path, e))
        return e->status;
    for (int i = 0; i < w->size; i++)
        if (w->token[i])
            fprintf(o.f, "%s\n", w->token[i]);
        else
            fprintf(o.f, "[unused-%d]\n", i);
    return base_out_commit(&o, e);
}

/* Whether a vocab.txt alone says it all. */
static bool is_usual(const tx_wordpiece *w)
{
    static const char *const own[] = { "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]" };
    const tx_normal *n = &w->normal[0];
    bool usual = w->n_normal == 1 && n->kind == TX_NORMAL_PYTHON && n->clean && n->lower && n->strip_accents && n->split_ideographs &&
        w->n_cut == 1 && w->cut[0] == TX_CUT_BERT && w->most_characters == 100;

    for (int i = 0; i < w->n_added; i++)
        usual &= index_of(w->token[w->added[i].id], own, (int)(sizeof own / sizeof *own)) >= 0 && !w->added[i].normalized &&
            !w->added[i].single_word && !w->added[i].lstrip && !w->added[i].rstrip;
    return usual;
}

base_status tx_wordpiece_save(const tx_wordpiece *w, const char *directory, base_error *e)
{
    bool text = is_usual(w);
    base_error why = BASE_ERROR_INIT;
    char *vocab = base_path_join(directory, "vocab.txt"), *json = base_path_join(directory, "tokenizer.json");

    if (!vocab || !json)
        base_fail(&why, BASE_NO_MEMORY, "%s: out of memory", directory);
    else if (!(text ? write_text(w, vocab, &why) : write_json(w, json, &why)))
        unlink(text ? json : vocab);        /* of an earlier run: only one of them counts */
    free(vocab);
    free(json);
    return why.status ? base_fail(e, why.status, "%s", why.text) : BASE_OK;
}
