/* The tables of a data directory: each one for itself, and all of them together. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/utf8.h"
#include "recipes/validate.h"

typedef enum keyed { UTTERANCE, RECORDING, SPEAKER } keyed;
typedef enum content { ANYTHING, WORDS_OF_TEXT, GENDER, LABEL, SECONDS, COUNT, FOLD } content;

static const struct {
    const char *name;
    tx_values   values;
    keyed       by;
    content     content;
} spec[SER_TABLES] = {
    [SER_SEGMENTS] = { "segments", TX_SOME, UTTERANCE, ANYTHING },
    [SER_WAV] = { "wav.scp", TX_SOME, RECORDING, ANYTHING },
    [SER_FEATS] = { "feats.scp", TX_SOME, UTTERANCE, ANYTHING },
    [SER_TEXT] = { "text", TX_ANY, UTTERANCE, WORDS_OF_TEXT },
    [SER_UTT2SPK] = { "utt2spk", TX_ONE_WORD, UTTERANCE, ANYTHING },
    [SER_SPK2UTT] = { "spk2utt", TX_SOME, SPEAKER, ANYTHING },
    [SER_SPK2GENDER] = { "spk2gender", TX_ONE_WORD, SPEAKER, GENDER },
    [SER_UTT2EMO] = { "utt2emo", TX_ONE_WORD, UTTERANCE, LABEL },
    [SER_UTT2GENDER] = { "utt2gender", TX_ONE_WORD, UTTERANCE, GENDER },
    [SER_UTT2STYLE] = { "utt2style", TX_ONE_WORD, UTTERANCE, LABEL },
    [SER_UTT2FOLD] = { "utt2fold", TX_ONE_WORD, UTTERANCE, FOLD },
    [SER_UTT2DUR] = { "utt2dur", TX_ONE_WORD, UTTERANCE, SECONDS },
    [SER_UTT2FRAMES] = { "utt2num_frames", TX_ONE_WORD, UTTERANCE, COUNT },
};

/* A line on v->out, which a terminal may show whatever the table holds. line 0: of the whole table. */
static void tell_line(void *data, const char *path, int64_t line, const char *reason)
{
    ser_validation *v = data;
    char number[30] = "", *text;

    v->faults++;
    if (line > 0)
        snprintf(number, sizeof number, "%lld:", (long long)line);
    if (asprintf(&text, "%s:%s %s", path, number, reason) < 0)
        return;
    base_make_plain(text, false);
    fprintf(v->out, "%s\n", text);
    free(text);
}

void ser_validation_fault(ser_validation *v, ser_table table, int64_t line, const char *format, ...)
{
    char *path = base_path_join(v->dir, spec[table].name), reason[4096];
    va_list a;

    va_start(a, format);
    vsnprintf(reason, sizeof reason, format, a);
    va_end(a);
    tell_line(v, path ? path : spec[table].name, line, reason);
    free(path);
}

/* ---- a table for itself ---------------------------------------------------------------------------------------- */

/* Symbols that mean something to a vocabulary, and white space that only looks like a space. */
static void check_words(ser_validation *v, ser_table table, const tx_entry *entry)
{
    static const char *const reserved[] = { "<s>", "</s>", "<eps>", "<pad>", "<unk>", "[PAD]", "[UNK]", "#0" };
    const char *s = entry->value;
    int64_t column = 1;
    tx_tokens words;

    for (uint32_t c; (c = tx_utf8_next(&s)) != 0; column++)
        if (c == '|' || (tx_is_space(c) && c != ' ' && c != '\t'))
            ser_validation_fault(v, table, entry->line, "character U+%04X in column %lld of the text of \"%s\"",
                                 (unsigned)c, (long long)column, entry->key);
    if (tx_split_words(entry->value, &words, NULL) != BASE_OK)
        return;
    for (int64_t i = 0; i < words.n; i++)
        for (size_t j = 0; j < sizeof(reserved) / sizeof(*reserved); j++)
            if (tx_token_equal(words.token[i], (tx_token){ reserved[j], (int)strlen(reserved[j]) }))
                ser_validation_fault(v, table, entry->line, "reserved symbol %s in the text of \"%s\"", reserved[j],
                                     entry->key);
    tx_tokens_free(&words);
}

static void check_number(ser_validation *v, ser_table table, const tx_entry *entry, bool whole)
{
    char *end;
    double x = strtod(entry->value, &end);

    if (end == entry->value || *end || !isfinite(x) || x <= 0 || (whole && x != floor(x)))
        ser_validation_fault(v, table, entry->line, "\"%s\" has the value \"%s\", %s above 0 expected", entry->key,
            entry->value, whole ? "a whole number" : "a number");
}

/* A fold becomes the name of a folder. */
static void check_fold(ser_validation *v, ser_table table, const tx_entry *entry)
{
    static const char *const taken[] = { "decode", "folds", "log", "ref" };     /* of an experiment */

    if (*entry->value == '.' || *entry->value == '-' || strchr(entry->value, '/') || strlen(entry->value) > 100)
        ser_validation_fault(v, table, entry->line, "\"%s\" has the fold \"%s\", which cannot be the name of a folder: "
            "no / expected, no dot or hyphen at its start, at most 100 bytes", entry->key, entry->value);
    for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++)
        if (strcmp(entry->value, taken[i]) == 0)
            ser_validation_fault(v, table, entry->line, "\"%s\" has the fold \"%s\", a name that experiments use themselves",
                entry->key, entry->value);
}

static void check_content(ser_validation *v, ser_table table)
{
    const tx_table *t = &v->table[table];

    for (int64_t i = 0; i < t->n; i++) {
        const tx_entry *entry = &t->entry[i];

        if (spec[table].content == WORDS_OF_TEXT)
            check_words(v, table, entry);
        else if (spec[table].content == FOLD)
            check_fold(v, table, entry);
        else if (spec[table].content == SECONDS || spec[table].content == COUNT)
            check_number(v, table, entry, spec[table].content == COUNT);
        else if (spec[table].content == GENDER && strcmp(entry->value, "m") != 0 && strcmp(entry->value, "f") != 0 &&
                 strcmp(entry->value, "-") != 0)
            ser_validation_fault(v, table, entry->line, "\"%s\" has the gender \"%s\", m, f or - (unknown) expected",
                entry->key, entry->value);
    }
}

static base_status read_table(ser_validation *v, ser_table table, base_error *e)
{
    char *path = base_path_join(v->dir, spec[table].name);
    base_status status = BASE_OK;

    if (!path)
        return base_fail(e, BASE_NO_MEMORY, "no memory for a path");
    if (base_exists(path) && !(status = base_check_regular(path, e))) {
        status = tx_table_read_faults(&v->table[table], path, spec[table].values, tell_line, v, e);
        if (status == BASE_OK && v->table[table].n == 0)
            ser_validation_fault(v, table, 0, "no entries");
        if (status == BASE_OK)
            check_content(v, table);
    }
    free(path);
    return status;
}

static base_status check_needed(ser_validation *v, const char *need, base_error *e)
{
    while (*need) {
        size_t n = strcspn(need, ",");
        int table = 0;

        while (table < SER_TABLES && !(strlen(spec[table].name) == n && strncmp(spec[table].name, need, n) == 0))
            table++;
        if (table == SER_TABLES)
            return base_fail(e, BASE_VALUE, "--need: \"%.*s\" is not a table of a data directory", (int)n, need);
        if (!v->table[table].path)
            ser_validation_fault(v, (ser_table)table, 0, "no such file, which is needed");
        need += n + (need[n] == ',');
    }
    return BASE_OK;
}

/* ---- all of them together -------------------------------------------------------------------------------------- */

/* The table whose keys the others must have. */
static ser_table leading_table(const ser_validation *v)
{
    static const ser_table order[] = { SER_SEGMENTS, SER_WAV, SER_FEATS, SER_UTT2SPK };

    for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++)
        if (v->table[order[i]].path)
            return order[i];
    return SER_TEXT;
}

static void compare_keys(ser_validation *v, ser_table a, ser_table b)
{
    const tx_table *x = &v->table[a], *y = &v->table[b];
    int64_t i = 0, j = 0;

    while (i < x->n || j < y->n) {
        int order = i == x->n ? 1 : j == y->n ? -1 : strcmp(x->entry[i].key, y->entry[j].key);

        if (order < 0)
            ser_validation_fault(v, b, 0, "no entry for \"%s\" (%s:%lld)", x->entry[i].key, spec[a].name,
                                 (long long)x->entry[i].line);
        if (order > 0)
            ser_validation_fault(v, b, y->entry[j].line, "\"%s\" is not in %s", y->entry[j].key, spec[a].name);
        i += order <= 0;
        j += order >= 0;
    }
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Speakers of utt2spk, each once, sorted. */
static const char **list_speakers(const tx_table *utt2spk, int64_t *n)
{
    const char **speaker = malloc((size_t)utt2spk->n * sizeof(*speaker) + 1);

    *n = 0;
    if (!speaker)
        return NULL;
    for (int64_t i = 0; i < utt2spk->n; i++)
        speaker[i] = utt2spk->entry[i].value;
    qsort(speaker, (size_t)utt2spk->n, sizeof(*speaker), compare_text);
    for (int64_t i = 0; i < utt2spk->n; i++)
        if (*n == 0 || strcmp(speaker[*n - 1], speaker[i]) != 0)
            speaker[(*n)++] = speaker[i];
    return speaker;
}

/* Each utterance of spk2utt belongs to the speaker of its line, once, and none of utt2spk is missing. */
static void check_spk2utt(ser_validation *v)
{
    const tx_table *utt2spk = &v->table[SER_UTT2SPK], *spk2utt = &v->table[SER_SPK2UTT];
    bool *listed = calloc((size_t)utt2spk->n + 1, sizeof(*listed));

    for (int64_t i = 0; i < spk2utt->n && listed; i++) {
        const tx_entry *line = &spk2utt->entry[i];
        char *words = strdup(line->value), *save;

        for (char *utt = words ? strtok_r(words, " \t", &save) : NULL; utt; utt = strtok_r(NULL, " \t", &save)) {
            const tx_entry *entry = tx_table_find(utt2spk, utt);

            if (!entry || strcmp(entry->value, line->key) != 0)
                ser_validation_fault(v, SER_SPK2UTT, line->line, "\"%s\" is said to be of \"%s\", utt2spk says %s%s%s",
                                     utt, line->key, entry ? "\"" : "", entry ? entry->value : "nothing",
                                     entry ? "\"" : "");
            else if (listed[entry - utt2spk->entry])
                ser_validation_fault(v, SER_SPK2UTT, line->line, "\"%s\" appears twice", utt);
            else
                listed[entry - utt2spk->entry] = true;
        }
        free(words);
    }
    for (int64_t i = 0; i < utt2spk->n && listed; i++)
        if (!listed[i])
            ser_validation_fault(v, SER_SPK2UTT, 0, "no entry for \"%s\" of \"%s\" (utt2spk:%lld)",
                                 utt2spk->entry[i].key, utt2spk->entry[i].value, (long long)utt2spk->entry[i].line);
    free(listed);
}

static void check_speakers(ser_validation *v)
{
    const tx_table *utt2spk = &v->table[SER_UTT2SPK];
    int64_t n;
    const char **speaker = list_speakers(utt2spk, &n);

    for (int64_t i = 0; i < utt2spk->n; i++)
        if (strncmp(utt2spk->entry[i].key, utt2spk->entry[i].value, strlen(utt2spk->entry[i].value)) != 0)
            ser_validation_fault(v, SER_UTT2SPK, utt2spk->entry[i].line,
                                 "\"%s\" does not begin with its speaker \"%s\"", utt2spk->entry[i].key,
                                 utt2spk->entry[i].value);
    for (ser_table table = 0; table < SER_TABLES && speaker; table++) {
        const tx_table *t = &v->table[table];

        if (spec[table].by != SPEAKER || !t->path)
            continue;
        for (int64_t i = 0; i < t->n; i++)
            if (!bsearch(&t->entry[i].key, speaker, (size_t)n, sizeof(*speaker), compare_text))
                ser_validation_fault(v, table, t->entry[i].line, "speaker \"%s\" is not in utt2spk", t->entry[i].key);
        for (int64_t i = 0; i < n; i++)
            if (!tx_table_find(t, speaker[i]))
                ser_validation_fault(v, table, 0, "no entry for the speaker \"%s\"", speaker[i]);
    }
    free(speaker);
    if (v->table[SER_SPK2UTT].path)
        check_spk2utt(v);
}

base_status ser_validate(ser_validation *v, const char *dir, const ser_validate_options *o, FILE *out, base_error *e)
{
    struct stat info;
    base_status status = BASE_OK;
    ser_table leading;

    *v = (ser_validation){ .dir = dir, .out = out };
    if (stat(dir, &info) != 0)
        return base_fail_errno(e, "%s", dir);
    if (!S_ISDIR(info.st_mode))
        return base_fail(e, BASE_FORMAT, "%s: not a directory", dir);
    for (ser_table table = 0; table < SER_TABLES && status == BASE_OK; table++)
        status = read_table(v, table, e);
    if (status == BASE_OK)
        status = check_needed(v, o->need, e);
    if (status != BASE_OK)
        return status;
    leading = leading_table(v);
    for (ser_table table = 0; table < SER_TABLES; table++) {
        keyed by = v->table[SER_SEGMENTS].path ? RECORDING : UTTERANCE;     /* whose entries wav.scp has */

        if (table != leading && v->table[table].path && spec[table].by != SPEAKER &&
            !(table == SER_WAV && by == RECORDING))
            compare_keys(v, leading, table);
    }
    if (v->table[SER_UTT2SPK].path)
        check_speakers(v);
    return v->table[SER_WAV].path ? ser_validate_audio(v, o, e) : BASE_OK;
}

void ser_validation_free(ser_validation *v)
{
    for (int i = 0; i < SER_TABLES; i++)
        tx_table_free(&v->table[i]);
}

/* ---- summary --------------------------------------------------------------------------------------------------- */

static void count_labels(const tx_table *t, const char *name, FILE *f)
{
    const char **label = malloc((size_t)t->n * sizeof(*label) + 1);

    if (!label)
        return;
    for (int64_t i = 0; i < t->n; i++)
        label[i] = t->entry[i].value;
    qsort(label, (size_t)t->n, sizeof(*label), compare_text);
    fprintf(f, "%s:", name);
    for (int64_t i = 0, first = 0; i < t->n; i++)
        if (i + 1 == t->n || strcmp(label[i], label[i + 1]) != 0) {
            char shown[200];

            snprintf(shown, sizeof shown, "%s", label[i]);
            base_make_plain(shown, false);
            fprintf(f, "%s %s %lld", first ? "," : "", shown, (long long)(i + 1 - first));
            first = i + 1;
        }
    fputc('\n', f);
    free(label);
}

static void count_words(const tx_table *t, FILE *f)
{
    int64_t words = 0, empty = 0;
    tx_tokens list;

    for (int64_t i = 0; i < t->n; i++)
        if (tx_split_words(t->entry[i].value, &list, NULL) == BASE_OK) {
            words += list.n;
            empty += list.n == 0;
            tx_tokens_free(&list);
        }
    fprintf(f, "text: %lld words, %lld empty\n", (long long)words, (long long)empty);
}

void ser_validation_summary(const ser_validation *v, FILE *f)
{
    const tx_table *leading = &v->table[leading_table(v)];
    int64_t speakers = 0;

    if (v->table[SER_UTT2SPK].path)
        free(list_speakers(&v->table[SER_UTT2SPK], &speakers));
    fprintf(f, "utterances: %lld, speakers: %lld\n", (long long)leading->n, (long long)speakers);
    if (v->sounds > 0)
        fprintf(f, "sounds: %lld, %.2f h, shortest %.2f s, longest %.2f s\n", (long long)v->sounds, v->seconds / 3600,
            v->shortest, v->longest);
    if (v->table[SER_TEXT].path)
        count_words(&v->table[SER_TEXT], f);
    for (ser_table table = 0; table < SER_TABLES; table++)
        if (v->table[table].path && (spec[table].content == LABEL || spec[table].content == GENDER ||
            spec[table].content == FOLD))
            count_labels(&v->table[table], spec[table].name, f);
}
