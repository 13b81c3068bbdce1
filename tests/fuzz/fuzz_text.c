/* Everything of libtext that reads bytes from outside. The first byte says which, and with what options. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "libtext/tx.h"
#include "tests/fuzz/fuzz.h"

static void ignore_fault(void *data, const char *path, int64_t line, const char *reason)
{
    int64_t *faults = data;

    assert(path && line > 0 && *reason);
    ++*faults;
}

/* A table without faults reads the same both ways; with faults, only the second way. */
static void fuzz_table(const char *path, tx_values values)
{
    tx_table strict, lenient;
    int64_t faults = 0;
    bool whole = tx_table_read(&strict, path, values, NULL) == BASE_OK;

    assert(tx_table_read_faults(&lenient, path, values, ignore_fault, &faults, NULL) == BASE_OK);
    assert(whole == (faults == 0));
    for (int64_t i = 0; i < lenient.n; i++) {
        assert(i == 0 || strcmp(lenient.entry[i - 1].key, lenient.entry[i].key) < 0);
        assert(tx_table_value(&lenient, lenient.entry[i].key) == lenient.entry[i].value);
    }
    if (whole) {
        assert(tx_table_same_keys(&strict, &lenient, NULL) == BASE_OK);
        tx_table_free(&strict);
    }
    tx_table_free(&lenient);
}

static void fuzz_vocab(const char *path, const char *text)
{
    const tx_decode_options o = { false, true };
    tx_vocab *v = tx_vocab_read(path, NULL, NULL);
    tx_labels l;

    if (!v)
        return;
    for (int i = 0; i < tx_vocab_size(v); i++)
        assert(tx_vocab_find(v, tx_vocab_token(v, i)) == i);
    assert(tx_vocab_blank(v) >= 0);
    if (tx_vocab_encode(v, text, &l, NULL) == BASE_OK) {
        free(tx_vocab_decode(v, l.label, l.n, &o, NULL));
        tx_labels_free(&l);
    }
    tx_vocab_free(v);
}

/* Normalised text is UTF-8, and normalising it again changes nothing in white space. */
static void fuzz_normalise(const char *text, int bits)
{
    tx_normalise_options o = {
        (tx_case)(bits % 3), (tx_form)(bits % 5), bits & 1, bits & 2, bits & 4, bits & 8, bits & 16
    };
    char *out = tx_normalise(text, &o, NULL);

    if (!out)
        return;
    assert(tx_utf8_check("out", 1, out, strlen(out), NULL) == BASE_OK);
    if (o.collapse && *out)
        assert(out[0] != ' ' && out[strlen(out) - 1] != ' ' && !strstr(out, "  "));
    free(out);
}

static void fuzz_align(const char *text)
{
    const char *middle = text + strlen(text) / 2;
    tx_errors unit = { 0 }, sclite = { 0 };

    if (strlen(text) > 1000)
        return;
    assert(tx_count_errors(text, middle, true, TX_UNIT, &unit, NULL) == BASE_OK);
    assert(tx_count_errors(text, middle, true, TX_SCLITE, &sclite, NULL) == BASE_OK);
    assert(tx_errors_length(&unit) == tx_errors_length(&sclite) && tx_errors_total(&unit) <= tx_errors_total(&sclite));
}

static void fuzz_nist(const char *path, bool ctm)
{
    tx_table t;

    if ((ctm ? tx_ctm_read : tx_trn_read)(&t, path, NULL) == BASE_OK)
        tx_table_free(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char sample[] = " A <s>\xc3\x84 b|<unk> '\xe3\x80\x80z";
    int choice = size ? data[0] : 0, bits = choice / 5;
    const char *path = size ? fuzz_file(data + 1, size - 1) : "";
    char *text = size ? strndup((const char *)data + 1, size - 1) : NULL;
    bool valid = text && tx_utf8_check("in", 1, text, strlen(text), NULL) == BASE_OK;

    if (!text)
        return 0;
    if (choice % 5 == 0)
        fuzz_table(path, (tx_values)(bits % 3));
    else if (choice % 5 == 1)
        fuzz_vocab(path, sample);
    else if (choice % 5 == 2 && valid)
        fuzz_normalise(text, bits);
    else if (choice % 5 == 3)
        fuzz_nist(path, bits & 1);
    else if (choice % 5 == 4 && valid)
        fuzz_align(text);
    free(text);
    return 0;
}
