/* A model's folder: Hugging Face's config.json and preprocessor_config.json with a few keys of ours, labels.json,
 * vocab.json and model.safetensors. The weights carry the labels, the vocabulary's hash and the configuration's, so that
 * a file from another folder is refused. Where a folder is read, one file of weights may be named instead; the rest lies
 * beside it. A HuBERT of others with a vocab.json is read as well: a model with CTC alone. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "recipes/json.h"
#include "recipes/ser.h"

enum { FOLDER_VERSION = 1, HASH_TEXT = 17, DIGITS = 7,       /* of a float: 0.05 is written as 0.05 */
    MOST_OUTPUTS = 1 << 24 };

static const char *const cmvn_word[] = { "none", "utterance", "global" };

/* The paths of a folder; NULL members: out of memory. */
typedef struct folder { char *config, *preprocessor, *processor, *labels, *vocab, *weights; } folder;

static void folder_free(folder *f)
{
    free(f->config);
    free(f->preprocessor);
    free(f->processor);
    free(f->labels);
    free(f->vocab);
    free(f->weights);
}

char *ser_folder_path(const char *model, const char *name)
{
    const char *slash = strrchr(model, '/');
    struct stat s;
    bool is_file = !stat(model, &s) && S_ISREG(s.st_mode);
    char *dir = is_file ? strndup(model, slash ? (size_t)(slash + 1 - model) : 0) : strdup(model);
    char *path = dir ? base_path_join(dir, name) : NULL;

    free(dir);
    return path;
}

char *ser_pieces_path(const char *model)
{
    char *vocab = ser_folder_path(model, "vocab.txt"), *json = ser_folder_path(model, "tokenizer.json");
    bool only_json = vocab && json && !base_exists(vocab) && base_exists(json);

    free(only_json ? vocab : json);
    return only_json ? json : vocab;
}

/* Whether it is a file that has settings of fairseq's in it. */
static bool has_settings(const char *model)
{
    base_error why = BASE_ERROR_INIT;
    struct stat s;
    nn_archive *a = !stat(model, &s) && S_ISREG(s.st_mode) ? nn_archive_open(model, NULL) : NULL;
    char *text = a ? nn_archive_config(a, &why) : NULL;

    nn_archive_close(a);
    free(text);
    return a && why.status != BASE_MISSING;
}

char *ser_config_path(const char *model)
{
    char *path = ser_folder_path(model, "config.json");

    if (!path || base_exists(path) || !has_settings(model))
        return path;
    free(path);
    return strdup(model);
}

static base_status folder_name(folder *f, const char *model, base_error *e)
{
    *f = (folder){ ser_config_path(model), ser_folder_path(model, "preprocessor_config.json"),
        ser_folder_path(model, "processor_config.json"),         ser_folder_path(model, "labels.json"), ser_folder_path(model, "vocab.json"),
        ser_folder_path(model, "model.safetensors") };
    if (f->config && f->preprocessor && f->processor && f->labels && f->vocab && f->weights)
        return BASE_OK;
    folder_free(f);
    return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", model);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* NULL: no memory, which json_pack passes on. */
static json_t *ints(const int *x, int n)
{
    json_t *list = json_array();

    for (int i = 0; i < n && list; i++)
        if (json_array_append_new(list, json_integer(x[i]))) {
            json_decref(list);
            list = NULL;
        }
    return list;
}

static json_t *config_json(const ser_model_config *c)
{
    const nn_hubert_config *h = &c->encoder;
    const nn_encoder_config *n = &h->encoder;
    json_t *j = json_pack("{s:s, s:[s], s:s, s:s, s:i, s:i, s:i, s:i, s:f, s:b, s:s, s:b, s:b, s:i, s:o, s:o, s:o, s:f, s:f, s:f, s:f, s:f, "
                     "s:f, s:f, s:i, s:i, s:b, s:f, s:i, s:i, s:f, s:i, s:i, s:i, s:i, s:{s:i, s:i}}",
        "model_type", "hubert", "architectures", "HubertForCTC", "hidden_act", "gelu", "feat_extract_activation", "gelu",
        "hidden_size", n->width, "num_hidden_layers", n->layers, "num_attention_heads", n->heads, "intermediate_size", n->inner,
        "layer_norm_eps", (double)n->eps, "do_stable_layer_norm", n->pre_norm,
        "feat_extract_norm", h->layer_norm_features ? "layer" : "group", "conv_bias", h->conv_bias,
        "feat_proj_layer_norm", h->project_norm, "num_feat_extract_layers", h->n_conv, "conv_dim", ints(h->conv_dim, h->n_conv),
        "conv_kernel", ints(h->conv_kernel, h->n_conv), "conv_stride", ints(h->conv_stride, h->n_conv),
        "hidden_dropout", (double)n->dropout, "attention_dropout", (double)n->attention_dropout,
        "activation_dropout", (double)n->activation_dropout, "layerdrop", (double)n->layer_drop,
        "feat_proj_dropout", (double)h->project_dropout, "final_dropout", (double)h->final_dropout,
        "initializer_range", (double)n->init, "num_conv_pos_embeddings", h->pos_kernel,
        "num_conv_pos_embedding_groups", h->pos_groups, "apply_spec_augment", h->spec_augment,
        "mask_time_prob", (double)h->mask.time_prob, "mask_time_length", h->mask.time_length,
        "mask_time_min_masks", h->mask.time_min, "mask_feature_prob", (double)h->mask.feature_prob,
        "mask_feature_length", h->mask.feature_length, "mask_feature_min_masks", h->mask.feature_min,
        "vocab_size", h->vocab_size, "pad_token_id", h->pad_id,
        "serin", "version", FOLDER_VERSION, "head_hidden", c->head_hidden);

    if (j && (n->adapter || n->lora) &&
        (json_object_set_new(j, "serin_adapter_dim", json_integer(n->adapter)) ||
            json_object_set_new(j, "serin_adapter_attention", json_boolean(n->adapter_attention)) ||
            json_object_set_new(j, "serin_adapter_gelu", json_boolean(n->adapter_gelu)) ||
            json_object_set_new(j, "serin_lora_rank", json_integer(n->lora)) ||
            (n->lora_alpha > 0 && json_object_set_new(j, "serin_lora_alpha", json_real((double)n->lora_alpha))) ||
            json_object_set_new(j, "serin_adapter_layers", json_integer(n->adapter_layers)))) {
        json_decref(j);
        return NULL;
    }
    if (j && *c->text_norm && strcmp(c->text_norm, "none") != 0 && json_object_set_new(j, "serin_text_norm", json_string(c->text_norm))) {
        json_decref(j);
        return NULL;
    }
    if (j && h->mel_bins &&
        (json_object_set_new(j, "serin_front_end", json_string("logmel")) ||
            json_object_set_new(j, "mel_bins", json_integer(h->mel_bins)) ||
            json_object_set_new(j, "mel_stack", json_integer(h->mel_stack)))) {
        json_decref(j);
        return NULL;
    }
    return j;
}

static json_t *preprocessor_json(const ser_model_config *c)
{
    return json_pack("{s:s, s:i, s:i, s:f, s:b, s:b, s:s}", "feature_extractor_type", "Wav2Vec2FeatureExtractor",
        "feature_size", 1, "sampling_rate", SER_RATE, "padding_value", 0.0,
        "do_normalize", c->front.conv && c->front.cmvn != SER_CMVN_NONE,
        "return_attention_mask", c->encoder.layer_norm_features, "serin_cmvn", cmvn_word[c->front.cmvn]);
}

/* What both files say, as 16 hexadecimal digits. */
static base_status hash_config(const ser_model_config *c, char out[HASH_TEXT], base_error *e)
{
    json_t *both = json_pack("[o, o]", config_json(c), preprocessor_json(c));
    char *text = ser_json_text(both, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(DIGITS));

    if (text)
        snprintf(out, HASH_TEXT, "%016" PRIx64, base_hash_text(BASE_HASH_INIT, text));
    free(text);
    json_decref(both);
    return text ? BASE_OK : base_fail(e, BASE_NO_MEMORY, "config.json: out of memory");
}

static void hash_vocab(const tx_vocab *v, char out[HASH_TEXT])
{
    uint64_t h = BASE_HASH_INIT;

    for (int i = 0; v && i < tx_vocab_size(v); i++)
        h = base_hash_text(base_hash_text(h, tx_vocab_token(v, i)), "\n");
    snprintf(out, HASH_TEXT, "%016" PRIx64, h);
}

base_status ser_json_write(json_t *j, const char *path, base_error *e)
{
    base_out o;
    bool ok;

    if (!j)
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path);
    if (base_out_open(&o, path, e)) {
        json_decref(j);
        return e->status;
    }
    ok = json_dumpf(j, o.f, JSON_INDENT(2) | JSON_REAL_PRECISION(DIGITS)) == 0 && fputc('\n', o.f) == '\n';
    json_decref(j);
    if (ok || ferror(o.f))
        return base_out_commit(&o, e);      /* which tells what could not be written */
    base_out_abandon(&o);
    return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path);
}

static base_status write_text(const char *text, const char *path, base_error *e)
{
    base_out o;

    if (base_out_open(&o, path, e))
        return e->status;
    fprintf(o.f, "%s\n", text);
    return base_out_commit(&o, e);
}

base_status ser_folder_write_preprocessor(const ser_model_config *c, const char *path, base_error *e)
{
    return ser_json_write(preprocessor_json(c), path, e);
}

int ser_folder_files(const char *dir, nn_meta meta[SER_FOLDER_FILES])
{
    static const char *const keys[SER_FOLDER_FILES] = { NN_BESIDE "config.json", NN_BESIDE "preprocessor_config.json",
        NN_BESIDE "labels.json", NN_BESIDE "vocab.json", NN_BESIDE "bert_config.json", NN_BESIDE "fusion.json",
        NN_BESIDE "vocab.txt", NN_BESIDE "tokenizer.json", NN_BESIDE "tokenizer_config.json",
        NN_BESIDE "special_tokens_map.json", NN_BESIDE "added_tokens.json" };
    int n = 0;

    for (int i = 0; i < SER_FOLDER_FILES; i++) {
        char *path = base_path_join(dir, keys[i] + strlen(NN_BESIDE));

        if (path && base_exists(path))
            meta[n++] = (nn_meta){ keys[i], "" };
        free(path);
    }
    return n;
}

static base_status save_beside(const ser_model *m, const folder *f, const char *dir, const char *labels, base_error *e)
{
    if (!base_make_dirs(dir, e) && !ser_json_write(config_json(&m->config), f->config, e) &&
        !ser_folder_write_preprocessor(&m->config, f->preprocessor, e) && !write_text(labels, f->labels, e) &&
        (!m->names.vocab || !tx_vocab_write(m->names.vocab, f->vocab, e)))
        ser_language_save(m, dir, e);
    return e->status;
}

static base_status save_weights(const ser_model *m, const folder *f, const char *dir, const char *labels, base_error *e)
{
    char config[HASH_TEXT], vocab[HASH_TEXT];
    nn_meta meta[5 + SER_FOLDER_FILES] = { { "format", "pt" }, { "serin.version", "1" }, { "serin.config", config },
        { "serin.vocab", vocab }, { "serin.labels", labels } };
    int n = 5 + ser_folder_files(dir, meta + 5);

    if (hash_config(&m->config, config, e))
        return e->status;
    hash_vocab(m->names.vocab, vocab);
    return m->base ? ser_adapters_save(m, f->weights, meta, n, e) : nn_params_save(m->params, f->weights, meta, n, e);
}

base_status ser_model_save_with(const ser_model *m, const char *dir, base_status (*more)(void *data, base_error *e), void *data,
    base_error *e)
{
    char *labels;
    folder f;

    if (!m->encoder)
        return ser_bert_save(m->params, &m->config, m->names.pieces, dir, e);
    if (folder_name(&f, dir, e))
        return e->status;
    labels = ser_names_text(&m->names);
    if (!labels)
        base_fail(e, BASE_NO_MEMORY, "%s: out of memory", dir);
    else if (!save_beside(m, &f, dir, labels, e) && (!more || !more(data, e)))
        save_weights(m, &f, dir, labels, e);
    folder_free(&f);
    free(labels);
    return e->status;
}

base_status ser_model_save(const ser_model *m, const char *dir, base_error *e) { return ser_model_save_with(m, dir, NULL, NULL, e); }

/* ---- reading ----------------------------------------------------------------------------------------------------- */

void ser_option_no_verify(base_options *o)
{
    base_option_bool(o, "no-verify", &nn_no_verify, "take a model's files without comparing their checksums");
}

json_t *ser_config_json(const char *path, base_error *e)
{
    char *text = nn_config_text(path, e);
    json_t *j = text ? base_json_parse(text, strlen(text), path, e) : NULL;

    free(text);
    return j;
}

static base_status parse_preprocessor(const json_t *j, const char *path, ser_front_config *f, base_error *e)
{
    const char *word = NULL, *type = NULL;
    int rate = SER_RATE, normalize = 1, size = 1, c = 0;

    if (json_unpack((json_t *)j, "{s?i, s?b, s?s, s?s, s?i}", "sampling_rate", &rate, "do_normalize", &normalize, "serin_cmvn", &word,
            "feature_extractor_type", &type, "feature_size", &size) != 0)
        return base_fail(e, BASE_FORMAT, "%s: sampling_rate, do_normalize, serin_cmvn, feature_extractor_type or feature_size is not of its "
            "kind", path);
    if (rate != SER_RATE)
        base_fail(e, BASE_UNSUPPORTED, "%s: sampling_rate is %d, expected %d", path, rate, SER_RATE);
    if ((type && strcmp(type, "Wav2Vec2FeatureExtractor")) || size != 1)
        base_fail(e, BASE_UNSUPPORTED, "%s: feature_extractor_type is \"%s\" with feature_size %d, only Wav2Vec2FeatureExtractor's "
            "waveforms are built in", path, type ? type : "Wav2Vec2FeatureExtractor", size);
    while (word && c < 3 && strcmp(word, cmvn_word[c]) != 0)
        c++;
    if (c == 3)
        base_fail(e, BASE_VALUE, "%s: serin_cmvn is \"%s\", expected none, utterance or global", path, word);
    else
        f->cmvn = word ? (ser_cmvn)c : normalize ? SER_CMVN_UTTERANCE : SER_CMVN_NONE;
    return e->status;
}

/* processor_config.json of transformers 5 has the feature extractor inside, and counts where both are. Without either waveforms are
 * normalised, unless fairseq's settings say that they were not. */
static base_status read_preprocessor(const folder *f, ser_front_config *out, base_error *e)
{
    json_t *all = base_exists(f->processor) ? ser_config_json(f->processor, e) : NULL;
    const json_t *inside = json_object_get(all, "feature_extractor");
    const char *path = base_exists(f->preprocessor) ? f->preprocessor : f->config;

    if (json_is_object(inside)) {
        parse_preprocessor(inside, f->processor, out, e);
    } else if (!e->status) {
        json_decref(all);
        if ((all = ser_config_json(path, e)))
            parse_preprocessor(all, path, out, e);
    }
    json_decref(all);
    return e->status;
}

base_status ser_folder_reads_text(const char *dir, bool *text, base_error *e)
{
    static const char *const kinds[] = { "bert", "hubert", "wav2vec2" };
    const char *kind = "hubert";
    size_t i = 0;
    folder f;
    json_t *j;

    if (folder_name(&f, dir, e))
        return e->status;
    j = ser_config_json(f.config, e);
    if (j && json_unpack(j, "{s?s}", "model_type", &kind))
        base_fail(e, BASE_FORMAT, "%s: model_type is no text", f.config);
    while (i < sizeof kinds / sizeof *kinds && strcmp(kind, kinds[i]))
        i++;
    if (i == sizeof kinds / sizeof *kinds)
        base_fail(e, BASE_UNSUPPORTED, "%s: model_type is \"%s\", expected bert, hubert or wav2vec2", f.config, kind);
    *text = i == 0;
    json_decref(j);
    folder_free(&f);
    return e->status;
}

base_status ser_read_text_norm(const char *config, char out[SER_NORM_TEXT], base_error *e)
{
    tx_normalise_options o = TX_NORMALISE_NONE;
    json_t *j = ser_config_json(config, e);
    const char *text = "none";

    if (!j)
        return e->status;
    if (json_unpack(j, "{s?s}", "serin_text_norm", &text) || strlen(text) >= SER_NORM_TEXT)
        base_fail(e, BASE_FORMAT, "%s: serin_text_norm is no text of up to %d bytes", config, SER_NORM_TEXT - 1);
    else if (tx_normalise_parse(&o, text, e))
        base_fail_in(e, "%s: serin_text_norm", config);
    else
        snprintf(out, SER_NORM_TEXT, "%s", text);
    json_decref(j);
    return e->status;
}

/* What only our folders hold; *ours is false for others'. */
static base_status read_ours(const char *path, ser_model_config *out, bool *ours, base_error *e)
{
    json_t *j = ser_config_json(path, e);
    int version = 0;

    if (!j)
        return e->status;
    *ours = json_object_get(j, "serin") != NULL;
    if (!*ours)
        out->head_hidden = 0;
    else if (json_unpack(j, "{s:{s:i, s:i}}", "serin", "version", &version, "head_hidden", &out->head_hidden) != 0 ||
             out->head_hidden < 0)
        base_fail(e, BASE_FORMAT, "%s: \"serin\" lacks version or head_hidden", path);
    else if (version != FOLDER_VERSION)
        base_fail(e, BASE_UNSUPPORTED, "%s: version %d, this program reads version %d", path, version, FOLDER_VERSION);
    json_decref(j);
    return e->status;
}

static base_status read_config(const char *dir, ser_model_config *out, bool *ours, base_error *e)
{
    folder f;

    if (folder_name(&f, dir, e))
        return e->status;
    *out = (ser_model_config){ 0 };
    if (!nn_hubert_config_read(&out->encoder, f.config, e) && !read_preprocessor(&f, &out->front, e) &&
        !ser_read_text_norm(f.config, out->text_norm, e) && !read_ours(f.config, out, ours, e)) {
        out->front.conv = out->encoder.mel_bins == 0;
        out->front.bins = out->encoder.mel_bins;
        out->front.stack = out->encoder.mel_stack;
        ser_language_read(dir, out, e);
    }
    folder_free(&f);
    return e->status;
}

base_status ser_folder_read_config(const char *dir, ser_model_config *out, base_error *e)
{
    bool ours;

    return read_config(dir, out, &ours, e);
}

static base_status check_meta(const nn_archive *a, const char *path, const char *key, const char *expected, const char *what,
    base_error *e)
{
    const char *found = nn_archive_meta(a, key);

    if (found && strcmp(found, expected) == 0)
        return BASE_OK;
    return base_fail(e, BASE_MISMATCH, "%s: saved with %s %s, but the folder says %s", path, what, found ? found : "(none)", expected);
}

static base_status check_ours(const ser_model *m, const nn_archive *a, const char *path, base_error *e)
{
    char config[HASH_TEXT], vocab[HASH_TEXT], *labels = ser_names_text(&m->names);

    if (!labels)
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path);
    hash_vocab(m->names.vocab, vocab);
    if (!hash_config(&m->config, config, e) && !check_meta(a, path, "serin.labels", labels, "labels", e) &&
        !check_meta(a, path, "serin.vocab", vocab, "vocabulary", e))
        check_meta(a, path, "serin.config", config, "configuration", e);
    free(labels);
    return e->status;
}

static base_status check_weights(const ser_model *m, const char *path, base_error *e)
{
    nn_archive *a = nn_archive_open(path, e);

    if (a && m->published && nn_archive_meta(a, "serin.config"))
        base_fail(e, BASE_MISMATCH, "%s: the weights are serin-train's, but config.json has no \"serin\"", path);
    else if (a && m->published && !m->names.vocab)
        base_fail(e, BASE_MISSING, "%s: no vocab.json, which says what a model of others recognises", path);
    else if (a && !m->published)
        check_ours(m, a, path, e);
    nn_archive_close(a);
    return e->status;
}

/* What a configuration of others says of the vocabulary: its blank, and as many outputs as tokens or, as transformers does, more. */
static base_status fit_vocabulary(tx_vocab *v, const folder *f, base_error *e)
{
    json_t *j = ser_config_json(f->config, e);
    const json_t *size = json_object_get(j, "vocab_size"), *pad = json_object_get(j, "pad_token_id");
    int blank = tx_vocab_blank(v), n = tx_vocab_size(v);

    if (json_is_integer(pad) && json_integer_value(pad) != blank)
        base_fail(e, BASE_MISMATCH, "%s: pad_token_id, the blank of CTC, is %lld, but \"%s\" is %d in %s", f->config,
            (long long)json_integer_value(pad), tx_vocab_token(v, blank), blank, f->vocab);
    else if (json_is_integer(size) && (json_integer_value(size) < n || json_integer_value(size) > MOST_OUTPUTS))
        base_fail(e, BASE_MISMATCH, "%s: vocab_size is %lld, but %s has %d tokens with those added later", f->config,
            (long long)json_integer_value(size), f->vocab, n);
    else if (j && json_is_integer(size))
        tx_vocab_extend(v, (int)json_integer_value(size), e);
    json_decref(j);
    return e->status;
}

static base_status read_vocabulary(const folder *f, tx_vocab **v, base_error *e)
{
    if (!base_exists(f->vocab) || ((*v = tx_vocab_read(f->vocab, NULL, e)) && !fit_vocabulary(*v, f, e)))
        return BASE_OK;
    tx_vocab_free(*v);
    *v = NULL;
    return e->status;
}

base_status ser_folder_vocabulary(const char *dir, tx_vocab **v, base_error *e)
{
    folder f;

    *v = NULL;
    if (!folder_name(&f, dir, e)) {
        read_vocabulary(&f, v, e);
        folder_free(&f);
    }
    return e->status;
}

ser_model *ser_model_describe(const char *dir, base_error *e)
{
    ser_model_config c;
    ser_names names = { 0 };
    ser_model *m = NULL;
    bool ours = false;
    folder f;

    if (folder_name(&f, dir, e))
        return NULL;
    if (read_config(dir, &c, &ours, e) || (ours && ser_names_read(&names, f.labels, e)))
        goto done;
    if (read_vocabulary(&f, &names.vocab, e) || (c.input != SER_SPEECH && ser_language_pieces(dir, &names, e))) {
        ser_names_free(&names);
        goto done;
    }
    m = ser_model_new(&c, &names, SER_TRAIN_NOTHING, e);
    if (m)
        m->published = !ours;
done:
    folder_free(&f);
    return m;
}

ser_model *ser_model_load(const char *dir, base_error *e)
{
    ser_model *m = ser_model_describe(dir, e);

    if (m && (check_weights(m, dir, e) || ser_weights_load(m->params, dir, NULL, e))) {
        ser_model_free(m);
        m = NULL;
    }
    return m;
}

base_status ser_model_begin_with(ser_model *m, const char *dir, bool all, bool allow_missing, base_error *e)
{
    nn_load l = { .only = all ? NULL : "hubert.", .allow_missing = allow_missing || all };

    if (ser_weights_begin(m->params, dir, &l, e))
        return e->status;
    if (l.missing || l.zeroed)
        base_warn("%s: %s", dir, l.text);
    else
        base_log("%s: %s", dir, l.text);
    return BASE_OK;
}
