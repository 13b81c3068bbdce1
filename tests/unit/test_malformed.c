/* Checkpoints of PyTorch's kinds that break the rules: built here, one fault each, and refused with a status of their
 * own and a message that names the byte, the member or the tensor; in bounded time and memory. (test_safetensors.c has
 * safetensors'.) */
#include <stdbool.h>
#include <sys/resource.h>
#include <time.h>

#include "base/file.h"
#include "base/sanitizer.h"
#include "libnn/nn.h"
#include "tests/unit/malformed.h"

static void assert_refused(const char *path, base_status status, const char *said)
{
    base_error e = BASE_ERROR_INIT;
    nn_archive *a = nn_archive_open(path, &e);

    ck_assert_msg(!a, "opened; expected: %s", said);
    ck_assert_msg(e.status == status && strstr(e.text, said) && strstr(e.text, path) == e.text,
        "expected %d %s\nsaid %d %s", status, said, e.status, e.text);
    ck_assert_ptr_null(nn_archive_open(path, NULL));
}

static const piece good = TEXT(DICT(W WHOLE));

START_TEST(what_the_faults_are_made_of_is_good)
{
    zip_reset(good);
    zip_build();
    nn_archive *a = nn_archive_open(files_write("good", made, made_n), NULL);
    ck_assert_ptr_nonnull(a);
    ck_assert_int_eq(nn_archive_count(a), 1);
    ck_assert_mem_eq(nn_archive_find(a, "w")->data, values, sizeof values);
    nn_archive_close(a);
}
END_TEST

#define NONE UINT64_MAX

/* Number `value` of `size` bytes at byte `at` of a record of member 2, data/0. */
static const struct {
    const size_t *record;
    int           at;
    uint64_t      value;
    int           size;
    base_status   status;
    const char   *said;
} patches[] = {
    { &zip.central[DATA], 0, 0, 1, BASE_FORMAT, ": no entry of the central directory where one should be" },
    { &zip.central[DATA], 8, 0x809, 2, BASE_UNSUPPORTED, "member \"m/data/0\": it is encrypted" },
    { &zip.central[DATA], 8, 0x848, 2, BASE_UNSUPPORTED, "member \"m/data/0\": it is encrypted" },
    { &zip.central[DATA], 10, 8, 2, BASE_UNSUPPORTED, "member \"m/data/0\": it is compressed (method 8)" },
    { &zip.central[DATA], 10, 14, 2, BASE_UNSUPPORTED, "member \"m/data/0\": it is compressed (method 14)" },
    { &zip.central[PICKLE], 16, 1, 4, BASE_FORMAT, "member \"m/data.pkl\": its checksum is " },
    { &zip.central[DATA], 20, 15, 4, BASE_FORMAT, "member \"m/data/0\": it is stored plainly, but 16 bytes take 15" },
    { &zip.central[DATA], 20, 0xffffffff, 4, BASE_FORMAT,
        "\"m/data/0\": its sizes of 64 bits are missing or cut short" },
    { &zip.central[DATA], 28, 0xffff, 2, BASE_FORMAT, "an entry of the central directory reaches beyond its end" },
    { &zip.central[DATA], 28, 0, 2, BASE_FORMAT, ": a member has no name" },
    { &zip.central[DATA], 28, 7, 2, BASE_FORMAT, "member \"m/data/\": its local header at byte " },
    { &zip.central[DATA], 30, 1, 2, BASE_FORMAT, "reaches beyond its end" },
    { &zip.central[PICKLE], 32, 1, 2, BASE_FORMAT, "no entry of the central directory where one should be" },
    { &zip.central[DATA], 34, 1, 2, BASE_FORMAT, "member \"m/data/0\": it is on another disk" },
    { &zip.central[DATA], 42, 1, 4, BASE_FORMAT, "member \"m/data/0\": no local header at byte 1" },
    { &zip.central[DATA], 42, 0xfffffff0, 4, BASE_FORMAT, "member \"m/data/0\": no local header at byte 4294967280" },
    { &zip.central[DATA], 46, 'M', 1, BASE_FORMAT, "member \"M/data/0\": its local header at byte " },
    { &zip.central[DATA], 46, '/', 1, BASE_FORMAT, ": a member has an absolute path" },
    { &zip.central[DATA], 47, '\\', 1, BASE_FORMAT, ": a member has an absolute path or \"\\\" in its name" },
    { &zip.central[DATA], 47, '\0', 1, BASE_FORMAT, ": a member has a control character in its name" },
    { &zip.central[DATA], 47, '\33', 1, BASE_FORMAT, ": a member has a control character in its name" },
    { &zip.local[DATA], 0, 0, 1, BASE_FORMAT, "member \"m/data/0\": no local header at byte " },
    { &zip.local[DATA], 6, 0x809, 2, BASE_FORMAT,
        "\"m/data/0\": its local header at byte 342 says it is packed otherwise" },
    { &zip.local[DATA], 6, 0, 2, BASE_FORMAT,
        "\"m/data/0\": its local header at byte 342 has other sizes or checksum" },
    { &zip.local[DATA], 8, 8, 2, BASE_FORMAT,
        "\"m/data/0\": its local header at byte 342 says it is packed otherwise" },
    { &zip.local[DATA], 26, 7, 2, BASE_FORMAT, "\"m/data/0\": its local header at byte 342 has another name" },
    { &zip.local[DATA], 28, 0xffff, 2, BASE_FORMAT, "\"m/data/0\": its local header at byte 342 is cut short" },
    { &zip.local[DATA], 28, 200, 2, BASE_FORMAT, "member \"m/data/0\": " },
    { &zip.local[DATA], 30, 'M', 1, BASE_FORMAT, "\"m/data/0\": its local header at byte 342 has another name" },
    { &zip.local[PICKLE], 28, 140, 2, BASE_FORMAT, "members \"m/data.pkl\" and \"m/byteorder\" overlap" },
    { &zip.end64, 0, 0, 1, BASE_FORMAT, "the locator does not lead to a 64-bit end record right before it" },
    { &zip.end64, 4, 45, 8, BASE_FORMAT, "the locator does not lead to a 64-bit end record right before it" },
    { &zip.end64, 16, 1, 4, BASE_FORMAT, "the archive spans several disks" },
    { &zip.end64, 24, 2, 8, BASE_FORMAT, "the archive spans several disks" },
    { &zip.end64, 40, 1, 8, BASE_FORMAT, "the end record and the 64-bit one disagree" },
    { &zip.end64, 48, NONE, 8, BASE_FORMAT, "the end record and the 64-bit one disagree" },
    { &zip.locator, 4, 1, 4, BASE_FORMAT, "the archive spans several disks" },
    { &zip.locator, 8, NONE, 8, BASE_FORMAT, "the locator does not lead to a 64-bit end record" },
    { &zip.locator, 16, 2, 4, BASE_FORMAT, "the archive spans several disks" },
    { &zip.locator, 0, 0, 1, BASE_FORMAT, "the central directory does not end where the records of the end begin" },
    { &zip.end, 0, 0, 1, BASE_FORMAT, "the file ends without a zip archive's end record" },
    { &zip.end, 4, 1, 2, BASE_FORMAT, "the archive spans several disks" },
    { &zip.end, 10, 9, 2, BASE_FORMAT, "the archive spans several disks" },
    { &zip.end, 12, 9, 4, BASE_FORMAT, "the end record and the 64-bit one disagree" },
    { &zip.end, 16, 9, 4, BASE_FORMAT, "the end record and the 64-bit one disagree" },
    { &zip.end, 20, 1, 2, BASE_FORMAT, "the file ends without a zip archive's end record" },
};

START_TEST(zip_records)
{
    zip_reset(good);
    zip_build();
    patch(*patches[_i].record + (size_t)patches[_i].at, patches[_i].value, patches[_i].size);
    assert_refused(files_write("zip", made, made_n), patches[_i].status, patches[_i].said);
}
END_TEST

static const struct {
    const char *name[MEMBERS + 1];
    int         n;
    base_status status;
    const char *said;
} members[] = {
    { { "m/data.pkl", "m/byteorder", "m/data/0", "m/data/0" }, 4, BASE_FORMAT, "member \"m/data/0\" appears twice" },
    { { "m/data.pkl", "m/byteorder", "m/data/1" }, 3, BASE_MISSING,
        "tensor \"w\": the archive has no member \"m/data/0\"" },
    { { "m/data.pkl", "m/byteorder", "n/data/0" }, 3, BASE_MISSING,
        "tensor \"w\": the archive has no member \"m/data/0\"" },
    { { "data.pkl", "byteorder", "data/0" }, 3, BASE_FORMAT, "a zip archive without <folder>/data.pkl" },
    { { "m/data.pkl", "m/byteorder", "m/data/0", "m/constants.pkl" }, 4, BASE_UNSUPPORTED, "a TorchScript program" },
    { { "m/data.pkl", "m/byteorder", "../data/0" }, 3, BASE_FORMAT, "has \"..\" in its name" },
    { { "m/data.pkl", "m/byteorder", "m/data/.." }, 3, BASE_FORMAT, "has \"..\" in its name" },
    { { "m/data.pkl", "m/byteorder", "m/../0" }, 3, BASE_FORMAT, "has \"..\" in its name" },
    { { "m/data.pkl", "m/data/0", "m/byteorder" }, 3, BASE_UNSUPPORTED, "written on a machine of another byte order" },
};

START_TEST(zip_members)
{
    zip_reset(good);
    memcpy(zip.name, members[_i].name, sizeof zip.name);
    zip.n = members[_i].n;
    zip_build();
    assert_refused(files_write("zip", made, made_n), members[_i].status, members[_i].said);
}
END_TEST

/* Two entries of the directory for the bytes of one: the attack by overlap. */
START_TEST(zip_overlap)
{
    zip_reset(good);
    zip.n = 4;
    zip.name[3] = "m/data/1";
    zip_build();
    patch(zip.central[3] + 42, zip.local[DATA], 4);
    made[zip.central[3] + 46 + 7] = '0';
    assert_refused(files_write("zip", made, made_n), BASE_FORMAT, "members \"m/data/0\" and \"m/data/0\" overlap");
}
END_TEST

/* Numbers that 32 bits cannot hold stand in an extra field, in their order, and only those. */
static const struct { piece extra; bool plain, packed, header; const char *said; } wide[] = {
    { TEXT("\1\0\20\0\20\0\0\0\0\0\0\0\20\0\0\0\0\0\0\0"), true, true, false, NULL },
    { TEXT("\1\0\10\0\20\0\0\0\0\0\0\0"), true, false, false, NULL },
    { TEXT("\1\0\10\0\20\0\0\0\0\0\0\0"), false, true, false, NULL },
    { TEXT("\1\0\10\0\126\1\0\0\0\0\0\0"), false, false, true, NULL },
    { TEXT("FB\2\0ZZ\1\0\20\0\20\0\0\0\0\0\0\0\20\0\0\0\0\0\0\0"), true, true, false, NULL },
    { TEXT("\1\0\10\0\20\0\0\0\0\0\0\0"), true, true, false, "its sizes of 64 bits are missing or cut short" },
    { TEXT("\1\0\21\0\20\0\0\0\0\0\0\0\20\0\0\0\0\0\0\0"), true, true, false, "its sizes of 64 bits are missing" },
    { TEXT("FB\2\0ZZ"), true, false, false, "its sizes of 64 bits are missing or cut short" },
    { TEXT("FB\2\0ZZ"), false, true, false, "its sizes of 64 bits are missing or cut short" },
    { TEXT("FB\2\0ZZ"), false, false, true, "its sizes of 64 bits are missing or cut short" },
    { TEXT("\1\0\20\0\20\0\0\0\0\0\0\0\20\0\0\0\1\0\0\0"), true, true, false, "it is stored plainly, but 16 bytes take" },
    { TEXT("\1\0\20\0\20\0\0\0\1\0\0\0\20\0\0\0\1\0\0\0"), true, true, false, "4294967312 bytes at byte" },
    { TEXT("\1\0\10\0\377\377\377\377\377\377\377\377"), false, false, true, "no local header at byte 18446744073709551615" },
};

START_TEST(zip_wide_numbers)
{
    zip_reset(good);
    zip.extra = wide[_i].extra;
    zip_build();
    if (wide[_i].plain)
        patch(zip.central[DATA] + 24, 0xffffffff, 4);
    if (wide[_i].packed)
        patch(zip.central[DATA] + 20, 0xffffffff, 4);
    if (wide[_i].header)
        patch(zip.central[DATA] + 42, 0xffffffff, 4);
    const char *path = files_write("wide", made, made_n);
    if (wide[_i].said)
        assert_refused(path, BASE_FORMAT, wide[_i].said);
    else {
        base_error e = BASE_ERROR_INIT;
        nn_archive *a = nn_archive_open(path, &e);
        ck_assert_msg(a != NULL, "%s", e.text);
        ck_assert_mem_eq(nn_archive_find(a, "w")->data, values, sizeof values);
        ck_assert_int_eq(nn_archive_verify(a, &e), BASE_OK);
        nn_archive_close(a);
    }
}
END_TEST

/* The end record may leave all numbers to the 64-bit one; without that one it may not. */
START_TEST(zip_wide_end)
{
    for (int without = 0; without < 4; without++) {
        zip_reset(good);
        zip_build();
        if (without != 2 && without != 3) {
            patch(zip.end + 8, 0xffff, 2);
            patch(zip.end + 10, 0xffff, 2);
        }
        if (without != 1 && without != 3)
            patch(zip.end + 12, 0xffffffff, 4);
        if (without != 1 && without != 2)
            patch(zip.end + 16, 0xffffffff, 4);
        if (without) {
            patch(zip.locator, 0, 1);
            assert_refused(files_write("end", made, made_n), BASE_FORMAT, "sizes need 64 bits, but no locator");
            continue;
        }
        nn_archive *a = nn_archive_open(files_write("end", made, made_n), NULL);
        ck_assert_ptr_nonnull(a);
        nn_archive_close(a);
    }
}
END_TEST

/* Bytes up to the directory are a member's; one more is not, whoever reads them. */
START_TEST(zip_data_into_the_directory)
{
    for (int beyond = 0; beyond < 2; beyond++) {
        zip_reset(good);
        zip.n = 4;
        zip.name[3] = "m/version";
        zip_build();
        size_t size = zip.central[0] - zip.data[3] + (size_t)beyond;
        patch(zip.central[3] + 20, size, 4);
        patch(zip.central[3] + 24, size, 4);
        if (beyond)
            assert_refused(files_write("zip", made, made_n), BASE_FORMAT,
                "member \"m/version\": 17 bytes at byte 512 do not end before the directory");
        else {
            nn_archive *a = nn_archive_open(files_write("zip", made, made_n), NULL);
            ck_assert_ptr_nonnull(a);
            nn_archive_close(a);
        }
    }
}
END_TEST

/* What stands behind the end, or between the directory and its end, would be another reader's archive. */
START_TEST(zip_gaps)
{
    zip_reset(good);
    zip_build();
    put("x", 1);
    assert_refused(files_write("zip", made, made_n), BASE_FORMAT, "without a zip archive's end record");
    zip_build();
    memmove(made + zip.end64 + 1, made + zip.end64, made_n - zip.end64);
    made_n++;
    patch(zip.locator + 1 + 8, zip.end64 + 1, 8);
    assert_refused(files_write("zip", made, made_n), BASE_FORMAT, "the central directory does not end where");
    zip_build();
    patch(zip.end64 + 24, 2, 8);
    patch(zip.end64 + 32, 2, 8);
    patch(zip.end + 8, 2, 2);
    patch(zip.end + 10, 2, 2);
    assert_refused(files_write("zip", made, made_n), BASE_FORMAT,
        "the central directory holds more than its number of entries");
    zip_build();
    patch(zip.end64 + 24, 4, 8);
    patch(zip.end64 + 32, 4, 8);
    patch(zip.end + 8, 4, 2);
    patch(zip.end + 10, 4, 2);
    assert_refused(files_write("zip", made, made_n), BASE_FORMAT,
        "the central directory is too small for its number of entries");
}
END_TEST

/* ---- pickles that are refused ------------------------------------------------------------------------------------ */

#define P(text, status, said) { TEXT(text), status, said }
static const struct { piece pickle; base_status status; const char *said; } pickles[] = {
    /* the machine */
    P("", BASE_FORMAT, "member \"m/data.pkl\": byte 64: the pickle ends here"),
    P("\200", BASE_FORMAT, "byte 64: the pickle ends here"),
    P("\200\1}.", BASE_FORMAT, "byte 64: not the beginning of a pickle of protocol 2 to 5"),
    P("\200\6}.", BASE_FORMAT, "byte 64: not the beginning of a pickle"),
    P("(dp0\n.", BASE_FORMAT, "byte 64: not the beginning of a pickle"),
    P("\200\2}", BASE_FORMAT, "byte 67: the pickle ends here, inside an opcode or without STOP"),
    P("\200\2}X\5\0\0\0ab.", BASE_FORMAT, "byte 67: the pickle ends here"),
    P("\200\2X\1\0\0\1a.", BASE_LIMIT, "byte 66: a text of more than 16 MiB"),
    P("\200\2\215\377\377\377\377\377\377\377\377a.", BASE_LIMIT, "byte 66: a text of more than 16 MiB"),
    P("\200\2\213\377\377\377\377a.", BASE_LIMIT, "byte 66: a text of more than 16 MiB"),
    P("\200\2.", BASE_FORMAT, "byte 66: an opcode finds too few values on the stack"),
    P("\200\2(K\1.", BASE_FORMAT, "byte 69: values are left on the stack"),
    P("\200\2NN.", BASE_FORMAT, "byte 68: values are left on the stack"),
    P("\200\2N(0.", BASE_FORMAT, "byte 68: an opcode finds too few values"),
    P("\200\2t.", BASE_FORMAT, "byte 66: an opcode needs a mark, and there is none"),
    P("\200\2}u.", BASE_FORMAT, "byte 67: an opcode needs a mark, and there is none"),
    P("\200\2K\1\207.", BASE_FORMAT, "byte 68: an opcode finds too few values"),
    P("\200\2h\0.", BASE_FORMAT, "byte 66: a memo entry that was never set"),
    P("\200\2Nq\1h\2.", BASE_FORMAT, "byte 69: a memo entry that was never set"),
    P("\200\2Nr\100\102\17\0.", BASE_LIMIT, "byte 67: a memo index of 1000000 or more"),
    P("\200\2Nr\377\377\377\377.", BASE_LIMIT, "byte 67: a memo index of 1000000 or more"),
    P("\200\2q\0.", BASE_FORMAT, "byte 66: an opcode finds too few values"),
    P("\200\2Nos.system\n.", BASE_UNSUPPORTED, "byte 67: opcode 0x6f, which plain data do not need"),   /* OBJ */
    P("\200\2(ios\nsystem\n.", BASE_UNSUPPORTED, "byte 67: opcode 0x69, which plain data do not need"), /* INST */
    P("\200\2P0\n.", BASE_UNSUPPORTED, "byte 66: opcode 0x50"),     /* PERSID */
    P("\200\2\202\1.", BASE_UNSUPPORTED, "byte 66: opcode 0x82"),   /* EXT1 */
    P("\200\5\227.", BASE_UNSUPPORTED, "byte 66: opcode 0x97"),     /* NEXT_BUFFER */
    P("\200\2ctorch", BASE_FORMAT, "byte 66: a name without an end of line"),
    P("\200\2ctorch\nFloat", BASE_FORMAT, "byte 66: a name without an end of line"),
    P("\200\4NN\223.", BASE_FORMAT, "byte 68: a global's name is no text"),
    P("\200\2NNR.", BASE_FORMAT, "byte 68: a call's arguments are no tuple"),
    P("\200\2N)\201N\201.", BASE_FORMAT, "byte 70: a call's arguments are no tuple"),
    P("\200\2)Nb.", BASE_FORMAT, "byte 68: a state is given to something that has none"),
    P("\200\2]NNs.", BASE_FORMAT, "byte 69: items are added to something that takes none"),
    P("\200\2}Na.", BASE_FORMAT, "byte 68: items are added to something that takes none"),
    P("\200\2](NNu.", BASE_FORMAT, "byte 70: items are added to something that takes none"),
    P("\200\2}(N\220.", BASE_FORMAT, "byte 69: items are added to something that takes none"),
    P("\200\2}(Nu.", BASE_FORMAT, "byte 69: a dictionary's key without a value"),
    P("\200\2}." "N.", BASE_FORMAT, "byte 68: 2 bytes behind the pickle's end"),
    /* files that would run code elsewhere */
    P("\200\2cos\nsystem\nX\4\0\0\0echo\205R.", BASE_UNSUPPORTED,
        "byte 66: \"os.system\" is there to run code; refused"),
    P("\200\2cposix\nsystem\nX\4\0\0\0echo\205R.", BASE_UNSUPPORTED, "\"posix.system\" is there to run code"),
    P("\200\4X\2\0\0\0osX\6\0\0\0system\223.", BASE_UNSUPPORTED, "byte 84: \"os.system\" is there to run code"),
    P(DICT(W WHOLE "X\1\0\0\0xc__builtin__\neval\nX\1\0\0\0" "1\205R"), BASE_UNSUPPORTED,
        "\"__builtin__.eval\" is there to run"),
    P("\200\2cbuiltins\nexec\nX\1\0\0\0" "1\205R.", BASE_UNSUPPORTED, "\"builtins.exec\" is there to run code"),
    P("\200\2csubprocess\nPopen\nX\1\0\0\0" "1\205R.", BASE_UNSUPPORTED, "\"subprocess.Popen\" is there to run code"),
    P("\200\2csys\nexit\n)R.", BASE_UNSUPPORTED, "\"sys.exit\" is there to run code"),
    /* no state dict */
    P("\200\2K\1.", BASE_UNSUPPORTED, "what was saved is no dictionary of tensors; save a state_dict()"),
    P("\200\2]" WHOLE "a.", BASE_UNSUPPORTED, "what was saved is no dictionary of tensors"),
    P("\200\2cmy.models\nNet\n)\201}b.", BASE_UNSUPPORTED, "no dictionary of tensors, but made by my.models.Net"),
    P("\200\2ccollections\nCounter\n)R.", BASE_UNSUPPORTED,
        "no dictionary of tensors, but made by collections.Counter"),
    /* tensors */
    P(DICT(W WHOLE W WHOLE), BASE_FORMAT, "tensor \"w\" appears twice"),
    P(DICT(W TENSOR("N", "K\0", "K\4\205", "K\1\205")), BASE_FORMAT,
        "tensor \"w\": its storage, offset, sizes or strides are none"),
    P(DICT(W REBUILD "(" STORAGE "tR"), BASE_FORMAT, "tensor \"w\": its storage, offset, sizes or strides are none"),
    P(DICT(W REBUILD ")R"), BASE_FORMAT, "tensor \"w\": its storage, offset, sizes or strides are none"),
    P(DICT(W TENSOR(STORAGE, "N", "K\4\205", "K\1\205")), BASE_FORMAT,
        "its storage, offset, sizes or strides are none"),
    P(DICT(W TENSOR(STORAGE, "J\377\377\377\377", "K\4\205", "K\1\205")), BASE_FORMAT,
        "offset, sizes or strides are none"),
    P(DICT(W TENSOR(STORAGE, "K\0", "K\4", "K\1")), BASE_FORMAT, "offset, sizes or strides are none"),
    P(DICT(W TENSOR(STORAGE, "K\0", "N\205", "K\1\205")), BASE_FORMAT, "offset, sizes or strides are none"),
    P(DICT(W TENSOR(STORAGE, "K\0", "J\377\377\377\377\205", "K\1\205")), BASE_FORMAT,
        "offset, sizes or strides are none"),
    P(DICT(W TENSOR(STORAGE, "K\0", "K\4\205", "J\377\377\377\377\205")), BASE_FORMAT,
        "offset, sizes or strides are none"),
    P(DICT(W TENSOR(STORAGE, "K\0", "K\2K\2\206", "K\2\205")), BASE_FORMAT, "offset, sizes or strides are none"),
    P(DICT(W TENSOR(STORAGE, "K\0", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t")), BASE_FORMAT,
        "offset, sizes or strides are none"),
    P(DICT(W TENSOR(STORAGE, "K\0", "K\5\205", "K\1\205")), BASE_FORMAT,
        "tensor \"w\": shape [5] from offset 0 reaches beyond the 16 bytes of storage \"0\""),
    P(DICT(W TENSOR(STORAGE, "K\1", "K\4\205", "K\1\205")), BASE_FORMAT,
        "shape [4] from offset 1 reaches beyond the 16 bytes"),
    P(DICT(W TENSOR(STORAGE, "K\0", "K\2K\2\206", "K\3K\1\206")), BASE_FORMAT,
        "shape [2, 2] from offset 0 reaches beyond"),
    P(DICT(W TENSOR(STORAGE, "\212\1\377", "K\4\205", "K\1\205")), BASE_FORMAT,     /* -1 */
        "offset, sizes or strides are none"),
    P(DICT(W TENSOR(STORAGE, "\212\2\377\0", "K\4\205", "K\1\205")), BASE_FORMAT,
        "shape [4] from offset 255 reaches beyond the 16"),
    P(DICT(W TENSOR(STORAGE, "K\0", "\212\3\4\0\200\205", "K\1\205")), BASE_FORMAT,
        "offset, sizes or strides are none"),
    P(DICT(W TENSOR(STORAGE, "\212\10\377\377\377\377\377\377\377\177", "K\4\205", "K\1\205")), BASE_FORMAT,
        "reaches beyond the 16"),
    P(DICT(W TENSOR(STORAGE, "K\0", "K\2\205", "\212\10\377\377\377\377\377\377\377\177\205")), BASE_FORMAT,
        "reaches beyond the 16"),
    P(DICT(W TENSOR(STORAGE, "K\0", "K\4\205", "\212\10\377\377\377\377\377\377\377\177\205")), BASE_FORMAT,
        "tensor \"w\": the product of its shape is too large"),
    P(DICT(W TENSOR(STORAGE, "K\0", "\212\5\0\0\0\0\1\212\5\0\0\0\0\1\206", "K\0K\0\206")), BASE_FORMAT,
        "product of its shape is too"),
    P(DICT(W TENSOR(STORAGE, "K\0", "\212\10\0\0\0\0\0\0\0\100\205", "K\0\205")), BASE_FORMAT,
        "reaches beyond the 16 bytes"),
    P(DICT(W TENSOR(STORAGE, "K\0", "J\0\0\0\7\205", "K\0\205")), BASE_LIMIT,
        "469762048 bytes made of a storage of 16 by strides of 0"),
    P(DICT(W TENSOR(PID("torch\nFloatStorage", "0", "K\3"), "K\0", "K\3\205", "K\1\205")), BASE_FORMAT,
        "tensor \"w\": storage \"0\" has 16 bytes, expected 3 elements of F32"),
    P(DICT(W TENSOR(PID("torch\nDoubleStorage", "0", "K\4"), "K\0", "K\3\205", "K\1\205")), BASE_FORMAT,
        "storage \"0\" has 16 bytes, expected 4 elements of F64"),
    P(DICT(W TENSOR(PID("torch\nFloatStorage", "0", "\212\10\1\0\0\0\0\0\0\100"), "K\0", "K\3\205", "K\1\205")),
        BASE_FORMAT, "storage \"0\" has 16 bytes, expected 4611686018427387905 elements of F32"),
    P(DICT(W TENSOR(PID("torch\nFloatStorage", "0", "J\374\377\377\377"), "K\0", "K\3\205", "K\1\205")), BASE_FORMAT,
        "are none"),
    P(DICT(W TENSOR(PID("torch\nFloatStorage", "7", "K\4"), "K\0", "K\4\205", "K\1\205")), BASE_MISSING,
        "tensor \"w\": the archive has no member \"m/data/7\""),
    P(DICT(W TENSOR(PID("torch\nFloatStorage", "/", "K\4"), "K\0", "K\4\205", "K\1\205")), BASE_MISSING,
        "no member \"m/data//\""),
    P(DICT(W TENSOR("(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0000X\3\0\0\0cpuK\4(X\1\0\0\0aK\0K\4ttQ", "K\0",
        "K\4\205", "K\1\205")), BASE_UNSUPPORTED, "tensor \"w\": its storage is a view of another"),
};

START_TEST(pickles_are_refused)
{
    zip_reset(pickles[_i].pickle);
    zip_build();
    assert_refused(files_write("pickle", made, made_n), pickles[_i].status, pickles[_i].said);
}
END_TEST

/* What is odd, and yet means something: read, or listed by name. */
static const struct { piece pickle; const char *name, *dtype; } odd[] = {
    { TEXT("\200\2ccollections\nOrderedDict\n)R(" W WHOLE "u}X\11\0\0\0_metadataNsb."), "w", "F32" },
    { TEXT(DICT(W WHOLE "X\1\0\0\0kcmy\nthing\n(K\1tR")), "w", "F32" },        /* calls of others mean nothing */
    { TEXT(DICT("K\1" WHOLE W WHOLE)), "w", "F32" },                            /* a key that is no text */
    { TEXT(DICT("X\5\0\0\0model}" W WHOLE "sX\5\0\0\0other}X\1\0\0\0v" WHOLE "s")), "w", "F32" },
    { TEXT(DICT("X\1\0\0\0a}q\1(X\1\0\0\0sh\1" W WHOLE "u")), "a.w", "F32" },  /* a dictionary that holds itself */
    { TEXT(DICT(W REBUILD "(" STORAGE "K\0ctorch\nSize\nK\4\205\205RK\1\205tR")), "w", "F32" },
    { TEXT(DICT(W "ctorch._utils\n_rebuild_parameter\n(" WHOLE "\210NtR")), "w", "F32" },
    { TEXT(DICT(W "ctorch._utils\n_rebuild_tensor_v3\n(" PID("torch.storage\nUntypedStorage", "0",
        "K\20") "K\0K\4\205K\1\205\211N"
        "ctorch\nfloat32\ntR")), "w", "F32" },
    { TEXT(DICT(W TENSOR(PID("torch\nComplexFloatStorage", "0", "K\2"), "K\0", "K\2\205", "K\1\205"))), "w", "C64" },
    { TEXT(DICT(W TENSOR(PID("torch\nQInt8Storage", "0", "K\20"), "K\0", "K\2\205", "K\1\205"))), "w",
        "torch.QInt8Storage" },
    { TEXT(DICT(W "ctorch._utils\n_rebuild_qtensor\n(" STORAGE "K\0K\4\205K\1\205tR")), "w",
        "torch._utils._rebuild_qtensor" },
    { TEXT(DICT(W TENSOR(STORAGE, "K\0", "K\1K\4\206", "\212\10\377\377\377\377\377\377\377\177K\1\206"))), "w",
        "F32" },
    { TEXT(DICT(W TENSOR(STORAGE, "K\x7f", "K\0K\4\206", "K\4K\1\206"))), "w", "F32" },    /* no elements: any offset */
};

START_TEST(oddities_are_accepted)
{
    base_error e = BASE_ERROR_INIT;
    float x[4];

    zip_reset(odd[_i].pickle);
    zip_build();
    nn_archive *a = nn_archive_open(files_write("odd", made, made_n), &e);
    ck_assert_msg(a != NULL, "%s", e.text);
    ck_assert_int_eq(nn_archive_count(a), 1);
    ck_assert_str_eq(nn_archive_at(a, 0)->name, odd[_i].name);
    ck_assert_str_eq(nn_archive_at(a, 0)->dtype_text, odd[_i].dtype);
    if (!strcmp(odd[_i].dtype, "F32"))
        ck_assert_int_eq(nn_file_tensor_floats(nn_archive_at(a, 0), x, NULL), BASE_OK);
    else
        ck_assert_int_eq(nn_file_tensor_floats(nn_archive_at(a, 0), x, NULL), BASE_UNSUPPORTED);
    nn_archive_close(a);
}
END_TEST

/* ---- the legacy form --------------------------------------------------------------------------------------------- */

#define MAGIC "\200\2\212\12\154\374\234\106\371\40\152\250\120\31."
#define PROTOCOL "\200\2M\351\3."
#define SYSTEM "\200\2}X\15\0\0\0little_endian\210s."
#define KEYS "\200\2]X\1\0\0\0" "0a."
#define FLOATS "\4\0\0\0\0\0\0\0" "\0\0\200\77\0\0\0\100\0\0\100\100\0\0\200\100"

static const struct { piece file; base_status status; const char *said; } legacy[] = {
    P(MAGIC, BASE_FORMAT, "byte 15: the pickle ends here"),
    P(MAGIC "\200\2M\352\3." SYSTEM DICT(W WHOLE) KEYS FLOATS, BASE_UNSUPPORTED,
        "byte 15: expected the number of PyTorch's protocol"),
    P(MAGIC PROTOCOL "\200\2}." DICT(W WHOLE) KEYS FLOATS, BASE_UNSUPPORTED,
        "written on a machine of another byte order"),
    P(MAGIC PROTOCOL "\200\2}X\15\0\0\0little_endian\211s." DICT(W WHOLE) KEYS FLOATS, BASE_UNSUPPORTED,
        "of another byte order"),
    P(MAGIC PROTOCOL SYSTEM "\200\2cos\nsystem\n.", BASE_UNSUPPORTED,
        "byte 47: \"os.system\" is there to run code; refused"),
    P(MAGIC PROTOCOL SYSTEM DICT(W WHOLE) "\200\2}.", BASE_FORMAT, "byte 180: expected a list of storages"),
    P(MAGIC PROTOCOL SYSTEM DICT(W WHOLE) "\200\2]Na.", BASE_FORMAT, "byte 180: the key of storage 0 is no text"),
    P(MAGIC PROTOCOL SYSTEM DICT(W WHOLE) "\200\2](X\1\0\0\0000X\1\0\0\0000e." FLOATS, BASE_FORMAT,
        "storage \"0\" appears twice"),
    P(MAGIC PROTOCOL SYSTEM DICT(W WHOLE) "\200\2].", BASE_MISSING, "tensor \"w\": the file has no storage \"0\""),
    P(MAGIC PROTOCOL SYSTEM DICT(W WHOLE) "\200\2](X\1\0\0\0000X\1\0\0\0001e." FLOATS FLOATS, BASE_UNSUPPORTED,
        "storage \"1\" is of unknown type, or of no tensor"),
    P(MAGIC PROTOCOL SYSTEM DICT(W TENSOR(PID("my\nStorage", "0", "K\4"), "K\0", "K\4\205", "K\1\205")) KEYS FLOATS,
        BASE_UNSUPPORTED, "storage \"0\" is of unknown type"),
    P(MAGIC PROTOCOL SYSTEM DICT(W WHOLE "X\1\0\0\0v" TENSOR(PID("torch\nIntStorage", "0", "K\4"), "K\0", "K\4\205",
        "K\1\205")) KEYS
        FLOATS, BASE_FORMAT, "storage \"0\" is of two types, I32 and F32"),
    P(MAGIC PROTOCOL SYSTEM DICT(W WHOLE) KEYS "\4\0\0", BASE_FORMAT,
        "byte 191: storage \"0\" reaches beyond the end of the file"),
    P(MAGIC PROTOCOL SYSTEM DICT(W WHOLE) KEYS "\5\0\0\0\0\0\0\0" "1234123412341234", BASE_FORMAT,
        "storage \"0\" reaches beyond the end"),
    P(MAGIC PROTOCOL SYSTEM DICT(W WHOLE) KEYS "\4\0\0\0\0\0\0\100" "1234123412341234", BASE_FORMAT,
        "reaches beyond the end"),
    P(MAGIC PROTOCOL SYSTEM DICT(W WHOLE) KEYS "\3\0\0\0\0\0\0\0" "123412341234", BASE_FORMAT,
        "tensor \"w\": storage \"0\" has 12 bytes, expected 4 elements of F32"),
    P(MAGIC PROTOCOL SYSTEM DICT(W WHOLE) KEYS FLOATS "x", BASE_FORMAT, "byte 215: 1 bytes behind the last storage"),
};

START_TEST(legacy_files_are_refused)
{
    assert_refused(files_write("legacy", legacy[_i].file.bytes, legacy[_i].file.n), legacy[_i].status, legacy[_i].said);
}
END_TEST

START_TEST(legacy_file_they_are_made_of_is_good)
{
    static const piece whole = TEXT(MAGIC PROTOCOL SYSTEM DICT(W WHOLE) KEYS FLOATS);
    nn_archive *a = nn_archive_open(files_write("legacy", whole.bytes, whole.n), NULL);

    ck_assert_ptr_nonnull(a);
    ck_assert_mem_eq(nn_archive_find(a, "w")->data, values, sizeof values);
    nn_archive_close(a);
}
END_TEST

/* Of nothing the other dimensions may be anything: they are multiplied with nothing but 0 (UBSan would tell). */
START_TEST(empty_tensors_of_any_shape)
{
#define HUGE "\212\10\0\0\0\0\0\0\0\100"      /* 2^62 */
    static const piece shapes[] = { TEXT(DICT(W TENSOR(STORAGE, "K\0", "K\0" HUGE HUGE "\207", HUGE HUGE "K\1\207"))),
        TEXT(DICT(W TENSOR(STORAGE, "K\0", HUGE "K\0" HUGE "\207", "K\0K\0K\0\207"))) };
    base_error e = BASE_ERROR_INIT;

    zip_reset(shapes[_i]);
    zip_build();
    nn_archive *a = nn_archive_open(files_write("zip", made, made_n), &e);
    ck_assert_msg(a != NULL, "%s", e.text);
    ck_assert_int_eq(nn_archive_find(a, "w")->count, 0);
    ck_assert_ptr_null(nn_archive_find(a, "w")->stride);
    nn_file_tensor_bytes(nn_archive_find(a, "w"), made);
    nn_archive_close(a);
}
END_TEST

/* ---- indexes, and files of other kinds --------------------------------------------------------------------------- */

static const struct { const char *text; base_status status; const char *said; } indexes[] = {
    { "", BASE_FORMAT, ":1:0: '[' or '{' expected near end of file" },
    { "[]", BASE_FORMAT, "no \"weight_map\" with tensors" },
    { "{\"weight_map\": []}", BASE_FORMAT, "no \"weight_map\" with tensors" },
    { "{\"weight_map\": {}}", BASE_FORMAT, "no \"weight_map\" with tensors" },
    { "{\"weight_map\": {\"w\": \"good\", \"w\": \"good\"}}", BASE_FORMAT, "duplicate object key near '\"w\"'" },
    { "{\"weight_map\": {\"w\": 1}}", BASE_FORMAT, "the file of tensor \"w\" is not named plainly" },
    { "{\"weight_map\": {\"w\": \"\"}}", BASE_FORMAT, "the file of tensor \"w\" is not named plainly" },
    { "{\"weight_map\": {\"w\": \"..\"}}", BASE_FORMAT, "the file of tensor \"w\" is not named plainly" },
    { "{\"weight_map\": {\"w\": \"../good\"}}", BASE_FORMAT, "the file of tensor \"w\" is not named plainly" },
    { "{\"weight_map\": {\"w\": \"/etc/passwd\"}}", BASE_FORMAT, "the file of tensor \"w\" is not named plainly" },
    { "{\"weight_map\": {\"w\": \"a\\\\good\"}}", BASE_FORMAT, "the file of tensor \"w\" is not named plainly" },
    { "{\"weight_map\": {\"w\": \"good\\u0000\"}}", BASE_FORMAT, "\\u0000 is not allowed" },
    { "{\"weight_map\": {\"w\": \"absent\"}}", BASE_MISSING, "absent: No such file" },
    { "{\"weight_map\": {\"w\": \"good\", \"v\": \"good\"}}", BASE_MISSING, "tensor \"v\" is not in " },
    { "{\"weight_map\": {\"w\": \"good\", \"v\": \"index\"}}", BASE_LIMIT, "index: byte 0: a header of " },
};

START_TEST(indexes_are_refused)
{
    zip_reset(good);
    zip_build();
    files_write("good", made, made_n);
    files_write("index", "{\"weight_map\"", 13);
    assert_refused(files_write("x.index.json", indexes[_i].text, strlen(indexes[_i].text)), indexes[_i].status,
        indexes[_i].said);
}
END_TEST

/* A tensor in two files: which one counts would be chance. */
START_TEST(shards_that_share_a_name)
{
    static const char index[] = "{\"weight_map\": {\"w\": \"good\", \"v\": \"other\"}}";
    static const piece both = TEXT(DICT(W WHOLE "X\1\0\0\0v" WHOLE));

    zip_reset(good);
    zip_build();
    files_write("good", made, made_n);
    zip_reset(both);
    zip_build();
    files_write("other", made, made_n);
    assert_refused(files_write("x.index.json", index, strlen(index)), BASE_FORMAT, "two tensors are called \"w\"");
}
END_TEST

static const struct { piece file; const char *said; } others[] = {
    { TEXT("version https://git-lfs.github.com/spec/v1\noid sha256:"), "a Git LFS pointer" },
    { TEXT("PYTORCH1 and more"), "format of 2018" },
    { TEXT("PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), "an empty zip archive" },
    { TEXT("\200\2}q\0X\1\0\0\0aK\1s."), "a pickle, but none that torch.save wrote" },
    { TEXT("\200\4\225\20\0\0\0\0\0\0\0}."), "a pickle, but none that torch.save wrote" },
    { TEXT("\211HDF\r\n\32\n\0\0\0\0"), "an HDF5 file" },
    { TEXT("\37\213\10\0\1\2\3\4\5\6"), "packed by gzip" },
    { TEXT("<!DOCTYPE html><html>"), "a web page" },
};

START_TEST(other_files_are_named)
{
    assert_refused(files_write("other", others[_i].file.bytes, others[_i].file.n), BASE_UNSUPPORTED, others[_i].said);
}
END_TEST

/* A header of 640 bytes makes a safetensors file begin as a pickle does. */
START_TEST(no_safetensors_taken_for_a_pickle)
{
    char file[648];

    memset(file, ' ', sizeof file);
    memcpy(file, "\200\2\0\0\0\0\0\0{}", 10);
    nn_archive *a = nn_archive_open(files_write("s", file, sizeof file), NULL);
    ck_assert_ptr_nonnull(a);
    ck_assert_str_eq(nn_archive_format(a), "safetensors");
    nn_archive_close(a);
}
END_TEST

/* ---- bombs: little text that asks for much ----------------------------------------------------------------------- */

static const struct { const char *begin, *repeated; base_status status; const char *said; } bombs[] = {
    { "\200\2", "]", BASE_LIMIT, "more than 1000000 values on the stack" },
    { "\200\2", "(", BASE_LIMIT, "more than 1000000 marks" },
    { "\200\2", "N", BASE_LIMIT, "more than 1000000 values on the stack" },
    { "\200\2N", "2", BASE_LIMIT, "more than 1000000 values on the stack" },
    { "\200\2", "N0", BASE_FORMAT, "an opcode finds too few values" },
    { "\200\2]", "N\205a", BASE_UNSUPPORTED, "what was saved is no dictionary of tensors" },
    { "\200\2N", "\205", BASE_UNSUPPORTED, "what was saved is no dictionary of tensors" },
    { "\200\2]q\1", "h\1a", BASE_UNSUPPORTED, "what was saved is no dictionary of tensors" },
};

START_TEST(bombs_are_bounded)
{
    const size_t n = 4 << 20, length = strlen(bombs[_i].repeated);
    char *pickle = malloc(n);
    struct rlimit before, limit;
    base_error e = BASE_ERROR_INIT;
    size_t at = strlen(bombs[_i].begin);
    clock_t start = clock();

    memcpy(pickle, bombs[_i].begin, at);
    for (; at + length < n; at += length)
        memcpy(pickle + at, bombs[_i].repeated, length);
    pickle[at++] = '.';
    FILE *f = fopen(files_path("bomb"), "wb");
    ck_assert(fwrite(MAGIC PROTOCOL SYSTEM, 1, sizeof(MAGIC PROTOCOL SYSTEM) - 1, f) &&
        fwrite(pickle, 1, at, f) == at && fwrite("\200\2].", 1, 4, f) == 4 && !fclose(f));
    ck_assert_int_eq(getrlimit(RLIMIT_DATA, &before), 0);
    limit = before;
#ifndef BASE_ASAN       /* which reserves far more */
    limit.rlim_cur = 900 << 20;
#endif
    ck_assert_int_eq(setrlimit(RLIMIT_DATA, &limit), 0);
    nn_archive *a = nn_archive_open(files_path("bomb"), &e);
    ck_assert_int_eq(setrlimit(RLIMIT_DATA, &before), 0);
    ck_assert_msg(!a && e.status == bombs[_i].status && strstr(e.text, bombs[_i].said), "said %d %s", e.status, e.text);
    ck_assert_int_lt((clock() - start) / CLOCKS_PER_SEC, 20);
    free(pickle);
}
END_TEST

/* Dictionaries one in another: the walk over them is bounded. */
START_TEST(depth_is_bounded)
{
    for (int deep = 99; deep < 100000; deep = deep * 3 + 4) {
        made_n = 0;
        put(MAGIC PROTOCOL SYSTEM "\200\2", sizeof(MAGIC PROTOCOL SYSTEM "\200\2") - 1);
        for (int i = 0; i < deep; i++)
            put("}X\1\0\0\0a", 7);
        put("}", 1);
        for (int i = 0; i < deep; i++)
            put("s", 1);
        put(".\200\2].", 5);
        base_error e = BASE_ERROR_INIT;
        nn_archive *a = nn_archive_open(files_write("deep", made, made_n), &e);
        ck_assert_msg(deep > 100 ? !a && e.status == BASE_LIMIT : a != NULL, "%d: %s", deep, e.text);
        nn_archive_close(a);
    }
}
END_TEST

/* ---- damage ------------------------------------------------------------------------------------------------------ */

static const char *const references[] = { "zip.bin", "legacy.bin", "protocol4.bin", "fairseq-ctc.pt" };

static size_t load_reference(const char *name, char **text)
{
    char path[1000];
    size_t size;

    snprintf(path, sizeof path, "%s/tests/parity/torch/%s", getenv("srcdir") ? getenv("srcdir") : ".", name);
    ck_assert_int_eq(base_read_file(path, 1 << 20, text, &size, NULL), BASE_OK);
    return size;
}

/* A file that opens at every cut would be believed when it is not whole; none does. */
START_TEST(every_cut_is_noticed)
{
    char *text;
    size_t size = load_reference(references[_i], &text);

    for (size_t n = 0; n < size; n += n < 1000 ? 1 : 3)
        ck_assert_ptr_null(nn_archive_open(files_write("cut", text, n), NULL));
    free(text);
}
END_TEST

/* Any byte may be another: the file is refused, or what it lists can be read. */
START_TEST(every_byte_may_differ)
{
    char *text;
    size_t size = load_reference(references[_i], &text);
    float x[64];
    int opened = 0;

    for (size_t n = 0; n < size; n++) {
        const char before = text[n];
        text[n] = (char)(n % 3 == 0 ? before ^ 1 : n % 3 == 1 ? before + 1 : ~before);
        nn_archive *a = nn_archive_open(files_write("flipped", text, size), NULL);
        text[n] = before;
        for (int i = 0; a && i < nn_archive_count(a); i++)
            if (nn_archive_at(a, i)->count <= 64)
                nn_file_tensor_floats(nn_archive_at(a, i), x, NULL);
        opened += a != NULL;
        nn_archive_close(a);
    }
    ck_assert_int_gt(opened, 0);        /* a weight's byte is as good as another */
    ck_assert_int_lt(opened, (int)size);
    free(text);
}
END_TEST

#define ROWS(table) (int)(sizeof table / sizeof *table)

static void add_loop(Suite *s, const char *name, const TTest *test, int n)
{
    TCase *c = tcase_create(name);

    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, test, 0, n);
    suite_add_tcase(s, c);
}

static Suite *suite(void)
{
    Suite *s = suite_create("libnn/store/malformed");

    unit_add(s, what_the_faults_are_made_of_is_good);
    add_loop(s, "zip_records", zip_records, ROWS(patches));
    add_loop(s, "zip_members", zip_members, ROWS(members));
    unit_add(s, zip_overlap);
    unit_add(s, zip_data_into_the_directory);
    unit_add(s, zip_wide_end);
    TCase *wider = tcase_create("zip_wide_numbers");
    tcase_add_loop_test(wider, zip_wide_numbers, 0, (int)(sizeof wide / sizeof *wide));
    suite_add_tcase(s, wider);
    unit_add(s, zip_gaps);
    add_loop(s, "pickles", pickles_are_refused, ROWS(pickles));
    add_loop(s, "oddities", oddities_are_accepted, ROWS(odd));
    unit_add(s, legacy_file_they_are_made_of_is_good);
    add_loop(s, "legacy", legacy_files_are_refused, ROWS(legacy));
    add_loop(s, "empty", empty_tensors_of_any_shape, 2);
    add_loop(s, "indexes", indexes_are_refused, ROWS(indexes));
    unit_add(s, shards_that_share_a_name);
    add_loop(s, "others", other_files_are_named, ROWS(others));
    unit_add(s, no_safetensors_taken_for_a_pickle);
    add_loop(s, "bombs", bombs_are_bounded, ROWS(bombs));
    unit_add(s, depth_is_bounded);
    add_loop(s, "cuts", every_cut_is_noticed, ROWS(references));
    add_loop(s, "flips", every_byte_may_differ, ROWS(references));
    return s;
}

UNIT_MAIN(suite)
