/* Names of what is under construction, "<path>.tmp.<pid>", and what happens to it when its process ends too early. */
#ifndef SERIN_BASE_TEMPORARY_H
#define SERIN_BASE_TEMPORARY_H

#include <stdbool.h>

/* A name beside path for malloc'd memory; attempt 1, 2, … gives others. NULL: no memory. What is called so goes when a
 * signal ends the process (base_temporary_on_signals), until it is forgotten: renamed, or removed. */
char *base_temporary_name(const char *path, int attempt);
void  base_temporary_forget(char *name);        /* and frees it; NULL: nothing */

/* Marks the file or folder behind fd as one that is still written, for as long as fd is open. False: somebody who took it
 * for a leftover was faster, and has removed it. */
bool  base_temporary_hold(int fd);

/* Removes the leftovers in path's folder: files, links and flat folders of our form of name whose process is no more and
 * which nobody holds. */
void  base_temporary_sweep(const char *path);
void  base_temporary_sweep_once(const char *path);      /* a folder that this process has swept is passed over */

/* The files of a folder that has no folders in it, and the folder. Errors are passed over. */
void  base_temporary_remove(const char *name);

/* For programs: SIGINT, SIGTERM, SIGHUP and their like, unless they are ignored, remove what is under construction and
 * end the process as they would. With stop, the first one is only noted there. */
void  base_temporary_on_signals(volatile int *stop);

#endif
