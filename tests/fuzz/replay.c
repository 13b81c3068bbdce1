/* Runs a fuzz target over the inputs that are kept in tests/fuzz/corpus/NAME (once found, replayed for ever), and writes
 * TAP. NAME comes from the program's name, fuzz_NAME. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "tests/fuzz/fuzz.h"

static int replay(const char *path)
{
    base_error e = BASE_ERROR_INIT;
    char *data;
    size_t size;

    if (base_read_file(path, (size_t)1 << 26, &data, &size, &e) != BASE_OK) {
        printf("# %s\n", e.text);
        return 1;
    }
    LLVMFuzzerTestOneInput((const uint8_t *)data, size);
    free(data);
    return 0;
}

int main(int argc, char **argv)
{
    const char *name = strrchr(argv[0], '/'), *source = getenv("srcdir");
    char dir[1000], path[2000];
    int inputs = 0, unread = 0;
    struct dirent *entry;
    DIR *d;

    (void)argc;

    name = strstr(name ? name : argv[0], "fuzz_");
    snprintf(dir, sizeof(dir), "%s/tests/fuzz/corpus/%s", source ? source : ".", name ? name + 5 : "");
    d = opendir(dir);
    while (d && (entry = readdir(d)) != NULL)
        if (entry->d_name[0] != '.') {
            snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
            printf("# %s\n", entry->d_name);
            fflush(stdout);
            unread += replay(path);
            inputs++;
        }
    if (d)
        closedir(d);
    printf("1..1\n%s 1 - %d inputs of %s\n", inputs > 0 && unread == 0 ? "ok" : "not ok", inputs, dir);
    return inputs == 0 || unread > 0;
}
