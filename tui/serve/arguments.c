/* SPDX-License-Identifier: Apache-2.0
 *
 * The arguments of `wavetank serve`.
 */
#include "sim/base/base.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "cluster/api/custom/slides.h"
#include "sim/base/mem.h"
#include "tui/commands/commands.h"
#include "tui/edge.h"
#include "tui/serve/serving.h"

static const char help[] =
    "Usage: wavetank serve [OPTION]...\n"
    "\n"
    "Starts a cluster and answers as a Kubernetes 1.36 API server does, over HTTPS. Ctrl-C ends "
    "it.\n"
    "\n"
    "What is in it:\n"
    "  -f FILE                a scenario: its cluster, and its steps while you work; or "
    "manifests,\n"
    "                         applied at the start as kubectl apply would (or a folder of them,\n"
    "                         or - for standard input); may be given again\n"
    "  --nodes N              no scenario: so many nodes (5)\n"
    "  --api-servers N        so many API servers behind the address (1)\n"
    "  --etcd N               so many members of the store (1)\n"
    "  --crds slides          third-party kinds (cert-manager, Argo CD, ...) as definitions, "
    "without\n"
    "                         their controllers\n"
    "  --seed N               seed of all random choices (1)\n"
    "  --runtime simulated    what runs containers\n"
    "Time:\n"
    "  --speed X              virtual time against the clock on the wall: 1 (default), 60, ..., "
    "max,\n"
    "                         paused; wavetank ctl changes it\n"
    "How to get in:\n"
    "  --listen ADDR:PORT     127.0.0.1:6443, [::1]:6443; port 0: any free one\n"
    "  --kubeconfig FILE      puts a context into this file, beside what is there (default:\n"
    "                         ~/.kube/wavetank, or the data folder's); a list FILE:FILE as in\n"
    "                         KUBECONFIG is understood as kubectl does\n"
    "  --context NAME         of the context, its cluster and its user (wavetank)\n"
    "  --insecure-http ADDR:PORT  HTTP without TLS as well, on this machine only; whoever can "
    "reach\n"
    "                         the port is anonymous or what a token says, and all can be read\n"
    "What stays:\n"
    "  --data-dir DIR         keeps keys, kubeconfig and journal in DIR; the next serve with it "
    "goes\n"
    "                         on where this one ended\n"
    "  --reset                with --data-dir: puts the old journal aside and begins anew\n"
    "  --any-build            with --data-dir: tries a journal of another build of wavetank\n"
    "  --journal FILE         writes what comes in to FILE, for wavetank replay\n"
    "\n"
    "  -q, --quiet            prints errors only\n"
    "  -h, --help             this text\n"
    "\n"
    "Exit status: 0 ended in order, 1 a step or check of the scenario failed or a manifest was\n"
    "refused, 2 bad input, 3 the environment lacks something (the port is taken).\n";

static int bad(const char *option, const char *what)
{
    fprintf(stderr, "wavetank serve: %s: %s\n", option, what);
    return EXIT_BAD_INPUT;
}

static int set_address(const char *name, struct text *address, uint16_t *port, const char *value)
{
    /* The last colon; those of an IPv6 address stand in brackets. */
    const char *colon = strrchr(value, ':');
    struct str rest = colon ? str_from(colon + 1) : S("");
    struct str host = colon ? (struct str){value, (size_t)(colon - value)} : S("");
    bool is_six = str_starts_with(host, S("[")) && str_ends_with(host, S("]"));
    int64_t number;
    if ((str_find(host, ':') < host.size && !is_six) || host.size == 0 ||
        !str_to_int64(rest, &number) || number < 0 || number > 65535)
        return bad(name, "expected ADDRESS:PORT, such as 127.0.0.1:6443");
    struct in_addr parsed;
    text_clear(address);
    text_add(address, str_equal(host, S("localhost")) ? S("127.0.0.1") : host);
    *port = (uint16_t)number;
    return inet_pton(AF_INET, text_c(address), &parsed) == 1
               ? -1
               : bad(name, "expected an IPv4 address before the port, such as 127.0.0.1");
}

static int set_plain(struct serve_arguments *a, const char *name, const char *value)
{
    int status = set_address(name, &a->plain_address, &a->plain_port, value);
    a->has_plain = true;
    if (status < 0 && !str_starts_with(text_str(&a->plain_address), S("127.")) &&
        !str_equal(text_str(&a->plain_address), S("[::1]")))
        return bad(name, "without TLS only this machine may listen: 127.0.0.1:PORT");
    return status;
}

static int set_number(const char *name, const char *value, int64_t least, int64_t most,
                      int64_t *ret, bool *ret_given)
{
    if (!str_to_int64(str_from(value), ret) || *ret < least || *ret > most) {
        fprintf(stderr, "wavetank serve: %s: expected a number from %" PRId64 " to %" PRId64 "\n",
                name, least, most);
        return EXIT_BAD_INPUT;
    }
    *ret_given = true;
    return -1;
}

static int set_runtime(const char *name, const char *value)
{
    if (strcmp(value, "simulated") == 0)
        return -1;
    if (strcmp(value, "bwrap") != 0)
        return bad(name, "expected simulated or bwrap");
    fputs("wavetank serve: --runtime bwrap: this program has no runtime for real containers yet; "
          "without the option containers are simulated\n",
          stderr);
    return EXIT_ENVIRONMENT;
}

static int set_definitions(struct serve_arguments *a, const char *name, const char *value)
{
    if (definitions_count(str_from(value)) == 0)
        return bad(name, "expected slides");
    a->definitions = value;
    return -1;
}

static int set_seed(struct serve_arguments *a, const char *name, const char *value)
{
    int64_t seed = 0;
    int status = set_number(name, value, 0, INT64_MAX, &seed, &a->has_seed);
    a->seed = (uint64_t)seed;
    return status;
}

static void add_file(void *owner, const char *file)
{
    struct serve_arguments *a = owner;
    vec_push(&a->files, mem_copy_string(str_from(file)));
}

static int set_files(struct serve_arguments *a, const char *name, const char *value)
{
    struct errmsg message;
    if (strcmp(name, "-f") == 0 || strcmp(name, "--filename") == 0) {
        if (edge_list_manifests(value, add_file, a, &message))
            return bad(name, message.text);
    } else if (strcmp(name, "--kubeconfig") == 0)
        a->kubeconfig = value;
    else if (strcmp(name, "--context") == 0)
        a->context = value;
    else if (strcmp(name, "--data-dir") == 0)
        a->data_folder = value;
    else if (strcmp(name, "--journal") == 0)
        a->journal = value;
    else
        return bad(name, "unknown option; wavetank serve -h lists them");
    return *value ? -1 : bad(name, "expected a name");
}

/* -1: go on; else the exit status. */
static int set_option(struct serve_arguments *a, const char *name, const char *value)
{
    if (strcmp(name, "--listen") == 0)
        return set_address(name, &a->address, &a->port, value);
    if (strcmp(name, "--insecure-http") == 0)
        return set_plain(a, name, value);
    if (strcmp(name, "--speed") == 0)
        return pace_parse(&a->pace, str_from(value))
                   ? -1
                   : bad(name, "expected a number from 1 to 1000000, max or paused");
    if (strcmp(name, "--nodes") == 0)
        return set_number(name, value, 0, CLUSTER_NODES_MAX, &a->nodes, &a->has_nodes);
    if (strcmp(name, "--api-servers") == 0)
        return set_number(name, value, 1, CLUSTER_MEMBERS_MAX, &a->apiservers, &a->has_apiservers);
    if (strcmp(name, "--etcd") == 0)
        return set_number(name, value, 1, CLUSTER_MEMBERS_MAX, &a->etcd_members, &a->has_etcd);
    if (strcmp(name, "--seed") == 0)
        return set_seed(a, name, value);
    if (strcmp(name, "--crds") == 0)
        return set_definitions(a, name, value);
    if (strcmp(name, "--runtime") == 0)
        return set_runtime(name, value);
    return set_files(a, name, value);
}

/* An option without a value. */
static bool set_flag(struct serve_arguments *a, const char *word)
{
    bool *flag = strcmp(word, "-q") == 0 || strcmp(word, "--quiet") == 0 ? &a->is_quiet
                 : strcmp(word, "--reset") == 0                          ? &a->is_reset
                 : strcmp(word, "--any-build") == 0                      ? &a->any_build
                                                                         : NULL;
    if (flag)
        *flag = true;
    return flag != NULL;
}

static int check(const struct serve_arguments *a)
{
    size_t scenarios = 0;
    for (size_t i = 0; i < a->files.count; i++)
        scenarios += edge_is_scenario(a->files.items[i]);
    if (scenarios > 1)
        return bad("-f", "one scenario at a time; others may be manifests");
    if (scenarios && (a->has_nodes || a->has_apiservers || a->has_etcd))
        return bad("-f", "the scenario says what its cluster is made of: no --nodes, --api-servers "
                         "or --etcd beside it");
    if ((a->is_reset || a->any_build) && !a->data_folder)
        return bad(a->is_reset ? "--reset" : "--any-build", "only with --data-dir");
    if (a->journal && a->data_folder)
        return bad("--journal", "with --data-dir the journal is in that folder");
    return -1;
}

int serve_arguments_read(struct serve_arguments *a, int argc, char **argv)
{
    *a = (struct serve_arguments){.nodes = 5,
                                  .apiservers = 1,
                                  .etcd_members = 1,
                                  .port = SERVE_PORT_DEFAULT,
                                  .context = "wavetank",
                                  .pace = {.mode = PACE_FACTOR, .factor = 1}};
    text_add(&a->address, S("127.0.0.1"));
    for (int i = 1; i < argc; i++) {
        char *word = argv[i];
        if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0) {
            fputs(help, stdout);
            return EXIT_HELD;
        }
        if (set_flag(a, word))
            continue;
        if (word[0] != '-')
            return bad(word, "not an option; wavetank serve -h lists them");
        char *equals = word[1] == '-' ? strchr(word, '=') : NULL;
        if (equals)
            *equals = 0;
        else if (i + 1 >= argc)
            return bad(word, "a value is missing");
        int status = set_option(a, word, equals ? equals + 1 : argv[++i]);
        if (status >= 0)
            return status;
    }
    return check(a);
}

void serve_arguments_release(struct serve_arguments *a)
{
    for (size_t i = 0; i < a->files.count; i++)
        mem_free(a->files.items[i]);
    vec_release(&a->files);
    text_release(&a->address);
    text_release(&a->plain_address);
}
