/* SPDX-License-Identifier: Apache-2.0
 *
 * What `wavetank ctl` can ask a running `wavetank serve` for: a table of verbs. Each takes the
 * request's JSON and gives a result; those that act on the cluster do so as operations of the
 * session, which are journaled.
 *
 * A status as the program's exit status has it: 0 done, 1 it failed in the cluster, 2 bad input.
 */
#include "sim/base/base.h"

#include <stdio.h>

#include "cluster/api/json.h"
#include "cluster/api/object.h"
#include "scenarios/engine/faults.h"
#include "tui/commands/commands.h"
#include "tui/serve/control.h"
#include "tui/serve/serving.h"

#define USER_GROUPS_MAX 32

struct reply {
    int status;
    struct value result; /* owned */
    struct text error;
    bool waits; /* for the goal of the clock */
};
struct control_verb {
    const char *name;
    void (*run)(struct serving *v, struct value request, struct reply *reply);
};

static void fail(struct reply *reply, int status, const char *what)
{
    reply->status = status;
    text_add(&reply->error, str_from(what));
}

/* ---- the clock ---- */

static struct value clock_value(const struct serving *v)
{
    struct instant now = sim_now(v->sim);
    AUTO(text) struct text passed = {0};
    char speed[32];
    text_add_duration(&passed, (struct duration){now.ns});
    pace_text(&v->pace, speed);
    return value_pack("{now: %S, seconds: %v, time: %v, events: %D, speed: %s, settled: %b}",
                      text_str(&passed), value_double((double)now.ns / 1e9),
                      time_value(sim_wall(v->sim)), (int64_t)sim_event_count(v->sim), speed,
                      (int)pace_is_settled(&v->pace, now));
}

static void verb_pause(struct serving *v, struct value request, struct reply *reply)
{
    (void)request;
    pace_pause(&v->pace);
    control_goal_reached(v->control);
    reply->result = clock_value(v);
}

static void verb_resume(struct serving *v, struct value request, struct reply *reply)
{
    (void)request;
    pace_resume(&v->pace);
    pace_changed(&v->pace, sim_now(v->sim)); /* max begins anew */
    control_goal_reached(v->control);
    reply->result = clock_value(v);
}

static void verb_speed(struct serving *v, struct value request, struct reply *reply)
{
    if (!pace_parse(&v->pace, value_str(value_get_key(request, S("speed"))))) {
        fail(reply, EXIT_BAD_INPUT, "expected a number from 1 to 1000000, max or paused");
        return;
    }
    pace_written(&v->pace, sim_now(v->sim)); /* max begins anew */
    control_goal_reached(v->control);
    reply->result = clock_value(v);
}

/* "30s" from here on. */
static bool duration_of(struct value request, struct duration *ret)
{
    return duration_parse(value_str(value_get_key(request, S("duration"))), ret) && ret->ns > 0;
}

static void verb_step(struct serving *v, struct value request, struct reply *reply)
{
    int64_t events = value_as_integer(value_get_key(request, S("events")), 0);
    struct duration d = {0};
    if (events <= 0 && !duration_of(request, &d)) {
        fail(reply, EXIT_BAD_INPUT, "expected a number of events or a duration, such as 10 or 30s");
        return;
    }
    uint64_t to = events > 0 ? sim_event_count(v->sim) + (uint64_t)events : UINT64_MAX;
    pace_goal_set(&v->pace, events > 0 ? INSTANT_NEVER : instant_add(sim_now(v->sim), d), to);
    reply->waits = true;
}

/* An instant: since the start ("15m"), or of the cluster's clock ("2026-01-01T00:10:00Z"). */
static bool instant_of(const struct serving *v, struct value request, struct instant *ret)
{
    struct value given = value_get_key(request, S("instant"));
    struct duration d;
    struct wall_time wall;
    if (duration_parse(value_str(given), &d)) {
        *ret = (struct instant){d.ns};
        return true;
    }
    if (!time_parse(given, &wall))
        return false;
    *ret = (struct instant){sim_now(v->sim).ns + (wall.unix_ns - sim_wall(v->sim).unix_ns)};
    return true;
}

static void operate(struct serving *v, struct str operations, struct reply *reply)
{
    AUTO(text) struct text said = {0};
    bool is_done = session_do(v->session, operations, &said);
    if (!is_done)
        fail(reply, EXIT_FAILED, text_c(&said));
    else
        reply->result = value_pack("{said: %S}", str_trim(text_str(&said)));
}

/* As fast as it can until they are done (their own time-outs count), then paused. */
static void run_until_operation(struct serving *v, struct str operations, struct reply *reply)
{
    pace_goal_set(&v->pace, INSTANT_NEVER, UINT64_MAX);
    operate(v, operations, reply);
    pace_pause(&v->pace);
    if (reply->status == EXIT_HELD)
        reply->result = value_set_key(reply->result, S("clock"), clock_value(v));
}

static void verb_run_until(struct serving *v, struct value request, struct reply *reply)
{
    struct value operations = value_get_key(request, S("operations"));
    struct instant at;
    struct duration d = {0};
    if (value_is_present(operations)) {
        run_until_operation(v, value_str(operations), reply);
        return;
    }
    if (duration_of(request, &d)) {
        at = instant_add(sim_now(v->sim), d);
    } else if (!instant_of(v, request, &at)) {
        fail(reply, EXIT_BAD_INPUT, "expected an instant such as 15m or 2026-01-01T00:15:00Z");
        return;
    }
    if (instant_before(at, sim_now(v->sim))) {
        struct value given = value_get_key(request, S("instant"));
        fail(reply, EXIT_BAD_INPUT, "this instant is past: it is ");
        text_add_duration(&reply->error, (struct duration){sim_now(v->sim).ns});
        text_add(&reply->error, S(" since the start"));
        if (duration_parse(value_str(given), &d))
            text_printf(&reply->error, " (from here on is +%.*s)", STR_ARG(value_str(given)));
        return;
    }
    pace_goal_set(&v->pace, at, UINT64_MAX);
    reply->waits = true;
}

/* ---- faults and operations ---- */

static struct value fault_value(const struct serving *v, const struct active_fault *f)
{
    struct value row = value_pack("{name: %s, kind: %s, parameters: %v}", f->name, f->kind->name,
                                  value_keep(f->arguments));
    if (f->ends.ns == INSTANT_NEVER.ns)
        return row;
    AUTO(text) struct text left = {0};
    text_add_duration(&left, instant_since(f->ends, sim_now(v->sim)));
    return value_set_key(row, S("healsIn"), value_string(text_str(&left)));
}

static struct value faults_value(const struct serving *v)
{
    struct value list = value_array();
    for (size_t i = 0; i < v->run->faults.count; i++)
        list = value_append(list, fault_value(v, v->run->faults.items[i]));
    return list;
}

static void verb_faults(struct serving *v, struct value request, struct reply *reply)
{
    (void)request;
    reply->result = value_pack("{faults: %v}", faults_value(v));
}

static void verb_do(struct serving *v, struct value request, struct reply *reply)
{
    operate(v, value_str(value_get_key(request, S("operations"))), reply);
}

/* An inject or heal, as an operation; the answer shows what is in force then. */
static void verb_fault(struct serving *v, struct value request, struct reply *reply)
{
    operate(v, value_str(value_get_key(request, S("operations"))), reply);
    if (reply->status == EXIT_HELD)
        reply->result = value_set_key(reply->result, S("faults"), faults_value(v));
}

/* ---- looking ---- */

static struct value nodes_value(const struct serving *v)
{
    int64_t total = 0, ready = 0;
    for (struct view_cursor c = view_first(v->run->view, resource_get(RESOURCE_nodes), S(""));
         c.key; view_next(&c)) {
        total++;
        ready += condition_is_true(VALUE_GET(c.object, status, conditions), "Ready");
    }
    return value_pack("{total: %D, ready: %D}", total, ready);
}

static struct value journal_value(const struct serving *v)
{
    if (v->folder.journal_path.size == 0)
        return VALUE_ABSENT;
    return value_pack("{file: %S, bytes: %D, records: %D}", text_str(&v->folder.journal_path),
                      (int64_t)v->folder.journal_bytes, (int64_t)session_records(v->session));
}

static void verb_status(struct serving *v, struct value request, struct reply *reply)
{
    (void)request;
    struct pod_counts pods = run_pods(v->run);
    char trace[32];
    snprintf(trace, sizeof(trace), "%016" PRIx64, sim_trace_hash(v->sim));
    AUTO(text) struct text server = {0};
    text_printf(&server, "https://%s:%u", text_c(&v->arguments.address),
                http_server_port(v->server));
    reply->result = value_pack(
        "{clock: %v, nodes: %v, pods: {total: %D, running: %D, pending: %D}, faults: %v, "
        "server: %S, kubeconfig: %S, context: %s, trace: %s, journal: %v, version: %s}",
        clock_value(v), nodes_value(v), (int64_t)pods.total, (int64_t)pods.running,
        (int64_t)pods.pending, faults_value(v), text_str(&server), text_str(&v->kubeconfig_path),
        v->arguments.context, trace, journal_value(v), WAVETANK_VERSION);
    struct console *narrates = v->console;
    if (narrates && session_phase(v->session) == SESSION_STEPPING)
        reply->result = value_set_key(reply->result, S("scenario"), value_string(S("running")));
}

static void verb_journal(struct serving *v, struct value request, struct reply *reply)
{
    (void)request;
    struct value journal = journal_value(v);
    if (!value_is_present(journal)) {
        fail(reply, EXIT_FAILED, "no journal is written: serve --journal FILE or --data-dir DIR");
        return;
    }
    session_mark(v->session);
    char trace[32];
    snprintf(trace, sizeof(trace), "%016" PRIx64, sim_trace_hash(v->sim));
    journal = value_set_key(journal, S("trace"), value_string(str_from(trace)));
    reply->result = value_set_key(journal, S("build"), value_string(text_str(&v->plan.build)));
}

/* ---- users ---- */

static void verb_user(struct serving *v, struct value request, struct reply *reply)
{
    struct value name = VALUE_GET(request, name), groups = value_get_key(request, S("groups"));
    struct str names[USER_GROUPS_MAX];
    char small[USER_GROUPS_MAX][VALUE_SMALL_SIZE];
    struct identity identity = {0};
    struct errmsg message = {{0}};
    if (value_str(name).size == 0 || value_count(groups) > USER_GROUPS_MAX) {
        fail(reply, EXIT_BAD_INPUT, "expected a name, and at most 32 groups");
        return;
    }
    if (str_equal(value_str(name), str_from(v->arguments.context))) {
        fail(reply, EXIT_BAD_INPUT, "this is the name of the administrator's context");
        return;
    }
    for (size_t i = 0; i < value_count(groups); i++)
        names[i] = value_str_in(value_at(groups, i), small[i]);
    const struct authority *authority = cluster_keys(v->run->cluster)->authority;
    if (identity_issue(authority,
                       &(struct subject){.name = value_str(name),
                                         .groups = names,
                                         .group_count = value_count(groups)},
                       &identity, &message)) {
        fail(reply, EXIT_ENVIRONMENT, message.text);
    } else {
        AUTO(text) struct text server = {0};
        bool is_any = str_equal(text_str(&v->arguments.address), S("0.0.0.0"));
        text_printf(&server, "https://%s:%u", is_any ? "127.0.0.1" : text_c(&v->arguments.address),
                    http_server_port(v->server));
        reply->result =
            value_pack("{name: %v, server: %S, authority: %S, certificate: %S, key: %S, "
                       "kubeconfig: %S, cluster: %s}",
                       value_keep(name), text_str(&server), authority_certificate(authority),
                       text_str(&identity.certificate), text_str(&identity.key),
                       text_str(&v->kubeconfig_path), v->arguments.context);
    }
    identity_release(&identity);
}

static void verb_end(struct serving *v, struct value request, struct reply *reply)
{
    (void)request;
    live_end();
    reply->result = clock_value(v);
}

/* ---- the table ---- */

static const struct control_verb verbs[] = {
    {"status", verb_status}, {"pause", verb_pause},     {"resume", verb_resume},
    {"speed", verb_speed},   {"step", verb_step},       {"run-until", verb_run_until},
    {"faults", verb_faults}, {"fault", verb_fault},     {"do", verb_do},
    {"user", verb_user},     {"journal", verb_journal}, {"end", verb_end},
};

static void reply_write(struct reply *reply, struct text *out)
{
    AUTO(value)
    struct value line =
        reply->status == EXIT_HELD
            ? value_pack("{status: %d, result: %v}", reply->status, reply->result)
            : value_pack("{status: %d, error: %S}", reply->status, text_str(&reply->error));
    if (reply->status != EXIT_HELD)
        value_drop(reply->result);
    text_release(&reply->error);
    json_write(line, out);
}

bool verb_answer(struct serving *v, struct value request, struct text *answer)
{
    struct reply reply = {0};
    const struct control_verb *verb = NULL;
    for (size_t i = 0; i < ARRAY_COUNT(verbs); i++) {
        if (str_equal(value_str(value_get_key(request, S("verb"))), str_from(verbs[i].name)))
            verb = &verbs[i];
    }
    if (verb)
        verb->run(v, request, &reply);
    else
        fail(&reply, EXIT_BAD_INPUT, "unknown verb: this server is of another version");
    if (reply.waits)
        return false;
    reply_write(&reply, answer);
    return true;
}

void verb_goal_answer(struct serving *v, struct text *answer)
{
    struct reply reply = {.result = clock_value(v)};
    session_mark(v->session); /* virtual time has leapt: a restart shall not take it back */
    reply_write(&reply, answer);
}
