/* The keys of a configuration: one list, config.def, makes the struct, its defaults, the options of the programs, what
 * is saved beside a model, and what a resumed run is compared with. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "recipes/ser.h"

typedef enum kind { INT, FLOAT, BOOL, TEXT, CHOICE } kind;
typedef enum scope { RESULT, RUN } scope;

typedef struct key {
    kind        kind;
    const char *name;       /* the member's: '_' for '-' */
    size_t      offset, given;      /* of its value in ser_config, and of whether it was given */
    double      least, most;
    const char *words, *help;
    scope       scope;
} key;

static const key keys[] = {
#define SER_KEY_INT(k, value, least, most, scope, help) { INT, #k, offsetof(ser_config, k), offsetof(ser_config, given.k), least, most, NULL, help, scope },
#define SER_KEY_FLOAT(k, value, least, most, scope, help) { FLOAT, #k, offsetof(ser_config, k), offsetof(ser_config, given.k), least, most, NULL, help, scope },
#define SER_KEY_BOOL(k, value, scope, help) { BOOL, #k, offsetof(ser_config, k), offsetof(ser_config, given.k), 0, 1, NULL, help, scope },
#define SER_KEY_TEXT(k, value, scope, help) { TEXT, #k, offsetof(ser_config, k), offsetof(ser_config, given.k), 0, 0, NULL, help, scope },
#define SER_KEY_CHOICE(k, value, words, scope, help) { CHOICE, #k, offsetof(ser_config, k), offsetof(ser_config, given.k), 0, 0, words, help, scope },
#include "recipes/config.def"
};
enum { N_KEYS = sizeof keys / sizeof *keys, NAME = 40 };

ser_config ser_config_defaults(void)
{
    return (ser_config){
#define SER_KEY_INT(k, value, least, most, scope, help) .k = value,
#define SER_KEY_FLOAT(k, value, least, most, scope, help) .k = value,
#define SER_KEY_BOOL(k, value, scope, help) .k = value,
#define SER_KEY_TEXT(k, value, scope, help) .k = value,
#define SER_KEY_CHOICE(k, value, words, scope, help) .k = value,
#include "recipes/config.def"
    };
}

bool ser_is(const char *choice, const char *word) { return strcmp(choice, word) == 0; }

bool ser_selects(const ser_config *c) { return !ser_is(c->select, "last"); }

/* The name as an option has it. */
static const char *option_name(const key *k)
{
    static char names[N_KEYS][NAME];
    char *name = names[k - keys];

    for (size_t i = 0; i < NAME - 1 && k->name[i]; i++)
        name[i] = k->name[i] == '_' ? '-' : k->name[i];
    return name;
}

static bool is_among(const char *name, const char *const *names)
{
    while (names && *names && strcmp(name, *names) != 0)
        names++;
    return !names || *names;
}

void ser_config_options(ser_config *c, const char *const *names, base_options *o)
{
    for (const key *k = keys; k < keys + N_KEYS; k++) {
        void *value = (char *)c + k->offset;
        const char *name = option_name(k);

        if (!is_among(name, names))
            continue;
        switch (k->kind) {
        case INT: base_option_int(o, name, value, (int)k->least, (int)k->most, k->help); break;
        case FLOAT: base_option_float(o, name, value, k->least, k->most, k->help); break;
        case BOOL: base_option_bool(o, name, value, k->help); break;
        case TEXT: base_option_text(o, name, value, k->help); break;
        case CHOICE: base_option_choice(o, name, value, k->words, k->help); break;
        }
    }
}

/* Keys of before that meant something else: a factor on the rate, and the contrary. */
typedef struct old_keys { double encoder_rate; bool fusion_plain; } old_keys;

static void add_old(old_keys *old, const char *const *names, base_options *o)
{
    base_option_alias(o, "rate", "learning-rate");
    if (names)
        return;
    base_option_float(o, "encoder-rate", &old->encoder_rate, 0, 1000, NULL);
    base_option_bool(o, "fusion-plain", &old->fusion_plain, NULL);
}

static void take_old(ser_config *c, const old_keys *old, base_options *o)
{
    if (base_options_given(o, "encoder-rate")) {
        if (!c->given.encoder_learning_rate)
            c->encoder_learning_rate = old->encoder_rate * c->learning_rate;
        base_warn("encoder-rate=%g, a factor, is an old name: write encoder-learning-rate=%g", old->encoder_rate, c->encoder_learning_rate);
    }
    if (base_options_given(o, "fusion-plain")) {
        if (!c->given.fusion_residual)
            c->fusion_residual = !old->fusion_plain;
        c->given.fusion_residual = base_options_given(o, "fusion-plain");
        base_warn("fusion-plain is an old name: write fusion-residual=%s", c->fusion_residual ? "true" : "false");
    }
}

void ser_config_parse(ser_config *c, const char *const *names, base_options *o, int argc, char **argv, int least, int most)
{
    old_keys old = { 0 };

    ser_config_options(c, names, o);
    add_old(&old, names, o);
    ser_option_no_verify(o);
    base_options_parse(o, argc, argv, least, most);
    for (const key *k = keys; k < keys + N_KEYS; k++)
        *(base_given *)((char *)c + k->given) = base_options_given(o, option_name(k));
    take_old(c, &old, o);
}

double ser_encoder_rate(const ser_config *c) { return c->encoder_learning_rate < 0 ? c->learning_rate : c->encoder_learning_rate; }

/* The shortest decimal that reads back as x. */
static void print_number(double x, FILE *f)
{
    char text[40];

    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        if (strtod(text, NULL) == x)
            break;
    }
    fputs(text, f);
}

static void print(const ser_config *c, const char *const *names, bool result_only, FILE *f)
{
    for (const key *k = keys; k < keys + N_KEYS; k++) {
        const void *value = (const char *)c + k->offset;

        if ((result_only && k->scope != RESULT) || !is_among(option_name(k), names))
            continue;
        fprintf(f, "%s=", option_name(k));
        switch (k->kind) {
        case INT: fprintf(f, "%d", *(const int *)value); break;
        case FLOAT: print_number(*(const double *)value, f); break;
        case BOOL: fputs(*(const bool *)value ? "true" : "false", f); break;
        case TEXT:
        case CHOICE: fputs(*(const char *const *)value, f); break;
        }
        fputc('\n', f);
    }
}

void ser_config_print(const ser_config *c, bool result_only, FILE *f) { print(c, NULL, result_only, f); }

void ser_config_print_some(const ser_config *c, const char *const *names, FILE *f) { print(c, names, true, f); }

static base_status check_pretrain(const ser_config *c, base_error *e)
{
    bool frames = ser_is(c->pretrain, "frames");

    if (c->lambda_emotion > 0 || c->lambda_ctc > 0 || c->lambda_gender > 0 || c->lambda_style > 0 || c->lambda_cl > 0)
        return base_fail(e, BASE_VALUE, "pretrain=%s learns no task: set every lambda to 0", c->pretrain);
    if (c->stage == 2)
        return base_fail(e, BASE_VALUE, "pretrain=%s is no second stage", c->pretrain);
    if (!ser_is(c->input, frames ? "speech" : "text"))
        return base_fail(e, BASE_VALUE, "pretrain=%s needs input=%s, not %s", c->pretrain, frames ? "speech" : "text", c->input);
    if (frames && !*c->frame_labels)
        return base_fail(e, BASE_MISSING, "pretrain=frames needs frame-labels, which serin-kmeans --assign makes");
    if (frames && c->speed > 0)
        return base_fail(e, BASE_VALUE, "speed=%g: the labels are those of the sounds as they are; set speed=0", c->speed);
    if (frames && c->span_prob == 0)
        return base_fail(e, BASE_VALUE, "span-prob=0: nothing is masked, so there is nothing to learn");
    if (!frames && (c->word_mask == 0 || !ser_is(c->train_text, "ref")))
        return base_fail(e, BASE_VALUE, "pretrain=words needs train-text=ref and word-mask above 0");
    return !frames && *c->dev_speakers ? base_fail(e, BASE_VALUE, "dev-speakers=%s: a text has no speakers; give dev-dir, another text",
        c->dev_speakers) : BASE_OK;
}

static base_status check_corrector(const ser_config *c, base_error *e)
{
    bool none = ser_is(c->aec, "none"), frozen = ser_is(c->aec, "frozen");

    if (c->stage == 2)
        return !*c->init_aec && c->lambda_aec == 0 ? BASE_OK
            : base_fail(e, BASE_VALUE, "stage=2 has the corrector of init-model, as it is: leave out init-aec=%s and lambda-aec=%g", c->init_aec,
                c->lambda_aec);
    if (none && (ser_is(c->train_text, "aec") || ser_is(c->test_text, "aec")))
        return base_fail(e, BASE_VALUE, "%s-text=aec needs a corrector: set aec=frozen and init-aec, or aec=joint",
            ser_is(c->train_text, "aec") ? "train" : "test");
    if (none && *c->init_aec)
        return base_fail(e, BASE_VALUE, "init-aec=%s, but aec=none: set aec=frozen or aec=joint, or use init-bert", c->init_aec);
    if (c->lambda_aec > 0 && !ser_is(c->aec, "joint"))
        return base_fail(e, BASE_VALUE, "lambda-aec=%g needs aec=joint, not %s: another corrector does not learn", c->lambda_aec, c->aec);
    if (frozen && !*c->init_aec)
        return base_fail(e, BASE_VALUE, "aec=frozen needs init-aec, a folder that serin-train-aec made");
    if (!none && !ser_is(c->input, "both"))
        return base_fail(e, BASE_VALUE, "aec=%s corrects what CTC writes down for BERT: it needs input=both, not %s", c->aec, c->input);
    if (*c->init_aec && *c->init_bert)
        return base_fail(e, BASE_VALUE, "init-aec=%s brings its BERT: leave out init-bert=%s", c->init_aec, c->init_bert);
    return BASE_OK;
}

base_status ser_config_check(const ser_config *c, base_error *e)
{
    tx_normalise_options norm = TX_NORMALISE_NONE;
    bool own_sizes = !*c->init_model && !*c->model_config;

    if (!ser_is(c->pretrain, "none") && check_pretrain(c, e))
        return e->status;
    if (ser_is(c->pretrain, "none") && c->lambda_emotion == 0 && c->lambda_ctc == 0 && c->lambda_gender == 0 && c->lambda_style == 0)
        return base_fail(e, BASE_VALUE, "lambda-emotion, lambda-ctc, lambda-gender and lambda-style are all 0: nothing to learn");
    if (own_sizes && c->width % c->heads)
        return base_fail(e, BASE_VALUE, "width=%d is not a multiple of heads=%d", c->width, c->heads);
    if (own_sizes && c->width % c->pos_groups)
        return base_fail(e, BASE_VALUE, "width=%d is not a multiple of pos-groups=%d", c->width, c->pos_groups);
    if (c->stage == 2 && !*c->init_model)
        return base_fail(e, BASE_VALUE, "stage=2 needs init-model, the folder of the first stage");
    if (ser_is(c->save, "adapters") && (c->stage != 2 || !ser_is(c->tune, "adapters")))
        return base_fail(e, BASE_VALUE, "save=adapters needs stage=2 and tune=adapters: else there is more to save");
    if (c->stage1_warm && (c->stage != 1 || !ser_is(c->input, "both") || !ser_is(c->pretrain, "none")))
        return base_fail(e, BASE_VALUE, "stage1-warm=%d begins with speech alone before words join it: that is stage=1 and input=both",
            c->stage1_warm);
    if (c->stage1_warm && c->stage1_warm >= c->epochs)
        return base_fail(e, BASE_VALUE, "stage1-warm=%d of epochs=%d: none is left for speech and words together", c->stage1_warm,
            c->epochs);
    if (c->stage == 2 && *c->init_bert)
        return base_fail(e, BASE_VALUE, "stage=2 takes BERT from init-model, not from init-bert=%s", c->init_bert);
    if (ser_is(c->input, "text") && c->lambda_ctc > 0)
        return base_fail(e, BASE_VALUE, "input=text has no speech to write down: set lambda-ctc=0");
    if (ser_is(c->input, "text") && !ser_is(c->train_text, "ref") && !ser_is(c->train_text, "noisy"))
        return base_fail(e, BASE_VALUE, "input=text and train-text=%s: without speech there is nothing to write down", c->train_text);
    if (check_corrector(c, e))
        return e->status;
    if (ser_is(c->input, "both") && c->lambda_ctc == 0 && c->stage == 1 &&
        (ser_is(c->train_text, "asr") || ser_is(c->test_text, "asr") || c->lambda_cl > 0 || !ser_is(c->aec, "none")))
        return base_fail(e, BASE_VALUE, "BERT is to read what CTC writes down, but lambda-ctc=0: set it, or test-text=ref");
    if (c->lambda_cl > 0 && !ser_is(c->input, "both"))
        return base_fail(e, BASE_VALUE, "lambda-cl=%g needs input=both", c->lambda_cl);
    if (*c->dev_dir && *c->dev_speakers)
        return base_fail(e, BASE_VALUE, "dev-dir=%s and dev-speakers=%s: give one of them", c->dev_dir, c->dev_speakers);
    if (ser_is(c->select, "best") && !*c->dev_dir && !*c->dev_speakers)
        return base_fail(e, BASE_VALUE, "select=best needs dev-dir or dev-speakers");
    if (ser_is(c->select, "test") && !*c->dev_dir)
        return base_fail(e, BASE_VALUE, "select=test needs dev-dir, the test data");
    if (c->patience > 0 && !ser_selects(c))
        return base_fail(e, BASE_VALUE, "patience=%d needs select=best", c->patience);
    if (ser_is(c->select_by, "ua") && c->lambda_emotion == 0)
        return base_fail(e, BASE_VALUE, "select-by=ua with lambda-emotion=0");
    if (ser_is(c->select_by, "wer") && c->lambda_ctc == 0)
        return base_fail(e, BASE_VALUE, "select-by=wer with lambda-ctc=0");
    if (ser_is(c->pretrain, "none") && c->lambda_emotion == 0 && c->lambda_ctc == 0 && ser_selects(c))
        return base_fail(e, BASE_VALUE, "select=%s with neither emotion nor CTC to select by", c->select);
    if (c->gain_db > 0 && !ser_is(c->cmvn, "global"))
        return base_fail(e, BASE_VALUE, "gain-db=%g needs cmvn=global, not %s", c->gain_db, c->cmvn);
    if (tx_normalise_parse(&norm, c->text_norm, e))
        return base_fail_in(e, "text-norm=%s", c->text_norm);
    return BASE_OK;
}

/* The next line of *text, n bytes without its end, and *text moves behind it; NULL at the end. */
static const char *next_line(const char **text, size_t *n)
{
    const char *line = *text;

    if (!*line)
        return NULL;
    *n = strcspn(line, "\n");
    *text = line + *n + (line[*n] == '\n');
    return line;
}

/* The value of the key that the first n bytes of line hold, or NULL. */
static const char *lookup(const char *text, const char *line, size_t n, size_t *length)
{
    const char *l;
    size_t m;

    while ((l = next_line(&text, &m)))
        if (m > n && strncmp(l, line, n) == 0 && l[n] == '=') {
            *length = m - n - 1;
            return l + n + 1;
        }
    return NULL;
}

base_status ser_config_agree(const char *before, const char *now, base_error *e)
{
    char differ[800] = "";
    size_t used = 0, n, had = 0;
    const char *line;

    for (const char *text = now; (line = next_line(&text, &n));) {
        size_t name = strcspn(line, "=");
        const char *value = line + name + 1, *old = name < n ? lookup(before, line, name, &had) : "";
        size_t length = name < n ? n - name - 1 : 0;

        if (name >= n || (old && had == length && strncmp(old, value, had) == 0))
            continue;
        if (used < sizeof differ)
            used += (size_t)snprintf(differ + used, sizeof differ - used, "%s%.*s was %.*s, is %.*s", used ? "; " : "",
                (int)name, line, old ? (int)had : 6, old ? old : "absent", (int)length, value);
    }
    if (used)
        return base_fail(e, BASE_MISMATCH, "%s", differ);
    return BASE_OK;
}
