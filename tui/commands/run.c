/* SPDX-License-Identifier: Apache-2.0
 *
 * `wavetank run`: scenarios one after another, each in a simulation of its own.
 *
 * Standard output has the report for people, or with `--output json` one object a scenario and
 * nothing else; what is wrong with the input goes to standard error.
 */
#include "sim/base/base.h"

#include <stdio.h>
#include <stdlib.h>

#include "scenarios/engine/load.h"
#include "scenarios/engine/report.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"
#include "tui/commands/commands.h"
#include "tui/commands/console.h"
#include "tui/edge.h"

struct arguments {
    VEC(char *) files; /* owned */
    const char *trace, *changes, *objects, *junit, *report;
    const char *load_nodes, *load_pods;
    struct run_options options;
    bool is_json, is_quiet, is_verbose;
};
struct session { /* of all scenarios */
    struct arguments arguments;
    struct text junit;
    size_t tests, failed;
    VEC(struct text) summary;
};
struct recording { /* of one */
    struct text timeline, changes;
    struct console *console;
    int64_t began_cpu_us;
    VEC(int64_t) step_cpu_us; /* at the end of each step, for measurements */
};

static int parse(struct arguments *a, int argc, char **argv);
static enum outcome run_one(struct session *s, const char *file, int *ret_status);
static int write_outputs(const struct session *s, const struct run *r, struct recording *rec,
                         const struct measures *m);
static void finish(struct session *s, int *status);

static const char help[] =
    "Usage: wavetank run FILE... [OPTION]...\n"
    "       wavetank run --load NODES_FILE PODS_FILE [OPTION]...\n"
    "\n"
    "Runs scenarios (files, or folders of them) one after another.\n"
    "\n"
    "  --seed N          seed of all random choices; wins over the scenario's\n"
    "  --until T         end of the run in virtual time, such as 15m\n"
    "  --output FORMAT   text (default) or json: one object a scenario, nothing else\n"
    "  --quiet           only the last line of each scenario\n"
    "  --verbose         every line of the timeline, not only those about objects of users; with\n"
    "                    JSON, the CPU time at the end of each step\n"
    "  --trace FILE      the readable timeline\n"
    "  --changes FILE    every committed change, a JSON object a line\n"
    "  --objects FILE    all objects at the end as one JSON List\n"
    "  --junit FILE      results as JUnit XML\n"
    "  --report FILE     a page of HTML\n"
    "  --load N P        no scenario: the Nodes of file N and the Pods of file P; runs until every "
    "pod runs or is found\n"
    "                    unschedulable\n"
    "  -h, --help        this text\n"
    "\n"
    "Exit status: 0 all held, 1 an expectation or invariant failed, 2 bad input, 3 the environment "
    "lacks something.\n";

int command_run(int argc, char **argv)
{
    struct session s = {0};
    int status = parse(&s.arguments, argc, argv);
    if (status >= 0)
        return status;
    status = EXIT_HELD;
    for (size_t i = 0; i < s.arguments.files.count; i++) {
        int one = EXIT_HELD;
        (void)run_one(&s, s.arguments.files.items[i], &one);
        status = one > status ? one : status;
    }
    finish(&s, &status);
    return status;
}

/* ---- arguments ---- */

static void add_file(void *owner, const char *file)
{
    struct arguments *a = owner;
    vec_push(&a->files, mem_copy_string(str_from(file)));
}

static int bad(const char *what)
{
    fprintf(stderr, "wavetank run: %s\n", what);
    return EXIT_BAD_INPUT;
}

static int set_option(struct arguments *a, const char *name, const char *value)
{
    static const char *const names[] = {"--seed",    "--until",  "--output",  "--quiet",
                                        "--verbose", "--trace",  "--changes", "--objects",
                                        "--junit",   "--report", "--load"};
    const struct {
        const char *name;
        const char **target;
    } files[] = {{"--trace", &a->trace},
                 {"--changes", &a->changes},
                 {"--objects", &a->objects},
                 {"--junit", &a->junit},
                 {"--report", &a->report}};
    AUTO(text) struct text why = {0};
    int64_t seed;
    struct duration until;
    for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
        if (strcmp(name, files[i].name) == 0) {
            *files[i].target = value;
            return -1;
        }
    }
    if (strcmp(name, "--seed") == 0) {
        if (!str_to_int64(str_from(value), &seed) || seed < 0)
            return bad("--seed: expected a number of at least 0");
        a->options.has_seed = true;
        a->options.seed = (uint64_t)seed;
    } else if (strcmp(name, "--until") == 0) {
        if (!duration_parse(str_from(value), &until) || until.ns <= 0)
            return bad("--until: expected a duration such as 30s or 15m");
        a->options.until = (struct instant){until.ns};
    } else if (strcmp(name, "--output") == 0) {
        if (strcmp(value, "json") != 0 && strcmp(value, "text") != 0)
            return bad("--output: expected text or json");
        a->is_json = strcmp(value, "json") == 0;
    } else {
        const char *near = nearest_word(str_from(name), names, ARRAY_COUNT(names));
        text_printf(&why, "unknown option %s%s%s%s; wavetank run -h lists them", name,
                    near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
        return bad(text_c(&why));
    }
    return -1;
}

/* -1: go on; else the exit status. */
static int parse(struct arguments *a, int argc, char **argv)
{
    struct errmsg message;
    bool options_end = false;
    for (int i = 1; i < argc; i++) {
        char *word = argv[i];
        if (options_end || word[0] != '-') {
            if (edge_list_scenarios(word, add_file, a, &message))
                return bad(message.text);
        } else if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0) {
            fputs(help, stdout);
            return EXIT_HELD;
        } else if (strcmp(word, "--") == 0)
            options_end = true;
        else if (strcmp(word, "--quiet") == 0)
            a->is_quiet = true;
        else if (strcmp(word, "--verbose") == 0)
            a->is_verbose = true;
        else if (strcmp(word, "--load") == 0) {
            if (i + 2 >= argc)
                return bad("--load: expected a file of Nodes and a file of Pods");
            a->load_nodes = argv[++i];
            a->load_pods = argv[++i];
            add_file(a, "load");
        } else {
            char *equals = strchr(word, '=');
            if (equals)
                *equals = 0;
            static const char *const known[] = {"--seed",    "--until",   "--output", "--trace",
                                                "--changes", "--objects", "--junit",  "--report"};
            bool takes_value = false;
            for (size_t k = 0; k < ARRAY_COUNT(known); k++)
                takes_value |= strcmp(word, known[k]) == 0;
            if (takes_value && !equals && i + 1 >= argc) {
                fprintf(stderr, "wavetank run: %s: a value is missing\n", word);
                return EXIT_BAD_INPUT;
            }
            int status = set_option(a, word, equals ? equals + 1 : takes_value ? argv[++i] : "");
            if (status >= 0)
                return status;
        }
    }
    return a->files.count ? -1 : bad("no scenario file; wavetank run -h tells more");
}

/* ---- one scenario ---- */

static void keep_line(void *owner, struct instant at, struct str line)
{
    struct recording *rec = owner;
    text_add(&rec->timeline, line);
    text_add_byte(&rec->timeline, '\n');
    if (rec->console)
        console_line(rec->console, at, line);
}

static void show_line(void *owner, struct instant at, struct str line)
{
    struct recording *rec = owner;
    console_line(rec->console, at, line);
}

static void keep_change(void *owner, const struct view_change *change)
{
    struct recording *rec = owner;
    report_change(change, &rec->changes);
}

static void keep_cpu(void *owner, const struct run *run, size_t step)
{
    struct recording *rec = owner;
    (void)run;
    while (rec->step_cpu_us.count <= step)
        vec_push(&rec->step_cpu_us, edge_cpu_us() - rec->began_cpu_us);
}

static enum outcome execute(struct session *s, struct run *r, struct recording *rec,
                            const struct documents *pods)
{
    const struct arguments *a = &s->arguments;
    if (a->trace || a->report)
        sim_set_trace_sink(r->sim, keep_line, rec);
    else if (rec->console)
        sim_set_trace_sink(r->sim, show_line, rec);
    if (!pods)
        sim_keep_last_lines(r->sim, 1000);
    if (a->changes)
        view_listen(r->view, keep_change, rec);
    return pods ? run_load(r, pods) : run_execute(r);
}

static enum outcome run_one(struct session *s, const char *file, int *ret_status)
{
    const struct arguments *a = &s->arguments;
    struct errmsg message = {{0}};
    struct documents pods = {0};
    struct recording rec = {0};
    int64_t wall = edge_wall_us(), cpu = edge_cpu_us();
    struct scenario *scenario = a->load_nodes ? load_scenario(str_from(a->load_nodes), &message)
                                              : scenario_load(str_from(file), &message);
    bool loaded = scenario != NULL;
    if (loaded && a->load_pods && documents_load(str_from(a->load_pods), &pods, &message))
        loaded = false;
    struct run_options options = a->options;
    rec.began_cpu_us = cpu;
    if (a->is_json && a->is_verbose) {
        options.step_ended = keep_cpu;
        options.owner = &rec;
    }
    if (!a->is_json && !a->is_quiet) {
        rec.console = console_new(a->is_verbose);
        console_options(rec.console, &options);
    }
    struct run *r = loaded ? run_new(scenario, &options, &message) : NULL;
    if (!r) {
        fprintf(stderr, "%s\n", message.text);
        bool lacks_runtime = loaded && scenario_needs_sandboxes(scenario);
        *ret_status = lacks_runtime ? EXIT_ENVIRONMENT : EXIT_BAD_INPUT;
    } else {
        if (rec.console)
            console_begin(rec.console, r);
        enum outcome o = execute(s, r, &rec, a->load_pods ? &pods : NULL);
        struct measures m = {edge_wall_us() - wall, edge_cpu_us() - cpu, edge_peak_rss_bytes(),
                             rec.step_cpu_us.items, rec.step_cpu_us.count};
        *ret_status = o == OUTCOME_PASSED ? EXIT_HELD : EXIT_FAILED;
        int written = write_outputs(s, r, &rec, &m);
        *ret_status = written > *ret_status ? written : *ret_status;
        struct text line = {0};
        console_result(r, &m, &line);
        if (!a->is_json)
            fputs(text_c(&line), stdout);
        vec_push(&s->summary, line);
        s->tests++;
        s->failed += o != OUTCOME_PASSED;
        if (a->junit)
            report_junit(r, &m, &s->junit);
    }
    enum outcome o = r ? r->outcome : OUTCOME_FAILED;
    run_free(r);
    scenario_free(scenario);
    documents_release(&pods);
    console_free(rec.console);
    vec_release(&rec.step_cpu_us);
    text_release(&rec.timeline);
    text_release(&rec.changes);
    return o;
}

static int write_outputs(const struct session *s, const struct run *r, struct recording *rec,
                         const struct measures *m)
{
    const struct arguments *a = &s->arguments;
    struct errmsg message;
    enum err e = ERR_OK;
    AUTO(text) struct text out = {0};
    if (a->is_json) {
        report_json(r, m, &out);
        fputs(text_c(&out), stdout);
    }
    if (a->trace)
        e = edge_write_file(a->trace, text_str(&rec->timeline), &message);
    if (!e && a->changes)
        e = edge_write_file(a->changes, text_str(&rec->changes), &message);
    if (!e && a->objects) {
        text_clear(&out);
        report_objects(r, &out);
        e = edge_write_file(a->objects, text_str(&out), &message);
    }
    if (!e && a->report) {
        text_clear(&out);
        report_html(r, m, text_str(&rec->timeline), &out);
        e = edge_write_file(a->report, text_str(&out), &message);
    }
    if (e)
        fprintf(stderr, "wavetank run: %s\n", message.text);
    return e ? EXIT_ENVIRONMENT : EXIT_HELD;
}

static void finish(struct session *s, int *status)
{
    struct errmsg message;
    if (s->arguments.files.count > 1 && !s->arguments.is_json) {
        printf("\n%zu scenarios, %zu passed, %zu failed\n", s->arguments.files.count,
               s->tests - s->failed, s->arguments.files.count - (s->tests - s->failed));
        for (size_t i = 0; i < s->summary.count && !s->arguments.is_quiet; i++)
            fputs(text_c(&s->summary.items[i]), stdout);
    }
    if (s->arguments.junit) {
        AUTO(text) struct text page = {0};
        text_add(&page,
                 S("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"wavetank\">\n"));
        text_add(&page, text_str(&s->junit));
        text_add(&page, S("</testsuites>\n"));
        if (edge_write_file(s->arguments.junit, text_str(&page), &message)) {
            fprintf(stderr, "wavetank run: %s\n", message.text);
            *status = *status > EXIT_ENVIRONMENT ? *status : EXIT_ENVIRONMENT;
        }
    }
    for (size_t i = 0; i < s->arguments.files.count; i++)
        mem_free(s->arguments.files.items[i]);
    for (size_t i = 0; i < s->summary.count; i++)
        text_release(&s->summary.items[i]);
    vec_release(&s->arguments.files);
    vec_release(&s->summary);
    text_release(&s->junit);
}
