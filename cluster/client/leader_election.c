/* SPDX-License-Identifier: Apache-2.0
 *
 * Leader election as client-go does it (tools/leaderelection) with a Lease in kube-system.
 *
 * Acquire: every retry period (2 s, plus up to 1.2 times as much at random) read the lease; take it
 * when there is none, when nobody holds it, or when its record has not changed for the lease
 * duration *as this process saw it* on its own clock. Renew: every 2 s; a leader whose record was
 * last renewed within the lease duration updates it without reading. When no renewal has succeeded
 * for the renew deadline (10 s) leadership is lost: `stopped` is called and, as in the real
 * binaries, the process is expected to end.
 *
 * A request that hangs does not hold up the deadline: it is given up after half the renew deadline,
 * as the election's client has that time-out.
 *
 * The times in the record are for people. Two clocks of different speed may still yield two
 * leaders: client-go documents that as its limit.
 */
#include "sim/base/base.h"

#include "cluster/client/leader_election.h"

#include "cluster/api/object.h"
#include "cluster/client/recorder.h"
#include "sim/base/mem.h"

#define PURPOSE_IDENTITY 0x1d /* a stream of random numbers of its own */

struct leader_election {
    struct client *client;
    struct leader_election_options options;
    struct recorder *recorder; /* NULL: no component is named */
    struct value name, identity;
    const struct object_key *key;
    bool is_leader;
    struct value observed;           /* the lease as last read or written; absent: none seen */
    struct instant observed_changed; /* when its spec was last seen to differ */
    uint64_t request_id;
    struct client_timer retry_timer, deadline_timer, request_timer;
};

static void attempt(void *owner, struct step *step);
static void on_deadline(void *owner, struct step *step);
static void on_request_timeout(void *owner, struct step *step);

struct leader_election *leader_election_new(struct client *client,
                                            const struct leader_election_options *options)
{
    struct leader_election *e = mem_new(struct leader_election);
    e->client = client;
    e->options = *options;
    e->name = value_string(options->name);
    e->identity = value_string(options->identity);
    if (options->component.size > 0)
        e->recorder = recorder_new(client, options->component, S(""));
    e->options.name = e->options.identity = e->options.component = S("");
    if (e->options.lease_duration.ns == 0)
        e->options.lease_duration = duration_s(15);
    if (e->options.renew_deadline.ns == 0)
        e->options.renew_deadline = duration_s(10);
    if (e->options.retry_period.ns == 0)
        e->options.retry_period = duration_s(2);
    e->key = object_key_of(resource_get(RESOURCE_leases), S("kube-system"), value_str(e->name));
    e->retry_timer = (struct client_timer){.fire = attempt, .owner = e};
    e->deadline_timer = (struct client_timer){.fire = on_deadline, .owner = e};
    e->request_timer = (struct client_timer){.fire = on_request_timeout, .owner = e};
    return e;
}

void leader_election_free(struct leader_election *e)
{
    if (!e)
        return;
    client_timer_release(e->client, &e->retry_timer);
    client_timer_release(e->client, &e->deadline_timer);
    client_timer_release(e->client, &e->request_timer);
    recorder_free(e->recorder);
    object_key_unref(e->key);
    value_drop(e->observed);
    value_drop(e->name);
    value_drop(e->identity);
    mem_free(e);
}

/* A process that was started again is somebody else: it waits until the lease of its predecessor
 * has run out, as the real ones do after a crash. */
static void make_unique(struct leader_election *e, struct step *step)
{
    uint64_t a = step_random(step, PURPOSE_IDENTITY);
    uint64_t b = step_random(step, PURPOSE_IDENTITY);
    struct value unique =
        value_printf("%.*s_%08x-%04x-4%03x-%04x-%012" PRIx64, STR_ARG(value_str(e->identity)),
                     (unsigned)(a >> 32), (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff),
                     (unsigned)(0x8000 | b >> 50), b & 0xffffffffffff);
    value_drop(e->identity);
    e->identity = unique;
}

void leader_election_start(struct leader_election *e, struct step *step)
{
    make_unique(e, step);
    attempt(e, step);
}

bool leader_election_is_leader(const struct leader_election *e)
{
    return e->is_leader;
}

/* ---- what was seen ---- */

static void observe(struct leader_election *e, struct step *step, struct value lease)
{
    if (!value_equal(value_get(e->observed, ATOM_spec), value_get(lease, ATOM_spec)))
        e->observed_changed = step->now;
    value_drop(e->observed);
    e->observed = value_keep(lease);
}

static bool is_held_by_me(const struct leader_election *e, struct value lease)
{
    return value_equal(VALUE_GET(lease, spec, holderIdentity), e->identity);
}

static bool is_valid(const struct leader_election *e, struct instant now)
{
    return now.ns < instant_add(e->observed_changed, e->options.lease_duration).ns;
}

static struct value record_of(const struct leader_election *e, struct step *step, struct value old)
{
    struct value now = micro_time_value(step->wall);
    bool is_mine = is_held_by_me(e, old);
    int64_t transitions = VALUE_INT(old, 0, spec, leaseTransitions);
    struct value acquired =
        is_mine ? value_keep(VALUE_GET(old, spec, acquireTime)) : value_keep(now);
    if (!is_mine && value_is_present(old))
        transitions++;
    return value_pack(
        "{holderIdentity: %v, leaseDurationSeconds: %D, acquireTime: %v, renewTime: %v, "
        "leaseTransitions: %D}",
        value_keep(e->identity), e->options.lease_duration.ns / 1000000000, acquired, now,
        transitions);
}

/* ---- outcome of an attempt ---- */

static void request_over(struct leader_election *e, struct step *step)
{
    e->request_id = 0;
    client_timer_cancel(e->client, step, &e->request_timer);
}

static void attempt_ended(struct leader_election *e, struct step *step)
{
    struct duration wait = e->options.retry_period;
    if (!e->is_leader) /* JitterFactor 1.2 */
        wait.ns += (int64_t)client_random_below(e->client, step, (uint64_t)(wait.ns / 10 * 12));
    client_timer_set(e->client, step, &e->retry_timer, instant_add(step->now, wait));
}

static void succeeded(struct leader_election *e, struct step *step)
{
    client_timer_set(e->client, step, &e->deadline_timer,
                     instant_add(step->now, e->options.renew_deadline));
    bool is_new = !e->is_leader;
    e->is_leader = true;
    attempt_ended(e, step);
    if (is_new) {
        step_trace(step, "leader-election", value_str(e->name), "%.*s acquires the lease and leads",
                   STR_ARG(value_str(e->identity)));
        if (e->recorder)
            recorder_event(e->recorder, step, e->observed, "Normal", "LeaderElection",
                           "%.*s became leader", STR_ARG(value_str(e->identity)));
        e->options.started(e->options.owner, step);
    }
}

static void on_deadline(void *owner, struct step *step)
{
    struct leader_election *e = owner;
    if (!e->is_leader)
        return;
    e->is_leader = false;
    client_timer_cancel(e->client, step, &e->retry_timer);
    step_trace(step, "leader-election", value_str(e->name),
               "%.*s could not renew the lease in time and stops leading",
               STR_ARG(value_str(e->identity)));
    e->options.stopped(e->options.owner, step);
}

/* ---- requests ---- */

static void send(struct leader_election *e, struct step *step, struct request *own_request,
                 response_fn done)
{
    e->request_id = client_send(e->client, step, own_request, done, e, 0);
    struct instant limit = instant_add(step->now, duration_ns(e->options.renew_deadline.ns / 2));
    client_timer_set(e->client, step, &e->request_timer, limit);
}

static void on_request_timeout(void *owner, struct step *step)
{
    struct leader_election *e = owner;
    client_forget(e->client, step, e->request_id);
    e->request_id = 0;
    attempt_ended(e, step);
}

static void read_lease(struct leader_election *e, struct step *step);

static void on_written(void *owner, struct step *step, const struct response *r, uint64_t tag)
{
    struct leader_election *e = owner;
    bool was_blind = tag == 1;
    request_over(e, step);
    if (response_ok(r)) {
        observe(e, step, r->body);
        succeeded(e, step);
    } else if (was_blind) {
        read_lease(e, step); /* somebody else wrote it, or it is gone */
    } else {
        attempt_ended(e, step);
    }
}

static void on_written_blind(void *owner, struct step *step, const struct response *r, uint64_t tag)
{
    (void)tag;
    on_written(owner, step, r, 1);
}

static void update_lease(struct leader_election *e, struct step *step, response_fn done)
{
    struct value record = record_of(e, step, e->observed);
    struct value lease = VALUE_SET(value_keep(e->observed), record, spec);
    send(e, step, client_update_request(resource_get(RESOURCE_leases), lease, SUBRESOURCE_NONE),
         done);
}

static void create_lease(struct leader_election *e, struct step *step)
{
    struct value lease =
        value_pack("{kind: Lease, apiVersion: \"coordination.k8s.io/v1\", metadata: {name: %v, "
                   "namespace: \"kube-system\"}, spec: %v}",
                   value_keep(e->name), record_of(e, step, VALUE_ABSENT));
    send(e, step, client_create_request(resource_get(RESOURCE_leases), lease), on_written);
}

static void on_read(void *owner, struct step *step, const struct response *r, uint64_t tag)
{
    (void)tag;
    struct leader_election *e = owner;
    request_over(e, step);
    if (r->code == 404) {
        create_lease(e, step);
        return;
    }
    if (!response_ok(r)) {
        attempt_ended(e, step);
        return;
    }
    observe(e, step, r->body);
    struct str holder = VALUE_STR(e->observed, spec, holderIdentity);
    if (holder.size > 0 && is_valid(e, step->now) && !is_held_by_me(e, e->observed)) {
        attempt_ended(e, step);
        return;
    }
    update_lease(e, step, on_written);
}

static void read_lease(struct leader_election *e, struct step *step)
{
    send(e, step, request_for_key(VERB_GET, e->key), on_read);
}

static void attempt(void *owner, struct step *step)
{
    struct leader_election *e = owner;
    if (e->is_leader && is_held_by_me(e, e->observed) && is_valid(e, step->now))
        update_lease(e, step, on_written_blind);
    else
        read_lease(e, step);
}
