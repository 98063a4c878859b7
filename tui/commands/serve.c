/* SPDX-License-Identifier: Apache-2.0
 *
 * `wavetank serve`: a cluster for kubectl and client libraries, over HTTPS.
 *
 * The cluster is brought up in virtual time before the port is opened, so the first answer shows a
 * cluster that is up. From then on the virtual clock is paced against the one on the wall: at speed
 * n it is where n times the time passed says; a request that waits is answered at once, whatever
 * the pace, by letting virtual time run as far as the answer needs. The clock is then a little
 * ahead, and stands until it has been caught up with.
 *
 * The clock on the wall is read here and in the HTTP edge, and nowhere below.
 */
#include "sim/base/base.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "cluster/api/object.h"
#include "cluster/apiserver/apiserver.h"
#include "cluster/apiserver/http/server.h"
#include "scenarios/engine/run.h"
#include "sim/base/mem.h"
#include "tui/commands/commands.h"
#include "tui/edge.h"
#include "tui/kubeconfig.h"

#define SLICE_US 10000     /* of the simulation between two looks at the network */
#define EVENTS_PER_LOOK 64 /* at the clock */
#define POLL_MS_MAX 1000
#define LAG_MAX_NS 2000000000 /* what the machine cannot catch up with is given up */
#define NODES_DEFAULT 5
#define STARTED_BEFORE_S 60 /* the cluster is so old when the port opens */

enum pace { PACE_FACTOR, PACE_MAX, PACE_PAUSED };
struct serve_arguments {
    const char *file, *kubeconfig;
    struct text address;
    uint16_t port;
    int64_t nodes;
    uint64_t seed;
    enum pace pace;
    int64_t speed;
};
struct serving {
    struct serve_arguments arguments;
    struct scenario *scenario;
    struct run *run;
    struct secret secret;
    const struct authority *authority;
    struct identity server_identity, admin_identity;
    struct http_server *server;
    struct text kubeconfig;
    bool is_current_context;
    int64_t base_wall_us;
    struct instant base;
};

static volatile sig_atomic_t wants_end;

static int parse(struct serve_arguments *a, int argc, char **argv);
static int set_up(struct serving *v);
static void serve(struct serving *v);

static const char help[] =
    "Usage: wavetank serve [OPTION]...\n"
    "\n"
    "Starts a cluster and answers as a Kubernetes 1.36 API server does, over HTTPS.\n"
    "\n"
    "  -f FILE              the cluster of this scenario; its steps are not run\n"
    "  --nodes N            no scenario: so many nodes (5)\n"
    "  --seed N             seed of all random choices\n"
    "  --speed X            virtual time against the clock on the wall: 1 (default), 60, ..., max, "
    "paused\n"
    "  --listen ADDR:PORT   127.0.0.1:6443; port 0: any free one\n"
    "  --kubeconfig FILE    puts the context \"wavetank\" into this file, beside what is there\n"
    "                       (default: ~/.kube/wavetank)\n"
    "  -h, --help           this text\n"
    "\n"
    "Exit status: 0 ended by Ctrl-C, 2 bad input, 3 the environment lacks something (the port is "
    "taken).\n";

int command_serve(int argc, char **argv)
{
    struct serving v = {.arguments = {.nodes = NODES_DEFAULT, .port = 6443, .speed = 1}};
    text_add(&v.arguments.address, S("127.0.0.1"));
    int status = parse(&v.arguments, argc, argv);
    if (status < 0) {
        status = set_up(&v);
        if (status == EXIT_HELD)
            serve(&v);
    }
    http_server_free(v.server);
    run_free(v.run);
    scenario_free(v.scenario);
    identity_release(&v.server_identity);
    identity_release(&v.admin_identity);
    text_release(&v.kubeconfig);
    text_release(&v.arguments.address);
    return status;
}

/* ---- arguments ---- */

static int bad(const char *option, const char *what)
{
    fprintf(stderr, "wavetank serve: %s: %s\n", option, what);
    return EXIT_BAD_INPUT;
}

static int set_listen(struct serve_arguments *a, const char *value)
{
    struct str port, address = str_cut(str_from(value), ':', &port);
    int64_t number;
    if (address.size == 0 || !str_to_int64(port, &number) || number < 0 || number > 65535)
        return bad("--listen", "expected ADDRESS:PORT, such as 127.0.0.1:6443");
    text_clear(&a->address);
    text_add(&a->address, address);
    a->port = (uint16_t)number;
    return -1;
}

static int set_speed(struct serve_arguments *a, const char *value)
{
    if (strcmp(value, "max") == 0)
        a->pace = PACE_MAX;
    else if (strcmp(value, "paused") == 0)
        a->pace = PACE_PAUSED;
    else if (!str_to_int64(str_from(value), &a->speed) || a->speed < 1 || a->speed > 1000000)
        return bad("--speed", "expected a number from 1 to 1000000, max or paused");
    return -1;
}

/* -1: go on; else the exit status. */
static int set_option(struct serve_arguments *a, const char *name, const char *value)
{
    int64_t number = 0;
    if (strcmp(name, "-f") == 0) {
        if (a->file)
            return bad(name, "one scenario at a time");
        a->file = value;
    } else if (strcmp(name, "--kubeconfig") == 0) {
        a->kubeconfig = value;
    } else if (strcmp(name, "--listen") == 0) {
        return set_listen(a, value);
    } else if (strcmp(name, "--speed") == 0) {
        return set_speed(a, value);
    } else if (strcmp(name, "--nodes") == 0) {
        if (!str_to_int64(str_from(value), &a->nodes) || a->nodes < 0 ||
            a->nodes > CLUSTER_NODES_MAX)
            return bad(name, "expected a number of nodes");
    } else if (strcmp(name, "--seed") == 0) {
        if (!str_to_int64(str_from(value), &number) || number < 0)
            return bad(name, "expected a number of at least 0");
        a->seed = (uint64_t)number;
    } else {
        return bad(name, "unknown option; wavetank serve -h lists them");
    }
    return -1;
}

static int parse(struct serve_arguments *a, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char *word = argv[i];
        if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0) {
            fputs(help, stdout);
            return EXIT_HELD;
        }
        char *equals = word[0] == '-' && word[1] == '-' ? strchr(word, '=') : NULL;
        if (equals)
            *equals = 0;
        else if (word[0] == '-' && i + 1 >= argc)
            return bad(word, "a value is missing");
        int status = set_option(a, word, equals ? equals + 1 : word[0] == '-' ? argv[++i] : "");
        if (status >= 0)
            return status;
    }
    return -1;
}

/* ---- setting up ---- */

static struct scenario *scenario_make(const struct serve_arguments *a, struct errmsg *message)
{
    if (a->file)
        return scenario_load(str_from(a->file), message);
    AUTO(text) struct text page = {0};
    text_printf(&page,
                "apiVersion: " SCENARIO_API_VERSION "\nkind: Scenario\nmetadata: {name: serve}\n"
                "spec: {cluster: {nodes: [%s",
                a->nodes > 0 ? "{count: " : "");
    if (a->nodes > 0)
        text_printf(&page, "%" PRId64 ", name: \"node-{i}\"}", a->nodes);
    text_add(&page, S("]}, steps: []}\n"));
    struct scenario *s = scenario_parse(S("serve"), text_str(&page), message);
    if (s) /* as old as it will be when it is up; clients compute ages with the real clock */
        s->start = (struct wall_time){
            edge_wall_clock_ns() - INT64_C(1000000000) * STARTED_BEFORE_S};
    return s;
}

static bool is_ready(void *owner)
{
    const struct serving *v = owner;
    struct cluster *c = v->run->cluster;
    for (size_t i = 0; i < cluster_component_count(c, COMPONENT_APISERVER); i++) {
        const void *state =
            sim_process_state(v->run->sim, cluster_component(c, COMPONENT_APISERVER, i));
        if (state && apiserver_is_ready(state))
            return true;
    }
    return false;
}

/* Simplification: only the two schemas that decide for users of `serve` are told apart. */
static struct http_flow flow_of(void *owner, const struct credential *credential)
{
    const struct serving *v = owner;
    struct str name = S("global-default");
    for (size_t i = 0; credential && i < credential->group_count; i++) {
        if (str_equal(credential->groups[i], S("system:masters")))
            name = S("exempt");
    }
    struct value schema =
        view_get_named(v->run->view, resource_get(RESOURCE_flowschemas), S(""), name);
    struct value level = view_get_named(
        v->run->view, resource_get(RESOURCE_prioritylevelconfigurations), S(""), name);
    static char uids[2][VALUE_SMALL_SIZE];
    return (struct http_flow){value_str_in(object_uid(schema), uids[0]),
                              value_str_in(object_uid(level), uids[1])};
}

static enum err issue_identities(struct serving *v, struct errmsg *message)
{
    const struct str hosts[] = {{"kubernetes", 10},
                                {"kubernetes.default", 18},
                                {"kubernetes.default.svc", 22},
                                {"kubernetes.default.svc.cluster.local", 36},
                                {"localhost", 9},
                                {"127.0.0.1", 9},
                                {"10.96.0.1", 9},
                                text_str(&v->arguments.address)};
    static const struct str masters[] = {{"system:masters", 14}};
    v->authority = cluster_keys(v->run->cluster)->authority;
    enum err e = identity_issue(v->authority,
                                &(struct subject){.name = S("kube-apiserver"),
                                                  .is_server = true,
                                                  .hosts = hosts,
                                                  .host_count = ARRAY_COUNT(hosts)},
                                &v->server_identity, message);
    return e ? e
             : identity_issue(v->authority,
                              &(struct subject){.name = S("kubernetes-admin"),
                                                .groups = masters,
                                                .group_count = ARRAY_COUNT(masters)},
                              &v->admin_identity, message);
}

static enum err write_kubeconfig(struct serving *v, struct errmsg *message)
{
    AUTO(text) struct text server = {0};
    const char *home = getenv("HOME");
    if (v->arguments.kubeconfig)
        text_add(&v->kubeconfig, str_from(v->arguments.kubeconfig));
    else
        text_printf(&v->kubeconfig, "%s/.kube/wavetank", home ? home : ".");
    bool is_any = str_equal(text_str(&v->arguments.address), S("0.0.0.0"));
    text_printf(&server, "https://%s:%u", is_any ? "127.0.0.1" : text_c(&v->arguments.address),
                http_server_port(v->server));
    const struct kubeconfig_entry entry = {text_str(&server), authority_certificate(v->authority),
                                           &v->admin_identity};
    return kubeconfig_write(text_c(&v->kubeconfig), &entry, &v->is_current_context, message);
}

static int fail(int status, const struct errmsg *message)
{
    fprintf(stderr, "wavetank serve: %s\n", message->text);
    return status;
}

static void on_signal(int number)
{
    (void)number;
    wants_end = 1;
}

/* Signals end the loop, broken connections are errors of a call, and files may be as many as the
 * system allows. */
static void prepare_process(void)
{
    struct sigaction end = {.sa_handler = on_signal};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct rlimit files;
    sigemptyset(&end.sa_mask);
    sigemptyset(&ignore.sa_mask);
    (void)sigaction(SIGINT, &end, NULL);
    (void)sigaction(SIGTERM, &end, NULL);
    (void)sigaction(SIGPIPE, &ignore, NULL);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

static void greet(const struct serving *v)
{
    const char *file = text_c(&v->kubeconfig);
    printf("kubeconfig  %s\ncontext     %s\ntry         kubectl --kubeconfig %s%s get nodes\n",
           file, KUBECONFIG_NAME, file, v->is_current_context ? "" : " --context " KUBECONFIG_NAME);
    fflush(stdout);
}

static int set_up(struct serving *v)
{
    struct errmsg message = {{0}};
    bool is_busy = false;
    prepare_process();
    v->scenario = scenario_make(&v->arguments, &message);
    if (!v->scenario)
        return fail(EXIT_BAD_INPUT, &message);
    secret_make(&v->secret);
    v->run = run_new(
        v->scenario,
        &(struct run_options){.has_seed = true,
                              .seed = v->arguments.seed ? v->arguments.seed : v->scenario->seed,
                              .secret = &v->secret,
                              .until = INSTANT_NEVER},
        &message);
    if (!v->run)
        return fail(EXIT_BAD_INPUT, &message);
    if (issue_identities(v, &message))
        return fail(EXIT_ENVIRONMENT, &message);
    v->server = http_server_new(
        &(struct http_server_options){.sim = v->run->sim,
                                      .host = cluster_outside(v->run->cluster),
                                      .api = sim_address(v->run->sim, S(CLUSTER_API_ADDRESS)),
                                      .address = text_c(&v->arguments.address),
                                      .port = v->arguments.port,
                                      .identity = &v->server_identity,
                                      .authority = authority_certificate(v->authority),
                                      .is_ready = is_ready,
                                      .flow = flow_of,
                                      .owner = v},
        &is_busy, &message);
    if (!v->server) {
        AUTO(text) struct text holder = {0};
        if (is_busy && edge_port_holder(v->arguments.port, &holder))
            (void)errmsg_set(&message, ERR_IO, "%s:%u is in use: %s listens there",
                             text_c(&v->arguments.address), v->arguments.port, text_c(&holder));
        return fail(EXIT_ENVIRONMENT, &message);
    }
    if (write_kubeconfig(v, &message))
        return fail(EXIT_ENVIRONMENT, &message);
    greet(v);
    run_bring_up(v->run);
    return EXIT_HELD;
}

/* ---- pacing ---- */

static struct instant target_of(const struct serving *v)
{
    if (v->arguments.pace == PACE_MAX)
        return INSTANT_NEVER;
    if (v->arguments.pace == PACE_PAUSED)
        return v->base;
    int64_t passed_us = edge_wall_us() - v->base_wall_us;
    return instant_add(v->base, duration_us(passed_us * v->arguments.speed));
}

/* Runs what is due, for a slice of time at most; true: there is more. */
static bool advance(struct serving *v)
{
    struct sim *sim = v->run->sim;
    struct instant target = target_of(v), at;
    int64_t end = edge_wall_us() + SLICE_US;
    for (uint64_t n = 1; sim_next_event(sim, &at) && !instant_before(target, at); n++) {
        sim_run_one(sim);
        if (n % EVENTS_PER_LOOK == 0 && edge_wall_us() > end) {
            if (instant_since(target, sim_now(sim)).ns > LAG_MAX_NS * v->arguments.speed) {
                v->base = sim_now(sim);
                v->base_wall_us = edge_wall_us();
            }
            return true;
        }
    }
    if (target.ns != INSTANT_NEVER.ns && instant_before(sim_now(sim), target))
        sim_run_until(sim, target);
    return false;
}

/* Whoever waits is answered, whatever the pace; true: somebody still waits. */
static bool answer(struct serving *v)
{
    int64_t end = edge_wall_us() + SLICE_US;
    for (uint64_t n = 1; http_server_waiting(v->server) > 0; n++) {
        if (!sim_run_one(v->run->sim) || (n % EVENTS_PER_LOOK == 0 && edge_wall_us() > end))
            break;
    }
    return http_server_waiting(v->server) > 0;
}

/* How long nothing is due. */
static int rest_ms(const struct serving *v)
{
    struct instant at;
    if (v->arguments.pace == PACE_PAUSED || !sim_next_event(v->run->sim, &at))
        return POLL_MS_MAX;
    int64_t us = instant_since(at, target_of(v)).ns / 1000 / v->arguments.speed;
    return us <= 0 ? 0 : us / 1000 > POLL_MS_MAX ? POLL_MS_MAX : (int)(us / 1000) + 1;
}

static void serve(struct serving *v)
{
    struct instant up = (struct instant){v->arguments.file ? 0 : duration_s(STARTED_BEFORE_S).ns};
    if (instant_before(sim_now(v->run->sim), up))
        sim_run_until(v->run->sim, up);
    v->base = sim_now(v->run->sim);
    v->base_wall_us = edge_wall_us();
    while (!wants_end) {
        bool is_busy = advance(v);
        is_busy |= answer(v);
        http_server_poll(v->server, is_busy ? 0 : rest_ms(v));
    }
    printf("\nended at %" PRId64 " s of virtual time\n", sim_now(v->run->sim).ns / 1000000000);
}
