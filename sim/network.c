/* SPDX-License-Identifier: Apache-2.0
 *
 * Paths between hosts: latency, the rules of faults, datagrams, message faults.
 *
 * The latency of a packet is base + jitter + what the rules add. Its jitter is a stateless draw
 * from (seed, link, kind of message, how many of that kind went before on that link): a message
 * more or less of one kind changes nobody else's. A link is one direction of one stream, or the
 * datagrams of one process.
 *
 * A rule is evaluated for each packet when it is sent, except a cut, which the streams are told of
 * when it begins and ends. Processes of one host talk over its loopback, which no rule reaches.
 */
#include "sim/world.h"

#define LOOPBACK_NS 20000
#define LOOPBACK_JITTER_NS 5000
#define RETRANSMIT_NS INT64_C(200000000)
#define RETRANSMIT_MAX_NS INT64_C(120000000000)
#define RETRANSMITS_MAX 15
#define REORDER_NS 10000000
#define SECOND_NS INT64_C(1000000000)

/* ---- counters ---- */

uint32_t kind_count(struct kind_counters *counters, uint32_t kind)
{
    for (size_t i = 0; i < counters->count; i++)
        if (counters->items[i].kind == kind)
            return counters->items[i].n++;
    if (counters->count == counters->capacity) {
        size_t grown = counters->capacity ? (size_t)counters->capacity * 2 : 4;
        CHECK(grown <= UINT16_MAX);
        counters->items =
            mem_resize(counters->items, struct kind_counter, counters->capacity, grown);
        counters->capacity = (uint16_t)grown;
    }
    counters->items[counters->count++] = (struct kind_counter){kind, 1};
    return 0;
}

/* When a sender that began at `sent` and doubles its time-out first sends again, at or after
 * `until`. */
int64_t retransmission_after(int64_t sent, int64_t until, int64_t timeout)
{
    int64_t at = sent;
    while (at < until) {
        at += timeout;
        timeout = timeout * 2 < RETRANSMIT_MAX_NS ? timeout * 2 : RETRANSMIT_MAX_NS;
    }
    return at;
}

/* ---- rules ---- */

static bool bit_is_set(const uint64_t *words, size_t count, uint32_t bit)
{
    return bit / 64 < count && (words[bit / 64] >> (bit % 64) & 1);
}

static bool is_member(const struct members *m, struct path_end end)
{
    return m->all || bit_is_set(m->hosts, m->host_words, end.host) ||
           bit_is_set(m->processes, m->process_words, end.process);
}

static bool goes(const struct rule *rule, struct path_end from, struct path_end to)
{
    if (!is_member(&rule->from, from) || !is_member(&rule->to, to))
        return false;
    if (rule->to.all && !rule->from.all && is_member(&rule->from, to))
        return false; /* inside the set */
    return !(rule->from.all && !rule->to.all && is_member(&rule->to, from));
}

static bool rule_matches(const struct rule *rule, struct path_end from, struct path_end to)
{
    if (from.host == to.host)
        return false;
    return goes(rule, from, to) || (rule->rule.both_ways && goes(rule, to, from));
}

bool network_is_cut(const struct sim *sim, struct path_end from, struct path_end to)
{
    for (size_t i = 0; i < sim->rules.count; i++) {
        const struct rule *rule = &sim->rules.items[i];
        bool cuts = rule->rule.is_cut || rule->rule.loss_percent >= 100;
        if (cuts && rule_matches(rule, from, to))
            return true;
    }
    return false;
}

static int64_t draw_up_to(uint64_t key, uint64_t n, int64_t limit)
{
    struct random_stream r = {key, n};
    return limit > 0 ? (int64_t)random_below(&r, (uint64_t)limit + 1) : 0;
}

static bool draw_percent(uint64_t key, uint64_t n, uint32_t percent)
{
    struct random_stream r = {key, n};
    return percent > 0 && random_below(&r, 100) < percent;
}

/* What one rule adds to the flight; HELD: lost for good. */
static int64_t rule_delay(struct sim *sim, struct rule *rule, const struct flight *f, uint64_t key)
{
    const struct network_rule *r = &rule->rule;
    uint64_t own_key = hash_pair(key, rule->id);
    int64_t delay = r->delay.ns + draw_up_to(own_key, f->n, r->jitter.ns);
    uint64_t loss_key = hash_pair(own_key, PURPOSE_LOSS);
    int64_t timeout = RETRANSMIT_NS;
    uint64_t tries = 0;
    while (draw_percent(loss_key, (uint64_t)f->n * RETRANSMITS_MAX + tries, r->loss_percent)) {
        if (!f->is_stream || ++tries == RETRANSMITS_MAX)
            return HELD;
        delay += timeout;
        timeout = timeout * 2 < RETRANSMIT_MAX_NS ? timeout * 2 : RETRANSMIT_MAX_NS;
    }
    if (r->bytes_per_second) {
        int64_t start = rule->busy_until > sim->now ? rule->busy_until : sim->now;
        uint64_t ns = (uint64_t)f->size_bytes * SECOND_NS / r->bytes_per_second;
        rule->busy_until = start + (int64_t)ns;
        delay += rule->busy_until - sim->now;
    }
    if (!f->is_stream && draw_percent(hash_pair(own_key, REORDER_NS), f->n, r->reorder_percent))
        delay += draw_up_to(hash_pair(own_key, REORDER_NS + 1), f->n, REORDER_NS);
    return delay;
}

int64_t network_latency(struct sim *sim, const struct flight *f)
{
    uint64_t key = hash_pair(f->key, f->kind);
    if (f->from.host == f->to.host)
        return LOOPBACK_NS + draw_up_to(key, f->n, LOOPBACK_JITTER_NS);
    int64_t latency = sim->options.latency.ns + draw_up_to(key, f->n, sim->options.jitter.ns);
    for (size_t i = 0; i < sim->rules.count; i++) {
        struct rule *rule = &sim->rules.items[i];
        if (rule->rule.is_cut || !rule_matches(rule, f->from, f->to))
            continue;
        int64_t delay = rule_delay(sim, rule, f, key);
        if (delay == HELD)
            return HELD;
        latency += delay;
    }
    return latency;
}

bool flight_duplicates(const struct sim *sim, const struct flight *f)
{
    for (size_t i = 0; i < sim->rules.count; i++) {
        const struct rule *rule = &sim->rules.items[i];
        uint64_t key = hash_pair(hash_pair(f->key, f->kind), rule->id + PURPOSE_DATAGRAM);
        if (rule_matches(rule, f->from, f->to) &&
            draw_percent(key, f->n, rule->rule.duplicate_percent))
            return true;
    }
    return false;
}

static uint64_t *bits_of(const uint32_t *ids, size_t count, size_t *ret_words)
{
    uint32_t highest = 0;
    for (size_t i = 0; i < count; i++)
        highest = ids[i] > highest ? ids[i] : highest;
    *ret_words = count ? highest / 64 + 1 : 0;
    uint64_t *words = count ? mem_array(uint64_t, *ret_words) : NULL;
    for (size_t i = 0; i < count; i++)
        words[ids[i] / 64] |= UINT64_C(1) << (ids[i] % 64);
    return words;
}

static struct members members_of(const struct fault_set *set)
{
    struct members m = {.all = set->host_count == 0 && set->process_count == 0};
    m.hosts = bits_of(set->hosts, set->host_count, &m.host_words);
    m.processes = bits_of(set->processes, set->process_count, &m.process_words);
    return m;
}

static void members_release(struct members *m)
{
    mem_free(m->hosts);
    mem_free(m->processes);
}

static void set_print(const struct sim *sim, const struct fault_set *set, struct text *out)
{
    if (set->host_count == 0 && set->process_count == 0)
        text_add(out, S(" everything"));
    for (size_t i = 0; i < set->host_count; i++)
        text_printf(out, " %.*s", STR_ARG(host_of(sim, set->hosts[i])->name));
    for (size_t i = 0; i < set->process_count; i++)
        text_printf(out, " %.*s", STR_ARG(process_of(sim, set->processes[i])->name));
}

static void rule_print(const struct sim *sim, const struct network_rule *rule, struct text *out)
{
    text_add(out, rule->is_cut ? S("cut") : S("impair"));
    set_print(sim, &rule->from, out);
    text_add(out, rule->both_ways ? S(" <->") : S(" ->"));
    set_print(sim, &rule->to, out);
    if (rule->delay.ns || rule->jitter.ns)
        text_printf(out, " delay %" PRId64 "ns jitter %" PRId64 "ns", rule->delay.ns,
                    rule->jitter.ns);
    if (rule->loss_percent)
        text_printf(out, " loss %u%%", rule->loss_percent);
    if (rule->duplicate_percent)
        text_printf(out, " duplicate %u%%", rule->duplicate_percent);
    if (rule->reorder_percent)
        text_printf(out, " reorder %u%%", rule->reorder_percent);
    if (rule->bytes_per_second)
        text_printf(out, " %" PRIu64 " bytes/s", rule->bytes_per_second);
}

network_rule_id sim_network_rule_add(struct sim *sim, const struct network_rule *rule)
{
    AUTO(text) struct text text = {0};
    rule_print(sim, rule, &text);
    outside_action(sim, 0, 0, "network rule %u: %s", sim->last_rule + 1, text_c(&text));
    struct rule added = {.id = ++sim->last_rule,
                         .rule = *rule,
                         .from = members_of(&rule->from),
                         .to = members_of(&rule->to)};
    added.rule.from = added.rule.to = (struct fault_set){0};
    vec_push(&sim->rules, added);
    streams_refresh_all(sim);
    return added.id;
}

void sim_network_rule_remove(struct sim *sim, network_rule_id id)
{
    for (size_t i = 0; i < sim->rules.count; i++) {
        if (sim->rules.items[i].id != id)
            continue;
        outside_action(sim, 0, 0, "network rule %u ends", id);
        members_release(&sim->rules.items[i].from);
        members_release(&sim->rules.items[i].to);
        vec_remove(&sim->rules, i);
        streams_refresh_all(sim);
        return;
    }
}

/* ---- message faults ---- */

message_fault_id sim_message_fault_add(struct sim *sim, const struct message_fault *fault)
{
    CHECK(fault->nth > 0);
    outside_action(sim, fault->to, 0, "message fault %u: %s number %" PRIu64, sim->last_trip + 1,
                   fault->type ? fault->type : "message", fault->nth);
    vec_push(&sim->trips, (struct message_trip){++sim->last_trip, *fault, 0});
    return sim->last_trip;
}

static size_t trip_index(const struct sim *sim, message_fault_id id)
{
    size_t i = 0;
    while (i < sim->trips.count && sim->trips.items[i].id != id)
        i++;
    return i;
}

void sim_message_fault_remove(struct sim *sim, message_fault_id id)
{
    size_t i = trip_index(sim, id);
    if (i == sim->trips.count)
        return;
    outside_action(sim, 0, 0, "message fault %u ends", id);
    vec_remove(&sim->trips, i);
}

bool sim_message_fault_has_acted(const struct sim *sim, message_fault_id id)
{
    return id > 0 && id <= sim->last_trip && trip_index(sim, id) == sim->trips.count;
}

static bool is_after_action(enum message_action action)
{
    return action == MESSAGE_RESET_AFTER || action == MESSAGE_KILL_RECEIVER_AFTER ||
           action == MESSAGE_KILL_SENDER_AFTER;
}

static void trip_act(struct sim *sim, enum message_action action, stream_id stream, process_id from,
                     process_id to, const struct message *message)
{
    bool kills_sender = action == MESSAGE_KILL_SENDER_BEFORE || action == MESSAGE_KILL_SENDER_AFTER;
    bool resets = action == MESSAGE_RESET_BEFORE || action == MESSAGE_RESET_AFTER;
    const char *what = kills_sender ? "kill the sender" : resets ? "reset" : "kill the receiver";
    trace_outside(sim, "fault", process_of(sim, to)->name, "%s %s %s", what,
                  is_after_action(action) ? "after" : "before", message->type->name);
    if (resets) {
        stream_reset_now(sim, stream);
        return;
    }
    process_id victim = kills_sender ? from : to;
    process_die(sim, victim, false);
    process_supervise(sim, victim);
}

/* Each delivery is counted once, before it. */
bool trips_act(struct sim *sim, stream_id stream, process_id from, process_id to,
               const struct message *message, bool is_after)
{
    for (size_t i = 0; i < sim->trips.count; i++) {
        struct message_trip *trip = &sim->trips.items[i];
        const struct message_fault *f = &trip->fault;
        if ((f->from && f->from != from) || (f->to && f->to != to) ||
            (f->type && !str_equal(str_from(f->type), str_from(message->type->name))))
            continue;
        if (!is_after)
            trip->seen++;
        if (trip->seen != f->nth || is_after_action(f->action) != is_after)
            continue;
        enum message_action action = f->action;
        vec_remove(&sim->trips, i);
        trip_act(sim, action, stream, from, to, message);
        return true;
    }
    return false;
}

/* ---- datagrams ---- */

void datagram_free(struct datagram *d)
{
    message_unref(d->message);
    mem_free(d);
}

static void datagram_fly(struct sim *sim, const struct datagram *d, int64_t latency)
{
    struct datagram *copy = mem_new(struct datagram);
    *copy = *d;
    message_ref(copy->message);
    struct event event = {EVENT_DATAGRAM, 0, (uintptr_t)copy};
    queue_push(sim->queue, instant_add(now_of(sim), duration_ns(latency)),
               tie_next(sim, CLASS_NETWORK, d->from), &event);
}

void step_send_datagram(struct step *step, address_id to, struct message *own_message)
{
    struct sim *sim = step->sim;
    struct process *p = process_of(sim, step->process);
    struct datagram d = {own_message, step->process, address_backend(sim, to)};
    struct flight f = {.from = {p->host, step->process},
                       .to = {address_host(sim, d.to), address_of(sim, d.to)->listener},
                       .key = hash_pair(p->random_key, PURPOSE_DATAGRAM),
                       .kind = own_message->type->kind,
                       .size_bytes = own_message->size_bytes};
    f.n = kind_count(&p->datagrams, f.kind);
    if (f.to.host && !network_is_cut(sim, f.from, f.to)) {
        int64_t latency = network_latency(sim, &f);
        if (latency != HELD)
            datagram_fly(sim, &d, latency);
        if (latency != HELD && flight_duplicates(sim, &f))
            datagram_fly(sim, &d, latency + REORDER_NS / 10);
    }
    message_unref(own_message);
}

void datagram_deliver(struct sim *sim, const struct popped *popped)
{
    struct datagram *d = (struct datagram *)(uintptr_t)popped->event.argument;
    process_id listener = address_of(sim, d->to)->listener;
    if (listener && process_is_stopped(process_of(sim, listener))) {
        process_park(sim, listener, popped->handle);
        return;
    }
    queue_drop(sim->queue, popped->handle);
    struct input in = {
        .kind = INPUT_DATAGRAM, .address = d->to, .peer = d->from, .message = d->message};
    if (listener)
        process_input(sim, listener, &in);
    datagram_free(d);
}

void network_release(struct sim *sim)
{
    for (size_t i = 0; i < sim->rules.count; i++) {
        members_release(&sim->rules.items[i].from);
        members_release(&sim->rules.items[i].to);
    }
    vec_release(&sim->rules);
    vec_release(&sim->trips);
}
