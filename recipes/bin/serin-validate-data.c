/* Is this a data directory? Lists everything that is wrong with it. */
#include "base/log.h"
#include "base/number.h"
#include "base/options.h"
#include "recipes/sound.h"
#include "recipes/validate.h"

static const char usage[] =
    "Checks a data directory: order, duplicates, UTF-8, the same utterances in every table, spk2utt against utt2spk,\n"
    "labels, and that every sound can be decoded. Lists each fault with file, line and reason; ends with counts.\n"
    "Usage: serin-validate-data [options] <data-dir>\n"
    "e.g.:  serin-validate-data --need=wav.scp,text,utt2spk,utt2emo data/train\n";

int main(int argc, char **argv)
{
    ser_validate_options o = SER_VALIDATE_DEFAULTS;
    base_options *po = base_options_new(usage);
    base_error e = BASE_ERROR_INIT;
    ser_validation v = { 0 };
    int exit_status = 0;

    base_option_text(po, "need", &o.need, "tables that must be there, joined by commas");
    base_option_bool(po, "audio", &o.audio, "decode every sound; false: only look whether the files are there");
    base_option_float(po, "max-dur", &o.read.max_seconds, 0.025, 1e6, "longer sounds are faults, seconds");
    ser_sound_options(po, &o.read);
    base_options_parse(po, argc, argv, 1, 1);

    if (ser_validate(&v, base_options_argument(po, 0), &o, stdout, &e) != BASE_OK) {
        exit_status = base_give_up(&e);
    } else {
        ser_validation_summary(&v, stdout);
        if (v.faults > 0) {
            base_say_error("%s: %s", v.dir, base_count(v.faults, "fault"));
            exit_status = 1;
        }
    }
    ser_validation_free(&v);
    base_options_free(po);
    return exit_status;
}
