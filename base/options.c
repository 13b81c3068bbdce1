#include "base/options.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/number.h"
#include "base/parallel.h"
#include "base/temporary.h"
#include "base/utf8.h"

#define CONFIG_LIMIT (1 << 20)

typedef enum kind { INT, FLOAT, BOOL, TEXT, CHOICE, ALIAS } kind;

typedef struct option {
    kind        kind;
    const char *name, *help;
    void       *value;
    double      least, most;
    const char *words;      /* of a choice: "a|b|c"; of an alias: the new name */
    char       *owned;      /* text that came from a config file */
    int         line;       /* of the config being read, where it was set; 0: not yet */
    base_given  given;
} option;

struct base_options {
    const char *usage;
    option     *list;
    int         n, room;
    char      **arguments;
    int         n_arguments, threads;
    bool        print_args, help, version;
    const char *config;
};

/* Where a value stands, for messages. */
typedef struct place {
    const char *file;       /* NULL: the command line */
    int         line;
} place;

/* A standard stream that the caller has closed must not become the number of a file that is opened: what is printed would
 * go there. Writing to what stands in its place fails, which is told at the end. */
static void fill_closed_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDONLY) < 0)
            abort();
}

base_options *base_options_new(const char *usage)
{
    base_options *o = calloc(1, sizeof *o);

    if (!o)
        abort();        /* before a program has begun, with nothing to save */
    fill_closed_streams();
    o->usage = usage;
    o->print_args = true;
    base_option_text(o, "config", &o->config, "file of options, one name=value a line");
    base_option_bool(o, "help", &o->help, "print this and exit (-h too)");
    base_option_bool(o, "version", &o->version, "print the version and exit");
    base_option_int(o, "threads", &o->threads, 0, 4096, "threads that compute; 0: $OMP_NUM_THREADS, else one a processor");
    base_option_bool(o, "print-args", &o->print_args, "echo the command line to standard error");
    base_option_int(o, "verbose", &base_verbose, 0, 10, "how much to tell");
    return o;
}

void base_options_free(base_options *o)
{
    if (!o)
        return;
    for (int i = 0; i < o->n; i++)
        free(o->list[i].owned);
    free(o->list);
    free(o->arguments);
    free(o);
}

/* ---- registering ------------------------------------------------------------------------------------------------- */

static int compare_names(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char x = a[i] == '_' ? '-' : a[i], y = b[i] == '_' ? '-' : b[i];
        if (x != y || !x)
            return x - y;
    }
    return a[n] != '\0';
}

/* The option whose name is the n bytes of `name`, '-' and '_' alike. */
static option *find(base_options *o, const char *name, size_t n)
{
    for (int i = 0; i < o->n; i++)
        if (strlen(o->list[i].name) == n && compare_names(o->list[i].name, name, n) == 0)
            return &o->list[i];
    return NULL;
}

static void add(base_options *o, option new)
{
    assert(!find(o, new.name, strlen(new.name)));
    if (o->n == o->room) {
        o->room = o->room ? 2 * o->room : 64;
        option *list = realloc(o->list, (size_t)o->room * sizeof *list);
        if (!list)
            abort();
        o->list = list;
    }
    o->list[o->n++] = new;
}

void base_option_int(base_options *o, const char *name, int *value, int least, int most, const char *help)
{
    add(o, (option){ .kind = INT, .name = name, .help = help, .value = value, .least = least, .most = most });
}

void base_option_float(base_options *o, const char *name, double *value, double least, double most, const char *help)
{
    add(o, (option){ .kind = FLOAT, .name = name, .help = help, .value = value, .least = least, .most = most });
}

void base_option_bool(base_options *o, const char *name, bool *value, const char *help)
{
    add(o, (option){ .kind = BOOL, .name = name, .help = help, .value = value });
}

void base_option_text(base_options *o, const char *name, const char **value, const char *help)
{
    add(o, (option){ .kind = TEXT, .name = name, .help = help, .value = value });
}

void base_option_choice(base_options *o, const char *name, const char **value, const char *words, const char *help)
{
    add(o, (option){ .kind = CHOICE, .name = name, .help = help, .value = value, .words = words });
}

void base_option_failures(base_options *o)
{
    base_option_bool(o, "allow-failures", &base_allow_failures,
        "what fails is left out in any case; true: exit status 0 all the same, if something was done");
}

void base_option_alias(base_options *o, const char *old, const char *name)
{
    add(o, (option){ .kind = ALIAS, .name = old, .words = name });
}

/* ---- messages ---------------------------------------------------------------------------------------------------- */

static void print_default(const base_options *o, const option *p)
{
    if (p->value == &o->help || p->value == &o->version) {      /* true by now, to be here */
        printf("(bool, default false)\n");
        return;
    }
    switch (p->kind) {
    case INT: printf("(int, default %d)\n", *(int *)p->value); break;
    case FLOAT: printf("(float, default %.9g)\n", *(double *)p->value); break;
    case BOOL: printf("(bool, default %s)\n", *(bool *)p->value ? "true" : "false"); break;
    case TEXT:
    case CHOICE: {
        const char *text = *(const char **)p->value;
        printf("(%s, default \"%s\")\n", p->kind == TEXT ? "text" : p->words, text ? text : "");
    }
    case ALIAS: break;
    }
}

static void print_usage(const base_options *o)
{
    printf("\n%s\nOptions:\n", o->usage);
    for (int i = 0; i < o->n; i++) {
        if (!o->list[i].help)
            continue;
        printf("  --%-24s %s ", o->list[i].name, o->list[i].help);
        print_default(o, &o->list[i]);
    }
    printf("\nExit status: 0 when all that was asked for was done; 1 when something failed, or nothing was there to do.\n\n");
}

BASE_PRINTF(2, 3)
static _Noreturn void refuse(const place *at, const char *format, ...)
{
    char text[1000], where[600] = "";
    va_list a;

    va_start(a, format);
    vsnprintf(text, sizeof text, format, a);
    va_end(a);
    if (at->file)
        snprintf(where, sizeof where, "%s:%d: ", at->file, at->line);
    base_say_error("%s%s%s", where, text, at->file ? "" : " (try --help)");
    exit(1);
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static bool parse_int(const char *text, long long *value)
{
    char *end;

    errno = 0;
    *value = strtoll(text, &end, 10);
    return end != text && *end == '\0' && errno == 0 && strchr("+-0123456789", *text);
}

static bool parse_float(const char *text, double *value)
{
    char *end;

    *value = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*value) && strchr("+-.0123456789", *text);
}

static bool parse_bool(const char *text, bool *value)
{
    *value = strcmp(text, "true") == 0 || strcmp(text, "t") == 0;
    return *value || strcmp(text, "false") == 0 || strcmp(text, "f") == 0;
}

static bool is_among(const char *words, const char *text)
{
    size_t n = strlen(text);

    for (const char *w = words; w; w = strchr(w, '|') ? strchr(w, '|') + 1 : NULL)
        if (strcspn(w, "|") == n && strncmp(w, text, n) == 0)
            return true;
    return false;
}

/* text NULL: the option stood alone. */
static void set(option *p, const char *text, const place *at)
{
    long long i;
    double f;

    if (!text && p->kind != BOOL)
        refuse(at, "--%s wants a value: --%s=…", p->name, p->name);
    switch (p->kind) {
    case INT:
        if (!parse_int(text, &i) || (double)i < p->least || (double)i > p->most)
            refuse(at, "--%s=%s: expected an integer from %.0f to %.0f", p->name, text, p->least, p->most);
        *(int *)p->value = (int)i;
        break;
    case FLOAT:
        if (!parse_float(text, &f) || f < p->least || f > p->most)
            refuse(at, "--%s=%s: expected a number from %s to %s", p->name, text, base_amount(p->least), base_amount(p->most));
        *(double *)p->value = f;
        break;
    case BOOL:
        if (!text)
            *(bool *)p->value = true;
        else if (!parse_bool(text, p->value))
            refuse(at, "--%s=%s: expected true or false", p->name, text);
        break;
    case CHOICE:
        if (!is_among(p->words, text))
            refuse(at, "--%s=%s: expected one of %s", p->name, text, p->words);
        *(const char **)p->value = text;
        break;
    case TEXT:
        *(const char **)p->value = text;
        break;
    case ALIAS: break;
    }
    p->given = at->file ? BASE_GIVEN_IN_CONFIG : BASE_GIVEN_ON_LINE;
}

/* "name=value" or "name". */
static option *assign(base_options *o, const char *text, const place *at)
{
    size_t n = strcspn(text, "=");
    option *p = find(o, text, n);

    if (!p)
        refuse(at, "unknown option --%.*s", (int)(n < 100 ? n : 100), text);
    if (p->kind == ALIAS) {
        if (at->file)
            base_warn("%s:%d: %s is an old name: write %s%s", at->file, at->line, p->name, p->words, text + n);
        else
            base_warn("--%s is an old name: write --%s%s", p->name, p->words, text + n);
        p = find(o, p->words, strlen(p->words));
    }
    if (at->file && strcmp(p->name, "config") == 0)
        refuse(at, "a config file cannot name another");
    if (at->file && p->line)
        refuse(at, "%s is set already on line %d", p->name, p->line);
    set(p, text[n] ? text + n + 1 : NULL, at);
    return p;
}

/* ---- config files ------------------------------------------------------------------------------------------------ */

/* Cuts a comment ('#' at the start or after a blank) and blanks at both ends. */
static char *strip(char *line)
{
    for (char *c = line; *c; c++)
        if (*c == '#' && (c == line || strchr(" \t", c[-1]))) {
            *c = '\0';
            break;
        }
    line += strspn(line, " \t\r");
    for (size_t n = strlen(line); n > 0 && strchr(" \t\r", line[n - 1]); n--)
        line[n - 1] = '\0';
    return line;
}

static void read_config(base_options *o, const char *path)
{
    base_error e = BASE_ERROR_INIT;
    place at = { path, 0 };
    char *text, *next;
    size_t size;

    if (base_read_named(path, CONFIG_LIMIT, &text, &size, &e))
        exit(base_give_up(&e));
    if (strlen(text) != size) {
        base_say_error("%s: byte %zu is NUL; expected text", path, strlen(text));
        exit(1);
    }
    for (int i = 0; i < o->n; i++)
        o->list[i].line = 0;
    for (char *line = text; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        at.line++;
        line = strip(line);
        if (!*line)
            continue;
        if (strncmp(line, "--", 2) == 0)
            line += 2;
        option *p = assign(o, line, &at);
        p->line = at.line;
        if (p->kind == TEXT || p->kind == CHOICE) {
            free(p->owned);
            p->owned = strdup(*(const char **)p->value);
            if (!p->owned)
                abort();
            *(const char **)p->value = p->owned;
        }
    }
    free(text);
}

/* ---- the command line -------------------------------------------------------------------------------------------- */

static bool is_option(const char *argument) { return strncmp(argument, "--", 2) == 0 && argument[2]; }

static bool is_config(const char *argument)
{
    return strncmp(argument, "--config", 8) == 0 && (argument[8] == '=' || !argument[8]);
}

/* A word that a shell reads as it is. */
static bool is_bare(const char *word)
{
    return *word && !word[strcspn(word, " \t\n'\"\\$`|&;<>()*?#~!{}[]")];
}

/* Bytes of a name that a terminal would obey, or that are not UTF-8, as $'\x1b' has them. */
static void echo_escaped(const char *word)
{
    uint32_t c = 0;

    fputs("$'", stderr);
    for (size_t left = strlen(word); left; ) {
        int n = base_utf8_decode(word, left, &c);
        if (n && base_is_plain(c) && c != '\'' && c != '\\')
            fwrite(word, 1, (size_t)n, stderr);
        else
            for (int i = 0; i < (n ? n : 1); i++)
                fprintf(stderr, "\\x%02x", (unsigned char)word[i]);
        word += n ? n : 1;
        left -= n ? (size_t)n : 1;
    }
    fputc('\'', stderr);
}

/* The command line as it can be given to a shell again. */
/* Runs at the end, whichever way it comes: a full disk or a closed pipe behind standard output is an error, too. */
static void close_output(void)
{
    bool lost = ferror(stdout);

    errno = 0;
    if (fclose(stdout) == 0 && !lost)
        return;
    base_say_error("standard output: %s", errno ? strerror(errno) : "an earlier write failed");
    _exit(1);
}

static void echo(int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        char *plain = strdup(argv[i]);

        if (plain)
            base_make_plain(plain, false);
        if (i)
            fputc(' ', stderr);
        if (!plain || strcmp(plain, argv[i]) || strchr(argv[i], '\''))
            echo_escaped(argv[i]);
        else
            fprintf(stderr, is_bare(plain) ? "%s" : "'%s'", plain);
        free(plain);
    }
    fputc('\n', stderr);
}

void base_options_parse(base_options *o, int argc, char **argv, int least, int most)
{
    const place line = { NULL, 0 };
    int end = argc;     /* where "--" ends the options */

    base_log_begin(argv[0]);
    base_temporary_on_signals(NULL);
    atexit(close_output);
    o->arguments = calloc((size_t)argc + 1, sizeof *o->arguments);
    if (!o->arguments)
        abort();
    for (int i = 1; i < end; i++)
        if (strcmp(argv[i], "--") == 0)
            end = i;
    for (int i = 1; i < end; i++)
        if (is_config(argv[i])) {
            assign(o, argv[i] + 2, &line);
            read_config(o, o->config);
        }
    for (int i = 1; i < argc; i++) {
        if (i < end && strcmp(argv[i], "-h") == 0)
            o->help = true;
        else if (i < end && is_option(argv[i]))
            assign(o, argv[i] + 2, &line);
        else if (i < end && argv[i][0] == '-' && argv[i][1])
            refuse(&line, "unknown option %s: options begin with --", argv[i]);
        else if (i != end)
            o->arguments[o->n_arguments++] = argv[i];
    }
    if (o->help) {
        print_usage(o);
        exit(0);
    }
    if (o->version) {
        printf("%s (Serin) %s\n", base_program, PACKAGE_VERSION);
        exit(0);
    }
    if (o->threads)
        base_set_threads(o->threads);
    if (o->print_args)
        echo(argc, argv);
    if (o->n_arguments < least || (most >= 0 && o->n_arguments > most)) {
        fflush(stdout);
        fprintf(stderr, "\n%s\n", o->usage);
        base_say_error("%s, expected %s%d (try --help)", base_count(o->n_arguments, "argument"),
                       most < 0 ? "at least " : least < most ? "up to " : "", most < 0 ? least : most);
        exit(1);
    }
}

base_given base_options_given(base_options *o, const char *name)
{
    const option *p = find(o, name, strlen(name));

    return p ? p->given : BASE_NOT_GIVEN;
}

int base_options_count(const base_options *o) { return o->n_arguments; }

const char *base_options_argument(const base_options *o, int i)
{
    assert(i >= 0 && i < o->n_arguments);
    return o->arguments[i];
}
