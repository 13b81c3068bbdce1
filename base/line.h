/* A line "key rest" of a text table: one reader for all of them, wav.scp, segments, feats.scp, text, utt2spk and the others.
 * A line is UTF-8 and ends with a newline alone; no byte order mark, no control character but the tab, and no white space in
 * front of the key, which ends at a blank or a tab and has no other white space; blanks around the rest are not its own. */
#ifndef SERIN_BASE_LINE_H
#define SERIN_BASE_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BASE_LINE_REASON = 400, BASE_UTF8_REASON = 60 };
#define BASE_LINE_NO_END "no newline at the end of the file (cut off?)"

typedef struct base_line {
    char *key, *rest;       /* rest may be empty */
} base_line;

/* Cuts line [size], without its newline and with a NUL behind, in place. False: reason says what is wrong, and where. */
bool base_line_cut(char *line, size_t size, base_line *l, char reason[BASE_LINE_REASON]);

/* The first thing in text [size] that is not UTF-8 or is NUL: its place, counted from *line and column 1, and what it is.
 * False: there is none, and *line is the last line's number. */
bool base_utf8_fault(const char *text, size_t size, int64_t *line, int64_t *column, char reason[BASE_UTF8_REASON]);

/* The characters with the property White_Space (PropList.txt). */
bool base_is_space(uint32_t c);

#endif
