/* Layer drop (Fan et al. 2020): whether a layer is skipped in this step. Not an operator: models ask and go on. */
#include "libnn/ops/op.h"

bool nn_layer_drop(nn_tape *t, float p, const char *site)
{
    base_random r;

    if (!nn_is_random(t) || !(p > 0.0f))
        return false;
    r = nn_tape_random(t, site);
    return base_random_uniform(&r, 0) < (double)p;
}
