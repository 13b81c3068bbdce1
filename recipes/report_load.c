/* What an experiment's folder holds. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "recipes/report.h"
#include "recipes/score.h"

#define MOST_RUNS 200
#define CONFIG_LIMIT ((size_t)1 << 20)

static int not_hidden(const struct dirent *entry) { return entry->d_name[0] != '.'; }

/* <dir>/<name> if it exists, in malloc'd memory. */
static char *existing(const char *dir, const char *name)
{
    char *path = base_path_join(dir, name);

    if (path && !base_exists(path)) {
        free(path);
        path = NULL;
    }
    return path;
}

static base_status add_log(ser_experiment *x, const char *dir, base_error *e)
{
    char *path = existing(dir, "train.tsv");
    base_status status = BASE_OK;

    if (path && x->logs < MOST_RUNS)
        status = ser_train_log_read(&x->log[x->logs++], path, e);
    free(path);
    return status;
}

static base_status add_config(ser_experiment *x, const char *dir, base_error *e)
{
    char *path = x->config ? NULL : existing(dir, "config");
    base_status status = BASE_OK;
    size_t size;

    if (path)
        status = base_read_file(path, CONFIG_LIMIT, &x->config, &size, e);
    free(path);
    return status;
}

static base_status read_run(ser_experiment *x, const char *dir, base_error *e)
{
    base_status status = add_log(x, dir, e);

    return status == BASE_OK ? add_config(x, dir, e) : status;
}

/* The folder itself, and every folder in it that holds a run. */
static base_status read_runs(ser_experiment *x, base_error *e)
{
    struct dirent **entry = NULL;
    int n = scandir(x->dir, &entry, not_hidden, alphasort);
    base_status status;

    x->log = calloc(MOST_RUNS, sizeof(*x->log));
    status = x->log ? read_run(x, x->dir, e) : base_fail(e, BASE_NO_MEMORY, "%s: no memory for its logs", x->dir);
    for (int i = 0; i < n; i++) {
        char *dir = base_path_join(x->dir, entry[i]->d_name);

        if (status == BASE_OK)
            status = dir ? read_run(x, dir, e) : base_fail(e, BASE_NO_MEMORY, "no memory for a path");
        free(dir);
        free(entry[i]);
    }
    free(entry);
    return status;
}

base_status ser_experiment_read(ser_experiment *x, const char *path, base_error *e)
{
    size_t n = strlen(path);
    bool file = n > 5 && strcmp(path + n - 5, ".json") == 0;
    const char *slash = strrchr(path, '/');
    char *scores = file ? strdup(path) : base_path_join(path, "scores.json");

    *x = (ser_experiment){ 0 };
    x->dir = !file ? strdup(path) : slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
    if (!scores || !x->dir)
        base_fail(e, BASE_NO_MEMORY, "no memory for the path %s", path);
    else
        x->scores = ser_scores_read(scores, e);
    if (x->scores)
        read_runs(x, e);
    free(scores);
    if (e->status != BASE_OK)
        ser_experiment_free(x);
    return e->status;
}

void ser_experiment_free(ser_experiment *x)
{
    for (int i = 0; i < x->logs; i++)
        ser_train_log_free(&x->log[i]);
    free(x->log);
    free(x->config);
    free(x->dir);
    json_decref(x->scores);
    *x = (ser_experiment){ 0 };
}

const char *ser_experiment_name(const ser_experiment *x)
{
    const char *name = json_string_value(json_object_get(x->scores, "name")), *slash;

    if (name && *name)
        return name;
    slash = strrchr(x->dir, '/');
    return slash ? slash + 1 : x->dir;
}
