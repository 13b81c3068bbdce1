/* What the readers of text tables share. */
#ifndef SERIN_LIBTEXT_TABLE_H
#define SERIN_LIBTEXT_TABLE_H

#include "base/line.h"
#include "libtext/tx.h"

#define TX_FILE_LIMIT ((size_t)1 << 30)     /* bytes of a table */
#define TX_REASON BASE_LINE_REASON

/* Reads the file and makes room for an entry a line. */
base_status tx_table_load(tx_table *t, const char *path, size_t *size, base_error *e);

/* Sorts by key; BASE_FORMAT when one appears twice. */
base_status tx_table_sort(tx_table *t, base_error *e);

#endif
