/* A checkpoint and its configuration, looked at: what it holds, whether its tensors are those of the model it says it
 * is, and which programs read it. Text out of files goes through JSON, so that no control character of a name reaches a
 * terminal. */
#include "recipes/checkpoint.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "recipes/json.h"

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static void name_kind(ser_checkpoint *c)
{
    const char *type = json_string_value(json_object_get(c->config, "model_type"));

    c->ours = json_object_get(c->config, "serin") != NULL;
    if (type && (!strcmp(type, "hubert") || !strcmp(type, "wav2vec2")))
        c->kind = SER_KIND_HUBERT;
    else if (type && !strcmp(type, "bert"))
        c->kind = SER_KIND_BERT;
}

static base_status read_config(ser_checkpoint *c, base_error *e)
{
    char *path = ser_config_path(c->path);

    if (!path)
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", c->path);
    if (base_exists(path)) {
        c->config = ser_config_json(path, e);
        name_kind(c);
    }
    free(path);
    return e->status;
}

ser_checkpoint *ser_checkpoint_open(const char *path, base_error *e)
{
    ser_checkpoint *c = calloc(1, sizeof *c);

    if (!c || !(c->path = strdup(path)))
        base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path);
    else if ((c->archive = nn_archive_open(path, e)) && (nn_no_verify || !nn_archive_verify(c->archive, e)) &&
             !read_config(c, e))
        return c;
    ser_checkpoint_free(c);
    return NULL;
}

void ser_checkpoint_free(ser_checkpoint *c)
{
    if (!c)
        return;
    nn_archive_close(c->archive);
    json_decref(c->config);
    free(c->path);
    free(c);
}

/* ---- JSON of what may be anything -------------------------------------------------------------------------------- */

/* Bytes that are no UTF-8 become U+FFFD. NULL: no memory. */
static json_t *text(const char *s)
{
    char *clean = malloc(3 * strlen(s) + 1);
    size_t n = 0;
    json_t *j;

    if (!clean)
        return NULL;
    for (const char *p = s; *p;)
        n += (size_t)tx_utf8_put(tx_utf8_next(&p), clean + n);
    j = json_stringn(clean, n);
    free(clean);
    return j;
}

static bool put(json_t *object, const char *key, json_t *value) { return json_object_set_new(object, key, value) == 0; }

/* ---- what is in it ----------------------------------------------------------------------------------------------- */

static bool put_files(json_t *j, const nn_archive *a)
{
    json_t *list = json_array();
    bool ok = list != NULL;

    for (int i = 0; i < nn_archive_files(a) && ok; i++) {
        struct stat s = { 0 };

        stat(nn_archive_file(a, i), &s);
        ok = json_array_append_new(list, json_pack("{s:o, s:I}", "path", text(nn_archive_file(a, i)), "bytes",
            (json_int_t)s.st_size)) == 0;
    }
    return put(j, "files", list) && ok;
}

static json_t *tensor_json(const nn_file_tensor *t)
{
    json_t *shape = json_array();

    for (int d = 0; d < t->ndim && shape; d++)
        if (json_array_append_new(shape, json_integer(t->shape[d]))) {
            json_decref(shape);
            shape = NULL;
        }
    return json_pack("{s:o, s:o, s:o}", "name", text(t->name), "dtype", text(t->dtype_text), "shape", shape);
}

/* What training keeps beside the parameters. */
static bool is_state(const char *name) { return !strncmp(name, "serin.", 6); }

static bool put_tensors(json_t *j, const nn_archive *a)
{
    json_t *list = json_array();
    json_int_t parameters = 0, bytes = 0;
    bool ok = list != NULL;

    for (int i = 0; i < nn_archive_count(a) && ok; i++) {
        const nn_file_tensor *t = nn_archive_at(a, i);

        parameters += is_state(t->name) ? 0 : t->count;
        bytes += (json_int_t)t->bytes;
        ok = json_array_append_new(list, tensor_json(t)) == 0;
    }
    return put(j, "tensors", list) && put(j, "tensor_count", json_integer(nn_archive_count(a))) &&
           put(j, "parameters", json_integer(parameters)) && put(j, "bytes", json_integer(bytes)) && ok;
}

static bool put_metadata(json_t *j, const nn_archive *a)
{
    json_t *all = json_object();
    const nn_meta *m;
    bool ok = all != NULL;

    for (int i = 0; (m = nn_archive_meta_at(a, i)) && ok; i++)
        ok = put(all, m->key, text(m->value));
    return put(j, "metadata", all) && ok;
}

/* ---- what Serin would do with it --------------------------------------------------------------------------------- */

static const char *const fit_key[] = { [NN_FIT_MISSING] = "missing", [NN_FIT_ZEROED] = "taken_as_0",
    [NN_FIT_OTHER_SHAPE] = "of_another_shape", [NN_FIT_OTHER_DTYPE] = "of_another_type",
    [NN_FIT_UNEXPECTED] = "unexpected" };

/* What tells of names: an object that has a list for each fit. */
typedef struct lists {
    json_t *use;
    bool    lost;       /* there was no memory for a name */
} lists;

static void list_name(void *data, nn_fit fit, const char *name)
{
    lists *l = data;

    l->lost |= json_array_append_new(json_object_get(l->use, fit_key[fit]), text(name)) != 0;
}

/* HuBERT with CTC's head where there is one, and ours with all heads. */
static base_status match_hubert(const ser_checkpoint *c, ser_match *m, base_error *e)
{
    ser_model *model = ser_model_describe(c->path, e);
    bool heads = c->ours || nn_archive_find(c->archive, "lm_head.weight");

    if (!model)
        return e->status;
    m->recognises = c->ours || (heads && model->names.vocab);
    m->as = c->ours ? "serin-train's model" : m->recognises ? "HuBERT for CTC" : "HuBERT";
    m->load.only = heads ? NULL : "hubert.";
    m->load.allow_missing |= nn_archive_meta(c->archive, "serin.base") != NULL;     /* which its base has */
    nn_params_match(model->params, c->archive, &m->load, &m->misfit);
    ser_model_free(model);
    return e->status;
}

static bool has_either(const nn_archive *a, const char *name, const char *other)
{
    return nn_archive_find(a, name) || nn_archive_find(a, other);
}

/* BERT with pooler and masked-word head where they are. */
static base_status match_bert(const ser_checkpoint *c, ser_match *m, base_error *e)
{
    bool words = nn_archive_find(c->archive, "cls.predictions.bias");
    char *path = ser_folder_path(c->path, "config.json");
    nn_params *p = nn_params_new();
    nn_bert *model = NULL;
    nn_bert_config config;

    m->as = words ? "BERT with its masked-word head" : "BERT";
    if (!path || !p) {
        base_fail(e, BASE_NO_MEMORY, "%s: out of memory", c->path);
    } else if (!nn_bert_config_read(&config, path, e)) {
        nn_params_push(p, "bert", 0);
        model = nn_bert_new(p, &config, has_either(c->archive, "bert.pooler.dense.weight", "pooler.dense.weight"));
        nn_params_pop(p);
        if (model && words)
            nn_bert_add_word_head(p, model);
        if (model)
            nn_params_match(p, c->archive, &m->load, &m->misfit);
        else
            base_fail(e, BASE_NO_MEMORY, "%s: out of memory", c->path);
    }
    nn_bert_free(model);
    nn_params_free(p);
    free(path);
    return e->status;
}

base_status ser_checkpoint_match(const ser_checkpoint *c, ser_match *m, base_error *e)
{
    if (c->kind == SER_KIND_UNKNOWN)
        return base_fail(e, BASE_UNSUPPORTED, "%s: no config.json beside it whose model_type is hubert, wav2vec2 or bert",
            c->path);
    c->kind == SER_KIND_BERT ? match_bert(c, m, e) : match_hubert(c, m, e);
    if (!m->misfit.status)
        ser_load_refuse(&m->load, c->path, &m->misfit);
    if (!e->status && m->misfit.status == BASE_NO_MEMORY)
        base_fail(e, BASE_NO_MEMORY, "%s: %s", c->path, m->misfit.text);
    return e->status;
}

static bool put_program(json_t *programs, const char *name)
{
    return json_array_append_new(programs, json_string(name)) == 0;
}

static bool put_programs(json_t *programs, const ser_checkpoint *c, const ser_match *m)
{
    bool ok = put_program(programs, "serin-states") &&
              put_program(programs, c->kind == SER_KIND_BERT ? "serin-train --init-bert" : "serin-train --init-model");

    if (m->recognises)
        ok = ok && put_program(programs, "serin-recognize") && put_program(programs, "serin-decode");
    if (c->kind == SER_KIND_BERT && json_integer_value(json_object_get(c->config, "serin_aec_layers")) > 0)
        ok = ok && put_program(programs, "serin-train --init-aec");
    return ok && put_program(programs, "serin-convert");
}

static bool put_use(json_t *j, json_t *programs, const ser_checkpoint *c, base_error *e)
{
    json_t *use = json_object();
    lists l = { use, false };
    ser_match m = { .load = { .tell = list_name, .data = &l }, .misfit = BASE_ERROR_INIT };
    bool ok = put(j, "use", use);

    for (int i = NN_FIT_MISSING; i <= NN_FIT_UNEXPECTED && ok; i++)
        ok = put(use, fit_key[i], json_array());
    return ok && !ser_checkpoint_match(c, &m, e) && !l.lost && put(use, "as", json_string(m.as)) &&
           put(use, "loaded", json_integer(m.load.loaded)) && put(use, "fits", json_boolean(!m.misfit.status)) &&
           put(use, "summary", text(m.load.text)) && (m.misfit.status || put_programs(programs, c, &m));
}

static bool put_purpose(json_t *j, const ser_checkpoint *c, base_error *e)
{
    json_t *programs = json_array();

    return put(j, "programs", programs) &&
           (!nn_archive_meta(c->archive, "serin.checkpoint") || put_program(programs, "serin-train --resume")) &&
           (c->kind == SER_KIND_UNKNOWN || put_use(j, programs, c, e));
}

json_t *ser_checkpoint_describe(const ser_checkpoint *c, base_error *e)
{
    json_t *j = json_object();

    if (j && put(j, "path", text(c->path)) && put(j, "format", json_string(nn_archive_format(c->archive))) &&
        put_files(j, c->archive) && put_tensors(j, c->archive) && put_metadata(j, c->archive) &&
        (!c->config || json_object_set(j, "configuration", c->config) == 0) && put_purpose(j, c, e))
        return j;
    base_fail(e, BASE_NO_MEMORY, "%s: out of memory", c->path);
    json_decref(j);
    return NULL;
}

/* ---- for people -------------------------------------------------------------------------------------------------- */

/* False: no memory for it. */
static bool print_value(FILE *f, const json_t *value)
{
    char *s = ser_json_text(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(7));

    if (s)
        fputs(s, f);
    free(s);
    return s != NULL;
}

/* A line for each member that is not an empty list. */
static bool print_object(FILE *f, const char *title, json_t *object)
{
    const char *key;
    json_t *value;
    bool ok = true;

    if (json_object_size(object))
        fprintf(f, "%s\n", title);
    json_object_foreach(object, key, value)
        if (!json_is_array(value) || json_array_size(value)) {
            json_t *shown = text(key);

            fputs("  ", f);
            ok = ok && print_value(f, shown);
            fputs(": ", f);
            ok = ok && print_value(f, value);
            fputc('\n', f);
            json_decref(shown);
        }
    return ok;
}

static bool print_list(FILE *f, const char *title, const json_t *list)
{
    const json_t *item, *value;
    const char *key;
    bool ok = true;
    size_t i;

    fprintf(f, "%s\n", title);
    json_array_foreach(list, i, item) {
        fputc(' ', f);
        if (json_is_object(item))
            json_object_foreach((json_t *)item, key, value) {
                fputc(' ', f);
                ok = ok && print_value(f, value);
            }
        else
            fprintf(f, " %s", json_string_value(item));
        fputc('\n', f);
    }
    return ok;
}

static long long number(const json_t *j, const char *key)
{
    return (long long)json_integer_value(json_object_get(j, key));
}

base_status ser_checkpoint_print(const json_t *j, FILE *f, base_error *e)
{
    bool ok;

    fputs("path: ", f);
    ok = print_value(f, json_object_get(j, "path"));
    fprintf(f, "\nformat: %s\n%lld tensors, %lld parameters, %lld bytes\n",
        json_string_value(json_object_get(j, "format")), number(j, "tensor_count"), number(j, "parameters"),
        number(j, "bytes"));
    ok = ok && print_list(f, "files, with their bytes", json_object_get(j, "files")) &&
         print_list(f, "tensors", json_object_get(j, "tensors")) &&
         print_object(f, "metadata", json_object_get(j, "metadata")) &&
         print_object(f, "configuration", json_object_get(j, "configuration")) &&
         print_object(f, "how Serin reads it", json_object_get(j, "use"));
    if (ok && !json_object_get(j, "configuration"))
        fputs("no config.json beside it: Serin does not know what model it is\n", f);
    if (ok && json_array_size(json_object_get(j, "programs")))
        ok = print_list(f, "programs that read it", json_object_get(j, "programs"));
    return ok ? BASE_OK : base_fail(e, BASE_NO_MEMORY, "%s: out of memory", json_string_value(json_object_get(j, "path")));
}
