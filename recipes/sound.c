#include "recipes/sound.h"

#include "base/log.h"

void ser_sound_options(base_options *o, au_read_options *read)
{
    base_option_bool(o, "no-pipes", &read->no_pipes, "refuse commands in wav.scp");
    base_option_float(o, "pipe-timeout", &read->pipe_seconds, 0, 1e6, "seconds; a command of wav.scp that runs longer is ended; 0: it may");
    base_option_bool(o, "isolate", &read->isolate, "decode each sound in a process of its own: a decoder that crashes costs this sound only");
}

void ser_sound_warning(const char *key, const au_audio *a)
{
    if (a->warning)
        base_warn("%s: %s", key, a->warning);
}
