/* nn_npy_read. Bit 0 of the first byte: the rest is a file as it stands; else only a dict and data, behind which a
 * version 1 beginning with the right length is put. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "libnn/nn.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t header = size;
    base_error e = BASE_ERROR_INIT;
    uint8_t *bytes;
    nn_matrix m;

    if (size < 1 || !(bytes = malloc(size + 10)))
        return 0;
    while (header > 1 && data[header - 1] != '}')
        header--;
    memcpy(bytes, "\x93NUMPY\1\0", 8);
    bytes[8] = (uint8_t)((header - 1) & 0xff);
    bytes[9] = (uint8_t)((header - 1) >> 8);
    memcpy(bytes + 10, data + 1, size - 1);
    base_status status = nn_npy_read(data[0] & 1 ? fuzz_file(data + 1, size - 1) : fuzz_file(bytes, size + 9), &m, &e);
    free(bytes);
    assert(status == e.status && !status == !*e.text);
    assert(status || (m.rows >= 0 && m.cols >= 0 && m.rows * m.cols <= (int64_t)size));
    float sum = 0;
    for (int64_t i = 0; !status && i < m.rows * m.cols; i++)
        sum += m.x[i];
    assert(sum == sum || sum != sum);
    nn_matrix_free(&m);
    return 0;
}
