/* SPDX-License-Identifier: Apache-2.0
 *
 * How a scenario runs. The harness stands outside the simulation and drives it event by event: a
 * step posts something (an action of the user, a fault) and runs until what it waits for is there
 * or its deadline, in virtual time, has passed. Between two events it only looks: at the picture of
 * what is committed and at the user's results.
 *
 * Order: the cluster comes up (API servers ready, default namespace with its ServiceAccount, nodes
 * Ready) before the first step; each step waits for its `at`; `catch` runs when its `try` failed,
 * `finally` always; the first failure ends the scenario. A failed check of always/never or a
 * violated invariant stops the run at that event.
 *
 * Invariant: the run's message is set if and only if its outcome is failed.
 */
#include "sim/base/base.h"

#include "scenarios/engine/run.h"

#include "cluster/api/custom/slides.h"
#include "cluster/api/object.h"
#include "scenarios/engine/faults.h"
#include "scenarios/engine/invariants.h"
#include "scenarios/engine/steps.h"
#include "scenarios/engine/timeline.h"
#include "sim/base/mem.h"

#include <stdarg.h>

#define PROGRESS_EVENTS 4096
#define BRING_UP_SECONDS 60

static void run_step(struct run *r, size_t index, struct value step);
static enum outcome run_operations(struct run *r, struct value operations, struct text *message);
static void start_checks(struct run *r, int after);
static bool look(struct run *r);
static void add_checks(struct run *r, struct value list, bool is_never);

const char *outcome_text(enum outcome o)
{
    static const char *const texts[] = {"passed", "failed", "skipped"};
    return texts[o];
}

struct run *run_new(const struct scenario *s, const struct run_options *options,
                    struct errmsg *message)
{
    uint64_t seed = options->has_seed ? options->seed : s->seed;
    struct cluster *cluster =
        scenario_cluster(s, seed, options->secret, options->tracks_fields, message);
    if (!cluster)
        return NULL;
    struct run *r = mem_new(struct run);
    r->scenario = s;
    r->options = *options;
    r->seed = seed;
    r->acting_since = INSTANT_NEVER;
    r->cluster = cluster;
    r->sim = cluster_sim(cluster);
    r->view = cluster_view(cluster);
    r->has_own_until = r->options.until.ns != 0;
    if (r->options.until.ns == 0)
        r->options.until = s->until;
    r->user_config.server = sim_address(r->sim, S(CLUSTER_API_ADDRESS));
    r->user = sim_process_add(r->sim, &(struct process_options){.name = S("user"),
                                                                .host = cluster_outside(cluster),
                                                                .type = &user_process,
                                                                .config = &r->user_config,
                                                                .restart = RESTART_ALWAYS});
    r->visitor_config.address = sim_address(r->sim, S("outside:visitor"));
    r->visitor = sim_process_add(r->sim, &(struct process_options){.name = S("visitor"),
                                                                   .host = cluster_outside(cluster),
                                                                   .type = &visitor_process,
                                                                   .config = &r->visitor_config,
                                                                   .restart = RESTART_ALWAYS});
    r->invariants =
        invariants_new(r, value_get_key(value_get_key(s->spec, S("invariants")), S("disable")));
    add_checks(r, value_get_key(s->spec, S("always")), false);
    add_checks(r, value_get_key(s->spec, S("never")), true);
    if (faults_check_names(r, message)) {
        run_free(r);
        return NULL;
    }
    return r;
}

void run_free(struct run *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->steps.count; i++)
        text_release(&r->steps.items[i].message);
    for (size_t i = 0; i < r->checks.count; i++)
        tally_free(r->checks.items[i].tally);
    faults_free(r);
    invariants_free(r->invariants);
    vec_release(&r->steps);
    vec_release(&r->checks);
    text_release(&r->message);
    cluster_free(r->cluster);
    mem_free(r);
}

enum outcome run_execute(struct run *r)
{
    run_begin(r);
    run_bring_up(r);
    run_all_steps(r);
    if (!r->is_stopped && r->outcome == OUTCOME_PASSED && r->options.until.ns != INSTANT_NEVER.ns)
        run_until(r, NULL, NULL, r->options.until);
    if (r->outcome == OUTCOME_PASSED)
        run_finish(r);
    CHECK((r->outcome == OUTCOME_FAILED) == (r->message.size > 0));
    return r->outcome;
}

void run_begin(struct run *r)
{
    start_checks(r, -1);
}

void run_finish(struct run *r)
{
    invariants_at_end(r->invariants);
}

/* ---- steps ---- */

void run_all_steps(struct run *r)
{
    struct value steps = r->scenario->steps;
    for (size_t i = 0; i < value_count(steps); i++) {
        vec_push(&r->steps,
                 (struct step_result){.name = value_get_key(value_at(steps, i), S("name")),
                                      .outcome = OUTCOME_SKIPPED});
    }
    for (size_t i = 0; i < value_count(steps) && !r->is_stopped && r->outcome == OUTCOME_PASSED;
         i++)
        run_step(r, i, value_at(steps, i));
}

static void run_step(struct run *r, size_t index, struct value step)
{
    struct step_result *result = &r->steps.items[index];
    struct value at = value_get_key(step, S("at"));
    if (value_is_present(at))
        run_until(r, NULL, NULL,
                  (struct instant){value_duration(step, S("at"), (struct duration){0}).ns});
    if (r->is_stopped)
        return;
    result->begun = sim_now(r->sim);
    if (r->options.step_begun)
        r->options.step_begun(r->options.owner, r, index);

    enum outcome o = run_operations(r, value_get_key(step, S("try")), &result->message);
    bool was_stopped = r->is_stopped;
    if (o == OUTCOME_FAILED && !was_stopped)
        (void)run_operations(r, value_get_key(step, S("catch")), &(struct text){0});
    AUTO(text) struct text last = {0};
    if (!was_stopped &&
        run_operations(r, value_get_key(step, S("finally")), &last) == OUTCOME_FAILED &&
        o == OUTCOME_PASSED) {
        o = OUTCOME_FAILED;
        text_add(&result->message, text_str(&last));
    }
    bool is_cut_short =
        !instant_before(sim_now(r->sim), r->options.until) && r->outcome == OUTCOME_PASSED;
    if (o == OUTCOME_FAILED && is_cut_short) {
        text_clear(&result->message);
        text_add(&result->message, S("the end of the run came first"));
        o = r->has_own_until ? OUTCOME_SKIPPED : o;
    }
    if (is_cut_short && r->has_own_until)
        r->is_stopped = true;
    if (was_stopped && r->outcome == OUTCOME_PASSED)
        o = OUTCOME_SKIPPED; /* ended from outside: nothing can be said of it */
    /* A check that stopped the run has said why; the step it stopped in did not end well either. */
    if (r->is_stopped && r->outcome == OUTCOME_FAILED)
        o = OUTCOME_FAILED;
    result->outcome = o;
    result->ended = sim_now(r->sim);
    if (o == OUTCOME_FAILED && r->outcome == OUTCOME_PASSED) {
        struct str name = value_str(value_get_key(step, S("name")));
        r->outcome = OUTCOME_FAILED;
        text_printf(&r->message, "step %zu%s%.*s%s: ", index + 1, name.size ? " (" : "",
                    STR_ARG(name), name.size ? ")" : "");
        text_add(&r->message, result->message.size ? text_str(&result->message) : S("stopped"));
    }
    if (r->options.step_ended)
        r->options.step_ended(r->options.owner, r, index);
    if (o == OUTCOME_PASSED)
        start_checks(r, (int)index);
}

static enum outcome run_operations(struct run *r, struct value operations, struct text *message)
{
    for (size_t i = 0; i < value_count(operations); i++) {
        struct value operation = value_at(operations, i);
        const struct step_kind *kind = step_kind_find(value_key_at(operation, 0));
        CHECK(kind);
        AUTO(text) struct text said = {0};
        enum outcome o = kind->run(r, value_member_at(operation, 0), &said);
        if (r->is_stopped)
            return OUTCOME_FAILED;
        if (o == OUTCOME_FAILED) {
            text_printf(message, "%s: %s", kind->name, text_c(&said));
            return o;
        }
        if (said.size && r->options.said)
            r->options.said(r->options.owner, r, text_str(&said));
    }
    return OUTCOME_PASSED;
}

/* ---- bringing up ---- */

/* A taint that goes when the node is ready; others may be its own for good. */
static bool waits_for_node(struct value taints)
{
    for (size_t i = 0; i < value_count(taints); i++) {
        if (VALUE_IS(value_at(taints, i), "node.kubernetes.io/not-ready", key))
            return true;
    }
    return false;
}

static bool is_up(void *owner)
{
    const struct run *r = owner;
    const struct resource *nodes = resource_get(RESOURCE_nodes);
    size_t wanted = cluster_component_count(r->cluster, COMPONENT_KUBELET);
    if (!value_is_present(
            view_get_named(r->view, resource_get(RESOURCE_namespaces), S(""), S("default"))))
        return false;
    if (cluster_component_count(r->cluster, COMPONENT_CONTROLLER_MANAGER) > 0 &&
        !value_is_present(view_get_named(r->view, resource_get(RESOURCE_serviceaccounts),
                                         S("default"), S("default"))))
        return false;
    if (view_count(r->view, nodes) < wanted)
        return false;
    for (struct view_cursor c = view_first(r->view, nodes, S("")); c.key; view_next(&c)) {
        if (!condition_is_true(VALUE_GET(c.object, status, conditions), "Ready") ||
            waits_for_node(VALUE_GET(c.object, spec, taints)))
            return false;
    }
    return true;
}

/* Looks at all nodes only when something of them has changed. */
struct up {
    struct run *run;
    int64_t nodes_revision, accounts_revision;
    bool is_up;
};

static bool has_come_up(void *owner)
{
    struct up *u = owner;
    int64_t nodes = view_resource_revision(u->run->view, resource_get(RESOURCE_nodes));
    int64_t accounts = view_resource_revision(u->run->view, resource_get(RESOURCE_serviceaccounts));
    if (nodes == u->nodes_revision && accounts == u->accounts_revision)
        return u->is_up;
    u->nodes_revision = nodes;
    u->accounts_revision = accounts;
    u->is_up = is_up(u->run);
    return u->is_up;
}

/* ---- custom kinds that a cluster begins with ---- */

static bool are_established(void *owner)
{
    const struct run *r = owner;
    const struct resource *kind = resource_get(RESOURCE_customresourcedefinitions);
    struct value sets = value_get_key(r->scenario->cluster, S("crds"));
    size_t wanted = 0, established = 0;
    for (size_t i = 0; i < value_count(sets); i++)
        wanted += definitions_count(value_str(value_at(sets, i)));
    for (struct view_cursor c = view_first(r->view, kind, S("")); c.key; view_next(&c))
        established += condition_is_true(VALUE_GET(c.object, status, conditions), "Established");
    return established >= wanted;
}

static void run_install_definitions(struct run *r)
{
    const struct resource *kind = resource_get(RESOURCE_customresourcedefinitions);
    struct value sets = value_get_key(r->scenario->cluster, S("crds"));
    for (size_t i = 0; i < value_count(sets); i++) {
        size_t count = definitions_count(value_str(value_at(sets, i)));
        for (size_t k = 0; k < count; k++) {
            struct user_action *a =
                user_action_for(USER_CREATE, kind, S(""),
                                definitions_at(value_str(value_at(sets, i)), k));
            a->is_bulk = true;
            a->id = ++r->last_action;
            user_post(r->sim, r->user, a);
        }
    }
    struct instant deadline = instant_add(sim_now(r->sim), duration_s(BRING_UP_SECONDS));
    if (value_count(sets) > 0)
        (void)run_until(r, are_established, r, deadline);
}

void run_bring_up(struct run *r)
{
    struct up u = {.run = r, .nodes_revision = -1};
    struct instant deadline = instant_add(sim_now(r->sim), duration_s(BRING_UP_SECONDS));
    (void)run_until(r, has_come_up, &u, deadline); /* what is not up by then, the steps will see */
    run_install_definitions(r);
}

/* ---- running ---- */

/* What comes first: the end of a fault, an event, or the deadline. Of one instant, events come
 * first. */
enum due { DUE_EVENT, DUE_FAULT_END, DUE_DEADLINE };
static enum due next_due(const struct run *r, struct instant deadline, struct instant *ret_at)
{
    struct instant event, fault_end = faults_next_end(r);
    bool has_event = sim_next_event(r->sim, &event);
    if (!instant_before(deadline, fault_end) && (!has_event || instant_before(fault_end, event))) {
        *ret_at = fault_end;
        return DUE_FAULT_END;
    }
    bool is_over = !has_event || instant_before(deadline, event);
    *ret_at = is_over ? deadline : event;
    return is_over ? DUE_DEADLINE : DUE_EVENT;
}

/* The clock, when no event is due by then. */
static void clock_move(struct run *r, struct instant at)
{
    if (instant_before(sim_now(r->sim), at) && at.ns != INSTANT_NEVER.ns)
        sim_run_until(r->sim, at);
}

/* False: the run is stopped. */
static bool run_event(struct run *r, uint64_t *next_progress)
{
    sim_run_one(r->sim);
    if (view_change_count(r->view) != r->seen_changes && !look(r))
        return false;
    if (sim_event_count(r->sim) >= *next_progress) {
        *next_progress += PROGRESS_EVENTS;
        if (r->options.progress && !r->options.progress(r->options.owner, r))
            run_fail(r, "stopped");
    }
    return true;
}

bool run_until(struct run *r, bool (*done)(void *owner), void *owner, struct instant deadline)
{
    if (instant_before(r->options.until, deadline))
        deadline = r->options.until;
    uint64_t next_progress = sim_event_count(r->sim) + PROGRESS_EVENTS;
    while (!r->is_stopped) {
        if (done && done(owner))
            return true;
        struct instant at;
        enum due due = next_due(r, deadline, &at);
        enum run_turn turn =
            r->options.turn ? r->options.turn(r->options.turn_owner, r, at) : TURN_GO;
        r->position++;
        r->is_stopped |= turn == TURN_STOP;
        if (turn != TURN_GO)
            continue;
        switch (due) {
        case DUE_EVENT:
            if (!run_event(r, &next_progress))
                return false;
            break;
        case DUE_FAULT_END:
            clock_move(r, at);
            faults_end_due(r);
            break;
        case DUE_DEADLINE:
            clock_move(r, at);
            return false;
        }
    }
    return false;
}

void run_for(struct run *r, struct duration d)
{
    (void)run_until(r, NULL, NULL, instant_add(sim_now(r->sim), d));
}

struct instant run_deadline(const struct run *r, struct value arguments)
{
    struct duration timeout =
        value_duration(arguments, S("timeout"), duration_s(SCENARIO_DEFAULT_TIMEOUT_S));
    return instant_add(sim_now(r->sim), timeout);
}

struct pending_action {
    const struct run *run;
    uint64_t id;
};

static bool is_answered(void *owner)
{
    const struct pending_action *p = owner;
    const struct user_result *result = user_result(p->run->sim, p->run->user, p->id);
    return result && result->is_done;
}

const struct user_result *run_action(struct run *r, struct user_action *own_action,
                                     struct instant deadline, struct text *message)
{
    struct pending_action p = {r, ++r->last_action};
    const char *verb = user_verb_text(own_action->verb);
    own_action->id = p.id;
    struct instant outer = r->acting_since;
    r->acting_since = sim_now(r->sim);
    user_post(r->sim, r->user, own_action);
    bool has_answer = run_until(r, is_answered, &p, deadline);
    r->acting_since = outer;
    if (has_answer)
        return user_result(r->sim, r->user, p.id);
    if (!r->is_stopped)
        text_printf(message, "%s: no answer within the time-out", verb);
    return NULL;
}

void run_explain(const struct run *r, struct str name, struct text *out)
{
    timeline_last_lines(r->sim, name, 8, S("\n        "), out);
}

void run_fail(struct run *r, const char *format, ...)
{
    if (r->outcome == OUTCOME_FAILED)
        return;
    va_list arguments;
    va_start(arguments, format);
    text_vprintf(&r->message, format, arguments);
    va_end(arguments);
    r->outcome = OUTCOME_FAILED;
    r->is_stopped = true;
}

/* ---- checks at every instant ---- */

static void add_checks(struct run *r, struct value list, bool is_never)
{
    for (size_t i = 0; i < value_count(list); i++) {
        struct value spec = value_at(list, i);
        struct standing_check c = {
            .is_never = is_never, .spec = spec, .after = -1, .least = 1, .most = INT64_MAX};
        struct value after = value_get_key(spec, S("after"));
        struct value steps = r->scenario->steps;
        for (size_t j = 0; j < value_count(steps) && value_is_present(after); j++) {
            if (value_equal(value_get_key(value_at(steps, j), S("name")), after))
                c.after = (int)j;
        }
        struct value count = value_get_key(spec, S("count"));
        if (value_is_present(count))
            count_bounds(count, &c.least, &c.most);
        vec_push(&r->checks, c);
    }
}

static void start_checks(struct run *r, int after)
{
    for (size_t i = 0; i < r->checks.count; i++) {
        struct standing_check *c = &r->checks.items[i];
        if (c->after != after)
            continue;
        struct matcher m;
        struct value count = value_get_key(c->spec, S("count")),
                     assertion = value_get_key(c->spec, S("assert"));
        if (value_is_present(count))
            matcher_of_kind(r, count, &m);
        else
            matcher_of_resource(r, value_get_key(assertion, S("resource")),
                                value_get_key(assertion, S("jq")), &m);
        c->tally = tally_new(r->view, &m);
    }
    r->seen_changes = UINT64_MAX;
    (void)look(r);
}

/* After an event that changed the picture; false: the run is stopped. */
static bool look(struct run *r)
{
    r->seen_changes = view_change_count(r->view);
    if (r->is_unjudged)
        return true;
    for (size_t i = 0; i < r->checks.count; i++) {
        struct standing_check *c = &r->checks.items[i];
        if (!c->tally || tally_changes(c->tally) + 1 == c->evaluations)
            continue;
        c->evaluations = tally_changes(c->tally) + 1;
        int64_t n = (int64_t)tally_count(c->tally);
        bool is_within = n >= c->least && n <= c->most;
        if (is_within != c->is_never)
            continue;
        AUTO(text) struct text what = {0};
        matcher_text(tally_matcher(c->tally), &what);
        AUTO(text) struct text bounds = {0};
        count_text(c->least, c->most, &bounds);
        run_fail(r, "%s \"%.*s\" does not hold at %" PRId64 ".%03" PRId64 "s: %zu %s, %s %s",
                 c->is_never ? "never" : "always",
                 STR_ARG(value_str(value_get_key(c->spec, S("name")))),
                 sim_now(r->sim).ns / 1000000000, sim_now(r->sim).ns / 1000000 % 1000,
                 tally_count(c->tally), text_c(&what),
                 c->is_never ? "which must never be" : "expected", text_c(&bounds));
    }
    invariants_look(r->invariants);
    return !r->is_stopped;
}

/* ---- counts ---- */

struct pod_counts run_pods(const struct run *r)
{
    struct pod_counts n = {0};
    for (struct view_cursor c = view_first(r->view, resource_get(RESOURCE_pods), S("")); c.key;
         view_next(&c)) {
        struct str phase = VALUE_STR(c.object, status, phase);
        n.total++;
        n.running += str_equal(phase, S("Running"));
        n.succeeded += str_equal(phase, S("Succeeded"));
        n.failed += str_equal(phase, S("Failed"));
        bool is_pending = str_equal(phase, S("Pending")) || phase.size == 0;
        n.pending += is_pending;
        n.unscheduled += is_pending && VALUE_STR(c.object, spec, nodeName).size == 0;
    }
    return n;
}
