#include "libnn/models/config_json.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"

bool nn_config_open(nn_config_reader *r, const char *path)
{
    *r = (nn_config_reader){ .path = path, .error = BASE_ERROR_INIT };
    char *text = nn_config_text(path, &r->error);

    r->root = text ? base_json_parse(text, strlen(text), path, &r->error) : NULL;
    free(text);
    if (r->root && !json_is_object(r->root))
        base_fail(&r->error, BASE_FORMAT, "%s: a configuration is an object { … }", path);
    return r->error.status == BASE_OK;
}

base_status nn_config_close(nn_config_reader *r, base_error *e)
{
    json_decref(r->root);
    return r->error.status ? base_fail(e, r->error.status, "%s", r->error.text) : BASE_OK;
}

/* The member called key, NULL when it is absent or null. */
static const json_t *member(const nn_config_reader *r, const char *key)
{
    const json_t *v = json_object_get(r->root, key);

    return json_is_null(v) ? NULL : v;
}

void nn_config_int(nn_config_reader *r, const char *key, int *value, int least, int most)
{
    const json_t *v = member(r, key);

    if (!v)
        return;
    if (!json_is_integer(v) || json_integer_value(v) < least || json_integer_value(v) > most)
        base_fail(&r->error, BASE_VALUE, "%s: \"%s\" must be an integer from %d to %d", r->path, key, least, most);
    else
        *value = (int)json_integer_value(v);
}

void nn_config_float(nn_config_reader *r, const char *key, float *value, double least, double most)
{
    const json_t *v = member(r, key);

    if (!v)
        return;
    if (!json_is_number(v) || !(json_number_value(v) >= least && json_number_value(v) <= most))
        base_fail(&r->error, BASE_VALUE, "%s: \"%s\" must be a number from %g to %g", r->path, key, least, most);
    else
        *value = (float)json_number_value(v);
}

void nn_config_bool(nn_config_reader *r, const char *key, bool *value)
{
    const json_t *v = member(r, key);

    if (!v)
        return;
    if (!json_is_boolean(v))
        base_fail(&r->error, BASE_VALUE, "%s: \"%s\" must be true or false", r->path, key);
    else
        *value = json_is_true(v);
}

bool nn_config_word(nn_config_reader *r, const char *key, const char *no, const char *yes)
{
    const json_t *v = member(r, key);
    const char *word = json_string_value(v);
    bool two = strcmp(no, yes) != 0;

    if (v && (!word || (strcmp(word, no) && strcmp(word, yes))))
        base_fail(&r->error, BASE_UNSUPPORTED, "%s: \"%s\" is %s; Serin knows \"%s\"%s%s%s", r->path, key,
            word ? word : "no text", no, two ? " and \"" : "", two ? yes : "", two ? "\"" : "");
    return word && two && !strcmp(word, yes);
}

void nn_config_list(nn_config_reader *r, const char *key, int *values, int *n, int most)
{
    const json_t *v = member(r, key);

    if (!v)
        return;
    if (!json_is_array(v) || json_array_size(v) < 1 || json_array_size(v) > 16) {
        base_fail(&r->error, BASE_VALUE, "%s: \"%s\" must be a list of 1 to 16 integers", r->path, key);
        return;
    }
    *n = (int)json_array_size(v);
    for (int i = 0; i < *n; i++) {
        const json_t *x = json_array_get(v, (size_t)i);
        if (!json_is_integer(x) || json_integer_value(x) < 1 || json_integer_value(x) > most)
            base_fail(&r->error, BASE_VALUE, "%s: entry %d of \"%s\" must be an integer from 1 to %d", r->path, i, key,
                most);
        else
            values[i] = (int)json_integer_value(x);
    }
}

void nn_config_refuse(nn_config_reader *r, const char *key)
{
    const json_t *v = member(r, key);

    if (json_is_true(v) || json_is_number(v) || json_object_size(v) || json_array_size(v))
        base_fail(&r->error, BASE_UNSUPPORTED, "%s: \"%s\" is not built into Serin", r->path, key);
}

void nn_config_one_of(nn_config_reader *r, const char *key, const char *const *words)
{
    const json_t *v = member(r, key);
    const char *word = json_string_value(v);

    for (int i = 0; word && words[i]; i++)
        if (!strcmp(word, words[i]))
            return;
    if (v)
        base_fail(&r->error, BASE_UNSUPPORTED, "%s: \"%s\" is \"%s\", expected \"%s\"%s%s%s", r->path, key, word ? word : "(no text)",
            words[0], words[1] ? " or \"" : "", words[1] ? words[1] : "", words[1] ? "\"" : "");
}

void nn_config_divides(nn_config_reader *r, const char *width_key, int width, const char *key, int n)
{
    if (width % n)
        base_fail(&r->error, BASE_VALUE, "%s: %s %d is no multiple of %s %d", r->path, width_key, width, key, n);
}

void nn_config_adapters(nn_config_reader *r, nn_encoder_config *c)
{
    nn_config_int(r, "serin_adapter_dim", &c->adapter, 0, 1 << 16);
    nn_config_bool(r, "serin_adapter_attention", &c->adapter_attention);
    nn_config_bool(r, "serin_adapter_gelu", &c->adapter_gelu);
    nn_config_int(r, "serin_lora_rank", &c->lora, 0, 1 << 12);
    nn_config_float(r, "serin_lora_alpha", &c->lora_alpha, 0, 1e6);
    nn_config_int(r, "serin_adapter_layers", &c->adapter_layers, 0, 1 << 16);
}
