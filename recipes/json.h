/* A JSON value as text. */
#ifndef SERIN_SER_JSON_H
#define SERIN_SER_JSON_H

#include <jansson.h>

#include "base/error.h"
#include "base/json.h"

#define SER_MOST_JSON ((size_t)16 << 20)     /* bytes of a file of ours */

/* malloc'd; flags are jansson's. Characters that are not plain (base/utf8.h) are escaped. NULL: no memory, or j is NULL. jansson's own json_dumps leaves out keys when memory ends
 * in the middle, and says nothing. */
char *ser_json_text(const json_t *j, size_t flags);
/* Writes j, indented, to a file that appears whole or not at all; frees j, which may be NULL (no memory). */
base_status ser_json_write(json_t *j, const char *path, base_error *e);

/* A config.json, or what stands for one (nn_config_text), for the caller to free. */
json_t *ser_config_json(const char *path, base_error *e);

#endif
