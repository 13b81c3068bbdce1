/* labels.json: what is read can be written and read again. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "recipes/ser.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    base_error e = BASE_ERROR_INIT;
    ser_names names = { 0 }, again = { 0 };
    base_status status = ser_names_read(&names, fuzz_file(data, size), &e);

    assert(status == e.status && !e.status == !*e.text);
    if (!status) {
        char *text = ser_names_text(&names);

        assert(text && !ser_names_read(&again, fuzz_file((const uint8_t *)text, strlen(text)), &e));
        for (int t = 0; t < SER_TASKS; t++) {
            assert(names.task[t].n == again.task[t].n);
            for (int i = 0; i < names.task[t].n; i++)
                assert(!strcmp(names.task[t].name[i], again.task[t].name[i]));
        }
        free(text);
    }
    ser_names_free(&names);
    ser_names_free(&again);
    return 0;
}
