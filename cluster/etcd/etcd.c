/* SPDX-License-Identifier: Apache-2.0
 *
 * An etcd member as a process: it feeds Raft with messages, deadlines and ends of syncs, and does
 * what Raft says, in the order of etcd's loop over "Ready": send, write, apply, then ask for the
 * next.
 *
 *   - Peers: each member keeps a stream to each other one for what it sends. What is sent while
 *     there is no stream is dropped, as etcd's peers do; Raft is told, and sends again. A silent
 *     stream is given up after 5 s (etcd's ConnReadTimeout).
 *   - The disk: one sync outstanding; an error of the disk ends the process, as etcd panics.
 *   - A member starts from its disk alone. The first election happens by itself: the list of
 *     members is part of the configuration (etcd's --initial-cluster).
 *   - On SIGTERM a leader hands over first.
 *
 * A heartbeat round of an idle cluster of three costs 5 events, ten times a second.
 *
 * DEVIATION: etcd drops messages to a peer when the sender's buffer of 4,096 is full; here a stream
 * takes what it is given, since Raft's own limit of 512 appends in flight keeps it far below that.
 */
#include "sim/base/base.h"
#include "cluster/etcd/etcd_internal.h"

#include "sim/base/mem.h"

#define PEER_SILENCE duration_s(5)
#define PEER_RETRY duration_ms(100)
#define EXIT_BROKEN 2

static void do_effects(struct etcd_member *m, struct step *step);
static void trace_changes(struct etcd_member *m, struct step *step);
static void maybe_snapshot(struct etcd_member *m, struct step *step);
static void connect_peers(struct etcd_member *m, struct step *step);
static void stop(struct etcd_member *m, struct step *step, const char *why);

static int64_t option(int64_t value, int64_t otherwise)
{
    return value > 0 ? value : otherwise;
}

struct duration etcd_election_timeout(const struct etcd_member *m)
{
    return duration_ns(option(m->config->election.ns, duration_ms(1000).ns));
}

struct duration etcd_request_timeout(const struct etcd_member *m)
{
    /* ReqTimeout: 5 s for the queue, the computation and the disk, and two election timeouts. */
    return duration_ns(duration_s(5).ns + 2 * etcd_election_timeout(m).ns);
}

/* ---- start ---- */

static void start_raft(struct etcd_member *m, struct step *step, const struct raft_disk *disk)
{
    const struct etcd_config *c = m->config;
    uint64_t seed = step_random(step, PURPOSE_RAFT);
    struct raft_options options = {
        .self = c->member,
        .member_count = c->member_count,
        .election = etcd_election_timeout(m),
        .heartbeat = duration_ns(option(c->heartbeat.ns, duration_ms(100).ns)),
        .message_bytes_max = ETCD_APPEND_BYTES_MAX,
        .in_flight_max = ETCD_IN_FLIGHT_MAX,
        .catch_up_entries = ETCD_CATCH_UP_ENTRIES,
        .random = random_stream(seed, c->member, 0, 0),
        .bugs = c->raft_bugs,
    };
    m->raft = raft_new(&options, disk, step->now, &m->effects);
    do_effects(m, step);
}

static void *etcd_start(struct step *step, const void *config)
{
    struct etcd_member *m = mem_new(struct etcd_member);
    m->config = config;
    CHECK(m->config->member_count >= 1 && m->config->member_count <= ETCD_MEMBERS_MAX);
    m->leader = RAFT_NONE;
    m->first_sequence = m->sequence = 1;
    m->incarnation = step_random(step, PURPOSE_INCARNATION);
    struct wal_replay replay = {0};
    struct raft_disk disk;
    if (!wal_open(&m->wal, step, m->config->name, &replay, &disk)) {
        step_trace(step, "etcd", m->config->name,
                   "refuses to start: its write-ahead log is damaged: %s", replay.damage);
        wal_replay_release(&replay);
        m->store = store_new();
        m->is_stopped = true;
        step_exit(step, EXIT_BROKEN);
        return m;
    }
    if (replay.is_torn)
        step_trace(step, "etcd", m->config->name,
                   "cuts off a torn record behind %" PRIu64 " good ones", (uint64_t)replay.good);
    m->store = disk.snapshot ? store_restore(disk.snapshot->payload) : store_new();
    m->applied = m->snapshot_index = disk.snapshot ? disk.snapshot->index : 0;
    step_trace(step, "etcd", m->config->name,
               "starts with revision %" PRId64 " and %" PRIu64 " log entries from its disk",
               store_revision(m->store), (uint64_t)disk.count);
    step_listen(step, m->config->peer_address);
    step_listen(step, m->config->client_address);
    connect_peers(m, step);
    start_raft(m, step, &disk);
    wal_replay_release(&replay);
    return m;
}

static void etcd_release(void *state)
{
    struct etcd_member *m = state;
    raft_free(m->raft);
    raft_effects_release(&m->effects);
    wal_release(&m->wal);
    store_free(m->store);
    etcd_serve_release(m);
    vec_release(&m->leases);
    mem_free(m);
}

/* ---- Raft's effects ---- */

void etcd_drive(struct etcd_member *m, struct step *step, struct raft_input in)
{
    if (m->is_stopped)
        return;
    in.now = step->now;
    raft_step(m->raft, &in, &m->effects);
    do_effects(m, step);
}

static void send_messages(struct etcd_member *m, struct step *step, uint32_t *ret_lost)
{
    for (size_t i = 0; i < m->effects.messages.count; i++) {
        struct raft_message *message = m->effects.messages.items[i];
        m->effects.messages.items[i] = NULL;
        if (m->peers[message->to].stream) {
            step_send(step, m->peers[message->to].stream, &message->message);
            continue;
        }
        *ret_lost |= 1u << message->to;
        message_unref(&message->message);
    }
}

static void restore(struct etcd_member *m, struct step *step, const struct raft_snapshot *s)
{
    store_free(m->store);
    m->store = store_restore(s->payload);
    m->applied = m->snapshot_index = s->index;
    step_trace(step, "etcd", m->config->name, "installed the leader's snapshot: revision %" PRId64,
               store_revision(m->store));
}

/* Proposals and reads that the effects lead to come after them, by the callers below. */
static void do_effects(struct etcd_member *m, struct step *step)
{
    struct raft_effects *e = &m->effects;
    uint32_t lost = 0;
    m->is_dropped = e->is_dropped;
    if (e->panic) {
        stop(m, step, e->panic);
        raft_effects_clear(e);
        return;
    }
    send_messages(m, step, &lost);
    if (e->persist)
        wal_persist(&m->wal, step, m->raft, e, DISK_PERSIST);
    if (e->restore)
        restore(m, step, e->restore);
    for (uint64_t i = e->apply_first; i <= e->apply_last; i++)
        etcd_apply(m, step, raft_entry(m->raft, i));
    bool has_applied = e->restore || e->apply_last >= e->apply_first, has_changed = e->has_changed;
    for (size_t i = 0; i < e->reads.count; i++)
        etcd_read_ready(m, step, &e->reads.items[i]);
    m->raft_timer = step_timer_move(step, m->raft_timer, e->deadline, TIMER_RAFT);
    raft_effects_clear(e);
    if (has_applied) {
        etcd_watches_notify(m, step);
        maybe_snapshot(m, step);
    }
    etcd_reads_serve(m, step);
    if (has_changed)
        trace_changes(m, step);
    for (uint32_t i = 0; lost && i < m->config->member_count; i++)
        if (lost >> i & 1)
            etcd_drive(m, step, (struct raft_input){.kind = RAFT_INPUT_UNREACHABLE, .member = i});
}

/* A snapshot costs a pass over all keys, so a big store takes them more rarely: what a write pays
 * for it stays the same (a sixteenth: 16 references a write). Much more rarely would cost memory:
 * the log holds its requests until then. */
static void maybe_snapshot(struct etcd_member *m, struct step *step)
{
    uint64_t interval = (uint64_t)option(m->config->snapshot_entries, ETCD_SNAPSHOT_ENTRIES);
    uint64_t size = (store_key_count(m->store) + store_history_count(m->store)) / 16;
    if (m->applied - m->snapshot_index < (interval > size ? interval : size) ||
        raft_applied(m->raft) != m->applied)
        return;
    uint64_t term = 0;
    bool is_known = raft_has_term(m->raft, m->applied, &term);
    CHECK(is_known);
    struct raft_snapshot *s = raft_snapshot_new(m->applied, term, store_snapshot(m->store));
    wal_checkpoint(&m->wal, step, m->raft, s);
    raft_compact(m->raft, s);
    m->snapshot_index = m->applied;
    step_trace(step, "etcd", m->config->name, "saved a snapshot: revision %" PRId64,
               store_revision(m->store));
}

static struct str member_name(const struct etcd_member *m, uint32_t member)
{
    CHECK(member < m->config->member_count);
    static const char *const names[ETCD_MEMBERS_MAX] = {
        "member 0", "member 1", "member 2", "member 3", "member 4", "member 5", "member 6"};
    return m->config->peer_names[member].size ? m->config->peer_names[member]
                                              : str_from(names[member]);
}

static void leader_found(struct etcd_member *m, struct step *step)
{
    step_timer_cancel(step, m->no_leader_timer);
    m->no_leader_timer = 0;
    etcd_reads_fail(m, step, ETCD_ERROR_LEADER_CHANGED);
    etcd_propose_waiting(m, step);
}

static void leader_lost(struct etcd_member *m, struct step *step)
{
    struct instant at = instant_add(step->now, duration_ns(3 * etcd_election_timeout(m).ns));
    m->no_leader_timer = step_timer_set(step, at, TIMER_NO_LEADER);
}

static void trace_changes(struct etcd_member *m, struct step *step)
{
    struct str name = m->config->name;
    enum raft_role role = raft_role(m->raft), old_role = m->role;
    uint64_t term = raft_term(m->raft);
    uint32_t leader = raft_leader(m->raft), old_leader = m->leader;
    bool is_new = role != old_role || term != m->term;
    m->role = role;
    m->term = term;
    m->leader = leader;
    if (old_role == RAFT_LEADER && role != RAFT_LEADER) {
        step_trace(step, "etcd", name, "leads no longer: term %" PRIu64, term);
        etcd_leases_demote(m, step);
        if (m->is_leaving)
            step_exit(step, 0);
    }
    if (role == RAFT_LEADER && is_new) {
        step_trace(step, "etcd", name, "became leader in term %" PRIu64, term);
        etcd_leases_promote(m, step);
    } else if (role == RAFT_PRE_CANDIDATE && is_new) {
        step_trace(step, "etcd", name,
                   "hears no leader: asks whether an election would help, in term %" PRIu64, term);
    } else if (role == RAFT_CANDIDATE && is_new) {
        step_trace(step, "etcd", name, "started an election in term %" PRIu64, term);
    } else if (role == RAFT_FOLLOWER && leader != RAFT_NONE && leader != old_leader) {
        struct str leader_name = member_name(m, leader);
        step_trace(step, "etcd", name, "follows %.*s in term %" PRIu64, STR_ARG(leader_name), term);
    }
    if (leader != RAFT_NONE && leader != old_leader)
        leader_found(m, step);
    else if (leader == RAFT_NONE && old_leader != RAFT_NONE)
        leader_lost(m, step);
}

static void stop(struct etcd_member *m, struct step *step, const char *why)
{
    step_trace(step, "etcd", m->config->name, "stops: %s", why);
    m->is_stopped = true;
    step_exit(step, EXIT_BROKEN);
}

/* ---- peers ---- */

static void connect_peers(struct etcd_member *m, struct step *step)
{
    for (uint32_t i = 0; i < m->config->member_count; i++) {
        if (i == m->config->member || m->peers[i].stream)
            continue;
        m->peers[i].stream = step_connect(step, m->config->peers[i]);
        m->peers[i].is_connected = false;
        step_stream_silence(step, m->peers[i].stream, PEER_SILENCE);
    }
}

static void stream_closed(struct etcd_member *m, struct step *step, stream_id stream)
{
    for (uint32_t i = 0; i < m->config->member_count; i++) {
        if (m->peers[i].stream != stream)
            continue;
        if (m->peers[i].is_connected)
            step_trace(step, "etcd", m->config->name, "lost the connection to %.*s",
                       STR_ARG(member_name(m, i)));
        m->peers[i].stream = 0;
        m->peers[i].is_connected = false;
        m->peers_timer =
            step_timer_move(step, m->peers_timer, instant_add(step->now, PEER_RETRY), TIMER_PEERS);
        etcd_drive(m, step, (struct raft_input){.kind = RAFT_INPUT_UNREACHABLE, .member = i});
        return;
    }
    etcd_watches_close(m, stream);
}

static void stream_connected(struct etcd_member *m, stream_id stream)
{
    for (uint32_t i = 0; i < m->config->member_count; i++)
        if (m->peers[i].stream == stream)
            m->peers[i].is_connected = true;
}

/* ---- inputs ---- */

static void handle_message(struct etcd_member *m, struct step *step, const struct input *in)
{
    const struct message_type *type = in->message->type;
    if (type == &etcd_request_message) {
        etcd_serve(m, step, in->stream, (struct etcd_request *)(void *)in->message);
        return;
    }
    CHECK(type >= raft_message_types && type < raft_message_types + RAFT_MESSAGE_KIND_COUNT);
    const struct raft_message *message = (const void *)in->message;
    if (message->kind == RAFT_SNAPSHOT)
        step_trace(step, "etcd", m->config->name,
                   "receives a snapshot of %.*s up to log entry %" PRIu64,
                   STR_ARG(member_name(m, message->from)), message->snapshot->index);
    etcd_drive(m, step, (struct raft_input){.kind = RAFT_INPUT_MESSAGE, .message = message});
}

static void handle_timer(struct etcd_member *m, struct step *step, uint64_t tag)
{
    switch (tag) {
    case TIMER_RAFT:
        m->raft_timer = 0;
        etcd_drive(m, step, (struct raft_input){.kind = RAFT_INPUT_DEADLINE});
        break;
    case TIMER_PEERS:
        m->peers_timer = 0;
        connect_peers(m, step);
        break;
    case TIMER_REQUESTS:
        m->requests_timer = 0;
        etcd_requests_expire(m, step);
        break;
    case TIMER_READ:
        m->read_timer = 0;
        etcd_reads_retry(m, step);
        break;
    case TIMER_LEASES:
        m->leases_timer = 0;
        etcd_leases_expire(m, step);
        break;
    case TIMER_NO_LEADER:
        m->no_leader_timer = 0;
        etcd_watches_cancel(m, step, ETCD_ERROR_NO_LEADER);
        break;
    default:
        step_exit(step, 0); /* TIMER_EXIT: nobody took over */
        break;
    }
}

static void terminate(struct etcd_member *m, struct step *step)
{
    if (m->is_stopped || m->role != RAFT_LEADER || m->config->member_count == 1) {
        step_exit(step, 0);
        return;
    }
    m->is_leaving = true;
    uint32_t to = raft_successor(m->raft);
    step_trace(step, "etcd", m->config->name, "hands over to %.*s", STR_ARG(member_name(m, to)));
    (void)step_timer_set(step, instant_add(step->now, etcd_election_timeout(m)), TIMER_EXIT);
    etcd_drive(m, step, (struct raft_input){.kind = RAFT_INPUT_TRANSFER, .member = to});
}

static void etcd_input(void *state, struct step *step, const struct input *in)
{
    struct etcd_member *m = state;
    if (m->is_stopped)
        return;
    switch (in->kind) {
    case INPUT_MESSAGE:
        handle_message(m, step, in);
        break;
    case INPUT_TIMER:
        handle_timer(m, step, in->tag);
        break;
    case INPUT_DISK_DONE:
        if (in->disk_result != DISK_OK)
            stop(m, step, in->disk_result == DISK_FULL ? "the disk is full" : "the disk failed");
        else
            etcd_drive(m, step, (struct raft_input){.kind = RAFT_INPUT_PERSISTED});
        break;
    case INPUT_CLOSED:
        stream_closed(m, step, in->stream);
        break;
    case INPUT_CONNECTED:
        stream_connected(m, in->stream);
        break;
    case INPUT_TERMINATE:
        terminate(m, step);
        break;
    case INPUT_ACCEPTED:
    case INPUT_DATAGRAM:
    case INPUT_COMMAND:
        break;
    }
}

static void etcd_dump(const void *state, struct text *out)
{
    const struct etcd_member *m = state;
    if (!m->raft) {
        text_add(out, S("stopped\n"));
        return;
    }
    text_printf(out,
                "%s in term %" PRIu64 ", revision %" PRId64 ", log %" PRIu64 "..%" PRIu64
                ", commit %" PRIu64 ", applied %" PRIu64 ", keys %zu, history %zu, bytes %" PRId64
                ", watches %zu\n",
                raft_role_text(raft_role(m->raft)), raft_term(m->raft), store_revision(m->store),
                raft_first(m->raft), raft_last(m->raft), raft_commit(m->raft), m->applied,
                store_key_count(m->store), store_history_count(m->store), store_bytes(m->store),
                m->watches.count);
}

const struct process_type etcd_process = {.kind = "etcd",
                                          .start = etcd_start,
                                          .input = etcd_input,
                                          .release = etcd_release,
                                          .dump = etcd_dump};

/* ---- for checkers ---- */

int64_t etcd_member_revision(const struct etcd_member *m)
{
    return m ? store_revision(m->store) : 0;
}

const struct etcd_kv *etcd_member_get(const struct etcd_member *m, const struct object_key *key)
{
    return m ? store_get(m->store, key) : NULL;
}

bool etcd_member_is_leader(const struct etcd_member *m)
{
    return m && m->raft && raft_role(m->raft) == RAFT_LEADER;
}

uint64_t etcd_member_hash(const struct etcd_member *m)
{
    return m ? store_hash(m->store) : 0;
}

int64_t etcd_member_compact_revision(const struct etcd_member *m)
{
    return store_compact_revision(m->store);
}

const struct etcd_kv *etcd_member_get_at(const struct etcd_member *m, const struct object_key *key,
                                         int64_t revision)
{
    const struct etcd_kv *kv = store_get_at(m->store, key, revision);
    return kv && kv->version > 0 ? kv : NULL;
}

void etcd_member_raft(const struct etcd_member *m, struct etcd_raft_state *ret_state)
{
    *ret_state = (struct etcd_raft_state){0};
    if (!m->raft)
        return;
    *ret_state = (struct etcd_raft_state){.term = raft_term(m->raft),
                                          .commit = raft_commit(m->raft),
                                          .first = raft_first(m->raft),
                                          .last = raft_last(m->raft),
                                          .is_leader = raft_role(m->raft) == RAFT_LEADER,
                                          .is_saving = raft_is_saving(m->raft)};
    raft_saved_vote(m->raft, &ret_state->saved_term, &ret_state->saved_vote);
}

bool etcd_member_entry(const struct etcd_member *m, uint64_t index, uint64_t *ret_term,
                       uint64_t *ret_identity)
{
    const struct raft_entry *e = m->raft ? raft_entry(m->raft, index) : NULL;
    if (!e)
        return false;
    const struct proposal *p = (const void *)e->payload;
    *ret_term = e->term;
    *ret_identity = p ? hash_pair(hash_pair(p->member, p->incarnation), p->sequence) : 0;
    return true;
}
