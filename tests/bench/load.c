/* From a file of HuBERT-large to its states of a second of sound: how long it takes, and how much memory is the process' own
 * and how much the file's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/progress.h"
#include "tests/bench/system.h"

#define RATE 16000

/* MiB of a line of the system's, "RssAnon:" say; 0: it tells none. */
static double resident(const char *name)
{
    FILE *f = fopen("/proc/self/status", "r");
    char line[200];
    long long kilobytes = 0;

    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, name, strlen(name)))
            kilobytes = atoll(line + strlen(name));
    if (f)
        fclose(f);
    return (double)kilobytes / 1024;
}

static void tell(const char *what, double start)
{
    printf("%-28s %7.3f s  %7.0f MiB own  %7.0f MiB of files\n", what, base_seconds() - start, resident("RssAnon:"),
        resident("RssFile:"));
    fflush(stdout);
}

static base_status write_file(bool tiny, const char *path, base_error *e)
{
    bench_system *s = system_new(tiny, SYSTEM_ACOUSTIC, 0, e);

    if (s)
        nn_params_save(s->params, path, NULL, 0, e);
    system_free(s);
    return e->status;
}

static base_status think(nn_hubert *m, double start, base_error *e)
{
    static float wave[RATE];
    const int64_t begin[2] = { 0, RATE };
    nn_tape *t = nn_tape_new(NULL, e);

    if (!t)
        return e->status;
    for (int i = 0; i < RATE; i++)
        wave[i] = (float)(i % 100) / 100;
    nn_tape_begin(t, NN_INFER, 0);
    if (!nn_hubert_encode(t, m, nn_hubert_features(t, m, nn_input_wrap(t, wave, RATE, 1, 1, begin)), -1))
        base_fail(e, nn_tape_error(t)->status, "%s", nn_tape_error(t)->text);
    tell("to the states of a second", start);
    nn_tape_free(t);
    return e->status;
}

static base_status read_file(bool tiny, const char *path, base_error *e)
{
    nn_hubert_config c = system_hubert(tiny);
    nn_params *p = nn_params_new();
    nn_load l = { .only = "hubert." };
    double start = base_seconds();
    nn_hubert *m;

    nn_params_push(p, "hubert", 0);
    m = nn_hubert_new(p, &c);
    nn_params_pop(p);
    nn_params_freeze(p, "");
    if (!nn_params_build(p, e) && !nn_params_load(p, path, &l, e)) {
        tell("loaded", start);
        think(m, start, e);
    }
    nn_hubert_free(m);
    nn_params_free(p);
    return e->status;
}

int bench_loading(bool tiny, const char *dir)
{
    base_error e = BASE_ERROR_INIT;
    char *path = NULL;

    if (asprintf(&path, "%s/bench.%ld.safetensors", dir, (long)getpid()) < 0) {
        base_fail(&e, BASE_NO_MEMORY, "out of memory");
    } else if (!write_file(tiny, path, &e)) {
        tell("before", base_seconds());
        read_file(tiny, path, &e);
    }
    if (path)
        unlink(path);
    free(path);
    if (e.status)
        fprintf(stderr, "%s\n", e.text);
    return e.status != BASE_OK;
}
