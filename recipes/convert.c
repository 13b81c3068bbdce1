/* A checkpoint handed on: as Hugging Face's libraries read it, or as serin-train writes it. Tensors are copied one by
 * one under their names; the folder is made beside its place and moved there when it is whole. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/temporary.h"
#include "recipes/checkpoint.h"
#include "recipes/json.h"

#define MOST_COMPANION ((size_t)256 << 20)

/* ---- tensors ----------------------------------------------------------------------------------------------------- */

static bool begins_with(const char *s, const char *beginning) { return !strncmp(s, beginning, strlen(beginning)); }

/* What our models have behind the encoder and CTC's head. */
static bool is_head(const char *name)
{
    if (begins_with(name, "fusion.") || begins_with(name, "bert."))
        return true;
    for (int t = 0; t < SER_TASKS; t++)
        if (begins_with(name, ser_task_name[t]) && name[strlen(ser_task_name[t])] == '.')
            return true;
    return false;
}

/* The names are encoder.c's. */
static bool is_adapter(const char *name)
{
    return strstr(name, ".adapter.") || strstr(name, ".attention_adapter.") || strstr(name, ".lora.");
}

static bool are_equal(const nn_file_tensor *a, const nn_file_tensor *b)
{
    return b && a->data && b->data && a->dtype == b->dtype && a->bytes == b->bytes && !a->stride && !b->stride &&
           !memcmp(a->data, b->data, a->bytes);
}

/* What transformers ties: BERT's output matrix is the word table, and two names have one bias. */
static bool is_tied(const nn_archive *a, const nn_file_tensor *t)
{
    if (!strcmp(t->name, "cls.predictions.decoder.weight"))
        return are_equal(t, nn_archive_find(a, "bert.embeddings.word_embeddings.weight"));
    return !strcmp(t->name, "cls.predictions.decoder.bias") && are_equal(t, nn_archive_find(a, "cls.predictions.bias"));
}

static bool is_wanted(const ser_checkpoint *c, const nn_file_tensor *t, const ser_convert_options *o)
{
    bool tie = !json_is_false(json_object_get(c->config, "tie_word_embeddings"));

    return !begins_with(t->name, "serin.") && !(o->bert && !begins_with(t->name, "bert.")) && !(o->drop_heads && !o->bert && c->ours && is_head(t->name)) &&
           !(o->drop_adapters && is_adapter(t->name)) && !(tie && is_tied(c->archive, t));
}

static bool is_float(nn_dtype d) { return d == NN_F32 || d == NN_F16 || d == NN_BF16 || d == NN_F64; }

/* Tensors to be saved, and for free() what had to be made for them. */
typedef struct tensors {
    nn_save_tensor *list;
    void          **made;
    int             n, n_made;
} tensors;

static void *keep(tensors *s, void *made) { return made ? s->made[s->n_made++] = made : NULL; }

/* Integers stay as they are. */
static base_status add_tensor(tensors *s, const nn_file_tensor *t, const ser_convert_options *o, base_error *e)
{
    bool round = o->round && is_float(t->dtype);
    nn_dtype d = round ? o->dtype : t->dtype;
    nn_save_tensor *x = &s->list[s->n++];
    void *data;

    *x = (nn_save_tensor){ t->name, d, t->ndim, t->shape, t->data };
    if (!t->data && t->bytes)
        return base_fail(e, BASE_UNSUPPORTED, "tensor \"%.120s\": dtype %s cannot be copied", t->name, t->dtype_text);
    if (t->count == 0 || (d == t->dtype && !t->stride))
        return BASE_OK;
    data = keep(s, malloc((size_t)t->count * nn_dtype_size(d)));
    if (!data)
        return base_fail(e, BASE_NO_MEMORY, "no memory for tensor \"%.120s\"", t->name);
    x->data = data;
    if (round)
        return nn_file_tensor_round(t, d, data, e);
    nn_file_tensor_bytes(t, data);
    return BASE_OK;
}

/* ---- tensors that Hugging Face's classes have and other files have not ------------------------------------------- */

/* How the names of HuBERT begin in the file. */
static const char *base_of(const nn_archive *a)
{
    return nn_archive_find(a, "hubert.feature_projection.projection.weight") ? "hubert."
        : nn_archive_find(a, "wav2vec2.feature_projection.projection.weight") ? "wav2vec2." : "";
}

/* The weight of the convolution that tells positions, its weight norm multiplied out; transformers wants it apart. */
static bool is_whole_weight(const char *name)
{
    const char *end = strstr(name, "encoder.pos_conv_embed.conv.weight");

    return end && !strcmp(end, "encoder.pos_conv_embed.conv.weight");
}

static bool has_whole_weight(const nn_archive *a)
{
    for (int i = 0; i < nn_archive_count(a); i++)
        if (is_whole_weight(nn_archive_at(a, i)->name))
            return true;
    return false;
}

/* Biases of convolutions that fairseq's large models lack, which transformers would draw at random, are 0. */
static bool is_lacking(const nn_archive *a, const char *name, const char *plain, bool whole)
{
    size_t n = strlen(plain);

    if (whole && strstr(plain, "encoder.pos_conv_embed.conv.weight_"))
        return true;
    return begins_with(plain, "feature_extractor.conv_layers.") && n > 10 && !strcmp(plain + n - 10, ".conv.bias") &&
           !nn_archive_find(a, name);
}

/* The values are m's. */
static base_status add_lacking(tensors *s, const nn_archive *a, const ser_model *m, const ser_convert_options *o, base_error *e)
{
    bool whole = has_whole_weight(a);

    for (int i = 0; i < nn_params_count(m->params) && !e->status; i++) {
        const nn_param *q = nn_params_at(m->params, i);
        const char *plain = q->name + strlen("hubert.");
        char *name = NULL;

        if (!begins_with(q->name, "hubert."))
            continue;
        if (asprintf(&name, "%s%s", base_of(a), plain) < 0)
            return base_fail(e, BASE_NO_MEMORY, "out of memory");
        nn_file_tensor t = { .name = keep(s, name), .dtype = NN_F32, .dtype_text = "F32", .ndim = q->ndim,
            .count = q->count, .bytes = (size_t)q->count * sizeof *q->x, .data = q->x };
        if (is_lacking(a, name, plain, whole)) {
            add_tensor(s, &t, o, e);
            s->list[s->n - 1].shape = q->shape;
        }
    }
    return e->status;
}

/* m: NULL, or the model of c, which lends what c lacks. */
static base_status write_tensors(const ser_checkpoint *c, const ser_model *m, const char *path,
    const ser_convert_options *o, const nn_meta *meta, int n_meta, base_error *e)
{
    /* With checksums, but for others: byte for byte what the reference implementation writes. */
    base_status (*save)(const char *, const nn_save_tensor *, int, const nn_meta *, int, base_error *) =
        o->to_serin ? nn_safetensors_save_summed : nn_safetensors_save;
    size_t room = (size_t)nn_archive_count(c->archive) + 2 * (size_t)(m ? nn_params_count(m->params) : 0) + 1;
    tensors s = { calloc(room, sizeof *s.list), calloc(room, sizeof *s.made), 0, 0 };

    if (!s.list || !s.made)
        base_fail(e, BASE_NO_MEMORY, "out of memory");
    for (int i = 0; i < nn_archive_count(c->archive) && !e->status; i++) {
        const nn_file_tensor *t = nn_archive_at(c->archive, i);

        if (is_wanted(c, t, o) && !(m && is_whole_weight(t->name)))
            add_tensor(&s, t, o, e);
    }
    if (!e->status && m)
        add_lacking(&s, c->archive, m, o, e);
    if (e->status)
        base_fail_in(e, "%s", c->path);
    else
        save(path, s.list, s.n, meta, n_meta, e);
    for (int i = 0; i < s.n_made; i++)
        free(s.made[i]);
    free(s.made);
    free(s.list);
    return e->status;
}

/* ---- what lies beside the weights -------------------------------------------------------------------------------- */

static base_status copy_beside(const ser_checkpoint *c, const char *name, const char *dir, base_error *e)
{
    char *from = ser_folder_path(c->path, name), *to = base_path_join(dir, name), *text = NULL;
    size_t size = 0;
    base_out out;

    if (!from || !to)
        base_fail(e, BASE_NO_MEMORY, "%s: out of memory", name);
    else if (base_exists(from) && !base_read_file(from, MOST_COMPANION, &text, &size, e) &&
             !base_out_open(&out, to, e)) {
        fwrite(text, 1, size, out.f);
        base_out_commit(&out, e);
    }
    free(text);
    free(from);
    free(to);
    return e->status;
}

static base_status copy_companions(const ser_checkpoint *c, const char *dir, base_error *e)
{
    static const char *const names[] = { "preprocessor_config.json", "processor_config.json", "tokenizer_config.json", "special_tokens_map.json",
        "added_tokens.json", "vocab.json", "vocab.txt", "tokenizer.json" };

    for (size_t i = 0; i < sizeof names / sizeof *names && !e->status; i++)
        copy_beside(c, names[i], dir, e);
    return e->status;
}

/* The words for special tokens that a vocabulary of ours has, so that AutoTokenizer knows whose it is. */
static json_t *tokenizer_json(const tx_vocab *v)
{
    int unknown = tx_vocab_unknown(v), delimiter = tx_vocab_delimiter(v);
    const char *begin = tx_vocab_find(v, "<s>") < 0 ? NULL : "<s>";
    const char *end = tx_vocab_find(v, "</s>") < 0 ? NULL : "</s>";

    return json_pack("{s:s, s:s, s:s?, s:s?, s:s?, s:s?}", "tokenizer_class", "Wav2Vec2CTCTokenizer", "pad_token",
        tx_vocab_token(v, tx_vocab_blank(v)), "unk_token", unknown < 0 ? NULL : tx_vocab_token(v, unknown),
        "word_delimiter_token", delimiter < 0 ? NULL : tx_vocab_token(v, delimiter), "bos_token", begin,
        "eos_token", end);
}

/* What a HuBERT's folder has of Hugging Face's and ours, or fairseq's, has not. */
static base_status add_companions(const ser_checkpoint *c, const char *dir, base_error *e)
{
    char *preprocessor = base_path_join(dir, "preprocessor_config.json"), *vocab = base_path_join(dir, "vocab.json"),
         *tokenizer = base_path_join(dir, "tokenizer_config.json");
    ser_model_config config;
    tx_vocab *v;

    if (!preprocessor || !vocab || !tokenizer)
        base_fail(e, BASE_NO_MEMORY, "%s: out of memory", dir);
    else if (!base_exists(preprocessor) && !ser_folder_read_config(c->path, &config, e))
        ser_folder_write_preprocessor(&config, preprocessor, e);
    if (!e->status && base_exists(vocab) && !base_exists(tokenizer) && (v = tx_vocab_read(vocab, NULL, e))) {
        ser_json_write(tokenizer_json(v), tokenizer, e);
        tx_vocab_free(v);
    }
    free(preprocessor);
    free(vocab);
    free(tokenizer);
    return e->status;
}

/* ---- the two kinds of folders ------------------------------------------------------------------------------------ */

static const char *const dtype_word[] = { [NN_F32] = "float32", [NN_F16] = "float16", [NN_BF16] = "bfloat16" };

/* transformers up to 4 reads torch_dtype, later ones dtype. */
static json_t *config_json(const ser_checkpoint *c, const ser_convert_options *o)
{
    static const char *const adapters[] = { "serin_adapter_dim", "serin_adapter_attention", "serin_adapter_gelu",
        "serin_lora_rank", "serin_lora_alpha", "serin_adapter_layers" };
    json_t *j = json_deep_copy(c->config);
    bool lm = nn_archive_find(c->archive, "lm_head.weight"), ok = j != NULL;

    json_object_del(j, "serin");
    json_object_del(j, "do_normalize");     /* fairseq's; add_companions writes it where it belongs */
    for (size_t i = 0; i < sizeof adapters / sizeof *adapters && o->drop_adapters; i++)
        json_object_del(j, adapters[i]);
    if (ok && c->ours)
        ok = !json_object_set_new(j, "architectures", json_pack("[s]", lm ? "HubertForCTC" : "HubertModel"));
    if (ok && o->round)
        ok = !json_object_set_new(j, "dtype", json_string(dtype_word[o->dtype])) &&
             !json_object_set_new(j, "torch_dtype", json_string(dtype_word[o->dtype]));
    if (ok)
        return j;
    json_decref(j);
    return NULL;
}

/* *m is the encoder of a HuBERT that lacks some of it, else NULL. */
static base_status load_lacking(const ser_checkpoint *c, ser_model **m, base_error *e)
{
    ser_match match = { .misfit = BASE_ERROR_INIT };
    nn_load l = { .only = "hubert." };

    if (c->kind == SER_KIND_BERT || ser_checkpoint_match(c, &match, e) ||
        (!match.load.zeroed && !has_whole_weight(c->archive)))
        return e->status;
    *m = ser_model_describe(c->path, e);
    if (*m)
        nn_params_load((*m)->params, c->path, &l, e);
    return e->status;
}

static base_status write_hf(const ser_checkpoint *c, const char *dir, const ser_convert_options *o, base_error *e)
{
    char *config = base_path_join(dir, "config.json"), *weights = base_path_join(dir, "model.safetensors");
    const nn_meta meta = { "format", "pt" };
    ser_model *m = NULL;

    if (!config || !weights)
        base_fail(e, BASE_NO_MEMORY, "%s: out of memory", dir);
    else if (!ser_json_write(config_json(c, o), config, e) && !copy_companions(c, dir, e) &&
             (c->kind == SER_KIND_BERT || !add_companions(c, dir, e)) && !load_lacking(c, &m, e))
        write_tensors(c, m, weights, o, &meta, 1, e);
    ser_model_free(m);
    free(config);
    free(weights);
    return e->status;
}

/* The tokenizer's class that cuts words as w does: a tokenizer.json is taken as it is. */
static base_status write_pieces(const ser_checkpoint *c, const char *dir, base_error *e)
{
    char *path = base_path_join(dir, "tokenizer_config.json"), *text = base_path_join(dir, "vocab.txt");
    ser_names names = { 0 };

    if (!path || !text)
        base_fail(e, BASE_NO_MEMORY, "%s: out of memory", dir);
    else if (!ser_language_pieces(c->path, &names, e) && !tx_wordpiece_save(names.pieces, dir, e))
        ser_json_write(json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "tokenizer_class",
            base_exists(text) ? "BertTokenizer" : "PreTrainedTokenizerFast", "unk_token", "[UNK]", "cls_token", "[CLS]", "sep_token",
            "[SEP]", "pad_token", "[PAD]", "mask_token", "[MASK]"), path, e);
    ser_names_free(&names);
    free(path);
    free(text);
    return e->status;
}

static base_status write_bert_config(const ser_checkpoint *c, const char *dir, const ser_convert_options *o, base_error *e)
{
    char *from = ser_folder_path(c->path, "bert_config.json"), *to = base_path_join(dir, "config.json");
    json_t *j = from && to ? ser_config_json(from, e) : NULL, *value;
    const char *key;
    void *next;

    if (!from || !to)
        base_fail(e, BASE_NO_MEMORY, "%s: out of memory", dir);
    json_object_foreach_safe(j, next, key, value)
        if (begins_with(key, "serin_"))
            json_object_del(j, key);
    if (j && (json_object_set_new(j, "architectures", json_pack("[s]", "BertModel")) ||
        (o->round && json_object_set_new(j, "dtype", json_string(dtype_word[o->dtype]))))) {
        json_decref(j);
        j = NULL;
    }
    if (!e->status)
        ser_json_write(j, to, e);
    else
        json_decref(j);
    free(from);
    free(to);
    return e->status;
}

static base_status write_bert(const ser_checkpoint *c, const char *dir, const ser_convert_options *o, base_error *e)
{
    char *weights = base_path_join(dir, "model.safetensors");
    const nn_meta meta = { "format", "pt" };

    if (!weights)
        base_fail(e, BASE_NO_MEMORY, "%s: out of memory", dir);
    else if (!write_bert_config(c, dir, o, e) && !write_pieces(c, dir, e))
        write_tensors(c, NULL, weights, o, &meta, 1, e);
    free(weights);
    return e->status;
}

/* Weights that serin-train wrote, once more in another type. */
static base_status round_weights(const char *dir, const ser_convert_options *o, base_error *e)
{
    ser_checkpoint *c = ser_checkpoint_open(dir, e);
    const nn_meta *m;
    nn_meta *meta;
    int n = 0;

    if (!c)
        return e->status;
    while (nn_archive_meta_at(c->archive, n))
        n++;
    meta = malloc(((size_t)n + 1) * sizeof *meta);
    for (int i = 0; meta && (m = nn_archive_meta_at(c->archive, i)); i++)
        meta[i] = *m;
    if (meta)
        write_tensors(c, NULL, nn_archive_file(c->archive, 0), o, meta, n, e);
    else
        base_fail(e, BASE_NO_MEMORY, "%s: out of memory", dir);
    free(meta);
    ser_checkpoint_free(c);
    return e->status;
}

typedef struct vocabulary { const ser_checkpoint *from; const char *dir; } vocabulary;

/* Copied as it is, because the files beside it speak of it. */
static base_status copy_vocabulary(void *data, base_error *e)
{
    static const char *const names[] = { "vocab.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json" };
    const vocabulary *v = data;

    for (size_t i = 0; i < sizeof names / sizeof *names && !e->status; i++)
        copy_beside(v->from, names[i], v->dir, e);
    return e->status;
}

static base_status write_serin(const ser_checkpoint *c, const char *dir, const ser_convert_options *o, base_error *e)
{
    ser_model *m = ser_model_load(c->path, e);

    if (m && !ser_model_save_with(m, dir, copy_vocabulary, &(vocabulary){ c, dir }, e) && o->round && o->dtype != NN_F32)
        round_weights(dir, o, e);
    ser_model_free(m);
    return e->status;
}

static base_status check_bert(const ser_checkpoint *c, const ser_convert_options *o, base_error *e)
{
    ser_model_config m;

    if (!c->ours || ser_folder_read_config(c->path, &m, e))
        return base_fail(e, BASE_UNSUPPORTED, "%s: no model of serin-train's, whose BERT could be taken out of it", c->path);
    if (m.input == SER_SPEECH)
        return base_fail(e, BASE_MISSING, "%s: hears speech alone, there is no BERT in it", c->path);
    if ((m.bert.encoder.adapter || m.bert.encoder.lora) && !o->drop_adapters)
        return base_fail(e, BASE_UNSUPPORTED, "%s: its BERT has adapters or LoRA, which no BERT of Hugging Face's has; --drop-adapters leaves "
            "them out", c->path);
    return BASE_OK;
}

/* Ours, and its HuBERT is there for nothing. */
static bool reads_text(const ser_checkpoint *c)
{
    base_error why = BASE_ERROR_INIT;
    ser_model_config m;

    return c->ours && !ser_folder_read_config(c->path, &m, &why) && m.input == SER_TEXT;
}

static base_status check(const ser_checkpoint *c, const ser_convert_options *o, base_error *e)
{
    ser_match m = { .misfit = BASE_ERROR_INIT };

    if (ser_checkpoint_match(c, &m, e))
        return e->status;
    if (m.misfit.status)
        return base_fail(e, m.misfit.status, "%s: %s", c->path, m.misfit.text);
    if (o->to_serin && (c->kind == SER_KIND_BERT || !m.recognises))
        return base_fail(e, BASE_UNSUPPORTED, "%s: %s, which Serin reads as Hugging Face's: nothing to convert to serin",
            c->path, m.as);
    if (o->bert)
        return check_bert(c, o, e);
    if (!o->to_serin && json_object_get(c->config, "serin_front_end"))
        return base_fail(e, BASE_UNSUPPORTED, "%s: hears log-mel energies, which no model of Hugging Face's does",
            c->path);
    return BASE_OK;
}

/* ---- the folder -------------------------------------------------------------------------------------------------- */

static base_status check_empty(const char *out, base_error *e)
{
    DIR *d = opendir(out);
    struct dirent *entry;
    int n = 0;

    if (!d)
        return errno == ENOENT ? BASE_OK : base_fail_errno(e, "%s", out);
    while ((errno = 0, entry = readdir(d)))
        n += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
    if (errno)
        base_fail_errno(e, "%s: cannot be listed to its end", out);
    closedir(d);
    return e->status ? e->status : n ? base_fail(e, BASE_VALUE, "%s: not empty; nothing is written over", out) : BASE_OK;
}

static base_status write_folder(const ser_checkpoint *c, const char *out, const ser_convert_options *o, base_error *e)
{
    size_t n = strlen(out);
    char *tmp = NULL;

    while (n > 1 && out[n - 1] == '/')
        n--;
    char *plain = strndup(out, n);

    if (!plain || !(tmp = base_temporary_name(plain, 0))) {
        free(plain);
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", out);
    }
    base_temporary_sweep(plain);
    int fd = base_make_dirs(tmp, e) ? -1 : open(tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (!e->status) {
        if (fd >= 0)
            base_temporary_hold(fd);
        o->to_serin ? write_serin(c, tmp, o, e) : o->bert ? write_bert(c, tmp, o, e) : write_hf(c, tmp, o, e);
        if (!e->status)
            base_rename(tmp, plain, e);
        if (e->status)
            base_temporary_remove(tmp);
    }
    if (fd >= 0)
        close(fd);
    base_temporary_forget(tmp);
    free(plain);
    return e->status;
}

base_status ser_checkpoint_convert(const char *in, const char *out, const ser_convert_options *o, base_error *e)
{
    ser_convert_options own = *o;
    ser_checkpoint *c;

    if (check_empty(out, e) || !(c = ser_checkpoint_open(in, e)))
        return e->status;
    own.bert |= !o->to_serin && reads_text(c);
    if (!check(c, &own, e))
        write_folder(c, out, &own, e);
    ser_checkpoint_free(c);
    return e->status;
}
