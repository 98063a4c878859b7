/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses: who listens where, and balancers in front of several.
 *
 * An address belongs to the host on which it was last listened on; after its process has died that
 * host refuses connections to it. Before anybody has listened it belongs to the host whose name
 * stands before the colon. A balancer's front hands each connection to the next backend in turn;
 * one that refuses, or stays silent for a few seconds, is passed over for the next.
 */
#include "sim/world.h"

host_id address_host(struct sim *sim, address_id id)
{
    struct address *a = address_of(sim, id);
    if (!a->host)
        (void)sim_find_host(sim, str_slice(a->text, 0, str_find(a->text, ':')), &a->host);
    return a->host;
}

address_id address_backend(struct sim *sim, address_id front)
{
    struct address *a = address_of(sim, front);
    return a->backend_count ? a->backends[a->turn++ % a->backend_count] : front;
}

void step_listen(struct step *step, address_id address)
{
    struct sim *sim = step->sim;
    struct address *a = address_of(sim, address);
    struct process *p = process_of(sim, step->process);
    CHECK(a->backend_count == 0);
    if (a->listener == step->process)
        return;
    CHECK(a->listener == 0); /* one process listens on an address at a time */
    a->listener = step->process;
    a->host = p->host;
    a->next_of_listener = p->first_listen;
    p->first_listen = address;
}

void addresses_process_dies(struct sim *sim, process_id id)
{
    struct process *p = process_of(sim, id);
    while (p->first_listen) {
        struct address *a = address_of(sim, p->first_listen);
        a->listener = 0;
        p->first_listen = a->next_of_listener;
        a->next_of_listener = 0;
    }
}

void sim_balancer_add(struct sim *sim, address_id front, const address_id *backends, size_t count)
{
    struct address *a = address_of(sim, front);
    CHECK(count > 0);
    CHECK(a->listener == 0);
    a->backends = mem_resize(a->backends, address_id, a->backend_count, count);
    memcpy(a->backends, backends, count * sizeof(*backends));
    a->backend_count = count;
}
