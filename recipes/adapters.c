/* Files of weights that hold what a second stage trained alone: adapters, fusion and heads. Metadata "serin.base" is the hash of the
 * weights they were trained upon, which the link "base" beside the file leads to. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/number.h"
#include "base/temporary.h"
#include "recipes/ser.h"

#define HASH_KEY "serin.base"

/* ---- which base -------------------------------------------------------------------------------------------------- */

/* Of names, shapes and values of a whole model's file, as 16 hexadecimal digits. */
static base_status hash_of(const char *path, char out[SER_HASH_TEXT], base_error *e)
{
    nn_archive *a = nn_archive_open(path, e);
    uint64_t h = BASE_HASH_INIT;

    if (a && nn_archive_meta(a, HASH_KEY))
        base_fail(e, BASE_UNSUPPORTED, "%s: holds adapters alone; a base is a whole model (save=all, or serin-convert)", path);
    for (int i = 0; a && !e->status && i < nn_archive_count(a); i++) {
        const nn_file_tensor *t = nn_archive_at(a, i);
        void *bytes = malloc(t->bytes + 1);

        if (!bytes) {
            base_fail(e, BASE_NO_MEMORY, "%s: out of memory for \"%s\"", path, t->name);
            break;
        }
        if (t->data)
            nn_file_tensor_bytes(t, bytes);
        h = base_hash_bytes(base_hash_text(h, t->name), t->shape, sizeof *t->shape * (size_t)t->ndim);
        h = base_hash_bytes(h, bytes, t->data ? t->bytes : 0);
        free(bytes);
    }
    nn_archive_close(a);
    snprintf(out, SER_HASH_TEXT, "%016" PRIx64, h);
    return e->status;
}

base_status ser_model_stand_on(ser_model *m, const char *path, base_error *e)
{
    free(m->base);
    m->base = realpath(path, NULL);
    return m->base ? hash_of(m->base, m->base_hash, e) : base_fail_errno(e, "%s", path);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* The link appears whole, in the place of another. */
static base_status link_base(const char *base, const char *weights, base_error *e)
{
    size_t n = (size_t)(strrchr(weights, '/') - weights) + 1;
    char *link = NULL, *tmp = NULL;

    if (asprintf(&link, "%.*sbase", (int)n, weights) < 0 || !(tmp = base_temporary_name(link, 0)))
        base_fail(e, BASE_NO_MEMORY, "%s: out of memory", weights);
    else {
        unlink(tmp);
        if (symlink(base, tmp) || rename(tmp, link)) {
            base_fail_errno(e, "%s", link);
            unlink(tmp);
        }
    }
    base_temporary_forget(tmp);
    free(link);
    return e->status;
}

base_status ser_adapters_save(const ser_model *m, const char *path, const nn_meta *meta, int n_meta, base_error *e)
{
    int count = nn_params_count(m->params), n = 0;
    nn_save_tensor *t = malloc(sizeof *t * (size_t)count);
    nn_meta all[8 + SER_FOLDER_FILES];

    if (!t)
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path);
    memcpy(all, meta, sizeof *meta * (size_t)n_meta);
    all[n_meta] = (nn_meta){ HASH_KEY, m->base_hash };
    for (int i = 0; i < count; i++) {
        const nn_param *p = nn_params_at(m->params, i);

        if (p->dx)
            t[n++] = (nn_save_tensor){ p->name, NN_F32, p->ndim, p->shape, p->x };
    }
    if (!nn_safetensors_save_summed(path, t, n, all, n_meta + 1, e))
        link_base(m->base, path, e);
    free(t);
    return e->status;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

typedef struct names { const char **name; int n, room; } names;

static void collect(void *data, nn_fit fit, const char *name)
{
    names *list = data;

    if (fit == NN_FIT_MISSING && list->n < list->room)
        list->name[list->n++] = name;
}

static base_status find_base(const char *path, const char *base, const char *expected, base_error *e)
{
    char found[SER_HASH_TEXT];

    if (!base_exists(base))
        return base_fail(e, BASE_MISSING, "%s: adapters for a model that %s should lead to, and nothing is there: ln -sfn <its folder> %s",
            path, base, base);
    if (hash_of(base, found, e))
        return e->status;
    return !strcmp(found, expected) ? BASE_OK
        : base_fail(e, BASE_MISMATCH, "%s: adapters for the model with the hash %s, but %s is another, %s", path, expected, base, found);
}

/* The parameters of the base first, then those of the adapters' file a in their place. */
static base_status load_both(nn_params *p, const char *path, const nn_archive *a, const char *base, nn_load *l, base_error *e)
{
    names lacking = { malloc(sizeof *lacking.name * (size_t)nn_params_count(p) + 1), 0, nn_params_count(p) };
    nn_load below = { .only = l->only, .allow_missing = true, .tell = collect, .data = &lacking };
    nn_load own = { .only = l->only, .allow_missing = true };

    if (!lacking.name)
        base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path);
    else if (!nn_params_load(p, base, &below, e) && !nn_params_load(p, path, &own, e)) {
        bool may = l->allow_missing;
        void (*tell)(void *data, nn_fit fit, const char *name) = l->tell;
        void *to = l->data;

        *l = own;
        l->missing = 0;
        for (int i = 0; i < lacking.n && !e->status; i++)
            if (!nn_archive_find(a, lacking.name[i])) {
                l->missing++;
                if (tell)
                    tell(to, NN_FIT_MISSING, lacking.name[i]);
                if (!may)
                    base_fail(e, BASE_MISSING, "%s: \"%s\" is neither here nor in %s", path, lacking.name[i], base);
            }
        snprintf(l->text, sizeof l->text, "%d parameters, upon %d of %s", own.loaded, below.loaded, base);
    }
    free(lacking.name);
    return e->status;
}

/* Tensors that no part of a model of ours, and no head that others put on an encoder, has. */
typedef struct strangers {
    char    text[600];
    int     n;
    const nn_params *p;     /* what is loaded */
    nn_load asked;          /* whose tell is told, too */
} strangers;

static bool is_known(const char *name)
{
    static const char *const heads[] = { "lm_head.", "projector.", "classifier.", "layer_weights", "quantizer.", "project_hid.", "project_q.",
        "final_proj.", "label_embs_concat", "masked_spec_embed", "pooler.", "cls.", "qa_outputs.", "score.", "encoder.", "feature_extractor.",
        "feature_projection.", "embeddings.", "hubert.", "wav2vec2.", "bert.", "fusion.", "aec.", "front.", "serin.", "emotion.",
        "gender.", "style.", "objective.", "tdnn." };
    static const char *const bases[] = { "hubert.", "wav2vec2.", "bert." };

    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++)
        if (!strncmp(name, bases[i], strlen(bases[i])))
            return is_known(name + strlen(bases[i]));
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        if (!strncmp(name, heads[i], strlen(heads[i])))
            return true;
    return false;
}

/* Another part of a network that p is, a layer more than config.json has, say: published implementations leave it out, too. */
static bool is_left_out(const char *name, const nn_params *p)
{
    static const char *const parts[] = { "encoder.", "embeddings.", "feature_projection." };
    const char *dot = strchr(name, '.');
    bool based = dot && (!strncmp(name, "hubert.", 7) || !strncmp(name, "wav2vec2.", 9) || !strncmp(name, "bert.", 5));
    const char *bare = based ? dot + 1 : name;
    bool part = false;

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        part |= !strncmp(bare, parts[i], strlen(parts[i]));
    for (int i = 0; part && i < nn_params_count(p); i++) {
        const char *own = nn_params_at(p, i)->name, *own_dot = strchr(own, '.');
        size_t n = (size_t)(strchr(bare, '.') - bare) + 1;

        if (own_dot && !strncmp(own_dot + 1, bare, n) && (!based || (own[0] == 'b') == (name[0] == 'b')))
            return true;
    }
    return false;
}

/* Whether a load that is limited to `only` was to read it at all: a load of one head leaves networks to others. */
static bool is_asked_for(const char *name, const char *only)
{
    bool network = only && (!strcmp(only, "hubert.") || !strcmp(only, "bert."));
    bool other = !strncmp(name, "hubert.", 7) || !strncmp(name, "bert.", 5);

    return !only || !strncmp(name, only, strlen(only)) || (network && !other);
}

static void meet(void *data, nn_fit fit, const char *name)
{
    strangers *s = data;
    size_t used = strlen(s->text);

    if (s->asked.tell)
        s->asked.tell(s->asked.data, fit, name);
    if (fit != NN_FIT_UNEXPECTED || (is_known(name) && !(is_asked_for(name, s->asked.only) && is_left_out(name, s->p))))
        return;
    if (s->n++ < 5)
        snprintf(s->text + used, sizeof s->text - used, "%s \"%.80s\"", used ? "," : "", name);
}

base_status ser_load_refuse(const nn_load *l, const char *path, base_error *e)
{
    return l->strays ? base_fail(e, BASE_UNSUPPORTED, "%s: %s inside the encoder that nothing reads, so another model was saved: %s", path,
        base_count(l->strays, "tensor"), l->text) : BASE_OK;
}

static base_status load_whole(nn_params *p, const char *path, nn_load *l, base_error *e)
{
    strangers s = { .p = p, .asked = *l };

    l->tell = meet;
    l->data = &s;
    nn_params_load(p, path, l, e);
    l->tell = s.asked.tell;
    l->data = s.asked.data;
    if (!e->status)
        ser_load_refuse(l, path, e);
    if (!e->status && s.n)
        base_warn("%s: %s no part of the model reads:%s%s", path, base_count(s.n, "tensor"), s.text, s.n > 5 ? ", …" : "");
    return e->status;
}

base_status ser_weights_load(nn_params *p, const char *path, nn_load *l, base_error *e)
{
    nn_load whole = { .only = NULL };
    nn_archive *a = nn_archive_open(path, e);
    const char *hash = a ? nn_archive_meta(a, HASH_KEY) : NULL;
    char *base = hash ? ser_folder_path(path, "base") : NULL;

    l = l ? l : &whole;
    if (!hash && a)
        load_whole(p, path, l, e);
    else if (hash && !base)
        base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path);
    else if (hash && !find_base(path, base, hash, e))
        load_both(p, path, a, base, l, e);
    nn_archive_close(a);
    free(base);
    return e->status;
}

/* What a model that is begun with need not have, for it was not there when it was trained: it is drawn. */
static void note_lack(void *data, nn_fit fit, const char *name)
{
    static const char *const added[] = { "adapter.", ".lora.", ".masked_spec_embed" };

    if (fit != NN_FIT_MISSING)
        return;
    for (size_t i = 0; i < sizeof added / sizeof *added; i++)
        if (strstr(name, added[i]))
            return;
    *(bool *)data = true;
}

base_status ser_weights_begin(nn_params *p, const char *path, nn_load *l, base_error *e)
{
    bool must = !l->allow_missing, lacks = false;

    l->allow_missing = true;
    l->tell = note_lack;
    l->data = &lacks;
    if (ser_weights_load(p, path, l, e))
        return e->status;
    return must && lacks ? base_fail(e, BASE_MISSING, "%s: %s", path, l->text) : BASE_OK;
}
