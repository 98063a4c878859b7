/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: each rule of Raft, one at a time. Method: members as bare step functions; the test delivers
 * messages and ends of writes by hand, and cuts links.
 */
#include "sim/base/base.h"

#include "cluster/etcd/raft.h"
#include "sim/base/mem.h"

#include <CUnit/Basic.h>

/* ---- a wire and members ---- */

struct note {
    struct message message;
};
static void note_release(struct message *m)
{
    mem_free(m);
}
static const struct message_type note_type = {.name = "note", .release = note_release};

struct wire {
    uint32_t count;
    struct raft *members[5];
    struct raft_effects effects[5];
    VEC(struct raft_message *) messages;
    VEC(struct raft_read) reads;
    struct instant now;
    bool cut[5][5];
    uint64_t
        hold_entries_from; /* appends of entries from here on are lost, but for probes; 0: none */
    bool is_disk_slow;     /* ends of writes are given by hand */
};

static void absorb(struct wire *w, uint32_t i)
{
    struct raft_effects *e = &w->effects[i];
    for (size_t k = 0; k < e->messages.count; k++) {
        vec_push(&w->messages, e->messages.items[k]);
        e->messages.items[k] = NULL;
    }
    for (size_t k = 0; k < e->reads.count; k++)
        vec_push(&w->reads, e->reads.items[k]);
    bool must_persist = e->persist;
    CU_ASSERT_PTR_NULL(e->panic);
    raft_check(w->members[i]);
    if (!must_persist || w->is_disk_slow)
        return;
    raft_effects_clear(e);
    raft_step(w->members[i], &(struct raft_input){.kind = RAFT_INPUT_PERSISTED, .now = w->now}, e);
    absorb(w, i);
}

static void step(struct wire *w, uint32_t i, struct raft_input in)
{
    in.now = w->now;
    raft_effects_clear(&w->effects[i]);
    raft_step(w->members[i], &in, &w->effects[i]);
    absorb(w, i);
}

static bool is_lost(const struct wire *w, const struct raft_message *m)
{
    if (w->cut[m->from][m->to])
        return true;
    bool has_entry = m->kind == RAFT_APPEND && m->count > 0 && w->hold_entries_from > 0;
    return has_entry && m->entries[0]->index >= w->hold_entries_from &&
           raft_last(w->members[m->to]) >= m->index;
}

static void deliver(struct wire *w)
{
    for (size_t k = 0; k < w->messages.count; k++) {
        struct raft_message *m = w->messages.items[k];
        if (!is_lost(w, m))
            step(w, m->to, (struct raft_input){.kind = RAFT_INPUT_MESSAGE, .message = m});
        message_unref(&m->message);
    }
    w->messages.count = 0;
}

static void pass(struct wire *w, int64_t ms)
{
    for (int64_t t = 0; t < ms; t += 10) {
        w->now = instant_add(w->now, duration_ms(10));
        for (uint32_t i = 0; i < w->count; i++)
            if (!instant_before(w->now, w->effects[i].deadline))
                step(w, i, (struct raft_input){.kind = RAFT_INPUT_DEADLINE});
        deliver(w);
    }
}

static struct raft_options options_of(const struct wire *w, uint32_t self, uint32_t bugs)
{
    return (struct raft_options){.self = self,
                                 .member_count = w->count,
                                 .election = duration_ms(1000),
                                 .heartbeat = duration_ms(100),
                                 .message_bytes_max = 1, /* one entry in each append */
                                 .catch_up_entries = 2,
                                 .random = random_stream(7, self, 0, 0),
                                 .bugs = bugs};
}

static void wire_init(struct wire *w, uint32_t count, uint32_t bugs)
{
    *w = (struct wire){.count = count};
    for (uint32_t i = 0; i < count; i++) {
        struct raft_options options = options_of(w, i, bugs);
        struct raft_disk disk = {.vote = RAFT_NONE};
        w->members[i] = raft_new(&options, &disk, w->now, &w->effects[i]);
        absorb(w, i);
    }
}

static void wire_release(struct wire *w)
{
    for (uint32_t i = 0; i < w->count; i++) {
        raft_free(w->members[i]);
        raft_effects_release(&w->effects[i]);
    }
    for (size_t i = 0; i < w->messages.count; i++)
        message_unref(&w->messages.items[i]->message);
    vec_release(&w->messages);
    vec_release(&w->reads);
}

static void propose(struct wire *w, uint32_t i)
{
    struct note *n = mem_new(struct note);
    message_init(&n->message, &note_type, 10);
    step(w, i, (struct raft_input){.kind = RAFT_INPUT_PROPOSE, .payload = &n->message});
    message_unref(&n->message);
}

static uint32_t leader_of(const struct wire *w)
{
    uint32_t leader = RAFT_NONE;
    uint64_t term = 0;
    for (uint32_t i = 0; i < w->count; i++) {
        if (raft_role(w->members[i]) == RAFT_LEADER && raft_term(w->members[i]) >= term) {
            leader = i;
            term = raft_term(w->members[i]);
        }
    }
    return leader;
}

static bool leads_beyond(const struct wire *w, uint32_t who, uint64_t term)
{
    return raft_role(w->members[who]) == RAFT_LEADER && raft_term(w->members[who]) > term;
}

/* Makes `who` the leader of a new term, by letting time pass for it alone. */
static void elect(struct wire *w, uint32_t who)
{
    uint64_t term = 0;
    for (uint32_t i = 0; i < w->count; i++)
        if (raft_term(w->members[i]) > term)
            term = raft_term(w->members[i]);
    for (int k = 0; k < 12 && !leads_beyond(w, who, term); k++) {
        w->now = instant_add(w->now, duration_ms(2001));
        step(w, who, (struct raft_input){.kind = RAFT_INPUT_DEADLINE});
        deliver(w);
    }
    CU_ASSERT_TRUE(leads_beyond(w, who, term));
}

static void isolate(struct wire *w, uint32_t who, bool is_cut)
{
    for (uint32_t i = 0; i < w->count; i++)
        w->cut[who][i] = w->cut[i][who] = is_cut && i != who;
}

/* ---- elections ---- */

static void test_first_election(void)
{
    static const uint32_t counts[] = {1, 2, 3, 5};
    for (size_t k = 0; k < ARRAY_COUNT(counts); k++) {
        struct wire w;
        wire_init(&w, counts[k], 0);

        pass(&w, 6000);

        uint32_t leader = leader_of(&w);
        CU_ASSERT_NOT_EQUAL_FATAL(leader, RAFT_NONE);
        for (uint32_t i = 0; i < w.count; i++) {
            CU_ASSERT_EQUAL(raft_leader(w.members[i]), leader);
            CU_ASSERT_EQUAL(raft_commit(w.members[i]), 1); /* the leader's empty entry */
        }
        wire_release(&w);
    }
}

/* "If votedFor is null or candidateId, and candidate's log is at least as up-to-date" */
static void test_votes(void)
{
    static const struct {
        uint64_t index, log_term; /* of the candidate's last entry; ours is (3, 2) */
        uint32_t voted_for;
        uint64_t term; /* ours is 2 */
        bool is_granted;
    } rows[] = {
        {3, 2, RAFT_NONE, 3, true},  {4, 2, RAFT_NONE, 3, true}, {2, 2, RAFT_NONE, 3, false},
        {9, 1, RAFT_NONE, 3, false}, {1, 3, RAFT_NONE, 4, true}, {3, 2, 1, 2, true},
        {3, 2, 2, 2, false},         {3, 2, 2, 3, true},         {3, 2, RAFT_NONE, 1, false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct wire w = {.count = 3};
        struct raft_entry *entries[] = {raft_entry_new(1, 1, NULL), raft_entry_new(2, 2, NULL),
                                        raft_entry_new(3, 2, NULL)};
        struct raft_disk disk = {
            .term = 2, .vote = rows[i].voted_for, .entries = entries, .count = 3};
        struct raft_options options = options_of(&w, 0, 0);
        w.members[0] = raft_new(&options, &disk, w.now, &w.effects[0]);
        absorb(&w, 0);
        struct raft_message vote = {.kind = RAFT_VOTE,
                                    .from = 1,
                                    .to = 0,
                                    .term = rows[i].term,
                                    .index = rows[i].index,
                                    .log_term = rows[i].log_term};

        step(&w, 0, (struct raft_input){.kind = RAFT_INPUT_MESSAGE, .message = &vote});

        bool is_answered = w.messages.count == 1;
        bool is_granted = is_answered && !w.messages.items[0]->reject;
        CU_ASSERT_EQUAL(is_granted, rows[i].is_granted);
        CU_ASSERT_EQUAL(is_answered, rows[i].term >= 2);
        w.count = 1;
        wire_release(&w);
        for (size_t k = 0; k < 3; k++)
            raft_entry_unref(entries[k]);
    }
}

/* A member that comes back from isolation neither has raised its term nor disturbs the leader. */
static void test_pre_vote(void)
{
    struct wire w;
    wire_init(&w, 3, 0);
    pass(&w, 4000);
    uint32_t leader = leader_of(&w), alone = (leader + 1) % 3;
    uint64_t term = raft_term(w.members[leader]);
    isolate(&w, alone, true);

    pass(&w, 20000);
    CU_ASSERT_EQUAL(raft_term(w.members[alone]), term);
    isolate(&w, alone, false);
    pass(&w, 4000);

    CU_ASSERT_EQUAL(leader_of(&w), leader);
    CU_ASSERT_EQUAL(raft_term(w.members[leader]), term);
    CU_ASSERT_EQUAL(raft_leader(w.members[alone]), leader);
    wire_release(&w);
}

static void test_check_quorum(void)
{
    struct wire w;
    wire_init(&w, 3, 0);
    pass(&w, 4000);
    uint32_t old = leader_of(&w);
    isolate(&w, old, true);

    pass(&w, 2000);
    CU_ASSERT_NOT_EQUAL(raft_role(w.members[old]), RAFT_LEADER);
    pass(&w, 3000);

    uint32_t leader = leader_of(&w);
    CU_ASSERT_NOT_EQUAL(leader, RAFT_NONE);
    CU_ASSERT_NOT_EQUAL(leader, old);
    wire_release(&w);
}

static void test_transfer(void)
{
    struct wire w;
    wire_init(&w, 3, 0);
    pass(&w, 4000);
    uint32_t old = leader_of(&w), next = (old + 1) % 3;

    step(&w, old, (struct raft_input){.kind = RAFT_INPUT_TRANSFER, .member = next});
    deliver(&w);

    CU_ASSERT_EQUAL(leader_of(&w), next); /* at once, without a timeout */
    CU_ASSERT_EQUAL(raft_role(w.members[old]), RAFT_FOLLOWER);
    wire_release(&w);
}

/* ---- the disk ---- */

static size_t count_kind(const struct wire *w, enum raft_message_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < w->messages.count; i++)
        count += w->messages.items[i]->kind == kind;
    return count;
}

/* The leader sends in parallel with its own write; what is proposed meanwhile is the next batch. */
static void test_one_write_at_a_time(void)
{
    struct wire w;
    wire_init(&w, 3, 0);
    elect(&w, 0);
    w.is_disk_slow = true;

    propose(&w, 0);
    CU_ASSERT_TRUE(w.effects[0].persist);
    CU_ASSERT_EQUAL(count_kind(&w, RAFT_APPEND), 2);
    propose(&w, 0);
    propose(&w, 0);
    CU_ASSERT_FALSE(w.effects[0].persist);
    CU_ASSERT_EQUAL(count_kind(&w, RAFT_APPEND), 2);
    step(&w, 0, (struct raft_input){.kind = RAFT_INPUT_PERSISTED});

    CU_ASSERT_TRUE(w.effects[0].persist);
    CU_ASSERT_EQUAL(w.effects[0].last - w.effects[0].first + 1, 2);
    wire_release(&w);
}

/* A follower answers after its write; a leader's own vote for a commit counts after its own. */
static void test_promises_wait_for_the_disk(void)
{
    struct wire w;
    wire_init(&w, 3, 0);
    elect(&w, 0);
    isolate(&w, 2, true);
    uint64_t commit = raft_commit(w.members[0]);
    w.is_disk_slow = true;
    propose(&w, 0);

    deliver(&w);
    CU_ASSERT_EQUAL(count_kind(&w, RAFT_APPEND_REPLY), 0);
    step(&w, 1, (struct raft_input){.kind = RAFT_INPUT_PERSISTED});
    CU_ASSERT_EQUAL(count_kind(&w, RAFT_APPEND_REPLY), 1);
    deliver(&w);
    CU_ASSERT_EQUAL(raft_commit(w.members[0]),
                    commit); /* one of three has it, as far as one knows */
    step(&w, 0, (struct raft_input){.kind = RAFT_INPUT_PERSISTED});

    CU_ASSERT_EQUAL(raft_commit(w.members[0]), commit + 1);
    wire_release(&w);
}

/* ---- the log ---- */

/* A follower with entries of the terms 1, 1, 2 (commit 1) gets one append. */
static void test_appends(void)
{
    static const struct {
        uint64_t index, log_term, count, entry_term, commit;
        bool reject;
        uint64_t answer, last, last_term, new_commit;
    } rows[] = {
        {3, 2, 1, 3, 1, false, 4, 4, 3, 1}, /* goes on */
        {3, 2, 0, 0, 3, false, 3, 3, 2, 3}, /* only a commit */
        {2, 1, 1, 2, 1, false, 3, 3, 2, 1}, /* is there already */
        {1, 1, 1, 2, 1, false, 2, 2, 2, 1}, /* conflicts: what follows is cut */
        {3, 3, 1, 3, 1, true, 3, 3, 2, 1},  /* "log doesn't contain an entry at prevLogIndex" */
        {7, 3, 1, 3, 1, true, 7, 3, 2, 1},  /* a gap */
        {0, 0, 1, 1, 1, false, 1, 3, 2, 1}, /* before the commit index: answered with it */
        {2, 1, 0, 0, 9, false, 2, 3, 2,
         2}, /* commits no further than what the leader vouches for */
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct wire w = {.count = 3};
        struct raft_entry *entries[] = {raft_entry_new(1, 1, NULL), raft_entry_new(2, 1, NULL),
                                        raft_entry_new(3, 2, NULL)};
        struct raft_disk disk = {
            .term = 3, .commit = 1, .vote = RAFT_NONE, .entries = entries, .count = 3};
        struct raft_options options = options_of(&w, 0, 0);
        w.members[0] = raft_new(&options, &disk, w.now, &w.effects[0]);
        absorb(&w, 0);
        struct raft_message *m = mem_allocate(1, sizeof(*m) + sizeof(struct raft_entry *));
        message_init(&m->message, &raft_message_types[RAFT_APPEND], 0);
        m->kind = RAFT_APPEND;
        m->from = 1;
        m->term = 3;
        m->index = rows[i].index;
        m->log_term = rows[i].log_term;
        m->commit = rows[i].commit;
        m->count = (uint32_t)rows[i].count;
        if (m->count)
            m->entries[0] = raft_entry_new(m->index + 1, rows[i].entry_term, NULL);

        step(&w, 0, (struct raft_input){.kind = RAFT_INPUT_MESSAGE, .message = m});

        uint64_t term = 0;
        CU_ASSERT_EQUAL_FATAL(w.messages.count, 1);
        CU_ASSERT_EQUAL(w.messages.items[0]->reject, rows[i].reject);
        CU_ASSERT_EQUAL(w.messages.items[0]->index, rows[i].answer);
        CU_ASSERT_EQUAL(raft_last(w.members[0]), rows[i].last);
        CU_ASSERT_TRUE(raft_has_term(w.members[0], rows[i].last, &term));
        CU_ASSERT_EQUAL(term, rows[i].last_term);
        CU_ASSERT_EQUAL(raft_commit(w.members[0]), rows[i].new_commit);
        message_unref(&m->message);
        w.count = 1;
        wire_release(&w);
        for (size_t k = 0; k < 3; k++)
            raft_entry_unref(entries[k]);
    }
}

/* Figure 8 of the paper: an entry of an older term is on a majority, and yet may be overwritten.
 * The bug commits it; a correct leader does not. */
static bool commits_an_old_entry(uint32_t bugs)
{
    struct wire w;
    wire_init(&w, 5, bugs);
    elect(&w, 0); /* entry 1 everywhere */
    w.cut[0][2] = w.cut[0][3] = w.cut[0][4] = true;
    propose(&w, 0); /* (a) entry 2 on members 0 and 1 */
    deliver(&w);
    isolate(&w, 0, true);
    isolate(&w, 1, true);
    w.hold_entries_from = 2;
    elect(&w, 4); /* (b) member 4 leads with an entry 2 of its own, which nobody gets */
    isolate(&w, 4, true);
    isolate(&w, 0, false);
    isolate(&w, 1, false);
    w.cut[0][4] = w.cut[4][0] = w.cut[1][4] = w.cut[4][1] = true;
    w.hold_entries_from = 3;
    elect(&w, 0); /* (c) member 0 leads again, and entry 2 reaches member 2: a majority has it */
    pass(&w, 300);
    uint64_t commit = raft_commit(w.members[0]);
    if (commit >= 2) {
        wire_release(&w);
        return true;
    }
    isolate(&w, 4, false);
    isolate(&w, 0, true);
    w.hold_entries_from = 0;
    elect(&w, 4); /* (d) member 4 overwrites it */
    pass(&w, 500);
    uint64_t old_term = 0, new_term = 0;
    CU_ASSERT_TRUE(raft_has_term(w.members[0], 2, &old_term));
    CU_ASSERT_TRUE(raft_has_term(w.members[2], 2, &new_term));
    CU_ASSERT_NOT_EQUAL(old_term, new_term);
    wire_release(&w);
    return false;
}

static void test_figure_8(void)
{
    CU_ASSERT_FALSE(commits_an_old_entry(0));
    CU_ASSERT_TRUE(commits_an_old_entry(1u << RAFT_BUG_COMMIT_OLD_TERM));
}

static void test_snapshot_for_a_laggard(void)
{
    struct wire w;
    wire_init(&w, 3, 0);
    elect(&w, 0);
    isolate(&w, 2, true);
    for (int i = 0; i < 20; i++) {
        propose(&w, 0);
        deliver(&w);
    }
    uint64_t applied = raft_applied(w.members[0]), term = 0;
    CU_ASSERT_TRUE(raft_has_term(w.members[0], applied, &term));
    raft_compact(w.members[0], raft_snapshot_new(applied, term, NULL));
    CU_ASSERT_EQUAL(raft_first(w.members[0]), applied - 1); /* two entries are kept */
    isolate(&w, 2, false);

    pass(&w, 2000);
    propose(&w, 0);
    pass(&w, 500);

    CU_ASSERT_EQUAL(raft_first(w.members[2]), applied + 1);
    CU_ASSERT_EQUAL(raft_commit(w.members[2]), raft_commit(w.members[0]));
    wire_release(&w);
}

/* ---- reads ---- */

static void test_read_index(void)
{
    struct wire w;
    wire_init(&w, 3, 0);
    elect(&w, 0);

    step(&w, 0, (struct raft_input){.kind = RAFT_INPUT_READ, .read_id = 1});
    CU_ASSERT_EQUAL(w.reads.count, 0); /* not without a quorum */
    deliver(&w);
    CU_ASSERT_EQUAL_FATAL(w.reads.count, 1);
    CU_ASSERT_EQUAL(w.reads.items[0].index, raft_commit(w.members[0]));
    step(&w, 1, (struct raft_input){.kind = RAFT_INPUT_READ, .read_id = 2});
    deliver(&w);
    CU_ASSERT_EQUAL_FATAL(w.reads.count, 2); /* through a follower */
    CU_ASSERT_EQUAL(w.reads.items[1].id, 2);
    isolate(&w, 0, true);
    step(&w, 0, (struct raft_input){.kind = RAFT_INPUT_READ, .read_id = 3});
    deliver(&w);

    CU_ASSERT_EQUAL(w.reads.count, 2);
    wire_release(&w);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"first election", test_first_election},
        {"votes", test_votes},
        {"pre-vote", test_pre_vote},
        {"check quorum", test_check_quorum},
        {"transfer", test_transfer},
        {"one write at a time", test_one_write_at_a_time},
        {"promises wait for the disk", test_promises_wait_for_the_disk},
        {"appends", test_appends},
        {"figure 8", test_figure_8},
        {"snapshot for a laggard", test_snapshot_for_a_laggard},
        {"read index", test_read_index},
        CU_TEST_INFO_NULL,
    };
    static CU_SuiteInfo suites[] = {{"raft", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    unsigned int failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures > 0;
}
