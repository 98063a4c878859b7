/* SPDX-License-Identifier: Apache-2.0
 *
 * The visitor: a process outside the cluster that sends requests for the step `request` and keeps
 * what was answered.
 *
 *     visitor_post(sim, visitor, id, entrance, own_request);      a command: stamped and journaled
 *     ... run until visitor_answer(sim, visitor, id) is not NULL, or nobody waits any more ...
 */
#ifndef SCENARIOS_ENGINE_VISITOR_H
#define SCENARIOS_ENGINE_VISITOR_H

#include "runtime/traffic.h"

struct visitor_config {
    address_id address; /* where answers come */
};
extern const struct process_type visitor_process;

/* Sends the request to `entrance` (the network of a node); takes it and sets its id and reply_to.
 */
void visitor_post(struct sim *sim, process_id visitor, uint64_t id, address_id entrance,
                  struct traffic_request *own_request);
/* NULL: not yet. Borrowed until the next event. */
const struct traffic_response *visitor_answer(const struct sim *sim, process_id visitor,
                                              uint64_t id);

#endif
