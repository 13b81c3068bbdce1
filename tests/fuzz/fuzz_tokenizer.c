/* What lies beside a vocabulary: the first byte says which file the rest is, beside a vocab.json or a vocab.txt that is good. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libtext/tx.h"
#include "tests/fuzz/fuzz.h"

static const char *const names[] = { "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "tokenizer.json" };
enum { NAMES = sizeof names / sizeof *names };

static void put(const char *name, const char *text) { fuzz_write(name, (const uint8_t *)text, strlen(text)); }

static void remove_all(void)
{
    char path[200];

    for (int i = 0; i < NAMES; i++) {
        snprintf(path, sizeof path, "%s/%s", fuzz_folder(), names[i]);
        unlink(path);
    }
}

static void read_characters(const char *path)
{
    const tx_decode_options o = { false, true };
    base_error e = BASE_ERROR_INIT;
    tx_vocab *v = tx_vocab_read(path, NULL, &e);
    tx_labels l;

    assert(!v == (e.status != BASE_OK) && !v == (*e.text != '\0'));
    if (v && !tx_vocab_encode(v, "AB <s> a", &l, NULL)) {
        for (int i = 0; i < l.n; i++)
            assert(l.label[i] >= 0 && l.label[i] < tx_vocab_size(v));
        free(tx_vocab_decode(v, l.label, l.n, &o, NULL));
        tx_labels_free(&l);
    }
    tx_vocab_free(v);
}

static void read_pieces(const char *path)
{
    base_error e = BASE_ERROR_INIT;
    tx_wordpiece *w = tx_wordpiece_read(path, &e);
    tx_labels l;

    assert(!w == (e.status != BASE_OK) && !w == (*e.text != '\0'));
    if (w && !tx_wordpiece_encode(w, "AB [MASK] ab!", 13, true, &l, NULL)) {
        for (int i = 0; i < l.n; i++)
            assert(l.label[i] >= 0 && l.label[i] < tx_wordpiece_size(w));
        tx_labels_free(&l);
    }
    tx_wordpiece_free(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[200];

    if (!size)
        return 0;
    remove_all();
    put("vocab.json", "{\"<pad>\": 0, \"<s>\": 1, \"</s>\": 2, \"<unk>\": 3, \"|\": 4, \"A\": 5, \"B\": 6}");
    put("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##b\nab\n!\n");
    fuzz_write(names[data[0] % NAMES], data + 1, size - 1);
    for (int i = 0; i < 3; i++) {
        static const char *const from[] = { "vocab.json", "vocab.txt", "tokenizer.json" };

        snprintf(path, sizeof path, "%s/%s", fuzz_folder(), from[i]);
        if (i)
            read_pieces(path);
        else
            read_characters(path);
    }
    return 0;
}
