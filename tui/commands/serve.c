/* SPDX-License-Identifier: Apache-2.0
 *
 * `wavetank serve`: a cluster for kubectl and client libraries, over HTTPS.
 *
 * The cluster comes up in virtual time before the port answers, so the first answer shows a cluster
 * that is up; manifests have been applied by then. From there on virtual time follows the clock on
 * the wall (tui/serve/live.c), and the steps of a scenario run while others work in its cluster.
 *
 * With a data folder the session before is replayed first, which gives the same cluster at the
 * instant at which it ended; then it goes on.
 */
#define _GNU_SOURCE
#include "sim/base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "cluster/api/object.h"
#include "cluster/apiserver/apiserver.h"
#include "sim/base/mem.h"
#include "tui/build.h"
#include "tui/commands/commands.h"
#include "tui/commands/console.h"
#include "tui/edge.h"
#include "tui/kubeconfig.h"
#include "tui/serve/control.h"
#include "tui/serve/serving.h"

#define REPLAY_TOLD_AFTER_US 1000000

static int set_up(struct serving *v);
static int end(struct serving *v);

int command_serve(int argc, char **argv)
{
    struct serving v = {.begun_us = edge_wall_us()};
    folder_init(&v.folder);
    int status = serve_arguments_read(&v.arguments, argc, argv);
    if (status < 0) {
        v.pace = v.arguments.pace;
        status = set_up(&v);
        if (status == EXIT_HELD) {
            session_play(v.session);
            status = end(&v);
        }
    }
    http_server_free(v.server);
    http_server_free(v.plain);
    control_free(v.control);
    session_free(v.session);
    session_plan_release(&v.plan);
    console_free(v.console);
    folder_release(&v.folder);
    identity_release(&v.server_identity);
    identity_release(&v.admin_identity);
    text_release(&v.kubeconfig);
    text_release(&v.kubeconfig_path);
    serve_arguments_release(&v.arguments);
    return status;
}

static int fail(int status, const struct errmsg *message)
{
    fprintf(stderr, "wavetank serve: %s\n", message->text);
    return status;
}

/* ---- what http_server asks ---- */

/* DEVIATION: The headers X-Kubernetes-PF-* name the FlowSchemas of administrators and of everybody
 * else, whatever the API server has decided: accounts and nodes have schemas of their own. */
static struct http_flow flow_of(void *owner, const struct credential *credential)
{
    struct serving *v = owner;
    struct str name = S("global-default");
    for (size_t i = 0; credential && i < credential->group_count; i++) {
        if (str_equal(credential->groups[i], S("system:masters")))
            name = S("exempt");
    }
    struct value schema =
        view_get_named(v->run->view, resource_get(RESOURCE_flowschemas), S(""), name);
    struct value level = view_get_named(
        v->run->view, resource_get(RESOURCE_prioritylevelconfigurations), S(""), name);
    return (struct http_flow){value_str_in(object_uid(schema), v->flow_uids[0]),
                              value_str_in(object_uid(level), v->flow_uids[1])};
}

/* ---- what the session tells ---- */

static bool write_journal(void *owner, struct str bytes)
{
    struct serving *v = owner;
    folder_append(&v->folder, bytes);
    return !v->folder.has_failed;
}

static void on_refused(void *owner, struct session *s, struct str place, struct str why)
{
    struct serving *v = owner;
    if (session_is_replaying(s))
        return;
    v->refused++;
    fprintf(stderr, "%.*s: %.*s\n", STR_ARG(place), STR_ARG(why));
}

static void on_steps_ended(void *owner, struct session *s)
{
    struct serving *v = owner;
    struct measures m = {edge_wall_us() - v->begun_us, edge_cpu_us(), edge_peak_rss_bytes(), NULL,
                         0};
    AUTO(text) struct text line = {0};
    v->has_failed |= v->run->outcome == OUTCOME_FAILED;
    if (session_is_replaying(s))
        return;
    console_result(v->run, &m, &line);
    fflush(stdout);
    fprintf(v->run->outcome == OUTCOME_FAILED ? stderr : stdout, "\n%s", text_c(&line));
    if (v->console)
        puts("the cluster goes on; Ctrl-C ends it");
    fflush(stdout);
}

static void on_violated(void *owner, struct session *s)
{
    struct serving *v = owner;
    v->has_failed = true;
    if (!session_is_replaying(s))
        fprintf(stderr, "FAIL %s\n", text_c(&v->run->message));
}

static void on_line(void *owner, struct instant at, struct str line)
{
    struct serving *v = owner;
    if (!session_is_replaying(v->session)) {
        console_line(v->console, at, line);
        fflush(stdout);
    }
}

static enum run_turn on_replaying(void *owner, struct session *s, struct instant next)
{
    struct serving *v = owner;
    (void)s;
    (void)next;
    if (v->must_poll || edge_wall_us() - v->begun_us < REPLAY_TOLD_AFTER_US)
        return live_wants_end() ? TURN_STOP : TURN_GO;
    v->must_poll = true;
    if (!v->arguments.is_quiet)
        fprintf(stderr, "replaying what happened in this cluster ...\n");
    return TURN_GO;
}

/* ---- the plan ---- */

static void read_input(struct file_store *store)
{
    AUTO(text) struct text input = {0};
    char block[4096];
    size_t size;
    while ((size = fread(block, 1, sizeof(block), stdin)) > 0 && input.size < DOCUMENT_BYTES_MAX)
        text_add(&input, (struct str){block, size});
    file_store_add(store, S("-"), text_str(&input));
}

static void plan_make(struct serving *v)
{
    const struct serve_arguments *a = &v->arguments;
    struct session_plan *plan = &v->plan;
    text_add(&plan->build, str_from(build_id()));
    for (size_t i = 0; i < a->files.count; i++) {
        if (strcmp(a->files.items[i], "-") == 0)
            read_input(&plan->files);
        if (edge_is_scenario(a->files.items[i]))
            text_add(&plan->scenario, str_from(a->files.items[i]));
        else
            vec_push(&plan->manifests, mem_copy_string(str_from(a->files.items[i])));
    }
    plan->nodes = a->nodes;
    plan->apiservers = a->apiservers;
    plan->etcd_members = a->etcd_members;
    if (a->definitions)
        text_add(&plan->definitions, str_from(a->definitions));
    plan->has_seed = a->has_seed;
    plan->seed = a->seed;
    plan->gateways = a->has_plain ? 2 : 1;
    if (plan->scenario.size == 0) /* as old as it will be when it is up */
        plan->start_unix_ns = edge_wall_clock_ns() - INT64_C(1000000000) * SESSION_AGE_S;
}

/* A cluster that is there cannot become another one. */
static int check_same_cluster(const struct serving *v)
{
    const struct serve_arguments *a = &v->arguments;
    const struct session_plan *p = &v->plan;
    const char *differs = NULL;
    size_t manifests = 0;
    for (size_t i = 0; i < a->files.count; i++) {
        bool is_scenario = edge_is_scenario(a->files.items[i]);
        struct str name = str_from(a->files.items[i]);
        if (is_scenario && !str_equal(name, text_str(&p->scenario)))
            differs = "-f";
        if (!is_scenario && (manifests >= p->manifests.count ||
                             strcmp(a->files.items[i], p->manifests.items[manifests]) != 0))
            differs = "-f";
        manifests += !is_scenario;
    }
    if (a->has_nodes && a->nodes != p->nodes)
        differs = "--nodes";
    if (a->has_apiservers && a->apiservers != p->apiservers)
        differs = "--api-servers";
    if (a->has_etcd && a->etcd_members != p->etcd_members)
        differs = "--etcd";
    if (a->definitions && !str_equal(str_from(a->definitions), text_str(&p->definitions)))
        differs = "--crds";
    if (a->has_seed && (!p->has_seed || a->seed != p->seed))
        differs = "--seed";
    if (a->has_plain && p->gateways < 2)
        differs = "--insecure-http";
    if (!differs)
        return EXIT_HELD;
    fprintf(stderr,
            "wavetank serve: %s: the cluster in %s was begun otherwise; without the option it goes "
            "on, with --reset a new one begins\n",
            differs, a->data_folder);
    return EXIT_BAD_INPUT;
}

/* The journal of the folder: its plan, and where to go on. */
static int load_session(struct serving *v, struct recording_reader *ret_reader,
                        struct errmsg *message)
{
    struct record head;
    struct str bytes = {v->folder.loaded, v->folder.loaded_size};
    enum err e = recording_open(ret_reader, bytes, message);
    if (!e && (!recording_next(ret_reader, &head) || head.kind != 1))
        e = errmsg_set(message, ERR_SYNTAX, "the head of the journal is not what was written");
    struct str build = e ? S("") : session_plan_build(head.content);
    if (!e && !v->arguments.any_build && !str_equal(build, str_from(build_id()))) {
        (void)errmsg_set(message, ERR_STATE,
                         "%s was written by another build of wavetank (%.*s; this is %s): use that "
                         "one, or try --any-build, or begin anew with --reset",
                         text_c(&v->folder.path), STR_ARG(build), build_id());
        return fail(EXIT_ENVIRONMENT, message);
    }
    if (!e)
        e = session_plan_read(head.content, &v->plan, message);
    if (e) {
        struct errmsg why = *message;
        (void)errmsg_set(message, e, "%s/journal: %.900s; --reset begins anew",
                         text_c(&v->folder.path), why.text);
        return fail(EXIT_BAD_INPUT, message);
    }
    return check_same_cluster(v);
}

/* ---- setting up ---- */

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
    const struct authority *authority = cluster_keys(v->run->cluster)->authority;
    enum err e = identity_issue(authority,
                                &(struct subject){.name = S("kube-apiserver"),
                                                  .is_server = true,
                                                  .hosts = hosts,
                                                  .host_count = ARRAY_COUNT(hosts)},
                                &v->server_identity, message);
    return e ? e
             : identity_issue(authority,
                              &(struct subject){.name = S("kubernetes-admin"),
                                                .groups = masters,
                                                .group_count = ARRAY_COUNT(masters)},
                              &v->admin_identity, message);
}

static int server_start(struct serving *v, bool is_plain, struct errmsg *message)
{
    bool is_busy = false;
    const struct serve_arguments *a = &v->arguments;
    const char *address = text_c(is_plain ? &a->plain_address : &a->address);
    uint16_t port = is_plain ? a->plain_port : a->port;
    struct http_server *server = http_server_new(
        &(struct http_server_options){
            .sim = v->sim,
            .host = cluster_outside(v->run->cluster),
            .api = sim_address(v->sim, S(CLUSTER_API_ADDRESS)),
            .address = address,
            .port = port,
            .identity = &v->server_identity,
            .authority = authority_certificate(cluster_keys(v->run->cluster)->authority),
            .keys = cluster_keys(v->run->cluster),
            .flow = flow_of,
            .owner = v,
            .is_plain = is_plain,
            .gateway_name = is_plain ? S(SESSION_PLAIN_GATEWAY) : S("")},
        &is_busy, message);
    if (server) {
        session_gateway_add(v->session, http_server_gateway(server));
        *(is_plain ? &v->plain : &v->server) = server;
        return EXIT_HELD;
    }
    AUTO(text) struct text holder = {0};
    if (is_busy && edge_port_holder(port, &holder))
        (void)errmsg_set(message, ERR_IO, "%s:%u is in use: %s listens there", address, port,
                         text_c(&holder));
    return fail(EXIT_ENVIRONMENT, message);
}

static enum err write_kubeconfig(struct serving *v, struct errmsg *message)
{
    AUTO(text) struct text server = {0};
    const char *home = getenv("HOME");
    const char *given = v->arguments.kubeconfig;
    if (given)
        kubeconfig_choose(given, v->arguments.context, &v->kubeconfig);
    else if (v->arguments.data_folder)
        text_printf(&v->kubeconfig, "%s/kubeconfig", text_c(&v->folder.path));
    else
        text_printf(&v->kubeconfig, "%s/.kube/wavetank", home ? home : ".");
    bool is_any = str_equal(text_str(&v->arguments.address), S("0.0.0.0")) ||
                  str_equal(text_str(&v->arguments.address), S("[::]"));
    text_printf(&server, "https://%s:%u", is_any ? "127.0.0.1" : text_c(&v->arguments.address),
                http_server_port(v->server));
    const struct kubeconfig_entry entry = {
        .name = str_from(v->arguments.context),
        .cluster = str_from(v->arguments.context),
        .server = text_str(&server),
        .authority = authority_certificate(cluster_keys(v->run->cluster)->authority),
        .identity = &v->admin_identity};
    enum err e = kubeconfig_write(text_c(&v->kubeconfig), &entry, &v->is_current_context, message);
    char *whole = e ? NULL : realpath(text_c(&v->kubeconfig), NULL);
    if (whole)
        text_add(&v->kubeconfig_path, str_from(whole));
    free(whole);
    return e;
}

static void raise_limit_of_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

static void greet(const struct serving *v)
{
    const char *file = text_c(&v->kubeconfig), *context = v->arguments.context;
    bool has_colour = edge_wants_colour();
    const char *dim = has_colour ? "\033[2m" : "", *plain = has_colour ? "\033[0m" : "";
    const char *list = getenv("KUBECONFIG");
    if (v->arguments.is_quiet)
        return;
    printf("%skubeconfig%s  %s\n%scontext%s     %s\n", dim, plain, file, dim, plain, context);
    if (v->plain)
        printf("%shttp%s        http://%s:%u %s(no TLS: anybody on this machine can read it)%s\n",
               dim, plain, text_c(&v->arguments.plain_address), http_server_port(v->plain), dim,
               plain);
    printf("%stry%s         kubectl", dim, plain);
    if (!list || strcmp(list, file) != 0)
        printf(" --kubeconfig %s", file);
    printf("%s%s get nodes\n", v->is_current_context ? "" : " --context ",
           v->is_current_context ? "" : context);
    fflush(stdout);
}

static int open_session(struct serving *v, bool has_replay, struct errmsg *message)
{
    struct session_options options = {.owner = v,
                                      .write = write_journal,
                                      .live = live_turn,
                                      .replaying = on_replaying,
                                      .refused = on_refused,
                                      .steps_ended = on_steps_ended,
                                      .violated = on_violated};
    bool narrates = v->plan.scenario.size > 0 && !v->arguments.is_quiet;
    if (!v->arguments.journal && !v->arguments.data_folder)
        options.write = NULL;
    if (narrates) {
        v->console = console_new(false);
        console_options(v->console, &options.run);
        options.run.progress = NULL; /* the clock has no end to make progress to */
    }
    v->session = session_new(&v->plan, &options, message);
    if (!v->session)
        return fail(has_replay ? EXIT_ENVIRONMENT : EXIT_BAD_INPUT, message);
    v->run = session_run(v->session);
    v->sim = v->run->sim;
    sim_keep_last_lines(v->sim, narrates ? 1000 : 0);
    if (narrates)
        sim_set_trace_sink(v->sim, on_line, v);
    return EXIT_HELD;
}

/* The journal is opened before anything can come in. */
static int open_journal(struct serving *v, struct recording_reader *reader, struct errmsg *message)
{
    size_t good = 0;
    if (!v->arguments.journal && !v->arguments.data_folder)
        return EXIT_HELD;
    if (reader) {
        struct recording_reader ahead = *reader;
        struct record record;
        while (recording_next(&ahead, &record)) { /* up to where it is good */
        }
        good = ahead.good;
        if (ahead.state == RECORDING_DAMAGED) {
            (void)errmsg_set(message, ERR_SYNTAX,
                             "%s/journal is damaged at byte %zu: record %" PRIu64
                             " is not what was written; --reset begins anew",
                             text_c(&v->folder.path), ahead.good, ahead.records + 1);
            return fail(EXIT_BAD_INPUT, message);
        }
    }
    if (folder_open_journal(&v->folder, v->arguments.journal, good, message))
        return fail(EXIT_ENVIRONMENT, message);
    if (reader)
        session_replay(v->session, reader);
    else
        session_write_head(v->session);
    return EXIT_HELD;
}

static int open_folder(struct serving *v, struct errmsg *message)
{
    const struct serve_arguments *a = &v->arguments;
    if (!a->data_folder) {
        secret_make(&v->plan.secret);
        return EXIT_HELD;
    }
    if (folder_open(&v->folder, a->data_folder, message) ||
        secret_keep(text_c(&v->folder.path), &v->plan.secret, message) ||
        (a->is_reset && folder_reset(&v->folder, message)) ||
        folder_load_journal(&v->folder, message))
        return fail(EXIT_ENVIRONMENT, message);
    return EXIT_HELD;
}

static int open_control(struct serving *v, struct errmsg *message)
{
    char name[32];
    snprintf(name, sizeof(name), "%u", http_server_port(v->server));
    v->control =
        control_new(v, v->folder.path.size ? text_c(&v->folder.path) : NULL, name, message);
    if (v->control)
        return EXIT_HELD;
    fprintf(stderr, "wavetank serve: %s; wavetank ctl will not find this cluster\n", message->text);
    return EXIT_HELD;
}

static int set_up(struct serving *v)
{
    struct errmsg message = {{0}};
    struct recording_reader reader;
    live_prepare_signals();
    raise_limit_of_files();
    int status = open_folder(v, &message);
    bool has_replay = status == EXIT_HELD && v->folder.loaded_size > 0;
    if (has_replay)
        status = load_session(v, &reader, &message);
    else if (status == EXIT_HELD)
        plan_make(v);
    if (status == EXIT_HELD)
        status = open_session(v, has_replay, &message);
    if (status == EXIT_HELD && issue_identities(v, &message))
        status = fail(EXIT_ENVIRONMENT, &message);
    if (status == EXIT_HELD)
        status = server_start(v, false, &message);
    if (status == EXIT_HELD && v->arguments.has_plain)
        status = server_start(v, true, &message);
    else if (status == EXIT_HELD && v->plan.gateways > 1)
        session_plain_gateway_add(v->session);
    if (status == EXIT_HELD)
        status = open_journal(v, has_replay ? &reader : NULL, &message);
    if (status == EXIT_HELD && write_kubeconfig(v, &message))
        status = fail(EXIT_ENVIRONMENT, &message);
    if (status == EXIT_HELD)
        status = open_control(v, &message);
    if (status == EXIT_HELD)
        greet(v);
    return status;
}

/* ---- the end ---- */

static int end(struct serving *v)
{
    struct str failure = session_replay_failure(v->session);
    folder_sync(&v->folder);
    if (failure.size) {
        fprintf(stderr, "wavetank serve: %s/journal: %.*s; --reset begins anew\n",
                text_c(&v->folder.path), STR_ARG(failure));
        return EXIT_FAILED;
    }
    if (!v->arguments.is_quiet) {
        AUTO(text) struct text seconds = {0};
        report_seconds(sim_now(v->sim).ns, &seconds);
        printf("\nended at %s s of virtual time, %" PRIu64 " events, trace %016" PRIx64 "\n",
               text_c(&seconds), sim_event_count(v->sim), sim_trace_hash(v->sim));
        if (v->folder.journal_path.size && v->arguments.journal)
            printf("again: wavetank replay %s\n", text_c(&v->folder.journal_path));
    }
    if (v->folder.has_failed)
        return EXIT_ENVIRONMENT;
    return v->has_failed || v->refused ? EXIT_FAILED : EXIT_HELD;
}
