/* Runs a function in a child process and keeps what it printed: for code that exits, and for messages. */
#ifndef SERIN_TESTS_CAPTURE_H
#define SERIN_TESTS_CAPTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct capture {
    int  status;            /* of exit; -1: killed by a signal, */
    int  signal;            /* this one */
    char text[20000];       /* standard output and error */
} capture;

/* The child leaves by exit(run(data)). */
static inline capture capture_run(int (*run)(void *data), void *data)
{
    capture c = { -1, 0, "" };
    int ends[2], state = 0;
    size_t n = 0;

    fflush(NULL);
    if (pipe(ends))
        abort();
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        exit(run(data));
    }
    close(ends[1]);
    for (ssize_t got; n < sizeof c.text - 1 && (got = read(ends[0], c.text + n, sizeof c.text - 1 - n)) > 0;)
        n += (size_t)got;
    c.text[n] = '\0';
    close(ends[0]);
    waitpid(child, &state, 0);
    if (WIFEXITED(state))
        c.status = WEXITSTATUS(state);
    else if (WIFSIGNALED(state))
        c.signal = WTERMSIG(state);
    return c;
}

#endif
