/* How much sound a header promises, for the formats whose truncation libsndfile passes over: RIFF, RIFX, RF64 and AIFF
 * by their chunks, AU, and SPHERE by its text. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "libaudio/source.h"

#define MAX_CHUNKS 10000
#define STREAMED 0x7f000000     /* programs that write to a pipe leave sizes from here on: sox 0x7f000008, ffmpeg 0xffffffff */

static uint32_t get32(const unsigned char *p, bool big)
{
    return big ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]
               : (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

/* True when the n bytes at `at` are there. */
static bool get(int fd, int64_t at, void *to, size_t n) { return pread(fd, to, n, at) == (ssize_t)n; }

/* `head` begins the file; bytes promised behind `at`, or -1 when the file does not tell. */
static int64_t promised_by_chunks(int fd, const unsigned char *head, int64_t *at)
{
    bool big = !memcmp(head, "RIFX", 4) || !memcmp(head, "FORM", 4), ds64 = false;
    uint64_t long_size = 0;
    unsigned char c[24];

    *at = 12;
    for (int i = 0; i < MAX_CHUNKS && get(fd, *at, c, 8); i++) {
        uint32_t size = get32(c + 4, big);

        *at += 8;
        if (!memcmp(c, "ds64", 4) && get(fd, *at, c + 8, 16)) {
            ds64 = true;
            long_size = get32(c + 16, false) | (uint64_t)get32(c + 20, false) << 32;
        } else if (!memcmp(c, "data", 4) || !memcmp(c, "SSND", 4)) {
            if (ds64 && size == UINT32_MAX)
                return long_size <= INT64_MAX ? (int64_t)long_size : INT64_MAX;
            return size < STREAMED ? (int64_t)size : -1;
        }
        *at += (int64_t)size + (size & 1);
    }
    return -1;
}

/* The number behind "name -i " in a SPHERE header; 0 when it is not there. */
static int64_t sphere_number(const char *text, const char *name)
{
    const char *at = strstr(text, name);

    return at && !strncmp(at + strlen(name), " -i ", 4) ? strtoll(at + strlen(name) + 4, NULL, 10) : 0;
}

static int64_t promised_by_sphere(const char *text, int64_t *at)
{
    int64_t n = sphere_number(text, "\nsample_count");

    *at = strtoll(text + 8, NULL, 10);
    if (*at < 16 || !base_mul_i64(n, sphere_number(text, "\nsample_n_bytes"), &n) ||
        !base_mul_i64(n, sphere_number(text, "\nchannel_count"), &n) || n <= 0)
        return -1;
    return n;
}

base_status au_check_size(int fd, int64_t bytes, const char *name, base_error *e)
{
    unsigned char head[1025] = { 0 };
    int64_t at = 0, promised = -1;
    ssize_t n = pread(fd, head, sizeof(head) - 1, 0);

    if (n < 24)
        return BASE_OK;
    if ((!memcmp(head, "RIFF", 4) || !memcmp(head, "RIFX", 4) || !memcmp(head, "RF64", 4) || !memcmp(head, "BW64", 4)) &&
        !memcmp(head + 8, "WAVE", 4))
        promised = promised_by_chunks(fd, head, &at);
    else if (!memcmp(head, "FORM", 4) && !memcmp(head + 8, "AIF", 3))
        promised = promised_by_chunks(fd, head, &at);
    else if (!memcmp(head, ".snd", 4)) {
        at = get32(head + 4, true);
        promised = get32(head + 8, true) < STREAMED ? (int64_t)get32(head + 8, true) : -1;
    } else if (!memcmp(head, "NIST_1A\n", 8)) {
        promised = promised_by_sphere((const char *)head, &at);
    }
    if (promised > bytes - at)
        return base_fail(e, BASE_FORMAT, "%s: truncated: its header promises %" PRId64 " bytes of sound, %" PRId64 " are there",
            name, promised, bytes > at ? bytes - at : 0);
    return BASE_OK;
}
