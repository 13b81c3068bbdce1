#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/log.h"
#include "base/options.h"
#include "base/parallel.h"
#include "tests/unit/capture.h"
#include "tests/unit/files.h"
#include "tests/unit/unit.h"

static const char usage[] = "Tests options.\nUsage: serin-x [options] <a> <b>\ne.g.:  serin-x in out\n";

/* A program with one option of every kind: prints what it was told. */
static int program(void *line)
{
    char text[1000], *argv[20] = { "/usr/bin/serin-x" };
    int beam = 5, argc = 1;
    double rate = 0.5;
    bool loud = false;
    const char *name = "none", *mode = "fast";
    base_options *o = base_options_new(usage);

    snprintf(text, sizeof text, "%s", (const char *)line);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    base_option_int(o, "beam-size", &beam, 1, 100, "prefixes kept");
    base_option_float(o, "rate", &rate, 0, 1, "of learning");
    base_option_bool(o, "loud", &loud, "be loud");
    base_option_text(o, "name", &name, "of the thing");
    base_option_choice(o, "mode", &mode, "fast|slow", "of working");
    base_option_alias(o, "pace", "rate");
    base_options_parse(o, argc, argv, 1, 2);
    printf("beam=%d rate=%g loud=%d name=%s mode=%s verbose=%d", beam, rate, loud, name, mode, base_verbose);
    if (base_options_given(o, "rate"))
        printf(" given");
    for (int i = 0; i < base_options_count(o); i++)
        printf(" [%s]", base_options_argument(o, i));
    base_options_free(o);
    return 0;
}

static void expect(const char *line, int status, const char *part)
{
    capture c = capture_run(program, (void *)(uintptr_t)line);

    ck_assert_msg(c.status == status, "%s: status %d: %s", line, c.status, c.text);
    ck_assert_msg(strstr(c.text, part) != NULL, "%s: printed \"%s\", expected \"%s\"", line, c.text, part);
}

START_TEST(values)
{
    expect("a", 0, "beam=5 rate=0.5 loud=0 name=none mode=fast verbose=0 [a]");
    expect("--beam-size=7 --rate=1e-2 --loud --name=x=y --mode=slow --verbose=2 a b", 0,
           "beam=7 rate=0.01 loud=1 name=x=y mode=slow verbose=2 given [a] [b]");
    expect("a --beam_size=8", 0, "beam=8");         /* '_' is '-'; options may follow arguments */
    expect("--beam-size=1 --beam-size=2 a", 0, "beam=2");
    expect("--name= a", 0, "name= mode");
    expect("-- --loud", 0, "loud=0 name=none mode=fast verbose=0 [--loud]");
    expect("- -", 0, "[-] [-]");
    expect("--name=é/%s a", 0, "name=é/%s");
}
END_TEST

START_TEST(bools)
{
    expect("--loud a", 0, "loud=1");
    expect("--loud=true a", 0, "loud=1");
    expect("--loud=t a", 0, "loud=1");
    expect("--loud=true --loud=false a", 0, "loud=0");
    expect("--loud --loud=f a", 0, "loud=0");
    expect("--loud=1 a", 1, "--loud=1: expected true or false");
    expect("--loud= a", 1, "--loud=: expected true or false");
}
END_TEST

START_TEST(refusals)
{
    expect("--beam-syze=1 a", 1, "unknown option --beam-syze (try --help)");
    expect("--beam=1 a", 1, "unknown option --beam ");
    expect("--beam-size-x=1 a", 1, "unknown option --beam-size-x");
    expect("-b a", 1, "unknown option -b: options begin with --");
    expect("--=3 a", 1, "unknown option --");
    expect("--beam-size=0 a", 1, "ERROR (serin-x[" PACKAGE_VERSION "]:");
    expect("--beam-size=0 a", 1, "--beam-size=0: expected an integer from 1 to 100");
    expect("--beam-size=101 a", 1, "--beam-size=101: expected an integer from 1 to 100");
    expect("--beam-size=99999999999999999999 a", 1, "expected an integer from 1 to 100");
    expect("--beam-size=4294967297 a", 1, "expected an integer from 1 to 100");
    expect("--beam-size=7x a", 1, "--beam-size=7x: expected an integer");
    expect("--beam-size= a", 1, "--beam-size=: expected an integer");
    expect("--beam-size a", 1, "--beam-size wants a value: --beam-size=");
    expect("--rate=1.5 a", 1, "--rate=1.5: expected a number from 0 to 1");
    expect("--rate=nan a", 1, "--rate=nan: expected a number from 0 to 1");
    expect("--rate=inf a", 1, "--rate=inf: expected a number");
    expect("--rate=0,5 a", 1, "--rate=0,5: expected a number");
    expect("--mode=fas a", 1, "--mode=fas: expected one of fast|slow");
    expect("--mode=fast|slow a", 1, "expected one of fast|slow");
    expect("--mode= a", 1, "expected one of fast|slow");
}
END_TEST

START_TEST(arguments_are_counted)
{
    expect("--loud", 1, "Usage: serin-x [options] <a> <b>");
    expect("--loud", 1, "0 arguments, expected up to 2");
    expect("a b c", 1, "3 arguments, expected up to 2");
}
END_TEST

START_TEST(help_and_echo)
{
    expect("--help", 0, "Usage: serin-x [options] <a> <b>");
    expect("--help", 0, "prefixes kept (int, default 5)");
    expect("--help --mode=slow", 0, "of working (fast|slow, default \"slow\")");
    expect("--name=a;b a", 0, "/usr/bin/serin-x '--name=a;b' a\n");
    expect("-h", 0, "Usage: serin-x [options] <a> <b>");
    expect("--help", 0, "print this and exit (-h too) (bool, default false)\n");
    expect("--version --loud", 0, "serin-x (Serin) " PACKAGE_VERSION "\n");
    expect("-- -h", 0, "[-h]");
    expect("--name=it's a", 0, "/usr/bin/serin-x $'--name=it\\x27s' a\n");
    expect("--name=\033[2Jé\302\233\377 a", 0, "/usr/bin/serin-x $'--name=\\x1b[2Jé\\xc2\\x9b\\xff' a\n");
    capture c = capture_run(program, "--print-args=false a");
    ck_assert_str_eq(c.text, "beam=5 rate=0.5 loud=0 name=none mode=fast verbose=0 [a]");
}
END_TEST

START_TEST(an_old_name)
{
    expect("--pace=0.25 a", 0, "beam=5 rate=0.25 loud=0 name=none mode=fast verbose=0 given [a]");
    expect("--pace=0.25 a", 0, "--pace is an old name: write --rate=0.25");
    expect("--pace=2 a", 1, "--rate=2: expected a number from 0 to 1");
    ck_assert_ptr_null(strstr(capture_run(program, "--help").text, "--pace"));
}
END_TEST

static void expect_config(const char *config, size_t n, const char *more, int status, const char *part)
{
    char line[1000];

    snprintf(line, sizeof line, "--config=%s %s", files_write("c.conf", config, n), more);
    expect(line, status, part);
}

#define CONFIG(text, more, status, part) expect_config(text, sizeof(text) - 1, more, status, part)

START_TEST(config_files)
{
    CONFIG("# all of it\n\n  beam_size=9 \t\n--loud\r\nname=x # a name\nmode=slow", "a", 0,
           "beam=9 rate=0.5 loud=1 name=x mode=slow");
    CONFIG("beam-size=9\nrate=0.1\n", "--beam-size=3 a", 0, "beam=3 rate=0.1");     /* the line wins */
    CONFIG("name=a#b\n", "a", 0, "name=a#b");
    CONFIG("", "a", 0, "beam=5");
    CONFIG("\nbeam-size=0\n", "a", 1, "c.conf:2: --beam-size=0: expected an integer from 1 to 100");
    CONFIG("beem=0\n", "a", 1, "c.conf:1: unknown option --beem");
    CONFIG("rate=1\n\nrate=0\n", "a", 1, "c.conf:3: rate is set already on line 1");
    CONFIG("rate=1\npace=0\n", "a", 1, "c.conf:2: rate is set already on line 1");
    CONFIG("\npace=0\n", "a", 0, "c.conf:2: pace is an old name: write rate=0");
    CONFIG("config=x\n", "a", 1, "c.conf:1: a config file cannot name another");
    CONFIG("rate=\0001\n", "a", 1, "c.conf: byte 5 is NUL; expected text");
    CONFIG("[section]\n", "a", 1, "c.conf:1: unknown option --[section]");
    expect("--config=/nonexistent/x.conf a", 1, "/nonexistent/x.conf: No such file or directory");
    expect("--config a", 1, "--config wants a value");
}
END_TEST

START_TEST(two_config_files)
{
    char line[1000];

    files_write("one.conf", "beam-size=2\nname=one\n", 21);
    files_write("two.conf", "beam-size=3\n", 12);
    snprintf(line, sizeof line, "--config=%s --config=%s a", files_path("one.conf"), files_path("two.conf"));
    expect(line, 0, "beam=3 rate=0.5 loud=0 name=one");
}
END_TEST

/* A program may have more options than anybody thought of. */
static int many_options(void *unused)
{
    static char name[1000][20];
    static int value[1000];
    char *argv[] = { "/usr/bin/serin-x", "--option-999=7", "--threads=3" };
    base_options *o = base_options_new(usage);

    (void)unused;
    for (int i = 0; i < 1000; i++) {
        snprintf(name[i], sizeof name[i], "option-%d", i);
        base_option_int(o, name[i], &value[i], 0, 10, "one of many");
    }
    base_options_parse(o, 3, argv, 0, 0);
    printf("last=%d threads=%d", value[999], base_threads());
    base_options_free(o);
    return 0;
}

START_TEST(many)
{
    capture c = capture_run(many_options, NULL);

    ck_assert_int_eq(c.status, 0);
    ck_assert_ptr_nonnull(strstr(c.text, "last=7 threads=3"));
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("base/options");

    unit_add(s, values);
    unit_add(s, bools);
    unit_add(s, refusals);
    unit_add(s, arguments_are_counted);
    unit_add(s, help_and_echo);
    unit_add(s, many);
    files_add(s, config_files);
    files_add(s, two_config_files);
    unit_add(s, an_old_name);
    return s;
}

UNIT_MAIN(suite)
