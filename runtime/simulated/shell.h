/* SPDX-License-Identifier: Apache-2.0
 *
 * A subset of the POSIX shell, compiled to small instructions and run in virtual time: a script
 * that sleeps or waits
 * for the network stops between two instructions and goes on when it is called again.
 *
 *     struct shell_code *code = shell_compile(S("until wget -q web; do sleep 2; done"), &error);
 *     struct shell *sh = shell_new(code, &host);
 *     switch (shell_run(sh, now)) {
 *     case SHELL_SLEEPS:   call again at shell_wake_at(sh)
 *     case SHELL_REQUESTS: send shell_request(sh); then shell_answer(sh, response) and call again
 *     case SHELL_BLOCKED:  for ever, unless a signal comes
 *     case SHELL_EXITED:   shell_exit_code(sh)
 *     }
 *
 * Language: lists with ; & && || !, pipelines, { } and ( ), if, while, until, for, case, functions,
 * break, continue,
 * quotes, $NAME ${NAME} ${NAME:-word} $? $# $@ $1 $$ $(...) `...` $((...)), redirections > >> < 2>
 * 2>&1 &>, trap.
 * Commands: the table in shell_commands.c. Everything else: "sh: NAME: not found", status 127.
 */
#ifndef RUNTIME_SIMULATED_SHELL_H
#define RUNTIME_SIMULATED_SHELL_H

#include "runtime/cri.h"
#include "runtime/traffic.h"

enum file_kind { FILE_NONE, FILE_REGULAR, FILE_DIRECTORY };

/* What a script sees of its container. */
struct shell_host {
    void *owner;
    enum file_kind (*kind)(void *owner, struct str path);
    bool (*read)(void *owner, struct str path, struct text *out); /* false: no such file */
    const char *(*write)(void *owner, struct str path, struct str content,
                         bool append);                            /* NULL or what went wrong */
    const char *(*remove)(void *owner, struct str path);          /* likewise */
    void (*list)(void *owner, struct str path, struct text *out); /* names, one a line */
    void (*output)(void *owner, struct str bytes, bool is_error);
    struct wall_time (*wall)(void *owner);
    const char *(*variable)(void *owner,
                            struct str name); /* the container's environment; NULL: unset */
    void (*environment)(void *owner, struct text *out); /* NAME=value, one a line */
    void (*memory)(void *owner, int64_t bytes);         /* the program now holds this much */
    const char *hostname;
    const char *namespace;
};

struct shell_code;
/* NULL and an error text when the script has a fault in its syntax. */
struct shell_code *shell_compile(struct str script, struct text *error);
void shell_code_unref(struct shell_code *c);

struct shell;
struct shell *shell_new(struct shell_code *own_code, const struct shell_host *host);
/* One command with its words as they are, without any expansion. */
struct shell *shell_new_command(char *const *words, size_t count, const struct shell_host *host);
void shell_add_parameter(struct shell *s, struct str value); /* $0 first */
void shell_free(struct shell *s);

enum shell_state { SHELL_SLEEPS, SHELL_REQUESTS, SHELL_BLOCKED, SHELL_EXITED };
enum shell_state shell_run(struct shell *s, struct instant now);
struct instant shell_wake_at(const struct shell *s);
int shell_exit_code(const struct shell *s);
struct traffic_request *shell_request(struct shell *s); /* owned */
void shell_answer(struct shell *s, const struct traffic_response *response);
/* SIGTERM to PID 1: true when a trap handles it (it runs when the command in the foreground ends).
 * */
bool shell_terminate(struct shell *s);
bool shell_read_clock(
    const struct shell *s); /* the script looked at the time: its outcome may differ later */

bool shell_knows_command(struct str name);
struct str shell_base_name(struct str path); /* what follows the last slash */

#endif
