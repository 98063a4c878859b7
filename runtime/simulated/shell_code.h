/* SPDX-License-Identifier: Apache-2.0
 *
 * A compiled script: instructions, words and redirections. Private to shell_parse.c, shell.c and
 * shell_commands.c.
 */
#ifndef RUNTIME_SIMULATED_SHELL_CODE_H
#define RUNTIME_SIMULATED_SHELL_CODE_H

#include "runtime/simulated/shell.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"

enum shell_operation {
    SHELL_COMMAND,    /* a: command */
    SHELL_JUMP,       /* a: target */
    SHELL_JUMP_FALSE, /* a: target, when $? is not 0 */
    SHELL_JUMP_TRUE,  /* a: target, when $? is 0 */
    SHELL_NOT,        /* turns $? around */
    SHELL_STATUS,     /* a: new $? */
    SHELL_FOR_BEGIN,  /* a: command whose words are the list */
    SHELL_FOR_NEXT,   /* a: command whose first word is the variable, b: target when done */
    SHELL_FOR_END,
    SHELL_CASE_BEGIN,    /* a: command with the word */
    SHELL_CASE_MATCH,    /* a: command with the patterns, b: target when none matches */
    SHELL_CAPTURE_BEGIN, /* output goes into a buffer */
    SHELL_CAPTURE_END,   /* a: slot that keeps it, line ends at the end cut off */
    SHELL_PIPE_NEXT,     /* the buffer becomes the input; a: 1 when another capture begins */
    SHELL_PIPE_END,
    SHELL_REDIRECT_BEGIN, /* a: command that holds the redirections of a compound command */
    SHELL_REDIRECT_END,
    SHELL_FORK,     /* a: where the parent goes on; the child runs what follows up to SHELL_END */
    SHELL_FUNCTION, /* a: command whose first word is the name, b: where the definition ends */
    SHELL_RETURN,
    SHELL_END,
};
struct shell_instruction {
    enum shell_operation operation;
    uint32_t a, b;
};

enum shell_part_kind {
    PART_TEXT,
    PART_VARIABLE,
    PART_DEFAULT,
    PART_ALTERNATIVE,
    PART_LENGTH,
    PART_ARITHMETIC,
    PART_CAPTURE
};
struct shell_part {
    enum shell_part_kind kind;
    bool is_quoted;
    struct text text;     /* text, variable's name, expression */
    struct text fallback; /* of ${NAME:-fallback} */
    uint32_t slot;
};
struct shell_word {
    VEC(struct shell_part) parts;
    bool is_quoted; /* has quotes: stays a word even when empty */
};
enum shell_redirection_kind {
    REDIRECT_WRITE,
    REDIRECT_APPEND,
    REDIRECT_READ,
    REDIRECT_ERROR_WRITE,
    REDIRECT_ERROR_TO_OUT,
    REDIRECT_OUT_TO_ERROR
};
struct shell_redirection {
    enum shell_redirection_kind kind;
    struct shell_word word;
};
struct shell_command {
    VEC(struct shell_word) words;
    VEC(struct shell_redirection) redirections;
};
struct shell_code {
    uint32_t references;
    VEC(struct shell_instruction) instructions;
    VEC(struct shell_command) commands;
    uint32_t slot_count;
};

/* ---- a running shell ---- */

enum sink_kind { SINK_LOG, SINK_BUFFER, SINK_FILE };
struct shell_sink {
    enum sink_kind kind;
    struct text text; /* buffer, or the file's path */
    bool is_append;
    bool is_error; /* log: to stderr */
};
struct shell_list { /* of a for loop */
    VEC(char *) items;
    size_t next;
};
struct shell {
    struct shell_code *code;
    struct shell_host host;
    uint32_t at; /* next instruction */
    int status;
    bool has_exited, is_child, is_blocked, read_clock;
    struct instant wake_at;
    int64_t cost_ns; /* charged by commands since the last pause */
    struct cri_pairs variables;
    VEC(char *) parameters;
    VEC(struct text) slots;
    VEC(struct shell_list) lists;
    VEC(struct shell_sink) sinks;
    VEC(uint32_t) calls;
    VEC(struct shell_list) saved; /* parameters of the callers */
    VEC(struct text) case_words;
    struct text input; /* of the command: from a pipe or < */
    size_t input_at;
    bool has_input;
    VEC(struct shell *) children;
    struct text trap; /* for TERM */
    bool has_trap, term_pending, waits_for_children;
    struct shell *trap_shell;
    char **single; /* one command without a script */
    size_t single_count;
    struct text directory;
    struct traffic_request *request;
    bool request_is_out;
    char **pending_words; /* of the command that waits for an answer or for input */
    size_t pending_count;
    const struct shell_command *open; /* its redirections are in force; NULL: none */
    bool is_reading;                  /* waits for standard input */
    struct text live;                 /* of it: taken by a command that wants all */
    bool reads_script, has_prompted;
    enum shell_prompt prompt;
    struct text script;  /* lines that are no whole command yet */
    struct shell *sub;   /* a shell in the foreground */
    struct shell *outer; /* whose foreground this one is: it gets what is written */
};

#define SHELL_AGAIN (-1) /* a command that waits for a traffic answer */
#define SHELL_PAUSE (-2) /* wake_at is set */
#define SHELL_FOREVER (-3)
#define SHELL_READ (-4) /* it needs more of its standard input, and is run again then */
#define SHELL_SUB (-5)  /* a shell runs in the foreground */

struct shell_call { /* of a command */
    struct shell *shell;
    struct instant now;
    char **words;
    size_t count;
};
static inline struct str shell_call_word(const struct shell_call *c,
                                         size_t i) /* empty beyond the end */
{
    return i < c->count ? str_from(c->words[i]) : (struct str){"", 0};
}

/* shell_network.c */
int shell_run_http(struct shell_call *c);
int shell_run_nslookup(struct shell_call *c);
int shell_run_nc(struct shell_call *c);

/* shell_text.c */
int shell_run_cat(struct shell_call *c);
int shell_run_head_tail(struct shell_call *c);
int shell_run_grep(struct shell_call *c);
int shell_run_wc(struct shell_call *c);
int shell_run_sort(struct shell_call *c);
int shell_run_tee(struct shell_call *c);
/* shell_files.c */
int shell_run_ls(struct shell_call *c);
int shell_run_rm(struct shell_call *c);
int shell_run_cp(struct shell_call *c);
int shell_run_touch(struct shell_call *c);
int shell_run_stat(struct shell_call *c);
int shell_run_find(struct shell_call *c);
/* shell_archive.c */
int shell_run_tar(struct shell_call *c);
/* shell_system.c */
int shell_run_ps(struct shell_call *c);
int shell_run_kill(struct shell_call *c);
int shell_run_which(struct shell_call *c);
int shell_run_df(struct shell_call *c);
int shell_run_free(struct shell_call *c);
int shell_run_mount(struct shell_call *c);
int shell_run_ip(struct shell_call *c);
int shell_run_sh(struct shell_call *c);
int shell_run_uname(struct shell_call *c);

/* The files named from word `first` on, or the input; SHELL_READ: the input has not ended. */
int shell_gather(struct shell_call *c, size_t first, struct text *out);
bool shell_read_file(struct shell_call *c, struct str path, struct text *out);
/* shell_commands.c: runs a built-in; ret_status or one of the constants above. False: no such
 * command. */
bool shell_run_command(struct shell *s, struct instant now, char **words, size_t count,
                       int *ret_status);
/* The answer to the request that the command made. */
int shell_finish_request(struct shell *s, char **words, size_t count,
                         const struct traffic_response *r);

/* shell_expand.c */
struct shell_words {
    VEC(char *) items; /* owned */
};
void shell_word_text(struct shell *s, const struct shell_word *w, struct text *out); /* one field */
void shell_expand_word(struct shell *s, const struct shell_word *w,
                       struct shell_words *out); /* with field splitting */
bool shell_assignment_name(const struct shell_word *w, struct str *ret_name); /* of NAME=value */

/* shell.c */
struct shell *shell_make(const struct shell_host *host);
void shell_words_free(char **words, size_t count);
void shell_list_release(struct shell_list *l);
void shell_output(struct shell *s, struct str bytes, bool is_error); /* past all redirections */
void shell_sink_push(struct shell *s, enum sink_kind kind);
void shell_sink_pop(struct shell *s);
/* False when a file cannot be opened; sinks are pushed either way, as many as redirections that
 * have one. */
bool shell_redirect(struct shell *s, const struct shell_command *c);
void shell_redirect_end(struct shell *s, const struct shell_command *c);
void shell_write(struct shell *s, struct str bytes);
void shell_write_error(struct shell *s, const char *format, ...) PRINTF_LIKE(2, 3);
void shell_return(struct shell *s); /* from a function */
void shell_set(struct shell *s, struct str name, struct str value);
const char *shell_get(struct shell *s, struct str name);                      /* NULL: unset */
bool shell_match(struct str pattern, struct str text);                        /* * ? [..] */
/* Absolute, without "." and "..". */
struct str shell_path(struct shell *s, struct str path, struct text *buffer);
struct shell *shell_new_inner(struct shell *outer, struct shell_code *own_code); /* NULL: none */
int64_t shell_arithmetic(struct shell *s, struct str expression, bool *ret_ok);

#endif
