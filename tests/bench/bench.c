/* bench: see the usage below. A tool to look at, not a test; `make check` runs it on tiny sizes to see that it works. */
#include "tests/bench/bench.h"

#include "base/options.h"

const int64_t bench_lengths[16] = { 44467, 32156, 107325, 19422, 40714, 22779, 170820, 145646, 17415, 59945, 29651, 27049,
    53889, 49705, 48363, 28366 };

static const char usage[] =
    "Speed of every operator, at HuBERT-large's and BERT-base's shapes, beside the machine's measured peaks; with --step, of\n"
    "training steps on 56 s of speech: seconds, useful GFLOP/s, share of peak, memory, for HuBERT-large with CTC and emotion, or,\n"
    "with --stage, the whole system with BERT-base, a decoder of 8 layers and TGF (random weights);\n"
    "with --decode, of BERT-base and a decoder of 8 layers writing 16 sentences; with --load, of loading\n"
    "HuBERT-large (1.3 GB are written there and removed again); with --tokenize, of cutting lines of standard input into\n"
    "WordPieces.\n"
    "Usage: bench [options]\n"
    "e.g.:  bench --only=attention; bench --step; bench --step --stage=2; bench --tokenize=vocab.txt < text\n";

int main(int argc, char **argv)
{
    const char *only = NULL, *vocab = "", *load = "";
    bench_step_options so = { .steps = 2 };
    bool step = false, decode = false, huge = true;
    double seconds = 0.5;
    int words = 20, status;
    base_options *po = base_options_new(usage);

    base_option_text(po, "only", &only, "operators whose name contains this");
    base_option_float(po, "seconds", &seconds, 0.0, 1e4, "time spent on each operator, or on the tokenizer");
    base_option_bool(po, "step", &step, "time training steps");
    base_option_bool(po, "decode", &decode, "time beam search over words");
    base_option_int(po, "words", &words, 1, 500, "with --decode: of each sentence");
    base_option_int(po, "stage", &so.stage, 0, 2, "with --step: 1 or 2 of the whole system; 0: HuBERT-large alone");
    base_option_int(po, "adapter-layers", &so.adapter_layers, 0, 96, "with --stage=2: the upper layers that have adapters; 0: all");
    base_option_bool(po, "kept-features", &so.keep, "with --step: the convolutions' output is there already, as in training");
    base_option_int(po, "steps", &so.steps, 1, 1000000, "steps timed of each kind, after one to warm up; with --decode: runs");
    base_option_int(po, "batch", &so.batch, 0, 16, "utterances at once, a divisor of 16; 0: first 2, then 16");
    base_option_bool(po, "tiny", &so.tiny, "a tiny model and short utterances");
    base_option_text(po, "load", &load, "a folder with room for a file of weights");
    base_option_text(po, "tokenize", &vocab, "vocab.txt or tokenizer.json");
    base_option_bool(po, "huge-pages", &huge, "ask the system for huge pages");
    base_options_parse(po, argc, argv, 0, 0);
    nn_huge_pages(huge);
    if (*vocab)
        status = bench_tokenizer(vocab, seconds);
    else if (*load)
        status = bench_loading(so.tiny, load);
    else if (step)
        status = bench_steps(&so);
    else
        status = decode ? bench_decoding(so.tiny, so.steps, words) : bench_operators(only, seconds);
    base_options_free(po);
    return status != 0;
}
