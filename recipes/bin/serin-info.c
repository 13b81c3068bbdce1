/* serin-info: what is in a checkpoint, and what Serin would do with it. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "recipes/checkpoint.h"
#include "recipes/json.h"

static const char usage[] =
    "Tells what a checkpoint holds: its format and files, the tensors with types and shapes, metadata, the configuration\n"
    "beside it, which of the tensors the model of that configuration loads, lacks or does not expect, and which programs\n"
    "read it. The checkpoint is a file or a folder: safetensors or PyTorch's, whole or in shards. A broken one is named with\n"
    "what is wrong, and the exit status is 1.\n"
    "Usage: serin-info [options] <checkpoint>\n"
    "e.g.:  serin-info hubert-large-ll60k\n";

static void write_json(const json_t *j, const char *path, base_error *e)
{
    char *text = ser_json_text(j, JSON_COMPACT | JSON_REAL_PRECISION(7));

    if (text)
        puts(text);
    else
        base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path);
    free(text);
}

int main(int argc, char **argv)
{
    base_options *po = base_options_new(usage);
    base_error e = BASE_ERROR_INIT;
    bool as_json = false;
    ser_checkpoint *c;
    json_t *j = NULL;

    base_option_bool(po, "json", &as_json, "one JSON object in a line");
    ser_option_no_verify(po);
    base_options_parse(po, argc, argv, 1, 1);
    if ((c = ser_checkpoint_open(base_options_argument(po, 0), &e)))
        j = ser_checkpoint_describe(c, &e);
    if (j && as_json)
        write_json(j, base_options_argument(po, 0), &e);
    else if (j)
        ser_checkpoint_print(j, stdout, &e);
    json_decref(j);
    ser_checkpoint_free(c);
    base_options_free(po);
    return e.status ? base_give_up(&e) : base_report("checkpoint", 1, 0);
}
