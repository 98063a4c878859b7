/* SPDX-License-Identifier: Apache-2.0
 *
 * Branches by fork(2): a child is a whole copy of the world, made in well under a millisecond; it
 * runs ahead, reports over a pipe, and ends. The parent's world is as it was. An edge file: it
 * alone in sim/ talks to the operating system.
 */
#include "sim/world.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static bool write_all(int fd, struct str s)
{
    while (s.size) {
        ssize_t n = write(fd, s.bytes, s.size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        s = str_slice(s, (size_t)n, s.size);
    }
    return true;
}

static void read_all(int fd, struct text *out)
{
    char bytes[4096];
    for (;;) {
        ssize_t n = read(fd, bytes, sizeof(bytes));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        text_add(out, (struct str){bytes, (size_t)n});
    }
}

bool sim_branch(struct sim *sim, sim_branch_fn run, void *context, struct text *ret_report)
{
    int ends[2];
    CHECK(!sim->is_in_step);
    fflush(NULL); /* what is buffered must not be written twice */
    if (pipe(ends) != 0)
        return false;
    pid_t child = fork();
    if (child < 0) {
        close(ends[0]);
        close(ends[1]);
        return false;
    }
    if (child == 0) {
        struct text report = {0};
        close(ends[0]);
        run(sim, context, &report);
        fflush(NULL);
        _exit(write_all(ends[1], text_str(&report)) ? 0 : 1);
    }
    close(ends[1]);
    read_all(ends[0], ret_report);
    close(ends[0]);
    int status = 0;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
