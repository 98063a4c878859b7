/* SPDX-License-Identifier: Apache-2.0
 *
 * The turn of the world outside: between two events of the simulation, network and control socket
 * are looked at and the pace is kept.
 *
 * A request that waits is answered at once, whatever the pace: virtual time runs as far as the
 * answer needs, at most AHEAD from the last thing that came in (an API server that hangs never
 * answers), and after a write a moment longer, so that watchers see it. The clock is then a little
 * ahead of its pace. A paused clock thus moves by the few milliseconds that requests take.
 *
 * Answers leave as soon as they are made; while much is due, the network is looked at every
 * SLICE_US.
 */
#include "sim/base/base.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "cluster/api/object.h"
#include "sim/base/mem.h"
#include "tui/edge.h"
#include "tui/serve/control.h"
#include "tui/serve/serving.h"

#define SLICE_US 10000
#define EVENTS_PER_LOOK 64 /* at the clock */
#define POLL_MS_MAX 1000
#define AHEAD duration_s(65) /* an API server gives up after 60 */
#define SETTLE duration_ms(10)
#define MARK_EVERY_US 10000000

/* ---- signals ---- */

static volatile sig_atomic_t wants_end;
static volatile sig_atomic_t wake_fd = -1;

static void on_signal(int number)
{
    (void)number;
    static const uint64_t one = 1;
    if (wants_end)
        _exit(130);
    wants_end = 1;
    if (wake_fd >= 0 && write(wake_fd, &one, sizeof(one)) < 0)
        return; /* it is awake */
}

void live_prepare_signals(void)
{
    struct sigaction end = {.sa_handler = on_signal};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&end.sa_mask);
    sigemptyset(&ignore.sa_mask);
    (void)sigaction(SIGINT, &end, NULL);
    (void)sigaction(SIGTERM, &end, NULL);
    (void)sigaction(SIGHUP, &end, NULL);
    (void)sigaction(SIGPIPE, &ignore, NULL);
}

bool live_wants_end(void)
{
    return wants_end != 0;
}

void live_end(void)
{
    wants_end = 1;
}

/* ---- what is a change for the pace ---- */

/* Conditions without their times. */
static bool same_conditions(struct value a, struct value b)
{
    if (value_count(a) != value_count(b))
        return false;
    for (size_t i = 0; i < value_count(a); i++) {
        struct value x = value_at(a, i), y = value_at(b, i);
        if (!value_equal(VALUE_GET(x, type), VALUE_GET(y, type)) ||
            !value_equal(VALUE_GET(x, status), VALUE_GET(y, status)))
            return false;
    }
    return true;
}

static bool is_heartbeat(const struct view_change *c)
{
    const struct resource *r = c->key->resource;
    if (r == resource_get(RESOURCE_leases) || r == resource_get(RESOURCE_events)->storage ||
        r == resource_get(RESOURCE_componentstatuses)) /* API servers' own leases are under it */
        return true;
    if (r != resource_get(RESOURCE_nodes) || !value_is_present(c->before) ||
        !value_is_present(c->after))
        return false;
    return value_equal(VALUE_GET(c->before, spec), VALUE_GET(c->after, spec)) &&
           value_equal(VALUE_GET(c->before, metadata, labels),
                       VALUE_GET(c->after, metadata, labels)) &&
           same_conditions(VALUE_GET(c->before, status, conditions),
                           VALUE_GET(c->after, status, conditions));
}

static void on_change(void *owner, const struct view_change *change)
{
    struct serving *v = owner;
    if (!is_heartbeat(change))
        pace_changed(&v->pace, change->at);
}

void live_begin(struct serving *v)
{
    int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake >= 0)
        http_server_wake_on(v->server, wake);
    wake_fd = wake;
    if (v->plain)
        http_server_wake_on(v->server, http_server_fd(v->plain));
    if (v->control)
        http_server_wake_on(v->server, control_fd(v->control));
    view_listen(v->run->view, on_change, v);
    mem_free(v->folder.loaded); /* what was replayed from it is over */
    v->folder.loaded = NULL;
    v->is_live = true;
    v->must_poll = true;
    v->limit = v->ahead = v->settle = sim_now(v->sim);
    v->marked_us = edge_wall_us();
    pace_begin(&v->pace, sim_now(v->sim), edge_wall_us());
}

/* ---- turns ---- */

static size_t waiting(const struct serving *v)
{
    return http_server_waiting(v->server) + (v->plain ? http_server_waiting(v->plain) : 0);
}

static void look(struct serving *v)
{
    int64_t wall = edge_wall_us();
    v->since_look = 0;
    v->must_poll |= wall >= v->slice_end_us;
    v->pace.is_busy = session_phase(v->session) == SESSION_STEPPING || control_is_busy(v->control);
    v->limit = pace_look(&v->pace, sim_now(v->sim), wall);
}

/* As far as the clock may go, pace or not. */
static bool is_due(struct serving *v, struct instant next, size_t waits)
{
    if (!instant_before(v->limit, next) || !instant_before(v->settle, next))
        return true;
    if (waits > 0 && !instant_before(v->ahead, next))
        return true;
    /* A write of somebody's step or of ctl is a request as well. */
    struct instant since = v->run->acting_since;
    return since.ns != INSTANT_NEVER.ns && !instant_before(instant_add(since, AHEAD), next);
}

static bool may_run(struct serving *v, struct instant next)
{
    size_t waits = waiting(v);
    if (waits < v->waiting_seen) { /* somebody has been answered */
        v->must_poll = true;
        if (v->has_written)
            v->settle = instant_add(sim_now(v->sim), SETTLE);
    }
    v->waiting_seen = waits;
    if (++v->since_look >= EVENTS_PER_LOOK)
        look(v);
    if (v->pace.has_goal && pace_goal_reached(&v->pace, sim_now(v->sim), sim_event_count(v->sim))) {
        look(v);
        control_goal_reached(v->control);
        v->must_poll = true;
    }
    return !v->must_poll && is_due(v, next, waits);
}

static void mark(struct serving *v)
{
    int64_t wall = edge_wall_us();
    if (wall - v->marked_us < MARK_EVERY_US || sim_event_count(v->sim) == v->marked_events)
        return;
    v->marked_us = wall;
    v->marked_events = sim_event_count(v->sim);
    session_mark(v->session);
}

/* Looks at the network, waiting for it while nothing is due. */
static void poll_outside(struct serving *v, struct instant next)
{
    struct sim *sim = v->sim;
    size_t waits = waiting(v);
    look(v);
    bool is_next_due = is_due(v, next, waits);
    if (!is_next_due && instant_before(v->limit, next) && instant_before(sim_now(sim), v->limit))
        sim_run_until(sim, v->limit); /* no event is due by then */
    mark(v);
    int ms = is_next_due ? 0 : pace_rest_ms(&v->pace, sim_now(sim), next, POLL_MS_MAX);
    if (v->plain)
        ms = http_server_due_ms(v->plain, ms);
    http_server_poll(v->server, ms);
    if (v->plain)
        http_server_poll(v->plain, 0);
    control_poll(v->control);
    v->must_poll = false;
    v->slice_end_us = edge_wall_us() + SLICE_US;
    if (session_has_acted(v->session)) {
        v->ahead = instant_add(sim_now(sim), AHEAD);
        v->has_written = session_has_written(v->session);
        if (v->has_written) {
            v->settle = instant_add(sim_now(sim), SETTLE);
            pace_written(&v->pace, sim_now(sim));
        }
    }
    v->waiting_seen = waiting(v);
    look(v);
}

enum run_turn live_turn(void *owner, struct session *s, struct instant next)
{
    struct serving *v = owner;
    if (wants_end || v->folder.has_failed)
        return TURN_STOP;
    if (session_phase(s) < SESSION_STEPPING)
        return TURN_GO;
    if (!v->is_live)
        live_begin(v);
    while (!may_run(v, next)) {
        poll_outside(v, next);
        if (wants_end || v->folder.has_failed)
            return TURN_STOP;
        if (session_has_acted(s))
            return TURN_GO; /* look again what is next */
    }
    return TURN_GO;
}
