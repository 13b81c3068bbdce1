/* Kaldi's tables. Bit 0 of the first byte: an archive; else a script, in which '@' stands for a good archive. What can be
 * read can be written. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libnn/nn.h"
#include "tests/fuzz/fuzz.h"

static const char *good_archive(void)
{
    static const char bytes[] = "k [\n 1 2 3\n 4 5 6\n 7 8 9 ]\nb \0BFM \4\2\0\0\0\4\1\0\0\0abcdefgh";
    static char path[40];

    if (!*path) {
        int fd = memfd_create("good", 0);
        if (fd < 0 || write(fd, bytes, sizeof bytes - 1) != sizeof bytes - 1)
            abort();
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    return path;
}

static const char *write_script(const uint8_t *data, size_t size)
{
    const char *path = good_archive();
    size_t n = 0, length = strlen(path);
    uint8_t *text = malloc(size * length + 1);

    if (!text)
        abort();
    for (size_t i = 0; i < size; i++)
        if (data[i] == '@') {
            memcpy(text + n, path, length);
            n += length;
        } else {
            text[n++] = data[i];
        }
    path = fuzz_file(text, n);
    free(text);
    return path;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char specifier[100];
    base_error e = BASE_ERROR_INIT;
    const char *key;
    nn_matrix m;

    if (size < 1)
        return 0;
    bool archive = data[0] & 1;
    snprintf(specifier, sizeof specifier, "%s:%s", archive ? "ark" : "scp",
        archive ? fuzz_file(data + 1, size - 1) : write_script(data + 1, size - 1));
    nn_table_reader *r = nn_table_open(specifier, &e);
    nn_table_writer *w = nn_table_create(data[0] & 2 ? "ark,t:/dev/null" : "ark:/dev/null", NULL);
    assert(r && w);
    while (nn_table_next(r, &key, &m, &e) == BASE_OK && key) {
        assert(m.rows >= 0 && m.cols >= 0 && !m.rows == !m.cols);
        assert(nn_table_write(w, key, &m, &e) == BASE_OK);
    }
    assert(!e.status == !*e.text);
    nn_table_close(r);
    nn_table_abandon(w);
    return 0;
}
