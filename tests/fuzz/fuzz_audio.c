/* Everything of libaudio that reads bytes from outside. The first byte says whether they are a sound, a wav.scp or
 * segments. No commands are run, and a sound is short, so that an input takes milliseconds. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libaudio/au.h"
#include "tests/fuzz/fuzz.h"

static const au_read_options options = { 16000, 400, 2.0, 64, true, 0, false };

/* A sound that was not refused is all that au.h promises. */
static void check_sound(base_status status, au_audio *a, const base_error *e)
{
    assert(status == e->status && (status == BASE_OK) == (a->x != NULL) && (status == BASE_OK) == !*e->text);
    if (!a->x)
        return;
    assert(a->n >= options.min_samples && a->rate == options.rate && a->channels >= 1 && a->channels <= options.max_channels);
    assert(a->seconds > 0 && a->seconds <= options.max_seconds && a->n == (int64_t)ceil(a->seconds * a->rate - 1e-6));
    for (int64_t i = 0; i < a->n; i++)
        assert(isfinite(a->x[i]));
    au_audio_free(a);
}

/* Whole, then in the pieces of a segments file that hops forward and back. */
static void fuzz_sound(const char *path)
{
    static const char pieces[] = "a r 0.5 1\nb r 0.1 0.2 0\nc r 0.7 -1\nd r 0 0.05 1\ne r 3 3.4\n";
    char wav_scp[200], text[100];
    base_error e = BASE_ERROR_INIT;
    au_reader *r;
    au_audio a;
    int length = snprintf(text, sizeof(text), "r %s\n", path), fd[2] = { memfd_create("scp", 0), memfd_create("segments", 0) };

    check_sound(au_read(path, &options, &a, &e), &a, &e);
    assert(write(fd[0], text, (size_t)length) == length && write(fd[1], pieces, sizeof(pieces) - 1) == sizeof(pieces) - 1);
    snprintf(wav_scp, sizeof(wav_scp), "scp:/proc/self/fd/%d", fd[0]);
    snprintf(text, sizeof(text), "/proc/self/fd/%d", fd[1]);
    e = (base_error)BASE_ERROR_INIT;
    r = au_reader_open(wav_scp, text, &options, &e);
    assert(r);
    for (int64_t i = 0; i < au_reader_count(r); i++) {
        e = (base_error)BASE_ERROR_INIT;
        check_sound(au_reader_read(r, i, &a, &e), &a, &e);
    }
    au_reader_close(r);
    close(fd[0]);
    close(fd[1]);
}

static void fuzz_table(const char *wav_scp, const char *segments)
{
    base_error e = BASE_ERROR_INIT;
    au_reader *r = au_reader_open(wav_scp, segments, &options, &e);

    assert((r != NULL) == (e.status == BASE_OK));
    for (int64_t i = 0; r && i < au_reader_count(r); i++) {
        assert(au_reader_find(r, au_reader_key(r, i)) == i);
        assert(i == 0 || strcmp(au_reader_key(r, i - 1), au_reader_key(r, i)) < 0);
    }
    au_reader_close(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char recordings[40];
    const char *path;

    if (!*recordings) {
        int fd = memfd_create("recordings", 0);
        assert(write(fd, "a /\nb /\n", 8) == 8);
        snprintf(recordings, sizeof(recordings), "/proc/self/fd/%d", fd);
    }
    if (size < 1)
        return 0;
    path = fuzz_file(data + 1, size - 1);
    if (data[0] == 't')
        fuzz_table(path, NULL);
    else if (data[0] == 's')
        fuzz_table(recordings, path);
    else
        fuzz_sound(path);
    return 0;
}
