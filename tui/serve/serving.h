/* SPDX-License-Identifier: Apache-2.0
 *
 * `wavetank serve` at work: what its files share. serve.c reads the arguments and sets up, live.c
 * is the turn of the world outside, control.c the socket of `wavetank ctl`, verbs.c what it can ask
 * for, folder.c the files of a data folder.
 */
#ifndef TUI_SERVE_SERVING_H
#define TUI_SERVE_SERVING_H

#include "cluster/apiserver/http/crypto.h"
#include "cluster/apiserver/http/server.h"
#include "scenarios/engine/session.h"
#include "tui/serve/folder.h"
#include "tui/serve/pace.h"

#define SERVE_PORT_DEFAULT 6443

struct serve_arguments {
    VEC(char *) files; /* -f; folders have become what is in them; owned */
    const char *kubeconfig, *context, *journal, *data_folder;
    const char *definitions; /* the set that --crds names; NULL: none */
    struct text address, plain_address;
    uint16_t port, plain_port;
    bool has_plain, has_nodes, has_apiservers, has_etcd, is_quiet, is_reset, any_build;
    int64_t nodes, apiservers, etcd_members;
    bool has_seed;
    uint64_t seed;
    struct pace pace;
};
/* -1: go on; else the exit status. */
int serve_arguments_read(struct serve_arguments *a, int argc, char **argv);
void serve_arguments_release(struct serve_arguments *a);

struct control;
struct console;
struct serving {
    struct serve_arguments arguments;
    struct folder folder;
    struct session_plan plan;
    struct session *session;
    struct run *run;
    struct sim *sim;
    struct identity server_identity, admin_identity;
    struct http_server *server, *plain; /* plain: NULL unless asked for */
    struct control *control;
    struct console *console;                 /* NULL: a cluster without a scenario, or quiet */
    struct text kubeconfig, kubeconfig_path; /* as it was named; whole, for others */
    bool is_current_context;
    uint64_t refused; /* manifests that were */
    bool has_failed;  /* a step, a check, a replay */
    bool is_live;     /* the port answers */
    char flow_uids[2][VALUE_SMALL_SIZE]; /* of the answer that is being written */
    int64_t begun_us;
    /* live.c */
    struct pace pace;
    struct instant limit;         /* what is due is before it */
    struct instant ahead, settle; /* for who waits for an answer; for what follows an answer */
    size_t waiting_seen;
    unsigned since_look;
    bool must_poll, has_written; /* written: by what came in last */
    int64_t slice_end_us, marked_us;
    uint64_t marked_events;
};

/* The turns of a session (session.h). */
enum run_turn live_turn(void *owner, struct session *s, struct instant next);
void live_begin(struct serving *v); /* from here on virtual time follows the wall */
void live_prepare_signals(void);
bool live_wants_end(void);
void live_end(void); /* as Ctrl-C */

#endif
