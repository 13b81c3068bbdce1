/* Parameters and checkpoints on disk: whole or not at all, resumed to the bit, damage found and named. */
#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <omp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/progress.h"
#include "base/random.h"
#include "libnn/nn.h"
#include "tests/unit/files.h"
#include "tests/unit/unit.h"

/* A model of a few tensors, one of them frozen, and what trains it. */
typedef struct trainee {
    nn_params    *p;
    nn_adam      *adam;
    nn_average   *average;
    nn_checkpoint c;
} trainee;

static nn_params *make_params(int width)
{
    const int64_t matrix[] = { width, 5 }, vector[] = { 7 }, cube[] = { 2, 3, 4 };
    nn_params *p = nn_params_new();

    nn_params_add(p, (nn_init){ NN_INIT_NORMAL, 1 }, "layer.{q,k}.weight", 2, matrix);
    nn_params_add(p, (nn_init){ NN_INIT_NORMAL, 1 }, "frozen.weight", 3, cube);
    nn_params_add(p, (nn_init){ NN_INIT_NORMAL, 1 }, "layer.bias", 1, vector);
    nn_params_freeze(p, "frozen.");
    ck_assert_int_eq(nn_params_build(p, NULL), BASE_OK);
    return p;
}

static trainee make(uint64_t seed)
{
    nn_adam_options o = NN_ADAM_DEFAULTS;
    trainee t = { .p = make_params(3) };

    nn_params_init(t.p, seed);
    t.adam = nn_adam_new(t.p, &o, NULL);
    t.average = nn_average_new(t.p, 0.9, NULL);
    t.c = (nn_checkpoint){ .params = t.p, .adam = t.adam, .average = t.average };
    return t;
}

static void drop(trainee *t)
{
    nn_checkpoint_free(&t->c);
    nn_average_free(t->average);
    nn_adam_free(t->adam);
    nn_params_free(t->p);
}

/* One update, a function of the step alone. */
static void train(trainee *t, int64_t step)
{
    base_random r = base_random_at(5, (uint64_t)step, base_hash_text(BASE_HASH_INIT, "gradient"));

    for (int64_t i = 0; i < nn_params_trainable(t->p); i++)
        nn_params_grads(t->p)[i] = nn_params_values(t->p)[i] == 0 ? 0 : (float)base_random_normal(&r, (uint64_t)i);
    nn_adam_step(t->adam, 1e-2, 1);
    nn_average_add(t->average);
}

static void assert_same(const trainee *a, const trainee *b)
{
    size_t bytes = (size_t)nn_params_trainable(a->p) * sizeof(float);

    ck_assert_mem_eq(nn_params_values(a->p), nn_params_values(b->p), bytes);
    ck_assert_mem_eq(nn_adam_m(a->adam), nn_adam_m(b->adam), bytes);
    ck_assert_mem_eq(nn_adam_v(a->adam), nn_adam_v(b->adam), bytes);
    ck_assert_mem_eq(nn_average_values(a->average), nn_average_values(b->average), bytes);
    ck_assert_mem_eq(nn_params_find(a->p, "frozen.weight")->x, nn_params_find(b->p, "frozen.weight")->x, 24 * sizeof(float));
    ck_assert_int_eq(*nn_adam_steps(a->adam), *nn_adam_steps(b->adam));
    ck_assert_int_eq(*nn_average_count(a->average), *nn_average_count(b->average));
}

static const char *step_path(int step)
{
    char name[60];

    snprintf(name, sizeof name, "run/checkpoint-%d.safetensors", step);
    return files_path(name);
}

static int count_files(const char *dir)
{
    DIR *d = opendir(dir);
    int n = 0;

    for (struct dirent *entry; (entry = readdir(d));)
        n += entry->d_name[0] != '.';
    closedir(d);
    return n;
}

/* ---- parameters -------------------------------------------------------------------------------------------------- */

START_TEST(parameters_come_back)
{
    nn_params *a = make_params(3), *b = make_params(3);
    const nn_meta meta[] = { { "made.by", "test" } };

    nn_params_init(a, 1);
    nn_params_init(b, 2);
    ck_assert_int_eq(nn_params_save(a, files_path("p"), meta, 1, NULL), BASE_OK);
    ck_assert_int_eq(nn_params_load(b, files_path("p"), NULL, NULL), BASE_OK);
    for (int i = 0; i < nn_params_count(a); i++)
        ck_assert_mem_eq(nn_params_at(a, i)->x, nn_params_at(b, i)->x, (size_t)nn_params_at(a, i)->count * sizeof(float));
    nn_safetensors *s = nn_safetensors_open(files_path("p"), NULL);
    ck_assert_str_eq(nn_safetensors_meta(s, "made.by"), "test");
    ck_assert_str_eq(nn_safetensors_meta(s, "format"), "pt");
    ck_assert_int_eq(nn_safetensors_count(s), 4);
    nn_safetensors_close(s);
    nn_params_free(a);
    nn_params_free(b);
}
END_TEST

START_TEST(loading_is_all_or_nothing)
{
    const int64_t matrix[] = { 3, 5 }, other[] = { 5, 3 }, vector[] = { 7 }, cube[] = { 2, 3, 4 };
    float x[24] = { 0 }, bad[24] = { 0 };
    nn_save_tensor t[] = { { "layer.q.weight", NN_F32, 2, matrix, x }, { "layer.k.weight", NN_F32, 2, matrix, x },
        { "frozen.weight", NN_F32, 3, cube, x }, { "layer.bias", NN_F32, 1, vector, x }, { "more", NN_F32, 1, vector, x } };
    nn_params *p = make_params(3);
    const char *const said[] = { "tensor \"layer.bias\": element 6 is nan", "tensor \"layer.bias\": element 6 is -inf",
        "\"layer.k.weight\" is [5, 3], expected [3, 5]", "3 of 4 parameters found; 1 missing: \"layer.bias\" [7]; unexpected: \"layer.bian\"",
        "\"layer.bias\" is I64, expected F32, F16, BF16 or F64" };
    const base_status status[] = { BASE_VALUE, BASE_VALUE, BASE_SHAPE, BASE_MISSING, BASE_UNSUPPORTED };

    nn_params_init(p, 1);
    float before = nn_params_find(p, "layer.q.weight")->x[0];
    for (int i = 0; i < 5; i++) {
        base_error e = BASE_ERROR_INIT;
        int64_t ints[7] = { 0 };
        bad[6] = i ? -INFINITY : NAN;
        t[1].shape = i == 2 ? other : matrix;
        t[3].data = i < 2 ? (const void *)bad : i == 4 ? (const void *)ints : x;
        t[3].name = i == 3 ? "layer.bian" : "layer.bias";
        t[3].dtype = i == 4 ? NN_I64 : NN_F32;
        ck_assert_int_eq(nn_safetensors_save(files_path("p"), t, 5, NULL, 0, NULL), BASE_OK);
        ck_assert_int_eq(nn_params_load(p, files_path("p"), NULL, &e), status[i]);
        ck_assert_msg(strstr(e.text, said[i]) && strstr(e.text, files_path("p")) == e.text, "%s", e.text);
        ck_assert_float_eq(nn_params_find(p, "layer.q.weight")->x[0], before);
    }
    t[3] = (nn_save_tensor){ "unasked", NN_F32, 1, vector, x };
    ck_assert_int_eq(nn_safetensors_save(files_path("p"), t, 5, NULL, 0, NULL), BASE_OK);
    ck_assert_int_eq(nn_params_load(p, files_path("p"), &(nn_load){ .allow_missing = true }, NULL), BASE_OK);      /* without layer.bias */
    ck_assert_float_eq(nn_params_find(p, "layer.q.weight")->x[0], 0);
    ck_assert_float_ne(nn_params_find(p, "layer.bias")->x[0], 0);
    ck_assert_int_eq(nn_params_load(p, files_path("absent"), NULL, NULL), BASE_MISSING);
    nn_params_free(p);
}
END_TEST

/* ---- checkpoints ------------------------------------------------------------------------------------------------- */

START_TEST(resumes_to_the_bit)
{
    trainee whole = make(1), first = make(1), second = make(2);
    base_error note = BASE_ERROR_INIT, e = BASE_ERROR_INIT;
    int64_t step;

    for (int64_t t = 1; t <= 20; t++)
        train(&whole, t);
    for (int64_t t = 1; t <= 9; t++)
        train(&first, t);
    first.c.meta[0] = (nn_meta){ "seed", "17" };
    first.c.meta[1] = (nn_meta){ "labels", "fröhlich\ntraurig" };
    first.c.n_meta = 2;
    ck_assert_msg(nn_checkpoint_save(&first.c, files_path("run"), 9, 2, &e) == BASE_OK, "%s", e.text);
    second.c.meta[0].key = "labels";
    second.c.meta[1].key = "absent";
    second.c.meta[2].key = "seed";
    second.c.n_meta = 3;
    ck_assert_msg(nn_checkpoint_load(&second.c, files_path("run"), &step, &note, &e) == BASE_OK, "%s", e.text);
    ck_assert_int_eq(step, 9);
    ck_assert_int_eq(note.status, BASE_OK);
    ck_assert_str_eq(second.c.meta[0].value, "fröhlich\ntraurig");
    ck_assert_ptr_null(second.c.meta[1].value);
    ck_assert_str_eq(second.c.meta[2].value, "17");
    assert_same(&first, &second);
    for (int64_t t = 10; t <= 20; t++)
        train(&second, t);
    assert_same(&whole, &second);
    first.c.n_meta = 0;
    drop(&whole);
    drop(&first);
    drop(&second);
}
END_TEST

/* The model in a checkpoint is an ordinary file of parameters. */
START_TEST(others_can_read_it)
{
    trainee t = make(1);
    nn_params *p = make_params(3);

    ck_assert_int_eq(nn_checkpoint_save(&t.c, files_path("run"), 3, 1, NULL), BASE_OK);
    ck_assert_int_eq(nn_params_load(p, step_path(3), NULL, NULL), BASE_OK);
    ck_assert_mem_eq(nn_params_values(p), nn_params_values(t.p), (size_t)nn_params_trainable(p) * sizeof(float));
    nn_params_free(p);
    drop(&t);
}
END_TEST

START_TEST(keeps_the_newest)
{
    trainee t = make(1);
    int64_t step;

    ck_assert_int_eq(nn_checkpoint_load(&t.c, files_path("run"), &step, NULL, NULL), BASE_OK);
    ck_assert_int_eq(step, -1);     /* no such directory */
    ck_assert_int_eq(base_make_dirs(files_path("run"), NULL), BASE_OK);
    ck_assert_int_eq(nn_checkpoint_load(&t.c, files_path("run"), &step, NULL, NULL), BASE_OK);
    ck_assert_int_eq(step, -1);
    for (int i = 1; i <= 12; i++)
        ck_assert_int_eq(nn_checkpoint_save(&t.c, files_path("run"), i, 3, NULL), BASE_OK);
    ck_assert_int_eq(count_files(files_path("run")), 3);
    ck_assert(base_exists(step_path(10)) && base_exists(step_path(11)) && base_exists(step_path(12)));
    ck_assert_int_eq(nn_checkpoint_load(&t.c, files_path("run"), &step, NULL, NULL), BASE_OK);
    ck_assert_int_eq(step, 12);
    files_write("run/checkpoint-012.safetensors", "", 0);   /* names of others */
    files_write("run/checkpoint-13.safetensors.bak", "", 0);
    files_write("run/checkpoint--1.safetensors", "", 0);
    files_write("run/checkpoint-99999999999999999999.safetensors", "", 0);
    ck_assert_int_eq(nn_checkpoint_load(&t.c, files_path("run"), &step, NULL, NULL), BASE_OK);
    ck_assert_int_eq(step, 12);
    ck_assert_int_eq(nn_checkpoint_save(&t.c, files_path("run"), 13, 1, NULL), BASE_OK);
    ck_assert_int_eq(count_files(files_path("run")), 5);
    drop(&t);
}
END_TEST

/* Flips a bit in bytes all over a checkpoint: the one before is used, and the tensor or the metadata named. */
START_TEST(damage_is_found_everywhere)
{
    trainee t = make(1), u = make(2);
    char *bytes, path[600];
    size_t size, tensors_named = 0;

    omp_set_num_threads(1);     /* a thousand small loads */
    train(&t, 1);
    ck_assert_int_eq(nn_checkpoint_save(&t.c, files_path("run"), 10, 2, NULL), BASE_OK);
    train(&t, 2);
    ck_assert_int_eq(nn_checkpoint_save(&t.c, files_path("run"), 20, 2, NULL), BASE_OK);
    strcpy(path, step_path(20));
    ck_assert_int_eq(base_read_file(path, 1 << 20, &bytes, &size, NULL), BASE_OK);
    for (size_t i = 0; i < size; i += 3 + i % 3) {
        base_error note = BASE_ERROR_INIT, e = BASE_ERROR_INIT;
        int64_t step;
        bytes[i] = (char)(bytes[i] ^ 1 << i % 8);
        files_write("run/checkpoint-20.safetensors", bytes, size);
        bytes[i] = (char)(bytes[i] ^ 1 << i % 8);
        ck_assert_msg(nn_checkpoint_load(&u.c, files_path("run"), &step, &note, &e) == BASE_OK, "byte %zu: %s", i, e.text);
        ck_assert_msg(step == 10 || (step == 20 && bytes[i] == ' '), "byte %zu passed unnoticed", i);
        if (step == 20)
            continue;   /* blanks behind the header may change into others */
        ck_assert_msg(strstr(note.text, path) == note.text && strstr(note.text, "; using checkpoint-10"), "%s", note.text);
        tensors_named += strstr(note.text, "tensor \"") != NULL;
    }
    ck_assert_uint_gt(tensors_named, 300);
    for (size_t cut = 0; cut < size; cut += 197) {
        int64_t step;
        files_write("run/checkpoint-20.safetensors", bytes, cut);
        ck_assert_int_eq(nn_checkpoint_load(&u.c, files_path("run"), &step, NULL, NULL), BASE_OK);
        ck_assert_int_eq(step, 10);
    }
    free(bytes);
    drop(&t);
    drop(&u);
}
END_TEST

/* What was found damaged is told, gets another name and stays. */
START_TEST(damaged_ones_do_not_push_out_whole_ones)
{
    trainee t = make(1);
    base_error e = BASE_ERROR_INIT;
    int64_t step;
    char *kept;
    size_t size;

    ck_assert_int_eq(nn_checkpoint_save(&t.c, files_path("run"), 10, 1, NULL), BASE_OK);
    files_write("run/checkpoint-30.safetensors", "rubbish!!", 9);
    ck_assert_int_eq(nn_checkpoint_load(&t.c, files_path("run"), &step, NULL, NULL), BASE_OK);
    ck_assert_int_eq(step, 10);
    ck_assert_int_eq(nn_checkpoint_save(&t.c, files_path("run"), 11, 1, NULL), BASE_OK);
    ck_assert(base_exists(step_path(11)) && !base_exists(step_path(10)) && !base_exists(step_path(30)));
    ck_assert_int_eq(base_read_file(files_path("run/checkpoint-30.safetensors.damaged"), 100, &kept, &size, NULL), BASE_OK);
    ck_assert_str_eq(kept, "rubbish!!");
    free(kept);
    ck_assert_int_eq(count_files(files_path("run")), 2);
    files_write("run/checkpoint-11.safetensors", "rubbish!!", 9);
    ck_assert_int_eq(nn_checkpoint_load(&t.c, files_path("run"), &step, NULL, &e), BASE_LIMIT);
    ck_assert_int_eq(step, -1);
    ck_assert_msg(strstr(e.text, "checkpoint-11.safetensors: byte 0") && strstr(e.text, ", and no older checkpoint is whole"),
        "%s", e.text);
    ck_assert_int_eq(rename(step_path(11), step_path(12)), 0);
    ck_assert_int_eq(nn_checkpoint_save(&t.c, files_path("run"), 9, 1, NULL), BASE_OK);
    ck_assert_int_eq(rename(step_path(9), step_path(14)), 0);       /* a file that lies about its step */
    e = (base_error)BASE_ERROR_INIT;
    ck_assert_int_eq(nn_checkpoint_load(&t.c, files_path("run"), &step, NULL, &e), BASE_FORMAT);
    ck_assert_msg(strstr(e.text, "is of step 9") != NULL, "%s", e.text);
    drop(&t);
}
END_TEST

/* Those behind the step that is saved are none of this run's to remove. */
START_TEST(later_ones_stay)
{
    trainee t = make(1);
    base_error note = BASE_ERROR_INIT;
    int64_t step;

    for (int i = 10; i <= 30; i += 10)
        ck_assert_int_eq(nn_checkpoint_save(&t.c, files_path("run"), i, 9, NULL), BASE_OK);
    ck_assert_int_eq(nn_checkpoint_save(&t.c, files_path("run"), 11, 1, NULL), BASE_OK);
    ck_assert(!base_exists(step_path(10)) && base_exists(step_path(20)) && base_exists(step_path(30)));
    for (int i = 0; i < 2; i++) {
        note = (base_error)BASE_ERROR_INIT;
        files_write("run/checkpoint-40.safetensors", "rubbish!!", 9);
        ck_assert_int_eq(nn_checkpoint_load(&t.c, files_path("run"), &step, &note, NULL), BASE_OK);
        ck_assert_int_eq(step, 30);
        ck_assert_msg(strstr(note.text, "checkpoint-40.safetensors: byte 0") && strstr(note.text, "kept as"), "%s", note.text);
    }
    ck_assert(base_exists(files_path("run/checkpoint-40.safetensors.damaged")));
    ck_assert(base_exists(files_path("run/checkpoint-40.safetensors.damaged.1")));
    ck_assert_int_eq(nn_checkpoint_load(&t.c, files_path("run"), &step, &note, NULL), BASE_OK);
    ck_assert_int_eq(step, 30);
    drop(&t);
}
END_TEST

/* A whole checkpoint of another model is an error, not a reason to take an older one; nothing changes. */
START_TEST(other_models_are_refused)
{
    trainee t = make(1), u = make(1);
    nn_params *wide = make_params(4), *less = nn_params_new();
    const int64_t vector[] = { 7 };
    base_error e = BASE_ERROR_INIT;
    nn_checkpoint c = { .params = wide };
    int64_t step;

    nn_params_add(less, (nn_init){ NN_INIT_ZERO, 0 }, "layer.bias", 1, vector);
    ck_assert_int_eq(nn_params_build(less, NULL), BASE_OK);
    ck_assert_int_eq(nn_checkpoint_save(&t.c, files_path("run"), 10, 2, NULL), BASE_OK);
    ck_assert_int_eq(nn_checkpoint_load(&c, files_path("run"), &step, NULL, &e), BASE_SHAPE);
    ck_assert_msg(strstr(e.text, "checkpoint-10.safetensors: tensor \"layer.q.weight\": F32 [3, 5], expected F32 [4, 5]"), "%s",
        e.text);
    ck_assert_int_eq(step, -1);
    c.params = less;
    e = (base_error)BASE_ERROR_INIT;
    ck_assert_int_eq(nn_checkpoint_load(&c, files_path("run"), &step, NULL, &e), BASE_MISMATCH);
    ck_assert_msg(strstr(e.text, "the model has no such parameter") != NULL, "%s", e.text);
    t.c.adam = NULL;
    ck_assert_int_eq(nn_checkpoint_save(&t.c, files_path("run"), 20, 2, NULL), BASE_OK);
    e = (base_error)BASE_ERROR_INIT;
    train(&u, 1);
    ck_assert_int_eq(nn_checkpoint_load(&u.c, files_path("run"), &step, NULL, &e), BASE_MISMATCH);
    ck_assert_msg(strstr(e.text, "no tensor \"serin.adam.m.layer.q.weight\": made by another model or optimiser"), "%s", e.text);
    ck_assert_int_eq(*nn_adam_steps(u.adam), 1);
    ck_assert_float_ne(nn_params_values(u.p)[0], nn_params_values(t.p)[0]);
    u.c.adam = NULL;
    ck_assert_int_eq(nn_checkpoint_load(&u.c, files_path("run"), &step, NULL, NULL), BASE_OK);
    ck_assert_float_eq(nn_params_values(u.p)[0], nn_params_values(t.p)[0]);
    nn_params_free(wide);
    nn_params_free(less);
    drop(&t);
    drop(&u);
}
END_TEST

START_TEST(a_full_disk_harms_nothing)
{
    trainee t = make(1);
    struct rlimit before, limit;
    base_error e = BASE_ERROR_INIT;
    int64_t step;

    ck_assert_int_eq(nn_checkpoint_save(&t.c, files_path("run"), 10, 1, NULL), BASE_OK);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 1000;
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    base_status status = nn_checkpoint_save(&t.c, files_path("run"), 20, 1, &e);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    ck_assert_int_eq(status, BASE_IO);
    ck_assert_msg(strstr(e.text, "checkpoint-20.safetensors: cannot write: File too large") != NULL, "%s", e.text);
    ck_assert_int_eq(count_files(files_path("run")), 1);
    ck_assert_int_eq(nn_checkpoint_load(&t.c, files_path("run"), &step, NULL, NULL), BASE_OK);
    ck_assert_int_eq(step, 10);
    drop(&t);
}
END_TEST

/* ---- death at any moment ----------------------------------------------------------------------------------------- */

/* Saves checkpoint after checkpoint, of a model that depends on the step, until it is killed. */
static void save_for_ever(const char *dir, int64_t step)
{
    for (;; step++) {
        trainee t = make((uint64_t)step);
        train(&t, step);
        if (nn_checkpoint_save(&t.c, dir, step, 2, NULL))
            _exit(1);
        drop(&t);
    }
}

START_TEST(killed_at_any_moment)
{
    char dir[600];
    int64_t last = 0;
    int progressed = 0;
    base_random r = base_random_at((uint64_t)time(NULL), 0, 0);

    printf("# seed %u %u\n", r.key[0], r.key[1]);
    omp_set_num_threads(1);     /* threads do not survive a fork */
    strcpy(dir, files_path("run"));
    for (int i = 0; i < 50; i++) {
        trainee t = make(0), expected;
        int64_t step;
        int state;
        pid_t child = fork();
        if (child == 0)
            save_for_ever(dir, last + 1);
        usleep((useconds_t)base_random_below(&r, (uint64_t)i, 40000));
        kill(child, SIGKILL);
        ck_assert_int_eq(waitpid(child, &state, 0), child);
        ck_assert(WIFSIGNALED(state));
        base_error note = BASE_ERROR_INIT, e = BASE_ERROR_INIT;
        ck_assert_msg(nn_checkpoint_load(&t.c, dir, &step, &note, &e) == BASE_OK, "%s", e.text);
        ck_assert_msg(note.status == BASE_OK, "%s", note.text);
        ck_assert_int_ge(step, last ? last : -1);
        if (step >= 0) {
            expected = make((uint64_t)step);
            train(&expected, step);
            assert_same(&t, &expected);
            drop(&expected);
            progressed += step > last;
            last = step;
        }
        drop(&t);
    }
    trainee t = make(0);
    ck_assert_int_eq(nn_checkpoint_save(&t.c, dir, last + 1, 2, NULL), BASE_OK);    /* sweeps what the killed left */
    ck_assert_int_le(count_files(dir), 2);
    ck_assert_int_gt(progressed, 0);
    printf("# %d checkpoints saved, %d of 50 lives saved one\n", (int)last, progressed);
    drop(&t);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("libnn/store/checkpoint");

    files_add(s, parameters_come_back);
    files_add(s, loading_is_all_or_nothing);
    files_add(s, resumes_to_the_bit);
    files_add(s, others_can_read_it);
    files_add(s, keeps_the_newest);
    files_add(s, damage_is_found_everywhere);
    files_add(s, damaged_ones_do_not_push_out_whole_ones);
    files_add(s, later_ones_stay);
    files_add(s, other_models_are_refused);
    files_add(s, a_full_disk_harms_nothing);
    files_add(s, killed_at_any_moment);
    return s;
}

UNIT_MAIN(suite)
