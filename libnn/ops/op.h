/* What every operator's file includes. */
#ifndef SERIN_NN_OP_H
#define SERIN_NN_OP_H

#include "libnn/core/core.h"
#include "libnn/core/vm.h"

/* Elements an elementwise loop hands to a thread at a time. */
#define NN_BLOCK 8192

#endif
