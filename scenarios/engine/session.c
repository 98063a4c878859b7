/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a session, and its turns. session_journal.c has what its journal says.
 *
 * Invariant: what a turn of `live` lets in is in the journal before the turn ends, and nothing of
 * the simulation runs before that.
 */
#include "sim/base/base.h"

#include "scenarios/engine/session.h"

#include "scenarios/engine/session_private.h"
#include "scenarios/engine/shape.h"
#include "scenarios/engine/steps.h"
#include "sim/base/mem.h"

static enum run_turn session_turn(void *owner, struct run *run, struct instant next);
static void on_journal(void *owner, const struct journal_entry *entry);

/* ---- making ---- */

static struct scenario *scenario_make(struct session_plan *plan, struct errmsg *message)
{
    if (plan->scenario.size)
        return scenario_load_through(&plan->files, text_str(&plan->scenario), message);
    AUTO(text) struct text page = {0};
    text_printf(&page,
                "apiVersion: " SCENARIO_API_VERSION "\nkind: Scenario\nmetadata: {name: serve}\n"
                "spec: {cluster: {apiservers: %" PRId64 ", etcd: {members: %" PRId64 "}, nodes: [",
                plan->apiservers ? plan->apiservers : 1,
                plan->etcd_members ? plan->etcd_members : 1);
    if (plan->nodes > 0)
        text_printf(&page, "{count: %" PRId64 ", name: \"node-{i}\"}", plan->nodes);
    text_add(&page, S("]}, steps: []}\n"));
    return scenario_parse(S("serve"), text_str(&page), message);
}

struct session *session_new(struct session_plan *plan, const struct session_options *options,
                            struct errmsg *message)
{
    struct scenario *scenario = scenario_make(plan, message);
    if (!scenario)
        return NULL;
    struct session *s = mem_new(struct session);
    s->plan = plan;
    s->options = *options;
    s->scenario = scenario;
    if (plan->definitions.size) {
        struct value cluster =
            value_is_present(scenario->cluster) ? value_keep(scenario->cluster) : value_object();
        struct value sets = value_append(value_array(), value_string(text_str(&plan->definitions)));
        s->cluster = scenario->cluster = value_set_key(cluster, S("crds"), sets);
    }
    if (plan->start_unix_ns)
        scenario->start = (struct wall_time){plan->start_unix_ns};
    struct run_options run = options->run;
    run.has_seed = true;
    run.seed = plan->has_seed ? plan->seed : scenario->seed;
    run.secret = &plan->secret;
    run.until = INSTANT_NEVER;
    run.turn = session_turn;
    run.turn_owner = s;
    run.tracks_fields = true;
    s->run = run_new(scenario, &run, message);
    for (size_t i = 0; s->run && i < plan->manifests.count; i++) {
        struct documents d = {0};
        if (documents_load_through(&plan->files, str_from(plan->manifests.items[i]), &d, message)) {
            session_free(s);
            return NULL;
        }
        vec_push(&s->manifests, d);
    }
    if (!s->run) {
        session_free(s);
        return NULL;
    }
    sim_set_journal_sink(s->run->sim, on_journal, s);
    return s;
}

void session_free(struct session *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->manifests.count; i++)
        documents_release(&s->manifests.items[i]);
    vec_release(&s->manifests);
    run_free(s->run);
    scenario_free(s->scenario);
    value_drop(s->cluster);
    text_release(&s->unwritten);
    text_release(&s->scratch);
    text_release(&s->failure);
    mem_free(s);
}

void session_gateway_add(struct session *s, process_id gateway)
{
    CHECK(s->gateway_count < SESSION_GATEWAYS_MAX);
    s->gateways[s->gateway_count++] = gateway;
}

static void add_gateway(struct session *s, struct str name)
{
    s->gateway_config.server = sim_address(s->run->sim, S(CLUSTER_API_ADDRESS));
    session_gateway_add(
        s, gateway_add(s->run->sim, cluster_outside(s->run->cluster), name, &s->gateway_config));
}

void session_plain_gateway_add(struct session *s)
{
    add_gateway(s, S(SESSION_PLAIN_GATEWAY));
}

void session_gateways_add(struct session *s)
{
    for (int64_t i = 0; i < s->plan->gateways; i++)
        add_gateway(s, i == 0 ? S(GATEWAY_NAME) : S(SESSION_PLAIN_GATEWAY));
}

struct run *session_run(const struct session *s)
{
    return s->run;
}

enum session_phase session_phase(const struct session *s)
{
    return s->phase;
}

bool session_has_scenario(const struct session *s)
{
    return s->plan->scenario.size > 0;
}

bool session_has_acted(const struct session *s)
{
    return s->has_acted;
}

bool session_has_written(const struct session *s)
{
    return s->has_written;
}

/* ---- playing ---- */

static void phase_begin(struct session *s, enum session_phase phase)
{
    s->phase = phase;
    if (s->options.phase_began)
        s->options.phase_began(s->options.owner, s);
}

static void refuse(struct session *s, const struct document *d, const struct text *why)
{
    AUTO(text) struct text place = {0};
    text_printf(&place, "%.*s:%d", STR_ARG(d->file), document_place(d, S("")).line);
    if (s->options.refused)
        s->options.refused(s->options.owner, s, text_str(&place), text_str(why));
}

/* As kubectl does: one that is refused does not keep the others from being tried. */
static void apply_manifests(struct session *s)
{
    for (size_t i = 0; i < s->manifests.count; i++) {
        const struct documents *d = &s->manifests.items[i];
        for (size_t j = 0; j < d->count && !s->run->is_stopped; j++) {
            AUTO(text) struct text why = {0};
            AUTO(value)
            struct value arguments =
                value_set_key(value_object(), S("resource"), value_keep(d->items[j].root));
            if (step_apply.run(s->run, arguments, &why) == OUTCOME_FAILED && !s->run->is_stopped)
                refuse(s, &d->items[j], &why);
        }
    }
}

/* After a check or an invariant has stopped the run: it has been said; the cluster goes on, and is
 * not judged any more. */
static void forgive(struct session *s)
{
    s->run->is_unjudged = true;
    s->run->outcome = OUTCOME_PASSED;
    text_clear(&s->run->message);
    if (!s->is_stopped)
        s->run->is_stopped = false;
}

void session_play(struct session *s)
{
    struct run *r = s->run;
    r->is_unjudged = !session_has_scenario(s);
    phase_begin(s, SESSION_COMING_UP);
    run_begin(r);
    run_bring_up(r);
    struct instant age = (struct instant){duration_s(SESSION_AGE_S).ns};
    if (!session_has_scenario(s) && instant_before(sim_now(r->sim), age))
        (void)run_until(r, NULL, NULL, age);
    phase_begin(s, SESSION_APPLYING);
    apply_manifests(s);
    if (session_has_scenario(s) && !r->is_stopped) {
        phase_begin(s, SESSION_STEPPING);
        run_all_steps(r);
        if (s->options.steps_ended && !s->is_stopped)
            s->options.steps_ended(s->options.owner, s);
        if (r->outcome == OUTCOME_FAILED)
            forgive(s);
    }
    if (!s->is_stopped)
        phase_begin(s, SESSION_SERVING);
    while (!s->is_stopped) {
        (void)run_until(r, NULL, NULL, INSTANT_NEVER);
        if (r->outcome == OUTCOME_FAILED && s->options.violated)
            s->options.violated(s->options.owner, s);
        if (r->outcome == OUTCOME_FAILED)
            forgive(s);
    }
}

/* ---- turns ---- */

static bool flush(struct session *s)
{
    if (s->unwritten.size && s->options.write && !s->has_lost)
        s->has_lost = !s->options.write(s->options.owner, text_str(&s->unwritten));
    text_clear(&s->unwritten);
    return !s->has_lost;
}

/* The turn of the world outside: it may move the clock, but what is due is the run's to do. */
static enum run_turn live(struct session *s, struct instant next)
{
    uint64_t position = s->run->position, events = sim_event_count(s->run->sim);
    enum run_turn turn = s->options.live(s->options.owner, s, next);
    CHECK(position != s->run->position || events == sim_event_count(s->run->sim));
    return turn;
}

static enum run_turn session_turn(void *owner, struct run *run, struct instant next)
{
    struct session *s = owner;
    (void)run;
    s->has_acted = s->has_written = false;
    enum run_turn turn = TURN_GO;
    if (session_is_replaying(s))
        turn = session_replay_turn(s, next);
    /* A replay that has come to its end hands this very turn over. */
    if (turn == TURN_GO && !session_is_replaying(s)) {
        if (s->is_resuming && s->options.write)
            turn = session_resume(s); /* which changes what is next */
        else
            turn = live(s, next);
        if (turn == TURN_STOP && !s->is_stopped) /* of turns within turns the innermost */
            session_record_end(s);
        if (!flush(s))
            turn = TURN_STOP;
    }
    s->is_stopped |= turn == TURN_STOP;
    return turn == TURN_GO && s->has_acted ? TURN_ACTED : turn;
}

/* What the gateways are told is what came in by HTTP; all other commands follow from operations. */
static void on_journal(void *owner, const struct journal_entry *entry)
{
    struct session *s = owner;
    if (entry->kind != JOURNAL_COMMAND || entry->message->type != &gateway_command_message)
        return;
    s->has_acted = true;
    s->has_written |= gateway_command_writes(entry->message);
    for (size_t i = 0; i < s->gateway_count && !session_is_replaying(s); i++) {
        if (s->gateways[i] == entry->process)
            session_record_gateway(s, i, entry->message);
    }
}

/* ---- operations ---- */

static bool do_operation(struct session *s, struct value operation, struct text *said)
{
    AUTO(text) struct text what = {0};
    const struct step_kind *kind = step_kind_find(value_key_at(operation, 0));
    CHECK(kind);
    enum outcome o = kind->run(s->run, value_member_at(operation, 0), &what);
    if (s->run->outcome == OUTCOME_FAILED) {
        text_add(said, text_str(&s->run->message));
        return false;
    }
    if (s->run->is_stopped) {
        text_add(said, S("the session ended first"));
        return false;
    }
    if (o == OUTCOME_FAILED)
        text_printf(said, "%s: ", kind->name);
    text_add(said, text_str(&what));
    if (what.size && o != OUTCOME_FAILED)
        text_add_byte(said, '\n');
    return o != OUTCOME_FAILED;
}

static bool do_documents(struct session *s, const struct documents *d, struct text *said)
{
    for (size_t i = 0; i < d->count; i++) {
        if (!do_operation(s, d->items[i].root, said))
            return false;
    }
    return true;
}

static enum err check_documents(const struct documents *d, struct errmsg *message)
{
    for (size_t i = 0; i < d->count; i++) {
        enum err e =
            shape_check(&step_operation_shape, d->items[i].root, &d->items[i], S(""), message);
        if (e)
            return e;
        struct value arguments = value_member_at(d->items[i].root, 0);
        if (value_kind(arguments) == VALUE_OBJECT &&
            value_is_present(value_get_key(arguments, S("file"))))
            return errmsg_set(message, ERR_UNSUPPORTED,
                              "an operation from outside holds its objects, not a file's name");
    }
    return ERR_OK;
}

bool session_operate(struct session *s, struct str operations, struct text *said)
{
    struct documents d = {0};
    struct errmsg message = {{0}};
    bool is_done = false;
    s->depth++;
    s->run->position++;
    if (s->depth > SESSION_DEPTH_MAX)
        text_printf(said, "%d operations wait already", SESSION_DEPTH_MAX);
    else if (documents_parse(S("operation"), operations, &d, &message) ||
             check_documents(&d, &message))
        text_add(said, str_from(message.text));
    else
        is_done = do_documents(s, &d, said);
    s->run->position++;
    s->depth--;
    s->has_acted = s->has_written = true;
    documents_release(&d);
    return is_done;
}

bool session_do(struct session *s, struct str operations, struct text *said)
{
    CHECK(!session_is_replaying(s));
    session_record_do(s, operations);
    if (flush(s))
        return session_operate(s, operations, said);
    text_add(said, S("the journal cannot be written"));
    s->has_acted = true;
    return false;
}
