/* WordPiece on the lines of standard input, on one core: whole passes over them until the time is up; the shortest
 * counts. */
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/progress.h"
#include "libtext/tx.h"

#define MOST_BYTES ((size_t)1 << 30)

/* Lines of text [size], each with a NUL in place of its line end, into pieces; -1: an error in *e. */
static int64_t pass(const tx_wordpiece *w, const char *text, size_t size, int64_t *lines, base_error *e)
{
    int64_t pieces = 0;

    *lines = 0;
    for (const char *line = text; line < text + size; line += strlen(line) + 1, ++*lines) {
        tx_labels l;

        if (tx_wordpiece_encode(w, line, strlen(line), true, &l, e))
            return -1;
        pieces += l.n;
        tx_labels_free(&l);
    }
    return pieces;
}

static void measure(const tx_wordpiece *w, char *text, size_t size, double seconds, base_error *e)
{
    double best = 1e9, end = base_seconds() + seconds;
    int64_t lines, pieces;

    for (char *s = text; (s = memchr(s, '\n', size - (size_t)(s - text)));)
        *s++ = '\0';
    do {
        double start = base_seconds();
        pieces = pass(w, text, size, &lines, e);
        best = base_seconds() - start < best ? base_seconds() - start : best;
    } while (pieces >= 0 && base_seconds() < end);
    if (pieces >= 0)
        printf("%lld lines, %.3f MB, %lld pieces: %.0f lines/s, %.1f MB/s, %.0f pieces/s\n", (long long)lines,
            1e-6 * (double)size, (long long)pieces, (double)lines / best, 1e-6 * (double)size / best,
            (double)pieces / best);
}

int bench_tokenizer(const char *vocab, double seconds)
{
    base_error e = BASE_ERROR_INIT;
    double start = base_seconds();
    tx_wordpiece *w = tx_wordpiece_read(vocab, &e);
    char *text = NULL;
    size_t size = 0;

    if (w)
        printf("%s: %d tokens read in %.1f ms\n", vocab, tx_wordpiece_size(w), 1e3 * (base_seconds() - start));
    if (w && !base_read_file("-", MOST_BYTES, &text, &size, &e) && !tx_utf8_check("standard input", 1, text, size, &e))
        measure(w, text, size, seconds, &e);
    free(text);
    tx_wordpiece_free(w);
    if (e.status)
        fprintf(stderr, "%s\n", e.text);
    return e.status != BASE_OK;
}
