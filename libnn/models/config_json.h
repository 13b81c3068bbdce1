/* Reading a config.json of Hugging Face's: members by key with ranges. Missing and null members leave the value as it
 * is; the first value of the wrong type or out of range is kept in the reader's error, which names file and key. */
#ifndef SERIN_NN_MODELS_CONFIG_JSON_H
#define SERIN_NN_MODELS_CONFIG_JSON_H

#include <jansson.h>

#include "base/error.h"
#include "libnn/nn.h"

typedef struct nn_config_reader {
    json_t     *root;
    const char *path;
    base_error  error;
} nn_config_reader;

/* Reads the file; BASE_FORMAT with its line when it is no JSON object. Finish in either case with nn_config_close,
 * which hands the first error on. */
bool        nn_config_open(nn_config_reader *r, const char *path);
base_status nn_config_close(nn_config_reader *r, base_error *e);

void nn_config_int(nn_config_reader *r, const char *key, int *value, int least, int most);
void nn_config_float(nn_config_reader *r, const char *key, float *value, double least, double most);
void nn_config_bool(nn_config_reader *r, const char *key, bool *value);
/* Which of two words the key holds: true for `yes`; absent: false. Other words are BASE_UNSUPPORTED. */
bool nn_config_word(nn_config_reader *r, const char *key, const char *no, const char *yes);
/* A list of 1 to 16 integers from 1 to most; sets *n. */
void nn_config_list(nn_config_reader *r, const char *key, int *values, int *n, int most);
/* BASE_UNSUPPORTED when the key is true, a number, or an object or list that is not empty: something that is not built. */
void nn_config_refuse(nn_config_reader *r, const char *key);
/* BASE_UNSUPPORTED when the key holds none of the words, which end with NULL; absent: fine. */
void nn_config_one_of(nn_config_reader *r, const char *key, const char *const *words);
/* width must be a multiple of n: both keys' names go into the message. */
void nn_config_divides(nn_config_reader *r, const char *width_key, int width, const char *key, int n);
/* Our own keys of adapters and LoRA. */
void nn_config_adapters(nn_config_reader *r, nn_encoder_config *c);

#endif
