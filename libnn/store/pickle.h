/* Python pickles as data. The machine builds a tree and does nothing else: a global is its name, a call is its callee
 * and its arguments, and no name has a meaning here, so nothing can be executed. Whoever reads the tree knows a handful
 * of callees (torch.c) and passes over the rest. */
#ifndef SERIN_NN_PICKLE_H
#define SERIN_NN_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

typedef enum nn_pickle_kind {
    NN_PICKLE_NONE,
    NN_PICKLE_BOOL,         /* integer */
    NN_PICKLE_INT,          /* integer */
    NN_PICKLE_LONG,         /* text: little-endian two's complement of more than 8 bytes */
    NN_PICKLE_FLOAT,        /* number */
    NN_PICKLE_TEXT,         /* text: UTF-8, unchecked */
    NN_PICKLE_BYTES,        /* text */
    NN_PICKLE_GLOBAL,       /* text: "module.name" */
    NN_PICKLE_TUPLE,        /* items */
    NN_PICKLE_LIST,         /* items */
    NN_PICKLE_SET,          /* items */
    NN_PICKLE_DICT,         /* items: key, value, key, value … */
    NN_PICKLE_CALL,         /* callee(args), never called; then items set or appended to it */
    NN_PICKLE_PERSISTENT    /* args: the id */
} nn_pickle_kind;

typedef struct nn_pickle nn_pickle;
struct nn_pickle {
    nn_pickle_kind kind;
    bool           seen;        /* for whoever walks, false at first: the tree may share nodes and hold cycles */
    size_t         n, room;     /* bytes of text, or items */
    union {
        int64_t     integer;
        double      number;
        const char *text;       /* [n] and a NUL */
        nn_pickle **item;       /* [n] */
    };
    nn_pickle     *callee, *args, *state;   /* state: what BUILD gave, NULL: nothing */
    nn_pickle     *next;        /* PERSISTENT: the one before it in the pickle */
};

typedef struct nn_pickled {
    nn_pickle *root;
    nn_pickle *persistent;      /* the last id, then by `next`; also of values that were dropped again */
    size_t     used;            /* bytes of data */
} nn_pickled;

/* Reads one pickle of protocol 2 to 5 from data [size], which stands at byte `at` of what messages speak of. Nodes live
 * in the arena, whose limit bounds the memory. BASE_FORMAT with byte and reason; BASE_UNSUPPORTED: an opcode that plain
 * data do not need, or a global that is there to run code; BASE_LIMIT. */
base_status nn_pickle_read(nn_pickled *p, const uint8_t *data, size_t size, size_t at, base_arena *arena,
    base_error *e);

/* The value of a text key in a DICT, or in the items of a CALL; NULL: absent, or dict is NULL or no such. */
nn_pickle *nn_pickle_get(const nn_pickle *dict, const char *key);
bool       nn_pickle_is(const nn_pickle *p, nn_pickle_kind kind, const char *text);     /* p may be NULL */
bool       nn_pickle_calls(const nn_pickle *p, const char *callee);                     /* p is CALL of that global */

#endif
