/* SPDX-License-Identifier: Apache-2.0
 *
 * API priority and fairness (fairness.h), with the priority levels and flow schemas of a fresh
 * cluster:
 *
 *   exempt           system:masters: no limit
 *   leader-election  leases of the control plane's own users
 *   node-high        kubelets' nodes, node status and node leases, so that load does not make nodes
 *                    look dead
 *   system           everything else of kubelets
 *   workload-high    controller manager, scheduler, service accounts of kube-system
 *   workload-low     all other service accounts
 *   global-default   everybody else
 *
 * "Each priority level has its own concurrency limit": its shares of max-requests-inflight +
 * max-mutating-requests-inflight. A request beyond it waits in line; one beyond the line gets 429
 * with Retry-After 1.
 *
 * DEVIATION: one line per level instead of shuffle-sharded fair queues, no borrowing of idle seats
 * between levels, every request takes one seat, and FlowSchema objects that users make are not
 * looked at: the table above is what a cluster starts with.
 *
 * Source: kubernetes.io/docs/concepts/cluster-administration/flow-control/
 */
#include "cluster/apiserver/fairness.h"

#include "cluster/apiserver/server.h"

static const struct {
    uint32_t shares;
    size_t queue_limit; /* queues * length */
} levels[LEVEL_COUNT] = {
    [LEVEL_EXEMPT] = {0, 0},
    [LEVEL_NODE_HIGH] = {40, 64 * 50},
    [LEVEL_SYSTEM] = {30, 64 * 50},
    [LEVEL_LEADER_ELECTION] = {10, 16 * 50},
    [LEVEL_WORKLOAD_HIGH] = {40, 128 * 50},
    [LEVEL_WORKLOAD_LOW] = {100, 128 * 50},
    [LEVEL_GLOBAL_DEFAULT] = {20, 128 * 50},
};
#define SHARES_ALL 245 /* with 5 of catch-all, which nothing falls into here */

void fairness_init(struct apiserver *s)
{
    uint32_t all =
        (uint32_t)(s->flags.max_requests_inflight + s->flags.max_mutating_requests_inflight);
    for (size_t i = 0; i < LEVEL_COUNT; i++) {
        s->fairness.levels[i].seats = (all * levels[i].shares + SHARES_ALL - 1) / SHARES_ALL;
        s->fairness.levels[i].queue_limit = levels[i].queue_limit;
    }
}

static enum priority_level level_of(const struct call *c)
{
    const struct user *u = c->user;
    const struct resource *r = c->request->resource;
    struct str name = user_name(u);
    if (u->is_master)
        return LEVEL_EXEMPT;
    bool is_lease = r == resource_get(RESOURCE_leases);
    if (u->node)
        return r == resource_get(RESOURCE_nodes) || is_lease ? LEVEL_NODE_HIGH : LEVEL_SYSTEM;
    bool is_control_plane = str_equal(name, S("system:kube-controller-manager")) ||
                            str_equal(name, S("system:kube-scheduler"));
    bool is_system_account = str_starts_with(name, S("system:serviceaccount:kube-system:"));
    if (is_lease && (is_control_plane || is_system_account))
        return LEVEL_LEADER_ELECTION;
    if (is_control_plane || is_system_account)
        return LEVEL_WORKLOAD_HIGH;
    return str_starts_with(name, S("system:serviceaccount:")) ? LEVEL_WORKLOAD_LOW
                                                              : LEVEL_GLOBAL_DEFAULT;
}

static void seat(struct call *c, struct step *step)
{
    struct apiserver *s = c->server;
    c->has_seat = true;
    s->fairness.levels[c->level].in_use++;
    if (s->flags.service_time.ns <= 0) {
        pipeline_execute(c, step);
        return;
    }
    if (s->fairness.processor_free_at.ns < step->now.ns)
        s->fairness.processor_free_at = step->now;
    s->fairness.processor_free_at =
        instant_add(s->fairness.processor_free_at, s->flags.service_time);
    c->service_timer =
        step_timer_set(step, s->fairness.processor_free_at, TIMER_TAG(TIMER_SERVICE_TIME, c->slot));
}

void fairness_enter(struct call *c, struct step *step)
{
    c->level = level_of(c);
    struct fairness_queue *q = &c->server->fairness.levels[c->level];
    if (c->level == LEVEL_EXEMPT || q->in_use < q->seats) {
        seat(c, step);
        return;
    }
    if (q->queued >= q->queue_limit) {
        c->server->fairness.refused++;
        call_refuse(c, step,
                    status_too_many_requests(S("Too many requests, please try again later."), 1));
        return;
    }
    c->is_queued = true;
    q->queued++;
    *(q->last ? &q->last->wait_next : &q->first) = c;
    q->last = c;
}

static void queue_remove(struct fairness_queue *q, struct call *c)
{
    struct call *previous = NULL;
    for (struct call *i = q->first; i != c; i = i->wait_next)
        previous = i;
    *(previous ? &previous->wait_next : &q->first) = c->wait_next;
    if (q->last == c)
        q->last = previous;
    c->wait_next = NULL;
    c->is_queued = false;
    q->queued--;
}

void fairness_leave(struct call *c, struct step *step)
{
    struct fairness_queue *q = &c->server->fairness.levels[c->level];
    if (c->is_queued)
        queue_remove(q, c);
    step_timer_cancel(step, c->service_timer);
    if (!c->has_seat)
        return;
    c->has_seat = false;
    q->in_use--;
    if (q->first && q->in_use < q->seats) {
        struct call *next = q->first;
        queue_remove(q, next);
        seat(next, step);
    }
}

void fairness_service_done(struct apiserver *s, struct step *step, uint32_t slot)
{
    struct call *c = slot < s->slots.count ? s->slots.items[slot] : NULL;
    if (!c || c->service_timer == 0)
        return;
    c->service_timer = 0;
    pipeline_execute(c, step);
}
