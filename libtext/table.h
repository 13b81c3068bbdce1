/* What the readers of text tables share. */
#ifndef SERIN_LIBTEXT_TABLE_H
#define SERIN_LIBTEXT_TABLE_H

#include "libtext/tx.h"

#define TX_FILE_LIMIT ((size_t)1 << 30)     /* bytes of a table */
#define TX_REASON 400
#define TX_UTF8_REASON 60

/* The first thing in text [size] that is not UTF-8 or is NUL: its place, counted from *line and column 1, and what it is.
 * False: there is none, and *line is the last line's number. */
bool tx_utf8_fault(const char *text, size_t size, int64_t *line, int64_t *column, char reason[TX_UTF8_REASON]);

/* Reads the file and makes room for an entry a line. */
base_status tx_table_load(tx_table *t, const char *path, size_t *size, base_error *e);

/* Sorts by key; BASE_FORMAT when one appears twice. */
base_status tx_table_sort(tx_table *t, base_error *e);

#endif
