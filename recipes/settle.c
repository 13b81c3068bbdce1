/* Keys and a model that is begun with, made one. What a model's weights are made for (sizes, what it hears, its fusion) is the model's: a key
 * that says something else is refused by name when it stands on the command line, and told when it stands in a file, which may be
 * written for models from scratch as well. What training may choose (dropout, masks, the spread of new weights) is
 * the key's where it was given, else the model's. Either way the configuration then says what is done. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "recipes/ser.h"

/* Keys that contradict the model, with both values. */
typedef struct keys { char text[600]; size_t used; } keys;

typedef struct settling { keys on_line, in_file; } settling;

static void differ(settling *s, const char *key, base_given given, const char *value, const char *found)
{
    keys *k = given == BASE_GIVEN_ON_LINE ? &s->on_line : &s->in_file;

    if (given && k->used < sizeof k->text)
        k->used += (size_t)snprintf(k->text + k->used, sizeof k->text - k->used, "%s%s=%s, where it has %s", k->used ? "; " : "", key, value,
            found);
}

static void keep_int(settling *s, const char *key, base_given given, int *value, int model)
{
    char a[16], b[16];

    snprintf(a, sizeof a, "%d", *value);
    snprintf(b, sizeof b, "%d", model);
    if (*value != model)
        differ(s, key, given, a, b);
    *value = model;
}

static void keep_bool(settling *s, const char *key, base_given given, bool *value, bool model)
{
    if (*value != model)
        differ(s, key, given, model ? "false" : "true", model ? "true" : "false");
    *value = model;
}

static void keep_word(settling *s, const char *key, base_given given, const char **value, const char *model)
{
    if (strcmp(*value, model) != 0)
        differ(s, key, given, *value, model);
    *value = model;
}

/* The shortest decimal that is this float. */
static double decimal(float x)
{
    char text[40];

    for (int digits = 1; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)x);
        if (strtof(text, NULL) == x)
            break;
    }
    return strtod(text, NULL);
}

static void keep_float(settling *s, const char *key, base_given given, double *value, float model)
{
    char a[40], b[40];

    snprintf(a, sizeof a, "%g", *value);
    snprintf(b, sizeof b, "%g", decimal(model));
    if ((float)*value != model)
        differ(s, key, given, a, b);
    *value = decimal(model);
}

static void choose(bool given, double *value, float *model)
{
    if (given)
        *model = (float)*value;
    else
        *value = decimal(*model);
}

#define KEEP_INT(s, c, key, name, model) keep_int(s, name, (c)->given.key, &(c)->key, model)
#define KEEP_BOOL(s, c, key, name, model) keep_bool(s, name, (c)->given.key, &(c)->key, model)
#define KEEP_WORD(s, c, key, name, model) keep_word(s, name, (c)->given.key, &(c)->key, model)
#define CHOOSE(c, key, model) choose((c)->given.key, &(c)->key, model)

static base_status end(const settling *s, const char *what, const char *of, base_error *e)
{
    if (s->on_line.used)
        return base_fail(e, BASE_MISMATCH, "%s=%s: what its weights are made for cannot be changed: %s", what, of, s->on_line.text);
    if (s->in_file.used)
        base_warn("%s=%s: the model's own count, not those of the configuration: %s", what, of, s->in_file.text);
    return BASE_OK;
}

/* ---- speech ------------------------------------------------------------------------------------------------------ */

static void settle_masks(ser_config *c, nn_hubert_config *h)
{
    float off = 0;

    if (!h->spec_augment && !c->given.mask_time_prob && !c->given.mask_feature_prob) {
        c->mask_time_prob = c->mask_feature_prob = 0;
    } else {
        CHOOSE(c, mask_time_prob, h->spec_augment || c->given.mask_time_prob ? &h->mask.time_prob : &off);
        CHOOSE(c, mask_feature_prob, h->spec_augment || c->given.mask_feature_prob ? &h->mask.feature_prob : &off);
        h->mask.time_prob = (float)c->mask_time_prob;
        h->mask.feature_prob = (float)c->mask_feature_prob;
        h->spec_augment = c->mask_time_prob > 0 || c->mask_feature_prob > 0;
    }
    if (c->given.mask_time_length)
        h->mask.time_length = c->mask_time_length;
    if (c->given.mask_feature_length)
        h->mask.feature_length = c->mask_feature_length;
    c->mask_time_length = h->mask.time_length;
    c->mask_feature_length = h->mask.feature_length;
}

base_status ser_settle_speech(ser_config *c, ser_model_config *m, base_error *e)
{
    static const char *const cmvn[] = { "none", "utterance", "global" };
    nn_hubert_config *h = &m->encoder;
    nn_encoder_config *n = &h->encoder;
    settling s = { .on_line.used = 0 };

    KEEP_WORD(&s, c, front_end, "front-end", h->mel_bins ? "logmel" : "conv");
    if (h->mel_bins) {
        KEEP_INT(&s, c, bins, "bins", h->mel_bins);
        KEEP_INT(&s, c, stack, "stack", h->mel_stack);
    } else
        KEEP_INT(&s, c, conv_width, "conv-width", h->conv_dim[0]);
    if (*c->init_model)
        KEEP_WORD(&s, c, cmvn, "cmvn", cmvn[m->front.cmvn]);
    KEEP_INT(&s, c, width, "width", n->width);
    KEEP_INT(&s, c, layers, "layers", n->layers);
    KEEP_INT(&s, c, heads, "heads", n->heads);
    KEEP_INT(&s, c, inner, "inner", n->inner);
    KEEP_BOOL(&s, c, pre_norm, "pre-norm", n->pre_norm);
    KEEP_INT(&s, c, pos_kernel, "pos-kernel", h->pos_kernel);
    KEEP_INT(&s, c, pos_groups, "pos-groups", h->pos_groups);
    if (c->given.dropout)
        h->project_dropout = (float)c->dropout;
    CHOOSE(c, dropout, &n->dropout);
    CHOOSE(c, attention_dropout, &n->attention_dropout);
    CHOOSE(c, activation_dropout, &n->activation_dropout);
    CHOOSE(c, layer_drop, &n->layer_drop);
    CHOOSE(c, head_dropout, &h->final_dropout);
    CHOOSE(c, init, &n->init);
    settle_masks(c, h);
    return *c->init_model ? end(&s, "init-model", c->init_model, e) : end(&s, "model-config", c->model_config, e);
}

/* ---- words ------------------------------------------------------------------------------------------------------- */

static void keep_bert(settling *s, ser_config *c, nn_bert_config *b)
{
    KEEP_INT(s, c, bert_width, "bert-width", b->encoder.width);
    KEEP_INT(s, c, bert_layers, "bert-layers", b->encoder.layers);
    KEEP_INT(s, c, bert_heads, "bert-heads", b->encoder.heads);
    KEEP_INT(s, c, bert_inner, "bert-inner", b->encoder.inner);
    if (c->given.bert_dropout)
        b->encoder.attention_dropout = (float)c->bert_dropout;
    CHOOSE(c, bert_dropout, &b->encoder.dropout);
}

base_status ser_settle_bert(ser_config *c, ser_model_config *m, base_error *e)
{
    settling s = { .on_line.used = 0 };

    keep_bert(&s, c, &m->bert);
    if (!*c->init_aec)
        return end(&s, "init-bert", c->init_bert, e);
    KEEP_INT(&s, c, aec_layers, "aec-layers", m->aec_layers);
    return end(&s, "init-aec", c->init_aec, e);
}

/* What BERT reads when recognising may be changed, as long as there is somebody to write it. */
static base_status settle_test_text(ser_config *c, ser_model_config *m, base_error *e)
{
    if (!c->given.test_text)
        c->test_text = ser_words_name(m->words);
    ser_words_of(c->test_text, &m->words);
    return m->words != SER_CORRECTED || m->aec ? BASE_OK
        : base_fail(e, BASE_MISMATCH, "test-text=aec: no corrector in init-model=%s", c->init_model);
}

static void settle_fusion(settling *s, ser_config *c, ser_model_config *m)
{
    nn_fusion_config *f = &m->fusion;

    KEEP_WORD(s, c, fusion, "fusion", nn_fusion_name(f->kind));
    if (c->fusion_dim == 0 && f->width == m->bert.encoder.width)
        c->given.fusion_dim = BASE_NOT_GIVEN;   /* 0 is BERT's */
    KEEP_INT(s, c, fusion_dim, "fusion-dim", f->width);
    KEEP_INT(s, c, fusion_heads, "fusion-heads", f->heads);
    KEEP_BOOL(s, c, fusion_residual, "fusion-residual", f->residual);
    KEEP_WORD(s, c, gate_form, "gate-form", f->one_sided ? "one-sided" : "complementary");
    KEEP_WORD(s, c, gate_order, "gate-order", f->sigmoid_first ? "sigmoid-linear" : "linear-sigmoid");
    f->dropout = f->attention_dropout = (float)c->bert_dropout;
}

static bool same_pieces(const tx_wordpiece *a, const tx_wordpiece *b)
{
    bool same = tx_wordpiece_size(a) == tx_wordpiece_size(b);

    for (int i = 0; same && i < tx_wordpiece_size(a); i++) {
        const char *x = tx_wordpiece_token(a, i), *y = tx_wordpiece_token(b, i);

        same = x && y ? !strcmp(x, y) : x == y;
    }
    return same;
}

static bool same_characters(const tx_vocab *a, const tx_vocab *b)
{
    bool same = tx_vocab_size(a) == tx_vocab_size(b) && tx_vocab_blank(a) == tx_vocab_blank(b);

    for (int i = 0; same && i < tx_vocab_size(a); i++)
        same = !strcmp(tx_vocab_token(a, i), tx_vocab_token(b, i));
    return same;
}

/* A file of the configuration's that has the same tokens as the model stays. */
static void keep_file(settling *s, const char *key, base_given given, const char **path, bool same, bool none)
{
    if (same)
        return;
    differ(s, key, given, *path, none ? "none" : "others");
    *path = "";
}

static base_status settle_pieces(settling *s, ser_config *c, const ser_model_config *m, base_error *e)
{
    ser_names own = { 0 };
    tx_wordpiece *w = NULL;

    if (*c->pieces && (m->input == SER_SPEECH || (!ser_language_pieces(c->init_model, &own, e) && (w = tx_wordpiece_read(c->pieces, e)))))
        keep_file(s, "pieces", c->given.pieces, &c->pieces, w && same_pieces(w, own.pieces), !w);
    tx_wordpiece_free(w);
    ser_names_free(&own);
    return e->status;
}

/* As many outputs as the model has may be more than a vocab.json names. */
static base_status settle_characters(settling *s, ser_config *c, base_error *e)
{
    tx_vocab *own = NULL, *v = NULL;

    if (*c->vocabulary && !ser_folder_vocabulary(c->init_model, &own, e) &&
        (!own || ((v = tx_vocab_read(c->vocabulary, NULL, e)) && !tx_vocab_extend(v, tx_vocab_size(own), e))))
        keep_file(s, "vocabulary", c->given.vocabulary, &c->vocabulary, v && same_characters(v, own), !v);
    tx_vocab_free(v);
    tx_vocab_free(own);
    return e->status;
}

base_status ser_settle_stage(ser_config *c, ser_model_config *m, base_error *e)
{
    static const char *const input[] = { "speech", "text", "both" }, *const aec[] = { "none", "frozen", "joint" };
    settling s = { .on_line.used = 0 };

    KEEP_WORD(&s, c, input, "input", input[m->input]);
    KEEP_INT(&s, c, head_hidden, "head-hidden", m->head_hidden);
    KEEP_WORD(&s, c, text_norm, "text-norm", m->text_norm);
    if (m->input != SER_SPEECH)
        keep_bert(&s, c, &m->bert);
    if (m->input == SER_BOTH)
        settle_fusion(&s, c, m);
    KEEP_WORD(&s, c, aec, "aec", aec[m->aec]);
    if (m->aec)
        KEEP_INT(&s, c, aec_layers, "aec-layers", m->aec_layers);
    if ((m->input == SER_BOTH && settle_test_text(c, m, e)) || settle_pieces(&s, c, m, e) || settle_characters(&s, c, e))
        return e->status;
    return end(&s, "init-model", c->init_model, e);
}

/* ---- adapters ---------------------------------------------------------------------------------------------------- */

base_status ser_settle_adapters(ser_config *c, const nn_encoder_config *n, base_error *e)
{
    settling s = { .on_line.used = 0 };

    if (n->adapter) {
        KEEP_INT(&s, c, adapter_dim, "adapter-dim", n->adapter);
        KEEP_WORD(&s, c, adapter_place, "adapter-place", n->adapter_attention ? "attn+ffn" : "ffn");
        KEEP_WORD(&s, c, adapter_act, "adapter-act", n->adapter_gelu ? "gelu" : "relu");
    }
    if (n->lora) {
        KEEP_INT(&s, c, lora_rank, "lora-rank", n->lora);
        keep_float(&s, "lora-alpha", c->given.lora_alpha, &c->lora_alpha, n->lora_alpha);
    }
    if (n->adapter || n->lora)
        KEEP_INT(&s, c, adapter_layers, "adapter-layers", n->adapter_layers);
    return end(&s, "init-model", c->init_model, e);
}
