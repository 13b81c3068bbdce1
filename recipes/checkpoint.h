/* Checkpoints of anyone's as a whole: what they hold, and how they are handed on. */
#ifndef SERIN_SER_CHECKPOINT_H
#define SERIN_SER_CHECKPOINT_H

#include <jansson.h>

#include "recipes/ser.h"

typedef enum ser_kind { SER_KIND_UNKNOWN, SER_KIND_HUBERT, SER_KIND_BERT } ser_kind;

/* Weights (nn_archive_open), and the config.json beside them. */
typedef struct ser_checkpoint {
    char       *path;
    nn_archive *archive;
    json_t     *config;         /* NULL: there is none */
    ser_kind    kind;           /* by "model_type"; wav2vec 2.0 counts as HuBERT, whose shape it has */
    bool        ours;           /* of serin-train: the configuration has "serin" */
} ser_checkpoint;

ser_checkpoint *ser_checkpoint_open(const char *path, base_error *e);
void            ser_checkpoint_free(ser_checkpoint *c);

/* How its tensors fit the model of its configuration. */
typedef struct ser_match {
    nn_load     load;           /* tell and data are set by the caller */
    const char *as;             /* what it is read as: "HuBERT for CTC" */
    bool        recognises;     /* it says what somebody said, or felt */
    base_error  misfit;         /* BASE_OK: everything that is needed is there */
} ser_match;
/* BASE_UNSUPPORTED: the kind is unknown; a broken configuration is an error, a misfit is none. */
base_status ser_checkpoint_match(const ser_checkpoint *c, ser_match *m, base_error *e);

/* What is in it and what Serin would do with it, as docs/store.md has the keys; NULL: no memory, or the configuration is
 * no good. */
json_t *ser_checkpoint_describe(const ser_checkpoint *c, base_error *e);
/* For people. BASE_NO_MEMORY: what was printed lacks something. */
base_status ser_checkpoint_print(const json_t *description, FILE *f, base_error *e);

typedef struct ser_convert_options {
    bool     to_serin;          /* a folder as serin-train writes it; else Hugging Face's */
    bool     round;             /* numbers become dtype; else they stay what they are */
    nn_dtype dtype;
    bool     drop_adapters, drop_heads;
    bool     bert;              /* the BERT of a model of ours alone; in any case of one that reads text alone */
} ser_convert_options;

/* Writes the folder out, which must not be there or be empty; nothing of it on failure. */
base_status ser_checkpoint_convert(const char *in, const char *out, const ser_convert_options *o, base_error *e);

#endif
