/* train.tsv: a header, then a line a measurement, empty fields where nothing was measured. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/number.h"
#include "recipes/plot.h"

#define FILE_LIMIT ((size_t)256 << 20)
#define MOST_FIELDS 64

static const char *const column_name[SER_LOG_COLUMNS] = { "step", "epoch", "seconds", "loss", "loss_emo", "loss_ctc",
    "loss_gender", "loss_style", "dev_ua", "dev_wer", "rate" };

/* Cuts line at tabs; returns how many fields there are. */
static int cut(char *line, char *field[MOST_FIELDS])
{
    int n = 0;

    for (char *s = line; s && n < MOST_FIELDS; n++) {
        field[n] = s;
        s = strchr(s, '\t');
        if (s)
            *s++ = '\0';
    }
    return n;
}

/* which [fields]: the column a field is, -1: none of ours. */
static base_status read_header(char *line, const char *path, int which[MOST_FIELDS], int *fields, base_error *e)
{
    char *field[MOST_FIELDS];
    bool has_step = false;

    *fields = cut(line, field);
    for (int i = 0; i < *fields; i++) {
        which[i] = -1;
        for (int c = 0; c < SER_LOG_COLUMNS; c++)
            if (strcmp(field[i], column_name[c]) == 0)
                which[i] = c;
        has_step |= which[i] == SER_LOG_STEP;
    }
    return has_step ? BASE_OK
                    : base_fail(e, BASE_FORMAT, "%s:1: a header of tab-separated names with \"step\" expected", path);
}

static base_status read_line(ser_train_log *l, char *line, const char *path, int64_t number,
                             const int which[MOST_FIELDS], int fields, base_error *e)
{
    char *field[MOST_FIELDS], *end;
    int n = cut(line, field);

    if (n != fields)
        return base_fail(e, BASE_FORMAT, "%s:%lld: %s found, %d expected", path, (long long)number, base_count(n, "field"), fields);
    for (int i = 0; i < n; i++) {
        double x = *field[i] ? strtod(field[i], &end) : NAN;

        if (which[i] < 0)
            continue;
        if (*field[i] && *end)
            return base_fail(e, BASE_FORMAT, "%s:%lld: \"%.100s\" found for %s, a number expected", path,
                             (long long)number, field[i], column_name[which[i]]);
        l->value[which[i]][l->n] = x;
    }
    if (!isfinite(l->value[SER_LOG_STEP][l->n]))
        return base_fail(e, BASE_FORMAT, "%s:%lld: no step", path, (long long)number);
    l->n++;
    return BASE_OK;
}

/* The folder's name: exp/a/fold1/train.tsv is of fold1. */
static char *name_of(const char *path)
{
    const char *end = strrchr(path, '/'), *begin = end;

    if (!end)
        return strdup(path);
    while (begin > path && begin[-1] != '/')
        begin--;
    return strndup(begin, (size_t)(end - begin));
}

static base_status allocate(ser_train_log *l, const char *path, const char *text, const int which[MOST_FIELDS],
                            int fields, base_error *e)
{
    size_t lines = 1;
    bool ok;

    for (const char *s = text; (s = strchr(s, '\n')) != NULL; s++)
        lines++;
    l->name = name_of(path);
    ok = l->name != NULL;
    for (int i = 0; i < fields && ok; i++)
        if (which[i] >= 0 && !l->value[which[i]])
            ok = (l->value[which[i]] = malloc(lines * sizeof(double))) != NULL;
    return ok ? BASE_OK : base_fail(e, BASE_NO_MEMORY, "%s: no memory for %zu lines", path, lines);
}

base_status ser_train_log_read(ser_train_log *l, const char *path, base_error *e)
{
    int which[MOST_FIELDS], fields = 0;
    int64_t number = 2;
    char *text, *line;
    size_t size;
    base_status status;

    *l = (ser_train_log){ 0 };
    if (base_read_file(path, FILE_LIMIT, &text, &size, e) != BASE_OK)
        return e->status;
    line = text + strcspn(text, "\n");
    if (*line)
        *line++ = '\0';
    status = read_header(text, path, which, &fields, e);
    if (status == BASE_OK)
        status = allocate(l, path, line, which, fields, e);
    for (char *next; status == BASE_OK && *line; line = next, number++) {
        next = line + strcspn(line, "\n");
        if (*next)
            *next++ = '\0';
        status = read_line(l, line, path, number, which, fields, e);
    }
    free(text);
    if (status != BASE_OK)
        ser_train_log_free(l);
    return status;
}

void ser_train_log_free(ser_train_log *l)
{
    free(l->name);
    for (int c = 0; c < SER_LOG_COLUMNS; c++)
        free(l->value[c]);
    *l = (ser_train_log){ 0 };
}
