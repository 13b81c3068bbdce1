/* nn_pickle_read: bytes become a tree of data within a bounded arena, or an error; walking the tree meets only itself. */
#include <assert.h>
#include <string.h>

#include "libnn/store/pickle.h"
#include "tests/fuzz/fuzz.h"

enum { MEMORY = 4 << 20 };

static unsigned sum;

static void walk(nn_pickle *p)
{
    if (!p || p->seen)
        return;
    p->seen = true;
    switch (p->kind) {
    case NN_PICKLE_LONG:
    case NN_PICKLE_TEXT:
    case NN_PICKLE_BYTES:
    case NN_PICKLE_GLOBAL:
        assert(p->text[p->n] == '\0');
        for (size_t i = 0; i < p->n; i++)
            sum += (unsigned char)p->text[i];
        break;
    case NN_PICKLE_TUPLE:
    case NN_PICKLE_LIST:
    case NN_PICKLE_SET:
    case NN_PICKLE_DICT:
    case NN_PICKLE_CALL:
        for (size_t i = 0; i < p->n; i++)
            walk(p->item[i]);
        break;
    default:
        break;
    }
    walk(p->callee);
    walk(p->args);
    walk(p->state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    base_error e = BASE_ERROR_INIT;
    base_arena *arena = base_arena_new(MEMORY, &e);
    nn_pickled p = { 0 };

    assert(arena);
    base_status status = nn_pickle_read(&p, data, size, 0, arena, &e);
    assert(!status == !e.status && !status == !*e.text);
    if (!status) {
        assert(p.root && p.used <= size);
        walk(p.root);
        for (nn_pickle *id = p.persistent; id; id = id->next)
            assert(id->kind == NN_PICKLE_PERSISTENT);
        nn_pickle_get(p.root, "model");
    }
    base_arena_free(arena);
    return 0;
}
