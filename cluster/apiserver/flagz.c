/* SPDX-License-Identifier: Apache-2.0
 *
 * /flagz: the command line of an API server with what each flag is, for people who look into a
 * cluster.
 *
 * DEVIATION: only the flags that mean something in the simulation; a real server lists some 140.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/server.h"

static void flag(const char *name, struct str value, struct text *out)
{
    text_printf(out, "%s %.*s\n", name, STR_ARG(value));
}

static void flag_number(const char *name, int64_t n, struct text *out)
{
    text_printf(out, "%s %" PRId64 "\n", name, n);
}

/* As Go prints a duration in full: "1h0m0s", "5m0s", "30s". */
static void flag_duration(const char *name, struct duration d, struct text *out)
{
    int64_t s = d.ns / 1000000000;
    text_printf(out, "%s ", name);
    if (s >= 3600)
        text_printf(out, "%" PRId64 "h", s / 3600);
    if (s >= 60)
        text_printf(out, "%" PRId64 "m", s / 60 % 60);
    text_printf(out, "%" PRId64 "s\n", s % 60);
}

void flagz_write(const struct apiserver *s, struct text *out)
{
    const struct apiserver_config *f = &s->flags;
    text_add(out, S("\napiserver flagz\nWarning: This endpoint is not meant to be machine "
                    "parseable, has no formatting compatibility guarantees and is for debugging "
                    "purposes only.\n"));
    flag("advertise-address", f->advertise_address, out);
    flag("anonymous-auth", S("true"), out);
    flag("authorization-mode", f->allow_all ? S("[AlwaysAllow]") : S("[Node,RBAC]"), out);
    flag_number("default-not-ready-toleration-seconds", 300, out);
    flag_number("default-unreachable-toleration-seconds", 300, out);
    flag("enable-priority-and-fairness", S("true"), out);
    flag_duration("etcd-compaction-interval", f->compaction_interval, out);
    flag("etcd-prefix", S("/registry"), out);
    flag_duration("event-ttl", f->event_ttl, out);
    flag_number("max-mutating-requests-inflight", f->max_mutating_requests_inflight, out);
    flag_number("max-requests-inflight", f->max_requests_inflight, out);
    flag_number("min-request-timeout", f->min_request_timeout.ns / 1000000000, out);
    flag_duration("request-timeout", f->request_timeout, out);
    flag_number("secure-port", f->secure_port, out);
    flag("service-cluster-ip-range", f->service_cidr, out);
    text_printf(out, "service-node-port-range %u-%u\n", f->node_port_first, f->node_port_last);
    flag("storage-media-type", S("application/vnd.kubernetes.protobuf"), out);
    flag("watch-cache", S("true"), out);
}
