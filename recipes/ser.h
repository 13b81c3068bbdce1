/* ser.h: the system of the paper, built of libnn, libaudio and libtext: what a data directory, a model and a training
 * run are. The programs in recipes/bin are short mains around it.
 *
 * From sound to scores: ser_data (a Kaldi data directory) -> ser_front (features of one utterance) -> ser_features
 * (of all, in memory or on disk) -> ser_plan (which utterances make a batch) -> ser_batch -> ser_forward on a tape
 * -> ser_loss, or ser_apply, which hands each utterance's result to whoever wants it. */
#ifndef SERIN_SER_H
#define SERIN_SER_H

#include <stdio.h>

#include "base/error.h"
#include "base/options.h"
#include "libaudio/au.h"
#include "libnn/nn.h"
#include "libtext/tx.h"
#include "recipes/sound.h"

/* ---- configuration: config.c; the keys are in config.def and docs/config.md ------------------------------------- */

typedef struct ser_config {
#define SER_KEY_INT(key, value, least, most, scope, help) int key;
#define SER_KEY_FLOAT(key, value, least, most, scope, help) double key;
#define SER_KEY_BOOL(key, value, scope, help) bool key;
#define SER_KEY_TEXT(key, value, scope, help) const char *key;
#define SER_KEY_CHOICE(key, value, words, scope, help) const char *key;
#include "recipes/config.def"
    struct {                /* else a model that is begun with may say */
#define SER_KEY_INT(key, value, least, most, scope, help) base_given key;
#define SER_KEY_FLOAT(key, value, least, most, scope, help) base_given key;
#define SER_KEY_BOOL(key, value, scope, help) base_given key;
#define SER_KEY_TEXT(key, value, scope, help) base_given key;
#define SER_KEY_CHOICE(key, value, words, scope, help) base_given key;
#include "recipes/config.def"
    } given;
} ser_config;

ser_config ser_config_defaults(void);
/* Registers these keys (NULL at the end; names NULL: every key) as options of a program. */
void ser_config_options(ser_config *c, const char *const *names, base_options *o);
/* The same, and parses the program's line. Names and meanings that keys had before go on to work, with a warning that says the new. */
void ser_config_parse(ser_config *c, const char *const *names, base_options *o, int argc, char **argv, int least, int most);
double ser_encoder_rate(const ser_config *c);   /* encoder-learning-rate, or what stands for it */
/* What no range can say: BASE_VALUE when two keys contradict each other, both named. */
base_status ser_config_check(const ser_config *c, base_error *e);
/* Every key, "key=value" a line; or only those the weights depend on. A --config file reads it back exactly. */
void ser_config_print(const ser_config *c, bool result_only, FILE *f);
/* Those the weights depend on, of these names (NULL at the end). */
void ser_config_print_some(const ser_config *c, const char *const *names, FILE *f);
/* Two texts of "key=value" lines that must agree: BASE_MISMATCH names each key that does not, with both values. */
base_status ser_config_agree(const char *before, const char *now, base_error *e);

/* True when a choice holds this word. */
bool ser_is(const char *choice, const char *word);
bool ser_selects(const ser_config *c);      /* the best epoch makes the model, not the last */

/* ---- what the numbers mean: names.c ------------------------------------------------------------------------------ */

typedef enum ser_task { SER_EMOTION, SER_GENDER, SER_STYLE, SER_TASKS } ser_task;

extern const char *const ser_task_name[SER_TASKS];      /* "emotion", "gender", "style" */
extern const char *const ser_task_table[SER_TASKS];     /* "utt2emo", "utt2gender", "utt2style" */
double ser_lambda(const ser_config *c, ser_task task);

/* The label of an utterance nobody labelled: its loss is masked. */
#define SER_UNLABELLED "-"

typedef struct ser_labels {
    int    n;               /* 0: the model has no such task */
    char **name;            /* [n] sorted as bytes */
} ser_labels;

typedef struct ser_names {
    ser_labels task[SER_TASKS];
    tx_vocab  *vocab;       /* NULL: the model has no CTC */
    tx_wordpiece *pieces;   /* NULL: the model reads no words */
} ser_names;

int  ser_labels_find(const ser_labels *l, const char *name);     /* -1: absent */
/* Adds a copy of name at its place, unless it is there. */
base_status ser_labels_add(ser_labels *l, const char *name, base_error *e);
void ser_names_free(ser_names *n);
/* labels.json, {"emotion": ["ang", …], …}, and back; text is what the model file carries as well. */
char       *ser_names_text(const ser_names *n);
base_status ser_names_read(ser_names *n, const char *path, base_error *e);

/* ---- a data directory: data.c ------------------------------------------------------------------------------------ */

typedef struct ser_utterance {
    const char *key;
    const char *speaker;            /* "" without utt2spk */
    char       *text;               /* normalised; NULL without text */
    int64_t     source;             /* number in the reader */
    int         label[SER_TASKS];   /* NN_IGNORE: unlabelled, or the model has no such task */
    tx_labels   ctc;                /* characters, empty without text */
    tx_labels   pieces;             /* of the text, for BERT; empty without text */
    tx_labels   clusters;           /* of frames, for pre-training; empty without */
} ser_utterance;

/* wav.scp [segments] [text] [utt2spk] [utt2emo] [utt2gender] [utt2style]; every table that is there must have the keys
 * of wav.scp (or segments), no more and no fewer. */
typedef struct ser_data {
    char          *dir;
    int64_t        n;
    ser_utterance *utt;             /* [n] in the order of their keys */
    au_reader     *reader;          /* NULL: no sound is wanted */
    tx_table       text, utt2spk, task[SER_TASKS];      /* n 0 and path NULL: absent */
    bool           borrows;         /* made by ser_data_split: the tables and the reader are the other's */
} ser_data;

/* How the sound is read (rate and min_samples are the front end's business); NULL: it is not looked at, and the utterances
 * are those of text, or of the table that dir is. */
ser_data *ser_data_open(const char *dir, const au_read_options *read, const char *text_norm, base_error *e);
void      ser_data_free(ser_data *d);
/* What the tables of the wanted tasks mean: their labels; the vocabulary is read from a file, or built when path is "".
 * BASE_MISSING when a wanted table is not there. */
base_status ser_data_names(const ser_data *d, const ser_config *c, ser_names *out, base_error *e);
/* Labels and characters to numbers. BASE_MISMATCH names file, line and label when the names lack one. Tables that are
 * absent leave their tasks unlabelled. */
base_status ser_data_bind(ser_data *d, const ser_names *names, base_error *e);
/* Moves the speakers' utterances into a new directory; free that one first. BASE_MISSING: nobody is left on one side. */
ser_data *ser_data_split(ser_data *d, const char *speakers, base_error *e);
/* Of keys, texts and labels. */
uint64_t  ser_data_hash(const ser_data *d);

/* ---- what the encoder hears ---------------------------------------------------------------------------------------- */

#define SER_RATE 16000

typedef enum ser_cmvn { SER_CMVN_NONE, SER_CMVN_UTTERANCE, SER_CMVN_GLOBAL } ser_cmvn;

/* What the encoder hears; saved as preprocessor_config.json. */
typedef struct ser_front_config {
    bool     conv;          /* waveform, SER_CMVN_NONE or normalised; else log-mel */
    int      bins, stack;   /* log-mel */
    ser_cmvn cmvn;
} ser_front_config;

/* ---- the model: model.c, folder.c -------------------------------------------------------------------------------- */

typedef enum ser_input { SER_SPEECH, SER_TEXT, SER_BOTH } ser_input;      /* what the heads read */
typedef enum ser_words { SER_REF, SER_NOISY, SER_ASR, SER_CORRECTED } ser_words;      /* what BERT reads */
bool        ser_words_of(const char *name, ser_words *w);   /* "ref", "noisy", "asr", "aec" */
const char *ser_words_name(ser_words w);
typedef enum ser_aec { SER_AEC_NONE, SER_AEC_FROZEN, SER_AEC_JOINT } ser_aec;        /* the corrector's BERT: its own, the emotion's */

/* Pre-training by masked prediction: masked.c, docs/pretrain.md. */
typedef enum ser_pretrain { SER_PRETRAIN_NONE, SER_PRETRAIN_FRAMES, SER_PRETRAIN_WORDS } ser_pretrain;

typedef struct ser_masking {
    ser_pretrain    what;
    nn_mask_options span;           /* frames */
    int             clusters, dim;  /* rows and columns of the code book */
    double          temperature, unmasked, penalty;
    double          words;          /* share of pieces that are predicted */
    uint64_t        seed;
} ser_masking;

#define SER_NORM_TEXT 200

typedef struct ser_model_config {
    nn_hubert_config encoder;
    ser_front_config front;
    int              head_hidden;   /* columns of the heads' hidden layer; 0: none */
    ser_input        input;
    ser_words        words;         /* when recognising */
    nn_bert_config   bert;          /* of SER_TEXT and SER_BOTH */
    nn_fusion_config fusion;        /* of SER_BOTH */
    ser_masking      masking;       /* in no folder: what is pre-trained is an encoder like any other */
    ser_aec          aec;
    int              aec_layers;    /* of the corrector's decoder */
    bool             aec_learns;    /* it is trained; not saved */
    bool             calm;          /* the encoders are frozen and have no dropout; not saved */
    char             text_norm[SER_NORM_TEXT];  /* what is done to texts before the model reads them; "none" */
} ser_model_config;

typedef struct ser_linear { nn_tensor *w, *b; } ser_linear;
typedef struct ser_head { ser_linear hidden, out; } ser_head;   /* hidden.w NULL: none */

typedef struct ser_corrector ser_corrector;

#define SER_HASH_TEXT 17            /* 16 hexadecimal digits and a NUL */

/* How the corrector searches. */
typedef struct ser_correct_options { int beam; double length_penalty; } ser_correct_options;      /* beam 1: greedy */
#define SER_CORRECT_DEFAULTS { 5, 1.0 }

typedef struct ser_model {
    ser_model_config config;
    ser_names        names;
    nn_params       *params;
    nn_hubert       *encoder;       /* "hubert.": names are Hugging Face's; NULL: only words are read */
    nn_bert         *bert;          /* "bert."; NULL: none */
    nn_fusion       *fusion;        /* "fusion."; NULL: none */
    ser_corrector   *corrector;     /* "aec."; NULL: none */
    int              beam;          /* of the CTC decoder whose words BERT reads; 0 and 1: greedy */
    ser_linear       lm_head;       /* CTC; w NULL: the model has none */
    ser_head         head[SER_TASKS];
    ser_linear       project;       /* "final_proj" and [clusters][dim] "label_embs_concat", the code book, as fairseq names */
    nn_tensor       *codes;         /* them; w and codes NULL: not of pre-training */
    char            *base, base_hash[SER_HASH_TEXT];    /* the model that adapters are saved without; NULL: all is saved */
    bool             published;     /* read from a folder that is none of serin-train's */
    nn_tensor       *mean, *scale;  /* [1][cols] of the input, subtracted and multiplied; NULL: not normalised */
} ser_model;

/* language.c: the half about words. pieces go into names; read leaves a speech model alone. */
void        ser_configure_adapters(const ser_config *c, nn_encoder_config *n);
base_status ser_configure_language(ser_config *c, ser_model_config *out, base_error *e);
bool        ser_reads_words(const ser_config *c);
base_status ser_open_pieces(const ser_config *c, ser_names *names, base_error *e);
base_status ser_language_save(const ser_model *m, const char *dir, base_error *e);
/* A folder of BERT alone, as Hugging Face lays it out; with a corrector's decoder (aec_layers > 0), init-aec's. */
base_status ser_bert_save(const nn_params *p, const ser_model_config *c, const tx_wordpiece *w, const char *dir, base_error *e);
base_status ser_language_read(const char *dir, ser_model_config *out, base_error *e);
base_status ser_language_pieces(const char *dir, ser_names *names, base_error *e);
/* The corrector of init-aec: BERT, whose copy a frozen corrector keeps, and the decoder. */
base_status ser_begin_with_corrector(ser_model *m, const ser_config *c, base_error *e);

/* What the keys ask for. Where a model is begun with (init-model, model-config, init-bert, init-aec), c is made to say what is done:
 * BASE_MISMATCH names the keys that were given and contradict its weights, other keys take its values. What c points to may be in out. */
base_status ser_model_configure(ser_config *c, ser_model_config *out, base_error *e);
/* Its parts: settle.c. */
base_status ser_settle_speech(ser_config *c, ser_model_config *m, base_error *e);
base_status ser_settle_bert(ser_config *c, ser_model_config *m, base_error *e);
base_status ser_settle_stage(ser_config *c, ser_model_config *m, base_error *e);       /* stage 2: all but speech and adapters */
base_status ser_settle_adapters(ser_config *c, const nn_encoder_config *n, base_error *e);
/* The same from the config.json and preprocessor_config.json of a folder, ours or Hugging Face's; or of that in which the
 * file dir lies. */
base_status ser_folder_read_config(const char *dir, ser_model_config *out, base_error *e);
/* How the model of this config.json wants its texts (serin_text_norm); "none" where it does not say. */
base_status ser_read_text_norm(const char *config, char out[SER_NORM_TEXT], base_error *e);
/* The characters of such a folder's CTC: vocab.json, tokens added later, and as many as config.json says; *v NULL: it has none. */
base_status ser_folder_vocabulary(const char *dir, tx_vocab **v, base_error *e);
base_status ser_folder_write_preprocessor(const ser_model_config *c, const char *path, base_error *e);
/* The path of a file in a model's folder, or beside its file of weights, for the caller to free; NULL: no memory. */
char       *ser_folder_path(const char *model, const char *name);
/* The WordPieces of such a folder: vocab.txt, or tokenizer.json where that is alone. */
char       *ser_pieces_path(const char *model);
/* That of its config.json; of a checkpoint of fairseq's without one, its own. */
char       *ser_config_path(const char *model);
/* Whether the folder's model, by the model_type of its config.json, reads text and not sound: BERT; without one it is
 * HuBERT. BASE_UNSUPPORTED: neither. */
base_status ser_folder_reads_text(const char *dir, bool *text, base_error *e);
/* Takes the names over (also on failure). What is not to be trained gets no gradient; adapters,
 * fusion and heads go together. Weights are not yet drawn. */
typedef enum ser_train_part { SER_TRAIN_ALL, SER_TRAIN_BUT_CONV, SER_TRAIN_BUT_ENCODERS, SER_TRAIN_ADAPTERS, SER_TRAIN_NOTHING } ser_train_part;
ser_model *ser_model_new(const ser_model_config *c, ser_names *names, ser_train_part part, base_error *e);
void       ser_model_free(ser_model *m);

/* A folder: config.json (Hugging Face's keys and "serin"), preprocessor_config.json, labels.json, vocab.json,
 * model.safetensors. Load refuses (BASE_MISMATCH) weights that were saved with other labels or another configuration,
 * and a folder of another version. It takes a HuBERT for CTC of others, too: config.json, vocab.json and weights. */
base_status ser_model_save(const ser_model *m, const char *dir, base_error *e);
/* The same; what more() adds to the folder before the weights is written gets a checksum like the rest. */
base_status ser_model_save_with(const ser_model *m, const char *dir, base_status (*more)(void *data, base_error *e), void *data,
    base_error *e);
/* Entries of the weights' metadata for the files of a model that are in dir, so that nn_params_save adds their checksums. */
enum { SER_FOLDER_FILES = 11 };
int ser_folder_files(const char *dir, nn_meta meta[SER_FOLDER_FILES]);
ser_model  *ser_model_describe(const char *dir, base_error *e);     /* without its weights, which are not looked at */
ser_model  *ser_model_load(const char *dir, base_error *e);
/* --no-verify of the programs that read models (nn_no_verify). */
void        ser_option_no_verify(base_options *o);
/* The encoder's weights from a checkpoint of any kind, ours or published (nn_archive_open), in a folder or one file; the log
 * tells what was found. BASE_MISSING: the message names all that is not there, which then keeps what m has, if allowed. */
/* adapters.c: nn_params_load for a file or folder that may hold adapters alone; their base is found by the link "base" beside them.
 * BASE_MISSING: it leads nowhere; BASE_MISMATCH: to another model than that they were trained upon. */
base_status ser_weights_load(nn_params *p, const char *path, nn_load *l, base_error *e);
/* The same of a model that is begun with: adapters, LoRA and the vector that masks put are drawn where it has none, other weights only with
 * l's allow_missing. */
base_status ser_weights_begin(nn_params *p, const char *path, nn_load *l, base_error *e);
/* BASE_UNSUPPORTED, with the load's text: the file has tensors inside the encoder that nothing reads. */
base_status ser_load_refuse(const nn_load *l, const char *path, base_error *e);
/* From now on the model is saved as what is trained in it, and a link to path, a whole model. */
base_status ser_model_stand_on(ser_model *m, const char *path, base_error *e);
base_status ser_adapters_save(const ser_model *m, const char *path, const nn_meta *meta, int n_meta, base_error *e);
/* With --stage=2 all weights, but for adapters and heads that are new. */
base_status ser_model_begin_with(ser_model *m, const char *dir, bool all, bool allow_missing, base_error *e);
/* How the words that BERT reads are searched for: the CTC decoder's beam, and the corrector's. */
void        ser_model_search(ser_model *m, int beam, const ser_correct_options *correct);
/* Floating-point operations of one forward pass of HuBERT over rows of input, cols wide: 2 for each weight and row it meets. */
double      ser_model_flop(const ser_model *m, int64_t rows, int cols);

/* ---- features of one utterance: front.c -------------------------------------------------------------------------- */

typedef struct ser_front ser_front;
/* convolve: NULL, or a model of the convolutional kind that is applied too, so that their output is what gets computed. */
ser_front *ser_front_new(const ser_front_config *c, const ser_model *convolve, base_error *e);
void       ser_front_free(ser_front *f);
int        ser_front_cols(const ser_front *f);
/* Log-mel [ceil(frames / stack)][bins * stack], the last frame repeated; or the waveform [samples][1]; or convolution
 * features. Global normalisation is left to the batch. x may be changed. Several threads may compute at once, unless
 * there are convolutions. */
base_status ser_front_compute(const ser_front *f, float *x, int64_t n, nn_matrix *out, base_error *e);
bool        ser_front_parallel(const ser_front *f);
uint64_t    ser_front_hash(const ser_front *f);     /* of what is computed: the configuration and the convolutions' weights */

/* ---- features of a directory: features.c ------------------------------------------------------------------------- */

/* Variant 0 is the utterance as it is; with speed perturbation 1 and 2 are slower and faster. */
typedef struct ser_features {
    int      cols, variants;
    int64_t  n;             /* utterances */
    int64_t *rows;          /* [n * variants] */
    double  *seconds;       /* [n * variants] */
    float  **x;             /* [n * variants] in memory; NULL: in the cache */
    char   **file;          /* [n * variants] of the cache, whether it took them or not; NULL: there is none */
    uint64_t *sound;        /* [n] hashes of their samples */
    int64_t  left_out;      /* slower and faster ones that are no frame long: their rows are 0, and the utterance as it is takes their place */
    int64_t  uncached;      /* that the cache did not take, and why the first of them; they are in memory */
    base_error why_uncached;
} ser_features;

/* Utterances first .. first + n - 1 of d. cache_dir "": in memory; else a file for each sound and front, shared by runs.
 * what: shown as progress, NULL: silent. BASE_BUSY soon after *stop is not 0 any more (NULL: never). Of a directory without sound: one row of 0 each, and seconds that go by the length of
 * the text. The message names the utterance. */
ser_features *ser_features_new(const ser_front *f, const ser_data *d, int64_t first, int64_t n, double speed,
    const char *cache_dir, const volatile int *stop, const char *what, base_error *e);
/* Of the sounds, whether their features were computed or found in the cache. */
uint64_t      ser_features_hash(const ser_features *f);
void          ser_features_free(ser_features *f);
/* Copies [rows][cols] of utterance i (counted from first). */
base_status   ser_features_copy(const ser_features *f, int64_t i, int variant, float *out, base_error *e);
/* Mean and 1 / standard deviation of each column over variant 0; a constant column gets 1. */
base_status   ser_features_moments(const ser_features *f, float *mean, float *scale, base_error *e);

/* ---- the corrector: corrector.c ------------------------------------------------------------------------------------ */

/* Texts the model wrote, and their pieces; begin as in a batch. */
typedef struct ser_reading {
    char    **text;                 /* [n] */
    int       n;
    int      *piece;
    int64_t  *begin, room;          /* [n + 1]; room of piece */
} ser_reading;

bool        ser_reading_reserve(ser_reading *r, int n);     /* for n texts; false: no memory */
void        ser_reading_clear(ser_reading *r);
/* Takes the text over; a text of more than limit pieces loses its end, but not [SEP]. */
base_status ser_reading_add(ser_reading *r, const tx_wordpiece *w, int limit, char *text, base_error *e);
void        ser_reading_free(ser_reading *r);

/* BERT reads what was heard, a Transformer decoder over its states writes what was meant (section 3.3 of the paper). */
struct ser_corrector {
    nn_bert    *encoder;            /* without adapters */
    nn_decoder *decoder;
    nn_tape    *tape;               /* of searching; made when first needed */
    ser_correct_options options;    /* greedy, until somebody says otherwise */
};

/* Declares "aec.decoder." and, unless BERT is shared, "aec.encoder."; NULL: no memory. */
ser_corrector *ser_corrector_new(nn_params *p, const nn_bert_config *c, int layers, const nn_bert *shared);
void           ser_corrector_free(ser_corrector *c);
/* out [n], the caller's to free, from the texts heard [n] and their pieces. An empty one stays empty; letters are capitals where
 * those heard are. */
base_status    ser_correct(ser_corrector *c, const tx_wordpiece *w, const ser_reading *heard, char **out, base_error *e);
/* What each of n texts is to become, word by word: input, and labels of the same places. */
typedef struct ser_lesson { int *input, *label; int64_t *begin, room; int most; } ser_lesson;
base_status    ser_lesson_fill(ser_lesson *l, const tx_labels *const *text, int n, int limit, base_error *e);
void           ser_lesson_free(ser_lesson *l);
/* Logits [words][pieces] of a lesson over the pieces of n texts. */
nn_tensor     *ser_corrector_learn(nn_tape *t, const ser_corrector *c, const int *piece, const int64_t *begin, int n,
    const ser_lesson *l);

/* ---- batches: batch.c -------------------------------------------------------------------------------------------- */

typedef struct ser_item { int64_t utt; int variant; } ser_item;

/* The utterances of one epoch in the order they are heard; batch i has items batch[i] .. batch[i + 1] - 1. */
typedef struct ser_plan {
    ser_item *item;         /* [n] */
    int64_t   n;
    int64_t  *batch;        /* [batches + 1] */
    int64_t   batches;
} ser_plan;

/* The plan of an epoch, a pure function of seed and epoch; epoch -1: utterances as they are, in order. Each batch has so many
 * `utterances`, but for the last, which has what is left; or, when that is 0, at most `seconds` of speech, or one utterance. */
base_status ser_plan_make(ser_plan *p, const ser_features *f, double seconds, int utterances, int window, uint64_t seed, int64_t epoch,
    base_error *e);
void        ser_plan_free(ser_plan *p);

/* What is done to log-mel rows on their way into a batch. */
typedef struct ser_augment {
    double gain_db;
    int    bin_masks, bin_width, time_masks, time_width;
    uint64_t seed, step;
    double text_noise;
} ser_augment;

/* What is hidden in a batch: n frames, or pieces of text. */
typedef struct ser_masked {
    unsigned char *mask;            /* [n] 1: predicted, and hidden (of pieces: most are) */
    int           *truth;           /* [n] cluster, or piece */
    int64_t        n, room;
    int64_t       *at;              /* [masked + others] the places that are predicted, those that are not masked behind */
    int           *target;          /* [masked + others] what stands there */
    int64_t        masked, others;
} ser_masked;

typedef struct ser_batch {
    int       n, cols;
    float    *x;                    /* [begin[n]][cols] */
    int64_t  *begin;                /* [n + 1] */
    int      *label[SER_TASKS];     /* [n] */
    int      *ctc;                  /* characters of all */
    int64_t  *ctc_begin;            /* [n + 1] */
    const ser_utterance **utt;      /* [n] */
    double    seconds;
    ser_words words;                /* what BERT is to read; set before the batch is filled */
    bool      contrast;             /* BERT reads both the text and what is heard */
    int      *piece;                /* of the texts */
    int64_t  *piece_begin;          /* [n + 1] */
    int64_t   most_pieces;
    ser_reading heard, corrected;   /* what CTC writes down, and what the corrector makes of it */
    bool      teach;                /* the corrector learns to make the text of what is heard: */
    ser_lesson lesson;
    int      *same;                 /* [n] the first utterance with the same text */
    ser_masked hidden;              /* in pre-training */
    int64_t   most_rows, most_ctc;  /* room in x and ctc */
    int       most;                 /* room for utterances */
} ser_batch;

/* Room for every batch of the plan, so that filling never allocates. */
base_status ser_batch_reserve(ser_batch *b, const ser_data *d, int64_t first, const ser_features *f, const ser_plan *p,
    base_error *e);
void        ser_batch_free(ser_batch *b);

/* x [rows][cols] = (x + shift - mean) scale, where the model has them. */
void        ser_normalise(const ser_model *m, float *x, int64_t rows, float shift);
/* x of the batch: features of the items, normalised as the model asks, augmented (NULL: not). Items count from utterance
 * `first` of d, as f does. */
base_status ser_batch_fill(ser_batch *b, const ser_model *m, const ser_data *d, int64_t first, const ser_features *f,
    const ser_item *item, int64_t n, const ser_augment *a, base_error *e);

typedef struct ser_outputs {
    nn_tensor *states;              /* [frames][width] */
    nn_tensor *ctc;                 /* [frames][vocabulary] logits; NULL: no such part */
    nn_tensor *text[2];             /* [n][BERT's width] mean of the states of the text, of what is heard or corrected; NULL: not read */
    nn_tensor *aec;                 /* [words][pieces] logits of the corrector, taught; NULL: it is not */
    nn_tensor *gates[2];            /* [frames], [pieces][width] of the temporal fusions; NULL: none */
    nn_tensor *fused;               /* [n][width] what the heads read */
    nn_tensor *task[SER_TASKS];     /* [n][labels] logits; NULL: no such part */
    nn_tensor *masked, *others;     /* [masked], [others][clusters or pieces] logits; NULL: not in pre-training */
    nn_tensor *features;            /* of convolutions that are trained; NULL: none */
    base_error error;               /* of decoding what is heard; the tape has its own */
} ser_outputs;
bool ser_gates_frames(const ser_model *m);     /* the fusion is a temporal one */
void ser_forward(nn_tape *t, const ser_model *m, ser_batch *b, ser_outputs *o);

/* ---- masked prediction: masked.c --------------------------------------------------------------------------------- */

base_status ser_masked_configure(const ser_config *c, ser_model_config *out, base_error *e);
void        ser_masked_declare(ser_model *m);
/* Clusters of frames from a table, for every utterance of d; *most is at least the largest. BASE_MISSING: no line for an
 * utterance; BASE_FORMAT: what is no number of a cluster. */
base_status ser_masked_read(ser_data *d, const char *path, int *most, base_error *e);
/* Of `each` clusters a frame the middle one. BASE_MISMATCH: the clusters of an utterance stand for more or fewer frames than
 * the encoder makes. */
base_status ser_masked_fit(ser_data *d, const ser_features *f, const ser_model *m, int each, base_error *e);
/* Hides what the model's masking says in utterance i of the batch, a function of seed, step and key; when all are there,
 * list gathers the places. a NULL: step 0. */
void        ser_masked_fill(ser_batch *b, const ser_model *m, int i, const ser_augment *a);
void        ser_masked_list(ser_batch *b, const ser_model *m);
/* How many places fill would have predicted in u, those not masked too when they count; uses the batch's room. */
int64_t     ser_masked_count(ser_batch *b, const ser_model *m, const ser_utterance *u, uint64_t step);
void        ser_masked_forward(nn_tape *t, const ser_model *m, ser_batch *b, ser_outputs *o);
/* Of the masked places: how many are told rightly by the largest logit. Before backward. */
int64_t     ser_masked_right(const ser_batch *b, const ser_outputs *o);

/* ---- what BERT reads: words.c ------------------------------------------------------------------------------------ */

base_status ser_words_encode(const tx_wordpiece *w, const char *text, tx_labels *out, base_error *e);
/* Pieces of utterance i of the batch, behind those of i - 1. */
void        ser_words_fill(ser_batch *b, const ser_model *m, int i, const ser_augment *a);
/* heard: what the CTC decoder finds in log_probs [frames][vocabulary]; corrected: what the corrector makes of heard. */
base_status ser_words_hear(ser_batch *b, const ser_model *m, const nn_tensor *log_probs, base_error *e);
base_status ser_words_correct(ser_batch *b, const ser_model *m, base_error *e);
void        ser_words_same(ser_batch *b);
base_status ser_words_teach(ser_batch *b, const ser_model *m, base_error *e);     /* the lesson: the texts */

/* Vectors of all texts of an update, as outputs.text has them of a batch: negatives for the contrast of each of its batches. */
typedef struct ser_vectors {
    float   *x[2];                  /* [n][width] of the texts, of what is heard or corrected */
    int     *same, *order;          /* [n] the first with the same text; room for another order */
    int64_t  n, room;               /* n 0: there are none */
    int      width;
    int64_t  first;                 /* of the batch at hand */
} ser_vectors;

/* How the losses are summed. An update may be made of several batches, so each loss is a sum over this batch's
 * utterances divided by the weight of all utterances of the update. */
typedef struct ser_weighting {
    double lambda[SER_TASKS], ctc, contrast, aec;   /* 0: that loss is not computed */
    double temperature;                 /* of the contrastive loss */
    ser_vectors vectors;                /* that it is computed over; n 0: the batch's own. Then every batch has the same loss */
    double total[SER_TASKS], ctc_total, aec_total;  /* of the update: weight of labelled utterances; utterances; pieces */
    double unmasked, penalty;           /* of pre-training's losses beside that of the masked places */
    double predicted, frames;           /* of the update: places predicted, masked or not; frames of the convolutions, 0: the batch's */
    const float *class_weight;          /* [emotions] or NULL */
    double label_smoothing;
    nn_ctc_reduction reduction;
} ser_weighting;

typedef struct ser_losses {
    nn_tensor *total, *task[SER_TASKS], *ctc, *contrast, *aec;     /* [1][1], before lambda; NULL: not computed */
    nn_tensor *masked;                  /* of pre-training */
} ser_losses;
void ser_loss(nn_tape *t, const ser_model *m, const ser_batch *b, const ser_outputs *o, const ser_weighting *w, ser_losses *l);

/* ---- applying a model: apply.c ----------------------------------------------------------------------------------- */

/* One utterance's results; pointers live until the sink returns. */
typedef struct ser_result {
    const float *posterior[SER_TASKS];  /* [labels] probabilities; NULL: no such part */
    int          best[SER_TASKS];       /* the most probable label, the first of equals */
    const float *log_probs;             /* [frames][vocabulary]; NULL: no CTC */
    int64_t      frames;
    const char  *corrected;             /* NULL: nothing was corrected */
    nn_matrix    gate[2];               /* of speech, of words: [frames], [pieces][width]; x NULL: the fusion has none */
} ser_result;
typedef base_status ser_sink(void *data, const ser_utterance *u, const ser_result *r, base_error *e);

/* Runs the model over the utterances first .. first + f->n - 1 of d, in order, in batches of `seconds`. */
base_status ser_apply(const ser_model *m, nn_tape *t, const ser_data *d, int64_t first, const ser_features *f,
    double seconds, ser_sink *sink, void *data, base_error *e);
/* ---- texts from CTC: search.c ------------------------------------------------------------------------------------- */

/* A text, and of all labels that read so the best, whose score is the log probability of the text. */
typedef struct ser_hypothesis {
    char         *text;
    nn_hypothesis path;
} ser_hypothesis;
/* What a CTC decoder finds in log_probs [frames][tx_vocab_size], best first; beam 1 is greedy and finds one. best has room for
 * nbest, at most beam; the caller frees the *n that there are. */
base_status ser_search(const tx_vocab *v, const float *log_probs, int64_t frames, int beam, int nbest, ser_hypothesis *best, int *n,
    base_error *e);
void        ser_hypothesis_free(ser_hypothesis *h);
/* The best one's words. The caller frees *text. */
base_status ser_transcribe(const tx_vocab *v, const ser_result *r, int beam, char **text, base_error *e);

typedef struct ser_scores {
    double ua, wer;                 /* percent; NAN: not measured */
    double loss, accuracy;          /* of masked places: mean, percent */
} ser_scores;
#define SER_SCORES_NONE { NAN, NAN, NAN, NAN }
/* Masked places are the same ones each time. */
base_status ser_evaluate(const ser_model *m, nn_tape *t, const ser_data *d, const ser_features *f, double seconds,
    ser_scores *s, base_error *e);

/* ---- single sounds: recognise.c ---------------------------------------------------------------------------------- */

typedef struct ser_recognise_options {
    int         beam, nbest;        /* of the CTC decoder; nbest is at most beam */
    double      batch_seconds;      /* of speech in one batch, about */
    const char *what;               /* the key of a sound's name in JSON */
    ser_correct_options correct;
} ser_recognise_options;
#define SER_RECOGNISE_DEFAULTS { 1, 1, 60.0, "file", SER_CORRECT_DEFAULTS }

/* A model that writes a line of JSON for each sound to out (docs/recognise.md has the keys). */
typedef struct ser_recogniser ser_recogniser;
ser_recogniser *ser_recogniser_open(const char *model, const ser_recognise_options *o, FILE *out, base_error *e);
void            ser_recogniser_close(ser_recogniser *r);
/* a at SER_RATE, and may be changed. Flush when it is full, and at the end. */
base_status     ser_recogniser_add(ser_recogniser *r, const char *name, const au_audio *a, base_error *e);
bool            ser_recogniser_full(const ser_recogniser *r);
/* Writes the lines of what was added, in that order. A sound that cannot be recognised is complained about, and the
 * others are not hurt; an error in *e means that writing failed. */
typedef void ser_complaint(void *data, const char *name, const base_error *why);
base_status     ser_recogniser_flush(ser_recogniser *r, ser_complaint *complain, void *data, base_error *e);

/* ---- hidden states: states.c, text_states.c ---------------------------------------------------------------------- */

/* The encoder of a folder, published or ours, or of one file of weights with config.json beside it. layer: as
 * nn_hubert_encode's, at most the number of layers. allow_missing: weights that are not there are 0; the log tells. */
typedef struct ser_states ser_states;
ser_states *ser_states_open(const char *dir, int layer, bool allow_missing, base_error *e);
void        ser_states_free(ser_states *s);
/* Of n samples at SER_RATE, which may be changed; out lives until the next call. BASE_LIMIT: too short for a frame. */
base_status ser_states_compute(ser_states *s, float *x, int64_t n, nn_matrix *out, base_error *e);

/* BERT of a folder with vocab.txt or tokenizer.json; layer and allow_missing as above. */
typedef struct ser_text_states ser_text_states;
ser_text_states *ser_text_states_open(const char *model, int layer, bool allow_missing, base_error *e);
void             ser_text_states_free(ser_text_states *s);
/* A row for [CLS], for each piece, for [SEP]; out lives until the next call. BASE_LIMIT: more than the model reads. */
base_status      ser_text_states_compute(ser_text_states *s, const char *text, nn_matrix *out, base_error *e);

/* ---- training and decoding --------------------------------------------------------------------------------------- */

/* Trains, resuming by default, and leaves in exp_dir: the model's folder, config (every key), train.tsv, checkpoints/.
 * *stop becomes non-zero when a signal arrives: the step is finished, a checkpoint written, and BASE_BUSY returned. */
base_status ser_train(const ser_config *c, const char *data_dir, const char *exp_dir, const volatile int *stop, base_error *e);

/* The same as a program does it: SIGINT and SIGTERM end it behind the current update. Returns the exit status. */
int ser_train_command(const ser_config *c, const char *data_dir, const char *exp_dir);

typedef struct ser_decode_options {
    int         beam;
    double      batch_seconds;
    au_read_options read;
    const char *log_probs;          /* wspecifier; "": not written */
    ser_correct_options correct;
    bool        whole_gates;        /* all columns of a temporal fusion's gates; else their mean */
} ser_decode_options;
#define SER_DECODE_DEFAULTS { 1, 60.0, AU_READ_DEFAULTS, "", SER_CORRECT_DEFAULTS, false }
/* Writes text, text_aec, utt2emo, … and posteriors of the parts the model has; nothing at all on failure. */
base_status ser_decode(const char *exp_dir, const char *data_dir, const char *out_dir, const ser_decode_options *o,
    int64_t *done, base_error *e);

#endif
