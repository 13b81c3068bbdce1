/* Command-line options as Kaldi's programs have them: --name=value ('-' and '_' equal), --config=FILE (lines of
 * name=value or --name=value, # comments), --help or -h, --version, --threads=N, --print-args, --verbose=N; a bool may stand
 * alone. The command line is echoed to standard error. For programs only, and the one file here that may exit. */
#ifndef SERIN_BASE_OPTIONS_H
#define SERIN_BASE_OPTIONS_H

#include <stdbool.h>

typedef struct base_options base_options;

/* usage: what the program does, a "Usage: " line and an "e.g.: " line. */
base_options *base_options_new(const char *usage);
void          base_options_free(base_options *o);

/* Registers a value, its range and its help; what *value holds now is the default. Names are written with '-'. */
void base_option_int(base_options *o, const char *name, int *value, int least, int most, const char *help);
void base_option_float(base_options *o, const char *name, double *value, double least, double most, const char *help);
void base_option_bool(base_options *o, const char *name, bool *value, const char *help);
void base_option_text(base_options *o, const char *name, const char **value, const char *help);
/* One of the words in "a|b|c". */
void base_option_choice(base_options *o, const char *name, const char **value, const char *words, const char *help);
/* --allow-failures, of programs that leave out what fails: base_report's status is then 0 all the same. */
void base_option_failures(base_options *o);
/* An old name of an option, which goes on to work with a warning that says the new one. Options whose help is NULL, and these,
 * are not shown by --help. */
void base_option_alias(base_options *o, const char *old, const char *name);

/* Reads --config first, then the rest of the line, which wins. Exits 0 after --help and --version, 1 with a message that names the
 * option (and the file and line of a config), what was found and what was expected, or with the usage when the number
 * of arguments is not in least .. most (most -1: no bound). From then on the program cannot end in 0 when what it wrote to
 * standard output got lost. */
void base_options_parse(base_options *o, int argc, char **argv, int least, int most);

/* After parsing: whether a config or, which wins, the line gave this option. */
typedef enum base_given { BASE_NOT_GIVEN, BASE_GIVEN_IN_CONFIG, BASE_GIVEN_ON_LINE } base_given;
base_given base_options_given(base_options *o, const char *name);

/* Positional arguments after parsing. */
int         base_options_count(const base_options *o);
const char *base_options_argument(const base_options *o, int i);    /* 0 is the first */

#endif
