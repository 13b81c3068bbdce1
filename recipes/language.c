/* The half of a model's folder that is about words: bert_config.json with Hugging Face's keys, vocab.txt, and fusion.json. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "recipes/json.h"
#include "recipes/ser.h"

static const char *const input_word[] = { "speech", "text", "both" }, *const words_word[] = { "ref", "noisy", "asr", "aec" },
    *const aec_word[] = { "none", "frozen", "joint" };

typedef struct paths { char *bert, *fusion; } paths;

static void paths_free(paths *p)
{
    free(p->bert);
    free(p->fusion);
}

static base_status paths_of(paths *p, const char *dir, base_error *e)
{
    *p = (paths){ ser_folder_path(dir, "bert_config.json"), ser_folder_path(dir, "fusion.json") };
    if (p->bert && p->fusion)
        return BASE_OK;
    paths_free(p);
    return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", dir);
}

/* ---- from the keys of a configuration ---------------------------------------------------------------------------- */

void ser_configure_adapters(const ser_config *c, nn_encoder_config *n)
{
    n->adapter = c->adapter_dim;
    n->adapter_attention = ser_is(c->adapter_place, "attn+ffn");
    n->adapter_gelu = ser_is(c->adapter_act, "gelu");
    n->lora = c->lora_rank;
    n->lora_alpha = (float)c->lora_alpha;
    n->adapter_layers = c->adapter_layers;
}

/* The folder a new BERT begins with; NULL: none. */
static const char *first_bert(const ser_config *c) { return *c->init_aec ? c->init_aec : *c->init_bert ? c->init_bert : NULL; }

static base_status configure_corrector(const ser_config *c, const char *path, ser_model_config *out, base_error *e)
{
    json_t *j = base_json_read(path, SER_MOST_JSON, e);

    if (!j)
        return e->status;
    out->aec_layers = (int)json_integer_value(json_object_get(j, "serin_aec_layers"));
    json_decref(j);
    return out->aec_layers > 0 && out->aec_layers <= 1000 ? BASE_OK
        : base_fail(e, BASE_MISSING, "%s: no \"serin_aec_layers\", so this is no corrector's folder; serin-train-aec makes init-aec=%s",
            path, c->init_aec);
}

static base_status configure_bert(ser_config *c, ser_model_config *out, base_error *e)
{
    nn_bert_config *b = &out->bert;
    const char *dir = first_bert(c);

    out->aec_layers = c->aec_layers;
    if (dir) {
        char *path = base_path_join(dir, "config.json");

        if (!path)
            base_fail(e, BASE_NO_MEMORY, "%s: out of memory", dir);
        else if ((!*c->init_aec || !configure_corrector(c, path, out, e)) && !nn_bert_config_read(b, path, e))
            ser_read_text_norm(path, out->text_norm, e);
        free(path);
        return e->status ? e->status : ser_settle_bert(c, out, e);
    }
    *b = (nn_bert_config){ .encoder = { .width = c->bert_width, .layers = c->bert_layers, .heads = c->bert_heads, .inner = c->bert_inner,
        .eps = 1e-12f, .init = (float)c->init }, .max_positions = 512, .type_vocab_size = 2, .tied = true };
    b->encoder.dropout = b->encoder.attention_dropout = (float)c->bert_dropout;
    return b->encoder.width % b->encoder.heads
        ? base_fail(e, BASE_VALUE, "bert-width=%d is not a multiple of bert-heads=%d", c->bert_width, c->bert_heads) : BASE_OK;
}

/* The texts' form goes with the words BERT has learnt, unless another is asked for. */
static base_status configure_texts(ser_config *c, ser_model_config *out, base_error *e)
{
    if (!c->given.text_norm && strcmp(out->text_norm, "none") != 0)
        c->text_norm = out->text_norm;
    else if (snprintf(out->text_norm, sizeof out->text_norm, "%s", c->text_norm) >= (int)sizeof out->text_norm)
        return base_fail(e, BASE_LIMIT, "text-norm=%s: over %d bytes", c->text_norm, SER_NORM_TEXT - 1);
    return BASE_OK;
}

base_status ser_configure_language(ser_config *c, ser_model_config *out, base_error *e)
{
    nn_fusion_config *f = &out->fusion;

    out->aec = SER_AEC_NONE;        /* what the folder of init-model has besides its encoder is not taken */
    snprintf(out->text_norm, sizeof out->text_norm, "none");
    out->input = ser_is(c->input, "speech") ? SER_SPEECH : ser_is(c->input, "text") ? SER_TEXT : SER_BOTH;
    ser_words_of(c->test_text, &out->words);
    if (out->input == SER_SPEECH)
        return configure_texts(c, out, e);
    if (out->input == SER_TEXT)
        out->words = SER_REF;
    out->aec = ser_is(c->aec, "frozen") ? SER_AEC_FROZEN : ser_is(c->aec, "joint") ? SER_AEC_JOINT : SER_AEC_NONE;
    out->aec_learns = c->lambda_aec > 0;
    if (configure_bert(c, out, e) || configure_texts(c, out, e))
        return e->status;
    *f = (nn_fusion_config){ .acoustic = out->encoder.encoder.width, .linguistic = out->bert.encoder.width,
        .width = c->fusion_dim ? c->fusion_dim : out->bert.encoder.width, .heads = c->fusion_heads, .residual = c->fusion_residual,
        .one_sided = ser_is(c->gate_form, "one-sided"), .sigmoid_first = ser_is(c->gate_order, "sigmoid-linear"),
        .dropout = (float)c->bert_dropout, .attention_dropout = (float)c->bert_dropout, .eps = 1e-5f, .init = (float)c->init };
    nn_fusion_kind_of(c->fusion, &f->kind);
    return f->width % f->heads && out->input == SER_BOTH
        ? base_fail(e, BASE_VALUE, "the fusion is %d wide, no multiple of fusion-heads=%d", f->width, f->heads) : BASE_OK;
}

/* In the second stage the first one's model tells. */
bool ser_reads_words(const ser_config *c)
{
    char *path = c->stage == 2 ? base_path_join(c->init_model, "fusion.json") : NULL;
    bool reads = c->stage == 2 ? path && base_exists(path) : !ser_is(c->input, "speech");

    free(path);
    return reads;
}

/* The WordPieces of init-model, of init-bert, or of a file. */
base_status ser_open_pieces(const ser_config *c, ser_names *names, base_error *e)
{
    const char *dir = c->stage == 2 ? c->init_model : first_bert(c);
    char *path = *c->pieces && c->stage == 1 && !*c->init_aec ? strdup(c->pieces) : dir ? ser_pieces_path(dir) : NULL;

    if (!path)
        return base_fail(e, BASE_MISSING, "input=%s needs pieces=vocab.txt (serin-make-vocab --type=pieces makes one), init-bert or init-aec",
            c->input);
    names->pieces = tx_wordpiece_read(path, e);
    free(path);
    return names->pieces ? BASE_OK : e->status;
}

base_status ser_begin_with_corrector(ser_model *m, const ser_config *c, base_error *e)
{
    static const char own[] = "aec.encoder.", shared[] = "bert.";
    nn_load bert = { .only = shared }, decoder = { .only = "aec.decoder." };

    if (ser_weights_begin(m->params, c->init_aec, &bert, e) || nn_params_load(m->params, c->init_aec, &decoder, e))
        return e->status;
    base_log("%s: %s; %s", c->init_aec, bert.text, decoder.text);
    for (int i = 0; i < nn_params_count(m->params); i++) {
        const nn_param *p = nn_params_at(m->params, i), *from;
        char name[300];

        if (strncmp(p->name, own, strlen(own)) != 0)
            continue;
        snprintf(name, sizeof name, "%s%s", shared, p->name + strlen(own));
        from = nn_params_find(m->params, name);
        memcpy(p->x, from->x, sizeof *p->x * (size_t)p->count);
    }
    return BASE_OK;
}

/* ---- the folder -------------------------------------------------------------------------------------------------- */

static json_t *bert_json(const ser_model_config *c)
{
    const nn_bert_config *b = &c->bert;
    const nn_encoder_config *n = &b->encoder;

    return json_pack("{s:s, s:i, s:i, s:i, s:i, s:f, s:f, s:f, s:f, s:i, s:i, s:i, s:i, s:s, s:s, s:i, s:b, s:b, s:i, s:f, s:i, s:i, s:s*}",
        "model_type", "bert", "hidden_size", n->width, "num_hidden_layers", n->layers, "num_attention_heads", n->heads,
        "intermediate_size", n->inner, "layer_norm_eps", (double)n->eps, "hidden_dropout_prob", (double)n->dropout,
        "attention_probs_dropout_prob", (double)n->attention_dropout, "initializer_range", (double)n->init,
        "vocab_size", b->vocab_size, "max_position_embeddings", b->max_positions, "type_vocab_size", b->type_vocab_size,
        "pad_token_id", b->pad_id, "hidden_act", "gelu", "position_embedding_type", "absolute",
        "serin_adapter_dim", n->adapter, "serin_adapter_attention", n->adapter_attention, "serin_adapter_gelu", n->adapter_gelu,
        "serin_lora_rank", n->lora, "serin_lora_alpha", (double)n->lora_alpha, "serin_adapter_layers", n->adapter_layers,
        "serin_aec_layers", c->aec ? c->aec_layers : 0, "serin_text_norm", *c->text_norm && strcmp(c->text_norm, "none") ? c->text_norm : NULL);
}

static json_t *fusion_json(const ser_model_config *c)
{
    const nn_fusion_config *f = &c->fusion;

    return json_pack("{s:s, s:s, s:s, s:i, s:i, s:b, s:b, s:b, s:f, s:f, s:s, s:i}", "input", input_word[c->input], "words",
        words_word[c->words], "fusion", nn_fusion_name(f->kind), "width", f->width, "heads", f->heads, "residual", f->residual,
        "one_sided", f->one_sided, "sigmoid_first", f->sigmoid_first, "dropout", (double)f->dropout, "init", (double)f->init,
        "aec", aec_word[c->aec], "aec_layers", c->aec_layers);
}

base_status ser_bert_save(const nn_params *p, const ser_model_config *c, const tx_wordpiece *w, const char *dir, base_error *e)
{
    nn_meta meta[1 + SER_FOLDER_FILES] = { { "format", "pt" } };
    char *config = base_path_join(dir, "config.json"), *weights = base_path_join(dir, "model.safetensors");

    if (!config || !weights)
        base_fail(e, BASE_NO_MEMORY, "%s: out of memory", dir);
    else if (!base_make_dirs(dir, e) && !ser_json_write(bert_json(c), config, e) && !tx_wordpiece_save(w, dir, e))
        nn_params_save(p, weights, meta, 1 + ser_folder_files(dir, meta + 1), e);
    free(config);
    free(weights);
    return e->status;
}

base_status ser_language_save(const ser_model *m, const char *dir, base_error *e)
{
    paths p;

    if (!m->bert)
        return BASE_OK;
    if (paths_of(&p, dir, e))
        return e->status;
    if (!ser_json_write(bert_json(&m->config), p.bert, e) && !ser_json_write(fusion_json(&m->config), p.fusion, e))
        tx_wordpiece_save(m->names.pieces, dir, e);
    paths_free(&p);
    return e->status;
}

/* The index of a word that stands behind key; -1, with the error told, when it is another. */
static int find_word(const json_t *j, const char *key, const char *const *words, int n, const char *path, base_error *e)
{
    const char *found = json_string_value(json_object_get(j, key));

    for (int i = 0; i < n && found; i++)
        if (!strcmp(found, words[i]))
            return i;
    base_fail(e, BASE_VALUE, "%s: \"%s\" is \"%s\"", path, key, found ? found : "(nothing)");
    return -1;
}

static base_status parse_fusion(const json_t *j, const char *path, ser_model_config *c, base_error *e)
{
    nn_fusion_config *f = &c->fusion;
    int input = find_word(j, "input", input_word, 3, path, e), words = find_word(j, "words", words_word, 4, path, e),
        aec = json_object_get(j, "aec") ? find_word(j, "aec", aec_word, 3, path, e) : SER_AEC_NONE;
    const char *kind = json_string_value(json_object_get(j, "fusion"));
    int one_sided, sigmoid_first, residual = -1, plain = -1;     /* plain: the word of before, for the contrary */
    double dropout, init;

    if (e->status)
        return e->status;
    if (!kind || !nn_fusion_kind_of(kind, &f->kind) ||
        json_unpack((json_t *)j, "{s:i, s:i, s?b, s?b, s:b, s:b, s:F, s:F}", "width", &f->width, "heads", &f->heads, "residual", &residual, "plain", &plain,
            "one_sided", &one_sided, "sigmoid_first", &sigmoid_first, "dropout", &dropout, "init", &init) != 0 ||
        (residual < 0) == (plain < 0) || f->width < 1 || f->width > 1 << 16 || f->heads < 1 || f->width % f->heads)
        return base_fail(e, BASE_FORMAT, "%s: fusion, width, heads, residual, one_sided, sigmoid_first, dropout or init is missing or "
            "not of its kind", path);
    c->aec = (ser_aec)aec;
    c->aec_layers = (int)json_integer_value(json_object_get(j, "aec_layers"));
    if (aec && (c->aec_layers < 1 || c->aec_layers > 1000 || input != SER_BOTH))
        return base_fail(e, BASE_FORMAT, "%s: a corrector of %d layers with input \"%s\"", path, c->aec_layers, input_word[input]);
    if (words == SER_CORRECTED && !aec)
        return base_fail(e, BASE_FORMAT, "%s: \"words\" is \"aec\", but there is no corrector", path);
    c->input = (ser_input)input;
    c->words = (ser_words)words;
    f->residual = residual >= 0 ? residual : !plain;
    f->one_sided = one_sided;
    f->sigmoid_first = sigmoid_first;
    f->dropout = f->attention_dropout = (float)dropout;
    f->init = (float)init;
    f->eps = 1e-5f;
    f->acoustic = c->encoder.encoder.width;
    f->linguistic = c->bert.encoder.width;
    return BASE_OK;
}

base_status ser_language_read(const char *dir, ser_model_config *out, base_error *e)
{
    json_t *j;
    paths p;

    if (paths_of(&p, dir, e))
        return e->status;
    if (base_exists(p.fusion) && !nn_bert_config_read(&out->bert, p.bert, e)) {
        if ((j = base_json_read(p.fusion, SER_MOST_JSON, e)))
            parse_fusion(j, p.fusion, out, e);
        json_decref(j);
    }
    paths_free(&p);
    return e->status;
}

base_status ser_language_pieces(const char *dir, ser_names *names, base_error *e)
{
    char *path = ser_pieces_path(dir);

    if (!path)
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", dir);
    names->pieces = tx_wordpiece_read(path, e);
    free(path);
    return names->pieces ? BASE_OK : e->status;
}
