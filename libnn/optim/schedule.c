/* Learning rates as transformers (optimization.py; all but the last) and fairseq (tri_stage_lr_scheduler.py) define
 * them. */
#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "libnn/nn.h"

#define TRI_STAGE_START 0.01    /* fairseq's init_lr_scale */

bool nn_schedule_kind_of(const char *name, nn_schedule_kind *kind)
{
    static const char *const names[] = { "constant", "linear", "cosine", "polynomial", "inverse-sqrt", "tri-stage" };

    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++)
        if (!strcmp(names[i], name)) {
            *kind = (nn_schedule_kind)i;
            return true;
        }
    return false;
}

static double tri_stage(const nn_schedule *s, int64_t step)
{
    int64_t decay = s->total - s->warmup - s->hold, into = step - s->warmup - s->hold;

    if (step < s->warmup)
        return s->rate * (TRI_STAGE_START + (1 - TRI_STAGE_START) * (double)step / (double)s->warmup);
    if (into < 0)
        return s->rate;
    if (into > decay || decay <= 0)
        return s->rate * s->final_rate;
    return s->rate * pow(s->final_rate, (double)into / (double)decay);
}

double nn_schedule_rate(const nn_schedule *s, int64_t step)
{
    int64_t scale = s->warmup > 0 ? s->warmup : 10000;      /* of the inverse root */
    double down = (double)base_max_i64(1, s->total - s->warmup), part;    /* of the way down, 1 from `total` on */

    if (s->kind == NN_TRI_STAGE)
        return tri_stage(s, step);
    if (step < s->warmup)
        return s->rate * (double)step / (double)s->warmup;
    part = step < s->total ? (double)(step - s->warmup) / down : 1;
    switch (s->kind) {
    case NN_LINEAR:
        return s->rate * (1 - part);
    case NN_COSINE:
        return s->rate * 0.5 * (1 + cos(M_PI * part));
    case NN_POLYNOMIAL:
        return (s->rate - s->final_rate) * pow(1 - part, s->power) + s->final_rate;
    case NN_INVERSE_SQRT:
        return s->rate / sqrt((double)(step - s->warmup + scale) / (double)scale);
    case NN_CONSTANT:
    case NN_TRI_STAGE:
        break;
    }
    return s->rate;
}
