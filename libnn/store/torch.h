/* PyTorch checkpoints, read in place: the zip form of version 1.6 and later, and the legacy form before it. */
#ifndef SERIN_NN_TORCH_H
#define SERIN_NN_TORCH_H

#include "libnn/nn.h"
#include "libnn/store/pickle.h"

typedef struct nn_torch nn_torch;

bool nn_torch_begins(const unsigned char *data, size_t size);      /* does a file begin as one of the two? */

/* The tensors of a state dict: nested dictionaries give names joined by ".". Where a dictionary called "model",
 * "state_dict" or "model_state_dict" stands at the top, its alone, under plain names. Nothing in the file is executed
 * (pickle.h). The file stays mapped until close. A tensor of a type that Serin does not know is listed as
 * NN_DTYPE_OTHER, without data. */
nn_torch *nn_torch_open(const char *path, base_error *e);
void      nn_torch_close(nn_torch *t);
/* Compares the checksums of a zip file's members; the legacy form has none. */
base_status nn_torch_verify(const nn_torch *t, base_error *e);
int       nn_torch_count(const nn_torch *t);
const nn_file_tensor *nn_torch_at(const nn_torch *t, int i);       /* by name */
bool                  nn_torch_is_zip(const nn_torch *t);
const nn_file_tensor *nn_torch_find(const nn_torch *t, const char *name);   /* NULL: absent */
/* What was saved, as a tree: fairseq keeps its configuration beside the weights. */
const nn_pickle      *nn_torch_root(const nn_torch *t);

#endif
