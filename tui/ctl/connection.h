/* SPDX-License-Identifier: Apache-2.0
 *
 * The client's end of the control socket: which server is meant, one request, one answer.
 */
#ifndef TUI_CTL_CONNECTION_H
#define TUI_CTL_CONNECTION_H

#include "cluster/api/value.h"

struct which_server {
    const char *socket, *data_folder, *port; /* of the command line; NULL: not given */
};
/* Asks; *ret_answer is owned. The exit status, with a message unless it is 0. */
int connection_ask(const struct which_server *which, struct value request, struct value *ret_answer,
                   struct errmsg *message);

#endif
