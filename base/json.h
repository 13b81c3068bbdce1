/* JSON out of files, for jansson: whole, without names that appear twice, and with what others write that jansson refuses.
 * In an archive of its own, since not every library needs it. */
#ifndef SERIN_BASE_JSON_H
#define SERIN_BASE_JSON_H

#include <jansson.h>
#include <stddef.h>

#include "base/status.h"

/* The value that text [size] holds, for the caller to free; NULL: BASE_FORMAT "name:line:column: …", a byte order mark
 * named as such, or BASE_NO_MEMORY. text has room for a NUL behind it and is changed: an integer beyond 64 bits
 * ("model_max_length": 1000000000000000019884624838656, as transformers writes for "no limit") is read as a real. */
json_t *base_json_parse(char *text, size_t size, const char *name, base_error *e);

/* The same of a file of at most `limit` bytes. */
json_t *base_json_read(const char *path, size_t limit, base_error *e);

/* And of one that holds an object, { … }. */
json_t *base_json_read_object(const char *path, size_t limit, base_error *e);

#endif
