/* SPDX-License-Identifier: Apache-2.0
 *
 * The control socket: where `wavetank ctl` talks to a running `wavetank serve`. A Unix socket with
 * mode 0600 in a folder with mode 0700; whoever connects must be the same user (or root), which the
 * kernel says. There is no way to it over the network, and none through the Kubernetes API.
 *
 * One line of JSON each way and connection:
 *
 *     {"verb": "speed", "speed": "60"}
 *     {"status": 0, "result": {...}}              or {"status": 2, "error": "..."}
 */
#ifndef TUI_SERVE_CONTROL_H
#define TUI_SERVE_CONTROL_H

#include "cluster/api/value.h"

#define CONTROL_LINE_MAX ((size_t)16 << 20)

struct control;
struct serving;
/* Listens at `path`, and makes it known in the run folder as NAME.sock. */
struct control *control_new(struct serving *v, const char *folder, const char *name,
                            struct errmsg *message);
void control_free(struct control *c); /* NULL is fine; takes its files away */
int control_fd(const struct control *c);
void control_poll(struct control *c);
/* Operations, or somebody who waits for the clock. */
bool control_is_busy(const struct control *c);
/* The clock is where somebody wanted it; NULL is fine. */
void control_goal_reached(struct control *c);

/* verbs.c: the answer to a request. False: it comes when the clock's goal is reached. */
bool verb_answer(struct serving *v, struct value request, struct text *answer);
void verb_goal_answer(struct serving *v, struct text *answer);

/* ---- for both ends ---- */

/* A socket at a path that may be longer than addresses of sockets are; -1 with errno. */
int control_socket(const char *path, bool listens);
/* The other end is this user or root. */
bool control_peer_is_ours(int fd);

#endif
