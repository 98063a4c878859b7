/* SPDX-License-Identifier: Apache-2.0
 *
 * `wavetank ctl`: speaks to a running `wavetank serve` of the same user through its control socket.
 * A table of verbs; each makes a request of its words and shows the result.
 */
#include "sim/base/base.h"

#include <stdio.h>

#include "cluster/api/json.h"
#include "cluster/api/object.h"
#include "scenarios/engine/faults.h"
#include "sim/base/vec.h"
#include "tui/commands/commands.h"
#include "tui/ctl/connection.h"
#include "tui/ctl/operations.h"
#include "tui/kubeconfig.h"

struct ctl {
    struct which_server which;
    const char *file, *kubeconfig;
    VEC(const char *) groups;
    VEC(char *) words; /* behind the verb */
    bool is_json, wants_help;
};
struct ctl_verb {
    const char *name, *arguments, *help;
    size_t least, most; /* words */
    const char *more;   /* on -h; may be NULL */
    /* The request; NULL: just the verb. */
    enum err (*request)(struct ctl *c, struct value *request, struct errmsg *message);
    int (*show)(const struct ctl *c, struct value result); /* NULL: the clock */
};

/* ---- requests ---- */

static enum err set(struct value *request, const char *key, struct str text)
{
    *request = value_set_key(*request, str_from(key), value_string(text));
    return ERR_OK;
}

static enum err request_speed(struct ctl *c, struct value *request, struct errmsg *message)
{
    (void)message;
    return set(request, "speed", str_from(c->words.items[0]));
}

static enum err request_step(struct ctl *c, struct value *request, struct errmsg *message)
{
    struct str word = c->words.count ? str_from(c->words.items[0]) : S("1");
    int64_t events;
    struct duration d;
    if (str_to_int64(word, &events) && events > 0)
        *request = value_set_key(*request, S("events"), value_integer(events));
    else if (duration_parse(word, &d) && d.ns > 0)
        return set(request, "duration", word);
    else
        return errmsg_set(message, ERR_SYNTAX,
                          "expected a number of events or a duration, such as 10 or 30s");
    return ERR_OK;
}

/* "+5m", "15m", "2026-01-01T00:15:00Z", or an operation that waits. */
static enum err request_run_until(struct ctl *c, struct value *request, struct errmsg *message)
{
    AUTO(text) struct text operations = {0};
    struct str word = c->words.count ? str_from(c->words.items[0]) : S("");
    struct duration d;
    struct wall_time wall;
    if (c->file) {
        enum err e = operations_of_file(c->file, &operations, message);
        return e ? e : set(request, "operations", text_str(&operations));
    }
    if (str_starts_with(word, S("+"))) {
        word = str_slice(word, 1, word.size);
        return duration_parse(word, &d) && d.ns > 0
                   ? set(request, "duration", word)
                   : errmsg_set(message, ERR_SYNTAX, "expected a duration behind the +: +5m");
    }
    AUTO(value) struct value text = value_string(word);
    if (duration_parse(word, &d) || time_parse(text, &wall))
        return set(request, "instant", word);
    if (str_find(word, ':') == word.size)
        return errmsg_set(message, ERR_SYNTAX,
                          "expected an instant (15m), a duration from here on (+5m), a time, or an "
                          "operation that waits (\"count: {...}\")");
    enum err e = operations_of_text("run-until", word, &operations, message);
    return e ? e : set(request, "operations", text_str(&operations));
}

static enum err request_inject(struct ctl *c, struct value *request, struct errmsg *message)
{
    AUTO(text) struct text operations = {0};
    bool is_words = c->words.count > 0 && strcmp(c->words.items[0], "-") != 0 &&
                    str_find(str_from(c->words.items[0]), '.') == strlen(c->words.items[0]);
    if (!c->file && c->words.count == 0)
        return errmsg_set(message, ERR_MISSING, "expected a file or KIND KEY=VALUE...");
    enum err e = c->file    ? operation_inject_file(c->file, &operations, message)
                 : is_words ? operation_inject(c->words.items, c->words.count, &operations, message)
                            : operation_inject_file(c->words.items[0], &operations, message);
    value_drop(*request);
    *request = value_pack("{verb: fault}");
    return e ? e : set(request, "operations", text_str(&operations));
}

static enum err request_heal(struct ctl *c, struct value *request, struct errmsg *message)
{
    AUTO(text) struct text operations = {0};
    enum err e = operation_heal(c->words.items[0], &operations, message);
    value_drop(*request);
    *request = value_pack("{verb: fault}");
    return e ? e : set(request, "operations", text_str(&operations));
}

static enum err request_do(struct ctl *c, struct value *request, struct errmsg *message)
{
    AUTO(text) struct text operations = {0};
    if (!c->file && c->words.count == 0)
        return errmsg_set(message, ERR_MISSING, "expected -f FILE or an operation");
    const char *file = c->file ? c->file : strcmp(c->words.items[0], "-") == 0 ? "-" : NULL;
    enum err e =
        file ? operations_of_file(file, &operations, message)
             : operations_of_text("operation", str_from(c->words.items[0]), &operations, message);
    return e ? e : set(request, "operations", text_str(&operations));
}

static enum err request_user(struct ctl *c, struct value *request, struct errmsg *message)
{
    struct value groups = value_array();
    (void)message;
    for (size_t i = 0; i < c->groups.count; i++)
        groups = value_append(groups, value_string(str_from(c->groups.items[i])));
    *request = value_set_key(*request, S("groups"), groups);
    return set(request, "name", str_from(c->words.items[0]));
}

/* ---- results ---- */

static struct str text_at(struct value v, const char *key, char small[VALUE_SMALL_SIZE])
{
    return value_str_in(value_get_key(v, str_from(key)), small);
}
#define TEXT_AT(v, key) text_at((v), (key), (char[VALUE_SMALL_SIZE]){0})

static void print_clock(struct value clock)
{
    struct str speed = TEXT_AT(clock, "speed");
    int64_t factor;
    bool is_settled = value_as_bool(value_get_key(clock, S("settled")));
    printf("time     %.*s (%.*s in the cluster), ", STR_ARG(TEXT_AT(clock, "now")),
           STR_ARG(TEXT_AT(clock, "time")));
    printf("%s%.*s%s, %" PRId64 " events\n", str_to_int64(speed, &factor) ? "speed " : "",
           STR_ARG(speed), is_settled ? " (settled)" : "",
           value_as_integer(value_get_key(clock, S("events")), 0));
}

static int show_clock(const struct ctl *c, struct value result)
{
    (void)c;
    print_clock(result);
    return EXIT_HELD;
}

static void print_faults(struct value faults)
{
    if (value_count(faults) == 0)
        puts("faults   none");
    for (size_t i = 0; i < value_count(faults); i++) {
        struct value f = value_at(faults, i);
        AUTO(text) struct text parameters = {0};
        struct str left = TEXT_AT(f, "healsIn");
        json_write(value_get_key(f, S("parameters")), &parameters);
        printf("fault    %.*s: %.*s %s", STR_ARG(TEXT_AT(f, "name")), STR_ARG(TEXT_AT(f, "kind")),
               text_c(&parameters));
        if (left.size)
            printf(", heals in %.*s", STR_ARG(left));
        putchar('\n');
    }
}

static int show_faults(const struct ctl *c, struct value result)
{
    (void)c;
    print_faults(value_get_key(result, S("faults")));
    return EXIT_HELD;
}

static int64_t number_at(struct value v, const char *of, const char *key)
{
    return value_as_integer(value_get_key(value_get_key(v, str_from(of)), str_from(key)), 0);
}

static void print_journal(struct value journal)
{
    if (value_is_present(journal))
        printf("journal  %.*s: %" PRId64 " records, %" PRId64 " bytes\n",
               STR_ARG(TEXT_AT(journal, "file")),
               value_as_integer(value_get_key(journal, S("records")), 0),
               value_as_integer(value_get_key(journal, S("bytes")), 0));
}

static int show_status(const struct ctl *c, struct value result)
{
    (void)c;
    print_clock(value_get_key(result, S("clock")));
    printf("server   %.*s, context %.*s in ", STR_ARG(TEXT_AT(result, "server")),
           STR_ARG(TEXT_AT(result, "context")));
    printf("%.*s\n", STR_ARG(TEXT_AT(result, "kubeconfig")));
    printf("nodes    %" PRId64 " of %" PRId64 " ready\n", number_at(result, "nodes", "ready"),
           number_at(result, "nodes", "total"));
    printf("pods     %" PRId64 " of %" PRId64 " run, %" PRId64 " pending\n",
           number_at(result, "pods", "running"), number_at(result, "pods", "total"),
           number_at(result, "pods", "pending"));
    print_faults(value_get_key(result, S("faults")));
    print_journal(value_get_key(result, S("journal")));
    printf("trace    %.*s\n", STR_ARG(TEXT_AT(result, "trace")));
    return EXIT_HELD;
}

static int show_journal(const struct ctl *c, struct value result)
{
    (void)c;
    print_journal(result);
    printf("build    %.*s\n", STR_ARG(TEXT_AT(result, "build")));
    printf("trace    %.*s\n", STR_ARG(TEXT_AT(result, "trace")));
    return EXIT_HELD;
}

static int show_said(const struct ctl *c, struct value result)
{
    (void)c;
    struct str said = TEXT_AT(result, "said");
    if (said.size)
        printf("%.*s\n", STR_ARG(said));
    return EXIT_HELD;
}

static int show_run_until(const struct ctl *c, struct value result)
{
    struct value clock = value_get_key(result, S("clock"));
    (void)show_said(c, result);
    print_clock(value_is_present(clock) ? clock : result);
    return EXIT_HELD;
}

/* The certificate goes into a kubeconfig, by default the one of the server. */
static int show_user(const struct ctl *c, struct value result)
{
    struct identity identity = {0};
    struct errmsg message = {{0}};
    AUTO(text) struct text file = {0};
    bool is_current = false;
    struct value name = VALUE_GET(result, name);
    struct value cluster = value_get_key(result, S("cluster"));
    struct value server = value_get_key(result, S("server"));
    struct value authority = value_get_key(result, S("authority"));
    struct value shown = value_get_key(result, S("kubeconfig"));
    text_add(&identity.certificate, value_str(value_get_key(result, S("certificate"))));
    text_add(&identity.key, value_str(value_get_key(result, S("key"))));
    if (c->kubeconfig)
        kubeconfig_choose(c->kubeconfig, c->words.items[0], &file);
    else
        text_add(&file, value_str(shown));
    const struct kubeconfig_entry entry = {.name = value_str(name),
                                           .cluster = value_str(cluster),
                                           .server = value_str(server),
                                           .authority = value_str(authority),
                                           .identity = &identity};
    enum err e = kubeconfig_write(text_c(&file), &entry, &is_current, &message);
    if (e)
        fprintf(stderr, "wavetank ctl: %s\n", message.text);
    else
        printf("context  %.*s in %s\ntry      kubectl --kubeconfig %s --context %.*s auth whoami\n",
               STR_ARG(value_str(name)), text_c(&file), text_c(&file), STR_ARG(value_str(name)));
    identity_release(&identity);
    return e ? EXIT_ENVIRONMENT : EXIT_HELD;
}

/* ---- the table ---- */

static const struct ctl_verb verbs[] = {
    {"status", "", "time, speed, nodes, pods, faults, journal", 0, 0, NULL, NULL, show_status},
    {"pause", "", "virtual time stands; requests are answered still", 0, 0, NULL, NULL, show_clock},
    {"resume", "", "virtual time goes on as before the pause", 0, 0, NULL, NULL, show_clock},
    {"speed", "X", "1, 60, ..., max, paused", 1, 1,
     "X times as fast as the clock on the wall. max leaps from event to event as fast as the "
     "machine\n"
     "can while something goes on; when nothing but heartbeats has happened for ten minutes, or "
     "an\n"
     "hour (of virtual time) after the last write from outside, it follows the wall at speed 1.\n",
     request_speed, show_clock},
    {"step", "[N|DURATION]", "so many events (1) or so long, then pause", 0, 1, NULL, request_step,
     show_clock},
    {"run-until", "INSTANT|+DURATION|OPERATION|-f FILE", "as fast as the machine can, then pause",
     0, 1,
     "INSTANT is since the start (15m, as `ctl status` shows it) or a time of the cluster's clock\n"
     "(2026-01-01T00:15:00Z); +5m is from here on. OPERATION is one of a scenario that waits:\n"
     "  wavetank ctl run-until 'wait: {ref: {apiVersion: v1, kind: Pod, name: web}, for: "
     "condition=Ready}'\n",
     request_run_until, show_run_until},
    {"inject", "FILE|-|KIND KEY=VALUE...", "a fault begins", 0, 1000, NULL, request_inject,
     show_faults},
    {"heal", "NAME", "a fault ends", 1, 1, NULL, request_heal, show_faults},
    {"faults", "", "which are in force", 0, 0, NULL, NULL, show_faults},
    {"do", "OPERATION|-f FILE", "operations or steps as scenario files have them", 0, 1,
     "The file holds operations (apply, scale, evict, drain, assert, wait, request, ...), one a\n"
     "document, or steps with `try`. They are done in turn up to the first that fails.\n"
     "  wavetank ctl do 'evict: {ref: {apiVersion: v1, kind: Pod, name: web}}'\n",
     request_do, show_said},
    {"user", "NAME [--group G]... [--kubeconfig FILE]", "a client certificate and a context for it",
     1, 1,
     "What the user may do is said by RBAC in the cluster; the group system:masters may do all.\n"
     "The context goes into the server's kubeconfig unless another file is given.\n",
     request_user, show_user},
    {"journal", "", "what is recorded, for wavetank replay", 0, 0, NULL, NULL, show_journal},
    {"end", "", "ends the server, as Ctrl-C does", 0, 0, NULL, NULL, show_clock},
};

static void help_all(FILE *out)
{
    fputs("Usage: wavetank ctl VERB [ARGUMENT]... [OPTION]...\n\n"
          "Speaks to a running wavetank serve of the same user.\n\n",
          out);
    for (size_t i = 0; i < ARRAY_COUNT(verbs); i++)
        fprintf(out, "  %-10s %-38s %s\n", verbs[i].name, verbs[i].arguments, verbs[i].help);
    fputs(
        "\n  --port N               the server with this port, when several run\n"
        "  --data-dir DIR         the server with this data folder\n"
        "  --socket FILE          the control socket itself\n"
        "  --output text|json\n"
        "  -h, --help             this text; behind a verb: more about it\n\n"
        "Exit status: 0 done, 1 it failed in the cluster, 2 bad input, 3 no server, or it ended.\n",
        out);
}

static void help_verb(const struct ctl_verb *v)
{
    printf("Usage: wavetank ctl %s %s\n\n%s.\n", v->name, v->arguments, v->help);
    if (v->more)
        printf("\n%s", v->more);
    if (strcmp(v->name, "inject") != 0)
        return;
    puts("\nFILE (- is standard input) holds what a scenario has under `inject`. In words: lists "
         "with\n"
         "commas, parts of a mapping with dots; name=NAME and duration=5m as well.\n"
         "  wavetank ctl inject nodeChaos action=power-off nodes=node-1 name=power duration=5m\n");
    for (size_t i = 0; i < fault_kind_count; i++)
        printf("  %-14s %s\n                 %s\n", fault_kinds[i]->name, fault_kinds[i]->help,
               fault_kinds[i]->example);
}

/* ---- the command ---- */

static int bad(const char *what, const char *why)
{
    fprintf(stderr, "wavetank ctl: %s: %s\n", what, why);
    return EXIT_BAD_INPUT;
}

static int set_option(struct ctl *c, const char *name, const char *value)
{
    if (strcmp(name, "--port") == 0)
        c->which.port = value;
    else if (strcmp(name, "--data-dir") == 0)
        c->which.data_folder = value;
    else if (strcmp(name, "--socket") == 0)
        c->which.socket = value;
    else if (strcmp(name, "-f") == 0 || strcmp(name, "--filename") == 0)
        c->file = value;
    else if (strcmp(name, "--group") == 0)
        vec_push(&c->groups, value);
    else if (strcmp(name, "--kubeconfig") == 0)
        c->kubeconfig = value;
    else if (strcmp(name, "--output") == 0 || strcmp(name, "-o") == 0)
        c->is_json = strcmp(value, "json") == 0;
    else
        return bad(name, "unknown option; wavetank ctl -h lists them");
    if (strcmp(name, "--output") == 0 && !c->is_json && strcmp(value, "text") != 0)
        return bad(name, "expected text or json");
    int64_t port;
    if (c->which.port == value && (!str_to_int64(str_from(value), &port) || port < 1))
        return bad(name, "expected a number");
    return -1;
}

static int parse(struct ctl *c, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char *word = argv[i];
        if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0) {
            c->wants_help = true;
            continue;
        }
        if (word[0] != '-' || word[1] == 0) {
            vec_push(&c->words, word);
            continue;
        }
        char *equals = word[1] == '-' ? strchr(word, '=') : NULL;
        if (equals)
            *equals = 0;
        else if (i + 1 >= argc)
            return bad(word, "a value is missing");
        int status = set_option(c, word, equals ? equals + 1 : argv[++i]);
        if (status >= 0)
            return status;
    }
    return -1;
}

/* An operation that waits for virtual time to pass does so for ever when it stands. */
static void warn_when_paused(const struct ctl *c, struct value request)
{
    static const char *const waiting[] = {"sleep", "wait", "assert", "count", "error", "drain"};
    AUTO(value) struct value answer = VALUE_ABSENT;
    AUTO(value) struct value status = value_pack("{verb: status}");
    struct errmsg message;
    struct value operations = value_get_key(request, S("operations"));
    bool waits = false;
    for (size_t i = 0; i < ARRAY_COUNT(waiting); i++) {
        AUTO(text) struct text key = {0};
        text_printf(&key, "{\"%s\":", waiting[i]);
        waits |= str_contains(value_str(operations), text_str(&key));
    }
    if (!waits || connection_ask(&c->which, status, &answer, &message) != EXIT_HELD)
        return;
    struct value clock = value_get_key(value_get_key(answer, S("result")), S("clock"));
    if (value_is(value_get_key(clock, S("speed")), "paused"))
        fputs("virtual time is paused: this waits until it goes on (wavetank ctl resume)\n",
              stderr);
}

static int run(struct ctl *c, const struct ctl_verb *v)
{
    AUTO(value) struct value answer = VALUE_ABSENT;
    struct value request = value_pack("{verb: %s}", v->name);
    struct errmsg message = {{0}};
    int status = EXIT_BAD_INPUT;
    if (!v->request || !v->request(c, &request, &message)) {
        if (strcmp(v->name, "do") == 0)
            warn_when_paused(c, request);
        status = connection_ask(&c->which, request, &answer, &message);
    }
    value_drop(request);
    if (status != EXIT_HELD) {
        fprintf(stderr, "wavetank ctl %s: %s\n", v->name, message.text);
        return status;
    }
    struct value result = value_get_key(answer, S("result"));
    if (!c->is_json)
        return v->show(c, result);
    AUTO(text) struct text json = {0};
    json_write(result, &json);
    puts(text_c(&json));
    return EXIT_HELD;
}

static const struct ctl_verb *find_verb(const char *name)
{
    for (size_t i = 0; i < ARRAY_COUNT(verbs); i++) {
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    }
    return NULL;
}

static int command(struct ctl *c)
{
    if (c->words.count == 0) {
        help_all(c->wants_help ? stdout : stderr);
        return c->wants_help ? EXIT_HELD : EXIT_BAD_INPUT;
    }
    const struct ctl_verb *v = find_verb(c->words.items[0]);
    if (!v) {
        const char *names[ARRAY_COUNT(verbs)];
        for (size_t i = 0; i < ARRAY_COUNT(verbs); i++)
            names[i] = verbs[i].name;
        const char *near = nearest_word(str_from(c->words.items[0]), names, ARRAY_COUNT(verbs));
        fprintf(stderr, "wavetank ctl: unknown verb \"%s\"%s%s; wavetank ctl -h lists them\n",
                c->words.items[0], near ? "; did you mean " : "", near ? near : "");
        return EXIT_BAD_INPUT;
    }
    if (c->wants_help) {
        help_verb(v);
        return EXIT_HELD;
    }
    vec_remove(&c->words, 0);
    bool has_enough = c->words.count >= v->least || (c->file && v->least > 0);
    if (!has_enough || c->words.count > v->most) {
        fprintf(stderr, "Usage: wavetank ctl %s %s\n", v->name, v->arguments);
        return EXIT_BAD_INPUT;
    }
    return run(c, v);
}

int command_ctl(int argc, char **argv)
{
    struct ctl c = {0};
    int status = parse(&c, argc, argv);
    if (status < 0)
        status = command(&c);
    vec_release(&c.words);
    vec_release(&c.groups);
    return status;
}
