/* SPDX-License-Identifier: Apache-2.0
 *
 * `wavetank replay`: a recorded session again, without any client: the journal says what came in
 * and where. The timeline comes out the same, to the byte; marks in the journal say whether it did.
 *
 * A journal whose program was killed has no end mark, and its last record may be cut off: what is
 * there is replayed and compared with the marks that it has.
 */
#include "sim/base/base.h"

#include <stdio.h>
#include <time.h>

#include "scenarios/engine/session.h"
#include "sim/base/mem.h"
#include "tui/build.h"
#include "tui/commands/commands.h"
#include "tui/commands/console.h"
#include "tui/edge.h"
#include "tui/serve/folder.h"
#include "tui/serve/pace.h"

struct replay {
    const char *file, *trace;
    struct instant until; /* INSTANT_NEVER: the end of the journal */
    bool is_json, is_quiet, is_verbose, any_build, has_pace, is_over;
    struct pace pace;
    struct session_plan plan;
    struct session *session;
    struct recording_reader reader; /* as it is at the begin of the replay */
    enum recording_state state;     /* how the journal ends */
    struct text timeline;
    struct console *console;
};

static const char help[] =
    "Usage: wavetank replay JOURNAL [OPTION]...\n"
    "\n"
    "Runs a session again that `wavetank serve --journal FILE` or --data-dir has recorded, "
    "without\n"
    "any client, and compares it with what was recorded.\n"
    "\n"
    "  --until T              stops at this instant (15m)\n"
    "  --speed X              as it happened: 1, 60, ...; as fast as it can when absent\n"
    "  --trace FILE           the timeline as text\n"
    "  --any-build            tries a journal of another build of wavetank\n"
    "  --output text|json\n"
    "  -v, --verbose          shows the timeline\n"
    "  -q, --quiet            prints errors only\n"
    "  -h, --help             this text\n"
    "\n"
    "Exit status: 0 the same as recorded, 1 it parted from what was recorded, 2 the journal is\n"
    "damaged or none, 3 it was written by another build.\n";

static int bad(const char *option, const char *what)
{
    fprintf(stderr, "wavetank replay: %s: %s\n", option, what);
    return EXIT_BAD_INPUT;
}

static int fail(int status, const struct errmsg *message)
{
    fprintf(stderr, "wavetank replay: %s\n", message->text);
    return status;
}

/* ---- arguments ---- */

static bool set_flag(struct replay *r, const char *word)
{
    bool *flag = strcmp(word, "-q") == 0 || strcmp(word, "--quiet") == 0     ? &r->is_quiet
                 : strcmp(word, "-v") == 0 || strcmp(word, "--verbose") == 0 ? &r->is_verbose
                 : strcmp(word, "--any-build") == 0                          ? &r->any_build
                                                                             : NULL;
    if (flag)
        *flag = true;
    return flag != NULL;
}

static int set_option(struct replay *r, const char *name, const char *value)
{
    struct duration d;
    if (strcmp(name, "--trace") == 0) {
        r->trace = value;
    } else if (strcmp(name, "--until") == 0) {
        if (!duration_parse(str_from(value), &d) || d.ns < 0)
            return bad(name, "expected a duration such as 15m");
        r->until = (struct instant){d.ns};
    } else if (strcmp(name, "--speed") == 0) {
        if (!pace_parse(&r->pace, str_from(value)) || r->pace.mode == PACE_PAUSED)
            return bad(name, "expected a number from 1 to 1000000, or max");
        r->has_pace = r->pace.mode == PACE_FACTOR;
    } else if (strcmp(name, "--output") == 0) {
        if (strcmp(value, "json") != 0 && strcmp(value, "text") != 0)
            return bad(name, "expected text or json");
        r->is_json = strcmp(value, "json") == 0;
    } else {
        return bad(name, "unknown option; wavetank replay -h lists them");
    }
    return -1;
}

static int parse(struct replay *r, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char *word = argv[i];
        if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0) {
            fputs(help, stdout);
            return EXIT_HELD;
        }
        if (set_flag(r, word))
            continue;
        if (word[0] != '-') {
            if (r->file)
                return bad(word, "one journal at a time");
            r->file = word;
            continue;
        }
        char *equals = strchr(word, '=');
        if (equals)
            *equals = 0;
        else if (i + 1 >= argc)
            return bad(word, "a value is missing");
        int status = set_option(r, word, equals ? equals + 1 : argv[++i]);
        if (status >= 0)
            return status;
    }
    return r->file ? -1 : bad("JOURNAL", "no journal; wavetank replay -h tells more");
}

/* ---- turns ---- */

static enum run_turn on_replaying(void *owner, struct session *s, struct instant next)
{
    struct replay *r = owner;
    struct sim *sim = session_run(s)->sim;
    if (instant_before(r->until, next)) {
        if (instant_before(sim_now(sim), r->until))
            sim_run_until(sim, r->until);
        r->is_over = true;
        return TURN_STOP;
    }
    while (r->has_pace && session_phase(s) >= SESSION_STEPPING) {
        struct instant limit = pace_look(&r->pace, sim_now(sim), edge_wall_us());
        if (!instant_before(limit, next))
            break;
        int ms = pace_rest_ms(&r->pace, sim_now(sim), next, 200);
        struct timespec wait = {0, (long)ms * 1000000};
        (void)nanosleep(&wait, NULL);
    }
    return TURN_GO;
}

/* After the last record: at once, or at the instant that was asked for. */
static enum run_turn on_live(void *owner, struct session *s, struct instant next)
{
    const struct replay *r = owner;
    return r->until.ns == INSTANT_NEVER.ns ? TURN_STOP : on_replaying(owner, s, next);
}

static void on_phase(void *owner, struct session *s)
{
    struct replay *r = owner;
    if (session_phase(s) <= SESSION_STEPPING)
        pace_begin(&r->pace, sim_now(session_run(s)->sim), edge_wall_us());
}

static void on_line(void *owner, struct instant at, struct str line)
{
    struct replay *r = owner;
    if (r->trace) {
        text_add(&r->timeline, line);
        text_add_byte(&r->timeline, '\n');
    }
    if (r->console)
        console_line(r->console, at, line);
}

/* ---- the journal ---- */

/* Its head, and whether it is whole. */
static int open_journal(struct replay *r, struct str bytes, struct errmsg *message)
{
    struct record record;
    enum err e = recording_open(&r->reader, bytes, message);
    if (!e && (!recording_next(&r->reader, &record) || record.kind != 1))
        e = errmsg_set(message, ERR_SYNTAX, "the head of the journal is not what was written");
    struct str build = e ? S("") : session_plan_build(record.content);
    if (!e && !r->any_build && !str_equal(build, str_from(build_id()))) {
        (void)errmsg_set(message, ERR_STATE,
                         "%s was written by another build of wavetank (%.*s; this is %s), which "
                         "may run otherwise; --any-build tries it",
                         r->file, STR_ARG(build), build_id());
        return fail(EXIT_ENVIRONMENT, message);
    }
    if (!e)
        e = session_plan_read(record.content, &r->plan, message);
    struct recording_reader ahead = r->reader;
    while (!e && recording_next(&ahead, &record)) { /* up to where it is good */
    }
    r->state = ahead.state;
    if (!e && r->state == RECORDING_DAMAGED)
        e = errmsg_set(message, ERR_SYNTAX,
                       "damaged at byte %zu: record %" PRIu64 " is not what was written",
                       ahead.good, ahead.records + 1);
    if (!e)
        return EXIT_HELD;
    errmsg_prefix(message, "%s", r->file);
    return fail(EXIT_BAD_INPUT, message);
}

static int open_session(struct replay *r, struct errmsg *message)
{
    struct session_options options = {
        .owner = r, .live = on_live, .replaying = on_replaying, .phase_began = on_phase};
    if (r->is_verbose && !r->is_json) {
        r->console = console_new(true);
        console_options(r->console, &options.run);
        options.run.progress = NULL;
    }
    r->session = session_new(&r->plan, &options, message);
    if (!r->session)
        return fail(EXIT_BAD_INPUT, message);
    if (r->trace || r->console)
        sim_set_trace_sink(session_run(r->session)->sim, on_line, r);
    session_gateways_add(r->session);
    session_replay(r->session, &r->reader);
    return EXIT_HELD;
}

/* ---- what came out ---- */

static const char *verdict(const struct replay *r)
{
    if (session_replay_failure(r->session).size)
        return "parted from what was recorded";
    if (r->is_over)
        return "stopped before the end of the journal";
    if (session_reached_end_mark(r->session))
        return "the same as recorded";
    return r->state == RECORDING_TORN ? "the journal ends in the middle of a record; up to there "
                                        "the same as its marks"
                                      : "the journal has no end mark; the same as its marks";
}

static int report(struct replay *r, struct errmsg *message)
{
    struct sim *sim = session_run(r->session)->sim;
    struct str failure = session_replay_failure(r->session);
    int status = failure.size ? EXIT_FAILED : EXIT_HELD;
    if (failure.size)
        fprintf(stderr, "wavetank replay: %s: %.*s\n", r->file, STR_ARG(failure));
    if (r->trace && edge_write_file(r->trace, text_str(&r->timeline), message))
        return fail(EXIT_ENVIRONMENT, message);
    AUTO(text) struct text seconds = {0};
    AUTO(text) struct text cpu = {0};
    report_seconds(sim_now(sim).ns, &seconds);
    report_seconds(edge_cpu_us() * 1000, &cpu);
    if (r->is_json)
        printf("{\"result\": \"%s\", \"virtualSeconds\": %s, \"cpuSeconds\": %s, "
               "\"events\": %" PRIu64 ", \"records\": %" PRIu64 ", \"traceHash\": \"%016" PRIx64
               "\"}\n",
               failure.size ? "parted"
               : r->is_over ? "stopped"
                            : "same",
               text_c(&seconds), text_c(&cpu), sim_event_count(sim), session_records(r->session),
               sim_trace_hash(sim));
    else if (!r->is_quiet)
        printf("replayed %" PRIu64 " records, %s s of virtual time, %" PRIu64
               " events, trace %016" PRIx64 ": %s\n",
               session_records(r->session), text_c(&seconds), sim_event_count(sim),
               sim_trace_hash(sim), verdict(r));
    return status;
}

int command_replay(int argc, char **argv)
{
    struct replay r = {.until = INSTANT_NEVER, .pace = {.mode = PACE_FACTOR, .factor = 1}};
    struct errmsg message = {{0}};
    char *bytes = NULL;
    size_t size = 0;
    int status = parse(&r, argc, argv);
    if (status < 0) {
        enum err e = file_load(r.file, &bytes, &size, &message);
        status = e ? fail(e == ERR_MISSING ? EXIT_BAD_INPUT : EXIT_ENVIRONMENT, &message)
                   : open_journal(&r, (struct str){bytes, size}, &message);
        if (status == EXIT_HELD)
            status = open_session(&r, &message);
        if (status == EXIT_HELD) {
            session_play(r.session);
            status = report(&r, &message);
        }
    }
    session_free(r.session);
    session_plan_release(&r.plan);
    console_free(r.console);
    text_release(&r.timeline);
    mem_free(bytes);
    return status;
}
