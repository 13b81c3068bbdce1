/* Everything that reads or writes files, and the optimisers, with the first allocation failing, the second, and so on until
 * none does: a clean error, no memory lost, nothing half done. The same for write, fsync, rename and readdir, and for a process
 * that is killed at the n-th of them; and the order in which writers call them. */
#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <omp.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/temporary.h"
#include "libnn/nn.h"
#include "libtext/tx.h"
#include "tests/unit/files.h"
#include "tests/unit/io_fault.h"
#include "tests/unit/malloc_fault.h"
#include "tests/unit/unit.h"

/* ---- what is tried ----------------------------------------------------------------------------------------------- */

static char folder[500], source[500];

static const char *in_folder(const char *name)
{
    static char path[600];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static const char *reference(const char *name)
{
    static char path[600];

    snprintf(path, sizeof path, "%s/tests/parity/store/%s", source, name);
    return path;
}

static base_status try_safetensors_open(base_error *e)
{
    nn_safetensors *s = nn_safetensors_open(reference("types.safetensors"), e);

    nn_safetensors_close(s);
    return e->status;
}

static base_status open_archive(const char *name, base_error *e)
{
    char path[700];

    snprintf(path, sizeof path, "%s/tests/parity/torch/%s", source, name);
    nn_archive_close(nn_archive_open(path, e));
    return e->status;
}

static base_status try_archive_zip(base_error *e) { return open_archive("zip.bin", e); }
static base_status try_archive_index(base_error *e) { return open_archive("sharded/pytorch_model.bin.index.json", e); }
static base_status try_archive_legacy(base_error *e) { return open_archive("fairseq-ctc.pt", e); }

/* What was read is the same each time, or an error is told: half of it is neither. */
static size_t known;        /* bytes of the first time; 0: this is it */

static void assert_same(const void *x, size_t n)
{
    static unsigned char first[4096];

    if (malloc_left < 0 && !known)
        memcpy(first, x, known = n);
    else if (x)
        assert(n == known && !memcmp(first, x, n));
}

static base_status read_config(const char *name, base_error *e)
{
    char path[700];
    nn_hubert_config c;

    memset(&c, 0, sizeof c);
    snprintf(path, sizeof path, "%s/tests/parity/%s", source, name);
    if (!nn_hubert_config_read(&c, path, e))
        assert_same(&c, sizeof c);
    return e->status;
}

static base_status try_config(base_error *e) { return read_config("hubert-layer/config.json", e); }
static base_status try_config_fairseq(base_error *e) { return read_config("torch/fairseq-layer.pt", e); }

static base_status try_vocab(base_error *e)
{
    static const int labels[] = { 5, 6, 4, 6, 7, 8, 1, 3 };
    static const tx_decode_options plain = TX_DECODE_DEFAULTS;
    tx_vocab *v = tx_vocab_read(in_folder("vocab.json"), NULL, e);
    char *text = v ? tx_vocab_decode(v, labels, 8, &plain, e) : NULL;

    if (text)
        assert_same(text, strlen(text) + 1);
    free(text);
    tx_vocab_free(v);
    return e->status;
}

static base_status try_vocab_fairseq(base_error *e)
{
    tx_vocab *v = tx_vocab_fairseq(in_folder("dict.ltr.txt"), e);

    if (v)
        assert(tx_vocab_size(v) == 6 && !strcmp(tx_vocab_token(v, 5), "E"));
    tx_vocab_free(v);
    return e->status;
}

static base_status read_pieces(const char *name, base_error *e)
{
    tx_wordpiece *w = tx_wordpiece_read(in_folder(name), e);
    tx_labels l = { 0 };

    if (w && !tx_wordpiece_encode(w, "Emo_Happy happyness", 19, true, &l, e))
        assert_same(l.label, (size_t)l.n * sizeof *l.label);
    tx_labels_free(&l);
    tx_wordpiece_free(w);
    return e->status;
}

static base_status try_pieces(base_error *e) { return read_pieces("words/vocab.txt", e); }
static base_status try_pieces_json(base_error *e) { return read_pieces("words/tokenizer.json", e); }

static void write_vocabularies(void)
{
    static const char vocab[] = "{\"<pad>\": 0, \"<s>\": 1, \"</s>\": 2, \"<unk>\": 3, \"|\": 4, \"a token longer than sixteen bytes\": 5, \"B\": 6}",
        config[] = "{\"word_delimiter_token\": \"|\", \"replace_word_delimiter_char\": \" and a long word between words \"}",
        added[] = "{\"another token longer than sixteen bytes\": 7, \"C\": 8}", words[] = "[UNK]\n[CLS]\n[SEP]\nhappy\n##ness\nHappy\n",
        rules[] = "{\"do_lower_case\": false, \"added_tokens_decoder\": {\"6\": {\"content\": \"Emo_Happy\", \"normalized\": true}}}",
        json[] = "{\"added_tokens\": [{\"id\": 5, \"content\": \"EMO_HAPPY\", \"normalized\": true}], \"normalizer\": {\"type\": "
                 "\"Sequence\", \"normalizers\": [{\"type\": \"NFD\"}, {\"type\": \"BertNormalizer\"}]}, \"pre_tokenizer\": {\"type\": "
                 "\"WhitespaceSplit\"}, \"model\": {\"vocab\": {\"[UNK]\": 0, \"[CLS]\": 1, \"[SEP]\": 2, \"happy\": 3, \"##ness\": 4}}}";

    mkdir(in_folder("words"), 0777);
    files_write("vocab.json", vocab, sizeof vocab - 1);
    files_write("tokenizer_config.json", config, sizeof config - 1);
    files_write("added_tokens.json", added, sizeof added - 1);
    files_write("dict.ltr.txt", "| 94802\nE 51860\n", 16);
    files_write("words/vocab.txt", words, sizeof words - 1);
    files_write("words/tokenizer_config.json", rules, sizeof rules - 1);
    files_write("words/tokenizer.json", json, sizeof json - 1);
}

static base_status try_safetensors_save(base_error *e)
{
    static const float x[2] = { 1, 2 };
    static const int64_t shape[] = { 2 };
    static const nn_save_tensor t[] = { { "b", NN_F32, 1, shape, x }, { "a", NN_F32, 1, shape, x } };
    static const nn_meta meta[] = { { "k", "v" } };

    return nn_safetensors_save(in_folder("out"), t, 2, meta, 1, e);
}

static nn_params *params;

static base_status try_params_save(base_error *e) { return nn_params_save(params, in_folder("p"), NULL, 0, e); }
static base_status try_params_load(base_error *e) { return nn_params_load(params, in_folder("model"), NULL, e); }

static base_status try_adam_and_average(base_error *e)
{
    static const nn_group groups[] = { { "w", 0.1, 0 } };
    nn_adam_options o = NN_ADAM_DEFAULTS;

    o.groups = groups;
    o.n_groups = 1;
    nn_adam *a = nn_adam_new(params, &o, e);
    nn_average *mean = e->status ? NULL : nn_average_new(params, 0, e);
    assert(e->status || (a && mean));     /* Check's own would take memory that fails */
    nn_adam_free(a);
    nn_average_free(mean);
    return e->status;
}

static nn_checkpoint checkpoint;

static base_status try_checkpoint_save(base_error *e) { return nn_checkpoint_save(&checkpoint, in_folder("run"), 2, 1, e); }

static base_status try_checkpoint_load(base_error *e)
{
    base_error note = BASE_ERROR_INIT;
    int64_t step;
    base_status status = nn_checkpoint_load(&checkpoint, in_folder("kept"), &step, &note, e);

    assert(step == (status ? -1 : 1));
    assert(note.status == BASE_OK);     /* no memory is no damage */
    nn_checkpoint_free(&checkpoint);
    return status;
}

static base_status try_npy(base_error *e)
{
    nn_matrix m;

    if (nn_npy_read(reference("fortran_le_f4.npy"), &m, e) == BASE_OK)
        nn_npy_write(in_folder("m.npy"), &m, e);
    else
        assert(!m.x);
    nn_matrix_free(&m);
    return e->status;
}

static base_status read_table(const char *specifier, base_error *e)
{
    nn_table_reader *r = nn_table_open(specifier, e);
    const char *key;
    nn_matrix m;
    int n = 0;

    while (r && nn_table_next(r, &key, &m, e) == BASE_OK && key)
        n++;
    nn_table_close(r);
    assert(e->status || n == 2);
    return e->status;
}

static base_status try_table_read(base_error *e)
{
    char specifier[700];

    snprintf(specifier, sizeof specifier, "scp:%s", in_folder("kept.scp"));
    if (read_table(specifier, e))
        return e->status;
    snprintf(specifier, sizeof specifier, "ark:%s", in_folder("kept.ark"));
    return read_table(specifier, e);
}

static base_status write_table(const char *name, base_error *e)
{
    float x[] = { 1, 2, 3, 4 };
    const nn_matrix m = { x, 2, 2 };
    char specifier[1400];

    snprintf(specifier, sizeof specifier, "ark,scp:%s/%s.ark,%s/%s.scp", folder, name, folder, name);
    nn_table_writer *w = nn_table_create(specifier, e);
    if (!w)
        return e->status;
    if (nn_table_write(w, "a", &m, e) || nn_table_write(w, "b", &m, e)) {
        nn_table_abandon(w);
        return e->status;
    }
    return nn_table_commit(w, e);
}

static base_status try_table_write(base_error *e) { return write_table("out", e); }

static base_status try_decode(base_error *e)
{
    static const float x[] = { -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1 };
    nn_beam_options o = { 3, 3, 0, false };
    nn_hypothesis out[3], greedy = { 0 };
    int n;

    if (nn_ctc_beam(x, 4, 3, &o, out, &n, e) == BASE_OK)
        nn_ctc_greedy(x, 4, 3, 0, &greedy, e);
    for (int i = 0; i < n; i++)
        nn_hypothesis_free(&out[i]);
    nn_hypothesis_free(&greedy);
    return e->status;
}

static const struct {
    const char *name;
    base_status (*run)(base_error *e);
    enum { READS, WRITES } kind;
} tries[] = {
    { "safetensors_open", try_safetensors_open, READS }, { "safetensors_save", try_safetensors_save, WRITES },
    { "archive_zip", try_archive_zip, READS }, { "archive_legacy", try_archive_legacy, READS },
    { "config", try_config, READS }, { "config_fairseq", try_config_fairseq, READS },
    { "archive_index", try_archive_index, READS },
    { "vocab", try_vocab, READS }, { "vocab_fairseq", try_vocab_fairseq, READS },
    { "pieces", try_pieces, READS }, { "pieces_json", try_pieces_json, READS },
    { "params_save", try_params_save, WRITES }, { "params_load", try_params_load, READS },
    { "adam_and_average", try_adam_and_average, READS }, { "checkpoint_save", try_checkpoint_save, WRITES },
    { "checkpoint_load", try_checkpoint_load, READS }, { "npy", try_npy, WRITES }, { "table_read", try_table_read, READS },
    { "table_write", try_table_write, WRITES }, { "decode", try_decode, READS },
};
#define TRIES (int)(sizeof tries / sizeof *tries)

static void set_up(void)
{
    const int64_t matrix[] = { 2, 3 }, vector[] = { 3 };
    nn_adam_options o = NN_ADAM_DEFAULTS;

    known = 0;
    omp_set_num_threads(1);
    snprintf(folder, sizeof folder, "%s", files_path("."));
    snprintf(source, sizeof source, "%s", getenv("srcdir") ? getenv("srcdir") : ".");
    params = nn_params_new();
    nn_params_add(params, (nn_init){ NN_INIT_NORMAL, 1 }, "w", 2, matrix);
    nn_params_add(params, (nn_init){ NN_INIT_NORMAL, 1 }, "b", 1, vector);
    ck_assert_int_eq(nn_params_build(params, NULL), BASE_OK);
    nn_params_init(params, 1);
    checkpoint = (nn_checkpoint){ .params = params, .adam = nn_adam_new(params, &o, NULL),
                                  .average = nn_average_new(params, 0, NULL) };
    ck_assert_int_eq(nn_params_save(params, in_folder("model"), NULL, 0, NULL), BASE_OK);
    ck_assert_int_eq(nn_checkpoint_save(&checkpoint, in_folder("kept"), 1, 1, NULL), BASE_OK);
    ck_assert_int_eq(write_table("kept", &(base_error)BASE_ERROR_INIT), BASE_OK);
    write_vocabularies();
}

static void tear_down(void)
{
    nn_adam_free(checkpoint.adam);
    nn_average_free(checkpoint.average);
    nn_params_free(params);
}

/* Files in the folder and one below, "run"; temporary ones end in ".tmp.PID". */
static int count_temporary(const char *dir)
{
    DIR *d = opendir(dir);
    int n = 0;

    for (struct dirent *entry; d && (entry = readdir(d));)
        n += strstr(entry->d_name, ".tmp.") != NULL;
    if (d)
        closedir(d);
    return n;
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

START_TEST(memory)
{
    bool done = false;
    int n = 0;

    if (!MALLOC_FAULTS) {
        printf("# %s: not without glibc's malloc\n", tries[_i].name);
        return;
    }
    set_up();
    ck_assert_int_eq(tries[_i].run(&(base_error)BASE_ERROR_INIT), BASE_OK);      /* what is allocated once for ever */
    for (; !done; n++) {
        base_error e = BASE_ERROR_INIT;
        long before = malloc_live;
        malloc_left = n;
        base_status status = tries[_i].run(&e);
        done = malloc_left >= 0;
        malloc_left = -1;
        ck_assert_msg(malloc_live == before, "%s: failure of allocation %d: %ld blocks lost", tries[_i].name, n,
            malloc_live - before);
        /* A failure that costs nothing may pass; one that is told is told as what it is. */
        ck_assert_msg(status == BASE_OK || ((status == BASE_NO_MEMORY || status == BASE_VALUE) && strstr(e.text, "memory")), "%s: failure of allocation %d: %d %s", tries[_i].name, n, status, e.text);
        ck_assert(!done || status == BASE_OK);
        ck_assert_int_eq(count_temporary(folder) + count_temporary(in_folder("run")), 0);
        ck_assert_int_lt(n, 3000);
    }
    printf("# %s: %d allocations\n", tries[_i].name, n - 1);
    ck_assert_int_gt(n, 1);
    tear_down();
}
END_TEST

/* write, fsync or rename fail for good from the n-th call on: the file is not there, or the old one is. */
START_TEST(disk)
{
    bool done = false;

    if (tries[_i].kind != WRITES)
        return;
    set_up();
    for (int n = 0; !done; n++) {
        base_error e = BASE_ERROR_INIT;
        io_left = n;
        base_status status = tries[_i].run(&e);
        done = io_left > 0 || (io_left == 0 && status == BASE_OK);
        io_left = -1;
        ck_assert_msg(done ? status == BASE_OK : status == BASE_IO || status == BASE_OK, "%s: call %d: %d %s", tries[_i].name, n,
            status, e.text);
        ck_assert(status == BASE_OK || strstr(e.text, "Input/output error"));
        ck_assert_int_eq(count_temporary(folder) + count_temporary(in_folder("run")), 0);
        ck_assert_int_lt(n, 100);
        if (n == 0)
            ck_assert_int_eq(status, BASE_IO);
    }
    tear_down();
}
END_TEST

/* A file is written, synced, renamed, and its directory synced, in this order, whoever writes it; once more in the place of
 * what is there, when an index goes first. */
START_TEST(order)
{
    int renamed;

    if (tries[_i].kind != WRITES)
        return;
    set_up();
    for (int again = 0; again < 2; again++) {
        io_events = 0;
        ck_assert_int_eq(tries[_i].run(&(base_error)BASE_ERROR_INIT), BASE_OK);
        const char *disorder = io_disorder(&renamed);
        ck_assert_msg(!disorder, "%s", disorder);
        ck_assert_int_gt(renamed, 0);
        int writes = 0;
        for (int i = 0; i < io_events; i++)
            writes += io_event_at[i].kind == 'w';
        ck_assert_int_ge(writes, renamed);
    }
    tear_down();
}
END_TEST

/* Every call that a signal may interrupt is, once. */
START_TEST(interrupted)
{
    if (tries[_i].kind != WRITES && tries[_i].run != try_table_read)
        return;
    set_up();
    io_interrupt = true;
    base_error e = BASE_ERROR_INIT;
    tries[_i].run(&e);
    io_interrupt = false;
    ck_assert_msg(e.status == BASE_OK, "%s", e.text);
    ck_assert_int_ge(io_interrupted, 3);
    tear_down();
}
END_TEST

START_TEST(closing)
{
    base_error e = BASE_ERROR_INIT;

    if (tries[_i].kind != WRITES)
        return;
    set_up();
    io_close_fails = true;
    tries[_i].run(&e);
    io_close_fails = false;
    ck_assert_msg(e.status == BASE_IO && strstr(e.text, "cannot write: Input/output error"), "%d %s", e.status, e.text);
    ck_assert_int_eq(count_temporary(folder) + count_temporary(in_folder("run")), 0);
    tear_down();
}
END_TEST

/* The whole of a file in the folder, "" when there is none. */
static void read_whole(const char *name, char out[4096])
{
    FILE *f = fopen(in_folder(name), "rb");
    size_t n = f ? fread(out, 1, 4095, f) : 0;

    memset(out + n, 0, 4096 - n);
    if (f)
        fclose(f);
}

static void write_whole(const char *name, const char *text)
{
    FILE *f = fopen(in_folder(name), "wb");

    ck_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

/* Old or new, nothing else; and of two that belong together, none that belongs to another. */
static const struct {
    base_status (*run)(base_error *e);
    const char *file, *index;
} kills[] = {
    { try_safetensors_save, "out", NULL }, { try_params_save, "p", NULL }, { try_npy, "m.npy", NULL },
    { try_checkpoint_save, "run/checkpoint-2.safetensors", NULL }, { try_table_write, "out.ark", "out.scp" },
};
#define KILLS (int)(sizeof kills / sizeof *kills)

START_TEST(killed)
{
    const char *file = kills[_i].file, *index = kills[_i].index;
    char new_file[4096], new_index[4096], found[4096];
    bool alive = false;
    int state, old = 0, new = 0;

    set_up();
    ck_assert_int_eq(kills[_i].run(&(base_error)BASE_ERROR_INIT), BASE_OK);
    read_whole(file, new_file);
    if (index)
        read_whole(index, new_index);
    for (int n = 0; !alive; n++) {
        write_whole(file, "old");
        if (index)
            write_whole(index, "old");
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            io_kill = n;
            kills[_i].run(&(base_error)BASE_ERROR_INIT);
            _exit(0);
        }
        ck_assert_int_eq(waitpid(child, &state, 0), child);
        alive = WIFEXITED(state);
        ck_assert(alive || WTERMSIG(state) == SIGKILL);
        read_whole(file, found);
        bool is_old = !strcmp(found, "old"), is_new = !memcmp(found, new_file, 4096);
        ck_assert_msg(is_old || is_new, "%s: killed at call %d: neither old nor new", file, n);
        old += is_old;
        new += is_new;
        if (!index)
            continue;
        read_whole(index, found);
        ck_assert_msg(!*found || (is_old && !strcmp(found, "old")) || (is_new && !memcmp(found, new_index, 4096)),
            "%s: killed at call %d: %s belongs to another", file, n, index);
    }
    ck_assert(old >= 3 && new >= 1);
    base_temporary_sweep(in_folder(file));      /* takes what the killed left */
    ck_assert_int_eq(count_temporary(folder) + count_temporary(in_folder("run")), 0);
    tear_down();
}
END_TEST

static int count_checkpoints(void)
{
    int n = 0;

    for (int i = 1; i <= 9; i++) {
        char name[60];
        snprintf(name, sizeof name, "run/checkpoint-%d.safetensors", i);
        n += access(in_folder(name), F_OK) == 0;
    }
    return n;
}

/* A directory that cannot be listed to its end has more in it than was seen: nothing is removed, nothing passed over. */
START_TEST(unreadable_directory)
{
    int64_t step;

    set_up();
    for (int i = 1; i <= 5; i++)
        ck_assert_int_eq(nn_checkpoint_save(&checkpoint, in_folder("run"), i, 9, NULL), BASE_OK);
    for (int n = 0; n < 7; n++) {
        base_error e = BASE_ERROR_INIT;
        readdir_left = n;
        base_status status = nn_checkpoint_load(&checkpoint, in_folder("run"), &step, NULL, &e);
        ck_assert_msg(status == BASE_IO && strstr(e.text, "cannot be listed to its end"), "%d %s", status, e.text);
        ck_assert_int_eq(step, -1);
        e = (base_error)BASE_ERROR_INIT;
        readdir_left = n;
        status = nn_checkpoint_save(&checkpoint, in_folder("run"), 3, 1, &e);
        readdir_left = -1;
        ck_assert_msg(status == BASE_IO && strstr(e.text, "cannot be listed to its end"), "%d %s", status, e.text);
        ck_assert_int_eq(count_checkpoints(), 5);
    }
    ck_assert_int_eq(nn_checkpoint_load(&checkpoint, in_folder("run"), &step, NULL, NULL), BASE_OK);
    ck_assert_int_eq(step, 5);
    tear_down();
}
END_TEST

static void add(Suite *s, const char *name, const TTest *test, int times)
{
    TCase *c = tcase_create(name);

    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, files_empty, NULL);
    tcase_add_loop_test(c, test, 0, times);
    suite_add_tcase(s, c);
}

static Suite *suite(void)
{
    Suite *s = suite_create("libnn/store/faults");

    add(s, "memory", memory, TRIES);
    add(s, "disk", disk, TRIES);
    add(s, "order", order, TRIES);
    add(s, "interrupted", interrupted, TRIES);
    add(s, "closing", closing, TRIES);
    add(s, "killed", killed, KILLS);
    add(s, "unreadable_directory", unreadable_directory, 1);
    return s;
}

UNIT_MAIN(suite)
