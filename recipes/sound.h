/* sound.h: what all programs that read sound have in common. */
#ifndef SERIN_SOUND_H
#define SERIN_SOUND_H

#include "base/options.h"
#include "libaudio/au.h"

/* The options --no-pipes, --pipe-timeout and --isolate. */
void ser_sound_options(base_options *o, au_read_options *read);
/* Says what the user should know of a sound that was read. */
void ser_sound_warning(const char *key, const au_audio *a);

#endif
