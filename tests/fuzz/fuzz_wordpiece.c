/* WordPiece: vocabularies from both kinds of file, and any text. The first byte says which. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libtext/tx.h"
#include "tests/fuzz/fuzz.h"

static char json_path[60];

static void forget_path(void) { unlink(json_path); }

/* The same file under a name that says it is JSON. */
static const char *as_json(const char *path)
{
    if (!*json_path) {
        snprintf(json_path, sizeof json_path, "/tmp/serin-fuzz-%d.json", (int)getpid());
        atexit(forget_path);
    }
    unlink(json_path);
    if (symlink(path, json_path))
        abort();
    return json_path;
}

/* Every piece is a token of the vocabulary, and the frame adds one piece at each end. */
static void encode(const tx_wordpiece *w, const char *text, size_t size)
{
    tx_labels bare, framed;

    assert(tx_wordpiece_encode(w, text, size, false, &bare, NULL) == BASE_OK);
    assert(tx_wordpiece_encode(w, text, size, true, &framed, NULL) == BASE_OK);
    assert(framed.n == bare.n + 2 && framed.unknown == bare.unknown && bare.unknown <= bare.n);
    for (int i = 0; i < framed.n; i++)
        assert(framed.label[i] < tx_wordpiece_size(w) && tx_wordpiece_token(w, framed.label[i]));
    if (bare.n)
        assert(!memcmp(bare.label, framed.label + 1, (size_t)bare.n * sizeof *bare.label));
    tx_labels_free(&bare);
    tx_labels_free(&framed);
}

static void fuzz_vocab(const char *path)
{
    static const char sample[] = " Na\xc3\xafve\t[SEP]Stra\xc3\x9f" "e \xe5\x8d\x9a unaffable!\xce\xa3\0z\xff";
    tx_wordpiece *w = tx_wordpiece_read(path, NULL);

    if (!w)
        return;
    for (int i = 0; i < tx_wordpiece_size(w); i++) {
        const char *token = tx_wordpiece_token(w, i);
        int found = token ? tx_wordpiece_find(w, token) : -1;
        assert(found < 0 || !strcmp(tx_wordpiece_token(w, found), token));
    }
    encode(w, sample, sizeof sample - 1);
    tx_wordpiece_free(w);
}

static void fuzz_text(const uint8_t *data, size_t size)
{
    static const char vocab[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##a\nb\n##b\nab\n##ba\n!\n\xc3\x9f\n"
        "##\xcf\x82\n";
    tx_wordpiece *w = tx_wordpiece_read(fuzz_file((const uint8_t *)vocab, sizeof vocab - 1), NULL);
    char *text = malloc(size + 1);

    assert(w && text);
    memcpy(text, data, size);
    text[size] = '\0';
    encode(w, text, size);
    free(text);
    tx_wordpiece_free(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    if (data[0] % 3 == 2)
        fuzz_text(data + 1, size - 1);
    else
        fuzz_vocab(data[0] % 3 ? as_json(fuzz_file(data + 1, size - 1)) : fuzz_file(data + 1, size - 1));
    return 0;
}
