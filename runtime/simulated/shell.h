/* SPDX-License-Identifier: Apache-2.0
 *
 * A subset of the POSIX shell, compiled to small instructions and run in virtual time: a script
 * that sleeps or waits for the network stops between two instructions and goes on when it is called
 * again.
 *
 *     struct shell_code *code = shell_compile(S("until wget -q web; do sleep 2; done"), &error);
 *     struct shell *sh = shell_new(code, &host);
 *     switch (shell_run(sh, now)) {
 *     case SHELL_SLEEPS:   call again at shell_wake_at(sh)
 *     case SHELL_REQUESTS: send shell_request(sh); then shell_answer(sh, response) and call again
 *     case SHELL_READS:    call again when its standard input has more, or has ended
 *     case SHELL_BLOCKED:  for ever, unless a signal comes
 *     case SHELL_EXITED:   shell_exit_code(sh)
 *     }
 *
 * Language: lists with ; & && || !, pipelines, { } and ( ), if, while, until, for, case, functions,
 * break, continue, quotes, $NAME ${NAME} ${NAME:-word} $? $# $@ $1 $$ $(...) `...` $((...)),
 * redirections > >> < 2> 2>&1 &>, trap.
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
    /* Standard input: moves what is there, or its first line, to `out`; true: it has ended. NULL:
     * there is none. */
    bool (*take)(void *owner, bool one_line, struct text *out);
    const char *(*make_folder)(void *owner, struct str path); /* NULL or what went wrong */
    int64_t (*modified)(void *owner, struct str path);        /* seconds of the Unix epoch */
    void (*processes)(void *owner, struct text *out);         /* a line each: "1 nginx" */
    const char *(*kill)(void *owner, int64_t pid, int signal); /* NULL or what went wrong */
    int64_t (*memory_total)(void *owner, int64_t *ret_used);   /* of the node, in bytes */
    void (*mounts)(void *owner, struct text *out);             /* a line each, as mount shows */
    /* A program of the image's own; false: there is none of this name. May be NULL. */
    bool (*tool)(void *owner, char **words, size_t count, struct text *out, struct text *error,
                 int *ret_status);
    const char *hostname;
    const char *namespace;
    const char *ip;        /* of the pod; "" on the host's network */
    const char *directory; /* where it begins; NULL: / */
    int64_t pid;
    bool is_busybox;
};

struct shell_code;
/* NULL and an error text when the script has a fault in its syntax. */
struct shell_code *shell_compile(struct str script, struct text *error);
void shell_code_unref(struct shell_code *c);

struct shell;
struct shell *shell_new(struct shell_code *own_code, const struct shell_host *host);
/* One command with its words as they are, without any expansion. */
struct shell *shell_new_command(char *const *words, size_t count, const struct shell_host *host);
/* Reads its script from its standard input, line by line; with a prompt when somebody types it. */
enum shell_prompt { PROMPT_NONE, PROMPT_ASH, PROMPT_DASH, PROMPT_BASH };
struct shell *shell_new_reader(const struct shell_host *host, enum shell_prompt prompt);
void shell_add_parameter(struct shell *s, struct str value); /* $0 first */
void shell_free(struct shell *s);

enum shell_state { SHELL_SLEEPS, SHELL_REQUESTS, SHELL_READS, SHELL_BLOCKED, SHELL_EXITED };
enum shell_state shell_run(struct shell *s, struct instant now);
struct instant shell_wake_at(const struct shell *s);
int shell_exit_code(const struct shell *s);
struct traffic_request *shell_request(struct shell *s); /* owned */
void shell_answer(struct shell *s, const struct traffic_response *response);
/* SIGTERM to PID 1: true when a trap handles it (it runs when the command in the foreground ends).
 * */
bool shell_terminate(struct shell *s);
/* SIGINT to what is in the foreground: an interactive shell goes on, anything else has exited. */
void shell_interrupt(struct shell *s);
bool shell_is_interactive(const struct shell *s);
bool shell_read_clock(
    const struct shell *s); /* the script looked at the time: its outcome may differ later */

bool shell_knows_command(struct str name);
bool shell_knows_tool(struct str name); /* one that is a file */
const char *shell_command_name(size_t i); /* of the table; NULL behind its end */
bool shell_command_is_tool(size_t i);     /* a file, not built into the shell */
struct str shell_base_name(struct str path); /* what follows the last slash */

#endif
