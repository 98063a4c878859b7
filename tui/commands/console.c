/* SPDX-License-Identifier: Apache-2.0
 *
 * The terminal's view of a run. Lines of the timeline that concern only the cluster's own upkeep
 * (its store, leases, system objects) are left out unless everything is asked for; of the rest a
 * step shows at most LINES_MAX.
 */
#include "sim/base/base.h"

#include "tui/commands/console.h"

#include <stdio.h>

#include "sim/base/mem.h"
#include "tui/edge.h"

#define LINES_MAX 60
#define PROGRESS_AFTER_US 1000000
#define PROGRESS_EVERY_US 200000

struct console {
    bool is_verbose, has_colour, is_terminal, has_progress_line, has_begun_steps;
    size_t lines, left_out;
    int64_t began_us, shown_us;
};

static const char *colour(const struct console *c, const char *code)
{
    return c->has_colour ? code : "";
}
#define DIM "\033[2m"
#define GREEN "\033[32m"
#define RED "\033[31m"
#define BOLD "\033[1m"
#define PLAIN "\033[0m"

struct console *console_new(bool is_verbose)
{
    struct console *c = mem_new(struct console);
    *c = (struct console){.is_verbose = is_verbose,
                          .has_colour = edge_wants_colour(),
                          .is_terminal = edge_is_terminal(),
                          .began_us = edge_wall_us()};
    return c;
}

void console_free(struct console *c)
{
    mem_free(c);
}

static void clear_progress(struct console *c)
{
    if (c->has_progress_line)
        fputs("\r\033[K", stdout);
    c->has_progress_line = false;
}

static void print_instant(struct instant at, struct text *out)
{
    report_seconds(at.ns, out);
    text_add_byte(out, 's');
}

static bool on_progress(void *owner, const struct run *run)
{
    struct console *c = owner;
    int64_t now = edge_wall_us();
    if (!c->is_terminal || now - c->began_us < PROGRESS_AFTER_US ||
        now - c->shown_us < PROGRESS_EVERY_US)
        return true;
    c->shown_us = now;
    AUTO(text) struct text at = {0};
    print_instant(sim_now(run->sim), &at);
    struct pod_counts pods = run_pods(run);
    clear_progress(c);
    printf("  %s%s, %" PRIu64 " events, %zu of %zu pods run%s", colour(c, DIM), text_c(&at),
           sim_event_count(run->sim), pods.running, pods.total, colour(c, PLAIN));
    fflush(stdout);
    c->has_progress_line = true;
    return true;
}

static void end_lines(struct console *c)
{
    if (c->left_out)
        printf("      %s... and %zu lines more (--verbose or --trace FILE)%s\n", colour(c, DIM),
               c->left_out, colour(c, PLAIN));
    c->lines = c->left_out = 0;
}

static void on_step_begun(void *owner, const struct run *run, size_t step)
{
    struct console *c = owner;
    AUTO(text) struct text name = {0};
    AUTO(text) struct text at = {0};
    step_name(run, step, &name);
    print_instant(run->steps.items[step].begun, &at);
    clear_progress(c);
    end_lines(c);
    c->has_begun_steps = true;
    printf("\n  %s%s%s  %s%s%s\n", colour(c, BOLD), text_c(&name), colour(c, PLAIN), colour(c, DIM),
           text_c(&at), colour(c, PLAIN));
}

static void on_step_ended(void *owner, const struct run *run, size_t step)
{
    struct console *c = owner;
    const struct step_result *s = &run->steps.items[step];
    static const char *const marks[] = {
        [OUTCOME_PASSED] = "✓", [OUTCOME_FAILED] = "✗", [OUTCOME_SKIPPED] = "-"};
    static const char *const colours[] = {
        [OUTCOME_PASSED] = GREEN, [OUTCOME_FAILED] = RED, [OUTCOME_SKIPPED] = DIM};
    AUTO(text) struct text name = {0};
    AUTO(text) struct text at = {0};
    step_name(run, step, &name);
    print_instant(s->ended, &at);
    clear_progress(c);
    end_lines(c);
    printf("  %s%s%s %s %s(%s)%s\n", colour(c, colours[s->outcome]), marks[s->outcome],
           colour(c, PLAIN), text_c(&name), colour(c, DIM), text_c(&at), colour(c, PLAIN));
}

static void on_said(void *owner, const struct run *run, struct str text)
{
    struct console *c = owner;
    (void)run;
    clear_progress(c);
    printf("    %.*s\n", STR_ARG(text));
}

void console_options(struct console *c, struct run_options *options)
{
    options->owner = c;
    options->progress = on_progress;
    options->step_begun = on_step_begun;
    options->step_ended = on_step_ended;
    options->said = on_said;
}

void console_begin(struct console *c, const struct run *r)
{
    struct str description = value_str(value_get_key(r->scenario->spec, S("description")));
    printf("%s%s%s%s%.*s %s(seed %" PRIu64 ")%s\n", colour(c, BOLD), r->scenario->name,
           colour(c, PLAIN), description.size ? ": " : "", STR_ARG(description), colour(c, DIM),
           r->seed, colour(c, PLAIN));
}

/* Upkeep of the cluster itself. */
static bool is_upkeep(struct str line)
{
    static const char *const words[] = {
        " etcd",      "kube-system",     "system:",    "kube-public",  "kube-node-lease",
        " apiserver", " kube-apiserver", "flowschema", "clusterrole-", "its copy was old"};
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        if (str_contains(line, str_from(words[i])))
            return true;
    }
    return false;
}

void console_line(struct console *c, struct instant at, struct str line)
{
    (void)at;
    if (!c->is_verbose && (!c->has_begun_steps || is_upkeep(line)))
        return;
    if (!c->is_verbose && c->lines >= LINES_MAX) {
        c->left_out++;
        return;
    }
    clear_progress(c);
    c->lines++;
    /* What a component quotes may have line ends. */
    AUTO(text) struct text shown = {0};
    for (struct str rest = str_trim(line); rest.size;) {
        struct str part = str_cut(rest, '\n', &rest);
        text_printf(&shown, "%s%.*s", shown.size ? "; " : "", STR_ARG(part));
    }
    printf("      %s%s%s\n", colour(c, DIM), text_c(&shown), colour(c, PLAIN));
}

void console_result(const struct run *r, const struct measures *m, struct text *out)
{
    bool passed = r->outcome == OUTCOME_PASSED, has_colour = edge_wants_colour();
    struct pod_counts pods = run_pods(r);
    text_printf(out, "%s%s%s %s: ", has_colour ? (passed ? GREEN : RED) : "",
                passed ? "PASS" : "FAIL", has_colour ? PLAIN : "", r->scenario->name);
    report_seconds(sim_now(r->sim).ns, out);
    text_add(out, S("s of virtual time in "));
    report_seconds(m->wall_us * 1000, out);
    text_printf(out, "s, %" PRIu64 " events, %" PRIu64 " writes, %zu of %zu pods run",
                sim_event_count(r->sim), view_change_count(r->view), pods.running, pods.total);
    if (pods.unscheduled)
        text_printf(out, " (%zu unscheduled)", pods.unscheduled);
    text_printf(out, ", trace %016" PRIx64 "\n", sim_trace_hash(r->sim));
    if (!passed)
        text_printf(out, "     %s\n", text_c(&r->message));
}
