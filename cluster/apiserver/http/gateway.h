/* SPDX-License-Identifier: Apache-2.0
 *
 * The gateway: the simulated process through which requests from outside reach the API servers. It
 * stands on the host `outside` and speaks to their balancer as any client does; each connection of
 * a real client is a stream of its own, so that each lands on one API server, as it would.
 *
 * What enters is a command: stamped with its instant and journaled before it acts. What comes back
 * is told to the edge through the sink, which may only take note of it: it runs within an event.
 *
 *     process_id g = gateway_add(sim, host, &config);
 *     gateway_send(sim, g, connection, id, own_request);
 *     ... run ...
 *     config.sink->response(owner, id, response);      code 0: the connection was lost or refused
 */
#ifndef CLUSTER_APISERVER_HTTP_GATEWAY_H
#define CLUSTER_APISERVER_HTTP_GATEWAY_H

#include "cluster/api/request.h"
#include "sim/sim.h"

struct gateway_sink {
    /* Of each request once; of a watch that is refused or lost as well, else 200 comes first. */
    void (*response)(void *owner, uint64_t id, const struct response *response);
    void (*event)(void *owner, uint64_t id, const struct watch_event *event);
    /* Of log, exec and their kin, after 200 or 101; the last one says so. */
    void (*bytes)(void *owner, uint64_t id, const struct channel_bytes *bytes);
};
struct gateway_config {
    address_id server;
    const struct gateway_sink *sink; /* borrowed while the simulation lives; NULL: a replay */
    void *owner;
};
extern const struct process_type gateway_process;
#define GATEWAY_NAME "gateway" /* of the process, unless there are several */
/* The config is borrowed while the simulation lives. */
process_id gateway_add(struct sim *sim, host_id host, struct str name,
                       const struct gateway_config *config);

/* From outside. `connection` and `id` are numbers of the edge's, never used twice. */
void gateway_send(struct sim *sim, process_id gateway, uint64_t connection, uint64_t id,
                  struct request *own_request);
void gateway_cancel(struct sim *sim, process_id gateway, uint64_t connection, uint64_t id);
/* What a client sends on a channel of an exec or the like (enum connect_channel). */
void gateway_bytes(struct sim *sim, process_id gateway, uint64_t connection, uint64_t id,
                   uint8_t channel, struct str bytes);
void gateway_close(struct sim *sim, process_id gateway, uint64_t connection);
/* All connections at once: the program that had them has ended. Their numbers are free again. */
void gateway_reset(struct sim *sim, process_id gateway);

/* ---- for the journal ---- */

extern const struct message_type gateway_command_message;
/* What a command is made of, so that it can be posted again in a replay. Each verb and each field of
 * a request must be in it. */
void gateway_command_write(const struct message *command, struct text *out);
/* Does it change something, more than a lease or an Event? */
bool gateway_command_writes(const struct message *command);
/* Posts what was written; false: it is damaged, and nothing was posted. */
bool gateway_command_post(struct sim *sim, process_id gateway, struct str written);

#endif
