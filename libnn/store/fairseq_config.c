/* The settings that fairseq keeps beside the weights of a HuBERT or wav2vec 2.0, under the keys of Hugging Face's
 * config.json (fairseq/models/hubert/hubert.py, wav2vec/wav2vec2.py; transformers' scripts that convert them). They stand in
 * `cfg`, or in files of old in `args`; a model with CTC holds those of its pre-training in `w2v_args`. Each may be a dictionary,
 * a Namespace of argparse's or a DictConfig of omegaconf's. What is missing has fairseq's default. */
#include "libnn/store/fairseq.h"

#include <stdlib.h>
#include <string.h>

#include "libnn/store/store.h"

#define MOST_CONVOLUTIONS 16

/* ---- the tree ---------------------------------------------------------------------------------------------------- */

/* What a member of a Namespace, a DictConfig or a node of one stands for. */
static const nn_pickle *plain(const nn_pickle *p)
{
    for (int depth = 0; p && p->kind == NN_PICKLE_CALL && p->state && depth < 4; depth++) {
        const nn_pickle *content = nn_pickle_get(p->state, "_content"), *value = nn_pickle_get(p->state, "_val");

        p = content ? content : value ? value : p->state;
    }
    return p;
}

static const nn_pickle *get(const nn_pickle *p, const char *key) { return plain(nn_pickle_get(plain(p), key)); }

/* Fine-tuning's settings go before those of pre-training; either key may be NULL. */
typedef struct settings { const nn_pickle *tuned, *model, *task; } settings;

static const nn_pickle *find(const settings *s, const char *tuned, const char *key)
{
    const nn_pickle *p = s->tuned && tuned ? get(s->tuned, tuned) : NULL;

    return p && p->kind != NN_PICKLE_NONE ? p : key ? get(s->model, key) : NULL;
}

static settings find_settings(const nn_pickle *root)
{
    const nn_pickle *all = get(root, "cfg"), *model;
    settings s = { 0 };

    if (!get(all, "model"))
        all = get(root, "args") ? get(root, "args") : all;
    model = get(all, "model") ? get(all, "model") : all;
    s.model = model;
    s.task = get(all, "task") ? get(all, "task") : all;
    if (get(model, "w2v_args") && get(model, "w2v_args")->kind == NN_PICKLE_DICT) {
        const nn_pickle *inner = get(model, "w2v_args");

        s.tuned = model;
        s.model = get(inner, "model") ? get(inner, "model") : inner;
        s.task = get(inner, "task") ? get(inner, "task") : inner;
    }
    return s;
}

/* ---- members ----------------------------------------------------------------------------------------------------- */

static bool put(json_t *j, const char *key, json_t *value) { return json_object_set_new(j, key, value) == 0; }

/* Of another kind than expected: the reader of config.json will say so under the key. */
static json_t *json_of(const nn_pickle *p)
{
    switch (p->kind) {
    case NN_PICKLE_BOOL: return json_boolean(p->integer);
    case NN_PICKLE_INT: return json_integer(p->integer);
    case NN_PICKLE_FLOAT: return json_real(p->number);      /* NULL: not finite */
    default: return json_string("of no kind that fits");
    }
}

/* The other value is taken over. */
static json_t *setting(const settings *s, const char *tuned, const char *key, json_t *otherwise)
{
    const nn_pickle *p = find(s, tuned, key);

    if (!p)
        return otherwise;
    json_decref(otherwise);
    return json_of(p);
}

static json_t *number(const settings *s, const char *key, int otherwise)
{
    return setting(s, NULL, key, json_integer(otherwise));
}

static bool is_true(const nn_pickle *p) { return p && p->kind == NN_PICKLE_BOOL && p->integer; }

static bool is_word(const nn_pickle *p, const char *word) { return nn_pickle_is(p, NN_PICKLE_TEXT, word); }

/* ---- convolutions ------------------------------------------------------------------------------------------------ */

static const char *skip(const char *s) { return s + strspn(s, " \t\n"); }

static bool take(const char **s, char c)
{
    *s = skip(*s);
    return **s == c && (*s)++;
}

static bool take_number(const char **s, long *n)
{
    char *end;

    *s = skip(*s);
    if (**s < '0' || **s > '9')
        return false;
    *n = strtol(*s, &end, 10);
    *s = end;
    return *n >= 1 && *n <= 1 << 16;
}

typedef struct convolutions { long of[MOST_CONVOLUTIONS][3]; int n; } convolutions;

/* "(512, 10, 5)": width, kernel, stride. */
static bool take_convolution(const char **s, convolutions *c)
{
    long *x = c->of[c->n];

    return c->n < MOST_CONVOLUTIONS && take(s, '(') && take_number(s, &x[0]) && take(s, ',') && take_number(s, &x[1]) &&
           take(s, ',') && take_number(s, &x[2]) && (take(s, ',') || true) && take(s, ')') && ++c->n;
}

/* "[(512, 3, 2), …] * 4"; the factor may be missing. */
static bool take_list(const char **s, convolutions *c)
{
    int first = c->n, length;
    long times = 1;

    if (!take(s, '['))
        return false;
    while (!take(s, ']'))
        if (!take_convolution(s, c) || (!take(s, ',') && *skip(*s) != ']'))
            return false;
    length = c->n - first;
    if ((take(s, '*') && !take_number(s, &times)) || times * length > MOST_CONVOLUTIONS - first)
        return false;
    for (long i = length; i < times * length; i++, c->n++)
        memcpy(c->of[c->n], c->of[c->n - length], sizeof *c->of);
    return true;
}

/* The expression of Python's that fairseq evaluates. */
static bool read_convolutions(const nn_pickle *p, convolutions *c)
{
    const char *s = p && p->kind == NN_PICKLE_TEXT ? p->text : "[(512, 10, 5)] + [(512, 3, 2)] * 4 + [(512, 2, 2)] * 2";

    *c = (convolutions){ .n = 0 };
    do {
        if (!take_list(&s, c))
            return false;
    } while (take(&s, '+'));
    return !*skip(s) && c->n > 0;
}

static bool put_convolutions(json_t *j, const settings *s, base_error *e)
{
    static const char *const key[] = { "conv_dim", "conv_kernel", "conv_stride" };
    const nn_pickle *p = get(s->model, "conv_feature_layers");
    convolutions c;
    bool ok = true;

    if (!read_convolutions(p, &c)) {
        base_fail(e, BASE_FORMAT, "conv_feature_layers is \"" NN_NAME "\", expected lists such as [(512, 10, 5)] * 4, "
            "joined by +, of 1 to %d convolutions", p ? p->text : "", MOST_CONVOLUTIONS);
        return false;
    }
    for (int k = 0; k < 3 && ok; k++) {
        json_t *list = json_array();

        for (int i = 0; i < c.n && ok; i++)
            ok = json_array_append_new(list, json_integer(c.of[i][k])) == 0;
        ok = put(j, key[k], list) && ok;
    }
    return ok && put(j, "num_feat_extract_layers", json_integer(c.n));
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static bool put_encoder(json_t *j, const settings *s)
{
    return put(j, "hidden_size", number(s, "encoder_embed_dim", 768)) &&
           put(j, "num_hidden_layers", number(s, "encoder_layers", 12)) &&
           put(j, "num_attention_heads", number(s, "encoder_attention_heads", 12)) &&
           put(j, "intermediate_size", number(s, "encoder_ffn_embed_dim", 3072)) &&
           put(j, "num_conv_pos_embeddings", number(s, "conv_pos", 128)) &&
           put(j, "num_conv_pos_embedding_groups", number(s, "conv_pos_groups", 16)) &&
           put(j, "do_stable_layer_norm", json_boolean(is_true(get(s->model, "layer_norm_first")))) &&
           put(j, "conv_bias", json_boolean(is_true(get(s->model, "conv_bias")))) &&
           put(j, "feat_extract_norm",
               json_string(is_word(get(s->model, "extractor_mode"), "layer_norm") ? "layer" : "group"));
}

static bool put_dropout(json_t *j, const settings *s)
{
    return put(j, "hidden_dropout", setting(s, "dropout", "dropout", json_real(0.1))) &&
           put(j, "attention_dropout", setting(s, "attention_dropout", "attention_dropout", json_real(0.1))) &&
           put(j, "activation_dropout", setting(s, "activation_dropout", "activation_dropout", json_real(0.0))) &&
           put(j, "feat_proj_dropout", setting(s, "dropout_input", "dropout_input", json_real(0.0))) &&
           put(j, "final_dropout", setting(s, "final_dropout", NULL, json_real(0.1))) &&
           put(j, "layerdrop", setting(s, "layerdrop", "encoder_layerdrop", json_real(0.0)));
}

/* How much pre-training masks is no measure for fine-tuning; what fine-tuning masked is. */
static bool put_mask(json_t *j, const settings *s)
{
    const nn_pickle *on = get(s->tuned, "apply_mask");

    if (!s->tuned)
        return true;
    return put(j, "apply_spec_augment", json_boolean(is_true(on))) &&
           put(j, "mask_time_prob", setting(s, "mask_prob", NULL, json_real(0.5))) &&
           put(j, "mask_time_length", setting(s, "mask_length", NULL, json_integer(10))) &&
           put(j, "mask_feature_prob", setting(s, "mask_channel_prob", NULL, json_real(0.0))) &&
           put(j, "mask_feature_length", setting(s, "mask_channel_length", NULL, json_integer(10)));
}

static bool put_all(json_t *j, const settings *s, int64_t vocab, base_error *e)
{
    const nn_pickle *normalize = s->tuned && get(s->tuned, "normalize") ? get(s->tuned, "normalize") :
        get(s->task, "normalize");

    return j && put_convolutions(j, s, e) && put(j, "model_type", json_string("hubert")) &&
           put(j, "architectures", json_pack("[s]", vocab ? "HubertForCTC" : "HubertModel")) && put_encoder(j, s) &&
           put_dropout(j, s) && put_mask(j, s) && put(j, "do_normalize", json_boolean(is_true(normalize))) &&
           (!vocab || (put(j, "vocab_size", json_integer(vocab)) && put(j, "pad_token_id", json_integer(0))));
}

base_status nn_fairseq_config(const nn_pickle *root, int64_t vocab, json_t **out, base_error *e)
{
    settings s = find_settings(root);
    base_error why = BASE_ERROR_INIT;

    *out = NULL;
    if (!get(s.model, "encoder_embed_dim"))
        return base_fail(e, BASE_MISSING, "neither cfg nor args has encoder_embed_dim, which every HuBERT of fairseq's has");
    *out = json_object();
    if (put_all(*out, &s, vocab, &why))
        return BASE_OK;
    json_decref(*out);
    *out = NULL;
    return why.status ? base_fail(e, why.status, "%s", why.text) : base_fail(e, BASE_NO_MEMORY, "out of memory");
}
