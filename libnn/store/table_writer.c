/* Kaldi's tables of matrices, written. The files appear when the table is committed, whole or not at all, and
 * an scp never stands beside an archive it does not point into. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/c_locale.h"
#include "base/file.h"
#include "base/utf8.h"
#include "libnn/store/table.h"

struct nn_table_writer {
    base_out ark, scp;
    bool     text, has_scp;
    char    *ark_name;          /* as the scp will write it */
};

static base_status open_files(nn_table_writer *w, const char *files, base_error *e)
{
    const char *comma = strchr(files, ',');
    base_status status;

    if (w->has_scp && (!comma || comma == files || strchr(comma + 1, ',') || !comma[1] || !strncmp(files, "-,", 2)))
        return base_fail(e, BASE_FORMAT, "ark,scp:%.200s: expected ark,scp:ARCHIVE,SCRIPT", files);
    w->ark_name = w->has_scp ? strndup(files, (size_t)(comma - files)) : strdup(files);
    if (!w->ark_name)
        return base_fail(e, BASE_NO_MEMORY, "%.200s: out of memory", files);
    status = base_out_open(&w->ark, w->ark_name, e);
    if (!status && w->has_scp && !w->ark.tmp)
        status = base_fail(e, BASE_UNSUPPORTED, "%s: no file a script could point into", w->ark_name);
    else if (!status && w->has_scp)
        status = base_out_open(&w->scp, comma + 1, e);
    if (status)
        base_out_abandon(&w->ark);
    return status;
}

static void writer_free(nn_table_writer *w)
{
    free(w->ark_name);
    free(w);
}

nn_table_writer *nn_table_create(const char *wspecifier, base_error *e)
{
    const char *files;
    int flags;

    if (nn_table_specifier(wspecifier, &flags, &files, e))
        return NULL;
    if (!(flags & NN_TABLE_ARK)) {
        base_fail(e, BASE_FORMAT, "%.200s: expected ark:FILE or ark,scp:ARCHIVE,SCRIPT", wspecifier);
        return NULL;
    }
    nn_table_writer *w = calloc(1, sizeof *w);
    if (!w) {
        base_fail(e, BASE_NO_MEMORY, "%.200s: out of memory", wspecifier);
        return NULL;
    }
    w->text = flags & NN_TABLE_TEXT;
    w->has_scp = flags & NN_TABLE_SCP;
    if (open_files(w, files, e)) {
        writer_free(w);
        return NULL;
    }
    return w;
}

/* Nine digits bring every float back exactly. */
static void write_text(FILE *f, const nn_matrix *m)
{
    fputs(" [", f);
    for (int64_t r = 0; r < m->rows; r++) {
        fputs("\n ", f);
        for (int c = 0; c < m->cols; c++)
            base_fprintf(f, " %.9g", (double)m->x[r * m->cols + c]);
    }
    fputs(" ]\n", f);
}

static void write_int(FILE *f, int32_t x)
{
    putc(4, f);
    fwrite(&x, sizeof x, 1, f);
}

static void write_binary(FILE *f, const nn_matrix *m)
{
    size_t n = (size_t)m->rows * (size_t)m->cols;

    fwrite("\0BFM ", 1, 5, f);
    write_int(f, n ? (int32_t)m->rows : 0);
    write_int(f, n ? m->cols : 0);
    if (n)
        fwrite(m->x, sizeof *m->x, n, f);
}

static base_status check_key(const char *key, base_error *e)
{
    size_t n = strlen(key);
    bool good = n > 0 && n <= NN_TABLE_MOST_KEY && base_all_plain(key);

    for (size_t i = 0; i < n; i++)
        good &= nn_table_key_byte((unsigned char)key[i]);
    return good ? BASE_OK : base_fail(e, BASE_VALUE, "key \"%.120s\": expected 1 to %d bytes of UTF-8 without white space and control characters", key,
        NN_TABLE_MOST_KEY);
}

base_status nn_table_write(nn_table_writer *w, const char *key, const nn_matrix *m, base_error *e)
{
    FILE *f = w->ark.f;
    base_status status = check_key(key, e);

    if (status)
        return status;
    if (m->rows < 0 || m->rows > INT32_MAX || m->cols < 0)
        return base_fail(e, BASE_LIMIT, "key \"%.120s\": %lld rows of %d columns, more than Kaldi's files hold", key,
            (long long)m->rows, m->cols);
    fprintf(f, "%s ", key);
    if (w->has_scp)
        fprintf(w->scp.f, "%s %s:%lld\n", key, w->ark_name, (long long)ftello(f));
    if (w->text)
        write_text(f, m);
    else
        write_binary(f, m);
    if (ferror(f) || (w->has_scp && ferror(w->scp.f)))
        return base_fail_errno(e, "%s: cannot write", w->ark_name);
    return BASE_OK;
}

base_status nn_table_commit(nn_table_writer *w, base_error *e)
{
    base_status status = w->has_scp ? base_out_commit_indexed(&w->ark, &w->scp, e) : base_out_commit(&w->ark, e);

    writer_free(w);
    return status;
}

void nn_table_abandon(nn_table_writer *w)
{
    if (!w)
        return;
    base_out_abandon(&w->ark);
    base_out_abandon(&w->scp);
    writer_free(w);
}
