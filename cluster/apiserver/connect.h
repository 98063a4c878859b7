/* SPDX-License-Identifier: Apache-2.0
 *
 * The connect subresources: log, exec, attach and portforward of pods, proxy of pods, services and
 * nodes. A call that may go on becomes a tunnel: a client's conversation on one side, a stream to a
 * kubelet or a pod on the other.
 */
#ifndef CLUSTER_APISERVER_CONNECT_H
#define CLUSTER_APISERVER_CONNECT_H

#include "cluster/apiserver/server.h"

void connect_start(struct call *c, struct step *step);
/* False: the input is not a tunnel's. */
bool connect_input(struct apiserver *s, struct step *step, const struct input *in);
/* From a client: bytes on a channel, giving up, leaving. */
void connect_bytes(struct step *step, struct connection *k, const struct channel_bytes *b);
bool connect_cancel(struct step *step, struct connection *k, uint64_t id);
void connect_leave(struct step *step, struct connection *k);
void connect_release(struct apiserver *s);

#endif
