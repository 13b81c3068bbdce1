/* fairseq's dict.ltr.txt: what is read can be written as a vocab.json that is read again. */
#include <assert.h>
#include <string.h>

#include "libtext/tx.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    base_error e = BASE_ERROR_INIT;
    tx_vocab *v = tx_vocab_fairseq(fuzz_file(data, size), &e), *again;

    assert(!v == (e.status != BASE_OK) && !v == (*e.text != '\0'));
    if (!v)
        return 0;
    const char *path = fuzz_write("vocab.json", data, 0);
    assert(!tx_vocab_write(v, path, &e) && (again = tx_vocab_read(path, NULL, &e)));
    assert(tx_vocab_size(v) == tx_vocab_size(again));
    for (int i = 0; i < tx_vocab_size(v); i++)
        assert(!strcmp(tx_vocab_token(v, i), tx_vocab_token(again, i)));
    tx_vocab_free(again);
    tx_vocab_free(v);
    return 0;
}
