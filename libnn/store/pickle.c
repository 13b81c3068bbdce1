/* The stack machine of pickles (Python's Lib/pickletools.py), reduced to building data. Opcodes are those that
 * torch.save, argparse and omegaconf write; everything a file can ask for has a limit. */
#include "libnn/store/pickle.h"

#include <stdlib.h>
#include <string.h>

#include "libnn/store/bytes.h"
#include "libnn/store/store.h"

#define MOST_MEMO 1000000
#define MOST_STACK 1000000
#define MOST_TEXT (16u << 20)
#define MOST_LINE 1000u         /* of a global's module or name */

typedef struct machine {
    const uint8_t *data;
    size_t         size, next, op;      /* op: where the current opcode stands */
    size_t         at;                  /* of data, for messages */
    base_arena    *arena;
    base_error    *e;
    base_status    status;
    nn_pickle    **stack, **memo;
    size_t         depth, room, memo_room, memo_next;
    size_t        *mark;                /* depths */
    size_t         marks, mark_room;
    nn_pickle     *persistent;
} machine;

/* The first failure counts; from then on the machine does nothing. NULL, to be returned. */
static void *fail(machine *m, base_status status, const char *reason)
{
    if (!m->status)
        m->status = base_fail(m->e, status, "byte %zu: %s", m->at + m->op, reason);
    return NULL;
}

static const uint8_t *take(machine *m, size_t n)
{
    if (m->status)
        return NULL;
    if (n > m->size - m->next)
        return fail(m, BASE_FORMAT, "the pickle ends here, inside an opcode or without STOP");
    m->next += n;
    return m->data + m->next - n;
}

/* ---- nodes, stack, memo ------------------------------------------------------------------------------------------ */

static void *room_for(machine *m, size_t bytes)
{
    void *block = m->status ? NULL : base_arena_take(m->arena, bytes);

    return block ? block : fail(m, BASE_LIMIT, "the pickle needs more memory than one of its length may");
}

static nn_pickle *node(machine *m, nn_pickle_kind kind)
{
    nn_pickle *p = room_for(m, sizeof *p);

    if (p)
        *p = (nn_pickle){ .kind = kind };
    return p;
}

/* Room for one more in an array of `size` bytes an element, at most `most` of them; NULL: fail told. */
static void *grown(machine *m, void *array, size_t *room, size_t used, size_t size, size_t most, const char *what)
{
    size_t more = *room ? 2 * *room : 256;
    void *bigger;

    if (used < *room || m->status)
        return array;
    if (used >= most) {
        fail(m, BASE_LIMIT, what);
        return array;
    }
    bigger = realloc(array, more * size);
    if (!bigger) {
        fail(m, BASE_NO_MEMORY, "out of memory");
        return array;
    }
    *room = more;
    return bigger;
}

static void push(machine *m, nn_pickle *p)
{
    m->stack = grown(m, m->stack, &m->room, m->depth, sizeof *m->stack, MOST_STACK,
        "more than 1000000 values on the stack");
    if (p && !m->status)
        m->stack[m->depth++] = p;
}

/* Values below the topmost mark are out of reach. */
static size_t reachable(const machine *m) { return m->depth - (m->marks ? m->mark[m->marks - 1] : 0); }

static nn_pickle *pop(machine *m)
{
    if (m->status)
        return NULL;
    if (!reachable(m))
        return fail(m, BASE_FORMAT, "an opcode finds too few values on the stack");
    return m->stack[--m->depth];
}

static nn_pickle *top(machine *m)
{
    nn_pickle *p = pop(m);

    m->depth += p != NULL;
    return p;
}

static void set_mark(machine *m)
{
    m->mark = grown(m, m->mark, &m->mark_room, m->marks, sizeof *m->mark, MOST_STACK, "more than 1000000 marks");
    if (!m->status)
        m->mark[m->marks++] = m->depth;
}

/* The n values above the topmost mark, which goes; they stay readable until the next push. */
static nn_pickle **pop_mark(machine *m, size_t *n)
{
    *n = 0;
    if (m->status)
        return NULL;
    if (!m->marks)
        return fail(m, BASE_FORMAT, "an opcode needs a mark, and there is none");
    *n = reachable(m);
    m->depth = m->mark[--m->marks];
    return *n ? m->stack + m->depth : NULL;
}

static void append(machine *m, nn_pickle *p, nn_pickle *const *values, size_t n)
{
    if (m->status || !n)
        return;
    if (p->n + n > p->room) {
        size_t room = 2 * p->n + n;
        nn_pickle **item = room_for(m, room * sizeof(nn_pickle *));
        if (!item)
            return;
        if (p->n)
            memcpy(item, p->item, p->n * sizeof(nn_pickle *));
        p->item = item;
        p->room = room;
    }
    memcpy(p->item + p->n, values, n * sizeof(nn_pickle *));
    p->n += n;
}

static void push_items(machine *m, nn_pickle_kind kind, nn_pickle *const *values, size_t n)
{
    nn_pickle *p = node(m, kind);

    append(m, p, values, n);
    push(m, p);
}

static void push_marked(machine *m, nn_pickle_kind kind)
{
    size_t n;
    nn_pickle **values = pop_mark(m, &n);

    push_items(m, kind, values, n);
}

static void push_tuple(machine *m, size_t n)
{
    nn_pickle *values[3];

    for (size_t i = n; i-- > 0;)
        values[i] = pop(m);
    push_items(m, NN_PICKLE_TUPLE, values, n);
}

static void memoize(machine *m, size_t index)
{
    nn_pickle *p = top(m);

    if (index >= MOST_MEMO)
        fail(m, BASE_LIMIT, "a memo index of 1000000 or more");
    while (!m->status && index >= m->memo_room) {
        size_t before = m->memo_room;
        m->memo = grown(m, m->memo, &m->memo_room, before, sizeof *m->memo, MOST_MEMO, "too large a memo");
        if (m->memo_room > before)
            memset(m->memo + before, 0, (m->memo_room - before) * sizeof *m->memo);
    }
    if (!m->status) {
        m->memo[index] = p;
        m->memo_next = index + 1;
    }
}

static void recall(machine *m, size_t index)
{
    if (!m->status && (index >= m->memo_room || !m->memo[index]))
        fail(m, BASE_FORMAT, "a memo entry that was never set");
    if (!m->status)
        push(m, m->memo[index]);
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static void push_integer(machine *m, nn_pickle_kind kind, int64_t value)
{
    nn_pickle *p = node(m, kind);

    if (p)
        p->integer = value;
    push(m, p);
}

/* A node of text: a, and b behind it. */
static nn_pickle *text_node(machine *m, nn_pickle_kind kind, const void *a, size_t na, const void *b, size_t nb)
{
    nn_pickle *p = node(m, kind);
    char *text = p ? room_for(m, na + nb + 1) : NULL;

    if (!text)
        return NULL;
    memcpy(text, a, na);
    memcpy(text + na, b, nb);
    text[na + nb] = '\0';
    p->text = text;
    p->n = na + nb;
    return p;
}

static void push_text(machine *m, nn_pickle_kind kind, uint64_t n)
{
    const uint8_t *bytes = n > MOST_TEXT ? fail(m, BASE_LIMIT, "a text of more than 16 MiB") : take(m, (size_t)n);

    if (bytes)
        push(m, text_node(m, kind, bytes, (size_t)n, "", 0));
}

/* Little-endian two's complement of n bytes. */
static void push_long(machine *m, uint64_t n)
{
    const uint8_t *bytes;
    uint64_t value = 0;

    if (n > 8) {
        push_text(m, NN_PICKLE_LONG, n);
        return;
    }
    bytes = take(m, (size_t)n);
    for (size_t i = 0; bytes && i < n; i++)
        value |= (uint64_t)bytes[i] << 8 * i;
    if (bytes && n && n < 8 && bytes[n - 1] & 0x80)
        value |= UINT64_MAX << 8 * n;
    push_integer(m, NN_PICKLE_INT, (int64_t)value);
}

static void push_float(machine *m)
{
    const uint8_t *bytes = take(m, 8);
    nn_pickle *p = bytes ? node(m, NN_PICKLE_FLOAT) : NULL;

    if (p) {
        uint64_t bits = __builtin_bswap64(nn_u64(bytes));
        memcpy(&p->number, &bits, sizeof bits);
    }
    push(m, p);
}

/* ---- globals and calls ------------------------------------------------------------------------------------------- */

/* Whether name is `word`, or a part of it up to a dot is. */
static bool begins_with(const char *name, const char *word)
{
    size_t n = strlen(word);

    return !strncmp(name, word, n) && (name[n] == '.' || !name[n]);
}

/* Nothing is called, whatever its name; but a file that asks for one of these was made to harm who reads it
 * otherwise. */
static bool runs_code(const char *name)
{
    static const char *const words[] = { "os", "posix", "nt", "sys", "subprocess", "socket", "runpy", "pty", "shutil",
        "importlib", "builtins.eval", "builtins.exec", "builtins.compile", "builtins.__import__", "builtins.open",
        "__builtin__.eval", "__builtin__.exec", "__builtin__.execfile", "__builtin__.compile", "__builtin__.__import__",
        "__builtin__.open" };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (begins_with(name, words[i]))
            return true;
    return false;
}

static void push_global(machine *m, const char *module, size_t n_module, const char *name, size_t n_name)
{
    char full[2 * MOST_LINE + 2];

    memcpy(full, module, n_module);
    full[n_module] = '.';
    memcpy(full + n_module + 1, name, n_name);
    nn_pickle *p = text_node(m, NN_PICKLE_GLOBAL, full, n_module + 1 + n_name, "", 0);
    if (p && runs_code(p->text))
        m->status = base_fail(m->e, BASE_UNSUPPORTED, "byte %zu: \"" NN_NAME "\" is there to run code; refused",
            m->at + m->op, p->text);
    push(m, p);
}

static const char *take_line(machine *m, size_t *n)
{
    const uint8_t *from = m->data + m->next, *end;
    size_t left = m->size - m->next;

    if (m->status)
        return NULL;
    end = memchr(from, '\n', left < MOST_LINE ? left : MOST_LINE);
    if (!end)
        return fail(m, BASE_FORMAT, "a name without an end of line");
    *n = (size_t)(end - from);
    m->next += *n + 1;
    return (const char *)from;
}

static void global_from_lines(machine *m)
{
    size_t n_module = 0, n_name = 0;
    const char *module = take_line(m, &n_module), *name = take_line(m, &n_name);

    if (name)
        push_global(m, module, n_module, name, n_name);
}

static void global_from_stack(machine *m)
{
    nn_pickle *name = pop(m), *module = pop(m);

    if (m->status)
        return;
    if (name->kind != NN_PICKLE_TEXT || module->kind != NN_PICKLE_TEXT || name->n > MOST_LINE || module->n > MOST_LINE)
        fail(m, BASE_FORMAT, "a global's name is no text, or too long");
    else
        push_global(m, module->text, module->n, name->text, name->n);
}

/* NEWOBJ_EX's keyword arguments become the state. */
static void push_call(machine *m, bool keywords)
{
    nn_pickle *state = keywords ? pop(m) : NULL, *args = pop(m), *callee = pop(m), *p = node(m, NN_PICKLE_CALL);

    if (m->status)
        return;
    if (args->kind != NN_PICKLE_TUPLE) {
        fail(m, BASE_FORMAT, "a call's arguments are no tuple");
        return;
    }
    p->callee = callee;
    p->args = args;
    p->state = state;
    push(m, p);
}

static void build(machine *m)
{
    nn_pickle *state = pop(m), *p = top(m);

    if (p && p->kind != NN_PICKLE_CALL && p->kind != NN_PICKLE_DICT)
        fail(m, BASE_FORMAT, "a state is given to something that has none");
    else if (p)
        p->state = state;
}

static void push_persistent(machine *m)
{
    nn_pickle *id = pop(m), *p = node(m, NN_PICKLE_PERSISTENT);

    if (m->status)
        return;
    p->args = id;
    p->next = m->persistent;
    m->persistent = p;
    push(m, p);
}

/* Adds n values to the container on the stack, which must be of that kind, or something that a call stands for. */
static void add(machine *m, nn_pickle_kind kind, nn_pickle *const *values, size_t n)
{
    nn_pickle *p = top(m);

    if (p && p->kind != kind && p->kind != NN_PICKLE_CALL)
        fail(m, BASE_FORMAT, "items are added to something that takes none");
    else if (p && kind == NN_PICKLE_DICT && n % 2)
        fail(m, BASE_FORMAT, "a dictionary's key without a value");
    append(m, p, values, n);
}

static void add_marked(machine *m, nn_pickle_kind kind)
{
    size_t n;
    nn_pickle **values = pop_mark(m, &n);

    add(m, kind, values, n);
}

static void add_popped(machine *m, nn_pickle_kind kind)
{
    nn_pickle *value = pop(m), *key = kind == NN_PICKLE_DICT ? pop(m) : NULL;

    if (key)
        add(m, kind, (nn_pickle *[]){ key, value }, 2);
    else
        add(m, kind, &value, 1);
}

/* ---- opcodes ----------------------------------------------------------------------------------------------------- */

/* The number of n little-endian bytes behind an opcode; 0 when the pickle ends there, which is told. */
static uint64_t number(machine *m, size_t n)
{
    const uint8_t *p = take(m, n);
    uint64_t x = 0;

    for (size_t i = 0; p && i < n; i++)
        x |= (uint64_t)p[i] << 8 * i;
    return x;
}

/* Opcodes that push a value written behind them. False: not one of those. */
static bool push_value(machine *m, int op)
{
    switch (op) {
    case 'N': push(m, node(m, NN_PICKLE_NONE)); return true;                            /* NONE */
    case 0x88: push_integer(m, NN_PICKLE_BOOL, 1); return true;                         /* NEWTRUE */
    case 0x89: push_integer(m, NN_PICKLE_BOOL, 0); return true;                         /* NEWFALSE */
    case 'J': push_integer(m, NN_PICKLE_INT, (int32_t)number(m, 4)); return true;       /* BININT */
    case 'K': push_integer(m, NN_PICKLE_INT, (int64_t)number(m, 1)); return true;       /* BININT1 */
    case 'M': push_integer(m, NN_PICKLE_INT, (int64_t)number(m, 2)); return true;       /* BININT2 */
    case 0x8a: push_long(m, number(m, 1)); return true;                                 /* LONG1 */
    case 0x8b: push_long(m, number(m, 4)); return true;                                 /* LONG4 */
    case 'G': push_float(m); return true;                                               /* BINFLOAT */
    case 'X': push_text(m, NN_PICKLE_TEXT, number(m, 4)); return true;                  /* BINUNICODE */
    case 0x8c: push_text(m, NN_PICKLE_TEXT, number(m, 1)); return true;                 /* SHORT_BINUNICODE */
    case 0x8d: push_text(m, NN_PICKLE_TEXT, number(m, 8)); return true;                 /* BINUNICODE8 */
    case 'U': push_text(m, NN_PICKLE_TEXT, number(m, 1)); return true;                  /* SHORT_BINSTRING */
    case 'T': push_text(m, NN_PICKLE_TEXT, number(m, 4)); return true;                  /* BINSTRING */
    case 'C': push_text(m, NN_PICKLE_BYTES, number(m, 1)); return true;                 /* SHORT_BINBYTES */
    case 'B': push_text(m, NN_PICKLE_BYTES, number(m, 4)); return true;                 /* BINBYTES */
    case ')': push(m, node(m, NN_PICKLE_TUPLE)); return true;                           /* EMPTY_TUPLE */
    case ']': push(m, node(m, NN_PICKLE_LIST)); return true;                            /* EMPTY_LIST */
    case '}': push(m, node(m, NN_PICKLE_DICT)); return true;                            /* EMPTY_DICT */
    case 0x8f: push(m, node(m, NN_PICKLE_SET)); return true;                            /* EMPTY_SET */
    case 'c': global_from_lines(m); return true;                                        /* GLOBAL */
    default: return false;
    }
}

/* Opcodes that work on the stack. False: not one of those. */
static bool work_on_stack(machine *m, int op)
{
    size_t n;

    switch (op) {
    case '(': set_mark(m); return true;                                                 /* MARK */
    case '0': pop(m); return true;                                                      /* POP */
    case '1': pop_mark(m, &n); return true;                                             /* POP_MARK */
    case '2': push(m, top(m)); return true;                                             /* DUP */
    case 't': push_marked(m, NN_PICKLE_TUPLE); return true;                             /* TUPLE */
    case 0x85: case 0x86: case 0x87: push_tuple(m, (size_t)op - 0x84); return true;     /* TUPLE1, 2, 3 */
    case 'l': push_marked(m, NN_PICKLE_LIST); return true;                              /* LIST */
    case 'q': memoize(m, number(m, 1)); return true;                                    /* BINPUT */
    case 'r': memoize(m, number(m, 4)); return true;                                    /* LONG_BINPUT */
    case 0x94: memoize(m, m->memo_next); return true;                                   /* MEMOIZE */
    case 'h': recall(m, number(m, 1)); return true;                                     /* BINGET */
    case 'j': recall(m, number(m, 4)); return true;                                     /* LONG_BINGET */
    case 0x93: global_from_stack(m); return true;                                       /* STACK_GLOBAL */
    case 'R': case 0x81: push_call(m, false); return true;                              /* REDUCE, NEWOBJ */
    case 0x92: push_call(m, true); return true;                                         /* NEWOBJ_EX */
    case 'b': build(m); return true;                                                    /* BUILD */
    case 'Q': push_persistent(m); return true;                                          /* BINPERSID */
    case 'a': add_popped(m, NN_PICKLE_LIST); return true;                               /* APPEND */
    case 'e': add_marked(m, NN_PICKLE_LIST); return true;                               /* APPENDS */
    case 's': add_popped(m, NN_PICKLE_DICT); return true;                               /* SETITEM */
    case 'u': add_marked(m, NN_PICKLE_DICT); return true;                               /* SETITEMS */
    case 0x90: add_marked(m, NN_PICKLE_SET); return true;                               /* ADDITEMS */
    case 0x95: take(m, 8); return true;                                                 /* FRAME: how much to buffer */
    default: return false;
    }
}

static nn_pickle *run(machine *m)
{
    const uint8_t *op;
    nn_pickle *root = NULL;

    while (m->op = m->next, (op = take(m, 1)) && *op != '.')
        if (!push_value(m, *op) && !work_on_stack(m, *op))
            m->status = base_fail(m->e, BASE_UNSUPPORTED, "byte %zu: opcode 0x%02x, which plain data do not need",
                m->at + m->op, *op);
    root = pop(m);
    if (root && (m->depth || m->marks))
        fail(m, BASE_FORMAT, "values are left on the stack at the end");
    return root;
}

base_status nn_pickle_read(nn_pickled *p, const uint8_t *data, size_t size, size_t at, base_arena *arena, base_error *e)
{
    machine m = { .data = data, .size = size, .at = at, .arena = arena, .e = e };
    const uint8_t *begin = take(&m, 2);

    if (begin && (begin[0] != 0x80 || begin[1] < 2 || begin[1] > 5))
        fail(&m, BASE_FORMAT, "not the beginning of a pickle of protocol 2 to 5");
    p->root = run(&m);
    p->persistent = m.persistent;
    p->used = m.next;
    free(m.stack);
    free(m.mark);
    free(m.memo);
    return m.status;
}

/* ---- looking at the tree ----------------------------------------------------------------------------------------- */

bool nn_pickle_is(const nn_pickle *p, nn_pickle_kind kind, const char *text)
{
    return p && p->kind == kind && p->n == strlen(text) && !memcmp(p->text, text, p->n);
}

bool nn_pickle_calls(const nn_pickle *p, const char *callee)
{
    return p && p->kind == NN_PICKLE_CALL && nn_pickle_is(p->callee, NN_PICKLE_GLOBAL, callee);
}

/* From the end: the last of equal keys counts, as in Python. */
nn_pickle *nn_pickle_get(const nn_pickle *dict, const char *key)
{
    bool has_items = dict && (dict->kind == NN_PICKLE_DICT || dict->kind == NN_PICKLE_CALL);

    for (size_t i = has_items ? dict->n / 2 : 0; i-- > 0;)
        if (nn_pickle_is(dict->item[2 * i], NN_PICKLE_TEXT, key))
            return dict->item[2 * i + 1];
    return NULL;
}
