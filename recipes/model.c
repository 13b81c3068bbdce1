/* The model: HuBERT's encoder hears, a CTC head writes down what it hears, BERT reads that or the text, a fusion weighs
 * both, and heads for emotion, gender and style read the result; a corrector may stand between CTC and BERT. Eq. 1 to 17 of the
 * paper. */
#include <stdlib.h>
#include <string.h>

#include "recipes/ser.h"

/* ---- configuration ----------------------------------------------------------------------------------------------- */

/* The sizes of all published HuBERTs' convolutions; only their width is a key. */
static void configure_convolutions(nn_hubert_config *h, int width)
{
    static const int kernel[] = { 10, 3, 3, 3, 3, 2, 2 }, stride[] = { 5, 2, 2, 2, 2, 2, 2 };

    h->n_conv = 7;
    for (int i = 0; i < h->n_conv; i++) {
        h->conv_dim[i] = width;
        h->conv_kernel[i] = kernel[i];
        h->conv_stride[i] = stride[i];
    }
}

static void configure_encoder(const ser_config *c, nn_hubert_config *h)
{
    bool conv = ser_is(c->front_end, "conv");

    *h = (nn_hubert_config){
        .encoder = { .width = c->width, .layers = c->layers, .heads = c->heads, .inner = c->inner, .eps = 1e-5f,
            .pre_norm = c->pre_norm, .dropout = (float)c->dropout, .attention_dropout = (float)c->attention_dropout,
            .activation_dropout = (float)c->activation_dropout, .layer_drop = (float)c->layer_drop, .init = (float)c->init },
        .layer_norm_features = c->pre_norm,
        .conv_bias = c->pre_norm,
        .project_norm = conv,       /* on log-mel it would remove the level, which tells emotions apart */
        .project_dropout = (float)c->dropout,
        .final_dropout = (float)c->head_dropout,
        .pos_kernel = c->pos_kernel,
        .pos_groups = c->pos_groups,
        .spec_augment = c->mask_time_prob > 0 || c->mask_feature_prob > 0,
        .mask = { .time_prob = (float)c->mask_time_prob, .time_length = c->mask_time_length,
            .feature_prob = (float)c->mask_feature_prob, .feature_length = c->mask_feature_length },
        .vocab_size = 1,            /* until there is a vocabulary */
        .mel_bins = conv ? 0 : c->bins,
        .mel_stack = conv ? 0 : c->stack,
    };
    configure_convolutions(h, c->conv_width);
}

static bool are_calm(const ser_config *c)
{
    return !c->frozen_dropout && (c->freeze_encoders || (c->stage == 2 && ser_is(c->tune, "adapters")));
}

/* The half that hears. */
static base_status configure_speech(ser_config *c, ser_model_config *out, base_error *e)
{
    if (*c->init_model)
        return ser_folder_read_config(c->init_model, out, e) ? e->status : ser_settle_speech(c, out, e);
    if (!*c->model_config)
        configure_encoder(c, &out->encoder);
    else if (nn_hubert_config_read(&out->encoder, c->model_config, e) || ser_settle_speech(c, out, e))
        return e->status;
    out->front.conv = out->encoder.mel_bins == 0;
    out->front.bins = out->encoder.mel_bins;
    out->front.stack = out->encoder.mel_stack;
    out->front.cmvn = ser_is(c->cmvn, "none") ? SER_CMVN_NONE : ser_is(c->cmvn, "utterance") ? SER_CMVN_UTTERANCE
                                                                                             : SER_CMVN_GLOBAL;
    return BASE_OK;
}

base_status ser_model_configure(ser_config *c, ser_model_config *out, base_error *e)
{
    *out = (ser_model_config){ .text_norm = "none" };
    if (configure_speech(c, out, e) || (*c->init_model && ser_settle_adapters(c, &out->encoder.encoder, e)))
        return e->status;
    if (c->stage == 2 && *c->init_model ? ser_settle_stage(c, out, e) : ser_configure_language(c, out, e))
        return e->status;
    out->head_hidden = c->head_hidden;
    ser_configure_adapters(c, &out->encoder.encoder);
    ser_configure_adapters(c, &out->bert.encoder);
    out->calm = are_calm(c);
    return ser_masked_configure(c, out, e);
}

/* ---- parameters -------------------------------------------------------------------------------------------------- */

/* name is a scope: "lm_head" declares lm_head.weight [out][in] and lm_head.bias [out]. */
static ser_linear new_linear(nn_params *p, const char *name, int in, int out, float init)
{
    ser_linear l;

    nn_params_push(p, name, 0);
    l.w = nn_params_add(p, (nn_init){ NN_INIT_NORMAL, init }, "weight", 2, (int64_t[]){ out, in });
    l.b = nn_params_add(p, (nn_init){ NN_INIT_ZERO, 0 }, "bias", 1, (int64_t[]){ out });
    nn_params_pop(p);
    return l;
}

static ser_head new_head(nn_params *p, const char *name, int in, int hidden, int out, float init)
{
    ser_head h = { 0 };

    nn_params_push(p, name, 0);
    if (hidden)
        h.hidden = new_linear(p, "hidden", in, hidden, init);
    h.out = new_linear(p, "out", hidden ? hidden : in, out, init);
    nn_params_pop(p);
    return h;
}

/* Weights that stay as they are cannot learn too much; dropout would only cost time and blur what adapters read. */
static nn_encoder_config calm(nn_encoder_config c)
{
    c.dropout = c.attention_dropout = c.activation_dropout = c.layer_drop = 0;
    return c;
}

/* BERT and the fusion; returns the columns of what the heads read. */
static int declare_language(ser_model *m)
{
    nn_bert_config b = m->config.bert;

    if (m->config.input == SER_SPEECH)
        return m->config.encoder.encoder.width;
    if (m->config.calm)
        b.encoder = calm(b.encoder);
    nn_params_push(m->params, "bert", 0);
    m->bert = nn_bert_new(m->params, &b, false);
    nn_params_pop(m->params);
    if (m->config.masking.what == SER_PRETRAIN_WORDS && m->bert)
        nn_bert_add_word_head(m->params, m->bert);
    if (m->config.aec)
        m->corrector = ser_corrector_new(m->params, &m->config.bert, m->config.aec_layers,
            m->config.aec == SER_AEC_JOINT ? m->bert : NULL);
    if (m->config.input == SER_TEXT)
        return m->config.bert.encoder.width;
    nn_params_push(m->params, "fusion", 0);
    m->fusion = nn_fusion_new(m->params, &m->config.fusion);
    nn_params_pop(m->params);
    return m->config.fusion.width;
}

static void freeze(nn_params *p, ser_train_part part, bool teach)
{
    nn_params_freeze(p, part == SER_TRAIN_NOTHING ? "" : "front.");
    if (!teach)
        nn_params_freeze(p, "aec.");
    if (part == SER_TRAIN_BUT_CONV)
        nn_params_freeze(p, "hubert.feature_extractor.");
    if (part == SER_TRAIN_ADAPTERS)
        nn_params_freeze(p, "lm_head.");
    if (part == SER_TRAIN_ADAPTERS || part == SER_TRAIN_BUT_ENCODERS) {
        nn_params_freeze(p, "hubert.");
        nn_params_freeze(p, "bert.");
        nn_params_thaw(p, "adapter.");
        nn_params_thaw(p, ".lora.");
    }
}

static void declare(ser_model *m)
{
    const nn_encoder_config *c = &m->config.encoder.encoder;
    nn_hubert_config h = m->config.encoder;
    int cols = m->config.front.bins * m->config.front.stack, read;

    if (m->config.masking.what == SER_PRETRAIN_WORDS) {
        declare_language(m);
        return;
    }
    if (m->config.front.cmvn == SER_CMVN_GLOBAL && !m->config.front.conv) {
        m->mean = nn_params_add(m->params, (nn_init){ NN_INIT_ZERO, 0 }, "front.mean", 1, (int64_t[]){ cols });
        m->scale = nn_params_add(m->params, (nn_init){ NN_INIT_ONE, 0 }, "front.scale", 1, (int64_t[]){ cols });
    }
    if (m->config.calm) {
        h.encoder = calm(h.encoder);
        h.project_dropout = 0;
    }
    nn_params_push(m->params, "hubert", 0);
    m->encoder = nn_hubert_new(m->params, &h);
    nn_params_pop(m->params);
    ser_masked_declare(m);
    if (m->names.vocab)
        m->lm_head = new_linear(m->params, "lm_head", c->width, tx_vocab_size(m->names.vocab), c->init);
    read = declare_language(m);
    for (int t = 0; t < SER_TASKS; t++)
        if (m->names.task[t].n)
            m->head[t] = new_head(m->params, ser_task_name[t], read, m->config.head_hidden, m->names.task[t].n, c->init);
}

ser_model *ser_model_new(const ser_model_config *c, ser_names *names, ser_train_part part, base_error *e)
{
    ser_model *m = calloc(1, sizeof *m);

    if (m) {
        m->config = *c;
        m->names = *names;
        if (names->vocab) {
            m->config.encoder.vocab_size = tx_vocab_size(names->vocab);
            m->config.encoder.pad_id = tx_vocab_blank(names->vocab);
        }
        if (names->pieces && m->config.bert.vocab_size < tx_wordpiece_size(names->pieces))
            m->config.bert.vocab_size = tx_wordpiece_size(names->pieces);      /* published tables may be longer */
        *names = (ser_names){ 0 };
        m->params = nn_params_new();
    }
    if (!m || !m->params) {
        base_fail(e, BASE_NO_MEMORY, "model: out of memory");
        ser_names_free(names);
        ser_model_free(m);
        return NULL;
    }
    declare(m);
    freeze(m->params, part, m->config.aec_learns);
    if ((!m->encoder && c->masking.what != SER_PRETRAIN_WORDS) || (m->config.input != SER_SPEECH && !m->bert) ||
        (m->config.input == SER_BOTH && !m->fusion) || (m->config.aec && !m->corrector)) {
        base_fail(e, BASE_NO_MEMORY, "model: out of memory");
        ser_model_free(m);
        return NULL;
    }
    if (nn_params_build(m->params, e)) {
        base_fail(e, BASE_NO_MEMORY, "model: out of memory");
        ser_model_free(m);
        return NULL;
    }
    return m;
}

void ser_model_free(ser_model *m)
{
    if (!m)
        return;
    nn_hubert_free(m->encoder);
    ser_corrector_free(m->corrector);
    nn_bert_free(m->bert);
    nn_fusion_free(m->fusion);
    nn_params_free(m->params);
    free(m->base);
    ser_names_free(&m->names);
    free(m);
}

void ser_model_search(ser_model *m, int beam, const ser_correct_options *correct)
{
    m->beam = beam;
    if (m->corrector)
        m->corrector->options = *correct;
}

/* ---- forward ----------------------------------------------------------------------------------------------------- */

static nn_tensor *linear(nn_tape *t, const ser_linear *l, nn_tensor *x) { return nn_linear(t, x, l->w, l->b); }

static nn_tensor *head_forward(nn_tape *t, const ser_head *h, nn_tensor *x, float dropout)
{
    x = nn_dropout(t, x, dropout, "dropout");
    if (h->hidden.w)
        x = nn_dropout(t, nn_tanh(t, linear(t, &h->hidden, x)), dropout, "dropout2");
    return linear(t, &h->out, x);
}

static void listen(nn_tape *t, const ser_model *m, const ser_batch *b, ser_outputs *o)
{
    nn_tensor *x = nn_input_wrap(t, b->x, b->begin[b->n], b->cols, b->n, b->begin);

    nn_scope_push(t, "hubert", 0);
    if (m->config.front.conv && b->cols == 1)
        x = nn_hubert_features(t, m->encoder, x);
    o->states = nn_hubert_encode(t, m->encoder, x, -1);
    nn_scope_pop(t);
    if (m->lm_head.w)
        o->ctc = linear(t, &m->lm_head, nn_dropout(t, o->states, m->config.encoder.final_dropout, "lm_head.dropout"));
}

/* What CTC writes down, and what the corrector makes of it. */
static void write_down(nn_tape *t, const ser_model *m, ser_batch *b, bool correct, ser_outputs *o)
{
    nn_tensor *x = nn_log_softmax(t, o->ctc);

    if (x && !ser_words_hear(b, m, x, &o->error) && correct)
        ser_words_correct(b, m, &o->error);
}

/* BERT's states of the texts (r NULL), or of what the model wrote. */
static nn_tensor *read(nn_tape *t, const ser_model *m, const ser_batch *b, const ser_reading *r, ser_outputs *o)
{
    nn_tensor *x;

    if (o->error.status)
        return NULL;
    nn_scope_push(t, r ? "bert.heard" : "bert", 0);
    x = nn_bert_encode(t, m->bert, nn_bert_embed(t, m->bert, r ? r->piece : b->piece, NULL, b->n, r ? r->begin : b->piece_begin), -1);
    nn_scope_pop(t);
    o->text[r != NULL] = nn_mean_pool(t, x);
    return x;
}

/* The text that stands for all, and for the contrast the other one. */
static nn_tensor *read_all(nn_tape *t, const ser_model *m, ser_batch *b, ser_outputs *o)
{
    bool given = b->words == SER_REF || b->words == SER_NOISY, correct = m->corrector && (given || b->words == SER_CORRECTED);
    const ser_reading *own = correct ? &b->corrected : &b->heard;
    nn_tensor *words;

    if (!given || b->contrast || b->teach)
        write_down(t, m, b, correct && (!given || b->contrast), o);
    words = read(t, m, b, given ? NULL : own, o);
    if (b->contrast)
        read(t, m, b, given ? own : NULL, o);
    if (b->teach && !o->error.status)
        o->aec = ser_corrector_learn(t, m->corrector, b->heard.piece, b->heard.begin, b->n, &b->lesson);
    return words;
}

bool ser_gates_frames(const ser_model *m)
{
    return m->fusion && (m->config.fusion.kind == NN_FUSE_TGF || m->config.fusion.kind == NN_FUSE_TGF_GATE);
}

void ser_forward(nn_tape *t, const ser_model *m, ser_batch *b, ser_outputs *o)
{
    float dropout = m->config.encoder.final_dropout;
    nn_tensor *words = NULL;

    *o = (ser_outputs){ .error = BASE_ERROR_INIT };
    if (m->config.masking.what) {
        ser_masked_forward(t, m, b, o);
        return;
    }
    if (m->config.input != SER_TEXT)
        listen(t, m, b, o);
    if (m->bert)
        words = read_all(t, m, b, o);
    o->fused = m->fusion ? nn_fusion_apply(t, m->fusion, o->states, words, o->gates) : m->bert ? o->text[b->words >= SER_ASR]
                                                                                           : nn_mean_pool(t, o->states);
    for (int k = 0; k < SER_TASKS; k++)
        if (m->head[k].out.w) {
            nn_scope_push(t, ser_task_name[k], 0);
            o->task[k] = head_forward(t, &m->head[k], o->fused, dropout);
            nn_scope_pop(t);
        }
}

/* ---- losses ------------------------------------------------------------------------------------------------------ */

static nn_tensor *task_loss(nn_tape *t, ser_task k, const ser_batch *b, nn_tensor *logits, const ser_weighting *w)
{
    nn_cross_entropy_options o = NN_CROSS_ENTROPY_DEFAULTS;

    o.reduction = NN_SUM;
    if (k == SER_EMOTION) {
        o.weight = w->class_weight;
        o.smoothing = (float)w->label_smoothing;
    }
    return nn_scale(t, nn_cross_entropy(t, logits, b->label[k], &o), (float)(1 / w->total[k]));
}

static nn_tensor *ctc_loss(nn_tape *t, const ser_model *m, const ser_batch *b, nn_tensor *logits, const ser_weighting *w)
{
    nn_ctc_options o = NN_CTC_DEFAULTS;

    o.blank = tx_vocab_blank(m->names.vocab);
    o.reduction = w->reduction;
    return nn_scale(t, nn_ctc_loss(t, logits, b->ctc, b->ctc_begin, &o, NULL), o.reduction == NN_CTC_SUM ? 1 : (float)(b->n / w->ctc_total));
}

static nn_tensor *aec_loss(nn_tape *t, const ser_batch *b, nn_tensor *logits, const ser_weighting *w)
{
    nn_cross_entropy_options o = NN_CROSS_ENTROPY_DEFAULTS;

    o.reduction = NN_SUM;
    return nn_scale(t, nn_cross_entropy(t, logits, b->lesson.label, &o), (float)(1 / w->aec_total));
}

/* The batch's vectors of one side in front of all others of the update. */
static nn_tensor *among_all(nn_tape *t, nn_tensor *own, const ser_vectors *v, int side)
{
    int64_t behind = v->first + own->rows, cols = v->width;
    nn_tensor *x = nn_stack(t, own, nn_input_wrap(t, v->x[side], v->first, v->width, 0, NULL));

    return nn_stack(t, x, nn_input_wrap(t, v->x[side] + behind * cols, v->n - behind, v->width, 0, NULL));
}

/* Eq. 15 over the batch, or over the update, of which the batch's vectors alone get a gradient: summed over the batches it is that of
 * the whole. */
static nn_tensor *contrast_loss(nn_tape *t, const ser_batch *b, const ser_outputs *o, const ser_weighting *w)
{
    const ser_vectors *v = &w->vectors;
    int64_t n = b->n;

    if (v->n <= n)
        return nn_scale(t, nn_contrastive_loss(t, o->text[0], o->text[1], (float)w->temperature, b->same), (float)(b->n / w->ctc_total));
    memcpy(v->order, v->same + v->first, sizeof *v->order * (size_t)n);
    memcpy(v->order + n, v->same, sizeof *v->order * (size_t)v->first);
    memcpy(v->order + v->first + n, v->same + v->first + n, sizeof *v->order * (size_t)(v->n - v->first - n));
    return nn_contrastive_loss(t, among_all(t, o->text[0], v, 0), among_all(t, o->text[1], v, 1), (float)w->temperature, v->order);
}

static nn_tensor *add_weighted(nn_tape *t, nn_tensor *sum, nn_tensor *loss, double lambda)
{
    loss = nn_scale(t, loss, (float)lambda);
    return sum ? nn_add(t, sum, loss) : loss;
}

/* As fairseq's criterion: sums over the predicted places, divided by how many there are in the update. */
static nn_tensor *masked_loss(nn_tape *t, nn_tensor *logits, const int *target, const ser_weighting *w)
{
    nn_cross_entropy_options o = NN_CROSS_ENTROPY_DEFAULTS;

    o.reduction = NN_SUM;
    return nn_scale(t, nn_cross_entropy(t, logits, target, &o), (float)(1 / w->predicted));
}

void ser_loss(nn_tape *t, const ser_model *m, const ser_batch *b, const ser_outputs *o, const ser_weighting *w, ser_losses *l)
{
    *l = (ser_losses){ 0 };
    for (int k = 0; k < SER_TASKS; k++)
        if (o->task[k] && w->lambda[k] > 0 && w->total[k] > 0) {
            l->task[k] = task_loss(t, (ser_task)k, b, o->task[k], w);
            l->total = add_weighted(t, l->total, l->task[k], w->lambda[k]);
        }
    if (o->ctc && w->ctc > 0) {
        l->ctc = ctc_loss(t, m, b, o->ctc, w);
        l->total = add_weighted(t, l->total, l->ctc, w->ctc);
    }
    if (o->aec && w->aec > 0) {
        l->aec = aec_loss(t, b, o->aec, w);
        l->total = add_weighted(t, l->total, l->aec, w->aec);
    }
    if (o->text[0] && o->text[1] && w->contrast > 0) {
        l->contrast = contrast_loss(t, b, o, w);
        l->total = add_weighted(t, l->total, l->contrast, w->contrast);
    }
    if (o->masked && w->predicted > 0) {
        l->masked = masked_loss(t, o->masked, b->hidden.target, w);
        l->total = add_weighted(t, l->total, l->masked, 1);
    }
    if (o->others && w->unmasked > 0)
        l->total = add_weighted(t, l->total, masked_loss(t, o->others, b->hidden.target + b->hidden.masked, w), w->unmasked);
    if (o->features && o->features->needs_grad && w->penalty > 0)
        l->total = add_weighted(t, l->total, nn_mean_square(t, o->features),
            w->penalty * (w->frames > 0 ? (double)o->features->rows / w->frames : 1));
}

/* ---- cost -------------------------------------------------------------------------------------------------------- */

/* The heads see a row an utterance: nothing, beside the frames. */
double ser_model_flop(const ser_model *m, int64_t rows, int cols)
{
    const nn_hubert_config *h = &m->config.encoder;
    double flop = 0, frames = (double)rows;

    for (int i = 0, in = 1; m->config.front.conv && cols == 1 && i < h->n_conv; in = h->conv_dim[i++]) {
        frames /= h->conv_stride[i];
        flop += 2 * frames * in * h->conv_dim[i] * h->conv_kernel[i];
    }
    for (int i = 0; i < nn_params_count(m->params); i++) {
        const nn_param *p = nn_params_at(m->params, i);

        if (p->ndim > 1 && (strncmp(p->name, "hubert.", 7) == 0 || strncmp(p->name, "lm_head.", 8) == 0) &&
            !strstr(p->name, "feature_extractor."))
            flop += 2 * frames * (double)p->count;
    }
    return flop;
}
