/* serin-convert: a checkpoint of any kind as a folder that Hugging Face's libraries read, or serin-train's programs. */
#include <string.h>

#include "base/log.h"
#include "recipes/checkpoint.h"

static const char usage[] =
    "Writes a HuBERT, wav2vec 2.0 or BERT, published or of serin-train, as a new folder. --to=hf: config.json,\n"
    "model.safetensors, preprocessor_config.json and the tokenizer's files, as from_pretrained reads them; parts that\n"
    "only Serin has keep their names. --to=serin: a HuBERT for CTC with its vocab.json as serin-train would have written\n"
    "it. The input is a file or folder in any format that serin-info knows, with config.json beside it. The folder appears\n"
    "whole or not at all, and nothing is written over.\n"
    "Usage: serin-convert [options] <in> <out-dir>\n"
    "e.g.:  serin-convert --dtype=f16 hubert-large-ll60k half\n"
    "       serin-convert --part=bert exp/joint/Ses01 bert-of-emotions\n";

static void set_dtype(ser_convert_options *o, const char *word)
{
    o->round = strcmp(word, "keep") != 0;
    o->dtype = !strcmp(word, "f16") ? NN_F16 : !strcmp(word, "bf16") ? NN_BF16 : NN_F32;
}

int main(int argc, char **argv)
{
    base_options *po = base_options_new(usage);
    base_error e = BASE_ERROR_INIT;
    ser_convert_options o = { 0 };
    const char *to = "hf", *dtype = "keep", *part = "all";

    base_option_choice(po, "to", &to, "hf|serin", "whose folder to write");
    base_option_choice(po, "dtype", &dtype, "keep|f32|f16|bf16", "type of the weights, correctly rounded");
    base_option_bool(po, "drop-adapters", &o.drop_adapters, "of --to=hf: leave out adapters and LoRA");
    base_option_bool(po, "drop-heads", &o.drop_heads, "of --to=hf: leave out emotion, gender, style and the words they read");
    base_option_choice(po, "part", &part, "all|bert", "of --to=hf and a model of serin-train: its BERT alone; one that reads text is that in any case");
    ser_option_no_verify(po);
    base_options_parse(po, argc, argv, 2, 2);
    o.to_serin = strcmp(to, "serin") == 0;
    o.bert = strcmp(part, "bert") == 0;
    set_dtype(&o, dtype);
    if (o.to_serin && (o.drop_adapters || o.drop_heads || o.bert))
        base_fail(&e, BASE_VALUE, "--drop-adapters, --drop-heads and --part are of --to=hf: serin-train's models are whole");
    else
        ser_checkpoint_convert(base_options_argument(po, 0), base_options_argument(po, 1), &o, &e);
    base_options_free(po);
    return e.status ? base_give_up(&e) : base_report("checkpoint", 1, 0);
}
