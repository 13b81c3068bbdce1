#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "base/utf8.h"
#include "tests/unit/capture.h"
#include "tests/unit/unit.h"

START_TEST(the_first_error_stays)
{
    base_error e = BASE_ERROR_INIT;

    ck_assert_int_eq(base_fail(&e, BASE_FORMAT, "text:%d: bad", 3), BASE_FORMAT);
    ck_assert_int_eq(base_fail(&e, BASE_IO, "later"), BASE_IO);
    ck_assert_int_eq(e.status, BASE_FORMAT);
    ck_assert_str_eq(e.text, "text:3: bad");
    ck_assert_int_eq(base_fail_in(&e, "reading %s", "x"), BASE_FORMAT);
    ck_assert_str_eq(e.text, "reading x: text:3: bad");
    ck_assert_int_eq(base_fail(NULL, BASE_IO, "nobody listens"), BASE_IO);
    ck_assert_int_eq(base_fail_in(NULL, "x"), BASE_OK);
}
END_TEST

START_TEST(errno_becomes_a_status)
{
    static const struct {
        int         code;
        base_status status;
    } cases[] = { { ENOENT, BASE_MISSING }, { ENOMEM, BASE_NO_MEMORY }, { EACCES, BASE_IO }, { ENOSPC, BASE_IO } };

    for (int i = 0; i < 4; i++) {
        base_error e = BASE_ERROR_INIT;
        errno = cases[i].code;
        ck_assert_int_eq(base_fail_errno(&e, "%s", "f"), cases[i].status);
        ck_assert_ptr_nonnull(strstr(e.text, strerror(cases[i].code)));
    }
}
END_TEST

/* A message too long ends where the buffer does, on a whole character, whatever its alignment. */
START_TEST(long_messages_are_cut)
{
    char text[3000];

    for (int shift = 0; shift < 4; shift++) {
        base_error e = BASE_ERROR_INIT;
        memset(text, 'x', 4);
        for (int i = 0; i < 900; i++)
            memcpy(text + shift + 3 * i, "€", 3);
        text[shift + 2700] = '\0';
        base_fail(&e, BASE_FORMAT, "%s", text);
        size_t n = strlen(e.text);
        ck_assert_uint_ge(n, sizeof e.text - 4);
        ck_assert_uint_eq((n - (size_t)shift) % 3, 0);
        base_fail_in(&e, "%s", "ab");
        ck_assert_uint_eq((strlen(e.text) - (size_t)shift - 4) % 3, 0);
    }
}
END_TEST

START_TEST(statuses_have_names)
{
    ck_assert_str_eq(base_status_name(BASE_FORMAT), "format error");
    ck_assert_str_eq(base_status_name(BASE_BUSY), "busy");
    ck_assert_str_eq(base_status_name((base_status)7), "unknown error");
    for (int i = 0; i < 11; i++)
        for (int j = 0; j < i; j++)
            ck_assert_str_ne(base_status_name((base_status)-i), base_status_name((base_status)-j));
}
END_TEST

/* What a terminal would obey, or what hides or turns text around, from a name in a file. */
START_TEST(messages_are_plain)
{
    static const struct {
        const char *name, *shown;
    } cases[] = {
        { "né\tü 博 \360\237\230\200", "né ü 博 \360\237\230\200" },
        { "a\nERROR forged", "a?ERROR forged" },
        { "\033]0;x\007\r\b\177", "?]0;x????" },
        { "\302\233" "2J\302\200\302\237\302\240", "?2J??\302\240" },      /* C1, and what comes after it */
        { "\342\200\256txt\342\200\254\342\201\246\342\201\251\342\200\250", "?txt????" },
        { "\342\200\247\342\200\257\342\201\245\342\201\252", "\342\200\247\342\200\257\342\201\245\342\201\252" },
        { "\377\300\233\355\240\200\364\220\200\200", "??????????" },   /* not UTF-8 */
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        base_error e = BASE_ERROR_INIT, in = { BASE_IO, "x" };
        char text[100];
        base_fail(&e, BASE_FORMAT, "%s", cases[i].name);
        ck_assert_str_eq(e.text, cases[i].shown);
        base_fail_in(&in, "%s", cases[i].name);
        snprintf(text, sizeof text, "%s: x", cases[i].shown);
        ck_assert_str_eq(in.text, text);
    }
    char lines[] = "a\tb\nc\r\n";
    base_make_plain(lines, true);
    ck_assert_str_eq(lines, "a b\nc?\n");
}
END_TEST

static int messages(void *unused)
{
    (void)unused;
    base_log_begin("/usr/bin/serin-x");
    base_log("plain %d", 1);
    base_warn("key \033[2J%s", "\r\x7f" "é");
    base_verbose = 1;
    base_log("two\nlines");
    base_vlog(1, "told");
    base_vlog(2, "not told");
    return 0;
}

START_TEST(messages_have_kaldis_form)
{
    capture c = capture_run(messages, NULL);
    const char *head = "LOG (serin-x[" PACKAGE_VERSION "]:messages():test_base_log.c:";

    ck_assert_mem_eq(c.text, head, strlen(head));
    ck_assert_ptr_nonnull(strstr(c.text, ") plain 1\nWARNING (serin-x["));
    ck_assert_ptr_nonnull(strstr(c.text, ") key ?[2J??é\n"));       /* no escape reaches the terminal */
    ck_assert_ptr_nonnull(strstr(c.text, ") two?lines\n"));
    ck_assert_ptr_nonnull(strstr(c.text, ") told\n"));
    ck_assert_ptr_null(strstr(c.text, "not told"));
}
END_TEST

static int report(void *counts)
{
    base_log_begin("serin-x");
    return base_report("utterance", ((int *)counts)[0], ((int *)counts)[1]);
}

START_TEST(reports)
{
    static const int cases[][4] = { { 5, 0, 0, 0 }, { 5, 2, 1, 0 }, { 0, 2, 1, 1 }, { 0, 0, 1, 1 }, { 1, 0, 0, 0 } };
    char expected[60];

    for (int i = 0; i < 10; i++) {
        const int *c4 = cases[i % 5];
        base_allow_failures = i >= 5;
        capture c = capture_run(report, (void *)(uintptr_t)c4);
        ck_assert_int_eq(c.status, c4[base_allow_failures ? 3 : 2]);
        snprintf(expected, sizeof expected, "Done %d utterance%s, %d failed; 0.0 s, peak memory ", c4[0],
            c4[0] == 1 ? "" : "s", c4[1]);
        ck_assert_ptr_nonnull(strstr(c.text, expected));
        ck_assert_int_eq(strstr(c.text, "there was nothing to do: no utterance came in") != NULL, c4[0] + c4[1] == 0);
    }
}
END_TEST

/* Half of the work in 40 s of a clock set back, at 25 a second since the 500 a resumed run began with. */
static int progress(void *unused)
{
    base_progress p;

    (void)unused;
    base_progress_begin(&p, "training", "steps", 500, 3000);
    base_progress_step(&p, 600, "not shown: too early");
    p.started -= 40;
    p.shown -= 40;
    base_progress_step(&p, 1500, "loss %.2f", 1.234);
    base_progress_step(&p, 1600, "not shown: too soon");
    base_progress_end(&p, "%s", "");
    return 0;
}

START_TEST(progress_in_a_log)
{
    capture c = capture_run(progress, NULL);

    ck_assert_str_eq(c.text, "training:  50 % (1500/3000 steps), 25 steps/s, 1:00 left, loss 1.23\n"
                             "training:  53 % (1600/3000 steps), 27.5 steps/s, took 0:40\n");
}
END_TEST

START_TEST(parallel_loops_cover_the_range_once)
{
    static const int64_t sizes[] = { 0, 1, 99, 100, 101, 1000 };
    static int seen[1000];

    for (int k = 0; k < 6; k++) {
        memset(seen, 0, sizeof seen);
        base_parallel_for(sizes[k], 100, i, end)
            for (; i < end; i++)
                seen[i]++;
        base_parallel_for_dynamic(sizes[k], 7, i, end)
            for (; i < end; i++)
                seen[i] += 2;
        for (int64_t i = 0; i < 1000; i++)
            ck_assert_int_eq(seen[i], i < sizes[k] ? 3 : 0);
    }
    ck_assert_int_ge(base_threads(), 1);
    ck_assert_int_eq(base_thread(), 0);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("base/error, log, progress, parallel");

    unit_add(s, the_first_error_stays);
    unit_add(s, errno_becomes_a_status);
    unit_add(s, long_messages_are_cut);
    unit_add(s, messages_are_plain);
    unit_add(s, statuses_have_names);
    unit_add(s, messages_have_kaldis_form);
    unit_add(s, reports);
    unit_add(s, progress_in_a_log);
    unit_add(s, parallel_loops_cover_the_range_once);
    return s;
}

UNIT_MAIN(suite)
