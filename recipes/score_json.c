/* scores.json: one file an experiment, a section a thing that was scored. docs/scores.md is the schema. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"
#include "recipes/score.h"

#define SCHEMA 1
#define JSON_LIMIT ((size_t)64 << 20)

/* The command as one would type it again: words that a shell would take apart are quoted. */
static json_t *command_text(int argc, char **argv)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    json_t *result;

    for (int i = 0; f && i < argc; i++) {
        const char *slash = i == 0 ? strrchr(argv[0], '/') : NULL, *word = slash ? slash + 1 : argv[i];
        bool plain = *word && !word[strcspn(word, " \t\n\"'\\$`|&;<>()*?[]#~!{}")];

        fprintf(f, "%s%s", i ? " " : "", plain ? "" : "'");
        for (; *word; word++)
            *word == '\'' ? (void)fputs("'\\''", f) : (void)fputc(*word, f);
        fputs(plain ? "" : "'", f);
    }
    if (!f || fclose(f) != 0)
        return NULL;
    result = json_string(text);
    free(text);
    return result;
}

json_t *ser_scores_read(const char *path, base_error *e)
{
    json_t *root = base_json_read(path, JSON_LIMIT, e);

    if (!root)
        return NULL;
    if (json_integer_value(json_object_get(root, "serin_scores")) != SCHEMA)
        base_fail(e, BASE_FORMAT, "%s: not scores of version %d (\"serin_scores\": %d expected)", path, SCHEMA, SCHEMA);
    else
        return root;
    json_decref(root);
    return NULL;
}

static base_status write_scores(const char *path, json_t *root, base_error *e)
{
    base_out out;
    base_status status = base_out_open(&out, path, e);

    if (status != BASE_OK)
        return status;
    if (json_dumpf(root, out.f, JSON_INDENT(1) | JSON_REAL_PRECISION(8)) == 0 && fputc('\n', out.f) != EOF)
        return base_out_commit(&out, e);
    status = base_fail_errno(e, "%s: cannot be written", path);
    base_out_abandon(&out);
    return status;
}

static bool set_text(json_t *root, const char *key, const char *value)
{
    return json_is_string(json_object_get(root, key)) && !*value
               ? true
               : json_object_set_new(root, key, json_string(value)) == 0;
}

static base_status add_section(const ser_score_output *o, json_t *section, int argc, char **argv, base_error *e)
{
    json_t *root = base_exists(o->json) ? ser_scores_read(o->json, e) : json_pack("{s:i}", "serin_scores", SCHEMA);
    base_status status;

    if (!root)
        return base_fail(e, BASE_NO_MEMORY, "%s: no memory to write it", o->json);
    if (set_text(root, "name", o->name) && set_text(root, "corpus", o->corpus) &&
        json_object_set_new(section, "command", command_text(argc, argv)) == 0 &&
        json_object_set(root, o->section, section) == 0)
        status = write_scores(o->json, root, e);
    else
        status = base_fail(e, BASE_FORMAT, "%s: a name or the command is not UTF-8", o->json);
    json_decref(root);
    return status;
}

/* Two scorers of one experiment may end at once: what the file holds is read and written under a lock. */
static base_status update(const ser_score_output *o, json_t *section, int argc, char **argv, base_error *e)
{
    char *lock;
    int handle;
    base_status status;

    if (asprintf(&lock, "%s.lock", o->json) < 0)
        return base_fail(e, BASE_NO_MEMORY, "no memory for a path");
    status = base_lock_wait(lock, &handle, e);
    if (status == BASE_OK) {
        status = add_section(o, section, argc, argv, e);
        base_lock_remove(lock, handle);
    }
    free(lock);
    return status;
}

void ser_score_output_options(ser_score_output *o, base_options *po)
{
    base_option_text(po, "json", &o->json, "scores.json to put the scores into, beside what it holds");
    base_option_text(po, "section", &o->section, "their name in it");
    base_option_text(po, "name", &o->name, "of the experiment, for scores.json");
    base_option_text(po, "corpus", &o->corpus, "for scores.json");
}

base_status ser_score_output_finish(const ser_score_output *o, json_t *section, char *text, int argc, char **argv,
    base_error *e)
{
    base_status status = *o->json ? update(o, section, argc, argv, e) : BASE_OK;

    json_decref(section);
    base_make_plain(text, true);
    if (status == BASE_OK)
        fputs(text, stdout);
    return status;
}

/* ---- sections ---------------------------------------------------------------------------------------------------- */

static bool lost;       /* jansson got no memory since the section was begun: something is missing in it */

static void *watched(size_t n)
{
    void *block = malloc(n);

    lost |= !block;
    return block;
}

void ser_section_begin(void)
{
    json_set_alloc_funcs(watched, free);
    lost = false;
}

json_t *ser_section_end(json_t *section, base_error *e)
{
    if (e->status == BASE_OK && lost)
        base_fail(e, BASE_NO_MEMORY, "no memory for the scores");
    if (e->status == BASE_OK)
        return section;
    json_decref(section);
    return NULL;
}

json_t *ser_json_measure(double value, ser_interval interval)
{
    return json_pack("{s:f, s:f, s:f}", "value", value, "low", interval.low, "high", interval.high);
}

json_t *ser_json_difference(double value, ser_interval interval, double p)
{
    return json_pack("{s:f, s:f, s:f, s:f}", "difference", value, "low", interval.low, "high", interval.high, "p", p);
}
